"""From what clients configure to the objects that come of it, without threads or clocks. 4.1, 5.3, B.4, B.8."""

from dataclasses import replace
from datetime import timedelta

import pytest
from control_kit import KEY, KID, OTHER_KID, START, entry, job, profile, recording, service, target

from onvif_bmff.bmff import SchemeTypeBox, parse_boxes
from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.control import (
    PROFILE_TYPE,
    ReceiverConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    SourceReference,
    TrackConfiguration,
)
from onvif_bmff.engine.output import RecordingOutput
from onvif_bmff.engine.targets import OutputKey, TargetMaker
from onvif_bmff.errors import MediaError, ProtectionError
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.playback import Timeline, read_segment

SECOND = timedelta(seconds=1)
CAM, OTHER = SourceReference("prof1", PROFILE_TYPE), SourceReference("prof2", PROFILE_TYPE)
TRACKS = (
    Track("high", 1, 90_000, MjpegCodec(width=640, height=480)),
    Track("low", 2, 90_000, MjpegCodec(width=64, height=48)),
    Track("sound", 3, 8_000, G711Codec()),
)
"""What a source gives: two video streams and one of sound. A sample says where it is from."""


def data_of(source, track, number):
    return b"%s %s %d " % (source.token.encode(), track.token.encode(), number) + bytes(40)


def recorded(made, token, *sources, seconds=8):
    """Objects of the recording by output, while each of ``sources`` gives so many seconds of media."""
    found = {}
    for key, plan in (
        TargetMaker(lambda name: b"", clock=lambda: START).outputs(made.device_side.plans().recordings[token]).items()
    ):
        output = RecordingOutput(plan, lambda *_: True, lambda *_: None)
        events = [event for source in sources for event in output.source_opened(source, TRACKS, START)]
        for number in range(seconds * 10):
            for source in sources:
                for track in TRACKS:
                    step = track.timescale // 10
                    sample = Sample(track.track_id, number * step, step, data_of(source, track, number))
                    events += output.push(source, sample)
        found[key] = collect_objects([*events, *output.close()])
    return found


def stored(objects, keys=None):
    """(extension, track number) → the streams whose samples are there, and how many they are."""
    found = {}
    for one in objects:
        if isinstance(one, SegmentObject):
            segment = read_segment(one.body, keys=keys)
            for sample in segment.samples():
                source, track, _ = bytes(sample.data).split(b" ", 2)
                place = found.setdefault((one.key.extension, sample.track_id), {})
                name = f"{source.decode()} {track.decode()}"
                place[name] = place.get(name, 0) + 1
    return found


def feeding(reference, **destinations):
    """A source of which streams go to tracks: destination = tag."""
    return RecordingJobSource(
        reference, tracks=tuple(RecordingJobTrack(tag, name) for name, tag in destinations.items())
    )


@pytest.mark.requirement("REC-4.1.2-01")
@pytest.mark.parametrize("kind", ["receiver", "profile"])
def test_a_job_moves_what_its_source_gives_into_its_recording(kind):
    made = service()
    receiver = made.provisioning.create_receiver(ReceiverConfiguration("AutoConnect", "rtsp://cam"))
    mine = SourceReference(receiver) if kind == "receiver" else CAM
    fed, idle = (made.create_recording(recording(target(prefix=name, format="CMAF"))) for name in ("fed", "idle"))
    made.create_recording_job(job(fed, feeding(mine, VIDEO001="", AUDIO001="")))
    (objects,) = recorded(made, fed, mine, OTHER).values()
    name = mine.token
    assert stored(objects) == {("m4v", 1): {f"{name} high": 80}, ("m4a", 2): {f"{name} sound": 80}}
    assert list(recorded(made, idle, mine, OTHER).values()) == [[]]


@pytest.mark.requirement("REC-5.3.3-24")
@pytest.mark.parametrize(("first", "second"), [("high", "low"), ("low", "high")])
def test_data_go_to_the_track_that_destination_names(first, second):
    made = service()
    token = made.create_recording(recording(target(format="MP4")))
    added = made.create_track(token, TrackConfiguration("Video"))
    made.create_recording_job(job(token, feeding(CAM, VIDEO001=first, **{added: second}), feeding(OTHER, AUDIO001="")))
    (objects,) = recorded(made, token, CAM, OTHER).values()
    numbers = {name: n for n, (name, _) in enumerate(made.device_side.plans().recordings[token].tracks, 1)}
    assert stored(objects) == {
        ("mp4", numbers["VIDEO001"]): {f"prof1 {first}": 80},
        ("mp4", numbers[added]): {f"prof1 {second}": 80},
        ("mp4", numbers["AUDIO001"]): {"prof2 sound": 80},
    }


@pytest.mark.requirement("REC-5.3.3-24")
@pytest.mark.parametrize(
    ("destination", "extension", "name"), [("VIDEO001", "m4v", "high"), ("AUDIO001", "m4a", "sound")]
)
def test_tracks_that_no_destination_names_get_nothing(destination, extension, name):
    made = service()
    token = made.create_recording(recording(target(format="CMAF")))
    made.create_recording_job(job(token, profile(destination)))
    (objects,) = recorded(made, token, CAM).values()
    assert {place[0]: streams for place, streams in stored(objects).items()} == {extension: {f"prof1 {name}": 80}}


