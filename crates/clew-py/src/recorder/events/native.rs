//! Calls of user code that the interpreter carries out itself: open ones, their places, and how they end.
//!
//! The function that is called notes the beginning. That a call made it, and which one, is told by the frame below its
//! own: the interpreter is in the middle of an instruction there, and instructions of calls are known by where the text
//! of the call ends. A hook around the call notes the end. An exception passes that hook by: the call ends, then, when
//! a handler is reached, or another hook finds that the frame of the function is not below the one that runs.

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Events;
use crate::frames::running::{self, Frame};
use crate::hooks::site::Site;
use clew_trace::log::{flags, EventKind, RawEvent, ValueRef};

/// Places of calls that are found again by the address of the instruction.
const RECENT: usize = 1 << 10;

/// Where a call stands, and with what.
#[derive(Clone, Copy, Debug)]
pub struct CallPlace {
    pub event_site: u32,
    pub n_args: u16,
    /// Whether what is called gets a receiver before the arguments.
    pub is_method: bool,
}

/// A call that began and has not ended.
#[derive(Clone, Copy)]
pub struct OpenCall {
    event_site: u32,
    name: u32,
    /// The frame that calls.
    caller: usize,
    /// The frame of what is called.
    callee: usize,
}

impl OpenCall {
    /// Whether what is called runs or waits for a frame that does.
    #[inline]
    unsafe fn is_alive(&self, running: Frame) -> bool {
        let mut frame = running;
        while !frame.is_null() {
            if frame.address() == self.callee {
                return true;
            }
            // SAFETY: the frames of a running thread are alive.
            frame = unsafe { frame.previous() };
        }
        false
    }
}

/// What is known of calls that the interpreter carries out itself.
pub struct Natives {
    /// Code of functions that note their beginning; empty where frames cannot be read.
    codes: FxHashSet<usize>,
    /// Places of calls by the constants of their code, which copies of it share, and line and column of the end.
    places: FxHashMap<(usize, u32, u32), CallPlace>,
    recent: Box<[(usize, Option<CallPlace>); RECENT]>,
    is_on: bool,
}

impl Natives {
    /// Knows nothing yet.
    pub fn new(py: Python<'_>) -> Self {
        Self {
            codes: FxHashSet::default(),
            places: FxHashMap::default(),
            recent: Box::new([(0, None); RECENT]),
            is_on: running::can_be_read(py),
        }
    }

    /// Whether frames can be read, so that calls may be left to the interpreter.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Learns that a function notes its beginning.
    pub fn add_function(&mut self, code: usize) {
        if self.is_on {
            self.codes.insert(code);
        }
    }

    /// Learns the place of a call.
    pub fn add_place(&mut self, constants: usize, line: u32, column: u32, place: CallPlace) {
        self.places.insert((constants, line, column), place);
    }

    /// Whether functions of this code note their beginning.
    #[inline]
    pub fn logs_itself(&self, code: usize) -> bool {
        self.codes.contains(&code)
    }

    /// The place of the call that a frame is in the middle of.
    #[inline]
    unsafe fn place(&mut self, caller: Frame) -> Option<CallPlace> {
        // SAFETY: a live frame.
        let at = unsafe { caller.instruction() };
        let slot = (at >> 1) % RECENT;
        if self.recent[slot].0 != at {
            // SAFETY: as above.
            self.recent[slot] = (at, unsafe { self.find_place(caller) });
        }
        self.recent[slot].1
    }

    #[cold]
    #[inline(never)]
    unsafe fn find_place(&self, caller: Frame) -> Option<CallPlace> {
        // SAFETY: a live frame.
        let (constants, line, column) = unsafe { caller.end_of_instruction()? };
        self.places.get(&(constants, line, column)).copied()
    }
}

impl Events {
    /// Notes that a function is entered; its call begins, if user code made it.
    ///
    /// # Safety
    /// Called by a hook of the function, with the values of its parameters.
    #[inline]
    pub unsafe fn begin_native(&mut self, site: *mut Site, parameters: *const *mut ffi::PyObject, n: usize) {
        // SAFETY: the lock is held; frames of a running thread are alive, and so are the parameters.
        unsafe {
            if !self.natives.is_on {
                return;
            }
            let state = ffi::PyThreadState_Get();
            let frame = running::frame(state);
            let Some(caller) = frame.caller() else { return };
            let Some(place) = self.natives.place(caller) else { return };
            if (*self.buffer_of(state)).open.last().is_some_and(|open| !open.is_alive(caller)) {
                self.abandon(caller, std::ptr::null_mut());
            }
            let name = self.callee(site, frame.function());
            let n_all = usize::from(place.n_args) + usize::from(place.is_method);
            let n_known = n_all.min(n);
            let value = |this: &mut Self, i: usize| {
                if i < n_known {
                    this.value(*parameters.add(i))
                } else {
                    ValueRef::ABSENT
                }
            };
            let values = [value(self, 0), value(self, 1), value(self, 2)];
            let buffer = self.buffer_of(state);
            let (caller, callee, event_site) = (caller.address(), frame.address(), place.event_site);
            (*buffer).open.push(OpenCall { event_site, name, caller, callee });
            let flags = if place.is_method { flags::BOUND } else { 0 };
            let time_ns = self.clock.ticks();
            let count = n_all as u16;
            let event =
                RawEvent { time_ns, site: event_site, callee: name, values, count, kind: EventKind::Call, flags };
            (*buffer).ticks = time_ns;
            (*buffer).add(event);
            if n_known > 3 {
                self.more_arguments(event, n_known, |i| *parameters.add(i));
            }
        }
    }

