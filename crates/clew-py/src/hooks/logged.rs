//! Calls whose effects need no attention and that are only logged.
//!
//! A callee hook gives a [`Logged`] in place of the callee, a method hook a [`StandIn`] in place of the object, whose
//! attribute is a [`Logged`]. Both pass everything on through vectorcall: no Python frame, the same exceptions.
//! They are made and dropped at every call, so their memory is used again.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::cell::UnsafeCell;
use std::sync::OnceLock;

use super::callee;
use super::site::Site;
use super::types::{make_callable_type, make_type, TypeObject};
use crate::recorder::events::{self, MAX_DEPTH};
use crate::recorder::recorder;

extern "C" {
    /// 1: a function of the type, to be called with the object first. 0: an attribute, or null with an error set.
    fn _PyObject_GetMethod(
        object: *mut ffi::PyObject,
        name: *mut ffi::PyObject,
        method: *mut *mut ffi::PyObject,
    ) -> std::ffi::c_int;
}

/// A callable that passes calls on and logs them.
#[repr(C)]
struct Logged {
    head: ffi::PyObject,
    vectorcall: Option<ffi::vectorcallfunc>,
    callee: *mut ffi::PyObject,
    /// What is passed as the first argument, or null.
    receiver: *mut ffi::PyObject,
    site: *mut Site,
}

/// Stands for the receiver of a method call between the look-up of the method and the call.
#[repr(C)]
struct StandIn {
    head: ffi::PyObject,
    object: *mut ffi::PyObject,
    site: *mut Site,
}

const SPARE: usize = 64;

/// Memory of dead objects of one size.
struct Pool {
    spare: [*mut ffi::PyObject; SPARE],
    n_spare: usize,
}

struct Shared<T>(UnsafeCell<T>);
// SAFETY: used with the interpreter lock held.
unsafe impl<T> Sync for Shared<T> {}

static CALLABLES: Shared<Pool> = Shared(UnsafeCell::new(Pool { spare: [std::ptr::null_mut(); SPARE], n_spare: 0 }));
static STAND_INS: Shared<Pool> = Shared(UnsafeCell::new(Pool { spare: [std::ptr::null_mut(); SPARE], n_spare: 0 }));

impl Pool {
    /// A new object of the type (one reference) with nothing but its head, or null with an error set.
    #[inline]
    unsafe fn take(&mut self, tp: *mut ffi::PyTypeObject, size: usize) -> *mut ffi::PyObject {
        // SAFETY: memory of `size` bytes from the object allocator.
        unsafe {
            let memory = if self.n_spare > 0 {
                self.n_spare -= 1;
                self.spare[self.n_spare]
            } else {
                ffi::PyObject_Malloc(size).cast()
            };
            if memory.is_null() {
                return ffi::PyErr_NoMemory();
            }
            ffi::PyObject_Init(memory, tp)
        }
    }

    #[inline]
    unsafe fn give(&mut self, object: *mut ffi::PyObject) {
        // SAFETY: the object is dead, and was made by `take`.
        unsafe {
            ffi::Py_DECREF(ffi::Py_TYPE(object).cast());
            if self.n_spare < SPARE {
                self.spare[self.n_spare] = object;
                self.n_spare += 1;
            } else {
                ffi::PyObject_Free(object.cast());
            }
        }
    }
}

struct Types {
    logged: TypeObject,
    stand_in: TypeObject,
}

static TYPES: OnceLock<Types> = OnceLock::new();

fn types() -> &'static Types {
    TYPES.get_or_init(|| Types {
        logged: make_callable_type(
            c"clew._clew.Logged",
            size_of::<Logged>(),
            std::mem::offset_of!(Logged, vectorcall),
            logged_dealloc,
            logged_getattr,
        ),
        stand_in: make_type(
            c"clew._clew.StandIn",
            size_of::<StandIn>(),
            0,
            &[(ffi::Py_tp_dealloc, stand_in_dealloc as *mut _), (ffi::Py_tp_getattro, stand_in_getattr as *mut _)],
        ),
    })
}

unsafe extern "C" fn logged_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the last reference is gone; every field holds a reference or null.
    unsafe {
        let this = object.cast::<Logged>();
        let (callee, receiver, site) = ((*this).callee, (*this).receiver, (*this).site);
        (*CALLABLES.0.get()).give(object);
        ffi::Py_DECREF(callee);
        ffi::Py_XDECREF(receiver);
        ffi::Py_DECREF(site.cast());
    }
}

/// Error messages of the interpreter name the callee: attributes are the callee's.
unsafe extern "C" fn logged_getattr(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects.
    unsafe { ffi::PyObject_GetAttr((*object.cast::<Logged>()).callee, name) }
}

