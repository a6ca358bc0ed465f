"""Keys wrapped for certificates, opened again, and every way in which that can fail."""

import contextlib
import hashlib
import traceback
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff.pssh import (
    ASYMMETRIC_SYSTEM_ID,
    AsymmetricKeySystemHeaderBox,
    EncryptedKeyEntry,
    ProtectionSystemSpecificHeaderBox,
    common_header,
)
from onvif_bmff.bmff.reader import build_boxes, parse_boxes
from onvif_bmff.cenc.key_ring import KeyRing
from onvif_bmff.cenc.key_unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.key_wrap import KeyWrapper, check_certificate, thumbprint, wrap_key
from onvif_bmff.cenc.keys import ContentKey, generate_content_key
from onvif_bmff.errors import CertificateError, OnvifBmffError, ProtectionError, UnsupportedSchemeError, WrongKeyError
from onvif_bmff.timing import UtcTime

T0 = UtcTime.parse("2022-11-08T15:08:23.547Z")
KID = UUID("00112233-4455-6677-8899-aabbccddeeff")
KEY = ContentKey(KID, bytes.fromhex("0badc0de0badc0de0badc0de0badc0de"))
KINDS = ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521", "x25519"]
RSA = KINDS[:3]


@pytest.fixture(scope="session")
def others(make_identity):
    """A second identity of each kind that is cheap to make."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

    keys = {
        "rsa2048": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "x25519": x25519.X25519PrivateKey.generate(),
    }
    return {kind: make_identity(key) for kind, key in keys.items()}


def wrap(identity, **options):
    (entry,) = wrap_key(KEY, [identity.certificate], at=T0, **options)
    return entry


class TestRoundTrip:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
    @pytest.mark.parametrize("with_certificate", [True, False])
    def test_every_kind_of_key(self, identities, kind, encoding, with_certificate):
        identity = identities[kind]
        certificate = identity.x509.public_bytes(encoding)
        (entry,) = wrap_key(KEY, [certificate], at=T0)
        unwrapper = PrivateKeyUnwrapper(identity.key(encoding), certificate=certificate if with_certificate else None)
        assert unwrapper.unwrap(KID, [entry]) == KEY.key

    @pytest.mark.requirement("ANX-B.8.2.3-01", "ANX-B.8.2.3-02")
    @pytest.mark.parametrize("kind", RSA)
    @pytest.mark.parametrize(("option", "algorithm"), [("sha1", hashes.SHA1()), ("sha256", hashes.SHA256())])
    def test_rsa_is_oaep_and_nothing_else(self, identities, kind, option, algorithm):
        identity = identities[kind]
        entry = wrap(identity, oaep_hash=option)
        assert entry.encryption_version == 1
        assert len(entry.encrypted_key) == identity.private_key.key_size // 8
        assert (entry.hpke_kem, entry.hpke_kdf, entry.hpke_aead, entry.encapsulated_secret) == (None, None, None, b"")
        oaep = padding.OAEP(padding.MGF1(algorithm), algorithm, None)
        assert identity.private_key.decrypt(entry.encrypted_key, oaep) == KEY.key

    def test_oaep_is_sha1_unless_asked(self, identities):
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        entry = wrap(identities["rsa2048"])
        assert identities["rsa2048"].private_key.decrypt(entry.encrypted_key, oaep) == KEY.key

    @pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()])
    @pytest.mark.parametrize("mask", [hashes.SHA1(), hashes.SHA256()])
    def test_the_reader_tries_the_hashes(self, identities, digest, mask):
        public_key = identities["rsa2048"].private_key.public_key()
        entry = replace_key(wrap(identities["rsa2048"]), public_key.encrypt(KEY.key, oaep(digest, mask)))
        unwrapper = PrivateKeyUnwrapper(identities["rsa2048"].key_pem)
        if digest.name == "sha1" and mask.name == "sha256":
            with pytest.raises(WrongKeyError):  # nobody is known to write this
                unwrapper.unwrap(KID, [entry])
        else:
            assert unwrapper.unwrap(KID, [entry]) == KEY.key

    @pytest.mark.requirement("ANX-B.8.2-07", "ANX-B.8.2-20")
    def test_once_for_each_certificate_in_their_order(self, identities):
        order = [identities[kind] for kind in reversed(KINDS)]
        entries = wrap_key(KEY, [identity.certificate for identity in order], at=T0)
        assert [entry.thumbprint for entry in entries] == [
            hashlib.sha256(identity.certificate_der).digest() for identity in order
        ]
        for identity in order:
            for certificate in (None, identity.certificate):
                unwrapper = PrivateKeyUnwrapper(identity.key_pem, certificate=certificate)
                assert unwrapper.unwrap(KID, entries) == KEY.key

    @pytest.mark.requirement("ANX-B.8.2-20")
    def test_thumbprints(self, identities):
        identity = identities["p256"]
        for name, number in (("sha1", 1), ("sha256", 2)):
            wanted = hashlib.new(name, identity.certificate_der).digest()
            assert thumbprint(identity.certificate, name) == thumbprint(identity.certificate_der, name) == wanted
            entry = wrap(identity, thumbprint_hash=name)
            assert (entry.thumbprint_algorithm, entry.thumbprint) == (number, wanted)
            unwrapper = PrivateKeyUnwrapper(identity.key_pem, certificate=identity.certificate)
            assert unwrapper.unwrap(KID, [entry]) == KEY.key

    def test_other_suites(self, identities):
        entry = wrap(identities["p256"], suites={0x0010: (3, 3)})
        assert (entry.hpke_kem, entry.hpke_kdf, entry.hpke_aead) == (0x0010, 3, 3)
        assert PrivateKeyUnwrapper(identities["p256"].key_pem).unwrap(KID, [entry]) == KEY.key
        assert wrap(identities["p384"], suites={0x0010: (3, 3)}).hpke_kdf == 2

    def test_an_info_that_the_entry_does_not_carry(self, identities):
        entry = replace(wrap(identities["p256"], info=b"agreed"), info=None)
        with pytest.raises(WrongKeyError):
            PrivateKeyUnwrapper(identities["p256"].key_pem).unwrap(KID, [entry])
        assert PrivateKeyUnwrapper(identities["p256"].key_pem, info=b"agreed").unwrap(KID, [entry]) == KEY.key

    def test_encrypted_private_keys(self, identities):
        for encoding in (Encoding.PEM, Encoding.DER):
            locked = identities["p256"].key(encoding, b"open sesame")
            unwrapper = PrivateKeyUnwrapper(locked, password=b"open sesame")
            assert unwrapper.unwrap(KID, [wrap(identities["p256"])]) == KEY.key

    def test_wrapping_is_randomised(self, identities):
        for kind in ("rsa2048", "p256"):
            assert wrap(identities[kind]).encrypted_key != wrap(identities[kind]).encrypted_key


def oaep(digest, mask):
    return padding.OAEP(padding.MGF1(mask), digest, None)


def replace_key(entry, encrypted_key):
    return replace(entry, encrypted_key=encrypted_key)


class TestCertificates:
    @pytest.mark.parametrize("when", ["2021-12-31T23:59:59Z", "2023-01-01T00:00:01Z", "0001-01-01T00:00:00Z"])
    def test_out_of_its_time(self, identities, when):
        at, certificate = UtcTime.parse(when), identities["p256"].certificate
        reason = "expired at 2023-01-01T00:00:00Z" if when.startswith("2023") else "not valid before 2022-01-01"
        for refuse in (
            lambda: wrap_key(KEY, [certificate], at=at),
            lambda: check_certificate(certificate, at=at),
            lambda: KeyWrapper([certificate]).header(KEY, at=at),
        ):
            with pytest.raises(CertificateError, match=reason):
                refuse()
        check_certificate(certificate, at=at, allow_expired=True)
        (entry,) = wrap_key(KEY, [certificate], at=at, allow_expired=True)
        assert PrivateKeyUnwrapper(identities["p256"].key_pem).unwrap(KID, [entry]) == KEY.key

    @pytest.mark.parametrize("when", ["2022-01-01T00:00:00Z", "2022-12-31T23:59:60Z", "2023-01-01T00:00:00Z"])
    def test_its_first_and_last_moment(self, identities, when):
        check_certificate(identities["p256"].certificate, at=UtcTime.parse(when))

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("rsa1024", "1024 bits is too short"),
            ("dsa", "RSA keys and for elliptic curve"),
            ("ed25519", "RSA keys and for elliptic curve"),
            ("x448", "RSA keys and for elliptic curve"),
            ("secp256k1", "no KEM for the curve secp256k1"),
        ],
    )
    def test_keys_that_nothing_is_wrapped_for(self, useless_identities, kind, reason):
        certificate = useless_identities[kind].certificate
        for refuse in (
            lambda: wrap_key(KEY, [certificate], at=T0),
            lambda: check_certificate(certificate, at=T0),
            lambda: KeyWrapper([certificate]),
        ):
            with pytest.raises(CertificateError, match=reason):
                refuse()

    def test_none_at_all(self):
        with pytest.raises(CertificateError, match="at least one"):
            wrap_key(KEY, [], at=T0)
        with pytest.raises(CertificateError, match="at least one"):
            KeyWrapper([])

    @given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda junk: b"-----BEGIN CERTIFICATE-----\n" + junk))
    @settings(max_examples=40, deadline=None)
    def test_junk(self, junk):
        with pytest.raises(CertificateError):
            thumbprint(junk)

    @pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
    @given(st.data())
    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_damaged_certificates_raise_errors_of_ours_only(self, identities, data):
        kind = data.draw(st.sampled_from(["rsa2048", "p256", "x25519"]))
        der = bytearray(identities[kind].certificate_der)
        for at in data.draw(st.lists(st.integers(0, len(der) - 1), min_size=1, max_size=3)):
            der[at] ^= data.draw(st.integers(1, 255))
        with contextlib.suppress(CertificateError):
            wrap_key(KEY, [bytes(der)], at=T0)

    def test_options_that_do_not_exist(self, identities):
        certificate = identities["p256"].certificate
        with pytest.raises(UnsupportedSchemeError, match="sha1 or sha256"):
            wrap_key(KEY, [certificate], at=T0, oaep_hash="md5")
        with pytest.raises(UnsupportedSchemeError, match="sha1 or sha256"):
            wrap_key(KEY, [certificate], at=T0, thumbprint_hash="md5")
        with pytest.raises(UnsupportedSchemeError, match="AEAD 0xffff"):
            wrap_key(KEY, [certificate], at=T0, suites={0x0010: (1, 0xFFFF)})
        with pytest.raises(UnsupportedSchemeError, match="65535 bytes"):
            wrap_key(KEY, [certificate], at=T0, info=bytes(65_536))


def refusal(kind, unwrap):
    """The error, which must be of exactly this class."""
    with pytest.raises(kind) as caught:
        unwrap()
    assert type(caught.value) is kind
    return str(caught.value)


class TestRefusals:
    @pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "p521", "x25519"])
    def test_a_wrong_private_key(self, identities, others, kind):
        entry, other = wrap(identities[kind]), others[kind]
        unwrapper = PrivateKeyUnwrapper(other.key_pem)
        assert "does not open" in refusal(WrongKeyError, lambda: unwrapper.unwrap(KID, [entry]))
        with_certificate = PrivateKeyUnwrapper(other.key_pem, certificate=other.certificate)
        assert "not wrapped for" in refusal(WrongKeyError, lambda: with_certificate.unwrap(KID, [entry]))

    def test_a_private_key_of_another_kind(self, identities):
        for kind, other in (("rsa2048", "p256"), ("p256", "rsa2048"), ("p256", "p384"), ("x25519", "p256")):
            entry, unwrapper = wrap(identities[kind]), PrivateKeyUnwrapper(identities[other].key_pem)
            refusal(WrongKeyError, lambda entry=entry, unwrapper=unwrapper: unwrapper.unwrap(KID, [entry]))
        entries = wrap_key(KEY, [identities[kind].certificate for kind in ("p256", "p384")], at=T0)
        unwrapper = PrivateKeyUnwrapper(identities["rsa2048"].key_pem)
        assert "not wrapped for" in refusal(WrongKeyError, lambda: unwrapper.unwrap(KID, entries))

    def test_a_private_key_of_another_certificate(self, identities, others):
        for kind in ("rsa2048", "p256"):
            with pytest.raises(WrongKeyError, match="does not belong"):
                PrivateKeyUnwrapper(others[kind].key_pem, certificate=identities[kind].certificate)

    @pytest.mark.parametrize("kind", ["rsa2048", "p256", "x25519"])
    @pytest.mark.parametrize("with_certificate", [True, False])
    def test_a_truncated_entry(self, identities, kind, with_certificate):
        identity, entry = identities[kind], wrap(identities[kind])
        certificate = identity.certificate if with_certificate else None
        unwrapper = PrivateKeyUnwrapper(identity.key_pem, certificate=certificate)
        damaged = [replace_key(entry, entry.encrypted_key[:-1]), replace_key(entry, b"")]
        if kind != "rsa2048":
            damaged.append(replace(entry, encapsulated_secret=entry.encapsulated_secret[:-1]))
        for one in damaged:
            assert "cut short" in refusal(ProtectionError, lambda one=one: unwrapper.unwrap(KID, [one]))

    def test_a_changed_entry(self, identities):
        for kind in ("rsa2048", "p256"):
            entry = wrap(identities[kind])
            changed = replace_key(entry, entry.encrypted_key[:-1] + bytes([entry.encrypted_key[-1] ^ 1]))
            unwrapper = PrivateKeyUnwrapper(identities[kind].key_pem)
            refusal(WrongKeyError, lambda unwrapper=unwrapper, changed=changed: unwrapper.unwrap(KID, [changed]))
        entry = wrap(identities["p256"])
        off_the_curve = replace(entry, encapsulated_secret=b"\x04" + bytes(64))
        unwrapper = PrivateKeyUnwrapper(identities["p256"].key_pem)
        refusal(WrongKeyError, lambda: unwrapper.unwrap(KID, [off_the_curve]))

    @pytest.mark.parametrize(("field", "value"), [("hpke_kem", 0x0021), ("hpke_kem", 0x1234), ("hpke_kem", None)])
    def test_an_unknown_kem(self, identities, field, value):
        entry = replace(wrap(identities["p256"]), **{field: value})
        unwrapper = PrivateKeyUnwrapper(identities["p256"].key_pem, certificate=identities["p256"].certificate)
        assert "KEM" in refusal(UnsupportedSchemeError, lambda: unwrapper.unwrap(KID, [entry]))

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("hpke_kdf", 0x0010, "KDF 0x0010"),
            ("hpke_aead", 0xFFFF, "AEAD 0xffff"),
            ("encryption_version", 3, "version 3"),
        ],
    )
    def test_other_unknown_algorithms(self, identities, field, value, reason):
        entry = replace(wrap(identities["p256"]), **{field: value})
        unwrapper = PrivateKeyUnwrapper(identities["p256"].key_pem)
        assert reason in refusal(UnsupportedSchemeError, lambda: unwrapper.unwrap(KID, [entry]))

    @pytest.mark.parametrize("kind", ["rsa2048", "p256"])
    @pytest.mark.parametrize("size", [17, 24, 32])
    def test_a_key_of_the_wrong_length(self, identities, kind, size):
        entry, identity = wrap(identities[kind]), identities[kind]
        if kind == "rsa2048":
            sealed = identity.private_key.public_key().encrypt(bytes(size), oaep(hashes.SHA1(), hashes.SHA1()))
            entry = replace_key(entry, sealed)
        else:
            import hpke_reference

            enc, sealed = hpke_reference.seal(0x0010, 1, 2, identity.private_key.public_key(), b"", bytes(size))
            entry = replace(entry, encapsulated_secret=enc, encrypted_key=sealed)
        unwrapper = PrivateKeyUnwrapper(identity.key_pem)
        reason = refusal(ProtectionError, lambda: unwrapper.unwrap(KID, [entry]))
        assert f"{size} bytes long, not 16" in reason

    def test_no_entries(self, identities):
        with pytest.raises(WrongKeyError):
            PrivateKeyUnwrapper(identities["p256"].key_pem).unwrap(KID, [])

    def test_a_good_entry_beside_a_damaged_one(self, identities):
        entry = wrap(identities["p256"])
        entries = [replace(entry, hpke_aead=9), replace_key(entry, b""), entry]
        assert PrivateKeyUnwrapper(identities["p256"].key_pem).unwrap(KID, entries) == KEY.key
        assert "AEAD" in refusal(
            UnsupportedSchemeError, lambda: PrivateKeyUnwrapper(identities["p256"].key_pem).unwrap(KID, entries[:2])
        )


class TestPrivateKeys:
    def test_passwords(self, identities):
        for encoding in (Encoding.PEM, Encoding.DER):
            locked = identities["p256"].key(encoding, b"open sesame")
            with pytest.raises(WrongKeyError, match="password does not open"):
                PrivateKeyUnwrapper(locked, password=b"open barley")
            with pytest.raises(WrongKeyError, match="needs a password"):
                PrivateKeyUnwrapper(locked)
            with pytest.raises(WrongKeyError, match="not encrypted"):
                PrivateKeyUnwrapper(identities["p256"].key(encoding), password=b"open sesame")

    @pytest.mark.parametrize("kind", ["dsa", "ed25519", "x448", "secp256k1"])
    def test_kinds_that_nothing_is_wrapped_for(self, useless_identities, kind):
        with pytest.raises(ProtectionError, match="never wrapped"):
            PrivateKeyUnwrapper(useless_identities[kind].key_pem)

    @given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda junk: b"-----BEGIN PRIVATE KEY-----\n" + junk))
    @settings(max_examples=40, deadline=None)
    def test_junk(self, junk):
        with pytest.raises(ProtectionError, match="neither as PEM nor as DER"):
            PrivateKeyUnwrapper(junk)

    def test_damaged_certificates(self, identities):
        with pytest.raises(CertificateError):
            PrivateKeyUnwrapper(identities["p256"].key_pem, certificate=b"junk")


class TestHeaders:
    @pytest.mark.requirement("ANX-B.8.2-07", "ANX-B.8.2-15")
    def test_a_key_keeps_its_header(self, identities):
        certificates = [identities[kind].certificate for kind in ("rsa2048", "p256")]
        wrapper = KeyWrapper(certificates)
        header = wrapper.header(KEY, at=T0)
        assert isinstance(header, AsymmetricKeySystemHeaderBox)
        assert header.kid == KID
        assert len(header.entries) == 2
        assert wrapper.header(KEY, at=UtcTime.parse("2030-01-01T00:00:00Z")) is header
        assert wrapper.header(generate_content_key(), at=T0).kid != KID

    @pytest.mark.parametrize("info", [None, b"", b"camera 5"])
    def test_from_a_key_to_bytes_and_back(self, identities, info):
        certificates = [identities[kind].certificate for kind in KINDS]
        header = KeyWrapper(certificates, info=info).header(KEY, at=T0)
        boxes = parse_boxes(build_boxes([common_header((KID,)), header]))
        assert isinstance(boxes[1], AsymmetricKeySystemHeaderBox)
        for kind in KINDS:
            ring = KeyRing()
            assert ring.unlock(boxes, PrivateKeyUnwrapper(identities[kind].key_pem)) == (KID,)
            assert ring.find(KID) == KEY

    def test_several_keys_for_several_readers(self, identities):
        second = generate_content_key()
        headers = [
            KeyWrapper([identities["p256"].certificate]).header(KEY, at=T0),
            KeyWrapper([identities["rsa2048"].certificate]).header(second, at=T0),
        ]
        ring = KeyRing()
        assert ring.unlock(headers, PrivateKeyUnwrapper(identities["rsa2048"].key_pem)) == (second.kid,)
        assert ring.unlock(headers, PrivateKeyUnwrapper(identities["p256"].key_pem)) == (KID,)
        assert ring.unlock(headers, PrivateKeyUnwrapper(identities["p256"].key_pem)) == ()
        with pytest.raises(WrongKeyError):
            KeyRing().unlock(headers, PrivateKeyUnwrapper(identities["p384"].key_pem))
        assert KeyRing().unlock([common_header((KID,))], PrivateKeyUnwrapper(identities["p384"].key_pem)) == ()

    def test_a_private_key_elsewhere(self):
        """A hardware module or key server needs nothing but the one method."""

        class Server:
            def unwrap(self, kid, entries):
                assert kid == KID
                assert [entry.encrypted_key for entry in entries] == [b"sealed"]
                return KEY.key

        entry = EncryptedKeyEntry(thumbprint=bytes(32), encryption_version=1, encrypted_key=b"sealed")
        ring = KeyRing()
        ring.unlock([AsymmetricKeySystemHeaderBox(kid=KID, entries=(entry,))], Server())
        assert ring[KID] == KEY

    def unreadable(self, data):
        box = ProtectionSystemSpecificHeaderBox(version=1, system_id=ASYMMETRIC_SYSTEM_ID, kids=(KID,), data=data)
        (parsed,) = parse_boxes(build_boxes([box]))
        assert isinstance(parsed, ProtectionSystemSpecificHeaderBox)
        return parsed

    def test_headers_that_cannot_be_read(self, identities):
        unwrapper = PrivateKeyUnwrapper(identities["p256"].key_pem)
        data = KeyWrapper([identities["p256"].certificate]).header(KEY, at=T0).data
        version_at = 4 + 2 + 4 + 32
        for length in range(len(data)):
            box = self.unreadable(data[:length])
            assert "cut short" in refusal(ProtectionError, lambda box=box: KeyRing().unlock([box], unwrapper))
        box = self.unreadable(data[:version_at] + b"\x07" + data[version_at + 1 :])
        assert "version 7" in refusal(UnsupportedSchemeError, lambda: KeyRing().unlock([box], unwrapper))
        other = self.unreadable(data[: version_at + 1] + b"\x12\x34" + data[version_at + 3 :])
        assert "KEM 0x1234" in refusal(UnsupportedSchemeError, lambda: KeyRing().unlock([other], unwrapper))
        many = self.unreadable(b"\xff\xff\xff\xff" + data[4:])
        refusal(ProtectionError, lambda: KeyRing().unlock([many], unwrapper))
        assert KeyRing([KEY]).unlock([many], unwrapper) == ()

    def test_one_that_can_be_read_is_enough(self, identities):
        header = KeyWrapper([identities["p256"].certificate]).header(KEY, at=T0)
        unwrapper = PrivateKeyUnwrapper(identities["p256"].key_pem)
        assert KeyRing().unlock([self.unreadable(b"\0\0\0\1"), header], unwrapper) == (KID,)


def test_no_secret_in_any_error_or_representation(identities, others):
    """All refusals of this file once more, with everything that they show."""
    shown = []

    def keep(call):
        try:
            shown.append(repr(call()))
        except OnvifBmffError as error:
            shown.append("".join(traceback.format_exception(error)) + repr(error))

    long_key = b"\x0b\xad\xc0\xde" * 6
    public_key = identities["rsa2048"].private_key.public_key()
    entry = wrap(identities["rsa2048"])
    wrong_length = replace_key(entry, public_key.encrypt(long_key, oaep(hashes.SHA1(), hashes.SHA1())))
    for kind in ("rsa2048", "p256"):
        unwrapper = PrivateKeyUnwrapper(identities[kind].key_pem)
        shown.append(repr(unwrapper))
        for one in (entry, wrong_length, replace_key(entry, b""), wrap(others[kind])):
            shown.append(repr(one))
            if one is not entry:
                keep(lambda unwrapper=unwrapper, one=one: unwrapper.unwrap(KID, [one]))
    wrapper = KeyWrapper([identities["p256"].certificate])
    shown.append(repr(wrapper))
    keep(lambda: wrapper.header(KEY, at=T0))
    keep(lambda: wrap_key(KEY, [b"junk"], at=T0))
    keep(lambda: PrivateKeyUnwrapper(identities["p256"].key(Encoding.PEM, b"open sesame"), password=b"open barley"))
    keep(lambda: PrivateKeyUnwrapper(identities["p256"].key(Encoding.PEM), password=b"open barley"))
    text = "\n".join(shown)
    assert len(shown) > 12
    for secret in ("badc0de0", r"\x0b\xad\xc0\xde", "open sesame\\n", "b'open"):
        assert secret not in text
