//! The class `Traced`: its objects, and its slots.
//!
//! A stand-in holds nothing but the number of its node, so that the garbage collector need not know it.

use clew_trace::values::{NodeId, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

use super::arena::{arena, Handle};
use super::{access, calls, conversions, functions, iteration, numbers};

/// A stand-in.
#[repr(C)]
pub struct Traced {
    head: ffi::PyObject,
    weak_references: *mut ffi::PyObject,
    handle: Handle,
}

static TYPE: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// So many stand-ins that are not used any more are kept for the next ones.
const N_SPARE: usize = 256;
static mut SPARE: ([*mut Traced; N_SPARE], usize) = ([null_mut(); N_SPARE], 0);

/// Whether an object is a stand-in.
#[inline(always)]
pub unsafe fn is_traced(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the caller gives a live object.
    unsafe { ffi::Py_TYPE(object) == TYPE.load(Relaxed) }
}

/// The handle of a stand-in.
#[inline(always)]
pub unsafe fn handle_of(traced: *mut ffi::PyObject) -> Handle {
    // SAFETY: the caller has seen that it is a stand-in.
    unsafe { (*traced.cast::<Traced>()).handle }
}

/// The node of a stand-in.
#[inline(always)]
pub unsafe fn node_of(traced: *mut ffi::PyObject) -> NodeId {
    // SAFETY: as above.
    arena().node(unsafe { handle_of(traced) })
}

/// What a stand-in stands for.
#[inline(always)]
pub unsafe fn value_of(traced: *mut ffi::PyObject) -> Value {
    // SAFETY: as above.
    arena().nodes.row(unsafe { node_of(traced) }).value()
}

/// The plain object that a value is (a new reference); null with an exception when there is no memory.
#[inline]
pub unsafe fn boxed(value: Value) -> *mut ffi::PyObject {
    // SAFETY: the objects of values are alive as long as their nodes are.
    unsafe {
        match value {
            Value::Float(number) => ffi::PyFloat_FromDouble(number),
            Value::Int(number) => ffi::PyLong_FromLongLong(number),
            Value::Object(object) => ffi::Py_NewRef(object as *mut ffi::PyObject),
            Value::Absent => ffi::Py_NewRef(ffi::Py_None()),
        }
    }
}

/// The value that a plain object is. For objects, the number is a borrowed reference.
#[inline]
pub unsafe fn unboxed(object: *mut ffi::PyObject) -> Value {
    // SAFETY: a live object.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if class == &raw mut ffi::PyFloat_Type {
            return Value::Float(ffi::PyFloat_AS_DOUBLE(object));
        }
        if class == &raw mut ffi::PyLong_Type {
            let mut overflow: c_int = 0;
            let number = ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow);
            if overflow == 0 {
                return Value::Int(number);
            }
        }
        Value::Object(object as u64)
    }
}

/// The value that a plain object is; the reference is taken over.
#[inline]
pub unsafe fn taken(object: *mut ffi::PyObject) -> Value {
    // SAFETY: the caller owns the reference, and gives it away.
    unsafe {
        let value = unboxed(object);
        if !matches!(value, Value::Object(_)) {
            ffi::Py_DECREF(object);
        }
        value
    }
}

/// A new stand-in for a node; null with an exception when there is no memory.
#[inline]
pub unsafe fn stand_in(node: NodeId) -> *mut ffi::PyObject {
    // SAFETY: spare objects are memory of this type's size, used with the lock held.
    unsafe {
        let spare = &raw mut SPARE;
        let class = TYPE.load(Relaxed);
        let object = if (*spare).1 > 0 {
            (*spare).1 -= 1;
            (*spare).0[(*spare).1]
        } else {
            ffi::PyObject_Malloc(size_of::<Traced>()).cast()
        };
        if object.is_null() {
            return ffi::PyErr_NoMemory();
        }
        ffi::PyObject_Init(object.cast(), class);
        (*object).weak_references = null_mut();
        (*object).handle = arena().hold(node);
        object.cast()
    }
}

