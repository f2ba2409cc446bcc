//! Forgetting objects that die, so that an address never speaks of another object.
//!
//! CPython gives no event for an object's death. We see it where the memory goes: in `free` and `realloc` of
//! the object allocator, and, for lists and dictionaries, whose memory may go to a free list instead, in the
//! types' deallocators. Both only test one bit unless the object has an entry.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use super::recorder;
use super::units::hot;

type FreeFn = extern "C" fn(*mut c_void, *mut c_void);
type ReallocFn = extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void;
type DeallocFn = unsafe extern "C" fn(*mut ffi::PyObject);

static INSTALLED: AtomicBool = AtomicBool::new(false);
static mut ORIGINAL_FREE: Option<FreeFn> = None;
static mut ORIGINAL_REALLOC: Option<ReallocFn> = None;
static mut LIST_DEALLOC: Option<DeallocFn> = None;
static mut DICT_DEALLOC: Option<DeallocFn> = None;
static mut DEPTH: usize = 0;
static mut POSTPONED: Vec<*mut ffi::PyObject> = Vec::new();

/// Nested deallocations beyond which lists and dictionaries wait, as CPython's own trash can does; ours
/// replaces it because CPython's macro recognises a type by its unpatched deallocator.
const MAX_DEPTH: usize = 40;

/// An object lies at 0, 16 or 32 bytes after the start of its block (collector header, managed dictionary).
#[inline(always)]
unsafe fn block_dies(block: *mut c_void) {
    // SAFETY: the object domain is used with the interpreter lock held; the maps have slack past the end.
    unsafe {
        let hot = hot();
        if (*hot).n_known == 0 {
            return;
        }
        let index = (block as usize >> 4) & (*hot).mask;
        let word = (*hot).known.add(index >> 3).cast::<u16>().read_unaligned();
        if (word >> (index & 7)) & 0b111 != 0 || index + 2 > (*hot).mask {
            forget_block(block as usize);
        }
    }
}

#[cold]
unsafe fn forget_block(block: usize) {
    // SAFETY: as for `block_dies`.
    if let Some(recorder) = unsafe { recorder() } {
        for offset in [0, 16, 32] {
            recorder.written.forget(block + offset);
        }
    }
}

extern "C" fn free(ctx: *mut c_void, block: *mut c_void) {
    // SAFETY: the original was saved before this function was installed.
    unsafe {
        if !block.is_null() {
            block_dies(block);
        }
        if let Some(original) = ORIGINAL_FREE {
            original(ctx, block);
        }
    }
}

extern "C" fn realloc(ctx: *mut c_void, block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: as for `free`. A moved object keeps no entry: only variable-size objects under construction move.
    unsafe {
        if !block.is_null() {
            block_dies(block);
        }
        ORIGINAL_REALLOC.map_or(std::ptr::null_mut(), |original| original(ctx, block, size))
    }
}

#[inline(always)]
unsafe fn dealloc(object: *mut ffi::PyObject, original: Option<DeallocFn>, exact: bool) {
    // SAFETY: called by the interpreter for an object whose reference count reached zero.
    unsafe {
        let hot = hot();
        if (*hot).n_known != 0 && super::writes::bit((*hot).known, (*hot).mask, object as usize) {
            if let Some(recorder) = recorder() {
                recorder.written.forget(object as usize);
            }
        }
        let Some(original) = original else { return };
        if DEPTH >= MAX_DEPTH && exact {
            ffi::PyObject_GC_UnTrack(object.cast());
            let postponed = &raw mut POSTPONED;
            (*postponed).push(object);
            return;
        }
        DEPTH += 1;
        original(object);
        DEPTH -= 1;
        let postponed = &raw const POSTPONED;
        if DEPTH == 0 && !(*postponed).is_empty() {
            drain();
        }
    }
}

#[cold]
unsafe fn drain() {
    // SAFETY: postponed objects have no references and are untracked; each is deallocated once.
    unsafe {
        let postponed = &raw mut POSTPONED;
        while let Some(object) = (*postponed).pop() {
            DEPTH += 1;
            let original = if ffi::Py_TYPE(object) == &raw mut ffi::PyList_Type { LIST_DEALLOC } else { DICT_DEALLOC };
            if let Some(original) = original {
                original(object);
            }
            DEPTH -= 1;
        }
    }
}

unsafe extern "C" fn list_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: called by the interpreter as the list type's deallocator.
    unsafe { dealloc(object, LIST_DEALLOC, ffi::Py_TYPE(object) == &raw mut ffi::PyList_Type) }
}

unsafe extern "C" fn dict_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: called by the interpreter as the dictionary type's deallocator.
    unsafe { dealloc(object, DICT_DEALLOC, ffi::Py_TYPE(object) == &raw mut ffi::PyDict_Type) }
}

/// Starts watching. Idempotent.
pub fn install() {
    if INSTALLED.swap(true, Ordering::Relaxed) {
        return;
    }
    // SAFETY: the interpreter lock is held; the allocator keeps its context and its other functions, and
    // ours call the saved ones, which the interface of `PyMem_SetAllocator` allows at any time.
    unsafe {
        let mut allocator = std::mem::zeroed::<ffi::PyMemAllocatorEx>();
        ffi::PyMem_GetAllocator(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_OBJ, &raw mut allocator);
        ORIGINAL_FREE = allocator.free;
        ORIGINAL_REALLOC = allocator.realloc;
        allocator.free = Some(free);
        allocator.realloc = Some(realloc);
        ffi::PyMem_SetAllocator(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_OBJ, &raw mut allocator);
        LIST_DEALLOC = ffi::PyList_Type.tp_dealloc;
        DICT_DEALLOC = ffi::PyDict_Type.tp_dealloc;
        ffi::PyList_Type.tp_dealloc = Some(list_dealloc);
        ffi::PyDict_Type.tp_dealloc = Some(dict_dealloc);
    }
}

/// Stops watching, unless somebody who watches allocations came after us (`tracemalloc`) and calls us in turn.
pub fn uninstall() {
    if !INSTALLED.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: as for `install`; the originals are put back.
    unsafe {
        let mut allocator = std::mem::zeroed::<ffi::PyMemAllocatorEx>();
        ffi::PyMem_GetAllocator(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_OBJ, &raw mut allocator);
        if allocator.free.map(|f| f as usize) != Some(free as FreeFn as usize) {
            return;
        }
        INSTALLED.store(false, Ordering::Relaxed);
        allocator.free = ORIGINAL_FREE;
        allocator.realloc = ORIGINAL_REALLOC;
        ffi::PyMem_SetAllocator(ffi::PyMemAllocatorDomain::PYMEM_DOMAIN_OBJ, &raw mut allocator);
        ffi::PyList_Type.tp_dealloc = LIST_DEALLOC;
        ffi::PyDict_Type.tp_dealloc = DICT_DEALLOC;
    }
}
