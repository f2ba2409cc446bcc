//! Containers that hold stand-ins: finding them, building their nodes, making plain copies, and tracing their elements.
//!
//! A container stays what it is: a list with stand-ins in it is a list. Where one is an operand, a `build` node tells what
//! it held at that time.

use clew_trace::values::{Kind, Label, LabelId, NodeId, Op, Value};
use pyo3::exceptions::PyRecursionError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PySlice, PyTuple, PyType};
use rustc_hash::{FxHashMap, FxHashSet};

use super::arena::{arena, Operation, Pinned};
use super::object::{is_traced, stand_in};
use super::record;

/// Containers within containers that are looked into.
const MAX_DEPTH: u32 = 500;

/// A container whose elements are looked at.
#[derive(Clone)]
pub struct Container<'py> {
    pub op: Op,
    pub object: Bound<'py, PyAny>,
    /// Its elements; keys and values in turn for a dictionary; fields for a data class.
    pub elements: Vec<Bound<'py, PyAny>>,
    /// Names of the fields of a data class.
    pub fields: Vec<String>,
}

fn deque_type(py: Python<'_>) -> Option<&Bound<'_, PyType>> {
    static FOUND: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    FOUND.import(py, "collections", "deque").ok()
}

/// Whether an object is of a type that is looked into: false for what most operands are.
#[inline]
pub unsafe fn may_hold(object: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    unsafe {
        let class = ffi::Py_TYPE(object);
        class == &raw mut ffi::PyTuple_Type
            || class == &raw mut ffi::PyList_Type
            || class == &raw mut ffi::PyDict_Type
            || class == &raw mut ffi::PySet_Type
            || class == &raw mut ffi::PyFrozenSet_Type
            || class == &raw mut ffi::PySlice_Type
            || ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_TUPLE_SUBCLASS) != 0
            || (ffi::PyType_HasFeature(class, ffi::Py_TPFLAGS_HEAPTYPE) != 0 && has_fields(class))
            || class_is_deque(class)
    }
}

unsafe fn class_is_deque(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the lock is held.
    let py = unsafe { Python::assume_attached() };
    deque_type(py).is_some_and(|deque| deque.as_type_ptr() == class)
}

/// Whether a class is a data class.
unsafe fn has_fields(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live class; an error means that there is no such attribute.
    unsafe { ffi::PyObject_HasAttrString(class.cast(), c"__dataclass_fields__".as_ptr()) == 1 }
}

/// What a container holds, when it is one that is looked into.
pub fn container<'py>(object: &Bound<'py, PyAny>) -> Option<Container<'py>> {
    let py = object.py();
    // SAFETY: a live object.
    if unsafe { !may_hold(object.as_ptr()) } {
        return None;
    }
    let of = |op, elements| Some(Container { op, object: object.clone(), elements, fields: Vec::new() });
    if let Ok(tuple) = object.cast::<PyTuple>() {
        let elements = tuple.iter().collect();
        if object.is_exact_instance_of::<PyTuple>() {
            return of(Op::Tuple, elements);
        }
        return if object.get_type().hasattr("_fields").unwrap_or(false) { of(Op::NamedTuple, elements) } else { None };
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        return of(Op::List, list.iter().collect());
    }
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        return of(Op::Dict, dict.iter().flat_map(|(key, value)| [key, value]).collect());
    }
    if let Ok(set) = object.cast_exact::<PySet>() {
        return of(Op::Set, set.iter().collect());
    }
    if let Ok(set) = object.cast_exact::<PyFrozenSet>() {
        return of(Op::FrozenSet, set.iter().collect());
    }
    if let Ok(slice) = object.cast_exact::<PySlice>() {
        let part = |name: &str| slice.getattr(name).unwrap_or_else(|_| py.None().into_bound(py));
        return of(Op::Slice, vec![part("start"), part("stop"), part("step")]);
    }
    if deque_type(py).is_some_and(|deque| object.get_type().is(deque)) {
        let elements = object.try_iter().ok()?.collect::<PyResult<_>>().ok()?;
        return of(Op::Deque, elements);
    }
    let fields = object.get_type().getattr("__dataclass_fields__").ok()?;
    let names: Vec<String> = fields.try_iter().ok()?.map(|name| name?.extract()).collect::<PyResult<_>>().ok()?;
    if object.is_instance_of::<PyType>() {
        return None;
    }
    let elements = names.iter().map(|name| object.getattr(name)).collect::<PyResult<_>>().ok()?;
    Some(Container { op: Op::Dataclass, object: object.clone(), elements, fields: names })
}