/// Bytes that an array or a frame holds; 0 for everything else.
unsafe fn size_of_data(object: *mut ffi::PyObject) -> usize {
    // SAFETY: the caller gives a live object. What is asked of it is put back when it was an error.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if ffi::PyType_HasFeature(class, DATA_OF_BUILTINS) != 0 || !is_of_arrays(class) {
            return 0;
        }
        let py = Python::assume_attached();
        let raised = PyErr::take(py);
        let object = Bound::from_borrowed_ptr(py, object);
        let size = |name: &str| object.getattr(name).and_then(|size| size.extract::<usize>());
        let n_bytes = size("nbytes").or_else(|_| size("size").map(|size| size.saturating_mul(8))).unwrap_or(0);
        if let Some(raised) = raised {
            raised.restore(py);
        }
        n_bytes
    }
}

/// Texts, bytes, numbers and containers of the interpreter.
const DATA_OF_BUILTINS: std::ffi::c_ulong = ffi::Py_TPFLAGS_LONG_SUBCLASS
    | ffi::Py_TPFLAGS_LIST_SUBCLASS
    | ffi::Py_TPFLAGS_TUPLE_SUBCLASS
    | ffi::Py_TPFLAGS_BYTES_SUBCLASS
    | ffi::Py_TPFLAGS_UNICODE_SUBCLASS
    | ffi::Py_TPFLAGS_DICT_SUBCLASS
    | ffi::Py_TPFLAGS_TYPE_SUBCLASS;

/// Whether a class is named like those of the libraries that hold much data in one object.
unsafe fn is_of_arrays(class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: the name of a live class.
    let name = unsafe { std::ffi::CStr::from_ptr((*class).tp_name) }.to_bytes();
    [&b"ndarray"[..], b"DataFrame", b"Series", b"Tensor", b"Array", b"matrix", b"Table"]
        .iter()
        .any(|end| name.ends_with(end))
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: called by the interpreter for the last reference.
    unsafe {
        let traced = object.cast::<Traced>();
        if !(*traced).weak_references.is_null() {
            ffi::PyObject_ClearWeakRefs(object);
        }
        if let Value::Object(held) = arena().nodes.row(arena().node((*traced).handle)).value() {
            let n_bytes = size_of_data(held as *mut ffi::PyObject);
            if n_bytes > 0 {
                arena().dropped(n_bytes);
            }
        }
        arena().release((*traced).handle);
        let class = ffi::Py_TYPE(object);
        let spare = &raw mut SPARE;
        if (*spare).1 < N_SPARE {
            (*spare).0[(*spare).1] = traced;
            (*spare).1 += 1;
        } else {
            ffi::PyObject_Free(object.cast());
        }
        ffi::Py_DECREF(class.cast());
    }
}

/// Makes the class and adds it to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let mut members = [
        ffi::PyMemberDef {
            name: c"__weaklistoffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: std::mem::offset_of!(Traced, weak_references) as isize,
            flags: ffi::Py_READONLY,
            doc: std::ptr::null(),
        },
        // SAFETY: an all-zero entry ends the table.
        unsafe { std::mem::zeroed() },
    ];
    let doc = c"A stand-in for a value, which remembers how it was made.";
    let mut slots: Vec<ffi::PyType_Slot> = Vec::new();
    let mut add = |slot: c_int, pfunc: *mut c_void| slots.push(ffi::PyType_Slot { slot, pfunc });
    add(ffi::Py_tp_dealloc, dealloc as *mut c_void);
    add(ffi::Py_tp_doc, doc.as_ptr() as *mut c_void);
    add(ffi::Py_tp_members, members.as_mut_ptr().cast());
    add(ffi::Py_tp_methods, functions::methods().cast());
    for (slot, function) in numbers::slots()
        .into_iter()
        .chain(access::slots())
        .chain(calls::slots())
        .chain(conversions::slots())
        .chain(iteration::slots())
    {
        add(slot, function);
    }
    add(0, null_mut());
    let mut spec = ffi::PyType_Spec {
        name: c"clew.Traced".as_ptr(),
        basicsize: size_of::<Traced>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification is complete and lives through the call; the type is kept for the process.
    let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
    if class.is_null() {
        return Err(PyErr::fetch(module.py()));
    }
    TYPE.store(class.cast(), Relaxed);
    // SAFETY: a live type.
    module.add("Traced", unsafe { Bound::from_borrowed_ptr(module.py(), class) })
}
