"""What a diagnosis says of stamps: which clock was wrong, when, and by how much."""

import random
import tracemalloc

import pytest

from onvif_bmff.codecs import AvcCodec, G711Codec, MetadataCodec
from onvif_bmff.diagnosis import Fault, Observation, diagnose_samples
from onvif_bmff.errors import MediaError
from onvif_bmff.media import Sample, Track

AVC = AvcCodec.from_parameter_sets([bytes.fromhex("6742c01e95a0280bfe54")], [bytes.fromhex("68ce3c80")])
VIDEO = Track("VIDEO001", 1, 90_000, AVC)
SOUND = Track("AUDIO001", 2, 8_000, G711Codec("ulaw"))
METADATA = Track("META001", 3, 1_000, MetadataCodec())
TRACKS = (VIDEO, SOUND, METADATA)


def pictures(times, *, gop=25, offsets=None):
    """Pictures with these decode times in seconds."""
    offsets = offsets or [0] * len(times)
    return [
        Sample(1, round(time * 90_000), 0, b"", number % gop == 0, round(offset * 90_000))
        for number, (time, offset) in enumerate(zip(times, offsets, strict=True))
    ]


def regular(count=500, step=0.04):
    return [number * step for number in range(count)]


def found(samples, tracks=TRACKS):
    return [(one.fault, one.where, round(one.media_time, 2), round(one.seconds, 2), one.count) for one in
            diagnose_samples(tracks, samples)]  # fmt: skip


def test_nothing_is_said_of_regular_stamps():
    sound = [Sample(2, number * 160, 160, b"") for number in range(1000)]
    assert found(pictures(regular()) + sound) == []


@pytest.mark.parametrize("off", [-9_800, -20, -2, -0.5, 0.5, 2, 37_600])
def test_a_lone_stamp(off):
    times = regular()
    times[200] += off
    assert found(pictures(times)) == [(Fault.OUTLIER, "VIDEO001", 7.96, off, 1)]


def test_a_stamp_that_is_off_at_the_beginning():
    """It is not taken for the usual distance, by which all others would be wrong."""
    for place in (1, 2, 5, 9):
        for off in (-9_800, -2, 2, 9_800):
            times = regular()
            times[place] += off
            assert found(pictures(times)) == [(Fault.OUTLIER, "VIDEO001", round(place * 0.04 - 0.04, 2), off, 1)]
    assert found(pictures([9_800, *regular()[1:]])) == [(Fault.OUTLIER, "VIDEO001", 9_800, 9_800, 1)]
    assert found(pictures([-9_800, *regular()[1:]])) == [(Fault.OUTLIER, "VIDEO001", -9_800, -9_800, 1)]