    /// Notes that a call gave its result, if it was one that began with [`Events::begin_native`].
    ///
    /// # Safety
    /// Called by the hook around the call, which is that of the site.
    #[inline]
    pub unsafe fn end_native(&mut self, site: *mut Site, result: *mut ffi::PyObject) {
        // SAFETY: as for `begin_native`.
        unsafe {
            let state = ffi::PyThreadState_Get();
            let frame = running::frame(state);
            let event_site = (*site).event_site;
            let buffer = self.buffer_of(state);
            let own = match (*buffer).open.last() {
                Some(open) if open.event_site == event_site && open.caller == frame.address() => *open,
                _ => match self.find_own(site, frame) {
                    Some(open) => open,
                    None => return self.end_unseen(site, result),
                },
            };
            let value = self.value(result);
            let buffer = self.buffer_of(state);
            (*buffer).open.pop();
            let ticks = self.clock.ticks();
            (*buffer).ticks = ticks;
            (*buffer).add(RawEvent::ended(ticks, event_site, own.name, value));
        }
    }

    /// The call of the hook of a site, after those that ended unseen meanwhile; nothing if something else logged it.
    #[cold]
    #[inline(never)]
    unsafe fn find_own(&mut self, site: *mut Site, frame: Frame) -> Option<OpenCall> {
        // SAFETY: as for `end_native`.
        unsafe {
            let is_own = |open: &OpenCall| open.event_site == (*site).event_site && open.caller == frame.address();
            if !self.buffer().open.last().is_some_and(|open| open.is_alive(frame)) {
                self.abandon_until(0, |open| is_own(open) || open.is_alive(frame), std::ptr::null_mut());
            }
            self.buffer().open.last().copied().filter(is_own)
        }
    }

    /// A call that nothing else logs turned out to be of something else than the function that it names.
    #[cold]
    #[inline(never)]
    unsafe fn end_unseen(&mut self, site: *mut Site, result: *mut ffi::PyObject) {
        // SAFETY: as for `end_native`.
        unsafe {
            if (*site).logged {
                let (event_site, name) = ((*site).event_site, (*site).operation);
                self.begin_named(event_site, name, std::ptr::null_mut(), std::ptr::null(), 0);
                self.end_named(event_site, name, result, std::ptr::null_mut());
            }
        }
    }

    /// An exception of a type was caught in the frame that runs: what was called from there has ended by it.
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn caught(&mut self, kind: *mut ffi::PyTypeObject) {
        // SAFETY: as promised.
        unsafe {
            if !self.natives.is_on || self.buffer().open.is_empty() {
                return;
            }
            let frame = running::frame(ffi::PyThreadState_Get());
            self.abandon(frame, kind);
        }
    }

    /// How many calls are open in the current thread, of those that the interpreter carries out itself.
    ///
    /// # Safety
    /// The interpreter lock is held, and this thread noted something just now.
    #[inline(always)]
    pub unsafe fn n_open(&self) -> usize {
        // SAFETY: the last buffer is this thread's.
        unsafe { (*self.last_buffer).open.len() }
    }

    /// C code returned that was called when so many calls were open: those that it made have ended, by an exception of
    /// this type, or, if that is null, by one that it took no notice of.
    ///
    /// # Safety
    /// The interpreter lock is held.
    #[inline(always)]
    pub unsafe fn settle(&mut self, n_open: usize, kind: *mut ffi::PyTypeObject) {
        // SAFETY: as promised.
        unsafe {
            if self.buffer().open.len() > n_open {
                self.abandon_until(n_open, |_| false, kind);
            }
        }
    }

    /// The program ended by an exception of a type.
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn uncaught(&mut self, kind: *mut ffi::PyTypeObject) {
        // SAFETY: as promised.
        unsafe { self.abandon_until(0, |_| false, kind) }
    }

    unsafe fn abandon(&mut self, running: Frame, kind: *mut ffi::PyTypeObject) {
        // SAFETY: as for `caught`.
        unsafe { self.abandon_until(0, |open| open.is_alive(running), kind) }
    }

    /// Ends the innermost calls, up to one that stays, and all but the outermost `n_kept`: they ended by an exception, of
    /// this type, or, if that is null, of that which is being handled.
    #[cold]
    #[inline(never)]
    unsafe fn abandon_until(&mut self, n_kept: usize, stays: impl Fn(&OpenCall) -> bool, kind: *mut ffi::PyTypeObject) {
        // SAFETY: as for `caught`; the reference to the exception is given back.
        unsafe {
            let handled = if kind.is_null() { ffi::PyErr_GetHandledException() } else { std::ptr::null_mut() };
            let kind = if handled.is_null() { kind } else { ffi::Py_TYPE(handled) };
            let value = if kind.is_null() { ValueRef::ABSENT } else { ValueRef::of_type(self.names.type_name(kind)) };
            ffi::Py_XDECREF(handled);
            let ticks = self.clock.ticks();
            loop {
                let buffer = self.buffer();
                if buffer.open.len() <= n_kept || buffer.open.last().is_some_and(&stays) {
                    return;
                }
                let Some(open) = buffer.open.pop() else { return };
                buffer.add(RawEvent::raised(ticks, open.event_site, open.name, value));
                buffer.ticks = ticks;
            }
        }
    }
}
