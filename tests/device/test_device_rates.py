"""MaxRate, MaxTotalRate and Encoding: refused where they are known, else measured and said. 5.25."""

import logging

import pytest
from device_kit import CAMERA, configuration, fast_device, faults, job, profile_source, record, sealed, state, until

from onvif_bmff.control import BadConfiguration, Capabilities, FixedResources, JobState, RecordingService
from onvif_bmff.control.types.capabilities import RECORDED_ENCODINGS
from onvif_bmff.device import FileSources
from onvif_bmff.device.rates import RateWatch
from onvif_bmff.runtime import utc_now
from onvif_bmff.storage.memory import MemoryStore


def errors_of(service, held):
    found = service.get_recording_job_state(held)
    return {track.error for source in found.sources for track in source.tracks if track.error}


@pytest.mark.requirement("REC-5.25-04")
def test_an_encoding_that_is_not_offered_is_not_recorded_and_the_others_are():
    store = MemoryStore()
    with fast_device({"s3": store}, capabilities=Capabilities(encoding=["H265", "AAC"])) as made:
        _, held = record(made.service)
        until(lambda: sealed(store))
        assert errors_of(made.service, held) == {"The device does not record H264"}
    assert {key[-3:] for key in sealed(store)} == {"m4a"}
    assert faults(store) == []


@pytest.mark.requirement("REC-5.25-06")
@pytest.mark.parametrize("name", ["max_rate", "max_total_rate"])
def test_a_rate_above_the_limit_is_in_the_state_an_event_and_the_log_and_nothing_is_lost(name, caplog):
    store = MemoryStore()
    with (
        caplog.at_level(logging.WARNING, "onvif_bmff.device"),
        fast_device({"s3": store}, capabilities=Capabilities(**{name: 1.0}), speed=16.0) as made,
    ):
        token, held = record(made.service)
        until(lambda: state(made.service, held) == "Active")
        made.service.take_notifications()
        until(lambda: state(made.service, held) == "Error")
        (error,) = errors_of(made.service, held)
        assert error.startswith("Recording goes on, but with ")
        assert error.endswith(f"above {'MaxRate' if name == 'max_rate' else 'MaxTotalRate'} of 1 kbit/s")
        told = [one for one in made.service.take_notifications() if isinstance(one, JobState)]
        assert [str(one.state) for one in told] == ["Error"]
        before = made.worker(token).progress.fragments
        until(lambda: made.worker(token).progress.fragments > before + 2)
        assert not made.worker(token).dropped
    assert sum("above Max" in one.getMessage() for one in caplog.records) == 1, "once, and no flood"
    assert faults(store) == []


def test_a_rate_within_the_limits_is_no_error():
    store = MemoryStore()
    with fast_device(
        {"s3": store}, capabilities=Capabilities(max_rate=50_000, max_total_rate=50_000), speed=16.0
    ) as made:
        token, held = record(made.service)
        until(lambda: made.worker(token) and made._clock.elapsed() > 60 and made.worker(token).progress.fragments > 10)
        assert state(made.service, held) == "Active"


def test_rates_are_measured_over_half_a_minute_and_fall_again():
    now = 0.0
    watch = RateWatch(100, 300, lambda: now)
    size = {"a": 0, "b": 0}
    found = []
    for step in range(40):  # of 5 s: 80 kbit/s each, then a has 160 for a while, then nothing, then 40 each
        rates = (80, 60) if step < 10 else (160, 0) if step < 20 else (0, 0) if step < 30 else (40, 40)
        for token, rate in zip(size, rates, strict=True):
            size[token] += rate * 1000 // 8 * 5
        found.append(watch.changes(size))
        now += 5
    assert all(not changes for changes in found[:11])
    changed = [(number, changes) for number, changes in enumerate(found) if changes]
    assert list(changed[0][1]) == ["a"]
    assert "above MaxRate of 100 kbit/s" in changed[0][1]["a"]
    assert changed[-1][1] == {"a": None}
    assert 11 <= changed[0][0] <= 16
    assert len(changed) == 2


