"""The size of a content key, and the text of its identifier (KID): the encryption and the service have both from here.

A client gives a KID in a RecordingEncryption. ONVIF 25.12 leaves its form open (xs:string); 26.06 has a UUID "according
to RFC 9562 Section 4", whose grammar has no ``urn:uuid:``. Key files and command lines may have that prefix.
"""

import re
from typing import Final
from uuid import UUID

__all__ = ["KEY_SIZE", "kid_of_text"]

KEY_SIZE: Final = 16
"""Bytes of a content key (AES-128)."""

_KID = re.compile(r"(urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|([0-9a-f]{32})", re.I | re.A)


def kid_of_text(text: str, *, urn: bool = False) -> UUID | None:
    """Return a KID from its text, a UUID with dashes or 32 hex digits; None if the text is neither.

    Upper and lower case are accepted, braces are not. The bytes of a KID in ``tenc``, ``seig`` and ``pssh`` are those
    of the text in reading order, that is ``UUID.bytes``.

    Args:
        text: the whole text, without white space around it.
        urn: accept ``urn:uuid:`` before a UUID with dashes too.
    """
    found = _KID.fullmatch(text)
    if found is None or (found[1] and not urn):
        return None
    return UUID(hex=found[2] or found[3])
