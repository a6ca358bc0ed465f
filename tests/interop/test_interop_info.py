"""``info`` agrees with ffprobe and MediaInfo on real files: codecs, sizes, counts, rates, durations."""

import json
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from support_tools import need

from onvif_bmff.cli.main import main

pytestmark = pytest.mark.interop

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
CODECS = {
    "h264": "H.264", "hevc": "H.265", "aac": "AAC", "opus": "Opus", "av1": "AV1", "vp9": "VP9", "mp3": "MP3",
    "ac3": "AC-3", "alac": "ALAC", "flac": "FLAC", "mjpeg": "JPEG", "png": "PNG", "vorbis": "Vorbis",
    "mpeg2video": "MPEG-2 video", "pcm_s24le": "PCM", "pcm_alaw": "G.711 A-law", "pcm_mulaw": "G.711 µ-law",
    "mp4als": "MPEG-4 audio", "prores": "ap4h",
}  # fmt: skip
"""Our names of codecs by ffprobe's."""

PROBED_OTHERWISE = {
    # It looks into the stream, of which the entry says something else.
    "androidx-media/mp4/sample_ac3_fragmented.mp4": {"channels"},
    "androidx-media/mp4/sample_fragmented_uuid.mp4": {"profile", "level", "channels", "sync"},
    "fq/mp3.mp4": {"channels"},
    "fq/stz2.mp4": {"channels"},
    "fq/fragmented.mp4": {"profile", "level", "sync", "frame_rate"},
    # The last sample is listed in stss, but holds no picture at all.
    "signed-video-framework-examples/signed_test_h264.mp4": {"sync"},
    # It believes the esds, which is wrong, and drops what the movie's duration cuts off.
    "fq/doc/file.mp4": {"bit_rate", "duration"},
}
"""Names that ffprobe shows otherwise, and why."""


def facts_of(path, capsys, *options):
    """What ``info`` says of a file that it reads to its end, else None."""
    status = main(["info", str(path), "--json", *options])
    out = capsys.readouterr().out
    return json.loads(out) if status == 0 else None


def files(shared_media):
    yield CAMERA, "camera.mp4"
    for path in sorted((shared_media / "media").rglob("*")):
        if path.suffix in (".mp4", ".m4a", ".m4v", ".mov"):
            yield path, str(path.relative_to(shared_media / "media"))


def probed(path):
    command = [need("ffprobe"), "-v", "error", "-ignore_editlist", "1", "-show_streams", "-show_packets", "-of", "json"]
    done = subprocess.run([*command, str(path)], capture_output=True, check=False, timeout=120)
    found = json.loads(done.stdout or b"{}")
    packets = {}
    for packet in found.get("packets", ()):
        packets.setdefault(packet["stream_index"], []).append(packet)
    return {int(one["id"], 16): (one, packets.get(one["index"], [])) for one in found.get("streams", ())}


def level_of(codec):
    """The level as ffprobe writes it; None where it shows none."""
    if codec["name"] == "AV1":
        if codec["level"].startswith("index "):
            return int(codec["level"].split()[1])
        major, minor = map(int, codec["level"].split("."))
        return 4 * (major - 2) + minor
    unit = {"H.264": 10, "H.265": 30}.get(codec["name"])
    return None if unit is None else int(Fraction(codec["level"]) * unit)


def compared_with_ffprobe(track, stream, packets, *, progressive):
    """Pairs of values by name: ours and ffprobe's."""
    codec = track["codec"]
    found = {
        "codec": (codec["name"], CODECS.get(stream["codec_name"])),
        "bytes": (track["bytes"], sum(int(one["size"]) for one in packets)),
    }
    if codec["name"] != "PCM":  # whose frames ffprobe joins to packets
        found["samples"] = track["samples"], len(packets)
        found["sync"] = track["sync_samples"], sum(one["flags"].startswith("K") for one in packets)
        found["largest"] = track["largest_sample"], max(int(one["size"]) for one in packets)
    if "profile" in codec:
        profile = {"Range Extensions": "Rext"}.get(codec["profile"], codec["profile"])
        found["profile"] = profile, stream.get("profile")
    if "level" in codec and level_of(codec) is not None:
        found["level"] = level_of(codec), stream["level"]
    for ours, theirs in (("width", "width"), ("height", "height"), ("channels", "channels")):
        if ours in codec:
            found[ours] = codec[ours], stream.get(theirs)
    if "sample_rate" in codec:
        found["sample_rate"] = str(codec["sample_rate"]), stream["sample_rate"]
    if track["kind"] == "video":
        found["frame_rate"] = track["frame_rate"], stream["avg_frame_rate"]
        found["reordered"] = track["reordered"], len({int(one["pts"]) - int(one["dts"]) for one in packets}) > 1
    if progressive:  # of fragments ffprobe's are guesses
        found["bit_rate"] = str(track["bit_rate"]), stream["bit_rate"]
        found["duration"] = track["duration_ticks"], stream["duration_ts"]
    return found


