"""The states of a span: the table that runs, what docs/time.md draws of it, and what a writer does."""

import re
from pathlib import Path

import pytest
from recording_kit import START, VIDEO, target, video

from onvif_bmff.errors import StateError
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.boundaries import since_open
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.progress import ClockTie
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.span_parts import SPAN_STEPS, SpanStep, SpanWriterState

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "time.md"


def writer():
    opener = SpanOpener(target(segment=1), SegmentLabels(), FragmentLimits(), since_open)
    spans = opener.open([VIDEO], VIDEO.timescale, ClockTie(MediaClock(START, 0, VIDEO.timescale)), None, START)
    return spans.writers[VIDEO.track_id]


def test_the_document_draws_the_table_that_runs():
    lines = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1].splitlines()
    drawn = {tuple(re.fullmatch(r" *(\S+) --> (\S+): (\S+)", line).groups()) for line in lines if ": " in line}
    table = {
        (before.name, after.name, step.name) for before, steps in SPAN_STEPS.items() for step, after in steps.items()
    }
    assert drawn == table
    assert [line.strip() for line in lines if ": " not in line] == ["[*] --> WAITING", "CLOSED --> [*]"]


def test_every_state_and_step_is_in_the_table():
    assert set(SPAN_STEPS) == set(SpanWriterState)
    assert {step for steps in SPAN_STEPS.values() for step in steps} == set(SpanStep)


def test_a_writer_goes_through_the_states():
    span = writer()
    assert span.state is SpanWriterState.WAITING
    seen = []
    for sample in video(3):
        span.push(sample)
        if not seen or span.state is not seen[-1]:
            seen.append(span.state)
    span.close()
    # GOPs of a second: each sync sample writes the fragment of the segment that it ends, and opens the next one
    assert seen == [SpanWriterState.COLLECTING]
    assert span.state is SpanWriterState.CLOSED
    with pytest.raises(StateError):
        span.push(video(1)[0])


def test_a_segment_of_several_fragments_is_open_once_it_has_its_key():
    span = writer()
    states = [(span.push(sample), span.state)[1] for sample in video(0.96, gop=5)]
    change = states.index(SpanWriterState.OPEN)
    assert set(states[:change]) == {SpanWriterState.COLLECTING}
    assert set(states[change:]) == {SpanWriterState.OPEN}
    assert [type(event).__name__ for event in span.close()][-2:] == ["SegmentSealed", "SpanEnded"]
