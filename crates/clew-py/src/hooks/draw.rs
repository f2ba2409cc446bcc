//! Drawing from lazy objects: iterators that are advanced, and the foreign callables that run meanwhile.
//!
//! An iterator that is advanced is written, and so are the iterators that it draws from; what they go through is
//! read. What it calls may be a
//! bound method of a builtin container (`map(seen.add, items)`), which has no hook of its own.

#![allow(unsafe_code)]

mod steady;

use pyo3::ffi;

pub use self::steady::Steady;
use super::effects::flag;
use crate::recorder::families::Family;
use crate::recorder::inspect::{is_atom, type_name};
use crate::recorder::walk::{self, Below};
use crate::recorder::writes::{Strength, WHOLE};
use crate::recorder::{observe, recorder};
use clew_trace::FlowKind;

/// Objects that are looked through for iterators and callables.
const BUDGET: usize = 128;
/// Sequences up to this length are looked through for iterators.
const MOST_ITERATORS: isize = 16;

/// Whether advancing the object can be seen.
pub unsafe fn is_iterator(object: *mut ffi::PyObject) -> bool {
    // SAFETY: slots of a live type.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        !is_atom(tp) && (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS == 0 && ffi::PyIter_Check(object) != 0
    }
}

/// Whether the object is a foreign callable that may stand in an argument.
unsafe fn is_callback(object: *mut ffi::PyObject) -> bool {
    // SAFETY: comparing addresses of types.
    unsafe {
        ffi::PyCFunction_Check(object) != 0
            || ffi::Py_TYPE(object) == &raw mut ffi::PyMethodDescr_Type
            || super::callee::is_foreign_method(object)
            || calls_another(object)
    }
}

/// Whether the object calls what it was made of.
unsafe fn calls_another(object: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    let name = unsafe { type_name(ffi::Py_TYPE(object)) };
    matches!(name, b"functools.partial" | b"operator.methodcaller")
}

/// The running unit draws from `object`, if it is an iterator, or calls it, if it is a foreign callable.
///
/// # Safety
/// The interpreter lock is held; `object` is alive; no reference to the recorder is.
pub unsafe fn advance(unit: u32, object: *mut ffi::PyObject) {
    // SAFETY: as promised.
    unsafe {
        if can_be_advanced(object) {
            draw(unit, object, None);
        }
    }
}

/// The running unit draws from `object` once more: `steady` is what it remembers of the last time.
///
/// # Safety
/// As for [`advance`]; `steady` was never used for another object.
pub unsafe fn advance_again(unit: u32, object: *mut ffi::PyObject, steady: &mut Steady) {
    // SAFETY: as promised.
    unsafe {
        if !steady.holds(unit) && can_be_advanced(object) {
            draw(unit, object, Some(steady).filter(|steady| steady.is_patient()));
        }
    }
}

unsafe fn can_be_advanced(object: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    unsafe {
        !is_atom(ffi::Py_TYPE(object)) && (is_iterator(object) || observe::is_generator(object) || is_callback(object))
    }
}

unsafe fn draw(unit: u32, object: *mut ffi::PyObject, steady: Option<&mut Steady>) {
    // SAFETY: as promised to `advance`; the walk runs no user code.
    unsafe {
        let (mut iterators, mut callbacks, mut shown) = (Vec::new(), Vec::new(), Vec::new());
        let (mut items, mut followed) = (Vec::new(), Vec::new());
        let complete = walk::reachable(object, BUDGET, |part| {
            if is_iterator(part) || observe::is_generator(part) {
                iterators.push(part);
            } else if is_callback(part) {
                callbacks.push(part);
            } else {
                shown.push(part);
                if !is_short(part) {
                    return Below::Stop;
                }
                walk::referents(part, &mut items);
            }
            followed.push(part);
            Below::Follow
        });
        if iterators.iter().all(|iterator| hands_on(*iterator)) {
            // Whoever is given an item looks into it itself.
            shown.retain(|part| !items.contains(part));
        }
        let mut addresses = Vec::new();
        let mut same_again = complete;
        if let Some(recorder) = recorder() {
            for part in shown {
                let owner = recorder.owner(part);
                addresses.push(owner as usize);
                recorder.read_address(unit, owner as usize, WHOLE, FlowKind::Data);
            }
            for iterator in iterators {
                let family = recorder.family(ffi::Py_TYPE(iterator));
                same_again &= matches!(family, Family::Plain | Family::User) && !observe::is_generator(iterator);
                addresses.push(iterator as usize);
                recorder.write(unit, iterator, WHOLE, Strength::Updates);
            }
        }
        for callback in callbacks {
            same_again &= !called(unit, callback, object);
        }
        if let Some(steady) = steady.filter(|_| same_again) {
            steady.keep(unit, &followed, &addresses);
        }
    }
}

