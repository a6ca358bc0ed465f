"""No vector is given out twice under a key: runs, processes, forks, stores that fail, and the end of the circle."""

import copy
import ctypes
import json
import logging
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from random import Random
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.cenc import forks
from onvif_bmff.cenc import iv as iv_module
from onvif_bmff.cenc.forks import draw
from onvif_bmff.cenc.iv import IV_BITS, CbcsIvSource, CencIvAllocator, CencIvAllocators
from onvif_bmff.errors import ProtectionError
from onvif_bmff.storage import SqliteIvStore

KID = UUID("00112233-4455-6677-8899-aabbccddeeff")
SIZES = pytest.mark.parametrize("size", [8, 16])


def number(iv):
    """The number of a vector, worked out in another way than by the code under test."""
    value = int.from_bytes(iv, "big")
    return value if len(iv) == 8 else value // 2**24


def starting_at(*starts):
    """A source of randomness that makes runs begin at these numbers, one after the other."""
    left = list(starts)
    return lambda size: left.pop(0).to_bytes(size, "big")


class Store:
    """Keeps what it is given, like a file that survives a crash; it can break, and be set back."""

    def __init__(self):
        self.next = {}
        self.calls = 0
        self.broken = None

    def reserve(self, kid, bits, count, fresh):
        if self.broken is not None:
            raise self.broken
        self.calls += 1
        first = self.next.get((kid, bits), fresh)
        self.next[kid, bits] = (first + count) % 2**bits
        return first


takes = st.tuples(st.just("take"), st.integers(0, 3), st.integers(0, 400))
others = st.tuples(st.sampled_from(["restart", "fork", "break", "repair"]), st.just(0), st.just(0))


@pytest.mark.requirement("ANX-B.8-08")
@given(
    st.lists(takes | others, max_size=60),
    st.integers(1, 500),
    st.sampled_from([8, 16]),
    st.booleans(),
    st.integers(0, 2**64 - 1),
)
@settings(max_examples=150, deadline=None)
def test_tracks_restarts_forks_and_stores_that_fail(events, reserve, size, has_store, seed):
    random = Random(seed)  # and none that Hypothesis chooses, which would have runs begin at one place on purpose
    store = Store() if has_store else None

    def make():
        made = CencIvAllocators(size=size, random=random.randbytes, store=store, reserve=reserve)
        return made, [made.for_key(KID) for _ in range(4)]

    allocators, tracks = make()
    used = set()
    for event, track, amount in events:
        if event == "take":
            ivs = tracks[track].take(amount)
            assert len(ivs) == amount == len(set(ivs))
            assert all(len(iv) == size for iv in ivs)
            assert not used & set(ivs)
            used |= set(ivs)
        elif event == "restart":
            allocators, tracks = make()
        elif event == "fork":
            allocators.forget()
            tracks[0].forget()
        elif store is not None:
            store.broken = OSError("disk full") if event == "break" else None


@SIZES
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_numbers_count_up_modulo_the_circle(size, data):
    end = 2 ** IV_BITS[size]
    start = data.draw(st.integers(0, 3) | st.integers(end - 300, end - 1) | st.integers(0, end - 1))
    allocator = CencIvAllocator(KID, size=size, random=starting_at(start))
    expected = start
    for count in data.draw(st.lists(st.integers(0, 200), max_size=8)):
        for iv in allocator.take(count):
            assert number(iv) == expected
            expected = (expected + 1) % end


def test_vectors_of_16_bytes_leave_room_for_the_blocks_of_a_sample():
    first, second = CencIvAllocator(KID, size=16, random=starting_at(2**40 - 1)).take(2)
    assert first.hex() == "0000000000000000" + "ffffffffff000000"
    assert second.hex() == "0000000000000001" + "0000000000000000"
    assert iv_module.MAX_SAMPLE_OF_16 == 2**24 * 16


def test_a_circle_that_is_used_up_is_refused():
    allocator = CencIvAllocator(KID, random=starting_at(2**64 - 2))
    first = allocator.take(3)
    assert [number(iv) for iv in first] == [2**64 - 2, 2**64 - 1, 0]
    allocator._left = 2
    allocator._next = 2**64 - 4
    assert [number(iv) for iv in allocator.take(2)] == [2**64 - 4, 2**64 - 3]
    with pytest.raises(ProtectionError, match="used up"):
        allocator.take(1)


def test_the_chance_of_a_repeat_is_below_the_bound_that_the_docs_give(monkeypatch):
    """Runs on a circle of 2**16: how often any two share a number, against N² L / 2**16."""
    monkeypatch.setitem(iv_module.IV_BITS, 8, 16)
    random = Random(5)
    runs, length, tries, met = 8, 6, 3000, 0
    for _ in range(tries):
        found = [CencIvAllocator(KID, random=random.randbytes).take(length) for _ in range(runs)]
        met += len({iv for run in found for iv in run}) < runs * length
    expected = runs**2 * length / 2**16
    assert 0 < met / tries < expected * 1.5


