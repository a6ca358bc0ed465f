"""No command hands a terminal what a stranger wrote into a file, a name or an attribute (CWE-150)."""

import ast
import json
import re
from pathlib import Path

import pytest

from onvif_bmff.bmff import HandlerBox, UnknownBox, build_boxes, parse_boxes
from onvif_bmff.cli.main import main
from onvif_bmff.objects import ObjectKey
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.testing.made_files import cmaf_file, progressive_file
from onvif_bmff.timing import UtcTime

CLI = Path(__file__).resolve().parents[2] / "onvif_bmff" / "cli"
CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
BIDI = "\u202egpj\u2066x\u200f\u2028"
ALL = "\x1b[2J\x07\r\x7f\x9b31m\x00" + BIDI
DANGEROUS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
START = UtcTime.parse("2022-11-08T15:08:23.547Z")


@pytest.fixture
def run(capsys):
    """Runs a command; both outputs, in which nothing dangerous stands."""

    def call(*arguments):
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert not DANGEROUS.search(said.out), ascii(said.out)
        assert not DANGEROUS.search(said.err), ascii(said.err)
        lines = said.err.split("\n")[:-1]
        assert all(line.startswith("onvif-bmff: ") for line in lines), "no text of a file makes a line of its own"
        assert len(lines) <= 1 or (status == 1 and arguments[0] == "export"), "an export names each loss in a line"
        return status, said.out, said.err

    return call


def hostile_file(make=progressive_file):
    boxes = list(parse_boxes(make()))
    for top in boxes:
        for _, found in top.walk():
            if isinstance(found, HandlerBox):
                found.name_bytes = ALL.encode("utf-8", "surrogatepass") + b"\0"
    strange = ("\x1b[2J", "\n\x1b]0", "\x9b31m", "\x7f\r\n\x00", "\x85\x90\x9d\x9f")
    return build_boxes([*boxes, *(UnknownBox(type=fourcc, data=b"") for fourcc in strange)])


@pytest.fixture
def folder(tmp_path):
    """A folder whose path holds marks of direction and an escape sequence."""
    made = tmp_path / f"x{BIDI}\x1b[31m"
    made.mkdir()
    return made


@pytest.mark.parametrize("make", [progressive_file, cmaf_file])
@pytest.mark.parametrize("options", [(), ("--json",), ("--full",), ("--json", "--full")])
def test_inspect(run, folder, make, options):
    path = folder / "evil.mp4"
    path.write_bytes(hostile_file(make))
    status, out, _ = run("inspect", path, *options)
    assert status == 0
    if "--json" in options:
        assert {"\x1b[2J", "\x9b31m", "\x7f\r\n\x00"} <= {node["type"] for node in json.loads(out)["boxes"]}, (
            "JSON loses nothing"
        )
    else:
        assert "\\x1b[2J @" in out
        assert "\\x9b31m @" in out


@pytest.mark.parametrize("make", [progressive_file, cmaf_file])
@pytest.mark.parametrize("options", [(), ("--json",), ("--samples",)])
def test_info(run, folder, make, options):
    path = folder / "evil.mp4"
    path.write_bytes(hostile_file(make))
    status, out, _ = run("info", path, *options)
    assert status == 0
    assert "H.264" in out or "--samples" in options
    assert "track 1" in out or json.loads(out)["tracks"]


