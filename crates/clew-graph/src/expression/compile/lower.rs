//! The operations that a function must do, in the order of the program: calls inlined, what is dead or repeated gone.
//!
//! What only passes a value on (arguments, results, `yield`) is no operation: [`Lowered::value`] leads from it to the
//! operation or the constant that makes the value. An operation is taken to repeat an earlier one only if no change
//! can lie between: both come after the same nodes, and what they give can never be changed.

use clew_trace::values::{Kind, NodeId, Nodes, Op, Value};
use rustc_hash::FxHashSet;

use super::super::bits::Bits;
use super::super::closure::guards;
use super::super::Describe;
use super::known::{mix, Known};
use super::Guards;

/// How an operation may move: over others, over those that change nothing, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// It depends on nothing but its operands.
    Pure,
    /// It depends on what objects hold, or checks a fact.
    Reads,
    /// It changes something, or may.
    Changes,
}

/// What a function does, before it has a shape.
pub(crate) struct Lowered<'a> {
    pub(crate) nodes: &'a Nodes,
    pub(crate) describe: &'a dyn Describe,
    /// The operations, ascending.
    pub(crate) order: Vec<u32>,
    /// For each node that matters, the one that makes its value.
    made_by: Vec<u32>,
    /// The facts that are checked.
    guards: Bits,
    is_checked: bool,
    /// Items of inputs that nothing changes: these are read where they are used, and need no operation.
    items: Bits,
}

impl<'a> Lowered<'a> {
    pub(crate) fn new(nodes: &'a Nodes, outputs: &[NodeId], describe: &'a dyn Describe, check: Guards) -> Self {
        let mut facts = Bits::new(nodes.len());
        if check == Guards::Check {
            for guard in guards(nodes, outputs) {
                facts.insert(guard.index());
            }
        }
        let mut lowered = Self {
            nodes,
            describe,
            order: Vec::new(),
            made_by: vec![u32::MAX; nodes.len()],
            guards: facts,
            is_checked: check == Guards::Check,
            items: Bits::new(nodes.len()),
        };
        let live = lowered.live(outputs);
        lowered.schedule(&live);
        lowered
    }

    /// The node that makes the value of a node that matters: an operation, a constant or an input.
    #[inline]
    pub(crate) fn value(&self, id: NodeId) -> u32 {
        self.made_by[id.index()]
    }

    /// Whether a node is a fact that is checked where it stands.
    pub(crate) fn is_guard(&self, node: u32) -> bool {
        self.is_checked && self.guards.contains(node as usize)
    }

    /// Whether a value is there from the start.
    #[inline]
    pub(crate) fn is_leaf(&self, node: u32) -> bool {
        matches!(self.nodes.row(NodeId(node)).kind, Kind::Const | Kind::Input) || self.items.contains(node as usize)
    }

    /// The container and the number of an item that is read where it is used.
    pub(crate) fn item(&self, node: u32) -> Option<(u32, i64)> {
        if !self.items.contains(node as usize) {
            return None;
        }
        let mut inputs = self.nodes.inputs(NodeId(node));
        let (container, key) = (inputs.next()?, inputs.next()?);
        match self.nodes.row(key).value() {
            Value::Int(number) => Some((self.value(container), number)),
            _ => None,
        }
    }

    /// The input that an item is an item of, however deep.
    pub(crate) fn root(&self, node: u32) -> u32 {
        let mut root = node;
        while let Some((container, _)) = self.item(root) {
            root = container;
        }
        root
    }

    /// Whether an operation changes the object that it has as its value.
    pub(crate) fn changes_operand(&self, node: u32) -> bool {
        let row = self.nodes.row(NodeId(node));
        match row.kind {
            Kind::SetAttr | Kind::DelAttr | Kind::SetItem | Kind::DelItem => true,
            Kind::Binary => {
                row.op.without_place().is_some() && !is_number(row.value()) && {
                    // An operator that made another object changed none.
                    let operand = self.nodes.inputs(NodeId(node)).next().map(|input| self.nodes.row(input).value());
                    operand == Some(row.value()) || row.value() == Value::Absent
                }
            }
            _ => false,
        }
    }

    /// How an operation may move.
    pub(crate) fn class(&self, node: u32) -> Class {
        let id = NodeId(node);
        let row = self.nodes.row(id);
        match row.kind {
            Kind::UntracedCall | Kind::UntracedDispatch | Kind::Call | Kind::Dispatch | Kind::Next => Class::Changes,
            Kind::Convert if row.op == Op::Exhausted => Class::Changes,
            _ if self.changes_operand(node) => Class::Changes,
            Kind::Unary | Kind::Binary | Kind::Compare if self.is_arithmetic(id) => Class::Pure,
            Kind::Build if !matches!(row.op, Op::NamedTuple | Op::Dataclass) => Class::Pure,
            _ => Class::Reads,
        }
    }

