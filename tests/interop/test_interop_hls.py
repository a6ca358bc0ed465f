"""HLS playlists over stored objects play in Chromium by hls.js, from a plain file server."""

import json
import subprocess
import threading
from datetime import datetime, timedelta
from fractions import Fraction
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from shutil import rmtree
from uuid import UUID

import interop_browser
import interop_tools as tools
import pytest
from support_tools import need

from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.main import main
from onvif_bmff.ingest import open_mp4
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import DirectoryStore, StoreSink
from onvif_bmff.timing import UtcTime

pytestmark = pytest.mark.interop

HLS_JS = "hls.js@1.6.13"
START = UtcTime.parse("2024-02-28T23:59:55.250Z")
GAP = timedelta(minutes=10)
FORMATS = {"CMAF": CMAF, "MP4": MP4}
KID, KEY, WRONG = "8c4b2f0e-1f0a-4c58-9d3a-0a5d6f1c2b3e", "00112233445566778899aabbccddeeff", "0f" * 16
SCHEMES = {"cbcs": ("CMAF", ProtectionScheme.CBCS), "cenc": ("MP4", ProtectionScheme.CENC)}
"""Encrypted recordings, which play from clear copies."""

PAGE = """<!doctype html><meta charset="utf-8"><video id="v" muted></video><script src="hls.js"></script>
<script>
async function play(source, at) {
  const video = document.getElementById("v"), hls = new Hls({maxBufferLength: 5});
  const errors = [];
  hls.on(Hls.Events.ERROR, (_, found) => { if (found.fatal) errors.push(found.details); });
  hls.loadSource(source);
  hls.attachMedia(video);
  const until = async test => {
    const end = performance.now() + 25000;  // by the clock: a busy machine takes its time for each turn
    while (performance.now() < end && !errors.length && !test()) await new Promise(go => setTimeout(go, 50));
    return !errors.length && test();
  };
  const ready = await until(() => video.readyState >= 2);
  if (ready) {
    await Promise.race([video.play(), new Promise(go => setTimeout(go, 20000))]);
    await until(() => video.currentTime > 0.3);
    video.pause();
    const first = video.getVideoPlaybackQuality().totalVideoFrames;
    video.currentTime = at;
    await until(() => !video.seeking && video.readyState >= 2);
    await new Promise(go => setTimeout(go, 200));
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 8;
    const draw = canvas.getContext("2d");
    draw.drawImage(video, 0, 0, 8, 8);
    return {time: video.currentTime, width: video.videoWidth, frames: first, duration: video.duration,
            grey: draw.getImageData(4, 4, 1, 1).data[0], date: hls.playingDate && hls.playingDate.toISOString(),
            audio: video.webkitAudioDecodedByteCount, errors};
  }
  return {time: video.currentTime, width: video.videoWidth, frames: 0, errors};
}
</script>"""


class RangeHandler(SimpleHTTPRequestHandler):
    """Files, and parts of them."""

    def do_GET(self):
        wanted = self.headers.get("Range")
        if wanted is None:
            super().do_GET()
            return
        try:
            with open(self.translate_path(self.path), "rb") as file:
                data = file.read()
        except OSError:
            self.send_error(404)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(data) - 1), len(data) - 1)
        if start > stop:
            self.send_error(416)
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop}/{len(data)}")
        self.send_header("Content-Length", str(stop - start + 1))
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(data[start : stop + 1])

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Ten seconds, each of another grey, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = "nullsrc=size=160x120:rate=25,geq=lum='40+16*floor(T)':cb=128:cr=128"
    command = [need("ffmpeg"), "-v", "error", "-f", "lavfi", "-i", source]
    command += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", "10", "-c:v", "libx264"]
    command += ["-preset", "ultrafast", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory, clip):
    """A directory with the player, and for each format a store with a gap and its playlists."""
    root = tmp_path_factory.mktemp("site")
    package = tools.of_npm(HLS_JS, tmp_path_factory.mktemp("npm"))
    (root / "hls.js").write_bytes((package / "dist" / "hls.min.js").read_bytes())
    (root / "index.html").write_text(PAGE)
    for name, form in FORMATS.items():
        put_recording(root / name / "store", clip, form)
        assert main(["export", str(root / name / "store"), "--hls", str(root / name / "hls")]) == 0
    for name, (form, scheme) in SCHEMES.items():
        store = root / name / "store"
        put_recording(
            store, clip, FORMATS[form], EncryptionEntry(scheme, FixedKey(ContentKey(UUID(KID), bytes.fromhex(KEY))))
        )
        for folder, key in (("hls", KEY), ("wrong", WRONG)):
            assert main(["export", str(store), "--hls", str(root / name / folder), "--key", f"{KID}:{key}"]) == 0
        rmtree(store)
    return root


