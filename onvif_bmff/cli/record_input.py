"""The input of ``record``: a file, a pipe or an address, which of its tracks are recorded, and what is told of it.

MP4 and QuickTime are read by ``ingest``; everything else by ``rtsp``, if PyAV is installed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from onvif_bmff.cli.live_options import StreamUrl, stream_options
from onvif_bmff.cli.terminal import complain
from onvif_bmff.errors import ForeignFormatError, MediaError, OnvifBmffError, SourceError
from onvif_bmff.ingest import Mp4Input, main_tracks, open_mp4, open_stream
from onvif_bmff.media.track import Track

if TYPE_CHECKING:
    from onvif_bmff.rtsp import ContainerInput

__all__ = ["RecordInput", "open_input"]

_PIPE = Path("-")
_STANDARD_INPUT = "standard input"
Source: TypeAlias = "Mp4Input | ContainerInput"


class RecordInput:
    """An open input, called ``name``; ``tracks`` are those to record, ``size`` is in bytes, 0 if it is not known."""

    def __init__(self, source: "Source", name: str, tracks: Sequence[Track], size: int) -> None:
        self.source = source
        self.name = name
        self.title = name if "://" in name else Path(name).name
        self.tracks = tuple(tracks)
        self.size = size

    @property
    def is_loss(self) -> bool:
        """Whether media of the input were lost."""
        return self.source.is_loss if isinstance(self.source, Mp4Input) else self.source.lost > 0

    def faults(self) -> tuple[str, ...]:
        """Return what was found wrong, in one text if there is anything."""
        found = self._warnings()
        return ("; ".join(found),) if found else ()

    def _warnings(self) -> Sequence[str]:
        if isinstance(self.source, Mp4Input):
            return self.source.warnings
        lost = [f"{self.source.lost} access units could not be read"] if self.source.lost else []
        return [*self.source.left_out, *lost]

    def tell(self, args: argparse.Namespace) -> None:
        """Complain about what was found wrong, and about tracks that are not recorded unless they were not chosen."""
        for text in self._warnings():
            complain(f"{self.name}: {text}")
        for other in self.source.others if isinstance(self.source, Mp4Input) else ():
            complain(f"{self.name}: track {other.track_id} ({other.handler!r}) is no video, audio or metadata")
        for track in self.source.tracks if not args.tracks else ():
            if track not in self.tracks:
                kind = track.type.lower()
                text = f"{track.token} (track {track.track_id}) is not recorded: {args.format} holds one {kind} track"
                complain(f"{self.name}: {text}, --track chooses")


@contextmanager
def open_input(args: argparse.Namespace, *, one_of_each: bool) -> Iterator[RecordInput]:
    """Open the input that ``args`` names; ``one_of_each``: unless they choose tracks, only one of each kind.

    Raises ``OSError`` and ``MediaError`` with the name of the input, ``SourceError`` for an address.
    """
    if isinstance(args.input, StreamUrl):
        name = args.input.shown
        opened: tuple[Source, int] = _opened_container(str(args.input), args), 0
    else:
        name = _STANDARD_INPUT if args.input == _PIPE else str(args.input)
        opened = _opened_file(args, name)
    source, size = opened
    with source:
        tracks = _tracks(source, args.tracks) if args.tracks else None
        if tracks is None:
            tracks = _main_tracks(source) if one_of_each else tuple(source.tracks)
        yield RecordInput(source, name, tracks, size)


def _opened_file(args: argparse.Namespace, name: str) -> "tuple[Source, int]":
    if args.input == _PIPE and sys.stdin is None:
        raise MediaError("standard input is closed")
    try:
        mp4 = open_stream(sys.stdin.buffer, name) if args.input == _PIPE else open_mp4(args.input)
    except ForeignFormatError as error:
        if args.input == _PIPE or find_spec("av") is None:
            raise error.about(name) from None
        try:
            return _opened_container(str(args.input), args), args.input.stat().st_size
        except SourceError:
            raise error.about(name) from None
    except OnvifBmffError as error:
        raise error.about(name) from None
    return mp4, len(mp4.data)


def _opened_container(place: str, args: argparse.Namespace) -> "ContainerInput":
    from onvif_bmff.rtsp import open_container

    return open_container(place, stream_options(args))


def _main_tracks(source: "Source") -> tuple[Track, ...]:
    if isinstance(source, Mp4Input):
        return main_tracks(source)
    return tuple({track.type: track for track in reversed(source.tracks)}.values())[::-1]


def _tracks(source: "Source", wanted: Sequence[str]) -> tuple[Track, ...]:
    """The tracks named by token or by number, in the order of the file."""
    for word in wanted:
        if not any(word in (track.token, str(track.track_id)) for track in source.tracks):
            known = ", ".join(f"{track.token} ({track.track_id})" for track in source.tracks)
            raise MediaError(f"there is no track {word} to record, only {known}")
    return tuple([track for track in source.tracks if {track.token, str(track.track_id)} & set(wanted)])
