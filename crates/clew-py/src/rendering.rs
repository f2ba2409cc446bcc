//! (being written)

use pyo3::prelude::*;

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
