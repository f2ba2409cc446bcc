//! What stays for the sake of others: `global` and `nonlocal` declarations, docstrings that are asked for, a `yield`
//! that makes a function a generator, `from __future__` imports, and the imports of modules whose functions ran.

use clew_trace::{NameId, StatementId, StatementKind};

use super::functions::yields;
use super::{Closure, Reason};
use crate::executed::is_future_import;
use crate::facts::MODULE;
use crate::graph::EdgeKind;
use crate::scan::{TokenKind, Tokens};

impl Closure<'_, '_> {
    /// Imports that change what the text means.
    pub(super) fn keep_future_imports(&mut self) {
        let facts = self.facts;
        let tops = facts.blocks.top().iter().copied();
        for id in tops.filter(|id| is_future_import(facts.text, facts.table, *id)) {
            self.keep_text(
                id,
                Reason { because: None, kind: EdgeKind::Control, name: Some(String::from("__future__")) },
            );
        }
    }

    /// `global` and `nonlocal` for names that a kept statement of the same scope binds.
    pub(super) fn keep_declarations(&mut self) {
        let facts = self.facts;
        for &id in &self.analysis.declarations {
            let statement = facts.statement(id);
            let Some(owner) = facts.owner(statement.scope) else { continue };
            if self.has(id) || !self.has(owner) {
                continue;
            }
            let text = facts.header_text(id);
            let words = Tokens::new(text).filter(|token| token.kind == TokenKind::Name).skip(1);
            let declared: Vec<&str> = words.map(|token| &text[token.start..token.end]).collect();
            let is_declared = |name: NameId| declared.contains(&facts.name(facts.plain(name)));
            let inside = StatementId(owner.0 + 1)..StatementId(facts.blocks.end(owner));
            let binder = self.kept.range(inside).copied().find(|kept| {
                let kept = facts.statement(*kept);
                kept.scope == statement.scope && kept.defines.iter().any(|define| is_declared(define.name))
            });
            if let Some(binder) = binder {
                self.keep_text(id, Reason::because(binder, EdgeKind::Control, None));
            }
        }
    }

    /// Docstrings, if kept text asks for them.
    pub(super) fn keep_docstrings(&mut self) {
        let facts = self.facts;
        let asks = ["__doc__", "getdoc", "testmod", "pydoc"];
        if !asks.iter().any(|name| facts.name_id(name).is_some_and(|id| self.is_mentioned(id))) {
            return;
        }
        for &id in &self.analysis.docstrings {
            let parent = facts.statement(id).parent;
            if !self.has(id) && parent.is_none_or(|parent| self.has(parent)) {
                self.keep_text(
                    id,
                    Reason { because: parent, kind: EdgeKind::Data, name: Some(String::from("__doc__")) },
                );
            }
        }
    }

    /// A generator function of which something is kept must stay one.
    pub(super) fn keep_generators(&mut self) {
        let facts = self.facts;
        let generators = facts.table.scopes.iter().filter(|scope| scope.suspends).filter_map(|scope| scope.owner);
        for def in generators {
            let statement = facts.statement(def);
            let Some(scope) = statement.opens.filter(|_| statement.kind == StatementKind::Function && self.has(def))
            else {
                continue;
            };
            let inside = StatementId(def.0 + 1)..StatementId(facts.blocks.end(def));
            if self.kept.range(inside.clone()).next().is_none() {
                continue;
            }
            let is_yield = |id: StatementId| facts.home(id).0 == scope && yields(facts.header_text(id));
            if self.kept.range(inside.clone()).any(|id| is_yield(*id)) {
                continue;
            }
            let found = (inside.start.0..inside.end.0).map(StatementId).find(|id| is_yield(*id));
            if let Some(found) = found {
                self.keep_text(found, Reason::because(def, EdgeKind::Control, None));
            }
        }
    }

    /// When finalisers or weak references matter, objects must die when they did: names that kept units bound are
    /// released where they were.
    pub(super) fn keep_releases(&mut self) {
        let facts = self.facts;
        let watches =
            ["weakref", "WeakValueDictionary", "WeakKeyDictionary", "WeakSet", "finalize", "gc", "getrefcount"];
        let finalises = facts.name_id("__del__").is_some_and(|name| {
            facts
                .defs_named(name)
                .iter()
                .any(|def| facts.statement(*def).opens.is_some_and(|scope| self.functions.is_entered(scope)))
        });
        if !finalises && !watches.iter().any(|name| facts.name_id(name).is_some_and(|id| self.is_mentioned(id))) {
            return;
        }
        let Some(last) = self.kept.iter().rev().copied().find(|id| facts.table.is_unit(*id)) else { return };
        let mut names: Vec<NameId> = Vec::new();
        for id in self.kept.iter().filter(|id| facts.table.is_unit(**id)) {
            let statement = facts.statement(*id);
            let is_definition = matches!(
                statement.kind,
                StatementKind::Function | StatementKind::Class | StatementKind::Import | StatementKind::ImportFrom
            );
            if !is_definition {
                names.extend(statement.defines.iter().filter(|d| d.scope == MODULE).map(|d| d.name));
            }
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            for &id in facts.binders(name) {
                if facts.table.is_unit(id) && (id <= last || facts.share_loop(id, last)) {
                    let name = Some(facts.name(name).to_owned());
                    self.keep(id, Reason { because: Some(last), kind: EdgeKind::Data, name });
                }
            }
        }
    }

    /// Modules of the user whose functions kept units entered must be imported by something.
    pub(super) fn keep_importers(&mut self) {
        let facts = self.facts;
        let mut sources: Vec<_> = self.functions.sources.iter().copied().collect();
        sources.sort_unstable();
        for source in sources {
            let Some(record) = facts.trace.sources.get(source.index()) else { continue };
            let importers = self.analysis.imports.importers(&record.module);
            if importers.iter().any(|importer| self.has(*importer)) {
                continue;
            }
            if let Some(unit) = record.imported_by.and_then(|unit| facts.unit(unit)) {
                self.keep(unit, Reason { because: None, kind: EdgeKind::Call, name: Some(record.module.clone()) });
            }
        }
    }
}
