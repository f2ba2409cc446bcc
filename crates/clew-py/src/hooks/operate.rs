//! Operations that a hook does in place of the program, so that operands and result are logged in one call.
//!
//! Each does what the interpreter's own instruction does when it is not specialised, through the same function, so that
//! special methods, errors and their messages are the same. Operands are described first: the operation may change them.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::ffi::c_int;

use super::site::Site;
use crate::recorder::events;
use clew_syntax::hooks::Operation;
use clew_trace::log::{flags, EventKind, ValueRef};

type Object = *mut ffi::PyObject;

/// The function of a hook: fastcall.
pub type OperationFn = unsafe extern "C" fn(Object, *mut Object, ffi::Py_ssize_t) -> Object;

/// Logs an operation around doing it. Behind the operands may be the objects that some of them were loaded from.
#[inline(always)]
unsafe fn logged<const N: usize>(
    site: Object,
    args: *mut Object,
    n: ffi::Py_ssize_t,
    run: impl FnOnce([Object; N]) -> Object,
) -> Object {
    // SAFETY: called by the interpreter with live objects; the site is ours; the recorder is not borrowed while the
    // operation runs.
    unsafe {
        super::erasing::tick();
        let site = site.cast::<Site>();
        let operands: [Object; N] = std::array::from_fn(|i| *args.add(i));
        let Some(events) = events::current((*site).recording) else { return run(operands) };
        let mut values = [ValueRef::ABSENT; 3];
        for (value, operand) in values.iter_mut().zip(operands) {
            *value = events.value(operand);
        }
        if n as usize > N {
            events.loads(site, &values, args.add(N));
        }
        let result = run(operands);
        let Some(events) = events::current((*site).recording) else { return result };
        if result.is_null() {
            events.note(site, EventKind::Operation, values, N as u16, flags::UNFINISHED);
        } else {
            values[N.min(2)] = events.value(result);
            events.operation(site, values, N as u16 + 1);
        }
        result
    }
}

#[inline(always)]
unsafe fn is_float(object: Object) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::Py_TYPE(object) == &raw mut ffi::PyFloat_Type }
}

#[inline(always)]
unsafe fn float(object: Object) -> f64 {
    // SAFETY: checked by the caller to be a float.
    unsafe { (*object.cast::<ffi::PyFloatObject>()).ob_fval }
}

macro_rules! binary {
    ($($name:ident: $function:path),* $(,)?) => {
        $(unsafe extern "C" fn $name(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
            // SAFETY: the rewriter passes two operands.
            unsafe {
                logged(site, args, n, |[left, right]| $function(left, right))
            }
        })*
    };
}

/// The same with a short way for two floats, for which the operation has only one meaning.
macro_rules! arithmetic {
    ($($name:ident: $function:path, $operator:tt),* $(,)?) => {
        $(unsafe extern "C" fn $name(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
            // SAFETY: the rewriter passes two operands.
            unsafe {
                logged(site, args, n, |[left, right]| {
                    if is_float(left) && is_float(right) {
                        ffi::PyFloat_FromDouble(float(left) $operator float(right))
                    } else {
                        $function(left, right)
                    }
                })
            }
        })*
    };
}

macro_rules! comparison {
    ($($name:ident: $code:expr),* $(,)?) => {
        $(unsafe extern "C" fn $name(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
            // SAFETY: the rewriter passes two operands.
            unsafe {
                let result = logged(site, args, n, |[left, right]| ffi::PyObject_RichCompare(left, right, $code));
                if (*site.cast::<Site>()).update { truth_of(result) } else { result }
            }
        })*
    };
}

arithmetic! {
    add: ffi::PyNumber_Add, +,
    subtract: ffi::PyNumber_Subtract, -,
    multiply: ffi::PyNumber_Multiply, *,
    add_in_place: ffi::PyNumber_InPlaceAdd, +,
    subtract_in_place: ffi::PyNumber_InPlaceSubtract, -,
    multiply_in_place: ffi::PyNumber_InPlaceMultiply, *,
}

binary! {
    matrix_multiply: ffi::PyNumber_MatrixMultiply,
    divide: ffi::PyNumber_TrueDivide,
    floor_divide: ffi::PyNumber_FloorDivide,
    remainder: ffi::PyNumber_Remainder,
    power: raise_to,
    left_shift: ffi::PyNumber_Lshift,
    right_shift: ffi::PyNumber_Rshift,
    and: ffi::PyNumber_And,
    or: ffi::PyNumber_Or,
    xor: ffi::PyNumber_Xor,
    matrix_multiply_in_place: ffi::PyNumber_InPlaceMatrixMultiply,
    divide_in_place: ffi::PyNumber_InPlaceTrueDivide,
    floor_divide_in_place: ffi::PyNumber_InPlaceFloorDivide,
    remainder_in_place: ffi::PyNumber_InPlaceRemainder,
    power_in_place: raise_in_place,
    left_shift_in_place: ffi::PyNumber_InPlaceLshift,
    right_shift_in_place: ffi::PyNumber_InPlaceRshift,
    and_in_place: ffi::PyNumber_InPlaceAnd,
    or_in_place: ffi::PyNumber_InPlaceOr,
    xor_in_place: ffi::PyNumber_InPlaceXor,
    is: is_same,
    is_not: is_other,
    holds: contains_item,
    lacks: lacks_item,
    item: ffi::PyObject_GetItem,
}

comparison! {
    less: ffi::Py_LT,
    less_equal: ffi::Py_LE,
    equal: ffi::Py_EQ,
    not_equal: ffi::Py_NE,
    greater: ffi::Py_GT,
    greater_equal: ffi::Py_GE,
}

