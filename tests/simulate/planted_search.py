"""Look for planted bugs: seeds are tried until a run with the bug breaks a law that the same run without it keeps."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from tests.simulate.planted import PLANTED, PlantedBug
from tests.simulate.run import Outcome
from tests.simulate.scenario import Scenario, draw

__all__ = ["LIMIT", "Search", "law_of", "search", "search_all"]

LIMIT = 600.0
"""Processor seconds within which each bug has to be found."""

Run = Callable[[Scenario], Outcome]


def law_of(finding: str) -> str:
    """Return which law a finding breaks."""
    return finding.partition(":")[0]


@dataclass
class Search:
    """What a search found: the seed, or None, and the finding; ``aside`` are seeds with other new findings."""

    bug: str
    seed: int | None = None
    finding: str = ""
    seconds: float = 0.0
    runs: int = 0
    aside: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """The search in a line."""
        what = f"seed {self.seed}: {self.finding}" if self.seed is not None else f"not found, {len(self.aside)} aside"
        return f"{self.bug}: {self.runs} runs, {self.seconds:.1f} processor seconds, {what}"


def search(bug: PlantedBug, run: Run, seeds: Iterable[int], limit: float = LIMIT, seconds: float = 600.0) -> Search:
    """Run seeds with a bug until a finding shows that its law is broken, as the same seed does not show without it."""
    found, began = Search(bug.name), time.process_time()
    for seed in seeds:
        scenario = draw(seed, seconds)
        with bug.apply():
            outcome = run(scenario)
        found.runs += 1
        if outcome.findings:
            usual = run(scenario).findings
            for text in bug.shows:
                if not any(text in one for one in usual):
                    found.finding = found.finding or next((one for one in outcome.findings if text in one), "")
            if found.finding:
                found.seed = seed
            else:
                found.aside += [f"{seed} {one}" for one in outcome.findings if one not in usual][:1]
        found.seconds = time.process_time() - began
        if found.seed is not None or found.seconds > limit:
            break
    return found


def search_all(names: Iterable[str], run: Run, limit: float = LIMIT) -> Iterator[Search]:
    """Look for the bugs of these names, or for all."""
    for name in names or PLANTED:
        yield search(PLANTED[name], run, count(), limit)


def main(arguments: list[str], run: Run) -> int:
    """Look for the bugs that the command line names, or all; 1 if one is not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate planted", description=__doc__)
    parser.add_argument("name", nargs="*", help="names of bugs; by default all")
    parser.add_argument("--limit", type=float, default=LIMIT, help="processor seconds for each")
    options = parser.parse_args(arguments)
    unknown = sorted({*options.name} - PLANTED.keys())
    if unknown:
        parser.error(f"no such bug: {', '.join(unknown)}; there are {', '.join(PLANTED)}")
    status = 0
    for found in search_all(options.name, run, options.limit):
        print(found.line, *(f"    aside: {one}" for one in found.aside[:5]), sep="\n", flush=True)
        status |= found.seed is None
    return status
