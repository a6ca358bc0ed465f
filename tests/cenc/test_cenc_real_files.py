"""Encrypted files that other tools wrote, with the keys that their makers published."""

import pytest

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.content import ContentKey, parse_key, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import MissingKeyError
from onvif_bmff.export.clear_file import ClearFile
from onvif_bmff.ingest.mp4 import Mp4Input

NO_KID = "0" * 32
CLEAR_KEY = ("cd7eb9ff88f34caeb06185b00024e4c2", "63cb5f7184dd4b689a5c5ff11ee6a328")
PAIRS = {
    "mp4ff/cbcs.mp4": (NO_KID, "22bdb0063805260307ee5045c0f3835a", "mp4ff/cbcsdec.mp4"),
    "mp4ff/prog_8s_enc_dashinit.mp4": (*CLEAR_KEY, "mp4ff/prog_8s_dec_dashinit.mp4"),
    "androidx-media/drm/sample_fragmented_clearkey.mp4": (*CLEAR_KEY, "androidx-media/mp4/sample_fragmented.mp4"),
}


def samples(file, ring=None):
    source = Mp4Input(file)
    found = {}
    for one in source.samples(FragmentDecryptor(ring, source.data) if ring is not None else None):
        found.setdefault(one.track_id, []).append(bytes(one.data))
    return found


def ring_of(kid, key):
    return KeyRing([ContentKey(parse_kid(kid), parse_key(key))])


def clear_file(file, ring):
    made = ClearFile(file, ring)
    out = bytearray(made.size)
    for piece in made.pieces():
        out[piece.position : piece.position + len(piece.data)] = piece.data
    return bytes(out)


@pytest.mark.parametrize("name", PAIRS)
def test_known_clear_samples_come_out(shared_media, name):
    kid, key, clear = PAIRS[name]
    file = (shared_media / "media" / name).read_bytes()
    wanted = samples((shared_media / "media" / clear).read_bytes())
    assert samples(file, ring_of(kid, key)) == wanted
    assert samples(clear_file(file, ring_of(kid, key))) == wanted
    assert samples(file, ring_of(kid, "0" * 32)) != wanted


def test_groups_give_the_key_and_the_vectors_of_packaged_audio(shared_media):
    """tenc names no key at all and vectors of 8 bytes; seig has what counts."""
    folder = shared_media / "media/fq"
    file = (folder / "dash_audio_init.mp4").read_bytes() + (folder / "dash_audio_1.m4s").read_bytes()
    ring = ring_of("112233445566778899aabbccddeeff00", "332233445566778899aabbccddeeff00")
    (found,) = samples(file, ring).values()
    clear = samples((folder / "dash_in.mp4").read_bytes())
    assert any(found == wanted[: len(found)] for wanted in clear.values())
    assert samples(clear_file(file, ring)) == samples(file, ring)


def test_av1_with_long_vectors(shared_media):
    """No clear twin is known, but every sample begins with a temporal unit's first OBU when it is right."""
    name = "androidx-media/drm/sample_av1c_fragmented_clearkey.mp4"
    (found,) = samples((shared_media / "media" / name).read_bytes(), ring_of(*CLEAR_KEY)).values()
    assert len(found) == 30
    assert all(sample[0] & 0x87 == 2 and sample[0] >> 3 in (1, 2, 3, 5, 6) for sample in found)


def test_groups_of_version_2_are_understood(shared_media):
    """The key of this file is not known; the one that is asked for is that of its groups."""
    file = (shared_media / "media/androidx-media/mp4/sample_fragmented_sgpd_v2.mp4").read_bytes()
    groups = [box for top in parse_boxes(file) for _, box in top.walk() if box.type == "sgpd"]
    assert {group.version for group in groups} == {2}
    with pytest.raises(MissingKeyError, match="804ea173-1711-3c8b-955b-35996e5e3d92"):
        samples(file, KeyRing())
    ring = ring_of("804ea17317113c8b955b35996e5e3d92", "0" * 32)
    (found,) = samples(file, ring).values()
    assert len(found) == 864
