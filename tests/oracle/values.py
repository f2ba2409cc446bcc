"""Describes a value as text, so that values of two processes can be compared.

The description covers types, contents, order, sharing and cycles of containers, arrays and tables,
and the state of objects. It never depends on addresses. It is written for the tests alone and
shares no code with Clew.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
import types
from typing import Any

_ATOMS = (int, bool, str, bytes, type(None), type(Ellipsis), type(NotImplemented), range)
_LIMIT = 400
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")


def describe(value: Any) -> str:
    """Return a text that is equal for equal values and differs for values that differ."""
    return _Describer().text(value)


def holds_iterator(value: Any, depth: int = 3) -> bool:
    """Tell whether describing the value would consume an iterator in it."""
    if _is_iterator(value):
        return True
    if depth and isinstance(value, (list, tuple)):
        return any(holds_iterator(item, depth - 1) for item in value)
    if depth and isinstance(value, dict):
        return any(holds_iterator(item, depth - 1) for item in value.values())
    return False


def _is_iterator(value: Any) -> bool:
    if isinstance(value, io.IOBase) or type(value).__module__ == "__main__":
        return False
    return hasattr(type(value), "__next__") and hasattr(type(value), "__iter__")


class _Describer:
    """One walk over one value; objects met twice are named by the order in which they were met."""

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.alive: list[Any] = []

    def text(self, value: Any) -> str:
        kind = type(value)
        if kind in _ATOMS:
            return repr(value)
        if kind in (float, complex):
            return repr(value)
        if kind is tuple:
            return (
                "(" + self._items(value) + ")"
            )  # constants may be merged by the compiler: sharing means nothing
        known = self.seen.get(id(value))
        if known is not None:
            return f"<again {known}>"
        self.seen[id(value)] = len(self.seen)
        self.alive.append(value)
        return self._compound(value, kind)

    def _compound(self, value: Any, kind: type) -> str:
        if kind is list:
            return "[" + self._items(value) + "]"
        if kind is dict:
            return "{" + self._pairs(value.items()) + "}"
        if kind in (set, frozenset):
            return f"{kind.__name__}{self._unordered(value)}"
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return f"<method {value.__func__.__qualname__} of {self.text(value.__self__)}>"
        if isinstance(value, (types.BuiltinFunctionType, types.MethodDescriptorType)):
            owner = value.__self__ if isinstance(value, types.BuiltinFunctionType) else None
            if owner is None or isinstance(owner, types.ModuleType):
                return f"<builtin {value.__qualname__}>"
            return f"<builtin {value.__qualname__} of {self.text(owner)}>"
        if isinstance(value, types.ModuleType):
            return f"<module {value.__name__}>"
        if isinstance(value, type):
            return self._class(value)
        scientific = self._scientific(value, kind)
        if scientific is not None:
            return scientific
        if isinstance(value, io.IOBase):
            return self._file(value)
        if _is_iterator(value):
            return self._iterator(value)
        return self._object(value, kind)

    def _items(self, values: Any) -> str:
        return ", ".join(self.text(item) for item in values)

    def _pairs(self, pairs: Any) -> str:
        return ", ".join(f"{self.text(key)}: {self.text(item)}" for key, item in pairs)

    def _unordered(self, values: Any) -> str:
        return "{" + ", ".join(sorted(_Describer().text(item) for item in values)) + "}"

    def _function(self, function: types.FunctionType) -> str:
        parts = [f"<function {function.__qualname__}"]
        if function.__defaults__:
            parts.append(f"defaults {self._items(function.__defaults__)}")
        if function.__kwdefaults__:
            parts.append(f"keywords {self._pairs(function.__kwdefaults__.items())}")
        names = function.__code__.co_freevars
        for name, cell in zip(names, function.__closure__ or (), strict=True):
            try:
                held = cell.cell_contents
            except ValueError:
                parts.append(f"{name} unbound")
            else:
                parts.append(f"{name}={self.text(held)}")
        if function.__dict__:
            state = {k: v for k, v in function.__dict__.items() if k != "__wrapped__"}
            parts.append(self._pairs(state.items()))
        return " ".join(parts) + ">"

    def _class(self, value: type) -> str:
        if value.__module__ != "__main__":
            return f"<class {value.__module__}.{value.__qualname__}>"
        state = {
            name: item
            for name, item in vars(value).items()
            if not (name.startswith("__") and name.endswith("__"))
            and not name.startswith("_abc_")
            and not callable(item)
            and not isinstance(item, (property, classmethod, staticmethod))
            and not hasattr(type(item), "__get__")
        }
        return f"<class {value.__qualname__} {self._pairs(state.items())}>"

    def _scientific(self, value: Any, kind: type) -> str | None:
        module = kind.__module__.partition(".")[0]
        if module == "numpy":
            return self._numpy(value, kind)
        if module == "pandas":
            return self._pandas(value, kind)
        if module == "scipy" and hasattr(value, "tocoo"):
            coo = value.tocoo()
            return (
                f"<sparse {kind.__name__} {self._items((coo.shape, coo.row, coo.col, coo.data))}>"
            )
        if module == "matplotlib" and hasattr(value, "canvas"):
            buffer = io.BytesIO()
            value.savefig(buffer, format="raw", dpi=40)
            return f"<figure {hashlib.sha256(buffer.getvalue()).hexdigest()}>"
        if module in ("matplotlib", "mpl_toolkits"):
            # Describing its figure draws it, which changes what the artist holds.
            return f"<{kind.__module__}.{kind.__qualname__}>"
        if module == "xgboost" and hasattr(value, "save_raw"):
            return f"<booster {hashlib.sha256(bytes(value.save_raw())).hexdigest()}>"
        return None

    def _numpy(self, value: Any, kind: type) -> str | None:
        import numpy as np

        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                content = self._items(value.ravel().tolist())
            else:
                content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            mask = ""
            if isinstance(value, np.ma.MaskedArray):
                mask = f" mask {self.text(np.ma.getmaskarray(value).tolist())}"
            start = value.ravel()[:4].tolist() if not value.dtype.hasobject else ""
            return f"<{kind.__name__} {value.dtype} {value.shape} {start} {content}{mask}>"
        if isinstance(value, np.generic):
            return f"<{kind.__name__} {value!r}>"
        if isinstance(value, np.random.RandomState):
            return f"<RandomState {self.text(value.get_state(legacy=False))}>"
        if isinstance(value, np.random.Generator):
            return f"<Generator {self.text(value.bit_generator.state)}>"
        if isinstance(value, np.dtype):
            return f"<dtype {value}>"
        return None

    def _pandas(self, value: Any, kind: type) -> str | None:
        import pandas as pd

        if isinstance(value, pd.DataFrame):
            columns = [
                (str(value.dtypes.iloc[i]), value.iloc[:, i].tolist())
                for i in range(value.shape[1])
            ]
            return (
                f"<{kind.__name__} {value.shape} columns {self.text(value.columns)}"
                f" index {self.text(value.index)} {self.text(columns)}"
                f" attrs {self.text(dict(value.attrs))}>"
            )
        if isinstance(value, pd.Series):
            return (
                f"<{kind.__name__} {value.dtype} {value.name!r}"
                f" {self.text(value.index)} {self.text(value.tolist())}>"
            )
        if isinstance(value, pd.Index):
            return f"<Index {value.dtype} {value.names!r} {self.text(value.tolist())}>"
        if isinstance(value, pd.api.extensions.ExtensionArray):
            return f"<{kind.__name__} {value.dtype} {self.text(list(value))}>"
        if (
            value is pd.NA
            or value is pd.NaT
            or isinstance(value, (pd.Timestamp, pd.Timedelta, pd.Interval))
        ):
            return repr(value)
        return None

    def _file(self, value: Any) -> str:
        if isinstance(value, (io.StringIO, io.BytesIO)) and not value.closed:
            return f"<{type(value).__name__} {value.getvalue()!r} at {value.tell()}>"
        name = getattr(value, "name", None)
        place = None
        if not value.closed and value.seekable():
            try:
                place = value.tell()
            except (OSError, ValueError):
                place = "in iteration"
        return f"<file {name!r} closed {value.closed} at {place}>"

    def _iterator(self, value: Any) -> str:
        left: list[str] = []
        try:
            for item in value:
                left.append(self.text(item))
                if len(left) >= _LIMIT:
                    left.append("...")
                    break
        except Exception as error:
            left.append(f"raises {type(error).__name__}")
        return f"<{type(value).__name__} leaves {', '.join(left)}>"

    def _object(self, value: Any, kind: type) -> str:
        parts = [f"<{kind.__module__}.{kind.__qualname__}"]
        for base, form in (
            (list, "_items"),
            (tuple, "_items"),
            (set, "_unordered"),
            (frozenset, "_unordered"),
        ):
            if isinstance(value, base):
                parts.append(getattr(self, form)(base.__iter__(value)))
        if isinstance(value, dict):
            parts.append(self._pairs(dict.items(value)))
        for base in (bool, int, float, str, bytes):
            if isinstance(value, base):
                parts.append(base.__repr__(value))
                break
        if isinstance(value, BaseException):
            parts.append(self._items(value.args))
        state = self._state(value, kind)
        if state is not None:
            parts.append(self._pairs(state.items()))
        elif len(parts) == 1:
            parts.append(self._reduced(value))
        return " ".join(parts) + ">"

    def _state(self, value: Any, kind: type) -> dict[str, Any] | None:
        """The attributes kept by the object itself, of its dictionary and its slots."""
        state: dict[str, Any] = {}
        found = False
        try:
            attributes = object.__getattribute__(value, "__dict__")
        except AttributeError:
            attributes = None
        if isinstance(attributes, dict):
            found = True
            state.update(
                (name, item) for name, item in attributes.items() if not _is_cache(kind, name)
            )
        for base in kind.__mro__:
            slots = base.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name in ("__dict__", "__weakref__"):
                    continue
                found = True
                descriptor = base.__dict__.get(_mangled(base, name))
                try:
                    state[name] = descriptor.__get__(value)  # type: ignore[union-attr]
                except AttributeError:
                    continue
        return state if found else None

    def _reduced(self, value: Any) -> str:
        """The state of an object of C code: what pickling would keep, else its text without
        addresses.
        """
        if not isinstance(
            value, types.CodeType | types.FrameType | types.TracebackType | types.CoroutineType
        ):
            try:
                reduced = value.__reduce_ex__(4)
            except Exception:
                reduced = None
            if isinstance(reduced, tuple):
                return (
                    self._items(reduced[1:3])
                    + " "
                    + " ".join(self._items(list(part)) for part in reduced[3:5] if part is not None)
                )
        return _ADDRESS.sub("0x", repr(value))


def _is_cache(kind: type, name: str) -> bool:
    """Tell whether an attribute only remembers what a look would compute again."""
    return name == "__networkx_cache__" or isinstance(
        getattr(kind, name, None), functools.cached_property
    )


def _mangled(base: type, name: str) -> str:
    if name.startswith("__") and not name.endswith("__"):
        return f"_{base.__name__.lstrip('_')}{name}"
    return name
