"""The recording service for programs with an event loop of asyncio.

::

    async with AsyncRecordingService(device.service) as service:
        recording = await service.create_recording(configuration)
        async with service.events() as events:
            async for event in events:
                ...

Operations wait for a lock, and for a disk, so they run in threads, which end with the front. Events come without a
thread: the service wakes the loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from onvif_bmff.control.notifications import Notification
from onvif_bmff.control.service import RecordingService
from onvif_bmff.control.subscription import Subscription
from onvif_bmff.errors import StateError

__all__ = ["AsyncRecordingService", "EventStream"]

P = ParamSpec("P")
T = TypeVar("T")

_MAX_THREADS = 4
"""Operations exclude each other; but a listing of segments may wait long for a store, and hold up none of them."""


class EventStream:
    """The events of a subscription, for ``async for``; it ends when it is closed, or the service.

    Waiting for an event may be cancelled at any time: none is lost. One task at a time waits. No thread is needed.

    ``lost`` counts events that were not fetched in time (``ServiceLimits.notifications``).

    Args:
        subscription: gives the events; it is closed with the stream.
    """

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        subscription.listeners.add(self._wake)

    def _wake(self) -> None:
        """Wake the loop, from whatever thread; a loop that is closed wants nothing any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken.set)

    @property
    def lost(self) -> int:
        """How many events were dropped because they were not fetched in time."""
        return self._subscription.lost

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notification:
        while True:
            self._woken.clear()  # before looking: what comes afterwards sets it again
            if found := self._subscription.take(1):
                return found[0]
            if self._subscription.closed:
                raise StopAsyncIteration
            await self._woken.wait()

    def close(self) -> None:
        """End the stream; events that came before are still given."""
        self._subscription.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _awaited(
    operation: Callable[Concatenate[RecordingService, P], T],
) -> Callable[Concatenate["AsyncRecordingService", P], Awaitable[T]]:
    """Return the same operation, to be awaited."""

    async def call(front: "AsyncRecordingService", /, *arguments: P.args, **named: P.kwargs) -> T:
        return await front.run(operation, front.service, *arguments, **named)

    call.__name__, call.__qualname__ = operation.__name__, f"AsyncRecordingService.{operation.__name__}"
    call.__doc__ = operation.__doc__
    return call


class AsyncRecordingService:
    """A front of a ``RecordingService`` whose operations are awaited; ``service`` is the service itself.

    Each method does what that of the same name does, and raises the same. If the task that awaits it is cancelled, an
    operation that has not begun is not carried out; one that has is carried out to its end, as it must be, and what it
    did is in the events. A service may have any number of fronts, and be used directly too.

    Use it with ``async with``, or call ``aclose``: then no thread is left behind.

    Args:
        service: the service; it is not closed with the front.
    """

    def __init__(self, service: RecordingService) -> None:
        self.service = service
        self._threads = ThreadPoolExecutor(_MAX_THREADS, "recording service")
        self._running: set[Future[Any]] = set()
        self._streams: list[EventStream] = []
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def run(self, call: Callable[P, T], /, *arguments: P.args, **named: P.kwargs) -> T:
        """Run any function that may wait in a thread of the front, such as ``device.close`` or ``device_side.event``.

        Raises:
            StateError: the front is closed.
        """
        if self._closed:
            raise StateError("the front of the service is closed")
        future = self._threads.submit(partial(call, *arguments, **named))
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return await asyncio.wrap_future(future)

    def events(self) -> EventStream:
        """Return all events from now on (5.26), for ``async for``; to be closed, or used with ``async with``.

        Raises:
            RuntimeError: no event loop runs.
        """
        stream = EventStream(self.service.subscribe())
        self._streams = [one for one in self._streams if not one._subscription.closed]  # noqa: SLF001
        self._streams.append(stream)
        return stream

    async def aclose(self) -> None:
        """Close all streams of events, wait for the operations that run, and end the threads."""
        self._closed = True
        for stream in self._streams:
            stream.close()
        try:
            waiting = [asyncio.wrap_future(future) for future in list(self._running)]
            await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    create_recording = _awaited(RecordingService.create_recording)
    delete_recording = _awaited(RecordingService.delete_recording)
    get_recordings = _awaited(RecordingService.get_recordings)
    set_recording_configuration = _awaited(RecordingService.set_recording_configuration)
    get_recording_configuration = _awaited(RecordingService.get_recording_configuration)
    get_recording_options = _awaited(RecordingService.get_recording_options)
    override_segment_duration = _awaited(RecordingService.override_segment_duration)
    create_track = _awaited(RecordingService.create_track)
    delete_track = _awaited(RecordingService.delete_track)
    get_track_configuration = _awaited(RecordingService.get_track_configuration)
    set_track_configuration = _awaited(RecordingService.set_track_configuration)
    create_recording_job = _awaited(RecordingService.create_recording_job)
    delete_recording_job = _awaited(RecordingService.delete_recording_job)
    get_recording_jobs = _awaited(RecordingService.get_recording_jobs)
    set_recording_job_configuration = _awaited(RecordingService.set_recording_job_configuration)
    get_recording_job_configuration = _awaited(RecordingService.get_recording_job_configuration)
    set_recording_job_mode = _awaited(RecordingService.set_recording_job_mode)
    get_recording_job_state = _awaited(RecordingService.get_recording_job_state)
    export_recorded_data = _awaited(RecordingService.export_recorded_data)
    stop_export_recorded_data = _awaited(RecordingService.stop_export_recorded_data)
    get_export_recorded_data_state = _awaited(RecordingService.get_export_recorded_data_state)
    get_service_capabilities = _awaited(RecordingService.get_service_capabilities)
    list_recorded_segments = _awaited(RecordingService.list_recorded_segments)
    export_recorded_segments = _awaited(RecordingService.export_recorded_segments)
    stop_export_recorded_segments = _awaited(RecordingService.stop_export_recorded_segments)
    current_properties = _awaited(RecordingService.current_properties)
