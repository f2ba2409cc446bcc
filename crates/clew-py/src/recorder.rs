//! The recorder: what the hooks write into while the program runs.
//!
//! One recording runs at a time in a process; those around it wait (see `nesting`). The state of the one that runs
//! is one value, [`Recorder`], reached through [`recorder`]; every access happens with the interpreter lock held, which is what makes it sound. Hooks
//! never raise into the user's program: what they cannot do, they note with [`Recorder::degrade`].
//!
//! The files below it: `writes` (who wrote which object last), `memory` (forgetting objects that die), `missing` (items that loads add),
//! `walk` (what is reachable from an object), `observe` (was an object changed by a call), `outside`
//! (files, random generators and other state outside the objects), `hidden` (options and other hidden state of
//! libraries), `events` (the log of calls), `nesting` (recordings inside recordings), `finish` (from all this to a trace).

pub mod children;
pub mod contradictions;
pub mod environment;
pub mod events;
pub mod families;
pub mod finish;
pub mod hidden;
pub mod inspect;
pub mod memory;
pub mod missing;
pub mod namespaces;
pub mod nesting;
pub mod observe;
pub mod outside;
pub mod steady;
pub mod threads;
pub mod units;
pub mod walk;
pub mod watch;
pub mod writes;

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::UnsafeCell;

use clew_trace::log::Keep;
use clew_trace::{ExternalId, ExternalKind, ExternalState, Flow, FlowKind, SourceTable, StatementId};

use crate::hooks::site::Site;

/// Cap of the event log in bytes where the user sets none.
const DEFAULT_MAX_LOG: u64 = 1 << 30;

/// Statement number that stands for "no unit yet".
pub const NO_UNIT: u32 = u32::MAX;

/// A source that is loaded into the running recording.
pub struct LoadedSource {
    /// Its number among all sources of this process, by which its sites know it.
    pub number: u32,
    /// Path, as the program sees it.
    pub path: String,
    /// Module name.
    pub module: String,
    /// Text as decoded.
    pub text: String,
    /// Static facts.
    pub table: SourceTable,
    /// The coverage list; one reference owned.
    pub coverage: *mut ffi::PyObject,
    /// The list of units during which each function was entered last; one reference owned.
    pub entered: *mut ffi::PyObject,
    /// Sites of the hooks; one reference each.
    pub sites: Vec<*mut Site>,
    /// The code object, kept so that addresses of its parts stay valid; one reference owned.
    pub code: *mut ffi::PyObject,
    /// Statements that carry a mark of their own.
    pub marked: Vec<StatementId>,
    /// Unit that imported it.
    pub imported_by: u32,
    /// Statements that store to attributes or items.
    pub touching: Vec<StatementId>,
}

impl Drop for LoadedSource {
    fn drop(&mut self) {
        // SAFETY: a recording is dropped with the interpreter lock held; each reference is given up once. Code that
        // still runs holds its own references to what its hooks need.
        unsafe {
            for &site in &self.sites {
                ffi::Py_DECREF(site.cast());
            }
            ffi::Py_XDECREF(self.coverage);
            ffi::Py_XDECREF(self.entered);
            ffi::Py_XDECREF(self.code);
        }
    }
}

/// One piece of outside state and the unit that wrote it last.
pub struct Outside {
    pub state: ExternalState,
    pub writer: u32,
    /// For a directory: the units that changed what it lists, in the order of their first change.
    pub contributors: Vec<u32>,
}

/// A value of a top-level name noted before it was bound anew.
pub struct NotedBinding {
    pub name: String,
    pub until: u32,
    pub writers: Vec<u32>,
    pub fingerprint: Option<String>,
    pub summary: String,
}

