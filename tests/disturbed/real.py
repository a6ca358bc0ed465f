"""Streams of real pictures: a camera's file, and clips that ffmpeg makes."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from streams import LATENCY, Stream, Unit, reports

from onvif_bmff.ingest.mp4 import open_mp4

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"


def pictures_of(path: Path) -> Stream:
    """The pictures of a file, as units with decode times and offsets, without durations."""
    with open_mp4(path) as source:
        video = next(track for track in source.tracks if track.type.value == "Video")
        units = []
        for sample in source.samples():
            if sample.track_id == video.track_id:
                sample.data, sample.duration = bytes(sample.data), 0
                at = Fraction(sample.decode_time, video.timescale)
                shown = at + Fraction(sample.composition_offset, video.timescale)
                units.append(Unit(sample, at, shown, at, at + LATENCY))
    return Stream((video,), ()).sorted([*units, *reports(float(units[-1].decoded))])


def by_presentation(stream: Stream) -> Stream:
    """The stream as RTP sends it: each unit has the time at which it is shown, and no other.

    That is when it was taken: it comes in as much later as pictures are reordered.
    """
    wait = max(unit.shown - unit.decoded for unit in stream.units())

    def change(item):
        if not isinstance(item, Unit):
            return item
        sample = item.sample
        stamp = sample.decode_time + sample.composition_offset
        sample = replace(sample, decode_time=stamp, composition_offset=0)
        return replace(item, sample=sample, arrival=item.arrival + wait)

    return replace(stream.each(change), presented=True)
