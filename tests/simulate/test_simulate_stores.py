"""The simulated bucket: a right store without faults, each fault as it is described, and what a power cut leaves."""

from collections import Counter
from datetime import timedelta

import pytest

from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError, StateError, StoreError
from onvif_bmff.objects import ObjectKey, SpanEndObject
from onvif_bmff.objects.stored import LocatedStore, OpenAreaStore, ReleasableWriter, WatchedOpenArea
from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import RetryPolicy, StoreSink
from onvif_bmff.testing import StoreConformance, store_conformance
from onvif_bmff.testing.recordings import recorded_events, recorded_objects
from onvif_bmff.validation import validate_store
from tests.simulate.runtime import Crashed, Process, SimulatedRuntime, Simulation
from tests.simulate.store_faults import UPLOAD_LOST
from tests.simulate.stores import SimulatedBucket, StoreFault

KEY = "site-2/2022-11-08/camera-5/15/08-23.547Z.0.m4v"


class TestSimulatedStore(StoreConformance):
    """Without faults, with other tasks in place of threads."""

    open_area = False

    @pytest.fixture(autouse=True)
    def _world(self, monkeypatch):
        self.simulation = simulation = Simulation(7, preemption=0.5)

        class Thread:
            def __init__(self, target, args):
                self._run = lambda: target(*args)

            def start(self):
                self._task = simulation.spawn(Process("another"), self._run, "another")

            def join(self):
                assert self._task.join()

        monkeypatch.setattr(store_conformance, "Thread", Thread)
        yield
        assert simulation.faults == []
        assert not +simulation.hits

    def make_store(self):
        return SimulatedBucket(self.simulation, open_area=self.open_area).store(Process("device"))


class TestSimulatedOpenAreaStore(TestSimulatedStore):
    open_area = True


def made(seed=1, **more):
    simulation = Simulation(seed)
    bucket = SimulatedBucket(simulation, **more)
    return simulation, bucket, Process("device")


def put(store, key=KEY, data=b"0123456789", **more):
    writer = store.open_writer(key, content_type="video/mp4", **more)
    writer.append(data)
    writer.seal({"ObjectId": "1"})


END = SpanEndObject(ObjectKey.parse(KEY + "_end"))


def do(store, operation):
    """One operation, of a store that holds ``KEY`` and, for ``seal``, has a writer that is open."""
    return {
        "open": lambda: store.open_writer("new", content_type="video/mp4"),
        "put": lambda: store.put(END),
        "get": lambda: store.get(KEY),
        "head": lambda: store.head(KEY),
        "keys": lambda: list(store.keys()),
        "delete": lambda: store.delete(KEY),
    }[operation]()


@pytest.mark.parametrize("operation", ["open", "put", "get", "head", "keys", "delete"])
@pytest.mark.parametrize("kind", [StoreFault.UNAVAILABLE, StoreFault.DENIED])
def test_a_refusal_is_an_error_of_the_store_and_nothing_happens(kind, operation):
    simulation, bucket, process = made()
    store = bucket.store(process)
    put(store)
    before, bucket.faults = bucket.contents(), {kind: 1.0}
    with pytest.raises(StoreError) as error:
        do(store, operation)
    assert type(error.value) is StoreError
    assert bucket.contents() == before
    assert simulation.hits == {kind: 1, UPLOAD_LOST: 0}
    bucket.heal()
    do(store, operation)


def test_an_outage_ends_by_itself():
    simulation, bucket, process = made()
    store = bucket.store(process)
    bucket.outage("store: unavailable", 60)
    with pytest.raises(StoreError):
        put(store)
    simulation.sleep(61)
    put(store)
    assert simulation.hits[StoreFault.UNAVAILABLE] == 1
    with pytest.raises(ValueError, match="no such thing"):
        bucket.outage("no such thing", 1)


def test_a_conflict_says_that_an_object_exists_and_stores_none():
    simulation, bucket, process = made()
    store = bucket.store(process)
    bucket.faults[StoreFault.CONFLICT] = 1
    for write in (lambda: put(store), lambda: store.put(END), lambda: put(store, overwrite=True)):
        with pytest.raises(ObjectExistsError):
            write()
    assert bucket.contents() == {}
    assert simulation.hits[StoreFault.CONFLICT] == 3