impl<'py> Container<'py> {
    /// A container of the same type with other elements. Those of a deque keep its length limit.
    pub fn with(&self, elements: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let py = self.object.py();
        Ok(match self.op {
            Op::Tuple => PyTuple::new(py, elements)?.into_any(),
            Op::List => PyList::new(py, elements)?.into_any(),
            Op::Set => PySet::new(py, elements)?.into_any(),
            Op::FrozenSet => PyFrozenSet::new(py, elements)?.into_any(),
            Op::Dict => {
                let dict = PyDict::new(py);
                for pair in elements.chunks_exact(2) {
                    dict.set_item(&pair[0], &pair[1])?;
                }
                dict.into_any()
            }
            Op::Slice => {
                // SAFETY: live objects; the result is a new reference or null with an exception.
                unsafe {
                    Bound::from_owned_ptr_or_err(
                        py,
                        ffi::PySlice_New(elements[0].as_ptr(), elements[1].as_ptr(), elements[2].as_ptr()),
                    )?
                }
            }
            Op::Deque => self.object.get_type().call1((PyList::new(py, elements)?, self.object.getattr("maxlen")?))?,
            Op::NamedTuple => self.object.get_type().call_method1("_make", (PyList::new(py, elements)?,))?,
            _ => {
                let copy = py.import("copy")?.call_method1("copy", (&self.object,))?;
                let set = py.import("builtins")?.getattr("object")?.getattr("__setattr__")?;
                for (name, element) in self.fields.iter().zip(elements) {
                    set.call1((&copy, name, element))?;
                }
                copy
            }
        })
    }
}

fn too_deep() -> PyErr {
    PyRecursionError::new_err("containers are nested too deeply to be traced")
}

/// Whether there is a stand-in in a container, at any depth.
pub fn holds_traced(object: &Bound<'_, PyAny>) -> bool {
    let mut seen = FxHashSet::default();
    let mut open = vec![object.clone()];
    while let Some(object) = open.pop() {
        // SAFETY: a live object.
        if unsafe { is_traced(object.as_ptr()) } {
            return true;
        }
        // SAFETY: as above.
        if unsafe { may_hold(object.as_ptr()) } && seen.insert(object.as_ptr() as usize) {
            open.extend(container(&object).into_iter().flat_map(|container| container.elements));
        }
    }
    false
}

/// The node of a container that holds stand-ins; nothing for others.
pub unsafe fn build(py: Python<'_>, object: *mut ffi::PyObject) -> PyResult<Option<NodeId>> {
    // SAFETY: the caller gives a live object.
    let object = unsafe { Bound::from_borrowed_ptr(py, object) };
    if holds_traced(&object) {
        let _pinned = Pinned::new();
        built(&object, 0).map(Some)
    } else {
        Ok(None)
    }
}

fn built(object: &Bound<'_, PyAny>, depth: u32) -> PyResult<NodeId> {
    let py = object.py();
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let Some(container) = container(object) else {
        // SAFETY: a live object.
        return unsafe { record::operand(py, object.as_ptr()) };
    };
    if !holds_traced(object) {
        // SAFETY: as above.
        return arena().constant(unsafe { super::object::unboxed(object.as_ptr()) });
    }
    let mut inputs = Vec::with_capacity(container.elements.len() + 1);
    if matches!(container.op, Op::NamedTuple | Op::Dataclass) {
        inputs.push(arena().constant(Value::Object(object.get_type().as_ptr() as u64))?);
    }
    let plain = untraced(object)?;
    for element in &container.elements {
        inputs.push(built(element, depth + 1)?);
    }
    let label = if container.fields.is_empty() {
        LabelId::NONE
    } else {
        arena().nodes.intern(Label { text: String::new(), keywords: container.fields })
    };
    record::add(
        py,
        Operation { label, ..Operation::new(Kind::Build, container.op, &inputs) },
        Value::Object(plain.into_ptr() as u64),
    )
}

