//! Slices, explanations and graphs for the Python side: bytes and texts in, plain values and JSON out.
//!
//! Criteria that mean nothing in the run, or cannot be sliced soundly, are answers, not exceptions: every function
//! returns a pair of a status (`ok`, `error` or `refused`) and either the result or the message for the user.

use clew_graph::{Criterion, EdgeKind, Program, Slice};
use clew_trace::{ExternalKind, RunTrace, SourceId, SourceTable};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::errors::{detached, Raises};

/// What goes wrong before there is a program to slice.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Trace(#[from] clew_trace::codec::Error),
    #[error("the recorded text of the program is not Python: {0}")]
    Syntax(#[from] clew_syntax::SyntaxProblem),
}

impl Raises for Problem {
    fn class(&self) -> &'static str {
        "NotRecorded"
    }

    fn hint(&self) -> Option<String> {
        Some(String::from("run the program again with `clew run`"))
    }
}

/// A decoded recording.
struct Recording {
    trace: RunTrace,
    tables: Vec<SourceTable>,
    texts: Vec<String>,
}

impl Recording {
    fn new(trace: &[u8], mut texts: Vec<String>) -> Result<Self, Problem> {
        let trace = clew_trace::codec::decode(trace)?;
        let mut tables = Vec::with_capacity(texts.len());
        for (nth, text) in texts.iter_mut().enumerate() {
            if text.starts_with('\u{feff}') {
                text.remove(0);
            }
            match clew_syntax::table_of(text) {
                Ok(table) => tables.push(table),
                // What is not known of an imported module makes slices larger; the program itself is needed.
                Err(problem) if nth == 0 => return Err(problem.into()),
                Err(_) => tables.push(SourceTable::default()),
            }
        }
        Ok(Self { trace, tables, texts })
    }

    fn program(&self) -> Program<'_> {
        Program { tables: &self.tables, texts: &self.texts, trace: &self.trace }
    }
}

/// An answer of the graph: a result, or the status and message for the user.
type Answer<T> = Result<T, (&'static str, String)>;

fn answer<T>(result: Result<T, clew_graph::Error>) -> Answer<T> {
    result.map_err(|error| (if error.is_refusal() { "refused" } else { "error" }, error.to_string()))
}

/// A criterion from the fields of a target.
fn criterion(kind: &str, name: &str, line: Option<u32>, source: u32) -> Answer<Criterion> {
    let name = name.to_owned();
    let external = |kind| Criterion::External { kind, key: name.clone() };
    match (kind, line) {
        ("name", None) => Ok(Criterion::Name { name }),
        ("name", Some(line)) => Ok(Criterion::NameAtLine { name, line }),
        ("statement", Some(line)) => Ok(Criterion::Line { source: SourceId(source), line }),
        ("artifact", _) => Ok(Criterion::Artifact { name }),
        ("file", _) => Ok(external(ExternalKind::File)),
        ("directory", _) => Ok(external(ExternalKind::Directory)),
        ("database", _) => Ok(external(ExternalKind::Database)),
        _ => Err(("error", format!("a target of kind `{kind}` cannot be sliced"))),
    }
}

/// What of a slice goes to Python.
struct Sliced {
    text: String,
    slice: Slice,
    lines: Vec<(u32, u32)>,
    n_executed: usize,
}

fn sliced(recording: &Recording, criterion: &Criterion) -> Answer<Sliced> {
    let program = recording.program();
    let slice = answer(clew_graph::slice(&program, criterion))?;
    let text = clew_graph::text(&program, &slice);
    let statements = recording.tables.first().map_or(&[][..], |table| &table.statements);
    let lines = statements.iter().map(|statement| (statement.first_line, statement.last_line)).collect();
    let n_executed = recording.trace.sources.first().map_or(0, |source| source.executed.len());
    Ok(Sliced { text, slice, lines, n_executed })
}

const fn edge_kind(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Data => "data",
        EdgeKind::Control => "control",
        EdgeKind::Mutate => "mutate",
        EdgeKind::View => "view",
        EdgeKind::Global => "global",
        EdgeKind::External => "external",
        EdgeKind::Call => "call",
    }
}

