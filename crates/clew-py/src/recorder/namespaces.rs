//! The dictionary that holds the attributes of an object: whoever changes one changes the other.
//!
//! The two are told apart only once a program asks for the dictionary. From then on they are partners: a write of
//! either is a write of both.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::FxHashMap;

use super::{recorder, Recorder};

/// The attribute by which a program asks for it.
pub const NAME: &str = "__dict__";

/// Objects and their dictionaries, by address, both ways.
#[derive(Default)]
pub struct Partners(FxHashMap<usize, usize>);

impl Partners {
    /// What changes with the object at an address.
    #[inline]
    pub fn of(&self, address: usize) -> Option<usize> {
        if self.0.is_empty() {
            None
        } else {
            self.0.get(&address).copied()
        }
    }

    /// One of them died.
    #[inline]
    pub fn part(&mut self, address: usize) {
        if let Some(other) = self.of(address) {
            self.0.remove(&address);
            self.0.remove(&other);
        }
    }
}

impl Recorder {
    fn join(&mut self, object: usize, namespace: usize) {
        let partners = &mut self.written.partners;
        if partners.of(object) == Some(namespace) {
            return;
        }
        // One that was replaced has nothing to do with the object any more.
        partners.part(object);
        partners.part(namespace);
        partners.0.insert(object, namespace);
        partners.0.insert(namespace, object);
        for address in [object, namespace] {
            self.written.follow(address);
        }
    }
}

/// The program is about to ask for the dictionary of an object.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn asked(object: *mut ffi::PyObject) {
    // SAFETY: as promised. What gives the dictionary is the interpreter's own, for types that leave it to it.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        let namespace = if ffi::PyModule_Check(object) != 0 {
            ffi::Py_XNewRef(ffi::PyModule_GetDict(object))
        } else if (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
            // A program gets a proxy of a class's dictionary, which is seen through.
            let class = object.cast::<ffi::PyTypeObject>();
            let is_ours = (*class).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0;
            if is_ours {
                ffi::Py_XNewRef((*class).tp_dict)
            } else {
                return;
            }
        } else if (*tp).tp_dictoffset != 0 {
            ffi::PyObject_GenericGetDict(object, std::ptr::null_mut())
        } else {
            return;
        };
        if namespace.is_null() {
            ffi::PyErr_Clear();
            return;
        }
        if let Some(recorder) = recorder() {
            recorder.join(object as usize, namespace as usize);
        }
        ffi::Py_DECREF(namespace);
    }
}