unsafe extern "C" fn stand_in_dealloc(object: *mut ffi::PyObject) {
    // SAFETY: as for `logged_dealloc`.
    unsafe {
        let this = object.cast::<StandIn>();
        let (inner, site) = ((*this).object, (*this).site);
        (*STAND_INS.0.get()).give(object);
        ffi::Py_DECREF(inner);
        ffi::Py_DECREF(site.cast());
    }
}

/// Takes over the reference to `callee`.
unsafe fn logged(callee: *mut ffi::PyObject, receiver: *mut ffi::PyObject, site: *mut Site) -> *mut ffi::PyObject {
    // SAFETY: all fields are set before anybody sees the object.
    unsafe {
        let made = (*CALLABLES.0.get()).take(types().logged.0, size_of::<Logged>()).cast::<Logged>();
        if made.is_null() {
            ffi::Py_DECREF(callee);
            return made.cast();
        }
        (*made).vectorcall = Some(forward);
        (*made).callee = callee;
        ffi::Py_XINCREF(receiver);
        (*made).receiver = receiver;
        ffi::Py_INCREF(site.cast());
        (*made).site = site;
        made.cast()
    }
}

/// The method bound to its receiver. Takes over the reference to the method.
unsafe fn bind(method: *mut ffi::PyObject, receiver: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: live objects.
    unsafe {
        let bound = match (*ffi::Py_TYPE(method)).tp_descr_get {
            Some(get) => get(method, receiver, ffi::Py_TYPE(receiver).cast()),
            None => ffi::Py_NewRef(method),
        };
        ffi::Py_DECREF(method);
        bound
    }
}

/// Whether calls at the site may be passed on: not when so many are open already that the C stack might not do.
#[inline]
unsafe fn may_log(site: *mut Site) -> bool {
    // SAFETY: hooks run with the interpreter lock held; the site is alive.
    unsafe { events::current((*site).recording).is_some_and(|events| events.depth < MAX_DEPTH) }
}

/// Whether the callee logs its own beginning, and the site the end.
#[inline]
pub unsafe fn logs_itself(site: *mut Site, callee: *mut ffi::PyObject) -> bool {
    // SAFETY: the type is checked before the cast.
    unsafe {
        (*site).ends && ffi::Py_TYPE(callee) == &raw mut ffi::PyFunction_Type && {
            let code = (*callee.cast::<ffi::PyFunctionObject>()).func_code as usize;
            let known = events::current((*site).recording);
            known.is_some_and(|events| events.natives.logs_itself(code))
        }
    }
}

/// The callee as a call that is logged should see it (new reference).
///
/// # Safety
/// The interpreter lock is held; both are alive.
pub unsafe fn wrap(callee: *mut ffi::PyObject, site: *mut Site) -> *mut ffi::PyObject {
    // SAFETY: as promised.
    unsafe {
        if may_log(site) && !(logs_itself(site, callee)) {
            logged(ffi::Py_NewRef(callee), std::ptr::null_mut(), site)
        } else {
            ffi::Py_NewRef(callee)
        }
    }
}

/// The receiver of a method call that is logged (new reference).
///
/// # Safety
/// The interpreter lock is held; both are alive.
pub unsafe fn wrap_receiver(object: *mut ffi::PyObject, site: *mut Site) -> *mut ffi::PyObject {
    // SAFETY: all fields are set before anybody sees the object.
    unsafe {
        if !may_log(site) {
            return ffi::Py_NewRef(object);
        }
        let made = (*STAND_INS.0.get()).take(types().stand_in.0, size_of::<StandIn>()).cast::<StandIn>();
        if !made.is_null() {
            ffi::Py_INCREF(object);
            (*made).object = object;
            ffi::Py_INCREF(site.cast());
            (*made).site = site;
        }
        made.cast()
    }
}

/// Hook before `f(...)` that only logs.
pub unsafe extern "C" fn callee(site: *mut ffi::PyObject, f: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        super::erasing::tick();
        wrap(f, site.cast())
    }
}

/// Hook on the receiver of `x.name(...)` that only logs.
pub unsafe extern "C" fn method(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        super::erasing::tick();
        let site = site.cast::<Site>();
        if (*site).ends {
            let tp = ffi::Py_TYPE(object);
            if (*site).cached != tp as usize || (*site).version != (*tp).tp_version_tag || (*site).version == 0 {
                callee::redecide(site, tp, callee::decide_logged);
            }
            if (*site).decision == callee::decision::LOGS_ITSELF {
                return ffi::Py_NewRef(object);
            }
        }
        wrap_receiver(object, site)
    }
}

/// The method of an object as its call should see it, looked up as the interpreter does (new reference).
unsafe extern "C" fn stand_in_getattr(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects.
    unsafe {
        let this = object.cast::<StandIn>();
        let (inner, site) = ((*this).object, (*this).site);
        let mut method = std::ptr::null_mut();
        let is_unbound = _PyObject_GetMethod(inner, name, &raw mut method) == 1;
        if method.is_null() {
            return method;
        }
        logged(method, if is_unbound { inner } else { std::ptr::null_mut() }, site)
    }
}

