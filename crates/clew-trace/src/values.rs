//! The trace of values: one node for each operation that traced values went through.
//!
//! Nodes are rows of 32 bytes in the order in which the operations happened; what a node reads comes before it. Numbers
//! (floats and small integers) stand in the rows; every other value is a number that whoever made the trace gives a
//! meaning to. It knows no Python object.
//!
//! A node reads its *inputs*, and may come *after* other nodes: the last ones that changed the objects it reads.

mod operations;

pub use operations::{Kind, Op, KINDS, OPS};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// A node of one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u32);

impl NodeId {
    /// Stands where there is no node.
    pub const NONE: Self = Self(u32::MAX);

    /// The node as an index into its trace.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The node, unless there is none.
    pub fn known(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }
}

/// A text that belongs to nodes: a name, or what is called and with which keywords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LabelId(pub u32);

impl LabelId {
    /// Stands where there is no label.
    pub const NONE: Self = Self(u32::MAX);
}

/// Where an operation stands in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlaceId(pub u32);

impl PlaceId {
    /// Stands where the place is not known.
    pub const NONE: Self = Self(u32::MAX);
}

/// The value of a node as it was when it was traced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// No value: the operation has none, or it is not known.
    Absent,
    /// A float of Python's own type.
    Float(f64),
    /// An integer of Python's own type that fits.
    Int(i64),
    /// Whatever the maker of the trace knows by this number.
    Object(u64),
}

/// What [`Node::bits`] mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Absent,
    Float,
    Int,
    Object,
}

/// The inputs do not fit into the row.
const SPILLED: u8 = u8::MAX;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    bits: u64,
    first: u32,
    second: u32,
    /// Where it stands in the program.
    pub place: PlaceId,
    /// The call in which it happened.
    pub parent: NodeId,
    tag: Tag,
    /// What kind of operation it is.
    pub kind: Kind,
    /// Which operation it is.
    pub op: Op,
    n_inline: u8,
}

impl Node {
    /// Its value.
    #[inline(always)]
    pub fn value(&self) -> Value {
        match self.tag {
            Tag::Absent => Value::Absent,
            Tag::Float => Value::Float(f64::from_bits(self.bits)),
            Tag::Int => Value::Int(self.bits as i64),
            Tag::Object => Value::Object(self.bits),
        }
    }

    /// Gives it a value.
    #[inline(always)]
    pub fn set_value(&mut self, value: Value) {
        (self.tag, self.bits) = match value {
            Value::Absent => (Tag::Absent, 0),
            Value::Float(number) => (Tag::Float, number.to_bits()),
            Value::Int(number) => (Tag::Int, number as u64),
            Value::Object(number) => (Tag::Object, number),
        };
    }
}

/// What is called, or the name of what is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Label {
    /// The name: of an attribute, an input, a parameter; the qualified name of a function.
    pub text: String,
    /// Names of the last inputs of a call. `*` and `**` stand for what is unpacked there.
    pub keywords: Vec<String>,
}

/// A line of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file, or what stands for one.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// Nodes in order, with the texts they speak of.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    rows: Vec<Node>,
    /// Label, number of nodes that it comes after, these nodes, inputs: of rows that hold more than two inputs, or more
    /// than one and a label, or come after other nodes.
    spill: Vec<u32>,
    labels: Vec<Label>,
    known_labels: FxHashMap<Label, LabelId>,
}

/// What is to be added to a trace.
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    /// What kind of operation it is.
    pub kind: Kind,
    /// Which operation it is.
    pub op: Op,
    /// Its name, or what it calls.
    pub label: LabelId,
    /// What it reads.
    pub inputs: &'a [NodeId],
    /// The last nodes that changed the objects that it reads.
    pub after: &'a [NodeId],
    /// Where it stands in the program.
    pub place: PlaceId,
    /// The call in which it happened.
    pub parent: NodeId,
    /// Its value.
    pub value: Value,
}

