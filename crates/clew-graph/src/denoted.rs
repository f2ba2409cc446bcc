//! What the names in statements denote, and the functions that the run entered.
//!
//! Which function a call enters is not recorded by statement, so names decide: a name may stand for whatever is called
//! so. Local variables of a function are told apart from all else.

use clew_trace::{NameId, ScopeId, ScopeKind, SourceTable, Statement, StatementId};
use rustc_hash::FxHashMap;

use crate::facts::{region, Facts};

/// What a name in a statement denotes: a local variable of one function, or whatever is called so elsewhere
/// (top-level names of any module, attributes, string keys).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Meaning<'a> {
    Local(u32, ScopeId, NameId),
    Named(&'a str),
}

/// A statement of any source.
pub(crate) type Site = (u32, StatementId);

/// A function that the run entered.
pub(crate) struct Entered<'a> {
    pub(crate) name: &'a str,
    /// What its name denotes where it is defined.
    pub(crate) meaning: Meaning<'a>,
    /// The name of the class around it, for a method.
    pub(crate) class: Option<&'a str>,
    /// Its parameters, without the receiver of a method.
    pub(crate) parameters: Vec<Meaning<'a>>,
    /// The statement that defines it.
    pub(crate) owner: Option<Site>,
}

/// Functions of all sources that the run entered.
pub(crate) struct Denoted<'f, 'a> {
    facts: &'f Facts<'a>,
    pub(crate) functions: Vec<Entered<'a>>,
    by_scope: FxHashMap<(u32, ScopeId), usize>,
    pub(crate) by_meaning: FxHashMap<Meaning<'a>, Vec<usize>>,
    /// Whether functions of a source without a table were entered.
    pub(crate) has_unknown: bool,
}

impl<'f, 'a> Denoted<'f, 'a> {
    pub(crate) fn new(facts: &'f Facts<'a>) -> Self {
        let mut denoted = Self {
            facts,
            functions: Vec::new(),
            by_scope: FxHashMap::default(),
            by_meaning: FxHashMap::default(),
            has_unknown: false,
        };
        denoted.collect_functions();
        denoted
    }

    pub(crate) fn table(&self, source: u32) -> &'a SourceTable {
        &self.facts.program.tables[source as usize]
    }

    pub(crate) fn statement(&self, site: Site) -> &'a Statement {
        self.table(site.0).statement(site.1)
    }

    /// The statement's own text: for a compound statement, its first clause only.
    pub(crate) fn header_text(&self, site: Site) -> &'a str {
        let header = self.statement(site).header;
        let text = self.facts.program.texts.get(site.0 as usize);
        text.and_then(|text| text.get(header.start as usize..header.end as usize)).unwrap_or_default()
    }

    pub(crate) fn named(&self, source: u32, name: NameId) -> Meaning<'a> {
        let plain = if source == 0 { self.facts.plain(name) } else { name };
        Meaning::Named(self.table(source).name(plain))
    }

    pub(crate) fn in_scope(&self, source: u32, scope: ScopeId, name: NameId) -> Meaning<'a> {
        match self.table(source).scope(scope).kind {
            ScopeKind::Function => Meaning::Local(source, scope, name),
            _ => self.named(source, name),
        }
    }

    /// What the names in a statement's own text denote, each once.
    pub(crate) fn held(&self, site: Site) -> Vec<Meaning<'a>> {
        let statement = self.statement(site);
        let uses = statement.uses.iter().map(|used| self.in_scope(site.0, used.scope, used.name));
        let mut held: Vec<_> = uses.chain(statement.mentions.iter().map(|name| self.named(site.0, *name))).collect();
        held.sort_unstable();
        held.dedup();
        held
    }

    /// The function in whose body the statement stands.
    pub(crate) fn function_of(&self, site: Site) -> Option<usize> {
        let scope = region(self.table(site.0), self.statement(site).scope);
        self.by_scope.get(&(site.0, scope)).copied()
    }

    fn collect_functions(&mut self) {
        let facts = self.facts;
        for entry in &facts.trace.entries {
            let (source, scope) = (entry.source.0, entry.scope);
            let Some(record) = facts.program.tables.get(source as usize).and_then(|t| t.scopes.get(scope.index()))
            else {
                // A function of a source without a table: anything may call it, and it may do anything.
                self.has_unknown = true;
                continue;
            };
            if record.kind != ScopeKind::Function || self.by_scope.contains_key(&(source, scope)) {
                continue;
            }
            let table = self.table(source);
            let bound = record.owner.and_then(|owner| table.statement(owner).defines.first());
            let meaning = bound.map_or(Meaning::Named(&record.name), |d| self.in_scope(source, d.scope, d.name));
            let around = record.parent.map(|parent| table.scope(parent));
            let class = around.filter(|around| around.kind == ScopeKind::Class).map(|around| around.name.as_str());
            let parameters = record.parameters.iter().skip(usize::from(class.is_some()));
            let parameters = parameters.map(|name| Meaning::Local(source, scope, *name)).collect();
            let owner = record.owner.map(|owner| (source, owner));
            self.by_scope.insert((source, scope), self.functions.len());
            self.by_meaning.entry(meaning).or_default().push(self.functions.len());
            self.functions.push(Entered { name: &record.name, meaning, class, parameters, owner });
        }
    }
}
