//! The graph behind some values: a copy of the nodes that they need, which stays as it is.
//!
//! Rows and columns cross the boundary here; what they mean to people is `clew/expressions.py`'s.

use clew_graph::expression;
use clew_trace::values::{Kind, Label, LabelId, NewNode, NodeId, Nodes, Op, Place, PlaceId, Value};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;

use super::arena::{arena, Arena, Pinned};
use super::describe::Objects;
use super::object::{boxed, is_traced, node_of, taken};
use super::record::operand;

/// Characters that the text of a value has at most.
const MAX_TEXT: usize = 4_000;

/// The text of a function; what it names, with whether it changes it.
type Compiled<'py> = (String, Vec<(String, Bound<'py, PyAny>, bool)>);

/// Nodes in order, with the values that they had.
#[pyclass(module = "clew._clew")]
pub struct ValueGraph {
    pub nodes: Nodes,
    pub outputs: Vec<NodeId>,
    /// Copies of objects as they were before they changed.
    pub originals: FxHashMap<NodeId, Py<PyAny>>,
    notes: FxHashMap<NodeId, Py<PyAny>>,
    /// The places of a graph that was read back; those of others are the arena's.
    places: Option<Vec<Place>>,
}

impl ValueGraph {
    /// The file and the line where a node was traced.
    pub fn line(&self, py: Python<'_>, id: NodeId) -> Option<(String, u32)> {
        self.line_of(py, self.nodes.row(id).place)
    }

    fn line_of(&self, py: Python<'_>, place: PlaceId) -> Option<(String, u32)> {
        match &self.places {
            Some(places) => places.get(place.0 as usize).map(|place| (place.file.clone(), place.line)),
            None => arena().places.line(py, place),
        }
    }

    fn id(&self, number: u32) -> PyResult<NodeId> {
        let is_known = (number as usize) < self.nodes.len();
        is_known
            .then_some(NodeId(number))
            .ok_or_else(|| PyIndexError::new_err(format!("the graph has no node {number}")))
    }

    fn ids(&self, numbers: &[u32]) -> PyResult<Vec<NodeId>> {
        numbers.iter().map(|number| self.id(*number)).collect()
    }
}

/// Node numbers as they cross the boundary: native `uint32`, one after the other.
fn column<'py>(py: Python<'py>, ids: &[NodeId]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.0.to_ne_bytes()).collect();
    PyBytes::new(py, &bytes)
}

/// The position of a text among texts, to which it is added if need be.
fn number_of<'a>(text: &'a str, texts: &mut Vec<&'a str>) -> u32 {
    let at = texts.iter().position(|known| *known == text).unwrap_or_else(|| {
        texts.push(text);
        texts.len() - 1
    });
    at as u32
}

fn numbers(ids: impl IntoIterator<Item = NodeId>) -> Vec<u32> {
    ids.into_iter().map(|id| id.0).collect()
}

// Arguments come from Python as values of their own.
#[allow(clippy::needless_pass_by_value)]
#[pymethods]
impl ValueGraph {
    fn __len__(&self) -> usize {
        self.nodes.len()
    }

    #[getter]
    fn outputs(&self) -> Vec<u32> {
        numbers(self.outputs.iter().copied())
    }

