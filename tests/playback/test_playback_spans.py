"""What spans have in common, and what devices make of them that are not ours."""

import io
from datetime import timedelta
from fractions import Fraction
from itertools import product

import pytest
from playback_kit import CountingStore, after, make_clip, names, record

from onvif_bmff.bmff import AvcConfigurationBox, build_boxes, parse_boxes
from onvif_bmff.cenc.keys.content import FixedKey, generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import MetadataCodec, MjpegCodec
from onvif_bmff.errors import MediaError
from onvif_bmff.export import export_movie
from onvif_bmff.media.track import Sample, Track, TrackType
from onvif_bmff.objects import ObjectAttributes, ObjectKey, SegmentObject
from onvif_bmff.playback import SampleReader, Seeker, Timeline, read_segment, select
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore

TWO = timedelta(seconds=2)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=6)


def split(body):
    """The header of a segment, and the rest."""
    size = sum(box.read_size for box in parse_boxes(body) if box.type in ("ftyp", "moov"))
    return body[:size], body[size:]


@pytest.mark.requirement("ANX-B.2-05")
@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize(
    ("scheme", "signalling"),
    [
        (None, ""),
        (ProtectionScheme.CENC, "seig"),
        *((ProtectionScheme.CBCS, how) for how in ("seig", "sample", "track")),
    ],
)
def test_the_header_of_any_segment_serves_all(clip, form, scheme, signalling):
    source = FixedKey(generate_content_key())
    entries = (EncryptionEntry(scheme, source, iv_signalling=signalling),) if scheme else ()
    store = MemoryStore()
    record(store, clip, RecordingTarget(format=form, segment_duration=TWO, encryption=entries))
    ring = KeyRing([source.key_for(after(0))])
    for kind in ("mp4",) if form is MP4 else ("m4v", "m4a"):
        bodies = [store.get(name) for name in names(store, kind)]
        assert len(bodies) >= 3
        for own, other in product(bodies, repeat=2):
            body = split(other)[0] + split(own)[1]
            expected = [bytes(sample.data) for sample in read_segment(own, keys=ring).samples()]
            assert [bytes(sample.data) for sample in read_segment(body, keys=ring).samples()] == expected


