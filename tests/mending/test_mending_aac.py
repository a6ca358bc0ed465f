"""AAC whose decoder configuration was lost."""

from dataclasses import replace

import pytest

from onvif_bmff.bmff import AudioSampleEntry, EsdBox
from onvif_bmff.codecs.aac.codec import AacCodec
from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig
from onvif_bmff.codecs.registry import codec_of
from onvif_bmff.mending.aac import has_broken_esds, low_complexity_entry

SINGLE, PAIR, FILL = b"\x01\x40", b"\x21\x10", b"\xde\x02"


def entry(rate: int = 16_000, channels: int = 1) -> AudioSampleEntry:
    config = AudioSpecificConfig(audio_object_type=2, sampling_frequency=rate, channel_configuration=channels)
    made = AacCodec.from_config(config).sample_entry()
    assert isinstance(made, AudioSampleEntry)
    return made


def zeroed(made: AudioSampleEntry) -> AudioSampleEntry:
    (found,) = [child for child in made.children if isinstance(child, EsdBox)]
    return replace(made, children=(replace(found, data=bytes(len(found.data))),))


def test_a_configuration_of_zeros_is_broken():
    assert not has_broken_esds(entry())
    assert has_broken_esds(zeroed(entry()))
    assert not has_broken_esds(replace(entry(), children=()))  # that is another fault, told when the codec is made


@pytest.mark.parametrize(("channels", "frames"), [(1, [FILL, SINGLE, SINGLE]), (2, [b"", PAIR, PAIR])])
def test_frames_and_the_entry_give_another(channels, frames):
    made = low_complexity_entry(zeroed(entry(22_050, channels)), frames)
    assert made is not None
    codec = codec_of(made, handler="soun")
    assert isinstance(codec, AacCodec)
    assert (codec.sample_rate, codec.channels, codec.object_type) == (22_050, channels, 2)


def test_the_number_of_channels_is_that_of_the_frames():
    """Many writers have 2 in the entry of mono."""
    made = low_complexity_entry(replace(zeroed(entry()), channel_count=2), [SINGLE])
    assert made is not None
    assert codec_of(made, handler="soun").channels == 1


@pytest.mark.parametrize(
    ("frames", "changes"),
    [
        ([], {}),
        ([FILL], {}),
        ([SINGLE, PAIR], {}),
        ([b"\xff\xf1"], {}),  # an ADTS header
        ([b"\x56\xe0"], {}),  # LATM
        ([SINGLE], {"channel_count": 6}),
        ([SINGLE], {"sample_rate": 0}),
    ],
)
def test_other_sound_gets_none(frames, changes):
    assert low_complexity_entry(replace(zeroed(entry()), **changes), frames) is None
