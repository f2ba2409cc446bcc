//! Hidden states of libraries (options, contexts, standard streams, patched modules) as objects like any other: named,
//! watched, and versioned by who changed them last.
//!
//! A state changed if its probe's number differs from the one seen last; whoever ran in between changed it. Looks are
//! taken when a unit ends and after foreign calls, often at first and ever more seldom where nothing happens; a change
//! that is found late belongs to all units that were not looked at. What a `with` block changes and puts back when it
//! is left counts inside the block only.
//!
//! While nothing was changed, nothing is asked of reads. Afterwards, calls into a library and operators on its objects
//! read what was changed in it.

#![allow(unsafe_code)]

mod namespaces;
pub mod probe;

use pyo3::ffi;
use rustc_hash::FxHashMap;

use super::inspect::{is_atom, module_of, type_name};
use super::units::hot;
use super::walk::{reachable, Below};
use super::writes::{Strength, WHOLE};
use super::{observe, recorder, Recorder, NO_UNIT};
use clew_trace::{Access, ExternalId, ExternalKind, FlowKind};
use namespaces::Namespace;
use probe::PROBES;

/// Looks at a unit or a callee that are taken one after the other; then only at powers of two.
const FREE_LOOKS: u32 = 6;
/// Objects of a container that are asked for the library they belong to.
const REACH: usize = 48;

/// Numbers of all states at one moment.
pub type Tokens = [Option<u64>; PROBES.len()];

/// What an object was like that a foreign context manager handed out.
struct Watched {
    object: *mut ffi::PyObject,
    snapshot: u64,
}

/// Doubles that are watched in one recording.
const MAX_DOUBLES: usize = 16;

/// Objects of a unit that are remembered.
const RECENT: usize = 16;
/// Types whose objects may hold others tomorrow than today.
const CONTAINERS: std::ffi::c_ulong =
    ffi::Py_TPFLAGS_LIST_SUBCLASS | ffi::Py_TPFLAGS_TUPLE_SUBCLASS | ffi::Py_TPFLAGS_DICT_SUBCLASS;

/// Types that are remembered as being apart.
const FEW_TYPES: usize = 32;

/// States as they were when a `with` block was entered.
pub struct Scope {
    tokens: Tokens,
    writers: Vec<u32>,
    n_watched: usize,
}

/// The watch over hidden states.
#[derive(Default)]
pub struct Hidden {
    tokens: Tokens,
    /// Units that ran since the last look.
    unseen: Vec<u32>,
    looks: FxHashMap<u32, u32>,
    managers: FxHashMap<usize, u32>,
    /// States that some unit changed, a bit each.
    changed: u32,
    /// Those of them that operations on objects read.
    ambient: u32,
    /// Packages with hidden state that a unit changed.
    packages: Vec<(String, ExternalId)>,
    /// Bits of states that operations on a type read, by its address and version.
    types: FxHashMap<(usize, u32), u32>,
    /// States that the running unit has read already.
    read: (u32, u32),
    /// Objects that it has operated on already, with their types.
    recent: [(usize, usize); RECENT],
    watched: Vec<Watched>,
    /// Test doubles that foreign calls have made.
    doubles: Vec<Watched>,
    /// Types that do not belong to any of those packages.
    types_apart: Vec<usize>,
    /// Functions and classes of the user's imported modules, by the number of the source, and who changed them.
    namespaces: Vec<Namespace>,
    /// Changes of anything, to be compared around a call.
    pub n_changes: u64,
}

/// Packages whose functions that return nothing have changed what is seen otherwise, or run code of the user's.
pub const EXPLAINED: [&str; 7] =
    ["builtins", "asyncio", "threading", "thread", "concurrent", "multiprocessing", "time"];

/// Number of a callee's specification among the things that are looked at.
const CALLEE: u32 = 1 << 31;

