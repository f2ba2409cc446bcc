//! The shape of a function: its operations in order, some of them in loops.
//!
//! An item is an operation or a loop of items. A loop is described by its last turn: the items of that turn stand for
//! those of all turns, and values that are used after the loop are those of the last turn.

use clew_trace::values::{Kind, NodeId};
use rustc_hash::FxHashMap;

use super::lower::Lowered;

/// An operation, by its node, or a loop, by [`Blocks::first_loop`] and its number.
pub(crate) type Item = u32;

/// What an item reads: the value that a node makes, or the recorded value of a fact, which is a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    Value(u32),
    Fact(u32),
}

/// An operand of an item of a loop's body: which item, which of its operands.
pub(crate) type Slot = (u32, u32);

/// A value that a turn takes from the turn before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Carry {
    /// The value of the turn before, as the last turn reads it.
    pub(crate) old: u32,
    /// What the first turn reads instead: an operand of the loop.
    pub(crate) init: u32,
    /// The value that the next turn reads: one of this turn, or another value of the turn before.
    pub(crate) new: u32,
}

/// A constant that is another one in each turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Varying {
    /// Integers in steps.
    Range { first: i64, step: i64 },
    /// Any constants.
    Listed(Vec<Operand>),
}

/// A body that repeats.
#[derive(Clone, Debug, Default)]
pub(crate) struct Loop {
    pub(crate) n_turns: u32,
    /// The items of the last turn.
    pub(crate) body: Vec<Item>,
    /// What it reads from outside.
    pub(crate) operands: Vec<Operand>,
    pub(crate) carries: Vec<Carry>,
    pub(crate) varying: Vec<Varying>,
    /// Which operands of the body vary.
    pub(crate) varies: FxHashMap<Slot, u32>,
    /// Of the operands that vary, those that are items, with the operand of the loop that they are items of.
    pub(crate) item_of: FxHashMap<Slot, u32>,
    /// Which operands of the body are which operands of the loop, of those that could vary in a loop around.
    pub(crate) fixed: FxHashMap<Slot, u32>,
    /// What makes two loops alike.
    pub(crate) signature: u64,
    /// It takes all values of an iterator, with the first item of its body.
    pub(crate) exhausts: bool,
}

/// The items of a function.
pub(crate) struct Blocks<'a> {
    pub(crate) lowered: &'a Lowered<'a>,
    pub(crate) items: Vec<Item>,
    pub(crate) loops: Vec<Loop>,
    /// For values that leave a loop, the number of the value among those of its body.
    pub(crate) inner: FxHashMap<u32, u32>,
    pub(crate) first_loop: u32,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(lowered: &'a Lowered<'a>) -> Self {
        let first_loop = lowered.nodes.len() as u32;
        Self { lowered, items: lowered.order.clone(), loops: Vec::new(), inner: FxHashMap::default(), first_loop }
    }

    /// The loop that an item is, if it is one.
    #[inline]
    pub(crate) fn as_loop(&self, item: Item) -> Option<&Loop> {
        self.loops.get(item.checked_sub(self.first_loop)? as usize)
    }

    /// Whether a node is an end of an iterator that is not checked: it only says where a loop may end.
    pub(crate) fn is_mere_end(&self, item: Item) -> bool {
        self.as_loop(item).is_none() && {
            let row = self.lowered.nodes.row(NodeId(item));
            row.kind == Kind::Convert && row.op == clew_trace::values::Op::Exhausted && !self.lowered.is_guard(item)
        }
    }

    /// What an item reads, in order.
    #[inline]
    pub(crate) fn for_operands(&self, item: Item, mut each: impl FnMut(Operand)) {
        if let Some(body) = self.as_loop(item) {
            body.operands.iter().copied().for_each(each);
            return;
        }
        for input in self.lowered.nodes.inputs(NodeId(item)) {
            each(Operand::Value(self.lowered.value(input)));
        }
        if self.lowered.is_guard(item) {
            each(Operand::Fact(item));
        }
    }

    /// The values that an item makes and others may read.
    pub(crate) fn for_values(&self, item: Item, each: &mut impl FnMut(u32)) {
        match self.as_loop(item) {
            None => each(item),
            Some(body) => {
                let mut waiting: Vec<Item> = body.body.iter().rev().copied().collect();
                while let Some(item) = waiting.pop() {
                    match self.as_loop(item) {
                        None => each(item),
                        Some(body) => waiting.extend(body.body.iter().rev()),
                    }
                }
            }
        }
    }

    /// Whether an operand is a constant: it may be another one in each turn.
    pub(crate) fn is_constant(&self, operand: Operand) -> bool {
        match operand {
            Operand::Fact(_) => true,
            Operand::Value(node) => self.lowered.nodes.row(NodeId(node)).kind == Kind::Const,
        }
    }

    /// The item that an operand is, if it is one that is read where it is used.
    pub(crate) fn item(&self, operand: Operand) -> Option<(u32, i64)> {
        match operand {
            Operand::Value(node) => self.lowered.item(node),
            Operand::Fact(_) => None,
        }
    }

    /// Whether an operand may be another one in each turn.
    pub(crate) fn can_vary(&self, operand: Operand) -> bool {
        self.is_constant(operand) || self.item(operand).is_some()
    }

    /// Whether two operands are the same value.
    #[inline]
    pub(crate) fn is_same(&self, one: Operand, other: Operand) -> bool {
        match (one, other) {
            (Operand::Value(one), Operand::Value(other)) => one == other,
            (Operand::Fact(one), Operand::Fact(other)) => self.lowered.is_same_constant(one, other),
            _ => false,
        }
    }

    /// A number that operands which are the same share.
    pub(crate) fn key(&self, operand: Operand) -> u64 {
        match operand {
            Operand::Value(node) if !self.is_constant(operand) => u64::from(node),
            Operand::Value(node) | Operand::Fact(node) => self.lowered.constant_key(node),
        }
    }
}
