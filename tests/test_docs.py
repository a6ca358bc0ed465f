"""What the README says is true: its example runs, its commands exist, its links lead somewhere."""

import builtins
import importlib
import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from onvif_bmff.cli.main import COMMANDS
from onvif_bmff.storage import DirectoryStore

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.requirement("ANX-B.10-01")
def test_the_front_page_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    clip = ROOT / "tests" / "data" / "camera.mp4"
    (tmp_path / "tests" / "data").mkdir(parents=True)
    os.link(clip, tmp_path / "tests" / "data" / "camera.mp4")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    keys = list(DirectoryStore(tmp_path / "recordings").keys())
    assert "site-2/2022-11-08/camera-5/15/08-23.547Z.0.m4v" in keys
    assert any(key.endswith(".m4v_end") for key in keys)


def test_the_commands_are_those_that_the_readme_lists() -> None:
    listed = set(re.findall(r"^\| `onvif-bmff ([\w-]+) ", README, re.MULTILINE))
    assert listed == set(COMMANDS)


def wrong_rooms(readme: str) -> list[str]:
    """What is untrue of the table of rooms: rooms that it lacks or invents, and names that their rooms have not."""
    (table,) = re.findall(r"^## Parts\n(.*?)^## ", readme, re.MULTILINE | re.DOTALL)
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| `")]
    folders = {path.parent.name for path in (ROOT / "onvif_bmff").glob("*/__init__.py")} - {"cli"}
    named: list[str] = []
    wrong = []
    for rooms_cell, purpose in rows:
        rooms = [word.removeprefix("onvif_bmff.") for word in re.findall(r"`([^`]+)`", rooms_cell)]
        named += rooms
        doors = [importlib.import_module(f"onvif_bmff.{room}") for room in rooms if room in folders]
        wrong += [
            f"{name} is not in {rooms}"
            for name in re.findall(r"`([^`]+)`", purpose)
            if not any(name in door.__all__ and hasattr(door, name) for door in doors)
        ]
    wrong += [f"{room} is no room" for room in named if room not in folders]
    wrong += [f"{room} has {named.count(room)} rows" for room in sorted(folders) if named.count(room) != 1]
    return wrong


def test_the_table_of_rooms_is_true() -> None:
    assert wrong_rooms(README) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("`onvif_bmff.demux`", "`onvif_bmff.demuxer`", ["demuxer is no room", "demux has 0 rows"]),
        ("`, `export` |", "` |", ["export_movie is not in ['playback']", "export has 0 rows"]),
        ("`recover_store`", "`recover_bucket`", ["recover_bucket is not in ['recovery']"]),
        ("`onvif_bmff.device`", "`onvif_bmff.engine`", ["device has 0 rows", "engine has 2 rows"]),
    ],
)
def test_an_untrue_row_of_rooms_is_found(old: str, new: str, complaint: list[str]) -> None:
    assert README.count(old) == 1
    assert wrong_rooms(README.replace(old, new)) == complaint


def the_two_commands() -> list[str]:
    (block,) = re.findall(r"```sh\n(.*?)```", "\n".join(README.splitlines()[:12]), re.DOTALL)
    return block.splitlines()


def test_the_first_screen_has_the_two_commands() -> None:
    record, tests = the_two_commands()
    assert "onvif-bmff record tests/data/camera.mp4" in record
    assert tests.endswith("python -m pytest")
    assert not any(line.startswith(("$", "#", ">")) for line in (record, tests)), "they are pasted as they stand"


