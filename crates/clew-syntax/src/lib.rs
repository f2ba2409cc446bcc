//! Source in; static tables, rewritten source, hooks and position map out.
//!
//! The only crate that names the parser. It knows no Python object and does no input or output.
//!
//! - [`table`]: statements, scopes, and the names they use and define ([`clew_trace::SourceTable`]).
//! - [`rewrite`]: the instrumented source, the original with text inserted and, at the level `op`, operators overwritten.
//! - [`hooks`]: what each inserted placeholder stands for.
//! - [`positions`]: columns of the rewritten source mapped back to the original.
//! - [`stack`]: room for the recursion that deeply nested sources need.

pub mod hooks;
pub mod positions;
pub mod rewrite;
pub mod stack;
pub mod table;

pub use table::{build, table_of, Index};

/// A source that is not Python.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxProblem {
    /// What the parser says.
    pub message: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
}

impl SyntaxProblem {
    /// The parser's error, placed in `source`.
    pub fn new(error: &ruff_python_parser::ParseError, source: &str) -> Self {
        let offset = error.location.start().to_usize().min(source.len());
        let before = source.get(..offset).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            message: error.error.to_string(),
            line: before.bytes().filter(|byte| *byte == b'\n').count() as u32 + 1,
            column: before[line_start..].chars().count() as u32 + 1,
        }
    }
}
