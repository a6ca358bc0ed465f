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
from typing import Any

from onvif_bmff.bmff import (
    Box,
    ChunkOffsetBox,
    DataEntryUrlBox,
    DataInformationBox,
    DataReferenceBox,
    FileTypeBox,
    HandlerBox,
    MediaBox,
    MediaHeaderBox,
    MediaInformationBox,
    MovieBox,
    MovieExtendsBox,
    MovieHeaderBox,
    NullMediaHeaderBox,
    SampleDescriptionBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SoundMediaHeaderBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackExtendsBox,
    TrackHeaderBox,
    VideoMediaHeaderBox,
    build_boxes,
    pack_language,
)
from onvif_bmff.media.sample_entries import presentation_size
from onvif_bmff.media.track import Track, TrackType
from onvif_bmff.recording.encryption import SpanProtection
from onvif_bmff.timing import UtcTime

__all__ = ["build_header"]

_SECONDS_1904_TO_1970 = 2_082_844_800
_HANDLERS = {TrackType.VIDEO: "vide", TrackType.AUDIO: "soun", TrackType.METADATA: "meta"}
_NAMES = {TrackType.VIDEO: b"Video\0", TrackType.AUDIO: b"Audio\0", TrackType.METADATA: b"Metadata\0"}


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
                _track(track, timescale, times, _entry(track, protection, (constant_ivs or {}).get(track.track_id)))
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


def _entry(track: Track, protection: SpanProtection, constant_iv: bytes | None) -> Box:
    entry = track.sample_entry()
    encryptor = protection.encryptors.get(track.track_id)
    return entry if encryptor is None else encryptor.sample_entry(entry, constant_iv)


def _track(track: Track, timescale: int, times: dict[str, Any], entry: Box) -> TrackBox:
    width, height = presentation_size(track.sample_entry())
    header = TrackHeaderBox(
        flags=7,
        track_id=track.track_id,
        volume=0x100 if track.type is TrackType.AUDIO else 0,
        width=width << 16,
        height=height << 16,
        **times,
    )
    return TrackBox(
        children=(
            header,
            MediaBox(
                children=(
                    MediaHeaderBox(timescale=timescale, language=pack_language(track.language), **times),
                    HandlerBox(handler_type=_HANDLERS[track.type], name_bytes=_NAMES[track.type]),
                    MediaInformationBox(
                        children=(
                            _media_header(track.type),
                            DataInformationBox(
                                children=(DataReferenceBox(entry_count=1, children=(DataEntryUrlBox(),)),)
                            ),
                            SampleTableBox(children=_tables(track, entry)),
                        )
                    ),
                )
            ),
        )
    )


def _media_header(kind: TrackType) -> Box:
    if kind is TrackType.VIDEO:
        return VideoMediaHeaderBox()
    return SoundMediaHeaderBox() if kind is TrackType.AUDIO else NullMediaHeaderBox()


def _tables(track: Track, entry: Box) -> tuple[Box, ...]:
    tables: tuple[Box, ...] = (
        SampleDescriptionBox(entry_count=1, children=(entry,)),
        TimeToSampleBox(),
        SampleToChunkBox(),
        SampleSizeBox(),
        ChunkOffsetBox(),
    )
    # without stss every sample would count as a sync sample (CMAF 7.5.12)
    all_sync = getattr(track.codec, "all_sync", track.type is not TrackType.VIDEO)
    return tables if all_sync else (*tables, SyncSampleBox())
