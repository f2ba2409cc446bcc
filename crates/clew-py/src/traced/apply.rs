//! What an operation does to plain values: the one place that the trace, the evaluator and `Evaluator` in Python share.

use clew_trace::values::{Kind, Label, Op};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyTuple};

/// A function of a module, looked up once.
macro_rules! found {
    ($py:expr, $module:literal, $name:literal) => {{
        static FOUND: pyo3::sync::PyOnceLock<Py<PyAny>> = pyo3::sync::PyOnceLock::new();
        FOUND.get_or_try_init($py, || $py.import($module)?.getattr($name).map(Bound::unbind))?.bind($py)
    }};
}
pub(super) use found;

type Slot2 = unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;

/// The interpreter's function for an operator with two operands.
pub fn operator(op: Op) -> Option<Slot2> {
    Some(match op {
        Op::Add => ffi::PyNumber_Add,
        Op::Sub => ffi::PyNumber_Subtract,
        Op::Mul => ffi::PyNumber_Multiply,
        Op::MatMul => ffi::PyNumber_MatrixMultiply,
        Op::TrueDiv => ffi::PyNumber_TrueDivide,
        Op::FloorDiv => ffi::PyNumber_FloorDivide,
        Op::Mod => ffi::PyNumber_Remainder,
        Op::DivMod => ffi::PyNumber_Divmod,
        Op::LShift => ffi::PyNumber_Lshift,
        Op::RShift => ffi::PyNumber_Rshift,
        Op::And => ffi::PyNumber_And,
        Op::Or => ffi::PyNumber_Or,
        Op::Xor => ffi::PyNumber_Xor,
        Op::IAdd => ffi::PyNumber_InPlaceAdd,
        Op::ISub => ffi::PyNumber_InPlaceSubtract,
        Op::IMul => ffi::PyNumber_InPlaceMultiply,
        Op::IMatMul => ffi::PyNumber_InPlaceMatrixMultiply,
        Op::ITrueDiv => ffi::PyNumber_InPlaceTrueDivide,
        Op::IFloorDiv => ffi::PyNumber_InPlaceFloorDivide,
        Op::IMod => ffi::PyNumber_InPlaceRemainder,
        Op::ILShift => ffi::PyNumber_InPlaceLshift,
        Op::IRShift => ffi::PyNumber_InPlaceRshift,
        Op::IAnd => ffi::PyNumber_InPlaceAnd,
        Op::IOr => ffi::PyNumber_InPlaceOr,
        Op::IXor => ffi::PyNumber_InPlaceXor,
        _ => return None,
    })
}

/// The interpreter's number for a comparison.
pub fn comparison(op: Op) -> Option<std::ffi::c_int> {
    Some(match op {
        Op::Lt => ffi::Py_LT,
        Op::Le => ffi::Py_LE,
        Op::Eq => ffi::Py_EQ,
        Op::Ne => ffi::Py_NE,
        Op::Gt => ffi::Py_GT,
        Op::Ge => ffi::Py_GE,
        _ => return None,
    })
}

/// An operator with two plain operands.
pub fn binary<'py>(op: Op, left: &Bound<'py, PyAny>, right: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = left.py();
    // SAFETY: live objects; the result is a new reference, or null with an exception.
    unsafe {
        let result = match (operator(op), op) {
            (Some(function), _) => function(left.as_ptr(), right.as_ptr()),
            (None, Op::Pow) => ffi::PyNumber_Power(left.as_ptr(), right.as_ptr(), ffi::Py_None()),
            (None, Op::IPow) => ffi::PyNumber_InPlacePower(left.as_ptr(), right.as_ptr(), ffi::Py_None()),
            _ => match comparison(op) {
                Some(number) => ffi::PyObject_RichCompare(left.as_ptr(), right.as_ptr(), number),
                None => return Err(PyValueError::new_err(format!("{} is no operator of two operands", op.name()))),
            },
        };
        Bound::from_owned_ptr_or_err(py, result)
    }
}

fn unary<'py>(op: Op, inputs: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    let operand = &inputs[0];
    let py = operand.py();
    match op {
        Op::Neg => operand.neg(),
        Op::Pos => operand.pos(),
        Op::Invert => operand.bitnot(),
        Op::Abs => operand.abs(),
        Op::Round => found!(py, "builtins", "round").call1(PyTuple::new(py, inputs)?),
        Op::Trunc => found!(py, "math", "trunc").call1((operand,)),
        Op::Floor => found!(py, "math", "floor").call1((operand,)),
        Op::Ceil => found!(py, "math", "ceil").call1((operand,)),
        _ => Err(PyValueError::new_err(format!("{} is no operator of one operand", op.name()))),
    }
}

