//! Hooks that log operations which the program does itself, or parts of them. They give one of their arguments.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use super::operate::{truth_of, OperationFn};
use super::site::Site;
use super::types::{make_type, TypeObject};
use crate::recorder::events;
use crate::recorder::units::hot;
use clew_syntax::hooks::Note;
use clew_trace::log::{flags, EventKind, ValueRef};

type Object = *mut ffi::PyObject;

/// Logs up to two operands and then `last`, which is the result or one more operand.
#[inline(always)]
unsafe fn log(site: Object, operands: &[Object], result: Option<Object>, flags: u8) {
    // SAFETY: called by hooks with live objects.
    unsafe {
        super::erasing::tick();
        let Some(events) = events::current((*site.cast::<Site>()).recording) else { return };
        let mut values = [ValueRef::ABSENT; 3];
        let room = if result.is_some() { 2 } else { 3 };
        for (value, operand) in values.iter_mut().zip(operands.iter().take(room)) {
            *value = events.value(*operand);
        }
        if let Some(result) = result {
            values[operands.len().min(2)] = events.value(result);
        }
        let count = operands.len() + usize::from(result.is_some());
        events.note(site.cast(), EventKind::Operation, values, count as u16, flags);
    }
}

unsafe extern "C" fn done(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes at least one argument.
    unsafe {
        let args = std::slice::from_raw_parts(args, n as usize);
        let (last, operands) = (args[args.len() - 1], &args[..args.len() - 1]);
        log(site, operands, Some(last), 0);
        ffi::Py_NewRef(last)
    }
}

unsafe extern "C" fn stored(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
    // SAFETY: as for `done`.
    unsafe {
        let args = std::slice::from_raw_parts(args, n as usize);
        log(site, &args[1..], Some(args[0]), 0);
        ffi::Py_NewRef(args[0])
    }
}

unsafe extern "C" fn begun(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
    // SAFETY: as for `done`.
    unsafe {
        let args = std::slice::from_raw_parts(args, n as usize);
        log(site, args, None, flags::UNFINISHED);
        ffi::Py_NewRef(args[args.len() - 1])
    }
}

unsafe extern "C" fn operand(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        if let Some(events) = events::current((*site.cast::<Site>()).recording) {
            let value = events.value(*args);
            if let Some(event) = events.unfinished(site.cast()) {
                if event.count < 2 {
                    event.values[usize::from(event.count)] = value;
                }
                event.count += 1;
            }
        }
        ffi::Py_NewRef(*args)
    }
}

/// The right side of a comparison in a chain. That there is a further one tells that the one before was true.
unsafe extern "C" fn compared(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        if let Some(events) = events::current((*site.cast::<Site>()).recording) {
            let (value, yes) = (events.value(*args), events.truth(true));
            let mut next = None;
            match events.unfinished(site.cast()) {
                Some(event) if event.count == 1 => {
                    event.values[1] = value;
                    event.count = 2;
                }
                Some(event) => {
                    (event.values[2], event.count, event.flags) = (yes, 3, 0);
                    next = Some(event.values[1]);
                }
                None => next = Some(ValueRef::ABSENT),
            }
            if let Some(left) = next {
                let values = [left, value, ValueRef::ABSENT];
                events.note(site.cast(), EventKind::Operation, values, 2, flags::UNFINISHED);
            }
        }
        ffi::Py_NewRef(*args)
    }
}

unsafe fn finish(site: Object, result: Object) {
    // SAFETY: called by hooks with live objects.
    unsafe {
        let Some(events) = events::current((*site.cast::<Site>()).recording) else { return };
        let value = events.value(result);
        match events.unfinished(site.cast()) {
            Some(event) => {
                event.values[usize::from(event.count.min(2))] = value;
                event.count += 1;
                event.flags = 0;
            }
            None => events.operation(site.cast(), [value, ValueRef::ABSENT, ValueRef::ABSENT], 1),
        }
    }
}

unsafe extern "C" fn result(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        finish(site, *args);
        ffi::Py_NewRef(*args)
    }
}

unsafe extern "C" fn decided(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        finish(site, *args);
        truth_of(ffi::Py_NewRef(*args))
    }
}

