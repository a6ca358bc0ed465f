"""JPEG frame headers."""

import pytest

from onvif_bmff.codecs.jpeg.syntax import parse_jpeg
from onvif_bmff.errors import BitstreamError


def segment(marker, body):
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


SOF = bytes((8, 0, 240, 1, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1))
SOI, SOS = b"\xff\xd8", segment(0xDA, bytes(10))


class TestJpeg:
    def test_frame(self):
        tables = segment(0xDB, bytes(65)) + segment(0xC4, bytes(20))
        frame = parse_jpeg(SOI + segment(0xE0, b"JFIF\0") + tables + b"\xff\xff" + segment(0xC0, SOF) + SOS)
        assert (frame.width, frame.height, frame.precision) == (320, 240, 8)
        assert frame.components == ((1, 2, 2), (2, 1, 1), (3, 1, 1))
        assert frame.baseline
        assert frame.complete

    def test_abbreviated_and_progressive(self):
        frame = parse_jpeg(SOI + b"\xff\x01" + segment(0xC2, SOF) + SOS)
        assert frame.process == 2
        assert not frame.baseline
        assert not frame.complete

    @pytest.mark.parametrize(
        "image",
        [
            b"",
            b"\xff\xd9",
            SOI,
            SOI + SOS,
            SOI + b"\0" * 9,
            SOI + segment(0xC0, SOF),
            SOI + segment(0xC0, SOF) * 2 + SOS,
            SOI + segment(0xC0, SOF[:-1]) + SOS,
            SOI + segment(0xC0, SOF[:4]) + SOS,
            SOI + segment(0xC0, b"\x08\0\0" + SOF[3:]) + SOS,
            SOI + segment(0xC0, SOF[:7] + b"\x02" + SOF[8:]) + SOS,
            SOI + b"\xff\xe0\0\1" + SOS,
            SOI + b"\xff\xe0\xff\xff" + SOS,
            SOI + b"\xff\xd9" + SOS,
        ],
    )
    def test_broken_images(self, image):
        with pytest.raises(BitstreamError):
            parse_jpeg(image)
