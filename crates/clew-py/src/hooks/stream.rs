//! Writing into a file object is writing the file it names.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::ffi::CStr;

use crate::recorder::outside::real_path;
use crate::recorder::walk::{reachable, text_of, Below};
use crate::recorder::writes::{Strength, WHOLE};
use crate::recorder::Recorder;
use clew_trace::{Access, ExternalKind, WriteKind};

/// Objects to look through for a file object (a `csv.writer` refers to its file).
const REACH: usize = 24;

unsafe fn is_file(object: *mut ffi::PyObject) -> bool {
    // SAFETY: names of live types are C strings.
    let name = unsafe { CStr::from_ptr((*ffi::Py_TYPE(object)).tp_name) };
    matches!(name.to_bytes(), b"_io.TextIOWrapper" | b"_io.BufferedWriter" | b"_io.BufferedRandom" | b"_io.FileIO")
}

/// Records that something was written into the file objects reachable from `object`.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn written(recorder: &mut Recorder, unit: u32, object: *mut ffi::PyObject, source: u32, statement: u32) {
    // SAFETY: as promised; names are looked up on exact library types only, whose getters run no user code.
    unsafe {
        let mut files = Vec::new();
        if is_file(object) {
            files.push(object);
        } else {
            reachable(object, REACH, |part| {
                if is_file(part) {
                    files.push(part);
                }
                Below::Follow
            });
        }
        for file in files {
            let name = ffi::PyObject_GetAttrString(file, c"name".as_ptr());
            if name.is_null() {
                ffi::PyErr_Clear();
                continue;
            }
            let path = text_of(name);
            ffi::Py_DECREF(name);
            if path.is_empty() || path.starts_with('<') {
                recorder.touch(source, statement, WriteKind::Output);
                continue;
            }
            recorder.write(unit, file, WHOLE, Strength::Updates);
            let external = recorder.external(ExternalKind::File, &real_path(&path));
            recorder.outside_access(unit, external, Access::Update);
            recorder.touch(source, statement, WriteKind::External);
        }
    }
}
