"""Which handler knows which type.

Builtin types are found by identity. Types of libraries are found by the package and the name they
are known under, so that no library is imported and a class that moves between modules of its
package is still known. The modules of handlers are imported when one of their types is met.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from clew.fingerprinting.encoder import type_name

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Handler

#: By package and qualified name: the module here, and its function.
_NAMED: Final[dict[str, tuple[str, str]]] = {
    f"{package}:{name}": (module, function)
    for module, package, function, names in [
        ("builtin", "builtins", "encode_list", "list"),
        ("builtin", "builtins", "encode_tuple", "tuple"),
        ("builtin", "builtins", "encode_dict", "dict"),
        ("builtin", "builtins", "encode_set", "set frozenset"),
        ("builtin", "builtins", "encode_int", "int"),
        ("builtin", "builtins", "encode_float", "float"),
        ("builtin", "builtins", "encode_complex", "complex"),
        ("builtin", "builtins", "encode_str", "str"),
        ("builtin", "builtins", "encode_bytes", "bytes"),
        ("builtin", "builtins", "encode_bytearray", "bytearray"),
        ("builtin", "builtins", "encode_memoryview", "memoryview"),
        ("builtin", "builtins", "encode_range", "range slice"),
        ("builtin", "builtins", "encode_view", "dict_items dict_keys dict_values mappingproxy"),
        ("builtin", "builtins", "encode_exception", "BaseException"),
        ("builtin", "builtins", "encode_singleton", "NotImplementedType"),
        ("builtin", "array", "encode_machine_array", "array"),
        ("builtin", "collections", "encode_deque", "deque"),
        ("builtin", "collections", "encode_default", "defaultdict"),
        ("builtin", "collections", "encode_ordered", "OrderedDict"),
        ("builtin", "datetime", "encode_date", "date datetime time timedelta timezone"),
        ("builtin", "decimal", "encode_decimal", "Decimal"),
        ("builtin", "enum", "encode_enum", "Enum"),
        ("builtin", "re", "encode_pattern", "Pattern"),
        ("builtin", "pathlib", "encode_path", "PurePath"),
        ("builtin", "zoneinfo", "encode_zone", "ZoneInfo"),
        ("builtin", "types", "encode_view", "MappingProxyType"),
        ("builtin", "odict", "encode_view", "odict_items odict_keys odict_values"),
        ("callables", "builtins", "encode_function", "function"),
        ("callables", "builtins", "encode_method", "method"),
        ("callables", "builtins", "encode_builtin", "builtin_function_or_method"),
        ("callables", "builtins", "encode_descriptor", "method_descriptor wrapper_descriptor"),
        ("callables", "builtins", "encode_descriptor", "classmethod_descriptor method-wrapper"),
        ("callables", "builtins", "encode_descriptor", "getset_descriptor member_descriptor"),
        ("callables", "builtins", "encode_class", "type"),
        ("callables", "builtins", "encode_module", "module"),
        ("callables", "builtins", "encode_wrapped", "classmethod staticmethod"),
        ("callables", "builtins", "encode_property", "property"),
        ("callables", "builtins", "encode_cell", "cell"),
        ("callables", "builtins", "encode_code", "code"),
        ("callables", "functools", "encode_partial", "partial"),
        ("callables", "functools", "encode_cached", "_lru_cache_wrapper"),
        ("streams", "builtins", "encode_iterator", "list_iterator list_reverseiterator"),
        ("streams", "builtins", "encode_iterator", "tuple_iterator range_iterator str_iterator"),
        ("streams", "builtins", "encode_iterator", "longrange_iterator str_ascii_iterator"),
        ("streams", "builtins", "encode_iterator", "bytes_iterator bytearray_iterator"),
        ("streams", "builtins", "encode_iterator", "enumerate filter map reversed zip"),
        ("streams", "builtins", "encode_iterator", "dict_keyiterator dict_valueiterator"),
        ("streams", "builtins", "encode_iterator", "dict_itemiterator callable_iterator"),
        ("streams", "builtins", "encode_set_iterator", "set_iterator"),
        ("streams", "builtins", "encode_generator", "generator coroutine async_generator"),
        ("streams", "itertools", "encode_lazy", "accumulate batched chain combinations compress"),
        ("streams", "itertools", "encode_lazy", "combinations_with_replacement count cycle"),
        ("streams", "itertools", "encode_lazy", "dropwhile filterfalse groupby islice pairwise"),
        ("streams", "itertools", "encode_lazy", "permutations product repeat starmap takewhile"),
        ("streams", "itertools", "encode_lazy", "zip_longest _tee _grouper"),
        ("streams", "_io", "encode_memory_file", "StringIO BytesIO"),
        ("streams", "_io", "encode_file", "_IOBase"),
        ("streams", "_thread", "encode_lock", "lock RLock _local _localdummy"),
        ("streams", "builtins", "encode_weak", "weakref weakproxy weakcallableproxy ReferenceType"),
        ("streams", "weakref", "encode_weak", "ReferenceType ProxyType CallableProxyType"),
        ("streams", "_hashlib", "encode_digest", "HASH HMAC"),
        ("streams", "_blake2", "encode_digest", "blake2b blake2s"),
        ("streams", "_struct", "encode_struct", "Struct"),
        ("streams", "_contextvars", "encode_variable", "ContextVar"),
        ("streams", "logging", "encode_logger", "Logger"),
        ("numeric", "numpy", "encode_array", "ndarray"),
        ("numeric", "numpy", "encode_masked", "MaskedArray"),
        ("numeric", "numpy", "encode_memmap", "memmap"),
        ("numeric", "numpy", "encode_scalar", "generic"),
        ("numeric", "numpy", "encode_dtype", "dtype"),
        ("numeric", "numpy", "encode_generator", "RandomState Generator BitGenerator SeedSequence"),
        ("numeric", "numpy", "encode_ufunc", "ufunc _ArrayFunctionDispatcher"),
        ("numeric", "_ctypes", "encode_machine_value", "Array _SimpleCData"),
        ("numeric", "scipy", "encode_sparse", "_spbase spmatrix"),
        ("numeric", "torch", "encode_tensor", "Tensor"),
        ("frames", "pandas", "encode_frame", "DataFrame"),
        ("frames", "pandas", "encode_series", "Series"),
        ("frames", "pandas", "encode_index", "Index"),
        ("frames", "pandas", "encode_range_index", "RangeIndex"),
        ("frames", "pandas", "encode_multi_index", "MultiIndex"),
        ("frames", "pandas", "encode_extension_array", "ExtensionArray"),
        ("frames", "pandas", "encode_extension_dtype", "ExtensionDtype"),
        ("frames", "pandas", "encode_timestamp", "Timestamp Timedelta Period"),
        ("frames", "pandas", "encode_named", "NaTType NAType BaseOffset"),
        ("drawings", "matplotlib", "encode_artist", "Artist"),
        ("drawings", "PIL", "encode_image", "Image"),
    ]
    for name in names.split()
}

#: Attributes of a handled type's objects that its handler has written, or that are caches.
OWN_ATTRIBUTES: Final[dict[str, frozenset[str]]] = {
    "frames": frozenset(
        [
            "_mgr",
            "_item_cache",
            "_attrs",
            "_flags",
            "_cache",
            "_cacher",
            "_is_copy",
            "_name",
            "_names",
            "_index",
            "_data",
            "_range",
            "_id",
            "_typ",
            "_engine",
            "_levels",
            "_codes",
            "_references",
            "_no_setting_name",
            "_hidden_attrs",
            "_already_warned",
            "_metadata",
            "_accessors",
            "sortorder",
            "_comparables",
        ]
    ),
    "numeric": frozenset(
        [
            "_mask",
            "_data",
            "_fill_value",
            "_optinfo",
            "_basedict",
            "_hardmask",
            "_sharedmask",
            "_isfield",
            "_baseclass",
            "_mmap",
            "filename",
            "offset",
            "mode",
        ]
    ),
    "builtin": frozenset(["_str", "_drv", "_root", "_parts", "_raw_paths", "_tail_cached"]),
}


def key_of(cls: type) -> str:
    """Name a type by its package and qualified name."""
    module, _, _ = type_name(cls).partition(".")
    qualified = type.__dict__["__qualname__"].__get__(cls)
    return f"{module}:{qualified}"


def handler_for(cls: type) -> Handler | None:
    """Find the handler of exactly this type."""
    entry = _NAMED.get(key_of(cls))
    if entry is None:
        return None
    module: Any = importlib.import_module(f"clew.fingerprinting.{entry[0]}")
    handler: Handler = getattr(module, entry[1])
    return handler


#: Handlers of what cannot change: whether two are the same object makes no difference.
_IDENTITY_FREE: Final = frozenset(
    [
        "encode_date",
        "encode_decimal",
        "encode_enum",
        "encode_pattern",
        "encode_path",
        "encode_zone",
        "encode_range",
        "encode_int",
        "encode_float",
        "encode_complex",
        "encode_str",
        "encode_bytes",
        "encode_singleton",
        "encode_scalar",
        "encode_dtype",
        "encode_ufunc",
        "encode_index",
        "encode_range_index",
        "encode_multi_index",
        "encode_extension_dtype",
        "encode_timestamp",
        "encode_named",
        "encode_module",
        "encode_builtin",
        "encode_descriptor",
    ]
)


def is_identity_free(handler: Handler) -> bool:
    """Tell whether a handler's objects count by their content alone."""
    return getattr(handler, "__name__", "") in _IDENTITY_FREE


def own_attributes(cls: type) -> frozenset[str]:
    """Give the attributes that the handler of a type takes care of."""
    entry = _NAMED.get(key_of(cls))
    return OWN_ATTRIBUTES.get(entry[0], frozenset()) if entry is not None else frozenset()


def is_complete(cls: type) -> bool:
    """Tell whether the handler of a type writes all that its library's subclasses hold."""
    entry = _NAMED.get(key_of(cls))
    return entry is not None and entry[0] in ("frames", "numeric", "drawings")
