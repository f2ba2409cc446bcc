//! The unit that is running, and the few words that every hook reads first.
//!
//! Rewritten code stores the running unit in slot 0 of one list (`S[0]=...`), natively. Hooks compare that
//! slot with what they saw last; only when it differs do they do any work here.

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use std::cell::UnsafeCell;

use super::{recorder, NO_UNIT};
use crate::hooks::erasing;

/// How many recent writes are remembered; a power of two.
pub const N_RECENT: usize = 4096;

/// A write by the running unit, if it is of its epoch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecentWrite {
    pub address: usize,
    pub key: u32,
    pub epoch: u32,
}

impl RecentWrite {
    /// No write.
    pub const NONE: Self = Self { address: 0, key: 0, epoch: 0 };
}

/// What hooks read on every call. Guarded by the interpreter lock.
#[allow(clippy::struct_excessive_bools)]
pub struct Hot {
    /// The items of the state list, or of a dummy when no recording runs.
    pub state: *mut *mut ffi::PyObject,
    /// The unit object seen last.
    pub current: *mut ffi::PyObject,
    /// Its statement number.
    pub unit: u32,
    /// Bit `(address >> 4) & mask` is set if an object there was written by an earlier unit.
    pub old: *mut u8,
    /// Bit set if an object there has an entry at all.
    pub known: *mut u8,
    /// Number of bits less one.
    pub mask: usize,
    /// Number of objects with entries.
    pub n_known: usize,
    /// Whether anything was written by an earlier unit.
    pub any_old: bool,
    /// `numpy.ndarray`, once numpy was met; otherwise null.
    pub ndarray: *mut ffi::PyTypeObject,
    /// `os.environ` (borrowed), whose items are outside state of their own.
    pub environ: *mut ffi::PyObject,
    /// Whether hidden state was changed, so that operations on a library's objects may read it.
    pub ambient: bool,
    /// Hook calls until the next look at what can be erased (see `hooks::erasing`).
    pub countdown: u32,
    /// What it is when a unit begins.
    pub first_round: u32,
    /// Whether text that another unit needs is erased, so that a change of unit must not go unnoticed.
    pub blind: bool,
    /// Whether families of objects with shared state (figures, frames) were written.
    pub families: bool,
    /// Receiver of the augmented item store that is being evaluated (borrowed).
    pub augmented: *mut ffi::PyObject,
    /// Most recent writes, by address and key.
    pub recent: [RecentWrite; N_RECENT],
    /// Number of changes of the unit; tells this unit's recent writes.
    pub epoch: u32,
    /// The state list; one reference owned.
    pub state_list: *mut ffi::PyObject,
}

struct Shared(UnsafeCell<Hot>);
// SAFETY: every access happens with the interpreter lock held.
unsafe impl Sync for Shared {}

impl Hot {
    /// The words before any recording. They are a static's: nothing of it is ever on the stack.
    #[allow(clippy::large_stack_arrays)]
    pub const fn idle() -> Self {
        Self {
            state: &raw mut NO_STATE,
            current: std::ptr::null_mut(),
            unit: NO_UNIT,
            old: std::ptr::null_mut(),
            known: std::ptr::null_mut(),
            mask: 0,
            n_known: 0,
            any_old: false,
            ndarray: std::ptr::null_mut(),
            environ: std::ptr::null_mut(),
            ambient: false,
            countdown: 0,
            first_round: 0,
            blind: false,
            families: false,
            augmented: std::ptr::null_mut(),
            recent: [RecentWrite::NONE; N_RECENT],
            epoch: 0,
            state_list: std::ptr::null_mut(),
        }
    }
}

/// What stands for the state list before the first recording: no unit runs.
static mut NO_STATE: *mut ffi::PyObject = std::ptr::null_mut();

static HOT: Shared = Shared(UnsafeCell::new(Hot::idle()));

/// The hot words.
#[inline(always)]
pub fn hot() -> *mut Hot {
    HOT.0.get()
}

