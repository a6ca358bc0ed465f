"""Rules of the samples of a traf: their protection, and what their data reveal. ISO/IEC 23001-7."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import chain, islice
from uuid import UUID

from onvif_bmff.bmff import NON_SYNC_SAMPLE, Box
from onvif_bmff.bmff.protection import (
    AuxiliaryInfo,
)
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.protection import Protection, ProtectionRun, protection_runs
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.demux.fragment_samples import SampleViews, TrackFragment
from onvif_bmff.errors import BoxError, OnvifBmffError, ProtectionError
from onvif_bmff.media.nal import iter_nal_ranges
from onvif_bmff.media.nal_family import NAL_FAMILIES
from onvif_bmff.media.sample_entries import clear_entry, is_protected, nal_length_size
from onvif_bmff.media.track import Sample
from onvif_bmff.validation.auxiliary import TRAF, ProtectedPart, needs_records
from onvif_bmff.validation.clear_bytes import codec_of_part, family_of, slices_of
from onvif_bmff.validation.coverage import CoverageChecker
from onvif_bmff.validation.iv_reuse import VectorMemory
from onvif_bmff.validation.observed import Context, Header, ObservedFragment
from onvif_bmff.validation.payload import content_check, decryption_fault, is_intra, picture_fault
from onvif_bmff.validation.proof import EncryptionProof

__all__ = ["SampleChecker"]


class SampleChecker:
    """Checks the samples of one segment, traf by traf.

    ``vectors`` and ``proof`` (optional) belong to the whole store; samples are decrypted as far as ``keys`` allow.
    """

    def __init__(
        self,
        context: Context,
        header: Header,
        vectors: VectorMemory,
        keys: KeyRing | None,
        proof: EncryptionProof | None = None,
    ) -> None:
        self._context = context
        self.coverage = CoverageChecker(context, proof)
        self._kids = {protection.kid for protection in header.protections.values()}
        self._protections = header.protections
        self._vectors = vectors
        self._keys = keys
        self._decryptor = FragmentDecryptor(keys) if keys else None
        self._clear: dict[int, Box | None] = {}
        self._checks: dict[int, Callable[[memoryview], str | None] | None] = {}
        self._said: set[str] = set()

    def check(
        self, part: TrackFragment, observed: ObservedFragment, views: SampleViews | None, *, first_of_segment: bool
    ) -> None:
        """Check the samples of a traf; ``views`` are their data, None if they are not available."""
        entry = part.track.entry(part.description)
        clear, checked = self._clear_entry(entry), self._context.checked
        runs: list[ProtectionRun] | None = None if is_protected(entry) else []
        opened = False
        if clear is not None:
            self.coverage.check(part, clear, views)
            runs, opened = self._look(part, observed, views, clear, first=first_of_segment)
        left = checked.count_samples(observed.count, runs, self._keys or (), opened=opened, read=views is not None)
        if left and "unopened" not in self._said:  # counted once for each object
            self._said.add("unopened")
            checked.skip_decryption(protection.scheme for protection in self._protections.values())

    def _look(
        self, part: TrackFragment, observed: ObservedFragment, views: SampleViews | None, clear: Box, *, first: bool
    ) -> tuple[list[ProtectionRun] | None, bool]:
        """Return how the samples are protected (None: unknown), and whether they could be decrypted."""
        length_size = nal_length_size(clear)
        maps: list[AuxiliaryInfo] | None = None
        runs: list[ProtectionRun] = []
        default = self._protections.get(part.track.track_id)
        if is_protected(part.track.entry(part.description)):
            if default is None:
                return None, False  # check_header has reported what is missing
            try:
                of_track = self.coverage.seig_of(part.track)
                runs = protection_runs(default, observed.count, part.box.children, of_track)
            except (ProtectionError, BoxError) as error:
                rule = self._context.rule("C-69", "ANX-B.8-01")
                message = error.reason if isinstance(error, BoxError) else str(error)
                self._context.findings.add(rule, message, offset=part.box.offset, path=f"{TRAF}/sbgp")
                return None, False
            is_nal_video = family_of(clear, codec_of_part(part)) is not None
            maps = ProtectedPart(self, part, runs, is_nal_video=is_nal_video).check()
            if maps is None and is_nal_video:
                return runs, False  # which bytes are clear is unknown
        if views is None:
            return runs, False
        whole = any(run.is_protected for _, run in runs) and (
            length_size is None or maps is None or any(not one.subsamples for one in maps)
        )
        filled = False
        if length_size is not None and not whole:
            filled = self._nal_units_fill(part, clear, views, length_size, observed, first_of_segment=first)
            if maps is not None and filled:
                self._check_slices(part, views.first, maps[0], runs[0][1])
        elif not any(run.is_protected for _, run in runs):
            self._check_content(part, clear, views)
        can_be_opened = maps is not None or not needs_records(runs)
        del maps  # there may be many, and the decryptor reads them again
        if runs and self._decryptor is not None and can_be_opened:
            return runs, self._decrypt(part, clear, views, runs, length_size if filled else None)
        return runs, False

    def once(self, rule: str, message: str, part: TrackFragment, path: str) -> None:
        """Report a fault of the whole object, at the first place where it occurs."""
        if f"{rule} {message}" not in self._said:
            self._said.add(f"{rule} {message}")
            self._context.findings.add(rule, message, offset=part.box.offset, path=path)

    def described(self, part: TrackFragment) -> int:
        """Return how many groups of type 'seig' the stbl of a track describes."""
        return len(self.coverage.seig_of(part.track).entries)

    @property
    def context(self) -> Context:
        """The object under test."""
        return self._context

    @property
    def vectors(self) -> VectorMemory:
        """The vectors of the whole store."""
        return self._vectors

    @property
    def kids(self) -> set[UUID]:
        """The key identifiers of the header."""
        return self._kids

    def _clear_entry(self, entry: Box) -> Box | None:
        if id(entry) not in self._clear:
            try:
                self._clear[id(entry)] = clear_entry(entry)
            except OnvifBmffError:
                self._clear[id(entry)] = None
        return self._clear[id(entry)]

    def _nal_units_fill(
        self,
        part: TrackFragment,
        clear: Box,
        views: SampleViews,
        length_size: int,
        observed: ObservedFragment,
        *,
        first_of_segment: bool,
    ) -> bool:
        """Return whether NAL units fill all samples exactly, and check what is said to be a sync sample."""
        add, family = self._context.findings.add, NAL_FAMILIES[clear.type]
        flags = chain.from_iterable(islice(run.all_flags(), run.count) for run in observed.runs if run.count)
        wrong = False
        for number, (view, flag) in enumerate(zip(views, flags, strict=False)):
            fault = picture_fault(view, length_size, family)
            if fault is not None:
                add("ANX-B.3-08", f"sample {number + 1}: {fault}", offset=part.box.offset, path="/mdat")
                return False
            if flag & NON_SYNC_SAMPLE or wrong:
                continue
            if is_intra(clear.type, view, iter_nal_ranges(view, length_size)) is False:
                is_start = first_of_segment and not number
                rule = "ANX-B.3-06" if is_start else self._context.rule("C-47", "ANX-B.3-08")
                message = f"sample {number + 1}: a sync sample that is no I-frame"
                add(rule, message, offset=part.box.offset, path="/mdat")
                wrong = not is_start
        return True

    def _check_content(self, part: TrackFragment, clear: Box, views: SampleViews) -> None:
        """Check how clear samples of other media than NAL units begin and end."""
        if id(clear) not in self._checks:
            self._checks[id(clear)] = content_check(clear)
        check = self._checks[id(clear)]
        if check is None:
            return
        for number, view in enumerate(views, 1):
            fault = check(view)
            if fault is not None:
                message = f"sample {number}: {fault}"
                self._context.findings.add("ANX-B.3-08", message, offset=part.box.offset, path="/mdat")
                return

    def _check_slices(self, part: TrackFragment, data: memoryview, one: AuxiliaryInfo, protection: Protection) -> None:
        """Check that protected ranges of the first sample begin within slice data, in cbcs at their first byte."""
        if not one.subsamples:
            return
        slices = slices_of(codec_of_part(part), data)
        if slices is None:
            return  # a slice header that cannot be parsed proves nothing
        position, wrong = 0, False
        starts = [start for start, _ in slices]
        for clear, protected in one.subsamples:
            position += clear
            if protected:
                number = bisect_right(starts, position) - 1  # slices are in order
                if number < 0:
                    wrong = True
                elif protection.scheme is ProtectionScheme.CBCS:
                    wrong |= position != starts[number]
                else:
                    wrong |= position >= slices[number][1]
            position += protected
        if wrong:
            cbcs = self._context.rule("C-67", "ANX-B.8-07")
            rule = cbcs if protection.scheme is ProtectionScheme.CBCS else "ANX-B.8-06"
            message = "a protected range does not begin where the data of a slice do"
            self._context.findings.add(rule, message, offset=part.box.offset, path=f"{TRAF}/senc")

    def _decrypt(
        self,
        part: TrackFragment,
        clear: Box,
        views: SampleViews,
        runs: Sequence[ProtectionRun],
        length_size: int | None,
    ) -> bool:
        """Decrypt, and check whether the result can be media; return False if a key is missing."""
        if self._decryptor is None or any(run.kid not in (self._keys or ()) for _, run in runs):
            return False
        scheme = runs[0][1].scheme
        rule = "ANX-B.8-07" if scheme is ProtectionScheme.CBCS else "ANX-B.8-06"
        samples = (Sample(part.track.track_id, 0, 0, view) for view in views)
        message: str | None = None
        try:
            for sample, view in zip(self._decryptor(part, samples), views, strict=False):
                units = None if length_size is None else iter_nal_ranges(view, length_size)
                message = decryption_fault(clear, memoryview(sample.data), units)
                if message is not None:
                    break
        except OnvifBmffError as error:
            message = str(error)
        if message is not None:
            message = f"decryption gives no media: {message}"
            self._context.findings.add(rule, message, offset=part.box.offset, path="/mdat")
        return True
