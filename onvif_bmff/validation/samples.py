"""Rules of the samples of a traf: how they are protected, and what can be seen of their data. ISO/IEC 23001-7."""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import islice
from uuid import UUID

from onvif_bmff.bmff import Box, SampleEncryptionBox, TrackFragmentHeaderBox
from onvif_bmff.bmff.protection import (
    AuxiliaryInfo,
    SampleAuxiliaryInformationOffsetsBox,
    SampleAuxiliaryInformationSizesBox,
    read_auxiliary_info,
)
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.key_ring import KeyRing
from onvif_bmff.cenc.protection import Protection, ProtectionRun, SeigDescriptions, protection_runs
from onvif_bmff.cenc.scheme import BLOCK, NO_PATTERN, ProtectionScheme
from onvif_bmff.errors import BitstreamError, BoxError, OnvifBmffError, ProtectionError
from onvif_bmff.media.fragment_samples import SampleViews, TrackFragment
from onvif_bmff.media.nal import iter_nal_ranges
from onvif_bmff.media.sample_entries import clear_entry, is_protected, nal_length_size
from onvif_bmff.media.track import Sample
from onvif_bmff.validation.facts import Context, Header, PartFacts
from onvif_bmff.validation.payload import is_intra, spoilt
from onvif_bmff.validation.vectors import Vectors

__all__ = ["SampleChecker"]

_TRAF = "/moof/traf"
_SUBSAMPLES = 0x2
_FIRST_RECORD = 16
"""Bytes of a senc before its first record."""