    fn kind(&self, node: u32) -> PyResult<&'static str> {
        Ok(self.nodes.row(self.id(node)?).kind.name())
    }

    fn op(&self, node: u32) -> PyResult<&'static str> {
        Ok(self.nodes.row(self.id(node)?).op.name())
    }

    fn inputs(&self, node: u32) -> PyResult<Vec<u32>> {
        Ok(numbers(self.nodes.inputs(self.id(node)?)))
    }

    fn after(&self, node: u32) -> PyResult<Vec<u32>> {
        Ok(numbers(self.nodes.after(self.id(node)?)))
    }

    fn parent(&self, node: u32) -> PyResult<Option<u32>> {
        Ok(self.nodes.row(self.id(node)?).parent.known().map(|id| id.0))
    }

    fn name(&self, node: u32) -> PyResult<Option<&str>> {
        Ok(self.nodes.label(self.id(node)?).map(|label| label.text.as_str()))
    }

    fn keywords(&self, node: u32) -> PyResult<Vec<String>> {
        Ok(self.nodes.label(self.id(node)?).map(|label| label.keywords.clone()).unwrap_or_default())
    }

    fn value<'py>(&self, py: Python<'py>, node: u32) -> PyResult<Bound<'py, PyAny>> {
        let value = self.nodes.row(self.id(node)?).value();
        // SAFETY: a new reference, or null with an exception.
        unsafe { Bound::from_owned_ptr_or_err(py, boxed(value)) }
    }

    /// Whether an operation of the graph may change an object.
    fn may_change(&self) -> bool {
        self.nodes.rows().iter().any(super::evaluate::may_change)
    }

    /// The value that an input or a constant begins an evaluation with: a copy where the graph may change it.
    fn starting_value<'py>(&self, py: Python<'py>, node: u32, may_change: bool) -> PyResult<Bound<'py, PyAny>> {
        let id = self.id(node)?;
        // SAFETY: the value is owned until it is boxed, and given up then.
        unsafe {
            let value = super::evaluate::constant(py, self, id, may_change)?;
            match value {
                Value::Object(object) => Bound::from_owned_ptr_or_err(py, object as *mut ffi::PyObject),
                value => Bound::from_owned_ptr_or_err(py, boxed(value)),
            }
        }
    }

    fn source(&self, py: Python<'_>, node: u32) -> PyResult<Option<(String, u32)>> {
        Ok(self.line(py, self.id(node)?))
    }

    fn notes<'py>(&self, py: Python<'py>, node: u32) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.notes.get(&self.id(node)?).map(|notes| notes.bind(py).clone()))
    }

    /// The nodes of one kind.
    fn of_kind(&self, kind: &str) -> PyResult<Vec<u32>> {
        let kind = super::functions::kind_named(kind)?;
        Ok(numbers(self.nodes.ids().filter(|id| self.nodes.row(*id).kind == kind)))
    }

    fn upstream<'py>(&self, py: Python<'py>, of: Vec<u32>) -> PyResult<Bound<'py, PyBytes>> {
        let of = self.ids(&of)?;
        Ok(column(py, &py.detach(|| expression::upstream(&self.nodes, &of))))
    }

    fn downstream<'py>(&self, py: Python<'py>, of: Vec<u32>) -> PyResult<Bound<'py, PyBytes>> {
        let of = self.ids(&of)?;
        Ok(column(py, &py.detach(|| expression::downstream(&self.nodes, &of))))
    }

    #[pyo3(signature = (node, limit=MAX_TEXT))]
    fn text(&self, py: Python<'_>, node: u32, limit: usize) -> PyResult<String> {
        Ok(expression::infix(&self.nodes, self.id(node)?, &Objects(py, &self.nodes), limit))
    }

    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        inputs: &Bound<'py, PyDict>,
        guards: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        super::evaluate::evaluate(py, self, inputs, guards)
    }

    /// The text of a function that does what the graph does, and what it names.
    fn compile<'py>(&self, py: Python<'py>, name: &str, inputs: Vec<String>, guards: bool) -> PyResult<Compiled<'py>> {
        let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
        let guards = if guards { expression::Guards::Check } else { expression::Guards::Ignore };
        let describe = Lines { objects: Objects(py, &self.nodes), graph: self, py };
        let program = expression::compile(&self.nodes, &self.outputs, name, &inputs, guards, &describe);
        let constants = program.constants.into_iter().map(|(name, id)| {
            let original = self.originals.get(&id).map(|original| original.bind(py).clone());
            let is_changed = original.is_some();
            Ok((name, original.map_or_else(|| self.value(py, id.0), Ok)?, is_changed))
        });
        Ok((program.source, constants.collect::<PyResult<_>>()?))
    }

    /// What each operation says of the values that it connects, in columns: rules, subjects, objects, others (all ones
    /// when there is none), names and places, as numbers; then the rules' and the names' texts.
    fn constraints<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let all = py.detach(|| expression::constraints(&self.nodes));
        let mut columns: [Vec<u8>; 6] = std::array::from_fn(|_| Vec::with_capacity(all.len() * 4));
        let (mut rules, mut names): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut known: FxHashMap<&str, u32> = FxHashMap::default();
        for constraint in &all {
            let rule = number_of(constraint.rule.name(), &mut rules);
            let name = *known.entry(constraint.name).or_insert_with(|| {
                names.push(constraint.name);
                names.len() as u32 - 1
            });
            let other = constraint.with.map_or(u32::MAX, |id| id.0);
            let row = [rule, constraint.subject.0, constraint.object.0, other, name, constraint.place.0];
            for (column, number) in columns.iter_mut().zip(row) {
                column.extend(number.to_ne_bytes());
            }
        }
        let columns = columns.iter().map(|column| PyBytes::new(py, column).into_any());
        let texts = [PyList::new(py, rules)?.into_any(), PyList::new(py, names)?.into_any()];
        PyTuple::new(py, columns.chain(texts).collect::<Vec<_>>())
    }

    /// The file and the line of a place, as the columns of `constraints` number them.
    fn place(&self, py: Python<'_>, number: u32) -> Option<(String, u32)> {
        self.line_of(py, PlaceId(number))
    }

    /// The graph as what draws graphs reads it, and the files that it speaks of.
    fn drawing(&self, py: Python<'_>) -> (String, Vec<String>) {
        let mut files: Vec<String> = Vec::new();
        let mut places: FxHashMap<PlaceId, (usize, u32)> = FxHashMap::default();
        for row in self.nodes.rows() {
            let Entry::Vacant(unknown) = places.entry(row.place) else { continue };
            let Some((file, line)) = self.line_of(py, row.place) else { continue };
            let known = files.iter().position(|known| *known == file);
            let at = known.unwrap_or_else(|| {
                files.push(file);
                files.len() - 1
            });
            unknown.insert((at, line));
        }
        let place = |id: NodeId| places.get(&self.nodes.row(id).place).copied().unwrap_or_default();
        (expression::drawing(&self.nodes, &Objects(py, &self.nodes), &place).to_string(), files)
    }

    /// All rows, for JSON and pickle: kind, op, name, keywords, inputs, after, parent, value or nothing, place.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let rows = PyList::empty(py);
        for id in self.nodes.ids() {
            let row = self.nodes.row(id);
            let label = self.nodes.label(id);
            let value = if row.value() == Value::Absent { None } else { Some(self.value(py, id.0)?) };
            let original = self.originals.get(&id).map(|original| original.bind(py).clone());
            rows.append((
                (row.kind.name(), row.op.name()),
                label.map(|label| (label.text.as_str(), label.keywords.clone())),
                numbers(self.nodes.inputs(id)),
                numbers(self.nodes.after(id)),
                row.parent.known().map(|id| id.0),
                PyTuple::new(py, value.map(|value| original.unwrap_or(value)))?,
                self.line(py, id),
            ))?;
        }
        Ok(rows)
    }

    /// A graph of rows as [`rows`](Self::rows) gives them.
    #[staticmethod]
    fn of_rows(rows: &Bound<'_, PyAny>, outputs: Vec<u32>) -> PyResult<Self> {
        type Row<'py> = (
            (String, String),
            Option<(String, Vec<String>)>,
            Vec<u32>,
            Vec<u32>,
            Option<u32>,
            Bound<'py, PyAny>,
            Option<(String, u32)>,
        );
        let mut graph = Self {
            nodes: Nodes::default(),
            outputs: Vec::new(),
            originals: FxHashMap::default(),
            notes: FxHashMap::default(),
            places: None,
        };
        let mut places: Vec<Place> = Vec::new();
        let mut known: FxHashMap<Place, PlaceId> = FxHashMap::default();
        for row in rows.try_iter()? {
            let ((kind, op), label, inputs, after, parent, value, place): Row<'_> = row?.extract()?;
            let bad = |what: &str, name: &str| PyValueError::new_err(format!("no {what} is called {name:?}"));
            let kind = Kind::by_name(&kind).ok_or_else(|| bad("kind of node", &kind))?;
            let op = Op::by_name(&op).ok_or_else(|| bad("operation", &op))?;
            let before = graph.nodes.len() as u32;
            if inputs.iter().chain(&after).chain(&parent).any(|id| *id >= before) {
                return Err(PyValueError::new_err(format!("node {before} reads a node that does not come before it")));
            }
            let label = label.map_or(LabelId::NONE, |(text, keywords)| graph.nodes.intern(Label { text, keywords }));
            let place = match place {
                Some((file, line)) => {
                    let place = Place { file, line };
                    *known.entry(place).or_insert_with_key(|place| {
                        places.push(place.clone());
                        PlaceId(places.len() as u32 - 1)
                    })
                }
                None => PlaceId::NONE,
            };
            let value = match value.try_iter()?.next().transpose()? {
                // SAFETY: the node takes the reference over.
                Some(value) => unsafe { taken(value.into_ptr()) },
                None => Value::Absent,
            };
            let inputs: Vec<_> = inputs.into_iter().map(NodeId).collect();
            let after: Vec<_> = after.into_iter().map(NodeId).collect();
            let parent = parent.map_or(NodeId::NONE, NodeId);
            let new = NewNode { kind, op, label, inputs: &inputs, after: &after, place, parent, value };
            graph.nodes.push(new).ok_or_else(|| PyValueError::new_err("there are too many nodes"))?;
        }
        graph.places = Some(places);
        graph.outputs = graph.ids(&outputs)?;
        Ok(graph)
    }

    /// Adds the nodes to the trace, and gives the stand-ins of the outputs.
    fn revive<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let arena = arena();
        let _pinned = Pinned::new();
        let from = arena.nodes.len() as u32;
        let moved = |id: NodeId| NodeId(id.0 + from);
        let places: Option<Vec<PlaceId>> = self
            .places
            .as_ref()
            .map(|places| places.iter().map(|place| arena.places.of_line(&place.file, place.line)).collect());
        for id in self.nodes.ids() {
            let row = self.nodes.row(id);
            let label = self.nodes.label(id).map_or(LabelId::NONE, |label| arena.nodes.intern(label.clone()));
            let inputs: Vec<_> = self.nodes.inputs(id).map(moved).collect();
            let after: Vec<_> = self.nodes.after(id).map(moved).collect();
            if let Value::Object(object) = row.value() {
                // SAFETY: the new node owns a reference of its own.
                unsafe { ffi::Py_INCREF(object as *mut ffi::PyObject) };
            }
            let new = NewNode {
                kind: row.kind,
                op: row.op,
                label,
                inputs: &inputs,
                after: &after,
                place: match &places {
                    Some(places) => places.get(row.place.0 as usize).copied().unwrap_or(PlaceId::NONE),
                    None => row.place,
                },
                parent: row.parent.known().map_or(NodeId::NONE, moved),
                value: row.value(),
            };
            arena.nodes.push(new).ok_or_else(|| PyValueError::new_err("there are too many nodes"))?;
        }
        // SAFETY: a new reference, or null with an exception.
        self.outputs
            .iter()
            .map(|id| unsafe { Bound::from_owned_ptr_or_err(py, super::object::stand_in(moved(*id))) })
            .collect()
    }

    /// The complementary graph by the rules of differentiation, of the functions that `expression::FUNCTIONS` names, or
    /// nothing where rules must be asked.
    fn gradient(&self, py: Python<'_>, seed: &str, functions: Vec<Bound<'_, PyAny>>) -> PyResult<Option<Self>> {
        let bad = |_| PyValueError::new_err(format!("give {} functions", expression::FUNCTIONS.len()));
        let objects: Vec<u64> = functions.iter().map(|function| function.as_ptr() as u64).collect();
        let objects = objects.try_into().map_err(bad)?;
        let &[output] = self.outputs.as_slice() else { return Ok(None) };
        // Interpreters are asked about each operation, and the rules know what to do with changed objects.
        if !arena().interpreters.is_empty() || !self.originals.is_empty() {
            return Ok(None);
        }
        let place = if self.places.is_some() { PlaceId::NONE } else { arena().places.current(py) };
        let made = py.detach(|| {
            let (nodes, outputs) = expression::gradient(&self.nodes, output, seed, &objects, place)?;
            Some(needed(&nodes, &outputs))
        });
        Ok(made.map(|(_, nodes, outputs)| {
            hold(&nodes);
            let (originals, notes) = (FxHashMap::default(), FxHashMap::default());
            Self { nodes, outputs, originals, notes, places: self.places.clone() }
        }))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.originals.values().chain(self.notes.values()).try_for_each(|object| visit.call(object))
    }

    fn __clear__(&mut self) {
        self.originals.clear();
        self.notes.clear();
    }
}

