"""The SeekTable attribute: where the fragments of an object begin (ONVIF Recording Control 25.12, B.9.2).

A copy of the file's ``mfra`` box, usually thinned, in base64. A reader that has it can seek in an object
after a HEAD request. Times are presentation times in ticks of the Timescale attribute; offsets count from the
start of the whole object.
"""

import base64
import binascii
from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, Self

from onvif_bmff.bmff.language.reader import build_boxes, parse_boxes
from onvif_bmff.bmff.random_access import (
    MovieFragmentRandomAccessBox,
    TrackFragmentRandomAccessBox,
)
from onvif_bmff.errors import BoxError, ObjectAttributeError
from onvif_bmff.objects.random_access import movie_random_access, track_random_access

__all__ = ["MAX_SEEK_TABLE_TEXT", "SeekEntry", "SeekTable", "TrackSeekTable"]

MAX_SEEK_TABLE_TEXT = 65_536
"""Longest SeekTable that is read, in characters; object stores take 2 or 8 KB of attributes in all."""

_BY_TIME = attrgetter("time")


class SeekEntry(NamedTuple):
    """A sync sample: its presentation time in ticks, the byte offset of its ``moof`` from the start of the
    object, and which traf, trun and sample of that moof it is, each counted from 1.
    """  # noqa: D205

    time: int
    moof_offset: int
    traf_number: int = 1
    trun_number: int = 1
    sample_number: int = 1


@dataclass(frozen=True, slots=True)
class TrackSeekTable:
    """The entries of one track, at least one, ascending by time.

    Raises:
        ObjectAttributeError: there is no entry, they are not in order, or a number is out of range.
    """

    track_id: int
    entries: tuple[SeekEntry, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.track_id < 1 << 32:
            raise ObjectAttributeError("a track_ID is a number from 1 to 2**32 - 1")
        if not self.entries:
            raise ObjectAttributeError(f"the seek table of track {self.track_id} has no entry")
        before = 0
        for entry in self.entries:
            if not before <= entry.time < 1 << 64 or not 0 <= entry.moof_offset < 1 << 64:
                raise ObjectAttributeError(f"the seek table of track {self.track_id} is not in order of time")
            if not 0 <= min(entry[2:]) <= max(entry[2:]) < 1 << 32:
                raise ObjectAttributeError("a traf, trun or sample number is out of range")
            before = entry.time

    def locate(self, time: int) -> SeekEntry:
        """Return the last entry at or before ``time`` (ticks); the first one if all are later."""
        return self.entries[max(0, bisect_right(self.entries, time, key=_BY_TIME) - 1)]


@dataclass(frozen=True, slots=True)
class SeekTable:
    """Sync samples of all tracks of a segment.

    Raises:
        ObjectAttributeError: there is no track, or one twice.
    """

    tracks: tuple[TrackSeekTable, ...]

    def __post_init__(self) -> None:
        if not self.tracks:
            raise ObjectAttributeError("a seek table needs at least one entry")
        if len({track.track_id for track in self.tracks}) != len(self.tracks):
            raise ObjectAttributeError("a seek table lists every track once")

    def __len__(self) -> int:
        return sum(len(track.entries) for track in self.tracks)

    def track(self, track_id: int) -> TrackSeekTable | None:
        """Return the entries of a track, or None if it has none."""
        return next((track for track in self.tracks if track.track_id == track_id), None)

    # ---- box ---------------------------------------------------------------------------------------

    @classmethod
    def from_mfra(cls, box: MovieFragmentRandomAccessBox) -> Self:
        """Return the entries of an ``mfra`` box. Tracks without entries are left out, and ``mfro`` is.

        Raises:
            ObjectAttributeError: no track has an entry, or a track comes twice.
        """
        return cls(
            tuple(
                TrackSeekTable(found.track_id, tuple(sorted(map(SeekEntry._make, found.entries.rows()))))
                for found in box.find_all(TrackFragmentRandomAccessBox)
                if len(found.entries)
            )
        )

    def to_mfra(self, *, mfro: bool = False) -> MovieFragmentRandomAccessBox:
        """Return an ``mfra`` box, in the layout of figure B.5 wherever the numbers fit it.

        That is version 0 (version 1 where a time or offset needs 64 bits) with traf and trun numbers of
        one byte and sample numbers of two. ``mfro`` adds the box that B.9.2 allows to omit.
        """
        tables = tuple([_to_tfra(track) for track in self.tracks])
        return movie_random_access(tables) if mfro else MovieFragmentRandomAccessBox(children=tables)

    # ---- thinning ----------------------------------------------------------------------------------

    def condense(self, max_entries: int = 20, *, video_track_id: int | None = None) -> "SeekTable":
        """Return a thinner table of at most ``max_entries`` entries over all tracks.

        The first entry of each track always stays, even when that exceeds ``max_entries``. What is left of
        the allowance is spread evenly in time over one track: the given one, else the first of the table,
        as ``moov`` has the video track first.
        """
        if len(self) <= max_entries:
            return self
        leading = self.track(video_track_id) if video_track_id is not None else None
        leading = leading or self.tracks[0]
        allowance = max_entries - (len(self.tracks) - 1)
        return SeekTable(
            tuple(
                TrackSeekTable(track.track_id, _spread(track.entries, allowance if track is leading else 1))
                for track in self.tracks
            )
        )

    # ---- base64 ------------------------------------------------------------------------------------

    def to_base64(self) -> str:
        """Return the text of the attribute: an ``mfra`` without ``mfro``, in padded base64 (RFC 4648, 4)."""
        return base64.b64encode(build_boxes((self.to_mfra(),))).decode("ascii")

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Read the text of the attribute; ``mfro`` may be there or not.

        Raises:
            ObjectAttributeError: it is too long, no strict base64, or not exactly one ``mfra`` box with
                at least one entry.
        """
        if len(text) > MAX_SEEK_TABLE_TEXT:
            raise ObjectAttributeError(f"the seek table is longer than {MAX_SEEK_TABLE_TEXT} characters")
        try:
            data = base64.b64decode(text, validate=True)
            if base64.b64encode(data).decode("ascii") != text:
                raise ObjectAttributeError("the seek table is not base64 in its one proper form")
            boxes = parse_boxes(data)
        except (binascii.Error, ValueError) as error:
            if isinstance(error, ObjectAttributeError):
                raise
            reason = f"no mfra box: {error}" if isinstance(error, BoxError) else "no base64"
            raise ObjectAttributeError(f"the seek table is {reason}") from None
        if len(boxes) != 1 or not isinstance(boxes[0], MovieFragmentRandomAccessBox):
            raise ObjectAttributeError("the seek table is not one mfra box")
        return cls.from_mfra(boxes[0])


def _to_tfra(track: TrackSeekTable) -> TrackFragmentRandomAccessBox:
    times, offsets, trafs, truns, samples = zip(*track.entries, strict=True)
    return track_random_access(track.track_id, times, offsets, (trafs, truns, samples))


def _spread(entries: tuple[SeekEntry, ...], count: int) -> tuple[SeekEntry, ...]:
    """Return at most ``count`` entries (at least the first), the ones nearest before evenly spaced times."""
    if count >= len(entries):
        return entries
    if count <= 1:
        return entries[:1]
    first = entries[0].time
    # The last fragment lasts about as long as the others, so its start is not the end of the table.
    length = (entries[-1].time - first) * len(entries) // (len(entries) - 1)
    times = (first + length * step // count for step in range(1, count))
    picked = {0, *(bisect_right(entries, time, key=_BY_TIME) - 1 for time in times)}
    return tuple(entries[index] for index in sorted(picked))
