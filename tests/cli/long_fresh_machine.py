"""A bare Debian: pip install of the wheel, ``--print-sample``, run; objects have to be there within 15 s.

In a root directory of its own (chroot), made by debootstrap once and kept (``--base``): Debian's smallest system with
Python and venv. Each run works in a copy, as an ordinary user. pip fetches the packages outside, with the settings that
it has here; inside it installs them from those files. Needs root, and debootstrap for the first time.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from onvif_bmff.playback import Timeline
from onvif_bmff.storage import DirectoryStore

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 15.0
USER = 1000
PROGRAM = "/opt/onvif-bmff/bin/onvif-bmff"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "onvif-bmff-tests" / "debian"
    parser.add_argument("--base", type=Path, default=cache, help=f"the bare Debian, made if missing (default {cache})")
    parser.add_argument("--suite", default="bookworm", help="release of Debian (default bookworm)")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--extras", default="", help="extras of the package to install, such as cloud,metrics")


def run(arguments: argparse.Namespace, journal: Any) -> int:
    if os.geteuid():
        sys.exit("fresh-machine needs root, for debootstrap and chroot")
    make_base(arguments)
    with tempfile.TemporaryDirectory(prefix="fresh-machine-") as place:
        machine = Path(place, "root")
        subprocess.run(["cp", "-a", "--reflink=auto", arguments.base, machine], check=True)
        fetch(machine / "wheels", python_of(machine), arguments.extras)
        began = time.monotonic()
        name = f"onvif-bmff[{arguments.extras}]" if arguments.extras else "onvif-bmff"
        inside(machine, "python3", "-m", "venv", "/opt/onvif-bmff")
        inside(machine, "/opt/onvif-bmff/bin/pip", "install", "-q", "--no-index", "--find-links", "/wheels", name)
        installed = time.monotonic() - began
        home = machine / "home" / "operator"
        home.mkdir(parents=True)
        os.chown(home, USER, USER)
        found = {"debian": (machine / "etc/debian_version").read_text().strip(), **operate(machine, home)}
    found["install_s"] = round(installed, 1)
    journal.add(str(time.time()), **found)
    print(found)
    return 0 if found["first_object_s"] <= WITHIN and found["status"] == 128 + signal.SIGTERM else 1


def make_base(arguments: argparse.Namespace) -> None:
    """Make the bare Debian, unless it is there; one that was not completed does not count."""
    base: Path = arguments.base
    if base.is_dir():
        return
    made = base.with_name(f"{base.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    made.parent.mkdir(parents=True, exist_ok=True)
    wanted = "--include=python3,python3-venv,ca-certificates"
    command = ["debootstrap", "--variant=minbase", wanted, arguments.suite, str(made), arguments.mirror]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    made.rename(base)


def inside(machine: Path, *command: str, **more: Any) -> str:
    """Run a command in the machine as root; what it prints."""
    done = subprocess.run(
        ["chroot", machine, *command], check=True, stdout=subprocess.PIPE, text=True, env=environment(), **more
    )
    return done.stdout.strip()


def environment() -> dict[str, str]:
    """What a login on a fresh machine has: nothing of ours."""
    return {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home/operator", "LANG": "C.UTF-8"}


def python_of(machine: Path) -> str:
    return inside(machine, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")


def fetch(folder: Path, python: str, extras: str) -> None:
    """Build our wheel, and fetch those that it needs for that Python."""
    pip = [sys.executable, "-m", "pip", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, str(ROOT)], check=True)
    (wheel,) = folder.glob("onvif_bmff-*.whl")
    wanted = f"{wheel}[{extras}]" if extras else str(wheel)
    only = ["--only-binary=:all:", "--python-version", python]
    subprocess.run([*pip, "download", *only, "-d", folder, wanted], check=True)


def operate(machine: Path, home: Path) -> dict[str, Any]:
    """Print a sample and run it, as an ordinary user; what was found."""
    as_user = ["chroot", f"--userspec={USER}:{USER}", machine, "/usr/bin/env", "--chdir=/home/operator", PROGRAM]
    subprocess.run([*as_user, "device", "--print-sample", "device.toml"], check=True, env=environment())
    began = time.monotonic()
    device = subprocess.Popen([*as_user, "device", "device.toml"], env=environment(), stderr=subprocess.PIPE, text=True)
    recordings = home / "recorder" / "recordings"
    try:
        while not any(recordings.glob("site-1/**/*.m4[av]")):
            if device.poll() is not None or time.monotonic() - began > 8 * WITHIN:
                break
            time.sleep(0.05)
        first = time.monotonic() - began
        time.sleep(1)
    finally:
        device.terminate()
        _, said = device.communicate(timeout=60)
    spans = list(Timeline.from_store(DirectoryStore(recordings)).spans)
    if any(span.end is None for span in spans) or not spans:
        sys.exit(f"spans are open, or there are none: {said}")
    return {"first_object_s": round(first, 1), "status": device.returncode, "spans": len(spans), "said": said}