@SIZES
def test_threads_share_an_allocator(size):
    allocators = CencIvAllocators(size=size, store=Store(), reserve=50)
    used, errors = [[] for _ in range(6)], []

    def work(index):
        try:
            for count in range(150):
                used[index] += allocators.for_key(KID).take(count % 5)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    everything = [iv for part in used for iv in part]
    assert len(everything) == len(set(everything)) == 6 * 300


def test_each_key_has_its_own_allocator_and_old_keys_are_let_go(monkeypatch):
    monkeypatch.setattr(iv_module, "_MAX_KEYS", 3)
    allocators = CencIvAllocators()
    first = allocators.for_key(KID)
    others = [uuid4() for _ in range(5)]
    for kid in others:
        assert allocators.for_key(kid) is not first
        assert allocators.for_key(KID) is first, "in use"
    assert allocators.for_key(others[-1]) is not allocators.for_key(others[0])
    assert len(allocators._allocators) == 3


@pytest.mark.parametrize(
    "one", [CencIvAllocator(KID), CencIvAllocators(), CbcsIvSource()], ids=lambda one: type(one).__name__
)
def test_what_gives_out_vectors_cannot_be_copied_to_another_process(one):
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises((ProtectionError, TypeError)):
            attempt(one)
    if isinstance(one, CencIvAllocator):
        with pytest.raises(ProtectionError, match="cannot be copied"):
            copy.copy(one)


# ---- real processes ----------------------------------------------------------------------------------------

RUN = """
import json, time
time.time_ns = lambda: CLOCK
time.time = lambda: CLOCK / 1e9
from uuid import UUID
from onvif_bmff.cenc.encrypt import IvSources
ivs = IvSources()
vectors = [ivs.cenc.for_key(UUID(int=7)).take(7) for _ in range(300)]
print(json.dumps([iv.hex() for part in vectors for iv in part] + [ivs.cbcs.take().hex() for _ in range(300)]))
"""


@pytest.mark.requirement("ANX-B.8-08")
def test_processes_of_one_key_at_one_moment_or_with_a_clock_that_stands_still_or_is_set_back():
    """Two at a time, then a restart with the clock frozen, then one with the clock a day before."""
    now = 1_700_000_000_000_000_000
    used = []
    for clocks in ((now, now), (now,), (now - 86_400 * 10**9,)):
        running = [
            subprocess.Popen([sys.executable, "-c", RUN.replace("CLOCK", str(clock))], stdout=subprocess.PIPE)
            for clock in clocks
        ]
        for process in running:
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0
            used += json.loads(output)
    assert len(used) == len(set(used)) == 4 * (2100 + 300)


