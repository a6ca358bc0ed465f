"""Exhaustive sweeps: what a scenario does with a disk fails, or the process ends, at each of its operations in turn.

A scenario runs once without faults, which gives its number n of operations. Then for each operation k of n, and each
way in which that one can fail:

* it fails once;
* it and all after it fail;
* the process ends in its place, and the power with it: once for each kind of loss and each seed of chance.

Then everything works again, another process starts, recovers, and the store is examined: see ``Scenario.examine``.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from random import Random

from onvif_bmff.control.environment import ExportOperation
from onvif_bmff.control.types.export import StorageReferencePath
from onvif_bmff.device.exports import ExportPart, MovieExporter, clear_unfinished_exports
from onvif_bmff.errors import ObjectNotFoundError, OnvifBmffError
from onvif_bmff.objects import FragmentWritten, ObjectKey, RecordingEvent, SegmentOpened
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.playback import Timeline, read_segment
from onvif_bmff.recording.formats import MP4
from onvif_bmff.recovery import recover_store
from onvif_bmff.storage import StoreSink
from onvif_bmff.testing.recordings import START, recorded_events
from onvif_bmff.validation import validate_store
from tests.simulate.disk import LOSSES, Fault, Loss, SimulatedDisk, can_hit
from tests.simulate.runtime import Crashed, Process, SimulatedRuntime, Simulation

__all__ = ["SCENARIOS", "Case", "Scenario", "SweepReport", "World", "cases", "run_case", "run_sweeps", "scenarios"]

SEEDS = 2
"""Seeds of chance for each power cut."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run: at operation ``at`` there is a ``fault``, ``lasting`` or once, or else a power cut with a ``loss``."""

    scenario: str
    at: int
    fault: Fault | None = None
    lasting: bool = False
    loss: Loss | None = None
    seed: int = 0

    def __str__(self) -> str:
        what = (
            f"{self.fault} {'from there on' if self.lasting else 'once'}" if self.fault else f"{self.loss} {self.seed}"
        )
        return f"{self.scenario}, operation {self.at}, {what}"


