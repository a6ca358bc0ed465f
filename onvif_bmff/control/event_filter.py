"""Event filters: topic expressions and source content expressions.

Topic expressions are those of ONVIF Core 9.6.3: full topics joined by ``|``, each optionally ending in
``//.`` for "and everything below". Content expressions are those of Core 9.4.4 on the items of tt:Source::

    boolean(//tt:SimpleItem[@Name="Rule" and @Value="Motion"]) and not(boolean(//tt:SimpleItem[...]))

Message data is ignored, as 5.3.4 of the recording control specification allows.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from typing import Self

from onvif_bmff.control.faults import BadConfiguration
from onvif_bmff.control.types.common import PropertyOperation
from onvif_bmff.control.types.job_configuration import RecordingEventFilter
from onvif_bmff.errors import EventError
from onvif_bmff.timing import UtcTime
from onvif_bmff.xml_values import parse_boolean, parse_date_time

__all__ = ["EventGate", "EventMessage", "check_event_filter", "matches"]

_ZERO = timedelta(0)
_MAX_LENGTH = 4096
_MAX_DEPTH = 32
_NAME = r"[^\W\d][\w.-]*"
_TOPIC_PATH = re.compile(rf"(?:{_NAME}:)?{_NAME}(?:/(?:{_NAME}:)?{_NAME})*(//\.)?")
_CONTENT_TOKEN = re.compile(
    r"""\s*(?:(?P<path>//\s*(?:[\w.-]+:)?SimpleItem)|(?P<attribute>@(?:Name|Value))|(?P<text>"[^"]*"|'[^']*')"""
    r"""|(?P<word>and|or|not|boolean)\b|(?P<sign>[()\[\]=]))"""
)

_Items = Mapping[str, str]
_Test = Callable[[_Items], bool]
_ItemTest = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class EventMessage:
    """An event of the device as the service sees it.

    Args:
        topic: full topic with prefix, such as ``tns1:RuleEngine/CellMotionDetector/Motion``. White space around it
            and ``//.`` behind it, which some cameras send, are removed.
        time: when it happened.
        source: items of tt:Source by name.
        data: items of tt:Data by name, as the text that was sent.
        operation: for property events, what happened to the property; None for all others.
        types: declared types of items of tt:Data (``SimpleItemDescription/@Type``) by name, as far as they are known.
            An item without one is a boolean if it reads like one: with ``xs:int`` a counter that stands at 1 is none.
    """

    topic: str
    time: UtcTime
    source: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    operation: PropertyOperation | None = None
    types: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "topic", self.topic.strip().removesuffix("//."))

    @classmethod
    def parse(
        cls,
        topic: str,
        utc_time: str,
        source: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        operation: str | None = None,
        types: Mapping[str, str] | None = None,
    ) -> Self:
        """Return an event from the texts of a tt:Message, with its attributes UtcTime and PropertyOperation.

        Raises:
            EventError: the time or the operation cannot be read.
        """
        if operation is not None and operation not in set(PropertyOperation):
            raise EventError(f"no PropertyOperation: {operation[:40]!r}")
        made = None if operation is None else PropertyOperation(operation)
        return cls(topic, parse_date_time(utc_time), source or {}, data or {}, made, types or {})

    def property_key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Return the identity of a property: topic and source."""
        return self.topic, tuple(sorted(self.source.items()))

    def is_lasting(self) -> bool:
        """Return whether the event is about a condition that begins and ends.

        That is a property with a boolean data item, or the end of any property. A property of another kind
        counts as an event without duration each time it changes.
        """
        if self.operation is None:
            return False
        return self.operation is PropertyOperation.DELETED or any(self._booleans())

    def is_active(self) -> bool:
        """Return whether the condition of a lasting event holds from now on."""
        return self.operation is not PropertyOperation.DELETED and any(map(parse_boolean, self._booleans()))

    def _booleans(self) -> Iterator[str]:
        """Return the values of data items that are booleans, in any of the forms that are sent."""
        for name, value in self.data.items():
            declared = self.types.get(name)
            if declared is None or declared.rpartition(":")[2] == "boolean":
                with suppress(EventError):
                    parse_boolean(value)
                    yield value


def matches(event_filter: RecordingEventFilter, message: EventMessage) -> bool:
    """Return whether any entry of a filter matches an event."""
    return any(
        _topic_test(entry.topic)(message.topic)
        and (entry.source is None or _content_test(entry.source)(message.source))
        for entry in event_filter.filter
    )


@dataclass(frozen=True, slots=True)
class EventGate:
    """Whether the event condition of a job holds (5.3.4).

    The gate is open while any matching condition is active, until After has passed since the last one
    ended, and for the time of an instant event plus After. Windows that overlap are one.

    Args:
        conditions: property keys of the active conditions.
        open_until: open at least until this instant.
        opened: when the window that is open now, or was open last, began.
        topic: of the event that opened it.
    """

    conditions: frozenset[tuple[str, tuple[tuple[str, str], ...]]] = frozenset()
    open_until: UtcTime | None = None
    opened: UtcTime | None = None
    topic: str | None = None

    def is_open(self, now: UtcTime) -> bool:
        """Return whether the job may record at an instant."""
        return bool(self.conditions) or (self.open_until is not None and now < self.open_until)

    def closes(self) -> UtcTime | None:
        """Return when the gate closes without further events; None while a condition lasts or if it never opened."""
        return None if self.conditions else self.open_until

    def shifted(self, by: timedelta) -> "EventGate":
        """Return the gate shifted for a clock that is set."""
        until, opened = self.open_until, self.opened
        return replace(self, open_until=until and until + by, opened=opened and opened + by)

    def after(
        self, event_filter: RecordingEventFilter, message: EventMessage, now: UtcTime, instant: timedelta
    ) -> "EventGate":
        """Return the gate after an event; itself if the filter does not match the event.

        Args:
            event_filter: the job's filter.
            message: the event; a time of its own that lies in the future counts as now.
            now: the present.
            instant: how long to stay open at least, so that one I-frame is recorded.
        """
        if not matches(event_filter, message):
            return self
        when = min(message.time, now)
        was_open = self.is_open(now)
        key = message.property_key()
        conditions, until = self.conditions, self.open_until
        if not message.is_lasting() or message.is_active():
            ends = when + max(instant, event_filter.after or _ZERO)
            if message.is_lasting():
                conditions |= {key}
                ends = when + instant
            elif message.operation is not None:
                conditions -= {key}  # the property is no boolean any more, so its end cannot be detected
        elif key in conditions:
            conditions -= {key}
            ends = when + (event_filter.after or _ZERO)
        else:
            return self
        until = ends if until is None else max(until, ends)
        if was_open:
            return EventGate(conditions, until, self.opened, self.topic)
        return EventGate(conditions, until, when, message.topic)


def check_event_filter(event_filter: RecordingEventFilter) -> None:
    """Check that a filter has entries, and that all its expressions can be parsed.

    Raises:
        BadConfiguration: it has none, or one cannot be parsed.
    """
    if not event_filter.filter:
        raise BadConfiguration("an event filter needs at least one filter")
    for entry in event_filter.filter:
        _topic_test(entry.topic)
        if entry.source is not None:
            _content_test(entry.source)


@lru_cache(maxsize=1024)
def _topic_test(expression: str) -> Callable[[str], bool]:
    exact: set[str] = set()
    below: list[str] = []
    if len(expression) > _MAX_LENGTH:
        raise BadConfiguration("the topic expression is too long")
    for part in expression.split("|"):
        path = part.strip()
        found = _TOPIC_PATH.fullmatch(path)
        if found is None:
            raise BadConfiguration(f"not a topic expression: {expression[:80]!r}")
        if found.group(1):
            exact.add(path[:-3])
            below.append(path[:-3] + "/")
        else:
            exact.add(path)
    prefixes = tuple(below)
    return lambda topic: topic in exact or topic.startswith(prefixes)


@lru_cache(maxsize=1024)
def _content_test(expression: str) -> _Test:
    return _ContentParser(expression).parse()


class _ContentParser:
    """Recursive descent over the small grammar of Core 9.4.4; ``and`` binds tighter than ``or``."""

    def __init__(self, expression: str) -> None:
        if len(expression) > _MAX_LENGTH:
            raise BadConfiguration("the content expression is too long")
        self._expression = expression
        self._depth = 0
        self._tokens: list[tuple[str, str]] = []
        position, end = 0, len(expression.rstrip())
        while position < end:
            found = _CONTENT_TOKEN.match(expression, position)
            if found is None:
                raise self._refusal()
            self._tokens.append((found.lastgroup or "", found.group(found.lastgroup or 0)))
            position = found.end()
        self._tokens.reverse()

    def parse(self) -> _Test:
        test = self._any(self._boolean)
        if self._tokens:
            raise self._refusal()

        def check(items: _Items) -> bool:
            return bool(test(items))

        return check

    def _refusal(self) -> BadConfiguration:
        return BadConfiguration(f"not a content expression: {self._expression[:80]!r}")

    def _next(self, wanted: str = "", kind: str = "") -> str:
        if not self._tokens:
            raise self._refusal()
        found_kind, text = self._tokens.pop()
        if (wanted and text != wanted) or (kind and found_kind != kind):
            raise self._refusal()
        return text

    def _peek(self) -> str:
        return self._tokens[-1][1] if self._tokens else ""

    def _any(self, operand: Callable[[], Callable[..., bool]]) -> Callable[..., bool]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise BadConfiguration("the content expression is nested too deeply")
        tests = [self._all(operand)]
        while self._peek() == "or":
            self._next()
            tests.append(self._all(operand))
        self._depth -= 1
        return tests[0] if len(tests) == 1 else lambda *given: any(test(*given) for test in tests)

    def _all(self, operand: Callable[[], Callable[..., bool]]) -> Callable[..., bool]:
        tests = [self._term(operand)]
        while self._peek() == "and":
            self._next()
            tests.append(self._term(operand))
        return tests[0] if len(tests) == 1 else lambda *given: all(test(*given) for test in tests)

    def _term(self, operand: Callable[[], Callable[..., bool]]) -> Callable[..., bool]:
        negate = self._peek() == "not"
        if negate:
            self._next()
        if not negate and self._peek() != "(":
            return operand()
        self._next("(")
        inner = self._any(operand)
        self._next(")")
        return (lambda *given: not inner(*given)) if negate else inner

    def _boolean(self) -> _Test:
        self._next("boolean")
        self._next("(")
        self._next(kind="path")
        self._next("[")
        inner = self._any(self._comparison)
        self._next("]")
        self._next(")")
        return lambda items: any(inner(name, value) for name, value in items.items())

    def _comparison(self) -> _ItemTest:
        attribute = self._next(kind="attribute")
        self._next("=")
        wanted = self._next(kind="text")[1:-1]
        if attribute == "@Name":
            return lambda name, _value: name == wanted
        return lambda _name, value: value == wanted
