"""What happens at three in the morning: clocks that jump, a database that stays broken, odd sources, no threads."""

from datetime import timedelta

import pytest
from device_kit import (
    CAMERA,
    FastClock,
    configuration,
    faults,
    job,
    kept,
    profile_source,
    record,
    sealed,
    spans,
    state,
    until,
    wait,
)
from test_device_persistence import FailingPersistence

from onvif_bmff.control import (
    EventFilterEntry,
    EventMessage,
    RecordingConfiguration,
    RecordingEventFilter,
    ServiceLimits,
)
from onvif_bmff.device import FileSource, FileSources, RecordingDevice
from onvif_bmff.device.steady_clock import ClockTrust, SteadyClock
from onvif_bmff.device.worker import OutputWorker
from onvif_bmff.runtime import ThreadedRuntime
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
SPEED = 4.0
TRIGGER = "tns1:Device/Trigger"


class JumpingClock(FastClock):
    """A fast clock that somebody sets."""

    def __init__(self, start=None):
        super().__init__(start, SPEED)
        self.ahead = timedelta(0)

    def __call__(self):
        return super().__call__() + self.ahead


def made(stores, clock=None, *, sources=None, **more):
    return RecordingDevice(
        stores,
        sources=sources or FileSources({"cam": CAMERA, "other": CAMERA}, speed=SPEED),
        clock=clock or JumpingClock(),
        clock_rate=SPEED,
        **more,
    )


def trigger(service):
    service.device_side.event(EventMessage(TRIGGER, service._runner.clock(), {}, {"Value": "1"}))


def on_trigger(**more):
    return RecordingEventFilter((EventFilterEntry(TRIGGER),), **more)


@pytest.mark.parametrize("kind", ["CMAF", "MP4"])
@pytest.mark.parametrize("jump", [50 * 365 * 24 * HOUR, -HOUR])
def test_recordings_follow_a_clock_that_is_set(jump, kind):
    store, clock = MemoryStore(), JumpingClock(UtcTime.parse("1976-01-01T12:00:00Z"))
    with made({"s3": store}, clock, clock_trust=ClockTrust(wait=False)) as device:
        sources = (profile_source("VIDEO001"), profile_source("AUDIO001", token="other"))
        record(device.service, sources=sources, kind=kind)
        extension = "m4v" if kind == "CMAF" else "mp4"
        until(lambda: spans(store, extension) and len(spans(store, extension)[0].segments) >= 2)
        clock.ahead = jump
        until(lambda: len(spans(store, extension)) == 2)
        count = len(sealed(store))
        until(lambda: len(sealed(store)) >= count + 4)
        late = device.service._runner.clock() - clock()
        assert abs(late) < SPEED * SECOND
    first, second = sorted(spans(store, extension), key=lambda span: span.start, reverse=jump < timedelta(0))
    assert abs(second.start - first.end - jump) < 0.2 * SECOND, "nothing but the jump is between them"
    assert faults(store) == [] or jump < timedelta(0)


def test_a_clock_that_is_set_back_leaves_no_event_open_and_keeps_what_came_before():
    store, clock = MemoryStore(), JumpingClock()
    with made({"s3": store}, clock, limits=ServiceLimits(instant_event=12 * SECOND)) as device:
        service = device.service
        token = service.create_recording(configuration())
        guard = service.create_recording_job(job(token, event_filter=on_trigger(before=6 * SECOND))).job_token
        trigger(service)
        until(lambda: state(service, guard) == "Active")
        before = service._runner.clock()
        clock.ahead = -HOUR
        until(lambda: service._runner.clock() < before - HOUR / 2)
        until(lambda: state(service, guard) == "Idle", 30)
        wait(device, 10)  # what is kept reaches back behind the end of that event, and what it recorded is not repeated
        assert kept(device, token) >= 8 * SECOND
        before = service._runner.clock()
        clock.ahead = timedelta(0)
        until(lambda: service._runner.clock() > before + HOUR / 2)
        at = service._runner.clock()
        trigger(service)
        triggered = service._runner.clock()
        until(lambda: any(span.start > at - 9 * SECOND and span.end for span in spans(store)))
    newest = max(spans(store), key=lambda span: span.start)
    assert at - 8 * SECOND <= newest.start <= triggered - 6 * SECOND


