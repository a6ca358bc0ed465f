"""Findings as a page for people: one HTML file, without scripts and without references to other files."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from onvif_bmff.validation.report_context import ReportContext, counted, gathered, markup
from onvif_bmff.validation.rules import RULES, Finding, Level

__all__ = ["html_report"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1c1c; background: #fff; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin-top: 2rem; }
h3 { font: 600 0.95rem ui-monospace, monospace; margin: 1.5rem 0 0.25rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #ddd; }
td { overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 0.9em ui-monospace, monospace; }
.error { color: #a40000; } .warning { color: #8a5300; } .note { color: #555; }
.level { font-weight: 600; white-space: nowrap; }
@media (prefers-color-scheme: dark) {
  body { color: #e6e6e6; background: #161616; } th, td { border-color: #444; }
  .error { color: #ff8a80; } .warning { color: #ffcc80; } .note { color: #aaa; }
}
"""


def html_report(findings: Iterable[Finding], context: ReportContext) -> Iterator[str]:
    """Yield a page: the verdict, what was checked, sums by rule, and the findings by object.

    If the validation fails the page says so, before the error is raised.
    """
    found, failure = gathered(findings)
    title = markup(f"Validation of {context.store}" if context.store else "Validation")
    yield f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    worst = next((level for level in Level if context.sums.levels[level]), Level.NOTE)
    yield f'<p class="level {worst.value}">{markup(counted(context.sums))}</p>\n'
    if failure is not None:
        yield f'<p class="level error">The validation failed: {markup(str(failure))}</p>\n'
    remarks = list(context.remarks())
    if context.sums.hidden:
        remarks.append(f"{context.sums.hidden} findings are not shown")
    if remarks:
        yield "<ul>\n" + "".join(f"<li>{markup(line)}</li>\n" for line in remarks) + "</ul>\n"
    yield from _sums(context)
    if found:
        yield "<h2>Findings</h2>\n"
    for key, group in groupby(found, key=lambda finding: finding.key):
        yield f"<h3>{markup(key or '(the store)')}</h3>\n<table>\n"
        yield from map(_row, group)
        yield "</table>\n"
    yield f"<p>onvif-bmff {markup(context.version)}</p>\n</body>\n</html>\n"
    if failure is not None:
        raise failure


def _sums(context: ReportContext) -> Iterator[str]:
    rules = context.sums.rules
    if not rules:
        return
    yield '<h2>Rules</h2>\n<table>\n<tr><th>rule</th><th>level</th><th class="number">cases</th><th>says</th></tr>\n'
    for one in rules:
        name = one.level.value
        level, cases = f'<td class="level {name}">{name}</td>', f'<td class="number">{one.cases}</td>'
        yield f"<tr><td><code>{markup(one.rule)}</code></td>{level}{cases}<td>{markup(one.text)}</td></tr>\n"
    yield "</table>\n"


def _row(finding: Finding) -> str:
    where = [f"<code>{markup(finding.path)}</code>"] if finding.path else []
    where += [f"at byte {finding.offset}"] if finding.offset is not None else []
    level = finding.level.value
    rule = f'<code title="{markup(RULES[finding.rule].text)}">{markup(finding.rule)}</code>'
    place = f"<td>{' '.join(where)}</td><td>{markup(finding.message)}</td>"
    return f'<tr><td class="level {level}">{level}</td><td>{rule}</td>{place}</tr>\n'
