//! Recordings inside recordings, and one after the other in one process.
//!
//! A recording that begins while another runs suspends it: the other's recorder and hot words are set aside, and what
//! happens meanwhile is not in it, which it notes. Hooks stay in the code of a recording when it is suspended or over;
//! what they see of the heap then counts for the recording that runs. Their sites tell which recording and which source
//! they belong to by numbers that are never used again, so that a later recording knows what is not its own.
//!
//! While it waits, a recorder does not learn that an object died: its entries can only speak of too much.

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};

use super::units::{self, current_unit, hot, Hot};
use super::{events, Recorder, NO_UNIT, RECORDER};
use crate::hooks::site::{site_type, Site};
use clew_trace::{Arm, SourceTable, StatementId};

/// A recording that waits.
struct Suspended {
    recorder: Box<Recorder>,
    hot: Hot,
}

struct Shared(UnsafeCell<Vec<Suspended>>);
// SAFETY: every access happens with the interpreter lock held.
unsafe impl Sync for Shared {}

static WAITING: Shared = Shared(UnsafeCell::new(Vec::new()));
static NEXT_RECORDING: AtomicU32 = AtomicU32::new(0);
static NEXT_SOURCE: AtomicU32 = AtomicU32::new(0);

/// The number of a new recording.
pub fn next_number() -> u32 {
    NEXT_RECORDING.fetch_add(1, Ordering::Relaxed)
}

/// The number of a new source.
pub fn next_source() -> u32 {
    NEXT_SOURCE.fetch_add(1, Ordering::Relaxed)
}

/// Sets the running recording aside, if there is one.
pub fn suspend() {
    // SAFETY: called with the interpreter lock held and no reference to the recorder alive.
    unsafe {
        if (*RECORDER.0.get()).is_none() {
            return;
        }
        let unit = current_unit();
        let Some(mut recorder) = (*RECORDER.0.get()).take() else { return };
        if recorder.process != std::process::id() {
            // A child of fork: the recording, with its open files, is the parent's.
            std::mem::forget(recorder);
            events::follow();
            return;
        }
        recorder.check_random(unit);
        recorder.check_watched(unit);
        crate::hooks::erasing::switch_off(&mut recorder);
        let line = recorder.line_of(unit).map_or(String::new(), |line| format!(" at line {line}"));
        recorder.degrade(&format!("a recording inside this one{line} ran code that this one did not see"));
        let hot = std::mem::replace(&mut *hot(), Hot::idle());
        (*WAITING.0.get()).push(Suspended { recorder, hot });
    }
    events::follow();
}

/// Goes on with the recording that was set aside last; tells whether there is one.
pub fn resume() -> bool {
    // SAFETY: called with the interpreter lock held and no recording running.
    unsafe {
        let Some(Suspended { recorder, hot: saved }) = (*WAITING.0.get()).pop() else {
            return false;
        };
        units::replace(saved);
        *RECORDER.0.get() = Some(recorder);
    }
    events::follow();
    true
}

/// Makes the recording of this number the one that runs, where recordings of several threads do not end in the order
/// opposite to that of their beginning. False if there is none.
pub fn bring_up(number: u32) -> bool {
    // SAFETY: called with the interpreter lock held and no reference to the recorder alive.
    unsafe {
        if (*RECORDER.0.get()).as_ref().is_some_and(|recorder| recorder.number == number) {
            return true;
        }
        let waiting = &mut *WAITING.0.get();
        let Some(place) = waiting.iter().position(|waiting| waiting.recorder.number == number) else {
            return false;
        };
        let wanted = waiting.remove(place);
        suspend();
        units::replace(wanted.hot);
        *RECORDER.0.get() = Some(wanted.recorder);
    }
    events::follow();
    true
}

impl Recorder {
    /// The line at which a unit of the program begins.
    pub fn line_of(&self, unit: u32) -> Option<u32> {
        let table = &self.sources.first()?.table;
        (unit != NO_UNIT).then(|| table.statements.get(unit as usize).map(|statement| statement.first_line))?
    }
}

/// Whether a unit may run last though the exception came out of another: one around it has an ending of its own
/// (`with`, `try`), or the unit is in a `finally` that the exception passed.
fn ran_on_the_way(table: &SourceTable, raiser: StatementId, running: StatementId) -> bool {
    let parent = |id: &StatementId| table.statement(*id).parent;
    let inside = |outer: StatementId| std::iter::successors(Some(raiser), parent).any(|ancestor| ancestor == outer);
    inside(running)
        || std::iter::successors(Some(running), parent).any(|unit| {
            let statement = table.statement(unit);
            statement.arm == Arm::Finally && statement.parent.is_some_and(inside)
        })
}

