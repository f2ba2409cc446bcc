//! Threads: who started them, and whose changes are seen once they are waited for.
//!
//! What a thread does belongs to the unit that runs meanwhile. That unit depends on those that started threads, and
//! whoever waits for a thread hands on what it wrote.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::inspect::text_of;
use super::writes::{Strength, WHOLE};
use super::{Recorder, NO_UNIT};
use clew_trace::FlowKind;

/// Packages whose calls start threads or wait for them.
const PACKAGES: [&str; 6] = ["threading", "thread", "concurrent", "multiprocessing", "queue", "joblib"];

/// Names of methods and functions that start a thread and do not wait for it.
const STARTERS: [&str; 5] = ["start", "submit", "start_new_thread", "start_joinable_thread", "apply_async"];

/// Objects written in threads that are remembered for whoever waits.
const MAX_WRITTEN: usize = 10_000;

/// What is known of threads.
#[derive(Default)]
pub struct Threads {
    /// Units that called what may start threads, in the order of their first call.
    callers: Vec<u32>,
    /// Units during which threads ran user code.
    ran: Vec<u32>,
    /// Objects written in threads that may still run, or that nobody has waited for.
    written: Vec<usize>,
}

impl Recorder {
    /// Whether the running thread is another than the one that runs the program.
    pub fn in_other_thread(&self) -> bool {
        // SAFETY: the lock is held by whoever records, so there is a current thread state.
        unsafe { ffi::PyThreadState_Get() as usize != self.main_thread }
    }

    /// A thread enters a function of the user's.
    pub fn entered_in_thread(&mut self, unit: u32) {
        for caller in self.threads.callers.clone() {
            self.flow(unit, caller, FlowKind::Data);
        }
        if !self.threads.ran.contains(&unit) {
            self.threads.ran.push(unit);
        }
    }

    /// A thread may have written the object at an address.
    pub fn wrote_in_thread(&mut self, address: usize) {
        if !self.threads.ran.is_empty() && self.in_other_thread() && self.threads.written.len() < MAX_WRITTEN {
            self.threads.written.push(address);
        }
    }

    /// A foreign call ended: it may have started threads, or waited for some.
    ///
    /// # Safety
    /// The interpreter lock is held; `name` is null or the name of a method, alive.
    pub unsafe fn after_foreign_call(&mut self, unit: u32, spec_id: u32, name: *mut ffi::PyObject) {
        if unit == NO_UNIT || self.in_other_thread() {
            return;
        }
        let package = &self.specs.spec(spec_id).package;
        let begets_children = self.has_children_in(package).then(|| package.clone());
        if PACKAGES.contains(&package.as_str()) {
            self.waited(unit);
            // SAFETY: as promised.
            let starts = !name.is_null() && STARTERS.contains(&unsafe { text_of(name) }.as_str());
            // What a thread wrote before anybody waited for it may be written later the next time.
            if !starts && is_alone() {
                self.threads.written.clear();
            }
        }
        if let Some(package) = begets_children {
            self.changed_package(unit, &package);
        }
        self.child_may_have_ended(unit);
    }

    /// `unit` started threads or waited for some: what they wrote is seen from here on.
    pub fn waited(&mut self, unit: u32) {
        if !self.threads.callers.contains(&unit) {
            self.threads.callers.push(unit);
        }
        self.threads.written.sort_unstable();
        self.threads.written.dedup();
        for address in self.threads.written.clone() {
            if self.written.contains(address) {
                self.write_address(unit, address, WHOLE, Strength::Updates);
            }
        }
    }
}

/// Whether the running thread is the interpreter's only one.
fn is_alone() -> bool {
    // SAFETY: the lock is held by whoever records; thread states live while it is.
    unsafe {
        let first = ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Get());
        first.is_null() || ffi::PyThreadState_Next(first).is_null()
    }
}

/// An address that stands for the running thread's part of an object.
pub fn address_in_thread(object: *mut ffi::PyObject) -> usize {
    // SAFETY: the lock is held by whoever records, so there is a current thread state.
    let thread = unsafe { ffi::PyThreadState_Get() as usize };
    0xC000_0000_0000_0000 | (object as usize ^ thread.rotate_left(20)) & 0x3fff_ffff_ffff_fff0
}
