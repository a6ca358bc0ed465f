"""Keys wrapped for certificates, opened again, and every way in which that can fail."""

import contextlib
import hashlib
import logging
import traceback
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff.language.reader import build_boxes, parse_boxes
from onvif_bmff.bmff.pssh import (
    ASYMMETRIC_SYSTEM_ID,
    AsymmetricKeySystemHeaderBox,
    EncryptedKeyEntry,
    ProtectionSystemSpecificHeaderBox,
    common_header,
)
from onvif_bmff.cenc.keys.content import ContentKey, generate_content_key
from onvif_bmff.cenc.keys.ring import NOT_OPENED, KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper, check_certificate, thumbprint, wrap_key
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


@pytest.fixture
def refused(caplog):
    """``refused(unwrapper, entries)``: nothing opens, the caller learns no more than that, and the log says why."""
    caplog.set_level(logging.DEBUG, "onvif_bmff.cenc")

    def refuse(unwrapper, entries):
        caplog.clear()
        for call in (
            lambda: unwrapper.unwrap(KID, entries),
            lambda: KeyRing().unlock([AsymmetricKeySystemHeaderBox(kid=KID, entries=tuple(entries))], unwrapper),
        ):
            with pytest.raises(ProtectionError) as caught:
                call()
            assert type(caught.value) is WrongKeyError
            assert caught.value.args == (NOT_OPENED,)
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__ or caught.value.__context__ is None
        assert all(record.levelno == logging.DEBUG for record in caplog.records)
        return caplog.text

    return refuse


