//! Adding operations to the trace: what they read, what they change, and who is asked about them.

use clew_trace::values::{Kind, LabelId, NodeId, Op, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::RefCell;

use super::arena::{arena, Handle, Operation};
use super::deep;
use super::object::{boxed, is_traced, node_of, stand_in, unboxed};

thread_local! {
    /// The calls that this thread is in, the innermost last.
    static CALLS: RefCell<Vec<Handle>> = const { RefCell::new(Vec::new()) };
    /// How many pieces of foreign code this thread is in, which see plain values only.
    static N_PLAIN: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// While there is one, this thread runs foreign code: what it makes is not traced.
pub struct Plain(());

impl Plain {
    pub fn new() -> Self {
        N_PLAIN.set(N_PLAIN.get() + 1);
        Self(())
    }

    /// Whether this thread runs foreign code.
    pub fn is_here() -> bool {
        N_PLAIN.get() > 0
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        N_PLAIN.set(N_PLAIN.get() - 1);
    }
}

/// Enters a call; what happens until [`leave`] happens in it.
pub fn enter(call: Handle) {
    CALLS.with_borrow_mut(|calls| calls.push(call));
}

/// Leaves the innermost call.
pub fn leave() {
    CALLS.with_borrow_mut(|calls| {
        calls.pop();
    });
}

/// The innermost call of this thread.
#[inline(always)]
fn parent() -> NodeId {
    CALLS.with_borrow(|calls| calls.last().map_or(NodeId::NONE, |handle| arena().node(*handle)))
}

/// The node of an operand: of a stand-in, of a container of such, or of a constant.
///
/// Only nodes are added, and no Python code is run, unless the operand is a container.
#[inline]
pub unsafe fn operand(py: Python<'_>, object: *mut ffi::PyObject) -> PyResult<NodeId> {
    // SAFETY: the caller gives a live object.
    unsafe {
        if is_traced(object) {
            return Ok(node_of(object));
        }
        match unboxed(object) {
            value @ Value::Object(_) if deep::may_hold(object) => match deep::build(py, object)? {
                Some(node) => Ok(node),
                None => arena().constant(value),
            },
            value => arena().constant(value),
        }
    }
}

/// Adds an operation, and gives its node. The value's reference is taken over.
#[inline]
pub fn add(py: Python<'_>, operation: Operation<'_>, value: Value) -> PyResult<NodeId> {
    let arena = arena();
    let place = arena.places.current(py);
    arena.add(operation, value, place, parent())
}

/// Adds an operation, and gives the stand-in of its result. The value's reference is taken over.
#[inline]
pub unsafe fn record(py: Python<'_>, operation: Operation<'_>, value: Value) -> PyResult<*mut ffi::PyObject> {
    let node = add(py, operation, value)?;
    // SAFETY: the node was just added.
    let traced = unsafe { stand_in(node) };
    if arena().interpreters.is_empty() {
        return if traced.is_null() { Err(PyErr::fetch(py)) } else { Ok(traced) };
    }
    interpreted(py, traced)
}

/// As [`record`], with the last changes of the operands among what the operation comes after.
#[inline]
pub unsafe fn record_reading(py: Python<'_>, operation: Operation<'_>, value: Value) -> PyResult<*mut ffi::PyObject> {
    if arena().all_changes().is_empty() {
        // SAFETY: as for the caller.
        return unsafe { record(py, operation, value) };
    }
    let after = changes_of(operation.inputs);
    // SAFETY: as for the caller.
    unsafe { record(py, Operation { after: &after, ..operation }, value) }
}

/// The last changes of the objects that some nodes are, other than these nodes themselves.
pub fn changes_of(inputs: &[NodeId]) -> Vec<NodeId> {
    let arena = arena();
    let mut after: Vec<_> = inputs
        .iter()
        .filter_map(|input| {
            arena.last_change(arena.nodes.row(*input).value()).filter(|change| !inputs.contains(change))
        })
        .collect();
    after.sort_unstable();
    after.dedup();
    after
}

/// The last changes of all objects that can be reached from some nodes' values.
pub fn deep_changes_of(py: Python<'_>, inputs: &[NodeId]) -> Vec<NodeId> {
    let mut after = changes_of(inputs);
    if !arena().all_changes().is_empty() {
        let objects: Vec<_> = inputs
            .iter()
            .filter_map(|input| match arena().nodes.row(*input).value() {
                Value::Object(object) => Some(object as *mut ffi::PyObject),
                _ => None,
            })
            .collect();
        deep::reachable(py, &objects, &mut |object| {
            if let Some(change) = arena().last_change(Value::Object(object as u64)) {
                if !inputs.contains(&change) {
                    after.push(change);
                }
            }
        });
        after.sort_unstable();
        after.dedup();
    }
    after
}

/// Adds an operation that changes the object `input` is, and whose value is that object.
pub unsafe fn record_change(py: Python<'_>, operation: Operation<'_>, object: *mut ffi::PyObject) -> PyResult<NodeId> {
    let after = changes_of(operation.inputs);
    // SAFETY: the object is alive, and the node gets a reference of its own.
    let value = unsafe { Value::Object(ffi::Py_NewRef(object) as u64) };
    let node = add(py, Operation { after: &after, ..operation }, value)?;
    arena().changed(object as usize, node);
    Ok(node)
}

/// As [`record_change`], giving the stand-in of the object.
pub unsafe fn changing(
    py: Python<'_>,
    operation: Operation<'_>,
    object: *mut ffi::PyObject,
) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: as for `record_change`.
    shown(py, unsafe { record_change(py, operation, object)? }).map(Bound::into_ptr)
}

/// Keeps a copy of what a stand-in's object came from, an input or a constant, before its first change, so that a
/// graph can begin with it as it was. What cannot be copied is not kept.
pub unsafe fn before_change(py: Python<'_>, traced: *mut ffi::PyObject) -> PyResult<()> {
    // SAFETY: a live object, which may be a stand-in.
    if unsafe { !is_traced(traced) } {
        return Ok(());
    }
    let arena = arena();
    // SAFETY: as above.
    let mut node = unsafe { node_of(traced) };
    loop {
        let row = arena.nodes.row(node);
        let is_part = matches!(
            row.kind,
            Kind::GetAttr
                | Kind::GetItem
                | Kind::SetAttr
                | Kind::SetItem
                | Kind::DelAttr
                | Kind::DelItem
                | Kind::Iter
                | Kind::Next
        );
        let outer = match row.kind {
            Kind::Argument | Kind::Return => arena.nodes.inputs(node).last(),
            _ if is_part => arena.nodes.inputs(node).next(),
            _ => None,
        };
        match outer {
            Some(outer) => node = outer,
            None => break,
        }
    }
    if !matches!(arena.nodes.row(node).kind, Kind::Input | Kind::Const) || arena.originals.contains_key(&node) {
        return Ok(());
    }
    // SAFETY: the node's value is alive.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, plain(node))? };
    let pinned = super::arena::Pinned::new();
    let copy = py.import("copy").and_then(|module| module.call_method1("deepcopy", (&object,)));
    drop(pinned);
    if let Ok(copy) = copy {
        super::arena::arena().originals.insert(node, copy.unbind());
    }
    Ok(())
}

/// Adds what the program learnt of a value, once for each value and conversion.
#[inline]
pub unsafe fn fact(py: Python<'_>, traced: *mut ffi::PyObject, op: Op, value: *mut ffi::PyObject) -> PyResult<()> {
    // SAFETY: a stand-in and a live object.
    unsafe {
        let node = node_of(traced);
        let arena = arena();
        let is_fixed = arena.last_change(arena.nodes.row(node).value()).is_none();
        if is_fixed && !arena.is_new_fact(node, op) {
            return Ok(());
        }
        facts(py, op, &[node], value)
    }
}

/// Adds what the program learnt of some values.
pub unsafe fn facts(py: Python<'_>, op: Op, inputs: &[NodeId], value: *mut ffi::PyObject) -> PyResult<()> {
    // SAFETY: a live object; the node gets a reference of its own.
    unsafe {
        let value = match unboxed(value) {
            Value::Object(object) => Value::Object(ffi::Py_NewRef(object as *mut ffi::PyObject) as u64),
            value => value,
        };
        let after = changes_of(inputs);
        let node = add(py, Operation { after: &after, ..Operation::new(Kind::Convert, op, inputs) }, value)?;
        if !arena().interpreters.is_empty() {
            shown(py, node)?;
        }
        Ok(())
    }
}

/// Adds a call whose body follows, and gives its node and its stand-in. Interpreters are asked about it.
pub fn begin_call<'py>(
    py: Python<'py>,
    kind: Kind,
    label: LabelId,
    inputs: &[NodeId],
) -> PyResult<(NodeId, Bound<'py, PyAny>)> {
    let node = add(py, Operation { label, ..Operation::new(kind, Op::None, inputs) }, Value::Absent)?;
    // SAFETY: a new reference, or null with an exception.
    let entered = unsafe { Bound::from_owned_ptr_or_err(py, stand_in(node))? };
    if !arena().interpreters.is_empty() {
        shown(py, node)?;
    }
    Ok((node, entered))
}

