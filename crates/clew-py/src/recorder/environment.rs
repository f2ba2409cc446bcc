//! Environment variables: each is outside state of its own, whatever mapping it is reached through.
//!
//! Changes come from the interpreter's audit events. Reads come from the hooks on `os.environ` and from annotations;
//! a child process and an import see all variables.

#![allow(unsafe_code)]

use pyo3::ffi;

use super::{Recorder, NO_UNIT};
use clew_trace::{Access, ExternalId, ExternalKind};
use rustc_hash::FxHashMap;
use std::ffi::OsString;

/// Stands for all variables.
pub const ALL: &str = "*";

/// What variables were before the units that changed them last began to.
pub type Variables = FxHashMap<ExternalId, Former>;

/// What a variable was before a unit changed it.
pub struct Former {
    unit: u32,
    value: Option<OsString>,
    /// Who had written it.
    writer: u32,
}

/// `os.environ` (borrowed: the module keeps it), or null.
pub fn find() -> *mut ffi::PyObject {
    // SAFETY: called with the interpreter lock held, when a recording begins.
    unsafe {
        match super::outside::attribute_path(c"os", &[c"environ"]) {
            Some(environ) => {
                ffi::Py_DECREF(environ);
                environ
            }
            None => std::ptr::null_mut(),
        }
    }
}

impl Recorder {
    /// `unit` reads a variable, or all that were changed.
    pub fn read_environment(&mut self, unit: u32, name: &str) {
        if name != ALL {
            let id = self.external(ExternalKind::Environment, name);
            self.outside_access(unit, id, Access::Read);
            return;
        }
        for index in 0..self.outside.len() {
            let outside = &self.outside[index];
            if outside.state.kind == ExternalKind::Environment && outside.writer != NO_UNIT {
                self.outside_access(unit, ExternalId(index as u32), Access::Read);
            }
        }
    }

    /// `unit` is about to set a variable, or to remove it if there is no value.
    ///
    /// Who puts back what was there has changed nothing.
    pub fn change_variable(&mut self, unit: u32, name: &str, value: Option<&str>) {
        let id = self.external(ExternalKind::Environment, name);
        let writer = self.outside[id.index()].writer;
        if self.variables.get(&id).is_none_or(|former| former.unit != unit) {
            self.variables.insert(id, Former { unit, value: std::env::var_os(name), writer });
        }
        // A method may look at the variable before it sets it.
        let replaces = value.is_some() && !self.environ_called;
        self.outside_access(unit, id, if replaces { Access::Write } else { Access::Update });
        let former = self.variables.get(&id).filter(|former| former.value.as_deref() == value.map(AsRef::as_ref));
        if let Some(former) = former.filter(|_| unit != NO_UNIT) {
            self.outside[id.index()].writer = former.writer;
            let changes = [Access::Write, Access::Update];
            self.outside_uses
                .retain(|used| used.unit.0 != unit || used.external != id || !changes.contains(&used.access));
            for access in changes {
                self.outside_seen.remove(&(unit, id.0, access));
            }
        }
    }

    /// Whether another unit changed a variable.
    pub fn environment_is_changed(&self, unit: u32) -> bool {
        let is_variable = |outside: &&super::Outside| outside.state.kind == ExternalKind::Environment;
        self.outside.iter().filter(is_variable).any(|outside| ![unit, NO_UNIT].contains(&outside.writer))
    }

    /// Items of `os.environ` are read by the keys of a site; without one, all are.
    pub fn read_environ(&mut self, unit: u32, keys: &[u32]) {
        if keys.is_empty() {
            self.read_environment(unit, ALL);
            return;
        }
        let names: Vec<String> =
            self.keys.iter().filter(|(_, id)| keys.contains(id)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.read_environment(unit, &name);
        }
    }
}
