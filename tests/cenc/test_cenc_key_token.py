"""Private keys that never come into this process: what a token gives is enough, and all failures look the same."""

import logging

import hpke_reference as slow
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from test_cenc_hpke import VECTORS

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.bmff.pssh import LAYOUT_26_06, AsymmetricKeySystemHeaderBox
from onvif_bmff.cenc.keys.content import generate_content_key
from onvif_bmff.cenc.keys.hpke import open_sealed
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.token import SeveralUnwrappers, TokenUnwrapper
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import DEFAULT_SUITES, wrap_key
from onvif_bmff.errors import CertificateError, ProtectionError, UnsupportedSchemeError, WrongKeyError
from onvif_bmff.timing import UtcTime

T0 = UtcTime.parse("2022-11-08T15:08:23.547Z")
HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}
RSA_KINDS = ("rsa2048", "rsa3072", "rsa4096")
EC_KINDS = ("p256", "p384", "p521", "x25519")


class SoftToken:
    """What a hardware module does, over a private key at hand; keeps what it was asked."""

    def __init__(self, private_key, certificates=()):
        self._private_key = private_key
        self.certificates = certificates
        self.asked = []

    def decrypt(self, wrapped, oaep_hash, mask_hash):
        self.asked.append(wrapped)
        return self._private_key.decrypt(
            wrapped, padding.OAEP(padding.MGF1(HASHES[mask_hash]), HASHES[oaep_hash], None)
        )

    def agree(self, point):
        self.asked.append(point)
        key = self._private_key
        if isinstance(key, x25519.X25519PrivateKey):
            return key.exchange(x25519.X25519PublicKey.from_public_bytes(point))
        return key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(key.curve, point))


def token_of(identity, form="certificate"):
    return SoftToken(identity.private_key, [getattr(identity, form)])


# ---- HPKE from an agreed secret ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VECTORS)
def test_opening_from_an_agreed_secret_gives_the_vectors(name):
    """RFC 9180, A: what is opened here has associated data, which wrapped keys never have; the key is the vector's."""
    vector = VECTORS[name]
    values = {key: bytes.fromhex(text) for key, text in vector.items() if key != "suite"}
    suite, kem = vector["suite"], vector["suite"][0]
    recipient = slow.read_private(kem, values["skRm"])
    peer = slow.read_public(kem, values["enc"])
    agreed = recipient.exchange(peer) if kem == 0x0020 else recipient.exchange(ec.ECDH(), peer)
    cipher, size = slow.AEADS[suite[2]]
    assert len(values["key"]) == size
    sealed = cipher(values["key"]).encrypt(values["base_nonce"], values["pt"], b"")
    assert sealed[:-16] == values["ct"][:-16], "the same key stream as the vector's"
    opened = open_sealed(suite, agreed, values["enc"], recipient.public_key(), sealed, info=values["info"])
    assert opened == values["pt"]
    for changed in (
        {"agreed": agreed[:-1] + bytes([agreed[-1] ^ 1])},
        {"encapsulated": values["pkRm"]},
        {"recipient": peer},
        {"info": b"other"},
    ):
        given = {"agreed": agreed, "encapsulated": values["enc"], "recipient": recipient.public_key()}
        with pytest.raises(InvalidTag):
            open_sealed(suite, sealed=sealed, **({"info": values["info"]} | given | changed))


@pytest.mark.parametrize("aead", [1, 2, 3])
@pytest.mark.parametrize("kdf", [1, 2, 3])
@pytest.mark.parametrize("kem", DEFAULT_SUITES)
def test_all_suites_of_a_second_implementation(kem, kdf, aead):
    private_key = slow.new_private(kem)
    for info in (b"", b"bound to this recording"):
        enc, sealed = slow.seal(kem, kdf, aead, private_key.public_key(), info, b"k" * 16)
        peer = slow.read_public(kem, enc)
        agreed = private_key.exchange(peer) if kem == 0x0020 else private_key.exchange(ec.ECDH(), peer)
        assert open_sealed((kem, kdf, aead), agreed, enc, private_key.public_key(), sealed, info=info) == b"k" * 16


def test_suites_that_are_not_known_and_secrets_that_are_none():
    public_key = slow.new_private(0x0010).public_key()
    for suite in ((0x0021, 1, 1), (0x0010, 9, 1), (0x0010, 1, 0xFFFF), (0, 0, 0)):
        with pytest.raises(UnsupportedSchemeError):
            open_sealed(suite, bytes(32), bytes(65), public_key, bytes(32))
    for agreed in (bytes(32), b"", b"x" * 33):
        with pytest.raises(ValueError, match="no agreed secret"):
            open_sealed((0x0010, 1, 1), agreed, bytes(65), public_key, bytes(32))
    with pytest.raises(ValueError, match="no agreed secret"):  # RFC 9180, 7.1.4: all zero
        open_sealed((0x0020, 1, 1), bytes(32), bytes(32), x25519.X25519PrivateKey.generate().public_key(), bytes(32))


