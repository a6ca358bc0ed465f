"""Rules of spacing, for any format: what a wrong stamp leaves in a file, and players drop pictures for."""

from array import array
from fractions import Fraction
from statistics import median_low

from onvif_bmff.demux.fragment_samples import SampleRun, TrackFragment
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.validation.observed import Context, ObservedSegment, ObservedTrack

__all__ = ["check_age", "check_spacing"]

_TRUN = "/moof/traf/trun"
_CLOSE = 10_000
"""Pictures are a tick apart if they are a tick or less than this part of a second apart, …"""
_PART = 8
"""… and less than this part of the usual distance."""
_REORDERED = 17
"""Pictures that a decoder may hold back, and one. ISO/IEC 14496-10, A.3.1; ISO/IEC 23008-2, A.4.2."""
_OLD = Fraction(2)
"""Seconds by which samples may be older than their object: another track may wait as long for the leading one."""


def check_spacing(context: Context, part: TrackFragment, of_track: ObservedTrack) -> None:
    """Check the spacing of the pictures of a traf, in decode and in presentation time."""
    if part.track.handler != MediaKind.VIDEO.handler:
        return
    close = sum([_count_close(run, part.track.timescale) for run in part.runs])
    if close:
        message = f"{close} pictures last a tick, among others that do not"
        context.findings.add("P-02", message, offset=part.box.offset, path=_TRUN)
    for run in part.runs:
        if run.count:
            offsets = run.composition_offset
            low, high = (offsets, offsets) if isinstance(offsets, int) else (min(offsets), max(offsets))
            known = of_track.offsets
            of_track.offsets = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
    if of_track.offsets is None:
        return
    spread, usual = of_track.offsets[1] - of_track.offsets[0], part.duration / (part.sample_count or 1)
    if spread > max(part.track.timescale, _REORDERED * usual):
        seconds = spread / part.track.timescale
        message = f"some pictures are presented {seconds:.3f} s later after their decoding than others"
        context.findings.add("P-03", message, offset=part.box.offset, path=_TRUN)
        of_track.offsets = None  # reported once for each place where it begins


def _count_close(run: SampleRun, timescale: int) -> int:
    """How many samples of a run last almost no time, where others last longer. The last one may have no duration."""
    durations = run.duration
    most = max(1, timescale // _CLOSE)
    if not isinstance(durations, array) or min(durations) > most:
        return 0
    usual = median_low(durations)
    close = [duration <= most and duration * _PART < usual for duration in durations]
    return sum(close) - (close[-1] and not durations[-1])


def check_age(context: Context, observed: ObservedSegment) -> None:
    """Check that sound and pictures of a multiplexed object are not of the time of objects before it."""
    lead = observed.lead
    if context.is_cmaf or lead is None or not observed.key.counter:
        return
    start = Fraction(lead.parts[0].earliest + lead.track.presentation_shift, lead.track.timescale)
    for track in observed.tracks.values():
        if track is lead or track.track.handler == MediaKind.METADATA.handler or not track.parts:
            continue
        first = track.parts[0]
        age = start - Fraction(first.first_time + track.track.presentation_shift, track.track.timescale)
        if age > _OLD:
            message = f"track {track.track.track_id} begins {float(age):.3f} s before the track that leads the object"
            context.findings.add("P-04", message, offset=first.moof_offset, path=_TRUN)
