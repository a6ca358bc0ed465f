"""Recording around events: 4.1.2 and 5.3.4, with the expressions of ONVIF Core 9.4.4 and 9.6.3."""

from dataclasses import replace
from datetime import timedelta

import pytest
from control_kit import Clock, job, profile, recording, service, states, topics
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onvif_bmff.control import (
    BadConfiguration,
    Capabilities,
    EventFilterEntry,
    EventMessage,
    PropertyOperation,
    RecordingEventFilter,
    ServiceLimits,
)
from onvif_bmff.control.event_filter import EventGate, check_event_filter, matches
from onvif_bmff.timing import UtcTime

MOTION = "tns1:RuleEngine/CellMotionDetector/Motion"
BELL = "tns1:Device/Trigger/Bell"
SECOND = timedelta(seconds=1)


def event_filter(topic=MOTION, source=None, before=None, after=None):
    return RecordingEventFilter((EventFilterEntry(topic, source),), before, after)


def device(*filters, clock=None, **kwargs):
    made = service(clock=clock or Clock(), **kwargs)
    token = made.create_recording(recording())
    found = [
        made.create_recording_job(job(token, profile("VIDEO001"), priority=9 - n, event_filter=one)).job_token
        for n, one in enumerate(filters)
    ]
    return made, token, *found


def motion(clock, on, operation=PropertyOperation.CHANGED, rule="R1"):
    return EventMessage(MOTION, clock.now, {"Rule": rule}, {"IsMotion": "true" if on else "false"}, operation)


@pytest.mark.requirement("REC-4.1.2-06", "REC-4.1.2-07", "REC-5.3.4-01", "REC-5.3.3-13", "REC-5.3.4-05")
def test_a_property_event_records_while_it_is_true_and_after():
    clock = Clock()
    made, _, guard, always = device(event_filter(after=10 * SECOND), None, clock=clock)
    assert states(made, guard, always) == ["Idle", "Active"]
    made.device_side.event(motion(clock, True))
    assert states(made, guard, always) == ["Active", "Idle"]
    clock.forward(hours=2)
    assert states(made, guard, always) == ["Active", "Idle"]
    made.device_side.event(motion(clock, False))
    clock.forward(seconds=9)
    assert states(made, guard, always) == ["Active", "Idle"]
    made.take_notifications()
    assert made.next_deadline() == clock.now + SECOND
    clock.forward(seconds=1)
    assert states(made, guard, always) == ["Idle", "Active"]
    told = made.take_notifications()
    assert topics(told) == ["JobState:Changed"] * 2
    assert made.next_deadline() is None


@pytest.mark.requirement("REC-5.3.4-04", "REC-5.3.4-08")
def test_before_reaches_back_from_the_event_and_is_announced_for_buffering():
    clock = Clock()
    made, token, guard = device(event_filter(before=5 * SECOND), clock=clock)
    (waiting,) = made.device_side.standby()
    assert (waiting.job, waiting.recording, waiting.track) == (guard, token, "VIDEO001")
    assert (waiting.source.token, waiting.before) == ("prof1", 5 * SECOND)
    happened = clock.now
    clock.forward(milliseconds=200)
    made.device_side.event(EventMessage(MOTION, happened, {}, {"IsMotion": "true"}, PropertyOperation.CHANGED))
    assert made.device_side.assignments()[token, "VIDEO001"].since == happened - 5 * SECOND
    assert made.device_side.standby() == ()
    made.set_recording_job_mode(guard, "Idle")
    assert made.device_side.standby() == ()


@pytest.mark.requirement("ANX-B.9-06")
def test_the_engine_is_told_which_event_opened_the_window():
    clock = Clock()
    made, token, guard = device(event_filter(f"{MOTION}|{BELL}", after=2 * SECOND), clock=clock)

    def topic():
        feed = made.device_side.assignments()[token, "VIDEO001"]
        return feed and feed.event_topic

    assert topic() is None
    made.device_side.event(EventMessage(BELL, clock.now))
    made.device_side.event(motion(clock, True))
    assert topic() == BELL, "the first one of the window"
    made.device_side.event(motion(clock, False))
    clock.forward(minutes=1)
    assert topic() is None
    made.device_side.event(motion(clock, True))
    assert topic() == MOTION
    made.set_recording_job_mode(guard, "Idle")
    made.set_recording_job_mode(guard, "Active")
    assert topic() == MOTION
    later = made.create_recording_job(job(token, priority=99, event_filter=event_filter(MOTION))).job_token
    assert made.device_side.assignments()[token, "VIDEO001"].job == later
    assert topic() == MOTION, "a condition that held already"


