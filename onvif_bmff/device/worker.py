"""One thread for each output: samples from its mailbox through the engine's core into its store."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.device.mailbox import Mailbox, OverloadPolicy
from onvif_bmff.engine.output import RecordingOutput
from onvif_bmff.engine.targets import OutputPlan
from onvif_bmff.errors import InvariantError
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import FragmentWritten, RecordingEvent, SegmentOpened
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.runtime import SYSTEM, Runtime, Task
from onvif_bmff.storage.sink import RetryPolicy, Room, StoreFailure, StoreSink
from onvif_bmff.timing import UtcTime

_log = logging.getLogger(__name__)

__all__ = ["OutputProgress", "OutputWorker"]

OVERLOAD = "in a queue that was full, because the store was too slow"
"""Why ``OutputWorker.dropped`` counts what its mailbox dropped."""
_FIRST_RETRY = 0.5
_MAX_RETRY = 30.0
_POLICY = RetryPolicy(blocking=0.0)
"""Retry policy of outputs, which never wait for room: their mailboxes and sources go on."""


@dataclass(slots=True)
class _Retry:
    """When media that could not be recorded are tried again, and how long to wait the time after that."""

    at: float | None = None
    delay: float = _FIRST_RETRY
    troubled: bool = False


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


@dataclass(frozen=True, slots=True)
class _Read:
    source: SourceReference
    reading: ClockReading


@dataclass(frozen=True, slots=True)
class _Now:
    at: UtcTime


@dataclass(slots=True)
class OutputProgress:
    """What an output has recorded so far.

    Args:
        fragments: how many fragments were recorded.
        last_sample: begin of the newest of them.
        newest_object: key of the object that was stored last.
        recorded_bytes: size of the fragments, of headers and media.
    """

    fragments: int = 0
    last_sample: UtcTime | None = None
    newest_object: ObjectKey | None = None
    recorded_bytes: int = 0


class _Gap:
    """Marks dropped media."""


@dataclass(frozen=True, slots=True)
class _Close:
    """Marks the end; the store has ``patience`` seconds to take what it has not taken yet."""

    patience: float


_Media = tuple[SourceReference, Sample | CodecChange]
_Message = _Configure | _Opened | _Closed | _Epoch | _Read | _Now | _Gap | _Close | _Media


class OutputWorker:
    """Records one output in a thread of its own.

    ``sink`` holds what is not stored yet, and counts what is lost; ``progress`` is what was recorded.
    All methods return at once, whatever the store does. If it fails, recording goes on, its events are held (see
    ``StoreSink``), and the error is shown in the state of the tracks until all is stored. Where a segment is given up
    in the middle, all spans close and new ones open. If the store hangs, the mailbox fills and drops whole GOPs. If the
    media cannot be recorded, recording stops, and is retried after half a second, then twice as long each time up
    to 30 seconds.

    Args:
        output: the engine's core; used by the thread alone from ``start`` on.
        store: where objects go.
        began: told the key of each segment before anything of it is stored.
        since: the instant at which the worker was made.
        max_bytes: room for media that wait for the store.
        policy: what to drop when the room is full.
        room: limit of what is held while the store fails; shared by all outputs of a device.
        runtime: runs the thread, waits, and gives the times of retries.
    """

    def __init__(
        self,
        output: RecordingOutput,
        store: ObjectStore,
        *,
        began: Callable[[ObjectKey], object] = lambda key: None,
        since: UtcTime = UtcTime(0),  # noqa: B008
        max_bytes: int = 32 << 20,
        policy: OverloadPolicy = OverloadPolicy.OLDEST,
        room: Room | None = None,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._output = output
        self._began = began
        self.since = since
        self.sink = StoreSink(
            store,
            on_stored=self._stored,
            on_failure=self._lost,
            policy=_POLICY,
            room=room,
            clock=runtime.monotonic,
            sleep=runtime.sleep,
            random=runtime.random,
        )
        self.mailbox: Mailbox[_Message] = Mailbox(_Gap(), max_bytes=max_bytes, policy=policy, runtime=runtime)
        self._runtime = runtime
        self._retry = _Retry()
        self._loss: str | None = None
        self._cut = False
        self.progress = OutputProgress()
        self._task: Task | None = None

    def start(self, name: str = "output") -> None:
        """Start the thread, under a name."""
        if self._task is not None:
            raise InvariantError(f"{name} was started twice")
        self._task = self._runtime.spawn(self._run, name)

    def configure(self, plan: OutputPlan) -> None:
        """Follow another plan, after all that was sent before."""
        self.mailbox.put(_Configure(plan))

    def opened(self, source: SourceReference, tracks: Sequence[Track], epoch: UtcTime) -> None:
        """Announce an opened source; see ``RecordingOutput.source_opened``."""
        self.mailbox.put(_Opened(source, tuple(tracks), epoch))

    def closed(self, source: SourceReference, error: str | None) -> None:
        """Announce that a source ended or failed; see ``RecordingOutput.source_closed``."""
        self.mailbox.put(_Closed(source, error))

    def clock_set(self, source: SourceReference, epoch: UtcTime) -> None:
        """Announce another instant of a source's media time 0; see ``RecordingOutput.set_epoch``."""
        self.mailbox.put(_Epoch(source, epoch))

    def read_clock(self, source: SourceReference, reading: ClockReading) -> None:
        """Announce a reading of a source's clock; see ``RecordingOutput.read_clock``."""
        self.mailbox.put(_Read(source, reading))

    def advance(self, now: UtcTime) -> None:
        """Tell the present instant; see ``RecordingOutput.advance``. Not while media wait, which come first."""
        if not len(self.mailbox):
            self.mailbox.put(_Now(now))

    def push(self, source: SourceReference, item: Sample | CodecChange, *, opens_gop: bool) -> None:
        """Add a sample of a source, or a codec configuration that applies from here on."""
        if isinstance(item, Sample):
            self.mailbox.put_media((source, item), len(item.data), opens_gop=opens_gop)
        else:
            self.mailbox.put((source, item))

    @property
    def dropped(self) -> Counter[str]:
        """Samples that came and are lost, by reason: in the queue, in the recorder, and on the way into the store."""
        queued = Counter({OVERLOAD: self.mailbox.dropped} if self.mailbox.dropped else {})
        return queued + self._output.dropped + self.sink.dropped

    @property
    def fragments(self) -> int:
        """How many fragments were recorded."""
        return self.progress.fragments

    @property
    def backlog(self) -> tuple[int, int, UtcTime | None]:
        """Complete segments that wait for the store, the bytes of all that waits, and the begin of the first segment.

        From any thread.
        """
        waiting = self.sink.waiting
        first = min((segment.key.time for segment in waiting), default=None)
        return len(waiting), self.mailbox.size + sum(segment.size for segment in waiting), first

    def close(self, *, patience: float = 0.0) -> None:
        """Stop recording after all that was sent before, and end the thread.

        A store that fails then is tried as before for ``patience`` seconds, or until this is called again; then for as
        long as its policy says (``RetryPolicy.closing``).
        """
        self.mailbox.put(_Close(patience))

    def join(self, timeout: float | None) -> bool:
        """Wait for the thread to end; return False if it has not, because its store hangs."""
        return self._task is None or self._task.join(timeout)

    # ---- in the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            message = self.mailbox.take(self._longest_wait())
            if self._retry.at is not None and self._runtime.monotonic() >= self._retry.at:
                self._resume()
            if message is not None:
                self._handle(message)
            elif self.sink.retry_in is not None:
                self._deliver(())
            if isinstance(message, _Close):
                self._wait_for_store(self._runtime.monotonic() + message.patience)
                self.sink.close()
                return

    def _wait_for_store(self, until: float) -> None:
        """Go on trying the store until it has all, until a time, or until the end is asked for once more."""
        waiting = self.sink.waiting
        if waiting and until > self._runtime.monotonic():
            _log.warning(
                "%s and %d more wait for a store that fails; recording there is over", waiting[0].key, len(waiting) - 1
            )
        while (wait := self.sink.retry_in) is not None and (left := until - self._runtime.monotonic()) > 0:
            if isinstance(self.mailbox.take(min(wait, left)), _Close):
                return
            self.sink.retry()

    def _longest_wait(self) -> float | None:
        """Return the seconds until the next retry."""
        waits = [] if self._retry.at is None else [max(self._retry.at - self._runtime.monotonic(), 0.0)]
        return min([*waits, *(wait for wait in (self.sink.retry_in,) if wait is not None)], default=None)

    def _handle(self, message: _Message) -> None:
        try:
            events = self._events(message)
        except Exception as error:  # noqa: BLE001 - faulty media may raise anything, and must not end the thread
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
        if isinstance(message, _Read):
            return output.read_clock(message.source, message.reading)
        if isinstance(message, _Now):
            return output.advance(message.at)
        return output.skip() if isinstance(message, _Gap) else output.close()

    def _deliver(self, events: Sequence[RecordingEvent]) -> None:
        for event in events:
            if isinstance(event, SegmentOpened):
                self._began(event.key)
        self.sink.add_all(events) if events else self.sink.retry()
        if self._cut:
            self._cut = False
            try:
                more = self._output.skip()
            except Exception as error:  # noqa: BLE001 - as above: no fault may end the thread
                self._give_up(str(error) or type(error).__name__)
                return
            self.sink.add_all(more)
        written = [event for event in events if isinstance(event, FragmentWritten)]
        if written:
            self.progress.fragments += len(written)
            self.progress.recorded_bytes += sum(_size(event) for event in written)
            self.progress.last_sample = max(event.start_time for event in written)
        if self._retry.troubled and written:
            self._retry.troubled = False
            self._retry.delay = _FIRST_RETRY
            self._output.set_trouble(None)
        if not self._retry.troubled:
            self._show_storage()

    def _stored(self, key: ObjectKey, size: int) -> None:
        self._loss = None
        self.progress.newest_object = key

    def _lost(self, failure: StoreFailure) -> None:
        self._loss = _text(failure.error)
        self._cut = self._cut or failure.open

    def _show_storage(self) -> None:
        """Show in the tracks' states whether the store accepts what is recorded."""
        trouble = self.sink.trouble
        self._output.set_trouble(self._loss if trouble is None else _text(trouble))

    def _give_up(self, error: str) -> None:
        """Pause because of faulty media; complete what can be completed."""
        try:
            events = self._output.pause(error)
        except Exception as fault:  # noqa: BLE001 - as above: no fault may end the thread
            _log.error("what was recorded before an error cannot be completed: %r", fault)
            events = ()
        self.sink.add_all(events)
        self._retry.troubled = True
        self._retry.at = self._runtime.monotonic() + self._retry.delay
        self._retry.delay = min(self._retry.delay * 2, _MAX_RETRY)

    def _resume(self) -> None:
        self._retry.at = None
        try:
            events = self._output.resume()
        except Exception as error:  # noqa: BLE001 - as above: no fault may end the thread
            self._give_up(str(error) or type(error).__name__)
            return
        self._deliver(events)


def _size(event: FragmentWritten) -> int:
    return sum(memoryview(buffer).nbytes for buffer in event.buffers)


def _text(error: Exception) -> str:
    return f"The storage failed: {error}" if str(error) else f"The storage failed: {type(error).__name__}"