/// All state of the recording. See the module documentation for who may touch it.
#[derive(Default)]
pub struct Recorder {
    /// Which of this process's recordings it is.
    pub number: u32,
    pub sources: Vec<LoadedSource>,
    pub written: writes::Written,
    pub flows: FxHashSet<Flow>,
    pub entries: FxHashSet<(u32, u32, u32)>,
    pub raised: FxHashSet<(u32, u32, u32)>,
    pub outside: Vec<Outside>,
    pub outside_ids: FxHashMap<ExternalKind, FxHashMap<String, u32>>,
    pub outside_uses: Vec<clew_trace::ExternalUse>,
    pub outside_seen: FxHashSet<(u32, u32, clew_trace::Access)>,
    pub keys: FxHashMap<String, u32>,
    pub key_names: Vec<String>,
    pub user_codes: FxHashSet<usize>,
    pub notes: Vec<NotedBinding>,
    pub degraded: Vec<String>,
    /// Calls of which nothing was known: source, statement, and the callee's number in `assumed_names`.
    pub assumed_calls: FxHashSet<(u32, u32, usize)>,
    pub assumed_names: FxHashMap<usize, String>,
    pub artifacts: Vec<(String, u32, Vec<u32>)>,
    pub main_thread: usize,
    pub process: u32,
    pub walks: walk::WalkMemory,
    pub random: outside::RandomState,
    pub hidden: hidden::Hidden,
    pub types: families::FamilyMemory,
    pub specs: crate::hooks::effects::Specs,
    pub touched_outside: FxHashSet<(u32, u32, clew_trace::WriteKind)>,
    pub ended_by: Option<u32>,
    /// The unit that an exception came out of, where it is inside the one that ran last.
    pub raised_by: Option<u32>,
    pub ignored_prefixes: Vec<String>,
    /// Whether a method of `os.environ` runs, which may look at what it changes.
    pub environ_called: bool,
    pub variables: environment::Variables,
    pub threads: threads::Threads,
    pub children: children::Children,
    /// Files whose content is mapped into memory.
    pub mapped: Vec<String>,
    /// Whether our own Python code runs, whose accesses are not the program's.
    pub resolving: bool,
    /// The event log of the `call` and `op` levels.
    pub events: Option<Box<events::Events>>,
    pub stored_attributes: FxHashSet<String>,
    pub watches: watch::Watches,
    pub annotated: contradictions::Annotated,
    /// What inserted text can be taken out for a while.
    pub erasing: crate::hooks::erasing::Erasing,
}

struct Shared(UnsafeCell<Option<Box<Recorder>>>);
// SAFETY: every access goes through `recorder`, whose callers hold the interpreter lock.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

static RECORDER: Shared = Shared(UnsafeCell::new(None));

/// The running recording, if there is one.
///
/// # Safety
/// The caller holds the interpreter lock and keeps no second reference alive across a call that may run
/// Python code.
#[allow(unsafe_code)]
#[inline]
pub unsafe fn recorder<'a>() -> Option<&'a mut Recorder> {
    // SAFETY: promised by the caller.
    unsafe { (*RECORDER.0.get()).as_deref_mut() }
}

impl Recorder {
    /// Notes that nothing is known of what a statement calls.
    ///
    /// # Safety
    /// The interpreter lock is held; `callee` is alive.
    #[allow(unsafe_code)]
    pub unsafe fn assume(&mut self, source: u32, statement: u32, callee: *mut pyo3::ffi::PyObject) {
        // SAFETY: as promised.
        let identity = unsafe { inspect::callable_identity(callee) };
        if self.assumed_calls.insert((source, statement, identity)) {
            // SAFETY: as promised.
            self.assumed_names.entry(identity).or_insert_with(|| unsafe { inspect::callable_name(callee) });
        }
    }

    /// What [`Recorder::assume`] noted.
    fn assumed(&mut self) -> Vec<clew_trace::Assumed> {
        let names = std::mem::take(&mut self.assumed_names);
        let calls = std::mem::take(&mut self.assumed_calls);
        let mut assumed: Vec<_> = calls
            .into_iter()
            .map(|(source, statement, identity)| clew_trace::Assumed {
                source: clew_trace::SourceId(source),
                statement: clew_trace::StatementId(statement),
                callee: names.get(&identity).cloned().unwrap_or_default(),
            })
            .collect();
        assumed.sort_unstable();
        assumed.dedup();
        assumed
    }

