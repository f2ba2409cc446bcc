//! Hooks that return their operand: looks before reads, and marks before writes.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::draw;
use super::erasing;
use super::site::Site;
use super::unpack;
use crate::recorder::families::Family;
use crate::recorder::inspect::{is_atom, is_named};
use crate::recorder::namespaces;
use crate::recorder::threads::address_in_thread;
use crate::recorder::units::{current_unit, hot, unit_changed};
use crate::recorder::walk::Reach;
use crate::recorder::writes::{bit, was_written, Strength, WHOLE};
use crate::recorder::{recorder, walk, Recorder};
use clew_trace::FlowKind;

/// A shallow read of `object`: finds its last writer if an earlier unit wrote it.
///
/// # Safety
/// The interpreter lock is held; `object` is alive.
#[inline(always)]
pub unsafe fn look(site: &Site, object: *mut ffi::PyObject) {
    // SAFETY: as promised; the bitmaps have `mask + 1` bits.
    unsafe {
        let hot = hot();
        if *(*hot).state != (*hot).current {
            unit_changed();
        }
        if !(*hot).any_old {
            return;
        }
        let tp = ffi::Py_TYPE(object);
        if bit((*hot).old, (*hot).mask, object as usize)
            || bit((*hot).old, (*hot).mask, tp as usize)
            || (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0
            || tp == (*hot).ndarray
            || tp == &raw mut ffi::PyDictProxy_Type
            || (*hot).families
        {
            look_closer(site, object);
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn look_closer(site: &Site, object: *mut ffi::PyObject) {
    // SAFETY: as for `look`.
    unsafe {
        let Some(recorder) = recorder() else { return };
        let unit = (*hot()).unit;
        let tp = ffi::Py_TYPE(object);
        if is_atom(tp) {
            return;
        }
        match recorder.family(tp) {
            Family::Plain | Family::User => {
                let is_local = is_named(tp, b"_thread._local") && recorder.in_other_thread();
                let address = if is_local { address_in_thread(object) } else { object as usize };
                if shows_all(recorder, site, tp) {
                    recorder.read_address(unit, address, WHOLE, FlowKind::Data);
                } else {
                    read_keys(recorder, unit, site, address);
                }
                // Classes keep what their instances and subclasses do not.
                read_bases(recorder, unit, site, tp);
                if (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
                    read_bases(recorder, unit, site, object.cast());
                }
            }
            Family::Array | Family::Figure | Family::MemoryView | Family::Window | Family::Memory => {
                let owner = recorder.owner(object);
                recorder.read_address(unit, owner as usize, WHOLE, FlowKind::View);
            }
            Family::Proxy => {
                let owner = recorder.owner(object);
                if site.keys.iter().any(|key| recorder.is_attribute(tp, *key)) {
                    recorder.read_address(unit, owner as usize, WHOLE, FlowKind::View);
                } else {
                    read_keys(recorder, unit, site, owner as usize);
                }
            }
            Family::Frame => {
                // What is not a column (`iloc`, `index`, a method) shows all of it.
                if site.keys.is_empty() || site.keys.iter().any(|key| recorder.is_attribute(tp, *key)) {
                    recorder.read_deep(unit, object, Reach::Everything);
                } else {
                    read_keys(recorder, unit, site, object as usize);
                }
            }
        }
    }
}

/// Looks at the classes in which attributes of `tp` are looked up.
unsafe fn read_bases(recorder: &mut Recorder, unit: u32, site: &Site, tp: *mut ffi::PyTypeObject) {
    // SAFETY: the tuple of a live type's bases is live; nothing runs meanwhile.
    unsafe {
        let order = (*tp).tp_mro;
        if (*tp).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || order.is_null() {
            return;
        }
        for i in 0..ffi::PyTuple_Size(order) {
            let base = ffi::PyTuple_GetItem(order, i).cast::<ffi::PyTypeObject>();
            if (*base).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 {
                read_keys(recorder, unit, site, base as usize);
            }
        }
    }
}

/// Attributes that show all others.
const SHOWING: [&str; 6] =
    [namespaces::NAME, "__getattribute__", "__getstate__", "__reduce__", "__reduce_ex__", "__dir__"];

/// Whether an attribute that the site takes from an object of type `tp` may show anything that was stored by name:
/// a method of a dictionary, whose items have names as well, or the dictionary of an object.
unsafe fn shows_all(recorder: &Recorder, site: &Site, tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live type; errors are cleared.
    unsafe {
        let is_dict = (*tp).tp_flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0;
        site.keys.iter().any(|key| {
            let name = &recorder.key_names[*key as usize - 1];
            if SHOWING.contains(&name.as_str()) || !is_dict {
                return SHOWING.contains(&name.as_str());
            }
            let name = ffi::PyUnicode_FromStringAndSize(name.as_ptr().cast(), name.len() as ffi::Py_ssize_t);
            if name.is_null() {
                ffi::PyErr_Clear();
                return true;
            }
            let found = super::callee::type_lookup(tp, name);
            ffi::Py_DECREF(name);
            !found.is_null()
        })
    }
}

unsafe fn read_keys(recorder: &mut Recorder, unit: u32, site: &Site, address: usize) {
    if site.keys.is_empty() {
        recorder.read_address(unit, address, WHOLE, FlowKind::Data);
    } else {
        for &key in &site.keys {
            recorder.read_address(unit, address, key, FlowKind::Data);
        }
    }
}

/// Hook before an attribute or item load.
pub unsafe extern "C" fn see(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        erasing::tick();
        look(&*site.cast::<Site>(), object);
        if (*hot()).ambient {
            if let Some(recorder) = recorder() {
                recorder.read_package_of((*hot()).unit, ffi::Py_TYPE(object));
            }
        }
        if object == (*hot()).environ {
            if let Some(recorder) = recorder() {
                recorder.read_environ((*hot()).unit, &(*site.cast::<Site>()).keys);
            }
        }
        ffi::Py_NewRef(object)
    }
}

/// As [`see`], before the dictionary of an object is asked for.
pub unsafe extern "C" fn see_namespace(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        namespaces::asked(object);
        see(site, object)
    }
}

/// Hook on an operand whose content is read.
pub unsafe extern "C" fn read(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects.
    unsafe {
        erasing::tick();
        let hot = hot();
        if *(*hot).state != (*hot).current {
            unit_changed();
        }
        let tp = ffi::Py_TYPE(object);
        if is_atom(tp) {
            return ffi::Py_NewRef(object);
        }
        if (*site.cast::<Site>()).update && is_hashed(tp) {
            // `x in table`: keys are equal or not for good, and values do not matter.
            look(&*site.cast::<Site>(), object);
        } else if (*hot).any_old {
            walk::read_deep_now(object, Reach::NotUserObjects);
        }
        if (*hot).ambient {
            read_ambient((*hot).unit, object);
        }
        if object == (*hot).environ {
            read_all_variables((*hot).unit);
        }
        if (*site.cast::<Site>()).update && (*tp).tp_iternext.is_some() {
            // `x in iterator` advances it.
            draw::advance((*hot).unit, object);
        }
        ffi::Py_NewRef(object)
    }
}

/// Whether items are found by their hash.
fn is_hashed(tp: *mut ffi::PyTypeObject) -> bool {
    tp == &raw mut ffi::PyDict_Type || tp == &raw mut ffi::PySet_Type || tp == &raw mut ffi::PyFrozenSet_Type
}

/// Options and contexts of the object's library, once some were changed.
#[cold]
unsafe fn read_ambient(unit: u32, object: *mut ffi::PyObject) {
    // SAFETY: `object` is an operand.
    unsafe {
        if let Some(recorder) = recorder() {
            recorder.read_ambient(unit, object);
        }
    }
}

/// `os.environ` as a whole.
#[cold]
unsafe fn read_all_variables(unit: u32) {
    // SAFETY: hooks hold the interpreter lock.
    unsafe {
        if let Some(recorder) = recorder() {
            recorder.read_environ(unit, &[]);
        }
    }
}

/// Hook on an operand that is iterated to its end.
pub unsafe extern "C" fn consume(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects.
    unsafe {
        if !is_atom(ffi::Py_TYPE(object)) {
            look(&*site.cast::<Site>(), object);
            if (*hot()).ambient {
                read_ambient((*hot()).unit, object);
            }
            if object == (*hot()).environ {
                read_all_variables((*hot()).unit);
            }
            if !is_container(ffi::Py_TYPE(object)) {
                // A view or an iterator shows what it was made of.
                walk::read_deep_now(object, Reach::NotUserObjects);
                draw::advance(current_unit(), object);
            }
            let unpacks = (*site.cast::<Site>()).index;
            if unpacks > 0 {
                unpack::items(&*site.cast::<Site>(), object, unpacks);
            }
        }
        ffi::Py_NewRef(object)
    }
}

/// Whether iterating looks at the object itself only.
pub fn is_container(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the address of a type, set when numpy is imported.
    tp == unsafe { (*hot()).ndarray }
        || tp == &raw mut ffi::PyList_Type
        || tp == &raw mut ffi::PyTuple_Type
        || tp == &raw mut ffi::PyDict_Type
        || tp == &raw mut ffi::PySet_Type
        || tp == &raw mut ffi::PyFrozenSet_Type
}

/// Records a write to the whole object.
///
/// # Safety
/// The interpreter lock is held; both are live.
pub unsafe fn write_whole(site: *mut Site, object: *mut ffi::PyObject) {
    // SAFETY: as promised.
    unsafe {
        let hot = hot();
        if *(*hot).state != (*hot).current {
            unit_changed();
        }
        (*site).touched = true;
        if was_written(object as usize, WHOLE) {
            return;
        }
        super::callee::wrote(object);
    }
}

/// Hook on the receiver of an attribute or item store or deletion.
pub unsafe extern "C" fn write(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        erasing::tick();
        let site = site.cast::<Site>();
        let hot = hot();
        if *(*hot).state != (*hot).current {
            unit_changed();
        }
        (*site).touched = true;
        let key = (*site).key;
        if !was_written(object as usize, key) {
            if let Some(recorder) = recorder() {
                watch_foreign_store(recorder, object);
                // Items are ordered and keys compare: only an attribute's old value is gone without a trace.
                let is_item = key == WHOLE || (*ffi::Py_TYPE(object)).tp_flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0;
                let strength = if is_item || (*site).update { Strength::Updates } else { Strength::Replaces };
                recorder.write((*hot).unit, object, key, strength);
            }
        }
        if (*site).update {
            if (*site).is_indexed {
                item_in_place(site, object, (*site).index as ffi::Py_ssize_t);
            } else {
                (*hot).augmented = object;
                attribute_in_place(site, object);
            }
        }
        ffi::Py_NewRef(object)
    }
}

/// A store that foreign Python code carries out may change more than the object: what it holds is compared later.
unsafe fn watch_foreign_store(recorder: &mut Recorder, object: *mut ffi::PyObject) {
    // SAFETY: slots of a live type.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        if (*tp).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
            return;
        }
        let items = (*tp).tp_as_mapping;
        let plain_items = items.is_null()
            || (*items).mp_ass_subscript.is_none()
            || [&raw mut ffi::PyDict_Type, &raw mut ffi::PyList_Type].iter().any(|base| {
                (*(**base).tp_as_mapping).mp_ass_subscript.map(|f| f as usize)
                    == (*items).mp_ass_subscript.map(|f| f as usize)
            });
        let plain_attributes =
            (*tp).tp_setattro.map(|f| f as usize) == Some(ffi::PyObject_GenericSetAttr as *const () as usize);
        if !(plain_items && plain_attributes) && recorder.family(tp) == Family::Plain {
            recorder.watch(object);
        }
    }
}

