//! Running a graph again with other inputs: node by node, in order, each value let go after its last use.

use clew_trace::values::{Kind, Node, NodeId, Nodes, Op, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::apply::{apply, binary};
use super::graph::ValueGraph;
use super::numbers::of_numbers;
use super::object::{boxed, taken};
use crate::recorder::inspect::is_atom;

/// So many nodes go by between two looks for Ctrl-C.
const LOOK_EVERY: usize = 1 << 14;

/// Values while a graph runs. Objects are references that are owned.
struct Values {
    values: Vec<Value>,
    /// How often each will still be read.
    n_reads: Vec<u32>,
}

impl Values {
    #[inline(always)]
    fn put(&mut self, id: NodeId, value: Value) {
        self.values[id.index()] = value;
        if self.n_reads[id.index()] == 0 {
            self.release(id);
        }
    }

    #[inline(always)]
    fn read_once(&mut self, id: NodeId) {
        let left = &mut self.n_reads[id.index()];
        *left -= 1;
        if *left == 0 {
            self.release(id);
        }
    }

    #[inline(always)]
    fn release(&mut self, id: NodeId) {
        if let Value::Object(object) = std::mem::replace(&mut self.values[id.index()], Value::Absent) {
            // SAFETY: the reference was owned; the table is consistent.
            unsafe { ffi::Py_DECREF(object as *mut ffi::PyObject) };
        }
    }

    unsafe fn object<'py>(&self, py: Python<'py>, id: NodeId) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: a new reference, or null with an exception.
        unsafe { Bound::from_owned_ptr_or_err(py, boxed(self.values[id.index()])) }
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        for at in 0..self.values.len() {
            self.release(NodeId(at as u32));
        }
    }
}

/// The inputs that a node's value is computed from.
fn reads<'a>(nodes: &'a Nodes, id: NodeId, row: &Node) -> impl Iterator<Item = NodeId> + use<'a> {
    let n_skipped = match row.kind {
        Kind::Call | Kind::Dispatch => usize::MAX,
        Kind::Argument | Kind::Return => 1,
        _ => 0,
    };
    nodes.inputs(id).skip(n_skipped)
}

/// Runs a graph, and gives the values of its outputs.
pub fn evaluate<'py>(
    py: Python<'py>,
    graph: &ValueGraph,
    given: &Bound<'py, PyDict>,
    has_guards: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let _plain = super::record::Plain::new();
    let nodes = &graph.nodes;
    let mut n_reads = vec![0_u32; nodes.len()];
    for id in nodes.ids() {
        for input in reads(nodes, id, nodes.row(id)) {
            n_reads[input.index()] += 1;
        }
    }
    for output in &graph.outputs {
        n_reads[output.index()] += 1;
    }
    let changes = nodes.rows().iter().any(may_change);
    let mut values = Values { values: vec![Value::Absent; nodes.len()], n_reads };
    for id in nodes.ids() {
        if id.index() % LOOK_EVERY == 0 {
            py.check_signals()?;
        }
        let row = nodes.row(id);
        // SAFETY: values are alive until they were read as often as was counted.
        unsafe {
            match row.kind {
                Kind::Binary | Kind::Compare => {
                    let mut inputs = nodes.inputs(id);
                    if let (Some(left), Some(right), 0) = (inputs.next(), inputs.next(), inputs.len()) {
                        let quick = of_numbers(row.op, values.values[left.index()], values.values[right.index()]);
                        let value = if let Some(value) = quick {
                            value
                        } else {
                            let (a, b) = (values.object(py, left)?, values.object(py, right)?);
                            taken(binary(row.op, &a, &b).map_err(|error| explained(py, graph, id, error))?.into_ptr())
                        };
                        values.put(id, value);
                        values.read_once(left);
                        values.read_once(right);
                        continue;
                    }
                    general(py, graph, id, &mut values)?;
                }
                Kind::Const => {
                    let value = constant(py, graph, id, changes)?;
                    values.put(id, value);
                }
                Kind::Input => {
                    let value = match given.get_item(nodes.text(id))? {
                        Some(value) => taken(value.into_ptr()),
                        None => constant(py, graph, id, changes)?,
                    };
                    values.put(id, value);
                }
                Kind::Call | Kind::Dispatch => {}
                Kind::Convert if !has_guards => nodes.inputs(id).for_each(|input| values.read_once(input)),
                Kind::Convert => check(py, graph, id, &mut values)?,
                _ => general(py, graph, id, &mut values)?,
            }
        }
    }
    // SAFETY: outputs are read once more than the nodes read them.
    graph.outputs.iter().map(|id| unsafe { values.object(py, *id) }).collect()
}

