"""A driver that runs any parser of ISO BMFF files on mutants, and minimises those that crash or hang it.

``fuzz`` runs a command on mutants of seed files, one file at a time, bounded in number and time. A crash is a death by
signal, an exit status of 128 or more, or a text on standard error (a sanitizer's report, or one of
``crash_texts``); a hang is a run longer than the time limit. Findings are saved and minimised: boxes are removed
first, then bytes, as long as the result is the same.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from onvif_bmff.testing.box_scan import scan
from onvif_bmff.testing.mutator import Mutator

__all__ = ["CommandRunner", "FuzzFinding", "FuzzReport", "fuzz", "minimise"]

PLACE = "{}"
"""Placeholder of the file in a command."""
HANG = "hang"
"""Signature of a run that did not end in time."""
_SANITIZERS = ("Sanitizer: ", "runtime error: ", "== ERROR: libFuzzer")
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+")
_ROUND = 50
_POLL = 0.25
"""Seconds a command runs between two calls of ``poll``."""
_SAVED_OF_ONE_KIND = 3


class CommandRunner:
    """Runs ``command`` on one input at a time; ``{}`` in it stands for the file, which is appended otherwise.

    ``timeout`` is in seconds; ``poll`` is called several times a second while the command runs; an exception that it
    raises ends the run and the command. Calling the runner returns the signature of the failure ("SIGSEGV",
    "exit 134", "hang", the first line of a sanitizer's report), or "" if there is none.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout: float = 10.0,
        crash_texts: Sequence[str] = (),
        poll: Callable[[], object] = lambda: None,
    ) -> None:
        if not command:
            raise ValueError("no command is given")
        self.command = list(command)
        if not any(PLACE in word for word in command):
            self.command.append(PLACE)
        self.timeout = timeout
        self.crash_texts = (*_SANITIZERS, *crash_texts)
        self._poll = poll
        self._folder = tempfile.TemporaryDirectory(prefix="onvif-bmff-fuzz-")
        self._input = Path(self._folder.name) / "input.mp4"
        self._errors = Path(self._folder.name) / "errors.txt"

    def close(self) -> None:
        """Remove the temporary files."""
        self._folder.cleanup()

    def __call__(self, data: bytes) -> str:
        """Run the command on ``data`` and return the signature of what went wrong, or ""."""
        self._input.write_bytes(data)
        words = [word.replace(PLACE, str(self._input)) for word in self.command]
        with self._errors.open("wb") as errors:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
            try:
                status = self._wait(process)
                if status is None:
                    return HANG
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        with self._errors.open("rb") as errors:
            report = errors.read(1 << 16).decode("utf-8", "replace")
        for line in report.splitlines():
            if any(text in line for text in self.crash_texts):
                return _NUMBERS.sub("N", line.strip())[:200]
        if status < 0:
            return _signal_name(-status)
        return f"exit {status}" if status >= 128 else ""

    def _wait(self, process: "subprocess.Popen[bytes]") -> int | None:
        """Return the exit status, or None if the time is over."""
        end = time.monotonic() + self.timeout
        while (left := end - time.monotonic()) > 0:
            self._poll()
            try:
                return process.wait(min(left, _POLL))
            except subprocess.TimeoutExpired:
                continue
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # Python names only some of the real-time signals
        return f"signal {number}"


@dataclass(frozen=True, slots=True)
class FuzzFinding:
    """An input that breaks the parser: the ``signature`` of the failure, and the ``operations`` on the seed."""

    signature: str
    seed: str
    random_seed: int
    operations: tuple[str, ...]
    data: bytes
    smallest: bytes


@dataclass(slots=True)
class FuzzReport:
    """The results of a run: mutants, seconds, the number of each signature, and the first few findings of each."""

    mutants: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[FuzzFinding] = field(default_factory=list)


