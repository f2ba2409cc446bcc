//! The static table of a source: its statements, its scopes, and the names they use and define.
//!
//! One walk over the tree collects statements, scopes, bindings and name events in the order of evaluation
//! (`collect`, `statements`, `expressions`, `patterns`); then every name is given to the scope that binds it
//! (`scopes`, `references`). Nothing here depends on the rewriter.

mod annotations;
mod collect;
mod expressions;
mod lines;
mod names;
mod patterns;
mod references;
mod scopes;
mod statements;

use crate::SyntaxProblem;
use clew_trace::{ScopeId, SourceTable, StatementId};
use ruff_python_ast::ModModule;
use ruff_text_size::TextRange;
use rustc_hash::FxHashMap;

/// From nodes of the parsed module to the rows of its [`SourceTable`].
#[derive(Clone, Debug, Default)]
pub struct Index {
    statements: FxHashMap<TextRange, StatementId>,
    scopes: FxHashMap<TextRange, ScopeId>,
}

impl Index {
    /// The statement whose node has this range (decorators included); for `elif`, the range of its clause node.
    pub fn statement(&self, range: TextRange) -> Option<StatementId> {
        self.statements.get(&range).copied()
    }

    /// The scope that the node of this range opens: `def`, `class`, `lambda`, comprehension, generator expression,
    /// the bracketed type parameters of a `def` or `class`, or a whole `type` statement.
    pub fn scope(&self, range: TextRange) -> Option<ScopeId> {
        self.scopes.get(&range).copied()
    }
}

/// The table of a parsed module, and the way from its nodes to the table.
///
/// `source` is the text that was parsed, without byte-order mark. The walk recurses as deep as the text nests (but not
/// along chains of operators, calls and attributes): see [`crate::stack`].
pub fn build(module: &ModModule, source: &str) -> (SourceTable, Index) {
    collect::collect(module, source)
}

/// Parses `source` and builds its table. A byte-order mark is ignored.
pub fn table_of(source: &str) -> Result<SourceTable, SyntaxProblem> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    crate::stack::with_deep_stack(|| match ruff_python_parser::parse_module(source) {
        Ok(parsed) => Ok(build(parsed.syntax(), source).0),
        Err(error) => Err(SyntaxProblem::new(&error, source)),
    })
}
