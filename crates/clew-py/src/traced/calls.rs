//! Calls through stand-ins: of functions that are not traced, and of methods of what they stand for.
//!
//! Such a call gets plain values and is one node. Which objects it changes, the effects of its callee say (the same
//! annotations that a recording uses); where nothing is known of it, it is taken to change whatever can be changed.

use clew_trace::values::{Kind, Label, LabelId, NodeId, Op, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};
use std::ffi::{c_int, c_void};

use super::access::{is_stand_in, plain_of};
use super::apply::found;
use super::arena::{arena, Arena, Operation, Pinned};
use super::deep;
use super::numbers::{given, is_atom};
use super::object::{is_traced, taken};
use super::record::{self, before_change, deep_changes_of, operand, record};
use super::wrapped::{traced_attribute, TracedFunction, TracedMethod};

type Object = *mut ffi::PyObject;

/// A method of what a stand-in stands for.
#[pyclass(frozen, module = "clew._clew")]
struct Method {
    receiver: Py<PyAny>,
    name: String,
    plain: Py<PyAny>,
}

#[pymethods]
impl Method {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let callee = Callee {
            function: self.plain.bind(py),
            receiver: Some((self.receiver.bind(py), &self.name)),
            stand_in: None,
        };
        untraced_call(py, &callee, args, kwargs)
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.plain.bind(py).getattr(name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("{}.{}", self.receiver.bind(py).repr()?, self.name))
    }
}

/// What is called.
pub struct Callee<'a, 'py> {
    pub function: &'a Bound<'py, PyAny>,
    /// The stand-in whose method it is, and the method's name.
    pub receiver: Option<(&'a Bound<'py, PyAny>, &'a str)>,
    /// The stand-in of the function, when there is one: a graph knows by it where the function came from.
    pub stand_in: Option<&'a Bound<'py, PyAny>>,
}

/// The stand-in of a method, when what was found on an object is one.
pub unsafe fn method_of(
    py: Python<'_>,
    traced: Object,
    name: &str,
    plain: &Bound<'_, PyAny>,
    method: &Bound<'_, PyAny>,
) -> PyResult<Option<Object>> {
    // SAFETY: live objects; what is compared is the receiver that a bound method holds.
    unsafe {
        let class = ffi::Py_TYPE(method.as_ptr());
        let owner = if class == &raw mut ffi::PyCFunction_Type || class == &raw mut ffi::PyCMethod_Type {
            ffi::PyCFunction_GetSelf(method.as_ptr())
        } else if class == found!(py, "types", "MethodWrapperType").as_ptr().cast()
            || class == found!(py, "types", "MethodType").as_ptr().cast()
        {
            method.getattr("__self__")?.as_ptr()
        } else {
            // A method of a traced class.
            return match method.cast::<TracedMethod>() {
                Ok(found) if found.get().receiver(py).is(plain) => {
                    Ok(Some(found.get().bound_to(&Bound::from_borrowed_ptr(py, traced))?.into_ptr()))
                }
                _ => Ok(None),
            };
        };
        if owner != plain.as_ptr() {
            return Ok(None);
        }
        let receiver = Bound::from_borrowed_ptr(py, traced).unbind();
        let made = Method { receiver, name: name.to_owned(), plain: method.clone().unbind() };
        Ok(Some(Py::new(py, made)?.into_ptr()))
    }
}

/// The inputs of a call, and its label. A method's receiver is the first argument, and nothing stands before it.
pub fn call_inputs<'py>(
    py: Python<'py>,
    first: Option<NodeId>,
    name: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Vec<NodeId>, LabelId)> {
    let mut inputs: Vec<_> = first.into_iter().collect();
    for argument in args.iter() {
        // SAFETY: a live object.
        inputs.push(unsafe { operand(py, argument.as_ptr())? });
    }
    let mut keywords = Vec::new();
    for (name, argument) in kwargs.into_iter().flatten() {
        keywords.push(name.extract()?);
        // SAFETY: a live object.
        inputs.push(unsafe { operand(py, argument.as_ptr())? });
    }
    Ok((inputs, arena().nodes.intern(Label { text: name.to_owned(), keywords })))
}

/// The name of a function, as far as it has one.
pub fn name_of(function: &Bound<'_, PyAny>) -> String {
    let name = |attribute: &str| function.getattr(attribute).and_then(|name| name.extract::<String>());
    name("__qualname__")
        .or_else(|_| name("__name__"))
        .unwrap_or_else(|_| function.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string()))
}

