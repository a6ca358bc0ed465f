"""Pictures that are shown before their key frame: found at their time, with what decoding them needs.

A segment that begins with an open group is named after the first of them. Every picture here has its place in the order
of showing in it, so that its time is known.
"""

import re
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from playback_kit import CountingStore, ffmpeg, frames, names, record

from onvif_bmff.export import export_movie, hls_playlists
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import SampleReader, Seeker, Timeline, select
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2024-02-28T23:59:55.250Z")
SCALE, FRAME, GROUP, GROUPS = 90_000, 3_600, 30, 12
OPEN = (3, 0, 1, 2, 6, 4, 5, 9, 7, 8, 11, 10, *range(12, GROUP))
"""The pictures of a group in decoding order, by the order in which they are shown."""
CLOSED = (0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 11, 10, *range(12, GROUP))
SHAPES = {
    "open": (),
    "the first closed": (0,),
    "one in three closed": tuple(range(0, GROUPS, 3)),
    "closed": tuple(range(GROUPS)),
}
shapes = pytest.mark.parametrize("closed", list(SHAPES.values()), ids=list(SHAPES))
formats = pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])


def avc():
    with open_mp4(CAMERA) as source:
        return next(track.codec for track in source.tracks if track.type.value == "Video")


def stored(form, closed, *, segment=2, **options):
    """A store with a recording of ``GROUPS`` groups, of which those with these numbers are closed."""
    samples = []
    for number in range(GROUPS * GROUP):
        group, place = divmod(number, GROUP)
        shown = (CLOSED if group in closed else OPEN)[place]
        data = picture(group * GROUP + shown, key=not place, closed=group in closed)
        samples.append(Sample(1, number * FRAME, FRAME, data, not place, (shown - place + 1) * FRAME))
    target = RecordingTarget(
        format=form, prefix="p", postfix="q", segment_duration=timedelta(seconds=segment), digits=6
    )
    store = MemoryStore()
    record(store, ([Track("VIDEO001", 1, SCALE, avc())], samples), target, start=START, **options)
    return store


def shown_at(number):
    """When a picture is shown, in microseconds: the first one 40 ms after decoding begins, at the start."""
    return START.microseconds + (number + 1) * FRAME * 1_000_000 // SCALE


def picture(number, *, key, closed):
    """A sample with its number: an IDR picture, an I picture at a recovery point, or a P picture, by their headers."""
    recovery_point = bytes.fromhex("060601c480")
    slice_header = ([0x65, 0x88] if closed else [0x61, 0x88]) if key else [0x41, 0x9A]
    units = [] if closed or not key else [recovery_point]
    units.append(bytes(slice_header) + bytes([0x84]) * 6 + number.to_bytes(4, "big"))
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def number_of(sample):
    return int.from_bytes(bytes(sample.data[-4:]), "big")