/// Makes the state list and the first bitmaps.
pub fn start(_py: Python<'_>) {
    // SAFETY: the interpreter lock is held (`_py`), so nobody else touches the hot words.
    unsafe {
        let hot = &mut *hot();
        // Each recording has a list of its own: the code of a former one may still run and store into its.
        let former = hot.state_list;
        hot.state_list = ffi::PyList_New(1);
        ffi::PyList_SetItem(hot.state_list, 0, ffi::PyLong_FromLong(-1));
        hot.state = (*hot.state_list.cast::<ffi::PyListObject>()).ob_item;
        hot.environ = super::environment::find();
        hot.current = std::ptr::null_mut();
        hot.unit = NO_UNIT;
        hot.any_old = false;
        hot.ambient = false;
        hot.n_known = 0;
        hot.first_round = erasing::first_round();
        hot.countdown = hot.first_round;
        hot.epoch = hot.epoch.wrapping_add(1);
        super::writes::resize_bitmaps(1 << 16);
        ffi::Py_XDECREF(former);
    }
}

/// Puts saved words in the place of those of a recording that is over.
///
/// # Safety
/// The interpreter lock is held; the words were those of a recording that was set aside.
pub unsafe fn replace(saved: Hot) {
    // SAFETY: as promised; the bitmaps of the words that go are freed once.
    unsafe {
        super::writes::drop_bitmaps();
        let over = std::mem::replace(&mut *hot(), saved);
        ffi::Py_XDECREF(over.state_list);
    }
}

/// After the recording: hooks find nothing to compare and nothing known.
pub fn stop() {
    // SAFETY: called with the interpreter lock held.
    unsafe {
        let hot = &mut *hot();
        hot.any_old = false;
        hot.ambient = false;
        hot.n_known = 0;
        super::writes::resize_bitmaps(1 << 16);
    }
}

/// Called when the state slot differs from what was seen last: what the former unit wrote becomes old.
#[cold]
#[inline(never)]
pub fn unit_changed() {
    // SAFETY: hooks run with the interpreter lock held; the state list is alive for the process.
    unsafe {
        let hot = &mut *hot();
        hot.current = *hot.state;
        let number = ffi::PyLong_AsLong(hot.current);
        let unit = if number < 0 { NO_UNIT } else { number as u32 };
        if unit == hot.unit {
            return;
        }
        if let Some(recorder) = recorder() {
            recorder.check_random(hot.unit);
            recorder.check_watched(hot.unit);
            recorder.check_handed_out(hot.unit);
        }
        super::hidden::unit_ends(hot.unit);
        if let Some(recorder) = recorder() {
            recorder.forget_hidden_reads();
            hot.unit = unit;
            recorder.written.age();
            recorder.walks.clear();
            recorder.walks.spent = 0;
        }
        hot.unit = unit;
        hot.countdown = hot.first_round;
        hot.epoch = hot.epoch.wrapping_add(1);
    }
}

/// The unit that is running now.
#[inline(always)]
pub fn current_unit() -> u32 {
    // SAFETY: as for `unit_changed`; `state` is set by `start` before any hook exists.
    unsafe {
        let hot = hot();
        if *(*hot).state != (*hot).current {
            unit_changed();
        }
        (*hot).unit
    }
}

/// Makes `unit` (a unit object, borrowed) the running unit.
///
/// # Safety
/// The interpreter lock is held and `unit` is a live unit object.
#[inline]
pub unsafe fn enter_unit(unit: *mut ffi::PyObject) {
    // SAFETY: slot 0 of the state list always holds a reference that we replace by another.
    unsafe {
        let slot = (*hot()).state;
        if *slot != unit {
            if (*hot()).blind {
                erasing::restore();
            }
            ffi::Py_INCREF(unit);
            let before = std::mem::replace(&mut *slot, unit);
            ffi::Py_DECREF(before);
        }
    }
}
