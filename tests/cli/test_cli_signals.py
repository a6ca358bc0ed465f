"""Signals end every command in one way: nothing torn, nothing left, and the status that shells expect."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from onvif_bmff import ContentKey, KeyRing, Timeline, read_segment
from onvif_bmff.cli import main as cli
from onvif_bmff.cli.commands import Command
from onvif_bmff.cli.output import new_file
from onvif_bmff.cli.signals import Interrupted, SignalGuard
from onvif_bmff.errors import MediaError
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.fuzzing import CommandRunner
from onvif_bmff.validation import validate_store

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KID, KEY = "00112233-4455-6677-8899-aabbccddeeff", "000102030405060708090a0b0c0d0e0f"
ENCRYPTED = ["--encrypt", "CENC", "--kid", KID, "--key", KEY]
STARTED = ["--segment-duration", "PT1S", "--start", "2024-01-01T00:00:00Z"]
ALL = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_interrupts_what_can_be_interrupted(number: int) -> None:
    before = signal.getsignal(number)
    with SignalGuard() as guard:
        with pytest.raises(Interrupted, match=signal.Signals(number).name):
            send(number)
        assert guard.status == 128 + number
    assert signal.getsignal(number) is before


def test_a_shield_holds_a_signal_back_until_its_end() -> None:
    done = []
    with SignalGuard() as guard:
        with pytest.raises(Interrupted), guard.shield():  # noqa: PT012
            send(signal.SIGTERM)
            done.append("all of the body")
        assert done
        assert guard.name == "SIGTERM"


def test_what_was_done_is_not_undone_by_a_late_signal() -> None:
    with SignalGuard() as guard:
        with guard.shield(final=True):
            send(signal.SIGTERM)
        assert guard.status == 143


def test_reading_is_exposed_within_a_shield_and_the_work_is_not() -> None:
    worked: list[int] = []

    def items():
        for number in range(10):
            if number == 4:
                send(signal.SIGINT)  # as if it came while the source waits
            yield number

    with SignalGuard() as guard, guard.shield(final=True):
        worked.extend(guard.read(items()))
        assert worked == [0, 1, 2, 3]
        assert list(guard.read(items())) == []
    with SignalGuard() as guard, guard.shield(final=True):
        worked.clear()
        for item in guard.read(range(10)):
            if item == 4:
                send(signal.SIGINT)  # while an item is worked on: the work is done to its end
            worked.append(item)
    assert worked == [0, 1, 2, 3, 4]


def test_an_exposed_part_of_a_shield() -> None:
    with SignalGuard() as guard, guard.shield(final=True):
        with pytest.raises(Interrupted), guard.exposed():
            send(signal.SIGINT)
        with pytest.raises(Interrupted), guard.exposed():
            raise AssertionError("not reached")


def test_an_interrupt_that_python_swallowed_is_raised_again() -> None:
    class Stubborn:
        def __del__(self) -> None:
            send(signal.SIGINT)
            for _ in range(10):
                pass

    with SignalGuard():
        one = Stubborn()
        with pytest.raises(Interrupted):  # noqa: PT012
            del one
            time.sleep(20)


def test_undo_runs_unless_the_body_comes_to_its_end() -> None:
    undone: list[str] = []
    with SignalGuard() as guard:
        with guard.undo(lambda: undone.append("kept")):
            pass
        with pytest.raises(MediaError), guard.undo(lambda: undone.append("failed")):
            raise MediaError("no")
        with pytest.raises(Interrupted), guard.undo(lambda: undone.append("interrupted")):
            send(signal.SIGHUP)
    assert undone == ["failed", "interrupted"]


def test_a_file_takes_its_name_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with SignalGuard() as guard:
        with pytest.raises(Interrupted), new_file(target, guard) as file:  # noqa: PT012
            file.write(b"half")
            send(signal.SIGTERM)
        assert [path.name for path in tmp_path.iterdir()] == ["out.bin"]
        assert target.read_bytes() == b"old"
    with SignalGuard() as guard, new_file(target, guard) as file:
        file.write(b"whole")
    assert target.read_bytes() == b"whole"
    with SignalGuard() as guard, pytest.raises(MediaError, match="no regular file"), new_file(tmp_path, guard):
        pass


@pytest.mark.parametrize("command", ["export", "decrypt"])
def test_a_signal_behind_the_work_changes_nothing(
    command: str, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def replace_and_send(source, target) -> None:
        replace(source, target)
        send(signal.SIGTERM)

    monkeypatch.setattr("onvif_bmff.cli.output.os.replace", replace_and_send)
    assert cli.main(commands(recordings, tmp_path)[command]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with SignalGuard() as guard:
            send(signal.SIGHUP)
        assert guard.number is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_has_no_handlers_and_works() -> None:
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(cli.main(["inspect", str(CLIP), "--json"])))
    thread.start()
    thread.join()
    assert statuses == [0]


@pytest.mark.parametrize("number", ALL)
def test_the_status_of_any_command(monkeypatch, capsys, number: int) -> None:
    module = types.ModuleType("onvif_bmff.cli.probe")

    def register(subparsers) -> None:
        subparsers.add_parser("probe").set_defaults(run=lambda arguments: send(number))

    module.register = register
    monkeypatch.setitem(sys.modules, "onvif_bmff.cli.probe", module)
    monkeypatch.setattr(cli, "COMMANDS", {"probe": Command()})
    assert cli.main(["probe"]) == 128 + number
    assert capsys.readouterr().err == f"onvif-bmff: ended by {signal.Signals(number).name}\n"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """Start a command in a process of its own, which does not outlive the test."""
    children: list[subprocess.Popen] = []

    def start_one(*arguments: str | Path) -> subprocess.Popen:
        command = [sys.executable, "-m", "onvif_bmff", *map(str, arguments)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start_one
    for child in children:
        child.kill()
        child.communicate()


@pytest.mark.parametrize("number", ALL)
def test_a_blocked_read_ends(start, tmp_path: Path, number: int) -> None:
    """The input is a pipe that nobody writes into; the command is in open(2), and its process must end nevertheless."""
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    child = start("record", pipe, "--store", tmp_path / "store")
    wait_for(lambda: waits_in_open(child.pid), child)
    child.send_signal(number)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out) == (128 + number, "")
    assert err == f"onvif-bmff: ended by {signal.Signals(number).name}\n"


def waits_in_open(pid: int) -> bool:
    return Path(f"/proc/{pid}/wchan").read_text() in ("wait_for_partner", "fifo_open") or (
        Path(f"/proc/{pid}/syscall").read_text().split()[0] == "257"
    )


def wait_for(condition: Callable[[], bool], child: subprocess.Popen) -> None:
    while not condition():
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)


def test_sigterm_closes_what_realtime_recording_has_open(start, tmp_path: Path) -> None:
    child = start("record", CLIP, "--store", tmp_path, "--realtime", *STARTED)
    store = DirectoryStore(tmp_path)
    wait_for(lambda: any(key.endswith(".0.m4v") for key in list(store.keys())), child)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 143
    assert "ended by SIGTERM" in err
    check_recording(tmp_path)
    assert ".m4v_end" in out


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    """The first is held back, for the command is in the middle of its work: its output's reader does not read."""
    script = (
        "import os, signal, sys, time\n"
        "from onvif_bmff.cli.signals import SignalGuard\n"
        "with SignalGuard(last=True) as guard, guard.shield(final=True):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    assert child.wait(120) == -signal.SIGTERM
    child.stdout.close()


def check_recording(folder: Path) -> None:
    """No invalid bucket, no junk: every span closed, every object whole."""
    if not folder.exists():
        return
    store = DirectoryStore(folder)
    ring = KeyRing([ContentKey(UUID(KID), bytes.fromhex(KEY))])
    assert not [str(finding) for finding in validate_store(store, keys=ring)]
    assert not list(store.unsealed())
    assert all(span.end_name is not None for span in Timeline.from_store(store).spans)
    for key in list(store.keys()):
        if not key.endswith("_end"):
            assert list(read_segment(store.get(key), keys=ring).samples())


def junk(folder: Path) -> list[str]:
    return [
        str(path) for path in folder.rglob("*") if ".part" in path.name or ".clear-" in str(path) or "~" in path.name
    ]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    assert cli.main(["record", str(CLIP), "--store", str(folder / "clear"), *STARTED]) == 0
    assert cli.main(["record", str(CLIP), "--store", str(folder / "encrypted"), *STARTED, *ENCRYPTED]) == 0
    return folder


def commands(recordings: Path, place: Path) -> dict[str, list[str]]:
    clear, encrypted = str(recordings / "clear"), recordings / "encrypted"
    segment = str(encrypted / next(key for key in list(DirectoryStore(encrypted).keys()) if key.endswith(".m4v")))
    key = ["--key", f"{KID}:{KEY}"]
    return {
        "record": ["record", str(CLIP), "--store", str(place / "store"), *STARTED],
        "record encrypted": ["record", str(CLIP), "--store", str(place / "store"), *STARTED, *ENCRYPTED],
        "export": ["export", clear, "-o", str(place / "out.mp4")],
        "export faststart": ["export", clear, "-o", str(place / "out.mp4"), "--progressive", "--faststart"],
        "hls": ["export", clear, "--hls", str(place / "hls")],
        "hls of clear copies": ["export", str(encrypted), "--hls", str(place / "hls"), *key],
        "decrypt": ["decrypt", segment, "-o", str(place / "out.mp4"), *key],
        "validate": ["validate", clear],
        "fuzz": ["fuzz", "--count", "100000", "--findings", str(place / "findings"), "--", "true"],
    }


def run_and_interrupt(arguments: list[str], delay: float, numbers: list[int]) -> tuple[int, str]:
    """The command in a fork, so that its start takes no time; signals after a delay. Status and all its output."""
    reader, writer = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, ALL)  # or they might meet the handlers of the process that forks
    pid = os.fork()
    if not pid:
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        status = 99
        try:
            sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            for number in ALL:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
            status = cli.main(arguments, last=True)
        except BaseException as error:
            os.write(2, f"Traceback: {error!r}".encode())
        finally:
            os._exit(status)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL)
    os.close(writer)
    time.sleep(delay)
    for number in numbers:
        os.kill(pid, number)
        time.sleep(0.001)
    output = b""
    while piece := os.read(reader, 1 << 16):
        output += piece
    os.close(reader)
    _, state = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(state), output.decode()


