"""What a golden record is made of: plain data, whatever classes hold it today, and the digest of that.

No name of a class or module comes into a record, so that they can be renamed; names of fields do, where they are those
of the ONVIF schema or of the public interface.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from fractions import Fraction
from typing import Any
from uuid import UUID

from onvif_bmff.timing import UtcTime

_SHORT = 32


@dataclass(slots=True)
class Record:
    """The material of a record: plain data, and a few counts for people to read."""

    material: Any
    counts: Mapping[str, int]

    def text(self) -> str:
        """The material as JSON, one value a line, so that two commits can be compared by ``diff``."""
        return json.dumps(plain(self.material), indent=1, sort_keys=True) + "\n"

    def digest(self) -> str:
        """BLAKE2b of `text`, 16 bytes, in hexadecimal."""
        return digest(self.text().encode())

    def summary(self) -> str:
        """The counts in one line."""
        return " ".join(f"{name}={count}" for name, count in self.counts.items())


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of records: their names, and what makes one of them.

    ``in_ci`` are the names that the fixed slice of CI makes.
    """

    names: Sequence[str]
    make: Callable[[str], Record]
    in_ci: Sequence[str] = ()


def digest(data: bytes) -> str:
    """BLAKE2b, 16 bytes, in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def plain(value: Any) -> Any:
    """A value as JSON can hold it: times in microseconds, bytes in hexadecimal or, if long, as size and digest."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    for kinds, turn in _PLAIN:
        if isinstance(value, kinds):
            return turn(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    raise TypeError(f"not plain data: {type(value)}")


def _bytes(value: bytes | bytearray | memoryview) -> str:
    data = bytes(value)
    return f"hex {data.hex()}" if len(data) <= _SHORT else f"{len(data)} bytes {digest(data)}"


def _items(value: Mapping[Any, Any]) -> Any:
    return {_name(key): plain(one) for key, one in value.items()}


def _name(key: Any) -> str:
    if isinstance(key, tuple):
        return "/".join(map(_name, key))
    return str(plain(key))


_PLAIN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, str),
    (int, int),
    (float, repr),
    (UtcTime, lambda time: time.isoformat(6)),
    (timedelta, lambda length: f"{length // timedelta(microseconds=1)} us"),
    (Fraction, str),
    (UUID, str),
    ((bytes, bytearray, memoryview), _bytes),
    (Mapping, _items),
    ((set, frozenset), lambda values: sorted((plain(one) for one in values), key=str)),
    ((list, tuple, Iterator, Sequence), lambda values: [plain(one) for one in values]),
)


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returns as plain data, or which kind of error it raises; texts of errors are no part of it."""
    try:
        return plain(call())
    except Exception as error:
        return {"error": error_word(error)}


def error_word(error: BaseException) -> str:
    """The public name of the nearest error that a caller can catch."""
    return type(error).__name__


def texts(counter: Mapping[str, int]) -> tuple[list[int], dict[str, int]]:
    """Counts by reason: the counts alone, which no wording can change, and the whole."""
    return sorted(counter.values()), dict(sorted(Counter(counter).items()))
