"""Where samples are put that were judged to be off: times in, times out."""

from collections.abc import Sequence
from itertools import pairwise

from onvif_bmff.recording.stamps import FIRST_PAUSE, NOWHERE, Bounds, Judgement, Situation, Verdict

__all__ = ["moved_along", "places", "without_first"]

_EVEN = 8
"""What part of a nominal duration samples may be off that come evenly."""
_LINE = 3
"""Samples that are a line if they come evenly, at least."""
_NEAR = 8
"""Nominal durations within which a stamp that is off tells where a sample belongs."""


def places(judged: Judgement, stamps: Sequence[int], last: int, nominal: int) -> tuple[list[int], int]:
    """Return where the samples that are off are put, after one at ``last``, and how many of them come before a break.

    They are put at even distances up to the one that stands. Where media are missing, they last as long as usual on
    either side of that: on which one, their stamps say, if they are twice as near to it.
    """
    off = judged.off
    usual = [last + nominal * (number + 1) for number in range(off + 1)]
    end = usual[-1]
    if judged.stands and (judged.verdict is Verdict.RESTAMP or stamps[off] < end):
        end = stamps[off]
    even = [last + (end - last) * (number + 1) // (off + 1) for number in range(off)]
    if not judged.stands or judged.verdict is Verdict.DISCONTINUITY or stamps[off] - usual[off] <= 2 * nominal:
        return even, off
    behind = [stamps[off] - nominal * (off - number) for number in range(off)]
    longest = min((stamps[off] - last) // 2, _NEAR * nominal)
    choices = [(usual[:before] + behind[before:], before) for before in range(off, -1, -1)]
    best = min(choices, key=lambda choice: _distance(stamps, choice[0], longest))
    return best if 2 * _distance(stamps, best[0], longest) < _distance(stamps, even, longest) else (even, off)


def _distance(stamps: Sequence[int], times: Sequence[int], longest: int) -> int:
    """Return how far stamps are from times in sum, ``longest`` at most each: what is farther off tells nothing."""
    return sum([min(abs(stamp - time), longest) for stamp, time in zip(stamps, times, strict=False)])


def without_first(
    judged: Judgement, first: int, stamps: Sequence[int], nominal: int, beside: int, bounds: Bounds
) -> Judgement | None:
    """Judge samples with ``stamps`` anew if it is the very ``first`` sample before them that is off; None if it is not.

    It is where more than a minute lies between, or where it was farther behind other tracks, which had come to
    ``beside`` then, than from where they are now: those did not pause. And where it is ahead of others that come
    evenly, ``nominal`` ticks apart, though they seem to be off. All in ticks.
    """
    if judged.situation is Situation.RETURNS:
        even = all(_EVEN * abs(later - earlier - nominal) <= nominal for earlier, later in pairwise(stamps))
        is_ahead = len(stamps) >= _LINE and first > stamps[0]
        return Judgement(Situation.FOLLOWS, judged.off) if even and is_ahead else None
    jump = stamps[-1] - first
    is_off = judged.verdict is Verdict.DISCONTINUITY or (
        judged.verdict is Verdict.GAP
        and (jump > FIRST_PAUSE * bounds.timescale or (beside != NOWHERE and 2 * (beside - first) > jump))
    )
    return Judgement(Situation.RETURNS, judged.off) if is_off else None


def moved_along(document: int, stamped: int, judged: int) -> int:
    """Return the ticks by which a document is moved that came beside a sample of another track.

    That one was ``stamped``, by the clock of the document, and ``judged`` to be at another time. If the document is
    nearer to its stamp than to its time, both were stamped by one clock, and it is moved as much.
    """
    return judged - stamped if abs(document - stamped) < abs(document - judged) else 0
