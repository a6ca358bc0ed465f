"""Loggers have the names of their modules, log no secrets, and a cause once in a while."""

import ast
import importlib
import json
import logging
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from onvif_bmff.errors import StoreError
from onvif_bmff.logs import MAX_CAUSES, CauseLog, JsonLines
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


# ---- nothing is swallowed --------------------------------------------------------------------------------

WIDEST = {"BaseException", "Exception"}
WIDE = WIDEST | {
    "MediaError", "OSError", "OnvifBmffError", "PersistenceError", "ProtectionError", "RuntimeError", "SourceError",
    "StateError", "StoreError", "sqlite3.Error",
}  # fmt: skip
"""Errors that say that something failed, rather than what a value is."""

RUNNING = {"control", "device", "engine", "ingest", "recording", "recovery", "rtsp", "storage"}
"""Rooms of which something runs in a device; in all others the widest errors are asked about alone."""

_ANSWER = "that it failed is the answer that the caller asks for"
_CLEANS = "it removes what is of no use any more, after an error that is raised; recovery removes it otherwise"
_OTHERS = "a codec of others may raise anything, and nothing is known of it then, which the caller says"

SILENT = {
    "bmff.language.checks: fields_asked_for": "a function may refuse the answer; it has asked",
    "control.asynchronous: EventStream._wake": "an event loop that is closed wants no events any more",
    "control.subscription: _Signal.close": _CLEANS,
    "cenc.encrypt: _is_whole": _OTHERS,
    "cenc.slice_data: SliceData.__init__": _OTHERS,
    "control.state: Recording.verifies": _ANSWER,
    "device.health_notes: _settled": "another thread was counting; it looks again",
    "jobs.tasks: _guarded": "it is given back as another error",
    "rtsp.source: open_location": "the reader raises it again behind what came before",
    "rtsp.relay: Relay._accept": "no further connections are taken; or the stream says why it failed",
    "rtsp.relay: Relay.opened": "the listener is closed either way",
    "rtsp.relay: _end": "the other side ended it before",
    "storage.cloud_settings: _section": "there is no such file",
    "storage.directory: DirectoryStore._is_sealed": _ANSWER,
    "device.process_link: ProcessLink._receive": "the other side has ended, which is logged there",
    "device.process_link: ProcessLink._send": "the other side is gone, as the receiver finds out, too",
    "device.segments: SegmentUploader._copy": _CLEANS,
    "device.segments: SegmentUploader._last_end": "its label tells it, too, and copying it tells what is wrong",
    "device.segments: SegmentUploader._upload_all": "the export was stopped just now, and nobody asks for its progress",
    "device.segments: SegmentUploader._run": "it is in the error that is logged next",
    "storage.directory: DirectoryStore._keep_new": _CLEANS,
    "storage.directory: DirectoryStore._put_in_place": "a damaged side file has no information on the old object",
    "storage.directory_writer: DirectoryWriter.abandon": _CLEANS,
    "storage.directory_writer: DirectoryWriter.release": _CLEANS,
    "storage.directory_writer: DirectoryWriter.seal": _CLEANS,
    "storage.held_folders: HeldFolders.__del__": _CLEANS,
    "storage.held_folders: HeldFolders._close": _CLEANS,
    "storage.held_folders: HeldWay.__del__": _CLEANS,
    "storage.iv_store: read_identity": _ANSWER,
    "storage.open_area: OpenArea._discard_again": "it stays discarded, and is tried again",
    "storage.open_area: OpenArea._note": _ANSWER,
    "storage.open_area: OpenArea.create": _CLEANS,
    "storage.side_files: SideFiles.drop": _CLEANS,
    "storage.file_lock: FileLock.release": "it closes the file next, which unlocks it too",
    "storage.spooled: SpooledStore._queue": "an upload of what may be there fails, or finds nothing, and logs that",
    "storage.sqlite: SqlitePersistence._take_back": "the error that it follows is raised",
    "storage.store_check: _Trial.clear": _ANSWER,
    "storage.store_check: _holds": _ANSWER,
    "storage.tree: Tree.clear_upwards": "a folder that is not empty stays",
    "storage.tree: write_file": _CLEANS,
    "validation.attributes: _rates": _OTHERS,
    "validation.attributes: codecs_of": _OTHERS,
    "validation.clear_bytes: codec_of_part": _OTHERS,
    "validation.clear_bytes: family_of": _OTHERS,
    "validation.clear_bytes: slices_of": _OTHERS,
}
"""Where an error is neither raised, logged nor used, by module and function: why."""


