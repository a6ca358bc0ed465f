"""Who may read a recording: tt:RecordingEncryption and tt:AsymmetricEncryption.

ONVIF Recording Control 25.12, 5.3.1 and 5.7; ``additional_info`` is of release 26.06.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from onvif_bmff.control.types.extensions import NO_EXTENSIONS, Extensions

__all__ = ["AsymmetricEncryption", "EncryptionMode", "RecordingEncryption"]


class EncryptionMode(StrEnum):
    """The encryption modes that ONVIF names; a device offers some of them (5.25)."""

    CENC = "CENC"
    CBCS = "CBCS"


@dataclass(frozen=True, slots=True)
class AsymmetricEncryption:
    """The device makes the content keys and wraps them for the holders of certificates (B.8.2).

    Args:
        certificate_id: certificates to wrap for, one or more; each is an NCName of at most 64 characters.
        key_rotation_duration: a new key this often, longer than zero; None keeps one key.
        additional_info: text bound into the key wrapping (26.06; at least 256 characters are supported).
        extensions: unknown elements.
    """

    certificate_id: tuple[str, ...]
    key_rotation_duration: timedelta | None = None
    additional_info: str | None = None
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class RecordingEncryption:
    """One encryption entry: either ``kid`` and ``key``, or ``asymmetric_encryption``.

    Args:
        mode: one of the modes in the capability SupportedEncryptionModes.
        kid: key ID as UUID text or 32 hexadecimal digits; stored in the lower-case dashed form.
        key: the content key, 16 bytes. Write-only: no answer, event or repr ever holds it. It may be left
            out where the recording holds a key for the KID already.
        track: tokens of the tracks to encrypt; empty means all of them, and then no other entry may exist.
        asymmetric_encryption: wrapped keys instead of a given one.
        extensions: unknown elements and attributes.
    """

    mode: str
    kid: str | None = None
    key: bytes | None = field(default=None, repr=False)
    track: tuple[str, ...] = ()
    asymmetric_encryption: AsymmetricEncryption | None = None
    extensions: Extensions = NO_EXTENSIONS
