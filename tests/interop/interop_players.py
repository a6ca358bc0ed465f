"""Players from npm in Chromium, several at once on one page: what they show and sound, and when.

Each sample of a run says what the player's clock was, which number the bars showed, and which pitch was loudest. All
that a test compares are these: how long a run took is compared with nothing.
"""

import threading
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from shutil import rmtree
from uuid import UUID

import interop_tools as tools
import support_told_time as told

from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cli.main import main
from onvif_bmff.recording.encryption import EncryptionEntry

PACKAGES = {
    "hls": ("hls.js@1.7.4", "dist/hls.min.js"),
    "shaka": ("shaka-player@5.2.12", "dist/shaka-player.compiled.js"),
    "dash": ("dashjs@5.2.1", "dist/modern/umd/dash.all.min.js"),
}

PAGE = """<!doctype html><meta charset="utf-8"><body><script src="hls.js"></script><script src="shaka.js"></script>
<script src="dash.js"></script><script>
const sleep = time => new Promise(go => setTimeout(go, time));
const until = async (test, turns = 200) => {
  for (let turn = 0; turn < turns; turn++) { if (test()) return true; await sleep(50); }
  return false;
};
const open = {
  async hls(video, url, errors) {
    const player = new Hls({enableWorker: false});
    player.on(Hls.Events.ERROR, (_, found) => { if (found.fatal) errors.push(found.details); });
    player.loadSource(url);
    player.attachMedia(video);
    return {date: () => player.playingDate && +player.playingDate, close: () => player.destroy()};
  },
  async shaka(video, url, errors) {
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    player.addEventListener("error", found => errors.push("shaka " + found.detail.code));
    await player.attach(video);
    await player.load(url);
    const hls = url.endsWith("m3u8");  // a static MPD has no dates
    const date = () => hls ? +player.getPlayheadTimeAsDate() : null;
    return {date, close: () => player.destroy()};
  },
  async dash(video, url, errors) {
    const player = dashjs.MediaPlayer().create();
    player.on("error", found => errors.push("dash.js " + (found.error && found.error.code)));
    player.initialize(video, url, false);
    return {date: () => null, close: () => player.destroy()};
  },
};
function listen(video) {
  const context = new AudioContext(), heard = context.createAnalyser();
  heard.fftSize = 8192;
  heard.smoothingTimeConstant = 0;
  context.createMediaElementSource(video).connect(heard);
  heard.connect(context.destination);
  const levels = new Float32Array(heard.frequencyBinCount), step = context.sampleRate / heard.fftSize;
  return {
    pitch() {
      heard.getFloatFrequencyData(levels);
      let best = 0;
      for (let bin = 1; bin < levels.length; bin++) if (levels[bin] > levels[best]) best = bin;
      return levels[best] < -70 ? null : best * step;
    },
    close: () => context.close(),
  };
}
function number(video, draw) {
  if (!video.videoWidth) return null;
  draw.drawImage(video, 0, 0, 320, 180);
  const line = draw.getImageData(0, 90, 320, 1).data;
  let found = 0;
  for (let bar = 0; bar < 12; bar++) {
    const level = line[4 * (30 + 22 * bar)];
    if (level >= 90 && level <= 160) return null;
    if (level > 160) found |= 1 << bar;
  }
  return found;
}
async function run(player, url, places, length) {
  const video = document.createElement("video"), errors = [], samples = [];
  video.width = 320;
  document.body.append(video);
  const canvas = document.createElement("canvas");
  canvas.width = 320; canvas.height = 180;
  const draw = canvas.getContext("2d", {willReadFrequently: true});
  const ears = listen(video);
  let control = null;
  try {
    control = await open[player](video, url, errors);
    if (!await until(() => video.readyState >= 3 || errors.length)) errors.push("nothing to play");
    for (const place of places) {
      if (errors.length) break;
      video.pause();
      video.currentTime = place;
      if (!await until(() => !video.seeking && video.readyState >= 3)) { errors.push("no seek to " + place); break; }
      await video.play();
      let before = video.currentTime, still = 0;
      while (video.currentTime < place + length && !video.ended) {
        await sleep(100);
        const time = video.currentTime, sample = {place, time, picture: number(video, draw), pitch: ears.pitch()};
        sample.date = control.date();
        sample.after = video.currentTime;
        samples.push(sample);
        still = time > before ? 0 : still + 1;
        before = time;
        if (still > 40) { errors.push("it hangs at " + time); break; }
        if (time > place + length + 2) { errors.push("it jumps from " + before + " to " + time); break; }
      }
    }
  } catch (error) {
    errors.push(String(error && error.code || error));
  } finally {
    try {
      if (control) await control.close();
      ears.close();
      video.remove();
    } catch (error) { errors.push(String(error)); }
  }
  return {samples, errors, duration: video.duration};
}
</script>"""


class RangeHandler(SimpleHTTPRequestHandler):
    """Files, and parts of them."""

    extensions_map = {
        ".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".mp4": "video/mp4",
        ".m4v": "video/mp4", ".m4a": "audio/mp4", ".html": "text/html", ".js": "text/javascript", "": "text/plain",
    }  # fmt: skip

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
        self.send_header("Content-Type", self.guess_type(self.path))
        self.end_headers()
        with suppress(ConnectionError):  # players give up what they do not need
            self.wfile.write(data[start : stop + 1])

    def log_message(self, *args):
        pass


