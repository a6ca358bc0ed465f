"""From the declaration of a class to what reads and writes it fast.

``Layout`` turns the field types (see ``wire``) of one class into a *plan* for each version and set of flags that
matters: neighbouring fields of fixed size fuse into one ``struct.Struct``, conditions on version and flags are
decided once, and only what is really variable runs code of its own. ``plain`` makes a construct of the same
declaration; the tests hold both to the same bytes.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from onvif_bmff.bmff.language.checks import check_fields
from onvif_bmff.bmff.language.conditions import ByVersion, WhenFlag, decide, is_column
from onvif_bmff.bmff.language.wire import (
    VIEW,
    Bits,
    Fields,
    FieldType,
    Fixed,
    ListOf,
    Table,
    WireError,
    identity,
    raise_truncated,
    unsigned,
)

__all__ = ["Layout"]

_NEITHER = (0, 0)
"""Version and flags of what has neither."""


class _FixedRun:
    """Neighbouring fields of fixed size, read and written by one ``struct.Struct``."""

    def __init__(self, fields: list[tuple[Any, Fixed]]) -> None:
        self.packer = struct.Struct(">" + "".join(field_type.code for _, field_type in fields))
        self.fields = [
            (target, field_type.load, None if field_type.dump is identity else field_type.dump)
            for target, field_type in fields
        ]
        plain = all(isinstance(target, str) and field_type.load is identity for target, field_type in fields)
        self.names = tuple(target for target, _ in fields) if plain else None
        self.unchanged = plain and all(field_type.dump is identity for _, field_type in fields)

    def read(self, view: memoryview, pos: int, end: int, this: Fields) -> int:
        stop = pos + self.packer.size
        if stop > end:
            raise_truncated(pos, self.packer.size, end - pos)
        values = self.packer.unpack_from(view, pos)
        if self.names is not None:
            this.update(zip(self.names, values, strict=True))
            return stop
        for (target, load, _), raw in zip(self.fields, values, strict=True):
            value = load(raw)
            if isinstance(target, str):
                this[target] = value
            else:
                for name, shift, mask in target:
                    this[name] = value >> shift & mask
        return stop

    def write(self, this: Fields) -> bytes:
        if self.unchanged and self.names is not None:
            try:
                return self.packer.pack(*map(this.__getitem__, self.names))
            except struct.error as error:
                raise WireError(f"{', '.join(self.names)}: {error}") from None
        raw = []
        for target, _, dump in self.fields:
            try:
                value = this[target] if isinstance(target, str) else _joined(target, this)
                raw.append(value if dump is None else dump(value))
            except (WireError, OverflowError, ValueError, AttributeError, TypeError) as error:
                name = target if isinstance(target, str) else target[0][0]
                raise WireError(f"{name}: {error}") from None
        try:
            return self.packer.pack(*raw)
        except struct.error as error:
            names = ", ".join(target if isinstance(target, str) else target[0][0] for target, _, _ in self.fields)
            raise WireError(f"{names}: {error}") from None


def _joined(target: tuple[tuple[str, int, int], ...], this: Fields) -> int:
    """Return the number that the bit fields make together."""
    value = 0
    for name, shift, mask in target:
        if not 0 <= this[name] <= mask:
            raise WireError(f"{name}: {this[name]} does not fit {mask.bit_length()} bits")
        value |= this[name] << shift
    return value


class _Variable:
    """One field that runs code of its own."""

    def __init__(self, name: str, field_type: FieldType) -> None:
        self.name, self.field_type = name, field_type

    def read(self, view: memoryview, pos: int, end: int, this: Fields) -> int:
        this[self.name], pos = self.field_type.decode(view, pos, end, this)
        return pos

    def write(self, this: Fields) -> bytes:
        try:
            return self.field_type.encode(this[self.name], this)
        except WireError as error:
            raise WireError(f"{self.name}: {error.reason}") from None
        except (OverflowError, ValueError, AttributeError, TypeError, struct.error) as error:
            raise WireError(f"{self.name}: {error}") from None


class _Payload(_Variable):
    """A payload that may be gigabytes: ``Layout.write`` leaves it out, the box hands it on as it is."""

    def write(self, this: Fields) -> bytes:
        return b""


class _Absent:
    """A field that version and flags rule out."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read(self, view: memoryview, pos: int, end: int, this: Fields) -> int:
        this[self.name] = None
        return pos

    def write(self, this: Fields) -> bytes:
        if this[self.name] is not None:
            raise WireError(f"{self.name}: given, but version and flags say that it is absent")
        return b""


_Step = _FixedRun | _Variable | _Absent


