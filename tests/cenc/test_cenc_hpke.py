"""HPKE: RFC 9180's vectors prove the second implementation, and that proves the library's wrapping."""

import hpke_reference as slow
import pytest

from onvif_bmff.bmff.pssh import EncryptedKeyEntry
from onvif_bmff.cenc.keys.content import generate_content_key
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import DEFAULT_SUITES, hpke_suite, thumbprint, wrap_key
from onvif_bmff.timing import UtcTime

T0 = UtcTime.parse("2022-11-08T15:08:23.547Z")
KEM_OF_KIND = {"p256": 0x0010, "p384": 0x0011, "p521": 0x0012, "x25519": 0x0020}

# RFC 9180, appendix A, base mode of the suites that use a KEM of ours: the set-up, and the first encryption.
VECTORS = {
    "A.1.1": {
        "suite": (32, 1, 1),
        "info": "4f6465206f6e2061204772656369616e2055726e",
        "pkRm": "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
        "skRm": "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
        "skEm": "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
        "enc": "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
        "shared_secret": "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
        "key_schedule_context": (
            "00725611c9d98c07c03f60095cd32d400d8347d45ed67097bbad50fc56da742d07cb6cffde367bb0565ba28bb02c9074"
            "4a20f5ef37f30523526106f637abb05449"
        ),
        "key": "4531685d41d65f03dc48f6b8302c05b0",
        "base_nonce": "56d890e5accaaf011cff4b7d",
        "pt": "4265617574792069732074727574682c20747275746820626561757479",
        "aad": "436f756e742d30",
        "ct": "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
    },
    "A.3.1": {
        "suite": (16, 1, 1),
        "info": "4f6465206f6e2061204772656369616e2055726e",
        "pkRm": (
            "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f62fb3d3"
            "0ad6aa8f80e30f1d128aafd68a2ce72ea0"
        ),
        "skRm": "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
        "skEm": "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb",
        "enc": (
            "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900"
            "be863c403ce65c9bfcb9382657222d18c4"
        ),
        "shared_secret": "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
        "key_schedule_context": (
            "00b88d4e6d91759e65e87c470e8b9141113e9ad5f0c8ceefc1e088c82e6980500798e486f9c9c09c9b5c753ac72d6005"
            "de254c607d1b534ed11d493ae1c1d9ac85"
        ),
        "key": "868c066ef58aae6dc589b6cfdd18f97e",
        "base_nonce": "4e0bc5018beba4bf004cca59",
        "pt": "4265617574792069732074727574682c20747275746820626561757479",
        "aad": "436f756e742d30",
        "ct": "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
    },
    "A.6.1": {
        "suite": (18, 3, 2),
        "info": "4f6465206f6e2061204772656369616e2055726e",
        "pkRm": (
            "0401b45498c1714e2dce167d3caf162e45e0642afc7ed435df7902ccae0e84ba0f7d373f646b7738bbbdca11ed91bdea"
            "e3cdcba3301f2457be452f271fa6837580e661012af49583a62e48d44bed350c7118c0d8dc861c238c72a2bda17f6470"
            "4f464b57338e7f40b60959480c0e58e6559b190d81663ed816e523b6b6a418f66d2451ec64"
        ),
        "skRm": (
            "01462680369ae375e4b3791070a7458ed527842f6a98a79ff5e0d4cbde83c27196a3916956655523a6a2556a7af62c5c"
            "adabe2ef9da3760bb21e005202f7b2462847"
        ),
        "skEm": (
            "014784c692da35df6ecde98ee43ac425dbdd0969c0c72b42f2e708ab9d535415a8569bdacfcc0a114c85b8e3f26acf4d"
            "68115f8c91a66178cdbd03b7bcc5291e374b"
        ),
        "enc": (
            "040138b385ca16bb0d5fa0c0665fbbd7e69e3ee29f63991d3e9b5fa740aab8900aaeed46ed73a49055758425a0ce3650"
            "7c54b29cc5b85a5cee6bae0cf1c21f2731ece2013dc3fb7c8d21654bb161b463962ca19e8c654ff24c94dd2898de1205"
            "1f1ed0692237fb02b2f8d1dc1c73e9b366b529eb436e98a996ee522aef863dd5739d2f29b0"
        ),
        "shared_secret": (
            "776ab421302f6eff7d7cb5cb1adaea0cd50872c71c2d63c30c4f1d5e43653336fef33b103c67e7a98add2d3b66e2fda9"
            "5b5b2a667aa9dac7e59cc1d46d30e818"
        ),
        "key_schedule_context": (
            "0083a27c5b2358ab4dae1b2f5d8f57f10ccccc822a473326f543f239a70aee46347324e84e02d7651a10d08fb3dda739"
            "d22d50c53fbfa8122baacd0f9ae5913072ef45baa1f3a4b169e141feb957e48d03f28c837d8904c3d6775308c3d3faa7"
            "5dd64adfa44e1a1141edf9349959b8f8e5291cbdc56f62b0ed6527d692e85b09a4"
        ),
        "key": "751e346ce8f0ddb2305c8a2a85c70d5cf559c53093656be636b9406d4d7d1b70",
        "base_nonce": "55ff7a7d739c69f44b25447b",
        "pt": "4265617574792069732074727574682c20747275746820626561757479",
        "aad": "436f756e742d30",
        "ct": "170f8beddfe949b75ef9c387e201baf4132fa7374593dfafa90768788b7b2b200aafcc6d80ea4c795a7c5b841a",
    },
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_second_implementation_gives_the_vectors(name):
    vector = VECTORS[name]
    suite = vector["suite"]
    values = {key: bytes.fromhex(text) for key, text in vector.items() if key != "suite"}
    kem = suite[0]
    recipient, ephemeral = slow.read_private(kem, values["skRm"]), slow.read_private(kem, values["skEm"])
    assert slow.serialize(recipient.public_key()) == values["pkRm"]
    enc = slow.serialize(ephemeral.public_key())
    assert enc == values["enc"]
    secret = slow.shared_secret(kem, ephemeral, recipient.public_key(), enc, values["pkRm"])
    assert secret == values["shared_secret"]
    context, key, nonce = slow.key_schedule(*suite, secret, values["info"])
    assert (context, key, nonce) == (values["key_schedule_context"], values["key"], values["base_nonce"])
    clear, aad = values["pt"], values["aad"]
    assert slow.seal(*suite, recipient.public_key(), values["info"], clear, aad, ephemeral) == (enc, values["ct"])
    assert slow.open_sealed(*suite, recipient, enc, values["info"], values["ct"], aad) == clear


@pytest.mark.parametrize("aead", [1, 2, 3])
@pytest.mark.parametrize("kdf", [1, 2, 3])
@pytest.mark.parametrize("kem", DEFAULT_SUITES)
def test_both_implementations_open_what_the_other_sealed(kem, kdf, aead):
    private_key, suite = slow.new_private(kem), hpke_suite(kem, kdf, aead)
    for info in (b"", b"bound to this recording"):
        enc, sealed = slow.seal(kem, kdf, aead, private_key.public_key(), info, b"k" * 16)
        assert suite.decrypt(enc + sealed, private_key, info=info) == b"k" * 16
        theirs = suite.encrypt(b"k" * 16, private_key.public_key(), info=info)
        size = len(enc)
        assert slow.open_sealed(kem, kdf, aead, private_key, theirs[:size], info, theirs[size:]) == b"k" * 16


@pytest.mark.requirement("ANX-B.8.2.4-01", "ANX-B.8.2.4-02")
@pytest.mark.parametrize("kind", KEM_OF_KIND)
@pytest.mark.parametrize("info", [None, b"", "für Kamera 5".encode()])
def test_wrapped_keys_are_hpke_in_base_mode(identities, kind, info):
    identity, kem, content_key = identities[kind], KEM_OF_KIND[kind], generate_content_key()
    (entry,) = wrap_key(content_key, [identity.certificate], at=T0, info=info)
    suite = (entry.hpke_kem, entry.hpke_kdf, entry.hpke_aead)
    assert suite == (kem, *DEFAULT_SUITES[kem])
    assert (entry.encryption_version, entry.info) == (2, info)
    opened = slow.open_sealed(*suite, identity.private_key, entry.encapsulated_secret, info or b"", entry.encrypted_key)
    assert opened == content_key.key

    enc, sealed = slow.seal(*suite, identity.private_key.public_key(), info or b"", content_key.key)
    theirs = EncryptedKeyEntry(
        thumbprint=thumbprint(identity.certificate),
        encryption_version=2,
        hpke_kem=kem,
        hpke_kdf=suite[1],
        hpke_aead=suite[2],
        encapsulated_secret=enc,
        encrypted_key=sealed,
        info=info,
    )
    assert PrivateKeyUnwrapper(identity.key_pem).unwrap(content_key.kid, [theirs]) == content_key.key
