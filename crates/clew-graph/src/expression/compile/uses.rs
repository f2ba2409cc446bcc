//! How often each value is written, and where: a value that one place of its own block uses needs no name.

use clew_trace::values::NodeId;
use rustc_hash::{FxHashMap, FxHashSet};

use super::blocks::{Blocks, Item, Operand};

/// The block of the function itself; loops follow.
pub(crate) const OUTERMOST: u32 = 0;

/// The uses of all values.
pub(crate) struct Uses {
    /// How often each value is still to be read, by whom ever.
    pub(crate) remaining: Vec<u32>,
    /// Values that must have a name, for more than one use or one elsewhere.
    n_here: Vec<u8>,
    /// Where values in loops are made.
    home: FxHashMap<u32, u32>,
    /// The block around each loop.
    around: FxHashMap<u32, u32>,
    /// Values of a loop that its next turn reads: after the loop these have the name of what is carried.
    carried: FxHashSet<(u32, u32)>,
    /// Such values that are used after a loop around theirs which does not carry them.
    leaving: FxHashSet<u32>,
}

impl Uses {
    pub(crate) fn new(blocks: &Blocks<'_>, outputs: &[u32]) -> Self {
        let n_nodes = blocks.lowered.nodes.len();
        let mut uses = Self {
            remaining: vec![0; n_nodes],
            n_here: vec![0; n_nodes],
            home: FxHashMap::default(),
            around: FxHashMap::default(),
            carried: FxHashSet::default(),
            leaving: FxHashSet::default(),
        };
        uses.block(blocks, &blocks.items, OUTERMOST);
        for output in outputs {
            uses.one(blocks.lowered.root(*output), OUTERMOST);
        }
        uses
    }

    /// Whether a value is used once, in the block that makes it.
    pub(crate) fn is_single(&self, value: u32) -> bool {
        self.n_here[value as usize] == 1
    }

    /// Whether nothing uses a value.
    pub(crate) fn is_unused(&self, value: u32) -> bool {
        self.n_here[value as usize] == 0
    }

    /// Whether a value that a loop carries must not share its variable with a loop around that one.
    pub(crate) fn is_leaving(&self, value: u32) -> bool {
        self.leaving.contains(&value)
    }

    fn one(&mut self, value: u32, block: u32) {
        self.remaining[value as usize] += 1;
        let home = self.home.get(&value).copied().unwrap_or(OUTERMOST);
        let n = if home == block {
            1
        } else if self.carried.contains(&(value, home)) && !self.is_inside(block, home) {
            let mut left = self.around.get(&home).copied();
            while let Some(outer) = left.filter(|outer| *outer != block && *outer != OUTERMOST) {
                if !self.carried.contains(&(value, outer)) {
                    self.leaving.insert(value);
                }
                left = self.around.get(&outer).copied();
            }
            0
        } else {
            2
        };
        let here = &mut self.n_here[value as usize];
        *here = here.saturating_add(n);
    }

    fn is_inside(&self, block: u32, home: u32) -> bool {
        std::iter::successors(Some(block), |block| self.around.get(block).copied()).any(|block| block == home)
    }

    fn operand(&mut self, operand: Operand, block: u32) {
        if let Operand::Value(value) = operand {
            self.one(value, block);
        }
    }

    /// The uses of a block. Loops are nested as deep as they are found, which is not deep.
    fn block(&mut self, blocks: &Blocks<'_>, items: &[Item], block: u32) {
        let within = block.checked_sub(1).and_then(|number| blocks.loops.get(number as usize));
        for (at, item) in items.iter().enumerate() {
            if block != OUTERMOST && blocks.as_loop(*item).is_none() {
                self.home.insert(*item, block);
            }
            let Some(body) = blocks.as_loop(*item) else {
                let takes_next = at == 0 && within.is_some_and(|body| body.exhausts);
                if takes_next || blocks.is_mere_end(*item) {
                    continue;
                }
                let mut nth = 0;
                blocks.for_operands(*item, |operand| {
                    let slot = (at as u32, nth);
                    let varies = within.is_some_and(|body| body.varies.contains_key(&slot));
                    match operand {
                        // An item is read where it is used, in whatever turn: its input keeps its variable.
                        Operand::Value(value) if blocks.item(operand).is_some() => {
                            self.one(blocks.lowered.root(value), block);
                        }
                        _ if varies => {}
                        _ => self.operand(operand, block),
                    }
                    nth += 1;
                });
                continue;
            };
            let inside = item - blocks.first_loop + 1;
            self.around.insert(inside, block);
            for carry in &body.carries {
                let init = body.operands[carry.init as usize];
                self.operand(init, block);
                if let (Operand::Value(value), Some(_)) = (init, blocks.item(init)) {
                    self.one(blocks.lowered.root(value), block);
                }
                self.home.insert(carry.old, inside);
                self.carried.insert((carry.new, inside));
            }
            if body.exhausts {
                for input in blocks.lowered.nodes.inputs(NodeId(body.body[0])) {
                    self.one(blocks.lowered.value(input), block);
                }
            }
            self.block(blocks, &body.body, inside);
            for carry in &body.carries {
                self.one(carry.new, inside);
            }
        }
    }
}
