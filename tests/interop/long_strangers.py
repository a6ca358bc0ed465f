"""Media files as a stranger has them: recorded in both formats they are whole, valid, and shown as before."""

import argparse
import io
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from support_tools import need

from onvif_bmff.cli.main import main
from onvif_bmff.demux import CodecChange
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.ingest import main_tracks, open_mp4
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.validation import validate_store
from onvif_bmff.validation.rules import Level

if TYPE_CHECKING:
    from long import Journal

MEDIA = {".mp4", ".m4v", ".m4a", ".mov", ".m4s", ".3gp", ".ts", ".mkv", ".cmfv", ".cmfa"}
FORMATS = ("CMAF", "MP4")
OPTIONS = ("--start", "2026-03-04T10:20:30Z", "--segment-duration", "PT1H")
"""One object a span, for pictures before the sync sample of an open group are not shown if it is played alone."""

KNOWN = {
    "fragmented_captions.mp4": "P-02",  # 29 of its pictures last a tick
    "bbb.mp4": "P-02",
    "signed_test_h264.mp4": "P-02",
    "vvc_400kbps_2s.mp4": "P-03",
    "sample_fragmented_uuid.mp4": "ANX-B.3-08",  # its offsets lead elsewhere: nothing in it is NAL units
    "fragmented.mp4": "ANX-B.3-08",
}
"""What the validator finds because it is so in the file, by file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the files are."""
    parser.add_argument("folders", nargs="+", type=Path, help="folders of media files")


def payloads(path: Path, format_name: str) -> dict[str, list[bytes]]:
    """The samples that have bytes, of each track that a format records, by kind and number of the track among these."""
    found: dict[str, list[bytes]] = {}
    with open_mp4(path) as source:
        tracks = main_tracks(source) if format_name == "CMAF" else source.tracks
        names = {track.track_id: f"{track.type.lower()}{track.token[-3:]}" for track in tracks}
        for item in source.samples():
            if item.track_id in names and not isinstance(item, CodecChange) and len(item.data):
                found.setdefault(names[item.track_id], []).append(bytes(item.data))
    return found


def pictures(path: Path, *input_options: str) -> list[str] | None:
    """The pictures that ffmpeg shows of a file, by their sums; None if it has none that ffmpeg can show."""
    options = ("-v", "error", "-nostdin", *input_options, "-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough")
    done = subprocess.run(
        [need("ffmpeg"), *options, "-f", "framemd5", "-"], capture_output=True, text=True, check=False, timeout=120
    )
    shown = [line.rsplit(",", 1)[1].strip() for line in done.stdout.splitlines() if line[:1] not in ("", "#")]
    return shown if shown and not done.returncode else None


def examine(path: Path, format_name: str, folder: Path) -> dict[str, object]:
    """Record a file, and return how that ended, and what is wrong with the result."""
    said, store = io.StringIO(), folder / "store"
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        status = main(["record", str(path), "--store", str(store), "--format", format_name, *OPTIONS])
    message = said.getvalue().replace(str(path), "FILE").strip()
    objects = DirectoryStore(store) if store.is_dir() else None
    keys = [] if objects is None else [key for key in objects.keys("") if not key.endswith("_end")]
    if objects is None or not keys:
        return {"status": status, "said": message[-200:], "problems": []}
    problems = [f"{one.rule} {one.message}" for one in validate_store(objects) if one.level is not Level.NOTE]
    problems += ["a traceback"] * ("Traceback" in message)
    stored: dict[str, list[bytes]] = {}
    shown: list[str] = []
    for key in keys:
        made = folder / "object.mp4"
        made.write_bytes(objects.get(key))
        for name, samples in payloads(made, format_name).items():
            stored.setdefault(name[:-3] if format_name == "CMAF" else name, []).extend(samples)
        shown += pictures(made) or ()
    try:
        sent = payloads(path, format_name)
    except OnvifBmffError:
        sent = None  # another container
    for name, samples in (sent or {}).items():
        kept = stored.get(name[:-3] if format_name == "CMAF" else name, [])
        if kept != samples:
            problems.append(f"{name}: {len(kept)} samples of {len(samples)} are stored, or others")
    original = pictures(path)
    if original is not None and Counter(original) != Counter(shown):
        original = pictures(path, "-ignore_editlist", "1") or original  # a recording has what an edit list cuts off
    if original is not None and Counter(original) != Counter(shown):
        problems.append(f"ffmpeg shows {len(shown)} pictures of {len(original)}, or others")
    return {"status": status, "said": message[-200:], "problems": problems}


def run(arguments: argparse.Namespace, journal: "Journal") -> int:
    """Try all files; 1 if anything is wrong with one."""
    total: Counter[str] = Counter()
    for folder in arguments.folders:
        for path in sorted(one for one in folder.rglob("*") if one.suffix in MEDIA):
            for format_name in FORMATS:
                key = f"{path.relative_to(folder)} {format_name}"
                if key not in journal:
                    began = time.process_time()
                    with tempfile.TemporaryDirectory() as scratch:
                        found = examine(path, format_name, Path(scratch))
                    journal.add(key, seconds=round(time.process_time() - began, 3), **found)
                step = journal.steps[key]
                total["recordings"] += 1
                total[f"with status {step['status']}"] += 1
                problems = [one for one in step["problems"] if not one.startswith(KNOWN.get(path.name, "?"))]
                total["with problems"] += bool(problems)
                total["with known faults of the file itself"] += len(problems) < len(step["problems"])
                for problem in problems[:3]:
                    print(f"{key}: {problem}  [{step['said']}]", flush=True)
    print(", ".join(f"{count} {what}" for what, count in total.items()))
    return 1 if total["with problems"] else 0
