"""Recordings of all real files at hand: the validator finds nothing in them, and no sample is lost."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from recording_kit import START

from onvif_bmff.bmff import AudioSampleEntry
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.demux import CodecChange
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.dropped import DropReason
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import StoreSink
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.validation import validate_store

LEFT_OUT = {"mp4ff/examples/add-sidx/clear_with_enc_boxes.mp4": Counter({DropReason.NO_BYTES: 288})}
"""Samples that hold no media, by file."""


ODD_TIMES = {
    "P-02": (
        "androidx-media/mp4/fragmented_captions.mp4",
        "mp4-atom/bbb.mp4",
        "signed-video-framework-examples/signed_test_h264.mp4",
    ),
    "P-03": ("mp4ff/vvc_400kbps_2s.mp4",),
}
"""What the validator warns of because it is so in the file: pictures that last a tick, or are shown a second later."""


def recorded(tracks, items, record_format):
    """A store with what was recorded of some tracks, and what was dropped."""
    store, kept = MemoryStore(), {track.track_id: replace(track) for track in tracks}
    target = RecordingTarget(format=record_format, prefix="p", segment_duration=timedelta(seconds=2))
    recorder = Recorder(kept.values(), target)
    recorder.activate(START)
    with StoreSink(store) as sink:
        for item in items:
            if item.track_id not in kept:
                continue
            if isinstance(item, CodecChange):
                recorder.replace_track(replace(kept[item.track_id], codec=item.codec))
            else:
                sink.add_all(recorder.push(item))
        sink.add_all(recorder.deactivate())
    return store, recorder.dropped


NO_UNITS = ("androidx-media/mp4/sample_fragmented_uuid.mp4", "fq/fragmented.mp4")
"""Files whose offsets lead elsewhere: their video is no NAL units, for any reader."""


ODD_FILES = {"m26d-stts-minus-delta": {"P-02"}, "m30-moof-without-traf": {"ANX-B.3-08"}}
"""What is so in files of which something is wrong: a picture that lasts a tick, offsets that lead elsewhere."""


def one_of_each(tracks):
    return list({track.type: track for track in reversed(tracks)}.values())


@pytest.mark.parametrize("record_format", [CMAF, MP4], ids=lambda one: one.name)
def test_the_validator_passes_on_recordings_of_real_files(shared_media, record_format):
    folder, count = shared_media / "media", 0
    for path in sorted(filter(Path.is_file, folder.rglob("*"))):
        try:
            source = open_mp4(path)
        except OnvifBmffError:
            continue  # a segment without its header, another format
        with source:
            if source.is_protected or path.relative_to(folder).as_posix() in NO_UNITS:
                continue
            tracks = one_of_each(source.tracks) if record_format is CMAF else source.tracks
            store, dropped = recorded(tracks, source.samples(), record_format)
            name = path.relative_to(folder).as_posix()
            faults = [one for one in validate_store(store, prefix="p") if name not in ODD_TIMES.get(one.rule, ())]
            assert faults == [], name
            assert dropped == LEFT_OUT.get(name, Counter()), name
            count += 1
    assert count > 100


@pytest.mark.parametrize("record_format", [CMAF, MP4], ids=lambda one: one.name)
def test_the_validator_passes_on_recordings_of_files_of_which_something_is_wrong(shared_cases, record_format):
    found = {}
    for path in sorted((shared_cases / "media").glob("*.m*")):
        try:
            source = open_mp4(path)
        except OnvifBmffError:
            continue  # a movie box that is compressed
        with source:
            tracks = one_of_each(source.tracks) if record_format is CMAF else source.tracks
            store, _ = recorded(tracks, source.samples(), record_format)
        found[path.stem] = {one.rule for one in validate_store(store, prefix="p")}
    assert {name: rules for name, rules in found.items() if rules} == ODD_FILES
    assert len(found) > 80


@pytest.mark.parametrize("kind", ["ac-4", "mlpa", "mhm1"])
@pytest.mark.parametrize("record_format", [CMAF, MP4], ids=lambda one: one.name)
def test_sound_with_frames_that_need_others(kind, record_format):
    codec = PassThroughCodec(AudioSampleEntry(type=kind, channel_count=2, sample_rate=48000 << 16), "soun")
    samples = [Sample(1, number * 1024, 1024, b"frame", number % 8 == 0) for number in range(300)]
    store, dropped = recorded([Track("AUDIO001", 1, 48000, codec)], samples, record_format)
    assert (list(validate_store(store, prefix="p")), dropped) == ([], Counter())