/// The stand-in of a node that was just added, after interpreters were asked about it.
pub fn shown(py: Python<'_>, node: NodeId) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: a new reference, or null with an exception.
    let traced = unsafe { Bound::from_owned_ptr_or_err(py, stand_in(node))? };
    if arena().interpreters.is_empty() {
        return Ok(traced);
    }
    // SAFETY: the reference is given away, and another is taken.
    unsafe { Bound::from_owned_ptr_or_err(py, interpreted(py, traced.into_ptr())?) }
}

/// Asks the innermost interpreter about an operation. It gives the result, its own or another.
#[cold]
fn interpreted(py: Python<'_>, traced: *mut ffi::PyObject) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: the caller gives its reference away.
    let result = unsafe { Bound::from_owned_ptr_or_err(py, traced)? };
    let Some(interpreter) = arena().interpreters.pop() else { return Ok(result.into_ptr()) };
    let said = py
        .import("clew.tracing")
        .and_then(|module| module.getattr("_interpret"))
        .and_then(|ask| ask.call1((&interpreter, &result)));
    arena().interpreters.push(interpreter);
    Ok(said?.into_ptr())
}

/// The plain object of a node (a new reference).
pub unsafe fn plain(node: NodeId) -> *mut ffi::PyObject {
    // SAFETY: the node's value is alive.
    unsafe { boxed(arena().nodes.row(node).value()) }
}
