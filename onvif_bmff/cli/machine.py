"""Output for programs: ``--json``, each with the name and version of its schema.

The first member of each is ``"schema": "onvif-bmff/NAME/VERSION"``. Members may be added within a version; removing
one or changing its meaning needs a new version. ``docs/cli.md`` describes them.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from onvif_bmff.cli.commands import COMMANDS
from onvif_bmff.cli.terminal import json_text

__all__ = ["SCHEMAS", "add_json_argument", "schema", "write_json", "write_rows"]

SCHEMAS: dict[str, int] = {name: version for command in COMMANDS.values() for name, version in command.schemas}
"""Versions of the schemas by name."""


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option --json (``json``)."""
    parser.add_argument("--json", action="store_true", help="machine-readable output, with the version of its schema")


def schema(name: str) -> str:
    """Return the value of ``schema`` in JSON output of this name."""
    return f"onvif-bmff/{name}/{SCHEMAS[name]}"


def write_json(name: str, members: Mapping[str, Any]) -> None:
    """Write an object as JSON, with its schema first."""
    sys.stdout.write(json_text({"schema": schema(name), **members}, indent=1) + "\n")


def write_rows(name: str, member: str, rows: Iterable[Any], members: Iterable[tuple[str, Any]] = ()) -> None:
    """Write an object whose ``member`` is a list, row by row as they come, and behind it the other ``members``.

    ``members`` are evaluated after the last row is written. If the iterator of rows fails, the object is completed
    without them before the error goes on, so that what was written is JSON.
    """
    out = sys.stdout
    out.write(f'{{"schema": {json_text(schema(name))}, {json_text(member)}: [')
    separator = "\n  "
    done = False
    try:
        for row in rows:
            out.write(separator + json_text(row))
            separator = ",\n  "
        done = True
    finally:
        out.write("\n]")
        for key, value in members if done else ():
            out.write(f", {json_text(key)}: {json_text(value)}")
        out.write("}\n")
