"""Recovery of whatever a dead recorder left, in any store: all of it, once, and nothing of those that live."""

import errno
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
import recovery_kit
from recovery_kit import AreaStore, contents, died

from onvif_bmff.codecs import AacCodec
from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StoreError
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects import ObjectKey, SegmentOpened, SpanEndObject
from onvif_bmff.playback import Timeline
from onvif_bmff.recording import Recorder, RecordingTarget
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import DirectoryStore, MemoryStore, directory_writer
from onvif_bmff.testing.recordings import START, recorded_events
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

AV = ("vide", "soun")
PLACE = ("site-2", "camera-5")
EVENTS = {
    kind: recorded_events(tracks=AV, segments=2, seconds=2, spans=2, recording_format=kind) for kind in (CMAF, MP4)
}
LATER = START + timedelta(days=900)


def valid(store):
    found = [str(finding) for finding in validate_store(store)]
    assert found == [], found[:3]
    assert all(span.end is not None for span in Timeline.from_store(store).spans)


@pytest.mark.requirement("ANX-B.5-01")
@pytest.mark.requirement("ANX-B.5-03")
@pytest.mark.parametrize("kind", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("places", [None, [PLACE]], ids=["all", "one place"])
@pytest.mark.parametrize("area", [True, False], ids=["open area", "no open area"])
def test_wherever_the_recorder_died_the_store_is_whole_afterwards(kind, places, area):
    events = EVENTS[kind]
    for count in range(len(events) + 1):
        store = AreaStore() if area else MemoryStore()
        died(events, count, store, store.leave if area else None)
        before = contents(store), dict(getattr(store, "area", {}))
        plan = recover_store(store, places=places, before=LATER, dry_run=True)
        assert plan.dry_run
        assert (contents(store), dict(getattr(store, "area", {}))) == before, "a dry run changes nothing"
        report = recover_store(store, places=places, before=LATER)
        for name in ("recovered", "abandoned", "ended", "left", "errors"):
            assert sorted(getattr(plan, name)) == sorted(getattr(report, name)), (count, name)
        assert (report.left, report.errors) == ([], [])
        valid(store)
        assert set(report.recovered) | set(report.ended) == set(contents(store)) - set(before[0])
        assert not getattr(store, "area", {})
        again = recover_store(store, places=places, before=LATER)
        assert (again.recovered, again.abandoned, again.ended, again.errors) == ([], [], [], [])


def test_an_open_area_of_ours_is_recovered_and_looked_at_without_a_change(tmp_path):
    store = DirectoryStore(tmp_path, fsync=False)

    def leave(key, content_type, data):
        writer = store.open_writer(key, content_type=content_type)
        writer.append(data)
        writer._file.file.close()  # as if the process had died

    died(EVENTS[CMAF], 5, store, leave)
    empty = store.open_writer("empty", content_type="video/mp4")
    empty._file.file.close()
    files = sorted(path.name for path in (tmp_path / ".onvif_bmff/open").iterdir())
    plan = recover_store(store, dry_run=True)
    assert sorted(path.name for path in (tmp_path / ".onvif_bmff/open").iterdir()) == files
    report = recover_store(store)
    assert plan.recovered == report.recovered != []
    assert plan.ended == report.ended != []
    valid(store)


def left_in_a_directory(path, count=5):
    """A store whose recorder died, with its open area."""
    store = DirectoryStore(path, fsync=False)

    def leave(key, content_type, data):
        writer = store.open_writer(key, content_type=content_type)
        writer.append(data)
        writer._file.file.close()  # as if the process had died

    return died(EVENTS[CMAF], count, store, leave)


def interrupted_recovery(store):
    try:
        return recover_store(store)
    except KeyboardInterrupt:
        return None


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["full", "interrupted"])
@pytest.mark.parametrize("step", ["write_all", "_commit"])
def test_a_segment_that_cannot_be_sealed_now_is_there_the_next_time(tmp_path, monkeypatch, error, step):
    store = left_in_a_directory(tmp_path)
    items = store.unsealed()
    assert items

    def fail(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(*(directory_writer, step) if step == "write_all" else (DirectoryStore, step), fail)
        report = interrupted_recovery(store)
        assert report is None or (report.errors and not report.recovered and not report.abandoned)
    assert [item.key for item in store.unsealed()] == [item.key for item in items]
    report = recover_store(store)
    assert report.recovered == [item.key for item in items]
    assert report.errors == []
    assert store.unsealed() == []
    valid(store)


@pytest.mark.parametrize("error", [StoreError("full"), KeyboardInterrupt()], ids=["full", "interrupted"])
def test_a_store_whose_writers_cannot_be_released_loses_nothing_either(monkeypatch, error):
    store = AreaStore()
    died(EVENTS[CMAF], 5, store, store.leave)
    keys = sorted(store.area)

    def fail(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(recovery_kit._Resumed, "seal", fail)
        interrupted_recovery(store)
    assert sorted(store.area) == keys != []
    assert recover_store(store).recovered == keys
    valid(store)


def test_places_where_somebody_records_are_left_alone(tmp_path):
    store = DirectoryStore(tmp_path, fsync=False)
    died(EVENTS[CMAF], 6, store)
    other = recorded_events(tracks=AV, segments=2, prefix="other", random_seed=5)
    died(other, len(other) - 1, store)
    living = store.open_writer(
        str(ObjectKey("site-2", START + timedelta(seconds=9), "camera-5", 7, "m4v")), content_type="video/mp4"
    )
    living.append(b"x")
    report = recover_store(store)
    assert {ObjectKey.parse(key).prefix for key in report.left} == {"site-2"}
    assert {ObjectKey.parse(key).prefix for key in report.ended} == {"other"}
    report = recover_store(store, exclusive=True)
    assert {ObjectKey.parse(key).prefix for key in report.ended} == {"site-2"}
    living.abandon()


def test_an_unsealed_segment_in_a_place_in_use_waits(tmp_path):
    store = DirectoryStore(tmp_path, fsync=False)

    def leave(key, content_type, data):
        writer = store.open_writer(key, content_type=content_type)
        writer.append(data)
        writer._file.file.close()

    died(EVENTS[CMAF], 3, store, leave)
    living = store.open_writer("site-2/2022-11-08/camera-5/16/00-00.000Z.0.m4a", content_type="audio/mp4")
    assert recover_store(store).left
    assert store.unsealed()
    living.abandon()
    assert recover_store(store).recovered
    assert not store.unsealed()


@pytest.mark.parametrize("places", [None, [PLACE]], ids=["all", "one place"])
def test_what_was_recorded_just_now_is_left_open(places):
    store = died(EVENTS[CMAF], 6, MemoryStore())
    for before, done in ((START, False), (START + timedelta(seconds=2), False), (LATER, True)):
        report = recover_store(store, places=places, before=before)
        assert bool(report.ended) == done
        assert done or not places or before == START or report.left
        assert report.errors == []


def test_a_device_ends_what_is_old_though_it_records_there_again():
    """Its new spans are days younger than what it finds open, and there already when it looks."""
    old = recorded_events(tracks=AV, segments=2)
    store = died(old, len(old) - 2, MemoryStore())
    left = [span for span in Timeline.from_store(store).spans if span.end is None]
    for days in (3, 4, 5, 900):
        new = recorded_events(tracks=AV, segments=2, start=START + timedelta(days=days), random_seed=days)
        died(new, len(new) - 3, store)
    report = recover_store(store, places=[PLACE], before=START + timedelta(days=3), exclusive=True)
    assert len(report.ended) == len(left) == 1
    assert all(ObjectKey.parse(key).time < START + timedelta(days=1) for key in report.ended)


@pytest.mark.requirement("ANX-B.5-01")
@pytest.mark.parametrize("recent", [False, True])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_span_gets_an_end_though_keys_give_it_that_of_the_span_before(dry_run, recent):
    """That one lasts for so long into it that no reader of keys expects its end there."""
    store = MemoryStore()
    ended = recorded_events(tracks=("vide",), segments=1, seconds=12)
    began = START + timedelta(seconds=8)
    left = recorded_events(tracks=("vide",), segments=1, seconds=12, start=began, random_seed=1)
    died(ended, len(ended), store)
    died(left, len(left) - 1, store)
    assert [span.end for span in Timeline.from_store(store).spans] == [None, START + timedelta(seconds=12)]
    before = began if recent else LATER
    report = recover_store(store, places=[PLACE], before=before, exclusive=True, dry_run=dry_run)
    assert report.ended == ([] if recent else [str(left[-1].key)])
    assert report.errors == []
    again = recover_store(store, places=[PLACE], before=before, exclusive=True, dry_run=dry_run)
    assert again.ended == (report.ended if dry_run else [])


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_span_gets_an_end_though_keys_give_it_that_of_a_span_that_began_since(dry_run):
    """A recovery that fails is tried again, and meanwhile recording goes on: a short span, which has ended, too."""
    store = MemoryStore()
    left = recorded_events(tracks=("soun",), segments=1, seconds=12)
    died(left, len(left) - 1, store)
    began = START + timedelta(seconds=60)
    sound = Track("AUDIO001", 2, 8_000, AacCodec.from_config(bytes.fromhex("1588")))
    recorder = Recorder([sound], RecordingTarget(CMAF, *PLACE, segment_duration=timedelta(seconds=12)))
    recorder.activate(began, media_time=Fraction(0))
    since = [*recorder.push(Sample(2, 0, 320, b"40 ms", True)), *recorder.deactivate()]
    died(since, len(since), store)
    first, second = Timeline.from_store(store).spans
    assert (first.end is None, second.end is None) == (False, True), "keys cannot tell"
    report = recover_store(store, places=[PLACE], before=began, exclusive=True, dry_run=dry_run)
    assert (report.ended, report.errors) == ([str(left[-1].key)], [])
    if not dry_run:
        valid(store)
        assert recover_store(store, places=[PLACE], before=began, exclusive=True).ended == []


def test_a_segment_that_is_given_up_ends_the_span_before_it_and_none_that_began_since():
    """A recovery that fails is tried again, and meanwhile somebody records there."""
    left = recorded_events(tracks=("vide",), segments=2, seconds=2)
    second = next(event for event in left if isinstance(event, SegmentOpened) and event.key.counter == 1)
    store = died(left, left.index(second), AreaStore())
    store.leave(str(second.key), "video/mp4", b"")
    began = START + timedelta(seconds=60)
    since = recorded_events(tracks=("vide",), segments=2, seconds=12, start=began, random_seed=1)
    count = next(n for n, event in enumerate(since) if isinstance(event, SegmentOpened) and event.key.counter == 1)
    died(since, count + 1, store, store.leave)
    report = recover_store(store, places=[PLACE], before=began, exclusive=True)
    assert report.abandoned == [str(second.key)]
    assert report.ended == [str(replace(second.key, span_end=True))]
    assert report.left == [str(since[count].key)], "its writer may try it again"
    assert list(store.area) == report.left


def test_an_end_that_its_recorder_rounded_otherwise_is_there_already():
    """Keys cannot tell whose it is, since the next span had begun."""
    ended = recorded_events(tracks=("vide",), segments=1, seconds=12)
    end = ended[-1].key
    store = died(ended, len(ended) - 1, MemoryStore())
    began = START + timedelta(seconds=10)
    other = recorded_events(tracks=("vide",), segments=1, seconds=12, start=began, random_seed=1)
    died(other, len(other) - 1, store)
    rounded = SpanEndObject(replace(end, time=end.time.plus_microseconds(-1000)))
    for written, found in (([], [str(end)]), ([rounded], [])):
        for one in written:
            store.put(one)
            store.delete(str(end))
        assert recover_store(store, places=[PLACE], before=began, exclusive=True).ended == found


def test_a_span_to_which_keys_give_a_foreign_end_and_not_its_own_segments_is_not_ended_among_them():
    """The span before it ends in its first segment, which so seems to be its last."""
    store = MemoryStore()
    ended = recorded_events(tracks=("vide",), segments=1, seconds=12)
    left = recorded_events(tracks=("vide",), segments=2, seconds=12, start=START + timedelta(seconds=5), random_seed=1)
    died(ended, len(ended), store)
    died(left, len(left) - 1, store)
    assert len(list(Timeline.from_store(store).spans)) == 3
    report = recover_store(store, before=LATER, exclusive=True)
    assert set(report.ended) <= {str(left[-1].key)}
    assert report.errors == []


@pytest.mark.parametrize("ended", [False, True])
def test_a_segment_that_its_recorder_gave_up_is_not_put_behind_the_end_of_its_span(ended):
    events = recorded_events(tracks=("vide",), segments=3, seconds=2)
    opened = [number for number, event in enumerate(events) if type(event).__name__ == "SegmentOpened"]
    store = AreaStore()
    died(events, opened[2] + 2, store, store.leave)  # a header and a fragment of the third segment are left
    left = events[opened[2]].key
    if ended:
        store.put(SpanEndObject(replace(left, span_end=True)))
    report = recover_store(store, before=LATER)
    assert (report.abandoned, report.recovered) == (([str(left)], []) if ended else ([], [str(left)]))
    assert report.errors == []
    valid(store)


def test_nothing_is_lost_when_the_store_fails_and_the_next_time_does_it():
    store = AreaStore()
    died(EVENTS[CMAF], 5, store, store.leave)
    for trouble in ("unsealed", "read", "put"):
        store.broken = {trouble}
        area = dict(store.area)
        report = recover_store(store, before=LATER)
        assert report.errors, trouble
        if trouble != "put":
            assert store.area == area, trouble
    store.broken = set()
    report = recover_store(store, before=LATER)
    assert report.errors == []
    valid(store)


def test_what_is_no_segment_is_told_and_what_is_not_ours_is_let_be():
    store = AreaStore()
    died(EVENTS[CMAF], 5, store, store.leave)
    key = str(ObjectKey("junk", START, "", 0, "m4v"))
    store.leave(key, "video/mp4", b"\0\0\0\x08moof" * 3)
    store.leave("export/recording.mp4", "video/mp4", b"whatever")
    report = recover_store(store, before=LATER)
    assert [error for error in report.errors if key in error]
    assert "export/recording.mp4" in store.area
    valid(store)


def test_an_end_of_a_span_that_broke_off_in_mid_air_is_written():
    store = AreaStore()
    count = next(n for n, event in enumerate(EVENTS[CMAF]) if str(event.key).endswith("_end"))
    died(EVENTS[CMAF], count, store, store.leave)
    end = str(EVENTS[CMAF][count].key)
    store.leave(end, "application/octet-stream", b"")
    report = recover_store(store, before=LATER)
    assert end in report.ended
    assert store.get(end) == b""


@pytest.mark.parametrize("step", ["read_unsealed", "resume"])
def test_a_span_is_not_ended_before_a_segment_that_could_not_be_completed_this_time(step, monkeypatch):
    """The next recovery completes it, and an end object before it would be wrong for ever."""
    events = [event for event in EVENTS[CMAF] if event.key.extension == "m4v"]
    count = max(number for number, event in enumerate(events) if event.key.counter == 1 and not event.key.span_end)
    store = died(events, count, store := AreaStore(), store.leave)
    unsealed = [item.key for item in store.unsealed()]
    assert [".1." in key for key in unsealed] == [True]

    def fail(item, *given):
        raise StoreError("the disk does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(store, step, fail)
        report = recover_store(store, before=LATER)
    assert (len(report.errors), report.recovered) == (1, [])
    assert not [key for key in report.ended if ".1." in key]
    report = recover_store(store, before=LATER)
    assert (report.recovered, report.errors) == (unsealed, [])
    valid(store)


@pytest.mark.parametrize("races", ["the end", "the segment"])
def test_an_object_that_is_said_to_exist_and_is_not_there_is_tried_again(races, monkeypatch):
    """Services say of a race, too, that an object exists. What is believed of that is lost for ever."""
    events = [event for event in EVENTS[CMAF] if event.key.extension == "m4v"]
    last = max(number for number, event in enumerate(events) if event.key.counter == 1 and not event.key.span_end)
    store = died(events, last, store := AreaStore(), store.leave)

    def taken(*given, **named):
        raise ObjectExistsError("409: a request for the same key is under way")

    with monkeypatch.context() as patch:
        if races == "the end":
            patch.setattr(store, "put", taken)
        else:
            patch.setattr(recovery_kit._Resumed, "seal", taken)
        report = recover_store(store, before=LATER)
    assert [error for error in report.errors if "has none" in error]
    assert not [key for key in report.ended if ".1." in key]
    if races == "the segment":
        assert (len(store.area), report.recovered, report.abandoned) == (1, [], [])
    report = recover_store(store, before=LATER)
    assert report.errors == []
    valid(store)
    assert [len(span.segments) for span in Timeline.from_store(store).spans] == [2, 2]


def test_a_segment_that_its_recorder_stored_another_time_ends_nothing():
    """The writer failed and left its bytes behind; the recorder offered them again and went on."""
    events = [event for event in EVENTS[CMAF] if event.key.extension == "m4v"]
    store = died(events, len(events), AreaStore())
    first = next(key for key in contents(store) if key.endswith(".0.m4v"))
    store.leave(first, "video/mp4", store.get(first))
    plain = AreaStore.resume
    store.resume = lambda item, size=None: plain(_Overwriting(store), item, size)
    before = set(contents(store))
    report = recover_store(store, before=LATER)
    assert report.recovered == []
    assert set(contents(store)) == before


class _Overwriting:
    """A writer of the area that finds out at its end that the key is taken."""

    def __init__(self, store):
        self.area = store.area
        self.store = store

    def open_writer(self, key, *, content_type):
        store = self.store

        class Writer:
            def append(self, *buffers):
                pass

            def seal(self, attributes):
                store.open_writer(key, content_type=content_type)

        return Writer()


@pytest.mark.parametrize("kind", ["a byte", "as long", "longer", "begun only"])
def test_an_unsealed_segment_is_kept_where_another_object_has_its_key(tmp_path, kind):
    store = left_in_a_directory(tmp_path)
    items = store.unsealed()
    for item in items:
        data = store.read_unsealed(item)
        foreign = {"a byte": b"x", "as long": bytes(len(data)), "longer": bytes(len(data) + 9), "begun only": data[:-1]}
        path = tmp_path / item.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(foreign[kind])
    before = contents(store)
    for _ in range(2):
        report = recover_store(store, places=[])
        assert (report.recovered, report.abandoned) == ([], [])
        assert len(report.errors) == len(items)
        assert all(item.key in error for item, error in zip(items, report.errors, strict=True))
        assert contents(store) == before
        assert [item.key for item in store.unsealed()] == [item.key for item in items]
    for item in items:
        store.delete(item.key)
    assert recover_store(store).recovered == [item.key for item in items]
    valid(store)


def test_of_two_unsealed_segments_of_one_key_the_longer_one_is_kept(tmp_path):
    store = left_in_a_directory(tmp_path)
    (item, *_) = store.unsealed()
    data = store.read_unsealed(item)
    for size in (len(data) - 1, len(data) - 2):
        writer = store.open_writer(item.key, content_type=item.content_type)
        writer.append(data[:size])
        writer._file.file.close()
    report = recover_store(store)
    assert report.errors == []
    assert report.abandoned == [item.key] * 2
    assert store.get(item.key, 0, len(data)) == data
    valid(store)


def rewritten(store, name, change):
    """Put other bytes in the place of an object."""
    data, info = store.get(name), store.head(name)
    writer = store.open_writer(name, content_type=info.content_type, overwrite=True)
    writer.append(change(data))
    writer.seal(dict(info.attributes))


def last_fragment(data):
    return data.rindex(b"moof") - 4


@pytest.mark.requirement("ANX-B.5-03")
def test_a_span_ends_behind_its_last_fragment_whatever_lies_before_it():
    events = recorded_events(tracks=("vide",), segments=1, seconds=4)
    plain, other = died(events, len(events) - 1, MemoryStore()), died(events, len(events) - 1, MemoryStore())
    (name,) = contents(other)
    rewritten(other, name, lambda data: data[: last_fragment(data)] + b"\0\0\0\x08free" + data[last_fragment(data) :])
    reports = [recover_store(store, before=LATER) for store in (plain, other)]
    assert reports[0].ended == reports[1].ended != []


def test_a_span_whose_last_segment_is_damaged_is_not_ended_too_early():
    events = recorded_events(tracks=("vide",), segments=1, seconds=4)
    store = died(events, len(events) - 1, MemoryStore())
    (name,) = contents(store)

    def damaged(data):
        at = last_fragment(data) + 8
        return data[:at] + b"\0\0\0\3" + data[at + 4 :]

    rewritten(store, name, damaged)
    report = recover_store(store, before=LATER)
    assert report.ended == []
    assert name in report.errors[0]
    assert list(contents(store)) == [name]


def test_an_object_that_is_deleted_meanwhile_is_no_error():
    store = died(EVENTS[CMAF], 6, MemoryStore())
    plain = store.get

    def gone(key, start=0, length=None):
        if key.endswith("m4v"):
            raise ObjectNotFoundError(key)
        return plain(key, start, length)

    store.get = gone
    report = recover_store(store, before=LATER)
    assert report.errors == []


def test_a_segment_without_samples_cannot_end_a_span():
    store = MemoryStore()
    writer = store.open_writer(str(ObjectKey("cam", START, "", 0, "m4v")), content_type="video/mp4")
    writer.append(b"")
    writer.seal({})
    report = recover_store(store, before=UtcTime.parse("2030-01-01T00:00:00Z"))
    assert "no samples" in report.errors[0]
    assert report.ended == []


@pytest.mark.parametrize("started", [START, UtcTime.parse("2022-11-08T23:59:57.000Z")], ids=["noon", "midnight"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_segment_without_a_whole_fragment_ends_its_span_before_it(started, dry_run):
    events = recorded_events(tracks=("vide",), segments=2, seconds=3, start=started)
    opened = next(n for n, event in enumerate(events) if event.key.counter == 1)
    store = AreaStore()
    died(events, opened + 1, store, store.leave)
    report = recover_store(store, places=[], dry_run=dry_run)
    assert report.abandoned == [str(events[opened].key)]
    assert report.ended == [f"{events[opened].key}_end"]
    if not dry_run:
        valid(store)
        assert store.area == {}


def test_a_first_segment_without_a_whole_fragment_leaves_nothing():
    store = AreaStore()
    died(EVENTS[CMAF], 1, store, store.leave)
    store.leave(str(ObjectKey("gone", START, "", 3, "m4v")), "video/mp4", b"")
    report = recover_store(store)
    assert len(report.abandoned) == 2
    assert (report.ended, report.errors, contents(store)) == ([], [], {})


def test_what_cannot_be_listed_or_taken_over_is_an_error_of_its_own():
    store = AreaStore()
    died(EVENTS[CMAF], 5, store, store.leave)
    plain = store.keys

    def broken(prefix="", *, after=""):
        if not prefix or prefix.startswith("broken"):
            raise StoreError("the listing broke off")
        return plain(prefix, after=after)

    def taken(item, size=None):
        raise StoreError("somebody else took it over")

    store.keys, store.resume = broken, taken
    report = recover_store(store, places=[("broken", "p"), PLACE])
    assert [error.partition(":")[0] for error in report.errors][-1] == "broken … p"
    assert any("took it over" in error for error in report.errors)
    assert recover_store(store).errors[-1].startswith("listing the store")

    def gone(item, size=None):
        raise ObjectNotFoundError(item.key)

    store.keys, store.resume = plain, gone
    assert recover_store(store).errors == [], "somebody else has done it"
    store.read_unsealed = gone
    assert recover_store(store).errors == []