def test_zeros_that_a_token_cut_off_are_put_back():
    """PKCS#11 libraries differ in whether an x-coordinate that begins with zeros keeps them."""
    private_key = slow.new_private(0x0010)
    while True:
        ephemeral = slow.new_private(0x0010)
        agreed = private_key.exchange(ec.ECDH(), ephemeral.public_key())
        if agreed[0] == 0:
            break
    enc, sealed = slow.seal(0x0010, 1, 2, private_key.public_key(), b"", b"k" * 16, ephemeral=ephemeral)
    opened = open_sealed((0x0010, 1, 2), agreed.lstrip(b"\0"), enc, private_key.public_key(), sealed)
    assert opened == b"k" * 16


# ---- tokens --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.8.2.3-01", "ANX-B.8.2.4-01")
@pytest.mark.parametrize("thumbprint_hash", ["sha1", "sha256"])
@pytest.mark.parametrize("form", ["certificate", "certificate_der"])
@pytest.mark.parametrize("kind", [*RSA_KINDS, *EC_KINDS])
def test_a_token_opens_what_was_wrapped_for_its_certificate(identities, kind, form, thumbprint_hash):
    """Thumbprints are found by themselves, among entries for others; the private key stays in the token."""
    content_key = generate_content_key()
    everybody = [identity.certificate for identity in identities.values()]
    for info in (None, b"", b"bound to it"):
        entries = wrap_key(content_key, everybody, at=T0, thumbprint_hash=thumbprint_hash, info=info)
        token = token_of(identities[kind], form)
        assert TokenUnwrapper(token).unwrap(content_key.kid, entries) == content_key.key
        (asked,) = token.asked  # nothing but its own entry came to the token
        (mine,) = [entry for entry in entries if asked in (entry.encrypted_key, entry.encapsulated_secret)]
        assert mine.encryption_version == (1 if kind in RSA_KINDS else 2)


@pytest.mark.parametrize("oaep_hash", ["sha1", "sha256"])
def test_both_hashes_of_oaep(identities, oaep_hash):
    content_key, identity = generate_content_key(), identities["rsa2048"]
    entries = wrap_key(content_key, [identity.certificate], at=T0, oaep_hash=oaep_hash)
    assert TokenUnwrapper(token_of(identity)).unwrap(content_key.kid, entries) == content_key.key


def test_mixed_hashes_of_oaep(identities):
    content_key, identity = generate_content_key(), identities["rsa2048"]
    (entry,) = wrap_key(content_key, [identity.certificate], at=T0)
    mixed = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA256(), None)
    entry.encrypted_key = identity.private_key.public_key().encrypt(content_key.key, mixed)
    assert TokenUnwrapper(token_of(identity)).unwrap(content_key.kid, [entry]) == content_key.key


def test_a_renewed_certificate_of_the_same_key_and_a_chain(identities, useless_identities, make_identity):
    identity = identities["p256"]
    renewed = make_identity(identity.private_key)
    assert renewed.certificate != identity.certificate
    content_key = generate_content_key()
    strangers = [useless_identities["ed25519"].certificate, identities["rsa2048"].certificate]
    token = SoftToken(identity.private_key, [identity.certificate, *strangers])
    unwrapper = TokenUnwrapper(token, certificates=[renewed.certificate])
    for one in (identity, renewed):
        entries = wrap_key(content_key, [strangers[1], one.certificate], at=T0)
        assert unwrapper.unwrap(content_key.kid, entries) == content_key.key
    only_theirs = wrap_key(content_key, [strangers[1]], at=T0)
    with pytest.raises(WrongKeyError):
        unwrapper.unwrap(content_key.kid, only_theirs)


def test_through_a_ring_and_both_layouts(identities):
    identity = identities["p384"]
    for info in (None, b"info"):
        content_key = generate_content_key()
        entries = wrap_key(content_key, [identity.certificate], at=T0, info=info)
        layout = {} if info is None else {"entry_layout": LAYOUT_26_06}
        box = AsymmetricKeySystemHeaderBox(kid=content_key.kid, entries=entries, **layout)
        ring = KeyRing()
        assert ring.unlock(parse_boxes(box.build()), TokenUnwrapper(token_of(identity))) == (content_key.kid,)
        assert ring.find(content_key.kid) == content_key


