"""Where and how a recording is stored. ONVIF Recording Control 25.12, 5.3.1, tt:RecordingTargetConfiguration."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from onvif_bmff.errors import MediaError
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, RecordingFormat
from onvif_bmff.timing import UtcTime

__all__ = ["DecodeTimes", "RecordingTarget"]


class DecodeTimes(StrEnum):
    """What the decode times of objects (tfdt) count from, which Annex B leaves open; docs/playing.md compares them."""

    SPAN = "span"
    """The beginning of the spans that opened together: small numbers."""
    UTC = "utc"
    """1970-01-01T00:00:00Z: presentation times are UTC, in all spans."""


@dataclass(frozen=True, slots=True)
class RecordingTarget:
    """Target of a recording.

    ``segment_duration`` and ``span_duration`` (None: no limit) are upper bounds that GOPs stretch; ``digits`` is the
    number of fraction digits in object keys (3 or 6). ``encryption`` holds entries for disjoint sets of tracks. A pause
    longer than ``max_gap`` is a gap, which ends spans (None: by the rule of docs/time.md); it holds from the next
    activation on.
    Raises ``MediaError`` for durations that are not positive and for entries that overlap, ``ObjectKeyError`` for a
    prefix or postfix that no key can hold. With ``decode_times`` of UTC nothing before 1970 can be recorded.
    """

    format: RecordingFormat = CMAF
    prefix: str = ""
    postfix: str = ""
    segment_duration: timedelta = timedelta(seconds=10)
    span_duration: timedelta | None = None
    encryption: tuple[EncryptionEntry, ...] = ()
    digits: int = 3
    decode_times: DecodeTimes = DecodeTimes.SPAN
    max_gap: timedelta | None = None

    def __post_init__(self) -> None:
        if self.segment_duration <= timedelta(0):
            raise MediaError("the segment duration must be positive")
        if self.span_duration is not None and self.span_duration <= timedelta(0):
            raise MediaError("the span duration must be positive")
        if self.max_gap is not None and self.max_gap <= timedelta(0):
            raise MediaError("the longest gap must be positive")
        ObjectKey(self.prefix, UtcTime(0), self.postfix, 0, "mp4", digits=self.digits)
        seen: set[str] = set()
        for entry in self.encryption:
            if not entry.tracks and len(self.encryption) > 1:
                raise MediaError("an encryption entry for all tracks must be the only one")
            if seen & set(entry.tracks):
                raise MediaError("a track is covered by two encryption entries")
            seen |= set(entry.tracks)

    def entry_for(self, token: str) -> EncryptionEntry | None:
        """Return the encryption entry that covers the track ``token``, or None if it stays clear. B.8."""
        for entry in self.encryption:
            if not entry.tracks or token in entry.tracks:
                return entry
        return None
