"""Two or three random disturbances of a stream at once: all that is held to a disturbed stream is held to each.

Some fail: ``FAILING`` of ``test_disturbed_composed.py`` has an example of each kind that is known.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

import composition_ranges as ranges
from disturbances import (
    Disturbance,
    composed,
    delayed,
    drift,
    equal,
    lone,
    lost,
    pause,
    restart,
    shaken,
    stalled,
    step,
    wall_clock,
)
from named import clean
from oracle import Clock, check
from streams import Stream

from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat

if TYPE_CHECKING:
    from long import Journal

KINDS: tuple[Callable[[Random], tuple[str, Disturbance]], ...] = (
    lambda draw: _named(lone, draw.choice(ranges.OFF), every=draw.choice(ranges.EVERY), first=draw.randint(26, 40)),
    lambda draw: _named(lone, draw.choice(ranges.OFF), every=0, first=draw.randint(100, 130), count=draw.randint(2, 5)),
    lambda draw: _named(step, draw.choice(ranges.AT), draw.choice(ranges.BY), wall=draw.random() < 0.5),
    lambda draw: _named(shaken, draw.choice(ranges.SHAKEN), seed=draw.randint(0, 9)),
    lambda draw: _named(equal, every=draw.randint(2, 12)),
    lambda draw: _named(pause, draw.choice(ranges.AT), draw.choice(ranges.PAUSES)),
    lambda draw: _named(lost, every=draw.randint(3, 12)),
    lambda draw: _named(drift, draw.choice(ranges.DRIFTS)),
    lambda draw: _named(wall_clock, draw.choice(ranges.WALLS)),
    lambda draw: _named(restart, draw.choice(ranges.AT), away=draw.choice(ranges.AWAY)),
    lambda draw: _named(delayed, draw.choice(ranges.DELAYS)),
    lambda draw: _named(stalled, draw.choice(ranges.AT), draw.choice(ranges.STALLS)),
)


def _named(made: Callable[..., Disturbance], *values: object, **more: object) -> tuple[str, Disturbance]:
    shown = [str(value) for value in values] + [f"{name}={value}" for name, value in more.items()]
    return f"{made.__name__}({', '.join(shown)})", made(*values, **more)


def composition(seed: int) -> tuple[str, Stream, RecordingFormat, Clock]:
    """What a seed stands for, in words, the stream, and how it is recorded."""
    draw = Random(seed)
    base = draw.choice(ranges.BASES)
    parts = [KINDS[draw.randrange(len(KINDS))](draw) for _ in range(draw.randint(2, 3))]
    format_, clock = draw.choice((CMAF, MP4)), draw.choice(tuple(Clock))
    words = f"{base}, {', '.join(name for name, _ in parts)}, {format_.name} by {clock}"
    return words, composed(*(part for _, part in parts))(clean(base)), format_, clock


def finding(stream: Stream, format_: RecordingFormat, clock: Clock) -> str:
    """What is wrong with the recording of a stream; empty if nothing is."""
    try:
        check(stream, format_, clock)
    except AssertionError as error:
        return (str(error).splitlines() or ["an assertion"])[0]
    return ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take how many there are to be."""
    parser.add_argument("--count", type=int, default=1500, help="compositions")


def run(arguments: argparse.Namespace, journal: "Journal") -> int:
    """Record and examine them; 1 if anything is wrong with one."""
    first = (arguments.seed - 1) * 1_000_000
    steps = [(str(seed), seed) for seed in range(first, first + arguments.count)]
    return carry_out(journal, [(key, lambda seed=seed: composition(seed)) for key, seed in steps])


def carry_out(
    journal: "Journal", steps: list[tuple[str, Callable[[], tuple[str, Stream, RecordingFormat, Clock]]]]
) -> int:
    """Examine what the steps make that the journal does not have; print what is wrong; 1 if anything is."""
    total: Counter[str] = Counter()
    for key, make in steps:
        if key not in journal:
            began = time.process_time()
            words, *how = make()
            journal.add(key, words=words, problem=finding(*how), seconds=round(time.process_time() - began, 3))
        found = journal.steps[key]
        total["streams"] += 1
        total["with problems"] += bool(found["problem"])
        total["with reordered pictures, of these"] += bool(found["problem"]) and "reordered" in found["words"]
        if found["problem"]:
            print(f"{key}: {found['words']}: {found['problem']}", flush=True)
    print(", ".join(f"{name}: {count}" for name, count in total.items()))
    return int(total["with problems"] > 0)