@dataclass(slots=True)
class SweepReport:
    """How many runs there were by scenario, of how many that are possible; the hits of all faults; what was found."""

    runs: Counter[str] = field(default_factory=Counter)
    possible: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the report as text."""
        for name, runs in self.runs.items():
            yield f"{name}: {self.operations[name]} operations, {runs} of {self.possible[name]} runs"
        yield "hits: " + ", ".join(f"{name} {count}" for name, count in sorted(self.hits.items()))
        yield f"{len(self.findings)} findings"
        yield from self.findings


class World:
    """A disk and the process that uses it."""

    def __init__(self, make_disk: Callable[[Simulation], SimulatedDisk] = SimulatedDisk) -> None:
        self.simulation = Simulation(0)
        self.disk = make_disk(self.simulation)
        self.process = Process("first")
        self.findings: list[str] = []
        self.acknowledged: dict[str, object] = {}
        self.dropped: Counter[str] = Counter()
        self.events = 0

    @property
    def runtime(self) -> SimulatedRuntime:
        """The runtime of the present process."""
        return SimulatedRuntime(self.simulation, self.process, lambda at: START.plus_microseconds(int(at * 1e6)))

    def store(self, *, fsync_appends: bool = False) -> ObjectStore:
        """Return a store of the present process."""
        return self.disk.store(self.process, fsync_appends=fsync_appends)

    def end_process(self) -> None:
        """End the process; the power stays on."""
        self.simulation.crash(self.process)
        self.process = Process("next")

    def expect(self, holds: bool, message: str) -> None:
        """Note a finding unless something holds."""
        if not holds:
            self.findings.append(message)


class Scenario:
    """What is done, and what must hold afterwards."""

    name = ""
    faults: Sequence[Fault] = tuple(fault for fault in Fault if fault is not Fault.SLOW)

    def make_world(self) -> World:
        """Return where it is done."""
        return World()

    def prepare(self, world: World) -> None:
        """Do what comes before, in which nothing fails."""

    def act(self, world: World) -> None:
        """Do what is to be examined."""
        raise NotImplementedError

    def examine(self, world: World, case: Case) -> None:
        """Look at what is left, in another process in which nothing fails."""
        raise NotImplementedError


# ---- recordings ------------------------------------------------------------------------------------------


@cache
def _events(kind: str) -> tuple[RecordingEvent, ...]:
    match kind:
        case "MP4":
            made = recorded_events(tracks=("vide", "soun"), recording_format=MP4, segments=2, seconds=2)
        case "large":
            made = recorded_events(tracks=("vide",), segments=2, seconds=2, size=6000)
        case _:
            made = recorded_events(tracks=("vide",), segments=2, seconds=2)
    return tuple(made)


def _payloads(bodies: Iterator[tuple[str, bytes]]) -> Counter[tuple[int, bytes]]:
    """Return how often each sample is in segments, by track and payload."""
    found: Counter[tuple[int, bytes]] = Counter()
    for key, body in bodies:
        if not ObjectKey.parse(key).span_end:
            found.update((sample.track_id, bytes(sample.data)) for sample in read_segment(body).samples())
    return found


def _contents(store: ObjectStore) -> dict[str, tuple[bytes, dict[str, str]]]:
    return {key: (store.get(key), dict(store.head(key).attributes)) for key in list(store.keys())}


@cache
def _source(kind: str) -> Counter[tuple[int, bytes]]:
    world = World()
    record(world, world.store(), _events(kind))
    return _payloads((key, body) for key, (body, _) in _contents(world.store()).items())


@cache
def _fragments(kind: str) -> tuple[Counter[tuple[int, bytes]], ...]:
    """Return the samples of each event, by track and payload."""
    found, header = [], b""
    for event in _events(kind):
        body = b""
        if isinstance(event, SegmentOpened):
            header = bytes(event.header)
        elif isinstance(event, FragmentWritten):
            body = header + b"".join(map(bytes, event.buffers))
        found.append(_payloads(iter([(str(event.key), body)] if body else [])))
    return tuple(found)


def record(world: World, store: ObjectStore, events: Sequence[RecordingEvent], *, closed: bool = True) -> None:
    """Let a sink store events, one each third of a second."""
    runtime = world.runtime
    sink = StoreSink(
        store,
        on_stored=lambda key, size: world.acknowledged.__setitem__(str(key), size),
        on_failure=lambda failure: None,
        clock=runtime.monotonic,
        sleep=runtime.sleep,
        random=runtime.random,
    )
    for event in events:
        sink.add_all([event])
        world.events += 1
        runtime.sleep(0.3)
    if closed:
        sink.close()
    world.dropped = sink.dropped


def _examine_recording(world: World, kind: str) -> Counter[tuple[int, bytes]]:
    """Recover, and look at each object: valid, acknowledged ones there, each sample once and as it was.

    Returns the samples that are there, by track and payload.
    """
    store = world.store()
    report = recover_store(store, exclusive=True)
    # Where a power cut left something else of a segment, it is given up, and the report says why.
    errors = [error for error in report.errors if not error.startswith(tuple(f"{key}: " for key in report.abandoned))]
    world.expect(not errors, f"recovery: {errors}")
    again = recover_store(store, exclusive=True)
    changed = again.recovered + again.abandoned + again.ended + again.errors + again.left
    world.expect(not changed, f"a second recovery changes {changed}")
    world.expect(not store.unsealed(), "something is still unsealed")  # type: ignore[attr-defined]
    found = _contents(store)
    for key, size in world.acknowledged.items():
        world.expect(key in found and len(found[key][0]) == size, f"{key} was acknowledged and is not there")
    open_spans = [span for span in Timeline.from_store(store).spans if span.end is None]
    world.expect(not open_spans, f"not ended: {open_spans}")
    stored = _payloads((key, body) for key, (body, _) in found.items())
    twice = [payload for payload, count in stored.items() if count > 1]
    world.expect(not twice, f"stored more than once: {twice[:3]}")
    strange = [payload for payload in stored if payload not in _source(kind)]
    world.expect(not strange, f"stored and never recorded: {strange[:3]}")
    faults = [str(one) for one in validate_store(store)]
    world.expect(not faults, f"not valid: {faults[:3]}")
    return stored


class Record(Scenario):
    """A recording from the opening of the store to the end of its span."""

    def __init__(self, name: str, kind: str, *, fsync_appends: bool) -> None:
        self.name = name
        self._kind = kind
        self._fsync_appends = fsync_appends

    def act(self, world: World) -> None:
        record(world, world.store(fsync_appends=self._fsync_appends), _events(self._kind))

    def examine(self, world: World, case: Case) -> None:
        stored = _examine_recording(world, self._kind)
        if self._fsync_appends and case.fault is None:
            written = sum(_fragments(self._kind)[: world.events], Counter())
            missing = written - stored
            world.expect(not missing, f"{missing.total()} samples of durable fragments are gone")
        if case.fault is not None and not case.lasting:
            world.expect(not world.dropped, f"one failure lost {dict(world.dropped)}")


class Recover(Scenario):
    """A recovery after the recorder died with segments open, whose bytes are on the disk."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self._kind = kind
        self._expected: dict[str, tuple[bytes, dict[str, str]]] | None = None

    def prepare(self, world: World) -> None:
        events = _events(self._kind)
        sealed = [number for number, event in enumerate(events) if type(event).__name__ == "SegmentSealed"]
        record(world, world.store(fsync_appends=True), events[: sealed[-1]], closed=False)
        world.end_process()
        world.disk.crash(Loss.ALL)

    def act(self, world: World) -> None:
        recover_store(world.store(), exclusive=True)

    def examine(self, world: World, case: Case) -> None:
        _examine_recording(world, self._kind)
        found = _contents(world.store())
        if self._expected is None:
            clean = World()
            self.prepare(clean)
            self.act(clean)
            self._expected = _contents(clean.store())
        world.expect(found == self._expected, "not what an undisturbed recovery leaves")


