"""HPKE in base mode written a second time from RFC 9180, on hmac, elliptic curves and AEADs alone."""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVES = {0x0010: ec.SECP256R1, 0x0011: ec.SECP384R1, 0x0012: ec.SECP521R1}
KEM_HASH = {0x0010: "sha256", 0x0011: "sha384", 0x0012: "sha512", 0x0020: "sha256"}
KDF_HASH = {1: "sha256", 2: "sha384", 3: "sha512"}
AEADS = {1: (AESGCM, 16), 2: (AESGCM, 32), 3: (ChaCha20Poly1305, 32)}


def extract(name, salt, suite, label, ikm):
    return hmac.digest(salt or bytes(hashlib.new(name).digest_size), b"HPKE-v1" + suite + label + ikm, name)


def expand(name, secret, suite, label, info, length):
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    out, block, number = b"", b"", 1
    while len(out) < length:
        block = hmac.digest(secret, block + labelled + bytes([number]), name)
        out, number = out + block, number + 1
    return out[:length]


def serialize(public_key):
    if isinstance(public_key, x25519.X25519PublicKey):
        return public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def read_public(kem, data):
    if kem == 0x0020:
        return x25519.X25519PublicKey.from_public_bytes(data)
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[kem](), data)


def read_private(kem, data):
    if kem == 0x0020:
        return x25519.X25519PrivateKey.from_private_bytes(data)
    return ec.derive_private_key(int.from_bytes(data, "big"), CURVES[kem]())


def new_private(kem):
    return x25519.X25519PrivateKey.generate() if kem == 0x0020 else ec.generate_private_key(CURVES[kem]())


def shared_secret(kem, private_key, public_key, enc, recipient):
    agreed = private_key.exchange(public_key) if kem == 0x0020 else private_key.exchange(ec.ECDH(), public_key)
    suite = b"KEM" + kem.to_bytes(2, "big")
    name = KEM_HASH[kem]
    pseudo_random = extract(name, b"", suite, b"eae_prk", agreed)
    length = hashlib.new(name).digest_size
    return expand(name, pseudo_random, suite, b"shared_secret", enc + recipient, length)


def key_schedule(kem, kdf, aead, secret, info):
    """Key schedule context, key and nonce of mode base."""
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem, kdf, aead))
    name = KDF_HASH[kdf]
    context = b"\x00" + extract(name, b"", suite, b"psk_id_hash", b"") + extract(name, b"", suite, b"info_hash", info)
    master = extract(name, secret, suite, b"secret", b"")
    key = expand(name, master, suite, b"key", context, AEADS[aead][1])
    return context, key, expand(name, master, suite, b"base_nonce", context, 12)


def seal(kem, kdf, aead, recipient, info, clear, aad=b"", ephemeral=None):
    """Encapsulated secret and cipher text."""
    ephemeral = ephemeral or new_private(kem)
    enc = serialize(ephemeral.public_key())
    secret = shared_secret(kem, ephemeral, recipient, enc, serialize(recipient))
    _, key, nonce = key_schedule(kem, kdf, aead, secret, info)
    return enc, AEADS[aead][0](key).encrypt(nonce, clear, aad)


def open_sealed(kem, kdf, aead, private_key, enc, info, sealed, aad=b""):
    recipient = serialize(private_key.public_key())
    secret = shared_secret(kem, private_key, read_public(kem, enc), enc, recipient)
    _, key, nonce = key_schedule(kem, kdf, aead, secret, info)
    return AEADS[aead][0](key).decrypt(nonce, sealed, aad)
