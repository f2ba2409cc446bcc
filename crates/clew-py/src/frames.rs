//! The interpreter's frame stack, cut off while the user's program runs.
//!
//! A program that looks at its callers (`inspect.stack()`, `warnings.warn(stacklevel=...)`, logging's caller
//! lookup) must find what it finds under plain Python: its own module at the bottom. [`without_frames`] sets
//! the thread state's current frame to null for the time of a call, and gives the call the whole recursion
//! allowance. The layout of a thread state is not part of the stable interface, so the offsets are declared
//! here per minor version, and checked against what the public interface says before anything is written:
//! where the check fails, nothing is cut.
//!
//! Invariant: after [`without_frames`] returns, the frame stack and the recursion counters are as before, even
//! when the program changed the recursion limit.

pub mod running;

use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_uint, c_void};

/// Start of a thread state of CPython 3.11.
#[repr(C)]
struct State311 {
    links: [*mut c_void; 3],
    initialized: c_int,
    is_static: c_int,
    recursion_remaining: c_int,
    recursion_limit: c_int,
    recursion_headroom: c_int,
    tracing: c_int,
    tracing_what: c_int,
    cframe: *mut CFrame311,
}

/// The part of the C stack that CPython 3.11 points the current frame from.
#[repr(C)]
struct CFrame311 {
    use_tracing: u8,
    current_frame: *mut c_void,
}

/// Start of a thread state of CPython 3.12.
#[repr(C)]
struct State312 {
    links: [*mut c_void; 3],
    status: c_uint,
    recursion_remaining: c_int,
    recursion_limit: c_int,
    c_recursion_remaining: c_int,
    recursion_headroom: c_int,
    tracing: c_int,
    what_event: c_int,
    cframe: *mut CFrame312,
}

/// The part of the C stack that CPython 3.12 points the current frame from.
#[repr(C)]
struct CFrame312 {
    current_frame: *mut c_void,
}

/// Start of a thread state of CPython 3.13.
#[repr(C)]
struct State313 {
    links: [*mut c_void; 3],
    eval_breaker: usize,
    status: c_uint,
    whence: c_int,
    state: c_int,
    recursion_remaining: c_int,
    recursion_limit: c_int,
    c_recursion_remaining: c_int,
    recursion_headroom: c_int,
    tracing: c_int,
    what_event: c_int,
    current_frame: *mut c_void,
}

/// Start of a frame object, the same in CPython 3.11 to 3.13.
#[repr(C)]
struct FrameObject {
    head: ffi::PyObject,
    back: *mut c_void,
    frame: *mut c_void,
}

/// Where the fields of one thread state are that this file reads and writes.
#[derive(Clone, Copy)]
struct Fields {
    current_frame: *mut *mut c_void,
    recursion_remaining: *mut c_int,
    recursion_limit: *mut c_int,
    /// Absent before CPython 3.12, which counts C calls and Python calls together.
    c_recursion_remaining: Option<*mut c_int>,
}

/// Finds the fields of a thread state.
///
/// # Safety
/// `state` is a live thread state, and the interpreter lock is held.
unsafe fn fields_of(state: *mut ffi::PyThreadState, minor: u8) -> Option<Fields> {
    // SAFETY: only addresses inside the thread state are formed; the caller vouches for `state`, the layouts
    // are those of the named versions, and `current_fields` compares the result with the public interface.
    unsafe {
        match minor {
            11 => {
                let state = state.cast::<State311>();
                Some(Fields {
                    current_frame: &raw mut (*(*state).cframe).current_frame,
                    recursion_remaining: &raw mut (*state).recursion_remaining,
                    recursion_limit: &raw mut (*state).recursion_limit,
                    c_recursion_remaining: None,
                })
            }
            12 => {
                let state = state.cast::<State312>();
                Some(Fields {
                    current_frame: &raw mut (*(*state).cframe).current_frame,
                    recursion_remaining: &raw mut (*state).recursion_remaining,
                    recursion_limit: &raw mut (*state).recursion_limit,
                    c_recursion_remaining: Some(&raw mut (*state).c_recursion_remaining),
                })
            }
            13 => {
                let state = state.cast::<State313>();
                Some(Fields {
                    current_frame: &raw mut (*state).current_frame,
                    recursion_remaining: &raw mut (*state).recursion_remaining,
                    recursion_limit: &raw mut (*state).recursion_limit,
                    c_recursion_remaining: Some(&raw mut (*state).c_recursion_remaining),
                })
            }
            _ => None,
        }
    }
}

