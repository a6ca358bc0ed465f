"""Waiting for events without polling: threads, file descriptors, listeners, asyncio."""

import asyncio
import contextlib
import gc
import logging
import os
import select
import threading
import time
import warnings
from threading import Barrier, Event, Thread

import pytest
from control_kit import job, profile, recording, service, topics

from onvif_bmff.control import (
    AsyncRecordingService,
    Fault,
    JobState,
    MemoryPersistence,
    NoRecording,
    ServiceLimits,
    TrackConfiguration,
)
from onvif_bmff.control.service import RecordingService
from onvif_bmff.errors import StateError

SOON = 10.0
"""Seconds within which a loaded machine does what it does at once."""


def later(call, seconds=0.1):
    thread = Thread(target=lambda: (time.sleep(seconds), call()), daemon=True)
    thread.start()
    return thread


def readable(subscription, seconds=0.0):
    return select.select([subscription], [], [], seconds)[0] == [subscription]


def descriptors():
    """What is open, by number and inode: what other tests left is closed at any time, and a number is given again."""
    gc.collect()
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.add((name, os.readlink(f"/proc/self/fd/{name}")))
    return {(name, target) for name, target in found if not target.endswith("/fd")}


# ---- wait ------------------------------------------------------------------------------------------------------


def test_a_thread_that_waits_is_woken_by_the_first_event():
    made = service()
    waiting = made.subscribe()
    began = time.monotonic()
    assert not waiting.wait(0.05)
    assert time.monotonic() - began >= 0.05
    thread = later(lambda: made.create_recording(recording()))
    assert waiting.wait(SOON)
    thread.join()
    assert waiting.wait(0), "what is there is not waited for"
    assert topics(waiting.take())[0] == "CreateRecording"
    assert not waiting.wait(0)


