"""The laws of a run: each finds what breaks it, and nothing else; and scenarios, which can be made smaller."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from onvif_bmff.timing import UtcTime
from tests.simulate.cameras import Given
from tests.simulate.checker import CheckedSpan
from tests.simulate.corrections import Corrections, late_begins, overlap_of, overlaps_of
from tests.simulate.happenings import EventTimes, JobPauses
from tests.simulate.laws import counted_but_stored, holes_in_spans, taken_otherwise, written_after_end
from tests.simulate.oracle import Excuse, Sent, Stored, TrueTimes, before_losses, completeness, times_of_keys
from tests.simulate.runtime import Process, Simulation
from tests.simulate.scenario import KINDS, Scenario, draw
from tests.simulate.wall import WallClock

SECOND = 1_000_000
START = 1_790_000_000 * SECOND


def sent(count: int = 10) -> list[Sent]:
    """A sample a second, from second 0 on."""
    return [Sent(float(n), "cam1", 1, n, b"sample %d" % n, sync=n % 5 == 0) for n in range(count)]


def stored(of: list[Sent], *, late: float = 0.0, span: str = "a") -> list[Stored]:
    """What was sent, in one span."""
    return [
        Stored("key", one.camera, one.track, one.number, one.payload, START + int((one.time + late) * SECOND), span)
        for one in of
    ]


def complete(of: list[Sent], there: list[Stored], *excuses: Excuse, counted: int = 0) -> list[str]:
    return completeness("place", of, there, excuses, counted)[0]


# ---- each sample is stored once, or lost for a reason -----------------------------------------------------------


def test_all_that_was_sent_is_there() -> None:
    assert complete(sent(), stored(sent())) == []


def test_stored_twice() -> None:
    there = stored(sent())
    (found,) = complete(sent(), [*there, there[3]])
    assert found == "stored more than once: place [('cam1', 1, 3)] of 1"


def test_stored_otherwise_than_sent() -> None:
    there = stored(sent())
    there[4] = replace(there[4], payload=b"something else")
    (found,) = complete(sent(), there)
    assert found.startswith("stored otherwise than sent: place ('cam1', 1, 4)")


def test_stored_but_never_sent() -> None:
    (found,) = complete(sent(9), stored(sent(10)))
    assert found.startswith("stored but never sent: place ('cam1', 1, 9)")


def test_lost_without_a_reason() -> None:
    there = [one for one in stored(sent()) if one.number not in (6, 7)]
    excuse = Excuse(7.0, 9.0, "a power cut", counted=False)
    (found,) = complete(sent(), there, excuse)
    assert found == "lost without a reason: place 1 of 10, first ('cam1', 1, 6) at 6.000"


def test_lost_for_a_reason_that_the_device_need_not_count() -> None:
    there = [one for one in stored(sent()) if one.number not in (6, 7)]
    found, why = completeness("place", sent(), there, [Excuse(6.0, 7.0, "a power cut", counted=False)], 0)
    assert found == []
    assert why == {"a power cut": 2}


def test_what_the_device_may_not_have_got_may_be_missing() -> None:
    of = sent()
    of[-1] = replace(of[-1], taken=False)
    assert complete(of, stored(of)[:-1]) == []
    assert complete(of, stored(of)) == []


@pytest.mark.parametrize(("counted", "is_right"), [(0, False), (1, False), (2, True), (5, True)])
def test_what_a_store_costs_has_to_be_counted(counted: int, is_right: bool) -> None:
    there = [one for one in stored(sent()) if one.number not in (6, 7)]
    found = complete(sent(), there, Excuse(0.0, 99.0, "the store failed", counted=True), counted=counted)
    assert found == (
        [] if is_right else [f"lost and not counted: place 2 missing, {counted} counted, {{'the store failed': 2}}"]
    )


def test_an_excuse_that_needs_no_counting_goes_first() -> None:
    there = [one for one in stored(sent()) if one.number != 6]
    excuses = Excuse(0.0, 99.0, "the store failed", counted=True), Excuse(6.0, 6.0, "a power cut", counted=False)
    assert complete(sent(), there, *excuses) == []


def test_what_is_counted_as_lost_is_not_there() -> None:
    assert counted_but_stored("place", sent(), stored(sent())[:-2], 2) == []
    assert counted_but_stored("place", sent(), stored(sent())[:-2], 3) == [
        "counted as lost but stored: place 3 counted, 2 missing"
    ]


# ---- spans ------------------------------------------------------------------------------------------------------


def test_a_hole_in_a_span() -> None:
    there = stored(sent())
    assert holes_in_spans("place", sent(), there) == []
    (found,) = holes_in_spans("place", sent(), [*there[:3], *there[5:]])
    assert found == "a hole in a span: place 2 of track 1 from 3 on, in a"
    assert holes_in_spans("place", sent(), [*there[:3], *stored(sent()[5:], span="b")]) == []


def test_a_hole_where_the_camera_was_disturbed() -> None:
    of = [replace(one, disturbed="outlier") if one.number == 3 else one for one in sent()]
    there = [one for one in stored(of) if one.number != 3]
    assert holes_in_spans("place", of, there) == []
    assert holes_in_spans("place", of, [one for one in there if one.number != 7])


def test_a_segment_that_is_written_after_its_end() -> None:
    span = CheckedSpan("", "", "m4v", 1, "vide", 1, 0, False, True, ["one", "two"], [], "end")
    assert written_after_end([span], {"one": 0, "two": 1, "end": 2, "three": 3}) == []
    assert written_after_end([span], {"one": 0, "end": 1, "two": 2}) == ["written after its end: two after end"]
    assert written_after_end([replace(span, end="")], {"one": 0, "two": 1}) == []


def test_readers_have_the_spans_that_the_media_make() -> None:
    first = {"one": "one", "two": "one", "three": "three"}
    assert taken_otherwise([["one", "two"], ["three"], ["unknown", "more"]], first) == []
    assert taken_otherwise([["one"], ["three", "two"]], first) == ["two"]
    assert taken_otherwise([["two"]], first) == ["two"]


# ---- times ------------------------------------------------------------------------------------------------------


def off(late: float, *, jumps: tuple[float, ...] = (), ahead: tuple[float, ...] = (0.0,)) -> list[str]:
    """What is found where everything is said to be late by so much, for ten samples; patience is two seconds."""
    return times_of_keys(
        "place", sent(), stored(sent(), late=late), TrueTimes(list(jumps), list(ahead), START, 0.0, 2.0), 1.0
    )


@pytest.mark.parametrize(("late", "is_right"), [(0.0, True), (0.9, True), (-0.9, True), (1.2, False), (-60.0, False)])
def test_times(late: float, is_right: bool) -> None:
    found = off(late)
    assert (found == []) == is_right
    assert is_right or found[0].startswith(f"a wrong time: place by {abs(late):.3f} s, ")


def test_around_a_jump_the_time_before_it_is_as_good_as_the_one_after_it() -> None:
    times = TrueTimes([5.0], [0.0, 100.0], START, 0.0, 2.0)
    for time, shown, wrong in (
        (2.5, 2.5, 0.0), (2.5, 102.5, 100.0), (4.0, 4.0, 0.0), (4.0, 104.0, 0.0), (6.0, 6.0, 0.0), (6.0, 106.0, 0.0),
        (7.5, 107.5, 0.0), (7.5, 7.5, 100.0), (6.0, 50.0, 44.0),
    ):  # fmt: skip
        assert times.distance(time, START + int(shown * SECOND)) == pytest.approx(wrong)


def test_a_clock_that_drifts() -> None:
    times = TrueTimes([], [0.0], START, 0.01, 2.0)
    assert times.distance(100.0, START + 101 * SECOND) == pytest.approx(0.0)
    assert times.distance(100.0, START + 100 * SECOND) == pytest.approx(1.0)


def test_after_a_jump_that_nobody_followed_times_are_wrong() -> None:
    assert off(0.0, jumps=(3.0,), ahead=(0.0, 50.0))
    assert off(50.0, jumps=(3.0,), ahead=(0.0, 50.0))


def test_disturbed_samples_may_have_any_time() -> None:
    of = [replace(one, disturbed="clock step") for one in sent()]
    times = TrueTimes([], [0.0], START, 0.0, 2.0)
    assert times_of_keys("place", of, stored(of, late=500.0), times, 1.0) == []


# ---- events and pauses ------------------------------------------------------------------------------------------


class Service:
    """Takes events and modes."""

    def __init__(self) -> None:
        self.device_side = self
        self._runner = SimpleNamespace(clock=lambda: UtcTime(0))
        self.modes: list[str] = []

    def event(self, message: object) -> None:
        self.message = message

    def set_recording_job_mode(self, job: str, mode: str) -> None:
        self.modes.append(str(mode))


def needed(before: float, *, second: float = 60.0, changed: int = -1, behind: float = 0.0) -> set[int]:
    """Of a sample a second, a sync one every ten: numbers that two events of five seconds need, at 30 and another.

    From the number ``changed`` on there is another codec.
    """
    simulation = Simulation(1)
    events, device = EventTimes(simulation, 10.0), SimpleNamespace(service=Service())
    for at in (30.0, second):
        simulation.time = at
        events.happen(device, 5.0, 2.0)  # type: ignore[arg-type]
    given = [Given(n + 0.5, n + 0.4, 1, 1, n, b"", n, 1, n % 10 == 0, None, changed=n == changed) for n in range(90)]
    wanted = events.needed(given, 1, before, lambda _: behind)
    return {one.number for one, need in zip(given, wanted, strict=True) if need}


def test_an_event_needs_what_came_before_and_after_it() -> None:
    assert needed(4.0) == {*range(26, 37), *range(56, 67)}


@pytest.mark.parametrize(("behind", "first"), [(0.0, 26), (1.5, 28), (4.0, 30), (60.0, 30)])
def test_a_before_is_shorter_by_what_the_clock_of_media_is_behind_that_of_events(behind: float, first: int) -> None:
    assert needed(4.0, behind=behind) & {*range(50)} == {*range(first, 37)}


def test_what_was_kept_goes_where_the_codec_changes() -> None:
    assert needed(15.0, changed=50) == {*range(15, 37), *range(50, 67)}


def test_without_before_an_event_needs_what_follows_a_sync_sample() -> None:
    assert needed(0.0) == set()  # five seconds and two of After are over before the camera has to give one


def test_what_comes_behind_an_event_is_needed_where_it_lies_in_the_before_of_another() -> None:
    assert needed(8.0, second=43.0) == {*range(22, 50)}


def test_an_event_ends_where_the_device_is_switched_off() -> None:
    simulation = Simulation(1)
    events = EventTimes(simulation, 10.0)
    device = SimpleNamespace(service=Service())
    simulation.spawn(Process("device"), lambda: events.happen(device, 50.0, 2.0), "event")  # type: ignore[arg-type]
    simulation.sleep(3.0)
    events.cut(3.0)
    given = [Given(n + 0.5, n + 0.4, 1, 1, n, b"", n, 1, True, None) for n in range(9)]
    assert list(events.needed(given, 1, 1.0)) == [True] * 3 + [False] * 6


def test_a_pause_excuses_one_recording_until_a_camera_can_begin_again() -> None:
    simulation, service = Simulation(1), Service()
    pauses = JobPauses(simulation)
    simulation.time = 20.0
    pauses.pause(service, "mine", "job", 5.0)  # type: ignore[arg-type]
    assert service.modes == ["Idle", "Active"]
    assert [(one.start, one.end, one.counted) for one in pauses.excuses("mine", 10.0)] == [(19.0, 35.0, False)]
    assert list(pauses.excuses("another", 10.0)) == []
    assert pauses.was_off("mine", 22.0)
    assert not pauses.was_off("mine", 26.0)
    assert not pauses.was_off("another", 22.0)


# ---- scenarios --------------------------------------------------------------------------------------------------


def troubled(seed: int = 0) -> Scenario:
    """A scenario with much trouble, also of kinds that have times."""
    found = (draw(number) for number in range(seed, seed + 500))
    return next(one for one in found if len(one.kinds) >= 6 and len({each.kind for each in one.incidents}) >= 3)


@pytest.mark.parametrize("kind", KINDS)
def test_leaving_a_kind_out_leaves_the_others_as_they_were(kind: str) -> None:
    whole = next(one for one in (draw(seed) for seed in range(500)) if kind in one.kinds and len(one.kinds) > 3)
    less = whole.without(kind)
    assert less.kinds == whole.kinds - {kind}
    assert less.incidents == tuple(one for one in whole.incidents if one.kind != kind)
    always = tuple(one for one in whole.recordings if one.before is None)
    assert less.recordings == (always if kind == "events" else whole.recordings)
    assert (less.seed, less.seconds, less.cameras) == (whole.seed, whole.seconds, whole.cameras)
    assert f"--without '{kind}'" in less.line
    assert "--without" not in whole.line


def test_cutting_leaves_what_comes_before() -> None:
    whole = troubled()
    half = whole.cut(300.0)
    assert half.incidents == tuple(one for one in whole.incidents if one.time < 300.0)
    assert 0 < len(half.incidents) < len(whole.incidents)
    assert (half.kinds, half.recordings, half.seconds) == (whole.kinds, whole.recordings, 300.0)


def test_a_seed_decides_everything() -> None:
    assert [draw(seed) for seed in range(50)] == [draw(seed) for seed in range(50)]
    assert len({draw(seed).kinds for seed in range(50)}) > 25


def test_trouble_lasts_for_all_of_a_long_run() -> None:
    week = next(one for one in (draw(seed, 604_800.0) for seed in range(500)) if one.kinds == {"power cut"})
    assert 100 < len(week.incidents) <= 200
    assert week.incidents[-1].time > 400_000.0


def test_each_kind_is_drawn() -> None:
    assert {kind for seed in range(300) for kind in draw(seed).kinds} == {*KINDS}
    assert any(not draw(seed).kinds for seed in range(300)), "a world without trouble"


# ---- spans overlap by what a clock was set back, and by no more -------------------------------------------------


def given(*, late: float = 0.0, step: float = 0.0) -> list[Given]:
    """A sample a second: the first ones ``late``, and from the sixth on with stamps that are a ``step`` ahead."""
    return [
        Given(max(n, late), n, 1, 1, n, b"", n + (step if n > 5 else 0.0), 1.0, sync=True, disturbed=None)
        for n in range(10)
    ]


@pytest.mark.parametrize(
    ("late", "step", "ahead", "camera", "most"),
    [
        (0.0, 0.0, [0.0], None, 0.5),
        (4.0, 0.0, [0.0], None, 4.5),
        (0.0, 30.0, [0.0], None, 30.5),
        (0.0, -5.0, [0.0], None, 5.5),
        (0.0, 0.0, [0.0, 7.0], None, 0.5),
        (0.0, 0.0, [0.0, 7.0, -60.0], None, 67.5),
        (0.0, 0.0, [0.0, 7.0], -0.25, 7.75),
        (0.0, 0.0, [0.0, -7.0], 0.25, 7.75),
        (4.0, 0.0, [0.0, 7.0], -0.25, 11.75),
    ],
)
def test_an_overlap_is_no_longer_than_what_a_clock_was_set_back(late, step, ahead, camera, most):
    model = Corrections(given(late=late, step=step), set(), ahead, 0.0, camera)
    there = stored(sent(), span="b")
    start = UtcTime(START)
    assert model.explain(start.plus_microseconds(int(most * SECOND)), start, "b", there)
    assert not model.explain(start.plus_microseconds(int(most * SECOND) + 1), start, "b", there)
    assert not model.explain(start, start, "another span", there)


def test_a_late_document_sets_no_clock_back():
    model = Corrections(given(late=4.0), {1}, [0.0], 0.0, None)
    start = UtcTime(START)
    assert not model.explain(start.plus_microseconds(SECOND), start, "b", stored(sent(), span="b"))


def test_what_an_overlap_is_told_by():
    text = "an earlier span has a sample at 2026-09-21T14:13:47.121000Z, after the beginning of this one at {}"
    found = overlap_of(text.format("2026-09-21T14:13:40.477000Z"))
    assert found is not None
    assert found[0].microseconds_since(found[1]) == 6_644_000
    assert overlap_of("no span here ends with counter 5") is None


def at(second: int) -> UtcTime:
    return UtcTime(START + second * SECOND)


def test_what_spans_have_in_common_by_their_media() -> None:
    """The one that was captured first reaches into the other one; it may be dated later."""
    spans = [("a", 0, range(10, 18)), ("b", 8, range(15, 22)), ("c", 15, range(9, 30))]
    there = [
        Stored(span, "cam1", 1, first + number, b"", START + second * SECOND, span)
        for span, first, seconds in spans
        for number, second in enumerate(seconds)
    ]
    there += [Stored("d", "cam1", 2, n, b"", START + n * SECOND, "d") for n in range(40)]  # another track
    assert list(overlaps_of(there, "c")) == []
    assert list(overlaps_of(there, "a")) == [(at(17), at(9), "c")]
    assert list(overlaps_of(there, "b")) == [(at(17), at(15), "b"), (at(21), at(9), "c")]


def test_a_clock_is_absurd_from_a_day_on() -> None:
    simulation = Simulation(1)
    wall = WallClock(simulation)
    for by, absurd in ((3_600.0, False), (86_400.0, True)):
        wall.jump(by)
        while wall._pending:
            wall(simulation.time)
        assert wall.is_absurd is absurd


def test_what_begins_late_may_be_dated_late_until_it_comes_in_time() -> None:
    """Sound in time, and pictures of which the first three come seven seconds late, or together then."""
    pictures = [Given(max(n, 7.0), float(n), 1, 1, n, b"", n, 1, True, None) for n in range(20)]
    sound = [Given(float(n), float(n), 1, 2, n, b"", n, 1, True, None) for n in range(20)]
    both = sorted([*pictures, *sound], key=lambda one: one.at)
    assert late_begins(both, set(), 5.0) == [(0.0, 12.0, 7.0)]
    assert late_begins(both, {1}, 5.0) == []
    assert late_begins(sound, set(), 5.0) == []


@pytest.mark.parametrize(("off", "found"), [(0.5, False), (4.0, False), (7.9, False), (8.1, True), (-1.1, True)])
def test_a_time_is_wrong_by_more_than_what_began_late(off: float, found: bool) -> None:
    true_times = TrueTimes([], [0.0], START, 0.0, 2.0)
    there = [replace(one, shown=one.shown + int(off * SECOND)) for one in stored(sent())]
    assert bool(times_of_keys("place", sent(), there, true_times, 1.0, [(0.0, 9.0, 7.0)])) is found
    assert bool(times_of_keys("place", sent(), there, true_times, 1.0, [(20.0, 29.0, 7.0)])) is (abs(off) > 1)


def test_what_waited_while_all_that_followed_was_lost_may_be_dated_by_a_clock_that_was_set() -> None:
    there = [one for one in stored(sent()) if one.number not in range(4, 8)]
    assert [one.number for one in before_losses(sent(), there, 4.5) if one.disturbed] == [3, 9]
    assert [one.number for one in before_losses(sent(), there, 5.5) if one.disturbed] == [9]
    assert before_losses(sent(), stored(sent())[:0], 1.0) == sent()
