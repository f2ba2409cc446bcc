//! The import hook: modules of the user's own are loaded instrumented, everything else as ever.
//!
//! The hook is a C-level method that takes the place of `SourceFileLoader.get_code`. Nothing is added to
//! `sys.meta_path` or `sys.path_hooks`, no frame appears in the traceback of a failing import, and a trace
//! function sees no call. The original method always runs first, so that errors, warnings, audit events and
//! the `.pyc` file are those of the plain program; only then is the code exchanged for the instrumented one,
//! which is never written where Python would look for it.

use pyo3::exceptions::{PyDeprecationWarning, PySyntaxWarning};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCode, PyList, PyTuple, PyType};
use std::path::{Component, Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Directories whose content was installed, not written by the user.
const INSTALLED: [&str; 2] = ["site-packages", "dist-packages"];

/// Which modules are user code.
struct Choice {
    /// Directories of the standard library and of Clew itself.
    foreign: Vec<PathBuf>,
    include: Vec<String>,
    exclude: Vec<String>,
    directory: String,
}

impl Choice {
    /// Whether a module counts as user code: `--exclude` before `--include` before where it lies.
    fn takes(&self, name: &str, path: &str) -> bool {
        if self.exclude.iter().any(|glob| self.matches(glob, name, path)) {
            return false;
        }
        if self.include.iter().any(|glob| self.matches(glob, name, path)) {
            return true;
        }
        let path = Path::new(path);
        let installed = |part: Component<'_>| INSTALLED.iter().any(|name| part.as_os_str() == *name);
        !self.foreign.iter().any(|root| path.starts_with(root)) && !path.components().any(installed)
    }

    /// A glob with a slash speaks of paths, any other of dotted names.
    fn matches(&self, glob: &str, name: &str, path: &str) -> bool {
        if !glob.contains('/') {
            return glob_matches(glob, name);
        }
        let anchored = glob.trim_start_matches("./");
        glob_matches(anchored, path)
            || glob_matches(&format!("{}/{anchored}", self.directory), path)
            || glob_matches(&format!("*/{anchored}"), path)
    }
}

/// Shell-style match of a whole text: `*`, `?`, `[abc]`, `[!abc]`; a star matches dots and slashes too.
fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut seen) = (0, 0);
    // Where to go on after the last star, if what follows it does not fit here.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = if at == glob.len() {
            (seen == text.len()).then_some(0)
        } else if glob[at] == '*' {
            retry = Some((at + 1, seen));
            at += 1;
            continue;
        } else {
            text.get(seen).and_then(|&letter| one_matches(&glob[at..], letter))
        };
        match step {
            Some(0) => return true,
            Some(length) => {
                at += length;
                seen += 1;
            }
            None => {
                let Some((next, from)) = retry.filter(|&(_, from)| from < text.len()) else {
                    return false;
                };
                retry = Some((next, from + 1));
                (at, seen) = (next, from + 1);
            }
        }
    }
}

/// Length of the glob's first element when it matches `letter`.
fn one_matches(glob: &[char], letter: char) -> Option<usize> {
    match glob[0] {
        '?' => Some(1),
        '[' => {
            let negated = glob.get(1) == Some(&'!');
            let start = if negated { 2 } else { 1 };
            // A bracket right after the opening one is a member.
            let end = glob.iter().skip(start + 1).position(|&c| c == ']').map(|n| n + start + 1);
            let Some(end) = end else {
                return (letter == '[').then_some(1);
            };
            let set = &glob[start..end];
            let mut found = false;
            let mut index = 0;
            while index < set.len() {
                if index + 2 < set.len() && set[index + 1] == '-' {
                    found |= (set[index]..=set[index + 2]).contains(&letter);
                    index += 3;
                } else {
                    found |= set[index] == letter;
                    index += 1;
                }
            }
            (found != negated).then_some(end + 1)
        }
        c => (c == letter).then_some(1),
    }
}

/// How the modules of one recording are loaded.
struct Rules {
    /// By which these rules are taken back.
    number: u32,
    choice: Choice,
    /// `load(source, filename, module, is_main, detail, cache_dir)`.
    load: Py<PyAny>,
    detail: String,
    cache_dir: Option<String>,
    /// The module that `-m` runs.
    main: Option<String>,
    main_seen: AtomicBool,
}

/// A loader class whose `get_code` was replaced.
struct Replaced {
    loader: Py<PyType>,
    get_code: Py<PyAny>,
}

