//! What Python code asks of stand-ins: making them, taking them apart, and the special methods of the class.
//!
//! Special methods that are not slots are functions of `clew.tracing` by the same name.

use clew_trace::values::{Kind, Label, NodeId, Op, Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::OnceLock;

use super::access::{is_stand_in, plain_of};
use super::arena::{arena, Arena, Operation, Pinned};
use super::calls::{call_inputs, untraced_call, Callee};
use super::deep;
use super::numbers::{given, unary_of};
use super::object::{handle_of, node_of, stand_in, taken};
use super::record::{self, facts, operand};

type Object = *mut ffi::PyObject;

/// Special methods of the class that are functions of `clew.tracing`.
const SPECIAL: [&std::ffi::CStr; 24] = [
    c"__round__",
    c"__trunc__",
    c"__floor__",
    c"__ceil__",
    c"__complex__",
    c"__bytes__",
    c"__format__",
    c"__enter__",
    c"__exit__",
    c"__aenter__",
    c"__aexit__",
    c"__aiter__",
    c"__anext__",
    c"__copy__",
    c"__deepcopy__",
    c"__reduce_ex__",
    c"__array_ufunc__",
    c"__array_function__",
    c"__array__",
    c"__jax_array__",
    c"__reversed__",
    c"__length_hint__",
    c"__dir__",
    c"__sizeof__",
];

/// Whether a special attribute is a method of the class, and not the plain value's.
pub fn is_method(name: &str) -> bool {
    name == "__torch_function__" || SPECIAL.iter().any(|special| special.to_bytes() == name.as_bytes())
}

unsafe extern "C" fn special<const N: usize>(traced: Object, args: Object, kwargs: Object) -> Object {
    // SAFETY: called by the interpreter with live objects; there may be no keywords.
    unsafe {
        let py = Python::assume_attached();
        let call = || {
            let name = SPECIAL[N].to_str().map_err(|error| PyValueError::new_err(error.to_string()))?;
            let function = py.import("clew.tracing")?.getattr("SPECIAL")?.get_item(name)?;
            let args = Bound::from_borrowed_ptr(py, args).cast_into::<PyTuple>().map_err(PyErr::from)?;
            let mut all = vec![Bound::from_borrowed_ptr(py, traced)];
            all.extend(args.iter());
            let kwargs =
                Bound::from_borrowed_ptr_or_opt(py, kwargs).map(|kwargs| kwargs.cast_into().map_err(PyErr::from));
            Ok(function.call(PyTuple::new(py, all)?, kwargs.transpose()?.as_ref())?.into_ptr())
        };
        given(py, call())
    }
}

unsafe extern "C" fn torch_function(class: Object, args: Object, kwargs: Object) -> Object {
    // SAFETY: as for `special`.
    unsafe {
        let py = Python::assume_attached();
        let call = || {
            let function = py.import("clew.tracing")?.getattr("SPECIAL")?.get_item("__torch_function__")?;
            let _ = class;
            let args = Bound::from_borrowed_ptr(py, args).cast_into::<PyTuple>().map_err(PyErr::from)?;
            let kwargs =
                Bound::from_borrowed_ptr_or_opt(py, kwargs).map(|kwargs| kwargs.cast_into().map_err(PyErr::from));
            Ok(function.call(args, kwargs.transpose()?.as_ref())?.into_ptr())
        };
        given(py, call())
    }
}

/// The table of methods of the class.
pub fn methods() -> *mut ffi::PyMethodDef {
    struct Table(Vec<ffi::PyMethodDef>);
    // SAFETY: the table is read by the interpreter only, and never changed.
    unsafe impl Send for Table {}
    // SAFETY: as above.
    unsafe impl Sync for Table {}
    static TABLE: OnceLock<Table> = OnceLock::new();
    macro_rules! table {
        ($($n:literal)*) => { vec![$(ffi::PyMethodDef {
            ml_name: SPECIAL[$n].as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: special::<$n> },
            ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS,
            ml_doc: std::ptr::null(),
        },)*] };
    }
    let table = TABLE.get_or_init(|| {
        let mut table = table!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23);
        table.push(ffi::PyMethodDef {
            ml_name: c"__torch_function__".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: torch_function },
            ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS | ffi::METH_CLASS,
            ml_doc: std::ptr::null(),
        });
        table.push(ffi::PyMethodDef::zeroed());
        Table(table)
    });
    table.0.as_ptr().cast_mut()
}

