"""Recording control: durable operations a second, and what it costs to decide between many jobs."""

import tempfile
import time
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
    SourceReference,
)
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime


def a_service(persistence: Persistence, recordings: int, jobs: int) -> tuple[RecordingService, list[str]]:
    """A service with active jobs spread over its recordings, and the tokens of the jobs."""
    service = RecordingService(
        clock=lambda: UtcTime(0),
        persistence=persistence,
        capabilities=Capabilities(max_recordings=None, max_recording_jobs=None),
        resources=FixedResources(profiles={"p"}),
    )
    tokens = [service.create_recording(RecordingConfiguration()) for _ in range(recordings)]
    source = (RecordingJobSource(SourceReference("p", PROFILE_TYPE)),)
    made = [
        service.create_recording_job(
            RecordingJobConfiguration(tokens[number % recordings], "Active", number % 10, source)
        ).job_token
        for number in range(jobs)
    ]
    return service, made


def operations_a_second(service: RecordingService, jobs: list[str], count: int) -> float:
    """Changes of modes a second, by the wall clock: they wait for the disk."""
    start = time.perf_counter()
    for number in range(count):
        service.set_recording_job_mode(jobs[number % len(jobs)], "Active" if number % 2 else "Idle")
    return count / (time.perf_counter() - start)


def run(quick: bool = False) -> list[dict[str, object]]:
    """All rows."""
    jobs, count = (50, 50) if quick else (1000, 1000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for recordings in (1, jobs // 10):
            name = f"{jobs} jobs, {recordings} recordings"
            persistence = SqlitePersistence(Path(folder) / f"{recordings}.db")
            service, tokens = a_service(persistence, recordings, jobs)
            rate = operations_a_second(service, tokens, count)
            rows.append(row(f"control: SQLite, {name}", rate, "operations/s"))
            service.close()
            service, tokens = a_service(MemoryPersistence(), recordings, jobs)
            rate = operations_a_second(service, tokens, count)
            rows.append(row(f"control: memory, {name}", rate, "operations/s"))
            start = time.process_time()
            for _ in range(20):
                service.assignments()
            rows.append(row(f"control: assignments, {name}", (time.process_time() - start) / 20 * 1000, "ms"))
    return rows
