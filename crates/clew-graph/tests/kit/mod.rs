//! Programs with invented runs: everything ran, functions were entered by whoever names them, unless said otherwise.

#![allow(dead_code)]

use clew_graph::{slice, text, Criterion, Error, Program, Slice};
use clew_syntax::table_of;
use clew_trace::{
    Access, Binding, ExternalId, ExternalKind, ExternalState, ExternalUse, Flow, FlowKind, FunctionEntry, Raised,
    RunTrace, ScopeId, ScopeKind, SourceId, SourceRecord, SourceTable, StatementId, StatementKind, Touched, WriteKind,
};
use std::collections::BTreeSet;

/// A program (and the modules it imports) with the run that a test invents.
pub struct Run {
    pub texts: Vec<String>,
    pub tables: Vec<SourceTable>,
    pub trace: RunTrace,
}

/// A program of which every statement ran.
pub fn run(source: &str) -> Run {
    let table = table_of(source).unwrap_or_else(|e| panic!("{e}\n{source}"));
    let mut trace = RunTrace { sources: vec![record("main.py", "__main__", &table, None)], ..RunTrace::default() };
    trace.touched = touched(0, source, &table);
    let mut run = Run { texts: vec![source.to_owned()], tables: vec![table], trace };
    run.enter_by_name();
    run
}

fn record(path: &str, module: &str, table: &SourceTable, by: Option<StatementId>) -> SourceRecord {
    SourceRecord {
        path: path.to_owned(),
        module: module.to_owned(),
        content_hash: String::new(),
        executed: (0..table.statements.len() as u32).map(StatementId).collect(),
        imported_by: by,
    }
}

/// Effects by the look of the text.
fn touched(source: u32, text: &str, table: &SourceTable) -> Vec<Touched> {
    let mut found = Vec::new();
    for (index, statement) in table.statements.iter().enumerate() {
        let own = &text[statement.header.start as usize..statement.header.end as usize];
        let target = own.split('=').next().unwrap_or_default().trim_end_matches(['+', '-', '*', '/', '|', '%']).trim();
        let is_store = matches!(
            statement.kind,
            StatementKind::Assign | StatementKind::AugmentedAssign | StatementKind::AnnotatedAssign
        ) && (target.ends_with(']') && target.contains('[') && !target.starts_with('[')
            || target.contains('.'));
        let changes = [".append(", ".extend(", ".add(", ".update(", ".pop(", ".sort(", ".insert(", ".clear(", "next("];
        let is_change =
            statement.kind == StatementKind::AugmentedAssign || changes.iter().any(|call| own.contains(call));
        let is_delete = statement.kind == StatementKind::Delete && own.contains(['[', '.']);
        let mut push = |kind| {
            found.push(Touched { source: SourceId(source), statement: StatementId(index as u32), kind });
        };
        if is_store || is_change || is_delete {
            push(WriteKind::Object);
        }
        if own.contains(".write(") || own.contains(".to_csv(") {
            push(WriteKind::External);
        }
        if own.contains("print(") {
            push(WriteKind::Output);
        }
    }
    found.sort();
    found
}

impl Run {
    /// The statement that begins on a line; with several, the last simple one that does not begin the line is not it.
    pub fn at(&self, line: u32) -> StatementId {
        let found = self.tables[0]
            .statements
            .iter()
            .position(|s| s.first_line == line || header_holds(s, line, &self.texts[0]));
        StatementId(found.unwrap_or_else(|| panic!("no statement on line {line}")) as u32)
    }

    /// Statements of these lines did not run, nor what stands inside them.
    pub fn not_run(mut self, lines: &[u32]) -> Self {
        let mut gone = BTreeSet::new();
        for (index, statement) in self.tables[0].statements.iter().enumerate() {
            let inside = statement.parent.is_some_and(|parent| gone.contains(&parent));
            if lines.contains(&statement.first_line) || inside {
                gone.insert(StatementId(index as u32));
            }
        }
        self.trace.sources[0].executed.retain(|id| !gone.contains(id));
        self.trace.touched.retain(|touched| touched.source.0 != 0 || !gone.contains(&touched.statement));
        self.enter_by_name();
        self
    }

    /// The unit on line `reader` used an object that the unit on line `writer` had changed.
    pub fn flow(self, reader: u32, writer: u32) -> Self {
        self.flow_of(reader, writer, FlowKind::Data)
    }

