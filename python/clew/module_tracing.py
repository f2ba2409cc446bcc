"""Tracing what happens in the functions and classes of modules."""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Generator, Iterable
from importlib import import_module
from typing import Any, Final

from clew import _core

# Methods that the interpreter wants plain results of, or that make an object what it is.
_LEFT_ALONE: Final = frozenset(
    {
        "__new__",
        "__init_subclass__",
        "__class_getitem__",
        "__getattribute__",
        "__getattr__",
        "__setattr__",
        "__delattr__",
        "__del__",
        "__hash__",
        "__repr__",
        "__str__",
        "__format__",
        "__bytes__",
        "__len__",
        "__length_hint__",
        "__bool__",
        "__contains__",
        "__index__",
        "__int__",
        "__float__",
        "__complex__",
        "__dir__",
        "__sizeof__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__setstate__",
        "__copy__",
        "__deepcopy__",
        "__instancecheck__",
        "__subclasscheck__",
        "__subclasshook__",
        "__set_name__",
        "__get__",
        "__set__",
        "__delete__",
        "__prepare__",
        "__array__",
        "__array_ufunc__",
        "__array_function__",
        "__fspath__",
        "__buffer__",
        "__class__",
    }
)
# Classes of these modules are part of the language rather than of a library.
_LANGUAGE: Final = frozenset(
    {
        "builtins",
        "types",
        "typing",
        "typing_extensions",
        "abc",
        "enum",
        "collections.abc",
        "_collections_abc",
        "dataclasses",
        "contextlib",
    }
)


class TracedModules:
    """Modules whose functions and classes are traced, until :meth:`restore`.

    Used with ``with``, it restores them at the end of the block.
    """

    def __init__(self, modules: Iterable[str | types.ModuleType]) -> None:
        self._modules = [import_module(m) if isinstance(m, str) else m for m in modules]
        self._undo: list[tuple[Any, str, Any]] = []
        self._classes: list[tuple[type, type]] = []
        names = {module.__name__ for module in self._modules}
        self._replacements = _Replacements(names)
        for module in self._modules:
            for value in list(vars(module).values()):
                if isinstance(value, type) and self._replacements.is_ours(value):
                    self._trace_class(value)
        for module in self._modules:
            for name, value in list(vars(module).items()):
                if not (name.startswith("__") and name.endswith("__")):
                    replacement = self._replacements.of(value)
                    if replacement is not value:
                        self._replace(module, name, value, replacement)

    def _replace(self, owner: Any, name: str, old: Any, new: Any) -> None:
        setattr(owner, name, new)
        self._undo.append((owner, name, old))

    def _trace_class(self, owner: type) -> None:
        if any(known is owner for known, _ in self._classes) or not _can_be_traced(owner):
            return
        is_record = dataclasses.is_dataclass(owner)
        self._classes.append((owner, type(owner)))
        for name, value in list(vars(owner).items()):
            if name in _LEFT_ALONE or (is_record and name in ("__init__", "__eq__")):
                continue
            if isinstance(value, type):
                if self._replacements.is_ours(value):
                    self._trace_class(value)
                continue
            replacement = self._member(value)
            if replacement is not value:
                self._replace(owner, name, value, replacement)
        if not is_record:
            _set_constructor(owner, None)
        _core.set_traced_class(owner, True)

    def _member(self, value: Any) -> Any:
        """Give what takes the place of a member of a class."""
        traced = self._replacements.function
        if isinstance(value, types.FunctionType):
            return traced(value)
        if type(value) is staticmethod and isinstance(value.__func__, types.FunctionType):
            return staticmethod(traced(value.__func__))
        if type(value) is classmethod and isinstance(value.__func__, types.FunctionType):
            return classmethod(_core.TracedFunction(value.__func__, True))
        if type(value) is property and isinstance(value.fget, types.FunctionType):
            return property(traced(value.fget), value.fset, value.fdel, value.__doc__)
        return value

    def restore(self) -> None:
        """Give the modules and classes their functions back."""
        while self._undo:
            owner, name, old = self._undo.pop()
            setattr(owner, name, old)
        while self._classes:
            owner, metaclass = self._classes.pop()
            _set_constructor(owner, metaclass)
            _core.set_traced_class(owner, False)

    def __enter__(self) -> TracedModules:
        return self

    def __exit__(self, *error: object) -> None:
        self.restore()

    def __repr__(self) -> str:
        return f"<traced modules: {', '.join(module.__name__ for module in self._modules)}>"


