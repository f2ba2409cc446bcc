//! Texts and hashes of stand-ins. The text is the expression that made the value; the hash is the value's.

use clew_trace::values::Op;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};

use super::access::plain_of;
use super::arena::Arena;
use super::numbers::{given, status};
use super::record::fact;

type Object = *mut ffi::PyObject;

unsafe extern "C" fn text(traced: Object) -> Object {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        let text = || {
            let traced = Bound::from_borrowed_ptr(py, traced);
            Ok(super::graph::text_of(&traced)?.into_pyobject(py)?.into_any().into_ptr())
        };
        given(py, text())
    }
}

unsafe extern "C" fn hash(traced: Object) -> ffi::Py_hash_t {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        let hash = || {
            let hash = plain_of(py, traced)?.hash()?;
            let object = Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromSsize_t(hash))?;
            fact(py, traced, Op::Hash, object.as_ptr())?;
            Ok(hash)
        };
        status(py, hash())
    }
}

/// The slots of this file.
pub fn slots() -> Vec<(c_int, *mut c_void)> {
    vec![
        (ffi::Py_tp_str, text as *mut c_void),
        (ffi::Py_tp_repr, text as *mut c_void),
        (ffi::Py_tp_hash, hash as *mut c_void),
    ]
}
