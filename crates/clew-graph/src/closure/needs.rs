//! Bindings that reach the names which a kept statement uses.

use clew_trace::{Arm, NameId, ScopeId, ScopeKind, StatementId, StatementKind, Use};

use super::{Closure, Reason};
use crate::clauses::holds_word;
use crate::criterion::changes_something;
use crate::facts::MODULE;
use crate::flow::{Point, Variable, Version};
use crate::graph::EdgeKind;
use crate::scan::{TokenKind, Tokens};

impl Closure<'_, '_> {
    /// Everything that the statement's own text reads.
    pub(super) fn need_names(&mut self, id: StatementId) {
        let facts = self.facts;
        let statement = facts.statement(id);
        match statement.kind {
            // Exception classes are needed with the handlers that stay.
            StatementKind::Try => {}
            StatementKind::Match => self.need_names_in(id, facts.header_text(id)),
            StatementKind::Function | StatementKind::Class if !self.analysis.lambdas.contains_key(&id) => {
                // What the body captures is needed by the statements of the body that use it.
                statement.uses.iter().filter(|site| !site.delayed).for_each(|site| self.need(id, *site));
            }
            _ => statement.uses.iter().for_each(|site| self.need(id, *site)),
        }
        self.need_names_in_queries(id);
        self.need_foreign_names(id);
        let (scope, _) = facts.home(id);
        for define in statement.defines.iter().filter(|define| define.scope == scope && scope != MODULE) {
            self.need_changes(id, scope, define.name);
        }
    }

    /// Names of other modules that the statement reads as `module.name`.
    fn need_foreign_names(&mut self, id: StatementId) {
        let (scope, anchor) = self.facts.home(id);
        for &variable in self.analysis.foreign.read_by(id) {
            if scope == MODULE {
                self.need_at_unit(anchor, variable, id, EdgeKind::Global);
            } else {
                self.need_in_function(scope, variable, id);
            }
        }
    }

    /// The uses of a statement whose names stand in a part of its text.
    pub(super) fn need_names_in(&mut self, id: StatementId, text: &str) {
        let facts = self.facts;
        for site in &facts.statement(id).uses {
            if holds_word(text, facts.name(site.name)) {
                self.need(id, *site);
            }
        }
    }

    fn need(&mut self, id: StatementId, site: Use) {
        let facts = self.facts;
        let own = facts.statement(id).scope;
        let (scope, anchor) = facts.home(id);
        match facts.table.scope(site.scope).kind {
            ScopeKind::Class if site.scope == own => {
                let point = self.flow(own).place(id).map(|place| place.before);
                self.follow_at(own, site.name, point, id);
            }
            ScopeKind::Class => {
                let point = self.flow(site.scope).end();
                self.follow_at(site.scope, site.name, Some(point), id);
            }
            ScopeKind::Function => {
                if site.delayed || site.scope != scope || self.analysis.shared.contains(&(site.scope, site.name)) {
                    self.need_cell(id, site.scope, site.name);
                } else {
                    let points: Vec<Point> = self.flow(scope).places(anchor).map(|place| place.before).collect();
                    for point in points {
                        self.follow_at(scope, site.name, Some(point), id);
                    }
                }
                self.need_changes(id, site.scope, site.name);
            }
            _ => self.need_global(id, site),
        }
    }

    fn need_global(&mut self, id: StatementId, site: Use) {
        let facts = self.facts;
        let (scope, anchor) = facts.home(id);
        let is_lambda_only = site.delayed && !self.holds_generator(id);
        if !is_lambda_only {
            if scope == MODULE {
                self.need_at_unit(anchor, Variable(site.name.0), id, EdgeKind::Data);
            } else {
                self.need_in_function(scope, Variable(site.name.0), id);
            }
        }
        if self.analysis.foreign.reads_anything(site.name) && facts.table.scope(facts.statement(id).scope).dynamic_names
        {
            for name in facts.table.scope(MODULE).locals.clone() {
                if scope == MODULE {
                    self.need_at_unit(anchor, Variable(name.0), id, EdgeKind::Data);
                } else {
                    self.need_in_function(scope, Variable(name.0), id);
                }
            }
        }
        if matches!(facts.name(site.name), "eval" | "exec") && self.analysis.foreign.reads_anything(site.name) {
            self.need_all_changes(id);
        }
        if self.analysis.imports.is_module(site.name) {
            for attribute in &facts.statement(id).mentions {
                for importer in self.analysis.imports.importers_of(site.name, facts.name(*attribute)) {
                    let before = importer < anchor || facts.share_loop(importer, anchor);
                    if before || scope != MODULE {
                        self.keep(importer, Reason::because(id, EdgeKind::Data, Some(facts.name(site.name))));
                    }
                }
            }
        }
    }

    /// Text that is run may look into any object: all changes made before are needed.
    fn need_all_changes(&mut self, id: StatementId) {
        let facts = self.facts;
        let (scope, anchor) = facts.home(id);
        let units = if scope == MODULE { vec![anchor] } else { facts.entered(scope).to_vec() };
        let Some(last) = units.into_iter().max() else { return };
        for unit in facts.statements().filter(|unit| facts.table.is_unit(*unit)) {
            let is_before = unit < last || facts.share_loop(unit, last);
            if is_before && facts.ran(unit) && changes_something(self.analysis, unit) {
                self.keep(unit, Reason::because(id, EdgeKind::Data, None));
            }
        }
    }

    /// A top-level variable read while a unit runs, by its own text (`because` is in it).
    fn need_at_unit(&mut self, unit: StatementId, variable: Variable, because: StatementId, kind: EdgeKind) {
        let points: Vec<Point> = self.analysis.module.places(unit).map(|place| place.before).collect();
        for point in points {
            let version = self.analysis.module.version(variable, point);
            self.follow(MODULE, version, because, kind);
        }
    }

