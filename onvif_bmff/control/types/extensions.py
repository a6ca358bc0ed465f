"""Content of a configuration that this library does not know, kept so that nothing gets lost on a round trip.

The schema leaves room for elements and attributes of later releases and of vendors nearly everywhere. A
binding puts them here as text; the service stores them and hands them back, and never looks inside.
"""

from dataclasses import dataclass

__all__ = ["NO_EXTENSIONS", "Extensions"]


@dataclass(frozen=True, slots=True)
class Extensions:
    """Unknown child elements and attributes of one schema type.

    Args:
        elements: serialised elements in document order, ``Extension`` elements included.
        attributes: pairs of attribute name (``{namespace}local`` or ``local``) and value.
    """

    elements: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


NO_EXTENSIONS = Extensions()
"""Nothing unknown: the default of every ``extensions`` field."""
