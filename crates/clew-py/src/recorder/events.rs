//! The event log of the `call` and `op` levels: what hooks write for each call and operation, in buffers of their thread.
//!
//! Nothing here runs user code, takes a lock or, as a rule, allocates: a value is described in 32 bits (`describing`), a
//! time is a reading of a counter (`clock`), and a full buffer is exchanged for an empty one.

#![allow(unsafe_code)]

pub mod clock;
mod describing;
pub mod native;
pub mod watched;

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::FxHashMap;
use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::path::Path;

use super::inspect::text_of;
use super::recorder;
use crate::hooks::site::Site;
use clew_store::EventFile;
use clew_trace::log::{flags, EventKind, Keep, LogSite, LogSummary, RawEvent, ValueRef};
use clew_trace::{SourceId, StatementId};
use clock::Clock;
use describing::{own_name, short_name, Describer};

/// Events in a buffer before it is handed over.
const BUFFER: usize = 4096;
/// The last events of a full buffer stay, because operations that are under way may still get their results.
const KEPT: usize = 16;
/// Calls within calls beyond which user code is no longer called through forwarders, which use the C stack.
pub const MAX_DEPTH: u32 = 1_200;

/// The log of one recording.
pub struct Events {
    file: EventFile,
    clock: Clock,
    names: Describer,
    /// Threads by the address of their state: its number, which is never used again, and the place of the buffer.
    threads: FxHashMap<usize, (i64, usize)>,
    // Each stays where it is when there are more: `last_buffer` points at one.
    #[allow(clippy::vec_box)]
    buffers: Vec<Box<Buffer>>,
    /// Address of the state of the thread that made the last event, and its buffer.
    last_thread: usize,
    last_buffer: *mut Buffer,
    n_sites: u32,
    n_sources: u32,
    /// Sources and sites of calls that were not made by rewritten code.
    watched: watched::Places,
    /// The recording, by number.
    recording: u32,
    /// Calls that the interpreter carries out itself.
    pub natives: native::Natives,
    /// Forwarded calls that are open.
    pub depth: u32,
}

struct Current(UnsafeCell<*mut Events>);
// SAFETY: every access happens with the interpreter lock held.
unsafe impl Sync for Current {}

static CURRENT: Current = Current(UnsafeCell::new(std::ptr::null_mut()));

/// The log of the running recording, if there is one and the recording has this number.
///
/// # Safety
/// The caller holds the interpreter lock and keeps no second reference alive across a call that may run Python code.
#[inline(always)]
pub unsafe fn current<'a>(recording: u32) -> Option<&'a mut Events> {
    // SAFETY: the pointer is null or that of the log of the running recorder, where it is boxed: see `follow`.
    unsafe { (*CURRENT.0.get()).as_mut().filter(|events| events.recording == recording) }
}

/// Another recorder runs, or none.
pub fn follow() {
    // SAFETY: recordings begin and end with the interpreter lock held.
    unsafe {
        let events = recorder().and_then(|recorder| recorder.events.as_deref_mut());
        *CURRENT.0.get() = events.map_or(std::ptr::null_mut(), |events| &raw mut *events);
    }
}

/// The events of one thread that were not handed over yet.
struct Buffer {
    thread: usize,
    events: Vec<RawEvent>,
    /// When the last call began or ended; operations do not look at the clock.
    ticks: u64,
    /// The latest time that was handed over.
    floor_ns: u64,
    /// Calls that the interpreter carries out itself and that have not ended.
    open: Vec<native::OpenCall>,
}

impl Buffer {
    /// Adds an event to a buffer that is not full.
    ///
    /// # Safety
    /// [`Events::buffer`] gave it for this event.
    #[inline(always)]
    unsafe fn add(&mut self, event: RawEvent) {
        let length = self.events.len();
        debug_assert!(length < self.events.capacity());
        // SAFETY: a buffer has room for `BUFFER` events, and is handed over when it has that many.
        unsafe {
            self.events.as_mut_ptr().add(length).write(event);
            self.events.set_len(length + 1);
        }
    }
}

impl Events {
    /// Begins a log in a file that must not exist.
    pub fn create(
        py: Python<'_>,
        path: &Path,
        recording: u32,
        cap_bytes: u64,
        keep: Keep,
    ) -> clew_store::Result<Box<Self>> {
        Ok(Box::new(Self {
            file: EventFile::create(path, cap_bytes, keep)?,
            clock: Clock::start(),
            names: Describer::new(),
            threads: FxHashMap::default(),
            buffers: Vec::new(),
            last_thread: 0,
            last_buffer: std::ptr::null_mut(),
            n_sites: 0,
            n_sources: 0,
            watched: watched::Places::default(),
            recording,
            natives: native::Natives::new(py),
            depth: 0,
        }))
    }

