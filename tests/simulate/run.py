"""One run of a whole device in a world that a seed decides, and what is wrong afterwards."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import repeat
from math import inf
from random import Random

from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.control import (
    PROFILE_TYPE,
    EventFilterEntry,
    EventMessage,
    PropertyOperation,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingEventFilter,
    RecordingJobConfiguration,
    RecordingJobMode,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingService,
    RecordingTargetConfiguration,
    SourceReference,
)
from onvif_bmff.device import RecordingDevice
from onvif_bmff.device.worker import OutputWorker
from onvif_bmff.engine.targets import OutputKey, OutputPlan
from onvif_bmff.errors import InvariantError, OnvifBmffError, PersistenceError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.objects.stored import ObjectStore, ReadableStore
from onvif_bmff.playback import Timeline, read_segment
from onvif_bmff.storage.held import Room
from onvif_bmff.storage.pending import LOST
from onvif_bmff.validation import Finding, validate_store
from tests.simulate.cameras import BEHAVIOURS, REMEMBERED, Camera, CameraFleet, Given, identify
from tests.simulate.certificates import SimulatedCertificates, unwrapper
from tests.simulate.checked_names import read_name
from tests.simulate.checker import check_bucket
from tests.simulate.corrections import Corrections, late_begins, overlap_of, overlaps_of
from tests.simulate.database import SimulatedDatabase
from tests.simulate.disk import LOSSES, Fault, SimulatedDisk
from tests.simulate.happenings import MOTION, EventTimes, JobPauses
from tests.simulate.known import CUT_SHORT, LEFT_PLACE, OVERLAP, Boot, MixedSpans, is_cut_short, was_left
from tests.simulate.laws import counted_but_stored, holes_in_spans, taken_otherwise, written_after_end
from tests.simulate.operators import EXPORTS, Operator
from tests.simulate.oracle import Excuse, Sent, Stored, TrueTimes, before_losses, completeness, times_of_keys
from tests.simulate.runtime import Process, SimulatedRuntime, SimulatedTask, Simulation, SimulationError
from tests.simulate.scenario import CLOCK_AT_1970, Incident, Recording, Scenario
from tests.simulate.stores import SimulatedBucket, StoreFault
from tests.simulate.wall import START, WallClock

__all__ = ["Outcome", "World", "simulate"]

TOPIC = "tns1:Device/Trigger/DigitalInput"
KID = "5d0a6f4e-9c1b-4a52-8a43-0000000000{:02x}"
DESTINATIONS = {"Video": "VIDEO001", "Audio": "AUDIO001", "Metadata": "META001"}
GOP = 40.0
"""Seconds within which every camera gives a picture to begin with, in the worst case."""
MAX_GAP = 10.0
"""Seconds that samples may be apart in a span."""
STARTED = "the device started"
STORE_TROUBLE = {
    "bucket": {"bucket faults", "bucket outage", "little room"},
    "disk": {"disk faults", "disk full", "little room"},
}
_KIND_OF = {StoreFault.LATE_LISTING: "eventual listing", StoreFault.LATE_ARRIVAL: "late arrivals"}
KEY_BOUND = 3.0
"""Seconds by which a key may be off, in a world whose cameras have jitter and bursts."""
LONG = 43_200.0
"""Seconds from which on cameras send little, so that a run of weeks takes minutes."""
MAX_WAITING = 2_000
"""Timers and tasks that there may be at a time."""
LOOK = 600.0
"""Seconds after which sizes are looked at again."""
SILENCE = 100.0
"""Seconds after which a camera that says nothing is found to be silent, at the latest."""
LAPSE = 65.0
"""Seconds after which a camera is not followed that tells a time that is more than a day off by the device's clock."""
FOLLOWED = 5.0
"""Seconds after which new spans follow a clock that is more than 100 ms off, where a segment can begin."""
LOOK_TIME = 10.0
"""Seconds in which a store says what its newest keys are, at the most, after which recordings begin."""
PATIENCE = 300.0
"""Seconds for which a recording waits for its clock to be later than its newest key, at the most."""
SETTLE = 170.0
"""Seconds without trouble at the end: as long as a request may hang, and a recovery then waits."""