class SampleChecker:
    """Looks at the samples of one segment, traf by traf.

    ``vectors`` are those of the whole store; ``keys`` open what they can.
    """

    def __init__(self, context: Context, header: Header, vectors: Vectors, keys: KeyRing | None) -> None:
        self._context = context
        self._kids = {protection.kid for protection in header.protections.values()}
        self._protections = header.protections
        self._vectors = vectors
        self._keys = keys
        self._decryptor = FragmentDecryptor(keys) if keys else None
        self._clear: dict[int, Box | None] = {}
        self._seig: dict[int, SeigDescriptions] = {}
        self._said: set[str] = set()

    def check(
        self, part: TrackFragment, facts: PartFacts, views: SampleViews | None, *, first_of_segment: bool
    ) -> None:
        """Look at the samples of a traf; ``views`` are their data, None where they cannot be had."""
        entry = part.track.entry(part.description)
        clear = self._clear_entry(entry)
        if clear is None:
            return
        length_size = nal_length_size(clear)
        maps: list[AuxiliaryInfo] | None = None
        runs: list[ProtectionRun] = []
        default = self._protections.get(part.track.track_id)
        if is_protected(entry):
            if default is None:
                return  # the header has said what is missing
            try:
                if part.track.track_id not in self._seig:
                    self._seig[part.track.track_id] = SeigDescriptions.of(part.track.table.children)
                of_track = self._seig[part.track.track_id]
                runs = protection_runs(default, facts.count, part.box.children, of_track)
            except (ProtectionError, BoxError) as error:
                rule = self._context.rule("C-69", "ANX-B.8-01")
                message = error.reason if isinstance(error, BoxError) else str(error)
                self._context.findings.add(rule, message, offset=part.box.offset, path=f"{_TRAF}/sbgp")
                return
            maps = _Protected(self, part, runs, length_size is not None).check()
            if maps is None and length_size is not None:
                return  # nobody knows which bytes are clear
        if views is None:
            return
        whole = any(run.is_protected for _, run in runs) and (
            length_size is None or maps is None or any(not one.subsamples for one in maps)
        )
        filled = False
        if length_size is not None and not whole:
            filled = self._nal_units_fill(part, clear, views, length_size, facts, first_of_segment=first_of_segment)
            if maps is not None and filled:
                self._check_slices(part, views.first, maps[0], runs[0][1])
        if runs and self._decryptor is not None and (maps is not None or not _needs_records(runs)):
            self._decrypt(part, clear, views, runs, length_size if filled else None)

    def once(self, rule: str, message: str, part: TrackFragment, path: str) -> None:
        """Note what holds for the whole object, at the first place where it is seen."""
        if f"{rule} {message}" not in self._said:
            self._said.add(f"{rule} {message}")
            self._context.findings.add(rule, message, offset=part.box.offset, path=path)

    @property
    def context(self) -> Context:
        """The object at hand."""
        return self._context

    @property
    def vectors(self) -> Vectors:
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
        facts: PartFacts,
        *,
        first_of_segment: bool,
    ) -> bool:
        """Whether NAL units fill all samples."""
        add = self._context.findings.add
        try:
            for view in views:
                deque(iter_nal_ranges(view, length_size), maxlen=0)  # never a list: there may be millions
        except BitstreamError as error:
            add("ANX-B.3-08", str(error), offset=part.box.offset, path="/mdat")
            return False
        first = views.first
        if facts.first_is_sync and is_intra(clear.type, first, iter_nal_ranges(first, length_size)) is False:
            rule = "ANX-B.3-06" if first_of_segment else self._context.rule("C-47", "ANX-B.3-08")
            add(rule, "a sync sample that is no I-frame", offset=part.box.offset, path="/mdat")
        return True

    def _check_slices(self, part: TrackFragment, data: memoryview, one: AuxiliaryInfo, protection: Protection) -> None:
        """See that protected ranges of the first sample begin no earlier than slice data do, in cbcs just there."""
        if not one.subsamples:
            return
        try:
            slices = part.track.codec(part.description).protected_ranges(data)
        except OnvifBmffError:
            return  # a slice header that we cannot read proves nothing
        position, wrong = 0, False
        starts = [start for start, _ in slices or ()]
        for clear, protected in one.subsamples:
            position += clear
            if protected and slices is not None:
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
            self._context.findings.add(rule, message, offset=part.box.offset, path=f"{_TRAF}/senc")

    def _decrypt(
        self,
        part: TrackFragment,
        clear: Box,
        views: SampleViews,
        runs: Sequence[ProtectionRun],
        length_size: int | None,
    ) -> None:
        """Decrypt, and see whether what comes out can be media."""
        if self._decryptor is None or any(run.kid not in (self._keys or ()) for _, run in runs):
            return
        scheme = runs[0][1].scheme
        rule = "ANX-B.8-07" if scheme is ProtectionScheme.CBCS else "ANX-B.8-06"
        samples = (Sample(part.track.track_id, 0, 0, view) for view in views)
        message: str | None = None
        try:
            for sample, view in zip(self._decryptor(part, samples), views, strict=False):
                units = None if length_size is None else iter_nal_ranges(view, length_size)
                message = spoilt(clear, memoryview(sample.data), units)
                if message is not None:
                    break
        except OnvifBmffError as error:
            message = str(error)
        if message is not None:
            message = f"decryption gives no media: {message}"
            self._context.findings.add(rule, message, offset=part.box.offset, path="/mdat")


def _needs_records(runs: Sequence[ProtectionRun]) -> bool:
    return any(run.is_protected and run.iv_size for _, run in runs)


