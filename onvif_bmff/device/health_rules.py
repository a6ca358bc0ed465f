"""What of a device's health is a fault: one table, for ``/healthz``, metrics and docs/health.md."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from onvif_bmff.control.types.job_state import RecordingJobState
from onvif_bmff.device.health import DeviceHealth, RecordingHealth, StorageHealth
from onvif_bmff.timing import UtcTime

__all__ = [
    "ALL_RULES",
    "DEVICE_RULES",
    "RECORDING_RULES",
    "STORAGE_RULES",
    "HealthFinding",
    "HealthRule",
    "find_faults",
    "is_healthy",
]

UNHEALTHY, NOTICE = True, False
"""Whether a rule makes the device unhealthy, or is only named."""

_QUIET = timedelta(seconds=120)
_WAITING = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class HealthRule:
    """One thing that can be wrong.

    Args:
        code: its name, for programs.
        serious: whether it makes the device unhealthy; if not, it is only named.
        meaning: what is wrong, for the documentation.
    """

    code: str
    serious: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """A rule that is broken now.

    Args:
        code: the rule.
        serious: whether the device is unhealthy because of it.
        subject: token of the recording or storage; empty for the device, and for local data.
        text: what is known of it.
    """

    code: str
    serious: bool
    subject: str
    text: str


def _not_running(health: DeviceHealth) -> str | None:
    return None if health.running else "the device is not running"


def _not_followed(health: DeviceHealth) -> str | None:
    return None if health.failure is None else health.failure.text


def _clock_not_set(health: DeviceHealth) -> str | None:
    return health.clock.doubt


def _not_recovered(health: DeviceHealth) -> str | None:
    return None if health.recovered else "stores are still being recovered"


def _in_error(one: RecordingHealth, health: DeviceHealth) -> str | None:
    return (one.error or "a track is in Error") if one.state is RecordingJobState.ERROR else None


def _passed(since: UtcTime, one: RecordingHealth, health: DeviceHealth) -> timedelta:
    """Return how much time has passed since an instant of a recording, whose camera may have another time."""
    return health.clock.now - since + (one.clock_offset or timedelta(0))


def _waits_for_clock(one: RecordingHealth, health: DeviceHealth) -> str | None:
    return one.waits if health.clock.doubt is None else None


def _quiet(one: RecordingHealth, health: DeviceHealth) -> str | None:
    if not one.continuous or one.state is not RecordingJobState.ACTIVE or one.last_sample is None:
        return None
    passed = _passed(one.last_sample, one, health)
    return f"nothing was recorded for {passed.total_seconds():.0f} s" if passed > _QUIET else None


def _waits(one: RecordingHealth, health: DeviceHealth) -> str | None:
    if one.backlog.oldest is None or _passed(one.backlog.oldest, one, health) <= _WAITING:
        return None
    return f"{one.backlog.objects} objects wait for the store, the first since {one.backlog.oldest}"


def _lossy(one: RecordingHealth, health: DeviceHealth) -> str | None:
    lost = sum(one.dropped.values())
    return f"{lost} samples were lost since the start" if lost else None


def _store_fails(one: StorageHealth) -> str | None:
    return one.error


def _spool_fails(one: StorageHealth) -> str | None:
    return None if one.spool is None else one.spool.error


def _spool_drops(one: StorageHealth) -> str | None:
    return (
        f"the full spool dropped {one.spool.dropped} objects" if one.spool is not None and one.spool.dropped else None
    )


def _spool_aside(one: StorageHealth) -> str | None:
    return f"{one.spool.aside} objects are set aside" if one.spool is not None and one.spool.aside else None


def _spool_exhausted(one: StorageHealth) -> str | None:
    return "the limit of a day or month is used up" if one.spool is not None and one.spool.exhausted else None


DEVICE_RULES: tuple[tuple[HealthRule, Callable[[DeviceHealth], str | None]], ...] = (
    (HealthRule("not-running", UNHEALTHY, "the device was not started, was closed, or its thread ended"), _not_running),
    (HealthRule("not-followed", UNHEALTHY, "the device cannot follow its configuration"), _not_followed),
    (HealthRule("clock-not-set", UNHEALTHY, "the clock cannot be right, and recordings wait for it"), _clock_not_set),
    (HealthRule("not-recovered", NOTICE, "what an earlier process left is still being recovered"), _not_recovered),
)  # fmt: skip
"""Rules for the device, in the order in which findings are listed."""

RECORDING_RULES: tuple[tuple[HealthRule, Callable[[RecordingHealth, DeviceHealth], str | None]], ...] = (
    (HealthRule("recording-waits", UNHEALTHY, "its place has keys later than the clock"), _waits_for_clock),
    (HealthRule("recording-error", UNHEALTHY, "a track that a job feeds is in Error"), _in_error),
    (HealthRule("nothing-recorded", UNHEALTHY, "Active with video or sound, and no new fragment for 120 s"), _quiet),
    (HealthRule("backlog", UNHEALTHY, "a complete segment that began over 300 s ago waits for its store"), _waits),
    (HealthRule("samples-lost", NOTICE, "samples of a recording were lost since the start"), _lossy),
)  # fmt: skip
"""Rules for each recording."""

STORAGE_RULES: tuple[tuple[HealthRule, Callable[[StorageHealth], str | None]], ...] = (
    (HealthRule("store-fails", NOTICE, "the store does not take what is recorded, and is tried again"), _store_fails),
    (HealthRule("upload-fails", NOTICE, "the last upload from a spool failed, and is tried again"), _spool_fails),
    (HealthRule("spool-dropped", NOTICE, "a full spool has dropped objects"), _spool_drops),
    (HealthRule("set-aside", NOTICE, "the store refused objects for good; they are kept in the spool"), _spool_aside),
    (HealthRule("quota-used-up", NOTICE, "uploads wait for the next day or month"), _spool_exhausted),
)  # fmt: skip
"""Rules for each storage."""

ALL_RULES = tuple(row[0] for rows in (DEVICE_RULES, RECORDING_RULES, STORAGE_RULES) for row in rows)
"""All rules."""


def find_faults(health: DeviceHealth) -> tuple[HealthFinding, ...]:
    """Return all rules that are broken: those of the device first, then by recording and by storage."""
    return tuple(_findings(health))


def is_healthy(health: DeviceHealth) -> bool:
    """Return whether no serious rule is broken."""
    return not any(one.serious for one in _findings(health))


def _findings(health: DeviceHealth) -> Iterator[HealthFinding]:
    for rule, look in DEVICE_RULES:
        if (text := look(health)) is not None:
            yield HealthFinding(rule.code, rule.serious, "", text)
    for recording in health.recordings:
        for rule, look_at in RECORDING_RULES:
            if (text := look_at(recording, health)) is not None:
                yield HealthFinding(rule.code, rule.serious, recording.recording, text)
    for storage in health.storages:
        for rule, look_into in STORAGE_RULES:
            if (text := look_into(storage)) is not None:
                yield HealthFinding(rule.code, rule.serious, storage.storage or "", text)
