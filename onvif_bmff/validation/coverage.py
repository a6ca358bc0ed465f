"""Checks that tracks declared as encrypted are encrypted: by their largest sample, or by all samples."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from onvif_bmff.bmff import Box, SampleEncryptionBox
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.protection import Protection, ProtectionRun, SeigDescriptions, protection_of, protection_runs
from onvif_bmff.cenc.scheme import BLOCK, ProtectionScheme
from onvif_bmff.demux.fragment_samples import SampleViews, TrackFragment
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.media.sample_entries import is_protected
from onvif_bmff.validation.clear_bytes import Account, Clear, SampleLayout, account, codec_of_part
from onvif_bmff.validation.observed import Context
from onvif_bmff.validation.proof import EncryptionProof, TrackProof

__all__ = ["CoverageChecker"]

_TRAF = "/moof/traf"
Range = tuple[int, int]


@dataclass(slots=True)
class _TrackCoverage:
    """What was observed of a track of the object.

    ``largest`` is the size of its largest sample declared as protected, -1 for none; ``said_clear`` the number of bytes
    declared as clear.
    """

    scheme: ProtectionScheme
    largest: int = -1
    account: Account = field(default_factory=Account)
    offset: int | None = None
    said_clear: int = 0
    unexplained: int = 0
    unexplained_at: int | None = None
    counted: bool = False
    default_is_clear: bool = False
    is_described: bool = False
    """There are protected samples, by a sample group or by a senc."""


class CoverageChecker:
    """Checks the samples of one segment, traf by traf; findings are reported by ``close``.

    In a still scene nearly all samples are rightly clear, so a track is judged by its largest sample in the object.
    With a ``proof``, all samples are checked and counted.
    """

    def __init__(self, context: Context, proof: EncryptionProof | None) -> None:
        self._context = context
        self._proof = proof
        self._reader = FragmentDecryptor(KeyRing())
        self._tracks: dict[int, _TrackCoverage] = {}
        self._clear: set[int] = set()
        self._seig: dict[int, SeigDescriptions] = {}

    def check(self, part: TrackFragment, clear: Box, views: SampleViews | None) -> None:
        """Check a traf. ``clear`` is its sample entry without protection; ``views`` are its data, if available."""
        track_id = part.track.track_id
        entry = part.track.entry(part.description)
        of_store = None if self._proof is None else self._proof.track(self._context.key, part.track.handler, track_id)
        if not is_protected(entry):
            if of_store is not None:
                of_store.clear_objects += track_id not in self._clear
                of_store.clear_bytes += sum(part.sizes())
            self._clear.add(track_id)
            return
        try:
            default = protection_of(entry)
        except OnvifBmffError:
            default = None
        if default is None:
            self._unseen(of_store, part)  # the header has said what is missing
            return
        found = self._tracks.setdefault(track_id, _TrackCoverage(default.scheme))
        if of_store is not None:
            of_store.objects += not found.counted
            found.counted = True
            of_store.schemes.add(default.scheme.value)
            of_store.samples += part.sample_count
        sizes = part.sizes()
        if not len(sizes) or (of_store is None and max(sizes) <= found.largest):
            return
        if views is None:
            self._unseen(of_store, part)
            return
        try:
            runs = protection_runs(default, len(sizes), part.box.children, self.seig_of(part.track))
            if not default.is_protected:
                found.default_is_clear = True
                found.is_described |= any(run.is_protected for _, run in runs)
                found.is_described |= part.box.find(SampleEncryptionBox) is not None
            maps = self._maps(part, runs, sizes)
            self._look(part, clear, views, maps, found, of_store, self._largest(part, runs, sizes, found))
        except OnvifBmffError:
            self._unseen(of_store, part)  # other rules report the fault

    def close(self) -> None:
        """Report the faults of all tracks."""
        for found in self._tracks.values():
            cenc = self._context.rule("C-66", "ANX-B.8-06")
            cbcs = self._context.rule("C-67", "ANX-B.8-07")
            rule = cbcs if found.scheme is ProtectionScheme.CBCS else cenc
            if found.default_is_clear and found.is_described:
                message = "default_isProtected is 0, while samples are encrypted"
                described = self._context.rule("C-61", "ANX-B.8-01")
                self._context.findings.add(described, message, offset=found.offset, path=_TRAF)
                continue
            lost = found.account.unexplained + found.account.clear[Clear.SURPLUS]
            if found.unexplained:
                message = f"{found.unexplained} clear bytes of an encrypted track that have to be encrypted"
                self._context.findings.add(rule, message, offset=found.unexplained_at, path=_TRAF)
            elif found.largest < 0 and found.said_clear >= BLOCK:
                message = (
                    "the track is not encrypted, though its sample entry says so: all samples are said to be clear"
                )
                self._context.findings.add(rule, message, offset=found.offset, path=_TRAF)
            elif not found.account.encrypted and lost >= BLOCK:
                message = (
                    f"the track is not encrypted, though it says so: in its largest sample, of {found.largest} bytes, "
                    f"{lost} that have to be encrypted are clear, and none is encrypted"
                )
                self._context.findings.add(rule, message, offset=found.offset, path=_TRAF)

    def _unseen(self, of_store: TrackProof | None, part: TrackFragment) -> None:
        if of_store is not None:
            of_store.account.clear[Clear.UNSEEN] += sum(part.sizes())

    def _largest(
        self, part: TrackFragment, runs: Sequence[ProtectionRun], sizes: Sequence[int], found: _TrackCoverage
    ) -> int:
        """Return the number of the largest protected sample if it is larger than those before, else -1."""
        largest, size, first = -1, found.largest, 0
        for count, run in runs:
            own = sizes[first : first + count]
            if not run.is_protected:
                found.said_clear += sum(own)
                found.offset = part.box.offset if found.offset is None else found.offset
            elif max(own) > size:
                size = max(own)
                largest = first + own.index(size)
            first += count
        return largest

    def _maps(
        self, part: TrackFragment, runs: Sequence[ProtectionRun], sizes: Sequence[int]
    ) -> Generator[tuple[Protection, Sequence[Range] | None, int], None, None]:
        """Yield for each sample its protection, its protected ranges, and the position from which these count.

        The ranges are None for samples declared as clear.
        """
        maps = self._reader.maps(part)
        first = 0
        for count, run in runs:
            own = sizes[first : first + count]
            first += count
            work = maps.take(own) if maps is not None else []
            if not run.is_protected:
                yield from ((run, None, 0) for _ in range(count))
                continue
            base = 0
            for size, (_, ranges) in zip(own, work[0][1], strict=True):
                yield run, ranges, base
                base += size

    def seig_of(self, track: MovieTrack) -> SeigDescriptions:
        """Return the 'seig' descriptions of a track's stbl, read once.

        Raises:
            BoxError: a description is truncated.
        """
        if track.track_id not in self._seig:
            self._seig[track.track_id] = SeigDescriptions.of(track.table.children)
        return self._seig[track.track_id]

    def _look(
        self,
        part: TrackFragment,
        clear: Box,
        views: SampleViews,
        maps: Generator[tuple[Protection, Sequence[Range] | None, int], None, None],
        found: _TrackCoverage,
        of_store: TrackProof | None,
        largest: int,
    ) -> None:
        layout = SampleLayout.of(clear, codec_of_part(part))
        looked: Iterable[tuple[int, tuple[memoryview, tuple[Protection, Sequence[Range] | None, int]]]]
        looked = enumerate(zip(views, maps, strict=True))
        if of_store is None:
            looked = list(islice(looked, largest, largest + 1)) if largest >= 0 else ()
            maps.close()  # of the samples that are not checked
        for number, (view, (protection, absolute, base)) in looked:
            ranges = absolute
            if absolute is not None and base:
                ranges = [(start - base, end - base) for start, end in absolute]
            one = account(view, layout, protection, ranges)
            if of_store is not None:
                of_store.account.add(one)
                if one.unexplained:
                    found.unexplained += one.unexplained
                    found.unexplained_at = part.box.offset if found.unexplained_at is None else found.unexplained_at
            if number == largest:
                found.largest, found.account, found.offset = len(view), one, part.box.offset