    /// Ends the log.
    pub fn finish(mut self: Box<Self>) -> Option<LogSummary> {
        self.hand_over_all();
        self.file.finish()
    }

    /// Writes what there is and ends the thread that does it, until the next event: the process is about to fork.
    pub fn pause(&mut self) {
        self.hand_over_all();
        self.file.pause();
    }

    /// Adds a source; gives its index.
    pub fn add_source(&mut self, path: &str) -> u32 {
        self.names.fresh.sources.push(path.to_owned());
        self.n_sources += 1;
        self.n_sources - 1
    }

    /// Adds a place that makes events.
    pub fn add_site(&mut self, source: u32, statement: u32, line: u32, column: u32) -> u32 {
        let (source, statement) = (SourceId(source), StatementId(statement));
        self.names.fresh.sites.push(LogSite { source, statement, line, column });
        self.n_sites += 1;
        self.n_sites - 1
    }

    /// The number of a name.
    pub fn name(&mut self, text: &str) -> u32 {
        self.names.name(text)
    }

    /// Describes a value.
    ///
    /// # Safety
    /// The interpreter lock is held and `value` is alive.
    #[inline(always)]
    pub unsafe fn value(&mut self, value: *mut ffi::PyObject) -> ValueRef {
        // SAFETY: as promised.
        unsafe { self.names.value(value) }
    }

    /// Describes a truth value.
    #[inline(always)]
    pub const fn truth(&self, value: bool) -> ValueRef {
        self.names.truth(value)
    }

    #[inline(always)]
    unsafe fn buffer(&mut self) -> &mut Buffer {
        // SAFETY: the lock is held, so there is a current thread state; the buffers are boxed and never dropped before.
        unsafe { &mut *self.buffer_of(ffi::PyThreadState_Get()) }
    }

    /// The buffer of the current thread, whose state this is, with room for one event.
    #[inline(always)]
    unsafe fn buffer_of(&mut self, state: *mut ffi::PyThreadState) -> *mut Buffer {
        // SAFETY: as for `buffer`.
        unsafe {
            if self.last_thread != state as usize {
                self.switch_thread(state as usize);
            }
            let buffer = self.last_buffer;
            if (*buffer).events.len() >= BUFFER {
                self.hand_over((*buffer).thread, KEPT);
            }
            buffer
        }
    }

