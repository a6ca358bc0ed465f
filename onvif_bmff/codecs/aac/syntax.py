"""AAC configurations and ADTS frames: ISO/IEC 14496-3, 1.6.2.1, 1.6.5, 4.4.1 and 1.A.2."""

from collections.abc import Iterator
from dataclasses import dataclass

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, Buffer

__all__ = ["AdtsHeader", "AudioSpecificConfig", "iter_adts", "parse_adts_header"]

SAMPLING_FREQUENCIES = (
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
)  # fmt: skip
"""In hertz, by samplingFrequencyIndex. ISO/IEC 14496-3, table 1.18."""

AOT_AAC_LC = 2
AOT_SBR = 5
AOT_PS = 29
_AOT_SCALABLE, _AOT_ER_SCALABLE, _AOT_BSAC, _AOT_LD, _AOT_ELD = 6, 20, 22, 23, 39
_GENERAL_AUDIO = frozenset((1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23))
_RESILIENT = frozenset((17, 19, 20, 21, 22, 23))

_ESCAPE_INDEX = 15
_SBR_SYNC, _PS_SYNC = 0x2B7, 0x548
# Channels by channelConfiguration (table 1.19); 0 is a program config element, the others are reserved.
_CHANNELS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}


@dataclass(slots=True, frozen=True, kw_only=True)
class AudioSpecificConfig:
    """How to decode an AAC stream. ISO/IEC 14496-3, 1.6.2.1."""

    audio_object_type: int
    """Of the core coder: 2 for AAC-LC, also when SBR or PS come on top."""
    sampling_frequency: int
    """Of the core coder, in hertz."""
    channel_configuration: int
    channels: int = 0
    """Channels of the core coder; taken from the configuration when left out."""
    frame_length: int = 1024
    """Samples of the core coder in one frame: 1024 or 960 (512 or 480 for low delay)."""
    sbr: bool = False
    """Spectral band replication is signalled."""
    ps: bool = False
    """Parametric stereo is signalled."""
    extension_frequency: int | None = None
    """Sampling frequency after spectral band replication, in hertz."""
    hierarchical: bool = False
    """The extension is signalled in front (object type 5 or 29), not in a backward compatible tail."""

    def __post_init__(self) -> None:
        if not self.channels:
            object.__setattr__(self, "channels", _CHANNELS.get(self.channel_configuration, 0))

    @property
    def codec_object_type(self) -> int:
        """The object type that a codecs parameter names: 29 or 5 when signalled, else the core coder's."""
        if self.ps:
            return AOT_PS
        return AOT_SBR if self.sbr else self.audio_object_type

    @classmethod
    def parse(cls, data: Buffer) -> "AudioSpecificConfig":
        """Read a configuration. Raises BitstreamError when it is cut short or of an unsupported object type."""
        reader = BitReader(bytes(data))
        object_type = _read_object_type(reader)
        frequency = _read_frequency(reader)
        channel_configuration = reader.u(4)
        sbr = ps = hierarchical = False
        extension: int | None = None
        if object_type in (AOT_SBR, AOT_PS):
            sbr, ps, hierarchical = True, object_type == AOT_PS, True
            extension = _read_frequency(reader)
            object_type = _read_object_type(reader)
            if object_type == _AOT_BSAC:
                reader.skip(4)  # extensionChannelConfiguration
        if object_type in _GENERAL_AUDIO:
            frame_length, channels = _read_general_audio(reader, object_type, channel_configuration)
        elif object_type == _AOT_ELD:
            # ELDSpecificConfig begins with frameLengthFlag; nothing that follows changes these facts.
            return cls(
                audio_object_type=object_type,
                sampling_frequency=frequency,
                channel_configuration=channel_configuration,
                channels=_known_channels(channel_configuration),
                frame_length=480 if reader.flag() else 512,
            )
        else:
            raise BitstreamError(f"audio object type {object_type} is not supported")
        if object_type in _RESILIENT and reader.u(2) > 1:
            raise BitstreamError("an epConfig above 1 is not supported")
        if not hierarchical and reader.remaining >= 16 and reader.u(11) == _SBR_SYNC:
            sbr, ps, extension = _read_tail(reader)
        return cls(
            audio_object_type=object_type,
            sampling_frequency=frequency,
            channel_configuration=channel_configuration,
            channels=channels,
            frame_length=frame_length,
            sbr=sbr,
            ps=ps,
            extension_frequency=extension,
            hierarchical=hierarchical,
        )

    def build(self) -> bytes:
        """Return the configuration as bytes, for object types 1 to 4 and channel configurations other than 0.

        Raises BitstreamError for others and for values out of range.
        """
        if self.audio_object_type not in (1, 2, 3, 4) or self.channel_configuration not in _CHANNELS:
            raise BitstreamError(
                f"no AudioSpecificConfig can be written for object type {self.audio_object_type} "
                f"with channel configuration {self.channel_configuration}"
            )
        if self.frame_length not in (1024, 960):
            raise BitstreamError(f"AAC frames have 1024 or 960 samples, not {self.frame_length}")
        fields: list[tuple[int, int]] = []
        core = _frequency_fields(self.sampling_frequency)
        extension = _frequency_fields(self.extension_frequency or self.sampling_frequency)
        if self.sbr and self.hierarchical:
            fields += [(AOT_PS if self.ps else AOT_SBR, 5), *core, (self.channel_configuration, 4)]
            fields += [*extension, (self.audio_object_type, 5)]
        else:
            fields += [(self.audio_object_type, 5), *core, (self.channel_configuration, 4)]
        fields += [(self.frame_length == 960, 1), (0, 2)]  # dependsOnCoreCoder, extensionFlag
        if self.sbr and not self.hierarchical:
            fields += [(_SBR_SYNC, 11), (AOT_SBR, 5), (1, 1), *extension]
            if self.ps:
                fields += [(_PS_SYNC, 11), (1, 1)]
        value = width = 0
        for field, bits in fields:
            value = value << bits | field
            width += bits
        padding = -width % 8
        return (value << padding).to_bytes((width + padding) // 8, "big")


@dataclass(slots=True, frozen=True)
class AdtsHeader:
    """The header of one ADTS frame. ISO/IEC 14496-3, 1.A.2.2."""

    audio_object_type: int
    sampling_frequency: int
    channel_configuration: int
    header_length: int
    """7 bytes, or 9 with a checksum."""
    frame_length: int
    """Bytes of the frame, header included."""
    raw_data_blocks: int
    """Number of AAC frames in it."""

    def config(self) -> AudioSpecificConfig:
        """Return the configuration of the stream. Raises BitstreamError when the channels are in the stream only."""
        if not self.channel_configuration:
            raise BitstreamError("the channels of this ADTS stream are described inside its frames")
        return AudioSpecificConfig(
            audio_object_type=self.audio_object_type,
            sampling_frequency=self.sampling_frequency,
            channel_configuration=self.channel_configuration,
        )


def parse_adts_header(data: Buffer) -> AdtsHeader:
    """Read the ADTS header at the start of ``data``. Raises BitstreamError when there is none."""
    if len(data) < 7:
        raise BitstreamError("an ADTS header is cut short")
    bits = int.from_bytes(data[:7], "big")
    if bits >> 44 != 0xFFF or bits >> 41 & 3:
        raise BitstreamError("no ADTS header: the sync word or the layer is wrong")
    index = bits >> 34 & 15
    if index >= len(SAMPLING_FREQUENCIES):
        raise BitstreamError(f"sampling frequency index {index} is reserved")
    header_length = 7 if bits >> 40 & 1 else 9
    frame_length = bits >> 13 & 0x1FFF
    if frame_length < header_length:
        raise BitstreamError(f"an ADTS frame of {frame_length} bytes is shorter than its header")
    return AdtsHeader(
        audio_object_type=1 + (bits >> 38 & 3),
        sampling_frequency=SAMPLING_FREQUENCIES[index],
        channel_configuration=bits >> 30 & 7,
        header_length=header_length,
        frame_length=frame_length,
        raw_data_blocks=1 + (bits & 3),
    )


def iter_adts(data: Buffer) -> Iterator[tuple[AdtsHeader, memoryview]]:
    """Yield the frames of an ADTS stream: header, and the AAC frame without it.

    Raises BitstreamError for a frame that is cut short or that carries several AAC frames, whose borders only
    a decoder can find.
    """
    view = memoryview(data)
    position = 0
    while position < len(view):
        header = parse_adts_header(view[position : position + 7])
        end = position + header.frame_length
        if end > len(view):
            raise BitstreamError("an ADTS frame is cut short")
        if header.raw_data_blocks != 1:
            raise BitstreamError(f"an ADTS frame carries {header.raw_data_blocks} AAC frames")
        yield header, view[position + header.header_length : end]
        position = end


def _read_object_type(reader: BitReader) -> int:
    object_type = reader.u(5)
    return 32 + reader.u(6) if object_type == 31 else object_type


def _read_frequency(reader: BitReader) -> int:
    index = reader.u(4)
    frequency = reader.u(24) if index == _ESCAPE_INDEX else 0
    if index < len(SAMPLING_FREQUENCIES):
        frequency = SAMPLING_FREQUENCIES[index]
    if not frequency:
        raise BitstreamError(f"sampling frequency index {index} is reserved, or the frequency is 0")
    return frequency


def _frequency_fields(frequency: int) -> list[tuple[int, int]]:
    if frequency in SAMPLING_FREQUENCIES:
        return [(SAMPLING_FREQUENCIES.index(frequency), 4)]
    if not 0 < frequency < 1 << 24:
        raise BitstreamError(f"a sampling frequency of {frequency} Hz is out of range")
    return [(_ESCAPE_INDEX, 4), (frequency, 24)]


def _known_channels(channel_configuration: int) -> int:
    if channel_configuration not in _CHANNELS:
        raise BitstreamError(f"channel configuration {channel_configuration} is not supported here")
    return _CHANNELS[channel_configuration]


def _read_general_audio(reader: BitReader, object_type: int, channel_configuration: int) -> tuple[int, int]:
    """GASpecificConfig(): samples a frame and number of channels. ISO/IEC 14496-3, 4.4.1."""
    short = reader.flag()
    if reader.flag():
        reader.skip(14)  # coreCoderDelay
    extended = reader.flag()
    channels = _known_channels(channel_configuration) if channel_configuration else _read_program_config(reader)
    if object_type in (_AOT_SCALABLE, _AOT_ER_SCALABLE):
        reader.skip(3)  # layerNr
    if extended:
        if object_type == _AOT_BSAC:
            reader.skip(16)
        elif object_type in (17, 19, _AOT_ER_SCALABLE, _AOT_LD):
            reader.skip(3)  # resilience of section data, scale factors and spectral data
        reader.skip(1)  # extensionFlag3
    if object_type == _AOT_LD:
        return 480 if short else 512, channels
    return 960 if short else 1024, channels


def _read_program_config(reader: BitReader) -> int:
    """program_config_element(): number of channels. ISO/IEC 14496-3, 4.4.1.1."""
    reader.skip(10)
    front, side, back, low = reader.u(4), reader.u(4), reader.u(4), reader.u(2)
    associated, coupling = reader.u(3), reader.u(4)
    for bits in (4, 4, 3):  # mono and stereo mixdown elements, matrix mixdown
        if reader.flag():
            reader.skip(bits)
    channels = low
    for _ in range(front + side + back):
        channels += 1 + reader.u(1)
        reader.skip(4)
    reader.skip(4 * low + 4 * associated + 5 * coupling)
    reader.skip(-reader.position % 8)
    reader.skip(8 * reader.u(8))  # comment
    if not channels:
        raise BitstreamError("a program config element has no channels")
    return channels


def _read_tail(reader: BitReader) -> tuple[bool, bool, int | None]:
    """The backward compatible signalling behind its first sync word: SBR, PS and the frequency after SBR."""
    if _read_object_type(reader) != AOT_SBR or not reader.flag():
        return False, False, None
    extension = _read_frequency(reader)
    ps = reader.remaining >= 12 and reader.u(11) == _PS_SYNC and reader.flag()
    return True, ps, extension
