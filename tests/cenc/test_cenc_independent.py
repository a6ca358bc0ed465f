"""All modes, codecs and formats, read by a decryptor of its own (``cenc_slow_reader``), with a wrong key as control."""

import cenc_nal_kit as nal
import cenc_recordings as kit
import cenc_slow_reader as slow_reader
import pytest

from onvif_bmff.codecs.aac.codec import AacCodec
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.codecs.jpeg.codec import MjpegCodec
from onvif_bmff.codecs.metadata import MetadataCodec
from onvif_bmff.codecs.opus.codec import OpusCodec
from onvif_bmff.codecs.opus.syntax import OpusHead
from onvif_bmff.codecs.registry import codec_of
from onvif_bmff.media.nal_family import HEVC
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.formats import CMAF, MP4

WRONG = {kid: bytes(range(200, 216)) for kid in kit.SECRETS}


def noise(size, seed):
    return bytes((seed * 89 + n * n * 7 + n) % 256 for n in range(size))


def h264(number):
    """Real pictures of the clip, one of them in many slices."""
    return kit.camera()[1][0].data if number % 3 == 0 else nal.camera_pictures(9)[1][number % 9].data


def h265(number):
    slices = [nal.hevc_slice()] if number % 3 else [nal.hevc_slice(), nal.hevc_slice()[:40], nal.hevc_slice()]
    return nal.units(nal.unit(35, 3, HEVC), nal.unit(39, 30 + number, HEVC), *slices)


VIDEO = {
    "H.264": (lambda: kit.camera()[0][0].codec, h264),
    "H.265": (nal.hevc_codec, h265),
    "JPEG": (lambda: MjpegCodec(width=64, height=48), lambda number: b"\xff\xd8" + noise(90 + 7 * number, number)),
    "MPEG-4": (
        lambda: codec_of(nal.plain_entry("mp4v"), handler="vide"),
        lambda number: b"\0\0\1\xb6" + noise(60 + number, number),
    ),
}
OTHERS = {
    "AAC": (lambda: kit.camera()[0][1].codec, lambda number: noise(40 + number % 37, number)),
    "Opus": (lambda: OpusCodec.from_head(OpusHead(1, 312, 48_000, 0)), lambda number: noise(33 + number % 21, number)),
    "G.711": (G711Codec, lambda number: noise(160, number)),
    "ONVIF metadata": (MetadataCodec, lambda number: b"<tt:MetadataStream/>" + b" " * (number % 50)),
}
COMBINED = [("H.264", "AAC"), ("H.265", "Opus"), ("JPEG", "G.711"), ("MPEG-4", "ONVIF metadata")]


def recording(video, other, seconds=3):
    """Tracks, and five pictures and ten other samples a second; the last sample of each is shorter than a block."""
    (make_video, picture), (make_other, sample) = VIDEO[video], OTHERS[other]
    codec = make_other()
    token = {"Audio": "AUDIO001", "Metadata": "META001"}[codec.media_type]
    tracks = (Track("VIDEO001", 1, 1000, make_video()), Track(token, 2, 1000, codec))
    samples = [Sample(1, 200 * n, 200, picture(n), n % 5 == 0) for n in range(5 * seconds)]
    samples += [Sample(2, 100 * n, 100, sample(n)) for n in range(10 * seconds)]
    samples[-1].data = samples[-1].data[:9]
    samples.sort(key=lambda one: (one.decode_time, one.track_id))
    return tracks, samples


def read(objects, keys):
    found = {}
    for one in objects:
        for number, data in slow_reader.read(one.body, keys)[0].items():
            found.setdefault(number, []).extend(data)
    return found


@pytest.mark.requirement("ANX-B.8-01", "ANX-B.8-05", "ANX-B.8-06", "ANX-B.8-07")
@pytest.mark.parametrize("form", [CMAF, MP4], ids=["CMAF", "MP4"])
@pytest.mark.parametrize("mode", kit.MODES)
@pytest.mark.parametrize("codecs", COMBINED, ids=" and ".join)
def test_it_reads_what_was_recorded_and_a_wrong_key_reads_none_of_it(codecs, mode, form):
    tracks, samples = recording(*codecs)
    objects = kit.record([kit.entry(mode)], tracks=tracks, samples=samples, form=form, segment=1)
    clear = kit.payloads(samples)
    assert read(objects, kit.SECRETS) == clear
    wrong = read(objects, WRONG)
    for number, wanted in clear.items():
        assert len(wrong[number]) == len(wanted)
        same = sum(a == b for a, b in zip(wanted, wrong[number], strict=True))
        tiny = sum(len(one) < (112 if number == 1 else 16) for one in wanted)
        assert same <= tiny, "only what has no whole block stays"
        assert same < len(wanted) / 2
    boxes = {track.original for one in objects for track in map(slow_reader.read_track, traks(one))}
    assert boxes == {track.codec.sample_entry().type for track in tracks}


def traks(one):
    return slow_reader.boxes(one.body)[1].find_all("trak")


def test_every_codec_of_the_library_is_among_them():
    from onvif_bmff.codecs import registry

    used = {make().sample_entry().type for make, _ in (*VIDEO.values(), *OTHERS.values())}
    homes = {registry._HOMES[fourcc] for fourcc in used}
    assert homes == set(registry._HOMES.values())
    assert AacCodec is type(OTHERS["AAC"][0]())
