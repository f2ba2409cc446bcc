//! Items that a loop unpacks: `for a, b in rows` reads each row, not only `rows`.
//!
//! Tuples never change, so that only what else is unpacked is looked at. `enumerate`, `zip` and the items of a
//! dictionary pack what they give into tuples of their own.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::site::Site;
use super::{draw, heap};
use crate::recorder::inspect::{is_atom, type_name};
use crate::recorder::units::{current_unit, hot};
use crate::recorder::walk::{self, Reach};

/// Looks at the items of what is about to be iterated, as far as they are unpacked.
///
/// # Safety
/// The interpreter lock is held; `iterable` is alive; no reference to the recorder is.
pub unsafe fn items(site: &Site, iterable: *mut ffi::PyObject, depth: u32) {
    // SAFETY: as promised; nothing here runs code of the program, so that what is reachable stays alive.
    unsafe {
        if !(*hot()).any_old || depth == 0 || is_atom(ffi::Py_TYPE(iterable)) {
            return;
        }
        let mut parts = Vec::new();
        if heap::is_container(ffi::Py_TYPE(iterable)) {
            walk::referents(iterable, &mut parts);
            for part in parts {
                item(site, part, depth);
            }
            return;
        }
        match type_name(ffi::Py_TYPE(iterable)) {
            b"enumerate" | b"zip" | b"dict_items" | b"dict_itemiterator" => {
                walk::referents(iterable, &mut parts);
                for part in parts {
                    if ffi::Py_TYPE(part) != &raw mut ffi::PyTuple_Type {
                        items(site, part, depth - 1);
                        continue;
                    }
                    // The iterators of `zip`, and the tuple that was given last.
                    let mut held = Vec::new();
                    walk::referents(part, &mut held);
                    for part in held {
                        items(site, part, depth - 1);
                    }
                }
            }
            b"list_iterator"
            | b"list_reverseiterator"
            | b"tuple_iterator"
            | b"set_iterator"
            | b"reversed"
            | b"dict_keys"
            | b"dict_keyiterator"
            | b"dict_values"
            | b"dict_valueiterator" => {
                walk::referents(iterable, &mut parts);
                for part in parts {
                    items(site, part, depth);
                }
            }
            // What else gives items was made of something that is reachable from it.
            _ => walk::read_deep_now(iterable, Reach::NotUserObjects),
        }
    }
}

/// Looks at an item that is about to be unpacked.
///
/// # Safety
/// As for [`items`].
pub unsafe fn item(site: &Site, object: *mut ffi::PyObject, depth: u32) {
    // SAFETY: as for `items`.
    unsafe {
        if !(*hot()).any_old || depth == 0 || is_atom(ffi::Py_TYPE(object)) {
            return;
        }
        let is_tuple = ffi::Py_TYPE(object) == &raw mut ffi::PyTuple_Type;
        if !is_tuple {
            heap::look(site, object);
            if !heap::is_container(ffi::Py_TYPE(object)) {
                walk::read_deep_now(object, Reach::NotUserObjects);
                draw::advance(current_unit(), object);
                return;
            }
        }
        if depth > 1 {
            let mut parts = Vec::new();
            walk::referents(object, &mut parts);
            for part in parts {
                item(site, part, depth - 1);
            }
        }
    }
}
