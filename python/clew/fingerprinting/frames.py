"""pandas: by labels, element types and values, whatever the blocks they are kept in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from clew.fingerprinting.encoder import type_name
from clew.fingerprinting.objects import attributes
from clew.fingerprinting.registry import own_attributes

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Encoder


def encode_frame(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a data frame: columns, index, attributes, and the values column by column."""
    encoder.tag("frame", *value.shape, _allows_duplicates(value))
    _push_extras(encoder, value, cls)
    columns = _columns(value)
    encoder.push_parts([value.columns, value.index, *columns])


def _columns(frame: Any) -> list[Any]:
    """Give the arrays of the columns, without making a series of each."""
    n_columns = frame.shape[1]
    try:
        manager = frame._mgr
        blocks, numbers, places = manager.blocks, manager.blknos, manager.blklocs
        arrays = []
        for i in range(n_columns):
            values = blocks[numbers[i]].values
            arrays.append(values[places[i]] if values.ndim == 2 else values)
    except (AttributeError, IndexError, TypeError):
        return [frame.iloc[:, i].array for i in range(n_columns)]
    return arrays


def encode_series(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a series: name, index, attributes and values."""
    encoder.tag("series", len(value), _allows_duplicates(value))
    _push_extras(encoder, value, cls)
    encoder.push([value.name])
    encoder.push_parts([value.index, value._values])


def _allows_duplicates(value: Any) -> bool:
    return bool(value.flags.allows_duplicate_labels)


def _push_extras(encoder: Encoder, value: Any, cls: type) -> None:
    """Have ``attrs`` walked, and what else was hung on the object."""
    own = own_attributes(cls)
    state = {k: v for k, v in attributes(value, type(value)).items() if k not in own}
    encoder.tag("extras", len(state))
    encoder.push_state(state if type(value) is cls else {})
    encoder.push([dict(value.attrs)])


def encode_index(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an index: names, values, and the frequency of dates."""
    del cls
    frequency = getattr(value, "freq", None)
    encoder.tag("index", type_name(type(value)), None if frequency is None else str(frequency))
    encoder.push_parts([list(value.names), value._values])


def encode_range_index(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an index that counts."""
    del cls
    encoder.tag("range index", value.start, value.stop, value.step)
    encoder.push_parts([list(value.names)])


def encode_multi_index(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an index of several levels: the values of each."""
    del cls
    encoder.tag("multi index", value.nlevels)
    levels = [value.get_level_values(i)._values for i in range(value.nlevels)]
    encoder.push_parts([list(value.names), *levels])


def encode_extension_array(encoder: Encoder, value: Any, cls: type) -> None:
    """Write one of pandas' own arrays: its element type and its parts."""
    numpy = sys.modules["numpy"]
    del cls
    encoder.tag("extension array", type_name(type(value)), str(value.dtype))
    for known, parts in _PARTS:
        if all(hasattr(type(value), name) or hasattr(value, name) for name in known):
            encoder.push_parts([value.dtype, *parts(numpy, value)])
            return
    encoder.push_parts([value.dtype, numpy.asarray(value, dtype=object)])


def _categorical(numpy: Any, value: Any) -> list[Any]:
    del numpy
    return [value.codes]


def _masked(numpy: Any, value: Any) -> list[Any]:
    """Give data and mask; what lies under the mask is whatever was computed there."""
    data, mask = value._data, value._mask
    if mask.any():
        data = data.copy()
        data[mask] = numpy.zeros((), dtype=data.dtype)
    return [data, mask]


def _interval(numpy: Any, value: Any) -> list[Any]:
    del numpy
    return [value._left, value._right, value.closed]


def _sparse(numpy: Any, value: Any) -> list[Any]:
    return [value.sp_values, numpy.asarray(value.sp_index.indices), value.fill_value, len(value)]


def _backed(numpy: Any, value: Any) -> list[Any]:
    """Give the array behind dates, durations, periods and texts."""
    del numpy
    frequency = getattr(value, "freq", None)
    return [value._ndarray, None if frequency is None else str(frequency)]


#: The attributes that tell a kind of array, and its parts.
_PARTS = (
    (("codes", "categories"), _categorical),
    (("_data", "_mask"), _masked),
    (("_left", "_right", "closed"), _interval),
    (("sp_values", "sp_index"), _sparse),
    (("_ndarray",), _backed),
)


def encode_extension_dtype(encoder: Encoder, value: Any, cls: type) -> None:
    """Write one of pandas' own element types, with its categories."""
    encoder.tag("extension dtype", type_name(type(value)), str(value))
    del cls
    if type(value).__name__ == "CategoricalDtype":
        encoder.push_parts([value.categories, value.ordered])


def encode_timestamp(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a point in time, a duration or a period."""
    if cls.__name__ == "Period":
        encoder.tag("period", value.ordinal, str(value.freq))
        return
    zone = getattr(value, "tzinfo", None)
    unit = str(getattr(value, "unit", ""))
    encoder.tag(cls.__name__, int(value._value), unit, int(getattr(value, "fold", 0)))
    encoder.push([None if zone is None else str(zone)])


def encode_named(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a missing value or a date offset: its text says all of it."""
    encoder.tag("named", type_name(cls), str(value))
