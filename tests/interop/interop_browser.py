"""Chromium without a screen, driven by WebDriver over plain HTTP, and a page that plays encrypted media in it."""

import base64
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support_tools import need

PAGE = b"""<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#000}</style>
<video id="v" width="320" height="180" muted></video>
<script>
const hex = text => Uint8Array.from(text.match(/../g), byte => parseInt(byte, 16));
const base64url = bytes => btoa(String.fromCharCode(...bytes))
  .replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");
const event = (target, name) => new Promise((done, fail) => {
  target.addEventListener(name, done, {once: true});
  target.addEventListener("error", () => fail(new Error(name + " failed")), {once: true});
});
async function play(name, type, keys, at, patience) {
  const video = document.getElementById("v"), said = [];
  video.addEventListener("error", () => said.push(video.error.message));
  if (keys.length) {
    const capability = {contentType: type, encryptionScheme: null};
    const access = await navigator.requestMediaKeySystemAccess("org.w3.clearkey",
      [{initDataTypes: ["cenc"], videoCapabilities: [capability]}]);
    const media = await access.createMediaKeys();
    await video.setMediaKeys(media);
    video.addEventListener("encrypted", async found => {
      const session = media.createSession();
      session.addEventListener("message", asked => {
        said.push(new TextDecoder().decode(asked.message));
        const jwk = keys.map(([kid, key]) => ({kty: "oct", kid: base64url(hex(kid)), k: base64url(hex(key))}));
        session.update(new TextEncoder().encode(JSON.stringify({keys: jwk, type: "temporary"})));
      });
      await session.generateRequest(found.initDataType, found.initData);
    }, {once: true});
  }
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await event(source, "sourceopen");
  const buffer = source.addSourceBuffer(type);
  buffer.appendBuffer(await (await fetch(name)).arrayBuffer());
  await event(buffer, "updateend");
  source.endOfStream();
  // A picture is there to be seen once it was handed to the compositor, which a busy machine does late. A canvas has
  // its pixels, but for those of encrypted media, which it shows as black.
  const canvas = document.createElement("canvas"), draw = canvas.getContext("2d");
  const shown = new Promise(done => {
    const look = (now, frame) => {
      if (frame.mediaTime > at + 0.001 || frame.mediaTime < at - 0.1) return video.requestVideoFrameCallback(look);
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      draw.drawImage(video, 0, 0);
      done(canvas.toDataURL());
    };
    video.requestVideoFrameCallback(look);
  });
  const sought = event(video, "seeked");
  video.currentTime = at;
  await sought;
  const drawn = await Promise.race([shown, new Promise(done => setTimeout(done, 1000 * patience))]);
  return {said, drawn: drawn || null};
}
async function difference(one, two) {
  const [width, height] = [320, 180];
  const pixels = await Promise.all([one, two].map(async (url, second) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const draw = new OffscreenCanvas(width, height).getContext("2d");
    second ? draw.drawImage(image, 0, 0, width, height) : draw.drawImage(image, 0, 0);
    return draw.getImageData(0, 0, width, height).data;
  }));
  return pixels[0].reduce((sum, value, at) => sum + Math.abs(value - pixels[1][at]), 0) / (3 * width * height);
}
</script>"""


class Browser:
    """A browser on a server that has the page and ``files``; close it in the end."""

    def __init__(self):
        self.files = {"/": PAGE}
        files = self.files

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = files.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", "text/html" if self.path == "/" else "video/mp4")
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._base = f"http://127.0.0.1:{port}"
        self._driver = subprocess.Popen(
            [need("chromedriver"), f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        options = {
            "binary": need("chromium"),
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=640,480", "--hide-scrollbars", "--force-device-scale-factor=1",
                     "--autoplay-policy=no-user-gesture-required"],
        }  # fmt: skip
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self._session = self._until_ready("/session", wanted)["sessionId"]

    def _until_ready(self, path, body):
        for _ in range(100):
            try:
                return self._call(path, body)
            except (ConnectionError, urllib.error.URLError) as error:
                if isinstance(error, urllib.error.HTTPError):
                    raise
                time.sleep(0.1)
        raise TimeoutError("chromedriver does not answer")

    def _call(self, path, body=None, timeout=300):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            error.msg += f": {error.read().decode(errors='replace'):.500}"
            raise

    def play(self, body, content_type, keys, at, until, patience=90):
        """Play a file with keys (pairs of hex) to a time: what the page said, a screenshot, and whether it is right.

        A busy machine draws the page some time after the picture is there: the screenshot is taken anew ``until`` it
        is what is waited for, ``patience`` seconds at most. It is called with the screenshot, and with how far that is
        from the picture that the player gave out (mean of the differences, of 255; black where media are encrypted).
        """
        path = f"/session/{self._session}"
        self.files["/file.mp4"] = body
        self._call(f"{path}/url", {"url": f"http://localhost:{self._server.server_port}/"})
        found = self._run("play", "/file.mp4", content_type, keys, at, patience)
        end = time.monotonic() + patience
        while True:
            shot = self._call(f"{path}/screenshot")
            off = found["drawn"] and self._run("difference", f"data:image/png;base64,{shot}", found["drawn"])
            right = until(base64.b64decode(shot), off)
            if right or time.monotonic() > end:
                return found["said"], base64.b64decode(shot), right
            time.sleep(0.2)

    def _run(self, function, *arguments):
        path = f"/session/{self._session}"
        self._call(f"{path}/timeouts", {"script": 150_000})
        script = (
            "const done = arguments[arguments.length - 1];"
            "const nothing = why => ({said: [why], drawn: null});"
            "const late = new Promise(gone => setTimeout(() => gone(nothing('nothing happened')), 120000));"
            "const failed = error => done(nothing('failed: ' + error.message));"
            f"Promise.race([{function}(...arguments), late]).then(done, failed);"
        )
        return self._call(f"{path}/execute/async", {"script": script, "args": arguments}, timeout=180)

    def close(self):
        try:
            request = urllib.request.Request(f"{self._base}/session/{self._session}", method="DELETE")
            urllib.request.urlopen(request, timeout=300).close()
        finally:
            self._driver.terminate()
            self._driver.wait(timeout=300)
            self._server.shutdown()
            self._server.server_close()
