//! From the recorder's tables to a [`RunTrace`].

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::inspect::is_atom;
use super::units::{current_unit, hot};
use super::writes::WHOLE;
use rustc_hash::FxHashMap;

use super::{recorder, walk, LoadedSource, NotedBinding, Recorder, NO_UNIT};
use clew_trace::{
    Arm, Binding, Flow, FunctionEntry, Raised, RunTrace, ScopeId, SourceId, SourceRecord, SourceTable, StatementId,
    StatementKind, Touched, WriteKind,
};

/// Objects that the walk from one top-level name may visit.
const NAME_BUDGET: usize = 200_000;

/// Notes the value of a top-level name that is about to be bound anew.
///
/// # Safety
/// The interpreter lock is held; `value` is alive.
pub unsafe fn note(name: &str, value: *mut ffi::PyObject, until: u32) {
    // SAFETY: as promised.
    unsafe {
        current_unit();
        let Some(recorder) = recorder() else { return };
        let writers = recorder.writers_below(value, walk::WALK_BUDGET);
        if let Some(noted) = recorder.notes.iter_mut().find(|noted| noted.until == until && noted.name == name) {
            for writer in writers {
                if !noted.writers.contains(&writer) {
                    noted.writers.push(writer);
                }
            }
        } else {
            recorder.notes.push(NotedBinding {
                name: name.to_owned(),
                until,
                writers,
                fingerprint: None,
                summary: String::new(),
            });
        }
    }
}

impl Recorder {
    /// Units that last wrote something reachable from the value.
    ///
    /// # Safety
    /// The interpreter lock is held; `value` is alive.
    pub unsafe fn writers_below(&mut self, value: *mut ffi::PyObject, budget: usize) -> Vec<u32> {
        // SAFETY: as promised.
        unsafe {
            if (*hot()).n_known == 0 || is_atom(ffi::Py_TYPE(value)) {
                return Vec::new();
            }
            let mut found = Vec::new();
            let complete = self.known_below(value, budget, walk::Reach::Everything, &mut found);
            if !complete {
                return self.written.all_writers();
            }
            let mut writers: Vec<u32> = found
                .into_iter()
                .flat_map(|address| self.written.writers(address, WHOLE).collect::<Vec<_>>())
                .filter(|unit| *unit != NO_UNIT)
                .collect();
            writers.sort_unstable();
            writers.dedup();
            writers
        }
    }

    /// Index of the source of this number; none if it is another recording's.
    fn place_of(&self, number: u32) -> Option<SourceId> {
        let place = self.sources.iter().position(|source| source.number == number)?;
        Some(SourceId(place as u32))
    }

    /// Whether some source stores an attribute of this name, so that an instance may hide the method.
    pub fn method_may_be_shadowed(&self, name: &str) -> bool {
        self.stored_attributes.contains(name)
    }
}

/// Statements that ran. Of functions that ran in child processes it is not known what of them did: all of it counts.
fn executed(source: &LoadedSource, in_children: &[ScopeId]) -> Vec<StatementId> {
    let table = &source.table;
    let mut ran: Vec<bool> = (0..table.statements.len())
        .map(|i| {
            // SAFETY: the list has one slot a statement; the lock is held while finishing.
            unsafe {
                let slot = *(*source.coverage.cast::<ffi::PyListObject>()).ob_item.add(i);
                slot != ffi::Py_None()
            }
        })
        .collect();
    for (ran, statement) in ran.iter_mut().zip(&table.statements) {
        *ran |= in_children.iter().any(|&scope| is_within(table, statement.scope, scope));
    }
    close_coverage(source, &mut ran);
    ran.iter().enumerate().filter(|(_, ran)| **ran).map(|(i, _)| StatementId(i as u32)).collect()
}

fn is_within(table: &SourceTable, mut scope: ScopeId, around: ScopeId) -> bool {
    while scope != around {
        match table.scope(scope).parent {
            Some(parent) => scope = parent,
            None => return false,
        }
    }
    true
}

