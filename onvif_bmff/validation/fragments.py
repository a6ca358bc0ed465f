"""Rules of fragments: boxes of the moof, continuous times, available data. ISO/IEC 23000-19, 7.3.2.3, 7.5, 7.7."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from onvif_bmff.bmff import (
    NON_SYNC_SAMPLE,
    Box,
    EditBox,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    ProducerReferenceTimeBox,
    SyncSampleBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
    child_count_faults,
)
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.fragment_samples import FragmentReader, SampleRun, SampleViews, TrackFragment
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.validation.child_counts import (
    CMAF_FRAGMENT,
    CMAF_TRACK_FRAGMENT,
    RECORDED_TRACK_FRAGMENT,
    has_child_counts,
    missing_children,
)
from onvif_bmff.validation.observed import (
    RANK,
    Context,
    Header,
    ObservedFragment,
    ObservedSegment,
    ObservedTrack,
    StopLooking,
)
from onvif_bmff.validation.samples import SampleChecker
from onvif_bmff.validation.spacing import check_spacing

__all__ = ["FragmentChecker", "MediaData"]

_BASE_IS_MOOF = 0x020000
_ANY_SIZE = 1 << 62
_TRAF = "/moof/traf"
_DEPENDS = 1
"""sample_depends_on of a sample that depends on others."""


@dataclass(slots=True)
class MediaData:
    """Payload of an mdat: its position in the object, and its bytes unless there are too many."""

    start: int
    stop: int
    view: memoryview | None = field(repr=False)


class FragmentChecker:
    """Checks the fragments of one segment in order, and records them in ``observed``."""

    def __init__(self, context: Context, observed: ObservedSegment, header: Header, samples: SampleChecker) -> None:
        self._context = context
        self._observed = observed
        self._samples = samples
        self._budget = SampleBudget()
        self._reader = FragmentReader(header.tracks, _ANY_SIZE, self._budget)
        self._known = {track.track_id for track in header.tracks}
        self._sequence_number: int | None = None
        self._last_in: dict[int, int] = {}
        self._cmf2 = context.is_cmaf and "cmf2" in header.brands
        lead = min(header.tracks, key=lambda track: RANK.get(track.handler, 3), default=None)
        self._lead_id = lead.track_id if lead is not None else 0
        self._number = 0
        self._shifted = {track.track_id for track in header.tracks if track.box.find(EditBox) is not None}
        observed.tracks = {track.track_id: ObservedTrack(track) for track in header.tracks}

    def check(self, moof: MovieFragmentBox, start: int, data: Sequence[MediaData], before: Sequence[Box]) -> None:
        """Check the moof at byte ``start``, the media data after it, and the boxes ``before`` it.

        Raises:
            BoxError, MediaError: the samples cannot be read.
            StopLooking: a traf belongs to an unknown track, or there is no mdat.
        """
        context, add = self._context, self._context.findings.add
        number = moof.require(MovieFragmentHeaderBox).sequence_number
        if self._sequence_number is not None and number <= self._sequence_number:
            rule = context.rule("C-53", "ANX-B.3-08")
            message = f"sequence number {number} after {self._sequence_number}"
            add(rule, message, offset=start, path="/moof/mfhd")
        self._sequence_number = number
        trafs = moof.find_all(TrackFragmentBox)
        for box in trafs:
            header = box.require(TrackFragmentHeaderBox)
            if header.track_id not in self._known:
                rule = context.rule("C-42", "ANX-B.3-08")
                message = f"track {header.track_id}, which the moov does not have"
                add(rule, message, offset=header.offset, path=f"{_TRAF}/tfhd")
                raise StopLooking
        _check_counts(context, moof, "/moof")
        if context.is_cmaf:
            self._check_chunk(moof, start, data, before)
        if not data and any(run.sample_count for box in trafs for run in box.find_all(TrackRunBox)):
            add(context.rule("C-40", "ANX-B.1-03"), "no mdat follows the moof", offset=start, path="/moof")
            raise StopLooking
        self._budget.allow((moof.read_size or 0) + sum([one.stop - one.start for one in data]))
        parts = self._reader.read(moof, start)
        for traf_number, part in enumerate(parts, 1):
            self._check_boxes(part)
            if part.sample_count:
                self._check_part(part, traf_number, data, has_data=bool(data))
        self._number += 1

    def close(self) -> None:
        """Check all fragments together."""
        self._samples.coverage.close()
        if not self._context.is_cmaf:
            return
        add = self._context.findings.add
        for track in self._observed.tracks.values():
            if not track.all_sync and track.track.table.find(SyncSampleBox) is None:
                table = track.track.table
                add(
                    "C-19",
                    "no stss, but other than sync samples",
                    offset=table.offset,
                    path="/moov/trak/mdia/minf/stbl",
                )

    def _check_chunk(
        self, moof: MovieFragmentBox, start: int, data: Sequence[MediaData], before: Sequence[Box]
    ) -> None:
        add, trafs = self._context.findings.add, moof.find_all(TrackFragmentBox)
        if not has_child_counts(moof, CMAF_FRAGMENT) or not has_child_counts(trafs[0], CMAF_TRACK_FRAGMENT):
            runs = sum(len(box.find_all(TrackRunBox)) for box in trafs)
            add("C-40", f"{len(trafs)} traf and {runs} trun boxes", offset=start, path="/moof")
        if len(data) > 1:
            add("C-40", f"{len(data)} mdat boxes behind one moof", offset=start, path="/mdat")
        for box in before:
            if isinstance(box, ProducerReferenceTimeBox) and box.reference_track_id not in self._known:
                add("C-50", f"a time of track {box.reference_track_id}", offset=box.offset, path="/prft")

    def _check_boxes(self, part: TrackFragment) -> None:
        """Check the boxes of a traf that need no other."""
        context, add = self._context, self._context.findings.add
        header = part.box.require(TrackFragmentHeaderBox)
        if missing_children(part.box, RECORDED_TRACK_FRAGMENT):
            rule = context.rule("C-43", "ANX-B.2-05")
            add(rule, "no tfdt: the decode time depends on other segments", offset=part.box.offset, path=_TRAF)
        _check_counts(context, part.box, _TRAF)
        runs = part.box.find_all(TrackRunBox)
        for run in runs:
            if run.trailing:
                message = f"{len(run.trailing)} bytes behind its {run.sample_count} samples"
                add("ANX-B.3-08", message, offset=run.offset, path=f"{_TRAF}/trun")
            if run.first_sample_flags is not None and "flags" in run.samples:
                message = "first_sample_flags beside flags of all samples"
                add("ANX-B.3-08", message, offset=run.offset, path=f"{_TRAF}/trun")
        if not context.is_cmaf:
            return
        path = f"{_TRAF}/tfhd"
        if header.base_data_offset is not None or not header.flags & _BASE_IS_MOOF:
            add("C-42", "data offsets do not count from the moof", offset=header.offset, path=path)
        for run in runs:
            if run.data_offset is None:
                add("C-45", "no data offset", offset=run.offset, path=f"{_TRAF}/trun")
            if self._cmf2 and not run.version and part.track.handler == MediaKind.VIDEO.handler:
                add("C-32", "a trun of version 0", offset=run.offset, path=f"{_TRAF}/trun")
        if self._cmf2:
            lacking = [] if header.sample_description_index is not None else ["sample_description_index"]
            for name in ("duration", "size", "flags"):
                given = getattr(header, f"default_sample_{name}") is not None
                if not given and any(run.sample_count and name not in run.samples for run in runs):
                    lacking.append(name)
            if lacking == ["flags"] and all(
                run.sample_count == 1 and run.first_sample_flags is not None for run in runs
            ):
                lacking = []
            if lacking:
                add("C-46", f"only trex tells {', '.join(lacking)}", offset=header.offset, path=path)

    def _check_part(self, part: TrackFragment, traf_number: int, data: Sequence[MediaData], *, has_data: bool) -> None:
        """Check times and data of a traf that has samples."""
        context, add = self._context, self._context.findings.add
        track_id = part.track.track_id
        of_track = self._observed.tracks[track_id]
        made = ObservedFragment.of(part, traf_number)
        self._check_times(part, made, of_track)
        check_spacing(context, part, of_track)
        of_track.parts.append(made)
        of_track.duration += part.duration
        of_track.samples += part.sample_count
        of_track.size += sum([run.data_size for run in part.runs])
        of_track.end = part.decode_time + part.duration
        of_track.presentation_end = max(of_track.presentation_end, made.presentation_end)
        self._last_in[track_id] = self._number
        wrong = False
        for run in part.runs:
            for flags in _flags_of(run):
                if flags & NON_SYNC_SAMPLE:
                    of_track.all_sync = False
                elif flags >> 24 & 3 == _DEPENDS:
                    wrong = True
        if wrong:
            rule = context.rule("C-47", "ANX-B.3-08")
            add(rule, "a sync sample is said to depend on others", offset=part.box.offset, path=f"{_TRAF}/trun")
        first_of_segment = len(of_track.parts) == 1 and self._number == 0 and track_id == self._lead_id
        if first_of_segment and not made.first_is_start:
            message = "the first sample is no sync sample, nor does a gradual refresh begin with it"
            add("ANX-B.3-06", message, offset=part.box.offset, path=f"{_TRAF}/trun")
        empty = sum([_count_empty(run) for run in part.runs])
        if empty:
            add("P-01", f"{empty} samples without bytes", offset=part.box.offset, path=f"{_TRAF}/trun")
        views = SampleViews() if has_data else None
        for run in part.runs:
            size = run.data_size
            if not run.count or not size or not has_data:
                continue
            number = bisect_right(data, run.position, key=lambda one: one.start) - 1  # they are in order
            place = data[number] if number >= 0 and run.position + size <= data[number].stop else None
            if place is None:
                rule = context.rule("C-45", "ANX-B.3-08")
                message = f"samples at bytes {run.position} to {run.position + size}, which are not in the mdat behind"
                add(rule, message, offset=part.box.offset, path=f"{_TRAF}/trun")
                views = None
                break
            if place.view is None:
                views = None
                break
            if views is not None:
                views.add(run, place.view, run.position - place.start)
        if views is not None and len(views) != part.sample_count:
            views = None  # some samples have no bytes: their data are not checked
        self._samples.check(part, made, views, first_of_segment=first_of_segment)

    def _check_times(self, part: TrackFragment, made: ObservedFragment, of_track: ObservedTrack) -> None:
        context, add = self._context, self._context.findings.add
        track_id, path = part.track.track_id, f"{_TRAF}/tfdt"
        if of_track.parts and part.box.find(TrackFragmentBaseMediaDecodeTimeBox) is not None:
            step = part.decode_time - of_track.end
            # Tracks of a multiplexed segment may pause; the leading one only while fragments of others continue.
            may_pause = not context.is_cmaf and (
                track_id != self._lead_id or self._last_in.get(track_id) != self._number - 1
            )
            if step < 0 or (step > 0 and not may_pause):
                rule = context.rule("C-43", "ANX-B.1-04")
                kind = "gap" if step > 0 else "overlap"
                message = f"{kind} of {abs(step)} ticks: tfdt {part.decode_time} after an end at {of_track.end}"
                add(rule, message, offset=part.box.offset, path=path)
        run = part.box.find(TrackRunBox)
        if (
            context.is_cmaf
            and run is not None
            and run.version == 1
            and made.first_is_sync
            and track_id not in self._shifted
            and made.earliest != part.decode_time
        ):
            message = f"the first picture is shown at {made.earliest}, tfdt is {part.decode_time}"
            add("C-33", message, offset=part.box.offset, path=path)


def _check_counts(context: Context, box: Box, path: str) -> None:
    """Report children that a container has more often than it may."""
    types = [child.type for child in box.children_of()]
    if len(set(types)) == len(types):
        return
    for fault in child_count_faults(box.child_rules, types):
        if fault.most is not None and fault.count > fault.most:
            context.findings.add("ANX-B.3-08", f"{fault.count} {fault.type} boxes", offset=box.offset, path=path)


def _flags_of(run: SampleRun) -> set[int]:
    """Return the set of flags of the samples of a run."""
    if not isinstance(run.flags, array):
        found = {run.flags} if run.first_flags is None or run.count > 1 else set[int]()
    else:
        found = set(run.flags if run.first_flags is None else run.flags[1:])
    if run.first_flags is not None and run.count:
        found.add(run.first_flags)
    return found


def _count_empty(run: SampleRun) -> int:
    if isinstance(run.size, array):
        return run.size.count(0)
    return 0 if run.size else run.count
