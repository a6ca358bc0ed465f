"""From the declaration of a class to what reads and writes it fast.

``Codec`` turns the words (see ``wire``) of one class into a *plan* for each combination of version and flags that
matters: neighbouring fields of fixed size fuse into one ``struct.Struct``, conditions on version and flags are
decided once, and only what is really variable runs code of its own. ``Codec.construct`` is the same declaration
as a plain ``construct.Struct``; the tests hold both to the same bytes.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import construct

from onvif_bmff.bmff.language.wire import (
    VIEW,
    Bits,
    ByVersion,
    Conditional,
    Fields,
    Fixed,
    ListOf,
    Table,
    WhenFlag,
    Wire,
    WireError,
    as_wire,
    decide,
    same,
    short,
    unsigned,
)

__all__ = ["Codec"]

_NEITHER = (0, 0)
"""Version and flags of what has neither."""


class _FixedRun:
    """Neighbouring fields of fixed size, read and written by one ``struct.Struct``."""

    def __init__(self, fields: list[tuple[Any, Fixed]]) -> None:
        self.packer = struct.Struct(">" + "".join(word.code for _, word in fields))
        self.fields = [(target, word.load, word.dump) for target, word in fields]
        plain = all(isinstance(target, str) and word.load is same for target, word in fields)
        self.names = tuple(target for target, _ in fields) if plain else None
        self.unchanged = plain and all(word.dump is same for _, word in fields)

    def read(self, view: memoryview, pos: int, end: int, this: Fields) -> int:
        stop = pos + self.packer.size
        if stop > end:
            short(pos, self.packer.size, end - pos)
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
                return self.packer.pack(*[this[name] for name in self.names])
            except struct.error as error:
                raise WireError(f"{', '.join(self.names)}: {error}") from None
        raw = []
        for target, _, dump in self.fields:
            name = target if isinstance(target, str) else target[0][0]
            try:
                raw.append(dump(this[name] if name is target else _joined(target, this)))
            except (WireError, OverflowError, ValueError, AttributeError, TypeError) as error:
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

    def __init__(self, name: str, word: Wire) -> None:
        self.name, self.word = name, word

    def read(self, view: memoryview, pos: int, end: int, this: Fields) -> int:
        this[self.name], pos = self.word.decode(view, pos, end, this)
        return pos

    def write(self, this: Fields) -> bytes:
        try:
            return self.word.encode(this[self.name], this)
        except WireError as error:
            raise WireError(f"{self.name}: {error.reason}") from None
        except (OverflowError, ValueError, AttributeError, TypeError, struct.error) as error:
            raise WireError(f"{self.name}: {error}") from None


class _Payload(_Variable):
    """A payload that may be gigabytes: ``Codec.write`` leaves it out, the box hands it on as it is."""

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


class Codec:
    """The fields of one class in wire order, with a plan for each version and set of flags that matters.

    ``payload`` names the last field if it is a ``View``; ``has_lists`` tells of lists that need a purse, and
    ``weight`` how many boxes one such box counts for in ``Limits``.
    """

    def __init__(self, fields: Iterable[tuple[str, Any]]) -> None:
        self.fields = tuple(fields)
        self.names = tuple(name for name, _ in self.fields)
        self.flag_mask = 0
        words = [part for _, word in self.fields for part in _parts(word)]
        for part in words:
            self.flag_mask |= part.mask if isinstance(part, WhenFlag) else 0
        self.has_lists = any(isinstance(part, ListOf) for part in words)
        self.weight = 1 + 2 * sum(isinstance(part, Table) for part in words)
        self.payload = self.names[-1] if self.fields and self.fields[-1][1] is VIEW else None
        self._plans: dict[tuple[int, int], list[_Step]] = {}

    @property
    def construct(self) -> Any:
        """The declaration as a plain ``construct.Struct``.

        A run of bit fields is a ``BitStruct`` named "bits_" and the first field. Version and flags, where the
        declaration asks for them, are parameters: ``parse(data, version=1, flags=0)``.
        """
        members: list[Any] = []
        run: list[Any] = []
        for name, word in (*self.fields, ("", None)):
            if isinstance(word, Bits):
                run.append(name / construct.BitsInteger(word.width))
                continue
            if run:
                members.append(f"bits_{run[0].name}" / construct.BitStruct(*run))
                run = []
            if name:
                members.append(name / word)
        return construct.Struct(*members)

    def read(self, view: memoryview, pos: int, end: int, this: Fields) -> int:
        """Read all fields into ``this`` (which may hold version and flags); return the position behind."""
        key = (this["version"], this["flags"] & self.flag_mask) if "version" in this else _NEITHER
        plan = self._plans.get(key)
        for step in self._plan(*key) if plan is None else plan:
            pos = step.read(view, pos, end, this)
        return pos

    def write(self, this: Fields) -> bytes:
        """Return the bytes of all fields in ``this``, without those of ``payload``."""
        key = (this["version"], this["flags"] & self.flag_mask) if "version" in this else _NEITHER
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(*key)
        return plan[0].write(this) if len(plan) == 1 else b"".join([step.write(this) for step in plan])

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

        fields = [(name, decide(word, version, flags)) for name, word in self.fields]
        index = 0
        while index < len(fields):
            name, word = fields[index]
            if isinstance(word, Bits):
                group, index = _bit_group(fields, index)
                run.append(group)
                continue
            if word is None:
                steps_target: _Step = _Absent(name)
            else:
                word = as_wire(word)
                if isinstance(word, Fixed):
                    run.append((name, word))
                    index += 1
                    continue
                if isinstance(word, Table):
                    word = word.resolve(version, flags)
                steps_target = (_Payload if word is VIEW else _Variable)(name, word)
            finish()
            steps.append(steps_target)
            index += 1
        finish()
        return steps


def _bit_group(fields: list[tuple[str, Any]], index: int) -> tuple[tuple[Any, Fixed], int]:
    run: list[tuple[str, int]] = []
    total = 0
    while index < len(fields) and isinstance(fields[index][1], Bits):
        name, word = fields[index]
        run.append((name, word.width))
        total += word.width
        index += 1
        if total % 8 == 0:
            break
    if total % 8:
        raise TypeError(f"the bit fields {[name for name, _ in run]} do not end on a byte boundary")
    left, targets = total, []
    for name, width in run:
        left -= width
        targets.append((name, left, (1 << width) - 1))
    code = {8: "B", 16: "H", 32: "I", 64: "Q"}.get(total)
    word = Fixed(code, same, same) if code else unsigned(total // 8)
    return (tuple(targets), word), index


def _parts(word: Any) -> Iterator[Any]:
    yield word
    if isinstance(word, WhenFlag | Conditional):
        yield from _parts(word.word)
    elif isinstance(word, ByVersion):
        yield from _parts(word.zero)
        yield from _parts(word.later)
    elif isinstance(word, Table):
        for column in word.columns.values():
            yield from _parts(column)
