"""From what a camera sends to what a recorder takes: the parts of this room in their order.

::

    NAL units, time ─ PictureAssembly ─ AccessUnits ─ ReorderedTimes ─ StartPoints ─ Sample, or another codec
                       whole access      4-byte        from times    where there
                       units             lengths, sets of showing    are none
"""

from collections.abc import Iterable
from typing import Any

from onvif_bmff.codecs.nal_access_units import AccessUnits
from onvif_bmff.codecs.picture_assembly import AssembledUnit, PictureAssembly
from onvif_bmff.codecs.reordered_times import ReorderedTimes
from onvif_bmff.codecs.start_points import StartPoints
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal import Buffer
from onvif_bmff.media.track import Sample

__all__ = ["CameraVideo"]

_Items = list[Sample | Codec]


class CameraVideo:
    """One video track of a live source, H.264 or H.265, as samples.

    ``converter`` makes access units samples: an ``AvcAccessUnits`` or ``HevcAccessUnits`` of your choice (of a codec
    known beforehand, of extradata, with sets in band …). ``push`` takes what came at a time, ``flush`` what is left at
    the end; both return samples with their times in ``timescale``, and before the first one that needs it a codec, if
    it is another. A picture comes out when the next one begins, and with B pictures as many pictures later as they
    reorder. ``starts`` cuts video by time in which decoding can start nowhere; None: the usual one (`StartPoints`).
    """

    __slots__ = ("_announced", "_assembly", "_converter", "_starts", "_times", "_timescale", "track_id")

    def __init__(
        self,
        converter: AccessUnits[Any],
        track_id: int,
        timescale: int,
        *,
        starts: StartPoints | None = None,
    ) -> None:
        self.track_id = track_id
        self._timescale = timescale
        self._converter = converter
        self._assembly = PictureAssembly(converter.family, converter.codec)
        self._starts = starts or StartPoints(timescale)
        self._times: ReorderedTimes | None = None
        self._announced: Codec | None = None

    @property
    def codec(self) -> Codec | None:
        """The codec in force; None before parameter sets are known."""
        return self._converter.codec

    @property
    def counts(self) -> dict[str, int]:
        """What went into no sample, by reason, and samples at which a segment may begin by time alone."""
        return {**self._converter.lost, "no start of decoding": self._starts.forced}

    def push(self, delivery: Buffer | Iterable[Buffer], time: int) -> _Items:
        """Take a part of a picture, or several, that came with a presentation time in ticks; return what is ready.

        ``delivery`` is as ``convert`` of the converter takes it; lists of NAL units are best. Raises as that does.
        """
        return self._sampled(self._assembly.push(self._converter.split(delivery), time))

    def flush(self) -> _Items:
        """Return what is left. Units that would go before another picture lie behind the last one."""
        items = self._sampled(self._assembly.flush())
        items += self._ready([] if self._times is None else self._times.flush())
        rest = self._converter.finish()
        if rest and items and isinstance(last := items[-1], Sample):
            last.data = bytes(last.data) + rest
        return items

    def _sampled(self, whole: Iterable[AssembledUnit]) -> _Items:
        items: _Items = []
        for one in whole:
            unit = self._converter.convert(one.units)
            if unit is None:
                continue
            if self._times is None or unit.codec_changed:
                items += self._ready([] if self._times is None else self._times.flush())
                self._times = ReorderedTimes(unit.codec, self._timescale)
            if unit.codec != self._announced:
                self._announced = unit.codec
                items.append(unit.codec)
            sample = Sample(self.track_id, one.time, 0, unit.data, unit.sync)
            items += self._ready(self._times.push(sample))
        return items

    def _ready(self, samples: Iterable[Sample]) -> list[Sample]:
        return [self._starts.push(sample) for sample in samples]
