"""A camera that changes its codec: what was kept for events, and tracks that could not be recorded before."""

import os
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from test_control_engine import AUDIO, ONE, SECOND, START, VIDEO, Rig, both, plan

from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.control.plan import Feed, Standby
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4

STANDBY = Standby("event", "rec", "VIDEO001", ONE, "", 5 * SECOND)
FORMATS = pytest.mark.parametrize("kind", [CMAF, MP4], ids=["CMAF", "MP4"])
OTHER = PassThroughCodec(VisualSampleEntry(type="apch", width=64, height=48), "vide")
CODECS = pytest.mark.parametrize("codec", [OTHER, MjpegCodec(width=32, height=24)], ids=["encoding", "configuration"])


def encrypting(scheme=ProtectionScheme.CBCS):
    return EncryptionEntry(scheme, FixedKey(ContentKey(UUID(int=7), bytes(range(16)))))


def push(rig, first, last, *, audio=False):
    """Seconds of pictures and sound, each of other bytes, and return these."""
    pictures = []
    for index in range(first * 25, last * 25):
        pictures.append(b"\xff\xd8" + os.urandom(40))
        rig.do(rig.output.push(ONE, Sample(1, index * 3600, 3600, pictures[-1], index % 25 == 0)))
        if audio:
            rig.do(rig.output.push(ONE, Sample(2, index * 320, 320, bytes([index % 251] * 320))))
    return pictures


def bodies(rig):
    return [one.body for one in rig.close_once() if isinstance(one, SegmentObject)]


def lies_in(pictures, rig):
    return [any(one in body for body in bodies(rig)) for one in pictures]


@FORMATS
@CODECS
def test_what_was_kept_before_the_change_is_not_recorded_with_the_new_codec(codec, kind):
    rig = Rig(plan({}, kind, standby=(STANDBY,)))
    rig.open(ONE, VIDEO)
    old = push(rig, 0, 4)
    rig.do(rig.output.change_codec(ONE, 1, codec))
    new = push(rig, 4, 5)
    feed = Feed("event", ONE, "", since=START + timedelta(seconds=1))
    rig.do(rig.output.configure(plan({"VIDEO001": feed}, kind, standby=(STANDBY,))))
    new += push(rig, 5, 7)
    assert not any(lies_in(old, rig))
    assert all(lies_in(new, rig))


@FORMATS
@CODECS
def test_nor_is_it_when_a_recording_goes_on_beside_the_event(codec, kind):
    rig = Rig(plan({"VIDEO001": both()["VIDEO001"]}, kind, standby=(STANDBY,)))
    rig.open(ONE, VIDEO)
    old = push(rig, 0, 6)
    rig.do(rig.output.change_codec(ONE, 1, codec))
    new = push(rig, 6, 9)
    stored = [bytes(body) for body in bodies(rig)]
    assert all(sum(body.count(one) for body in stored) == 1 for one in (*old, *new)), "once, and nothing is lost"
    assert not any(old_one in body for body in stored for old_one in old if any(one in body for one in new))


@CODECS
def test_nor_is_what_came_during_a_pause(codec):
    rig = Rig(plan({"VIDEO001": both()["VIDEO001"]}))
    rig.open(ONE, VIDEO)
    push(rig, 0, 3)
    rig.do(rig.output.pause("full"))
    missed = push(rig, 3, 5)
    rig.do(rig.output.change_codec(ONE, 1, codec))
    rig.do(rig.output.resume())
    new = push(rig, 5, 8)
    assert not any(lies_in(missed, rig))
    assert all(lies_in(new, rig))


def test_the_same_codec_again_costs_nothing_and_another_of_the_sound_no_picture():
    rig = Rig(plan({}, standby=(STANDBY,)))
    rig.open(ONE, VIDEO, AUDIO)
    kept = push(rig, 0, 4, audio=True)
    rig.do(rig.output.change_codec(ONE, 1, MjpegCodec(width=64, height=48)))
    rig.do(rig.output.change_codec(ONE, 2, G711Codec(law="alaw")))
    feed = Feed("event", ONE, "", since=START)
    rig.do(rig.output.configure(plan({"VIDEO001": feed}, standby=(STANDBY,))))
    assert all(lies_in(kept, rig))


# ---- tracks that could not be recorded -----------------------------------------------------------------------------


AV1 = PassThroughCodec(VisualSampleEntry(type="av01", width=64, height=48), "vide")
FEEDS = pytest.mark.parametrize("feeds", [both(), {"VIDEO001": both()["VIDEO001"]}], ids=["with sound", "alone"])


def refused(feeds, **more):
    """A recording whose pictures cannot be encrypted."""
    rig = Rig(plan(feeds, encryption=(encrypting(),), **more))
    rig.open(ONE, Track("VIDEO001", 1, 90_000, AV1), AUDIO)
    rig.play(ONE, 0, 5, audio=True)
    assert rig.states["VIDEO001"][0] == "Error"
    return rig


@FEEDS
def test_a_track_comes_back_with_a_codec_that_can_be_encrypted(feeds):
    rig = refused(feeds)
    rig.do(rig.output.change_codec(ONE, 1, VIDEO.codec))
    rig.play(ONE, 5, 9, audio=True)
    assert {rig.states[token] for token in feeds} == {("Active", None)}
    (span,) = rig.spans("m4v")
    assert (span.start, span.end) == (START + 5 * SECOND, START + 9 * SECOND)


def test_with_another_that_cannot_it_stays_out_and_disturbs_nobody():
    rig = refused(both())
    rig.do(
        rig.output.change_codec(ONE, 1, PassThroughCodec(VisualSampleEntry(type="vp09", width=64, height=48), "vide"))
    )
    rig.play(ONE, 5, 9, audio=True)
    assert "vp09" in rig.states["VIDEO001"][1]
    assert rig.states["AUDIO001"] == ("Active", None)
    rig.output.set_trouble("full")
    rig.output.set_trouble(None)
    assert "vp09" in rig.states["VIDEO001"][1]
    assert len(rig.spans("m4a")) == 1


def test_a_track_of_another_encoding_comes_back_with_its_own():
    rig = Rig(plan(both()), refuse=["VIDEO001"])
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3, audio=True)
    rig.refuse.clear()
    rig.do(rig.output.change_codec(ONE, 1, OTHER))
    rig.play(ONE, 3, 6, audio=True)
    assert rig.states["VIDEO001"] == ("Active", None)
    assert len(rig.spans("m4v")) == 1


def test_a_track_that_nobody_wants_is_not_taken_up():
    rig = Rig(plan({"AUDIO001": both()["AUDIO001"]}))
    rig.open(ONE, VIDEO, AUDIO)
    rig.play(ONE, 0, 3, audio=True)
    rig.do(rig.output.change_codec(ONE, 1, OTHER))
    rig.play(ONE, 3, 6, audio=True)
    assert len(rig.spans("m4a")) == 1
    assert rig.spans("m4v") == []


def durations(rig):
    (span,) = rig.spans("m4a")
    return [(segment.end - segment.start) / SECOND for segment in span.segments]


def test_an_override_is_followed_while_a_track_is_refused():
    rig = refused(both())
    wanted = plan(both(), encryption=rig.output._plan.target.encryption)
    rig.do(rig.output.configure(replace(wanted, override=(4 * SECOND, START + timedelta(hours=1)))))
    rig.play(ONE, 5, 18, audio=True)
    rig.do(rig.output.configure(wanted))
    rig.play(ONE, 18, 25, audio=True)
    found = durations(rig)
    assert found[0] == 2
    assert 4 in found
    assert found.index(2, found.index(4)) > found.index(4), "and its end"
