"""Functions, classes and modules: by their name, and what they captured."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Final

from clew.fingerprinting.encoder import type_name
from clew.fingerprinting.origins import is_library

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Encoder

_GENERATED: Final = frozenset(
    [
        "__dict__",
        "__weakref__",
        "__doc__",
        "__module__",
        "__qualname__",
        "__annotations__",
        "__annotate__",
        "__static_attributes__",
        "__firstlineno__",
        "__slots__",
        "__match_args__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__parameters__",
        "__orig_bases__",
        "__abstractmethods__",
        "_abc_impl",
        "__type_params__",
        "__annotations_cache__",
    ]
)
_NOT_DATA: Final = (
    types.FunctionType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    classmethod,
    staticmethod,
    property,
)


def encode_function(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a function: its name, defaults and captured values; if asked, what it does."""
    del cls
    module = value.__module__ if type(value.__module__) is str else None
    encoder.tag("function", module, value.__qualname__)
    if is_library(module) and "<locals>" not in value.__qualname__:
        return
    if encoder.code:
        from clew.fingerprinting.sources import function_digest

        encoder.write(function_digest(value))
    captured = [_content(cell) for cell in value.__closure__ or ()]
    encoder.push([value.__defaults__, value.__kwdefaults__, captured, value.__dict__])


def _content(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "<empty cell>"


def encode_method(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a bound method: its function and its receiver."""
    del cls
    encoder.tag("method")
    encoder.push([value.__func__, value.__self__])


def encode_builtin(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a builtin function, or a builtin method with its receiver."""
    del cls
    encoder.tag("builtin", value.__name__)
    owner = value.__self__
    encoder.push([owner if owner is not None else value.__module__])


def encode_descriptor(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a method or attribute of a builtin class."""
    encoder.tag("descriptor", cls.__name__, value.__name__)
    encoder.push([value.__self__] if hasattr(value, "__self__") else [value.__objclass__])


def encode_class(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a class: its name and, of the program's own, the data that it holds."""
    del cls
    encoder.tag("class", type_name(value))
    if is_library(type.__dict__["__module__"].__get__(value)):
        return
    space = type.__dict__["__dict__"].__get__(value)
    data = {k: v for k, v in space.items() if k not in _GENERATED and type(v) not in _NOT_DATA}
    encoder.push_state(data)
    if encoder.code:
        functions = {k: v for k, v in space.items() if k not in _GENERATED and k not in data}
        encoder.push_state(functions)


def encode_module(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a module: its name."""
    del cls
    name = types.ModuleType.__getattribute__(value, "__dict__").get("__name__")
    encoder.tag("module", name if type(name) is str else "?")


def encode_wrapped(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a class method or static method: its function."""
    encoder.tag(cls.__name__)
    encoder.push([value.__func__])


def encode_property(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a property: its functions."""
    del cls
    encoder.tag("property")
    encoder.push([value.fget, value.fset, value.fdel])


def encode_cell(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a captured variable: its value."""
    del cls
    encoder.tag("cell")
    encoder.push([_content(value)])


def encode_code(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a code object: its name and the names that it takes."""
    del cls
    n_parameters = value.co_argcount + value.co_kwonlyargcount
    encoder.tag("code", value.co_qualname, *value.co_varnames[:n_parameters])


def encode_partial(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a partial: its function and arguments."""
    encoder.tag("partial")
    get = cls.__dict__
    encoder.push([get[name].__get__(value) for name in ("func", "args", "keywords")])


def encode_cached(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a function with a cache: the function, not what is in the cache."""
    del cls
    encoder.tag("cached")
    encoder.push([value.__wrapped__])
