//! Attributes and items of stand-ins.

use clew_trace::values::{Kind, Op};
use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::ffi::{c_int, c_void};

use super::arena::{arena, Arena, Operation};
use super::deep;
use super::numbers::{given, status};
use super::object::{boxed, is_traced, node_of, taken, value_of};
use super::record::{before_change, changing, facts, operand, record_reading};
use super::wrapped::{property_value, special as special_method};
use super::{calls, functions};

type Object = *mut ffi::PyObject;

/// What a stand-in stands for, as a plain object.
pub unsafe fn plain_of(py: Python<'_>, traced: Object) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: a stand-in, whose value is alive.
    unsafe { Bound::from_owned_ptr_or_err(py, boxed(value_of(traced))) }
}

unsafe extern "C" fn getattro(traced: Object, name: Object) -> Object {
    // SAFETY: called by the interpreter with a stand-in and a text.
    unsafe {
        let py = Python::assume_attached();
        given(py, read_attribute(py, traced, name))
    }
}

unsafe fn read_attribute(py: Python<'_>, traced: Object, name: Object) -> PyResult<Object> {
    // SAFETY: as for `getattro`.
    unsafe {
        Arena::tidy();
        let bound_name = Bound::from_borrowed_ptr(py, name);
        let text = bound_name.cast::<PyString>().map_err(PyErr::from)?.to_str()?;
        if text.starts_with("__") && text.ends_with("__") {
            return special(py, traced, name, text);
        }
        let plain = plain_of(py, traced)?;
        if let Some(value) = property_value(&Bound::from_borrowed_ptr(py, traced), &plain, text)? {
            return Ok(value.into_ptr());
        }
        let found = plain.getattr(bound_name.cast::<PyString>().map_err(PyErr::from)?)?;
        if let Some(method) = calls::method_of(py, traced, text, &plain, &found)? {
            return Ok(method);
        }
        let label = arena().attribute(&bound_name, text);
        let inputs = [node_of(traced)];
        let operation = Operation { label, ..Operation::new(Kind::GetAttr, Op::None, &inputs) };
        record_reading(py, operation, taken(found.into_ptr()))
    }
}

/// Special attributes are the plain value's own: the interpreter and libraries ask for them to find out what they have.
unsafe fn special(py: Python<'_>, traced: Object, name: Object, text: &str) -> PyResult<Object> {
    // SAFETY: as for `getattro`.
    unsafe {
        if text == "__pandas_priority__" {
            return Ok(ffi::PyLong_FromLong(1 << 20));
        }
        if functions::is_method(text) {
            let found = ffi::PyObject_GenericGetAttr(traced, name);
            return if found.is_null() { Err(PyErr::fetch(py)) } else { Ok(found) };
        }
        // A library that finds one of these takes the memory of the value without asking for its operations.
        if text.starts_with("__array") || text.starts_with("__cuda_array") || text.starts_with("__dlpack") {
            return Err(PyAttributeError::new_err(format!("a traced value has no attribute '{text}'")));
        }
        let plain = plain_of(py, traced)?;
        Ok(plain.getattr(text)?.into_ptr())
    }
}

unsafe extern "C" fn setattro(traced: Object, name: Object, value: Object) -> c_int {
    // SAFETY: called by the interpreter with a stand-in, a text, and an object or null.
    unsafe {
        let py = Python::assume_attached();
        status(py, write_attribute(py, traced, name, value).map(|()| 0))
    }
}

unsafe fn write_attribute(py: Python<'_>, traced: Object, name: Object, value: Object) -> PyResult<()> {
    // SAFETY: as for `setattro`.
    unsafe {
        Arena::tidy();
        let bound_name = Bound::from_borrowed_ptr(py, name);
        let key = bound_name.cast::<PyString>().map_err(PyErr::from)?;
        let plain = plain_of(py, traced)?;
        before_change(py, traced)?;
        let (kind, input) = if value.is_null() {
            plain.delattr(key)?;
            (Kind::DelAttr, None)
        } else {
            let value = Bound::from_borrowed_ptr(py, value);
            plain.setattr(key, deep::untraced(&value)?)?;
            (Kind::SetAttr, Some(value))
        };
        let mut inputs = vec![node_of(traced)];
        if let Some(value) = &input {
            inputs.push(operand(py, value.as_ptr())?);
        }
        inputs[0] = node_of(traced);
        let label = arena().nodes.name(key.to_str()?);
        let changed = changing(py, Operation { label, ..Operation::new(kind, Op::None, &inputs) }, plain.as_ptr())?;
        ffi::Py_DECREF(changed);
        Ok(())
    }
}

