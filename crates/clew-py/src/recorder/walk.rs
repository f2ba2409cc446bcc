//! What is reachable from an object, and which object its state belongs to.
//!
//! Reachability is the garbage collector's own (`tp_traverse`), so it sees through any C object that takes
//! part in collection, and calls no user code. It stops at types, modules, code and function globals.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::{FxHashMap, FxHashSet};
use std::ffi::{c_int, c_void};

use super::units::hot;
use super::writes::{bit, Strength, WHOLE};
use super::{recorder, Recorder};
use clew_trace::FlowKind;

/// Objects that one deep read may visit.
pub const WALK_BUDGET: usize = 20_000;

/// Objects that one turn of a unit may visit in all its reads; beyond it, it depends on every earlier writer.
const UNIT_BUDGET: usize = 2_000_000;

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

/// Objects walked since anything new was written, so that a hot call does not walk again.
pub struct WalkMemory {
    recent: [usize; 64],
    /// Objects visited in this turn of the running unit.
    pub spent: usize,
}

impl Default for WalkMemory {
    fn default() -> Self {
        Self { recent: [0; 64], spent: 0 }
    }
}

impl WalkMemory {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.recent = [0; 64];
    }

    fn met(&mut self, address: usize) -> bool {
        let slot = &mut self.recent[(address >> 4) & 63];
        std::mem::replace(slot, address) == address
    }
}

/// Key under which a thread's own attributes of a shared object are noted for the others.
const OTHER_THREAD: u32 = u32::MAX;

/// Whether values of this type refer to nothing and never change.
///
/// # Safety
/// `tp` is a live type.
#[inline]
pub unsafe fn is_atom(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: comparing addresses of static types.
    unsafe {
        tp == &raw mut ffi::PyLong_Type
            || tp == &raw mut ffi::PyFloat_Type
            || tp == &raw mut ffi::PyUnicode_Type
            || tp == &raw mut ffi::PyBool_Type
            || tp == ffi::Py_TYPE(ffi::Py_None())
            || tp == &raw mut ffi::PyComplex_Type
            || tp == &raw mut ffi::PyBytes_Type
            || tp == &raw mut ffi::PyRange_Type
            || tp == &raw mut ffi::PySlice_Type
            || tp == &raw mut ffi::PyEllipsis_Type
    }
}

unsafe extern "C" fn collect(object: *mut ffi::PyObject, into: *mut c_void) -> c_int {
    // SAFETY: `into` is the stack that `referents` passed to `tp_traverse`.
    unsafe {
        if !object.is_null() && !is_atom(ffi::Py_TYPE(object)) {
            (*into.cast::<Vec<*mut ffi::PyObject>>()).push(object);
        }
    }
    0
}

/// Pushes what `object` refers to, except where the walk stops.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn referents(object: *mut ffi::PyObject, into: &mut Vec<*mut ffi::PyObject>) {
    // SAFETY: `tp_traverse` of a live object may be called at any time with the lock held; the collector does.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        let flags = (*tp).tp_flags;
        if flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 || ffi::PyModule_Check(object) != 0 {
            return;
        }
        if tp == &raw mut ffi::PyFunction_Type {
            let function = object.cast::<ffi::PyFunctionObject>();
            for part in [
                (*function).func_closure,
                (*function).func_defaults,
                (*function).func_kwdefaults,
                (*function).func_dict,
            ] {
                if !part.is_null() {
                    into.push(part);
                }
            }
            return;
        }
        if flags & ffi::Py_TPFLAGS_HAVE_GC == 0 {
            if (*hot()).ndarray == tp {
                array_items(object, into);
            }
            return;
        }
        if tp == &raw mut ffi::PyCode_Type || tp == &raw mut ffi::PyFrame_Type {
            return;
        }
        if let Some(traverse) = (*tp).tp_traverse {
            let pointer: *mut Vec<*mut ffi::PyObject> = into;
            traverse(object, collect, pointer.cast());
        }
    }
}

