"""Rules of the boxes that describe the protection of samples: senc, saiz, saio, sample groups. ISO/IEC 23001-7."""

from collections.abc import Sequence
from itertools import islice
from typing import Protocol
from uuid import UUID

from onvif_bmff.bmff import (
    SampleEncryptionBox,
    SampleGroupDescriptionBox,
    SampleToGroupBox,
    TrackFragmentHeaderBox,
)
from onvif_bmff.bmff.protection import (
    AuxiliaryInfo,
    SampleAuxiliaryInformationOffsetsBox,
    SampleAuxiliaryInformationSizesBox,
    read_auxiliary_info,
)
from onvif_bmff.cenc.protection import ProtectionRun
from onvif_bmff.cenc.scheme import BLOCK, NO_PATTERN, ProtectionScheme
from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.errors import BoxError
from onvif_bmff.validation.iv_reuse import VectorMemory
from onvif_bmff.validation.observed import Context

__all__ = ["TRAF", "ProtectedPart", "needs_records"]

TRAF = "/moof/traf"
_SUBSAMPLES = 0x2
_LOCAL = 0x10000
"""Indices above this one are of descriptions in the same traf. ISO/IEC 14496-12, 8.9.4."""
_FIRST_RECORD = 16
"""Bytes of a senc before its first record."""


class SampleSite(Protocol):
    """The segment whose samples are checked."""

    @property
    def context(self) -> Context:
        """Where findings go."""
        ...

    @property
    def vectors(self) -> VectorMemory:
        """The vectors of the whole store."""
        ...

    @property
    def kids(self) -> set[UUID]:
        """Key identifiers of the header."""
        ...

    def described(self, part: TrackFragment) -> int:
        """Return how many groups of type 'seig' the stbl of a track describes."""
        ...

    def once(self, rule: str, message: str, part: TrackFragment, path: str) -> None:
        """Report a finding once for each segment."""
        ...


def needs_records(runs: Sequence[ProtectionRun]) -> bool:
    """Return whether samples of these runs have vectors of their own."""
    return any(run.is_protected and run.iv_size for _, run in runs)


