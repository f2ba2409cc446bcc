//! Taking inserted text out of the running code where it has nothing more to tell, and putting it back.
//!
//! Most calls of hooks tell what is known: that a statement ran, that a function was entered during this unit, that
//! the unit reads what an earlier one wrote. After some thousand calls within one unit, [`round`] writes jumps over such
//! text into the bytecode, as the interpreter itself writes specialised instructions there:
//!
//! - marks of statements that ran, for good;
//! - entry checks of functions entered during this unit, until the next unit begins;
//! - looks before reads, until then, once the unit depends on every unit that wrote anything that they could find: no
//!   look can find another writer, because only the running unit writes.
//!
//! While text that another unit needs is out, `S`, to whose item 0 units write themselves, has a type whose item
//! assignment is ours, so that the text is back before anything of the next unit runs. Nothing is erased under a frame
//! that has pushed a hook and not yet called it. Programs that trace their own bytecode get all of it back, for good.

#![allow(unsafe_code)]

mod opcodes;
mod regions;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use rustc_hash::FxHashMap;
use std::ffi::{c_int, c_void, CStr};
use std::sync::OnceLock;

use super::site::Site;
use crate::recorder::units::{current_unit, hot};
use crate::recorder::writes::Unknown;
use crate::recorder::{recorder, Recorder, NO_UNIT};
use clew_syntax::hooks::Hook;
use opcodes::Opcodes;
use regions::{Condition, Region};

pub use regions::Constant;

/// Hook calls of one unit before the first round. Tests set `CLEW_ERASE_AFTER` to erase in small programs too.
const FIRST: u32 = 2_000;

/// How many times as many hook calls there are between later rounds, at most.
const MOST: u32 = 128;

extern "C" {
    fn PyFrame_GetLasti(frame: *mut ffi::PyFrameObject) -> c_int;
}

/// A code object with the regions in it.
struct Plan {
    /// Kept alive by the code of its source, which the recorder holds.
    code: *mut ffi::PyObject,
    /// The constants of the code.
    constants: *mut ffi::PyObject,
    coverage: *mut ffi::PyObject,
    entered: *mut ffi::PyObject,
    regions: Vec<Region>,
}

/// What can be erased, and what is.
#[derive(Default)]
pub struct Erasing {
    plans: Vec<Plan>,
    by_code: FxHashMap<usize, usize>,
    /// Regions that are erased for this unit only.
    passing: Vec<(usize, usize)>,
    /// Calls between the last round and the one before.
    period: u32,
    /// Whether a library is loaded whose operators may advance iterators, which only looks would notice.
    iterators_matter: bool,
    /// Whether the program looks at its own bytecode.
    off: bool,
}

/// Hook calls of one unit before its first round.
pub fn first_round() -> u32 {
    let wanted = std::env::var("CLEW_ERASE_AFTER").ok().and_then(|text| text.parse().ok());
    wanted.filter(|calls| *calls > 0).unwrap_or(FIRST)
}

/// Called by the hooks that run most.
#[inline(always)]
pub fn tick() {
    // SAFETY: hooks run with the interpreter lock held.
    unsafe {
        let hot = hot();
        (*hot).countdown = (*hot).countdown.wrapping_sub(1);
        if (*hot).countdown == 0 {
            round();
        }
    }
}

/// Erases what has nothing more to tell.
#[cold]
#[inline(never)]
unsafe fn round() {
    // SAFETY: called from a hook; nothing here runs Python code.
    unsafe {
        let unit = current_unit();
        let hot = hot();
        let Some(recorder) = recorder() else { return };
        let first = (*hot).first_round;
        let period = if recorder.erasing.passing.is_empty() { first } else { recorder.erasing.period };
        let most = first.saturating_mul(MOST).max(recorder.written.len() as u32);
        recorder.erasing.period = period.saturating_mul(4).min(most);
        (*hot).countdown = recorder.erasing.period;
        if recorder.erasing.off || recorder.resolving {
            return;
        }
        // Looks also notice objects that stand for state outside, which matters if that was changed.
        let outside = (*hot).ambient || recorder.environment_is_changed(unit);
        let looks = unit != NO_UNIT && !recorder.erasing.iterators_matter && !outside;
        let unknown = looks.then(|| recorder.unknown_writes(unit));
        if unknown.as_ref().is_some_and(Unknown::is_empty) {
            // Looks that stay find nothing either.
            (*hot).any_old = false;
        }
        let frames = if looks { frames() } else { Vec::new() };
        let Some(opcodes) = opcodes_here() else { return };
        recorder.erasing.erase(unknown.as_ref(), &frames, opcodes, *(*hot).state);
        watch_turns(!recorder.erasing.passing.is_empty());
    }
}

