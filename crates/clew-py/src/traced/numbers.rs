//! Operators and comparisons of stand-ins. Floats and small integers are computed here, without Python objects.

use clew_trace::values::{Kind, NodeId, Op, Value};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use super::apply;
use super::arena::{Arena, Operation};
use super::deep;
use super::object::{boxed, is_traced, taken, unboxed, value_of};
use super::record::{self, changing, fact, operand, record, record_reading};
use super::wrapped::special;
use crate::recorder::inspect;

type Object = *mut ffi::PyObject;

/// The result of an operator of two numbers, when it can be computed here exactly as Python does.
// Python compares floats exactly.
#[inline(always)]
#[allow(clippy::float_cmp)]
pub fn of_numbers(op: Op, left: Value, right: Value) -> Option<Value> {
    /// Up to here an integer is exact as a float.
    const EXACT: i64 = 1 << 53;
    let exact = |number: i64| (-EXACT..=EXACT).contains(&number).then_some(number as f64);
    let (left, right) = match (left, right) {
        (Value::Float(left), Value::Float(right)) => (left, right),
        (Value::Float(left), Value::Int(right)) => (left, exact(right)?),
        (Value::Int(left), Value::Float(right)) => (exact(left)?, right),
        (Value::Int(left), Value::Int(right)) => return of_integers(op, left, right),
        _ => return None,
    };
    Some(Value::Float(match op {
        Op::Add | Op::IAdd => left + right,
        Op::Sub | Op::ISub => left - right,
        Op::Mul | Op::IMul => left * right,
        Op::TrueDiv | Op::ITrueDiv if right != 0.0 => left / right,
        Op::Lt => return Some(truth(left < right)),
        Op::Le => return Some(truth(left <= right)),
        Op::Eq => return Some(truth(left == right)),
        Op::Ne => return Some(truth(left != right)),
        Op::Gt => return Some(truth(left > right)),
        Op::Ge => return Some(truth(left >= right)),
        _ => return None,
    }))
}

fn of_integers(op: Op, left: i64, right: i64) -> Option<Value> {
    Some(match op {
        Op::Add | Op::IAdd => Value::Int(left.checked_add(right)?),
        Op::Sub | Op::ISub => Value::Int(left.checked_sub(right)?),
        Op::Mul | Op::IMul => Value::Int(left.checked_mul(right)?),
        Op::Lt => truth(left < right),
        Op::Le => truth(left <= right),
        Op::Eq => truth(left == right),
        Op::Ne => truth(left != right),
        Op::Gt => truth(left > right),
        Op::Ge => truth(left >= right),
        _ => return None,
    })
}

/// `True` or `False`, as a reference that is owned.
#[inline(always)]
fn truth(is_true: bool) -> Value {
    // SAFETY: the two are never freed before the interpreter is.
    unsafe { Value::Object(ffi::Py_NewRef(if is_true { ffi::Py_True() } else { ffi::Py_False() }) as u64) }
}

/// What an operand is: a number at once, or an object.
#[inline(always)]
unsafe fn seen(object: Object) -> Value {
    // SAFETY: a live object.
    unsafe {
        if is_traced(object) {
            value_of(object)
        } else {
            unboxed(object)
        }
    }
}

/// Hands a result to the interpreter: an error becomes the current exception.
#[inline(always)]
pub unsafe fn given(py: Python<'_>, result: PyResult<Object>) -> Object {
    result.unwrap_or_else(|error| {
        error.restore(py);
        null_mut()
    })
}

/// Hands a number to the interpreter, for which an error is -1 with an exception.
#[inline(always)]
pub fn status<T: From<i8>>(py: Python<'_>, result: PyResult<T>) -> T {
    result.unwrap_or_else(|error| {
        error.restore(py);
        T::from(-1)
    })
}

