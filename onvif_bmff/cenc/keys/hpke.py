"""HPKE in base mode with an external private key that only returns the shared secret of Diffie-Hellman (RFC 9180).

A token (PKCS#11 ``CKM_ECDH1_DERIVE``, a key server) multiplies a point by its private key and returns the result. The
rest needs no private key: the extraction of the KEM (4.1), the key schedule of mode base (5.1), and the decryption of
the first message (5.2), with empty associated data.
"""

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from onvif_bmff.cenc.keys.wrap import hpke_suite

__all__ = ["AgreementKey", "open_sealed"]

AgreementKey = ec.EllipticCurvePublicKey | x25519.X25519PublicKey
"""Public key of a KEM: P-256, P-384, P-521 or X25519."""


@dataclass(frozen=True, slots=True)
class _Kem:
    """A key encapsulation mechanism (RFC 9180, 7.1): its hash, and the length (Ndh) of ``agreed`` in bytes."""

    hash: hashes.HashAlgorithm
    agreed: int
    curve: type[ec.EllipticCurve] | None = None


_KEMS: Final = {
    0x0010: _Kem(hashes.SHA256(), 32, ec.SECP256R1),
    0x0011: _Kem(hashes.SHA384(), 48, ec.SECP384R1),
    0x0012: _Kem(hashes.SHA512(), 66, ec.SECP521R1),
    0x0020: _Kem(hashes.SHA256(), 32),
}
_KDFS: Final[dict[int, hashes.HashAlgorithm]] = {1: hashes.SHA256(), 2: hashes.SHA384(), 3: hashes.SHA512()}
_AEADS: Final[dict[int, tuple[type[AESGCM] | type[ChaCha20Poly1305], int]]] = {
    1: (AESGCM, 16),
    2: (AESGCM, 32),
    3: (ChaCha20Poly1305, 32),
}
_NONCE: Final = 12
_BASE: Final = b"\x00"


def point_of(key: AgreementKey) -> bytes:
    """Return a public key serialized as in RFC 9180, 7.1.1: an uncompressed point (SEC 1), or X25519 bytes."""
    if isinstance(key, x25519.X25519PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check_point(kem: int, encapsulated: bytes) -> None:
    """Check that an encapsulated secret is a point of the curve, before it is used with a private key (7.1.4).

    Raises:
        ValueError: it is not.
    """
    curve = _KEMS[kem].curve
    if curve is None:
        x25519.X25519PublicKey.from_public_bytes(encapsulated)
    else:
        ec.EllipticCurvePublicKey.from_encoded_point(curve(), encapsulated)


def open_sealed(
    suite: tuple[int, int, int],
    agreed: bytes,
    encapsulated: bytes,
    recipient: AgreementKey,
    sealed: bytes,
    *,
    info: bytes = b"",
) -> bytes:
    """Decrypt a message for ``recipient``.

    Args:
        suite: the numbers of KEM, KDF and AEAD, as for ``hpke_suite``.
        agreed: result of Diffie-Hellman of ``encapsulated`` and the recipient's private key: the x-coordinate, big
            endian, or 32 bytes for X25519. Leading zeros that a token removed are restored.
        encapsulated: the sender's public key, serialized.
        recipient: the recipient's public key.
        sealed: ciphertext with its tag.
        info: ``info`` that both sides agreed on, possibly empty.

    Raises:
        UnsupportedSchemeError: a number is unknown.
        ValueError: ``agreed`` is not a secret of this KEM.
        cryptography.exceptions.InvalidTag: the message cannot be decrypted.
    """
    hpke_suite(*suite)
    kem, kdf, aead = suite
    secret = _shared_secret(kem, agreed, encapsulated, point_of(recipient))
    name = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in suite)
    algorithm = _KDFS[kdf]
    context = (
        _BASE + _extract(algorithm, b"", name, b"psk_id_hash", b"") + _extract(algorithm, b"", name, b"info_hash", info)
    )
    master = _extract(algorithm, secret, name, b"secret", b"")
    cipher, size = _AEADS[aead]
    key = _expand(algorithm, master, name, b"key", context, size)
    nonce = _expand(algorithm, master, name, b"base_nonce", context, _NONCE)
    return cipher(key).decrypt(nonce, sealed, b"")


def _shared_secret(kem: int, agreed: bytes, encapsulated: bytes, recipient: bytes) -> bytes:
    """ExtractAndExpand of 4.1."""
    known = _KEMS[kem]
    if known.curve is not None:
        agreed = agreed.rjust(known.agreed, b"\x00")
    if len(agreed) != known.agreed or not any(agreed):
        raise ValueError("no agreed secret of this KEM")
    name = b"KEM" + kem.to_bytes(2, "big")
    extracted = _extract(known.hash, b"", name, b"eae_prk", agreed)
    return _expand(known.hash, extracted, name, b"shared_secret", encapsulated + recipient, known.hash.digest_size)


def _extract(algorithm: hashes.HashAlgorithm, salt: bytes, suite: bytes, label: bytes, material: bytes) -> bytes:
    """LabeledExtract of 4."""
    return HKDF.extract(algorithm, salt or None, b"HPKE-v1" + suite + label + material)


def _expand(
    algorithm: hashes.HashAlgorithm, secret: bytes, suite: bytes, label: bytes, info: bytes, size: int
) -> bytes:
    """LabeledExpand of 4."""
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(algorithm, size, labelled).derive(secret)
