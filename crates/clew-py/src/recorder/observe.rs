//! Was an object changed by a call that nobody has described? A snapshot before and after tells.
//!
//! A snapshot hashes the identities of what is reachable, the values of atoms and samples of buffers, up to a
//! budget, without calling any user code.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::{FxHashSet, FxHasher};
use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::hash::Hasher;

use super::units::hot;
use super::walk::{self, ArrayHead};

/// Objects that one snapshot may visit.
const BUDGET: usize = 1_500;
/// Buffers up to this size are hashed whole, larger ones by samples.
const WHOLE_BYTES: usize = 1 << 16;
const N_SAMPLES: usize = 512;

struct Snapshot {
    hasher: FxHasher,
    queue: VecDeque<*mut ffi::PyObject>,
}

unsafe extern "C" fn visit(object: *mut ffi::PyObject, snapshot: *mut c_void) -> c_int {
    // SAFETY: `snapshot` is the value passed to `tp_traverse` by `of`.
    unsafe {
        if !object.is_null() {
            let snapshot = &mut *snapshot.cast::<Snapshot>();
            snapshot.hasher.write_usize(object as usize);
            let tp = ffi::Py_TYPE(object);
            if tp == &raw mut ffi::PyFloat_Type {
                snapshot.hasher.write_u64((*object.cast::<ffi::PyFloatObject>()).ob_fval.to_bits());
            } else if tp == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                snapshot.hasher.write_i64(ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow));
            } else if !walk::is_atom(tp) {
                snapshot.queue.push_back(object);
            }
        }
    }
    0
}

/// Whether a snapshot of the object can differ from another.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn worthwhile(object: *mut ffi::PyObject) -> bool {
    // SAFETY: as promised.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        !walk::is_atom(tp)
            && (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS == 0
            && tp != &raw mut ffi::PyFunction_Type
            && tp != &raw mut ffi::PyCFunction_Type
            && ffi::PyModule_Check(object) == 0
    }
}

/// A number that changes when the object's state changes, as far as the budget reaches.
///
/// # Safety
/// The interpreter lock is held and `root` is alive.
pub unsafe fn of(root: *mut ffi::PyObject) -> u64 {
    let mut snapshot = Snapshot { hasher: FxHasher::default(), queue: VecDeque::from([root]) };
    let mut seen = FxHashSet::default();
    // SAFETY: everything in the queue is reachable from `root` and nothing runs in between.
    unsafe {
        while let Some(object) = snapshot.queue.pop_front() {
            if !seen.insert(object as usize) {
                continue;
            }
            if seen.len() > BUDGET {
                break;
            }
            let tp = ffi::Py_TYPE(object);
            let flags = (*tp).tp_flags;
            snapshot.hasher.write_usize(tp as usize);
            if flags & (ffi::Py_TPFLAGS_LIST_SUBCLASS | ffi::Py_TPFLAGS_TUPLE_SUBCLASS) != 0 {
                snapshot.hasher.write_isize((*object.cast::<ffi::PyVarObject>()).ob_size);
            } else if flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0 {
                snapshot.hasher.write_isize((*object.cast::<ffi::PyDictObject>()).ma_used);
            }
            if flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0
                || tp == &raw mut ffi::PyFunction_Type
                || tp == &raw mut ffi::PyCode_Type
                || tp == &raw mut ffi::PyFrame_Type
                || ffi::PyModule_Check(object) != 0
            {
                continue;
            }
            if flags & ffi::Py_TPFLAGS_HAVE_GC != 0 {
                if let Some(traverse) = (*tp).tp_traverse {
                    let pointer: *mut Snapshot = &raw mut snapshot;
                    traverse(object, visit, pointer.cast());
                }
            }
            let is_array = !(*hot()).ndarray.is_null() && ffi::PyType_IsSubtype(tp, (*hot()).ndarray) != 0;
            if is_array || tp == &raw mut ffi::PyByteArray_Type {
                buffer(object, is_array, &mut snapshot.hasher);
            }
        }
    }
    snapshot.hasher.finish()
}

unsafe fn buffer(object: *mut ffi::PyObject, is_array: bool, hasher: &mut FxHasher) {
    // SAFETY: the buffer is held by the request until it is released.
    unsafe {
        if is_array {
            let array = object.cast::<ArrayHead>();
            hasher.write_usize((*array).data as usize);
            for axis in 0..(*array).nd as usize {
                hasher.write_isize(*(*array).dimensions.add(axis));
                hasher.write_isize(*(*array).strides.add(axis));
            }
        }
        let mut view = std::mem::zeroed::<ffi::Py_buffer>();
        if ffi::PyObject_GetBuffer(object, &raw mut view, ffi::PyBUF_SIMPLE) != 0 {
            ffi::PyErr_Clear();
            return;
        }
        let bytes =
            std::slice::from_raw_parts(view.buf.cast::<u8>(), if view.buf.is_null() { 0 } else { view.len as usize });
        if bytes.len() <= WHOLE_BYTES {
            hasher.write(bytes);
        } else {
            let step = bytes.len() / N_SAMPLES;
            for i in 0..N_SAMPLES {
                hasher.write(&bytes[i * step..i * step + 8]);
            }
            hasher.write(&bytes[bytes.len() - 64..]);
        }
        ffi::PyBuffer_Release(&raw mut view);
    }
}