fn build<'py>(
    py: Python<'py>,
    op: Op,
    label: Option<&Label>,
    inputs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    Ok(match op {
        Op::List => PyList::new(py, inputs)?.into_any(),
        Op::Tuple => PyTuple::new(py, inputs)?.into_any(),
        Op::Set => PySet::new(py, inputs)?.into_any(),
        Op::FrozenSet => PyFrozenSet::new(py, inputs)?.into_any(),
        Op::Dict => {
            let dict = PyDict::new(py);
            for pair in inputs.chunks_exact(2) {
                dict.set_item(&pair[0], &pair[1])?;
            }
            dict.into_any()
        }
        Op::Slice => found!(py, "builtins", "slice").call1(PyTuple::new(py, inputs)?)?,
        Op::Deque => found!(py, "collections", "deque").call1((PyList::new(py, inputs)?,))?,
        Op::NamedTuple => inputs[0].call_method1("_make", (PyList::new(py, &inputs[1..])?,))?,
        Op::Dataclass => {
            let made = inputs[0].call_method1("__new__", (&inputs[0],))?;
            let set = found!(py, "builtins", "object").getattr("__setattr__")?;
            for (name, value) in label.map_or(&[][..], |label| &label.keywords).iter().zip(&inputs[1..]) {
                set.call1((&made, name, value))?;
            }
            made
        }
        _ => return Err(PyValueError::new_err(format!("{} builds nothing", op.name()))),
    })
}

fn convert<'py>(py: Python<'py>, op: Op, inputs: &[Bound<'py, PyAny>]) -> PyResult<Bound<'py, PyAny>> {
    let operand = &inputs[0];
    match op {
        Op::Bool => found!(py, "builtins", "bool").call1((operand,)),
        Op::Int => found!(py, "builtins", "int").call1((operand,)),
        Op::Float => found!(py, "builtins", "float").call1((operand,)),
        Op::Complex => found!(py, "builtins", "complex").call1((operand,)),
        Op::Index => found!(py, "operator", "index").call1((operand,)),
        Op::Len => found!(py, "builtins", "len").call1((operand,)),
        Op::Str => found!(py, "builtins", "str").call1((operand,)),
        Op::Bytes => found!(py, "builtins", "bytes").call1((operand,)),
        Op::Hash => found!(py, "builtins", "hash").call1((operand,)),
        Op::Format => found!(py, "builtins", "format").call1(PyTuple::new(py, inputs)?),
        Op::Contains => found!(py, "operator", "contains").call1(PyTuple::new(py, inputs)?),
        Op::Is => found!(py, "operator", "is_").call1(PyTuple::new(py, inputs)?),
        Op::Exhausted => {
            let sentinel = found!(py, "builtins", "object").call0()?;
            let next = found!(py, "builtins", "next").call1((operand, &sentinel))?;
            Ok(pyo3::types::PyBool::new(py, next.is(&sentinel)).to_owned().into_any())
        }
        _ => Ok(operand.clone()),
    }
}

/// Splits the inputs of a call into positional arguments and those with names.
pub fn arguments<'py>(
    py: Python<'py>,
    label: Option<&Label>,
    inputs: &[Bound<'py, PyAny>],
) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
    let keywords = label.map_or(&[][..], |label| &label.keywords);
    let n = inputs.len().saturating_sub(keywords.len());
    let named = if keywords.is_empty() {
        None
    } else {
        let named = PyDict::new(py);
        for (name, value) in keywords.iter().zip(&inputs[n..]) {
            named.set_item(name, value)?;
        }
        Some(named)
    };
    Ok((PyTuple::new(py, &inputs[..n])?, named))
}

/// Does an operation to plain values.
pub fn apply<'py>(
    py: Python<'py>,
    kind: Kind,
    op: Op,
    label: Option<&Label>,
    inputs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let text = label.map_or("", |label| label.text.as_str());
    match kind {
        Kind::Unary => unary(op, inputs),
        Kind::Binary if inputs.len() == 3 => found!(py, "builtins", "pow").call1(PyTuple::new(py, inputs)?),
        Kind::Binary | Kind::Compare => binary(op, &inputs[0], &inputs[1]),
        Kind::GetAttr => inputs[0].getattr(text),
        Kind::SetAttr => inputs[0].setattr(text, &inputs[1]).map(|()| inputs[0].clone()),
        Kind::DelAttr => inputs[0].delattr(text).map(|()| inputs[0].clone()),
        Kind::GetItem => inputs[0].get_item(&inputs[1]),
        Kind::SetItem => inputs[0].set_item(&inputs[1], &inputs[2]).map(|()| inputs[0].clone()),
        Kind::DelItem => inputs[0].del_item(&inputs[1]).map(|()| inputs[0].clone()),
        Kind::UntracedCall => {
            let (positional, named) = arguments(py, label, &inputs[1..])?;
            inputs[0].call(positional, named.as_ref())
        }
        Kind::UntracedDispatch => {
            let (positional, named) = arguments(py, label, &inputs[1..])?;
            inputs[0].getattr(text)?.call(positional, named.as_ref())
        }
        Kind::New => inputs[0].call_method1("__new__", (&inputs[0],)),
        Kind::Iter => inputs[0].try_iter().map(Bound::into_any),
        Kind::Next if op == Op::None && inputs.len() == 1 => found!(py, "builtins", "next").call1((&inputs[0],)),
        Kind::Next if op == Op::None => Ok(inputs[1].clone()),
        Kind::Next => {
            let (positional, named) = arguments(py, label, &inputs[1..])?;
            inputs[0].getattr(op.name())?.call(positional, named.as_ref())
        }
        Kind::Argument | Kind::Return => Ok(inputs[inputs.len() - 1].clone()),
        Kind::Yield => Ok(inputs[0].clone()),
        Kind::Build => build(py, op, label, inputs),
        Kind::Convert => convert(py, op, inputs),
        Kind::Input | Kind::Const | Kind::Call | Kind::Dispatch => {
            Err(PyTypeError::new_err(format!("a node of kind {} does nothing", kind.name())))
        }
    }
}
