//! The event log of the `call` and `op` levels: what hooks write for each call, in buffers of their thread.
//!
//! Values are described in 32 bits without running user code; names of callees and types are interned once.

#![allow(unsafe_code)]

pub mod watched;

use pyo3::ffi;
use rustc_hash::FxHashMap;
use std::ffi::CStr;
use std::path::Path;
use std::time::Instant;

use super::walk::text_of;
use clew_store::EventFile;
use clew_trace::log::{EventKind, Keep, LogSite, LogSummary, RawEvent, Tables, ValueRef};
use clew_trace::{SourceId, StatementId};

/// Events in a buffer before it is handed over.
const BUFFER: usize = 4096;
/// Strings up to this many characters are kept as they are, up to [`MAX_NAMES`] different ones.
const SHORT: isize = 40;
const MAX_NAMES: u32 = 1 << 16;
/// Calls within calls beyond which user code is no longer called through forwarders, which use the C stack.
pub const MAX_DEPTH: u32 = 1_200;

/// The log of one recording.
pub struct Events {
    file: EventFile,
    began: Instant,
    names: FxHashMap<String, u32>,
    fresh: Tables,
    by_address: FxHashMap<usize, u32>,
    threads: FxHashMap<usize, u16>,
    buffers: Vec<Vec<RawEvent>>,
    last_thread: (usize, u16),
    n_sites: u32,
    n_sources: u32,
    /// Sources and sites of calls that were not made by rewritten code.
    watched: watched::Places,
    constants: [u32; 3],
    /// Forwarded calls that are open.
    pub depth: u32,
}

impl Events {
    /// Begins a log in a file that must not exist.
    pub fn create(path: &Path, cap_bytes: u64) -> clew_store::Result<Self> {
        let file = EventFile::create(path, cap_bytes, Keep::First)?;
        let mut events = Self {
            file,
            began: Instant::now(),
            names: FxHashMap::default(),
            fresh: Tables::default(),
            by_address: FxHashMap::default(),
            threads: FxHashMap::default(),
            buffers: Vec::new(),
            last_thread: (0, 0),
            n_sites: 0,
            n_sources: 0,
            watched: watched::Places::default(),
            constants: [0; 3],
            depth: 0,
        };
        events.constants = ["None", "True", "False"].map(|name| events.name(name));
        Ok(events)
    }

    /// Ends the log.
    pub fn finish(mut self) -> Option<LogSummary> {
        for thread in 0..self.buffers.len() {
            self.hand_over(thread as u16);
        }
        self.file.finish()
    }

    /// Adds a source; gives its index.
    pub fn add_source(&mut self, path: &str) -> u32 {
        self.fresh.sources.push(path.to_owned());
        self.n_sources += 1;
        self.n_sources - 1
    }

    /// Adds a place that makes events.
    pub fn add_site(&mut self, source: u32, statement: u32, line: u32) -> u32 {
        let (source, statement) = (SourceId(source), StatementId(statement));
        self.fresh.sites.push(LogSite { source, statement, line, column: 0 });
        self.n_sites += 1;
        self.n_sites - 1
    }

