"""What all playlists have in common: what players play, the master playlist, dates. RFC 8216, 4.3.4, 4.3.2.6."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from onvif_bmff.media.codec import Codec, picture_size
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.playback.left_out import LeftOut
from onvif_bmff.playback.selection import Selection
from onvif_bmff.timing import UtcTime

__all__ = ["MASTER", "PLAYED", "Listed", "Playlists", "master_playlist", "playable", "program_date_time", "rounded"]

PLAYED = frozenset((MediaKind.VIDEO, MediaKind.AUDIO))
"""What players play; they do not support metadata."""
MASTER = "index.m3u8"
"""The playlist to open."""


class Playlists(dict[str, str]):
    """Playlists by file name; ``index.m3u8`` is the one to open.

    ``left_out``: what they leave out because it is damaged, missing or foreign; empty if they were made ``strict``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left_out: list[LeftOut] = []


@dataclass(frozen=True, slots=True)
class Listed:
    """A playlist that the master playlist names.

    ``media`` are the kinds of media in it, ``codecs`` their codecs, ``peak`` its largest bit rate in bits per second.
    """

    name: str
    media: Collection[MediaKind]
    codecs: Sequence[Codec]
    peak: int
    language: str = "und"


def master_playlist(listed: Sequence[Listed]) -> str:
    """Return one variant for each playlist with pictures, all with the same sound; without pictures the sound alone.

    The sound is that of the first playlist that has sound alone.
    """
    variants = [one for one in listed if MediaKind.VIDEO in one.media] or list(listed[:1])
    audio = next((one for one in listed if list(one.media) == [MediaKind.AUDIO]), None)
    audio = None if audio in variants else audio
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    if audio is not None:
        tag = f',LANGUAGE="{audio.language}"' if audio.language != "und" else ""
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Audio"{tag},DEFAULT=YES,AUTOSELECT=YES,URI="{audio.name}"'
        )
    for one in variants:
        lines += [_variant(one, audio), one.name]
    return "\n".join(lines) + "\n"


def _variant(listed: Listed, audio: Listed | None) -> str:
    """The line of a playlist in the master playlist, with what it needs of a player together with its sound."""
    together = [listed] if audio is None else [listed, audio]
    codecs: dict[str, None] = {}
    size = (0, 0)
    for codec in (codec for one in together for codec in one.codecs):
        codecs[codec.codecs_parameter()] = None
        width, height = picture_size(codec)
        if width and height and width * height > size[0] * size[1]:
            size = (width, height)
    attributes = [f"BANDWIDTH={sum(one.peak for one in together)}", f'CODECS="{",".join(codecs)}"']
    if size[0]:
        attributes.append(f"RESOLUTION={size[0]}x{size[1]}")
    if audio is not None:
        attributes.append('AUDIO="audio"')
    return f"#EXT-X-STREAM-INF:{','.join(attributes)}"


def rounded(time: UtcTime) -> UtcTime:
    """Return the nearest millisecond. Within a leap second it stays as it is, for no later one may follow it."""
    off = time.microseconds % 1_000
    change = 1_000 - off if off >= 500 else -off
    return time if time.leap else UtcTime(time.microseconds + change)


def program_date_time(time: UtcTime) -> str:
    """Return the line that says when a piece begins, to the nearest millisecond."""
    return f"#EXT-X-PROGRAM-DATE-TIME:{rounded(time).isoformat(3)}"


def playable(selection: Selection) -> Selection:
    """Return the parts of a selection that have pictures or sound."""
    parts = {name: parts for name, parts in selection.parts.items() if media_in(name) & PLAYED}
    return replace(selection, parts=parts)