def test_both_limits_at_once_and_recordings_that_come_and_go():
    now = 0.0
    watch = RateWatch(None, 100, lambda: now)
    sizes = [{"a": n * 50_000} for n in range(8)] + [{"a": n * 50_000, "b": (n - 8) * 50_000} for n in range(8, 20)]
    sizes += [{"b": n * 50_000} for n in range(12, 24)]
    told = []
    for size in sizes:  # 50,000 bytes in 5 s are 80 kbit/s
        told.append(watch.changes(size))
        now += 5
    names = [token for changes in told for token, text in changes.items() if text]
    assert sorted(set(names)) == ["a", "b"]
    assert [text for changes in told for text in changes.values()][-1] is None
    assert RateWatch(None, None, lambda: now).changes({"a": 10**12}) == {}


class Profiles(FixedResources):
    """Knows what its profiles give."""

    def profile_encodings(self, token):
        return {"jpeg": ["JPEG", "AAC"], "h265": ["H265"]}.get(token)

    def profile_rate(self, token):
        return {"rich": 9000.0, "poor": 100.0}.get(token)


@pytest.mark.requirement("REC-5.25-04", "REC-5.25-06")
@pytest.mark.parametrize(
    ("token", "capabilities", "why"),
    [
        ("h265", {"encoding": ["H264", "AAC"]}, "gives H265, which the device does not record"),
        ("jpeg", {"encoding": ["JPEG"]}, "gives AAC, which"),
        ("rich", {"max_rate": 8000}, "gives 9000 kbit/s, above MaxRate of 8000 kbit/s"),
        ("rich", {"max_total_rate": 8000}, "above MaxTotalRate of 8000"),
        ("rich", {"max_rate": 9000, "max_total_rate": 9000}, None),
        ("poor", {"max_rate": 8000}, None),
        ("jpeg", {"encoding": ["jpeg", "aac"]}, None),
        ("unknown", {"encoding": ["H264"], "max_rate": 1}, None),
    ],
)
def test_what_a_profile_gives_is_refused_at_configuration_where_it_is_known(token, capabilities, why):
    resources = Profiles(storages=["s3"], profiles=["jpeg", "h265", "rich", "poor", "unknown"])
    made = RecordingService(clock=utc_now, capabilities=Capabilities(**capabilities), resources=resources)

    recording = made.create_recording(configuration())
    given = job(recording, profile_source("VIDEO001", token=token))
    if why is None:
        made.create_recording_job(given)
        return
    with pytest.raises(BadConfiguration, match=why):
        made.create_recording_job(given)
    idle = made.create_recording_job(job(recording, profile_source("VIDEO001", token="unknown"))).job_token
    with pytest.raises(BadConfiguration, match=why):
        made.set_recording_job_configuration(idle, given)


@pytest.mark.requirement("REC-5.25-04")
def test_encodings_are_known_by_the_names_of_onvif_and_by_sample_entries():
    everything = Capabilities(encoding=RECORDED_ENCODINGS)
    for name in ("H264", "H265", "jpeg", "mjpg", "mp4v", "Opus", "av01", "G711", "AAC", "vvc1"):
        assert everything.records(name), name
    assert not everything.records("dtsc")
    assert Capabilities(encoding=["dtsc"]).records("dtsc")
    default = Capabilities()
    assert default.records("jpeg")
    assert default.records("Opus")
    assert not default.records("av01")
    assert not Capabilities(encoding=[]).records("H264")


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_limits_that_are_none_are_refused(wrong):
    with pytest.raises(BadConfiguration, match="above zero"):
        Capabilities(max_rate=wrong)
    with pytest.raises(BadConfiguration, match="above zero"):
        Capabilities(max_total_rate=wrong)


def test_a_device_offers_all_that_the_library_records():
    made = fast_device({"s3": MemoryStore()}, sources=FileSources({"cam": CAMERA}))
    offered = made.service.get_service_capabilities()
    made.close()
    assert offered.encoding == RECORDED_ENCODINGS