unsafe extern "C" fn finished(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        finish(site, *args);
        ffi::Py_NewRef(*(*hot()).state)
    }
}

/// The truth of an object, where finding it out runs no user code.
unsafe fn known_truth(object: Object) -> Option<bool> {
    // SAFETY: a live object; slots of types that are not classes of a program are C functions.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        if (*tp).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 {
            return None;
        }
        let number = (*tp).tp_as_number;
        let answer = if object == ffi::Py_None() {
            0
        } else if !number.is_null() && (*number).nb_bool.is_some() {
            (*number).nb_bool.map_or(-1, |truth| truth(object))
        } else if !(*tp).tp_as_mapping.is_null() && (*(*tp).tp_as_mapping).mp_length.is_some() {
            (*(*tp).tp_as_mapping).mp_length.map_or(-1, |length| length(object).min(1) as c_int)
        } else if !(*tp).tp_as_sequence.is_null() && (*(*tp).tp_as_sequence).sq_length.is_some() {
            (*(*tp).tp_as_sequence).sq_length.map_or(-1, |length| length(object).min(1) as c_int)
        } else {
            1
        };
        if answer < 0 {
            ffi::PyErr_Clear();
            return None;
        }
        Some(answer > 0)
    }
}

/// The truth of builtin objects is told; that of others is for the program to find out, where it stands.
unsafe extern "C" fn tested(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes the value and, where it was loaded just before, the object that it was loaded from.
    unsafe {
        super::erasing::tick();
        if let Some(events) = events::current((*site.cast::<Site>()).recording) {
            let value = events.value(*args);
            if n > 1 {
                events.loads(site.cast(), &[value, ValueRef::ABSENT, ValueRef::ABSENT], args.add(1));
            }
            if let Some(truth) = known_truth(*args) {
                let truth = events.truth(truth);
                events.operation(site.cast(), [value, truth, ValueRef::ABSENT], 2);
            } else {
                let values = [value, ValueRef::ABSENT, ValueRef::ABSENT];
                events.note(site.cast(), EventKind::Operation, values, 1, flags::UNFINISHED);
            }
        }
        ffi::Py_NewRef(*args)
    }
}

/// The first items of what is unpacked are told where looking at them runs no user code.
unsafe fn unpack(site: Object, iterable: Object) {
    // SAFETY: a live object; the type is checked before each look inside.
    unsafe {
        let Some(events) = events::current((*site.cast::<Site>()).recording) else { return };
        let mut values = [events.value(iterable), ValueRef::ABSENT, ValueRef::ABSENT];
        let tp = ffi::Py_TYPE(iterable);
        let mut n_items = 0;
        if tp == &raw mut ffi::PyTuple_Type || tp == &raw mut ffi::PyList_Type {
            n_items = (*iterable.cast::<ffi::PyVarObject>()).ob_size;
            for (i, value) in values.iter_mut().skip(1).enumerate().take(n_items as usize) {
                let item = if tp == &raw mut ffi::PyTuple_Type {
                    ffi::PyTuple_GetItem(iterable, i as isize)
                } else {
                    ffi::PyList_GetItem(iterable, i as isize)
                };
                *value = events.value(item);
            }
        }
        events.operation(site.cast(), values, n_items.min(0xFFFE) as u16 + 1);
    }
}

unsafe extern "C" fn unpacked(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        unpack(site, *args);
        ffi::Py_NewRef(*args)
    }
}

unsafe extern "C" fn suspended(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        if let Some(events) = events::current((*site.cast::<Site>()).recording) {
            let values = [events.value(*args), ValueRef::ABSENT, ValueRef::ABSENT];
            events.note(site.cast(), EventKind::Suspend, values, 1, 0);
        }
        ffi::Py_NewRef(*args)
    }
}

unsafe extern "C" fn resumed(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe {
        if let Some(events) = events::current((*site.cast::<Site>()).recording) {
            let values = [events.value(*args), ValueRef::ABSENT, ValueRef::ABSENT];
            events.note(site.cast(), EventKind::Resume, values, 1, 0);
        }
        super::marks::resume(site, *args)
    }
}

/// What a `for` iterates: the program's iterable until it is asked for an iterator, then that iterator.
#[repr(C)]
struct Items {
    head: ffi::PyObject,
    inner: Object,
    site: *mut Site,
}

