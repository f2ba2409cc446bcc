//! Flow graphs: in which order the statements of one scope ran, and which bindings reach where.
//!
//! One graph covers the statements of one scope (the module, a function or a class body) that ran. Blocks hold
//! bindings only; a statement is a point in a block. [`build`] makes the graph, the methods here look bindings up:
//! a [`Version`] of a name is a binding, the state at the scope's start, or a join that [`Flow::before_version`]
//! takes apart on demand. Looking up and following versions visits each join of each name once, so a closure over
//! them is linear in what it reaches.
//!
//! Every path that the program took is a path of the graph; paths that it did not take may be there as well.

pub(crate) mod build;

use clew_trace::StatementId;
use rustc_hash::FxHashMap;

/// A variable of the graph's scope. For the module of the program it is the number of a name; further numbers stand
/// for variables of imported modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Variable(pub(crate) u32);

impl Variable {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place between two bindings of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    block: u32,
    at: u32,
}

/// Which variable an event binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// One.
    One(Variable),
    /// Possibly any: a star import, `exec`.
    Any,
}

/// One binding or deletion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) bound: Bound,
    pub(crate) statement: StatementId,
    /// Whether the former value is gone for certain.
    pub(crate) kills: bool,
    /// Whether the variable is unbound afterwards.
    pub(crate) deletes: bool,
    /// Whether a function that the statement entered does it, not the statement's own text.
    pub(crate) inside_call: bool,
}

#[derive(Debug, Default)]
struct Block {
    before: Vec<u32>,
    events: Vec<Event>,
    /// Whether it stands outside all branches, loops and blocks that may be left early: blocks with greater numbers are
    /// reached through it only.
    is_certain: bool,
}

/// What a variable may hold at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Version {
    /// What it held when the scope began: a parameter, a builtin, nothing.
    Start(Variable),
    /// What an event of a block bound.
    Event(Variable, u32, u32),
    /// Whatever the blocks before this one leave.
    Join(Variable, u32),
}

/// Where a statement stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Before it binds anything.
    pub(crate) before: Point,
    /// After what the functions it entered bind, before its own bindings.
    pub(crate) called: Point,
    /// After its own bindings.
    pub(crate) after: Point,
}

/// The flow graph of one scope.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    blocks: Vec<Block>,
    /// Blocks and positions of the events of each variable, ascending.
    events: FxHashMap<Variable, Vec<(u32, u32)>>,
    any: Vec<(u32, u32)>,
    /// The only event of a variable, where every later point is reached through it.
    settled: FxHashMap<Variable, (u32, u32)>,
    places: FxHashMap<StatementId, Place>,
    /// Further places of statements that are evaluated in several blocks (a `while` test).
    again: FxHashMap<StatementId, Place>,
    /// The blocks from which a loop is left.
    left: FxHashMap<StatementId, Point>,
    end: u32,
}

impl Flow {
    /// Where the statement stands, if it is part of this graph.
    pub(crate) fn place(&self, statement: StatementId) -> Option<Place> {
        self.places.get(&statement).copied()
    }

    /// All places of the statement.
    pub(crate) fn places(&self, statement: StatementId) -> impl Iterator<Item = Place> + '_ {
        self.places.get(&statement).into_iter().chain(self.again.get(&statement)).copied()
    }

    /// The point where a loop has been left, if `statement` is a loop that was.
    pub(crate) fn left(&self, statement: StatementId) -> Option<Point> {
        self.left.get(&statement).copied()
    }

    /// The end of the scope.
    pub(crate) fn end(&self) -> Point {
        Point { block: self.end, at: self.length(self.end) }
    }

    /// What the variable may hold at a point.
    pub(crate) fn version(&self, variable: Variable, point: Point) -> Version {
        let own = self.events.get(&variable).map_or(&[][..], Vec::as_slice);
        if own.is_empty() && self.any.is_empty() {
            return Version::Start(variable);
        }
        if let Some(&(block, at)) = self.settled.get(&variable) {
            if (block, at) < (point.block, point.at) {
                return Version::Event(variable, block, at);
            }
        }
        let mut point = point;
        loop {
            let key = (point.block, point.at);
            let found = [last_before(own, key), last_before(&self.any, key)].into_iter().flatten().max();
            if let Some((block, at)) = found {
                return Version::Event(variable, block, at);
            }
            match self.blocks[point.block as usize].before.as_slice() {
                [] => return Version::Start(variable),
                [one] => point = Point { block: *one, at: self.length(*one) },
                _ => return Version::Join(variable, point.block),
            }
        }
    }

    /// The event that made the version, if one did.
    pub(crate) fn event(&self, version: Version) -> Option<&Event> {
        match version {
            Version::Event(_, block, at) => self.blocks.get(block as usize)?.events.get(at as usize),
            _ => None,
        }
    }

    /// The versions that this one may stand for besides itself: those that a join brings together, or the one that
    /// an uncertain binding may have left in place.
    pub(crate) fn before_version(&self, version: Version, into: &mut Vec<Version>) {
        match version {
            Version::Start(_) => {}
            Version::Event(variable, block, at) => {
                if self.event(version).is_some_and(|event| !event.kills) {
                    into.push(self.version(variable, Point { block, at }));
                }
            }
            Version::Join(variable, block) => {
                for &before in &self.blocks[block as usize].before {
                    into.push(self.version(variable, Point { block: before, at: self.length(before) }));
                }
            }
        }
    }

    /// Every event that may have made what `variable` holds at `point`, and whether the scope's start may have.
    pub(crate) fn reaching(&self, variable: Variable, point: Point) -> (Vec<Event>, bool) {
        let mut seen = rustc_hash::FxHashSet::default();
        let mut work = vec![self.version(variable, point)];
        let (mut events, mut from_start) = (Vec::new(), false);
        while let Some(version) = work.pop() {
            if !seen.insert(version) {
                continue;
            }
            from_start |= matches!(version, Version::Start(_));
            events.extend(self.event(version).copied());
            self.before_version(version, &mut work);
        }
        events.sort_by_key(|event| event.statement);
        (events, from_start)
    }

    fn length(&self, block: u32) -> u32 {
        self.blocks[block as usize].events.len() as u32
    }
}

/// The last entry of an ascending list that lies in the block of `key`, before it.
fn last_before(list: &[(u32, u32)], key: (u32, u32)) -> Option<(u32, u32)> {
    let after = list.partition_point(|entry| *entry < key);
    let found = *list.get(after.checked_sub(1)?)?;
    (found.0 == key.0).then_some(found)
}