def test_the_two_commands_work_as_they_are_pasted(tmp_path: Path) -> None:
    """In a checkout of its own. Of the second the tests are few, for it is the command that runs this test."""
    if not os.environ.get("CI"):
        pytest.skip("it installs packages from the registry: set CI=1 to run it")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    tracked = names.decode().split("\0")[:-1] or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
    for name in tracked:
        if (ROOT / name).is_file() and not name.startswith(("venv/", ".git/")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    ours = ("PYTEST", "COV", "VIRTUAL_ENV", "PYTHONPATH")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    environment["PYTEST_ADDOPTS"] = "-p no:cacheprovider tests/test_timing.py"
    record, tests = the_two_commands()
    for line in (record, tests):
        done = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("bytes in" if line is record else "100%") in done.stdout
    keys = list(DirectoryStore(tmp_path / "recordings").keys())
    assert any(key.endswith(".m4v_end") for key in keys)
    ignored = (tmp_path / ".gitignore").read_text().splitlines()
    assert {"venv/", "recordings/"} <= set(ignored)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_the_page_on_interoperability_measures_and_builds_nothing() -> None:
    page = (ROOT / "docs" / "interop.md").read_text()
    assert "```" not in page, "no recipes of other people's programs, which go stale"
    for tool in ("Bento4", "GPAC", "mp4ff", "shaka-packager", "ffmpeg", "mediabunny", "Chromium"):
        assert tool in page
    assert "1.6.0-641" in page, "versions stay"


def test_the_page_on_keys_shows_the_module_that_is_tested() -> None:
    (shown,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "keys.md").read_text(), re.DOTALL)
    assert shown == (ROOT / "tests" / "interop" / "pkcs11_token.py").read_text()


def test_the_commands_of_the_page_on_keys_run(tmp_path: Path) -> None:
    """As they stand there, in a shell; and none has a key among its arguments."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reader")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    (tmp_path / "reader.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    lock = BestAvailableEncryption(b"a password")
    (tmp_path / "reader.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    (tmp_path / "password").write_text("a password\n")
    os.link(ROOT / "tests" / "data" / "camera.mp4", tmp_path / "camera.mp4")
    script = "".join(re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "keys.md").read_text(), re.DOTALL))
    assert script.count("onvif-bmff ") >= 7
    assert re.search(r"[0-9a-f]{32}|a password", script) is None
    (tmp_path / "onvif-bmff").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m onvif_bmff "$@"\n')
    (tmp_path / "onvif-bmff").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    done = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mp4").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_documented_command_has_a_key_among_its_arguments(page: Path) -> None:
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text(), re.DOTALL):
        assert not re.search(r"--key[ =]|[0-9a-fA-F]{32}", block)


def script(name: str) -> ModuleType:
    """A script of the folder docs, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def conformance() -> ModuleType:
    return script("build_conformance")


def test_diagrams_of_states_are_those_of_the_tables_that_run() -> None:
    diagrams = script("build_diagrams")
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert diagrams.page(text) == text
    for name, diagram in diagrams.DIAGRAMS.items():
        assert f"<!-- diagram {name} -->\n```mermaid\n{diagram}\n```\n" in text
        line = diagram.splitlines()[-1]
        assert diagrams.page(text.replace(line, line.replace("-->", "<--"))) == text


def test_deviations_are_shown_as_what_they_are_with_their_switch(conformance: ModuleType) -> None:
    text, wrong = conformance.page()
    assert wrong == []
    (row,) = re.findall(r"^\| REC-5\.4-11 \|.*", text, re.MULTILINE)
    assert "**deviation**" in row
    assert "`ServiceLimits.reset_retention_on_create`" in row
    assert text.count("| **deviation**") == len(conformance.read_tsv("conformance_deviations.tsv"))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (["REC-9.9-99", "ServiceLimits.reset_retention_on_create", "x"], "is a deviation, but no requirement"),
        (["REC-5.4-11", "ServiceLimits.another_switch", "x"], "do not all use the switch ServiceLimits.another_switch"),
        (["REC-4.1.1-05", "ServiceLimits.reset_retention_on_create", "x"], "do not all use the switch"),
    ],
)
def test_a_deviation_needs_tests_of_its_switch(
    conformance: ModuleType, monkeypatch: pytest.MonkeyPatch, row: list[str], complaint: str
) -> None:
    read = conformance.read_tsv
    monkeypatch.setattr(
        conformance, "read_tsv", lambda name: [row] if name == "conformance_deviations.tsv" else read(name)
    )
    _, wrong = conformance.page()
    assert any(line.startswith(row[0]) and complaint in line for line in wrong)


