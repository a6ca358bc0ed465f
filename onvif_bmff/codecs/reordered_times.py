"""Decode times of video that comes with presentation times only, as over RTP.

RTP gives each picture the time at which it is shown. With B pictures these times go back and forth in the order in
which pictures come, which is that of decoding; a file wants decode times that only rise, and the difference to the
presentation time. The rule: **the n-th picture decoded is decoded when the n-th picture shown is shown.** Decode times
so are the presentation times in rising order: as evenly spaced as they, with no picture a tick long, a gap where they
have one; and presentation times stay as they came. The first picture of a coded video sequence has an offset of 0, as
CMAF likes it; others have positive and negative ones.

Which picture is the n-th one shown is read from the slice headers (picture order count), and is certain as soon as as
many pictures came behind it as the stream may reorder: 0 for most cameras, 2 or 3 with B pictures. So many are held
back. Where the parameter sets do not state how many, the first pictures show it. H.264, 8.2.1, C.4.5.3 and E.2.1;
H.265, 8.3.1 and C.5.2.
"""

from bisect import insort
from collections import deque
from contextlib import suppress

from onvif_bmff.codecs.coarse_stamps import CoarseStamps
from onvif_bmff.codecs.hevc.syntax import hevc_layer_id
from onvif_bmff.codecs.presentation_line import PresentationLine, ShownPicture, place_of
from onvif_bmff.codecs.steady_presentation import SteadyPresentation
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal import iter_nal_ranges
from onvif_bmff.media.nal_family import HEVC, NalFamily
from onvif_bmff.media.picture_order import MAX_REORDER, PictureCodec, PictureHeader, PictureHeaders
from onvif_bmff.media.track import Sample

__all__ = ["ReorderedTimes"]

_PROBE = 16
"""Pictures that show how deep a stream reorders, where its parameter sets do not state it."""
_OFF = 5
"""Stamps in a row that may be off."""
_CONTRADICTIONS = 3
"""So many times that rise where pictures are reordered, and none that falls, are decode times."""


_NEVER = -(1 << 62)


