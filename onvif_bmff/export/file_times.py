"""Times of a recording as times in an exported file."""

from bisect import bisect_right, insort

from onvif_bmff.errors import MediaError, OnvifBmffError
from onvif_bmff.playback.gate import SAME_TIME
from onvif_bmff.playback.left_out import cause_of
from onvif_bmff.playback.recorded import RecordedSegment
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection
from onvif_bmff.timing import UtcTime

__all__ = ["Cuts", "FileTimes"]

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_LEAD_IN = 50_000
"""Microseconds by which a sample may begin before the leading track does."""


class Cuts:
    """The times in which nothing was recorded, and by how much cutting them out moves later times.

    Those of up to ``kept`` microseconds stay. ``first`` and ``last`` are the instants between which there may be media,
    by keys (µs since 1970); a segment of unknown end may last a day.
    """

    def __init__(self, selection: Selection, seeker: Seeker, *, strict: bool, kept: int = SAME_TIME) -> None:
        covered: list[tuple[int, int]] = []
        for parts in selection.parts.values():
            for part in parts:
                for run in part.runs():
                    segments = run.span.segments
                    last = segments[run.stop - 1]
                    end = last.end if last.end is not None else _end_of(last, seeker, strict=strict)
                    covered.append((segments[run.first].start.microseconds, end.microseconds))
        if not covered:
            raise MediaError("there is nothing to export")
        covered.sort()
        lasts = [parts[-1].span.segments[parts[-1].stop - 1] for parts in selection.parts.values() if parts]
        self.first = covered[0][0]
        self.last = max(one.start.microseconds + _DAY if one.end is None else one.end.microseconds for one in lasts)
        self._ends: list[int] = []
        self._totals: list[int] = []
        reach, total = covered[0][1], 0
        for begin, over in covered:
            if begin > reach + kept:
                total += begin - reach
                self._ends.append(begin - SAME_TIME)
                self._totals.append(total)
            reach = max(reach, over)

    def before(self, microseconds: int) -> int:
        """Return how much is cut out before a time, in microseconds."""
        index = bisect_right(self._ends, microseconds)
        return self._totals[index - 1] if index else 0

    def restored(self, microseconds: int) -> int:
        """Return the time that ``before`` moved to ``microseconds``: the opposite."""
        kept = [end - total for end, total in zip(self._ends, self._totals, strict=True)]
        index = bisect_right(kept, microseconds)
        return microseconds + (self._totals[index - 1] if index else 0)


def _end_of(segment: RecordedSegment, seeker: Seeker, *, strict: bool) -> UtcTime:
    """Return the end of a segment; where it is damaged and not ``strict``, its start."""
    try:
        return seeker.end(segment)
    except OnvifBmffError as error:
        if strict or cause_of(error) is None:
            error.about(segment.name)
            raise
        return segment.start


class FileTimes:
    """Maps times of the recording to times in the file.

    ``floor`` is when the leading track begins, in microseconds since 1970. The file begins then, or with a sample of
    another track up to 50 ms before. With a ``margin`` (µs) it begins on a full second, at least so much earlier.
    """

    def __init__(
        self, selection: Selection, cuts: Cuts | None, floor: int | None, *, exact: bool = False, margin: int = 0
    ) -> None:
        self._selection = selection
        self._cuts = cuts
        self._floor = floor
        self._exact = exact
        self._margin = margin
        self._origin = 0
        self._leap_seconds: list[int] = []

    def begin(self, microseconds: int) -> None:
        """Set the beginning of the file, given the decode time of its first sample."""
        floor = self._floor
        if floor is not None and not floor - _LEAD_IN <= microseconds <= floor:
            microseconds = floor
        if self._margin:
            microseconds = (microseconds - self._margin) // _SECOND * _SECOND
        self._origin = microseconds

    def cut_before(self, microseconds: int) -> int:
        """Return how much is cut out before a time, in microseconds."""
        return self._cuts.before(microseconds) if self._cuts is not None else 0

    def leap_second(self, midnight: int) -> None:
        """Note that a leap second was inserted before a midnight, in microseconds: later times are a second later."""
        if midnight not in self._leap_seconds and midnight > self._origin:
            insort(self._leap_seconds, midnight)

    def ticks_at(self, microseconds: int, timescale: int, shown: int | None = None) -> int:
        """Return the time in the file of a time of the recording, in ticks, rounded to the nearest.

        ``shown``: when a sample that is decoded then is presented, which says what is cut out before it.
        """
        elapsed = microseconds - self._origin - self.cut_before(microseconds if shown is None else shown)
        elapsed += bisect_right(self._leap_seconds, microseconds) * _SECOND
        return (2 * elapsed * timescale + _SECOND) // (2 * _SECOND)

    def utc_at(self, ticks: int, timescale: int) -> UtcTime:
        """Return the instant of a time in the file, in ticks."""
        time = self._origin + (2 * ticks * _SECOND + timescale) // (2 * timescale)
        for number, midnight in reversed(list(enumerate(self._leap_seconds, 1))):
            if time - number * _SECOND >= midnight - self.cut_before(midnight):
                time -= number * _SECOND
                break
        return UtcTime(time if self._cuts is None else self._cuts.restored(time))

    def presented_from(self, timescale: int) -> int:
        """Return the time in the file at which the presentation begins, in ticks."""
        start = self._selection.start
        if not self._exact or start is None:
            return 0
        return (start.microseconds - self._origin) * timescale // _SECOND

    def presented_until(self, timescale: int) -> int | None:
        """Return the time in the file at which the presentation ends, in ticks; None: with the last sample."""
        return self.selected_end(timescale) if self._exact else None

    def selected_end(self, timescale: int) -> int | None:
        """Return the time in the file of the end of the selection, in ticks; None if it has no end."""
        end = self._selection.end
        if end is None:
            return None
        return (end.microseconds - self._origin - self.cut_before(end.microseconds)) * timescale // _SECOND
