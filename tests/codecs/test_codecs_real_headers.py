"""Parameter sets of real files, against what the sample entries around them say."""

from onvif_bmff.codecs.av1.syntax import find_av1_sequence_header
from onvif_bmff.codecs.avc.slice import AvcSliceHeaders
from onvif_bmff.codecs.avc.syntax import parse_avc_sps
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders
from onvif_bmff.codecs.hevc.syntax import parse_hevc_sps, parse_hevc_vps
from onvif_bmff.errors import MediaError

ENTRY = 86  # bytes of a visual sample entry in front of its first box
ENTRIES = (b"avc1", b"avc3", b"hvc1", b"hev1", b"av01", b"encv")


def boxes(folder, tag):
    """(body, width, height) of every box that comes first in a visual sample entry."""
    seen = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.stat().st_size > 8 << 20:
            continue
        data = path.read_bytes()
        found = data.find(tag)
        while found >= 0:
            size = int.from_bytes(data[found - 4 : found], "big")
            body = data[found + 4 : found - 4 + size]
            entry = found - 4 - ENTRY
            if entry >= 0 and data[entry + 4 : entry + 8] in ENTRIES and body not in seen:
                seen.add(body)
                dimensions = [int.from_bytes(data[entry + at : entry + at + 2], "big") for at in (32, 34)]
                yield body, *dimensions
            found = data.find(tag, found + 4)


def take(body, position, count):
    units = []
    for _ in range(count):
        size = int.from_bytes(body[position : position + 2], "big")
        units.append(body[position + 2 : position + 2 + size])
        position += 2 + size
    return units, position


def test_avc(shared_media):
    agreed = 0
    for body, width, height in boxes(shared_media / "media", b"avcC"):
        sps, position = take(body, 6, body[5] & 31)
        pps, _ = take(body, position + 1, body[position])
        AvcSliceHeaders(sps, pps)
        for nal in sps:
            parsed = parse_avc_sps(nal)
            assert (parsed.profile_idc, parsed.level_idc) == (body[1], body[3])
            agreed += (parsed.width, parsed.height) == (width, height)
    assert agreed > 20


def test_hevc(shared_media):
    agreed = 0
    for body, width, height in boxes(shared_media / "media", b"hvcC"):
        units, position = [], 23
        for _ in range(body[22]):
            found, position = take(body, position + 3, int.from_bytes(body[position + 1 : position + 3], "big"))
            units += found
        by_type = {kind: [nal for nal in units if nal[0] >> 1 == kind] for kind in (32, 33, 34)}
        HevcSliceHeaders(by_type[33], by_type[34])
        for nal in by_type[32]:
            parse_hevc_vps(nal)
        for nal in by_type[33]:
            parsed = parse_hevc_sps(nal)
            profile = parsed.profile_tier_level
            assert profile.profile_idc == body[1] & 31
            assert profile.compatibility_flags.to_bytes(4, "big") == body[2:6]
            assert profile.constraint_flags.to_bytes(6, "big") == body[6:12]
            assert profile.level_idc == body[12]
            assert parsed.chroma_format_idc == body[16] & 3
            assert parsed.bit_depth_luma == 8 + (body[17] & 7)
            agreed += (parsed.width, parsed.height) == (width, height)
    assert agreed > 5


def test_av1(shared_media):
    agreed = 0
    for body, width, height in boxes(shared_media / "media", b"av1C"):
        header = find_av1_sequence_header(body[4:])
        if header is None:
            continue
        assert header.seq_profile << 5 | header.seq_level_idx == body[1]
        depth = (header.bit_depth > 8) << 6 | (header.bit_depth == 12) << 5
        chroma = header.subsampling[0] << 3 | header.subsampling[1] << 2 | header.chroma_sample_position
        assert header.seq_tier << 7 | depth | header.monochrome << 4 | chroma == body[2]
        agreed += (header.max_frame_width, header.max_frame_height) == (width, height)
    assert agreed > 5


def test_hostile_parameter_sets(shared_media):
    for tag, parse in ((b"avcC", parse_avc_sps), (b"hvcC", parse_hevc_sps), (b"av1C", find_av1_sequence_header)):
        for body, _, _ in boxes(shared_media / "hostile", tag):
            for start in range(min(len(body), 64)):
                try:
                    parse(body[start:])
                except MediaError:
                    continue