def caught_by(node):
    """The errors that a handler catches, as they are written."""
    if isinstance(node, ast.Tuple):
        return {name for element in node.elts for name in caught_by(element)}
    return {"BaseException" if node is None else ast.unparse(node)}


def tells(handler):
    """Whether a handler raises, logs, or does anything with the error."""
    for node in ast.walk(ast.Module(handler.body, [])):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Name) and node.id == handler.name):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            return True
    return False


def swallowed(tree, wide, where=()):
    """The functions in which an error of one of these classes is swallowed."""
    for node in ast.iter_child_nodes(tree):
        here = (*where, node.name) if isinstance(node, ast.FunctionDef | ast.ClassDef) else where
        if isinstance(node, ast.ExceptHandler) and caught_by(node.type) & wide and not tells(node):
            yield ".".join(here)
        for item in node.items if isinstance(node, ast.With) else ():
            call = item.context_expr
            if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith("suppress"):
                continue
            if {ast.unparse(argument) for argument in call.args} & wide:
                yield ".".join(here)
        yield from swallowed(node, wide, here)


def test_no_exception_is_swallowed_without_a_line():
    found = {
        f"{module.removeprefix('onvif_bmff.')}: {function}"
        for module, tree in MODULES.items()
        for function in swallowed(tree, WIDE if module.split(".")[1] in RUNNING else WIDEST)
    }
    assert found == set(SILENT)


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    g()\nexcept Exception:\n    pass",
        "try:\n    g()\nexcept (KeyError, StoreError):\n    return None",
        "try:\n    g()\nexcept StoreError as error:\n    return None",
        "try:\n    g()\nexcept:\n    x = 1",
        "with suppress(OSError):\n    g()",
        "with contextlib.suppress(KeyError, StoreError):\n    g()",
    ],
)
def test_a_swallowed_exception_would_be_noticed(body):
    text = "class A:\n def f():\n" + "\n".join(f"  {line}" for line in body.splitlines())
    assert list(swallowed(ast.parse(text), WIDE)) == ["A.f"]


@pytest.mark.parametrize(
    "handler",
    [
        "except StoreError: raise",
        "except StoreError as error: self.error = str(error)",
        "except StoreError: _log.debug('gone')",
        "except KeyError: pass",
    ],
)
def test_an_exception_that_is_told_is_not(handler):
    assert not list(swallowed(ast.parse(f"def f():\n  try:\n    g()\n  {handler}"), WIDE))


# ---- fields, and the form in JSON ------------------------------------------------------------------------


def test_a_cause_that_is_over_is_logged_once(causes):
    log, _, caplog = causes
    log.ended("disk", "never")
    for _ in range(3):
        log.warning("disk", "%s is full", "/tmp", storage="s3")
    log.ended("disk", "%s has room again", "/tmp", storage="s3")
    log.ended("disk", "%s has room again", "/tmp")
    log.warning("disk", "full")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "/tmp is full"),
        ("INFO", "/tmp has room again (2 times more since it was logged last)"),
        ("WARNING", "full"),
    ]
    assert {(record.storage, record.cause) for record in caplog.records[:2]} == {("s3", "disk")}
    assert {record.funcName for record in caplog.records} == {"test_a_cause_that_is_over_is_logged_once"}


def test_a_line_of_json_has_what_is_known_and_nothing_that_commands_a_terminal(causes):
    log, _, caplog = causes
    log.error("disk", "a line\nand \x1b[31m \x7f %s", "ü", key="cam/1.mp4", recording="one", track=None)
    line = JsonLines().format(caplog.records[0])
    assert re.fullmatch(r"[ -~]+", line)
    found = json.loads(line)
    assert datetime.fromisoformat(found.pop("time")).utcoffset() == timedelta(0)
    assert found == {
        "level": "ERROR",
        "logger": "onvif_bmff.test",
        "message": "a line\nand \x1b[31m \x7f ü",
        "key": "cam/1.mp4",
        "recording": "one",
        "cause": "disk",
    }


def test_json_has_the_traceback_and_hides_what_it_is_told_to(caplog):
    try:
        raise StoreError("hidden")
    except StoreError:
        logging.getLogger("onvif_bmff.test").exception("it failed")
    found = json.loads(JsonLines(lambda line: line.replace("hidden", "*")).format(caplog.records[0]))
    assert "StoreError: *" in found["exception"]
    assert found["message"] == "it failed"
