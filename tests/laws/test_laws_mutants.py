"""The run that breaks lines makes breaks worth trying, and counts them rightly."""

from argparse import Namespace
from pathlib import Path

import long_mutants
import pytest
from long_mutants import AREAS, EQUIVALENT, Mutant, _mutants_in, drawn, in_order, modules_of, mutants_of, report

from tests.long import Journal as LongJournal

TEXT = '''"""Documentation stays."""

from typing import Literal

__all__ = ["find"]


def find(rows: Literal[3], most: int) -> int | None:
    """So does this."""
    if not rows and most >= 4:
        raise ValueError(f"{rows} == 7")
    log.info("1 + 1")
    rows.append(most - 1)
    return rows
'''


class Journal:
    def __init__(self, **steps):
        self.steps = {key: {"result": result} for key, result in steps.items()}

    def __contains__(self, key):
        return key in self.steps


def test_each_changes_one_line_of_code():
    made = {one.new.strip() for one in mutants_of("x.py", TEXT)}
    assert made == {
        "if (not (not rows and most >= 4)):",
        "if (not rows or most >= 4):",
        "if rows and most >= 4:",
        "if not rows and (most > 4):",
        "if not rows and most >= 5:",
        "pass",
        "rows.append((most + 1))",
        "rows.append(most - 2)",
        "return None",
    }
    for one in mutants_of("x.py", TEXT):
        lines = TEXT.splitlines(keepends=True)
        assert lines[one.line - 1] == one.old
        lines[one.line - 1] = one.new
        compile("".join(lines), "x.py", "exec")


def test_every_area_has_modules_tests_and_a_seeded_draw():
    root = Path(__file__).resolve().parents[2]
    for area, (_, tests) in AREAS.items():
        assert modules_of(area)
        assert all((root / test).exists() for test in tests)
    one_area = ["vectors"]
    assert drawn(1, 40, one_area) == drawn(1, 40, one_area) != drawn(2, 40, one_area)
    assert {area for area, _ in drawn(1, 9, one_area)} == {"vectors"}
    assert len({mutant.key for _, mutant in drawn(1, 400, ["objects", "vectors"])}) == 400


def test_the_quickest_tests_come_first():
    names = ["tests/golden/test_golden_records.py::a", "tests/recording/test_recording_clock.py::b"]
    names += [
        "tests/storage/test_storage_sink.py::c",
        "tests/recording/test_recording_header.py::d[x::y]",
        "other.py::e",
    ]
    assert in_order("recording", "onvif_bmff/recording/header.py", names) == [names[n] for n in (3, 1, 2, 0, 4)]


def test_what_is_named_as_equivalent_is_made_of_a_line_that_is_there():
    """A reason given for a line that has changed since would be believed of another one."""
    named = {module for module, _, _ in EQUIVALENT}
    assert named <= {module for area in AREAS for module in modules_of(area)}
    assert EQUIVALENT.keys() <= {mutant.change for module in named for mutant in _mutants_in(module)}


def test_the_report_counts_and_names_survivors(monkeypatch):
    made = [
        ("vectors", Mutant("a.py", number, 0, f"old {number}\n", f"new {number}\n", "number")) for number in range(4)
    ]
    keys = [mutant.key for _, mutant in made]
    steps = dict(zip(keys, ("noticed", "survived", "took too long", "survived"), strict=True))
    monkeypatch.setitem(EQUIVALENT, ("a.py", "old 3", "new 3"), "nothing tells them apart")
    text, share = report(made, Journal(**steps), 5)
    assert share == pytest.approx(200 / 3)
    assert "Of 3 mutants of one line each (seed 5), 2 were noticed: 66.7 %. 1 more are equivalent" in text
    assert "  - old 1\n  + new 1\n" in text
    assert "new 0" not in text
    assert "new 3`: nothing tells them apart" in text
    assert report(made, Journal(), 5)[1] == 0


def test_a_mutant_has_one_name_and_lot_wherever_its_line_stands():
    text = "a = 1\nb = a + 1\nb = a + 1\n"
    made, moved = mutants_of("a.py", text), mutants_of("a.py", f"c = 2\n\n{text}")
    assert len({mutant.key for mutant in made}) == len(made) >= 5
    assert {mutant.key for mutant in made} < {mutant.key for mutant in moved}
    assert {mutant.lot(1) for mutant in made} < {mutant.lot(1) for mutant in moved}
    assert {mutant.lot(1) for mutant in made}.isdisjoint(mutant.lot(2) for mutant in made)


def test_those_that_survived_are_tried_again_when_asked(monkeypatch, tmp_path):
    made = [
        ("vectors", Mutant("a.py", number, 0, f"old {number}\n", f"new {number}\n", "number")) for number in range(3)
    ]
    tried = []
    monkeypatch.setattr("long_mutants.drawn", lambda seed, count, areas: made)
    monkeypatch.setattr("long_mutants.Tree", lambda folder: FakeTree(tried))
    monkeypatch.setattr("long_mutants.Concerned", FakeConcerned)
    for result, again, expected in (
        ("survived", False, [0, 1, 2]),
        ("noticed", False, []),
        ("noticed", True, [0, 1, 2]),
    ):
        tried.clear()
        FakeTree.result = result
        arguments = Namespace(
            seed=1, count=3, area=["vectors"], jobs=1, seconds=9, least=95, report=tmp_path / "r.md", again=again
        )
        status = long_mutants.run(arguments, LongJournal(tmp_path / "j.jsonl"))
        assert [mutant.line for mutant in tried] == expected
        assert status == (0 if again else 1)


class FakeTree:
    result = ""

    def __init__(self, tried):
        self.tried = tried

    def try_mutant(self, mutant, tests, every, seconds):
        self.tried.append(mutant)
        return self.result


class FakeConcerned:
    def __init__(self, path):
        pass

    def measure(self, area, tree):
        pass

    def seconds(self, area):
        return 1.0

    def tests(self, area, mutant):
        return []
