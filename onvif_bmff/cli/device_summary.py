"""What ``device --check`` says of a configuration without faults: what would run, and what would be written."""

import os
from collections.abc import Iterator

from onvif_bmff.configuration import DeviceConfiguration
from onvif_bmff.timing import format_duration

__all__ = ["summary_lines"]


def summary_lines(file: DeviceConfiguration, folder: str) -> Iterator[str]:
    """Yield a line for each job, with where its media come from and where they go; no secret is in them."""
    yield f"data directory {os.path.join(folder, file.data_directory)}"
    sources = {camera.token: camera.url or camera.file for camera in file.cameras}
    storages = {storage.token: storage.url for storage in file.storages}
    recordings = {recording.token: recording for recording in file.recordings}
    for job in file.jobs:
        recording = recordings[job.recording]
        cameras = ", ".join(f"{source.camera} ({sources[source.camera]})" for source in job.sources)
        if recording.storage is None:
            place = "the data directory"
        else:
            path = "/".join(part for part in (recording.prefix, "DATE", recording.postfix, "TIME") if part)
            place = f"{recording.storage} ({storages[recording.storage]}), {path}"
        length = format_duration(recording.segment_duration)
        clear = "encrypted" if recording.encryption else "clear"
        yield (
            f"job {job.token}, {job.mode}: {cameras} into recording {recording.token}, "
            f"{recording.format} {length}, {clear}, to {place}"
        )
    idle = recordings.keys() - {job.recording for job in file.jobs}
    for token in sorted(idle):
        yield f"recording {token} has no job in this file"
    for user in file.users:
        yield f"user {user.username}, {user.level}"
