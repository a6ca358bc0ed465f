"""Runs of a whole device in simulated time.

``python -m tests.simulate --seed 7`` replays one, ``--count 1000`` runs so many from that seed on, and ``--shrink``
makes a failure smaller: less time, fewer kinds of trouble. A failure prints one line, which begins with the options
that repeat it. ``python -m tests.simulate sweep`` lets each operation of a store, a file or a database fail in turn;
``python -m tests.simulate planted`` looks for the bugs of planted.py.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.simulate import certificates, operators, planted_search
from tests.simulate.cameras import BEHAVIOURS
from tests.simulate.disk import Fault, Loss
from tests.simulate.planted_search import law_of
from tests.simulate.run import Outcome, simulate
from tests.simulate.runtime import Crashed
from tests.simulate.scenario import DAY, KINDS, KNOWN, Scenario, draw
from tests.simulate.store_faults import UPLOAD_LOST, StoreFault
from tests.simulate.sweeps import run_sweeps

_MOST = 120
"""Processor seconds after which a run is said to have no end; a long one has one for so many simulated seconds more."""
_FASTER = 500
_STANDS = 20
"""Times as many seconds of real time after which it is said to stand still, however busy the machine is."""


class _NoEndError(Exception):
    pass


def run_once(scenario: Scenario) -> Outcome:
    """Run a scenario; whatever it raises is a finding."""

    over = False

    def has_no_end(number: int, frame: Any) -> None:
        nonlocal over
        if not over:  # a timer may strike twice
            over = True
            raise _NoEndError

    limit = _MOST + int(scenario.seconds) // _FASTER
    before = signal.signal(signal.SIGALRM, has_no_end)
    signal.signal(signal.SIGPROF, has_no_end)  # for good: what is still on the way would end the process
    signal.setitimer(signal.ITIMER_PROF, limit)
    signal.alarm(limit * _STANDS)
    try:
        return simulate(scenario)
    except _NoEndError:
        return Outcome([f"no end: after {limit} processor seconds, or {limit * _STANDS} of real time"])
    except (Exception, Crashed) as error:
        return Outcome([f"the run raised: {type(error).__name__}: {error}"])
    finally:
        over = True
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def commit() -> str:
    """Return the commit that runs, with a plus behind it where files differ from it; empty where there is no Git."""
    here = Path(__file__).parent
    found = [
        subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False).stdout.strip()
        for words in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    ]
    return found[0] + "+" * bool(found[1])


def every_fault() -> set[str]:
    """Return the names of all faults that a run can have, as they are counted."""
    incidents = {"power cut", "restart", "event storm", "wall clock jump", UPLOAD_LOST}
    named = {one.value for kinds in (StoreFault, Fault, Loss) for one in kinds}
    cameras = {one.name for one in BEHAVIOURS.values() if one.share}
    return incidents | named | cameras | {*operators.HITS, *certificates.HITS}


def shrink(scenario: Scenario, law: str) -> Scenario:
    """Return a smaller scenario that breaks the same law."""
    smaller = True
    while smaller:
        smaller = False
        halves = [scenario.cut(scenario.seconds * part) for part in (0.25, 0.5, 0.75, 0.9)]
        for one in [*(scenario.without(kind) for kind in sorted(scenario.kinds)), *halves]:
            if any(law_of(found) == law for found in run_once(one).findings):
                scenario, smaller = one, True
                break
    return scenario


def _seeds(arguments: argparse.Namespace) -> Iterator[int]:
    done: set[int] = set()
    if arguments.journal is not None and arguments.journal.exists():
        done = {row["seed"] for row in _rows(arguments.journal)}
    return (seed for seed in range(arguments.seed, arguments.seed + arguments.count) if seed not in done)


def _rows(journal: Path) -> Iterator[dict[str, Any]]:
    """Yield the finished runs of a journal; a row that was cut off is none."""
    for line in journal.read_text().splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def _row(scenario: Scenario, outcome: Outcome) -> dict[str, Any]:
    """Return what a journal says of a run."""
    return {
        "seed": scenario.seed,
        "findings": outcome.findings[:5],
        "hits": dict(sorted(outcome.hits.items())),
        "known": dict(outcome.known),
        "samples": outcome.samples,
        "objects": outcome.objects,
        "processor": round(outcome.processor, 3),
    }


def _whole(journal: Path) -> str:
    """Say how many runs a journal has, and which faults none of them had."""
    rows = list(_rows(journal))
    hit = {name for row in rows for name in row.get("hits", ())}
    commits = Counter(row.get("commit", "an unknown commit") for row in rows)
    on = ", ".join(f"{count} on {name}" for name, count in commits.items())
    return f"in the journal: {len(rows)} runs ({on}), not hit: {', '.join(sorted(every_fault() - hit)) or 'nothing'}"


def _scenario(arguments: argparse.Namespace, seed: int) -> Scenario:
    seconds = arguments.days * DAY if arguments.days else arguments.seconds
    return draw(seed, seconds).without(*arguments.without)


def _one(arguments: argparse.Namespace, seed: int) -> tuple[Scenario, Outcome]:
    scenario = _scenario(arguments, seed)
    return scenario, run_once(scenario)


def main() -> int:
    """Run what the command line says; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="the first seed; by default one at random, which is printed")
    parser.add_argument("--count", type=int, default=1, help="how many runs")
    parser.add_argument("--seconds", type=float, default=600.0, help="simulated seconds of a run")
    parser.add_argument("--days", type=float, help="the same in days")
    parser.add_argument("--without", action="append", choices=KINDS, default=[], help="leave out a kind of trouble")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--for-seconds", type=float, help="begin no more runs after so many real seconds")
    parser.add_argument("--shrink", action="store_true", help="make each failure smaller")
    parser.add_argument("--journal", type=Path, help="file of finished runs, to go on behind them")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {arguments.seed}", flush=True)
    began, total, hits, laws, missing = time.monotonic(), Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    known_findings = Counter[str]()
    on = commit()
    with ProcessPoolExecutor(arguments.jobs) as pool:
        waiting = []
        seeds = _seeds(arguments)
        late = False
        while not late or waiting:
            while not late and len(waiting) < 4 * arguments.jobs:
                seed = next(seeds, None)
                late = seed is None or bool(arguments.for_seconds and time.monotonic() - began > arguments.for_seconds)
                if not late:
                    waiting.append(pool.submit(partial(_one, arguments), seed))
            if not waiting:
                break
            scenario, outcome = waiting.pop(0).result()
            total["runs"] += 1
            total["samples"] += outcome.samples
            total["objects"] += outcome.objects
            total["simulated seconds"] += int(outcome.simulated)
            total["processor milliseconds"] += int(outcome.processor * 1000)
            hits += outcome.hits
            missing += outcome.missing
            known_findings += outcome.known
            if arguments.journal is not None:
                with arguments.journal.open("a") as file:
                    file.write(json.dumps(_row(scenario, outcome) | {"commit": on}) + "\n")
            known = sorted(scenario.kinds & KNOWN.keys())
            if outcome.findings and known:
                total["runs with findings that are known"] += 1
            elif outcome.findings:
                small = shrink(scenario, law_of(outcome.findings[0])) if arguments.shrink else scenario
                laws.update({law_of(found) for found in outcome.findings})
                print(f"{small.line}: {outcome.findings[0]}", flush=True)
    print(", ".join(f"{count} {name}" for name, count in total.items()))
    print("hit: " + ", ".join(f"{name} {count}" for name, count in sorted(hits.items())))
    print("not hit: " + (", ".join(sorted(every_fault() - hits.keys())) or "nothing"))
    print("missing by excuse: " + ", ".join(f"{name} {count}" for name, count in sorted(missing.items())))
    if known_findings:
        print("known: " + ", ".join(f"{name} {count}" for name, count in known_findings.most_common()))
    if arguments.journal is not None:
        print(_whole(arguments.journal))
    if laws:
        print("broken: " + ", ".join(f"{name} in {count} runs" for name, count in laws.most_common()))
    return 1 if laws else 0


def sweep(names: list[str]) -> int:
    """Run the sweeps of these names, or all; 1 if anything was found."""
    report = run_sweeps(tuple(names))
    print(*report.lines(), sep="\n")
    return 1 if report.findings else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets has to be the same, too
        again = [sys.executable, "-m", "tests.simulate", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})
    if sys.argv[1:2] == ["planted"]:
        sys.exit(planted_search.main(sys.argv[2:], run_once))
    sys.exit(sweep(sys.argv[2:]) if sys.argv[1:2] == ["sweep"] else main())
