"""``onvif-bmff device``: the sample runs, is read anew at SIGHUP, and ends with its spans closed."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

from onvif_bmff.cli.main import main
from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore

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


def test_a_device_runs_is_read_anew_and_ends(tmp_path):
    made = tmp_path / "device.toml"
    main(["device", "--print-sample", str(made)])
    link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    link.bind(f"\0conf-{os.getpid()}")
    link.settimeout(20)
    environment = {**os.environ, "NOTIFY_SOCKET": f"@conf-{os.getpid()}", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "onvif_bmff", "device", str(made)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert b"READY=1" in link.recv(1000)
        time.sleep(3)
        text = made.read_text()
        made.write_text(text.replace('level = "Administrator"', 'level = "Root"'))
        process.send_signal(signal.SIGHUP)
        assert link.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert b"READY=1" in link.recv(1000)
        made.write_text(text.replace('level = "Administrator"', 'level = "Operator"'))
        process.send_signal(signal.SIGHUP)
        assert link.recv(1000).startswith(b"RELOADING=1")
        assert b"READY=1" in link.recv(1000)
        time.sleep(4)
        process.terminate()
        assert link.recv(1000) == b"STOPPING=1"
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
        link.close()
    assert process.returncode == 143
    assert "users[0].level: one of" in said
    assert said.count("goes on as before") == 1
    spans = Timeline.from_store(DirectoryStore(tmp_path / "recorder" / "recordings")).spans
    video = [span for span in spans if span.segments[0].name.endswith(".m4v")]
    assert len(video) == 1  # unchanged recordings go on without a gap
    assert all(span.end_name is not None for span in spans)
    assert {path.name for path in tmp_path.iterdir()} == {"device.toml", "recorder"}
