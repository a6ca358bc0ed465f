"""Encryption entries of a target, and what they mean for the spans that open together. ONVIF B.8."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from threading import Lock
from typing import Protocol, runtime_checkable
from uuid import UUID

from onvif_bmff.bmff import Box, common_header
from onvif_bmff.cenc.encrypt import IvSources, TrackEncryptor, slice_data_of
from onvif_bmff.cenc.keys.content import ContentKey, KeySource
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Track
from onvif_bmff.media.track_box import packed_box
from onvif_bmff.timing import UtcTime

__all__ = [
    "EncryptionEntry", "HeaderSource", "SpanProtection", "Troubled", "encryption_fault", "protect", "trouble_of",
]  # fmt: skip

_log = logging.getLogger(__name__)

HeaderSource = Callable[[ContentKey, UtcTime], Sequence[Box]]
"""Makes pssh boxes for a key that spans opening at an instant use (``cenc.key_wrap.KeyWrapper`` is the usual one)."""


@runtime_checkable
class Troubled(Protocol):
    """A header source that can tell what is wrong while recording goes on."""

    @property
    def trouble(self) -> str | None:
        """What is wrong, in one line; None if nothing is."""
        ...


class _KeyInUse:
    """The key of an entry that has its headers, whoever records with the entry; shared by threads."""

    __slots__ = ("_boxes", "_key", "_lock", "_refused")

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: ContentKey | None = None
        self._boxes: tuple[Box, ...] = ()
        self._refused: tuple[ContentKey, str] | None = None

    def settle(self, entry: "EncryptionEntry", at: UtcTime, *, renew: bool) -> tuple[ContentKey, tuple[Box, ...]]:
        """Take the key source's key if headers can be made for it, else go on with the one in use."""
        with self._lock:
            asked = entry.keys.key_for(at)
            known = self._key
            if known is not None and known.kid == asked.kid and known == asked and not renew:
                return known, self._boxes
            try:
                boxes = tuple(box for source in entry.headers for box in source(asked, at))
            except Exception as error:  # third-party header sources may raise anything
                if known is None or entry.stop_without_headers:
                    raise
                if known.kid != asked.kid and self._refused != (known, str(error)):
                    self._refused = known, str(error)
                    _log.warning("the content key does not change, and %s stays in use: %s", known.kid, error)
                return known, self._boxes
            self._key, self._boxes, self._refused = asked, boxes, None
            return asked, boxes


@dataclass(frozen=True, slots=True)
class EncryptionEntry:
    """One encryption entry of a target (tt:RecordingEncryption).

    ``tracks`` are track tokens; empty means all. ``headers`` makes pssh boxes beside the common one: the asymmetric
    key system's, or another system's. ``iv_signalling`` tells how cbcs carries its IVs: "seig" (unique for each
    fragment, as B.8 wants), "segment" (the same with one fragment a segment, for readers that ignore sample groups: the
    segment is held in memory until it ends), or, for such readers too but not as B.8 wants, "sample" (in senc) or
    "track" (one for a span).

    Where a new key comes whose headers cannot be made, as when all certificates have expired, the key in use goes on
    with the headers that it has; with ``stop_without_headers`` nothing is recorded then. Nothing ever is without a
    first key that has its headers.
    """

    scheme: ProtectionScheme
    keys: KeySource
    tracks: tuple[str, ...] = ()
    headers: tuple[HeaderSource, ...] = ()
    iv_signalling: str = "seig"
    stop_without_headers: bool = False
    _in_use: _KeyInUse = field(default_factory=_KeyInUse, init=False, compare=False, repr=False)

    @property
    def trouble(self) -> str | None:
        """What is wrong with the headers while recording goes on, in one line; None if nothing is."""
        sources: tuple[object, ...] = self.headers
        said = (source.trouble for source in sources if isinstance(source, Troubled))
        return "; ".join(text for text in said if text) or None

    def settle(self, at: UtcTime, *, renew: bool = False) -> tuple[ContentKey, tuple[Box, ...]]:
        """Return the key for spans that open at ``at``, and its headers; ``renew`` has them made anew if they can be.

        Raises ``ProtectionError`` where no key can be had; where no headers can be made and no key is in use, the
        error of their source.
        """
        return self._in_use.settle(self, at, renew=renew)


@dataclass(slots=True, eq=False)
class SpanProtection:
    """Keys and encryptors of the spans that opened together; they stay the same until all of them close."""

    keys: Mapping[str, ContentKey] = field(default_factory=dict)
    encryptors: Mapping[int, TrackEncryptor] = field(default_factory=dict)
    headers: Mapping[UUID, tuple[Box, ...]] = field(default_factory=dict)

    def boxes(self, tracks: Sequence[Track]) -> tuple[Box, ...]:
        """Return the pssh boxes of objects with ``tracks``: the common one, then those of each key. B.8.1, B.8.2."""
        keys = self.keys
        kids = tuple(dict.fromkeys([keys[track.token].kid for track in tracks if track.token in keys]))
        if not kids:
            return ()
        return (_packed_common_header(kids), *chain.from_iterable(map(self.headers.__getitem__, kids)))

    def is_current(self, entries: Sequence[EncryptionEntry], at: UtcTime) -> bool:
        """Tell whether the keys in use are still those to use; a new one counts once it has its headers."""
        return all(
            entry.settle(at)[0].kid == self.keys[token].kid
            for token, entry in _covering(entries, tuple(self.keys)).items()
        )


@lru_cache(maxsize=64)
def _packed_common_header(kids: tuple[UUID, ...]) -> Box:
    return packed_box(common_header(kids))


def _covering(entries: Sequence[EncryptionEntry], tokens: Sequence[str]) -> dict[str, EncryptionEntry]:
    return {token: entry for token in tokens for entry in entries if not entry.tracks or token in entry.tracks}


def trouble_of(entries: Sequence[EncryptionEntry], token: str) -> str | None:
    """What is wrong with the headers of a track's key while it is recorded, in one line; None if nothing is."""
    found = _covering(entries, (token,)).get(token)
    return None if found is None else found.trouble


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
    distinct = {id(entry): entry for entry in covering.values()}
    made = {number: entry.settle(at, renew=True) for number, entry in distinct.items()}
    keys = {token: made[id(entry)][0] for token, entry in covering.items()}
    KeyRing(keys.values())  # refuses one KID for two keys, which no reader could tell apart
    headers: dict[UUID, tuple[Box, ...]] = {}
    for entry in covering.values():
        key, boxes = made[id(entry)]
        headers.setdefault(key.kid, boxes)
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