def fuzz(
    seeds: Mapping[str, bytes],
    run: Callable[[bytes], str],
    *,
    count: int = 1000,
    random_seed: int = 0,
    seconds: float | None = None,
    folder: Path | None = None,
    tries: int = 300,
    progress: Callable[[FuzzReport], None] | None = None,
    report: FuzzReport | None = None,
) -> FuzzReport:
    """Run ``count`` mutants of ``seeds`` in turn, for at most ``seconds``, and return what was found.

    ``run`` is a ``CommandRunner``, or any function that returns a signature. The first three findings of each
    signature are minimised with at most ``tries`` runs and, given a ``folder``, saved there as they are found. A
    ``report`` that is passed in is filled during the run, so that it has the results of an interrupted run too.
    """
    started = time.monotonic()
    report = FuzzReport() if report is None else report
    for name, number, mutator in _rounds(seeds, random_seed):
        for data in mutator.mutants(min(_ROUND, count - report.mutants)):
            signature = run(data)
            if signature == HANG:
                signature = run(data)  # a hang is confirmed by a second run: the machine may have been busy
            report.mutants += 1
            report.seconds = time.monotonic() - started
            if signature:
                seen = report.counts[signature] = report.counts.get(signature, 0) + 1
                if seen <= _SAVED_OF_ONE_KIND:
                    smallest = data
                    try:
                        smallest = minimise(data, run, signature, tries=tries)
                    finally:  # also of an interrupted run
                        found = FuzzFinding(signature, name, number, mutator.trace, data, smallest)
                        report.findings.append(found)
                        if folder is not None:
                            _save(folder, found, len(report.findings))
            if progress is not None:
                progress(report)
            if seconds is not None and report.seconds >= seconds:
                return report
        if report.mutants >= count:
            break
    return report


def _rounds(seeds: Mapping[str, bytes], random_seed: int) -> Iterator[tuple[str, int, Mutator]]:
    while seeds:
        for name, data in seeds.items():
            yield name, random_seed, Mutator(data, random_seed)
        random_seed += 1


def _save(folder: Path, found: FuzzFinding, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    word = re.sub(r"[^A-Za-z0-9]+", "-", found.signature).strip("-")[:40] or "finding"
    name = f"{number:04d}-{word}"
    (folder / f"{name}.mp4").write_bytes(found.data)
    (folder / f"{name}.min.mp4").write_bytes(found.smallest)
    steps = ", ".join(found.operations)
    text = f"{found.signature}\nseed: {found.seed}\nrandom seed: {found.random_seed}\noperations: {steps}\n"
    (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def minimise(
    data: bytes, run: Callable[[bytes], str], signature: str, *, tries: int = 300, seconds: float = 60.0
) -> bytes:
    """Return a smaller input for which ``run`` still gives ``signature``.

    It is the smallest one after ``tries`` runs or ``seconds``, whichever comes first.
    """
    left, end = tries, time.monotonic() + seconds

    def still(candidate: bytes) -> bool:
        nonlocal left
        left = left - 1 if time.monotonic() < end else 0
        return run(candidate) == signature

    smaller = True
    while smaller and left > 0:  # boxes, the largest first
        smaller = False
        for node in sorted(scan(data), key=lambda found: found.start - found.end):
            candidate = _without(data, node.start, node.end)
            if left > 0 and still(candidate):
                data, smaller = candidate, True
                break
    step = len(data) // 2
    while step and left > 0:  # then bytes, in halves, quarters, …
        pos = 0
        while pos < len(data) and left > 0:
            candidate = _without(data, pos, min(pos + step, len(data)))
            if still(candidate):
                data = candidate
            else:
                pos += step
        step //= 2
    return data


def _without(data: bytes, start: int, end: int) -> bytes:
    """Return ``data`` without ``start``…``end``; the sizes of enclosing boxes are corrected."""
    changed = bytearray(data)
    for node in scan(data):
        if node.body <= start and end <= node.end and node.body - node.start == 8:
            size = int.from_bytes(data[node.start : node.start + 4], "big")
            changed[node.start : node.start + 4] = max(0, size - (end - start)).to_bytes(4, "big")
    del changed[start:end]
    return bytes(changed)
