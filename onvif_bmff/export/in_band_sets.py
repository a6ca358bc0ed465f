"""In-band parameter sets, for tracks whose spans have different ones. ISO/IEC 14496-15, 5.3.3, 8.3.3.

A further sample entry is sufficient, but many players read only the first one. With the sets also before each sync
sample, in sample entries that allow them there, such players work as well.
"""

from dataclasses import replace

from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.codecs import AvcCodec, HevcCodec, codec_of
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal_family import AVC, HEVC, nal_family_of
from onvif_bmff.media_kind import MediaKind

__all__ = ["in_band", "is_same_family", "parameter_sets", "with_parameter_sets"]


def in_band(codec: Codec) -> Codec:
    """Return the codec with a sample entry that allows in-band parameter sets; itself if there is none."""
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
    """Return whether both are of one NAL video family with a codec in this library."""
    before, after = old.sample_entry(), new.sample_entry()
    family = nal_family_of(before)
    return family is not None and before.type in family.own and after.type in family.own


def parameter_sets(codec: Codec) -> bytes:
    """Return the parameter sets of a codec as NAL units in a sample, with lengths; empty for codecs without."""
    if isinstance(codec, AvcCodec):
        sets = (*codec.sps, *codec.pps)
    elif isinstance(codec, HevcCodec):
        sets = (*codec.vps, *codec.sps, *codec.pps)
    else:
        return b""
    return b"".join([len(nal).to_bytes(4, "big") + nal for nal in sets])


def with_parameter_sets(data: bytes | memoryview, sets: bytes, codec: Codec) -> bytes:
    """Return a sample with parameter sets inserted at its start, after an access unit delimiter if there is one."""
    family = AVC if isinstance(codec, AvcCodec) else HEVC
    at = 4 + int.from_bytes(data[:4], "big") if family.unit_type(data, 4) == family.delimiter else 0
    return b"".join((data[:at], sets, data[at:]))
