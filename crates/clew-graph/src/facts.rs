//! Facts about a program and its run that every part of the slicer asks for, indexed once.
//!
//! Statements here are those of the program itself (source 0); tables of imported modules are looked at by
//! [`crate::effects`] only.

use clew_trace::{
    Arm, Flow, FunctionEntry, NameId, Raised, RunTrace, ScopeId, ScopeKind, SourceId, SourceTable, Statement,
    StatementId, StatementKind, WriteKind,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::executed::Executed;
use crate::looks;
use crate::program::Program;
use crate::Error;

/// The module's scope.
pub(crate) const MODULE: ScopeId = ScopeId(0);

/// The blocks of a source: which statements stand in which arm of which compound statement.
pub(crate) struct Blocks {
    top: Vec<StatementId>,
    arms: Vec<Vec<(Arm, Vec<StatementId>)>>,
    /// One past the last statement inside each statement.
    end: Vec<u32>,
}

impl Blocks {
    pub(crate) fn new(table: &SourceTable) -> Self {
        let n_statements = table.statements.len();
        let mut blocks =
            Self { top: Vec::new(), arms: vec![Vec::new(); n_statements], end: (1..=n_statements as u32).collect() };
        for (index, statement) in table.statements.iter().enumerate() {
            let id = StatementId(index as u32);
            let Some(parent) = statement.parent else {
                blocks.top.push(id);
                continue;
            };
            let arms = &mut blocks.arms[parent.index()];
            match arms.iter_mut().find(|(arm, _)| *arm == statement.arm) {
                Some((_, block)) => block.push(id),
                None => arms.push((statement.arm, vec![id])),
            }
        }
        for index in (0..n_statements).rev() {
            if let Some(parent) = table.statements[index].parent {
                blocks.end[parent.index()] = blocks.end[parent.index()].max(blocks.end[index]);
            }
        }
        blocks
    }

    /// The module's own block.
    pub(crate) fn top(&self) -> &[StatementId] {
        &self.top
    }

    /// The arms of a compound statement, in text order.
    pub(crate) fn arms(&self, statement: StatementId) -> &[(Arm, Vec<StatementId>)] {
        &self.arms[statement.index()]
    }

    /// One arm of a compound statement; empty when it has none such.
    pub(crate) fn arm(&self, statement: StatementId, arm: Arm) -> &[StatementId] {
        self.arms(statement).iter().find(|(a, _)| *a == arm).map_or(&[], |(_, block)| block)
    }

    /// The block that holds `statement`.
    pub(crate) fn around(&self, table: &SourceTable, statement: StatementId) -> &[StatementId] {
        let record = table.statement(statement);
        record.parent.map_or(&self.top, |parent| self.arm(parent, record.arm))
    }

    /// One past the last statement inside `statement`.
    pub(crate) fn end(&self, statement: StatementId) -> u32 {
        self.end[statement.index()]
    }

    /// Whether `inner` is `outer` or stands inside it.
    pub(crate) fn contains(&self, outer: StatementId, inner: StatementId) -> bool {
        outer <= inner && inner.0 < self.end(outer)
    }
}

/// What the run saw a statement do beyond binding names.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Touch {
    pub(crate) object: bool,
    pub(crate) external: bool,
    pub(crate) output: bool,
}

impl Touch {
    /// Whether something that can be read back was changed.
    pub(crate) const fn lasts(self) -> bool {
        self.object || self.external
    }

    pub(crate) fn add(&mut self, kind: WriteKind) {
        match kind {
            WriteKind::Object => self.object = true,
            WriteKind::External => self.external = true,
            WriteKind::Output => self.output = true,
        }
    }
}

