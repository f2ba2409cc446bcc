//! Loops and `with`: iterators and context managers whose methods the interpreter calls by itself.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::functions::{ITER, NEXT};
use super::hook::{outcome, Given, Hook};
use super::Rows;

/// An iterator that adds a row for each step of another.
///
/// The step that finds nothing more is no row: a loop asks for it without a call that could give something.
#[pyclass(frozen, module = "clew._clew")]
pub struct Steps {
    hook: Hook,
    inner: Py<PyAny>,
    /// Takes each element apart, if the loop's target does.
    unpack: Option<Py<PyAny>>,
}

impl Steps {
    /// Calls `iter`.
    pub fn begin(hook: &Hook, py: Python<'_>, given: &Given) -> PyResult<Py<PyAny>> {
        let inner = hook.apply(py, ITER.get(py)?, [&given.get(py, 0)?.to_owned()])?;
        let unpack = given.second(py);
        Ok(Bound::new(py, Self { hook: hook.copy(py), inner, unpack })?.into_any().unbind())
    }
}

#[pymethods]
impl Steps {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let inner = self.inner.bind(py);
        let open = self.hook.tape.get().rows().begin();
        let step = match inner.cast::<pyo3::types::PyIterator>() {
            Ok(iterator) => iterator.clone().next(),
            Err(error) => Some(Err(error.into())),
        };
        let Some(step) = step else {
            Rows::forget(open);
            return Ok(None);
        };
        let step = step.map(Bound::unbind);
        let (function, argument) = (NEXT.get(py)?.clone().unbind(), self.inner.clone_ref(py));
        let outcome = outcome(py, &step);
        let rows = self.hook.tape.get().rows();
        if rows.running {
            rows.end(open, self.hook.site, function, std::iter::once(argument), None, outcome);
        } else {
            Rows::forget(open);
        }
        match (&self.unpack, step) {
            (Some(unpack), Ok(element)) => unpack.call1(py, (element,)).map(Some),
            (_, step) => step.map(Some),
        }
    }
}

/// A context manager that adds rows for the entry and the exit of another.
#[pyclass(frozen, module = "clew._clew")]
pub struct Manager {
    hook: Hook,
    inner: Py<PyAny>,
    /// Takes what the entry gives apart, if the target does.
    unpack: Option<Py<PyAny>>,
}

impl Manager {
    pub fn new(hook: &Hook, py: Python<'_>, given: &Given) -> PyResult<Self> {
        let inner = given.get(py, 0)?.to_owned().unbind();
        Ok(Self { hook: hook.copy(py), inner, unpack: given.second(py) })
    }

    /// The method as the interpreter finds it: on the type, bound.
    fn method<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.inner.bind(py);
        let class = inner.get_type();
        if !class.hasattr(name)? {
            let class = class.fully_qualified_name()?;
            let missing = if name == "__exit__" { " (missed __exit__ method)" } else { "" };
            let message = format!("'{class}' object does not support the context manager protocol{missing}");
            return Err(PyTypeError::new_err(message));
        }
        inner.getattr(name)
    }
}

#[pymethods]
impl Manager {
    fn __enter__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let enter = self.method(py, "__enter__")?;
        self.method(py, "__exit__")?;
        let value = self.hook.apply(py, &enter, [])?;
        match &self.unpack {
            Some(unpack) => unpack.call1(py, (value,)),
            None => Ok(value),
        }
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        class: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let exit = self.method(py, "__exit__")?;
        self.hook.apply(py, &exit, [class, error, traceback])
    }
}
