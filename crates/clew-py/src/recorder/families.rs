//! To which object the state of an object belongs: an array's to its buffer, an artist's to its figure, a frame's to its
//! blocks, all data of `ctypes` to one memory.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::FxHashMap;
use std::ffi::{c_int, c_void};

use super::inspect::{base_named, is_named, kept_attribute, module_of, type_name};
use super::units::hot;
use super::writes::WHOLE;
use super::Recorder;

/// How the state of a type's objects is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// In the object itself and what it refers to.
    Plain,
    /// As `Plain`, and every operation on it is user code, whose own hooks tell what it touches.
    User,
    /// In a buffer that views share (`numpy.ndarray`).
    Array,
    /// In the figure that owns it (matplotlib artists).
    Figure,
    /// In arrays inside (pandas objects).
    Frame,
    /// In the object that lent its buffer.
    MemoryView,
    /// In the object named by its `base` (an element or iterator of an array).
    Window,
    /// In the mapping that it shows (`types.MappingProxyType`).
    Proxy,
    /// In memory that any object of `ctypes` may show.
    Memory,
}

/// A direct-mapped memory of types' families: a hash table look-up is too slow for a hook.
pub struct FamilyMemory {
    slots: [(usize, Family); 256],
    /// Whether an object of this type has this key as an attribute of its type.
    attributes: FxHashMap<(usize, u32), bool>,
}

impl Default for FamilyMemory {
    fn default() -> Self {
        Self { slots: [(0, Family::Plain); 256], attributes: FxHashMap::default() }
    }
}

impl FamilyMemory {
    #[inline(always)]
    fn find(&self, address: usize) -> Option<Family> {
        let slot = self.slots[(address >> 4) & 255];
        (slot.0 == address).then_some(slot.1)
    }

