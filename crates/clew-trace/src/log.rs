//! The event log of the `call` and `op` levels: one entry for each call begun, call ended and operation done.
//!
//! A hook fills a [`RawEvent`] of 32 bytes into a buffer of its thread. Full buffers go to a [`Writer`], which turns
//! them into columns ([`columns`]), predicts what it can, compresses the rest into independent blocks and puts these
//! into a file under a cap ([`region`]). It also sums up every call as it passes ([`totals`]), so that totals are
//! exact even when the log itself had to be cut. A [`Reader`] gives the blocks back, also from a file whose end is
//! missing because the process was killed, and [`tree`] sums a stream of blocks up as a tree of calls.
//!
//! Invariants: a block can be read without any other block (each run of events starts with the calls that were open);
//! memory does not depend on the number of events; reading arbitrary bytes gives an error, never a panic.
//! This module knows no clock, no thread and no file: it is given times, and something to write to or read from.

pub mod columns;
pub mod region;
pub mod stack;
pub mod tables;
pub mod totals;
pub mod tree;

mod bytes;
mod frame;
mod predict;
mod reader;
mod value;
mod writer;

pub use columns::{Block, Event, Run};
pub use reader::Reader;
pub use region::Keep;
pub use stack::OpenCall;
pub use tables::{LogSite, Tables};
pub use totals::{Total, Totals};
pub use tree::{CallTree, TreeNode};
pub use value::{ValueRef, ValueShape};
pub use writer::{LogSummary, Writer};

/// What an event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EventKind {
    /// A call begins. `values` are its first arguments (the receiver first, if [`flags::BOUND`]), `count` how many there are.
    Call = 0,
    /// The innermost open call ended. `values[0]` is the result; `site` and `callee` repeat the call's.
    Return = 1,
    /// The innermost open call ended by an exception. `values[0]` is the exception's type; else as [`EventKind::Return`].
    Raise = 2,
    /// An operation was done. `callee` is the operator's name, `values` the first operands and, last, the result.
    Operation = 3,
    /// Three more arguments of the event before it in this thread.
    Arguments = 4,
    /// A frame suspended (`yield`, `await`). `values[0]` is what it gave.
    Suspend = 5,
    /// A frame went on. `values[0]` is what it was sent.
    Resume = 6,
}

impl EventKind {
    /// The kind whose number this is.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Call,
            1 => Self::Return,
            2 => Self::Raise,
            3 => Self::Operation,
            4 => Self::Arguments,
            5 => Self::Suspend,
            6 => Self::Resume,
            _ => return None,
        })
    }

    /// Whether its time counts: other kinds repeat the time of the last event before them that was timed, as a rule.
    pub const fn is_timed(self) -> bool {
        matches!(self, Self::Call | Self::Return | Self::Raise)
    }

    /// Whether a call ends with it.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Return | Self::Raise)
    }
}

/// Bits of [`RawEvent::flags`].
pub mod flags {
    /// The first value of a call is the receiver of a method.
    pub const BOUND: u8 = 1;
    /// The call had keyword arguments (their values follow the positional ones, without names).
    pub const KEYWORDS: u8 = 2;
    /// The callee is a class.
    pub const CLASS: u8 = 4;
    /// The callee is not user code: a builtin, or a function of a library.
    pub const FOREIGN: u8 = 8;
    /// The operation's result was not seen (yet): `values` are operands only.
    pub const UNFINISHED: u8 = 16;
}

/// One event as a hook leaves it: plain data, no references, 32 bytes.
///
/// `time_ns` counts from the start of the run. It never goes back within a thread; operations may repeat the time of
/// the last call event when reading the clock would cost too much. `site` indexes [`Tables::sites`] and `callee`
/// [`Tables::names`]. The thread is that of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RawEvent {
    /// Nanoseconds since the start of the run.
    pub time_ns: u64,
    /// Where.
    pub site: u32,
    /// The called object's name, or the operator's.
    pub callee: u32,
    /// Up to three values; see [`EventKind`].
    pub values: [ValueRef; 3],
    /// How many values there were, recorded or not.
    pub count: u16,
    /// What.
    pub kind: EventKind,
    /// See [`flags`].
    pub flags: u8,
}

impl RawEvent {
    /// A call that begins with up to three arguments.
    pub const fn call(time_ns: u64, site: u32, callee: u32, values: [ValueRef; 3], count: u16) -> Self {
        Self { time_ns, site, callee, values, count, kind: EventKind::Call, flags: 0 }
    }

    /// The end of a call.
    pub const fn ended(time_ns: u64, site: u32, callee: u32, result: ValueRef) -> Self {
        let values = [result, ValueRef::ABSENT, ValueRef::ABSENT];
        Self { time_ns, site, callee, values, count: 1, kind: EventKind::Return, flags: 0 }
    }

    /// The end of a call by an exception of a type.
    pub const fn raised(time_ns: u64, site: u32, callee: u32, exception: ValueRef) -> Self {
        Self { kind: EventKind::Raise, ..Self::ended(time_ns, site, callee, exception) }
    }

    /// An operation.
    pub const fn operation(time_ns: u64, site: u32, operator: u32, values: [ValueRef; 3], count: u16) -> Self {
        Self { time_ns, site, callee: operator, values, count, kind: EventKind::Operation, flags: 0 }
    }
}

/// Why a log cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not an event log.
    #[error("not a Clew event log")]
    NotALog,
    /// Written by another format version.
    #[error("event log format {found}, this Clew reads {}", frame::VERSION)]
    Version {
        /// The version in the bytes.
        found: u16,
    },
    /// A block's content contradicts itself.
    #[error("event log is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: &'static str,
    },
    /// What is read from or written to failed.
    #[error("event log: {0}")]
    Device(#[from] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_event_is_32_bytes() {
        assert_eq!(std::mem::size_of::<RawEvent>(), 32);
    }
}
