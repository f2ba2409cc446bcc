//! Iteration over stand-ins: iterators, their steps, and awaiting.

use clew_trace::values::{Kind, Op, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use super::access::plain_of;
use super::arena::{arena, Arena, Operation};
use super::calls;
use super::numbers::given;
use super::object::{is_traced, node_of, taken};
use super::record::{changes_of, facts, record, record_reading};
use super::wrapped::{special, traced_attribute};

type Object = *mut ffi::PyObject;

unsafe extern "C" fn iter(traced: Object) -> Object {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        let begin = || {
            let plain = plain_of(py, traced)?;
            if let Some(iterator) = special(&Bound::from_borrowed_ptr(py, traced), &plain, "__iter__", &[])? {
                return Ok(iterator.into_ptr());
            }
            let iterator = plain.try_iter()?;
            record_reading(
                py,
                Operation::new(Kind::Iter, Op::None, &[node_of(traced)]),
                Value::Object(iterator.into_ptr() as u64),
            )
        };
        given(py, begin())
    }
}

unsafe extern "C" fn next(traced: Object) -> Object {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        given(py, step(py, traced))
    }
}

/// One step of an iterator. Null without an exception is its end, which becomes a fact.
unsafe fn step(py: Python<'_>, traced: Object) -> PyResult<Object> {
    // SAFETY: as for `next`.
    unsafe {
        let iterator = plain_of(py, traced)?;
        if let Some(method) = traced_attribute(&iterator, "__next__") {
            return match method.call1((Bound::from_borrowed_ptr(py, traced),)) {
                Err(error) if error.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => Ok(null_mut()),
                result => Ok(result?.into_ptr()),
            };
        }
        let Some(advance) = (*ffi::Py_TYPE(iterator.as_ptr())).tp_iternext else {
            let name = iterator.get_type().name()?;
            return Err(pyo3::exceptions::PyTypeError::new_err(format!("'{name}' object is not an iterator")));
        };
        let value = advance(iterator.as_ptr());
        if value.is_null() {
            if ffi::PyErr_Occurred().is_null() || ffi::PyErr_ExceptionMatches(ffi::PyExc_StopIteration) != 0 {
                ffi::PyErr_Clear();
                facts(py, Op::Exhausted, &[node_of(traced)], ffi::Py_True())?;
                return Ok(null_mut());
            }
            return Err(PyErr::fetch(py));
        }
        let inputs = [node_of(traced)];
        let after = changes_of(&inputs);
        let operation = Operation { after: &after, ..Operation::new(Kind::Next, Op::None, &inputs) };
        let result = record(py, operation, taken(value))?;
        // An interpreter may have given something else.
        if is_traced(result) {
            arena().changed(iterator.as_ptr() as usize, node_of(result));
        }
        Ok(result)
    }
}

unsafe extern "C" fn awaited(traced: Object) -> Object {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        given(py, calls::steps_of_await(py, traced))
    }
}

/// The slots of this file.
pub fn slots() -> Vec<(c_int, *mut c_void)> {
    vec![
        (ffi::Py_tp_iter, iter as *mut c_void),
        (ffi::Py_tp_iternext, next as *mut c_void),
        (ffi::Py_am_await, awaited as *mut c_void),
    ]
}
