//! Graphs as text and pictures, and sums over event logs, for Python. Results are strings: JSON, SVG, HTML and so on.

use crate::errors::{detached, Raises};
use clew_render::{call_list, calls, chrome, render, Drawing};
use clew_trace::log::Reader;
use pyo3::prelude::*;
use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor, Read, Seek};
use std::path::PathBuf;

impl Raises for clew_render::Error {
    fn class(&self) -> &'static str {
        use clew_trace::log::Error as LogError;
        match self {
            Self::Format { .. } => "UsageError",
            Self::Graph { .. } => "InternalError",
            Self::Log(LogError::Version { .. }) => "StoreTooNew",
            Self::Log(LogError::Device(_)) => "StoreUnavailable",
            Self::Log(LogError::NotALog | LogError::Damaged { .. }) => "ObjectDamaged",
            Self::Output(_) => "ClewError",
        }
    }
}

/// An event log: a file's path, or the bytes of one.
#[derive(FromPyObject)]
enum Log {
    Bytes(Vec<u8>),
    Path(PathBuf),
}

/// What a log is read from.
trait Input: Read + Seek + Send {}
impl<T: Read + Seek + Send> Input for T {}

impl Log {
    fn open(self) -> Result<Reader<Box<dyn Input>>, clew_render::Error> {
        let input: Box<dyn Input> = match self {
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes)),
            Self::Path(path) => Box::new(BufReader::new(File::open(path).map_err(clew_trace::log::Error::from)?)),
        };
        Ok(Reader::open(input)?)
    }
}

/// The graph in a format: `dot`, `svg`, `html`, `mermaid` or `json`.
#[pyfunction]
#[pyo3(signature = (graph_json, format, title=""))]
fn render_graph(py: Python<'_>, graph_json: &str, format: &str, title: &str) -> PyResult<String> {
    detached(py, || Ok::<_, clew_render::Error>(render(&Drawing::from_json(graph_json)?, format.parse()?, title)))
}

/// Sums over the calls of a log, as JSON.
#[pyfunction]
fn calls_table(py: Python<'_>, log: Log) -> PyResult<String> {
    detached(py, || Ok::<_, clew_render::Error>(calls::table(&mut log.open()?)?.to_string()))
}

/// Fields of one call: parent, callee, arguments, number of arguments, result, exception, (path, line), thread, start and
/// duration in nanoseconds.
type CallRow = (
    Option<usize>,
    String,
    Vec<String>,
    usize,
    Option<String>,
    Option<String>,
    Option<(String, u32)>,
    u16,
    u64,
    Option<u64>,
);

/// The calls of a log one by one, the first `limit` of them.
#[pyfunction]
fn calls_list(py: Python<'_>, log: Log, limit: usize) -> PyResult<Vec<CallRow>> {
    let calls = detached(py, || {
        let mut reader = log.open()?;
        let tables = reader.tables().clone();
        call_list::list(reader.blocks(), &tables, limit)
    })?;
    let row = |call: call_list::Call| {
        let ends = (call.result, call.raised);
        let when = (call.start_ns, call.duration_ns);
        let given = (call.arguments, call.n_arguments);
        (call.parent, call.callee, given.0, given.1, ends.0, ends.1, call.place, call.thread, when.0, when.1)
    };
    Ok(calls.into_iter().map(row).collect())
}

/// The tree of the calls of a log, as JSON.
#[pyfunction]
#[pyo3(signature = (log, max_nodes=1000))]
fn calls_tree(py: Python<'_>, log: Log, max_nodes: usize) -> PyResult<String> {
    detached(py, || Ok::<_, clew_render::Error>(calls::tree(&mut log.open()?, max_nodes)?.to_string()))
}

/// Writes a log in Chrome's trace format; gives the number of calls.
#[pyfunction]
#[pyo3(signature = (log, out_path, process="", operations=false))]
#[allow(clippy::needless_pass_by_value)]
fn calls_chrome(py: Python<'_>, log: Log, out_path: PathBuf, process: &str, operations: bool) -> PyResult<u64> {
    detached(py, || {
        let mut reader = log.open()?;
        let tables = reader.tables().clone();
        let out = BufWriter::new(File::create(&out_path)?);
        let options = chrome::Options { process: process.to_owned(), operations };
        chrome::write(reader.blocks(), &tables, &options, out)
    })
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(render_graph, module)?)?;
    module.add_function(wrap_pyfunction!(calls_table, module)?)?;
    module.add_function(wrap_pyfunction!(calls_list, module)?)?;
    module.add_function(wrap_pyfunction!(calls_tree, module)?)?;
    module.add_function(wrap_pyfunction!(calls_chrome, module)?)
}
