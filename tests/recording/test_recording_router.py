"""The router by itself: samples whose times are final, and what calls for a cut."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from recording_kit import AUDIO, PACKET, START, VIDEO, audio, mixed, target, video

from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.media import Sample
from onvif_bmff.objects.events import SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.recording.boundaries import since_open
from onvif_bmff.recording.cuts import CutCause
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.progress import UtcAnchor
from onvif_bmff.recording.router import SampleRouter
from onvif_bmff.recording.segment import FragmentLimits
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.track_state import make_track_states

TIMESCALE = 720_000


def make(chosen=CMAF, tracks=(VIDEO, AUDIO), **more):
    opener = SpanOpener(target(chosen, **more), SegmentLabels(), FragmentLimits(), since_open)
    states = make_track_states(tracks, TIMESCALE, Fraction(10), None)
    dropped = Counter()
    anchor = UtcAnchor(START)
    return SampleRouter(states, opener, anchor, timescale=TIMESCALE, max_gap=Fraction(10), dropped=dropped)


def routed(router, samples):
    return [event for one in samples for event in router.route(router.states[one.track_id], one)]


def kinds(events, *wanted):
    return [type(event) for event in events if isinstance(event, wanted)]


@pytest.mark.parametrize(("chosen", "spans"), [(CMAF, 2), (MP4, 1)])
def test_it_opens_and_closes_the_spans_of_the_format(chosen, spans):
    router = make(chosen)
    events = [*routed(router, mixed(video(4), audio(4))), *router.close()]
    assert kinds(events, SegmentOpened, SegmentSealed, SpanEnded).count(SpanEnded) == spans
    assert sum(event.sample_count for event in events if hasattr(event, "sample_count")) == 100 + len(audio(4))
    assert not router.dropped
    assert router.spans.failure is None


def test_a_cut_closes_all_spans_at_the_next_sync_sample():
    router = make(tracks=(VIDEO,))
    pictures = video(3)
    before = routed(router, pictures[:30])
    router.cut(CutCause.TARGET_CHANGED)
    assert kinds(before, SpanEnded) == []
    assert kinds(routed(router, pictures[30:50]), SpanEnded) == []
    assert kinds(routed(router, pictures[50:51]), SegmentSealed, SpanEnded) == [SegmentSealed, SpanEnded]


@pytest.mark.parametrize("chosen", [CMAF, MP4])
def test_checks_are_skipped_until_something_may_close(chosen):
    router = make(chosen)
    routed(router, mixed(video(4), audio(4)))
    state = router.states[AUDIO.track_id]
    later = Sample(AUDIO.track_id, audio(4)[-1].decode_time + PACKET, PACKET, b"a")
    assert state.next_check > later.decode_time
    router.recheck()
    assert state.next_check < 0
    before = state.next_check
    routed(router, [later, replace(later, decode_time=later.decode_time + PACKET)])
    if chosen is CMAF:  # in MP4 a sample waits for the pictures of its time
        assert state.next_check > before


def test_what_cannot_be_decoded_is_left_out_and_counted():
    router = make(tracks=(VIDEO,))
    assert routed(router, video(1)[1:]) == []
    assert router.dropped == {DropReason.BEFORE_FIRST_SYNC: 24}
    assert router.now is None
    routed(router, video(1, start=1))
    assert router.now == START.plus_ticks(24, 25)


def test_an_error_of_a_key_source_is_kept_for_who_takes_it():
    class NoKey:
        def key_for(self, at):
            raise RuntimeError("no key")

    router = make(tracks=(VIDEO,), encryption=(EncryptionEntry(ProtectionScheme.CENC, NoKey()),))
    assert routed(router, video(1)) == []
    assert str(router.spans.failure) == "no key"
    assert router.dropped == {DropReason.NO_SPAN: 1, DropReason.BEFORE_NEXT_SYNC: 24}