/// Puts back what the unit that begins needs.
#[cold]
#[inline(never)]
pub unsafe fn restore() {
    // SAFETY: called with the interpreter lock held; nothing here runs Python code.
    unsafe {
        let Some(recorder) = recorder() else { return };
        recorder.erasing.put_back();
        watch_turns(!recorder.erasing.passing.is_empty());
    }
}

/// Puts back everything, and erases no more: the program traces its bytecode, or the recording ends or waits.
///
/// # Safety
/// The interpreter lock is held.
pub unsafe fn switch_off(recorder: &mut Recorder) {
    // SAFETY: as promised.
    unsafe {
        let erasing = &mut recorder.erasing;
        erasing.off = true;
        erasing.put_back();
        for plan in &mut erasing.plans {
            plan.regions.iter_mut().for_each(|region| uncover(plan.code, region));
        }
        watch_turns(!erasing.passing.is_empty());
    }
}

/// A library is loaded whose operators may advance iterators.
///
/// # Safety
/// The interpreter lock is held.
pub unsafe fn keep_looks(recorder: &mut Recorder) {
    // SAFETY: as promised.
    unsafe {
        recorder.erasing.iterators_matter = true;
        recorder.erasing.put_back();
        watch_turns(!recorder.erasing.passing.is_empty());
    }
}