def storm(recordings: Path, place: Path, names: list[str], count: int, seed: int) -> dict[str, int]:
    """Interrupt commands at random moments, and see that each is whole or left nothing; how each ended."""
    choice = random.Random(seed)
    delays = dict.fromkeys(names, 0.1)
    ended: dict[str, int] = {}
    for number in range(count):
        name = names[number % len(names)]
        folder = place / f"{seed}-{number}"
        folder.mkdir()
        signals = [choice.choice(ALL)] * choice.choice((1, 1, 2))
        status, output = run_and_interrupt(
            commands(recordings, folder)[name], choice.uniform(0, delays[name]), signals
        )  # fmt: skip
        delays[name] = min(delays[name] * (0.8 if status >= 0 and status < 128 else 1.15), 2.0)
        outcome = f"{name}: {'whole' if status == 0 else 'ended' if status == 128 + signals[0] else status}"
        ended[outcome] = ended.get(outcome, 0) + 1
        context = f"{name}, seed {seed}, number {number}: {status}, {output}"
        if status == -signals[0]:  # before the handlers stood
            continue
        assert status in (0, 128 + signals[0]), context
        assert "Traceback" not in output, context
        assert not junk(folder), context
        if name.startswith("record"):
            check_recording(folder / "store")
        elif name != "fuzz" and status:
            assert not list(folder.iterdir()), context
        elif name != "fuzz" and name != "validate":
            assert list(folder.iterdir()), context
    return ended


