"""Instructions and calls, which do not change with what else the machine does.

``python -m benchmarks.instructions [--compare | --write] [NAME…]``; docs/performance.md says what is counted.
"""

import argparse
import csv
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks import calls, counted

ROOT = Path(__file__).resolve().parents[1]
BASELINE = Path(__file__).with_suffix(".tsv")
COLUMNS = ("case", "count", "unit", "commit", "python")
TOLERANCE = 0.01
"""How much more than the baseline fails a comparison."""
IMPORTS = {
    "import-package": "import onvif_bmff",
    "import-parse_boxes": "from onvif_bmff import parse_boxes",
    "import-Recorder": "from onvif_bmff import Recorder",
    "import-Timeline": "from onvif_bmff import Timeline",
    "import-RecordingService": "from onvif_bmff import RecordingService",
}


class CountError(Exception):
    """A case could not be counted; the text says why, in one line."""


@dataclass(frozen=True)
class Count:
    """What was counted, and where: ``commit`` is the last one that touched the library."""

    case: str
    count: float
    unit: str
    commit: str
    python: str


def commands() -> dict[str, list[str]]:
    """Arguments of the interpreter for each start, by case; the README lists the commands, as a test sees to."""
    names = re.findall(r"^\| `onvif-bmff ([\w-]+) ", (ROOT / "README.md").read_text(), re.MULTILINE)
    found = {"start-python": ["-c", "pass"], "start-help": ["-m", "onvif_bmff", "--help"]}
    found |= {f"start-{name}": ["-m", "onvif_bmff", name, "--help"] for name in names}
    return found | {case: ["-c", statement] for case, statement in IMPORTS.items()}


def environment() -> dict[str, str]:
    """The same for every run; packages are found without ``site``, whose .pth files differ between machines."""
    paths = dict.fromkeys([str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
    }


def instructions(valgrind: str, arguments: Sequence[str]) -> int:
    """Instructions of one run of the interpreter, after a run that does not count and leaves its bytecode behind."""
    command = [sys.executable, "-S", "-P", *arguments]
    for run in (command, [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]):
        done = subprocess.run(
            run, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise CountError(f"{' '.join(arguments)}: exit status {done.returncode}: {last}")
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if collected is None:
        raise CountError(f"valgrind gave no count for {' '.join(arguments)}")
    return int(collected[1])


def of_work(valgrind: str, case: str) -> int:
    """Instructions of one unit of a case's work: the difference of a run and one of twice the work."""
    work = case.split("-")[0]
    times = counted.WORK_TIMES[work]
    once, twice = (
        instructions(valgrind, ["-m", "benchmarks.counted", case, str(number)]) for number in (times, 2 * times)
    )
    return round((twice - once) / (times * counted.WORK_UNITS[work]))


def cases(valgrind: str | None) -> dict[str, Callable[[], dict[str, tuple[float, str]]]]:
    """What counts each case, by its name; several calls are counted at once."""
    tool = valgrind or ""
    made: dict[str, Callable[[], dict[str, tuple[float, str]]]] = {}
    for case in counted.CASES:
        made[case] = lambda case=case: {case: (of_work(tool, case), "instructions")}
    for case, arguments in commands().items():
        made[case] = lambda case=case, arguments=arguments: {case: (instructions(tool, arguments), "instructions")}
    return made


def measure(names: Sequence[str], valgrind: str | None, jobs: int) -> Iterator[Count]:
    """Count the cases of these names; several processes at once do not change what each executes."""
    commit, python = library_commit(), platform.python_version()
    for kind in calls.KINDS:
        if wanted := [name for name in names if name.startswith(f"calls-{kind}-")]:
            found = calls.count(kind)
            yield from (Count(name, found[name], "calls", commit, python) for name in wanted)
    made = cases(valgrind)
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(lambda name: made[name](), [name for name in names if name in made]):
            yield from (Count(case, *value, commit, python) for case, value in result.items())


def library_commit() -> str:
    """The last commit that touched the library, with ``+`` if files were changed since; "unknown" without git."""

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=False)
        except OSError:
            return ""
        return done.stdout.strip() if not done.returncode else ""

    commit = git("log", "-1", "--format=%h", "--abbrev=9", "--", "onvif_bmff")
    changed = git("status", "--porcelain", "--", "onvif_bmff")
    return f"{commit}{'+' if changed else ''}" or "unknown"


def read_baseline() -> dict[str, Count]:
    """Counts kept with the code, by case."""
    if not BASELINE.exists():
        return {}
    with BASELINE.open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["case"]: Count(**row | {"count": float(row["count"])}) for row in rows}


def write_baseline(found: Sequence[Count], *, whole: bool = False) -> None:
    """Keep counts, each as it comes, for a whole run takes minutes; those of other cases stay unless ``whole``."""
    kept = ({} if whole else read_baseline()) | {one.case: one for one in found}
    with BASELINE.open("w", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n")
        rows.writerow(COLUMNS)
        for one in kept.values():
            rows.writerow([one.case, f"{one.count:.12g}", one.unit, one.commit, one.python])


def line(one: Count, old: Count | None) -> str:
    """A line of the table, with the ratio to the baseline."""
    text = f"{one.case:28}{one.count:>16,.12g}  {one.unit}"
    if old is None:
        return text
    ratio = one.count / old.count
    return f"{text:60}{ratio:9.4f}  {old.commit}{'  ABOVE' if ratio > 1 + TOLERANCE else ''}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run; exit status 1 if a count is above the baseline, 2 if something cannot be counted."""
    everything = [*calls.CASES, *cases(None)]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases, or patterns such as 'calls-*'; all by default")
    parser.add_argument("--list", action="store_true", help="show the cases and count nothing")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes at once (default: %(default)s)"
    )
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--write", action="store_true", help=f"keep the counts in {BASELINE.name}")
    task.add_argument("--compare", action="store_true", help="show ratios; exit status 1 if one is above 1.01")
    args = parser.parse_args(argv)
    for pattern in args.names:
        if not any(fnmatchcase(name, pattern) for name in everything):
            parser.error(f"no such case: {pattern}")
    names = [name for name in everything if not args.names or any(fnmatchcase(name, one) for one in args.names)]
    if args.list:
        print("\n".join(names))
        return 0
    valgrind = shutil.which("valgrind")
    if valgrind is None and any(name not in calls.CASES for name in names):
        print("benchmarks: valgrind is needed to count instructions; 'calls-*' goes without it", file=sys.stderr)
        return 2
    baseline = read_baseline() if args.compare else {}
    if args.compare and (problem := incomparable(baseline)):
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 2
    found = []
    try:
        for one in measure(names, valgrind, max(args.jobs, 1)):
            print(line(one, baseline.get(one.case)), flush=True)
            found.append(one)
            if args.write:
                write_baseline([one])
    except CountError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    if args.write and not args.names:
        write_baseline(found, whole=True)
    if gone := [case for case in baseline if case not in everything]:
        print(f"no longer counted: {', '.join(gone)}")
    above = [
        one.case for one in found if one.case in baseline and one.count > baseline[one.case].count * (1 + TOLERANCE)
    ]
    return 1 if above else 0


def incomparable(baseline: dict[str, Count]) -> str:
    """Why counts of now cannot be compared with a baseline; empty if they can."""
    if not baseline:
        return f"there is no {BASELINE.name} to compare with"
    pythons = {one.python for one in baseline.values()}
    if pythons != {platform.python_version()}:
        return f"the baseline is of Python {', '.join(sorted(pythons))}, this is {platform.python_version()}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
