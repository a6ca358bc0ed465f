"""A store that fails in the middle of a recording: nothing is lost that need not be, and what is there is true."""

import errno

import pytest
from storage_faults import FlakyStore, Time, check, contents, deliver, stored, written

from onvif_bmff.errors import MediaError, ObjectExistsError, ObjectKeyError, StoreError
from onvif_bmff.objects import FragmentWritten, ObjectKey, SegmentSealed
from onvif_bmff.playback import Timeline
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import MemoryStore, RetryPolicy, Room, StoreSink
from onvif_bmff.storage.held import HeldBytes
from onvif_bmff.testing.recordings import recorded_events

AV = ("vide", "soun")
EVENTS = {
    CMAF: recorded_events(tracks=AV, segments=3, spans=2),
    MP4: recorded_events(tracks=AV, segments=3, spans=2, recording_format=MP4),
}
CALLS = {}
for _format, _events in EVENTS.items():
    _store = FlakyStore()
    deliver(_events, _store)
    CALLS[_format] = len(_store.calls)
WHOLE = {}
for _format, _events in EVENTS.items():
    _store = FlakyStore()
    deliver(_events, _store)
    WHOLE[_format] = contents(_store)


def no_space(text):
    return OSError(errno.ENOSPC, text)


def bad_disk(text):
    return OSError(errno.EIO, text)


KINDS = {"refused": StoreError, "full": no_space, "broken": bad_disk, "slow": TimeoutError}