/// Whether an operation may change an object.
pub fn may_change(row: &Node) -> bool {
    matches!(
        row.kind,
        Kind::SetAttr
            | Kind::DelAttr
            | Kind::SetItem
            | Kind::DelItem
            | Kind::UntracedCall
            | Kind::UntracedDispatch
            | Kind::Next
            | Kind::Iter
    ) || row.op.without_place().is_some()
}

/// The value that a node had when it was traced: as it was then, and a copy where the graph may change it.
pub unsafe fn constant(py: Python<'_>, graph: &ValueGraph, id: NodeId, changes: bool) -> PyResult<Value> {
    let value = graph.nodes.row(id).value();
    let Value::Object(object) = value else { return Ok(value) };
    // SAFETY: the node owns a reference.
    unsafe {
        let object = Bound::from_borrowed_ptr(py, object as *mut ffi::PyObject);
        let original = graph.originals.get(&id).map(|original| original.bind(py).clone());
        if changes && !is_atom(ffi::Py_TYPE(object.as_ptr())) && !object.is_callable() {
            let copied = py.import("copy")?.call_method1("deepcopy", (original.as_ref().unwrap_or(&object),));
            // What cannot be copied is used as it is, as a function would.
            if let Ok(copy) = copied {
                return Ok(taken(copy.into_ptr()));
            }
        }
        Ok(taken(original.unwrap_or(object).into_ptr()))
    }
}

/// Any operation, with Python objects.
unsafe fn general(py: Python<'_>, graph: &ValueGraph, id: NodeId, values: &mut Values) -> PyResult<()> {
    let nodes = &graph.nodes;
    let row = nodes.row(id);
    // SAFETY: as in `evaluate`.
    unsafe {
        if matches!(row.kind, Kind::Argument | Kind::Return | Kind::Yield) {
            let Some(input) = nodes.inputs(id).last() else { return Ok(()) };
            let value = values.values[input.index()];
            if let Value::Object(object) = value {
                ffi::Py_INCREF(object as *mut ffi::PyObject);
            }
            values.put(id, value);
            values.read_once(input);
            return Ok(());
        }
        let inputs =
            nodes.inputs(id).map(|input| values.object(py, input)).collect::<PyResult<Vec<Bound<'_, PyAny>>>>()?;
        let result =
            apply(py, row.kind, row.op, nodes.label(id), &inputs).map_err(|error| explained(py, graph, id, error))?;
        drop(inputs);
        values.put(id, taken(result.into_ptr()));
        nodes.inputs(id).for_each(|input| values.read_once(input));
    }
    Ok(())
}

/// Compares what a conversion gives now with what it gave then.
unsafe fn check(py: Python<'_>, graph: &ValueGraph, id: NodeId, values: &mut Values) -> PyResult<()> {
    let nodes = &graph.nodes;
    let row = nodes.row(id);
    // SAFETY: as in `evaluate`.
    unsafe {
        let mut inputs = nodes.inputs(id);
        if let (Some(input), 0, Op::Bool, Value::Object(then)) = (inputs.next(), inputs.len(), row.op, row.value()) {
            // What most facts are: the truth of a comparison.
            if matches!(values.values[input.index()], Value::Object(now) if now == then) {
                values.read_once(input);
                return Ok(());
            }
        }
        let inputs = nodes.inputs(id).map(|input| values.object(py, input)).collect::<PyResult<Vec<_>>>()?;
        let now =
            apply(py, row.kind, row.op, nodes.label(id), &inputs).map_err(|error| explained(py, graph, id, error))?;
        let then = Bound::from_owned_ptr_or_err(py, boxed(row.value()))?;
        let (file, line) = graph.line(py, id).unzip();
        py.import("clew.tracing")?
            .call_method1("_check_fact", (row.op.name(), text(py, graph, id), then, now, file, line))?;
        nodes.inputs(id).for_each(|input| values.read_once(input));
    }
    Ok(())
}

fn text(py: Python<'_>, graph: &ValueGraph, id: NodeId) -> String {
    clew_graph::expression::infix(&graph.nodes, id, &super::describe::Objects(py, &graph.nodes), 200)
}

/// Adds to an error of the user's operation which one it was.
fn explained(py: Python<'_>, graph: &ValueGraph, id: NodeId, error: PyErr) -> PyErr {
    let place = graph.line(py, id).map_or_else(String::new, |(file, line)| format!(" (traced at {file}:{line})"));
    let note = format!("while evaluating {}{place}", text(py, graph, id));
    // An exception that takes no notes goes on without.
    drop(error.value(py).call_method1("add_note", (note,)));
    error
}