/// Whether the `count`th look at something is taken.
pub const fn is_due(count: u32) -> bool {
    count <= FREE_LOOKS || count.is_power_of_two()
}

/// The states as they are now.
///
/// # Safety
/// The interpreter lock is held; no reference to the recorder is alive.
pub unsafe fn tokens() -> Tokens {
    // SAFETY: as promised; a pending exception is set aside.
    unsafe {
        let error = crate::hooks::forward::Error::fetch();
        let was_resolving = recorder().is_some_and(|recorder| std::mem::replace(&mut recorder.resolving, true));
        let mut tokens = Tokens::default();
        for (token, probe) in tokens.iter_mut().zip(&PROBES) {
            *token = probe.token();
        }
        if let Some(recorder) = recorder() {
            recorder.resolving = was_resolving;
        }
        error.restore();
        tokens
    }
}

/// Looks at all states now: what differs was changed by `unit`, or by units that ran since the last look.
/// Returns whether something was.
///
/// # Safety
/// The interpreter lock is held; no reference to the recorder is alive.
pub unsafe fn look(unit: u32) -> bool {
    // SAFETY: as promised.
    unsafe {
        if recorder().is_none() {
            return false;
        }
        let now = tokens();
        recorder().is_some_and(|recorder| {
            let unseen = recorder.hidden.unseen.clone();
            let found = recorder.notice(&now, unit);
            recorder.notice_namespaces(unit, &unseen) || found
        })
    }
}

/// A unit ends: looks if it is due.
///
/// # Safety
/// As for [`look`].
pub unsafe fn unit_ends(unit: u32) {
    // SAFETY: as promised.
    unsafe {
        let Some(recorder) = recorder() else { return };
        if unit == NO_UNIT || recorder.resolving {
            return;
        }
        let count = recorder.hidden.looks.entry(unit).or_insert(0);
        *count += 1;
        if is_due(*count) {
            look(unit);
        } else if !recorder.hidden.unseen.contains(&unit) {
            recorder.hidden.unseen.push(unit);
        }
    }
}

/// Remembers the states before a `with` block.
///
/// # Safety
/// As for [`look`].
pub unsafe fn enter(unit: u32) -> Option<Scope> {
    // SAFETY: as promised.
    unsafe {
        look(unit);
        let recorder = recorder()?;
        let writers = (0..PROBES.len()).map(|i| recorder.hidden_writer(i)).collect();
        Some(Scope { tokens: recorder.hidden.tokens, writers, n_watched: recorder.hidden.watched.len() })
    }
}

/// After `__enter__`: what it changed is the unit's, and what it handed out is watched while the block runs.
///
/// # Safety
/// As for [`look`]; `result` is null or alive.
pub unsafe fn entered(unit: u32, result: *mut ffi::PyObject) {
    // SAFETY: as promised; the reference is given back by `left`.
    unsafe {
        look(unit);
        if result.is_null() || !is_sink(result) {
            return;
        }
        if let Some(recorder) = recorder() {
            ffi::Py_INCREF(result);
            recorder.hidden.watched.push(Watched { object: result, snapshot: observe::of(result) });
        }
    }
}

/// Before `__exit__`: the block's last statement ends.
///
/// # Safety
/// As for [`look`].
pub unsafe fn leaving(scope: &Scope) {
    // SAFETY: as promised; references were taken by `entered`.
    unsafe {
        let Some(recorder) = recorder() else { return };
        let unit = (*hot()).unit;
        recorder.check_handed_out(unit);
        let dropped = recorder.hidden.watched.split_off(scope.n_watched.min(recorder.hidden.watched.len()));
        for watched in dropped {
            ffi::Py_DECREF(watched.object);
        }
    }
}

