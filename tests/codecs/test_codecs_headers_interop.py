"""Slice header lengths against ffmpeg, which traces every bit of the headers that it reads."""

import re
import subprocess

import pytest
from codecs_avc_headers import make_avc
from codecs_hevc_headers import make_hevc
from support_bits import offset_behind
from support_tools import missing, need

from onvif_bmff.codecs.avc.slice import AvcSliceHeaders, avc_slice_type
from onvif_bmff.codecs.avc.syntax import avc_is_vcl, avc_nal_type, parse_avc_sps
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders
from onvif_bmff.codecs.hevc.syntax import hevc_is_vcl, hevc_nal_type, parse_hevc_sps
from onvif_bmff.media.nal import split_annex_b

pytestmark = pytest.mark.interop

ELEMENT = re.compile(r"\[trace_headers @ \w+\] (\d+) +(\S+) +([01]*) = ")
HEADING = re.compile(r"\[trace_headers @ \w+\] ([A-Z][A-Za-z ]+)$")
SLICE_HEADINGS = ("Slice Header", "Slice Segment Header")


@pytest.fixture(autouse=True)
def ffmpeg():
    need("ffmpeg")


def run(*arguments, data=b""):
    command = ("ffmpeg", "-hide_banner", "-nostdin", *arguments)
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)


def traced_bits(data, form):
    """The length in bits of every slice header of a byte stream, as ffmpeg read it."""
    tracing = ("-c:v", "copy", "-copyinkf", "-bsf:v", "trace_headers", "-f", "null", "-")
    log = run("-f", form, "-i", "-", *tracing, data=data).stderr.decode(errors="replace")
    lengths = []
    inside = False
    for line in re.split(r"[\r\n]+", log):
        # Progress reports without a line break of their own may stand in front.
        line = line[max(line.find("[trace_headers"), 0) :]
        element = ELEMENT.match(line)
        if element:
            # The alignment in front of CABAC data belongs to the slice data of H.264.
            if inside and element[2] != "cabac_alignment_one_bit":
                lengths[-1] = int(element[1]) + len(element[3])
            continue
        heading = HEADING.match(line)
        if heading:
            inside = heading[1] in SLICE_HEADINGS
            if inside:
                lengths.append(0)
    return lengths


def measured(data, form):
    """(unit, our offset) of every slice of a byte stream."""
    if form == "h264":
        headers, nal_type, is_vcl = AvcSliceHeaders(), avc_nal_type, avc_is_vcl
    else:
        headers, nal_type, is_vcl = HevcSliceHeaders(), hevc_nal_type, hevc_is_vcl
    found = []
    for nal in split_annex_b(data):
        if is_vcl(nal_type(nal)):
            found.append((nal, headers.payload_offset(nal)))
        else:
            headers.update(nal)
    return found


def compare(data, form):
    """Asserts that both agree on every slice; returns how many there were."""
    ours, lengths = measured(data, form), traced_bits(data, form)
    assert len(ours) == len(lengths)
    for (nal, offset), bits in zip(ours, lengths, strict=True):
        assert offset == offset_behind(nal, (bits + 7) // 8)
    return len(ours)


def encode(codec, parameters, *more, size="160x120", frames=24):
    source = ("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", str(frames))
    form = "h264" if codec == "libx264" else "hevc"
    option = "-x264-params" if codec == "libx264" else "-x265-params"
    result = run("-loglevel", "error", *source, "-c:v", codec, *more, option, parameters, "-f", form, "-")
    if result.returncode or not result.stdout:
        missing(f"an ffmpeg that can encode so ({result.stderr.decode(errors='replace')[:200]})")
    return result.stdout


@pytest.mark.parametrize(
    "parameters",
    [
        "cabac=1",
        "cabac=0",
        "ref=1:bframes=0:weightp=0:cabac=0",
        "tff=1",
        "bff=1:cabac=0:slices=3",
        "fake-interlaced=1",
        "weightp=2:ref=4",
        "weightp=1:weightb=1:bframes=4",
        "slices=8",
        "slice-max-size=150:cabac=0",
        "ref=16:bframes=8:b-pyramid=normal",
        "b-pyramid=strict:bframes=5:mixed-refs=1",
        "open-gop=1:keyint=8:bframes=3",
        "keyint=1",
        "intra-refresh=1:keyint=12:bframes=0",
        "no-deblock=1",
        "deblock=-2,3",
        "nal-hrd=cbr:bitrate=300:vbv-maxrate=300:vbv-bufsize=300",
        "constrained-intra=1:cqm=jvt:8x8dct=1",
        "qp=0",
        "sps-id=7:aud=1:keyint=8",
    ],
)
def test_x264(parameters):
    assert compare(encode("libx264", parameters), "h264") >= 20


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "gray"])
def test_x264_formats(pixels):
    data = encode("libx264", "slices=2", "-pix_fmt", pixels)
    assert compare(data, "h264") >= 20
    sps = parse_avc_sps(next(nal for nal in split_annex_b(data) if avc_nal_type(nal) == 7))
    assert (sps.width, sps.height, sps.frame_rate) == (160, 120, 25)
    assert sps.bit_depth_luma == (10 if "10" in pixels else 8)


