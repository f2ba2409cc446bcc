//! The slice proper: the least set of statements that holds the criterion and all that it needs.
//!
//! One work list runs over both levels. Between units (statements of the module scope) dependencies are those the
//! run saw, plus bindings of names that reach; inside functions they are static, restricted to what ran. Rules only
//! ever add statements, so the order in which they are applied does not change the result:
//!
//! - [`needs`]: bindings that reach the names a statement uses;
//! - [`functions`]: functions entered by kept units, and what of their bodies matters;
//! - [`classes`]: members of kept classes;
//! - [`jumps`]: `break`, `continue`, `return` and exceptions that decide whether kept statements run;
//! - [`arms`]: clauses that must stay for the syntax, or because they catch or match;
//! - [`rest`]: declarations, docstrings, `yield`s and imports of entered modules.

mod arms;
mod classes;
pub(crate) mod functions;
mod jumps;
mod needs;
mod rest;

use clew_trace::{Arm, FlowKind, NameId, ScopeId, ScopeKind, StatementId, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::effects::Effects;
use crate::facts::{Facts, MODULE};
use crate::flow::build::{build, Hidden, HiddenBindings};
use crate::flow::{Flow, Variable, Version};
use crate::foreign::{self, Foreign};
use crate::fresh::Fresh;
use crate::graph::EdgeKind;
use crate::imports::Imports;

/// Why a statement is part of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The kept statement that needs it; `None` for the criterion itself.
    pub because: Option<StatementId>,
    /// What carries the dependency.
    pub kind: EdgeKind,
    /// The name or key that carries it, if one does.
    pub name: Option<String>,
}

impl Reason {
    /// It is what was asked for.
    pub(crate) const fn criterion(name: Option<String>) -> Self {
        Self { because: None, kind: EdgeKind::Data, name }
    }

    fn because(id: StatementId, kind: EdgeKind, name: Option<&str>) -> Self {
        Self { because: Some(id), kind, name: name.map(str::to_owned) }
    }
}

/// What has been analysed of a program and does not depend on the criterion.
pub(crate) struct Analysis<'a> {
    pub(crate) facts: Facts<'a>,
    pub(crate) fresh: Fresh,
    pub(crate) foreign: Foreign,
    pub(crate) imports: Imports,
    /// The module's flow, and what units bind in it other than by their own text.
    pub(crate) module: Flow,
    hidden: HiddenBindings,
    /// Variables of functions that another function binds (`nonlocal`).
    pub(crate) shared: FxHashSet<(ScopeId, NameId)>,
    /// Lambdas and generator expressions by the statement that holds them.
    pub(crate) lambdas: FxHashMap<StatementId, Vec<ScopeId>>,
    /// Statements by the class whose body binds a name with them.
    pub(crate) members: FxHashMap<NameId, Vec<StatementId>>,
    /// For each name, whether imported modules of the user mention it.
    pub(crate) foreign_mentions: Vec<bool>,
    /// Statements that ran, by the names that their own text holds.
    holders: FxHashMap<NameId, Vec<StatementId>>,
    /// Declarations, `yield`s and docstrings, which stay for the sake of others.
    pub(crate) declarations: Vec<StatementId>,
    pub(crate) docstrings: Vec<StatementId>,
    /// `break` and `continue` statements that ran, and `return`s without a value.
    pub(crate) loop_jumps: Vec<StatementId>,
    bare_returns: Vec<StatementId>,
    plain_classes: FxHashSet<StatementId>,
    /// Functions whose decorators may keep results.
    cached: Vec<StatementId>,
}

