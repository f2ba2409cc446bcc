//! The one map from Rust errors to the exceptions of `clew/errors.py`, and the one way to run long work.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// An error that has an exception in `clew/errors.py`.
pub trait Raises: std::fmt::Display {
    /// The name of its class there.
    fn class(&self) -> &'static str;

    /// What the user can do next.
    fn hint(&self) -> Option<String> {
        None
    }
}

/// The exception of an error.
pub fn exception(py: Python<'_>, error: &dyn Raises) -> PyErr {
    named(py, error.class(), &error.to_string(), error.hint())
}

/// An exception of `clew/errors.py` by its class's name.
pub fn named(py: Python<'_>, class: &str, message: &str, hint: Option<String>) -> PyErr {
    let made = py.import("clew.errors").and_then(|module| {
        let options = PyDict::new(py);
        options.set_item("hint", hint)?;
        module.getattr(class)?.call((message,), Some(&options))
    });
    match made {
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

/// Runs work that needs no interpreter, with the interpreter's lock released. A panic becomes an `InternalError`.
pub fn detached<T, E>(py: Python<'_>, work: impl FnOnce() -> Result<T, E> + Send) -> PyResult<T>
where
    T: Send,
    E: Raises + Send,
{
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(exception(py, &error)),
        Err(panic) => Err(internal(py, &*panic)),
    }
}

fn internal(py: Python<'_>, panic: &(dyn std::any::Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!("a defect in Clew: {}", text.unwrap_or("a panic without a message"));
    named(py, "InternalError", &message, Some("please report it".to_owned()))
}

impl Raises for clew_store::Error {
    fn class(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "StoreNotFound",
            Self::UnsupportedUrl { .. } | Self::CannotOpen { .. } | Self::Access { .. } => "StoreUnavailable",
            Self::ReadOnly { .. } => "StoreReadOnly",
            Self::DiskFull { .. } => "StoreFull",
            Self::Busy { .. } => "StoreBusy",
            Self::Corrupt { .. } | Self::Foreign { .. } => "StoreCorrupt",
            Self::Newer { .. } => "StoreTooNew",
            Self::MissingObject { .. } => "ObjectMissing",
            Self::DamagedObject { .. } => "ObjectDamaged",
            Self::NoRuns { .. } | Self::UnknownRun { .. } | Self::TooFarBack { .. } | Self::AmbiguousRun { .. } => {
                "UnknownRun"
            }
            Self::UnknownArtifact { .. } => "UnknownArtifact",
            Self::Query { .. } | Self::Interrupted => "QueryError",
            _ => "StoreError",
        }
    }

    fn hint(&self) -> Option<String> {
        Self::hint(self)
    }
}

/// Adds this module's functions and classes to `clew._clew`.
#[allow(clippy::unnecessary_wraps)]
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
