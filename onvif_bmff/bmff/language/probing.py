"""Telling box sequences from other bytes, for structures whose length is known only from what follows them."""

from collections.abc import Callable, Iterable
from typing import Any

from onvif_bmff.bmff.language.header import SIZE_TO_END, read_box_header
from onvif_bmff.bmff.language.wire import STRING, FieldType, as_byte_view

__all__ = ["OptionalString", "Probed", "after_strings", "is_box_sequence"]


def is_box_sequence(view: memoryview, pos: int, end: int, *, rest: int = 0) -> bool:
    """Tell whether ``pos``…``end`` can be boxes back to back, looking at headers only (sizes, printable types).

    Up to ``rest`` bytes may be left over at the end.
    """
    while end - pos >= 8:
        header = read_box_header(view, pos, end)
        if header is None:
            return False
        name, _, stop, form = header
        if form == SIZE_TO_END or not pos + 8 <= stop <= end:
            return False
        if not all(32 <= byte < 127 or byte == 0xA9 for byte in name):
            return False
        pos = stop
    return end - pos <= rest


class Probed(FieldType):
    """Bytes up to where child boxes begin: the first of the candidate positions behind which boxes follow.

    ``candidates(view, pos, end)`` yields positions. All that is left is taken where none fits.
    """

    def __init__(self, candidates: Callable[[memoryview, int, int], Iterable[int]], *, rest: int = 0) -> None:
        self.candidates, self.rest = candidates, rest

    def decode(self, view: memoryview, pos: int, end: int, this: dict[str, Any]) -> tuple[bytes, int]:
        """See ``FieldType``."""
        for rest in sorted({0, self.rest}):  # rather a sequence that ends where the box ends
            for start in self.candidates(view, pos, end):
                if start <= end and is_box_sequence(view, start, end, rest=rest):
                    return view[pos:start].tobytes(), start
        return view[pos:end].tobytes(), end

    def encode(self, value: Any, this: dict[str, Any]) -> bytes:
        """See ``FieldType``."""
        return bytes(as_byte_view(value))


class OptionalString(FieldType):
    """A NUL-terminated string that some writers leave out: None where boxes, or nothing, follow at once."""

    def decode(self, view: memoryview, pos: int, end: int, this: dict[str, Any]) -> tuple[str | None, int]:
        """See ``FieldType``."""
        if is_box_sequence(view, pos, end):
            return None, pos
        raw = view[pos:end].tobytes()
        stop = raw.find(b"\0")
        if stop < 0:
            return None, pos
        return raw[:stop].decode("utf-8", "surrogateescape"), pos + stop + 1

    def encode(self, value: Any, this: dict[str, Any]) -> bytes:
        """See ``FieldType``."""
        return b"" if value is None else STRING.encode(value, this)


def after_strings(most: int) -> Callable[[memoryview, int, int], Iterable[int]]:
    """Candidates for ``Probed``: behind no, one, … ``most`` NUL-terminated strings."""

    def candidates(view: memoryview, pos: int, end: int) -> Iterable[int]:
        raw = view[pos:end].tobytes()
        at = 0
        yield pos
        for _ in range(most):
            at = raw.find(b"\0", at) + 1
            if not at:
                return
            yield pos + at

    return candidates