/// The plain value: of a stand-in what it stands for; of a container with stand-ins a plain copy; of others themselves.
pub fn untraced<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: a live object.
    if unsafe { !is_traced(object.as_ptr()) && (!may_hold(object.as_ptr()) || !holds_traced(object)) } {
        return Ok(object.clone());
    }
    plain_copy(object, &mut FxHashMap::default(), 0)
}

fn plain_copy<'py>(
    object: &Bound<'py, PyAny>,
    copies: &mut FxHashMap<usize, Bound<'py, PyAny>>,
    depth: u32,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    // SAFETY: a live object; what is boxed is a new reference.
    unsafe {
        if is_traced(object.as_ptr()) {
            return Bound::from_owned_ptr_or_err(py, super::object::boxed(super::object::value_of(object.as_ptr())));
        }
        if !may_hold(object.as_ptr()) {
            return Ok(object.clone());
        }
    }
    if let Some(copy) = copies.get(&(object.as_ptr() as usize)) {
        return Ok(copy.clone());
    }
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let Some(container) = container(object) else { return Ok(object.clone()) };
    if !holds_traced(object) {
        return Ok(object.clone());
    }
    // A list or a dictionary that holds itself is there before its elements are.
    let early = match container.op {
        Op::List => Some(PyList::empty(py).into_any()),
        Op::Dict => Some(PyDict::new(py).into_any()),
        _ => None,
    };
    if let Some(copy) = &early {
        copies.insert(object.as_ptr() as usize, copy.clone());
    }
    let elements = container
        .elements
        .iter()
        .map(|element| plain_copy(element, copies, depth + 1))
        .collect::<PyResult<Vec<_>>>()?;
    let copy = container.with(elements)?;
    let copy = match early {
        Some(early) => {
            let method = if container.op == Op::List { "extend" } else { "update" };
            early.call_method1(method, (copy,))?;
            early
        }
        None => copy,
    };
    copies.insert(object.as_ptr() as usize, copy.clone());
    Ok(copy)
}

/// The stand-ins of a container that is an input: the same container with stand-ins for its elements, at any depth.
///
/// `node` is the node of the container; its length becomes a fact.
pub fn traced_elements<'py>(container: &Container<'py>, node: NodeId, depth: u32) -> PyResult<Bound<'py, PyAny>> {
    let py = container.object.py();
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    let _pinned = Pinned::new();
    if !matches!(container.op, Op::Slice | Op::NamedTuple | Op::Dataclass) {
        let n = container.object.len()?;
        record::add(py, Operation::new(Kind::Convert, Op::Len, &[node]), Value::Int(n as i64))?;
    }
    let mut elements = Vec::with_capacity(container.elements.len());
    let mut iterator = None;
    for (position, element) in container.elements.iter().enumerate() {
        let is_key = container.op == Op::Dict && position % 2 == 0;
        if is_key {
            elements.push(element.clone());
            continue;
        }
        // SAFETY: a live object.
        if unsafe { is_traced(element.as_ptr()) } {
            elements.push(element.clone());
            continue;
        }
        // SAFETY: a live object; its node owns a reference.
        let value = unsafe { super::object::taken(untraced(element)?.into_ptr()) };
        let read = match container.op {
            Op::Slice | Op::Dataclass => {
                let names = ["start".to_owned(), "stop".to_owned(), "step".to_owned()];
                let fields = if container.op == Op::Slice { &names[..] } else { &container.fields[..] };
                let label = arena().nodes.name(&fields[position]);
                record::add(py, Operation { label, ..Operation::new(Kind::GetAttr, Op::None, &[node]) }, value)?
            }
            Op::Set | Op::FrozenSet => {
                if iterator.is_none() {
                    let plain = container.object.try_iter()?.into_any().into_ptr();
                    let made =
                        record::add(py, Operation::new(Kind::Iter, Op::None, &[node]), Value::Object(plain as u64))?;
                    iterator = Some((made, plain as usize));
                }
                let Some((made, plain)) = &iterator else { continue };
                let after: Vec<_> = arena().last_change(Value::Object(*plain as u64)).into_iter().collect();
                let node = record::add(
                    py,
                    Operation { after: &after, ..Operation::new(Kind::Next, Op::None, &[*made]) },
                    value,
                )?;
                arena().changed(*plain, node);
                node
            }
            op => {
                let key = if op == Op::Dict {
                    // SAFETY: the key is alive: the dictionary holds it.
                    arena().constant(unsafe { super::object::unboxed(container.elements[position - 1].as_ptr()) })?
                } else {
                    arena().constant(Value::Int(position as i64))?
                };
                record::add(py, Operation::new(Kind::GetItem, Op::None, &[node, key]), value)?
            }
        };
        elements.push(traced(element, read, depth + 1)?);
    }
    if elements.iter().zip(&container.elements).all(|(new, old)| new.is(old)) {
        return Ok(container.object.clone());
    }
    container.with(elements)
}

