"""A device needs no privileges, and no writable file system but its data directory; it writes nowhere else."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from support_confined import confined

from onvif_bmff.cli.main import main
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore

ROOT = Path(__file__).resolve().parents[2]
BUCKET = """
[[storages]]
token = "line"
url = "s3://nowhere"
options = {endpoint = "http://127.0.0.1:9", region = "x", access_key_id = "a", secret_access_key_env = "LINE_SECRET"}

[[recordings]]
token = "far"
storage = "line"
segment_duration = "PT1S"

[[jobs]]
token = "far-always"
recording = "far"
[[jobs.sources]]
camera = "front"

[[recordings]]
token = "near"

[[jobs]]
token = "near-always"
recording = "near"
[[jobs.sources]]
camera = "front"
"""
WRITTEN = ("recordings/site-1/**/*.m4v", "spool/*/waiting/**/*.m4v", "local/.onvif_bmff/open/*.data", "device.sqlite")


@pytest.fixture
def sample(tmp_path):
    """The sample, with a recording to a bucket out of reach and one without a storage, and its data directory."""
    pytest.importorskip("obstore")
    made, data = tmp_path / "etc" / "device.toml", tmp_path / "data"
    made.parent.mkdir()
    data.mkdir()
    main(["device", "--print-sample", str(made)])
    text = made.read_text().replace('data_directory = "recorder"', f'data_directory = "{data}"').replace("PT5S", "PT1S")
    made.write_text(text + BUCKET)
    return made, data


@contextmanager
def running(command, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LINE_SECRET": "s", "TMPDIR": "/tmp"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_records_without_privileges_on_read_only_file_systems(sample):
    made, data = sample
    command = confined([sys.executable, "-m", "onvif_bmff", "device", str(made), "--listen", "127.0.0.1:0"], data)
    with running(command, made.parent) as process:
        end = time.monotonic() + 60
        while not all(any(path.stat().st_size for path in data.glob(wanted)) for wanted in WRITTEN):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end, [str(path) for path in data.rglob("*")]
            time.sleep(0.1)
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 143, said
    assert "Read-only" not in said
    assert "Permission denied" not in said
    for name in ("recordings", "local"):
        spans = Timeline.from_store(DirectoryStore(data / name)).spans
        assert spans
        assert all(span.end_name is not None for span in spans)
    assert {path.name for path in made.parent.iterdir()} == {made.name}


def test_a_data_directory_that_cannot_be_written_is_named(sample):
    made, data = sample
    other = data.with_name("other")
    other.mkdir()
    command = confined([sys.executable, "-m", "onvif_bmff", "device", str(made)], other)
    with running(command, made.parent) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    (line,) = said.splitlines()
    assert line == f"onvif-bmff: locking '{data}/device.lock' failed: Read-only file system"