/// Marks stand at the beginnings of blocks; what follows in a block ran too, and so did what is around it.
fn close_coverage(source: &LoadedSource, ran: &mut [bool]) {
    let table = &source.table;
    // Around: a statement that ran means that the compound statements around it did.
    for i in (0..ran.len()).rev() {
        if ran[i] {
            if let Some(parent) = table.statements[i].parent {
                ran[parent.index()] = true;
            }
        }
    }
    // After: an unmarked statement ran if the one before it in its block did and goes on to it; a block's first,
    // if the block is one that is always entered, or if anything after it in the block ran.
    let mut before: FxHashMap<(Option<StatementId>, Arm), usize> = FxHashMap::default();
    for i in 0..ran.len() {
        let statement = &table.statements[i];
        let previous = before.insert((statement.parent, statement.arm), i);
        if ran[i] || source.marked.binary_search(&StatementId(i as u32)).is_ok() {
            continue;
        }
        ran[i] = match (previous, statement.parent) {
            (Some(previous), _) => ran[previous] && goes_on(table, previous),
            (None, None) => true,
            (None, Some(parent)) => {
                let always = matches!(table.statement(parent).kind, StatementKind::Try | StatementKind::Class)
                    && statement.arm == Arm::Body;
                ran[parent.index()] && (always || followed(table, ran, i))
            }
        };
    }
}

/// Whether a later statement of the same block ran.
fn followed(table: &SourceTable, ran: &[bool], index: usize) -> bool {
    let statement = &table.statements[index];
    let end = statement.parent.map_or(u32::MAX, |parent| table.statement(parent).last_line);
    table.statements[index + 1..]
        .iter()
        .zip(&ran[index + 1..])
        .take_while(|(other, _)| other.first_line <= end)
        .any(|(other, ran)| *ran && other.parent == statement.parent && other.arm == statement.arm)
}

fn goes_on(table: &SourceTable, index: usize) -> bool {
    use StatementKind::{Break, Continue, Raise, Return};
    !matches!(table.statements[index].kind, Return | Raise | Break | Continue)
}

/// The statements of the catcher's block whose text covers the line, in the catcher's scope.
fn raisers(table: &SourceTable, catcher: StatementId, line: u32) -> Vec<StatementId> {
    let scope = table.statement(catcher).scope;
    let candidates = table.statements.iter().enumerate().filter(|(i, statement)| {
        statement.scope == scope
            && *i as u32 > catcher.0
            && statement.first_line <= line
            && line <= statement.last_line
            && is_inside(table, StatementId(*i as u32), catcher)
    });
    let all: Vec<(u32, StatementId)> =
        candidates.map(|(i, s)| (s.last_line - s.first_line, StatementId(i as u32))).collect();
    let Some(least) = all.iter().map(|(span, _)| *span).min() else { return Vec::new() };
    all.into_iter().filter(|(span, _)| *span == least).map(|(_, id)| id).collect()
}

fn is_inside(table: &SourceTable, mut id: StatementId, ancestor: StatementId) -> bool {
    while let Some(parent) = table.statement(id).parent {
        if parent == ancestor {
            return true;
        }
        id = parent;
    }
    false
}

