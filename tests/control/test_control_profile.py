"""What release 26.06 adds, and that 25.12 does not have it."""

from dataclasses import replace

import pytest
from control_kit import Nothing, asymmetric, encrypted, recording, service, target

from onvif_bmff.control import (
    PROFILE_26_06,
    BadConfiguration,
    Capabilities,
    NoLocalRecording,
    RecordingConfiguration,
    RecordingSourceInformation,
    StorageStrategy,
    UnsupportedStorageStrategy,
)

WITH_SOURCE = RecordingConfiguration(RecordingSourceInformation(video_source_token="VideoSource_1"))


def newer(**kwargs):
    return service(
        profile=PROFILE_26_06, capabilities=Capabilities(**kwargs), segments=Nothing(), segment_exporter=Nothing()
    )


def test_25_12_refuses_fields_of_26_06():
    made = service()
    for wrong in (
        WITH_SOURCE,
        recording(target(storage_strategy="External")),
        encrypted(asymmetric(additional_info="x")),
    ):
        with pytest.raises(BadConfiguration):
            made.create_recording(wrong)


def test_26_06_keeps_them():
    made = newer(segment_export=True)
    assert made.get_recording_configuration(made.create_recording(WITH_SOURCE)) == WITH_SOURCE
    for strategy in StorageStrategy:
        sent = recording(target(storage_strategy=strategy, prefix=str(strategy)))
        assert made.get_recording_configuration(made.create_recording(sent)) == sent
    with pytest.raises(BadConfiguration):
        made.create_recording(replace(WITH_SOURCE, source=RecordingSourceInformation(video_source_token="v" * 65)))


def test_strategies_need_segment_export_and_onboard_storage():
    made = newer()
    made.create_recording(recording(target(storage_strategy="External")))
    for strategy in ("Local", "Both", "local"):
        with pytest.raises(UnsupportedStorageStrategy) as caught:
            made.create_recording(recording(target(storage_strategy=strategy, prefix="other")))
        assert (caught.value.code, caught.value.subcodes) == (
            "Receiver",
            ("Action", "UnsupportedStorageStrategy"),
        )
    external = newer(segment_export=True, onboard_storage=False)
    external.create_recording(recording(target()))
    for wrong in (recording(), recording(target(storage_strategy="Both"))):
        with pytest.raises(NoLocalRecording) as caught:
            external.create_recording(wrong)
        assert caught.value.subcodes == ("Action", "NoLocalRecording")
    with pytest.raises(BadConfiguration):
        service(capabilities=Capabilities(onboard_storage=False)).create_recording(recording())