class Client:
    """A service without the recordings that nobody touches.

    Args:
        service: all of it.
        hidden: prefixes of what is not shown.
    """

    def __init__(self, service: RecordingService, hidden: set[str]) -> None:
        self._service = service
        self._hidden = hidden

    def __getattr__(self, name: str) -> object:
        return getattr(self._service, name)

    def _tokens(self) -> set[str]:
        return {
            one.recording_token
            for one in self._service.get_recordings()
            if one.configuration.target is not None and one.configuration.target.prefix in self._hidden
        }

    def get_recordings(self) -> tuple[object, ...]:
        """Return those of others."""
        hidden = self._tokens()
        return tuple(one for one in self._service.get_recordings() if one.recording_token not in hidden)

    def get_recording_jobs(self) -> tuple[object, ...]:
        """Return those of others."""
        hidden = self._tokens()
        return tuple(
            one for one in self._service.get_recording_jobs() if one.job_configuration.recording_token not in hidden
        )


@dataclass
class Outcome:
    """What a run found: each finding is ``law: detail``. ``known`` counts those of ``KNOWN_FINDINGS``."""

    findings: list[str] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    objects: int = 0
    steps: int = 0
    processor: float = 0.0
    simulated: float = 0.0


class World:
    """Cameras, stores, clocks and operators, and the device among them.

    Args:
        scenario: what happens.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        kinds = scenario.kinds
        chance = Random(f"{scenario.seed} world")
        self.simulation = simulation = Simulation(scenario.seed, preemption=chance.choice((0.0, 0.01, 0.2)))
        drift = chance.choice((-2e-4, 2e-4)) if "wall clock drift" in kinds else 0.0
        self.drift = drift
        self._until_set = Random(f"{scenario.seed} {CLOCK_AT_1970}")
        self.wall = WallClock(simulation, drift=drift)
        self.bucket = SimulatedBucket(simulation, open_area=chance.random() < 0.3)
        self.disk = SimulatedDisk(simulation)
        self.database = SimulatedDatabase(simulation)
        self.behaviours = self._behaviours(chance)
        extra = int("operator" in kinds)  # a camera of theirs: two connections to one would share its samples
        seldom = scenario.seconds > LONG
        self.fleet = CameraFleet(simulation, scenario.cameras + extra, self.behaviours, seldom=seldom)
        self.certificates = SimulatedCertificates(simulation, START)
        self.operator = Operator(
            simulation,
            list(self.fleet.cameras)[-1:],
            ("bucket", "disk"),
            self.certificates.names if "operator" in kinds else (),
        )
        self.excuses: list[Excuse] = []
        self.events = EventTimes(simulation, GOP)
        self.pauses = JobPauses(simulation)
        self.counted: Counter[str] = Counter()
        self.unsure: Counter[str] = Counter()
        self.room = Room()
        self.max_bytes = 1
        self.workers: list[tuple[str, OutputWorker]] = []
        self.findings: list[str] = []
        self.unbounded: set[str] = set()
        self.process = Process("device 0")
        self.device: RecordingDevice | None = None
        self.boots = 0
        self.down_since = 0.0
        self._boot: SimulatedTask | None = None
        self._places_at: list[tuple[float, frozenset[tuple[str, str, str]], bool]] = []
        self._outside = Process("the world")
        self._is_calm = False
        self._delayed_before = 0.0
        self._failing: list[tuple[float, float]] = []
        self._first: dict[str, str] = {}
        self.waits_until = 0.0
        self._waits: list[tuple[str, Excuse]] = []

    def _behaviours(self, chance: Random) -> list[str]:
        """Return what all cameras do."""
        wrong = {True: "camera clock trouble" in self.scenario.kinds, False: "camera trouble" in self.scenario.kinds}
        return [one.name for one in BEHAVIOURS.values() if chance.random() < one.share and wrong[one.steps_clock]]

    # ---- the device --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch the device on."""
        self.boots += 1
        if CLOCK_AT_1970 in self.scenario.kinds:
            self.wall.lose(self.simulation.time, self._until_set.choice((0.0, 5.0, 30.0, 90.0)))
        self._delayed_before = self.bucket.delayed
        self.process = Process(f"device {self.boots}")
        self.device = None
        self._boot = self.simulation.spawn(self.process, self._start, "boot")

    def _start(self) -> None:
        runtime = SimulatedRuntime(self.simulation, self.process, self.wall)
        while True:
            with suppress(OnvifBmffError):
                persistence = self.database.open(self.process)
                break
            runtime.sleep(2.0)
        while self.device is None:
            with suppress(OnvifBmffError):
                self.device = self._made(runtime, persistence)
                break
            runtime.sleep(2.0)
        self._watch_workers(self.device)
        self._await_clock()
        self.device.start()
        while not self._ensure_recordings(self.device):
            runtime.sleep(1.0)
        self.pauses.all_on()
        began = self.down_since - 1.0
        recording = max(self.simulation.time, self.wall.unset[1])  # it waits for its clock to be set
        self.excuses.append(Excuse(began, recording + GOP, STARTED, counted=False))
        if "operator" in self.scenario.kinds:
            client = Client(self.device.service, {one.prefix for one in self.scenario.recordings})
            self.findings += [f"configuration after a start: {one}" for one in self.operator.differences(client)]
            runtime.spawn(lambda: self.operator.run(client, runtime.flag()), "operator")

    def _made(self, runtime: SimulatedRuntime, persistence: object) -> RecordingDevice:
        stores: dict[str, ObjectStore] = {
            "bucket": self.bucket.store(self.process),
            "disk": self.disk.store(self.process),
        }
        little = "little room" in self.scenario.kinds
        self.max_bytes = 2_000 if little else 32 << 20
        self.room = Room(20_000, 20_000) if little else Room(64 << 20)
        return RecordingDevice(
            stores,
            sources=self.fleet.provider(self.process),
            has_profile=self.fleet.has_profile,
            persistence=persistence,
            certificates=self.certificates.current,
            ivs=IvSources(CencIvAllocators(random=runtime.random), CbcsIvSource(runtime.random)),
            max_bytes=self.max_bytes,
            room=self.room,
            runtime=runtime,
        )

    def _await_clock(self) -> None:
        """Note which recordings wait, since there are keys in their places that are later than the device's clock."""
        began = max(self.simulation.time, self.wall.unset[1])
        now = self.wall.true_at(began).microseconds
        names = {"bucket": list(self.bucket.contents()), "disk": list(self.disk.names())}
        for recording in self.scenario.recordings:
            keys = [read_name(one) for one in names[recording.storage] if one.startswith(f"{recording.prefix}/")]
            ahead = (max((one.time for one in keys if one is not None), default=now) - now) / 1e6
            if ahead <= 0:
                continue
            changes = self.scenario.kinds & {"wall clock jump", "wall clock set back"}
            lasts = PATIENCE if changes else min(ahead * (1 + 2 * abs(self.drift)), PATIENCE)
            until = began + LOOK_TIME + lasts
            self.simulation.hits["waited for its clock"] += ahead > LOOK_TIME
            self.waits_until = max(self.waits_until, until)
            why = "it waited for its clock to be later than its newest key"
            self._waits.append((recording.prefix, Excuse(began - 1.0, until + GOP, why, counted=False)))

    def _ensure_recordings(self, device: RecordingDevice) -> bool:
        """Create those that are not there yet; return whether all are."""
        service = device.service
        try:
            tokens = {one.configuration.target: one.recording_token for one in service.get_recordings()}
            there = {target.prefix: token for target, token in tokens.items() if target is not None}
            self._note_places([one for one in tokens if one is not None])
            jobs = {one.job_configuration.recording_token: one for one in service.get_recording_jobs()}
            for number, recording in enumerate(self.scenario.recordings):
                token = there.get(recording.prefix)
                if token is None:
                    token = service.create_recording(_configuration(number, recording))
                if token not in jobs:
                    service.create_recording_job(self._job(token, recording))
                elif jobs[token].job_configuration.mode != RecordingJobMode.ACTIVE:
                    service.set_recording_job_mode(jobs[token].job_token, RecordingJobMode.ACTIVE)
        except OnvifBmffError:
            return False
        return True

    def _note_places(self, targets: Iterable[RecordingTargetConfiguration], *, end: bool = False) -> None:
        places = frozenset((one.storage, one.prefix or "", one.postfix or "") for one in targets)
        self._places_at.append((self.simulation.time, places, end))

    def _job(self, token: str, recording: Recording) -> RecordingJobConfiguration:
        camera = self.fleet.cameras[recording.camera]
        tracks = tuple(RecordingJobTrack("", DESTINATIONS[stream.encoding.kind]) for stream in camera.streams)
        source = RecordingJobSource(SourceReference(camera.token, PROFILE_TYPE), tracks=tracks)
        events = None
        if recording.before is not None:
            margins = timedelta(seconds=recording.before), timedelta(seconds=recording.after)
            events = RecordingEventFilter((EventFilterEntry(MOTION),), *margins)
        return RecordingJobConfiguration(token, "Active", 1, (source,), events)

    def stop(self, *, cut: bool) -> None:
        """Switch the device off: with ``cut`` at once, else as an operator does."""
        began = self.simulation.time
        self.events.cut(began)
        in_time = not cut and self.device is not None
        if in_time:
            closing = self.simulation.spawn(self.process, partial(_close, self.device), "close")
            closing.join(600.0)
            if not closing.ended:
                self.findings.append("not closed: after 600 s")
            in_time = not [name for name in self.simulation.running(self.process) if name.startswith("output")]
        self._count(self.workers, ended=False)
        self.workers = []
        self.simulation.crash(self.process)
        if cut:
            self.disk.crash(self.simulation.chance.choice(LOSSES))
            self.database.crash(self.simulation.chance.choice(LOSSES))
        self.down_since = began
        self.excuses.append(
            Excuse(began - (1.0 if in_time else self._at_stake(began)), began, "it was switched off", counted=False)
        )

    def _at_stake(self, now: float) -> float:
        """Seconds of media that a power cut may cost: the open segments, and what a failing store has not taken.

        What a camera gave last waits until it gives more, or is found to be silent.
        """
        names = {one.camera for one in self.scenario.recordings}
        last = [self.fleet.cameras[name].given[-1].at for name in names if self.fleet.cameras[name].given]
        silence = min(now - min(last, default=now), SILENCE)
        longest = max(one.segment for one in self.scenario.recordings)
        late = [now - since for since, until in self._failing if since <= now <= until + 60.0]
        uncertain = 300.0 if self.scenario.kinds & {"bucket faults", "disk faults", "bucket outage"} else 5.0
        uncertain = max(uncertain, self.bucket.delayed - self._delayed_before)  # one request waits for another
        return longest + GOP + max(late, default=0.0) + uncertain + silence

    def _watch_workers(self, device: RecordingDevice) -> None:
        """Know all workers of a device, also those that it has no more at its end."""
        outputs, self.workers = device._outputs, []
        make = outputs._make_worker

        def make_and_note(key: OutputKey, plan: OutputPlan) -> OutputWorker | None:
            made = make(key, plan)
            self._count(self.workers, ended=True)
            self.workers = [one for one in self.workers if not one[1].join(0)]
            if made is not None:
                self.workers.append((plan.target.prefix, made))
            return made

        outputs._make_worker = make_and_note  # type: ignore[method-assign]

    def _count(self, workers: list[tuple[str, OutputWorker]], *, ended: bool) -> None:
        """Keep what workers say they lost, of those that have ended or of all, before they are gone."""
        for prefix, worker in workers:
            if not ended or worker.join(0):
                self.counted[prefix] += sum(worker.dropped.values())
                self.unsure[prefix] += worker.dropped[LOST.UNKNOWN]

    def _token(self, prefix: str) -> str:
        found = self.device.service.get_recordings() if self.device is not None else ()
        return next(
            (
                one.recording_token
                for one in found
                if one.configuration.target is not None and one.configuration.target.prefix == prefix
            ),
            "",
        )

    # ---- what happens ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Let everything happen, then nothing bad for a while, and switch the device off."""
        self._set_faults(on=True)
        if "certificates expire" in self.scenario.kinds:
            self.simulation.spawn(self._outside, self.certificates.run, "certificates")
        self.start()
        for incident in self.scenario.incidents:
            self._sleep_until(incident.time)
            self._happen(incident)
        self._sleep_until(self.scenario.seconds)
        self._set_faults(on=False)
        self.simulation.sleep(SETTLE)
        self._sleep_until(self.waits_until + GOP if self.waits_until > self.simulation.time - GOP else 0.0)
        if self.device is None:
            self.findings.append("not started: the device never came up")
        else:
            found = [one.configuration.target for one in self.device.service.get_recordings()]
            self._note_places([one for one in found if one is not None], end=True)
        self._check_running()
        self.stop(cut=False)

    def _sleep_until(self, at: float) -> None:
        while at > self.simulation.time + LOOK:
            self.simulation.sleep(LOOK)
            self._check_sizes()
        if at > self.simulation.time:
            self.simulation.sleep(at - self.simulation.time)

    def _happen(self, incident: Incident) -> None:
        kind = incident.kind
        if kind in ("bucket outage", "disk full"):  # not when it was due: the device may have been off then
            self._failing.append((self.simulation.time, self.simulation.time + incident.size))
        if kind in ("power cut", "restart"):
            self.stop(cut=kind == "power cut")
            self.simulation.hits[kind] += 1
            self.simulation.sleep(incident.size)
            self.start()
        elif kind == "bucket outage":
            self.bucket.outage(incident.detail, incident.size)
        elif kind == "disk full":
            self.simulation.spawn(self._outside, partial(self._fill_disk, incident.size), "disk full")
        elif kind in ("wall clock jump", "wall clock set back"):
            self.wall.jump(incident.size)
        elif kind == "event storm" and self.device is not None:
            self.simulation.spawn(self.process, partial(self._storm, self.device, int(incident.size)), "storm")

        elif kind == "events" and self.device is not None:
            after = max(one.after for one in self.scenario.recordings if one.before is not None)
            happen = partial(self.events.happen, self.device, incident.size, after)
            self.simulation.spawn(self.process, happen, "motion")
        elif kind == "job off" and self.device is not None:
            self._switch_off(self.device.service, incident)

    def _switch_off(self, service: RecordingService, incident: Incident) -> None:
        """Switch the job of one of the recordings off that are always active."""
        chance = Random(f"{self.scenario.seed} {incident.time}")
        prefix = chance.choice([one.prefix for one in self.scenario.recordings if one.before is None])
        token = self._token(prefix)
        for job in service.get_recording_jobs():
            if job.job_configuration.recording_token == token:
                pause = partial(self.pauses.pause, service, prefix, job.job_token, incident.size)
                self.simulation.spawn(self.process, pause, "job off")

    def _storm(self, device: RecordingDevice, count: int) -> None:
        chance = Random(f"{self.scenario.seed} {self.simulation.time}")
        self.simulation.hits["event storm"] += 1
        for _ in range(count):
            kind = chance.choice((PropertyOperation.CHANGED, PropertyOperation.DELETED, None))
            event = EventMessage(TOPIC, device.service._runner.clock(), {"Source": "cam1"}, {"State": "true"}, kind)
            with suppress(OnvifBmffError):
                device.service.device_side.event(event)

    def _fill_disk(self, seconds: float) -> None:
        if self._is_calm:
            return  # it was due while the device was off, and all trouble has ended since
        self.disk.faults.capacity = self.disk.used + 200
        self.simulation.sleep(seconds)
        self.disk.faults.capacity = None

    def _set_faults(self, *, on: bool) -> None:
        kinds = self.scenario.kinds if on else frozenset()
        chance = Random(f"{self.scenario.seed} faults")
        for kind in StoreFault:
            likely = chance.choice((0.0, 0.002, 0.02, 0.1))
            if _KIND_OF.get(kind, "bucket faults") in kinds:
                self.bucket.faults[kind] = likely
        for name, faults in (("disk faults", self.disk.faults), ("database faults", self.database.faults)):
            for fault in Fault:
                likely = chance.choice((0.0, 0.0005, 0.005))
                if name in kinds and not (fault is Fault.SLOW and faults is self.database.faults):
                    faults.probabilities[fault] = likely
        self._is_calm = not on
        if not on:
            self.bucket.heal()
            self.disk.faults.clear()
            self.database.faults.clear()
            for camera in self.fleet.cameras.values():
                camera.calm()

    def end(self) -> None:
        """End all tasks."""
        self.simulation.crash(self.process)
        self.simulation.crash(self._outside)

    # ---- what must be true -------------------------------------------------------------------------------

    def _check_sizes(self) -> None:
        """Check that what waits is bounded, in the device and in the world."""
        sizes = {f"mailbox of {prefix}": worker.mailbox._size / self.max_bytes for prefix, worker in self.workers}
        sizes["timers and tasks"] = self.simulation.size / MAX_WAITING
        sizes |= {f"samples of {name}": len(one.given) / REMEMBERED for name, one in self.fleet.cameras.items()}
        sizes["room"] = self.room.held / self.room._total
        for name, share in sizes.items():
            if share > 1.0 and name not in self.unbounded:
                self.unbounded.add(name)
                self.findings.append(f"not bounded: {name} is at {share:.2f} of its bound")

    def _check_running(self) -> None:
        """Check a device that has had no trouble for a while."""
        if self.device is None:
            return
        for recording in [one for one in self.scenario.recordings if one.before is None]:
            for job in self.device.service.get_recording_jobs():
                if job.job_configuration.recording_token == self._token(recording.prefix):
                    shown = self.device.service.get_recording_job_state(job.job_token)
                    state = shown.state
                    self.findings += [
                        f"a wrong state: {recording.prefix} {track.destination} is {track.state}: {track.error}"
                        for source in shown.sources
                        for track in source.tracks
                        if str(track.state) == "Error"
                    ]
                    if str(state) not in ("Active", "PartiallyActive"):
                        self.findings.append(f"not recording: {recording.prefix} is {state}")
        if "operator" in self.scenario.kinds:
            client = Client(self.device.service, {one.prefix for one in self.scenario.recordings})
            self.findings += [f"configuration: {one}" for one in self.operator.differences(client)]

    def check(self) -> Outcome:
        """Check everything that is left when the device is off."""
        outcome = Outcome(self.findings)
        outcome.findings += [f"an operation: {one}" for one in self.operator.findings]
        for name, error in self.simulation.faults:
            outcome.findings.append(f"a task ended: {name}: {error!r}")
        reader = Process("reader")
        stores: dict[str, ReadableStore] = {"bucket": self.bucket.store(reader), "disk": self.disk.store(reader)}
        keys = KeyRing(self._keys())
        contents = {"bucket": self.bucket.contents(), "disk": _contents(stores["disk"])}
        vectors: Counter[tuple[bytes, bytes]] = Counter()
        spans: dict[str, MixedSpans] = {}
        boots = [Boot(self.wall.true_at(at).microseconds, *found) for at, *found in self._places_at]
        for name, store in stores.items():
            mine = {key: found for key, found in contents[name].items() if not key.startswith(f"{EXPORTS}/")}
            checked = check_bucket(mine)
            mixed = spans[name] = MixedSpans(checked.spans, mine)
            self._first |= {key: span.keys[0] for span in checked.spans for key in span.keys}
            for one in validate_store(store, keys=keys, unwrapper=unwrapper()):
                if one.level.value != "error" or self._is_expected(one, store, keys):
                    continue
                text = f"the validator: {name} {one.rule} {one.key} {one.message}"
                short = CUT_SHORT if is_cut_short(one, checked.spans) else None
                overlaps = mixed.explain(one) or self._is_mixed_up(one, mixed, store, keys)
                _sort_out(outcome, text, OVERLAP if overlaps else short)
            for found in checked.findings:
                failing = bool(STORE_TROUBLE[name] & self.scenario.kinds)
                left = LEFT_PLACE if was_left(found, name, boots, failing=failing) else None
                known = OVERLAP if mixed.share_an_end(found) or mixed.ends_a_part(found) else left
                _sort_out(outcome, f"the checker: {name} {found}", known)
            vectors.update(checked.vectors)
            if name == "bucket":  # it is known in which order its objects were written
                written = {key: number for number, key in enumerate(self.bucket.inside.objects)}
                for found in written_after_end(checked.spans, written):
                    _sort_out(outcome, found, OVERLAP if mixed.share_an_end(found) else None)
            outcome.objects += len(mine)
        outcome.findings += [
            f"a vector twice: {vector.hex()} under {kid.hex()}" for (kid, vector), count in vectors.items() if count > 1
        ]
        groups = [one.period * one.group for camera in self.fleet.cameras.values() for one in camera.streams]
        patience = max(GOP, 3 * max(groups))
        for recording in self.scenario.recordings:
            camera = self.fleet.cameras[recording.camera]
            own = camera.clock_off if camera.does("clock readings") else None
            follows = max(patience, LAPSE + GOP) if own is not None and self.wall.is_absurd else patience
            true_times = TrueTimes(self.wall.jumps, self.wall.ahead, START.microseconds, self.drift, follows, own)
            stored = list(self._stored(stores[recording.storage], recording, keys))
            sent = list(self._sent(recording))
            found, missing = completeness(
                recording.prefix, sent, stored, self._excuses(recording), self.counted[recording.prefix]
            )
            outcome.findings += found
            timeline = Timeline.from_store(stores[recording.storage], prefix=recording.prefix)
            for key in taken_otherwise([[one.name for one in span.segments] for span in timeline.spans], self._first):
                known = OVERLAP if spans[recording.storage].holds(key) else None
                _sort_out(outcome, f"a reader takes it for another span's: {key}", known)
            outcome.findings += holes_in_spans(recording.prefix, sent, stored)
            surely = self.counted[recording.prefix] - self.unsure[recording.prefix]
            outcome.findings += counted_but_stored(recording.prefix, sent, stored, surely)
            later = max(one.period for one in camera.streams) if camera.does("reordered") else 0.0
            sparse = {stream.track_id for stream in camera.streams if stream.is_sparse}
            late = late_begins(camera.given, sparse, FOLLOWED + recording.segment + max(groups))
            bound = KEY_BOUND + later
            dated = before_losses(sent, stored, GOP)
            outcome.findings += times_of_keys(recording.prefix, dated, stored, true_times, bound, late)
            outcome.missing += missing
            outcome.samples += len(stored)
        return outcome

    def _is_expected(self, finding: Finding, store: ReadableStore, keys: KeyRing) -> bool:
        """Whether a finding is right, and no fault of the device.

        Exports are no recordings. A clock that is set back makes spans of one time; so do events of which one begins
        within Before of another, and operators who move a recording back to where it was.
        """
        if finding.key.startswith(f"{EXPORTS}/") or (finding.rule, finding.key) == ("ANX-B.4-02", ""):
            return True  # the latter sums up names that are no keys, as those of exports
        overlap = overlap_of(finding.message)
        if overlap is None:
            return False
        for recording in self._recording_of(finding.key):
            stored = list(self._stored(store, recording, keys))
            return self._corrections(recording).explain(*overlap, finding.key, stored)
        return finding.key.startswith("place")

    def _is_mixed_up(self, finding: Finding, mixed: MixedSpans, store: ReadableStore, keys: KeyRing) -> bool:
        """Whether spans of which keys do not tell what belongs to which overlap by no more than a clock was set back.

        The validator takes objects of one for another's, and so finds more.
        """
        if overlap_of(finding.message) is None or not mixed.holds(finding.key):
            return False
        for recording in self._recording_of(finding.key):
            stored = list(self._stored(store, recording, keys))
            model = self._corrections(recording)
            return all(
                model.explain(earlier, start, later, stored)
                for earlier, start, later in overlaps_of(stored, finding.key)
            )
        return False

    def _recording_of(self, key: str) -> list[Recording]:
        return [one for one in self.scenario.recordings if key.startswith(f"{one.prefix}/")]

    def _corrections(self, recording: Recording) -> Corrections:
        camera = self.fleet.cameras[recording.camera]
        sparse = {stream.track_id for stream in camera.streams if stream.is_sparse}
        own = camera.clock_off if camera.does("clock readings") else None
        return Corrections(camera.given, sparse, self.wall.ahead, self.drift * self.simulation.time, own)

    def _keys(self) -> Iterator[ContentKey]:
        for number, _ in enumerate(self.scenario.recordings):
            yield ContentKey(parse_kid(KID.format(number)), bytes([number]) * 16)
        for kid, key in self.operator.keys.items():
            yield ContentKey(parse_kid(kid), key)

    def _excuses(self, recording: Recording) -> list[Excuse]:
        """What happened to the device, and where connections begin in the middle of a group of pictures."""
        first: dict[int, float] = {}
        began: dict[int, float] = {}
        camera = self.fleet.cameras[recording.camera]
        lead = camera.streams[0].track_id
        for one in camera.given:
            began.setdefault(one.session, one.captured)
            if one.track == lead and one.sync:
                first.setdefault(one.session, max(one.captured + one.later, one.at))
        group = camera.streams[0].period * camera.streams[0].group
        joined = []
        for session, at in began.items():
            until = first.get(session, at + GOP)
            known = until + camera.streams[0].period  # when the next one comes
            until += group if known - at > MAX_GAP else 0.0  # others led until then, so its first group is lost, too
            joined.append(Excuse(at - 1.0, until, "before the first sync sample", counted=False))
        troubled = [
            Excuse(one.captured, one.captured, f"camera: {one.disturbed}", counted=False)
            for one in camera.given
            if one.disturbed is not None and BEHAVIOURS[one.disturbed].may_lose
        ]
        # Where the leading track comes MAX_GAP after the others, its first group of pictures is lost for a gap, too.
        patience = GOP if group <= MAX_GAP else 2 * GOP
        left = list(self.pauses.excuses(recording.prefix, patience, camera.given))
        begun = [excuse for prefix, excuse in self._waits if prefix == recording.prefix]
        begun += [excuse for excuse in self.excuses if excuse.why == STARTED]
        left += [replace(one, end=one.end + patience - GOP) for one in begun]
        return (
            self.excuses + joined + troubled + left + self._waiting_documents(camera) + self._store_troubles(recording)
        )

    def _waiting_documents(self, camera: Camera) -> list[Excuse]:
        """Documents that waited for the next one when a clock was set, or a codec changed: new spans have no room."""
        found: list[Excuse] = []
        lead = camera.streams[0]
        until = 2.0 + lead.period * lead.group  # when new spans open
        times = [(jump, "its clock was set") for jump in self.wall.jumps]
        times += [(one.at, "a codec changed") for one in camera.given if one.changed]
        for track in [stream.track_id for stream in camera.streams if stream.is_sparse]:
            given = [one for one in camera.given if one.track == track]
            for at, why in times:
                waiting = [one for one in given if one.at <= at][-2:]
                waiting += [one for one in given if at < one.at <= at + until]
                found += [Excuse(one.captured, one.captured, why, counted=True) for one in waiting]
        return found

    def _store_troubles(self, recording: Recording) -> list[Excuse]:
        """A store that fails may cost anything at any time, as long as the device counts it."""
        kinds = STORE_TROUBLE[recording.storage] & self.scenario.kinds
        return [Excuse(0.0, inf, "the store failed, or there was no room", counted=True)] if kinds else []

    def _sent(self, recording: Recording) -> Iterator[Sent]:
        camera = self.fleet.cameras[recording.camera]
        needed: Iterable[bool] = repeat(True)
        if recording.before is not None:
            behind = partial(self._behind, camera)
            needed = self.events.needed(list(camera.given), camera.streams[0].track_id, recording.before, behind)
        silent = _before_silence(camera.given)
        for one, need in zip(camera.given, needed, strict=False):
            yield Sent(
                one.captured,
                recording.camera,
                one.track,
                one.number,
                one.payload,
                one.sync,
                one.taken and need and not self.pauses.was_off(recording.prefix, one.at),
                one.disturbed or ("before a silence" if (one.track, one.number) in silent else ""),
            )

    def _behind(self, camera: Camera, time: float) -> float:
        """Return by how many seconds a camera's clock, if it tells that, is behind the device's, which dates events."""
        if not camera.does("clock readings"):
            return 0.0
        shown = self.wall.true_at(time).microseconds_since(START) / 1e6
        return max(shown - time - camera.clock_off, 0.0)

    def _stored(self, store: ReadableStore, recording: Recording, keys: KeyRing) -> Iterator[Stored]:
        """Yield what is stored; it belongs to the span that the media say, however a reader would take it."""
        clocks: dict[str, MediaClock] = {}
        for span in Timeline.from_store(store, prefix=recording.prefix).spans:
            for segment in span.segments:
                first = self._first.get(segment.name, span.segments[0].name)
                read = read_segment(store.get(segment.name), keys=keys)
                key = ObjectKey.parse(segment.name, prefix=recording.prefix)
                clock = clocks.setdefault(first, read.clock(key))
                for track in read.tracks:
                    for sample in read.samples(track.track_id):
                        payload = bytes(sample.data)
                        name = identify(payload)
                        if name is not None:
                            at = clock.microseconds(sample.decode_time, track.timescale)
                            yield Stored(segment.name, *name, payload, at, first)