/// The fields of the running thread's state, or nothing when they are not where this file believes.
///
/// Must be called from a function that Python code called, because the check needs a running frame.
fn current_fields(py: Python<'_>) -> Option<Fields> {
    let version = py.version_info();
    if version.major != 3 {
        return None;
    }
    // SAFETY: the lock is held, so the thread state is live. `limit` is compared first: it stands behind the
    // same pointer arithmetic as the other counters, so a foreign layout is noticed by reading alone.
    unsafe {
        let fields = fields_of(ffi::PyThreadState_Get(), version.minor)?;
        let limit = *fields.recursion_limit;
        let remaining = *fields.recursion_remaining;
        let frame = ffi::PyEval_GetFrame().cast::<FrameObject>();
        let agrees = limit == ffi::Py_GetRecursionLimit()
            && remaining <= limit
            && !frame.is_null()
            && (*frame).frame == *fields.current_frame;
        agrees.then_some(fields)
    }
}

/// How many C calls a thread may nest at its start: what a new thread state is given.
fn fresh_c_allowance(py: Python<'_>) -> Option<c_int> {
    // SAFETY: the lock is held; the state is never made current, and is cleared and deleted here.
    unsafe {
        let state = ffi::PyThreadState_New(ffi::PyInterpreterState_Get());
        if state.is_null() {
            return None;
        }
        // The frame pointer of a state that never ran is not followed, only the counter is read.
        let allowance = match py.version_info().minor {
            12 => Some((*state.cast::<State312>()).c_recursion_remaining),
            13 => Some((*state.cast::<State313>()).c_recursion_remaining),
            _ => None,
        };
        ffi::PyThreadState_Clear(state);
        ffi::PyThreadState_Delete(state);
        allowance
    }
}

/// What [`without_frames`] puts back.
struct Cut {
    fields: Fields,
    frame: *mut c_void,
    depth: c_int,
    c_remaining: c_int,
}

impl Cut {
    fn new(py: Python<'_>) -> Option<Self> {
        let fields = current_fields(py)?;
        let c_allowance = fields.c_recursion_remaining.and_then(|_| fresh_c_allowance(py));
        // SAFETY: `current_fields` checked the addresses. A null current frame is the state of a thread that
        // runs no Python code, which is what the interpreter starts a program from.
        unsafe {
            let cut = Self {
                fields,
                frame: *fields.current_frame,
                depth: *fields.recursion_limit - *fields.recursion_remaining,
                c_remaining: fields.c_recursion_remaining.map_or(0, |field| *field),
            };
            *fields.current_frame = std::ptr::null_mut();
            *fields.recursion_remaining = *fields.recursion_limit;
            if let (Some(field), Some(allowance)) = (fields.c_recursion_remaining, c_allowance) {
                *field = allowance;
            }
            Some(cut)
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        // SAFETY: the thread state outlives the call that `without_frames` makes, and the frame that is put
        // back is the one of the Python function that waits for this call to return.
        unsafe {
            *self.fields.current_frame = self.frame;
            *self.fields.recursion_remaining = *self.fields.recursion_limit - self.depth;
            if let Some(field) = self.fields.c_recursion_remaining {
                *field = self.c_remaining;
            }
        }
    }
}

/// Calls `body` as the interpreter would from its start: no frame below, the whole recursion allowance.
pub fn without_frames<R>(py: Python<'_>, body: impl FnOnce() -> R) -> R {
    let _cut = Cut::new(py);
    body()
}

/// Calls `body` with at least `depth` Python calls allowed, whatever limit the program set.
pub fn with_allowance<R>(py: Python<'_>, depth: c_int, body: impl FnOnce() -> R) -> R {
    let Some(fields) = current_fields(py) else {
        return body();
    };
    // SAFETY: `current_fields` checked the addresses; the counter is put back below.
    unsafe {
        let before = *fields.recursion_remaining;
        *fields.recursion_remaining = before.max(depth);
        let result = body();
        *fields.recursion_remaining = before;
        result
    }
}

/// Whether the frame stack can be cut in this interpreter.
#[pyfunction]
fn frames_can_be_cut(py: Python<'_>) -> bool {
    current_fields(py).is_some()
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(frames_can_be_cut, module)?)
}
