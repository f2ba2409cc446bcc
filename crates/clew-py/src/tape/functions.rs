//! The functions of `builtins` and `operator` that statements mean, looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// One of them, by the module and the name that it has there.
pub struct Function {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<PyAny>>,
}

impl Function {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name, found: PyOnceLock::new() }
    }

    /// The function itself.
    pub fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let look_up = || Ok::<_, PyErr>(py.import(self.module)?.getattr(self.name)?.unbind());
        Ok(self.found.get_or_try_init(py, look_up)?.bind(py))
    }
}

pub static ITER: Function = Function::new("builtins", "iter");
pub static NEXT: Function = Function::new("builtins", "next");
pub static GETATTR: Function = Function::new("builtins", "getattr");
pub static SETATTR: Function = Function::new("builtins", "setattr");
pub static DELATTR: Function = Function::new("builtins", "delattr");
pub static GETITEM: Function = Function::new("operator", "getitem");
pub static SETITEM: Function = Function::new("operator", "setitem");
pub static DELITEM: Function = Function::new("operator", "delitem");
