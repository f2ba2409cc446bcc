//! The hooks: C-level functions that rewritten code calls, one for each inserted placeholder.
//!
//! `site` is what a hook knows of its place, `marks` tells where the program is, `heap` what it reads and
//! writes, `callee` what it is about to call, `erasing` which of them have nothing
//! more to tell, `forward` calls that need attention before and after, `effects`
//! what foreign code does, `stream` writes into files, `wrappers` iterators and context managers.

pub mod callee;
pub mod draw;
pub mod effects;
pub mod erasing;
pub mod forward;
pub mod heap;
pub mod logged;
pub mod marks;
pub mod native;
pub mod notes;
pub mod operate;
pub mod site;
pub mod stream;
pub mod types;
mod unpack;
pub mod wrappers;

use pyo3::ffi;

use std::cell::RefCell;
use std::sync::OnceLock;

use clew_syntax::hooks::{Hook, Load, LogPlace, Note};
use rustc_hash::FxHashMap;

use clew_trace::{NameId, SourceTable, StatementId};

use crate::recorder::{namespaces, Recorder};
use site::{NotedLoad, Site};

/// Names and types looked up once.
pub struct Names {
    pub init: *mut ffi::PyObject,
    pub call: *mut ffi::PyObject,
    pub enter: *mut ffi::PyObject,
    pub exit: *mut ffi::PyObject,
    pub async_enter: *mut ffi::PyObject,
}
// SAFETY: immortal objects of this process, used with the interpreter lock held.
unsafe impl Send for Names {}
// SAFETY: as above.
unsafe impl Sync for Names {}

static NAMES: OnceLock<Names> = OnceLock::new();

/// The names.
pub fn names() -> &'static Names {
    NAMES.get_or_init(|| {
        // SAFETY: hooks and the loader run with the interpreter lock held; references are kept for the process.
        unsafe {
            Names {
                init: ffi::PyUnicode_InternFromString(c"__init__".as_ptr()),
                call: ffi::PyUnicode_InternFromString(c"__call__".as_ptr()),
                enter: ffi::PyUnicode_InternFromString(c"__enter__".as_ptr()),
                exit: ffi::PyUnicode_InternFromString(c"__exit__".as_ptr()),
                async_enter: ffi::PyUnicode_InternFromString(c"__aenter__".as_ptr()),
            }
        }
    })
}

type HookFn = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;

macro_rules! definitions {
    ($($name:ident: $function:path),* $(,)?) => {
        /// One method definition a kind of hook.
        struct Definitions { $($name: ffi::PyMethodDef,)* }
        static mut DEFINITIONS: Definitions = Definitions {
            $($name: ffi::PyMethodDef {
                ml_name: c"clew".as_ptr(),
                ml_meth: ffi::PyMethodDefPointer { PyCFunction: $function as HookFn },
                ml_flags: ffi::METH_O,
                ml_doc: std::ptr::null(),
            },)*
        };
    };
}

definitions! {
    enter: marks::enter,
    mark: marks::mark,
    handler: marks::handler,
    resume: marks::resume,
    see: heap::see,
    see_namespace: heap::see_namespace,
    read: heap::read,
    consume: heap::consume,
    iterate: wrappers::iterate,
    manager: wrappers::manager,
    write: heap::write,
    in_place: heap::in_place,
    item_key: heap::item_key,
    cell_write: marks::cell_write,
    cell_read: marks::cell_read,
    rebind: marks::rebind,
    import: marks::import,
    method: callee::method,
    callee: callee::callee,
    logged_method: logged::method,
    logged_callee: logged::callee,
}

/// What the hooks of one source share.
pub struct SourceParts<'a> {
    /// Number of the recording.
    pub recording: u32,
    /// Number of the source.
    pub source: u32,
    /// Its index in the event log.
    pub log_source: u32,
    /// Its static facts.
    pub table: &'a SourceTable,
    /// Whether it is the program itself.
    pub is_main: bool,
    /// The coverage list.
    pub coverage: *mut ffi::PyObject,
    /// The list of units during which functions were entered last.
    pub entered: *mut ffi::PyObject,
    /// Unit objects by statement (null where not made).
    pub units: &'a [*mut ffi::PyObject],
    /// Places in the event log of the hooks made so far, 0 for those that have none.
    pub event_sites: RefCell<Vec<u32>>,
}

