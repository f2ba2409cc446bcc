//! A request to terminate keeps the run.
//!
//! Python code sees none of this: `signal.getsignal` answers from the interpreter's own table, which is filled
//! at its start. There is no helper thread either, because `os.fork` warns about processes that have one.
//!
//! A termination signal that the program left at its default is caught at C level. Where the main thread is
//! waiting without the interpreter lock (sleeping, reading), the handler takes the lock and ends the recording
//! on the spot; where it runs Python code, the ending is scheduled for the next safe point; and a timer sends
//! the signal again, so that a thread that started to wait meanwhile, or a C call that never ends, cannot keep
//! the process alive. In every case the process then dies by that signal, as under plain Python.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};

use super::{die, without_tracing};

/// Signals that end a process by default and that users send to stop a program.
const TERMINATING: [c_int; 2] = [libc::SIGTERM, libc::SIGHUP];

/// Milliseconds between two attempts to end the recording.
const RETRY_MS: i64 = 50;

/// Attempts before the process dies without its recording: a C call holds the interpreter lock.
const ATTEMPTS: u32 = 100;

/// Process that installed the handler; its children die at once.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// The main thread, on which Python runs its own handlers.
static MAIN_THREAD: AtomicUsize = AtomicUsize::new(0);
/// The program's namespace: an owned reference, or zero.
static NAMESPACE: AtomicUsize = AtomicUsize::new(0);
/// What ends the recording: an owned reference to a callable, or zero.
static FINISH: AtomicUsize = AtomicUsize::new(0);
/// Whether a handler is ending the recording now.
static ENDING: AtomicBool = AtomicBool::new(false);
/// Signals so far, the timer's included.
static TRIED: AtomicU32 = AtomicU32::new(0);

/// Lets termination signals call `finish(exit code, signal name, namespace)` before the process dies.
///
/// Signals that the program's parent had ignored, or that somebody handles already, are left alone.
pub fn guard_termination(finish: &Bound<'_, PyAny>, namespace: &Bound<'_, PyDict>) {
    OWNER.store(process_id(), Ordering::Relaxed);
    // SAFETY: a plain query of the calling thread.
    let thread = unsafe { libc::pthread_self() };
    MAIN_THREAD.store(thread as usize, Ordering::Relaxed);
    NAMESPACE.store(namespace.clone().into_ptr() as usize, Ordering::Release);
    FINISH.store(finish.clone().into_ptr() as usize, Ordering::Release);
    for signal in TERMINATING {
        // SAFETY: the structures are plain data, and the handler is installed only over the default.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &raw mut action) != 0 || action.sa_sigaction != libc::SIG_DFL {
                continue;
            }
            action = std::mem::zeroed();
            action.sa_sigaction = on_termination as *const () as usize;
            // The timer's signals must get through to a handler that is stuck.
            action.sa_flags = libc::SA_NODEFER;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Takes the recording's ending away from the signals: from here they kill as they do by default.
pub fn release_termination(py: Python<'_>) {
    drop(take(py, &FINISH));
    drop(take(py, &NAMESPACE));
}

/// Takes the reference that `guard_termination` stored; nothing when it was taken before.
fn take<'py>(py: Python<'py>, slot: &AtomicUsize) -> Option<Bound<'py, PyAny>> {
    let object = slot.swap(0, Ordering::AcqRel) as *mut ffi::PyObject;
    // SAFETY: the slots hold null or an owned reference, and the exchange gives it to one taker only.
    unsafe { Bound::from_owned_ptr_or_opt(py, object) }
}

extern "C" fn on_termination(signal: c_int) {
    // The program must not find another errno when its system call goes on.
    // SAFETY: the location is the calling thread's own.
    let errno = unsafe { *libc::__errno_location() };
    handle(signal);
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

fn handle(signal: c_int) {
    let ending = ENDING.load(Ordering::Acquire);
    let idle = FINISH.load(Ordering::Acquire) == 0 && !ending;
    if idle || OWNER.load(Ordering::Relaxed) != process_id() {
        die(signal);
    }
    let main_thread = MAIN_THREAD.load(Ordering::Relaxed) as libc::pthread_t;
    // SAFETY: async-signal-safe calls; the main thread lives as long as the process.
    unsafe {
        if libc::pthread_equal(libc::pthread_self(), main_thread) == 0 {
            libc::pthread_kill(main_thread, signal);
            return;
        }
    }
    let tried = TRIED.fetch_add(1, Ordering::Relaxed);
    if tried >= ATTEMPTS {
        die(signal);
    }
    signal_again(signal);
    if ending {
        return;
    }
    // SAFETY: the check reads thread-local state only. Without the lock, the main thread is inside a system
    // call or other C code that let go of the interpreter, where taking the lock is what it would do next.
    unsafe {
        if ffi::PyGILState_Check() == 0 {
            ENDING.store(true, Ordering::Release);
            ffi::PyGILState_Ensure();
            end_recording(signal);
            die(signal);
        }
        if tried == 0 {
            ffi::Py_AddPendingCall(Some(on_safe_point), signal as usize as *mut c_void);
        }
    }
}

/// The main thread is between two bytecodes, with the lock.
extern "C" fn on_safe_point(signal: *mut c_void) -> c_int {
    let signal = signal as usize as c_int;
    ENDING.store(true, Ordering::Release);
    end_recording(signal);
    die(signal)
}

/// Calls what ends the recording; once only. The interpreter lock is held.
fn end_recording(signal: c_int) {
    // SAFETY: the caller holds the lock, and this thread runs nothing else of Python's until it dies.
    let py = unsafe { Python::assume_attached() };
    let (Some(finish), Some(namespace)) = (take(py, &FINISH), take(py, &NAMESPACE)) else {
        return;
    };
    let name = if signal == libc::SIGHUP { "SIGHUP" } else { "SIGTERM" };
    without_tracing(py, || finish.call1((128 + signal, name, namespace)));
}

/// Sends the signal to this process again after a while.
fn signal_again(signal: c_int) {
    // SAFETY: plain data, filled before use; timers are the process's own and end with it.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = signal;
        let mut timer: libc::timer_t = std::ptr::null_mut();
        if libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) != 0 {
            die(signal);
        }
        let mut when: libc::itimerspec = std::mem::zeroed();
        when.it_value.tv_nsec = RETRY_MS * 1_000_000;
        libc::timer_settime(timer, 0, &raw const when, std::ptr::null_mut());
    }
}

fn process_id() -> c_int {
    // SAFETY: a plain query.
    unsafe { libc::getpid() }
}
