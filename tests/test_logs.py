"""Loggers have the names of their modules, log no secrets, and a cause once in a while."""

import ast
import importlib
import logging
from pathlib import Path

import pytest

from onvif_bmff.errors import StoreError
from onvif_bmff.logs import MAX_CAUSES, CauseLog
from onvif_bmff.objects import FragmentWritten, SegmentOpened, SpanEnded
from onvif_bmff.storage import MemoryStore, RetryPolicy, StoreSink
from onvif_bmff.testing.recordings import recorded_events

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "onvif_bmff"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py")
}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
SECRETS = {"key", "keys", "secret", "secrets", "password", "pin", "private_key", "content_key", "wrapped", "plaintext"}
OBJECT_KEYS = {"storage", "recovery", "device"}
"""Rooms in which a ``key`` is that of an object."""


def loggers(tree):
    """Names of a module's loggers, and the arguments that they are made with."""
    for node in ast.walk(tree):
        call = node.value if isinstance(node, ast.Assign) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "logging.getLogger":
            yield ast.unparse(node.targets[0]), [ast.unparse(argument) for argument in call.args]


LOGGING = {name: dict(loggers(tree)) for name, tree in MODULES.items() if dict(loggers(tree))}


def log_calls(tree):
    """Calls that log something: those of loggers and of `CauseLog`, whose first argument is a cause."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in LEVELS:
            continue
        if ast.unparse(node.func.value).lower().split(".")[-1].lstrip("_") in ("log", "logger"):
            yield node


def named(call):
    """What a log call puts into its text, lengths aside."""
    waiting = [*call.args, *(keyword.value for keyword in call.keywords)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("len", "type"):
            continue
        if isinstance(node, ast.Name):
            yield node.id
        if isinstance(node, ast.Attribute):
            yield node.attr
            if isinstance(node.value, ast.Name):
                continue  # the name of what has the attribute says nothing
        waiting += ast.iter_child_nodes(node)


def secrets_in(tree, room):
    allowed = {"key", "keys"} if room in OBJECT_KEYS else set()
    for call in log_calls(tree):
        found = {name.lstrip("_") for name in named(call)} & (SECRETS - allowed)
        if found:
            yield f"line {call.lineno}: {found}"


@pytest.mark.parametrize("module", LOGGING)
def test_a_logger_is_named_after_its_module(module):
    for name, arguments in LOGGING[module].items():
        logger = getattr(importlib.import_module(module), name)
        assert arguments == ["__name__"]
        assert logger.name == module


def test_the_documented_loggers_are_those_that_there_are():
    table = (ROOT / "docs" / "logging.md").read_text()
    documented = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `onvif_bmff.")}
    assert documented == {".".join(module.split(".")[:2]) for module in LOGGING if module != "onvif_bmff.logs"}


@pytest.mark.parametrize("module", LOGGING)
def test_no_secret_is_logged(module):
    assert list(secrets_in(MODULES[module], module.split(".")[1])) == []


@pytest.mark.parametrize(
    "line",
    [
        "_log.debug('it is %s', key)",
        "_log.debug('it is %s', self._key.hex())",
        "_log.info(f'it is {content.key!r}')",
        "self.log.error(cause, 'it is %s', wrapped)",
    ],
)
def test_a_secret_would_be_noticed(line):
    assert list(secrets_in(ast.parse(line), "cenc"))
    assert not list(secrets_in(ast.parse("_log.debug('%d bytes of %s', len(key), self._kid)"), "cenc"))


@pytest.fixture
def causes(caplog):
    """A log with a clock, and the lines that came out."""
    caplog.set_level(logging.DEBUG, "onvif_bmff.test")
    now = [100.0]
    return CauseLog(logging.getLogger("onvif_bmff.test"), clock=lambda: now[0], interval=60), now, caplog


def test_a_cause_is_logged_once_in_its_interval(causes):
    log, now, caplog = causes
    for second in range(0, 150, 10):
        now[0] = 100.0 + second
        log.warning("disk", "%s is full", "/tmp")
        log.error("net", "no route")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "/tmp is full",
        "/tmp is full (5 times more since it was logged last)",
        "/tmp is full (5 times more since it was logged last)",
    ]
    assert {record.funcName for record in caplog.records} == {"test_a_cause_is_logged_once_in_its_interval"}
    assert log.forget("disk") == 2
    log.warning("disk", "again")
    assert caplog.records[-1].getMessage() == "again"


def test_many_causes_do_not_fill_memory(causes):
    log, _, caplog = causes
    for number in range(MAX_CAUSES * 3):
        log.warning(number, "%d", number)
    assert len(log._causes) == MAX_CAUSES
    assert len(caplog.records) == MAX_CAUSES * 3


def test_a_store_that_fails_for_an_hour_does_not_fill_the_log(caplog):
    """Every segment is lost, some per second; the log has two lines a minute, and the counts are whole."""

    class Failing(MemoryStore):
        def open_writer(self, key, **more):
            raise StoreError("no route to host")

    now, failures = [0.0], []
    policy = RetryPolicy(first=0.25, longest=1, patience=1, blocking=0, closing=0)
    sink = StoreSink(
        Failing(), on_failure=failures.append, policy=policy, clock=lambda: now[0], sleep=lambda seconds: None
    )
    samples = 0
    for _ in range(200):
        for event in recorded_events(tracks=("vide",), segments=1):
            samples += event.sample_count if isinstance(event, FragmentWritten) else 0
            sink.add(event)
            now[0] += 1.0 if isinstance(event, SegmentOpened | SpanEnded) else 0.0
    sink.close()
    assert sum(sink.dropped.values()) == samples
    assert sum(failure.sample_count for failure in failures) <= samples
    assert len(failures) >= 200
    lines = [record.getMessage() for record in caplog.records]
    assert any("times more since it was logged last" in line for line in lines)
    assert len(lines) <= 4 * (now[0] / 60 + 2)
