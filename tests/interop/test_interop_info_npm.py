"""``info`` agrees with mp4box.js: on files that are everywhere, of ours and of ffmpeg, and on real files."""

import json
import subprocess
import tarfile
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import floor
from pathlib import Path

import interop_tools as tools
import pytest
from support_mp4_files import ALAW, START, moof, movie, progressive, run, traf
from support_mp4_files import track as track_box
from support_tools import need
from test_interop_info import CAMERA, facts_of, files
from test_interop_recording import H264, H265, pictures, tone

from onvif_bmff.bmff import FileTypeBox, MediaDataBox, TrackExtendsBox, build_boxes

pytestmark = pytest.mark.interop

SCRIPT = Path(__file__).resolve().parent / "interop_npm_info.cjs"
BUCKETS = Path(__file__).resolve().parents[1] / "data" / "buckets-333ccfc"

FRAGMENTS = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]
VIDEO, AUDIO, SLOW_AUDIO = ["-map", "0:v"], ["-map", "1:a"], ["-map", "2:a"]
AVC = [*VIDEO, *H264, "-bf", "2", "-g", "10"]
INPUTS = [*pictures("30000/1001", 1, "96x64"), *tone(48_000, 1), *tone(8000, 1)]
CLIPS = {
    "avc-aac.mp4": [*AUDIO, *AVC, "-c:a", "aac"],
    "avc.mov": AVC,
    "avc-negative-offsets.mp4": [*AVC, "-movflags", "negative_cts_offsets"],
    "avc-aac-fragments.mp4": [*AUDIO, *AVC, "-c:a", "aac", "-ac", "2", *FRAGMENTS],
    "hevc-opus.mp4": [*AUDIO, *VIDEO, *H265, "keyint=10:bframes=2:log-level=none", "-c:a", "libopus"],
    "jpeg.mov": [*VIDEO, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
    "aac-dated.m4a": [*AUDIO, "-c:a", "aac", "-metadata", "creation_time=2022-11-08T15:08:23Z",
                      "-metadata:s:a:0", "language=deu"],
    "flac.mp4": [*AUDIO, "-c:a", "flac", "-strict", "-2"],
    "alac.m4a": [*AUDIO, "-c:a", "alac"],
    "ac3.mp4": [*AUDIO, "-c:a", "ac3"],
    "mp3.mp4": [*AUDIO, "-c:a", "libmp3lame"],
    "mu-law.mov": [*SLOW_AUDIO, "-c:a", "pcm_mulaw"],
    "two-sounds.mp4": [*AUDIO, *SLOW_AUDIO, "-c:a", "aac"],
}  # fmt: skip
"""What ffmpeg makes of ``INPUTS``, by file."""


def built_here():
    """Files with tables and runs that ffmpeg does not write."""
    small = track_box(timescale=8000, entries=(ALAW,), stts=[(4, 160)], stsc=[(1, 4, 1)], stco=[START],
                  stz2=(4, 4, bytes([0x35, 0x27])), language=0x10A7)  # fmt: skip
    wide = track_box(timescale=8000, entries=(ALAW,), stts=[(2, 160), (1, 80)], stsc=[(1, 1, 1), (2, 2, 1)], co64=True,
                 stco=[START, START + 10], stsz=(7, 5, 4), elst=[(500, -1, 1, 0), (50, 80, 1, 0)])  # fmt: skip
    empty = track_box(timescale=8000, entries=(ALAW,))
    runs = [run(2, offset=0, size=(3, 5), duration=(160, 160)), run(1, size=(6,), duration=(80,))]
    runs[0] = replace(runs[0], data_offset=moof(traf(1, *runs)).size + 8)
    yield "compact-sizes.mp4", progressive(small, data=bytes(17))
    yield "delayed.mp4", progressive(wide, data=bytes(19))
    head = [FileTypeBox(major_brand="iso6"), movie(empty, extends=[TrackExtendsBox(track_id=1)])]
    yield "runs.mp4", build_boxes((*head, moof(traf(1, *runs)), MediaDataBox(data=bytes(14))))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Path by name: files that are there wherever tests run."""
    folder = tmp_path_factory.mktemp("info")
    found = {"camera.mp4": CAMERA} | {name: folder / name for name in CLIPS}
    outputs = [word for name, options in CLIPS.items() for word in (*options, found[name])]
    subprocess.run([need("ffmpeg"), "-v", "error", "-nostdin", *INPUTS, *outputs], check=True, timeout=120)
    for name, data in built_here():
        found[name] = folder / name
        found[name].write_bytes(data)
    for bucket in ("mp4", "cmaf", "cenc", "cbcs"):
        with tarfile.open(BUCKETS / f"{bucket}.tar") as archive:
            archive.extractall(folder, filter="data")
        for path in sorted((folder / bucket / "site-2").rglob("*.m[p4][4av]")):
            found[f"{bucket}/{path.name}"] = path
    return found


@pytest.fixture(scope="module")
def mp4box_js(tmp_path_factory):
    """What mp4box.js finds in files, by path."""
    library = tools.of_npm("mp4box@2.4.1", tmp_path_factory.mktemp("npm")) / "dist" / "mp4box.all.cjs"

    def call(paths):
        command = [need("node"), SCRIPT, library, *paths]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def shift_of(other, movie_timescale):
    """Ticks to add to media times for those of presentation: by an empty edit and the first of media."""
    delay = Fraction(0)
    for duration, media_time in other["edits"]:
        if media_time >= 0:
            return floor(delay + Fraction(1, 2)) - media_time
        delay += Fraction(duration * other["timescale"], movie_timescale)
    return 0


def spans_of(theirs):
    """When the tracks are presented, in seconds, by number."""
    spans = {}
    for other in theirs["tracks"]:
        if other["presented"] is not None:
            shift = shift_of(other, theirs["duration"][1])
            spans[other["track_id"]] = [Fraction(time + shift, other["timescale"]) for time in other["presented"]]
    return spans


def seconds(length):
    return round(float(length), 6)


def dated(text):
    """A date as ``info`` shows it: none for the zero that writers leave."""
    return None if text.startswith("1904-01-01T00:00:00") else text.replace(".000Z", "Z")


def compared_files(facts, theirs):
    """Pairs of values by name, ours and those of mp4box.js, of a file itself."""
    spans = spans_of(theirs).values()
    length = max(max(end, 0) for _, end in spans) - min(max(start, 0) for start, _ in spans) if spans else 0
    return {
        "brands": (facts["brands"], list(dict.fromkeys(theirs["brands"]))),
        "created": (facts["created"], dated(theirs["created"])),
        "modified": (facts["modified"], dated(theirs["modified"])),
        "fragmented": ("fragmented" in facts["format"], theirs["fragmented"]),
        "fragments": (facts["fragments"], theirs["fragments"]),
        "duration": (facts["duration"], seconds(length)),
        "tracks": ([one["track_id"] for one in facts["tracks"]], [one["track_id"] for one in theirs["tracks"]]),
    }


KINDS = {"vide": "video", "soun": "audio", "meta": "metadata"}


def compared_tracks(track, rows, other, span):
    """Pairs of values by name, ours and those of mp4box.js, of a track; ``rows`` are those of ``info --samples``."""
    codec = track["codec"]
    samples = list(spread(rows))
    sync = [number for number, (_, _, is_sync) in enumerate(other["samples"]) if is_sync]
    found = {
        "kind": (track["kind"], KINDS.get(other["handler"], other["handler"])),
        "sample_entry": (codec["sample_entry"], other["original_entry"]),
        # it writes hexadecimal digits in lower case
        "codecs": (codec.get("codecs", codec["sample_entry"]).lower(), other["codec"].lower()),
        "schemes": (track["encryption"]["schemes"] if track["encryption"] else [], other["schemes"]),
        "language": (track["language"], other["language"]),
        "timescale": (track["timescale"], other["timescale"]),
        "samples": (track["samples"], len(other["samples"])),
        "sync_samples": (track["sync_samples"], len(sync)),
        "bytes": (track["bytes"], other["bytes"]),
        "largest_sample": (track["largest_sample"], max((size for _, size, _ in other["samples"]), default=0)),
        "duration_ticks": (track["duration_ticks"], other["duration"]),
        "start": (track["start"], seconds(span[0]) if span else None),
        "places": ([place for place, _, _ in samples], [place for place, _, _ in other["samples"]]),
        "sizes": ([size for _, size, _ in samples], [size for _, size, _ in other["samples"]]),
        "sync": ([is_sync for _, _, is_sync in samples], [is_sync for _, _, is_sync in other["samples"]]),
    }
    for name, field in PICTURE if track["kind"] == "video" else SOUND if track["kind"] == "audio" else ():
        found[name] = codec.get(name), other.get(field)
    if track["kind"] == "video":
        found["reordered"] = track["reordered"], other["reordered"]
        found["gops"] = track["gops"], gops_of(sync, len(other["samples"]))
    return found


PICTURE = (("width", "width"), ("height", "height"))
SOUND = (("sample_rate", "sample_rate"), ("channels", "channel_count"))


def gops_of(sync, count):
    lengths = [end - begin for begin, end in pairwise([*sync, count])]
    if not lengths:
        return None
    average = round(sum(lengths) / len(lengths), 3)
    return {"count": len(lengths), "shortest": min(lengths), "average": average, "longest": max(lengths)}


def spread(rows):
    """Place, size and sync of each sample, where ``info`` joins neighbouring frames of PCM."""
    for row in rows:
        frames = row.get("frames", 1)
        size = row["size"] // frames
        for number in range(frames):
            yield row["position"] + number * size, size, row["sync"]


def differences(facts, theirs):
    """Values that differ, (ours, theirs), by track (0: the file) and name, without those that ``OWN_WAYS`` explain."""
    assert sorted(one["track_id"] for one in facts["tracks"]) == sorted(one["track_id"] for one in theirs["tracks"])
    spans = spans_of(theirs)
    wrong = {(0, what): pair for what, pair in compared_files(facts, theirs).items() if pair[0] != pair[1]}
    others = {one["track_id"]: one for one in theirs["tracks"]}
    for track in facts["tracks"]:
        number = track["track_id"]
        rows = [row for row in facts["samples"] if row["track"] == number]
        for what, (ours, value) in compared_tracks(track, rows, others[number], spans.get(number)).items():
            if ours != value and not any(is_it(track, ours, value) for is_it in OWN_WAYS.get(what, {}).values()):
                wrong[number, what] = ours, value
    return wrong


def is_unknown_to_it(track, ours, theirs):
    entries = {"alaw", "ulaw", "alac", "in24", "lpcm", "jpeg", "ap4h"}
    return theirs is None and track["codec"]["sample_entry"] in entries


UNKNOWN = {"it does not know the sample entry": is_unknown_to_it}
OWN_WAYS = {
    "codecs": {
        "it looks into no protected entry": lambda track, _, theirs: track["encryption"] and theirs in ("encv", "enca"),
        "it leaves out what RFC 6381 parameters of AV1 and VP9 may have at their end": lambda track, ours, theirs: (
            track["codec"]["name"] in ("AV1", "VP9") and theirs.count(".") == 3 and ours.startswith(f"{theirs}.")
        ),
        "it does not know the object types of JPEG, PNG and MPEG-2": lambda _, ours, theirs: (
            (ours, theirs) in {("mp4v.6c", "jpeg"), ("mp4v.6d", "mp4v"), ("mp4v.61", "mp4v")}
        ),
    },
    "language": {
        "it spells out codes of Macintosh, and 0": lambda _, ours, theirs: (
            ours == "und" and theirs in ("\x7f\x7f\x7f", "```")
        ),
    },
    "channels": {
        "it shows the 2 of the entry, and not what the AudioSpecificConfig says": lambda track, ours, theirs: (
            track["codec"]["name"] == "AAC" and (ours, theirs) == (1, 2)
        ),
        **UNKNOWN,
    },
    "sample_rate": {
        "it shows what was before the encoding, but Opus is always decoded at 48 kHz": lambda track, ours, theirs: (
            track["codec"]["name"] == "Opus" and ours == 48_000 and theirs == 16_000
        ),
        **UNKNOWN,
    },
    "width": UNKNOWN,
    "height": UNKNOWN,
}
"""Why mp4box.js shows values otherwise, by name, and when that is so: for a track, our value and its."""

LAST = "its last sample lasts until the duration of the media header, whatever stts says"
JOINED = "it takes each run of a traf to begin where the one before it ends, whatever its data_offset"
READ_OTHERWISE = {
    ("compact-sizes.mp4", 1, "duration_ticks"): (480, LAST),
    ("compact-sizes.mp4", 0, "duration"): (0.06, LAST),
    ("delayed.mp4", 1, "duration_ticks"): (320, LAST),
    ("delayed.mp4", 0, "duration"): (0.04, LAST),
    ("androidx-media/mp4/sample_no_bframes.mp4", 1, "duration_ticks"): (48_020, LAST),
    ("androidx-media/mp4/sample_no_bframes.mp4", 0, "duration"): (1.13288, LAST),
    ("fq/doc/file.mp4", 2, "duration_ticks"): (1024, LAST),
    ("mp4ff/ed_hevc.mp4", 1, "duration_ticks"): (100_800, LAST),
    ("mp4-atom/bbb.mp4", 0, "duration"): (0.125, "it reads no tfdt but the first, and here times begin again"),
    ("mp4ff/cbcs.mp4", 1, "places"): (..., JOINED),
    ("mp4ff/cbcs.mp4", 2, "places"): (..., JOINED),
    ("mp4ff/cbcsdec.mp4", 1, "places"): (..., JOINED),
    ("mp4ff/cbcsdec.mp4", 2, "places"): (..., JOINED),
    ("mp4ff/examples/multitrack/main_1.mp4", 1, "places"): (..., JOINED),
    ("mp4ff/examples/multitrack/main_1.mp4", 2, "places"): (..., JOINED),
    ("mp4ff/vvc_400kbps_2s.mp4", 1, "codecs"): ("vvc1.1.l51.cqa", "it knows VVC, which is not recorded"),
}
"""What mp4box.js shows otherwise of single files, by file, track and name, and why; ``...`` are long lists."""

TRUNCATED = "the file ends before its samples do, which mp4box.js does not see"
NO_MEDIA = "subtitles alone, which info refuses"
NOT_COMPARED = {
    "fq/png_no_hdlr.mp4": "mp4box.js: hdlr is missing",
    "go-mp4/sample_qt.mp4": TRUNCATED,
    "mp4-atom/av1.mp4": TRUNCATED,
    "mp4-atom/esds.mp4": TRUNCATED,
    "mp4-atom/h264.mp4": TRUNCATED,
    "mp4-atom/h264_avcc_ext_2.mp4": TRUNCATED,
    "mp4-atom/hevc.mp4": TRUNCATED,
    "mp4-atom/vp9.mp4": TRUNCATED,
    "mp4ff/init_prog.mp4": TRUNCATED,
    "mp4ff/cmd/mp4ff-subslister/stpp_combined.mp4": NO_MEDIA,
    "mp4ff/cmd/mp4ff-subslister/stpp_prog.mp4": NO_MEDIA,
}
"""Files that one of the two reads to the end, and the other does not."""


def compare(paths, mp4box_js, capsys):
    """Compare all files. Names of those that both read, and of those that only one does."""
    found = mp4box_js(paths.values())
    both, one_only, seen, wrong = set(), set(), set(), []
    for name, path in paths.items():
        facts, theirs = facts_of(path, capsys, "--samples"), found[str(path)]["facts"]
        if facts is None or theirs is None:
            one_only |= {name} if (facts is None) != (theirs is None) else set()
            continue
        both.add(name)
        for (track_id, what), (ours, value) in differences(facts, theirs).items():
            place = name, track_id, what
            seen.add(place)
            known, _ = READ_OTHERWISE.get(place, (ours, ""))
            if known is not ... and known != value:
                wrong.append(f"{name}, track {track_id}: {what} {ours!r}, and mp4box.js {value!r}")
    assert wrong == []
    assert seen == {place for place in READ_OTHERWISE if place[0] in both}, "what is explained is no longer so"
    return both, one_only


def test_info_agrees_with_mp4box_js(made, mp4box_js, capsys):
    both, _ = compare(made, mp4box_js, capsys)
    assert both == set(made)
    assert len(both) > 25


def test_info_agrees_with_mp4box_js_on_real_files(shared_media, mp4box_js, capsys):
    """Those that neither reads are parts of files, and no movies."""
    paths = {name: path for path, name in files(shared_media)}
    both, one_only = compare(paths, mp4box_js, capsys)
    assert one_only == NOT_COMPARED.keys() & paths.keys()
    assert len(both) > 80