static FILES: PyOnceLock<Replaced> = PyOnceLock::new();
static ARCHIVES: PyOnceLock<Replaced> = PyOnceLock::new();

/// The rules of the recordings that are not over; the last ones count.
static RULES: Mutex<Vec<Arc<Rules>>> = Mutex::new(Vec::new());
static NEXT_RULES: AtomicU32 = AtomicU32::new(0);

fn all_rules() -> MutexGuard<'static, Vec<Arc<Rules>>> {
    RULES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads the user's modules instrumented from here on; gives the number by which [`unhook_imports`] ends it.
///
/// `main` is the name of the module that `runpy` will run as `__main__`; `zips` says that it may lie in an archive.
#[pyfunction]
#[pyo3(signature = (load, detail, foreign, include, exclude, directory, cache_dir, main, zips))]
#[allow(clippy::too_many_arguments)]
fn hook_imports(
    py: Python<'_>,
    load: Py<PyAny>,
    detail: String,
    foreign: Vec<PathBuf>,
    include: Vec<String>,
    exclude: Vec<String>,
    directory: String,
    cache_dir: Option<String>,
    main: Option<String>,
    zips: bool,
) -> PyResult<u32> {
    let file_loader = py.import("_frozen_importlib_external")?.getattr("SourceFileLoader")?;
    let number = NEXT_RULES.fetch_add(1, Ordering::Relaxed);
    let choice = Choice { foreign, include, exclude, directory };
    let main_seen = AtomicBool::new(false);
    all_rules().push(Arc::new(Rules { number, choice, load, detail, cache_dir, main, main_seen }));
    replace_get_code(&FILES, &file_loader.cast_into::<PyType>()?, get_code_from_file)?;
    if zips {
        let zip_loader = py.import("zipimport")?.getattr("zipimporter")?;
        replace_get_code(&ARCHIVES, &zip_loader.cast_into::<PyType>()?, get_code_from_zip)?;
    }
    Ok(number)
}

/// Ends what [`hook_imports`] of this number began.
#[pyfunction]
fn unhook_imports(number: u32) {
    all_rules().retain(|rules| rules.number != number);
}

/// Whether a module counts as user code; the arguments are those of [`hook_imports`].
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
fn is_user_module(
    name: &str,
    path: &str,
    foreign: Vec<PathBuf>,
    include: Vec<String>,
    exclude: Vec<String>,
    directory: String,
) -> bool {
    Choice { foreign, include, exclude, directory }.takes(name, path)
}

/// Replaces the method of a loader, once a process.
fn replace_get_code(
    place: &PyOnceLock<Replaced>,
    loader: &Bound<'_, PyType>,
    method: ffi::PyCFunctionWithKeywords,
) -> PyResult<()> {
    let py = loader.py();
    let replaced = Replaced { loader: loader.clone().unbind(), get_code: loader.getattr("get_code")?.unbind() };
    if place.set(py, replaced).is_ok() {
        replace_method(loader, method)?;
    }
    Ok(())
}

/// Gives a Python class a `get_code` made in C.
fn replace_method(class: &Bound<'_, PyType>, method: ffi::PyCFunctionWithKeywords) -> PyResult<()> {
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: c"get_code".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: method },
        ml_flags: ffi::METH_VARARGS | ffi::METH_KEYWORDS,
        ml_doc: ptr::null(),
    }));
    // SAFETY: the definition lives as long as the process; the result is owned.
    let descriptor = unsafe {
        let descriptor = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(class.py(), descriptor)?
    };
    class.setattr("get_code", descriptor)
}

unsafe extern "C" fn get_code_from_file(
    loader: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls a method with the lock held and with live arguments.
    unsafe { get_code(loader, arguments, keywords, false) }
}

unsafe extern "C" fn get_code_from_zip(
    loader: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls a method with the lock held and with live arguments.
    unsafe { get_code(loader, arguments, keywords, true) }
}