class ProtectedPart:
    """Checks the boxes that describe the protection of one traf's samples."""

    def __init__(
        self, checker: SampleSite, part: TrackFragment, runs: Sequence[ProtectionRun], *, is_nal_video: bool
    ) -> None:
        self._checker = checker
        self._context = checker.context
        self._add = checker.context.findings.add
        self._part = part
        self._runs = [run for run in runs if run[0]]
        self._is_nal_video = is_nal_video

    def check(self) -> list[AuxiliaryInfo] | None:
        """Check the boxes; return vector and subsamples of each sample, or None if none is usable."""
        part, runs = self._part, self._runs
        protected = {run.is_protected for _, run in runs}
        if len(protected) > 1 and self._context.is_cmaf:
            self._add("C-68", "protected and clear samples in one fragment", offset=part.box.offset, path=TRAF)
        if protected != {True}:
            return None
        self._check_groups()
        self._check_protections()
        counts = sum(run[0] for run in runs), part.sample_count
        senc = part.box.find(SampleEncryptionBox)
        sizes = part.box.find(SampleAuxiliaryInformationSizesBox)
        places = part.box.find(SampleAuxiliaryInformationOffsetsBox)
        needed = self._is_nal_video or needs_records(runs)
        if senc is None and (sizes is None or places is None):
            if needed:
                rule = self._context.rule("C-64", "ANX-B.8-01")
                self._add(rule, "no senc, saiz and saio", offset=part.box.offset, path=TRAF)
            else:
                self._constants()
            return None
        if not needed:
            if self._context.is_cmaf:
                self._add("C-65", "senc, saiz or saio without need", offset=part.box.offset, path=TRAF)
            self._constants()
            return None
        if senc is None:
            self._check_records_in_data(places)
            return None
        if counts[0] != counts[1]:
            return None
        records = self._records(senc)
        if records is not None:
            self._check_places(senc, sizes, places, records)
            self._check_maps(records)
            self._check_vectors(records)
        return records

    def _check_records_in_data(self, places: SampleAuxiliaryInformationOffsetsBox | None) -> None:
        """Without a senc the records may lie in the media data behind the moof, but not within it."""
        start, box = self._base(), self._part.box
        end = (box.offset or 0) + (box.read_size or 0)
        for offset in places.entries["offset"] if places is not None else ():
            if start + offset < end:
                message = f"no senc, and saio refers to byte {start + offset}, which is not in media data"
                self._add(self._context.rule("C-64", "ANX-B.8-01"), message, offset=box.offset, path=TRAF)
                return

    def _base(self) -> int:
        """The position from which offsets in saio count."""
        header = self._part.box.require(TrackFragmentHeaderBox)
        return header.base_data_offset if header.base_data_offset is not None else self._part.moof_offset

    def _check_groups(self) -> None:
        """Check that groups of type 'seig' are described where they say, and have no more samples than there are."""
        part, rule = self._part, self._context.rule("C-69", "ANX-B.8-01")
        for group in part.box.find_all(SampleGroupDescriptionBox):
            size = group.entry_count * (group.default_length or 0)
            if group.grouping_type == "seig" and group.version == 1 and size not in (0, len(group.descriptions)):
                message = f"{group.entry_count} descriptions of {group.default_length} bytes do not fill the box"
                self._add(rule, message, offset=group.offset, path=f"{TRAF}/sgpd")
        for box in part.box.find_all(SampleToGroupBox):
            if box.grouping_type != "seig":
                continue
            if sum(box.entries["sample_count"]) > part.sample_count:
                message = f"groups of more than the {part.sample_count} samples"
                self._add(rule, message, offset=box.offset, path=f"{TRAF}/sbgp")
            for index in box.entries["group_description_index"]:
                if _LOCAL > index > self._checker.described(part):
                    message = f"the track has no description {index}"
                    self._add(rule, message, offset=box.offset, path=f"{TRAF}/sbgp")
                    break

    def _check_protections(self) -> None:
        """Check tenc and seig, once for each object."""
        part, once, rule = self._part, self._checker.once, self._context.rule
        for _, run in self._runs:
            if run.kid not in self._checker.kids:
                once("ANX-B.8.1-06", f"a sample group uses the KID {run.kid}, which no header names", part, TRAF)
            if run.scheme is not ProtectionScheme.CBCS:
                if run.scheme is ProtectionScheme.CENC and run.iv_size == BLOCK and self._context.is_cmaf:
                    once("C-66", "cenc with vectors of 16 bytes", part, TRAF)
                continue
            if run.iv_size:
                once(rule("C-67", "ANX-B.8-07"), "cbcs with a vector for each sample", part, TRAF)
            elif len(run.constant_iv) != BLOCK:
                once(rule("C-67", "ANX-B.8-07"), f"a constant vector of {len(run.constant_iv)} bytes", part, TRAF)
            if self._is_nal_video and not (run.pattern.crypt and run.pattern.skip):
                once("ANX-B.8-07", "video without a pattern", part, TRAF)
            elif not self._is_nal_video and run.pattern != NO_PATTERN and run.pattern.skip:
                once("ANX-B.8-07", "a pattern on other than video in NAL units", part, TRAF)

    def _records(self, senc: SampleEncryptionBox) -> list[AuxiliaryInfo] | None:
        """Return the records of senc; None if they cannot be read, or have vectors of several sizes."""
        part, rule = self._part, self._context.rule("C-64", "ANX-B.8-01")
        path = f"{TRAF}/senc"
        if senc.sample_count != part.sample_count:
            message = f"senc tells of {senc.sample_count} samples, there are {part.sample_count}"
            self._add(rule, message, offset=senc.offset, path=path)
            return None
        sizes = {run.iv_size for _, run in self._runs}
        if len(sizes) != 1:
            return None
        iv_size, subsamples = sizes.pop(), bool(senc.flags & _SUBSAMPLES)
        try:
            records = read_auxiliary_info(senc.data, senc.sample_count, iv_size, subsamples=subsamples)
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
        """Check that saiz and saio refer to the records of senc."""
        rule, add = self._context.rule("C-63", "ANX-B.8-01"), self._add
        if sizes is None or places is None:
            add(rule, "senc without saiz or saio", offset=senc.offset, path=TRAF)
            return
        scheme = self._runs[0][1].scheme.fourcc
        for box in (sizes, places):
            if box.aux_info_type not in (None, scheme):
                message = f"information of type {box.aux_info_type!r}, not {scheme!r}"
                add(rule, message, offset=box.offset, path=f"{TRAF}/{box.type}")
        expected = bytes(min(_size_of(one), 255) for one in records)
        alike = sizes.default_sample_info_size
        given = bytes([alike]) * len(records) if alike else bytes(sizes.sizes)
        if sizes.sample_count != len(records) or given != expected:
            add(rule, "sizes that are not those of the records", offset=sizes.offset, path=f"{TRAF}/saiz")
        offsets = list(places.entries["offset"])
        wanted = (senc.offset or 0) + _FIRST_RECORD - self._base()
        if offsets != [wanted]:
            message = f"offsets {offsets[:3]}, while the records lie at {wanted}"
            add(rule, message, offset=places.offset, path=f"{TRAF}/saio")

    def _check_maps(self, records: Sequence[AuxiliaryInfo]) -> None:
        """Check that subsamples cover the samples and protect whole blocks."""
        part, add, rule = self._part, self._add, self._context.rule
        scheme = self._runs[0][1].scheme
        of_scheme = "ANX-B.8-07" if scheme is ProtectionScheme.CBCS else "ANX-B.8-06"
        for number, (one, size) in enumerate(zip(records, part.iter_sizes(), strict=True), 1):
            if not one.subsamples:
                if self._is_nal_video:
                    self._checker.once(of_scheme, "whole samples of video are encrypted", part, f"{TRAF}/senc")
                continue
            covered = sum([clear + protected for clear, protected in one.subsamples])
            if covered != size:
                message = f"the subsamples of sample {number} cover {covered} of {size} bytes"
                add(rule("C-64", "ANX-B.8-01"), message, offset=part.box.offset, path=f"{TRAF}/senc")
            if scheme is ProtectionScheme.CENC and any(protected % BLOCK for _, protected in one.subsamples):
                message = f"a subsample of sample {number} does not protect whole blocks"
                add(rule("C-66", "ANX-B.8-06"), message, offset=part.box.offset, path=f"{TRAF}/senc")

    def _check_vectors(self, records: Sequence[AuxiliaryInfo]) -> None:
        """Check that vectors were not used before."""
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
        """Check the vectors of cbcs: those in senc, or the constant ones."""
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
        self._add("ANX-B.8-08", message, offset=self._part.box.offset, path=TRAF)


def _size_of(one: AuxiliaryInfo) -> int:
    return len(one.iv) + (0 if one.subsamples is None else 2 + 6 * len(one.subsamples))


def _blocks(one: AuxiliaryInfo, size: int) -> int:
    protected = size if not one.subsamples else sum([protected for _, protected in one.subsamples])
    return -(-protected // BLOCK)