unsafe extern "C" fn items_traverse(object: Object, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: called by the collector with a live object.
    unsafe {
        for part in [(*object.cast::<Items>()).inner, ffi::Py_TYPE(object).cast()] {
            if !part.is_null() {
                let stop = visit(part, arg);
                if stop != 0 {
                    return stop;
                }
            }
        }
        0
    }
}

unsafe extern "C" fn items_clear(object: Object) -> c_int {
    // SAFETY: called by the collector with a live object.
    unsafe {
        let inner = std::mem::replace(&mut (*object.cast::<Items>()).inner, std::ptr::null_mut());
        ffi::Py_XDECREF(inner);
        0
    }
}

unsafe extern "C" fn items_dealloc(object: Object) {
    // SAFETY: the last reference is gone.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        let (inner, site) = ((*object.cast::<Items>()).inner, (*object.cast::<Items>()).site);
        let tp = ffi::Py_TYPE(object);
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(tp.cast());
        ffi::Py_XDECREF(inner);
        ffi::Py_DECREF(site.cast());
    }
}

/// The interpreter asks for the iterator where it would have asked the program's iterable.
unsafe extern "C" fn items_iter(object: Object) -> Object {
    // SAFETY: called by the interpreter with a live object.
    unsafe {
        let this = object.cast::<Items>();
        let iterator = ffi::PyObject_GetIter((*this).inner);
        if iterator.is_null() {
            return iterator;
        }
        let iterable = std::mem::replace(&mut (*this).inner, iterator);
        ffi::Py_DECREF(iterable);
        ffi::Py_NewRef(object)
    }
}

unsafe extern "C" fn items_next(object: Object) -> Object {
    // SAFETY: called by the interpreter with a live object that was asked for its iterator.
    unsafe {
        let this = object.cast::<Items>();
        let (inner, site) = ((*this).inner, (*this).site);
        let Some(next) = (*ffi::Py_TYPE(inner)).tp_iternext else { return std::ptr::null_mut() };
        let item = next(inner);
        if item.is_null() {
            return item;
        }
        if let Some(events) = events::current((*site.cast::<Site>()).recording) {
            let values = [events.value(inner), events.value(item), ValueRef::ABSENT];
            events.operation(site, values, 2);
            if (*site).update {
                unpack(site.cast(), item);
            }
        }
        item
    }
}

static ITEMS: OnceLock<TypeObject> = OnceLock::new();

fn items_type() -> *mut ffi::PyTypeObject {
    let slots = [
        (ffi::Py_tp_dealloc, items_dealloc as *mut _),
        (ffi::Py_tp_traverse, items_traverse as *mut _),
        (ffi::Py_tp_clear, items_clear as *mut _),
        (ffi::Py_tp_iter, items_iter as *mut _),
        (ffi::Py_tp_iternext, items_next as *mut _),
    ];
    ITEMS.get_or_init(|| make_type(c"clew._clew.Items", size_of::<Items>(), ffi::Py_TPFLAGS_HAVE_GC, &slots)).0
}

unsafe extern "C" fn iterated(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes one argument; all fields are set before the collector sees the object.
    unsafe {
        let iterable = *args;
        if events::current((*site.cast::<Site>()).recording).is_none() {
            return ffi::Py_NewRef(iterable);
        }
        let made = ffi::PyType_GenericAlloc(items_type(), 0).cast::<Items>();
        if !made.is_null() {
            (*made).inner = ffi::Py_NewRef(iterable);
            ffi::Py_INCREF(site);
            (*made).site = site.cast();
        }
        made.cast()
    }
}

/// The function that notes this.
pub fn function_of(note: Note) -> OperationFn {
    match note {
        Note::Done => done,
        Note::Stored => stored,
        Note::Begun => begun,
        Note::Operand(_) => operand,
        Note::Compared(_) => compared,
        Note::Result(_) => result,
        Note::Decided(_) => decided,
        Note::Finished(_) => finished,
        Note::Tested => tested,
        Note::Iterated { .. } => iterated,
        Note::Unpacked => unpacked,
        Note::Suspended => suspended,
        Note::Resumed(_) => resumed,
    }
}
