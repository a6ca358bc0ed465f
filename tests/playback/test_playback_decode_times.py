"""Ranges of objects with other decode times, as a server sends them."""

from datetime import timedelta

import pytest
from playback_kit import make_clip, names, record

from onvif_bmff.bmff import TrackFragmentBaseMediaDecodeTimeBox, parse_boxes
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.export import shift_decode_times
from onvif_bmff.playback import Seeker, Timeline, read_segment
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore


@pytest.fixture(scope="module", params=[CMAF, MP4], ids=["CMAF", "MP4"])
def store(request, tmp_path_factory):
    made = MemoryStore()
    clip = make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=4)
    record(made, clip, RecordingTarget(format=request.param, prefix="p", segment_duration=timedelta(seconds=2)))
    return made


def times(data):
    return [
        box.base_media_decode_time
        for top in parse_boxes(data)
        for _, box in top.walk()
        if isinstance(box, TrackFragmentBaseMediaDecodeTimeBox)
    ]


def test_all_else_stays(store):
    seeker = Seeker(store)
    for span in Timeline.from_store(store).spans:
        for segment in span.segments:
            whole = store.get(segment.name)
            for one in seeker.subsegments(segment):
                data = whole[one.offset : one.stop]
                moved = shift_decode_times(data, 1 << 40)
                assert times(moved) == [time + (1 << 40) for time in times(data)]
                assert shift_decode_times(moved, -1 << 40) == data
                assert len(moved) == len(data)
                changed = sum(old != new for old, new in zip(data, moved, strict=True))
                assert changed == len(times(data))  # one byte a time


def test_by_track(store):
    name = names(store)[0]
    data = store.get(name)
    tracks = [track.track_id for track in read_segment(data).tracks]
    moved = read_segment(shift_decode_times(data, {tracks[-1]: 7}))
    for track_id in tracks:
        before = [sample.decode_time for sample in read_segment(data).samples(track_id)]
        by = 7 if track_id == tracks[-1] else 0
        assert [sample.decode_time for sample in moved.samples(track_id)] == [time + by for time in before]


def test_times_that_do_not_fit(store):
    data = store.get(names(store)[0])
    with pytest.raises(MediaError, match="does not fit"):
        shift_decode_times(data, -1 << 40)
    with pytest.raises(MediaError, match="does not fit"):
        shift_decode_times(data, 1 << 64)


def test_what_is_no_box(store):
    data = store.get(names(store)[0])
    for broken in (data[:-1], data + b"abc", b"\0\0\0\4moof", data[: data.index(b"tfdt") + 6]):
        with pytest.raises(BoxError):
            shift_decode_times(broken, 1)
