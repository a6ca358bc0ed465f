"""The recording service: operations a second, durable, and what arbitration costs with many jobs."""

import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.measure import row
from onvif_bmff.control import (
    PROFILE_TYPE,
    Capabilities,
    FixedResources,
    MemoryPersistence,
    Persistence,
    RecordingConfiguration,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingService,
    RecordingTargetConfiguration,
    SourceReference,
)
from onvif_bmff.engine.targets import TargetMaker
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime

NOW = UtcTime.parse("2026-01-02T03:04:05Z")


def service(persistence: Persistence) -> RecordingService:
    return RecordingService(
        clock=lambda: NOW,
        capabilities=Capabilities(max_recordings=None, max_recording_jobs=None),
        persistence=persistence,
        resources=FixedResources(storages={"s3"}, profiles={"cam"}),
    )


def configuration(number: int) -> RecordingConfiguration:
    target = RecordingTargetConfiguration("s3", "CMAF", timedelta(seconds=60), prefix=f"camera{number}")
    return RecordingConfiguration(target=target)


def job(recording: str, priority: int = 1) -> RecordingJobConfiguration:
    source = RecordingJobSource(SourceReference("cam", PROFILE_TYPE))
    return RecordingJobConfiguration(recording, "Active", priority, (source,))


def filled(persistence: Persistence, recordings: int, jobs_each: int) -> tuple[RecordingService, list[str]]:
    """A service with recordings and jobs."""
    made = service(persistence)
    tokens = [made.create_recording(configuration(number)) for number in range(recordings)]
    for token in tokens:
        for number in range(jobs_each):
            made.create_recording_job(job(token, number))
    return made, tokens


def seconds_each(work, count: int) -> float:
    """Seconds of wall time a call, over ``count`` calls."""
    start = time.perf_counter()
    for number in range(count):
        work(number)
    return (time.perf_counter() - start) / count


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    count = 20 if quick else 400
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        places: list[tuple[str, Persistence]] = [
            ("in memory", MemoryPersistence()),
            ("SQLite, WAL, synchronous=FULL", SqlitePersistence(Path(name) / "control.db")),
        ]
        for where, persistence in places:
            made, tokens = filled(persistence, 20, 2)
            jobs = [item.job_token for item in made.get_recording_jobs()]
            held = [made.get_recording_configuration(token) for token in tokens]

            def configure(n: int, made=made, tokens=tokens, held=held) -> None:
                made.set_recording_configuration(tokens[n % 20], replace(held[n % 20], content=str(n)))

            def switch(n: int, made=made, jobs=jobs) -> None:
                made.set_recording_job_mode(jobs[n // 2 % len(jobs)], ("Idle", "Active")[n % 2])

            def come_and_go(n: int, made=made) -> None:
                made.delete_recording(made.create_recording(configuration(1000 + n)))

            for what, work, per in (
                ("SetRecordingConfiguration", configure, 1),
                ("SetRecordingJobMode", switch, 1),
                ("CreateRecording + DeleteRecording", come_and_go, 2),
            ):
                each = seconds_each(work, count)
                rows.append(row(f"control: {what}, {where}", per / each, "operations/s", note=f"{each * 1e3:.3f} ms"))
            made.close()
    for recordings, jobs_each in ((100, 10), (1, 1000)):
        recordings, jobs_each = (recordings // 5 or 1, jobs_each // 5) if quick else (recordings, jobs_each)
        made, tokens = filled(MemoryPersistence(), recordings, jobs_each)
        last = made.get_recording_jobs()[-1].job_token
        label = f"{recordings * jobs_each} jobs in {recordings} recording{'s' * (recordings > 1)}"
        few = max(count // 10, 4)
        maker = TargetMaker({}.__getitem__, clock=lambda: NOW)

        def flip(n: int, made=made, last=last) -> None:
            made.set_recording_job_mode(last, ("Idle", "Active")[n % 2])

        def plan(n: int, made=made, maker=maker) -> None:
            for one in made.device_side.plans().recordings.values():
                maker.outputs(one)

        rows.append(row(f"control: change of one job's mode, {label}", seconds_each(flip, few) * 1e3, "ms"))
        rows.append(row(f"control: all plans of the engine, {label}", seconds_each(plan, few) * 1e3, "ms"))
    return rows
