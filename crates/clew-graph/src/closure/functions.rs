//! Functions that kept units entered, and what of their bodies matters.
//!
//! A function is *active* once its `def` is kept and a kept unit entered it. Then the statements of its body that
//! return, raise, suspend or have effects are kept, and top-level names that its kept statements read are needed at
//! every kept unit that entered it. A `def` whose name no kept text holds is not kept for having been entered: the
//! call was made by a statement that has been dropped.

use clew_trace::{NameId, ScopeId, ScopeKind, SourceId, StatementId, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Closure, Reason};
use crate::facts::{Facts, MODULE};
use crate::flow::Variable;
use crate::graph::EdgeKind;
use crate::looks;
use crate::scan::{standing, Standing, TokenKind, Tokens};

/// What is known of one function.
#[derive(Default)]
struct Function {
    /// Kept units that entered it.
    entered: Vec<StatementId>,
    /// Those of them for which it has been activated, in order and as a set.
    active: Vec<StatementId>,
    activated: FxHashSet<StatementId>,
    /// Top-level names that its kept statements read, with the statement that does.
    globals: Vec<(Variable, StatementId)>,
    known: FxHashSet<Variable>,
    /// Whether an exception may have come out of it that kept code depends on.
    leaks: bool,
}

/// All functions of the program.
pub(super) struct Functions {
    by_scope: FxHashMap<ScopeId, Function>,
    /// Statements of each function, in text order.
    bodies: FxHashMap<ScopeId, Vec<StatementId>>,
    /// Imported sources whose functions kept units entered.
    pub(super) sources: FxHashSet<SourceId>,
}

impl Functions {
    pub(super) fn new(facts: &Facts<'_>) -> Self {
        let mut bodies: FxHashMap<ScopeId, Vec<StatementId>> = FxHashMap::default();
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let (scope, _) = facts.home(id);
            if scope != MODULE {
                bodies.entry(scope).or_default().push(id);
            }
        }
        Self { by_scope: FxHashMap::default(), bodies, sources: FxHashSet::default() }
    }

    /// Statements of a function that ran.
    pub(super) fn body(&self, scope: ScopeId) -> &[StatementId] {
        self.bodies.get(&scope).map_or(&[], Vec::as_slice)
    }

    /// Kept units for which a function is active.
    fn active(&self, scope: ScopeId) -> &[StatementId] {
        self.by_scope.get(&scope).map_or(&[], |function| function.active.as_slice())
    }

    /// Whether a kept unit entered the function.
    pub(super) fn is_entered(&self, scope: ScopeId) -> bool {
        self.by_scope.get(&scope).is_some_and(|function| !function.entered.is_empty())
    }
}

/// Whether the scope is a class body.
pub(super) fn is_class(facts: &Facts<'_>, scope: ScopeId) -> bool {
    facts.table.scope(scope).kind == ScopeKind::Class
}

/// Functions with decorators that may keep results or call the function at other times.
pub(super) fn cached(facts: &Facts<'_>) -> Vec<StatementId> {
    const HARMLESS: [&str; 11] = [
        "property",
        "staticmethod",
        "classmethod",
        "abstractmethod",
        "setter",
        "getter",
        "deleter",
        "overload",
        "wraps",
        "contextmanager",
        "asynccontextmanager",
    ];
    let keeps_results = |id: &StatementId| {
        let statement = facts.statement(*id);
        let text = facts.header_text(*id);
        let end = text.find("def ").unwrap_or(text.len());
        statement.kind == StatementKind::Function
            && text.starts_with('@')
            && facts.ran(*id)
            && Tokens::new(&text[..end]).any(|token| {
                let name = &text[token.start..token.end];
                token.kind == TokenKind::Name
                    && !HARMLESS.contains(&name)
                    && !matches!(name, "functools" | "abc" | "contextlib" | "typing" | "async")
                    && facts.name_id(name).is_none_or(|id| facts.defs_named(id).is_empty())
            })
    };
    facts.statements().filter(keeps_results).collect()
}

/// Lambdas and generator expressions by the statement that holds them.
pub(super) fn lambdas(facts: &Facts<'_>) -> FxHashMap<StatementId, Vec<ScopeId>> {
    let mut lambdas: FxHashMap<StatementId, Vec<ScopeId>> = FxHashMap::default();
    for (index, scope) in facts.table.scopes.iter().enumerate() {
        if let (ScopeKind::Lambda | ScopeKind::Generator, Some(owner)) = (scope.kind, scope.owner) {
            lambdas.entry(owner).or_default().push(ScopeId(index as u32));
        }
    }
    lambdas
}

