//! The functions that stand in a rewritten source where operations stood.
//!
//! Each is a C-level function whose `self` is its [`Hook`]: no Python frame, so that `super()`, `locals()` and
//! tracebacks are as ever.

use pyo3::exceptions::{PyRecursionError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::places::{Place, Update};
use super::steps::{Manager, Steps};
use super::{Outcome, Tape, INNERMOST, MAX_DEPTH};

/// What a hook does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Calls the hook's function with its arguments.
    Apply,
    /// As `Apply`, with the two arguments exchanged: `item in container` evaluates the item first.
    Swapped,
    /// Calls its first argument with the others.
    Call,
    /// Gives what a method call is to call: the attribute of its argument, without a row.
    Method,
    /// Gives something that calls its first argument when it is called: a decorator.
    Decorator,
    /// Gives its argument, a container that was just built, with its elements as arguments of the row.
    Built,
    /// Gives something that stores to, or deletes from, its argument.
    Place,
    /// Loads what an augmented assignment changes: an attribute, or an item.
    Load,
    /// Changes that with the hook's function, and stores it.
    Update,
    /// Gives an iterator whose steps are rows.
    Iterate,
    /// Gives a context manager whose entry and exit are rows.
    Manage,
    /// Adds a row for something that is done with the arguments, and gives the first.
    Mark,
    /// As `Mark`, for what a generator is about to give: the row's result comes later.
    Yield,
    /// Gives its argument, which was sent to the generator: the result of the row that waits.
    Sent,
    /// Adds a row for an exception that is about to be raised, and gives it.
    Raise,
    /// Adds a row with the exception that is being handled.
    Failed,
    /// Adds a row with the truth of its argument, which it gives.
    Assert,
    /// Notes that a global was read, and gives it.
    Global,
}

/// One hook.
#[pyclass(frozen, module = "clew._clew")]
pub struct Hook {
    pub tape: Py<Tape>,
    pub kind: Kind,
    pub site: u32,
    pub function: Py<PyAny>,
    /// The name of an attribute, or a set of names of globals.
    pub name: Py<PyAny>,
    /// Whether the name of the global is in the set.
    noted: AtomicBool,
}

struct Definition(ffi::PyMethodDef);
// SAFETY: a table of constants; the interpreter only reads it.
unsafe impl Sync for Definition {}

static DEFINITION: Definition = Definition(ffi::PyMethodDef {
    ml_name: c"recorded".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: run },
    ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
    ml_doc: std::ptr::null(),
});

/// Makes a hook.
pub fn make<'py>(
    tape: &Bound<'py, Tape>,
    kind: &str,
    site: u32,
    function: Option<Py<PyAny>>,
    name: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let kind = match kind {
        "apply" => Kind::Apply,
        "swapped" => Kind::Swapped,
        "call" => Kind::Call,
        "method" => Kind::Method,
        "decorator" => Kind::Decorator,
        "built" => Kind::Built,
        "place" => Kind::Place,
        "load" => Kind::Load,
        "update" => Kind::Update,
        "iterate" => Kind::Iterate,
        "manage" => Kind::Manage,
        "mark" => Kind::Mark,
        "yield" => Kind::Yield,
        "sent" => Kind::Sent,
        "raise" => Kind::Raise,
        "failed" => Kind::Failed,
        "assert" => Kind::Assert,
        "global" => Kind::Global,
        _ => return Err(PyValueError::new_err(format!("no hook is called {kind}"))),
    };
    let py = tape.py();
    let none = || py.None();
    let hook = Hook {
        tape: tape.clone().unbind(),
        kind,
        site,
        function: function.unwrap_or_else(none),
        name: name.unwrap_or_else(none),
        noted: AtomicBool::new(false),
    };
    let hook = Bound::new(py, hook)?;
    // SAFETY: the definition lives for the process; the function takes its own reference to the hook. The interpreter
    // does not write to the definition.
    unsafe {
        let definition = (&raw const DEFINITION.0).cast_mut();
        let made = ffi::PyCFunction_NewEx(definition, hook.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, made)
    }
}

type Arguments = *const *mut ffi::PyObject;

unsafe extern "C" fn run(
    slf: *mut ffi::PyObject,
    arguments: Arguments,
    n_arguments: ffi::Py_ssize_t,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, with its lock held, live arguments, and the hook that `make` gave.
    unsafe {
        let py = Python::assume_attached();
        let slf = Borrowed::from_ptr(py, slf).cast_unchecked::<Hook>();
        let given = Given { arguments, n_positional: n_arguments as usize, keywords };
        match slf.get().run(py, &given) {
            Ok(result) => result.into_ptr(),
            Err(error) => {
                error.restore(py);
                std::ptr::null_mut()
            }
        }
    }
}

/// The arguments of a call, borrowed from it.
pub struct Given {
    arguments: Arguments,
    n_positional: usize,
    keywords: *mut ffi::PyObject,
}

