//! Statements: what each carries, and the walk of its parts in the order of evaluation.

use super::blocks::{has_no_code, header, is_future_import, without_docstring};
use super::kills::Kills;
use super::operands::Need;
use super::targets::Written;
use super::walker::{Fragment, HookPlace, Walker};
use crate::hooks::Hook;
use clew_trace::{DefineKind, NameId, ScopeId, StatementKind};
use ruff_python_ast::{
    ExceptHandler, Expr, Stmt, StmtAnnAssign, StmtAssign, StmtAugAssign, StmtFor, StmtIf, StmtImportFrom, StmtMatch,
    StmtTry, StmtWhile, StmtWith,
};
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

impl<'a> Walker<'a> {
    /// Walks the module.
    pub(super) fn module(&mut self, body: &'a [Stmt]) {
        if self.options.is_main {
            self.rebound = self.find_rebound();
        }
        let body = without_docstring(body);
        self.covered_block(body);
    }

    /// Names that more than one unit binds.
    fn find_rebound(&self) -> FxHashSet<NameId> {
        let mut counts: FxHashMap<NameId, u32> = FxHashMap::default();
        for statement in self.table.statements.iter().filter(|statement| statement.scope == super::names::MODULE) {
            let names: FxHashSet<NameId> = statement
                .defines
                .iter()
                .filter(|define| define.scope == super::names::MODULE && define.kind != DefineKind::Declare)
                .map(|define| define.name)
                .collect();
            for name in names {
                *counts.entry(name).or_default() += 1;
            }
        }
        counts.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
    }

    /// Walks a statement.
    pub(super) fn one_statement(&mut self, statement: &'a Stmt) {
        if self.activation.is_none() {
            self.seen.forget_all();
        }
        let mut fragments = self.begin(statement.range(), statement.start());
        if is_future_import(statement) || has_no_code(statement) && !self.in_units() {
            fragments.clear();
        }
        if let Stmt::Global(_) | Stmt::Nonlocal(_) = statement {
            return;
        }
        self.hook_place = None;
        match statement {
            Stmt::FunctionDef(def) => return self.function(def, header(statement), &fragments),
            Stmt::ClassDef(class) => return self.class(class, header(statement), &fragments),
            Stmt::If(stmt) => return self.branches(stmt, &fragments),
            Stmt::While(stmt) => return self.while_loop(stmt, &fragments),
            Stmt::For(stmt) => return self.for_loop(stmt, header(statement).is_some(), &fragments),
            Stmt::With(stmt) => return self.with(stmt, &fragments),
            Stmt::Match(stmt) => return self.match_cases(stmt, &fragments),
            Stmt::Try(stmt) => return self.attempt(stmt),
            _ => {}
        }
        self.add_import_fragments(statement, &mut fragments);
        self.fragments_before(statement, &fragments);
        self.hook_place = Some(HookPlace::Before(statement.start().to_u32()));
        match statement {
            Stmt::Assign(stmt) => self.assign(stmt),
            Stmt::AugAssign(stmt) => self.augmented(stmt),
            Stmt::AnnAssign(stmt) => self.annotated(stmt),
            Stmt::Expr(stmt) => self.expr(&stmt.value, Need::Value),
            Stmt::Return(stmt) => {
                if let Some(value) = &stmt.value {
                    self.expr(value, Need::Value);
                }
                self.seen.end_path();
            }
            Stmt::Delete(stmt) => stmt.targets.iter().for_each(|target| self.delete(target)),
            Stmt::Raise(stmt) => {
                for part in [&stmt.exc, &stmt.cause].into_iter().flatten() {
                    self.expr(part, Need::Value);
                }
                self.seen.end_path();
            }
            Stmt::Assert(stmt) => {
                self.asserted(&stmt.test);
                if let Some(message) = &stmt.msg {
                    let before = self.seen.clone();
                    self.expr(message, Need::Value);
                    self.seen = before;
                }
            }
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.forget_bound(std::slice::from_ref(statement)),
            Stmt::Break(_) | Stmt::Continue(_) => self.seen.end_path(),
            _ => {}
        }
    }

    /// Hooks that look at the modules that a statement imports.
    fn add_import_fragments(&mut self, statement: &Stmt, fragments: &mut Vec<Fragment>) {
        if is_future_import(statement) {
            return;
        }
        let imported: Vec<(String, Vec<String>)> = match statement {
            Stmt::Import(import) => import.names.iter().map(|alias| (alias.name.to_string(), Vec::new())).collect(),
            Stmt::ImportFrom(StmtImportFrom { module: Some(module), names, level: 0, .. }) => {
                vec![(module.to_string(), names.iter().map(|alias| alias.name.to_string()).collect())]
            }
            _ => return,
        };
        for (module, names) in imported {
            let module = self.names.id(&mut self.table, &module, None);
            let names = names.iter().map(|name| self.names.id(&mut self.table, name, None)).collect();
            let hook = self.hook(Hook::Import { statement: self.statement, module, names });
            fragments.push(Fragment::Call(hook));
        }
    }

