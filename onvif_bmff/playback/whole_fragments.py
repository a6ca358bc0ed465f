"""The whole fragments of an object that may be damaged. What is damaged is noted, never read as something else."""

from collections.abc import Iterator, Sequence
from typing import Final

from onvif_bmff.bmff import MovieFragmentBox
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.fragment_samples import FragmentReader, SampleRun, TrackFragment
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.playback.fragments import StoredFragment, rebase
from onvif_bmff.playback.header import SegmentHeader
from onvif_bmff.playback.source import MAX_READ, BoxHead, ByteSource, box_head, parse_one

__all__ = ["WholeFragments"]

_ANY_SIZE: Final = 1 << 62
_ENDLESS: Final = frozenset(("free", "skip"))
"""Boxes that may reach to the end of an object without saying how large they are: they hold no media."""
_TORN: Final = 64
"""A torn fragment may claim as many times the bytes that are there."""
_MAX_OFFSET: Final = 60
"""Seconds by which a sample may be presented earlier or later than it is decoded."""


class WholeFragments:
    """Iterates over the fragments of an object and passes over those that are damaged.

    Of a fragment at which the object ends too early, ``data`` has what is there (``StoredFragment.torn``). Other than
    ``read_fragments`` it notices media data without a fragment, boxes that are none, and samples that do not fill the
    media data.

    Args:
        source: the bytes of the object.
        header: its header, or that of its span.
        start: position of the first fragment that is wanted (None: after the header).
        size: bytes of the object, if only the boxes are to be read: then ``data`` is empty, and torn fragments are
            passed over.

    Attributes:
        faults: what is wrong, in order; all of it once the iteration has ended.
        is_indexed: whether the object ends with an ``mfra``, so that nothing is missing at its end.
    """

    def __init__(
        self, source: ByteSource, header: SegmentHeader, start: int | None = None, *, size: int | None = None
    ) -> None:
        self._source = source
        self._size = size
        self._position = header.size if start is None else start
        self._budget = SampleBudget()
        self._reader = FragmentReader(header.movie_tracks, _ANY_SIZE, self._budget)
        self.faults: list[BoxError | MediaError] = []
        self.is_indexed = False

    def __iter__(self) -> Iterator[StoredFragment]:
        """Iterate over the whole fragments.

        Raises:
            StoreError: the store failed.
        """
        after_damage = False
        while (head := self._head()) is not None:
            position = self._position
            if head.type == "moof":
                found = len(self.faults)
                yield from self._fragment(position, head.size or 0)
                after_damage = len(self.faults) > found
                continue
            if head.type == "mdat" and not after_damage:
                self._note("media data that belong to no fragment", "mdat")
            self.is_indexed = head.type == "mfra"
            self._position += head.size or 0

    def _head(self) -> BoxHead | None:
        """Return the head of the next box; None at the end, or where no box begins."""
        try:
            head = box_head(self._source, self._position)
        except (BoxError, MediaError) as error:
            self.faults.append(error)
            return None
        if head is None:
            return None
        if not (head.type.isascii() and head.type.isprintable()):
            self._note("no box begins here")
            return None
        if head.size is None:
            if head.type not in _ENDLESS:
                self._note("a box without end", head.type)
            return None
        return head

    def _note(self, reason: str, path: str = "") -> None:
        self.faults.append(BoxError(reason, path=f"/{path}", offset=self._position))

    def _fragment(self, position: int, size: int) -> Iterator[StoredFragment]:
        self._position = position + size
        try:
            moof = parse_one(self._source, position, size)
            if not isinstance(moof, MovieFragmentBox):
                raise BoxError("the fragment cannot be read", path="/moof", offset=position)
            media = self._media_after(position + size)
            stop = media[-1][1] if media else position + size
            data, missing = self._data(position, stop)
            self._budget.allow(min(stop - position, _TORN * len(data)) if self._size is None else stop - position)
            parts = self._reader.read(moof, position, stop)
            for part in parts:
                _check_offsets(part)
            if not missing:
                self._check_filled(parts, media, position)
            for part in parts:
                rebase(part, position, stop - position)
        except (BoxError, MediaError) as error:
            self.faults.append(error)
            return
        self._position = stop
        if not missing or self._size is None:
            yield StoredFragment(position, stop - position, moof, data, parts, torn=bool(missing))
        if missing:
            reason = f"the box runs {missing} bytes past its file"
            self.faults.append(BoxError(reason, path="/mdat", offset=media[-1][0]))

    def _media_after(self, position: int) -> list[tuple[int, int]]:
        """Return where the contents of the mdat boxes after a moof begin and end. What else is there has its turn."""
        found: list[tuple[int, int]] = []
        while True:
            try:
                head = box_head(self._source, position)
            except BoxError:
                return found
            if head is None or head.type != "mdat":
                return found
            size = len(self._source.view(position, MAX_READ)) if head.size is None else head.size
            found.append((position + head.header, position + size))
            position += size

    def _data(self, position: int, stop: int) -> tuple[memoryview, int]:
        """Return the bytes of a fragment, and how many are missing."""
        if self._size is not None:
            return memoryview(b""), max(0, stop - self._size)
        data = self._source.view(position, stop - position)
        return data, stop - position - len(data)

    def _check_filled(self, parts: Sequence[TrackFragment], media: Sequence[tuple[int, int]], position: int) -> None:
        """Note a fault if samples do not lie one after another in the media data.

        They are read all the same: other writers may keep something else there.
        """
        if any(box.type == "saio" for part in parts for box in part.box.children):
            return  # what decrypts them may lie between them
        runs: list[SampleRun] = sorted((run for part in parts for run in part.runs), key=lambda run: run.position)
        used = sum([run.data_size for run in runs])
        given = sum([end - start for start, end in media])
        begins = not runs or not media or not used or runs[0].position == media[0][0]
        if used != given or not begins:
            reason = f"the samples use {used} bytes of media data, of which there are {given}"
            self.faults.append(BoxError(reason, path="/moof", offset=position))


def _check_offsets(part: TrackFragment) -> None:
    limit = _MAX_OFFSET * part.track.timescale
    for run in part.runs:
        offsets = run.composition_offset
        found = (offsets,) if isinstance(offsets, int) else (min(offsets, default=0), max(offsets, default=0))
        if max(map(abs, found)) > limit:
            raise MediaError(f"a composition offset of track {part.track.track_id} is more than {_MAX_OFFSET} seconds")
