"""Objects of other recorders with samples of no bytes, for which players refuse a whole file: exports have none."""

import io

import pytest
from playback_kit import ffmpeg, make_clip, record

from onvif_bmff.bmff import Columns, TrackRunBox, build_boxes, parse_boxes
from onvif_bmff.export import export_movie
from onvif_bmff.ingest import open_mp4
from onvif_bmff.playback import Timeline, select
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=4)


def emptied(body, *rows):
    """The object with the bytes of some samples of each fragment given to the sample before."""
    boxes = parse_boxes(body)
    for run in (found for box in boxes for _, found in box.walk() if isinstance(found, TrackRunBox)):
        if "size" not in run.samples.names:
            continue
        sizes = list(run.samples["size"])
        for row in rows:
            sizes[row - 1], sizes[row] = sizes[row - 1] + sizes[row], 0
        columns = {name: list(run.samples[name]) for name in run.samples.names}
        run.samples = Columns(**{**columns, "size": sizes})
    return build_boxes(boxes)


def foreign(clip, chosen, *rows):
    """A store with such objects, and how many samples in them have bytes."""
    store, other = MemoryStore(), MemoryStore()
    record(store, clip, RecordingTarget(format=chosen, prefix="p", postfix="q"))
    for key in list(store.keys()):
        info = store.head(key)
        writer = other.open_writer(key, content_type=info.content_type)
        writer.append(emptied(store.get(key), *rows) if info.size else b"")
        writer.seal(info.attributes)
    return other


@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("progressive", [False, True], ids=["fragmented", "progressive"])
@pytest.mark.parametrize("rows", [(5,), (1, 2, 3), (24,)], ids=str)
def test_an_export_leaves_them_out(clip, tmp_path, chosen, progressive, rows):
    store, out = foreign(clip, chosen, *rows), io.BytesIO()
    report = export_movie(store, select(Timeline.from_store(store)), out, progressive=progressive)
    assert report.empty > 0
    path = tmp_path / "out.mp4"
    path.write_bytes(out.getvalue())
    with open_mp4(path) as movie:
        found = list(movie.samples())
        scales = {track.track_id: track.timescale for track in movie.tracks}
    with open_mp4(clip) as movie:
        source = list(movie.samples())
    assert all(sample.data for sample in found)
    assert len(found) + report.empty == len(source)
    for track_id, scale in scales.items():
        times = [one.decode_time / scale for one in found if one.track_id == track_id]
        lasting = sum(one.duration for one in found if one.track_id == track_id) / scale
        assert lasting == pytest.approx(4, abs=0.1), "what was left out is no hole"
        assert times == sorted(times)
    ffmpeg("-xerror", "-i", path, "-map", "0:v", "-c", "copy", "-f", "null", "-")


def test_nothing_but_empty_samples_at_first(clip):
    """A track that begins with one begins with the next; the file has no row for it."""
    store = foreign(clip, CMAF)
    key = next(key for key in list(store.keys()) if key.endswith(".m4a"))
    boxes = parse_boxes(store.get(key))
    run = next(found for box in boxes for _, found in box.walk() if isinstance(found, TrackRunBox))
    sizes = list(run.samples["size"])
    start = sizes[0]
    sizes[0] = 0
    run.samples = Columns(**{**{n: list(run.samples[n]) for n in run.samples.names}, "size": sizes})
    run.data_offset += start
    writer = store.open_writer(key, content_type="audio/mp4", overwrite=True)
    writer.append(build_boxes(boxes))
    writer.seal({})
    report = export_movie(store, select(Timeline.from_store(store)), io.BytesIO())
    assert report.empty == 1
