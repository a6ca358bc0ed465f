"""Attributes and content types that every store of this room accepts: those that it can give back."""

import json
from collections.abc import Mapping
from typing import Any

from onvif_bmff.errors import ObjectAttributeError

__all__ = ["check_content_type", "check_metadata"]

_MAX_METADATA_BYTES = 256 << 10
"""Most bytes of all names and values of an object, as JSON. Cloud services take 2 to 8 KB."""


def check_metadata(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of attributes that a store can keep.

    Raises:
        ObjectAttributeError: they are not names and values, hold half a surrogate pair, or are too large.
    """
    found: dict[Any, Any] = dict(attributes)
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):
            kinds = f"{type(name).__name__} and {type(value).__name__}"
            raise ObjectAttributeError(f"attributes are names and texts, not {kinds}")
        _check_text(name)
        _check_text(value)
    size = len(json.dumps(found))
    if size > _MAX_METADATA_BYTES:
        raise ObjectAttributeError(f"the attributes have {size} bytes; at most {_MAX_METADATA_BYTES} are kept")
    return found


def check_content_type(content_type: object) -> None:
    """Check that a content type is one line of text, or None if it is unknown (of a copied object, say).

    Raises:
        ObjectAttributeError: it is not.
    """
    if content_type is None:
        return
    if not isinstance(content_type, str):
        raise ObjectAttributeError(f"a content type is a text, not {type(content_type).__name__}")
    _check_text(content_type)
    if len(content_type) > 1024 or not content_type.isprintable():
        raise ObjectAttributeError(f"not a content type: {content_type[:80]!r}")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ObjectAttributeError("a name or value of an attribute holds half a surrogate pair") from None
