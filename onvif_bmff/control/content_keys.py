"""Content keys in the control model: their identifiers as they are stored, and their check values."""

import hmac
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self
from uuid import UUID

from onvif_bmff.errors import ProtectionError
from onvif_bmff.key_format import kid_of_text

__all__ = ["KeyCheck", "canonical_kid", "key_check_value"]

_CHECK_SIZE: Final = 4
_CHECK_LABEL: Final = b"onvif_bmff key check value\0"


@lru_cache(maxsize=4096)
def _uuid(text: str) -> UUID:
    kid = kid_of_text(text)
    if kid is None:
        raise ProtectionError("a key ID is a UUID")
    return kid


def canonical_kid(text: str) -> str:
    """Return a key ID as it is stored: a UUID in lower case with dashes.

    Raises:
        ProtectionError: the text is no UUID, with dashes or as 32 hexadecimal digits; ``urn:uuid:`` is refused.
    """
    return str(_uuid(text))


def key_check_value(kid: UUID, key: bytes) -> str:
    """Return the check value of the key for a KID, which detects a changed stored key: eight hex digits.

    They are the first 32 bits of an HMAC-SHA-256 under the key. A key that was damaged by chance passes once in four
    thousand million times. The key cannot be computed from them; they exclude all but one in 2**32 of an attacker's
    guesses, which leaves 2**96 of the random keys. AES of a constant, the usual check value, is not
    used: in counter mode that is a piece of key stream.
    """
    return hmac.digest(key, _CHECK_LABEL + kid.bytes, "sha256")[:_CHECK_SIZE].hex()


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """The check value of a content key, made when a client gave the key (``key_check_value``).

    It is stored with the recording, not with the key, so that an intact but different key is detected too.
    """

    kid: str
    value: str

    @classmethod
    def of(cls, kid: str, key: bytes) -> Self:
        """Return the check value of a key.

        Raises:
            ProtectionError: the key ID is no UUID.
        """
        return cls(kid, key_check_value(_uuid(kid), key))
