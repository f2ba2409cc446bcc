//! The main program: started, reported on and ended the way the interpreter's own `main` does it.
//!
//! [`run_program`] follows `pymain_run_python` and `Py_RunMain` step by step: run the code with no frame below
//! it, flush, print an uncaught exception through `sys.excepthook`, turn `SystemExit` into an exit code, wait
//! for threads, call the `atexit` functions. Only then does Clew's own part run (`finish`), with tracing
//! suspended and signals held back, and after it the interpreter is finalised and the process ends, by SIGINT
//! where plain Python would.
//!
//! It must not call Python code of Clew's between those steps: a trace function, a profiler or an audit hook
//! that the program installed would see it.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyInt, PyList, PyTuple};
use std::ffi::{c_char, c_int, CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::ptr;

use crate::frames::without_frames;
use crate::importing::{compile_plainly, without_compiler_warnings};
use crate::recorder;
use crate::signals::{self, Held};

extern "C" {
    /// The C library's own stream; the interpreter reads nothing from it that Clew needs.
    fn fopen(path: *const c_char, mode: *const c_char) -> *mut libc::FILE;
}

/// How a program ended, as the interpreter tells it to the shell.
#[derive(Clone, Copy, Default)]
struct Ending {
    code: c_int,
    /// An uncaught `KeyboardInterrupt`: the process ends by SIGINT.
    interrupted: bool,
}

/// Runs a program, then `finish`, and ends the process.
///
/// `kind` says what `payload`, a list that is emptied, holds:
/// `script`: a code object, from a file; streams are flushed and `__file__` is removed after it;
/// `code`: a code object; `module`: a callable and its arguments (`runpy`);
/// `file`, `string` and `stdin`: what did not compile: its source and its file name; the interpreter's own runner
/// reports it, except for `stdin`, a stream that cannot be read again.
/// The program's namespace is that of `sys.modules["__main__"]`. No reference to it may be left in a frame of
/// Clew's, because the objects in it must die when they do under plain Python.
///
/// `finish` is called as `finish(exit code, name of what ended the program or None, namespace)`, also when a
/// termination signal ends the program. It does not return unless the interpreter was asked to stay
/// (`python -i`); the result is then the exit code.
#[pyfunction]
fn run_program(py: Python<'_>, kind: &str, payload: Bound<'_, PyList>, finish: Bound<'_, PyAny>) -> PyResult<c_int> {
    let main = py.import("sys")?.getattr("modules")?.get_item("__main__")?;
    let namespace = main.cast_into::<PyModule>()?.dict();
    let parts = payload.to_tuple();
    payload.del_slice(0, payload.len())?;
    drop(payload);
    signals::guard_termination(&finish, &namespace);
    let process = std::process::id();
    let (mut ending, cause) = without_frames(py, || run_to_end(py, kind, parts, &namespace));
    // A child of fork that ran to the end of the program has no recording of its own.
    if std::process::id() == process {
        let held = call_finish(py, &finish, &namespace, ending.code, cause.as_deref());
        ending.interrupted |= interrupts_by_default(py) && signals::is_pending(libc::SIGINT);
        if ending.interrupted {
            // A further Ctrl-C has nothing left to interrupt: the process is about to die by it.
            held.keep();
        }
    }
    signals::release_termination(py);
    drop((namespace, finish));
    if stays_open(py) {
        return Ok(ending.code);
    }
    without_frames(py, || leave(ending))
}

/// Everything that plain Python does before it finalises: the program, its uncaught exception, threads, `atexit`.
fn run_to_end<'py>(
    py: Python<'py>,
    kind: &str,
    payload: Bound<'py, PyTuple>,
    namespace: &Bound<'py, PyDict>,
) -> (Ending, Option<String>) {
    let (ending, cause) = match kind {
        "file" | "string" => (run_uncompiled(py, kind, &payload), None),
        _ => {
            let error = execute(py, kind, &payload, namespace).err();
            drop(payload);
            if let Some(error) = &error {
                note_uncaught(py, error);
            }
            if kind == "script" {
                flush_streams(py);
            }
            let cause = error.as_ref().and_then(|error| name_of(py, error));
            let ending = error.map_or_else(|| Ok(Ending::default()), |error| report(py, error));
            // A program that asks to exit leaves the interpreter's runner before this.
            if ending.is_ok() && kind == "script" {
                let _ = namespace.del_item("__file__");
                let _ = namespace.del_item("__cached__");
            }
            (ending.unwrap_or_else(|exit| exit), cause)
        }
    };
    join_threads(py);
    call_atexit(py);
    (ending, cause)
}

