"""Runs sources, each in a thread of its own, and hands their samples to all outputs that want them."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from onvif_bmff.control.types.common import RECEIVER_TYPE, SourceReference
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.device.source_connection import SourceConnection
from onvif_bmff.device.sources import SampleSource, SourceProvider, SourceSettings, TracksKnown
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.device.worker import OutputWorker
from onvif_bmff.engine.arrivals import media_epoch
from onvif_bmff.errors import MediaError
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Track, TrackType
from onvif_bmff.runtime import SYSTEM, Runtime
from onvif_bmff.timing import UtcTime

__all__ = ["RunningSources", "SourceRunner"]

_log = logging.getLogger(__name__)

_FIRST_RETRY = 1.0
_MAX_RETRY = 30.0
_LEFT = 3
"""Threads of a source that were given up and do not end, with which no other one is begun."""


class SourceRunner:
    """One wanted source, opened anew whenever it ends, fails, or has been silent for too long.

    A source that has ``done`` when its samples end is over, and is not opened again.

    Args:
        reference: the source.
        receiver: its configuration, if it is a receiver.
        provider: opens it.
        clock: gives the instant of its media time 0.
        runtime: runs the thread, and waits before it is opened again.
        settings: how long it may be silent.
    """

    def __init__(
        self,
        reference: SourceReference,
        receiver: Receiver | None,
        provider: SourceProvider,
        clock: SteadyClock,
        runtime: Runtime = SYSTEM,
        settings: SourceSettings = SourceSettings(),  # noqa: B008
    ) -> None:
        self.receiver = receiver
        self.settings: object = None
        self._reference = reference
        self._provider = provider
        self._clock = clock
        self._runtime = runtime
        self._settings = settings
        self._lock = runtime.lock()
        self._outputs: tuple[OutputWorker, ...] = ()
        self._open: tuple[dict[int, Track], UtcTime] | None = None
        self._state: tuple[bool, str | None] = (False, None)
        self._connections: list[SourceConnection] = []

    def start(self) -> None:
        """Start the thread."""
        self._start(self._connect(), 0.0)

    def stop(self) -> None:
        """Ask the thread to end; it delivers nothing any more."""
        with self._lock:
            for one in self._connections:
                one.stop.set()
            self._outputs = ()

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; return False if it has not. Those that were given up are not waited for."""
        task = self._connections[-1].task if self._connections else None
        return task is None or task.join(timeout)

    def watch(self) -> None:
        """Give up a thread that waits for a source which is silent, or does not open or close, and begin another one.

        Not while several that were given up have not ended: a source that never returns is not opened for ever.
        """
        with self._lock:
            last = self._connections[-1] if self._connections else None
            if last is None or (last.stop.is_set() and not last.given_up):
                return
            fault = None if last.given_up else last.fault(self._runtime.monotonic())
            if fault is not None:
                last.given_up = True
                last.stop.set()
                self._report_closed(fault)
                last.ended()
            if not last.given_up:
                return
            self._connections = [one for one in self._connections if one is last or not one.has_ended]
            if len(self._connections) > _LEFT and not last.has_ended:
                if fault is not None:
                    _log.error(
                        "the source %s is not opened any more, until one of %d threads that hang in it ends",
                        self._reference.token,
                        len(self._connections),
                    )
                return
            following = self._connect()
            following.nominal, following.delay = last.nominal, min(last.delay * 2, _MAX_RETRY)
        self._start(following, last.delay)

    def _connect(self) -> SourceConnection:
        made = SourceConnection(self._runtime.flag(), _FIRST_RETRY, limit=self._settings.silence_limit.total_seconds())
        self._connections.append(made)
        return made

    def _start(self, connection: SourceConnection, delay: float) -> None:
        def run() -> None:
            if not (delay and connection.stop.wait(delay)):
                self._run(connection)

        try:
            connection.task = self._runtime.spawn(run, f"source {self._reference.token}")
        except RuntimeError as error:
            with self._lock:
                connection.given_up = True  # `watch` begins another one
                connection.stop.set()
                self._report_closed(f"The source failed: no thread can be started for it: {error}")

    def serve(self, outputs: tuple[OutputWorker, ...]) -> None:
        """Set the outputs that get the samples from now on."""
        with self._lock:
            if outputs == self._outputs:
                return
            for output in outputs:
                if output in self._outputs:
                    continue
                if self._open is not None:
                    tracks, epoch = self._open
                    output.opened(self._reference, tuple(tracks.values()), epoch)
                elif self._state[0]:
                    output.closed(self._reference, self._state[1])
            for output in self._outputs:
                if output not in outputs:
                    output.closed(self._reference, None)
            self._outputs = outputs

    def clock_set(self, by: timedelta, times_set: int) -> None:
        """Shift the media time for the nth setting of the clock, unless the source was opened since then."""
        with self._lock:
            if self._open is None or self._connections[-1].times_set >= times_set:
                return
            connection = self._connections[-1]
            connection.times_set = times_set
            if connection.clock is not None and connection.clock.has_camera_time:
                return  # that clock was not set
            self._open = (self._open[0], self._open[1] + by)
            for output in self._outputs:
                output.clock_set(self._reference, self._open[1])

    @property
    def clock_state(self) -> tuple[timedelta | None, float | None]:
        """How far the source's clock is ahead, and the part by which it runs fast by arrivals; None for unknown."""
        last = self._connections[-1] if self._connections else None
        clock = None if last is None else last.clock
        return (None, None) if last is None or clock is None else (last.ahead, clock.drift)

    def _run(self, connection: SourceConnection) -> None:
        stop, now = connection.stop, self._runtime.monotonic
        while not stop.is_set():
            error: str | None = None
            done = False
            connection.opening = started = now()
            try:
                source = self._provider.open(self._reference, self.receiver, stop)
                if source is None:
                    return  # it is not configured; another runner begins when it is
                try:
                    self._play(source, connection)
                    done = getattr(source, "done", False)
                finally:
                    connection.closing = None if done else now()
                    self._leave(connection, None)
                    source.close()
            except Exception as failure:  # noqa: BLE001
                # Third-party sources may raise anything, and must not stop others.
                error = f"The source failed: {failure}"
            connection.closing = None
            if not self._leave(connection, error) or done:
                return
            if now() - started > _MAX_RETRY:
                connection.delay = _FIRST_RETRY
            stop.wait(connection.delay)
            connection.delay = min(connection.delay * 2, _MAX_RETRY)

    def _play(self, source: SampleSource, connection: SourceConnection) -> None:
        now, stopped = self._runtime.monotonic, connection.stop.is_set
        given, reference, elapsed = source.tracks, self._reference, self._clock.elapsed
        tracks, opening = self._announce(source, given, connection) if given else ({}, set())
        if connection.given_up:
            return
        watch, clock = connection.watch, connection.clock
        for item in source.samples():
            if stopped():
                return
            if isinstance(item, TracksKnown):
                tracks, opening = self._announce(source, item.tracks, connection)
                watch, clock = connection.watch, connection.clock
                continue
            if watch is None or clock is None:
                raise MediaError("it gave media before its tracks were known")
            if isinstance(item, CodecChange):
                self._change(item)
                continue
            if isinstance(item, ClockReading):
                present = self._clock()
                connection.ahead = item.utc - present
                self._read_clock(connection, clock.read(item, present))
                continue
            if item.track_id not in tracks:
                raise MediaError(f"it gave a sample of track {item.track_id}, which it does not have")
            watch.saw(item, now())
            reading = clock.arrived(item, elapsed())
            if reading is not None:
                self._read_clock(connection, reading)
            opens_gop = item.sync and item.track_id in opening
            for output in self._outputs:
                output.push(reference, item, opens_gop=opens_gop)

    def _announce(
        self, source: SampleSource, given: Sequence[Track], connection: SourceConnection
    ) -> tuple[dict[int, Track], set[int]]:
        """Tell outputs the tracks of a source; return them, and those whose sync samples open a GOP."""
        tracks = {track.track_id: track for track in given}
        video = {number for number, track in tracks.items() if track.type is TrackType.VIDEO}
        with self._lock:
            if connection.given_up:
                return {}, set()
            if self._open is None:
                epoch, connection.times_set = self._clock.read()
            else:
                epoch = self._open[1]
            self._open = (tracks, epoch)
            connection.opened(source, given, self._settings, self._runtime.monotonic(), self._clock)
            for output in self._outputs:
                output.opened(self._reference, tuple(tracks.values()), epoch)
        return tracks, video or set(tracks)

    def _leave(self, connection: SourceConnection, error: str | None) -> bool:
        """Report that a source is closed, unless its thread was given up: then return False."""
        with self._lock:
            if connection.given_up:
                return False
            connection.ended()
            self._report_closed(error)
            return True

    def _read_clock(self, connection: SourceConnection, reading: ClockReading | None) -> None:
        """Tell outputs what ties media time to UTC; not just before they learn that the device's clock was set."""
        with self._lock:
            if reading is None or self._open is None or connection.times_set != self._clock.read()[1]:
                return
            self._open = (self._open[0], media_epoch(reading))
            for output in self._outputs:
                output.read_clock(self._reference, reading)

    def _change(self, change: CodecChange) -> None:
        with self._lock:
            if self._open is not None:
                old = self._open[0].get(change.track_id)
                if old is None:
                    raise MediaError(f"it changed the codec of track {change.track_id}, which it does not have")
                track = Track(old.token, old.track_id, old.timescale, change.codec, old.language)
                self._open[0][change.track_id] = track
            for output in self._outputs:
                output.push(self._reference, change, opens_gop=False)

    def _report_closed(self, error: str | None) -> None:
        with self._lock:
            was_open, self._open = self._open is not None, None
            if was_open or error != self._state[1]:
                for output in self._outputs:
                    output.closed(self._reference, error)
            self._state = (True, error)


