"""The stamps of a source's samples, without any wall clock: what a file shows, or what a camera sends."""

from collections.abc import Iterable, Iterator, Sequence

from onvif_bmff.diagnosis.episodes import Verdict
from onvif_bmff.diagnosis.observation import Fault, Observation, limited
from onvif_bmff.diagnosis.track_times import TrackTimes
from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.media_kind import MediaKind

__all__ = ["diagnose_samples"]

_APART = 1.0
"""Seconds by which one track may be longer than another."""
_RATE = 0.001
"""Part of a recording's length that they may differ besides."""


def diagnose_samples(tracks: Sequence[Track], samples: Iterable[object]) -> Iterator[Observation]:
    """Yield what is wrong with the times of samples, as far as their stamps show it.

    ``samples`` come in decode order in each track, as a source or ``Mp4Input.samples`` yields them; items that are no
    ``Sample`` are passed over. Sample data are not read. Memory holds some numbers of each track.

    Raises ``MediaError`` for a sample of an unknown track, and what ``samples`` raises, after what was found before.
    """
    return limited(_diagnosed(tracks, samples))


def _diagnosed(tracks: Sequence[Track], samples: Iterable[object]) -> Iterator[Observation]:
    pending: list[Observation] = []
    times: dict[int, TrackTimes] = {}
    for track in tracks:

        def found(verdict: Verdict, time: float, token: str = track.token) -> None:
            pending.append(
                Observation(verdict.fault, token, verdict.message, verdict.seconds, verdict.count, media_time=time)
            )

        times[track.track_id] = TrackTimes(track.type, track.timescale, found)
    try:
        for sample in samples:
            if not isinstance(sample, Sample):
                continue
            own = times.get(sample.track_id)
            if own is None:
                raise MediaError(f"a sample of track {sample.track_id}, which there is not")
            own.add(sample.decode_time, sample.composition_offset, sample.duration, sync=sample.sync)
            if pending:
                yield from pending
                pending.clear()
    finally:
        for own in times.values():
            own.end()
    yield from pending
    yield from _apart(tracks, times)


def _apart(tracks: Sequence[Track], times: dict[int, TrackTimes]) -> Iterator[Observation]:
    """Yield a track of sound that lasts longer or shorter than the pictures: the clock of one of them is wrong."""
    spans: dict[int, tuple[float, float]] = {}
    for track in tracks:
        first, last = times[track.track_id].first, times[track.track_id].last
        if track.type is not MediaKind.METADATA and first is not None and last is not None:
            spans[track.track_id] = first, last
    lead = next((track for track in tracks if track.type is MediaKind.VIDEO and track.track_id in spans), None)
    if lead is None:
        return
    begin, end = spans[lead.track_id]
    for track in tracks:
        if track is lead or track.track_id not in spans:
            continue
        _, last = spans[track.track_id]
        longer = last - end
        told = times[track.track_id].stepped - times[lead.track_id].stepped
        if min(abs(longer), abs(longer - told)) > _APART + max(end - begin, 0) * _RATE:
            text = f"ends {abs(longer):.3f} s {'after' if longer > 0 else 'before'} {lead.token}"
            yield Observation(Fault.DRIFT, track.token, text, longer, media_time=last)
