//! From source to code that records: rewrite, compile, put the hooks in, put the columns back.

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyComplex, PyDict, PyList, PyTuple};

use std::cell::RefCell;

use clew_syntax::hooks::{placeholder, Hook, COVERAGE, PLACEHOLDER_BASE};
use clew_syntax::positions::{remap_linetable, PositionMap};
use clew_syntax::rewrite::{instrument, Detail, Instrumented, Options};

use clew_trace::StatementId;

use crate::cache::{Cache, Prepared};
use crate::hooks::site::Site;
use crate::hooks::{erasing, make, SourceParts};
use crate::importing::without_compiler_warnings;
use crate::recorder::events::native::CallPlace;
use crate::recorder::events::Events;
use crate::recorder::units::{current_unit, hot};
use crate::recorder::{nesting, recorder, LoadedSource};

fn text_of(source: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = source.extract::<String>() {
        return Ok(text);
    }
    let bytes = source.cast::<PyBytes>().map_err(|_| PyValueError::new_err("source must be str or bytes"))?;
    let raw = bytes.as_bytes();
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let head_end = raw.iter().enumerate().filter(|(_, b)| **b == b'\n').nth(1).map_or(raw.len(), |(i, _)| i);
    let declares = raw[..head_end].windows(6).any(|word| word == b"coding");
    if !declares {
        if let Ok(text) = std::str::from_utf8(raw) {
            return Ok(text.to_owned());
        }
    }
    let py = source.py();
    let reader = py.import("io")?.getattr("BytesIO")?.call1((bytes,))?;
    let found = py.import("tokenize")?.getattr("detect_encoding")?.call1((reader.getattr("readline")?,))?;
    let encoding: String = found.get_item(0)?.extract()?;
    bytes.call_method1("decode", (encoding,))?.extract()
}

fn compile<'py>(py: Python<'py>, source: &Bound<'py, PyAny>, filename: &str) -> PyResult<Bound<'py, PyAny>> {
    let options = PyDict::new(py);
    options.set_item("dont_inherit", true)?;
    py.import("builtins")?.getattr("compile")?.call((source, filename, "exec"), Some(&options))
}

/// Compiles rewritten text, of which the compiler's warnings are not the program's: placeholders are called and
/// subscripted as no program does. The program's own are given when the source is compiled as it is.
fn compile_rewritten<'py>(py: Python<'py>, text: &str, filename: &str) -> PyResult<Bound<'py, PyAny>> {
    let text = pyo3::types::PyString::new(py, text);
    without_compiler_warnings(py, || compile(py, text.as_any(), filename))
}

/// Whether a constant is a code object.
fn is_code(constant: &Bound<'_, PyAny>) -> bool {
    // SAFETY: comparing the type of a live object.
    unsafe { ffi::Py_TYPE(constant.as_ptr()) == &raw mut ffi::PyCode_Type }
}

fn constants<'py>(code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    Ok(code.getattr("co_consts")?.cast_into::<PyTuple>()?)
}

/// The same code with the columns of the original source, inside out.
fn with_columns<'py>(code: &Bound<'py, PyAny>, map: &PositionMap) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let inner: Vec<Bound<'py, PyAny>> = constants(code)?
        .iter()
        .map(|constant| if is_code(&constant) { with_columns(&constant, map) } else { Ok(constant) })
        .collect::<PyResult<_>>()?;
    let table_object = code.getattr("co_linetable")?;
    let first_line: i32 = code.getattr("co_firstlineno")?.extract()?;
    let linetable = remap_linetable(table_object.cast::<PyBytes>()?.as_bytes(), first_line, map);
    let changes = PyDict::new(py);
    changes.set_item("co_consts", PyTuple::new(py, inner)?)?;
    changes.set_item("co_linetable", PyBytes::new(py, &linetable))?;
    code.call_method("replace", (), Some(&changes))
}

/// The same code with hooks for placeholders, inside out. Every new code object is noted as user code.
fn with_hooks<'py>(code: &Bound<'py, PyAny>, made: &Made<'_>, codes: &mut Vec<usize>) -> PyResult<Bound<'py, PyAny>> {
    let py = code.py();
    let old = constants(code)?;
    let mut new = Vec::with_capacity(old.len());
    for constant in old.iter() {
        if let Some(index) = made.index(&constant) {
            // SAFETY: the object is alive: the caller holds a reference.
            new.push(unsafe { Bound::from_borrowed_ptr(py, made.objects[index]) });
            continue;
        }
        new.push(if is_code(&constant) { with_hooks(&constant, made, codes)? } else { constant });
    }
    let changes = PyDict::new(py);
    changes.set_item("co_consts", PyTuple::new(py, new)?)?;
    let new = code.call_method("replace", (), Some(&changes))?;
    codes.push(new.as_ptr() as usize);
    let meanings = erasing::constants(&old, |constant| made.index(constant).map(|index| &made.hooks[index]));
    // SAFETY: the lock is held; reading attributes of a code object runs no code of the program.
    if let Some(recorder) = unsafe { recorder() } {
        recorder.erasing.add(&new, &meanings, made.coverage, made.entered)?;
        if let Some(events) = recorder.events.as_mut() {
            add_calls(events, &new, &old, made)?;
        }
    }
    Ok(new)
}

