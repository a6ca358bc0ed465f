"""Presentation times of video that comes with decode times only, as in AVI and in files that are a stream of NAL units.

The rule of ``ReorderedTimes``, the other way round: **the n-th picture shown is shown when the n-th picture decoded is
decoded.** Which one is the n-th that is shown, order counts tell, as soon as all pictures have come that are shown
before it: 16 pictures behind it at most.
"""

from bisect import insort
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace

from onvif_bmff.codecs.hevc.syntax import hevc_layer_id
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal import iter_nal_ranges
from onvif_bmff.media.nal_family import HEVC, NalFamily
from onvif_bmff.media.picture_order import MAX_REORDER, PictureCodec, PictureHeaders
from onvif_bmff.media.track import Sample

__all__ = ["ShownOrder"]


@dataclass(slots=True, eq=False)
class _Picture:
    """A picture, its place in the order in which pictures are shown, and when that is, once it is known."""

    sample: Sample
    place: tuple[int, int, int]
    at: int | None = None


def _place_of(picture: _Picture) -> tuple[int, int, int]:
    return picture.place


class ShownOrder:
    """Puts composition offsets on the samples of one track whose times are those of decoding.

    ``push`` takes samples in decoding order, and returns those whose presentation is certain, as many as came in the
    end (``flush``), in order and with the decode times they came with. For codecs that read no picture headers, and for
    streams that reorder nothing, samples stay as they are.
    """

    __slots__ = ("_arrived", "_held", "_reader", "_sequence", "_shown")

    def __init__(self, codec: Codec) -> None:
        self._held: deque[_Picture] = deque()
        self._shown: list[_Picture] = []
        self._arrived = self._sequence = 0
        self._reader: tuple[NalFamily, PictureHeaders] | None = None
        self._read(codec)

    def _read(self, codec: Codec) -> None:
        self._reader = None
        if isinstance(codec, PictureCodec) and codec.nal_family is not None:
            headers = codec.picture_headers()
            if headers.reorder_depth != 0:
                self._reader = codec.nal_family, headers

    def change_codec(self, codec: Codec) -> list[Sample]:
        """Return what is held back, and take the samples that follow for those of another codec."""
        left = self.flush()
        self._read(codec)
        return left

    def push(self, sample: Sample) -> list[Sample]:
        """Take the next sample in decoding order; return those that are ready, this one or others before it."""
        if self._reader is None:
            return [sample]
        picture = _Picture(sample, (*self._order(sample), self._arrived))
        self._arrived += 1
        self._held.append(picture)
        insort(self._shown, picture, key=_place_of)
        return self._release(MAX_REORDER)

    def flush(self) -> list[Sample]:
        """Return what is held back. What follows is another sequence of pictures."""
        left = self._release(0)
        self._sequence += 1
        return left

    def _order(self, sample: Sample) -> tuple[int, int]:
        """The sequence of a picture, and its order count in that; as the one before it where it cannot be read."""
        sequence, order = (self._held[-1].place[:2]) if self._held else (self._sequence, 0)
        if self._reader is not None:
            family, headers = self._reader
            data = memoryview(sample.data)
            with suppress(BitstreamError):
                for start, end in iter_nal_ranges(data):
                    if family.unit_type(data, start) not in family.slices:
                        headers.update(data[start:end])
                    elif not (family is HEVC and end - start > 1 and hevc_layer_id(data[start:end])):
                        header = headers.read(data[start:end])
                        self._sequence += header.restarts
                        return self._sequence, order if header.order is None else header.order
        return max(sequence, self._sequence), order

    def _release(self, keep: int) -> list[Sample]:
        ready: list[Sample] = []
        held, shown = self._held, self._shown
        while len(held) > keep:
            picture = held.popleft()
            time = picture.sample.decode_time
            shown.pop(0).at = time
            if picture.at is None:
                picture.at = held[shown.index(picture)].sample.decode_time
            offset = picture.at - time
            ready.append(replace(picture.sample, composition_offset=offset) if offset else picture.sample)
        return ready
