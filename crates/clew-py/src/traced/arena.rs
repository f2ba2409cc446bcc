//! The one trace that all stand-ins write: nodes, the values they hold, and which of them are still wanted.
//!
//! Invariants: a node with an object value owns a reference to it; so an object's address names it as long as its node is
//! there. Nodes stay in the order in which they happened. References are given up only when the arena is consistent,
//! because that may run any code.

use clew_trace::values::{Kind, LabelId, NewNode, NodeId, Nodes, Op, PlaceId, Value};
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::UnsafeCell;

use super::places::Places;

/// Constants that were seen lately, by a few bits of their value.
const N_CONSTANTS: usize = 1 << 8;
/// So many nodes are there before it is first looked which are wanted.
const FIRST_SWEEP: usize = 1 << 18;

/// So many bytes of arrays and frames are let go of before it is looked which are wanted.
const SWEEP_BYTES: usize = 1 << 26;

/// A number for the node of a stand-in, which stays when nodes are numbered anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(pub u32);

/// A node to be added. Its value is a reference that the arena takes over.
#[derive(Clone, Copy)]
pub struct Operation<'a> {
    pub kind: Kind,
    pub op: Op,
    pub label: LabelId,
    pub inputs: &'a [NodeId],
    pub after: &'a [NodeId],
}

impl<'a> Operation<'a> {
    /// An operation without a name.
    #[inline(always)]
    pub fn new(kind: Kind, op: Op, inputs: &'a [NodeId]) -> Self {
        Self { kind, op, label: LabelId::NONE, inputs, after: &[] }
    }
}

/// The trace.
pub struct Arena {
    pub nodes: Nodes,
    pub places: Places,
    /// The node of each stand-in, by its handle.
    handles: Vec<NodeId>,
    free: Vec<u32>,
    constants: Box<[Option<(Value, NodeId)>]>,
    /// Labels of attribute names, by the address of the text, which is kept.
    names: FxHashMap<usize, (LabelId, Py<PyAny>)>,
    /// The last node that changed an object, by the object's address.
    changes: FxHashMap<usize, NodeId>,
    /// Conversions that are in the trace already.
    facts: FxHashSet<(NodeId, Op)>,
    /// What interpreters said of nodes.
    pub notes: FxHashMap<NodeId, Py<PyAny>>,
    /// What an object was like before its first change, by the node that it came from.
    pub originals: FxHashMap<NodeId, Py<PyAny>>,
    /// Interpreters that are asked about each operation, the innermost last.
    pub interpreters: Vec<Py<PyAny>>,
    sweep_at: usize,
    /// Bytes of arrays and frames whose stand-ins went since the last sweep.
    n_dropped_bytes: usize,
    /// How many [`Pinned`] there are.
    n_pinned: u32,
}

/// While there is one, nodes keep their numbers, whatever code runs.
pub struct Pinned(());

impl Pinned {
    pub fn new() -> Self {
        arena().n_pinned += 1;
        Self(())
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        arena().n_pinned -= 1;
    }
}

struct Shared(UnsafeCell<Option<Arena>>);
// SAFETY: the arena is used with the interpreter lock held only.
unsafe impl Sync for Shared {}

static ARENA: Shared = Shared(UnsafeCell::new(None));

/// The arena. Its borrow must end before Python code may run.
#[inline(always)]
pub fn arena() -> &'static mut Arena {
    // SAFETY: with the lock held there is one user at a time, and no borrow is kept while other code may run.
    unsafe { (*ARENA.0.get()).get_or_insert_with(Arena::new) }
}

impl Arena {
    #[cold]
    fn new() -> Self {
        Self {
            nodes: Nodes::default(),
            places: Places::new(),
            handles: Vec::new(),
            free: Vec::new(),
            constants: vec![None; N_CONSTANTS].into_boxed_slice(),
            names: FxHashMap::default(),
            changes: FxHashMap::default(),
            facts: FxHashSet::default(),
            notes: FxHashMap::default(),
            originals: FxHashMap::default(),
            interpreters: Vec::new(),
            sweep_at: FIRST_SWEEP,
            n_dropped_bytes: 0,
            n_pinned: 0,
        }
    }