unsafe extern "C" fn raise_to(left: Object, right: Object) -> Object {
    // SAFETY: live operands.
    unsafe { ffi::PyNumber_Power(left, right, ffi::Py_None()) }
}

unsafe extern "C" fn raise_in_place(left: Object, right: Object) -> Object {
    // SAFETY: live operands.
    unsafe { ffi::PyNumber_InPlacePower(left, right, ffi::Py_None()) }
}

unsafe extern "C" fn is_same(left: Object, right: Object) -> Object {
    truth(left == right)
}

unsafe extern "C" fn is_other(left: Object, right: Object) -> Object {
    truth(left != right)
}

fn truth(value: bool) -> Object {
    // SAFETY: singletons.
    unsafe { ffi::Py_NewRef(if value { ffi::Py_True() } else { ffi::Py_False() }) }
}

/// The truth of what a test gave, which may be null with an error set (takes over the reference).
#[inline(always)]
pub unsafe fn truth_of(result: Object) -> Object {
    // SAFETY: a live object or null.
    unsafe {
        if result.is_null() || ffi::Py_TYPE(result) == &raw mut ffi::PyBool_Type {
            return result;
        }
        let answer = ffi::PyObject_IsTrue(result);
        ffi::Py_DECREF(result);
        match answer {
            answer if answer < 0 => std::ptr::null_mut(),
            answer => truth(answer == 1),
        }
    }
}

unsafe fn contains(container: Object, item: Object, wanted: c_int) -> Object {
    // SAFETY: live operands.
    match unsafe { ffi::PySequence_Contains(container, item) } {
        found if found < 0 => std::ptr::null_mut(),
        found => truth(found == wanted),
    }
}

unsafe extern "C" fn contains_item(item: Object, container: Object) -> Object {
    // SAFETY: live operands.
    unsafe { contains(container, item, 1) }
}

unsafe extern "C" fn lacks_item(item: Object, container: Object) -> Object {
    // SAFETY: live operands.
    unsafe { contains(container, item, 0) }
}

unsafe fn unary(site: Object, args: *mut Object, function: unsafe extern "C" fn(Object) -> Object) -> Object {
    // SAFETY: the rewriter passes one argument.
    unsafe { logged(site, args, 1, |[operand]| function(operand)) }
}

unsafe extern "C" fn negate(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: called by the interpreter.
    unsafe { unary(site, args, ffi::PyNumber_Negative) }
}

unsafe extern "C" fn plus(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: called by the interpreter.
    unsafe { unary(site, args, ffi::PyNumber_Positive) }
}

unsafe extern "C" fn invert(site: Object, args: *mut Object, _n: ffi::Py_ssize_t) -> Object {
    // SAFETY: called by the interpreter.
    unsafe { unary(site, args, ffi::PyNumber_Invert) }
}

/// `o[a:b]` and `o[a:b:c]`. The bounds follow the event, as further arguments.
unsafe extern "C" fn slice(site: Object, args: *mut Object, n: ffi::Py_ssize_t) -> Object {
    // SAFETY: the rewriter passes the object and two or three bounds.
    unsafe {
        let (object, from, to) = (*args, *args.add(1), *args.add(2));
        let step = if n > 3 { *args.add(3) } else { std::ptr::null_mut() };
        let key = ffi::PySlice_New(from, to, step);
        if key.is_null() {
            return key;
        }
        let mut operands = [object, key];
        let result = logged(site, operands.as_mut_ptr(), 2, |[object, key]| ffi::PyObject_GetItem(object, key));
        ffi::Py_DECREF(key);
        if let Some(events) = events::current((*site.cast::<Site>()).recording) {
            let step = if step.is_null() { ValueRef::ABSENT } else { events.value(step) };
            let bounds = [events.value(from), events.value(to), step];
            events.note(site.cast(), EventKind::Arguments, bounds, n as u16 - 1, 0);
        }
        result
    }
}

/// The function that does an operation.
pub fn function_of(operation: Operation) -> OperationFn {
    match operation {
        Operation::Add => add,
        Operation::Subtract => subtract,
        Operation::Multiply => multiply,
        Operation::MatrixMultiply => matrix_multiply,
        Operation::Divide => divide,
        Operation::FloorDivide => floor_divide,
        Operation::Remainder => remainder,
        Operation::Power => power,
        Operation::LeftShift => left_shift,
        Operation::RightShift => right_shift,
        Operation::And => and,
        Operation::Or => or,
        Operation::Xor => xor,
        Operation::AddInPlace => add_in_place,
        Operation::SubtractInPlace => subtract_in_place,
        Operation::MultiplyInPlace => multiply_in_place,
        Operation::MatrixMultiplyInPlace => matrix_multiply_in_place,
        Operation::DivideInPlace => divide_in_place,
        Operation::FloorDivideInPlace => floor_divide_in_place,
        Operation::RemainderInPlace => remainder_in_place,
        Operation::PowerInPlace => power_in_place,
        Operation::LeftShiftInPlace => left_shift_in_place,
        Operation::RightShiftInPlace => right_shift_in_place,
        Operation::AndInPlace => and_in_place,
        Operation::OrInPlace => or_in_place,
        Operation::XorInPlace => xor_in_place,
        Operation::Less => less,
        Operation::LessEqual => less_equal,
        Operation::Equal => equal,
        Operation::NotEqual => not_equal,
        Operation::Greater => greater,
        Operation::GreaterEqual => greater_equal,
        Operation::Is => is,
        Operation::IsNot => is_not,
        Operation::In => holds,
        Operation::NotIn => lacks,
        Operation::Negate => negate,
        Operation::Plus => plus,
        Operation::Invert => invert,
        Operation::Item => item,
        Operation::Slice => slice,
    }
}
