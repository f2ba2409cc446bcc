//! Hidden states of libraries that can be looked at, and how: a number that changes when the state does.
//!
//! Probes read by attributes and C functions only, so that no code of the program's runs and no frame is made.

#![allow(unsafe_code)]

use pyo3::ffi;
use rustc_hash::FxHasher;
use std::ffi::CStr;
use std::hash::Hasher;

use crate::recorder::inspect::text_of;
use crate::recorder::observe;
use crate::recorder::outside::attribute_path;

/// How the state behind an attribute is turned into a number.
enum Reading {
    /// Which object it is.
    Identity,
    /// Which objects a list holds.
    Items,
    /// What is reachable from it.
    Content,
    /// Its text.
    Shown,
    /// What the function returns.
    Result(Option<i64>),
    /// The named attributes of what the function returns.
    ResultAttributes(&'static [&'static CStr]),
    /// The content of a context variable's value.
    ContextVariable,
    /// A dictionary of numpy's reactions to floating-point errors, returned by the function.
    FloatErrors,
}

/// One hidden state.
pub struct Probe {
    /// Its name in effects and traces.
    pub name: &'static str,
    module: &'static CStr,
    path: &'static [&'static CStr],
    /// Where it is while nothing is found at `path`.
    otherwise: &'static [&'static CStr],
    reading: Reading,
    /// Packages whose functions, and whose objects' operators, read it without saying so.
    pub readers: &'static [&'static str],
}

const fn probe(
    name: &'static str,
    module: &'static CStr,
    path: &'static [&'static CStr],
    reading: Reading,
    readers: &'static [&'static str],
) -> Probe {
    Probe { name, module, path, otherwise: &[], reading, readers }
}

const CONTEXT: &[&CStr] = &[c"prec", c"rounding", c"Emin", c"Emax", c"capitals", c"clamp", c"traps"];
const PARSERS: &[&str] = &["argparse", "optparse", "getopt", "click", "typer", "fire", "docopt", "absl", "unittest"];
const CALENDARS: &[&str] = &["time", "datetime", "zoneinfo", "calendar", "email", "logging"];

/// All states that can be looked at.
pub static PROBES: [Probe; N_PROBES] = [
    probe("sys.stdout", c"sys", &[c"stdout"], Reading::Identity, &[]),
    probe("sys.stderr", c"sys", &[c"stderr"], Reading::Identity, &[]),
    probe("sys.stdin", c"sys", &[c"stdin"], Reading::Identity, &[]),
    probe("sys.argv", c"sys", &[c"argv"], Reading::Items, PARSERS),
    probe("sys.limits", c"sys", &[c"getrecursionlimit"], Reading::Result(None), &[]),
    probe("warnings.filters", c"warnings", &[c"filters"], Reading::Items, &[]),
    probe("decimal.context", c"_decimal", &[c"getcontext"], Reading::ResultAttributes(CONTEXT), &["decimal"]),
    probe("locale", c"_locale", &[c"setlocale"], Reading::Result(Some(6)), &["locale", "time", "datetime", "calendar"]),
    probe("time.zone", c"time", &[c"tzname"], Reading::Shown, CALENDARS),
    probe("time.offset", c"time", &[c"timezone"], Reading::Content, CALENDARS),
    probe("gc", c"gc", &[c"isenabled"], Reading::Result(None), &[]),
    probe(
        "numpy.errstate",
        c"numpy._core._multiarray_umath",
        &[c"_get_extobj_dict"],
        Reading::FloatErrors,
        &["numpy", "scipy", "pandas"],
    ),
    probe(
        "numpy.printoptions",
        c"numpy._core.printoptions",
        &[c"format_options"],
        Reading::ContextVariable,
        &["numpy", "pandas"],
    ),
    probe("pandas.display", c"pandas._config.config", &[c"_global_config", c"display"], Reading::Content, &["pandas"]),
    probe("pandas.styler", c"pandas._config.config", &[c"_global_config", c"styler"], Reading::Content, &["pandas"]),
    probe("pandas.options", c"pandas._config.config", &[c"_global_config", c"mode"], Reading::Content, &["pandas"]),
    probe("pandas.compute", c"pandas._config.config", &[c"_global_config", c"compute"], Reading::Content, &["pandas"]),
    probe("pandas.future", c"pandas._config.config", &[c"_global_config", c"future"], Reading::Content, &["pandas"]),
    probe("pandas.io", c"pandas._config.config", &[c"_global_config", c"io"], Reading::Content, &["pandas"]),
    probe(
        "pandas.plotting",
        c"pandas._config.config",
        &[c"_global_config", c"plotting"],
        Reading::Content,
        &["pandas"],
    ),
    probe("matplotlib.rcParams", c"matplotlib", &[c"rcParams"], Reading::Content, &["matplotlib", "seaborn"]),
    Probe {
        // A copy of the defaults is made at the first look; the content of both is the same.
        otherwise: &[c"_global_config"],
        ..probe(
            "sklearn.config",
            c"sklearn._config",
            &[c"_threadlocal", c"global_config"],
            Reading::Content,
            &["sklearn"],
        )
    },
];
const N_PROBES: usize = 22;

/// The number of a state by its name.
pub fn number(name: &str) -> Option<usize> {
    PROBES.iter().position(|probe| probe.name == name)
}

