"""``python -m benchmarks``: run workloads, print a table of ratios, write JSON."""

import argparse
import cProfile
import importlib
import json
import platform
import pstats
import sys
from pathlib import Path

WORKLOADS = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def show(rows: list[dict[str, object]]) -> None:
    """Print the rows as a table."""

    def number(value: object) -> str:
        if isinstance(value, tuple):
            return "…".join(map(number, value))
        return f"{value:,.4g}" if isinstance(value, float) else str(value if value is not None else "")

    names = ("workload", "ours", "ours_spread", "unit", "peer", "theirs", "theirs_spread", "ratio", "reach", "note")
    head = tuple(name.replace("_spread", " min…max") for name in names)
    cells = [[number(row.get(name, "")) for name in names] for row in rows]
    widths = [max(len(head[index]), *(len(line[index]) for line in cells)) for index in range(len(head))]
    for line in [list(head), ["-" * width for width in widths], *cells]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip(), flush=True)


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small and few: only to see that everything runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here too")
    parser.add_argument("--profile", action="store_true", help="show where the time goes, for each workload")
    args = parser.parse_args()
    unknown = set(args.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    rows: list[dict[str, object]] = []
    for name in args.workloads or WORKLOADS:
        module = importlib.import_module(f"benchmarks.bench_{name}")
        print(f"… {name}", file=sys.stderr, flush=True)
        if args.profile:
            with cProfile.Profile() as profile:
                rows += module.run(args.quick)
            pstats.Stats(profile).sort_stats("tottime").print_stats(18)
        else:
            rows += module.run(args.quick)
    show(rows)
    if args.json:
        about = {"python": platform.python_version(), "machine": platform.machine(), "rows": rows}
        args.json.write_text(json.dumps(about, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
