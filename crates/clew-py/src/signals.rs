//! Signals around a recording: a request to terminate keeps the run (`termination`), and nothing disturbs its ending.

use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

use crate::frames::with_allowance;

#[cfg(target_os = "linux")]
mod termination;

#[cfg(target_os = "linux")]
pub use termination::{guard_termination, release_termination};

/// Elsewhere a termination signal loses the run that is open.
#[cfg(not(target_os = "linux"))]
pub fn guard_termination(_finish: &Bound<'_, PyAny>, _namespace: &Bound<'_, pyo3::types::PyDict>) {}

/// There is nothing to release where nothing is guarded.
#[cfg(not(target_os = "linux"))]
pub fn release_termination(_py: Python<'_>) {}

/// Python calls that the ending may nest, however low the program left its recursion limit.
const FINISH_DEPTH: c_int = 1000;

/// Calls Clew's own Python code so that the program's trace and profile functions do not see it.
pub fn without_tracing<'py>(py: Python<'py>, body: impl FnOnce() -> PyResult<Bound<'py, PyAny>>) {
    let error = PyErr::take(py);
    // SAFETY: the lock is held, so the thread state is live; entering and leaving are paired.
    unsafe { ffi::PyThreadState_EnterTracing(ffi::PyThreadState_Get()) };
    let result = with_allowance(py, FINISH_DEPTH, body);
    // SAFETY: as above.
    unsafe { ffi::PyThreadState_LeaveTracing(ffi::PyThreadState_Get()) };
    if let Err(error) = result {
        eprintln!("clew: warning: the run was not recorded: {error}");
    }
    if let Some(error) = error {
        error.restore(py);
    }
}

/// Ends the process by the signal's default action.
fn die(signal: c_int) -> ! {
    // SAFETY: async-signal-safe calls only. The signal may be blocked by the handler that runs.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}

/// Ends the process by SIGINT; registered with the C library when the program left a `KeyboardInterrupt`.
pub extern "C" fn end_by_interrupt() {
    die(libc::SIGINT)
}

/// Signals held back from the calling thread until this value is dropped.
pub struct Held {
    before: libc::sigset_t,
}

/// Holds every signal back from the calling thread, for the short time that the recording is stored.
pub fn hold() -> Held {
    // SAFETY: plain data, filled by the calls. Signals for faults cannot be held back in effect.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
        Held { before }
    }
}

/// Whether a signal has arrived that is held back.
pub fn is_pending(signal: c_int) -> bool {
    // SAFETY: plain data, filled by the call.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut set) == 0 && libc::sigismember(&raw const set, signal) == 1
    }
}

impl Held {
    /// Holds the signals back to the end of the process.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: the mask is the one that `hold` found.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut());
        }
    }
}