def _before_silence(given: Iterable[Given]) -> set[tuple[int, int]]:
    """Return the samples, as track and number, after which their track gave nothing for long, or nothing more.

    They wait until it does, so that a clock that is set meanwhile dates them, too ([6/15], line 6).
    """
    found: set[tuple[int, int]] = set()
    latest: dict[int, Given] = {}
    for one in given:
        before = latest.get(one.track)
        if before is not None and one.at - before.at > GOP:
            found.add((before.track, before.number))
        latest[one.track] = one
    return found | {(one.track, one.number) for one in latest.values()}


def _close(device: RecordingDevice) -> None:
    with suppress(PersistenceError):  # its disk fails; all that is recorded has been dealt with before
        device.close(60.0)


def _sort_out(outcome: Outcome, finding: str, known: str | None) -> None:
    """Keep a finding, or count it if it is known."""
    if known is None:
        outcome.findings.append(finding)
    else:
        outcome.known[known] += 1


def _contents(store: ReadableStore) -> dict[str, tuple[bytes, dict[str, str]]]:
    return {key: (store.get(key), dict(store.head(key).attributes)) for key in list(store.keys())}


def _configuration(number: int, recording: Recording) -> RecordingConfiguration:
    encryption: tuple[RecordingEncryption, ...] = ()
    if recording.encryption:
        encryption = (RecordingEncryption(recording.encryption.upper(), KID.format(number), bytes([number]) * 16, ()),)
    target = RecordingTargetConfiguration(
        recording.storage,
        recording.kind,
        timedelta(seconds=recording.segment),
        prefix=recording.prefix,
        encryption=encryption,
    )
    return RecordingConfiguration(target=target)


@contextmanager
def broken_invariants() -> Iterator[list[str]]:
    """Note every `InvariantError` that is raised, whoever survives it."""
    found: list[str] = []
    plain = InvariantError.__init__

    def note(error: InvariantError, *given: object) -> None:
        plain(error, *given)
        found.append(str(error))

    InvariantError.__init__ = note  # type: ignore[method-assign]
    try:
        yield found
    finally:
        InvariantError.__init__ = plain  # type: ignore[method-assign]


def simulate(scenario: Scenario) -> Outcome:
    """Run a scenario and check it."""
    began = time.process_time()
    world = World(scenario)
    with broken_invariants() as broken:
        try:
            world.run()
            outcome = world.check()
        except SimulationError as error:
            outcome = Outcome([*world.findings, f"stuck: {error}"])
        except BaseException:
            world.simulation.abandon()
            raise
        world.end()
    outcome.findings += [f"an invariant: {one}" for one in broken]
    outcome.hits = world.simulation.hits
    outcome.steps = world.simulation.steps
    outcome.simulated = world.simulation.time
    outcome.processor = time.process_time() - began
    return outcome