    /// The node of a stand-in.
    #[inline(always)]
    pub fn node(&self, handle: Handle) -> NodeId {
        self.handles[handle.0 as usize]
    }

    /// A handle for a node.
    #[inline(always)]
    pub fn hold(&mut self, node: NodeId) -> Handle {
        if let Some(slot) = self.free.pop() {
            self.handles[slot as usize] = node;
            Handle(slot)
        } else {
            self.handles.push(node);
            Handle(self.handles.len() as u32 - 1)
        }
    }

    /// Gives a handle up.
    #[inline(always)]
    pub fn release(&mut self, handle: Handle) {
        self.handles[handle.0 as usize] = NodeId::NONE;
        self.free.push(handle.0);
    }

    /// Notes that a stand-in of a large value went: when many bytes did, the next operation looks what is wanted.
    pub fn dropped(&mut self, n_bytes: usize) {
        self.n_dropped_bytes = self.n_dropped_bytes.saturating_add(n_bytes);
        if self.n_dropped_bytes > SWEEP_BYTES {
            self.sweep_at = 0;
        }
    }

    /// Adds a node whose value is a reference that the arena takes over.
    #[inline]
    pub fn add(&mut self, operation: Operation<'_>, value: Value, place: PlaceId, parent: NodeId) -> PyResult<NodeId> {
        let Operation { kind, op, label, inputs, after } = operation;
        self.nodes
            .push(NewNode { kind, op, label, inputs, after, place, parent, value })
            .ok_or_else(|| PyMemoryError::new_err("more than 4 billion operations on traced values are held"))
    }

    /// The node of a constant.
    #[inline]
    pub fn constant(&mut self, value: Value) -> PyResult<NodeId> {
        let (tag, bits) = match value {
            Value::Float(number) => (1, number.to_bits()),
            Value::Int(number) => (2, number as u64),
            Value::Object(number) => (3, number),
            Value::Absent => (4, 0),
        };
        let slot = (bits ^ (bits >> 9) ^ (bits >> 48) ^ tag) as usize & (N_CONSTANTS - 1);
        if let Some((known, id)) = self.constants[slot] {
            if same(known, value) {
                return Ok(id);
            }
        }
        if let Value::Object(object) = value {
            // SAFETY: the caller holds the object alive; the node owns a reference of its own.
            unsafe { ffi::Py_INCREF(object as *mut ffi::PyObject) };
        }
        let id = self.add(Operation::new(Kind::Const, Op::None, &[]), value, PlaceId::NONE, NodeId::NONE)?;
        self.constants[slot] = Some((value, id));
        Ok(id)
    }

    /// The label of an attribute's name, which is that text.
    pub fn attribute(&mut self, name: &Bound<'_, PyAny>, text: &str) -> LabelId {
        let Self { names, nodes, .. } = self;
        let key = name.as_ptr() as usize;
        names.entry(key).or_insert_with(|| (nodes.name(text), name.clone().unbind())).0
    }

    /// Notes that a node changed an object.
    pub fn changed(&mut self, object: usize, by: NodeId) {
        self.changes.insert(object, by);
    }

    /// The last node that changed an object.
    #[inline(always)]
    pub fn last_change(&self, value: Value) -> Option<NodeId> {
        match value {
            Value::Object(object) if !self.changes.is_empty() => self.changes.get(&(object as usize)).copied(),
            _ => None,
        }
    }

    /// All objects that were changed, with the nodes that did.
    pub fn all_changes(&self) -> &FxHashMap<usize, NodeId> {
        &self.changes
    }

    /// Whether a conversion is to be added: it is not there yet.
    pub fn is_new_fact(&mut self, node: NodeId, op: Op) -> bool {
        self.facts.insert((node, op))
    }

