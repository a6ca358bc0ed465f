"""Everything that only reads takes a store of three methods: get, head and keys."""

import io

import pytest

from onvif_bmff.export import export_movie, hls_playlists
from onvif_bmff.playback import SampleReader, Seeker, StoreSource, Timeline, select
from onvif_bmff.storage import MemoryStore
from onvif_bmff.testing.recordings import recorded_objects
from onvif_bmff.validation import validate_store


class ReadOnly:
    """The reading side of a store, and nothing else."""

    def __init__(self, store):
        self.get, self.head, self.keys = store.get, store.head, store.keys


@pytest.fixture
def store():
    whole = MemoryStore()
    for one in recorded_objects(tracks=("vide", "soun")):
        whole.put(one)
    return ReadOnly(whole)


def test_readers_need_no_writing_side(store):
    timeline = Timeline.from_store(store)
    assert len(timeline.spans) == 2
    assert list(validate_store(store)) == []
    selection = select(timeline)
    assert sum(1 for _ in SampleReader(store, selection)) > 0
    playlists = hls_playlists(store, selection)
    assert "index.m3u8" in playlists
    file = io.BytesIO()
    report = export_movie(store, selection, file)
    assert all(report.samples)
    segment = timeline.spans[0].segments[0]
    assert Seeker(store).header(segment).tracks
    assert StoreSource(store, segment.name).view(4, 4) == b"ftyp"
