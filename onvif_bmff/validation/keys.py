"""Rules of object names. ONVIF Recording Control 25.12, B.4, B.5."""

import re

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.extensions import EXTENSIONS
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.validation.report import Checked
from onvif_bmff.validation.rules import Findings

__all__ = ["NameChecker"]

_TAIL = re.compile(r"([0-9]+)-([0-9]+)(\.[0-9]+)?(Z|z|[+-][0-9]{2}:?[0-9]{2})?\.([0-9]+)\.[0-9A-Za-z]+(?:_end)?")
_TAIL_WITH_HOUR = re.compile(r"[0-9]{1,2}[-:T][0-9]{1,2}[-:][0-9]{1,2}(\.[0-9]+)?Z\.[0-9]+\.[0-9A-Za-z]+(?:_end)?")
_HOUR = re.compile(r"[0-9]{1,3}")


class NameChecker:
    """Checks names as they are listed; those without the extension of a recording's object are ignored.

    ``ends`` collects the names of span end objects. All names are counted, and ignored ones by kind.
    """

    def __init__(self, findings: Findings, prefix: str | None, postfix: str | None, checked: Checked) -> None:
        self._findings = findings
        self._checked = checked
        self._prefix = prefix
        self._postfix = postfix
        self._second = ""
        self._seen: dict[tuple[int, bool, int, str, bool], str] = {}
        self.ends: set[str] = set()

    def check(self, name: str) -> None:
        """Check the next name of a listing."""
        self._checked.names += 1
        _, dot, extension = name.rpartition(".")
        if not dot or extension.removesuffix("_end") not in EXTENSIONS:
            if extension.lower().removesuffix("_end") not in EXTENSIONS or not self._in_capitals(name):
                self._checked.foreign += 1
                self._checked.other_formats += _is_key(f"{name[: -len(extension)]}{MediaKind.VIDEO.extension}")
            return
        try:
            key = ObjectKey.parse(name, prefix=self._prefix, postfix=self._postfix)
        except ObjectKeyError as error:
            if self._elsewhere(name):
                self._checked.elsewhere += 1
            else:
                rule = "ANX-B.5-02" if extension.endswith("_end") else _fault_of(name)
                self._findings.add(rule, str(error), key=name)
            return
        if key.span_end:
            self.ends.add(name)
        self._twice(name, key)

    def _in_capitals(self, name: str) -> bool:
        """Report a name that would be a key if its extension were in small letters; return whether it is one."""
        stem, _, extension = name.rpartition(".")
        try:
            key = ObjectKey.parse(f"{stem}.{extension.lower()}", prefix=self._prefix, postfix=self._postfix)
        except ObjectKeyError:
            return False
        rule = "ANX-B.5-05" if key.span_end else "ANX-B.4-12"
        self._findings.add(rule, f"the extension is {extension!r}, not {extension.lower()!r}", key=name)
        return True

    def _elsewhere(self, name: str) -> bool:
        """Return whether the name is a valid key of another prefix or postfix."""
        return _is_key(name)

    def _twice(self, name: str, key: ObjectKey) -> None:
        """Report names of one segment that differ only in digits; they share a second, so they are adjacent."""
        head, _, tail = name.rpartition("/")
        second = f"{head}/{tail[:5]}"
        if second != self._second:
            self._second, self._seen = second, {}
        identity = (key.time.microseconds, key.time.leap, key.counter, key.extension, key.span_end)
        other = self._seen.setdefault(identity, name)
        if other != name:
            self._findings.add("ANX-B.4-01", f"the same segment as {other}", key=name)


def _is_key(name: str) -> bool:
    try:
        ObjectKey.parse(name)
    except ObjectKeyError:
        return False
    return True


def _fault_of(name: str) -> str:
    """Return the rule that an invalid key breaks."""
    lead, _, tail = name.rpartition("/")
    found = _TAIL.fullmatch(tail)
    if found is None:
        return "ANX-B.4-07" if _TAIL_WITH_HOUR.fullmatch(tail) else "ANX-B.4-02"
    if "" in lead.split("/"):
        return "ANX-B.4-02"
    minute, second, _, zulu, _ = found.groups()
    if zulu != "Z":
        return "ANX-B.4-10"
    if len(minute) != 2 or len(second) != 2 or int(minute) > 59 or int(second) > 60:
        return "ANX-B.4-08"
    before, _, hour = lead.rpartition("/")
    if not _HOUR.fullmatch(hour) or not before:
        return "ANX-B.4-07"
    if len(hour) != 2 or int(hour) > 23:
        return "ANX-B.4-08"
    try:
        ObjectKey.parse(f"2000-01-01/{hour}/{tail}")
    except ObjectKeyError:
        return "ANX-B.4-02"
    return "ANX-B.4-06"
