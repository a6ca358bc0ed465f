"""What a stream of a container is, and how its packets become samples."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from onvif_bmff.codecs import AacCodec, AvcAccessUnits, G711Codec, HevcAccessUnits, OpusCodec, OpusHead
from onvif_bmff.errors import MediaError
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.rtsp.av1_units import Av1Units
from onvif_bmff.rtsp.media_units import (
    AacUnits,
    Assembler,
    DocumentUnits,
    G711Units,
    JpegUnits,
    NalUnits,
    OpusUnits,
)

__all__ = ["StreamInfo", "assembler_for", "kind_of", "need_sessions"]

_log = logging.getLogger(__name__)

_LAWS = {"pcm_mulaw": "ulaw", "pcm_alaw": "alaw"}
_KINDS = {"video": MediaKind.VIDEO, "audio": MediaKind.AUDIO, "data": MediaKind.METADATA}


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What libavformat says of a stream.

    Args:
        index: its number in the container, from 0.
        type: "video", "audio", "data", ….
        codec: libavcodec's name of the codec; empty if it has none.
        time_base: seconds a tick.
        extradata: the codec's configuration, in the form of the container.
        sample_rate: hertz; 0 where it is not known.
        channels: of sound; 0 where they are not known.
        language: three letters of ISO 639-2.
        packetised: payloads are those of RTP, and may be pieces of access units.
        session: which one of those that the source consists of, from 0.
        tells_shown: packets tell when pictures are shown, which those of AVI and of bare NAL units do not.
    """

    index: int
    type: str
    codec: str
    time_base: Fraction
    extradata: bytes = b""
    sample_rate: int = 0
    channels: int = 0
    language: str = "und"
    packetised: bool = True
    session: int = 0
    tells_shown: bool = True

    @property
    def timescale(self) -> int:
        """Ticks a second, in which all times of the stream are whole numbers."""
        return self.time_base.denominator


def kind_of(info: StreamInfo) -> MediaKind | None:
    """Return the kind of media of a stream; None for subtitles, attachments and the like."""
    return _KINDS.get(info.type)


def assembler_for(info: StreamInfo) -> Assembler | None:
    """Return what makes samples of a stream's packets; None if its coding cannot be recorded."""
    whole = not info.packetised
    match info.codec:
        case "h264":
            return NalUnits(_avc(info), whole=whole)
        case "hevc":
            return NalUnits(_hevc(info), whole=whole)
        case "mjpeg":
            return JpegUnits()
        case "av1":
            return Av1Units(whole=whole)
        case "pcm_mulaw" | "pcm_alaw":
            rate = info.sample_rate or info.timescale
            return G711Units(G711Codec(_LAWS[info.codec], rate, info.channels or 1))
        case "opus":
            return OpusUnits(_opus(info), info.timescale)
        case "aac":
            return AacUnits(AacCodec.from_config(info.extradata) if info.extradata else None, info.timescale)
        case "" if info.type == "data" and info.packetised:
            return DocumentUnits()
    return None


def _opus(info: StreamInfo) -> OpusCodec:
    if info.extradata.startswith(b"OpusHead"):
        return OpusCodec.from_head(info.extradata)
    return OpusCodec.from_head(OpusHead(info.channels or 2, pre_skip=0, input_sample_rate=48_000, output_gain=0))


def _avc(info: StreamInfo) -> AvcAccessUnits:
    try:
        return AvcAccessUnits.from_avcc(info.extradata) if info.extradata else AvcAccessUnits()
    except MediaError as error:
        _log.info("a stream's parameter sets cannot be read, and those in it are waited for: %s", error)
        return AvcAccessUnits()


def _hevc(info: StreamInfo) -> HevcAccessUnits:
    try:
        return HevcAccessUnits.from_hvcc(info.extradata) if info.extradata else HevcAccessUnits()
    except MediaError as error:
        _log.info("a stream's parameter sets cannot be read, and those in it are waited for: %s", error)
        return HevcAccessUnits()


def need_sessions(streams: Sequence[StreamInfo]) -> bool:
    """Return whether the video needs a session of its own.

    Where a packet of another stream comes between two of one picture of AV1, libavformat loses what came of that, and
    all up to the next key frame.
    """
    return len(streams) > 1 and any(info.packetised and info.codec == "av1" for info in streams)
