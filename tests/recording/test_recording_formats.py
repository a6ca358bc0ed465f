"""A recording format of one's own: recorded, listed, read, exported, recovered and validated as MP4 is."""

import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from onvif_bmff.errors import MediaError
from onvif_bmff.export import export_movie, hls_playlists
from onvif_bmff.ingest import Mp4Input, open_mp4
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import EXTENSIONS, SpanExtension, register_extensions
from onvif_bmff.playback import SampleReader, Timeline, join, select
from onvif_bmff.recording import (
    CMAF,
    MP4,
    Recorder,
    RecordingTarget,
    SpanType,
    checked_spans,
    content_type_of,
    register_format,
)
from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import DirectoryStore, MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import Level, validate_store

CAMERA = Path(__file__).parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2022-11-08T15:08:23.547Z")


@dataclass(frozen=True)
class PerTrack:
    """Each track in objects of its own, be it the second of its kind, named after its kind and number."""

    name: str = "X-PerTrack"
    brands: tuple[str, ...] = ("iso6", "mp41")
    random_access: bool = True
    extensions: tuple[SpanExtension, ...] = tuple(
        SpanExtension(f"{kind.lower()}{number}", kind.content_type, frozenset((kind,)), ordinal=number)
        for kind in MediaKind
        for number in range(2)
    )

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        found: list[SpanType] = []
        for track in tracks:
            number = sum(span.lead.type is track.type for span in found)
            content_type = content_type_of(track.type.content_type, (track,))
            found.append(SpanType(f"{track.type.lower()}{number}", content_type, (track,), track.timescale))
        return tuple(found)


PER_TRACK = PerTrack()


@pytest.fixture(autouse=True)
def _registered() -> None:
    register_format(PER_TRACK)


def _tracks(source: Mp4Input) -> tuple[Track, ...]:
    """Those of the file, and its video once more as a second camera."""
    first = source.tracks[0]
    return (*source.tracks, replace(first, token="VIDEO002", track_id=9))


def _recorded(store: MemoryStore | DirectoryStore, *, whole: bool = True) -> int:
    """Record the file; the number of samples. If not ``whole``, the recorder dies with its spans open."""
    count = 0
    sink = StoreSink(store)
    with open_mp4(CAMERA) as source:
        recorder = Recorder(_tracks(source), RecordingTarget(format=PER_TRACK, prefix="cam"))
        recorder.activate(START)
        for sample in source.samples():
            assert isinstance(sample, Sample)
            copies = [sample]
            if sample.track_id == source.tracks[0].track_id:
                copies.append(replace(sample, track_id=9))
            for copy in copies:
                sink.add_all(recorder.push(copy))
                count += 1
        if whole:
            sink.add_all(recorder.deactivate())
            sink.close()
    return count


@pytest.fixture(scope="module")
def bucket() -> tuple[MemoryStore, int]:
    register_format(PER_TRACK)
    store = MemoryStore()
    return store, _recorded(store)


def test_its_spans_are_on_the_timeline(bucket):
    store, _ = bucket
    names = ["audio0", "video0", "video1"]
    for timeline in (Timeline.from_keys(store.keys()), Timeline.from_store(store)):
        assert timeline.extensions == names
        assert not timeline.foreign
        assert {span.extension for span in timeline.of(MediaKind.VIDEO)} == {"video0", "video1"}
        assert {span.extension for span in timeline.of(MediaKind.AUDIO)} == {"audio0"}
        assert not timeline.of(MediaKind.METADATA)
        assert timeline.locate(START + timedelta(seconds=1), MediaKind.AUDIO)


def test_all_its_samples_are_read(bucket):
    store, count = bucket
    played = list(SampleReader(store, select(Timeline.from_store(store))))
    assert len(played) == count
    assert {(one.track.type, one.track.ordinal) for one in played} == {
        (MediaKind.VIDEO, 0), (MediaKind.VIDEO, 1), (MediaKind.AUDIO, 0),
    }  # fmt: skip


def test_spans_of_two_such_recordings_are_joined_with_a_number_each(bucket):
    store, count = bucket
    selection = select(Timeline.from_store(store))
    both = join((selection, selection))
    played = list(SampleReader(store, both))
    assert len(played) == 2 * count
    assert {(one.track.type, one.track.ordinal) for one in played if one.track.type is MediaKind.VIDEO} == {
        (MediaKind.VIDEO, number) for number in range(4)
    }


def test_it_is_exported_with_all_its_tracks(bucket, tmp_path):
    store, count = bucket
    path = tmp_path / "out.mp4"
    with path.open("w+b") as out:
        export_movie(store, select(Timeline.from_store(store)), out)
    with open_mp4(path) as source:
        assert [track.type for track in source.tracks] == [MediaKind.VIDEO, MediaKind.VIDEO, MediaKind.AUDIO]
        assert sum(1 for _ in source.samples()) == count


def test_it_has_playlists_each_with_pictures_in_the_master(bucket):
    store, _ = bucket
    lists = hls_playlists(store, select(Timeline.from_store(store)))
    assert set(lists) == {"index.m3u8", "video0.m3u8", "video1.m3u8", "audio0.m3u8"}
    lines = lists["index.m3u8"].splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["video0.m3u8", "video1.m3u8"]
    assert sum('URI="audio0.m3u8"' in line for line in lines) == 1