    fn name(&mut self, text: &str) -> u32 {
        if let Some(&id) = self.names.get(text) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.insert(text.to_owned(), id);
        self.fresh.names.push(text.to_owned());
        id
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    unsafe fn thread(&mut self) -> u16 {
        // SAFETY: the lock is held, so there is a current thread state.
        let state = unsafe { ffi::PyThreadState_Get() } as usize;
        if self.last_thread.0 == state {
            return self.last_thread.1;
        }
        let next = self.buffers.len() as u16;
        let thread = *self.threads.entry(state).or_insert(next);
        if thread == next {
            self.buffers.push(Vec::with_capacity(BUFFER));
            let name = if next == 0 { "main".to_owned() } else { format!("thread {next}") };
            self.fresh.threads.push((next, name));
        }
        self.last_thread = (state, thread);
        thread
    }

    fn push(&mut self, thread: u16, event: RawEvent) {
        let buffer = &mut self.buffers[thread as usize];
        buffer.push(event);
        if buffer.len() == BUFFER {
            self.hand_over(thread);
        }
    }

    #[cold]
    fn hand_over(&mut self, thread: u16) {
        if self.fresh != Tables::default() {
            self.file.add_tables(std::mem::take(&mut self.fresh));
        }
        let full = std::mem::take(&mut self.buffers[thread as usize]);
        self.buffers[thread as usize] = self.file.push(thread, full);
    }

    /// Notes that a call begins; gives the number of its callee's name.
    ///
    /// # Safety
    /// The interpreter lock is held; `callee` and the `n_args` arguments are alive.
    pub unsafe fn begin(
        &mut self,
        site: u32,
        callee: *mut ffi::PyObject,
        args: *const *mut ffi::PyObject,
        n_args: usize,
    ) -> u32 {
        // SAFETY: as promised.
        unsafe {
            let name = self.callee(callee);
            self.begin_named(site, name, args, n_args);
            name
        }
    }

    unsafe fn begin_named(&mut self, site: u32, name: u32, args: *const *mut ffi::PyObject, n_args: usize) {
        // SAFETY: as for `begin`.
        unsafe {
            let mut values = [ValueRef::ABSENT; 3];
            for (i, value) in values.iter_mut().enumerate().take(n_args) {
                *value = self.value(*args.add(i));
            }
            let thread = self.thread();
            let event = RawEvent::call(self.now(), site, name, values, n_args.min(0xFFFF) as u16);
            self.push(thread, event);
            let mut rest = 3;
            while rest < n_args && rest < 12 {
                let mut more = [ValueRef::ABSENT; 3];
                for (i, value) in more.iter_mut().enumerate().take(n_args - rest) {
                    *value = self.value(*args.add(rest + i));
                }
                let arguments = RawEvent { kind: EventKind::Arguments, values: more, ..event };
                self.push(thread, arguments);
                rest += 3;
            }
            self.depth += 1;
        }
    }

    /// Notes that the call ended with `result`, or, when that is null, with an exception of type `error`.
    ///
    /// # Safety
    /// The interpreter lock is held; the objects are alive or null.
    pub unsafe fn end(&mut self, site: u32, name: u32, result: *mut ffi::PyObject, error: *mut ffi::PyObject) {
        // SAFETY: as promised.
        unsafe {
            self.depth = self.depth.saturating_sub(1);
            let thread = self.thread();
            let event = if result.is_null() {
                let kind =
                    if error.is_null() { ValueRef::ABSENT } else { ValueRef::of_type(self.type_name(error.cast())) };
                RawEvent::raised(self.now(), site, name, kind)
            } else {
                let value = self.value(result);
                RawEvent::ended(self.now(), site, name, value)
            };
            self.push(thread, event);
        }
    }

    /// Notes that the call ended with a result that is not known.
    unsafe fn end_unknown(&mut self, site: u32, name: u32) {
        self.depth = self.depth.saturating_sub(1);
        // SAFETY: the lock is held, as for `end`.
        let thread = unsafe { self.thread() };
        let event = RawEvent::ended(self.now(), site, name, ValueRef::ABSENT);
        self.push(thread, event);
    }

    unsafe fn callee(&mut self, callee: *mut ffi::PyObject) -> u32 {
        // SAFETY: the type is checked before each cast; names are copied.
        unsafe {
            let tp = ffi::Py_TYPE(callee);
            if tp == &raw mut ffi::PyFunction_Type {
                let function = callee.cast::<ffi::PyFunctionObject>();
                return self.interned((*function).func_code as usize, || text_of((*function).func_qualname));
            }
            if ffi::PyCFunction_Check(callee) != 0 {
                let method = (*callee.cast::<ffi::PyCFunctionObject>()).m_ml;
                let receiver = (*callee.cast::<ffi::PyCFunctionObject>()).m_self;
                return self.interned(method as usize, || {
                    let name = CStr::from_ptr((*method).ml_name).to_string_lossy();
                    if receiver.is_null() || ffi::PyModule_Check(receiver) != 0 || ffi::PyType_Check(receiver) != 0 {
                        name.into_owned()
                    } else {
                        format!("{}.{name}", short_name(ffi::Py_TYPE(receiver)))
                    }
                });
            }
            if (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
                return self.type_name(callee.cast());
            }
            let function = crate::hooks::callee::bound_function(callee);
            if function.is_null() {
                self.type_name(tp)
            } else {
                self.callee(function)
            }
        }
    }

    unsafe fn interned(&mut self, address: usize, text: impl FnOnce() -> String) -> u32 {
        if let Some(&id) = self.by_address.get(&address) {
            return id;
        }
        let id = self.name(&text());
        self.by_address.insert(address, id);
        id
    }

    unsafe fn type_name(&mut self, tp: *mut ffi::PyTypeObject) -> u32 {
        // SAFETY: a live type.
        unsafe { self.interned(tp as usize, || short_name(tp)) }
    }

    /// Describes a value.
    unsafe fn value(&mut self, value: *mut ffi::PyObject) -> ValueRef {
        // SAFETY: the type is checked before each cast.
        unsafe {
            let tp = ffi::Py_TYPE(value);
            if tp == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                let number = ffi::PyLong_AsLongLongAndOverflow(value, &raw mut overflow);
                if overflow == 0 {
                    if let Some(exact) = ValueRef::integer(number) {
                        return exact;
                    }
                }
                return ValueRef::of_type(self.type_name(tp));
            }
            if tp == &raw mut ffi::PyFloat_Type {
                return ValueRef::real((*value.cast::<ffi::PyFloatObject>()).ob_fval);
            }
            if value == ffi::Py_None() {
                return ValueRef::name(self.constants[0]);
            }
            if value == ffi::Py_True() {
                return ValueRef::name(self.constants[1]);
            }
            if value == ffi::Py_False() {
                return ValueRef::name(self.constants[2]);
            }
            if tp == &raw mut ffi::PyUnicode_Type {
                let length = ffi::PyUnicode_GetLength(value);
                if length <= SHORT && (self.names.len() as u32) < MAX_NAMES {
                    let text = format!("{:?}", text_of(value));
                    return ValueRef::name(self.name(&text));
                }
                return ValueRef::sized(self.type_name(tp), length as usize);
            }
            let flags = (*tp).tp_flags;
            let name = self.type_name(tp);
            if flags & (ffi::Py_TPFLAGS_LIST_SUBCLASS | ffi::Py_TPFLAGS_TUPLE_SUBCLASS) != 0 {
                return ValueRef::sized(name, (*value.cast::<ffi::PyVarObject>()).ob_size as usize);
            }
            if flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0 {
                return ValueRef::sized(name, (*value.cast::<ffi::PyDictObject>()).ma_used as usize);
            }
            ValueRef::of_type(name)
        }
    }
}

/// The last part of a type's name.
unsafe fn short_name(tp: *mut ffi::PyTypeObject) -> String {
    // SAFETY: names of live types are C strings.
    let name = unsafe { CStr::from_ptr((*tp).tp_name) }.to_string_lossy();
    name.rsplit('.').next().unwrap_or_default().to_owned()
}
