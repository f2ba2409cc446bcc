//! Iterators and context managers that re-establish the running unit around the ones they wrap.
//!
//! `for` headers at module level run again at each turn, and `__exit__` runs after the block: by then the
//! running unit is a statement of the block. A wrapper sets it back. Neither is visible to the program: a `for`
//! keeps its iterator to itself, and `with ... as x` binds what `__enter__` returns.

#![allow(unsafe_code)]

use pyo3::ffi;
use std::sync::OnceLock;

use super::site::Site;
use super::types::{make_type, TypeObject};
use super::{draw, heap, unpack};
use crate::recorder::hidden::{self, Scope};
use crate::recorder::inspect::{is_atom, module_of};
use crate::recorder::recorder;
use crate::recorder::units::{current_unit, enter_unit};
use crate::recorder::writes::{Strength, WHOLE};

/// Wraps what is iterated or entered, with the site it belongs to.
#[repr(C)]
struct Wrapper {
    head: ffi::PyObject,
    inner: *mut ffi::PyObject,
    container: *mut ffi::PyObject,
    site: *mut Site,
    /// For a manager: hidden states as they were before the block, or null.
    scope: *mut Scope,
    /// For a lazy iterator: what its last step found, or null.
    steady: *mut draw::Steady,
}

struct Types {
    iterator: TypeObject,
    manager: TypeObject,
}

static TYPES: OnceLock<Types> = OnceLock::new();

static mut METHODS: [ffi::PyMethodDef; 3] = [
    ffi::PyMethodDef {
        ml_name: c"__enter__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: enter },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: std::ptr::null(),
    },
    ffi::PyMethodDef {
        ml_name: c"__exit__".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: exit },
        ml_flags: ffi::METH_VARARGS,
        ml_doc: std::ptr::null(),
    },
    ffi::PyMethodDef::zeroed(),
];

fn types() -> &'static Types {
    TYPES.get_or_init(|| {
        let size = size_of::<Wrapper>();
        Types {
            iterator: make_type(
                c"clew._clew.Iterator",
                size,
                0,
                &[
                    (ffi::Py_tp_dealloc, dealloc as *mut _),
                    (ffi::Py_tp_iter, ffi::PyObject_SelfIter as *mut _),
                    (ffi::Py_tp_iternext, next as *mut _),
                ],
            ),
            manager: make_type(
                c"clew._clew.Manager",
                size,
                0,
                &[(ffi::Py_tp_dealloc, dealloc as *mut _), (ffi::Py_tp_methods, (&raw mut METHODS).cast())],
            ),
        }
    })
}

unsafe extern "C" fn dealloc(object: *mut ffi::PyObject) {
    // SAFETY: the last reference is gone.
    unsafe {
        let this = object.cast::<Wrapper>();
        let (inner, container, site) = ((*this).inner, (*this).container, (*this).site);
        drop(scope_of(this));
        if !(*this).steady.is_null() {
            drop(Box::from_raw((*this).steady));
        }
        let tp = ffi::Py_TYPE(object);
        ffi::PyObject_Free(object.cast());
        ffi::Py_DECREF(tp.cast());
        ffi::Py_XDECREF(inner);
        ffi::Py_XDECREF(container);
        ffi::Py_XDECREF(site.cast());
    }
}

/// Takes the remembered states out of a wrapper.
unsafe fn scope_of(this: *mut Wrapper) -> Option<Box<Scope>> {
    // SAFETY: the pointer is null or came from `Box::into_raw` in `enter`.
    unsafe {
        let scope = std::mem::replace(&mut (*this).scope, std::ptr::null_mut());
        (!scope.is_null()).then(|| Box::from_raw(scope))
    }
}

/// Takes over the references to `inner` and `container`.
unsafe fn wrapper(
    tp: *mut ffi::PyTypeObject,
    inner: *mut ffi::PyObject,
    container: *mut ffi::PyObject,
    site: *mut Site,
) -> *mut ffi::PyObject {
    // SAFETY: memory is initialised in full before anybody sees it.
    unsafe {
        let memory = ffi::PyObject_Malloc(size_of::<Wrapper>()).cast::<Wrapper>();
        if memory.is_null() {
            ffi::Py_DECREF(inner);
            ffi::Py_XDECREF(container);
            return ffi::PyErr_NoMemory();
        }
        ffi::PyObject_Init(memory.cast(), tp);
        (*memory).inner = inner;
        (*memory).container = container;
        ffi::Py_INCREF(site.cast());
        (*memory).site = site;
        (*memory).scope = std::ptr::null_mut();
        (*memory).steady = std::ptr::null_mut();
        memory.cast()
    }
}

/// Hook on the iterable of a `for` at module level.
pub unsafe extern "C" fn iterate(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        if is_atom(tp) || tp == &raw mut ffi::PyTuple_Type {
            return ffi::Py_NewRef(object);
        }
        heap::look(&*site.cast::<Site>(), object);
        let inner = ffi::PyObject_GetIter(object);
        if inner.is_null() {
            return inner;
        }
        let container = if inner == object { std::ptr::null_mut() } else { ffi::Py_NewRef(object) };
        wrapper(types().iterator.0, inner, container, site.cast())
    }
}

