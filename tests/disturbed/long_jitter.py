"""Stamps shaken by up to eight frame durations, at 10 to 120 pictures a second, with lone stamps that are off."""

import argparse
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

from disturbances import composed, lone, shaken
from long_composed import carry_out
from oracle import Clock
from streams import Stream, packets, stream, video

from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat

if TYPE_CHECKING:
    from long import Journal

RATES = (10, 25, 60, 120)
FRAMES = (0.5, 1, 2, 3, 5, 8)
OFF = (None, 37_600, -20, 0.5, -0.5)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how many seeds of each there are to be."""
    parser.add_argument("--seeds", type=int, default=4, help="of each kind")


def shaken_stream(rate: int, frames: float, off: float | None, seed: int) -> tuple[str, Stream, RecordingFormat, Clock]:
    """A stream of a rate, shaken by so many frame durations, and how it is recorded."""
    amplitude = round(frames / rate, 4)
    made = stream(video(12, rate=Fraction(rate), gop=rate), packets(12) if seed % 2 else (), seconds=12)
    parts = [shaken(amplitude, seed=seed)] + ([lone(off, every=61, first=30)] if off else [])
    format_, clock = (CMAF, MP4)[seed // 2 % 2], Clock.CAMERA if seed % 3 else Clock.ARRIVAL
    words = f"{rate} a second, ±{amplitude} s, lone stamps {off} s off, {format_.name} by {clock}"
    return words, composed(*parts)(made), format_, clock


def run(arguments: argparse.Namespace, journal: "Journal") -> int:
    """Record and examine them; 1 if anything is wrong with one."""
    cases = product(RATES, FRAMES, range(arguments.seeds), OFF)
    return carry_out(
        journal,
        [
            (f"{rate}/{frames}/{off}/{seed}", lambda case=(rate, frames, off, seed): shaken_stream(*case))
            for rate, frames, seed, off in cases
        ],
    )
