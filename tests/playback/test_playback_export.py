"""A time range as one file, decoded by ffmpeg and held against the source, frame by frame."""

import io
from datetime import timedelta
from fractions import Fraction

import pytest
from playback_kit import START, CountingStore, after, ffmpeg, frames, make_clip, names, record

from onvif_bmff.bmff import EditListBox, MovieBox, SampleDescriptionBox, parse_boxes
from onvif_bmff.cenc.keys.content import RotatingKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import MediaError, MissingKeyError, ObjectNotFoundError, TimeError
from onvif_bmff.export import export_movie
from onvif_bmff.media.track import TrackType
from onvif_bmff.playback import Timeline, select
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore

FORMATS = [pytest.param(CMAF, id="CMAF"), pytest.param(MP4, id="MP4")]
LAYOUTS = [
    pytest.param({}, id="fragmented"),
    pytest.param({"progressive": True}, id="progressive"),
    pytest.param({"progressive": True, "spool": True}, id="faststart"),
]
TICK = 0.002  # keys are cut to milliseconds


class Remembering:
    """A rotating key whose keys are all kept."""

    def __init__(self, every):
        self._source, self.ring = RotatingKey(every), KeyRing()

    def key_for(self, at):
        key = self._source.key_for(at)
        self.ring.add(key)
        return key


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=10)


@pytest.fixture(scope="module")
def source(clip):
    return frames(clip), frames(clip, "a:0")


def target(form, **options):
    return RecordingTarget(format=form, prefix="p", postfix="q", segment_duration=timedelta(seconds=2), **options)


def export(store, path, start=None, end=None, *, spool=False, **options):
    selection = select(Timeline.from_store(store), start=start, end=end)
    with path.open("wb") as file:
        return export_movie(store, selection, file, spool=io.BytesIO() if spool else None, **options)


def assert_frames(found, expected, shift, tolerance=TICK):
    """The same pictures or sounds, each ``shift`` seconds later than in the source."""
    assert [digest for _, digest in found] == [digest for _, digest in expected]
    for (time, _), (origin, _) in zip(found, expected, strict=True):
        assert abs(time - origin - shift) < tolerance


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("scheme", [None, ProtectionScheme.CENC, ProtectionScheme.CBCS])
def test_all_of_a_recording(clip, source, tmp_path, form, scheme, layout):
    """Across midnight, and across two changes of key."""
    keys = Remembering(timedelta(seconds=4))
    entries = (EncryptionEntry(scheme, keys),) if scheme else ()
    store = MemoryStore()
    record(store, clip, target(form, encryption=entries))
    if scheme:
        assert len(keys.ring) == 3
        with pytest.raises(MissingKeyError):
            export(store, tmp_path / "none.mp4", keys=KeyRing(), **layout)
    report = export(store, tmp_path / "out.mp4", keys=keys.ring, **layout)
    pictures, sounds = source
    found = frames(tmp_path / "out.mp4")
    shift = found[0][0] - pictures[0][0]  # audio may begin a little earlier
    assert_frames(found, pictures, shift)
    assert report.samples[0] == len(pictures)
    assert [track.type for track in report.tracks] == [TrackType.VIDEO, TrackType.AUDIO]
    assert abs(report.end.microseconds_since(after(10))) < 30_000
    heard = frames(tmp_path / "out.mp4", "a:0")
    # Decoders differ in the first packets, where they have nothing to overlap with.
    assert [digest for _, digest in heard[-300:]] == [digest for _, digest in sounds[-300:]]
    assert abs(heard[-1][0] - sounds[-1][0] - shift) < TICK


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_range_from_a_key_frame(clip, source, tmp_path, form, layout):
    store = MemoryStore()
    record(store, clip, target(form))
    report = export(store, tmp_path / "out.mp4", after(3.5), after(6.5), **layout)
    pictures, _ = source
    found = frames(tmp_path / "out.mp4")
    expected = [one for one in pictures if 3 - TICK < one[0] < 6.5 - TICK]
    assert_frames(found, expected, found[0][0] - expected[0][0])
    assert 0 <= found[0][0] < 0.03  # an audio packet may begin before
    assert after(2.97) < report.start <= after(3.001)
    heard = frames(tmp_path / "out.mp4", "a:0")
    assert abs(heard[0][0]) < 0.03
    assert abs(heard[-1][0] - found[-1][0]) < 0.05