def test_hls_that_fails_leaves_no_folder(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(target, *arguments, **options):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr("onvif_bmff.cli.export.new_file", full)
    place = tmp_path / "a" / "b"
    assert cli.main(["export", str(recordings / "clear"), "--hls", str(place)]) == 2
    key = ["--key", f"{KID}:{KEY}"]
    assert cli.main(["export", str(recordings / "encrypted"), "--hls", str(place), *key]) == 2
    assert not list(tmp_path.iterdir())


NAMES = [
    "record",
    "record encrypted",
    "export",
    "export faststart",
    "hls",
    "hls of clear copies",
    "decrypt",
    "validate",
]


@pytest.mark.no_cover
def test_interrupts_at_random_moments(recordings: Path, tmp_path: Path) -> None:
    ended = storm(recordings, tmp_path, [*NAMES, "fuzz"], 27, seed=1)
    assert any(outcome.endswith("ended") for outcome in ended), ended


def test_the_fuzzer_keeps_what_it_found_until_then(start, tmp_path: Path) -> None:
    child = start("fuzz", "--count", "100000", "--findings", tmp_path / "found", "--", "sh", "-c", "exit 134")
    wait_for(lambda: (tmp_path / "found").is_dir(), child)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 130, err
    assert "saved in" in out
    assert err == "onvif-bmff: ended by SIGINT\n"


def test_signals_without_a_name_are_told_by_their_number() -> None:
    runner = CommandRunner(["sh", "-c", "kill -35 $$"], timeout=20)
    assert runner(b"x") == "signal 35"
    runner.close()
