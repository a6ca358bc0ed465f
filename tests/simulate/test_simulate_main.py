"""The command: failures are repeated by their line and made smaller, journals go on, planted bugs are found."""

import json
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("apsw", reason="apsw is missing, which the extra dev has")

from tests.simulate import __main__ as command
from tests.simulate import planted_search
from tests.simulate.planted import PLANTED
from tests.simulate.run import Outcome, World
from tests.simulate.runtime import Crashed
from tests.simulate.scenario import KNOWN, Scenario, draw

CHEAPEST = ["end object before last segment", "lost answer taken for failure", "retry without HEAD"]
"""Planted bugs that take a run or two."""


class Inline:
    """Runs what is submitted at once, in this process."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def __enter__(self) -> "Inline":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def submit(self, run: Callable[..., Any], *arguments: object) -> SimpleNamespace:
        result = run(*arguments)
        return SimpleNamespace(result=lambda: result)


class Runs:
    """Stands for the simulation: a run fails if ``is_wrong`` says so of its scenario."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, is_wrong: Callable[[Scenario], bool]) -> None:
        self.scenarios: list[Scenario] = []
        self._monkeypatch = monkeypatch
        self._is_wrong = is_wrong
        monkeypatch.setattr(command, "simulate", self)
        monkeypatch.setattr(command, "ProcessPoolExecutor", Inline)

    def __call__(self, scenario: Scenario) -> Outcome:
        self.scenarios.append(scenario)
        return Outcome(["a law: broken, here"] if self._is_wrong(scenario) else [])

    def command(self, *arguments: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["simulate", *arguments])
        return command.main()


def free(count: int = 1) -> list[int]:
    """Seeds of runs without a kind of trouble that is known."""
    return [seed for seed in range(500) if not draw(seed).kinds & KNOWN.keys()][:count]


def test_a_failure_is_one_line_that_repeats_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = free(3)[-1]
    runs = Runs(monkeypatch, lambda scenario: scenario.seed == bad)
    kind = min(draw(bad).kinds)
    assert runs.command("--seed", "0", "--count", str(bad + 3), "--seconds", "300", "--without", kind) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("--seed")]
    options, _, finding = line.partition(": ")
    assert finding == "a law: broken, here"
    assert options == f"--seed {bad} --seconds 300 --without '{kind}'"
    failed = next(one for one in runs.scenarios if one.seed == bad)
    runs.scenarios.clear()
    assert runs.command("--seed", str(bad), "--seconds", "300", "--without", kind) == 1
    assert runs.scenarios == [failed]


def test_nothing_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs(monkeypatch, lambda scenario: False)
    assert runs.command("--seed", "7", "--count", "5", "--days", "2") == 0
    assert [(one.seed, one.seconds) for one in runs.scenarios] == [(seed, 172_800.0) for seed in range(7, 12)]
    printed = capsys.readouterr().out
    assert printed.startswith("5 runs, ")
    assert "broken" not in printed


def test_findings_of_trouble_that_is_known_are_counted_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = next(seed for seed in range(500) if draw(seed).kinds & KNOWN.keys())
    assert Runs(monkeypatch, lambda scenario: True).command("--seed", str(known)) == 0
    assert "1 runs with findings that are known" in capsys.readouterr().out


def test_without_a_seed_one_is_drawn_and_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(monkeypatch, lambda scenario: False)
    runs.command()
    assert capsys.readouterr().out.splitlines()[0] == f"seed {runs.scenarios[0].seed}"


def test_a_journal_goes_on_behind_what_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    bad = free(2)[-1]
    runs = Runs(monkeypatch, lambda scenario: scenario.seed == bad)
    assert runs.command("--seed", "0", "--count", str(bad + 1), "--journal", str(journal)) == 1
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [one["seed"] for one in lines] == [*range(bad + 1)]
    assert lines[-1]["findings"] == ["a law: broken, here"]
    assert {one["commit"] for one in lines} == {command.commit()}
    journal.write_text("\n".join(journal.read_text().splitlines()[:-1]) + '\n{"seed": ' + str(bad))  # killed there
    runs.scenarios.clear()
    runs.command("--seed", "0", "--count", str(bad + 3), "--journal", str(journal))
    assert [one.seed for one in runs.scenarios] == [bad, bad + 1, bad + 2]


