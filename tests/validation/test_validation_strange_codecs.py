"""Codecs that are not the library's own: what they do wrong is no finding, and never ends a validation."""

import pytest
from validation_kit import CBCS, CENC, KEYS, clip, entry, record

from onvif_bmff.media.avc import AvcCodec
from onvif_bmff.media.codec import CODECS
from onvif_bmff.validation import EncryptionProof, validate_store

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