    pub fn flow_of(mut self, reader: u32, writer: u32, kind: FlowKind) -> Self {
        let (reader, writer) = (self.at(reader), self.at(writer));
        self.trace.flows.push(Flow { reader, writer, kind });
        self.trace.flows.sort();
        self
    }

    pub fn raised(mut self, catcher: u32, raiser: u32) -> Self {
        let (catcher, raiser) = (self.at(catcher), self.at(raiser));
        self.trace.raised.push(Raised { source: SourceId(0), catcher, raiser });
        self.trace.raised.sort();
        self
    }

    pub fn ended_by(mut self, line: u32) -> Self {
        self.trace.ended_by = Some(self.at(line));
        self
    }

    /// The value of a name when the unit on a line was about to bind it anew, or at the end.
    pub fn binding(mut self, name: &str, until: Option<u32>, writers: &[u32]) -> Self {
        let binding = Binding {
            name: name.to_owned(),
            until: until.map(|line| self.at(line)),
            writers: writers.iter().map(|line| self.at(*line)).collect(),
            fingerprint: None,
            summary: String::new(),
        };
        self.trace.bindings.push(binding);
        self
    }

    pub fn external(mut self, line: u32, kind: ExternalKind, key: &str, access: Access) -> Self {
        let state = ExternalState { kind, key: key.to_owned() };
        let known = self.trace.externals.iter().position(|external| *external == state);
        let external = ExternalId(known.unwrap_or_else(|| {
            self.trace.externals.push(state);
            self.trace.externals.len() - 1
        }) as u32);
        let unit = self.at(line);
        self.trace.external_uses.push(ExternalUse { unit, external, access });
        self
    }

    pub fn touch(mut self, line: u32, kind: WriteKind) -> Self {
        let statement = self.at(line);
        self.trace.touched.push(Touched { source: SourceId(0), statement, kind });
        self.trace.touched.sort();
        self.trace.touched.dedup();
        self
    }

    pub fn untouch(mut self, line: u32) -> Self {
        let statement = self.at(line);
        self.trace.touched.retain(|touched| touched.source.0 != 0 || touched.statement != statement);
        self
    }

    pub fn artifact(mut self, name: &str, line: u32, writers: &[u32]) -> Self {
        let writers = writers.iter().map(|line| self.at(*line)).collect();
        self.trace.artifacts.push((name.to_owned(), self.at(line), writers));
        self
    }

    pub fn degraded(mut self, reason: &str) -> Self {
        self.trace.degraded.push(reason.to_owned());
        self
    }

    /// A module of the user, imported by the unit on a line.
    pub fn module(mut self, name: &str, source: &str, by: u32) -> Self {
        let table = table_of(source).unwrap_or_else(|e| panic!("{e}\n{source}"));
        let number = self.tables.len() as u32;
        let by = self.at(by);
        self.trace.sources.push(record(&format!("{name}.py"), name, &table, Some(by)));
        self.trace.touched.extend(touched(number, source, &table));
        self.trace.touched.sort();
        self.tables.push(table);
        self.texts.push(source.to_owned());
        self.enter_by_name();
        self
    }

    /// Adds an entry that names do not show.
    pub fn enters(mut self, unit: u32, function: &str) -> Self {
        let unit = self.at(unit);
        let found = self.tables.iter().enumerate().find_map(|(source, table)| {
            let scope = table.scopes.iter().position(|scope| scope.name == function)?;
            Some((SourceId(source as u32), ScopeId(scope as u32)))
        });
        let (source, scope) = found.unwrap_or_else(|| panic!("no function {function}"));
        self.trace.entries.push(FunctionEntry { unit, source, scope });
        self.trace.entries.sort();
        self.trace.entries.dedup();
        self
    }

    /// Nothing entered a function, nor ran its body.
    pub fn never_enters(mut self, function: &str) -> Self {
        let tables = &self.tables;
        self.trace.entries.retain(|entry| tables[entry.source.index()].scope(entry.scope).name != function);
        let table = &self.tables[0];
        self.trace.sources[0].executed.retain(|id| table.scope(table.statement(*id).scope).name != function);
        self
    }

