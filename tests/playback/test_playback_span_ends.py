"""Which span an end object ends, where spans follow each other at once. ONVIF 25.12, B.2, B.4, B.5."""

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onvif_bmff.objects import ObjectKey, SpanEndObject
from onvif_bmff.playback import SpanState, Timeline
from onvif_bmff.storage import MemoryStore
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

START = UtcTime.parse("2022-11-08T15:08:23.547Z")


def key(milliseconds, counter, *, end=False):
    return ObjectKey("", START.plus_microseconds(milliseconds * 1000), "", counter, "mp4", end)


def span(start, *lengths, beyond=0, closed=True):
    """Segments of these lengths in milliseconds, and an end ``beyond`` the last one."""
    at, keys = start, []
    for counter, length in enumerate(lengths):
        keys.append(key(at, counter))
        at += length
    return [*keys, key(at + beyond, len(lengths), end=True)] if closed else keys


def ends_of(*spans):
    """For each span that is found, when it ends, in milliseconds; None if that is not known."""
    timeline = Timeline.from_keys([one for keys in spans for one in keys])
    found = [None if one.end is None else one.end.microseconds_since(START) // 1000 for one in timeline.spans]
    assert [len(one.segments) for one in timeline.spans] == [sum(not k.span_end for k in keys) for keys in spans]
    return found


@pytest.mark.requirement("ANX-B.5-03", "ANX-B.5-04")
@pytest.mark.parametrize("beyond", [0, 1, 20, 493, 1_200, 2_900])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("later", [1, 2, 3, 7])
def test_an_end_behind_the_first_keys_of_the_next_span(beyond, count, later):
    """A document, or a packet of sound, lasts longer than the cut; both spans may have as many segments then."""
    step = 3_000 if count == later or beyond > 400 else 400
    old = span(0, *[step] * count, beyond=beyond)
    new = span(step * count, *[step] * later, beyond=beyond)
    assert ends_of(old, new) == [step * count + beyond, step * (count + later) + beyond]


def test_as_many_segments_and_the_newer_span_goes_on():
    old, new = span(0, 400, 400, beyond=493), span(800, *[400] * 6)
    assert ends_of(old, new) == [1_293, 3_200]
    assert ends_of(old, new[:-1]) == [1_293, None]


@pytest.mark.requirement("ANX-B.4-11")
@pytest.mark.parametrize("last", [15_360, 57_000, 3_600_000])
@pytest.mark.parametrize("beyond", [0, 7, 240])
def test_the_last_segment_of_the_older_one_lasted_far_longer_than_the_first(beyond, last):
    """Nothing of the newer one is lost: it cannot have ended so soon."""
    old = span(0, 925, last, beyond=beyond)
    assert ends_of(old, span(925 + last, 21_000)) == [925 + last + beyond, 925 + last + 21_000]


def test_the_end_of_the_older_one_is_lost():
    """Then the only end is that of the span whose time it continues."""
    assert ends_of(span(0, 10_000, closed=False), span(10_000, 10_000)) == [None, 20_000]
    assert ends_of(span(0, *[10_000] * 3, closed=False), span(30_000, *[10_000] * 3)) == [None, 60_000]


def test_a_packet_of_sound_is_no_span():
    """Nothing but the time tells: one that has just begun has not ended."""
    assert ends_of(span(0, 10_000, beyond=21), span(10_000, 5_000, closed=False)) == [10_021, None]


@pytest.mark.requirement("ANX-B.4-11")
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("overlap", [1, 2])
def test_segments_of_one_time_are_of_two_spans(count, overlap):
    """Before an event the pictures are recorded that an earlier span has, often from one of its segments on."""
    old = span(0, *[2_000] * (count + overlap))
    new = span(2_000 * count, *[2_000] * (overlap + 3))
    assert ends_of(old, new) == [2_000 * (count + overlap), 2_000 * (count + overlap + 3)]


def test_segments_of_one_second_may_be_of_one_span_where_keys_have_no_milliseconds():
    second = START.plus_microseconds(-547_000)
    keys = [key(-9_547, 0), *(ObjectKey("", second, "", counter, "mp4", digits=0) for counter in (0, 1, 2))]
    assert [len(one.segments) for one in Timeline.from_keys(keys).spans] == [1, 3]


@pytest.mark.parametrize("count", [1, 4])
def test_where_nothing_tells_it_is_ambiguous(count):
    """A crash and a short event, or an event and a long document: both would give these keys."""
    keys = [*span(0, *[400] * count, closed=False), *span(400 * count, *[400] * count)]
    timeline = Timeline.from_keys(keys)
    assert [one.state for one in timeline.spans] == [SpanState.AMBIGUOUS] * 2
    assert [one.end for one in timeline.spans] == [None, None]
    assert (timeline.ambiguous_ends, timeline.orphan_ends) == (1, 0)
    assert str(SpanState.AMBIGUOUS.value) == "ambiguous"
    more = Timeline.from_keys([*keys, key(800 * count + 300, count)])
    assert [one.state.name for one in more.spans] == ["CLOSED", "OPEN"]
    assert more.ambiguous_ends == 0


def test_the_validator_says_so():
    store = MemoryStore()
    for one in [*span(0, 400, closed=False), *span(400, 400)]:
        if one.span_end:
            store.put(SpanEndObject(one))
        else:
            store.open_writer(str(one), content_type="video/mp4").seal({})
    found = [one for one in validate_store(store, deep=False) if one.rule.startswith("ANX-B.5")]
    assert [one.rule for one in found] == ["ANX-B.5-01"] * 2
    assert all("ambiguous" in one.message for one in found)


@given(
    st.lists(
        st.tuples(st.integers(1, 5), st.integers(300, 4_000), st.integers(0, 299), st.sampled_from((0, 0, 0, 5_000))),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
@example([(1, 300, 251, 0), (1, 300, 251, 0), (2, 300, 0, 0)], Random(1))
@example([(1, 300, 251, 0), (1, 300, 251, 0), (1, 2702, 299, 0)], Random(1))
@settings(max_examples=150, deadline=None)
def test_every_end_is_that_of_its_span(plan, chance):
    """However many segments they have: ends that reach beyond the cut by less than a segment."""
    at, spans = 0, []
    for count, step, beyond, pause in plan:
        spans.append(span(at, *[step] * count, beyond=beyond))
        at += count * step + pause
    keys = [one for keys in spans for one in keys]
    chance.shuffle(keys)
    timeline = Timeline.from_keys(keys)
    assert [one.end_name for one in timeline.spans] == [str(keys[-1]) for keys in spans]
    assert timeline.ambiguous_ends == timeline.orphan_ends == 0


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 3), st.booleans()), max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_ends_are_counted_once(rows):
    keys = {str(key(at * 10, counter, end=end)) for at, counter, end in rows}
    timeline = Timeline.from_keys(sorted(keys))
    named = [one.end_name for one in timeline.spans if one.end_name is not None]
    assert len(named) == len(set(named))
    ends = sum(name.endswith("_end") for name in keys)
    assert len(named) + timeline.orphan_ends + timeline.ambiguous_ends == ends
    for one in timeline.spans:
        assert one.end is None or one.end >= one.last_start
