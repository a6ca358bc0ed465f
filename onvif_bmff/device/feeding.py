"""Runs sources, each in a thread of its own, and hands their samples to all outputs that want them."""

from collections.abc import Mapping
from datetime import timedelta

from onvif_bmff.control.types.common import RECEIVER_TYPE, SourceReference
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.device.sources import SampleSource, SourceProvider
from onvif_bmff.device.steady_clock import SteadyClock
from onvif_bmff.device.worker import OutputWorker
from onvif_bmff.errors import MediaError
from onvif_bmff.media.track import Track, TrackType
from onvif_bmff.runtime import SYSTEM, Runtime, Task
from onvif_bmff.timing import UtcTime

__all__ = ["RunningSources", "SourceRunner"]

_FIRST_RETRY = 1.0
_MAX_RETRY = 30.0


class SourceRunner:
    """One wanted source, reopened whenever it fails.

    Args:
        reference: the source.
        receiver: its configuration, if it is a receiver.
        provider: opens it.
        clock: gives the instant of its media time 0.
        runtime: runs the thread, and waits before it is opened again.
    """

    def __init__(
        self,
        reference: SourceReference,
        receiver: Receiver | None,
        provider: SourceProvider,
        clock: SteadyClock,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self.receiver = receiver
        self._reference = reference
        self._provider = provider
        self._clock = clock
        self._runtime = runtime
        self._lock = runtime.lock()
        self._outputs: tuple[OutputWorker, ...] = ()
        self._open: tuple[dict[int, Track], UtcTime] | None = None
        self._times_set = 0
        self._state: tuple[bool, str | None] = (False, None)
        self._stop = runtime.flag()
        self._task: Task | None = None

    def start(self) -> None:
        """Start the thread."""
        self._task = self._runtime.spawn(self._run, f"source {self._reference.token}")

    def stop(self) -> None:
        """Ask the thread to end; it delivers nothing any more."""
        self._stop.set()
        with self._lock:
            self._outputs = ()

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; return False if it has not."""
        return self._task is None or self._task.join(timeout)

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
            if self._open is None or self._times_set >= times_set:
                return
            self._times_set = times_set
            self._open = (self._open[0], self._open[1] + by)
            for output in self._outputs:
                output.clock_set(self._reference, self._open[1])

    def _run(self) -> None:
        delay = _FIRST_RETRY
        while not self._stop.is_set():
            error: str | None = None
            started = self._runtime.monotonic()
            try:
                source = self._provider.open(self._reference, self.receiver, self._stop)
                if source is None:
                    return  # it is not configured; another runner begins when it is
                try:
                    self._play(source)
                finally:
                    self._report_closed(None)
                    source.close()
                return
            except Exception as failure:  # noqa: BLE001
                # Third-party sources may raise anything, and must not stop others.
                error = f"The source failed: {failure}"
            self._report_closed(error)
            if self._runtime.monotonic() - started > _MAX_RETRY:
                delay = _FIRST_RETRY
            self._stop.wait(delay)
            delay = min(delay * 2, _MAX_RETRY)

    def _play(self, source: SampleSource) -> None:
        tracks = {track.track_id: track for track in source.tracks}
        video = {number for number, track in tracks.items() if track.type is TrackType.VIDEO}
        opening = video or set(tracks)
        with self._lock:
            epoch, self._times_set = self._clock.read()
            self._open = (tracks, epoch)
            for output in self._outputs:
                output.opened(self._reference, tuple(tracks.values()), epoch)
        reference, stopped = self._reference, self._stop.is_set
        for item in source.samples():
            if stopped():
                return
            if isinstance(item, CodecChange):
                self._change(item)
                continue
            if item.track_id not in tracks:
                raise MediaError(f"it gave a sample of track {item.track_id}, which it does not have")
            opens_gop = item.sync and item.track_id in opening
            for output in self._outputs:
                output.push(reference, item, opens_gop=opens_gop)

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
    """

    def __init__(self, provider: SourceProvider, clock: SteadyClock, runtime: Runtime = SYSTEM) -> None:
        self._runtime = runtime
        self._provider = provider
        self._clock = clock
        self._runners: dict[SourceReference, SourceRunner] = {}

    def follow(
        self, wanted: Mapping[SourceReference, tuple[OutputWorker, ...]], receivers: Mapping[str, Receiver]
    ) -> None:
        """Run the wanted sources, each for its outputs, and no others."""
        for source in list(self._runners):
            runner = self._runners[source]
            if source not in wanted or runner.receiver != _receiver(receivers, source):
                runner.serve(())
                runner.stop()
                del self._runners[source]
        for source, workers in wanted.items():
            known = self._runners.get(source)
            if known is not None:
                known.serve(workers)
                continue
            runner = SourceRunner(source, _receiver(receivers, source), self._provider, self._clock, self._runtime)
            runner.serve(workers)
            runner.start()
            self._runners[source] = runner

    def clock_set(self, by: timedelta) -> None:
        """Shift the time of all media, for a clock that was set."""
        times_set = self._clock.read()[1]
        for runner in self._runners.values():
            runner.clock_set(by, times_set)

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
