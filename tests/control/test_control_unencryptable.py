"""Tracks that cannot be encrypted under an entry that says they are: state Error, never stored in the clear."""

from dataclasses import replace
from uuid import UUID

import pytest
from test_control_engine import AUDIO, ONE, TRACKS, Rig, both, plan

from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.media.track import Track
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4

KEY = ContentKey(UUID(int=7), bytes(range(16)))
VIDEO_TYPES = ("av01", "vp09", "vp08", "avc2", "vvc1", "hvc2", "apch")


def entry(*tracks, scheme=ProtectionScheme.CBCS):
    return EncryptionEntry(scheme, FixedKey(KEY), tracks)


def video(fourcc):
    return Track("VIDEO001", 1, 90_000, PassThroughCodec(VisualSampleEntry(type=fourcc, width=64, height=48), "vide"))


def rig(fourcc, kind, *entries):
    made = Rig(plan(both(), kind, encryption=entries))
    made.open(ONE, video(fourcc), AUDIO)
    made.play(ONE, 0, 5, audio=True)
    return made


@pytest.mark.requirement("ANX-B.8-01")
@pytest.mark.parametrize("kind", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("scheme", [ProtectionScheme.CENC, ProtectionScheme.CBCS], ids=["cenc", "cbcs"])
@pytest.mark.parametrize("fourcc", VIDEO_TYPES)
def test_the_track_is_in_error_and_the_others_are_recorded(fourcc, scheme, kind):
    made = rig(fourcc, kind, entry(scheme=scheme))
    state, error = made.states["VIDEO001"]
    assert state == "Error"
    assert fourcc in error
    assert made.states["AUDIO001"] == ("Active", None)
    objects = [one for one in made.close_once() if isinstance(one, SegmentObject)]
    assert {one.key.extension for one in objects} == {"m4a" if kind is CMAF else "mp4"}
    assert not any(b"\xff\xd8" * 9 in one.body for one in objects), "no picture lies anywhere"
    assert all(b"enca" in one.body for one in objects)


def test_alone_it_is_an_error_too_and_nothing_is_recorded():
    made = Rig(plan({"VIDEO001": both()["VIDEO001"]}, CMAF, encryption=(entry(),)))
    made.open(ONE, video("av01"))
    made.play(ONE, 0, 3)
    assert made.states["VIDEO001"][0] == "Error"
    assert not made.output.recording
    assert made.close_once() == []


def test_an_entry_for_other_tracks_leaves_it_clear_as_it_was_asked():
    made = rig("av01", CMAF, entry("AUDIO001"))
    assert made.states["VIDEO001"] == ("Active", None)
    assert {one.key.extension for one in made.close_once() if isinstance(one, SegmentObject)} == {"m4a", "m4v"}


def test_another_target_sets_it_free_and_trouble_in_between_does_not_hide_it():
    made = rig("av01", CMAF, entry())
    made.output.set_trouble("the disk is full")
    made.output.set_trouble(None)
    assert made.states["VIDEO001"][0] == "Error"
    assert made.states["AUDIO001"] == ("Active", None)
    made.do(made.output.configure(plan(both(), CMAF, encryption=(entry("AUDIO001"),))))
    made.play(ONE, 5, 8, audio=True)
    assert made.states["VIDEO001"] == made.states["AUDIO001"] == ("Active", None)
    assert TRACKS[0][0] == "VIDEO001"


def test_a_stream_that_becomes_one_that_cannot_be_encrypted():
    made = Rig(plan(both(), CMAF, encryption=(entry(),)))
    made.open(ONE, replace(video("mp4v")), AUDIO)
    made.play(ONE, 0, 3, audio=True)
    assert made.states["VIDEO001"] == ("Active", None)
    made.do(made.output.change_codec(ONE, 1, video("av01").codec))
    made.play(ONE, 3, 6, audio=True)
    assert made.states["VIDEO001"][0] == "Error"
    stored = [one for one in made.close_once() if isinstance(one, SegmentObject)]
    assert not any(b"av01" in one.body for one in stored)