/// Notes which statement of the program's module scope an exception came out of, where it is not the one that ran last.
#[pyfunction]
pub fn raised(traceback: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let mut next = traceback.cloned();
    while let Some(entry) = next.filter(|entry| !entry.is_none()) {
        let code = entry.getattr("tb_frame")?.getattr("f_code")?;
        if code.getattr("co_name")?.extract::<String>()? == "<module>" {
            let path = code.getattr("co_filename")?.extract::<String>()?;
            let line = entry.getattr("tb_lineno")?.extract::<u32>()?;
            // SAFETY: the interpreter lock is held, and nothing runs while the reference is alive.
            if let Some(recorder) = unsafe { super::recorder() } {
                if let Some(source) = recorder.sources.first().filter(|source| source.path == path) {
                    let table = &source.table;
                    let at = table.statement_at_line(line).map(|at| table.unit_of(at));
                    let running = super::units::current_unit();
                    let on_its_way = |at: &StatementId| ran_on_the_way(table, *at, StatementId(running));
                    recorder.raised_by = at.filter(|at| running != super::NO_UNIT && on_its_way(at)).map(|at| at.0);
                }
            }
            return Ok(());
        }
        next = Some(entry.getattr("tb_next")?);
    }
    Ok(())
}

/// Makes the statement of the program's module scope that holds a line the running unit.
#[pyfunction]
fn enter_line(line: u32) {
    // SAFETY: the interpreter lock is held; the reference to the recorder ends before the unit changes.
    unsafe {
        let unit = super::recorder().and_then(|recorder| {
            let table = &recorder.sources.first()?.table;
            Some(table.unit_of(table.statement_at_line(line)?))
        });
        if let Some(unit) = unit {
            let object = ffi::PyLong_FromLong(unit.0.into());
            if !object.is_null() {
                units::enter_unit(object);
                ffi::Py_DECREF(object);
            }
        }
    }
}

/// Tells whether what happens from here on is Clew's own doing, and not the program's; gives what was so before.
#[pyfunction]
fn disregard(own: bool) -> bool {
    // SAFETY: the interpreter lock is held.
    unsafe { super::recorder() }.is_some_and(|recorder| std::mem::replace(&mut recorder.resolving, own))
}

/// The number of the recording that runs in this process.
#[pyfunction]
fn recording_number() -> Option<u32> {
    // SAFETY: the interpreter lock is held.
    let recorder = unsafe { super::recorder() }?;
    (recorder.process == std::process::id()).then_some(recorder.number)
}

/// Whether a code object was rewritten for the recording that runs.
#[pyfunction]
fn is_recorded(code: &Bound<'_, PyAny>) -> PyResult<bool> {
    // SAFETY: the interpreter lock is held.
    let Some(number) = unsafe { super::recorder() }.map(|recorder| recorder.number) else { return Ok(false) };
    let constants = code.getattr("co_consts")?.cast_into::<PyTuple>()?;
    // SAFETY: constants are alive; a copy of a code object has the same hooks.
    Ok(constants.iter_borrowed().any(|constant| unsafe { site_of(constant.as_ptr()) } == Some(number)))
}

/// The number of the recording that a hook belongs to, if the object is one.
unsafe fn site_of(object: *mut ffi::PyObject) -> Option<u32> {
    // SAFETY: the type is checked before each cast.
    unsafe {
        if ffi::PyCFunction_Check(object) == 0 {
            return None;
        }
        let site = (*object.cast::<ffi::PyCFunctionObject>()).m_self;
        let is_site = !site.is_null() && ffi::Py_TYPE(site) == site_type();
        is_site.then(|| (*site.cast::<Site>()).recording)
    }
}

/// Notes why the recording is not complete.
#[pyfunction]
fn degrade(reason: &str) {
    // SAFETY: the interpreter lock is held.
    if let Some(recorder) = unsafe { super::recorder() } {
        recorder.degrade(reason);
    }
}

/// Adds this module's functions to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(enter_line, module)?)?;
    module.add_function(wrap_pyfunction!(raised, module)?)?;
    module.add_function(wrap_pyfunction!(disregard, module)?)?;
    module.add_function(wrap_pyfunction!(recording_number, module)?)?;
    module.add_function(wrap_pyfunction!(is_recorded, module)?)?;
    module.add_function(wrap_pyfunction!(degrade, module)?)
}