impl SourceParts<'_> {
    unsafe fn site(&self, statement: StatementId) -> *mut Site {
        // SAFETY: the lock is held (the loader's duty).
        unsafe {
            let site = Site::new(self.recording, self.source, statement.0);
            if !site.is_null() {
                (*site).coverage = ffi::Py_NewRef(self.coverage);
                (*site).entered = ffi::Py_NewRef(self.entered);
                // A source may have no statement at all, and a hook all the same.
                let known = statement.index() < self.table.statements.len();
                (*site).is_unit = self.is_main && known && self.table.is_unit(statement);
                if (*site).is_unit {
                    let unit = self.units[statement.index()];
                    ffi::Py_XINCREF(unit);
                    (*site).unit = unit;
                }
            }
            site
        }
    }

    fn keys(&self, recorder: &mut Recorder, names: &[NameId]) -> Box<[u32]> {
        names.iter().map(|name| recorder.key(self.table.name(*name))).collect()
    }

    unsafe fn log(&self, recorder: &mut Recorder, site: *mut Site, statement: StatementId, logged: Option<LogPlace>) {
        // SAFETY: the site was made by the caller.
        unsafe {
            (*site).logged = logged.is_some() && recorder.events.is_some();
            if let (Some(place), Some(events)) = (logged, recorder.events.as_mut()) {
                (*site).event_site = events.add_site(self.log_source, statement.0, place.line, place.column);
            }
        }
    }

    /// Makes the site of an operation.
    unsafe fn operation(
        &self,
        recorder: &mut Recorder,
        statement: StatementId,
        place: LogPlace,
        name: &str,
    ) -> *mut Site {
        // SAFETY: the lock is held.
        unsafe {
            let site = self.site(statement);
            if !site.is_null() {
                self.log(recorder, site, statement, Some(place));
                (*site).operation = recorder.events.as_mut().map_or(0, |events| events.name(name));
            }
            site
        }
    }

    /// Loads that a hook notes besides its own operation.
    fn loads(&self, recorder: &mut Recorder, statement: StatementId, loads: &[Load]) -> Box<[NotedLoad]> {
        let Some(events) = recorder.events.as_mut() else { return Box::default() };
        let noted = loads.iter().map(|load| NotedLoad {
            operand: load.operand as usize,
            event_site: events.add_site(self.log_source, statement.0, load.place.line, load.place.column),
            name: events.name(self.table.name(load.name)),
        });
        noted.collect()
    }

    fn texts(&self, names: &[NameId]) -> Box<[String]> {
        names.iter().map(|name| self.table.name(*name).to_owned()).collect()
    }

    unsafe fn interned(&self, name: NameId) -> *mut ffi::PyObject {
        let text = self.table.name(name);
        // SAFETY: the lock is held; the text is valid UTF-8.
        unsafe {
            let mut object = ffi::PyUnicode_FromStringAndSize(text.as_ptr().cast(), text.len() as isize);
            ffi::PyUnicode_InternInPlace(&raw mut object);
            object
        }
    }
}

