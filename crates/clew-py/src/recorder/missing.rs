//! Items that `collections.defaultdict` adds when they are loaded.
//!
//! Its `__missing__` is a C function behind a method definition, through which every way to it goes. While a recording
//! runs, the definition names a function of ours, which calls the other and notes that the dictionary was written.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::sync::OnceLock;

use super::recorder;
use super::units::current_unit;
use super::writes::{Strength, WHOLE};

/// `PyMethodDescrObject`, up to its definition.
#[repr(C)]
struct MethodDescriptor {
    head: ffi::PyObject,
    class: *mut ffi::PyTypeObject,
    name: *mut ffi::PyObject,
    qualified_name: *mut ffi::PyObject,
    definition: *mut ffi::PyMethodDef,
}

struct Original {
    definition: *mut ffi::PyMethodDef,
    function: ffi::PyCFunction,
}
// SAFETY: static data of a builtin module, used with the interpreter lock held.
unsafe impl Send for Original {}
// SAFETY: as above.
unsafe impl Sync for Original {}

static ORIGINAL: OnceLock<Option<Original>> = OnceLock::new();

fn original() -> Option<&'static Original> {
    // SAFETY: called with the interpreter lock held; the type of the descriptor is checked before the cast.
    ORIGINAL
        .get_or_init(|| unsafe {
            let module = ffi::PyImport_ImportModule(c"_collections".as_ptr());
            if module.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            let class = ffi::PyObject_GetAttrString(module, c"defaultdict".as_ptr());
            ffi::Py_DECREF(module);
            if class.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            let method = ffi::PyObject_GetAttrString(class, c"__missing__".as_ptr());
            ffi::Py_DECREF(class);
            if method.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            let found = (ffi::Py_TYPE(method) == &raw mut ffi::PyMethodDescr_Type)
                .then(|| (*method.cast::<MethodDescriptor>()).definition)
                .filter(|definition| (**definition).ml_flags == ffi::METH_O)
                .map(|definition| Original { definition, function: (*definition).ml_meth.PyCFunction });
            ffi::Py_DECREF(method);
            found
        })
        .as_ref()
}

unsafe extern "C" fn missing(dictionary: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this as it would the original, which was found before this was installed.
    unsafe {
        let Some(original) = original() else { return ffi::Py_NewRef(ffi::Py_None()) };
        let value = (original.function)(dictionary, key);
        if !value.is_null() {
            let unit = current_unit();
            // Libraries fill dictionaries of their own while they are imported (`typing` notes overloads).
            if let Some(recorder) = recorder().filter(|recorder| !recorder.imports_library(unit)) {
                recorder.write(unit, dictionary, WHOLE, Strength::Updates);
            }
        }
        value
    }
}

/// Starts watching.
pub fn install() {
    if let Some(original) = original() {
        // SAFETY: the definition is writable data of the module, read at each call.
        unsafe { (*original.definition).ml_meth.PyCFunction = missing };
    }
}

/// Stops watching.
pub fn uninstall() {
    if let Some(original) = original() {
        // SAFETY: as for `install`.
        unsafe { (*original.definition).ml_meth.PyCFunction = original.function };
    }
}
