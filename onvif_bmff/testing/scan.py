"""Where the boxes of a file lie, found by their headers alone: no declaration is needed, no error is raised."""

import struct
from dataclasses import dataclass, field
from typing import Optional

__all__ = ["Node", "scan"]

_HEADER = struct.Struct(">I4s")
_BEFORE_CHILDREN = (0, 4, 8, 78, 28, 44, 64)
"""How many bytes lie in front of child boxes: plain, full, counted, visual and audio (three versions) boxes."""
_OPAQUE = (b"mdat", b"free", b"skip", b"ftyp", b"styp")
_DEEPEST = 20


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
    """Return all boxes of ``data`` in file order, as deep as headers make sense."""
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
        if name not in _OPAQUE and depth < _DEEPEST:
            for skip in _BEFORE_CHILDREN:
                if stop - body >= skip + 8 and _plausible(data, body + skip, stop):
                    _sequence(data, body + skip, stop, node, found)
                    break
        pos = stop


def _header(data: bytes, pos: int, end: int) -> tuple[bytes, int, int] | None:
    """Return type, start of the body and end of the box at ``pos``, or None if there is no box."""
    size, name = _HEADER.unpack_from(data, pos)
    body = pos + 8
    if size == 1 and end - pos >= 16:
        body, size = pos + 16, int.from_bytes(data[pos + 8 : pos + 16], "big")
    elif size == 0:
        size = end - pos
    if size < body - pos or size > end - pos or not all(32 <= byte < 127 or byte == 0xA9 for byte in name):
        return None
    return name, body, pos + size


def _plausible(data: bytes, pos: int, end: int) -> bool:
    while end - pos >= 8:
        size = int.from_bytes(data[pos : pos + 4], "big")
        header = _header(data, pos, end) if size else None
        if header is None:
            return False
        pos = header[2]
    return True
