"""A sample of the configuration file, with all options: those that are not needed are commented out."""

from collections.abc import Iterator, Mapping
from typing import Any

from onvif_bmff.configuration.options import Kind, Option, Section, toml_text
from onvif_bmff.configuration.tables import FILE

__all__ = ["range_of", "sample_file"]

_WIDTH = 100
_HEAD = """\
Configuration of a device that records: onvif-bmff device FILE
Options that are commented out have the value shown, or are examples where that is said.
It runs as it stands: a file plays the camera, and its recording lies in the folder recorder/recordings."""


def sample_file(clip: str, password: str) -> str:
    """Return a configuration that runs at once, with comments.

    Args:
        clip: an MP4 file that plays the camera.
        password: of the user in it.
    """
    given: Mapping[str, Any] = {
        "data_directory": "recorder",
        "cameras": {"token": "front", "file": clip},
        "storages": {"token": "disk", "url": "recordings"},
        "recordings": {
            "token": "front", "storage": "disk", "prefix": "site-1", "postfix": "front", "segment_duration": "PT5S",
        },
        "jobs": {"token": "front-always", "recording": "front"},
        "jobs.sources": {"camera": "front"},
        "users": {"username": "admin", "password": password, "level": "Administrator"},
    }  # fmt: skip
    lines = [*_comment(_HEAD), "", *_options(FILE, given)]
    for section in FILE.sections:
        lines += ["", *_section(section, (section.name,), given)]
    return "\n".join(lines) + "\n"


def _section(section: Section, path: tuple[str, ...], given: Mapping[str, Any]) -> Iterator[str]:
    name = ".".join(path)
    is_given = name in given
    is_plain = not section.many and not section.is_optional
    yield from _comment(section.help)
    header = f"[[{name}]]" if section.many else f"[{name}]"
    yield header if is_given or is_plain else f"#{header}"
    yield from _options(section, given[name] if is_given else {}, off=not (is_given or is_plain))
    for inner in section.sections:
        yield ""
        yield from _section(inner, (*path, inner.name), given)


def _options(section: Section, given: Mapping[str, Any], *, off: bool = False) -> Iterator[str]:
    for option in section.options:
        yield from _comment(_told(option), option.name)
        if option.name in given and not off:
            yield f"{option.name} = {toml_text(given[option.name])}"
        else:
            name, value = _shown(option)
            yield f"#{name} = {toml_text(value)}"


def _shown(option: Option) -> tuple[str, Any]:
    """Return a key of an option and its value, as the sample shows them."""
    if option.kind is Kind.SECRET:
        return f"{option.name}_file", f"{option.name}.txt"
    return option.name, option.shown


def _told(option: Option) -> str:
    notes = [note for note in (range_of(option), _note(option)) if note]
    return f"{option.help} ({'; '.join(notes)})" if notes else option.help


def _note(option: Option) -> str:
    if option.kind is Kind.SECRET:
        return f"{option.name}, or {option.name}_file: its first line, or {option.name}_env: a variable"
    if option.is_required:
        return "needed"
    if option.usual:
        return f"without it: {option.usual}"
    return "an example; without it: none" if option.default in (None, ()) else ""


def range_of(option: Option) -> str:
    """Return which values an option takes, in words; "" where its kind says it all."""
    if option.choices:
        return ", ".join(option.choices)
    ends = [toml_text(end).strip('"') if end is not None else "" for end in (option.least, option.most)]
    if ends[0] and ends[1]:
        return f"{ends[0]} to {ends[1]}"
    return f"from {ends[0]} on" if ends[0] else ""


def _comment(text: str, name: str = "") -> Iterator[str]:
    """Yield lines of a comment, broken where they would be too long."""
    for line in text.strip().splitlines():
        words, row = line.split(" "), f"# {name}:" if name else "#"
        for word in words:
            if len(row) + len(word) > _WIDTH:
                yield row
                row = "#  "
            row += f" {word}"
        yield row