class _Protected:
    """The boxes that tell how the samples of one traf are protected."""

    def __init__(
        self, checker: SampleChecker, part: TrackFragment, runs: Sequence[ProtectionRun], is_nal_video: bool
    ) -> None:
        self._checker = checker
        self._context = checker.context
        self._add = checker.context.findings.add
        self._part = part
        self._runs = [run for run in runs if run[0]]
        self._is_nal_video = is_nal_video

    def check(self) -> list[AuxiliaryInfo] | None:
        """Look at them; return vector and subsamples of each sample where there are any that can be read."""
        part, runs = self._part, self._runs
        protected = {run.is_protected for _, run in runs}
        if len(protected) > 1 and self._context.is_cmaf:
            self._add("C-68", "protected and clear samples in one fragment", offset=part.box.offset, path=_TRAF)
        if protected != {True}:
            return None
        self._check_protections()
        counts = sum(run[0] for run in runs), part.sample_count
        senc = part.box.find(SampleEncryptionBox)
        sizes = part.box.find(SampleAuxiliaryInformationSizesBox)
        places = part.box.find(SampleAuxiliaryInformationOffsetsBox)
        needed = self._is_nal_video or _needs_records(runs)
        if senc is None and (sizes is None or places is None):
            if needed:
                rule = self._context.rule("C-64", "ANX-B.8-01")
                self._add(rule, "no senc, saiz and saio", offset=part.box.offset, path=_TRAF)
            else:
                self._constants()
            return None
        if not needed:
            if self._context.is_cmaf:
                self._add("C-65", "senc, saiz or saio without need", offset=part.box.offset, path=_TRAF)
            self._constants()
            return None
        if senc is None:
            return None  # the records lie elsewhere in the object, and were passed already
        if counts[0] != counts[1]:
            return None
        records = self._records(senc)
        if records is not None:
            self._check_places(senc, sizes, places, records)
            self._check_maps(records)
            self._check_vectors(records)
        return records

    def _check_protections(self) -> None:
        """What tenc or seig say, once for each object."""
        part, once, rule = self._part, self._checker.once, self._context.rule
        for _, run in self._runs:
            if run.kid not in self._checker.kids:
                once("ANX-B.8.1-06", f"a sample group uses the KID {run.kid}, which no header names", part, _TRAF)
            if run.scheme is not ProtectionScheme.CBCS:
                continue
            if run.iv_size:
                once(rule("C-67", "ANX-B.8-07"), "cbcs with a vector for each sample", part, _TRAF)
            elif len(run.constant_iv) != BLOCK:
                once(rule("C-67", "ANX-B.8-07"), f"a constant vector of {len(run.constant_iv)} bytes", part, _TRAF)
            if self._is_nal_video and not (run.pattern.crypt and run.pattern.skip):
                once("ANX-B.8-07", "video without a pattern", part, _TRAF)
            elif not self._is_nal_video and run.pattern != NO_PATTERN and run.pattern.skip:
                once("ANX-B.8-07", "a pattern on other than video in NAL units", part, _TRAF)

    def _records(self, senc: SampleEncryptionBox) -> list[AuxiliaryInfo] | None:
        """The records of senc; None where they cannot be read, or vectors of several sizes are mixed."""
        part, rule = self._part, self._context.rule("C-64", "ANX-B.8-01")
        path = f"{_TRAF}/senc"
        if senc.sample_count != part.sample_count:
            message = f"senc tells of {senc.sample_count} samples, there are {part.sample_count}"
            self._add(rule, message, offset=senc.offset, path=path)
            return None
        sizes = {run.iv_size for _, run in self._runs}
        if len(sizes) != 1:
            return None
        iv_size, subsamples = sizes.pop(), bool(senc.flags & _SUBSAMPLES)
        try:
            records = read_auxiliary_info(senc.data, senc.sample_count, iv_size, subsamples)
        except BoxError as error:
            self._add(rule, error.reason, offset=senc.offset, path=path)
            return None
        used = sum(_size_of(one) for one in records)
        if used != len(senc.data):
            message = f"the records take {used} of {len(senc.data)} bytes"
            self._add(rule, message, offset=senc.offset, path=path)
            return None
        return records

    def _check_places(
        self,
        senc: SampleEncryptionBox,
        sizes: SampleAuxiliaryInformationSizesBox | None,
        places: SampleAuxiliaryInformationOffsetsBox | None,
        records: Sequence[AuxiliaryInfo],
    ) -> None:
        """See that saiz and saio lead to the records of senc."""
        part, rule, add = self._part, self._context.rule("C-63", "ANX-B.8-01"), self._add
        if sizes is None or places is None:
            add(rule, "senc without saiz or saio", offset=senc.offset, path=_TRAF)
            return
        scheme = self._runs[0][1].scheme.fourcc
        for box in (sizes, places):
            if box.aux_info_type not in (None, scheme):
                message = f"information of type {box.aux_info_type!r}, not {scheme!r}"
                add(rule, message, offset=box.offset, path=f"{_TRAF}/{box.type}")
        expected = bytes(min(_size_of(one), 255) for one in records)
        alike = sizes.default_sample_info_size
        given = bytes([alike]) * len(records) if alike else bytes(sizes.sizes)
        if sizes.sample_count != len(records) or given != expected:
            add(rule, "sizes that are not those of the records", offset=sizes.offset, path=f"{_TRAF}/saiz")
        header = part.box.require(TrackFragmentHeaderBox)
        base = header.base_data_offset if header.base_data_offset is not None else part.moof_offset
        offsets = list(places.entries["offset"])
        wanted = (senc.offset or 0) + _FIRST_RECORD - base
        if offsets != [wanted]:
            message = f"offsets {offsets[:3]}, while the records lie at {wanted}"
            add(rule, message, offset=places.offset, path=f"{_TRAF}/saio")

    def _check_maps(self, records: Sequence[AuxiliaryInfo]) -> None:
        """See that subsamples cover the samples, and that what they protect is whole blocks."""
        part, add, rule = self._part, self._add, self._context.rule
        scheme = self._runs[0][1].scheme
        of_scheme = "ANX-B.8-07" if scheme is ProtectionScheme.CBCS else "ANX-B.8-06"
        for number, (one, size) in enumerate(zip(records, part.iter_sizes(), strict=True), 1):
            if not one.subsamples:
                if self._is_nal_video:
                    self._checker.once(of_scheme, "whole samples of video are encrypted", part, f"{_TRAF}/senc")
                continue
            covered = sum([clear + protected for clear, protected in one.subsamples])
            if covered != size:
                message = f"the subsamples of sample {number} cover {covered} of {size} bytes"
                add(rule("C-64", "ANX-B.8-01"), message, offset=part.box.offset, path=f"{_TRAF}/senc")
            if scheme is ProtectionScheme.CENC and any(protected % BLOCK for _, protected in one.subsamples):
                message = f"a subsample of sample {number} does not protect whole blocks"
                add(rule("C-66", "ANX-B.8-06"), message, offset=part.box.offset, path=f"{_TRAF}/senc")

    def _check_vectors(self, records: Sequence[AuxiliaryInfo]) -> None:
        """See that vectors were not used before."""
        if any(run.scheme is ProtectionScheme.CBCS for _, run in self._runs):
            self._constants(records)
            return
        if any(run.scheme is not ProtectionScheme.CENC for _, run in self._runs):
            return
        vectors = ((one.iv, _blocks(one, size)) for one, size in zip(records, self._part.iter_sizes(), strict=True))
        for count, run in self._runs:
            again = self._checker.vectors.counters(run.kid, islice(vectors, count))
            if again is not None:
                self._repeated(again)

    def _constants(self, records: Sequence[AuxiliaryInfo] = ()) -> None:
        """Take the vectors of cbcs: those in senc, or the constant ones."""
        by_kid: dict[UUID, dict[bytes, None]] = {}
        first = 0
        for count, run in self._runs:
            if run.scheme is ProtectionScheme.CBCS:
                own = [one.iv for one in records[first : first + count]] if run.iv_size else [run.constant_iv]
                by_kid.setdefault(run.kid, {}).update(dict.fromkeys(own))
            first += count
        for kid, vectors in by_kid.items():
            again = self._checker.vectors.constant(kid, vectors)
            if again is not None:
                self._repeated(again)

    def _repeated(self, vector: bytes) -> None:
        message = f"the vector {vector.hex()} was used before with this key"
        self._add("ANX-B.8-08", message, offset=self._part.box.offset, path=_TRAF)


def _size_of(one: AuxiliaryInfo) -> int:
    return len(one.iv) + (0 if one.subsamples is None else 2 + 6 * len(one.subsamples))


def _blocks(one: AuxiliaryInfo, size: int) -> int:
    protected = size if not one.subsamples else sum([protected for _, protected in one.subsamples])
    return -(-protected // BLOCK)
