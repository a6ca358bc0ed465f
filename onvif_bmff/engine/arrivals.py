"""What ties a source's media time to UTC: the camera's clock where it gives one that can be right, else arrival.

::

    samples ──► StampSteps ──► ArrivalEstimator ──┐
                 (is it one that goes on?)        ├──► SourceClock ──► ClockReading
    readings of the camera ──► CameraClock ───────┘

Pure: times of arrival are handed in, in seconds of a clock that only grows. Stamps and arrival are judged for each
track by itself: one track's clock can be set without the others.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import islice, pairwise

from onvif_bmff.engine.camera_clock import CameraClock
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
_DENSE, _FEW = 5, 6
"""Samples of each of which a minimum must be, on average, to tell a slope from their delays; minima that tell none."""
_STEEPEST = 0.5
"""Seconds a second by which a source may run fast or slow; what is more is no drift."""
_REORDERED, _REORDERING = 4, 1.0
"""Pictures that may come before one that is shown earlier, and seconds: cameras that send few pictures reorder none."""
_BACK, _AHEAD, _FIRST = 0.25, 0.25, 5.0
"""Seconds by which a stamp may lie before the last one, and ahead of what arrival and the usual spacing explain."""
_OUTLIERS, _LASTING = 5, 0.9
"""Samples that are off, and seconds, beyond which the source's clock is taken to have stepped.

A little less than the second after which a recorder decides, for whom the reading then is there.
"""
_QUICK, _SLOW = 1.0, 5.0
"""Seconds between two estimates while the source drifts, or has only begun, and when it does not."""
_DRIFTS, _YOUNG = 0.005, 10.0
"""Seconds a second by which a source drifts that does, and seconds of arrivals of one that has only begun."""
_SLACK = 0.02
_TOGETHER, _APART = 0.2, 5.0
"""Seconds by which estimates of two tracks may differ otherwise after one stepped, and at all while none did."""
_LIVE = 10.0
"""Seconds after which a track without samples says nothing of the others."""


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
    def has_samples(self) -> bool:
        """Whether there are any in the window."""
        return bool(self._minima)

    @property
    def age(self) -> float:
        """Seconds of arrivals that are in the window."""
        return self._minima[-1][0] - self._minima[0][0] if self._minima else 0.0

    def offset(self, arrival: float) -> float:
        """Return arrival less media time of what is not delayed, at the arrival of the newest sample or later."""
        part = self.age * _PART
        ripe = [one for one in self._minima if one[0] <= self._minima[-1][0] - part]
        begin = ripe[-1][0]
        level, slope = self._line(ripe, min(part, (begin - ripe[0][0]) / 3))
        self.slope = slope
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
        self.least = (0.0, 0.0)
        """Arrival and media time of the sample that came with the least delay since stamps are off."""
        self._count = 0
        self._usual = _FIRST

    @property
    def in_doubt(self) -> bool:
        """Whether the last sample was off, and it is not known yet whether that lasts."""
        return self._off is not None

    def goes_on(self, arrival: float, media: float) -> bool | None:
        """Return whether a sample goes on from those before it; None where a step has lasted and it begins anew."""
        here = (arrival, media)
        if self._good is None or self._follows(self._good, here, self._count * self._usual):
            if self._good is not None and media > self._good[1]:
                self._usual = media - self._good[1]
            self._good, self._off, self._count = here, None, 0
            return True
        if self._off is None or not self._follows(self._off, here):
            self._off_since, self._count, self.least = arrival, 0, here
        self._off, self.least = here, min(self.least, here, key=lambda one: one[0] - one[1])
        self._count += 1
        if self._count <= _OUTLIERS or arrival - self._off_since <= _LASTING:
            return False
        self._good, self._off, self._count = here, None, 0
        return None

    def _follows(self, before: tuple[float, float], here: tuple[float, float], passed: float = 0.0) -> bool:
        """Return whether a sample goes on from one before it; media of ``passed`` seconds lie between them."""
        longest, back = (
            max(here[0] - before[0], 1.5 * self._usual),
            max(_BACK, min(_REORDERED * self._usual, _REORDERING)),
        )
        return passed - back <= here[1] - before[1] <= longest + _AHEAD


class _Line:
    """What arrival says of one track.

    Args:
        timescale: of the track.
    """

    def __init__(self, timescale: int) -> None:
        self.timescale = timescale
        self.steps = StampSteps()
        self.estimator = ArrivalEstimator()
        self.begun = False
        """Whether it gave samples of media time 0 or later: those before came while the source was opened."""
        self.in_step = True
        """Whether it has the same media time as the source's other tracks."""
        self.stepped = False
        """Whether it, or the track that it is compared with, stepped since it was compared last."""
        self.apart = 0.0
        """Seconds by which it came later than the track that it is compared with, when it was in step with it last."""
        self.latest = 0.0
        self.given: float | None = None
        self.look_at = 0.0

    def is_live(self, arrival: float) -> bool:
        """Return whether samples of it came lately."""
        return self.estimator.has_samples and arrival - self.latest <= _LIVE

    def step(self) -> None:
        """Begin anew where its clock was set."""
        self.estimator.forget()
        self.given, self.stepped = None, True


