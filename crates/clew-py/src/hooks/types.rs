//! How the types are made whose objects stand in the place of the program's own, and that of sites.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::ffi::{c_int, c_ulong, c_void, CStr};

/// A type that is made once and kept for the process.
pub struct TypeObject(pub *mut ffi::PyTypeObject);
// SAFETY: a heap type is immutable here and used with the interpreter lock held.
unsafe impl Send for TypeObject {}
// SAFETY: as above.
unsafe impl Sync for TypeObject {}

/// Makes a type that programs cannot make objects of: its slots by number.
pub fn make_type(name: &'static CStr, size: usize, flags: c_ulong, slots: &[(c_int, *mut c_void)]) -> TypeObject {
    let end = (0, std::ptr::null_mut());
    let mut slots: Vec<ffi::PyType_Slot> =
        slots.iter().chain([&end]).map(|&(slot, pfunc)| ffi::PyType_Slot { slot, pfunc }).collect();
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        basicsize: size as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION | flags) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification is complete and lives through the call.
    TypeObject(unsafe { ffi::PyType_FromSpec(&raw mut spec).cast() })
}

/// Makes a type whose objects are called through the vectorcall function that they hold at `offset`.
pub fn make_callable_type(
    name: &'static CStr,
    size: usize,
    offset: usize,
    dealloc: ffi::destructor,
    getattro: ffi::getattrofunc,
) -> TypeObject {
    let mut members = [
        ffi::PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: offset as isize,
            flags: ffi::Py_READONLY,
            doc: std::ptr::null(),
        },
        // SAFETY: an all-zero entry ends the table, which the type copies.
        unsafe { std::mem::zeroed() },
    ];
    let slots = [
        (ffi::Py_tp_dealloc, dealloc as *mut c_void),
        (ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        (ffi::Py_tp_getattro, getattro as *mut c_void),
        (ffi::Py_tp_members, members.as_mut_ptr().cast()),
    ];
    make_type(name, size, ffi::Py_TPFLAGS_HAVE_VECTORCALL, &slots)
}
