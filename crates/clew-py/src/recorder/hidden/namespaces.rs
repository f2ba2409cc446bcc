//! Functions and classes of the user's imported modules: who has replaced one behind the back of its module.

#![allow(unsafe_code)]

use pyo3::ffi;

use crate::recorder::{Recorder, NO_UNIT};
use clew_trace::FlowKind;

/// The functions and classes that a module of the user's has.
pub(super) struct Namespace {
    source: u32,
    token: u64,
    writer: u32,
}

impl Recorder {
    /// Compares the functions and classes in imported modules of the user with what was seen last: whoever ran in
    /// between has patched them.
    pub(super) fn notice_namespaces(&mut self, unit: u32, unseen: &[u32]) -> bool {
        let mut found = false;
        for index in 0..self.sources.len() {
            let (number, module) = (self.sources[index].number, &self.sources[index].module);
            if module == "__main__" {
                continue;
            }
            // SAFETY: the lock is held by whoever records.
            let Some(token) = (unsafe { definitions(module) }) else { continue };
            match self.hidden.namespaces.iter_mut().find(|known| known.source == number) {
                None => self.hidden.namespaces.push(Namespace { source: number, token, writer: NO_UNIT }),
                Some(known) if known.token != token => {
                    let former = std::mem::replace(&mut known.writer, unit);
                    known.token = token;
                    for earlier in unseen.iter().chain([&former]) {
                        self.flow(unit, *earlier, FlowKind::Data);
                    }
                    found = true;
                }
                Some(_) => {}
            }
        }
        found
    }

    /// A function of a source is entered: it sees what was patched there.
    pub fn read_namespace(&mut self, unit: u32, source: u32) {
        let patched = self.hidden.namespaces.iter().find(|known| known.source == source);
        if let Some(writer) = patched.map(|known| known.writer) {
            self.flow(unit, writer, FlowKind::Data);
        }
    }
}

/// A number that changes when a function or class of a module is replaced; none while the module is not there.
unsafe fn definitions(module: &str) -> Option<u64> {
    // SAFETY: the lock is held; everything is borrowed from live dictionaries while nothing runs.
    unsafe {
        let name = ffi::PyUnicode_FromStringAndSize(module.as_ptr().cast(), module.len() as isize);
        let found = ffi::PyDict_GetItemWithError(ffi::PyImport_GetModuleDict(), name);
        ffi::Py_XDECREF(name);
        if found.is_null() || ffi::PyModule_Check(found) == 0 {
            ffi::PyErr_Clear();
            return None;
        }
        let namespace = ffi::PyModule_GetDict(found);
        let (mut position, mut key, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
        let mut number: u64 = 0;
        while ffi::PyDict_Next(namespace, &raw mut position, &raw mut key, &raw mut value) != 0 {
            if ffi::PyFunction_Check(value) != 0 || ffi::PyType_Check(value) != 0 {
                // The order of names does not count.
                number = number.wrapping_add((key as u64).rotate_left(17) ^ (value as u64).wrapping_mul(31));
            }
        }
        Some(number)
    }
}
