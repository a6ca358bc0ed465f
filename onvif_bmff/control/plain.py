"""Structures to plain data (what JSON can hold) and back, by their type hints alone.

Durations are written as xs:duration. Bytes are refused: the only ones in the model are content keys, and
which are never stored with configurations.
"""

import types
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from onvif_bmff.errors import PersistenceError, TimeError
from onvif_bmff.timing import format_duration, parse_duration

__all__ = ["STORED_NAME", "field_types", "from_plain", "to_plain"]

T = TypeVar("T")
STORED_NAME = "stored name"
"""Key of a field's metadata: the name by which the field is written, where that is not the field's own."""


@cache
def field_types(cls: type[Any]) -> dict[str, Any]:
    """Return the fields of a dataclass and their resolved type hints, in order."""
    hints = get_type_hints(cls)
    return {item.name: hints[item.name] for item in fields(cls)}


def to_plain(value: Any) -> Any:
    """Return a structure as dicts, lists, text and numbers; fields with their default value are left out.

    Raises:
        PersistenceError: something in it must not or cannot be written down.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, timedelta):
        return format_duration(value)
    if is_dataclass(value):
        found = {}
        for item in fields(value):
            held = getattr(value, item.name)
            if item.default is MISSING or held != item.default:
                found[_name(item)] = to_plain(held)
        return found
    raise PersistenceError(f"a {type(value).__name__} is not written down")


def from_plain(cls: type[T], data: Any) -> T:
    """Return the structure that ``to_plain`` made the data from.

    Raises:
        PersistenceError: the data does not fit the structure.
    """
    return _read(cls, data, cls.__name__)  # type: ignore[no-any-return]


def _name(item: Field[Any]) -> str:
    return str(item.metadata.get(STORED_NAME, item.name))


def _read(hint: Any, data: Any, path: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not type(None))
        return None if data is None else _read(inner, data, path)
    if origin in (tuple, Sequence):
        if not isinstance(data, list):
            raise PersistenceError(f"{path}: a list was expected")
        inner = get_args(hint)[0]
        return tuple(_read(inner, item, path) for item in data)
    if is_dataclass(hint):
        return _read_structure(hint, data, path)
    if hint is timedelta:
        if not isinstance(data, str):
            raise PersistenceError(f"{path}: text was expected")
        try:
            return parse_duration(data)
        except TimeError:
            raise PersistenceError(f"{path}: {data[:40]!r} cannot be read") from None
    if not isinstance(data, hint) or (isinstance(data, bool) and hint is not bool):
        raise PersistenceError(f"{path}: a {hint.__name__} was expected")
    return data


def _read_structure(cls: Any, data: Any, path: str) -> Any:
    if not isinstance(data, dict):
        raise PersistenceError(f"{path}: an object was expected")
    hints = field_types(cls)
    known = {_name(item): item for item in fields(cls)}
    unknown = data.keys() - known.keys()
    if unknown:
        raise PersistenceError(f"{path}: nothing is known of {sorted(unknown)[0][:40]!r}")
    values = {
        item.name: _read(hints[item.name], data[name], f"{path}.{name}") for name, item in known.items() if name in data
    }
    for item in fields(cls):
        if item.name not in values and item.default is MISSING:
            raise PersistenceError(f"{path}: {item.name} is missing")
    return cls(**values)