def test_shrinking_keeps_what_is_needed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails with power cuts, beyond 100 seconds."""
    whole = next(one for one in (draw(seed) for seed in range(500)) if "power cut" in one.kinds and len(one.kinds) > 4)
    runs = Runs(monkeypatch, lambda scenario: "power cut" in scenario.kinds and scenario.seconds > 100.0)
    small = command.shrink(whole, "a law")
    assert small.kinds == {"power cut"}
    assert 100.0 < small.seconds <= 112.0
    assert command.run_once(small).findings
    runs.scenarios.clear()
    assert command.shrink(whole, "another law") is whole


def test_what_a_run_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate(scenario: Scenario) -> Outcome:
        raise ValueError("wrong")

    monkeypatch.setattr(command, "simulate", simulate)
    assert command.run_once(draw(0)).findings == ["the run raised: ValueError: wrong"]


def test_a_run_without_an_end_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate(scenario: Scenario) -> Outcome:
        while True:
            pass

    monkeypatch.setattr(command, "simulate", simulate)
    monkeypatch.setattr(command, "_MOST", 1)
    assert command.run_once(draw(0, 10.0)).findings == ["no end: after 1 processor seconds, or 20 of real time"]


def _never(_: object) -> None:
    while True:
        pass


def _waits_on(world: World) -> None:
    while True:
        world.simulation.sleep(1.0)


@pytest.mark.parametrize("endless", [_never, _waits_on])
def test_a_task_that_never_gives_back_the_baton_is_a_finding_of_its_run_alone(
    monkeypatch: pytest.MonkeyPatch, endless: Callable[[World], None]
) -> None:
    """All threads of the run end, and the next run is as it always is."""
    plain = command.run_once(draw(7, 60.0))
    before = set(threading.enumerate())
    with monkeypatch.context() as patch:
        patch.setattr(command, "_MOST", 1)
        patch.setattr(command, "_STANDS", 4)
        patch.setattr(World, "_start", endless)
        patch.setattr(World, "_sleep_until", lambda world, at: world.simulation.sleep(1e9))
        (found,) = command.run_once(draw(7, 60.0)).findings
    assert found.startswith("no end: ")
    until = time.monotonic() + 20.0
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= before
    again = command.run_once(draw(7, 60.0))
    assert (again.findings, again.steps, again.objects) == (plain.findings, plain.steps, plain.objects)


def test_a_power_cut_that_reaches_the_world_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate(scenario: Scenario) -> Outcome:
        raise Crashed

    monkeypatch.setattr(command, "simulate", simulate)
    assert command.run_once(draw(0)).findings == ["the run raised: Crashed: "]


# ---- planted bugs -----------------------------------------------------------------------------------------------


class Planted:
    """A bug that a run can ask about: ``shows`` a text, and is there while it is applied."""

    name, breaks, shows = "a bug", "a law", ("a hole",)

    def __init__(self) -> None:
        self.here = False

    def apply(self) -> Any:
        bug = self

        class Applied(nullcontext[None]):
            def __enter__(self) -> None:
                bug.here = True

            def __exit__(self, *error: object) -> None:
                bug.here = False

        return Applied()


def look(findings: Callable[[int, bool], list[str]], seeds: int = 5) -> planted_search.Search:
    bug = Planted()
    return planted_search.search(
        bug,  # type: ignore[arg-type]
        lambda scenario: Outcome(findings(scenario.seed, bug.here)),
        range(seeds),
    )


def test_a_bug_is_found_by_what_shows_it() -> None:
    found = look(lambda seed, there: ["a law: a hole"] if there and seed == 3 else [])
    assert (found.seed, found.finding, found.runs, found.aside) == (3, "a law: a hole", 4, [])


def test_what_is_found_without_the_bug_too_does_not_count() -> None:
    found = look(lambda seed, there: ["a law: a hole"])
    assert (found.seed, found.runs) == (None, 5)


def test_other_findings_are_aside() -> None:
    found = look(lambda seed, there: ["another law: wrong"] if there else [])
    assert (found.seed, found.aside[0]) == (None, "0 another law: wrong")


def test_a_search_ends_at_its_limit() -> None:
    found = planted_search.search(
        Planted(),  # type: ignore[arg-type]
        lambda scenario: Outcome([str(sum(range(300_000)))]),
        range(10**6),
        limit=0.05,
    )
    assert found.seed is None
    assert found.runs < 1000


def test_the_command_fails_if_a_bug_is_not_found(capsys: pytest.CaptureFixture[str]) -> None:
    name = next(iter(PLANTED))
    assert planted_search.main([name, "--limit", "0.01"], lambda scenario: Outcome()) == 1
    assert capsys.readouterr().out.startswith(f"{name}: ")
    with pytest.raises(SystemExit):
        planted_search.main(["no such bug"], lambda scenario: Outcome())


@pytest.mark.parametrize(
    "name", ["end object before last segment", "lost answer taken for failure", "retry without HEAD"]
)
def test_the_simulation_finds(name: str) -> None:
    found = planted_search.search(PLANTED[name], command.run_once, range(60))
    assert found.seed is not None, found.aside
