"""Changes to the boxes of the bundled clip (H.264 and AAC, tables only), and what is read after them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import md5
from pathlib import Path

from onvif_bmff.bmff import (
    Box,
    ChunkOffsetBox,
    Columns,
    HandlerBox,
    TrackBox,
    UnknownBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
Change = Callable[[Box], Box | None]
Read = dict[str, list[Sample]]


def read(data: bytes, *, strict: bool = False) -> tuple[Mp4Input, Read]:
    """The samples by token of their track."""
    source = Mp4Input(data, strict=strict)
    tokens = {track.track_id: track.token for track in source.tracks}
    found: Read = {token: [] for token in tokens.values()}
    for item in source.samples():
        if isinstance(item, Sample):
            found[tokens[item.track_id]].append(item)
    return source, found


def changed(box: Box, change: Change) -> Iterator[Box]:
    """The box after a change of it and of all in it; nothing where the change leaves it out."""
    made = change(box)
    if made is None:
        return
    children = box.children_of()
    if made is box and children:
        yield replace(box, children=tuple(one for child in children for one in changed(child, change)))  # type: ignore[call-arg]
    else:
        yield made


def movie_last(data: bytes) -> tuple[Box, ...]:
    """The boxes of a file whose movie box comes before the media, in the other order."""
    head, movie, *media = parse_boxes(data)
    shift = len(movie.build())

    def change(box: Box) -> Box:
        if not isinstance(box, ChunkOffsetBox):
            return box
        return replace(box, entries=Columns(chunk_offset=[place - shift for place in box.entries["chunk_offset"]]))

    return (head, *media, *changed(movie, change))


BOXES = movie_last(CLIP.read_bytes())
BYTES = build_boxes(BOXES)
WHOLE = read(BYTES, strict=True)[1]


def hashes(samples: list[Sample]) -> list[str]:
    return [md5(one.data).hexdigest() for one in samples]


def same(found: Read, *tokens: str) -> bool:
    """Whether tracks have the payloads of the clip, all of them."""
    return all(token in found and hashes(found[token]) == hashes(WHOLE[token]) for token in tokens or WHOLE)


def with_change(change: Change, handler: str | None = None) -> bytes:
    """The clip with a change of all boxes, or of those in the track with a handler.

    The movie box lies behind the media, so that no offset changes.
    """

    def in_track(box: Box) -> Box:
        if isinstance(box, TrackBox) and any(
            isinstance(one, HandlerBox) and one.handler_type == handler for _, one in box.walk()
        ):
            return replace(box, children=tuple(one for child in box.children for one in changed(child, change)))
        return box

    return build_boxes([one for box in BOXES for one in changed(box, change if handler is None else in_track)])


def leaving_out(kind: str) -> Change:
    return lambda box: None if box.type == kind else box


def in_place_of(kind: str, data: bytes) -> Change:
    return lambda box: UnknownBox(type=kind, data=data) if box.type == kind else box


def behind(kind: str, data: bytes) -> Change:
    """Bytes behind the children of a box."""
    return lambda box: replace(box, trailing=box.trailing + data) if box.type == kind else box