# ---- single objects --------------------------------------------------------------------------------------


class Seal(Scenario):
    """One object is stored, one replaced, one deleted."""

    name = "seal"
    _WAYS: Sequence[tuple[str, bytes | None, bytes | None]] = (
        ("site/a", None, b"first" * 500),
        ("site/b", b"old" * 300, b"second" * 500),
        ("site/c", b"old" * 400, None),
    )

    def prepare(self, world: World) -> None:
        store = world.store()
        for key, old, _ in self._WAYS:
            if old is not None:
                self._put(store, key, old, overwrite=False)

    @staticmethod
    def _put(store: ObjectStore, key: str, data: bytes, *, overwrite: bool) -> None:
        writer = store.open_writer(key, content_type="video/mp4", overwrite=overwrite)
        try:
            writer.append(data[:100])
            writer.append(data[100:])
            writer.seal({"Size": str(len(data))})
        finally:
            writer.abandon()

    def act(self, world: World) -> None:
        store = world.store(fsync_appends=True)
        for key, old, new in self._WAYS:
            if new is None:
                store.delete(key)
            else:
                self._put(store, key, new, overwrite=old is not None)
            world.acknowledged[key] = new

    def examine(self, world: World, case: Case) -> None:
        store = world.store()
        unsealed = store.unsealed()  # type: ignore[attr-defined]
        world.expect(
            {item.key for item in unsealed} <= {key for key, _, new in self._WAYS if new}, "unsealed of nobody"
        )
        for item in unsealed:
            store.resume(item).abandon()  # type: ignore[attr-defined]
        listed = list(store.keys())
        for key, old, new in self._WAYS:
            try:
                found: bytes | None = store.get(key)
                attributes = store.head(key).attributes
                world.expect(
                    attributes == {"Size": str(len(found or b""))}, f"{key} has other attributes: {attributes}"
                )
            except ObjectNotFoundError:
                found = None
            allowed = (new,) if key in world.acknowledged else (old, new)
            world.expect(found in allowed, f"{key} is neither the old nor the new object: {found and found[:20]!r}")
            world.expect((found is not None) == (key in listed), f"{key} is listed, or not, against the fact")


# ---- exports ---------------------------------------------------------------------------------------------


