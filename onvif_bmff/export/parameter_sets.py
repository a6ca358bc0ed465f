"""Parameter sets in band, for tracks whose spans have different ones. ISO/IEC 14496-15, 5.3.3, 8.3.3.

Another sample entry says all that is needed, but many players look at the first one only. With the sets before each
sync sample as well, in entries that allow them there, all of them can follow.
"""

from dataclasses import replace

from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.codecs import AvcCodec, HevcCodec, codec_of
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal_family import nal_family_of
from onvif_bmff.media_kind import MediaKind

__all__ = ["in_band", "is_same_family", "parameter_sets", "with_parameter_sets"]

_AVC_DELIMITER, _HEVC_DELIMITER = 9, 35


def in_band(codec: Codec) -> Codec:
    """The codec with a sample entry that allows parameter sets in samples; itself if there is no such thing."""
    entry = codec.sample_entry()
    family = nal_family_of(entry)
    if family is None or entry.type != family.with_sets or not isinstance(entry, VisualSampleEntry):
        return codec
    return (
        codec_of(replace(entry, type=family.in_band), handler=MediaKind.VIDEO.handler)
        if parameter_sets(codec)
        else codec
    )


def is_same_family(old: Codec, new: Codec) -> bool:
    """Whether both are of one family of NAL video that this library has a codec for, with sets in band or not."""
    before, after = old.sample_entry(), new.sample_entry()
    family = nal_family_of(before)
    return family is not None and before.type in family.own and after.type in family.own


def parameter_sets(codec: Codec) -> bytes:
    """The parameter sets of a codec's sample entry as they stand in a sample; empty for codecs without."""
    if isinstance(codec, AvcCodec):
        sets = (*codec.sps, *codec.pps)
    elif isinstance(codec, HevcCodec):
        sets = (*codec.vps, *codec.sps, *codec.pps)
    else:
        return b""
    return b"".join([len(nal).to_bytes(4, "big") + nal for nal in sets])


def with_parameter_sets(data: bytes | memoryview, sets: bytes, codec: Codec) -> bytes:
    """A sample with parameter sets in front, behind an access unit delimiter if it begins with one."""
    at = 0
    if len(data) > 4:
        first = data[4]
        is_delimiter = (
            first & 31 == _AVC_DELIMITER if isinstance(codec, AvcCodec) else first >> 1 & 63 == _HEVC_DELIMITER
        )
        if is_delimiter:
            at = 4 + int.from_bytes(data[:4], "big")
    return b"".join((data[:at], sets, data[at:]))