unsafe extern "C" fn next(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with a live wrapper.
    unsafe {
        let this = object.cast::<Wrapper>();
        let site = (*this).site;
        if !(*site).unit.is_null() {
            enter_unit((*site).unit);
        }
        if (*this).container.is_null() {
            if (*this).steady.is_null() {
                (*this).steady = Box::into_raw(Box::default());
            }
            draw::advance_again(current_unit(), (*this).inner, &mut *(*this).steady);
        } else {
            heap::look(&*site, (*this).container);
        }
        let item = match (*ffi::Py_TYPE((*this).inner)).tp_iternext {
            Some(next) => next((*this).inner),
            None => ffi::PyIter_Next((*this).inner),
        };
        if (*site).index > 0 && !item.is_null() {
            unpack::item(&*site, item, (*site).index);
        }
        item
    }
}

/// Hook on a context expression.
pub unsafe extern "C" fn manager(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        let names = super::names();
        let enters = !super::callee::type_lookup(tp, names.enter).is_null();
        if !enters || super::callee::type_lookup(tp, names.exit).is_null() {
            return ffi::Py_NewRef(object);
        }
        if !super::callee::type_lookup(tp, names.async_enter).is_null() {
            // It may be `async with` that asks: the manager stays, and counts as changed from here on.
            heap::write_whole(site.cast(), object);
            return ffi::Py_NewRef(object);
        }
        wrapper(types().manager.0, ffi::Py_NewRef(object), std::ptr::null_mut(), site.cast())
    }
}

/// The bound special method of the wrapped manager (new reference).
unsafe fn special(object: *mut ffi::PyObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: looked up on the type, as the interpreter does.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        let found = super::callee::type_lookup(tp, name);
        if found.is_null() {
            ffi::PyErr_SetObject(ffi::PyExc_AttributeError, name);
            return found;
        }
        match (*ffi::Py_TYPE(found)).tp_descr_get {
            Some(get) => get(found, object, tp.cast()),
            None => ffi::Py_NewRef(found),
        }
    }
}

unsafe extern "C" fn enter(object: *mut ffi::PyObject, _nothing: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with a live wrapper.
    unsafe {
        let this = object.cast::<Wrapper>();
        let method = special((*this).inner, super::names().enter);
        if method.is_null() {
            return method;
        }
        // Locks and files change nothing that is hidden.
        let module = module_of(ffi::Py_TYPE((*this).inner));
        let looks = !matches!(module.as_str(), "_io" | "_thread" | "builtins")
            && recorder().is_some_and(|recorder| recorder.hidden.is_manager_due((*this).site as usize));
        if looks {
            if let Some(scope) = hidden::enter(current_unit()) {
                (*this).scope = Box::into_raw(Box::new(scope));
            }
        }
        let result = ffi::PyObject_CallNoArgs(method);
        ffi::Py_DECREF(method);
        touched(this);
        if looks {
            hidden::entered(current_unit(), result);
        }
        result
    }
}

unsafe extern "C" fn exit(object: *mut ffi::PyObject, args: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with a live wrapper and a tuple of three.
    unsafe {
        let this = object.cast::<Wrapper>();
        let site = (*this).site;
        let scope = scope_of(this);
        if let Some(scope) = &scope {
            hidden::leaving(scope);
        }
        if !(*site).unit.is_null() {
            enter_unit((*site).unit);
        }
        let method = special((*this).inner, super::names().exit);
        if method.is_null() {
            return method;
        }
        let result = ffi::PyObject_Call(method, args, std::ptr::null_mut());
        ffi::Py_DECREF(method);
        touched(this);
        if let Some(scope) = &scope {
            hidden::left(current_unit(), scope);
        }
        let error = ffi::PyTuple_GetItem(args, 1);
        if !result.is_null()
            && !error.is_null()
            && error != ffi::Py_None()
            && ffi::PyExceptionInstance_Check(error) != 0
        {
            let swallowed = ffi::PyObject_IsTrue(result);
            if swallowed == 1 {
                super::marks::raised_at(site, error);
            } else if swallowed < 0 {
                ffi::PyErr_Clear();
            }
        }
        result
    }
}

/// Entering and leaving change a foreign manager, and what it writes into; user code tells for itself.
unsafe fn touched(this: *mut Wrapper) {
    // SAFETY: a live wrapper; a pending exception is set aside.
    unsafe {
        let unit = current_unit();
        let error = super::forward::Error::fetch();
        if let Some(recorder) = recorder() {
            let (site, inner) = ((*this).site, (*this).inner);
            recorder.write(unit, inner, WHOLE, Strength::Updates);
            super::stream::written(recorder, unit, inner, (*site).source, (*site).statement);
            recorder.check_random(unit);
        }
        error.restore();
    }
}