    /// Whether an operation has numbers only: these never change.
    fn is_arithmetic(&self, id: NodeId) -> bool {
        self.nodes.inputs(id).all(|input| is_number(self.nodes.row(input).value()))
    }

    /// The nodes that the result needs when calls are inlined.
    fn live(&self, outputs: &[NodeId]) -> Bits {
        let nodes = self.nodes;
        let mut live = Bits::new(nodes.len());
        for id in outputs {
            live.insert(id.index());
        }
        for at in self.guards.iter() {
            if !self.is_of_inlined_generator(NodeId(at as u32)) {
                live.insert(at);
            }
        }
        let mut next = nodes.len().checked_sub(1).and_then(|end| live.last_up_to(end));
        while let Some(at) = next {
            let id = NodeId(at as u32);
            if let Some(passed) = passed_on(nodes, id) {
                live.insert(passed.index());
            } else {
                for input in nodes.inputs(id) {
                    live.insert(input.index());
                }
            }
            for change in nodes.after(id) {
                // What a traced call changed, the operations in it did.
                if !matches!(nodes.row(change).kind, Kind::Call | Kind::Dispatch) {
                    live.insert(change.index());
                }
            }
            next = at.checked_sub(1).and_then(|below| live.last_up_to(below));
        }
        live
    }

    /// Whether a fact says that a generator whose operations stand in the function themselves has ended.
    fn is_of_inlined_generator(&self, id: NodeId) -> bool {
        let nodes = self.nodes;
        if nodes.row(id).op != Op::Exhausted {
            return false;
        }
        let mut at = id;
        loop {
            at = match (nodes.row(at).kind, passed_on(nodes, at)) {
                (_, Some(passed)) => passed,
                (Kind::Iter | Kind::Convert, None) => match nodes.inputs(at).next() {
                    Some(input) => input,
                    None => return false,
                },
                (kind, None) => return matches!(kind, Kind::Call | Kind::Dispatch),
            };
        }
    }

    fn schedule(&mut self, live: &Bits) {
        let nodes = self.nodes;
        let mut known = Known::new(live.count());
        let mut iterators = Bits::new(nodes.len());
        let changed = self.changed(live);
        for id in nodes.ids() {
            let at = id.index();
            let row = nodes.row(id);
            if !live.contains(at) {
                // The end of an iterator tells where a loop over it ends, whether it is checked or not; unless a value
                // was taken from it that the result does not need.
                if matches!(row.kind, Kind::Next | Kind::Convert) {
                    let iterator = nodes.inputs(id).next().map_or(u32::MAX, |input| self.value(input));
                    if iterator != u32::MAX && iterators.contains(iterator as usize) {
                        if row.kind == Kind::Next {
                            iterators.remove(iterator as usize);
                        } else if row.op == Op::Exhausted {
                            self.made_by[at] = id.0;
                            self.order.push(id.0);
                        }
                    }
                }
                continue;
            }
            if let Some(passed) = passed_on(nodes, id) {
                self.made_by[at] = self.value(passed);
                continue;
            }
            if self.changes_operand(id.0) && row.kind != Kind::Binary {
                let object = nodes.inputs(id).next().map_or(id.0, |object| self.value(object));
                self.made_by[at] = object;
                self.order.push(id.0);
                continue;
            }
            self.made_by[at] = id.0;
            if row.kind == Kind::Iter {
                iterators.insert(at);
            }
            let is_item = changed.as_ref().is_some_and(|changed| self.is_steady_item(id, changed));
            if is_item {
                self.items.insert(at);
            }
            if is_item || self.can_repeat(id) {
                if let Some(earlier) = known.find(self.hash(id), id.0, |earlier| self.is_same(id, NodeId(earlier))) {
                    self.made_by[at] = earlier;
                    continue;
                }
            }
            if !self.is_leaf(id.0) {
                self.order.push(id.0);
            }
        }
    }

    /// The objects that the function changes; none when it may change any.
    fn changed(&self, live: &Bits) -> Option<FxHashSet<u64>> {
        let mut changed = FxHashSet::default();
        for at in live.iter() {
            let id = NodeId(at as u32);
            let row = self.nodes.row(id);
            let is_object = |input: NodeId| {
                let input = self.nodes.row(input);
                input.kind != Kind::Const && !is_number(input.value())
            };
            match row.kind {
                Kind::UntracedCall | Kind::UntracedDispatch if self.nodes.inputs(id).any(is_object) => return None,
                _ if self.changes_operand(id.0) => match row.value() {
                    Value::Object(object) => changed.insert(object),
                    _ => return None,
                },
                _ => false,
            };
        }
        Some(changed)
    }

