//! The state of the walk, and what all its parts do with it: open scopes, begin statements, note names.

use super::lines::Lines;
use super::names::{private_prefix, Names};
use super::references::{leaves_bound, push_once, settle, Event};
use super::scopes::Scopes;
use super::Index;
use clew_trace::{
    Arm, DefineKind, NameId, Scope, ScopeId, ScopeKind, SourceTable, Span, Statement, StatementId, StatementKind,
};
use ruff_python_ast::{Expr, ModModule, Stmt};
use ruff_text_size::TextRange;
use rustc_hash::FxHashSet;

/// The table of a parsed module and the index into it.
pub(super) fn collect(module: &ModModule, source: &str) -> (SourceTable, Index) {
    let mut collector = Collector {
        source,
        lines: Lines::new(source),
        names: Names::default(),
        scopes: Scopes::new(),
        statements: Vec::new(),
        events: Vec::new(),
        index: Index::default(),
        long_mentions: FxHashSet::default(),
        spine: Vec::new(),
        lazy_annotations: module.body.iter().any(imports_lazy_annotations),
        statement: StatementId(0),
        scope: ScopeId(0),
        class: None,
        branches: 0,
        certain: 0,
        delayed: false,
    };
    collector.block(&module.body, None, Arm::Body, true);
    collector.finish()
}

/// Walks the tree. Fields after `statement` describe the place where the walk is.
pub(super) struct Collector<'a> {
    pub(super) source: &'a str,
    pub(super) lines: Lines,
    pub(super) names: Names<'a>,
    pub(super) scopes: Scopes,
    pub(super) statements: Vec<Statement>,
    events: Vec<Event>,
    pub(super) index: Index,
    long_mentions: FxHashSet<(StatementId, NameId)>,
    /// Nodes whose left operand is being walked.
    pub(super) spine: Vec<&'a Expr>,
    /// Whether the source has `from __future__ import annotations`.
    pub(super) lazy_annotations: bool,
    /// The statement whose own text is being walked.
    pub(super) statement: StatementId,
    /// The scope whose names that text reads and binds.
    pub(super) scope: ScopeId,
    /// The prefix of private names in the class around.
    pub(super) class: Option<&'a str>,
    /// How many of the parts around may be left out when the statement is evaluated.
    branches: u32,
    /// How many of the statement's bindings have happened for certain when this place is evaluated.
    certain: u32,
    /// Whether this place is evaluated after the statement has ended, if at all.
    pub(super) delayed: bool,
}

impl<'a> Collector<'a> {
    fn finish(mut self) -> (SourceTable, Index) {
        settle(&self.events, &self.names, &mut self.scopes, &mut self.statements);
        let renumbered = self.scopes.text_order();
        let mut table =
            SourceTable { names: self.names.into_texts(), scopes: self.scopes.rows, statements: self.statements };
        if let Some(renumbered) = renumbered {
            renumber(&mut table, &mut self.index, &renumbered);
        }
        (table, self.index)
    }

    /// Begins a statement: what is walked from now on is its own text.
    pub(super) fn begin(
        &mut self,
        node: TextRange,
        span: Span,
        kind: StatementKind,
        parent: Option<StatementId>,
        arm: Arm,
    ) -> StatementId {
        let id = StatementId(self.statements.len() as u32);
        self.statements.push(Statement {
            parent,
            arm,
            kind,
            scope: self.scope,
            opens: None,
            span,
            header: span,
            first_line: self.lines.line(span.start),
            last_line: self.lines.line(span.end.saturating_sub(1).max(span.start)),
            uses: Vec::new(),
            defines: Vec::new(),
            mentions: Vec::new(),
            may_raise: false,
            is_docstring: false,
        });
        self.index.statements.insert(node, id);
        self.statement = id;
        self.certain = 0;
        id
    }

    /// Comes back from a block to a later clause of the statement that holds it.
    pub(super) fn resume(&mut self, statement: StatementId) {
        self.statement = statement;
        self.certain = 0;
        self.events.push(Event::Forget { statement, keep: 0 });
    }

    /// Opens a scope inside the current one, in the text of the current statement; `node` leads to it in the index.
    pub(super) fn open_scope(&mut self, kind: ScopeKind, name: &str, node: TextRange, start: u32) -> ScopeId {
        let owner = Some(self.statement);
        let scope = self.scopes.open(Some(self.scope), kind, name.to_owned(), owner, start);
        self.index.scopes.insert(node, scope);
        scope
    }

