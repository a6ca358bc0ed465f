"""Write the tables of options of the page on devices, from the table that the configuration file is read by.

``python docs/build_device_options.py`` writes them; with ``--check`` it only says whether they are as they should be
(exit 1).
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from page_table import settle_table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from onvif_bmff.configuration.options import NONE, Option, Section, toml_text
from onvif_bmff.configuration.sample import range_of
from onvif_bmff.configuration.tables import FILE

PAGE = ROOT / "docs" / "device.md"


def rows(section: Section, path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a table, and of those in it."""
    if path:
        name = ".".join(path)
        yield f"\n### `[[{name}]]`\n" if section.many else f"\n### `[{name}]`\n"
    else:
        yield "### At the top\n"
    yield f"{section.help}\n"
    yield "| option | value | default | |"
    yield "|---|---|---|---|"
    for option in section.options:
        yield f"| `{option.name}` | {value(option)} | {default(option)} | {option.help} |"
    for inner in section.sections:
        yield from rows(inner, (*path, inner.name))


def value(option: Option) -> str:
    """Return what an option takes."""
    if option.choices:
        return ", ".join(f'`"{choice}"`' for choice in option.choices)
    extent = range_of(option)
    return f"{option.kind.value}, {extent}" if extent else option.kind.value


def default(option: Option) -> str:
    """Return what an option is where it is not given."""
    if option.default is NONE:
        return "needed"
    if option.usual:
        return option.usual
    if option.default in (None, (), ""):
        return "none"
    return f"`{toml_text(option.default)}`"


def main() -> int:
    """Write or check the tables."""
    return settle_table(PAGE, "options", "\n".join(rows(FILE, ())), "the table's")


if __name__ == "__main__":
    sys.exit(main())
