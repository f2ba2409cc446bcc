//! Finds the loops that a trace has unrolled.
//!
//! A run of items repeats with a period when items a period apart are alike (operation, name, place) and read alike:
//! the same value from outside in each turn, a value of the same turn, a value that the turn before (or the one before
//! that) made at the same place, or constants. Which of these, each operand shows in the first three turns, and must
//! keep to; nothing is moved, so the operations that the function does are those of the trace, in the same order.
//!
//! Periods are tried where an operation occurs again, the shortest first; a pass reads the items once, and finds loops
//! of items and of the loops that the pass before had found.

use clew_trace::values::{Kind, NodeId, Op};
use rustc_hash::FxHashMap;

use super::blocks::{Blocks, Carry, Item, Loop, Operand, Varying};
use super::known::mix;
use super::relations::Relation;

/// How often loops are looked for: once found, they may be parts of others.
const MAX_PASSES: usize = 8;
/// Periods up to each of these are looked for before longer ones, so that inner loops are found before outer ones.
const LENGTHS: [usize; 3] = [8, 128, usize::MAX];
/// How many periods are tried at an item.
const MAX_PERIODS: usize = 16;
/// From so many turns on no longer period is looked for.
const MANY_TURNS: u32 = 8;

/// Puts repeated items into loops.
pub(crate) fn roll(blocks: &mut Blocks<'_>, outputs: &[u32]) {
    let mut lengths = LENGTHS.as_slice();
    for _ in 0..MAX_PASSES {
        let mut pass = Pass::new(blocks, outputs);
        let found = loop {
            let Some((longest, longer)) = lengths.split_first() else { return };
            if let Some(loops) = pass.find(*longest) {
                break loops;
            }
            lengths = longer;
        };
        apply(blocks, found);
    }
}

/// A loop that a pass has found: its first item, its items with those of its end, and the loop.
struct FoundLoop {
    at: usize,
    len: usize,
    body: Loop,
}

fn apply(blocks: &mut Blocks<'_>, loops: Vec<FoundLoop>) {
    let mut items = Vec::new();
    let mut next = 0;
    for found in loops {
        items.extend_from_slice(&blocks.items[next..found.at]);
        next = found.at + found.len;
        let item = blocks.first_loop + blocks.loops.len() as u32;
        blocks.loops.push(found.body);
        items.push(item);
        let mut values = Vec::new();
        blocks.for_values(item, &mut |value| values.push(value));
        blocks.inner.extend(values.into_iter().zip(0..));
    }
    items.extend_from_slice(&blocks.items[next..]);
    blocks.items = items;
}

/// How far a period holds.
struct Verified {
    n_turns: u32,
    relations: Vec<Relation>,
    /// Where it did not hold any more.
    end: usize,
}

struct Pass<'b, 'a> {
    blocks: &'b Blocks<'a>,
    signatures: Vec<u32>,
    /// The next item with the same signature.
    next_alike: Vec<u32>,
    /// For each node, the item that makes its value.
    position: Vec<u32>,
    /// For each item, the last one that reads a value of it.
    last_use: Vec<u32>,
    /// Periods that did not hold, and where.
    broken: FxHashMap<usize, usize>,
}

impl<'b, 'a> Pass<'b, 'a> {
    fn new(blocks: &'b Blocks<'a>, outputs: &[u32]) -> Self {
        let n_items = blocks.items.len();
        let mut position = vec![u32::MAX; blocks.lowered.nodes.len()];
        let mut last_use = vec![0; n_items];
        for (at, item) in blocks.items.iter().enumerate() {
            blocks.for_operands(*item, |operand| {
                if let Operand::Value(value) = operand {
                    if let Some(last) = last_use.get_mut(position[value as usize] as usize) {
                        *last = at as u32;
                    }
                }
            });
            blocks.for_values(*item, &mut |value| position[value as usize] = at as u32);
        }
        for output in outputs {
            if let Some(last) = last_use.get_mut(position[*output as usize] as usize) {
                *last = u32::MAX;
            }
        }
        let signatures: Vec<u32> = blocks.items.iter().map(|item| signature(blocks, *item)).collect();
        let mut next_alike = vec![u32::MAX; n_items];
        let mut latest: FxHashMap<u32, u32> = FxHashMap::default();
        for at in (0..n_items).rev() {
            next_alike[at] = latest.insert(signatures[at], at as u32).unwrap_or(u32::MAX);
        }
        Self { blocks, signatures, next_alike, position, last_use, broken: FxHashMap::default() }
    }