/// After `__exit__`: states that are again what they were before the block have their former writers again.
///
/// # Safety
/// As for [`look`].
pub unsafe fn left(unit: u32, scope: &Scope) {
    // SAFETY: as promised.
    unsafe {
        let now = tokens();
        let Some(recorder) = recorder() else { return };
        for i in 0..PROBES.len() {
            if now[i].is_some() && now[i] == scope.tokens[i] && recorder.hidden_writer(i) != scope.writers[i] {
                recorder.hidden.tokens[i] = now[i];
                let id = recorder.external(ExternalKind::Module, PROBES[i].name);
                recorder.outside[id.index()].writer = scope.writers[i];
            }
        }
        recorder.notice(&now, unit);
    }
}

/// Whether library code may write into the object behind the back of the block that holds it.
unsafe fn is_sink(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the object is alive.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        tp == &raw mut ffi::PyList_Type
            || tp == &raw mut ffi::PyDict_Type
            || !is_atom(tp) && module_of(tp).starts_with("unittest.")
    }
}

impl Hidden {
    /// Whether this entry of a `with` block is one of those that are looked at.
    pub fn is_manager_due(&mut self, site: usize) -> bool {
        let count = self.managers.entry(site).or_insert(0);
        *count += 1;
        is_due(*count)
    }

    /// Whether this call of a callee is one of those that are looked at.
    pub fn is_callee_due(&mut self, spec: u32) -> bool {
        let count = self.looks.entry(CALLEE | spec).or_insert(0);
        *count += 1;
        is_due(*count)
    }
}

impl Recorder {
    fn hidden_writer(&mut self, state: usize) -> u32 {
        let id = self.external(ExternalKind::Module, PROBES[state].name);
        self.outside[id.index()].writer
    }

    /// Compares all states with what was seen last; returns whether one was changed.
    fn notice(&mut self, now: &Tokens, unit: u32) -> bool {
        let mut found = false;
        for (i, token) in now.iter().enumerate() {
            let before = self.hidden.tokens[i];
            if token.is_none() || before == *token {
                continue;
            }
            self.hidden.tokens[i] = *token;
            if before.is_some() && unit != NO_UNIT {
                self.changed_hidden(i, unit);
                found = true;
            }
        }
        self.hidden.unseen.clear();
        found
    }

    fn changed_hidden(&mut self, state: usize, unit: u32) {
        let id = self.external(ExternalKind::Module, PROBES[state].name);
        for earlier in self.hidden.unseen.clone() {
            if earlier != unit {
                self.outside_access(earlier, id, Access::Update);
            }
        }
        self.outside_access(unit, id, Access::Update);
        self.hidden.changed |= 1 << state;
        if !PROBES[state].readers.is_empty() {
            self.hidden.ambient |= 1 << state;
            // SAFETY: the lock is held by whoever records.
            unsafe { (*hot()).ambient = true };
        }
    }

    /// A foreign call changed something that cannot be seen, or a module or class of a library was patched.
    pub fn changed_package(&mut self, unit: u32, package: &str) {
        if package.is_empty() || unit == NO_UNIT {
            return;
        }
        let id = self.external(ExternalKind::Module, package);
        if !self.hidden.packages.iter().any(|(known, _)| known == package) {
            self.hidden.packages.push((package.to_owned(), id));
            self.hidden.types_apart.clear();
        }
        self.outside_access(unit, id, Access::Update);
        // SAFETY: as above.
        unsafe { (*hot()).ambient = true };
    }

    /// Whether the object is a module or class that is not the user's: who changes it patches a library.
    ///
    /// # Safety
    /// The interpreter lock is held; `object` is alive.
    pub unsafe fn is_library_part(&self, object: *mut ffi::PyObject) -> bool {
        // SAFETY: as promised.
        unsafe {
            let is_module = ffi::PyModule_Check(object) != 0;
            if !is_module && ffi::PyType_Check(object) == 0 {
                return false;
            }
            let module = if is_module {
                let name = ffi::PyModule_GetNameObject(object);
                if name.is_null() {
                    ffi::PyErr_Clear();
                    return false;
                }
                let text = super::inspect::text_of(name);
                ffi::Py_DECREF(name);
                text
            } else {
                module_of(object.cast())
            };
            module != "sys" && module != "builtins" && !self.sources.iter().any(|source| source.module == module)
        }
    }

