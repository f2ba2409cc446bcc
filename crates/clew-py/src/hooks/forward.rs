//! Calls that need attention before and after: forwarders.
//!
//! A callee hook may return a [`Forwarder`] in place of a foreign callee, and a method hook a [`Receiver`] in
//! place of the object, whose attribute is then a forwarder. Forwarders pass the call on through vectorcall:
//! no Python frame, the same exceptions, and the interpreter's own frame stays the caller's.

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::OnceLock;

use super::effects::{self, flag};
use super::site::Site;
use super::types::{make_callable_type, make_type, TypeObject};
use crate::recorder::contradictions::Check;
use crate::recorder::events;
use crate::recorder::inspect::{is_atom, text_of};
use crate::recorder::units::{current_unit, hot};
use crate::recorder::walk::Reach;
use crate::recorder::writes::{Strength, WHOLE};
use crate::recorder::{hidden, observe, recorder, Recorder, NO_UNIT};
use clew_trace::{Access, ExternalKind, WriteKind};

/// A callable that passes calls on.
#[repr(C)]
pub struct Forwarder {
    head: ffi::PyObject,
    vectorcall: Option<ffi::vectorcallfunc>,
    callee: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    site: *mut Site,
    /// The recording that the specification is of.
    recording: u32,
    spec: u32,
}

/// Stands for the receiver of a method call between the look-up of the method and the call.
#[repr(C)]
struct Receiver {
    head: ffi::PyObject,
    object: *mut ffi::PyObject,
    site: *mut Site,
}

struct Types {
    forwarder: TypeObject,
    receiver: TypeObject,
}

static TYPES: OnceLock<Types> = OnceLock::new();

fn types() -> &'static Types {
    TYPES.get_or_init(|| Types {
        forwarder: make_callable_type(
            c"clew._clew.Forwarder",
            size_of::<Forwarder>(),
            std::mem::offset_of!(Forwarder, vectorcall),
            forwarder_dealloc,
            forwarder_getattr,
        ),
        receiver: make_type(
            c"clew._clew.Receiver",
            size_of::<Receiver>(),
            0,
            &[(ffi::Py_tp_dealloc, receiver_dealloc as *mut _), (ffi::Py_tp_getattro, receiver_getattr as *mut _)],
        ),
    })
}

unsafe extern "C" fn forwarder_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the last reference is gone; every field holds a reference or null.
    unsafe {
        let this = object.cast::<Forwarder>();
        let (callee, receiver, site) = ((*this).callee, (*this).receiver, (*this).site);
        let tp = ffi::Py_TYPE(object);
        ffi::PyObject_Free(object.cast());
        ffi::Py_DECREF(tp.cast());
        ffi::Py_XDECREF(callee);
        ffi::Py_XDECREF(receiver);
        ffi::Py_XDECREF(site.cast());
    }
}

/// Error messages of the interpreter name the callee: attributes are the callee's.
unsafe extern "C" fn forwarder_getattr(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects.
    unsafe { ffi::PyObject_GetAttr((*object.cast::<Forwarder>()).callee, name) }
}

unsafe extern "C" fn receiver_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: as for `forwarder_dealloc`.
    unsafe {
        let this = object.cast::<Receiver>();
        let (inner, site) = ((*this).object, (*this).site);
        let tp = ffi::Py_TYPE(object);
        ffi::PyObject_Free(object.cast());
        ffi::Py_DECREF(tp.cast());
        ffi::Py_XDECREF(inner);
        ffi::Py_XDECREF(site.cast());
    }
}

/// A forwarder for `callee` (a new reference to it is taken).
///
/// # Safety
/// The interpreter lock is held; all pointers are live (`receiver` may be null).
pub unsafe fn forwarder(
    callee: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    site: *mut Site,
    spec: u32,
) -> *mut ffi::PyObject {
    // SAFETY: memory is initialised in full before anybody sees it.
    unsafe {
        let memory = ffi::PyObject_Malloc(size_of::<Forwarder>()).cast::<Forwarder>();
        if memory.is_null() {
            return ffi::PyErr_NoMemory();
        }
        ffi::PyObject_Init(memory.cast(), types().forwarder.0);
        (*memory).vectorcall = Some(forward);
        ffi::Py_INCREF(callee);
        (*memory).callee = callee;
        ffi::Py_XINCREF(receiver);
        (*memory).receiver = receiver;
        ffi::Py_INCREF(site.cast());
        (*memory).site = site;
        (*memory).recording = recorder().map_or(u32::MAX, |recorder| recorder.number);
        (*memory).spec = spec;
        memory.cast()
    }
}