/// Traces a value under a name: gives its stand-in, or for a container the container of its elements' stand-ins.
#[pyfunction]
fn trace_value<'py>(value: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    Arena::tidy();
    let container = deep::container(value);
    // The node of a container holds a container of its own, a plain one: the caller's may change.
    let held = match &container {
        Some(container) => container.with(container.elements.iter().map(deep::untraced).collect::<PyResult<_>>()?)?,
        None => value.clone(),
    };
    let label = arena().nodes.name(name);
    // SAFETY: the node takes the reference over.
    let held = unsafe { taken(held.into_ptr()) };
    let node = record::add(py, Operation { label, ..Operation::new(Kind::Input, Op::None, &[]) }, held)?;
    match container {
        Some(container) => {
            // A container without anything to trace in it is traced as one value.
            let traced = deep::traced_elements(&container, node, 0)?;
            if deep::holds_traced(&traced) {
                return Ok(traced);
            }
            // SAFETY: as below.
            unsafe { Bound::from_owned_ptr_or_err(py, stand_in(node)) }
        }
        // SAFETY: a new reference, or null with an exception.
        None => unsafe { Bound::from_owned_ptr_or_err(py, stand_in(node)) },
    }
}

/// The plain value, of containers with stand-ins in them too.
#[pyfunction]
fn untrace_value<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    deep::untraced(value)
}

/// Whether a value is a stand-in, or holds one.
#[pyfunction]
fn holds_traced(value: &Bound<'_, PyAny>) -> bool {
    deep::holds_traced(value)
}

fn checked<'a, 'py>(traced: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyAny>> {
    if is_stand_in(traced) {
        Ok(traced)
    } else {
        Err(PyTypeError::new_err(format!("a traced value is needed, not {}", traced.get_type().name()?)))
    }
}

/// The kind of nodes with a name.
pub fn kind_named(kind: &str) -> PyResult<Kind> {
    Kind::by_name(kind).ok_or_else(|| PyValueError::new_err(format!("no node is of kind {kind:?}")))
}

fn op_named(op: &str) -> PyResult<Op> {
    Op::by_name(op).ok_or_else(|| PyValueError::new_err(format!("no operation is called {op:?}")))
}

/// An operator with one operand that is a function in Python, with further operands (`round` has digits).
#[pyfunction]
#[pyo3(signature = (op, *operands))]
fn record_unary<'py>(py: Python<'py>, op: &str, operands: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    checked(&operands.get_item(0)?)?;
    let objects: Vec<_> = operands.iter().map(|operand| operand.as_ptr()).collect();
    // SAFETY: live objects, held by the tuple; the result is a new reference.
    unsafe { Ok(Bound::from_owned_ptr(py, unary_of(py, op_named(op)?, &objects)?)) }
}

/// Notes as a fact what a conversion gave.
#[pyfunction]
#[pyo3(signature = (op, value, *operands))]
fn record_fact<'py>(
    py: Python<'py>,
    op: &str,
    value: &Bound<'py, PyAny>,
    operands: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let _pinned = Pinned::new();
    // SAFETY: live objects.
    unsafe {
        let inputs = operands.iter().map(|one| operand(py, one.as_ptr())).collect::<PyResult<Vec<_>>>()?;
        facts(py, op_named(op)?, &inputs, value.as_ptr())?;
    }
    Ok(value.clone())
}

/// Calls a method of what a stand-in stands for, as one node.
#[pyfunction]
#[pyo3(signature = (traced, name, args, kwargs=None))]
fn dispatch<'py>(
    traced: &Bound<'py, PyAny>,
    name: &str,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, pyo3::types::PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = traced.py();
    // SAFETY: a stand-in.
    let method = unsafe { plain_of(py, checked(traced)?.as_ptr())? }.getattr(name)?;
    untraced_call(py, &Callee { function: &method, receiver: Some((traced, name)), stand_in: None }, args, kwargs)
}

/// Adds a call of a traced function or class. What follows until `leave_call` happens in it.
#[pyfunction]
#[pyo3(signature = (kind, name, first, args, kwargs=None))]
fn enter_call<'py>(
    py: Python<'py>,
    kind: &str,
    name: &str,
    first: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, pyo3::types::PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    Arena::tidy();
    let kind = kind_named(kind)?;
    let _pinned = Pinned::new();
    // SAFETY: live objects.
    unsafe {
        let first = operand(py, first.as_ptr())?;
        let (inputs, label) = call_inputs(py, Some(first), name, args, kwargs)?;
        let (_, entered) = record::begin_call(py, kind, label, &inputs)?;
        record::enter(handle_of(entered.as_ptr()));
        Ok(entered)
    }
}

/// Enters a call again, or its body: a generator's runs at each step.
#[pyfunction]
fn enter_again(call: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: a stand-in.
    record::enter(unsafe { handle_of(checked(call)?.as_ptr()) });
    Ok(())
}

/// Leaves the innermost call.
#[pyfunction]
fn leave_call() {
    record::leave();
}

/// Gives a node its value after the fact: that of a call is known at its end, that of an object at its beginning.
#[pyfunction]
fn set_value(traced: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    // SAFETY: a stand-in; the node takes a new reference over, and gives its old one up last.
    unsafe {
        let node = node_of(checked(traced)?.as_ptr());
        let old = arena().nodes.row(node).value();
        arena().nodes.row_mut(node).set_value(taken(value.clone().into_ptr()));
        if let Value::Object(old) = old {
            ffi::Py_DECREF(old as Object);
        }
    }
    Ok(())
}