    /// Walks something that belongs to `scope`.
    pub(super) fn within<R>(&mut self, scope: ScopeId, walk: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.scope, scope);
        let result = walk(self);
        self.scope = outer;
        result
    }

    /// Walks something that is not evaluated every time the statement is.
    pub(super) fn branch<R>(&mut self, walk: impl FnOnce(&mut Self) -> R) -> R {
        let certain = self.certain;
        self.branches += 1;
        let result = walk(self);
        self.branches -= 1;
        if self.certain > certain {
            self.certain = certain;
            self.events.push(Event::Forget { statement: self.statement, keep: certain });
        }
        result
    }

    /// Walks something that is evaluated later than the statement.
    pub(super) fn later<R>(&mut self, walk: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.delayed, true);
        let result = self.branch(walk);
        self.delayed = outer;
        result
    }

    /// Walks the text of a class, in which private names are mangled.
    pub(super) fn in_class<R>(&mut self, class_name: &'a str, walk: impl FnOnce(&mut Self) -> R) -> R {
        let outer = std::mem::replace(&mut self.class, private_prefix(class_name));
        let result = walk(self);
        self.class = outer;
        result
    }

    /// The identifier of a variable or attribute as it is written here.
    pub(super) fn name(&mut self, text: &'a str) -> NameId {
        self.names.intern_in_class(text, self.class)
    }

    /// A name is read; `with_arguments` when it is called with some.
    pub(super) fn read(&mut self, text: &'a str, with_arguments: bool) {
        let name = self.name(text);
        let (statement, scope, delayed) = (self.statement, self.scope, self.delayed);
        self.events.push(Event::Read { statement, scope, name, delayed, with_arguments });
    }

    /// A name is bound or deleted in the current scope.
    pub(super) fn bind(&mut self, text: &'a str, kind: DefineKind) {
        let name = self.name(text);
        self.scopes.bind(self.scope, name);
        self.note_binding(self.scope, name, kind);
    }

    /// A name is bound by an import.
    pub(super) fn bind_import(&mut self, text: &'a str) {
        let name = self.name(text);
        self.scopes.bind_import(self.scope, name);
        self.note_binding(self.scope, name, DefineKind::Bind);
    }

    /// A name is bound by `:=`.
    pub(super) fn bind_walrus(&mut self, text: &'a str) {
        let name = self.name(text);
        let scope = self.scopes.walrus_target(self.scope);
        self.scopes.bind(scope, name);
        self.note_binding(scope, name, DefineKind::Bind);
    }

    fn note_binding(&mut self, scope: ScopeId, name: NameId, kind: DefineKind) {
        let kind = if kind == DefineKind::Bind && self.branches > 0 { DefineKind::Maybe } else { kind };
        self.certain += u32::from(leaves_bound(kind));
        self.events.push(Event::Bind { statement: self.statement, scope, name, kind });
    }

    /// The statement's text mentions a name that is no variable here.
    pub(super) fn mention(&mut self, name: NameId) {
        let mentions = &mut self.statements[self.statement.index()].mentions;
        push_once(mentions, name, self.statement, &mut self.long_mentions);
    }

    /// Evaluating the statement's text here may run other code or raise.
    pub(super) fn may_raise(&mut self) {
        if !self.delayed {
            self.statements[self.statement.index()].may_raise = true;
        }
    }
}

fn imports_lazy_annotations(statement: &Stmt) -> bool {
    statement.as_import_from_stmt().is_some_and(|import| {
        let future = import.module.as_ref().is_some_and(|module| module.as_str() == "__future__");
        future && import.names.iter().any(|alias| alias.name.as_str() == "annotations")
    })
}

/// Gives the scopes of a table their new numbers.
fn renumber(table: &mut SourceTable, index: &mut Index, renumbered: &[ScopeId]) {
    let new = |scope: &mut ScopeId| *scope = renumbered[scope.index()];
    let mut rows: Vec<(ScopeId, Scope)> =
        std::mem::take(&mut table.scopes).into_iter().zip(renumbered).map(|(row, id)| (*id, row)).collect();
    rows.sort_by_key(|(id, _)| *id);
    table.scopes = rows.into_iter().map(|(_, row)| row).collect();
    table.scopes.iter_mut().filter_map(|row| row.parent.as_mut()).for_each(new);
    index.scopes.values_mut().for_each(new);
    for statement in &mut table.statements {
        new(&mut statement.scope);
        statement.opens.iter_mut().for_each(new);
        statement.uses.iter_mut().for_each(|site| new(&mut site.scope));
        statement.defines.iter_mut().for_each(|site| new(&mut site.scope));
    }
}
