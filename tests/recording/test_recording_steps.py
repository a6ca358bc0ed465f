"""MP4 format, where a clock is set while a track is silent: no span has a hole, no segment begins within a group."""

from collections import Counter
from random import Random

import pytest
from recording_kit import G711, MP4, START, VIDEO, Recorder, Sample, data, target
from support_recorded import check_recording

from onvif_bmff.objects.events import collect_objects
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.validation import validate_store
from onvif_bmff.validation.rules import Level

BY = (0.3, 1, 3, 9, 11, 13, 15, 25, 40, 100)
PAUSES = (1, 2, 5, 9, 11, 12.5, 14, 20, 30)
LENGTH = 200
"""Seconds that the counters of tracks begin at, so that they can be set back."""


def picture(number, sync):
    """A NAL unit behind its length: the headers of an IDR or P slice, and what tells it from others."""
    body = (b"\x65\x88\x84" if sync else b"\x41\x9a\x24") + data("v", number)
    return len(body).to_bytes(4, "big") + body


def samples(*, fps=5, group=10, packet=0.1, length=60, known=(True, True), steps=(), pauses=(), late=lambda: 0.0):
    """Samples of a camera in the order in which they come.

    ``steps`` are (at, tracks, by), ``pauses`` are (at, tracks, how long); a track is silent in a pause, and its stamps
    differ by the sum of the steps before.
    """
    found = []
    for track, period in ((VIDEO, 1 / fps), (G711, packet)):
        number, time, came, scale = 0, 0.0, 0.0, track.timescale
        while time < length:
            off = sum(by for at, tracks, by in steps if track.track_id in tracks and time >= at)
            if not any(track.track_id in tracks and at <= time < at + long for at, tracks, long in pauses):
                came = max(came, time + late())
                is_video = track is VIDEO
                stamp, lasting = round((time + off + LENGTH) * scale), round(period * scale)
                sync = not is_video or number % group == 0
                payload = picture(number, sync) if is_video else data("a", number)
                duration = lasting if known[track.track_id - 1] else 0
                found.append((came, Sample(track.track_id, stamp, duration, payload, sync)))
            number += 1
            time += period
    return [sample for _, sample in sorted(found, key=lambda one: one[0])]


def record(given):
    recorder = Recorder([VIDEO, G711], target(MP4, segment=4, digits=6))
    recorder.activate(START)
    events = [event for sample in given for event in recorder.push(sample)] + recorder.deactivate()
    store = MemoryStore()
    for obj in collect_objects(events):
        store.put(obj)
    return recorder, events, [one for one in validate_store(store) if one.level is not Level.NOTE]


def drawn(seed):
    """A camera by chance: up to four steps and pauses, of one track or both."""
    chance = Random(seed)
    given = {"fps": chance.choice((25, 5, 2, 1, 1)), "group": chance.choice((2, 4, 10, 50))}
    given |= {"packet": chance.choice((0.02, 0.1, 0.5, 0.5)), "length": chance.choice((30, 60, 120))}
    given["known"] = (chance.random() < 0.5, chance.random() < 0.5)
    steps, pauses = [], []
    for _ in range(chance.randint(1, 4)):
        at, tracks = chance.uniform(3, given["length"] - 3), chance.choice(((1,), (2,), (1, 2), (1, 2)))
        if chance.random() < 0.6:
            steps.append((at, tracks, chance.choice((-1, 1)) * chance.choice(BY)))
        else:
            pauses.append((at, tracks, chance.choice(PAUSES)))
    return samples(**given, steps=steps, pauses=pauses, late=lambda: chance.choice((0, 0, 0.05, 0.2)))


def check(given):
    recorder, events, found = record(given)
    structural = [one for one in found if one.rule not in ("P-04", "ANX-B.4-05")]
    assert not structural, "\n".join(f"{one.rule} {one.key}: {one.message}" for one in structural[:5])
    spans = check_recording(events, in_step=False)
    stored = Counter(sample.data for span in spans for sample in span.samples())
    assert set(stored.values()) == {1}, "a sample is stored twice"
    assert stored.keys() <= {sample.data for sample in given}
    assert len(given) - len(stored) == sum(recorder.dropped.values())
    return recorder, spans, found


@pytest.mark.parametrize("seed", [*range(10), 36, 115, 116, 127, 136, 208, 218, 222, 235, 278])
def test_steps_and_pauses_by_chance(seed):
    check(drawn(seed))


def apart(spans):
    """Seconds between the last picture and the last packet of sound, which were taken together."""
    last = [max(sample.decode_time for sample in spans[-1].samples(number)) for number in (1, 2)]
    return abs(last[0] - last[1]) / spans[-1].timescale


@pytest.mark.parametrize("silent", [1, 2])
@pytest.mark.parametrize("by", [-13, -3, 8, 25, 400])
@pytest.mark.parametrize("known", [(True, True), (False, False)])
def test_a_track_that_was_silent_while_the_clock_of_all_was_set_is_in_step_again(silent, by, known):
    recorder, spans, found = check(samples(steps=[(25, (1, 2), by)], pauses=[(20, (silent,), 15)], known=known))
    assert [one.rule for one in found] in ([], ["P-04"])  # of the segment in which pictures begin
    assert apart(spans) < 0.3
    assert set(recorder.dropped) <= {DropReason.BEFORE_NEXT_SYNC}
    assert recorder.dropped.total() <= 20


@pytest.mark.parametrize("by", [8, 11, 25, 400])
def test_a_track_that_stays_behind_is_moved_to_where_the_others_are(by):
    """Sound alone jumps ahead while there are no pictures, so nothing says that it is no gap."""
    recorder, spans, found = check(samples(steps=[(25, (2,), by)], pauses=[(20, (1,), 15)], length=90))
    assert [one.rule for one in found] in ([], ["P-04"])
    assert recorder.dropped.total() <= 60
    if by > 12:
        assert apart(spans) < 0.3


@pytest.mark.parametrize(
    ("track_id", "by", "lost"), [(1, 11, 0), (1, 5_000, 0), (2, 11, 0), (2, 13, 25), (2, 5_000, 25)]
)
def test_tracks_that_are_far_apart_from_the_beginning_are_recorded(track_id, by, lost):
    recorder, spans, _ = check(samples(steps=[(0, (track_id,), by)]))
    assert recorder.dropped.total() <= lost
    if by > 12:
        assert apart(spans) < 1