impl Closure<'_, '_> {
    /// A kept unit entered functions.
    pub(super) fn enter_functions(&mut self, unit: StatementId) {
        let facts = self.facts;
        for entry in facts.entries_of(unit) {
            if entry.source != SourceId(0) {
                self.functions.sources.insert(entry.source);
                for &variable in self.analysis.foreign.uses(entry.source, entry.scope) {
                    self.need_in_call(unit, variable, unit);
                }
                continue;
            }
            let Some(owner) = facts.owner(entry.scope) else { continue };
            self.functions.by_scope.entry(entry.scope).or_default().entered.push(unit);
            if self.has(owner) {
                self.activate(entry.scope, unit);
            } else if facts.table.scope(entry.scope).kind == ScopeKind::Function {
                self.consider_function(owner);
                if !self.has(owner) {
                    self.explain_entry(unit, owner, entry.scope);
                }
            } else {
                self.consider_lambda(unit, owner);
            }
        }
    }

    /// A `def` is kept: the kept units that entered it make it active.
    pub(super) fn function_kept(&mut self, id: StatementId) {
        if let Some(scope) = self.facts.statement(id).opens {
            if self.facts.is_unrecorded(scope) {
                self.activate(scope, self.facts.table.unit_of(id));
            }
            self.activate_all(scope);
        }
    }

    /// The statement is kept: so are the lambdas in it.
    pub(super) fn lambdas_kept(&mut self, id: StatementId) {
        for scope in self.analysis.lambdas.get(&id).cloned().unwrap_or_default() {
            self.activate_all(scope);
        }
    }

    fn activate_all(&mut self, scope: ScopeId) {
        let entered = self.functions.by_scope.get(&scope).map(|function| function.entered.clone());
        for unit in entered.unwrap_or_default() {
            self.activate(scope, unit);
        }
    }

    fn activate(&mut self, scope: ScopeId, unit: StatementId) {
        let facts = self.facts;
        let function = self.functions.by_scope.entry(scope).or_default();
        if !function.activated.insert(unit) {
            return;
        }
        function.active.push(unit);
        let is_first = function.active.len() == 1;
        for (variable, because) in function.globals.clone() {
            self.need_in_call(unit, variable, because);
        }
        let Some(owner) = facts.owner(scope).filter(|_| is_first) else { return };
        if facts.table.scope(scope).kind == ScopeKind::Function {
            self.keep_roots(scope);
        } else {
            for site in facts.statement(owner).uses.iter().filter(|site| site.delayed && site.scope == MODULE) {
                self.need_in_function(scope, Variable(site.name.0), owner);
            }
        }
    }

    /// A kept statement of a function reads a top-level name.
    pub(super) fn need_in_function(&mut self, scope: ScopeId, variable: Variable, because: StatementId) {
        let function = self.functions.by_scope.entry(scope).or_default();
        if function.known.insert(variable) {
            function.globals.push((variable, because));
            for unit in function.active.clone() {
                self.need_in_call(unit, variable, because);
            }
        }
    }

    /// Keeps the statements of a body for which the function is called.
    fn keep_roots(&mut self, scope: ScopeId) {
        let Some(owner) = self.facts.owner(scope) else { return };
        if self.facts.table.scope(scope).kind != ScopeKind::Function {
            return;
        }
        let leaks = self.functions.by_scope.get(&scope).is_some_and(|function| function.leaks);
        for id in self.functions.body(scope).to_vec() {
            if self.is_root(id, leaks) {
                self.keep(id, Reason::because(owner, EdgeKind::Call, None));
            }
        }
    }

    /// Bindings of a variable by functions other than its own are needed: those functions have an effect.
    pub(super) fn demand(&mut self, scope: ScopeId, name: NameId) {
        if !self.demanded.insert((scope, name)) {
            return;
        }
        self.effects.demand(scope, name);
        let mut active: Vec<ScopeId> =
            self.functions.by_scope.iter().filter(|(_, f)| !f.active.is_empty()).map(|(scope, _)| *scope).collect();
        active.sort_unstable();
        for scope in active {
            self.keep_roots(scope);
        }
    }