@shapes
@formats
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("segment", [2, 3600], ids=["short objects", "one object"])
def test_each_picture_is_read_at_its_time_with_what_it_needs(segment, strict, form, closed):
    """Whatever instant is asked for, what is played begins with a key frame from which that picture can be decoded."""
    store = stored(form, closed, segment=segment)
    assert not list(validate_store(store))
    timeline = Timeline.from_store(store)
    origin = shown_at(0)
    assert timeline.spans[0].start.microseconds == origin
    for number in (*range(2 * GROUP), *range(5 * GROUP, 8 * GROUP)):
        at = UtcTime(shown_at(number))
        reader = SampleReader(store, select(timeline, start=at, end=UtcTime(at.microseconds + 1)), strict=strict)
        played = list(reader)
        assert not reader.left_out
        times = {number_of(one.sample): one.time.microseconds for one in played}
        assert all(time == shown_at(one) for one, time in times.items())
        assert number in times
        group, place = divmod(number, GROUP)
        leads = group not in closed and place < OPEN[0]
        key_frames = [number_of(one.sample) for one in played if one.sample.sync]
        needed = [group - 1, group] if leads and group else [group]
        assert key_frames[0] == number_of(played[0].sample)
        assert [one // GROUP for one in key_frames] == needed


@shapes
@formats
@pytest.mark.parametrize("index", ["SeekTable", "mfra", "moof"])
def test_each_picture_is_sought_in_the_group_that_it_needs(index, form, closed):
    """With no more requests than for pictures that are never reordered."""
    store = CountingStore(stored(form, closed, segment=3600, labels=SegmentLabels(seek_table=index == "SeekTable")))
    (segment,) = Timeline.from_store(store.inner).spans[0].segments
    for number in (*range(2 * GROUP), *range((GROUPS - 2) * GROUP, GROUPS * GROUP)):
        at = UtcTime(shown_at(number))
        seeker = Seeker(store)
        store.reset()
        point = seeker.walk(segment, at) if index == "moof" else seeker.find(segment, at)
        assert point.found_by == index
        assert len(store.requests) <= {"SeekTable": 2, "mfra": 3, "moof": GROUPS + 2}[index]
        _, fragment = seeker.read(point)
        first = next(fragment.parts[0].samples(fragment.data))
        assert first.sync
        time = point.clock.utc(first.decode_time + first.composition_offset, SCALE)
        assert time.microseconds == shown_at(number_of(first))
        group, place = divmod(number, GROUP)
        leads = group not in closed and place < OPEN[0]
        assert number_of(first) // GROUP == max(0, group - leads)


@shapes
@formats
@pytest.mark.parametrize("strict", [True, False])
def test_playlists_last_as_long_as_their_pictures(strict, form, closed):
    store = stored(form, closed)
    made = hls_playlists(store, select(Timeline.from_store(store)), strict=strict)
    (text,) = [text for name, text in made.items() if "EXTINF" in text]
    lengths = [Fraction(one) for one in re.findall(r"#EXTINF:([\d.]+)", text)]
    assert sum(lengths) == pytest.approx(GROUPS * GROUP / 25, abs=1e-5)
    objects = [ObjectKey.parse(name).time.microseconds for name in names(store)]
    assert len(objects) >= 5
    begin, at = shown_at(0), 0
    starts = [begin]
    for length in lengths:
        at += length
        starts.append(begin + round(at * 1_000_000))
    assert all(min(abs(one - start) for start in starts) <= 20 for one in objects)


@formats
@pytest.mark.parametrize("strict", [True, False])
def test_a_playlist_from_a_picture_that_leads_begins_a_group_earlier(strict, form):
    store = stored(form, ())
    timeline = Timeline.from_store(store)
    segment = timeline.spans[0].segments[2]
    lines = [
        next(
            text
            for text in hls_playlists(store, select(timeline, start=start), strict=strict).values()
            if "EXTINF" in text
        )
        for start in (segment.start, segment.start + timedelta(milliseconds=120))
    ]
    before, own = (re.findall(r"^[^#].*$", text, re.MULTILINE) for text in lines)
    assert timeline.spans[0].segments[1].name in before[0]
    assert segment.name in own[0]
    assert before[1:] == own


@shapes
@formats
@pytest.mark.parametrize("strict", [True, False])
def test_a_playlist_begins_with_the_group_that_its_first_picture_needs(strict, form, closed):
    """Within an object, too, whose index lists when key frames are shown, and not the pictures before them."""
    store = stored(form, closed, segment=3600)
    timeline = Timeline.from_store(store)
    (segment,) = timeline.spans[0].segments
    groups = [entry.offset for entry in Seeker(store).subsegments(segment)]
    assert len(groups) == GROUPS
    for number in range(4 * GROUP - 2, 6 * GROUP):
        made = hls_playlists(store, select(timeline, start=UtcTime(shown_at(number))), strict=strict)
        (text,) = [text for text in made.values() if "EXTINF" in text]
        offset = int(re.search(r"BYTERANGE:\d+@(\d+)", text)[1])
        group, place = divmod(number, GROUP)
        needed = group - (group not in closed and place < OPEN[0])
        # A lead may be that of the object's first group only: a closed one may then begin with the group before.
        assert groups.index(offset) in {needed, max(0, needed - (0 not in closed and place < OPEN[0]))}


@pytest.fixture(scope="module", params=["libx264", "libx265"])
def clip(request, tmp_path_factory):
    """Two seconds in four groups, all open but the first."""
    path = tmp_path_factory.mktemp("open") / f"{request.param}.mp4"
    options = "open-gop=1:keyint=12:min-keyint=12:scenecut=0:bframes=3:b-adapt=0"
    options = (
        ["-x264-params", options] if request.param == "libx264" else ["-x265-params", f"{options}:log-level=error"]
    )
    source = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25", "-t", "2"]
    ffmpeg(*source, "-c:v", request.param, *options, "-pix_fmt", "yuv420p", path)
    return path


@formats
def test_what_is_exported_from_a_picture_on_shows_it(clip, form, tmp_path):
    """Real pictures, decoded and compared with those of the source, from each on that is shown around a key."""
    pictures = frames(clip)
    store = MemoryStore()
    target = RecordingTarget(
        format=form, prefix="p", postfix="q", segment_duration=timedelta(milliseconds=900), digits=6
    )
    shift = Fraction(pictures[0][0]).limit_denominator(SCALE)
    record(store, clip, target, start=START, shift=shift)
    timeline = Timeline.from_store(store)
    assert len(timeline.spans[0].segments) == 2
    for number in range(20, 30):
        start = UtcTime(START.microseconds + number * 40_000)
        with (tmp_path / "out.mp4").open("wb") as file:
            export_movie(store, select(timeline, start=start), file)
        # The decoder complains where the first of its groups is an open one, too.
        found = {digest for _, digest in frames(tmp_path / "out.mp4", "v:0", "-v", "fatal")}
        assert {digest for _, digest in pictures[number:]} <= found