impl Given {
    fn n_keywords(&self) -> usize {
        // SAFETY: null or a tuple of names.
        unsafe {
            if self.keywords.is_null() {
                0
            } else {
                ffi::PyTuple_GET_SIZE(self.keywords) as usize
            }
        }
    }

    pub fn get<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Borrowed<'_, 'py, PyAny>> {
        if index >= self.n_positional + self.n_keywords() {
            return Err(PyValueError::new_err("a hook was called with too few arguments"));
        }
        // SAFETY: as many live arguments were given.
        unsafe { Ok(Borrowed::from_ptr(py, *self.arguments.add(index))) }
    }

    /// The second argument, if there is one.
    pub fn second(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get(py, 1).ok().map(|second| second.to_owned().unbind())
    }

    fn all<'a, 'py>(&'a self, py: Python<'py>) -> impl Iterator<Item = Py<PyAny>> + use<'a, 'py> {
        let n_all = self.n_positional + self.n_keywords();
        // SAFETY: so many live arguments were given.
        (0..n_all).map(move |i| unsafe { Bound::from_borrowed_ptr(py, *self.arguments.add(i)).unbind() })
    }

    fn names(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        // SAFETY: null or a tuple of names.
        unsafe {
            let names = Bound::from_borrowed_ptr_or_opt(py, self.keywords)?;
            Some(names.cast_into_unchecked().unbind())
        }
    }

    const fn without_first(&self) -> Self {
        // SAFETY: the caller has looked at the first argument.
        let arguments = unsafe { self.arguments.add(1) };
        Self { arguments, n_positional: self.n_positional - 1, keywords: self.keywords }
    }
}

impl Hook {
    /// The same hook, for an object that outlives a call of it.
    pub fn copy(&self, py: Python<'_>) -> Self {
        Self {
            tape: self.tape.clone_ref(py),
            kind: self.kind,
            site: self.site,
            function: self.function.clone_ref(py),
            name: self.name.clone_ref(py),
            noted: AtomicBool::new(false),
        }
    }