/// An operator with two operands, at least one of which is a stand-in.
#[inline]
unsafe fn operate(kind: Kind, op: Op, left: Object, right: Object) -> Object {
    // SAFETY: called by the interpreter with live objects and the lock held.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        if let Some(value) = of_numbers(op, seen(left), seen(right)) {
            let nodes = operand(py, left).and_then(|left| Ok([left, operand(py, right)?]));
            let op = op.without_place().unwrap_or(op);
            return given(py, nodes.and_then(|inputs| record(py, Operation::new(kind, op, &inputs), value)));
        }
        given(py, operate_objects(py, kind, op, left, right))
    }
}

unsafe fn operate_objects(py: Python<'_>, kind: Kind, op: Op, left: Object, right: Object) -> PyResult<Object> {
    // SAFETY: live objects.
    unsafe {
        let (left, right) = (Bound::from_borrowed_ptr(py, left), Bound::from_borrowed_ptr(py, right));
        let (plain_left, plain_right) = (deep::untraced(&left)?, deep::untraced(&right)?);
        if let Some(result) = by_traced_class(op, (&left, &plain_left), (&right, &plain_right))? {
            return Ok(result.into_ptr());
        }
        let in_place = op.without_place();
        if in_place.is_some() {
            record::before_change(py, left.as_ptr())?;
        }
        let result = apply::binary(op, &plain_left, &plain_right)?;
        let inputs = [operand(py, left.as_ptr())?, operand(py, right.as_ptr())?];
        if in_place.is_some() && result.is(&plain_left) && !is_atom(result.as_ptr()) {
            return changing(py, Operation::new(kind, op, &inputs), result.as_ptr());
        }
        let op = in_place.unwrap_or(op);
        record_reading(py, Operation::new(kind, op, &inputs), taken(result.into_ptr()))
    }
}

/// Does an operator by the methods of a traced class, so that what happens in them is traced.
fn by_traced_class<'py>(
    op: Op,
    (left, plain_left): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
    (right, plain_right): (&Bound<'py, PyAny>, &Bound<'py, PyAny>),
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let name = op.name().trim_end_matches('_');
    if let Some(result) = special(left, plain_left, &format!("__{name}__"), &[right])? {
        return Ok(Some(result));
    }
    let plain = op.without_place().map_or(name, |op| op.name().trim_end_matches('_'));
    if plain != name {
        if let Some(result) = special(left, plain_left, &format!("__{plain}__"), &[right])? {
            return Ok(Some(result));
        }
    }
    let reflected = match op {
        Op::Lt => "__gt__".to_owned(),
        Op::Le => "__ge__".to_owned(),
        Op::Gt => "__lt__".to_owned(),
        Op::Ge => "__le__".to_owned(),
        Op::Eq | Op::Ne => format!("__{name}__"),
        _ => format!("__r{plain}__"),
    };
    if plain_left.get_type().is(plain_right.get_type()) && !matches!(op, Op::Eq | Op::Ne) {
        return Ok(None);
    }
    special(right, plain_right, &reflected, &[left])
}

/// Whether an object can never change.
pub unsafe fn is_atom(object: Object) -> bool {
    // SAFETY: a live object.
    unsafe {
        let class = ffi::Py_TYPE(object);
        object == ffi::Py_NotImplemented()
            || inspect::is_atom(class)
            || [
                &raw mut ffi::PyTuple_Type,
                &raw mut ffi::PyFrozenSet_Type,
                &raw mut ffi::PyFunction_Type,
                &raw mut ffi::PyCFunction_Type,
                &raw mut ffi::PyModule_Type,
                &raw mut ffi::PyType_Type,
            ]
            .contains(&class)
    }
}

unsafe extern "C" fn binary<const OP: usize>(left: Object, right: Object) -> Object {
    // SAFETY: as for `operate`.
    unsafe { operate(Kind::Binary, BINARY[OP], left, right) }
}

/// Operators of two operands, as the slots below count them.
const BINARY: [Op; 25] = [
    Op::Add,
    Op::Sub,
    Op::Mul,
    Op::MatMul,
    Op::TrueDiv,
    Op::FloorDiv,
    Op::Mod,
    Op::DivMod,
    Op::LShift,
    Op::RShift,
    Op::And,
    Op::Or,
    Op::Xor,
    Op::IAdd,
    Op::ISub,
    Op::IMul,
    Op::IMatMul,
    Op::ITrueDiv,
    Op::IFloorDiv,
    Op::IMod,
    Op::ILShift,
    Op::IRShift,
    Op::IAnd,
    Op::IOr,
    Op::IXor,
];