@pytest.mark.requirement("REC-5.3.1-10")
@pytest.mark.parametrize(("form", "extensions"), [("CMAF", {"m4v", "m4a"}), ("MP4", {"mp4"})])
def test_every_parameter_of_a_target_reaches_the_objects(form, extensions):
    made = service()
    assert form in made.get_service_capabilities().supported_target_formats
    wanted = target(
        format=form,
        prefix="site/cam",
        postfix="x",
        segment_duration=2 * SECOND,
        span_duration=6 * SECOND,
        encryption=(entry(),),
    )
    token = made.create_recording(recording(wanted))
    made.create_recording_job(job(token, profile("VIDEO001", "AUDIO001")))
    ((where, objects),) = recorded(made, token, CAM, seconds=16).items()
    assert where == OutputKey(token, "s3"), "Storage"
    assert {one.key.extension for one in objects} == extensions, "Format"
    assert {one.key.prefix for one in objects} == {"site/cam"}, "Prefix"
    assert {one.key.postfix for one in objects} == {"x"}, "Postfix"
    timeline = Timeline.from_keys([str(one.key) for one in objects])
    for extension in extensions:
        spans = list(timeline.of(extension))
        assert [span.start - START for span in spans] == [0 * SECOND, 6 * SECOND, 12 * SECOND], "SpanDuration"
        starts = [one.key.time - START for one in objects if one.key.extension == extension and not one.key.span_end]
        assert starts == [n * SECOND for n in (0, 2, 4, 6, 8, 10, 12, 14)], "SegmentDuration"
    with pytest.raises(ProtectionError):
        stored(objects)
    ring = KeyRing([ContentKey(parse_kid(KID), KEY)])
    assert sum(sum(streams.values()) for streams in stored(objects, ring).values()) == 320, "Encryption"


@pytest.mark.requirement("REC-4.1.3-01")
@pytest.mark.parametrize("form", ["MP4", "CMAF"])
def test_the_objects_of_each_recording_lie_under_the_path_configured_for_it(form):
    made = service()
    paths = [("gate/1", "main"), ("gate/2", "main"), ("gate/1", "sub"), ("gate", None), (None, "gate"), (None, None)]
    names = []
    for prefix, postfix in paths:
        token = made.create_recording(recording(target(format=form, prefix=prefix, postfix=postfix)))
        made.create_recording_job(job(token, profile("VIDEO001", "AUDIO001")))
        shown = made.get_recording_configuration(token).target
        assert (shown.prefix, shown.postfix) == (prefix, postfix)
        (objects,) = recorded(made, token, CAM, seconds=4).values()
        path = "/".join(part for part in (prefix, "2026-01-02", postfix, "03") if part)
        assert {str(one.key).rpartition("/")[0] for one in objects} == {path}
        assert any(one.key.span_end for one in objects)
        names += [str(one.key) for one in objects]
    assert len(set(names)) == len(names)


def schemes(objects):
    """extension → the schemes that the headers of its objects name."""
    found = {}
    for one in objects:
        if isinstance(one, SegmentObject):
            boxes = [box for top in parse_boxes(one.body) for _, box in top.walk() if isinstance(box, SchemeTypeBox)]
            found.setdefault(one.key.extension, set()).update(box.scheme_type for box in boxes)
    return found


@pytest.mark.requirement("ANX-B.8-05")
@pytest.mark.parametrize(("mode", "scheme"), [("CENC", "cenc"), ("CBCS", "cbcs")])
def test_the_mode_of_an_entry_is_the_scheme_of_its_tracks(mode, scheme):
    made = service()
    token = made.create_recording(recording(target(format="CMAF", encryption=(entry(mode=mode),))))
    made.create_recording_job(job(token, profile("VIDEO001", "AUDIO001")))
    (objects,) = recorded(made, token, CAM).values()
    assert schemes(objects) == {"m4v": {scheme}, "m4a": {scheme}}
    other = {"CENC": "CBCS", "CBCS": "CENC"}[mode]
    two = (entry(mode=mode, track=("VIDEO001",)), entry(mode=other, kid=OTHER_KID, track=("AUDIO001",)))
    made.set_recording_configuration(token, recording(target(format="CMAF", encryption=two)))
    (objects,) = recorded(made, token, CAM).values()
    assert schemes(objects) == {"m4v": {scheme}, "m4a": {other.lower()}}


def test_a_format_that_the_engine_does_not_know_is_no_matter_of_encryption():
    made = service()
    token = made.create_recording(recording(target()))
    plan = made.device_side.plans().recordings[token]
    wanted = replace(plan.configuration, target=replace(plan.configuration.target, format="AVI"))
    maker = TargetMaker(lambda name: b"", clock=lambda: START)
    with pytest.raises(MediaError, match="the recording format 'AVI' is not known"):
        maker.outputs(replace(plan, configuration=wanted))