def test_info_agrees_with_ffprobe(shared_media, capsys):
    compared, wrong = set(), []
    for path, name in files(shared_media):
        facts = facts_of(path, capsys)
        if facts is None:
            continue
        streams = probed(path)
        for track in facts["tracks"]:
            stream, packets = streams.get(track["track_id"], ({}, []))
            known = stream.get("codec_type") in ("video", "audio") and "codec_name" in stream
            if not known or not packets or track["encryption"] is not None:
                continue
            progressive = facts["format"] == "progressive"
            if not progressive and len(packets) != track["samples"]:
                continue  # it gave the fragments up
            for what, (ours, theirs) in compared_with_ffprobe(track, stream, packets, progressive=progressive).items():
                if ours != theirs and what not in PROBED_OTHERWISE.get(name, ()):
                    wrong.append(f"{name}, track {track['track_id']}: {what} {ours!r}, and ffprobe {theirs!r}")
            compared.add(name)
    assert wrong == []
    assert len(compared) > 40


# ---- MediaInfo -------------------------------------------------------------------------------------

FORMATS = {
    "AVC": "H.264", "HEVC": "H.265", "AAC": "AAC", "Opus": "Opus", "AV1": "AV1", "VP9": "VP9", "AC-3": "AC-3",
    "ALAC": "ALAC", "FLAC": "FLAC", "PNG": "PNG", "MPEG Audio": "MP3",
}  # fmt: skip
"""Our names of codecs by MediaInfo's."""

SHOWN_OTHERWISE = {
    # Frames of the presentation, with an empty edit before them, or by the duration of the movie.
    "androidx-media/mp4/edit_list_positive_shift.mp4": {"samples"},
    "mp4ff/ed_hevc.mp4": {"samples"},
    # It looks into the stream, of which the entry says something else.
    "fq/mp3.mp4": {"channels"},
    # It does not read stz2.
    "fq/stz2.mp4": {"bytes"},
}
"""Names that MediaInfo shows otherwise, and why."""


def shown(path):
    done = subprocess.run(
        [need("mediainfo"), "--Output=JSON", str(path)], capture_output=True, check=False, timeout=120
    )
    tracks = json.loads(done.stdout)["media"]["track"]
    return {int(one["ID"]): one for one in tracks if one["@type"] in ("Video", "Audio") and one.get("ID", "").isdigit()}


def compared_with_mediainfo(track, other):
    codec = track["codec"]
    other = other | {name.removeprefix("Source_"): text for name, text in other.items() if name.startswith("Source_")}
    found = {"codec": (codec["name"], FORMATS[other["Format"]])}
    for ours, theirs in (
        ("width", "Width"),
        ("height", "Height"),
        ("sample_rate", "SamplingRate"),
        ("channels", "Channels"),
    ):
        if ours in codec and theirs in other:
            found[ours] = str(codec[ours]), other[theirs]
    if "level" in codec and "Format_Level" in other:
        found["level"] = Fraction(codec["level"]), Fraction(other["Format_Level"])
    if "profile" in codec and "Format_Profile" in other:
        profile = {"Range Extensions": "Format Range"}.get(codec["profile"], codec["profile"])
        found["profile"] = profile, other["Format_Profile"]
    if track["kind"] == "video" and "FrameCount" in other:
        found["samples"] = str(track["samples"]), other["FrameCount"]
    if "StreamSize" in other:
        found["bytes"] = str(track["bytes"]), other["StreamSize"]
    if track["kind"] == "video" and "FrameRate" in other:
        found["frame_rate"] = f"{float(Fraction(track['frame_rate'])):.3f}", other["FrameRate"]
    return found


def test_info_agrees_with_mediainfo(shared_media, capsys):
    compared, wrong = set(), []
    for path, name in files(shared_media):
        facts = facts_of(path, capsys)
        if facts is None or facts["format"] != "progressive":
            continue
        for number, other in shown(path).items():
            (track,) = [one for one in facts["tracks"] if one["track_id"] == number]
            if other["Format"] not in FORMATS or track["encryption"] is not None:
                continue
            for what, (ours, theirs) in compared_with_mediainfo(track, other).items():
                if ours != theirs and what not in SHOWN_OTHERWISE.get(name, ()):
                    wrong.append(f"{name}, track {number}: {what} {ours!r}, and MediaInfo {theirs!r}")
            compared.add(name)
    assert wrong == []
    assert len(compared) >= 20
