"""Findings as JUnit XML, the format that systems for continuous integration show as test results."""

from collections.abc import Iterable, Iterator

from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.validation.report_context import ReportContext, counted, gathered, markup
from onvif_bmff.validation.rules import RULES, Finding
from onvif_bmff.validation.sums import reaches

__all__ = ["junit_report"]


def junit_report(findings: Iterable[Finding], context: ReportContext) -> Iterator[str]:
    """Yield a document with a test case for the store, and one for each rule that is broken or not fully checked.

    The case of the store passes if no finding is a failure. Rules whose findings are all below ``context.fail_on``
    pass, with the findings as output. If the validation fails, the document has an error before it is raised.
    """
    found, failure = gathered(findings)
    by_rule: dict[str, list[Finding]] = {}
    for finding in found:
        by_rule.setdefault(finding.rule, []).append(finding)
    for one in context.sums.rules:
        by_rule.setdefault(one.rule, [])  # none of its findings is shown
    failing = {one.rule for one in context.sums.rules if reaches(one.level, context.fail_on)}
    skipped = {one.rule: one for one in reversed(context.checked.skipped) if one.rule not in by_rule}
    cases = [_store_case(context, failure, failed=bool(failing))]
    cases += [_rule_case(rule, by_rule[rule], context, failed=rule in failing) for rule in RULES if rule in by_rule]
    for rule, what in skipped.items():
        reason = f"not checked in {what.count} cases, as {what.reason}"
        cases.append(_case(rule, f"<skipped {_attributes(message=reason)}/>"))
    counts = _attributes(
        tests=str(len(cases)),
        failures=str(len(failing) + (bool(failing) and failure is None)),
        errors=str(int(failure is not None)),
    )
    name = _attributes(name=f"onvif-bmff validate {context.store}".strip())
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n'
    yield f'<testsuite {name} {counts} skipped="{len(skipped)}">\n'
    yield from cases
    yield "</testsuite>\n</testsuites>\n"
    if failure is not None:
        raise failure


def _store_case(context: ReportContext, failure: OnvifBmffError | OSError | None, *, failed: bool) -> str:
    remarks = [*context.remarks(), counted(context.sums)]
    if context.sums.hidden:
        remarks.append(f"{context.sums.hidden} findings are not shown")
    content = f"<system-out>{_markup_lines(remarks)}</system-out>"
    if failure is not None:
        content = f"<error {_attributes(message=str(failure), type=type(failure).__name__)}/>{content}"
    elif failed:
        content = f"<failure {_attributes(message=counted(context.sums), type='findings')}/>{content}"
    return f"<testcase {_attributes(classname='onvif_bmff.validate', name='store')}>{content}</testcase>\n"


def _rule_case(rule: str, found: list[Finding], context: ReportContext, *, failed: bool) -> str:
    lines = _markup_lines(_line(finding) for finding in found)
    sums = [one for one in context.sums.rules if one.rule == rule]
    if not failed:
        return _case(rule, f"<system-out>{lines}</system-out>")
    cases = sum(one.cases for one in sums)
    attributes = _attributes(message=f"{cases} cases: {RULES[rule].text}", type=sums[0].level.value)
    return _case(rule, f"<failure {attributes}>{lines}</failure>")


def _case(rule: str, content: str) -> str:
    names = _attributes(classname="onvif_bmff.validate", name=f"{rule}: {RULES[rule].text}")
    return f"<testcase {names}>{content}</testcase>\n"


def _line(finding: Finding) -> str:
    where = f" at byte {finding.offset}" if finding.offset is not None else ""
    path = f" {finding.path}" if finding.path else ""
    return f"{finding.level.value} {finding.key or '(the store)'}{path}{where}: {finding.message}"


def _markup_lines(lines: Iterable[str]) -> str:
    """Return lines of text for XML."""
    return "".join(f"{markup(line)}\n" for line in lines)


def _attributes(**values: str) -> str:
    return " ".join(f'{name}="{markup(value)}"' for name, value in values.items())