/// Calls the original method and exchanges its result where the module is the user's.
///
/// # Safety
/// The lock is held; `loader` and `arguments` are live, `keywords` is live or null.
unsafe fn get_code(
    loader: *mut ffi::PyObject,
    arguments: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
    in_zip: bool,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's promise.
    let py = unsafe { Python::assume_attached() };
    let replaced = if in_zip { ARCHIVES.get(py) } else { FILES.get(py) };
    let Some(replaced) = replaced else {
        // Unreachable: the method is installed after the original was kept.
        // SAFETY: a new reference to none.
        return unsafe { ffi::Py_NewRef(ffi::Py_None()) };
    };
    // SAFETY: as the caller promised; the tuple is a new one, and the result is owned.
    let code = unsafe {
        let given = ffi::PyTuple_Size(arguments);
        let all = ffi::PyTuple_New(given + 1);
        if all.is_null() {
            return ptr::null_mut();
        }
        ffi::PyTuple_SetItem(all, 0, ffi::Py_NewRef(loader));
        for index in 0..given {
            let argument = ffi::PyTuple_GetItem(arguments, index);
            ffi::PyTuple_SetItem(all, index + 1, ffi::Py_NewRef(argument));
        }
        let code = ffi::PyObject_Call(replaced.get_code.as_ptr(), all, keywords);
        ffi::Py_DECREF(all);
        code
    };
    let rules = all_rules().last().cloned();
    let Some(rules) = rules.filter(|_| !code.is_null()) else { return code };
    // SAFETY: `code` is owned and not null; the others are the caller's.
    let (code, loader, arguments) = unsafe {
        (Bound::from_owned_ptr(py, code), Bound::from_borrowed_ptr(py, loader), Bound::from_borrowed_ptr(py, arguments))
    };
    let exact = in_zip || loader.get_type().is(replaced.loader.bind(py));
    let exchanged = if exact { exchange(py, &rules, &loader, &arguments, &code, in_zip) } else { Ok(None) };
    exchanged.unwrap_or(None).unwrap_or(code).into_ptr()
}

/// The instrumented code of a module, or nothing where it is not the user's.
fn exchange<'py>(
    py: Python<'py>,
    rules: &Rules,
    loader: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyAny>,
    code: &Bound<'py, PyAny>,
    in_zip: bool,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Ok(code) = code.cast::<PyCode>() else {
        return Ok(None);
    };
    let Ok(name) = arguments.cast::<PyTuple>().map(|all| all.get_item(0)) else {
        return Ok(None);
    };
    let name: String = name?.extract()?;
    let path: String = code.getattr("co_filename")?.extract()?;
    let is_main = is_main(py, rules, &name);
    if !is_main && !rules.choice.takes(&name, &path) {
        return Ok(None);
    }
    let source = if in_zip {
        match loader.call_method1("get_source", (&name,))?.extract::<Option<String>>()? {
            Some(text) => text.into_pyobject(py)?.into_any(),
            None => return Ok(None),
        }
    } else {
        // Not through Python, whose audit hooks would see a second opening of the file.
        match std::fs::read(&path) {
            Ok(bytes) => pyo3::types::PyBytes::new(py, &bytes).into_any(),
            Err(_) => return Ok(None),
        }
    };
    if is_main {
        rules.main_seen.store(true, Ordering::Relaxed);
    }
    let module = if is_main { "__main__" } else { name.as_str() };
    let detail = rules.detail.as_str();
    load_quietly(rules.load.bind(py), &source, &path, module, is_main, detail, rules.cache_dir.as_deref()).map(Some)
}

/// Calls `load` with the compiler's warnings off: the plain compilation has given those that are the program's.
fn load_quietly<'py>(
    load: &Bound<'py, PyAny>,
    source: &Bound<'py, PyAny>,
    filename: &str,
    module: &str,
    is_main: bool,
    detail: &str,
    cache_dir: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    without_compiler_warnings(load.py(), || load.call1((source, filename, module, is_main, detail, cache_dir)))
}

/// Calls `body` with the compiler's warnings off.
///
/// The filters are changed in place and without a word to the warnings machinery, which would otherwise forget
/// what it has warned about already.
pub fn without_compiler_warnings<T>(py: Python<'_>, body: impl FnOnce() -> T) -> T {
    let added = ignore_compiler_warnings(py).unwrap_or_default();
    let result = body();
    for (filters, filter) in added {
        if let Some(place) = filters.iter().position(|entry| entry.is(&filter)) {
            let _ = filters.del_item(place);
        }
    }
    result
}

/// Filters put in front of the program's, each with the list that it is in.
type Filters<'py> = Vec<(Bound<'py, PyList>, Bound<'py, PyAny>)>;