/// Calls something with plain values, and adds the call.
pub fn untraced_call<'py>(
    py: Python<'py>,
    callee: &Callee<'_, 'py>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    Arena::tidy();
    let plain_args =
        PyTuple::new(py, args.iter().map(|argument| deep::untraced(&argument)).collect::<PyResult<Vec<_>>>()?)?;
    let plain_kwargs = match kwargs {
        Some(kwargs) => {
            let plain = PyDict::new(py);
            for (name, argument) in kwargs.iter() {
                plain.set_item(name, deep::untraced(&argument)?)?;
            }
            Some(plain)
        }
        None => None,
    };
    let receiver = match callee.receiver {
        // SAFETY: the receiver is a stand-in.
        Some((receiver, _)) => Some(unsafe { plain_of(py, receiver.as_ptr())? }),
        None => None,
    };
    let changed = changed_by(py, callee, receiver.as_ref(), &plain_args, plain_kwargs.as_ref())?;
    for object in callee.receiver.iter().map(|(receiver, _)| (*receiver).clone()).chain(args.iter()) {
        if !changed.is_empty() {
            // SAFETY: live objects.
            unsafe { before_change(py, object.as_ptr())? };
        }
    }
    let copies = Copies::new(args, &plain_args);
    let foreign = record::Plain::new();
    let result = callee.function.call(&plain_args, plain_kwargs.as_ref());
    drop(foreign);
    let result = result?;
    // SAFETY: live objects, held by the tuples above; the node takes the result over.
    unsafe {
        let pinned = Pinned::new();
        let (kind, first, name) = if let Some((receiver, name)) = callee.receiver {
            (Kind::UntracedDispatch, operand(py, receiver.as_ptr())?, name.to_owned())
        } else {
            let function = callee.stand_in.unwrap_or(callee.function);
            (Kind::UntracedCall, operand(py, function.as_ptr())?, name_of(callee.function))
        };
        let (inputs, label) = call_inputs(py, Some(first), &name, args, kwargs)?;
        let after = deep_changes_of(py, &inputs);
        let operation = Operation { label, after: &after, ..Operation::new(kind, Op::None, &inputs) };
        if result.is_none() || result.is(&*found!(py, "builtins", "NotImplemented")) {
            let traced = Bound::from_owned_ptr(py, record(py, operation, taken(result.clone().into_ptr()))?);
            note_changes(&changed, &traced);
            copies.carry_back(&inputs[1..], &traced)?;
            return Ok(if is_traced(traced.as_ptr()) { result } else { traced });
        }
        let traced = Bound::from_owned_ptr(py, record(py, operation, taken(result.into_ptr()))?);
        note_changes(&changed, &traced);
        copies.carry_back(&inputs[1..], &traced)?;
        drop(pinned);
        Ok(traced)
    }
}

/// Containers with stand-ins that a call got plain copies of: what it does to the copies is done to them.
struct Copies<'py> {
    of: Vec<Copied<'py>>,
}

struct Copied<'py> {
    /// Among the arguments.
    position: usize,
    original: Bound<'py, PyAny>,
    copy: Bound<'py, PyAny>,
    /// What the copy held before the call.
    before: Vec<Bound<'py, PyAny>>,
}

impl<'py> Copies<'py> {
    fn new(args: &Bound<'py, PyTuple>, plain: &Bound<'py, PyTuple>) -> Self {
        let mut of = Vec::new();
        for (position, (original, copy)) in args.iter().zip(plain.iter()).enumerate() {
            if original.is(&copy) || is_stand_in(&original) {
                continue;
            }
            if let Some(held) = deep::container(&copy).filter(|held| matches!(held.op, Op::List | Op::Dict | Op::Deque))
            {
                of.push(Copied { position, original, copy, before: held.elements });
            }
        }
        Self { of }
    }

    /// Gives the containers what their copies hold now, each element as an item of what the call changed.
    fn carry_back(&self, inputs: &[NodeId], call: &Bound<'py, PyAny>) -> PyResult<()> {
        if !is_stand_in(call) {
            return Ok(());
        }
        for Copied { position, original, copy, before } in &self.of {
            let Some(now) = deep::container(copy) else { continue };
            let is_same =
                now.elements.len() == before.len() && now.elements.iter().zip(before).all(|(now, then)| now.is(then));
            if is_same {
                continue;
            }
            // SAFETY: a stand-in.
            let node = unsafe { super::object::node_of(call.as_ptr()) };
            let container = inputs[*position];
            if let Value::Object(object) = arena().nodes.row(container).value() {
                arena().changed(object as usize, node);
            }
            let elements = deep::elements_after(&now, container, node)?;
            let renewed = now.with(elements)?;
            original.call_method0("clear")?;
            original.call_method1(if now.op == Op::Dict { "update" } else { "extend" }, (renewed,))?;
        }
        Ok(())
    }
}