unsafe fn power(op: Op, base: Object, exponent: Object, modulus: Object) -> Object {
    // SAFETY: called by the interpreter with live objects.
    unsafe {
        if modulus == ffi::Py_None() {
            return operate(Kind::Binary, op, base, exponent);
        }
        let py = Python::assume_attached();
        Arena::tidy();
        let result = || {
            let objects = [base, exponent, modulus].map(|object| Bound::from_borrowed_ptr(py, object));
            let plain = objects.iter().map(deep::untraced).collect::<PyResult<Vec<_>>>()?;
            let result = apply::apply(py, Kind::Binary, Op::Pow, None, &plain)?;
            let inputs = [operand(py, base)?, operand(py, exponent)?, operand(py, modulus)?];
            record_reading(py, Operation::new(Kind::Binary, Op::Pow, &inputs), taken(result.into_ptr()))
        };
        given(py, result())
    }
}

unsafe extern "C" fn pow(base: Object, exponent: Object, modulus: Object) -> Object {
    // SAFETY: as for `power`.
    unsafe { power(Op::Pow, base, exponent, modulus) }
}

unsafe extern "C" fn in_place_pow(base: Object, exponent: Object, modulus: Object) -> Object {
    // SAFETY: as for `power`.
    unsafe { power(Op::IPow, base, exponent, modulus) }
}

/// An operator with one operand, or with further plain ones.
pub unsafe fn unary_of(py: Python<'_>, op: Op, operands: &[Object]) -> PyResult<Object> {
    // SAFETY: live objects.
    unsafe {
        Arena::tidy();
        let quick = match (op, value_of(operands[0])) {
            (Op::Neg, Value::Float(number)) => Some(Value::Float(-number)),
            (Op::Abs, Value::Float(number)) => Some(Value::Float(number.abs())),
            (Op::Pos, Value::Float(number)) => Some(Value::Float(number)),
            _ => None,
        };
        let value = if let Some(value) = quick {
            value
        } else {
            let operands: Vec<_> = operands.iter().map(|one| Bound::from_borrowed_ptr(py, *one)).collect();
            let others: Vec<_> = operands[1..].iter().collect();
            let this = deep::untraced(&operands[0])?;
            if let Some(result) = special(&operands[0], &this, &format!("__{}__", op.name()), &others)? {
                return Ok(result.into_ptr());
            }
            let plain = operands.iter().map(deep::untraced).collect::<PyResult<Vec<_>>>()?;
            taken(apply::apply(py, Kind::Unary, op, None, &plain)?.into_ptr())
        };
        let inputs = operands.iter().map(|one| operand(py, *one)).collect::<PyResult<Vec<NodeId>>>()?;
        record_reading(py, Operation::new(Kind::Unary, op, &inputs), value)
    }
}

unsafe extern "C" fn unary<const OP: usize>(traced: Object) -> Object {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        given(py, unary_of(py, [Op::Neg, Op::Pos, Op::Invert, Op::Abs][OP], &[traced]))
    }
}

unsafe extern "C" fn compare(left: Object, right: Object, op: c_int) -> Object {
    let op = [Op::Lt, Op::Le, Op::Eq, Op::Ne, Op::Gt, Op::Ge][op as usize];
    // SAFETY: as for `operate`.
    unsafe { operate(Kind::Compare, op, left, right) }
}

unsafe extern "C" fn is_true(traced: Object) -> c_int {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        let value = value_of(traced);
        let truth = match value {
            Value::Float(number) => c_int::from(number != 0.0),
            Value::Int(number) => c_int::from(number != 0),
            value => {
                let plain = boxed(value);
                let truth = ffi::PyObject_IsTrue(plain);
                ffi::Py_DECREF(plain);
                truth
            }
        };
        if truth < 0 {
            return truth;
        }
        let noted = fact(py, traced, Op::Bool, if truth == 0 { ffi::Py_False() } else { ffi::Py_True() });
        status(py, noted.map(|()| truth))
    }
}

