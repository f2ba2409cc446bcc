//! Hooks that mark where the program is: units, functions entered, handlers reached, cells of closures.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::site::Site;
use crate::recorder::units::{current_unit, enter_unit, hot};
use crate::recorder::writes::Strength;
use crate::recorder::{events, recorder, NO_UNIT};
use clew_trace::FlowKind;

unsafe fn store(list: *mut ffi::PyObject, index: usize, value: *mut ffi::PyObject) {
    // SAFETY: the list is one of the source's own, made with enough slots and never resized.
    unsafe {
        let slot = (*list.cast::<ffi::PyListObject>()).ob_item.add(index);
        if *slot != value {
            ffi::Py_INCREF(value);
            let before = std::mem::replace(&mut *slot, value);
            ffi::Py_DECREF(before);
        }
    }
}

unsafe fn done() -> *mut ffi::PyObject {
    // SAFETY: a singleton.
    unsafe { ffi::Py_NewRef(ffi::Py_True()) }
}

/// The statement in this header runs now.
pub unsafe extern "C" fn mark(site: *mut ffi::PyObject, _zero: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter; the site is ours.
    unsafe {
        let site = site.cast::<Site>();
        if !(*site).unit.is_null() {
            enter_unit((*site).unit);
        }
        store((*site).coverage, (*site).statement as usize, ffi::Py_True());
        done()
    }
}

/// A function is entered in another unit than the last time.
pub unsafe extern "C" fn enter(site: *mut ffi::PyObject, scope: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter; the site is ours, the argument is our constant.
    unsafe {
        entered(site.cast(), ffi::PyLong_AsLong(scope) as u32);
        done()
    }
}

/// Notes that a function is entered by another unit than the last time.
///
/// # Safety
/// The interpreter lock is held; the site is that of a hook of the function's source.
pub unsafe fn entered(site: *mut Site, scope: u32) {
    // SAFETY: as promised.
    unsafe {
        let unit = current_unit();
        store((*site).entered, scope as usize, *(*hot()).state);
        if let Some(recorder) = recorder() {
            if unit != NO_UNIT {
                recorder.entries.insert((unit, (*site).source, scope));
            }
            if ffi::PyThreadState_Get() as usize != recorder.main_thread {
                recorder.entered_in_thread(unit);
            }
            recorder.read_namespace(unit, (*site).source);
            recorder.entered_in_child(unit, (*site).source, scope);
        }
    }
}

/// A frame goes on after a suspension, perhaps in another unit.
pub unsafe extern "C" fn resume(site: *mut ffi::PyObject, value: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter; the site is ours.
    unsafe {
        let site = site.cast::<Site>();
        let scope = (*site).key;
        let slot = (*(*site).entered.cast::<ffi::PyListObject>()).ob_item.add(scope as usize);
        if *slot != *(*hot()).state {
            entered(site, scope);
        }
        ffi::Py_NewRef(value)
    }
}

/// A handler was reached: the first line of the traceback is where, in this frame, the exception came from.
pub unsafe extern "C" fn handler(site: *mut ffi::PyObject, _zero: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter inside a handler; references are released here.
    unsafe {
        let site = site.cast::<Site>();
        let error = ffi::PyErr_GetHandledException();
        if !error.is_null() {
            if let Some(events) = events::current((*site).recording) {
                events.caught(ffi::Py_TYPE(error));
            }
            raised_at(site, error);
            if ffi::PyErr_GivenExceptionMatches(error, ffi::PyExc_Warning) != 0 {
                // Filters decide which warnings are raised.
                let unit = current_unit();
                if let Some(recorder) = recorder() {
                    recorder.read_hidden(unit, "warnings.filters");
                }
            }
            ffi::Py_DECREF(error);
        }
        done()
    }
}

