"""Absurd arguments at every place of every operation: a fault or an error of this library, and nothing changes."""

from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import pytest
from control_kit import (
    KID,
    START,
    Data,
    Exports,
    Nothing,
    asymmetric,
    automatic,
    encrypted,
    entry,
    exporting,
    job,
    profile,
    recording,
    service,
    target,
)

from onvif_bmff.control import (
    PROFILE_26_06,
    Capabilities,
    DateTimeRange,
    EventFilterEntry,
    RecordingEventFilter,
    SearchScope,
    SourceReference,
    StorageReferencePath,
    TrackConfiguration,
)
from onvif_bmff.control.state import DeviceState
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.timing import UtcTime


class Odd(str):
    """A text that is not quite one."""

    __slots__ = ()


ABSURD = [
    None, True, 0, -1, 2**31, 10**40, 0.5, float("nan"), float("inf"), "", " ", "x" * 100_000, "é" * 65, "\ud800",
    "\x00", "\u202e../..", "🎥" * 300, "../..", "/", "%s{0}", "'; DROP TABLE document;--", b"", b"x" * 17, [], [None],
    {}, (), (None,), ((),), set(), object(), int, timedelta(0), timedelta.min, timedelta.max, -timedelta(1), START,
    datetime(2026, 1, 1, tzinfo=UTC), UtcTime.parse("0001-01-01T00:00:00Z"), UtcTime.parse("9999-12-31T23:59:59Z"),
    Odd("x"), TrackConfiguration("Video"), SourceReference(None), lambda: None, NotImplemented, ...,
]  # fmt: skip


def variants(value):
    """The value with each of its parts replaced by something absurd, at every depth."""
    yield from ABSURD
    if is_dataclass(value) and not isinstance(value, UtcTime):  # an instant checks itself
        for item in fields(value):
            for odd in variants(getattr(value, item.name)):
                with suppress(TypeError):  # some are refused when the structure is made
                    yield replace(value, **{item.name: odd})
    elif isinstance(value, tuple) and value:
        for odd in variants(value[0]):
            yield (odd, *value[1:])


def device():
    capabilities = exporting(segment_export=True)["capabilities"]
    made = service(
        capabilities=capabilities,
        exporter=Exports(),
        local_data=Data(),
        segments=Nothing(),
        segment_exporter=Nothing(),
    )
    token = made.create_recording(recording(target()))
    held = made.create_recording_job(job(token, profile("VIDEO001"))).job_token
    return made, token, held


def calls(token, held):
    when = RecordingEventFilter(
        (EventFilterEntry("tns1:A", 'boolean(//tt:SimpleItem[@Name="a"])'),), None, timedelta(1)
    )
    given = job(token, profile("VIDEO001"), automatic("AUDIO001"), event_filter=when, schedule_token="night")
    full = encrypted(entry(track=("VIDEO001",)), asymmetric())
    storage = StorageReferencePath("s3", "a")
    return {
        "create_recording": (full,),
        "delete_recording": (token,),
        "set_recording_configuration": (token, full),
        "get_recording_configuration": (token,),
        "get_recording_options": (token,),
        "override_segment_duration": (timedelta(seconds=5), timedelta(minutes=5), token),
        "create_track": (token, TrackConfiguration("Audio")),
        "delete_track": (token, "META001"),
        "get_track_configuration": (token, "VIDEO001"),
        "set_track_configuration": (token, "VIDEO001", TrackConfiguration("Video")),
        "create_recording_job": (given,),
        "delete_recording_job": (held,),
        "set_recording_job_configuration": (held, given),
        "get_recording_job_configuration": (held,),
        "set_recording_job_mode": (held, "Idle"),
        "get_recording_job_state": (held,),
        "export_recorded_data": (SearchScope((SourceReference("x"),), (token,)), "MP4", storage),
        "stop_export_recorded_data": (token,),
        "get_export_recorded_data_state": (token,),
        "list_recorded_segments": (DateTimeRange(START, START), token, 5),
        "export_recorded_segments": (DateTimeRange(START, START + timedelta(1)), token),
        "stop_export_recorded_segments": (token,),
        "device_side.content_key": (token, KID),
    }


@pytest.mark.parametrize("name", calls("", ""))
def test_an_absurd_argument_is_refused_or_harmless(name):
    made, token, held = device()
    arguments = calls(token, held)[name]
    refused = 0
    for place, value in enumerate(arguments):
        for odd in variants(value):
            before, secrets = made.snapshot(), dict(made._runner.state.secrets)
            try:
                attrgetter(name)(made)(*arguments[:place], odd, *arguments[place + 1 :])
            except (OnvifBmffError, TypeError) as error:
                refused += 1
                assert len(str(error)) < 500  # noqa: PT017
                assert isinstance(error, OnvifBmffError) or " must be " in str(error), "a TypeError is ours, on purpose"  # noqa: PT017
                assert (made.snapshot(), made._runner.state.secrets) == (before, secrets)
            else:
                DeviceState.from_documents(*made._runner.persistence.load())  # what was accepted can be read again
                made, token, held = device()
                assert calls(token, held)[name] == arguments
    assert refused > 20


def test_under_26_06_absurd_segments_are_refused():
    made = service(
        profile=PROFILE_26_06,
        capabilities=Capabilities(segment_export=True),
        segments=Nothing(),
        segment_exporter=Nothing(),
    )
    token = made.create_recording(recording(target(storage_strategy="Both")))
    time = DateTimeRange(START, START + timedelta(1))
    for call, arguments in (
        (made.list_recorded_segments, (time, token, 5)),
        (lambda *a: made.export_recorded_segments(*a[:2], alias=a[2], storage_token=a[3], track=a[4]),
         (time, token, "a", "s3", "Video")),
        (made.stop_export_recorded_segments, (token,)),
        (made.device_side.report_segment, (token, "x", 0.5)),
    ):  # fmt: skip
        refused = 0
        for place, value in enumerate(arguments):
            for odd in variants(value):
                try:
                    call(*arguments[:place], odd, *arguments[place + 1 :])
                except OnvifBmffError:
                    refused += 1
                except TypeError as error:
                    refused += 1
                    assert " must be " in str(error)  # noqa: PT017
        assert refused > 20
