//! What a slice is taken of: the program's texts, their tables and the trace of one run.

use clew_trace::{ExternalKind, RunTrace, SourceId, SourceTable};

/// A program and one run of it.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Static tables, indexed by [`SourceId`]. Only the program's own (0) must be complete; a missing or empty
    /// table of an imported module makes the slice larger, never wrong.
    pub tables: &'a [SourceTable],
    /// Texts, without byte-order mark, indexed by [`SourceId`].
    pub texts: &'a [String],
    /// What the run did.
    pub trace: &'a RunTrace,
}

/// What a slice must still produce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Criterion {
    /// A top-level variable as it was at the end of the run.
    Name {
        /// The variable.
        name: String,
    },
    /// A top-level variable just after a line last ran.
    NameAtLine {
        /// The variable.
        name: String,
        /// The line, 1-based.
        line: u32,
    },
    /// The statement on a line.
    Line {
        /// The source.
        source: SourceId,
        /// The line, 1-based.
        line: u32,
    },
    /// State outside the objects that the run wrote.
    External {
        /// Its kind.
        kind: ExternalKind,
        /// Its key: for a file, its path.
        key: String,
    },
    /// A value saved under a name.
    Artifact {
        /// The name.
        name: String,
    },
}
