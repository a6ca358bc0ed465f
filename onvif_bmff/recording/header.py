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
from typing import TYPE_CHECKING, Any, TypeVar

from onvif_bmff.bmff import (
    Box,
    ContainerBox,
    FileTypeBox,
    MovieBox,
    MovieExtendsBox,
    MovieHeaderBox,
    TrackBox,
    TrackExtendsBox,
    build_boxes,
)
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
from onvif_bmff.recording.encryption import SpanProtection
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

__all__ = ["build_header"]

_T = TypeVar("_T")
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
    movie = MovieBox(
        children=(
            MovieHeaderBox(timescale=timescale, next_track_id=_next_id(tracks), **times),
            *(
                _track(track, timescale, times, protection, (constant_ivs or {}).get(track.track_id))
                for track in tracks
            ),
            MovieExtendsBox(children=tuple(TrackExtendsBox(track_id=track.track_id) for track in tracks)),
            *protection.boxes(tracks),
        )
    )
    return build_boxes((FileTypeBox(major_brand=brands[0], compatible_brands=tuple(brands)), movie))


def _next_id(tracks: Sequence[Track]) -> int:
    """A number above all in use; all ones where there is none, which means "look for a free one". 8.2.2."""
    return min(max(track.track_id for track in tracks) + 1, 0xFFFFFFFF)


def _track(
    track: Track, timescale: int, times: dict[str, Any], protection: SpanProtection, constant_iv: bytes | None
) -> TrackBox:
    encryptor = protection.encryptors.get(track.track_id)
    if encryptor is not None:
        entry, size = _once(_prepared_entry, track)
        tables = empty_tables(all_sync=all_sync(track.codec))
        description = describe_media(track.type, (encryptor.sample_entry(entry, constant_iv),), tables, size)
    else:
        description = _once(_clear_description, track)
    return make_track_box(track.track_id, timescale, track.language, description, TrackTimes(times, times))


def _once(work: "_lru_cache_wrapper[_T]", track: Track) -> _T:
    """Do work on a track's codec once for all that compare equal, since these have the same sample entry."""
    try:
        return work(track.codec, track.type)  # type: ignore[arg-type]  # codecs need no hash, but most have one
    except TypeError:
        result: _T = work.__wrapped__(track.codec, track.type)
        return result


@lru_cache(maxsize=64)
def _clear_description(codec: Codec, kind: MediaKind) -> MediaDescription:
    return describe_media(kind, (codec.sample_entry(),), empty_tables(all_sync=all_sync(codec))).packed()


@lru_cache(maxsize=64)
def _prepared_entry(codec: Codec, kind: MediaKind) -> tuple[Box, tuple[int, int]]:
    """The clear sample entry, with the boxes in it built already, and the size at which video is shown."""
    entry = codec.sample_entry()
    size = presentation_size(entry)
    if isinstance(entry, ContainerBox):
        entry = replace(entry, children=tuple(map(packed_box, entry.children)))
    return entry, size
