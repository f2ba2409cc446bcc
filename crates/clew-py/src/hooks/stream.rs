//! Writing into a file object is writing the file it names.

#![allow(unsafe_code)]

use pyo3::ffi;

use crate::recorder::inspect::{base_named, text_of, type_name};
use crate::recorder::outside::real_path;
use crate::recorder::walk::{reachable, Below};
use crate::recorder::writes::{Strength, WHOLE};
use crate::recorder::Recorder;
use clew_trace::{Access, ExternalKind, WriteKind};

/// Objects to look through for a file object (a `csv.writer` refers to its file).
const REACH: usize = 24;

/// Whether the object is a file that can be written into.
unsafe fn is_file(object: *mut ffi::PyObject) -> bool {
    // SAFETY: attributes of exact library types; errors are cleared.
    unsafe {
        match type_name(ffi::Py_TYPE(object)) {
            b"_io.BufferedWriter" | b"_io.BufferedRandom" => true,
            b"_io.TextIOWrapper" => {
                let buffer = ffi::PyObject_GetAttrString(object, c"buffer".as_ptr());
                if buffer.is_null() {
                    ffi::PyErr_Clear();
                    return true;
                }
                let reads_only = type_name(ffi::Py_TYPE(buffer)) == b"_io.BufferedReader";
                ffi::Py_DECREF(buffer);
                !reads_only
            }
            b"_io.FileIO" => {
                let mode = ffi::PyObject_GetAttrString(object, c"mode".as_ptr());
                if mode.is_null() {
                    ffi::PyErr_Clear();
                    return true;
                }
                let text = text_of(mode);
                ffi::Py_DECREF(mode);
                text != "rb"
            }
            _ => false,
        }
    }
}

/// Whether the object keeps in memory what is written into it, its type being the library's.
unsafe fn is_memory(object: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    unsafe { !base_named(ffi::Py_TYPE(object), |name| matches!(name, b"_io.StringIO" | b"_io.BytesIO")).is_null() }
}

/// Records that something went to standard output or error: to the terminal, or to what stands for it now.
/// Returns whether it can be read back.
///
/// # Safety
/// The interpreter lock is held.
pub unsafe fn printed(recorder: &mut Recorder, unit: u32, source: u32, statement: u32) -> bool {
    // SAFETY: as promised; what the module `sys` holds is alive.
    unsafe {
        let mut lasts = recorder.check_handed_out(unit);
        for (name, state) in [(c"stdout", "sys.stdout"), (c"stderr", "sys.stderr")] {
            let stream = ffi::PySys_GetObject(name.as_ptr());
            if stream.is_null() || stream == ffi::Py_None() || is_terminal(stream) {
                continue;
            }
            recorder.read_hidden(unit, state);
            if is_file(stream) {
                written(recorder, unit, stream, source, statement);
            } else {
                recorder.write(unit, stream, WHOLE, Strength::Updates);
            }
            lasts = true;
        }
        let kind = if lasts { WriteKind::Object } else { WriteKind::Output };
        recorder.touch(source, statement, kind);
        lasts
    }
}

/// Whether the object is a file that the interpreter opened on standard output or error.
unsafe fn is_terminal(object: *mut ffi::PyObject) -> bool {
    // SAFETY: attributes of exact library types; errors are cleared.
    unsafe {
        if type_name(ffi::Py_TYPE(object)) != b"_io.TextIOWrapper" {
            return false;
        }
        let name = ffi::PyObject_GetAttrString(object, c"name".as_ptr());
        if name.is_null() {
            ffi::PyErr_Clear();
            return false;
        }
        let is_descriptor = ffi::PyLong_Check(name) != 0;
        let text = text_of(name);
        ffi::Py_DECREF(name);
        is_descriptor || text.starts_with('<')
    }
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
        } else if is_memory(object) {
            recorder.write(unit, object, WHOLE, Strength::Updates);
            recorder.touch(source, statement, WriteKind::Object);
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