/// Items of an array of objects.
unsafe fn array_items(array: *mut ffi::PyObject, into: &mut Vec<*mut ffi::PyObject>) {
    // SAFETY: `array` is a numpy array; the buffer interface refuses what is not contiguous.
    unsafe {
        let mut view = std::mem::zeroed::<ffi::Py_buffer>();
        let flags = ffi::PyBUF_FORMAT | ffi::PyBUF_C_CONTIGUOUS;
        if ffi::PyObject_GetBuffer(array, &raw mut view, flags) != 0 {
            ffi::PyErr_Clear();
            return;
        }
        if !view.format.is_null() && *view.format as u8 == b'O' && *view.format.add(1) == 0 {
            let n_items = (view.len as usize / 8).min(WALK_BUDGET);
            for i in 0..n_items {
                let item = *view.buf.cast::<*mut ffi::PyObject>().add(i);
                if !item.is_null() && !is_atom(ffi::Py_TYPE(item)) {
                    into.push(item);
                }
            }
        }
        ffi::PyBuffer_Release(&raw mut view);
    }
}

/// Whether a walk goes on below an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// What it refers to is visited too.
    Follow,
    /// It is not.
    Stop,
}

/// How far a read goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Into everything.
    Everything,
    /// Not into objects of user classes: operators and builtins run their methods, whose hooks tell.
    NotUserObjects,
}

