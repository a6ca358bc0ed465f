"""The life of a device on the command line: start, reloads, end."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, current_thread, main_thread
from types import FrameType

from onvif_bmff.cli.device_files import DeviceFile
from onvif_bmff.cli.service_manager import ServiceManager
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.terminal import complain
from onvif_bmff.cli.verbosity import ShownLog
from onvif_bmff.configuration import DeviceConfiguration
from onvif_bmff.device.configured import ConfiguredDevice
from onvif_bmff.device.health_server import HealthServer
from onvif_bmff.errors import ConfigurationError, OnvifBmffError
from onvif_bmff.runtime import SYSTEM

__all__ = ["DeviceRun"]

_log = logging.getLogger(__name__)

_LOOK = 0.2
"""Seconds between looks at the signals."""
_GRACE = 1.0
"""Seconds beyond the timeout after which the process ends, whatever hangs."""


class DeviceRun:
    """Runs a device until SIGTERM or SIGINT, and reads its file anew at SIGHUP.

    Args:
        file: the configuration file.
        configuration: what it says now.
        signals: the signals of the process.
        log: what is shown of the log.
        stop_timeout: how long the end may take.
        listen: where /healthz and /metrics are; None for what the file says.
    """

    def __init__(
        self,
        file: DeviceFile,
        configuration: DeviceConfiguration,
        signals: SignalGuard,
        log: ShownLog,
        stop_timeout: timedelta,
        listen: tuple[str, int] | None = None,
    ) -> None:
        self._file = file
        self._configuration = configuration
        self._signals = signals
        self._shown = log
        self._stop_timeout = stop_timeout
        self._listen = listen or configuration.ports.listen
        self._reload = Event()
        self._manager = ServiceManager.from_environment(os.environ, time.monotonic)

    def run(self) -> int:
        """Run; return the exit status: that of the signal, or 1 if not all spans could be closed in time.

        Raises:
            ConfigurationError: the device refuses the file, or nothing can be served where it is to listen.
        """
        self._shown.follow(self._configuration.logging.level)
        with self._signals.shield(final=True), self._hang_up():
            device = ConfiguredDevice(self._configuration, self._file.folder)
            server = None if self._listen is None else _serve(device, *self._listen)
            device.start()
            self._manager.ready(self._status())
            _log.info("the device records: %s", self._status())
            while self._signals.number is None:
                if self._reload.wait(_LOOK):
                    self._reload.clear()
                    self._load_again(device)
                if self._manager.is_watchdog_due:
                    device.device.service.next_deadline()  # answers only if no operation hangs
                    self._manager.alive()
            self._manager.stopping()
            if server is not None:
                server.close()
            closed = _close(device, self._stop_timeout)
        if not closed:
            complain(f"not all spans were closed within {self._stop_timeout.total_seconds():g} s")
            return Status.FINDINGS
        return self._signals.status

    def _status(self) -> str:
        file = self._configuration
        return f"{len(file.recordings)} recordings, {len(file.jobs)} jobs, {len(file.cameras)} cameras in the file"

    def _load_again(self, device: ConfiguredDevice) -> None:
        self._manager.reloading()
        loaded = self._file.load()
        if loaded.warning is not None:
            complain(loaded.warning)
        for fault in loaded.faults:
            complain(fault)
        if loaded.configuration is None:
            complain("the file has faults: the device goes on as before")
        else:
            try:
                for note in device.reload(loaded.configuration):
                    complain(note)
                self._configuration = loaded.configuration
                self._shown.follow(loaded.configuration.logging.level)
                _log.info("the configuration was read anew: %s", self._status())
            except OnvifBmffError as error:
                complain(f"{error}: the device goes on as before")
        self._manager.ready(self._status())

    @contextmanager
    def _hang_up(self) -> Iterator[None]:
        """Have SIGHUP read the file anew, also under nohup."""
        if current_thread() is not main_thread():
            yield
            return

        def handle(number: int, frame: FrameType | None) -> None:
            self._reload.set()

        before = signal.signal(signal.SIGHUP, handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGHUP, before)


def _serve(device: ConfiguredDevice, host: str, port: int) -> HealthServer:
    try:
        return HealthServer(device.device.health, host, port)
    except OSError as error:
        device.close(timedelta(seconds=1))
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise ConfigurationError(
            f"ports.listen, or --listen: nothing can be served at {place}: {error.strerror or error}"
        ) from None


def _close(device: ConfiguredDevice, timeout: timedelta) -> bool:
    """Close a device; return whether all of it was closed in time. What hangs longer is left behind."""
    found: list[bool] = []
    task = SYSTEM.spawn(lambda: found.append(device.close(timeout)), "end of the device")
    task.join(timeout.total_seconds() + _GRACE)
    return bool(found) and found[0]