impl Probe {
    /// A number that changes with the state; `None` while the library is not imported.
    ///
    /// # Safety
    /// The interpreter lock is held and no exception is set.
    pub unsafe fn token(&self) -> Option<u64> {
        // SAFETY: as promised; the references are released here and errors cleared.
        unsafe {
            let object = match attribute_path(self.module, self.path) {
                Some(object) => object,
                None if self.otherwise.is_empty() => return None,
                None => attribute_path(self.module, self.otherwise)?,
            };
            let mut hasher = FxHasher::default();
            match self.reading {
                Reading::Identity => hasher.write_usize(object as usize),
                Reading::Items => items(object, &mut hasher),
                Reading::Content => content(object, &mut hasher),
                Reading::Shown => shown(object, &mut hasher),
                Reading::Result(argument) => {
                    with_result(object, argument, &mut hasher, |found, hasher| content(found, hasher));
                }
                Reading::ResultAttributes(names) => {
                    with_result(object, None, &mut hasher, |found, hasher| attributes(found, names, hasher));
                }
                Reading::FloatErrors => {
                    with_result(object, None, &mut hasher, |found, hasher| float_errors(found, hasher));
                }
                Reading::ContextVariable => {
                    let mut value = std::ptr::null_mut();
                    if PyContextVar_Get(object, std::ptr::null_mut(), &raw mut value) == 0 && !value.is_null() {
                        content(value, &mut hasher);
                        ffi::Py_DECREF(value);
                    }
                }
            }
            ffi::Py_DECREF(object);
            ffi::PyErr_Clear();
            Some(hasher.finish())
        }
    }
}

extern "C" {
    fn PyContextVar_Get(
        variable: *mut ffi::PyObject,
        default: *mut ffi::PyObject,
        value: *mut *mut ffi::PyObject,
    ) -> std::ffi::c_int;
}

unsafe fn items(list: *mut ffi::PyObject, hasher: &mut FxHasher) {
    // SAFETY: checked to be a list.
    unsafe {
        if ffi::PyList_Check(list) == 0 {
            hasher.write_usize(list as usize);
            return;
        }
        for i in 0..ffi::PyList_Size(list) {
            atom(ffi::PyList_GetItem(list, i), hasher);
        }
    }
}

unsafe fn atom(object: *mut ffi::PyObject, hasher: &mut FxHasher) {
    // SAFETY: hashing texts and numbers of exact types runs no user code.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        let hashed = [&raw mut ffi::PyLong_Type, &raw mut ffi::PyUnicode_Type, &raw mut ffi::PyFloat_Type];
        if hashed.contains(&tp) {
            hasher.write_isize(ffi::PyObject_Hash(object));
        } else {
            hasher.write_usize(object as usize);
        }
    }
}

unsafe fn content(object: *mut ffi::PyObject, hasher: &mut FxHasher) {
    // SAFETY: the object is alive.
    unsafe {
        if ffi::PyUnicode_Check(object) != 0 || ffi::PyLong_Check(object) != 0 {
            atom(object, hasher);
        } else {
            hasher.write_u64(observe::of(object));
        }
    }
}

unsafe fn attributes(object: *mut ffi::PyObject, names: &[&CStr], hasher: &mut FxHasher) {
    // SAFETY: attributes of a library's own object; references are released.
    unsafe {
        for name in names {
            let value = ffi::PyObject_GetAttrString(object, name.as_ptr());
            if value.is_null() {
                ffi::PyErr_Clear();
                continue;
            }
            shown(value, hasher);
            ffi::Py_DECREF(value);
        }
    }
}

unsafe fn shown(object: *mut ffi::PyObject, hasher: &mut FxHasher) {
    // SAFETY: a library's own object of a builtin type; the reference is released, errors are cleared.
    unsafe {
        let text = ffi::PyObject_Repr(object);
        if text.is_null() {
            ffi::PyErr_Clear();
        } else {
            hasher.write_isize(ffi::PyObject_Hash(text));
            ffi::Py_DECREF(text);
        }
    }
}

unsafe fn float_errors(reactions: *mut ffi::PyObject, hasher: &mut FxHasher) {
    // SAFETY: checked to be a dictionary.
    unsafe {
        if ffi::PyDict_Check(reactions) == 0 {
            return;
        }
        for name in [c"divide", c"over", c"under", c"invalid"] {
            let reaction = ffi::PyDict_GetItemString(reactions, name.as_ptr());
            let text = if reaction.is_null() { String::new() } else { text_of(reaction) };
            // Whether it is silent or prints makes no difference to a value.
            let matters = matches!(text.as_str(), "raise" | "call" | "log");
            hasher.write(if matters { text.as_bytes() } else { b"-" });
            if matters && text != "raise" {
                hasher.write_usize(ffi::PyDict_GetItemString(reactions, c"call".as_ptr()) as usize);
            }
        }
    }
}

unsafe fn with_result(
    function: *mut ffi::PyObject,
    argument: Option<i64>,
    hasher: &mut FxHasher,
    read: impl Fn(*mut ffi::PyObject, &mut FxHasher),
) {
    // SAFETY: a library's own function; references are released.
    unsafe {
        let result = match argument {
            None => ffi::PyObject_CallNoArgs(function),
            Some(number) => {
                let number = ffi::PyLong_FromLongLong(number);
                let result = ffi::PyObject_CallOneArg(function, number);
                ffi::Py_XDECREF(number);
                result
            }
        };
        if result.is_null() {
            ffi::PyErr_Clear();
        } else {
            read(result, hasher);
            ffi::Py_DECREF(result);
        }
    }
}