/// Visits everything reachable from `root`, `root` included. Returns false when the budget ran out.
///
/// # Safety
/// The interpreter lock is held and `root` is alive; `visit` runs no Python code.
pub unsafe fn reachable(
    root: *mut ffi::PyObject,
    budget: usize,
    mut visit: impl FnMut(*mut ffi::PyObject) -> Below,
) -> bool {
    let mut stack = vec![root];
    let mut seen = FxHashSet::default();
    while let Some(object) = stack.pop() {
        if !seen.insert(object as usize) {
            continue;
        }
        if seen.len() > budget {
            return false;
        }
        if visit(object) == Below::Follow {
            // SAFETY: everything on the stack is reachable from `root`, hence alive while nothing runs.
            unsafe { referents(object, &mut stack) };
        }
    }
    true
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
                    let base = base_of(object);
                    if base.is_null() || base == object {
                        object
                    } else {
                        self.owner(base)
                    }
                }
                Family::Memory => foreign_data(ffi::Py_TYPE(object)).cast(),
                Family::Figure => figure_of(object),
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

    /// Records that `unit` reads all that is reachable from `object`.
    ///
    /// # Safety
    /// The interpreter lock is held and `object` is alive.
    pub unsafe fn read_deep(&mut self, unit: u32, object: *mut ffi::PyObject, reach: Reach) {
        // SAFETY: as promised.
        unsafe {
            let is_outside = object == (*hot()).environ || self.random.owns(object);
            if !(*hot()).any_old || is_outside || is_atom(ffi::Py_TYPE(object)) || self.walks.met(object as usize) {
                return;
            }
            let mut found = Vec::new();
            let complete = self.walks.spent <= UNIT_BUDGET && self.known_below(object, WALK_BUDGET, reach, &mut found);
            for address in found {
                self.read_address(unit, address, WHOLE, FlowKind::Data);
            }
            if !complete {
                // Everything that could be found was written by an earlier unit: depend on all of them, once.
                for writer in self.written.all_writers() {
                    self.flow(unit, writer, FlowKind::Data);
                }
                (*hot()).any_old = false;
            }
        }
    }

    /// Addresses reachable from `object` that have writers.
    ///
    /// # Safety
    /// The interpreter lock is held and `object` is alive.
    pub unsafe fn known_below(
        &mut self,
        object: *mut ffi::PyObject,
        budget: usize,
        reach: Reach,
        found: &mut Vec<usize>,
    ) -> bool {
        let mut owned_elsewhere = Vec::new();
        let mut n_visited = 0;
        // SAFETY: as promised; the closure runs no Python code except to tell the family of a new type.
        let complete = unsafe {
            let hot = hot();
            reachable(object, budget, |object| {
                n_visited += 1;
                if bit((*hot).known, (*hot).mask, object as usize) {
                    found.push(object as usize);
                }
                match self.family(ffi::Py_TYPE(object)) {
                    Family::Plain => Below::Follow,
                    Family::User if reach == Reach::NotUserObjects => Below::Stop,
                    Family::User => Below::Follow,
                    _ => {
                        owned_elsewhere.push(object);
                        Below::Follow
                    }
                }
            })
        };
        self.walks.spent += n_visited;
        for object in owned_elsewhere {
            // SAFETY: still alive: reachable from `object`, and nothing was released.
            let owner = unsafe { self.owner(object) };
            found.push(owner as usize);
        }
        found.sort_unstable();
        found.dedup();
        complete
    }

    /// Records that `unit` changes `key` of `object`.
    ///
    /// # Safety
    /// The interpreter lock is held and `object` is alive.
    pub unsafe fn write(&mut self, unit: u32, object: *mut ffi::PyObject, key: u32, strength: Strength) {
        // SAFETY: as promised.
        unsafe {
            let tp = ffi::Py_TYPE(object);
            if is_atom(tp) || object == (*hot()).environ || self.random.owns(object) {
                return;
            }
            if self.is_library_part(object) {
                let package = super::hidden::package_of_object(object);
                self.changed_package(unit, &package);
            }
            if !self.mapped.is_empty() && is_named(tp, b"mmap.mmap") {
                self.write_mapped(unit);
            }
            match self.family(tp) {
                Family::Plain | Family::User => {
                    if (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
                        // Instances of subclasses show it, too: looks must go through all classes of an object.
                        (*hot()).families |= !(*object.cast::<ffi::PyTypeObject>()).tp_subclasses.is_null();
                    }
                    if is_named(tp, b"_thread._local") && self.in_other_thread() {
                        let own = self.address_in_thread(object);
                        self.write_address(unit, own, key, Strength::Updates);
                        // Looks in any thread must find that there is something to be found.
                        self.write_address(unit, object as usize, OTHER_THREAD, Strength::Replaces);
                    } else {
                        self.write_address(unit, object as usize, key, strength);
                    }
                    self.wrote_in_thread(object as usize);
                }
                Family::Array | Family::Figure | Family::MemoryView | Family::Window => {
                    let owner = self.owner(object);
                    if !self.mapped.is_empty() && is_named(ffi::Py_TYPE(owner), b"mmap.mmap") {
                        self.write_mapped(unit);
                    }
                    self.wrote_in_thread(owner as usize);
                    // Frames may stand on the array.
                    (*hot()).families |= self.family(tp) != Family::Array || is_loaded(c"pandas");
                    self.write_address(unit, owner as usize, WHOLE, Strength::Updates);
                }
                Family::Memory => {
                    (*hot()).families = true;
                    let owner = self.owner(object);
                    self.write_address(unit, owner as usize, WHOLE, Strength::Updates);
                    // What lent its buffer is changed with it.
                    let mut lenders = Vec::new();
                    reachable(object, 500, |part| {
                        let tp = ffi::Py_TYPE(part);
                        if tp == &raw mut ffi::PyByteArray_Type
                            || matches!(self.family(tp), Family::Array | Family::MemoryView)
                        {
                            lenders.push(part);
                        }
                        Below::Follow
                    });
                    for lender in lenders {
                        let owner = self.owner(lender);
                        self.write_address(unit, owner as usize, WHOLE, Strength::Updates);
                    }
                }
                Family::Frame => {
                    (*hot()).families = true;
                    self.wrote_in_thread(object as usize);
                    let key = if self.is_attribute(tp, key) { WHOLE } else { key };
                    self.write_address(unit, object as usize, key, Strength::Updates);
                    // An indexer (`df.loc`) changes the frame that it belongs to.
                    let is_frame = is_named(tp, b"NDFrame");
                    let (mut arrays, mut frames) = (Vec::new(), Vec::new());
                    reachable(object, 500, |part| {
                        if part != object && self.family(ffi::Py_TYPE(part)) == Family::Array {
                            arrays.push(part);
                        } else if !is_frame && is_named(ffi::Py_TYPE(part), b"NDFrame") {
                            frames.push(part);
                        }
                        // Labels are shared between frames and replaced as a whole, never changed.
                        if part != object && is_named(ffi::Py_TYPE(part), b"Index") {
                            Below::Stop
                        } else {
                            Below::Follow
                        }
                    });
                    if key == WHOLE {
                        for frame in frames {
                            self.write_address(unit, frame as usize, WHOLE, Strength::Updates);
                        }
                        for array in arrays {
                            let owner = self.owner(array);
                            self.write_address(unit, owner as usize, WHOLE, Strength::Updates);
                        }
                    }
                }
            }
        }
    }
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
    // SAFETY: `tp_name` of a live type is a C string.
    unsafe { std::ffi::CStr::from_ptr((*tp).tp_name).to_bytes() == b"numpy.ndarray" }
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
            if std::ffi::CStr::from_ptr((*ffi::Py_TYPE(base)).tp_name).to_bytes() == b"numpy.nditer" {
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

/// Whether the program has imported a module.
unsafe fn is_loaded(module: &std::ffi::CStr) -> bool {
    // SAFETY: the module dictionary is alive; errors are cleared.
    unsafe {
        let found = ffi::PyDict_GetItemString(ffi::PyImport_GetModuleDict(), module.as_ptr());
        !found.is_null()
    }
}

/// Whether objects of the type show part of an array and name it as their `base`.
unsafe fn is_window(tp: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: `tp_name` of a live type is a C string.
    let name = unsafe { std::ffi::CStr::from_ptr((*tp).tp_name).to_bytes() };
    matches!(name, b"numpy.void" | b"numpy.flatiter" | b"numpy.record")
}

/// The attribute `base` (borrowed, alive as long as the object), or null.
unsafe fn base_of(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the object refers to its base; errors are cleared.
    unsafe {
        let base = ffi::PyObject_GetAttrString(object, c"base".as_ptr());
        if base.is_null() {
            ffi::PyErr_Clear();
            return base;
        }
        ffi::Py_DECREF(base);
        if base == ffi::Py_None() {
            std::ptr::null_mut()
        } else {
            base
        }
    }
}

/// The base type of all data of `ctypes`, if the type descends from it.
unsafe fn foreign_data(tp: *mut ffi::PyTypeObject) -> *mut ffi::PyTypeObject {
    // SAFETY: bases of a live type are live, and names of types are C strings.
    unsafe {
        let mut base = tp;
        while !base.is_null() {
            if std::ffi::CStr::from_ptr((*base).tp_name).to_bytes() == b"_ctypes._CData" {
                return base;
            }
            base = (*base).tp_base;
        }
        base
    }
}

/// The figure of a matplotlib artist, or the artist.
unsafe fn figure_of(artist: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: errors are cleared; the figure outlives the borrowed use because the artist refers to it.
    unsafe {
        let figure = ffi::PyObject_GetAttrString(artist, c"figure".as_ptr());
        if figure.is_null() {
            ffi::PyErr_Clear();
            return artist;
        }
        ffi::Py_DECREF(figure);
        if figure == ffi::Py_None() {
            artist
        } else {
            figure
        }
    }
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

/// Whether the type or one it descends from has this name.
///
/// # Safety
/// `tp` is a live type.
pub unsafe fn is_named(tp: *mut ffi::PyTypeObject, name: &[u8]) -> bool {
    // SAFETY: bases of a live type are live, and names of types are C strings.
    unsafe {
        let mut base = tp;
        while !base.is_null() {
            if std::ffi::CStr::from_ptr((*base).tp_name).to_bytes() == name {
                return true;
            }
            base = (*base).tp_base;
        }
    }
    false
}

/// `__module__` of a type, or nothing.
///
/// # Safety
/// The interpreter lock is held and `tp` is a live type.
pub unsafe fn module_of(tp: *mut ffi::PyTypeObject) -> String {
    // SAFETY: errors are cleared; the string is copied.
    unsafe {
        let module = ffi::PyObject_GetAttrString(tp.cast(), c"__module__".as_ptr());
        if module.is_null() {
            ffi::PyErr_Clear();
            return String::new();
        }
        let text = text_of(module);
        ffi::Py_DECREF(module);
        text
    }
}

/// The text of a `str` object, or nothing.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn text_of(object: *mut ffi::PyObject) -> String {
    // SAFETY: the buffer belongs to the string and is copied at once.
    unsafe {
        if ffi::PyUnicode_Check(object) == 0 {
            return String::new();
        }
        let mut length = 0;
        let bytes = ffi::PyUnicode_AsUTF8AndSize(object, &raw mut length);
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return String::new();
        }
        String::from_utf8_lossy(std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize)).into_owned()
    }
}

/// Records a deep read by the running unit, if a recording runs.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn read_deep_now(object: *mut ffi::PyObject, reach: Reach) {
    let unit = super::units::current_unit();
    // SAFETY: as promised.
    if let Some(recorder) = unsafe { recorder() } {
        unsafe { recorder.read_deep(unit, object, reach) };
    }
}