def test_an_event_without_duration_lasts_long_enough_for_an_i_frame():
    clock = Clock()
    made, token, guard = device(event_filter(BELL), clock=clock, limits=ServiceLimits(instant_event=4 * SECOND))
    made.device_side.event(EventMessage(BELL, clock.now))
    assert made.device_side.assignments()[token, "VIDEO001"].since == clock.now
    clock.forward(seconds=3.9)
    assert states(made, guard) == ["Active"]
    clock.forward(seconds=0.1)
    assert states(made, guard) == ["Idle"]


def test_a_short_property_event_lasts_as_long_as_one_without_duration():
    clock = Clock()
    made, _, guard = device(event_filter(), clock=clock)
    made.device_side.event(motion(clock, True))
    made.device_side.event(motion(clock, False))
    assert states(made, guard) == ["Active"]
    clock.forward(seconds=5)
    assert states(made, guard) == ["Idle"]


@pytest.mark.requirement("REC-4.1.1-04")
def test_many_alarms_are_one_recording():
    clock = Clock()
    made, token, guard = device(event_filter(BELL), clock=clock)
    for _ in range(5):
        made.device_side.event(EventMessage(BELL, clock.now))
        assert made.device_side.assignments()[token, "VIDEO001"].job == guard
        clock.forward(hours=1)
        made.advance()
        assert made.device_side.assignments()[token, "VIDEO001"] is None
    assert [item.recording_token for item in made.get_recordings()] == [token]


def test_overlapping_windows_are_one():
    clock = Clock()
    made, token, guard = device(event_filter(f"{MOTION}|{BELL}", after=10 * SECOND), clock=clock)
    made.device_side.event(motion(clock, True, rule="R1"))
    began = made.device_side.assignments()[token, "VIDEO001"].since
    clock.forward(seconds=1)
    made.device_side.event(motion(clock, True, rule="R2"))
    made.device_side.event(motion(clock, False, rule="R1"))
    clock.forward(seconds=60)
    assert states(made, guard) == ["Active"]
    made.device_side.event(motion(clock, False, rule="R2"))
    clock.forward(seconds=9)
    made.device_side.event(EventMessage(BELL, clock.now))
    clock.forward(seconds=9)
    assert made.device_side.assignments()[token, "VIDEO001"].since == began
    clock.forward(seconds=1)
    assert states(made, guard) == ["Idle"]


def test_a_deleted_property_ends_its_condition():
    clock = Clock()
    made, _, guard = device(event_filter(), clock=clock)
    made.device_side.event(motion(clock, True, PropertyOperation.INITIALIZED))
    clock.forward(minutes=1)
    made.device_side.event(EventMessage(MOTION, clock.now, {"Rule": "R1"}, {}, PropertyOperation.DELETED))
    assert states(made, guard) == ["Idle"]


def test_a_condition_that_holds_already_counts_for_a_new_job():
    clock = Clock()
    made, token = device(clock=clock)
    made.device_side.event(motion(clock, True))
    guard = made.create_recording_job(job(token, event_filter=event_filter()))
    assert states(made, guard.job_token) == ["Active"]
    made.device_side.event(motion(clock, False))
    assert states(made, guard.job_token) == ["Idle"]
    changed = job(token, event_filter=event_filter(BELL))
    made.set_recording_job_configuration(guard.job_token, changed)
    made.device_side.event(motion(clock, True))
    assert states(made, guard.job_token) == ["Idle"]


def test_a_set_that_keeps_the_filter_keeps_the_window():
    clock = Clock()
    made, _, guard = device(event_filter(BELL), clock=clock)
    made.device_side.event(EventMessage(BELL, clock.now))
    kept = made.get_recording_job_configuration(guard)
    assert made.set_recording_job_configuration(guard, replace(kept, priority=3)).priority == 3
    assert states(made, guard) == ["Active"]
    made.set_recording_job_configuration(guard, replace(kept, event_filter=event_filter(MOTION)))
    assert states(made, guard) == ["Idle"]