def test_a_request_that_hangs_works_in_the_end_or_does_nothing():
    outcomes = Counter()
    for seed in range(20):
        simulation, bucket, process = made(seed)
        store = bucket.store(process)
        bucket.faults[StoreFault.HANG] = 1
        try:
            store.put(END)
            outcomes["worked"] += 1
        except StoreError:
            outcomes["failed"] += 1
            assert bucket.contents() == {}
        else:
            assert list(bucket.contents()) == [str(END.key)]
        assert simulation.time > 10
        assert simulation.hits[StoreFault.HANG] == 1
    assert min(outcomes["worked"], outcomes["failed"]) >= 4


@pytest.mark.parametrize(
    ("kind", "error", "again"),
    [
        (StoreFault.LOST_ANSWER, StoreError, ObjectExistsError),
        (StoreFault.DUPLICATE_ANSWER, ObjectExistsError, ObjectExistsError),
    ],
)
def test_an_object_is_stored_though_the_call_fails(kind, error, again):
    simulation, bucket, process = made()
    store = bucket.store(process)
    bucket.faults[kind] = 1
    with pytest.raises(error):
        put(store)
    assert bucket.contents() == {KEY: (b"0123456789", {"objectid": "1"})}
    assert simulation.hits[kind] == 1
    bucket.heal()
    with pytest.raises(again):
        put(store)
    bucket.faults[kind] = 1
    with pytest.raises(StoreError):
        store.delete(KEY)
    assert bucket.contents() == {}


def test_what_arrives_twice_and_may_replace_is_no_failure():
    simulation, bucket, process = made()
    bucket.faults[StoreFault.DUPLICATE_ANSWER] = 1
    put(bucket.store(process), overwrite=True)
    assert simulation.hits[StoreFault.DUPLICATE_ANSWER] == 0


def test_a_late_arrival_is_done_after_the_failure_even_if_its_sender_is_gone():
    simulation, bucket, process = made()
    store = bucket.store(process)
    bucket.faults[StoreFault.LATE_ARRIVAL] = 1
    with pytest.raises(StoreError):
        put(store)
    assert bucket.contents() == {}
    bucket.heal()
    with pytest.raises(ObjectNotFoundError):
        store.head(KEY)
    simulation.crash(process)
    simulation.sleep(30)
    assert bucket.contents() == {KEY: (b"0123456789", {"objectid": "1"})}
    assert simulation.hits[StoreFault.LATE_ARRIVAL] == 1


def test_what_arrives_late_does_not_replace_what_was_faster():
    simulation, bucket, process = made()
    store = bucket.store(process)
    bucket.outage(StoreFault.LATE_ARRIVAL, 0.2)
    with pytest.raises(StoreError):
        store.put(END)
    simulation.sleep(0.2)
    put(store, str(END.key), b"other")
    simulation.sleep(30)
    assert bucket.contents()[str(END.key)][0] == b"other"
    assert simulation.hits[StoreFault.LATE_ARRIVAL] == 0


def test_bodies_may_take_long_and_break():
    simulation, bucket, process = made(open_area=True)
    store = bucket.store(process)
    put(store)
    bucket.faults[StoreFault.SLOW_BODY] = 1
    before = simulation.time
    assert store.get(KEY) == b"0123456789"
    assert simulation.time - before > 1
    bucket.faults = {StoreFault.CUT_BODY: 1}
    writer = store.open_writer("new", content_type="video/mp4")
    with pytest.raises(StoreError):
        writer.append(bytes(1000))
    for use in (lambda: writer.append(b""), lambda: writer.seal({})):
        with pytest.raises(StateError):
            use()
    with pytest.raises(StoreError):
        store.put(END)
    with pytest.raises(StoreError):
        store.get(KEY)
    assert list(bucket.contents()) == [KEY]
    simulation.crash(process)
    (left,) = bucket.store(Process("next")).unsealed()
    assert left.size < 1000
    assert simulation.hits[StoreFault.CUT_BODY] == 3


