"""Driving other parsers: what counts as a crash, bounds, and making findings small."""

import struct
import sys

import pytest

from onvif_bmff.testing.box_scan import scan
from onvif_bmff.testing.fuzzing import CommandRunner, fuzz, minimise
from onvif_bmff.testing.made_files import fragmented_file, progressive_file


@pytest.fixture
def outcome():
    def run(code, **options):
        runner = CommandRunner([sys.executable, "-S", "-c", code, "{}"], **options)
        try:
            return runner(b"data")
        finally:
            runner.close()

    return run


@pytest.mark.parametrize(
    ("code", "signature"),
    [
        ("pass", ""),
        ("import sys; sys.exit(1)", ""),
        ("import sys; sys.exit(127)", ""),
        ("import sys; sys.exit(134)", "exit 134"),
        ("import os; os.abort()", "SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("import sys; sys.stderr.write('==7==ERROR: AddressSanitizer: heap at 0x7f12\\n'); sys.exit(1)",
         "==N==ERROR: AddressSanitizer: heap at N"),
        ("import sys; sys.stderr.write('box.c:12:3: runtime error: shift\\n')", "box.c:N:N: runtime error: shift"),
        ("import sys; assert open(sys.argv[1], 'rb').read() == b'data'", ""),
    ],
)  # fmt: skip
def test_what_counts_as_a_crash(outcome, code, signature):
    assert outcome(code) == signature


def test_a_hang_is_ended(outcome):
    assert outcome("import time; time.sleep(60)", timeout=0.3) == "hang"


def test_other_texts_can_mean_a_crash(outcome):
    assert outcome("1 / 0", crash_texts=["Error:"]) == "ZeroDivisionError: division by zero"


def test_the_file_is_appended_where_the_command_does_not_name_it():
    runner = CommandRunner([sys.executable, "-S", "-c", "import sys; sys.exit(200 * len(sys.argv[1:]))"])
    try:
        assert runner(b"") == "exit 200"
    finally:
        runner.close()
    with pytest.raises(ValueError, match="no command"):
        CommandRunner([])


def breaks(data):
    """A parser that dies of a trun with a count of 99 or more inside a traf."""
    for node in scan(data):
        inside = node.parent is not None and node.parent.type == b"traf"
        if inside and node.type == b"trun" and int.from_bytes(data[node.body + 4 : node.body + 8], "big") >= 99:
            return "boom"
    return ""


def test_findings_are_made_small():
    data = bytearray(fragmented_file())
    place = data.index(b"trun") + 8
    data[place : place + 4] = struct.pack(">I", 100)
    smallest = minimise(bytes(data), breaks, "boom", tries=2000)
    assert breaks(smallest) == "boom"
    assert len(smallest) <= 32
    assert breaks(minimise(bytes(data), breaks, "boom", tries=3)) == "boom"
    assert breaks(minimise(bytes(data), breaks, "boom", seconds=0)) == "boom"


def test_fuzzing_is_bounded_and_repeatable(tmp_path):
    seeds = {"one": fragmented_file(), "two": progressive_file()}
    runs = []

    def run(data):
        runs.append(data)
        return breaks(data)

    seen = []
    report = fuzz(seeds, run, count=400, random_seed=2, tries=50, folder=tmp_path, progress=lambda one: seen.append(1))
    assert report.mutants == len(seen) == 400
    assert report.counts["boom"] >= len(report.findings) >= 1
    assert len(report.findings) <= 3
    assert all(breaks(found.data) == breaks(found.smallest) == "boom" for found in report.findings)
    assert len(list(tmp_path.glob("*.min.mp4"))) == len(report.findings)
    again = fuzz(seeds, breaks, count=400, random_seed=2, tries=50)
    assert [found.data for found in again.findings] == [found.data for found in report.findings]
    assert 0 < fuzz(seeds, breaks, count=10**9, seconds=0.05).mutants < 10**9
    assert fuzz({}, breaks).mutants == 0


def test_a_hang_has_to_happen_twice():
    for answers, expected in ((["hang", "", ""], {}), (["hang", "hang", ""], {"hang": 1})):
        given = iter(answers)
        report = fuzz({"one": progressive_file()}, lambda data, given=given: next(given, ""), count=2, tries=0)
        assert report.counts == expected
