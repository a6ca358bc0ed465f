"""What a full spool drops, in which order it uploads, and what it may send: whole spans, or their beginnings."""

import errno
import os
import threading
import time

import pytest
from storage_kit import add

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.events import SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.runtime import ThreadedRuntime
from onvif_bmff.storage import (
    DirectoryStore,
    Dropped,
    MemoryStore,
    RetryPolicy,
    SpanEndedError,
    SpooledStore,
    SpoolNotes,
    SpoolPolicy,
    StoreSink,
    UploadOrder,
    UploadQueue,
    WhenFull,
)
from onvif_bmff.storage.file_system import PosixFileSystem
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-11-30T12:00:00Z")


@pytest.fixture(autouse=True)
def _no_waiting_for_disks(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda number: None)


def key(second, counter, place="cam", *, end=False):
    return str(ObjectKey("", START.plus_microseconds(second * 1_000_000), place, counter, "m4v", span_end=end))


def span(store, begin, count, place="cam", *, ended=True, **attributes):
    for number in range(count):
        add(store, key(begin + number, number, place), b"x" * 10, attributes)
    if ended:
        add(store, key(begin + count, count, place, end=True), b"")


@pytest.fixture
def spooled(tmp_path):
    made = []

    def make(remote=None, folder="spool", on_dropped=None, runtime=None, system=None, **policy):
        policy = SpoolPolicy(**{"tasks": 0, "first": 0.002, "longest": 0.01, **policy})
        more = {} if runtime is None else {"runtime": runtime}
        more |= {} if system is None else {"system": system}
        made.append(
            SpooledStore(
                MemoryStore() if remote is None else remote,
                tmp_path / folder,
                policy=policy,
                on_dropped=on_dropped,
                **more,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def uploaded(spooled, store, **policy):
    """What the remote store has when all that waits was uploaded."""
    store.close()
    remote = MemoryStore()
    assert spooled(remote, tasks=2, **policy).close(20)
    return list(remote.keys())


# ---- dropping ----------------------------------------------------------------------------------------------


def test_the_oldest_span_is_dropped_whole(spooled):
    drops = []
    store = spooled(most_bytes=60, when_full=WhenFull.DROP_OLDEST, on_dropped=drops.append)
    span(store, 0, 3)
    span(store, 10, 3)
    span(store, 20, 2)
    (drop,) = drops
    assert (drop.first, drop.last, drop.objects, drop.bytes) == (key(0, 0), key(2, 2), 3, 30)
    status = store.status
    assert (status.dropped, status.dropped_bytes, status.waiting_bytes) == (3, 30, 50)
    wanted = [key(10, 0), key(11, 1), key(12, 2), key(13, 3, end=True), key(20, 0), key(21, 1), key(22, 2, end=True)]
    assert uploaded(spooled, store) == wanted
    assert SpoolNotes(str(store._hold._root)).dropped == [drop], "and it is known afterwards"


def test_the_newest_span_is_dropped_if_that_is_asked_for(spooled):
    store = spooled(most_bytes=60, when_full=WhenFull.DROP_NEWEST)
    span(store, 0, 3)
    span(store, 10, 3)
    span(store, 20, 2)
    kept = [key(0, 0), key(1, 1), key(2, 2), key(3, 3, end=True)]
    assert uploaded(spooled, store) == [*kept, key(20, 0), key(21, 1), key(22, 2, end=True)]


def test_what_an_event_caused_is_dropped_last(spooled):
    store = spooled(most_bytes=50, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 2, EventTopic="tns1:Motion")
    span(store, 10, 2)
    span(store, 20, 2)
    assert uploaded(spooled, store)[0] == key(0, 0)
    store = spooled(folder="b", most_bytes=50, when_full=WhenFull.DROP_OLDEST)
    for begin in (0, 10, 20):
        span(store, begin, 2, eventtopic="tns1:Motion")
    assert store.status.dropped == 2
    assert store.keys().__next__() == key(10, 0)


def test_a_span_that_is_uploaded_in_part_ends_with_its_last_segment(spooled):
    remote = MemoryStore()
    store = spooled(remote, most_bytes=50, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 4)
    for _ in range(2):
        store._uploader.upload(store._contents.take(""), "")
    assert list(remote.keys()) == [key(0, 0), key(1, 1)]
    span(store, 10, 3)
    assert list(store.keys())[:2] == [key(0, 0), key(1, 1)]
    span(store, 20, 2)
    assert list(store.keys())[:3] == [key(0, 0), key(1, 1), key(2, 2, end=True)]
    assert store.status.dropped == 2


def test_what_is_being_uploaded_stays(spooled):
    remote = MemoryStore()
    store = spooled(remote, most_bytes=50, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 3, ended=False)
    one = store._contents.take("")
    span(store, 10, 3)
    assert key(1, 1, end=True) in list(store.keys())
    assert key(0, 0) in list(store.keys())
    assert store.status.dropped == 2
    store._contents.failed(one, "", sent=False)
    again = store._contents.take("") or store.wait(0.05) or store._contents.take("")
    assert again == one
    store._uploader.upload(again, "")
    assert store._contents.take("").key == key(1, 1, end=True), "in this order"


def test_what_the_store_may_have_stays(spooled):
    store = spooled(most_bytes=50, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 3, ended=False)
    store._contents.failed(store._contents.take(""), "", sent=True)
    span(store, 10, 3)
    assert list(store.keys())[:2] == [key(0, 0), key(1, 1, end=True)]
    store.close()
    again = spooled(most_bytes=40, when_full=WhenFull.DROP_OLDEST)
    span(again, 20, 2)
    kept = [key(0, 0), key(1, 1, end=True), key(10, 0), key(11, 1, end=True)]
    assert list(again.keys())[:4] == kept, "as it may have been sent before"


def test_more_of_an_open_span_is_refused_until_another_begins(spooled):
    store = spooled(most_bytes=30, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 3, ended=False)
    with pytest.raises(SpanEndedError):
        store.open_writer(key(3, 3), content_type="video/mp4")
    with pytest.raises(SpanEndedError):
        add(store, key(3, 3, end=True), b"")
    assert list(store.keys()) == []
    span(store, 10, 2)
    assert list(store.keys()) == [key(10, 0), key(11, 1), key(12, 2, end=True)]


def test_a_segment_that_is_being_written_is_refused_too(spooled):
    store = spooled(most_bytes=30, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 2, ended=False)
    writers = [store.open_writer(key(2, 2), content_type="video/mp4") for _ in range(2)]
    for writer in writers:
        writer.append(b"x")
    span(store, 0, 1, "other")
    span(store, 1, 1, "other")
    with pytest.raises(SpanEndedError):
        writers[0].append(b"y")
    with pytest.raises(SpanEndedError):
        writers[1].seal({})
    for writer in writers:
        writer.abandon()


def test_a_span_of_which_a_segment_is_being_sealed_stays(spooled):
    store = spooled(most_bytes=30, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 2, ended=False)
    with store._contents.sealing(key(2, 2)):
        assert store._contents.cut() == []
    assert [one.key for one in store._contents.cut()] == [key(0, 0), key(1, 1)]


def test_a_sink_begins_another_span_by_itself(spooled):
    store = spooled(most_bytes=25, when_full=WhenFull.DROP_OLDEST)
    failures = []
    sink = StoreSink(store, on_failure=failures.append, policy=RetryPolicy(closing=0))
    keys = [ObjectKey("", START.plus_microseconds(number * 1_000_000), "cam", number, "m4v") for number in range(9)]
    for number, one in enumerate(keys):
        sink.add(SegmentOpened(one, "video/mp4", b"x" * 10))
        end = START.plus_microseconds((number + 1) * 1_000_000)
        sink.add(SegmentSealed(one, b"", ObjectAttributes(), end))
    sink.add(SpanEnded(keys[-1].ending(START.plus_microseconds(9_000_000))))
    sink.close()
    assert [str(one.key) for one in failures if one.reason] == [key(3, 3), key(7, 3)]
    assert list(store.keys()) == [key(8, 0), key(9, 1, end=True)]
    assert store.status.dropped == 6


def test_a_full_disk_drops_too(spooled):
    class Full(PosixFileSystem):
        full = False

        def writev(self, descriptor, buffers):
            if self.full and len(buffers[0]) == 10:
                raise OSError(errno.ENOSPC, "full")
            return super().writev(descriptor, buffers)

    system = Full()
    store = spooled(when_full=WhenFull.DROP_OLDEST, system=system)
    span(store, 0, 2)
    span(store, 10, 2)
    system.full = True
    for _ in range(3):
        with pytest.raises(StoreError, match="No space left"):
            add(store, key(20, 0), b"x" * 10)
    system.full = False
    assert store.status.dropped == 4
    assert list(store.keys()) == []
    refusing = spooled(folder="b", system=system)
    span(refusing, 0, 2)
    system.full = True
    with pytest.raises(StoreError, match="No space left"):
        add(refusing, key(20, 0), b"x" * 10)
    assert refusing.status.waiting == 3


class Stopped(BaseException):
    """The process ends here."""


class Stopping(PosixFileSystem):
    """The process ends in place of a change of the disk."""

    left = None

    def _count(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Stopped

    def unlink(self, *given, **more):
        self._count()
        super().unlink(*given, **more)

    def link(self, *given, **more):
        self._count()
        super().link(*given, **more)

    def rename(self, *given, **more):
        self._count()
        super().rename(*given, **more)


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_a_drop_that_is_interrupted_is_completed(spooled, sent):
    steps = 0
    while True:
        system, remote = Stopping(), MemoryStore()
        folder = f"s{steps}"
        store = spooled(remote, folder, system=system, when_full=WhenFull.DROP_OLDEST)
        span(store, 0, 4 + sent)
        for _ in range(sent):
            store._uploader.upload(store._contents.take(""), "")
        system.left = steps
        is_whole = False
        try:
            store._room.drop_one()
            is_whole = True
        except Stopped:
            pass
        system.left = None
        store.close()
        again = spooled(remote, folder, tasks=1, system=Stopping())
        assert again.close(20)
        found = list(remote.keys())
        beginning = [key(number, number) for number in range(4 + sent)]
        whole = [*beginning, key(4 + sent, 4 + sent, end=True)]
        cut = [*beginning[:sent], key(sent, sent, end=True)] if sent else []
        assert found == cut or (found == whole and steps == 0), "all of it, before the drop was noted"
        assert again.status.dropped == (4 if found == cut else 0)
        if is_whole:
            break
        steps += 1
    assert steps > 6


def test_a_drop_that_cannot_be_completed_is_not_said_to_be(spooled):
    """What is left of it would be uploaded, behind the end of its span, and be listed as dropped."""

    class Stuck(Stopping):
        def unlink(self, path, *given, **more):
            if str(path).endswith(".m4v"):
                raise OSError(errno.EIO, "bad disk")
            super().unlink(path, *given, **more)

    system, remote = Stopping(), MemoryStore()
    store = spooled(remote, system=system, when_full=WhenFull.DROP_OLDEST)
    span(store, 0, 4)
    store._uploader.upload(store._contents.take(""), "")
    while not store._notes.dropping:
        system.left = 3  # the note of it, and the end, go
        with pytest.raises(Stopped):
            store._room.drop_one()
    system.left = None
    store.close()
    for _ in range(2):
        with pytest.raises(StoreError, match="was being dropped, and cannot be removed"):
            spooled(remote, system=Stuck())
    again = spooled(remote, tasks=1)
    assert again.close(20)
    assert list(remote.keys()) == [key(0, 0), key(1, 1, end=True)]
    assert again.status.dropped == 3


def test_a_span_of_the_same_time_is_not_dropped_with_one_that_was_interrupted(spooled, tmp_path):
    """Where a clock was set back, two spans of one place lie over each other."""
    waits = DirectoryStore(tmp_path / "spool/waiting", labels="attributes")
    dropped = [key(second, counter) for second, counter in ((0, 5), (10, 6), (20, 7))]
    other = [key(second, counter) for second, counter in ((5, 0), (15, 1), (25, 2))]
    for one in [*dropped[:2], *other]:
        add(waits, one, b"x" * 10)
    notes = SpoolNotes(os.fspath(tmp_path / "spool"))
    notes.begin_drop(Dropped(dropped[0], dropped[-1], 3, 30, "2026-11-30T12:01:00Z"))
    store = spooled()
    assert list(waits.keys()) == sorted([key(0, 5, end=True), *other])
    assert store.status.dropped == 3


# ---- order -------------------------------------------------------------------------------------------------


def taken(queue):
    keys = []
    while (one := queue.take(0)) is not None:
        keys.append(one.key)
        queue.done(one)
    return keys


def test_the_newest_span_first_and_each_in_order():
    queue = UploadQueue(1, 8, lambda: 0.0, UploadOrder.NEWEST)
    for begin in (0, 10, 20):
        for number in range(2):
            queue.add(key(begin + number, number), 1)
        queue.add(key(begin + 2, 2, end=True), 0)
    wanted = [key(b + n, n, end=n == 2) for b in (20, 10, 0) for n in range(3)]
    assert taken(queue) == wanted


def test_a_segment_that_failed_comes_before_the_next_of_its_span_also_with_the_newest_first():
    queue = UploadQueue(1, 8, lambda: 0.0, UploadOrder.NEWEST)
    queue.add(key(0, 0), 1)
    one = queue.take(0)
    queue.add(key(1, 1), 1)
    queue.failed(one, 0)
    assert queue.take(2).key == key(0, 0)


def test_spans_of_events_come_first():
    queue = UploadQueue(1, 8, lambda: 0.0)
    for place, is_event in (("a", False), ("b", True)):
        for number in range(2):
            queue.add(key(number + (5 if is_event else 0), number, place), 1, is_event=is_event and number == 1)
    assert taken(queue) == [key(5, 0, "b"), key(6, 1, "b"), key(0, 0, "a"), key(1, 1, "a")]


def test_events_are_known_after_a_restart(spooled):
    store = spooled()
    span(store, 0, 1, "a", ended=False)
    span(store, 5, 1, "b", ended=False, EventTopic="tns1:Motion")
    store.close()
    again = spooled()
    assert again._contents.take("").key == key(5, 0, "b")


# ---- budgets -----------------------------------------------------------------------------------------------


class Calendar(ThreadedRuntime):
    """Real time on a wall clock that is set."""

    def __init__(self):
        super().__init__(now=lambda: self.time)
        self.time = UtcTime.parse("2026-11-29T12:00:00Z")


def until(happened):
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert happened()


def test_no_more_is_sent_than_a_day_and_a_month_allow(spooled):
    remote, runtime = MemoryStore(), Calendar()
    limits = {"bytes_a_day": 25, "bytes_a_month": 45, "tasks": 2, "runtime": runtime}
    store = spooled(remote, **limits)
    span(store, 0, 9, ended=False)
    until(lambda: store.status.exhausted)
    assert len(list(remote.keys())) == 2
    assert store.status.waiting == 7
    store.close()
    store = spooled(remote, **limits)
    until(lambda: store.status.exhausted)
    assert len(list(remote.keys())) == 2, "it is remembered"
    runtime.time = UtcTime.parse("2026-11-30T00:00:00Z")
    store._uploader.wake()
    until(lambda: len(list(remote.keys())) == 4 and store.status.exhausted)
    runtime.time = UtcTime.parse("2026-12-01T00:00:00Z")
    store._uploader.wake()
    until(lambda: len(list(remote.keys())) == 6 and store.status.exhausted)


def test_an_object_larger_than_a_day_is_sent_alone(spooled):
    remote = MemoryStore()
    store = spooled(remote, bytes_a_day=5, tasks=1, runtime=Calendar())
    span(store, 0, 2, ended=False)
    until(lambda: store.status.exhausted)
    assert list(remote.keys()) == [key(0, 0)]


def test_what_was_never_sent_is_not_counted(spooled, tmp_path):
    class Down(MemoryStore):
        def open_writer(self, *given, **more):
            raise StoreError("no answer")

    store = spooled(Down(), bytes_a_day=25, tasks=1, runtime=Calendar())
    span(store, 0, 1, ended=False)
    until(lambda: store.status.error)
    store.close()
    assert SpoolNotes(str(tmp_path / "spool")).sent("2026-11-29") == (0, 0)


def test_notes_that_are_damaged_begin_anew(tmp_path, caplog):
    for text in (b"", b"{", b"[]", b"\xff", b'{"objects": 1}'):
        (tmp_path / "notes").write_bytes(text)
        assert SpoolNotes(str(tmp_path)).dropped_objects == 0
    assert "damaged" in caplog.text


def test_there_is_room_for_notes_on_a_full_disk(tmp_path, caplog):
    class Full(PosixFileSystem):
        full = False

        def writev(self, descriptor, buffers):
            if self.full and ((tmp_path / "reserve").exists() or sum(map(len, buffers)) > 50_000):
                raise OSError(errno.ENOSPC, "full")
            return super().writev(descriptor, buffers)

    system = Full()
    notes = SpoolNotes(str(tmp_path), system)
    notes.keep_reserve()
    assert (tmp_path / "reserve").stat().st_size == 65_536
    system.full = True
    notes.charge("2026-11-30", 5)
    assert SpoolNotes(str(tmp_path)).sent("2026-11-30") == (5, 5)
    assert not (tmp_path / "reserve").exists()
    (tmp_path / "reserve").mkdir()
    notes.charge("2026-11-30", 5)
    assert "are not written" in caplog.text
    assert SpoolNotes(str(tmp_path)).sent("2026-11-30") == (5, 5)
    system.full = False
    notes.flush()
    assert SpoolNotes(str(tmp_path)).sent("2026-11-30") == (10, 10)
    (tmp_path / "reserve").rmdir()
    notes.charge("2026-11-30", 5)
    assert (tmp_path / "reserve").is_file(), "there is room again"


def test_what_is_being_dropped_is_noted_while_others_send(tmp_path):
    """A charge that is slower on the disk than a drop that begins after it must not undo the drop's note."""
    inside, go_on = threading.Event(), threading.Event()

    class Slow(PosixFileSystem):
        def writev(self, descriptor, buffers):
            if threading.current_thread().name == "charge":
                inside.set()
                assert go_on.wait(30)
            return super().writev(descriptor, buffers)

    notes = SpoolNotes(str(tmp_path), Slow())
    what = Dropped("a/2026-11-29/b/00/01-48.000Z.0.m4v", "a/2026-11-29/b/00/01-48.000Z.0.m4v", 1, 5, "now")
    charge = threading.Thread(target=notes.charge, args=("2026-11-30", 5), name="charge")
    drop = threading.Thread(target=notes.begin_drop, args=(what,))
    charge.start()
    assert inside.wait(30)
    drop.start()
    drop.join(0.3)  # long enough, if nothing holds it up
    go_on.set()
    charge.join()
    drop.join()
    assert SpoolNotes(str(tmp_path)).dropping == what
    assert SpoolNotes(str(tmp_path)).sent("2026-11-30") == (5, 5)


# ---- where it is, and its end ------------------------------------------------------------------------------


def test_a_spool_in_its_store_is_refused(tmp_path):
    for store, spool in (("a", "a/spool"), ("b/spool/store", "b/spool"), ("c", "c")):
        remote = DirectoryStore(tmp_path / store)
        with pytest.raises(StoreError, match="needs a place of its own"):
            SpooledStore(remote, tmp_path / spool)
        assert list(remote.keys()) == []


def test_a_store_that_does_not_answer_keeps_nobody_waiting(spooled, tmp_path):
    asked, answered = threading.Event(), threading.Event()

    class Hanging(MemoryStore):
        def open_writer(self, name, **more):
            asked.set()
            return super().open_writer(name, **more)

        def head(self, name):
            answered.wait(30)
            return super().head(name)

    store = spooled(Hanging(), tasks=2)
    began = time.monotonic()
    span(store, 0, 3)
    assert time.monotonic() - began < 3
    assert asked.wait(20), "an upload is under way"
    began = time.monotonic()
    assert not store.close()
    assert time.monotonic() - began < 3
    with pytest.raises(StoreError, match="in use"):
        spooled()
    answered.set()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            spooled()
            return
        except StoreError:
            time.sleep(0.02)
    raise AssertionError("the spool is still in use")
