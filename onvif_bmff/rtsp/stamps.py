"""The times of one stream: RTP's own stamps, evenly spaced as the camera counts, and what its reports say of UTC.

libavformat counts from 0 until the first RTCP sender report of a stream. From then on it moves the times with each
report, so that they follow the camera's wall clock, in steps. Here they go back to the RTP stamps: with the packet
behind a report come the report and the wall clock of the packet, and its stamp follows from both exactly. So spacing
stays, and what the wall clock does goes into ``ClockReading``. RFC 3550, 5.1, 6.4.1.

Of codings whose packets come without the report (JPEG in many RTP packets), the times stay libavformat's.
"""

import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

from onvif_bmff.errors import TimeError
from onvif_bmff.rtsp.stamp_jumps import StampJumps
from onvif_bmff.timing import UtcTime

__all__ = ["RtpStamps", "SenderReport", "wall_clock"]

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""
_RANGE = 1 << 32
_INTERVAL = 5
"""Seconds between two readings where packets come without the reports."""
_PATTERN = 16
"""The most pictures after which the order of pictures repeats."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """At RTP stamp ``rtp_time`` (32 bits) it was ``microseconds`` after 1970 by the camera's clock."""

    microseconds: Fraction
    rtp_time: int

    @classmethod
    def parse(cls, data: bytes) -> "SenderReport | None":
        """Read libavformat's ``AVRTCPSenderReport``, in the byte order of this machine; None if it is cut."""
        if len(data) < 20:
            return None
        _, ntp, rtp_time = struct.unpack_from("@IQI", data)
        return cls((Fraction(ntp, _RANGE) - _NTP_EPOCH) * 1_000_000, rtp_time)


def wall_clock(data: bytes) -> int | None:
    """Read libavformat's ``AVProducerReferenceTime``: microseconds after 1970, in this machine's byte order."""
    return int(struct.unpack_from("@q", data)[0]) if len(data) >= 8 else None


