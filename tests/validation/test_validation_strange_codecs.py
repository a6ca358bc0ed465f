"""Codecs that are not the library's own: what they do wrong is no finding, and never ends a validation."""

from dataclasses import replace

import pytest
from validation_kit import CBCS, CENC, KEYS, clip, entry, record

from onvif_bmff.codecs.avc.codec import AvcCodec
from onvif_bmff.codecs.registry import CODECS
from onvif_bmff.media.nal_family import AVC, HEVC, VVC
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.validation import EncryptionProof, validate_store
from onvif_bmff.validation.clear_bytes import SampleLayout

SCHEMES = pytest.mark.parametrize("scheme", [CENC, CBCS], ids=["cenc", "cbcs"])


class Strange:
    """The clip's codec, with another answer."""

    media_type = "Video"

    def __init__(self, codec, says):
        self._codec, self._says = codec, says

    def __getattr__(self, name):
        return getattr(self._codec, name)

    def protected_ranges(self, data):
        return self._says(data)


def fails(data):
    raise IndexError("no such byte")


def no_codec(made):
    raise KeyError("configuration")


ANSWERS = {
    "fails": fails,
    "an iterator": lambda data: iter([(20, len(data))]),
    "no pairs": lambda data: [20, len(data)],
    "no numbers": lambda data: [("a", "b")],
    "backwards": lambda data: [(len(data), 20)],
    "a number": lambda data: 7,
}


@SCHEMES
@pytest.mark.parametrize("says", [*ANSWERS.values(), None], ids=[*ANSWERS, "cannot be made"])
def test_a_registered_codec_that_fails_does_not_end_the_validation(scheme, says, monkeypatch):
    tracks, samples = clip()
    video = [one for one in samples if one.track_id == 1][:50]
    store = record(tracks[:1], video, encryption=(entry(scheme),), seconds=2)
    make = no_codec if says is None else lambda made: Strange(AvcCodec.from_sample_entry(made), says)
    monkeypatch.setitem(CODECS, tracks[0].codec.sample_entry().type, make)
    for keys in (None, KEYS):
        list(validate_store(store, keys=keys, proof=EncryptionProof()))


# ---- families of NAL units -----------------------------------------------------------------------------------------


class Own:
    """A codec of a user's own for video in NAL units: slices with headers of 8 bytes."""

    media_type = "Video"

    def __init__(self, made, family=None):
        self._made, self.nal_family = made, family

    def sample_entry(self):
        return self._made

    def codecs_parameter(self):
        return self._made.type

    def protected_ranges(self, data):
        found, at = [], 0
        while at + 4 <= len(data):
            start, at = at + 12, at + 4 + int.from_bytes(data[at : at + 4], "big")
            found.append((start, at))
        return found


def pictures(head):
    """Samples of two slices each."""
    units = [(head + bytes(range(1, 250)) * 13)[:size] for size in (900, 3000)]
    data = b"".join(len(one).to_bytes(4, "big") + one for one in units)
    return [Sample(1, 1000 * number, 1000, data, True) for number in range(4)]


FOURCCS = {"avc2": (AVC, b"\5"), "avc4": (AVC, b"\5"), "hvc2": (HEVC, b"\x26\1"), "vvc1": (VVC, b"\0\x41")}


@SCHEMES
@pytest.mark.parametrize("format_", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("fourcc", FOURCCS)
def test_nal_video_of_a_users_own_is_encrypted_without_a_finding(fourcc, format_, scheme, monkeypatch):
    family, head = FOURCCS[fourcc]
    video = clip()[0][0].codec.sample_entry()
    codec = Own(replace(video, type=fourcc, children=video.children if family is AVC else ()), family)
    store = record([Track("VIDEO001", 1, 1000, codec)], pictures(head), format=format_, encryption=(entry(scheme),))
    assert [(one.rule, one.message) for one in validate_store(store, keys=KEYS)] == []
    monkeypatch.setitem(CODECS, fourcc, lambda made: Own(made, family))
    proof = EncryptionProof()
    assert [(one.rule, one.message) for one in validate_store(store, keys=KEYS, proof=proof)] == []
    assert not proof.faults


def test_the_codec_says_what_an_entry_holds_that_nobody_knows():
    entry_ = replace(clip()[0][0].codec.sample_entry(), type="xyz1", children=())
    assert SampleLayout.of(entry_, Own(entry_, HEVC)).family is HEVC
    assert SampleLayout.of(entry_, Own(entry_, HEVC)).length_size == 4
    assert SampleLayout.of(entry_, Own(entry_, "HEVC")).family is None
    assert SampleLayout.of(entry_, None).length_size is None
