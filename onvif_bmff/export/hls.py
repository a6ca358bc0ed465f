"""HLS playlists over stored objects, which players read in place. RFC 8216, and its second edition.

Every media segment of a playlist is a subsegment, a byte range of an object; the header of a span's first segment is
their ``EXT-X-MAP`` (B.2). A gap, a loss and a new span are discontinuities, and are counted in the playlists
of all media, so that players keep these in sync. Metadata is left out, since players do not support it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import quote

from onvif_bmff.errors import MediaError
from onvif_bmff.export.parts import ContinuousPart, checked_parts, strict_parts
from onvif_bmff.export.playlist_lines import MASTER, PLAYED, Listed, Playlists, master_playlist, program_date_time
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import media_in, ordinal_of
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.playback.left_out import lost_objects
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.seek_point import Subsegment
from onvif_bmff.playback.selection import Selection

__all__ = ["hls_playlists"]

_NAMES = {"mp4": "main", MediaKind.VIDEO.extension: "video", MediaKind.AUDIO.extension: "audio"}
"""What playlists are called; those of other extensions by the extension."""
_TOGETHER = 2_000_000
"""Microseconds within which spans of several media count as beginning together."""


def hls_playlists(
    store: ReadableStore,
    selection: Selection,
    *,
    base: str = "",
    name_of: Callable[[str], str] = str,
    strict: bool = True,
) -> Playlists:
    """Return the playlists of a selection.

    Reads the attributes of each object, and the header of one object of each span; all fragment heads if not
    ``strict``.

    Args:
        store: holds the objects.
        selection: what to play, rounded to subsegments; see ``select``.
        base: prefix of an object's key in its (relative) URI, such as ``"../store/"``.
        name_of: what the object of a key is called there, if not by its key.
        strict: trust the indexes of the objects, and stop at the first one that cannot be read. An index does not show
            that the last fragment of its object was cut off. Otherwise the fragments themselves are read, only whole
            ones are listed, and what is lost is in ``left_out`` of the result.

    Raises:
        MediaError: there is nothing to play.
        ProtectionError: the recording is encrypted; only a clear copy can be played this way.
        BoxError, MediaError: a segment is invalid (if ``strict``).
        StoreError: the store failed.
    """
    made = Playlists()
    if not strict:
        made.left_out += lost_objects(selection)
    seeker = Seeker(store)
    renditions: dict[str, _Rendition] = {}
    for extension in sorted(selection.parts, key=_order):
        parts = selection.parts[extension]
        if parts and media_in(extension) & PLAYED:
            name = f"{_NAMES.get(extension, extension)}.m3u8"
            if strict:
                runs = strict_parts(parts, selection, seeker)
            else:
                runs = checked_parts(parts, selection, store, seeker, made.left_out)
            renditions[extension] = _Rendition(name, list(runs))
    renditions = {extension: one for extension, one in renditions.items() if any(run.subsegments for run in one.runs)}
    if not renditions:
        for one in made.left_out:
            if one.error is not None:
                raise one.error
        raise MediaError("there is nothing that HLS could play")
    epochs = _epochs(run.subsegments[0][1].start.microseconds for one in renditions.values() for run in one.runs)
    made.update(
        {
            one.name: _media_playlist(one, epochs, lambda name: base + quote(name_of(name)))
            for one in renditions.values()
        }
    )
    made[MASTER] = _master_playlist(renditions)
    return made


def _order(extension: str) -> tuple[bool, int, str]:
    """What has pictures first, and of that what has most media; the first one is the main one."""
    media = media_in(extension)
    return MediaKind.VIDEO not in media, -len(media), extension


@dataclass(slots=True)
class _Rendition:
    """Contents of one playlist."""

    name: str
    runs: list[ContinuousPart] = field(default_factory=list)

    def headers(self) -> Iterator[SegmentHeader]:
        return (run.header for run in self.runs)

    @property
    def peak(self) -> int:
        """The largest bit rate of any subsegment, in bits per second."""
        return max(_bit_rate(subsegment) for run in self.runs for _, subsegment in run.subsegments)


def _bit_rate(subsegment: Subsegment) -> int:
    length = max(subsegment.end.microseconds_since(subsegment.start), 1000)
    return ceil((subsegment.stop - subsegment.offset) * 8_000_000 / length)


def _epochs(starts: Iterable[int]) -> list[int]:
    """Return the times at which continuous parts begin, merging those that begin together."""
    found: list[int] = []
    for start in sorted(starts):
        if not found or start > found[-1] + _TOGETHER:
            found.append(start)
    return found


def _media_playlist(rendition: _Rendition, epochs: list[int], uri_of: Callable[[str], str]) -> str:
    longest = max(length for run in rendition.runs for length in run.lengths())
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, ceil(longest / 1_000_000))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]
    epoch = 0
    for number, run in enumerate(rendition.runs):
        for index, ((segment, subsegment), length) in enumerate(zip(run.subsegments, run.lengths(), strict=True)):
            now = max(bisect_right(epochs, subsegment.start.microseconds) - 1, 0)
            if index == 0 and number and now == epoch:
                now += 1  # parts that begin together are still two
            lines += ["#EXT-X-DISCONTINUITY"] * max(0, now - epoch)
            epoch = max(epoch, now)
            if index == 0:
                header = uri_of(run.map_name)
                lines.append(f'#EXT-X-MAP:URI="{header}",BYTERANGE="{run.header.size}@0"')
            if index == 0 or run.subsegments[index - 1][0] is not segment:
                lines.append(program_date_time(subsegment.start))
            lines.append(f"#EXTINF:{length / 1_000_000:.6f},")
            lines.append(f"#EXT-X-BYTERANGE:{subsegment.stop - subsegment.offset}@{subsegment.offset}")
            lines.append(uri_of(segment.name))
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _master_playlist(renditions: Mapping[str, _Rendition]) -> str:
    """The master playlist; of several renditions of one track, as when the format changed in between, the main one."""
    listed: list[Listed] = []
    pictures: set[int] = set()
    for extension, one in renditions.items():
        if MediaKind.VIDEO in media_in(extension):
            if ordinal_of(extension) in pictures:
                continue
            pictures.add(ordinal_of(extension))
        headers = list(one.headers())
        codecs = [
            track.codec() for header in headers for track in header.tracks if track.type is not MediaKind.METADATA
        ]
        listed.append(Listed(one.name, media_in(extension), codecs, one.peak, headers[0].lead.language))
    return master_playlist(listed)
