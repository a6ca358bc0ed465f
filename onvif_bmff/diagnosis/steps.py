"""The steps of time of one track: which of them are not those before, and what that was."""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from statistics import median

from onvif_bmff.diagnosis.episodes import SHAKEN, Episode, Verdict, judge, levelled, shaken, uneven_spacing
from onvif_bmff.diagnosis.observation import Fault
from onvif_bmff.diagnosis.place_line import PlaceLine

__all__ = ["Steps"]

_KNOWN = 8
"""Steps before the spacing of a track is known."""
_FIRST, _FEW, _ODD = 16, 5, 2
"""Steps at the beginning that are looked at together, at least, and of them how many may be off, or a third."""
_APART = 60.0
"""Seconds from the first sample to the second beyond which the first one is off."""
_BEFORE = 100
"""Samples behind such as are spaced unevenly that may be so as well."""
_SMALL = (Fault.STEP_BACK, Fault.OUTLIER, Fault.GAP)
"""What unevenness looks like where little is known of it."""

_First = tuple[float, float, float]


def _usual_of(steps: Sequence[float]) -> float | None:
    """The usual step of a track that begins; None where it is not certain, or no step differs from it."""
    if len(steps) < _FEW:
        return None
    middle = median(steps)
    odd = sum(not middle / 4 <= step <= middle * 7 / 4 for step in steps)
    return middle if middle > 0 and 0 < odd <= min(_ODD, len(steps) // 3) else None


class Steps:
    """The steps of one track: calls ``found`` with each verdict and the media time (seconds) that it is of."""

    __slots__ = ("_episode", "_first", "_found", "_line", "_nominal", "_recent", "_still", "_uneven_at")

    def __init__(self, found: Callable[[Verdict, float], None]) -> None:
        self._found = found
        self._recent: deque[float] = deque(maxlen=16)
        self._episode: Episode | None = None
        self._line = PlaceLine()
        self._nominal = 0.0
        self._still = 0
        self._first: list[_First] | None = []
        self._uneven_at: int | None = None

    def add(self, time: float, step: float, presented: float) -> None:
        """Take the step (seconds) from the sample at ``time`` to the next, and that of presentation."""
        if self._first is None:
            self._take(time, step, presented)
            return
        self._first.append((time, step, presented))
        if len(self._first) == _FIRST:
            self._begin()

    def _begin(self) -> None:
        """Judge the first steps together: what is off among them must not be taken for the usual step."""
        first, self._first = self._first or [], None
        usual = _usual_of([step for _, step, _ in first])
        if usual is not None:
            self._recent.extend([usual] * _KNOWN)
            self._nominal = usual
            time, step, _ = first[0]
            if abs(step - usual) > _APART and usual / 4 <= first[1][1] <= usual * 7 / 4:
                off = usual - step
                text = f"the first stamp was {abs(off):.3f} s {'ahead' if off > 0 else 'behind'}"
                self._found(Verdict(Fault.OUTLIER, text, off, 1), time)
                del first[0]
        for one in first:
            self._take(*one)

    def _take(self, time: float, step: float, presented: float) -> None:
        episode = self._episode
        if episode is None:
            nominal = self._nominal
            if len(self._recent) < _KNOWN or nominal <= 0 or nominal / 4 <= step <= nominal * 7 / 4:
                self._line.add(time + step)
                self._learn(step)
                return
            episode = self._episode = Episode(time, nominal)
        if episode.add(step, presented):
            self.end()

    def _learn(self, step: float) -> None:
        """Take a step that is usual, or one of those of which the usual one is found."""
        nominal, known = self._nominal, len(self._recent) >= _KNOWN
        self._still += step <= 0
        if known and nominal <= 0:  # stamps of whole seconds: so many samples share one
            self._recent.extend([max(step, 0.0) / (self._still + 1)] * _KNOWN * 2)
        else:
            self._recent.append(step)
        if len(self._recent) <= _KNOWN or not nominal * 0.9 <= step <= nominal * 1.1:
            self._settle()

    def end(self) -> None:
        """Judge what is open."""
        if self._first:
            self._begin()
        whole, self._episode = self._episode, None
        if whole is None:
            return
        episode, stepped = whole, levelled(whole)
        if stepped is not None:
            episode = stepped[0]
        jitter, uneven = shaken(episode, self._line), False
        times = list(accumulate(whole.steps, initial=whole.start))[1:]
        calm = episode.calm()
        if jitter is None:
            verdicts = [self._known_uneven(one, episode.nominal) for one in judge(episode)]
            uneven = any(one.fault is Fault.JITTER for one in verdicts)
            for verdict in verdicts:
                self._found(verdict, episode.start)
            if any(abs(one.seconds) > 3 * episode.nominal and one.fault is not Fault.OUTLIER for one in verdicts):
                self._line.clear()
        else:
            self._found(jitter, episode.start)
        if stepped is not None:
            self._found(*stepped[1:])
            self._line.clear()
        if jitter is None or stepped is not None:
            self._line.next += len(times) - calm
            times = times[len(times) - calm :]
        for time in times:
            self._line.add(time)
        if jitter is not None or uneven:
            self._uneven_at = self._line.next
        if calm:
            if episode.changed_rate():
                self._recent.clear()
            known = episode.steps if uneven and not episode.changed_rate() else episode.steps[-calm:]
            self._recent.extend(step for step in known if step > 0)
            self._settle()

    def _known_uneven(self, verdict: Verdict, nominal: float) -> Verdict:
        """A verdict, or what it is where samples just before were spaced unevenly, by as much."""
        since = self._uneven_at
        if since is None or self._line.next - since > _BEFORE or verdict.fault not in _SMALL:
            return verdict
        if abs(verdict.seconds) > max(SHAKEN, 2 * nominal):
            return verdict
        return uneven_spacing(verdict.count, verdict.seconds)

    @property
    def nominal(self) -> float:
        """The usual step in seconds; 0 as long as it is unknown."""
        if self._first:
            return max(0.0, median(step for _, step, _ in self._first))
        return self._nominal if len(self._recent) >= _KNOWN else 0.0

    def _settle(self) -> None:
        """Find the usual step: the median, or the mean where steps are of very different lengths."""
        middle, mean = median(self._recent), sum(self._recent) / len(self._recent)
        self._nominal = middle if mean <= 0 or (min(self._recent) > 0 and middle >= mean / 2) else mean
