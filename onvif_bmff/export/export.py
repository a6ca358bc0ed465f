r"""A part of a recording as one playable file, clear, its tracks in step.

Times in the file are those of the recording. What a gap becomes, and what a span with another codec configuration:

======================  ===========================================  ==========================================
\                       fragmented                                   progressive
======================  ===========================================  ==========================================
a gap, kept             the next decode time jumps                   the sample before it lasts until the next
a gap, cut              removed from all tracks alike
other parameter sets    another sample entry of the track, and all parameter sets in band as well
another codec           ``MediaError``: no player can change the codec within a track
a track that starts     its first decode time                        an empty edit
later
======================  ===========================================  ==========================================

Without ``exact`` a file begins with the last sync sample of the leading track before the range, all tracks from
there on; with it, an edit list hides what lies outside the range.
"""

from typing import BinaryIO

from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.export.file_times import Cuts, FileTimes
from onvif_bmff.export.movie import OutputTrack
from onvif_bmff.export.movie_job import ExportJob, ExportReport, ExportSource
from onvif_bmff.export.progressive import ProgressiveWriter
from onvif_bmff.export.writers import FragmentedWriter, MovieWriter
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.selection import Selection

__all__ = ["export_movie"]


def export_movie(
    store: ReadableStore,
    selection: Selection,
    out: BinaryIO,
    *,
    progressive: bool = False,
    spool: BinaryIO | None = None,
    exact: bool = False,
    cut_gaps: bool = False,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
    strict: bool = True,
) -> ExportReport:
    """Write a selection as one MP4 file.

    Args:
        store: where the objects lie.
        selection: what to export, see ``select``.
        out: where the file is written; must be seekable for a progressive file without ``spool``.
        progressive: write sample tables, for players without support for fragments; fragmented otherwise.
        spool: an empty file for the media data of a progressive file, so that its ``moov`` comes first.
        exact: hide what lies outside the range by an edit list. Not all players apply it in fragmented files.
        cut_gaps: remove times in which nothing of the selection was recorded, or objects are lost.
        keys: content keys.
        unwrapper: recovers content keys from the ``pssh`` boxes.
        strict: stop at the first broken object. Otherwise each is exported up to its last whole sample, and what is
            lost is in the report.

    Raises:
        BoxError, MediaError: a segment is broken (if ``strict``); there is nothing to export; or the codecs of the
            spans do not fit one track.
        ProtectionError: a key is missing, or cannot be unwrapped.
        StoreError: the store failed.
    """
    source = ExportSource(store, selection, keys=keys, unwrapper=unwrapper, strict=strict, exact=exact)
    cuts = Cuts(source.selection, source.seeker, strict=strict) if cut_gaps else None

    def writer(tracks: list[OutputTrack]) -> MovieWriter:
        timescale = tracks[0].timescale
        if progressive:
            return ProgressiveWriter(out, tracks, lead=0, timescale=timescale, spool=spool)
        skips = [max(0, times.presented_from(track.timescale)) for track in tracks]
        return FragmentedWriter(out, tracks, lead=0, timescale=timescale, skips=skips)

    times = FileTimes(source.selection, cuts, source.floor, exact=exact)
    return source.play(ExportJob(source.tracks(), times, writer, progressive=progressive))