def test_a_flood_of_conditions_costs_no_more_than_its_limit():
    clock = Clock()
    made, _, guard = device(event_filter(), clock=clock, limits=ServiceLimits(conditions=3))
    for number in range(10):
        made.device_side.event(motion(clock, True, rule=f"R{number}"))
    assert len(made._runner.volatile.conditions) == len(made._runner.volatile.gates[guard].conditions) == 3
    for number in range(10):
        made.device_side.event(motion(clock, False, rule=f"R{number}"))
    clock.forward(seconds=5)
    assert states(made, guard) == ["Idle"]


def test_times_of_events_that_lie_in_the_future_count_as_now():
    clock = Clock()
    made, _, guard = device(event_filter(BELL), clock=clock)
    made.device_side.event(EventMessage(BELL, clock.now + timedelta(days=300)))
    clock.forward(seconds=5)
    assert states(made, guard) == ["Idle"]


@pytest.mark.parametrize("off", [timedelta(seconds=-6), timedelta(hours=-1), timedelta(days=300)])
def test_events_whose_stamps_cannot_be_right_are_placed_by_receipt_and_counted(off):
    clock = Clock()
    made, token, guard = device(event_filter(BELL, before=5 * SECOND), clock=clock)
    made.device_side.event(EventMessage(BELL, clock.now + off))
    assert made.device_side.assignments()[token, "VIDEO001"].since == clock.now - 5 * SECOND
    assert made.events_at_receipt == 1
    clock.forward(seconds=4.9)
    assert states(made, guard) == ["Active"]
    clock.forward(seconds=0.1)
    assert states(made, guard) == ["Idle"]


def test_events_that_came_a_little_late_are_placed_by_their_stamps():
    clock = Clock()
    made, token, _ = device(event_filter(BELL), clock=clock, limits=ServiceLimits(event_skew=3 * SECOND))
    made.device_side.event(EventMessage(BELL, clock.now - 2 * SECOND))
    assert made.device_side.assignments()[token, "VIDEO001"].since == clock.now - 2 * SECOND
    assert made.events_at_receipt == 0
    made.device_side.event(EventMessage(BELL, clock.now - 4 * SECOND))
    assert made.events_at_receipt == 1


@pytest.mark.requirement("REC-5.3.4-14")
def test_filter_and_schedule_must_both_hold():
    clock = Clock()
    made = service(clock=clock)
    token = made.create_recording(recording())
    guard = made.create_recording_job(
        job(token, schedule_token="night", event_filter=event_filter(before=SECOND))
    ).job_token
    seen = []
    for schedule, on in ((False, False), (False, True), (True, False), (True, True)):
        made.device_side.schedule_changed("night", schedule)
        made.device_side.event(motion(clock, on))
        clock.forward(minutes=1)
        seen.append((*states(made, guard), len(made.device_side.standby())))
    assert seen == [("Idle", 0), ("Idle", 0), ("Idle", 3), ("Active", 0)]


@pytest.mark.requirement("REC-5.3.4-08", "REC-5.3.4-09")
def test_before_and_after_are_kept_as_given_up_to_the_limits():
    limits = Capabilities(before_event_limit=10 * SECOND, after_event_limit=None)
    made = service(capabilities=limits)
    token = made.create_recording(recording())
    exact = timedelta(seconds=9, microseconds=999_999)
    for before in (None, timedelta(0), exact, 10 * SECOND):
        answer = made.create_recording_job(job(token, event_filter=event_filter(before=before)))
        assert answer.job_configuration.event_filter.before == before
    for wrong in ({"before": 10 * SECOND + timedelta(microseconds=1)}, {"after": SECOND}):
        with pytest.raises(BadConfiguration):
            made.create_recording_job(job(token, event_filter=event_filter(**wrong)))


# ---- what cameras send ---------------------------------------------------------------------------------


