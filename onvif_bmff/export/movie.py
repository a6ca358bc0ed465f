"""The movie box of an exported file. ISO/IEC 14496-12, 8.2 to 8.8."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from onvif_bmff.bmff import (
    Box,
    Columns,
    EditBox,
    EditListBox,
    MovieBox,
    MovieExtendsBox,
    MovieHeaderBox,
    TrackBox,
    TrackExtendsBox,
)
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import TrackType
from onvif_bmff.media.track_box import TrackTimes, describe_media, empty_tables, make_track_box

__all__ = ["Edit", "OutputTrack", "TrackTables", "build_movie", "fragmented_tables"]


@dataclass(slots=True)
class OutputTrack:
    """A track of the output file; ``codecs`` are its sample entries in order."""

    track_id: int
    type: TrackType
    timescale: int
    language: str
    codecs: list[Codec] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Edit:
    """The presented part of a track.

    ``delay`` and ``duration`` are in movie ticks, ``media_time``, where the part begins, in ticks of the track. A
    duration of 0, in a fragmented file, means all of it.
    """

    delay: int
    duration: int
    media_time: int

    def box(self) -> EditBox:
        """Return the edit list."""
        rows = [(self.delay, -1)] if self.delay else []
        rows.append((self.duration, self.media_time))
        wide = max(max(row) for row in rows) >= 1 << 31
        table = EditListBox(
            version=1 if wide else 0,
            entries=Columns(
                edit_duration=[row[0] for row in rows],
                media_time=[row[1] for row in rows],
                media_rate=[1] * len(rows),
                media_rate_fraction=[0] * len(rows),
            ),
        )
        return EditBox(children=(table,))


@dataclass(slots=True)
class TrackTables:
    """The boxes of one track's stbl except stsd, the ticks of all samples, and the edit list, if any."""

    boxes: tuple[Box, ...]
    duration: int = 0
    edit: Edit | None = None


def fragmented_tables(track: OutputTrack, edit: Edit | None = None) -> TrackTables:
    """Return the (empty) tables of a track in a fragmented file."""
    return TrackTables(empty_tables(all_sync=track.type is not TrackType.VIDEO), 0, edit)


def build_movie(
    tracks: Sequence[OutputTrack], tables: Sequence[TrackTables], timescale: int, *, fragmented: bool
) -> MovieBox:
    """Return the movie box of ``tracks`` with their ``tables``; ``timescale`` is that of the movie."""
    durations = [_presented(one, track, timescale) for one, track in zip(tables, tracks, strict=True)]
    longest = max(durations, default=0)
    children: list[Box] = [
        MovieHeaderBox(
            **_sized(longest), timescale=timescale, next_track_id=max(track.track_id for track in tracks) + 1
        )
    ]
    for track, table, duration in zip(tracks, tables, durations, strict=True):
        children.append(_track(track, table, duration))
    if fragmented:
        children.append(MovieExtendsBox(children=tuple([TrackExtendsBox(track_id=one.track_id) for one in tracks])))
    return MovieBox(children=tuple(children))


def _presented(tables: TrackTables, track: OutputTrack, timescale: int) -> int:
    if tables.edit is not None:
        return tables.edit.delay + tables.edit.duration
    return -(-tables.duration * timescale // track.timescale)


def _sized(duration: int) -> dict[str, Any]:
    return {"version": 1 if duration >= 1 << 32 else 0, "duration": duration}


def _track(track: OutputTrack, tables: TrackTables, duration: int) -> TrackBox:
    return make_track_box(
        track.track_id,
        track.timescale,
        track.language,
        describe_media(track.type, [codec.sample_entry() for codec in track.codecs], tables.boxes),
        TrackTimes(
            track=_sized(duration),
            media=_sized(tables.duration),
            edits=() if tables.edit is None else (tables.edit.box(),),
        ),
    )