@pytest.mark.requirement("ANX-B.4-01")
@pytest.mark.parametrize("recording_format", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
def test_one_failure_at_any_call_loses_nothing(recording_format, kind, afterwards):
    events = EVENTS[recording_format]
    for call in range(1, CALLS[recording_format] + 1):
        store = FlakyStore(lambda number, step, key, at=call: number == at, error=KINDS[kind], afterwards=afterwards)
        sink, failures = deliver(events, store)
        assert failures == []
        assert sum(sink.dropped.values()) == 0
        assert contents(store) == WHOLE[recording_format], call


@pytest.mark.requirement("ANX-B.5-03")
@pytest.mark.parametrize("recording_format", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
def test_a_store_that_fails_for_good_at_any_call_leaves_a_valid_bucket(recording_format, afterwards):
    events = EVENTS[recording_format]
    for call in range(1, CALLS[recording_format] + 1):
        store = FlakyStore(lambda number, step, key, at=call: number >= at, afterwards=afterwards)
        sink, failures = deliver(events, store)
        assert failures or afterwards, call
        check(events, store, sink)


@pytest.mark.parametrize("recording_format", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("lasting", [2, 7])
def test_an_outage_of_some_calls_loses_nothing(recording_format, afterwards, lasting):
    events = EVENTS[recording_format]
    for call in range(1, CALLS[recording_format] + 1, 2):
        store = FlakyStore(
            lambda number, step, key, at=call: at <= number < at + lasting, afterwards=afterwards, error=TimeoutError
        )
        _, failures = deliver(events, store, policy=RetryPolicy(closing=60.0))
        assert failures == [], call
        assert contents(store) == WHOLE[recording_format], call


@pytest.mark.requirement("ANX-B.4-11")
@pytest.mark.requirement("ANX-B.5-04")
@pytest.mark.parametrize("recording_format", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("step", ["open", "append", "seal"])
@pytest.mark.parametrize("error", [StoreError, ObjectExistsError, ObjectKeyError])
def test_an_object_that_is_never_taken_costs_itself_only(recording_format, step, error):
    """The span closes before the hole, and another opens behind it, whatever the recorder knows of it."""
    events = EVENTS[recording_format]
    keys = [str(event.key) for event in events if isinstance(event, SegmentSealed)]
    counts = {}
    for event in events:
        if isinstance(event, FragmentWritten):
            counts[str(event.key)] = counts.get(str(event.key), 0) + event.sample_count
    for bad in keys:
        moment = str(ObjectKey.parse(bad).time)
        store = FlakyStore(
            lambda number, at, key, m=moment, b=bad: (
                at == step and key[-3:] == b[-3:] and str(ObjectKey.parse(key).time) == m
            ),
            error=error,
        )
        sink, failures = deliver(events, store, policy=RetryPolicy(patience=0.5, closing=60.0))
        assert len(failures) == 1
        assert sum(sink.dropped.values()) == counts[bad]
        check(events, store, sink)
        assert stored(store) == written(events) - counts[bad]
        assert all(span.end is not None for span in Timeline.from_store(store).spans)


def test_an_end_that_is_never_taken_is_told_and_recording_goes_on():
    store = FlakyStore(lambda number, step, key: step == "put" and "m4v" in key)
    sink, failures = deliver(EVENTS[CMAF], store, policy=RetryPolicy(patience=0.5))
    assert {failure.key.extension for failure in failures} == {"m4v"}
    assert all(failure.key.span_end and failure.reason is None for failure in failures)
    assert stored(store) == written(EVENTS[CMAF])
    assert sum(sink.dropped.values()) == 0


def test_an_end_that_is_refused_for_long_comes_after_what_follows_it():
    """Media do not wait for it for ever; it is tried again behind each of their segments."""
    ends, segments = [], []

    def fails(number, step, key):
        if step == "seal":
            segments.append(key)
        if step == "put":
            ends.append(key)
        return step == "put" and len(segments) < 5

    store = FlakyStore(fails)
    events = [event for event in EVENTS[CMAF] if event.key.extension == "m4v"]
    sink, failures = deliver(events, store, policy=RetryPolicy(patience=0.5, first=0.1))
    assert failures == []
    assert len(ends) > 4
    check(events, store, sink)
    assert contents(store) == {key: body for key, body in WHOLE[CMAF].items() if "m4v" in key}


def test_a_put_whose_answer_was_lost_is_asked_for_and_not_repeated():
    store = FlakyStore(lambda number, step, key: step == "seal" and key.endswith(".1.m4v"), afterwards=True)
    sink, failures = deliver(EVENTS[CMAF], store)
    assert failures == []
    assert store.calls.count("head") == 2, "one for each span"
    assert store.calls.count("open") == len([key for key in WHOLE[CMAF] if not key.endswith("_end")])
    check(EVENTS[CMAF], store, sink)
    info = store.head(next(key for key in contents(store) if key.endswith(".1.m4v")))
    (name,) = (name for name in info.attributes if name not in ("Version", *_TABLE))
    assert name == "ObjectId"
    assert len(name) + len(info.attributes[name]) <= 40
    assert set(info.attributes[name]) <= set("0123456789abcdef")
    assert len(info.attributes[name]) == 32


_TABLE = (
    "Duration",
    "FullContentType",
    "VideoBitrate",
    "VideoWidth",
    "VideoHeight",
    "VideoFramerate",
    "Timescale",
    "SeekTable",
)


def test_a_put_that_arrives_after_all_is_known_again():
    """The request was still under way when the store was asked for it: the next one finds the key taken, by itself."""
    store = FlakyStore(lambda number, step, key: False)
    late = []

    def fails(number, step, key):
        if step == "seal" and key.endswith(".1.m4v") and not late:
            late.append(key)
            return True
        return False

    store.fails = fails
    plain_open, attributes = store.open_writer, {}

    def open_writer(key, *, content_type, overwrite=False):
        if key in late and key not in attributes:
            writer = MemoryStore.open_writer(store, key, content_type=content_type)
            writer.append(WHOLE[CMAF][key])
            attributes[key] = {"objectid": ids[-1]}
            writer.seal(attributes[key])
        return plain_open(key, content_type=content_type, overwrite=overwrite)

    store.open_writer = open_writer
    ids, counter = [], iter(range(1, 100))

    def random(size):
        made = next(counter).to_bytes(size, "big")
        if not late:
            ids.append(made.hex())
        return made

    events = [event for event in EVENTS[CMAF] if event.key.extension == "m4v"]
    sink, failures = deliver(events, store, random=random)
    assert failures == []
    assert late
    check(events, store, sink)


def test_an_object_of_somebody_else_is_a_collision_and_stays():
    events = [event for event in EVENTS[CMAF] if event.key.extension == "m4v"]
    taken = next(str(event.key) for event in events if isinstance(event, SegmentSealed) and event.key.counter == 1)
    store = FlakyStore(lambda number, step, key: step == "seal" and key == taken and number < 20)
    theirs = MemoryStore.open_writer(store, taken, content_type="video/mp4")
    theirs.append(b"theirs")
    sink = StoreSink(store, on_failure=(failures := []).append)
    for event in events:
        if isinstance(event, SegmentSealed) and str(event.key) == taken:
            theirs.seal({"ObjectId": "0" * 32})
        sink.add(event)
    sink.close()
    assert [type(failure.error) for failure in failures] == [ObjectExistsError]
    assert MemoryStore.get(store, taken) == b"theirs"


@pytest.mark.parametrize("memory", [0, 300, 1 << 20])
def test_what_is_held_lies_in_files_beyond_a_bound(memory, tmp_path):
    events = EVENTS[CMAF]
    room = Room(memory, 1 << 20, folder=tmp_path)
    store = FlakyStore(lambda number, step, key: number in (30, 31, 32))
    _, failures = deliver(events, store, room=room, policy=RetryPolicy(closing=60.0))
    assert failures == []
    assert contents(store) == WHOLE[CMAF]
    assert (room.held, room.in_memory) == (0, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [Room(0, 1500), Room(1500, 1500), Room(0, 1 << 20, folder="/nowhere")])
@pytest.mark.parametrize("blocking", [0.0, 1.0])
def test_without_room_the_oldest_goes_and_the_bucket_stays_valid(room, blocking):
    events = EVENTS[CMAF]
    calls = []
    for failing in (range(4, 60), range(20, 1000), range(0)):
        store = FlakyStore(lambda number, step, key, when=failing: number in when)
        sink, failures = deliver(events, store, room=room, policy=RetryPolicy(blocking=blocking))
        check(events, store, sink)
        assert room.held == 0
        calls.append(len(failures))
    assert calls[1] > 0
    assert calls[2] == 0, "without a failure there is no need of room"


def test_waiting_for_room_saves_what_would_be_lost():
    """Media that come faster than life wait for a store that has a short outage."""
    events = EVENTS[CMAF]
    lost = {}
    for blocking in (0.0, 30.0):
        store = FlakyStore(lambda number, step, key: 10 <= number < 19)
        sink, _ = deliver(events, store, step=0.0, room=Room(3000, 3000), policy=RetryPolicy(blocking=blocking))
        check(events, store, sink)
        lost[blocking] = sum(sink.dropped.values())
    assert lost[0.0] > 0
    assert lost[30.0] == 0


def test_a_segment_that_is_given_up_while_it_is_open_is_told_at_once():
    """So that its recorder may begin another one; what still comes of it is counted."""
    events = recorded_events(tracks=("vide",), segments=2, seconds=4)
    store = FlakyStore(lambda number, step, key: 2 <= number < 6)
    policy = RetryPolicy(first=0.1, patience=0.2)
    sink, failures = deliver(events, store, policy=policy)
    assert [failure.open for failure in failures] == [True]
    assert sum(sink.dropped.values()) > failures[0].sample_count
    check(events, store, sink)


@pytest.mark.parametrize("at", range(1, CALLS[CMAF] + 1, 3))
def test_an_interrupt_in_the_middle_of_a_call_loses_nothing(at):
    """Ctrl-C comes through; whoever closes the spans then has everything stored."""
    events = EVENTS[CMAF]
    store = FlakyStore(lambda number, step, key: number == at, error=KeyboardInterrupt, afterwards=at % 2 == 0)
    sink = StoreSink(store)
    try:
        sink.add_all(events)
    except KeyboardInterrupt:
        sink.add_all([])
        sink.close()
    assert contents(store) == WHOLE[CMAF]


def test_a_shared_room_is_empty_in_the_end():
    room = Room(400, 2000)
    first, second = FlakyStore(lambda number, step, key: number > 7), FlakyStore()
    time = Time()
    more = {"room": room, "clock": time, "sleep": time.sleep}
    a, b = StoreSink(first, on_failure=lambda failure: None, **more), StoreSink(second, **more)
    for event in EVENTS[CMAF]:
        a.add(event)
        b.add(event)
    b.close()
    a.close()
    assert (room.held, room.in_memory) == (0, 0)
    assert contents(second) == WHOLE[CMAF]


def test_what_waits_has_room_before_what_is_held_to_be_safe():
    """Audio is refused for a while; video is stored without a fault, and need not be held for that time."""
    size = sum(len(body) for key, body in WHOLE[CMAF].items() if "m4a" in key)
    for room in (Room(size + 300, size + 300), Room(0, size + 300)):
        store = FlakyStore(lambda number, step, key: step == "open" and "m4a" in key and number < 60)
        sink, failures = deliver(
            EVENTS[CMAF], store, room=room, policy=RetryPolicy(first=0.1, longest=0.1, closing=90.0)
        )
        assert (failures, dict(sink.dropped)) == ([], {})
        assert contents(store) == WHOLE[CMAF]


class BadFile:
    """A temporary file on a disk that is full."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        if self.room < len(data):
            self.file.write(data[: self.room])
            raise OSError(errno.ENOSPC, "no space")
        self.room -= len(data)
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("space", [0, 5, 12])
def test_held_bytes_are_those_that_were_taken_whatever_the_disk_says(space):
    room = Room(4, 100)
    plain = room.file
    room.file = lambda: BadFile(plain(), space)
    held = HeldBytes(room)
    assert held.add((b"abc",), 3)
    taken = b"abc"
    for buffers in ((b"defg", bytearray(b"h")), (memoryview(b"ij"),), (b"klmnopq",), (b"r",)):
        if held.add(buffers, sum(map(len, buffers))):
            taken += b"".join(buffers)
    assert b"".join(piece for found in held.pieces() for piece in found) == taken
    assert held.size == len(taken)
    assert room.held == len(taken)
    held.drop()
    assert (room.held, room.in_memory) == (0, 0)
    held = HeldBytes(Room(0, 100))
    assert held.add((b"abc",), 3)
    held._file.truncate(1)
    with pytest.raises(OSError, match="shorter"):
        list(held.pieces())
    held.drop()


@pytest.mark.parametrize("recording_format", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("error", [ValueError, MediaError, StoreError, ObjectExistsError, OSError])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_fault_of_who_is_told_comes_out_and_loses_nothing(recording_format, error, at_once):
    store, failures, told = MemoryStore(), [], []

    def on_stored(key, size):
        told.append(str(key))
        raise error(str(key))

    sink = StoreSink(store, on_stored=on_stored, on_failure=failures.append)
    raised = []
    events = EVENTS[recording_format]
    for part in [events] if at_once else [[event] for event in events]:
        try:
            sink.add_all(part)
        except error as problem:
            raised.append(str(problem))
    sink.close()
    assert (failures, sum(sink.dropped.values()), sink.trouble) == ([], 0, None)
    assert sorted(told) == sorted(contents(store)) == sorted(WHOLE[recording_format])
    assert [told[0] in one for one in raised[:1]] == [True]
    assert len(raised) == (1 if at_once else len(told))


def test_an_interrupt_of_who_is_told_loses_nothing():
    store, interrupts = MemoryStore(), iter([KeyboardInterrupt()])

    def on_stored(key, size):
        for interrupt in interrupts:
            raise interrupt

    sink = StoreSink(store, on_stored=on_stored)
    with pytest.raises(KeyboardInterrupt):
        sink.add_all(EVENTS[CMAF])
    sink.add_all([])
    sink.close()
    assert sorted(contents(store)) == sorted(WHOLE[CMAF])
    assert sum(sink.dropped.values()) == 0
