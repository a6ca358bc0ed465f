"""A clip that was encoded before, sent by a server without end as a camera with an encoder of its own sends pictures.

Nothing is encoded while it is sent, so that a busy machine makes pictures late, but never leaves one out. Run by the
system's Python within rtsp_gstreamer.py; ``make_clip`` by the tests.
"""

import random
import subprocess
import threading
import time
from pathlib import Path

SECONDS = 60
PICTURE = 40_000_000
"""Nanoseconds of a picture: 25 a second."""
PACKET = 20_000_000
"""Nanoseconds of a packet of sound: 160 bytes of G.711."""
_DELIMITER = b"\x00\x00\x00\x01\x09"


def make_clip(path: Path, size: str = "1280x720", rate: str = "4M") -> None:
    """Encode a clip with ffmpeg: 25 pictures a second at a constant bit rate, an IDR picture every two seconds."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi"]
    command += ["-i", f"testsrc2=size={size}:rate=25:duration={SECONDS},noise=alls=12:allf=t", "-pix_fmt", "yuv420p"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "50", "-sc_threshold", "0"]
    command += ["-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate]
    command += ["-x264-params", "aud=1:nal-hrd=cbr", "-f", "h264", str(path)]
    subprocess.run(command, check=True)


def access_units(data: bytes) -> list[bytes]:
    """The access units of a byte stream in which each begins with a delimiter."""
    return [_DELIMITER + one for one in data.split(_DELIMITER)[1:]]


def sound() -> list[bytes]:
    """As long as the clip, and no two packets alike."""
    made = random.Random(1)
    return [made.randbytes(160) for _ in range(SECONDS * 1_000_000_000 // PACKET)]


class Feeder:
    """Feeds the sources ``video`` and ``sound`` of a pipeline: each buffer when the pipeline's clock is there.

    ``gst`` is the module ``gi.repository.Gst``.
    """

    def __init__(self, gst, element, clip):
        self._gst = gst
        self._element = element
        self._sources = [
            (element.get_by_name("video"), access_units(Path(clip).read_bytes()), PICTURE),
            (element.get_by_name("sound"), sound(), PACKET),
        ]
        threading.Thread(target=self._feed, daemon=True).start()

    def _feed(self):
        gst, element = self._gst, self._element
        while element.get_clock() is None or element.current_state != gst.State.PLAYING:
            time.sleep(0.005)
        clock, base = element.get_clock(), element.get_base_time()
        begin = -(-max(clock.get_time() - base, 0) // PICTURE) * PICTURE
        sent = [0, 0]
        while True:
            due, which = min((begin + sent[at] * self._sources[at][2], at) for at in (0, 1))
            wait = base + due - clock.get_time()
            if wait > 0:
                time.sleep(wait / 1_000_000_000)
            source, content, duration = self._sources[which]
            buffer = gst.Buffer.new_wrapped(content[sent[which] % len(content)])
            buffer.pts = due
            buffer.duration = duration
            if source.emit("push-buffer", buffer) != gst.FlowReturn.OK:
                return
            sent[which] += 1
