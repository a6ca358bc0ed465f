"""The header of a box, at a position in a buffer. ISO/IEC 14496-12, 4.2."""

import struct

__all__ = ["SIZE_32", "SIZE_64", "SIZE_TO_END", "read_box_header", "unpack_short_header"]

SIZE_32, SIZE_64, SIZE_TO_END = 0, 1, 2
"""Forms of a box's size: 32 bits; 64 bits ("largesize"); 0, which means up to the end of the file."""

unpack_short_header = struct.Struct(">I4s").unpack_from
"""Return size and type in the eight bytes with which any box begins; a size below 8 needs ``read_box_header``."""


def read_box_header(
    view: bytes | bytearray | memoryview, position: int, end: int
) -> tuple[bytes, int, int, int] | None:
    """Return type, start of the body, end of the box, and form of the size of the box at ``position``.

    None where the header is not whole before ``end``. Nothing is checked: a wrong size may end the box within its
    header or behind ``end``. A box whose size is 0 ends at ``end``. The user type of a 'uuid' box is its first field.
    """
    body = position + 8
    if body > end:
        return None
    size, kind = unpack_short_header(view, position)
    if size > 1:
        return kind, body, position + size, SIZE_32
    if size == 0:
        return kind, body, end, SIZE_TO_END
    body += 8
    if body > end:
        return None
    return kind, body, position + int.from_bytes(view[body - 8 : body], "big"), SIZE_64