impl Drop for ValueGraph {
    fn drop(&mut self) {
        let nodes = std::mem::take(&mut self.nodes);
        for row in nodes.rows() {
            if let Value::Object(object) = row.value() {
                // SAFETY: the node owned a reference; the lock is held where Python objects are dropped.
                unsafe { ffi::Py_DECREF(object as *mut ffi::PyObject) };
            }
        }
    }
}

/// What is known of values, and of where nodes stand.
struct Lines<'a, 'py> {
    objects: Objects<'a, 'py>,
    graph: &'a ValueGraph,
    py: Python<'py>,
}

impl expression::Describe for Lines<'_, '_> {
    fn literal(&self, nodes: &Nodes, id: NodeId) -> Option<String> {
        self.objects.literal(nodes, id)
    }

    fn name(&self, nodes: &Nodes, id: NodeId) -> String {
        self.objects.name(nodes, id)
    }

    fn key(&self, id: NodeId) -> u64 {
        self.objects.key(id)
    }

    fn line(&self, _: &Nodes, id: NodeId) -> u32 {
        self.graph.line(self.py, id).map_or(0, |(_, line)| line)
    }
}

/// The graph behind some values: all that they need, and the facts that they rest on.
#[pyfunction]
#[pyo3(signature = (*values))]
fn graph_of(py: Python<'_>, values: &Bound<'_, PyTuple>) -> PyResult<ValueGraph> {
    Arena::tidy();
    let _pinned = Pinned::new();
    let mut outputs = Vec::with_capacity(values.len());
    for value in values.iter() {
        // SAFETY: a live object.
        let node = unsafe { operand(py, value.as_ptr())? };
        let arena = arena();
        let last = arena.last_change(arena.nodes.row(node).value()).filter(|change| *change > node);
        // A result that is no object, or whose change is no object's, stays the node that it is.
        outputs.push(
            last.filter(|change| arena.nodes.row(*change).value() == arena.nodes.row(node).value()).unwrap_or(node),
        );
    }
    let arena = arena();
    let nodes = &arena.nodes;
    let (ids, selected, positions) = needed(nodes, &outputs);
    hold(&selected);
    let position = |id: &NodeId| ids.binary_search(id).ok().map(|at| NodeId(at as u32));
    let kept = |table: &FxHashMap<NodeId, Py<PyAny>>| {
        table.iter().filter_map(|(id, object)| Some((position(id)?, object.clone_ref(py)))).collect()
    };
    Ok(ValueGraph {
        outputs: positions,
        originals: kept(&arena.originals),
        notes: kept(&arena.notes),
        nodes: selected,
        places: None,
    })
}