impl<'a> Analysis<'a> {
    pub(crate) fn new(facts: Facts<'a>) -> Self {
        let fresh = Fresh::new(&facts);
        let imports = Imports::new(&facts);
        let foreign = Foreign::new(&facts);
        let hidden = foreign.hidden_bindings(&facts);
        let module = build(&facts, MODULE, &hidden);
        let mut shared = FxHashSet::default();
        let mut members: FxHashMap<NameId, Vec<StatementId>> = FxHashMap::default();
        let mut holders: FxHashMap<NameId, Vec<StatementId>> = FxHashMap::default();
        let mut bare_returns = Vec::new();
        let (mut loop_jumps, mut declarations, mut docstrings) = (Vec::new(), Vec::new(), Vec::new());
        for id in facts.statements() {
            let statement = facts.statement(id);
            if matches!(statement.kind, StatementKind::Global | StatementKind::Nonlocal) {
                declarations.push(id);
            } else if statement.is_docstring {
                docstrings.push(id);
            }
        }
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let statement = facts.statement(id);
            for define in &statement.defines {
                if define.scope != MODULE && facts.region(define.scope) != facts.region(statement.scope) {
                    shared.insert((define.scope, define.name));
                }
                if define.scope == statement.scope && functions::is_class(&facts, define.scope) {
                    members.entry(facts.plain(define.name)).or_default().push(id);
                }
            }
            for name in facts.names_in(id) {
                let held = holders.entry(facts.plain(name)).or_default();
                if held.last() != Some(&id) {
                    held.push(id);
                }
            }
            match statement.kind {
                StatementKind::Break | StatementKind::Continue => loop_jumps.push(id),
                StatementKind::Return if functions::is_bare_return(facts.header_text(id)) => bare_returns.push(id),
                _ => {}
            }
        }
        let plain_classes = classes::plain_classes(&facts);
        let cached = functions::cached(&facts);
        let lambdas = functions::lambdas(&facts);
        let foreign_mentions = foreign::mentioned(&facts);
        Self {
            facts,
            fresh,
            foreign,
            imports,
            module,
            hidden,
            shared,
            lambdas,
            members,
            foreign_mentions,
            holders,
            declarations,
            docstrings,
            loop_jumps,
            bare_returns,
            plain_classes,
            cached,
        }
    }

    /// Whether a function that the unit entered binds the variable.
    pub(crate) fn binds_in_call(&self, unit: StatementId, variable: Variable) -> bool {
        self.hidden.bound_in_calls(unit).contains(&variable)
    }

    /// Statements that ran and whose own text holds the name.
    pub(crate) fn holders(&self, name: NameId) -> &[StatementId] {
        self.holders.get(&self.facts.plain(name)).map_or(&[], Vec::as_slice)
    }
}

/// Statements after this one are not part of the slice, unless they run in turns of a common loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(pub(crate) StatementId);

/// What is kept, why, and the arms of statements that are.
pub(crate) type Parts = (BTreeSet<StatementId>, BTreeMap<StatementId, Reason>, BTreeSet<(StatementId, Arm)>);

/// A growing slice.
pub(crate) struct Closure<'p, 'a> {
    analysis: &'p Analysis<'a>,
    facts: &'p Facts<'a>,
    limit: Option<Limit>,
    kept: BTreeSet<StatementId>,
    reasons: BTreeMap<StatementId, Reason>,
    /// Arms that stay though nothing in them is kept.
    arms: BTreeSet<(StatementId, Arm)>,
    /// First in, first out, so that reasons are the shortest chains.
    work: VecDeque<StatementId>,
    flows: FxHashMap<ScopeId, Flow>,
    seen: FxHashSet<(ScopeId, Version)>,
    /// Names that kept text uses as top-level names, attributes or string keys.
    mentioned: Vec<bool>,
    /// Names that kept text uses as attributes or string keys.
    attributes: Vec<bool>,
    functions: functions::Functions,
    effects: Effects<'p, 'a>,
    /// Variables bound by functions other than their own, of which the bindings are needed.
    demanded: FxHashSet<(ScopeId, NameId)>,
    cells: FxHashSet<(ScopeId, NameId)>,
    /// `match` statements of which a captured name is needed.
    capturing: FxHashSet<StatementId>,
    /// Names that `clew.save` and the like are called by, when a saved value is asked for.
    extra_roots: Vec<NameId>,
}

impl<'p, 'a> Closure<'p, 'a> {
    pub(crate) fn new(analysis: &'p Analysis<'a>, limit: Option<Limit>) -> Self {
        let facts = &analysis.facts;
        let mut closure = Self {
            analysis,
            facts,
            limit,
            kept: BTreeSet::new(),
            reasons: BTreeMap::new(),
            arms: BTreeSet::new(),
            work: VecDeque::new(),
            flows: FxHashMap::default(),
            seen: FxHashSet::default(),
            mentioned: analysis.foreign_mentions.clone(),
            attributes: analysis.foreign_mentions.clone(),
            functions: functions::Functions::new(facts),
            effects: Effects::new(facts, &analysis.fresh),
            demanded: FxHashSet::default(),
            cells: FxHashSet::default(),
            capturing: FxHashSet::default(),
            extra_roots: Vec::new(),
        };
        closure.keep_future_imports();
        closure
    }

    /// Also keeps statements of entered functions that hold this name.
    pub(crate) fn keep_holders_of(&mut self, name: NameId) {
        self.extra_roots.push(name);
    }

    /// Adds a statement that ran.
    pub(crate) fn keep(&mut self, id: StatementId, reason: Reason) {
        if self.facts.ran(id) && self.is_within_limit(id) {
            self.keep_text(id, reason);
        }
    }

    /// Adds a statement whether it ran or not.
    fn keep_text(&mut self, id: StatementId, reason: Reason) {
        if self.kept.insert(id) {
            self.reasons.insert(id, reason);
            self.work.push_back(id);
        }
    }