fn ignore_compiler_warnings(py: Python<'_>) -> PyResult<Filters<'_>> {
    let modules = py.import("sys")?.getattr("modules")?;
    let warnings = modules.get_item("warnings").or_else(|_| py.import("_warnings").map(Bound::into_any))?;
    let filters = warnings.getattr("filters")?.cast_into::<PyList>()?;
    let mut added = Vec::new();
    for category in [py.get_type::<PySyntaxWarning>(), py.get_type::<PyDeprecationWarning>()] {
        let filter = ("ignore", py.None(), category, py.None(), 0).into_pyobject(py)?.into_any();
        filters.insert(0, &filter)?;
        added.push((filters.clone(), filter));
    }
    Ok(added)
}

/// Compiles a program's source as it is.
pub fn compile_plainly<'py>(source: &Bound<'py, PyAny>, filename: &str) -> PyResult<Bound<'py, PyAny>> {
    let compile = source.py().import("builtins")?.getattr("compile")?;
    compile.call1((source, filename, "exec", 0, true))
}

/// Loads the main program's own source.
///
/// It is compiled plainly first, which raises and warns as the interpreter does; where it cannot be instrumented,
/// that is what runs.
#[pyfunction]
fn load_main<'py>(
    load: &Bound<'py, PyAny>,
    source: &Bound<'py, PyAny>,
    filename: &str,
    detail: &str,
    cache_dir: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let plain = compile_plainly(source, filename)?;
    let loaded = load_quietly(load, source, filename, "__main__", true, detail, cache_dir);
    Ok(loaded.unwrap_or(plain))
}

/// Whether `runpy` asks for the module that it will run as `__main__`, and not an import for it.
fn is_main(py: Python<'_>, rules: &Rules, name: &str) -> bool {
    let Some(main) = &rules.main else {
        return false;
    };
    let fits = name == main || name.strip_prefix(main.as_str()) == Some(".__main__");
    if !fits || rules.main_seen.load(Ordering::Relaxed) {
        return false;
    }
    // SAFETY: the lock is held; the frame is borrowed from the running thread.
    let asker = unsafe {
        let frame = ffi::PyEval_GetFrame();
        if frame.is_null() {
            return false;
        }
        Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetCode(frame).cast())
    };
    let named = |code: Bound<'_, PyAny>| -> PyResult<bool> {
        let function: String = code.getattr("co_name")?.extract()?;
        let file: String = code.getattr("co_filename")?.extract()?;
        Ok(function == "_get_module_details" && file.contains("runpy"))
    };
    asker.is_some_and(|code| named(code).unwrap_or(false))
}

/// Adds this module's functions and classes to `clew._clew`.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(hook_imports, module)?)?;
    module.add_function(wrap_pyfunction!(is_user_module, module)?)?;
    module.add_function(wrap_pyfunction!(load_main, module)?)?;
    module.add_function(wrap_pyfunction!(unhook_imports, module)?)
}

#[cfg(test)]
mod tests {
    use super::{glob_matches, Choice};

    #[test]
    fn globs() {
        let cases = [
            ("test.*", "test.test_scope", true),
            ("test.*", "test", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a[bx]c", "abc", true),
            ("a[!b]c", "abc", false),
            ("[a-c]*z", "b.x.z", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b", "a1b2", false),
            ("[", "[", true),
        ];
        for (glob, text, expect) in cases {
            assert_eq!(glob_matches(glob, text), expect, "{glob} {text}");
        }
    }

    #[test]
    fn choices() {
        let choice = |include: &[&str], exclude: &[&str]| Choice {
            foreign: vec!["/usr/lib/python3".into()],
            include: include.iter().map(ToString::to_string).collect(),
            exclude: exclude.iter().map(ToString::to_string).collect(),
            directory: "/home/me".to_owned(),
        };
        assert!(choice(&[], &[]).takes("mine", "/home/me/mine.py"));
        assert!(!choice(&[], &[]).takes("os", "/usr/lib/python3/os.py"));
        assert!(!choice(&[], &[]).takes("numpy", "/v/lib/site-packages/numpy/__init__.py"));
        assert!(choice(&["numpy"], &[]).takes("numpy", "/v/lib/site-packages/numpy/__init__.py"));
        assert!(!choice(&["mine*"], &["mine"]).takes("mine", "/home/me/mine.py"));
        assert!(!choice(&[], &["lib/*"]).takes("mine", "/home/me/lib/mine.py"));
        assert!(choice(&["*/site-packages/a/*"], &[]).takes("a.b", "/v/site-packages/a/b.py"));
    }
}