/// A stand-in for the receiver of a method call.
///
/// # Safety
/// As for [`forwarder`].
pub unsafe fn receiver(object: *mut ffi::PyObject, site: *mut Site) -> *mut ffi::PyObject {
    // SAFETY: memory is initialised in full before anybody sees it.
    unsafe {
        let memory = ffi::PyObject_Malloc(size_of::<Receiver>()).cast::<Receiver>();
        if memory.is_null() {
            return ffi::PyErr_NoMemory();
        }
        ffi::PyObject_Init(memory.cast(), types().receiver.0);
        ffi::Py_INCREF(object);
        (*memory).object = object;
        ffi::Py_INCREF(site.cast());
        (*memory).site = site;
        memory.cast()
    }
}

unsafe extern "C" fn receiver_getattr(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects.
    unsafe {
        let this = object.cast::<Receiver>();
        let (inner, site) = ((*this).object, (*this).site);
        let method = if (*site).logged {
            super::logged::user_method(inner, name, site)
        } else {
            ffi::PyObject_GetAttr(inner, name)
        };
        let tp = if method.is_null() { std::ptr::null_mut() } else { ffi::Py_TYPE(method) };
        if tp.is_null() || tp == super::logged::logged_type() || tp == types().forwarder.0 {
            return method;
        }
        let result = super::callee::wrap(site, method, inner);
        ffi::Py_DECREF(method);
        result
    }
}

unsafe extern "C" fn forward(
    object: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter keeps the forwarder and the arguments alive through the call.
    unsafe {
        let this = object.cast::<Forwarder>();
        let call = Call {
            site: (*this).site,
            receiver: (*this).receiver,
            args,
            n_args: ffi::PyVectorcall_NARGS(nargsf) as usize,
            kwnames,
        };
        let unit = current_unit();
        // The recorder may be another one after the call.
        let same = || recorder().filter(|recorder| recorder.number == (*this).recording);
        let Some(recorder) = same() else {
            return ffi::PyObject_Vectorcall((*this).callee, args, nargsf, kwnames);
        };
        let spec_id = (*this).spec;
        let flags = recorder.specs.spec(spec_id).flags;
        call.advance(unit, flags);
        let n_changes = crate::recorder::outside::n_changes();
        let before = call.before(unit, spec_id, flags, (*this).callee);
        let check = call.check(spec_id, flags);
        let name = call.begin_event((*this).callee);
        let result = ffi::PyObject_Vectorcall((*this).callee, args, nargsf, kwnames);
        if let Some(name) = name {
            call.end_event(name, result);
        }
        let error = if result.is_null() { Error::fetch() } else { Error::none() };
        if spec_id != effects::USER && same().is_some() {
            call.after(unit, spec_id, flags, &before, result.is_null());
            if let Some(check) = check {
                call.compare(check, unit, spec_id, (*this).callee);
            }
            call.look(unit, spec_id, flags, result, n_changes);
        }
        if result.is_null() {
            error.restore();
        }
        result
    }
}

/// An exception set aside while Python code may run.
pub struct Error {
    kind: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    traceback: *mut ffi::PyObject,
}

impl Error {
    const fn none() -> Self {
        Self { kind: std::ptr::null_mut(), value: std::ptr::null_mut(), traceback: std::ptr::null_mut() }
    }

    /// Takes the current exception.
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn fetch() -> Self {
        let mut error = Self::none();
        // SAFETY: the lock is held; ownership of the parts moves here.
        unsafe { ffi::PyErr_Fetch(&raw mut error.kind, &raw mut error.value, &raw mut error.traceback) };
        error
    }

    /// Makes it the current exception again.
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn restore(self) {
        // SAFETY: ownership of the parts moves back.
        unsafe { ffi::PyErr_Restore(self.kind, self.value, self.traceback) };
    }
}