/// Tells the log how the calls that are open end, and the recorder where the exception came from.
fn note_uncaught(py: Python<'_>, error: &PyErr) {
    // What is wrong with a traceback of the program's making is no concern of ours.
    let _ = recorder::nesting::raised(error.traceback(py).as_ref().map(Bound::as_any));
    // SAFETY: the lock is held; the type is alive as long as its exception.
    unsafe {
        if let Some(events) = recorder::recorder().and_then(|recorder| recorder.events.as_mut()) {
            events.uncaught(error.get_type(py).as_type_ptr());
        }
    }
}

/// Runs the program's code.
fn execute(py: Python<'_>, kind: &str, payload: &Bound<'_, PyTuple>, namespace: &Bound<'_, PyDict>) -> PyResult<()> {
    let first = payload.get_item(0)?;
    match kind {
        "module" => return first.call1(payload.get_slice(1, payload.len())).map(drop),
        "stdin" => {
            let filename = payload.get_item(1)?.extract::<String>()?;
            // The warnings were given when it was compiled first; only as errors are they missing here.
            without_compiler_warnings(py, || compile_plainly(&first, &filename))?;
            return compile_plainly(&first, &filename).map(drop);
        }
        _ => {}
    }
    let globals = namespace.as_ptr();
    // SAFETY: both are live objects, the code object checked by the interpreter; the result is owned.
    unsafe {
        let result = ffi::PyEval_EvalCode(first.as_ptr(), globals, globals);
        Bound::from_owned_ptr_or_err(py, result).map(drop)
    }
}

/// Runs what did not compile through the interpreter's own runner, which reports what is wrong with it.
fn run_uncompiled(py: Python<'_>, kind: &str, payload: &Bound<'_, PyTuple>) -> Ending {
    let Ok((source, filename)) = payload.extract::<(Bound<'_, PyAny>, OsString)>() else {
        return Ending { code: 1, interrupted: false };
    };
    let run = || match kind {
        "file" => run_file(filename.clone()),
        _ => run_string(&source),
    };
    // The compiler's warnings were given already, unless one of them is what went wrong, as an error.
    let name = filename.to_string_lossy();
    let is_wrong = without_compiler_warnings(py, || compile_plainly(&source, &name)).is_err();
    let status = if is_wrong { without_compiler_warnings(py, run) } else { run() };
    Ending { code: c_int::from(status != 0), interrupted: false }
}

fn run_file(path: OsString) -> c_int {
    let Ok(path) = CString::new(path.into_vec()) else { return -1 };
    // SAFETY: the path is null-terminated; the runner closes the stream that it is given.
    unsafe {
        let stream = fopen(path.as_ptr(), c"rb".as_ptr());
        if stream.is_null() {
            return -1;
        }
        ffi::PyRun_SimpleFileExFlags(stream.cast(), path.as_ptr(), 1, ptr::null_mut())
    }
}

fn run_string(text: &Bound<'_, PyAny>) -> c_int {
    let text = text.extract::<String>().ok().and_then(|text| CString::new(text).ok());
    // SAFETY: the text is null-terminated.
    text.map_or(-1, |text| unsafe { ffi::PyRun_SimpleStringFlags(text.as_ptr(), ptr::null_mut()) })
}

/// Flushes `sys.stderr` and `sys.stdout`, ignoring what goes wrong: it will again when the streams close.
fn flush_streams(py: Python<'_>) {
    for name in ["stderr", "stdout"] {
        if let Some(stream) = sys_attribute(py, name) {
            let _ = stream.call_method0("flush");
        }
    }
}

/// An attribute of `sys` as it is now, which may be missing.
fn sys_attribute<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyAny>> {
    py.import("sys").ok()?.dict().get_item(name).ok().flatten()
}

