"""Boxes as plain values, for text and JSON."""

from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any, TypedDict
from uuid import UUID

from onvif_bmff.bmff import (
    SIZE_32,
    SIZE_64,
    Box,
    Columns,
    EsdBox,
    HandlerBox,
    MediaDataBox,
    MediaHeaderBox,
    SampleEncryptionBox,
    SampleGroupDescriptionBox,
    UnknownBox,
    read_auxiliary_info,
    seig_entries,
)
from onvif_bmff.bmff.descriptors import read_esds
from onvif_bmff.cli.box_reading import reading
from onvif_bmff.errors import BoxError

__all__ = ["ShownBox", "box_node"]

_ROWS, _BYTES = 8, 32
"""Number of rows of a table and bytes of a field that are shown by default."""
_HIDDEN = ("type", "children", "offset", "read_size", "size_form")


class ShownBox(TypedDict):
    """One box."""

    type: str
    offset: int | None
    size: int | None
    fields: dict[str, Any]
    children: list["ShownBox"]


def box_node(found: Box, *, full: bool = False, plain: bool = False) -> ShownBox:
    """Return ``found`` and all below it; tables and bytes are abbreviated unless ``full``.

    Abbreviations are marked: a list that goes on ends with "...", or with the number of ``more``; bytes are hexadecimal
    digits, which "..." and their number follow if they go on; media data are their number. Everything else is all there
    is: reserved fields and the form of the size are shown where they are unusual. ``plain``: dates, fixed-point
    numbers and matrices as people read them.
    """
    named = [one for one in fields(found) if one.name not in _HIDDEN and _is_shown(found, one)]
    names = sorted((one.name for one in named), key=lambda name: name not in ("version", "flags"))  # first, if present
    shown = {name: _value(getattr(found, name), full=full) for name in names}
    if isinstance(found, MediaDataBox):
        shown = {"data": f"{len(found.data)} bytes"}
    if found.size_form != SIZE_32:
        shown["size_form"] = "64 bits" if found.size_form == SIZE_64 else "to the end of the file"
    shown.update(_readings(found, full=full))
    for name in names if plain else ():
        text = reading(found, name)
        if text is not None:
            shown[name] = text
    children = [box_node(child, full=full, plain=plain) for child in found.children_of()]
    return {"type": found.type, "offset": found.offset, "size": found.read_size, "fields": shown, "children": children}


def _is_shown(found: Box, one: "Field[Any]") -> bool:
    name, value = one.name, getattr(found, one.name)
    if name == "trailing":
        return bool(found.trailing)
    if name.startswith(("reserved", "pre_defined")):
        return bool(value != one.default)
    if isinstance(found, HandlerBox) and name == "name_bytes":
        return bool(value != found.name.encode("utf-8", "replace") + b"\0")
    return name != "data" or not isinstance(found, SampleEncryptionBox | UnknownBox)


def _value(value: Any, *, full: bool) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        if full or len(value) <= _BYTES:
            return bytes(value).hex()
        return f"{bytes(value[:_BYTES]).hex()}... ({len(value)} bytes)"
    if isinstance(value, Columns):
        return _table(value, full=full)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [_value(item, full=full) for item in value]
    if is_dataclass(value):
        return {one.name: _value(getattr(value, one.name), full=full) for one in fields(value)}
    return value


def _table(table: Columns, *, full: bool) -> Mapping[str, Any]:
    shown: dict[str, Any] = {"rows": len(table)}
    for name in table.names:
        column = table[name]
        cut = not full and len(column) > _ROWS
        shown[name] = [*column[:_ROWS], "..."] if cut else column.tolist()
    return shown


def _readings(found: Box, *, full: bool) -> dict[str, Any]:
    """Return what can be read from fields that the box keeps as bytes."""
    try:
        if isinstance(found, EsdBox):
            return {"decoder_config": _value(read_esds(found), full=full)}
        if isinstance(found, SampleGroupDescriptionBox) and found.grouping_type == "seig":
            return {"seig": [_value(entry, full=full) for entry in seig_entries(found)]}
    except BoxError as error:
        return {"unreadable": error.reason}
    if isinstance(found, SampleEncryptionBox):
        return {"samples": _encrypted_samples(found, full=full)}
    if isinstance(found, MediaHeaderBox):
        code = [found.language >> shift & 31 for shift in (10, 5, 0)]
        # Smaller numbers are QuickTime's, and the 16th bit has no letter.
        is_text = 0x400 <= found.language < 0x8000
        return {"language": "".join(chr(0x60 + letter) for letter in code)} if is_text else {}
    if isinstance(found, HandlerBox):
        return {"name": found.name}
    if isinstance(found, UnknownBox):
        return {"data": _value(found.data, full=full)}
    return {}


def _encrypted_samples(found: SampleEncryptionBox, *, full: bool) -> Any:
    """Return IVs and subsamples with the one IV size that uses up the data, or the bytes if there is none."""
    subsamples = bool(found.flags & 2)
    for iv_size in (8, 16, 0):
        try:
            read = read_auxiliary_info(found.data, found.sample_count, iv_size, subsamples=subsamples)
        except BoxError:
            continue
        used = sum(iv_size + (2 + 6 * len(one.subsamples or ()) if subsamples else 0) for one in read)
        if used == len(found.data):
            rows = read if full else read[:_ROWS]
            made = [{"iv": one.iv.hex(), "subsamples": [list(pair) for pair in one.subsamples or ()]} for one in rows]
            return made if len(rows) == len(read) else [*made, {"more": len(read) - len(rows)}]
    return _value(found.data, full=full)
