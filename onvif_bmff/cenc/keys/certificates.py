"""Certificates for which content keys are wrapped: loading, names, and checks of their use.

Neither the chain nor the revocation of a certificate is verified: it is trusted by configuration. ``docs/SECURITY.md``
has the checks and their reasons.
"""

import logging
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from cryptography.x509.oid import ExtendedKeyUsageOID, PublicKeyAlgorithmOID

from onvif_bmff.cenc.keys.pem import describe, pem_blocks
from onvif_bmff.errors import CertificateError
from onvif_bmff.timing import UtcTime

__all__ = [
    "LeftOut",
    "Recipient",
    "ThumbprintHash",
    "certificate_fault",
    "check_certificate",
    "kem_of",
    "load_certificate",
    "load_certificates",
    "load_recipient",
    "thumbprint",
]

_log = logging.getLogger(__name__)

ThumbprintHash = Literal["sha1", "sha256"]
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | x25519.X25519PublicKey

HASHES: Final[dict[str, hashes.HashAlgorithm]] = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}
UNREADABLE: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, InternalError, x509.InvalidVersion, x509.DuplicateExtension,
)  # fmt: skip
"""Exceptions of ``cryptography`` for damaged certificates and keys."""

_KEM_OF_CURVE: Final = {"secp256r1": 0x0010, "secp384r1": 0x0011, "secp521r1": 0x0012}
_KEM_X25519: Final = 0x0020
_MIN_RSA_BITS: Final = 2048
_BASELINE_RSA_BITS: Final = 3072
_MAX_SUBJECT: Final = 120
_THUMBPRINT_SHOWN: Final = 16
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A certificate that a content key was not wrapped for, and the reason."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A certificate for which keys can be wrapped while it is valid.

    Args:
        name: subject, and the beginning of the SHA-256 thumbprint, for display.
        certificate: the certificate.
        public_key: its public key: RSA, P-256, P-384, P-521 or X25519.
        not_before: first instant of its validity.
        not_after: last instant of its validity.
    """

    name: str
    certificate: x509.Certificate = field(repr=False)
    public_key: PublicKey = field(repr=False)
    not_before: datetime
    not_after: datetime

    def reason_against(self, at: UtcTime) -> str | None:
        """Return why the certificate is not valid at an instant, or None."""
        moment = at.to_datetime()
        if moment < self.not_before:
            return f"the certificate is not valid before {self.not_before:{_TIME}} (valid to {self.not_after:{_TIME}})"
        if moment > self.not_after:
            return f"the certificate expired at {self.not_after:{_TIME}} (valid from {self.not_before:{_TIME}})"
        return None


def load_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Return all certificates of a file, PEM (RFC 7468, with text around the blocks) or DER, each once.

    Raises:
        CertificateError: there is none, or one cannot be read; the message says what the file is instead.
    """
    blocks = [block for block in pem_blocks(data) if block.is_certificate]
    forms = [_der_of(block.text, block.label) for block in blocks] if blocks else [data]
    found = []
    for der in dict.fromkeys(forms):
        try:
            found.append(x509.load_der_x509_certificate(der))
        except UNREADABLE:
            kind = describe(data)
            what = "it is damaged" if kind == "a certificate" else f"it is {kind}"
            raise CertificateError(
                f"the certificate can be read neither as PEM nor as DER: {what}"
                if kind != "neither PEM nor DER"
                else "the certificate can be read neither as PEM nor as DER"
            ) from None
    return tuple(found)


def load_certificate(data: bytes) -> x509.Certificate:
    """Return the certificate of a file; of a chain the end entity.

    Of several certificates, issuers of others in the file are excluded, then certification authorities.

    Raises:
        CertificateError: the file cannot be read, or several certificates remain.
    """
    found = load_certificates(data)
    if len(found) == 1:
        return found[0]
    try:
        issuers = {one.issuer for one in found if one.issuer != one.subject}
        ends = [one for one in found if one.subject not in issuers]
        ends = [one for one in ends if not _is_authority(one)] if len(ends) != 1 else ends
    except UNREADABLE:
        ends = []
    if len(ends) != 1:
        raise CertificateError(f"the file holds {len(found)} certificates that are no chain; give each in its own file")
    return ends[0]


def load_recipient(data: bytes) -> Recipient:
    """Load a certificate and check that keys can be wrapped for it while it is valid; advice is logged.

    Raises:
        CertificateError: it cannot be read or used.
    """
    certificate = load_certificate(data)
    name = _name(certificate)
    try:
        public_key = _public_key(certificate)
        _check_usage(certificate, public_key, name)
        try:
            first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except UNREADABLE:
            raise CertificateError("the validity of the certificate cannot be read") from None
    except CertificateError as error:
        raise CertificateError(f"{name}: {error}") from None
    if isinstance(public_key, rsa.RSAPublicKey) and public_key.key_size < _BASELINE_RSA_BITS:
        _log.warning(
            "%s: the RSA key has %d bits; the ONVIF Security Baseline 25.12 names %d bits as \"RSA Baseline\""
            " (and 4096 for \"Public key usage\")",
            name, public_key.key_size, _BASELINE_RSA_BITS,
        )  # fmt: skip
    return Recipient(name, certificate, public_key, first, last)


