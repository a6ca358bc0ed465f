"""Opus in an ISO file: Encapsulation of Opus in ISO Base Media File Format, 4.3."""

from dataclasses import dataclass, field

from onvif_bmff.bmff import AudioSampleEntry, Box, ContainerBox, OpusSpecificBox
from onvif_bmff.codecs.opus.syntax import OPUS_RATE, OpusHead, parse_opus_head
from onvif_bmff.codecs.registry import register
from onvif_bmff.errors import MediaError
from onvif_bmff.media.sample_entries import entry_bytes, read_sample_entry
from onvif_bmff.media_kind import MediaKind

__all__ = ["OpusCodec"]


@dataclass(frozen=True, slots=True)
class OpusCodec:
    """Opus. ``entry`` is the sample entry's bytes and alone decides equality; the rest is read from it.

    ``sample_rate`` is always 48,000 hertz, ``pre_skip`` counts samples at that rate.
    """

    entry: bytes = field(repr=False)
    channels: int = field(init=False, compare=False)
    pre_skip: int = field(init=False, compare=False)
    sample_rate: int = field(init=False, compare=False, default=OPUS_RATE)

    def __post_init__(self) -> None:
        entry = read_sample_entry(self.entry)
        config = entry.find(OpusSpecificBox) if isinstance(entry, AudioSampleEntry) else None
        if config is None:
            raise MediaError(f"the sample entry {entry.type!r} has no Opus configuration (dOps)")
        object.__setattr__(self, "channels", config.output_channel_count)
        object.__setattr__(self, "pre_skip", config.pre_skip)

    @classmethod
    def from_head(cls, head: bytes | OpusHead) -> "OpusCodec":
        """Make the codec from an identification header ("OpusHead"). RFC 7845, 5.1.

        A live source, which has none, says ``OpusHead(channels, pre_skip=0, input_sample_rate=48000,
        output_gain=0)`` with one or two channels. Raises ``BitstreamError`` for a header that cannot be read.
        """
        known = head if isinstance(head, OpusHead) else parse_opus_head(head)
        mapping = None
        if known.mapping_family:
            mapping = bytes((known.stream_count, known.coupled_count)) + known.channel_mapping
        config = OpusSpecificBox(
            output_channel_count=known.channels,
            pre_skip=known.pre_skip,
            input_sample_rate=known.input_sample_rate,
            output_gain=known.output_gain,
            channel_mapping_family=known.mapping_family,
            mapping=mapping,
        )
        entry = AudioSampleEntry(
            type="Opus", channel_count=known.channels, sample_rate=OPUS_RATE << 16, children=(config,)
        )
        return cls(entry_bytes(entry))

    @classmethod
    def from_sample_entry(cls, entry: ContainerBox) -> "OpusCodec":
        """Make the codec from a file's clear entry, which is kept as it is."""
        return cls(entry_bytes(entry))

    @property
    def media_type(self) -> MediaKind:
        """``MediaKind.AUDIO``."""
        return MediaKind.AUDIO

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return "Opus"."""
        return "Opus"

    def protected_ranges(self, data: bytes | memoryview) -> None:
        """Return None: audio is protected as a whole. ISO/IEC 23001-7, 9.5."""
        return


register("Opus")(OpusCodec.from_sample_entry)