    /// What a statement carries, on account of its block and its own.
    fn begin(&mut self, range: TextRange, start: TextSize) -> Vec<Fragment> {
        let mut fragments = self.pending.remove(&start).unwrap_or_default();
        let Some(id) = self.index.statement(range) else {
            self.leave(range, "not in the table of statements");
            return fragments;
        };
        self.statement = id;
        if self.in_units() {
            fragments.push(Fragment::Unit);
        }
        self.add_binding_fragments(&mut fragments);
        fragments
    }

    /// Hooks that stand before a statement because of the names it binds.
    fn add_binding_fragments(&mut self, fragments: &mut Vec<Fragment>) {
        let id = self.statement;
        let row = self.table.statement(id);
        if row.defines.is_empty() || matches!(row.kind, StatementKind::Global | StatementKind::Nonlocal) {
            return;
        }
        let here = row.scope;
        let bound = |define: &&clew_trace::Define| define.kind != DefineKind::Declare;
        if self.in_units() {
            let mut names: Vec<NameId> = Vec::new();
            for define in row.defines.iter().filter(bound) {
                if self.rebound.contains(&define.name) && !names.contains(&define.name) {
                    names.push(define.name);
                }
            }
            if !names.is_empty() {
                let hook = self.hook(Hook::Rebind { statement: id, names });
                fragments.push(Fragment::Call(hook));
            }
            return;
        }
        if !self.names.any_shared() {
            return;
        }
        let shared =
            |define: &&clew_trace::Define| define.scope != here && self.names.is_shared((define.scope, define.name));
        let cells: Vec<(ScopeId, NameId)> =
            row.defines.iter().filter(bound).filter(shared).map(|define| (define.scope, define.name)).collect();
        for (scope, name) in cells {
            let hook = self.hook(Hook::CellWrite { statement: id, scope, name });
            fragments.push(Fragment::Call(hook));
        }
    }

    /// Walks a block that may not run, from a copy of what is certain; what is certain at its end.
    fn arm(&mut self, body: &'a [Stmt], start: &super::elision::Seen) -> super::elision::Seen {
        self.seen = start.clone();
        self.covered_block(body);
        std::mem::take(&mut self.seen)
    }

    fn branches(&mut self, stmt: &'a StmtIf, fragments: &[Fragment]) {
        self.test(&stmt.test, stmt.range(), fragments);
        let mut otherwise = self.seen.clone();
        let mut after = self.arm(&stmt.body, &otherwise);
        let mut exhausted = false;
        for clause in &stmt.elif_else_clauses {
            if let Some(test) = &clause.test {
                self.seen = otherwise;
                let mut fragments = self.begin(clause.range(), clause.start());
                if !self.in_units() && !fragments.contains(&Fragment::Cover) {
                    fragments.push(Fragment::Cover);
                }
                self.test(test, TextRange::new(clause.start(), stmt.end()), &fragments);
                otherwise = self.seen.clone();
            } else {
                exhausted = true;
            }
            let end = self.arm(&clause.body, &otherwise);
            after.join(end);
        }
        if !exhausted {
            after.join(otherwise);
        }
        self.seen = after;
    }

    /// Walks the test of a statement; fragments are dropped when the compiler may fold it.
    fn test(&mut self, test: &'a Expr, statement: TextRange, fragments: &[Fragment]) {
        let fragments = if super::blocks::is_constant(test) { &[] } else { fragments };
        self.fragments_in_test(test, statement, fragments, |this| this.truth(test, Need::Read, true));
    }

    fn while_loop(&mut self, stmt: &'a StmtWhile, fragments: &[Fragment]) {
        self.forget_kills(&Kills::of_body(&stmt.body).and_expr(&stmt.test));
        self.test(&stmt.test, stmt.range(), fragments);
        self.finish_loop(&stmt.body, &stmt.orelse);
    }