fn as_dict<'py>(py: Python<'py>, sliced: &Sliced) -> PyResult<Bound<'py, PyDict>> {
    let first_line = |id: clew_trace::StatementId| sliced.lines.get(id.index()).map(|(first, _)| *first);
    let result = PyDict::new(py);
    result.set_item("text", &sliced.text)?;
    let mut lines: Vec<u32> = sliced.slice.kept.iter().filter_map(|id| first_line(*id)).collect();
    lines.dedup();
    result.set_item("lines", lines)?;
    result.set_item("statements", sliced.slice.kept.iter().map(|id| id.0).collect::<Vec<_>>())?;
    result.set_item("emptied", sliced.slice.emptied.iter().filter_map(|id| first_line(*id)).collect::<Vec<_>>())?;
    result.set_item("n_statements", sliced.slice.kept.len())?;
    result.set_item("n_executed", sliced.n_executed)?;
    let reasons = PyList::empty(py);
    for (id, reason) in &sliced.slice.reasons {
        let row = PyDict::new(py);
        row.set_item("statement", id.0)?;
        row.set_item("line", first_line(*id))?;
        row.set_item("needed_by", reason.because.and_then(first_line))?;
        row.set_item("kind", edge_kind(reason.kind))?;
        row.set_item("name", reason.name.as_deref())?;
        reasons.append(row)?;
    }
    result.set_item("reasons", reasons)?;
    Ok(result)
}

/// Slices a recording. See `clew._clew.pyi` for the shape of the result.
#[pyfunction]
#[pyo3(signature = (trace, texts, kind, name="", line=None, source=0))]
fn slice_program<'py>(
    py: Python<'py>,
    trace: &[u8],
    texts: Vec<String>,
    kind: &str,
    name: &str,
    line: Option<u32>,
    source: u32,
) -> PyResult<(&'static str, Bound<'py, PyAny>)> {
    let found = match criterion(kind, name, line, source) {
        Err(problem) => Err(problem),
        Ok(criterion) => detached(py, || {
            let recording = Recording::new(trace, texts)?;
            Ok::<_, Problem>(clew_syntax::stack::with_deep_stack(|| sliced(&recording, &criterion)))
        })?,
    };
    match found {
        Ok(sliced) => Ok(("ok", as_dict(py, &sliced)?.into_any())),
        Err((status, message)) => Ok((status, PyString::new(py, &message).into_any())),
    }
}

/// The lines and inputs behind a value, as JSON: an object with `steps`, `inputs`, `n_statements` and `n_executed`.
#[pyfunction]
#[pyo3(signature = (trace, texts, kind, name="", line=None, source=0))]
fn why_program(
    py: Python<'_>,
    trace: &[u8],
    texts: Vec<String>,
    kind: &str,
    name: &str,
    line: Option<u32>,
    source: u32,
) -> PyResult<(&'static str, String)> {
    let found = match criterion(kind, name, line, source) {
        Err(problem) => Err(problem),
        Ok(criterion) => detached(py, || {
            let recording = Recording::new(trace, texts)?;
            let explain = || answer(clew_graph::why(&recording.program(), &criterion));
            Ok::<_, Problem>(clew_syntax::stack::with_deep_stack(explain))
        })?,
    };
    Ok(match found {
        Ok(explanation) => ("ok", explanation.to_json()),
        Err(problem) => problem,
    })
}

/// Every dependency of a recording, as JSON: an object with `nodes` and `edges`.
#[pyfunction]
fn graph_program(py: Python<'_>, trace: &[u8], texts: Vec<String>) -> PyResult<String> {
    detached(py, || {
        let recording = Recording::new(trace, texts)?;
        let draw = || clew_graph::graph(&recording.program()).to_json();
        Ok::<_, Problem>(clew_syntax::stack::with_deep_stack(draw))
    })
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(slice_program, module)?)?;
    module.add_function(wrap_pyfunction!(why_program, module)?)?;
    module.add_function(wrap_pyfunction!(graph_program, module)?)
}