/// The indexed program.
pub(crate) struct Facts<'a> {
    pub(crate) program: Program<'a>,
    pub(crate) table: &'a SourceTable,
    pub(crate) text: &'a str,
    pub(crate) trace: &'a RunTrace,
    pub(crate) blocks: Blocks,
    executed: Executed,
    /// For each statement: the function or module scope whose flow it is part of, and the statement of that scope
    /// during which it runs (itself, or the outermost class around it).
    home: Vec<(ScopeId, StatementId)>,
    /// For each statement, the innermost loop of the same scope around it.
    inner_loop: Vec<Option<StatementId>>,
    /// For each scope, the units that entered it, ascending.
    entered: Vec<Vec<StatementId>>,
    /// Functions whose bodies ran though no entry was recorded.
    unrecorded: FxHashSet<ScopeId>,
    touched: Vec<Touch>,
    raised: Vec<Raised>,
    /// Names under which functions of any source were entered.
    entered_names: FxHashSet<&'a str>,
    /// Statements by the top-level name they bind.
    binders: FxHashMap<NameId, Vec<StatementId>>,
    /// `def` statements by the name they bind, without the class prefix of private names.
    defs: FxHashMap<NameId, Vec<StatementId>>,
    ids: FxHashMap<&'a str, NameId>,
    /// Names without the class prefix that private names carry.
    plain: Vec<NameId>,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(program: &Program<'a>) -> Result<Self, Error> {
        let (Some(table), Some(text)) = (program.tables.first(), program.texts.first()) else {
            return Err(Error::NoProgram);
        };
        if table.scopes.is_empty() {
            return Err(Error::NoProgram);
        }
        let trace = program.trace;
        let blocks = Blocks::new(table);
        let mut entered = entered(table, trace);
        let marks = marks(table, trace);
        let is_entered = |id: StatementId| match (table.statement(id).kind, table.statement(id).opens) {
            (StatementKind::Function, Some(scope)) => !entered[scope.index()].is_empty(),
            _ => true,
        };
        let executed = Executed::new(table, text, &blocks, marks.into_iter(), is_entered, true);
        let unrecorded = enter_what_ran(table, &executed, &mut entered);
        let inner_loop = inner_loops(table);
        let raised = raised(table, trace, &executed, &inner_loop);
        let ids: FxHashMap<&str, NameId> =
            table.names.iter().enumerate().map(|(i, name)| (name.as_str(), NameId(i as u32))).collect();
        let plain: Vec<NameId> = table
            .names
            .iter()
            .enumerate()
            .map(|(i, name)| unmangled(name).and_then(|plain| ids.get(plain).copied()).unwrap_or(NameId(i as u32)))
            .collect();
        let mut defs: FxHashMap<NameId, Vec<StatementId>> = FxHashMap::default();
        let mut binders: FxHashMap<NameId, Vec<StatementId>> = FxHashMap::default();
        for (index, statement) in table.statements.iter().enumerate() {
            if statement.kind == StatementKind::Function {
                for define in &statement.defines {
                    defs.entry(plain[define.name.index()]).or_default().push(StatementId(index as u32));
                }
            }
            for define in statement.defines.iter().filter(|define| define.scope == MODULE) {
                binders.entry(define.name).or_default().push(StatementId(index as u32));
            }
        }
        Ok(Self {
            program: *program,
            table,
            text,
            trace,
            home: homes(table),
            touched: touched(table, text, trace, &executed),
            executed,
            inner_loop,
            entered,
            unrecorded,
            raised,
            entered_names: entered_names(program),
            binders,
            defs,
            ids,
            plain,
            blocks,
        })
    }

    pub(crate) fn statement(&self, id: StatementId) -> &'a Statement {
        self.table.statement(id)
    }

    /// All statements.
    pub(crate) fn statements(&self) -> impl Iterator<Item = StatementId> {
        (0..self.table.statements.len() as u32).map(StatementId)
    }

    pub(crate) fn ran(&self, id: StatementId) -> bool {
        self.executed.ran(id)
    }

    /// Whether a mark tells that the block ran.
    pub(crate) fn surely_ran(&self, block: &[StatementId]) -> bool {
        self.executed.surely_ran(block)
    }

    /// Whether some statement of the block may have run.
    pub(crate) fn may_have_run(&self, block: &[StatementId]) -> bool {
        block.iter().any(|id| self.ran(*id))
    }

    /// The function or module scope whose flow the statement is part of, and the statement of that scope during
    /// which it runs.
    pub(crate) fn home(&self, id: StatementId) -> (ScopeId, StatementId) {
        self.home[id.index()]
    }

    /// The innermost loop of the same scope around the statement.
    pub(crate) fn inner_loop(&self, id: StatementId) -> Option<StatementId> {
        self.inner_loop[id.index()]
    }

    /// The outermost loop of the same scope around the statement, itself excluded.
    pub(crate) fn outer_loop(&self, id: StatementId) -> Option<StatementId> {
        let mut found = self.inner_loop(id)?;
        while let Some(outer) = self.inner_loop(found) {
            found = outer;
        }
        Some(found)
    }

    /// Whether the module runs this statement at most once.
    pub(crate) fn runs_once(&self, id: StatementId) -> bool {
        self.table.is_unit(id) && self.inner_loop(id).is_none()
    }

    /// The units during which the scope was entered.
    pub(crate) fn entered(&self, scope: ScopeId) -> &[StatementId] {
        &self.entered[scope.index()]
    }

    /// Whether the function ran without an entry in the trace; the unit of its definition stands for what called it.
    pub(crate) fn is_unrecorded(&self, scope: ScopeId) -> bool {
        self.unrecorded.contains(&scope)
    }

    /// What a statement of the program was seen to do.
    pub(crate) fn touch(&self, id: StatementId) -> Touch {
        self.touched[id.index()]
    }

    /// Exceptions that something in the program caught.
    pub(crate) fn raised(&self) -> &[Raised] {
        &self.raised
    }

    /// Whether a function of any source was entered under this name.
    pub(crate) fn is_user_function(&self, name: &str) -> bool {
        self.entered_names.contains(name)
    }

    /// Functions that a unit entered.
    pub(crate) fn entries_of(&self, unit: StatementId) -> &'a [FunctionEntry] {
        range(&self.trace.entries, |entry| entry.unit, unit)
    }

    /// Dependencies of a unit that were seen while it ran.
    pub(crate) fn flows_of(&self, unit: StatementId) -> &'a [Flow] {
        range(&self.trace.flows, |flow| flow.reader, unit)
    }

    /// The unit of that number, if the table has one; anything inside a function counts for its top-level statement.
    pub(crate) fn unit(&self, id: StatementId) -> Option<StatementId> {
        (id.index() < self.table.statements.len()).then(|| self.table.unit_of(id))
    }

    /// The statement whose text holds the scope: the `def`, the `class`, or the statement around a lambda.
    pub(crate) fn owner(&self, scope: ScopeId) -> Option<StatementId> {
        self.table.scopes.get(scope.index()).and_then(|scope| scope.owner)
    }

    /// The innermost function, lambda, generator expression or module around (or at) a scope.
    pub(crate) fn region(&self, scope: ScopeId) -> ScopeId {
        region(self.table, scope)
    }

    /// `def` statements that bind the name, wherever they stand.
    pub(crate) fn defs_named(&self, name: NameId) -> &[StatementId] {
        self.defs.get(&self.plain(name)).map_or(&[], Vec::as_slice)
    }

    /// Statements that bind a top-level name, wherever they stand and whether they ran or not.
    pub(crate) fn binders(&self, name: NameId) -> &[StatementId] {
        self.binders.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The number of a name that appears in the program.
    pub(crate) fn name_id(&self, name: &str) -> Option<NameId> {
        self.ids.get(name).copied()
    }

    /// The name without the class prefix that private names carry.
    pub(crate) fn plain(&self, name: NameId) -> NameId {
        self.plain[name.index()]
    }

    /// The text of a name.
    pub(crate) fn name(&self, id: NameId) -> &'a str {
        self.table.name(id)
    }

    /// The statement's own text: for a compound statement, its first clause only.
    pub(crate) fn header_text(&self, id: StatementId) -> &'a str {
        let header = self.statement(id).header;
        self.text.get(header.start as usize..header.end as usize).unwrap_or_default()
    }

    /// The names that a statement's own text holds, whatever they stand for.
    pub(crate) fn names_in(&self, id: StatementId) -> impl Iterator<Item = NameId> + 'a {
        let statement = self.statement(id);
        statement.uses.iter().map(|site| site.name).chain(statement.mentions.iter().copied())
    }

    /// Whether the statement is `from module import *`.
    pub(crate) fn is_star_import(&self, id: StatementId) -> bool {
        let statement = self.statement(id);
        statement.kind == StatementKind::ImportFrom
            && statement.defines.is_empty()
            && self.header_text(id).contains('*')
    }

    /// Whether the two statements run in turns of a common loop of the module.
    pub(crate) fn share_loop(&self, left: StatementId, right: StatementId) -> bool {
        let outermost = |id: StatementId| match self.statement(id).kind {
            StatementKind::For | StatementKind::While => Some(self.outer_loop(id).unwrap_or(id)),
            _ => self.outer_loop(id),
        };
        outermost(left).is_some_and(|found| outermost(right) == Some(found))
    }
}