    fn for_loop(&mut self, stmt: &'a StmtFor, has_header: bool, fragments: &[Fragment]) {
        let fragments = if has_header { fragments } else { &[] };
        let iterates = self.in_units() && has_header && !stmt.is_async;
        self.fragments_around(&stmt.iter, fragments, |this| {
            let walk = |this: &mut Self| {
                if iterates {
                    this.iterate(&stmt.iter, &stmt.target);
                } else {
                    this.consumed(&stmt.iter, &stmt.target);
                }
            };
            if stmt.is_async {
                walk(this);
            } else {
                this.iterated(&stmt.iter, &stmt.target, walk);
            }
        });
        let mut kills = Kills::of_body(&stmt.body).and_expr(&stmt.target);
        kills.suspends |= stmt.is_async;
        self.forget_kills(&kills);
        let before = self.seen.clone();
        self.hook_place = Some(HookPlace::In(&stmt.body));
        self.store(&stmt.target);
        self.attach_resumption(stmt.is_async, &stmt.body);
        let body_start = std::mem::replace(&mut self.seen, before);
        let after = self.seen.clone();
        self.seen = body_start;
        self.covered_block(&stmt.body);
        self.seen = after;
        self.orelse(&stmt.orelse);
    }

    fn finish_loop(&mut self, body: &'a [Stmt], orelse: &'a [Stmt]) {
        let after = self.seen.clone();
        self.covered_block(body);
        self.seen = after;
        self.orelse(orelse);
    }

    /// Walks the `else` of a loop, which `break` goes past.
    fn orelse(&mut self, orelse: &'a [Stmt]) {
        if !orelse.is_empty() {
            let mut past = self.seen.clone();
            self.covered_block(orelse);
            past.forget_kills(&Kills::of_body(orelse), |name| self.names.find(name, self.class));
            self.seen = past;
        }
    }

    /// The function went on after a suspension when the body of an `async for` or `async with` begins.
    fn attach_resumption(&mut self, is_async: bool, body: &'a [Stmt]) {
        if let (true, Some(scope)) = (is_async, self.activation) {
            self.attach(body, Fragment::Entry(scope));
        }
    }

    fn with(&mut self, stmt: &'a StmtWith, fragments: &[Fragment]) {
        for (index, item) in stmt.items.iter().enumerate() {
            let fragments = if index == 0 { fragments } else { &[] };
            self.fragments_around(&item.context_expr, fragments, |this| this.manager(&item.context_expr));
            if stmt.is_async {
                self.seen.forget_all();
            }
            if let Some(target) = &item.optional_vars {
                self.hook_place = Some(HookPlace::In(&stmt.body));
                self.store(target);
                self.hook_place = None;
            }
        }
        self.attach_resumption(stmt.is_async, &stmt.body);
        // The manager may swallow an exception from anywhere in the block.
        let mut after = self.seen.clone();
        after.forget_kills(&Kills::of_body(&stmt.body), |name| self.names.find(name, self.class));
        self.covered_block(&stmt.body);
        if stmt.is_async {
            after.forget_all();
        }
        self.seen = after;
    }

    fn match_cases(&mut self, stmt: &'a StmtMatch, fragments: &[Fragment]) {
        let fragments = if super::blocks::is_constant(&stmt.subject) { &[] } else { fragments };
        self.fragments_around(&stmt.subject, fragments, |this| this.expr(&stmt.subject, Need::Read));
        let mut kills = Kills::default();
        for case in &stmt.cases {
            use ruff_python_ast::visitor::Visitor;
            kills.visit_pattern(&case.pattern);
            if let Some(guard) = &case.guard {
                kills.visit_expr(guard);
            }
        }
        self.forget_kills(&kills);
        let start = self.seen.clone();
        let mut after = start.clone();
        for case in &stmt.cases {
            self.seen = start.clone();
            if let Some(guard) = &case.guard {
                self.truth(guard, Need::Read, true);
            }
            self.covered_block(&case.body);
            after.join(std::mem::take(&mut self.seen));
        }
        self.seen = after;
    }

    fn attempt(&mut self, stmt: &'a StmtTry) {
        let id = self.statement;
        // An exception may come from anywhere in the block.
        let mut interrupted = self.seen.clone();
        interrupted.forget_kills(&Kills::of_body(&stmt.body), |name| self.names.find(name, self.class));
        self.covered_block(&stmt.body);
        if !stmt.orelse.is_empty() {
            self.covered_block(&stmt.orelse);
        }
        let mut after = std::mem::take(&mut self.seen);
        let mut kills = Kills::of_body(&stmt.orelse);
        for handler in &stmt.handlers {
            let ExceptHandler::ExceptHandler(clause) = handler;
            self.seen = interrupted.clone();
            self.statement = id;
            if let Some(class) = &clause.type_ {
                self.expr(class, Need::Value);
            }
            if let Some(name) = clause.name.as_ref().and_then(|name| self.names.find(name, self.class)) {
                self.seen.forget(name);
            }
            let hook = self.hook(Hook::Handler { statement: id });
            self.attach(&clause.body, Fragment::Call(hook));
            self.covered_block(&clause.body);
            after.join(std::mem::take(&mut self.seen));
            kills = kills.and_body(&clause.body);
            kills.names.extend(clause.name.as_ref().map(ruff_python_ast::Identifier::as_str));
        }
        self.seen = after;
        if !stmt.finalbody.is_empty() {
            interrupted.forget_kills(&kills, |name| self.names.find(name, self.class));
            self.seen = interrupted;
            self.covered_block(&stmt.finalbody);
        }
    }