/// Whether the iterator gives the items of what it goes through as they are, and runs nothing.
unsafe fn hands_on(iterator: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    let name = unsafe { type_name(ffi::Py_TYPE(iterator)) };
    matches!(
        name,
        b"list_iterator"
            | b"list_reverseiterator"
            | b"tuple_iterator"
            | b"dict_keyiterator"
            | b"dict_valueiterator"
            | b"dict_itemiterator"
            | b"set_iterator"
            | b"iterator"
            | b"reversed"
            | b"enumerate"
            | b"zip"
            | b"itertools.chain"
            | b"itertools.islice"
            | b"itertools.cycle"
    )
}

/// Whether the object may hold a few iterators, as the arguments of `zip` are held.
unsafe fn is_short(object: *mut ffi::PyObject) -> bool {
    // SAFETY: both kinds begin with their length.
    unsafe {
        (*ffi::Py_TYPE(object)).tp_flags & (ffi::Py_TPFLAGS_TUPLE_SUBCLASS | ffi::Py_TPFLAGS_LIST_SUBCLASS) != 0
            && (*object.cast::<ffi::PyVarObject>()).ob_size <= MOST_ITERATORS
    }
}

/// A foreign callable was called with something that is reachable from `root`. Returns whether it wrote anything.
unsafe fn called(unit: u32, callable: *mut ffi::PyObject, root: *mut ffi::PyObject) -> bool {
    // SAFETY: as for `advance`: `root` keeps all parts alive.
    unsafe {
        let receiver = super::callee::bound_receiver(callable);
        let spec = super::callee::spec_of(callable, receiver, std::ptr::null_mut());
        let Some(recorder) = recorder() else { return false };
        let spec = recorder.specs.spec(spec);
        let flags = spec.flags;
        // What is drawn is passed by position.
        let by_keyword_only = spec.written_positions.is_empty() && !spec.written_keywords.is_empty();
        let writes_drawn = flags & flag::WRITES_ARGUMENT != 0 && !by_keyword_only;
        let writes_receiver = flags & flag::WRITES_RECEIVER != 0 && !receiver.is_null();
        if writes_receiver {
            recorder.write(unit, receiver, WHOLE, Strength::Updates);
        }
        let writes_drawn = writes_drawn || calls_another(callable) && flags & flag::OBSERVE != 0;
        if writes_drawn {
            let mut mutable = Vec::new();
            walk::reachable(root, BUDGET, |part| {
                if is_container(ffi::Py_TYPE(part)) {
                    mutable.push(part);
                }
                Below::Follow
            });
            for part in mutable {
                recorder.write(unit, part, WHOLE, Strength::Updates);
            }
        }
        writes_receiver || writes_drawn
    }
}

unsafe fn is_container(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: flags of a live type.
    unsafe {
        (*tp).tp_flags & (ffi::Py_TPFLAGS_LIST_SUBCLASS | ffi::Py_TPFLAGS_DICT_SUBCLASS) != 0
            || tp == &raw mut ffi::PySet_Type
            || tp == &raw mut ffi::PyByteArray_Type
            || tp == (*crate::recorder::units::hot()).ndarray
    }
}
