"""``onvif-bmff validate``: check the objects of a store by the rules of annex B and CMAF."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from onvif_bmff.cli.attributes_file import AttributesFile
from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.machine import add_json_argument, write_json, write_rows
from onvif_bmff.cli.status import Outcome, Status
from onvif_bmff.cli.store_options import (
    add_empty_argument,
    add_inventory_argument,
    add_store_argument,
    base_uri,
    counts_of,
    listed_store,
    nothing_found,
    warn_of_inventory,
)
from onvif_bmff.cli.terminal import complain, say
from onvif_bmff.cli.validate_text import looked_at, write_findings, write_verdict
from onvif_bmff.cli.values import instant, path
from onvif_bmff.cli.worker_options import add_worker_arguments, address_of, refuse_with_workers, workers_of
from onvif_bmff.errors import StoreError
from onvif_bmff.objects import ReadableStore
from onvif_bmff.validation import (
    REPORTS,
    RULES,
    Checked,
    ContentKeys,
    EncryptionProof,
    Finding,
    FindingSums,
    Level,
    ReportContext,
    SegmentLooker,
    Validation,
    ValidationScope,
    reaches,
    report_on,
    validate_names,
)

if TYPE_CHECKING:
    from onvif_bmff.jobs import Workers

__all__ = ["register", "run"]

_TEXT, _JSON = "text", "json"


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "validate",
        help="check recorded objects by the rules of ONVIF Annex B and CMAF",
        description="Check the objects of a store by the rules of ONVIF Annex B, CMAF and Common Encryption, "
        "and report what was checked.",
    )
    add_store_argument(parser, optional=True)
    add_json_argument(parser)
    parser.add_argument("--rules", action="store_true", help="list all rules, and do nothing else")
    parser.add_argument("--prefix", help="configured path before the date; any by default")
    parser.add_argument("--postfix", help="configured path after the date; any by default")
    parser.add_argument("--from", dest="start", metavar="TIME", type=instant, help="only what begins from here on")
    parser.add_argument("--to", dest="end", metavar="TIME", type=instant, help="only what begins before")
    parser.add_argument("--shallow", action="store_true", help="look at names and attributes only, not into objects")
    add_key_arguments(parser)
    add_empty_argument(parser)
    parser.add_argument(
        "--attributes",
        metavar="FILE",
        type=path,
        help="content types and attributes that the store itself does not have, as after a copy: "
        'one JSON object a line, {"key": …, "content_type": …, "metadata": {…}}',
    )
    parser.add_argument(
        "--prove-encrypted",
        action="store_true",
        help="count the clear bytes of all samples, track by track, with the reason for each; "
        "unexplained ones, and a store without any encryption, are findings",
    )
    add_inventory_argument(parser)
    add_worker_arguments(parser)
    _add_report_arguments(parser)
    parser.set_defaults(run=run)


def _add_report_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("report")
    group.add_argument(
        "--format",
        choices=(_TEXT, _JSON, *REPORTS),
        help="text (default), json (as --json), sarif (SARIF 2.1.0), junit (XML), html (one page), "
        "github (annotations of GitHub Actions)",
    )
    group.add_argument(
        "--fail-on",
        metavar="LEVEL",
        type=_level,
        default=Level.WARNING,
        help="the least level of findings that make the exit status 1: error, warning (default) or note",
    )
    group.add_argument(
        "--ignore",
        metavar="RULE",
        type=_rule,
        action="append",
        default=[],
        help="leave out the findings of this rule, as if it were not checked; may be given again",
    )
    group.add_argument(
        "--max-findings",
        metavar="N",
        type=_number,
        help="show this many findings at most; all are counted, and make the exit status",
    )


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"error, warning or note is needed: {text!r}") from None


def _rule(text: str) -> str:
    if text not in RULES:
        raise argparse.ArgumentTypeError(f"there is no rule {text!r}; --rules lists them")
    return text


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise argparse.ArgumentTypeError(f"a number is needed: {text!r}")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Validate; 1 if anything was found that ``--fail-on`` counts."""
    form = args.format or (_JSON if args.json else _TEXT)
    if args.json and form != _JSON:
        raise StoreError(f"--json does not go with --format {form}")
    if args.rules:
        if form not in (_TEXT, _JSON):
            raise StoreError(f"--rules does not go with --format {form}")
        _list_rules(as_json=form == _JSON)
        return Status.SUCCESS
    if args.store is None:
        raise StoreError("validate needs a STORE, or --rules")
    if args.prove_encrypted and args.shallow:
        raise StoreError("--prove-encrypted looks into objects, and --shallow does not")
    if args.prove_encrypted and form not in (_TEXT, _JSON):
        raise StoreError(f"--prove-encrypted does not go with --format {form}")
    refuse_with_workers(args, prove_encrypted=args.prove_encrypted, attributes=args.attributes)
    with ExitStack() as stack:
        store = listed_store(args)
        labels: AttributesFile | None = None
        if args.attributes is not None:
            labels = stack.enter_context(AttributesFile(store, args.attributes))
        workers = stack.enter_context(workers_of(args))
        status = _validate(args, form, labels or store, labels, workers)
        warn_of_inventory(counts_of(store))
        return status


