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
from onvif_bmff.cli.track_choice import tracks_to_record
from onvif_bmff.codecs import StartPoints
from onvif_bmff.errors import ForeignFormatError, MediaError, OnvifBmffError, SourceError
from onvif_bmff.ingest import Mp4Input, open_mp4, open_stream
from onvif_bmff.media.codec import RandomAccessCodec
from onvif_bmff.media.track import Track
from onvif_bmff.recording.formats import RecordingFormat

if TYPE_CHECKING:
    from onvif_bmff.rtsp import ContainerInput, StreamOptions

__all__ = ["AT_FIRST", "RecordInput", "Source", "faults_of", "open_input", "open_media"]

AT_FIRST = 10
"""Seconds from 0 from which on the times of a file count from elsewhere, and it begins with its first sample."""
_PIPE = Path("-")
_STANDARD_INPUT = "standard input"
Source: TypeAlias = "Mp4Input | ContainerInput"


class RecordInput:
    """An open input, called ``name``; ``tracks`` are those to record, ``size`` is in bytes, 0 if it is not known.

    ``starts`` cut video by time in which decoding can start nowhere, by track.
    """

    def __init__(self, source: "Source", name: str, tracks: Sequence[Track], size: int) -> None:
        self.source = source
        self.name = name
        self.title = name if "://" in name else Path(name).name
        self.tracks = tuple(tracks)
        self.size = size
        self.starts = {
            track.track_id: StartPoints(track.timescale)
            for track in tracks
            if isinstance(track.codec, RandomAccessCodec)
        }

    @property
    def is_loss(self) -> bool:
        """Whether media of the input were lost."""
        return self.source.is_loss if isinstance(self.source, Mp4Input) else self.source.lost > 0

    def faults(self) -> tuple[str, ...]:
        """Return what was found wrong, in one text if there is anything."""
        found = faults_of(self.source)
        return ("; ".join(found),) if found else ()

    def tell(self, args: argparse.Namespace) -> None:
        """Complain about what was found wrong, and about tracks that are not recorded unless they were not chosen."""
        for text in faults_of(self.source):
            complain(f"{self.name}: {text}")
        for track in self.tracks:
            if track.track_id in self.starts and self.starts[track.track_id].forced:
                text = "decoding can start nowhere for a minute: segments from there on cannot be decoded alone"
                complain(f"{self.name}: {track.token}: {text}")
        for other in self.source.others if isinstance(self.source, Mp4Input) else ():
            complain(f"{self.name}: track {other.track_id} ({other.handler!r}) is no video, audio or metadata")
        for track in self.source.tracks if not args.tracks else ():
            if track not in self.tracks:
                kind = track.type.lower()
                text = f"{track.token} (track {track.track_id}) is not recorded: {args.format} holds one {kind} track"
                complain(f"{self.name}: {text}, --track chooses")


@contextmanager
def open_input(args: argparse.Namespace, recording_format: RecordingFormat) -> Iterator[RecordInput]:
    """Open the input that ``args`` names, to be recorded in a format.

    Raises ``OSError`` and ``MediaError`` with the name of the input, ``SourceError`` for an address.
    """
    if isinstance(args.input, StreamUrl):
        name = args.input.shown
        opened: tuple[Source, int] = _opened_container(str(args.input), stream_options(args)), 0
    elif args.input == _PIPE:
        name, opened = _STANDARD_INPUT, _opened_pipe()
    else:
        name, opened = str(args.input), open_media(args.input)
    source, size = opened
    with source:
        yield RecordInput(source, name, tracks_to_record(source, recording_format, args.tracks), size)


def faults_of(source: "Source") -> Sequence[str]:
    """Return what was found wrong in an input so far, and what of it is not recorded."""
    if isinstance(source, Mp4Input):
        return source.warnings
    lost = [f"{source.lost} access units could not be read"] if source.lost else []
    return [*source.left_out, *lost]


def open_media(place: Path, options: "StreamOptions | None" = None) -> "tuple[Source, int]":
    """Open a file of any container; return it and its size in bytes.

    Raises ``OSError``, and ``OnvifBmffError`` with its name.
    """
    try:
        mp4 = open_mp4(place)
    except ForeignFormatError as error:
        if find_spec("av") is None:
            raise error.about(str(place)) from None
        try:
            return _opened_container(str(place), options), place.stat().st_size
        except SourceError:
            raise error.about(str(place)) from None
    except OnvifBmffError as error:
        raise error.about(str(place)) from None
    return mp4, len(mp4.data)


def _opened_pipe() -> "tuple[Source, int]":
    if sys.stdin is None:
        raise MediaError("standard input is closed")
    try:
        found = open_stream(sys.stdin.buffer, _STANDARD_INPUT)
    except OnvifBmffError as error:
        raise error.about(_STANDARD_INPUT) from None
    return found, len(found.data)


def _opened_container(place: str, options: "StreamOptions | None") -> "ContainerInput":
    from onvif_bmff.rtsp import StreamOptions, open_container

    return open_container(place, options or StreamOptions())
