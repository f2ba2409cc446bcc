//! `clew._clew.Store`: the store for Python. Arguments come normalised from `clew/storing.py`; rows go out as dicts.

use clew_store::{Artifact, Cell, Collected, Criteria, FinishedRun, LogSegment, NewArtifact, NewRun, Run, RunSource};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::errors::{detached, exception};

mod describing;

/// Columns and rows of an answer.
type Answer = (Vec<String>, Vec<Vec<Py<PyAny>>>);

/// A text of the user's system, which may hold what UTF-8 cannot (names of files): that is replaced.
struct Text(String);

impl<'a, 'py> FromPyObject<'a, 'py> for Text {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.cast::<PyString>()?.to_string_lossy().into_owned()))
    }
}

fn texts(values: Vec<Text>) -> Vec<String> {
    values.into_iter().map(|t| t.0).collect()
}

/// Where the store for work in `start` is: the path, and whether it exists. With `must_exist` its absence is an error.
#[pyfunction]
#[pyo3(signature = (named, start, user=None, must_exist=false))]
#[allow(clippy::needless_pass_by_value)]
fn locate_store(
    py: Python<'_>,
    named: Option<PathBuf>,
    start: PathBuf,
    user: Option<u32>,
    must_exist: bool,
) -> PyResult<(OsString, bool)> {
    detached(py, || {
        let named = named.map(|n| n.to_string_lossy().into_owned());
        let location = clew_store::locate(named.as_deref(), &start, user)?;
        if must_exist {
            return location.existing(&start).map(|path| (path.into_os_string(), true));
        }
        Ok((location.path.into_os_string(), location.exists))
    })
}

/// The arguments with the values of secrets masked.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
fn mask_secrets(arguments: Vec<Text>) -> Vec<String> {
    clew_store::masking::masked(&texts(arguments))
}

/// A store. It holds no open file between calls.
#[pyclass(frozen, module = "clew._clew", name = "Store")]
struct PyStore {
    store: clew_store::Store,
}

#[pymethods]
impl PyStore {
    #[new]
    #[pyo3(signature = (path, create=false))]
    #[allow(clippy::needless_pass_by_value)]
    fn new(py: Python<'_>, path: PathBuf, create: bool) -> PyResult<Self> {
        let open = if create { clew_store::Store::create } else { clew_store::Store::open };
        detached(py, || open(&path)).map(|store| Self { store })
    }

    fn __repr__(&self) -> String {
        format!("Store({})", self.store.root().display())
    }

    #[getter]
    // A text: as a `Path` it would load `pathlib` into the user's process.
    fn path(&self) -> OsString {
        self.store.root().as_os_str().to_owned()
    }

    #[getter]
    fn writable(&self) -> bool {
        self.store.is_writable()
    }

    #[pyo3(signature = (*, script, argv, cwd, interpreter, python_version, detail, packages=BTreeMap::new()))]
    #[allow(clippy::too_many_arguments)]
    fn begin_run(
        &self,
        py: Python<'_>,
        script: Text,
        argv: Vec<Text>,
        cwd: Text,
        interpreter: Text,
        python_version: String,
        detail: String,
        packages: BTreeMap<String, String>,
    ) -> PyResult<String> {
        let run = NewRun {
            script: script.0,
            argv: texts(argv),
            cwd: cwd.0,
            interpreter: interpreter.0,
            python_version,
            clew_version: env!("CARGO_PKG_VERSION").to_owned(),
            packages,
            detail,
        };
        detached(py, || self.store.begin_run(&run))
    }