/// Makes the object of a hook (new reference) and its site (a second reference, or null), or null with an error set.
///
/// # Safety
/// The interpreter lock is held.
pub unsafe fn make(
    recorder: &mut Recorder,
    parts: &SourceParts<'_>,
    hook: &Hook,
    state: *mut ffi::PyObject,
) -> (*mut ffi::PyObject, *mut Site) {
    // SAFETY: the lock is held; definitions live for the process.
    unsafe {
        let definitions = &raw mut DEFINITIONS;
        let plain = |object| {
            parts.event_sites.borrow_mut().push(0);
            (ffi::Py_NewRef(object), std::ptr::null_mut())
        };
        let (definition, site) = match hook {
            Hook::State => return plain(state),
            Hook::Coverage => return plain(parts.coverage),
            Hook::Entered => return plain(parts.entered),
            Hook::Unit(statement) => return plain(parts.units[statement.index()]),
            Hook::Enter => (&raw mut (*definitions).enter, parts.site(StatementId(0))),
            Hook::Mark(statement) => (&raw mut (*definitions).mark, parts.site(*statement)),
            Hook::Handler { statement } => (&raw mut (*definitions).handler, parts.site(*statement)),
            Hook::Resume(scope) => {
                let site = parts.site(StatementId(0));
                (*site).key = scope.0;
                (&raw mut (*definitions).resume, site)
            }
            Hook::See { statement, keys } => {
                let site = parts.site(*statement);
                (*site).keys = parts.keys(recorder, keys);
                let asks = keys.iter().any(|key| parts.table.name(*key) == namespaces::NAME);
                let see = if asks { &raw mut (*definitions).see_namespace } else { &raw mut (*definitions).see };
                (see, site)
            }
            Hook::Read { statement, advances } => {
                let site = parts.site(*statement);
                (*site).update = *advances;
                (*site).deep = true;
                (&raw mut (*definitions).read, site)
            }
            Hook::Consume { statement, unpacks } => {
                let site = parts.site(*statement);
                (*site).index = *unpacks;
                (&raw mut (*definitions).consume, site)
            }
            Hook::Iterate { statement, unpacks } => {
                let site = parts.site(*statement);
                (*site).index = *unpacks;
                (&raw mut (*definitions).iterate, site)
            }
            Hook::Manager { statement } => (&raw mut (*definitions).manager, parts.site(*statement)),
            Hook::Write { statement, key, update, index } => {
                let site = parts.site(*statement);
                (*site).update = *update;
                if let Some(index) = index {
                    ((*site).is_indexed, (*site).index) = (true, *index);
                }
                if let Some(key) = key {
                    (*site).key = recorder.key(parts.table.name(*key));
                    (*site).name = parts.interned(*key);
                }
                (&raw mut (*definitions).write, site)
            }
            Hook::InPlace { statement } => (&raw mut (*definitions).in_place, parts.site(*statement)),
            Hook::ItemKey { statement } => (&raw mut (*definitions).item_key, parts.site(*statement)),
            Hook::CellWrite { statement, scope, name } => {
                let site = parts.site(*statement);
                (*site).key = scope.0;
                (*site).keys = Box::from([name.0]);
                (&raw mut (*definitions).cell_write, site)
            }
            Hook::CellRead { statement, scope, names } => {
                let site = parts.site(*statement);
                (*site).key = scope.0;
                (*site).keys = names.iter().map(|name| name.0).collect();
                (&raw mut (*definitions).cell_read, site)
            }
            Hook::Rebind { statement, names } => {
                let site = parts.site(*statement);
                (*site).names = parts.texts(names);
                (&raw mut (*definitions).rebind, site)
            }
            Hook::Import { statement, module, names } => {
                let site = parts.site(*statement);
                (*site).key = recorder.key(parts.table.name(*module));
                (*site).name = parts.interned(*module);
                (*site).keys = parts.keys(recorder, names);
                (&raw mut (*definitions).import, site)
            }
            Hook::Method { statement, name, keys, logged, ends } => {
                let site = parts.site(*statement);
                parts.log(recorder, site, *statement, *logged);
                (*site).keys = parts.keys(recorder, keys);
                (*site).name = parts.interned(*name);
                (*site).ends = *ends;
                (&raw mut (*definitions).method, site)
            }
            Hook::Callee { statement, logged, ends } => {
                let site = parts.site(*statement);
                parts.log(recorder, site, *statement, *logged);
                (*site).ends = *ends;
                (&raw mut (*definitions).callee, site)
            }
            Hook::LoggedMethod { statement, name, place, ends } => {
                let site = parts.site(*statement);
                parts.log(recorder, site, *statement, Some(*place));
                (*site).name = parts.interned(*name);
                (*site).ends = *ends;
                (&raw mut (*definitions).logged_method, site)
            }
            Hook::LoggedCallee { statement, place, ends } => {
                let site = parts.site(*statement);
                parts.log(recorder, site, *statement, Some(*place));
                (*site).ends = *ends;
                (&raw mut (*definitions).logged_callee, site)
            }
            Hook::LoggedCall { statement, place } => {
                let site = parts.site(*statement);
                parts.log(recorder, site, *statement, Some(*place));
                (fast_definition(logged::call), site)
            }
            Hook::Began { scope } => {
                let site = parts.site(StatementId(0));
                (*site).key = scope.0;
                (fast_definition(native::began), site)
            }
            Hook::Ended { statement, call, name, place, .. } => {
                let site = parts.site(*statement);
                match call {
                    Some(call) => {
                        let event_site = parts.event_sites.borrow().get(*call as usize).copied();
                        (*site).event_site = event_site.unwrap_or(0);
                    }
                    None => parts.log(recorder, site, *statement, Some(*place)),
                }
                if let (Some(name), Some(events)) = (name, recorder.events.as_mut()) {
                    ((*site).logged, (*site).operation) = (true, events.name(parts.table.name(*name)));
                }
                (fast_definition(native::ended), site)
            }
            Hook::Operate { statement, operation, loads, is_test, place } => {
                let site = parts.operation(recorder, *statement, *place, operation.symbol());
                (*site).loads = parts.loads(recorder, *statement, loads);
                (*site).update = *is_test;
                (fast_definition(operate::function_of(*operation)), site)
            }
            Hook::Note { statement, note, loads, name, place } => {
                let site = note_site(recorder, parts, *statement, *note, *name, *place);
                if !site.is_null() {
                    (*site).loads = parts.loads(recorder, *statement, loads);
                }
                (fast_definition(notes::function_of(*note)), site)
            }
        };
        if site.is_null() {
            return (std::ptr::null_mut(), site);
        }
        parts.event_sites.borrow_mut().push((*site).event_site);
        (site::function(definition, site), site)
    }
}