    fn is_root(&self, id: StatementId, leaks: bool) -> bool {
        let facts = self.facts;
        let statement = facts.statement(id);
        let text = facts.header_text(id);
        let (scope, _) = facts.home(id);
        let touch = facts.touch(id);
        let is_definition = matches!(statement.kind, StatementKind::Function | StatementKind::Class);
        match statement.kind {
            StatementKind::Return if !is_bare_return(text) => return true,
            StatementKind::Raise => return true,
            StatementKind::Break | StatementKind::Continue | StatementKind::Pass => return false,
            _ => {}
        }
        let is_user = |name: &str| facts.is_user_function(name);
        let lasts = touch.lasts() || !touch.output && looks::calls_for_effect(facts.text, statement, is_user);
        let changes = lasts && (touch.external || self.analysis.fresh.mutated_by(id).is_none());
        let binds_outside = statement.defines.iter().any(|define| self.demanded.contains(&(define.scope, define.name)));
        let sees_all = facts.table.scope(scope).dynamic_names && !statement.defines.is_empty();
        changes
            || binds_outside
            || sees_all
            || self.effects.calls(id)
            || facts.table.scope(scope).suspends && suspends(text)
            || calls_base(text)
            || facts.names_in(id).any(|name| self.extra_roots.contains(&name))
            || leaks && statement.may_raise && !is_definition && !touch.output
    }

    /// A top-level name is mentioned: a function of that name may be meant.
    pub(super) fn name_mentioned(&mut self, name: NameId) {
        for &def in self.facts.defs_named(name) {
            if !is_class(self.facts, self.facts.statement(def).scope) {
                self.consider_function(def);
            }
        }
    }

    /// An attribute is mentioned: methods and class attributes of that name may be meant.
    pub(super) fn attribute_mentioned(&mut self, name: NameId) {
        for &member in self.analysis.members.get(&name).map_or(&[][..], Vec::as_slice) {
            self.consider_member(member);
        }
    }

    /// Keeps a top-level `def` that a kept unit entered and kept text mentions.
    fn consider_function(&mut self, def: StatementId) {
        let facts = self.facts;
        let statement = facts.statement(def);
        if self.has(def) || !facts.ran(def) {
            return;
        }
        if is_class(facts, statement.scope) {
            self.consider_member(def);
            return;
        }
        let (Some(scope), Some(define)) = (statement.opens, statement.defines.first()) else { return };
        if statement.scope == MODULE && self.is_mentioned(define.name) && self.functions.is_entered(scope) {
            let unit = self.functions.by_scope[&scope].entered[0];
            self.keep(def, Reason::because(unit, EdgeKind::Call, Some(facts.name(define.name))));
        }
    }

    /// A lambda that a kept unit entered, in a top-level statement that is not kept.
    fn consider_lambda(&mut self, unit: StatementId, owner: StatementId) {
        let facts = self.facts;
        let statement = facts.statement(owner);
        if owner == unit || !facts.table.is_unit(owner) {
            return;
        }
        let named = statement.defines.iter().any(|define| self.is_mentioned(define.name));
        let stored = statement.defines.is_empty() && facts.touch(owner).lasts();
        // When nothing that ran in the unit names what holds the lambda, library code held it.
        let unexplained = !statement.defines.iter().any(|define| self.is_held_in(unit, define.name, None));
        if named || stored || unexplained {
            self.keep(owner, Reason::because(unit, EdgeKind::Call, None));
        }
    }

    /// Whether the text of the unit, or of a function that it entered (other than `except`), holds the name.
    fn is_held_in(&self, unit: StatementId, name: NameId, except: Option<ScopeId>) -> bool {
        let facts = self.facts;
        let entries = facts.entries_of(unit);
        self.analysis.holders(name).iter().any(|&holder| {
            let (region, anchor) = facts.home(holder);
            if region == MODULE {
                anchor == unit
            } else {
                Some(region) != except
                    && entries.iter().any(|entry| entry.source == SourceId(0) && entry.scope == region)
            }
        })
    }

    /// A function was entered though nothing that ran in the unit mentions its name: library code must have held it.
    /// Then the `def` is needed, and the units that handed it over.
    fn explain_entry(&mut self, unit: StatementId, def: StatementId, scope: ScopeId) {
        let facts = self.facts;
        let statement = facts.statement(def);
        let Some(define) = statement.defines.first() else { return };
        let name = facts.name(define.name);
        let is_special = name.starts_with("__") && name.ends_with("__");
        let is_nested = statement.scope != MODULE && !is_class(facts, statement.scope);
        if is_special || is_nested || !facts.ran(def) {
            return;
        }
        if self.is_held_in(unit, define.name, Some(scope))
            || self.analysis.foreign_mentions[facts.plain(define.name).index()]
        {
            return;
        }
        let reason = Reason::because(unit, EdgeKind::Call, Some(name));
        let handed_over = if is_class(facts, statement.scope) {
            let Some(class) = facts.owner(statement.scope) else { return };
            self.keep(class, reason.clone());
            facts.statement(class).defines.first().map(|define| define.name)
        } else {
            Some(define.name)
        };
        self.keep(def, reason.clone());
        let Some(handed_over) = handed_over else { return };
        for &holder in self.analysis.holders(handed_over) {
            let (region, anchor) = facts.home(holder);
            let is_before = anchor < unit || facts.share_loop(anchor, unit);
            let is_value = standing(facts.header_text(holder), facts.name(handed_over)) == Standing::Value;
            if region == MODULE && is_before && (is_value || is_class(facts, statement.scope)) {
                self.keep(holder, reason.clone());
            }
        }
    }