def check_certificate(certificate: bytes, *, at: UtcTime, allow_expired: bool = False) -> None:
    """Check that keys can be wrapped for a certificate (PEM or DER) at an instant.

    Raises:
        CertificateError: they cannot.
    """
    recipient = load_recipient(certificate)
    reason = None if allow_expired else recipient.reason_against(at)
    if reason is not None:
        raise CertificateError(f"{recipient.name}: {reason}")


def certificate_fault(certificate: bytes) -> str | None:
    """Return why keys can never be wrapped for a certificate (PEM or DER), at any time, or None."""
    try:
        load_recipient(certificate)
    except CertificateError as error:
        return str(error)
    return None


def thumbprint(certificate: bytes, hash_name: ThumbprintHash = "sha256") -> bytes:
    """Return the hash of the DER form of a certificate (PEM or DER): 32 bytes, or 20 for SHA-1.

    Raises:
        CertificateError: the certificate cannot be read.
    """
    return load_certificate(certificate).fingerprint(HASHES[hash_name])


def kem_of(
    key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey | x25519.X25519PublicKey | x25519.X25519PrivateKey,
) -> int:
    """Return the KEM of HPKE for an elliptic curve key (RFC 9180, 7.1).

    Raises:
        CertificateError: there is none for its curve.
    """
    if isinstance(key, x25519.X25519PublicKey | x25519.X25519PrivateKey):
        return _KEM_X25519
    kem = _KEM_OF_CURVE.get(key.curve.name)
    if kem is None:
        raise CertificateError(f"HPKE has no KEM for the curve {key.curve.name}")
    return kem


def _der_of(text: bytes, label: bytes) -> bytes:
    """Return the bytes of a PEM block; empty if it is not valid base64."""
    try:
        der = b64decode(b"".join(text.splitlines()[1:-1]).replace(b" ", b"").replace(b"\t", b""), validate=True)
    except Base64Error:
        return b""
    if label == b"TRUSTED CERTIFICATE" and der[:2] == b"\x30\x82":  # followed by data of OpenSSL
        return der[: 4 + int.from_bytes(der[2:4], "big")]
    return der


def _name(certificate: x509.Certificate) -> str:
    """Return subject and thumbprint, without control characters."""
    try:
        subject = certificate.subject.rfc4514_string()
    except UNREADABLE:
        subject = ""
    shown = "".join(letter if letter.isprintable() else "?" for letter in subject[:_MAX_SUBJECT])
    digest = certificate.fingerprint(hashes.SHA256()).hex()[:_THUMBPRINT_SHOWN]
    return f"certificate {shown or 'without subject'} (SHA-256 {digest}…)"


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _public_key(certificate: x509.Certificate) -> PublicKey:
    try:
        if certificate.public_key_algorithm_oid == PublicKeyAlgorithmOID.RSASSA_PSS:
            raise CertificateError("its key is for RSA-PSS signatures only (id-RSASSA-PSS), not for wrapping keys")
        key = certificate.public_key()
    except CertificateError:
        raise
    except UNREADABLE:
        raise CertificateError("the public key of the certificate cannot be read") from None
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            raise CertificateError(f"an RSA key of {key.key_size} bits is too short; {_MIN_RSA_BITS} are needed")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey | x25519.X25519PublicKey):
        kem_of(key)
        return key
    raise CertificateError("keys are wrapped for RSA keys and for elliptic curve keys that can agree on a secret")


def _check_usage(certificate: x509.Certificate, public_key: PublicKey, name: str) -> None:
    """Check KeyUsage (RFC 5280, 4.2.1.3) if it is critical; otherwise, and for ExtendedKeyUsage, only warn.

    No purpose is registered for content keys, so ExtendedKeyUsage is not decisive.
    """
    try:
        extensions = certificate.extensions
    except UNREADABLE:
        _log.warning("%s: its extensions cannot be read, so what its key may be used for is not known", name)
        return
    for extension in extensions:
        usage = extension.value
        if isinstance(usage, x509.KeyUsage):
            bit, allowed = "keyAgreement", usage.key_agreement and not usage.decipher_only
            if isinstance(public_key, rsa.RSAPublicKey):
                bit, allowed = "keyEncipherment", usage.key_encipherment
            if not allowed and extension.critical:
                raise CertificateError(f"its critical KeyUsage excludes {bit}, which wrapping content keys needs")
            if not allowed:
                _log.warning("%s: its KeyUsage, which is not critical, does not name %s", name, bit)
        elif (
            isinstance(usage, x509.ExtendedKeyUsage)
            and extension.critical
            and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usage
        ):
            _log.warning("%s: its critical ExtendedKeyUsage names other purposes than this one", name)