unsafe extern "C" fn forward(
    object: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter keeps the callable and the arguments alive through the call.
    unsafe {
        let this = object.cast::<Logged>();
        let (callee, receiver, site) = ((*this).callee, (*this).receiver, (*this).site);
        let n_args = ffi::PyVectorcall_NARGS(nargsf) as usize;
        let log = events::current((*site).recording);
        let begun = log.map(|events| {
            let n_keywords = if kwnames.is_null() { 0 } else { ffi::PyTuple_Size(kwnames) as usize };
            let name = events.begin(site, callee, receiver, args, n_args + n_keywords);
            (name, events.n_open())
        });
        let result = if receiver.is_null() {
            ffi::PyObject_Vectorcall(callee, args, nargsf, kwnames)
        } else {
            call_method(callee, receiver, args, nargsf, kwnames)
        };
        if let Some((name, n_open)) = begun {
            note_end(site, name, n_open, result);
        }
        result
    }
}

/// Does a call of a builtin and logs it.
pub unsafe extern "C" fn call(
    site: *mut ffi::PyObject,
    args: *mut *mut ffi::PyObject,
    n: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: the rewriter passes the callee and its arguments, which the interpreter keeps alive through the call. The
    // flag allows the place of the callee to be used for the time of it.
    unsafe {
        super::erasing::tick();
        let site = site.cast::<Site>();
        let (callee, args, n_args) = (*args, args.add(1), n as usize - 1);
        let nargsf = n_args | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let Some(events) = events::current((*site).recording).filter(|events| events.depth < MAX_DEPTH) else {
            let callee = wrap(callee, site);
            if callee.is_null() {
                return callee;
            }
            let result = ffi::PyObject_Vectorcall(callee, args, nargsf, std::ptr::null_mut());
            ffi::Py_DECREF(callee);
            return result;
        };
        let name = events.begin(site, callee, callee::bound_receiver(callee), args, n_args);
        let n_open = events.n_open();
        let result = ffi::PyObject_Vectorcall(callee, args, nargsf, std::ptr::null_mut());
        note_end(site, name, n_open, result);
        result
    }
}

/// Notes the end of a call that this file passed on; `n_open` calls were open that the interpreter carries out itself.
#[inline(always)]
unsafe fn note_end(site: *mut Site, name: u32, n_open: usize, result: *mut ffi::PyObject) {
    // SAFETY: called with live objects, after the call.
    unsafe {
        if let Some(events) = events::current((*site).recording) {
            events.settle(n_open, if result.is_null() { ffi::PyErr_Occurred().cast() } else { std::ptr::null_mut() });
            events.end(site, name, result);
        }
    }
}

/// Calls an unbound method with its receiver in front of the arguments.
unsafe fn call_method(
    method: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargsf: usize,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let n_args = ffi::PyVectorcall_NARGS(nargsf) as usize;
    // SAFETY: parts of a live call. The flag says that the place before the arguments may be used for the time of it.
    unsafe {
        if nargsf & ffi::PY_VECTORCALL_ARGUMENTS_OFFSET != 0 {
            let all = args.sub(1).cast_mut();
            let before = std::mem::replace(&mut *all, receiver);
            let result = ffi::PyObject_Vectorcall(method, all, n_args + 1, kwnames);
            *all = before;
            return result;
        }
        let n_keywords = if kwnames.is_null() { 0 } else { ffi::PyTuple_Size(kwnames) as usize };
        let mut all = Vec::with_capacity(1 + n_args + n_keywords);
        all.push(receiver);
        all.extend_from_slice(std::slice::from_raw_parts(args, n_args + n_keywords));
        ffi::PyObject_Vectorcall(method, all.as_ptr(), n_args + 1, kwnames)
    }
}

/// The method of an object for a forwarder: user code is only logged, the rest is the caller's (with its reference).
///
/// # Safety
/// As for [`wrap`].
pub unsafe fn user_method(object: *mut ffi::PyObject, name: *mut ffi::PyObject, site: *mut Site) -> *mut ffi::PyObject {
    // SAFETY: as promised.
    unsafe {
        let mut method = std::ptr::null_mut();
        if _PyObject_GetMethod(object, name, &raw mut method) == 0 {
            return method;
        }
        let is_user = recorder().is_some_and(|recorder| callee::function_is_user(recorder, method));
        if is_user && may_log(site) {
            return logged(method, object, site);
        }
        bind(method, object)
    }
}

/// The type of callables that log, which need no hook.
pub fn logged_type() -> *mut ffi::PyTypeObject {
    types().logged.0
}
