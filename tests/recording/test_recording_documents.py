"""Documents that wait for the next one, where the spans that they belong to end meanwhile."""

import pytest
from recording_kit import FORMATS, META, NEW_VIDEO, START, VIDEO, metadata, mixed, target, video
from support_recorded import check_recording

from onvif_bmff.recording.recorder import Recorder

CUT = 28
"""Seconds at which new spans open, while the first documents, at 6.5 and 20.2 s, wait for the third."""


def _change_codec(recorder):
    recorder.replace_track(NEW_VIDEO)


def _change_target(recorder):
    recorder.reconfigure(target(recorder.target.format, prefix="other"))


def _set_clock(recorder):
    recorder.set_clock(START.plus_microseconds(3_600_000_000 + CUT * 1_000_000), CUT)


CAUSES = {"codec": _change_codec, "target": _change_target, "clock": _set_clock, "span duration": lambda recorder: None}


@pytest.mark.parametrize("chosen", FORMATS, ids=str)
@pytest.mark.parametrize("cause", CAUSES)
def test_first_documents_that_wait_are_stored_in_the_span_they_belong_to(cause, chosen):
    span = CUT if cause == "span duration" else None
    recorder = Recorder([VIDEO, META], target(chosen, span=span))
    recorder.activate(START)
    documents = metadata(6.5, 20.2, 38, 39)
    events = []
    for sample in mixed(video(40), documents):
        if sample.data == video(40)[CUT * 25].data:
            CAUSES[cause](recorder)
        events.extend(recorder.push(sample))
    events.extend(recorder.deactivate())
    assert not recorder.dropped
    spans = [span for span in check_recording(events) if span.samples(META.track_id)]
    assert [[one.data for one in span.samples(META.track_id)] for span in spans] == [
        [one.data for one in documents[:2]],
        [one.data for one in documents[2:]],
    ]
