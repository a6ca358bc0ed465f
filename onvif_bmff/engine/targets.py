"""Outputs, targets and key sources of recorders, from a recording's plan. 5.3.1, B.4, B.8.

An output is what one recorder writes: a recording's external target, or one track of its local data. Local data are
kept track by track, in objects below ``recording/track``, so that a track can be deleted by itself (5.10).
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from onvif_bmff.cenc.keys.certificates import LeftOut, Recipient, load_recipient
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, KeySource, RotatingKey, parse_kid
from onvif_bmff.cenc.keys.wrap import KeyWrapper, OaepHash
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.control.places import local_prefix
from onvif_bmff.control.plan import Feed, Place, RecordingPlan, Standby
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.configuration import RecordingEncryption, TargetFormat
from onvif_bmff.errors import CertificateError, InvariantError, MediaError, MissingKeyError, StateError
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

__all__ = ["OutputKey", "OutputPlan", "TargetMaker", "WrappingPolicy"]

_LOCAL_SEGMENT = timedelta(seconds=60)
"""Segment duration of local data of recordings without a target."""

_FORMATS: dict[str, RecordingFormat] = {TargetFormat.CMAF: CMAF, TargetFormat.MP4: MP4}


@dataclass(frozen=True, slots=True)
class OutputKey:
    """Identifies an output: a recording, and a storage token, or for local data (None) a track."""

    recording: str
    storage: str | None
    track: str | None = None


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """The plan of one output; fields as in ``RecordingPlan``, limited to this output."""

    target: RecordingTarget
    tracks: tuple[tuple[str, str], ...]
    feeds: dict[str, Feed]
    standby: tuple[Standby, ...] = ()
    override: tuple[timedelta, UtcTime] | None = None

    @property
    def sources(self) -> frozenset[SourceReference]:
        """All sources that have to be open."""
        return frozenset(feed.source for feed in self.feeds.values()) | {one.source for one in self.standby}

    def has_tracks_of(self, old: "OutputPlan") -> bool:
        """Return whether an ``old`` plan has the same tracks, fed by the same sources."""
        mine, before = (
            {token: (feed.source, feed.source_tag) for token, feed in plan.feeds.items()} for plan in (self, old)
        )
        return mine == before and old.tracks == self.tracks

    def is_after_event(self, old: "OutputPlan") -> bool:
        """Return whether all that is different in an ``old`` plan are feeds of jobs that wait for an event here."""
        waiting = {(one.track, one.source, one.source_tag) for one in self.standby}
        feeds = {(token, feed.source, feed.source_tag) for token, feed in self.feeds.items()}
        fed = {(token, feed.source, feed.source_tag) for token, feed in old.feeds.items()}
        return (
            (self.target, self.tracks, self.override) == (old.target, old.tracks, old.override)
            and feeds < fed
            and fed - feeds <= waiting
        )


@dataclass(slots=True)
class _Held:
    key: bytes | None = field(repr=False)
    entry: EncryptionEntry


class _NamedCertificates:
    """The certificates of an encryption entry, looked up whenever a key is wrapped, since they may change."""

    __slots__ = ("_known", "_look_up", "_names")

    def __init__(self, names: Sequence[str], look_up: Callable[[str], bytes]) -> None:
        self._names = names
        self._look_up = look_up
        self._known: dict[str, tuple[bytes, Recipient | LeftOut]] = {}

    def __call__(self) -> list[Recipient | LeftOut]:
        return [self._find(name) for name in self._names]

    def _find(self, name: str) -> Recipient | LeftOut:
        try:
            data = self._look_up(name)
        except LookupError:
            return LeftOut(f"certificate {name!r}", "it is gone")
        known = self._known.get(name)
        if known is None or known[0] != data:
            try:
                found: Recipient | LeftOut = load_recipient(data)
            except CertificateError as error:
                found = LeftOut(f"certificate {name!r}", str(error))
            known = self._known[name] = (data, found)
        return known[1]


@dataclass(frozen=True, slots=True)
class WrappingPolicy:
    """How keys are wrapped for certificates, where ONVIF leaves it open.

    Args:
        oaep_hash: hash of RSA-OAEP and of its mask generation function; SHA-1 is what other readers expect.
        stop_without_certificate: when no certificate is valid any more, record nothing instead of continuing with the
            key in use, which its recipients can still read.
    """

    oaep_hash: OaepHash = "sha1"
    stop_without_certificate: bool = False


class TargetMaker:
    """Makes targets, and keeps the key sources of unchanged entries, so that keys rotate on schedule.

    Args:
        certificate: gives the certificate (PEM or DER) of an ID; ``LookupError`` if there is none.
        clock: the present instant, by which certificates are valid or not.
        random: source of generated keys.
        formats: recording formats by name, in addition to MP4 and CMAF.
        wrapping: how keys are wrapped.
    """

    def __init__(
        self,
        certificate: Callable[[str], bytes],
        *,
        clock: Callable[[], UtcTime],
        random: Callable[[int], bytes] = os.urandom,
        formats: dict[str, RecordingFormat] | None = None,
        wrapping: WrappingPolicy = WrappingPolicy(),
    ) -> None:
        self._certificate = certificate
        self._clock = clock
        self._random = random
        self._formats = _FORMATS | (formats or {})
        self._wrapping = wrapping
        self._held: dict[str, dict[RecordingEncryption, _Held]] = {}

    def outputs(self, plan: RecordingPlan) -> dict[OutputKey, OutputPlan]:
        """Return the outputs of a recording.

        Raises ``StateError`` where the plan says that nothing can be recorded, ``ProtectionError`` where a key is
        missing, ``MediaError`` for an unknown format.
        """
        if plan.error is not None:
            raise StateError(plan.error)
        found: dict[OutputKey, OutputPlan] = {}
        configured = plan.configuration.target
        for place in plan.places:
            if place is Place.EXTERNAL and configured is not None:
                found[OutputKey(plan.token, configured.storage)] = OutputPlan(
                    self._external(plan), plan.tracks, plan.feeds, plan.standby, plan.override
                )
            elif place is Place.LOCAL:
                for track in plan.tracks:
                    found[OutputKey(plan.token, None, track[0])] = self._local(plan, track)
        return found

    def forget(self, recording: str) -> None:
        """Drop the keys of a recording that is gone."""
        self._held.pop(recording, None)

    def _external(self, plan: RecordingPlan) -> RecordingTarget:
        target = plan.configuration.target
        if target is None:
            raise InvariantError("an output to a storage has no target")
        kind = self._formats.get(target.format)
        if kind is None:
            raise MediaError(f"the recording format {target.format[:40]!r} is not known to the engine")
        return RecordingTarget(
            kind,
            target.prefix or "",
            target.postfix or "",
            target.segment_duration,
            target.span_duration,
            self._entries(plan),
        )

    def _local(self, plan: RecordingPlan, track: tuple[str, str]) -> OutputPlan:
        target = plan.configuration.target
        token = track[0]
        duration = _LOCAL_SEGMENT if target is None else target.segment_duration
        entries = tuple(entry for entry in self._entries(plan) if not entry.tracks or token in entry.tracks)
        return OutputPlan(
            RecordingTarget(CMAF, local_prefix(plan.token, token), segment_duration=duration, encryption=entries),
            (track,),
            {token: plan.feeds[token]} if token in plan.feeds else {},
            tuple(one for one in plan.standby if one.track == token),
            plan.override,
        )

    def _entries(self, plan: RecordingPlan) -> tuple[EncryptionEntry, ...]:
        target = plan.configuration.target
        before = self._held.get(plan.token, {})
        held: dict[RecordingEncryption, _Held] = {}
        for entry in target.encryption if target is not None else ():
            key = plan.keys.get(entry.kid) if entry.kid is not None else None
            known = before.get(entry)
            held[entry] = known if known is not None and known.key == key else _Held(key, self._entry(entry, key))
        self._held[plan.token] = held
        return tuple(one.entry for one in held.values())

    def _entry(self, entry: RecordingEncryption, key: bytes | None) -> EncryptionEntry:
        scheme = ProtectionScheme.from_mode(entry.mode)
        source: KeySource
        wrapped = entry.asymmetric_encryption
        if wrapped is None:
            if key is None or entry.kid is None:  # nothing is recorded, least of all in the clear
                raise MissingKeyError(f"The content key {entry.kid} is missing or damaged; set it again")
            source = FixedKey(ContentKey(parse_kid(entry.kid), key))
            return EncryptionEntry(scheme, source, tuple(entry.track))
        wrapper = KeyWrapper(
            _NamedCertificates(wrapped.certificate_id, self._certificate),
            clock=self._clock,
            oaep_hash=self._wrapping.oaep_hash,
            info=None if wrapped.additional_info is None else wrapped.additional_info.encode(),
        )
        source = RotatingKey(wrapped.key_rotation_duration, self._random)
        return EncryptionEntry(
            scheme,
            source,
            tuple(entry.track),
            (wrapper,),
            stop_without_headers=self._wrapping.stop_without_certificate,
        )