/// Records the line in the catching frame from which `error` came.
///
/// # Safety
/// The interpreter lock is held; both are live.
pub unsafe fn raised_at(site: *mut Site, error: *mut ffi::PyObject) {
    // SAFETY: as promised; `tb_lineno` of a traceback runs no user code.
    unsafe {
        let traceback = ffi::PyException_GetTraceback(error);
        if traceback.is_null() {
            return;
        }
        let line = ffi::PyObject_GetAttrString(traceback, c"tb_lineno".as_ptr());
        ffi::Py_DECREF(traceback);
        if line.is_null() {
            ffi::PyErr_Clear();
            return;
        }
        let number = ffi::PyLong_AsLong(line);
        ffi::Py_DECREF(line);
        ffi::PyErr_Clear();
        if let Some(recorder) = recorder() {
            recorder.raised.insert(((*site).source, (*site).statement, number as u32));
        }
    }
}

/// Address that stands for a captured variable: closures of one function share it, which is coarse but sound.
fn cell_address(source: u32, scope: u32, name: u32) -> usize {
    0x8000_0000_0000_0000 | (source as usize) << 48 | (scope as usize) << 24 | (name as usize) << 4
}

/// A captured variable is bound anew.
pub unsafe extern "C" fn cell_write(site: *mut ffi::PyObject, _zero: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter; the site is ours.
    unsafe {
        let site = site.cast::<Site>();
        (*site).touched = true;
        let unit = current_unit();
        if let Some(recorder) = recorder() {
            for &name in &(*site).keys {
                let address = cell_address((*site).source, (*site).key, name);
                recorder.write_address(unit, address, 0, Strength::Updates);
            }
        }
        done()
    }
}

/// Captured variables may be read.
pub unsafe extern "C" fn cell_read(site: *mut ffi::PyObject, _zero: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter; the site is ours.
    unsafe {
        let site = site.cast::<Site>();
        let unit = current_unit();
        if let Some(recorder) = recorder() {
            for &name in &(*site).keys {
                let address = cell_address((*site).source, (*site).key, name);
                recorder.read_address(unit, address, 0, FlowKind::Data);
            }
        }
        done()
    }
}

/// Module globals of the frame that runs (borrowed).
unsafe fn globals() -> *mut ffi::PyObject {
    // SAFETY: hooks run inside a frame.
    unsafe { ffi::PyEval_GetGlobals() }
}

unsafe fn global(name: &str) -> *mut ffi::PyObject {
    // SAFETY: the dictionary is the running frame's own.
    unsafe {
        let globals = globals();
        if globals.is_null() {
            return globals;
        }
        let key = ffi::PyUnicode_FromStringAndSize(name.as_ptr().cast(), name.len() as isize);
        let value = ffi::PyDict_GetItemWithError(globals, key);
        ffi::Py_XDECREF(key);
        if value.is_null() {
            ffi::PyErr_Clear();
        }
        value
    }
}

/// Top-level names are about to be bound anew: their values are noted.
pub unsafe extern "C" fn rebind(site: *mut ffi::PyObject, _zero: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter; the site is ours.
    unsafe {
        let site = site.cast::<Site>();
        for name in &(*site).names {
            let value = global(name);
            if !value.is_null() {
                crate::recorder::finish::note(name, value, (*site).statement);
            }
        }
        done()
    }
}

/// A module is about to be imported: if it is loaded, what was put into it, and that it was put there, is read.
pub unsafe extern "C" fn import(site: *mut ffi::PyObject, _zero: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter; the site is ours; the module dictionary and what it holds are alive.
    unsafe {
        let site = site.cast::<Site>();
        let unit = current_unit();
        let modules = ffi::PyImport_GetModuleDict();
        let module = ffi::PyDict_GetItemWithError(modules, (*site).name);
        if module.is_null() {
            ffi::PyErr_Clear();
        } else if let Some(recorder) = recorder() {
            recorder.read_address(unit, modules as usize, (*site).key, FlowKind::Data);
            for key in &(*site).keys {
                recorder.read_address(unit, module as usize, *key, FlowKind::Data);
            }
        }
        done()
    }
}