    /// All loops, in order; none when there are none.
    fn find(&mut self, longest: usize) -> Option<Vec<FoundLoop>> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.signatures.len() {
            match self.best(at, longest) {
                Some((period, verified)) => {
                    let body = self.build(at, period, &verified);
                    let len = verified.n_turns as usize * period + usize::from(body.exhausts);
                    found.push(FoundLoop { at, len, body });
                    at += len;
                }
                None => at += 1,
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// The period at an item that covers most.
    fn best(&mut self, at: usize, longest: usize) -> Option<(usize, Verified)> {
        let mut best: Option<(usize, Verified)> = None;
        let mut alike = self.next_alike[at];
        for _ in 0..MAX_PERIODS {
            let period = (alike as usize).wrapping_sub(at);
            if alike == u32::MAX || period > longest || at + 3 * period > self.signatures.len() {
                break;
            }
            alike = self.next_alike[alike as usize];
            let is_broken = |end: &usize| period > 8 && (at + period..at + 3 * period).contains(end);
            if self.broken.get(&period).is_some_and(is_broken) || !self.looks_alike(at, period) {
                continue;
            }
            let verified = self.verify(at, period);
            let n_turns = verified.n_turns;
            if n_turns < 3 || (n_turns as usize - 1) * period < 4 {
                self.broken.insert(period, verified.end);
                continue;
            }
            let covers = |(period, verified): &(usize, Verified)| verified.n_turns as usize * period;
            if best.as_ref().is_none_or(|best| n_turns as usize * period > covers(best)) {
                best = Some((period, verified));
            }
            if n_turns >= MANY_TURNS {
                break;
            }
        }
        best
    }

    /// Whether the first items of the second and third turn are like those of the first.
    fn looks_alike(&self, at: usize, period: usize) -> bool {
        let turn = |turn: usize| {
            let from = at + turn * period;
            &self.signatures[from..from + period]
        };
        turn(0) == turn(1) && turn(0) == turn(2)
    }

    /// How many turns of a period hold.
    fn verify(&self, at: usize, period: usize) -> Verified {
        let mut relations: Vec<Relation> = Vec::new();
        let mut n_turns = 0;
        let mut end = at;
        'turns: while at + (n_turns as usize + 1) * period <= self.signatures.len() {
            let mut slot = 0;
            for item in 0..period {
                end = at + n_turns as usize * period + item;
                if self.signatures[end] != self.signatures[at + item] {
                    break 'turns;
                }
                let mut holds = true;
                self.blocks.for_operands(self.blocks.items[end], |operand| {
                    let place = self.place(operand, at, period);
                    if n_turns == 0 {
                        relations.push(match place {
                            Some((_, item, inner)) => Relation::Inside(item, inner),
                            None => Relation::Same(operand),
                        });
                    } else if holds {
                        holds = match relations.get_mut(slot) {
                            Some(relation) => self.blocks.holds(relation, operand, place, n_turns),
                            None => false,
                        };
                    }
                    slot += 1;
                });
                if !holds {
                    break 'turns;
                }
            }
            n_turns += 1;
        }
        if !self.blocks.agrees(&relations) {
            return Verified { n_turns: 0, relations, end };
        }
        let n_turns = self.without_leaks(at, period, n_turns);
        Verified { n_turns, relations, end: end.min(at + n_turns as usize * period) }
    }

    /// Which turn, item and value of the item an operand is, if it is none from outside.
    fn place(&self, operand: Operand, at: usize, period: usize) -> Option<(u32, u32, u32)> {
        let Operand::Value(value) = operand else { return None };
        let position = self.position[value as usize];
        if position == u32::MAX {
            return None;
        }
        let from = (position as usize).checked_sub(at)?;
        let inner = if self.blocks.inner.is_empty() { 0 } else { self.blocks.inner.get(&value).copied().unwrap_or(0) };
        Some(((from / period) as u32, (from % period) as u32, inner))
    }

    /// How many turns there can be so that only the last turn's values are used after the loop.
    fn without_leaks(&self, at: usize, period: usize, n_turns: u32) -> u32 {
        let mut n_turns = n_turns as usize;
        loop {
            let end = at + n_turns * period;
            let before_last = at..end.saturating_sub(period).max(at);
            match before_last.clone().find(|item| self.last_use[*item] as usize >= end) {
                Some(leak) => n_turns = (leak - at) / period + 1,
                None => return n_turns as u32,
            }
        }
    }

    fn build(&self, at: usize, period: usize, verified: &Verified) -> Loop {
        let n_turns = verified.n_turns;
        let last = at + (n_turns as usize - 1) * period;
        let mut body = Loop { n_turns, body: self.blocks.items[last..last + period].to_vec(), ..Loop::default() };
        let mut hash = mix(u64::from(n_turns) << 32 | period as u64);
        let mut known: FxHashMap<Operand, u32> = FxHashMap::default();
        let mut relations = verified.relations.iter();
        for item in 0..period {
            hash = mix(hash ^ u64::from(self.signatures[at + item]));
            let mut operands = Vec::new();
            self.blocks.for_operands(self.blocks.items[last + item], |operand| operands.push(operand));
            for (nth, (operand, relation)) in operands.into_iter().zip(&mut relations).enumerate() {
                let slot = (item as u32, nth as u32);
                hash = mix(hash
                    ^ match *relation {
                        Relation::Inside(item, inner) => u64::from(item) << 32 | u64::from(inner),
                        Relation::Carried { item, inner, distance, inits } => {
                            let Operand::Value(old) = operand else { continue };
                            let value_in =
                                |turns_back: usize| self.value(last - turns_back * period + item as usize, inner);
                            let mut old = old;
                            for turns_back in (0..distance as usize).rev() {
                                let new = value_in(turns_back);
                                if !body.carries.iter().any(|carry| carry.old == old) {
                                    let init = inits[distance as usize - 1 - turns_back];
                                    let init = outside(&mut body, &mut known, init, self.blocks);
                                    body.carries.push(Carry { old, init, new });
                                }
                                old = new;
                            }
                            u64::from(item) << 32 | u64::from(inner) << 8 | u64::from(distance) << 60
                        }
                        Relation::Same(operand) | Relation::Pending([operand, _]) => {
                            let number = outside(&mut body, &mut known, operand, self.blocks);
                            if self.blocks.can_vary(operand) {
                                body.fixed.insert(slot, number);
                            }
                            1 << 62
                        }
                        Relation::Varies { first, step, .. } => {
                            let (varying, key) = self.varying(at, period, n_turns, slot, first, step);
                            let number = body.varying.iter().position(|known| *known == varying);
                            let number = number.unwrap_or_else(|| {
                                body.varying.push(varying);
                                body.varying.len() - 1
                            });
                            body.varies.insert(slot, number as u32);
                            match self.blocks.item(operand) {
                                Some((container, _)) => {
                                    let container = Operand::Value(container);
                                    let number = outside(&mut body, &mut known, container, self.blocks);
                                    body.item_of.insert(slot, number);
                                    mix(key ^ 2)
                                }
                                None => key,
                            }
                        }
                    });
            }
        }
        body.exhausts = self.exhausts(at, period, verified);
        body.signature = mix(hash ^ u64::from(body.exhausts));
        body
    }

    /// The constants of an operand that varies, and what makes two such alike.
    fn varying(
        &self,
        at: usize,
        period: usize,
        n_turns: u32,
        slot: (u32, u32),
        first: Operand,
        step: Option<i64>,
    ) -> (Varying, u64) {
        if let (Some(step), Some(first)) = (step, self.blocks.integer(first)) {
            return (Varying::Range { first, step }, mix(mix(first as u64) ^ step as u64));
        }
        let all: Vec<Operand> =
            (0..n_turns as usize).map(|turn| self.operand(at + turn * period + slot.0 as usize, slot.1)).collect();
        let key = all.iter().fold(0, |key, operand| mix(key ^ self.blocks.key(*operand)));
        (Varying::Listed(all), key)
    }

    /// One operand of an item.
    fn operand(&self, at: usize, nth: u32) -> Operand {
        let item = self.blocks.items[at];
        let lowered = self.blocks.lowered;
        match self.blocks.as_loop(item) {
            Some(body) => body.operands[nth as usize],
            None => match lowered.nodes.inputs(NodeId(item)).nth(nth as usize) {
                Some(input) => Operand::Value(lowered.value(input)),
                None => Operand::Fact(item),
            },
        }
    }

    /// One value of an item.
    fn value(&self, at: usize, inner: u32) -> u32 {
        let mut value = u32::MAX;
        let mut nth = 0;
        self.blocks.for_values(self.blocks.items[at], &mut |found| {
            if nth == inner {
                value = found;
            }
            nth += 1;
        });
        value
    }

    /// Whether a loop begins with what an iterator gives next, and what follows says that this was all.
    fn exhausts(&self, at: usize, period: usize, verified: &Verified) -> bool {
        let lowered = self.blocks.lowered;
        let kind = |item: Item| self.blocks.as_loop(item).is_none().then(|| lowered.nodes.row(NodeId(item)));
        let end = self.blocks.items.get(at + verified.n_turns as usize * period);
        let is_next = |row: &&clew_trace::values::Node| row.kind == Kind::Next && row.op == Op::None;
        let is_end = |row: &&clew_trace::values::Node| row.kind == Kind::Convert && row.op == Op::Exhausted;
        let Some(end) = end.filter(|end| kind(**end).as_ref().is_some_and(is_end)) else { return false };
        kind(self.blocks.items[at]).as_ref().is_some_and(is_next)
            && match verified.relations.first() {
                Some(Relation::Same(Operand::Value(iterator))) => {
                    lowered.nodes.inputs(NodeId(*end)).next().map(|input| lowered.value(input)) == Some(*iterator)
                }
                _ => false,
            }
    }
}

/// The number of an operand among what a loop reads from outside. A constant may vary in a loop around: it is not shared.
fn outside(body: &mut Loop, known: &mut FxHashMap<Operand, u32>, operand: Operand, blocks: &Blocks<'_>) -> u32 {
    let number = body.operands.len() as u32;
    if !blocks.can_vary(operand) {
        if let Some(known) = known.get(&operand) {
            return *known;
        }
        known.insert(operand, number);
    }
    body.operands.push(operand);
    number
}

/// What items have in common that may be turns of one loop.
fn signature(blocks: &Blocks<'_>, item: Item) -> u32 {
    if let Some(body) = blocks.as_loop(item) {
        return (body.signature >> 32) as u32;
    }
    let lowered = blocks.lowered;
    let row = lowered.nodes.row(NodeId(item));
    let n_inputs = lowered.nodes.inputs(NodeId(item)).len() as u64;
    let is_guard = u64::from(lowered.is_guard(item));
    let what = row.kind as u64 | (row.op as u64) << 8 | is_guard << 16 | n_inputs << 20;
    let where_and_name = u64::from(row.place.0) | u64::from(lowered.nodes.label_id(NodeId(item)).0) << 32;
    (mix(mix(what) ^ where_and_name) >> 32) as u32
}
