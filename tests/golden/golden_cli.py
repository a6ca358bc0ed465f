"""Golden records of the commands: what they print, their exit status, and the files that they write."""

import io
import os
import re
import tempfile
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

from golden_kit import Kind, Record, digest

from onvif_bmff.cli.main import main

TESTS = Path(__file__).resolve().parents[1]
_CLIP = TESTS / "data" / "camera.mp4"
_KEY = "0123abcd-0000-4000-8000-0000000000ff:000102030405060708090a0b0c0d0e0f"
_RECORD = ("record", str(_CLIP), "--start", "2022-11-08T15:08:23.547Z", "--prefix", "site-2", "--postfix", "camera-5")
_RANDOM = re.compile(rb'(?<="ObjectId": ")[0-9a-f]{32}|(?<="inode": )[0-9]+')
_SHORT = ("--segment-duration", "PT2S", "--span-duration", "PT6S")
_RANGE = ("--from", "2022-11-08T15:08:25Z", "--to", "2022-11-08T15:08:31Z")

STEPS: dict[str, tuple[str, ...]] = {
    "record-cmaf": (*_RECORD, *_SHORT, "--source", "camera 7", "--store", "@cmaf"),
    "record-mp4": (*_RECORD, *_SHORT, "--format", "MP4", "--digits", "6", "--store", "@mp4"),
    "record-nothing": ("record", "@absent.mp4", "--store", "@none"),
    "record-bad-option": ("record", str(_CLIP), "--store", "@none", "--segment-duration", "soon"),
    "timeline": ("timeline", "@cmaf"),
    "timeline-json": ("timeline", "--json", "@cmaf"),
    "timeline-picture": ("timeline", "--picture", "@mp4"),
    "timeline-range": ("timeline", *_RANGE, "@mp4"),
    "timeline-empty": ("timeline", "@none"),
    "validate": ("validate", "@cmaf"),
    "validate-json": ("validate", "--json", "@mp4"),
    "validate-shallow": ("validate", "--shallow", "@mp4"),
    "validate-encrypted": ("validate", "--prove-encrypted", "@mp4"),
    "validate-rules": ("validate", "--rules"),
    "export": ("export", *_RANGE, "-o", "@export.mp4", "@cmaf"),
    "export-progressive": ("export", "--progressive", "--faststart", "-o", "@progressive.mp4", "@mp4"),
    "export-exact": ("export", *_RANGE, "--exact", "--gaps", "cut", "-o", "@exact.mp4", "@mp4"),
    "export-hls": ("export", "--hls", "@hls", "--base", "../cmaf/", "@cmaf"),
    "export-nothing": ("export", "--from", "2023-01-01T00:00:00Z", "-o", "@nothing.mp4", "@cmaf"),
    "decrypt-clear": ("decrypt", str(_CLIP), "--key", _KEY, "-o", "@clear.mp4"),
    "inspect": ("inspect", str(_CLIP)),
    "inspect-broken": ("inspect", "@broken.mp4"),
    "recover-dry": ("recover", "--dry-run", "--json", "@cmaf"),
    "recover-open": ("recover", "--dry-run", "--nobody-records", "@open"),
    "recover-ends": ("recover", "--nobody-records", "@open"),
    "validate-damaged": ("validate", "--json", "@damaged"),
    "timeline-damaged": ("timeline", "@damaged"),
    "help": ("--help",),
    "diagnose": ("diagnose", "@cmaf"),
    "diagnose-damaged": ("diagnose", "--json", "@damaged"),
    "diagnose-help": ("diagnose", "--help"),
}
"""Commands by name, in the order in which they are run; ``@`` stands for the folder that all of them work in."""


def command(*arguments: str) -> dict[str, Any]:
    """Run a command in this process; its exit status, and what it prints."""
    out, err = io.StringIO(), io.StringIO()
    columns, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), "100"
    try:
        with ExitStack() as stack:
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            try:
                status: Any = main(list(arguments))
            except SystemExit as exit_:
                status = exit_.code
    finally:
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


@cache
def _all() -> dict[str, Record]:
    """All commands, run once, in a folder that is gone afterwards."""
    found: dict[str, Record] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "broken.mp4").write_bytes(_CLIP.read_bytes()[:2000])
        for step, arguments in STEPS.items():
            if step == "recover-open":
                _copy(folder / "cmaf", folder / "open", lambda path: not path.name.endswith("_end"))
            elif step == "validate-damaged":
                _copy(folder / "mp4", folder / "damaged", lambda path: ".1.mp4" not in path.name)
            before = _files(folder)
            ran = command(*(_at(one, folder) for one in arguments))
            ran = {what: _plain(text, folder) for what, text in ran.items()}
            if step.startswith("record-"):
                ran["out"] = "".join(sorted(ran["out"].splitlines(keepends=True)))  # in which order objects are sealed
            changed = {path: body for path, body in _files(folder).items() if before.get(path) != body}
            gone = sorted(before.keys() - _files(folder).keys())
            counts = {"status": ran["status"], "out": len(ran["out"]), "err": len(ran["err"]), "files": len(changed)}
            found[step] = Record({**ran, "files": changed, "gone": gone}, counts)
    return found


def _at(argument: str, folder: Path) -> str:
    return str(folder / argument[1:]) if argument.startswith("@") else argument


def _plain(text: Any, folder: Path) -> Any:
    if not isinstance(text, str):
        return text
    return text.replace(str(folder), "@").replace(str(TESTS), "tests")


def _files(folder: Path) -> dict[str, Any]:
    """Size and digest of every file below a folder but the locks of stores; ids and inodes of objects are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "locks" not in path.parts:
            body = _RANDOM.sub(b"", path.read_bytes())
            found[str(path.relative_to(folder))] = [len(body), digest(body)]
    return found


def _copy(source: Path, to: Path, wanted: Any) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file() and wanted(path):
            target = to / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())


def _cli(name: str) -> Record:
    return _all()[name]


KINDS = {"cli": Kind(list(STEPS), _cli, list(STEPS))}
