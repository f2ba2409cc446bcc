//! Functions whose calls are traced with what happens in them, and functions whose calls are traced as one operation.
//!
//! Both stand in the place of a plain function, and are it in every other respect: its name, its signature, its attributes.
//! A call that gets nothing traced goes to the plain function at once.

use clew_trace::values::{Kind, LabelId, NodeId, Op, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use rustc_hash::FxHashSet;

use super::access::is_stand_in;
use super::arena::{arena, Arena, Operation, Pinned};
use super::calls::{are_traced, call_inputs, call_untraced};
use super::object::{handle_of, node_of};
use super::record::{self, operand};

const CO_VARARGS: u32 = 0x04;
const CO_GENERATOR: u32 = 0x20;
/// Coroutines, iterable coroutines and asynchronous generators.
const CO_ASYNCHRONOUS: u32 = 0x80 | 0x100 | 0x200;

/// The parameters of a Python function.
struct Parameters {
    /// Those that positions give values to, then those that only keywords do.
    names: Vec<String>,
    n_positional: usize,
    /// The one that takes what is left of the positions.
    rest: Option<String>,
    flags: u32,
}

impl Parameters {
    fn of(function: &Bound<'_, PyAny>) -> PyResult<Self> {
        let code = function.getattr("__code__")?;
        let number = |name: &str| code.getattr(name)?.extract::<usize>();
        let (n_positional, n_keyword) = (number("co_argcount")?, number("co_kwonlyargcount")?);
        let flags = code.getattr("co_flags")?.extract()?;
        let mut variables: Vec<String> = code.getattr("co_varnames")?.extract()?;
        variables.truncate(n_positional + n_keyword + 2);
        let mut rest = variables.split_off((n_positional + n_keyword).min(variables.len())).into_iter();
        Ok(Self {
            names: variables,
            n_positional,
            rest: if flags & CO_VARARGS != 0 { rest.next() } else { None },
            flags,
        })
    }
}

/// A function whose calls are traced with what happens in them.
#[pyclass(frozen, weakref, module = "clew._clew")]
pub struct TracedFunction {
    function: Py<PyAny>,
    name: String,
    parameters: Parameters,
    /// Whether its first argument is always what it is a method of: a class.
    is_of_class: bool,
}

/// Such a function as a method of an object.
#[pyclass(frozen, module = "clew._clew")]
pub struct TracedMethod {
    function: Py<TracedFunction>,
    receiver: Py<PyAny>,
}

/// What a function is called with.
type Given<'py> = (Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>);

/// What is done with the arguments of a call.
struct Call<'a, 'py> {
    args: &'a Bound<'py, PyTuple>,
    kwargs: Option<&'a Bound<'py, PyDict>>,
    /// Whether the first argument is the receiver of a method.
    is_method: bool,
}

#[pymethods]
impl TracedFunction {
    #[new]
    #[pyo3(signature = (function, is_of_class=false))]
    fn new(function: &Bound<'_, PyAny>, is_of_class: bool) -> PyResult<Self> {
        Ok(Self {
            is_of_class,
            function: function.clone().unbind(),
            name: super::calls::name_of(function),
            parameters: Parameters::of(function)?,
        })
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Self::call(slf, &Call { args, kwargs, is_method: slf.get().is_of_class })
    }

    fn __get__<'py>(
        slf: &Bound<'py, Self>,
        instance: &Bound<'py, PyAny>,
        _owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if instance.is_none() {
            return Ok(slf.clone().into_any());
        }
        let method = TracedMethod { function: slf.clone().unbind(), receiver: instance.clone().unbind() };
        Ok(Bound::new(slf.py(), method)?.into_any())
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).getattr(name)
    }

    #[getter]
    fn __wrapped__<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.function.bind(py).clone()
    }

    #[getter]
    fn __doc__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).getattr("__doc__")
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<traced {}>", self.function.bind(py).repr()?))
    }
}