    /// A decorator of a library may keep results: a kept use of the function need not have entered it, though another
    /// unit did. Run alone, it will.
    pub(super) fn keep_cached(&mut self) {
        let facts = self.facts;
        for &def in &self.analysis.cached {
            let statement = facts.statement(def);
            let (Some(scope), Some(define)) = (statement.opens, statement.defines.first()) else { continue };
            if !self.has(def) || facts.entered(scope).is_empty() {
                continue;
            }
            for user in self.analysis.holders(define.name) {
                if !self.has(*user) || *user == def {
                    continue;
                }
                let (region, anchor) = facts.home(*user);
                let units = if region == MODULE { vec![anchor] } else { self.functions.active(region).to_vec() };
                for unit in units {
                    self.activate(scope, unit);
                }
            }
        }
    }

    /// An exception that kept code depends on came out of this statement: what may have raised it must stay.
    pub(super) fn leak(&mut self, raiser: StatementId) {
        let facts = self.facts;
        if facts.statement(raiser).kind == StatementKind::Raise {
            return;
        }
        let (scope, anchor) = facts.home(raiser);
        let units = if scope == MODULE { vec![anchor] } else { facts.entered(scope).to_vec() };
        let mut below: Vec<ScopeId> = units
            .iter()
            .flat_map(|unit| facts.entries_of(*unit))
            .filter(|entry| entry.source == SourceId(0))
            .map(|entry| entry.scope)
            .collect();
        below.sort_unstable();
        below.dedup();
        let mut names: FxHashSet<NameId> = facts.names_in(raiser).map(|name| facts.plain(name)).collect();
        let mut work = below;
        // Functions that something in the chain of calls names; others were not called from here.
        loop {
            let (reached, rest): (Vec<ScopeId>, Vec<ScopeId>) =
                work.into_iter().partition(|scope| self.may_be_called(*scope, &names));
            if reached.is_empty() {
                return;
            }
            for scope in reached {
                for id in self.functions.body(scope) {
                    names.extend(facts.names_in(*id).map(|name| facts.plain(name)));
                }
                let function = self.functions.by_scope.entry(scope).or_default();
                if !std::mem::replace(&mut function.leaks, true) && !function.active.is_empty() {
                    self.keep_roots(scope);
                }
            }
            work = rest;
        }
    }

    /// Whether code that holds these names may call the function.
    fn may_be_called(&self, scope: ScopeId, names: &FxHashSet<NameId>) -> bool {
        let facts = self.facts;
        let Some(owner) = facts.owner(scope) else { return true };
        let statement = facts.statement(owner);
        let (StatementKind::Function, Some(define)) = (statement.kind, statement.defines.first()) else { return true };
        let name = facts.name(define.name);
        let is_plain = statement.scope == MODULE && facts.header_text(owner).starts_with("def");
        let is_special = name.starts_with("__") && name.ends_with("__");
        let is_method = is_class(facts, statement.scope) && !is_special;
        !(is_plain || is_method)
            || names.contains(&facts.plain(define.name))
            || self
                .analysis
                .holders(define.name)
                .iter()
                .any(|holder| is_plain && standing(facts.header_text(*holder), name) == Standing::Value)
    }
}

/// `return` without a value that matters.
pub(super) fn is_bare_return(text: &str) -> bool {
    matches!(text.trim_end_matches(';').trim(), "return" | "return None")
}

/// Whether the text holds `yield` or `await`, or begins with `async`.
fn suspends(text: &str) -> bool {
    text.starts_with("async") || holds_token(text, &["yield", "await"])
}

/// Whether the text holds `yield`.
pub(crate) fn yields(text: &str) -> bool {
    holds_token(text, &["yield"])
}

fn holds_token(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
        && Tokens::new(text).any(|token| match token.kind {
            TokenKind::Name => words.contains(&&text[token.start..token.end]),
            TokenKind::String { format } => {
                format && words.iter().any(|word| text[token.start..token.end].contains(word))
            }
            _ => false,
        })
}

/// Whether the text calls a method of a base class, which may do anything to the object.
fn calls_base(text: &str) -> bool {
    text.contains("super(")
        || text.contains(".__init__(")
        || text.contains(".__setattr__(")
        || text.contains(".__new__(")
}
