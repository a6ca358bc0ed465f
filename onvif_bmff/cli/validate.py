"""``onvif-bmff validate``: hold the objects of a store against the rules of annex B and CMAF."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TextIO

from onvif_bmff.cenc.key_ring import KeyRing
from onvif_bmff.cli.keys import content_key
from onvif_bmff.cli.values import instant
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.validation import RULES, EncryptionProof, Finding, Level, validate_store

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "validate",
        help="hold recorded objects against the rules of ONVIF Annex B and CMAF",
        description="Hold the objects of a store against the rules of ONVIF Annex B, CMAF and Common Encryption. "
        "Exit status: 0 no findings, 1 findings (errors or warnings), 2 trouble.",
    )
    parser.add_argument("store", metavar="STORE", nargs="?", type=Path, help="directory that holds the objects")
    parser.add_argument("--json", action="store_true", help="write findings and their sums as JSON")
    parser.add_argument("--rules", action="store_true", help="list all rules, and do nothing else")
    parser.add_argument("--prefix", help="configured path before the date; any by default")
    parser.add_argument("--postfix", help="configured path after the date; any by default")
    parser.add_argument("--from", dest="start", metavar="TIME", type=instant, help="only what begins from here on")
    parser.add_argument("--to", dest="end", metavar="TIME", type=instant, help="only what begins before")
    parser.add_argument("--shallow", action="store_true", help="look at names and attributes only, not into objects")
    parser.add_argument(
        "--key",
        metavar="UUID:HEX",
        dest="content_keys",
        type=content_key,
        action="append",
        default=[],
        help="content key (32 hex digits) and its identifier, to try encrypted samples; may be given again",
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
        return 0
    if args.store is None:
        return _trouble("validate needs a STORE, or --rules")
    if not args.store.is_dir():
        return _trouble(f"{args.store}: no such directory")
    if args.prove_encrypted and args.shallow:
        return _trouble("--prove-encrypted looks into objects, and --shallow does not")
    proof = EncryptionProof() if args.prove_encrypted else None
    counts: Counter[Level] = Counter()
    found = _counted(
        validate_store(
            DirectoryStore(args.store, create=False),
            prefix=args.prefix,
            postfix=args.postfix,
            start=args.start,
            end=args.end,
            keys=KeyRing(args.content_keys) if args.content_keys else None,
            deep=not args.shallow,
            proof=proof,
        ),
        counts,
    )
    if args.json:
        _write_json(found, counts, sys.stdout, proof)
    else:
        _write_text(found, counts)
        for line in proof.lines() if proof is not None else ():
            print(line)
    return 1 if counts or (proof is not None and proof.faults) else 0


def _trouble(message: str) -> int:
    print(f"onvif-bmff: {message}", file=sys.stderr)
    return 2


def _counted(findings: Iterable[Finding], counts: Counter[Level]) -> Iterator[Finding]:
    for finding in findings:
        counts[finding.level] += 1
        yield finding


def _write_json(
    findings: Iterable[Finding], counts: Counter[Level], out: TextIO, proof: EncryptionProof | None = None
) -> None:
    """Write findings one a line as they come, and their sums at the end."""
    out.write('{"findings": [')
    for number, finding in enumerate(findings):
        row = {
            "rule": finding.rule,
            "level": finding.level.value,
            "key": finding.key,
            "offset": finding.offset,
            "path": finding.path,
            "message": finding.message,
        }
        out.write(("," if number else "") + "\n  " + json.dumps(row))
    summary = {"errors": counts[Level.ERROR], "warnings": counts[Level.WARNING]}
    proven = ""
    if proof is not None:
        report = {"tracks": [track.to_json() for track in proof.tracks], "faults": proof.faults}
        proven = f', "proof": {json.dumps(report)}'
    out.write(f'\n], "summary": {json.dumps(summary)}{proven}}}\n')


def _write_text(findings: Iterable[Finding], counts: Counter[Level]) -> None:
    """Write findings grouped by object, in colours on a terminal."""
    say = _painter()
    for key, group in groupby(findings, key=lambda finding: finding.key):
        say(key or "(the store)", "bold")
        for finding in group:
            where = f" at byte {finding.offset}" if finding.offset is not None else ""
            path = f" {finding.path}" if finding.path else ""
            style = "red" if finding.level is Level.ERROR else "yellow"
            say(f"  {finding.level.value:<7} {finding.rule:<14}{path}{where}: {finding.message}", style)
    errors, warnings = counts[Level.ERROR], counts[Level.WARNING]
    say(f"{errors} errors, {warnings} warnings", "bold red" if errors else "bold yellow" if warnings else "bold green")


def _painter() -> Callable[[str, str], None]:
    """What prints a line in a style: in colours on a terminal, if rich is there."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ImportError:
            return _plain
        console = Console(highlight=False, soft_wrap=True)
        return lambda line, style: console.print(line, style=style, markup=False)
    return _plain


def _plain(line: str, style: str) -> None:
    print(line)


def _list_rules(*, as_json: bool) -> None:
    rules = [{"id": rule.id, "level": rule.level.value, "text": rule.text} for rule in RULES.values()]
    if as_json:
        print(json.dumps(rules, indent=2))
        return
    for rule in RULES.values():
        print(f"{rule.id:<14} {rule.level.value:<7} {rule.text}")
