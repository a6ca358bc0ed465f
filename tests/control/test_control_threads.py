"""Many threads on one service: no deadlock, nothing half done, every event once and in order."""

import json
import sys
from threading import Barrier, Lock, Thread

from control_kit import job, profile, recording, service

from onvif_bmff.control import Fault, MemoryPersistence, TrackConfiguration
from onvif_bmff.control.state import DeviceState
from onvif_bmff.control.subscription import Subscription

THREADS = 8


def run_together(*works):
    """Run every work in a thread of its own, all at once; what they raised."""
    barrier, failures = Barrier(len(works)), []

    def run(work):
        barrier.wait()
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=run, args=(work,), daemon=True) for work in works]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a thread hangs"
    finally:
        sys.setswitchinterval(interval)
    return failures


def test_every_event_is_taken_once_whoever_takes():
    subscription = Subscription(1_000_000, lambda _: None)
    taken, total, lock = [], 60_000, Lock()

    def put():
        for number in range(total):
            subscription.put((number,))

    def take():
        found = []
        while len(taken) < total:
            batch = subscription.take()
            assert list(batch) == sorted(batch)
            found += batch
            with lock:
                taken.extend(batch)
        assert found == sorted(found)

    assert run_together(put, *[take] * (THREADS - 1)) == []
    assert sorted(taken) == list(range(total))
    assert subscription.lost == 0


def test_many_threads_leave_a_whole_model():
    persistence = MemoryPersistence()
    made = service(persistence=persistence)
    everything = made.subscribe()
    shared = made.create_recording(recording())

    def work(number):
        for step in range(12):
            own = made.create_recording(recording(content=str(number)))
            one = made.create_recording_job(job(own, priority=number)).job_token
            two = made.create_recording_job(job(shared, profile("VIDEO001"), priority=step)).job_token
            added = made.create_track(own, TrackConfiguration("Audio"))
            made.set_recording_job_mode(two, "Idle")
            made.get_recording_job_state(one)
            for item in made.get_recordings():
                assert len(item.tracks) >= 3
            made.take_notifications()
            made.device_side.plans()
            made.delete_track(own, added)
            made.delete_recording_job(two)
            try:
                made.set_recording_configuration(shared, recording(content=f"{number} {step}"))
                made.delete_recording(own)
            except Fault as fault:
                raise AssertionError from fault

    assert run_together(*[lambda n=number: work(n) for number in range(THREADS)]) == []
    assert [item.recording_token for item in made.get_recordings()] == [shared]
    assert made.get_recording_jobs() == ()
    stored = {name: json.loads(text) for name, text in persistence.documents.items()}
    assert stored == made.snapshot()
    DeviceState.from_documents(*persistence.load())
    created, deleted = set(), set()
    for event in everything.take():
        name = event.topic.rpartition("/")[2]
        token = getattr(event, "recording_token", None)
        if name == "CreateRecording":
            created.add(token)
        elif token is not None:
            assert token in created, "told of before it was there"
            assert token not in deleted, "told of after it was gone"
        if name == "DeleteRecording":
            deleted.add(token)
    assert created - deleted == {shared}
    assert len(deleted) == THREADS * 12
