//! Child processes: what they may read, which files they changed, and which functions of the user's ran in them.
//!
//! A child reads the environment, the current directory and any file. What it writes is found by comparing the files
//! of the working directory before and after. A forked child runs user code with our hooks in it: it notes the
//! functions that it enters in an unnamed file that both processes hold.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::{FxHashMap, FxHashSet};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::hidden::is_due;
use super::{Recorder, NO_UNIT};
use clew_trace::{Access, ExternalId, ExternalKind};

/// Files that are compared.
const MAX_FILES: usize = 4_000;
const MAX_DEPTH: usize = 4;

/// Packages whose objects show what children did.
pub const PACKAGES: [&str; 3] = ["multiprocessing", "subprocess", "concurrent"];

/// Time of the last change, size, and number of a file.
type Stamp = (i64, i64, u64, u64);

/// What is known of child processes.
#[derive(Default)]
pub struct Children {
    /// Files as they were when a child began or at the last comparison.
    before: Option<FxHashMap<PathBuf, Stamp>>,
    /// Units that began children of which some may be alive.
    beginners: Vec<u32>,
    n_comparisons: u32,
    /// Where forked children note what they enter.
    shared: Option<std::fs::File>,
}

fn collect(directory: &Path, depth: usize, found: &mut FxHashMap<PathBuf, Stamp>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        // Hidden directories hold the tools' own files.
        if found.len() >= MAX_FILES || name.to_string_lossy().starts_with('.') || name == "__pycache__" {
            continue;
        }
        let (path, Ok(data)) = (entry.path(), entry.metadata()) else { continue };
        if data.is_dir() {
            if depth < MAX_DEPTH {
                collect(&path, depth + 1, found);
            }
        } else {
            found.insert(path, (data.mtime(), data.mtime_nsec(), data.size(), data.ino()));
        }
    }
}

fn files_here() -> FxHashMap<PathBuf, Stamp> {
    let mut found = FxHashMap::default();
    if let Ok(here) = std::env::current_dir() {
        collect(&here, 0, &mut found);
    }
    found
}

/// Whether this process has children, running or not yet waited for; true where that cannot be told.
fn has_children() -> bool {
    let list = std::fs::read_to_string("/proc/thread-self/children");
    list.map_or(true, |list| !list.trim().is_empty())
}

impl Recorder {
    /// A child process begins: it may read whatever the run left outside the objects.
    pub fn child_begins(&mut self, unit: u32) {
        self.compare_files(unit);
        self.outside_use(ExternalKind::Process, "children", Access::Update);
        self.outside_use(ExternalKind::Process, "current directory", Access::Read);
        self.read_environment(unit, super::environment::ALL);
        for index in 0..self.outside.len() {
            let outside = &self.outside[index];
            let is_place = matches!(outside.state.kind, ExternalKind::File | ExternalKind::Directory);
            if is_place && outside.writer != NO_UNIT {
                self.outside_access(unit, ExternalId(index as u32), Access::Read);
            }
        }
        for package in PACKAGES {
            self.changed_package(unit, package);
        }
        self.children.before = Some(files_here());
        if !self.children.beginners.contains(&unit) {
            self.children.beginners.push(unit);
        }
    }

    /// Whether children were begun, and calls into the package talk to them.
    pub fn has_children_in(&self, package: &str) -> bool {
        !self.children.beginners.is_empty() && PACKAGES.contains(&package)
    }

    /// Looks whether children have changed files, if there may be any.
    pub fn child_may_have_ended(&mut self, unit: u32) {
        if self.children.before.is_some() {
            self.children.n_comparisons += 1;
            if is_due(self.children.n_comparisons) || !has_children() {
                self.compare_files(unit);
            }
        }
    }

    /// Compares files with what they were: what changed was changed by a child, and is seen from `unit` on.
    pub fn compare_files(&mut self, unit: u32) {
        let Some(before) = self.children.before.take() else { return };
        let now = files_here();
        let mut changed: Vec<(&PathBuf, Access)> = Vec::new();
        for (path, stamp) in &now {
            match before.get(path) {
                None => changed.push((path, Access::Write)),
                Some(former) if former != stamp => changed.push((path, Access::Update)),
                Some(_) => {}
            }
        }
        changed.extend(before.keys().filter(|path| !now.contains_key(*path)).map(|path| (path, Access::Write)));
        changed.sort_unstable();
        let mut writes = Vec::new();
        for (path, access) in changed {
            let path = path.to_string_lossy().into_owned();
            // The program's own writes were seen when it opened the file.
            let id = self.external(ExternalKind::File, &path);
            let writer = self.outside[id.index()].writer;
            if writer != unit || self.children.beginners.contains(&unit) {
                writes.push((path, access));
            }
        }
        for (path, access) in writes {
            self.use_file(unit, &path, access);
            self.outside_use(ExternalKind::Process, "children", Access::Update);
        }
        if has_children() {
            self.children.before = Some(now);
        } else {
            self.children.n_comparisons = 0;
        }
    }

    /// The process is about to fork: the child notes what it enters, from the beginning.
    pub fn share_with_child(&mut self) {
        if self.children.shared.is_none() {
            // SAFETY: the name is a C string; the descriptor is owned by the file made of it.
            let descriptor = unsafe { libc::memfd_create(c"clew".as_ptr(), libc::MFD_CLOEXEC) };
            if descriptor >= 0 {
                use std::os::fd::FromRawFd;
                // SAFETY: a descriptor that nobody else holds.
                self.children.shared = Some(unsafe { std::fs::File::from_raw_fd(descriptor) });
            }
        }
        for source in &self.sources {
            // SAFETY: the list has one slot a scope; the lock is held by whoever forks.
            unsafe {
                let list = source.entered.cast::<ffi::PyListObject>();
                for slot in 0..ffi::PyList_Size(source.entered) as usize {
                    let slot = (*list).ob_item.add(slot);
                    let former = std::mem::replace(&mut *slot, ffi::Py_NewRef(ffi::Py_None()));
                    ffi::Py_XDECREF(former);
                }
            }
        }
    }

    /// A function is entered: a child tells its parent.
    pub fn entered_in_child(&mut self, unit: u32, source: u32, scope: u32) {
        let Some(shared) = &mut self.children.shared else { return };
        if std::process::id() != self.process && unit != NO_UNIT {
            let mut record = [0; 12];
            for (bytes, number) in record.chunks_exact_mut(4).zip([unit, source, scope]) {
                bytes.copy_from_slice(&number.to_le_bytes());
            }
            // The file offset is shared, so that records of several children come one after the other.
            let _ = shared.write_all(&record);
        }
    }

    /// What forked children entered: unit, source, scope.
    pub fn entries_of_children(&mut self) -> FxHashSet<(u32, u32, u32)> {
        let mut found = FxHashSet::default();
        let Some(shared) = &mut self.children.shared else { return found };
        let mut bytes = Vec::new();
        if shared.rewind().is_err() || shared.read_to_end(&mut bytes).is_err() {
            return found;
        }
        for record in bytes.chunks_exact(12) {
            let number = |at: usize| u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
            let (unit, source, scope) = (number(0), number(4), number(8));
            let known = self.sources.iter().find(|known| known.number == source);
            if known.is_some_and(|known| (scope as usize) < known.table.scopes.len()) {
                found.insert((unit, source, scope));
            }
        }
        found
    }
}
