"""AV1 units and sequence headers."""

from fractions import Fraction

import pytest
from support_bits import BitWriter

from onvif_bmff.codecs.av1.syntax import find_av1_sequence_header, iter_obus, parse_av1_sequence_header
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.vui import ColourInfo


class TestAv1:
    def test_units(self):
        data = bytes((0x12, 0, 0x0A, 0x83, 0x00)) + b"abc" + bytes((0x34, 0x48)) + b"rest"
        found = list(iter_obus(data))
        assert [(item.obu_type, item.start, item.payload, item.end) for item in found] == [
            (2, 0, 2, 2),
            (1, 2, 5, 8),
            (6, 8, 10, 14),
        ]
        assert (found[2].temporal_id, found[2].spatial_id, found[2].has_size) == (2, 1, False)
        assert found[1].has_size

    @pytest.mark.parametrize(
        "data",
        [b"\x80\0", b"\x13\0", b"\x16", b"\x12", b"\x12\x80", b"\x12\1", b"\x12" + b"\xff" * 8, b"\x12" + b"\x80" * 9],
    )
    def test_broken_units(self, data):
        with pytest.raises(BitstreamError):
            list(iter_obus(data))

    def test_sequence_headers_of_encoders(self):
        # libaom, 8 bits, and libsvtav1, 10 bits; 352 by 288
        aom = find_av1_sequence_header(bytes.fromhex("12000a0e00000004457e3e6d7c8808080820"))
        assert (aom.seq_profile, aom.bit_depth, aom.monochrome) == (0, 8, False)
        assert (aom.max_frame_width, aom.max_frame_height) == (352, 288)
        assert aom.colour == ColourInfo(1, 1, 1, full_range=False)
        svt = find_av1_sequence_header(bytes.fromhex("12000a0b00000004457e3e7dfca020"))
        assert (svt.seq_profile, svt.bit_depth, svt.monochrome) == (0, 10, False)
        assert (svt.max_frame_width, svt.max_frame_height) == (352, 288)
        assert find_av1_sequence_header(b"\x12\0") is None

    def _write(self, profile=0, *, reduced=False, timing=False, colour=None, depth=8, mono=False, sub=(1, 1)):
        out = BitWriter()
        out.u(3, profile)
        out.flag(reduced)
        out.flag(reduced)
        if reduced:
            out.u(5, 9)
        else:
            if out.flag(timing):
                out.u(32, 1001)
                out.u(32, 60000)
                out.flag(1)
                out.ue(1)
                out.flag(1)
                out.u(5, 9)
                out.u(32, 1)
                out.u(10, 0)
            out.flag(1)
            out.u(5, 1)
            for level in (9, 4):
                out.u(12, 0x101)
                out.u(5, level)
                if level > 7:
                    out.flag(1)
                if timing:
                    out.flag(1)
                    out.u(21, 0)
                out.flag(1)
                out.u(4, 3)
        out.u(4, 10)
        out.u(4, 9)
        out.u(11, 1919)
        out.u(10, 799)
        if not reduced:
            out.flag(1)
            out.u(7, 5)
        out.u(3, 0)
        if not reduced:
            out.u(4, 0)
            out.flag(1)
            out.u(2, 0)
            out.flag(0)
            out.flag(1)
            out.flag(0)
            out.flag(1)
            out.u(3, 6)
        out.u(3, 0)
        out.flag(depth > 8)
        if profile == 2 and depth > 8:
            out.flag(depth == 12)
        if profile != 1:
            out.flag(mono)
        if out.flag(colour):
            for value in colour:
                out.u(8, value)
        if mono:
            out.flag(1)
        elif colour != (1, 13, 0):
            out.flag(1)
            if profile == 2 and depth == 12:
                out.u(1, sub[0])
                if sub[0]:
                    out.u(1, sub[1])
            if sub == (1, 1):
                out.u(2, 2)
        if not mono:
            out.flag(0)
        out.flag(1)
        out.trailing()
        return out.bytes()

    @pytest.mark.parametrize("reduced", [False, True])
    @pytest.mark.parametrize("timing", [False, True])
    @pytest.mark.parametrize(
        ("profile", "depth", "mono", "sub", "colour"),
        [
            (0, 8, False, (1, 1), None),
            (0, 10, True, (1, 1), (1, 1, 1)),
            (1, 10, False, (0, 0), (9, 16, 9)),
            (1, 8, False, (0, 0), (1, 13, 0)),
            (2, 10, False, (1, 0), None),
            (2, 12, False, (1, 1), (9, 18, 9)),
            (2, 12, False, (1, 0), None),
            (2, 12, False, (0, 0), None),
        ],
    )
    def test_sequence_header(self, reduced, timing, profile, depth, mono, sub, colour):
        header = parse_av1_sequence_header(
            self._write(profile, reduced=reduced, timing=timing, colour=colour, depth=depth, mono=mono, sub=sub)
        )
        assert (header.max_frame_width, header.max_frame_height) == (1920, 800)
        assert (header.seq_level_idx, header.seq_tier) == (9, 0 if reduced else 1)
        assert header.initial_presentation_delay == (None if reduced else 4)
        assert header.frame_rate == (Fraction(60000, 2002) if timing and not reduced else None)
        assert (header.bit_depth, header.monochrome, header.subsampling) == (depth, mono, sub)
        assert header.colour == ColourInfo(*(colour or (2, 2, 2)), True)
        assert header.chroma_sample_position == (2 if sub == (1, 1) and not mono else 0)
        assert header.still_picture == reduced

    def test_broken_sequence_headers(self):
        whole = self._write()
        for size in range(len(whole) - 1):
            with pytest.raises(BitstreamError):
                parse_av1_sequence_header(whole[:size])
        with pytest.raises(BitstreamError, match="seq_profile"):
            parse_av1_sequence_header(b"\x60" + bytes(20))
        with pytest.raises(BitstreamError, match="still"):
            parse_av1_sequence_header(b"\x08" + bytes(20))
