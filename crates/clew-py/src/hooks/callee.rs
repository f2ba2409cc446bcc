//! What is about to be called: user code stays native, builtin methods are looked up in quick tables, the rest
//! is forwarded with its specification. Decisions are cached in the site by callee or type.

#![allow(unsafe_code)]

use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::CStr;

use super::effects::{self, Quick};
use super::forward;
use super::heap;
use super::logged;
use super::site::Site;
use crate::recorder::inspect::{text_of, type_name};
use crate::recorder::units::current_unit;
use crate::recorder::writes::{Strength, WHOLE};
use crate::recorder::{recorder, Recorder};
use clew_trace::FlowKind;

/// `PyMethodObject`, which the bindings leave out.
#[repr(C)]
struct BoundMethod {
    head: ffi::PyObject,
    function: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
}

extern "C" {
    static mut PyMethod_Type: ffi::PyTypeObject;
    fn PyThreadState_EnterTracing(state: *mut ffi::PyThreadState);
    fn PyThreadState_LeaveTracing(state: *mut ffi::PyThreadState);
    fn _PyType_Lookup(tp: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// Decisions kept in [`Site::decision`].
pub mod decision {
    pub const NATIVE: u8 = 1;
    pub const NATIVE_WRITE: u8 = 2;
    pub const NATIVE_READ: u8 = 3;
    pub const NATIVE_WRITE_READ: u8 = 4;
    pub const FORWARD: u8 = 5;
    /// User code that logs its own beginning.
    pub const LOGS_ITSELF: u8 = 6;
}

/// Looks up a special or ordinary attribute on the type without running user code (borrowed, or null).
///
/// # Safety
/// The interpreter lock is held; `tp` and `name` are live.
pub unsafe fn type_lookup(tp: *mut ffi::PyTypeObject, name: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as promised.
    unsafe { _PyType_Lookup(tp, name) }
}

/// Whether the object is a function of user code.
///
/// # Safety
/// The interpreter lock is held; `function` is alive.
pub unsafe fn function_is_user(recorder: &Recorder, function: *mut ffi::PyObject) -> bool {
    // SAFETY: checked to be a Python function.
    unsafe {
        ffi::Py_TYPE(function) == &raw mut ffi::PyFunction_Type
            && recorder.user_codes.contains(&((*function.cast::<ffi::PyFunctionObject>()).func_code as usize))
    }
}

/// Whether calling `object` runs user code only, whose own hooks tell what it does.
unsafe fn runs_user_code(recorder: &Recorder, object: *mut ffi::PyObject) -> bool {
    // SAFETY: `object` is alive; no user code runs here.
    unsafe {
        let tp = ffi::Py_TYPE(object);
        if tp == &raw mut ffi::PyFunction_Type {
            return function_is_user(recorder, object);
        }
        if tp == &raw mut PyMethod_Type {
            return function_is_user(recorder, (*object.cast::<BoundMethod>()).function);
        }
        if (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
            return class_is_user(recorder, object.cast());
        }
        // An object that is called through a special method of its class.
        (*tp).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE != 0 && {
            let call = type_lookup(tp, crate::hooks::names().call);
            !call.is_null() && function_is_user(recorder, call)
        }
    }
}

/// A class whose construction is user code: made by `type`, with `__init__` of user code or `object`'s own parts.
unsafe fn class_is_user(recorder: &Recorder, class: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: `class` is a live type.
    unsafe {
        if (*class).tp_flags & ffi::Py_TPFLAGS_HEAPTYPE == 0 || ffi::Py_TYPE(class.cast()) != &raw mut ffi::PyType_Type
        {
            return false;
        }
        let object_new = ffi::PyBaseObject_Type.tp_new;
        let init = type_lookup(class, crate::hooks::names().init);
        let plain_new = (*class).tp_new.map(|f| f as usize) == object_new.map(|f| f as usize);
        plain_new && !init.is_null() && function_is_user(recorder, init)
    }
}

/// The address that identifies a callee, and whether it must be kept alive to stay valid.
unsafe fn identity(callee: *mut ffi::PyObject) -> (usize, bool) {
    // SAFETY: the type is checked before each cast.
    unsafe {
        let tp = ffi::Py_TYPE(callee);
        if ffi::PyCFunction_Check(callee) != 0 {
            return ((*callee.cast::<ffi::PyCFunctionObject>()).m_ml as usize, false);
        }
        if tp == &raw mut PyMethod_Type {
            return identity((*callee.cast::<BoundMethod>()).function);
        }
        if tp == &raw mut ffi::PyFunction_Type {
            let attributes = (*callee.cast::<ffi::PyFunctionObject>()).func_dict;
            // What a decorator made has the code of all that it made.
            if !attributes.is_null() && !ffi::PyDict_GetItemString(attributes, c"__wrapped__".as_ptr()).is_null() {
                return (callee as usize, true);
            }
            return ((*callee.cast::<ffi::PyFunctionObject>()).func_code as usize, true);
        }
        if (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
            return (callee as usize, true);
        }
        let name = type_name(tp);
        let lasting: [&[u8]; 4] = [
            b"numpy.ufunc",
            b"numpy._ArrayFunctionDispatcher",
            b"cython_function_or_method",
            b"_cython_3_0_0.cython_function_or_method",
        ];
        if lasting.contains(&name) || name.ends_with(b"cython_function_or_method") {
            return (callee as usize, true);
        }
        (tp as usize, true)
    }
}

/// The function behind a bound method (borrowed), or null.
///
/// # Safety
/// The interpreter lock is held; `callee` is alive.
pub unsafe fn bound_function(callee: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the type is checked before the cast.
    unsafe {
        if ffi::Py_TYPE(callee) == &raw mut PyMethod_Type {
            (*callee.cast::<BoundMethod>()).function
        } else {
            std::ptr::null_mut()
        }
    }
}

/// The receiver behind a bound callee (borrowed), or null.
///
/// # Safety
/// The interpreter lock is held; `callee` is alive.
pub unsafe fn bound_receiver(callee: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the type is checked before each cast.
    unsafe {
        if ffi::Py_TYPE(callee) == &raw mut PyMethod_Type {
            return (*callee.cast::<BoundMethod>()).receiver;
        }
        if ffi::PyCFunction_Check(callee) != 0 {
            let owner = (*callee.cast::<ffi::PyCFunctionObject>()).m_self;
            if !owner.is_null() && ffi::PyModule_Check(owner) == 0 && ffi::PyType_Check(owner) == 0 {
                return owner;
            }
        }
        std::ptr::null_mut()
    }
}

/// Whether the object is a bound method that is not user code.
///
/// # Safety
/// The interpreter lock is held; `object` is alive.
pub unsafe fn is_foreign_method(object: *mut ffi::PyObject) -> bool {
    // SAFETY: the type is checked before the cast.
    unsafe {
        ffi::Py_TYPE(object) == &raw mut PyMethod_Type
            && recorder().is_some_and(|it| !function_is_user(it, (*object.cast::<BoundMethod>()).function))
    }
}

/// While it lives, Python code that runs in this thread is not shown to the program's trace and profile functions.
pub struct Untraced(*mut ffi::PyThreadState);

impl Untraced {
    /// Begins.
    ///
    /// # Safety
    /// The interpreter lock is held, here and where it is dropped.
    pub unsafe fn begin() -> Self {
        // SAFETY: as promised.
        unsafe {
            let state = ffi::PyThreadState_Get();
            PyThreadState_EnterTracing(state);
            Self(state)
        }
    }
}

impl Drop for Untraced {
    fn drop(&mut self) {
        // SAFETY: the thread's own state, as `begin` promised.
        unsafe { PyThreadState_LeaveTracing(self.0) };
    }
}

/// The specification of a foreign callee, asked for once.
///
/// # Safety
/// The interpreter lock is held; pointers are live (`receiver` and the method's `name` may be null); no reference to
/// the recorder is alive.
pub unsafe fn spec_of(callee: *mut ffi::PyObject, receiver: *mut ffi::PyObject, name: *mut ffi::PyObject) -> u32 {
    // SAFETY: the lock is held; the recorder is not borrowed while the resolver runs.
    unsafe {
        let Some(recorder_ref) = recorder() else {
            return effects::UNKNOWN;
        };
        let (address, keep) = identity(callee);
        if let Some(id) = recorder_ref.specs.known(address) {
            return id;
        }
        let py = Python::assume_attached();
        recorder_ref.resolving = true;
        let name = (!name.is_null()).then(|| text_of(name));
        let untraced = Untraced::begin();
        let resolver = recorder_ref.specs.resolver(py);
        let spec = resolver.and_then(|resolver| {
            let error = forward::Error::fetch();
            let callee = Bound::from_borrowed_ptr(py, callee);
            let kind = (!receiver.is_null()).then(|| Bound::from_borrowed_ptr(py, ffi::Py_TYPE(receiver).cast()));
            let answer = effects::resolve(py, &resolver, &callee, kind.as_ref(), name.as_deref());
            ffi::PyErr_Clear();
            error.restore();
            answer
        });
        drop(untraced);
        let Some(recorder_ref) = recorder() else {
            return effects::UNKNOWN;
        };
        recorder_ref.resolving = false;
        let id = spec.map_or(effects::UNKNOWN, |spec| recorder_ref.specs.add(spec));
        if keep {
            ffi::Py_INCREF(address as *mut ffi::PyObject);
        }
        recorder_ref.specs.remember(address, id);
        id
    }
}

/// Whether the user has said what calls of it do.
unsafe fn is_annotated(callee: *mut ffi::PyObject) -> bool {
    // SAFETY: called by hooks with live objects.
    unsafe {
        let (address, _) = identity(callee);
        recorder().is_some_and(|recorder| {
            recorder.specs.known(address).is_some_and(|id| recorder.specs.spec(id).annotation.is_some())
        })
    }
}

/// What a plain call may change besides its arguments (borrowed), or null: the object that is called, or the
/// namespace of a function that was made of text and belongs to no module.
unsafe fn state_of(callee: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the type is checked before each cast; errors are cleared.
    unsafe {
        let tp = ffi::Py_TYPE(callee);
        if tp == &raw mut ffi::PyFunction_Type {
            let namespace = (*callee.cast::<ffi::PyFunctionObject>()).func_globals;
            let name = ffi::PyDict_GetItemString(namespace, c"__name__".as_ptr());
            let module = if name.is_null() { name } else { ffi::PyDict_GetItem(ffi::PyImport_GetModuleDict(), name) };
            let is_module =
                !module.is_null() && ffi::PyModule_Check(module) != 0 && ffi::PyModule_GetDict(module) == namespace;
            return if is_module { std::ptr::null_mut() } else { namespace };
        }
        let (address, _) = identity(callee);
        if address == tp as usize {
            callee
        } else {
            std::ptr::null_mut()
        }
    }
}

/// A callee as the call should see it: itself, or a forwarder (new reference).
///
/// # Safety
/// The interpreter lock is held; pointers are live, `receiver` may be null.
pub unsafe fn wrap(site: *mut Site, callee: *mut ffi::PyObject, receiver: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as promised.
    unsafe {
        let Some(recorder_ref) = recorder() else {
            return ffi::Py_NewRef(callee);
        };
        if runs_user_code(recorder_ref, callee) {
            return native(site, callee);
        }
        let tp = ffi::Py_TYPE(callee);
        if tp == super::forward::forwarder_type() || tp == logged::logged_type() {
            return ffi::Py_NewRef(callee);
        }
        // A function of a module is no method of it.
        let is_module = !receiver.is_null() && ffi::PyModule_Check(receiver) != 0;
        let bound = bound_receiver(callee);
        let receiver = if !bound.is_null() {
            bound
        } else if is_module {
            std::ptr::null_mut()
        } else {
            receiver
        };
        let spec = spec_of(callee, receiver, (*site).name);
        let receiver = if receiver.is_null() { state_of(callee) } else { receiver };
        let Some(recorder_ref) = recorder() else {
            return ffi::Py_NewRef(callee);
        };
        if forward::is_native(recorder_ref, site, spec) {
            if !bound.is_null() {
                // A method that was taken from its object before: nobody has looked at the object since.
                let owner = recorder_ref.owner(bound);
                recorder_ref.read_address(current_unit(), owner as usize, WHOLE, FlowKind::Data);
            }
            return native(site, callee);
        }
        forward::forwarder(callee, receiver, site, spec)
    }
}

/// A callee that needs no attention: itself, or, where calls are logged, what logs its calls (new reference).
#[inline]
unsafe fn native(site: *mut Site, callee: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by hooks with live objects.
    unsafe {
        if (*site).logged {
            logged::wrap(callee, site)
        } else {
            ffi::Py_NewRef(callee)
        }
    }
}

/// The receiver of a method that needs no attention, as [`native`] (new reference).
#[inline]
unsafe fn native_receiver(site: *mut Site, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by hooks with live objects.
    unsafe {
        if (*site).logged {
            logged::wrap_receiver(object, site)
        } else {
            ffi::Py_NewRef(object)
        }
    }
}

/// Whether the function is a bound method of a builtin container that changes it and only stores its arguments
/// (`append = items.append`).
unsafe fn changes_its_receiver(site: *mut Site, function: *mut ffi::PyObject) -> bool {
    // SAFETY: a live object of the type of functions written in C.
    unsafe {
        let function = function.cast::<ffi::PyCFunctionObject>();
        let receiver = (*function).m_self;
        if receiver.is_null() || ffi::PyModule_Check(receiver) != 0 {
            return false;
        }
        let tp = ffi::Py_TYPE(receiver);
        let (definition, version) = ((*function).m_ml as usize, (*tp).tp_version_tag);
        if ((*site).cached, (*site).version, (*site).decision) == (definition, version, decision::NATIVE_WRITE) {
            return version != 0;
        }
        let name = CStr::from_ptr((*(*function).m_ml).ml_name).to_str();
        let changes = name.is_ok_and(|name| effects::quick(tp, name) == Some(Quick::Writes));
        if changes {
            ((*site).cached, (*site).version, (*site).decision) = (definition, version, decision::NATIVE_WRITE);
        }
        changes
    }
}

/// Hook before `f(...)`: `f`, or a forwarder.
pub unsafe extern "C" fn callee(site: *mut ffi::PyObject, f: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        let site = site.cast::<Site>();
        let tp = ffi::Py_TYPE(f);
        if tp == &raw mut ffi::PyFunction_Type {
            let code = (*f.cast::<ffi::PyFunctionObject>()).func_code as usize;
            if (*site).cached == code && (*site).decision == decision::NATIVE {
                return native(site, f);
            }
            if let Some(recorder) = recorder() {
                if recorder.user_codes.contains(&code) {
                    (*site).cached = code;
                    (*site).decision = decision::NATIVE;
                    return native(site, f);
                }
            }
        } else if (*site).cached == f as usize && (*site).decision == decision::NATIVE {
            return native(site, f);
        }
        if tp == &raw mut ffi::PyCFunction_Type && changes_its_receiver(site, f) {
            heap::write_whole(site, (*f.cast::<ffi::PyCFunctionObject>()).m_self);
            return native(site, f);
        }
        current_unit();
        heap::look(&*site, f);
        let result = wrap(site, f, std::ptr::null_mut());
        let is_native = result == f || ffi::Py_TYPE(result) == logged::logged_type();
        if is_native && (*tp).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 && !is_annotated(f) {
            (*site).cached = f as usize;
            (*site).decision = decision::NATIVE;
        }
        result
    }
}

/// Hook on the receiver of `x.name(...)`: `x`, or a stand-in whose attribute is a forwarder.
pub unsafe extern "C" fn method(site: *mut ffi::PyObject, object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by the interpreter with live objects; the site is ours.
    unsafe {
        super::erasing::tick();
        let site = site.cast::<Site>();
        heap::look(&*site, object);
        let tp = ffi::Py_TYPE(object);
        if (*site).cached != tp as usize || (*site).version != (*tp).tp_version_tag || (*tp).tp_version_tag == 0 {
            redecide(site, tp, decide);
        }
        match (*site).decision {
            decision::LOGS_ITSELF => ffi::Py_NewRef(object),
            decision::NATIVE => native_receiver(site, object),
            decision::NATIVE_WRITE => {
                heap::write_whole(site, object);
                native_receiver(site, object)
            }
            decision::NATIVE_READ => {
                crate::recorder::walk::read_deep_now(object, crate::recorder::walk::Reach::NotUserObjects);
                native_receiver(site, object)
            }
            decision::NATIVE_WRITE_READ => {
                crate::recorder::walk::read_deep_now(object, crate::recorder::walk::Reach::NotUserObjects);
                heap::write_whole(site, object);
                native_receiver(site, object)
            }
            _ => forward::receiver(object, site),
        }
    }
}

/// Another type than the last time: swaps in what was decided for it before, or decides.
///
/// # Safety
/// The interpreter lock is held; both are live.
#[inline(never)]
pub unsafe fn redecide(
    site: *mut Site,
    tp: *mut ffi::PyTypeObject,
    decide: unsafe fn(*mut Site, *mut ffi::PyTypeObject),
) {
    // SAFETY: as promised.
    unsafe {
        let former = ((*site).cached, (*site).version, (*site).decision);
        let wanted = (tp as usize, (*tp).tp_version_tag);
        let others = &mut (*site).others;
        if wanted.1 != 0 {
            if let Some(slot) = others.iter_mut().find(|slot| (slot.0, slot.1) == wanted) {
                let found = std::mem::replace(slot, former);
                ((*site).cached, (*site).version, (*site).decision) = found;
                return;
            }
        }
        others.rotate_right(1);
        others[0] = former;
        decide(site, tp);
    }
}

unsafe fn decide(site: *mut Site, tp: *mut ffi::PyTypeObject) {
    // SAFETY: called by `method` with live objects.
    unsafe {
        let found = type_lookup(tp, (*site).name);
        (*site).cached = tp as usize;
        (*site).version = (*tp).tp_version_tag;
        (*site).decision = decision::FORWARD;
        let name = text_of((*site).name);
        let owner = defining_type(found);
        let is_inherited = !owner.is_null() && owner != tp;
        let quick = match recorder() {
            Some(recorder) if is_inherited && recorder.method_may_be_shadowed(&name) => None,
            _ => effects::quick(if is_inherited { owner } else { tp }, &name),
        };
        match quick {
            Some(Quick::Native) => (*site).decision = decision::NATIVE,
            Some(Quick::Writes) => (*site).decision = decision::NATIVE_WRITE,
            Some(Quick::WritesAndReads) if name == "sort" => (*site).decision = decision::NATIVE_WRITE_READ,
            Some(Quick::WritesAndReads | Quick::Reads) => {}
            None => {
                let Some(recorder) = recorder() else { return };
                if !found.is_null() && is_user_attribute(recorder, found) && !recorder.method_may_be_shadowed(&name) {
                    let itself = logged::logs_itself(site, found);
                    (*site).decision = if itself { decision::LOGS_ITSELF } else { decision::NATIVE };
                }
            }
        }
    }
}

/// As [`decide`], where it is known that the method is user code or a builtin that only the log need know of.
///
/// # Safety
/// As for [`redecide`].
pub unsafe fn decide_logged(site: *mut Site, tp: *mut ffi::PyTypeObject) {
    // SAFETY: as promised.
    unsafe {
        let found = type_lookup(tp, (*site).name);
        let itself = !found.is_null()
            && logged::logs_itself(site, found)
            && recorder().is_some_and(|recorder| !recorder.method_may_be_shadowed(&text_of((*site).name)));
        (*site).cached = tp as usize;
        (*site).version = (*tp).tp_version_tag;
        (*site).decision = if itself { decision::LOGS_ITSELF } else { decision::NATIVE };
    }
}

/// The type that defines a method written in C (borrowed), or null.
unsafe fn defining_type(found: *mut ffi::PyObject) -> *mut ffi::PyTypeObject {
    // SAFETY: every descriptor begins with the type that it belongs to.
    unsafe {
        if found.is_null() || ffi::Py_TYPE(found) != &raw mut ffi::PyMethodDescr_Type {
            return std::ptr::null_mut();
        }
        *found.add(1).cast::<*mut ffi::PyTypeObject>()
    }
}

unsafe fn is_user_attribute(recorder: &Recorder, found: *mut ffi::PyObject) -> bool {
    // SAFETY: `found` is a live class attribute.
    unsafe {
        let tp = ffi::Py_TYPE(found);
        if tp == &raw mut ffi::PyFunction_Type {
            return function_is_user(recorder, found);
        }
        if tp == &raw mut ffi::PyClassMethod_Type || tp == &raw mut ffi::PyStaticMethod_Type {
            // Both begin with the callable they wrap.
            let inner = *found.add(1).cast::<*mut ffi::PyObject>();
            return !inner.is_null() && function_is_user(recorder, inner);
        }
        false
    }
}

/// Records a mutation by a method that stayed native.
///
/// # Safety
/// The interpreter lock is held; both are live.
pub unsafe fn wrote(object: *mut ffi::PyObject) {
    let unit = current_unit();
    // SAFETY: as promised.
    unsafe {
        if let Some(recorder) = recorder() {
            recorder.write(unit, object, WHOLE, Strength::Updates);
        }
    }
}
