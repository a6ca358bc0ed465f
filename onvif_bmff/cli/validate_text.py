"""Findings, and what was checked, as text: grouped by object, in colours on a terminal."""

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from onvif_bmff.cli.attributes_file import AttributesFile
from onvif_bmff.cli.terminal import say
from onvif_bmff.errors import escaped
from onvif_bmff.validation import Checked, Finding, FindingSums, Level, Skipped, counted

__all__ = ["looked_at", "write_findings", "write_verdict"]

_STYLES = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: ""}
MAX_KEYS, MAX_RULES = 3, 4
"""Number of key identifiers, and of rules with one reason, that text names; JSON has them all."""


def write_findings(findings: Iterable[Finding]) -> None:
    """Write findings grouped by object, as they come."""
    write = _painter()
    for key, group in groupby(findings, key=lambda finding: finding.key):
        write(key or "(the store)", "bold")
        for finding in group:
            where = f" at byte {finding.offset}" if finding.offset is not None else ""
            path = f" {finding.path}" if finding.path else ""
            style = _STYLES[finding.level]
            write(f"  {finding.level.value:<7} {finding.rule:<14}{path}{where}: {finding.message}", style)


def write_verdict(sums: FindingSums, checked: Checked, labels: AttributesFile | None) -> None:
    """Write the sums by rule, what was checked, and the sums by level."""
    write = _painter()
    if sums.hidden:
        write(f"… and {sums.hidden} findings that are not shown", "bold")
    for one in (one for one in sums.rules if one.level is not Level.NOTE):
        write(f"{one.cases:>8} {one.level.value:<7} {one.rule:<14} {one.text}", _STYLES[one.level])
    for line in looked_at(checked, labels):
        write(line, "dim")
    if sums.ignored:
        names = ", ".join(f"{rule} ({count})" for rule, count in sorted(sums.ignored.items()))
        write(f"findings ignored: {names}", "dim")
    errors, warnings = sums.levels[Level.ERROR], sums.levels[Level.WARNING]
    style = "bold red" if errors else "bold yellow" if warnings else "bold green" if checked.objects else "bold"
    write(counted(sums), style)


def looked_at(checked: Checked, labels: AttributesFile | None) -> Iterator[str]:
    """Yield lines on what was checked, and what was not."""
    formats = f", {checked.other_formats} of them keys of segments in other formats" if checked.other_formats else ""
    others = {f"of no recording{formats}": checked.foreign, "of other recordings": checked.elsewhere}
    yield (
        f"looked at {checked.objects} objects in {checked.spans} spans: {checked.segments} segments, "
        f"{checked.objects_read} of them read, and {checked.span_ends} span ends"
    ) + "".join(f"; {count} names {what}" for what, count in others.items() if count)
    if checked.objects_read:
        samples = {
            "clear": checked.samples_clear,
            "encrypted and opened": checked.samples_opened,
            "encrypted and not opened": checked.samples_unopened,
            "not to be read": checked.samples_unread,
        }
        parts = [f"{count} {what}" for what, count in samples.items() if count or what == "clear"]
        yield f"samples: {', '.join(parts)}{_missing_keys(checked)}"
    if checked.segments:
        unknown = f", content type unknown of {checked.content_types_unknown}" if checked.content_types_unknown else ""
        file = f"; {labels.used} lines of {labels.path} used, {labels.unused} not" if labels is not None else ""
        yield f"attributes on {checked.attributes_seen} of {checked.segments} segments{unknown}{file}"
    by_reason: dict[str, list[Skipped]] = {}
    for skipped in checked.skipped:
        by_reason.setdefault(skipped.reason, []).append(skipped)
    for reason, rules in by_reason.items():
        names = ", ".join(one.rule for one in rules[:MAX_RULES]) + (" …" if len(rules) > MAX_RULES else "")
        yield f"not checked: {names} in {max(one.count for one in rules)} cases, as {reason}"


def _missing_keys(checked: Checked) -> str:
    kids = sorted(map(str, checked.missing_keys))
    return f" (no key for {', '.join(kids[:MAX_KEYS])}{' …' if len(kids) > MAX_KEYS else ''})" if kids else ""


def _painter() -> Callable[[str, str], None]:
    """Return a function that prints a line in a style: in colours on a terminal, if rich is installed."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ImportError:
            return _plain
        console = Console(highlight=False, soft_wrap=True)
        return lambda line, style: console.print(escaped(line), style=style, markup=False)
    return _plain


def _plain(line: str, style: str) -> None:
    say(line)
