//! Values in 32 bits, and the names they need, without running user code and almost without hash tables.
//!
//! Names are found again by the address of what they name, together with the address of the name's own text, so that
//! an object that took the place of a dead one is not mistaken for it. Strings are found again by their hash.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::FxHashMap;
use std::ffi::CStr;
use std::sync::OnceLock;

use crate::recorder::inspect::text_of;
use clew_trace::log::{Tables, ValueRef};

/// Strings up to this many characters are kept as they are, up to [`MAX_NAMES`] different ones.
const SHORT: isize = 40;
const MAX_NAMES: usize = 1 << 16;
const OBJECTS: usize = 512;
const STRINGS: usize = 2048;

/// The names of a log, and quick ways to them.
pub struct Describer {
    ids: FxHashMap<String, u32>,
    /// What is to be added to the log's tables.
    pub fresh: Tables,
    /// Address of an object, address of its name, number of the name.
    objects: Box<[(usize, usize, u32); OBJECTS]>,
    /// Hash of a string, number of its text.
    strings: Box<[(isize, u32); STRINGS]>,
    none: u32,
    yes: u32,
    no: u32,
}

impl Describer {
    /// A describer that knows the constants. It is made once a recording; as the lengths of its arrays are part of
    /// their types, their places go unchecked.
    #[allow(clippy::large_stack_arrays)]
    pub fn new() -> Self {
        let mut made = Self {
            ids: FxHashMap::default(),
            fresh: Tables::default(),
            objects: Box::new([(0, 0, 0); OBJECTS]),
            strings: Box::new([(-1, 0); STRINGS]),
            none: 0,
            yes: 0,
            no: 0,
        };
        (made.none, made.yes, made.no) = (made.name("None"), made.name("True"), made.name("False"));
        made
    }

    /// The number of a name.
    pub fn name(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = self.ids.len() as u32;
        self.ids.insert(text.to_owned(), id);
        self.fresh.names.push(text.to_owned());
        id
    }

    /// The number of the name of an object, whose text has an address of its own.
    #[inline]
    pub fn named(&mut self, object: usize, name: usize, text: impl FnOnce() -> String) -> u32 {
        let at = (object >> 4) % OBJECTS;
        let slot = &self.objects[at];
        if slot.0 == object && slot.1 == name {
            return slot.2;
        }
        let id = self.name(&text());
        self.objects[at] = (object, name, id);
        id
    }

    /// The number of a type's name.
    ///
    /// # Safety
    /// The type is alive.
    #[inline]
    pub unsafe fn type_name(&mut self, tp: *mut ffi::PyTypeObject) -> u32 {
        // SAFETY: as promised; names of live types are C strings.
        unsafe { self.named(tp as usize, (*tp).tp_name as usize, || short_name(tp)) }
    }

    /// Describes a value.
    ///
    /// # Safety
    /// The interpreter lock is held and `value` is alive.
    #[inline(always)]
    pub unsafe fn value(&mut self, value: *mut ffi::PyObject) -> ValueRef {
        // SAFETY: the type is checked before each cast.
        unsafe {
            let tp = ffi::Py_TYPE(value);
            if tp == &raw mut ffi::PyLong_Type {
                match small_integer(value).and_then(ValueRef::integer) {
                    Some(exact) => exact,
                    None => ValueRef::of_type(self.type_name(tp)),
                }
            } else if tp == &raw mut ffi::PyFloat_Type {
                ValueRef::real((*value.cast::<ffi::PyFloatObject>()).ob_fval)
            } else if tp == &raw mut ffi::PyBool_Type {
                self.truth(value == ffi::Py_True())
            } else if value == ffi::Py_None() {
                ValueRef::name(self.none)
            } else {
                self.other(value, tp)
            }
        }
    }

    /// Describes a truth value.
    #[inline]
    pub const fn truth(&self, value: bool) -> ValueRef {
        ValueRef::name(if value { self.yes } else { self.no })
    }

    #[inline(never)]
    unsafe fn other(&mut self, value: *mut ffi::PyObject, tp: *mut ffi::PyTypeObject) -> ValueRef {
        // SAFETY: as for `value`.
        unsafe {
            if tp == &raw mut ffi::PyUnicode_Type {
                return self.string(value);
            }
            let flags = (*tp).tp_flags;
            let name = self.type_name(tp);
            if flags & (ffi::Py_TPFLAGS_LIST_SUBCLASS | ffi::Py_TPFLAGS_TUPLE_SUBCLASS) != 0 {
                ValueRef::sized(name, (*value.cast::<ffi::PyVarObject>()).ob_size as usize)
            } else if flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0 {
                ValueRef::sized(name, (*value.cast::<ffi::PyDictObject>()).ma_used as usize)
            } else {
                ValueRef::of_type(name)
            }
        }
    }

