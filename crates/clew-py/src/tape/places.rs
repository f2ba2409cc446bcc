//! Targets of assignments: what `x.name` and `x[key]` mean on the left side, and under `del`.

use pyo3::prelude::*;

use super::functions::{DELATTR, DELITEM, GETATTR, GETITEM, SETATTR, SETITEM};
use super::hook::{Given, Hook};

/// Stands for an object whose attributes or items are stored or deleted.
#[pyclass(frozen, module = "clew._clew")]
pub struct Place {
    hook: Hook,
    object: Py<PyAny>,
}

impl Place {
    pub fn new(hook: &Hook, object: &Bound<'_, PyAny>) -> Self {
        Self { hook: hook.copy(object.py()), object: object.clone().unbind() }
    }
}

#[pymethods]
impl Place {
    fn __setattr__(&self, py: Python<'_>, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.hook.apply(py, SETATTR.get(py)?, [self.object.bind(py), name, value]).map(drop)
    }

    fn __delattr__(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<()> {
        self.hook.apply(py, DELATTR.get(py)?, [self.object.bind(py), name]).map(drop)
    }

    fn __setitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.hook.apply(py, SETITEM.get(py)?, [self.object.bind(py), key, value]).map(drop)
    }

    fn __delitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.hook.apply(py, DELITEM.get(py)?, [self.object.bind(py), key]).map(drop)
    }
}

/// What an augmented assignment has loaded and is to store.
#[pyclass(frozen, module = "clew._clew")]
pub struct Update {
    object: Py<PyAny>,
    /// The name of the attribute or the key of the item.
    key: Py<PyAny>,
    is_item: bool,
    value: Py<PyAny>,
}

impl Update {
    /// Loads the attribute that the hook names, or the item whose key is the second argument.
    pub fn load(hook: &Hook, py: Python<'_>, given: &Given) -> PyResult<Self> {
        let object = given.get(py, 0)?.to_owned();
        let is_item = hook.name.is_none(py);
        let key = if is_item { given.get(py, 1)?.to_owned() } else { hook.name.bind(py).clone() };
        let function = if is_item { &GETITEM } else { &GETATTR };
        let value = hook.apply(py, function.get(py)?, [&object, &key])?;
        Ok(Self { object: object.unbind(), key: key.unbind(), is_item, value })
    }

    /// Applies the hook's function to what was loaded, and stores what it gives.
    pub fn finish(&self, hook: &Hook, py: Python<'_>, operand: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let result = hook.apply(py, hook.function.bind(py), [self.value.bind(py), operand])?;
        let store = if self.is_item { &SETITEM } else { &SETATTR };
        hook.apply(py, store.get(py)?, [self.object.bind(py), self.key.bind(py), result.bind(py)])
    }
}
