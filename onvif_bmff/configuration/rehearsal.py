"""What the recording service itself would say: all recordings and jobs of a file, tried in one that keeps nothing.

So the rules of the service stand in the service alone.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from onvif_bmff.audit import rehearsed
from onvif_bmff.cenc.keys.certificates import certificate_fault
from onvif_bmff.configuration.lines import Path
from onvif_bmff.configuration.settings import DeviceConfiguration
from onvif_bmff.configuration.store_options import is_cloud
from onvif_bmff.configuration.structures import owned_by
from onvif_bmff.configuration.surroundings import Surroundings
from onvif_bmff.control.content_keys import canonical_kid
from onvif_bmff.control.faults import Fault
from onvif_bmff.control.operations.owned import OwnedRecording
from onvif_bmff.control.service import RecordingService
from onvif_bmff.control.types.capabilities import Capabilities
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration
from onvif_bmff.errors import OnvifBmffError, ProtectionError
from onvif_bmff.timing import UtcTime

__all__ = ["capabilities_of", "package_faults", "service_faults"]

_KEY = re.compile(r"[0-9A-Fa-f]{32}")


def capabilities_of(file: DeviceConfiguration, export_formats: tuple[str, ...] = ()) -> Capabilities:
    """Return what the device can do, within the limits of its file."""
    limits = file.limits
    return Capabilities(
        max_recordings=limits.recordings,
        max_recording_jobs=limits.jobs,
        before_event_limit=limits.before,
        after_event_limit=limits.after,
        onboard_storage=file.local,
        supported_export_file_formats=export_formats,
    )


def package_faults(file: DeviceConfiguration, surroundings: Surroundings) -> Iterator[tuple[Path, str]]:
    """Yield path and text of what needs a package that is not installed."""
    if not surroundings.has_package("av"):
        for number, camera in enumerate(file.cameras):
            if camera.url is not None:
                yield ("cameras", number, "url"), "streams need PyAV: pip install 'onvif-bmff[rtsp]'"
    if not surroundings.has_package("obstore"):
        for number, storage in enumerate(file.storages):
            if is_cloud(storage.url):
                yield ("storages", number, "url"), "stores in the cloud need obstore: pip install 'onvif-bmff[cloud]'"


def service_faults(file: DeviceConfiguration) -> Iterator[tuple[Path, str]]:
    """Yield path and text of each fault."""
    faults = list(_value_faults(file))
    if faults:
        yield from faults
        return
    service = RecordingService(
        clock=lambda: UtcTime(0), capabilities=capabilities_of(file), resources=_Resources(file), random=bytes
    )
    recordings, jobs = owned_by(file)
    with rehearsed():
        try:
            service.provisioning.settle(recordings, jobs)
        except OnvifBmffError:
            faults.extend(_one_by_one(service, recordings, jobs))
    yield from faults


def _one_by_one(
    service: RecordingService,
    recordings: Mapping[str, OwnedRecording],
    jobs: Mapping[str, RecordingJobConfiguration],
) -> Iterator[tuple[Path, str]]:
    """Find out which recordings and jobs are refused."""
    tried: dict[str, OwnedRecording] = {}
    accepted: dict[str, RecordingJobConfiguration] = {}
    for number, (token, recording) in enumerate(recordings.items()):
        try:
            service.provisioning.settle(tried | {token: recording}, {})
            tried[token] = recording
        except OnvifBmffError as error:
            yield ("recordings", number), _text(error)
    for number, (token, job) in enumerate(jobs.items()):
        try:
            if job.recording_token in tried:
                service.provisioning.settle(tried, accepted | {token: job})
                accepted[token] = job
        except OnvifBmffError as error:
            yield ("jobs", number), _text(error)


def _value_faults(file: DeviceConfiguration) -> Iterator[tuple[Path, str]]:
    for number, key in enumerate(file.keys):
        try:
            canonical_kid(key.kid)
        except ProtectionError as error:
            yield ("keys", number, "kid"), str(error)
        if not _KEY.fullmatch(key.key.reveal()):
            yield ("keys", number, "key"), "a key has 32 hexadecimal digits"
    for number, certificate in enumerate(file.certificates):
        fault = certificate_fault(certificate.data)
        if fault is not None:
            yield ("certificates", number, "file"), fault


def _text(error: Exception) -> str:
    return error.reason if isinstance(error, Fault) else str(error)


class _Resources:
    """What a file names, for the service."""

    def __init__(self, file: DeviceConfiguration) -> None:
        self._urls = {storage.token: storage.url for storage in file.storages}
        self._certificates = {certificate.id for certificate in file.certificates}
        self._cameras = {camera.token for camera in file.cameras}

    def storage_location(self, token: str | None) -> str:
        return "local:" if token is None else self._urls.get(token, "")

    def has_storage(self, token: str) -> bool:
        return token in self._urls

    def has_certificate(self, certificate_id: str) -> bool:
        return certificate_id in self._certificates

    def certificate_fault(self, certificate_id: str) -> str | None:
        return None

    def has_profile(self, token: str) -> bool:
        return token in self._cameras

    def compatible_profiles(self, recording_token: str) -> Sequence[str] | None:
        return None