@pytest.mark.parametrize("count", [8, 12, 500])
def test_a_pause_and_a_clock_that_is_set_back_at_the_beginning(count):
    paused = [time + 4 * (number >= 5) for number, time in enumerate(regular(count))]
    assert found(pictures(paused)) == [(Fault.GAP, "VIDEO001", 0.16, 4, 0)]
    back = [time - 2 * (number >= 5) for number, time in enumerate(regular(count))]
    assert found(pictures(back)) == [(Fault.STEP_BACK, "VIDEO001", 0.16, -2, 1)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("by", [-60, -3, 3, 60])
def test_a_clock_that_is_set_among_stamps_that_are_shaken(seed, by):
    rng = random.Random(seed)
    times = [time + rng.uniform(-0.044, 0.044) + by * (number >= 750) for number, time in enumerate(regular(1500))]
    said = [one for one in diagnose_samples(TRACKS, pictures(times)) if one.fault is not Fault.JITTER]
    larger = [one for one in said if abs(one.seconds) > 0.25]
    assert [one.fault for one in larger] == [Fault.STEP_BACK if by < 0 else Fault.GAP]
    assert larger[0].seconds == pytest.approx(by, abs=0.1)
    assert larger[0].media_time == pytest.approx(29.96, abs=0.1)


@pytest.mark.parametrize("between", [1, 2, 3])
@pytest.mark.parametrize("by", [-2, 5])
def test_a_clock_that_is_set_among_pictures_with_presentation_times(between, by):
    group = between + 1
    order = [0, *(first + place for first in range(0, 1200, group) for place in (group, *range(1, group)))]
    times = [number * 0.04 + by * (number > 720) for number in order]
    said = {one.fault: one for one in diagnose_samples(TRACKS, pictures(times))}
    (step,) = said.keys() - {Fault.REORDER}
    assert step is (Fault.STEP_BACK if by < 0 else Fault.GAP)
    assert said[step].seconds == pytest.approx(by, abs=0.1)
    assert said[step].media_time == pytest.approx(28.8, abs=0.2)


def test_some_stamps():
    times = regular()
    times[200:204] = [time - 3 for time in times[200:204]]
    assert found(pictures(times)) == [(Fault.OUTLIER, "VIDEO001", 7.96, -3, 4)]


@pytest.mark.parametrize("by", [-9_000, -9.5, -0.2])
def test_a_clock_that_is_set_back(by):
    times = [time + by * (number >= 200) for number, time in enumerate(regular())]
    assert found(pictures(times)) == [(Fault.STEP_BACK, "VIDEO001", 7.96, by, 1)]


def test_stamps_that_a_recorder_squeezed():
    times, last = [], -1.0
    for number, time in enumerate(regular()):
        last = max(time - 2 * (number >= 200), last + 1 / 90_000)
        times.append(last)
    ((fault, _, at, seconds, count),) = found(pictures(times))
    assert (fault, at, count) == (Fault.STEP_BACK, 7.96, 50)
    assert seconds == pytest.approx(-2, abs=0.05)


def test_a_pause():
    times = [time + 4 * (number >= 200) for number, time in enumerate(regular())]
    assert found(pictures(times)) == [(Fault.GAP, "VIDEO001", 7.96, 4, 0)]


def test_lost_pictures():
    times = [time for number, time in enumerate(regular()) if number not in (200, 201, 300)]
    assert found(pictures(times)) == [
        (Fault.MISSING, "VIDEO001", 7.96, 0.08, 2),
        (Fault.MISSING, "VIDEO001", 11.96, 0.04, 1),
    ]


def test_jitter():
    chance = random.Random(1)
    times = [time + chance.uniform(-0.044, 0.044) for time in regular(2_000)]
    faults = [one.fault for one in diagnose_samples(TRACKS, pictures(times))]
    assert Fault.JITTER in faults
    assert Fault.GAP not in faults[:1]


def test_jitter_of_more_than_a_picture_that_a_recorder_put_in_order():
    """No clock went ahead, though steps are found to be shorter than they are, among uneven ones that rise."""
    shake = random.Random(5)
    times = [time + shake.uniform(-0.044, 0.044) for time in regular(600)]
    for number in range(1, len(times)):
        times[number] = max(times[number], times[number - 1] + 0.003)
    said = found(pictures(times))
    assert Fault.JITTER in {fault for fault, *_ in said}
    assert not {fault for fault, *_ in said} & {Fault.GAP, Fault.STEP_BACK, Fault.STEP_AHEAD, Fault.OUTLIER}
    assert sum(count for fault, *_, count in said if fault is Fault.MISSING) < 15


def test_stamps_of_whole_seconds():
    """No step is usual as long as all are of no time."""
    said = found(pictures([time // 1 for time in regular(600)]))
    assert {fault for fault, *_ in said} == {Fault.TOO_CLOSE}


def test_stamps_that_stand_still():
    assert found(pictures([0.0] * 100)) == []


def test_stamps_of_tenths_of_a_second():
    said = found(pictures([round(time * 25) * 2 // 5 / 10 for time in regular(600)]))
    assert {fault for fault, *_ in said} == {Fault.JITTER}


@pytest.mark.parametrize("by", [-0.2, -2])
def test_a_clock_that_is_set_back_among_reordered_pictures_with_decode_times(by):
    """Presentation goes back and forth there all the time: it says nothing of the stamps."""
    times = [time + by * (number >= 200) for number, time in enumerate(regular())]
    offsets = [(0.04, 0.12, 0, 0)[number % 25 and (number % 3) + 1] for number in range(500)]
    assert found(pictures(times, offsets=offsets)) == [(Fault.STEP_BACK, "VIDEO001", 7.96, by, 1)]


def test_two_stamps_each_alike():
    times = [time - 0.04 * (number % 2) for number, time in enumerate(regular(200))]
    ((fault, _, _, seconds, _),) = found(pictures(times))
    assert (fault, abs(seconds)) == (Fault.JITTER, 0.04)


@pytest.mark.parametrize("between", [2, 3])
def test_stamps_of_presentation(between):
    shown = [0]
    while len(shown) < 200:
        last = max(shown)
        shown += [last + between + 1, *range(last + 1, last + between + 1)]
    faults = {one.fault for one in diagnose_samples(TRACKS, pictures([place * 0.04 for place in shown]))}
    assert faults == {Fault.REORDER}


def test_reordered_pictures_with_decode_times_are_right():
    offsets = [0.04] + [(0.12, 0, 0)[number % 3] for number in range(299)]
    assert found(pictures(regular(300), offsets=offsets)) == []


def test_no_sync_sample_for_long():
    assert found(pictures(regular(600), gop=400)) == [(Fault.NO_SYNC, "VIDEO001", 0, 16, 399)]


def test_no_sync_sample_at_all():
    samples = pictures(regular(100))
    for sample in samples:
        sample.sync = False
    assert [fault for fault, *_ in found(samples)] == [Fault.NO_SYNC]


def test_joined_midway():
    samples = pictures(regular(100))[14:]
    ((fault, _, at, seconds, count),) = found(samples)
    assert (fault, at, seconds, count) == (Fault.NO_SYNC, 0.56, 0.48, 11)


def test_another_rate_is_no_fault():
    times = regular(200) + [200 * 0.04 + number * 0.2 for number in range(100)]
    assert found(pictures(times, gop=20)) == []


def test_sound_that_drifts():
    sound = [Sample(2, round(number * 160 * 1.03), 160, b"") for number in range(3000)]
    ((fault, where, _, seconds, _),) = found(pictures(regular(1500)) + sound)
    assert (fault, where) == (Fault.DRIFT, "AUDIO001")
    assert seconds == pytest.approx(1.8, abs=0.1)


def test_documents_come_when_they_like():
    assert found([Sample(3, time * 1000, 0, b"") for time in (0, 1, 1, 4, 70)]) == []
    assert found([Sample(3, time * 1000, 0, b"") for time in (0, 60, 50)]) == [(Fault.STEP_BACK, "META001", 60, -10, 1)]
    evenly = [time - 5 * (time >= 20) for time in range(40)]
    assert found([Sample(3, time * 1000, 0, b"") for time in evenly]) == [(Fault.STEP_BACK, "META001", 19, -5, 1)]


def test_many_observations_are_counted():
    times = [time + 30 * (number % 50 == 30) for number, time in enumerate(regular(10_000))]
    observations = list(diagnose_samples(TRACKS, pictures(times)))
    assert len(observations) == 51
    assert observations[-1].count == 150
    assert "150 more like these" in observations[-1].message


def test_a_sample_of_no_track():
    with pytest.raises(MediaError, match="track 9"):
        list(diagnose_samples(TRACKS, [Sample(9, 0, 0, b"")]))


def test_items_that_are_no_samples_are_passed_over():
    assert list(diagnose_samples(TRACKS, [object(), *pictures(regular(50))])) == []


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_stamps_there_are_only_observations(seed):
    chance = random.Random(seed)
    times = [
        chance.choice((0, 1, 3600, 3600, 3601, -5, 1 << 40, -(1 << 60), chance.randrange(1 << 33))) for _ in range(400)
    ]
    samples = [
        Sample(chance.randint(1, 3), time, chance.choice((0, 3600, 1 << 31)), b"", chance.random() < 0.3)
        for time in times
    ]
    assert all(isinstance(one, Observation) for one in diagnose_samples(TRACKS, samples))


@pytest.mark.no_cover
def test_memory_is_bounded():
    def endless(count):
        chance = random.Random(5)
        for number in range(count):
            yield Sample(1, number * 3600 + chance.randint(-90_000, 90_000), 0, b"", number % 25 == 0)

    tracemalloc.start()
    try:
        sum(1 for _ in diagnose_samples(TRACKS, endless(60_000)))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
