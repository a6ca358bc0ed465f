"""Tracks → ftyp and moov: the CMAF header, with which every fragment of a span can be played.

::

    ftyp
    moov ─ mvhd
         ├ trak (one a track) ─ tkhd · mdia ─ mdhd · hdlr · minf ─ vmhd|smhd|nmhd · dinf · stbl (empty tables)
         ├ mvex ─ trex (one a track)
         └ pssh (of protected spans)

ISO/IEC 14496-12, 8; CMAF (ISO/IEC 23000-19), 7.3.2.1, 7.5; ONVIF Recording Control 25.12, B.6, B.7, B.9.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from onvif_bmff.bmff import (
    Box,
    ContainerBox,
    FileTypeBox,
    MovieBox,
    MovieExtendsBox,
    MovieHeaderBox,
    TrackBox,
    TrackExtendsBox,
)
from onvif_bmff.cenc.encrypt import EntryProtection
from onvif_bmff.errors import InvariantError
from onvif_bmff.media.codec import Codec, all_sync
from onvif_bmff.media.sample_entries import presentation_size
from onvif_bmff.media.track import Track
from onvif_bmff.media.track_box import (
    MediaDescription,
    TrackTimes,
    describe_media,
    empty_tables,
    make_track_box,
    packed_box,
)
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.recording.codec_cache import per_codec
from onvif_bmff.recording.encryption import SpanProtection
from onvif_bmff.timing import UtcTime

__all__ = ["build_header"]

_SECONDS_1904_TO_1970 = 2_082_844_800


def build_header(
    brands: Sequence[str],
    tracks: Sequence[Track],
    timescale: int,
    created: UtcTime,
    *,
    protection: SpanProtection | None = None,
    constant_ivs: Mapping[int, bytes] | None = None,
) -> bytes:
    """Return ftyp and moov for ``tracks``, all in ``timescale`` ticks a second.

    ``created`` becomes the creation time; ``constant_ivs`` (by track_id) are what tenc says where a scheme has a
    constant IV. The first of ``brands`` is the major one.
    """
    protection = protection or SpanProtection()
    clock = max(created.microseconds // 1_000_000 + _SECONDS_1904_TO_1970, 0)
    times: dict[str, Any] = {
        "version": 0 if clock < 1 << 32 else 1,
        "creation_time": clock,
        "modification_time": clock,
    }
    ivs = constant_ivs or {}
    track_ids = tuple([track.track_id for track in tracks])
    movie = MovieBox(
        children=(
            MovieHeaderBox(timescale=timescale, next_track_id=_next_id(track_ids), **times),
            *[_track(track, timescale, times, protection, ivs.get(track.track_id)) for track in tracks],
            _extends(track_ids),
            *protection.boxes(tracks),
        )
    )
    return _file_type(tuple(brands)) + movie.build()


def _next_id(track_ids: Sequence[int]) -> int:
    """A number above all in use; all ones where there is none, which means "look for a free one". 8.2.2."""
    return min(max(track_ids) + 1, 0xFFFFFFFF)


@lru_cache(maxsize=64)
def _file_type(brands: tuple[str, ...]) -> bytes:
    return FileTypeBox(major_brand=brands[0], compatible_brands=brands).build()


@lru_cache(maxsize=64)
def _extends(track_ids: tuple[int, ...]) -> Box:
    """mvex, which says that fragments follow."""
    return packed_box(MovieExtendsBox(children=tuple([TrackExtendsBox(track_id=track_id) for track_id in track_ids])))


def _track(
    track: Track, timescale: int, times: dict[str, Any], protection: SpanProtection, constant_iv: bytes | None
) -> TrackBox:
    encryptor = protection.encryptors.get(track.track_id)
    if encryptor is None:
        description = _clear_description(track.codec, track.type)
    else:
        entry = encryptor.entry_protection(constant_iv)
        # A vector differs from segment to segment: what it is in would crowd out what can be used again.
        describe = _protected_description if entry.constant_iv is None else _describe_protected
        description = describe(track.codec, track.type, entry)
    return make_track_box(track.track_id, timescale, track.language, description, TrackTimes(times, times))


@per_codec
def _clear_description(codec: Codec, kind: MediaKind) -> MediaDescription:
    return describe_media(kind, (codec.sample_entry(),), empty_tables(all_sync=all_sync(codec))).packed()


def _describe_protected(codec: Codec, kind: MediaKind, protection: EntryProtection) -> MediaDescription:
    entry, size = _prepared_entry(codec, kind)
    tables = empty_tables(all_sync=all_sync(codec))
    return describe_media(kind, (protection.sample_entry(entry, kind),), tables, size).packed()


_protected_description = per_codec(_describe_protected)


@per_codec
def _prepared_entry(codec: Codec, kind: MediaKind) -> tuple[Box, tuple[int, int]]:
    """The clear sample entry, with the boxes in it built already, and the size at which video is shown."""
    entry = codec.sample_entry()
    size = presentation_size(entry)
    if not isinstance(entry, ContainerBox):  # TrackEncryptor refuses others
        raise InvariantError(f"a sample entry {entry.type} without boxes is to be protected")
    return replace(entry, children=tuple(map(packed_box, entry.children))), size