unsafe extern "C" fn subscript(traced: Object, key: Object) -> Object {
    // SAFETY: called by the interpreter with live objects.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        let read = || {
            let key = Bound::from_borrowed_ptr(py, key);
            let plain = plain_of(py, traced)?;
            if let Some(found) = special_method(&Bound::from_borrowed_ptr(py, traced), &plain, "__getitem__", &[&key])?
            {
                return Ok(found.into_ptr());
            }
            let found = plain.get_item(deep::untraced(&key)?)?;
            let key = operand(py, key.as_ptr())?;
            record_reading(
                py,
                Operation::new(Kind::GetItem, Op::None, &[node_of(traced), key]),
                taken(found.into_ptr()),
            )
        };
        given(py, read())
    }
}

unsafe extern "C" fn set_subscript(traced: Object, key: Object, value: Object) -> c_int {
    // SAFETY: called by the interpreter with live objects; the value may be null.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        status(py, write_item(py, traced, key, value).map(|()| 0))
    }
}

unsafe fn write_item(py: Python<'_>, traced: Object, key: Object, value: Object) -> PyResult<()> {
    // SAFETY: as for `set_subscript`.
    unsafe {
        let plain = plain_of(py, traced)?;
        let key = Bound::from_borrowed_ptr(py, key);
        let this = Bound::from_borrowed_ptr(py, traced);
        let value_given = Bound::from_borrowed_ptr_or_opt(py, value);
        let done = match &value_given {
            Some(value) => special_method(&this, &plain, "__setitem__", &[&key, value])?,
            None => special_method(&this, &plain, "__delitem__", &[&key])?,
        };
        if done.is_some() {
            return Ok(());
        }
        let plain_key = deep::untraced(&key)?;
        before_change(py, traced)?;
        let changed = if value.is_null() {
            plain.del_item(plain_key)?;
            let key = operand(py, key.as_ptr())?;
            changing(py, Operation::new(Kind::DelItem, Op::None, &[node_of(traced), key]), plain.as_ptr())?
        } else {
            let value = Bound::from_borrowed_ptr(py, value);
            plain.set_item(plain_key, deep::untraced(&value)?)?;
            let pinned = super::arena::Pinned::new();
            let inputs = [node_of(traced), operand(py, key.as_ptr())?, operand(py, value.as_ptr())?];
            drop(pinned);
            changing(py, Operation::new(Kind::SetItem, Op::None, &inputs), plain.as_ptr())?
        };
        ffi::Py_DECREF(changed);
        Ok(())
    }
}

unsafe extern "C" fn length(traced: Object) -> ffi::Py_ssize_t {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        let measure = || {
            let n = plain_of(py, traced)?.len()?;
            let value = n.into_pyobject(py).map_err(|error| PyTypeError::new_err(error.to_string()))?;
            super::record::fact(py, traced, Op::Len, value.as_ptr())?;
            Ok(n as ffi::Py_ssize_t)
        };
        status(py, measure())
    }
}

unsafe extern "C" fn contains(traced: Object, item: Object) -> c_int {
    // SAFETY: called by the interpreter with live objects.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        let look = || {
            let item = Bound::from_borrowed_ptr(py, item);
            let found = plain_of(py, traced)?.contains(deep::untraced(&item)?)?;
            let item = operand(py, item.as_ptr())?;
            let truth = if found { ffi::Py_True() } else { ffi::Py_False() };
            facts(py, Op::Contains, &[node_of(traced), item], truth)?;
            Ok(c_int::from(found))
        };
        status(py, look())
    }
}

/// Whether an object is a stand-in: for Python code.
pub fn is_stand_in(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object.
    unsafe { is_traced(object.as_ptr()) }
}

/// The slots of this file.
pub fn slots() -> Vec<(c_int, *mut c_void)> {
    vec![
        (ffi::Py_tp_getattro, getattro as *mut c_void),
        (ffi::Py_tp_setattro, setattro as *mut c_void),
        (ffi::Py_mp_subscript, subscript as *mut c_void),
        (ffi::Py_mp_ass_subscript, set_subscript as *mut c_void),
        (ffi::Py_mp_length, length as *mut c_void),
        (ffi::Py_sq_contains, contains as *mut c_void),
    ]
}
