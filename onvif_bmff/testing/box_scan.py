"""Positions of the boxes of a file, found by their headers alone: without declarations, and without errors."""

from dataclasses import dataclass, field
from typing import Optional

from onvif_bmff.bmff.language.header import read_box_header

__all__ = ["Node", "scan"]

_BEFORE_CHILDREN = (0, 4, 8, 78, 28, 44, 64)
"""How many bytes lie in front of child boxes: plain, full, counted, visual and audio (three versions) boxes."""
_OPAQUE = (b"mdat", b"free", b"skip", b"ftyp", b"styp")
_MAX_DEPTH = 20


@dataclass(slots=True, eq=False)
class Node:
    """A box at ``start``…``end`` whose body begins at ``body``."""

    type: bytes
    start: int
    body: int
    end: int
    depth: int
    parent: Optional["Node"] = None
    children: list["Node"] = field(default_factory=list)


def scan(data: bytes) -> list[Node]:
    """Return all boxes of ``data`` in file order, as deep as headers are plausible."""
    found: list[Node] = []
    _sequence(data, 0, len(data), None, found)
    return found


def _sequence(data: bytes, pos: int, end: int, parent: Node | None, found: list[Node]) -> None:
    depth = parent.depth + 1 if parent else 0
    while end - pos >= 8:
        header = _header(data, pos, end)
        if header is None:
            return
        name, body, stop = header
        node = Node(name, pos, body, stop, depth, parent)
        found.append(node)
        if parent is not None:
            parent.children.append(node)
        if name not in _OPAQUE and depth < _MAX_DEPTH:
            for skip in _BEFORE_CHILDREN:
                if stop - body >= skip + 8 and _plausible(data, body + skip, stop):
                    _sequence(data, body + skip, stop, node, found)
                    break
        pos = stop


def _header(data: bytes, pos: int, end: int) -> tuple[bytes, int, int] | None:
    """Return type, start of the body and end of the box at ``pos``, or None if there is no box."""
    header = read_box_header(data, pos, end)
    if header is None:
        return None
    name, body, stop, _ = header
    if stop < body or stop > end or not all(32 <= byte < 127 or byte == 0xA9 for byte in name):
        return None
    return name, body, stop


def _plausible(data: bytes, pos: int, end: int) -> bool:
    while end - pos >= 8:
        header = _header(data, pos, end) if any(data[pos : pos + 4]) else None
        if header is None:
            return False
        pos = header[2]
    return True