def test_inspect_of_what_breaks_off(run, tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(b"\0\0\0\x08\x1b[2J\0\0\0\x19moov\0\0\0\x04\x1b[31\0\0\0\x09mvhd\0")
    status, out, err = run("inspect", path)
    assert status == 2
    assert "\\x1b[31" in err + out


@pytest.fixture
def bucket(folder):
    """A recording under a prefix of marks; one object is no media, one has strange boxes and labels."""
    prefix = f"site{BIDI}"
    assert main(["record", str(CAMERA), "--store", str(folder), "--prefix", prefix, "--segment-duration", "PT4S",
                 "--start", str(START), "--source", f"cam{BIDI}"]) == 0  # fmt: skip
    store = DirectoryStore(folder, fsync=False)
    names = [name for name in store.keys("site") if name.endswith(".m4v")]
    for name, body in ((names[0], hostile_file(cmaf_file)), (names[1], b"\0\0\0\x10\x1b[2J" + b"\0\0\0\x99\x9b2J\x7f")):
        writer = store.open_writer(name, content_type="video/mp4", overwrite=True)
        writer.append(body)
        names_of = ("Version", "Duration", "FullContentType", "SeekTable", "Timescale")
        writer.seal(dict.fromkeys(names_of, "x"))
        # No store of ours takes such labels; a foreign program's side file, or a cloud, may hold them.
        (side,) = (
            path for path in (folder / ".onvif_bmff" / "meta").rglob("*.json") if path.name == f"{Path(name).name}.json"
        )
        text = side.read_text().replace('"video/mp4"', json.dumps(f"video/{ALL}")).replace('"x"', json.dumps(ALL))
        side.write_text(text)
    key = ObjectKey("other" + BIDI, START, "", 0, "m4v")
    writer = store.open_writer(str(key), content_type="video/mp4")
    writer.append(b"\0\0\0\x08\x1b[2J")
    writer.seal({})
    (folder / f"2022{BIDI}.m4v").touch()
    return folder


def test_a_store(run, bucket, tmp_path, capsys):
    run("timeline", bucket)
    run("timeline", bucket, "--picture")
    shown = json.loads(run("timeline", bucket, "--json")[1])
    assert {span["prefix"] for span in shown["spans"]} == {f"site{BIDI}", f"other{BIDI}"}, "JSON loses nothing"
    for options in ((), ("--samples",), ("--json", "--samples")):
        assert main(["info", str(bucket), *options]) == 1, "objects are damaged, each of which has a line"
        said = capsys.readouterr()
        assert not DANGEROUS.search(said.out + said.err)
    status, out, _ = run("validate", bucket)
    assert status == 1
    assert "\\u202e" in out
    status, out, _ = run("validate", bucket, "--json")
    names = set(DirectoryStore(bucket).keys())
    found = json.loads(out)["findings"]
    assert len(found) > 5
    assert {finding["key"] for finding in found} <= names
    for form in ("sarif", "junit", "html", "github"):
        assert run("validate", bucket, "--format", form)[0] == 1
    for options in (("-o", tmp_path / f"o{BIDI}.mp4"), ("--hls", tmp_path / f"h{BIDI}")):
        run("export", bucket, *options)
        for prefix in ("site", "other"):
            run("export", bucket, "--prefix", prefix + BIDI, *options)
    for made in tmp_path.rglob("*.m3u8"):
        assert not DANGEROUS.search(made.read_text())


def test_recording_names_its_objects(run, folder):
    (folder / f"in{BIDI}.mp4").write_bytes(CAMERA.read_bytes())
    place = ("--store", folder / "s", "--prefix", f"p{BIDI}", "--start", START)
    status, out, _ = run("record", folder / f"in{BIDI}.mp4", *place)
    assert status == 0
    assert "\\u202e" in out
    assert run("record", folder / f"in{BIDI}.mp4", *place)[0] == 2, "the objects are there already"


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", f"none{ALL[:-1]}".replace("\0", "")),
        ("validate", f"none{BIDI}\x1b[2J"),
        ("timeline", f"none{BIDI}\x1b[2J"),
        ("export", f"none{BIDI}\x1b[2J", "-o", "x.mp4"),
        ("decrypt", f"none{BIDI}\x1b[2J", "-o", "x.mp4"),
        ("extract", f"none{BIDI}\x1b[2J", "-o", "x.h264", "--number", "1"),
        ("extract", "x", "-o", "x.h264", "--time", ALL),
        ("info", f"none{BIDI}\x1b[2J"),
        ("record", f"none{BIDI}\x1b[2J", "--store", "x"),
        ("fuzz", "--seeds", f"none{BIDI}\x1b[2J", "--", "x"),
        ("validate", ".", "--from", ALL),
        ("validate", ".", "--key", ALL),
        ("validate", ".", "--unknown", ALL),
        (ALL,),
        ("record", "x", "--store", "x", "--segment-duration", ALL),
        ("record", "x", "--store", "x", "--prefix", ALL),
        ("timeline", "\udc80\udcff"),
    ],
    ids=lambda arguments: arguments[0] if arguments[0].isalpha() else "no command",
)
def test_arguments(run, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, _, err = run(*arguments)
    assert status == 2
    assert err.startswith("onvif-bmff: ")


def test_colours_do_not_let_through_what_is_not_theirs(bucket, capsys, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for arguments in (["validate", str(bucket)], ["timeline", str(bucket)]):
        main(arguments)
        out = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out)
        assert "\\u202e" in out
        assert not DANGEROUS.search(out), ascii(out)


def test_commands_print_through_one_module():
    """Whatever a command says goes through ``terminal``, which escapes it."""
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and path.name != "terminal.py":
                assert ast.unparse(node.func) != "print", f"{path.name}:{node.lineno}: use cli.terminal.say"
