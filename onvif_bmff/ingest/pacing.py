"""Sources that behave like a camera: samples at the pace of real time, and a file that never ends.

Clock and sleep are handed in, so that tests, and simulations, run in no time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.runtime import SYSTEM

__all__ = ["loop_samples", "pace_samples"]

Item = TypeVar("Item", bound=Sample | CodecChange)


def pace_samples(
    samples: Iterable[Item],
    tracks: Sequence[Track],
    *,
    clock: Callable[[], float] = SYSTEM.monotonic,
    sleep: Callable[[float], object] = SYSTEM.sleep,
    speed: float = 1.0,
) -> Iterator[Item]:
    """Yield samples at the pace of their decode times, the first at once.

    ``clock`` gives seconds that only grow, ``sleep`` waits for some; ``speed`` 2.0 is twice as fast as real time.
    A sample is never early; after a delay those that are due come at once, so that none of it adds up. Raises
    ``MediaError`` for a speed that is not above zero.
    """
    if not speed > 0:
        raise MediaError(f"a speed of {speed}: more than 0 needed")
    timescales = {track.track_id: track.timescale * speed for track in tracks}
    start: float | None = None
    for item in samples:
        due = item.decode_time / timescales[item.track_id]
        now = clock()
        if start is None:
            start = now - due
        elif start + due > now:
            sleep(start + due - now)
        yield item


@dataclass(slots=True)
class _Extent:
    """Of one track in one pass: number of samples, first decode time, end of the last sample (ticks)."""

    count: int
    start: int
    end: int


def loop_samples(
    source: Callable[[], Iterable[Sample | CodecChange]], tracks: Sequence[Track], *, passes: int | None = None
) -> Iterator[Sample | CodecChange]:
    """Yield a source's samples again and again (``passes`` times; for ever if None), decode times going on.

    ``source`` gives the samples anew each time it is called (``Mp4Input.samples``); it is called once more at first,
    to see how long it is. Each pass begins when the longest track of the one before has ended. The last sample of a
    shorter track lasts until then, so that no track has a gap and all stay in step. A codec that changed in mid-pass
    changes back at the start of the next. Raises ``MediaError`` for a source without samples or of no duration.
    """
    extents = _measure(source())
    timescales = {track.track_id: track.timescale for track in tracks}
    codecs = {track.track_id: track.codec for track in tracks}
    length = max(
        (Fraction(one.end - one.start, timescales[track_id]) for track_id, one in extents.items()),
        default=Fraction(0),
    )
    if length <= 0:
        raise MediaError("a source that lasts no time cannot be repeated")
    number = 0
    changed: set[int] = set()
    while passes is None or number < passes:
        shift = {one: int(number * length * timescales[one]) for one in extents}
        following = {one: int((number + 1) * length * timescales[one]) for one in extents}
        left = {one: extent.count for one, extent in extents.items()}
        for track_id in sorted(changed):
            yield CodecChange(track_id, extents[track_id].start + shift[track_id], codecs[track_id], 0)
        changed.clear()
        for item in source():
            track_id = item.track_id
            moved = item.decode_time + shift[track_id]
            if isinstance(item, CodecChange):
                changed.add(track_id)
                yield replace(item, decode_time=moved)
                continue
            duration = item.duration
            left[track_id] -= 1
            if not left[track_id]:
                duration = extents[track_id].start + following[track_id] - moved
            yield replace(item, decode_time=moved, duration=duration)
        number += 1


def _measure(samples: Iterable[Sample | CodecChange]) -> dict[int, _Extent]:
    extents: dict[int, _Extent] = {}
    for item in samples:
        if isinstance(item, Sample):
            end = item.decode_time + item.duration
            extent = extents.get(item.track_id)
            if extent is None:
                extents[item.track_id] = _Extent(1, item.decode_time, end)
            else:
                extent.count += 1
                extent.end = end
    return extents
