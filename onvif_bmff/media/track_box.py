"""The trak box of a track that is written, its samples in fragments or in a table. ISO/IEC 14496-12, 8.3."""

from collections.abc import Mapping, Sequence
from typing import Any

from onvif_bmff.bmff import (
    Box,
    ChunkOffsetBox,
    DataEntryUrlBox,
    DataInformationBox,
    DataReferenceBox,
    HandlerBox,
    MediaBox,
    MediaHeaderBox,
    MediaInformationBox,
    NullMediaHeaderBox,
    SampleDescriptionBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SoundMediaHeaderBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackHeaderBox,
    VideoMediaHeaderBox,
    pack_language,
)
from onvif_bmff.media.sample_entries import presentation_size
from onvif_bmff.media.track import TrackType

__all__ = ["empty_tables", "make_track_box"]

_HANDLERS = {TrackType.VIDEO: "vide", TrackType.AUDIO: "soun", TrackType.METADATA: "meta"}
_NAMES = {TrackType.VIDEO: b"Video\0", TrackType.AUDIO: b"Audio\0", TrackType.METADATA: b"Metadata\0"}
_MEDIA_HEADERS: dict[TrackType, type[Box]] = {
    TrackType.VIDEO: VideoMediaHeaderBox,
    TrackType.AUDIO: SoundMediaHeaderBox,
    TrackType.METADATA: NullMediaHeaderBox,
}


def make_track_box(
    track_id: int,
    kind: TrackType,
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
            _MEDIA_HEADERS[kind](),
            DataInformationBox(children=(references,)),
            SampleTableBox(children=(SampleDescriptionBox(entry_count=len(entries), children=tuple(entries)), *tables)),
        )
    )
    header = TrackHeaderBox(
        flags=7,
        track_id=track_id,
        volume=0x100 if kind is TrackType.AUDIO else 0,
        width=width << 16,
        height=height << 16,
        **(track_times or {}),
    )
    media = MediaBox(
        children=(
            MediaHeaderBox(timescale=timescale, language=pack_language(language), **(media_times or {})),
            HandlerBox(handler_type=_HANDLERS[kind], name_bytes=_NAMES[kind]),
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