def test_listings_may_be_late_and_reading_is_not():
    simulation, bucket, process = made()
    store = bucket.store(process)
    store.page_size = 2
    for number in range(5):
        put(store, f"a/{number}")
    bucket.faults[StoreFault.LATE_LISTING] = 1
    put(store, "a/5")
    store.delete("a/1")
    assert store.get("a/5") == b"0123456789"
    with pytest.raises(ObjectNotFoundError):
        store.get("a/1")
    assert list(store.keys("a/")) == ["a/0", "a/1", "a/2", "a/3", "a/4"]
    assert simulation.hits[StoreFault.LATE_LISTING] == 2
    simulation.sleep(30)
    assert list(store.keys("a/")) == list(store.keys()) == ["a/0", "a/2", "a/3", "a/4", "a/5"]
    assert list(store.keys("a/", after="a/2")) == ["a/3", "a/4", "a/5"]
    assert simulation.hits[StoreFault.LATE_LISTING] == 2


def test_any_history_of_late_listings_ends_in_the_truth():
    for seed in range(20):
        simulation, bucket, process = made(seed)
        store = bucket.store(process)
        bucket.faults[StoreFault.LATE_LISTING] = 0.6
        for _ in range(60):
            key = f"{simulation.chance.randrange(6)}"
            if key in bucket.contents():
                store.delete(key)
            else:
                put(store, key)
            names = list(store.keys())
            assert names == sorted(set(names))
            if simulation.chance.random() < 0.1:
                simulation.sleep(20)
        simulation.sleep(30)
        assert list(store.keys()) == list(bucket.contents())


def test_a_power_cut_loses_uploads_and_keeps_objects():
    simulation, bucket, process = made()
    store = bucket.store(process)
    put(store)
    writer = store.open_writer("new", content_type="video/mp4")
    writer.append(b"012")
    simulation.crash(process)
    for use in (lambda: writer.append(b"3"), lambda: writer.seal({}), writer.abandon, lambda: store.head(KEY)):
        with pytest.raises(Crashed):
            use()
    with pytest.raises(Crashed):
        next(store.keys())
    following = bucket.store(Process("next"))
    assert list(following.keys()) == list(bucket.contents()) == [KEY]
    assert simulation.hits[UPLOAD_LOST] == 1
    assert not isinstance(following, OpenAreaStore)
    assert isinstance(following, LocatedStore)


def test_a_power_cut_within_a_request_leaves_all_of_it_or_nothing():
    found = Counter()
    for seed in range(60):
        simulation, bucket, process = made(seed)
        store = bucket.store(process)
        simulation.spawn(process, lambda store=store: store.put(END), "puts")
        simulation.sleep(simulation.chance.uniform(0, 0.08))
        simulation.crash(process)
        said = bucket.log[-1].outcome if bucket.log else "not begun"
        found[said, len(bucket.contents())] += 1
    assert {("power cut", 0), ("power cut", 1), ("done", 1)} <= set(found)
    assert ("done", 0) not in found


def test_the_open_area_has_what_dead_writers_left_and_nothing_of_living_ones():
    simulation, bucket, process = made(open_area=True)
    store = bucket.store(process)
    left = store.open_writer("left", content_type="video/mp4")
    left.append(b"0123456789")
    gone = store.open_writer("gone", content_type="video/mp4")
    gone.abandon()
    assert isinstance(store, OpenAreaStore)
    assert isinstance(store, WatchedOpenArea)
    assert store.unsealed() == ()
    assert store.open_area_state().being_written == ("left",)
    simulation.crash(process)
    following = bucket.store(Process("next"))
    other = bucket.store(Process("other"))
    (item,) = following.unsealed()
    assert (item.key, item.size, item.content_type) == ("left", 10, "video/mp4")
    assert following.read_unsealed(item, -4, 2) == b"67"
    with pytest.raises(StoreError):
        following.resume(item, 11)
    writer = following.resume(item, 8)
    with pytest.raises(StoreError):
        other.resume(item)
    assert isinstance(writer, ReleasableWriter)
    writer.append(b"!")
    writer.release()
    (again,) = other.unsealed()
    other.resume(again).seal({})
    assert bucket.contents() == {"left": (b"01234567!", {})}
    for use in (other.resume, following.read_unsealed):
        with pytest.raises(ObjectNotFoundError):
            use(item)
    assert other.unsealed() == ()


