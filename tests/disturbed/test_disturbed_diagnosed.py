"""What a diagnosis says of disturbed streams: what was done to them is named, and nothing else."""

import pytest
from named import NAMED
from streams import Unit

from onvif_bmff.diagnosis import Fault, diagnose_samples

PICTURES, SOUND = "VIDEO001", "AUDIO001"
BOTH = (PICTURES, SOUND)

SAID: dict[str, dict[str, set[Fault]]] = {
    "clean: joined midway": {PICTURES: {Fault.NO_SYNC}},
    "lone stamps off in both tracks": {track: {Fault.OUTLIER} for track in BOTH},
    "lone stamps and a pause": {PICTURES: {Fault.OUTLIER, Fault.GAP}, SOUND: {Fault.GAP}},
    "lone stamps ": {PICTURES: {Fault.OUTLIER}},
    "lone packets of sound": {SOUND: {Fault.OUTLIER}},
    "2 stamps ": {PICTURES: {Fault.OUTLIER}},
    "3 stamps ": {PICTURES: {Fault.OUTLIER}},
    "4 stamps ": {PICTURES: {Fault.OUTLIER}},
    "5 stamps ": {PICTURES: {Fault.OUTLIER}},
    "a sync sample ": {PICTURES: {Fault.OUTLIER}},
    "a stamp off in long groups": {PICTURES: {Fault.OUTLIER}},
    "the last stamp off": {PICTURES: {Fault.GAP}},
    "the camera's wall clock steps -": {track: {Fault.STEP_BACK} for track in BOTH},
    # Up to a second nothing tells a clock that was set ahead from samples that are missing.
    "the camera's wall clock steps +0": {track: {Fault.MISSING} for track in BOTH},
    "the camera's wall clock steps +": {track: {Fault.GAP} for track in BOTH},
    "the counter steps -": {track: {Fault.STEP_BACK} for track in BOTH},
    "the counter steps +0": {track: {Fault.MISSING} for track in BOTH},
    "the counter steps +": {track: {Fault.GAP} for track in BOTH},
    "the counter steps in the middle": {PICTURES: {Fault.STEP_BACK}},
    "the counter steps three times": {PICTURES: {Fault.STEP_BACK, Fault.GAP}},
    "the counter steps back and returns": {track: {Fault.STEP_BACK, Fault.GAP} for track in BOTH},
    "the counter steps, pictures": {PICTURES: {Fault.GAP}},
    "only the sound steps": {SOUND: {Fault.GAP}},
    "only the pictures step ahead": {PICTURES: {Fault.GAP}},
    "only the pictures step": {PICTURES: {Fault.STEP_BACK}},
    "stamps ±": {PICTURES: {Fault.JITTER}},
    "sound ±10 ms": {SOUND: {Fault.JITTER}},
    "each second stamp twice": {PICTURES: {Fault.JITTER}},
    "one stamp in ten twice": {PICTURES: {Fault.TOO_CLOSE}},
    "stamps of four pictures": {PICTURES: {Fault.JITTER}},
    "a pause of 0.5 s": {track: {Fault.MISSING} for track in BOTH},
    "a pause of 9 s, sound alone": {SOUND: {Fault.GAP}},
    "a pause of 60 s": {PICTURES: {Fault.GAP}},
    "a pause of 9 s in sound": {SOUND: {Fault.GAP}},
    "a pause of 15 s in sound": {SOUND: {Fault.GAP}},
    "a silence of sound, and an hour off": {SOUND: {Fault.GAP, Fault.OUTLIER}},
    "a silence of pictures, and 5 s ahead": {PICTURES: {Fault.GAP}},
    "a pause of 9 s in pictures": {PICTURES: {Fault.GAP}},
    "a pause of 15 s in pictures": {PICTURES: {Fault.GAP}},
    "a pause of ": {track: {Fault.GAP} for track in BOTH},
    "a pause at 5 a second": {PICTURES: {Fault.GAP}},
    "discontinuous Opus alone": {SOUND: {Fault.JITTER}},
    "discontinuous Opus": {SOUND: {Fault.MISSING}},
    "one picture in seven lost": {PICTURES: {Fault.MISSING}},
    "one packet of sound in nine lost": {SOUND: {Fault.MISSING}},
    "durations of 40 ms, one picture in seven lost": {PICTURES: {Fault.MISSING}},
    "a camera boots in no time": {track: {Fault.STEP_BACK} for track in BOTH},
    "a camera boots in 20 s": {PICTURES: {Fault.STEP_BACK}},
    "a camera boots, its counter goes on anywhere": {track: {Fault.GAP} for track in BOTH},
    "a counter of 32 bits wraps": {PICTURES: {Fault.STEP_BACK}},
    "a counter of 33 bits wraps": {PICTURES: {Fault.STEP_BACK}},
    "a counter wraps between two lone stamps": {PICTURES: {Fault.STEP_BACK, Fault.OUTLIER}},
    "a counter that wraps, nobody says so": {PICTURES: {Fault.STEP_BACK}},
    "another codec at a step": {track: {Fault.STEP_BACK} for track in BOTH},
    "jitter and drift": {PICTURES: {Fault.JITTER}},
    "jitter and lone stamps": {PICTURES: {Fault.JITTER, Fault.OUTLIER}},
    "a step in a wrapped counter": {PICTURES: {Fault.STEP_BACK, Fault.GAP}},
    "lost pictures and a step": {PICTURES: {Fault.MISSING, Fault.STEP_BACK}, SOUND: {Fault.STEP_BACK}},
    "a boot, then jitter": {PICTURES: {Fault.STEP_BACK, Fault.JITTER}, SOUND: {Fault.STEP_BACK}},
}
"""What is said of each track, by the longest beginning of the name; of others nothing. Stamps show no wall clock."""

ALSO_SAID = {
    "stamps ±44 ms": {Fault.GAP, Fault.STEP_BACK, Fault.TOO_CLOSE},
    "stamps ±80 ms at 60 a second": {Fault.STEP_BACK},
}
"""What is said besides where jitter is of more than a picture: of its first pictures, of which no line is known."""


def expected(name):
    found = max((one for one in SAID if name.startswith(one)), key=len, default=None)
    return {} if found is None else SAID[found]


@pytest.mark.parametrize("name", NAMED)
def test_what_was_done_is_said(name):
    stream = NAMED[name].stream()
    said: dict[str, set[Fault]] = {}
    for one in diagnose_samples(stream.tracks, [item.sample for item in stream.items if isinstance(item, Unit)]):
        said.setdefault(one.where, set()).add(one.fault)
    known = next((faults for start, faults in ALSO_SAID.items() if name.startswith(start)), set())
    assert {track: faults - (known - expected(name).get(track, set())) for track, faults in said.items()} == expected(
        name
    )


def test_all_that_is_said_is_of_a_stream():
    assert all(any(expected(name) is said for name in NAMED) for said in SAID.values())