/// A private name without its class prefix: `_C__x` is written `__x`.
fn unmangled(name: &str) -> Option<&str> {
    let rest = name.strip_prefix('_')?;
    if rest.starts_with('_') || name.ends_with("__") {
        return None;
    }
    rest.find("__").map(|at| &rest[at..])
}

/// The innermost function, lambda, generator expression or module around (or at) a scope of `table`.
pub(crate) fn region(table: &SourceTable, mut scope: ScopeId) -> ScopeId {
    loop {
        let record = table.scope(scope);
        let runs_inline =
            matches!(record.kind, ScopeKind::Class | ScopeKind::TypeParameters | ScopeKind::Comprehension);
        match record.parent {
            Some(parent) if runs_inline => scope = parent,
            _ => return scope,
        }
    }
}

fn homes(table: &SourceTable) -> Vec<(ScopeId, StatementId)> {
    let mut homes: Vec<(ScopeId, StatementId)> = Vec::with_capacity(table.statements.len());
    for (index, statement) in table.statements.iter().enumerate() {
        let own = StatementId(index as u32);
        let home = match (table.scope(statement.scope).kind, table.scope(statement.scope).owner) {
            // A class body runs during its `class` statement, which comes before it in the table.
            (ScopeKind::Class, Some(owner)) if owner.index() < index => homes[owner.index()],
            _ => (statement.scope, own),
        };
        homes.push(home);
    }
    homes
}

