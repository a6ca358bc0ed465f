"""``onvif-bmff fuzz`` against parsers with planted bugs."""

import sys

import pytest

from onvif_bmff.cli.main import main
from onvif_bmff.testing.made_files import progressive_file

CRASHES = r"import os, sys; b'\xff\xff\xff\xff' in open(sys.argv[1], 'rb').read() and os.abort()"


@pytest.fixture
def fuzz(tmp_path, capsys):
    def run(code, *options):
        findings = tmp_path / "findings"
        status = main(["fuzz", "--findings", str(findings), *options, "--", sys.executable, "-S", "-c", code, "{}"])
        return status, capsys.readouterr(), sorted(path.name for path in findings.glob("*"))

    return run


def test_nothing_is_found_in_a_parser_that_is_right(fuzz):
    status, captured, findings = fuzz("pass", "--count", "5")
    assert (status, captured.err, findings) == (0, "", [])
    assert captured.out.startswith("5 mutants of 5 seeds in ")


def test_a_crash_is_saved_and_made_small(fuzz, tmp_path):
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "a.mp4").write_bytes(progressive_file(tracks=("vide",)))
    status, captured, findings = fuzz(CRASHES, "--seeds", str(seeds), "--count", "60", "--random-seed", "3")
    assert status == 1
    assert "x SIGABRT (smallest input " in captured.out
    assert "0001-SIGABRT.min.mp4" in findings
    smallest = (tmp_path / "findings" / "0001-SIGABRT.min.mp4").read_bytes()
    assert smallest == b"\xff\xff\xff\xff"
    assert "seed: a.mp4\nrandom seed: 3\noperations: " in (tmp_path / "findings" / "0001-SIGABRT.txt").read_text()


def test_errors(fuzz, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    status, captured, _ = fuzz("pass", "--seeds", str(empty))
    assert (status, captured.err) == (2, f"onvif-bmff: {empty}: no seed files\n")
    status, captured, _ = fuzz("pass", "--seeds", str(tmp_path / "absent"))
    assert status == 2
    assert main(["fuzz", "--count", "1", "--findings", str(tmp_path), "--", str(tmp_path / "no such program")]) == 2


def test_one_file_is_a_seed_and_media_may_be_kept(fuzz, tmp_path):
    seed = tmp_path / "a.mp4"
    seed.write_bytes(progressive_file(sizes=(500,)))
    checks = "import os, sys; sys.exit(200 if os.path.getsize(sys.argv[1]) > 2000 else 0)"
    assert fuzz(checks, "--seeds", str(seed), "--count", "3", "--keep-media", "--tries", "5")[0] == 1
    status, captured, _ = fuzz("pass", "--seeds", str(seed), "--count", "1000", "--seconds", "0.0")
    assert captured.out.startswith("1 mutants of 1 seeds")
    assert status == 0


def test_progress_on_a_terminal(fuzz, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    status, captured, _ = fuzz("pass", "--count", "10")
    assert status == 0
    assert "10 mutants, 0 findings" in captured.err
