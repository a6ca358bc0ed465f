"""What a bucket of many cameras costs in requests, hours and money: a small calculator.

``python docs/scale_costs.py --cameras 10000 --days 365`` prints the figures of a bucket. With ``--page`` it writes
those of its defaults to ``docs/scale.md``, and with ``--page --check`` it only says whether they are there (exit 1).

Rates were measured (docs/scale.md says how), and can be given. Prices are parameters: list prices of one service, to be
replaced by those of yours.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import ceil
from pathlib import Path

from page_table import settle_table

PAGE = Path(__file__).resolve().parent / "scale.md"
_SECONDS_OF_DAY = 86_400
_PAGE_OF_KEYS = 1_000
_MONTH = 30.44


@dataclass(frozen=True)
class Bucket:
    """A bucket: its cameras, and how long they are kept."""

    cameras: int = 10_000
    days: int = 365
    segment_seconds: int = 60
    objects_a_segment: int = 1
    """1 in MP4; in CMAF one for each track."""
    spans_a_day: int = 1
    megabits_a_second: float = 4.0

    @property
    def objects(self) -> int:
        """Segments and span end objects."""
        segments = self.cameras * self.days * (_SECONDS_OF_DAY // self.segment_seconds)
        return (segments + self.cameras * self.days * self.spans_a_day) * self.objects_a_segment

    @property
    def gigabytes(self) -> float:
        """Bytes of media, in 10^9."""
        return self.cameras * self.days * _SECONDS_OF_DAY * self.megabits_a_second / 8 / 1000


@dataclass(frozen=True)
class Rates:
    """What one processor does in a second, and what a request takes; measured, see docs/scale.md."""

    cameras_a_core: float = 800
    keys_a_second: float = 300_000
    rows_a_second: float = 130_000
    objects_a_second: float = 25
    heads_a_second: float = 2_000
    list_milliseconds: float = 100


@dataclass(frozen=True)
class Prices:
    """In US dollars: list prices of S3 in us-east-1, as far as they are known; look them up."""

    put_a_thousand: float = 0.005
    list_a_thousand: float = 0.005
    get_a_thousand: float = 0.0004
    gigabyte_a_month: float = 0.021
    inventory_a_million: float = 0.0025


def table(bucket: Bucket, rates: Rates, prices: Prices) -> Iterator[tuple[str, str, str, str]]:
    """Yield rows: what, requests, hours (of one processor where no other unit is said), US dollars."""
    objects, months = bucket.objects, bucket.days / _MONTH
    lists = -(-objects // _PAGE_OF_KEYS)
    new = objects / bucket.days

    def row(what: str, requests: float, hours: str, money: float) -> tuple[str, str, str, str]:
        return what, _count(requests) if requests else "", hours, f"{money:,.0f}" if money else ""

    def hours(number: float, rate: float, digits: int = 1) -> str:
        return f"{number / rate / 3600:,.{digits}f}"

    put, get = prices.put_a_thousand / 1000, prices.get_a_thousand / 1000
    listed = lists * prices.list_a_thousand / 1000
    listing = lists * rates.list_milliseconds / 1000
    cores = f"{bucket.cameras / rates.cameras_a_core:,.0f} processors, always"
    kept = f"kept: {bucket.gigabytes / 1e6:,.1f} PB in the end, half of it on average"
    yield row(f"recorded: a PUT for each of {_count(objects)} objects", objects, cores, objects * put)
    yield row("recorded: a HEAD before and one after each", 2 * objects, "", 2 * objects * get)
    yield row(kept, 0, "", bucket.gigabytes / 2 * months * prices.gigabyte_a_month)
    yield row("listed once, one request after the other", lists, f"{listing / 3600:,.0f} h of waiting", listed)
    yield row("listed once by 64 workers, a day each", lists, f"{listing / 3600 / 64:,.1f} h of waiting", listed)
    inventory = objects / 1e6 * prices.inventory_a_million
    yield row("sums of all by an inventory", 0, hours(objects, rates.rows_a_second), inventory)
    yield row("attributes of all: a HEAD each", objects, hours(objects, rates.heads_a_second, 0), objects * get)
    yield row("validated, all objects read", 2 * objects, hours(objects, rates.objects_a_second, 0), 2 * objects * get)
    yield row("validated, the objects of a day", 2 * new, hours(new, rates.objects_a_second), 2 * new * get)
    yield row("timeline of a camera's day", ceil(new / bucket.cameras / _PAGE_OF_KEYS), "", 0)
    yield row("a day of all expires, 1,000 by a request", new / 1000, hours(new, rates.keys_a_second, 2), 0)


def _count(number: float) -> str:
    """Return a number as people say it."""
    for unit, name in ((1e12, "* 10^12"), (1e9, "* 10^9"), (1e6, "* 10^6")):
        if number >= unit:
            return f"{number / unit:,.2f} {name}"
    return f"{number:,.0f}"


def written(rows: Iterator[tuple[str, str, str, str]]) -> str:
    """Return rows as a table of Markdown."""
    lines = ["| what | requests | hours of a processor | US$ |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(cells)} |" for cells in rows)])


def main() -> int:
    """Print or write the figures."""
    parser = argparse.ArgumentParser(prog="docs/scale_costs.py", description=__doc__.splitlines()[0])
    for kind in (Bucket, Rates, Prices):
        for one in fields(kind):
            parser.add_argument(f"--{one.name.replace('_', '-')}", type=type(one.default), default=one.default)
    parser.add_argument("--page", action="store_true", help="write the figures of the defaults to docs/scale.md")
    parser.add_argument("--check", action="store_true", help="with --page: only say whether they are there")
    args = parser.parse_args()
    if args.page:
        return settle_table(PAGE, "costs", written(table(Bucket(), Rates(), Prices())), "as calculated")
    made = [kind(**{one.name: getattr(args, one.name) for one in fields(kind)}) for kind in (Bucket, Rates, Prices)]
    bucket, rates, prices = made
    if min(bucket.cameras, bucket.days, bucket.segment_seconds, rates.keys_a_second) <= 0:
        parser.error("cameras, days, segments and rates are above zero")
    print(written(table(bucket, rates, prices)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
