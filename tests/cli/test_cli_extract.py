"""The command ``extract``."""

import subprocess
from pathlib import Path

import pytest
from support_tools import need

from onvif_bmff.cli.main import main
from onvif_bmff.codecs import AvcCodec
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media import iter_nal_units, split_annex_b
from onvif_bmff.storage import DirectoryStore, StoreSink
from onvif_bmff.testing.made_files import progressive_file
from onvif_bmff.testing.recordings import recorded_events
from onvif_bmff.timing import UtcTime

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2022-11-08T15:08:23.547Z")


@pytest.fixture(scope="module")
def source():
    """Samples of the clip by track_ID, and its tracks."""
    with open_mp4(CAMERA) as opened:
        found = {track.track_id: [] for track in opened.tracks}
        for sample in opened.samples():
            found[sample.track_id].append(sample)
        yield opened.tracks, found


@pytest.fixture
def extract(tmp_path, capsys):
    """Runs the command; its status, what it wrote (None: nothing) and what it says."""

    def run(*arguments):
        out = tmp_path / "out"
        out.unlink(missing_ok=True)
        status = main(["extract", *map(str, arguments), "-o", str(out)])
        said = capsys.readouterr()
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []
        assert said.err.count("\n") == (1 if status == 2 else 0), said.err
        return status, out.read_bytes() if out.exists() else None, said.out + said.err

    return run


def test_samples_by_number(extract, source):
    _, samples = source
    for number in (1, 2, 51, 300):
        status, data, said = extract(CAMERA, "--number", number, "--raw")
        assert (status, data) == (0, bytes(samples[1][number - 1].data))
        assert f": sample {number} at " in said
    for number in (1, 564):
        status, data, _ = extract(CAMERA, "--number", number, "--media", "audio")
        assert (status, data) == (0, bytes(samples[2][number - 1].data)), "audio is as it lies in the file"


def test_samples_by_time(extract, source):
    """What is presented at a time, though it is decoded in another order."""
    tracks, samples = source
    timescale = tracks[0].timescale
    for picture in range(0, 300, 7):
        time = picture / 25 + 0.02
        (wanted,) = [
            one for one in samples[1]
            if 0 <= time * timescale - one.decode_time - one.composition_offset < one.duration
        ]  # fmt: skip
        assert extract(CAMERA, "--time", time, "--raw")[1] == bytes(wanted.data)


def test_a_picture_is_a_byte_stream_with_its_parameter_sets(extract, source):
    tracks, samples = source
    codec = tracks[0].codec
    assert isinstance(codec, AvcCodec)
    for number in (1, 30):
        units = split_annex_b(extract(CAMERA, "--number", number)[1])
        stored = [bytes(unit) for unit in iter_nal_units(samples[1][number - 1].data)]
        assert [unit for unit in units if unit not in (*codec.sps, *codec.pps)] == stored
        assert {*codec.sps, *codec.pps} <= set(units)


def test_all_that_a_decoder_needs(extract, source):
    _, samples = source
    status, data, said = extract(CAMERA, "--number", 60, "--from-sync", "--raw")
    assert (status, data) == (0, b"".join(bytes(one.data) for one in samples[1][50:60]))
    assert "with 9 before it" in said
    assert extract(CAMERA, "--number", 51, "--from-sync", "--raw")[1] == bytes(samples[1][50].data)