    /// Looks which nodes are wanted when there are many. No node number that was known before holds afterwards.
    #[inline(always)]
    pub fn tidy() {
        if arena().nodes.len() >= arena().sweep_at && arena().n_pinned == 0 {
            sweep();
        }
    }

    /// Which nodes are wanted: those of stand-ins, what these need, and the facts about them.
    fn wanted(&self) -> Vec<bool> {
        let mut wanted = vec![false; self.nodes.len()];
        for node in self.handles.iter().filter_map(|node| node.known()) {
            wanted[node.index()] = true;
        }
        self.close(&mut wanted);
        // A fact stays while one of the inputs that it speaks of does.
        let mut about = vec![false; wanted.len()];
        for id in self.nodes.ids() {
            let is_input = self.nodes.row(id).kind == Kind::Input && wanted[id.index()];
            about[id.index()] = is_input || self.nodes.needs(id).any(|need| about[need.index()]);
        }
        for id in self.nodes.ids() {
            wanted[id.index()] |= about[id.index()] && self.nodes.row(id).kind == Kind::Convert;
        }
        self.close(&mut wanted);
        wanted
    }

    /// Adds what wanted nodes need. What changed an object that is a wanted node's value is needed as well.
    fn close(&self, wanted: &mut [bool]) {
        loop {
            for id in self.nodes.ids().rev().filter(|id| self.nodes.row(*id).kind != Kind::Const) {
                if wanted[id.index()] {
                    for need in self.nodes.needs(id).chain(self.nodes.row(id).parent.known()) {
                        wanted[need.index()] = true;
                    }
                }
            }
            if self.changes.is_empty() {
                return;
            }
            let mut grew = false;
            for id in self.nodes.ids().filter(|id| wanted[id.index()]).collect::<Vec<_>>() {
                if let Some(change) = self.last_change(self.nodes.row(id).value()) {
                    grew |= !std::mem::replace(&mut wanted[change.index()], true);
                }
            }
            if !grew {
                return;
            }
        }
    }
}

/// Takes out the nodes that nobody wants.
#[cold]
pub fn sweep() {
    let mut released = Vec::new();
    {
        let arena = arena();
        let wanted = arena.wanted();
        for id in arena.nodes.ids().filter(|id| !wanted[id.index()]) {
            if let Value::Object(object) = arena.nodes.row(id).value() {
                released.push(object as *mut ffi::PyObject);
            }
        }
        let renumbered = arena.nodes.retain(|id| wanted[id.index()]);
        let moved = |id: NodeId| renumbered.get(id.index()).copied().unwrap_or(NodeId::NONE);
        arena.handles.iter_mut().for_each(|node| *node = moved(*node));
        arena.constants.fill(None);
        arena.facts =
            arena.facts.iter().map(|(id, op)| (moved(*id), *op)).filter(|(id, _)| *id != NodeId::NONE).collect();
        arena.changes = arena
            .changes
            .iter()
            .map(|(object, id)| (*object, moved(*id)))
            .filter(|(_, id)| *id != NodeId::NONE)
            .collect();
        let mut objects = Vec::new();
        for table in [&mut arena.notes, &mut arena.originals] {
            for (id, object) in std::mem::take(table) {
                match moved(id) {
                    NodeId::NONE => objects.push(object),
                    id => drop(table.insert(id, object)),
                }
            }
        }
        released.extend(objects.into_iter().map(Py::into_ptr));
        arena.sweep_at = FIRST_SWEEP.max(arena.nodes.len() * 2);
        arena.n_dropped_bytes = 0;
    }
    for object in released {
        // SAFETY: the reference was the node's, and the arena is consistent.
        unsafe { ffi::Py_DECREF(object) };
    }
}

/// Whether two values are the same object, or numbers of the same bits.
fn same(left: Value, right: Value) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => left.to_bits() == right.to_bits(),
        (left, right) => left == right,
    }
}
