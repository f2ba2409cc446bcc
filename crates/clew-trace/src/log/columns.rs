//! One block of events as columns: what is written for an event, and what it is read back as.
//!
//! For each event the token column holds one byte: three bits of kind; whether site and callee are as predicted (for
//! the end of a call: those of the innermost open call); how many values follow; whether count and flags differ from
//! the last time. Surprises go to columns of their own. One byte says of all values of an event whether they are what
//! they were at this site before, or one of the last results; else their differences or all of them go to other columns.
//! Time since the thread's last event takes two bytes, low and high in separate columns so that the high ones, nearly
//! all zero, vanish; longer pauses go to a third. Operations have no time of their own as a rule, and take none.
//! A call that ends with nothing in between is one token, of a kind of its own, and two times.
//! The run column tells which thread each stretch of events belongs to and which calls were open when it began.

mod decode;
mod encode;
mod packing;

pub use encode::{BlockFacts, Encoder};

use super::stack::OpenCall;
use super::{EventKind, RawEvent, ValueRef};

/// Most events a block may hold; a reader refuses more.
pub const MAX_BLOCK_EVENTS: usize = 1 << 18;

const SITE_HIT: u8 = 1 << 3;
const CALLEE_HIT: u8 = 1 << 4;
const VALUES_SHIFT: u32 = 5;
const OTHER_DETAIL: u8 = 1 << 7;
/// In the flags of an event: time passed before it, although its kind has no time of its own.
const OTHER_TIME: u8 = 1 << 7;
/// The kind, in a token, of a call with at most two arguments and its end; its values are the result and the arguments.
const WHOLE: u8 = 7;
/// A pause of this or more, in nanoseconds, goes to the column of long ones.
const LONG_PAUSE: u64 = 0xFFFF;

/// The columns, in the order in which they are stored.
#[derive(Default)]
struct Columns {
    runs: Vec<u8>,
    tokens: Vec<u8>,
    time_low: Vec<u8>,
    time_high: Vec<u8>,
    time_long: Vec<u8>,
    sites: Vec<u8>,
    callees: Vec<u8>,
    values: Vec<u8>,
    near_values: Vec<u8>,
    far_values: Vec<u8>,
    details: Vec<u8>,
}

/// Differences of less than this, of either sign, are near.
const NEAR: u32 = 128;
/// Number of columns.
const COLUMNS: usize = 11;

/// How a value is written: as the last one of its site, as a recent result, by a small difference, or in full.
mod shape {
    /// And the following ones, by how recent the result is.
    pub const RECENT: u8 = 1;
    pub const NEAR: u8 = 4;
    pub const FAR: u8 = 5;
    /// Number of shapes; those of three values are told in one byte, as digits of a number of this base.
    pub const N: u8 = 6;
}

impl Columns {
    fn all(&mut self) -> [&mut Vec<u8>; COLUMNS] {
        [
            &mut self.runs,
            &mut self.tokens,
            &mut self.time_low,
            &mut self.time_high,
            &mut self.time_long,
            &mut self.sites,
            &mut self.callees,
            &mut self.values,
            &mut self.near_values,
            &mut self.far_values,
            &mut self.details,
        ]
    }
}

/// One event as it is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds since the start of the run.
    pub time_ns: u64,
    /// For the end of a call, when the call began (the event's own time if nobody saw that); else `time_ns`.
    pub start_ns: u64,
    /// Where.
    pub site: u32,
    /// What was called, or the operator.
    pub callee: u32,
    /// Up to three values.
    pub values: [ValueRef; 3],
    /// How many values there were.
    pub count: u16,
    /// See [`super::flags`].
    pub flags: u8,
    /// What it is.
    pub kind: EventKind,
    /// For the end of a call, how many open calls it ends: 1; more if inner ends were lost; 0 if its beginning was.
    pub n_ended: u32,
}

impl Event {
    /// The event as the hook left it.
    pub const fn raw(&self) -> RawEvent {
        RawEvent {
            time_ns: self.time_ns,
            site: self.site,
            callee: self.callee,
            values: self.values,
            count: self.count,
            kind: self.kind,
            flags: self.flags,
        }
    }
}

/// A stretch of events of one thread within a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The thread.
    pub thread: u16,
    /// Index of its first event in [`Block::events`].
    pub first: usize,
    /// How many events it has.
    pub n_events: usize,
    /// The calls that were open before it, outermost first; told at the thread's first run of a block only.
    pub open: Option<Vec<OpenCall>>,
}

/// One block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Stretches by thread, in the order in which buffers were handed over.
    pub runs: Vec<Run>,
    /// All events, run after run.
    pub events: Vec<Event>,
}

impl Block {
    /// The runs with their events.
    pub fn by_run(&self) -> impl Iterator<Item = (&Run, &[Event])> {
        self.runs.iter().filter_map(|run| Some((run, self.events.get(run.first..run.first + run.n_events)?)))
    }

    /// Reads what [`Encoder::finish_block`] gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, super::Error> {
        decode::block(bytes)
    }
}
