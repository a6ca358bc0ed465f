"""Certificates of every kind that keys are wrapped for, and of some that they are not."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x448, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

NOT_BEFORE = datetime(2022, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2023, 1, 1, tzinfo=UTC)


@dataclass
class Identity:
    """A private key and a certificate for it, signed by an authority of this test run."""

    private_key: Any
    x509: x509.Certificate

    @property
    def certificate(self) -> bytes:
        return self.x509.public_bytes(Encoding.PEM)

    @property
    def certificate_der(self) -> bytes:
        return self.x509.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key(Encoding.PEM)

    def key(self, encoding: Encoding, password: bytes | None = None) -> bytes:
        lock = NoEncryption() if password is None else BestAvailableEncryption(password)
        return self.private_key.private_bytes(encoding, PrivateFormat.PKCS8, lock)


@pytest.fixture(scope="session")
def make_identity():
    """A function that makes an `Identity` of a private key."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])

    def make(private_key):
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=private_key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=NOT_BEFORE,
            not_valid_after=NOT_AFTER,
        )
        return Identity(private_key, builder.sign(authority, hashes.SHA256()))

    return make


@pytest.fixture(scope="session")
def identities(make_identity):
    """Identities that keys can be wrapped for, by kind."""
    keys = {
        "rsa2048": rsa.generate_private_key(65537, 2048),
        "rsa3072": rsa.generate_private_key(65537, 3072),
        "rsa4096": rsa.generate_private_key(65537, 4096),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "x25519": x25519.X25519PrivateKey.generate(),
    }
    return {kind: make_identity(key) for kind, key in keys.items()}


@pytest.fixture(scope="session")
def useless_identities(make_identity):
    """Identities that keys cannot be wrapped for, by kind."""
    keys = {
        "rsa1024": rsa.generate_private_key(65537, 1024),
        "dsa": dsa.generate_private_key(2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "x448": x448.X448PrivateKey.generate(),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    }
    return {kind: make_identity(key) for kind, key in keys.items()}
