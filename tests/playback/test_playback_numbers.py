"""Objects with times that no exported file can hold: the library's own errors, whatever the layout."""

import io

import pytest
from playback_kit import record

from onvif_bmff.bmff import (
    Columns,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.codecs import G711Codec, MjpegCodec
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.export import export_movie
from onvif_bmff.media import Sample, Track
from onvif_bmff.playback import Timeline, select
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore

TRACKS = [Track("V", 1, 90_000, MjpegCodec(64, 48)), Track("A", 2, 8_000, G711Codec("ulaw"))]


def recorded(chosen):
    store = MemoryStore()
    samples = [Sample(1, n * 9_000, 9_000 + n % 2, b"\xff\xd8v%d" % n, True, (n % 2) * 9) for n in range(40)]
    samples += [Sample(2, n * 800, 800, b"a%d" % n) for n in range(40)]
    samples.sort(key=lambda one: one.decode_time / (90_000 if one.track_id == 1 else 8_000))
    record(store, (TRACKS, samples), RecordingTarget(format=chosen, prefix="p", postfix="q"))
    return store


def changed(body, what, number):
    boxes = parse_boxes(body)
    for box in (found for root in boxes for _, found in root.walk()):
        if isinstance(box, TrackFragmentBaseMediaDecodeTimeBox) and what == "time":
            box.base_media_decode_time = number
        elif isinstance(box, TrackFragmentHeaderBox) and what == "default" and box.default_sample_duration is not None:
            box.default_sample_duration = number & 0xFFFFFFFF
        elif isinstance(box, TrackRunBox) and what in box.samples.names:
            columns = {name: list(box.samples[name]) for name in box.samples.names}
            signed = what == "composition_offset"
            columns[what][1] = number % (1 << 31) * (-1 if number % 2 else 1) if signed else number & 0xFFFFFFFF
            box.samples = Columns(**columns)
    return build_boxes(boxes)


@pytest.mark.parametrize("chosen", [CMAF, MP4], ids=lambda one: one.name)
@pytest.mark.parametrize("what", ["time", "default", "duration", "composition_offset"])
@pytest.mark.parametrize("number", [1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 53, 1 << 62, 1 << 63, (1 << 64) - 1])
def test_an_export_fails_with_an_error_of_our_own_or_not_at_all(chosen, what, number):
    store = recorded(chosen)
    for key in list(store.keys()):
        if store.head(key).size:
            body, info = changed(store.get(key), what, number), store.head(key)
            writer = store.open_writer(key, content_type=info.content_type, overwrite=True)
            writer.append(body)
            writer.seal(info.attributes)
    selection = select(Timeline.from_store(store))
    for options in (
        {},
        {"progressive": True},
        {"progressive": True, "spool": True},
        {"exact": True},
        {"cut_gaps": True},
    ):
        spool = io.BytesIO() if options.get("spool") else None
        try:
            report = export_movie(store, selection, io.BytesIO(), **{**options, "spool": spool})
        except OnvifBmffError:
            continue
        assert report.end >= report.start
