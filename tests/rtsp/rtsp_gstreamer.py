"""GStreamer's RTSP server, for tests. Run by the system's Python: python3 rtsp_gstreamer.py PORT NAME [options].

It prints "ready" when it listens, and serves NAME of ``STREAMS`` at /NAME until it is killed.
"""

import argparse

from rtsp_clip import Feeder

SMALL = "video/x-raw,format=I420,width=320,height=240,framerate=25/1"
STREAMS = {
    "avc": (
        f"videotestsrc is-live=true pattern=ball ! {SMALL} ! x264enc tune=zerolatency speed-preset=veryfast "
        "key-int-max=25 bitrate=800 ! rtph264pay name=pay0 pt=96 config-interval=-1 "
        "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0"
    ),
    "clip": (
        "appsrc name=video is-live=true format=time max-bytes=0 "
        "caps=video/x-h264,stream-format=byte-stream,alignment=au ! rtph264pay name=pay0 pt=96 config-interval=-1 "
        "appsrc name=sound is-live=true format=time max-bytes=0 caps=audio/x-mulaw,rate=8000,channels=1 ! "
        "rtppcmupay name=pay1 pt=0"
    ),
    "reordered": (
        f"videotestsrc is-live=true pattern=ball ! {SMALL} ! x264enc bframes=2 b-adapt=false rc-lookahead=0 "
        "sync-lookahead=0 speed-preset=veryfast key-int-max=25 bitrate=800 ! video/x-h264,profile=main ! "
        "rtph264pay name=pay0 pt=96 config-interval=-1 "
        "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8"
    ),
    "hevc": (
        f"videotestsrc is-live=true pattern=ball ! {SMALL} ! x265enc tune=zerolatency speed-preset=ultrafast "
        "key-int-max=25 bitrate=800 ! rtph265pay name=pay0 pt=96 config-interval=-1 "
        "audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! rtpmp4gpay name=pay1 pt=97"
    ),
    "jpeg": (
        f"videotestsrc is-live=true pattern=ball ! {SMALL} ! jpegenc ! rtpjpegpay name=pay0 pt=26 "
        "audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay name=pay1 pt=97"
    ),
}


def main():
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("name")
    parser.add_argument("--login", default="", help="USER:PASSWORD that is asked for")
    parser.add_argument("--clip", help="file of H.264 that the stream named clip sends")
    chosen = parser.parse_args()
    name = chosen.name
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(chosen.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {STREAMS[name]} )")
    factory.set_shared(True)
    if chosen.clip:
        factory.connect("media-configure", lambda _, media: Feeder(Gst, media.get_element(), chosen.clip))
    if chosen.login:
        user, _, password = chosen.login.partition(":")
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(GstRtspServer.rtsp_auth_get_type and 2)  # Digest
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth.add_digest(user, password, token)
        factory.add_role_from_structure(
            Gst.Structure.from_string("user,media.factory.access=true,media.factory.construct=true")[0]
        )
        server.set_auth(auth)
    server.get_mount_points().add_factory(f"/{name}", factory)
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
