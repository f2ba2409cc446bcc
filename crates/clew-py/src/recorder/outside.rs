//! State outside the program's objects: files by path, random generators, and named state of libraries.
//!
//! Files come from the interpreter's audit events; random generators are watched by two words of their state,
//! after each foreign call and whenever the unit changes; the rest is told by annotations (see `hooks::effects`).

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_char, c_int, c_void, CStr};
use std::sync::atomic::{AtomicBool, Ordering};

use super::inspect::text_of;
use super::units::current_unit;
use super::{recorder, Recorder, NO_UNIT};
use clew_trace::{Access, ExternalId, ExternalKind, ExternalUse, FlowKind, StatementId, WriteKind};

extern "C" {
    fn PySys_AddAuditHook(
        hook: extern "C" fn(*const c_char, *mut ffi::PyObject, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Adds the audit hook, once in a process (the interpreter has no way to remove one).
pub fn install() {
    if !INSTALLED.swap(true, Ordering::Relaxed) {
        // SAFETY: the hook is a plain function that lives as long as the process.
        unsafe { PySys_AddAuditHook(audit, std::ptr::null_mut()) };
    }
}

/// Path prefixes whose reading is the interpreter's own business.
pub fn ignored_prefixes(py: Python<'_>) -> PyResult<Vec<String>> {
    let sys = py.import("sys")?;
    let mut prefixes = vec!["/proc/".to_owned(), "/sys/".to_owned(), "/dev/".to_owned()];
    for name in ["prefix", "base_prefix", "exec_prefix"] {
        let prefix: String = sys.getattr(name)?.extract()?;
        prefixes.push(format!("{prefix}/"));
    }
    Ok(prefixes)
}

extern "C" fn audit(event: *const c_char, args: *mut ffi::PyObject, _data: *mut c_void) -> c_int {
    // SAFETY: the interpreter passes a C string and a live tuple, with the lock held.
    unsafe {
        let Some(recorder) = recorder() else { return 0 };
        let event = CStr::from_ptr(event).to_bytes();
        if matches!(event, b"os.fork" | b"os.forkpty") {
            // The thread that writes the log would be missing in the child, and is one that `fork` warns of.
            if let Some(events) = recorder.events.as_mut() {
                events.pause();
            }
        }
        if recorder.resolving {
            return 0;
        }
        crate::hooks::erasing::heard(recorder, event, args);
        match event {
            b"open" => opened(recorder, args),
            // What ran before the import belongs to another unit.
            b"import" => {
                let unit = current_unit();
                // The generators of a module that is being imported are looked for at the next chance.
                recorder.random.n_checks = 0;
                if recorder.unit_imports(unit) {
                    recorder.read_environment(unit, super::environment::ALL);
                }
            }
            b"os.mkdir" | b"os.rmdir" | b"shutil.rmtree" => {
                if let Some(path) = path_of(item(args, 0)) {
                    // One that is there already is not made.
                    if event != b"os.mkdir" || !std::path::Path::new(&real_path(&path)).is_dir() {
                        recorder.change_directory(current_unit(), &path);
                    }
                }
            }
            b"os.remove" | b"os.truncate" => named(recorder, args, 0, Access::Write),
            b"os.link" | b"os.symlink" => {
                named(recorder, args, 0, Access::Read);
                named(recorder, args, 1, Access::Write);
            }
            b"os.chmod" | b"os.utime" => named(recorder, args, 0, Access::Update),
            b"os.rename" => {
                named(recorder, args, 0, Access::Update);
                named(recorder, args, 1, Access::Write);
            }
            b"os.listdir" | b"os.scandir" if !importing() && !recorder.unit_imports(current_unit()) => {
                let path = path_of(item(args, 0)).unwrap_or_else(|| ".".to_owned());
                recorder.list_directory(current_unit(), &real_path(&path));
            }
            b"os.chdir" => {
                if let Some(path) = path_of(item(args, 0)) {
                    recorder.enter_directory(current_unit(), &path);
                }
            }
            b"os.kill" | b"signal.pthread_kill" => recorder.signals_itself(item(args, 0)),
            b"shutil.copyfile" | b"shutil.move" => {
                named(recorder, args, 0, Access::Read);
                named(recorder, args, 1, Access::Write);
            }
            b"sqlite3.connect" => named(recorder, args, 0, Access::Update),
            b"subprocess.Popen" | b"os.system" | b"os.posix_spawn" | b"pty.spawn" => {
                recorder.child_begins(current_unit());
            }
            b"os.fork" | b"os.forkpty" => {
                recorder.child_begins(current_unit());
                recorder.share_with_child();
            }
            b"mmap.__new__" => recorder.map_file(item(args, 0)),
            b"socket.connect" => recorder.outside_use(ExternalKind::Network, "socket", Access::Update),
            b"os.putenv" | b"os.unsetenv" => {
                if let Some(name) = path_of(item(args, 0)) {
                    let value = if event == b"os.putenv" { path_of(item(args, 1)) } else { None };
                    recorder.change_variable(current_unit(), &name, value.as_deref());
                }
            }
            _ => {}
        }
    }
    0
}

/// Whether the import system itself is running, or looks for packages.
unsafe fn importing() -> bool {
    // SAFETY: the lock is held; references are released here.
    unsafe {
        let frame = ffi::PyEval_GetFrame();
        if frame.is_null() {
            return false;
        }
        let code = ffi::PyFrame_GetCode(frame);
        let name = ffi::PyObject_GetAttrString(code.cast(), c"co_filename".as_ptr());
        ffi::Py_DECREF(code.cast());
        if name.is_null() {
            ffi::PyErr_Clear();
            return false;
        }
        let filename = text_of(name);
        ffi::Py_DECREF(name);
        filename.starts_with("<frozen importlib")
            || filename.contains("/importlib/metadata/")
            || filename.ends_with("/pkgutil.py")
    }
}

unsafe fn item(args: *mut ffi::PyObject, index: isize) -> *mut ffi::PyObject {
    // SAFETY: the index is checked against the tuple's size.
    unsafe {
        if ffi::PyTuple_Check(args) == 0 || ffi::PyTuple_Size(args) <= index {
            return std::ptr::null_mut();
        }
        ffi::PyTuple_GetItem(args, index)
    }
}

/// The path in an argument: `str`, `bytes` or `os.PathLike` of exact library types; nothing for descriptors.
unsafe fn path_of(object: *mut ffi::PyObject) -> Option<String> {
    // SAFETY: `object` is a live argument or null.
    unsafe {
        if object.is_null() {
            return None;
        }
        if ffi::PyUnicode_Check(object) != 0 {
            return Some(text_of(object));
        }
        if ffi::PyBytes_Check(object) != 0 {
            let bytes = ffi::PyBytes_AsString(object);
            return Some(CStr::from_ptr(bytes).to_string_lossy().into_owned());
        }
        None
    }
}

/// An absolute path with links resolved as far as it exists.
pub fn real_path(path: &str) -> String {
    let path = std::path::Path::new(path);
    if let Ok(real) = path.canonicalize() {
        return real.to_string_lossy().into_owned();
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    match (absolute.parent().and_then(|parent| parent.canonicalize().ok()), absolute.file_name()) {
        (Some(parent), Some(name)) => parent.join(name).to_string_lossy().into_owned(),
        _ => absolute.to_string_lossy().into_owned(),
    }
}

unsafe fn opened(recorder: &mut Recorder, args: *mut ffi::PyObject) {
    // SAFETY: arguments of a live audit event.
    unsafe {
        let Some(path) = path_of(item(args, 0)) else { return };
        let flags_object = item(args, 2);
        let flags = if flags_object.is_null() || ffi::PyLong_Check(flags_object) == 0 {
            0
        } else {
            ffi::PyLong_AsLong(flags_object)
        };
        let mode = path_of(item(args, 1)).unwrap_or_default();
        let writes = flags & 3 != 0 || mode.contains(['w', 'a', 'x', '+']);
        let replaces = flags & 0x200 != 0 || mode.contains(['w', 'x']);
        if !writes && recorder.is_ignored(&path) {
            return;
        }
        let access = match (writes, replaces) {
            (false, _) => Access::Read,
            (true, true) => Access::Write,
            (true, false) => Access::Update,
        };
        recorder.use_file(current_unit(), &path, access);
    }
}

unsafe fn named(recorder: &mut Recorder, args: *mut ffi::PyObject, index: isize, access: Access) {
    // SAFETY: arguments of a live audit event.
    if let Some(path) = unsafe { path_of(item(args, index)) } {
        if path != ":memory:" {
            recorder.use_file(current_unit(), &path, access);
        }
    }
}

impl Recorder {
    fn is_ignored(&self, path: &str) -> bool {
        let code = std::path::Path::new(path)
            .extension()
            .is_some_and(|suffix| ["py", "pyc", "so", "pth", "pyi"].iter().any(|known| suffix == *known));
        code || self.ignored_prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()))
    }

    /// Whether the unit is an import statement: libraries look around while they are imported.
    fn unit_imports(&self, unit: u32) -> bool {
        use clew_trace::StatementKind::{Import, ImportFrom};
        let statements = self.sources.first().map(|source| &source.table.statements);
        statements.and_then(|all| all.get(unit as usize)).is_some_and(|s| matches!(s.kind, Import | ImportFrom))
    }

    /// Whether the unit imports libraries and no module of the user's: nothing that the program holds is in their reach.
    pub fn imports_library(&self, unit: u32) -> bool {
        self.unit_imports(unit) && !self.sources.iter().skip(1).any(|source| source.imported_by == unit)
    }

    /// Records an access of the running unit to outside state.
    pub fn outside_use(&mut self, kind: ExternalKind, key: &str, access: Access) {
        let unit = current_unit();
        let external = self.external(kind, key);
        self.outside_access(unit, external, access);
    }

    /// Records an access of `unit` to outside state.
    pub fn outside_access(&mut self, unit: u32, external: ExternalId, access: Access) {
        if unit == NO_UNIT {
            return;
        }
        let writer = self.outside[external.index()].writer;
        match access {
            Access::Read | Access::Absent => self.flow(unit, writer, FlowKind::External(external)),
            Access::Update => {
                self.flow(unit, writer, FlowKind::External(external));
                self.outside[external.index()].writer = unit;
                self.hidden.n_changes += 1;
            }
            Access::Write => {
                self.outside[external.index()].writer = unit;
                self.hidden.n_changes += 1;
            }
        }
        if self.outside_seen.insert((unit, external.0, access)) {
            self.outside_uses.push(ExternalUse { unit: StatementId(unit), external, access });
        }
    }

    /// Records uses that the Python side told; gives whether one of them changes something.
    pub fn use_outside(&mut self, unit: u32, uses: &[(String, String, String)]) -> bool {
        let mut changes = false;
        for (kind, key, access) in uses {
            let is_watched = kind == "module" && super::hidden::probe::number(key).is_some();
            if is_watched {
                // Whether it was changed is seen, which is more than can be told.
                if access == "read" {
                    self.read_hidden(unit, key);
                }
                continue;
            }
            changes |= access != "read" && access != "list";
            let told = access.as_str();
            let access = match told {
                "read" => Access::Read,
                "list" => {
                    self.list_directory(unit, &real_path(key));
                    continue;
                }
                "write" => Access::Write,
                _ => Access::Update,
            };
            match kind.as_str() {
                "file" => self.use_file(unit, key, access),
                "random" if told == "idle" => self.draw_idly(unit, key),
                "random" => self.use_kind(unit, ExternalKind::Random, key, access),
                "process" => self.use_kind(unit, ExternalKind::Process, key, access),
                "stdio" => self.use_kind(unit, ExternalKind::Stdio, key, access),
                // Changes are seen by audit events, variable by variable.
                "environment" => self.read_environment(unit, key),
                _ => self.use_kind(unit, ExternalKind::Module, key, access),
            }
        }
        changes
    }

    fn use_kind(&mut self, unit: u32, kind: ExternalKind, key: &str, access: Access) {
        let external = self.external(kind, key);
        self.outside_access(unit, external, access);
    }

    /// Records the use of a file by its path as the program gave it.
    ///
    /// A relative path depends on who changed the current directory; a file on who made its directory; and
    /// whoever makes, removes or changes a file has changed what its directory lists.
    pub fn use_file(&mut self, unit: u32, path: &str, access: Access) {
        let real = real_path(path);
        if access == Access::Read && self.is_ignored(&real) {
            return;
        }
        if !path.starts_with('/') {
            self.use_kind(unit, ExternalKind::Process, "current directory", Access::Read);
        }
        if std::path::Path::new(&real).is_dir() {
            if access != Access::Read {
                // Who makes or removes a directory is told by the audit events.
                let made = self.external(ExternalKind::Directory, &real);
                let maker = self.outside[made.index()].writer;
                self.flow(unit, maker, FlowKind::External(made));
                return;
            }
            self.list_directory(unit, &real);
        }
        self.note_file(unit, &real, access);
    }

    fn note_file(&mut self, unit: u32, real: &str, access: Access) {
        self.use_kind(unit, ExternalKind::File, real, access);
        if let Some((parent, _)) = real.rsplit_once('/') {
            let known = self.outside_ids.get(&ExternalKind::Directory).and_then(|ids| ids.get(parent)).copied();
            if let Some(id) = known {
                let maker = self.outside[id as usize].writer;
                self.flow(unit, maker, FlowKind::External(ExternalId(id)));
            }
            if access != Access::Read {
                let external = self.external(ExternalKind::Directory, parent);
                let contributors = &mut self.outside[external.index()].contributors;
                if unit != NO_UNIT && !contributors.contains(&unit) {
                    contributors.push(unit);
                }
            }
        }
    }

    /// Records a change of the current directory, which must be there; a relative one starts from the former.
    fn enter_directory(&mut self, unit: u32, path: &str) {
        let made = self.external(ExternalKind::Directory, &real_path(path));
        let maker = self.outside[made.index()].writer;
        self.flow(unit, maker, FlowKind::External(made));
        let access = if path.starts_with('/') { Access::Write } else { Access::Update };
        self.use_kind(unit, ExternalKind::Process, "current directory", access);
    }

    /// The number of this process was asked for to send it a signal: then it does not matter what it is.
    unsafe fn signals_itself(&mut self, process: *mut ffi::PyObject) {
        // SAFETY: an argument of a live audit event.
        let is_own = unsafe {
            !process.is_null()
                && ffi::PyLong_Check(process) != 0
                && ffi::PyLong_AsLong(process) == i64::from(std::process::id())
        };
        if is_own {
            let identity = self.external(ExternalKind::Process, "identity");
            let unit = current_unit();
            self.outside_uses.retain(|used| used.unit.0 != unit || used.external != identity);
            self.outside_seen.remove(&(unit, identity.0, Access::Read));
        }
    }

    /// A generator was drawn from for nothing that reaches a result: later draws depend on it all the same.
    fn draw_idly(&mut self, unit: u32, key: &str) {
        let external = self.external(ExternalKind::Random, key);
        let writer = self.outside[external.index()].writer;
        // SAFETY: the lock is held by whoever records.
        unsafe {
            let before = (self.random.numpy_seen, self.random.python_seen);
            self.accept_random();
            if before != (self.random.numpy_seen, self.random.python_seen) {
                self.flow(unit, writer, FlowKind::External(external));
                self.outside[external.index()].writer = unit;
            }
        }
    }

    /// Remembers which file is mapped into memory: what is written there is written into the file.
    unsafe fn map_file(&mut self, descriptor: *mut ffi::PyObject) {
        // SAFETY: an argument of a live audit event.
        let number = unsafe {
            if descriptor.is_null() || ffi::PyLong_Check(descriptor) == 0 {
                return;
            }
            ffi::PyLong_AsLong(descriptor)
        };
        if let Ok(path) = std::fs::read_link(format!("/proc/self/fd/{number}")) {
            let path = path.to_string_lossy().into_owned();
            if path.starts_with('/') && !self.mapped.contains(&path) {
                self.mapped.push(path);
            }
        }
    }

    /// Records that memory was written that files are mapped to.
    pub fn write_mapped(&mut self, unit: u32) {
        for path in self.mapped.clone() {
            self.use_file(unit, &path, Access::Update);
        }
    }

    /// Records that a directory was made, or removed with all that is in it.
    pub fn change_directory(&mut self, unit: u32, path: &str) {
        if !path.starts_with('/') {
            self.use_kind(unit, ExternalKind::Process, "current directory", Access::Read);
        }
        let real = real_path(path);
        self.note_file(unit, &real, Access::Write);
        self.use_kind(unit, ExternalKind::Directory, &real, Access::Write);
    }

    /// Records that what a directory holds was read: it depends on all who changed that.
    pub fn list_directory(&mut self, unit: u32, real: &str) {
        if self.is_ignored(real) {
            return;
        }
        let external = self.external(ExternalKind::Directory, real);
        for contributor in self.outside[external.index()].contributors.clone() {
            self.flow(unit, contributor, FlowKind::External(external));
        }
        self.outside_access(unit, external, Access::Read);
    }

    /// Marks the statement as one with an effect outside the objects.
    pub fn touch(&mut self, source: u32, statement: u32, kind: WriteKind) {
        self.hidden.n_changes += 1;
        self.touched_outside.insert((source, statement, kind));
    }
}

/// How many changes were recorded so far.
pub fn n_changes() -> u64 {
    // SAFETY: called with the interpreter lock held, by the runner of the program.
    unsafe { recorder() }.map_or(0, |recorder| recorder.hidden.n_changes)
}

/// Functions that were registered to run at the end have run: what they changed depends on who registered them.
pub fn exit_functions_ran(n_changes: u64) {
    let unit = current_unit();
    // SAFETY: as above.
    if let Some(recorder) = unsafe { recorder() } {
        if recorder.hidden.n_changes != n_changes {
            recorder.use_kind(unit, ExternalKind::Module, "process.exit", Access::Read);
        }
    }
}

/// What tells that a hidden random generator was used: a few words of its state.
#[derive(Default)]
pub struct RandomState {
    /// The objects behind the modules' functions (borrowed: the modules keep them).
    owners: [usize; 2],
    numpy: Option<*const u32>,
    numpy_seen: (u32, u32, u32),
    python: Option<*const u32>,
    python_seen: (u32, u32, u32),
    /// How many modules there were when the generators were looked for.
    n_modules: ffi::Py_ssize_t,
    n_checks: u32,
}

/// Words of the Mersenne twister's state (both generators use it).
const TWISTER_WORDS: usize = 624;

impl Recorder {
    /// Compares the hidden generators with what was seen last; a difference is an update by `unit`.
    /// Returns whether there was one.
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn check_random(&mut self, unit: u32) -> bool {
        self.random.n_checks = self.random.n_checks.wrapping_add(1);
        if self.random.numpy.is_none() || self.random.python.is_none() {
            // SAFETY: promised.
            unsafe { self.random.locate() };
        }
        let mut changed = false;
        if let Some(state) = self.random.numpy {
            // SAFETY: `locate` found 624 words followed by the position; the generator lives as long as numpy.
            let now = unsafe { (*state.add(TWISTER_WORDS), *state, *state.add(TWISTER_WORDS - 1)) };
            if std::mem::replace(&mut self.random.numpy_seen, now) != now {
                let external = self.external(ExternalKind::Random, "numpy.random");
                self.outside_access(unit, external, Access::Update);
                changed = true;
            }
        }
        if let Some(state) = self.random.python {
            // SAFETY: the index comes first, then 624 words, in `RandomObject`.
            let now = unsafe { (*state, *state.add(1), *state.add(TWISTER_WORDS)) };
            if std::mem::replace(&mut self.random.python_seen, now) != now {
                let external = self.external(ExternalKind::Random, "random");
                self.outside_access(unit, external, Access::Update);
                changed = true;
            }
        }
        changed
    }

    /// Takes the present state of the generators as seen (after a seed, which replaces it).
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn accept_random(&mut self) {
        // SAFETY: as for `check_random`.
        unsafe {
            if let Some(state) = self.random.numpy {
                self.random.numpy_seen = (*state.add(TWISTER_WORDS), *state, *state.add(TWISTER_WORDS - 1));
            }
            if let Some(state) = self.random.python {
                self.random.python_seen = (*state, *state.add(1), *state.add(TWISTER_WORDS));
            }
        }
    }
}

impl RandomState {
    /// Whether the object is one of those behind the modules' functions.
    pub fn owns(&self, object: *mut ffi::PyObject) -> bool {
        self.owners.contains(&(object as usize))
    }

    unsafe fn locate(&mut self) {
        // SAFETY: the lock is held; every step checks for failure and clears errors.
        unsafe {
            // A module is among them before it has its generator.
            let n_modules = ffi::PyDict_Size(ffi::PyImport_GetModuleDict());
            if std::mem::replace(&mut self.n_modules, n_modules) == n_modules && self.n_checks % 64 != 1 {
                return;
            }
            if self.python.is_none() {
                if let Some(instance) = attribute_path(c"random", &[c"_inst"]) {
                    self.owners[0] = instance as usize;
                    let state = instance.add(1).cast::<u32>();
                    self.python_seen = (*state, *state.add(1), *state.add(TWISTER_WORDS));
                    self.python = Some(state);
                    ffi::Py_DECREF(instance);
                }
            }
            if self.numpy.is_none() {
                if let Some(instance) = attribute_path(c"numpy.random.mtrand", &[c"_rand"]) {
                    self.owners[1] = instance as usize;
                    ffi::Py_DECREF(instance);
                }
                let path = [c"_rand", c"_bit_generator", c"capsule"];
                if let Some(capsule) = attribute_path(c"numpy.random.mtrand", &path) {
                    let generator = ffi::PyCapsule_GetPointer(capsule, c"BitGenerator".as_ptr());
                    ffi::Py_DECREF(capsule);
                    if generator.is_null() {
                        ffi::PyErr_Clear();
                        return;
                    }
                    let state = *generator.cast::<*const u32>();
                    self.numpy_seen = (*state.add(TWISTER_WORDS), *state, *state.add(TWISTER_WORDS - 1));
                    self.numpy = Some(state);
                }
            }
        }
    }
}

/// An attribute of a module that is imported already, or an item of a dictionary found there (new reference).
///
/// # Safety
/// The interpreter lock is held.
pub unsafe fn attribute_path(module: &CStr, path: &[&CStr]) -> Option<*mut ffi::PyObject> {
    // SAFETY: the lock is held; errors are cleared.
    unsafe {
        let modules = ffi::PyImport_GetModuleDict();
        let mut current = ffi::PyDict_GetItemString(modules, module.as_ptr());
        if current.is_null() {
            return None;
        }
        ffi::Py_INCREF(current);
        for name in path {
            let next = if ffi::PyDict_CheckExact(current) != 0 {
                let item = ffi::PyDict_GetItemString(current, name.as_ptr());
                ffi::Py_XINCREF(item);
                item
            } else {
                ffi::PyObject_GetAttrString(current, name.as_ptr())
            };
            ffi::Py_DECREF(current);
            if next.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            current = next;
        }
        Some(current)
    }
}
