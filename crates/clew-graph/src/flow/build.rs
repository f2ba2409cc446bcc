//! Building a flow graph from the statements of a scope that ran.
//!
//! The builder walks the blocks in text order and keeps the *frontier*: the flow blocks whose ends lead to what comes
//! next. While something may catch an exception, every statement gets a flow block of its own, so that the catcher
//! can be reached from before and after each of them.

use clew_trace::{Arm, DefineKind, ScopeId, StatementId, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Block, Bound, Event, Flow, Place, Point, Variable};
use crate::facts::{Facts, MODULE};

/// Bindings that statements make other than by their own text.
pub(crate) trait Hidden {
    /// Variables that functions bind which the statement entered.
    fn bound_in_calls(&self, statement: StatementId) -> &[Variable];
    /// Whether the statement may bind names that its text does not show.
    fn binds_anything(&self, statement: StatementId) -> bool;
}

/// What surrounds the statement that is being placed.
enum Around {
    Loop { breaks: Vec<u32>, continues: Vec<u32> },
    Catcher { reached: Vec<u32> },
    Finally { reached: Vec<u32>, breaks: bool, continues: bool, leaves: bool },
}

#[derive(Clone, Copy)]
enum Jump {
    Break,
    Continue,
    Leave,
}

struct Builder<'f, 'a> {
    facts: &'f Facts<'a>,
    hidden: &'f dyn Hidden,
    scope: ScopeId,
    flow: Flow,
    frontier: Vec<u32>,
    /// Whether the frontier is one block to which events may still be appended.
    open: bool,
    around: Vec<Around>,
    /// Blocks from which the scope is left early.
    leaves: Vec<u32>,
    catching: FxHashSet<StatementId>,
    /// How many branches, loops and blocks that may be left early surround the statement.
    depth: u32,
}

/// The flow graph of a scope: the module, a function or a class body.
pub(crate) fn build(facts: &Facts<'_>, scope: ScopeId, hidden: &dyn Hidden) -> Flow {
    let catchers = facts.raised().iter();
    let mut builder = Builder {
        facts,
        hidden,
        scope,
        flow: Flow { blocks: vec![Block { is_certain: true, ..Block::default() }], ..Flow::default() },
        frontier: vec![0],
        open: true,
        around: Vec::new(),
        leaves: Vec::new(),
        catching: catchers.map(|raised| raised.catcher).collect(),
        depth: 0,
    };
    match facts.table.scope(scope).owner {
        Some(owner) if scope != MODULE => builder.block(facts.blocks.arm(owner, Arm::Body)),
        _ => builder.block(facts.blocks.top()),
    }
    builder.finish()
}

impl Builder<'_, '_> {
    fn finish(mut self) -> Flow {
        if let Some(last) = self.facts.trace.ended_by.and_then(|id| self.facts.unit(id)) {
            if let (MODULE, Some(place)) = (self.scope, self.flow.places.get(&last)) {
                // The statement that ended the program may have bound its names or not.
                self.leaves.push(place.after.block);
                let before = self.flow.blocks[place.after.block as usize].before.clone();
                self.leaves.extend(before);
            }
        }
        let mut before = std::mem::take(&mut self.frontier);
        before.append(&mut self.leaves);
        self.flow.end = self.new_block(before);
        let mut flow = self.flow;
        for (number, block) in flow.blocks.iter().enumerate() {
            for (at, event) in block.events.iter().enumerate() {
                let key = (number as u32, at as u32);
                match event.bound {
                    Bound::One(variable) => flow.events.entry(variable).or_default().push(key),
                    Bound::Any => flow.any.push(key),
                }
            }
        }
        if flow.any.is_empty() {
            let blocks = &flow.blocks;
            let is_settled = |&(block, at): &(u32, u32)| {
                let block = &blocks[block as usize];
                block.is_certain && block.events[at as usize].kills
            };
            let single = flow.events.iter().filter_map(|(variable, events)| match events.as_slice() {
                [one] if is_settled(one) => Some((*variable, *one)),
                _ => None,
            });
            flow.settled = single.collect();
        }
        flow
    }

