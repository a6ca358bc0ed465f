"""``onvif-bmff device``: the sample runs, is read anew at SIGHUP, and ends with its spans closed."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from support_tools import need_module

from onvif_bmff.cli.main import main
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.file_lock import FileLock
from onvif_bmff.validation import validate_store

ROOT = Path(__file__).resolve().parents[2]


def test_the_bundled_clip_is_that_of_the_tests():
    clip = ROOT / "onvif_bmff" / "cli" / "camera.mp4"
    assert clip.read_bytes() == (ROOT / "tests" / "data" / "camera.mp4").read_bytes()


def test_the_sample_is_for_its_owner_and_is_not_overwritten(tmp_path, capsys):
    made = tmp_path / "device.toml"
    assert main(["device", "--print-sample", str(made)]) == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    before = made.read_text()
    assert main(["device", "--print-sample", str(made)]) == 2
    assert made.read_text() == before
    assert main(["device", "--print-sample"]) == 0
    assert capsys.readouterr().out != before  # another password


def test_check_names_faults_and_warns_of_open_passwords(tmp_path, capsys):
    made = tmp_path / "device.toml"
    main(["device", "--print-sample", str(made)])
    assert main(["device", str(made), "--check"]) == 0
    said = capsys.readouterr()
    assert "into recording front, CMAF PT5S, clear, to disk" in said.out
    assert said.err == ""
    made.chmod(0o644)
    assert main(["device", str(made), "--check"]) == 0
    assert capsys.readouterr().err.count("all users of this machine can read it") == 1
    made.write_text(made.read_text().replace('token = "disk"', 'tokn = "disk"'))
    assert main(["device", str(made), "--check"]) == 2
    assert "storages[0].tokn: there is no such key; did you mean 'token'?" in capsys.readouterr().err


def test_a_port_that_is_in_use_is_named(tmp_path, capsys):
    made = tmp_path / "device.toml"
    main(["device", "--print-sample", str(made)])
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        assert main(["device", str(made), "--listen", place]) == 2
    assert f"nothing can be served at {place}: Address already in use" in capsys.readouterr().err


def test_a_second_device_on_one_data_directory_ends_at_once_with_a_line(tmp_path, capsys):
    made = tmp_path / "device.toml"
    main(["device", "--print-sample", str(made)])
    (tmp_path / "recorder").mkdir(mode=0o700)
    held = FileLock(str(tmp_path / "recorder" / "device.lock"), "in use")
    try:
        assert main(["device", str(made)]) == 2
    finally:
        held.release()
    assert capsys.readouterr().err == f"onvif-bmff: another device uses this data directory: {tmp_path / 'recorder'}\n"


BROKEN = [
    ('\ntoken = "front"', '\ntokken = "front"', "did you mean 'token'?"),
    ("[[storages]]", "[[storage]]", "storage: there is no such key; did you mean 'storages'?"),
    ('segment_duration = "PT5S"', "segment_duration = 5", "and not a whole number"),
    ('segment_duration = "PT5S"', 'segment_duration = "5s"', 'such as "PT20S"'),
    ('segment_duration = "PT5S"', 'segment_duration = "PT0S"', 'at least "PT1S" is needed'),
    ("[[storages]]", '[[cameras]]\ntoken = "front"\nfile = "x.mp4"\n[[storages]]', "another one has this name"),
    ('#listen = "127.0.0.1:9464"', 'listen = "127.0.0.1:99999"', "HOST:PORT is needed"),
    ('url = "recordings"', 'url = "ftp://host/folder"', "not ftp: locations"),
    ('\npassword = "', '\npassword_file = "gone.txt"\n#password = "', "gone.txt: No such file or directory"),
    ('\npassword = "', '\npassword_env = "NOT_SET_ANYWHERE"\n#password = "', "there is no variable"),
    ('storage = "disk"', 'storage = "disc"', "did you mean 'disk'?"),
    ('recording = "front"', 'recording = "frnt"', "did you mean 'front'?"),
    ('camera = "front"', 'camera = "fron"', "did you mean 'front'?"),
    ('level = "Administrator"', 'level = "Root"', 'one of "Administrator", "Operator", "User" is needed'),
    ("[[cameras]]", "[[cameras]", "not TOML"),
    ('\ntoken = "front"', '\ntoken = "front"\ntoken = "front"', "not TOML"),
    ("[[jobs]]", "[jobs]", "tables are needed: [[jobs]]"),
    ('data_directory = "recorder"', "data_directory = 3", "a text in quotes is needed"),
    ('#patience = "PT300S"', 'patience = "5m"', "clock.patience: a duration"),
    ("[[jobs]]", '[[keys]]\nname = "k"\nkid = "zz"\nkey = "00"\n[[jobs]]', "a key ID is a UUID"),
]


def test_twenty_broken_files_are_each_refused_in_a_line_with_its_number(tmp_path, capsys):
    made, broken = tmp_path / "device.toml", tmp_path / "broken.toml"
    main(["device", "--print-sample", str(made)])
    sample = made.read_text()
    assert len(BROKEN) == 20
    for old, new, part in BROKEN:
        assert old in sample
        broken.write_text(sample.replace(old, new, 1))
        broken.chmod(0o600)
        assert main(["device", str(broken), "--check"]) == 2, new
        said = capsys.readouterr()
        (line,) = [line for line in said.err.splitlines() if part in line]
        assert re.match(rf"onvif-bmff: {re.escape(str(broken))}:\d+: ", line), line
        assert "Traceback" not in said.err
        assert said.out == ""


class Running:
    """A device in a process of its own, and the service manager that it tells how it is; a context manager."""

    def __init__(self, file, *options, address=None, **variables):
        self.folder = file.parent
        self.address = address or str(file.parent / "notify")
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.link.bind(self.address.replace("@", "\0"))
        self.link.settimeout(30)
        environment = {**os.environ, "NOTIFY_SOCKET": self.address, "PYTHONPATH": str(ROOT), **variables}
        command = [sys.executable, "-m", "onvif_bmff", "device", str(file), *options]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=self.folder)

    def __enter__(self):
        assert b"READY=1" in self.link.recv(1000)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self.link.close()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        assert self.link.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert b"READY=1" in self.link.recv(1000)

    def stop(self):
        """Send SIGTERM; the exit status, and what was said on standard error."""
        self.process.terminate()
        assert self.link.recv(1000) == b"STOPPING=1"
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def wait_for(self, pattern, more_than=0):
        """Wait until so many files are there."""
        end = time.monotonic() + 60
        while len(found := list(self.folder.glob(pattern))) <= more_than:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end, pattern
            time.sleep(0.05)
        return len(found)


@pytest.fixture
def sample(tmp_path):
    """The sample, with segments of a second."""
    made = tmp_path / "device.toml"
    main(["device", "--print-sample", str(made)])
    made.write_text(made.read_text().replace("PT5S", "PT1S"))
    return made


def spans_of(folder, prefix):
    found = [one for one in Timeline.from_store(DirectoryStore(folder)).spans if one.extension == "m4v"]
    assert all(span.end_name is not None for span in found)
    return [span for span in found if span.segments[0].name.startswith(prefix)]


MORE = """
[[recordings]]
token = "{0}"
storage = "disk"
prefix = "{0}"
segment_duration = "PT{1}S"
[[jobs]]
token = "{0}-always"
recording = "{0}"
[[jobs.sources]]
camera = "front"
"""


def test_a_device_runs_is_read_anew_and_ends(sample, tmp_path):
    text = sample.read_text()
    sample.write_text(text + MORE.format("other", 1) + MORE.format("gone", 1))
    abstract = f"@conf-{os.getpid()}"
    with Running(sample, address=abstract) as device:
        for name in ("site-1", "other", "gone"):
            device.wait_for(f"recorder/recordings/{name}/**/*.m4v")
        sample.write_text(text.replace('level = "Administrator"', 'level = "Root"'))
        device.reload()
        sample.write_text(text.replace('level = "Administrator"', 'level = "Operator"') + MORE.format("other", 2))
        device.reload()
        for name in ("site-1", "other"):
            pattern = f"recorder/recordings/{name}/**/*.m4v"
            device.wait_for(pattern, device.wait_for(pattern) + 1)
        sample.write_text(text + MORE.format("other", 2) + MORE.format("new", 1))
        device.reload()
        device.wait_for("recorder/recordings/new/**/*.m4v")
        status, said = device.stop()
    assert status == 143
    assert "users[0].level: one of" in said
    assert said.count("goes on as before") == 1
    store = tmp_path / "recorder" / "recordings"
    (whole,) = spans_of(store, "site-1")  # unchanged recordings go on without a gap
    (gone,), (new,) = spans_of(store, "gone"), spans_of(store, "new")
    assert gone.end < new.start
    assert whole.start < gone.end
    assert whole.end > new.start
    assert [one for one in validate_store(DirectoryStore(store)) if one.level.value == "error"] == []
    assert {path.name for path in tmp_path.iterdir()} == {"device.toml", "recorder"}


def test_it_listens_and_says_what_its_file_wants_of_the_log(sample, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "word.txt").write_text("the-word\nmore\n")
    text = re.sub('\npassword = ".*"', '\npassword_file = "word.txt"', sample.read_text())
    sample.write_text(text.replace('#level = "warning"', 'level = "info"'))
    with Running(sample, "--listen", f"127.0.0.1:{port}", WATCHDOG_USEC="400000") as device:
        assert [device.link.recv(1000) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        device.wait_for("recorder/recordings/site-1/**/*.m4v")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert json.load(answer)["recordings"] == {"Idle": 0, "Active": 1, "Error": 0}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
        device.process.terminate()
        while (message := device.link.recv(1000)) == b"WATCHDOG=1":
            pass
        assert message == b"STOPPING=1"
        _, said = device.process.communicate(timeout=30)
    assert device.process.returncode == 143
    assert "onvif-bmff: info: the device records: 1 recordings" in said
    assert "debug: " not in said
    assert "the-word" not in said


HANGING = """
[spool]
used = false
[[storages]]
token = "line"
url = "s3://nowhere"
options = {{endpoint = "http://127.0.0.1:{}", region = "x", access_key_id = "a", secret_access_key_env = "HOME"}}
[[recordings]]
token = "far"
storage = "line"
segment_duration = "PT1S"
[[jobs]]
token = "far-always"
recording = "far"
[[jobs.sources]]
camera = "front"
"""


@pytest.fixture
def hanging(sample):
    """A sample with a bucket that takes connections, and never answers."""
    need_module("obstore")
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        text = sample.read_text().replace('#patience = "PT300S"', 'patience = "PT0S"')
        sample.write_text(text.replace("[spool]", "") + HANGING.format(server.getsockname()[1]))
        yield sample


def test_an_end_that_hangs_is_bounded(hanging, tmp_path):
    with Running(hanging, "--stop-timeout", "PT2S") as device:
        device.wait_for("recorder/recordings/site-1/**/*.m4v", 1)
        began = time.monotonic()
        status, said = device.stop()
        assert time.monotonic() - began < 2 + 8  # the machine may be busy
    assert status == 1
    assert "not all spans were closed within 2 s" in said
    assert len(spans_of(tmp_path / "recorder" / "recordings", "site-1")) == 1  # the others are


def test_a_second_signal_ends_at_once(hanging):
    with Running(hanging, "--stop-timeout", "PT300S") as device:
        device.wait_for("recorder/recordings/site-1/**/*.m4v", 1)
        device.process.terminate()
        assert device.link.recv(1000) == b"STOPPING=1"
        time.sleep(0.3)
        assert device.process.poll() is None
        device.process.send_signal(signal.SIGINT)
        assert device.process.wait(timeout=15) == -signal.SIGINT
