"""Tables as columns: one ``array`` for each column, never an object for each row.

A ``trun`` of 5,000 rows is four arrays. Reading and writing are strided copies in C, so that the cost a row is
some nanoseconds and the memory is that of the bytes on the wire.
"""

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from onvif_bmff.errors import BoxError

__all__ = ["COLUMN_CODES", "Columns", "no_rows", "pack_columns", "unpack_columns"]

COLUMN_CODES = {
    "b": ("b", 1),
    "B": ("B", 1),
    "h": ("h", 2),
    "H": ("H", 2),
    "t": ("I", 3),
    "i": ("i", 4),
    "I": ("I", 4),
    "q": ("q", 8),
    "Q": ("Q", 8),
}
"""Code of a column → typecode of its array and bytes on the wire; "t" is a three-byte number."""
_SWAP = sys.byteorder == "little"


class Columns:
    """``count`` rows of numbers as named columns; a table without columns is a bare count.

    ``Columns(duration=[512, 512], size=[4000, 900])``. Columns are ``array`` objects of equal length; they are
    shared, not copied, when they are arrays already. Compares by content. ``BoxError`` for columns of different
    lengths and for what is no whole number of up to 64 bits.
    """

    __slots__ = ("columns", "count")

    def __init__(self, count: int | None = None, **columns: Iterable[int]) -> None:
        made: dict[str, array[int]] = {}
        for name, values in columns.items():
            made[name] = values if isinstance(values, array) else _array(name, values)
        lengths = set(map(len, made.values()))
        if count is None:
            count = lengths.pop() if lengths else 0
            lengths.discard(count)
        if lengths - {count} or count < 0:
            raise BoxError("columns of different lengths")
        self.count = count
        self.columns = made

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, name: str) -> "array[int]":
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def get(self, name: str) -> "array[int] | None":
        """Return the column, or None where the table does not have it."""
        return self.columns.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that are present, in wire order."""
        return tuple(self.columns)

    def rows(self) -> Iterator[tuple[int, ...]]:
        """Yield one tuple for each row, in the order of ``names``; nothing for a bare count."""
        return zip(*self.columns.values(), strict=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns):
            return NotImplemented
        return self.count == other.count and {n: list(c) for n, c in self.columns.items()} == {
            n: list(c) for n, c in other.columns.items()
        }

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = [f"{self.count} rows"]
        for name, column in self.columns.items():
            head = ", ".join(str(value) for value in column[:4])
            parts.append(f"{name}=[{head}{', …' if len(column) > 4 else ''}]")
        return f"Columns({', '.join(parts)})"


def no_rows(*names: str) -> Callable[[], Columns]:
    """Return what makes an empty table with these columns: a default for a field."""
    return lambda: Columns(0, **dict.fromkeys(names, ()))


def _array(name: str, values: Iterable[int]) -> "array[int]":
    try:
        listed = list(values)
        low, high = min(listed, default=0), max(listed, default=0)
        for code in "iq" if low < 0 else "IQ":
            try:
                return array(code, listed)
            except OverflowError:
                continue
    except TypeError as error:
        raise BoxError(f"column {name}: {error}") from None
    raise BoxError(f"column {name}: {low}…{high} does not fit 64 bits")


class _RowFormat:
    """What the codes of a table's columns mean: ``columns`` as (name, typecode, width), bytes a ``row``.

    ``whole`` is the typecode of an array that takes the rows as they are, where all columns are equally wide.
    """

    __slots__ = ("columns", "row", "whole")

    def __init__(self, codes: tuple[tuple[str, str], ...]) -> None:
        self.columns = [(name, *COLUMN_CODES[code]) for name, code in codes]
        widths = {width for _, _, width in self.columns}
        self.row = sum(width for _, _, width in self.columns)
        self.whole = {1: "B", 2: "H", 4: "I", 8: "Q"}.get(widths.pop()) if len(widths) == 1 else None


_row_format = lru_cache(maxsize=1024)(_RowFormat)


def unpack_columns(view: memoryview, pos: int, end: int, count: int, codes: Mapping[str, str]) -> tuple[Columns, int]:
    """Read ``count`` rows at ``pos``; return them and the position behind. ``ValueError`` if they are not there."""
    layout = _row_format(tuple(codes.items()))
    row = layout.row
    stop = pos + count * row
    if stop > end:
        raise ValueError(f"{count} rows of {row} bytes in {end - pos} bytes")
    columns: dict[str, array[int]] = {}
    if layout.whole is not None:
        every = len(layout.columns)
        table = array(layout.whole, view[pos:stop].tobytes())
        if _SWAP and table.itemsize > 1:
            table.byteswap()
        for index, (name, code, _) in enumerate(layout.columns):
            column = table if every == 1 else table[index::every]
            if code != column.typecode:
                column = array(code, column.tobytes())
            columns[name] = column
    else:
        raw = view[pos:stop].tobytes()
        start = 0
        for name, code, width in layout.columns:
            column = array(code)
            size = column.itemsize
            gathered = bytearray(count * size)
            for byte in range(width):  # byte 0 is the most significant on the wire
                place = width - 1 - byte if _SWAP else size - width + byte
                gathered[place::size] = raw[start + byte :: row] if count else b""
            column.frombytes(gathered)
            columns[name] = column
            start += width
    made = Columns.__new__(Columns)  # its arrays need no second look
    made.count, made.columns = count, columns
    return made, stop


def pack_columns(table: Columns, codes: Mapping[str, str]) -> bytes:
    """Return the rows on the wire; ``ValueError`` if the columns are not those of ``codes`` or do not fit."""
    if table.columns.keys() != codes.keys():
        raise ValueError(f"columns {sorted(table.names)} given, {sorted(codes)} needed")
    layout = _row_format(tuple(codes.items()))
    count, row = table.count, layout.row
    if layout.whole is not None:
        return _pack_whole(table, layout, layout.whole)
    raw = bytearray(count * row)
    start = 0
    for name, code, width in layout.columns:
        column = _fitting(name, table.columns[name], code, width)
        data, size = column.tobytes(), column.itemsize
        for byte in range(width):
            place = width - 1 - byte if _SWAP else size - width + byte
            if count:
                raw[start + byte :: row] = data[place::size]
        start += width
    return bytes(raw)


def _pack_whole(table: Columns, layout: _RowFormat, typecode: str) -> bytes:
    every = len(layout.columns)
    whole = array(typecode, bytes(table.count * layout.row if every > 1 else 0))
    for index, (name, code, width) in enumerate(layout.columns):
        column = _fitting(name, table.columns[name], code, width)
        if code != typecode:
            column = array(typecode, column.tobytes())
        if every > 1:
            whole[index::every] = column
        else:
            whole = column[:]
    if _SWAP and whole.itemsize > 1:
        whole.byteswap()
    return whole.tobytes()


def _fitting(name: str, column: "array[int]", code: str, width: int) -> "array[int]":
    if column.typecode != code:
        try:
            column = array(code, column.tolist())
        except OverflowError:
            raise ValueError(f"column {name} does not fit {width} bytes") from None
    if width == 3 and len(column) and max(column) >= 1 << 24:
        raise ValueError(f"column {name} does not fit 3 bytes")
    return column