    /// `unit` reads a hidden state, if it was ever changed.
    pub fn read_hidden(&mut self, unit: u32, name: &str) {
        if let Some(state) = probe::number(name) {
            self.read_states(unit, 1 << state);
        }
    }

    fn read_states(&mut self, unit: u32, states: u32) {
        let wanted = states & self.hidden.changed;
        if self.hidden.read.0 != unit {
            self.hidden.read = (unit, 0);
        }
        let fresh = wanted & !self.hidden.read.1;
        if fresh == 0 {
            return;
        }
        self.hidden.read.1 |= fresh;
        for (i, probe) in PROBES.iter().enumerate() {
            if fresh & 1 << i != 0 {
                let id = self.external(ExternalKind::Module, probe.name);
                let writer = self.outside[id.index()].writer;
                self.flow(unit, writer, FlowKind::External(id));
            }
        }
    }

    /// The unit changed or its turn began: what it reads from now on are other versions.
    pub fn forget_hidden_reads(&mut self) {
        self.hidden.read = (NO_UNIT, 0);
        self.hidden.recent = Default::default();
    }

    /// A call into a package reads what is hidden there.
    pub fn read_package(&mut self, unit: u32, package: &str, is_unknown: bool) {
        let mut states = 0;
        for (i, probe) in PROBES.iter().enumerate() {
            let any = is_unknown && !probe.readers.is_empty() && probe.name.starts_with("sys.");
            if any || probe.readers.contains(&package) {
                states |= 1 << i;
            }
        }
        self.read_states(unit, states);
        let found = self.hidden.packages.iter().find(|(known, _)| known == package);
        if let Some(id) = found.map(|(_, id)| *id) {
            let writer = self.outside[id.index()].writer;
            self.flow(unit, writer, FlowKind::External(id));
        }
    }

    /// An operation on an object reads what is hidden in its library.
    ///
    /// # Safety
    /// The interpreter lock is held; `object` is alive.
    #[cold]
    pub unsafe fn read_ambient(&mut self, unit: u32, object: *mut ffi::PyObject) {
        // SAFETY: as promised; nothing here runs Python code.
        unsafe {
            let ambient = self.hidden.ambient;
            let (reader, read) = self.hidden.read;
            if self.hidden.packages.is_empty() && reader == unit && read & ambient == ambient {
                return;
            }
            let tp = ffi::Py_TYPE(object);
            if (*tp).tp_flags & CONTAINERS == 0 && tp != &raw mut ffi::PySet_Type {
                let slot = &mut self.hidden.recent[(object as usize >> 4) % RECENT];
                if std::mem::replace(slot, (object as usize, tp as usize)) == (object as usize, tp as usize) {
                    return;
                }
            }
            let mut states = 0;
            let mut types: Vec<*mut ffi::PyTypeObject> = Vec::new();
            reachable(object, REACH, |part| {
                let tp = ffi::Py_TYPE(part);
                if !types.contains(&tp) {
                    types.push(tp);
                }
                Below::Follow
            });
            for tp in types {
                states |= self.states_of(tp);
                if !self.hidden.packages.is_empty() && (*tp).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 {
                    let package = package_of_type(tp);
                    self.read_package(unit, &package, false);
                }
            }
            self.read_states(unit, states);
        }
    }

    /// Looking at an object of a package that was changed reads what is hidden there.
    ///
    /// # Safety
    /// The interpreter lock is held; `tp` is a live type.
    #[cold]
    pub unsafe fn read_package_of(&mut self, unit: u32, tp: *mut ffi::PyTypeObject) {
        if !self.hidden.packages.is_empty() && !self.hidden.types_apart.contains(&(tp as usize)) {
            // SAFETY: as promised.
            let package = unsafe { package_of_type(tp) };
            if self.hidden.packages.iter().any(|(known, _)| *known == package) {
                self.read_package(unit, &package, false);
            } else if self.hidden.types_apart.len() < FEW_TYPES {
                self.hidden.types_apart.push(tp as usize);
            }
        }
    }