/// One call that is passed on.
pub struct Call {
    pub site: *mut Site,
    receiver: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    pub n_args: usize,
    pub kwnames: *mut ffi::PyObject,
}

type Snapshots = Vec<(*mut ffi::PyObject, observe::Details)>;

impl Call {
    /// How many keyword arguments there are.
    ///
    /// # Safety
    /// The call is running.
    pub unsafe fn n_keywords(&self) -> usize {
        // SAFETY: `kwnames` is null or a live tuple.
        unsafe {
            if self.kwnames.is_null() {
                0
            } else {
                ffi::PyTuple_Size(self.kwnames) as usize
            }
        }
    }

    /// An argument, positional ones first (borrowed).
    ///
    /// # Safety
    /// The call is running and has so many arguments.
    pub unsafe fn argument(&self, index: usize) -> *mut ffi::PyObject {
        // SAFETY: callers stay below the number of arguments.
        unsafe { *self.args.add(index) }
    }

    unsafe fn keyword(&self, name: &str) -> Option<*mut ffi::PyObject> {
        // SAFETY: names and values of a live call.
        unsafe {
            for i in 0..self.n_keywords() {
                let key = ffi::PyTuple_GetItem(self.kwnames, i as isize);
                if text_of(key) == name {
                    return Some(self.argument(self.n_args + i));
                }
            }
        }
        None
    }

    /// Logs that the call begins, if its site is logged.
    unsafe fn begin_event(&self, callee: *mut ffi::PyObject) -> Option<u32> {
        // SAFETY: parts of a live call.
        unsafe {
            if !(*self.site).logged {
                return None;
            }
            let events = events::current((*self.site).recording)?;
            let receiver = std::ptr::null_mut();
            Some(events.begin(self.site, callee, receiver, self.args, self.n_args + self.n_keywords()))
        }
    }

    /// Logs that it ended.
    unsafe fn end_event(&self, name: u32, result: *mut ffi::PyObject) {
        // SAFETY: the lock is held again after the call; the recorder may have been stopped meanwhile.
        unsafe {
            if let Some(events) = events::current((*self.site).recording) {
                events.end(self.site, name, result);
            }
        }
    }

    /// The call draws from the iterators and calls the functions that it is given.
    unsafe fn advance(&self, unit: u32, flags: u32) {
        if flags & flag::CONSUMES_ARGUMENTS != 0 {
            // SAFETY: arguments are alive.
            unsafe {
                for i in 0..self.n_args + self.n_keywords() {
                    super::draw::advance(unit, self.argument(i));
                }
            }
        }
    }

    unsafe fn before(&self, unit: u32, spec_id: u32, flags: u32, callee: *mut ffi::PyObject) -> Snapshots {
        let mut snapshots = Snapshots::new();
        // SAFETY: the lock is held; the resolver may have run meanwhile.
        let Some(recorder) = (unsafe { recorder() }) else {
            return snapshots;
        };
        // SAFETY: arguments are alive; nothing here runs user code.
        unsafe {
            let n_all = self.n_args + self.n_keywords();
            if (*hot()).ambient {
                self.read_hidden_states(recorder, unit, spec_id, flags);
            }
            if !self.receiver.is_null() && self.receiver == (*hot()).environ {
                recorder.environ_called = true;
            }
            if flags & flag::READS_RECEIVER != 0 && !self.receiver.is_null() {
                recorder.read_deep(unit, self.receiver, Reach::Everything);
            }
            for i in 0..n_all {
                let argument = self.argument(i);
                if flags & flag::READS_ARGUMENTS != 0 {
                    recorder.read_deep(unit, argument, Reach::Everything);
                }
            }
            if flags & flag::OBSERVE != 0 {
                recorder.assume((*self.site).source, (*self.site).statement, callee);
                let parts = std::iter::once(self.receiver).chain((0..n_all).map(|i| self.argument(i)));
                for part in parts {
                    if !part.is_null() && observe::worthwhile(part) {
                        snapshots.push((part, observe::details(part)));
                    }
                }
            }
        }
        snapshots
    }