@pytest.mark.parametrize(
    "parameters",
    [
        "wpp=1",
        "wpp=0",
        "ctu=16:wpp=1",
        "slices=2:wpp=1:ctu=32:min-cu-size=16",
        "slices=3:wpp=1:ctu=16",
        "ref=1:bframes=0:weightp=0",
        "ref=6:bframes=8:b-pyramid=1",
        "weightp=1:weightb=1:bframes=4",
        "open-gop=1:keyint=8:bframes=3",
        "open-gop=0:keyint=8:radl=2:bframes=3",
        "keyint=1",
        "multi-pass-opt-rps=1:pass=1",
        "opt-ref-list-length-pps=1:opt-qp-pps=1",
        "temporal-layers=3:b-pyramid=1:bframes=3",
        "hrd=1:bitrate=300:vbv-maxrate=300:vbv-bufsize=300",
        "no-deblock=1:no-sao=1",
        "deblock=-2,3:cbqpoffs=2:crqpoffs=-2",
        "lossless=1",
        "scaling-list=default:tskip=1:constrained-intra=1",
        "interlace=tff",
        "log2-max-poc-lsb=4:aud=1:intra-refresh=1",
    ],
)
def test_x265(parameters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # x265 leaves its statistics in the current folder
    data = encode("libx265", f"log-level=none:preset=superfast:{parameters}", size="160x128")
    assert compare(data, "hevc") >= 20


def test_x265_with_many_entry_points():
    data = encode("libx265", "log-level=none:ctu=16:wpp=1:preset=ultrafast", size="320x1088", frames=3)
    assert compare(data, "hevc") == 3
    assert max(offset for _, offset in measured(data, "hevc")) > 64


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuv422p10le", "gray"])
def test_x265_formats(pixels):
    data = encode("libx265", "log-level=none:preset=superfast", "-pix_fmt", pixels)
    assert compare(data, "hevc") >= 20
    sps = parse_hevc_sps(next(nal for nal in split_annex_b(data) if hevc_nal_type(nal) == 33))
    assert (sps.width, sps.height, sps.frame_rate) == (160, 120, 25)
    assert sps.bit_depth_luma == (10 if "10" in pixels else 8)


@pytest.mark.parametrize(("form", "make"), [("h264", make_avc), ("hevc", make_hevc)])
def test_headers_of_our_own_making(form, make):
    """What no encoder at hand writes: the streams of random headers that the unit tests use."""
    refused = 0
    for batch in range(12):
        data = bytearray()
        for seed in range(batch * 20, batch * 20 + 20):
            case = make(seed)
            for nal in (case.vps, case.sps, case.pps, *(nal for nal, _, _ in case.slices)):
                data += b"\0\0\0\1" + nal if nal else b""
        try:
            assert compare(bytes(data), form) == 80
        except AssertionError:
            if traced_bits(bytes(data), form):
                raise
            refused += 1  # ffmpeg found no picture size that it likes, and read nothing at all
    assert refused <= 2


def test_slice_types_of_x264():
    data = encode("libx264", "bframes=2:b-adapt=0:keyint=30")
    letters = [str(avc_slice_type(nal)) for nal, _ in measured(data, "h264")]
    assert letters[:7] == list("IPBBPBB")


def test_real_files(shared_media):
    """Streams of other encoders, cameras among them."""
    slices = 0
    for path in sorted((shared_media / "media").rglob("*.mp4")):
        content = path.read_bytes()
        if b"sinf" in content or len(content) > 1 << 20:
            continue  # encrypted slices have no readable neighbours, and large files take long
        for tag, form in ((b"avcC", "h264"), (b"hvcC", "hevc")):
            if tag not in content:
                continue
            keep = ("-map", "0:v:0", "-c", "copy", "-frames:v", "60", "-bsf:v", f"{form}_mp4toannexb", "-f", form)
            data = run("-loglevel", "error", "-i", str(path), *keep, "-").stdout
            if data:
                slices += compare(data, form)
    assert slices > 500
