"""What reports say beside the findings, and what they share."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from onvif_bmff.errors import OnvifBmffError, escaped
from onvif_bmff.validation.report import Checked
from onvif_bmff.validation.rules import Finding, Level
from onvif_bmff.validation.sums import FindingSums

__all__ = ["ReportContext", "counted", "gathered", "json_of", "markup"]


def _no_remarks() -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class ReportContext:
    """The surroundings of a report.

    Attributes:
        store: name of the store, as it is shown.
        folder: path of the store, where tools look for the files that findings are about; with a slash at its end
            unless it is empty.
        uri: URI of the store, with a slash at its end; empty if it is not known.
        version: version of this library.
        fail_on: level from which on a finding counts as a failure.
        sums: counts the findings of the report; a report reads it after the last finding.
        checked: what was checked; likewise.
        remarks: returns lines of text on what was checked; likewise.
    """

    store: str = ""
    folder: str = ""
    uri: str = ""
    version: str = ""
    fail_on: Level = Level.WARNING
    sums: FindingSums = field(default_factory=FindingSums)
    checked: Checked = field(default_factory=Checked)
    remarks: Callable[[], Iterable[str]] = _no_remarks


def gathered(findings: Iterable[Finding]) -> tuple[list[Finding], OnvifBmffError | OSError | None]:
    """Return all findings, and the error that ended the validation, if one did."""
    found: list[Finding] = []
    try:
        found.extend(findings)
    except (OnvifBmffError, OSError) as error:
        return found, error
    return found, None


def counted(sums: FindingSums) -> str:
    """Return the sums by level in words."""
    text = f"{sums.levels[Level.ERROR]} errors, {sums.levels[Level.WARNING]} warnings"
    return text + (f", {sums.levels[Level.NOTE]} notes" if sums.levels[Level.NOTE] else "")


def json_of(value: Any) -> str:
    """Return JSON of ASCII characters only, in one line and without control characters."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def markup(text: str) -> str:
    """Return ``text`` for HTML and XML, between tags and in quoted attributes, in ASCII.

    What XML does not allow (control characters, halves of surrogate pairs, non-characters) is escaped as in errors.
    """
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(letter, entity)
    return escaped(text).encode("ascii", "xmlcharrefreplace").decode("ascii")
