"""NAL video for the tests of what must be protected: codecs as users write them, and samples of all shapes."""

import struct
from dataclasses import replace

import cenc_recordings as kit

from onvif_bmff.bmff import UnknownBox, VisualSampleEntry
from onvif_bmff.codecs.hevc.codec import HevcCodec
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.media.nal_family import AVC
from onvif_bmff.media.track import Sample, Track


def avc_entry(fourcc="avc1", length_size=4):
    entry = replace(kit.camera()[0][0].codec.sample_entry(), type=fourcc)
    children = [
        replace(child, length_size_minus_one=length_size - 1) if child.type == "avcC" else child
        for child in entry.children
    ]
    return replace(entry, children=tuple(children))


def plain_entry(fourcc):
    """A video entry without a configuration, of a type that the parser may not know."""
    known = VisualSampleEntry(type="mp4v", width=64, height=48)
    if isinstance(PassThroughCodec(replace(known, type=fourcc), "vide").sample_entry(), UnknownBox):
        return UnknownBox(type=fourcc, data=known.build()[8:])
    return replace(known, type=fourcc)


class Written:
    """A codec with the four members that docs/extending.md names; ``says`` is what it says of a sample."""

    def __init__(self, entry, says=None, media_type="Video"):
        self._entry, self._says, self.media_type = entry, says, media_type

    def sample_entry(self):
        return self._entry

    def codecs_parameter(self):
        return self._entry.type

    def protected_ranges(self, data):
        return self._says(data) if callable(self._says) else self._says


class WithFamily(Written):
    """The same, with a word on its NAL units."""

    def __init__(self, entry, says=None, family=AVC, **more):
        super().__init__(entry, says, **more)
        self.nal_family = family


def units(*bodies, length_size=4):
    code = {1: ">B", 2: ">H", 4: ">I"}[length_size]
    return b"".join(struct.pack(code, len(body)) + body for body in bodies)


def unit(kind, size, family=AVC, layer=0):
    """A NAL unit of a type with ``size`` bytes."""
    head = bytes([kind]) if family is AVC else bytes([kind << 1, layer << 3 | 1])
    return (head + bytes(7 * n % 251 + 1 for n in range(size)))[:size]


def hevc_codec():
    """A codec of H.265, 192 by 108 pixels."""
    sets = (
        "40010c01ffff01600000030090000003000003003c913024",
        "42010101600000030090000003000003003ca0182071f79644d2930bc05a02000007d20000ea6010",
        "4401c073c189",
    )
    return HevcCodec.from_parameter_sets(*([bytes.fromhex(one)] for one in sets))


def hevc_slice():
    return bytes.fromhex("2801ac2120ba04984cfca214fb78ddbb5e85469e64fdfca3") + bytes(range(1, 200))


def video_track(codec, number=1):
    return Track("VIDEO001", number, 1000, codec)


def pictures(*data, number=1):
    return [Sample(number, 1000 * n, 1000, one) for n, one in enumerate(data)]


def camera_pictures(count=60):
    """The first pictures of the clip, and its codec."""
    video = kit.camera()[0][0]
    return video, [one for one in kit.camera()[1] if one.track_id == video.track_id][:count]
