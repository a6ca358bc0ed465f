"""What ties a source's media time to UTC: the camera's clock where it gives one that can be right, else arrival.

::

    samples ──► StampSteps ──► ArrivalEstimator ──┐
                 (is it one that goes on?)        ├──► SourceClock ──► ClockReading
    readings of the camera ───────────────────────┘

Pure: times of arrival are handed in, in seconds of a clock that only grows.
"""

from collections import deque
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import islice, pairwise

from onvif_bmff.media.clock_reading import ClockOrigin, ClockReading
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.timing import UtcTime

__all__ = ["ArrivalEstimator", "SourceClock", "StampSteps", "media_epoch"]

_WINDOW, _LEAST, _LONGEST = 40.0, 40, 900.0
"""Seconds of arrivals that an estimate is made of; more, if that is fewer minima than so many, but never so long."""
_BUCKET = 1.0
_PART = 0.25
"""Part of the window before its end from which on the estimate follows the line before that."""
_DENSE = 5
"""Samples of each of which a minimum must be, on average, to tell a slope from their delays."""
_FEW = 6
"""Minima of which no slope can be told."""
_STEEPEST = 0.5
"""Seconds a second by which a source may run fast or slow; what is more is no drift."""
_REORDERED = 4
"""Pictures that may come before one that is shown earlier."""
_BACK, _AHEAD, _FIRST = 0.25, 0.25, 5.0
"""Seconds by which a stamp may lie before the last one, and ahead of what arrival and the usual spacing explain."""
_OUTLIERS, _LASTING = 5, 1.0
"""Samples that are off, and seconds, beyond which the source's clock is taken to have stepped."""
_DAY = 86_400 * 1_000_000
_EARLIEST = UtcTime.parse("2000-01-01T00:00:00Z")
_QUICK, _SLOW = 1.0, 5.0
"""Seconds between two estimates while the source drifts, or has only begun, and when it does not."""
_DRIFTS = 0.005
_YOUNG = 10.0
_SLACK = 0.02


def media_epoch(reading: ClockReading) -> UtcTime:
    """Return the instant of media time 0 by a reading."""
    time = reading.media_time
    return reading.utc.plus_ticks(-time.numerator, time.denominator)


class ArrivalEstimator:
    """Estimates at which time of arrival media time 0 was, from a window of both.

    Networks and cameras delay samples, and never hurry them: arrival less media time lies on a line or above it. That
    line is flat, or slopes as the source's clock drifts against that of the arrivals. It is found as the lower convex
    envelope of the minima of each second, and goes on over the last quarter of the window, whose samples may all be
    late: they may lower it, and raise it later.
    """

    def __init__(self) -> None:
        self._minima: deque[tuple[float, float]] = deque()
        self._counts: deque[int] = deque()
        self.slope = 0.0
        """Seconds a second by which the source ran slow (negative: fast) at the last estimate."""

    def add(self, arrival: float, media: float) -> None:
        """Take the time of arrival and the media time of a sample, in seconds."""
        minima, offset = self._minima, arrival - media
        if minima and arrival // _BUCKET == minima[-1][0] // _BUCKET:
            self._counts[-1] += 1
            if offset < minima[-1][1]:
                minima[-1] = (arrival, offset)
            return
        minima.append((arrival, offset))
        self._counts.append(1)
        while arrival - minima[0][0] > _WINDOW and (len(minima) > _LEAST or arrival - minima[0][0] > _LONGEST):
            minima.popleft()
            self._counts.popleft()

    @property
    def age(self) -> float:
        """Seconds of arrivals that are in the window."""
        return self._minima[-1][0] - self._minima[0][0] if self._minima else 0.0

    def offset(self, arrival: float) -> float:
        """Return arrival less media time of what is not delayed, at the arrival of the newest sample or later."""
        part = self.age * _PART
        ripe = [one for one in self._minima if one[0] <= self._minima[-1][0] - part]
        level, slope = self._line(ripe, part)
        self.slope = slope
        begin = ripe[-1][0]
        young = (y + slope * (begin - x) for x, y in islice(self._minima, len(ripe), None))
        return min([level, *young]) + slope * (arrival - begin)

    def _line(self, ripe: list[tuple[float, float]], part: float) -> tuple[float, float]:
        """Return the height of the lower line at the end of some minima, and its slope; flat if that is only noise."""
        lowest, end = min(y for _, y in ripe), ripe[-1][0]
        if len(ripe) < _FEW or sum(self._counts) < _DENSE * len(self._counts):
            return lowest, 0.0
        hull = _envelope(ripe)
        level = _height(hull, end - part)
        slope = (level - _height(hull, end - 2 * part)) / part
        noise = sum(y - _height(hull, x) for x, y in ripe) / len(ripe)
        if abs(slope) > _STEEPEST or abs(slope) * part < noise:
            return lowest, 0.0
        return level + slope * part, slope

    def forget(self) -> None:
        """Begin anew."""
        self._minima.clear()
        self._counts.clear()
        self.slope = 0.0


