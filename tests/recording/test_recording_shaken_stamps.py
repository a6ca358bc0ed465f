"""Stamps of reordered pictures that are shaken: near an even line, in order of presentation."""

from random import Random

from onvif_bmff.media.track import Sample
from onvif_bmff.recording.sample_clock import SampleClock

OFFSETS = (80, 120, -40, 0)


def pictures(count=200, *, amplitude=44, seed=1, offsets=OFFSETS, duration=0):
    """Pictures of 40 ticks of a millisecond, each stamp off by up to ``amplitude``."""
    chance = Random(seed)
    return [
        Sample(
            1, n * 40 + chance.randint(-amplitude, amplitude), duration, b"x", n % 40 == 0, offsets[n % len(offsets)]
        )
        for n in range(count)
    ]


def times(samples):
    """Decode times after a clock."""
    clock, out = SampleClock(1000), []
    for sample in samples:
        if (done := clock.push(sample)) is not None:
            out.append(done)
        out.extend(clock.ready())
    clock.settle()
    out.extend(clock.ready())
    out.append(clock.flush())
    return [one.decode_time for one in out]


def off_line(found):
    return [time - 40 * n for n, time in enumerate(found)]


def test_shaken_pictures_are_held_near_the_line():
    for seed in range(5):
        samples = pictures(seed=seed)
        before, after = off_line([one.decode_time for one in samples])[24:], off_line(times(samples))[24:]
        assert sum(map(abs, after)) < 0.7 * sum(map(abs, before))


def test_no_picture_changes_places_with_the_sync_sample_before_it():
    changed = 0
    for seed in range(5):
        samples = pictures(seed=seed, offsets=(40, 120, 0, 0))
        order = [one.decode_time + one.composition_offset for one in samples]
        changed += sum(order[n] >= order[n + 2] for n in range(40, 198, 40))
        clock, out = SampleClock(1000), []
        for sample in samples:
            out.extend(one for one in (clock.push(sample), *clock.ready()) if one is not None)
        shown = [one.decode_time + one.composition_offset for one in out]
        assert all(shown[n] < shown[n + 2] for n in range(40, len(out) - 2, 40)), seed
    assert changed  # as they came, some did


def test_pictures_that_are_not_reordered_stay_where_their_stamps_put_them():
    samples = pictures(offsets=(0,), amplitude=15)
    assert times(samples) == [one.decode_time for one in samples]


def test_even_pictures_and_those_that_state_durations_stay():
    even = pictures(amplitude=0)
    assert times(even) == [one.decode_time for one in even]
    stated = pictures(amplitude=15, duration=40)
    assert times(stated) == [one.decode_time for one in stated]


def test_a_pause_ends_the_line():
    samples = pictures(120)
    late = [Sample(1, one.decode_time + 700, 0, b"x", one.sync, one.composition_offset) for one in samples[60:]]
    off = off_line(times(samples[:60] + late))
    assert min(off[75:]) > 700 - 60
