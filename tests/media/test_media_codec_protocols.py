"""What a codec may tell beside the four members that it must have, and what is taken where it does not."""

import pytest

from onvif_bmff.bmff import SIZE_32, SIZE_64, Box, PixelAspectRatioBox
from onvif_bmff.codecs import G711Codec, MetadataCodec
from onvif_bmff.errors import MediaError
from onvif_bmff.media import AudioCodec, Track, VideoCodec, all_sync, packed_box, picture_size, sound_of
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.recording.header import build_header
from onvif_bmff.timing import UtcTime


class Plain:
    """A codec of somebody's own, with no more than a codec must have."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type

    def sample_entry(self) -> Box:
        return MetadataCodec().sample_entry()

    def codecs_parameter(self) -> str:
        return "mett"

    def protected_ranges(self, data: bytes | memoryview) -> None:
        return None


class Pictures(Plain):
    width = 64
    height = 48


class Intra(Plain):
    all_sync = True


def test_what_a_codec_does_not_say_is_not_known():
    assert picture_size(Plain("Video")) == sound_of(Plain("Audio")) == (0, 0)
    assert picture_size(Pictures("Video")) == (64, 48)
    assert sound_of(G711Codec(sample_rate=16000, channels=2)) == (16000, 2)
    assert isinstance(G711Codec(), AudioCodec)
    assert not isinstance(G711Codec(), VideoCodec)
    assert not isinstance(MetadataCodec(), VideoCodec | AudioCodec)


def test_all_but_video_is_all_sync_unless_a_codec_says_otherwise():
    assert [all_sync(Plain(kind)) for kind in ("Video", "Audio", "Metadata")] == [False, True, True]
    assert [all_sync(Plain(kind)) for kind in MediaKind] == [False, True, True]
    assert all_sync(Intra("Video"))


@pytest.mark.parametrize("kind", MediaKind)
def test_the_kind_may_be_a_member_or_its_word(kind):
    by_word, by_member = (Track("T", 1, 1000, Plain(one)) for one in (kind.value, kind))
    assert by_word.type is by_member.type is kind
    headers = [build_header(("iso6",), (track,), 1000, UtcTime(0)) for track in (by_word, by_member)]
    assert headers[0] == headers[1]
    assert kind.handler.encode() in headers[0]
    assert kind.media_header.encode() in headers[0]


@pytest.mark.parametrize("word", ["video", "", "Text", None, 1])
def test_other_words_are_no_kind(word):
    with pytest.raises(MediaError, match="media_type is Video, Audio or Metadata"):
        _ = Track("T", 1, 1000, Plain(word)).type


class Unhashable(Plain):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)


def test_a_codec_needs_no_hash():
    made = [
        build_header(("iso6",), (Track("T", 1, 1000, kind("Metadata")),), 1000, UtcTime(0))
        for kind in (Plain, Unhashable)
    ]
    assert made[0] == made[1]


def test_codecs_that_differ_have_headers_that_differ():
    tracks = [Track("T", 1, 8000, G711Codec(law)) for law in ("alaw", "ulaw", "alaw", "ulaw")]
    found = [build_header(("iso6",), (track,), 8000, UtcTime(0)) for track in tracks]
    assert found[0] == found[2] != found[1] == found[3]


@pytest.mark.parametrize("size_form", [SIZE_32, SIZE_64])
def test_boxes_are_packed_as_they_are(size_form):
    child = PixelAspectRatioBox(h_spacing=4, v_spacing=3, size_form=size_form)
    assert packed_box(child).build() == child.build()


def test_codecs_of_this_library_say_it_with_members():
    assert G711Codec().media_type is MediaKind.AUDIO
    assert MetadataCodec().media_type is MediaKind.METADATA
