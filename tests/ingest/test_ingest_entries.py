"""ffprobe recognises sample entries that the codecs make themselves."""

import json
import subprocess

import pytest
from support_mp4_files import START, progressive, track
from support_tools import need

from onvif_bmff.codecs import G711Codec, MetadataCodec, MjpegCodec
from onvif_bmff.ingest import open_mp4


@pytest.mark.interop
def test_own_entries_are_recognised(make_clip, tmp_path):
    clip = make_clip("pictures.mov", ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.12", "-c:v", "mjpeg"))
    with open_mp4(clip) as source:
        images = [bytes(one.data) for one in source.samples()]
    sizes = [len(image) for image in images]
    made = tmp_path / "made.mp4"
    made.write_bytes(
        progressive(
            track(1, handler="vide", timescale=25, entries=[MjpegCodec.from_image(images[0]).sample_entry()],
                  stts=[(3, 1)], stsc=[(1, 3, 1)], stsz=sizes, stco=[START]),
            track(2, entries=[G711Codec("alaw").sample_entry()], stts=[(2, 160)], stsc=[(1, 2, 1)], stsz=[160, 160],
                  stco=[START]),
            track(3, handler="meta", entries=[MetadataCodec().sample_entry()], stts=[(1, 8000)], stsc=[(1, 1, 1)],
                  stsz=[9], stco=[START]),
            data=b"".join(images),
        )
    )  # fmt: skip
    command = [need("ffprobe"), "-v", "error", "-show_streams", "-count_packets", "-of", "json", str(made)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    video, audio, metadata = json.loads(done.stdout)["streams"]
    assert (video["codec_name"], video["width"], video["height"], video["nb_read_packets"]) == ("mjpeg", 64, 48, "3")
    assert (audio["codec_name"], audio["sample_rate"], audio["channels"]) == ("pcm_alaw", "8000", 1)
    assert audio["nb_read_packets"] == "2"
    assert (metadata["codec_tag_string"], metadata["nb_read_packets"]) == ("metx", "1")