    unsafe fn after(&self, unit: u32, spec_id: u32, flags: u32, before: &Snapshots, raised: bool) {
        // SAFETY: the lock is held again after the call; the recorder may have been stopped meanwhile.
        let mut flags = flags;
        // SAFETY: as above.
        if unsafe { recorder() }.is_some_and(|recorder| recorder.specs.spec(spec_id).effect.is_some()) {
            // SAFETY: as above; no reference to the recorder is alive.
            unsafe { self.conclude(unit, spec_id, &mut flags) };
        }
        // SAFETY: as above.
        let Some(recorder) = (unsafe { recorder() }) else {
            return;
        };
        // SAFETY: a site lives as long as the code that calls through it, which is running.
        let (source, statement) = unsafe { ((*self.site).source, (*self.site).statement) };
        recorder.environ_called = false;
        // SAFETY: arguments are alive through the call.
        unsafe {
            recorder.after_foreign_call(unit, spec_id, (*self.site).name);
            for (part, snapshot) in before {
                for object in observe::changed(*part, snapshot) {
                    self.write(recorder, unit, object);
                }
            }
            if flags & flag::WRITES_RECEIVER != 0 && !self.receiver.is_null() {
                self.write(recorder, unit, self.receiver);
            }
            if flags & flag::WRITES_ARGUMENT != 0 {
                let spec = recorder.specs.spec(spec_id);
                let (positions, keywords) = (spec.written_positions.clone(), spec.written_keywords.clone());
                for position in positions.into_iter().filter(|position| *position < self.n_args) {
                    self.write(recorder, unit, self.argument(position));
                }
                for keyword in keywords {
                    if keyword == "*" {
                        for position in 0..self.n_args {
                            self.write(recorder, unit, self.argument(position));
                        }
                    } else if let Some(argument) = self.keyword(&keyword) {
                        self.write(recorder, unit, argument);
                    }
                }
            }
            if !self.kwnames.is_null() {
                if let Some(out) = self.keyword("out") {
                    self.write(recorder, unit, out);
                }
                if self.keyword("inplace") == Some(ffi::Py_True()) && !self.receiver.is_null() {
                    self.write(recorder, unit, self.receiver);
                }
            }
            if flags & flag::STREAM != 0 {
                self.stream(recorder, unit);
            }
            if flags & flag::OUTPUT != 0 {
                match self.keyword("file") {
                    Some(file) if file != ffi::Py_None() => {
                        super::stream::written(recorder, unit, file, source, statement);
                    }
                    // One that raised is no mere output.
                    _ if raised => {}
                    _ => {
                        super::stream::printed(recorder, unit, source, statement);
                    }
                }
            }
            self.hidden_state(recorder, unit, spec_id, flags);
        }
    }

    /// Begins to observe the call, if the user has annotated what is called and it is time to.
    unsafe fn check(&self, spec_id: u32, flags: u32) -> Option<Check> {
        // SAFETY: parts of a live call.
        unsafe {
            let recorder = recorder()?;
            // One that could stay native would not be here otherwise.
            let is_due = flags & flag::NATIVE != 0 || recorder.is_check_due(self.site as usize, spec_id);
            if !is_due {
                return None;
            }
            let n_all = self.n_args + self.n_keywords();
            let parts = std::iter::once(self.receiver).chain((0..n_all).map(|i| self.argument(i)));
            Check::begin(parts.filter(|part| !part.is_null()))
        }
    }

    /// What the call was seen to change holds, whatever the annotation says.
    unsafe fn compare(&self, check: Check, unit: u32, spec_id: u32, callee: *mut ffi::PyObject) {
        // SAFETY: parts of a live call; the recorder is not borrowed while they are compared.
        unsafe {
            let seen = check.end();
            let Some(recorder) = recorder() else { return };
            if !seen.besides.is_empty() {
                recorder.contradict(spec_id, callee);
                recorder.assume((*self.site).source, (*self.site).statement, callee);
            } else if !seen.inside.is_empty() {
                recorder.specs.observe(spec_id);
            }
            for object in seen.inside.into_iter().chain(seen.besides) {
                self.write(recorder, unit, object);
            }
        }
    }

