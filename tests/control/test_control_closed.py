"""What a service answers that is closed: nothing, and in words of its own; a late output goes on with its spans."""

import inspect

import pytest
from control_kit import Exports, Nothing, exporting, job, recording, service

from onvif_bmff.control import (
    OPERATIONS,
    OPERATIONS_26_06,
    PROFILE_26_06,
    MemoryPersistence,
    RecordingJobState,
)
from onvif_bmff.errors import StateError
from onvif_bmff.storage.sqlite import SqlitePersistence

METHODS = sorted(
    {one.method for one in {**OPERATIONS, **OPERATIONS_26_06}.values()}
    | {"subscribe", "take_notifications", "current_properties", "snapshot", "advance"}
)


def closed(persistence=None):
    made = service(
        persistence=persistence,
        profile=PROFILE_26_06,
        exporter=Exports(),
        segments=Nothing(),
        segment_exporter=Nothing(),
        **exporting(segment_export=True),
    )
    made.close()
    return made


@pytest.mark.parametrize("method", METHODS)
def test_no_operation_is_taken_by_a_service_that_is_closed(method):
    call = getattr(closed(), method)
    needed = [one for one in inspect.signature(call).parameters.values() if one.default is one.empty]
    with pytest.raises(StateError, match="the service is closed"):
        call(*(object() for _ in needed))


def test_what_is_refused_after_the_end_is_not_stored_and_a_second_end_does_nothing(tmp_path):
    kept = MemoryPersistence()
    made = closed(kept)
    before = dict(kept.documents), kept.commits
    with pytest.raises(StateError):
        made.create_recording(recording())
    assert (kept.documents, kept.commits) == before
    made.close()
    twice = closed(SqlitePersistence(tmp_path / "device.sqlite"))
    twice.close()


def test_an_output_whose_store_hung_may_report_after_the_end_and_is_not_disturbed():
    made = service()
    token = made.create_recording_job(job(made.create_recording(recording()))).job_token
    made.close()
    side = made.device_side
    assert side.report_track_state(token, "VIDEO001", RecordingJobState.ACTIVE) is False
    assert side.report_encoding(token, "VIDEO001", "Video", "H264") is False
    with pytest.raises(StateError):
        side.plans()
