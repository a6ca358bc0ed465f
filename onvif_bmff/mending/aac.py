"""AAC whose decoder configuration cannot be read: its sample entry and its frames say what is in it nearly always."""

from collections.abc import Iterable

from onvif_bmff.bmff import AudioSampleEntry, Box, EsdBox, read_esds
from onvif_bmff.codecs.aac.codec import AacCodec
from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig
from onvif_bmff.errors import BitstreamError, BoxError
from onvif_bmff.media.nal import Buffer
from onvif_bmff.media.sample_entries import sound_format

__all__ = ["has_broken_esds", "low_complexity_entry"]

_LOW_COMPLEXITY = 2
_SINGLE, _PAIR = 0, 1
"""Elements of a frame: a channel, and a pair of channels."""
_DATA, _FILL = 4, 6
"""Elements that may come before them, as what an encoder writes about itself into its first frame."""


def has_broken_esds(entry: AudioSampleEntry) -> bool:
    """Return whether there is a decoder configuration (esds) that holds no descriptors."""
    found = entry.find(EsdBox) if entry.type == "mp4a" else None
    if found is None:
        return False
    try:
        read_esds(found)
    except BoxError:
        return True
    return False


def low_complexity_entry(entry: AudioSampleEntry, samples: Iterable[Buffer]) -> Box | None:
    """Return an entry of AAC-LC with the rate of ``entry``, mono or stereo as the frames in ``samples`` are.

    None if not all frames begin with a single channel, or all with a pair of channels, or there are none, or the entry
    has more channels, or a rate that no frame has. ISO/IEC 14496-3, 4.4.2.1.
    """
    first = {bytes(sample[:1])[0] >> 5 for sample in samples if len(sample)} - {_DATA, _FILL}
    rate, channels = sound_format(entry)
    if first not in ({_SINGLE}, {_PAIR}) or channels > 2:
        return None
    found = 1 + (first == {_PAIR})
    try:
        config = AudioSpecificConfig(
            audio_object_type=_LOW_COMPLEXITY, sampling_frequency=rate, channel_configuration=found
        )
        return AacCodec.from_config(config).sample_entry()
    except BitstreamError:
        return None
