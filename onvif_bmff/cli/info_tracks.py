"""Facts on tracks, gathered sample by sample: durations, rates, GOPs, encryption."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from uuid import UUID

from onvif_bmff.bmff import (
    ASYMMETRIC_SYSTEM_ID,
    COMMON_SYSTEM_ID,
    AsymmetricKeySystemHeaderBox,
    Box,
    EncryptedKeyEntry,
    ProtectionSystemSpecificHeaderBox,
    SampleGroupDescriptionBox,
    seig_entries,
)
from onvif_bmff.cenc import Protection, protection_of
from onvif_bmff.cli.info_codecs import CodecInfo, codec_info
from onvif_bmff.cli.info_samples import SampleFact
from onvif_bmff.demux import MovieTrack
from onvif_bmff.errors import BoxError, MediaError, ProtectionError
from onvif_bmff.media_kind import KIND_OF_HANDLER, MediaKind

__all__ = ["SampleSums", "TrackSums", "protection_systems", "seconds"]

_SYSTEMS = {
    COMMON_SYSTEM_ID: "W3C common",
    ASYMMETRIC_SYSTEM_ID: "ONVIF asymmetric",
    UUID("edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"): "Widevine",
    UUID("9a04f079-9840-4286-ab92-e65be0885f95"): "PlayReady",
    UUID("94ce86fb-07ff-4f43-adb8-93d2fa968ca2"): "FairPlay",
    UUID("e2719d58-a985-b3c9-781a-b030af78d30e"): "ClearKey",
}
"""Names by SystemID. DASH-IF, content protection identifiers."""
_THUMBPRINTS = {1: "SHA-1", 2: "SHA-256"}
_WRAPPINGS = {1: "RSA-OAEP", 2: "HPKE"}


@dataclass(slots=True)
class _Gops:
    """Lengths of GOPs in samples. A GOP begins with a sync sample; what comes before the first is in none."""

    shortest: int = 0
    longest: int = 0
    ended: int = 0
    samples: int = 0
    _open: int = 0
    _lead: int = 0
    """Samples before the first sync sample: those of a GOP that began elsewhere."""

    def add(self, *, sync: bool) -> None:
        """Add the next sample."""
        if sync:
            self.close()
            self._open = 1
        elif self._open:
            self._open += 1
        else:
            self._lead += 1

    def add_all(self, others: "_Gops") -> None:
        """Add the samples that follow these. ``close`` was called for neither."""
        lead, opened = others.parts()
        if self._open:
            self._open += lead
        else:
            self._lead += lead
        if opened:
            self.close()
            self._open = opened
        self.ended += others.ended
        self.samples += others.samples
        self.shortest = min(self.shortest or others.shortest, others.shortest or self.shortest)
        self.longest = max(self.longest, others.longest)

    def parts(self) -> tuple[int, int]:
        """Return the numbers of samples before the first sync sample, and in the last GOP, which is open."""
        return self._lead, self._open

    def close(self) -> None:
        """End the last GOP."""
        if self._open:
            self.ended += 1
            self.samples += self._open
            self.shortest = min(self.shortest or self._open, self._open)
            self.longest = max(self.longest, self._open)
            self._open = 0


@dataclass(slots=True)
class _Offsets:
    """Composition offsets: the first and the last one, and whether two differ."""

    first: int | None = None
    last: int | None = None
    differ: bool = False

    def add(self, offset: int) -> None:
        """Add the next one."""
        if self.first is None:
            self.first = offset
        self.differ = self.differ or self.last not in (None, offset)
        self.last = offset

    def add_all(self, others: "_Offsets") -> None:
        """Add those that follow these."""
        if others.first is not None:
            self.add(others.first)
            self.differ = self.differ or others.differ
            self.last = others.last


@dataclass(slots=True)
class SampleSums:
    """Sums over the samples of a track; times are ticks.

    ``start`` and ``end`` are of presentation. ``lengths`` are those of GOPs. What else there is serves to add the next
    sample: ``durations`` are two of those before the last one.
    """

    count: int = 0
    size: int = 0
    duration: int = 0
    sync: int = 0
    largest: int = 0
    start: int | None = None
    end: int | None = None
    offsets: _Offsets = field(default_factory=_Offsets)
    lengths: _Gops = field(default_factory=_Gops)
    durations: set[int] = field(default_factory=set)
    last_duration: int | None = None

    def add_all(self, others: "SampleSums") -> None:
        """Add the samples that follow these. ``close`` was called for neither."""
        if not others.count:
            return
        self.count += others.count
        self.size += others.size
        self.duration += others.duration
        self.sync += others.sync
        self.largest = max(self.largest, others.largest)
        self.start = min(one for one in (self.start, others.start) if one is not None)
        self.end = max(one for one in (self.end, others.end) if one is not None)
        self.offsets.add_all(others.offsets)
        last = set() if self.last_duration is None else {self.last_duration}
        self.durations = set(sorted(self.durations | last | others.durations)[:2])
        self.last_duration = others.last_duration
        self.lengths.add_all(others.lengths)

    def add(self, fact: SampleFact) -> None:
        """Add the next sample."""
        self.count += fact.frames
        self.size += fact.size
        self.duration += fact.duration
        self.largest = max(self.largest, fact.size // fact.frames)
        self.offsets.add(fact.composition_offset)
        begin = fact.decode_time + fact.composition_offset
        self.start = begin if self.start is None else min(self.start, begin)
        self.end = begin + fact.duration if self.end is None else max(self.end, begin + fact.duration)
        if self.last_duration is not None and len(self.durations) < 2:
            self.durations.add(self.last_duration)
        self.last_duration = fact.duration // fact.frames
        self.sync += fact.frames if fact.sync else 0
        self.lengths.add(sync=fact.sync)

    def close(self) -> None:
        """End the last GOP, after the last sample."""
        self.lengths.close()

    def frame_rate(self, timescale: int) -> Fraction | None:
        """Return the average number of samples a second; None where it is not known."""
        return Fraction(self.count * timescale, self.duration) if self.duration else None

    @property
    def reordered(self) -> bool:
        """Whether samples are presented in another order than they are decoded in."""
        return self.offsets.differ

    @property
    def is_constant(self) -> bool:
        """Whether all samples but the last have one duration."""
        return len(self.durations) < 2

    def bit_rate(self, timescale: int) -> int | None:
        """Return the average of bits a second; None where it is not known."""
        return self.size * 8 * timescale // self.duration if self.duration else None

    def gops(self) -> Mapping[str, Any] | None:
        """Return the lengths of GOPs in samples; None without any."""
        found = self.lengths
        if not found.ended:
            return None
        return {
            "count": found.ended,
            "shortest": found.shortest,
            "average": round(found.samples / found.ended, 3),
            "longest": found.longest,
        }


class TrackSums:
    """The facts on one track: of a file, or of the same place in many stored segments."""

    def __init__(self, track: MovieTrack) -> None:
        self._track = track
        self.sums = SampleSums()
        self._codecs: list[CodecInfo] = []
        self._known: set[int] = set()
        self._protections: list[Protection] = []
        self._unreadable: list[str] = []
        self._kids: set[str] = set()
        self._clear_entries = False

    def add_all(self, others: "TrackSums") -> None:
        """Add the facts on the samples that follow these."""
        self.sums.add_all(others.sums)
        others.describe_to(self._codecs, self._protections, self._unreadable)
        track, kids, clear_entries = others.last()
        self._kids |= kids
        self._clear_entries = self._clear_entries or clear_entries
        self.use(track)

    def describe_to(self, codecs: list[CodecInfo], protections: list[Protection], unreadable: list[str]) -> None:
        """Add what sample entries said to lists, if it is new there."""
        codecs += [one for one in self._codecs if one not in codecs]
        protections += [one for one in self._protections if one not in protections]
        unreadable += [one for one in self._unreadable if one not in unreadable]

    def last(self) -> tuple[MovieTrack, set[str], bool]:
        """Return the last header's track, the key identifiers in sample groups, and whether an entry is clear."""
        return self._track, self._kids, self._clear_entries

    def use(self, track: MovieTrack) -> None:
        """Go on with the samples of the track as this header describes it."""
        if track is not self._track:
            self._track = track
            self._known.clear()

    def add(self, fact: SampleFact) -> None:
        """Add the next sample."""
        self.sums.add(fact)
        if fact.description not in self._known:
            self.describe(fact.description)

    def describe(self, description: int) -> None:
        """Note what a sample entry says, if it says anything new."""
        self._known.add(description)
        try:
            found = codec_info(self._track, description)
        except (BoxError, MediaError) as error:
            found = {"name": "unreadable", "error": str(error)}
        if found not in self._codecs:
            self._codecs.append(found)
        try:
            protection = protection_of(self._track.entry(description))
        except (BoxError, MediaError, ProtectionError) as error:
            if str(error) not in self._unreadable:
                self._unreadable.append(str(error))
            return
        self._clear_entries = self._clear_entries or protection is None
        if protection is not None and protection not in self._protections:
            self._protections.append(protection)

    def groups(self, boxes: Iterable[Box]) -> None:
        """Note the key identifiers that sample groups of a stbl or traf name."""
        for found in boxes:
            if isinstance(found, SampleGroupDescriptionBox) and found.grouping_type == "seig":
                try:
                    self._kids.update(str(entry.kid) for entry in seig_entries(found) if entry.is_protected)
                except BoxError as error:
                    if str(error) not in self._unreadable:
                        self._unreadable.append(str(error))

    @property
    def timescale(self) -> int:
        """Ticks a second."""
        return self._track.timescale

    def span(self) -> tuple[Fraction, Fraction] | None:
        """Return when the track is presented, in seconds of media time; None without samples."""
        sums = self.sums
        if sums.start is None or sums.end is None:
            return None
        return Fraction(max(sums.start, 0), self.timescale), Fraction(max(sums.end, 0), self.timescale)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain values."""
        track, sums = self._track, self.sums
        sums.close()
        kind = KIND_OF_HANDLER.get(track.handler)
        found: dict[str, Any] = {
            "kind": kind.value.lower() if kind is not None else track.handler,
            "track_id": track.track_id,
            "language": track.language,
            "timescale": track.timescale,
            "codec": self._codecs[0] if self._codecs else None,
            "other_codecs": self._codecs[1:],
            "samples": sums.count,
            "sync_samples": sums.sync,
            "bytes": sums.size,
            "largest_sample": sums.largest,
            "duration_ticks": sums.duration,
            "duration": seconds(Fraction(sums.duration, track.timescale)),
            "start": None if sums.start is None else seconds(Fraction(sums.start, track.timescale)),
            "bit_rate": sums.bit_rate(track.timescale),
            "encryption": self._encryption(),
        }
        rate = sums.frame_rate(track.timescale)
        if kind is MediaKind.VIDEO:
            found["frame_rate"] = None if rate is None else f"{rate.numerator}/{rate.denominator}"
            found["frame_rate_constant"] = sums.is_constant
            found["reordered"] = sums.reordered
            found["gops"] = sums.gops()
        return found

    def _encryption(self) -> dict[str, Any] | None:
        if not (self._protections or self._unreadable):
            return None
        found: dict[str, Any] = {}
        if self._protections:
            first = self._protections[0]
            own = {str(one.kid) for one in self._protections if one.is_protected}
            found["schemes"] = sorted({one.scheme.value for one in self._protections})
            found["pattern"] = [first.pattern.crypt, first.pattern.skip]
            found["iv_size"] = first.iv_size
            found["constant_iv"] = bool(first.constant_iv)
            found["kids"] = sorted(own | self._kids)
            found["clear_entries"] = self._clear_entries
        if self._unreadable:
            found["unreadable"] = self._unreadable
        return found


def seconds(length: Fraction) -> float:
    """Return seconds with microseconds."""
    return round(float(length), 6)


def protection_systems(boxes: Iterable[Box]) -> list[dict[str, Any]]:
    """Return what pssh boxes say: system, KIDs, and for which certificates keys are wrapped."""
    found: list[dict[str, Any]] = []
    for box in boxes:
        shown: dict[str, Any] | None = None
        if isinstance(box, AsymmetricKeySystemHeaderBox):
            shown = _system(ASYMMETRIC_SYSTEM_ID) | {"kids": [str(box.kid)], "keys": list(map(_wrapped, box.entries))}
        elif isinstance(box, ProtectionSystemSpecificHeaderBox):
            kids = [str(kid) for kid in box.kids or ()]
            shown = _system(box.system_id) | {"kids": kids, "data_size": len(box.data)}
        if shown is not None and shown not in found:
            found.append(shown)
    return found


def _system(system_id: UUID) -> dict[str, Any]:
    return {"system_id": str(system_id), "name": _SYSTEMS.get(system_id)}


def _wrapped(entry: EncryptedKeyEntry) -> dict[str, Any]:
    algorithm, version = entry.thumbprint_algorithm, entry.encryption_version
    return {
        "thumbprint_algorithm": _THUMBPRINTS.get(algorithm, str(algorithm)),
        "thumbprint": entry.thumbprint.hex(),
        "wrapped_by": _WRAPPINGS.get(version, str(version)),
    }
