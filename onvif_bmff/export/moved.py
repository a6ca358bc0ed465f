"""The bytes and attributes of an object whose movie box has another size: positions behind it move. ISO 14496-12."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from onvif_bmff.bmff import (
    Columns,
    MovieFragmentRandomAccessBox,
    SegmentIndexBox,
    TrackFragmentHeaderBox,
    TrackFragmentRandomAccessBox,
)
from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects.seek_table import SeekTable, TrackSeekTable
from onvif_bmff.objects.stored import ReadableStore
from onvif_bmff.playback.source import MAX_READ, BoxHead, StoreSource, box_head, parse_one

__all__ = ["moved_attributes", "moved_pieces", "pieces_of", "same_bytes"]

_BLOCK = 4 << 20
_BASE_OFFSET = 8
"""Bytes from the payload of a tfhd to its base data offset: version, flags and track_ID."""


def pieces_of(store: ReadableStore, name: str) -> Iterator[bytes]:
    """Yield the bytes of an object, in pieces of at most 4 MiB."""
    position = 0
    while piece := store.get(name, position, _BLOCK):
        yield piece
        position += len(piece)


def same_bytes(pieces: Iterable[bytes], store: ReadableStore, name: str) -> bool:
    """Return whether an object of a store has the bytes of all pieces, and no more."""
    position = 0
    for piece in pieces:
        done = 0
        while done < len(piece):
            found = store.get(name, position, len(piece) - done)
            if not found or found != piece[done : done + len(found)]:
                return False
            done += len(found)
            position += len(found)
    return position == store.head(name).size


def moved_pieces(store: ReadableStore, name: str, start: int, movie: bytes, delta: int) -> Iterator[bytes]:
    """Yield the bytes of an object with another movie box at ``start``, and all positions behind it moved.

    ``delta`` is how many bytes the new movie box is larger than the old one.
    """
    source, position = StoreSource(store, name), 0
    while (head := box_head(source, position)) is not None:
        if position == start:
            yield movie
        elif delta and head.size is not None and head.type in ("moof", "mfra", "sidx"):
            yield _moved_box(source, position, head, start, delta)
        else:
            yield from _box_pieces(source, position, head)
        if head.size is None:
            return
        position += head.size


def _box_pieces(source: StoreSource, position: int, head: BoxHead) -> Iterator[bytes]:
    left = head.size if head.size is not None else MAX_READ
    while left and (piece := bytes(source.view(position, min(left, _BLOCK)))):
        yield piece
        position += len(piece)
        left = left - len(piece) if head.size is not None else MAX_READ


def _moved_box(source: StoreSource, position: int, head: BoxHead, start: int, delta: int) -> bytes:
    """Return a box in which positions behind the movie box at ``start`` are ``delta`` later."""
    size = head.size or 0
    box = parse_one(source, position, size)
    if isinstance(box, MovieFragmentRandomAccessBox):
        return _moved_index(box, start, delta).build()
    if isinstance(box, SegmentIndexBox):
        is_over_movie = position < start < position + size + box.first_offset
        return replace(box, first_offset=box.first_offset + delta).build() if is_over_movie else box.build()
    raw = bytearray(source.view(position, size))
    for _, inner in box.walk():
        if isinstance(inner, TrackFragmentHeaderBox) and (inner.base_data_offset or 0) > start:
            place = (inner.offset or 0) - position + (inner.read_size or 0) - len(inner.build()) + 8 + _BASE_OFFSET
            raw[place : place + 8] = ((inner.base_data_offset or 0) + delta).to_bytes(8, "big")
    return bytes(raw)


def _moved_index(box: MovieFragmentRandomAccessBox, start: int, delta: int) -> MovieFragmentRandomAccessBox:
    """Return an mfra whose offsets behind ``start`` are ``delta`` later."""
    for table in box.find_all(TrackFragmentRandomAccessBox):
        columns = {name: list(table.entries[name]) for name in table.entries.names}
        columns["moof_offset"] = [place + delta if place > start else place for place in columns["moof_offset"]]
        table.entries = Columns(len(table.entries), **columns)
    return box


def moved_attributes(attributes: Mapping[str, str], delta: int) -> dict[str, str]:
    """Return attributes whose SeekTable fits; one that cannot be read is left as it is."""
    made = dict(attributes)
    for name, value in attributes.items():
        if name.lower() == "seektable":
            try:
                tracks = SeekTable.from_base64(value).tracks
                made[name] = SeekTable(tuple(_moved_table(track, delta) for track in tracks)).to_base64()
            except ObjectAttributeError:
                continue
    return made


def _moved_table(track: TrackSeekTable, delta: int) -> TrackSeekTable:
    entries = tuple(entry._replace(moof_offset=entry.moof_offset + delta) for entry in track.entries)
    return replace(track, entries=entries)