fn touched(recorder: &Recorder, sources: &[SourceRecord]) -> Vec<Touched> {
    let mut all = Vec::new();
    for (i, source) in recorder.sources.iter().enumerate() {
        for &site in &source.sites {
            // SAFETY: sites are kept alive by the source.
            let (statement, touched) = unsafe { ((*site).statement, (*site).touched) };
            if touched {
                let (source, statement) = (SourceId(i as u32), StatementId(statement));
                all.push(Touched { source, statement, kind: WriteKind::Object });
            }
        }
        for &statement in &source.touching {
            if sources[i].executed.binary_search(&statement).is_ok() {
                all.push(Touched { source: SourceId(i as u32), statement, kind: WriteKind::Object });
            }
        }
    }
    for &(source, statement, kind) in &recorder.touched_outside {
        if let Some(source) = recorder.place_of(source) {
            all.push(Touched { source, statement: StatementId(statement), kind });
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn unit_or_none(unit: u32) -> Option<StatementId> {
    (unit != NO_UNIT).then_some(StatementId(unit))
}

/// Values of the top-level names now, and those noted on the way.
fn bindings(py: Python<'_>, globals: &Bound<'_, PyDict>) -> Vec<Binding> {
    let describe = py.import("clew.fingerprint").and_then(|module| module.getattr("describe")).ok();
    let mut all = Vec::new();
    // Names of one object share what is said of it.
    let mut described = FxHashMap::default();
    for (name, value) in globals.copy().iter().flat_map(PyDictMethods::iter) {
        let Ok(name) = name.extract::<String>() else { continue };
        if name.starts_with("__") && name.ends_with("__") {
            continue;
        }
        // SAFETY: the lock is held and the value alive; the borrow ends before Python code runs below.
        let writers = unsafe {
            recorder().map(|recorder| recorder.writers_below(value.as_ptr(), NAME_BUDGET)).unwrap_or_default()
        };
        let found = described.entry(value.as_ptr() as usize).or_insert_with(|| {
            let pair = describe.as_ref().and_then(|describe| describe.call1((&value,)).ok());
            pair.and_then(|pair| pair.extract::<(Option<String>, String)>().ok()).unwrap_or_default()
        });
        let (fingerprint, summary) = found.clone();
        let writers = writers.into_iter().map(StatementId).collect();
        all.push(Binding { name, until: None, writers, fingerprint, summary });
    }
    // SAFETY: the lock is held; nothing else refers to the recorder here.
    for noted in unsafe { recorder() }.map(|recorder| std::mem::take(&mut recorder.notes)).unwrap_or_default() {
        all.push(Binding {
            name: noted.name,
            until: unit_or_none(noted.until),
            writers: noted.writers.into_iter().map(StatementId).collect(),
            fingerprint: noted.fingerprint,
            summary: noted.summary,
        });
    }
    all
}

fn trace_of(recorder: &mut Recorder, bindings: Vec<Binding>) -> RunTrace {
    let in_children = recorder.entries_of_children();
    recorder.entries.extend(in_children.iter().copied());
    let scopes_of = |number: u32| -> Vec<ScopeId> {
        in_children.iter().filter(|entry| entry.1 == number).map(|entry| ScopeId(entry.2)).collect()
    };
    let sources: Vec<SourceRecord> = recorder
        .sources
        .iter()
        .map(|source| SourceRecord {
            path: source.path.clone(),
            module: source.module.clone(),
            content_hash: blake3::hash(source.text.as_bytes()).to_hex().to_string(),
            executed: executed(source, &scopes_of(source.number)),
            imported_by: unit_or_none(source.imported_by),
        })
        .collect();
    let touched = touched(recorder, &sources);
    let mut flows: Vec<Flow> = recorder.flows.iter().copied().collect();
    flows.sort_unstable();
    let mut entries: Vec<FunctionEntry> = recorder
        .entries
        .iter()
        .filter_map(|&(unit, source, scope)| {
            let source = recorder.place_of(source)?;
            Some(FunctionEntry { unit: StatementId(unit), source, scope: ScopeId(scope) })
        })
        .collect();
    entries.sort_unstable();
    let mut raised: Vec<Raised> = recorder
        .raised
        .iter()
        .filter_map(|&(source, catcher, line)| Some((recorder.place_of(source)?, StatementId(catcher), line)))
        .flat_map(|(source, catcher, line)| {
            let table = &recorder.sources[source.index()].table;
            raisers(table, catcher, line).into_iter().map(move |raiser| Raised { source, catcher, raiser })
        })
        .collect();
    raised.sort_unstable();
    raised.dedup();
    RunTrace {
        sources,
        flows,
        entries,
        touched,
        raised,
        externals: recorder.outside.iter().map(|outside| outside.state.clone()).collect(),
        external_uses: std::mem::take(&mut recorder.outside_uses),
        bindings,
        artifacts: std::mem::take(&mut recorder.artifacts)
            .into_iter()
            .map(|(name, unit, writers)| (name, StatementId(unit), writers.into_iter().map(StatementId).collect()))
            .collect(),
        degraded: std::mem::take(&mut recorder.degraded),
        ended_by: recorder.ended_by.and_then(unit_or_none),
        assumed: recorder.assumed(),
        contradicted: recorder.annotated.take(),
    }
}

/// What a finished recording hands over.
#[pyclass(frozen, module = "clew._clew")]
struct Recorded {
    /// The encoded trace.
    #[pyo3(get)]
    trace: Py<PyBytes>,
    /// (path, module, text) of each source.
    #[pyo3(get)]
    sources: Vec<(String, String, String)>,
    /// Reasons why the record is not complete.
    #[pyo3(get)]
    notes: Vec<String>,
    /// (annotation file, callee) of which the file was seen to be wrong.
    #[pyo3(get)]
    contradicted: Vec<(String, String)>,
    /// Events in the log, kept or not.
    #[pyo3(get)]
    n_events: u64,
    /// Events that the cap of the log left out.
    #[pyo3(get)]
    n_dropped: u64,
}

/// Ends the recording of a number, or the one that runs. `globals` is the program's namespace at its end; `raised` tells
/// that an exception ended it.
#[pyfunction]
#[pyo3(signature = (globals=None, raised=false, recording=None))]
fn finish(
    py: Python<'_>,
    globals: Option<&Bound<'_, PyDict>>,
    raised: bool,
    recording: Option<u32>,
) -> PyResult<Recorded> {
    if recording.is_some_and(|number| !super::nesting::bring_up(number)) {
        return Err(pyo3::exceptions::PyRuntimeError::new_err("no recording of this number is running"));
    }
    let unit = current_unit();
    // SAFETY: the lock is held.
    if let Some(recorder) = unsafe { recorder() } {
        // SAFETY: as above.
        unsafe {
            recorder.check_random(unit);
            recorder.check_handed_out(unit);
        }
        recorder.compare_files(unit);
    }
    // SAFETY: the lock is held, and no reference to the recorder is alive.
    unsafe { super::hidden::look(unit) };
    // SAFETY: as above.
    if let Some(recorder) = unsafe { recorder() } {
        recorder.resolving = true;
    }
    let bindings = globals.map(|globals| bindings(py, globals)).unwrap_or_default();
    let mut recorder = super::stop()
        .ok_or_else(|| pyo3::exceptions::PyRuntimeError::new_err("no recording is running in this process"))?;
    if raised {
        recorder.ended_by = Some(recorder.raised_by.unwrap_or(unit));
    }
    let log = recorder.events.take().and_then(super::events::Events::finish);
    let trace = trace_of(&mut recorder, bindings);
    let bytes =
        clew_trace::codec::encode(&trace).map_err(|e| pyo3::exceptions::PyRuntimeError::new_err(e.to_string()))?;
    let sources = recorder
        .sources
        .iter()
        .map(|source| (source.path.clone(), source.module.clone(), source.text.clone()))
        .collect();
    let (n_events, n_dropped) = log.map_or((0, 0), |log| (log.n_events, log.n_dropped));
    Ok(Recorded {
        trace: PyBytes::new(py, &bytes).unbind(),
        sources,
        notes: trace.degraded,
        contradicted: trace.contradicted.into_iter().map(|found| (found.file, found.callee)).collect(),
        n_events,
        n_dropped,
    })
}

/// Notes that `name` was saved as an artifact by the running unit; gives the unit and its line.
#[pyfunction]
fn note_artifact(name: String, value: &Bound<'_, PyAny>) -> Option<(u32, u32)> {
    // SAFETY: the lock is held; the value is alive.
    unsafe {
        // Without a recording there is no state to find the unit in.
        let recorder = recorder()?;
        let unit = current_unit();
        let line = recorder.line_of(unit)?;
        let writers = recorder.writers_below(value.as_ptr(), NAME_BUDGET);
        recorder.artifacts.push((name, unit, writers));
        Some((unit, line))
    }
}

/// A trace as JSON text, for tools.
#[pyfunction]
fn trace_json(trace: &[u8]) -> PyResult<String> {
    let fault = |message: String| pyo3::exceptions::PyValueError::new_err(message);
    let trace = clew_trace::codec::decode(trace).map_err(|e| fault(e.to_string()))?;
    serde_json::to_string(&trace).map_err(|e| fault(e.to_string()))
}

/// Whether a recording runs in this process (a child after `fork` has none).
#[pyfunction]
fn is_recording() -> bool {
    // SAFETY: the lock is held.
    unsafe { recorder() }.is_some_and(|recorder| recorder.process == std::process::id())
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Recorded>()?;
    module.add_function(wrap_pyfunction!(finish, module)?)?;
    module.add_function(wrap_pyfunction!(is_recording, module)?)?;
    module.add_function(wrap_pyfunction!(trace_json, module)?)?;
    module.add_function(wrap_pyfunction!(note_artifact, module)?)
}