def test_the_validator_looks_at_it_and_finds_what_is_wrong(bucket):
    store, _ = bucket
    report = validate_store(store)
    assert [finding for finding in report if finding.level is Level.ERROR] == []
    assert report.checked.foreign == 0
    assert report.checked.objects_read == len([key for key in sorted(store.keys()) if not key.endswith("_end")])
    broken = MemoryStore()
    for key in sorted(store.keys()):
        info = store.head(key)
        writer = broken.open_writer(key, content_type="text/plain" if key.endswith(".audio0") else info.content_type)
        writer.append(store.get(key))
        writer.seal(info.attributes)
    assert "ANX-B.6-03" in {finding.rule for finding in validate_store(broken)}


def test_a_crash_while_it_records_is_recovered(tmp_path):
    store = DirectoryStore(tmp_path)
    _recorded(store, whole=False)
    recover_store(store)
    ends = [key for key in sorted(store.keys()) if key.endswith("_end")]
    assert sorted(key.rpartition(".")[2] for key in ends) == ["audio0_end", "video0_end", "video1_end"]


# ---- what is refused -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Loose(PerTrack):
    """With extensions that nobody registered."""

    extensions: tuple[SpanExtension, ...] = (SpanExtension("loose", "video/mp4", frozenset(MediaKind)),)

    def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
        return tuple(SpanType("loose", "video/mp4", (track,), track.timescale) for track in tracks)


def _camera() -> tuple[Track, ...]:
    with open_mp4(CAMERA) as source:
        return source.tracks


def test_a_format_that_nobody_registered_is_refused_before_it_writes():
    with pytest.raises(MediaError, match="not registered"):
        Recorder(_camera()[:1], RecordingTarget(format=Loose()))
    recorder = Recorder(_camera()[:1], RecordingTarget())
    with pytest.raises(MediaError, match="not registered"):
        recorder.reconfigure(RecordingTarget(format=Loose()))


def test_spans_that_the_format_does_not_list_are_refused():
    with pytest.raises(MediaError, match="does not list extension 'loose'"):
        checked_spans(replace(Loose(), extensions=PER_TRACK.extensions), _camera()[:1])


def test_media_that_an_extension_does_not_hold_are_refused():
    audio = SpanExtension("m4a", MediaKind.AUDIO.content_type, frozenset((MediaKind.AUDIO,)), is_cmaf=True)

    @dataclass(frozen=True)
    class Wrong(PerTrack):
        extensions: tuple[SpanExtension, ...] = (audio,)

        def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
            return tuple(SpanType("m4a", "audio/mp4", (track,), track.timescale) for track in tracks)

    video, sound = _camera()[:2]
    assert checked_spans(Wrong(), (sound,))
    with pytest.raises(MediaError, match="do not hold media"):
        checked_spans(Wrong(), (video,))
    with pytest.raises(MediaError, match="keys would collide"):
        checked_spans(Wrong(), (sound, sound))


def test_an_object_without_extensions_is_no_format():
    class Bare:
        name, brands, random_access = "bare", ("iso6",), True

        def spans(self, tracks: Sequence[Track]) -> tuple[SpanType, ...]:
            return MP4.spans(tracks)

    with pytest.raises(MediaError, match="SpanExtension"):
        register_format(Bare())  # type: ignore[arg-type]
    with pytest.raises(MediaError, match="SpanExtension"):
        Recorder(_camera(), RecordingTarget(format=Bare()))  # type: ignore[arg-type]


def test_an_extension_stands_for_one_thing():
    before = dict(EXTENSIONS)
    row = SpanExtension("new1", "video/mp4", frozenset((MediaKind.VIDEO,)))
    with pytest.raises(MediaError, match="'mp4' stands for other objects"):
        register_extensions(row, replace(EXTENSIONS["mp4"], is_cmaf=True))
    assert dict(EXTENSIONS) == before
    register_format(CMAF)
    register_format(MP4)
    register_format(PER_TRACK)
    assert dict(EXTENSIONS) == before


@pytest.mark.parametrize("name", ["", "a.b", "mp4_end", "é", "x" * 17, "a/b"])
def test_what_cannot_stand_in_a_key_is_no_extension(name):
    with pytest.raises(MediaError, match="not an extension"):
        SpanExtension(name, "video/mp4", frozenset(MediaKind))


def test_an_extension_holds_some_media():
    with pytest.raises(MediaError, match="no media"):
        SpanExtension("none", "video/mp4", frozenset())


def test_extensions_that_are_not_registered_can_be_read_if_asked_for(bucket):
    """A reader that knows the extensions only by name: any media may lie there."""
    store, count = bucket
    program = """
import pickle, sys
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.storage import MemoryStore
from onvif_bmff.media_kind import MediaKind
store = MemoryStore()
for key, content_type, data, metadata in pickle.load(sys.stdin.buffer):
    writer = store.open_writer(key, content_type=content_type)
    writer.append(data)
    writer.seal(metadata)
assert not Timeline.from_store(store).spans
timeline = Timeline.from_store(store, extensions=("audio0", "video0"))
assert timeline.extensions == ["audio0", "video0"]
assert len(timeline.of(MediaKind.VIDEO)) == 2
print(sum(1 for _ in SampleReader(store, select(timeline))))
"""
    objects = [
        (key, store.head(key).content_type, bytes(store.get(key)), dict(store.head(key).attributes))
        for key in sorted(store.keys())
    ]
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(objects), capture_output=True, check=False
    )
    assert not done.stderr
    expected = [one for one in SampleReader(store, select(Timeline.from_store(store))) if one.track.ordinal == 0]
    assert int(done.stdout) == len(expected) < count