class RtpStamps:
    """Turns the times of a stream's packets into ticks that count as its RTP stamps do.

    ``alignment`` (ticks) is what is to be added to all of them, so that the tracks of a session are in step by their
    first reports; 0 as long as there was none. ``reading`` is the UTC of the last packet, if it came behind a report:
    its ticks as seconds, and the camera's wall clock.

    Args:
        timescale: ticks a second.
    """

    def __init__(self, timescale: int) -> None:
        self._timescale = timescale
        self._last: int | None = None
        self._steps = _Steps()
        self._offset = 0
        self._rtp_offset: int | None = None
        self._is_reported = False
        self._read_at: int | None = None
        self._jumps = StampJumps(timescale)
        self.alignment = 0
        self.reading: tuple[Fraction, UtcTime] | None = None

    @property
    def last(self) -> int | None:
        """The ticks of the last packet, without ``alignment``; None before the first."""
        return self._last

    @property
    def is_reported(self) -> bool:
        """Whether a report came."""
        return self._is_reported

    def read(
        self,
        pts: int,
        report: SenderReport | None = None,
        microseconds: int | None = None,
        *,
        continues: bool = False,
        leads: bool = False,
        at: float | None = None,
    ) -> int:
        """Return the ticks of a packet.

        Where stamps begin anew in the session, ticks go on: as usual, or by as much as passed until it came, if that
        is more than a second. The next report says how much it was.

        Args:
            pts: libavformat's time of it, in ticks.
            report: the sender report that came since the packet before it, if one did.
            microseconds: its wall clock after 1970, as far as it is known.
            continues: it is known to be of one access unit with the packet before it.
            leads: no other stream of the session had a report before; then libavformat moves nothing with it.
            at: when it came, in seconds of a clock that only grows.
        """
        self.reading = None
        self._jumps.arrived(at)
        if microseconds is not None:
            if report is not None:
                self._follow(pts, report, microseconds, continues=continues, leads=leads)
            elif not self._is_reported:
                self._align(pts, continues=continues, leads=leads)
        if self._jumps.see(pts + self._offset, self._last) and not continues:
            self._go_on(pts, report, microseconds)
        if microseconds is not None:
            ticks = pts + self._offset
            if report is not None or self._read_at is None or ticks - self._read_at >= _INTERVAL * self._timescale:
                self._read_at = ticks
                with suppress(TimeError):
                    self.reading = Fraction(ticks, self._timescale), UtcTime(microseconds)
        ticks = pts + self._offset
        if self._last is not None:
            self._steps.see(ticks - self._last)
        self._jumps.note(ticks, None if report is None else microseconds)
        self._last = ticks
        return ticks

    def _align(self, pts: int, *, continues: bool, leads: bool) -> int:
        """Let times go on over the first report, which moves libavformat's; return the ticks of its packet."""
        ticks = pts
        if self._last is not None and not leads:
            ticks = self._last if continues else self._last + self._steps.likely(pts - self._last)
        self.alignment = pts - ticks
        self._is_reported = True
        self._offset = ticks - pts
        return ticks

    def _follow(self, pts: int, report: SenderReport, microseconds: int, *, continues: bool, leads: bool) -> None:
        """Let times go on by RTP stamps, whatever a report made of libavformat's."""
        since = round((microseconds - report.microseconds) * self._timescale / 1_000_000)
        rtp = (report.rtp_time + since) % _RANGE
        if self._rtp_offset is None:
            ticks = pts + self._offset if self._is_reported else self._align(pts, continues=continues, leads=leads)
            self._rtp_offset = ticks - rtp
            return
        if self._jumps.is_anew and not continues:
            self._go_on(pts, report, microseconds)
            return
        expected = pts + self._offset - self._rtp_offset
        rtp = expected + (rtp - expected + _RANGE // 2) % _RANGE - _RANGE // 2
        self._offset = rtp + self._rtp_offset - pts

    def _go_on(self, pts: int, report: SenderReport | None, microseconds: int | None) -> None:
        """Let times go on where stamps have begun anew; from the first report on at the time that it says."""
        ticks = self._jumps.likely(self._steps.usual, None if report is None else microseconds)
        if report is not None and microseconds is not None:
            since = round((microseconds - report.microseconds) * self._timescale / 1_000_000)
            self._rtp_offset = ticks - (report.rtp_time + since) % _RANGE
        elif self._rtp_offset is not None:
            self._rtp_offset += ticks - pts - self._offset
        self._jumps.is_anew = report is None
        self._offset = ticks - pts


class _Steps:
    """The steps of a stream's times, to tell what one most likely was that cannot be known; all in ticks."""

    def __init__(self) -> None:
        self._steps: deque[int] = deque(maxlen=_PATTERN * 4)

    def see(self, step: int) -> None:
        """Note a step between two packets; 0 within an access unit, which is none."""
        if step:
            self._steps.append(step)

    @property
    def usual(self) -> int:
        """The average of all steps, reordered or not; 0 if there are none."""
        return round(sum(self._steps) / len(self._steps)) if self._steps else 0

    def likely(self, moved: int) -> int:
        """Return what a step was that is known but for the difference of two clocks, mostly a few milliseconds.

        Where steps repeat in a pattern, as those of pictures do, reordered or not, it is the next of the pattern. Else
        it is the nearest multiple of what all steps are multiples of.
        """
        steps = list(self._steps)
        if not moved or not steps:
            return moved
        for period in range(1, min(_PATTERN, len(steps) // 2) + 1):
            seen = min(len(steps) - period, period * 2)
            if steps[-seen:] == steps[-seen - period : -period]:
                is_loss = period == 1 and moved > steps[-1] and not moved % steps[-1]
                return moved if is_loss else steps[-period]
        unit = gcd(*steps)
        return round(moved / unit) * unit or unit