@pytest.mark.interop
def test_ffmpeg_decodes_what_was_extracted(extract, tmp_path):
    """The last picture is the one that ffmpeg shows at that time in the clip."""

    def pictures(*arguments):
        command = [need("ffmpeg"), "-v", "error", *arguments, "-f", "framemd5", "-"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return [line.rpartition(",")[2].strip() for line in done.stdout.splitlines() if not line.startswith("#")]

    whole = pictures("-i", str(CAMERA), "-map", "0:v")
    for picture in (0, 50, 75, 120):
        status, data, _ = extract(CAMERA, "--time", picture / 25, "--from-sync")
        path = tmp_path / "stream.h264"
        path.write_bytes(data)
        assert status == 0
        assert whole[picture] in pictures("-i", str(path))
    assert extract(CAMERA, "--number", 1)[0] == 0
    assert pictures("-f", "h264", "-i", str(tmp_path / "out")) == whole[:1]


@pytest.mark.parametrize("format_", ["CMAF", "MP4"])
@pytest.mark.parametrize("scheme", [None, "CENC", "CBCS"])
def test_a_store_gives_what_was_recorded(extract, source, tmp_path, capsys, format_, scheme):
    tracks, samples = source
    store, keys = tmp_path / "store", tmp_path / "keys"
    encrypted = ("--encrypt", scheme, "--make-key-file", str(keys)) if scheme else ()
    options = ("--format", format_, "--segment-duration", "PT2S", "--start", str(START), *encrypted)
    assert main(["record", str(CAMERA), "--store", str(store), *options]) == 0
    capsys.readouterr()
    with_keys = ("--key-file", keys) if scheme else ()
    timescale = tracks[0].timescale
    for number in (0, 1, 77, 299):
        sample = samples[1][number]
        middle = sample.decode_time + sample.composition_offset + sample.duration // 2
        time = START.plus_ticks(middle, timescale)
        status, data, said = extract(store, "--time", time, "--raw", *with_keys)
        assert (status, data) == (0, bytes(sample.data)), said
        status, data, _ = extract(store, "--number", number + 1, "--raw", *with_keys)
        assert (status, data) == (0, bytes(sample.data))
    mode = (tmp_path / "out").stat().st_mode & 0o777
    assert mode == (0o600 if scheme else 0o644)
    if scheme:
        assert extract(store, "--number", 1, *with_keys, "--file-mode", "640")[0] == 0
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640
        status, data, said = extract(store, "--number", 1)
        assert (status, data) == (2, None), "nothing is written that nobody can read"
        assert "key" in said
        segment = next(path for path in sorted(store.rglob("*.0.m[4p][v4]")))
        status, data, _ = extract(segment, "--number", 1, "--raw", *with_keys)
        assert (status, data) == (0, bytes(samples[1][0].data)), "one object of it, as a file"
        assert extract(segment, "--number", 1)[:2] == (2, None)


def test_without_video_the_audio_is_taken(extract, tmp_path):
    path = tmp_path / "file.mp4"
    path.write_bytes(progressive_file(tracks=("soun",)))
    with open_mp4(path) as opened:
        first = bytes(next(iter(opened.samples())).data)
    assert extract(path, "--number", 1)[:2] == (0, first)


def test_which_recording_and_track(extract, tmp_path):
    store = tmp_path / "store"
    with StoreSink(DirectoryStore(store, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",)))
    assert extract(store, "--number", 1)[0] == 0
    assert extract(store, "--number", 1, "--prefix", "no such")[:2] == (2, None)
    assert extract(store, "--number", 1, "--media", "audio")[:2] == (2, None)
    assert extract(store, "--number", 1, "--track", 2)[:2] == (2, None)
    assert extract(store, "--time", "2001-01-01T00:00:00Z")[:2] == (2, None)
    assert extract(store, "--number", 10_000)[:2] == (2, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--number", "301"), ("--number", "0"), ("--number", "-1"), ("--number", "x"), ("--number", "9" * 5000),
        ("--time", "12.5"), ("--time", "-5"), ("--time", "1e999999999"), ("--time", "9" * 30),
        ("--time", "2022-11-08T15:08:23Z"), ("--time", "1/0"), ("--time", "nan"), (), ("--number", "1", "--time", "1"),
        ("--number", "1", "--media", "metadata"), ("--number", "1", "--track", "2"), ("--number", "1", "--prefix", "x"),
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)  # fmt: skip
def test_what_is_not_there_leaves_no_file(extract, arguments):
    status, data, said = extract(CAMERA, *arguments)
    assert (status, data) == (2, None)
    assert said.startswith("onvif-bmff: ")


def test_a_file_that_was_there_stays(tmp_path, capsys):
    out = tmp_path / "out"
    out.write_bytes(b"mine")
    assert main(["extract", str(CAMERA), "--number", "9999", "-o", str(out)]) == 2
    assert out.read_bytes() == b"mine"
    assert main(["extract", str(CAMERA), "--number", "1", "-o", str(tmp_path)]) == 2
    assert main(["extract", str(tmp_path / "none"), "--number", "1", "-o", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 3
