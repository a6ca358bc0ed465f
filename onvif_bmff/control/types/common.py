"""Common parts of structures: unknown content, references to sources, and operations of property events.

The schema leaves room for elements and attributes of later releases and of vendors nearly everywhere. A
binding puts them into ``Extensions`` as text, so that nothing is lost on a round trip; the service stores and
returns them without interpretation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

__all__ = [
    "NO_EXTENSIONS",
    "PROFILE_TYPE",
    "RECEIVER_TYPE",
    "Extensions",
    "PropertyOperation",
    "SourceReference",
    "keep_tuples",
]


def keep_tuples(structure: object, *names: str) -> None:
    """Make tuples of fields of a frozen structure that is being made, so that it is a value whatever it was made of.

    Raises:
        TypeError: a field is neither a list nor a tuple, nor another sequence of items.
    """
    for name in names:
        given = getattr(structure, name)
        if type(given) is tuple:
            continue
        if not isinstance(given, Sequence) or isinstance(given, str | bytes | bytearray | memoryview):
            kind = type(structure).__name__
            raise TypeError(f"{name} of {kind} must be a list or a tuple, not a {type(given).__name__}")
        object.__setattr__(structure, name, tuple(given))


@dataclass(frozen=True, slots=True)
class Extensions:
    """Unknown child elements and attributes of one schema type.

    Args:
        elements: serialised elements in document order, ``Extension`` elements included.
        attributes: pairs of attribute name (``{namespace}local`` or ``local``) and value.
    """

    elements: Sequence[str] = ()
    attributes: Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        keep_tuples(self, "elements", "attributes")
        given: Sequence[object] = self.attributes
        if any(isinstance(pair, list) for pair in given):
            pairs = tuple(tuple(pair) if isinstance(pair, list) else pair for pair in given)
            object.__setattr__(self, "attributes", pairs)


NO_EXTENSIONS = Extensions()
"""No unknown content: the default of every ``extensions`` field."""

RECEIVER_TYPE = "http://www.onvif.org/ver10/schema/Receiver"
"""Type of a ``SourceReference`` to a receiver object; the default of the schema."""

PROFILE_TYPE = "http://www.onvif.org/ver10/schema/Profile"
"""Type of a ``SourceReference`` to a media profile of the local device."""


@dataclass(frozen=True, slots=True)
class SourceReference:
    """The source of a job's data: a receiver or a local media profile.

    Args:
        token: of the receiver, or of the profile.
        type: ``RECEIVER_TYPE`` or ``PROFILE_TYPE``.
        extensions: unknown elements and attributes.
    """

    token: str
    type: str = RECEIVER_TYPE
    extensions: Extensions = NO_EXTENSIONS

    @classmethod
    def receiver(cls, token: str) -> Self:
        """Return a reference to a receiver."""
        return cls(token, RECEIVER_TYPE)

    @classmethod
    def profile(cls, token: str) -> Self:
        """Return a reference to a media profile of the device."""
        return cls(token, PROFILE_TYPE)


class PropertyOperation(StrEnum):
    """Operation on the property of an event (ONVIF Core, 9.4)."""

    INITIALIZED = "Initialized"
    CHANGED = "Changed"
    DELETED = "Deleted"
