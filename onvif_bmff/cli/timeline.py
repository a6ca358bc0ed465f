"""``onvif-bmff timeline``: what was recorded when, from the keys of a store."""

import argparse
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from onvif_bmff.cli.machine import add_json_argument, write_json
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import (
    add_empty_argument,
    add_inventory_argument,
    add_store_arguments,
    counts_of,
    inventories_of,
    listed_store,
    nothing_found,
    other_formats,
    warn_of_inventory,
)
from onvif_bmff.cli.terminal import Line, complain, line_writer
from onvif_bmff.cli.worker_options import add_worker_arguments, address_of, workers_of
from onvif_bmff.errors import StoreError
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.timing import UtcTime, format_duration

if TYPE_CHECKING:
    from onvif_bmff.playback import RecordedSpan, Timeline

__all__ = ["register", "run"]

_DAY = 86_400_000_000
_CELLS = 96
_SHORTEST_OVERLAP = timedelta(seconds=1)
_TITLES = {"mp4": "all", **{kind.extension: kind.token_prefix.lower() for kind in MediaKind}}
"""Titles of rows of the picture; other extensions are their own title."""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "timeline",
        help="show what was recorded when",
        description="List spans, gaps and lost objects of a store, from its keys alone; "
        "on a terminal with a picture of each day.",
    )
    add_store_arguments(parser)
    add_empty_argument(parser)
    add_inventory_argument(parser)
    add_worker_arguments(parser)
    add_json_argument(parser)
    parser.add_argument("--picture", action="store_true", help="draw the days although this is no terminal")
    parser.add_argument(
        "--totals",
        action="store_true",
        help="show sums of each recording only, in bounded memory for any number of keys",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the timeline; 0 if there is any."""
    if arguments.picture and (arguments.totals or arguments.json):
        raise StoreError("--picture draws the spans above their list: no --totals, no --json")
    if arguments.totals:
        return _totals(arguments)
    timeline = _timeline(arguments)
    spans = [span for span in timeline.spans if _inside(span, arguments.start, arguments.end)]
    if arguments.json:
        write_json("timeline", _report(timeline, spans, arguments.start, arguments.end))
    if not spans and not arguments.allow_empty:
        names = timeline.objects + timeline.foreign
        complain(nothing_found(arguments, names, timeline.objects, other_formats(timeline)))
        return Status.ERROR
    if arguments.json:
        return Status.SUCCESS
    write = line_writer(sys.stdout)
    if arguments.picture or sys.stdout.isatty():
        for line in _pictures(spans):
            write(line)
    for line in _listing(timeline, spans, arguments.start, arguments.end):
        write(line)
    return Status.SUCCESS


def _totals(args: argparse.Namespace) -> int:
    from onvif_bmff.jobs.totals import bucket_totals

    if args.start is not None or args.end is not None or args.postfix is not None or args.with_newer:
        raise StoreError("--totals is of all times and places: no --from, --to, --postfix or --with-newer")
    with workers_of(args) as workers:
        found = bucket_totals(
            address_of(args.store, args.store_options),
            inventories=inventories_of(args),
            prefix=args.prefix,
            workers=workers,
        )
    warn_of_inventory(found.counts)
    if args.json:
        names = ("objects", "foreign", "duplicates", "orphan_ends")
        sums = {name: getattr(found, name) for name in names}
        write_json("totals", {"places": [one.to_json() for one in found.places], **sums})
    if not found.places and not args.allow_empty:
        complain(nothing_found(args, found.objects + found.foreign, found.objects))
        return Status.ERROR
    write = line_writer(sys.stdout)
    for one in () if args.json else found.places:
        where = "/".join(part for part in (one.prefix, one.postfix) if part)
        lost = f"{one.lost} lost, {one.gaps} gaps of {one.gap_seconds:,.0f} s"
        write(
            [
                ("type", f"{one.extension:4} "),
                ("", f"{_text(one.start)} … {_text(one.last_start)}  "),
                ("value", f"{one.segments} segments in {one.spans} spans, {lost}"),
                ("place", f"  {where}"),
            ]
        )
    if not args.json:
        count = sum(one.segments for one in found.places)
        write([("", f"{count} segments in {len(found.places)} kinds of spans; {found.foreign} other names")])
    return Status.SUCCESS


def _timeline(args: argparse.Namespace) -> "Timeline":
    from onvif_bmff.playback import Timeline

    where = {"prefix": args.prefix, "postfix": args.postfix}
    with workers_of(args) as workers:
        if workers is None:
            store = listed_store(args)
            timeline = Timeline.from_store(store, args.start, args.end, **where)
            warn_of_inventory(counts_of(store))
            return timeline
        if not args.inventory:
            from onvif_bmff.jobs import timeline_by_workers

            return timeline_by_workers(
                address_of(args.store, args.store_options), workers, args.start, args.end, **where
            )
        if args.with_newer:
            raise StoreError("--with-newer is for one process: no --workers, no --dask")
        if args.start is not None or args.end is not None:
            raise StoreError("--inventory with --workers or --dask is of all times: no --from, no --to")
        from onvif_bmff.jobs import InventoryCounts, timeline_of_inventory

        counts = InventoryCounts()
        timeline = timeline_of_inventory(inventories_of(args), workers, counts, **where)
        warn_of_inventory(counts)
        return timeline


def _inside(span: "RecordedSpan", start: UtcTime | None, end: UtcTime | None) -> bool:
    return (end is None or span.start < end) and (start is None or (span.end or span.last_start) >= start)


def _text(time: UtcTime | None) -> str | None:
    return None if time is None else time.isoformat(6 if time.microsecond % 1000 else 3)


def _report(
    timeline: "Timeline", spans: "list[RecordedSpan]", start: UtcTime | None, end: UtcTime | None
) -> dict[str, Any]:
    return {
        "spans": [
            {
                "prefix": span.prefix,
                "postfix": span.postfix,
                "extension": span.extension,
                "start": _text(span.start),
                "end": _text(span.end),
                "last_start": _text(span.last_start),
                "state": span.state.value,
                "segments": len(span.segments),
                "trimmed": sum(lost.count for lost in span.lost() if lost.trimmed),
                "lost": [
                    {"first_counter": lost.first_counter, "count": lost.count, "before": _text(lost.before)}
                    for lost in span.lost()
                    if not lost.trimmed
                ],
            }
            for span in spans
        ],
        "gaps": [
            {
                "prefix": gap.before.prefix,
                "postfix": gap.before.postfix,
                "extension": gap.before.extension,
                "start": _text(gap.start),
                "end": _text(gap.end),
                "duration": format_duration(gap.duration),
                "exact": gap.exact,
            }
            for gap in timeline.gaps()
            if (start is None or gap.end > start) and (end is None or gap.start < end)
        ],
        "overlaps": [
            {"extension": one.first.extension, "start": _text(one.start), "end": _text(one.end)}
            for one in timeline.overlaps()
        ],
        "objects": timeline.objects,
        "foreign": timeline.foreign,
        "other_formats": timeline.other_formats,
        "ambiguous": timeline.ambiguous,
        "duplicates": timeline.duplicates,
        "orphan_ends": timeline.orphan_ends,
        "ambiguous_ends": timeline.ambiguous_ends,
    }


# ---- text ----------------------------------------------------------------------------------------


def _pictures(spans: "list[RecordedSpan]") -> Iterator[Line]:
    """Return a row for each kind of span and day, a cell for each quarter of an hour."""
    recordings: dict[tuple[str, str], list[RecordedSpan]] = {}
    for span in spans:
        recordings.setdefault((span.prefix, span.postfix), []).append(span)
    for (prefix, postfix), own in recordings.items():
        yield [("name", " … ".join(part for part in (prefix, postfix) if part) or "(no prefix)")]
        rows: dict[tuple[int, str], list[str]] = {}
        for span in own:
            _paint(rows, span)
        day_before = None
        for (day, extension), cells in sorted(rows.items()):
            if day != day_before:
                title = UtcTime(day * _DAY).isoformat(0)[:10]
                hours = "".join(f"{hour:<4}" for hour in range(24))
                yield [("place", f"{title} {hours}")]
                day_before = day
            yield [("type", f"{_TITLES.get(extension, extension):>10} "), ("", "".join(cells))]
    yield []


def _paint(rows: dict[tuple[int, str], list[str]], span: "RecordedSpan") -> None:
    cell = _DAY // _CELLS
    first = span.start.microseconds // cell
    end = span.end or span.last_start
    last = max(first, (end.microseconds - 1) // cell)
    for place in range(first, last + 1):
        day, index = divmod(place, _CELLS)
        row = rows.setdefault((day, span.extension), ["·"] * _CELLS)
        whole = span.start.microseconds <= place * cell and end.microseconds >= (place + 1) * cell
        row[index] = "█" if whole or row[index] == "▌" else "▌"
    for lost in span.lost():
        if lost.trimmed:
            continue
        day, index = divmod(((lost.after or span.start).microseconds) // cell, _CELLS)
        rows[day, span.extension][index] = "!"


def _listing(
    timeline: "Timeline", spans: "list[RecordedSpan]", start: UtcTime | None, end: UtcTime | None
) -> Iterator[Line]:
    for span in spans:
        over = _text(span.end) or f"after {_text(span.last_start)}"
        where = "/".join(part for part in (span.prefix, span.postfix) if part)
        yield [
            ("type", f"{span.extension:4} "),
            ("", f"{_text(span.start)} … {over}  "),
            ("value", f"{len(span.segments)} objects, {span.state.value}"),
            ("place", f"  {where}" if where else ""),
        ]
        for lost in span.lost():
            if lost.trimmed:
                yield [("place", f"     begins with counter {lost.count}: older objects are gone, or were not listed")]
                continue
            yield [("bad", f"     lost: {lost.count} objects from counter {lost.first_counter}, before {lost.before}")]
    for gap in timeline.gaps():
        if (start is None or gap.end > start) and (end is None or gap.start < end):
            about = "" if gap.exact else "at most "
            what = f"{_text(gap.start)} … {_text(gap.end)}  {about}{format_duration(gap.duration)}"
            yield [("type", f"{gap.before.extension:4} "), ("bad", "gap "), ("", what)]
    for one in timeline.overlaps():
        if one.end - one.start < _SHORTEST_OVERLAP:
            continue  # tracks of one span do not all end where the next one begins
        yield [("type", f"{one.first.extension:4} "), ("bad", "overlap "), ("", f"{one.start} … {one.end}")]
    if timeline.other_formats:
        yield [("place", other_formats(timeline))]
    notes = {
        "names that are no keys of recordings": timeline.foreign,
        "keys whose date is ambiguous (give --prefix and --postfix)": timeline.ambiguous,
        "keys that came twice": timeline.duplicates,
        "span ends without their segments": timeline.orphan_ends,
        "span ends that may be those of several spans": timeline.ambiguous_ends,
    }
    for what, count in notes.items():
        if count:
            yield [("place", f"{count} {what}")]
    if not spans:
        yield [("", "nothing was recorded")]