impl Nodes {
    /// How many nodes there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All nodes in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator {
        (0..self.rows.len() as u32).map(NodeId)
    }

    /// A node's row.
    #[inline(always)]
    pub fn row(&self, id: NodeId) -> &Node {
        &self.rows[id.index()]
    }

    /// A node's row, to change its value or its place.
    #[inline(always)]
    pub fn row_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.rows[id.index()]
    }

    /// All rows, in order.
    pub fn rows(&self) -> &[Node] {
        &self.rows
    }

    /// Adds a node. `None` when there are as many as can be named.
    #[inline]
    pub fn push(&mut self, new: NewNode<'_>) -> Option<NodeId> {
        let (first, second, n_inline) = match *new.inputs {
            _ if !new.after.is_empty() => self.spill(&new)?,
            [] => (new.label.0, u32::MAX, 0),
            [one] => (one.0, new.label.0, 1),
            [one, two] if new.label == LabelId::NONE => (one.0, two.0, 2),
            _ => self.spill(&new)?,
        };
        let mut node = Node {
            bits: 0,
            first,
            second,
            place: new.place,
            parent: new.parent,
            tag: Tag::Absent,
            kind: new.kind,
            op: new.op,
            n_inline,
        };
        node.set_value(new.value);
        let id = NodeId(u32::try_from(self.rows.len()).ok().filter(|id| *id != u32::MAX)?);
        self.rows.push(node);
        Some(id)
    }

    fn spill(&mut self, new: &NewNode<'_>) -> Option<(u32, u32, u8)> {
        let at = u32::try_from(self.spill.len()).ok()?;
        self.spill.extend([new.label.0, new.after.len() as u32]);
        self.spill.extend(new.after.iter().map(|id| id.0));
        self.spill.extend(new.inputs.iter().map(|id| id.0));
        Some((at, new.inputs.len() as u32, SPILLED))
    }

    /// What a node reads, in order.
    #[inline]
    pub fn inputs(&self, id: NodeId) -> Inputs<'_> {
        let row = &self.rows[id.index()];
        match row.n_inline {
            SPILLED => {
                let at = row.first as usize + 2 + self.spill[row.first as usize + 1] as usize;
                Inputs::Many(self.spill[at..at + row.second as usize].iter())
            }
            n => Inputs::Few { ids: [row.first, row.second], at: 0, n },
        }
    }

    /// The last nodes that changed the objects that this one reads.
    #[inline]
    pub fn after(&self, id: NodeId) -> Inputs<'_> {
        let row = &self.rows[id.index()];
        if row.n_inline == SPILLED {
            let at = row.first as usize + 2;
            Inputs::Many(self.spill[at..at + self.spill[at - 1] as usize].iter())
        } else {
            Inputs::Few { ids: [0; 2], at: 0, n: 0 }
        }
    }

    /// What a node needs: its inputs, and the nodes that it comes after.
    #[inline]
    pub fn needs(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.inputs(id).chain(self.after(id))
    }

    /// The label of a node.
    pub fn label(&self, id: NodeId) -> Option<&Label> {
        self.labels.get(self.label_id(id).0 as usize)
    }

    /// The number of a node's label.
    #[inline]
    pub fn label_id(&self, id: NodeId) -> LabelId {
        let row = &self.rows[id.index()];
        LabelId(match row.n_inline {
            0 => row.first,
            1 => row.second,
            SPILLED => self.spill[row.first as usize],
            _ => u32::MAX,
        })
    }

    /// The name of a node, or of what it calls; empty when it has none.
    pub fn text(&self, id: NodeId) -> &str {
        self.label(id).map_or("", |label| &label.text)
    }

    /// The label with a number.
    pub fn label_by_id(&self, id: LabelId) -> Option<&Label> {
        self.labels.get(id.0 as usize)
    }

    /// The number of a label, the same for equal ones.
    pub fn intern(&mut self, label: Label) -> LabelId {
        if let Some(id) = self.known_labels.get(&label) {
            return *id;
        }
        let id = LabelId(self.labels.len() as u32);
        self.labels.push(label.clone());
        self.known_labels.insert(label, id);
        id
    }

    /// The number of a label that is a name.
    pub fn name(&mut self, text: &str) -> LabelId {
        self.intern(Label { text: text.to_owned(), keywords: Vec::new() })
    }

    /// Takes out the nodes that are not to stay. Those that stay are numbered anew; all that they need must stay.
    ///
    /// Returns the new number of each node, `NodeId::NONE` for those that went.
    pub fn retain(&mut self, stays: impl Fn(NodeId) -> bool) -> Vec<NodeId> {
        let mut renumbered = vec![NodeId::NONE; self.rows.len()];
        let spill = std::mem::take(&mut self.spill);
        let mut n_kept = 0;
        for at in 0..self.rows.len() {
            if !stays(NodeId(at as u32)) {
                continue;
            }
            let mut row = self.rows[at];
            let moved = |id: u32| renumbered.get(id as usize).map_or(u32::MAX, |id| id.0);
            match row.n_inline {
                0 => {}
                1 => row.first = moved(row.first),
                SPILLED => {
                    let from = row.first as usize;
                    row.first = self.spill.len() as u32;
                    let end = from + 2 + spill[from + 1] as usize + row.second as usize;
                    self.spill.extend([spill[from], spill[from + 1]]);
                    self.spill.extend(spill[from + 2..end].iter().map(|id| moved(*id)));
                }
                _ => (row.first, row.second) = (moved(row.first), moved(row.second)),
            }
            row.parent = NodeId(moved(row.parent.0));
            renumbered[at] = NodeId(n_kept as u32);
            self.rows[n_kept] = row;
            n_kept += 1;
        }
        self.rows.truncate(n_kept);
        // What went is given back, unless about as much is likely to come again.
        if self.rows.capacity() / 4 > n_kept {
            self.rows.shrink_to(n_kept * 2);
            self.spill.shrink_to_fit();
        }
        renumbered
    }

    /// A trace of some of the nodes, in order. All that they need must be among them.
    #[must_use]
    pub fn selected(&self, ids: &[NodeId]) -> Self {
        let mut renumbered = rustc_hash::FxHashMap::default();
        let is_dense = ids.len() * 4 > self.rows.len();
        let mut dense = vec![u32::MAX; if is_dense { self.rows.len() } else { 0 }];
        for (new, old) in ids.iter().enumerate() {
            if is_dense {
                dense[old.index()] = new as u32;
            } else {
                renumbered.insert(old.0, new as u32);
            }
        }
        let moved = |id: u32| {
            if is_dense {
                dense.get(id as usize).copied().unwrap_or(u32::MAX)
            } else {
                renumbered.get(&id).copied().unwrap_or(u32::MAX)
            }
        };
        let mut rows = Vec::with_capacity(ids.len());
        let mut spill = Vec::new();
        for id in ids {
            let mut row = self.rows[id.index()];
            match row.n_inline {
                0 => {}
                1 => row.first = moved(row.first),
                SPILLED => {
                    let from = row.first as usize;
                    row.first = spill.len() as u32;
                    let end = from + 2 + self.spill[from + 1] as usize + row.second as usize;
                    spill.extend([self.spill[from], self.spill[from + 1]]);
                    spill.extend(self.spill[from + 2..end].iter().map(|id| moved(*id)));
                }
                _ => (row.first, row.second) = (moved(row.first), moved(row.second)),
            }
            row.parent = NodeId(moved(row.parent.0));
            rows.push(row);
        }
        Self { rows, spill, labels: self.labels.clone(), known_labels: self.known_labels.clone() }
    }
}

