"""No vector is ever given out twice under a key."""

import threading
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocator, CencIvAllocators
from onvif_bmff.errors import ProtectionError

KID = UUID("00112233-4455-6677-8899-aabbccddeeff")
START = 1_700_000_000_000_000_000


class Clock:
    def __init__(self, nanoseconds=START):
        self.now = nanoseconds

    def __call__(self):
        return self.now


class Store:
    """Keeps what it is given, like a file that survives a crash."""

    def __init__(self):
        self.kept = {}
        self.writes = 0
        self.broken = False

    def load(self, kid):
        return self.kept.get(kid)

    def store(self, kid, limit):
        if self.broken:
            raise OSError("disk full")
        self.writes += 1
        self.kept[kid] = limit


takes = st.tuples(st.just("take"), st.integers(0, 3), st.integers(0, 400))
jumps = st.tuples(st.just("jump"), st.just(0), st.integers(-10_000_000_000_000, 10_000_000_000_000))
restarts = st.tuples(st.just("restart"), st.just(0), st.just(0))


@pytest.mark.requirement("ANX-B.8-08")
@given(st.lists(takes | jumps | restarts, max_size=60), st.integers(1, 2**42))
@settings(max_examples=100, deadline=None)
def test_tracks_spans_restarts_and_clock_jumps_with_a_store(events, reserve):
    clock, store, used = Clock(), Store(), set()
    allocators = CencIvAllocators(clock=clock, store=store, reserve=reserve)
    tracks = [allocators.for_key(KID) for _ in range(4)]
    for event, track, amount in events:
        if event == "take":
            first = tracks[track].take(amount)
            fresh = set(range(first, first + amount))
            assert not fresh & used
            used |= fresh
        elif event == "jump":
            clock.now = max(0, clock.now + amount)
        else:
            allocators = CencIvAllocators(clock=clock, store=store, reserve=reserve)
            tracks = [allocators.for_key(KID) for _ in range(4)]


@pytest.mark.requirement("ANX-B.8-08")
@given(st.lists(takes | jumps, max_size=40), st.lists(takes | jumps, max_size=40))
@settings(max_examples=60, deadline=None)
def test_without_a_store_a_restart_needs_a_clock_that_went_on(before, after):
    """Within a run the clock may do what it likes; over a restart it must not end below where it had been."""
    clock, used, highest = Clock(), set(), START
    for events in (before, after):
        clock.now = highest = highest + 1_000_000
        allocator = CencIvAllocator(KID, clock=clock)
        for event, _, amount in events:
            if event == "take":
                ivs = allocator.take_ivs(amount)
                assert all(len(iv) == 8 for iv in ivs)
                assert not used & set(ivs)
                used |= set(ivs)
            else:
                clock.now = max(0, clock.now + amount)
                highest = max(highest, clock.now)


def test_numbers_are_the_clock_in_microseconds_times_4096():
    clock = Clock()
    allocator = CencIvAllocator(KID, clock=clock)
    assert allocator.take(3) == START // 1000 << 12
    assert allocator.take(1) == (START // 1000 << 12) + 3
    clock.now += 1_000_000
    assert allocator.take(2) == START // 1000 + 1000 << 12
    clock.now = 0
    assert allocator.take_ivs(2) == [((START // 1000 + 1000 << 12) + n).to_bytes(8, "big") for n in (2, 3)]


def test_threads_share_an_allocator():
    allocators = CencIvAllocators(clock=Clock(), store=Store(), reserve=50)
    used, errors = [[] for _ in range(6)], []

    def work(number):
        try:
            for count in range(150):
                first = allocators.for_key(KID).take(count % 5)
                used[number] += range(first, first + count % 5)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    everything = [number for part in used for number in part]
    assert len(everything) == len(set(everything)) == 6 * 300


def test_each_key_has_its_own_line():
    allocators = CencIvAllocators(clock=Clock())
    first, other = allocators.for_key(KID), allocators.for_key(uuid4())
    assert first is allocators.for_key(KID)
    assert first is not other


def test_the_real_clock_by_default():
    assert CencIvAllocators().for_key(KID).take(1) > START // 1000 << 12


class TestStore:
    def test_it_is_written_once_a_block(self):
        store = Store()
        allocator = CencIvAllocator(KID, clock=Clock(), store=store, reserve=1000)
        firsts = [allocator.take(10) for _ in range(150)]
        assert store.writes == 2
        assert store.kept[KID] >= firsts[-1] + 10

    def test_a_restart_begins_above_the_last_block(self):
        clock, store = Clock(), Store()
        CencIvAllocator(KID, clock=clock, store=store, reserve=1000).take(1)
        clock.now = 0
        assert CencIvAllocator(KID, clock=clock, store=store).take(1) == (START // 1000 << 12) + 1001

    def test_nothing_is_given_out_if_it_fails(self):
        store = Store()
        allocator = CencIvAllocator(KID, clock=Clock(), store=store, reserve=10)
        store.broken = True
        with pytest.raises(OSError, match="disk full"):
            allocator.take(1)
        store.broken = False
        assert allocator.take(1) == START // 1000 << 12

    @pytest.mark.parametrize("value", [-1, 2**64 + 1])
    def test_what_it_holds_is_checked(self, value):
        store = Store()
        store.kept[KID] = value
        with pytest.raises(ProtectionError, match="out of range"):
            CencIvAllocator(KID, clock=Clock(), store=store)


class TestLimits:
    def test_the_line_has_an_end(self):
        store = Store()
        store.kept[KID] = 2**64 - 3
        allocator = CencIvAllocator(KID, clock=Clock(), store=store)
        assert allocator.take_ivs(2) == [b"\xff" * 7 + b"\xfd", b"\xff" * 7 + b"\xfe"]
        with pytest.raises(ProtectionError, match="used up"):
            allocator.take(2)
        assert allocator.take(1) == 2**64 - 1
        with pytest.raises(ProtectionError, match="used up"):
            allocator.take(1)

    def test_a_clock_beyond_the_line(self):
        with pytest.raises(ProtectionError, match="used up"):
            CencIvAllocator(KID, clock=Clock(2**63 * 1000)).take(1)

    def test_senseless_arguments(self):
        with pytest.raises(ProtectionError, match="negative"):
            CencIvAllocator(KID, clock=Clock()).take(-1)
        with pytest.raises(ProtectionError, match="at least one"):
            CencIvAllocator(KID, reserve=0)


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
