//! `clew._clew`: the extension module. Hooks, conversions and the map from Rust errors to Python exceptions.
//!
//! No algorithm lives here: analysis is in `clew-syntax`, the graph in `clew-graph`, storage in `clew-store`.

use pyo3::prelude::*;

mod cache;
mod errors;
#[allow(unsafe_code)]
mod frames;
#[allow(unsafe_code)]
mod hooks;
#[allow(unsafe_code)]
mod importing;
#[allow(unsafe_code)]
mod load;
#[allow(unsafe_code)]
mod recorder;
mod rendering;
#[allow(unsafe_code)]
mod running;
#[allow(unsafe_code)]
mod signals;
mod slicing;
mod store;
#[allow(unsafe_code)]
mod tape;
#[allow(unsafe_code)]
mod traced;

#[pymodule]
fn _clew(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    frames::register(module)?;
    importing::register(module)?;
    load::register(module)?;
    recorder::register(module)?;
    rendering::register(module)?;
    running::register(module)?;
    slicing::register(module)?;
    store::register(module)?;
    tape::register(module)?;
    traced::register(module)
}
