//! The frames of Python functions that run: which one does, who called it, and where the caller is.
//!
//! Their layout is not part of the stable interface either. [`can_be_read`] compares what this file reads with what
//! the public interface says; where it does not agree, nobody may read.

use super::{current_fields, FrameObject, State311, State312, State313};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{c_int, c_ulong, c_void};

const V12: c_ulong = 0x030C_0000;
const V13: c_ulong = 0x030D_0000;
/// The owner of a frame that stands on the C stack: it marks where C code called Python code.
const OWNED_BY_C_STACK: u8 = 3;

extern "C" {
    fn PyFrame_GetLasti(frame: *mut ffi::PyFrameObject) -> c_int;
    fn PyCode_Addr2Location(
        code: *mut ffi::PyObject,
        address: c_int,
        line: *mut c_int,
        column: *mut c_int,
        end_line: *mut c_int,
        end_column: *mut c_int,
    ) -> c_int;
    fn _PyInterpreterState_GetEvalFrameFunc(interpreter: *mut ffi::PyInterpreterState) -> *const c_void;
    fn _PyEval_EvalFrameDefault();
}

/// Start of a frame of CPython 3.11.
#[repr(C)]
struct Frame311 {
    function: *mut ffi::PyObject,
    namespaces: [*mut ffi::PyObject; 3],
    code: *mut ffi::PyObject,
    object: *mut c_void,
    previous: *mut c_void,
    instruction: usize,
    top: c_int,
    is_entry: bool,
    owner: u8,
}

/// Start of a frame of CPython 3.12 and 3.13.
#[repr(C)]
struct Frame312 {
    code: *mut ffi::PyObject,
    previous: *mut c_void,
    function: *mut ffi::PyObject,
    namespaces: [*mut ffi::PyObject; 3],
    object: *mut c_void,
    instruction: usize,
    top: c_int,
    return_offset: u16,
    owner: u8,
}

/// Start of a code object.
#[repr(C)]
struct Code {
    head: ffi::PyVarObject,
    constants: *mut ffi::PyObject,
}

/// A frame that runs, or waits for one that does.
#[derive(Clone, Copy)]
pub struct Frame(*mut c_void);

#[inline(always)]
fn version() -> c_ulong {
    // SAFETY: a constant of the interpreter.
    unsafe { ffi::Py_Version }
}

/// The frame that runs in a thread.
///
/// # Safety
/// The interpreter lock is held, the state is that of the current thread, and [`can_be_read`] agreed.
#[inline(always)]
pub unsafe fn frame(state: *mut ffi::PyThreadState) -> Frame {
    // SAFETY: the layouts are those of the named versions.
    unsafe {
        Frame(if version() >= V13 {
            (*state.cast::<State313>()).current_frame
        } else if version() >= V12 {
            (*(*state.cast::<State312>()).cframe).current_frame
        } else {
            (*(*state.cast::<State311>()).cframe).current_frame
        })
    }
}

impl Frame {
    /// What tells the frame from others that are alive.
    #[inline(always)]
    pub fn address(self) -> usize {
        self.0 as usize
    }

    /// Whether there is no frame.
    #[inline(always)]
    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// The frame below this one, of whatever kind.
    ///
    /// # Safety
    /// As for [`Frame::caller`].
    #[inline(always)]
    pub unsafe fn previous(self) -> Self {
        // SAFETY: as for `frame`.
        unsafe {
            if version() >= V12 {
                Self((*self.0.cast::<Frame312>()).previous)
            } else {
                Self((*self.0.cast::<Frame311>()).previous)
            }
        }
    }

    /// The frame that called this one, unless C code stands between the two.
    ///
    /// # Safety
    /// As for [`frame`]; the frame is alive.
    #[inline(always)]
    pub unsafe fn caller(self) -> Option<Self> {
        // SAFETY: as for `frame`.
        unsafe {
            if version() >= V12 {
                let previous = (*self.0.cast::<Frame312>()).previous;
                let is_python = !previous.is_null() && (*previous.cast::<Frame312>()).owner != OWNED_BY_C_STACK;
                is_python.then_some(Self(previous))
            } else {
                let this = self.0.cast::<Frame311>();
                let is_python = !(*this).is_entry && !(*this).previous.is_null();
                is_python.then_some(Self((*this).previous))
            }
        }
    }

    /// The function whose frame it is (borrowed).
    ///
    /// # Safety
    /// As for [`Frame::caller`].
    #[inline(always)]
    pub unsafe fn function(self) -> *mut ffi::PyObject {
        // SAFETY: as for `frame`.
        unsafe {
            if version() >= V12 {
                (*self.0.cast::<Frame312>()).function
            } else {
                (*self.0.cast::<Frame311>()).function
            }
        }
    }