# ---- names of ours ------------------------------------------------------------------------------------------

PACKAGE = ROOT / "onvif_bmff"
FOREIGN = {"CleanApertureBox", "None", "ObjectId", "SomeBox", "Strictness", "WriteId"}
"""Words in backticks that look like classes of ours and are none: examples, an attribute, an argument never made."""


def defined_names() -> dict[str, list[object]]:
    """What each name means that a module of the package makes public; modules by their names too."""
    found: dict[str, list[object]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if path.stem in ("_names", "__main__"):
            continue
        module = importlib.import_module(dotted)
        found.setdefault(dotted.rpartition(".")[2], []).append(module)
        for name in getattr(module, "__all__", ()):
            found.setdefault(name, []).append(getattr(module, name))
    return found


def has_path(root: object, names: list[str]) -> bool:
    """Whether attributes, fields or modules of these names lead on from an object."""
    for name in names:
        if isinstance(root, ModuleType) and not hasattr(root, name):
            try:
                root = importlib.import_module(f"{root.__name__}.{name}")
            except ImportError:
                return False
        elif hasattr(root, name):
            root = getattr(root, name)
        elif isinstance(root, type) and (
            any(name in vars(kind).get("__annotations__", {}) for kind in root.__mro__)
            or f"self.{name}" in inspect.getsource(root)
        ):
            root = None  # a field, or an attribute that the constructor sets
        else:
            return False
    return True


def unresolved(text: str, places: tuple[Path, ...], known: dict[str, list[object]]) -> list[str]:
    """The words in backticks that name a file, module, class or attribute of ours, and lead nowhere."""
    wrong = []
    for word in sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))):
        if re.fullmatch(r"[\w-]+(/[\w.-]+)*\.(py|pyi|md|tsv|toml)", word):
            if not any((place / word).exists() or (place != ROOT and any(place.rglob(word))) for place in places):
                wrong.append(word)
        elif found := re.fullmatch(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(\(.*\))?", word):
            first, *rest = found[1].split(".")
            is_class = re.fullmatch(r"[A-Z][a-z]\w*[a-z]\w*", first) is not None
            if first in FOREIGN or hasattr(builtins, first) or (not rest and not is_class):
                continue
            if first == "onvif_bmff":
                roots: list[object] = [importlib.import_module(first)]
            else:
                roots = known.get(first, [])
            if (roots or is_class) and not any(has_path(root, rest) for root in roots):
                wrong.append(word)
    return wrong


def test_names_and_paths_in_the_docs_exist() -> None:
    known = defined_names()
    checked = 0
    for page in PAGES:
        if page.name not in ("CHANGELOG.md", "conformance.md"):  # names of the past; ONVIF's own terms
            text = page.read_text()
            places = (ROOT, PACKAGE, ROOT / "docs", ROOT / "tests")
            assert unresolved(text, places, known) == [], page.name
            checked += text.count("`")
    assert checked > 1000


def test_a_dead_name_in_the_docs_is_found() -> None:
    dead = [
        "bmff/codec.py",
        "codec_tables.py",
        "cenc.key_token",
        "Recorder.activates",
        "Strictly",
        "onvif_bmff.media.purse",
    ]
    live = [
        "bmff/movie.py",
        "movie.py",
        "cenc.keys.token",
        "Recorder.activate",
        "Recorder",
        "onvif_bmff.parse_boxes",
        "moov",
    ]
    text = " ".join(f"`{word}`" for word in (*dead, *live))
    assert unresolved(text, (ROOT, PACKAGE), defined_names()) == sorted(dead)
