"""Certificates as people have them: which are taken, which are refused, and what is said of those."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from onvif_bmff.cenc.keys.certificates import certificate_fault, check_certificate, load_recipient
from onvif_bmff.cenc.keys.content import generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper, load_certificate, thumbprint, wrap_key
from onvif_bmff.errors import CertificateError
from onvif_bmff.timing import UtcTime

RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d0101010500")
RSASSA_PSS_WITH_DEFAULTS = bytes.fromhex("06092a864886f70d01010a3000")
BITS = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def make(key, subject="reader", issuer=None, signer=None, extensions=(), first=-1, days=2):
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name(issuer or subject),
        name(subject) if subject else x509.Name([]),
        key.public_key(),
        x509.random_serial_number(),
        now + timedelta(days=first),
        now + timedelta(days=first + days),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def usage(*bits):
    return x509.KeyUsage(**{bit: bit in bits for bit in BITS})


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def keys():
    return {"rsa": rsa.generate_private_key(65537, 3072), "ec": ec.generate_private_key(ec.SECP256R1())}


NOW = UtcTime.from_datetime(datetime.now(UTC))


def faults_of(data):
    """What every door says of a certificate that must be refused."""
    said = []
    for door in (
        lambda: wrap_key(generate_content_key(), [data], at=NOW),
        lambda: check_certificate(data, at=NOW, allow_expired=True),
        lambda: KeyWrapper([data]),
    ):
        with pytest.raises(CertificateError) as caught:
            door()
        said.append(str(caught.value))
    assert len(set(said)) == 1
    assert certificate_fault(data) == said[0]
    return said[0]


class TestWhatKeysAreFor:
    def test_keys_for_rsa_pss_signatures_are_refused(self, keys):
        certificate = der(make(keys["rsa"]))
        changed = certificate.replace(RSA_ENCRYPTION, RSASSA_PSS_WITH_DEFAULTS)
        assert changed != certificate
        assert x509.load_der_x509_certificate(changed).public_key_algorithm_oid.dotted_string == "1.2.840.113549.1.1.10"
        assert "id-RSASSA-PSS" in faults_of(changed)
        assert "CN=reader" in faults_of(changed)

    @pytest.mark.parametrize(
        ("kind", "bits", "allowed"),
        [
            ("rsa", ("key_encipherment",), True),
            ("rsa", ("key_encipherment", "digital_signature"), True),
            ("rsa", ("digital_signature",), False),
            ("rsa", ("data_encipherment",), False),
            ("rsa", ("key_agreement",), False),
            ("rsa", ("key_cert_sign", "crl_sign"), False),
            ("ec", ("key_agreement",), True),
            ("ec", ("key_agreement", "encipher_only"), True),
            ("ec", ("key_agreement", "decipher_only"), False),
            ("ec", ("key_encipherment",), False),
            ("ec", ("digital_signature",), False),
        ],
    )
    @pytest.mark.parametrize("critical", [True, False])
    def test_key_usage(self, keys, kind, bits, allowed, critical, caplog):
        certificate = der(make(keys[kind], extensions=[(usage(*bits), critical)]))
        bit = "keyEncipherment" if kind == "rsa" else "keyAgreement"
        if allowed or not critical:
            assert certificate_fault(certificate) is None
            assert wrap_key(generate_content_key(), [certificate], at=NOW)
            assert (bit in caplog.text) is not allowed
        else:
            assert f"critical KeyUsage excludes {bit}" in faults_of(certificate)

    @pytest.mark.parametrize(
        ("purposes", "critical", "said"),
        [
            ([ExtendedKeyUsageOID.SERVER_AUTH], False, False),
            ([ExtendedKeyUsageOID.SERVER_AUTH], True, True),
            ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], True, False),
        ],
    )
    def test_extended_key_usage_is_no_reason_to_refuse(self, keys, purposes, critical, said, caplog):
        certificate = der(make(keys["ec"], extensions=[(x509.ExtendedKeyUsage(purposes), critical)]))
        assert certificate_fault(certificate) is None
        assert ("ExtendedKeyUsage" in caplog.text) is said

    def test_extensions_that_cannot_be_read(self, keys, caplog):
        certificate = der(make(keys["ec"], extensions=[(x509.BasicConstraints(ca=False, path_length=None), True)]))
        broken = certificate.replace(
            bytes.fromhex("0603551d130101ff04023000"), bytes.fromhex("0603551d130101ff04023001")
        )
        assert broken != certificate
        assert certificate_fault(broken) is None
        assert "extensions cannot be read" in caplog.text

    @pytest.mark.parametrize("bits", [2048, 3056, 3072])
    def test_the_security_baseline_has_3072_bits(self, bits, caplog):
        certificate = der(make(rsa.generate_private_key(65537, bits)))
        with caplog.at_level(logging.WARNING, "onvif_bmff.cenc"):
            KeyWrapper([certificate])
        advice = f'{bits} bits; the ONVIF Security Baseline 25.12 names 3072 bits as "RSA Baseline"'
        assert caplog.text.count(advice) == (bits < 3072)


class TestValidity:
    def test_it_says_who_and_when(self, keys):
        certificate = make(keys["ec"], first=-9, days=2)
        recipient = load_recipient(der(certificate))
        assert recipient.name == f"certificate CN=reader (SHA-256 {thumbprint(der(certificate)).hex()[:16]}…)"
        reason = recipient.reason_against(NOW)
        assert f"expired at {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}" in reason
        assert f"valid from {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}" in reason
        assert certificate_fault(der(certificate)) is None, "one that has expired is no fault of the configuration"

    @pytest.mark.parametrize("subject", ["", "a\x1b[31mb\u202ec\nd", "x" * 64])
    def test_odd_names(self, keys, subject):
        shown = load_recipient(der(make(keys["ec"], subject=subject, issuer="authority"))).name
        assert shown.isprintable()
        assert "SHA-256" in shown
        assert len(shown) < 200

    def test_fields_that_cannot_be_read(self, keys):
        certificate = make(keys["ec"])
        day = f"{certificate.not_valid_after_utc:%y%m%d%H%M%SZ}".encode()
        broken = der(certificate).replace(day, b"9" * (len(day) - 1) + b"Z")
        with pytest.raises(CertificateError):
            load_recipient(broken)


@pytest.fixture(scope="module")
def chain(keys):
    ca = (x509.BasicConstraints(ca=True, path_length=None), True)
    leaf = make(keys["ec"], "leaf", issuer="middle")
    middle = make(keys["rsa"], "middle", issuer="root", extensions=[ca])
    root = make(ec.generate_private_key(ec.SECP384R1()), "root", extensions=[ca])
    return leaf, middle, root


class TestChains:
    """Several certificates in one file."""

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0,), (0, 0), (0, 1), (1, 0), (0, 2), (2, 0)])
    def test_of_a_chain_the_end_is_meant(self, chain, order):
        data = b"".join(pem(chain[number]) for number in order)
        assert load_certificate(data) == chain[0]
        assert thumbprint(data) == chain[0].fingerprint(hashes.SHA256())

    def test_one_that_its_own_tool_called_an_authority(self, keys):
        alone = make(keys["ec"], extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])
        assert load_certificate(pem(alone)) == alone

    def test_certificates_of_several_readers_are_no_chain(self, keys, chain):
        other = make(keys["ec"], "other reader")
        for several in ((chain[0], other), (*chain, other), (other, make(keys["rsa"], "third"))):
            assert "are no chain; give each in its own file" in faults_of(b"".join(map(pem, several)))

    def test_the_private_key_finds_its_own(self, keys, chain):
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        content_key = generate_content_key()
        several = b"".join(pem(one) for one in (make(keys["ec"], "other reader"), *chain))
        for kind, certificate in (("ec", chain[0]), ("rsa", chain[1])):
            headers = [KeyWrapper([pem(certificate)]).header(content_key, at=NOW)]
            unwrapper = PrivateKeyUnwrapper(keys[kind].private_bytes(*form), certificate=several)
            ring = KeyRing()
            ring.unlock(headers, unwrapper)
            assert ring.find(content_key.kid) == content_key