# ---- what goes wrong -----------------------------------------------------------------------------------------


def test_tokens_that_cannot_be_used(identities, useless_identities):
    rsa_identity, ec_identity = identities["rsa2048"], identities["p256"]

    class Nothing:
        certificates = ()

    with pytest.raises(CertificateError, match="the certificate of the private key is needed"):
        TokenUnwrapper(Nothing())
    with pytest.raises(ProtectionError, match="a method 'decrypt'"):
        TokenUnwrapper(Nothing(), certificates=[rsa_identity.certificate])
    with pytest.raises(ProtectionError, match="a method 'agree'"):
        TokenUnwrapper(Nothing(), certificates=[ec_identity.certificate])
    with pytest.raises(CertificateError, match="neither as PEM nor as DER"):
        TokenUnwrapper(Nothing(), certificates=[b"no certificate"])
    for kind in ("dsa", "ed25519", "x448", "secp256k1"):
        with pytest.raises(CertificateError):
            TokenUnwrapper(token_of(useless_identities[kind]))


def damages(entries, identity):
    """Entries for this identity, each wrong in another way."""
    (good,) = entries

    def changed(**values):
        fields = {name: getattr(good, name) for name in good.layout.names} | {"info": good.info} | values
        return type(good)(**fields)

    sealed = good.encrypted_key
    yield "a bit of the wrapped key", changed(encrypted_key=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    yield "cut short", changed(encrypted_key=sealed[:-1])
    yield "empty", changed(encrypted_key=b"")
    yield "all zero", changed(encrypted_key=bytes(len(sealed)))
    if good.encryption_version == 1:
        public_key = identity.private_key.public_key()
        one = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        yield "a key of another length", changed(encrypted_key=public_key.encrypt(b"k" * 24, one))
        yield "PKCS#1 v1.5", changed(encrypted_key=public_key.encrypt(b"k" * 16, padding.PKCS1v15()))
        yield "another version", changed(encryption_version=3)
        return
    point = good.encapsulated_secret
    suite = (good.hpke_kem, good.hpke_kdf, good.hpke_aead)
    enc, long = slow.seal(*suite, identity.private_key.public_key(), b"", b"k" * 24)
    yield "a key of another length", changed(encapsulated_secret=enc, encrypted_key=long)
    yield "another KDF", changed(hpke_kdf=1 + good.hpke_kdf % 3)
    yield "an unknown KDF", changed(hpke_kdf=9)
    yield "an AEAD for export only", changed(hpke_aead=0xFFFF)
    yield "another KEM", changed(hpke_kem=0x0021)
    yield "another version", changed(encryption_version=1)
    yield "no point", changed(encapsulated_secret=b"")
    yield "a point of low order", changed(encapsulated_secret=bytes(len(point)))
    if len(point) != 32:
        yield "a point beside the curve", changed(encapsulated_secret=point[:-1] + bytes([point[-1] ^ 1]))
        yield "a compressed point", changed(encapsulated_secret=b"\x02" + point[1 : len(point) // 2 + 1])


@pytest.mark.parametrize("kind", ["rsa2048", *EC_KINDS])
def test_all_failures_are_told_the_same(identities, kind, caplog):
    """Who may submit headers learns nothing from the answer; the log of the owner says more, and holds no key."""
    caplog.set_level(logging.DEBUG, "onvif_bmff")
    content_key, identity = generate_content_key(), identities[kind]
    said = set()
    unwrapper = TokenUnwrapper(token_of(identity))
    for name, entry in damages(wrap_key(content_key, [identity.certificate], at=T0), identity):
        caplog.clear()
        with pytest.raises(WrongKeyError) as refused:
            unwrapper.unwrap(content_key.kid, [entry])
        said.add((type(refused.value), str(refused.value)))
        assert refused.value.__cause__ is None
        assert caplog.records, name
        assert all(record.levelno == logging.DEBUG for record in caplog.records)
        assert content_key.key.hex() not in caplog.text
    with pytest.raises(WrongKeyError) as refused:
        unwrapper.unwrap(content_key.kid, [])
    said.add((type(refused.value), str(refused.value)))
    assert len(said) == 1, said


@pytest.mark.parametrize("kind", ["p256", "p384", "p521"])
def test_a_point_beside_the_curve_never_comes_to_the_token(identities, kind):
    """Multiplying such points is how private keys are taken out of tokens that do not look (RFC 9180, 7.1.4)."""
    content_key, identity = generate_content_key(), identities[kind]
    token = token_of(identity)
    for name, entry in damages(wrap_key(content_key, [identity.certificate], at=T0), identity):
        if "point" in name:
            with pytest.raises(WrongKeyError):
                TokenUnwrapper(token).unwrap(content_key.kid, [entry])
    assert token.asked == []


def test_a_damaged_entry_does_not_hide_a_good_one(identities):
    content_key = generate_content_key()
    for kind in ("rsa2048", "p256"):
        identity = identities[kind]
        good = wrap_key(content_key, [identity.certificate], at=T0)
        bad = [entry for _, entry in damages(good, identity)][:4]
        unwrapper = TokenUnwrapper(token_of(identity))
        assert unwrapper.unwrap(content_key.kid, [*bad, *good]) == content_key.key


def test_a_header_made_to_keep_a_token_busy(identities):
    content_key, identity = generate_content_key(), identities["p256"]
    bad = next(entry for _, entry in damages(wrap_key(content_key, [identity.certificate], at=T0), identity))
    token = token_of(identity)
    with pytest.raises(WrongKeyError):
        TokenUnwrapper(token).unwrap(content_key.kid, [bad] * 1024)
    assert len(token.asked) <= 8


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
@pytest.mark.parametrize("error", [ConnectionRefusedError(111, "refused"), TimeoutError("after 5 s")])
def test_a_holder_that_is_out_of_reach_is_told(identities, kind, error):
    class Away(SoftToken):
        def decrypt(self, wrapped, oaep_hash, mask_hash):
            raise error

        def agree(self, point):
            raise error

    content_key, identity = generate_content_key(), identities[kind]
    entries = wrap_key(content_key, [identity.certificate], at=T0)
    with pytest.raises(ProtectionError, match="cannot be reached") as told:
        TokenUnwrapper(Away(identity.private_key, [identity.certificate])).unwrap(content_key.kid, entries)
    assert not isinstance(told.value, WrongKeyError)


@pytest.mark.parametrize("given", [None, "text", 5, b"", b"k" * 15, b"k" * 17])
@pytest.mark.parametrize("kind", ["rsa2048", "p256", "x25519"])
def test_tokens_that_answer_nonsense(identities, kind, given):
    class Strange(SoftToken):
        def decrypt(self, wrapped, oaep_hash, mask_hash):
            return given

        def agree(self, point):
            return given

    content_key, identity = generate_content_key(), identities[kind]
    entries = wrap_key(content_key, [identity.certificate], at=T0)
    with pytest.raises(WrongKeyError):
        TokenUnwrapper(Strange(identity.private_key, [identity.certificate])).unwrap(content_key.kid, entries)


def test_answers_may_be_any_bytes(identities):
    class Views(SoftToken):
        def decrypt(self, wrapped, oaep_hash, mask_hash):
            return memoryview(bytearray(super().decrypt(wrapped, oaep_hash, mask_hash)))

        def agree(self, point):
            return bytearray(super().agree(point))

    for kind in ("rsa2048", "p256"):
        content_key, identity = generate_content_key(), identities[kind]
        entries = wrap_key(content_key, [identity.certificate], at=T0)
        unwrapper = TokenUnwrapper(Views(identity.private_key, [identity.certificate]))
        key = unwrapper.unwrap(content_key.kid, entries)
        assert (type(key), key) == (bytes, content_key.key)


def test_several_private_keys(identities):
    first, second = identities["rsa2048"], identities["p256"]
    several = SeveralUnwrappers([TokenUnwrapper(token_of(first)), PrivateKeyUnwrapper(second.key_pem)])
    for identity in (first, second):
        content_key = generate_content_key()
        entries = wrap_key(content_key, [identity.certificate], at=T0)
        assert several.unwrap(content_key.kid, entries) == content_key.key
    entries = wrap_key(content_key, [identities["p521"].certificate], at=T0)
    with pytest.raises(WrongKeyError):
        several.unwrap(content_key.kid, entries)
    with pytest.raises(WrongKeyError, match="opens none"):
        SeveralUnwrappers([]).unwrap(content_key.kid, entries)


def test_nothing_secret_in_its_representation(identities):
    identity = identities["rsa2048"]
    token = token_of(identity)
    text = repr(TokenUnwrapper(token)) + repr(SeveralUnwrappers([TokenUnwrapper(token)]))
    assert "TokenUnwrapper(<SoftToken>)" in text
    assert isinstance(identity.private_key, rsa.RSAPrivateKey)
    assert str(identity.private_key.private_numbers().d) not in text