impl TracedFunction {
    fn call<'py>(slf: &Bound<'py, Self>, call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        if are_traced(call.args, call.kwargs) {
            Self::call_traced(slf, call)
        } else {
            slf.get().function.bind(slf.py()).call(call.args, call.kwargs)
        }
    }

    /// Adds the call, does it with stand-ins for the parameters, and adds its result.
    fn call_traced<'py>(slf: &Bound<'py, Self>, call: &Call<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        Arena::tidy();
        let (entered, (args, kwargs)) = this.begin(slf, call)?;
        let flags = this.parameters.flags;
        let function = this.function.bind(py);
        if flags & CO_ASYNCHRONOUS != 0 {
            let made = function.call(args, kwargs.as_ref())?;
            return py.import("clew.module_tracing")?.call_method1("asynchronous", (&entered, made));
        }
        if flags & CO_GENERATOR != 0 {
            let made = function.call(args, kwargs.as_ref())?;
            let steps = TracedGenerator { call: entered.unbind(), generator: made.unbind() };
            return Ok(Bound::new(py, steps)?.into_any());
        }
        // SAFETY: a stand-in.
        record::enter(unsafe { handle_of(entered.as_ptr()) });
        let result = function.call(args, kwargs.as_ref());
        record::leave();
        returned(&entered, &result?)
    }

    /// Adds the call and its arguments.
    fn begin<'py>(&self, slf: &Bound<'py, Self>, call: &Call<'_, 'py>) -> PyResult<(Bound<'py, PyAny>, Given<'py>)> {
        let py = slf.py();
        let _pinned = Pinned::new();
        let is_dispatch = call.is_method && !call.args.is_empty();
        let (kind, name) = if is_dispatch {
            (Kind::Dispatch, self.name.rsplit('.').next().unwrap_or(&self.name))
        } else {
            (Kind::Call, self.name.as_str())
        };
        let first = if call.is_method {
            None
        } else {
            // SAFETY: a live object.
            Some(unsafe { operand(py, self.function.as_ptr())? })
        };
        let (inputs, label) = call_inputs(py, first, name, call.args, call.kwargs)?;
        let (node, entered) = record::begin_call(py, kind, label, &inputs)?;
        // SAFETY: a stand-in.
        record::enter(unsafe { handle_of(entered.as_ptr()) });
        let bound = self.bind(py, node, &inputs[usize::from(!call.is_method)..], call);
        record::leave();
        Ok((entered, bound?))
    }

    /// Adds the arguments by the names of their parameters, and gives what the function is to be called with.
    fn bind<'py>(
        &self,
        py: Python<'py>,
        node: NodeId,
        inputs: &[NodeId],
        call: &Call<'_, 'py>,
    ) -> PyResult<Given<'py>> {
        let Parameters { names, n_positional, rest, .. } = &self.parameters;
        let mut given = vec![false; names.len()];
        let mut args = Vec::with_capacity(call.args.len());
        for (position, argument) in call.args.iter().enumerate() {
            let name = if position < *n_positional {
                given[position] = true;
                names[position].as_str()
            } else {
                rest.as_deref().unwrap_or("")
            };
            args.push(passed(py, node, inputs[position], name, &argument)?);
        }
        let kwargs = match call.kwargs {
            Some(kwargs) => {
                let passed_on = PyDict::new(py);
                for (position, (name, argument)) in kwargs.iter().enumerate() {
                    let text: String = name.extract()?;
                    if let Some(at) = names.iter().position(|known| *known == text) {
                        given[at] = true;
                    }
                    passed_on
                        .set_item(name, passed(py, node, inputs[call.args.len() + position], &text, &argument)?)?;
                }
                Some(passed_on)
            }
            None => None,
        };
        self.add_defaults(py, node, &given)?;
        Ok((PyTuple::new(py, args)?, kwargs))
    }

    /// Adds the arguments that nobody gave.
    fn add_defaults(&self, py: Python<'_>, node: NodeId, given: &[bool]) -> PyResult<()> {
        if given.iter().all(|given| *given) {
            return Ok(());
        }
        let function = self.function.bind(py);
        let defaults = function.getattr("__defaults__")?;
        let by_keyword = function.getattr("__kwdefaults__")?;
        let n_defaults = if defaults.is_none() { 0 } else { defaults.len()? };
        let n_positional = self.parameters.n_positional;
        for (position, name) in self.parameters.names.iter().enumerate().filter(|(at, _)| !given[*at]) {
            let default = if position < n_positional {
                (position + n_defaults).checked_sub(n_positional).and_then(|at| defaults.get_item(at).ok())
            } else {
                by_keyword.get_item(name).ok()
            };
            if let Some(default) = default {
                // SAFETY: a live object.
                let input = unsafe { operand(py, default.as_ptr())? };
                passed(py, node, input, name, &default)?;
            }
        }
        Ok(())
    }
}

