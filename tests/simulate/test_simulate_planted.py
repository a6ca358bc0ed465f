"""The planted bugs: each can be applied and taken back, and breaks what it says."""

import os
from datetime import timedelta
from random import Random

import pytest

from onvif_bmff.cenc.iv import CencIvAllocators
from onvif_bmff.codecs import G711Codec
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device import recovery as device_recovery
from onvif_bmff.device.feeding import SourceRunner
from onvif_bmff.device.mailbox import Mailbox
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.engine.track_reports import TrackReports
from onvif_bmff.media import Sample, Track
from onvif_bmff.recording.preroll import PreRoll
from onvif_bmff.storage import DirectoryStore, MemoryStore, RetryPolicy, SqlitePersistence, StoreSink
from onvif_bmff.testing.recordings import CONTENT_KEY, START, recorded_events, recorded_objects
from tests.simulate.checker import check_bucket
from tests.simulate.planted import PLANTED
from tests.simulate.runtime import Process, SimulatedRuntime, Simulation
from tests.simulate.stores import SimulatedBucket, StoreFault


@pytest.mark.parametrize("name", PLANTED)
def test_each_can_be_applied_and_taken_back(name):
    bug = PLANTED[name]
    right = bug.owner.__dict__[bug.attribute]
    with bug.apply():
        assert bug.owner.__dict__[bug.attribute] is not right
    assert bug.owner.__dict__[bug.attribute] is right
    assert len({bug.name for bug in PLANTED.values()}) == len(PLANTED) >= 10


def stored(meet, patience=30):
    """Store a recording through a sink, in simulated time; ``meet`` lets the bucket meet faults."""
    simulation = Simulation(1)
    bucket, process = SimulatedBucket(simulation), Process("device")
    events = recorded_events(tracks=("vide",), segments=5)
    runtime = SimulatedRuntime(simulation, process, lambda at: events[0].key.time + timedelta(seconds=at))
    failures = []
    parts = {"clock": runtime.monotonic, "sleep": runtime.sleep, "random": runtime.random}
    policy = RetryPolicy(patience=patience)
    sink = StoreSink(bucket.store(process), on_failure=failures.append, policy=policy, **parts)
    for number, event in enumerate(events):
        meet(bucket, event, number)
        sink.add(event)
        runtime.sleep(0.5)
    for _ in range(200):
        runtime.sleep(1)
        sink.retry()
    return bucket, failures, check_bucket(bucket.contents()).findings


def lost_answers(bucket, event, number):
    bucket.faults = {StoreFault.LOST_ANSWER: 1.0} if type(event).__name__ == "SegmentSealed" else {}


def long_outage(bucket, event, number):
    if number == 4:
        bucket.outage(StoreFault.UNAVAILABLE, 3)


def test_a_lost_answer():
    assert stored(lost_answers)[1:] == ([], [])
    for name in ("lost answer taken for failure", "retry without HEAD"):
        with PLANTED[name].apply():
            bucket, failures, _ = stored(lost_answers)
        there = [str(one.key) for one in failures if str(one.key) in bucket.contents() and one.sample_count]
        assert there, name


def test_a_counter_behind_a_hole():
    def run():
        return stored(long_outage, patience=1)

    _, failures, findings = run()
    assert failures
    assert findings == []
    with PLANTED["counter not reset"].apply():
        assert any("no segment with counter" in finding for finding in run()[2])


def test_an_end_object_that_overtakes():
    def run():
        def meet(bucket, event, number):
            if number == 10:
                bucket.outage(StoreFault.UNAVAILABLE, 4)

        return stored(meet)[0]

    def order(bucket):
        done = [one.key for one in bucket.log if one.outcome == "done" and one.operation in ("seal", "put")]
        return done.index(next(key for key in done if key.endswith("_end"))) == len(done) - 1

    assert order(run())
    with PLANTED["end object before last segment"].apply():
        assert not order(run())