/// `o.a += v` may change the object in `o.a` in place.
unsafe fn attribute_in_place(site: *mut Site, object: *mut ffi::PyObject) {
    // SAFETY: plain instances only: their attribute look-up runs no user code.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        if (*site).name.is_null()
            || (*tp).tp_getattro.map(|f| f as usize) != Some(ffi::PyObject_GenericGetAttr as *const () as usize)
        {
            return;
        }
        let found = super::callee::type_lookup(tp, (*site).name);
        if !found.is_null() && (*ffi::Py_TYPE(found)).tp_descr_set.is_some() && !is_member(found) {
            return;
        }
        let value = ffi::PyObject_GenericGetAttr(object, (*site).name);
        if value.is_null() {
            ffi::PyErr_Clear();
            return;
        }
        changed_in_place(site, value);
        ffi::Py_DECREF(value);
    }
}

unsafe fn is_member(descriptor: *mut ffi::PyObject) -> bool {
    // SAFETY: comparing addresses of types.
    unsafe { ffi::Py_TYPE(descriptor) == &raw mut ffi::PyMemberDescr_Type }
}

/// Records a write if the type can change in place under an augmented operator.
unsafe fn changed_in_place(site: *mut Site, value: *mut ffi::PyObject) {
    // SAFETY: slots of a live type.
    unsafe {
        let tp = ffi::Py_TYPE(value);
        if is_atom(tp) || !has_in_place(tp) {
            return;
        }
        write_whole(site, value);
    }
}