    #[pyo3(signature = (id, *, exit_status=None, interrupted=false, note=None, trace=None, sources=Vec::new(),
        log=Vec::new(), n_events=0, n_dropped=0, packages=BTreeMap::new()))]
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
    fn finish_run(
        &self,
        py: Python<'_>,
        id: String,
        exit_status: Option<i64>,
        interrupted: bool,
        note: Option<Text>,
        trace: Option<String>,
        sources: Vec<(Text, Text, String)>,
        log: Vec<(String, u64)>,
        n_events: u64,
        n_dropped: u64,
        packages: BTreeMap<String, String>,
    ) -> PyResult<()> {
        let source = |(source, (path, module, object)): (u32, (Text, Text, String))| RunSource {
            source,
            path: path.0,
            module: module.0,
            object,
        };
        let end = FinishedRun {
            exit_status,
            interrupted,
            note: note.map(|n| n.0),
            trace,
            sources: (0..).zip(sources).map(source).collect(),
            log: log.into_iter().map(|(object, n_events)| LogSegment { object, n_events }).collect(),
            n_events,
            n_dropped,
            packages,
        };
        detached(py, || self.store.finish_run(&id, &end))
    }

    fn put_object(&self, py: Python<'_>, data: &[u8]) -> PyResult<String> {
        detached(py, || self.store.put_object(data))
    }

    #[allow(clippy::needless_pass_by_value)]
    fn put_file(&self, py: Python<'_>, path: PathBuf) -> PyResult<String> {
        detached(py, || self.store.put_file(&path))
    }

    fn get_object<'py>(&self, py: Python<'py>, hash: &str) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = detached(py, || self.store.object(hash))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[allow(clippy::needless_pass_by_value)]
    fn copy_object(&self, py: Python<'_>, hash: &str, path: PathBuf) -> PyResult<()> {
        let mut file = std::fs::File::create(&path)?;
        detached(py, || self.store.copy_object(hash, &mut file)).map(|_| ())
    }

    fn has_object(&self, py: Python<'_>, hash: &str) -> PyResult<bool> {
        detached(py, || self.store.has_object(hash))
    }

    #[pyo3(signature = (limit=None))]
    fn runs<'py>(&self, py: Python<'py>, limit: Option<u32>) -> PyResult<Bound<'py, PyList>> {
        let runs = detached(py, || self.store.runs(limit))?;
        list(py, runs, run_dict)
    }

    fn run<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyDict>> {
        run_dict(py, detached(py, || self.store.run(name))?)
    }

    fn run_sources(&self, py: Python<'_>, id: &str) -> PyResult<Vec<(String, String, String)>> {
        let sources = detached(py, || self.store.run_sources(id))?;
        Ok(sources.into_iter().map(|s| (s.path, s.module, s.object)).collect())
    }

    fn run_log(&self, py: Python<'_>, id: &str) -> PyResult<Vec<(String, u64)>> {
        let log = detached(py, || self.store.run_log(id))?;
        Ok(log.into_iter().map(|s| (s.object, s.n_events)).collect())
    }

    fn log_path(&self, py: Python<'_>, id: &str) -> PyResult<OsString> {
        detached(py, || self.store.log_path(id)).map(PathBuf::into_os_string)
    }

    fn unfinished_log(&self, id: &str) -> Option<OsString> {
        self.store.unfinished_log(id).map(PathBuf::into_os_string)
    }

    #[pyo3(signature = (name, *, type_name, summary, run=None, unit=None, line=None, fingerprint=None, object=None))]
    #[allow(clippy::too_many_arguments)]
    fn save_artifact(
        &self,
        py: Python<'_>,
        name: String,
        type_name: Text,
        summary: Text,
        run: Option<String>,
        unit: Option<u32>,
        line: Option<u32>,
        fingerprint: Option<String>,
        object: Option<String>,
    ) -> PyResult<u32> {
        let (type_name, summary) = (type_name.0, summary.0);
        let artifact = NewArtifact { name, run, unit, line, fingerprint, type_name, summary, object };
        detached(py, || self.store.save_artifact(&artifact))
    }

    #[pyo3(signature = (*, all_versions=false))]
    fn artifacts<'py>(&self, py: Python<'py>, all_versions: bool) -> PyResult<Bound<'py, PyList>> {
        list(py, detached(py, || self.store.artifacts(all_versions))?, artifact_dict)
    }

    fn artifacts_of_run<'py>(&self, py: Python<'py>, run: &str) -> PyResult<Bound<'py, PyList>> {
        list(py, detached(py, || self.store.artifacts_of_run(run))?, artifact_dict)
    }

    #[pyo3(signature = (name, *, version=None, run=None))]
    fn artifact<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        version: Option<u32>,
        run: Option<&str>,
    ) -> PyResult<Bound<'py, PyDict>> {
        artifact_dict(py, detached(py, || self.store.artifact(name, version, run))?)
    }

    #[pyo3(signature = (*, keep=None, older_than_seconds=None, artifacts_too=false, dry_run=false, grace_seconds=None))]
    fn gc<'py>(
        &self,
        py: Python<'py>,
        keep: Option<u32>,
        older_than_seconds: Option<u64>,
        artifacts_too: bool,
        dry_run: bool,
        grace_seconds: Option<u64>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let criteria = Criteria { keep, older_than_seconds, artifacts_too, dry_run, grace_seconds };
        collected_dict(py, detached(py, || self.store.gc(&criteria))?)
    }

    fn sql(&self, py: Python<'_>, query: &str) -> PyResult<Answer> {
        let signal: Arc<Mutex<Option<PyErr>>> = Arc::default();
        let seen = Arc::clone(&signal);
        // Ctrl-C during a long query: the exception that the handler raised is kept and raised from here.
        #[allow(clippy::redundant_closure_for_method_calls)] // The method itself is not general enough a function.
        let stop = move || match Python::attach(|py| py.check_signals()) {
            Ok(()) => false,
            Err(error) => {
                seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).replace(error);
                true
            }
        };
        let answer = detached(py, || Ok::<_, clew_store::Error>(self.store.sql(query, stop)))?;
        if let Some(error) = signal.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            return Err(error);
        }
        let answer = answer.map_err(|e| exception(py, &e))?;
        let rows = answer.rows.into_iter().map(|row| row.into_iter().map(|c| cell(py, c)).collect());
        Ok((answer.columns, rows.collect::<Result<_, _>>()?))
    }

    fn tables(&self, py: Python<'_>) -> PyResult<Vec<(String, Vec<String>, u64)>> {
        let tables = detached(py, || self.store.tables())?;
        Ok(tables.into_iter().map(|t| (t.name, t.columns, t.n_rows)).collect())
    }
}