def simple(seconds, rate=10):
    """Pictures that are all different, and all sync samples."""
    codec = MjpegCodec(width=64, height=48)
    samples = [
        Sample(1, number * 1000 // rate, 1000 // rate, number.to_bytes(4, "big") * 50)
        for number in range(seconds * rate)
    ]
    return [Track("VIDEO001", 1, 1000, codec)], samples


def change(store, edit):
    """The same store with other bodies, without attributes."""
    made = MemoryStore()
    for name in names(store):
        made.put(SegmentObject(ObjectKey.parse(name), edit(store.get(name)), "video/mp4", ObjectAttributes()))
    return made


def restarted(body):
    """A segment whose decode times begin at zero, as some devices write them."""
    boxes = parse_boxes(body)
    times = [box for top in boxes for _, box in top.walk() if box.type == "tfdt"]
    first = times[0].base_media_decode_time
    for box in times:
        box.base_media_decode_time -= first
    return build_boxes(boxes)


def test_decode_times_that_begin_anew_in_each_object():
    store = MemoryStore()
    record(store, simple(6), RecordingTarget(format=CMAF, segment_duration=TWO))
    other = change(store, restarted)
    played = list(SampleReader(other, select(Timeline.from_store(other))))
    assert [one.time for one in played] == [after(number / 10) for number in range(60)]
    assert len({one.clock for one in played}) == 3


def test_keys_without_fractions():
    store = MemoryStore()
    record(store, simple(6), RecordingTarget(format=CMAF, segment_duration=TWO))
    made = MemoryStore()
    for name in names(store):
        key = ObjectKey.parse(name)
        short = ObjectKey(key.prefix, key.time, key.postfix, key.counter, key.extension, digits=0)
        made.put(SegmentObject(short, store.get(name), "video/mp4"))
    played = list(SampleReader(made, select(Timeline.from_store(made))))
    # The clock of the first key holds: no jitter of up to a second at each object.
    assert [one.time for one in played] == [after(number / 10 - 0.25) for number in range(60)]


def test_short_nal_lengths(clip):
    """Two bytes in front of each NAL unit, as the sample entry may say."""
    store = MemoryStore()
    _, tracks, samples = record(store, clip, RecordingTarget(format=CMAF, segment_duration=timedelta(seconds=60)))

    def shortened(body):
        boxes = parse_boxes(body)
        for top in boxes:
            for _, box in top.walk():
                if isinstance(box, AvcConfigurationBox):
                    box.length_size_minus_one = 1
                elif box.type == "trun":
                    parts = []
                    for index, size in enumerate(sizes := box.samples["size"]):
                        parts.append(size)
                        sizes[index] = 0
                    where.append((box, parts))
        return boxes

    where = []
    boxes = list(shortened(store.get(names(store, "m4v")[0])))
    datas = [box for box in boxes if box.type == "mdat"]
    for (run, sizes), data in zip(where, datas, strict=True):
        view, out, at = bytes(data.data), [], 0
        for index, size in enumerate(sizes):
            one, stop = b"", at + size
            while at < stop:
                length = int.from_bytes(view[at : at + 4], "big")
                one += length.to_bytes(2, "big") + view[at + 4 : at + 4 + length]
                at += 4 + length
            run.samples["size"][index] = len(one)
            out.append(one)
        data.data = b"".join(out)
    segment = read_segment(build_boxes(boxes))
    video = [bytes(sample.data) for sample in samples if sample.track_id == tracks[0].track_id]
    assert [bytes(sample.data) for sample in segment.samples()] == video


def test_overlapping_spans_come_once():
    """Two recorders wrote the same times: what the first span has is not played again."""
    store = MemoryStore()
    record(store, simple(6), RecordingTarget(format=CMAF, segment_duration=TWO))
    record(store, simple(6), RecordingTarget(format=CMAF, segment_duration=TWO), start=after(4.03))
    played = list(SampleReader(store, select(Timeline.from_store(store))))
    times = [one.time for one in played]
    assert times == sorted(times)
    assert times[0] == after(0)
    assert played[-1].end >= after(10)
    assert len(times) == 60 + 41 - 1


@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
def test_ranges_begin_with_a_sync_sample(clip, form):
    store = MemoryStore()
    record(store, clip, RecordingTarget(format=form, segment_duration=TWO))
    timeline = Timeline.from_store(store)
    for start, end in ((0.5, 0.7), (2, 2.04), (3.3, 5.9), (5.97, 9)):
        selection = select(timeline, start=after(start), end=after(end))
        by_type = {}
        for one in SampleReader(store, selection):
            by_type.setdefault(one.track.type, []).append(one)
        video, audio = by_type[TrackType.VIDEO], by_type[TrackType.AUDIO]
        assert video[0].sample.sync
        assert after(start - 1.01) < video[0].time <= after(start + 0.001)
        shown = sorted(one.time for one in video if after(start) <= one.time < after(end))
        assert len(shown) in range(int((min(end, 6) - start) * 25), int((min(end, 6) - start) * 25) + 3)
        # A packet that began in the segment before is not worth reading that one, if tracks are multiplexed.
        assert audio[0].time <= after(start + (0.022 if form is MP4 else 0.001))
        assert audio[0].end > after(start - 0.003)
        assert all(one.time < after(end) for one in audio)


def test_a_document_that_holds_for_long_does_not_stretch_a_file():
    """Metadata changes now and then; the last document before the range is cut to begin with it."""
    tracks, samples = simple(20)
    tracks.append(Track("META001", 2, 1000, MetadataCodec()))
    samples += [Sample(2, 0, 15_000, b"<a/>"), Sample(2, 15_000, 5_000, b"<b/>")]
    samples.sort(key=lambda sample: sample.decode_time)
    for form, exact in product((CMAF, MP4), (False, True)):
        store = MemoryStore()
        record(store, (tracks, samples), RecordingTarget(format=form, segment_duration=timedelta(seconds=60)))
        selection = select(Timeline.from_store(store), start=after(10), end=after(18))
        out = io.BytesIO()
        report = export_movie(store, selection, out, progressive=True, exact=exact)
        assert report.samples == (80, 2)
        found = parse_boxes(out.getvalue())
        movie = next(box for box in found if box.type == "moov")
        durations = [box.duration for _, box in movie.walk() if box.type == "tkhd"]
        assert [duration / 1000 for duration in durations] == [8, 8]


def test_a_sample_knows_its_times():
    store = MemoryStore()
    record(store, simple(2), RecordingTarget(format=CMAF))
    first = next(iter(SampleReader(store, select(Timeline.from_store(store)))))
    assert (first.time, first.end) == (after(0), after(0.1))
    assert first.decode_microseconds == after(0).microseconds
    assert (first.track.number, first.track.type, first.track.ordinal) == (0, TrackType.VIDEO, 0)
    assert first.clock.ticks_at(after(1), 1000) == 1000
    assert first.clock.utc(Fraction(0).numerator, 90_000) == after(0)


def test_a_day_is_read_in_blocks():
    """Reading front to back fetches each byte once, and little more than the objects."""
    store = MemoryStore()
    record(store, simple(60), RecordingTarget(format=CMAF, segment_duration=timedelta(seconds=5)))
    counting = CountingStore(store)
    assert len(list(SampleReader(counting, select(Timeline.from_store(store))))) == 600
    assert counting.bytes == sum(store.head(name).size for name in names(store))
    assert len(counting.requests) == len(names(store))


def test_a_segment_without_fragments(clip):
    store = MemoryStore()
    record(store, clip, RecordingTarget(format=CMAF))
    name = names(store, "m4v")[0]
    header, _ = split(store.get(name))
    empty = MemoryStore()
    empty.put(SegmentObject(ObjectKey.parse(name), header, "video/mp4"))
    timeline = Timeline.from_store(empty)
    assert list(SampleReader(empty, select(timeline))) == []
    segment = read_segment(header)
    assert segment.duration == timedelta(0)
    with pytest.raises(MediaError):
        segment.clock(ObjectKey.parse(name))
    with pytest.raises(MediaError):
        Seeker(empty).find(timeline.spans[0].segments[0], after(0))
