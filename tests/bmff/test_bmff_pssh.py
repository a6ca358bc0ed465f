"""pssh boxes: the W3C common format and ONVIF's asymmetric key system in both layouts."""

import base64
from uuid import UUID

import pytest
from bmff_bytes import ASYMMETRIC, COMMON, KID, P, asymmetric, box, full, key_entry

from onvif_bmff.bmff import (
    ASYMMETRIC_SYSTEM_ID,
    COMMON_SYSTEM_ID,
    LAYOUT_25_12,
    LAYOUT_26_06,
    NENC,
    AsymmetricKeySystemHeaderBox,
    EncryptedKeyEntry,
    MovieBox,
    ProtectionSystemSpecificHeaderBox,
    common_header,
    parse_boxes,
)
from onvif_bmff.errors import BoxError

W3C = "AAAARHBzc2gBAAAAEHfv7MCyTQKs4zweUuL7SwAAAAIwMTIzNDU2Nzg5MDEyMzQ1QUJDREVGR0hJSktMTU5PUAAAAAA="


def one(data):
    (read,) = parse_boxes(data)
    assert read.build() == data
    return read


def rsa(size=256, algorithm=2):
    thumbprint = bytes(32 if algorithm == 2 else 20)
    return EncryptedKeyEntry(
        thumbprint_algorithm=algorithm, thumbprint=thumbprint, encryption_version=1, encrypted_key=bytes(size)
    )


def hpke(kem, info=None):
    return EncryptedKeyEntry(
        thumbprint=bytes(32), encryption_version=2, hpke_kem=kem, hpke_kdf=1, hpke_aead=2,
        encapsulated_secret=bytes(NENC[kem]), encrypted_key=bytes(32), info=info,
    )  # fmt: skip


@pytest.mark.requirement("ANX-B.8.1-03")
@pytest.mark.requirement("ANX-B.8.1-04")
@pytest.mark.requirement("ANX-B.8.1-06")
def test_common_header_is_the_example_of_the_w3c():
    kids = (UUID(bytes=b"0123456789012345"), UUID(bytes=b"ABCDEFGHIJKLMNOP"))
    made = common_header(kids)
    assert base64.b64encode(made.build()).decode() == W3C
    assert one(base64.b64decode(W3C)) == made
    assert (made.version, made.flags, made.system_id, made.data) == (1, 0, COMMON_SYSTEM_ID, b"")
    assert made.kids == kids


@pytest.mark.requirement("ANX-B.8.1-05")
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_size_of_a_common_header(count):
    kids = tuple(UUID(int=number) for number in range(count))
    data = common_header(kids).build()
    assert len(data) == 36 + 16 * count
    assert data[8:12] == bytes((1, 0, 0, 0))
    assert data[12:28] == COMMON
    assert data[28:32] == P(">I", count)
    assert data[-4:] == bytes(4)


def test_common_header_of_one_kid_has_52_bytes():
    assert common_header((UUID(int=1),)).size == 52


@pytest.mark.requirement("ANX-B.8.2-11")
@pytest.mark.requirement("ANX-B.8.2-12")
@pytest.mark.requirement("ANX-B.8.2-13")
@pytest.mark.requirement("ANX-B.8.2-16")
@pytest.mark.requirement("ANX-B.8.2-23")
@pytest.mark.requirement("ANX-B.8.2-24")
@pytest.mark.parametrize(
    ("entry", "size", "data_size"),
    [
        (rsa(384), 481, 429),
        (rsa(512), 609, 557),
        (hpke(0x10), 200, 148),
        (hpke(0x11), 232, 180),
        (hpke(0x12), 268, 216),
        (hpke(0x20), 167, 115),
    ],
)
def test_sizes_of_asymmetric_headers(entry, size, data_size):
    made = AsymmetricKeySystemHeaderBox(kid=UUID(bytes=KID), entries=(entry,))
    data = made.build()
    assert len(data) == size
    assert data[4:12] == b"pssh\1\0\0\0"
    assert data[12:28] == ASYMMETRIC == ASYMMETRIC_SYSTEM_ID.bytes
    assert data[28:48] == P(">I", 1) + KID
    assert data[48:52] == P(">I", data_size)
    assert len(data) - 52 == data_size == len(made.data)
    assert one(data) == made
    assert (made.type, made.system_id, made.kids) == ("pssh", ASYMMETRIC_SYSTEM_ID, (UUID(bytes=KID),))


@pytest.mark.requirement("ANX-B.8.2-17")
@pytest.mark.requirement("ANX-B.8.2-21")
def test_several_entries_of_both_versions():
    made = AsymmetricKeySystemHeaderBox(kid=UUID(bytes=KID), entries=(rsa(), hpke(0x10), rsa(algorithm=1), hpke(0x21)))
    data = made.build()
    assert data == asymmetric(
        key_entry(1, key=bytes(256)),
        key_entry(2, bytes(65)),
        key_entry(1, key=bytes(256), thumbprint=bytes(20), algorithm=1),
        key_entry(2, bytes(56), kem=0x21),
    )
    read = one(data)
    assert read == made
    assert read.entry_layout == LAYOUT_25_12
    assert [entry.encryption_version for entry in read.entries] == [1, 2, 1, 2]
    with pytest.raises(BoxError, match="0 entries"):
        AsymmetricKeySystemHeaderBox(kid=UUID(bytes=KID), entries=()).build()


