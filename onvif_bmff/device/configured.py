"""A device as a configuration file describes it, which takes another file while it runs."""

import os
from dataclasses import fields
from datetime import timedelta

from onvif_bmff.audit import acting_for
from onvif_bmff.configuration.rehearsal import capabilities_of
from onvif_bmff.configuration.settings import DeviceConfiguration
from onvif_bmff.configuration.structures import owned_by
from onvif_bmff.control.faults import Fault
from onvif_bmff.device.cameras import ConfiguredCameras
from onvif_bmff.device.configured_stores import ConfiguredStores
from onvif_bmff.device.device import RecordingDevice
from onvif_bmff.device.exports import EXPORT_FORMATS
from onvif_bmff.device.mailbox import OverloadPolicy
from onvif_bmff.device.sources import SourceSettings
from onvif_bmff.device.steady_clock import ClockTrust
from onvif_bmff.device.stores import DeviceSpool
from onvif_bmff.errors import ConfigurationError
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.file_lock import FileLock
from onvif_bmff.storage.held import Room
from onvif_bmff.storage.spool import SpoolPolicy, UploadOrder, WhenFull
from onvif_bmff.storage.sqlite import SqlitePersistence

__all__ = ["ConfiguredDevice"]

_FIXED = ("data_directory", "local", "source", "spool", "limits", "ports", "clock")
"""What is read at the start alone."""


class ConfiguredDevice:
    """A `RecordingDevice` that belongs to a configuration file.

    All that it writes is in its data directory, but for storages that are directories elsewhere. What the file says of
    recordings and jobs goes before what is stored of them; what clients made stays (``Provisioning.settle``).

    Args:
        file: the configuration.
        folder: where relative paths of the file begin.
        runtime: as for ``RecordingDevice``.

    Raises:
        ConfigurationError: the device refuses a recording or a job of the file.
        PersistenceError: what is stored cannot be read.
        OSError: the data directory cannot be written.
        StoreError: likewise; or another device uses it, which is said at once.
    """

    def __init__(self, file: DeviceConfiguration, folder: str, runtime: Runtime = SYSTEM) -> None:
        self._file = file
        self.data_directory = os.path.abspath(os.path.join(folder, file.data_directory))
        os.makedirs(self.data_directory, mode=0o700, exist_ok=True)
        in_use = f"another device uses this data directory: {self.data_directory}"
        self._lock = FileLock(os.path.join(self.data_directory, "device.lock"), in_use)
        try:
            self._open(file, folder, runtime)
        except BaseException:
            self._lock.release()
            raise

    def _open(self, file: DeviceConfiguration, folder: str, runtime: Runtime) -> None:
        self._stores = ConfiguredStores(file, self.data_directory, runtime)
        self._local = DirectoryStore(os.path.join(self.data_directory, "local")) if file.local else None
        self._cameras = ConfiguredCameras(file, folder, runtime)
        self._certificates = {certificate.id: certificate.data for certificate in file.certificates}
        self.device = self._device(file, runtime)
        try:
            self._settle(file)
        except ConfigurationError:
            self.device.close()
            raise

    def _device(self, file: DeviceConfiguration, runtime: Runtime) -> RecordingDevice:
        limits, spool = file.limits, file.spool
        database = os.path.join(self.data_directory, "device.sqlite")
        policy = SpoolPolicy(
            most_bytes=spool.most_bytes,
            when_full=WhenFull(spool.when_full),
            order=UploadOrder(spool.order),
            bytes_a_second=spool.bytes_a_second,
            bytes_a_day=spool.bytes_a_day,
            bytes_a_month=spool.bytes_a_month,
        )
        return RecordingDevice(
            self._stores,
            sources=self._cameras,
            local=self._local,
            persistence=SqlitePersistence(database),
            certificates=self._certificates,
            has_profile=self._cameras.has_profile,
            capabilities=capabilities_of(file, EXPORT_FORMATS),
            labels=SegmentLabels(source=file.source or None),
            max_bytes=limits.queue_bytes,
            policy=OverloadPolicy(limits.overload),
            room=Room(limits.held_bytes),
            preroll_bytes=limits.preroll_bytes,
            clock_trust=ClockTrust(wait=file.clock.wait, patience=file.clock.patience),
            source_settings=SourceSettings(limits.silence),
            spool=DeviceSpool(os.path.join(self.data_directory, "spool"), policy, used=spool.used),
            runtime=runtime,
        )

    def _settle(self, file: DeviceConfiguration) -> None:
        recordings, jobs = owned_by(file)
        try:
            with acting_for("the configuration file"):
                self.device.service.provisioning.settle(recordings, jobs)
        except Fault as fault:
            raise ConfigurationError(f"the device refuses it: {fault.reason}") from None

    def start(self) -> None:
        """Start recording."""
        self.device.start()

    def close(self, timeout: timedelta) -> bool:
        """End, and close all spans; return whether all are closed in time.

        What is not still writes, so that the data directory is free only when the process ends.
        """
        closed = self.device.close(timeout.total_seconds())
        self._stores.close()
        if self._local is not None:
            self._local.close()
        if closed:
            self._lock.release()
        return closed

    def reload(self, file: DeviceConfiguration) -> list[str]:
        """Follow another configuration: what did not change goes on without a gap.

        Returns:
            What takes effect at the next start only, in words.

        Raises:
            ConfigurationError: the device refuses it; then nothing has changed.
            PersistenceError: it cannot be stored; likewise.
        """
        old, certificates = self._file, dict(self._certificates)
        self._follow(file)
        self._certificates.update({certificate.id: certificate.data for certificate in file.certificates})
        try:
            self._settle(file)
        except BaseException:
            self._follow(old)
            self._certificates.clear()
            self._certificates.update(certificates)
            raise
        self._file = file
        for gone in certificates.keys() - {certificate.id for certificate in file.certificates}:
            del self._certificates[gone]
        self.device.look_again()
        notes = [
            f"{field.name}: what is changed takes effect at the next start"
            for field in fields(file)
            if field.name in _FIXED and getattr(file, field.name) != getattr(old, field.name)
        ]
        return notes + [
            f"storage {token} is open: what is changed of it takes effect at the next start"
            for token in self._stores.outdated
        ]

    def _follow(self, file: DeviceConfiguration) -> None:
        self._stores.follow(file)
        self._cameras.follow(file)