/// Name of the exception that ended the program, for the record of the run.
fn name_of(py: Python<'_>, error: &PyErr) -> Option<String> {
    // The type's own attribute, because its metaclass may be the program's.
    // SAFETY: an exception's type is a type object, whose name is null-terminated.
    let name = unsafe {
        let kind = error.get_type(py).as_type_ptr();
        std::ffi::CStr::from_ptr((*kind).tp_name).to_str().ok()?
    };
    Some(name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// Reports an uncaught exception. `Err` when it was a request to exit.
fn report(py: Python<'_>, error: PyErr) -> Result<Ending, Ending> {
    if error.is_instance_of::<PySystemExit>(py) && !stays_open(py) {
        let code = exit_code(py, &error);
        drop(error);
        return Err(Ending { code, interrupted: false });
    }
    let interrupted = error.get_type(py).is(py.get_type::<PyKeyboardInterrupt>());
    print_exception(py, error)?;
    Ok(Ending { code: 1, interrupted })
}

/// Exit code of a `SystemExit`; anything but none and an integer is printed and stands for 1.
fn exit_code(py: Python<'_>, error: &PyErr) -> c_int {
    let exception = error.value(py).clone().into_any();
    let value = exception.getattr("code").unwrap_or(exception);
    if value.is_none() {
        return 0;
    }
    if value.is_instance_of::<PyInt>() {
        // SAFETY: `value` is an int. An overflow gives -1 and an error that is dropped, as the interpreter does.
        let code = unsafe { ffi::PyLong_AsLong(value.as_ptr()) };
        let _ = PyErr::take(py);
        return code as c_int;
    }
    // SAFETY: live objects; errors while printing are dropped, as the interpreter does.
    unsafe {
        match sys_attribute(py, "stderr").filter(|stream| !stream.is_none()) {
            Some(stream) => {
                ffi::PyFile_WriteObject(value.as_ptr(), stream.as_ptr(), ffi::Py_PRINT_RAW);
            }
            None => {
                if let Ok(text) = value.str() {
                    eprint!("{text}");
                }
            }
        }
        let _ = PyErr::take(py);
        ffi::PySys_WriteStderr(c"\n".as_ptr());
    }
    1
}

/// Prints an uncaught exception through `sys.excepthook`. `Err` when the hook asked to exit.
fn print_exception(py: Python<'_>, error: PyErr) -> Result<(), Ending> {
    let hook = sys_attribute(py, "excepthook").filter(|hook| !hook.is_instance_of::<PyCFunction>());
    let Some(hook) = hook else {
        error.restore(py);
        // SAFETY: an exception is set and it is no `SystemExit`, on which the interpreter would exit at once.
        unsafe { ffi::PyErr_PrintEx(1) };
        return Ok(());
    };
    let arguments = remember(py, &error);
    if let Some(audit) = sys_attribute(py, "audit") {
        let _ = audit.call1(("sys.excepthook", &hook, &arguments.0, &arguments.1, &arguments.2));
    }
    let Err(second) = hook.call1(arguments.clone()) else { return Ok(()) };
    if second.is_instance_of::<PySystemExit>(py) {
        return Err(Ending { code: exit_code(py, &second), interrupted: false });
    }
    // SAFETY: live objects, and texts that are null-terminated and hold no conversion.
    unsafe {
        ffi::PySys_WriteStderr(c"Error in sys.excepthook:\n".as_ptr());
        let traceback = second.traceback(py);
        ffi::PyErr_Display(
            second.get_type(py).as_ptr(),
            second.value(py).as_ptr(),
            traceback.as_ref().map_or(ptr::null_mut(), Bound::as_ptr),
        );
        ffi::PySys_WriteStderr(c"\nOriginal exception was:\n".as_ptr());
        let traceback = error.traceback(py);
        ffi::PyErr_Display(
            error.get_type(py).as_ptr(),
            error.value(py).as_ptr(),
            traceback.as_ref().map_or(ptr::null_mut(), Bound::as_ptr),
        );
    }
    Ok(())
}

/// Type, value and traceback of an exception.
type Triple<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>);

/// Sets `sys.last_exc` and its older companions, and gives the arguments of an exception hook.
fn remember<'py>(py: Python<'py>, error: &PyErr) -> Triple<'py> {
    let none = || py.None().into_bound(py);
    let triple = (
        error.get_type(py).into_any(),
        error.value(py).clone().into_any(),
        error.traceback(py).map_or_else(none, Bound::into_any),
    );
    if let Ok(sys) = py.import("sys") {
        if py.version_info() >= (3, 12) {
            let _ = sys.setattr("last_exc", &triple.1);
        }
        let _ = sys.setattr("last_type", &triple.0);
        let _ = sys.setattr("last_value", &triple.1);
        let _ = sys.setattr("last_traceback", &triple.2);
    }
    triple
}

