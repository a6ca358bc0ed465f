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