/// Makes the site of a hook that notes an operation; parts of one operation share its place in the log.
unsafe fn note_site(
    recorder: &mut Recorder,
    parts: &SourceParts<'_>,
    statement: StatementId,
    note: Note,
    name: NameId,
    place: LogPlace,
) -> *mut Site {
    // SAFETY: the lock is held.
    unsafe {
        if let Note::Operand(begun)
        | Note::Compared(begun)
        | Note::Result(begun)
        | Note::Decided(begun)
        | Note::Finished(begun) = note
        {
            let site = parts.site(statement);
            if !site.is_null() {
                (*site).event_site = parts.event_sites.borrow().get(begun as usize).copied().unwrap_or(0);
                (*site).operation = recorder.events.as_mut().map_or(0, |events| events.name(parts.table.name(name)));
            }
            return site;
        }
        let site = parts.operation(recorder, statement, place, parts.table.name(name));
        if !site.is_null() {
            match note {
                Note::Resumed(scope) => (*site).key = scope.0,
                Note::Iterated { unpacks } => (*site).update = unpacks,
                _ => {}
            }
        }
        site
    }
}

/// The definition of a fastcall function, one for each function, kept for the process.
fn fast_definition(function: operate::OperationFn) -> *mut ffi::PyMethodDef {
    thread_local! {
        static MADE: RefCell<FxHashMap<usize, usize>> = RefCell::new(FxHashMap::default());
    }
    let address = function as usize;
    let make = || {
        let definition = ffi::PyMethodDef {
            ml_name: c"clew".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFast: function },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: std::ptr::null(),
        };
        Box::into_raw(Box::new(definition)) as usize
    };
    MADE.with(|made| *made.borrow_mut().entry(address).or_insert_with(make)) as *mut ffi::PyMethodDef
}