def _envelope(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the lower convex envelope of points, from left to right."""
    hull: list[tuple[float, float]] = []
    for x, y in points:
        while len(hull) > 1:
            (x0, y0), (x1, y1) = hull[-2], hull[-1]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    return hull


def _height(hull: list[tuple[float, float]], at: float) -> float:
    """Return the height of an envelope at a place within it."""
    for (left, low), (right, high) in pairwise(hull):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return hull[-1][1]


class StampSteps:
    """Tells the stamps of a track that go on from those that are off, and when a step has lasted.

    Up to five samples, or a second, that are off are outliers. More of them are a step: the source's clock was set.
    """

    def __init__(self) -> None:
        self._good: tuple[float, float] | None = None
        self._off: tuple[float, float] | None = None
        self._off_since = 0.0
        self._count = 0
        self._usual = _FIRST

    def goes_on(self, arrival: float, media: float) -> bool | None:
        """Return whether a sample goes on from those before it; None where a step has lasted and it begins anew."""
        here = (arrival, media)
        if self._good is None or self._follows(self._good, here, self._count * self._usual):
            if self._good is not None and media > self._good[1]:
                self._usual = media - self._good[1]
            self._good, self._off, self._count = here, None, 0
            return True
        if self._off is None or not self._follows(self._off, here):
            self._off_since, self._count = arrival, 0
        self._off = here
        self._count += 1
        if self._count <= _OUTLIERS or arrival - self._off_since <= _LASTING:
            return False
        self._good, self._off, self._count = here, None, 0
        return None

    def _follows(self, before: tuple[float, float], here: tuple[float, float], passed: float = 0.0) -> bool:
        """Return whether a sample goes on from one before it; media of ``passed`` seconds lie between them."""
        longest, back = max(here[0] - before[0], 1.5 * self._usual), max(_BACK, _REORDERED * self._usual)
        return passed - back <= here[1] - before[1] <= longest + _AHEAD


class SourceClock:
    """Readings of one open source for recorders, from its samples and the readings that it gives itself.

    With ``auto`` the camera's clock counts from its first reading on that can be right, and arrival until then.

    Args:
        choice: whose clock to follow.
        tracks: of the source. Metadata do not count: they are stamped when something happened, and come later.
        utc: gives the instant of a time of arrival.
        slack: seconds by which an estimate must have changed; else the one before it is given again.
    """

    def __init__(
        self,
        choice: ClockChoice,
        tracks: Iterable[Track],
        utc: Callable[[float], UtcTime],
        slack: float = _SLACK,
    ) -> None:
        given = tuple(tracks)
        media = [track for track in given if track.type is not TrackType.METADATA] or given
        self._choice = choice
        self._utc = utc
        self._slack = slack
        self._timescales = {track.track_id: track.timescale for track in media}
        self._steps = {track.track_id: StampSteps() for track in media}
        self._estimator = ArrivalEstimator()
        self._given: float | None = None
        self._look_at = 0.0
        self.has_camera_time = False
        """Whether a reading of the camera is followed."""
        self.disbelieved = 0
        """Readings of the camera that cannot be right."""

    def arrived(self, sample: Sample, arrival: float) -> ClockReading | None:
        """Take a sample and its time of arrival; return a reading every few seconds, or if it changed much.

        Samples before media time 0, when the first was asked for, say nothing of arrival.
        """
        timescale = self._timescales.get(sample.track_id)
        if timescale is None or self.has_camera_time or self._choice is ClockChoice.CAMERA:
            return None
        media = sample.decode_time / timescale
        if media < 0:  # it came while the source was opened, and not now
            return None
        goes_on = self._steps[sample.track_id].goes_on(arrival, media)
        if goes_on is False:
            return None
        estimator = self._estimator
        if goes_on is None:
            estimator.forget()
            self._given, self._look_at = None, 0.0
        estimator.add(arrival, media)
        if arrival < self._look_at and self._given is not None and arrival - media >= self._given - self._slack:
            return None
        offset = estimator.offset(arrival)
        hasty = abs(estimator.slope) > _DRIFTS or estimator.age < _YOUNG
        self._look_at = arrival + (_QUICK if hasty else _SLOW)
        if self._given is None or abs(offset - self._given) > self._slack:
            self._given = offset
        time = Fraction(sample.decode_time, timescale)
        return ClockReading(None, time, self._utc(self._given + media), ClockOrigin.ARRIVAL)

    @property
    def drift(self) -> float | None:
        """Part by which the source runs fast (negative: slow), by arrivals; None if they are not followed or few."""
        follows = not self.has_camera_time and self._choice is not ClockChoice.CAMERA
        return -self._estimator.slope if follows and self._given is not None else None

    def read(self, reading: ClockReading, now: UtcTime) -> ClockReading | None:
        """Take a reading of the source; return it if it is to be followed."""
        if self._choice is ClockChoice.ARRIVAL:
            return None
        if reading.utc < _EARLIEST or abs(reading.utc.microseconds_since(now)) > _DAY:
            self.disbelieved += 1
            return None
        self.has_camera_time = True
        return reading
