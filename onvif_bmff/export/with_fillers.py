"""What players open over stored objects where they lie, if nothing may be copied: fillers are all that is written.

``dash_manifest`` does so for all recordings in CMAF. Playlists can do it only for spans on one time line.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import quote

from onvif_bmff.errors import MediaError
from onvif_bmff.export.mpd import build_mpd
from onvif_bmff.export.parts import checked_parts, strict_parts
from onvif_bmff.export.periods import FillerFile, LineTrack, line_track, make_periods
from onvif_bmff.export.playlist_lines import playable
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import extension_rank, only_kind_in
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.left_out import LeftOut, lost_objects
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection

__all__ = ["DashManifest", "dash_manifest", "is_one_track_an_object"]


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
        raise MediaError("there is nothing that DASH could play")
    fillers = [_filler_file(track.kind, track.number, tracks, open_file) for track in tracks]
    periods = make_periods(tracks, fillers, lambda name: base + quote(name_of(name)))
    return DashManifest(build_mpd(periods), left_out)


def _filler_file(
    kind: MediaKind, number: int, tracks: list[LineTrack], open_file: Callable[[str], BinaryIO]
) -> FillerFile:
    several = sum(track.kind is kind for track in tracks) > 1
    name = f"filler-{kind.value.lower()}{f'-{number}' if several else ''}.mp4"
    return FillerFile(name, lambda: open_file(name))
