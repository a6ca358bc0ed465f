"""Jobs on a bucket behind HTTP: workers open it by its URL and a file of options; nothing secret is sent to them."""

import json
import pickle
from datetime import UTC, datetime

import pytest
from jobs_kit import Reader, damaged_objects, memory, put_all, reader, whole_objects
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.cli.main import main
from onvif_bmff.jobs import StoreAddress, Workers, rewrap_by_workers, validate_by_workers
from onvif_bmff.storage import open_store
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store


@pytest.fixture
def server(tmp_path):
    need_module("obstore")
    with FakeServer() as fake:
        options = tmp_path / "options.toml"
        options.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in fake.options().items()))
        fake.file = options
        yield fake


def filled(server, objects, name="bucket"):
    store = open_store(server.url(name), options=server.options())
    put_all(store, objects)
    return store


def test_a_validation_by_processes_is_that_of_one(server):
    filled(server, damaged_objects(3))
    address = StoreAddress(server.url(), server.file)
    expected = validate_store(memory(damaged_objects(3)), unwrapper=reader().unwrapper)
    with Workers.processes(2) as workers:
        found = validate_by_workers(address, workers, unwrapper=reader().unwrapper)
        assert list(found) == list(expected)
    assert found.checked.counts() == expected.checked.counts()


def test_what_is_sent_has_no_credentials(server):
    sent = pickle.dumps(StoreAddress(server.url(), server.file))
    assert b"SECRETFAKE" not in sent
    assert b"AKIDFAKE" not in sent


def test_commands_share_work_in_the_cloud(server, capsys):
    filled(server, whole_objects())
    where = [server.url(), "--store-options", str(server.file)]
    for command in (["timeline", "--json"], ["info", "--json"], ["validate", "--json"], ["timeline", "--totals"]):
        name, *more = command
        assert main([name, *where, *more]) == 0
        expected = capsys.readouterr().out
        assert main([name, *where, *more, "--workers", "2"]) == 0
        assert capsys.readouterr().out == expected
    assert main(["expire", *where, "--older-than", "P1D", "--workers", "2", "--json"]) == 0
    assert sorted(json.loads(capsys.readouterr().out)["deleted"]) == sorted(whole_objects())
    assert server.bucket.objects["bucket"] == {}
    assert sum(method == "POST" for method, _ in server.bucket.requests) <= 20  # batches, not an object each


def test_a_copy_in_the_cloud(server):
    filled(server, whole_objects())
    new = Reader()
    with Workers.processes(2) as workers:
        there = StoreAddress(server.url("copies"), server.file)
        here = StoreAddress(server.url(), server.file)
        now = UtcTime.from_datetime(datetime.now(UTC))
        done = list(rewrap_by_workers(here, there, [new.certificate], workers, at=now, unwrapper=reader().unwrapper))
    assert not any(one.error for one in done)
    copies = open_store(server.url("copies"), options=server.options())
    assert list(validate_store(copies, unwrapper=new.unwrapper)) == []