    /// A top-level variable read by a function that the unit entered.
    pub(super) fn need_in_call(&mut self, unit: StatementId, variable: Variable, because: StatementId) {
        let module = &self.analysis.module;
        let kind = self.facts.statement(unit).kind;
        let mut points: Vec<Point> = Vec::new();
        for place in module.places(unit) {
            points.push(place.called);
            if kind == StatementKind::For {
                // The iterator runs at the beginning of every turn.
                points.push(place.after);
            }
        }
        // A context manager or an iterator runs once more when the block is left.
        points.extend(module.left(unit));
        for point in points {
            let version = module.version(variable, point);
            self.follow(MODULE, version, because, EdgeKind::Global);
        }
    }

    /// A variable of a function that is captured, or bound from elsewhere: all its bindings.
    fn need_cell(&mut self, because: StatementId, scope: ScopeId, name: NameId) {
        if !self.cells.insert((scope, name)) {
            return;
        }
        self.demand(scope, name);
        let facts = self.facts;
        let Some(owner) = facts.owner(scope) else { return };
        for index in owner.0 + 1..facts.blocks.end(owner) {
            let id = StatementId(index);
            if facts.statement(id).defines.iter().any(|define| define.scope == scope && define.name == name) {
                self.keep(id, Reason::because(because, EdgeKind::Data, Some(facts.name(name))));
            }
        }
    }

    /// What the function changed in the container of a variable.
    fn need_changes(&mut self, because: StatementId, scope: ScopeId, name: NameId) {
        for &change in self.analysis.fresh.changes(scope, name) {
            self.keep(change, Reason::because(because, EdgeKind::Mutate, Some(self.facts.name(name))));
        }
    }

    fn follow_at(&mut self, scope: ScopeId, name: NameId, point: Option<Point>, because: StatementId) {
        if let Some(point) = point {
            let version = self.flow(scope).version(Variable(name.0), point);
            self.follow(scope, version, because, EdgeKind::Data);
        }
    }

    /// Keeps every statement that may have made the version.
    pub(crate) fn follow(&mut self, scope: ScopeId, version: Version, because: StatementId, kind: EdgeKind) {
        for (id, variable) in self.makers(scope, version) {
            let name = if scope == MODULE {
                self.analysis.foreign.name(self.facts, variable).to_owned()
            } else {
                self.facts.name(NameId(variable.0)).to_owned()
            };
            self.keep(id, Reason { because: Some(because), kind, name: Some(name) });
        }
    }

    /// Keeps what made the version because it was asked for.
    pub(crate) fn ask_for(&mut self, version: Version, name: &str) {
        for (id, _) in self.makers(MODULE, version) {
            self.keep(id, Reason::criterion(Some(name.to_owned())));
            if self.holds_generator(id) {
                // Whoever looks into the value reads these names as they are at the end.
                let end = self.analysis.module.end();
                for site in self.facts.statement(id).uses.iter().filter(|site| site.delayed && site.scope == MODULE) {
                    let version = self.analysis.module.version(Variable(site.name.0), end);
                    self.follow(MODULE, version, id, EdgeKind::Data);
                }
            }
        }
    }

    /// Statements that may have made a version, as far as they were not met before.
    fn makers(&mut self, scope: ScopeId, version: Version) -> Vec<(StatementId, Variable)> {
        let mut found = Vec::new();
        let mut in_calls = false;
        let mut work = vec![version];
        while let Some(version) = work.pop() {
            if !self.seen.insert((scope, version)) {
                continue;
            }
            let flow = self.flow(scope);
            flow.before_version(version, &mut work);
            if let (Some(event), Version::Event(variable, _, _)) = (flow.event(version), version) {
                let event = *event;
                in_calls |= event.inside_call;
                match self.facts.statement(event.statement).kind {
                    // `except E as e` binds `e` for its own block only, whose statements keep the `try` anyway.
                    StatementKind::Try => continue,
                    StatementKind::Match if !event.inside_call => {
                        self.capturing.insert(event.statement);
                    }
                    _ => {}
                }
                found.push((event.statement, variable));
            }
        }
        match version {
            Version::Start(variable) | Version::Event(variable, ..) | Version::Join(variable, _)
                if in_calls && variable.index() < self.facts.table.names.len() =>
            {
                self.demand(scope, NameId(variable.0));
            }
            _ => {}
        }
        found
    }

    fn holds_generator(&self, id: StatementId) -> bool {
        let scopes = self.analysis.lambdas.get(&id).map_or(&[][..], Vec::as_slice);
        scopes.iter().any(|scope| self.facts.table.scope(*scope).kind == ScopeKind::Generator)
    }

    /// `frame.query("x > @limit")` reads the caller's variable `limit`.
    fn need_names_in_queries(&mut self, id: StatementId) {
        let facts = self.facts;
        let asks = facts.statement(id).mentions.iter().any(|name| matches!(facts.name(*name), "query" | "eval"));
        if !asks {
            return;
        }
        let text = facts.header_text(id);
        let (scope, _) = facts.home(id);
        for token in Tokens::new(text).filter(|token| matches!(token.kind, TokenKind::String { .. })) {
            for part in text[token.start..token.end].split('@').skip(1) {
                let end = part.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(part.len());
                let Some(name) = facts.name_id(&part[..end]) else { continue };
                let is_local = facts.table.scope(scope).locals.contains(&name);
                let site = Use { name, scope: if is_local { scope } else { MODULE }, delayed: false };
                self.need(id, site);
            }
        }
    }

    /// The block of an arm.
    pub(super) fn arm(&self, id: StatementId, arm: Arm) -> &[StatementId] {
        self.facts.blocks.arm(id, arm)
    }
}
