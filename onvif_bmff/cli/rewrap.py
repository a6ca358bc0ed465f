"""``onvif-bmff rewrap``: a copy of recordings whose keys are wrapped for other certificates."""

import argparse
import time
from collections import Counter

from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import (
    STORE_HELP,
    add_empty_argument,
    add_options_argument,
    check_places_apart,
    open_place,
)
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.values import path, store_place
from onvif_bmff.cli.worker_options import add_worker_arguments, address_of, workers_of
from onvif_bmff.errors import StoreError
from onvif_bmff.timing import UtcTime

__all__ = ["register", "run"]


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "rewrap",
        help="copy recordings, with their keys wrapped for other certificates",
        description="Copy all objects of a store. Content keys that are wrapped for certificates (record "
        "--certificate) are opened and wrapped for others; nothing else changes, and no sample is decrypted. An "
        "interrupted run goes on where it was when it is started again.",
    )
    parser.add_argument("store", metavar="STORE", type=store_place, help=STORE_HELP)
    parser.add_argument("-o", "--output", metavar="TARGET", type=store_place, help="store of the copies")
    add_options_argument(parser, "--source-options", " (STORE)")
    add_options_argument(parser, "--target-options", " (TARGET)")
    parser.add_argument(
        "--to-certificate",
        metavar="CERT.pem",
        dest="to_certificates",
        type=path,
        action="append",
        required=True,
        help="wrap the keys for this certificate; may be given again",
    )
    parser.add_argument("--keep", action="store_true", help="keep the old certificates beside the new ones")
    parser.add_argument("--oaep-hash", choices=("sha1", "sha256"), default="sha1", help="hash for RSA keys")
    parser.add_argument("--prefix", default="", help="copy only the objects whose names begin like this")
    parser.add_argument("--dry-run", action="store_true", help="open and wrap all keys, and write nothing")
    add_worker_arguments(parser)
    add_empty_argument(parser)
    add_key_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Copy; 1 if an object could not be copied."""
    from onvif_bmff.export.rewrap import Rewrapping, rewrap_store

    output = None if args.dry_run else args.output
    if output is None and not args.dry_run:
        raise StoreError("give the store of the copies with --output, or --dry-run")
    if args.output is not None:
        check_places_apart(args, args.output)
    now = UtcTime(time.time_ns() // 1000)
    certificates = [file.read_bytes() for file in args.to_certificates]
    keys = keys_from(args)
    source = open_place(args.store, args.source_options)
    if not args.allow_empty and next(iter(source.keys(args.prefix)), None) is None:
        where = f" whose names begin with {args.prefix!r}" if args.prefix else ""
        raise StoreError(f"{args.store}: there are no objects{where}")
    target = None if output is None else open_place(output, args.target_options, create=True)
    counts: Counter[Rewrapping] = Counter()
    how = {
        "at": now,
        "keys": keys.ring,
        "unwrapper": keys.unwrapper,
        "oaep_hash": args.oaep_hash,
        "keep": args.keep,
        "prefix": args.prefix,
    }
    with workers_of(args) as workers:
        if workers is None:
            done = rewrap_store(source, target, certificates, **how)
        else:
            from onvif_bmff.jobs.rewrapping import rewrap_by_workers

            here = address_of(args.store, args.source_options)
            there = None if output is None else address_of(output, args.target_options, create=True)
            done = rewrap_by_workers(here, there, certificates, workers, **how)
        for one in done:
            counts[one.outcome] += 1
            if one.outcome is Rewrapping.FAILED:
                args.outcome.status = Status.FINDINGS
                complain(f"{one.key}: {one.error}")
    would = "would be " if args.dry_run else ""
    with summary():
        say(
            ", ".join(
                f"{counts[outcome]} {would}{outcome}" for outcome in Rewrapping if outcome is not Rewrapping.FAILED
            )
        )
        if counts[Rewrapping.FAILED]:
            say(f"{counts[Rewrapping.FAILED]} failed")
    return Status.FINDINGS if counts[Rewrapping.FAILED] else Status.SUCCESS
