"""When a source that should give media gives none: how long to wait for it, by its own rhythm."""

from collections import deque
from collections.abc import Iterable
from statistics import median

from onvif_bmff.media.track import Sample, Track, TrackType

__all__ = ["SilenceWatch"]

_REMEMBERED = 16
"""Durations of which the median is the nominal one."""
_TIMES = 3
"""Nominal durations without media that are silence."""
_UNKNOWN = 6
"""How many times the limit a source may take whose rhythm is not known yet: one picture in a minute is usual, too."""


class SilenceWatch:
    """Knows since when a source has been silent, and whether that is too long.

    Media are video and sound. Metadata come when something happens, so they neither begin nor end a silence, and a
    source that has nothing else is never silent.

    Args:
        tracks: of the source.
        limit: seconds without media that are silence, unless three nominal durations of the quickest track are more.
        now: the present, in seconds that only grow.
        nominal: seconds that a sample lasts, if that is known from an earlier connection.
    """

    def __init__(self, tracks: Iterable[Track], limit: float, now: float, nominal: float | None = None) -> None:
        self._timescales = {track.track_id: track.timescale for track in tracks if track.type is not TrackType.METADATA}
        self._limit = limit
        self._nominal = nominal
        self._since = now
        self._latest: dict[int, int] = {}
        self._durations: dict[int, deque[int]] = {number: deque(maxlen=_REMEMBERED) for number in self._timescales}

    def saw(self, sample: Sample, now: float) -> None:
        """Note a sample that came at ``now``."""
        number = sample.track_id
        durations = self._durations.get(number)
        if durations is None:
            return
        self._since = now
        before, self._latest[number] = self._latest.get(number), sample.decode_time
        lasting = sample.duration or (0 if before is None else sample.decode_time - before)
        if lasting > 0:
            durations.append(lasting)

    @property
    def nominal(self) -> float | None:
        """Seconds that a sample of the quickest track lasts; None if that is not known."""
        found = [median(one) / self._timescales[number] for number, one in self._durations.items() if one]
        return min(found, default=self._nominal)

    def allowed(self) -> float:
        """Return how many seconds without media are no silence yet."""
        nominal = self.nominal
        return _UNKNOWN * self._limit if nominal is None else max(self._limit, _TIMES * nominal)

    def silent_for(self, now: float) -> float | None:
        """Return the seconds without media if they are too many; else None."""
        silent = now - self._since
        if not self._timescales or silent <= self._limit or silent <= self.allowed():
            return None
        return silent
