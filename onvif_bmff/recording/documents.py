"""Documents go along with the media beside which they come: where the stamps of those are moved, so are theirs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from onvif_bmff.media.track import Sample, moved
from onvif_bmff.recording.clock_parts import Positioned, SharedTime
from onvif_bmff.recording.placing import moved_along
from onvif_bmff.recording.stamps import Bounds, gap_limit
from onvif_bmff.recording.timing_faults import TimingFault

__all__ = ["Companion", "WaitingDocuments"]

_ALIKE = 10
"""Seconds by which two documents in a row whose clock was set may be off differently."""


@dataclass(frozen=True, slots=True, eq=False)
class Companion:
    """The newest ``sample`` of another track when a document came.

    ``stamped`` is its time in ticks of the document, where stamps are moved by ``shift`` as the document's were.
    """

    clock: Positioned
    sample: Sample
    timescales: tuple[int, int]
    stamped: int
    shift: int

    @classmethod
    def of(cls, clocks: Iterable[tuple[Positioned, int]], timescale: int, shift: int) -> "Companion | None":
        """Return that of the first track that has one; ``timescale`` and ``shift`` are the document's."""
        for clock, other in clocks:
            sample = clock.newest
            if sample is not None:
                stamped = (sample.decode_time - clock.shift) * timescale // other + shift
                return cls(clock, sample, (timescale, other), stamped, shift)
        return None

    def is_certain(self, document: int) -> bool:
        """Whether it is certain what the time of the sample means for a document that is stamped with a time.

        Of stamps in doubt that go on later only such documents are in doubt as go on there, too.
        """
        doubted, held = self.clock.doubted, self.clock.held
        if held is None or not any(one is self.sample for one in doubted):
            return True
        mine, other = self.timescales
        last = held.decode_time * mine // other
        return doubted[0].decode_time > held.decode_time and abs(document - last) <= abs(document - self.stamped)

    def moves(self, document: int) -> int:
        """Return the ticks by which a document is moved that is stamped with a time."""
        mine, other = self.timescales
        return moved_along(document, self.stamped, self.sample.decode_time * mine // other)


@dataclass(slots=True, eq=False)
class WaitingDocuments:
    """Documents whose companions are in doubt, so that they are in doubt too.

    They are ``on_their_own`` where their own clock was set, as long as that of other tracks is not set later. ``off``
    is where one was put whose stamp was off alone, and by how much.
    """

    documents: list[tuple[Sample, Companion]] = field(default_factory=list)
    on_their_own: Fraction | None = None
    off: tuple[int, int] | None = None

    def add(self, document: Sample, companion: Companion | None) -> None:
        """Take a document that is held back; its time may be set."""
        if companion is not None:
            self.documents.append((document, companion))

    def in_place(
        self, document: Sample, released: Sample | None, reached: int, bounds: Bounds, counted: Counter[str]
    ) -> Sample:
        """Return a document where it belongs if its stamp alone is off, by more than a gap back or a day ahead.

        It comes behind one that was ``released`` since its segment ended, so that no others wait with which it could
        be compared. If the one before was off by as much, the clock was set, and it stays as it is. Other tracks have
        ``reached`` a time.
        """
        if released is None:
            return document
        delta, limit = document.decode_time - released.decode_time, gap_limit(released.duration, bounds)
        if -limit <= delta <= bounds.day:
            return document
        place, before = max(released.decode_time + released.duration, reached), self.off
        self.off = place, place - document.decode_time
        alike = before is not None and abs(before[1] - self.off[1]) <= _ALIKE * bounds.timescale
        if alike and before is not None and before[0] == released.decode_time:
            return document
        counted[TimingFault.RESTAMPED] += 1
        return moved(document, place)

    def companion(self, shared: SharedTime, timescale: int, shift: int) -> Companion | None:
        """Return that of a document that comes now, where stamps are moved by ``shift``; None if it has none."""
        if shift and self.on_their_own == shared.shifted:
            return None
        return Companion.of(shared.clocks, timescale, shift)

    def wait(self, longest: int) -> bool:
        """Return whether they have to wait; for documents of ``longest`` ticks at most."""
        documents = self.documents
        if not documents or documents[-1][0].decode_time - documents[0][0].decode_time > longest:
            return False
        return not all(companion.is_certain(document.decode_time) for document, companion in documents)

    def settle(self, shift: int) -> int:
        """Move the documents along with their companions; return by how much later ones are, if ``shift`` was it."""
        for document, companion in self.documents:
            by = companion.moves(document.decode_time)
            if by:
                document.decode_time += by
                shift = companion.shift + by
        self.documents.clear()
        return shift
