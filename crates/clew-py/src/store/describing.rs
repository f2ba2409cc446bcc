//! What a trace says, in plain Python values with lines instead of numbers of statements: for `show` and `effects`.

use clew_trace::{Access, ExternalKind, RunTrace, SourceTable, StatementId};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{detached, Raises};

/// A trace that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the record of this run cannot be read: {0}")]
struct Unreadable(#[from] clew_trace::codec::Error);

impl Raises for Unreadable {
    fn class(&self) -> &'static str {
        "NotRecorded"
    }

    fn hint(&self) -> Option<String> {
        Some("record the program again with this Clew: clew run SCRIPT".to_owned())
    }
}

/// A trace with the table of its program, where the text allows one.
struct Described {
    trace: RunTrace,
    program: Option<SourceTable>,
    n_statements: Vec<Option<usize>>,
}

impl Described {
    fn new(trace: &[u8], texts: &[String]) -> Result<Self, Unreadable> {
        let trace = clew_trace::codec::decode(trace)?;
        let mut tables: Vec<Option<SourceTable>> = texts.iter().map(|t| clew_syntax::table_of(t).ok()).collect();
        let n_statements = tables.iter().map(|t| t.as_ref().map(|t| t.statements.len())).collect();
        let program = if tables.is_empty() { None } else { tables.swap_remove(0) };
        Ok(Self { trace, program, n_statements })
    }

    /// The first line of a statement of the program.
    fn line(&self, unit: StatementId) -> Option<u32> {
        self.program.as_ref()?.statements.get(unit.index()).map(|s| s.first_line)
    }

    fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let trace = &self.trace;
        let sources: Vec<_> = trace
            .sources
            .iter()
            .enumerate()
            .map(|(i, s)| {
                let n_statements = self.n_statements.get(i).copied().flatten();
                (&s.path, &s.module, n_statements, s.executed.len(), s.imported_by.and_then(|unit| self.line(unit)))
            })
            .collect();
        let effects: Vec<_> = trace
            .external_uses
            .iter()
            .filter_map(|u| {
                let state = trace.externals.get(u.external.index())?;
                Some((self.line(u.unit), kind(state.kind), &state.key, access(u.access)))
            })
            .collect();
        let bindings: Vec<_> = trace
            .bindings
            .iter()
            .filter(|b| b.until.is_none())
            .map(|b| (&b.name, &b.summary, &b.fingerprint))
            .collect();
        let artifacts: Vec<_> = trace.artifacts.iter().map(|(name, unit, _)| (name, self.line(*unit))).collect();
        let of_program = trace.assumed.iter().filter(|call| call.source.index() == 0);
        let assumed: Vec<_> = of_program.map(|call| (self.line(call.statement), &call.callee)).collect();
        let dict = PyDict::new(py);
        dict.set_item("sources", sources)?;
        dict.set_item("effects", effects)?;
        dict.set_item("bindings", bindings)?;
        dict.set_item("artifacts", artifacts)?;
        dict.set_item("degraded", &trace.degraded)?;
        dict.set_item("assumed", assumed)?;
        let contradicted: Vec<_> = trace.contradicted.iter().map(|found| (&found.file, &found.callee)).collect();
        dict.set_item("contradicted", contradicted)?;
        dict.set_item("ended_by", trace.ended_by.and_then(|unit| self.line(unit)))?;
        Ok(dict)
    }
}

fn kind(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::File => "file",
        ExternalKind::Directory => "directory",
        ExternalKind::Database => "database",
        ExternalKind::Network => "network",
        ExternalKind::Environment => "environment",
        ExternalKind::Random => "random",
        ExternalKind::Clock => "clock",
        ExternalKind::Stdio => "stdio",
        ExternalKind::Process => "process",
        ExternalKind::Module => "module",
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Update => "update",
        Access::Absent => "absent",
    }
}

/// What a trace says; `texts` are those of its sources, in order.
///
/// `sources`: path, module, number of statements, how many ran, line that imported it. `effects`, in order of first
/// occurrence: line, kind, key, access. `bindings` at the end of the run: name, summary, fingerprint. `artifacts`: name,
/// line. `degraded`: reasons. `assumed`: line of the program and callee of calls of which nothing was known.
/// `contradicted`: annotation file and callee of which it is wrong. `ended_by`: line.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub fn describe_trace<'py>(py: Python<'py>, trace: &[u8], texts: Vec<String>) -> PyResult<Bound<'py, PyDict>> {
    detached(py, || Described::new(trace, &texts))?.to_python(py)
}
