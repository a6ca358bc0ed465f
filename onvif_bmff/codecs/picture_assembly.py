"""Deliveries of NAL units, as cameras cut them, → whole access units.

Cameras set the RTP marker on each slice, or on each NAL unit; they send parameter sets, SEI and delimiters by
themselves, with the time of the picture before or after. What belongs together is seen from the time and from the
slice headers: a slice begins another access unit where its time is another, or its header says that its picture is
(H.264, 7.4.1.2.4; H.265, 7.4.2.4.5), and what comes before that slice and behind the last one of the picture before
belongs to it, as far as its type allows (H.264, 7.4.1.2.3; H.265, 7.4.2.4.4). Two fields of a frame at one time are
one sample.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from onvif_bmff.codecs.avc.picture import AvcPictureHeaders
from onvif_bmff.codecs.hevc.picture import HevcPictureHeaders
from onvif_bmff.codecs.hevc.syntax import SLICE_SEGMENTS, hevc_layer_id
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import Buffer
from onvif_bmff.media.nal_family import AVC, HEVC, NalFamily
from onvif_bmff.media.picture_order import PictureCodec, PictureHeader, PictureHeaders

__all__ = ["AssembledUnit", "PictureAssembly"]

_SLICES = {AVC: frozenset((1, 2, 5)), HEVC: SLICE_SEGMENTS}
_BEHIND = {
    AVC: frozenset((3, 4, 10, 11, 12, 19, 20, 21)),
    HEVC: frozenset((36, 37, 38, 40, *range(45, 48), *range(56, 64))),
}
"""Types that belong to the picture before them: ends, filler, suffix SEI, other views. Others announce the next."""
_MAX_UNITS = 4096
"""No access unit has more NAL units; what has is given out in parts."""


@dataclass(slots=True)
class AssembledUnit:
    """The NAL units of one access unit, and its ``time``: that of its first slice."""

    time: int
    units: list[bytes] = field(default_factory=list)


class PictureAssembly:
    """Puts the access units of one stream together; ``family`` is ``AVC`` or ``HEVC``.

    ``push`` takes what came at a time (presentation time, in any ticks) and returns the access units that are whole
    now; an access unit is known to be whole when the next one begins, or at ``flush``. ``codec`` gives parameter sets
    that are known beforehand.
    """

    __slots__ = ("_ahead", "_current", "_family", "_has_both_fields", "_has_first", "_headers", "_picture")

    def __init__(self, family: NalFamily, codec: PictureCodec | None = None) -> None:
        self._family = family
        self._headers: PictureHeaders = HevcPictureHeaders() if family is HEVC else AvcPictureHeaders()
        if codec is not None:
            self._headers = codec.picture_headers()
        self._current: AssembledUnit | None = None
        self._picture: PictureHeader | None = None
        self._has_first = self._has_both_fields = False
        self._ahead: list[bytes] = []

    def push(self, units: Iterable[Buffer], time: int) -> list[AssembledUnit]:
        """Take NAL units that came at a time; return the access units that they complete, nearly always one or none."""
        done: list[AssembledUnit] = []
        for unit in units:
            if len(unit):
                self._take(bytes(unit), time, done)
        return done

    def flush(self) -> list[AssembledUnit]:
        """Return what is left at the end: the last access unit, and units that were to go before another one."""
        current, ahead = self._current, self._ahead
        self._current, self._picture, self._ahead = None, None, []
        if current is None:
            return [AssembledUnit(0, ahead)] if ahead else []
        return [current, AssembledUnit(current.time, ahead)] if ahead else [current]

    def _take(self, unit: bytes, time: int, done: list[AssembledUnit]) -> None:
        kind, current = self._family.unit_type(unit, 0), self._current
        if kind in _SLICES[self._family] and not self._is_enhancement(unit):
            header = self._header(unit)
            if current is None or self._begins(current, header, unit, time):
                if current is not None:
                    done.append(current)
                current = self._current = AssembledUnit(time)
                self._has_first = self._has_both_fields = False
            self._has_first = self._has_first or (self._is_first(unit) if header is None else header.first)
            self._picture = header
            current.units += self._ahead
            current.units.append(unit)
            self._ahead.clear()
            return
        self._headers.update(unit)
        belongs_before = kind in _BEHIND[self._family] or self._is_enhancement(unit)
        if current is not None and belongs_before and not self._ahead:
            current.units.append(unit)
        else:
            self._ahead.append(unit)
        if len(self._ahead) >= _MAX_UNITS:
            done.append(AssembledUnit(time, self._ahead))
            self._ahead = []

    def _begins(self, current: AssembledUnit, header: PictureHeader | None, unit: bytes, time: int) -> bool:
        """Whether a slice is the first of another access unit."""
        if time != current.time or len(current.units) >= _MAX_UNITS:
            return True
        before = self._picture
        if header is None or before is None:
            return self._has_first and (self._is_first(unit) if header is None else header.first)
        if header.pairs_with(before) and not self._has_both_fields:
            self._has_both_fields, self._has_first = True, False
            return False
        return header.identity != before.identity or (header.first and self._has_first)

    def _header(self, unit: bytes) -> PictureHeader | None:
        try:
            return self._headers.read(unit)
        except BitstreamError:
            return None

    def _is_first(self, unit: bytes) -> bool:
        """Whether a slice whose header cannot be read says that it is the first of its picture."""
        place = self._family.header_size
        return len(unit) > place and unit[place] >= 0x80

    def _is_enhancement(self, unit: bytes) -> bool:
        return self._family is HEVC and len(unit) > 1 and hevc_layer_id(unit) > 0
