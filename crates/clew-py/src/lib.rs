//! `clew._clew`: the extension module. Hooks, conversions and the map from Rust errors to Python exceptions.
//!
//! No algorithm lives here: analysis is in `clew-syntax`, the graph in `clew-graph`, storage in `clew-store`.

use pyo3::prelude::*;

mod errors;
mod frames;
mod hooks;
mod load;
mod recorder;
mod rendering;
mod slicing;
mod store;

#[pymodule]
fn _clew(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    frames::register(module)?;
    hooks::register(module)?;
    load::register(module)?;
    recorder::register(module)?;
    rendering::register(module)?;
    slicing::register(module)?;
    store::register(module)
}