    /// Asks the Python side what this call did, where that hangs on its arguments.
    unsafe fn conclude(&self, unit: u32, spec_id: u32, flags: &mut u32) {
        // SAFETY: parts of a live call; the recorder is not borrowed while Python code runs.
        unsafe {
            let py = Python::assume_attached();
            let Some((Some(conclude), Some(effect))) = recorder().map(|recorder| {
                recorder.resolving = true;
                let conclude = recorder.specs.conclude(py);
                (conclude, recorder.specs.spec(spec_id).effect.as_ref().map(|effect| effect.clone_ref(py)))
            }) else {
                return;
            };
            let args = (0..self.n_args).map(|i| Bound::from_borrowed_ptr(py, self.argument(i)));
            let Ok(args) = PyTuple::new(py, args.collect::<Vec<_>>()) else {
                return;
            };
            let keywords = PyDict::new(py);
            for i in 0..self.n_keywords() {
                let name = Bound::from_borrowed_ptr(py, ffi::PyTuple_GetItem(self.kwnames, i as isize));
                let value = Bound::from_borrowed_ptr(py, self.argument(self.n_args + i));
                if keywords.set_item(name, value).is_err() {
                    return;
                }
            }
            let receiver = Bound::from_borrowed_ptr_or_opt(py, self.receiver);
            let untraced = super::callee::Untraced::begin();
            let said = conclude.bind(py).call1((effect, receiver, args, keywords));
            let said = said.and_then(|said| said.extract::<effects::Conclusion>());
            drop(untraced);
            let Some(recorder) = recorder() else { return };
            recorder.resolving = false;
            let Ok((bits, written, uses)) = said else {
                return;
            };
            *flags = bits & !(flag::WRITES_ARGUMENT | flag::RANDOM | flag::MODULE_STATE | flag::ENVIRONMENT);
            for object in &written {
                self.write(recorder, unit, object.as_ptr());
            }
            let is_own = self.draws_from_own(recorder);
            let uses: Vec<_> = uses.into_iter().filter(|(kind, _, _)| !is_own || kind != "random").collect();
            let changes = recorder.use_outside(unit, &uses);
            if bits & flag::SEED != 0 && !is_own {
                recorder.accept_random();
            }
            if changes {
                recorder.touch((*self.site).source, (*self.site).statement, WriteKind::External);
            }
        }
    }

    /// Whether a method of a generator object was called: module functions are methods of an object of the module.
    unsafe fn draws_from_own(&self, recorder: &Recorder) -> bool {
        !self.receiver.is_null()
            && !recorder.random.owns(self.receiver)
            // SAFETY: a part of a live call.
            && unsafe { observe::is_generator(self.receiver) }
    }

    unsafe fn hidden_state(&self, recorder: &mut Recorder, unit: u32, spec_id: u32, flags: u32) {
        // SAFETY: the lock is held.
        unsafe {
            let (source, statement) = ((*self.site).source, (*self.site).statement);
            if flags & (flag::RANDOM | flag::FIGURE | flag::MODULE_STATE | flag::ENVIRONMENT) != 0 {
                let kind = if flags & flag::RANDOM != 0 {
                    ExternalKind::Random
                } else if flags & flag::ENVIRONMENT != 0 {
                    ExternalKind::Environment
                } else {
                    ExternalKind::Module
                };
                let seeds = flags & flag::SEED != 0 && self.n_args > 0 && self.argument(0) != ffi::Py_None();
                let access = if seeds { Access::Write } else { Access::Update };
                let states = recorder.specs.spec(spec_id).states.clone();
                let is_own = kind == ExternalKind::Random && self.draws_from_own(recorder);
                for state in states
                    .iter()
                    .flat_map(|states| states.iter())
                    .filter(|state| !is_own && hidden::probe::number(state).is_none())
                {
                    let external = recorder.external(kind, state);
                    recorder.outside_access(unit, external, access);
                }
                if flags & flag::FIGURE != 0 {
                    // What a figure looks like depends on the parameters that are set.
                    recorder.outside_use(ExternalKind::Module, "matplotlib.rcParams", Access::Read);
                }
                if seeds {
                    recorder.accept_random();
                }
                recorder.touch(source, statement, WriteKind::External);
            }
            if flags & (flag::CLOCK | flag::NONDETERMINISTIC) != 0 {
                let kind = if flags & flag::CLOCK != 0 { ExternalKind::Clock } else { ExternalKind::Random };
                let external = recorder.external(kind, "system");
                recorder.outside_access(unit, external, Access::Read);
            }
            if recorder.check_random(unit) {
                recorder.touch(source, statement, WriteKind::External);
            }
        }
    }