def test_layout_of_26_06_is_told_by_its_length():
    entries = (hpke(0x10, b"site 7"), rsa(), hpke(0x11, b""), hpke(0x20, b"x"))
    made = AsymmetricKeySystemHeaderBox(kid=UUID(bytes=KID), entries=entries, entry_layout=LAYOUT_26_06)
    data = made.build()
    assert data == asymmetric(
        key_entry(2, bytes(65), info=b"site 7"),
        key_entry(1, key=bytes(256)),
        key_entry(2, bytes(97), kem=0x11, info=b""),
        key_entry(2, bytes(32), kem=0x20, info=b"x"),
    )
    assert one(data) == made
    single = AsymmetricKeySystemHeaderBox(kid=UUID(bytes=KID), entries=(hpke(0x10, b""),), entry_layout=LAYOUT_26_06)
    assert one(single.build()).entry_layout == LAYOUT_26_06


@pytest.mark.requirement("ANX-B.8.2-22")
def test_an_unknown_kem_leaves_the_box_opaque():
    for data in (
        asymmetric(key_entry(2, bytes(65), kem=0x9999)),
        asymmetric(key_entry(1, key=bytes(256)), key_entry(2, bytes(65), kem=0x9999)),
        asymmetric(key_entry(3)),
        asymmetric(),
        asymmetric(key_entry(1) + b"more"),
        asymmetric(key_entry(1, algorithm=1)),
        asymmetric(key_entry(1, algorithm=3)),
        full("pssh", 1, 0, ASYMMETRIC, P(">I", 1), KID, P(">I", 2), b"no"),
        full("pssh", 1, 0, ASYMMETRIC, P(">I", 2), KID, KID, P(">I", 0)),
        full("pssh", 1, 0, ASYMMETRIC, P(">I", 0), P(">I", 0)),
        full("pssh", 0, 0, ASYMMETRIC, P(">I", 0)),
        full("pssh", 1, 0, ASYMMETRIC, P(">I", 1), KID, P(">II", 1028, 1025), bytes(1024)),
    ):
        assert type(one(data)) is ProtectionSystemSpecificHeaderBox
    assert type(one(asymmetric(key_entry(1)) + b"")) is AsymmetricKeySystemHeaderBox


def test_trailing_bytes_and_large_sizes_of_asymmetric_headers():
    inner = asymmetric(key_entry(1))
    trailing = box("pssh", inner[8:], b"tail")
    assert one(trailing).trailing == b"tail"
    large = P(">I4sQ", 1, b"pssh", len(inner) + 8) + inner[8:]
    assert isinstance(one(large), AsymmetricKeySystemHeaderBox)
    assert isinstance(one(box("moov", inner)).require(AsymmetricKeySystemHeaderBox), AsymmetricKeySystemHeaderBox)


@pytest.mark.requirement("ANX-B.8.2-18")
@pytest.mark.requirement("ANX-B.8.2-19")
@pytest.mark.parametrize(
    "wrong",
    [
        {"thumbprint": bytes(31)},
        {"thumbprint_algorithm": 1},
        {"thumbprint_algorithm": 3},
        {"encryption_version": 3},
        {"hpke_kem": 0x77},
        {"encapsulated_secret": bytes(64)},
        {"hpke_kdf": None},
        {"encrypted_key": bytes(1 << 16)},
    ],
)
def test_entries_that_could_not_be_read_back_are_refused(wrong):
    entry = hpke(0x10)
    for name, value in wrong.items():
        setattr(entry, name, value)
    made = AsymmetricKeySystemHeaderBox(kid=UUID(bytes=KID), entries=(entry,))
    with pytest.raises(BoxError) as caught:
        MovieBox(children=(made,)).build()
    assert caught.value.path == "/moov/pssh"
    with pytest.raises(BoxError):
        _ = made.data


def test_flags_out_of_range_are_refused():
    made = AsymmetricKeySystemHeaderBox(kid=UUID(bytes=KID), entries=(rsa(),), flags=1 << 24)
    with pytest.raises(BoxError, match="/pssh"):
        made.build()


@pytest.mark.requirement("ANX-B.8.1-02")
@pytest.mark.requirement("ANX-B.8.2-10")
def test_headers_of_other_systems_are_kept():
    widevine = full("pssh", 0, 0, bytes.fromhex("edef8ba979d64acea3c827dcd51d21ed"), P(">I", 3), b"abc")
    (moov,) = parse_boxes(box("moov", base64.b64decode(W3C), asymmetric(key_entry(1)), widevine))
    assert len(moov.find_all(ProtectionSystemSpecificHeaderBox)) == 2
    assert moov.find_all(ProtectionSystemSpecificHeaderBox)[1].data == b"abc"
