"""Stores in the cloud pass the tests of all stores: over a fake of ours, moto, Azurite, and a fake of Google's."""

import pytest
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.storage import open_store
from onvif_bmff.testing import StoreConformance
from onvif_bmff.testing.readable_conformance import ODD_KEYS, StoredObject, expect_error


@pytest.fixture(scope="module", autouse=True)
def _obstore():
    need_module("obstore")


class CloudConformance(StoreConformance):
    """``new_store`` makes an empty one; objects are put there in one request each."""

    def make_store(self):
        return self.new_store()

    def make_readable(self, objects):
        store = self.make_store()
        for one in objects:
            put(store, one)
        return store


def put(store, one: StoredObject):
    """Put an object without asking before whether it is there."""
    store._store(store._full(one.key), [one.data], one.content_type, one.attributes, "0" * 32, overwrite=True)


class OverHttp(CloudConformance):
    dialect = "s3"
    many = 120

    @pytest.fixture(autouse=True)
    def _server(self):
        with FakeServer(dialect=self.dialect, page=50) as server:
            self.count = 0

            def new_store():
                self.count += 1
                return open_store(server.url(f"bucket-{self.count}"), options=server.options())

            self.new_store = new_store
            yield


class TestFakeS3(OverHttp):
    pass


class TestFakeGoogle(OverHttp):
    dialect = "gcs"
    histories = 2


class OverEmulator(CloudConformance):
    histories, steps = 1, 25

    @pytest.fixture(autouse=True)
    def _new_store(self, request):
        emulator = request.getfixturevalue(self.emulator)
        self.new_store = lambda: open_store(emulator.new_bucket(), options=emulator.options())


@pytest.mark.interop
class TestMoto(OverEmulator):
    emulator = "moto"


@pytest.mark.interop
class TestAzurite(OverEmulator):
    emulator = "azurite"
    many = 120

    def test_odd_keys_are_only_names(self):
        """But for those with a backslash, which Azure makes a slash: they are refused."""
        for key in ODD_KEYS:
            store = self.make_store()
            if "\\" in key:
                expect_error(ObjectKeyError, store.get, key)
                expect_error(ObjectKeyError, put, store, StoredObject(key))
                continue
            put(store, StoredObject(key, key.encode()))
            assert list(store.keys()) == [key]
            assert store.get(key) == key.encode()
