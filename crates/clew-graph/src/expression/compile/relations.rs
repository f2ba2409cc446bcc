//! What an operand of a loop's body is in all turns: seen in the first turns, and kept to by the others.

use clew_trace::values::{NodeId, Value};
use rustc_hash::FxHashMap;

use super::blocks::{Blocks, Operand};

/// What an operand of the body is, in all turns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Relation {
    /// A value of the same turn: which item's, and which of its values.
    Inside(u32, u32),
    /// A value that a turn before made, and what the first turns have instead.
    Carried { item: u32, inner: u32, distance: u32, inits: [Operand; 2] },
    /// A value from outside, the same in each turn.
    Same(Operand),
    /// Constants, with the step if they are integers in steps.
    Varies { first: Operand, last: Operand, step: Option<i64> },
    /// Two values from outside: the third turn must carry.
    Pending([Operand; 2]),
}

impl Blocks<'_> {
    /// Whether an operand of a turn after the first keeps to what the turns before have shown, which it may refine.
    pub(super) fn holds(
        &self,
        relation: &mut Relation,
        operand: Operand,
        place: Option<(u32, u32, u32)>,
        turn: u32,
    ) -> bool {
        if let Some((made_in, item, inner)) = place {
            let distance = turn - made_in;
            let inits = match *relation {
                Relation::Inside(known, known_inner) => return distance == 0 && (item, inner) == (known, known_inner),
                Relation::Carried { item: known, inner: known_inner, distance: known_distance, .. } => {
                    return distance == known_distance && (item, inner) == (known, known_inner)
                }
                Relation::Same(init) => [init; 2],
                // Two constants in the first two turns look as if they varied.
                Relation::Varies { first, last, .. } => [first, last],
                Relation::Pending(inits) => inits,
            };
            if distance == 0 || distance > 2 || turn != distance {
                return false;
            }
            *relation = Relation::Carried { item, inner, distance, inits };
            return true;
        }
        let may_vary = |other| match (self.item(operand), self.item(other)) {
            (Some((container, _)), Some((other, _))) => container == other,
            (None, None) => self.is_constant(operand) && self.is_constant(other),
            _ => false,
        };
        let is_item = self.item(operand).is_some();
        match *relation {
            Relation::Inside(..) | Relation::Carried { .. } | Relation::Pending(_) => false,
            Relation::Same(known) if self.is_same(known, operand) => true,
            Relation::Same(first) if turn == 1 => {
                *relation = if may_vary(first) {
                    Relation::Varies { first, last: operand, step: self.step(first, operand) }
                } else {
                    Relation::Pending([first, operand])
                };
                true
            }
            Relation::Same(first) if turn == 2 && may_vary(first) && !is_item => {
                *relation = Relation::Varies { first, last: operand, step: None };
                true
            }
            Relation::Same(_) => false,
            Relation::Varies { first, last, step } => {
                let is_in_step = step.is_none() || self.step(last, operand) == step;
                if !may_vary(last) || (!is_in_step && (turn > 3 || is_item)) {
                    return false;
                }
                *relation = Relation::Varies { first, last: operand, step: step.filter(|_| is_in_step) };
                true
            }
        }
    }

    /// The step between two integers.
    fn step(&self, from: Operand, to: Operand) -> Option<i64> {
        self.integer(to)?.checked_sub(self.integer(from)?)
    }

    pub(super) fn integer(&self, operand: Operand) -> Option<i64> {
        if let Some((_, number)) = self.item(operand) {
            return Some(number);
        }
        let (Operand::Value(node) | Operand::Fact(node)) = operand;
        match self.lowered.nodes.row(NodeId(node)).value() {
            Value::Int(number) => Some(number),
            _ => None,
        }
    }

    /// Whether what turns carry has one value each before the first turn.
    pub(super) fn agrees(&self, relations: &[Relation]) -> bool {
        let mut before: FxHashMap<(u32, u32, u32), Operand> = FxHashMap::default();
        let mut is_one = |key, init| self.is_same(*before.entry(key).or_insert(init), init);
        relations.iter().all(|relation| match relation {
            Relation::Carried { item, inner, distance: 1, inits } => is_one((*item, *inner, 1), inits[0]),
            Relation::Carried { item, inner, inits, .. } => {
                is_one((*item, *inner, 2), inits[0]) && is_one((*item, *inner, 1), inits[1])
            }
            _ => true,
        })
    }
}
