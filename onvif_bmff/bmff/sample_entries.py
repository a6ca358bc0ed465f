"""Sample entries: what the samples of a track are. ISO/IEC 14496-12, 8.5.2, 12; 14496-15."""

from typing import Annotated

from onvif_bmff.bmff.language.box import ContainerBox, FullBox
from onvif_bmff.bmff.language.declare import box, sample_entry
from onvif_bmff.bmff.language.probing import OptionalString, Probed, after_strings
from onvif_bmff.bmff.language.wire import S16, U16, U32, Bytes, Rest, String

__all__ = [
    "AudioSampleEntry",
    "EncryptedMetadataSampleEntry",
    "SamplingRateBox",
    "TextMetaDataSampleEntry",
    "UriBox",
    "UriInitBox",
    "UriMetaSampleEntry",
    "VisualSampleEntry",
    "XmlMetaDataSampleEntry",
    "XmlSubtitleSampleEntry",
]


@sample_entry(
    "avc1", "avc2", "avc3", "avc4", "hvc1", "hev1", "dvh1", "dvhe", "vvc1", "vvi1", "uncv", "av01", "vp08", "vp09",
    "mp4v", "mjpg", "mjpa", "mjpb", "jpeg", "s263", "png ", "apch", "apcn", "apcs", "apco", "ap4h", "encv",
)  # fmt: skip
class VisualSampleEntry(ContainerBox):
    """Video: size in pixels, then boxes with the codec's configuration. ISO/IEC 14496-12, 12.1.3."""

    type: str
    reserved: Annotated[bytes, Bytes(6)] = bytes(6)
    data_reference_index: U16 = 1
    pre_defined1: Annotated[bytes, Bytes(16)] = bytes(16)
    width: U16
    height: U16
    horizontal_resolution: U32 = 0x00480000
    vertical_resolution: U32 = 0x00480000
    reserved2: U32 = 0
    frame_count: U16 = 1
    compressor_name: Annotated[bytes, Bytes(32)] = bytes(32)
    depth: U16 = 0x18
    pre_defined2: S16 = -1


def _after_quicktime(view: memoryview, pos: int, end: int) -> tuple[int, ...]:
    return pos, pos + 16, pos + 36


@sample_entry(
    "mp4a", "Opus", "alaw", "ulaw", "ipcm", "fpcm", "sowt", "twos", "g726", "ac-3", "ec-3", "ac-4", "alac",
    "fLaC", "samr", "sawb", ".mp3", "lpcm", "in24", "in32", "fl32", "fl64", "raw ", "NONE", "ima4", "MAC3", "MAC6",
    "QDM2", "QDMC", "Qclp", "agsm", "ms\0\x02", "ms\0\x11", "ms\0\x55", "mha1", "mhm1", "iamf", "enca",
)  # fmt: skip
class AudioSampleEntry(ContainerBox):
    """Audio: channels and rate (16.16), then boxes with the codec's configuration. ISO/IEC 14496-12, 12.2.3.

    ``quicktime`` keeps the 16 or 36 bytes that versions 1 and 2 of QuickTime put before the boxes.
    """

    type: str
    reserved: Annotated[bytes, Bytes(6)] = bytes(6)
    data_reference_index: U16 = 1
    entry_version: U16 = 0
    reserved1: Annotated[bytes, Bytes(6)] = bytes(6)
    channel_count: U16 = 2
    sample_size: U16 = 16
    pre_defined: U16 = 0
    reserved2: U16 = 0
    sample_rate: U32 = 0
    quicktime: Annotated[bytes, Probed(_after_quicktime, rest=7)] = b""


@sample_entry("metx")
class XmlMetaDataSampleEntry(ContainerBox):
    """Timed metadata in XML. ISO/IEC 14496-12, 12.3.3. Some writers leave ``schema_location`` out (None)."""

    type: str = "metx"
    reserved: Annotated[bytes, Bytes(6)] = bytes(6)
    data_reference_index: U16 = 1
    content_encoding: String = ""
    namespace: String
    schema_location: Annotated[str | None, OptionalString()] = ""


@sample_entry("mett")
class TextMetaDataSampleEntry(ContainerBox):
    """Timed metadata in text. ISO/IEC 14496-12, 12.3.3."""

    type: str = "mett"
    reserved: Annotated[bytes, Bytes(6)] = bytes(6)
    data_reference_index: U16 = 1
    content_encoding: String = ""
    mime_format: String


@sample_entry("urim")
class UriMetaSampleEntry(ContainerBox):
    """Timed metadata named by a URI. ISO/IEC 14496-12, 12.3.3."""

    type: str = "urim"
    reserved: Annotated[bytes, Bytes(6)] = bytes(6)
    data_reference_index: U16 = 1


@sample_entry("stpp")
class XmlSubtitleSampleEntry(ContainerBox):
    """Subtitles in XML. ISO/IEC 14496-12, 12.6.3."""

    type: str = "stpp"
    reserved: Annotated[bytes, Bytes(6)] = bytes(6)
    data_reference_index: U16 = 1
    namespace: String
    schema_location: Annotated[str | None, OptionalString()] = ""
    auxiliary_mime_types: Annotated[str | None, OptionalString()] = ""


@sample_entry("encm", "encu", "enct")
class EncryptedMetadataSampleEntry(ContainerBox):
    """Protected metadata, subtitles or text. ISO/IEC 14496-12, 8.12.

    The original entry's strings lie before the boxes, but what they mean is known only from the sinf among the
    boxes; ``original_fields`` keeps them as bytes.
    """

    type: str
    reserved: Annotated[bytes, Bytes(6)] = bytes(6)
    data_reference_index: U16 = 1
    original_fields: Annotated[bytes, Probed(after_strings(3))] = b""


@box("uri ")
class UriBox(FullBox):
    """The URI of metadata. ISO/IEC 14496-12, 12.3.3."""

    the_uri: String


@box("uriI")
class UriInitBox(FullBox):
    """Initialisation data of metadata. ISO/IEC 14496-12, 12.3.3."""

    data: Rest = b""


@box("srat")
class SamplingRateBox(FullBox):
    """Sampling rate above 65,535 Hz. ISO/IEC 14496-12, 12.2.3."""

    sampling_rate: U32