    /// Options and contexts of the callee's library and of those that the arguments belong to.
    unsafe fn read_hidden_states(&self, recorder: &mut Recorder, unit: u32, spec_id: u32, flags: u32) {
        // SAFETY: parts of a live call.
        unsafe {
            let package = recorder.specs.spec(spec_id).package.clone();
            recorder.read_package(unit, &package, flags & flag::OBSERVE != 0);
            let n_all = self.n_args + self.n_keywords();
            let parts = std::iter::once(self.receiver).chain((0..n_all).map(|i| self.argument(i)));
            for part in parts.filter(|part| !part.is_null()) {
                if !is_atom(ffi::Py_TYPE(part)) {
                    recorder.read_ambient(unit, part);
                }
            }
        }
    }

    /// Was hidden state changed? A function that returns nothing and changed nothing that can be seen has changed
    /// something that cannot.
    unsafe fn look(&self, unit: u32, spec_id: u32, flags: u32, result: *mut ffi::PyObject, n_changes: u64) {
        // SAFETY: parts of a live call; the recorder is not borrowed while states are looked at.
        unsafe {
            let Some(recorder_ref) = recorder() else { return };
            recorder_ref.watch_double(result);
            let spec = recorder_ref.specs.spec(spec_id);
            let says = flags & (flag::MODULE_STATE | flag::OBSERVE) != 0 || spec.effect.is_some();
            let is_silent = result == ffi::Py_None() && recorder_ref.hidden.n_changes == n_changes;
            if !says && !is_silent || !recorder_ref.hidden.is_callee_due(spec_id) {
                return;
            }
            let (source, statement) = ((*self.site).source, (*self.site).statement);
            let changed = hidden::look(unit);
            let Some(recorder) = recorder() else { return };
            let spec = recorder.specs.spec(spec_id);
            let known =
                [flag::OUTPUT, flag::STREAM, flag::CLOCK, flag::RANDOM, flag::ENVIRONMENT, flag::NONDETERMINISTIC];
            let is_known = spec.effect.is_some()
                || spec.states.is_some()
                || known.iter().any(|bit| flags & bit != 0)
                || hidden::EXPLAINED.contains(&spec.package.as_str());
            if is_silent && !changed && !is_known && self.receiver.is_null() {
                let package = spec.package.clone();
                recorder.changed_package(unit, &package);
                recorder.touch(source, statement, WriteKind::External);
            } else if changed {
                recorder.touch(source, statement, WriteKind::External);
            }
        }
    }

    unsafe fn write(&self, recorder: &mut Recorder, unit: u32, object: *mut ffi::PyObject) {
        // SAFETY: `object` is part of a live call.
        unsafe {
            (*self.site).touched = true;
            if unit != NO_UNIT {
                recorder.write(unit, object, WHOLE, Strength::Updates);
            }
        }
    }

    unsafe fn stream(&self, recorder: &mut Recorder, unit: u32) {
        // SAFETY: parts of a live call.
        unsafe {
            let (source, statement) = ((*self.site).source, (*self.site).statement);
            let n_all = self.n_args + self.n_keywords();
            let parts = std::iter::once(self.receiver).chain((0..n_all).map(|i| self.argument(i)));
            for part in parts.filter(|part| !part.is_null()) {
                super::stream::written(recorder, unit, part, source, statement);
            }
        }
    }
}

/// Whether the specification lets a call at the site stay native, this time.
pub fn is_native(recorder: &mut Recorder, site: *mut Site, spec: u32) -> bool {
    spec == effects::USER
        || recorder.specs.spec(spec).flags & flag::NATIVE != 0 && !recorder.is_check_due(site as usize, spec)
}

/// The type of forwarders.
pub fn forwarder_type() -> *mut ffi::PyTypeObject {
    types().forwarder.0
}
