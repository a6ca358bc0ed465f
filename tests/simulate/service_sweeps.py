"""Sweeps over the operations of the recording service, whose database is on a simulated disk; see ``sweeps``."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from onvif_bmff.control import (
    PROFILE_26_06,
    Capabilities,
    DateTimeRange,
    RecordingService,
    SearchScope,
    StorageReferencePath,
    TimeRange,
    TrackConfiguration,
)
from onvif_bmff.errors import OnvifBmffError, PersistenceError
from onvif_bmff.storage.sqlite import SqlitePersistence
from tests.control.control_kit import (
    KEY,
    KID,
    OTHER_KID,
    Clock,
    Counting,
    Data,
    Exports,
    automatic,
    encrypted,
    entry,
    job,
    profile,
    recording,
    resources,
    target,
)
from tests.simulate.database import SimulatedDatabase
from tests.simulate.disk import SimulatedDisk
from tests.simulate.runtime import Simulation
from tests.simulate.sweeps import Case, Scenario, World

__all__ = ["OPERATIONS", "Operation", "ServiceWorld", "Start"]

NOT_TAKEN_BACK = "database: refused, and there after a restart of which the disk took nothing any more"
"""A disk that took all of a change, failed to confirm it, and then fails for good: nobody can take the change back."""

_NOW = Clock().now
_RANGE = DateTimeRange(_NOW, _NOW + timedelta(minutes=1))


class ServiceWorld(World):
    """A database, and the service of the process that has it open."""

    database: SimulatedDatabase
    persistence: SqlitePersistence
    service: RecordingService
    documents: object = None

    def __init__(self) -> None:
        super().__init__(self._make_disk)
        self.tokens: dict[str, str] = {}
        self.random = Counting()

    def _make_disk(self, simulation: Simulation) -> SimulatedDisk:
        self.database = SimulatedDatabase(simulation)
        return self.database.disk

    def open(self) -> None:
        """Start the service."""
        self.persistence = persistence = self.database.open(self.process)
        self.documents = persistence.load()
        data, clock = Data(), Clock()
        data.add(self.tokens.get("recording", ""), "VIDEO001", TimeRange(clock.now, clock.now))
        try:
            self.service = RecordingService(
                clock=clock,
                capabilities=Capabilities(supported_export_file_formats=("MP4",), segment_export=True),
                profile=PROFILE_26_06,
                persistence=persistence,
                resources=resources(),
                local_data=data,
                exporter=Exports(),
                segments=_Segments(),
                segment_exporter=Exports(),
                random=self.random,
            )
        except BaseException:
            with suppress(OnvifBmffError):
                persistence.close()
            raise

    def state(self) -> object:
        """Return what clients see, and the keys that the engine gets."""
        service, side = self.service, self.service.device_side
        tokens = [item.recording_token for item in service.get_recordings()]
        keys = [side.content_key(token, kid) for token in tokens for kid in (KID, OTHER_KID) if _has(side, token, kid)]
        return service.snapshot(), service.get_recordings(), service.get_recording_jobs(), keys


def _has(side: Any, token: str, kid: str) -> bool:
    try:
        side.content_key(token, kid)
    except OnvifBmffError:
        return False
    return True


class _Segments:
    """No segments."""

    def segments(self, recording_token: str, time: TimeRange) -> list[Any]:
        return []


class Operation(Scenario):
    """One operation on a device that has a recording with a key, a job that is active, and exports that run."""

    def __init__(self, name: str, call: Callable[[RecordingService, dict[str, str]], object]) -> None:
        self.name = name
        self._call = call
        self._before: tuple[list[object], object] | None = None
        self._after: tuple[list[object], object] | None = None

    def make_world(self) -> ServiceWorld:
        return ServiceWorld()

    def prepare(self, world: World) -> None:
        assert isinstance(world, ServiceWorld)
        world.open()
        service, tokens = world.service, world.tokens
        tokens["recording"] = service.create_recording(encrypted(entry()))
        tokens["other"] = service.create_recording(recording(target(prefix="other")))
        tokens["local"] = service.create_recording(recording())
        tokens["job"] = service.create_recording_job(job(tokens["recording"], automatic())).job_token
        tokens["export"] = service.export_recorded_data(
            SearchScope(), "MP4", StorageReferencePath("s3")
        ).operation_token
        tokens["segments"] = service.export_recorded_segments(_RANGE, tokens["local"], storage_token="s3")

    def act(self, world: World) -> None:
        assert isinstance(world, ServiceWorld)
        before = world.state()
        try:
            self._call(world.service, world.tokens)
            world.acknowledged[self.name] = True
        except PersistenceError:
            world.expect(world.state() == before, "it was refused, and something has changed")
            if world.disk.faults.lasting is None:
                world.end_process()  # nothing that closing does may be needed to undo what was refused
            raise
        finally:
            if world.process.name == "first":
                with suppress(PersistenceError):
                    world.service.close()

    def examine(self, world: World, case: Case) -> None:
        """The model is that before, or that after, and the latter if the operation was acknowledged."""
        assert isinstance(world, ServiceWorld)
        if self._before is None or self._after is None:
            self._before, self._after = self._clean(acts=False), self._clean(acts=True)
        _reopen(world)
        if world.documents in self._after[0] and self._after[1] == world.state():
            refused = not world.acknowledged and case.loss is None and self._before[0] != self._after[0]
            if refused and case.lasting:
                world.simulation.hits[NOT_TAKEN_BACK] += 1
            world.expect(case.lasting or not refused, "it was refused, and is there after a restart")
        else:
            same = world.documents in self._before[0] and self._before[1] == world.state()
            world.expect(same, "neither the model before nor the one after")
            world.expect(not world.acknowledged, "it was acknowledged, and is undone")
        world.service.close()

    def _clean(self, *, acts: bool) -> tuple[list[object], object]:
        """Return what is stored after each commit, and what is seen after a restart."""
        world = self.make_world()
        self.prepare(world)
        stored: list[object] = []
        if acts:
            persistence = world.persistence
            commit = persistence.commit

            def note(*change: Any) -> None:
                commit(*change)
                stored.append(persistence.load())

            persistence.commit = note  # type: ignore[method-assign]
            self.act(world)
        world.end_process()
        _reopen(world)
        return [*stored, world.documents], world.state()


def _reopen(world: ServiceWorld) -> None:
    """Start the service; ``documents`` are those that it found. What it had left to do is done after a second start."""
    found = []
    for _ in range(3):
        world.open()
        found.append(world.documents)
        if len(found) < 3:
            world.service.close()
    world.expect(found[1] == found[2], "a third start finds something else than the second")
    world.documents = found[0]


class Start(Operation):
    """A start on a database that the power cut left with its log."""

    def __init__(self) -> None:
        super().__init__("service: start", lambda service, tokens: None)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.end_process()
        world.disk.crash()

    def act(self, world: World) -> None:
        assert isinstance(world, ServiceWorld)
        world.open()
        world.service.close()


def _encrypted_anew(service: RecordingService, tokens: dict[str, str]) -> object:
    return service.set_recording_configuration(
        tokens["recording"], encrypted(entry(kid=OTHER_KID, key=KEY[::-1]), maximum_retention_time=timedelta(days=3))
    )


_CALLS: dict[str, Callable[[RecordingService, dict[str, str]], object]] = {
    "CreateRecording": lambda service, tokens: service.create_recording(
        recording(target(encryption=(entry(kid=OTHER_KID),), prefix="new"))
    ),
    "DeleteRecording": lambda service, tokens: service.delete_recording(tokens["other"]),
    "SetRecordingConfiguration": _encrypted_anew,
    "OverrideSegmentDuration": lambda service, tokens: service.override_segment_duration(
        timedelta(seconds=5), timedelta(minutes=1), tokens["recording"]
    ),
    "CreateTrack": lambda service, tokens: service.create_track(tokens["recording"], TrackConfiguration("Video")),
    "DeleteTrack": lambda service, tokens: service.delete_track(tokens["other"], "VIDEO001"),
    "SetTrackConfiguration": lambda service, tokens: service.set_track_configuration(
        tokens["recording"], "AUDIO001", TrackConfiguration("Audio", "the yard")
    ),
    "CreateRecordingJob": lambda service, tokens: service.create_recording_job(
        job(tokens["other"], profile("VIDEO001"), automatic("AUDIO001"))
    ),
    "DeleteRecordingJob": lambda service, tokens: service.delete_recording_job(tokens["job"]),
    "SetRecordingJobConfiguration": lambda service, tokens: service.set_recording_job_configuration(
        tokens["job"], job(tokens["recording"], profile("VIDEO001"), priority=7)
    ),
    "SetRecordingJobMode": lambda service, tokens: service.set_recording_job_mode(tokens["job"], "Idle"),
    "ExportRecordedData": lambda service, tokens: service.export_recorded_data(
        SearchScope(), "MP4", StorageReferencePath("s3")
    ),
    "StopExportRecordedData": lambda service, tokens: service.stop_export_recorded_data(tokens["export"]),
    "ExportRecordedSegments": lambda service, tokens: service.export_recorded_segments(
        _RANGE, tokens["local"], storage_token="s3"
    ),
    "StopExportRecordedSegments": lambda service, tokens: service.stop_export_recorded_segments(tokens["segments"]),
}
"""The operations that change something; all others only read."""

OPERATIONS: dict[str, Scenario] = {
    one.name: one for one in (*(Operation(f"service: {name}", call) for name, call in _CALLS.items()), Start())
}
"""What can be swept of the service, by name."""
