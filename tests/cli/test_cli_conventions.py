"""What all commands have in common: exit statuses, JSON with a version, verbosity, progress, and docs that say so."""

import importlib
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from onvif_bmff.cli.commands import COMMANDS
from onvif_bmff.cli.machine import SCHEMAS
from onvif_bmff.cli.main import main
from onvif_bmff.cli.progress import progress
from onvif_bmff.cli.status import MEANINGS, Status, signal_status
from onvif_bmff.storage import DirectoryStore, StoreSink
from onvif_bmff.testing.recordings import recorded_events

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text()
CLIP = ROOT / "tests" / "data" / "camera.mp4"
KEY = "8badf00d0badc0de8badf00d0badc0de"
KID = "0123abcd-0000-4000-8000-0000000000ff"


def table(head):
    """The rows of the page's table with this head, as lists of cells."""
    lines = PAGE.splitlines()
    at = lines.index(head) + 2
    rows = []
    while lines[at].startswith("|"):
        rows.append([cell.strip() for cell in lines[at].strip("|").split("|")])
        at += 1
    return rows


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A recording with a hole, so that the validator finds something."""
    root = tmp_path_factory.mktemp("store")
    with StoreSink(DirectoryStore(root, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",), segments=4))
    next(path for path in root.rglob("*.1.m4v")).unlink()
    return root


def test_the_table_of_exit_statuses_is_the_codes():
    assert dict(table("| status | meaning |")) == MEANINGS
    assert [str(int(status)) for status in Status] == list(MEANINGS)[:-1]
    for number, name in re.findall(r"(\d+) (SIG[A-Z]+)", MEANINGS["128 + n"]):
        assert int(number) == signal_status(getattr(importlib.import_module("signal"), name))


def test_the_table_of_findings_is_the_codes():
    wanted = [[f"`{name}`", row.findings] for name, row in COMMANDS.items() if row.findings]
    assert table("| command | status 1 means |") == wanted


def test_the_table_of_schemas_is_the_codes():
    listed = {schema.strip("`") for _, schema, _ in table("| command | schema | members |")}
    assert listed == {f"onvif-bmff/{name}/{version}" for name, version in SCHEMAS.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_follows_the_conventions(name, capsys):
    module = importlib.import_module(f"onvif_bmff.cli.{name.replace('-', '_')}")
    assert set(module.__all__) >= {"register", "run"}
    assert main([name, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "-v, --verbose" in shown
    assert "-q, --quiet" in shown
    assert "Exit status: 0 success" in shown
    assert (f"1 {COMMANDS[name].findings}" in shown) == (COMMANDS[name].findings is not None)
    assert ("--json" in shown) == bool(COMMANDS[name].schemas)


@pytest.mark.parametrize(
    ("arguments", "schema", "member"),
    [
        (["inspect", str(CLIP), "--json"], "inspect/1", "boxes"),
        (["info", str(CLIP), "--json", "--samples"], "info/1", "tracks"),
        (["info", "STORE", "--json", "--samples"], "info/1", "recordings"),
        (["timeline", "STORE", "--json"], "timeline/1", "spans"),
        (["validate", "STORE", "--json"], "validate/1", "findings"),
        (["validate", "--rules", "--json"], "rules/1", "rules"),
        (["recover", "STORE", "--json", "--dry-run"], "recover/1", "ended"),
        (["expire", "STORE", "--older-than", "P30D", "--json", "--dry-run"], "expire/1", "deleted"),
    ],
)
def test_json_has_the_version_of_its_schema(store, capsys, arguments, schema, member):
    main([str(store) if one == "STORE" else one for one in arguments])
    found = json.loads(capsys.readouterr().out)
    assert next(iter(found)) == "schema"
    assert found["schema"] == f"onvif-bmff/{schema}"
    assert isinstance(found[member], list)
    listed = {row[1].strip("`"): row[2] for row in table("| command | schema | members |")}
    documented = set(re.findall(r"`(\w+)`", re.sub(r": (`\w+`(, )?)+", "", listed[found["schema"]])))
    assert documented <= set(found) | {"proof"}


def test_json_of_a_broken_file_is_whole(tmp_path, capsys):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(CLIP.read_bytes()[:2000])
    assert main(["inspect", str(cut), "--json"]) == Status.ERROR
    assert json.loads(capsys.readouterr().out)["boxes"]


def unread(*arguments):
    """Status of a command that nobody reads, and what it says of that."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "onvif_bmff", *map(str, arguments)]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}  # what is written fails when the buffer is full, or at the end
    try:
        done = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, env=buffered, timeout=60, check=False
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("count", [1, 300])
def test_findings_are_in_the_status_though_the_reader_has_left(tmp_path, options, count):
    """As `validate | head`; many findings fail while they are written, one at the last flush."""
    for number in range(count):
        folder = tmp_path / f"camera-{number}" / "2022-11-08" / "15"
        folder.mkdir(parents=True)
        (folder / "08-23.547Z.0.m4v").write_bytes(b"no segment")
    assert unread("validate", tmp_path, *options) == (Status.FINDINGS, b"")


def test_a_reader_that_leaves_a_command_without_findings_is_no_finding(tmp_path):
    with StoreSink(DirectoryStore(tmp_path, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",)))
    assert unread("validate", tmp_path) == (Status.SUCCESS, b"")
    assert unread("inspect", CLIP, "--json", "--full") == (Status.SUCCESS, b"")


def test_verbosity(tmp_path, capsys):
    record = ["record", str(CLIP), "--start", "2024-01-01T00:00:00Z", "--encrypt", "CENC", "--kid", KID, "--key", KEY]
    level = logging.getLogger("onvif_bmff").level
    handlers = list(logging.getLogger("onvif_bmff").handlers)
    said = {}
    for options in ((), ("-q",), ("-v",), ("-vv",)):
        assert main([*record, "--store", str(tmp_path / "".join(options)), *options]) == 0
        said[options] = capsys.readouterr().err
    warning = "--key can be read by all users of this machine"
    assert said[()].startswith(f"onvif-bmff: {warning}")
    assert said["-q",] == ""
    assert said["-v",].startswith(f"onvif-bmff: warning: {warning}")
    assert said["-vv",].count(warning) == 1
    assert KEY not in "".join(said.values())
    assert logging.getLogger("onvif_bmff").level == level
    assert logging.getLogger("onvif_bmff").handlers == handlers


def test_verbosity_shows_what_happens(store, tmp_path, capsys):
    dry = ["recover", str(store), "--nobody-records", "--dry-run"]
    (end,) = store.rglob("*_end")
    body = end.read_bytes()
    end.unlink()
    try:
        assert main(dry) == 0
        assert capsys.readouterr().err == ""
        assert main([*dry, "-v"]) == 0
        assert "onvif-bmff: info: would be ended" in capsys.readouterr().err
    finally:
        end.write_bytes(body)


def test_v_and_q_exclude_each_other(capsys):
    assert main(["inspect", str(CLIP), "-v", "-q"]) == Status.ERROR
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("rich", [True, False])
def test_progress_is_for_terminals(monkeypatch, capsys, rich):
    if rich:
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    with progress("work", 10) as show:
        assert show is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress("work", 10, quiet=True) as show:
        assert show is None
    assert capsys.readouterr().err == ""
    with progress("wo\x1brk", 10) as show:
        show(5, "half")
    said = capsys.readouterr()
    assert said.out == ""
    assert "wo\\x1brk" in said.err
    assert "half" in said.err