unsafe fn has_in_place(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: slot tables of a live type are live.
    unsafe {
        let numbers = (*tp).tp_as_number;
        let sequence = (*tp).tp_as_sequence;
        (!numbers.is_null()
            && ((*numbers).nb_inplace_add.is_some()
                || (*numbers).nb_inplace_subtract.is_some()
                || (*numbers).nb_inplace_multiply.is_some()
                || (*numbers).nb_inplace_or.is_some()
                || (*numbers).nb_inplace_and.is_some()
                || (*numbers).nb_inplace_xor.is_some()
                || (*numbers).nb_inplace_true_divide.is_some()
                || (*numbers).nb_inplace_matrix_multiply.is_some()))
            || (!sequence.is_null()
                && ((*sequence).sq_inplace_concat.is_some() || (*sequence).sq_inplace_repeat.is_some()))
    }
}

/// Hook before `x += v` on a name.
pub unsafe extern "C" fn in_place(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        changed_in_place(site.cast(), object);
        ffi::Py_NewRef(object)
    }
}

/// `o[3] += v` may change the object in `o[3]` in place.
unsafe fn item_in_place(site: *mut Site, object: *mut ffi::PyObject, index: ffi::Py_ssize_t) {
    // SAFETY: exact lists and dictionaries with plain keys only: their look-up runs no user code.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        if tp == &raw mut ffi::PyList_Type {
            if index < ffi::PyList_Size(object) {
                changed_in_place(site, ffi::PyList_GetItem(object, index));
            }
        } else if (*tp).tp_flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0 {
            let key = ffi::PyLong_FromSsize_t(index);
            let value = ffi::PyDict_GetItemWithError(object, key);
            ffi::Py_XDECREF(key);
            if value.is_null() {
                ffi::PyErr_Clear();
            } else {
                changed_in_place(site, value);
            }
        }
    }
}