    #[inline(always)]
    unsafe fn push(&mut self, event: RawEvent) {
        // SAFETY: as for `buffer`.
        unsafe { self.buffer().add(event) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn switch_thread(&mut self, state: usize) {
        // SAFETY: the current thread's own state.
        let id = unsafe { ffi::PyThreadState_GetID(state as *mut ffi::PyThreadState) };
        let at = match self.threads.get(&state) {
            Some(&(known, at)) if known == id => at,
            former => {
                let former = former.map(|&(_, at)| at);
                let at = self.new_thread(former);
                self.threads.insert(state, (id, at));
                at
            }
        };
        (self.last_thread, self.last_buffer) = (state, &raw mut *self.buffers[at]);
    }

    /// A buffer for a new thread, with the memory of the ended one whose state stood where its own stands.
    fn new_thread(&mut self, former: Option<usize>) -> usize {
        let thread = self.buffers.len();
        let mut events = Vec::new();
        if let Some(former) = former {
            self.hand_over(former, 0);
            if thread > usize::from(u16::MAX) {
                return former;
            }
            events = std::mem::take(&mut self.buffers[former].events);
        }
        events.reserve_exact(BUFFER);
        let ticks = self.clock.ticks();
        self.buffers.push(Box::new(Buffer { thread, events, ticks, floor_ns: 0, open: Vec::new() }));
        let name = if thread == 0 { "main".to_owned() } else { format!("thread {thread}") };
        self.names.fresh.threads.push((thread as u16, name));
        thread
    }

    fn hand_over_all(&mut self) {
        for thread in 0..self.buffers.len() {
            self.hand_over(thread, 0);
        }
    }

    /// Gives a thread's events to the file, but for the last few.
    #[cold]
    #[inline(never)]
    fn hand_over(&mut self, thread: usize, n_kept: usize) {
        if self.names.fresh != clew_trace::log::Tables::default() {
            self.file.add_tables(std::mem::take(&mut self.names.fresh));
        }
        let buffer = &mut self.buffers[thread];
        if buffer.events.is_empty() {
            return;
        }
        let mut full = std::mem::take(&mut buffer.events);
        let n_given = full.len().saturating_sub(n_kept);
        let mut kept = [RawEvent::call(0, 0, 0, [ValueRef::ABSENT; 3], 0); KEPT];
        let n_kept = full.len() - n_given;
        kept[..n_kept].copy_from_slice(&full[n_given..]);
        full.truncate(n_given);
        self.clock.convert(&mut full, &mut buffer.floor_ns);
        buffer.events = self.file.push(thread as u16, full);
        // `push` relies on it.
        buffer.events.reserve_exact(BUFFER.saturating_sub(buffer.events.len()));
        buffer.events.extend_from_slice(&kept[..n_kept]);
    }

    /// Notes that a call begins; gives the number of its callee's name.
    ///
    /// # Safety
    /// The interpreter lock is held; `callee`, the receiver (or null) and the `n_args` arguments are alive.
    pub unsafe fn begin(
        &mut self,
        site: *mut Site,
        callee: *mut ffi::PyObject,
        receiver: *mut ffi::PyObject,
        args: *const *mut ffi::PyObject,
        n_args: usize,
    ) -> u32 {
        // SAFETY: as promised.
        unsafe {
            let name = self.callee(site, callee);
            self.begin_named((*site).event_site, name, receiver, args, n_args);
            name
        }
    }

    unsafe fn begin_named(
        &mut self,
        event_site: u32,
        name: u32,
        receiver: *mut ffi::PyObject,
        args: *const *mut ffi::PyObject,
        n_args: usize,
    ) {
        // SAFETY: as for `begin`.
        unsafe {
            let n_bound = usize::from(!receiver.is_null());
            let n_all = n_args + n_bound;
            let argument = |i: usize| if i < n_bound { receiver } else { *args.add(i - n_bound) };
            let mut values = [ValueRef::ABSENT; 3];
            for (i, value) in values.iter_mut().enumerate().take(n_all) {
                *value = self.value(argument(i));
            }
            let ticks = self.clock.ticks();
            let mut event = RawEvent::call(ticks, event_site, name, values, n_all.min(0xFFFF) as u16);
            event.flags = if n_bound > 0 { flags::BOUND } else { 0 };
            self.push(event);
            (*self.last_buffer).ticks = ticks;
            if n_all > 3 {
                self.more_arguments(event, n_all, argument);
            }
            self.depth += 1;
        }
    }

    /// Adds the arguments of a call that began just now, from the fourth on.
    #[cold]
    unsafe fn more_arguments(&mut self, event: RawEvent, n_all: usize, argument: impl Fn(usize) -> *mut ffi::PyObject) {
        let mut rest = 3;
        while rest < n_all && rest < 12 {
            let mut more = [ValueRef::ABSENT; 3];
            for (i, value) in more.iter_mut().enumerate().take(n_all - rest) {
                // SAFETY: as for `begin`.
                *value = unsafe { self.value(argument(rest + i)) };
            }
            // SAFETY: as for `begin`.
            unsafe { self.push(RawEvent { kind: EventKind::Arguments, values: more, ..event }) };
            rest += 3;
        }
    }

    /// Notes that the call ended with `result`, or, when that is null, with the exception that is set.
    ///
    /// # Safety
    /// The interpreter lock is held; the result is alive or null.
    pub unsafe fn end(&mut self, site: *mut Site, name: u32, result: *mut ffi::PyObject) {
        // SAFETY: as promised.
        unsafe {
            let error = if result.is_null() { ffi::PyErr_Occurred() } else { std::ptr::null_mut() };
            self.end_named((*site).event_site, name, result, error);
        }
    }

    unsafe fn end_named(&mut self, event_site: u32, name: u32, result: *mut ffi::PyObject, error: *mut ffi::PyObject) {
        // SAFETY: as for `end`.
        unsafe {
            self.depth = self.depth.saturating_sub(1);
            let ticks = self.clock.ticks();
            let event = if result.is_null() {
                let kind = if error.is_null() {
                    ValueRef::ABSENT
                } else {
                    ValueRef::of_type(self.names.type_name(error.cast()))
                };
                RawEvent::raised(ticks, event_site, name, kind)
            } else {
                RawEvent::ended(ticks, event_site, name, self.value(result))
            };
            self.push(event);
            (*self.last_buffer).ticks = ticks;
        }
    }

    /// Notes that the call ended with a result that is not known.
    unsafe fn end_unknown(&mut self, event_site: u32, name: u32) {
        self.depth = self.depth.saturating_sub(1);
        let ticks = self.clock.ticks();
        // SAFETY: the lock is held, as for `end`.
        unsafe {
            self.push(RawEvent::ended(ticks, event_site, name, ValueRef::ABSENT));
            (*self.last_buffer).ticks = ticks;
        }
    }

    /// Notes an operation that is done.
    ///
    /// # Safety
    /// The interpreter lock is held; the site is alive.
    #[inline(always)]
    pub unsafe fn operation(&mut self, site: *mut Site, values: [ValueRef; 3], count: u16) {
        // SAFETY: as promised.
        unsafe { self.note(site, EventKind::Operation, values, count, 0) }
    }

    /// Notes the loads of operands that the hook of an operation notes as well: the operands are described, the objects
    /// that they were loaded from follow each other.
    ///
    /// # Safety
    /// The interpreter lock is held; the site is alive, and there is an object for each of its loads.
    #[inline(always)]
    pub unsafe fn loads(&mut self, site: *mut Site, values: &[ValueRef; 3], objects: *const *mut ffi::PyObject) {
        // SAFETY: as promised.
        unsafe {
            for (i, load) in (*site).loads.iter().enumerate() {
                let values = [self.value(*objects.add(i)), values[load.operand % 3], ValueRef::ABSENT];
                let time_ns = self.buffer().ticks;
                let (site, callee, kind) = (load.event_site, load.name, EventKind::Operation);
                let event = RawEvent { time_ns, site, callee, values, count: 2, kind, flags: 0 };
                (*self.last_buffer).add(event);
            }
        }
    }

    /// Notes something that happened at a site.
    ///
    /// # Safety
    /// The interpreter lock is held; the site is alive.
    #[inline(always)]
    pub unsafe fn note(&mut self, site: *mut Site, kind: EventKind, values: [ValueRef; 3], count: u16, flags: u8) {
        // SAFETY: as promised.
        unsafe {
            let (event_site, callee) = ((*site).event_site, (*site).operation);
            let time_ns = self.buffer().ticks;
            let event = RawEvent { time_ns, site: event_site, callee, values, count, kind, flags };
            (*self.last_buffer).add(event);
        }
    }

    /// One more operand, or the result, of the operation that began last at the site and has no result yet.
    ///
    /// Gives the event, if it was not handed over and not too much happened since.
    ///
    /// # Safety
    /// The interpreter lock is held; the site is alive.
    #[inline]
    pub unsafe fn unfinished(&mut self, site: *mut Site) -> Option<&mut RawEvent> {
        // SAFETY: as promised.
        unsafe {
            let event_site = (*site).event_site;
            let events = self.buffer().events.iter_mut().rev().take(KEPT);
            let mut of_site = events.filter(|event| event.site == event_site);
            of_site.find(|event| event.flags & flags::UNFINISHED != 0)
        }
    }

    /// The number of the callee's name, which its site remembers.
    unsafe fn callee(&mut self, site: *mut Site, callee: *mut ffi::PyObject) -> u32 {
        // SAFETY: the type is checked before the cast.
        unsafe {
            if ffi::Py_TYPE(callee) == &raw mut ffi::PyFunction_Type {
                let code = (*callee.cast::<ffi::PyFunctionObject>()).func_code as usize;
                let name = (*callee.cast::<ffi::PyFunctionObject>()).func_qualname;
                if (*site).named == (code, name as usize) {
                    return (*site).named_as;
                }
                let id = self.names.named(code, name as usize, || text_of(name));
                (*site).named = (code, name as usize);
                (*site).named_as = id;
                return id;
            }
            self.foreign(callee)
        }
    }

    unsafe fn foreign(&mut self, callee: *mut ffi::PyObject) -> u32 {
        // SAFETY: the type is checked before each cast; names are copied.
        unsafe {
            let tp = ffi::Py_TYPE(callee);
            if tp == &raw mut ffi::PyFunction_Type {
                let function = callee.cast::<ffi::PyFunctionObject>();
                let name = (*function).func_qualname;
                return self.names.named((*function).func_code as usize, name as usize, || text_of(name));
            }
            if ffi::PyCFunction_Check(callee) != 0 {
                let method = (*callee.cast::<ffi::PyCFunctionObject>()).m_ml;
                let receiver = (*callee.cast::<ffi::PyCFunctionObject>()).m_self;
                return self.names.named(method as usize, (*method).ml_name as usize, || {
                    let name = CStr::from_ptr((*method).ml_name).to_string_lossy();
                    if receiver.is_null() || ffi::PyModule_Check(receiver) != 0 || ffi::PyType_Check(receiver) != 0 {
                        name.into_owned()
                    } else {
                        format!("{}.{name}", short_name(ffi::Py_TYPE(receiver)))
                    }
                });
            }
            if (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
                return self.names.type_name(callee.cast());
            }
            if tp == &raw mut ffi::PyMethodDescr_Type {
                let method = (*callee.cast::<ffi::PyMethodDescrObject>()).d_method;
                let owner = (*callee.cast::<ffi::PyMethodDescrObject>()).d_common.d_type;
                return self.names.named(callee as usize, (*method).ml_name as usize, || {
                    format!("{}.{}", short_name(owner), CStr::from_ptr((*method).ml_name).to_string_lossy())
                });
            }
            let function = crate::hooks::callee::bound_function(callee);
            if !function.is_null() {
                return self.foreign(function);
            }
            match own_name(callee) {
                Some(name) => self.names.name(&name),
                None => self.names.type_name(tp),
            }
        }
    }
}
