"""Commands on stores in the cloud: by variables, as the page on them shows, over a fake of ours and over moto."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import support_cloud_emulators as cloud_emulators
from support_fake_bucket import FakeServer, Handler
from support_tools import need_module

from onvif_bmff.cli.main import main
from onvif_bmff.storage import DirectoryStore, open_store

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "tests" / "data" / "camera.mp4"


@pytest.fixture
def fake(monkeypatch, tmp_path):
    need_module("obstore")
    monkeypatch.setenv("HOME", str(tmp_path))
    with FakeServer() as server:
        for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFAKE00001")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRETFAKE00001")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.chdir(tmp_path)
        yield server


def all_commands(store, folder, monkeypatch, capsys):
    """Record into a store, and do everything with it that there is; the same with a directory."""
    shown = {}
    for place in (store, str(folder / "local")):
        clip = ["record", str(CLIP), "--store", place, "--prefix", "site-2", "--postfix", "camera-5"]
        assert main([*clip, "--segment-duration", "PT2S", "--start", "2024-05-01T12:00:00Z", "-q"]) == 0
        capsys.readouterr()
        words = (["timeline"], ["timeline", "--json"], ["validate", "--json"], ["info", "--json", "--samples"])
        for word, *more in (*words, ["validate", "--attributes", "/dev/null", "--shallow"]):
            status = main([word, place, *more])
            shown.setdefault(place, []).append((status, capsys.readouterr().out.replace(place, "STORE")))
        out = folder / f"{len(shown)}.mp4"
        assert main(["export", place, "-o", str(out), "--from", "2024-05-01T12:00:01Z", "--exact", "-q"]) == 0
        picture = folder / f"{len(shown)}.h264"
        assert main(["extract", place, "-o", str(picture), "--time", "2024-05-01T12:00:03Z", "--from-sync"]) == 0
        assert main(["recover", place, "--nobody-records"]) == 0
        base = ["--base", "https://cdn.example/"] if "://" in place else []
        assert main(["export", place, "--hls", str(folder / f"hls-{len(shown)}"), *base]) == 0
        capsys.readouterr()
        shown[place] += [out.read_bytes(), picture.read_bytes()]
    cloud, local = shown.values()
    assert cloud[:4] == local[:4]
    assert cloud[5:] == local[5:]
    assert cloud[0][0] == cloud[2][0] == 0
    assert main(["copy", store, str(folder / "copied"), "--digest", "-q"]) == 0
    assert main(["copy", store, str(folder / "copied"), "-q"]) == 0
    copied, whole = DirectoryStore(folder / "copied"), open_store(store)
    assert list(copied.keys()) == list(whole.keys())
    assert [copied.get(key) for key in copied.keys("")] == [whole.get(key) for key in whole.keys("")]
    assert main(["export", store, "--hls", str(folder / "no")]) == 2
    assert "--base" in capsys.readouterr().err


def test_a_bucket_that_a_spool_may_feed_is_not_recovered(fake, capsys):
    """Nobody can see in a bucket whether a spool has more of a span."""
    assert main(["recover", "s3://recordings/a"]) == 2
    assert "a spool may have more" in capsys.readouterr().err
    assert fake.bucket.requests == []
    for option in ("--no-spool", "--nobody-records", "--dry-run"):
        assert main(["recover", "s3://recordings/a", option]) == 0


def test_all_commands(fake, tmp_path, monkeypatch, capsys):
    all_commands("s3://recordings/a", tmp_path, monkeypatch, capsys)
    assert max(fake.bucket.writes.values()) == 1


@pytest.mark.interop
def test_all_commands_over_moto(fake, tmp_path, monkeypatch, capsys):
    with cloud_emulators.moto() as moto:
        monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint)
        all_commands(f"{moto.new_bucket()}/a", tmp_path, monkeypatch, capsys)
        assert main(["timeline", "s3://no-such-bucket"]) == 2
        assert "no such bucket" in capsys.readouterr().err
        assert main(["record", str(CLIP), "--store", "s3://no-such-bucket"]) == 2
        assert "no such bucket" in capsys.readouterr().err


@pytest.mark.interop
def test_all_commands_over_azurite(fake, tmp_path, monkeypatch, capsys):
    (tmp_path / "azurite").mkdir()
    with cloud_emulators.azurite(tmp_path / "azurite") as azurite:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", cloud_emulators.ACCOUNT)
        monkeypatch.setenv("AZURE_STORAGE_KEY", cloud_emulators.ACCOUNT_KEY)
        monkeypatch.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", azurite.endpoint)
        all_commands(f"{azurite.new_bucket()}/a", tmp_path, monkeypatch, capsys)


def test_all_commands_over_googles_interface(fake, tmp_path, monkeypatch, capsys):
    with FakeServer(dialect="gcs") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
        all_commands("gs://recordings/a", tmp_path, monkeypatch, capsys)
        assert max(server.bucket.writes.values()) == 1


def test_a_file_of_options(fake, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    Path("options.toml").write_text(f'endpoint = "{fake.endpoint}"\nstorage_class = "GLACIER_IR"\n')
    options = ["--store-options", "options.toml"]
    assert main(["record", str(CLIP), "--store", "s3://recordings", *options, "-q"]) == 0
    assert main(["timeline", "s3://recordings", *options]) == 0
    assert main(["copy", "s3://recordings", "s3://other", "--source-options", "options.toml",
                 "--target-options", "options.toml"]) == 0  # fmt: skip
    assert fake.bucket.objects["recordings"].keys() == fake.bucket.objects["other"].keys() != set()
    assert main(["timeline", str(tmp_path), *options]) == 2
    assert "only stores in the cloud have options" in capsys.readouterr().err


def test_the_commands_of_the_page_run(fake, tmp_path):
    """As they stand there, in a shell."""
    script = "".join(re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "cloud.md").read_text(), re.DOTALL))
    assert script.count("onvif-bmff ") == 12
    os.link(CLIP, tmp_path / "camera.mp4")
    assert main(["record", str(CLIP), "--store", str(tmp_path / "recordings"), "--start", "2024-05-01T12:00:00Z"]) == 0
    (tmp_path / "onvif-bmff").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m onvif_bmff "$@"\n')
    (tmp_path / "onvif-bmff").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path])
    command = ["sh", "-eu", "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clip.mp4").stat().st_size > 10_000
    assert list(DirectoryStore(tmp_path / "evidence").keys())


def test_a_store_that_refuses_is_one_line(fake, capsys):
    original = Handler._done
    Handler._done = lambda self, body: (403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", {})
    try:
        assert main(["timeline", "s3://recordings"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "refuses these credentials" in said
        assert "SECRETFAKE" not in said
    finally:
        Handler._done = original