/// A module that the program imported, or nothing.
fn imported<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyAny>> {
    let modules = sys_attribute(py, "modules")?;
    modules.get_item(name).ok().filter(|module| !module.is_none())
}

/// Waits for the threads that are no daemons, as finalisation does first.
fn join_threads(py: Python<'_>) {
    let Some(threading) = imported(py, "threading") else { return };
    if let Err(error) = threading.call_method0("_shutdown") {
        error.write_unraisable(py, Some(&threading));
    }
}

/// Calls the functions that `atexit` holds; finalisation then finds none.
fn call_atexit(py: Python<'_>) {
    if let Some(atexit) = imported(py, "atexit") {
        let n_changes = recorder::outside::n_changes();
        if let Err(error) = atexit.call_method0("_run_exitfuncs") {
            error.write_unraisable(py, Some(&atexit));
        }
        recorder::outside::exit_functions_ran(n_changes);
    }
}

/// Runs Clew's own ending so that neither the program's hooks nor its signals meet it; the signals stay held back.
fn call_finish(
    py: Python<'_>,
    finish: &Bound<'_, PyAny>,
    namespace: &Bound<'_, PyDict>,
    code: c_int,
    cause: Option<&str>,
) -> Held {
    // A signal that already waits for its Python handler would interrupt the ending.
    // SAFETY: the lock is held; what a handler raises here has no program left to meet.
    unsafe {
        if ffi::PyErr_CheckSignals() != 0 {
            let _ = PyErr::take(py);
        }
    }
    let held = signals::hold();
    signals::release_termination(py);
    signals::without_tracing(py, || {
        let result = finish.call1((code, cause, namespace));
        match result {
            // Another thread took a Ctrl-C meanwhile: the recording is still to be kept.
            Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => finish.call1((code, cause, namespace)),
            result => result,
        }
    });
    held
}

/// Whether Ctrl-C raises `KeyboardInterrupt`: the program has no handler of its own and does not ignore it.
fn interrupts_by_default(py: Python<'_>) -> bool {
    let compare = || -> PyResult<bool> {
        let module = py.import("_signal")?;
        let handler = module.getattr("getsignal")?.call1((libc::SIGINT,))?;
        Ok(handler.is(&module.getattr("default_int_handler")?))
    };
    compare().unwrap_or(false)
}

/// Whether the interpreter goes on to a prompt after the program.
fn stays_open(py: Python<'_>) -> bool {
    let flag = sys_attribute(py, "flags").and_then(|flags| flags.getattr("inspect").ok());
    flag.is_some_and(|flag| flag.is_truthy().unwrap_or(false))
}

/// Finalises the interpreter and ends the process.
fn leave(ending: Ending) -> ! {
    if ending.interrupted {
        // SAFETY: the function is a plain one and is registered once, just before the process exits.
        unsafe { libc::atexit(signals::end_by_interrupt) };
    }
    // SAFETY: the lock is held, and nothing of the interpreter is used after this call.
    unsafe { ffi::Py_Exit(ending.code) }
}

/// Names in a directory; none where it cannot be read.
///
/// Clew's own ending looks through this, because an audit hook of the program's would see `os.listdir`.
#[pyfunction]
fn directory_names(path: PathBuf) -> Vec<OsString> {
    let entries = std::fs::read_dir(path).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect()
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(directory_names, module)?)?;
    module.add_function(wrap_pyfunction!(run_program, module)?)
}
