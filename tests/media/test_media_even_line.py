"""Times that should come evenly: where they belong, and what is off."""

from itertools import pairwise
from random import Random

from onvif_bmff.media.even_line import SteadyLine, even_places


def shaken(count, amplitude, seed, pace=40):
    chance = Random(seed)
    return [(number, number * pace + chance.randint(-amplitude, amplitude)) for number in range(count)]


def test_even_places_are_those_of_the_line():
    pace, places = even_places(shaken(50, 44, 1))
    assert pace in (39, 40, 41)
    assert max(abs(place - 40 * number) for number, place in enumerate(places)) < 20
    steps = {later - earlier for earlier, later in pairwise(places)}
    assert max(steps) - min(steps) <= 1


def test_times_that_are_off_say_nothing_of_the_line():
    times = shaken(24, 10, 2)
    times[3], times[11], times[12] = (3, 9_000_000), (11, -77), (12, 50_000)
    _, places = even_places(times)
    assert max(abs(place - 40 * number) for number, place in enumerate(places)) < 10


def test_there_is_no_line_of_few_times_of_two_lines_and_of_one_instant():
    assert even_places(shaken(7, 0, 3)) is None
    assert even_places([(number, number * 40 + (number > 11) * 3_000) for number in range(24)]) is None
    assert even_places([(number, 5) for number in range(24)]) is None


def steadied(numbered, pace=40):
    line, found, before = SteadyLine(), [], numbered[0]
    for number, time in numbered:
        place = line.put(number, time, before, pace, is_shaken=4 * (time - before[1]) < pace and number > 0)
        before = (number, time if place is None else place)
        found.append(before[1])
    return line, found


def test_even_times_stay_as_they_are():
    line, found = steadied(shaken(100, 0, 4))
    assert found == [40 * number for number in range(100)]
    assert not line.is_shaken


def test_shaken_times_come_at_even_distances_on_their_line():
    for seed in range(4):
        line, found = steadied(shaken(300, 44, seed))
        assert line.is_shaken
        assert max(abs(time - 40 * number) for number, time in enumerate(found[128:], 128)) < 20
        steps = [later - earlier for earlier, later in pairwise(found[128:])]
        assert max(steps) - min(steps) <= 6


def test_a_number_that_is_missing_leaves_its_room():
    numbered = [one for one in shaken(300, 44, 5) if one[0] != 250]
    _, found = steadied(numbered)
    assert 70 < found[250] - found[249] < 90


def test_four_times_elsewhere_have_a_line_of_their_own():
    early = shaken(100, 44, 6)
    later = [(number + 100, 5_000 + 4_000 + time) for number, time in shaken(100, 44, 7)]
    _, found = steadied(early + later)
    assert found[100:103] == [time for _, time in later[:3]]
    assert max(abs(time - 9_000 - 40 * number) for number, time in enumerate(found[140:], 40)) < 20


def test_times_at_one_distance_are_put_on_a_line_before_much_is_known_of_it():
    _, found = steadied([(0, 0), (1, 40), (2, 41), (3, 120), (4, 121), (5, 200)])
    steps = [later - earlier for earlier, later in pairwise(found)]
    assert steps[0] == 40
    assert all(30 <= step <= 50 for step in steps[1:]), steps


def test_four_times_elsewhere_that_do_not_lie_on_one_line_begin_none():
    line, _ = steadied([*shaken(100, 44, 6), (100, 9_000), (101, 90_000), (102, -9_000), (103, 300_000)])
    assert line.put(104, 300_041, (103, 300_000), 40, is_shaken=False) == 300_040  # the newest alone counts


def test_a_line_begins_at_a_number_and_moves_with_its_clock():
    line, _ = steadied([*shaken(100, 44, 6), *[(number, 9_000 + 40 * number) for number in range(100, 112)]])
    line.begin_at(100, 40)
    line.move(-500)
    assert line.put(112, 8_500 + 40 * 112, (111, 8_500 + 40 * 111), 40, is_shaken=True) == 8_500 + 40 * 112
    line.begin_at(200, 40)
    assert line.put(200, 7, (199, 5_000), 40, is_shaken=False) == 7
    assert line.put(201, 8, (200, 7), 40, is_shaken=True) == 47


def test_a_line_that_begins_among_times_that_are_off_takes_these():
    line, _ = steadied([*shaken(100, 44, 6), (100, 13_000), (101, 13_041)])
    line.begin_at(100, 40)
    assert line.put(102, 13_042, (101, 13_041), 40, is_shaken=True) == 13_080  # nearly 40 later
