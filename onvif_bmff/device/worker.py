"""One thread for each output: samples from its mailbox through the engine's core into its store."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread

from onvif_bmff.control.engine import RecordingOutput
from onvif_bmff.control.engine_targets import OutputPlan
from onvif_bmff.control.job_configuration import SourceReference
from onvif_bmff.device.delivery import Delivery
from onvif_bmff.device.mailbox import Mailbox, OverloadPolicy
from onvif_bmff.media.sample_tables import CodecChange
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import RecordingEvent
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.timing import UtcTime

__all__ = ["OutputWorker"]

_FIRST_RETRY = 0.5
_LONGEST_RETRY = 30.0


@dataclass(frozen=True, slots=True)
class _Configure:
    plan: OutputPlan


@dataclass(frozen=True, slots=True)
class _Opened:
    source: SourceReference
    tracks: tuple[Track, ...]
    epoch: UtcTime


@dataclass(frozen=True, slots=True)
class _Closed:
    source: SourceReference
    error: str | None


@dataclass(frozen=True, slots=True)
class _Epoch:
    source: SourceReference
    epoch: UtcTime


class _Gap:
    """Media were dropped here."""


class _Close:
    """The end."""


_Media = tuple[SourceReference, Sample | CodecChange]
_Message = _Configure | _Opened | _Closed | _Epoch | _Gap | _Close | _Media


class OutputWorker:
    """Records one output in a thread of its own.

    All methods return at once, whatever the store does. If it fails, recording stops, the error is shown in the state
    of the tracks, and it is tried again after half a second, then twice as long each time up to 30 seconds. If it
    hangs, the mailbox fills and drops whole GOPs.

    Args:
        output: the engine's core; used by the thread alone from `start` on.
        store: where objects go.
        name: of the thread.
        since: when the worker was made.
        max_bytes: room for media that wait for the store.
        policy: what to drop when that is full.
        clock: seconds that only grow, for the retries.
    """

    def __init__(
        self,
        output: RecordingOutput,
        store: ObjectStore,
        *,
        name: str = "output",
        since: UtcTime = UtcTime(0),  # noqa: B008
        max_bytes: int = 32 << 20,
        policy: OverloadPolicy = OverloadPolicy.OLDEST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self.since = since
        self.delivery = Delivery(store)
        self.mailbox: Mailbox[_Message] = Mailbox(_Gap(), max_bytes=max_bytes, policy=policy)
        self._clock = clock
        self._retry_at: float | None = None
        self._delay = _FIRST_RETRY
        self._troubled = False
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def configure(self, plan: OutputPlan) -> None:
        """Follow another plan, after what has been sent before."""
        self.mailbox.put(_Configure(plan))

    def opened(self, source: SourceReference, tracks: Sequence[Track], epoch: UtcTime) -> None:
        """A source was opened; see `RecordingOutput.source_opened`."""
        self.mailbox.put(_Opened(source, tuple(tracks), epoch))

    def closed(self, source: SourceReference, error: str | None) -> None:
        """A source has ended or failed; see `RecordingOutput.source_closed`."""
        self.mailbox.put(_Closed(source, error))

    def clock_set(self, source: SourceReference, epoch: UtcTime) -> None:
        """A source's media time 0 happened at another instant; see `RecordingOutput.set_epoch`."""
        self.mailbox.put(_Epoch(source, epoch))

    def push(self, source: SourceReference, item: Sample | CodecChange, *, opens_gop: bool) -> None:
        """A source has a sample, or another codec configuration from here on."""
        if isinstance(item, Sample):
            self.mailbox.put_media((source, item), len(item.data), opens_gop=opens_gop)
        else:
            self.mailbox.put((source, item))

    def close(self) -> None:
        """Stop recording after what has been sent before, and end the thread."""
        self.mailbox.put(_Close())

    def join(self, timeout: float | None) -> bool:
        """Wait for the thread to end; False if it has not, because its store hangs."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ---- in the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            wait = None if self._retry_at is None else max(self._retry_at - self._clock(), 0.0)
            message = self.mailbox.take(wait)
            if self._retry_at is not None and self._clock() >= self._retry_at:
                self._retry()
            if message is not None:
                self._handle(message)
            if isinstance(message, _Close):
                self.delivery.settle()
                return

    def _handle(self, message: _Message) -> None:
        try:
            events = self._events(message)
        except Exception as error:  # media may be anybody's, and must not end the thread
            self._give_up(str(error) or type(error).__name__)
            return
        if events:
            self._deliver(events)

    def _events(self, message: _Message) -> Sequence[RecordingEvent]:
        output = self._output
        if isinstance(message, tuple):
            source, item = message
            if isinstance(item, Sample):
                return output.push(source, item)
            return output.change_codec(source, item.track_id, item.codec)
        if isinstance(message, _Configure):
            return output.configure(message.plan)
        if isinstance(message, _Opened):
            return output.source_opened(message.source, message.tracks, message.epoch)
        if isinstance(message, _Closed):
            return output.source_closed(message.source, message.error)
        if isinstance(message, _Epoch):
            output.set_epoch(message.source, message.epoch)
            return ()
        return output.skip() if isinstance(message, _Gap) else output.close()

    def _deliver(self, events: Sequence[RecordingEvent]) -> None:
        delivery = self.delivery
        before = delivery.fragments
        delivery.add_all(events)
        if delivery.error is not None:
            self._give_up(delivery.error)
        elif self._troubled and delivery.fragments > before:
            self._troubled = False
            self._delay = _FIRST_RETRY
            self._output.set_trouble(None)

    def _give_up(self, error: str) -> None:
        """Stop for now; what can still be completed is."""
        try:
            events = self._output.pause(error)
        except Exception:
            events = ()
        self.delivery.add_all(events)
        self.delivery.give_up()
        self._troubled = True
        self._retry_at = self._clock() + self._delay
        self._delay = min(self._delay * 2, _LONGEST_RETRY)

    def _retry(self) -> None:
        self._retry_at = None
        if not self.delivery.settle():
            self._give_up(self.delivery.error or "The storage failed.")
            return
        try:
            events = self._output.resume()
        except Exception as error:
            self._give_up(str(error) or type(error).__name__)
            return
        self._deliver(events)
