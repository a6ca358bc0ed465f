"""The frame header of a JPEG image: ITU-T T.81 (ISO/IEC 10918-1), Annex B."""

from dataclasses import dataclass

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import Buffer

__all__ = ["JpegFrame", "parse_jpeg"]

_SOI, _EOI, _SOS, _DHT, _DQT, _JPG, _DAC, _TEM = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xC8, 0xCC, 0x01


@dataclass(slots=True, frozen=True)
class JpegFrame:
    """What stands in front of the first scan of an image."""

    width: int
    height: int
    precision: int
    """Bits a sample."""
    components: tuple[tuple[int, int, int], ...]
    """Identifier, horizontal and vertical sampling factor of every component."""
    process: int
    """n of the SOFn marker: 0 for baseline."""
    has_quantization_tables: bool
    has_huffman_tables: bool

    @property
    def baseline(self) -> bool:
        """Whether it is coded with the baseline sequential process."""
        return self.process == 0

    @property
    def complete(self) -> bool:
        """Whether it brings its own tables; abbreviated images of a stream do not. T.81, B.5."""
        return self.has_quantization_tables and self.has_huffman_tables


def parse_jpeg(image: Buffer) -> JpegFrame:
    """Read the markers of an image up to its first scan.

    Raises BitstreamError when it is no JPEG image, is cut short, has no frame header or leaves its height open.
    """
    data = bytes(image[:2])
    if data != bytes((0xFF, _SOI)):
        raise BitstreamError("a JPEG image does not begin with SOI")
    position, size = 2, len(image)
    frame: tuple[int, int, int, int, tuple[tuple[int, int, int], ...]] | None = None
    tables: set[int] = set()
    while True:
        if position + 4 > size or image[position] != 0xFF:
            raise BitstreamError(f"no JPEG marker at byte {position}")
        marker = image[position + 1]
        if marker == 0xFF or marker == _TEM or 0xD0 <= marker < _SOI:
            position += 1 if marker == 0xFF else 2  # fill bytes and markers that stand alone
            continue
        if marker in (0, _SOI, _EOI):
            raise BitstreamError(f"JPEG marker {marker:#04x} in front of the first scan")
        end = position + 2 + int.from_bytes(image[position + 2 : position + 4], "big")
        if end < position + 4 or end > size:
            raise BitstreamError(f"a JPEG segment at byte {position} is cut short")
        segment = bytes(image[position + 4 : end])
        if marker == _SOS:
            break
        if marker in (_DHT, _DQT):
            tables.add(marker)
        elif 0xC0 <= marker <= 0xCF and marker not in (_JPG, _DAC):
            if frame is not None:
                raise BitstreamError("a JPEG image has two frame headers")
            frame = (marker - 0xC0, *_parse_frame_header(segment))
        position = end
    if frame is None:
        raise BitstreamError("a JPEG image has no frame header")
    process, precision, height, width, components = frame
    return JpegFrame(width, height, precision, components, process, _DQT in tables, _DHT in tables)


def _parse_frame_header(segment: bytes) -> tuple[int, int, int, tuple[tuple[int, int, int], ...]]:
    """Precision, height, width and components. T.81, B.2.2."""
    if len(segment) < 6 or len(segment) != 6 + 3 * segment[5]:
        raise BitstreamError("a JPEG frame header has the wrong length")
    height = int.from_bytes(segment[1:3], "big")
    width = int.from_bytes(segment[3:5], "big")
    components = tuple((segment[at], segment[at + 1] >> 4, segment[at + 1] & 15) for at in range(6, len(segment), 3))
    if not width or not height or not components:
        raise BitstreamError(f"a JPEG image of {width} by {height} samples is not possible")
    if not all(1 <= h <= 4 and 1 <= v <= 4 for _, h, v in components):
        raise BitstreamError("a JPEG sampling factor is outside 1 to 4")
    return segment[0], height, width, components
