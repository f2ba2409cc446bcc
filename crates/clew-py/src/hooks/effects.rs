//! What calls to code that the user did not write do: a table of specifications, filled by asking the Python
//! side once per callee (`clew.effects.resolver.resolve`), and quick tables for the builtin containers.

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyModule, PyTuple};
use rustc_hash::FxHashMap;
use std::rc::Rc;

use crate::recorder::hidden::package_of_name;
use crate::recorder::inspect::type_name;

/// Bits of a specification; `python/clew/effects/flags.py` holds the same.
pub mod flag {
    pub const NATIVE: u32 = 1;
    pub const WRITES_RECEIVER: u32 = 2;
    pub const READS_RECEIVER: u32 = 4;
    pub const READS_ARGUMENTS: u32 = 8;
    pub const CONSUMES_ARGUMENTS: u32 = 16;
    pub const OUTPUT: u32 = 32;
    pub const OBSERVE: u32 = 64;
    pub const RANDOM: u32 = 128;
    pub const FIGURE: u32 = 256;
    pub const MODULE_STATE: u32 = 512;
    pub const CLOCK: u32 = 1024;
    pub const ENVIRONMENT: u32 = 2048;
    pub const WRITES_ARGUMENT: u32 = 4096;
    pub const STREAM: u32 = 8192;
    pub const NONDETERMINISTIC: u32 = 32768;
    pub const SEED: u32 = 65536;
}

/// What a callee does.
pub struct Spec {
    /// Bits of [`flag`].
    pub flags: u32,
    /// Names of hidden state.
    pub states: Option<Rc<[String]>>,
    /// Positions of arguments that are written.
    pub written_positions: Vec<usize>,
    /// Keywords of arguments that are written.
    pub written_keywords: Vec<String>,
    /// The top-level package that defines it.
    pub package: String,
    /// The effect as the resolver gave it, when what it means hangs on the arguments of a call.
    pub effect: Option<Py<PyAny>>,
    /// The annotation file of the user that says so.
    pub annotation: Option<String>,
}

impl Spec {
    const fn plain(flags: u32) -> Self {
        Self {
            flags,
            states: None,
            written_positions: Vec::new(),
            written_keywords: Vec::new(),
            package: String::new(),
            effect: None,
            annotation: None,
        }
    }
}

/// Number of a specification.
pub const UNKNOWN: u32 = 0;
/// Effects of user code: none of its own.
pub const USER: u32 = 1;

/// The specifications met so far.
pub struct Specs {
    all: Vec<Spec>,
    by_identity: FxHashMap<usize, u32>,
    resolver: Option<Py<PyAny>>,
    conclude: Option<Py<PyAny>>,
}

impl Default for Specs {
    fn default() -> Self {
        use flag::{CONSUMES_ARGUMENTS, OBSERVE, READS_ARGUMENTS, READS_RECEIVER};
        Self {
            all: vec![Spec::plain(OBSERVE | READS_RECEIVER | READS_ARGUMENTS | CONSUMES_ARGUMENTS), Spec::plain(0)],
            by_identity: FxHashMap::default(),
            resolver: None,
            conclude: None,
        }
    }
}

impl Specs {
    /// The specification with a number.
    pub fn spec(&self, id: u32) -> &Spec {
        &self.all[id as usize]
    }

    /// A known callee's specification.
    pub fn known(&self, identity: usize) -> Option<u32> {
        self.by_identity.get(&identity).copied()
    }

    /// Remembers a callee's specification.
    pub fn remember(&mut self, identity: usize, id: u32) {
        self.by_identity.insert(identity, id);
    }

    /// Adds a specification.
    pub fn add(&mut self, spec: Spec) -> u32 {
        self.all.push(spec);
        self.all.len() as u32 - 1
    }

    /// An annotation does not say all there is to say: from now on each call is observed. Gives the annotation's file.
    pub fn observe(&mut self, id: u32) -> Option<String> {
        let spec = &mut self.all[id as usize];
        spec.flags = spec.flags & !flag::NATIVE
            | flag::OBSERVE
            | flag::READS_RECEIVER
            | flag::READS_ARGUMENTS
            | flag::CONSUMES_ARGUMENTS;
        spec.annotation.take()
    }

    /// The resolver, imported at its first use.
    pub fn resolver(&mut self, py: Python<'_>) -> Option<Py<PyAny>> {
        if self.resolver.is_none() {
            let found = py.import("clew.effects.resolver").and_then(|module| module.getattr("resolve"));
            self.resolver = found.ok().map(Bound::unbind);
        }
        self.resolver.as_ref().map(|resolver| resolver.clone_ref(py))
    }
}

impl Specs {
    /// The function that tells what one call did, imported at its first use.
    pub fn conclude(&mut self, py: Python<'_>) -> Option<Py<PyAny>> {
        if self.conclude.is_none() {
            let found = py.import("clew.effects.concluding").and_then(|module| module.getattr("conclude"));
            self.conclude = found.ok().map(Bound::unbind);
        }
        self.conclude.as_ref().map(|conclude| conclude.clone_ref(py))
    }
}

/// What one call did: bits, objects changed, and uses of outside state (kind, key, access).
pub type Conclusion = (u32, Vec<Py<PyAny>>, Vec<(String, String, String)>);