def test_the_log_says_what_was_asked_and_answered_and_is_bounded():
    _, bucket, process = made()
    store = bucket.store(process)
    put(store)
    with pytest.raises(ObjectNotFoundError):
        store.get("nothing")
    assert [(one.process, one.operation, one.key) for one in bucket.log] == [
        ("device", "open", KEY), ("device", "append", KEY), ("device", "seal", KEY), ("device", "get", "nothing"),
    ]  # fmt: skip
    assert [one.outcome.partition(":")[0] for one in bucket.log] == ["done", "done", "done", "ObjectNotFoundError"]
    assert [one.time for one in bucket.log] == sorted(one.time for one in bucket.log)
    for _ in range(3000):
        store.head(KEY)
    assert len(bucket.log) == 2000


ALL = {kind: 0.03 for kind in StoreFault if kind is not StoreFault.LATE_ARRIVAL}


def test_a_sink_gets_all_into_a_bucket_with_every_fault():
    """Everything is there once, whole, and valid, and every kind of fault was met.

    End objects have no id: one that arrived twice at the first try is reported as another's, though it is there.
    """
    events = recorded_events(spans=2, segments=6, gap=600)
    expected = {str(one.key): one.body for one in recorded_objects(spans=2, segments=6, gap=600)}
    hits = Counter()
    for seed in range(30):
        simulation, bucket, process = made(seed)
        runtime = SimulatedRuntime(simulation, process, lambda at: events[0].key.time + timedelta(seconds=at))
        bucket.faults = dict(ALL)
        failures = []
        policy = RetryPolicy(patience=1e6, closing=1e6, blocking=1e6)
        store = bucket.store(process)
        parts = {"clock": runtime.monotonic, "sleep": runtime.sleep, "random": runtime.random}
        with StoreSink(store, on_failure=failures.append, policy=policy, **parts) as sink:
            for event in events:
                sink.add(event)
                runtime.sleep(0.1)
        bucket.heal()
        found = {key: body for key, (body, _) in bucket.contents().items()}
        assert found == expected
        assert all(one.key.span_end and isinstance(one.error, ObjectExistsError) for one in failures)
        assert len(failures) <= simulation.hits[StoreFault.DUPLICATE_ANSWER]
        simulation.sleep(30)  # listings are right by then
        assert list(validate_store(store)) == []
        hits += simulation.hits
    assert {kind for kind in ALL if kind is not StoreFault.LATE_LISTING} <= set(hits)


@pytest.mark.parametrize("seed", range(10))
def test_recovery_completes_what_a_power_cut_left_in_the_open_area(seed):
    simulation, bucket, process = made(seed, open_area=True)
    runtime = SimulatedRuntime(simulation, process, lambda at: END.key.time + timedelta(seconds=at))
    events = recorded_events(segments=4)

    def record():
        parts = {"clock": runtime.monotonic, "sleep": runtime.sleep, "random": runtime.random}
        sink = StoreSink(bucket.store(process), **parts)
        for event in events:
            sink.add(event)

    simulation.spawn(process, record, "records")
    simulation.sleep(simulation.chance.uniform(0.2, 3))
    simulation.crash(process)
    store = bucket.store(Process("next"))
    report = recover_store(store, exclusive=True)
    assert report.errors == []
    assert store.unsealed() == ()
    assert list(validate_store(store)) == []
    assert simulation.faults == []
    again = recover_store(store, exclusive=True)
    assert (again.recovered, again.abandoned, again.ended, again.errors) == ([], [], [], [])


def test_the_same_seed_is_the_same_history():
    def history(seed):
        simulation, bucket, process = made(seed)
        bucket.faults = dict(ALL)
        store = bucket.store(process)
        for number in range(40):
            try:
                put(store, f"{number}")
                list(store.keys())
            except StoreError:
                continue
        return list(bucket.log), bucket.contents(), simulation.hits

    assert history(5) == history(5) != history(6)
