"""Ways of measuring: CPU time in this process, CPU time and peak memory of another, and clips to measure with."""

import gc
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Spread = tuple[float, float, float]
"""Median, least and most of several runs."""
CACHE = Path(tempfile.gettempdir()) / "onvif-bmff-benchmarks"


def cpu_seconds(work: Callable[[], object], runs: int) -> Spread:
    """Median, least and most CPU seconds (user and system) of a call, after one call that does not count."""
    found = []
    for run in range(runs + 1):
        gc.collect()
        start = time.process_time()
        work()
        if run:
            found.append(time.process_time() - start)
    return statistics.median(found), min(found), max(found)


def process_seconds(command: Sequence[str], runs: int) -> Spread | None:
    """Median, least and most CPU seconds of a whole process; None if it cannot be run or fails."""
    found = []
    for run in range(runs + 1):
        measured = process_once(command)
        if measured is None:
            return None
        if run:
            found.append(measured[0])
    return statistics.median(found), min(found), max(found)


def process_once(command: Sequence[str]) -> tuple[float, int] | None:
    """CPU seconds and peak resident KiB of one process; None if it cannot be run or fails."""
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        return None
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def tool(name: str) -> str | None:
    """Path of a peer on this machine."""
    return shutil.which(name)


def camera_clip(seconds: int, *, slices: int = 1, quick: bool = False) -> Path:
    """A 1080p25 H.264 4 Mbit/s clip with B-frames, GOP 50 and noise, and AAC; made by ffmpeg once and kept."""
    size = "640x360" if quick else "1920x1080"
    rate = "1M" if quick else "4M"
    arguments = [
        "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25,noise=alls=12:allf=t",
        "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
        "-t", str(seconds), "-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-bf", "2", "-slices", str(slices),
        "-b:v", rate, "-maxrate", rate, "-bufsize", "8M", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "64k",
    ]  # fmt: skip
    name = hashlib.sha256(" ".join(arguments).encode()).hexdigest()[:16] + ".mp4"
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / name
    if not path.exists():
        ffmpeg = tool("ffmpeg")
        if ffmpeg is None:
            sys.exit("benchmarks: ffmpeg is needed to make a clip")
        part = path.with_suffix(".part.mp4")
        subprocess.run([ffmpeg, "-v", "error", "-y", *arguments, str(part)], check=True)
        part.rename(path)
    return path


def row(
    workload: str,
    ours: float | Spread,
    unit: str,
    *,
    peer: str = "",
    theirs: float | Spread | str | None = None,
    reach: str = "",
    note: str = "",
    scale: float = 1.0,
) -> dict[str, object]:
    """One line of the table. ``ratio`` is ours ÷ theirs, of the medians: below 1 we need less.

    Numbers may come with their spread (median, least, most), and are multiplied by ``scale``. A text in place of
    ``theirs`` says why there is none ("absent", "failed").
    """
    if isinstance(theirs, str):
        peer, theirs = f"{peer}: {theirs}", None
    mine, my_spread = _parts(ours, scale)
    other, other_spread = (None, None) if theirs is None else _parts(theirs, scale)
    return {
        "workload": workload,
        "ours": mine,
        "ours_spread": my_spread,
        "unit": unit,
        "peer": peer,
        "theirs": other,
        "theirs_spread": other_spread,
        "ratio": mine / other if other else None,
        "reach": reach,
        "note": note,
    }


def _parts(number: float | Spread, scale: float) -> tuple[float, tuple[float, float] | None]:
    """The median, and the least and the most if they are known."""
    if isinstance(number, tuple):
        return number[0] * scale, (number[1] * scale, number[2] * scale)
    return number if scale == 1 else number * scale, None