    fn assign(&mut self, stmt: &'a StmtAssign) {
        let need = stmt.targets.iter().map(stored_value).max().unwrap_or(Need::Value);
        match stmt.targets.as_slice() {
            [target] => self.stored_in(target, &stmt.value, |this| this.assigned_value(&stmt.value, need, target)),
            targets => {
                self.assigned_value(&stmt.value, need, &targets[0]);
                for target in targets {
                    self.store(target);
                }
            }
        }
        if let [Expr::Name(name)] = stmt.targets.as_slice() {
            self.note_made(name, &stmt.value);
        }
    }

    /// Walks the right side of an assignment, of which `target` is the first.
    fn assigned_value(&mut self, value: &'a Expr, need: Need, target: &'a Expr) {
        let unpacks = target.is_tuple_expr() || target.is_list_expr();
        match value {
            // The items go to the targets one by one.
            Expr::Tuple(tuple) if need == Need::Consume => {
                for item in &tuple.elts {
                    self.expr(item, Need::Read);
                }
            }
            Expr::List(_) => self.expr(value, need),
            _ if unpacks => self.unpacked(value),
            _ => {
                self.note_growth(target, value);
                self.expr(value, need);
            }
        }
    }

    /// Walks the value of an assignment to one target, and the target.
    fn stored_in(&mut self, target: &'a Expr, value: &'a Expr, walk: impl FnOnce(&mut Self)) {
        let noted = self.notes_store(target, value);
        self.stored_value(target, value, walk);
        let outer = std::mem::replace(&mut self.stores_noted, noted);
        self.store(target);
        self.stores_noted = outer;
    }

    fn annotated(&mut self, stmt: &'a StmtAnnAssign) {
        if let Some(value) = &stmt.value {
            let need = stored_value(&stmt.target);
            self.stored_in(&stmt.target, value, |this| this.expr(value, need));
            if let Expr::Name(name) = &*stmt.target {
                self.note_made(name, value);
            }
        }
    }

    fn augmented(&mut self, stmt: &'a StmtAugAssign) {
        if self.logs_operations() {
            return self.logged_augmented(stmt);
        }
        match &*stmt.target {
            Expr::Name(name) => {
                self.change_in_place(stmt.range(), name);
                self.expr(&stmt.value, Need::Search);
            }
            Expr::Attribute(attribute) => {
                let key = self.name(&attribute.attr);
                self.written_object(&attribute.value, Some(key), Written::Updated(None));
                self.expr(&stmt.value, Need::Search);
            }
            Expr::Subscript(subscript) => {
                let key = self.string_key(&subscript.slice);
                let index = written_index(&subscript.slice);
                self.written_object(&subscript.value, key, Written::Updated(index));
                if index.is_none() {
                    self.changed_key(&subscript.slice);
                }
                self.expr(&stmt.value, Need::Search);
            }
            _ => self.expr(&stmt.value, Need::Search),
        }
    }

    /// Forgets what statements may make untrue.
    fn forget_bound(&mut self, body: &'a [Stmt]) {
        self.forget_kills(&Kills::of_body(body));
    }

    /// Forgets what a piece of the program may make untrue.
    pub(super) fn forget_kills(&mut self, kills: &Kills<'a>) {
        let (names, class) = (&self.names, self.class);
        self.seen.forget_kills(kills, |name| names.find(name, class));
    }
}

/// The index that is written as a number between the brackets.
fn written_index(key: &Expr) -> Option<u32> {
    u32::try_from(key.as_number_literal_expr()?.value.as_int()?.as_i64()?).ok()
}

/// What a target does with the value that it is given.
fn stored_value(target: &Expr) -> Need {
    match target {
        Expr::Tuple(_) | Expr::List(_) => Need::Consume,
        Expr::Subscript(subscript) if subscript.slice.is_slice_expr() => Need::Consume,
        Expr::Subscript(_) => Need::Read,
        _ => Need::Value,
    }
}
