"""Runs that take too long for CI: ``python -m tests.long NAME [options]``; without a name, a list of them.

Each run is a module with a docstring, ``add_arguments(parser)`` and ``run(arguments, journal)``, which returns an exit
status. It can be interrupted at any time: what a step found lies in a journal, one line of JSON a step, and a second
call with the same journal goes on behind the last line. The last figures, their date and commit are in ``docs/``.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent

RUNS: dict[str, str] = {
    "busy": "long_busy",
    "cloud-faults": "storage/storage_cloud_storm",
    "composed": "disturbed/long_composed",
    "coverage": "long_coverage",
    "damaged-exports": "playback/long_damaged_exports",
    "fresh-machine": "cli/long_fresh_machine",
    "interrupts": "cli/long_interrupts",
    "jitter": "disturbed/long_jitter",
    "keys": "jobs/long_keys",
    "kills": "cli/long_kills",
    "live-device": "rtsp/long_live_device",
    "live-hour": "rtsp/long_live_hour",
    "operations-storm": "device/long_operations_storm",
    "oracle": "cenc/long_oracle",
    "mutants": "laws/long_mutants",
    "players": "interop/long_players",
    "silent": "validation/long_silent",
    "soak": "device/long_soak",
    "spool-kills": "storage/long_spool_kills",
    "spool-worlds": "storage/storage_spool_world",
    "store-faults": "storage/storage_fault_storm",
    "strangers": "interop/long_strangers",
}
"""Name of a run -> its module, as a path below ``tests`` without suffix."""


class Journal:
    """The finished steps of a run, kept in a file of JSON lines: ``key`` says which step, the rest what it found."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps: dict[str, dict[str, Any]] = {step["key"]: step for step in self._read()}

    def _read(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:  # the line that an interrupt cut off
                continue

    def __contains__(self, key: str) -> bool:
        return key in self.steps

    def add(self, key: str, **found: Any) -> None:
        """Keep what a step found."""
        step = {"key": key, **found}
        self.steps[key] = step
        with self.path.open("a") as file:
            file.write(json.dumps(step) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one of them by its name."""
    parser = argparse.ArgumentParser(prog="python -m tests.long", description=__doc__.splitlines()[0])
    names = parser.add_subparsers(dest="name", required=True)
    modules = {}
    for folder in sorted({TESTS, *((TESTS / module).parent for module in RUNS.values())}):
        sys.path.insert(0, str(folder))
    for name, module in RUNS.items():
        modules[name] = importlib.import_module(Path(module).name)
        run = names.add_parser(name, help=(modules[name].__doc__ or "").splitlines()[0])
        run.add_argument("--journal", type=Path, default=Path(f"long-{name}.jsonl"), help="file to go on from")
        run.add_argument("--seed", type=int, default=1, help="number that everything random follows from")
        modules[name].add_arguments(run)
    chosen = parser.parse_args(arguments)
    return int(modules[chosen.name].run(chosen, Journal(chosen.journal)))


if __name__ == "__main__":
    sys.exit(main())
