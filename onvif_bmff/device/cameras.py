"""The cameras of a configuration file as sources of a device; they may change while it runs."""

import os
from collections.abc import Mapping

from onvif_bmff.configuration.settings import CameraSettings, DeviceConfiguration, ReceiverSettings
from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.device.sources import FileSource, SampleSource
from onvif_bmff.errors import SourceError
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.runtime import SYSTEM, Flag, Runtime

__all__ = ["ConfiguredCameras"]


class ConfiguredCameras:
    """A ``SourceProvider`` of cameras, which are media profiles by their tokens, and of receivers as far as allowed.

    Args:
        file: the configuration.
        folder: where relative paths begin.
        runtime: gives tasks and time.
    """

    def __init__(self, file: DeviceConfiguration, folder: str, runtime: Runtime = SYSTEM) -> None:
        self._folder = folder
        self._runtime = runtime
        self._cameras: Mapping[str, CameraSettings] = {}
        self._receivers = file.receivers
        self.follow(file)

    def follow(self, file: DeviceConfiguration) -> None:
        """Have the cameras of another configuration."""
        self._cameras = {camera.token: camera for camera in file.cameras}
        self._receivers = file.receivers

    def has_profile(self, token: str) -> bool:
        """Return whether there is a camera of that token."""
        return token in self._cameras

    def settings_of(self, reference: SourceReference) -> CameraSettings | ReceiverSettings | None:
        """Return by what settings a source is opened: where they differ from before, it has to be opened anew."""
        return self._cameras.get(reference.token) if reference.type == PROFILE_TYPE else self._receivers

    def open(self, reference: SourceReference, receiver: Receiver | None, stop: Flag) -> SampleSource | None:
        """Open a camera or a receiver; see ``SourceProvider.open``."""
        if reference.type != PROFILE_TYPE:
            return self._open_receiver(reference, receiver, stop)
        camera = self._cameras.get(reference.token)
        if camera is None:
            raise SourceError("the configuration has no such camera any more")
        if camera.file is not None:
            return FileSource(os.path.join(self._folder, camera.file), stop=stop, runtime=self._runtime)
        return self._open_stream(camera, reference, stop)

    def _open_stream(self, camera: CameraSettings, reference: SourceReference, stop: Flag) -> SampleSource | None:
        from onvif_bmff.rtsp.options import StreamOptions, Transport
        from onvif_bmff.rtsp.provider import StreamSources

        options = StreamOptions(
            transport=Transport(camera.transport),
            user=camera.user,
            password="" if camera.password is None else camera.password.reveal(),
            ca_file=None if camera.ca_file is None else os.path.join(self._folder, camera.ca_file),
            verify=camera.verify,
            open_timeout=camera.timeout,
            read_timeout=camera.timeout,
            report_wait=camera.report_wait,
        )
        streams = StreamSources({camera.token: camera.url or ""}, options=options, runtime=self._runtime)
        source = streams.open(reference, None, stop)
        return None if source is None else _Clocked(source, ClockChoice(camera.clock))

    def _open_receiver(self, reference: SourceReference, receiver: Receiver | None, stop: Flag) -> SampleSource | None:
        if not self._receivers.allowed:
            raise SourceError("the configuration allows no streams of other addresses")
        from onvif_bmff.rtsp.addresses import AddressPolicy
        from onvif_bmff.rtsp.provider import StreamSources

        policy = AddressPolicy(loopback=self._receivers.loopback, link_local=self._receivers.link_local)
        return StreamSources(policy=policy, runtime=self._runtime).open(reference, receiver, stop)


class _Clocked:
    """A source whose media time goes by the clock that the configuration chooses."""

    def __init__(self, source: SampleSource, clock: ClockChoice) -> None:
        self.clock = clock
        self.tracks = source.tracks
        self.samples = source.samples
        self.close = source.close