fn inner_loops(table: &SourceTable) -> Vec<Option<StatementId>> {
    let mut loops: Vec<Option<StatementId>> = Vec::with_capacity(table.statements.len());
    for statement in &table.statements {
        let found = statement.parent.and_then(|parent| {
            let around = table.statement(parent);
            let is_loop = matches!(around.kind, StatementKind::For | StatementKind::While);
            if around.scope != statement.scope {
                None
            } else if is_loop && statement.arm == Arm::Body {
                Some(parent)
            } else {
                loops[parent.index()]
            }
        });
        loops.push(found);
    }
    loops
}

fn entered(table: &SourceTable, trace: &RunTrace) -> Vec<Vec<StatementId>> {
    let mut entered = vec![Vec::new(); table.scopes.len()];
    for entry in trace.entries.iter().filter(|entry| entry.source == SourceId(0)) {
        if entry.unit.index() < table.statements.len() {
            if let Some(units) = entered.get_mut(entry.scope.index()) {
                units.push(table.unit_of(entry.unit));
            }
        }
    }
    entered
}

/// Statements that the trace shows to have run, in one way or another.
fn marks(table: &SourceTable, trace: &RunTrace) -> Vec<StatementId> {
    let executed = trace.sources.first().map_or(&[][..], |source| &source.executed);
    let flows = trace.flows.iter().flat_map(|flow| [flow.reader, flow.writer]);
    let entries = trace.entries.iter().map(|entry| entry.unit);
    let known = table.statements.len();
    executed.iter().copied().chain(flows).chain(entries).filter(|id| id.index() < known).collect()
}