/// Hook on the key of `o[k] += v`: the element may change in place.
pub unsafe extern "C" fn item_key(site: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: `augmented` was set by the write hook of the same statement and is kept alive by the frame that is
    // evaluating it; it is used once.
    unsafe {
        let hot = hot();
        let object = std::mem::replace(&mut (*hot).augmented, std::ptr::null_mut());
        let plain_key =
            ffi::Py_TYPE(key) == &raw mut ffi::PyLong_Type || ffi::Py_TYPE(key) == &raw mut ffi::PyUnicode_Type;
        if !object.is_null() && plain_key {
            let tp = ffi::Py_TYPE(object);
            if tp == &raw mut ffi::PyList_Type && ffi::PyLong_Check(key) != 0 {
                let mut index = ffi::PyLong_AsSsize_t(key);
                let size = ffi::PyList_Size(object);
                if index < 0 {
                    index += size;
                }
                if ffi::PyErr_Occurred().is_null() && index >= 0 && index < size {
                    changed_in_place(site.cast(), ffi::PyList_GetItem(object, index));
                } else {
                    ffi::PyErr_Clear();
                }
            } else if (*tp).tp_flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0 {
                let value = ffi::PyDict_GetItemWithError(object, key);
                if value.is_null() {
                    ffi::PyErr_Clear();
                } else {
                    changed_in_place(site.cast(), value);
                }
            }
        }
        ffi::Py_NewRef(key)
    }
}
