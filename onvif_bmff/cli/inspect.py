"""``onvif-bmff inspect FILE``: the boxes of a file as a tree, or as JSON."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onvif_bmff.cli.machine import add_json_argument, write_rows
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.terminal import Line, json_text, line_writer
from onvif_bmff.cli.values import path

if TYPE_CHECKING:
    from onvif_bmff.cli.box_view import ShownBox

__all__ = ["register", "run"]


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "inspect", help="show the boxes of a file", description="Show the boxes of a file as a tree, or as JSON."
    )
    parser.add_argument("file", metavar="FILE", type=path, help="an MP4, CMAF or QuickTime file, or a piece of one")
    add_json_argument(parser)
    parser.add_argument("--full", action="store_true", help="show all rows of tables and all bytes of fields")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Show the file; ``BoxError`` at a fault, after everything before it was shown."""
    from onvif_bmff.cli.box_view import box_node

    with _mapped(arguments.file) as data:
        nodes = (box_node(found, full=arguments.full, plain=not arguments.json) for found in _boxes(data))
        if arguments.json:
            write_rows("inspect", "boxes", nodes)
        else:
            write = line_writer(sys.stdout)
            for node in nodes:
                for line in _lines(node, 0):
                    write(line)
    return Status.SUCCESS


def _boxes(data: memoryview) -> Iterator[Any]:
    """Yield the top-level boxes and, at a fault, the parsed part of the box before the error is raised."""
    from onvif_bmff.bmff import iter_boxes
    from onvif_bmff.errors import BoxError

    try:
        yield from iter_boxes(data)
    except BoxError as error:
        yield from error.partial
        raise


@contextmanager
def _mapped(file_path: Path) -> Iterator[memoryview]:
    """Yield the file's bytes by mapping it; a file that cannot be mapped (a pipe, an empty file) is read."""
    import mmap

    with file_path.open("rb") as file:
        try:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            try:
                data = file.read()
            except OSError as error:  # which has no file name
                raise OSError(error.errno, error.strerror, str(file_path)) from None
            yield memoryview(data)
            return
        # not closed: views may be alive in a traceback; it is freed with the last of them
        yield memoryview(mapped)


def _lines(node: "ShownBox", depth: int) -> Iterator[Line]:
    line: Line = [("", "  " * depth), ("type", node["type"]), ("place", f" @{node['offset']} +{node['size']}")]
    tables = []
    for field, value in node["fields"].items():
        if value is None:
            continue
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            tables.append((field, value))
            continue
        text = f"{value:#x}" if field == "flags" else _plain(value)
        line += [("", " "), ("name", field), ("", "="), ("value", text)]
    yield line
    for field, value in tables:
        for row in value if isinstance(value, list) else [value]:
            inner: Line = [("", "  " * depth + "  - "), ("name", field)]
            for column, cell in row.items():
                inner += [("", " "), ("name", column), ("", "="), ("value", _plain(cell))]
            yield inner
    for child in node["children"]:
        yield from _lines(child, depth + 1)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value.isalnum() else json_text(value)
