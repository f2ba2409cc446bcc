//! Calls of code that was not rewritten, as the interpreter's profile hook tells of them.
//!
//! They are in the log like all others, but only what that hook knows of them is: arguments of C functions are not, nor
//! are their results.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use pyo3::Borrowed;
use rustc_hash::FxHashMap;

use super::Events;
use crate::recorder::recorder;

/// Where calls came from.
#[derive(Default)]
pub struct Places {
    sources: FxHashMap<String, u32>,
    sites: FxHashMap<(u32, u32), u32>,
}

impl Events {
    /// The number of the site at a line of a file.
    fn place(&mut self, path: &str, line: u32) -> u32 {
        let known = self.watched.sources.get(path).copied();
        let source = known.unwrap_or_else(|| {
            let source = self.add_source(path);
            self.watched.sources.insert(path.to_owned(), source);
            source
        });
        if let Some(&site) = self.watched.sites.get(&(source, line)) {
            return site;
        }
        let site = self.add_site(source, 0, line, 0);
        self.watched.sites.insert((source, line), site);
        site
    }
}

/// Logs that a call begins at a line. The callee is an object, or its name. Gives what [`call_ended`] asks for, or
/// nothing where calls are not logged.
#[pyfunction]
fn call_began(path: &str, line: u32, callee: &Bound<'_, PyAny>, arguments: &Bound<'_, PyTuple>) -> Option<(u32, u32)> {
    // SAFETY: the lock is held; the objects are alive, and no Python code runs here.
    unsafe {
        let recorder = recorder().filter(|recorder| !recorder.resolving)?;
        let events = recorder.events.as_mut()?;
        let site = events.place(path, line);
        let arguments: Vec<*mut ffi::PyObject> = arguments.iter_borrowed().map(Borrowed::as_ptr).collect();
        let name = match callee.cast::<PyString>() {
            Ok(name) => events.name(&name.to_string_lossy()),
            Err(_) => events.foreign(callee.as_ptr()),
        };
        events.begin_named(site, name, std::ptr::null_mut(), arguments.as_ptr(), arguments.len());
        Some((site, name))
    }
}

/// Logs that the call ended: `result` is a tuple with the result or the exception, empty where it is not known.
#[pyfunction]
#[pyo3(signature = (call, result, raised=false))]
fn call_ended(call: (u32, u32), result: &Bound<'_, PyTuple>, raised: bool) {
    // SAFETY: the lock is held; the objects are alive.
    unsafe {
        let Some(events) = recorder().and_then(|recorder| recorder.events.as_mut()) else { return };
        match result.iter_borrowed().next() {
            Some(error) if raised => {
                let kind = ffi::Py_TYPE(error.as_ptr()).cast();
                events.end_named(call.0, call.1, std::ptr::null_mut(), kind);
            }
            None if raised => events.end_named(call.0, call.1, std::ptr::null_mut(), std::ptr::null_mut()),
            Some(value) => events.end_named(call.0, call.1, value.as_ptr(), std::ptr::null_mut()),
            None => events.end_unknown(call.0, call.1),
        }
    }
}

/// Adds this module's functions to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(call_began, module)?)?;
    module.add_function(wrap_pyfunction!(call_ended, module)?)
}
