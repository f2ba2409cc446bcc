//! Calls of user code by user code, which the interpreter carries out itself: no hook stands between the two.
//!
//! The function called notes the beginning, with its parameters, and finds the place of the call by its caller's frame;
//! a hook around the call notes the end.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::site::Site;
use crate::recorder::events;
use crate::recorder::units::hot;

type Object = *mut ffi::PyObject;

/// A function is entered.
pub unsafe extern "C" fn began(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
    // SAFETY: called by the interpreter with live objects; the site is ours, and its list has a slot for the scope.
    unsafe {
        let this = site.cast::<Site>();
        let scope = (*this).key;
        let unit = *(*(*this).entered.cast::<ffi::PyListObject>()).ob_item.add(scope as usize);
        if unit != *(*hot()).state {
            super::marks::entered(this, scope);
        }
        if let Some(events) = events::current((*this).recording) {
            events.begin_native(this, args, n as usize);
        }
        ffi::Py_NewRef(ffi::Py_True())
    }
}

/// A call gave its result.
pub unsafe extern "C" fn ended(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        super::erasing::tick();
        let this = site.cast::<Site>();
        if let Some(events) = events::current((*this).recording) {
            events.end_native(this, *args);
        }
        ffi::Py_NewRef(*args)
    }
}
