"""Wrapping of content keys for the holders of certificates (ONVIF Recording Control 25.12, B.8.2).

For an RSA key, the content key is encrypted by OAEP (encryption version 1), for an elliptic curve key by HPKE in base
mode (version 2, RFC 9180). Choices that the specification leaves open: OAEP uses SHA-1 with MGF1-SHA-1 and no label,
the defaults of RFC 8017, or SHA-256 by option; the associated data of HPKE are empty, and so is its info unless the
layout of 26.06 carries one.

A certificate must be valid when a key is wrapped, by the system clock and not by the time of the media: an archive of
ten years ago is wrapped for the certificates of today.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from onvif_bmff.bmff.pssh import (
    LAYOUT_25_12,
    LAYOUT_26_06,
    NENC,
    AsymmetricKeySystemHeaderBox,
    EncryptedKeyEntry,
)
from onvif_bmff.cenc.keys.certificates import (
    HASHES,
    UNREADABLE,
    LeftOut,
    Recipient,
    ThumbprintHash,
    check_certificate,
    kem_of,
    load_certificate,
    load_recipient,
    thumbprint,
)
from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.errors import CertificateError, UnsupportedSchemeError
from onvif_bmff.timing import UtcTime

__all__ = [
    "DEFAULT_SUITES",
    "OAEP_HASHES",
    "VERSION_HPKE",
    "VERSION_RSA_OAEP",
    "KeyWrapper",
    "LeftOut",
    "OaepHash",
    "Recipient",
    "ThumbprintHash",
    "check_certificate",
    "load_certificate",
    "thumbprint",
    "wrap_key",
]

_log = logging.getLogger(__name__)

OaepHash = Literal["sha1", "sha256"]
OAEP_HASHES: Final[tuple[OaepHash, ...]] = ("sha1", "sha256")
"""Hashes for OAEP, the default first."""

VERSION_RSA_OAEP: Final = 1
"""``EncryptionVersion`` of a key wrapped by RSA-OAEP. B.8.2.3."""
VERSION_HPKE: Final = 2
"""``EncryptionVersion`` of a key wrapped by HPKE. B.8.2.4."""

DEFAULT_SUITES: Final[Mapping[int, tuple[int, int]]] = {
    0x0010: (1, 2),
    0x0011: (2, 2),
    0x0012: (3, 2),
    0x0020: (1, 2),
}
"""KDF and AEAD for the KEM of each kind of key (P-256, P-384, P-521, X25519), by the numbers of RFC 9180: HKDF with the
hash of the KEM, and AES-256-GCM."""

_KEMS = {0x0010: hpke.KEM.P256, 0x0011: hpke.KEM.P384, 0x0012: hpke.KEM.P521, 0x0020: hpke.KEM.X25519}
_KDFS = {1: hpke.KDF.HKDF_SHA256, 2: hpke.KDF.HKDF_SHA384, 3: hpke.KDF.HKDF_SHA512}
_AEADS = {1: hpke.AEAD.AES_128_GCM, 2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}

_THUMBPRINT_ID = {"sha1": 1, "sha256": 2}
_NONE_GIVEN = "a content key must be wrapped for at least one certificate"
_MAX_INFO = 0xFFFF

Recipients = Callable[[], Iterable[Recipient | LeftOut]]
"""Returns the certificates to wrap for, each time a key is wrapped, and those known to be unusable."""


@dataclass(frozen=True, slots=True)
class _Wrapping:
    """The checked options of ``wrap_key``."""

    oaep_hash: OaepHash
    thumbprint_hash: ThumbprintHash
    suites: Mapping[int, tuple[int, int]]
    info: bytes | None
    allow_expired: bool

    def __post_init__(self) -> None:
        if self.oaep_hash not in OAEP_HASHES or self.thumbprint_hash not in HASHES:
            raise UnsupportedSchemeError("a hash for wrapping keys is sha1 or sha256")
        if self.info is not None and len(self.info) > _MAX_INFO:
            raise UnsupportedSchemeError(f"HPKE info is limited to {_MAX_INFO} bytes, not {len(self.info)}")

    def reason_against(self, recipient: Recipient, at: UtcTime) -> str | None:
        """Return why a certificate cannot be used at an instant, or None."""
        return None if self.allow_expired else recipient.reason_against(at)

    def wrap(self, content_key: ContentKey, recipient: Recipient) -> EncryptedKeyEntry:
        """Wrap a key for one certificate. Raises as ``wrap_key``."""
        public_key = recipient.public_key
        name = recipient.certificate.fingerprint(HASHES[self.thumbprint_hash])
        algorithm = _THUMBPRINT_ID[self.thumbprint_hash]
        try:
            if isinstance(public_key, rsa.RSAPublicKey):
                return EncryptedKeyEntry(
                    thumbprint_algorithm=algorithm,
                    thumbprint=name,
                    encryption_version=VERSION_RSA_OAEP,
                    encrypted_key=public_key.encrypt(content_key.key, oaep_padding(self.oaep_hash, self.oaep_hash)),
                )
            kem = kem_of(public_key)
            kdf, aead = self.suites.get(kem) or DEFAULT_SUITES[kem]
            sealed = hpke_suite(kem, kdf, aead).encrypt(content_key.key, public_key, info=self.info or b"")
        except UNREADABLE:
            raise CertificateError(
                f"{recipient.name}: nothing can be wrapped with the public key of the certificate"
            ) from None
        return EncryptedKeyEntry(
            thumbprint_algorithm=algorithm,
            thumbprint=name,
            encryption_version=VERSION_HPKE,
            hpke_kem=kem,
            hpke_kdf=kdf,
            hpke_aead=aead,
            encapsulated_secret=sealed[: NENC[kem]],
            encrypted_key=sealed[NENC[kem] :],
            info=self.info,
        )


def wrap_key(
    content_key: ContentKey,
    certificates: Iterable[bytes],
    *,
    at: UtcTime,
    oaep_hash: OaepHash = "sha1",
    thumbprint_hash: ThumbprintHash = "sha256",
    suites: Mapping[int, tuple[int, int]] = DEFAULT_SUITES,
    info: bytes | None = None,
    allow_expired: bool = False,
) -> tuple[EncryptedKeyEntry, ...]:
    """Wrap a content key once for each certificate.

    Args:
        content_key: the key.
        certificates: X.509 certificates, PEM or DER, at least one.
        at: the time at which they must be valid.
        oaep_hash: hash of OAEP and its mask generation function, for RSA keys.
        thumbprint_hash: hash of a certificate's DER form, which identifies it in its entry.
        suites: KDF and AEAD for a KEM, if other than in ``DEFAULT_SUITES``.
        info: ``info`` of HPKE, which needs the layout of 26.06; None (25.12): empty.
        allow_expired: accept certificates that are not valid at that time.

    Returns:
        the entries of an ``AsymmetricKeySystemHeaderBox``, in the order of the certificates.

    Raises:
        CertificateError: a certificate cannot be used, or there is none.
        UnsupportedSchemeError: a suite is unknown, or an option has an invalid value.
    """
    wrapping = _Wrapping(oaep_hash, thumbprint_hash, suites, info, allow_expired)
    entries = []
    for data in certificates:
        recipient = load_recipient(data)
        reason = wrapping.reason_against(recipient, at)
        if reason is not None:
            raise CertificateError(f"{recipient.name}: {reason}")
        entries.append(wrapping.wrap(content_key, recipient))
    if not entries:
        raise CertificateError(_NONE_GIVEN)
    return tuple(entries)


def _system_time() -> UtcTime:
    return UtcTime(time.time_ns() // 1000)


class KeyWrapper:
    """Creates the header with a content key wrapped for all certificates that are valid at that time.

    Wrapping is randomised, but all segments of a span share one moov, so the header of a key does not change, except
    that an entry is added when a certificate becomes valid later; new spans have it then. A certificate that is not
    yet, or no longer, valid is left out, which is logged once and shown by ``trouble`` while it holds. Thread-safe.

    Args:
        certificates: X.509 certificates, PEM or DER, at least one; or a function that returns them for each wrapping.
        clock: returns the present instant, at which certificates must be valid.
        oaep_hash, thumbprint_hash, suites, info, allow_expired: as for ``wrap_key``.

    Raises:
        CertificateError: a certificate cannot be read or used, or there is none. Its validity is checked when a key is
            wrapped.
        UnsupportedSchemeError: an option has an invalid value.
    """

    __slots__ = ("_clock", "_entries", "_header", "_left_out", "_lock", "_recipients", "_trouble", "_wrapping")

    def __init__(
        self,
        certificates: Iterable[bytes] | Recipients,
        *,
        clock: Callable[[], UtcTime] = _system_time,
        oaep_hash: OaepHash = "sha1",
        thumbprint_hash: ThumbprintHash = "sha256",
        suites: Mapping[int, tuple[int, int]] = DEFAULT_SUITES,
        info: bytes | None = None,
        allow_expired: bool = False,
    ) -> None:
        self._wrapping = _Wrapping(oaep_hash, thumbprint_hash, suites, info, allow_expired)
        self._recipients = certificates if callable(certificates) else _fixed(certificates)
        self._clock = clock
        self._lock = Lock()
        self._header: AsymmetricKeySystemHeaderBox | None = None
        self._entries: dict[str, EncryptedKeyEntry] = {}
        self._left_out: dict[str, LeftOut] = {}
        self._trouble: tuple[LeftOut, ...] = ()

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """All certificates that any key was not wrapped for."""
        with self._lock:
            return tuple(self._left_out.values())

    @property
    def trouble(self) -> str | None:
        """The certificates that the last key was not wrapped for, in one line; None if there are none."""
        with self._lock:
            return "; ".join(map(str, self._trouble)) or None

    def header(self, content_key: ContentKey, *, at: UtcTime) -> AsymmetricKeySystemHeaderBox:
        """Return the ``pssh`` box of a content key, created at an instant of the system clock.

        For the KID of the last call it is the same box, unless certificates have become valid since.

        Raises:
            CertificateError: no certificate is valid at this time, and the key was not wrapped before.
            UnsupportedSchemeError: a suite is unknown.
        """
        with self._lock:
            same = self._header is not None and self._header.kid == content_key.kid
            entries = dict(self._entries) if same else {}
            left: list[LeftOut] = []
            for one in self._recipients():
                if isinstance(one, Recipient) and one.name not in entries:
                    reason = self._wrapping.reason_against(one, at)
                    if reason is None:
                        entries[one.name] = self._wrapping.wrap(content_key, one)
                    else:
                        left.append(LeftOut(one.name, reason))
                elif isinstance(one, LeftOut):
                    left.append(one)
            news = self._take_note(left)
            if not entries:
                raise CertificateError("; ".join(map(str, left)) or _NONE_GIVEN)
            if self._header is None or not same or len(entries) > len(self._entries):
                for one in news:
                    _log.warning("keys are not wrapped for %s", one)
                layout = LAYOUT_25_12 if self._wrapping.info is None else LAYOUT_26_06
                self._header = AsymmetricKeySystemHeaderBox(
                    kid=content_key.kid, entries=tuple(entries.values()), entry_layout=layout
                )
                self._entries = entries
            return self._header

    def __call__(self, content_key: ContentKey, at: UtcTime) -> tuple[AsymmetricKeySystemHeaderBox]:
        """Return the headers of a content key for an encryption entry of a recording. Raises as ``header``.

        ``at`` is the time of the media, which is ignored.
        """
        return (self.header(content_key, at=self._clock()),)

    def _take_note(self, left: list[LeftOut]) -> list[LeftOut]:
        """Remember the certificates left out; return those that are new, or have a new reason."""
        news = [one for one in left if self._left_out.get(one.name) != one]
        self._trouble = tuple(left)
        self._left_out.update((one.name, one) for one in left)
        return news


def _fixed(certificates: Iterable[bytes]) -> Recipients:
    """Return a source of constant certificates, each once, in their order."""
    found = tuple({one.name: one for one in map(load_recipient, certificates)}.values())
    if not found:
        raise CertificateError(_NONE_GIVEN)
    return lambda: found


def hpke_suite(kem: int | None, kdf: int | None, aead: int | None) -> hpke.Suite:
    """Return the HPKE suite of these numbers.

    Raises:
        UnsupportedSchemeError: one of them is unknown.
    """
    for name, number, known in (("KEM", kem, _KEMS), ("KDF", kdf, _KDFS), ("AEAD", aead, _AEADS)):
        if number not in known:
            raise UnsupportedSchemeError(f"the HPKE {name} {number or 0:#06x} is not supported")
    return hpke.Suite(_KEMS[kem or 0], _KDFS[kdf or 0], _AEADS[aead or 0])


def oaep_padding(hash_name: OaepHash, mask_hash: OaepHash) -> padding.OAEP:
    """Return OAEP with these hashes and no label."""
    return padding.OAEP(padding.MGF1(HASHES[mask_hash]), HASHES[hash_name], None)
