//! Objects that may change without a hook being told: they are compared when the unit ends.
//!
//! Loading an item of a `defaultdict` may add it, and a store to an object of a foreign class runs foreign code.
//! What is watched is followed like anything that was written, so that its death ends the watch.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::observe::{self, Details};
use super::writes::{Strength, WHOLE};
use super::Recorder;

/// What the running unit watches.
#[derive(Default)]
pub struct Watches {
    /// Dictionaries and their sizes.
    sizes: Vec<(usize, isize)>,
    /// Objects, and the state of everything below them.
    states: Vec<(usize, Details)>,
}

impl Recorder {
    /// An item of a `defaultdict` is about to be loaded, which may add it.
    pub fn watch_defaultdict(&mut self, address: usize, size: isize) {
        if self.watches.sizes.iter().any(|known| known.0 == address) {
            return;
        }
        self.written.follow(address);
        self.watches.sizes.push((address, size));
    }

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
        for (address, size) in watches.sizes {
            // SAFETY: an entry means that the dictionary is alive.
            let grew =
                self.written.contains(address) && unsafe { (*(address as *const ffi::PyDictObject)).ma_used } != size;
            if grew {
                self.write_address(unit, address, WHOLE, Strength::Updates);
            }
        }
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