    /// The address of the instruction that the frame is in the middle of.
    ///
    /// # Safety
    /// As for [`Frame::caller`].
    #[inline(always)]
    pub unsafe fn instruction(self) -> usize {
        // SAFETY: as for `frame`.
        unsafe {
            if version() >= V12 {
                (*self.0.cast::<Frame312>()).instruction
            } else {
                (*self.0.cast::<Frame311>()).instruction
            }
        }
    }

    unsafe fn code(self) -> *mut ffi::PyObject {
        // SAFETY: as for `frame`.
        unsafe {
            if version() >= V12 {
                (*self.0.cast::<Frame312>()).code
            } else {
                (*self.0.cast::<Frame311>()).code
            }
        }
    }

    /// How many bytes of instructions are before the one that the frame is in the middle of.
    unsafe fn offset(self) -> c_int {
        // SAFETY: instructions are the variable part of a code object, which begins after its fixed one.
        unsafe {
            let start = self.code().cast::<u8>().offset(ffi::PyCode_Type.tp_basicsize) as usize;
            self.instruction().wrapping_sub(start) as c_int
        }
    }

    /// Whether the frame only marks where C code called Python code.
    ///
    /// # Safety
    /// As for [`Frame::caller`].
    #[inline(always)]
    pub unsafe fn is_mark(self) -> bool {
        // SAFETY: as for `frame`.
        unsafe { version() >= V12 && (*self.0.cast::<Frame312>()).owner == OWNED_BY_C_STACK }
    }

    /// The code that the frame runs (borrowed), and how many bytes of it are before its instruction.
    ///
    /// # Safety
    /// As for [`Frame::caller`].
    pub unsafe fn place(self) -> Option<(*mut ffi::PyObject, c_int)> {
        // SAFETY: as for `frame`; the type is checked before the code is read.
        unsafe {
            let code = self.code();
            (ffi::Py_TYPE(code) == &raw mut ffi::PyCode_Type).then(|| (code, self.offset()))
        }
    }

    /// The address of the code's constants, and line and column (in bytes) where the text of the instruction ends.
    ///
    /// # Safety
    /// As for [`Frame::caller`].
    pub unsafe fn end_of_instruction(self) -> Option<(usize, u32, u32)> {
        // SAFETY: as for `frame`; the type is checked before the look-up.
        unsafe {
            let code = self.code();
            if ffi::Py_TYPE(code) != &raw mut ffi::PyCode_Type {
                return None;
            }
            let (mut line, mut column, mut end_line, mut end_column) = (-1, -1, -1, -1);
            let found = PyCode_Addr2Location(
                code,
                self.offset(),
                &raw mut line,
                &raw mut column,
                &raw mut end_line,
                &raw mut end_column,
            );
            let is_known = found != 0 && end_line > 0 && end_column >= 0;
            let constants = (*code.cast::<Code>()).constants;
            is_known.then_some((constants as usize, end_line as u32, end_column as u32))
        }
    }
}

/// Whether frames are where this file believes, calls between Python functions are the interpreter's own matter, and
/// instructions have columns.
///
/// Must be called from a function that Python code called.
pub fn can_be_read(py: Python<'_>) -> bool {
    if current_fields(py).is_none() {
        return false;
    }
    // SAFETY: the lock is held. What is read stands in live objects, and is compared before it is followed.
    unsafe {
        let evaluates = _PyInterpreterState_GetEvalFrameFunc(ffi::PyInterpreterState_Get());
        if evaluates != _PyEval_EvalFrameDefault as *const c_void {
            return false;
        }
        let object = ffi::PyEval_GetFrame();
        let running = frame(ffi::PyThreadState_Get());
        let code = ffi::PyFrame_GetCode(object);
        let back = ffi::PyFrame_GetBack(object);
        let agrees = (*object.cast::<FrameObject>()).frame == running.0
            && running.code() == code.cast()
            && running.offset() == PyFrame_GetLasti(object)
            && (back.is_null()
                || running.caller().is_none_or(|caller| (*back.cast::<FrameObject>()).frame == caller.0));
        ffi::Py_DECREF(code.cast());
        ffi::Py_XDECREF(back.cast());
        ffi::PyErr_Clear();
        agrees && has_columns(py)
    }
}

/// Whether code keeps its constants where this file believes, and columns of instructions.
fn has_columns(py: Python<'_>) -> bool {
    let ends = || -> PyResult<bool> {
        let code = py.import("builtins")?.getattr("compile")?.call1(("f()", "", "eval"))?;
        // SAFETY: a code object, alive here; only addresses are compared.
        if unsafe { (*code.as_ptr().cast::<Code>()).constants } != code.getattr("co_consts")?.as_ptr() {
            return Ok(false);
        }
        let positions = code.call_method0("co_positions")?;
        let last = positions.try_iter()?.last().transpose()?;
        last.map_or(Ok(false), |last| Ok(!last.get_item(3)?.is_none()))
    };
    ends().unwrap_or(false)
}