/// What a node reads, in order.
#[derive(Clone, Debug)]
pub enum Inputs<'a> {
    /// Inputs that stand in the row.
    Few {
        /// The inputs.
        ids: [u32; 2],
        /// How many were given.
        at: u8,
        /// How many there are.
        n: u8,
    },
    /// Inputs that stand elsewhere.
    Many(std::slice::Iter<'a, u32>),
}

impl Iterator for Inputs<'_> {
    type Item = NodeId;

    #[inline]
    fn next(&mut self) -> Option<NodeId> {
        match self {
            Self::Few { ids, at, n } => (at < n).then(|| {
                let id = NodeId(ids[*at as usize]);
                *at += 1;
                id
            }),
            Self::Many(ids) => ids.next().map(|id| NodeId(*id)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let n = match self {
            Self::Few { at, n, .. } => (*n - *at) as usize,
            Self::Many(ids) => ids.len(),
        };
        (n, Some(n))
    }
}

impl ExactSizeIterator for Inputs<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn new<'a>(kind: Kind, inputs: &'a [NodeId], label: LabelId, after: &'a [NodeId]) -> NewNode<'a> {
        NewNode {
            kind,
            op: Op::None,
            label,
            inputs,
            after,
            place: PlaceId::NONE,
            parent: NodeId::NONE,
            value: Value::Int(7),
        }
    }

    fn sample() -> Nodes {
        let mut nodes = Nodes::default();
        let x = nodes.name("x");
        let f = nodes.intern(Label { text: "f".into(), keywords: vec!["k".into()] });
        for n in 0..4 {
            nodes.push(new(Kind::Input, &[], x, &[])).expect("room");
            assert_eq!(nodes.len(), n + 1);
        }
        nodes.push(new(Kind::Unary, &[NodeId(1)], LabelId::NONE, &[])).expect("room");
        nodes.push(new(Kind::Binary, &[NodeId(1), NodeId(4)], LabelId::NONE, &[])).expect("room");
        nodes.push(new(Kind::Call, &[NodeId(5), NodeId(1), NodeId(3)], f, &[])).expect("room");
        nodes.push(new(Kind::GetItem, &[NodeId(6), NodeId(1)], LabelId::NONE, &[NodeId(5), NodeId(1)])).expect("room");
        nodes
    }

    #[test]
    fn rows_are_small() {
        assert_eq!(size_of::<Node>(), 32);
    }

    #[test]
    fn what_is_added_is_read_back() {
        let nodes = sample();
        assert_eq!(nodes.inputs(NodeId(6)).collect::<Vec<_>>(), [NodeId(5), NodeId(1), NodeId(3)]);
        assert_eq!(nodes.label(NodeId(6)).map(|label| label.keywords.len()), Some(1));
        assert_eq!(nodes.text(NodeId(2)), "x");
        assert_eq!(nodes.after(NodeId(7)).collect::<Vec<_>>(), [NodeId(5), NodeId(1)]);
        assert_eq!(nodes.needs(NodeId(7)).collect::<Vec<_>>(), [NodeId(6), NodeId(1), NodeId(5), NodeId(1)]);
        assert_eq!(nodes.row(NodeId(7)).value(), Value::Int(7));
    }

    #[test]
    fn what_stays_keeps_its_inputs() {
        let mut nodes = sample();
        let selected = nodes.selected(&[1, 3, 4, 5, 6, 7].map(NodeId));
        let renumbered = nodes.retain(|id| id != NodeId(0) && id != NodeId(2));
        assert_eq!(renumbered[7], NodeId(5));
        for nodes in [&nodes, &selected] {
            assert_eq!(nodes.inputs(NodeId(4)).collect::<Vec<_>>(), [NodeId(3), NodeId(0), NodeId(1)]);
            assert_eq!(nodes.needs(NodeId(5)).collect::<Vec<_>>(), [NodeId(4), NodeId(0), NodeId(3), NodeId(0)]);
            assert_eq!(nodes.text(NodeId(4)), "f");
        }
    }
}
