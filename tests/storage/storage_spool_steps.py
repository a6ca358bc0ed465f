"""SIGKILL at each system call of a recorder behind a spool that drops: nothing acknowledged is lost unlisted."""

import os
import signal

from storage_kit import child
from storage_spool_world import check_acknowledged, check_spans

from onvif_bmff.storage import DirectoryStore, SpooledStore, SpoolNotes, SpoolPolicy

VICTIM = """
import os, random, signal, sys
from onvif_bmff.errors import StoreError
from onvif_bmff.storage import DirectoryStore, SpanEndedError, SpooledStore, SpoolPolicy, WhenFull
from onvif_bmff.storage.file_system import PosixFileSystem
root, first, step, seed = sys.argv[1], *map(int, sys.argv[2:])
chance = random.Random(seed)

class Killing(PosixFileSystem):
    left = step

def killing(name):
    call = getattr(PosixFileSystem, name)
    def made(self, *given, **more):
        Killing.left -= 1
        if Killing.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(self, *given, **more)
    return made

for name in ("open", "writev", "fsync", "mkdir", "rmdir", "unlink", "link", "rename", "setxattr", "flock"):
    setattr(Killing, name, killing(name))

remote = DirectoryStore(root + "/remote", fsync=False)

class Flaky:
    location = remote.location
    def __getattr__(self, name): return getattr(remote, name)
    def open_writer(self, key, **more):
        writer = remote.open_writer(key, **more)
        class Sealing:
            append, abandon = writer.append, writer.abandon
            def seal(self, attributes):
                if chance.random() < 0.6: raise OSError("reset")
                writer.seal(attributes)
                if chance.random() < 0.3: raise OSError("the answer is lost")
        return Sealing()

policy = SpoolPolicy(first=0.001, longest=0.01, most_bytes=900, when_full=WhenFull.DROP_OLDEST, bytes_a_month=10**9)
store = SpooledStore(Flaky(), root + "/spool", policy=policy, system=Killing())

def stored(place, counter, second, end=""):
    time = f"{second // 3600:02}/{second // 60 % 60:02}-{second % 60:02}"
    key = f"site/2026-11-29/cam-{place}/{time}.000Z.{counter}.m4v{end}"
    data = b"" if end else f"{key} ".encode() * 3
    writer = store.open_writer(key, content_type="video/mp4")
    try:
        writer.append(data)
        writer.seal({} if end else {"ObjectId": f"{first + second:032}"})
    finally:
        writer.abandon()
    print(key, flush=True)

counters = {}
for second in range(first, first + 20):
    place = second % 2
    counter = counters.get(place, 0)
    try:
        if counter > 2:
            stored(place, counter, second, "_end")
            counter = 0
        stored(place, counter, second)
        counters[place] = counter + 1
    except SpanEndedError:
        counters[place] = 0
    except StoreError:
        break
"""


def killed_at(root, step, number, seed):
    """Kill a recorder at a system call; what it said that it stored, and whether it was killed."""
    victim = child(VICTIM, root, number * 20, step, seed)
    out, _ = victim.communicate(timeout=60)
    whole, _, _ = out.decode().rpartition("\n")
    said = {key: b"" if key.endswith("_end") else f"{key} ".encode() * 3 for key in whole.splitlines()}
    return said, victim.returncode == -signal.SIGKILL


def killed_at_steps(root, steps, seed):
    """Kill a recorder at system calls, one run each, with one spool; then upload what waits, and check all."""
    os.makedirs(root, exist_ok=True)
    said, drops, kills = {}, {}, 0
    for number, step in enumerate(steps):
        found, is_killed = killed_at(root, step, number, seed + number)
        said |= found
        kills += is_killed
        drops |= {one.first: one for one in SpoolNotes(f"{root}/spool").dropped}
    remote = DirectoryStore(f"{root}/remote", fsync=False)
    store = SpooledStore(remote, f"{root}/spool", policy=SpoolPolicy(first=0.001, longest=0.01))
    assert store.close(60)
    assert store.status.aside == 0
    drops |= {one.first: one for one in SpoolNotes(f"{root}/spool").dropped}
    stored = {key: remote.get(key) for key in remote.keys("")}
    check_acknowledged(said, stored, drops.values())
    check_spans(stored)
    return kills, len(said), len(drops)