impl Erasing {
    /// Learns the regions of a code object of a source.
    pub fn add(
        &mut self,
        code: &Bound<'_, PyAny>,
        constants: &[Constant<'_>],
        coverage: *mut ffi::PyObject,
        entered: *mut ffi::PyObject,
    ) -> PyResult<()> {
        const OPTIMIZED: u32 = 1;
        let flags: u32 = code.getattr("co_flags")?.extract()?;
        let Some(opcodes) = opcodes_here().filter(|_| flags & OPTIMIZED != 0) else { return Ok(()) };
        let text = code.getattr("co_code")?;
        let regions = regions::find(text.cast::<PyBytes>()?.as_bytes(), constants, opcodes);
        if !regions.is_empty() {
            self.by_code.insert(code.as_ptr() as usize, self.plans.len());
            let constants = code.getattr("co_consts")?.as_ptr();
            self.plans.push(Plan { code: code.as_ptr(), constants, coverage, entered, regions });
        }
        Ok(())
    }

    unsafe fn erase(
        &mut self,
        unknown: Option<&Unknown>,
        frames: &[(usize, u32)],
        opcodes: &Opcodes,
        unit: *mut ffi::PyObject,
    ) {
        for (number, plan) in self.plans.iter_mut().enumerate() {
            let Plan { code, constants, coverage, entered, regions } = plan;
            for (index, region) in regions.iter_mut().enumerate() {
                // SAFETY: the lists are the source's own, with a slot for each statement and scope.
                let idle = unsafe {
                    let ran = |statement: u32| slot(*coverage, statement) != ffi::Py_None();
                    region.saved.is_none()
                        && match region.condition {
                            Condition::Covered(statement) => ran(statement),
                            Condition::Entered(scope, statement) => {
                                slot(*entered, scope) == unit && statement.is_none_or(ran)
                            }
                            Condition::Looked(constant) => {
                                unknown.is_some_and(|unknown| finds_nothing(*constants, constant, unknown))
                                    && !is_held(*code, region, frames)
                            }
                        }
                };
                // SAFETY: the region was found in this code object.
                let covered = idle && unsafe { cover(*code, region, opcodes) };
                if covered && !matches!(region.condition, Condition::Covered(_)) {
                    self.passing.push((number, index));
                }
            }
        }
    }

    /// Puts back what is erased for one unit, except under frames that expect it to be as it is.
    unsafe fn put_back(&mut self) {
        let Self { plans, passing, .. } = self;
        // SAFETY: called with the interpreter lock held.
        unsafe {
            let frames = if passing.iter().any(|(plan, region)| plans[*plan].regions[*region].held.is_some()) {
                frames()
            } else {
                Vec::new()
            };
            passing.retain(|(plan, region)| {
                let Plan { code, regions, .. } = &mut plans[*plan];
                let held = is_held(*code, &regions[*region], &frames);
                if !held {
                    uncover(*code, &mut regions[*region]);
                }
                held
            });
        }
    }
}

unsafe fn slot(list: *mut ffi::PyObject, index: u32) -> *mut ffi::PyObject {
    // SAFETY: the caller's list has the slot.
    unsafe { *(*list.cast::<ffi::PyListObject>()).ob_item.add(index as usize) }
}

/// Whether the hook in a constant of a code object can find none of these writes.
unsafe fn finds_nothing(constants: *mut ffi::PyObject, constant: u32, unknown: &Unknown) -> bool {
    // SAFETY: the constant is the function of a `See` or `Read` hook, whose `self` is its site.
    unsafe {
        let function = ffi::PyTuple_GetItem(constants, constant as ffi::Py_ssize_t);
        let site = ffi::PyCFunction_GetSelf(function).cast::<Site>();
        if (*site).deep {
            !unknown.is_inside()
        } else {
            !unknown.shows(&(*site).keys)
        }
    }
}

/// Where a unit of a code object is.
unsafe fn unit_at(code: *mut ffi::PyObject, at: u32) -> *mut [u8; 2] {
    // SAFETY: the instructions are the variable part of a code object, which begins after its fixed one.
    unsafe { code.cast::<u8>().offset(ffi::PyCode_Type.tp_basicsize).add(at as usize * 2).cast() }
}

/// Writes the jumps of a region. False when the code is not in a state for it.
unsafe fn cover(code: *mut ffi::PyObject, region: &mut Region, opcodes: &Opcodes) -> bool {
    // SAFETY: the places are inside the code object.
    unsafe {
        let instrumented = |at: u32| (*unit_at(code, at))[0] >= opcodes.first_instrumented;
        let cold = region.warm_call.is_some_and(|call| opcodes.kind((*unit_at(code, call))[0]) != opcodes::Op::Other);
        if cold || region.patches.iter().flatten().any(|patch| instrumented(patch.at)) {
            return false;
        }
        let mut saved = [[0; 2]; 2];
        for (patch, saved) in region.patches.iter().flatten().zip(&mut saved) {
            *saved = std::mem::replace(&mut *unit_at(code, patch.at), patch.unit);
        }
        region.saved = Some(saved);
        true
    }
}

/// Writes back what was there.
unsafe fn uncover(code: *mut ffi::PyObject, region: &mut Region) {
    // SAFETY: the places are inside the code object.
    unsafe {
        if let Some(saved) = region.saved.take() {
            for (patch, saved) in region.patches.iter().flatten().zip(saved) {
                *unit_at(code, patch.at) = saved;
            }
        }
    }
}

fn is_held(code: *mut ffi::PyObject, region: &Region, frames: &[(usize, u32)]) -> bool {
    let Some((start, end)) = region.held else { return false };
    frames.iter().any(|(other, at)| *other == code as usize && (start..end).contains(at))
}

/// The code and position of every frame of every thread.
unsafe fn frames() -> Vec<(usize, u32)> {
    let mut all = Vec::new();
    // SAFETY: the interpreter lock is held, so that all frames stand still; references are given back.
    unsafe {
        let mut thread = ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Get());
        while !thread.is_null() {
            let mut frame = ffi::PyThreadState_GetFrame(thread);
            while !frame.is_null() {
                let code = ffi::PyFrame_GetCode(frame);
                let at = PyFrame_GetLasti(frame);
                if at >= 0 {
                    all.push((code as usize, at as u32 / 2));
                }
                ffi::Py_DECREF(code.cast());
                let back = ffi::PyFrame_GetBack(frame);
                ffi::Py_DECREF(frame.cast());
                frame = back;
            }
            thread = ffi::PyThreadState_Next(thread);
        }
    }
    all
}

fn opcodes_here() -> Option<&'static Opcodes> {
    static OPCODES: OnceLock<Option<Opcodes>> = OnceLock::new();
    OPCODES.get_or_init(|| Opcodes::of(Python::attach(|py| py.version_info().minor))).as_ref()
}

struct TurnType(*mut ffi::PyTypeObject);
// SAFETY: a heap type, used with the interpreter lock held.
unsafe impl Send for TurnType {}
// SAFETY: as above.
unsafe impl Sync for TurnType {}

