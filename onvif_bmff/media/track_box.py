"""The trak box of a track that is written, its samples in fragments or in a table. ISO/IEC 14496-12, 8.3."""

from collections.abc import Mapping, Sequence
from typing import Any

from onvif_bmff.bmff import (
    BOXES,
    Box,
    ChunkOffsetBox,
    DataEntryUrlBox,
    DataInformationBox,
    DataReferenceBox,
    HandlerBox,
    MediaBox,
    MediaHeaderBox,
    MediaInformationBox,
    SampleDescriptionBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackHeaderBox,
    pack_language,
)
from onvif_bmff.media.sample_entries import presentation_size
from onvif_bmff.media_kind import MediaKind

__all__ = ["empty_tables", "make_track_box"]


def make_track_box(
    track_id: int,
    kind: MediaKind,
    timescale: int,
    language: str,
    entries: Sequence[Box],
    tables: Sequence[Box],
    *,
    track_times: Mapping[str, Any] | None = None,
    media_times: Mapping[str, Any] | None = None,
    edits: Sequence[Box] = (),
) -> TrackBox:
    """Return the trak box of a track in ``timescale`` ticks a second.

    Args:
        track_id: its number in the file.
        kind: what media it holds.
        timescale: ticks a second of its media.
        language: three letters of ISO 639-2.
        entries: its sample entries, at least one.
        tables: what stbl holds beside stsd.
        track_times: version, times and duration of tkhd, where they are not its defaults.
        media_times: the same of mdhd.
        edits: edts, if there is one.
    """
    width, height = presentation_size(entries[0])
    references = DataReferenceBox(entry_count=1, children=(DataEntryUrlBox(),))
    information = MediaInformationBox(
        children=(
            BOXES[kind.media_header](),
            DataInformationBox(children=(references,)),
            SampleTableBox(children=(SampleDescriptionBox(entry_count=len(entries), children=tuple(entries)), *tables)),
        )
    )
    header = TrackHeaderBox(
        flags=7,
        track_id=track_id,
        volume=0x100 if kind is MediaKind.AUDIO else 0,
        width=width << 16,
        height=height << 16,
        **(track_times or {}),
    )
    media = MediaBox(
        children=(
            MediaHeaderBox(timescale=timescale, language=pack_language(language), **(media_times or {})),
            HandlerBox(handler_type=kind.handler, name_bytes=kind.encode() + b"\0"),
            information,
        )
    )
    return TrackBox(children=(header, *edits, media))


def empty_tables(*, all_sync: bool) -> tuple[Box, ...]:
    """Return the tables of a track whose samples lie in fragments.

    Without an stss every sample would count as a sync sample, so there is an empty one unless all are. CMAF, 7.5.12.
    """
    tables: tuple[Box, ...] = (TimeToSampleBox(), SampleToChunkBox(), SampleSizeBox(), ChunkOffsetBox())
    return tables if all_sync else (*tables, SyncSampleBox())