/// Adds an argument, and gives what the function gets: a stand-in for a stand-in, everything else as it is.
fn passed<'py>(
    py: Python<'py>,
    call: NodeId,
    input: NodeId,
    name: &str,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let label = if name.is_empty() { LabelId::NONE } else { arena().nodes.name(name) };
    let node = add_passing(py, Kind::Argument, label, &[call, input])?;
    if is_stand_in(argument) {
        record::shown(py, node)
    } else {
        Ok(argument.clone())
    }
}

/// Adds a node that passes on the value of its last input.
fn add_passing(py: Python<'_>, kind: Kind, label: LabelId, inputs: &[NodeId]) -> PyResult<NodeId> {
    let value = arena().nodes.row(inputs[inputs.len() - 1]).value();
    if let Value::Object(object) = value {
        // SAFETY: the input holds it; the new node owns a reference of its own.
        unsafe { ffi::Py_INCREF(object as *mut ffi::PyObject) };
    }
    record::add(py, Operation { label, ..Operation::new(kind, Op::None, inputs) }, value)
}

/// Adds the result of a call: a stand-in for a stand-in, everything else as it is.
fn returned<'py>(call: &Bound<'py, PyAny>, result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !is_stand_in(result) {
        return Ok(result.clone());
    }
    let py = call.py();
    // SAFETY: two stand-ins; the result is a new reference, or null with an exception.
    unsafe {
        record::enter(handle_of(call.as_ptr()));
        let inputs = [node_of(call.as_ptr()), node_of(result.as_ptr())];
        let node = add_passing(py, Kind::Return, LabelId::NONE, &inputs);
        record::leave();
        record::shown(py, node?)
    }
}

/// As a function for Python: the result of a call that was entered.
#[pyfunction]
fn record_return<'py>(call: &Bound<'py, PyAny>, result: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    returned(call, result)
}

#[pymethods]
impl TracedMethod {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut all = vec![self.receiver.bind(py).clone()];
        all.extend(args.iter());
        let args = PyTuple::new(py, all)?;
        TracedFunction::call(self.function.bind(py), &Call { args: &args, kwargs, is_method: true })
    }

    #[getter]
    fn __self__<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.receiver.bind(py).clone()
    }

    #[getter]
    fn __func__<'py>(&self, py: Python<'py>) -> Bound<'py, TracedFunction> {
        self.function.bind(py).clone()
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).get().function.bind(py).getattr(name)
    }
}

impl TracedMethod {
    /// The same method of a stand-in.
    pub fn bound_to<'py>(&self, traced: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = traced.py();
        let method = Self { function: self.function.clone_ref(py), receiver: traced.clone().unbind() };
        Ok(Bound::new(py, method)?.into_any())
    }

    /// What it is a method of.
    pub fn receiver<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.receiver.bind(py)
    }
}

/// A generator of a traced function.
#[pyclass(frozen, weakref, module = "clew._clew")]
struct TracedGenerator {
    call: Py<PyAny>,
    generator: Py<PyAny>,
}

