"""Stamps of reordered pictures that are shaken: near an even line, in order of presentation."""

from itertools import pairwise
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


def waiting(samples):
    """How many of the first samples a clock waits for before it gives out the first one."""
    clock = SampleClock(1000)
    for count, sample in enumerate(samples, 1):
        if clock.push(sample) is not None or any(True for _ in clock.ready()):
            return count
    return 0


def test_the_first_pictures_wait_until_their_line_is_known():
    for seed in range(5):
        samples = pictures(seed=seed)
        found = times(samples)
        steps = [later - earlier for earlier, later in pairwise(found[:40])]
        assert max(steps) - min(steps) <= 6, seed
        assert 45 <= waiting(samples) <= 55


def test_first_pictures_that_are_in_order_and_shaken_are_put_on_their_line():
    for seed in range(5):
        found = times(pictures(seed=seed, offsets=(0,)))
        steps = [later - earlier for earlier, later in pairwise(found[:40])]
        assert max(steps) - min(steps) <= 6, seed


def test_even_pictures_and_those_that_state_durations_do_not_wait():
    assert waiting(pictures(amplitude=0)) == 3
    assert waiting([Sample(1, n * 100 // 3, 0, b"x", n == 0) for n in range(40)]) == 3  # ticks are rounded
    assert waiting(pictures(duration=40)) == 2


def test_sync_samples_do_not_wait():
    assert waiting([Sample(1, one.decode_time, 0, b"x") for one in pictures(amplitude=15, offsets=(0,))]) == 2


def test_pictures_that_are_uneven_and_not_shaken_wait_for_half_a_second():
    uneven = [Sample(1, n * 40 + 30 * (n > 1), 0, b"x", n == 0) for n in range(60)]
    assert waiting(uneven) == 12
    assert times(uneven) == [one.decode_time for one in uneven]
    rare = [Sample(1, n * 300 + 100 * (n > 1), 0, b"x", n == 0) for n in range(60)]
    assert waiting(rare) == 3


def test_a_first_stamp_that_is_off_is_not_on_the_line():
    samples = pictures(60, offsets=(0,))
    samples[4] = Sample(1, 9_000_000, 0, b"x")
    found = times(samples)
    assert found == sorted(found)
    assert max(abs(time - 40 * n) for n, time in enumerate(found[:40])) < 44
