"""Streams at which decoding never starts: cut by time, since nothing else can be done with them.

Some encoders refresh pictures bit by bit and send neither IDR pictures nor recovery points. A recorder, which waits for
a sync sample, would store nothing of them. Here a sample is called ``sync`` where none came for long, so that a segment
may begin with it. The codec tells the recorder that it is none (``media.codec.RandomAccessCodec``): it is flagged as
no sync sample and has no entry in the mfra, and the validator says that the segment does not begin as it should (B.3).
"""

import logging
from fractions import Fraction

from onvif_bmff.media.track import Sample

__all__ = ["StartPoints"]

_log = logging.getLogger(__name__)


class StartPoints:
    """Calls a sample of a track a start where there was none for long, then each ``every`` seconds.

    That is ``patience`` seconds, and ``pictures`` of them: cameras with a GOP of variable length send a sync sample in
    10 to 40 seconds, up to a thousand pictures, and some send a picture a second. ``push`` takes samples in decoding
    order and returns them, each as it came but for that. With a sync sample all is as usual again. ``forced`` counts
    the samples at which a segment may begin by time alone. For codecs that can tell such a sample from a sync sample.
    """

    __slots__ = ("_count", "_every", "_patience", "_pictures", "_since", "_stopped", "forced")

    def __init__(
        self,
        timescale: int,
        *,
        patience: Fraction = Fraction(60),
        pictures: int = 1200,
        every: Fraction = Fraction(2),
    ) -> None:
        self._patience = int(patience * timescale)
        self._pictures = pictures
        self._every = int(every * timescale)
        self._count = 0
        self._since: int | None = None
        self._stopped = False
        self.forced = 0

    def push(self, sample: Sample) -> Sample:
        """Return the sample, called sync where it is time."""
        time = sample.decode_time
        if sample.sync:
            self._since, self._count, self._stopped = time, 0, False
            return sample
        self._count += 1
        since = self._since
        if since is None or time < since:  # the first one, or after a clock that was set back
            self._since = time
            return sample
        if time - since < (self._every if self._stopped else self._patience) or (
            self._count < self._pictures and not self._stopped
        ):
            return sample
        if not self._stopped:
            message = "track %d: decoding can start nowhere: its segments are cut by time, and cannot be decoded alone"
            _log.warning(message, sample.track_id)
        self._since, self._stopped = time, True
        self.forced += 1
        return Sample(sample.track_id, time, sample.duration, sample.data, composition_offset=sample.composition_offset)