    unsafe fn string(&mut self, value: *mut ffi::PyObject) -> ValueRef {
        // SAFETY: an exact string, whose hash is its own and runs no user code.
        unsafe {
            let length = ffi::PyUnicode_GetLength(value);
            if length > SHORT {
                return ValueRef::sized(self.type_name(ffi::Py_TYPE(value)), length as usize);
            }
            let hash = ffi::PyObject_Hash(value);
            let at = hash as usize % STRINGS;
            if self.strings[at].0 == hash {
                return ValueRef::name(self.strings[at].1);
            }
            if self.ids.len() >= MAX_NAMES {
                return ValueRef::sized(self.type_name(ffi::Py_TYPE(value)), length as usize);
            }
            let id = self.name(&format!("{:?}", text_of(value)));
            self.strings[at] = (hash, id);
            ValueRef::name(id)
        }
    }
}

/// The version of CPython, as `Py_Version` tells it, in which the layout of integers changed.
const COMPACT_SINCE: std::ffi::c_ulong = 0x030C_0000;

/// The word of an integer that tells its sign and number of digits, and its first digit.
#[repr(C)]
struct Integer {
    head: ffi::PyObject,
    size: isize,
    digit: u32,
}

/// The value of an integer that has one digit of 30 bits or none.
#[inline(always)]
unsafe fn small_integer(value: *mut ffi::PyObject) -> Option<i64> {
    // SAFETY: checked by the caller to be an integer; every integer has room for a digit.
    unsafe {
        let integer = value.cast::<Integer>();
        let (size, digit) = ((*integer).size, i64::from((*integer).digit));
        if ffi::Py_Version >= COMPACT_SINCE {
            // Two bits of sign (0 positive, 1 zero, 2 negative), one reserved, then the number of digits.
            (size < 16).then(|| (1 - (size as i64 & 3)) * digit)
        } else {
            (-1..=1).contains(&size).then(|| size as i64 * digit)
        }
    }
}

/// The last part of a type's name.
///
/// # Safety
/// The type is alive.
pub unsafe fn short_name(tp: *mut ffi::PyTypeObject) -> String {
    // SAFETY: names of live types are C strings.
    let name = unsafe { CStr::from_ptr((*tp).tp_name) }.to_string_lossy();
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The name that a callable of a type written in C tells, as functions of Cython and numpy do, or that stands in its
/// dictionary, as `functools.update_wrapper` puts it there; no user code runs.
///
/// # Safety
/// The interpreter lock is held and `callee` is alive.
pub unsafe fn own_name(callee: *mut ffi::PyObject) -> Option<String> {
    static NAMES: OnceLock<[usize; 2]> = OnceLock::new();
    // SAFETY: as promised; names that are interned here are never freed.
    unsafe {
        let names = NAMES.get_or_init(|| {
            [c"__qualname__", c"__name__"].map(|name| ffi::PyUnicode_InternFromString(name.as_ptr()) as usize)
        });
        names.iter().map(|name| *name as *mut ffi::PyObject).find_map(|name| {
            let found = told_by_type(callee, name).or_else(|| in_dictionary(callee, name))?;
            let text = (ffi::PyUnicode_CheckExact(found) != 0).then(|| text_of(found));
            ffi::Py_DECREF(found);
            text
        })
    }
}

/// What a getter of the object's type gives (new reference).
unsafe fn told_by_type(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> Option<*mut ffi::PyObject> {
    // SAFETY: a getter of a C type is called with an object of it. Errors are cleared.
    unsafe {
        let getter = crate::hooks::callee::type_lookup(ffi::Py_TYPE(object), name);
        if getter.is_null() || ffi::Py_TYPE(getter) != &raw mut ffi::PyGetSetDescr_Type {
            return None;
        }
        let found = (*ffi::Py_TYPE(getter)).tp_descr_get?(getter, object, ffi::Py_TYPE(object).cast());
        if found.is_null() {
            ffi::PyErr_Clear();
        }
        (!found.is_null()).then_some(found)
    }
}

/// An item of the dictionary that an object of a C type has at a fixed place (new reference).
unsafe fn in_dictionary(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> Option<*mut ffi::PyObject> {
    // SAFETY: the type tells where the pointer is. Errors are cleared.
    unsafe {
        let offset = (*ffi::Py_TYPE(object)).tp_dictoffset;
        if offset <= 0 {
            return None;
        }
        let dictionary = *object.byte_offset(offset).cast::<*mut ffi::PyObject>();
        if dictionary.is_null() {
            return None;
        }
        let found = ffi::PyDict_GetItemWithError(dictionary, name);
        if found.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(ffi::Py_NewRef(found))
    }
}
