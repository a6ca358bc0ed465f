"""Clips that FFmpeg encodes, as access units in decoding order, and what it says of their pictures."""

import json
import subprocess
from dataclasses import dataclass

from onvif_bmff.media.nal import split_annex_b
from onvif_bmff.media.nal_family import AVC, HEVC, NalFamily

CLIP = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=2")
BF2 = ("-bf", "2", "-b_strategy", "0")
AVC_CODER = ("-c:v", "libx264", "-preset", "ultrafast", "-bsf:v", "h264_metadata=aud=insert", "-f", "h264")
HEVC_CODER = ("-c:v", "libx265", "-preset", "ultrafast", "-f", "hevc", "-x265-params")
CLIPS = {
    "avc-bf0": (AVC, (*AVC_CODER, "-bf", "0", "-g", "12")),
    "avc-bf2": (AVC, (*AVC_CODER, *BF2, "-g", "12")),
    "avc-bf3-pyramid": (AVC, (*AVC_CODER, "-bf", "3", "-b_strategy", "0", "-x264-params", "b-pyramid=normal")),
    "avc-slices": (AVC, (*AVC_CODER, *BF2, "-x264-params", "slices=4")),
    "avc-open-gop": (
        AVC, (*AVC_CODER, *BF2, "-g", "12", "-x264-params", "open-gop=1:scenecut=0"),
    ),
    "avc-refresh": (AVC, (*AVC_CODER, "-bf", "0", "-g", "12", "-x264-params", "intra-refresh=1")),
    "avc-refresh-bf2": (AVC, (*AVC_CODER, *BF2, "-g", "12", "-x264-params", "intra-refresh=1")),
    "avc-intra": (AVC, (*AVC_CODER, "-bf", "0", "-g", "1", "-x264-params", "slices=3")),
    "avc-interlaced": (AVC, (*AVC_CODER, *BF2, "-flags", "+ildct+ilme")),
    "hevc-bf0": (HEVC, (*HEVC_CODER, "log-level=none:aud=1:bframes=0:keyint=12")),
    "hevc-bf2": (HEVC, (*HEVC_CODER, "log-level=none:aud=1:bframes=2:b-adapt=0:keyint=12:open-gop=0")),
    "hevc-bf3-open": (HEVC, (*HEVC_CODER, "log-level=none:aud=1:bframes=3:b-adapt=0:b-pyramid=1:keyint=12:open-gop=1")),
    "hevc-slices": (HEVC, (*HEVC_CODER, "log-level=none:aud=1:bframes=2:b-adapt=0:slices=3")),
}  # fmt: skip
"""NAL family, and FFmpeg's arguments, of clips of 50 pictures."""


@dataclass
class Clip:
    """One clip: its access units, and the place of each among the pictures shown, as FFmpeg's decoder has it."""

    name: str
    family: NalFamily
    units: list[list[bytes]]
    ranks: list[int]


def read_clip(make_clip, name: str) -> Clip:
    family, arguments = CLIPS[name]
    path = make_clip(f"{name}.bits", (*CLIP, *arguments))
    units: list[list[bytes]] = []
    for unit in split_annex_b(path.read_bytes()):
        if family.unit_type(unit, 0) == family.delimiter:
            units.append([])
        units[-1].append(unit)
    command = ["ffprobe", "-v", "error", "-show_entries", "frame=pkt_pos", "-of", "json", path]
    shown = [int(frame["pkt_pos"]) for frame in json.loads(subprocess.check_output(command))["frames"]]
    assert len(shown) == len(units)
    decoded = {position: place for place, position in enumerate(sorted(shown))}
    ranks = [0] * len(shown)
    for rank, position in enumerate(shown):
        ranks[decoded[position]] = rank
    return Clip(name, family, units, ranks)
