"""A table of a page that a script writes, between two marks."""

import sys
from pathlib import Path


def settle_table(page: Path, name: str, table: str, how: str) -> int:
    """Write a table between the marks of its name, or with ``--check`` say which rows are not ``how``; exit status."""
    script = Path(sys.argv[0]).name
    begin, end = f"<!-- {name}: written by docs/{script} -->", f"<!-- /{name} -->"
    head, _, rest = page.read_text().partition(begin)
    old, _, tail = rest.partition(end)
    new = f"\n{table}\n"
    if "--check" in sys.argv:
        for line in sorted(set(new.splitlines()) ^ set(old.splitlines())):
            print(f"not {how}: {line}")
        return int(old != new)
    page.write_text(head + begin + new + end + tail)
    return 0
