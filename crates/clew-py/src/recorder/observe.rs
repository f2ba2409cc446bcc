//! Was an object changed by a call that nobody has described? A snapshot before and after tells.
//!
//! A snapshot hashes, for each object that is reachable, the identities of what it refers to, the values of atoms
//! and samples of buffers, up to a budget, without calling any user code.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::hash::Hasher;

use super::families::ArrayHead;
use super::inspect::{base_named, is_atom};
use super::units::hot;

/// Objects that one snapshot may visit.
const BUDGET: usize = 1_500;
/// Buffers up to this size are hashed whole, larger ones by samples.
const WHOLE_BYTES: usize = 1 << 16;
const N_SAMPLES: usize = 512;

/// The state of each object that a snapshot reached, by address.
pub type Details = FxHashMap<usize, u64>;

struct Visit {
    hasher: FxHasher,
    queue: VecDeque<*mut ffi::PyObject>,
}

unsafe extern "C" fn visit(object: *mut ffi::PyObject, visit: *mut c_void) -> c_int {
    // SAFETY: `visit` is the value passed to `tp_traverse` by `details`.
    unsafe {
        if !object.is_null() {
            let visit = &mut *visit.cast::<Visit>();
            visit.hasher.write_usize(object as usize);
            let tp = ffi::Py_TYPE(object);
            if tp == &raw mut ffi::PyFloat_Type {
                visit.hasher.write_u64((*object.cast::<ffi::PyFloatObject>()).ob_fval.to_bits());
            } else if tp == &raw mut ffi::PyLong_Type {
                let mut overflow = 0;
                visit.hasher.write_i64(ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow));
            } else if !is_atom(tp) {
                visit.queue.push_back(object);
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
        !is_atom(tp)
            && (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS == 0
            && tp != &raw mut ffi::PyFunction_Type
            && tp != &raw mut ffi::PyCFunction_Type
            && ffi::PyModule_Check(object) == 0
    }
}

/// Whether the object is a generator of random numbers, which is changed by whoever it is handed to.
///
/// # Safety
/// The interpreter lock is held and `object` is alive.
pub unsafe fn is_generator(object: *mut ffi::PyObject) -> bool {
    let is_random = |name: &[u8]| {
        matches!(
            name,
            b"_random.Random"
                | b"numpy.random.mtrand.RandomState"
                | b"numpy.random._generator.Generator"
                | b"numpy.random.bit_generator.BitGenerator"
                | b"torch._C.Generator"
        )
    };
    let containers = ffi::Py_TPFLAGS_LIST_SUBCLASS | ffi::Py_TPFLAGS_DICT_SUBCLASS;
    // SAFETY: a live object.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        !is_atom(tp) && (*tp).tp_flags & containers == 0 && !base_named(tp, is_random).is_null()
    }
}

/// A number that changes when something reachable from `root` does, as far as the budget reaches. Objects that hold the
/// same have the same number.
///
/// # Safety
/// The interpreter lock is held and `root` is alive.
pub unsafe fn of(root: *mut ffi::PyObject) -> u64 {
    let mut seen = FxHashSet::default();
    let mut walk = Visit { hasher: FxHasher::default(), queue: VecDeque::from([root]) };
    // SAFETY: as for `details`.
    unsafe {
        while let Some(object) = walk.queue.pop_front() {
            if seen.len() < BUDGET && seen.insert(object as usize) {
                state(object, &mut walk);
            }
        }
    }
    walk.hasher.finish()
}

/// A number for each object reachable from `root`, as far as the budget reaches, that changes when its state does.
///
/// # Safety
/// The interpreter lock is held and `root` is alive.
pub unsafe fn details(root: *mut ffi::PyObject) -> Details {
    let mut states = Details::default();
    let mut walk = Visit { hasher: FxHasher::default(), queue: VecDeque::from([root]) };
    // SAFETY: everything in the queue is reachable from `root` and nothing runs in between.
    unsafe {
        while let Some(object) = walk.queue.pop_front() {
            if states.len() >= BUDGET {
                break;
            }
            if states.contains_key(&(object as usize)) {
                continue;
            }
            walk.hasher = FxHasher::default();
            state(object, &mut walk);
            states.insert(object as usize, walk.hasher.finish());
        }
    }
    states
}

/// Hashes what the object holds itself and queues what it refers to.
unsafe fn state(object: *mut ffi::PyObject, walk: &mut Visit) {
    // SAFETY: as for `details`.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        let flags = (*tp).tp_flags;
        walk.hasher.write_usize(tp as usize);
        if flags & (ffi::Py_TPFLAGS_LIST_SUBCLASS | ffi::Py_TPFLAGS_TUPLE_SUBCLASS) != 0 {
            walk.hasher.write_isize((*object.cast::<ffi::PyVarObject>()).ob_size);
        } else if flags & ffi::Py_TPFLAGS_DICT_SUBCLASS != 0 {
            walk.hasher.write_isize((*object.cast::<ffi::PyDictObject>()).ma_used);
        }
        if flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0
            || tp == &raw mut ffi::PyFunction_Type
            || tp == &raw mut ffi::PyCode_Type
            || tp == &raw mut ffi::PyFrame_Type
            || ffi::PyModule_Check(object) != 0
        {
            return;
        }
        if flags & ffi::Py_TPFLAGS_HAVE_GC != 0 {
            if let Some(traverse) = (*tp).tp_traverse {
                let pointer: *mut Visit = &raw mut *walk;
                traverse(object, visit, pointer.cast());
            }
        }
        let is_array = !(*hot()).ndarray.is_null() && ffi::PyType_IsSubtype(tp, (*hot()).ndarray) != 0;
        if is_array || ffi::PyObject_CheckBuffer(object) != 0 {
            buffer(object, is_array, &mut walk.hasher);
        }
    }
}

/// The objects reachable from `root` whose state is not what it was.
///
/// # Safety
/// The interpreter lock is held and `root` is alive. The objects are borrowed: alive while nothing runs.
pub unsafe fn changed(root: *mut ffi::PyObject, before: &Details) -> Vec<*mut ffi::PyObject> {
    // SAFETY: as promised.
    let now = unsafe { details(root) };
    let mut found: Vec<usize> = Vec::new();
    for (&address, state) in before {
        if now.get(&address).is_some_and(|it| it != state) {
            found.push(address);
        }
    }
    found.sort_unstable();
    found.into_iter().map(|address| address as *mut ffi::PyObject).collect()
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