fn cell(py: Python<'_>, cell: Cell) -> Result<Py<PyAny>, Infallible> {
    Ok(match cell {
        Cell::Null => py.None(),
        Cell::Integer(number) => number.into_pyobject(py)?.into_any().unbind(),
        Cell::Real(number) => number.into_pyobject(py)?.into_any().unbind(),
        Cell::Text(text) => text.into_pyobject(py)?.into_any().unbind(),
        Cell::Blob(bytes) => PyBytes::new(py, &bytes).into_any().unbind(),
    })
}

fn list<'py, T>(
    py: Python<'py>,
    values: Vec<T>,
    convert: impl Fn(Python<'py>, T) -> PyResult<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyList>> {
    let converted: Vec<_> = values.into_iter().map(|v| convert(py, v)).collect::<PyResult<_>>()?;
    PyList::new(py, converted)
}

/// The fields of `clew.storing.Run`.
fn run_dict(py: Python<'_>, run: Run) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("id", run.id)?;
    dict.set_item("script", run.script)?;
    dict.set_item("argv", run.argv)?;
    dict.set_item("cwd", run.cwd)?;
    dict.set_item("interpreter", run.interpreter)?;
    dict.set_item("python_version", run.python_version)?;
    dict.set_item("clew_version", run.clew_version)?;
    dict.set_item("packages", run.packages)?;
    dict.set_item("detail", run.detail)?;
    dict.set_item("started", run.started)?;
    dict.set_item("ended", run.ended)?;
    dict.set_item("exit_status", run.exit_status)?;
    dict.set_item("state", run.state.as_str())?;
    dict.set_item("note", run.note)?;
    dict.set_item("trace", run.trace)?;
    dict.set_item("n_events", run.n_events)?;
    dict.set_item("pid", run.pid)?;
    dict.set_item("host", run.host)?;
    Ok(dict)
}

/// The fields of `clew.storing.Artifact`.
fn artifact_dict(py: Python<'_>, artifact: Artifact) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("name", artifact.name)?;
    dict.set_item("version", artifact.version)?;
    dict.set_item("run", artifact.run)?;
    dict.set_item("unit", artifact.unit)?;
    dict.set_item("line", artifact.line)?;
    dict.set_item("fingerprint", artifact.fingerprint)?;
    dict.set_item("type_name", artifact.type_name)?;
    dict.set_item("summary", artifact.summary)?;
    dict.set_item("object", artifact.object)?;
    dict.set_item("created", artifact.created)?;
    Ok(dict)
}

/// The fields of `clew.storing.Collected`.
fn collected_dict(py: Python<'_>, collected: Collected) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("runs", collected.runs)?;
    dict.set_item("kept_for_artifacts", collected.kept_for_artifacts)?;
    dict.set_item("n_objects", collected.n_objects)?;
    dict.set_item("n_cached", collected.n_cached)?;
    dict.set_item("n_bytes", collected.n_bytes)?;
    dict.set_item("n_young", collected.n_young)?;
    Ok(dict)
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyStore>()?;
    module.add_function(wrap_pyfunction!(describing::describe_trace, module)?)?;
    module.add_function(wrap_pyfunction!(locate_store, module)?)?;
    module.add_function(wrap_pyfunction!(mask_secrets, module)?)
}
