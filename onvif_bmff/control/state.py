"""Persistent state of a device (5.2): recordings, tracks, jobs and receivers.

``DeviceState`` is a handful of dictionaries of immutable values. An operation works on a ``copy`` and is committed by
writing the documents that differ (``DeviceState.changes_since``), so a transaction costs as much as was changed,
independently of the size of the state. Content keys are kept apart in ``DeviceState.secrets`` and are in no document.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Self

from onvif_bmff.control.content_keys import KeyCheck
from onvif_bmff.control.plain import STORED_NAME, from_plain, to_plain
from onvif_bmff.control.types.common import RECEIVER_TYPE
from onvif_bmff.control.types.configuration import RecordingConfiguration, TrackConfiguration
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.errors import PersistenceError, ProtectionError, TimeError
from onvif_bmff.key_format import KEY_SIZE
from onvif_bmff.timing import UtcTime

__all__ = ["DeviceState", "Job", "Purge", "Recording", "TrackRecord", "secret_name"]

log = logging.getLogger(__name__)

_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """A track of a recording.

    Args:
        token: unique within its recording only.
        configuration: as set.
        deletable: False for a track that belongs to the device.
        encoding: encoding of what has been recorded so far; all data of a track shares one (5.1).
    """

    token: str
    configuration: TrackConfiguration
    deletable: bool = True
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording with its tracks.

    Args:
        token: unique in the device.
        order: grows with every recording made; recordings are listed by it.
        configuration: in effect, without content keys and without a running override.
        tracks: in the order of their creation.
        deletable: False for a recording that belongs to the device.
        deletion_pending: it was deleted during an export, and is removed when the export ends (5.21).
        key_checks: of the content keys that its encryption entries use.
    """

    token: str
    order: int
    configuration: RecordingConfiguration
    tracks: tuple[TrackRecord, ...] = ()
    deletable: bool = True
    deletion_pending: bool = field(default=False, metadata={STORED_NAME: "doomed"})
    key_checks: tuple[KeyCheck, ...] = ()

    def track(self, token: str) -> TrackRecord | None:
        """Return the track of that token, or None."""
        return next((track for track in self.tracks if track.token == token), None)

    def with_track(self, changed: TrackRecord) -> "Recording":
        """Return the recording with one of its tracks replaced."""
        return replace(self, tracks=tuple(changed if t.token == changed.token else t for t in self.tracks))

    def kids(self) -> set[str]:
        """Return key IDs of the content keys that its encryption entries use."""
        target = self.configuration.target
        return {entry.kid for entry in target.encryption if entry.kid is not None} if target else set()

    def verifies(self, kid: str, key: bytes) -> bool:
        """Return whether this is still the key that was given for a key ID."""
        try:
            return KeyCheck.of(kid, key) in self.key_checks
        except ProtectionError:
            return False

    def accessible_since(self, now: UtcTime) -> UtcTime | None:
        """Return the instant before which data must not be accessible; None for no limit (5.3.1)."""
        age = self.configuration.maximum_retention_time
        if age == _ZERO:
            return None
        try:
            return now - age
        except TimeError:
            return None


@dataclass(frozen=True, slots=True)
class Job:
    """A recording job.

    Args:
        token: unique in the device.
        order: grows with every job made; jobs are listed by it.
        activation: grows with every change of a mode to Active; of jobs of equal priority the later wins.
        configuration: in effect.
    """

    token: str
    order: int
    activation: int
    configuration: RecordingJobConfiguration


@dataclass(frozen=True, slots=True)
class Purge:
    """Local data of a deleted track that is still to be removed."""

    recording: str
    track: str


def secret_name(recording: str, kid: str) -> str:
    """Return name of a content key in ``DeviceState.secrets``."""
    return f"{recording}/{kid}"


def _document(value: object) -> str:
    return json.dumps(to_plain(value), separators=(",", ":"))


_KINDS: dict[str, type[Any]] = {"recording": Recording, "job": Job, "receiver": Receiver, "purge": Purge}


