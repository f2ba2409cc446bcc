//! Objects that may change without a hook being told: they are compared when the unit ends.
//!
//! A store to an object of a foreign class runs foreign code.
//! What is watched is followed like anything that was written, so that its death ends the watch.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::observe::{self, Details};
use super::writes::{Strength, WHOLE};
use super::Recorder;

/// What the running unit watches.
#[derive(Default)]
pub struct Watches {
    /// Objects, and the state of everything below them.
    states: Vec<(usize, Details)>,
}

impl Recorder {
    /// Foreign code is about to change the object, and perhaps what it holds.
    ///
    /// # Safety
    /// The interpreter lock is held and `object` is alive.
    pub unsafe fn watch(&mut self, object: *mut ffi::PyObject) {
        if self.watches.states.iter().any(|known| known.0 == object as usize) {
            return;
        }
        self.written.follow(object as usize);
        // SAFETY: as promised.
        self.watches.states.push((object as usize, unsafe { observe::details(object) }));
    }

    /// What changed was written by `unit`, which ends.
    pub fn check_watched(&mut self, unit: u32) {
        let watches = std::mem::take(&mut self.watches);
        for (address, before) in watches.states {
            if self.written.contains(address) {
                // SAFETY: an entry means that the object is alive; nothing runs meanwhile.
                unsafe {
                    for object in observe::changed(address as *mut ffi::PyObject, &before) {
                        self.write(unit, object, WHOLE, Strength::Updates);
                    }
                }
            }
        }
    }
}