def test_small_corrections_of_a_clock_are_no_jumps():
    now = [0.0]
    wall = [UtcTime(0)]
    clock = SteadyClock(lambda: wall[0], runtime=ThreadedRuntime(monotonic=lambda: now[0]))
    now[0], wall[0] = 10.0, UtcTime(10_900_000)
    assert clock.jump() is None
    assert clock() == UtcTime(10_000_000)
    wall[0] = UtcTime(11_100_000)
    assert clock.jump() == 1.1 * SECOND
    clock.set(1.1 * SECOND)
    assert clock.read() == (wall[0], 1)


def test_a_database_that_stays_broken_keeps_no_event_from_being_recorded():
    store, local, persistence = MemoryStore(), MemoryStore(), FailingPersistence()
    with made({"s3": store}, local=local, persistence=persistence) as device:
        service = device.service
        _, always = record(service, "always")
        keeping = service.create_recording(RecordingConfiguration())
        token = service.create_recording(configuration("event"))
        guard = service.create_recording_job(job(token, event_filter=on_trigger())).job_token
        trigger(service)
        until(lambda: state(service, guard) == "Active")
        until(lambda: state(service, guard) == "Idle")
        first = len(sealed(store, "event/"))
        persistence.fail_after = 1
        service.delete_track(keeping, "AUDIO001")  # acknowledged; to forget about its data fails
        assert persistence.broken
        trigger(service)
        until(lambda: state(service, guard) == "Active")
        until(lambda: len(sealed(store, "event/")) > first)
        assert state(service, always) == "Active"
    assert len(spans(store, prefix="always")) == 1
    assert faults(store) == []


class OddCodec:
    """A codec of somebody else, with a fault."""

    def __init__(self, codec, failures):
        self._codec, self._failures = codec, failures

    def __getattr__(self, name):
        return getattr(self._codec, name)

    def sample_entry(self):
        if self._failures:
            self._failures.pop()
            raise ZeroDivisionError("in a codec of somebody else")
        return self._codec.sample_entry()


class OddSources:
    """A source whose codec fails some times."""

    def __init__(self, failures):
        self.failures = [None] * failures

    def open(self, reference, receiver, stop):
        source = FileSource(CAMERA, stop=stop, speed=SPEED)
        for track in source.tracks:
            object.__setattr__(track, "codec", OddCodec(track.codec, self.failures))
        return source


def test_a_fault_in_somebody_elses_code_is_shown_and_ends_no_output():
    store = MemoryStore()
    with made({"s3": store}, sources=OddSources(2), has_profile=lambda token: True) as device:
        service = device.service
        _, guard = record(service)
        until(lambda: state(service, guard) == "Error")
        found = service.get_recording_job_state(guard)
        assert {t.error for s in found.sources for t in s.tracks} == {"in a codec of somebody else"}
        until(lambda: state(service, guard) == "Active")
        until(lambda: len(sealed(store)) >= 2)
    assert faults(store) == []


def test_a_device_that_can_make_no_thread_tries_again(monkeypatch):
    store, left = MemoryStore(), [None] * 2
    start = OutputWorker.start

    def fail(worker, *named):
        if left:
            left.pop()
            raise RuntimeError("can't start new thread")
        start(worker, *named)

    monkeypatch.setattr(OutputWorker, "start", fail)
    with made({"s3": store}) as device:
        _, guard = record(device.service)
        until(lambda: state(device.service, guard) == "Active")
        wait(device, 4)
    assert faults(store) == []