@pytest.mark.requirement("REC-5.3.4-01", "REC-5.3.4-05")
@pytest.mark.parametrize(
    ("on", "off"),
    [
        ("true", "false"),
        ("1", "0"),
        ("TRUE", "FALSE"),
        ("True", "False"),
        (" 1\n", "\t0 "),
        ("1", "false"),
        ("TRUE", "0"),
    ],
)
def test_all_forms_of_a_boolean_open_and_close_the_gate(on, off):
    clock = Clock()
    made, _, guard = device(event_filter(after=3 * SECOND), clock=clock)

    def send(value):
        made.device_side.event(
            EventMessage(MOTION, clock.now, {"Rule": "R1"}, {"IsMotion": value}, PropertyOperation.CHANGED)
        )

    send(off)
    assert states(made, guard) == ["Idle"], "an end without a beginning opens nothing"
    send(on)
    clock.forward(minutes=10)
    assert states(made, guard) == ["Active"], "for as long as it lasts"
    send(on)
    clock.forward(minutes=10)
    send(off)
    clock.forward(seconds=2.9)
    assert states(made, guard) == ["Active"]
    clock.forward(seconds=0.1)
    assert states(made, guard) == ["Idle"]


def test_a_counter_that_reads_like_a_boolean_does_not_hold_the_gate_for_ever():
    """Nothing says that the item is no boolean, until it stands at 2."""
    clock = Clock()
    made, _, guard = device(event_filter(), clock=clock, limits=ServiceLimits(instant_event=4 * SECOND))
    for count in ("0", "1", "2", "3"):
        made.device_side.event(
            EventMessage(MOTION, clock.now, {"Rule": "R1"}, {"Count": count}, PropertyOperation.CHANGED)
        )
        clock.forward(seconds=1)
    assert made._runner.volatile.conditions == {}
    assert states(made, guard) == ["Active"]
    clock.forward(seconds=3)
    assert states(made, guard) == ["Idle"]


def test_an_event_beside_a_property_does_not_end_its_condition():
    clock = Clock()
    made, token, guard = device(event_filter(), clock=clock)
    made.device_side.event(motion(clock, True))
    made.device_side.event(EventMessage(MOTION, clock.now, {"Rule": "R1"}, {"Count": "2"}))
    clock.forward(hours=1)
    assert states(made, guard) == ["Active"]
    later = made.create_recording_job(job(token, priority=99, event_filter=event_filter())).job_token
    assert states(made, later) == ["Active"], "who comes later finds the condition too"


def test_a_counter_of_a_declared_type_is_an_event_without_duration_each_time():
    clock = Clock()
    made, _, guard = device(event_filter(), clock=clock)
    data, types = {"Count": "1"}, {"Count": "xs:int"}
    made.device_side.event(EventMessage(MOTION, clock.now, {"Rule": "R1"}, data, PropertyOperation.CHANGED, types))
    assert states(made, guard) == ["Active"]
    clock.forward(seconds=5)
    assert states(made, guard) == ["Idle"]


@pytest.mark.parametrize("sent", [MOTION, f"\n  {MOTION}\n ", f"{MOTION}//.", f" {MOTION}//.\t"])
def test_topics_as_they_are_sent(sent):
    clock = Clock()
    made, token, guard = device(event_filter(MOTION), clock=clock)
    made.device_side.event(EventMessage(sent, clock.now, {"Rule": "R1"}, {"IsMotion": "1"}, PropertyOperation.CHANGED))
    assert states(made, guard) == ["Active"]
    assert made.device_side.assignments()[token, "VIDEO001"].event_topic == MOTION
    made.device_side.event(motion(clock, False))
    clock.forward(seconds=5)
    assert states(made, guard) == ["Idle"], "it is the same property, however its topic is written"


# ---- a clock that is set -------------------------------------------------------------------------------


def test_a_gate_moves_with_the_clock():
    start = UtcTime.parse("2026-01-02T03:04:05Z")
    gate = EventGate(frozenset({("t", ())}), start + 9 * SECOND, start, "tns1:A")
    for by in (7 * SECOND, -3600 * SECOND):
        moved = gate.shifted(by)
        assert moved.opened == start + by
        assert moved.open_until == start + by + 9 * SECOND
        assert (moved.conditions, moved.topic) == (gate.conditions, gate.topic)
    assert EventGate().shifted(SECOND) == EventGate()
    assert EventGate(open_until=start).shifted(SECOND) == EventGate(open_until=start + SECOND)
    assert EventGate(opened=start).shifted(SECOND) == EventGate(opened=start + SECOND)


