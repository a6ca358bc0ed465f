"""Places of recordings: where their objects lie, and that no two recordings share one (4.1.3, B.4).

Each recording has a path of its own. If a key of one could be read as a key of another, a reader would take both for
one recording, and the device would end the spans of one for the other. ``leads_meet`` in ``objects.key`` is the exact
rule; here it is applied to storages, of which two tokens may name the same or nested ones, and to local data.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Protocol, runtime_checkable

from onvif_bmff.control.environment import Resources
from onvif_bmff.control.faults import BadConfiguration
from onvif_bmff.control.state import Job, Recording
from onvif_bmff.control.types.configuration import RecordingTargetConfiguration, StorageStrategy
from onvif_bmff.control.types.job_configuration import RecordingJobMode
from onvif_bmff.objects.key import KeyLead, lead_of, lead_shape, leads_meet

__all__ = [
    "LocatesStorages",
    "Place",
    "check_place",
    "clashing",
    "displaced",
    "local_prefix",
    "places_of",
]


class Place(Enum):
    """Places of data."""

    EXTERNAL = "external"
    LOCAL = "local"


@runtime_checkable
class LocatesStorages(Protocol):
    """Optional extension of ``Resources``, by which two tokens of one storage are recognised."""

    def storage_location(self, token: str | None) -> str:
        """Return a URI, or any other path, of the storage of a token, or for None of the local data.

        Equal for one storage; a storage inside another begins with the other's location and a slash.
        """
        ...


def places_of(target: RecordingTargetConfiguration | None) -> tuple[Place, ...]:
    """Return where data goes: to a target, or without one to the device itself (5.3.1; 26.06: both)."""
    if target is None or target.storage_strategy == StorageStrategy.LOCAL:
        return (Place.LOCAL,)
    if target.storage_strategy == StorageStrategy.BOTH:
        return (Place.EXTERNAL, Place.LOCAL)
    return (Place.EXTERNAL,)


def local_prefix(recording: str, track: str) -> str:
    """Return where the local data of a track lie: the prefix of its object keys."""
    return f"{recording}/{track}"


def _locator(resources: Resources) -> Callable[[str | None], str]:
    """Return a function from a storage token, or None for local data, to its location without a slash at the end."""
    if isinstance(resources, LocatesStorages):
        locate = resources.storage_location
        return lambda token: locate(token).rstrip("/")
    return lambda token: "local:" if token is None else f"storage:{token.replace('/', '|')}"


def _lead(locate: Callable[[str | None], str], recording: Recording) -> KeyLead | None:
    """Return the common beginning of all keys in a recording's target, with the storage's location; None without one.

    Local data needs none: their places are two tokens, which are unique and have no slash.
    """
    target = recording.configuration.target
    if target is None or target.storage_strategy == StorageStrategy.LOCAL:
        return None
    location = locate(target.storage)
    return lead_of(f"{location}/{target.prefix}" if target.prefix else location, target.postfix or "")


def _is_in_local_data(locate: Callable[[str | None], str], recording: Recording) -> bool:
    """Return whether a target lies in the place of local data, where data of unknown tracks are deleted."""
    target = recording.configuration.target
    if target is None or target.storage_strategy == StorageStrategy.LOCAL:
        return False
    local = f"{locate(None)}/"
    return f"{locate(target.storage)}/{target.prefix or ''}/".startswith(local)


def check_place(resources: Resources, recording: Recording, others: Iterable[Recording]) -> None:
    """Check that a recording has a separate place.

    Raises:
        BadConfiguration: a key of it could be one of another recording, or lies among the local data.
    """
    locate = _locator(resources)
    if _is_in_local_data(locate, recording):
        raise BadConfiguration("Storage and Prefix lead into the place of local data")
    own = _lead(locate, recording)
    if own is None:
        return
    shape = lead_shape(own)
    for other in others:
        lead = _lead(locate, other) if other.token != recording.token else None
        if lead is not None and lead_shape(lead) == shape and leads_meet(own, lead):
            raise BadConfiguration(
                f"Storage, Prefix and Postfix are no place of their own: keys could be those of {other.token}"
            )


def clashing(resources: Resources, recordings: Iterable[Recording]) -> list[tuple[str, str | None]]:
    """Return pairs of recordings with the same place, the earlier first; or one and None, if it lies in local data."""
    locate = _locator(resources)
    alike: dict[KeyLead, list[tuple[KeyLead, str]]] = {}
    pairs: list[tuple[str, str | None]] = []
    for recording in recordings:
        if _is_in_local_data(locate, recording):
            pairs.append((recording.token, None))
        lead = _lead(locate, recording)
        if lead is None:
            continue
        group = alike.setdefault(lead_shape(lead), [])
        pairs += [(other, recording.token) for other_lead, other in group if leads_meet(lead, other_lead)]
        group.append((lead, recording.token))
    return pairs


def displaced(pairs: Iterable[tuple[str, str | None]], jobs: Mapping[str, Job]) -> dict[str, str]:
    """Return the recordings that must not record since they share their place, with the reason in English.

    One of those that share a place may record: that whose job was set to Active first, so that running ones continue.
    """
    active: dict[str, int] = {}
    for job in jobs.values():
        if job.configuration.mode == RecordingJobMode.ACTIVE:
            token = job.configuration.recording_token
            active[token] = min(job.activation, active.get(token, job.activation))
    rivals: dict[str, set[str]] = {}
    found: dict[str, str] = {}
    for first, second in pairs:
        if second is None:
            found[first] = "Its storage and prefix lead into the place of local data; give it others"
        else:
            rivals.setdefault(first, set()).add(second)
            rivals.setdefault(second, set()).add(first)
    recording: set[str] = set()
    for token in sorted(rivals.keys() - found.keys(), key=lambda token: (active.get(token, float("inf")), token)):
        before = rivals[token] & recording
        if before:
            found[token] = f"Its storage, prefix and postfix are those of recording {min(before)}; give it others"
        elif token in active:
            recording.add(token)
    return found