class TestRefusals:
    """Whatever is wrong with wrapped keys, who submits them learns one thing: that none could be opened."""

    @pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "p521", "x25519"])
    def test_a_wrong_private_key(self, identities, others, kind, refused):
        entry, other = wrap(identities[kind]), others[kind]
        # By its number what was wrapped may happen to be too large for another RSA key.
        reasons = ("no padding", "above the modulus") if kind == "rsa2048" else ("tag does not fit",)
        text = refused(PrivateKeyUnwrapper(other.key_pem), [entry])
        assert any(reason in text for reason in reasons), text
        with_certificate = PrivateKeyUnwrapper(other.key_pem, certificate=other.certificate)
        assert "none of its 1 entries" in refused(with_certificate, [entry])

    def test_a_private_key_of_another_kind(self, identities, refused):
        for kind, other in (("rsa2048", "p256"), ("p256", "rsa2048"), ("p256", "p384"), ("x25519", "p256")):
            refused(PrivateKeyUnwrapper(identities[other].key_pem), [wrap(identities[kind])])
            forged = replace(wrap(identities[kind]), thumbprint=thumbprint(identities[other].certificate))
            unwrapper = PrivateKeyUnwrapper(identities[other].key_pem, certificate=identities[other].certificate)
            refused(unwrapper, [forged])
        entries = wrap_key(KEY, [identities[kind].certificate for kind in ("p256", "p384")], at=T0)
        assert "none of its 2 entries" in refused(PrivateKeyUnwrapper(identities["rsa2048"].key_pem), entries)

    def test_a_private_key_of_another_certificate(self, identities, others):
        for kind in ("rsa2048", "p256"):
            with pytest.raises(WrongKeyError, match="does not belong"):
                PrivateKeyUnwrapper(others[kind].key_pem, certificate=identities[kind].certificate)

    @pytest.mark.parametrize("kind", ["rsa2048", "p256", "x25519"])
    @pytest.mark.parametrize("with_certificate", [True, False])
    def test_an_entry_of_another_length(self, identities, kind, with_certificate, refused):
        identity, entry = identities[kind], wrap(identities[kind])
        unwrapper = PrivateKeyUnwrapper(
            identity.key_pem, certificate=identity.certificate if with_certificate else None
        )
        sealed = entry.encrypted_key
        damaged = [
            replace_key(entry, changed) for changed in (sealed[:-1], sealed[1:], sealed + b"\0", b"", bytes(9999))
        ]
        if kind != "rsa2048":
            damaged.append(replace(entry, encapsulated_secret=entry.encapsulated_secret[:-1]))
            damaged.append(replace(entry, encapsulated_secret=b""))
        for one in damaged:
            reason = refused(unwrapper, [one])
            assert ("bytes" in reason) is (with_certificate or kind != "rsa2048")

    def test_a_changed_entry(self, identities, refused):
        for kind in ("rsa2048", "p256", "x25519"):
            entry, unwrapper = wrap(identities[kind]), PrivateKeyUnwrapper(identities[kind].key_pem)
            for at in (0, 1, -1):
                changed = bytearray(entry.encrypted_key)
                changed[at] ^= 1
                refused(unwrapper, [replace_key(entry, bytes(changed))])
        entry, unwrapper = wrap(identities["p256"]), PrivateKeyUnwrapper(identities["p256"].key_pem)
        for secret in (b"\x04" + bytes(64), bytes(65), b"\x02" + entry.encapsulated_secret[1:]):
            assert "no point" in refused(unwrapper, [replace(entry, encapsulated_secret=secret)])
        large = replace_key(wrap(identities["rsa2048"]), b"\xff" * 256)
        assert "above the modulus" in refused(PrivateKeyUnwrapper(identities["rsa2048"].key_pem), [large])

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("hpke_kem", 0x0021, "KEM 0x0021"),
            ("hpke_kem", 0x1234, "KEM 0x1234"),
            ("hpke_kem", None, "KEM 0x0000"),
            ("hpke_kdf", 0x0010, "KDF 0x0010"),
            ("hpke_kdf", None, "KDF 0x0000"),
            ("hpke_aead", 0xFFFF, "AEAD 0xffff"),
            ("encryption_version", 3, "version 3"),
        ],
    )
    def test_unknown_algorithms(self, identities, field, value, reason):
        entry = replace(wrap(identities["p256"]), **{field: value})
        unwrapper = PrivateKeyUnwrapper(identities["p256"].key_pem, certificate=identities["p256"].certificate)
        shown = []
        handler = logging.Handler()
        handler.emit = lambda record: shown.append(record.getMessage())
        log = logging.getLogger("onvif_bmff.cenc")
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
        try:
            assert refusal(WrongKeyError, lambda: unwrapper.unwrap(KID, [entry])) == NOT_OPENED
        finally:
            log.removeHandler(handler)
            log.setLevel(logging.NOTSET)
        assert reason in shown[0]

    @pytest.mark.parametrize("kind", ["rsa2048", "p256"])
    @pytest.mark.parametrize("size", [0, 1, 15, 17, 24, 32])
    def test_a_key_of_the_wrong_length(self, identities, kind, size, refused):
        entry, identity = wrap(identities[kind]), identities[kind]
        if kind == "rsa2048":
            sealed = identity.private_key.public_key().encrypt(bytes(size), oaep(hashes.SHA1(), hashes.SHA1()))
            entry, reason = replace_key(entry, sealed), f"is {size} bytes, not 16"
        else:
            import hpke_reference

            enc, sealed = hpke_reference.seal(0x0010, 1, 2, identity.private_key.public_key(), b"", bytes(size))
            entry = replace(entry, encapsulated_secret=enc, encrypted_key=sealed)
            reason = f"65 and {size + 16} bytes, not 65 and 32"
        assert reason in refused(PrivateKeyUnwrapper(identity.key_pem), [entry])

    def test_no_entries(self, identities):
        for kind in ("rsa2048", "p256"):
            unwrapper = PrivateKeyUnwrapper(identities[kind].key_pem)
            assert refusal(WrongKeyError, lambda unwrapper=unwrapper: unwrapper.unwrap(KID, [])) == NOT_OPENED

    def test_a_good_entry_beside_a_damaged_one(self, identities, refused):
        entry = wrap(identities["p256"])
        entries = [replace(entry, hpke_aead=9), replace_key(entry, b""), entry]
        assert PrivateKeyUnwrapper(identities["p256"].key_pem).unwrap(KID, entries) == KEY.key
        assert "entry 1 of 2" in refused(PrivateKeyUnwrapper(identities["p256"].key_pem), entries[:2])

    def test_keys_from_elsewhere_are_no_oracle_either(self):
        """A hardware module may give out what it found below the padding, whatever its length."""

        class Module:
            def __init__(self, found):
                self.found = found

            def unwrap(self, kid, entries):
                return self.found

        entry = EncryptedKeyEntry(thumbprint=bytes(32), encryption_version=1, encrypted_key=b"sealed")
        for found in (b"", bytes(15), bytes(17), bytes(32)):
            box = AsymmetricKeySystemHeaderBox(kid=KID, entries=(entry,))
            error = refusal(WrongKeyError, lambda box=box, found=found: KeyRing().unlock([box], Module(found)))
            assert error == NOT_OPENED

    def test_a_private_key_that_is_not_there_is_said(self):
        class Module:
            def unwrap(self, kid, entries):
                raise ProtectionError("the token is not there")

        entry = EncryptedKeyEntry(thumbprint=bytes(32), encryption_version=1, encrypted_key=b"sealed")
        box = AsymmetricKeySystemHeaderBox(kid=KID, entries=(entry,))
        assert "not there" in refusal(ProtectionError, lambda: KeyRing().unlock([box], Module()))


class CountingKey:
    """A private key that counts how often it is used."""

    def __init__(self, key):
        self._key = key
        self.uses = 0

    def __getattr__(self, name):
        return getattr(self._key, name)

    def decrypt(self, sealed, how):
        self.uses += 1
        assert len(sealed) == self._key.key_size // 8, "always a number of the modulus' size"
        return self._key.decrypt(sealed, how)