/// A function whose body ran without a unit that entered it is one that its `class` or `def` statement called.
fn enter_what_ran(table: &SourceTable, executed: &Executed, entered: &mut [Vec<StatementId>]) -> FxHashSet<ScopeId> {
    let mut found = FxHashSet::default();
    for (index, statement) in table.statements.iter().enumerate() {
        let id = StatementId(index as u32);
        let units = &mut entered[statement.scope.index()];
        let is_body = table.scope(statement.scope).kind == ScopeKind::Function && !statement.is_docstring;
        if is_body && units.is_empty() && executed.is_marked(id) {
            units.push(table.unit_of(id));
            found.insert(statement.scope);
        }
    }
    found
}

/// Exceptions that the trace shows, and those of top-level `raise` statements after which the program went on.
fn raised(
    table: &SourceTable,
    trace: &RunTrace,
    executed: &Executed,
    inner_loop: &[Option<StatementId>],
) -> Vec<Raised> {
    let known = table.statements.len();
    let is_known = |raised: &&Raised| {
        raised.source == SourceId(0) && raised.catcher.index() < known && raised.raiser.index() < known
    };
    let mut all: Vec<Raised> = trace.raised.iter().filter(is_known).copied().collect();
    for (index, statement) in table.statements.iter().enumerate() {
        let raiser = StatementId(index as u32);
        let once = statement.scope == MODULE && inner_loop[index].is_none() && executed.ran(raiser);
        let is_told = trace.ended_by == Some(raiser) || all.iter().any(|raised| raised.raiser == raiser);
        if statement.kind != StatementKind::Raise || !once || is_told {
            continue;
        }
        let mut inner = raiser;
        while let Some(around) = table.statement(inner).parent {
            let in_body = table.statement(inner).arm == Arm::Body;
            if in_body && matches!(table.statement(around).kind, StatementKind::Try | StatementKind::With) {
                all.push(Raised { source: SourceId(0), catcher: around, raiser });
                break;
            }
            inner = around;
        }
    }
    all.sort_unstable();
    all
}

fn entered_names<'a>(program: &Program<'a>) -> FxHashSet<&'a str> {
    let scopes = program.trace.entries.iter().filter_map(|entry| {
        program.tables.get(entry.source.index()).and_then(|table| table.scopes.get(entry.scope.index()))
    });
    scopes.map(|scope| scope.name.as_str()).collect()
}

fn touched(table: &SourceTable, text: &str, trace: &RunTrace, executed: &Executed) -> Vec<Touch> {
    let mut touched = vec![Touch::default(); table.statements.len()];
    for touch in trace.touched.iter().filter(|touch| touch.source == SourceId(0)) {
        if let Some(slot) = touched.get_mut(touch.statement.index()) {
            slot.add(touch.kind);
        }
    }
    for (index, statement) in table.statements.iter().enumerate() {
        if executed.ran(StatementId(index as u32)) && looks::stores(text, statement) {
            touched[index].object = true;
        }
    }
    touched
}

/// The part of an ascending list whose key is `key`.
fn range<T, K: Ord + Copy>(list: &[T], by: impl Fn(&T) -> K, key: K) -> &[T] {
    let start = list.partition_point(|item| by(item) < key);
    let length = list[start..].partition_point(|item| by(item) <= key);
    &list[start..start + length]
}
