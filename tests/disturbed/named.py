"""The disturbed streams by name: a clean stream, and what happens to it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

from disturbances import (
    Disturbance,
    codec_change,
    composed,
    counter_from,
    delayed,
    drift,
    equal,
    grouped,
    joined_at,
    lasting,
    late,
    lone,
    lost,
    pause,
    restart,
    shaken,
    sparse,
    stalled,
    step,
    undecided,
    unreported,
    wall_clock,
    wraps,
)
from streams import OPUS_SOUND, OTHER_AVC, VIDEO, Stream, documents, packets, stream, video

DAY = 86_400
HOUR = 3_600
OTHER_VIDEO = replace(VIDEO, codec=OTHER_AVC)


@dataclass(frozen=True, slots=True)
class Named:
    """A disturbed stream: ``made`` is the clean one, by name; ``line`` of the list of faults that it stands for."""

    made: str
    disturb: Disturbance
    line: int

    def stream(self) -> Stream:
        """The stream as it is sent."""
        return self.disturb(clean(self.made))


def _slow(every: float, seconds: float) -> Stream:
    rate = 1 / Fraction(every).limit_denominator(100)
    return stream(video(seconds, rate=rate, gop=1), seconds=seconds)


CLEAN: dict[str, Callable[[], Stream]] = {
    "video": lambda: stream(video()),
    "long groups": lambda: stream(video(40, gop=100), seconds=40),
    "sound and video": lambda: stream(video(), packets()),
    "all": lambda: stream(video(), packets(), documents()),
    "reordered": lambda: stream(video(reordered=True)),
    "reordered with sound": lambda: stream(video(reordered=True), packets()),
    "joined midway": lambda: stream(video(first=11), packets()),
    "sound": lambda: stream(packets()),
    "opus": lambda: stream(packets(track=OPUS_SOUND), sound=OPUS_SOUND),
    "opus and video": lambda: stream(video(), packets(track=OPUS_SOUND), sound=OPUS_SOUND),
    "metadata and video": lambda: stream(video(), documents(every=Fraction(4))),
    "five a second": lambda: stream(video(40, rate=Fraction(5), gop=10), seconds=40),
    "60 a second": lambda: stream(video(20, rate=Fraction(60), gop=60), seconds=20),
    "29.97 a second": lambda: stream(video(rate=Fraction(30_000, 1001), gop=30), packets()),
    "a picture in 2 s": lambda: _slow(2, 60),
    "a picture in 20 s": lambda: _slow(20, 400),
    "minutes": lambda: stream(video(120, gop=50), seconds=120),
}


@cache
def clean(name: str) -> Stream:
    """An undisturbed stream by name."""
    return CLEAN[name]()


def _nothing(stream: Stream) -> Stream:
    return stream


def _named() -> dict[str, Named]:
    found: dict[str, Named] = {}
    # Undisturbed streams, which must come through as they are.
    for name in CLEAN:
        found[f"clean: {name}"] = Named(name, _nothing, 5 if name == "a picture in 20 s" else 2)
    # 1: a lone stamp that is off, a few that are off
    for off in (-9_800, 37_600, -20, 20, -9, 9, -2, 2, -0.5, 0.5, 0.1, -0.1):
        found[f"lone stamps {off:+} s off, once in two seconds"] = Named("sound and video", lone(off), 1)
    for count in (2, 3, 4, 5):
        found[f"{count} stamps 37600 s off"] = Named("video", lone(37_600, every=0, first=110, count=count), 1)
        found[f"{count} stamps 3 s back"] = Named("video", lone(-3, every=0, first=110, count=count), 1)
    found["a sync sample 2 s ahead"] = Named("sound and video", lone(2, every=0, first=100), 1)
    found["a sync sample 9800 s back"] = Named("sound and video", lone(-9_800, every=0, first=100), 1)
    found["lone packets of sound an hour off"] = Named("sound and video", lone(HOUR, every=97, track_id=2), 1)
    found["lone stamps off in both tracks"] = Named("sound and video", lone(-500, every=61, track_id=None), 1)
    found["a stamp off in long groups"] = Named("long groups", lone(1_000, every=75), 1)
    found["the last stamp off"] = Named("video", composed(lone(5_000, every=0, first=749), undecided), 1)
    found["lone stamps off, pictures reordered"] = Named("reordered with sound", lone(-9_800), 1)
    # 2: steps, stamps back and ahead, jitter
    for by in (-9.5, -5, -2, -1, -0.5, -0.2, 0.2, 0.5, 1, 2, 5, 9.5):
        found[f"the camera's wall clock steps {by:+} s"] = Named("sound and video", step(10, by, wall=True), 2)
    for by in (-3, -0.3, 0.3, 3, 25, -25, 40_000, -40_000):
        found[f"the counter steps {by:+} s"] = Named("sound and video", step(10, by), 2)
    found["the counter steps in the middle of a group"] = Named("long groups", step(13.52, -2), 2)
    found["the counter steps three times"] = Named("minutes", composed(step(20, -2), step(50, 4), step(80, -1)), 2)
    found["the counter steps back and returns"] = Named("sound and video", step(10, -4, back=14), 2)
    found["the counter steps, pictures reordered"] = Named("reordered", step(10.28, 1.5), 2)
    found["stamps ±44 ms"] = Named("video", shaken(0.044), 2)
    found["stamps ±44 ms with sound"] = Named("sound and video", shaken(0.044, seed=8), 2)
    found["stamps ±15 ms"] = Named("sound and video", shaken(0.015), 2)
    found["stamps ±80 ms at 60 a second"] = Named("60 a second", shaken(0.08), 2)
    found["sound ±10 ms"] = Named("sound and video", shaken(0.010, track_id=2), 2)
    found["each second stamp twice"] = Named("video", equal(), 2)
    found["one stamp in ten twice"] = Named("sound and video", equal(every=10), 2)
    found["stamps of four pictures a tick apart"] = Named("video", grouped(4), 2)
    found["only the sound steps"] = Named("sound and video", step(10, 3, track_id=2), 2)
    found["only the pictures step ahead"] = Named("sound and video", step(10, 1.2, track_id=1), 2)
    found["only the pictures step"] = Named("sound and video", step(10, -2, track_id=1), 2)
    # 4: clocks
    for part, rate in (("+100", 100), ("-100", -100), ("+1000", 1_000), ("-3000", -3_000)):
        found[f"a counter {part} ppm fast"] = Named("minutes", drift(Fraction(rate, 1_000_000)), 4)
    found["25 a second stamped, 21 delivered"] = Named("minutes", drift(Fraction(-4, 25)), 4)
    found["a counter three hours ahead"] = Named("sound and video", counter_from(3 * HOUR), 4)
    found["a counter before 0"] = Named("sound and video", counter_from(-100), 4)
    found["a wall clock three hours ahead"] = Named("sound and video", wall_clock(3 * HOUR), 4)
    found["a wall clock two minutes behind"] = Named("sound and video", wall_clock(-120), 4)
    found["a wall clock of 1970"] = Named("sound and video", wall_clock(-56 * 365 * DAY), 4)
    found["a wall clock two days ahead"] = Named("sound and video", wall_clock(2 * DAY), 4)
    found["no reports"] = Named("sound and video", unreported, 4)
    found["the network holds back 3 s"] = Named("sound and video", stalled(12, 3), 4)
    found["packets delayed by up to 200 ms"] = Named("sound and video", delayed(0.2), 4)
    # 5: gaps
    for seconds in (0.5, 1.5, 3, 9, 12, 60):
        name = "minutes" if seconds > 12 else "sound and video"
        found[f"a pause of {seconds} s"] = Named(name, pause(10.2, seconds), 5)
    found["a pause of 9 s in sound only"] = Named("sound and video", pause(10.2, 9, track_id=2), 5)
    found["a pause of 15 s in sound only"] = Named("sound and video", pause(10.2, 15, track_id=2), 5)
    found["a pause of 9 s in pictures only"] = Named("sound and video", pause(10.2, 9, track_id=1), 5)
    found["a pause of 15 s in pictures only"] = Named("sound and video", pause(10.2, 15, track_id=1), 5)
    found["a silence of sound, and an hour off behind it, once"] = Named(
        "sound and video", composed(pause(10.2, 15, track_id=2), lone(HOUR, every=0, first=510, track_id=2)), 1
    )
    found["a silence of pictures, and 5 s ahead behind it, once"] = Named(
        "sound and video", composed(pause(10.2, 15, track_id=1), lone(5, every=0, first=255)), 1
    )
    found["a pause of 9 s, sound alone"] = Named("sound", pause(10.2, 9), 5)
    found["a pause at 5 a second"] = Named("five a second", pause(10.2, 2.6), 5)
    found["discontinuous Opus"] = Named("opus and video", sparse(), 5)
    found["discontinuous Opus alone"] = Named("opus", sparse(burst=2, of=20), 5)
    found["one picture in seven lost"] = Named("sound and video", lost(), 5)
    found["one packet of sound in nine lost"] = Named("sound and video", lost(every=9, track_id=2), 5)
    found["durations of 40 ms, one picture in seven lost"] = Named("video", composed(lost(), lasting(0.04)), 5)
    found["durations that are twice too long"] = Named("sound and video", lasting(0.08), 5)
    # restarts, counters that wrap, late tracks, codecs
    found["a camera boots in no time"] = Named("sound and video", restart(10.4), 2)
    found["a camera boots in 20 s"] = Named("minutes", restart(30.4, away=20), 2)
    found["a camera boots, its counter goes on anywhere"] = Named("sound and video", restart(10.4, away=2, to=7_000), 2)
    found["a counter of 32 bits wraps"] = Named("video", wraps(9.5), 2)
    found["a counter of 32 bits wraps in long groups"] = Named("long groups", wraps(13.3), 2)
    found["a counter wraps between two lone stamps"] = Named("video", composed(lone(-9_800), wraps(9.5)), 1)
    found["a counter of 33 bits wraps, pictures reordered"] = Named("reordered", wraps(9.9, bits=33), 2)
    found["a counter that wraps, nobody says so"] = Named("video", wraps(9.5, told=False), 2)
    found["sound begins 3 s late"] = Named("sound and video", joined_at(3, track_id=2), 12)
    found["pictures begin 3 s late"] = Named("sound and video", joined_at(3, track_id=1), 12)
    found["sound comes in 800 ms late"] = Named("sound and video", late(0.8, track_id=2), 12)
    found["pictures come in 800 ms late"] = Named("sound and video", late(0.8, track_id=1), 12)
    found["documents few and late"] = Named("metadata and video", late(0.5, track_id=3), 12)
    found["another codec"] = Named("sound and video", codec_change(11.5, OTHER_VIDEO), 9)
    found["another codec at a step"] = Named(
        "sound and video", composed(step(12, -2), codec_change(11.5, OTHER_VIDEO)), 9
    )
    # composed
    found["jitter and drift"] = Named("minutes", composed(drift(Fraction(1, 2_000)), shaken(0.02)), 2)
    found["jitter and lone stamps"] = Named("sound and video", composed(shaken(0.02), lone(37_600)), 1)
    found["lone stamps and a pause"] = Named("sound and video", composed(lone(-20), pause(10.2, 3)), 1)
    found["a step in a wrapped counter"] = Named("video", composed(step(15, 2), wraps(9.5)), 2)
    found["lost pictures and a step"] = Named("sound and video", composed(lost(), step(12.3, -0.5, wall=True)), 2)
    found["a boot, then jitter, three hours ahead"] = Named(
        "sound and video", composed(counter_from(3 * HOUR), restart(10.4, away=1), shaken(0.02)), 2
    )
    return found


NAMED = _named()
