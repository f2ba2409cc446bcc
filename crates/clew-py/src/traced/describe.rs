//! How values are written in texts and told apart, for the algorithms that know no Python object.
//!
//! No code of the program's runs here: only objects of the interpreter's own types are asked.

use clew_graph::expression::Describe;
use clew_trace::values::{NodeId, Nodes, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyComplex, PyEllipsis, PyModule, PyString, PyTuple, PyType};

/// Texts of constants longer than this get a name instead.
const LONG: usize = 200;

/// How most objects look their attributes up.
const GENERIC: ffi::getattrofunc = ffi::PyObject_GenericGetAttr;

/// Knows the objects of nodes.
pub struct Objects<'a, 'py>(pub Python<'py>, pub &'a Nodes);

impl<'py> Objects<'_, 'py> {
    fn object(&self, id: NodeId) -> Option<Bound<'py, PyAny>> {
        match self.1.row(id).value() {
            // SAFETY: the node owns a reference.
            Value::Object(object) => Some(unsafe { Bound::from_borrowed_ptr(self.0, object as *mut ffi::PyObject) }),
            _ => None,
        }
    }
}

/// Whether the text of an object is source that gives it.
fn is_literal(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyBytes>()
        || object.is_exact_instance_of::<PyComplex>()
        || object.is_exact_instance_of::<pyo3::types::PyInt>()
        || object.is_instance_of::<PyEllipsis>()
        || object.cast_exact::<PyTuple>().is_ok_and(|tuple| {
            tuple.iter().all(|element| element.is_exact_instance_of::<pyo3::types::PyFloat>() || is_literal(&element))
        })
}

impl Describe for Objects<'_, '_> {
    fn literal(&self, _: &Nodes, id: NodeId) -> Option<String> {
        let object = self.object(id)?;
        if !is_literal(&object) {
            return None;
        }
        let text = object.repr().ok()?.to_string();
        // Infinite parts of a complex number have no literal.
        let is_written = text.len() <= LONG && !text.contains("inf") && !text.contains("nan");
        (is_written || object.is_exact_instance_of::<PyString>() && text.len() <= LONG).then_some(text)
    }

    fn name(&self, _: &Nodes, id: NodeId) -> String {
        let Some(object) = self.object(id) else { return "value".to_owned() };
        // What looks its attributes up in its own way may run any code; so may what is no callable.
        // SAFETY: the class of a live object.
        let is_plain = unsafe {
            (*ffi::Py_TYPE(object.as_ptr())).tp_getattro.is_some_and(|get| std::ptr::fn_addr_eq(get, GENERIC))
        };
        let is_named = object.is_instance_of::<PyType>() || object.is_instance_of::<PyModule>();
        let has_name = is_named || (is_plain && object.is_callable());
        let name = has_name.then(|| object.getattr("__name__").ok()?.extract::<String>().ok()).flatten();
        name.unwrap_or_else(|| object.get_type().name().map_or_else(|_| "value".to_owned(), |name| format!("<{name}>")))
    }

    fn key(&self, id: NodeId) -> u64 {
        let Some(object) = self.object(id) else { return 0 };
        let is_text = object.is_exact_instance_of::<PyString>() || object.is_exact_instance_of::<PyBytes>();
        match object.hash() {
            Ok(hash) if is_text => hash as u64,
            _ => object.as_ptr() as u64,
        }
    }
}
