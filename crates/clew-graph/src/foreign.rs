//! Bindings and mentions that the program's own top-level text does not show: top-level names bound inside
//! functions (`global`), star imports and `exec`, and the top-level names of the user's other modules.
//!
//! A name of another module is a variable of the program's flow when something binds it after the module's import:
//! a function there by `global`, or anybody by a store to the module's attribute. Units bind and read such variables
//! through the functions that they enter, and by writing `module.name`.

use clew_trace::{Access, ExternalKind, NameId, ScopeId, SourceId, SourceTable, Statement, StatementId, StatementKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::{region, Facts, MODULE};
use crate::flow::build::HiddenBindings;
use crate::flow::Variable;
use crate::imports::Imports;
use crate::looks;

/// Builtins that read or bind names which are not written.
const READERS: [&str; 6] = ["eval", "exec", "globals", "locals", "vars", "dir"];
const BINDERS: [&str; 4] = ["exec", "globals", "locals", "vars"];

type Function = (SourceId, ScopeId);

/// Names of imported modules, and builtins that see all names.
#[derive(Default)]
pub(crate) struct Foreign {
    /// Top-level names of imported modules that are bound after their import.
    variables: FxHashMap<(SourceId, NameId), Variable>,
    names: Vec<String>,
    first: u32,
    uses: FxHashMap<Function, Vec<Variable>>,
    binds: FxHashMap<Function, Vec<Variable>>,
    /// Variables that statements of the program read and bind by writing `module.name`.
    read_by: FxHashMap<StatementId, Vec<Variable>>,
    bound_by: FxHashMap<StatementId, Vec<Variable>>,
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
        foreign.collect_import_state(facts);
        if facts.program.tables.len() > 1 {
            let modules = Modules::new(facts);
            foreign.collect_bindings(facts, &modules);
            foreign.collect_reads(facts, &modules);
        }
        foreign
    }

    fn variable(&mut self, facts: &Facts<'_>, source: SourceId, name: NameId) -> Variable {
        let next = Variable(self.first + self.names.len() as u32);
        let variable = *self.variables.entry((source, name)).or_insert(next);
        if variable == next {
            self.names.push(facts.program.tables[source.index()].name(name).to_owned());
        }
        variable
    }

    /// `sys.path` and `sys.modules` decide what imports bring; so do files of Python text that the run wrote.
    fn collect_import_state(&mut self, facts: &Facts<'_>) {
        let writes_source = |unit: StatementId| {
            facts.trace.external_uses.iter().any(|used| {
                let state = facts.trace.externals.get(used.external.index());
                facts.unit(used.unit) == Some(unit)
                    && matches!(used.access, Access::Write | Access::Update)
                    && state.is_some_and(|state| state.kind == ExternalKind::File && is_source(&state.key))
            })
        };
        let has_written_source = facts.trace.externals.iter().any(|state| is_source(&state.key));
        let elsewhere = imports_from_elsewhere(facts);
        let mut binders = Vec::new();
        let mut readers = Vec::new();
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let statement = facts.statement(id);
            let holds = |names: &[&str]| facts.names_in(id).any(|name| names.contains(&facts.name(name)));
            let touches = facts.touch(id).object || statement.kind == StatementKind::Expression;
            let changes_path = elsewhere && holds(&["path", "meta_path", "path_hooks", "addsitedir"]);
            let of_sys = holds(&["sys", "site"]) && (changes_path || holds(&["modules"]));
            if touches && (of_sys || holds(&["invalidate_caches"])) || has_written_source && writes_source(id) {
                binders.push(id);
            }
            let imports = matches!(statement.kind, StatementKind::Import | StatementKind::ImportFrom);
            if imports || holds(&["import_module", "__import__", "reload", "run_path", "run_module"]) {
                readers.push(id);
            }
        }
        if binders.is_empty() {
            return;
        }
        let state = Variable(self.first + self.names.len() as u32);
        self.names.push(String::from("sys.path"));
        for id in binders {
            self.bound_by.entry(id).or_default().push(state);
        }
        for id in readers {
            self.read_by.entry(id).or_default().push(state);
        }
    }

    fn collect_bindings(&mut self, facts: &Facts<'_>, modules: &Modules) {
        for (number, table) in facts.program.tables.iter().enumerate() {
            let source = SourceId(number as u32);
            let text = facts.program.texts.get(number).map_or("", String::as_str);
            for (index, statement) in table.statements.iter().enumerate() {
                let scope = region(table, statement.scope);
                let mut bound = Vec::new();
                if number > 0 && scope != MODULE {
                    bound.extend(statement.defines.iter().filter(|d| d.scope == MODULE).map(|d| (source, d.name)));
                }
                if looks::stores(text, statement) || sets_attribute(table, statement) {
                    bound.extend(modules.attributes(facts, source, statement));
                }
                for (of, name) in bound {
                    let variable = self.variable(facts, of, name);
                    if number == 0 {
                        self.bound_by.entry(StatementId(index as u32)).or_default().push(variable);
                    }
                    self.binds.entry((source, scope)).or_default().push(variable);
                }
            }
        }
    }

    fn collect_reads(&mut self, facts: &Facts<'_>, modules: &Modules) {
        for (number, table) in facts.program.tables.iter().enumerate() {
            let source = SourceId(number as u32);
            for (index, statement) in table.statements.iter().enumerate() {
                let scope = region(table, statement.scope);
                let own = statement.uses.iter().filter(|site| number > 0 && site.scope == MODULE);
                let own = own.map(|site| (source, site.name));
                let read: Vec<Variable> = own
                    .chain(modules.attributes(facts, source, statement))
                    .filter_map(|key| self.variables.get(&key).copied())
                    .collect();
                if read.is_empty() {
                    continue;
                }
                if number == 0 {
                    self.read_by.entry(StatementId(index as u32)).or_default().extend(read);
                } else {
                    self.uses.entry((source, scope)).or_default().extend(read);
                }
            }
        }
    }

    /// Variables of the module's flow that a function of an imported module reads.
    pub(crate) fn uses(&self, source: SourceId, scope: ScopeId) -> &[Variable] {
        self.uses.get(&(source, scope)).map_or(&[], Vec::as_slice)
    }

    /// Variables of other modules that a statement of the program reads.
    pub(crate) fn read_by(&self, id: StatementId) -> &[Variable] {
        self.read_by.get(&id).map_or(&[], Vec::as_slice)
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

    /// What units bind other than by their own text.
    pub(crate) fn hidden_bindings(&self, facts: &Facts<'_>) -> HiddenBindings {
        let mut hidden = HiddenBindings::default();
        let mut by_scope: FxHashMap<ScopeId, Vec<Variable>> = FxHashMap::default();
        let mut dynamic: FxHashSet<ScopeId> = FxHashSet::default();
        let namespaces = self.names_of_namespaces(facts);
        for id in facts.statements().filter(|id| facts.ran(*id)) {
            let statement = facts.statement(id);
            let (scope, anchor) = facts.home(id);
            let defined = statement.defines.iter().filter(|define| define.scope == MODULE);
            let defined = defined.map(|define| Variable(define.name.0));
            let stored = self.bound_by.get(&id).into_iter().flatten().copied();
            if scope != MODULE {
                by_scope.entry(scope).or_default().extend(defined.chain(stored));
            } else if anchor != id {
                hidden.in_calls.entry(anchor).or_default().extend(defined.chain(stored));
            } else {
                let stored: Vec<Variable> = stored.collect();
                if !stored.is_empty() {
                    hidden.in_calls.entry(id).or_default().extend(stored);
                }
            }
            if self.binds_anything(facts, id, &namespaces) {
                if scope == MODULE {
                    hidden.anything.insert(anchor);
                } else {
                    dynamic.insert(scope);
                }
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

    /// Whether the statement may bind names of the program, or replace builtins, without its text showing which.
    fn binds_anything(&self, facts: &Facts<'_>, id: StatementId, namespaces: &FxHashSet<NameId>) -> bool {
        let statement = facts.statement(id);
        let used = || statement.uses.iter().filter(|site| site.scope == MODULE).map(|site| site.name);
        let is_builtins = |name: NameId| matches!(facts.name(name), "builtins" | "__builtins__");
        facts.is_star_import(id)
            || used().any(|name| self.binders.contains(&name))
                && facts.table.scope(statement.scope).dynamic_names
                && !executes_elsewhere(facts.header_text(id))
            || facts.touch(id).object && used().any(|name| namespaces.contains(&name) || is_builtins(name))
    }

    /// Names that may hold the program's own namespace: `names = globals()`.
    fn names_of_namespaces(&self, facts: &Facts<'_>) -> FxHashSet<NameId> {
        let mut found = FxHashSet::default();
        for id in facts.statements().filter(|id| facts.ran(*id) && facts.table.is_unit(*id)) {
            let statement = facts.statement(id);
            let holds = statement.uses.iter().any(|site| {
                site.scope == MODULE && self.binders.contains(&site.name) && facts.name(site.name) != "exec"
            });
            if holds && statement.kind == StatementKind::Assign {
                found.extend(statement.defines.iter().map(|define| define.name));
            }
        }
        found
    }
}

/// Whether some module of the user was found outside the directory of the program.
fn imports_from_elsewhere(facts: &Facts<'_>) -> bool {
    let directory = |path: &str| path.rsplit_once('/').map_or(String::new(), |(directory, _)| directory.to_owned());
    let Some(own) = facts.trace.sources.first().map(|source| directory(&source.path)) else { return true };
    facts.trace.sources.iter().skip(1).any(|source| {
        // A module of a package stands in directories below the one that was searched.
        let is_package = source.path.ends_with("/__init__.py");
        let n_levels = source.module.matches('.').count() + usize::from(is_package);
        let searched = (0..n_levels).fold(directory(&source.path), |inside, _| directory(&inside));
        searched != own
    })
}

/// Whether the text is one call of `exec` that is given a namespace of its own.
fn executes_elsewhere(own: &str) -> bool {
    use crate::scan::{TokenKind, Tokens};
    own.starts_with("exec(")
        && !own.contains("globals(")
        && !own.contains("locals(")
        && Tokens::new(own).any(|token| token.kind == TokenKind::Mark(b',') && token.depth == 1)
}

/// Whether the statement calls `setattr` or `delattr`.
fn sets_attribute(table: &SourceTable, statement: &Statement) -> bool {
    statement.uses.iter().any(|site| matches!(table.name(site.name), "setattr" | "delattr"))
}

/// Which names of which source stand for which other sources.
struct Modules {
    /// Sources by module name.
    sources: FxHashMap<String, SourceId>,
    imports: Vec<Imports>,
    /// For each source, its names by text.
    ids: Vec<FxHashMap<String, NameId>>,
}

impl Modules {
    fn new(facts: &Facts<'_>) -> Self {
        let tables = facts.program.tables;
        let records = facts.trace.sources.iter().enumerate().skip(1);
        let text = |number: usize| facts.program.texts.get(number).map_or("", String::as_str);
        Self {
            sources: records
                .filter(|(number, _)| *number < tables.len())
                .map(|(number, record)| (record.module.clone(), SourceId(number as u32)))
                .collect(),
            imports: tables.iter().enumerate().map(|(n, table)| Imports::of(table, text(n), |_| true)).collect(),
            ids: tables
                .iter()
                .map(|table| table.names.iter().enumerate().map(|(i, name)| (name.clone(), NameId(i as u32))).collect())
                .collect(),
        }
    }

    /// Names of other modules that the statement may mean by `module.name`, or that it imports.
    fn attributes(&self, facts: &Facts<'_>, source: SourceId, statement: &Statement) -> Vec<(SourceId, NameId)> {
        let table = &facts.program.tables[source.index()];
        let imports = &self.imports[source.index()];
        let mut found = Vec::new();
        if statement.kind == StatementKind::ImportFrom {
            // The names may have been bound anew since the module was made.
            for define in &statement.defines {
                for path in imports.modules(define.name) {
                    let of = path.rsplit_once('.').and_then(|(module, name)| Some((*self.sources.get(module)?, name)));
                    found.extend(of.and_then(|(of, name)| Some((of, *self.ids[of.index()].get(name)?))));
                }
            }
        }
        for site in statement.uses.iter().filter(|site| imports.is_module(site.name)) {
            for of in imports.modules(site.name).filter_map(|path| self.sources.get(path)) {
                let names = &self.ids[of.index()];
                let mentioned = statement.mentions.iter().filter_map(|name| names.get(table.name(*name)));
                found.extend(mentioned.map(|name| (*of, *name)));
            }
        }
        found
    }
}

/// Names that imported modules use or mention, other than their local variables: kept text mentions them.
pub(crate) fn mentioned(facts: &Facts<'_>) -> Vec<bool> {
    let is_known =
        |source: SourceId| facts.program.tables.get(source.index()).is_some_and(|table| !table.statements.is_empty());
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

/// Whether a file is one that `import` finds: on systems that tell letters apart, `.PY` is none.
#[allow(clippy::case_sensitive_file_extension_comparisons)]
fn is_source(path: &str) -> bool {
    path.ends_with(".py")
}
