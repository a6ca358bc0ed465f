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
async function play(name, type, keys, at) {
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
  // A picture is there to be seen once it was handed to the compositor, which a busy machine does late.
  const shown = new Promise(done => {
    const look = (now, frame) =>
      Math.abs(frame.mediaTime - at) <= 0.25 ? done() : video.requestVideoFrameCallback(look);
    video.requestVideoFrameCallback(look);
  });
  const sought = event(video, "seeked");
  video.currentTime = at;
  await sought;
  await Promise.race([shown, new Promise(done => setTimeout(done, 4000))]);
  return said;
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

    def _call(self, path, body=None, timeout=60):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            error.msg += f": {error.read().decode(errors='replace'):.500}"
            raise

    def play(self, body, content_type, keys, at, until=None):
        """Play a file with keys (pairs of hex); what the page said, and a screenshot at this time.

        A busy machine draws the page some time after the picture is there: the screenshot is taken anew ``until`` it
        is what is waited for, six seconds at most, or without that until it stays as it is.
        """
        path = f"/session/{self._session}"
        self.files["/file.mp4"] = body
        self._call(f"{path}/timeouts", {"script": 30_000})
        self._call(f"{path}/url", {"url": f"http://localhost:{self._server.server_port}/"})
        script = (
            "const done = arguments[arguments.length - 1];"
            "const late = new Promise(gone => setTimeout(() => gone(['nothing happened']), 20000));"
            "Promise.race([play(...arguments), late]).then(done, error => done(['failed: ' + error.message]));"
        )
        said = self._call(f"{path}/execute/async", {"script": script, "args": ["/file.mp4", content_type, keys, at]})
        shots = []
        for _ in range(30):
            shots.append(base64.b64decode(self._call(f"{path}/screenshot")))
            if until(shots[-1]) if until else shots[-4:] == [shots[-1]] * 4:
                break
            time.sleep(0.2)
        return said, shots[-1]

    def close(self):
        try:
            request = urllib.request.Request(f"{self._base}/session/{self._session}", method="DELETE")
            urllib.request.urlopen(request, timeout=20).close()
        finally:
            self._driver.terminate()
            self._driver.wait(timeout=20)
            self._server.shutdown()
            self._server.server_close()