class RunningSources:
    """Starts and stops the runners of sources; used by the thread of the device.

    Args:
        provider: opens sources.
        clock: gives the instants of their media time 0.
        runtime: runs them.
        settings: of all of them.
    """

    def __init__(
        self,
        provider: SourceProvider,
        clock: SteadyClock,
        runtime: Runtime = SYSTEM,
        settings: SourceSettings = SourceSettings(),  # noqa: B008
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._provider = provider
        self._clock = clock
        self._runners: dict[SourceReference, SourceRunner] = {}

    def follow(
        self, wanted: Mapping[SourceReference, tuple[OutputWorker, ...]], receivers: Mapping[str, Receiver]
    ) -> None:
        """Run the wanted sources, each for its outputs, and no others."""
        for source in list(self._runners):
            runner = self._runners[source]
            changed = runner.receiver != _receiver(receivers, source) or runner.settings != self._settings_of(source)
            if source not in wanted or changed:
                runner.serve(())
                runner.stop()
                del self._runners[source]
        for source, workers in wanted.items():
            known = self._runners.get(source)
            if known is not None:
                known.serve(workers)
                continue
            receiver = _receiver(receivers, source)
            runner = SourceRunner(source, receiver, self._provider, self._clock, self._runtime, self._settings)
            runner.settings = self._settings_of(source)
            runner.serve(workers)
            runner.start()
            self._runners[source] = runner

    def _settings_of(self, source: SourceReference) -> object:
        """Return by what a provider opens a source, if it says so: where that changes, it is opened anew."""
        return getattr(self._provider, "settings_of", lambda source: None)(source)

    def clock_set(self, by: timedelta) -> None:
        """Shift the time of all media, for a clock that was set."""
        times_set = self._clock.read()[1]
        for runner in self._runners.values():
            runner.clock_set(by, times_set)

    def clock_state(self, source: SourceReference) -> tuple[timedelta | None, float | None]:
        """Return how far a source's clock is ahead, and its drift; see ``SourceRunner.clock_state``."""
        runner = self._runners.get(source)
        return (None, None) if runner is None else runner.clock_state

    def watch(self) -> None:
        """Open sources anew that say nothing any more; to be called about once a second."""
        for runner in self._runners.values():
            runner.watch()

    def stop(self) -> None:
        """Ask all sources to end."""
        for runner in self._runners.values():
            runner.stop()

    def join(self, deadline: float) -> None:
        """Wait for all of them until a reading of ``Runtime.monotonic``, and no longer."""
        for runner in self._runners.values():
            runner.join(max(deadline - self._runtime.monotonic(), 0.1))


def _receiver(receivers: Mapping[str, Receiver], source: SourceReference) -> Receiver | None:
    return receivers.get(source.token) if source.type == RECEIVER_TYPE else None
