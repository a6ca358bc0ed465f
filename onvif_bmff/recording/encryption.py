"""Encryption entries of a target, and what they mean for the spans that open together. ONVIF B.8."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from onvif_bmff.bmff import Box, common_header
from onvif_bmff.cenc.encrypt import IvSources, TrackEncryptor, slice_data_of
from onvif_bmff.cenc.key_ring import KeyRing
from onvif_bmff.cenc.keys import ContentKey, KeySource
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Track
from onvif_bmff.timing import UtcTime

__all__ = ["EncryptionEntry", "HeaderSource", "SpanProtection", "encryption_fault", "protect"]

HeaderSource = Callable[[ContentKey, UtcTime], Sequence[Box]]
"""Makes pssh boxes for a key that spans opening at an instant use (``cenc.key_wrap.KeyWrapper`` is the usual one)."""


@dataclass(frozen=True, slots=True)
class EncryptionEntry:
    """One encryption entry of a target (tt:RecordingEncryption).

    ``tracks`` are track tokens; empty means all. ``headers`` makes pssh boxes beside the common one: the asymmetric
    key system's, or another system's. ``iv_signalling`` tells how cbcs carries its IVs: "seig" (unique for each
    fragment, as B.8 wants), "segment" (the same with one fragment a segment, for readers that ignore sample groups: the
    segment is held in memory until it ends), or, for such readers too but not as B.8 wants, "sample" (in senc) or
    "track" (one for a span).
    """

    scheme: ProtectionScheme
    keys: KeySource
    tracks: tuple[str, ...] = ()
    headers: tuple[HeaderSource, ...] = ()
    iv_signalling: str = "seig"


@dataclass(slots=True)
class SpanProtection:
    """Keys and encryptors of the spans that opened together; they stay the same until all of them close."""

    keys: Mapping[str, ContentKey] = field(default_factory=dict)
    encryptors: Mapping[int, TrackEncryptor] = field(default_factory=dict)
    headers: Mapping[UUID, tuple[Box, ...]] = field(default_factory=dict)

    def boxes(self, tracks: Sequence[Track]) -> tuple[Box, ...]:
        """Return the pssh boxes of objects with ``tracks``: the common one, then those of each key. B.8.1, B.8.2."""
        kids = tuple(dict.fromkeys(self.keys[track.token].kid for track in tracks if track.token in self.keys))
        if not kids:
            return ()
        return (common_header(kids), *(header for kid in kids for header in self.headers[kid]))

    def is_current(self, entries: Sequence[EncryptionEntry], at: UtcTime) -> bool:
        """Tell whether all key sources still give the keys in use."""
        return all(
            source.keys.key_for(at).kid == self.keys[token].kid
            for token, source in _covering(entries, tuple(self.keys)).items()
        )


def _covering(entries: Sequence[EncryptionEntry], tokens: Sequence[str]) -> dict[str, EncryptionEntry]:
    return {token: entry for token in tokens for entry in entries if not entry.tracks or token in entry.tracks}


def encryption_fault(entries: Sequence[EncryptionEntry], token: str, codec: Codec) -> OnvifBmffError | None:
    """Return why the samples of a track cannot be encrypted as the entries ask; None if they can, or stay clear."""
    if token in _covering(entries, (token,)):
        try:
            slice_data_of(codec)
        except OnvifBmffError as error:
            return error
    return None


def protect(entries: Sequence[EncryptionEntry], tracks: Sequence[Track], at: UtcTime, ivs: IvSources) -> SpanProtection:
    """Return keys and encryptors for spans with ``tracks`` that open at ``at``.

    Raises ``ProtectionError`` where no key can be had, or two keys come under one KID, and
    ``UnsupportedSchemeError`` for a codec that cannot be encrypted.
    """
    covering = _covering(entries, [track.token for track in tracks])
    made = {id(entry): entry.keys.key_for(at) for entry in covering.values()}
    keys = {token: made[id(entry)] for token, entry in covering.items()}
    KeyRing(keys.values())  # refuses one KID for two keys, which no reader could tell apart
    headers: dict[UUID, tuple[Box, ...]] = {}
    for token, entry in covering.items():
        key = keys[token]
        if key.kid not in headers:
            headers[key.kid] = tuple(box for source in entry.headers for box in source(key, at))
    encryptors = {
        track.track_id: TrackEncryptor(
            covering[track.token].scheme,
            keys[track.token],
            track.codec,
            ivs=ivs,
            iv_signalling=covering[track.token].iv_signalling,
        )
        for track in tracks
        if track.token in covering
    }
    return SpanProtection(keys, encryptors, headers)