    /// Notes that the recording is not complete, once per reason.
    pub fn degrade(&mut self, reason: &str) {
        if !self.degraded.iter().any(|known| known == reason) {
            self.degraded.push(reason.to_owned());
        }
    }

    /// Records that `reader` depended on `writer`.
    #[inline]
    pub fn flow(&mut self, reader: u32, writer: u32, kind: FlowKind) {
        if reader != writer && reader != NO_UNIT && writer != NO_UNIT {
            self.flows.insert(Flow { reader: StatementId(reader), writer: StatementId(writer), kind });
        }
    }

    /// The recorder's number for an attribute name or string key; 0 is the whole object.
    pub fn key(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.keys.get(name) {
            return id;
        }
        let id = self.keys.len() as u32 + 1;
        self.keys.insert(name.to_owned(), id);
        self.key_names.push(name.to_owned());
        id
    }

    /// The recorder's number for outside state.
    pub fn external(&mut self, kind: ExternalKind, key: &str) -> ExternalId {
        let ids = self.outside_ids.entry(kind).or_default();
        if let Some(&id) = ids.get(key) {
            return ExternalId(id);
        }
        let id = self.outside.len() as u32;
        ids.insert(key.to_owned(), id);
        let state = ExternalState { kind, key: key.to_owned() };
        self.outside.push(Outside { state, writer: NO_UNIT, contributors: Vec::new() });
        ExternalId(id)
    }
}

/// Begins a recording and gives its number. One that runs already waits until this one ends.
///
/// `log` names the file of the event log, which must not exist; without it, calls are not logged.
/// `newest` tells which events are kept when the log meets its cap of `max_log` bytes: the last ones rather than the first.
#[pyfunction]
#[pyo3(signature = (detail="statement", log=None, max_log=DEFAULT_MAX_LOG, newest=false))]
#[allow(unsafe_code)]
fn start(py: Python<'_>, detail: &str, log: Option<std::path::PathBuf>, max_log: u64, newest: bool) -> PyResult<u32> {
    let mut fresh = Box::<Recorder>::default();
    fresh.number = nesting::next_number();
    // SAFETY: the lock is held, so there is a current thread state.
    fresh.main_thread = unsafe { ffi::PyThreadState_Get() } as usize;
    fresh.process = std::process::id();
    if let (true, Some(path)) = (detail != "statement", log) {
        let keep = if newest { Keep::Last } else { Keep::First };
        let made = events::Events::create(py, &path, fresh.number, max_log, keep);
        fresh.events = Some(made.map_err(|e| pyo3::exceptions::PyOSError::new_err(e.to_string()))?);
    }
    fresh.ignored_prefixes = outside::ignored_prefixes(py)?;
    fresh.erasing = crate::hooks::erasing::Erasing::new(py)?;
    let number = fresh.number;
    nesting::suspend();
    // SAFETY: the interpreter lock is held, and no reference to the recorder is alive here.
    unsafe { *RECORDER.0.get() = Some(fresh) };
    events::follow();
    units::start(py);
    memory::install();
    missing::install();
    outside::install();
    Ok(number)
}

/// Ends the recording and drops its state (the hooks stay in the code and do nothing more).
#[allow(unsafe_code)]
pub fn stop() -> Option<Box<Recorder>> {
    // SAFETY: called with the interpreter lock held, from `finish`, which holds no reference.
    let taken = unsafe {
        if let Some(recorder) = recorder() {
            crate::hooks::erasing::switch_off(recorder);
        }
        (*RECORDER.0.get()).take()
    };
    events::follow();
    units::stop();
    if !nesting::resume() {
        memory::uninstall();
        missing::uninstall();
    }
    taken
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(start, module)?)?;
    nesting::register(module)?;
    events::watched::register(module)?;
    finish::register(module)
}