/// Notes which objects a call changed.
fn note_changes(changed: &[Bound<'_, PyAny>], call: &Bound<'_, PyAny>) {
    // SAFETY: live objects; only a stand-in has a node.
    unsafe {
        if is_traced(call.as_ptr()) {
            let node = super::object::node_of(call.as_ptr());
            for object in changed {
                arena().changed(object.as_ptr() as usize, node);
            }
        }
    }
}

/// The objects that a call may change, of those that it gets.
fn changed_by<'py>(
    py: Python<'py>,
    callee: &Callee<'_, 'py>,
    receiver: Option<&Bound<'py, PyAny>>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let named = kwargs.map(|kwargs| kwargs.values().iter().collect::<Vec<_>>()).unwrap_or_default();
    let mutable = receiver.cloned().into_iter().chain(args.iter()).chain(named).any(|object| {
        // SAFETY: a live object.
        unsafe { !is_atom(object.as_ptr()) }
    });
    if !mutable {
        return Ok(Vec::new());
    }
    let name = callee.receiver.map(|(_, name)| name);
    let _pinned = Pinned::new();
    let objects = py.import("clew.tracing")?.call_method1(
        "_changed_by",
        (callee.function, receiver, name.map(|name| PyString::new(py, name)), args, kwargs),
    )?;
    Ok(objects.cast_into::<PyList>().map_err(PyErr::from)?.iter().collect())
}

/// What awaiting a stand-in goes through: the steps of the plain value, whose result is a stand-in.
pub unsafe fn steps_of_await(py: Python<'_>, traced: Object) -> PyResult<Object> {
    // SAFETY: a stand-in.
    unsafe {
        let object = Bound::from_borrowed_ptr(py, traced);
        let plain = plain_of(py, traced)?;
        Ok(py.import("clew.tracing")?.call_method1("_awaited", (object, plain))?.into_ptr())
    }
}

/// Adds the result of awaiting.
#[pyfunction]
fn record_await<'py>(traced: &Bound<'py, PyAny>, result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = traced.py();
    // SAFETY: live objects; the node takes the result over.
    unsafe {
        let inputs = [operand(py, traced.as_ptr())?];
        let value: Value = taken(result.clone().into_ptr());
        Ok(Bound::from_owned_ptr(py, record(py, Operation::new(Kind::Next, Op::Await, &inputs), value)?))
    }
}

/// Whether there is a stand-in among the arguments of a call, at any depth.
pub fn are_traced(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> bool {
    args.iter().any(|argument| deep::holds_traced(&argument))
        || kwargs.is_some_and(|kwargs| kwargs.values().iter().any(|argument| deep::holds_traced(&argument)))
}

/// Calls a function with plain values and adds the call, when a stand-in is among its arguments or `always`.
#[pyfunction]
#[pyo3(signature = (function, args, kwargs=None, always=false))]
pub fn call_untraced<'py>(
    py: Python<'py>,
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
    always: bool,
) -> PyResult<Bound<'py, PyAny>> {
    if always || are_traced(args, kwargs) {
        untraced_call(py, &Callee { function, receiver: None, stand_in: None }, args, kwargs)
    } else {
        function.call(args, kwargs)
    }
}

unsafe extern "C" fn call(traced: Object, args: Object, kwargs: Object) -> Object {
    // SAFETY: called by the interpreter with a stand-in, a tuple, and a dictionary or null.
    unsafe {
        let py = Python::assume_attached();
        let result = || {
            let function = Bound::from_borrowed_ptr(py, traced);
            let args = Bound::from_borrowed_ptr(py, args).cast_into::<PyTuple>().map_err(PyErr::from)?;
            let kwargs = Bound::from_borrowed_ptr_or_opt(py, kwargs)
                .map(|kwargs| kwargs.cast_into::<PyDict>().map_err(PyErr::from))
                .transpose()?;
            let plain = plain_of(py, traced)?;
            call_of_stand_in(py, &function, &plain, &args, kwargs.as_ref()).map(Bound::into_ptr)
        };
        given(py, result())
    }
}

/// Calls what a stand-in stands for.
fn call_of_stand_in<'py>(
    py: Python<'py>,
    traced: &Bound<'py, PyAny>,
    plain: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    if plain.cast::<TracedFunction>().is_ok() || plain.cast::<TracedMethod>().is_ok() {
        return plain.call(args, kwargs);
    }
    if let Some(method) = traced_attribute(plain, "__call__") {
        let mut all = vec![traced.clone()];
        all.extend(args.iter());
        return method.call(PyTuple::new(py, all)?, kwargs);
    }
    untraced_call(py, &Callee { function: plain, receiver: None, stand_in: Some(traced) }, args, kwargs)
}

/// Adds the functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(record_await, module)?)?;
    module.add_function(wrap_pyfunction!(call_untraced, module)?)
}

/// The slots of this file.
pub fn slots() -> Vec<(c_int, *mut c_void)> {
    vec![(ffi::Py_tp_call, call as *mut c_void)]
}