    fn new_block(&mut self, mut before: Vec<u32>) -> u32 {
        before.sort_unstable();
        before.dedup();
        self.flow.blocks.push(Block { before, events: Vec::new(), is_certain: self.depth == 0 });
        self.flow.blocks.len() as u32 - 1
    }

    /// The block to which the next statement is appended.
    fn current(&mut self) -> u32 {
        if let (true, [one]) = (self.open, self.frontier.as_slice()) {
            return *one;
        }
        let mut before = std::mem::take(&mut self.frontier);
        if before.is_empty() {
            // What follows a jump ran nevertheless, by a way that is not understood: from anywhere.
            before = (0..self.flow.blocks.len() as u32).collect();
        }
        let block = self.new_block(before);
        self.frontier = vec![block];
        self.open = true;
        block
    }

    fn go_to(&mut self, mut frontier: Vec<u32>) {
        frontier.sort_unstable();
        frontier.dedup();
        self.frontier = frontier;
        self.open = false;
    }

    fn point(&self, block: u32) -> Point {
        Point { block, at: self.flow.length(block) }
    }

    /// Appends a statement's bindings.
    fn place(&mut self, id: StatementId) -> Place {
        let place = self.place_events(id, true);
        self.flow.places.insert(id, place);
        place
    }

    fn place_events(&mut self, id: StatementId, own: bool) -> Place {
        let ends_program = self.scope == MODULE && self.facts.trace.ended_by == Some(id);
        if ends_program {
            self.open = false;
        }
        let block = self.current();
        let before = self.point(block);
        let event = |bound, kills, deletes, inside_call| Event { bound, statement: id, kills, deletes, inside_call };
        for variable in self.hidden.bound_in_calls(id).to_vec() {
            self.push(block, event(Bound::One(variable), false, false, true));
        }
        for variable in remade(self.facts, self.scope, id) {
            self.push(block, event(Bound::One(variable), false, false, false));
        }
        if self.hidden.binds_anything(id) {
            self.push(block, event(Bound::Any, false, false, false));
        }
        let called = self.point(block);
        if own {
            self.own_events(id, block);
        }
        let after = self.point(block);
        self.seal_for_catchers(block);
        Place { before, called, after }
    }

    fn own_events(&mut self, id: StatementId, block: u32) {
        let (facts, scope) = (self.facts, self.scope);
        for define in facts.statement(id).defines.iter().filter(|define| define.scope == scope) {
            let kills = match define.kind {
                DefineKind::Declare => continue,
                DefineKind::Maybe => false,
                DefineKind::Bind | DefineKind::Augment | DefineKind::Delete => !imports_submodule(facts, id),
            };
            let bound = Bound::One(Variable(define.name.0));
            let deletes = define.kind == DefineKind::Delete;
            self.push(block, Event { bound, statement: id, kills, deletes, inside_call: false });
        }
    }

    fn push(&mut self, block: u32, event: Event) {
        self.flow.blocks[block as usize].events.push(event);
    }

    /// Whatever may catch an exception can be reached from the end of this block.
    fn seal_for_catchers(&mut self, block: u32) {
        let mut caught = false;
        for around in self.around.iter_mut().rev() {
            match around {
                Around::Loop { .. } => {}
                Around::Catcher { reached } => {
                    reached.push(block);
                    caught = true;
                }
                Around::Finally { reached, .. } => {
                    reached.push(block);
                    caught = true;
                    break;
                }
            }
        }
        if caught {
            self.open = false;
        }
    }

    fn jump(&mut self, from: &[u32], jump: Jump) {
        for around in self.around.iter_mut().rev() {
            match (around, jump) {
                (Around::Loop { breaks, .. }, Jump::Break) => return breaks.extend(from),
                (Around::Loop { continues, .. }, Jump::Continue) => return continues.extend(from),
                (Around::Finally { reached, breaks, continues, leaves }, _) => {
                    reached.extend(from);
                    match jump {
                        Jump::Break => *breaks = true,
                        Jump::Continue => *continues = true,
                        Jump::Leave => *leaves = true,
                    }
                    return;
                }
                _ => {}
            }
        }
        self.leaves.extend(from);
    }

    fn block(&mut self, block: &[StatementId]) {
        for &id in block {
            if self.facts.ran(id) {
                self.statement(id);
            }
        }
    }

