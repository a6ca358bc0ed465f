"""The trak box of a track that is written, its samples in fragments or in a table. ISO/IEC 14496-12, 8.3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
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

__all__ = ["MediaDescription", "TrackTimes", "describe_media", "empty_tables", "make_track_box", "packed_box"]


_pack_language = lru_cache(maxsize=64)(pack_language)


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """What a trak box says of the media themselves: all that stays the same from span to span.

    ``size`` is width and height at which video is shown, in square pixels; (0, 0) for other media.
    """

    kind: MediaKind
    handler: Box
    information: Box
    size: tuple[int, int]

    def packed(self) -> "MediaDescription":
        """Return the same with its boxes built already, for use in many trak boxes."""
        return replace(self, handler=packed_box(self.handler), information=packed_box(self.information))


@dataclass(frozen=True, slots=True)
class TrackTimes:
    """When a track was made and how long it is.

    ``track`` has version, times and duration of tkhd by name, where they are not its defaults; ``media`` the same of
    mdhd; ``edits`` is edts, if there is one.
    """

    track: Mapping[str, Any]
    media: Mapping[str, Any]
    edits: Sequence[Box] = ()


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class _PackedBox(Box):
    """A box whose bytes, with its header, are made already."""

    type: str
    whole: bytes

    def pieces(self) -> list[Any]:
        return [self.whole]


def packed_box(box: Box) -> Box:
    """Return a box that has the same bytes but takes less work to build, for use in many files."""
    return _PackedBox(type=box.type, size_form=box.size_form, whole=box.build())


def describe_media(
    kind: MediaKind, entries: Sequence[Box], tables: Sequence[Box], size: tuple[int, int] | None = None
) -> MediaDescription:
    """Return hdlr and minf of a track with these sample entries, at least one, and tables in stbl in addition to stsd.

    ``size`` is that of the description; None takes it from the first sample entry.
    """
    information = MediaInformationBox(
        children=(
            *_same_in_all(kind),
            SampleTableBox(children=(SampleDescriptionBox(entry_count=len(entries), children=tuple(entries)), *tables)),
        )
    )
    handler = HandlerBox(handler_type=kind.handler, name_bytes=kind.encode() + b"\0")
    return MediaDescription(kind, handler, information, size or presentation_size(entries[0]))


@lru_cache
def _same_in_all(kind: MediaKind) -> tuple[Box, Box]:
    """The media header, and dinf, which says that the media are in this file."""
    references = DataReferenceBox(entry_count=1, children=(DataEntryUrlBox(),))
    return packed_box(BOXES[kind.media_header]()), packed_box(DataInformationBox(children=(references,)))


def make_track_box(
    track_id: int,
    timescale: int,
    language: str,
    description: MediaDescription,
    times: TrackTimes,
) -> TrackBox:
    """Return the trak box of a track in ``timescale`` ticks a second.

    Args:
        track_id: its number in the file.
        timescale: ticks a second of its media.
        language: three letters of ISO 639-2.
        description: what it holds.
        times: when it was made and how long it is.
    """
    width, height = description.size
    header = TrackHeaderBox(
        flags=7,
        track_id=track_id,
        volume=0x100 if description.kind is MediaKind.AUDIO else 0,
        width=width << 16,
        height=height << 16,
        **times.track,
    )
    media = MediaHeaderBox(timescale=timescale, language=_pack_language(language), **times.media)
    return TrackBox(
        children=(header, *times.edits, MediaBox(children=(media, description.handler, description.information)))
    )


@lru_cache
def empty_tables(*, all_sync: bool) -> tuple[Box, ...]:
    """Return the tables of a track whose samples lie in fragments.

    Without an stss every sample would count as a sync sample, so there is an empty one unless all are. CMAF, 7.5.12.
    """
    tables: tuple[Box, ...] = (TimeToSampleBox(), SampleToChunkBox(), SampleSizeBox(), ChunkOffsetBox())
    return tuple(map(packed_box, tables if all_sync else (*tables, SyncSampleBox())))
