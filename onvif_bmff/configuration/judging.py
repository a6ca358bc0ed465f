"""From text to settings, or to all faults at once, each with its line and path."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from onvif_bmff.configuration.faults import ConfigurationFault
from onvif_bmff.configuration.lines import Path, dotted, line_of, lines_of
from onvif_bmff.configuration.options import Kind, Option, Section, UnfitValue, nearest, read_value
from onvif_bmff.configuration.references import reference_faults
from onvif_bmff.configuration.rehearsal import package_faults, service_faults
from onvif_bmff.configuration.secret import Secret
from onvif_bmff.configuration.settings import DeviceConfiguration
from onvif_bmff.configuration.store_options import read_store_options
from onvif_bmff.configuration.surroundings import NoSurroundings, Surroundings
from onvif_bmff.configuration.tables import FILE
from onvif_bmff.errors import ConfigurationError

__all__ = ["Judged", "judge"]

_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_MOST_LETTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a text: a configuration, or faults.

    Args:
        configuration: None where there are faults.
        faults: in the order of their lines.
        has_secrets: whether the text itself holds passwords or keys, rather than names of files and variables.
    """

    configuration: DeviceConfiguration | None
    faults: tuple[ConfigurationFault, ...]
    has_secrets: bool


def judge(text: str, surroundings: Surroundings = NoSurroundings()) -> Judged:  # noqa: B008
    """Return what a configuration file says.

    Args:
        text: of the file.
        surroundings: what it mentions.
    """
    try:
        if len(text) > _MOST_LETTERS:
            raise tomllib.TOMLDecodeError("the file is too long to be a configuration")
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT.search(str(error))
        line = None if found is None else int(found[1]) if found[1] else text.count("\n") + 1
        fault = ConfigurationFault(line, "", f"not TOML: {_AT.sub('', str(error))}")
        return Judged(None, (fault,), has_secrets=False)
    except RecursionError:
        return Judged(None, (ConfigurationFault(None, "", "not TOML: nested too deeply"),), has_secrets=False)
    reading = _Reading(lines_of(text), surroundings)
    configuration = reading.section(FILE, data, ())
    reading.refer(data)
    if isinstance(configuration, DeviceConfiguration) and not reading.faults:
        for path, message in (*service_faults(configuration), *package_faults(configuration, surroundings)):
            reading.fault(path, message)
    faults = tuple(sorted(reading.faults, key=lambda fault: fault.line or 0))
    made = configuration if isinstance(configuration, DeviceConfiguration) and not faults else None
    return Judged(made, faults, reading.has_secrets)


class _Reading:
    """One pass over the data of a file. ``faults`` are those that were found; the same one is found once.

    Args:
        lines: where all of it stands.
        surroundings: what the file mentions.
    """

    def __init__(self, lines: dict[Path, int], surroundings: Surroundings) -> None:
        self._lines = lines
        self._surroundings = surroundings
        self.faults: list[ConfigurationFault] = []
        self.has_secrets = False

    def fault(self, path: Path, text: str) -> None:
        """Note a fault."""
        self.faults.append(ConfigurationFault(line_of(self._lines, path), dotted(path), text))

    def refer(self, data: dict[str, Any]) -> None:
        """Check what tables say of each other."""
        for path, text in reference_faults(data):
            self.fault(path, text)

    def section(self, section: Section, data: dict[str, Any], path: Path) -> object:
        """Return the value of a table; None if it has faults."""
        before = len(self.faults)
        known = set(_keys(section))
        for name in data:
            if name not in known:
                self.fault((*path, name), f"there is no such key{nearest(name, known)}")
        values: dict[str, Any] = {option.name: self._option(option, data, path) for option in section.options}
        for inner in section.sections:
            values[inner.name] = self._inner(inner, data, path)
        if section.name == "certificates":
            values["data"] = self._content(values["file"], (*path, "file"))
        if section.name == "storages":
            values["options"] = self._store_options(values, path)
        return None if len(self.faults) > before else section.make(**values)

    def _inner(self, section: Section, data: dict[str, Any], path: Path) -> object:
        value = data.get(section.name)
        inside = (*path, section.name)
        if value is None and section.is_optional:
            return None
        if not section.many:
            if value is not None and not isinstance(value, dict):
                self.fault(inside, "a table is needed")
                return None
            return self.section(section, value or {}, inside)
        if value is None:
            return section.usual
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.fault(inside, f"tables are needed: [[{'.'.join(str(part) for part in inside if part != 0)}]]")
            return ()
        return tuple(self.section(section, one, (*inside, number)) for number, one in enumerate(value))

    def _option(self, option: Option, data: dict[str, Any], path: Path) -> Any:
        if option.kind is Kind.SECRET:
            return self._secret(option, data, path)
        if option.name not in data:
            if option.is_required:
                self.fault((*path, option.name), "it is missing")
                return None
            return option.default
        try:
            return read_value(option, data[option.name])
        except UnfitValue as unfit:
            self.fault((*path, option.name), str(unfit))
            return None

    def _secret(self, option: Option, data: dict[str, Any], path: Path) -> Secret | None:
        names = [name for name in _names(option) if name in data]
        if not names and option.is_required:
            self.fault((*path, option.name), f"it is missing; {' or '.join(_names(option)[1:])} will do as well")
        if len(names) > 1:
            self.fault((*path, names[1]), f"there is {names[0]} already")
        if len(names) != 1:
            return None
        return self._one_secret(option, names[0], data[names[0]], path)

    def _one_secret(self, option: Option, name: str, value: object, path: Path) -> Secret | None:
        """Return the secret that a key gives: by itself, from a file, or from a variable."""
        try:
            text: str = read_value(option, value)
            if name.endswith("_file"):
                text = self._first_line(text)
            elif name.endswith("_env"):
                text = self._surroundings.variable(text)
            else:
                self.has_secrets = True
        except (UnfitValue, ConfigurationError) as error:
            self.fault((*path, name), str(error))
            return None
        return Secret(text)

    def _first_line(self, path: str) -> str:
        text = self._surroundings.read(path).decode("utf-8", "surrogateescape")
        found = text.splitlines()[0] if text else ""
        if not found:
            raise ConfigurationError("the first line of the file is empty")
        return found

    def _content(self, file: object, path: Path) -> bytes:
        try:
            return self._surroundings.read(file) if isinstance(file, str) else b""
        except ConfigurationError as error:
            self.fault(path, str(error))
            return b""

    def _store_options(self, values: dict[str, Any], path: Path) -> dict[str, object]:
        given, url = values["options"] or {}, values["url"]
        found: dict[str, object] = {}
        try:
            secrets = read_store_options(url if isinstance(url, str) else "", given, found)
        except UnfitValue as unfit:
            self.fault((*path, "options" if given else "url"), str(unfit))
            return found
        inside = (*path, "options")
        for name, problem in secrets.unknown:
            self.fault((*inside, name), problem)
        for option, name in secrets.given:
            found[option.name] = self._one_secret(option, name, given[name], inside)
        return found


def _names(option: Option) -> tuple[str, ...]:
    """Return the keys of a secret."""
    return option.name, f"{option.name}_file", f"{option.name}_env"


def _keys(section: Section) -> Iterator[str]:
    for option in section.options:
        yield from _names(option) if option.kind is Kind.SECRET else (option.name,)
    yield from _section_names(section.sections)


def _section_names(sections: Iterable[Section]) -> Iterator[str]:
    return (inner.name for inner in sections)
