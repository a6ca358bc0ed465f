"""Findings as workflow commands of GitHub Actions, which shows them as annotations."""

from collections.abc import Iterable, Iterator

from onvif_bmff.errors import escaped
from onvif_bmff.validation.report_context import ReportContext, counted
from onvif_bmff.validation.rules import Finding, Level

__all__ = ["github_report"]

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def github_report(findings: Iterable[Finding], context: ReportContext) -> Iterator[str]:
    """Yield a line for each finding, and one with the sums.

    Every line is a command, so that no text of a store is taken for one.
    """
    for finding in findings:
        where = f"{finding.path or 'object'} at byte {finding.offset}: " if finding.offset is not None else ""
        if finding.offset is None and finding.path:
            where = f"{finding.path}: "
        properties = {"file": f"{context.folder}{finding.key}"} if finding.key else {}
        properties["title"] = f"{finding.rule} in {finding.key}" if finding.key else finding.rule
        yield _command(_COMMANDS[finding.level], properties, f"{where}{finding.message}")
    hidden = f"; {context.sums.hidden} findings are not shown" if context.sums.hidden else ""
    lines = [f"{counted(context.sums)}{hidden}"]
    lines += [f"{one.cases} {one.level.value} {one.rule}: {one.text}" for one in context.sums.rules]
    lines += context.remarks()
    yield _command("notice", {"title": f"onvif-bmff validate {context.store}".strip()}, *lines)


def _command(name: str, properties: dict[str, str], *lines: str) -> str:
    shown = ",".join(f"{key}={_property(text)}" for key, text in properties.items())
    return f"::{name} {shown}::{'%0A'.join(map(_data, lines))}\n"


def _data(text: str) -> str:
    return escaped(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