    /// Forgets all (a module of the user was loaded, so that types may be the user's now).
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Recorder {
    /// The family of a type, found by its module once.
    ///
    /// # Safety
    /// The interpreter lock is held and `tp` is a live type.
    #[inline]
    pub unsafe fn family(&mut self, tp: *mut ffi::PyTypeObject) -> Family {
        match self.types.find(tp as usize) {
            Some(family) => family,
            // SAFETY: as promised.
            None => unsafe { self.find_family(tp) },
        }
    }

    #[cold]
    #[inline(never)]
    unsafe fn find_family(&mut self, tp: *mut ffi::PyTypeObject) -> Family {
        // SAFETY: as promised; errors are cleared.
        let family = unsafe {
            if tp == &raw mut ffi::PyMemoryView_Type {
                Family::MemoryView
            } else if tp == &raw mut ffi::PyDictProxy_Type {
                Family::Proxy
            } else if is_window(tp) {
                Family::Window
            } else if !foreign_data(tp).is_null() {
                Family::Memory
            } else if (*tp).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 && !is_ndarray(tp) {
                Family::Plain
            } else {
                match family_by_module(tp) {
                    Family::Plain if self.is_user_type(tp) => Family::User,
                    family => family,
                }
            }
        };
        if family == Family::Array {
            // SAFETY: the hot words are ours while the lock is held.
            unsafe {
                if is_ndarray(tp) {
                    (*hot()).ndarray = tp;
                } else {
                    (*hot()).families = true;
                }
            }
        }
        self.types.slots[(tp as usize >> 4) & 255] = (tp as usize, family);
        family
    }

    /// Whether the type itself has an attribute of the key's name.
    ///
    /// # Safety
    /// The interpreter lock is held and `tp` is a live type.
    pub unsafe fn is_attribute(&mut self, tp: *mut ffi::PyTypeObject, key: u32) -> bool {
        if key == WHOLE {
            return false;
        }
        if let Some(&known) = self.types.attributes.get(&(tp as usize, key)) {
            return known;
        }
        let name = &self.key_names[key as usize - 1];
        // SAFETY: the text is copied; looking up on the type runs no user code.
        let found = unsafe {
            let name = ffi::PyUnicode_FromStringAndSize(name.as_ptr().cast(), name.len() as isize);
            let found = !name.is_null() && !crate::hooks::callee::type_lookup(tp, name).is_null();
            ffi::Py_XDECREF(name);
            found
        };
        self.types.attributes.insert((tp as usize, key), found);
        found
    }

    /// Whether the type and its bases, up to `object`, were made in sources of this recording.
    unsafe fn is_user_type(&self, tp: *mut ffi::PyTypeObject) -> bool {
        // SAFETY: bases of a live type are live.
        unsafe {
            let mut base = tp;
            while !base.is_null() && base != &raw mut ffi::PyBaseObject_Type {
                if (*base).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 {
                    return false;
                }
                let module = module_of(base);
                if !self.sources.iter().any(|source| source.module == module) {
                    return false;
                }
                base = (*base).tp_base;
            }
        }
        true
    }

    /// The object to which the state of `object` belongs (borrowed, alive as long as `object`).
    ///
    /// # Safety
    /// The interpreter lock is held and `object` is alive.
    pub unsafe fn owner(&mut self, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
        // SAFETY: as promised.
        unsafe {
            match self.family(ffi::Py_TYPE(object)) {
                Family::Plain | Family::User | Family::Frame => object,
                Family::Array => {
                    let base = array_owner(object);
                    if base == object {
                        object
                    } else {
                        self.owner(base)
                    }
                }
                Family::Window => {
                    let base = kept_attribute(object, c"base");
                    if base.is_null() || base == object {
                        object
                    } else {
                        self.owner(base)
                    }
                }
                Family::Proxy => {
                    let shown = (*object.cast::<ProxyHead>()).mapping;
                    self.owner(shown)
                }
                Family::Memory => foreign_data(ffi::Py_TYPE(object)).cast(),
                Family::Figure => {
                    let figure = kept_attribute(object, c"figure");
                    if figure.is_null() {
                        object
                    } else {
                        figure
                    }
                }
                Family::MemoryView => {
                    let view = &raw const (*object.cast::<MemoryViewHead>()).view;
                    if (*view).obj.is_null() || (*view).obj == object {
                        object
                    } else {
                        self.owner((*view).obj)
                    }
                }
            }
        }
    }
}

#[repr(C)]
struct ProxyHead {
    head: ffi::PyObject,
    mapping: *mut ffi::PyObject,
}

#[repr(C)]
struct MemoryViewHead {
    head: ffi::PyVarObject,
    mbuf: *mut c_void,
    hash: isize,
    flags: c_int,
    exports: isize,
    view: ffi::Py_buffer,
}

/// Layout of the start of `PyArrayObject_fields`, part of numpy's stable binary interface.
#[repr(C)]
pub struct ArrayHead {
    head: ffi::PyObject,
    /// First element.
    pub data: *mut u8,
    /// Number of dimensions.
    pub nd: c_int,
    /// Length of each.
    pub dimensions: *mut isize,
    /// Bytes between elements of each.
    pub strides: *mut isize,
    base: *mut ffi::PyObject,
}

/// Whether the type is numpy's array type itself.
unsafe fn is_ndarray(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live type.
    unsafe { type_name(tp) == b"numpy.ndarray" }
}

/// Follows `base` to the object that owns the buffer.
unsafe fn array_owner(array: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: only called for arrays; a base is kept alive by its view.
    unsafe {
        let mut current = array;
        for _ in 0..64 {
            let base = (*current.cast::<ArrayHead>()).base;
            if base.is_null() {
                return current;
            }
            if type_name(ffi::Py_TYPE(base)) == b"numpy.nditer" {
                return operand_of(base, (*current.cast::<ArrayHead>()).data);
            }
            let ndarray = (*hot()).ndarray;
            if ndarray.is_null() || ffi::PyType_IsSubtype(ffi::Py_TYPE(base), ndarray) == 0 {
                return base;
            }
            current = base;
        }
        current
    }
}

/// The array in which an iterator over several arrays found the element at `data` (borrowed), or the iterator.
unsafe fn operand_of(iterator: *mut ffi::PyObject, data: *mut u8) -> *mut ffi::PyObject {
    // SAFETY: the iterator refers to its operands, which are arrays; errors are cleared.
    unsafe {
        let operands = ffi::PyObject_GetAttrString(iterator, c"operands".as_ptr());
        if operands.is_null() {
            ffi::PyErr_Clear();
            return iterator;
        }
        let mut found = iterator;
        for i in 0..ffi::PyTuple_Size(operands) {
            let operand = ffi::PyTuple_GetItem(operands, i);
            let head = operand.cast::<ArrayHead>();
            let (mut first, mut last) = ((*head).data, (*head).data);
            for axis in 0..(*head).nd as usize {
                let reach = (*(*head).dimensions.add(axis) - 1) * *(*head).strides.add(axis);
                if reach < 0 {
                    first = first.offset(reach);
                } else {
                    last = last.offset(reach);
                }
            }
            if first <= data && data <= last {
                found = operand;
            }
        }
        ffi::Py_DECREF(operands);
        found
    }
}

/// Whether objects of the type show part of an array and name it as their `base`.
unsafe fn is_window(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live type.
    let name = unsafe { type_name(tp) };
    matches!(name, b"numpy.void" | b"numpy.flatiter" | b"numpy.record")
}

/// The base type of all data of `ctypes`, if the type descends from it, or null.
unsafe fn foreign_data(tp: *mut ffi::PyTypeObject) -> *mut ffi::PyTypeObject {
    // SAFETY: a live type.
    unsafe { base_named(tp, |name| name == b"_ctypes._CData") }
}

unsafe fn family_by_module(tp: *mut ffi::PyTypeObject) -> Family {
    // SAFETY: `tp` is live; errors are cleared.
    unsafe {
        if is_ndarray(tp) {
            return Family::Array;
        }
        let ndarray = (*hot()).ndarray;
        if !ndarray.is_null() && ffi::PyType_IsSubtype(tp, ndarray) != 0 {
            return Family::Array;
        }
        let mut base = tp;
        while !base.is_null() {
            let module = module_of(base);
            if module.starts_with("matplotlib.") {
                return if is_named(tp, b"Artist") { Family::Figure } else { Family::Plain };
            }
            if module.starts_with("pandas.") {
                return Family::Frame;
            }
            base = (*base).tp_base;
        }
        Family::Plain
    }
}
