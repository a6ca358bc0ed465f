"""Runs that found something once, each with what it was: they find nothing any more but what is known."""

import pytest

pytest.importorskip("apsw", reason="apsw is missing, which the extra dev has")

from tests.simulate.run import simulate
from tests.simulate.scenario import KNOWN, draw

FOUND = {
    162: "readers took two segments of one millisecond for neighbours in one span",
    197: "a directory gave up a segment that it could not remove, and the recovery ended the span that went on",
    450: "keys gave a span the end of the one before, which lasted more than three seconds into it, so it got none",
    1466: "the model took a short event for over while recording went on for the shortest time",
    5004: "a recovery was tried again after a short span had begun, whose end keys gave to the one before",
    5464: "recovery wrote an end object beside one that the recorder had rounded otherwise by a millisecond",
    5584: "a recovery that was tried again took a living span for the one before a segment that it gave up",
    8023: "a recovery ended a living span whose camera's clock is behind that of the device",
    200074: "a silent track whose last samples were in doubt was stored in the wrong order when its span was closed",
    300204: "the model knew nothing of samples that are seconds late where a connection begins: time is set back later",
    300245: "the same in MP4 format, where a connection began with a burst",
    300366: "the same with a first arrival that was 14.8 s late",
    300294: "the second of two pictures without durations was taken for one behind a gap, and lost",
    200008: "two spans followed one clock, and a key of the sound was corrected by 147 ms at once",
    200146: "two spans followed one clock, and a key of the sound was corrected by 108 ms at once",
    400003: "the model did not know that a camera's clock was seconds behind that of the device, which dates events",
    400592: "a disk of the model became full when all trouble was over",
    400688: "the model did not know that a first group of pictures is lost where video comes long after the sound",
    400547: "pictures before a clock of a camera was set were dated by the time after it, in the Before of an event",
    400563: "a new span behind a clock that was set back was dated by the time before",
    401141: "an access unit at a reconnection was lost without a reason",
    401215: "the same",
    500065: "the model took what a reader mixes up of two spans for a hole in one",
    500624: "the checker took a key for that of the sound where it was the picture's, and found the next ones wrong",
    505123: "a disk of the model was to write zeros behind the end of a file that had been cut shorter",
    504877: "the half minute of an event that goes on to a sync sample counted from an earlier one: stored twice",
    503192: "the model took a disk for full when that was due, and not when the device was on again",
    506613: "the model did not know for how long requests had hung when the power was cut",
    500944: "a database failed while a camera was opened again: what came until recording went on was not counted",
    505880: "the model did not know that a document that waits has no room in spans that open for a change of codec",
    506954: "the model did not know a span that was ended where a reader takes another one's next segment for its own",
    600450: "of two pauses in pictures that waited for the sound, the first was a hole in a span",
    1811: "a bucket answered 409 for an end object that was not there, and the recovery took it for there",
}


@pytest.mark.parametrize("seed", FOUND)
def test_nothing_is_found(seed):
    scenario = draw(seed)
    found = simulate(scenario).findings
    assert not found or scenario.kinds & KNOWN.keys()
