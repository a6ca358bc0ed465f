"""Reports on findings in the formats of other tools. Each is a function of the findings that yields its text."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from onvif_bmff.validation.report_context import ReportContext
from onvif_bmff.validation.report_github import github_report
from onvif_bmff.validation.report_html import html_report
from onvif_bmff.validation.report_junit import junit_report
from onvif_bmff.validation.report_sarif import sarif_report
from onvif_bmff.validation.rules import Finding

__all__ = ["REPORTS", "report_on"]

REPORTS: Mapping[str, Callable[[Iterable[Finding], ReportContext], Iterator[str]]] = {
    "sarif": sarif_report,
    "junit": junit_report,
    "html": html_report,
    "github": github_report,
}
"""The formats by name."""


def report_on(findings: Iterable[Finding], form: str, context: ReportContext | None = None) -> Iterator[str]:
    """Yield a report on findings, piece by piece.

    SARIF and annotations of GitHub are written as the findings come; JUnit and HTML begin with sums, and hold all
    findings in memory before. Give ``validate_store(…)`` itself as ``findings``, with its ``checked`` in ``context``.

    Args:
        findings: of a validation.
        form: a name of ``REPORTS``.
        context: the store, and what counts the findings; ``context.sums`` may also choose which ones are shown.

    Raises:
        KeyError: there is no such format.
        OnvifBmffError, OSError: what the findings raised, once the report is complete.
    """
    context = context or ReportContext()
    return REPORTS[form](context.sums.shown(findings), context)
