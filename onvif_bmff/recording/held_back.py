"""Samples whose stamps are in doubt: what is held back of a track, and what becomes of it."""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from onvif_bmff.media.track import Sample, moved
from onvif_bmff.recording.documents import WaitingDocuments
from onvif_bmff.recording.placing import places
from onvif_bmff.recording.quicker_rate import QuickerRate
from onvif_bmff.recording.rhythm import Rhythm
from onvif_bmff.recording.sample_times import put
from onvif_bmff.recording.shaken_stamps import FirstStamps, ShakenStamps
from onvif_bmff.recording.stamps import NOWHERE, Judgement, Verdict
from onvif_bmff.recording.timing_faults import TimingFault

__all__ = ["HeldBack", "settle_times"]

_MAX_SAMPLES = 1_000
_MAX_BYTES = 16 << 20
_NEAR = 10
"""Part of a second by which a picture may be moved in decoding only; two nominal durations at most."""


@dataclass(slots=True, eq=False)
class HeldBack:
    """The ``samples`` of a track that are in doubt: copies, whose times may be set. Never more than 1000, or 16 MiB.

    ``ready`` are samples that are to be stored, each with the gap, or the step of a clock, that it comes after, if any.
    ``elsewhere`` is how far other tracks had come, in ticks of this one, when the first sample was held back, and
    ``beside`` when the track began.
    ``documents`` are those of the samples that wait for what others tell. ``shaken`` looks at the stamps of pictures
    after one that was shaken, ``first`` at the first ones, ``quicker`` at those that come far quicker than before.
    """

    samples: list[Sample] = field(default_factory=list)
    size: int = 0
    ready: deque[tuple[Sample, Verdict | None]] = field(default_factory=deque)
    elsewhere: int = NOWHERE
    beside: int = NOWHERE
    documents: WaitingDocuments = field(default_factory=WaitingDocuments)
    shaken: ShakenStamps = field(default_factory=ShakenStamps)
    first: FirstStamps = field(default_factory=FirstStamps)
    quicker: QuickerRate = field(default_factory=QuickerRate)

    @property
    def is_idle(self) -> bool:
        """Whether no sample is held back, and no stamp has to be looked at more closely."""
        return not (self.samples or self.ready or self.shaken.is_looked_for)

    def move_ready(self, by: int) -> None:
        """Move the samples that are to be stored by so many ticks."""
        self.ready = deque((moved(one, one.decode_time + by), after) for one, after in self.ready)

    def add(self, sample: Sample) -> None:
        """Hold a sample back."""
        self.samples.append(sample)
        self.size += len(sample.data)

    def takes(self, held: Sample, sample: Sample, pace: int, timescale: int) -> bool:
        """Tell whether a sample after ``held`` waits, of a track whose samples come ``pace`` ticks apart."""
        others = bool(self.samples)
        return self.first.takes(held, sample, behind_others=others) or self.quicker.takes(
            held, sample, pace, timescale, self.shaken, behind_others=others
        )

    @property
    def waits(self) -> bool:
        """Whether it is not known yet how far apart pictures come: the first ones, or some that come far quicker."""
        return self.first.waiting or self.quicker.waiting

    def begin(self, held: Sample, rhythm: Rhythm, timescale: int, *, ended: bool) -> Sample | None:
        """Decide about pictures that wait so behind ``held``; return that as it is put, None if they still wait."""
        if self.quicker.waiting:
            pace = self.quicker.settle(self.shaken, held, self.samples, ended=ended)
            if pace:
                rhythm.quicken(held.decode_time, pace)
            return None if pace is None else held
        settled = self.first.settle(self.shaken, [held, *self.samples], timescale, ended=ended)
        if settled is None:
            return None
        for sample, put_ in zip(self.samples, settled[1:], strict=True):
            sample.decode_time, sample.composition_offset = put_.decode_time, put_.composition_offset
        return settled[0]

    @property
    def full(self) -> bool:
        """Whether as much is held back as may be."""
        return self.size > _MAX_BYTES or len(self.samples) > _MAX_SAMPLES

    @property
    def times(self) -> Sequence[int]:
        """The stamps of the samples."""
        return [sample.decode_time for sample in self.samples]

    def take(self, count: int) -> list[Sample]:
        """Give out the first samples."""
        taken, self.samples = self.samples[:count], self.samples[count:]
        self.size -= sum(len(sample.data) for sample in taken)
        return taken


def settle_times(
    judged: Judgement, samples: Sequence[Sample], last: int, nominal: int, timescale: int, counted: Counter[str]
) -> int:
    """Set the times of samples that are off as a judgement says, after one at ``last``; count what was wrong.

    Return how many of the samples lie before the break, if there is one.
    """
    verdict = judged.verdict
    if verdict is Verdict.DISCONTINUITY:
        counted[TimingFault.DISCONTINUITY] += 1
    elif verdict is Verdict.GAP:
        counted[TimingFault.GAP] += 1
    if verdict is Verdict.KEEP or not judged.off:
        return judged.off
    counted[TimingFault.RESTAMPED] += judged.off
    times, before = places(judged, [sample.decode_time for sample in samples], last, nominal)
    for sample, time in zip(samples, times, strict=False):
        put(sample, time, near=min(timescale // _NEAR, 2 * nominal))
    return before