class Export(Scenario):
    """A recording is exported to a file in the same store."""

    name = "export"
    _KEY = "export/camera.mp4"

    def __init__(self) -> None:
        self._expected: bytes | None = None

    def prepare(self, world: World) -> None:
        record(world, world.store(), _events("CMAF"))

    def act(self, world: World) -> None:
        store, runtime = world.store(), world.runtime

        def report(token: str, progress: float, files: object = (), *, finished: bool = False, **more: object) -> None:
            if finished and more.get("error") is None:
                world.acknowledged[self._KEY] = True

        part = ExportPart(store, (("site-2", "camera-5"),))
        exporter = MovieExporter({"s3": store}, lambda token: part, report, runtime)
        exporter.start(ExportOperation("export", ("camera",), "MP4", StorageReferencePath("s3", "export")))
        runtime.sleep(60)
        exporter.close()

    def examine(self, world: World, case: Case) -> None:
        """The file is whole or not there, and there if that was reported."""
        if self._expected is None:
            clean = World()
            self.prepare(clean)
            self.act(clean)
            self._expected = clean.store().get(self._KEY)
        done = world.acknowledged.pop(self._KEY, False)
        store = world.store()
        clear_unfinished_exports(store, ["camera"])
        try:
            found = store.get(self._KEY)
        except ObjectNotFoundError:
            world.expect(not done, "the export was reported as complete, and is not there")
        else:
            world.expect(found == self._expected, "the export is not whole")
            store.delete(self._KEY)
        _examine_recording(world, "CMAF")


SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Record("record CMAF", "CMAF", fsync_appends=False),
        Record("record MP4, durable appends", "MP4", fsync_appends=True),
        Record("record large pictures", "large", fsync_appends=False),
        Record("record large pictures, durable appends", "large", fsync_appends=True),
        Seal(),
        Recover("recover CMAF", "CMAF"),
        Recover("recover MP4", "MP4"),
        Export(),
    )
}
"""What can be swept of stores, by name; see ``scenarios``."""


def scenarios() -> dict[str, Scenario]:
    """Return all that can be swept, by name; operations of the service only where there is apsw."""
    if find_spec("apsw") is None:
        return SCENARIOS
    from tests.simulate.service_sweeps import OPERATIONS

    return SCENARIOS | OPERATIONS


# ---- running ---------------------------------------------------------------------------------------------


def cases(scenario: Scenario) -> list[Case]:
    """Return all cases of a scenario, in order of operations."""
    world = scenario.make_world()
    scenario.prepare(world)
    before = world.disk.operations
    world.disk.trace = []
    scenario.act(world)
    found = []
    for number, operation in enumerate(world.disk.trace, 1):
        for fault in scenario.faults:
            if can_hit(fault, operation):
                found += [Case(scenario.name, number, fault, lasting) for lasting in (False, True)]
        found += [Case(scenario.name, number, loss=loss, seed=seed) for loss in LOSSES for seed in range(SEEDS)]
    if world.disk.operations - before != len(world.disk.trace):
        raise RuntimeError("the trace is not whole")
    return found


def run_case(scenario: Scenario, case: Case) -> World:
    """Run a case; the world has the findings."""
    world = scenario.make_world()
    scenario.prepare(world)
    faults, at = world.disk.faults, world.disk.operations + case.at
    if case.fault is None:
        faults.crash_at = at
    elif case.lasting:
        faults.lasting = (at, case.fault)
    else:
        faults.at[at] = case.fault
    reached = True
    try:
        scenario.act(world)
        reached = case.fault is not None or not world.process.alive
    except Crashed:
        pass
    except OnvifBmffError:
        world.expect(case.fault is not None, "an error without a fault")
    except Exception as error:
        world.expect(False, f"not an error of the library: {error!r}")
    world.findings += [f"a task ended with {error!r}" for _, error in world.simulation.faults]
    world.expect(reached, "the operation was not reached")
    faults.clear()
    if world.process.alive:
        left = world.disk.open_descriptors(world.process)
        world.expect(not left, f"{left} files are still open")
    world.end_process()
    if case.loss is not None:
        world.disk.crash(case.loss, Random(case.seed))
    try:
        scenario.examine(world, case)
    except Exception as error:
        world.expect(False, f"afterwards: {error!r}")
    return world


def run_sweeps(names: Sequence[str] = (), stride: int = 1, offset: int = 0) -> SweepReport:
    """Run every ``stride``-th case of the scenarios named, or of all, from the ``offset``-th on."""
    report = SweepReport()
    known = scenarios()
    for name in names or known:
        scenario = known[name]
        possible = cases(scenario)
        report.possible[name] = len(possible)
        report.operations[name] = possible[-1].at if possible else 0
        for case in possible[offset::stride]:
            world = run_case(scenario, case)
            report.runs[name] += 1
            report.hits += world.simulation.hits
            report.findings += [f"{case}: {finding}" for finding in world.findings]
    return report
