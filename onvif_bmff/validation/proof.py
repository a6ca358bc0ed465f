"""A count of the clear payload bytes of a store, track by track: what ``validate --prove-encrypted`` shows.

It proves that every byte of slice data, audio and metadata is declared as encrypted, except those that Common
Encryption itself leaves clear, which are listed by reason. It does not prove that the writer did encrypt them;
decryption does (``validate_store(keys=…)``).
"""

from collections import Counter
from dataclasses import dataclass, field

from onvif_bmff.media_kind import KIND_OF_HANDLER
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.validation.clear_bytes import Account, Clear

__all__ = ["EncryptionProof", "TrackProof"]


@dataclass(slots=True)
class TrackProof:
    """The bytes of one track of a recording, over all its objects that were checked.

    ``account`` counts samples of encrypted sample entries, ``clear_bytes`` and ``clear_objects`` those of clear ones.
    """

    recording: str
    media: str
    track_id: int
    schemes: set[str] = field(default_factory=set)
    objects: int = 0
    samples: int = 0
    account: Account = field(default_factory=Account)
    clear_objects: int = 0
    clear_bytes: int = 0

    @property
    def title(self) -> str:
        """Name of the track in a report."""
        return f"{self.recording}: {self.media}, track {self.track_id}"

    @property
    def faults(self) -> list[str]:
        """Why this track is not proven to be encrypted; empty for a track that is clear in all objects."""
        found = []
        if self.account.unexplained:
            found.append(f"{self.account.unexplained:,} clear bytes are unexplained")
        if self.account.clear[Clear.UNSEEN]:
            found.append(f"{self.account.clear[Clear.UNSEEN]:,} bytes could not be looked into")
        if self.objects and self.clear_objects:
            found.append(f"{self.clear_objects} of its objects are not encrypted, {self.objects} are")
        return found

    def lines(self) -> list[str]:
        """Return the report on this track, one line for each reason why bytes are clear."""
        title = self.title
        if not self.objects:
            return [f"{title}: NOT ENCRYPTED, {self.clear_bytes:,} bytes in {self.clear_objects} objects"]
        found = self.account
        schemes = ", ".join(sorted(self.schemes)) or "no scheme"
        sums = f"{found.encrypted:,} bytes encrypted, {found.clear.total():,} clear"
        lines = [f"{title}: {schemes}, {sums}, in {self.samples:,} samples of {self.objects} objects"]
        lines += [f"  {found.clear[reason]:>14,}  {reason.value}" for reason in Clear if found.clear[reason]]
        if not found.unexplained:
            lines.append(f"  {0:>14,}  {Clear.UNEXPLAINED.value}")
        if self.clear_objects:
            lines.append(f"  {self.clear_bytes:>14,}  in {self.clear_objects} objects that are NOT ENCRYPTED")
        return lines

    def to_json(self) -> dict[str, object]:
        """Return the same as a mapping for JSON."""
        return {
            "recording": self.recording,
            "media": self.media,
            "track": self.track_id,
            "schemes": sorted(self.schemes),
            "objects": self.objects,
            "samples": self.samples,
            "encrypted": self.account.encrypted,
            "clear": {reason.name.lower(): self.account.clear[reason] for reason in Clear},
            "clear_objects": self.clear_objects,
            "clear_object_bytes": self.clear_bytes,
            "faults": self.faults,
        }


class EncryptionProof:
    """Counts the bytes of samples during a validation; see ``validate_store(proof=…)``."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[str, str, str, int], TrackProof] = {}

    @property
    def tracks(self) -> list[TrackProof]:
        """All tracks, by recording and kind of media."""
        return [self._tracks[key] for key in sorted(self._tracks)]

    @property
    def faults(self) -> list[str]:
        """Why the store is not proven to be encrypted; empty if it is.

        A track that is clear in all its objects is no fault as long as another one is encrypted, since an encryption
        entry may exclude tracks and a store does not say which; the report lists it.
        """
        found = [f"{one.title}: {fault}" for one in self.tracks for fault in one.faults]
        if not any(one.objects for one in self.tracks):
            found.append("no encrypted track was seen")
        return found

    def track(self, key: ObjectKey, handler: str, track_id: int) -> TrackProof:
        """Return the count of a track of the recording that an object belongs to."""
        media = KIND_OF_HANDLER[handler].lower() if handler in KIND_OF_HANDLER else handler
        identity = (key.prefix, key.postfix, media, track_id)
        if identity not in self._tracks:
            recording = "/".join(part for part in (key.prefix, "…", key.postfix) if part)
            self._tracks[identity] = TrackProof(recording, media, track_id)
        return self._tracks[identity]

    def lines(self) -> list[str]:
        """Return the whole report."""
        lines = [line for one in self.tracks for line in one.lines()]
        faults = self.faults
        total: Counter[str] = Counter()
        for one in self.tracks:
            total["encrypted"] += one.account.encrypted
            total["clear"] += one.account.clear.total() + one.clear_bytes
            total["unexplained"] += one.account.unexplained
        lines += [f"not proven: {fault}" for fault in faults]
        lines.append(
            f"all tracks: {total['encrypted']:,} bytes encrypted, {total['clear']:,} clear, "
            f"{total['unexplained']:,} unexplained"
        )
        return lines