def trace_modules(modules: Iterable[str | types.ModuleType] | str) -> TracedModules:
    """Trace the functions and classes of modules.

    Parameters
    ----------
    modules
        Modules, or their names; those that are not imported yet are.

    Returns
    -------
    TracedModules
        Call its ``restore()``, or use it with ``with``.

    Notes
    -----
    A call of a function of these modules with a traced argument is a ``call`` node, with its
    arguments by the names of the parameters, and what happens in it nested. Objects of their
    classes are traced from their construction (``new``); methods are ``dispatch`` nodes. Data
    classes and named tuples stay what they are, and hold traced values. Functions, classes and
    modules that the modules imported from elsewhere get plain values; such a call is one node
    (``untraced_call``).
    Functions of the builtins are left as they are: they work with traced values.

    Examples
    --------
    >>> import clew, types
    >>> area = types.ModuleType("area")
    >>> exec("def square(side): return side * side", vars(area))
    >>> x = clew.trace(3.0, "x")
    >>> with clew.trace_modules([area]):
    ...     y = area.square(x) + 1
    >>> print(y)
    square(x) + 1
    """
    if isinstance(modules, (str, types.ModuleType)):
        modules = [modules]
    return TracedModules(modules)


def _can_be_traced(owner: type) -> bool:
    """Tell whether objects of a class can be traced from their construction on."""
    return not issubclass(owner, (BaseException, enum.Enum, tuple, type)) and bool(
        owner.__flags__ & (1 << 9)  # Py_TPFLAGS_HEAPTYPE
    )


class _Replacements:
    """What takes the place of the functions, classes and modules that a module names."""

    def __init__(self, modules: set[str]) -> None:
        self._modules = modules
        self._known: dict[int, tuple[Any, Any]] = {}

    def is_ours(self, value: Any) -> bool:
        module = getattr(value, "__module__", None)
        if module in self._modules:
            return True
        # What `exec` defined in a module that nobody imported has that module's globals only.
        names = getattr(value, "__globals__", None)
        return names is not None and names.get("__name__") in self._modules

    def function(self, function: types.FunctionType) -> Any:
        known = self._known.get(id(function))
        if known is None:
            known = self._known[id(function)] = (function, _core.TracedFunction(function))
        return known[1]

    def of(self, value: Any) -> Any:
        if isinstance(value, types.FunctionType):
            return self.function(value) if self.is_ours(value) else self._foreign(value)
        if isinstance(value, types.BuiltinFunctionType):
            return value if value.__module__ == "builtins" else self._foreign(value)
        if isinstance(value, types.ModuleType):
            is_left = value.__name__ in self._modules or value.__name__ in _LANGUAGE
            return value if is_left else self._once(value, lambda: ForeignModule(value, self))
        if isinstance(value, type):
            is_left = (
                self.is_ours(value)
                or value.__module__ in _LANGUAGE
                or issubclass(value, (BaseException, enum.Enum, type))
            )
            return value if is_left else self._once(value, lambda: ForeignClass(value))
        return value

    def _foreign(self, value: Any) -> Any:
        return self._once(value, lambda: _core.ForeignFunction(value))

    def _once(self, value: Any, make: Any) -> Any:
        known = self._known.get(id(value))
        if known is None:
            known = self._known[id(value)] = (value, make())
        return known[1]


