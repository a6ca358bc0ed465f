"""What players open over stored objects where they lie, if nothing may be copied: fillers are all that is written.

``dash_manifest`` does so for all recordings in CMAF, ``playlists_with_fillers`` for those on one time line.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import BinaryIO
from urllib.parse import quote

from onvif_bmff.errors import MediaError
from onvif_bmff.export.fillers import filler_of
from onvif_bmff.export.mpd import AdaptationSet, Period, build_mpd
from onvif_bmff.export.parts import checked_parts, strict_parts
from onvif_bmff.export.periods import FillerFile, LineTrack, are_on_one_line, line_track, make_periods
from onvif_bmff.export.playlist_lines import MASTER, Listed, Playlists, master_playlist, playable, program_date_time
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import extension_rank, only_kind_in
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.left_out import LeftOut, lost_objects
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection
from onvif_bmff.timing import UtcTime

__all__ = ["DashManifest", "dash_manifest", "is_one_track_an_object", "playlists_with_fillers"]


@dataclass(slots=True)
class DashManifest:
    """An MPD, as ``text``. ``left_out``: what it leaves out because it is damaged or missing; empty if ``strict``."""

    text: str
    left_out: list[LeftOut] = field(default_factory=list)


def is_one_track_an_object(selection: Selection) -> bool:
    """Return whether all objects of a selection that players play hold one track, as in CMAF."""
    return all(only_kind_in(name) is not None for name, parts in playable(selection).parts.items() if parts)


def dash_manifest(
    store: ReadableStore,
    selection: Selection,
    open_file: Callable[[str], BinaryIO],
    *,
    base: str = "",
    name_of: Callable[[str], str] = str,
    strict: bool = True,
) -> DashManifest:
    """Return the MPD of a selection: a period for each time line of the spans, and fillers where a track has nothing.

    A span of sound that begins within a piece of pictures is heard from the next piece on.

    Args:
        store: holds the objects.
        selection: what to play, rounded to subsegments; see ``select``.
        open_file: opens a file to write by its name, ``filler-video.mp4`` or ``filler-audio.mp4``; it stays open. They
            lie beside the MPD.
        base: prefix of an object's key in its (relative) URI.
        name_of: what the object of a key is called there, if not by its key.
        strict: trust the indexes of the objects, and stop at the first one that cannot be read. Otherwise only whole
            fragments are listed.

    Raises:
        MediaError: there is nothing to play, or objects hold several tracks.
        ProtectionError: the recording is encrypted.
        BoxError, MediaError: a segment is invalid (if ``strict``).
        StoreError: the store failed.
    """
    tracks, left_out = _tracks(store, selection, strict=strict)
    fillers = [_filler_file(track.kind, track.number, tracks, open_file) for track in tracks]
    periods = make_periods(tracks, fillers, lambda name: base + quote(name_of(name)))
    return DashManifest(build_mpd(periods), left_out)


def playlists_with_fillers(
    store: ReadableStore,
    selection: Selection,
    open_file: Callable[[str], BinaryIO],
    *,
    base: str = "",
    name_of: Callable[[str], str] = str,
    strict: bool = True,
) -> Playlists | None:
    """Return HLS playlists over stored objects, and fillers where a track has nothing; None if players need copies.

    They do unless all spans are on one time line, as with decode times that count from 1970 (``DecodeTimes.UTC``), and
    their codecs have fillers.
    Arguments and errors are those of ``dash_manifest``.
    """
    if not is_one_track_an_object(selection):
        return None
    tracks, left_out = _tracks(store, selection, strict=strict)
    codecs = [line.header.lead.codec() for track in tracks for line in track.lines]
    if not are_on_one_line(tracks) or any(filler_of(codec) is None for codec in codecs):
        return None
    fillers = [_filler_file(track.kind, track.number, tracks, open_file) for track in tracks]
    (period,) = make_periods(tracks, fillers, lambda name: base + quote(name_of(name)))
    made = Playlists()
    made.left_out += left_out
    listed: list[Listed] = []
    for one in period.sets:
        number = sum(other.kind is one.kind for other in period.sets[: period.sets.index(one)])
        name = f"{one.kind.value.lower()}{f'-{number + 1}' if number else ''}.m3u8"
        made[name] = _playlist(one, period)
        listed.append(Listed(name, (one.kind,), one.codecs, one.bandwidth, one.language))
    made[MASTER] = master_playlist(listed)
    return made


def _playlist(found: AdaptationSet, period: Period) -> str:
    scale = found.timescale
    bounds = [round(one.start * 1_000_000 / scale) for one in found.pieces]
    last = found.pieces[-1]
    bounds.append(round((last.start + last.duration) * 1_000_000 / scale))
    zero = round(found.offset * 1_000_000 / scale)
    longest = max(later - start for start, later in pairwise(bounds))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, ceil(longest / 1_000_000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f'#EXT-X-MAP:URI="{found.header.uri}",BYTERANGE="{found.header.stop}@0"',
    ]
    for piece, (start, later) in zip(found.pieces, pairwise(bounds), strict=True):
        place = piece.place
        lines.append(program_date_time(UtcTime(period.at.microseconds + start - zero)))
        lines.append(f"#EXTINF:{(later - start) / 1_000_000:.6f},")
        lines.append(f"#EXT-X-BYTERANGE:{place.stop - place.offset}@{place.offset}")
        lines.append(place.uri)
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _tracks(store: ReadableStore, selection: Selection, *, strict: bool) -> tuple[list[LineTrack], list[LeftOut]]:
    """Return the tracks of a selection with their time lines, and what they leave out."""
    selection = playable(selection)
    if not is_one_track_an_object(selection):
        raise MediaError("objects hold several tracks: only copies of them can be played by DASH")
    seeker = Seeker(store)
    left_out: list[LeftOut] = [] if strict else list(lost_objects(selection))
    tracks: list[LineTrack] = []
    for extension in sorted(selection.parts, key=extension_rank):
        kind = only_kind_in(extension)
        parts = selection.parts[extension]
        for ordinal in sorted({part.ordinal for part in parts}):
            own = tuple(part for part in parts if part.ordinal == ordinal)
            found = (
                strict_parts(own, selection, seeker)
                if strict
                else checked_parts(own, selection, store, seeker, left_out)
            )
            track = None if kind is None else line_track(len(tracks) + 1, kind, found, seeker)
            tracks += [] if track is None else [track]
    if not tracks:
        for one in left_out:
            if one.error is not None:
                raise one.error
        raise MediaError("there is nothing that players could play")
    return tracks, left_out


def _filler_file(
    kind: MediaKind, number: int, tracks: list[LineTrack], open_file: Callable[[str], BinaryIO]
) -> FillerFile:
    several = sum(track.kind is kind for track in tracks) > 1
    name = f"filler-{kind.value.lower()}{f'-{number}' if several else ''}.mp4"
    return FillerFile(name, lambda: open_file(name))
