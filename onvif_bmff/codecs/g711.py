"""G.711 in an ISO file: A-law as 'alaw', µ-law as 'ulaw', one sample for each packet of the source."""

from dataclasses import dataclass, field

from onvif_bmff.bmff import AudioSampleEntry, Box, ContainerBox
from onvif_bmff.codecs.registry import register
from onvif_bmff.errors import MediaError
from onvif_bmff.media.sample_entries import entry_bytes, read_sample_entry, sound_format
from onvif_bmff.media_kind import MediaKind

__all__ = ["G711Codec"]


@dataclass(frozen=True, slots=True)
class G711Codec:
    """G.711: ``law`` is "alaw" or "ulaw", ``sample_rate`` in hertz.

    A sample of a track is a packet: its bytes, over ``channels``, are its duration in ticks of ``sample_rate``.
    ``entry`` is the sample entry's bytes; it is made from the other values if it is not given.
    """

    law: str = "ulaw"
    sample_rate: int = 8000
    channels: int = 1
    entry: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.law not in ("alaw", "ulaw"):
            raise MediaError(f'{self.law!r} is no law of G.711: "alaw" or "ulaw"')
        if not 0 < self.sample_rate < 1 << 16 or not 0 < self.channels < 1 << 16:
            raise MediaError(f"G.711 with {self.channels} channels at {self.sample_rate} Hz cannot be written")
        if not self.entry:
            made = AudioSampleEntry(type=self.law, channel_count=self.channels, sample_rate=self.sample_rate << 16)
            object.__setattr__(self, "entry", entry_bytes(made))

    @classmethod
    def from_sample_entry(cls, entry: ContainerBox) -> "G711Codec":
        """Make the codec from a file's clear entry, which is kept as it is unless it is of QuickTime's form."""
        if not isinstance(entry, AudioSampleEntry):
            raise MediaError(f"the sample entry {entry.type!r} is not audio")
        kept = b"" if entry.quicktime or entry.entry_version else entry_bytes(entry)
        sample_rate, channels = sound_format(entry)
        return cls(entry.type, sample_rate or 8000, channels or 1, kept)

    @property
    def media_type(self) -> MediaKind:
        """``MediaKind.AUDIO``."""
        return MediaKind.AUDIO

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return "alaw" or "ulaw"."""
        return self.law

    def protected_ranges(self, data: bytes | memoryview) -> None:
        """Return None: audio is protected as a whole. ISO/IEC 23001-7, 9.5."""
        return


register("alaw", "ulaw")(G711Codec.from_sample_entry)
