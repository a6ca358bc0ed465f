"""``onvif-bmff fuzz --seeds DIR -- COMMAND {}``: run any parser on damaged files, keep and shrink what breaks it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onvif_bmff.cli.progress import progress
from onvif_bmff.cli.signals import Interrupted, SignalGuard
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.terminal import complain, say
from onvif_bmff.cli.values import path
from onvif_bmff.errors import OnvifBmffError

if TYPE_CHECKING:
    from onvif_bmff.testing.fuzzing import FuzzReport

__all__ = ["register", "run"]


def register(subparsers: Any) -> None:
    """Add the sub-command."""
    parser = subparsers.add_parser(
        "fuzz",
        help="run a parser on damaged files",
        description="Run any parser on damaged files; keep and shrink what breaks it. Before the parser stands --, as "
        "in onvif-bmff fuzz --seeds DIR -- PARSER {}",
    )
    parser.add_argument("--seeds", type=path, help="folder of seed files (made-up files if not given)")
    parser.add_argument("--count", type=int, default=1000, help="number of mutants (default 1000)")
    parser.add_argument("--random-seed", type=int, default=0, help="equal seeds give equal mutants (default 0)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds until a run is a hang (default 10)")
    parser.add_argument("--seconds", type=float, help="end after this time")
    parser.add_argument("--tries", type=int, default=300, help="runs spent on making a finding small (default 300)")
    parser.add_argument(
        "--findings", type=path, default=Path("findings"), help="folder for what is found (default findings)"
    )
    parser.add_argument("--crash-text", action="append", default=[], metavar="TEXT",
                        help="text on standard error that means a crash (repeatable)")  # fmt: skip
    parser.add_argument("--keep-media", action="store_true", help="do not cut the seeds' media data short")
    parser.add_argument("parser_command", nargs="+", metavar="COMMAND", help="the parser; {} is the file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fuzz; 1 if anything was found, 128 + signal where one ended it, after what was found until then."""
    from onvif_bmff.testing.fuzzing import CommandRunner, FuzzReport, fuzz

    seeds = _seeds(arguments.seeds, keep_media=arguments.keep_media)
    signals: SignalGuard = arguments.signals
    report = FuzzReport()
    with signals.shield(final=True):  # runs look at the flag; a finding that is being saved is saved whole
        runner = CommandRunner(
            arguments.parser_command, timeout=arguments.timeout, crash_texts=arguments.crash_text, poll=signals.check
        )
        try:
            with progress("fuzzing", arguments.count, quiet=arguments.quiet) as show:
                fuzz(
                    seeds,
                    runner,
                    count=arguments.count,
                    random_seed=arguments.random_seed,
                    seconds=arguments.seconds,
                    tries=arguments.tries,
                    folder=arguments.findings,
                    progress=None if show is None else lambda report: show(report.mutants, _note(report)),
                    report=report,
                )
        except Interrupted as ended:
            complain(str(ended))
        finally:
            runner.close()
    arguments.outcome.status = status = signals.status or (Status.FINDINGS if report.findings else Status.SUCCESS)
    say(f"{report.mutants} mutants of {len(seeds)} seeds in {report.seconds:.1f} s")
    for signature, number in sorted(report.counts.items(), key=lambda item: -item[1]):
        smallest = min(len(found.smallest) for found in report.findings if found.signature == signature)
        say(f"{number} x {signature} (smallest input {smallest} bytes)")
    if report.findings:
        say(f"saved in {arguments.findings}")
    return status


def _note(report: "FuzzReport") -> str:
    return f"{report.mutants} mutants, {sum(report.counts.values())} findings"


def _seeds(folder: Path | None, *, keep_media: bool) -> dict[str, bytes]:
    from onvif_bmff.testing.made_files import TRACKS, cmaf_file, fragmented_file, progressive_file
    from onvif_bmff.testing.mutator import shorten_media

    if folder is None:
        made = {f"cmaf {kind}": cmaf_file(kind) for kind in TRACKS}
        return made | {"progressive": progressive_file(), "fragmented": fragmented_file(scheme="cenc")}
    paths = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else [folder]
    seeds = {file.name: file.read_bytes() for file in paths}
    if not any(seeds.values()):
        raise OnvifBmffError(f"{folder}: no seed files")
    return seeds if keep_media else {name: shorten_media(data) for name, data in seeds.items()}