class ForeignModule(types.ModuleType):
    """A module that a traced module uses: its functions get plain values."""

    def __init__(self, module: types.ModuleType, replacements: _Replacements) -> None:
        super().__init__(module.__name__, module.__doc__)
        object.__setattr__(self, "_plain", module)
        object.__setattr__(self, "_replacements", replacements)

    def __getattr__(self, name: str) -> Any:
        return self._replacements.of(getattr(self._plain, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._plain, name, value)

    def __dir__(self) -> list[str]:
        return dir(self._plain)


class ForeignClass:
    """A class that a traced module uses: it is made objects of with plain values."""

    def __init__(self, plain: type) -> None:
        self._plain = plain

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make an object with plain values."""
        return _core.call_untraced(self._plain, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._plain, name)
        is_function = isinstance(
            value, (types.BuiltinFunctionType, types.FunctionType, types.MethodType)
        )
        return _core.ForeignFunction(value) if is_function else value

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._plain)

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._plain)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type]:
        return (self._plain,)

    def __eq__(self, other: object) -> bool:
        return other is self._plain or (
            isinstance(other, ForeignClass) and other._plain is self._plain
        )

    def __hash__(self) -> int:
        return hash(self._plain)

    def __or__(self, other: Any) -> Any:
        return self._plain | (other._plain if isinstance(other, ForeignClass) else other)

    def __ror__(self, other: Any) -> Any:
        return other | self._plain

    def __getitem__(self, item: Any) -> Any:
        return self._plain[item]  # type: ignore[index]

    def __repr__(self) -> str:
        return repr(self._plain)


def _set_constructor(owner: type, metaclass: type | None) -> None:
    """Have calls of a class make traced objects, or with its own metaclass plain ones again.

    A class whose metaclass is `type` keeps it; another metaclass is mutable, and gives way to one
    that is derived from it.
    """
    if type(owner) is type:
        _core.set_constructor(owner, metaclass is None)
    else:
        owner.__class__ = metaclass or _metaclass(type(owner))


_metaclasses: dict[type, type] = {}


def _metaclass(plain: type) -> type:
    """Give the metaclass whose classes make traced objects, derived from a plain one."""
    made = _metaclasses.get(plain)
    if made is None:

        def call(cls: type, *args: Any, **kwargs: Any) -> Any:
            if _core.is_plain():
                return plain.__call__(cls, *args, **kwargs)
            return construct(cls, args, kwargs)

        members = {"__call__": call, "__module__": plain.__module__}
        made = _metaclasses[plain] = type(plain)(plain.__name__, (plain,), members)
    return made


def construct(owner: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Make a traced object."""
    initialize: Any = owner.__init__  # type: ignore[misc]
    is_bare = initialize is object.__init__ and not args and not kwargs
    is_seen = is_bare or isinstance(initialize, _core.TracedFunction)
    allocate: Any = owner.__new__
    if allocate is not object.__new__ or not is_seen:
        # What its own construction does with its arguments cannot be seen: it is one operation.
        return _core.call_untraced(owner, args, kwargs, always=True)
    made = _core.enter_call("new", owner.__qualname__, owner, args, kwargs)
    try:
        _core.set_value(made, object.__new__(owner))
        if not is_bare:
            initialize.__get__(made)(*args, **kwargs)
    finally:
        _core.leave_call()
    return made


def function_named(module: str, name: str) -> Any:
    """Give what a module has under a dotted name: how replaced functions are pickled."""
    value: Any = import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def asynchronous(call: Any, made: Any) -> Any:
    """Give what stands for a coroutine or an asynchronous generator of a traced function."""
    if isinstance(made, types.AsyncGeneratorType):
        return _generator(call, made)
    return _coroutine(call, made)


async def _coroutine(call: Any, made: Any) -> Any:
    return _core.record_return(call, await _Steps(call, made))


async def _generator(call: Any, made: Any) -> Any:
    sent = None
    while True:
        try:
            value = await _Steps(call, made.asend(sent))
        except StopAsyncIteration:
            return
        sent = yield value


class _Steps:
    """The steps of a coroutine, each of which happens in its call."""

    def __init__(self, call: Any, coroutine: Any) -> None:
        self._call = call
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = (
            self._coroutine.__await__()
            if hasattr(self._coroutine, "__await__")
            else self._coroutine
        )
        value: Any = None
        error: BaseException | None = None
        while True:
            _core.enter_again(self._call)
            try:
                given = steps.send(value) if error is None else steps.throw(error)
            except StopIteration as stop:
                return stop.value
            finally:
                _core.leave_call()
            try:
                value, error = (yield given), None
            except BaseException as thrown:
                value, error = None, thrown
