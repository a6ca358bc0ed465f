"""From an instant to a fragment: how many requests and bytes it costs."""

import functools
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playback_kit import START, CountingStore, after, names, record

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.codecs import G711Codec, MetadataCodec, MjpegCodec
from onvif_bmff.errors import MediaError, OnvifBmffError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects import ObjectAttributes, SeekEntry, SeekTable, SegmentObject, TrackSeekTable
from onvif_bmff.playback import SampleReader, Seeker, Timeline, select
from onvif_bmff.recording.formats import CMAF, MP4, CmafFormat
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore

HOUR = 3600
GOP = 2


def video_codec():
    return MjpegCodec(width=64, height=48)


def hour(form, *, seconds=HOUR, seek_table=True, rate=4, audio=True, size=700):
    """An hour in one object: GOPs of two seconds, each picture and packet with its time in it."""
    return long_object(form, 1 + audio, GOP, seconds=seconds, seek_table=seek_table, rate=rate, size=size)


def long_object(form, count, gop, *, seconds=HOUR, seek_table=True, rate=4, size=700):
    """One object of ``count`` tracks: video in GOPs of so many seconds, audio, metadata, more audio."""
    tracks = [
        Track("VIDEO001", 1, 90_000, video_codec()),
        Track("AUDIO001", 2, 8000, G711Codec("alaw")),
        Track("META001", 3, 1000, MetadataCodec()),
        Track("AUDIO002", 4, 8000, G711Codec("alaw")),
    ][:count]
    samples = []
    for number in range(int(seconds * rate)):
        sync = number % (gop * rate) == 0
        data = number.to_bytes(4, "big") * (size // 4 if not sync else size)
        time = int(number * 90_000 / rate)
        samples.append((Fraction(number) / Fraction(rate), Sample(1, time, int(90_000 / rate), data, sync)))
    for track in tracks[1:]:
        samples += [
            (Fraction(number), Sample(track.track_id, number * track.timescale, track.timescale, bytes(80)))
            for number in range(seconds)
        ]
    samples.sort(key=lambda pair: pair[0])
    store = MemoryStore()
    target = RecordingTarget(format=form, prefix="p", postfix="q", segment_duration=timedelta(hours=2))
    record(store, (tracks, [sample for _, sample in samples]), target, labels=SegmentLabels(seek_table=seek_table))
    return CountingStore(store)


class Bare(CountingStore):
    """The objects have no attributes."""

    def head(self, key):
        return replace(super().head(key), attributes={})


@pytest.fixture(scope="module", params=["CMAF", "MP4"])
def stored(request):
    return hour({"CMAF": CMAF, "MP4": MP4}[request.param])


def without_mfra(store):
    """The same objects with their SeekTables, but without mfra, as CMAF allows."""
    made = MemoryStore()
    for name in names(store.inner):
        body, found = store.inner.get(name), store.inner.head(name)
        size = int.from_bytes(body[-4:], "big")
        assert body[-size + 4 : -size + 8] == b"mfra"
        writer = made.open_writer(name, content_type=found.content_type)
        writer.append(body[:-size])
        writer.seal(found.attributes)
    return CountingStore(made)


def same(store):
    return store


def leading_first(store):
    """The same objects with the tables of their mfra the other way round."""
    made = MemoryStore()
    for name in names(store.inner):
        body, found = store.inner.get(name), store.inner.head(name)
        size = int.from_bytes(body[-4:], "big")
        (index,) = parse_boxes(body[-size:])
        *tables, last = index.children
        index = replace(index, children=(*reversed(tables), last))
        writer = made.open_writer(name, content_type=found.content_type)
        writer.append(body[:-size], index.build())
        writer.seal(found.attributes)
    for span in Timeline.from_store(store.inner).spans:
        made.open_writer(span.end_name, content_type="").seal({})
    return CountingStore(made)


def check(store, at, seeker=None, timeline=None, *, by):
    timeline = timeline or Timeline.from_store(store.inner)
    segment = timeline.locate(at, "m4v") or timeline.locate(at, "mp4")
    store.reset()
    seeker = seeker or Seeker(store)
    point = seeker.find(segment, at)
    header, fragment = seeker.read(point)
    requests, size = len(store.requests), store.bytes
    assert requests <= 3, store.requests
    assert size <= header.size + fragment.size + (64 << 10)
    assert point.found_by == by
    part = fragment.part(header.lead.track_id)
    first = next(part.samples(fragment.data))
    start = point.clock.utc(first.decode_time, header.lead.timescale)
    assert first.sync
    assert start <= at
    assert at < start + timedelta(seconds=GOP)
    number = int.from_bytes(bytes(first.data[:4]), "big")
    assert START + timedelta(seconds=number / 4) == start
    return requests, size, fragment.size


@pytest.mark.parametrize("seconds", [0, 0.1, 1, 2, 1799.999, 1800, 1801.5, 3595.5])
def test_an_hour_by_its_last_bytes(stored, seconds):
    requests, _, _ = check(stored, after(seconds), by="mfra")
    assert requests == 3  # mfra, header, fragment


@functools.cache
def kept(form, count, gop):
    # As few pictures as may be: what matters is how many fragments there are.
    return long_object({"CMAF": CMAF, "MP4": MP4}[form], count, gop, rate=2 if gop < 10 else 0.4)


SHAPES = [("CMAF", 1, 1), ("CMAF", 2, 2), ("CMAF", 1, 10), *(("MP4", n, g) for g in (1, 2, 10) for n in (1, 2, 3, 4))]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}-{shape[1]}-{shape[2]}s")
@pytest.mark.parametrize("bare", [False, True], ids=["", "bare"])
def test_three_requests_and_64_kib(shape, bare):
    """The first, a middle and the last fragment of an hour, of whatever tracks: header, fragment, at most 64 KiB."""
    made = kept(*shape)
    store = (Bare if bare else CountingStore)(made.inner)
    timeline = Timeline.from_store(made.inner)
    for seconds in (0, 0.5, 1801, 2700.25, 3600 - shape[2], 3599.9):
        at = after(seconds)
        segment = timeline.locate(at, "m4v") or timeline.locate(at, "mp4")
        store.reset()
        seeker = Seeker(store)
        point = seeker.find(segment, at)
        header, fragment = seeker.read(point)
        assert len(store.requests) == 3, store.requests
        assert store.bytes <= header.size + fragment.size + (64 << 10)
        first = next(fragment.part(header.lead.track_id).samples(fragment.data))
        assert first.sync
        assert first.decode_time == int(seconds // shape[2]) * shape[2] * header.lead.timescale
        assert point.clock.utc(first.decode_time, header.lead.timescale) <= at
        body = made.inner.get(segment.name)
        assert bytes(first.data) in body[fragment.offset : fragment.offset + fragment.size]
        assert body[fragment.offset + 4 : fragment.offset + 8] == b"moof"


def test_an_index_of_others_may_have_the_leading_track_first():
    """One more request, for what of the index is not there yet, and nothing twice."""
    store = leading_first(kept("MP4", 4, 1))
    timeline = Timeline.from_store(store.inner)
    segment = timeline.spans[0].segments[0]
    for seconds in (0, 1800, 3599):
        store.reset()
        seeker = Seeker(store)
        point = seeker.find(segment, after(seconds))
        header, fragment = seeker.read(point)
        assert len(store.requests) == 4
        index = int.from_bytes(store.inner.get(segment.name)[-4:], "big")
        assert store.bytes <= index + header.size + fragment.size + (16 << 10)
        assert point.clock.utc(fragment.part(1).decode_time, header.lead.timescale) == after(seconds)


def test_a_header_serves_its_span(stored):
    seeker, timeline = Seeker(stored), Timeline.from_store(stored.inner)
    check(stored, after(100), seeker, timeline, by="mfra")
    requests, _, _ = check(stored, after(3000), seeker, timeline, by="mfra")
    assert requests == 2


@pytest.mark.requirement("ANX-B.9.2-09")
@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("change", [same, without_mfra])
def test_a_short_object_by_its_seek_table(form, change):
    """HEAD, header, fragment: nothing of the file is read before the fragment is known."""
    store = change(hour(form, seconds=36))
    for seconds in (0, 3, 20.5, 35.9):
        requests, size, fragment = check(store, after(seconds), by="SeekTable")
        assert requests == 3
        assert store.requests[0][0] == "head"
        assert size <= fragment + 4096


def test_without_index_the_heads_of_fragments_are_read():
    store = hour(CmafFormat(random_access=False), seconds=60, seek_table=False, audio=False)
    timeline = Timeline.from_store(store.inner)
    at = after(41)
    (segment,) = timeline.spans[0].segments
    store.reset()
    seeker = Seeker(store)
    point = seeker.find(segment, at)
    assert point.found_by == "moof"
    whole = store.inner.head(segment.name).size
    assert store.bytes < whole // 3
    _, fragment = seeker.read(point)
    first = next(fragment.parts[0].samples(fragment.data))
    assert int.from_bytes(bytes(first.data[:4]), "big") == 40 * 4


def test_a_coarse_seek_table_shortens_the_walk():
    store = without_mfra(hour(CMAF, seconds=900, audio=False))
    timeline = Timeline.from_store(store.inner)
    (segment,) = timeline.spans[0].segments
    store.reset()
    point = Seeker(store).find(segment, after(700))
    assert point.found_by == "moof"
    assert len(store.requests) < 60  # not the 350 fragments before it


def test_a_long_object_without_end():
    """Its attributes say how long it is: one request more, and never the index twice."""
    store = CountingStore(leading_first(leading_first(kept("CMAF", 1, 1))).inner)
    store.inner.delete(Timeline.from_store(store.inner).spans[0].end_name)
    (segment,) = Timeline.from_store(store.inner).spans[0].segments
    for seconds, most in ((5, 4), (1801, 3), (3599, 3)):
        store.reset()
        seeker = Seeker(store)
        point = seeker.find(segment, after(seconds))
        _, fragment = seeker.read(point)
        assert len(store.requests) <= most, store.requests
        assert store.bytes <= (64 << 10) + fragment.size + 2000
        assert point.clock.utc(fragment.part(1).decode_time, 90_000) == after(seconds)


def test_before_the_first_sample_it_is_the_first():
    store = hour(CMAF, seconds=10)
    (segment,) = Timeline.from_store(store.inner).of("m4v")[0].segments
    seeker = Seeker(store)
    point = seeker.find(segment, after(-5))
    assert point.start == seeker.header(segment).size


def test_the_reader_seeks_in_long_objects(stored):
    timeline = Timeline.from_store(stored.inner)
    stored.reset()
    selection = select(timeline, start=after(3001), end=after(3003))
    played = list(SampleReader(stored, selection))
    video = [one for one in played if one.track.type.value == "Video"]
    assert [int.from_bytes(bytes(one.sample.data[:4]), "big") for one in video] == list(range(12_000, 12_012))
    assert stored.bytes < 2 * (4 << 20) + (1 << 20)  # a block and an index for each kind of span


@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("change", [same, without_mfra])
def test_times_are_right_where_sound_begins_first(form, change):
    """The key is that of the earliest sample, and not that of the first picture."""
    tracks = [Track("VIDEO001", 1, 90_000, video_codec()), Track("AUDIO001", 2, 8000, G711Codec("alaw"))]
    samples = [Sample(2, number * 4000, 4000, b"x" * 100) for number in range(600)]
    samples += [Sample(1, number * 90_000 + 18_000, 90_000, number.to_bytes(4, "big")) for number in range(300)]
    samples.sort(key=lambda sample: Fraction(sample.decode_time, tracks[sample.track_id - 1].timescale))
    store = MemoryStore()
    target = RecordingTarget(format=form, segment_duration=timedelta(hours=1))
    record(store, (tracks, samples), target)
    store = change(CountingStore(store)).inner
    played = SampleReader(store, select(Timeline.from_store(store), start=after(200), end=after(203)))
    video = [one for one in played if one.track.type.value == "Video"]
    assert [one.time for one in video] == [after(number + 0.2) for number in (199, 200, 201, 202)]


def test_the_end_of_a_span_that_was_cut_off():
    store = hour(CmafFormat(random_access=False), seconds=10, audio=False)
    store.inner.delete(Timeline.from_store(store.inner).spans[0].end_name)
    (segment,) = Timeline.from_store(store.inner).spans[0].segments
    assert segment.end is None
    assert Seeker(store).end(segment) == after(10)
    blind = MemoryStore()
    blind.put(SegmentObject(segment.key, store.inner.get(segment.name), "video/mp4", ObjectAttributes()))
    assert Seeker(blind).end(segment) == after(10)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(0, 1 << 40), st.integers(0, 1 << 40)), min_size=1, max_size=6),
    junk=st.binary(max_size=200),
    at=st.integers(-5, 50),
)
def test_false_indexes_are_errors_or_harmless(entries, junk, at):
    """A SeekTable that lies about offsets, over bytes that are nothing."""
    times = sorted(time for time, _ in entries)
    table = SeekTable((TrackSeekTable(1, tuple(SeekEntry(t, o) for t, (_, o) in zip(times, entries, strict=True))),))
    store = MemoryStore()
    key = Timeline.from_keys(["p/2024-02-28/q/23/59-55.250Z.0.m4v"]).spans[0].segments[0]
    store.put(SegmentObject(key.key, junk, "video/mp4", ObjectAttributes(timescale=1000, seek_table=table)))
    seeker = Seeker(store)
    try:
        seeker.read(seeker.find(key, after(at)))
        seeker.subsegments(key)
    except OnvifBmffError:
        pass


def test_nothing_to_read():
    key = Timeline.from_keys(["p/2024-02-28/q/23/59-55.250Z.0.m4v"]).spans[0].segments[0]
    store = MemoryStore()
    store.put(SegmentObject(key.key, b"", "video/mp4"))
    with pytest.raises(MediaError):
        Seeker(store).find(key, START)
