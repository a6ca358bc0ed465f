"""By how much a clock was set back, so that a span may reach into the next one, and by no more.

Three things date media too late until it is known better: samples that are late where a track of a connection begins
(nothing tells what of the arrival is delay, and of tracks that lie far apart that of pictures counts), stamps of a
camera that are ahead for a while, and a clock of the device's that is ahead of what it is set to, or of that of the
camera. What is thus known later sets the time back, in new spans.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from onvif_bmff.timing import UtcTime
from tests.simulate.cameras import Given
from tests.simulate.oracle import Stored

__all__ = ["Corrections", "late_begins", "overlap_of", "overlaps_of"]

_OVERLAP = re.compile(r"an earlier span has a sample at (\S+), after the beginning of this one at (\S+)")
_SLACK = 0.5
"""Seconds that are not worth a correction, and drift within a span."""


def overlap_of(message: str) -> tuple[UtcTime, UtcTime] | None:
    """Return the time of a sample in an earlier span and the later one's beginning, if a finding is about that."""
    found = _OVERLAP.match(message)
    return None if found is None else (UtcTime.parse(found[1]), UtcTime.parse(found[2]))


def late_begins(given: Sequence[Given], sparse: set[int], until: float) -> list[tuple[float, float, float]]:
    """Return between which times of capture all may be dated too late, and by how much, as a track began with a delay.

    It is not known until a sample of it comes in time, and followed so many seconds later (docs/time.md).
    """
    found = []
    sessions: dict[int, list[Given]] = defaultdict(list)
    for one in given:
        if one.track not in sparse:
            sessions[one.session].append(one)
    for its in sessions.values():
        least = min(one.at - one.captured for one in its)
        for track in {one.track for one in its}:
            mine = [one for one in its if one.track == track]
            late = mine[0].at - mine[0].captured - least
            in_time = next((one.at for one in mine if one.at - one.captured - least < _SLACK), mine[-1].at)
            if late > _SLACK:
                found.append((its[0].captured, in_time + until, late))
    return found


def overlaps_of(stored: Sequence[Stored], key: str) -> Iterator[tuple[UtcTime, UtcTime, str]]:
    """Yield what spans of its tracks that do not begin after that of a first object have in common with it, by media.

    Of each such pair that is the time of the latest sample of the one that was captured first, when the other one
    begins, and the key of that.
    """
    spans: dict[str, list[Stored]] = defaultdict(list)
    for one in stored:
        spans[one.span].append(one)
    mine = spans.pop(key, [])
    start = min((one.shown for one in mine), default=0)
    for other, its in spans.items():
        begin = min(one.shown for one in its)
        tracks = {one.track for one in mine} & {one.track for one in its}
        if begin > start or not tracks:
            continue
        number = min(one.number for one in its if one.track in tracks)
        if number > max(one.number for one in mine if one.track in tracks):  # captured later, and dated earlier
            yield UtcTime(max(one.shown for one in mine)), UtcTime(begin), other
        else:
            yield UtcTime(max(one.shown for one in its)), UtcTime(start), key


def _fall(values: Sequence[float]) -> float:
    """Return by how much a later value is less than an earlier one, at most."""
    highest, most = values[0], 0.0
    for value in values:
        highest = max(highest, value)
        most = max(most, highest - value)
    return most


class Corrections:
    """What a camera's clock and that of the device may be set back by.

    Args:
        given: what the camera gave.
        sparse: its tracks whose arrival tells nothing.
        ahead: how far the device's clock was ahead, from the beginning and from each jump on.
        drift: seconds that the device's clock gains, or loses, in all.
        camera: how far the camera's clock is ahead, if it tells that.
    """

    def __init__(
        self, given: Iterable[Given], sparse: set[int], ahead: Sequence[float], drift: float, camera: float | None
    ) -> None:
        self._sessions: dict[tuple[int, int], int] = {}
        stamps: dict[int, list[float]] = {}
        delays: dict[int, list[float]] = {}
        first: dict[tuple[int, int], float] = {}
        for one in given:
            self._sessions[one.track, one.number] = one.session
            stamps.setdefault(one.session, []).append(one.stamp - one.captured)
            if one.track not in sparse:
                delays.setdefault(one.session, []).append(one.at - one.captured)
                first.setdefault((one.session, one.track), one.at - one.captured)
        self._stamps = {session: max(found) - min(found) for session, found in stamps.items()}
        self._late = {
            session: max(delay for (its, _), delay in first.items() if its == session) - min(found)
            for session, found in delays.items()
        }
        self._clocks = _fall(ahead)
        if camera is not None:
            self._clocks = max(self._clocks, max(ahead) - camera, camera - min(ahead))
        self._clocks += abs(drift)

    def explain(self, earlier: UtcTime, start: UtcTime, key: str, stored: Sequence[Stored]) -> bool:
        """Return whether a span that begins with an object may begin before an ``earlier`` sample of another one.

        ``stored`` is all that its recording has. What dated an earlier sample may be any connection up to that of the
        span.
        """
        sessions = {self._sessions[one.track, one.number] for one in stored if one.span == key}
        if not sessions:
            return False
        last = max(sessions)
        dated = [self._late.get(one, 0.0) + stamps for one, stamps in self._stamps.items() if one < last]
        most = self._stamps[last] + max([self._late.get(last, 0.0), *dated]) + self._clocks + _SLACK
        return earlier.microseconds_since(start) / 1e6 <= most
