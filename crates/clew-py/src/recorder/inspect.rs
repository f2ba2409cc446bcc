//! What an object and its type tell of themselves without running user code.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::ffi::CStr;

/// Whether values of this type refer to nothing and never change.
///
/// # Safety
/// `tp` is a live type.
#[inline]
pub unsafe fn is_atom(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: comparing addresses of static types.
    unsafe {
        tp == &raw mut ffi::PyLong_Type
            || tp == &raw mut ffi::PyFloat_Type
            || tp == &raw mut ffi::PyUnicode_Type
            || tp == &raw mut ffi::PyBool_Type
            || tp == ffi::Py_TYPE(ffi::Py_None())
            || tp == &raw mut ffi::PyComplex_Type
            || tp == &raw mut ffi::PyBytes_Type
            || tp == &raw mut ffi::PyRange_Type
            || tp == &raw mut ffi::PySlice_Type
            || tp == &raw mut ffi::PyEllipsis_Type
    }
}

/// The name of a type as its maker wrote it (for types of C code with the module before it).
///
/// # Safety
/// `tp` is a live type, and is so as long as the name is used.
pub unsafe fn type_name<'a>(tp: *mut ffi::PyTypeObject) -> &'a [u8] {
    // SAFETY: names of live types are C strings.
    unsafe { CStr::from_ptr((*tp).tp_name) }.to_bytes()
}

/// The first of the type and those it descends from whose name is accepted, or null.
///
/// # Safety
/// `tp` is a live type.
pub unsafe fn base_named(tp: *mut ffi::PyTypeObject, accepts: impl Fn(&[u8]) -> bool) -> *mut ffi::PyTypeObject {
    let mut base = tp;
    // SAFETY: bases of a live type are live.
    unsafe {
        while !base.is_null() && !accepts(type_name(base)) {
            base = (*base).tp_base;
        }
    }
    base
}

/// Whether the type or one it descends from has this name.
///
/// # Safety
/// `tp` is a live type.
pub unsafe fn is_named(tp: *mut ffi::PyTypeObject, name: &[u8]) -> bool {
    // SAFETY: as promised.
    unsafe { !base_named(tp, |found| found == name).is_null() }
}

/// An attribute that the object itself keeps alive (borrowed), or null where it has none or `None`.
///
/// # Safety
/// The interpreter lock is held; `object` is alive and of a library's type, whose attribute runs no user code.
pub unsafe fn kept_attribute(object: *mut ffi::PyObject, name: &CStr) -> *mut ffi::PyObject {
    // SAFETY: as promised; errors are cleared.
    unsafe {
        let value = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
            return value;
        }
        ffi::Py_DECREF(value);
        if value == ffi::Py_None() {
            std::ptr::null_mut()
        } else {
            value
        }
    }
}

/// `__module__` of a type, or nothing.
///
/// # Safety
/// The interpreter lock is held and `tp` is a live type.
pub unsafe fn module_of(tp: *mut ffi::PyTypeObject) -> String {
    // SAFETY: as promised.
    unsafe { text_attribute(tp.cast(), c"__module__") }
}

/// The text of an attribute, or nothing.
///
/// # Safety
/// The interpreter lock is held; `object` is alive and of a type whose attribute runs no user code.
unsafe fn text_attribute(object: *mut ffi::PyObject, name: &CStr) -> String {
    // SAFETY: errors are cleared; the string is copied.
    unsafe {
        let value = ffi::PyObject_GetAttrString(object, name.as_ptr());
        if value.is_null() {
            ffi::PyErr_Clear();
            return String::new();
        }
        let text = text_of(value);
        ffi::Py_DECREF(value);
        text
    }
}

/// The text of a `str` object, or nothing.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn text_of(object: *mut ffi::PyObject) -> String {
    // SAFETY: the buffer belongs to the string and is copied at once.
    unsafe {
        if ffi::PyUnicode_Check(object) == 0 {
            return String::new();
        }
        let mut length = 0;
        let bytes = ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length);
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return String::new();
        }
        String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize)).into_owned()
    }
}

/// The function behind a callable: of a bound method, that which it binds.
unsafe fn unbound(callable: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a live object.
    let function = unsafe { crate::hooks::callee::bound_function(callable) };
    if function.is_null() {
        callable
    } else {
        function
    }
}

/// What tells callables apart that outlive each call: the definition of a C function, or the object itself.
///
/// # Safety
/// The interpreter lock is held and `callable` is alive.
pub unsafe fn callable_identity(callable: *mut ffi::PyObject) -> usize {
    // SAFETY: the type is checked before the cast.
    unsafe {
        if ffi::PyCFunction_Check(callable) != 0 {
            return (*callable.cast::<ffi::PyCFunctionObject>()).m_ml as usize;
        }
        unbound(callable) as usize
    }
}

/// The name of a callable with its module, as far as they can be had without user code.
///
/// # Safety
/// The interpreter lock is held and `callable` is alive.
pub unsafe fn callable_name(callable: *mut ffi::PyObject) -> String {
    // SAFETY: the types are checked before the casts; the attributes are those of the interpreter's own types.
    unsafe {
        let function = unbound(callable);
        let tp = ffi::Py_TYPE(function);
        let is_plain = tp == &raw mut ffi::PyFunction_Type
            || ffi::PyCFunction_Check(function) != 0
            || tp == &raw mut ffi::PyType_Type
            || tp == &raw mut ffi::PyMethodDescr_Type;
        if !is_plain {
            return String::from_utf8_lossy(type_name(tp)).into_owned();
        }
        let (module, name) = (text_attribute(function, c"__module__"), text_attribute(function, c"__qualname__"));
        if module.is_empty() {
            name
        } else {
            format!("{module}.{name}")
        }
    }
}