    /// States that operations on objects of a type read.
    unsafe fn states_of(&mut self, tp: *mut ffi::PyTypeObject) -> u32 {
        // SAFETY: a live type and its bases.
        unsafe {
            let key = (tp as usize, (*tp).tp_version_tag);
            if let Some(states) = self.hidden.types.get(&key).filter(|_| key.1 != 0) {
                return *states;
            }
            let mut states = 0;
            let mut base = tp;
            while !base.is_null() && base != &raw mut ffi::PyBaseObject_Type {
                let package = package_of_type(base);
                for (i, probe) in PROBES.iter().enumerate() {
                    if probe.readers.contains(&package.as_str()) {
                        states |= 1 << i;
                    }
                }
                base = (*base).tp_base;
            }
            self.hidden.types.insert(key, states);
            states
        }
    }

    /// A call made something that stands for another object and notes what is done with it: it is watched to the end.
    ///
    /// # Safety
    /// The interpreter lock is held; `result` is null or alive.
    pub unsafe fn watch_double(&mut self, result: *mut ffi::PyObject) {
        // SAFETY: as promised; the reference is kept for the recording.
        unsafe {
            if result.is_null() || self.hidden.doubles.len() >= MAX_DOUBLES {
                return;
            }
            let tp = ffi::Py_TYPE(result);
            let is_known = self.hidden.doubles.iter().any(|watched| watched.object == result);
            let is_named = type_name(tp).ends_with(b"Mock");
            if is_named && !is_known && module_of(tp) == "unittest.mock" {
                ffi::Py_INCREF(result);
                self.hidden.doubles.push(Watched { object: result, snapshot: observe::of(result) });
            }
        }
    }

    /// What context managers handed out and is watched: was it changed since the last time?
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn check_handed_out(&mut self, unit: u32) -> bool {
        // SAFETY: watched objects are held by a reference of ours.
        unsafe {
            let mut changed = Vec::new();
            for watched in self.hidden.watched.iter_mut().chain(&mut self.hidden.doubles) {
                let now = observe::of(watched.object);
                if std::mem::replace(&mut watched.snapshot, now) != now {
                    changed.push(watched.object);
                }
            }
            for object in &changed {
                self.write(unit, *object, WHOLE, Strength::Updates);
                self.read_hidden(unit, "warnings.filters");
            }
            !changed.is_empty()
        }
    }
}

/// The top-level package of a type, without the underscore of an accelerator's name.
///
/// # Safety
/// The interpreter lock is held; `tp` is a live type.
pub unsafe fn package_of_type(tp: *mut ffi::PyTypeObject) -> String {
    // SAFETY: as promised.
    let module = unsafe { module_of(tp) };
    package_of_name(&module)
}

/// The package of a module or class.
///
/// # Safety
/// The interpreter lock is held; `object` is alive.
pub unsafe fn package_of_object(object: *mut ffi::PyObject) -> String {
    // SAFETY: as promised; the reference is released, errors are cleared.
    unsafe {
        if ffi::PyType_Check(object) != 0 {
            return package_of_type(object.cast());
        }
        let name = ffi::PyModule_GetNameObject(object);
        if name.is_null() {
            ffi::PyErr_Clear();
            return String::new();
        }
        let text = super::inspect::text_of(name);
        ffi::Py_DECREF(name);
        package_of_name(&text)
    }
}

/// The package of a module's name.
pub fn package_of_name(module: &str) -> String {
    module.split('.').next().unwrap_or_default().trim_start_matches('_').to_owned()
}