@dataclass(slots=True)
class DeviceState:
    """The persistent part of the control model; dictionaries are in the order of creation.

    ``lost_secrets`` are the names of content keys that are missing or damaged.
    """

    recordings: dict[str, Recording] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    receivers: dict[str, Receiver] = field(default_factory=dict)
    purges: dict[str, Purge] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)
    lost_secrets: frozenset[str] = frozenset()

    def copy(self) -> "DeviceState":
        """Return a draft that can be changed without touching this one."""
        return DeviceState(
            dict(self.recordings),
            dict(self.jobs),
            dict(self.receivers),
            dict(self.purges),
            dict(self.secrets),
            self.lost_secrets,
        )

    def jobs_of(self, recording: str) -> list[Job]:
        """Return the jobs that write to a recording, in the order of creation."""
        return [job for job in self.jobs.values() if job.configuration.recording_token == recording]

    def receivers_in_use(self) -> set[str]:
        """Return the tokens of the receivers that jobs have as a source."""
        return {
            source.source_token.token
            for job in self.jobs.values()
            for source in job.configuration.source
            if source.source_token is not None and source.source_token.type == RECEIVER_TYPE
        }

    def missing_keys(self) -> dict[str, str]:
        """Return recordings that lack a content key, with an error for their tracks' states, in English."""
        found: dict[str, str] = {}
        for name in sorted(self.lost_secrets):
            token, _, kid = name.rpartition("/")
            found[token] = f"The content key {kid} is missing or damaged; set it again"
        return found

    def next_order(self) -> int:
        """Return a number higher than any order."""
        recording = next(reversed(self.recordings.values()), None)
        job = next(reversed(self.jobs.values()), None)
        return max(recording.order if recording else 0, job.order if job else 0) + 1

    def next_activation(self) -> int:
        """Return a number higher than any activation."""
        return max((job.activation for job in self.jobs.values()), default=0) + 1

    # ---- documents ---------------------------------------------------------------------------------

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the dictionaries that are written down, by kind of document."""
        return {
            "recording": self.recordings,
            "job": self.jobs,
            "receiver": self.receivers,
            "purge": self.purges,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return the whole state but the content keys as plain data: name of the document → JSON-able value."""
        return {
            f"{kind}/{name}": to_plain(value) for kind, table in self.tables().items() for name, value in table.items()
        }

    @classmethod
    def from_snapshot(cls, snapshot: Mapping[str, Any], secrets: Mapping[str, bytes]) -> Self:
        """Return the state that ``snapshot`` was taken of, with its content keys.

        Raises:
            PersistenceError: the data is damaged, or its parts do not fit together.
        """
        state = cls(secrets=dict(secrets))
        tables = state.tables()
        for name, data in snapshot.items():
            kind, _, key = name.partition("/")
            if kind not in _KINDS:
                raise PersistenceError(f"nothing is known of documents like {name[:80]!r}")
            tables[kind][key] = from_plain(_KINDS[kind], data)
        state.recordings = dict(sorted(state.recordings.items(), key=lambda item: item[1].order))
        state.jobs = dict(sorted(state.jobs.items(), key=lambda item: item[1].order))
        state._verify_keys()
        state._check()
        return state

    @classmethod
    def from_documents(cls, documents: Mapping[str, str], secrets: Mapping[str, bytes]) -> Self:
        """Return the state from its documents as JSON text.

        Raises:
            PersistenceError: a document is damaged, or the documents do not fit together.
        """
        snapshot = {}
        for name, text in documents.items():
            try:
                snapshot[name] = json.loads(text)
            except (ValueError, RecursionError):
                raise PersistenceError(f"the document {name[:80]!r} is damaged") from None
        return cls.from_snapshot(snapshot, secrets)

    def outdated(self, documents: Mapping[str, str]) -> dict[str, str]:
        """Return the documents of this state that would be written differently now, with their new text."""
        found = {f"recording/{token}": _document(recording) for token, recording in self.recordings.items()}
        return {name: text for name, text in found.items() if documents.get(name) != text}

    def changes_since(self, old: "DeviceState") -> tuple[dict[str, str | None], dict[str, bytes | None]]:
        """Return documents and secrets that differ from an older state; None means that one is gone."""
        documents: dict[str, str | None] = {}
        for (kind, before), now in zip(old.tables().items(), self.tables().values(), strict=True):
            documents |= {f"{kind}/{name}": None for name in before if name not in now}
            for name, value in now.items():
                if before.get(name) is not value and before.get(name) != value:
                    documents[f"{kind}/{name}"] = _document(value)
        secrets: dict[str, bytes | None] = {name: None for name in old.secrets if name not in self.secrets}
        secrets |= dict.fromkeys(old.lost_secrets - self.lost_secrets)
        secrets |= {name: key for name, key in self.secrets.items() if old.secrets.get(name) != key}
        return documents, secrets

    def _verify_keys(self) -> None:
        """Remove content keys that do not match their check value, and note the lost ones.

        Keys stored before check values existed are accepted, and get one.
        """
        lost: set[str] = set()
        for recording in list(self.recordings.values()):
            checked = {check.kid for check in recording.key_checks}
            for kid in sorted(recording.kids()):
                name = secret_name(recording.token, kid)
                key = self.secrets.get(name)
                if key is not None and kid not in checked and len(key) == KEY_SIZE:
                    recording = replace(recording, key_checks=(*recording.key_checks, KeyCheck.of(kid, key)))
                    self.recordings[recording.token] = recording
                if key is None or not recording.verifies(kid, key):
                    self.secrets.pop(name, None)
                    lost.add(name)
                    log.error(
                        "the content key %s of recording %s is missing or damaged; "
                        "the recording is not written until the key is set again",
                        kid,
                        recording.token,
                    )
        self.lost_secrets = frozenset(lost)

    def _check(self) -> None:
        """Check that the invariants of all operations hold for the loaded state."""
        wanted = {secret_name(r.token, kid) for r in self.recordings.values() for kid in r.kids()}
        if wanted != self.secrets.keys() | self.lost_secrets:
            raise PersistenceError("the stored content keys do not fit the recordings")
        for table in (self.recordings, self.jobs, self.receivers):
            if any(name != value.token for name, value in table.items()):
                raise PersistenceError("a stored document lies under the wrong name")
        if self.receivers_in_use() - self.receivers.keys():
            raise PersistenceError("a receiver of a stored job is missing")
        for job in self.jobs.values():
            recording = self.recordings.get(job.configuration.recording_token)
            if recording is None:
                raise PersistenceError(f"the recording of the stored job {job.token!r} is missing")
            for source in job.configuration.source:
                if any(recording.track(track.destination) is None for track in source.tracks):
                    raise PersistenceError(f"a track of the stored job {job.token!r} is missing")
