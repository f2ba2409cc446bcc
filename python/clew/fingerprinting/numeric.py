"""Arrays, their element types and random generators: by content, whatever the memory layout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clew.fingerprinting.encoder import type_name

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Encoder

_SAMPLE_ELEMENTS = 1 << 18
_COPIED_BYTES = 64 * 1024 * 1024


def encode_array(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an array: element type, shape, and content in C order."""
    del cls
    numpy = sys.modules["numpy"]
    array = value if type(value) is numpy.ndarray else numpy.ndarray.view(value, numpy.ndarray)
    encoder.tag("array", dtype_text(array.dtype), *array.shape)
    write_content(encoder, array)


def write_content(encoder: Encoder, array: Any) -> None:
    """Write the elements of an array of any element type."""
    numpy = sys.modules["numpy"]
    kind = array.dtype.kind
    if array.size == 0:
        return
    if kind in "OT":
        items = encoder.keep(array.ravel(order="C").tolist())
        if not encoder.atoms(items):
            encoder.push(items)
        return
    if array.dtype.names is not None:
        for name in array.dtype.names:
            write_content(encoder, array[name])
        return
    if not array.flags.c_contiguous:
        array = _contiguous(encoder, array)
    if kind in "fc":
        array = _one_nan(numpy, array)
    if array.dtype.char in "gG":
        array = _without_padding(numpy, array)
    encoder.buffer(memoryview(array.reshape(-1).view(numpy.uint8)))


def _contiguous(encoder: Encoder, array: Any) -> Any:
    """Copy an array into C order; one that is too large to be copied is sampled."""
    numpy = sys.modules["numpy"]
    if array.nbytes <= _COPIED_BYTES:
        return numpy.ascontiguousarray(array)
    encoder.inexact("a large array is compared by a sample")
    step = array.size // _SAMPLE_ELEMENTS + 1
    return array.flat[numpy.arange(0, array.size, step)]


def _one_nan(numpy: Any, array: Any) -> Any:
    """Write every NaN alike: they may differ in sign and payload."""
    plain = array.view(array.real.dtype) if array.dtype.kind == "c" else array
    missing = numpy.isnan(plain)
    if not missing.any():
        return array
    plain = plain.copy()
    plain[missing] = numpy.nan
    return plain


def _without_padding(numpy: Any, array: Any) -> Any:
    """Take the bytes of extended floats that count; the rest is whatever was in memory."""
    width = array.real.dtype.itemsize
    raw = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8).reshape(-1, width)
    return raw[:, :10].copy() if width == 16 else raw


def dtype_text(dtype: Any) -> str:
    """Name an element type, with its fields and byte order."""
    if dtype.names is not None:
        return str(dtype.descr)
    return str(dtype) if dtype.kind == "T" else str(dtype.str)


def encode_masked(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a masked array: its mask, and its data where they are not masked."""
    numpy = sys.modules["numpy"]
    mask = numpy.ma.getmaskarray(value)
    data = numpy.ma.getdata(value)
    if mask.dtype.names is None and mask.any():
        data = data.copy()
        data[mask] = numpy.zeros((), dtype=data.dtype)
    encoder.tag("masked", type_name(cls))
    encoder.push([encoder.keep(mask), encoder.keep(data), value.fill_value])


def encode_memmap(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a memory-mapped array as an array."""
    encode_array(encoder, value, cls)


def encode_scalar(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a scalar of numpy: element type and value."""
    numpy = sys.modules["numpy"]
    array = numpy.asarray(value)
    encoder.tag("scalar", type_name(cls), dtype_text(array.dtype))
    write_content(encoder, array.reshape(1))


def encode_dtype(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an element type."""
    del cls
    encoder.tag("dtype", dtype_text(value))


def encode_generator(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a random generator: its state."""
    encoder.tag("generator", type_name(type(value)))
    name = cls.__name__
    if name == "RandomState":
        state = value.get_state(legacy=False)
    elif name == "Generator":
        state = value.bit_generator.state
    else:
        state = value.state
    encoder.push([encoder.keep(state)])


def encode_ufunc(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a function of numpy: its name."""
    encoder.tag("ufunc", cls.__name__, str(value.__name__))


def encode_machine_value(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a value or array of `ctypes`: its bytes, unless they may be addresses."""
    del cls
    kind = type(value)
    view = memoryview(value)
    encoder.tag("machine value", kind.__name__, view.format)
    if set(view.format or "&") & set("&PzZOX"):
        encoder.inexact("a pointer")
        return
    encoder.buffer(view.tobytes())


def encode_sparse(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a sparse matrix: its parts, without what it remembers of their order."""
    state = {
        name: part
        for name, part in object.__getattribute__(value, "__dict__").items()
        if not name.startswith("_has_") and name != "maxprint"
    }
    encoder.tag("sparse", type_name(type(value)), len(state))
    encoder.push_state(state)
    if issubclass(type(value), dict):
        encoder.push([dict(dict.items(value))])
    del cls


def encode_tensor(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a tensor: as an array, and whether gradients are kept."""
    encoder.tag("tensor", type_name(cls), str(value.dtype), bool(value.requires_grad))
    encoder.push([encoder.keep(value.detach().cpu().numpy())])