impl TracedGenerator {
    /// One step of the body: what it yields is passed on.
    fn step<'py>(
        &self,
        py: Python<'py>,
        advance: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let call = self.call.bind(py);
        // SAFETY: a stand-in.
        record::enter(unsafe { handle_of(call.as_ptr()) });
        let given = advance(self.generator.bind(py)).and_then(|value| {
            if !is_stand_in(&value) {
                return Ok((value, false));
            }
            // SAFETY: a stand-in.
            let node = add_passing(py, Kind::Yield, LabelId::NONE, &[unsafe { node_of(value.as_ptr()) }])?;
            let yielded = record::shown(py, node)?;
            let is_traced = is_stand_in(&yielded);
            Ok((yielded, is_traced))
        });
        record::leave();
        let (value, is_traced) = given?;
        if !is_traced {
            return Ok(value);
        }
        // SAFETY: two stand-ins.
        let inputs = unsafe { [node_of(call.as_ptr()), node_of(value.as_ptr())] };
        let node = add_passing(py, Kind::Next, LabelId::NONE, &inputs)?;
        record::shown(py, node)
    }
}

#[pymethods]
impl TracedGenerator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py, |generator| generator.call_method1("send", (py.None(),)))
    }

    fn send<'py>(&self, py: Python<'py>, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py, |generator| generator.call_method1("send", (value,)))
    }

    #[pyo3(signature = (*error))]
    fn throw<'py>(&self, py: Python<'py>, error: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.step(py, |generator| generator.call_method1("throw", error))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.generator.bind(py).call_method0("close").map(drop)
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.generator.bind(py).getattr(name)
    }
}

/// A function of a module that is not traced: a call with traced arguments is one operation on plain values.
#[pyclass(frozen, weakref, module = "clew._clew")]
struct ForeignFunction {
    function: Py<PyAny>,
}

#[pymethods]
impl ForeignFunction {
    #[new]
    fn new(function: Py<PyAny>) -> Self {
        Self { function }
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call_untraced(py, self.function.bind(py), args, kwargs, false)
    }

    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.function.bind(py).getattr(name)
    }

    #[getter]
    fn __wrapped__<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.function.bind(py).clone()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.function.bind(py).repr()?.to_string())
    }

    /// It is pickled as the plain function is.
    fn __reduce_ex__<'py>(&self, py: Python<'py>, _protocol: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let function = self.function.bind(py);
        let home = (function.getattr("__module__")?, super::calls::name_of(function));
        let find = py.import("clew.module_tracing")?.getattr("function_named")?;
        Ok((find, home).into_pyobject(py)?.into_any())
    }
}

struct Classes(std::cell::UnsafeCell<Option<FxHashSet<usize>>>);
// SAFETY: used with the interpreter lock held only.
unsafe impl Sync for Classes {}
static CLASSES: Classes = Classes(std::cell::UnsafeCell::new(None));

fn classes() -> &'static mut FxHashSet<usize> {
    // SAFETY: with the lock held there is one user at a time, and none keeps the borrow.
    unsafe { (*CLASSES.0.get()).get_or_insert_with(FxHashSet::default) }
}

/// Says whether the special methods and properties of a class's objects are traced.
#[pyfunction]
fn set_traced_class(class: &Bound<'_, PyType>, is_traced: bool) {
    if is_traced {
        classes().insert(class.as_ptr() as usize);
    } else {
        classes().remove(&(class.as_ptr() as usize));
    }
}