class SourceClock:
    """Readings of one open source for recorders, from its samples and the readings that it gives itself.

    With ``auto`` the camera's clock counts while it gives readings that can be right (``CameraClock``), else arrival.

    Tracks are in step as they are stamped: one reading, of no track, holds for all. A track whose clock alone was set,
    or that lies more than five seconds apart from the first one of video, has no part in it until it is in step again;
    until then, and while that is in doubt, readings name a track for which they hold.

    Args:
        choice: whose clock to follow.
        tracks: of the source. Metadata do not count: they are stamped when something happened, and come later.
        utc: gives the instant of a time of arrival.
        slack: seconds by which an estimate must have changed; else the one before it is given again.
        before: the clock of the same open source as long as its tracks were not known; its camera's clock goes on.
        begin: the time of arrival at which the source was opened: its first readings come before all samples.
    """

    def __init__(
        self,
        choice: ClockChoice,
        tracks: Iterable[Track],
        utc: Callable[[float], UtcTime],
        slack: float = _SLACK,
        before: "SourceClock | None" = None,
        begin: float = 0.0,
    ) -> None:
        given = tuple(tracks)
        media = [track for track in given if track.type is not TrackType.METADATA] or given
        self._choice = choice
        self._utc = utc
        self._slack = slack
        self._timescales = {
            track.track_id: track.timescale
            for track in sorted(media, key=lambda track: track.type is not TrackType.VIDEO)
        }
        self._lines = self._made_lines()
        self.camera: CameraClock = CameraClock() if before is None else before.camera
        self._now = begin
        self._ahead: int | None = None

    @property
    def has_camera_time(self) -> bool:
        """Whether readings of the camera are followed."""
        return self.camera.followed or (self._choice is ClockChoice.CAMERA and self.camera.has_readings)

    @property
    def disbelieved(self) -> int:
        """Readings of the camera that cannot be right."""
        return self.camera.disbelieved

    def arrived(self, sample: Sample, arrival: float) -> ClockReading | None:
        """Take a sample and its time of arrival; return a reading every few seconds, or if it changed much.

        The first samples say nothing of arrival if they are before media time 0, when the first was asked for. Later on
        they are so where the clock of the source was set back.
        """
        self._now = arrival
        line = self._lines.get(sample.track_id)
        if line is None or self._choice is ClockChoice.CAMERA:
            return None
        line.begun = line.begun or sample.decode_time >= 0
        media = sample.decode_time / line.timescale
        if not line.begun:  # it came while the source was opened, and not now
            return None
        goes_on = line.steps.goes_on(arrival, media)
        if not self.camera.may_lapse(arrival, _WINDOW):
            return None if goes_on is not None else self._held_over(sample, line.timescale, arrival)
        if goes_on is False:
            return None
        if goes_on is None:
            self._step(line)
            line.estimator.add(*line.steps.least)  # the one that tells may be late
        line.estimator.add(arrival, media)
        line.latest = arrival
        if arrival < line.look_at and line.given is not None and arrival - media >= line.given - self._slack:
            return None
        found = self._look(line, arrival)
        if found is None and goes_on is None and any(one.steps.in_doubt for one in self._lines.values()):
            found = line.given  # all tracks may have stepped: what it says of this one tells
        if found is None or self.camera.is_followed(arrival):
            return None
        return self._reading(sample, line.timescale, self._utc(found + media))

    def _reading(self, sample: Sample, timescale: int, utc: UtcTime) -> ClockReading:
        """Return that a sample is of an instant by arrival: of its track alone, unless all are in step for certain."""
        in_step = all(one.in_step and not one.steps.in_doubt for one in self._lines.values())
        number, time = None if in_step else sample.track_id, Fraction(sample.decode_time, timescale)
        return ClockReading(number, time, utc, ClockOrigin.ARRIVAL)

    def _held_over(self, sample: Sample, timescale: int, arrival: float) -> ClockReading | None:
        """Return what the camera's clock says beside stamps that stepped: it goes on until it says something else."""
        if self._ahead is None:
            return None
        utc = self._utc(arrival).plus_microseconds(self._ahead)
        return ClockReading(sample.track_id, Fraction(sample.decode_time, timescale), utc, ClockOrigin.HELD_OVER)

    @property
    def drift(self) -> float | None:
        """Part by which the source runs fast (negative: slow), by arrivals; None if they are not followed or few."""
        if self.has_camera_time or self._choice is ClockChoice.CAMERA:
            return None
        line = next((one for one in self._lines.values() if one.given is not None), None)
        return None if line is None else -line.estimator.slope

    def read(self, reading: ClockReading, now: UtcTime) -> ClockReading | None:
        """Take a reading of the source at ``now``; return it if it is to be followed."""
        if self._choice is ClockChoice.ARRIVAL:
            return None
        if not self.camera.can_be_right(reading.utc, now):
            return None
        if not self.camera.read(self._now) and self._choice is ClockChoice.AUTO:
            return None
        self._ahead = reading.utc.microseconds_since(now)
        if any(line.estimator.has_samples for line in self._lines.values()):
            before, self._lines = self._lines, self._made_lines()  # what is estimated next begins anew
            for number, line in self._lines.items():
                line.begun = before[number].begun
        return reading

    def _made_lines(self) -> dict[int, _Line]:
        return {number: _Line(timescale) for number, timescale in self._timescales.items()}

    def _leading(self, arrival: float) -> _Line | None:
        """Return the line that others are compared with: the first one, of video if there is some, that is live."""
        return next((line for line in self._lines.values() if line.is_live(arrival)), None)

    def _step(self, line: _Line) -> None:
        if line is self._leading(line.latest):
            for other in self._lines.values():
                other.stepped = True
        line.step()

    def _look(self, line: _Line, arrival: float) -> float | None:
        """Return arrival less media time of the source; None from a track that is not in step with it."""
        leading = self._leading(arrival) or line
        offsets = {one: one.estimator.offset(arrival) for one in self._lines.values() if one.is_live(arrival)}
        self._compare(leading, offsets)
        hasty = abs(line.estimator.slope) > _DRIFTS or line.estimator.age < _YOUNG
        next_look = arrival + (_QUICK if hasty else _SLOW)
        if not line.in_step:
            line.look_at, line.given = next_look, offsets[line]
            return None
        together = [one for one in offsets if one.in_step]
        offset = min(offsets[one] for one in together)
        given = self._settled(leading.given, offset)
        for one in together:
            one.given, one.look_at = given, next_look
        return given

    def _compare(self, leading: _Line, offsets: Mapping[_Line, float]) -> None:
        """Note which tracks are in step with the one that leads, by the present estimates of all."""
        if not leading.in_step:  # the one that it was compared with is silent
            leading.in_step = True
            for one in self._lines.values():
                one.stepped, one.apart = True, 0.0
        for one, offset in offsets.items():
            if one is not leading:
                apart = offset - offsets[leading]
                if one.in_step and not one.stepped:
                    one.in_step = abs(apart) <= _APART
                else:
                    one.in_step = abs(apart - one.apart) <= _TOGETHER
                one.stepped = False
                if one.in_step:
                    one.apart = apart

    def _settled(self, given: float | None, offset: float) -> float:
        """Return an estimate, or the one before it if it has hardly changed."""
        return offset if given is None or abs(offset - given) > self._slack else given