/// Tells the log what a code object has to do with calls that the interpreter carries out itself.
fn add_calls(
    events: &mut Events,
    code: &Bound<'_, PyAny>,
    placeholders: &Bound<'_, PyTuple>,
    made: &Made<'_>,
) -> PyResult<()> {
    let constants = code.getattr("co_consts")?.as_ptr() as usize;
    for index in placeholders.iter().filter_map(|constant| made.index(&constant)) {
        match &made.hooks[index] {
            Hook::Began { .. } => events.natives.add_function(code.as_ptr() as usize),
            Hook::Ended { end, n_args, is_method, .. } => {
                // SAFETY: the hook is a function whose `self` is its site.
                let event_site = unsafe { (*ffi::PyCFunction_GetSelf(made.objects[index]).cast::<Site>()).event_site };
                let (n_args, is_method) = (*n_args as u16, *is_method);
                events.natives.add_place(constants, end.line, end.column, CallPlace { event_site, n_args, is_method });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The objects made for the hooks of a source.
struct Made<'a> {
    hooks: &'a [Hook],
    objects: &'a [*mut ffi::PyObject],
    coverage: *mut ffi::PyObject,
    entered: *mut ffi::PyObject,
}

impl Made<'_> {
    /// The hook for which a constant stands.
    fn index(&self, constant: &Bound<'_, PyAny>) -> Option<usize> {
        let is_complex = constant.is_exact_instance_of::<PyComplex>();
        is_complex.then(|| placeholder_index(constant, self.objects.len())).flatten()
    }
}

fn placeholder_index(constant: &Bound<'_, PyAny>, n_hooks: usize) -> Option<usize> {
    // SAFETY: the caller checked that it is a complex number.
    let (real, imaginary) =
        unsafe { (ffi::PyComplex_RealAsDouble(constant.as_ptr()), ffi::PyComplex_ImagAsDouble(constant.as_ptr())) };
    let base = PLACEHOLDER_BASE as f64;
    let inside = real == 0.0 && imaginary >= base && imaginary < base + n_hooks as f64;
    inside.then_some((imaginary - base) as usize)
}

/// Names of attributes that the source stores to, so that instances may hide methods of these names.
fn stored_attributes(rewritten: &Instrumented) -> Vec<String> {
    let hooked = rewritten.hooks.iter().filter_map(|hook| match hook {
        Hook::Write { key, .. } => *key,
        _ => None,
    });
    let table = &rewritten.table;
    let unhooked = rewritten.stores.iter().flat_map(|statement| table.statement(*statement).mentions.iter().copied());
    hooked.chain(unhooked).map(|name| table.name(name).to_owned()).collect()
}

/// Statements that carry a mark: `M(0)` hooks, and stores to the coverage list.
fn marked(rewritten: &Instrumented) -> Vec<StatementId> {
    let mut all: Vec<StatementId> = rewritten
        .hooks
        .iter()
        .filter_map(|hook| match hook {
            Hook::Mark(statement) => Some(*statement),
            _ => None,
        })
        .collect();
    let store = format!("{}[", placeholder(COVERAGE));
    for edit in &rewritten.edits {
        for (at, _) in edit.text.match_indices(&store) {
            let digits = edit.text[at + store.len()..].split(']').next().unwrap_or_default();
            all.extend(digits.parse().ok().map(StatementId));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn list_of_none(py: Python<'_>, length: usize) -> PyResult<*mut ffi::PyObject> {
    Ok(PyList::new(py, (0..length.max(1)).map(|_| py.None()))?.into_ptr())
}

/// Rewrites and compiles a source, or takes what was kept of it.
fn prepare(
    py: Python<'_>,
    text: &str,
    filename: &str,
    options: Options,
    cache: Option<&Cache>,
) -> PyResult<(Prepared, Py<PyAny>)> {
    let marshal = py.import("marshal")?;
    let key = cache.map(|cache| (cache, Cache::key(text, filename, options)));
    if let Some(prepared) = key.as_ref().and_then(|(cache, key)| cache.find(key)) {
        if let Ok(code) = marshal.call_method1("loads", (PyBytes::new(py, &prepared.code),)) {
            return Ok((prepared, code.unbind()));
        }
    }
    let rewritten = std::panic::catch_unwind(|| instrument(text, &options))
        .map_err(|_| PyValueError::new_err("the rewriter failed"))?
        .map_err(|problem| PyValueError::new_err(problem.to_string()))?;
    let compiled = compile_rewritten(py, &rewritten.text, filename)?;
    let map = PositionMap::new(text, &rewritten.text, &rewritten.edits);
    let code = with_columns(&compiled, &map)?;
    let mut prepared = Prepared {
        marked: marked(&rewritten),
        stored_attributes: stored_attributes(&rewritten),
        hooks: rewritten.hooks,
        stores: rewritten.stores,
        table: rewritten.table,
        code: Vec::new(),
    };
    if let Some((cache, key)) = key {
        prepared.code = marshal.call_method1("dumps", (&code,))?.extract()?;
        cache.keep(&key, &prepared);
    }
    Ok((prepared, code.unbind()))
}

/// Puts a rewritten source into the recording and makes its code.
fn install(
    py: Python<'_>,
    prepared: Prepared,
    code: &Bound<'_, PyAny>,
    text: String,
    filename: &str,
    module: &str,
    is_main: bool,
) -> PyResult<Py<PyAny>> {
    let n_statements = prepared.table.statements.len();
    let coverage = list_of_none(py, n_statements)?;
    let entered = list_of_none(py, prepared.table.scopes.len())?;
    let units: Vec<*mut ffi::PyObject> = (0..n_statements)
        // SAFETY: the lock is held; the references go to the sites and the code.
        .map(|i| if is_main { unsafe { ffi::PyLong_FromLong(i as std::ffi::c_long) } } else { std::ptr::null_mut() })
        .collect();
    let imported_by = current_unit();
    // SAFETY: the lock is held; no Python code runs while the recorder is borrowed.
    let (objects, place) = unsafe {
        let recorder = recorder().ok_or_else(|| PyValueError::new_err("no recording is running"))?;
        recorder.types.clear();
        recorder.stored_attributes.extend(prepared.stored_attributes);
        // The program comes first, also where its package was imported before it (`-m`).
        let place = if is_main { 0 } else { recorder.sources.len() };
        let number = nesting::next_source();
        let log_source = recorder.events.as_mut().map_or(0, |events| events.add_source(filename));
        let parts = SourceParts {
            recording: recorder.number,
            source: number,
            log_source,
            table: &prepared.table,
            is_main,
            coverage,
            entered,
            units: &units,
            event_sites: RefCell::new(Vec::with_capacity(prepared.hooks.len())),
        };
        let state = (*hot()).state_list;
        let (mut objects, mut sites) = (Vec::new(), Vec::new());
        for hook in &prepared.hooks {
            let (object, site) = make(recorder, &parts, hook, state);
            if object.is_null() {
                return Err(PyErr::fetch(py));
            }
            objects.push(object);
            if !site.is_null() {
                sites.push(site);
            }
        }
        let loaded = LoadedSource {
            number,
            path: filename.to_owned(),
            module: module.to_owned(),
            text,
            table: prepared.table,
            coverage,
            entered,
            sites,
            code: std::ptr::null_mut(),
            imported_by,
            marked: prepared.marked,
            touching: prepared.stores,
        };
        recorder.sources.insert(place, loaded);
        (objects, place)
    };
    let mut codes = Vec::new();
    let made = Made { hooks: &prepared.hooks, objects: &objects, coverage, entered };
    let patched = with_hooks(code, &made, &mut codes)?;
    // SAFETY: the lock is held; references of `objects` and `units` are now held by code and sites.
    unsafe {
        for object in objects {
            ffi::Py_DECREF(object);
        }
        for unit in units {
            ffi::Py_XDECREF(unit);
        }
        if let Some(recorder) = recorder() {
            recorder.user_codes.extend(codes);
            recorder.sources[place].code = patched.clone().into_ptr();
        }
    }
    Ok(patched.unbind())
}

/// Compiles `source` so that it records.
///
/// What cannot be rewritten is compiled as it is; what is not Python raises the interpreter's own `SyntaxError`.
#[pyfunction]
#[pyo3(signature = (source, filename, module="__main__", is_main=true, detail="statement", cache_dir=None))]
fn load(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    filename: &str,
    module: &str,
    is_main: bool,
    detail: &str,
    cache_dir: Option<&str>,
) -> PyResult<Py<PyAny>> {
    let detail = match detail {
        "call" => Detail::Call,
        "op" => Detail::Op,
        _ => Detail::Statement,
    };
    let Ok(text) = text_of(source) else { return compile(py, source, filename).map(Bound::unbind) };
    let minor = py.version_info().minor;
    let options = Options { is_main, detail, minor, native_calls: logs_native_calls() };
    let cache = cache_dir.map(Cache::at);
    let done = prepare(py, &text, filename, options, cache.as_ref())
        .and_then(|(prepared, code)| install(py, prepared, code.bind(py), text, filename, module, is_main));
    match done {
        Ok(code) => Ok(code),
        Err(error) => {
            let plain = compile(py, source, filename)?;
            degrade(&format!("{filename} could not be instrumented and ran as it was ({error})"));
            Ok(plain.unbind())
        }
    }
}

/// Whether calls of user code may be left to the interpreter: when they are only logged, and frames can be read.
fn logs_native_calls() -> bool {
    // SAFETY: called with the interpreter lock held, from `load`.
    let Some(recorder) = (unsafe { recorder() }) else { return false };
    recorder.events.as_ref().is_some_and(|events| events.natives.is_on())
}

fn degrade(reason: &str) {
    // SAFETY: called with the interpreter lock held, from `load`.
    if let Some(recorder) = unsafe { recorder() } {
        recorder.degrade(reason);
    }
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(load, module)?)
}
