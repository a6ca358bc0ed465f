"""A recording on one time line without holes, for players: copies of its media, one file a track.

Players over Media Source Extensions keep picture and sound in step only if the decode times of both count from one
instant. Stored spans each count from their own, and a player cannot be given the difference where only one track has a
gap (docs/playing.md). So the media are copied, with decode times that count from the start of the export, and a filler
where a track has nothing. Times of more than a minute in which nothing at all was recorded are left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.errors import MediaError
from onvif_bmff.export.file_times import Cuts, FileTimes
from onvif_bmff.export.movie import OutputTrack
from onvif_bmff.export.movie_job import ExportJob, ExportReport, ExportSource
from onvif_bmff.export.playlist_lines import PLAYED, playable
from onvif_bmff.export.renditions import Rendition, RenditionWriter
from onvif_bmff.export.writers import MovieWriter
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.selection import Selection
from onvif_bmff.timing import UtcTime

__all__ = ["ContinuousExport", "export_continuous"]

_FILLED = 60_000_000
"""Microseconds: longer times without any recording are left out."""
_SECOND = 1_000_000
_OFF = 60 * _SECOND
"""Microseconds by which media may lie outside the times that keys say."""
_MARGIN = 1_000_000
"""Microseconds between the zero of the time line and the first sample: decode times may come before presentation."""


@dataclass(frozen=True, slots=True)
class ContinuousExport:
    """Files of a recording on one time line: ``renditions`` are those of video, then those of audio.

    ``report`` says what is in them.
    """

    renditions: tuple[Rendition, ...]
    report: ExportReport
    _times: FileTimes
    _start: Fraction

    def utc_at(self, ticks: int, timescale: int) -> UtcTime:
        """Return the instant of a time in the files, in ticks."""
        return self._times.utc_at(round((Fraction(ticks, timescale) + self._start) * _SECOND), _SECOND)


def export_continuous(
    store: ReadableStore,
    selection: Selection,
    open_file: Callable[[str], BinaryIO],
    *,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
    strict: bool = True,
) -> ContinuousExport:
    """Copy the video and audio of a selection to files on one time line; see the module.

    ``continuous_playlists`` and ``continuous_mpd`` make what players open.

    Args:
        store: where the objects lie.
        selection: what to copy, see ``select``; from the last sync sample of the leading track before it on.
        open_file: opens a file to write by its name, such as ``video.mp4``; it stays open.
        keys: content keys.
        unwrapper: recovers content keys from the ``pssh`` boxes.
        strict: stop at the first broken object. Otherwise each is copied up to its last whole sample, and what is lost
            is in the report.

    Raises:
        BoxError, MediaError: a segment is broken (if ``strict``); there is nothing to play; or the codecs of the spans
            do not fit one track.
        ProtectionError: a key is missing, or cannot be unwrapped.
        StoreError: the store failed.
    """
    selection = playable(selection)
    if not selection:
        raise MediaError("there is nothing that players could play")
    source = ExportSource(store, selection, keys=keys, unwrapper=unwrapper, strict=strict)
    cuts = Cuts(source.selection, source.seeker, strict=strict, kept=_FILLED)
    times = FileTimes(source.selection, cuts, None, margin=_MARGIN)
    tracks = source.tracks()
    names = [_name(*kind) for kind in tracks]
    made: list[RenditionWriter] = []

    def writer(outputs: list[OutputTrack]) -> MovieWriter:
        bounds = [Fraction(times.ticks_at(at, _SECOND), _SECOND) for at in (cuts.first - _OFF, cuts.last + _OFF)]
        made.append(RenditionWriter(outputs, names, open_file, (bounds[0], bounds[1])))
        return made[0]

    report = source.play(ExportJob(tracks, times, writer))
    renditions = tuple([one for one in made[0].renditions if one is not None])
    return ContinuousExport(renditions, report, times, made[0].start or Fraction(0))


def _name(kind: MediaKind, ordinal: int) -> str | None:
    """Return the name of the file of a track; None for metadata, which players do not play.

    All end with ``.mp4``, as some versions of ffmpeg refuse others in playlists.
    """
    if kind not in PLAYED:
        return None
    return f"{kind.value.lower()}{f'-{ordinal + 1}' if ordinal else ''}.mp4"
