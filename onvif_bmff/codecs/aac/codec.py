"""AAC in an ISO file: ISO/IEC 14496-14, 5.6; codecs string by RFC 6381, 3.3."""

from dataclasses import dataclass, field

from onvif_bmff.bmff import AudioSampleEntry, Box, ContainerBox, EsdBox, UnknownBox
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds, read_esds
from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.codecs.registry import register
from onvif_bmff.errors import BitstreamError, BoxError, MediaError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.sample_entries import boxes_within, entry_bytes, read_sample_entry
from onvif_bmff.media_kind import MediaKind

__all__ = ["AacCodec"]

_AAC = 0x40
_AAC_OF_MPEG2 = (0x66, 0x67, 0x68)
_AUDIO_STREAM = 5
_USAC = 42
_HIGHEST_RATE = 0xFFFF


@dataclass(frozen=True, slots=True)
class AacCodec:
    """AAC in all its forms that an AudioSpecificConfig names, as 'mp4a' with esds.

    ``entry`` is the sample entry's bytes and alone decides equality; the rest is read from it: ``config`` (the
    AudioSpecificConfig's bytes), ``sample_rate`` in hertz and ``channels`` as they are heard, that is with
    spectral band replication and parametric stereo where these are signalled.
    """

    entry: bytes = field(repr=False)
    sample_rate: int = field(init=False, compare=False)
    channels: int = field(init=False, compare=False)
    config: bytes = field(init=False, compare=False)
    object_type: int = field(init=False, compare=False)
    """What RFC 6381 names: 2 (AAC-LC), 5 (with SBR), 29 (with SBR and PS), …"""
    frame_length: int = field(init=False, compare=False)
    """Samples of the core coder in a frame."""
    _codecs: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = _esds(read_sample_entry(self.entry))
        if found is None:
            raise MediaError("the sample entry 'mp4a' has no decoder configuration (esds)")
        decoder = read_esds(found)
        config = AudioSpecificConfig.parse(decoder.specific_info)
        put = object.__setattr__
        put(self, "config", decoder.specific_info)
        put(self, "sample_rate", config.extension_frequency or config.sampling_frequency)
        put(self, "channels", 2 if config.ps and config.channels == 1 else config.channels)
        put(self, "object_type", config.codec_object_type)
        put(self, "frame_length", config.frame_length)
        mpeg4 = decoder.object_type == _AAC
        put(self, "_codecs", f"mp4a.40.{config.codec_object_type}" if mpeg4 else f"mp4a.{decoder.object_type:02X}")

    @classmethod
    def from_config(cls, config: bytes | AudioSpecificConfig, *, bitrate: int = 0) -> "AacCodec":
        """Make the codec from an AudioSpecificConfig; ``bitrate`` in bits a second, 0 if not known.

        Raises ``BitstreamError`` for a configuration that cannot be read or written. ISO/IEC 14496-3, 1.6.2.1.
        """
        data = config.build() if isinstance(config, AudioSpecificConfig) else bytes(config)
        parsed = AudioSpecificConfig.parse(data)
        decoder = DecoderConfig(
            object_type=_AAC,
            stream_type=_AUDIO_STREAM,
            specific_info=data,
            max_bitrate=bitrate,
            avg_bitrate=bitrate,
        )
        return cls(entry_bytes(_entry(parsed, decoder)))

    @classmethod
    def from_sample_entry(cls, entry: ContainerBox) -> "AacCodec":
        """Make the codec from a file's clear entry, which is kept as it is but for its ES_ID, which is 0 in files.

        An entry in QuickTime's own form is written anew the ISO way.
        """
        if isinstance(entry, AudioSampleEntry) and entry.find(EsdBox) is not None and not entry.quicktime:
            return cls(entry_bytes(entry))
        found = _esds(entry)
        if found is None:
            raise MediaError("the sample entry 'mp4a' has no decoder configuration (esds)")
        decoder = read_esds(found)
        return cls(entry_bytes(_entry(AudioSpecificConfig.parse(decoder.specific_info), decoder)))

    @property
    def media_type(self) -> MediaKind:
        """``MediaKind.AUDIO``."""
        return MediaKind.AUDIO

    @property
    def all_sync(self) -> bool:
        """Whether each frame can be decoded without any other: not those of USAC (xHE-AAC)."""
        return self.object_type != _USAC

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return for example "mp4a.40.2". RFC 6381, 3.3."""
        return self._codecs

    def protected_ranges(self, data: bytes | memoryview) -> None:
        """Return None: audio is protected as a whole. ISO/IEC 23001-7, 9.5."""
        return


def _entry(config: AudioSpecificConfig, decoder: DecoderConfig) -> AudioSampleEntry:
    rate = config.sampling_frequency
    return AudioSampleEntry(
        type="mp4a",
        channel_count=config.channels or 2,
        sample_rate=rate << 16 if rate <= _HIGHEST_RATE else 0,  # the field has 16 bits; decoders ask the esds
        children=(build_esds(decoder),),
    )


def _esds(entry: Box) -> EsdBox | None:
    """The esds of an entry, which QuickTime hides in a 'wave' box."""
    candidates = list(entry.children_of())
    for child in entry.children_of():
        if isinstance(child, UnknownBox) and child.type == "wave":
            candidates += boxes_within(child)
    return next((box for box in candidates if isinstance(box, EsdBox)), None)


def _of_mp4a(entry: ContainerBox) -> Codec:
    """The codec of 'mp4a': AAC, or whatever else the object type in the esds says, which passes through."""
    found = _esds(entry)
    if found is not None:
        try:
            decoder = read_esds(found)
            if decoder.object_type in (_AAC, *_AAC_OF_MPEG2) and decoder.specific_info:
                return AacCodec.from_sample_entry(entry)
        except (BitstreamError, BoxError):
            pass  # a coder that this library does not know the configuration of
    return PassThroughCodec(entry, MediaKind.AUDIO.handler)


register("mp4a")(_of_mp4a)