    fn statement(&mut self, id: StatementId) {
        let kind = self.facts.statement(id).kind;
        let may_part = matches!(
            kind,
            StatementKind::If
                | StatementKind::Match
                | StatementKind::For
                | StatementKind::While
                | StatementKind::Try
                | StatementKind::With
        );
        self.depth += u32::from(may_part);
        self.parted(id, kind);
        self.depth -= u32::from(may_part);
    }

    fn parted(&mut self, id: StatementId, kind: StatementKind) {
        match kind {
            StatementKind::If => self.branches(id),
            StatementKind::Match => self.branches(id),
            StatementKind::For => self.for_loop(id),
            StatementKind::While => self.while_loop(id),
            StatementKind::Try => self.try_statement(id),
            StatementKind::With => self.with(id),
            StatementKind::Return | StatementKind::Raise => self.leave(id, Jump::Leave),
            StatementKind::Break => self.leave(id, Jump::Break),
            StatementKind::Continue => self.leave(id, Jump::Continue),
            _ => {
                self.place(id);
            }
        }
    }

    fn leave(&mut self, id: StatementId, jump: Jump) {
        let place = self.place(id);
        let is_raise = self.facts.statement(id).kind == StatementKind::Raise;
        // An exception has reached its catcher already, when the statement was placed.
        if !is_raise || self.around.iter().all(|around| matches!(around, Around::Loop { .. })) {
            self.jump(&[place.after.block], jump);
        }
        self.go_to(Vec::new());
    }

    /// `if` and `match`: the arms that ran, and the way past all of them unless one is known to have been taken.
    fn branches(&mut self, id: StatementId) {
        self.place(id);
        let facts = self.facts;
        let arms: Vec<&[StatementId]> = facts
            .blocks
            .arms(id)
            .iter()
            .map(|(_, block)| block.as_slice())
            .filter(|block| facts.may_have_run(block))
            .collect();
        let taken = facts.runs_once(id) && arms.len() == 1 && facts.surely_ran(arms[0]);
        if taken {
            return self.block(arms[0]);
        }
        let header = self.frontier.clone();
        let is_taken = facts.runs_once(id) && arms.iter().any(|block| facts.surely_ran(block));
        let has_else = facts.blocks.arms(id).iter().any(|(arm, _)| *arm == Arm::Else);
        // With an `else` there is no way past all arms; one that never ran was never the way.
        let passes = arms.is_empty() || !(is_taken || has_else);
        let mut ends = Vec::new();
        for arm in arms {
            self.go_to(header.clone());
            self.block(arm);
            ends.append(&mut self.frontier);
        }
        if passes {
            ends.extend(&header);
        }
        self.go_to(ends);
    }

    fn for_loop(&mut self, id: StatementId) {
        let facts = self.facts;
        let body = facts.blocks.arm(id, Arm::Body);
        let place = self.place_events(id, false);
        self.flow.places.insert(id, place);
        let entry = self.frontier.clone();
        let mut exits = Vec::new();
        let mut breaks = Vec::new();
        let at_least_once = facts.runs_once(id) && facts.surely_ran(body);
        // A loop whose body never ran still may have advanced to nothing; its target stays unbound.
        if facts.may_have_run(body) {
            let turn = self.new_block(entry.clone());
            self.go_to(vec![turn]);
            self.open = true;
            let called = self.hidden.bound_in_calls(id).to_vec();
            for variable in called {
                let bound = Bound::One(variable);
                self.push(turn, Event { bound, statement: id, kills: false, deletes: false, inside_call: true });
            }
            self.own_events(id, turn);
            let after = self.point(turn);
            if let Some(place) = self.flow.places.get_mut(&id) {
                place.after = after;
            }
            self.seal_for_catchers(turn);
            let (back, left) = self.loop_body(body);
            self.flow.blocks[turn as usize].before.extend(&back);
            exits.extend(&back);
            breaks = left;
        }
        if !at_least_once || exits.is_empty() && breaks.is_empty() {
            exits.extend(&entry);
        }
        self.leave_loop(id, exits, breaks);
    }

