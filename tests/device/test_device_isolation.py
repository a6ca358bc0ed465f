"""Stores and sources that fail, hang or are slow: the others lose nothing, and the trouble shows in the job's state."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from device_kit import (
    AV,
    CAMERA,
    WeakStore,
    configuration,
    ended,
    fast_device,
    faults,
    job,
    profile_source,
    record,
    sealed,
    spans,
    state,
    until,
)

from onvif_bmff.control import RecordingTargetConfiguration
from onvif_bmff.device import FileSource, OverloadPolicy
from onvif_bmff.device import outputs as outputs_module
from onvif_bmff.device import worker as worker_module
from onvif_bmff.device.mailbox import Mailbox
from onvif_bmff.device.worker import OVERLOAD
from onvif_bmff.errors import MediaError
from onvif_bmff.storage.held import Room
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.pending import LOST, RetryPolicy

SECOND = timedelta(seconds=1)


def continuous(store, prefix, keys=None):
    """Nothing of a recording is missing: one span of video, without errors."""
    assert faults(store, prefix=prefix) == []
    assert len(spans(store, prefix=prefix)) == 1


def error_of(service, token):
    found = service.get_recording_job_state(token)
    return next((t.error for source in found.sources for t in source.tracks if t.error), None)


def test_a_store_that_fails_shows_in_the_state_and_loses_nothing():
    """What comes meanwhile is held, and stored when the store takes objects again: the span has no hole."""
    weak, good = WeakStore(), MemoryStore()
    with fast_device({"weak": weak, "good": good}) as device:
        service = device.service
        everything = profile_source(*AV, "META001")
        _, bad_job = record(service, "bad", sources=(everything,), storage="weak")
        _, good_job = record(service, "good", storage="good")
        until(lambda: len(sealed(weak)) >= 2)
        weak.failing = True
        until(lambda: state(service, bad_job) == "Error")
        assert "the disk is on fire" in error_of(service, bad_job)
        assert state(service, good_job) == "PartiallyActive" or state(service, good_job) == "Active"
        count = len(sealed(good))
        until(lambda: len(sealed(good)) >= count + 4)
        weak.failing = False
        until(lambda: state(service, bad_job) != "Error")
        assert error_of(service, bad_job) is None
        count = len(sealed(weak))
        until(lambda: len(sealed(weak)) >= count + 4)
    continuous(weak, "bad")
    continuous(good, "good")


@pytest.fixture
def hasty(monkeypatch):
    """Outputs that are closed for good try their store once more only."""
    monkeypatch.setattr(worker_module, "_POLICY", RetryPolicy(blocking=0.0, closing=0.0))


def change_storage(service, token, storage):
    service.set_recording_configuration(token, configuration("elsewhere", storage=storage))


def test_a_recording_that_leaves_a_store_while_that_fails_loses_nothing(hasty):
    """What was recorded is stored when the store takes objects again, and its span ends."""
    weak = WeakStore()
    with fast_device({"weak": weak, "good": MemoryStore()}) as device:
        service = device.service
        token, _ = record(service, "bad", storage="weak")
        until(lambda: len(sealed(weak)) >= 2)
        weak.failing = True
        until(lambda: device.worker(token).backlog[0] >= 2)
        worker, count = device.worker(token), len(sealed(weak))
        change_storage(service, token, "good")
        until(lambda: device.worker(token) is not worker)
        until(lambda: not len(worker.mailbox))
        assert not worker.join(0.2), "it goes on trying"
        assert len(sealed(weak)) == count
        assert device.health().recordings[0].backlog.objects >= 2, "it shows"
        weak.failing = False
        assert worker.join(90)
        assert worker.dropped == {}
    assert len(sealed(weak)) >= count + 2
    continuous(weak, "bad")
    assert spans(weak)[0].end is not None


def test_a_device_that_is_closed_waits_no_longer_for_stores_that_recordings_left(hasty):
    weak = WeakStore()
    device = fast_device({"weak": weak, "good": MemoryStore()})
    device.start()
    token, _ = record(device.service, "bad", storage="weak")
    until(lambda: len(sealed(weak)) >= 2)
    weak.failing = True
    until(lambda: device.worker(token).backlog[0] >= 1)
    worker = device.worker(token)
    change_storage(device.service, token, "good")
    until(lambda: device.worker(token) is not worker)
    assert device.close(timeout=60.0), "all have ended"
    assert worker.dropped[LOST.PATIENCE] > 0, "what is lost is counted"


def test_not_more_outputs_wait_for_stores_that_recordings_left_than_is_good(hasty, monkeypatch):
    monkeypatch.setattr(outputs_module, "_MOST_LEAVING", 1)
    weak = WeakStore()
    with fast_device({"weak": weak}) as device:
        made = [record(device.service, f"bad{number}", storage="weak") for number in range(3)]
        until(lambda: len(sealed(weak)) >= 6)
        weak.failing = True
        workers = [device.worker(token) for token, _ in made]
        until(lambda: all(worker.backlog[0] >= 1 for worker in workers))
        for token, bad_job in made:
            device.service.delete_recording_job(bad_job)
            device.service.delete_recording(token)
            until(lambda token=token: device.worker(token) is None)
        assert all(worker.join(90) for worker in workers[:2])
        assert not workers[2].join(0.2)
        assert workers[0].dropped[LOST.PATIENCE] > 0


def test_a_store_that_fails_for_too_long_costs_what_there_is_no_room_for():
    weak = WeakStore()
    with fast_device({"weak": weak}, room=Room(50_000, 300_000)) as device:
        service = device.service
        token, bad_job = record(service, "bad", storage="weak")
        until(lambda: len(sealed(weak)) >= 2)
        weak.failing = True
        until(lambda: state(service, bad_job) == "Error")
        until(lambda: sum(device.worker(token).sink.dropped.values()) > 0)
        assert device.worker(token).dropped[LOST.ROOM] > 0, "an operator can see why"
        weak.failing = False
        until(lambda: state(service, bad_job) != "Error")
        until(lambda: len(spans(weak)) >= 2 and len(spans(weak)[-1].segments) >= 2)
    assert faults(weak) == []
    for span in spans(weak):
        assert span.end is not None, "each span ended with what is stored of it"
    assert spans(weak)[0].end < spans(weak)[1].start, "what is lost is a gap"


@pytest.mark.parametrize("policy", list(OverloadPolicy))
def test_a_store_that_hangs_loses_whole_gops_and_holds_up_nobody(policy):
    weak, good = WeakStore(), MemoryStore()
    with fast_device({"weak": weak, "good": good}, max_bytes=300_000, policy=policy) as device:
        service = device.service
        token, _ = record(service, "bad", storage="weak")
        record(service, "good", storage="good")
        until(lambda: len(sealed(weak)) >= 2)
        weak.hang()
        until(lambda: device.worker(token).mailbox.dropped > 0)
        assert device.worker(token).dropped[OVERLOAD] > 0
        count = len(sealed(good))
        until(lambda: len(sealed(good)) >= count + 4)
        assert weak.hanging.is_set(), "it still hangs"
        weak.free.set()
        until(lambda: len(spans(weak)) >= 2 and len(spans(weak)[-1].segments) >= 2)
    assert faults(weak) == []
    for span in spans(weak):
        assert span.end is not None
    assert spans(weak)[0].end < spans(weak)[1].start
    continuous(good, "good")


def test_closing_does_not_wait_for_a_store_that_hangs():
    weak = WeakStore()
    device = fast_device({"s3": weak})
    device.start()
    record(device.service)
    until(lambda: len(sealed(weak)) >= 1)
    weak.hang()
    assert weak.hanging.wait(90)
    device.close(timeout=0.5)
    assert weak.hanging.is_set(), "the store hangs until it is set free, and closing did not wait for that"
    weak.free.set()


class Broken:
    """A provider of which one source cannot be opened at first, one breaks off, and one hangs."""

    def __init__(self, speed):
        self.speed = speed
        self.repaired = False
        self.blocked = threading.Event()

    def open(self, reference, receiver, stop):
        if reference.token == "hangs":
            self.blocked.wait(60)
        if reference.token == "broken" and not self.repaired:
            raise MediaError("no signal")
        if reference.token == "ends":
            return FileSource(CAMERA, stop=stop, speed=self.speed, passes=1)
        return FileSource(CAMERA, stop=stop, speed=self.speed)


def test_sources_that_fail_or_hang_hold_up_nobody():
    store, provider = MemoryStore(), Broken(8.0)
    with fast_device({"s3": store}, sources=provider, has_profile=lambda token: True) as device:
        service = device.service
        jobs = {}
        for name in ("good", "broken", "hangs", "ends"):
            token = service.create_recording(configuration(name))
            jobs[name] = service.create_recording_job(
                job(token, profile_source("VIDEO001", "AUDIO001", token=name))
            ).job_token
        until(lambda: state(service, jobs["good"]) == "Active")
        until(lambda: state(service, jobs["broken"]) == "Error")
        assert "no signal" in error_of(service, jobs["broken"])
        assert state(service, jobs["hangs"]) == "Idle"
        until(lambda: len(ended(store, "ends/")) == 2)
        until(lambda: state(service, jobs["ends"]) == "Idle")
        provider.repaired = True
        until(lambda: state(service, jobs["broken"]) == "Active")
        until(lambda: len(sealed(store, "broken/")) >= 2)
        provider.blocked.set()
        until(lambda: state(service, jobs["hangs"]) == "Active")
    assert faults(store) == []
    continuous(store, "good")


def test_two_recordings_of_one_source_share_it_and_each_loses_nothing():
    store = MemoryStore()
    with fast_device({"s3": store}) as device:
        record(device.service, "one")
        until(lambda: len(sealed(store, "one/")) >= 2)
        record(device.service, "two", kind="MP4")
        until(lambda: len(sealed(store, "two/")) >= 2)
    continuous(store, "one")
    assert faults(store, prefix="two") == []


def test_a_storage_that_is_gone_is_an_error_of_the_job():
    stores = {"s3": MemoryStore()}
    with fast_device(stores) as device:
        service = device.service
        token = service.create_recording(configuration())
        del stores["s3"]
        made = service.create_recording_job(job(token)).job_token
        until(lambda: state(service, made) == "Error")
        assert error_of(service, made) == "The storage is not there"


def test_another_storage_takes_over_in_new_spans():
    stores = {"s3": MemoryStore(), "other": MemoryStore()}
    with fast_device(stores) as device:
        service = device.service
        token, _ = record(service)
        until(lambda: len(sealed(stores["s3"])) >= 2)
        target = RecordingTargetConfiguration("other", "MP4", 2 * SECOND, prefix="cam")
        found = service.get_recording_configuration(token)
        service.set_recording_configuration(token, type(found)(target=target))
        until(lambda: len(sealed(stores["other"])) >= 2)
    for store in stores.values():
        assert faults(store) == []
    assert spans(stores["s3"])[0].end is not None


def counted(box):
    taken = []
    while (item := box.take(0)) is not None:
        taken.append(item)
    return taken


@pytest.mark.parametrize("policy", list(OverloadPolicy))
def test_a_full_mailbox_drops_gops_and_says_where(policy):
    box = Mailbox("gap", max_bytes=100, policy=policy)
    box.put("first")
    for number in range(30):
        box.put_media(number, 10, opens_gop=number % 4 == 0)
        if number == 5:
            box.put("message")
    taken = counted(box)
    assert [item for item in taken if isinstance(item, str) and item != "gap"] == ["first", "message"]
    media = [(index, item) for index, item in enumerate(taken) if isinstance(item, int)]
    for (before, one), (after, two) in pairwise(media):
        if two != one + 1:
            assert "gap" in taken[before:after], "a hole is marked"
            assert two % 4 == 0, "and ends with a sync sample"
    assert box.dropped == 30 - len(media)
    assert len(media) * 10 <= 100
    if policy is OverloadPolicy.OLDEST:
        assert media[-1][1] == 29
        assert taken.index("gap") < media[0][0]
    else:
        assert media[0][1] == 0


def test_media_larger_than_the_mailbox_leave_it_usable():
    box = Mailbox("gap", max_bytes=100)
    for number in range(6):
        box.put_media(number, 1000, opens_gop=True)
        assert len(counted(box)) >= 1