    /// Whether a node is a numbered item of an input, or of such an item, that nothing changes.
    fn is_steady_item(&self, id: NodeId, changed: &FxHashSet<u64>) -> bool {
        let row = self.nodes.row(id);
        let mut inputs = self.nodes.inputs(id);
        let (Kind::GetItem, Some(container), Some(key)) = (row.kind, inputs.next(), inputs.next()) else {
            return false;
        };
        let from = self.value(container);
        let (container, key) = (self.nodes.row(NodeId(from)), self.nodes.row(key));
        let is_inside = container.kind == Kind::Input || self.items.contains(from as usize);
        is_inside
            && key.kind == Kind::Const
            && matches!(key.value(), Value::Int(_))
            && matches!(container.value(), Value::Object(object) if !changed.contains(&object))
            && self.nodes.after(id).len() == 0
    }

    /// Whether an operation gives the same whenever it is done with the same.
    fn can_repeat(&self, id: NodeId) -> bool {
        let row = self.nodes.row(id);
        match row.kind {
            Kind::Const => true,
            Kind::Input => true,
            Kind::Unary | Kind::Binary | Kind::Compare => {
                !self.changes_operand(id.0) && (is_number(row.value()) || self.is_arithmetic(id))
            }
            Kind::GetItem => is_number(row.value()),
            Kind::Build => matches!(row.op, Op::Tuple | Op::Slice | Op::FrozenSet),
            Kind::Convert => !matches!(row.op, Op::Exhausted | Op::Plain),
            _ => false,
        }
    }

    fn hash(&self, id: NodeId) -> u64 {
        let row = self.nodes.row(id);
        let mut hash = mix(row.kind as u64 | (row.op as u64) << 8);
        match row.kind {
            Kind::Const => hash = mix(hash ^ self.constant_key(id.0)),
            Kind::Input => hash = mix(hash ^ u64::from(self.nodes.label_id(id).0)),
            _ => {
                for input in self.nodes.inputs(id) {
                    hash = mix(hash ^ u64::from(self.value(input)));
                }
            }
        }
        hash
    }

    fn is_same(&self, one: NodeId, other: NodeId) -> bool {
        let nodes = self.nodes;
        let (row, other_row) = (nodes.row(one), nodes.row(other));
        if (row.kind, row.op) != (other_row.kind, other_row.op) || nodes.label_id(one) != nodes.label_id(other) {
            return false;
        }
        match row.kind {
            Kind::Const => self.is_same_constant(one.0, other.0),
            Kind::Input => true,
            _ => {
                let values = |id| nodes.inputs(id).map(|input| self.value(input));
                values(one).eq(values(other)) && nodes.after(one).eq(nodes.after(other))
            }
        }
    }

    /// Whether the recorded values of two nodes are the same.
    pub(crate) fn is_same_constant(&self, one: u32, other: u32) -> bool {
        one == other
            || match (self.nodes.row(NodeId(one)).value(), self.nodes.row(NodeId(other)).value()) {
                (Value::Float(one), Value::Float(other)) => one.to_bits() == other.to_bits(),
                (Value::Int(one), Value::Int(other)) => one == other,
                (Value::Object(_), Value::Object(_)) => {
                    self.describe.key(NodeId(one)) == self.describe.key(NodeId(other))
                }
                _ => false,
            }
    }

    /// A number that the recorded value of a node shares with the same values.
    pub(crate) fn constant_key(&self, node: u32) -> u64 {
        match self.nodes.row(NodeId(node)).value() {
            Value::Float(number) => mix(number.to_bits() ^ 1),
            Value::Int(number) => mix(number as u64),
            Value::Object(_) => self.describe.key(NodeId(node)),
            Value::Absent => u64::from(node),
        }
    }
}

/// What a node passes on, if it does nothing else.
fn passed_on(nodes: &Nodes, id: NodeId) -> Option<NodeId> {
    let row = nodes.row(id);
    match row.kind {
        Kind::Argument | Kind::Return => nodes.inputs(id).nth(1),
        Kind::Yield => nodes.inputs(id).next(),
        // What a generator of a traced function gives; its operations stand before.
        Kind::Next => nodes.inputs(id).nth(1).filter(|from| nodes.row(*from).kind == Kind::Yield),
        _ => None,
    }
}

fn is_number(value: Value) -> bool {
    matches!(value, Value::Float(_) | Value::Int(_))
}