/// The stand-ins of a list's, a dictionary's or a deque's elements after an operation changed it. Keys stay plain.
pub fn elements_after<'py>(
    container: &Container<'py>,
    node: NodeId,
    change: NodeId,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let py = container.object.py();
    let _pinned = Pinned::new();
    let mut elements: Vec<Bound<'py, PyAny>> = Vec::with_capacity(container.elements.len());
    for (position, element) in container.elements.iter().enumerate() {
        if container.op == Op::Dict && position % 2 == 0 {
            elements.push(element.clone());
            continue;
        }
        let key = if container.op == Op::Dict {
            // SAFETY: the key is alive: the dictionary holds it.
            arena().constant(unsafe { super::object::unboxed(container.elements[position - 1].as_ptr()) })?
        } else {
            arena().constant(Value::Int(position as i64))?
        };
        // SAFETY: a live object, whose node owns a reference.
        let value = unsafe { super::object::taken(element.clone().into_ptr()) };
        let inputs = [node, key];
        let operation = Operation { after: &[change], ..Operation::new(Kind::GetItem, Op::None, &inputs) };
        let read = record::add(py, operation, value)?;
        elements.push(traced(element, read, 0)?);
    }
    Ok(elements)
}

/// The stand-in of a value whose node is known: for a container, the container of its elements' stand-ins.
pub fn traced<'py>(object: &Bound<'py, PyAny>, node: NodeId, depth: u32) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    if object.is_none() {
        return Ok(object.clone());
    }
    if let Some(container) = container(object) {
        return traced_elements(&container, node, depth);
    }
    // SAFETY: a new reference, or null with an exception.
    unsafe { Bound::from_owned_ptr_or_err(py, stand_in(node)) }
}

/// Visits the objects that can be reached from some, through containers and attributes.
pub fn reachable(py: Python<'_>, from: &[*mut ffi::PyObject], visit: &mut dyn FnMut(*mut ffi::PyObject)) {
    let mut seen = FxHashSet::default();
    // SAFETY: the objects are alive: the arena holds them.
    let mut open: Vec<Bound<'_, PyAny>> =
        from.iter().map(|object| unsafe { Bound::from_borrowed_ptr(py, *object) }).collect();
    while let Some(object) = open.pop() {
        if !seen.insert(object.as_ptr() as usize) {
            continue;
        }
        visit(object.as_ptr());
        // Modules, classes and functions reach everything; what they hold is not an operand.
        let is_code = object.is_instance_of::<PyType>()
            || object.is_instance_of::<pyo3::types::PyModule>()
            || object.is_callable();
        if is_code {
            continue;
        }
        if let Some(container) = container(&object) {
            open.extend(container.elements);
        } else if let Ok(attributes) = object.getattr("__dict__") {
            if let Ok(attributes) = attributes.cast::<PyDict>() {
                open.extend(attributes.values());
            }
        }
    }
}
