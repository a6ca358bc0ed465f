"""The names of recorded objects, both ways (ONVIF Recording Control 25.12, B.4 and B.5).

::

    [prefix/]YYYY-MM-DD[/postfix]/HH/MM-SS[.f…]Z.counter.extension          a segment
    [prefix/]YYYY-MM-DD[/postfix]/HH/MM-SS[.f…]Z.counter.extension_end      the end of a span

Only a fixed number of fraction digits makes keys of one span sort as text the way they sort in time, so
keys are written with 3 digits (as the examples of B.10) or, by option, 6. Any number from 0 to 6 is read.

Keys are read from the right, where the grammar is strict. The part left of the hour can be split into prefix,
date and postfix in more than one way if prefix or postfix have a part that looks like a date; pass the
configured values to ``parse`` then.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Self, TypeAlias

from onvif_bmff.errors import ObjectKeyError, TimeError
from onvif_bmff.objects.extensions import EXTENSIONS
from onvif_bmff.timing import UtcTime, days_since_epoch

__all__ = [
    "MAX_KEY_BYTES",
    "KeyHead",
    "KeyLead",
    "KeyTail",
    "ObjectKey",
    "check_path",
    "date_folder",
    "lead_of",
    "lead_shape",
    "leads_meet",
    "read_head",
    "read_tail",
]

MAX_KEY_BYTES = 1024
"""Longest key in bytes of UTF-8, which is the limit of S3."""

_HOUR = 3_600_000_000
_MAX_COUNTER_DIGITS = 18
_MAX_EXTENSION = 16
_END_SUFFIX = "_end"

# "MM-SS" as written -> microseconds into the hour. One look-up replaces four digit checks and two range
# checks. Second 60 is taken in any minute, although leap seconds so far came at 23:59 only.
_MINUTE_SECOND = {
    f"{minute:02}-{second:02}": (minute * 60 + second) * 1_000_000 for minute in range(60) for second in range(61)
}
# Extensions of B.6 and B.7 as written -> without "_end". Others are read too, only not as fast.
_EXTENSIONS = {kind + end: kind for kind in EXTENSIONS for end in ("", _END_SUFFIX)}
_FRACTION_UNIT = (0, 100_000, 10_000, 1_000, 100, 10, 1)
_HOURS = {f"{hour:02}": hour * _HOUR for hour in range(24)}
_EXTENSION = re.compile(r"[0-9A-Za-z]{1,16}")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class KeyHead(NamedTuple):
    """Contents of the part of a key left of the minute."""

    prefix: str
    postfix: str
    hour_start: int
    """Microseconds of the hour since 1970."""
    ambiguous: bool
    """More than one part looks like the date, and no prefix or postfix is given; the last one was taken."""


KeyTail: TypeAlias = tuple[int, bool, int, str, str, bool]
"""Contents of the part of a key right of the hour: microseconds into the hour, whether they are those of a
leap second, fraction digits, counter as written, extension (without ``_end``), and whether it is a span
end. A plain tuple, because one is made for every key of a listing."""


KeyLead: TypeAlias = tuple[str | None, ...]
"""The parts left of the hour, common to all keys of a place; None stands for any date."""


def date_folder(days: int) -> str:
    """Return the date part of a key, ``YYYY-MM-DD``, of a day counted from 1970-01-01."""
    year, month, day = UtcTime(days * 24 * _HOUR).fields()[:3]
    return f"{year:04}-{month:02}-{day:02}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


@lru_cache(maxsize=1024)
def check_path(path: str) -> int:
    """Return the length in bytes of a whole key, or of a path in it, after checking that every store accepts it.

    Raises:
        ObjectKeyError: it is empty or too long, or has control characters or parts that are empty, ``.`` or
            ``..``.
    """
    if _UNFIT.search(path):
        raise ObjectKeyError(f"control characters are not allowed in a key: {_shown(path)}")
    if any(part in ("", ".", "..") for part in path.split("/")):
        raise ObjectKeyError(f"empty, '.' and '..' parts are not allowed in a key: {_shown(path)}")
    size = len(path.encode())
    if size > MAX_KEY_BYTES:
        raise ObjectKeyError(f"a key is at most {MAX_KEY_BYTES} bytes long: {_shown(path)}")
    return size


@lru_cache(maxsize=1024)
def _day_of(part: str) -> int | None:
    """Return the day that a part of a path names, counted from 1970-01-01; None if it is no date."""
    found = _DATE.fullmatch(part)
    if found is None:
        return None
    try:
        return days_since_epoch(int(found[1]), int(found[2]), int(found[3]))
    except TimeError:
        return None


@lru_cache(maxsize=4096)
def lead_of(prefix: str, postfix: str) -> KeyLead:
    """Return the lead (B.4) of the keys of a place.

    Two places share keys exactly where their leads meet (``leads_meet``).
    """
    return (*(prefix.split("/") if prefix else ()), None, *(postfix.split("/") if postfix else ()))


def leads_meet(first: KeyLead, second: KeyLead) -> bool:
    """Return whether a key of one place can be read as a key of the other: a date meets a part that looks like one.

    Keys are compared as the text that they are, so letter case counts, and so do different ways to write a letter.
    """
    return len(first) == len(second) and all(
        one == other or (one is None and _is_date(other)) or (other is None and _is_date(one))
        for one, other in zip(first, second, strict=True)
    )


@lru_cache(maxsize=4096)
def lead_shape(lead: KeyLead) -> KeyLead:
    """Return the lead with None for every part that looks like a date; leads that meet have the same shape."""
    return tuple(None if part is None or _is_date(part) else part for part in lead)


def _is_date(part: str | None) -> bool:
    return part is not None and _day_of(part) is not None


@lru_cache(maxsize=1024)
def read_head(head: str, prefix: str | None = None, postfix: str | None = None) -> KeyHead:
    """Read the part of a key up to and including the hour.

    Cached, as the keys of one hour share it. Arguments and errors as ``ObjectKey.parse``.
    """
    lead, _, hour = head.rpartition("/")
    hour_offset = _HOURS.get(hour)
    if hour_offset is None:
        raise ObjectKeyError(f"no hour (00 to 23) before the minute: {_shown(head)}")
    check_path(lead)
    parts = lead.split("/")
    candidates = {index for index, part in enumerate(parts) if _day_of(part) is not None}
    if prefix is not None:
        known = prefix.split("/") if prefix else []
        candidates &= {len(known)} if parts[: len(known)] == known else set()
    if postfix is not None:
        known = postfix.split("/") if postfix else []
        at = len(parts) - 1 - len(known)
        candidates &= {at} if parts[at + 1 :] == known else set()
    if not candidates:
        raise ObjectKeyError(f"no date (YYYY-MM-DD) where the key should have it: {_shown(head)}")
    index = max(candidates)
    days = _day_of(parts[index]) or 0
    return KeyHead(
        "/".join(parts[:index]),
        "/".join(parts[index + 1 :]),
        days * 24 * _HOUR + hour_offset,
        len(candidates) > 1,
    )


def read_tail(tail: str) -> KeyTail:
    """Read the part of a key after the hour: ``MM-SS[.f…]Z.counter.extension``.

    Raises:
        ObjectKeyError: it does not follow B.4.
    """
    time, _, rest = tail.partition("Z.")
    counter, _, extension = rest.partition(".")
    offset = _MINUTE_SECOND.get(time[:5])
    if offset is None or not tail.isascii():
        raise ObjectKeyError(f"no time (MM-SS[.fraction]Z) where the key should have it: {_shown(tail)}")
    digits = 0
    if len(time) > 5:
        digits = len(time) - 6
        fraction = time[6:]
        if digits > 6 or time[5] != "." or not fraction.isdigit():
            raise ObjectKeyError(f"the seconds of the key have no proper fraction: {_shown(tail)}")
        offset += int(fraction) * _FRACTION_UNIT[digits]
    if not counter.isdigit() or len(counter) > _MAX_COUNTER_DIGITS:
        raise ObjectKeyError(f"no counter (at most 18 digits) after the time of the key: {_shown(tail)}")
    known = _EXTENSIONS.get(extension)
    span_end = extension[-4:] == _END_SUFFIX
    if known is not None:
        extension = known
    else:
        if span_end:
            extension = extension[:-4]
        if not extension.isalnum() or len(extension) > _MAX_EXTENSION:
            raise ObjectKeyError(f"no proper extension at the end of the key: {_shown(tail)}")
    return offset, time[3] == "6", digits, counter, extension, span_end


@dataclass(frozen=True, slots=True)
class ObjectKey:
    """The name of a segment object (B.4) or span end object (B.5); ``str(key)`` is the name itself.

    Two keys are equal when their names are. Keys have no order of their own: counters need not be padded, so
    ``…10.mp4`` comes before ``…9.mp4`` as text. Sort by ``time`` or by ``counter``.

    Args:
        prefix: path before the date, without slashes at its ends; empty if none is configured.
        time: UTC of the first sample of the segment, or of the end of the last sample of the span. It is
            cut (never rounded, which could lead into the next minute or day) to ``digits``.
        postfix: path after the date, as ``prefix``.
        counter: 0 for the first segment of a span, one more for each that follows; the span end object
            has the counter after the last segment's.
        extension: that of the span type, ``mp4``, ``m4v``, ``m4a`` or ``m4m``; without ``_end``.
        span_end: the key of a span end object.
        digits: fraction digits of the second, 0 to 6.
        counter_digits: digits to which the counter is padded with zeros, 0 to 18, as other recorders may do
            (B.4 allows it); 0 where nothing is padded. A counter that is as long already needs no padding:
            then this becomes 0, so that keys of one name are equal.

    Raises:
        ObjectKeyError: a part cannot stand in a key, or the key is longer than 1024 bytes.
    """

    prefix: str
    time: UtcTime
    postfix: str
    counter: int
    extension: str
    span_end: bool = False
    digits: int = 3
    counter_digits: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= 6:
            raise ObjectKeyError("the second of a key has 0 to 6 fraction digits")
        unit = 10 ** (6 - self.digits)
        if self.time.microseconds % unit:
            cut = UtcTime(self.time.microseconds // unit * unit, self.time.leap)
            object.__setattr__(self, "time", cut)
        if not 0 <= self.counter < 10**_MAX_COUNTER_DIGITS:
            raise ObjectKeyError("the counter of a key is a number from 0 up, of at most 18 digits")
        if not 0 <= self.counter_digits <= _MAX_COUNTER_DIGITS:
            raise ObjectKeyError("the counter of a key is padded to at most 18 digits")
        if self.counter_digits and len(str(self.counter)) >= self.counter_digits:
            object.__setattr__(self, "counter_digits", 0)
        if not _EXTENSION.fullmatch(self.extension):
            raise ObjectKeyError(f"not an extension: {_shown(self.extension)}")
        length = 0
        for path in (self.prefix, self.postfix):
            if path:
                length += check_path(path)
        # Short paths cannot make a long key: the rest of it never has more than 70 characters.
        if length > MAX_KEY_BYTES - 70 and len(str(self).encode()) > MAX_KEY_BYTES:
            raise ObjectKeyError(f"a key is at most {MAX_KEY_BYTES} bytes long: {_shown(str(self))}")

    @classmethod
    def parse(cls, text: str, *, prefix: str | None = None, postfix: str | None = None) -> Self:
        """Read a key.

        Args:
            text: the whole name of an object.
            prefix: the configured prefix (empty: none is configured), or None if it is not known.
            postfix: the configured postfix, likewise.

        Without a known prefix or postfix the last part that is a date is taken as the date. ``str`` of the
        result is ``text``, leading zeros of the counter included.

        Raises:
            ObjectKeyError: the text is no key according to B.4 and B.5, is one of another prefix or
                postfix, or names a date that does not exist.
        """
        head, _, tail = text.rpartition("/")
        where = read_head(head, prefix, postfix)
        offset, leap, digits, counter, extension, span_end = read_tail(tail)
        if len(text) > MAX_KEY_BYTES // 4 and len(text.encode()) > MAX_KEY_BYTES:
            raise ObjectKeyError(f"a key is at most {MAX_KEY_BYTES} bytes long: {_shown(text)}")
        # Everything is checked by now, so the fields are set without the checks of the constructor.
        key = object.__new__(cls)
        set_field = object.__setattr__
        set_field(key, "prefix", where.prefix)
        set_field(key, "time", UtcTime(where.hour_start + offset, leap))
        set_field(key, "postfix", where.postfix)
        set_field(key, "counter", int(counter))
        set_field(key, "extension", extension)
        set_field(key, "span_end", span_end)
        set_field(key, "digits", digits)
        padded = counter[0] == "0" and len(counter) > 1
        set_field(key, "counter_digits", len(counter) if padded else 0)
        return key

    def __str__(self) -> str:
        year, month, day, hour, minute, second, microsecond = self.time.fields()
        lead = f"{self.prefix}/" if self.prefix else ""
        lead += f"{year:04}-{month:02}-{day:02}"
        if self.postfix:
            lead += f"/{self.postfix}"
        fraction = f".{microsecond:06}"[: self.digits + 1] if self.digits else ""
        counter = f"{self.counter:0{self.counter_digits}}"
        end = _END_SUFFIX if self.span_end else ""
        return f"{lead}/{hour:02}/{minute:02}-{second:02}{fraction}Z.{counter}.{self.extension}{end}"

    def following(self, time: UtcTime) -> "ObjectKey":
        """Return the key of the next segment of the same span, which begins at ``time``; padded as this one is."""
        return replace(self, time=time, counter=self.counter + 1, span_end=False)

    def ending(self, time: UtcTime) -> "ObjectKey":
        """Return the key of the span end object after this last segment; ``time`` is the end of its last sample.

        It is padded as this one is.
        """
        return replace(self, time=time, counter=self.counter + 1, span_end=True)
