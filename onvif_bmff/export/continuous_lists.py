"""What players open of a recording on one time line: HLS playlists, or one MPD. RFC 8216; ISO/IEC 23009-1, 5.3."""

from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import quote

from onvif_bmff.export.mpd import AdaptationSet, ByteRange, MediaPiece, Period, build_mpd
from onvif_bmff.export.playlist_lines import MASTER, Listed, master_playlist, program_date_time

if TYPE_CHECKING:
    from onvif_bmff.export.continuous import ContinuousExport
    from onvif_bmff.export.renditions import Rendition

__all__ = ["continuous_mpd", "continuous_playlists"]


def continuous_playlists(export: "ContinuousExport", *, base: str = "") -> dict[str, str]:
    """Return HLS playlists by file name; ``index.m3u8`` is the one to open. ``base``: where the files lie, a URI."""
    made = {_playlist_name(one): _media_playlist(export, one, base) for one in export.renditions}
    made[MASTER] = master_playlist(
        [
            Listed(_playlist_name(one), (one.track.type,), one.track.codecs, one.peak, one.track.language)
            for one in export.renditions
        ]
    )
    return made


def continuous_mpd(export: "ContinuousExport", *, base: str = "") -> str:
    """Return a DASH MPD of one period. ``base``: where the files lie, a URI."""
    end = max(Fraction(one.end, one.track.timescale) for one in export.renditions)
    sets = [_adaptation_set(number, one, base) for number, one in enumerate(export.renditions, 1)]
    return build_mpd([Period(0, round(end * 1_000_000), export.utc_at(0, 1), sets)])


def _adaptation_set(number: int, rendition: "Rendition", base: str) -> AdaptationSet:
    track, uri = rendition.track, base + quote(rendition.name)
    pieces = [
        MediaPiece(ByteRange(uri, one.offset, one.offset + one.size), one.start, length)
        for one, length in zip(rendition.pieces, rendition.lengths(), strict=True)
        if one.size
    ]
    header = ByteRange(uri, 0, len(rendition.header))
    return AdaptationSet(number, track.type, track.codecs, track.language, track.timescale, 0, header, pieces)


def _playlist_name(rendition: "Rendition") -> str:
    return f"{rendition.name.removesuffix('.mp4')}.m3u8"


def _media_playlist(export: "ContinuousExport", rendition: "Rendition", base: str) -> str:
    scale, uri = rendition.track.timescale, base + quote(rendition.name)
    bounds = [round(time * 1_000_000 / scale) for time in (*[one.start for one in rendition.pieces], rendition.end)]
    lengths = [later - start for start, later in pairwise(bounds)]
    is_open = any(not one.size for one in rendition.pieces)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{8 if is_open else 7}",
        f"#EXT-X-TARGETDURATION:{max(1, ceil(max(lengths) / 1_000_000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f'#EXT-X-MAP:URI="{uri}",BYTERANGE="{len(rendition.header)}@0"',
    ]
    for piece, length in zip(rendition.pieces, lengths, strict=True):
        lines.append(program_date_time(export.utc_at(piece.start, scale)))
        lines += [] if piece.size else ["#EXT-X-GAP"]
        lines.append(f"#EXTINF:{length / 1_000_000:.6f},")
        lines.append(f"#EXT-X-BYTERANGE:{piece.size or len(rendition.header)}@{piece.offset if piece.size else 0}")
        lines.append(uri)
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"