@pytest.mark.parametrize("spool", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_an_exact_range(clip, source, tmp_path, form, spool):
    """Only the pictures of the range are shown, although all from the key frame on are there."""
    store = MemoryStore()
    record(store, clip, target(form))
    export(store, tmp_path / "out.mp4", after(3.52), after(6.52), exact=True, progressive=True, spool=spool)
    pictures, _ = source
    found = frames(tmp_path / "out.mp4")
    expected = [one for one in pictures if 3.52 - TICK < one[0] < 6.52 - TICK]
    assert_frames(found[:75], expected[:75], -3.52, 0.003)
    assert len(found) in (75, 76)
    heard = frames(tmp_path / "out.mp4", "a:0")
    assert abs(heard[0][0]) < 0.023
    assert abs(heard[-1][0] - 3) < 0.05


@pytest.mark.parametrize("begin", [3.52, 3.0, 0.4])
@pytest.mark.parametrize("form", FORMATS)
def test_an_exact_range_in_fragments(clip, source, tmp_path, form, begin):
    """The edit list puts what is before the range at times below zero; what is behind it is there if decoded before."""
    store = MemoryStore()
    record(store, clip, target(form))
    export(store, tmp_path / "out.mp4", after(begin), after(begin + 3), exact=True)
    expected = [one for one in source[0] if begin - TICK < one[0] < begin + 3 - TICK]
    found = frames(tmp_path / "out.mp4")
    shown = [one for one in found if -TICK < one[0] < 3 - TICK]
    assert_frames(shown, expected, -begin, 0.003)
    # ffmpeg does not leave out what an edit list hides in fragments; it is there to decode the rest, and no more.
    assert len([one for one in found if one[0] <= -TICK]) == round(begin % 1 * 25)
    assert len([one for one in found if one[0] >= 3 - TICK]) <= 2, "as many as there are B pictures"
    heard = [time for time, _ in frames(tmp_path / "out.mp4", "a:0") if time > -0.0214]
    assert abs(heard[0]) < 0.023
    assert abs(heard[-1] - 3) < 0.05


def with_gap(clip, form, **options):
    """Six seconds, a pause of a minute, and again; in one store."""
    store = MemoryStore()
    record(store, clip, target(form, **options), keep=_is_early)
    record(store, clip, target(form, **options), start=after(66))
    return store


def _is_early(sample):
    """Presented in the first six seconds."""
    timescale = 48_000 if sample.track_id == 2 else 12_800
    return sample.decode_time + sample.composition_offset < 6 * timescale


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_gap_is_kept(clip, source, tmp_path, form, layout):
    store = with_gap(clip, form)
    export(store, tmp_path / "out.mp4", **layout)
    pictures, _ = source
    found = frames(tmp_path / "out.mp4")
    assert_frames(found[:150], pictures[:150], found[0][0])
    assert_frames(found[150:], pictures, 66 + found[0][0])
    heard = frames(tmp_path / "out.mp4", "a:0")
    assert abs(heard[-1][0] - found[-1][0]) < 0.05  # still in step


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_gap_is_cut(clip, source, tmp_path, form, layout):
    store = with_gap(clip, form)
    report = export(store, tmp_path / "out.mp4", cut_gaps=True, **layout)
    pictures, _ = source
    found = frames(tmp_path / "out.mp4")
    assert_frames(found[:150], pictures[:150], found[0][0])
    assert_frames(found[150:], pictures, found[150][0])
    assert 5.99 < found[150][0] - found[0][0] < 6.05
    assert abs(report.cut - 60_000_000) < 50_000
    heard = frames(tmp_path / "out.mp4", "a:0")
    assert abs(heard[-1][0] - found[-1][0]) < 0.05


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("cut", [False, True])
def test_a_lost_object_in_the_middle(clip, source, tmp_path, form, cut):
    store = MemoryStore()
    record(store, clip, target(form))
    lost = [name for name in names(store) if ".2.m" in name]
    assert lost
    for name in lost:
        store.delete(name)
    report = export(store, tmp_path / "out.mp4", cut_gaps=cut, progressive=True)
    pictures, _ = source
    found = frames(tmp_path / "out.mp4")
    assert report.missing == ()
    assert_frames(found[:100], pictures[:100], found[0][0])
    assert_frames(found[100:], pictures[150:], found[100][0] - pictures[150][0])
    assert abs(found[100][0] - found[0][0] - (4 if cut else 6)) < 0.05


def test_an_object_that_goes_while_it_is_played(clip, tmp_path):
    store = MemoryStore()
    record(store, clip, target(CMAF))
    gone = names(store, ".1.m4v")[0]

    class Losing(CountingStore):
        def get(self, key, start=0, length=None):
            if key == gone:
                raise ObjectNotFoundError("it is gone")
            return super().get(key, start, length)

    report = export(Losing(store), tmp_path / "out.mp4")
    assert report.missing == (gone,)
    assert len(frames(tmp_path / "out.mp4")) == 200


def test_other_parameter_sets_are_another_sample_entry(clip, source, tmp_path):
    other = make_clip(tmp_path / "other.mp4", seconds=4, extra=["-profile:v", "baseline"], bframes=0)
    store = MemoryStore()
    record(store, clip, target(CMAF))
    record(store, other, target(CMAF), start=after(10))
    for layout in ({}, {"progressive": True}):
        export(store, tmp_path / "out.mp4", **layout)
        data = (tmp_path / "out.mp4").read_bytes()
        (movie,) = [box for box in parse_boxes(data) if isinstance(box, MovieBox)]
        counts = [box.entry_count for _, box in movie.walk() if isinstance(box, SampleDescriptionBox)]
        assert counts[0] == 2
        assert {
            track.type for _, box in movie.walk() if isinstance(box, SampleDescriptionBox) for track in box.children
        } == {
            "avc3",
            "mp4a",
        }
        found = frames(tmp_path / "out.mp4")
        expected = source[0] + [(time + 10, digest) for time, digest in frames(other)]
        assert_frames(found, expected, found[0][0])


def test_another_codec_is_an_error(clip, tmp_path):
    other = tmp_path / "hevc.mp4"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=160x120",
        "-t",
        1,
        "-c:v",
        "libx265",
        "-x265-params",
        "log-level=none",
        other,
    )
    store = MemoryStore()
    record(store, clip, target(CMAF))
    record(store, other, target(CMAF), start=after(10))
    with pytest.raises(MediaError, match="codec changes from avc1"):
        export(store, tmp_path / "out.mp4")
    export(store, tmp_path / "out.mp4", start=after(10.5))
    assert frames(tmp_path / "out.mp4")