/// The nodes that some values need, a copy of them, which owns no references yet, and where in it the values are.
fn needed(nodes: &Nodes, outputs: &[NodeId]) -> (Vec<NodeId>, Nodes, Vec<NodeId>) {
    let mut ends = outputs.to_vec();
    ends.extend(exhausted(nodes, outputs));
    let ids = if ends.is_empty() { Vec::new() } else { expression::with_guards(nodes, &ends) };
    let position = |id: &NodeId| ids.binary_search(id).ok().map(|at| NodeId(at as u32));
    let positions = outputs.iter().filter_map(position).collect();
    let selected = nodes.selected(&ids);
    (ids, selected, positions)
}

/// Makes copied nodes own references to the objects that are their values. The lock is held, and the objects live.
fn hold(nodes: &Nodes) {
    for row in nodes.rows() {
        if let Value::Object(object) = row.value() {
            // SAFETY: whatever the nodes were copied from holds the objects.
            unsafe { ffi::Py_INCREF(object as *mut ffi::PyObject) };
        }
    }
}

/// The ends of iterators that the outputs drew from: where a loop ended is a fact, though it came after its last value.
fn exhausted(nodes: &Nodes, outputs: &[NodeId]) -> Vec<NodeId> {
    let is_end = |id: &NodeId| nodes.row(*id).op == Op::Exhausted;
    let ends: Vec<_> = nodes.ids().filter(is_end).collect();
    if ends.is_empty() {
        return ends;
    }
    let needed = expression::upstream(nodes, outputs);
    let counts = |end: &NodeId| nodes.inputs(*end).next().is_some_and(|input| needed.binary_search(&input).is_ok());
    ends.into_iter().filter(counts).collect()
}

/// The expression that made a value, as text.
pub fn text_of(traced: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = traced.py();
    // SAFETY: a live object.
    unsafe {
        if !is_traced(traced.as_ptr()) {
            return Ok(traced.repr()?.to_string());
        }
        Ok(expression::infix(&arena().nodes, node_of(traced.as_ptr()), &Objects(py, &arena().nodes), MAX_TEXT))
    }
}

/// Adds the class and the functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ValueGraph>()?;
    module.add_function(wrap_pyfunction!(graph_of, module)?)
}
