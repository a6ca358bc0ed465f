"""Findings as SARIF 2.1.0, the format in which analysers hand results to other tools. OASIS, 27 March 2020."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.validation.report_context import ReportContext, json_of
from onvif_bmff.validation.rules import RULES, Finding

__all__ = ["sarif_report"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_BASE = "STORE"


def sarif_report(findings: Iterable[Finding], context: ReportContext) -> Iterator[str]:
    """Yield a SARIF log with one run, result by result as the findings come.

    If the validation fails the log is completed, and says so, before the error is raised.
    """
    driver: dict[str, Any] = {
        "name": "onvif-bmff",
        **({"semanticVersion": context.version} if context.version else {}),
        "rules": [
            {
                "id": rule.id,
                "shortDescription": {"text": rule.text},
                "defaultConfiguration": {"level": rule.level.value},
            }
            for rule in RULES.values()
        ],
    }
    yield f'{{"$schema": {json_of(_SCHEMA)}, "version": "2.1.0", "runs": [{{"tool": {json_of({"driver": driver})}'
    if context.uri:
        yield f', "originalUriBaseIds": {json_of({_BASE: {"uri": context.uri}})}'
    yield ', "results": ['
    indexes = {rule: index for index, rule in enumerate(RULES)}
    separator = "\n  "
    failure: OnvifBmffError | OSError | None = None
    try:
        for finding in findings:
            yield separator + json_of(_result(finding, indexes[finding.rule], context))
            separator = ",\n  "
    except (OnvifBmffError, OSError) as error:
        failure = error
    invocation: dict[str, Any] = {"executionSuccessful": failure is None}
    if failure is not None:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": str(failure)}}]
    about = {
        "checked": context.checked.counts(),
        "rules": [one.to_json() for one in context.sums.rules],
        "notShown": context.sums.hidden,
        "ignored": dict(context.sums.ignored),
    }
    yield f'\n], "invocations": {json_of([invocation])}, "properties": {json_of(about)}}}]}}\n'
    if failure is not None:
        raise failure


def _result(finding: Finding, index: int, context: ReportContext) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.level.value,
        "message": {"text": finding.message},
    }
    location: dict[str, Any] = {}
    if finding.key:
        artifact = {"uri": _relative_uri(finding.key), **({"uriBaseId": _BASE} if context.uri else {})}
        region = {} if finding.offset is None else {"region": {"byteOffset": finding.offset, "byteLength": 0}}
        location["physicalLocation"] = {"artifactLocation": artifact, **region}
    if finding.path:
        kind = "member" if finding.path.startswith("@") else "element"
        location["logicalLocations"] = [{"fullyQualifiedName": finding.path, "kind": kind}]
    if location:
        found["locations"] = [location]
    if finding.count != 1:
        found["occurrenceCount"] = finding.count
    return found


def _relative_uri(key: str) -> str:
    try:
        return quote(key.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return quote(key.encode("utf-8", "surrogatepass"))