/// What a call of a traced class does: it makes a traced object, unless foreign code calls.
unsafe extern "C" fn construct(
    class: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    n_args: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter, as vectorcall functions are, with a class whose metaclass is `type`.
    unsafe {
        let py = Python::assume_attached();
        let n_args = ffi::PyVectorcall_NARGS(n_args) as usize;
        let made = || {
            let given: Vec<_> = (0..n_args).map(|at| Bound::from_borrowed_ptr(py, *args.add(at))).collect();
            let positional = PyTuple::new(py, given)?;
            let named = PyDict::new(py);
            if let Some(names) = Bound::from_borrowed_ptr_or_opt(py, names) {
                for (at, name) in names.try_iter()?.enumerate() {
                    named.set_item(name?, Bound::from_borrowed_ptr(py, *args.add(n_args + at)))?;
                }
            }
            if record::Plain::is_here() {
                return match ffi::PyType_Type.tp_call {
                    Some(call) => Bound::from_owned_ptr_or_err(py, call(class, positional.as_ptr(), named.as_ptr())),
                    None => Ok(py.None().into_bound(py)),
                };
            }
            let class = Bound::from_borrowed_ptr(py, class);
            py.import("clew.module_tracing")?.call_method1("construct", (class, positional, named))
        };
        super::numbers::given(py, made().map(Bound::into_ptr))
    }
}

/// Says whether calls of a class, whose metaclass is `type`, make traced objects.
#[pyfunction]
fn set_constructor(class: &Bound<'_, PyType>, is_traced: bool) {
    // SAFETY: a live class, and a field that the interpreter reads when the class is called.
    unsafe {
        let class = class.as_type_ptr();
        (*class).tp_vectorcall = if is_traced { Some(construct) } else { None };
        ffi::PyType_Modified(class);
    }
}

/// What is found on the class of an object, when that class is traced.
fn class_attribute<'py>(plain: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
    if classes().is_empty() {
        return None;
    }
    let class = plain.get_type();
    let is_traced = class.mro().iter().any(|base| classes().contains(&(base.as_ptr() as usize)));
    if is_traced {
        class.getattr(name).ok()
    } else {
        None
    }
}

/// The value of a property of a traced class's object, when its getter is traced.
pub fn property_value<'py>(
    traced: &Bound<'py, PyAny>,
    plain: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(found) = class_attribute(plain, name) else { return Ok(None) };
    let Ok(getter) = found.getattr("fget") else { return Ok(None) };
    let Ok(getter) = getter.cast_into::<TracedFunction>() else { return Ok(None) };
    let args = PyTuple::new(traced.py(), [traced])?;
    TracedFunction::call(&getter, &Call { args: &args, kwargs: None, is_method: true }).map(Some)
}

/// The traced function that is a special method of a traced class's object.
pub fn traced_attribute<'py>(plain: &Bound<'py, PyAny>, name: &str) -> Option<Bound<'py, PyAny>> {
    class_attribute(plain, name).filter(|found| found.cast::<TracedFunction>().is_ok())
}

/// Does a special method of a traced class's object, with stand-ins; nothing when the class has none that is traced.
pub fn special<'py>(
    traced: &Bound<'py, PyAny>,
    plain: &Bound<'py, PyAny>,
    name: &str,
    others: &[&Bound<'py, PyAny>],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(function) = traced_attribute(plain, name) else { return Ok(None) };
    let mut args = vec![traced.clone()];
    args.extend(others.iter().map(|other| (*other).clone()));
    let args = PyTuple::new(traced.py(), args)?;
    let function = function.cast_into::<TracedFunction>().map_err(PyErr::from)?;
    let result = TracedFunction::call(&function, &Call { args: &args, kwargs: None, is_method: true })?;
    // SAFETY: a constant of the interpreter.
    let declined = unsafe { result.as_ptr() == ffi::Py_NotImplemented() };
    Ok((!declined).then_some(result))
}

/// Adds the classes and functions of this file to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TracedFunction>()?;
    module.add_class::<TracedMethod>()?;
    module.add_class::<TracedGenerator>()?;
    module.add_class::<ForeignFunction>()?;
    module.add_function(wrap_pyfunction!(record_return, module)?)?;
    module.add_function(wrap_pyfunction!(set_constructor, module)?)?;
    module.add_function(wrap_pyfunction!(set_traced_class, module)?)
}