def forked(work, how):
    """What ``work()`` gives in a forked child."""
    if how == "multiprocessing":
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=lambda: sender.send_bytes(json.dumps(work()).encode()))
        child.start()
        found = receiver.recv_bytes()
        child.join()
        return json.loads(found)
    reader, writer = os.pipe()
    pid = os.fork() if how == "os" else ctypes.PyDLL(None).fork()
    if pid == 0:
        try:
            with os.fdopen(writer, "w") as pipe:
                json.dump(work(), pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        found = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(found)


HOWS = pytest.mark.parametrize("how", ["os", "multiprocessing", "behind Python's back"])
SOURCES = pytest.mark.parametrize("source", ["system", "injected"])


@pytest.mark.requirement("ANX-B.8-08")
@HOWS
@SOURCES
@SIZES
@pytest.mark.parametrize("stored", [False, True])
def test_parent_children_and_grandchildren_share_no_vector(how, source, size, stored, tmp_path):
    """Also where the source of randomness is a generator that a fork copies."""
    random = os.urandom if source == "system" else Random(3).randbytes
    store = SqliteIvStore(tmp_path / "vectors.db", in_memory=tmp_path) if stored else None
    allocators = CencIvAllocators(size=size, random=random, store=store, reserve=64)
    tracks = [allocators.for_key(KID), allocators.for_key(KID)]

    def work(depth=1):
        own = [iv.hex() for track in tracks for iv in track.take(50)]
        own += [iv.hex() for iv in allocators.for_key(KID).take(50)]
        return own + (forked(lambda: work(depth - 1), how) if depth else [])

    used = [iv.hex() for iv in tracks[0].take(50)]
    for _ in range(3):
        used += forked(work, how)
        used += [iv.hex() for iv in tracks[1].take(50)]
    assert len(used) == len(set(used)) == 50 + 3 * (2 * 150 + 50)


@pytest.mark.requirement("ANX-B.8-08")
@HOWS
@SOURCES
def test_constant_vectors_of_parent_and_children_differ(how, source):
    ivs = CbcsIvSource(os.urandom if source == "system" else Random(3).randbytes)
    used = [ivs.take().hex()]
    for _ in range(3):
        used += forked(lambda: [ivs.take().hex() for _ in range(20)], how)
        used += [ivs.take().hex()]
    assert len(used) == len(set(used)) == 64


def test_a_fork_while_another_thread_holds_the_locks():
    allocators, cbcs = CencIvAllocators(), CbcsIvSource()
    allocator = allocators.for_key(KID)
    allocator.take(1)
    with allocators._lock, allocator._lock, cbcs._lock:
        pid = os.fork()
        if pid == 0:  # the alarm ends the child if it hangs
            import signal

            signal.alarm(20)
            allocators.for_key(KID).take(3)
            cbcs.take()
            os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_bytes_drawn_are_those_of_the_source_where_nothing_was_forked():
    script = "from onvif_bmff.cenc.forks import draw; assert draw(lambda size: b'x' * size, 8) == b'x' * 8"
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(ProtectionError, match="7 bytes instead of 8"):
        draw(lambda size: bytes(size - 1), 8)


def test_what_a_forked_process_draws(monkeypatch):
    """As the child sees it: a hash, another one for each child and grandchild, and everything begins anew."""
    process = forks._Process()
    monkeypatch.setattr(forks, "_PROCESS", process)
    allocator = CencIvAllocator(KID, random=lambda size: b"x" * size)
    first = allocator.take(1)
    found = [draw(lambda size: b"x" * size, 8)]
    assert found == [b"x" * 8] == first
    for _ in range(3):  # one child after the other, each a child of the last
        process.count()
        process.become_child()
        found += [draw(lambda size: b"x" * size, 8), allocator.take(1)[0], allocator.take(1)[0]]
    process.pid = -1  # a fork that nobody told us of
    found += [draw(lambda size: b"x" * size, 8)]
    assert process.pid == os.getpid()
    starts = [found[0], *found[1:10:3], found[10]]
    assert len(set(starts)) == len(starts) == 5
    assert [found[2], found[5], found[8]] == starts[1:4], "the run begins with what is drawn"
    assert len(set(found)) == 5 + 3


@pytest.mark.parametrize("make", [lambda: CencIvAllocator(KID), CencIvAllocators, CbcsIvSource])
def test_a_child_waits_for_no_lock_of_its_parent(make):
    one = make()
    held = one._lock
    with held:
        one.forget()
        assert not one._lock.locked()
    assert one._lock is not held


def test_a_constant_vector_is_refused_among_the_last_few_thousand(monkeypatch):
    assert iv_module._RECENT == 4_096
    monkeypatch.setattr(iv_module, "_RECENT", 3)
    draws = iter([1, 2, 3, 1, 4, 1, 4])
    source = CbcsIvSource(lambda size: next(draws).to_bytes(size, "big"))
    assert [source.take()[-1] for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ProtectionError, match="twice"):
        source.take()
    assert [source.take()[-1] for _ in range(2)] == [4, 1], "four back is forgotten"
    with pytest.raises(ProtectionError, match="twice"):
        source.take()


def test_how_many_are_set_aside_at_a_time():
    store = Asked()
    allocator = CencIvAllocator(KID, store=store, reserve=5)
    assert [len(allocator.take(count)) for count in (0, 2, 3, 1, 9)] == [0, 2, 3, 1, 9]
    assert store.counts == [5, 5, 5], "what is left is used first"
    allocator.take(0)
    allocator.take(7)
    assert store.counts == [5, 5, 5, 7], "more at once where more are wanted"
    usual = CencIvAllocator(KID, store=store)
    usual.take(1)
    assert store.counts[-1] == 1 << 20


class Asked:
    """A store that notes how many numbers were asked for."""

    def __init__(self):
        self.counts, self.next = [], 0

    def reserve(self, kid, bits, count, fresh):
        self.counts.append(count)
        first, self.next = self.next, self.next + count
        return first


@SIZES
def test_numbers_of_a_store_are_on_the_circle(size):
    end = 1 << IV_BITS[size]
    for first, taken in ((0, True), (end - 1, True), (end, False), (-1, False)):
        allocator = CencIvAllocator(KID, size=size, random=starting_at(77), store=Fixed(first), reserve=1)
        assert number(allocator.take(1)[0]) == (first if taken else 77)


class Fixed:
    def __init__(self, first):
        self.first = first

    def reserve(self, kid, bits, count, fresh):
        return self.first


@pytest.mark.parametrize("make", [lambda **given: CencIvAllocator(KID, **given), CencIvAllocators])
def test_sizes_and_blocks_at_their_limits(make):
    make(size=8, reserve=1)
    make(size=16, reserve=1 << 32)
    for bad in ({"reserve": 0}, {"reserve": (1 << 32) + 1}, {"size": 7}, {"size": 0}):
        with pytest.raises(ProtectionError):
            make(**bad)
    with pytest.raises(ProtectionError, match="negative"):
        CencIvAllocator(KID).take(-1)
    assert CencIvAllocators().size == 8
    assert len(CencIvAllocator(KID).take(1)[0]) == 8


# ---- stores ------------------------------------------------------------------------------------------------


class TestStore:
    def test_it_is_asked_once_a_block(self):
        store = Store()
        allocator = CencIvAllocator(KID, store=store, reserve=1000)
        used = [iv for _ in range(150) for iv in allocator.take(10)]
        assert store.calls == 2
        assert len(set(used)) == 1500

    def test_a_restart_goes_on_behind_the_last_block(self):
        store = Store()
        CencIvAllocator(KID, random=starting_at(5), store=store, reserve=1000).take(1)
        (iv,) = CencIvAllocator(KID, random=starting_at(77), store=store).take(1)
        assert number(iv) == 1005

    def test_more_than_a_block_at_once(self):
        store = Store()
        allocator = CencIvAllocator(KID, random=starting_at(5, 6), store=store, reserve=10)
        assert [number(iv) for iv in allocator.take(3) + allocator.take(25)] == [*range(5, 33)]
        assert store.next == {(KID, 64): 33}

    @pytest.mark.parametrize("error", [OSError("disk full"), ProtectionError("locked"), ZeroDivisionError("a bug")])
    def test_recording_goes_on_if_it_fails(self, error, caplog):
        """A run of its own, from a place drawn at random, and a line that says so."""
        store = Store()
        allocator = CencIvAllocator(KID, random=starting_at(100, 2000, 0), store=store, reserve=10)
        used = [number(iv) for iv in allocator.take(10)]
        store.broken = error
        with caplog.at_level(logging.WARNING, "onvif_bmff.cenc.iv"):
            used += [number(iv) for iv in allocator.take(10)]
        store.broken = None
        used += [number(iv) for iv in allocator.take(10)]
        assert used == [*range(100, 110), *range(2000, 2010), *range(110, 120)]
        assert [record.getMessage() for record in caplog.records] == [
            f"no initialisation vectors were set aside for key {KID}, a new run begins: {error}"
        ]

    @pytest.mark.parametrize("value", [-1, 2**64])
    def test_what_it_says_is_checked(self, value, monkeypatch, caplog):
        store = Store()
        monkeypatch.setattr(store, "reserve", lambda *_: value)
        (iv,) = CencIvAllocator(KID, random=starting_at(9), store=store).take(1)
        assert number(iv) == 9
        assert "out of range" in caplog.text


class TestArguments:
    @pytest.mark.parametrize("made", [CencIvAllocators, lambda **given: CencIvAllocator(KID, **given)])
    def test_senseless_ones(self, made):
        for reserve in (0, -1, 2**32 + 1):
            with pytest.raises(ProtectionError, match="a block of vectors"):
                made(reserve=reserve)
        with pytest.raises(ProtectionError, match="8 or 16 bytes"):
            made(size=12)

    def test_a_negative_count(self):
        with pytest.raises(ProtectionError, match="negative"):
            CencIvAllocator(KID).take(-1)

    def test_a_source_that_gives_too_little(self):
        with pytest.raises(ProtectionError, match="7 bytes instead of 8"):
            CencIvAllocator(KID, random=lambda size: bytes(size - 1)).take(1)


class TestConstantVectors:
    @pytest.mark.requirement("ANX-B.8-08")
    def test_they_are_random_and_differ(self):
        source = CbcsIvSource()
        ivs = [source.take() for _ in range(5000)]
        assert all(len(iv) == 16 for iv in ivs)
        assert len(set(ivs)) == 5000

    def test_they_come_from_the_source_given(self):
        assert CbcsIvSource(lambda size: bytes(range(size))).take() == bytes(range(16))

    def test_a_source_that_repeats_itself_is_refused(self):
        source = CbcsIvSource(lambda size: bytes(size))
        source.take()
        with pytest.raises(ProtectionError, match="twice"):
            source.take()

    def test_a_source_that_gives_too_little(self):
        with pytest.raises(ProtectionError, match="15 bytes instead of 16"):
            CbcsIvSource(lambda size: bytes(size - 1)).take()
