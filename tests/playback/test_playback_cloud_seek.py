"""Seeking in objects of a cloud store: requests and bytes as the service sees them."""

from dataclasses import replace

import pytest
import support_cloud_emulators as cloud_emulators
from playback_kit import after
from support_fake_bucket import FakeServer
from support_tools import need_module
from test_playback_seek import hour

from onvif_bmff.errors import ObjectNotFoundError
from onvif_bmff.objects import ObjectKey, SegmentObject
from onvif_bmff.playback import Seeker, Timeline
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import copy_objects, open_store


class CountingClient:
    """A client of a bucket that counts requests for objects, and the bytes that come."""

    def __init__(self, client):
        self._client = client
        self.requests = self.bytes = 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def head(self, key):
        self.requests += 1
        return self._client.head(key)

    def get(self, key, start, end):
        self.requests += 1
        data = self._client.get(key, start, end)
        self.bytes += len(data)
        return data

    def tail(self, key, length):
        data = self._client.tail(key, length)
        if data is not None:
            self.requests += 1
            self.bytes += len(data)
        return data


def new_bucket(service, tmp_path):
    """A context that gives the URL and the options of an empty bucket."""
    if service in ("s3", "gcs"):
        return FakeServer(dialect=service)
    tmp_path.joinpath("azurite").mkdir()
    return cloud_emulators.moto() if service == "moto" else cloud_emulators.azurite(tmp_path / "azurite")


@pytest.mark.parametrize(
    "service",
    ["s3", "gcs", pytest.param("moto", marks=pytest.mark.interop), pytest.param("azurite", marks=pytest.mark.interop)],
)
def test_requests_and_bytes_of_a_seek(service, tmp_path):
    """Three, and 64 KiB; also on Azure, which gives the last bytes only of known sizes."""
    need_module("obstore")
    with new_bucket(service, tmp_path) as server:
        url = server.url() if isinstance(server, FakeServer) else server.new_bucket()
        for form, seconds in ((CMAF, 60), (MP4, 60), (CMAF, 3600), (MP4, 3600)):
            made = hour(form, seconds=seconds, rate=1, audio=form is MP4)
            store = open_store(f"{url}/{form.name}-{seconds}", options=server.options())
            assert all(one.error is None for one in copy_objects(made.inner, store, made.inner.keys("")))
            timeline = Timeline.from_store(store)
            store._client = client = CountingClient(store._client)
            for at in (0, seconds / 2 + 0.5, seconds - 1):
                segment = timeline.locate(after(at), "m4v") or timeline.locate(after(at), "mp4")
                client.requests = client.bytes = 0
                seeker = Seeker(store)
                header, fragment = seeker.read(seeker.find(segment, after(at)))
                first = next(fragment.part(header.lead.track_id).samples(fragment.data))
                assert first.sync
                assert at - 10 < first.decode_time / header.lead.timescale <= at
                assert client.requests == 3, (service, form, seconds, at)
                assert client.bytes <= header.size + fragment.size + (64 << 10)


def test_the_end_of_an_object_that_was_replaced():
    """Where a size is remembered, as for Azure, it must be that of the object that is there now."""
    need_module("obstore")
    key = ObjectKey.parse("a/2024-05-01/10/20-30.000Z.0.m4v")
    with FakeServer(dialect="s3") as server:
        store = open_store(f"{server.url()}/x", options=server.options())
        store._client.service = replace(store._client.service, suffix_ranges=False)
        store.put(SegmentObject(key, b"0123456789", "video/mp4"))
        (name,) = store.keys("")
        assert store._client.tail(f"x/{name}", 4) is None
        assert store.get(name, -4) == b"6789"
        assert store._client.tail(f"x/{name}", 3) == b"789"
        store.put(SegmentObject(key, b"abcdef", "video/mp4"), overwrite=True)
        assert store._client.tail(f"x/{name}", 3) is None
        assert store.get(name, -4) == b"cdef"
        assert store.get(name, -4, 2) == b"cd"
        assert store.get(name, -400) == b"abcdef"
        store.delete(name)
        with pytest.raises(ObjectNotFoundError):
            store.get(name, -4)
