//! What a step of a lazy object found, for the next step: nothing else, as long as nothing of it changed.
//!
//! The edges of a graph are between statements, so a step that draws from the same iterators, through the same
//! objects, by the same unit as the step before tells the same, unless somebody wrote one of them meanwhile. The
//! addresses are watched for that (`Watch`). What a part refers to may also change without a write, as the
//! variables of a generator do: that is looked at again, which is cheaper than finding it.

#![allow(unsafe_code)]

use pyo3::ffi;

use crate::recorder::inspect::type_name;
use crate::recorder::recorder;
use crate::recorder::units::hot;
use crate::recorder::walk;

/// Steps that found something else, after which nothing is kept any more.
const PATIENCE: u8 = 32;

/// What the last step of one iterator found.
#[derive(Default)]
pub struct Steady {
    unit: u32,
    /// The watch's number when it was found; 0 if nothing is kept.
    stamp: u64,
    /// Parts that may come to refer to something else, each with the end of its share of `referents`. Whoever refers
    /// to a part comes before it, so that all are alive as far as they were compared.
    parts: Vec<(*mut ffi::PyObject, usize)>,
    referents: Vec<*mut ffi::PyObject>,
    now: Vec<*mut ffi::PyObject>,
    n_changes: u8,
}

impl Steady {
    /// Whether a step by `unit` would find what the last one did.
    ///
    /// # Safety
    /// The interpreter lock is held; the iterator is the same and alive.
    pub unsafe fn holds(&mut self, unit: u32) -> bool {
        // SAFETY: as promised.
        let stamp = unsafe { recorder() }.map_or(0, |recorder| recorder.written.watch.stamp());
        if self.stamp == 0 || self.stamp != stamp || self.unit != unit {
            return false;
        }
        let mut first = 0;
        for (part, end) in &self.parts {
            self.now.clear();
            // SAFETY: what refers to the part was compared before it.
            unsafe { walk::referents(*part, &mut self.now) };
            if self.now != self.referents[first..*end] {
                return false;
            }
            first = *end;
        }
        true
    }

    /// Whether it is worthwhile to keep what a step finds.
    pub fn is_patient(&self) -> bool {
        self.n_changes < PATIENCE
    }

    /// Keeps what a step found: the parts that were followed, in the order in which they were met, and the addresses
    /// that it read or wrote.
    ///
    /// # Safety
    /// The interpreter lock is held; the parts are alive.
    pub unsafe fn keep(&mut self, unit: u32, followed: &[*mut ffi::PyObject], addresses: &[usize]) {
        // SAFETY: as promised.
        unsafe {
            let Some(recorder) = recorder() else { return };
            self.n_changes += u8::from(self.stamp != 0);
            self.parts.clear();
            self.referents.clear();
            for &part in followed.iter().filter(|part| !is_fixed(**part)) {
                walk::referents(part, &mut self.referents);
                self.parts.push((part, self.referents.len()));
            }
            self.unit = unit;
            self.stamp = recorder.written.watch.add(addresses);
            // Writes that were told already are told again, now that somebody waits for them.
            (*hot()).epoch = (*hot()).epoch.wrapping_add(1);
        }
    }
}

/// Whether the object refers to the same as long as it lives.
unsafe fn is_fixed(object: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    let name = unsafe { type_name(ffi::Py_TYPE(object)) };
    matches!(name, b"map" | b"zip" | b"filter" | b"builtin_function_or_method" | b"method" | b"range_iterator")
}
