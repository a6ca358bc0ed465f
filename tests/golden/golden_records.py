"""Golden records: what seeded runs produced, kept as digests, so that a change that must change nothing can prove it.

``python tests/golden/golden_records.py --check [NAME …]`` makes the records anew and names those that differ from
``golden_records.tsv`` (exit status 1); ``--write`` keeps them; ``--show NAME`` prints the material of one, to be
compared with what another commit prints. A NAME is that of a record (``recording/2000003``) or how it begins
(``control/``).
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

import golden_boxes  # noqa: E402
import golden_cli  # noqa: E402
import golden_control  # noqa: E402
import golden_engine  # noqa: E402
import golden_recording  # noqa: E402
from golden_kit import Kind, Record  # noqa: E402

TABLE = HERE / "golden_records.tsv"
KINDS: dict[str, Kind] = {
    **golden_recording.KINDS,
    **golden_control.KINDS,
    **golden_engine.KINDS,
    **golden_boxes.KINDS,
    **golden_cli.KINDS,
}
"""First part of a name -> what makes such records."""


def names(wanted: Sequence[str] = ()) -> list[str]:
    """Names of all records, or of those that begin with one of ``wanted``."""
    known = [f"{kind}/{name}" for kind, found in KINDS.items() for name in found.names]
    return [name for name in known if not wanted or name.startswith(tuple(wanted))]


def in_ci() -> list[str]:
    """Names of the fixed slice that CI makes."""
    return [f"{kind}/{name}" for kind, found in KINDS.items() for name in found.in_ci]


def make(name: str) -> Record:
    """Make a record anew."""
    kind, _, rest = name.partition("/")
    return KINDS[kind].make(rest)


def kept() -> dict[str, tuple[str, str]]:
    """Digest and counts of each record that is kept, by name."""
    if not TABLE.exists():
        return {}
    rows = (line.split("\t") for line in TABLE.read_text().splitlines())
    return {name: (digest, counts) for name, digest, counts in rows}


def differing(wanted: Sequence[str]) -> Iterator[str]:
    """A line for each of these records that is not what is kept."""
    known = kept()
    for name in wanted:
        record = make(name)
        found = record.digest(), record.summary()
        if name not in known:
            yield f"{name}: not kept"
        elif known[name] != found:
            yield f"{name}: {known[name][1]} -> {found[1]}" if known[name][1] != found[1] else f"{name}: {found[1]}"


def main(arguments: list[str] | None = None) -> int:
    """Check, write or show records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--check", metavar="NAME", nargs="*", help="compare records with those that are kept")
    what.add_argument("--write", metavar="NAME", nargs="*", help="keep records as they are now")
    what.add_argument("--show", metavar="NAME", help="print the material of one record")
    chosen = parser.parse_args(arguments)
    if chosen.show is not None:
        print(make(chosen.show).text(), end="")
        return 0
    wanted = names(chosen.write if chosen.check is None else chosen.check)
    if not wanted:
        parser.error("there is no such record")
    if chosen.check is None:
        table = {name: row for name, row in kept().items() if name in names() and name not in wanted}
        for name in wanted:
            record = make(name)
            table[name] = record.digest(), record.summary()
        TABLE.write_text("".join("\t".join((name, *table[name])) + "\n" for name in names() if name in table))
        return 0
    bad = 0
    for line in differing(wanted):
        bad += 1
        print(line, flush=True)
    if not chosen.check:
        gone = sorted(kept().keys() - set(names()))
        bad += len(gone)
        print(*(f"{name}: no longer made" for name in gone), sep="\n", end="\n" if gone else "")
    print(f"{len(wanted)} records, {bad} differ, {time.process_time():.0f} s of processor time")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
