//! What is reachable from an object: deep reads, and writes to the objects that own the state.
//!
//! Reachability is the garbage collector's own (`tp_traverse`), so it sees through any C object that takes
//! part in collection, and calls no user code. It stops at types, modules, code and function globals.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::FxHashSet;
use std::ffi::{c_int, c_void};

use super::families::Family;
use super::hidden::package_of_type;
use super::inspect::{is_atom, is_named};
use super::threads::address_in_thread;
use super::units::hot;
use super::writes::{bit, Strength, WHOLE};
use super::{recorder, Recorder};
use clew_trace::FlowKind;

/// Objects that one deep read may visit.
pub const WALK_BUDGET: usize = 20_000;

/// Objects that one turn of a unit may visit in all its reads; beyond it, it depends on every earlier writer.
const UNIT_BUDGET: usize = 2_000_000;

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

/// Objects of a walk that is kept, at most.
const MAX_WATCHED: usize = 200;

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

/// Whether the parts of an object change by writes only that are told.
unsafe fn is_told(tp: *mut ffi::PyTypeObject, family: Family) -> bool {
    matches!(family, Family::Array | Family::Frame)
        || tp == &raw mut ffi::PyList_Type
        || tp == &raw mut ffi::PyTuple_Type
        || tp == &raw mut ffi::PyDict_Type
        || tp == &raw mut ffi::PySet_Type
        || tp == &raw mut ffi::PyFrozenSet_Type
        || tp == &raw mut ffi::_PyWeakref_RefType
        || tp == &raw mut ffi::PyBaseObject_Type
        // SAFETY: a live type. Walks stop at classes.
        || unsafe {
            (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0
                || matches!(package_of_type(tp).as_str(), "numpy" | "pandas")
        }
}

/// Key under which a thread's own attributes of a shared object are noted for the others.
const OTHER_THREAD: u32 = u32::MAX;

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
            let n_items = (view.len as usize / size_of::<usize>()).min(WALK_BUDGET);
            let items = std::slice::from_raw_parts(view.buf.cast::<*mut ffi::PyObject>(), n_items);
            let live = items.iter().filter(|item| !item.is_null());
            into.extend(live.filter(|item| !is_atom(ffi::Py_TYPE(**item))));
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
            if self.written.watch.holds(object as usize, unit) {
                return;
            }
            let mut found = Vec::new();
            let mut met = self.written.watch.is_usual(object as usize, unit).then(Vec::new);
            let complete =
                self.walks.spent <= UNIT_BUDGET && self.look_below(object, WALK_BUDGET, reach, &mut found, &mut met);
            if let Some(met) = met.filter(|met| complete && met.len() > 1) {
                let addresses: Vec<usize> = met.into_iter().chain(found.iter().copied()).collect();
                self.keep_walk(unit, object, &addresses);
            }
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

    /// A deep read of `root` by `unit` finds nothing new until one of the addresses is written or `root` dies.
    unsafe fn keep_walk(&mut self, unit: u32, root: *mut ffi::PyObject, addresses: &[usize]) {
        self.written.follow(root as usize);
        self.written.watch.keep(root as usize, unit, addresses);
        // SAFETY: the lock is held by whoever records. Writes that were told already are told again.
        unsafe { (*hot()).epoch = (*hot()).epoch.wrapping_add(1) };
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
        // SAFETY: as promised.
        unsafe { self.look_below(object, budget, reach, found, &mut None) }
    }

    /// As `known_below`; `met` becomes all that was met if it is little and changes by writes that are told, or nothing.
    unsafe fn look_below(
        &mut self,
        object: *mut ffi::PyObject,
        budget: usize,
        reach: Reach,
        found: &mut Vec<usize>,
        met: &mut Option<Vec<usize>>,
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
                let family = self.family(ffi::Py_TYPE(object));
                if let Some(addresses) = met.as_mut() {
                    addresses.push(object as usize);
                    if n_visited > MAX_WATCHED || !is_told(ffi::Py_TYPE(object), family) {
                        *met = None;
                    }
                }
                match family {
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
                        let own = address_in_thread(object);
                        self.write_address(unit, own, key, Strength::Updates);
                        // Looks in any thread must find that there is something to be found.
                        self.write_address(unit, object as usize, OTHER_THREAD, Strength::Replaces);
                    } else {
                        self.write_address(unit, object as usize, key, strength);
                    }
                    self.wrote_in_thread(object as usize);
                }
                Family::Array | Family::Figure | Family::MemoryView | Family::Window | Family::Proxy => {
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

/// Whether the program has imported a module.
unsafe fn is_loaded(module: &std::ffi::CStr) -> bool {
    // SAFETY: the module dictionary is alive; errors are cleared.
    unsafe {
        let found = ffi::PyDict_GetItemString(ffi::PyImport_GetModuleDict(), module.as_ptr());
        !found.is_null()
    }
}

/// Records a deep read by the running unit, if a recording runs.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn read_deep_now(object: *mut ffi::PyObject, reach: Reach) {
    let unit = super::units::current_unit();
    // SAFETY: as promised.
    unsafe {
        if let Some(recorder) = recorder() {
            recorder.read_deep(unit, object, reach);
        }
    }
}