def test_media_may_be_chosen(clip, tmp_path):
    for form in (CMAF, MP4):
        store = MemoryStore()
        record(store, clip, target(form))
        selection = select(Timeline.from_store(store), media=TrackType.AUDIO)
        with (tmp_path / "out.mp4").open("wb") as file:
            report = export_movie(store, selection, file)
        assert [track.type for track in report.tracks] == [TrackType.AUDIO]


def test_errors(clip, tmp_path):
    store = MemoryStore()
    record(store, clip, target(CMAF))
    timeline = Timeline.from_store(store)
    with pytest.raises(TimeError):
        select(timeline, start=after(3), end=after(3))
    assert not select(timeline, start=after(100), end=after(200))
    with pytest.raises(MediaError, match="nothing to export"):
        export_movie(store, select(timeline, start=after(100), end=after(200)), io.BytesIO())
    record(store, clip, RecordingTarget(format=CMAF, prefix="other"))
    timeline = Timeline.from_store(store)
    with pytest.raises(MediaError, match="2 recordings"):
        select(timeline)
    assert select(timeline, prefix="other")

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    with pytest.raises(MediaError, match="spool"):
        export_movie(store, select(timeline, prefix="p"), Pipe(), progressive=True)
    pipe = Pipe()
    export_movie(store, select(timeline, prefix="p"), pipe)  # fragments need no seeking
    assert parse_boxes(pipe.getvalue())


def test_a_gap_too_long_for_tables_is_said(clip):
    store = MemoryStore()
    record(store, clip, target(CMAF))
    record(store, clip, target(CMAF), start=START + timedelta(days=30))
    selection = select(Timeline.from_store(store))
    with pytest.raises(MediaError, match="gap is too long"):
        export_movie(store, selection, io.BytesIO(), progressive=True)
    export_movie(store, selection, io.BytesIO(), progressive=True, cut_gaps=True)


def test_memory_does_not_grow_with_the_recording(clip, tmp_path):
    """The export of many spans holds about a second of media, and tables."""
    import tracemalloc

    store = MemoryStore()
    for number in range(12):
        record(store, clip, target(CMAF), start=after(10 * number), shift=Fraction(0))
    total = sum(len(store.get(name)) for name in names(store))
    selection = select(Timeline.from_store(store))

    class Sink(io.RawIOBase):
        def seekable(self):
            return False

        def write(self, data):
            return len(data)

    tracemalloc.start()
    export_movie(store, selection, Sink())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < total / 3


def test_the_edit_list_says_what_is_shown(clip, tmp_path):
    store = MemoryStore()
    record(store, clip, target(CMAF))
    export(store, tmp_path / "out.mp4", after(3.5), after(5), exact=True)
    movie = next(box for box in parse_boxes((tmp_path / "out.mp4").read_bytes()) if isinstance(box, MovieBox))
    edits = [box for _, box in movie.walk() if isinstance(box, EditListBox)]
    assert len(edits) == 2
    assert all(edit.entries["media_time"][0] > 0 for edit in edits)


def test_sound_begins_where_the_group_of_the_first_picture_does(tmp_path):
    """In CMAF format segments of sound end within groups of pictures: the range lies in a later one."""
    clip = make_clip(tmp_path / "clip.mp4", seconds=8, gop=100)
    store = MemoryStore()
    record(store, clip, RecordingTarget(format=CMAF, prefix="p", postfix="q", segment_duration=timedelta(seconds=1)))
    export(store, tmp_path / "out.mp4", start=after(3.9))
    pictures, sounds = frames(tmp_path / "out.mp4"), frames(tmp_path / "out.mp4", "a:0")
    assert len(pictures) == 200
    assert abs(sounds[0][0] - pictures[0][0]) < 0.1
