//! The static table of a source: its statements, its scopes, and the names they use and define.

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

    /// The scope that the `def`, `class`, `lambda`, comprehension or generator node of this range opens.
    pub fn scope(&self, range: TextRange) -> Option<ScopeId> {
        self.scopes.get(&range).copied()
    }
}

/// The table of a parsed module and the way from its nodes to the table.
pub fn build(_module: &ModModule, _source: &str) -> (SourceTable, Index) {
    (SourceTable::default(), Index::default())
}

/// Parses `source` and builds its table.
pub fn table_of(source: &str) -> Result<SourceTable, SyntaxProblem> {
    crate::stack::with_deep_stack(|| match ruff_python_parser::parse_module(source) {
        Ok(parsed) => Ok(build(parsed.syntax(), source).0),
        Err(error) => Err(SyntaxProblem::new(&error, source)),
    })
}