/// Asks the Python side about a callee. `None` when it cannot tell.
pub fn resolve(
    py: Python<'_>,
    resolver: &Py<PyAny>,
    callee: &Bound<'_, PyAny>,
    receiver_type: Option<&Bound<'_, PyAny>>,
    name: Option<&str>,
) -> Option<Spec> {
    let answer = resolver.bind(py).call1((callee, receiver_type, name)).ok()?;
    let package = package_of(callee, receiver_type);
    if let Ok(flags) = answer.extract::<u32>() {
        return Some(Spec { package, ..Spec::plain(flags) });
    }
    let pair = answer.cast::<PyTuple>().ok()?;
    let mut spec = Spec { package, ..Spec::plain(pair.get_item(0).ok()?.extract().ok()?) };
    let extra_object = pair.get_item(1).ok()?;
    let extra = extra_object.cast::<PyDict>().ok()?;
    spec.annotation = extra.get_item("said_by").ok()?.and_then(|file| file.extract().ok());
    let plain = ["state", "arguments", "views", "said_by"];
    let depends =
        extra.keys().iter().any(|key| key.extract::<String>().map_or(true, |key| !plain.contains(&key.as_str())));
    let states: Vec<String> = extra.get_item("state").ok()?.and_then(|state| state.extract().ok()).unwrap_or_default();
    if depends || states.iter().any(|state| state == "stdio") {
        spec.effect = Some(answer.clone().unbind());
        return Some(spec);
    }
    spec.states = (!states.is_empty()).then(|| states.into());
    if let Ok(Some(arguments)) = extra.get_item("arguments") {
        for argument in arguments.try_iter().ok()? {
            let argument = argument.ok()?;
            if let Ok(position) = argument.extract::<usize>() {
                spec.written_positions.push(position);
            } else if let Ok(keyword) = argument.extract::<String>() {
                spec.written_keywords.push(keyword);
            }
        }
    }
    Some(spec)
}

/// The top-level package of a callee: that of its module, or of its class.
fn package_of(callee: &Bound<'_, PyAny>, receiver_type: Option<&Bound<'_, PyAny>>) -> String {
    let module_of = |object: &Bound<'_, PyAny>| object.getattr("__module__").ok()?.extract::<String>().ok();
    let is_builtin = callee.is_instance_of::<PyCFunction>();
    let own = callee.getattr("__self__").ok().filter(|owner| is_builtin && owner.is_instance_of::<PyModule>());
    let module = module_of(callee)
        .or_else(|| own.and_then(|owner| owner.getattr("__name__").ok()?.extract().ok()))
        .or_else(|| receiver_type.and_then(module_of))
        .or_else(|| module_of(callee.get_type().as_any()))
        .unwrap_or_default();
    package_of_name(&module)
}

/// What a method of a builtin type does, for the quick path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quick {
    /// Nothing but a shallow read of its receiver.
    Native,
    /// Changes its receiver; arguments are only stored.
    Writes,
    /// Changes its receiver and goes through its arguments.
    WritesAndReads,
    /// Goes through its receiver and arguments.
    Reads,
}

/// The quick tables. `None` for types or methods that are not in them.
///
/// # Safety
/// The interpreter lock is held and `tp` is a live type.
pub unsafe fn quick(tp: *mut ffi::PyTypeObject, name: &str) -> Option<Quick> {
    // SAFETY: comparing addresses of static types; names of types are C strings.
    unsafe {
        if tp == &raw mut ffi::PyList_Type {
            return Some(match name {
                "append" | "insert" | "pop" | "clear" | "reverse" => Quick::Writes,
                "extend" | "remove" | "sort" => Quick::WritesAndReads,
                "copy" => Quick::Native,
                _ => Quick::Reads,
            });
        }
        if tp == &raw mut ffi::PyDict_Type {
            return Some(match name {
                "get" | "keys" | "values" | "items" | "copy" => Quick::Native,
                "pop" | "popitem" | "clear" | "setdefault" => Quick::Writes,
                "update" => Quick::WritesAndReads,
                _ => Quick::Reads,
            });
        }
        if tp == &raw mut ffi::PySet_Type {
            return Some(match name {
                "add" | "discard" | "remove" | "pop" | "clear" => Quick::Writes,
                "update" | "intersection_update" | "difference_update" | "symmetric_difference_update" => {
                    Quick::WritesAndReads
                }
                "copy" => Quick::Native,
                _ => Quick::Reads,
            });
        }
        if tp == &raw mut ffi::PyUnicode_Type || tp == &raw mut ffi::PyBytes_Type {
            return Some(match name {
                "join" | "format" | "format_map" => Quick::Reads,
                _ => Quick::Native,
            });
        }
        if tp == &raw mut ffi::PyTuple_Type {
            return Some(Quick::Reads);
        }
        if super::super::recorder::inspect::is_atom(tp) {
            return Some(Quick::Native);
        }
        if tp == &raw mut ffi::PyByteArray_Type {
            return Some(match name {
                "append" | "clear" | "pop" | "remove" | "reverse" | "insert" => Quick::Writes,
                "extend" => Quick::WritesAndReads,
                _ => Quick::Reads,
            });
        }
        if tp == &raw mut ffi::PyGen_Type || tp == &raw mut ffi::PyCoro_Type {
            return Some(Quick::Writes);
        }
        if type_name(tp) == b"collections.deque" {
            return Some(match name {
                "append" | "appendleft" | "pop" | "popleft" | "clear" | "rotate" | "reverse" | "insert" => {
                    Quick::Writes
                }
                "extend" | "extendleft" | "remove" => Quick::WritesAndReads,
                _ => Quick::Reads,
            });
        }
        None
    }
}
