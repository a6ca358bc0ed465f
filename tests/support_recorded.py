"""What a recorder wrote, taken apart and held to the rules that every recording keeps.

``check_recording`` parses every object and fails at the first lie: in layout, offsets, times, counters, keys, seek
tables or attributes. It gives back the spans with their samples, so that tests can compare them with what went in.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from onvif_bmff.bmff import (
    ChunkOffsetBox,
    DataEntryUrlBox,
    DataReferenceBox,
    FileTypeBox,
    HandlerBox,
    MediaDataBox,
    MediaHeaderBox,
    MovieBox,
    MovieExtendsBox,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    MovieHeaderBox,
    SampleDescriptionBox,
    SampleSizeBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackExtendsBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackFragmentRandomAccessBox,
    TrackHeaderBox,
    TrackRunBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.objects import ObjectKey, SegmentObject, SpanEndObject, collect_objects

CONTENT_TYPES = {"mp4": "video/mp4", "m4v": "video/mp4", "m4a": "audio/mp4", "m4m": "application/mp4"}
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class PlayedSample:
    """A sample as a player finds it: times are ticks of the file."""

    track_id: int
    decode_time: int
    duration: int
    offset: int
    sync: bool
    data: bytes

    @property
    def presented(self):
        return self.decode_time + self.offset


@dataclass
class PlayedSegment:
    obj: SegmentObject
    header: bytes
    samples: list[PlayedSample] = field(default_factory=list)
    fragments: list[bytes] = field(default_factory=list)
    first_fragment: int = 0
    sequence_numbers: list[int] = field(default_factory=list)


@dataclass
class PlayedSpan:
    extension: str
    timescale: int = 0
    kinds: dict[int, str] = field(default_factory=dict)
    segments: list[PlayedSegment] = field(default_factory=list)
    end: SpanEndObject | None = None

    @property
    def lead(self):
        return next(iter(self.kinds))

    def samples(self, track_id=None):
        return [s for seg in self.segments for s in seg.samples if track_id is None or s.track_id == track_id]

    @property
    def payload(self):
        return [sample.data for sample in self.samples()]


def check_recording(events, *, ended=True, protected=False, in_step=True, followed=0):
    """Check all objects that ``events`` make; return the spans in the order in which they began.

    ``ended=False`` for a recording that goes on: what is complete is checked. ``protected`` allows the headers of a
    span to differ, as those of encrypted spans may. ``in_step=False`` for tracks whose clocks have nothing to do with
    each other: then a segment is named after any of its tracks. ``followed``: microseconds by which a key may differ
    from the media since the key before it, where a clock is followed.
    """
    if not ended:
        events = _only_sealed(events)
    objects = collect_objects(events)
    keys = [str(obj.key) for obj in objects]
    assert followed or len(set(keys)) == len(keys), "two objects under one key"
    spans, open_spans = [], {}
    for obj in objects:
        extension = obj.key.extension
        span = open_spans.get(extension)
        if isinstance(obj, SpanEndObject):
            assert span is not None, f"the end of a span that never was: {obj.key}"
            span.end = obj
            del open_spans[extension]
            continue
        if span is None:
            span = open_spans[extension] = PlayedSpan(extension)
            spans.append(span)
        assert obj.key.counter == len(span.segments), f"counter of {obj.key}"
        span.segments.append(_take_apart(obj, span))
    assert not ended or not open_spans, "a span has no end object"
    for span in spans:
        _check_span(span, protected, in_step, followed)
    return spans


def _only_sealed(events):
    sealed = {event.key for event in events if type(event).__name__ == "SegmentSealed"}
    return [event for event in events if type(event).__name__ == "SpanEnded" or event.key in sealed]


# ---- one object -----------------------------------------------------------------------------------------------


def _take_apart(obj, span):
    body = bytes(obj.body)
    boxes = parse_boxes(body)
    assert build_boxes(boxes) == body
    assert isinstance(boxes[0], FileTypeBox)
    assert isinstance(boxes[1], MovieBox)
    rest = boxes[2:]
    has_mfra = isinstance(boxes[-1], MovieFragmentRandomAccessBox)
    pairs = rest[:-1] if has_mfra else rest
    assert pairs, "a segment without fragments"
    assert len(pairs) % 2 == 0
    header = body[: boxes[2].offset]
    timescale, kinds = check_movie(boxes[1])
    if not span.segments:
        span.timescale, span.kinds = timescale, kinds
    assert (span.timescale, span.kinds) == (timescale, kinds)
    assert obj.content_type.split(";")[0] == CONTENT_TYPES[obj.key.extension]
    if obj.key.extension != "mp4":
        assert len(kinds) == 1
        assert boxes[0].major_brand == "cmf2"
        assert boxes[0].minor_version == 0
        assert "cmfc" in boxes[0].compatible_brands
    segment = PlayedSegment(obj, header)
    at = {}
    for moof, mdat in zip(pairs[::2], pairs[1::2], strict=True):
        assert isinstance(moof, MovieFragmentBox)
        assert isinstance(mdat, MediaDataBox)
        at[moof.offset] = _take_fragment(body, moof, mdat, segment, obj.key.extension != "mp4")
        segment.first_fragment = segment.first_fragment or len(segment.samples)
        segment.fragments.append(body[moof.offset : mdat.offset + mdat.read_size])
        segment.sequence_numbers.append(moof.require(MovieFragmentHeaderBox).sequence_number)
    if has_mfra:
        _check_mfra(body, boxes[-1], at)
    _check_attributes(obj, segment, span, boxes[-1] if has_mfra else None)
    return segment


def check_movie(movie):
    """Check a moov; return its timescale and the handler of each track."""
    head = movie.children[0]
    assert isinstance(head, MovieHeaderBox)
    assert (head.rate, head.volume, head.duration) == (0x10000, 0x100, 0)
    kinds = {}
    for track in movie.find_all(TrackBox):
        header = track.require(TrackHeaderBox)
        assert header.flags == 7
        assert header.duration == 0
        media = track.children[-1]
        media_header = media.require(MediaHeaderBox)
        assert media_header.timescale == head.timescale
        assert media_header.duration == 0
        kinds[header.track_id] = media.require(HandlerBox).handler_type
        assert len(track.children) == 2, "an edit list or more"
        information = media.children[-1]
        tables = information.children[-1]
        references = information.descend(type(information.children[1]), DataReferenceBox)
        assert [type(child) for child in references.children] == [DataEntryUrlBox]
        assert references.children[0].flags == 1
        assert len(tables.require(SampleDescriptionBox).children) == 1
        assert len(tables.require(TimeToSampleBox).entries) == 0
        assert len(tables.require(SampleToChunkBox).entries) == 0
        assert tables.require(SampleSizeBox).sample_count == 0
        assert len(tables.require(ChunkOffsetBox).entries) == 0
        sync = tables.find(SyncSampleBox)
        assert sync is None or len(sync.entries) == 0
        visual = kinds[header.track_id] == "vide"
        assert bool(header.width) == bool(header.height) == visual
    extends = movie.require(MovieExtendsBox).find_all(TrackExtendsBox)
    assert [box.track_id for box in extends] == list(kinds)
    assert all(box.default_sample_description_index == 1 for box in extends)
    assert len(kinds) == len(movie.find_all(TrackBox))
    return head.timescale, kinds


def _take_fragment(body, moof, mdat, segment, is_cmaf):
    trafs = moof.find_all(TrackFragmentBox)
    assert trafs
    assert not is_cmaf or len(trafs) == 1
    position = mdat.offset + 8
    found = []
    for traf in trafs:
        header = traf.require(TrackFragmentHeaderBox)
        assert header.flags & 0x20000
        assert not header.flags & 1
        assert header.sample_description_index == 1
        (run,) = traf.find_all(TrackRunBox)
        assert run.version == 1
        assert run.sample_count > 0
        assert moof.offset + run.data_offset == position
        time = traf.require(TrackFragmentBaseMediaDecodeTimeBox).base_media_decode_time
        columns = run.samples
        samples = []
        for index in range(run.sample_count):
            duration = columns["duration"][index] if "duration" in columns else header.default_sample_duration
            size = columns["size"][index] if "size" in columns else header.default_sample_size
            flags = columns["flags"][index] if "flags" in columns else header.default_sample_flags
            if index == 0 and run.first_sample_flags is not None:
                flags = run.first_sample_flags
            assert None not in (duration, size, flags), "a value that only trex could give"
            sync = not flags & 0x10000
            assert flags >> 24 & 3 == (2 if sync else 1)
            offset = columns["composition_offset"][index] if "composition_offset" in columns else 0
            data = body[position : position + size]
            samples.append(PlayedSample(header.track_id, time, duration, offset, sync, data))
            time += duration
            position += size
        found.append(samples)
        segment.samples.extend(samples)
    assert position == mdat.offset + mdat.read_size, "bytes of mdat that no sample has"
    return found


def _check_mfra(body, mfra, at):
    assert mfra.offset + mfra.read_size == len(body)
    last = mfra.children[-1]
    assert isinstance(last, MovieFragmentRandomAccessOffsetBox)
    assert last.parent_size == mfra.read_size == int.from_bytes(body[-4:], "big")
    expected = defaultdict(list)
    for offset, trafs in at.items():
        for number, samples in enumerate(trafs, 1):
            first = next((index for index, sample in enumerate(samples, 1) if sample.sync), None)
            if first is not None:
                track_id = samples[0].track_id
                expected[track_id].append((samples[first - 1].presented, offset, number, 1, first))
    found = {
        table.track_id: [row[:5] for row in table.entries.rows()]
        for table in mfra.find_all(TrackFragmentRandomAccessBox)
    }
    assert found == dict(expected)
    for rows in found.values():
        assert rows == sorted(rows)


def _check_attributes(obj, segment, span, mfra):
    attributes = obj.attributes
    assert attributes.timescale == span.timescale
    of_track = defaultdict(list)
    for sample in segment.samples:
        of_track[sample.track_id].append(sample)
    first = next(
        track_id
        for kind in ("vide", "soun", "meta")
        for track_id, k in span.kinds.items()
        if k == kind and of_track[track_id]
    )
    lasting = sum(sample.duration for sample in of_track[first])
    if attributes.duration is not None:
        assert abs(attributes.duration / _MICROSECOND - lasting * 1_000_000 / span.timescale) <= 1
    if attributes.seek_table is not None:
        assert mfra is not None
        assert len(attributes.seek_table) <= max(20, len(span.kinds))
        for table in mfra.find_all(TrackFragmentRandomAccessBox):
            rows = [tuple(row[:5]) for row in table.entries.rows()]
            thin = [tuple(entry) for entry in attributes.seek_table.track(table.track_id).entries]
            assert thin[0] == rows[0]
            assert set(thin) <= set(rows)
    if span.kinds[first] == "vide" and lasting:
        rate = len(of_track[first]) * span.timescale / lasting
        size = sum(len(sample.data) for sample in of_track[first])
        bits = size * 8 * span.timescale / lasting / 1000
        if lasting * 100_000 < span.timescale and None in (attributes.video_framerate, attributes.video_bitrate):
            return  # a picture or two that hardly last: there is no rate to speak of
        assert abs(attributes.video_framerate - rate) < 0.001
        assert abs(attributes.video_bitrate - bits) <= 1 + bits * span.timescale / lasting / 1_000_000


# ---- one span -------------------------------------------------------------------------------------------------


def _check_span(span, protected, in_step, followed):
    segments = span.segments
    first_key = segments[0].obj.key
    if not protected:
        assert len({segment.header for segment in segments}) == 1, "moov differs within a span"
    assert len({(s.obj.key.prefix, s.obj.key.postfix) for s in segments}) == 1
    numbers = [number for segment in segments for number in segment.sequence_numbers]
    assert numbers == list(range(1, len(numbers) + 1)), "mfhd sequence"
    ends = {}
    for segment in segments:
        seen = set()
        for sample in segment.samples:
            track_id = sample.track_id
            begins = track_id not in seen
            seen.add(track_id)
            end = ends.get(track_id)
            assert sample.duration >= 0
            assert end is not None or sample.sync, f"track {track_id} begins with a sample that is not sync"
            if begins and track_id == span.lead and len(span.kinds) == 1:
                assert sample.sync, "a segment begins with a sample that is not sync"
            if end is not None:
                allowed = sample.decode_time >= end if len(span.kinds) > 1 else sample.decode_time == end
                assert allowed, f"tfdt of track {track_id}: {sample.decode_time} after {end}"
            ends[track_id] = sample.decode_time + sample.duration
    _check_keys(span, first_key, in_step, followed)


def _check_keys(span, first_key, in_step, followed):
    def starts_of(segment):
        shown = defaultdict(list)
        for sample in segment.samples[: segment.first_fragment]:
            shown[sample.track_id].append(sample.presented)
        fragment = {number: min(t for t in times if t > times[0] - span.timescale) for number, times in shown.items()}
        earliest = min(fragment.values())
        return [fragment.get(span.lead, earliest), earliest] if in_step else list(fragment.values())

    def close(key_time, ticks, unit):
        exact = base + ticks * 1_000_000 / span.timescale
        return abs(key_time.microseconds - exact) <= unit + 1 + followed

    segments = span.segments
    unit = 10 ** (6 - first_key.digits)
    base = first_key.time.microseconds - min(starts_of(segments[0])) * 1_000_000 / span.timescale
    for segment in segments[1:]:
        candidates = starts_of(segment)
        near = [ticks for ticks in candidates if close(segment.obj.key.time, ticks, unit)]
        assert near, f"time of {segment.obj.key}"
        if followed:
            base = segment.obj.key.time.microseconds - near[0] * 1_000_000 / span.timescale
    times = [segment.obj.key.time for segment in segments]
    assert times == sorted(times) or not in_step
    if span.end is None:
        return
    end = span.end.key
    assert end.span_end
    assert end.counter == len(segments)
    assert (end.prefix, end.postfix) == (first_key.prefix, first_key.postfix)
    assert str(end).endswith(f".{len(segments)}.{span.extension}_end")
    last = max(sample.presented + sample.duration for sample in segments[-1].samples)
    assert close(end.time, last, unit), f"time of {end}"
    assert ObjectKey.parse(str(end), prefix=end.prefix, postfix=end.postfix).span_end
