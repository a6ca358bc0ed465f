"""The health of a device out of those of its processes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from onvif_bmff.control.plan import DevicePlan
from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device.health import DeviceHealth, RecordingHealth, StorageHealth
from onvif_bmff.storage.spool import SpoolStatus

__all__ = ["DEAD", "joined_health"]

DEAD = "The process of the recording has died"


def joined_health(
    own: DeviceHealth, tokens: Iterable[str], parts: Sequence[tuple[DevicePlan, DeviceHealth | None]]
) -> DeviceHealth:
    """Return the health of a device.

    Args:
        own: what the process of the device knows: whether it runs, its clock, what failed here.
        tokens: the recordings, in the order of their creation.
        parts: what each process was told to record, and its own health; None if it does not run.
    """
    known: dict[str, RecordingHealth] = {}
    storages: dict[str | None, StorageHealth] = {}
    recovered, failure = own.recovered, own.failure
    for plan, health in parts:
        recovered = recovered and health is not None and health.recovered
        if health is None:
            known |= _of_dead(plan)
            continue
        failure = failure or health.failure
        known |= {one.recording: one for one in health.recordings}
        for storage in health.storages:
            storages[storage.storage] = _together(storages.get(storage.storage), storage)
    recordings = tuple(known.get(token, RecordingHealth(token)) for token in tokens)
    return replace(
        own, recordings=recordings, storages=tuple(storages.values()), recovered=recovered, failure=failure
    )  # fmt: skip


def _of_dead(plan: DevicePlan) -> Mapping[str, RecordingHealth]:
    error = RecordingJobState.ERROR
    return {
        token: RecordingHealth(token, bool(one.feeds), state=error, error=DEAD) if one.feeds else RecordingHealth(token)
        for token, one in plan.recordings.items()
    }


def _together(one: StorageHealth | None, other: StorageHealth) -> StorageHealth:
    """Return the health of a storage that several processes use, each with a spool of its own."""
    if one is None:
        return other
    spools = [found.spool for found in (one, other) if found.spool is not None]
    return StorageHealth(one.storage, one.error or other.error, _sum(spools) if spools else None)


def _sum(spools: Sequence[SpoolStatus]) -> SpoolStatus:
    return SpoolStatus(
        sum(one.waiting for one in spools),
        sum(one.waiting_bytes for one in spools),
        sum(one.uploaded for one in spools),
        sum(one.aside for one in spools),
        next((one.error for one in spools if one.error is not None), None),
        sum(one.dropped for one in spools),
        sum(one.dropped_bytes for one in spools),
        any(one.exhausted for one in spools),
    )