    fn run(&self, py: Python<'_>, given: &Given) -> PyResult<Py<PyAny>> {
        match self.kind {
            Kind::Apply => self.call(py, self.function.bind(py), given),
            Kind::Swapped => {
                let exchanged = [given.get(py, 1)?.as_ptr(), given.get(py, 0)?.as_ptr()];
                let given = Given { arguments: exchanged.as_ptr(), n_positional: 2, keywords: std::ptr::null_mut() };
                self.call(py, self.function.bind(py), &given)
            }
            Kind::Call => {
                let callee = given.get(py, 0)?.to_owned();
                self.call(py, &callee, &given.without_first())
            }
            Kind::Method => Ok(given.get(py, 0)?.getattr(self.name.bind(py).cast::<PyString>()?)?.unbind()),
            Kind::Decorator => self.decorator(py, &given.get(py, 0)?.to_owned()),
            Kind::Built => {
                let built = given.get(py, 0)?.to_owned();
                let elements: Vec<_> = elements(&built)?;
                self.note(py, elements.into_iter(), Outcome::Result(built.clone().unbind()));
                Ok(built.unbind())
            }
            Kind::Place => Ok(Bound::new(py, Place::new(self, &given.get(py, 0)?.to_owned()))?.into_any().unbind()),
            Kind::Load => Ok(Bound::new(py, Update::load(self, py, given)?)?.into_any().unbind()),
            Kind::Update => {
                let load = given.get(py, 0)?.to_owned().cast_into::<Update>()?;
                load.get().finish(self, py, &given.get(py, 1)?.to_owned())
            }
            Kind::Iterate => Steps::begin(self, py, given),
            Kind::Manage => Ok(Bound::new(py, Manager::new(self, py, given)?)?.into_any().unbind()),
            Kind::Mark => {
                self.note(py, given.all(py), Outcome::Result(py.None()));
                Ok(given.get(py, 0)?.to_owned().unbind())
            }
            Kind::Yield => {
                if self.is_running() {
                    self.note(py, given.all(py), Outcome::Result(py.None()));
                    self.tape.get().rows().wait(frame());
                }
                Ok(given.get(py, 0)?.to_owned().unbind())
            }
            Kind::Sent => {
                let sent = given.get(py, 0)?.to_owned().unbind();
                let former = self.tape.get().rows().go_on(frame(), sent.clone_ref(py));
                drop(former);
                Ok(sent)
            }
            Kind::Raise => self.raise(py, given),
            Kind::Failed => {
                // SAFETY: a new reference to the exception that is being handled, or null.
                let error = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyErr_GetHandledException()) };
                let error = error.map_or(Outcome::Nothing, |error| Outcome::Error(error.unbind()));
                self.note(py, given.all(py), error);
                Ok(py.None())
            }
            Kind::Assert => {
                let truth = given.get(py, 0)?.is_truthy()?;
                let outcome = if truth {
                    Outcome::Result(py.None())
                } else {
                    Outcome::Error(py.get_type::<pyo3::exceptions::PyAssertionError>().call0()?.unbind())
                };
                self.note(py, given.all(py), outcome);
                Ok(truth.into_pyobject(py)?.to_owned().into_any().unbind())
            }
            Kind::Global => {
                let value = given.get(py, 0)?.to_owned();
                if !self.noted.load(Relaxed) && self.is_running() {
                    self.noted.store(true, Relaxed);
                    let (names, name) = (self.name.bind(py), self.function.bind(py));
                    names.call_method1("add", (name,))?;
                }
                Ok(value.unbind())
            }
        }
    }

    pub fn is_running(&self) -> bool {
        self.tape.get().rows().running
    }

    /// Calls something and adds a row for it.
    fn call(&self, py: Python<'_>, callee: &Bound<'_, PyAny>, given: &Given) -> PyResult<Py<PyAny>> {
        if !self.is_running() {
            return vectorcall(py, callee, given);
        }
        if INNERMOST.get().1 > MAX_DEPTH {
            return Err(PyRecursionError::new_err("maximum recursion depth exceeded while calls are recorded"));
        }
        let open = self.tape.get().rows().begin();
        let result = vectorcall(py, callee, given);
        let outcome = outcome(py, &result);
        self.tape.get().rows().end(open, self.site, callee.clone().unbind(), given.all(py), given.names(py), outcome);
        result
    }

    /// Calls a function with these arguments and adds a row for it.
    pub fn apply<const N: usize>(
        &self,
        py: Python<'_>,
        callee: &Bound<'_, PyAny>,
        arguments: [&Bound<'_, PyAny>; N],
    ) -> PyResult<Py<PyAny>> {
        let pointers = arguments.map(Bound::as_ptr);
        let given = Given { arguments: pointers.as_ptr(), n_positional: N, keywords: std::ptr::null_mut() };
        self.call(py, callee, &given)
    }

    /// Adds a row of the hook's function for something that took no time.
    pub fn note(&self, py: Python<'_>, arguments: impl Iterator<Item = Py<PyAny>>, outcome: Outcome) {
        let rows = self.tape.get().rows();
        if rows.running {
            let open = rows.begin();
            rows.end(open, self.site, self.function.clone_ref(py), arguments, None, outcome);
        }
    }

    fn raise(&self, py: Python<'_>, given: &Given) -> PyResult<Py<PyAny>> {
        let mut error = given.get(py, 0)?.to_owned();
        // A class is called by the statement itself; it is done here so that the exception can be told.
        if error
            .cast::<PyType>()
            .is_ok_and(|class| class.is_subclass_of::<pyo3::exceptions::PyBaseException>().unwrap_or(false))
        {
            error = error.call0()?;
        }
        self.note(py, given.all(py), Outcome::Error(error.clone().unbind()));
        Ok(error.unbind())
    }

    fn decorator(&self, py: Python<'_>, decorator: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let call = make(self.tape.bind(py), "call", self.site, None, None)?;
        Ok(py.import("functools")?.getattr("partial")?.call1((call, decorator))?.unbind())
    }
}

/// The address of the frame that runs, which is the same as long as its function is not over.
fn frame() -> usize {
    // SAFETY: hooks run with the interpreter lock held; the frame is the function's own and outlives the reference.
    unsafe {
        let frame = ffi::PyThreadState_GetFrame(ffi::PyThreadState_Get());
        ffi::Py_XDECREF(frame.cast());
        frame as usize
    }
}

/// What a row says of how its call ended.
pub fn outcome(py: Python<'_>, result: &PyResult<Py<PyAny>>) -> Outcome {
    match result {
        Ok(result) => Outcome::Result(result.clone_ref(py)),
        Err(error) => Outcome::Error(error.value(py).clone().into_any().unbind()),
    }
}

fn vectorcall(py: Python<'_>, callee: &Bound<'_, PyAny>, given: &Given) -> PyResult<Py<PyAny>> {
    // SAFETY: parts of a live call.
    unsafe {
        let result = ffi::PyObject_Vectorcall(callee.as_ptr(), given.arguments, given.n_positional, given.keywords);
        Ok(Bound::from_owned_ptr_or_err(py, result)?.unbind())
    }
}

/// The elements of a builtin container; of a dictionary, pairs.
fn elements(container: &Bound<'_, PyAny>) -> PyResult<Vec<Py<PyAny>>> {
    if let Ok(dict) = container.cast::<PyDict>() {
        return dict.items().iter().map(|item| Ok(item.unbind())).collect();
    }
    container.try_iter()?.map(|item| Ok(item?.unbind())).collect()
}