class TestTheSameWork:
    """Errors that look alike must not be told apart by the clock: the private key is used alike for each."""

    def damages(self, entry, other, public_key):
        yield "none at all", []
        yield "another certificate's", [replace(entry, thumbprint=bytes(32))]
        yield "another key", [replace_key(entry, other.encrypted_key)]
        yield "short", [replace_key(entry, entry.encrypted_key[:-1])]
        yield "long", [replace_key(entry, entry.encrypted_key + b"\0")]
        yield "empty", [replace_key(entry, b"")]
        yield "large", [replace_key(entry, b"\xff" * len(entry.encrypted_key))]
        yield "version 2", [replace(entry, encryption_version=2)]
        yield "version 3", [replace(entry, encryption_version=3)]
        changed = bytearray(entry.encrypted_key)
        changed[-1] ^= 1
        yield "changed", [replace_key(entry, bytes(changed))]
        for number, how in enumerate((oaep(hashes.SHA1(), hashes.SHA1()), oaep(hashes.SHA256(), hashes.SHA256()))):
            for size in (0, 15, 17):
                yield f"{size} bytes, {number}", [replace_key(entry, public_key.encrypt(bytes(size), how))]
        labelled = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), b"label")
        yield "a label", [replace_key(entry, public_key.encrypt(KEY.key, labelled))]
        yield "PKCS#1 v1.5", [replace_key(entry, public_key.encrypt(KEY.key, padding.PKCS1v15()))]

    @pytest.mark.parametrize("with_certificate", [True, False])
    def test_rsa(self, identities, others, with_certificate):
        identity = identities["rsa2048"]
        unwrapper = PrivateKeyUnwrapper(
            identity.key_pem, certificate=identity.certificate if with_certificate else None
        )
        counting = unwrapper._opener._key = CountingKey(unwrapper._opener._key)
        entry, other = wrap(identity), wrap(others["rsa2048"])
        seen = {}
        for name, entries in self.damages(entry, other, identity.private_key.public_key()):
            if name == "another certificate's" and not with_certificate:
                continue  # it opens
            counting.uses = 0
            assert refusal(WrongKeyError, lambda entries=entries: unwrapper.unwrap(KID, entries)) == NOT_OPENED
            seen[name] = counting.uses
        assert set(seen.values()) == {3}, seen

    @pytest.mark.parametrize("kind", ["p256", "p384", "p521", "x25519"])
    def test_hpke(self, identities, others, kind, monkeypatch):
        import onvif_bmff.cenc.keys.unwrap as room

        uses = []

        class CountingSuite:
            def __init__(self, suite):
                self.suite = suite

            def decrypt(self, sealed, key, *, info):
                uses.append(len(sealed))
                return self.suite.decrypt(sealed, key, info=info)

        make = room.hpke_suite
        monkeypatch.setattr(room, "hpke_suite", lambda *numbers: CountingSuite(make(*numbers)))
        identity, entry = identities[kind], wrap(identities[kind])
        unwrapper = PrivateKeyUnwrapper(identity.key_pem, certificate=identity.certificate)
        size = len(entry.encapsulated_secret) + 32
        damages = [
            [],
            [replace(entry, thumbprint=bytes(32))],
            [replace(wrap(others[kind]), thumbprint=entry.thumbprint)],
            [replace_key(entry, entry.encrypted_key[:-1])],
            [replace_key(entry, bytes(9999))],
            [replace(entry, encapsulated_secret=b"")],
            [replace(entry, encapsulated_secret=bytes(len(entry.encapsulated_secret)))],
            [replace(entry, hpke_aead=0xFFFF)],
            [replace(entry, hpke_kem=0x0021)],
            [replace(entry, encryption_version=1)],
        ]
        for entries in damages:
            uses.clear()
            refusal(WrongKeyError, lambda entries=entries: unwrapper.unwrap(KID, entries))
            assert uses == [size]


class TestHowMuchIsTried:
    """Boxes may claim thousands of entries, each of which costs a use of the private key."""

    def test_entries_of_a_box(self, identities, caplog):
        unwrapper = PrivateKeyUnwrapper(identities["p256"].key_pem)
        entry = wrap(identities["p256"])
        bad = replace_key(entry, bytes(32))
        assert unwrapper.unwrap(KID, [bad] * 63 + [entry]) == KEY.key
        assert refusal(WrongKeyError, lambda: unwrapper.unwrap(KID, [bad] * 64 + [entry])) == NOT_OPENED
        assert "only 64 of 65 entries are tried" in caplog.text
        with_certificate = PrivateKeyUnwrapper(identities["p256"].key_pem, certificate=identities["p256"].certificate)
        foreign = [replace(bad, thumbprint=bytes(32))] * 5000
        assert with_certificate.unwrap(KID, [*foreign, entry]) == KEY.key

    def test_boxes_of_a_file(self, caplog):
        class Module:
            asked = 0

            def unwrap(self, kid, entries):
                self.asked += len(entries)
                raise WrongKeyError("no")

        module = Module()
        entry = EncryptedKeyEntry(thumbprint=bytes(32), encryption_version=1, encrypted_key=b"sealed")
        boxes = [AsymmetricKeySystemHeaderBox(kid=UUID(int=n), entries=(entry,) * 4) for n in range(1000)]
        assert refusal(WrongKeyError, lambda: KeyRing().unlock(boxes, module)) == NOT_OPENED
        assert module.asked == 256
        assert "are not tried" in caplog.text


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
