"""Removes protection from movie boxes and fragments. ISO/IEC 23001-7, 4 to 8; ISO/IEC 14496-12, 8.12."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from onvif_bmff.bmff import (
    PIFF_SENC,
    Box,
    ContainerBox,
    MovieBox,
    MovieFragmentBox,
    SampleAuxiliaryInformationOffsetsBox,
    SampleAuxiliaryInformationSizesBox,
    SampleDescriptionBox,
    SampleGroupDescriptionBox,
    SampleToGroupBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackHeaderBox,
    UnknownBox,
    UuidBox,
)
from onvif_bmff.cenc.protection import is_protection_header
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.media.sample_entries import clear_entry, is_protected

__all__ = ["clear_fragment", "clear_movie", "removed_size", "removed_sizes"]

_SCHEMES: Final = frozenset((None, "piff", *(scheme.fourcc for scheme in ProtectionScheme)))
_PATH: Final = ("mdia", "minf", "stbl")


def clear_movie(movie: MovieBox, kept: Collection[int] = ()) -> MovieBox:
    """Return the movie box with clear sample entries and without all boxes of protection.

    Tracks with a track_ID in ``kept`` stay as they are, and so do all pssh boxes if there are any.

    Raises:
        MediaError: a protected sample entry has no original format.
    """
    children = [child for child in movie.children if kept or not is_protection_header(child)]
    return replace(movie, children=tuple([_clear_track(child, kept) for child in children]))


def _clear_track(found: Box, kept: Collection[int]) -> Box:
    """Return a trak without protection; a clear or kept trak, and any other box, unchanged."""
    if not isinstance(found, ContainerBox) or found.type != "trak":
        return found
    if kept and found.require(TrackHeaderBox).track_id in kept:
        return found
    return _clear_inside(found) if any(is_protected(entry) for entry in _entries(found)) else found


def _entries(track: ContainerBox) -> tuple[Box, ...]:
    return tuple([box for path, box in track.walk() if path.startswith("/trak/mdia/minf/stbl/stsd/")])


def _clear_inside(found: ContainerBox) -> ContainerBox:
    children: list[Box] = []
    for child in found.children:
        if _is_protection(child):
            continue
        if isinstance(child, SampleDescriptionBox):
            child = replace(child, children=tuple([clear_entry(entry) for entry in child.children]))
        elif isinstance(child, ContainerBox) and child.type in _PATH:
            child = _clear_inside(child)
        children.append(child)
    return replace(found, children=tuple(children))


def clear_fragment(
    moof: MovieFragmentBox, protected: Collection[int], *, keep_headers: bool = False
) -> MovieFragmentBox:
    """Return the fragment without protection of the track_IDs in ``protected``, with unchanged offsets.

    Without pssh boxes too, unless ``keep_headers``.
    """
    children: list[Box] = []
    for child in moof.children:
        if is_protection_header(child) and not keep_headers:
            continue
        if isinstance(child, TrackFragmentBox) and _track_id(child) in protected:
            child = replace(child, children=tuple([box for box in child.children if not _is_protection(box)]))
        children.append(child)
    return replace(moof, children=tuple(children))


def removed_size(moof: MovieFragmentBox, protected: Collection[int], *, keep_headers: bool = False) -> int:
    """Return the number of bytes that ``clear_fragment`` removes."""
    return sum([size for _, size in removed_sizes(moof, protected, keep_headers=keep_headers)])


def removed_sizes(
    moof: MovieFragmentBox, protected: Collection[int], *, keep_headers: bool = False
) -> Iterator[tuple[Box, int]]:
    """Yield each child of a fragment with the number of bytes that ``clear_fragment`` removes of it."""
    for child in moof.children:
        removed = 0
        if is_protection_header(child):
            removed = 0 if keep_headers else child.read_size or 0
        elif isinstance(child, TrackFragmentBox) and _track_id(child) in protected:
            removed = sum([box.read_size or 0 for box in child.children if _is_protection(box)])
        yield child, removed


def _track_id(found: TrackFragmentBox) -> int:
    return found.require(TrackFragmentHeaderBox).track_id


def _is_protection(found: Box) -> bool:
    """Return whether a box in a traf, trak or stbl is about protection only."""
    if isinstance(found, SampleAuxiliaryInformationSizesBox | SampleAuxiliaryInformationOffsetsBox):
        return found.aux_info_type in _SCHEMES
    if isinstance(found, SampleToGroupBox | SampleGroupDescriptionBox):
        return found.grouping_type == "seig"
    if isinstance(found, UuidBox):
        return found.user_type == PIFF_SENC
    return found.type == "senc" or (isinstance(found, UnknownBox) and found.type == "senc")
