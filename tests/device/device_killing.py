"""Kills devices, and looks at what is left. ``python tests/device/device_killing.py 200`` is the long run."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from device_kit import fast_device, faults, sealed
from device_victim import CAMERAS

from onvif_bmff.control import FixedResources, RecordingService
from onvif_bmff.playback import Timeline, read_segment
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.storage.sqlite import SqlitePersistence
from onvif_bmff.timing import UtcTime

HERE = Path(__file__).resolve().parent
START = UtcTime.parse("2026-01-02T03:04:05.678Z")
STEP = timedelta(minutes=3)


class Truth:
    """What was acknowledged, and what was under way when the process died."""

    def __init__(self):
        self.contents = {}
        self.gone = set()
        self.pending = None
        self.operations = 0

    def take(self, line):
        if "begin" in line:
            self.pending = line
        elif "done" in line:
            self.pending = None
            self.operations += 1
            if line["done"] == "delete":
                self.contents.pop(line["token"], None)
                self.gone.add(line["token"])
            else:
                self.contents[line["token"]] = line["content"]

    def check(self, service):
        found = {item.recording_token: item for item in service.get_recordings()}
        pending = self.pending or {}
        for token, content in self.contents.items():
            if pending.get("begin") == "delete" and pending["token"] == token:
                continue
            allowed = {content}
            if pending.get("begin") == "note" and pending["token"] == token:
                allowed.add(pending["content"])
            assert token in found, "an acknowledged recording is gone"
            assert found[token].configuration.content in allowed, "an acknowledged change is gone"
        assert not self.gone & found.keys(), "a deleted recording is back"
        for item in found.values():
            assert [track.track_token for track in item.tracks] == ["VIDEO001", "AUDIO001", "META001"]
        for held in service.get_recording_jobs():
            assert held.job_configuration.recording_token in found
        # what was under way has happened or not: from now on that is the truth
        known = {token: item.configuration.content for token, item in found.items()}
        extra = known.keys() - self.contents.keys()
        strangers = [token for token in extra if not found[token].configuration.source.name]
        assert len(strangers) <= (pending.get("begin") == "create")
        self.contents = {token: content for token, content in known.items() if content}
        self.pending = None


def kill_once(folder, number, seed, truth):
    """Run a victim for a moment, kill it, and look at its files before anybody recovers them."""
    choose = random.Random(f"{seed} {number}")
    start = (START + number * STEP).isoformat(3)
    command = [sys.executable, str(HERE / "device_victim.py"), str(folder), start, f"{seed}{number}"]
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    for line in child.stdout:
        if json.loads(line).get("ready"):
            break
    else:
        raise AssertionError(child.stderr.read())
    time.sleep(choose.uniform(0.0, 1.6))
    while truth.operations < 4 * (number + 1):  # however slow the machine is
        truth.take(json.loads(child.stdout.readline()))
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()  # of the same buffer: communicate() would pass over what lies in it
    child.wait()
    child.stdout.close()
    child.stderr.close()
    for line in rest.splitlines():
        try:
            truth.take(json.loads(line))
        except ValueError:
            assert line is rest.splitlines()[-1]
    service = RecordingService(
        clock=lambda: START + (number + 1) * STEP,
        persistence=SqlitePersistence(folder / "control.db"),
        resources=FixedResources(storages={"s3"}, profiles={"cam", "other"}),
    )
    truth.check(service)
    service.close()


def check_whole(store, checked):
    """Every object that can be seen is whole, though nobody has cleaned up."""
    for key in sealed(store):
        if key not in checked:
            segment = read_segment(store.get(key))
            assert segment.fragments
            assert segment.random_access is not None
            assert store.head(key).attributes
            checked.add(key)


def kill_many(kills, folder, seed=1, progress=False):
    """Kill ``kills`` times, recover each time, and look at everything in the end."""
    truth, checked = Truth(), set()
    store = DirectoryStore(folder / "bucket", fsync=False)
    left = 0
    for number in range(kills):
        kill_once(folder, number, seed, truth)
        check_whole(store, checked)
        left += sum(item.size > 0 for item in store.unsealed())
        if progress:
            print(f"{number + 1} killed, {truth.operations} operations, {len(checked)} segments, {left} left open")
    last = fast_device(
        {"s3": store},
        persistence=SqlitePersistence(folder / "control.db"),
        start=START + (kills + 1) * STEP,
    )
    with last as device:
        assert device.wait_recovered(60)
        assert [error for report in device.recovery for error in report.errors] == []
        before = len(sealed(store))
        assert store.unsealed() == []
        end = time.monotonic() + 20
        while len(sealed(store)) < before + 2 * CAMERAS:
            assert time.monotonic() < end, "recording does not go on"
            time.sleep(0.05)
    check_whole(store, checked)
    found = faults(store)
    assert found == [], found[:5]
    spans = list(Timeline.from_store(store).spans)
    assert all(span.end is not None for span in spans), "a span was never ended"
    return {
        "kills": kills,
        "operations": truth.operations,
        "segments": len(checked),
        "left_open": left,
        "spans": len(spans),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(kill_many(int(sys.argv[1]), Path(name), progress=True))