class Layout:
    """The fields of one class in wire order, with a plan for each version and set of flags that matters.

    ``orders`` gives the names of the first fields, in wire order, for versions in which it is another one than that
    of ``fields``. ``payload`` names the last field if it is a ``View``; ``has_lists`` tells of lists that need an item
    budget, and ``weight`` how many boxes one such box counts for in ``Limits``. ``owner`` (the class, for messages)
    has a version and flags if ``versioned``. Raises ``DeclarationError`` for fields that cannot follow one another.
    """

    def __init__(
        self,
        fields: Iterable[tuple[str, Any]],
        *,
        owner: str = "",
        versioned: bool = True,
        orders: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        given = tuple(fields)
        self.versioned = versioned
        self._orders = orders or {}
        self.fields = check_fields(given, owner=owner, versioned=versioned)
        for version in self._orders:
            check_fields(self.ordered(version), owner=owner, versioned=versioned)
        self.names = tuple(name for name, _ in self.fields)
        parts = [part for _, field_type in self.fields for part in _parts(field_type)]
        self.flag_mask = 0
        for part in parts:
            self.flag_mask |= _flag_mask(part)
        self.has_lists = any(isinstance(part, ListOf) for part in parts)
        self.weight = 1 + 2 * sum(isinstance(part, Table) for part in parts)
        self.payload = self.names[-1] if self.fields and self.fields[-1][1] is VIEW else None
        self._plans: dict[tuple[int, int], list[_Step]] = {}

    def ordered(self, version: int) -> tuple[tuple[str, FieldType], ...]:
        """Return name and type of each field in the wire order of ``version``."""
        first = self._orders.get(version)
        if first is None:
            return self.fields
        by_name = dict(self.fields)
        return (*[(name, by_name.pop(name)) for name in first], *by_name.items())

    def read(self, view: memoryview, pos: int, end: int, this: Fields) -> int:
        """Read all fields into ``this`` (which may hold version and flags); return the position behind."""
        key = (this["version"], this["flags"] & self.flag_mask) if "version" in this else _NEITHER
        plan = self._plans.get(key)
        for step in self._plan(*key) if plan is None else plan:
            pos = step.read(view, pos, end, this)
        return pos

    def fields_of(self, made: Any) -> Fields:
        """Return the values of all fields by name: attributes of ``made``."""
        return dict(zip(self.names, map(getattr, repeat(made), self.names), strict=True))

    def pack(self, made: Any) -> bytes:
        """Return the bytes of ``made``: version and flags if it has them, and all fields without ``payload``."""
        values = dict(zip(self.names, map(getattr, repeat(made), self.names), strict=True))
        packed, key = b"", _NEITHER
        if self.versioned:
            version, flags = made.version, made.flags
            if not (0 <= version < 256 and 0 <= flags < 1 << 24):
                raise WireError(f"version {version} or flags {flags:#x} out of range")
            if made.versions is not None and version not in made.versions:
                raise WireError(f"version {version} is not declared, only {', '.join(map(str, made.versions))}")
            packed, key = (version << 24 | flags).to_bytes(4, "big"), (version, flags & self.flag_mask)
            values["version"], values["flags"] = version, flags
        plan = self._plans.get(key)
        for step in self._plan(*key) if plan is None else plan:
            packed += step.write(values)
        return packed

    def write(self, this: Fields) -> bytes:
        """Return the bytes of all fields in ``this``, without those of ``payload``."""
        key = (this["version"], this["flags"] & self.flag_mask) if "version" in this else _NEITHER
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(*key)
        written = b""
        for step in plan:
            written += step.write(this)
        return written

    def _plan(self, version: int, flags: int) -> list[_Step]:
        """Make the plan for a version and those of the flags that matter, and keep it."""
        plan = self._plans[version, flags] = self._make_plan(version, flags)
        return plan

    def _make_plan(self, version: int, flags: int) -> list[_Step]:
        steps: list[_Step] = []
        run: list[tuple[Any, Fixed]] = []

        def finish() -> None:
            if run:
                steps.append(_FixedRun(run[:]))
                run.clear()

        fields = [(name, decide(field_type, version, flags)) for name, field_type in self.ordered(version)]
        index = 0
        while index < len(fields):
            name, field_type = fields[index]
            if isinstance(field_type, Bits):
                group, index = _bit_group(fields, index)
                run.append(group)
                continue
            if field_type is None:
                steps_target: _Step = _Absent(name)
            else:
                if isinstance(field_type, Fixed):
                    run.append((name, field_type))
                    index += 1
                    continue
                if isinstance(field_type, Table):
                    field_type = field_type.resolve(version, flags)
                steps_target = (_Payload if field_type is VIEW else _Variable)(name, field_type)
            finish()
            steps.append(steps_target)
            index += 1
        finish()
        return steps


def _bit_group(fields: list[tuple[str, Any]], index: int) -> tuple[tuple[Any, Fixed], int]:
    run: list[tuple[str, int]] = []
    total = 0
    while index < len(fields) and isinstance(fields[index][1], Bits):
        name, field_type = fields[index]
        run.append((name, field_type.width))
        total += field_type.width
        index += 1
        if total % 8 == 0:
            break
    left, targets = total, []
    for name, width in run:
        left -= width
        targets.append((name, left, (1 << width) - 1))
    code = {8: "B", 16: "H", 32: "I", 64: "Q"}.get(total)
    field_type = Fixed(code, identity, identity) if code else unsigned(total // 8)
    return (tuple(targets), field_type), index


def _parts(field_type: FieldType) -> Iterator[FieldType]:
    yield field_type
    for part in field_type.parts():
        yield from _parts(part)


def _flag_mask(part: Any) -> int:
    """Return the flags of which ``part``, or a column of it, asks."""
    if isinstance(part, Table):
        mask = 0
        for code in part.columns.values():
            mask |= _flag_mask(code)
        return mask
    if isinstance(part, ByVersion) and is_column(part):
        return _flag_mask(part.zero) | _flag_mask(part.later)
    return part.mask if isinstance(part, WhenFlag) else 0