@pytest.mark.parametrize("close", [lambda made, held: held.close(), lambda made, held: made.close()])
def test_closing_wakes_all_that_wait(close):
    made = service()
    held = made.subscribe()
    found = []
    threads = [Thread(target=lambda: found.append(held.wait(SOON)), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    later(lambda: close(made, held)).join()
    for thread in threads:
        thread.join(SOON)
    assert found == [False] * 3
    assert time.monotonic() - began < SOON / 2
    assert not held.wait(SOON), "what is closed is not waited for"


def test_what_came_before_the_end_is_still_there():
    made = service()
    with made.subscribe() as held:
        made.create_recording(recording())
    assert held.closed
    assert held.wait(SOON)
    assert len(held.take(1)) == 1
    assert len(held.take(2)) == 2
    assert held.take(0) == ()
    assert len(held.take()) == 1
    made.create_recording(recording())
    assert held.take() == ()


# ---- file descriptors ------------------------------------------------------------------------------------------


def test_a_descriptor_can_be_read_from_while_there_are_events():
    made = service()
    held = made.subscribe()
    assert not readable(held)
    token = made.create_recording(recording())
    assert readable(held)
    made.delete_recording(token)
    assert readable(held), "several events are one signal"
    held.take(1)
    assert readable(held)
    held.take()
    assert not readable(held)
    later(lambda: made.create_recording(recording()))
    assert readable(held, SOON)
    held.take()
    held.close()
    assert readable(held), "the end is to be noticed"
    held.release()


def test_a_descriptor_that_is_asked_for_late_knows_what_is_there():
    made = service()
    held = made.subscribe()
    made.create_recording(recording())
    assert readable(held)
    first = held.fileno()
    assert held.fileno() == first
    held.release()
    assert readable(held)
    held.release()


def test_descriptors_are_closed_with_their_subscription():
    made = service()
    before = descriptors()
    held = [made.subscribe() for _ in range(10)]
    for one in held:
        one.fileno()
    assert len(descriptors() - before) == 20
    for one in held[:5]:
        one.close()
        one.release()
    assert len(descriptors() - before) == 10
    for one in held[5:]:
        one.close()
    del held, one
    assert descriptors() <= before


def test_many_events_never_block_whoever_causes_them():
    """A pipe holds 64 KiB; nobody reads from it."""
    made = service(limits=ServiceLimits(notifications=10))
    held = made.subscribe()
    held.fileno()
    done = Event()

    def cause():
        for number in range(100_000):
            held.put((number,))
        done.set()

    Thread(target=cause, daemon=True).start()
    assert done.wait(60)
    assert held.take() == tuple(range(99_990, 100_000))
    assert held.lost == 99_990
    assert not readable(held)


# ---- listeners -------------------------------------------------------------------------------------------------


def test_listeners_of_a_subscription_are_called_after_its_events_are_there():
    made = service()
    held = made.subscribe()
    seen = []
    held.listeners.add(lambda: seen.append((len(held.take()), held.closed)))
    made.create_recording(recording())
    made.get_recordings()
    held.close()
    assert seen == [(4, False), (0, True)]


def test_several_listeners_hear_of_changes_and_one_that_raises_harms_only_itself(caplog):
    made = service()
    heard = []

    def broken():
        heard.append("broken")
        raise KeyError("listener")

    made.on_change = lambda: heard.append("on_change")
    made.changes.add(broken)
    made.changes.add(one := lambda: heard.append("one"))
    made.changes.add(one)
    with caplog.at_level(logging.ERROR, "onvif_bmff"):
        token = made.create_recording(recording())
        assert heard == ["on_change", "broken", "one"]
        made.delete_recording(token)
    assert heard == ["on_change", "broken", "one"] * 2
    lines = [record.getMessage() for record in caplog.records if "listener" in record.getMessage()]
    assert len(lines) == 1, "a cause is logged once"
    assert "KeyError('listener')" in lines[0]
    assert "broken" in lines[0]
    made.changes.remove(one)
    made.changes.remove(one)
    made.on_change = None
    heard.clear()
    made.create_recording(recording())
    assert heard == ["broken"]


def test_what_cannot_be_called_is_no_listener():
    with pytest.raises(TypeError, match="callable, not a str"):
        service().changes.add("wake")


def test_a_listener_that_raises_does_not_undo_what_happened():
    made = service()
    made.on_change = lambda: 1 / 0
    token = made.create_recording(recording())
    assert made.get_recordings()[0].recording_token == token


# ---- asyncio ---------------------------------------------------------------------------------------------------


def run(main):
    """Run a coroutine function; no thread, no descriptor, and no warning may be left."""
    threads, files = set(threading.enumerate()), descriptors()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = asyncio.run(asyncio.wait_for(main(), 60))
        gc.collect()
    end = time.monotonic() + SOON
    while set(threading.enumerate()) - threads and time.monotonic() < end:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads
    assert descriptors() <= files
    return result


def test_operations_are_awaited_and_events_come_in_order():
    made = service()

    async def main():
        async with AsyncRecordingService(made) as front, front.events() as events:
            token = await front.create_recording(recording())
            held = await front.create_recording_job(job(token, profile("VIDEO001")))
            found = []
            async for event in events:
                found.append(event)
                if isinstance(event, JobState):
                    break
            with pytest.raises(NoRecording):
                await front.delete_recording("nobody")
            with pytest.raises(TypeError, match="must be text"):
                await front.delete_recording(None)
            state = await front.get_recording_job_state(held.job_token)
            return topics(found), str(state.state), await front.get_recordings()

    names, state, listed = run(main)
    assert names == ["CreateRecording", "CreateTrack", "CreateTrack", "CreateTrack", "JobState:Initialized"]
    assert state == "Active"
    assert len(listed) == 1


def test_the_front_has_every_operation():
    def functions(of):
        return {name for name, value in vars(of).items() if callable(value) and not name.startswith("_")}

    offered = functions(RecordingService)
    direct = {"subscribe", "take_notifications", "advance", "next_deadline", "snapshot", "close"}
    front = {
        name for name, value in vars(AsyncRecordingService).items() if callable(value) and not name.startswith("_")
    }
    assert front == (offered - direct) | {"run", "events", "aclose"}
    for name in offered - direct:
        assert getattr(AsyncRecordingService, name).__doc__ == getattr(RecordingService, name).__doc__
        assert getattr(AsyncRecordingService, name).__name__ == name


def test_the_loop_runs_on_while_an_operation_waits():
    class Slow(MemoryPersistence):
        held = Event()

        def commit(self, documents, secrets):
            self.held.wait(SOON)
            super().commit(documents, secrets)

    made = service(persistence=Slow())

    async def main():
        async with AsyncRecordingService(made) as front:
            running = asyncio.ensure_future(front.create_recording(recording()))
            ticks = [await asyncio.sleep(0.01, number) for number in range(10)]
            assert not running.done()
            Slow.held.set()
            await running
        return ticks

    assert run(main) == list(range(10))


def test_a_cancelled_operation_that_has_begun_is_carried_out_and_one_that_has_not_is_not():
    class Slow(MemoryPersistence):
        begun, held = Event(), Event()

        def commit(self, documents, secrets):
            self.begun.set()
            self.held.wait(SOON)
            super().commit(documents, secrets)

    made = service(persistence=Slow())

    async def main():
        async with AsyncRecordingService(made) as front:
            tasks = [asyncio.ensure_future(front.create_recording(recording())) for _ in range(30)]
            await asyncio.to_thread(Slow.begun.wait, SOON)
            for task in tasks:
                task.cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in found)
            Slow.held.set()
            assert len(await front.get_recordings()) <= 4
        return len(made.get_recordings())

    assert 1 <= run(main) <= 4, "as many as there are threads, and those are there whole"
    assert {len(item.tracks) for item in made.get_recordings()} == {3}


def test_cancelling_a_wait_for_events_loses_none():
    made = service()

    async def main():
        found = []
        async with AsyncRecordingService(made) as front, front.events() as events:
            for number in range(60):
                waiting = asyncio.ensure_future(anext(events))
                await asyncio.sleep(0)
                if number % 3 == 0:
                    await front.create_recording(recording())
                waiting.cancel()
                result = (await asyncio.gather(waiting, return_exceptions=True))[0]
                if not isinstance(result, asyncio.CancelledError):
                    found.append(result)
            await front.create_track(made.get_recordings()[0].recording_token, TrackConfiguration("Video"))
            events.close()
            found += [event async for event in events]
            assert events.lost == 0
        return topics(found)

    assert run(main) == (["CreateRecording"] + ["CreateTrack"] * 3) * 20 + ["CreateTrack"]


@pytest.mark.parametrize("end", ["stream", "front", "service"])
def test_a_loop_over_events_ends_with_the_stream_the_front_or_the_service(end):
    made = service()

    async def main():
        front = AsyncRecordingService(made)
        events = front.events()

        async def collect():
            return [event async for event in events]

        task = asyncio.ensure_future(collect())
        await front.create_recording(recording())
        await asyncio.sleep(0.05)
        if end == "stream":
            events.close()
        elif end == "front":
            await front.aclose()
        else:
            await front.run(made.close)
        found = await asyncio.wait_for(task, SOON)
        await front.aclose()
        await front.aclose()
        with pytest.raises(StateError, match="closed"):
            await front.get_recordings()
        return topics(found)

    assert run(main) == ["CreateRecording"] + ["CreateTrack"] * 3


def test_a_task_group_that_fails_takes_the_front_with_it():
    """As a server does it: one task follows the events, another one fails."""
    made = service()

    async def main():
        async with AsyncRecordingService(made) as front, asyncio.TaskGroup() as group:

            async def follow():
                async with front.events() as events:
                    async for _ in events:
                        pass

            group.create_task(follow())
            await asyncio.sleep(0.02)
            await front.delete_recording("nobody")

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    assert caught.group_contains(Fault)


def test_events_of_a_loop_that_is_closed_are_nobodys():
    made = service()

    async def main():
        return AsyncRecordingService(made).events()

    stream = asyncio.run(main())
    made.create_recording(recording())
    stream.close()


def test_threads_and_loops_hear_the_same():
    made = service(limits=ServiceLimits(notifications=1_000_000))
    barrier = Barrier(4)

    def cause():
        barrier.wait()
        for _ in range(50):
            made.delete_recording(made.create_recording(recording()))

    other = made.subscribe()

    async def main():
        async with AsyncRecordingService(made) as front, front.events() as events:
            threads = [Thread(target=cause, daemon=True) for _ in range(4)]
            for thread in threads:
                thread.start()
            return [await anext(events) for _ in range(4 * 50 * 8)]

    heard = run(main)
    assert tuple(heard) == other.take()
