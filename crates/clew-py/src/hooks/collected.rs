//! Calls kept as they were, for those who asked for the objects themselves: see [`crate::recorder::Recorder::collected`].

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::forward::Call;
use crate::recorder::recorder;

/// The entry of a call that is running.
pub struct Entry(Option<Py<PyList>>);

impl Entry {
    /// Adds an entry for a call by rewritten code of this recording, if calls are collected.
    ///
    /// # Safety
    /// The interpreter lock is held; the parts of the call are alive.
    pub unsafe fn begin(call: &Call, callee: *mut ffi::PyObject) -> Self {
        // SAFETY: as promised; the recorder is not borrowed when objects are made.
        unsafe {
            let same = recorder().filter(|recorder| (*call.site).recording == recorder.number);
            let Some(list) = same.and_then(|recorder| recorder.collected.as_ref()) else { return Self(None) };
            if !(*call.site).logged {
                return Self(None);
            }
            let py = Python::assume_attached();
            let list = list.clone_ref(py);
            let made = (|| {
                let value = |i| Bound::from_borrowed_ptr(py, call.argument(i));
                let positional = PyTuple::new(py, (0..call.n_args).map(value))?;
                let keywords = PyDict::new(py);
                for i in 0..call.n_keywords() {
                    let name = Bound::from_borrowed_ptr(py, ffi::PyTuple_GetItem(call.kwnames, i as isize));
                    keywords.set_item(name, value(call.n_args + i))?;
                }
                let callee = Bound::from_borrowed_ptr(py, callee);
                let parts = [callee, positional.into_any(), keywords.into_any()];
                let entry = PyList::new(py, parts)?;
                list.bind(py).append(&entry)?;
                Ok::<_, PyErr>(entry.unbind())
            })();
            Self(made.ok())
        }
    }

    /// Adds the result, if there is one.
    ///
    /// # Safety
    /// The interpreter lock is held; `result` is alive or null.
    pub unsafe fn end(self, result: *mut ffi::PyObject) {
        let Some(entry) = self.0 else { return };
        if result.is_null() {
            return;
        }
        // SAFETY: as promised. A list that cannot grow is left without the result.
        unsafe {
            let py = Python::assume_attached();
            let _ = entry.bind(py).append(Bound::from_borrowed_ptr(py, result));
        }
    }
}