    /// Every unit enters the functions that its text names, and those that their texts name.
    fn enter_by_name(&mut self) {
        self.trace.entries.clear();
        let executed: BTreeSet<StatementId> = self.trace.sources[0].executed.iter().copied().collect();
        for (index, _) in self.tables[0].statements.iter().enumerate() {
            let unit = StatementId(index as u32);
            if !self.tables[0].is_unit(unit) || !executed.contains(&unit) || self.is_definition(unit) {
                continue;
            }
            let mut names = self.names_of(0, unit);
            let mut entered: BTreeSet<(u32, u32)> = BTreeSet::new();
            loop {
                let before = entered.len();
                for (source, table) in self.tables.iter().enumerate() {
                    for (number, scope) in table.scopes.iter().enumerate() {
                        let by_class =
                            scope.parent.map(|parent| table.scope(parent)).filter(|p| p.kind == ScopeKind::Class);
                        let special =
                            scope.name.starts_with("__") && by_class.is_some_and(|class| names.contains(&class.name));
                        let by_owner = matches!(scope.kind, ScopeKind::Lambda | ScopeKind::Generator)
                            && scope.owner.is_some_and(|owner| {
                                let defines = &table.statement(owner).defines;
                                let bound = defines.iter().any(|d| names.contains(table.name(d.name)));
                                let at_once = scope.kind == ScopeKind::Generator || defines.is_empty();
                                source == 0 && owner == unit && at_once || bound
                            });
                        let named = scope.kind == ScopeKind::Function && (names.contains(&scope.name) || special);
                        if (named || by_owner) && entered.insert((source as u32, number as u32)) {
                            for (inner, statement) in table.statements.iter().enumerate() {
                                let ran = source > 0 || executed.contains(&StatementId(inner as u32));
                                if statement.scope == ScopeId(number as u32) && ran {
                                    names.extend(self.names_of(source, StatementId(inner as u32)));
                                }
                            }
                        }
                    }
                }
                if entered.len() == before {
                    break;
                }
            }
            for (source, scope) in entered {
                self.trace.entries.push(FunctionEntry { unit, source: SourceId(source), scope: ScopeId(scope) });
            }
        }
        self.trace.entries.sort();
    }

    fn is_definition(&self, id: StatementId) -> bool {
        matches!(self.tables[0].statement(id).kind, StatementKind::Function | StatementKind::Class)
            && !self.texts[0][self.tables[0].statement(id).span.start as usize..].starts_with('@')
    }

    fn names_of(&self, source: usize, id: StatementId) -> BTreeSet<String> {
        let table = &self.tables[source];
        let statement = table.statement(id);
        let uses = statement.uses.iter().map(|used| used.name);
        uses.chain(statement.mentions.iter().copied()).map(|name| table.name(name).to_owned()).collect()
    }

    pub fn program(&self) -> Program<'_> {
        Program { tables: &self.tables, texts: &self.texts, trace: &self.trace }
    }

    pub fn slice(&self, target: &str) -> Result<Slice, Error> {
        slice(&self.program(), &criterion(target))
    }

    pub fn text(&self, target: &str) -> String {
        match self.slice(target) {
            Ok(slice) => text(&self.program(), &slice),
            Err(error) => format!("{}: {error}\n", if error.is_refusal() { "refused" } else { "error" }),
        }
    }

    /// Asserts the text of a slice, that it parses, and that slicing it again keeps all of it.
    #[track_caller]
    pub fn gives(self, target: &str, expected: &str) -> Self {
        let found = self.text(target);
        assert_eq!(found, expected.trim_start_matches('\n'), "\n--- slice of {target}:\n{found}");
        self
    }

    /// Asserts that there is no slice, and the message.
    #[track_caller]
    pub fn says(self, target: &str, message: &str) -> Self {
        assert_eq!(self.text(target).trim_end(), message);
        self
    }
}

fn header_holds(statement: &clew_trace::Statement, line: u32, text: &str) -> bool {
    let header = &text[statement.header.start as usize..statement.header.end as usize];
    let n_lines = header.lines().count() as u32;
    statement.first_line < line && line < statement.first_line + n_lines
}

/// `x`, `x@3`, `:3`, `file:out.csv`, `artifact:model`.
pub fn criterion(target: &str) -> Criterion {
    if let Some(key) = target.strip_prefix("file:") {
        return Criterion::External { kind: ExternalKind::File, key: key.to_owned() };
    }
    if let Some(name) = target.strip_prefix("artifact:") {
        return Criterion::Artifact { name: name.to_owned() };
    }
    if let Some(line) = target.strip_prefix(':') {
        return Criterion::Line { source: SourceId(0), line: line.parse().unwrap() };
    }
    match target.split_once('@') {
        Some((name, line)) => Criterion::NameAtLine { name: name.to_owned(), line: line.parse().unwrap() },
        None => Criterion::Name { name: target.to_owned() },
    }
}