def _validation(
    args: argparse.Namespace, store: ReadableStore, proof: EncryptionProof | None, workers: "Workers | None"
) -> Validation:
    keys = keys_from(args)
    ring, deep = keys.ring or None, not args.shallow
    scope = ValidationScope(args.prefix, args.postfix, args.start, args.end)
    if workers is None:
        looker = SegmentLooker(store, ContentKeys(ring, keys.unwrapper), deep=deep, proof=proof)
        return validate_names(looker, scope.names_in(store), scope)
    from onvif_bmff.jobs import validate_by_workers

    address = address_of(args.store, args.store_options)
    names = scope.names_in(store)
    return validate_by_workers(
        address, workers, scope=scope, names=names, keys=ring, unwrapper=keys.unwrapper, deep=deep
    )


def _validate(
    args: argparse.Namespace,
    form: str,
    store: ReadableStore,
    labels: AttributesFile | None,
    workers: "Workers | None",
) -> int:
    proof = EncryptionProof() if args.prove_encrypted else None
    validation = _validation(args, store, proof, workers)
    sums, checked = FindingSums(ignore=args.ignore, most=args.max_findings), validation.checked
    _write(args, form, validation, sums, labels, proof)
    faults = sums.reach(args.fail_on)
    if not checked.objects and not faults and not args.allow_empty:
        complain(nothing_found(args, checked.names, checked.names - checked.foreign - checked.elsewhere))
        return Status.ERROR
    if form == _TEXT:
        write_verdict(sums, checked, labels)
    return Status.FINDINGS if faults or (proof is not None and proof.faults) else Status.SUCCESS


def _write(
    args: argparse.Namespace,
    form: str,
    validation: Validation,
    sums: FindingSums,
    labels: AttributesFile | None,
    proof: EncryptionProof | None,
) -> None:
    """Write the findings as they come, or a whole report."""
    checked = validation.checked
    noted = _noted(validation, args)
    if form == _JSON:
        write_rows("validate", "findings", map(_row, sums.shown(noted)), _sums(sums, checked, labels, proof))
    elif form == _TEXT:
        write_findings(sums.shown(noted))
        for line in proof.lines() if proof is not None else ():
            say(line)
    else:
        from onvif_bmff import __version__

        context = ReportContext(
            store=str(args.store),
            folder=f"{args.store}/",
            uri=base_uri(args.store),
            version=__version__,
            fail_on=args.fail_on,
            sums=sums,
            checked=checked,
            remarks=lambda: looked_at(checked, labels),
        )
        for piece in report_on(noted, form, context):
            sys.stdout.write(piece)


def _noted(findings: Iterable[Finding], args: argparse.Namespace) -> Iterator[Finding]:
    """Pass findings on, and note that there were some, in case nobody reads the rest."""
    outcome: Outcome = args.outcome
    for finding in findings:
        if reaches(finding.level, args.fail_on) and finding.rule not in args.ignore:
            outcome.status = Status.FINDINGS
        yield finding


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "key": finding.key,
        "offset": finding.offset,
        "path": finding.path,
        "message": finding.message,
        "count": finding.count,
    }


def _sums(
    sums: FindingSums, checked: Checked, labels: AttributesFile | None, proof: EncryptionProof | None
) -> Iterator[tuple[str, Any]]:
    """Yield what was checked, and the sums of the findings, after all have been written."""
    yield "checked", {**checked.counts(), **({} if labels is None else {"attributes_file": labels.counts()})}
    yield "summary", {"errors": sums.levels[Level.ERROR], "warnings": sums.levels[Level.WARNING]}
    yield "rules", [one.to_json() for one in sums.rules]
    yield "not_shown", sums.hidden
    yield "ignored", dict(sorted(sums.ignored.items()))
    if proof is not None:
        yield "proof", {"tracks": [track.to_json() for track in proof.tracks], "faults": proof.faults}


def _list_rules(*, as_json: bool) -> None:
    if as_json:
        rules = [{"id": rule.id, "level": rule.level.value, "text": rule.text} for rule in RULES.values()]
        write_json("rules", {"rules": rules})
        return
    for rule in RULES.values():
        say(f"{rule.id:<14} {rule.level.value:<7} {rule.text}")