class Site:
    """A file server over a folder that has the page and the players; close it in the end."""

    def __init__(self, folder, players=tuple(PACKAGES)):
        self.folder = folder
        for name in PACKAGES:
            text = b""
            if name in players:
                package, script = PACKAGES[name]
                text = (tools.of_npm(package, folder) / script).read_bytes()
            (folder / f"{name}.js").write_bytes(text)
        (folder / "index.html").write_text(PAGE)

        def handler(*args):
            return RangeHandler(*args, directory=str(folder))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def play(self, browser, runs, places, length=2.5):
        """Let players play at the same time. ``runs`` are pairs of player and URL; each plays for ``length`` seconds
        from each of the ``places`` on."""
        path = f"/session/{browser._session}"
        browser._call(f"{path}/timeouts", {"script": 240_000})
        browser._call(f"{path}/url", {"url": f"{self.address}/index.html"})
        script = (
            "const [runs, places, length, done] = arguments;"
            "Promise.all(runs.map(([player, url]) => run(player, url, places, length))).then(done);"
        )
        return browser._call(f"{path}/execute/async", {"script": script, "args": [runs, places, length]}, timeout=250)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


PLACES = (0, 4.5, 9, 12.8, 18.5)
"""Where players are sent, in seconds: the beginning, before, in and behind gaps; they play on over the edges."""
KID, KEY = "8c4b2f0e-1f0a-4c58-9d3a-0a5d6f1c2b3e", "00112233445566778899aabbccddeeff"


def folder_of(name):
    return name.split()[0]


def put_case(folder, name, clip, *, scheme=None, **options):
    """Record a case below a folder, and let the command make of it all that players open."""
    place = folder / folder_of(name)
    entries, keys = (), []
    if scheme is not None:
        entries = (EncryptionEntry(scheme, FixedKey(ContentKey(UUID(KID), bytes.fromhex(KEY)))),)
        keys = ["--key", f"{KID}:{KEY}"]
    told.record(place / "store", told.CASES[name], clip, *entries, **options)
    forms = {"hls": ["--hls"], "dash": ["--dash"], "mpd": ["--copies", "always", "--dash"]}
    if scheme is None:
        forms["place"] = ["--copies", "never", "--hls"]
    for form, words in forms.items():
        assert main(["export", str(place / "store"), *words, str(place / form), *keys]) == 0
    if scheme is not None:
        rmtree(place / "store")


def runs_of(name, forms=("hls", "dash")):
    """Player and URL of the forms of a case: HLS over copies, DASH in place (``dash``) or over copies (``mpd``)."""
    return [
        (player, f"{folder_of(name)}/{form}/index.{'m3u8' if form == 'hls' else 'mpd'}")
        for form in forms
        for player in (("hls", "shaka") if form == "hls" else ("shaka", "dash"))
    ]


def place_of(name):
    return f"{folder_of(name)}/place/index.m3u8"


def wrong_runs(site, browser, runs):
    """Let runs (case, player, URL) play at once; those that are wrong, with the reasons."""
    found = site.play(browser, [(player, url) for _, player, url in runs], PLACES)
    verdicts = {run: verdict(told.CASES[run[0]], one) for run, one in zip(runs, found, strict=True)}
    return {run: why for run, why in verdicts.items() if why}


LATE = 1.0
"""Seconds by which a busy machine may show or sound something late. The gaps of the cases are longer."""


def verdict(case, found):
    """Why a run of a case is wrong, as lines; none if it is right.

    A busy machine may miss a sample here and there: one in twenty may be off.
    """
    lines, counts = faults(case, found)
    if min(counts.values()) < 8:
        return [*found["errors"], f"too little was seen and heard: {counts}", *lines[:5]]
    return [*found["errors"], *lines[:5]] if found["errors"] or len(lines) * 20 > len(found["samples"]) else []


def faults(case, found, *, margin=0.7):
    """What is wrong with the samples of a run, as lines, and how many of each kind were looked at.

    Player time 0 is told.START.
    """
    lines = []
    counts = dict.fromkeys(("picture", "sound", "none"), 0)
    for sample in found["samples"]:
        if sample["time"] < sample["place"] + 0.5:
            continue  # sound takes a moment to be heard
        low, high = sample["time"], sample["after"]
        where = f"at {low:.2f}"
        for kind, value in (("video", _second_of_picture(sample)), ("audio", _second_of_sound(sample))):
            wanted = case.has(kind, low, margin)
            if wanted is None:
                continue
            if wanted and value is None:
                lines.append(f"{where}: no {kind}")
            elif not wanted and value is not None:
                lines.append(f"{where}: {kind} of {value:.2f}, where there is none")
            elif wanted:
                counts["picture" if kind == "video" else "sound"] += 1
                whole = 0.0 if kind == "video" else 1.0  # the pitch tells seconds only
                if not low - whole - LATE <= value <= high + 0.3:
                    lines.append(f"{where}: {kind} of {value:.2f}")
            else:
                counts["none"] += 1
        if sample["date"] is not None:
            date = sample["date"] / 1000 - told.START.microseconds / 1_000_000
            if not low - 0.3 <= date <= high + 0.3:
                lines.append(f"{where}: a date of {date:.2f}")
    return lines, counts


def _second_of_picture(sample):
    return None if sample["picture"] is None else sample["picture"] / told.RATE


def _second_of_sound(sample):
    return None if sample["pitch"] is None else round((sample["pitch"] - told.BASE_HZ) / told.STEP_HZ)
