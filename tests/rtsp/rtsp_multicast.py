"""A recording of a camera that sends to a multicast group, in a network of its own: run it under ``unshare --net``.

python rtsp_multicast.py STORE records a second of two; its status is that of the command. Nothing of it leaves this
process's network, which has a loopback interface and no other.
"""

import ctypes
import fcntl
import socket
import struct
import sys
from fractions import Fraction
from pathlib import Path

GROUP = "239.77.1.1"
PICTURES = 50
_SIOCADDRT, _SIOCSIFFLAGS = 0x890B, 0x8914
_UP_RUNNING = 0x41
_INTERFACE = b"lo"


def open_network() -> None:
    """Start the loopback interface, and send all groups to it. netdevice(7), rtentry of <net/route.h>."""
    name = ctypes.create_string_buffer(_INTERFACE)
    group, mask = (
        struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(text)) for text in ("224.0.0.0", "240.0.0.0")
    )
    route = struct.pack("@L16s16x16sHhLLhPLLH", 0, group, mask, 1, 0, 0, 0, 0, ctypes.addressof(name), 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, _SIOCSIFFLAGS, struct.pack("@16sh14x", _INTERFACE, _UP_RUNNING))
        fcntl.ioctl(one, _SIOCADDRT, route)


def main(store: Path) -> int:
    from rtsp_camera import Camera
    from test_rtsp_camera import read_pictures, sound, video
    from test_rtsp_record import record

    from onvif_bmff.runtime import utc_now

    open_network()
    sets, units = read_pictures()
    reports = (Fraction(1, 10),)
    lines = [video((sets, units[:PICTURES]), reports=reports), sound(PICTURES // 25, reports=reports)]
    begins = Fraction(utc_now().microseconds, 1_000_000)
    with Camera(lines, begins, end="wait", is_paced=True, group=GROUP) as camera:
        done = record(camera.url, store, "--duration", "PT1S", "--transport", "udp_multicast")
    sys.stdout.write(done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    sys.exit(main(Path(sys.argv[1])))