@pytest.mark.parametrize("by", [-3600, -1, 1, 3600])
def test_setting_the_clock_neither_lengthens_nor_shortens_a_window(by):
    clock = Clock()
    made, token, guard = device(event_filter(BELL, before=2 * SECOND, after=10 * SECOND), clock=clock)
    made.device_side.event(EventMessage(BELL, clock.now))
    clock.forward(seconds=4)
    made.device_side.clock_changes(by * SECOND, lambda: clock.forward(seconds=by))
    feed = made.device_side.assignments()[token, "VIDEO001"]
    assert feed.since == clock.now - 6 * SECOND, "four seconds ago, and two before"
    clock.forward(seconds=5.9)
    assert states(made, guard) == ["Active"]
    clock.forward(seconds=0.1)
    assert states(made, guard) == ["Idle"]


# ---- expressions ---------------------------------------------------------------------------------------


@pytest.mark.requirement("REC-5.3.4-02", "REC-5.3.4-06")
@pytest.mark.parametrize(
    ("expression", "topic", "expected"),
    [
        (MOTION, MOTION, True),
        (MOTION, MOTION + "/Deep", False),
        ("tns1:RuleEngine//.", MOTION, True),
        ("tns1:RuleEngine//.", "tns1:RuleEngine", True),
        ("tns1:RuleEngine//.", "tns1:RuleEngineX/Y", False),
        ("tns1:RuleEngine", MOTION, False),
        ("tns1:A | tns1:RuleEngine/CellMotionDetector//.", MOTION, True),
        ("tns1:A|tns1:B", MOTION, False),
        ("acme:RuleEngine//.", MOTION, False),
        ("tns1:RuleEngine/acme:Own", "tns1:RuleEngine/acme:Own", True),
    ],
)
def test_topic_expressions(expression, topic, expected):
    message = EventMessage(topic, UtcTime(0))
    assert matches(event_filter(expression), message) is expected


ITEM = '//tt:SimpleItem[@Name="Rule" and @Value="R1"]'


@pytest.mark.requirement("REC-5.3.4-03", "REC-5.3.4-06", "REC-5.3.4-07")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"boolean({ITEM})", True),
        (f"boolean({ITEM.replace('tt:', '')})", True),
        (f"boolean({ITEM.replace('R1', 'R2')})", False),
        (f"not(boolean({ITEM}))", False),
        (f"boolean({ITEM}) and boolean(//tt:SimpleItem[@Name='Video'])", True),
        (f"boolean({ITEM}) and not (boolean(//tt:SimpleItem[@Value='V1']))", False),
        ("boolean(//tt:SimpleItem[@Name='Rule' and (@Value='R2' or @Value='R1')])", True),
        ("boolean(//tt:SimpleItem[@Name='Rule' and not(@Value='R2')])", True),
        ("boolean(//tt:SimpleItem[@Name='Rule' and @Value='V1'])", False),
        ("(boolean(//tt:SimpleItem[@Name='No']) or boolean(//tt:SimpleItem[@Value='V1']))", True),
        (f"boolean({ITEM}) or boolean({ITEM}) and boolean(//tt:SimpleItem[@Name='No'])", True),
        ("boolean(//tt:SimpleItem[@Name='IsMotion'])", False),
    ],
)  # fmt: skip
def test_source_content_expressions(expression, expected):
    message = EventMessage(MOTION, UtcTime(0), {"Rule": "R1", "Video": "V1"}, {"IsMotion": "true"})
    assert matches(event_filter(source=expression), message) is expected


@settings(max_examples=100, deadline=None)
@given(st.text('boolean()//tt:SimpleItem[@Name="x"] andornot|\'', max_size=80))
@example("(" * 4000)
@example("not(" * 1000)
@example(" " * 5000)
@example("boolean(//tt:SimpleItem[" + "(" * 40 + "@Name='a'" + ")" * 40 + "])")
def test_no_expression_does_more_than_be_refused(expression):
    wanted = (EventFilterEntry(MOTION, expression), EventFilterEntry(expression))
    for entry in wanted:
        try:
            check_event_filter(RecordingEventFilter((entry,)))
        except BadConfiguration:
            continue
        matches(RecordingEventFilter((entry,)), EventMessage(MOTION, UtcTime(0), {"Name": "x"}))
