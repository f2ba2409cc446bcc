//! Values that remember how they were made: the class `Traced`, and the trace that all of them write.
//!
//! A [`object`] is a stand-in for a plain value; every operation on one does the operation on the plain value, adds a node
//! to the [`arena`] and gives the stand-in of the result. The arena holds the values; a stand-in holds the number of its
//! node. Nodes that no stand-in needs go when the arena has doubled. A [`graph`] is a copy of the nodes behind a value,
//! which is evaluated ([`evaluate`]), printed and compiled.
//!
//! Invariants: everything here runs with the interpreter lock held; no node number is kept across a call of Python code,
//! because nodes may be numbered anew there: stand-ins are kept instead.

mod access;
mod apply;
mod arena;
mod calls;
mod conversions;
mod deep;
mod describe;
mod evaluate;
mod functions;
mod graph;
mod iteration;
mod numbers;
mod object;
mod places;
mod record;
mod wrapped;

use pyo3::prelude::*;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    object::register(module)?;
    functions::register(module)?;
    calls::register(module)?;
    wrapped::register(module)?;
    graph::register(module)
}
