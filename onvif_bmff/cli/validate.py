"""``onvif-bmff validate``: check the objects of a store by the rules of annex B and CMAF."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Any

from onvif_bmff.cli.attributes_file import AttributesFile
from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.machine import add_json_argument, write_json, write_rows
from onvif_bmff.cli.status import Outcome, Status
from onvif_bmff.cli.store_options import add_empty_argument, nothing_found
from onvif_bmff.cli.terminal import complain, say
from onvif_bmff.cli.values import instant, path
from onvif_bmff.errors import StoreError, escaped
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.validation import RULES, Checked, EncryptionProof, Finding, Level, Skipped, validate_store

__all__ = ["register", "run"]

_STYLES = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: ""}
MAX_KEYS, MAX_RULES = 3, 4
"""Number of key identifiers, and of rules with one reason, that text names; JSON has them all."""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "validate",
        help="check recorded objects by the rules of ONVIF Annex B and CMAF",
        description="Check the objects of a store by the rules of ONVIF Annex B, CMAF and Common Encryption, "
        "and report what was checked.",
    )
    parser.add_argument("store", metavar="STORE", nargs="?", type=path, help="directory that holds the objects")
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
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Validate; 1 if anything was found."""
    if args.rules:
        _list_rules(as_json=args.json)
        return Status.SUCCESS
    if args.store is None:
        raise StoreError("validate needs a STORE, or --rules")
    if args.prove_encrypted and args.shallow:
        raise StoreError("--prove-encrypted looks into objects, and --shallow does not")
    with ExitStack() as stack:
        labels: AttributesFile | None = None
        if args.attributes is not None:
            labels = stack.enter_context(AttributesFile(args.store, args.attributes))
        return _validate(args, labels or DirectoryStore(args.store, create=False), labels)


def _validate(args: argparse.Namespace, store: DirectoryStore, labels: AttributesFile | None) -> int:
    keys = keys_from(args)
    proof = EncryptionProof() if args.prove_encrypted else None
    report = validate_store(
        store,
        prefix=args.prefix,
        postfix=args.postfix,
        start=args.start,
        end=args.end,
        keys=keys.ring or None,
        unwrapper=keys.unwrapper,
        deep=not args.shallow,
        proof=proof,
    )
    counts: Counter[Level] = Counter()
    found, checked = _counted(report, counts, args.outcome), report.checked
    if args.json:
        write_rows("validate", "findings", map(_row, found), _sums(counts, checked, labels, proof))
    else:
        _write_text(found)
        for line in proof.lines() if proof is not None else ():
            say(line)
    faults = counts[Level.ERROR] + counts[Level.WARNING]
    if not checked.objects and not faults and not args.allow_empty:
        complain(nothing_found(args, checked.names, checked.names - checked.foreign - checked.elsewhere))
        return Status.ERROR
    if not args.json:
        _write_verdict(counts, checked, labels)
    return Status.FINDINGS if faults or (proof is not None and proof.faults) else Status.SUCCESS


def _counted(findings: Iterable[Finding], counts: Counter[Level], outcome: Outcome) -> Iterator[Finding]:
    """Pass findings on, and note that there were some, in case nobody reads the rest."""
    for finding in findings:
        counts[finding.level] += 1
        if finding.level is not Level.NOTE:
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
    }


def _sums(
    counts: Counter[Level], checked: Checked, labels: AttributesFile | None, proof: EncryptionProof | None
) -> Iterator[tuple[str, Any]]:
    """Yield what was checked, and the sums of the findings, after all have been written."""
    yield "checked", {**checked.counts(), **({} if labels is None else {"attributes_file": labels.counts()})}
    yield "summary", {"errors": counts[Level.ERROR], "warnings": counts[Level.WARNING]}
    if proof is not None:
        yield "proof", {"tracks": [track.to_json() for track in proof.tracks], "faults": proof.faults}


def _write_text(findings: Iterable[Finding]) -> None:
    """Write findings grouped by object, in colours on a terminal."""
    write = _painter()
    for key, group in groupby(findings, key=lambda finding: finding.key):
        write(key or "(the store)", "bold")
        for finding in group:
            where = f" at byte {finding.offset}" if finding.offset is not None else ""
            path = f" {finding.path}" if finding.path else ""
            style = _STYLES[finding.level]
            write(f"  {finding.level.value:<7} {finding.rule:<14}{path}{where}: {finding.message}", style)


def _write_verdict(counts: Counter[Level], checked: Checked, labels: AttributesFile | None) -> None:
    """Write what was checked, and then the sums."""
    write = _painter()
    errors, warnings, notes = (counts[level] for level in Level)
    for line in _looked_at(checked, labels):
        write(line, "dim")
    style = "bold red" if errors else "bold yellow" if warnings else "bold green" if checked.objects else "bold"
    write(f"{errors} errors, {warnings} warnings" + (f", {notes} notes" if notes else ""), style)


def _looked_at(checked: Checked, labels: AttributesFile | None) -> Iterator[str]:
    """Yield lines on what was checked, and what was not."""
    others = {"of no recording": checked.foreign, "of other recordings": checked.elsewhere}
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


def _list_rules(*, as_json: bool) -> None:
    if as_json:
        rules = [{"id": rule.id, "level": rule.level.value, "text": rule.text} for rule in RULES.values()]
        write_json("rules", {"rules": rules})
        return
    for rule in RULES.values():
        say(f"{rule.id:<14} {rule.level.value:<7} {rule.text}")