    fn while_loop(&mut self, id: StatementId) {
        let facts = self.facts;
        let body = facts.blocks.arm(id, Arm::Body);
        let first = self.place(id);
        let endless = is_endless(facts.header_text(id));
        let entry = self.frontier.clone();
        if !facts.may_have_run(body) {
            return self.leave_loop(id, entry, Vec::new());
        }
        // The test after a turn is another point than the test on the way in.
        let again = self.new_block(Vec::new());
        self.go_to(vec![again]);
        self.open = true;
        let place = self.place_events(id, true);
        self.flow.again.insert(id, place);
        let tested = self.frontier.clone();
        self.go_to(entry.iter().chain(&tested).copied().collect());
        let (back, breaks) = self.loop_body(body);
        self.flow.blocks[again as usize].before = back;
        let mut exits = Vec::new();
        if !endless {
            exits.extend(&tested);
            if !(facts.runs_once(id) && facts.surely_ran(body)) {
                exits.push(first.after.block);
            }
        }
        if exits.is_empty() && breaks.is_empty() {
            exits.extend(&tested);
        }
        self.leave_loop(id, exits, breaks);
    }

    /// Walks a loop's body; returns the blocks that lead to the next turn and those that leave the loop.
    fn loop_body(&mut self, body: &[StatementId]) -> (Vec<u32>, Vec<u32>) {
        self.around.push(Around::Loop { breaks: Vec::new(), continues: Vec::new() });
        self.block(body);
        let mut back = std::mem::take(&mut self.frontier);
        match self.around.pop() {
            Some(Around::Loop { breaks, continues }) => {
                back.extend(continues);
                (back, breaks)
            }
            _ => (back, Vec::new()),
        }
    }

    fn leave_loop(&mut self, id: StatementId, exits: Vec<u32>, breaks: Vec<u32>) {
        let otherwise = self.facts.blocks.arm(id, Arm::Else);
        let mut ends = Vec::new();
        if otherwise.is_empty() {
            ends = exits;
        } else if self.facts.may_have_run(otherwise) {
            self.go_to(exits);
            self.block(otherwise);
            ends.append(&mut self.frontier);
        } else if breaks.is_empty() {
            ends = exits;
        }
        ends.extend(breaks);
        self.go_to(ends);
        self.note_left(id);
    }

    fn with(&mut self, id: StatementId) {
        self.place(id);
        let body = self.facts.blocks.arm(id, Arm::Body);
        if !self.catching.contains(&id) {
            self.block(body);
            return self.note_left(id);
        }
        let reached = self.frontier.clone();
        self.around.push(Around::Catcher { reached });
        self.block(body);
        let mut ends = std::mem::take(&mut self.frontier);
        if let Some(Around::Catcher { reached }) = self.around.pop() {
            ends.extend(reached);
        }
        self.go_to(ends);
        self.note_left(id);
    }

    /// Remembers where a loop or `with` of the module was left: iterators and context managers run once more there.
    fn note_left(&mut self, id: StatementId) {
        if self.scope == MODULE && !self.frontier.is_empty() {
            // The place is outside the statement itself.
            self.depth -= 1;
            let block = self.current();
            self.depth += 1;
            self.flow.left.insert(id, self.point(block));
        }
    }

    fn try_statement(&mut self, id: StatementId) {
        let place = self.place_events(id, false);
        self.flow.places.insert(id, place);
        let facts = self.facts;
        let last = facts.blocks.arm(id, Arm::Finally);
        if facts.may_have_run(last) {
            let reached = self.frontier.clone();
            self.around.push(Around::Finally { reached, breaks: false, continues: false, leaves: false });
        }
        self.caught(id);
        if !facts.may_have_run(last) {
            return;
        }
        let Some(Around::Finally { reached, breaks, continues, leaves }) = self.around.pop() else { return };
        let mut before = std::mem::take(&mut self.frontier);
        before.extend(reached);
        self.go_to(before);
        self.block(last);
        let ends = self.frontier.clone();
        for (taken, jump) in [(breaks, Jump::Break), (continues, Jump::Continue), (leaves, Jump::Leave)] {
            if taken {
                self.jump(&ends, jump);
            }
        }
        for end in ends {
            self.seal_for_catchers(end);
        }
    }

