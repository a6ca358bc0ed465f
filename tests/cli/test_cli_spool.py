"""``record --spool`` and ``onvif-bmff spool``: what waits is kept, shown and uploaded."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support_fake_bucket import FakeServer
from support_tools import need_module

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore, Lookup, SpooledStore, SpoolPolicy

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
PLAIN = ["record", str(CLIP), "--segment-duration", "PT2S", "--start", "2024-05-01T12:00:00Z", "-q"]
RECORD = [*PLAIN, "--spool", "spool"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_spool_is_empty_in_the_end(capsys):
    assert main([*RECORD, "--store", "remote"]) == 0
    said = capsys.readouterr().out
    assert main([*PLAIN, "--store", "other"]) == 0
    assert said == capsys.readouterr().out.replace("under other", "under remote")
    remote, other = DirectoryStore("remote"), DirectoryStore("other")
    assert [(key, remote.get(key)) for key in remote.keys("")] == [(key, other.get(key)) for key in other.keys("")]
    assert len(list(remote.keys(""))) > 3
    capsys.readouterr()
    assert main(["spool", "spool", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "schema": "onvif-bmff/spool/1",
        "waiting": [],
        "bytes": 0,
        "aside": [],
        "unsealed": [],
        "error": None,
        "dropped": {"objects": 0, "bytes": 0, "last": []},
        "sent": {"day": 0, "month": 0},
    }


def test_what_could_not_be_uploaded_waits(capsys, monkeypatch, tmp_path):
    need_module("obstore")
    monkeypatch.setenv("HOME", str(tmp_path))
    with FakeServer() as server:
        lines = [f'{name} = "{value}"' for name, value in server.options().items() if isinstance(value, str)]
        Path("options.toml").write_text("\n".join([*lines, "retry_seconds = 0.2", "connect_timeout = 1"]))
        server.bucket.next_fault = lambda method: "503"
        cloud = ["--store-options", "options.toml"]
        assert main([*RECORD, "--store", "s3://bucket", "--spool-wait", "PT0.5S", *cloud]) == 1
        said = capsys.readouterr()
        assert "objects wait in" in said.err
        count = len(list(DirectoryStore("spool/waiting").keys()))
        assert f"bytes in {count} objects in the spool spool, 0 of them in s3://bucket\n" in said.out
        assert main(["spool", "spool"]) == 0
        assert "objects of" in capsys.readouterr().out
        assert main(["spool", "spool", "--to", "s3://bucket", "--wait", "PT0.3S", *cloud]) == 1
        assert "not uploaded" in capsys.readouterr().err
        server.bucket.next_fault = lambda method: None
        keys = list(DirectoryStore("spool/waiting").keys())
        assert main(["spool", "spool", "--to", "s3://bucket", *cloud]) == 0
        assert sorted(server.bucket.objects["bucket"]) == keys != []
        assert set(server.bucket.writes.values()) == {1}


def test_what_is_set_aside_is_a_finding(capsys):
    assert main([*RECORD, "--store", "remote"]) == 0
    first = next(DirectoryStore("remote").keys())
    (Path("remote") / first).write_bytes(b"another")
    waiting = DirectoryStore("spool/waiting")
    writer = waiting.open_writer(first, content_type="video/mp4")
    writer.append(b"ours")
    writer.seal({})
    capsys.readouterr()
    assert main(["spool", "spool", "--to", "remote"]) == 1
    said = capsys.readouterr()
    assert f"set aside {first}" in said.out
    assert f"1 objects are set aside in spool/aside, and are not in the store, first {first}" in said.err
    assert (Path("remote") / first).read_bytes() == b"another"

    later = ["record", str(CLIP), "--start", "2024-05-01T13:00:00Z", "-q", "--spool", "spool", "--store", "remote"]
    assert main(later) == 1, "an earlier run set it aside"
    assert f"1 objects are set aside in spool/aside, and are not in the store, first {first}" in capsys.readouterr().err


def test_what_a_recording_sets_aside_is_a_finding(capsys, monkeypatch):
    assert main([*PLAIN, "--store", "remote"]) == 0
    monkeypatch.setattr(Lookup, "finds", lambda lookup, key: False)  # as if the line was down then
    capsys.readouterr()
    assert main([*RECORD, "--store", "remote"]) == 1
    keys = [key for key in DirectoryStore("remote").keys("") if not key.endswith("_end")]  # end objects are the same
    said = capsys.readouterr()
    assert f"{len(keys)} objects are set aside in spool/aside, and are not in the store, first {keys[0]}" in said.err
    assert f"bytes in {len(keys) + 2} objects in the spool spool, 2 of them in remote\n" in said.out
    assert list(DirectoryStore("spool/aside").keys()) == keys


def test_what_waits_for_a_store_never_goes_to_another(capsys):
    assert main([*RECORD, "--store", "remote"]) == 0
    assert main([*RECORD, "--store", "second"]) == 0, "nothing waited"
    waiting = DirectoryStore("spool/waiting")
    writer = waiting.open_writer("late", content_type="video/mp4")
    writer.append(b"ours")
    writer.seal({})
    capsys.readouterr()
    for wrong in ([*RECORD, "--store", "other"], ["spool", "spool", "--to", "other"]):
        assert main(wrong) == 2
        said = capsys.readouterr().err
        assert "what waits in the spool spool is for file://" in said
        assert len(said.splitlines()) == 1
    assert not list(DirectoryStore("other").keys(""))
    assert main(["spool", "spool", "--to", "second"]) == 0
    assert DirectoryStore("second").get("late") == b"ours"
    assert main(["spool", "spool", "--to", "other"]) == 0, "nothing waits"


def test_a_spool_in_use_is_refused(capsys):
    store = SpooledStore(DirectoryStore("remote"), "spool")
    try:
        for wrong in ([*RECORD, "--store", "remote"], ["spool", "spool", "--to", "remote"]):
            assert main(wrong) == 2
            assert "the spool is in use by another recorder or upload: spool" in capsys.readouterr().err
        assert main(["spool", "spool"]) == 0, "a look"
    finally:
        store.close()
    assert main([*RECORD, "--store", "remote"]) == 0


def test_what_is_uploaded_during_a_look_waits_no_longer(capsys, monkeypatch):
    """Its owner works on: keys that were listed may be gone when their sizes are asked for."""
    store = SpooledStore(DirectoryStore("remote"), "spool", policy=SpoolPolicy(tasks=0))
    for name in ("a", "b", "c"):
        writer = store.open_writer(name, content_type="video/mp4")
        writer.append(b"12345")
        writer.seal({})
    keys = DirectoryStore.keys

    def listed(self, *given, **more):
        found = list(keys(self, *given, **more))
        Path("spool/waiting/b").unlink(missing_ok=True)
        return iter(found)

    with monkeypatch.context() as patch:
        patch.setattr(DirectoryStore, "keys", listed)
        assert main(["spool", "spool", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["waiting"], found["bytes"]) == (["a", "c"], 10)
    store.close()


def test_what_a_dead_recorder_left_open_is_a_finding(capsys):
    assert main([*PLAIN, "--store", "whole"]) == 0
    whole = DirectoryStore("whole")
    first = next(one for one in whole.keys("") if one.endswith("m4v"))
    store = SpooledStore(DirectoryStore("remote"), "spool")
    writer = store.open_writer(first, content_type="video/mp4")
    writer.append(whole.get(first))
    writer.release()
    store.close()
    capsys.readouterr()
    left = f"1 objects were left open by a recorder that died, first {first}: 'onvif-bmff recover spool/waiting' comp"
    for look in (["spool", "spool"], ["spool", "spool", "--to", "remote"]):
        assert main(look) == 1
        assert left in capsys.readouterr().err
    assert main(["spool", "spool", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["unsealed"] == [first]
    later = ["record", str(CLIP), "--start", "2024-05-01T13:00:00Z", "-q", "--spool", "spool", "--store", "remote"]
    assert main(later) == 1
    assert left in capsys.readouterr().err

    assert main(["recover", "spool"]) == 2
    assert capsys.readouterr().err == "onvif-bmff: spool is a spool: 'onvif-bmff recover spool/waiting' completes it\n"
    assert main(["recover", "spool/waiting"]) == 0
    assert main(["spool", "spool", "--to", "remote"]) == 0
    assert DirectoryStore("remote").get(first) == whole.get(first)


def test_what_a_full_spool_drops_is_shown(capsys):
    two = ["--span-duration", "PT2S", "--spool-bytes", "1", "--spool-full", "drop-oldest", "--upload-a-day", "1"]
    assert main([*RECORD, "--store", "remote", "--spool-wait", "PT0.2S", *two]) == 2
    said = capsys.readouterr().err
    assert main(["spool", "spool", "--json"]) == 0
    dropped = json.loads(capsys.readouterr().out)["dropped"]
    assert f"{dropped['objects']} segments were dropped from the spool, which was full" in said
    assert "the span was ended before, to make room in the spool" in said, "of a span that was open"
    assert dropped["objects"] == sum(one["objects"] for one in dropped["last"]) > 0
    assert main(["spool", "spool"]) == 0
    said = capsys.readouterr().out
    assert f"{dropped['objects']} segments of {dropped['bytes']:,} bytes were dropped to make room" in said
    assert f"{dropped['last'][0]['first']} to " in said


def test_what_was_sent_of_a_budget_is_shown(capsys):
    assert main([*RECORD, "--store", "remote", "--upload-a-month", "1000000"]) == 0
    sent = sum(DirectoryStore("remote").head(key).size for key in DirectoryStore("remote").keys(""))
    capsys.readouterr()
    assert main(["spool", "spool", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sent"]["month"] == sent
    assert main(["spool", "spool"]) == 0
    assert f"{sent:,} in this month" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--upload-rate", "1000"),
        ("--upload-a-day", "1000"),
        ("--upload-a-month", "1000"),
        ("--upload-order", "newest"),
        ("--wait", "PT1M"),
        ("--store-options", "bucket.toml"),
    ],
)
def test_options_of_uploads_need_somewhere_to_upload_to(option, value, capsys):
    Path("spool").mkdir()
    assert main(["spool", "spool", option, value]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{option} needs --to" in said


def test_what_is_no_number_of_bytes(capsys):
    assert main([*RECORD, "--store", "remote", "--spool-bytes", "much"]) == 2
    assert "not a number of bytes: 'much'" in capsys.readouterr().err


def test_a_spool_in_its_store_is_refused(capsys):
    for where in ("remote/spool", "remote"):
        assert main([*PLAIN, "--store", "remote", "--spool", where]) == 2
        assert "needs a place of its own" in capsys.readouterr().err


def test_what_is_no_spool(capsys):
    assert main(["spool", "nowhere"]) == 2
    assert "is no spool" in capsys.readouterr().err
    assert not Path("nowhere").exists()


def test_an_interrupt_does_not_wait_for_a_service_that_does_not_answer(tmp_path):
    need_module("obstore")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        Path("options.toml").write_text(
            f'endpoint = "{endpoint}"\naccess_key_id = "A"\nsecret_access_key = "B"\nregion = "us-east-1"'
        )
        options = ["--store", "s3://bucket", "--store-options", "options.toml", "--spool-wait", "PT1H"]
        command = [sys.executable, "-m", "onvif_bmff", *RECORD, *options]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(tmp_path)})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not list(Path("spool").rglob("*.m4a_end")):
            time.sleep(0.05)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        took = time.monotonic() - began
    assert process.returncode == 130
    assert b"objects wait in spool" in said
    assert took < 5, "a request may take two minutes"
