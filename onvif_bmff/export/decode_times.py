"""Other decode times for stored fragments, in the same number of bytes: for servers that send ranges of objects.

``tfdt`` of version 1 has 64 bits, so that any time fits where another one was. ISO/IEC 14496-12, 8.8.12.
"""

from collections.abc import Iterator, Mapping

from onvif_bmff.bmff import read_box_header
from onvif_bmff.errors import BoxError, MediaError

__all__ = ["shift_decode_times"]

_INSIDE = (b"moof", b"traf")
_WIDTHS = {0: 4, 1: 8}


def shift_decode_times(data: bytes | bytearray | memoryview, ticks: int | Mapping[int, int]) -> bytearray:
    """Return whole fragments with decode times that are later by ``ticks``; sizes and all else stay.

    Args:
        data: top-level boxes of an object, such as a subsegment; boxes other than ``moof`` are kept.
        ticks: how much later, in ticks of the track; or by track_ID, where tracks that are not named stay.

    Raises:
        BoxError: these are no boxes, or one is truncated.
        MediaError: a decode time becomes negative, or too large for its box (32 bits in version 0).
    """
    made = bytearray(data)
    view = memoryview(made)
    track_id = 0
    for name, body, end in _boxes(view, 0, len(view)):
        if name == b"tfhd":
            track_id = _number(view, body + 4, 4, end)
        elif name == b"tfdt":
            width = _WIDTHS.get(view[body] if body < end else 0)
            if width is None:
                raise BoxError("a version that is not known", path="/moof/traf/tfdt", offset=body)
            change = ticks if isinstance(ticks, int) else ticks.get(track_id, 0)
            time = _number(view, body + 4, width, end) + change
            if not 0 <= time < 1 << 8 * width:
                raise MediaError(f"track {track_id}: a decode time of {time} ticks does not fit {width} bytes")
            view[body + 4 : body + 4 + width] = time.to_bytes(width, "big")
    return made


def _boxes(view: memoryview, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start of the content and end of the boxes, those in moof and traf after these."""
    position = start
    while position < stop:
        header = read_box_header(view, position, stop)
        if header is None or header[2] < header[1]:
            raise BoxError("no box begins here", offset=position)
        name, body, end, _ = header
        if end > stop:
            raise BoxError(f"the box runs {end - stop} bytes past its end", offset=position)
        yield name, body, end
        if name in _INSIDE:
            yield from _boxes(view, body, end)
        position = end


def _number(view: memoryview, position: int, size: int, end: int) -> int:
    if position + size > end:
        raise BoxError("the box is too short", offset=position)
    return int.from_bytes(view[position : position + size], "big")