/// One operation as an interpreter sees it, while it is the last one.
#[pyclass(frozen, module = "clew._clew")]
struct OperationRow {
    traced: Py<PyAny>,
}

impl OperationRow {
    fn node(&self) -> NodeId {
        // SAFETY: a stand-in, which was checked when this was made.
        unsafe { node_of(self.traced.as_ptr()) }
    }
}

#[pymethods]
impl OperationRow {
    #[new]
    fn new(traced: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self { traced: checked(traced)?.clone().unbind() })
    }

    #[getter]
    fn kind(&self) -> &'static str {
        arena().nodes.row(self.node()).kind.name()
    }

    #[getter]
    fn op(&self) -> &'static str {
        arena().nodes.row(self.node()).op.name()
    }

    #[getter]
    fn name(&self) -> String {
        arena().nodes.text(self.node()).to_owned()
    }

    #[getter]
    fn keywords(&self) -> Vec<String> {
        arena().nodes.label(self.node()).map(|label| label.keywords.clone()).unwrap_or_default()
    }

    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let inputs: Vec<_> = arena().nodes.inputs(self.node()).collect();
        // SAFETY: new references, or null with an exception.
        inputs.into_iter().map(|input| unsafe { Bound::from_owned_ptr_or_err(py, stand_in(input)) }).collect()
    }

    #[getter]
    fn source(&self, py: Python<'_>) -> Option<(String, u32)> {
        let place = arena().nodes.row(self.node()).place;
        arena().places.line(py, place)
    }
}

/// What was attached to a value: a dictionary of its own.
#[pyfunction]
fn notes_of<'py>(traced: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = traced.py();
    // SAFETY: a stand-in.
    let node = unsafe { node_of(checked(traced)?.as_ptr()) };
    if let Some(notes) = arena().notes.get(&node) {
        return Ok(notes.bind(py).clone());
    }
    let notes = pyo3::types::PyDict::new(py).into_any();
    arena().notes.insert(node, notes.clone().unbind());
    Ok(notes)
}

/// Adds an interpreter, which is asked about each operation from now on.
#[pyfunction]
fn push_interpreter(interpreter: Py<PyAny>) {
    arena().interpreters.push(interpreter);
}

/// Takes the innermost interpreter away.
#[pyfunction]
fn pop_interpreter() {
    drop(arena().interpreters.pop());
}

/// Does an operation to plain values, as an evaluation does.
#[pyfunction]
fn apply_operation<'py>(
    py: Python<'py>,
    kind: &str,
    op: &str,
    name: Option<&str>,
    keywords: Vec<String>,
    inputs: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let kind = kind_named(kind)?;
    let has_label = name.is_some() || !keywords.is_empty();
    let label = has_label.then(|| Label { text: name.unwrap_or_default().to_owned(), keywords });
    let inputs: Vec<_> = inputs.iter().collect();
    super::apply::apply(py, kind, op_named(op)?, label.as_ref(), &inputs)
}

/// Whether this thread runs foreign code, or a graph: what is made there is not traced.
#[pyfunction]
fn is_plain() -> bool {
    record::Plain::is_here()
}

/// Takes out the nodes that nobody can reach any more. Gives how many are left.
#[pyfunction]
fn forget_unused() -> usize {
    super::arena::sweep();
    arena().nodes.len()
}

/// Adds the functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<OperationRow>()?;
    module.add_function(wrap_pyfunction!(trace_value, module)?)?;
    module.add_function(wrap_pyfunction!(untrace_value, module)?)?;
    module.add_function(wrap_pyfunction!(holds_traced, module)?)?;
    module.add_function(wrap_pyfunction!(record_unary, module)?)?;
    module.add_function(wrap_pyfunction!(record_fact, module)?)?;
    module.add_function(wrap_pyfunction!(dispatch, module)?)?;
    module.add_function(wrap_pyfunction!(enter_call, module)?)?;
    module.add_function(wrap_pyfunction!(enter_again, module)?)?;
    module.add_function(wrap_pyfunction!(leave_call, module)?)?;
    module.add_function(wrap_pyfunction!(set_value, module)?)?;
    module.add_function(wrap_pyfunction!(notes_of, module)?)?;
    module.add_function(wrap_pyfunction!(push_interpreter, module)?)?;
    module.add_function(wrap_pyfunction!(pop_interpreter, module)?)?;
    module.add_function(wrap_pyfunction!(apply_operation, module)?)?;
    module.add_function(wrap_pyfunction!(is_plain, module)?)?;
    module.add_function(wrap_pyfunction!(forget_unused, module)?)
}
