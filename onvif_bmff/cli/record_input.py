"""The input of ``record``: a file or a pipe, which of its tracks are recorded, and what is told of it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from onvif_bmff.cli.terminal import complain
from onvif_bmff.errors import MediaError, OnvifBmffError
from onvif_bmff.ingest import Mp4Input, main_tracks, open_mp4, open_stream
from onvif_bmff.media.track import Track

__all__ = ["RecordInput", "open_input"]

_PIPE = Path("-")
_STANDARD_INPUT = "standard input"


class RecordInput:
    """An open input, called ``name``; ``tracks`` are those to record."""

    def __init__(self, source: Mp4Input, name: str, tracks: Sequence[Track]) -> None:
        self.source = source
        self.name = name
        self.tracks = tuple(tracks)

    def faults(self) -> tuple[str, ...]:
        """Return what was found wrong, in one text if there is anything."""
        found = self.source.warnings
        return ("; ".join(found),) if found else ()

    def tell(self, args: argparse.Namespace) -> None:
        """Complain about what was found wrong, and about tracks that are not recorded unless they were not chosen."""
        for text in self.source.warnings:
            complain(f"{self.name}: {text}")
        for other in self.source.others:
            complain(f"{self.name}: track {other.track_id} ({other.handler!r}) is no video, audio or metadata")
        for track in self.source.tracks if not args.tracks else ():
            if track not in self.tracks:
                kind = track.type.lower()
                text = f"{track.token} (track {track.track_id}) is not recorded: {args.format} holds one {kind} track"
                complain(f"{self.name}: {text}, --track chooses")


@contextmanager
def open_input(args: argparse.Namespace, *, one_of_each: bool) -> Iterator[RecordInput]:
    """Open the input that ``args`` names; ``one_of_each``: unless they choose tracks, only one of each kind.

    Raises ``OSError`` and ``MediaError`` with the name of the input.
    """
    name = _STANDARD_INPUT if args.input == _PIPE else str(args.input)
    if args.input == _PIPE and sys.stdin is None:
        raise MediaError("standard input is closed")
    try:
        source = open_stream(sys.stdin.buffer, name) if args.input == _PIPE else open_mp4(args.input)
    except OnvifBmffError as error:
        raise error.about(name) from None
    with source:
        tracks = _tracks(source, args.tracks) if args.tracks else None
        if tracks is None:
            tracks = main_tracks(source) if one_of_each else source.tracks
        yield RecordInput(source, name, tracks)


def _tracks(source: Mp4Input, wanted: Sequence[str]) -> tuple[Track, ...]:
    """The tracks named by token or by number, in the order of the file."""
    for word in wanted:
        if not any(word in (track.token, str(track.track_id)) for track in source.tracks):
            known = ", ".join(f"{track.token} ({track.track_id})" for track in source.tracks)
            raise MediaError(f"there is no track {word} to record, only {known}")
    return tuple([track for track in source.tracks if {track.token, str(track.track_id)} & set(wanted)])
