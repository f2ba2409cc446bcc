//! Bindings and mentions that the program's own top-level text does not show: top-level names bound inside
//! functions (`global`), star imports and `exec`, and what imported modules of the user do with their own names.

use clew_trace::{NameId, ScopeId, SourceId};
use rustc_hash::FxHashMap;

use crate::facts::{region, Facts, MODULE};
use crate::flow::build::HiddenBindings;
use crate::flow::Variable;

/// Builtins that read or bind names which are not written.
const READERS: [&str; 6] = ["eval", "exec", "globals", "locals", "vars", "dir"];
const BINDERS: [&str; 4] = ["exec", "globals", "locals", "vars"];

/// Names of imported modules, and builtins that see all names.
#[derive(Default)]
pub(crate) struct Foreign {
    /// Top-level names of imported modules that functions there bind.
    variables: FxHashMap<(SourceId, NameId), Variable>,
    uses: FxHashMap<(SourceId, ScopeId), Vec<Variable>>,
    binds: FxHashMap<(SourceId, ScopeId), Vec<Variable>>,
    names: Vec<String>,
    first: u32,
    readers: Vec<NameId>,
    binders: Vec<NameId>,
}

impl Foreign {
    pub(crate) fn new(facts: &Facts<'_>) -> Self {
        let own = &facts.table.scope(MODULE).locals;
        let builtin = |names: &[&str]| -> Vec<NameId> {
            names.iter().filter_map(|name| facts.name_id(name)).filter(|name| !own.contains(name)).collect()
        };
        let mut foreign = Self {
            first: facts.table.names.len() as u32,
            readers: builtin(&READERS),
            binders: builtin(&BINDERS),
            ..Self::default()
        };
        for (source, table) in facts.program.tables.iter().enumerate().skip(1) {
            let source = SourceId(source as u32);
            for statement in &table.statements {
                let scope = region(table, statement.scope);
                for define in statement.defines.iter().filter(|d| d.scope == MODULE && scope != MODULE) {
                    let next = Variable(foreign.first + foreign.names.len() as u32);
                    let variable = *foreign.variables.entry((source, define.name)).or_insert(next);
                    if variable == next {
                        foreign.names.push(table.name(define.name).to_owned());
                    }
                    foreign.binds.entry((source, scope)).or_default().push(variable);
                }
            }
            for statement in &table.statements {
                let scope = region(table, statement.scope);
                for site in statement.uses.iter().filter(|site| site.scope == MODULE) {
                    if let Some(variable) = foreign.variables.get(&(source, site.name)) {
                        foreign.uses.entry((source, scope)).or_default().push(*variable);
                    }
                }
            }
        }
        foreign
    }

    /// Variables of the module's flow that a function of an imported module reads.
    pub(crate) fn uses(&self, source: SourceId, scope: ScopeId) -> &[Variable] {
        self.uses.get(&(source, scope)).map_or(&[], Vec::as_slice)
    }

    /// The text of a variable of the module's flow.
    pub(crate) fn name<'n>(&'n self, facts: &Facts<'n>, variable: Variable) -> &'n str {
        match variable.0.checked_sub(self.first) {
            Some(index) => self.names.get(index as usize).map_or("", String::as_str),
            None => facts.name(NameId(variable.0)),
        }
    }

    /// Whether the name is a builtin that reads names which are not written.
    pub(crate) fn reads_anything(&self, name: NameId) -> bool {
        self.readers.contains(&name)
    }

    /// Names that imported modules use or mention, other than their local variables: kept text mentions them.
    pub(crate) fn mentioned(&self, facts: &Facts<'_>) -> Vec<bool> {
        let is_known = |source: SourceId| {
            facts.program.tables.get(source.index()).is_some_and(|table| !table.statements.is_empty())
        };
        let unknown = facts.trace.entries.iter().any(|entry| !is_known(entry.source));
        let mut mentioned = vec![unknown; facts.table.names.len()];
        for table in facts.program.tables.iter().skip(1) {
            for statement in &table.statements {
                let uses = statement.uses.iter().filter(|site| site.scope == MODULE).map(|site| site.name);
                for name in uses.chain(statement.mentions.iter().copied()) {
                    if let Some(own) = facts.name_id(table.name(name)) {
                        mentioned[facts.plain(own).index()] = true;
                    }
                }
            }
        }
        mentioned
    }

    /// What units bind other than by their own text.
    pub(crate) fn hidden_bindings(&self, facts: &Facts<'_>) -> HiddenBindings {
        let mut hidden = HiddenBindings::default();
        let mut by_scope: FxHashMap<ScopeId, Vec<Variable>> = FxHashMap::default();
        let mut dynamic: Vec<ScopeId> = Vec::new();
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let statement = facts.statement(id);
            let (scope, anchor) = facts.home(id);
            let bound = statement.defines.iter().filter(|define| define.scope == MODULE);
            let bound = bound.map(|define| Variable(define.name.0));
            if scope != MODULE {
                by_scope.entry(scope).or_default().extend(bound);
            } else if anchor != id {
                hidden.in_calls.entry(anchor).or_default().extend(bound);
            }
            let binds_anything = facts.is_star_import(id)
                || statement.uses.iter().any(|site| site.scope == MODULE && self.binders.contains(&site.name))
                    && facts.table.scope(statement.scope).dynamic_names;
            if binds_anything && scope == MODULE {
                hidden.anything.insert(anchor);
            } else if binds_anything {
                dynamic.push(scope);
            }
        }
        for entry in &facts.trace.entries {
            let Some(unit) = facts.unit(entry.unit) else { continue };
            let bound = if entry.source == SourceId(0) {
                if dynamic.contains(&entry.scope) {
                    hidden.anything.insert(unit);
                }
                by_scope.get(&entry.scope)
            } else {
                self.binds.get(&(entry.source, entry.scope))
            };
            if let Some(bound) = bound.filter(|bound| !bound.is_empty()) {
                hidden.in_calls.entry(unit).or_default().extend(bound);
            }
        }
        for bound in hidden.in_calls.values_mut() {
            bound.sort_unstable();
            bound.dedup();
        }
        hidden
    }
}