/// The type of `S` while units must not begin unnoticed.
fn turn_type() -> *mut ffi::PyTypeObject {
    static TYPE: OnceLock<TurnType> = OnceLock::new();
    TYPE.get_or_init(|| {
        let mut slots = [
            ffi::PyType_Slot { slot: ffi::Py_mp_ass_subscript, pfunc: turn as *mut c_void },
            ffi::PyType_Slot { slot: 0, pfunc: std::ptr::null_mut() },
        ];
        let mut spec = ffi::PyType_Spec {
            name: c"clew._clew.Turn".as_ptr(),
            basicsize: 0,
            itemsize: 0,
            flags: ffi::Py_TPFLAGS_DEFAULT as u32,
            slots: slots.as_mut_ptr(),
        };
        // SAFETY: the specification is complete and lives through the call.
        unsafe {
            let bases = ffi::PyTuple_Pack(1, &raw mut ffi::PyList_Type);
            let made = ffi::PyType_FromSpecWithBases(&raw mut spec, bases);
            ffi::Py_XDECREF(bases);
            ffi::PyErr_Clear();
            TurnType(made.cast())
        }
    })
    .0
}

/// Makes `S` tell when a unit begins, or no longer.
unsafe fn watch_turns(watch: bool) {
    // SAFETY: the type has the layout of a list, and lives for the process.
    unsafe {
        let hot = hot();
        let tp = if watch { turn_type() } else { &raw mut ffi::PyList_Type };
        if !tp.is_null() {
            (*(*hot).state_list).ob_type = tp;
        }
        (*hot).blind = watch;
    }
}

/// `S[0] = unit`.
unsafe extern "C" fn turn(_list: *mut ffi::PyObject, _zero: *mut ffi::PyObject, unit: *mut ffi::PyObject) -> c_int {
    // SAFETY: only rewritten code reaches the list, and stores unit objects.
    unsafe {
        if !unit.is_null() {
            crate::recorder::units::enter_unit(unit);
        }
    }
    0
}

/// Notes audit events that bear on erasing.
///
/// # Safety
/// The interpreter lock is held; `args` is a live tuple.
pub unsafe fn heard(recorder: &mut Recorder, event: &[u8], args: *mut ffi::PyObject) {
    // SAFETY: as promised.
    unsafe {
        match event {
            b"sys.settrace" | b"sys.setprofile" | b"sys.monitoring.register_callback" => switch_off(recorder),
            b"import" if !recorder.erasing.iterators_matter => {
                let name = ffi::PyTuple_GetItem(args, 0);
                if !name.is_null() && ffi::PyUnicode_Check(name) != 0 {
                    let text = ffi::PyUnicode_AsUTF8(name);
                    if !text.is_null() && CStr::from_ptr(text).to_bytes() == b"pandas" {
                        keep_looks(recorder);
                    }
                }
                ffi::PyErr_Clear();
            }
            _ => {}
        }
    }
}

/// What the constants of a code object stand for.
pub fn constants<'a>(
    all: &Bound<'_, PyTuple>,
    hook_of: impl Fn(&Bound<'_, PyAny>) -> Option<&'a Hook>,
) -> Vec<Constant<'a>> {
    all.iter()
        .map(|constant| match hook_of(&constant) {
            Some(hook) => Constant::Hook(hook),
            None => constant.extract::<u32>().map_or(Constant::Other, Constant::Number),
        })
        .collect()
}

/// Whether the program or a tool looks at bytecode, or a library is loaded whose operators may advance iterators.
pub fn circumstances(py: Python<'_>) -> PyResult<(bool, bool)> {
    let sys = py.import("sys")?;
    let set = |name: &str| sys.call_method0(name).map(|value| !value.is_none());
    let mut traced = set("gettrace")? || set("getprofile")?;
    if let Ok(monitoring) = sys.getattr("monitoring") {
        for tool in 0..6 {
            traced |= !monitoring.call_method1("get_tool", (tool,))?.is_none();
        }
    }
    Ok((traced, sys.getattr("modules")?.contains("pandas")?))
}

impl Erasing {
    /// For a recording that begins.
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        let (off, iterators_matter) = circumstances(py)?;
        Ok(Self { iterators_matter, off, ..Self::default() })
    }
}
