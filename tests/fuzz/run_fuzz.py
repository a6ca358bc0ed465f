"""Coverage-guided fuzzing: ``python tests/fuzz/run_fuzz.py boxes --seconds 3600``, or ``all`` targets one by one.

Needs atheris (``pip install -r tests/fuzz/requirements.txt``), which is no dependency of the library. ``--corpus``
collects what reaches new code, a folder for each target, and goes on from there the next time. What breaks a target
is saved under ``--findings``, and the exit status is 1. Arguments behind ``--`` go to libFuzzer.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve()
KEPT = HERE.parents[1] / "corpus"
OPTIONS = ("-max_len=8192", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1")
MEMBER = "ONVIF_BMFF_FUZZ_TARGET"
"""Tells a process that it is the one that fuzzes: libFuzzer ends its process, so each target has one of its own."""


def fuzz_one(target: str, options: list[str]) -> None:
    """Fuzz in this process; does not return."""
    import atheris

    with atheris.instrument_imports(include=["onvif_bmff"]):
        import fuzz_targets

    def once(data: bytes) -> None:  # libFuzzer takes what a target returns for a verdict of its own
        fuzz_targets.TARGETS[target](data)

    atheris.Setup([sys.argv[0], *options], once)
    atheris.Fuzz()


def run(target: str, seeds: list[bytes], arguments: argparse.Namespace) -> bool:
    """Fuzz a target in a process of its own and say in a line what came of it; whether nothing was found."""
    with tempfile.TemporaryDirectory(prefix="onvif-bmff-fuzz-") as scratch:
        collected, given = Path(scratch, "collected"), Path(scratch, "seeds")
        if arguments.corpus is not None:
            collected = arguments.corpus / target
        arguments.findings.mkdir(parents=True, exist_ok=True)
        for folder in (collected, given):
            folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (given / str(number)).write_bytes(seed)
        prefix = f"-artifact_prefix={arguments.findings}/{target}-"
        options = [f"-max_total_time={arguments.seconds}", prefix, *OPTIONS, *arguments.libfuzzer]
        command = [sys.executable, str(HERE), target, *options, str(collected), str(given), str(KEPT)]
        log = subprocess.run(
            command, env={**os.environ, MEMBER: target}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    figures = dict(re.findall(r"stat::(\w+):\s+(\d+)", log.stdout))
    runs, rate = int(figures.get("number_of_executed_units", 0)), figures.get("average_exec_per_sec", "?")
    print(f"{target}: {runs:,} runs, {rate} a second, {'a finding' if log.returncode else 'nothing found'}", flush=True)
    if log.returncode:
        print(log.stdout[-5000:], file=sys.stderr, flush=True)
    return not log.returncode and runs > 0


def main() -> int:
    """Run from the command line."""
    if importlib.util.find_spec("atheris") is None:
        print("run_fuzz: atheris is not installed (pip install -r tests/fuzz/requirements.txt)", file=sys.stderr)
        return 2
    import fuzz_targets

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", choices=[*fuzz_targets.TARGETS, "all"], metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--jobs", type=int, default=1, help="targets at the same time")
    parser.add_argument("--corpus", type=Path, help="collects inputs, for the next time")
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    own = sys.argv[1:]
    place = own.index("--") if "--" in own else len(own)
    arguments = parser.parse_args(own[:place])
    arguments.libfuzzer = own[place + 1 :]
    names = fuzz_targets.TARGETS if "all" in arguments.targets else arguments.targets
    with ThreadPoolExecutor(arguments.jobs) as pool:
        good = list(pool.map(lambda name: run(name, fuzz_targets.SEEDS[name], arguments), names))
    return 0 if all(good) else 1


if __name__ == "__main__":
    if MEMBER in os.environ:
        fuzz_one(os.environ[MEMBER], sys.argv[2:])
    sys.exit(main())
