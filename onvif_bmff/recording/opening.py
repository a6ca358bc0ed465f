"""What spans are like that open now: the target, labels and policies in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import gcd, lcm

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.media.track import Track
from onvif_bmff.recording.boundaries import SegmentBoundary
from onvif_bmff.recording.encryption import SpanProtection, protect
from onvif_bmff.recording.formats import SpanType, full_content_type
from onvif_bmff.recording.header import build_header
from onvif_bmff.recording.origin import Origin
from onvif_bmff.recording.progress import ClockTie
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.span_parts import SpanSettings, UsedKeys
from onvif_bmff.recording.span_set import SpanSet
from onvif_bmff.recording.target import DecodeTimes, RecordingTarget
from onvif_bmff.timing import UtcTime

__all__ = ["SpanOpener"]


_SHARED_IVS = IvSources()
"""For recorders that are given none: two that use one key in a process must not draw from lines of their own."""

_LATEST_ORIGIN = 100
"""Part of a second by which tick 0 may lie before the first sample."""


def _step(kinds: Sequence[SpanType], timescale: int) -> int:
    """The shortest time that is a whole number of ticks in every span, in ticks of ``timescale``; 1 if it is long."""
    step = lcm(*(timescale // gcd(timescale, kind.timescale) for kind in kinds))
    return step if step * _LATEST_ORIGIN <= timescale else 1


@dataclass(slots=True, eq=False)
class SpanOpener:
    """Opens spans as a target says. B.2.

    ``override`` is a segment duration in place of the target's for segments that open before an instant (5.24).
    Recorders that are given no ``ivs`` share those of the process.
    """

    target: RecordingTarget
    labels: SegmentLabels
    limits: FragmentLimits
    boundary: SegmentBoundary
    ivs: IvSources | None = None
    override: tuple[timedelta, UtcTime] | None = None
    used_keys: UsedKeys = field(default_factory=dict)

    def open(self, tracks: Sequence[Track], timescale: int, tie: ClockTie, start: int | None, at: UtcTime) -> SpanSet:
        """Return spans for ``tracks`` that open ``at`` an instant; times are kept in ``timescale`` ticks a second.

        ``start`` (ticks) is from when on tracks are to enter them.
        """
        target = self.target
        protection = SpanProtection()
        if target.encryption:
            self.ivs = self.ivs or _SHARED_IVS
            protection = protect(target.encryption, tracks, at, self.ivs)

        def header(kind: SpanType, created: UtcTime, constant_ivs: Mapping[int, bytes]) -> bytes:
            return build_header(
                target.format.brands,
                kind.tracks,
                kind.timescale,
                created,
                protection=protection,
                constant_ivs=constant_ivs,
            )

        kinds = target.format.spans(tracks)
        settings = SpanSettings(
            tie=tie,
            origin=Origin(timescale, _step(kinds, timescale), zero=self._zero(tie, kinds[0], timescale)),
            prefix=target.prefix,
            postfix=target.postfix,
            digits=target.digits,
            segment_end=self._segment_end,
            header=header,
            full_content_type=full_content_type(tracks),
            labels=self.labels,
            limits=self.limits,
            mfra=target.format.random_access,
            used_keys=self.used_keys,
        )
        return SpanSet(start, settings, protection, kinds)

    def _zero(self, tie: ClockTie, kind: SpanType, timescale: int) -> int | None:
        """Return the source time, in ticks, that is tick 0 of all files; None if it is where their spans begin."""
        if self.target.decode_times is DecodeTimes.SPAN:
            return None
        return tie.first(kind.lead).ticks_at(UtcTime(0), timescale)

    def _segment_end(self, opened: UtcTime) -> UtcTime:
        """When a segment that opens now is due. B.3, 5.24."""
        duration, override = self.target.segment_duration, self.override
        if override is not None and opened < override[1]:
            duration = override[0]
        return self.boundary(opened, duration)
