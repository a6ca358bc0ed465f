"""The reader leaves a connection alone between looks: arrivals stay exact where times are made of them."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from fractions import Fraction

import pytest

from onvif_bmff.rtsp import Location, StreamOptions, StreamReader, Transport
from onvif_bmff.rtsp.container import Packet
from onvif_bmff.rtsp.stamps import SenderReport
from onvif_bmff.rtsp.streams import StreamInfo
from onvif_bmff.runtime import ThreadedRuntime
from onvif_bmff.timing import UtcTime

URL = "rtsp://127.0.0.1/live"
DEFAULT = StreamOptions()


class _Done:
    ended = True

    def join(self, timeout: float | None = None) -> bool:
        return True


class _Flag:
    def __init__(self, clock: "_Clock") -> None:
        self._clock = clock
        self._is_set = False
        self.was_set_at: list[float] = []

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self.was_set_at.append(self._clock.time)

    def clear(self) -> None:
        self._is_set = False

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.naps.append(timeout or 0.0)
        self._clock.time += timeout or 0.0
        return False


class _Clock(ThreadedRuntime):
    """Time that only passes where the reader waits; its task runs at once."""

    def __init__(self) -> None:
        self.time = 0.0
        self.naps: list[float] = []
        self.flags: list[_Flag] = []

    def now(self) -> UtcTime:
        raise AssertionError

    def monotonic(self) -> float:
        return self.time

    def flag(self) -> _Flag:
        self.flags.append(_Flag(self))
        return self.flags[-1]

    def lock(self) -> AbstractContextManager[object]:
        return nullcontext()

    def spawn(self, run: Callable[[], None], name: str) -> _Done:
        run()
        return _Done()


class _Source:
    """A container whose packets come when they are due, each read in 20 microseconds."""

    streams = (StreamInfo(0, "video", "h264", Fraction(1, 90_000)),)

    def __init__(self, clock: _Clock, due: list[tuple[float, Packet]]) -> None:
        self._clock = clock
        self._due = due

    def packets(self) -> Iterator[Packet]:
        for at, packet in self._due:
            self._clock.time = max(self._clock.time + 20e-6, at)
            yield packet

    def close(self) -> None:
        pass


def read(
    monkeypatch: pytest.MonkeyPatch, due: list[tuple[float, Packet]], options: StreamOptions = DEFAULT
) -> tuple[list[float], _Clock]:
    """Return how late each packet was read, and the clock."""
    clock = _Clock()
    monkeypatch.setattr("onvif_bmff.rtsp.reader.Container", lambda *_: _Source(clock, due))
    reader = StreamReader(Location.of(URL, options), options, clock.flag(), clock)
    assert reader.streams() == _Source.streams
    found = []
    for at, packet in due:
        arrived = reader.take(0.0)
        assert arrived is not None
        assert arrived.packet is packet
        found.append(arrived.at - at)
    assert reader.has_ended
    return found, clock


def pictures(seconds: int, size: int, *, reported_from: float) -> list[tuple[float, Packet]]:
    """25 pictures a second, the camera's clock with each from a time on."""
    made = []
    for number in range(25 * seconds):
        at = number / 25
        packet = Packet(0, number * 3600, None, 0, bytes(size), sync=True)
        if at >= reported_from:
            packet.report, packet.microseconds = SenderReport(Fraction(0), 0), number
        made.append((at, packet))
    return made


def test_each_packet_is_read_when_it_comes_as_long_as_the_camera_has_not_told_its_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, clock = read(monkeypatch, pictures(4, 1000, reported_from=9.0))
    assert max(late) < 0.001
    assert clock.naps == []


def test_later_several_are_read_at_once_and_one_of_them_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    due = pictures(10, 1000, reported_from=2.0)
    late, clock = read(monkeypatch, due)
    assert max(late[:50]) < 0.001
    assert 0.1 < max(late[50:]) < 0.2, "no later than a nap"
    assert 30 <= len(clock.naps) <= 45, "about five looks a second, of eight seconds"
    for second in range(2, 10):
        assert min(late[25 * second : 25 * second + 25]) < 0.001, "an arrival of each second is exact"


def test_who_waits_is_woken_by_what_has_just_come_and_finds_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    late, clock = read(monkeypatch, pictures(10, 1000, reported_from=0.0))
    ready = clock.flags[2]
    assert len(ready.was_set_at) <= 60
    waits = [after - before for before, after in zip(ready.was_set_at, ready.was_set_at[1:], strict=False)]
    assert max(waits) < 0.25
    assert len(late) == 250


def test_the_more_comes_the_shorter_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 Mbit/s: no more than fits the buffers of a connection waits there."""
    _, clock = read(monkeypatch, pictures(4, 100_000, reported_from=0.0))
    assert clock.naps
    assert max(clock.naps) * 100_000 * 25 <= (96 << 10) + 1


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.MULTICAST])
def test_datagrams_are_read_at_once_for_they_would_be_lost(
    monkeypatch: pytest.MonkeyPatch, transport: Transport
) -> None:
    options = replace(StreamOptions(), transport=transport, read_timeout=dt.timedelta(seconds=1))
    late, clock = read(monkeypatch, pictures(4, 1000, reported_from=0.0), options)
    assert clock.naps == []
    assert max(late) < 0.001