class ReorderedTimes:
    """Puts decode times on the samples of one track whose decode times are presentation times.

    ``push`` takes samples in decoding order, with their presentation time as ``decode_time`` and no composition offset;
    it returns those whose decode time is certain, as many as came in the end (``flush``), in order and otherwise as
    they were. It is transparent where nothing is to be done: for codecs that read no picture headers, for streams that
    reorder nothing, and from the first sample with a composition offset on, for then decode times are given.

    A time that is not between those of its neighbours gets no meaning here: it stays with its sample as decode time,
    with the offset that the order counts give, for the recorder to judge (`PresentationLine`). Only one that is a
    little off, by up to a tenth of a second or three pictures, is put between them: it cannot be told from theirs.
    ``depth`` is how many pictures are held back; None while that is not known. As long as a time may be off or behind
    a pause, up to six more are. Of stamps that are too coarse to tell pictures apart finer ones are made first
    (`CoarseStamps`), for which more pictures wait at the beginning.
    """

    __slots__ = (
        "_arrived", "_coarse", "_contradicted", "_held", "_line", "_reader", "_sequence", "_shown", "_steady",
        "_suspects", "_transparent", "depth",
    )  # fmt: skip

    def __init__(self, codec: Codec, timescale: int) -> None:
        self._line = PresentationLine(timescale)
        self._held: deque[ShownPicture] = deque()
        self._shown: list[ShownPicture] = []
        self._suspects: list[ShownPicture] = []
        self._arrived = self._sequence = self._contradicted = 0
        self._begin(codec)

    def _begin(self, codec: Codec) -> None:
        self._line = PresentationLine(self._line.second)
        self._steady, self._coarse = SteadyPresentation(), CoarseStamps()
        self._reader: tuple[NalFamily, PictureHeaders] | None = None
        if isinstance(codec, PictureCodec) and codec.nal_family is not None:
            self._reader = codec.nal_family, codec.picture_headers()
        self.depth = 0 if self._reader is None else self._reader[1].reorder_depth
        self._transparent = self.depth == 0

    def change_codec(self, codec: Codec) -> list[Sample]:
        """Return what is held back, and take the samples that follow for those of another codec."""
        left = self.flush()
        self._begin(codec)
        return left

    def push(self, sample: Sample) -> list[Sample]:
        """Take the next sample in decoding order; return those that are ready, this one or others before it."""
        if self._transparent:
            return [sample]
        if sample.composition_offset:
            return self._give_up(sample)
        ready: list[Sample] = []
        coarse = self._coarse.push(sample, self._place(sample), self.depth or 0)
        for number, (one, place) in enumerate(coarse):
            ready += self._order(one, place, self._sequence if number == len(coarse) - 1 else place[0])
        return ready

    def _order(self, sample: Sample, place: tuple[int, int, int], sequence: int) -> list[Sample]:
        """Take the next sample, in its place; return those that are ready: all of those before a sequence, too."""
        if self._transparent:
            return [sample]
        before = self._held[-1] if self._held else None
        if before is not None and place < before.place:
            if sample.decode_time < before.sample.decode_time:
                self._contradicted = _NEVER
            elif sample.decode_time > before.sample.decode_time:
                self._contradicted += 1
                if self._contradicted == _CONTRADICTIONS:
                    return self._give_up(sample)
        for picture in self._checked(ShownPicture(sample, place, sample.decode_time)):
            self._hold(picture)
        if self.depth is None:
            if len(self._held) < _PROBE:
                return []
            self.depth = self._seen_depth()
        return self._release(self.depth, sequence)

    def flush(self) -> list[Sample]:
        """Return what is held back. What follows is another sequence of pictures."""
        ready: list[Sample] = []
        for one, place in self._coarse.flush():
            ready += self._order(one, place, place[0])
        for picture in self._suspects:
            self._hold(picture)
        self._suspects = []
        self._line.settle()
        ready += self._release(0, self._sequence)
        self._sequence += 1
        return ready

    def _give_up(self, sample: Sample) -> list[Sample]:
        """Let this sample and all that follow pass as they come."""
        self._transparent = True
        left = [held.sample for held in (*self._held, *self._suspects)]
        left += [held for held, _ in self._coarse.flush()]
        self._held.clear()
        self._suspects.clear()
        self._shown.clear()
        return [*left, sample]

    def _seen_depth(self) -> int:
        """How deep the pictures that are held are reordered."""
        places = [held.place for held in self._held]
        return max(sum(other > place for other in places[:number]) for number, place in enumerate(places))

    def _checked(self, picture: ShownPicture) -> list[ShownPicture]:
        """Pass pictures on; hold those back whose stamps are far off, and that are said to be shown before others.

        Up to five may be off. If there are more, order counts have wrapped while nothing came, or begun anew: that is
        another sequence.
        """
        shown, suspects = self._shown, self._suspects
        if not shown:
            return [*suspects, picture]
        is_far = self._line.is_far(picture.sample, shown[-1])
        if not suspects and (
            not is_far or picture.place > shown[-1].place or self._line.fits(picture, shown, self._steady.latest)
        ):
            return [picture]
        if is_far:
            suspects.append(picture)
            if len(suspects) <= _OFF:
                return []
            self._sequence += 1
            for one in suspects:
                one.place = (one.place[0] + 1, *one.place[1:])
        else:
            suspects.append(picture)
        self._suspects = []
        return suspects

    def _hold(self, picture: ShownPicture) -> None:
        """Hold a picture back, with its time, between those that are shown before and after it."""
        self._line.put(picture, self._shown, self._steady.latest)
        insort(self._shown, picture, key=place_of)
        self._held.append(picture)

    def _place(self, sample: Sample) -> tuple[int, int, int]:
        """Where the picture in a sample comes in the order in which pictures are shown."""
        header, last = self._picture(sample), self._steady.latest
        order = self._held[-1].place[1] if self._held else 0  # of one that cannot be read: as if behind the one before
        if header is not None:
            order = sample.decode_time if header.order is None else header.order
            if header.restarts:
                self._restart()
        self._arrived += 1
        place = (self._sequence, order, self._arrived)
        if last is None or place >= last.place:
            return place
        if sample.decode_time > last.time + last.shift:  # its sequence began with a picture that is lost
            self._restart()
            return self._sequence, order, self._arrived
        if self.depth is not None and not self._line.is_far(sample, last):  # deeper than stated, or seen so far
            self.depth = min(self.depth + 1, MAX_REORDER)
        return place

    def _restart(self) -> None:
        self._sequence += 1
        stated = None if self._reader is None else self._reader[1].reorder_depth
        if stated is not None:
            self.depth = max(self.depth or 0, stated)

    def _picture(self, sample: Sample) -> PictureHeader | None:
        """The header of the first slice; None where none can be read."""
        if self._reader is None:
            return None
        family, headers = self._reader
        found, data = None, memoryview(sample.data)
        with suppress(BitstreamError):
            for start, end in iter_nal_ranges(data):
                if family.unit_type(data, start) not in family.slices:
                    headers.update(data[start:end])
                elif found is None and not (family is HEVC and end - start > 1 and hevc_layer_id(data[start:end])):
                    found = headers.read(data[start:end])
        return found

    def _release(self, keep: int, sequence: int) -> list[Sample]:
        """Give decode times to all samples but the last ``keep``, and to all before a sequence."""
        ready: list[Sample] = []
        shown, held, line, steady = self._shown, self._held, self._line, self._steady
        while line.doubted is None and (len(shown) > keep or (shown and shown[0].place[0] < sequence)):
            slot = shown.pop(0)
            if (last := steady.latest) is not None:
                line.learn(last, slot)
            at, picture = steady.put(slot, shown, line), held.popleft()
            ready.append(_timed(picture, at, steady.ahead(picture, slot, shown)))
        return ready


def _timed(picture: ShownPicture, at: int, ahead: int) -> Sample:
    """The sample of a picture that is decoded at a time, by a clock that never steps, and shown so much later."""
    sample, time = picture.sample, at + picture.shift
    if time == sample.decode_time and not ahead:
        return sample
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, ahead)
