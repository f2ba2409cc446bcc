//! The instrumented source: the original with hooks inserted.
//!
//! The rewriter inserts text, and none of it holds a line end. Hooks take an operand and give it back, so that the
//! operation itself stays the program's own: `o.name` becomes `C(o).name`. At the `op` level it overwrites operators too,
//! character by character, so that hooks do operations in place of the program. Hooks are written as complex literals
//! ([`crate::hooks`]), so that the inserted text introduces no name.
//!
//! What must not change: the meaning of the program, the names, constants and lines of its code objects, and, after
//! [`crate::positions`] has mapped them back, its columns. A construct that cannot be instrumented is left as it is and
//! reported.
//!
//! - `walker`: the state of the walk, and what inserts text;
//! - `blocks`: which statements carry the marks of their blocks;
//! - `statements`, `functions`, `targets`: statements;
//! - `expressions`, `operands`, `calls`: expressions, and which operands get a hook;
//! - `operations`, `augmented`: hooks that log operations;
//! - `elision`, `kills`: which operands need none because of what was done before;
//! - `facts`, `names`, `builtins`: what is known of variables and builtins.

mod augmented;
mod blocks;
mod builtins;
mod calls;
mod edits;
mod elision;
mod expressions;
mod facts;
mod functions;
mod kills;
mod names;
mod operands;
mod operations;
mod statements;
mod targets;
mod walker;

pub use crate::hooks::{Hook, PLACEHOLDER_BASE};
pub use edits::Edit;

use crate::{stack, table, SyntaxProblem};
use clew_trace::{SourceTable, Span, StatementId};
use serde::{Deserialize, Serialize};

/// How much of what a program does is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Detail {
    /// What the dependency graph needs.
    Statement,
    /// And every call.
    Call,
    /// And every operation.
    Op,
}

/// How a source is to be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// Whether it is the program itself, whose module-level statements are units.
    pub is_main: bool,
    /// What is to be recorded.
    pub detail: Detail,
    /// The minor version of the Python 3 that will compile it: 11, 12 or 13.
    pub minor: u8,
    /// Whether calls of user code that are logged may be left to the interpreter: see [`crate::hooks::Hook::Began`].
    pub native_calls: bool,
}

/// Something that was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Where.
    pub span: Span,
    /// Why.
    pub message: String,
}

/// A rewritten source, and what is needed to run it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instrumented {
    /// The rewritten source.
    pub text: String,
    /// The insertions, in the order of the text. Characters may be replaced as well, one for one.
    pub edits: Vec<Edit>,
    /// What the placeholders stand for.
    pub hooks: Vec<Hook>,
    /// Statements that change an object without a hook that tells: if they ran, they count as having done so.
    pub stores: Vec<StatementId>,
    /// The static table of the source; names that only hooks mention are appended to it.
    pub table: SourceTable,
    /// What was left as it is.
    pub diagnostics: Vec<Diagnostic>,
}

/// Rewrites a source, from which a byte-order mark has been removed.
pub fn instrument(source: &str, options: &Options) -> Result<Instrumented, SyntaxProblem> {
    stack::with_deep_stack(|| {
        let parsed = ruff_python_parser::parse_module(source).map_err(|error| SyntaxProblem::new(&error, source))?;
        let (table, index) = table::build(parsed.syntax(), source);
        Ok(walker::rewrite(parsed.syntax(), source, table, &index, *options))
    })
}
