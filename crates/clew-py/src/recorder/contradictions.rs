//! Annotations of the user that are wrong: some of the calls that they speak of are observed, and what is seen holds.
//!
//! What is declared counts as written when the call is over, and so does what rewritten code wrote meanwhile. An
//! argument that is no longer what it was, and with which none of that has to do, contradicts the annotation. From
//! then on the callee is one of which nothing is known. The annotations that are shipped are not checked here: tests
//! hold them against their libraries.

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

use super::inspect::callable_name;
use super::observe::{self, Details};
use super::walk::{reachable, Below};
use super::{recorder, units, Recorder};
use crate::hooks::callee::Untraced;
use crate::hooks::draw::is_iterator;

/// Calls at one site that are checked before the checks become rare.
const FIRST_CALLS: u32 = 4;
/// Objects below an argument that are looked at.
const BUDGET: usize = 2_000;

/// What is known of the callees that the user has annotated.
#[derive(Default)]
pub struct Annotated {
    /// How often a callee was called at a site.
    n_calls: FxHashMap<(usize, u32), u32>,
    /// How many checked calls run, and addresses that were written since the first of them began.
    n_running: usize,
    noted: Vec<usize>,
    found: BTreeSet<(String, String)>,
}

impl Annotated {
    /// Something was written.
    #[inline]
    pub fn note(&mut self, address: usize) {
        if self.n_running > 0 {
            self.noted.push(address);
        }
    }

    /// Annotation files and the callees of which they are wrong, in order.
    pub fn take(&mut self) -> Vec<clew_trace::Contradiction> {
        let found = std::mem::take(&mut self.found);
        found.into_iter().map(|(file, callee)| clew_trace::Contradiction { file, callee }).collect()
    }
}

impl Recorder {
    /// Whether this call of an annotated callee, at the site of this address, is to be checked.
    pub fn is_check_due(&mut self, site: usize, spec: u32) -> bool {
        if self.specs.spec(spec).annotation.is_none() {
            return false;
        }
        let count = self.annotated.n_calls.entry((site, spec)).or_insert(0);
        *count += 1;
        *count <= FIRST_CALLS || count.is_power_of_two()
    }
}

/// One part of a call: what it was like before.
struct Part {
    object: *mut ffi::PyObject,
    details: Details,
    snapshot: Py<PyAny>,
}

/// A call that is checked.
pub struct Check {
    parts: Vec<Part>,
    changed: Py<PyAny>,
    n_noted: usize,
}

/// Runs our own Python code, of which nobody else is to know.
unsafe fn apart<T>(run: impl FnOnce(Python<'_>) -> PyResult<T>) -> Option<T> {
    // SAFETY: promised by the callers: the lock is held, and no reference to the recorder is alive.
    unsafe {
        let was_resolving = std::mem::replace(&mut recorder()?.resolving, true);
        let untraced = Untraced::begin();
        let result = run(Python::assume_attached());
        drop(untraced);
        recorder()?.resolving = was_resolving;
        result.ok()
    }
}

/// What a checked call changed.
#[derive(Default)]
pub struct Seen {
    /// Parts of what it was said to change.
    pub inside: Vec<*mut ffi::PyObject>,
    /// What it was not said to change.
    pub besides: Vec<*mut ffi::PyObject>,
}

impl Check {
    /// Looks at the receiver and the arguments of a call that is about to be made.
    ///
    /// # Safety
    /// The interpreter lock is held, the objects are alive, no exception is set, and no reference to the recorder is alive.
    pub unsafe fn begin(objects: impl Iterator<Item = *mut ffi::PyObject>) -> Option<Self> {
        // SAFETY: as promised.
        unsafe {
            let telling = |object: &*mut ffi::PyObject| {
                observe::worthwhile(*object) && !is_iterator(*object) && !observe::is_generator(*object)
            };
            let objects: Vec<_> = objects.filter(telling).collect();
            if objects.is_empty() {
                return None;
            }
            let (parts, changed) = apart(|py| {
                let observing = py.import("clew.effects.observing")?;
                let snapshot = observing.getattr("snapshot")?;
                let parts = objects.into_iter().map(|object| {
                    let taken = snapshot.call1((Bound::from_borrowed_ptr(py, object),))?;
                    Ok(Part { object, details: observe::details(object), snapshot: taken.unbind() })
                });
                Ok((parts.collect::<PyResult<Vec<_>>>()?, observing.getattr("changed")?.unbind()))
            })?;
            let annotated = &mut recorder()?.annotated;
            annotated.n_running += 1;
            // What the unit is remembered to have written must be told once more.
            let hot = units::hot();
            (*hot).epoch = (*hot).epoch.wrapping_add(1);
            Some(Self { parts, changed, n_noted: annotated.noted.len() })
        }
    }

    /// The call is over and what it was declared to do is recorded: gives what it changed besides.
    ///
    /// # Safety
    /// As for [`Check::begin`]; the objects are still alive.
    pub unsafe fn end(self) -> Seen {
        let mut seen = Seen::default();
        // SAFETY: as promised.
        unsafe {
            let Some(recorder) = recorder() else { return seen };
            let annotated = &mut recorder.annotated;
            let noted: FxHashSet<usize> = annotated.noted[self.n_noted..].iter().copied().collect();
            annotated.n_running -= 1;
            if annotated.n_running == 0 {
                annotated.noted.clear();
            }
            let mut declared = FxHashSet::default();
            for part in &self.parts {
                if noted.contains(&(recorder.owner(part.object) as usize)) {
                    recorder.add_reach(part.object, &mut declared);
                    // What is declared of an object is said of no part of it: which ones are changed, is seen.
                    let changed = observe::changed(part.object, &part.details);
                    seen.inside.extend(changed.into_iter().filter(|object| !noted.contains(&(*object as usize))));
                }
            }
            let mut suspects = Vec::new();
            for part in &self.parts {
                let mut reach = FxHashSet::default();
                recorder.add_reach(part.object, &mut reach);
                let is_explained = declared.contains(&(recorder.owner(part.object) as usize))
                    || declared.contains(&(part.object as usize))
                    || !reach.is_disjoint(&noted);
                if !is_explained {
                    suspects.push(part);
                }
            }
            for part in suspects {
                let is_changed = apart(|py| {
                    let object = Bound::from_borrowed_ptr(py, part.object);
                    self.changed.bind(py).call1((part.snapshot.bind(py), object))?.extract::<bool>()
                });
                if is_changed == Some(true) {
                    // Without the budget of the snapshot of all there is, the part stands for what is in it.
                    seen.besides.push(part.object);
                    seen.besides.extend(observe::changed(part.object, &part.details));
                }
            }
            seen
        }
    }
}

impl Recorder {
    /// Adds the addresses of what is reachable, and of what owns its memory.
    unsafe fn add_reach(&mut self, root: *mut ffi::PyObject, into: &mut FxHashSet<usize>) {
        let mut met = Vec::new();
        // SAFETY: `root` is alive; all that is reachable is too, while nothing runs.
        unsafe {
            reachable(root, BUDGET, |object| {
                met.push(object);
                Below::Follow
            });
            for object in met {
                into.insert(object as usize);
                into.insert(self.owner(object) as usize);
            }
        }
    }

    /// A callee is not what the annotation says.
    ///
    /// # Safety
    /// The interpreter lock is held and `callee` is alive.
    pub unsafe fn contradict(&mut self, spec: u32, callee: *mut ffi::PyObject) {
        if let Some(file) = self.specs.observe(spec) {
            // SAFETY: as promised.
            self.annotated.found.insert((file, unsafe { callable_name(callee) }));
        }
    }
}