def test_vectors_of_two_processes():
    def run():
        objects = {}
        for number in range(2):
            ivs = CencIvAllocators(random=Random(number).randbytes)
            objects[number] = ivs.for_key(CONTENT_KEY.kid).take(5)
        return set(objects[0]) & set(objects[1])

    assert run() == set()
    with PLANTED["vector reused after restart"].apply():
        assert len(run()) == 5


def test_a_gap_mark():
    def run():
        mailbox = Mailbox("gap", max_bytes=100)
        for number in range(6):
            mailbox.put_media(number, 30, opens_gop=True)
        return [mailbox.take(0) for _ in range(len(mailbox))]

    assert "gap" in run()
    with PLANTED["GOP dropped without gap mark"].apply():
        found = run()
        nothing = Mailbox("gap", max_bytes=100)
        nothing.put_media(0, 90, opens_gop=False)
        nothing.put_media(1, 90, opens_gop=False)
        assert not nothing._items
        assert not nothing._ready.is_set()  # or its reader would never wait again
    assert found
    assert "gap" not in found


def test_what_was_kept():
    def run():
        kept = PreRoll([Track("AUDIO001", 1, 8_000, G711Codec("ulaw"))], timedelta(seconds=1))
        for number in range(4):
            kept.push(Sample(1, number * 800, 800, b"x"))
        return len(kept.release())

    assert run() == 4
    with PLANTED["preroll off by one"].apply():
        assert run() == 3


def test_states_after_trouble():
    def run():
        said = []
        reports = TrackReports(lambda *what: said.append(what))
        reports.begin("VIDEO001")
        reports.set_output_error("full", ["VIDEO001"])
        reports.set_output_error(None, ["VIDEO001"])
        return said[-1][1]

    assert run() is RecordingJobState.ACTIVE
    with PLANTED["track state not reported after recovery"].apply():
        assert run() is RecordingJobState.ERROR


def test_a_commit(tmp_path):
    def run(name):
        database = SqlitePersistence(tmp_path / name)
        found = database._pragma("synchronous")
        database.close()
        return found

    assert run("right") == 2
    with PLANTED["commit acknowledged before it is durable"].apply():
        assert run("wrong") == 0


def test_a_seal(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}")))

    def run(name):
        writer = DirectoryStore(tmp_path / name).open_writer("a", content_type="video/mp4")
        writer.append(b"x")
        synced.clear()
        writer.seal({})
        return any(path.endswith(".data") for path in synced), str(tmp_path / name) in synced

    assert run("right") == (True, True)
    with PLANTED["acknowledged before fsync"].apply():
        assert run("wrong") == (False, False)
    assert (tmp_path / "wrong" / "a").read_bytes() == b"x"


def test_recovery_of_a_live_span():
    def run():
        store = MemoryStore()
        for one in recorded_objects(tracks=("vide",), ended=False):
            store.put(one)
        places = [("site-2", "camera-5")]
        return device_recovery.recover_store(store, places=places, before=START, exclusive=True).ended

    assert run() == []
    with PLANTED["recovery ends the live span"].apply():
        assert len(run()) == 1


def test_the_time_of_a_source_that_runs():
    class Output:
        def opened(self, reference, tracks, epoch):
            self.epoch = epoch

    class Source:
        tracks = (Track("AUDIO001", 1, 8000, G711Codec("ulaw")),)

        def samples(self):
            late = Output()
            runner.serve((late,))
            epochs.append(late.epoch.microseconds_since(START))
            return ()

    def run():
        nonlocal runner, epochs
        simulation = Simulation(1)
        runtime = SimulatedRuntime(simulation, Process("device"), lambda at: START + timedelta(seconds=at))
        clock = SteadyClock(runtime.now, runtime=runtime)
        runner, epochs = SourceRunner(None, None, None, clock, runtime), []
        source = Source()
        playing = source.samples
        source.samples = lambda: (runtime.sleep(5), playing())[1]
        runner._play(source, runner._connect())
        return epochs[0]

    runner, epochs = None, []
    assert run() < 1_000_000
    with PLANTED["clock read twice"].apply():
        assert run() > 4_000_000
