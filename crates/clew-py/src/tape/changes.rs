//! What the calls of a tape changed, as far as that hangs on the function only.
//!
//! A function is looked at once; a method, once for each class of receiver. What depends on the arguments is left to
//! the one who asks.

use pyo3::ffi;
use pyo3::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Row, Tape};
use crate::hooks::callee::bound_receiver;
use crate::recorder::inspect::{callable_identity, is_atom};

/// Bits of what the resolver answers.
const RECEIVER: u32 = 1;
const FIRST_ARGUMENT: u32 = 2;
const SEE_ARGUMENTS: u32 = 4;

/// Whether a call that "changes" the object can leave it as it was because it cannot change.
unsafe fn cannot_change(object: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        is_atom(tp) || tp == &raw mut ffi::PyTuple_Type || tp == &raw mut ffi::PyFrozenSet_Type
    }
}

/// What [`of`] finds.
pub type Changes<'py> = (Vec<(usize, Bound<'py, PyAny>)>, Vec<usize>);

/// Rows and the objects that they changed, and the rows whose arguments decide.
///
/// `resolve` gives the bits of a function. With `once`, each object is told only the first time.
pub fn of<'py>(tape: &Tape, py: Python<'py>, resolve: &Bound<'py, PyAny>, once: bool) -> PyResult<Changes<'py>> {
    let (mut changed, mut rest) = (Vec::new(), Vec::new());
    let mut met = FxHashSet::default();
    let mut known: FxHashMap<(usize, usize), u32> = FxHashMap::default();
    for i in 0..tape.rows().ended.len() {
        let row = &tape.rows().ended[i];
        let function = row.function.as_ptr();
        // SAFETY: the row keeps the function alive, and it its parts.
        let (receiver, key) = unsafe {
            let receiver = bound_receiver(function);
            let key = if receiver.is_null() {
                (function as usize, 0)
            } else {
                (callable_identity(function), ffi::Py_TYPE(receiver) as usize)
            };
            (receiver, key)
        };
        let bits = if let Some(bits) = known.get(&key) {
            *bits
        } else {
            let function = row.function.clone_ref(py);
            let bits = resolve.call1((function,))?.extract()?;
            known.insert(key, bits);
            bits
        };
        let row = &tape.rows().ended[i];
        let mut add = |object: *mut ffi::PyObject| {
            // SAFETY: the row keeps it alive.
            unsafe {
                if !object.is_null() && !cannot_change(object) && (!once || met.insert(object as usize)) {
                    changed.push((i, Bound::from_borrowed_ptr(py, object)));
                }
            }
        };
        if bits & RECEIVER != 0 {
            add(receiver);
        }
        if bits & FIRST_ARGUMENT != 0 {
            add(tape.first_argument(row));
        }
        if bits & SEE_ARGUMENTS != 0 {
            rest.push(i);
        }
    }
    Ok((changed, rest))
}

impl Tape {
    fn first_argument(&self, row: &Row) -> *mut ffi::PyObject {
        if row.n_arguments == 0 {
            return std::ptr::null_mut();
        }
        self.rows().arguments[row.arguments_at].as_ptr()
    }
}
