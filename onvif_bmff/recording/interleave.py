"""Several tracks in one span: their samples in an order in which each cut of the leading track is clean.

A multiplexed fragment begins with a sync sample of the leading track, at some time T. No other track's sample before
T may come after it, and none from T on before it, or two segments would hold media of one moment. So samples of
other tracks wait for the leading one, and its sync samples wait for the others: until they have reached T, or at
the latest until the leading track has a whole GOP waiting. What comes later still goes into the next fragment.

A track that leads in place of a silent one stays somewhat behind: when that one is back, at some time T, which is known
only when it has been sent and the sample after it too, nothing from T on may be in the span that ends there.
"""

from collections import deque
from collections.abc import Mapping, Sequence

from onvif_bmff.errors import InvariantError
from onvif_bmff.media.track import Sample

__all__ = ["Interleaver"]

_NEVER = -1 << 80
"""Earlier than any time: what a track that never came has reached."""


class Interleaver:
    """Orders the samples of several tracks; ``push`` and ``close`` return those that may be stored.

    ``order`` names the tracks, the one to lead first; ``factors`` turn a track's ticks into common ones;
    ``patience`` is how far, in common ticks, a track may fall behind the newest sample before nobody waits for it
    and the next one takes the lead. A track that leads in place of another one is kept ``lag`` behind, in common ticks.
    ``lead_id`` tells who leads now; the first ``led_before`` samples of the last ``push`` were released while the track
    that has lost the lead with it still had it. A track that leads in place of the first one has been released up to
    ``led_until``.
    """

    __slots__ = (
        "_blocked", "_factors", "_lag", "_latest", "_newest", "_order", "_patience", "_waiting",
        "lead_id", "led_before", "led_until",
    )  # fmt: skip

    def __init__(self, order: Sequence[int], factors: Mapping[int, int], patience: int, lag: int = 0) -> None:
        self._order = tuple(order)
        self._factors = dict(factors)
        self._patience = patience
        self._lag = lag
        self._latest: dict[int, int] = {}
        self._newest: int | None = None
        self._waiting: dict[int, deque[tuple[int, Sample]]] = {track_id: deque() for track_id in order}
        self._blocked: deque[tuple[int, Sample]] = deque()
        self.lead_id = self._order[0]
        self.led_before = 0
        self.led_until = _NEVER

    def push(self, sample: Sample, shift: int = 0) -> list[Sample]:
        """Take a sample (``shift`` ticks are added to its decode time); return what may be stored now, in order."""
        track_id = sample.track_id
        time = (sample.decode_time + shift) * self._factors[track_id]
        self._latest[track_id] = time
        newest = self._newest
        if newest is None or time > newest:
            self._newest = newest = time
        first_id = self._order[0]
        out: list[Sample] = []
        if track_id != self.lead_id:
            self._waiting[track_id].append((time, sample))
            since = self._latest.get(first_id)
            if self.lead_id != first_id or since is None or newest - since > self._patience:
                self._elect(out)
        else:
            if sample.sync and self._blocked and self.lead_id == first_id:
                self._release_blocked(out)
            self._blocked.append((time, sample))
        if self.lead_id != first_id:
            self._stay_behind(out)
        elif not self._blocked:
            self._release_before(self._latest.get(first_id, _NEVER) + 1, out)
        else:
            self._advance(out)
        return out

    def close(self) -> list[Sample]:
        """Return all samples that wait."""
        out: list[Sample] = []
        self._release_blocked(out)
        self._release_before(None, out)
        return out

    def _advance(self, out: list[Sample]) -> None:
        """Release the samples of the first track as far as the others allow, and theirs as far as it has come."""
        time, first = self._blocked[0]
        if first.sync and not self._reached(time):
            self._release_before(time, out)
            return
        self._release_blocked(out)
        self._release_before(self._latest.get(self.lead_id, _NEVER) + 1, out)

    def _stay_behind(self, out: list[Sample]) -> None:
        """Release the samples of a track that leads in place of a silent one, but the newest, and the others'."""
        self.led_until = until = (self._newest or 0) - self._lag
        self._release_blocked(out, until)
        self._release_before(min(until, self._latest.get(self.lead_id, until)) + 1, out)

    def _reached(self, time: int) -> bool:
        """Tell whether every track that is alive has come to ``time``, or nobody needs to wait for it."""
        newest = self._newest or 0
        for track_id in self._order:
            if track_id != self.lead_id:
                latest = self._latest.get(track_id)
                if latest is None:
                    continue
                if latest < time and newest - latest <= self._patience:
                    return False
        return True

    def _release_blocked(self, out: list[Sample], until: int | None = None) -> None:
        """Release the leading track's samples, those up to ``until`` if it is given, and before each the others'."""
        while self._blocked and (until is None or self._blocked[0][0] <= until):
            time, sample = self._blocked.popleft()
            self._release_before(time, out)
            out.append(sample)

    def _release_before(self, time: int | None, out: list[Sample]) -> None:
        for track_id in self._order:
            waiting = self._waiting[track_id]
            while waiting and (time is None or waiting[0][0] < time):
                out.append(waiting.popleft()[1])

    def _elect(self, out: list[Sample]) -> None:
        """Give the lead to the first track that is alive."""
        newest = self._newest
        if newest is None:
            raise InvariantError("a track is to lead before any sample came")
        for track_id in self._order:
            latest = self._latest.get(track_id)
            since = latest if latest is not None else self._oldest_waiting()
            if since is None or newest - since > self._patience:
                continue
            if track_id == self.lead_id or latest is None:
                return
            back = self._waiting[track_id]
            returns = bool(back) and self._order.index(track_id) < self._order.index(self.lead_id)
            self._release_blocked(out, back[0][0] - 1 if returns else None)
            self._waiting[self.lead_id].extend(self._blocked)
            self.lead_id, self.led_before = track_id, len(out)
            self._blocked = back
            self._waiting[track_id] = deque()
            return

    def _oldest_waiting(self) -> int | None:
        return min((waiting[0][0] for waiting in self._waiting.values() if waiting), default=None)