    /// The body, `else` and handlers of a `try`.
    fn caught(&mut self, id: StatementId) {
        let facts = self.facts;
        let arms = facts.blocks.arms(id);
        let handlers: Vec<&[StatementId]> = arms
            .iter()
            .filter(|(arm, block)| matches!(arm, Arm::Handler(_)) && facts.may_have_run(block))
            .map(|(_, block)| block.as_slice())
            .collect();
        let catches = !handlers.is_empty() || self.catching.contains(&id);
        if catches {
            let reached = self.frontier.clone();
            self.around.push(Around::Catcher { reached });
            self.open = false;
        }
        self.block(facts.blocks.arm(id, Arm::Body));
        let mut reached = Vec::new();
        if catches {
            if let Some(Around::Catcher { reached: found }) = self.around.pop() {
                reached = found;
            }
        }
        self.block(facts.blocks.arm(id, Arm::Else));
        let mut ends = std::mem::take(&mut self.frontier);
        if facts.runs_once(id) && handlers.iter().any(|block| facts.surely_ran(block)) {
            // The exception came, so the body and `else` did not end as usual.
            ends.clear();
        }
        let was_open = self.open && !catches;
        for handler in handlers {
            self.go_to(reached.clone());
            let block = self.current();
            let defines = facts.statement(id).defines.iter().filter(|define| define.scope == self.scope);
            let bound: FxHashSet<u32> = defines.map(|define| define.name.0).collect();
            let mut bound: Vec<u32> = bound.into_iter().collect();
            bound.sort_unstable();
            for name in bound {
                let bound = Bound::One(Variable(name));
                self.push(block, Event { bound, statement: id, kills: false, deletes: false, inside_call: false });
            }
            let point = self.point(block);
            // Exception classes are looked up when an exception arrives.
            self.flow.again.insert(id, Place { before: point, called: point, after: point });
            self.block(handler);
            ends.append(&mut self.frontier);
        }
        self.go_to(ends);
        self.open = was_open && self.frontier.len() == 1;
    }
}

/// Names whose object a store to a special attribute turns into something else: `f.__code__ = g.__code__`. Using the
/// name afterwards shows no access to that attribute.
fn remade(facts: &Facts<'_>, scope: ScopeId, id: StatementId) -> Vec<Variable> {
    const SPECIAL: [&str; 8] = [
        "__class__",
        "__code__",
        "__defaults__",
        "__kwdefaults__",
        "__bases__",
        "__dict__",
        "__closure__",
        "__wrapped__",
    ];
    let statement = facts.statement(id);
    let is_special = |name: &clew_trace::NameId| SPECIAL.contains(&facts.name(*name));
    let registers = |name: &clew_trace::NameId| facts.name(*name) == "register";
    let stores = facts.touch(id).object && statement.mentions.iter().any(is_special);
    // Registering a virtual subclass changes what `isinstance` says of the class.
    let is_registered = statement.kind == StatementKind::Expression && statement.mentions.iter().any(registers);
    if !stores && !is_registered {
        return Vec::new();
    }
    let names = statement.uses.iter().filter(|site| site.scope == scope && !site.delayed);
    names.map(|site| Variable(site.name.0)).collect()
}

/// Whether the statement imports `a.b` under the name `a`, which leaves what `a` held before in place.
fn imports_submodule(facts: &Facts<'_>, id: StatementId) -> bool {
    facts.statement(id).kind == StatementKind::Import && {
        let names = facts.header_text(id).trim_start().trim_start_matches("import");
        names.split(',').any(|name| name.contains('.') && !name.split_whitespace().any(|word| word == "as"))
    }
}

fn is_endless(header: &str) -> bool {
    let test = header.trim_start().trim_start_matches("while").trim_end_matches(':').trim();
    matches!(test, "True" | "1" | "(True)")
}

/// Bindings that functions make, by unit.
#[derive(Default)]
pub(crate) struct HiddenBindings {
    pub(crate) in_calls: FxHashMap<StatementId, Vec<Variable>>,
    pub(crate) anything: FxHashSet<StatementId>,
}

impl Hidden for HiddenBindings {
    fn bound_in_calls(&self, statement: StatementId) -> &[Variable] {
        self.in_calls.get(&statement).map_or(&[], Vec::as_slice)
    }

    fn binds_anything(&self, statement: StatementId) -> bool {
        self.anything.contains(&statement)
    }
}