/// A conversion to a plain object: it is done, and noted as a fact.
pub unsafe fn converted(traced: Object, op: Op) -> Object {
    // SAFETY: called by the interpreter with a stand-in.
    unsafe {
        let py = Python::assume_attached();
        Arena::tidy();
        let result = || {
            let plain = Bound::from_owned_ptr_or_err(py, boxed(value_of(traced)))?;
            let result = apply::apply(py, Kind::Convert, op, None, &[plain])?;
            fact(py, traced, op, result.as_ptr())?;
            Ok(result.into_ptr())
        };
        given(py, result())
    }
}

unsafe extern "C" fn int(traced: Object) -> Object {
    // SAFETY: as for `converted`.
    unsafe { converted(traced, Op::Int) }
}

unsafe extern "C" fn float(traced: Object) -> Object {
    // SAFETY: as for `converted`.
    unsafe { converted(traced, Op::Float) }
}

unsafe extern "C" fn index(traced: Object) -> Object {
    // SAFETY: as for `converted`.
    unsafe { converted(traced, Op::Index) }
}

/// The slots of this file.
pub fn slots() -> Vec<(c_int, *mut c_void)> {
    vec![
        (ffi::Py_nb_add, binary::<0> as *mut c_void),
        (ffi::Py_nb_subtract, binary::<1> as *mut c_void),
        (ffi::Py_nb_multiply, binary::<2> as *mut c_void),
        (ffi::Py_nb_matrix_multiply, binary::<3> as *mut c_void),
        (ffi::Py_nb_true_divide, binary::<4> as *mut c_void),
        (ffi::Py_nb_floor_divide, binary::<5> as *mut c_void),
        (ffi::Py_nb_remainder, binary::<6> as *mut c_void),
        (ffi::Py_nb_divmod, binary::<7> as *mut c_void),
        (ffi::Py_nb_lshift, binary::<8> as *mut c_void),
        (ffi::Py_nb_rshift, binary::<9> as *mut c_void),
        (ffi::Py_nb_and, binary::<10> as *mut c_void),
        (ffi::Py_nb_or, binary::<11> as *mut c_void),
        (ffi::Py_nb_xor, binary::<12> as *mut c_void),
        (ffi::Py_nb_inplace_add, binary::<13> as *mut c_void),
        (ffi::Py_nb_inplace_subtract, binary::<14> as *mut c_void),
        (ffi::Py_nb_inplace_multiply, binary::<15> as *mut c_void),
        (ffi::Py_nb_inplace_matrix_multiply, binary::<16> as *mut c_void),
        (ffi::Py_nb_inplace_true_divide, binary::<17> as *mut c_void),
        (ffi::Py_nb_inplace_floor_divide, binary::<18> as *mut c_void),
        (ffi::Py_nb_inplace_remainder, binary::<19> as *mut c_void),
        (ffi::Py_nb_inplace_lshift, binary::<20> as *mut c_void),
        (ffi::Py_nb_inplace_rshift, binary::<21> as *mut c_void),
        (ffi::Py_nb_inplace_and, binary::<22> as *mut c_void),
        (ffi::Py_nb_inplace_or, binary::<23> as *mut c_void),
        (ffi::Py_nb_inplace_xor, binary::<24> as *mut c_void),
        (ffi::Py_nb_power, pow as *mut c_void),
        (ffi::Py_nb_inplace_power, in_place_pow as *mut c_void),
        (ffi::Py_nb_negative, unary::<0> as *mut c_void),
        (ffi::Py_nb_positive, unary::<1> as *mut c_void),
        (ffi::Py_nb_invert, unary::<2> as *mut c_void),
        (ffi::Py_nb_absolute, unary::<3> as *mut c_void),
        (ffi::Py_nb_bool, is_true as *mut c_void),
        (ffi::Py_nb_int, int as *mut c_void),
        (ffi::Py_nb_float, float as *mut c_void),
        (ffi::Py_nb_index, index as *mut c_void),
        (ffi::Py_tp_richcompare, compare as *mut c_void),
    ]
}
