//! A site as the hooks see it: the C-level `self` of one hook function.
//!
//! Each inserted hook is a `PyCFunction` whose `self` is its site, so that a call passes only the operand.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::sync::OnceLock;

use super::types::{make_type, TypeObject};

/// The load of an attribute that is the operand of an operation.
pub struct NotedLoad {
    /// Which operand.
    pub operand: usize,
    /// Its place in the event log.
    pub event_site: u32,
    /// The number of its name there.
    pub name: u32,
}

/// State of one hook. Interpreter-lock protected, like every Python object.
#[repr(C)]
// `event_site` is the event log's word.
#[allow(clippy::struct_field_names)]
pub struct Site {
    head: ffi::PyObject,
    /// Its recording, by number.
    pub recording: u32,
    /// Its source, by number.
    pub source: u32,
    /// Statement in it.
    pub statement: u32,
    /// Key of a write, scope of a resume, function or catcher, by the kind of hook.
    pub key: u32,
    /// Whether it was seen to change an object.
    pub touched: bool,
    /// For writes: the statement also reads (augmented assignment). For reads: the operation may advance an iterator.
    pub update: bool,
    /// For augmented items whose index is written as a number: that there is one, and the index. For what is iterated:
    /// how deep the items are unpacked.
    pub is_indexed: bool,
    pub index: u32,
    /// Whether it reads all that its operand holds.
    pub deep: bool,
    /// Whether calls through it go to the event log, and its number there.
    pub logged: bool,
    pub event_site: u32,
    /// Whether a hook around the call logs its end, if what is called logs its beginning.
    pub ends: bool,
    /// Number of the operation's name in the event log.
    pub operation: u32,
    /// Addresses of the code and of the name of the function that was called last, and the number of the name.
    pub named: (usize, usize),
    pub named_as: u32,
    /// Whether it stands at module level of the program.
    pub is_unit: bool,
    /// What was decided for `cached`.
    pub decision: u8,
    /// Type or callee that the decision was made for (borrowed, compared only) and its version.
    pub cached: usize,
    pub version: u32,
    /// Decisions for other types met here: (type, its version, decision).
    pub others: [(usize, u32, u8); 3],
    /// Attribute name (a `str`, one reference owned), or null.
    pub name: *mut ffi::PyObject,
    /// Unit object of a mark, or null; one reference owned.
    pub unit: *mut ffi::PyObject,
    /// Keys that a look serves; empty for the whole object.
    pub keys: Box<[u32]>,
    /// Loads of operands that the hook notes as well.
    pub loads: Box<[NotedLoad]>,
    /// Names that a hook looks up in the module's globals.
    pub names: Box<[String]>,
    /// Coverage list and list of entered functions of the source, or null; one reference owned of each.
    pub coverage: *mut ffi::PyObject,
    pub entered: *mut ffi::PyObject,
}

static TYPE: OnceLock<TypeObject> = OnceLock::new();

unsafe extern "C" fn site_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the last reference is gone; fields were initialised by `new`.
    unsafe {
        let site = object.cast::<Site>();
        ffi::Py_XDECREF((*site).name);
        ffi::Py_XDECREF((*site).unit);
        ffi::Py_XDECREF((*site).coverage);
        ffi::Py_XDECREF((*site).entered);
        std::ptr::drop_in_place(&raw mut (*site).keys);
        std::ptr::drop_in_place(&raw mut (*site).names);
        std::ptr::drop_in_place(&raw mut (*site).loads);
        let tp = ffi::Py_TYPE(object);
        ffi::PyObject_Free(object.cast());
        ffi::Py_DECREF(tp.cast());
    }
}

/// The type of all sites.
pub fn site_type() -> *mut ffi::PyTypeObject {
    let slots = [(ffi::Py_tp_dealloc, site_dealloc as *mut _)];
    TYPE.get_or_init(|| make_type(c"clew._clew.Site", size_of::<Site>(), 0, &slots)).0
}

impl Site {
    /// A new site (one reference), or null with an error set.
    ///
    /// # Safety
    /// The interpreter lock is held.
    pub unsafe fn new(recording: u32, source: u32, statement: u32) -> *mut Self {
        // SAFETY: memory of the object domain is initialised in full before anybody sees it.
        unsafe {
            let tp = site_type();
            if tp.is_null() {
                return std::ptr::null_mut();
            }
            let memory = ffi::PyObject_Malloc(size_of::<Self>()).cast::<Self>();
            if memory.is_null() {
                ffi::PyErr_NoMemory();
                return memory;
            }
            ffi::PyObject_Init(memory.cast(), tp);
            let head = std::ptr::read(&raw const (*memory).head);
            std::ptr::write(
                memory,
                Self {
                    head,
                    recording,
                    source,
                    statement,
                    key: 0,
                    touched: false,
                    update: false,
                    is_indexed: false,
                    index: 0,
                    deep: false,
                    logged: false,
                    event_site: 0,
                    ends: false,
                    operation: 0,
                    named: (0, 0),
                    named_as: 0,
                    is_unit: false,
                    decision: 0,
                    cached: 0,
                    version: 0,
                    others: [(0, 0, 0); 3],
                    name: std::ptr::null_mut(),
                    unit: std::ptr::null_mut(),
                    keys: Box::default(),
                    loads: Box::default(),
                    names: Box::default(),
                    coverage: std::ptr::null_mut(),
                    entered: std::ptr::null_mut(),
                },
            );
            memory
        }
    }
}

/// Makes the C-level function of a hook: `self` is the site. The garbage collector does not see it.
///
/// # Safety
/// The interpreter lock is held, `definition` lives for the process, `site` is a live site.
pub unsafe fn function(definition: *mut ffi::PyMethodDef, site: *mut Site) -> *mut ffi::PyObject {
    // SAFETY: as promised; the function takes its own reference to the site.
    unsafe {
        let function = ffi::PyCFunction_NewEx(definition, site.cast(), std::ptr::null_mut());
        if !function.is_null() {
            ffi::PyObject_GC_UnTrack(function.cast());
        }
        function
    }
}