def put_recording(folder, clip, form, *encryption):
    """Six seconds, ten minutes of nothing, ten seconds."""
    store = DirectoryStore(folder, fsync=False)
    for start, seconds in ((START, 6), (START + GAP, 10)):
        with open_mp4(clip) as source:
            target = RecordingTarget(
                format=form,
                prefix="site",
                postfix="cam 1",
                segment_duration=timedelta(seconds=2),
                encryption=encryption,
            )
            recorder = Recorder(source.tracks, target)
            scales = {track.track_id: track.timescale for track in source.tracks}
            recorder.activate(start, media_time=Fraction(0))
            with StoreSink(store) as sink:
                for sample in source.samples():
                    if sample.decode_time + sample.composition_offset < seconds * scales[sample.track_id]:
                        sink.add_all(recorder.push(sample))
                sink.add_all(recorder.deactivate())


@pytest.fixture(scope="module")
def address(site):
    def handler(*args):
        return RangeHandler(*args, directory=str(site))

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    made = interop_browser.Browser()
    yield made
    made.close()


def play(browser, address, source, at):
    path = f"/session/{browser._session}"
    browser._call(f"{path}/timeouts", {"script": 110_000})
    browser._call(f"{path}/url", {"url": f"{address}/index.html"})
    script = (
        "const done = arguments[arguments.length - 1];"
        "play(arguments[0], arguments[1]).then(done, error => done({errors: [String(error)], frames: 0, width: 0}));"
    )
    return browser._call(f"{path}/execute/async", {"script": script, "args": [source, at]}, timeout=120)


@pytest.mark.parametrize("name", [*FORMATS, *SCHEMES])
@pytest.mark.parametrize(("at", "second", "since"), [(4.5, 4, timedelta(0)), (8.5, 2, GAP - timedelta(seconds=6))])
def test_a_recording_plays_to_a_time(browser, address, name, at, second, since):
    """Before the gap and behind it: the picture, the time of the clock, and sound."""
    found = play(browser, address, f"{name}/hls/index.m3u8", at)
    assert found["errors"] == []
    assert found["width"] == 160
    assert found["frames"] >= 5
    assert found["audio"] > 0
    assert abs(found["time"] - at) < 0.05
    assert abs(found["duration"] - 16) < 0.2
    grey = (40 + 16 * second - 16) * 255 / 219
    assert abs(found["grey"] - grey) < 6, json.dumps(found)
    shown = UtcTime.from_datetime(datetime.fromisoformat(found["date"]))
    expected = START + timedelta(seconds=at) + since
    assert abs(shown.microseconds_since(expected)) < 100_000


@pytest.mark.parametrize("name", SCHEMES)
def test_a_wrong_key_shows_other_pictures(browser, address, name):
    found = play(browser, address, f"{name}/wrong/index.m3u8", 4.5)
    grey = (40 + 16 * 4 - 16) * 255 / 219
    assert found["errors"] or not found["frames"] or abs(found["grey"] - grey) >= 6


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_broken_playlist_does_not(browser, address, site, name):
    """The control: with the map one byte short nothing plays."""
    folder = site / name / "hls"
    for path in list(folder.glob("*.m3u8")):
        lines = path.read_text().splitlines()
        broken = []
        for line in lines:
            if line.startswith("#EXT-X-MAP"):
                head, _, size = line.rpartition('BYTERANGE="')
                line = f'{head}BYTERANGE="{int(size.split("@")[0]) - 1}@0"'
            broken.append(line)
        (folder / f"broken-{path.name}").write_text("\n".join(broken).replace("audio.m3u8", "broken-audio.m3u8"))
    index = folder / "broken-index.m3u8"
    text = index.read_text()
    for inner in ("video", "main"):
        text = text.replace(f"\n{inner}.m3u8", f"\nbroken-{inner}.m3u8")
    index.write_text(text)
    found = play(browser, address, f"{name}/hls/broken-index.m3u8", 1)
    assert found["frames"] == 0
    assert found.get("audio", 0) == 0
    assert found["time"] in (0, 1), "where it began, or was told to go: no further"
