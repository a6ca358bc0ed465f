"""Simulated cameras: what they send, when, and everything that goes wrong with them.

``CameraFleet`` is the side of the world: it outlives all processes. ``CameraFleet.provider`` is the ``SourceProvider``
of one process. All that is left to chance comes from the simulation's. Each ``Behaviour`` of the table is on or off
for a camera, by chance; where it takes effect ``simulation.hits`` counts it by its name.

A camera writes down what it gave: ``Camera.given`` has a ``Given`` for each sample, which says whether the device
took it, that is asked for what comes after it. One that was given and not taken was on the way when the connection or
the process ended: it may be stored or not.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError
from onvif_bmff.media.clock_reading import ClockOrigin, ClockReading
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.runtime import Flag
from onvif_bmff.timing import UtcTime
from tests.simulate.camera_media import MAX_SIZE, Encoding, encodings, identify, identify_all
from tests.simulate.runtime import Process, Simulation
from tests.simulate.wall import START

__all__ = [
    "BEHAVIOURS",
    "REMEMBERED",
    "SCHEME",
    "Behaviour",
    "Camera",
    "CameraFleet",
    "Given",
    "identify",
    "identify_all",
]

SCHEME = "sim:"
"""What the MediaUri of a receiver begins with; the rest is the token of a camera."""

REMEMBERED = 1_000_000
"""Samples that a camera remembers."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that a camera does, or that happens to it.

    Args:
        name: what ``hits`` and ``Given.disturbed`` say.
        share: how many of the cameras do it, 0 to 1.
        every: seconds between two times that it happens, on average; None for what is always so, or at an opening.
        may_lose: samples around it may be lost, as the protocol is.
        steps_clock: its clock or its stamps are off for a while: samples around it may be lost, or have wrong times.
    """

    name: str
    share: float
    every: float | None = None
    may_lose: bool = False
    steps_clock: bool = False


_TABLE = (
    Behaviour("jitter", 0.5),
    Behaviour("reordered", 0.3),
    Behaviour("no durations", 0.5),
    Behaviour("drift", 0.3),
    Behaviour("joined within a GOP", 0.3, may_lose=True),
    Behaviour("pause", 0.4, 180),
    Behaviour("long pause", 0.2, 300, may_lose=True, steps_clock=True),
    Behaviour("burst", 0.4, 120),
    Behaviour("codec change", 0.3, 200, may_lose=True),
    Behaviour("reconnect", 0.4, 200),
    Behaviour("clock step", 0.15, 300, may_lose=True, steps_clock=True),
    Behaviour("outlier", 0.15, 150, may_lose=True, steps_clock=True),
    Behaviour("end of stream", 0.15, 300, may_lose=True),
    Behaviour("hang", 0.15, 400, may_lose=True),
    Behaviour("hang in open", 0.1),
    Behaviour("not there at first", 0.2),
    Behaviour("tracks known late", 0.15, 30),
    Behaviour("clock readings", 0.4),
    Behaviour("clock of 1970", 0.1),
)

BEHAVIOURS: Mapping[str, Behaviour] = {one.name: one for one in _TABLE}
"""All behaviours by name."""


def _worst(names: Iterable[str | None]) -> str | None:
    """Return the name of the behaviour that excuses most."""
    found = [BEHAVIOURS[name] for name in names if name is not None]
    return max(found, key=lambda one: (one.steps_clock, one.may_lose)).name if found else None


@dataclass(slots=True)
class Given:
    """A sample that a camera gave.

    ``at`` is the time of the simulation at which it was given, ``captured`` that at which it happened; times of
    ``stamp`` and ``duration`` are seconds of the camera's media time in ``session``, its connections counted from 1;
    a duration of 0 is unknown. ``disturbed`` names the behaviour that the sample is near to; ``changed``: from it on
    the track has another codec; it is shown so many seconds ``later`` than it was captured.
    """

    at: float
    captured: float
    session: int
    track: int
    number: int
    payload: bytes
    stamp: float
    duration: float
    sync: bool
    disturbed: str | None
    taken: bool = False
    changed: bool = False
    later: float = 0.0


@dataclass(slots=True)
class _Stream:
    """A track of a camera, over all connections: how it sends, and how many samples there were."""

    token: str
    track_id: int
    encoding: Encoding
    period: float
    group: int
    variant: int = 0
    number: int = 0

    @property
    def is_sparse(self) -> bool:
        """Whether samples come now and then, and their duration is not known."""
        return self.encoding.kind == "Metadata"

    def seldom(self) -> "_Stream":
        """Return the stream as one of a sample in eight seconds or so, of which nearly every second one is sync."""
        lasting = 8 * self.period if self.group == 1 else 8.0
        return replace(self, period=lasting, group=min(self.group, 2))

    def track(self) -> Track:
        return Track(self.token, self.track_id, self.encoding.timescale, self.encoding.codec(self.variant))


class Camera:
    """One camera of the fleet.

    Args:
        simulation: time and chance.
        token: of its media profile.
        behaviours: names of what it does; by default those that chance picks.
        seldom: let it send little, for runs of weeks.
    """

    def __init__(
        self, simulation: Simulation, token: str, behaviours: Iterable[str] | None = None, *, seldom: bool = False
    ) -> None:
        chance = simulation.chance
        drawn = [one.name for one in BEHAVIOURS.values() if chance.random() < one.share]
        self._simulation = simulation
        self.token = token
        self.behaviours = tuple(drawn if behaviours is None else behaviours)
        self.streams = _streams(simulation, quick=self.does("reordered"))
        if seldom:
            self.streams = tuple(stream.seldom() for stream in self.streams[:1])
        self.given: deque[Given] = deque()
        self.sessions = 0
        self.drift = chance.uniform(-5e-4, 5e-4) if self.does("drift") else 0.0
        self.clock_off = chance.uniform(-0.5, 0.5)
        self._refused_until = 0.0
        self._due = {name: self._next(name) for name in self.behaviours if BEHAVIOURS[name].every is not None}
        if self.does("not there at first"):
            self.refuse(chance.uniform(5, 120))

    def does(self, behaviour: str) -> bool:
        """Return whether the camera has a behaviour."""
        return behaviour in self.behaviours

    def happens(self, behaviour: str) -> None:
        """Count an effect of a behaviour."""
        self._simulation.hits[behaviour] += 1

    @property
    def sent(self) -> list[Given]:
        """What the device took, in the order of giving."""
        return [one for one in self.given if one.taken]

    def due(self) -> list[str]:
        """Return what happens now."""
        found = [name for name, at in self._due.items() if at <= self._simulation.time]
        for name in found:
            self._due[name] = self._next(name)
        return found

    def _next(self, name: str) -> float:
        every = BEHAVIOURS[name].every
        return self._simulation.time + self._simulation.chance.expovariate(1 / (every or 1.0))

    def refuse(self, seconds: float) -> None:
        """Let nobody connect for a while."""
        self._refused_until = self._simulation.time + seconds

    def calm(self) -> None:
        """Let nothing more happen to the camera."""
        self._refused_until = 0.0
        self._due.clear()
        self.behaviours = tuple(
            name for name in self.behaviours if BEHAVIOURS[name].every is None and name != "hang in open"
        )

    def connect(self, stop: Flag) -> "_Session":
        """Open a connection.

        Raises:
            MediaError, OSError: it cannot be opened now.
        """
        simulation = self._simulation
        if simulation.time < self._refused_until:
            if self.does("not there at first") and not self.sessions:
                self.happens("not there at first")
            raise _failure(simulation, "the camera refuses connections")
        if self.does("hang in open") and simulation.chance.random() < 0.3:
            self.happens("hang in open")
            stop.wait()
            raise OSError("the camera does not answer")
        self._due = {name: self._next(name) if at <= simulation.time else at for name, at in self._due.items()}
        self.sessions += 1
        streams = self.streams
        if self.does("tracks known late") and self.sessions == 1 and len(streams) > 1:
            streams = streams[:1]
        return _Session(simulation, self, streams, stop)


def _streams(simulation: Simulation, *, quick: bool) -> tuple[_Stream, ...]:
    """Draw the tracks of a camera: video nearly always, the others often; ``quick`` video comes every second."""
    chance, known = simulation.chance, encodings()
    found = []
    if chance.random() < 0.95:
        name = chance.choice(("H264", "H264", "H265"))
        found.append(
            _Stream("video", 1, known[name], chance.randint(10, 12 if quick else 50) / 10, chance.randint(2, 6))
        )
    if not found or chance.random() < 0.35:
        name = chance.choice(("AAC", "Opus", "G711"))
        found.append(_Stream("audio", 2, known[name], 1.024, 1))
    if chance.random() < 0.4:
        found.append(_Stream("metadata", 3, known["metadata"], chance.uniform(4, 15), 1))
    for stream in found:
        stream.variant = chance.randrange(len(stream.encoding.variants))
    return tuple(found)


def _failure(simulation: Simulation, reason: str) -> Exception:
    kind = simulation.chance.choice((OSError, ConnectionResetError, TimeoutError, MediaError))
    return kind(reason)


@dataclass(slots=True)
class _Sending:
    """A stream in one connection: when its next sample happens and arrives, and its place in the group of pictures.

    ``change`` asks for another codec at the next sync sample; ``unsynced`` until the first sync sample was given.
    """

    stream: _Stream
    captured: float
    arrives: float
    place: int = 0
    change: bool = False
    unsynced: bool = False
    last: Given | None = None


class _Session:
    """One connection to a camera: a ``SampleSource``."""

    def __init__(self, simulation: Simulation, camera: Camera, streams: Sequence[_Stream], stop: Flag) -> None:
        self._simulation = simulation
        self._camera = camera
        self._stop = stop
        self._number = camera.sessions
        self._opened = self._held_until = 0.0
        self._step = self._outlier = self._read_at = 0.0
        self._disturbed: dict[str, float] = {}
        self._sending = [_Sending(stream, 0.0, 0.0) for stream in streams]
        self.tracks: Sequence[Track] = [stream.track() for stream in streams]

    def close(self) -> None:
        """Close the connection."""

    def samples(self) -> Iterator[Sample | CodecChange | ClockReading]:
        """Yield samples as they arrive, and codec changes and readings in front of those that they are for."""
        self._open()
        while True:
            sending = min(self._sending, key=lambda one: (one.arrives, one.captured))
            if not self._waits_until(sending.arrives):
                return
            for name in self._camera.due():
                if not _HAPPENS[name](self):
                    return
            if sending.arrives <= self._simulation.time:
                yield from self._give(sending)

    def _open(self) -> None:
        """Begin at media time 0, and with any picture where a camera does not begin with a sync sample."""
        chance, camera = self._simulation.chance, self._camera
        self._opened = self._simulation.time
        for sending in self._sending:
            stream = sending.stream
            sending.captured = self._opened + chance.random() * min(stream.period, 1.0)
            if camera.does("joined within a GOP") and stream.group > 1 and chance.random() < 0.5:
                camera.happens("joined within a GOP")
                sending.place, sending.unsynced = chance.randrange(1, stream.group), True
            sending.arrives = sending.captured + self._reordering(sending)
        for name in ("jitter", "drift", "reordered", "no durations"):
            if camera.does(name):
                camera.happens(name)
        if self._number > 1:
            self._disturb("reconnect", 0.0)

    def _waits_until(self, at: float) -> bool:
        """Wait for an instant; return whether samples are still wanted."""
        left = at - self._simulation.time
        return not (self._stop.wait(left) if left > 0 else self._stop.is_set())

    def _clock_reading(self, sending: _Sending) -> Iterator[ClockReading]:
        """Give the wall clock of the camera every few seconds, if it has one: that of the world, or one of 1970."""
        camera, time = self._camera, self._simulation.time
        if self._outlier or time < self._read_at or not (camera.does("clock readings") or camera.does("clock of 1970")):
            return
        self._read_at = time + 5.0
        wrong = camera.does("clock of 1970") and (self._number % 2 == 1 or not camera.does("clock readings"))
        name = "clock of 1970" if wrong else "clock readings"
        camera.happens(name)
        began = UtcTime(0) if name == "clock of 1970" else START
        utc = began.plus_microseconds(round((sending.captured + camera.clock_off) * 1e6))
        media = Fraction(self._ticks(sending), sending.stream.encoding.timescale)
        yield ClockReading(None, media, utc, ClockOrigin.CAMERA)

    # ---- what happens: False where the connection is over ---------------------------------------------------------

    def _disturb(self, name: str, seconds: float) -> None:
        """Mark what is captured in the next seconds, and within two groups of pictures thereafter.

        Each track's last sample is marked, too: recorders hold it back until they know how long it lasts.
        """
        for one in self._sending:
            if one.last is not None:
                one.last.disturbed = _worst([one.last.disturbed, name])
        groups = max(one.stream.period * one.stream.group for one in self._sending)
        until = self._simulation.time + seconds + 2 * groups
        self._disturbed[name] = max(until, self._disturbed.get(name, 0.0))

    def _pause(self) -> bool:
        """Capture nothing for a while; then a group of pictures begins."""
        return self._silence("pause", self._simulation.chance.choice((1.0, 2.0)))

    def _pause_long(self) -> bool:
        """Pause for longer than samples may be apart in a span."""
        return self._silence("long pause", self._simulation.chance.choice((5.0, 10.0, 15.0, 60.0)))

    def _silence(self, name: str, seconds: float) -> bool:
        for one in self._sending:
            one.captured += seconds
            one.arrives += seconds
            one.place = 0
        self._happens(name, seconds)
        return True

    def _burst(self) -> bool:
        """Let nothing through for a while; then all arrives at once."""
        seconds = self._simulation.chance.uniform(2, 20)
        self._held_until = self._simulation.time + seconds
        for one in self._sending:
            one.arrives = max(one.arrives, self._held_until)
        self._happens("burst", seconds)
        return True

    def _change_codec(self) -> bool:
        """Let one track change its codec at its next sync sample."""
        able = [one for one in self._sending if len(one.stream.encoding.variants) > 1]
        if able:
            self._simulation.chance.choice(able).change = True
            self._happens("codec change", 0.0)
        return True

    def _step_clock(self) -> bool:
        """Let all stamps of this connection jump, from now on."""
        chance = self._simulation.chance
        self._step += chance.choice((-1, 1)) * chance.choice((0.5, 5.0, 30.0, 3600.0))
        self._happens("clock step", float("inf"))
        return True

    def _one_outlier(self) -> bool:
        """Let the stamp of the next sample be wrong, which all of the connection may suffer from."""
        chance = self._simulation.chance
        self._outlier = chance.choice((-1, 1)) * chance.choice((0.5, 5.0, 30.0, 3600.0))
        self._happens("outlier", float("inf"))
        return True

    def _reconnect(self) -> bool:
        self._camera.refuse(self._simulation.chance.choice((0.0, 5.0, 90.0)))
        self._camera.happens("reconnect")
        raise _failure(self._simulation, "the connection is lost")

    def _show_all_tracks(self) -> bool:
        """End a connection that has not all tracks, so that the next one has them."""
        if len(self._sending) < len(self._camera.streams):
            self._camera.happens("tracks known late")
            raise MediaError("the camera has more tracks now")
        return True

    def _end(self) -> bool:
        self._happens("end of stream", 0.0)
        return False

    def _hang(self) -> bool:
        self._happens("hang", 0.0)
        self._stop.wait()
        return False

    def _happens(self, name: str, seconds: float) -> None:
        self._camera.happens(name)
        self._disturb(name, seconds)

    # ---- samples -------------------------------------------------------------------------------------------------

    def _give(self, sending: _Sending) -> Iterator[Sample | CodecChange | ClockReading]:
        stream, sync = sending.stream, sending.place == 0
        changed = sending.change and sync
        if changed:
            sending.change = False
            stream.variant += 1
            self._disturb("codec change", 0.0)
            yield CodecChange(stream.track_id, self._ticks(sending), stream.encoding.codec(stream.variant), 0)
        sending.unsynced = sending.unsynced and not sync
        yield from self._clock_reading(sending)
        sample, given = self._make(sending)
        given.changed = changed
        self._camera.given.append(given)
        sending.last = given
        self._move_on(sending)
        yield sample
        given.taken = True

    def _make(self, sending: _Sending) -> tuple[Sample, Given]:
        stream, camera, place = sending.stream, self._camera, sending.place
        scale, number, size = stream.encoding.timescale, stream.number, self._simulation.chance.randint(50, MAX_SIZE)
        stream.number += 1
        payload = stream.encoding.payload(camera.token, stream.track_id, number, size, place)
        ticks = self._ticks(sending)
        self._outlier = 0.0
        lasting = 0 if stream.is_sparse or camera.does("no durations") else round(stream.period * scale)
        offset = round(self._reordering(sending) * scale)
        sample = Sample(stream.track_id, ticks, lasting, payload, place == 0, offset)
        return sample, Given(
            self._simulation.time,
            sending.captured,
            self._number,
            stream.track_id,
            number,
            payload,
            ticks / scale,
            lasting / scale,
            sample.sync,
            self._disturbance(sending.captured),
            later=offset / scale,
        )

    def _ticks(self, sending: _Sending) -> int:
        media = (sending.captured - self._opened) * (1 + self._camera.drift) + self._step + self._outlier
        return round(media * sending.stream.encoding.timescale)

    def _reordering(self, sending: _Sending) -> float:
        """Return how much later than it is decoded a picture is shown: one is between each two references."""
        stream, place = sending.stream, sending.place
        if stream.group == 1 or not self._camera.does("reordered"):
            return 0.0
        later = min(2, stream.group - place) if place % 2 else 0
        return stream.period * (later if place else 1)

    def _disturbance(self, captured: float) -> str | None:
        """Return the worst of what disturbed this connection when a sample was captured."""
        found = [name for name, until in self._disturbed.items() if captured <= until]
        if any(one.unsynced for one in self._sending):
            found.append("joined within a GOP")
        return _worst(found)

    def _move_on(self, sending: _Sending) -> None:
        """Go on to the next sample of a stream."""
        stream, chance = sending.stream, self._simulation.chance
        sending.captured += stream.period * (chance.uniform(0.5, 1.5) if stream.is_sparse else 1)
        sending.place = (sending.place + 1) % stream.group
        delay = chance.uniform(0, 1.5) if self._camera.does("jitter") else 0.05
        ready = sending.captured + self._reordering(sending) + delay  # no picture comes before it was taken
        sending.arrives = max(sending.arrives, self._held_until, ready)


_HAPPENS: Mapping[str, Callable[[_Session], bool]] = {
    "pause": _Session._pause,
    "long pause": _Session._pause_long,
    "burst": _Session._burst,
    "codec change": _Session._change_codec,
    "clock step": _Session._step_clock,
    "outlier": _Session._one_outlier,
    "reconnect": _Session._reconnect,
    "tracks known late": _Session._show_all_tracks,
    "end of stream": _Session._end,
    "hang": _Session._hang,
}


class _Provider:
    """The ``SourceProvider`` of one process."""

    def __init__(self, cameras: Mapping[str, Camera], process: Process) -> None:
        self._cameras = cameras
        self._process = process

    def open(self, reference: SourceReference, receiver: Receiver | None, stop: Flag) -> _Session | None:
        """Connect to the camera of a media profile, or of the MediaUri of a receiver."""
        self._process.check()
        token = reference.token
        if reference.type != PROFILE_TYPE:
            if receiver is None or not receiver.configuration.media_uri:
                return None
            token = receiver.configuration.media_uri.removeprefix(SCHEME)
        if token not in self._cameras:
            raise MediaError("there is no such camera")
        return self._cameras[token].connect(stop)


class CameraFleet:
    """All cameras of a world, by the tokens of their media profiles: ``cam1`` and so on.

    Args:
        simulation: time and chance.
        count: of cameras; by default chance takes one to four.
        behaviours: names of what all of them do; by default chance picks for each.
        seldom: let all send little.
    """

    def __init__(
        self,
        simulation: Simulation,
        count: int | None = None,
        behaviours: Iterable[str] | None = None,
        *,
        seldom: bool = False,
    ) -> None:
        count = simulation.chance.randint(1, 4) if count is None else count
        found = None if behaviours is None else tuple(behaviours)
        tokens = [f"cam{number}" for number in range(1, count + 1)]
        self.cameras: Mapping[str, Camera] = {
            token: Camera(simulation, token, found, seldom=seldom) for token in tokens
        }

    def has_profile(self, token: str) -> bool:
        """Return whether there is a media profile of a token."""
        return token in self.cameras

    def provider(self, process: Process) -> _Provider:
        """Return the sources of a process."""
        return _Provider(self.cameras, process)
