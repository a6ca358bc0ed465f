"""Files as tools, editors and web pages leave them: PEM with things around it, and files that are something else."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.cenc.keys.certificates import load_certificate
from onvif_bmff.cenc.keys.pem import describe, first_line, pem_blocks
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.errors import CertificateError, OnvifBmffError, ProtectionError, WrongKeyError

PASSWORD = b"open sesame"
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reader")])
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def keys():
    return {"rsa": rsa.generate_private_key(65537, 2048), "ec": ec.generate_private_key(ec.SECP256R1())}


def certify(key):
    return x509.CertificateBuilder(NAME, NAME, key.public_key(), 1, NOW - timedelta(1), NOW + timedelta(1)).sign(
        key, hashes.SHA256()
    )


@pytest.fixture(scope="module")
def certificate(keys):
    return certify(keys["ec"])


BAG = b"Bag Attributes\n    friendlyName: reader\n    localKeyID: 01 02 \nsubject=CN = reader\n\nissuer=CN = reader\n\n"
TEXT = (
    "Certificate:\n    Data:\n        Version: 3 (0x2)\n        Issuer: CN=Prüfstelle\n"
    "            Not Before: Jan  1 00:00:00 2026 GMT\n"
).encode()


def in_one_line(text):
    """The base64 without line ends; lines that say how it is encrypted stay what they are."""
    first, *body, last = text.splitlines()
    start = body.index(b"") + 1 if b"" in body else 0
    return b"\n".join([first, *body[:start], b"".join(body[start:]), last, b""])


WRAPPINGS = {
    "as it is": lambda text: text,
    "openssl pkcs12": lambda text: BAG + text,
    "openssl x509 -text": lambda text: TEXT + text + b"\n",
    "text behind": lambda text: text + b"\nThis is the certificate of the control room.\n",
    "UTF-8 with a mark": lambda text: b"\xef\xbb\xbf" + text,
    "a mark and text": lambda text: b"\xef\xbb\xbf" + BAG + text,
    "files put together, each with a mark": lambda text: b"\xef\xbb\xbfhello\n\xef\xbb\xbf" + text,
    "UTF-16, little end first": lambda text: b"\xff\xfe" + text.decode().encode("utf-16-le"),
    "UTF-16, big end first": lambda text: b"\xfe\xff" + text.decode().encode("utf-16-be"),
    "UTF-16 with text": lambda text: ("\ufeff" + TEXT.decode() + text.decode()).encode("utf-16-le"),
    "Windows": lambda text: text.replace(b"\n", b"\r\n"),
    "Windows with text": lambda text: (BAG + text).replace(b"\n", b"\r\n"),
    "old Macintosh": lambda text: text.replace(b"\n", b"\r"),
    "no last line end": lambda text: text.rstrip(b"\n"),
    "blanks at line ends": lambda text: text.replace(b"\n", b" \t\n"),
    "indented, as in YAML": lambda text: b"".join(b"    " + line + b"\n" for line in text.splitlines()),
    "blank lines": lambda text: b"\n\n \n" + text + b"\n\n",
    "in one long line": lambda text: in_one_line(text),
    "a block cut short before it": lambda text: b"-----BEGIN CERTIFICATE-----\nAAAA\n" + text,
    "dashes": lambda text: b"-----\n-----BEGIN-----\n" + text,
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
class TestPemAsItComes:
    def test_certificates(self, certificate, wrapping):
        data = WRAPPINGS[wrapping](certificate.public_bytes(Encoding.PEM))
        assert load_certificate(data) == certificate

    @pytest.mark.parametrize("kind", ["rsa", "ec"])
    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    @pytest.mark.parametrize("password", [None, PASSWORD])
    def test_private_keys(self, keys, certificate, wrapping, kind, form, password):
        lock = NoEncryption() if password is None else BestAvailableEncryption(password)
        data = WRAPPINGS[wrapping](keys[kind].private_bytes(Encoding.PEM, form, lock))
        own = certify(keys[kind]).public_bytes(Encoding.PEM)
        PrivateKeyUnwrapper(data, password=password, certificate=WRAPPINGS[wrapping](own))
        if password is not None:
            with pytest.raises(WrongKeyError, match="needs a password"):
                PrivateKeyUnwrapper(data)
            with pytest.raises(WrongKeyError, match="password does not open"):
                PrivateKeyUnwrapper(data, password=b"open barley")


def test_certificate_and_key_in_one_file(keys, certificate):
    """What ``openssl pkcs12 -nodes`` and ``openssl ecparam -genkey`` write."""
    key = keys["ec"].private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    own = certificate.public_bytes(Encoding.PEM)
    for parts in ((own, key), (key, own), (BAG, own, BAG, key), (parameters, key, own)):
        both = b"".join(parts)
        assert load_certificate(both) == certificate
        PrivateKeyUnwrapper(both, certificate=both)


@pytest.mark.parametrize("label", [b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"])
def test_labels_of_certificates(certificate, label):
    data = certificate.public_bytes(Encoding.PEM).replace(b"CERTIFICATE", label)
    assert load_certificate(data) == certificate


def test_a_trusted_certificate_has_remarks_behind_it(certificate):
    from base64 import encodebytes

    remarks = bytes.fromhex("300c300a06082b06010505070301")
    body = encodebytes(certificate.public_bytes(Encoding.DER) + remarks)
    data = b"-----BEGIN TRUSTED CERTIFICATE-----\n" + body + b"-----END TRUSTED CERTIFICATE-----\n"
    assert load_certificate(data) == certificate


@pytest.fixture(scope="module")
def others(keys, certificate):
    """Files that are neither a certificate nor a private key, and what must be said of them."""
    key = keys["rsa"]
    own = certify(key)
    request = x509.CertificateSigningRequestBuilder(NAME).sign(key, hashes.SHA256())
    revoked = x509.CertificateRevocationListBuilder(NAME, NOW, NOW + timedelta(1)).sign(key, hashes.SHA256())
    bundle = serialize_key_and_certificates(b"reader", key, own, None, BestAvailableEncryption(PASSWORD))
    assert pkcs12.load_pkcs12(bundle, PASSWORD)
    public = (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    found = [
        ("PKCS#12 bundle", bundle),
        ("PKCS#12 bundle", serialize_key_and_certificates(None, key, own, [certificate], NoEncryption())),
        ("OpenSSH private key", key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())),
        ("OpenSSH public key", key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)),
        ("OpenSSH public key", keys["ec"].public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)),
        ("PuTTY private key", b"PuTTY-User-Key-File-3: ssh-rsa\r\n"),
        ("Java key store", b"\xfe\xed\xfe\xed\0\0\0\2"),
        ("JSON", b'{"kty": "RSA"}'),
        ("XML", b"<ds:X509Certificate>"),
        ("elliptic curve parameters", b"-----BEGIN EC PARAMETERS-----\nBgg=\n-----END EC PARAMETERS-----\n"),
        ("unknown kind", b"-----BEGIN LETTER-----\nBgg=\n-----END LETTER-----\n"),
        ("an empty file", b""),
        ("an empty file", b"\r\n"),
        ("PEM that is cut short", b"-----BEGIN CERTIFICATE-----\nMIIB"),
    ]
    for encoding in (Encoding.PEM, Encoding.DER):
        found += [
            ("PKCS#7 bundle", pkcs7.serialize_certificates([own, certificate], encoding)),
            ("certificate signing request", request.public_bytes(encoding)),
            ("revocation list", revoked.public_bytes(encoding)),
            *(("public key", key.public_key().public_bytes(encoding, form)) for form in public),
        ]
    return found


def private_forms(keys):
    for key in keys.values():
        for encoding in (Encoding.PEM, Encoding.DER):
            for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
                yield "a private key", key.private_bytes(encoding, form, NoEncryption())
            lock = BestAvailableEncryption(PASSWORD)
            yield "an encrypted private key", key.private_bytes(encoding, PrivateFormat.PKCS8, lock)


def test_what_is_given_for_a_certificate_is_named(keys, others):
    for kind, data in [*others, *private_forms(keys)]:
        with pytest.raises(CertificateError) as caught:
            load_certificate(data)
        assert kind in str(caught.value), kind
        assert kind in describe(data)


def test_what_is_given_for_a_private_key_is_named(certificate, others):
    certificates = [("a certificate", certificate.public_bytes(form)) for form in (Encoding.PEM, Encoding.DER)]
    for kind, data in [*others, *certificates]:
        for password in (None, PASSWORD):
            with pytest.raises(ProtectionError) as caught:
                PrivateKeyUnwrapper(data, password=password)
            assert kind in str(caught.value), kind
            assert "sesame" not in str(caught.value)


def test_what_is_whole_is_named_rightly(keys, certificate):
    for kind, data in private_forms(keys):
        assert describe(data) == kind
    for form in (Encoding.PEM, Encoding.DER):
        assert describe(certificate.public_bytes(form)) == "a certificate"
    both = certificate.public_bytes(Encoding.PEM) + next(private_forms(keys))[1]
    assert describe(both) == "a certificate and a private key"


def test_damaged_blocks(keys, certificate):
    whole = certificate.public_bytes(Encoding.PEM)
    lines = whole.splitlines(keepends=True)
    for broken in (
        whole.replace(lines[1], b"?" + lines[1][1:]),
        whole.replace(lines[1], b"A" * 64 + b"\n"),
        whole.replace(lines[2], b""),
    ):
        with pytest.raises(CertificateError, match="it is damaged"):
            load_certificate(broken)
    key = keys["ec"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ProtectionError, match="it is damaged"):
        PrivateKeyUnwrapper(key.replace(key.splitlines()[1][:8], b"AAAAAAAA"))


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        (b"open sesame", PASSWORD),
        (b"open sesame\n", PASSWORD),
        (b"open sesame\r\n", PASSWORD),
        (b"open sesame\r", PASSWORD),
        (b"open sesame\nsecond line\n", PASSWORD),
        (b"\xef\xbb\xbfopen sesame\n", PASSWORD),
        ("\ufeffopen sesame\r\n".encode("utf-16-le"), PASSWORD),
        ("\ufeffopen sesame\r\n".encode("utf-16-be"), PASSWORD),
        (b" open sesame \n", b" open sesame "),
        ("\ufeffÖffne dich\n".encode("utf-16-le"), "Öffne dich".encode()),
        ("Öffne dich\n".encode(), "Öffne dich".encode()),
        (b"\xff\xfe\xff", b"\xff\xfe\xff"),
        (b"\n", b""),
        (b"", b""),
    ],
)
def test_the_first_line_of_a_password_file(data, secret):
    assert first_line(data) == secret


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda more: b"\x30\x82\x01\x00\x30\x82" + more))
def test_no_file_is_too_odd(data):
    assert describe(data)
    assert isinstance(pem_blocks(data), tuple)
    for door in (load_certificate, PrivateKeyUnwrapper):
        with pytest.raises(OnvifBmffError):
            door(data)