    fn is_within_limit(&self, id: StatementId) -> bool {
        self.limit.is_none_or(|Limit(last)| {
            let unit = self.facts.table.unit_of(id);
            unit <= last || self.facts.share_loop(unit, last)
        })
    }

    pub(crate) fn has(&self, id: StatementId) -> bool {
        self.kept.contains(&id)
    }

    /// Whether anything from `start` up to `end` (exclusive) is kept.
    fn has_between(&self, start: u32, end: u32) -> bool {
        start < end && self.kept.range(StatementId(start)..StatementId(end)).next().is_some()
    }

    /// Whether anything in the block is kept.
    fn has_in_block(&self, block: &[StatementId]) -> bool {
        match (block.first(), block.last()) {
            (Some(first), Some(last)) => self.has_between(first.0, self.facts.blocks.end(*last)),
            _ => false,
        }
    }

    /// Applies all rules until nothing changes.
    pub(crate) fn close(&mut self) {
        loop {
            self.drain();
            let before = (self.kept.len(), self.arms.len());
            self.keep_jumps();
            self.keep_arms();
            self.keep_declarations();
            self.keep_docstrings();
            self.keep_generators();
            self.keep_cached();
            self.keep_releases();
            if self.work.is_empty() && before == (self.kept.len(), self.arms.len()) {
                // Last, because a kept statement may import the module anyway.
                self.keep_importers();
                if self.work.is_empty() {
                    return;
                }
            }
        }
    }

    fn drain(&mut self) {
        while let Some(id) = self.work.pop_front() {
            self.process(id);
        }
    }

    fn process(&mut self, id: StatementId) {
        let facts = self.facts;
        let statement = facts.statement(id);
        if let Some(parent) = statement.parent {
            self.keep_text(parent, Reason::because(id, EdgeKind::Control, None));
        }
        if !facts.ran(id) {
            return;
        }
        for site in &statement.uses {
            match facts.table.scope(site.scope).kind {
                ScopeKind::Function => {}
                ScopeKind::Class => self.mention_attribute(site.name),
                _ => self.mention(site.name),
            }
        }
        for &name in &statement.mentions {
            self.mention_attribute(name);
        }
        self.need_names(id);
        if facts.table.is_unit(id) {
            self.keep_flows(id);
            self.enter_functions(id);
        }
        match statement.kind {
            StatementKind::Function => self.function_kept(id),
            StatementKind::Class => self.class_kept(id),
            _ => {}
        }
        self.lambdas_kept(id);
    }

    /// Units whose writes this one was seen to depend on.
    fn keep_flows(&mut self, unit: StatementId) {
        let facts = self.facts;
        for flow in facts.flows_of(unit) {
            let Some(writer) = facts.unit(flow.writer) else { continue };
            let (kind, name) = match flow.kind {
                FlowKind::Data => (EdgeKind::Data, None),
                FlowKind::Mutate => (EdgeKind::Mutate, None),
                FlowKind::View => (EdgeKind::View, None),
                FlowKind::External(id) => {
                    let state = facts.trace.externals.get(id.index());
                    if state.is_some_and(|state| !crate::outside::matters(facts, unit, state)) {
                        continue;
                    }
                    (EdgeKind::External, state.map(|state| state.key.as_str()))
                }
            };
            self.keep(writer, Reason::because(unit, kind, name));
        }
    }

    /// A top-level name stands in kept text: functions that it may stand for must stay.
    fn mention(&mut self, name: NameId) {
        let name = self.facts.plain(name);
        if !std::mem::replace(&mut self.mentioned[name.index()], true) {
            self.name_mentioned(name);
        }
    }

    /// An attribute or string key stands in kept text: members that it may stand for must stay.
    fn mention_attribute(&mut self, name: NameId) {
        self.mention(name);
        let name = self.facts.plain(name);
        if !std::mem::replace(&mut self.attributes[name.index()], true) {
            self.attribute_mentioned(name);
        }
    }

    fn is_attribute(&self, name: NameId) -> bool {
        self.attributes[self.facts.plain(name).index()]
    }

    fn is_mentioned(&self, name: NameId) -> bool {
        self.mentioned[self.facts.plain(name).index()]
    }

    /// The result.
    pub(crate) fn into_parts(self) -> Parts {
        (self.kept, self.reasons, self.arms)
    }

    /// The flow of a scope.
    fn flow(&mut self, scope: ScopeId) -> &Flow {
        if scope == MODULE {
            return &self.analysis.module;
        }
        let facts = self.facts;
        self.flows.entry(scope).or_insert_with(|| build(facts, scope, &HiddenBindings::default()))
    }
}
