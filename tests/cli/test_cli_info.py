"""The command ``info``."""

import json
import subprocess
import sys
import tarfile
from fractions import Fraction
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from support_schema import faults, our_schema

from onvif_bmff.bmff import (
    Columns,
    MovieBox,
    MovieHeaderBox,
    ProducerReferenceTimeBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    TimeToSampleBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.cli.info_samples import SampleFact
from onvif_bmff.cli.info_tracks import SampleSums
from onvif_bmff.cli.main import main
from onvif_bmff.ingest import open_mp4
from onvif_bmff.storage import DirectoryStore, StoreSink
from onvif_bmff.testing.made_files import cmaf_file, fragmented_file, progressive_file
from onvif_bmff.testing.recordings import recorded_events

DATA = Path(__file__).resolve().parents[1] / "data"
CAMERA = DATA / "camera.mp4"
BUCKETS = DATA / "buckets-333ccfc"
START = "2022-11-08T15:08:23.547Z"


def run(capsys, *arguments):
    status = main(["info", *map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def facts_of(capsys, *arguments, status=0):
    """What ``--json`` shows, in the form that its schema says."""
    ended, out, _ = run(capsys, *arguments, "--json")
    found = json.loads(out)
    assert ended == status
    assert faults(found, our_schema("info-1")) == []
    return found


@pytest.fixture
def bucket(tmp_path):
    """One of the kept buckets, by name."""

    def unpack(name):
        with tarfile.open(BUCKETS / f"{name}.tar") as archive:
            archive.extractall(tmp_path / name, filter="data")
        return tmp_path / name

    return unpack


# ---- files -----------------------------------------------------------------------------------------


def test_the_clip_as_text(capsys):
    status, out, err = run(capsys, CAMERA)
    assert (status, err) == (0, "")
    first, *rest = out.splitlines()
    assert first == f"{CAMERA}: progressive, 12.000 s, 149,874 bytes, 99.9 kbit/s"
    assert rest == [
        "  brands isom, iso2, avc1, mp41",
        "  track 1 video: H.264 High level 1.2, 320x180, 25 fps, 12.000 s, 71.4 kbit/s",
        (
            "    300 samples, 6 sync, GOPs of 50 to 50 samples, presented in another order; 107,110 bytes, "
            "12800 ticks a second; avc1.64000C"
        ),
        "  track 2 audio: AAC LC, 48000 Hz, 1 channels, 12.021 s, 21.9 kbit/s",
        "    564 samples, 564 sync; 32,869 bytes, 48000 ticks a second; mp4a.40.2",
    ]


@pytest.mark.parametrize("file", ["camera", progressive_file(), fragmented_file(), cmaf_file(scheme="cbcs")], ids=repr)
def test_samples_are_those_that_the_input_reads(file, tmp_path, capsys):
    """Times, durations, sizes, sync flags and places of all samples, and sums of them."""
    path = CAMERA if file == "camera" else tmp_path / "file.mp4"
    if file != "camera":
        path.write_bytes(file)
    found = facts_of(capsys, path, "--samples")
    data = path.read_bytes()

    def as_is(fragment, samples):
        return samples

    with open_mp4(path) as source:
        wanted = {}
        for sample in source.samples(as_is if source.is_protected else None):
            wanted.setdefault(sample.track_id, []).append(sample)
        shown = {}
        for row in found["samples"]:
            shown.setdefault(row["track"], []).append(row)
        for number, samples in wanted.items():
            rows = shown[number]
            assert [row["number"] for row in rows] == list(range(1, len(samples) + 1))
            assert [(row["decode_time"], row["duration"], row["composition_offset"], row["sync"]) for row in rows] == [
                (one.decode_time, one.duration, one.composition_offset, one.sync) for one in samples
            ]
            assert [data[row["position"] : row["position"] + row["size"]] for row in rows] == [
                bytes(one.data) for one in samples
            ]
            (track,) = [one for one in found["tracks"] if one["track_id"] == number]
            assert track["samples"] == len(samples)
            assert track["sync_samples"] == sum(one.sync for one in samples)
            assert track["bytes"] == sum(len(one.data) for one in samples)
            assert track["largest_sample"] == max(len(one.data) for one in samples)
            assert track["duration_ticks"] == sum(one.duration for one in samples)
    plain = facts_of(capsys, path)
    assert plain == {name: value for name, value in found.items() if name != "samples"}


def test_samples_as_text(capsys):
    out = run(capsys, CAMERA, "--samples")[1].splitlines()
    assert out[0] == "track 1 #1             0.000000 s  +1024 +512 ticks      2,250 bytes @9895  sync"
    assert sum(line.startswith("track ") for line in out) == 864
    assert out[864].startswith(str(CAMERA))


def test_encrypted_files_say_how(tmp_path, capsys):
    path = tmp_path / "file.mp4"
    for make, scheme, pattern, vectors in (
        (fragmented_file, "cenc", [0, 0], (8, False)),
        (cmaf_file, "cbcs", [1, 9], (0, True)),
    ):
        path.write_bytes(make(scheme=scheme))
        found = facts_of(capsys, path)
        how = found["tracks"][0]["encryption"]
        assert (how["schemes"], how["pattern"]) == ([scheme], pattern)
        assert (how["iv_size"], how["constant_iv"]) == vectors
        assert "00112233-4455-6677-8899-aabbccddeeff" in how["kids"]
        assert f"encrypted by {scheme}" in run(capsys, path)[1]


def test_certificates_of_a_bucket_are_named(bucket, capsys):
    """The thumbprints are those that the certificates have."""
    root = bucket("cbcs")
    (recording,) = facts_of(capsys, root)["recordings"]
    systems = {one["name"]: one for one in recording["protection_systems"]}
    assert set(systems) == {"W3C common", "ONVIF asymmetric"}
    keys = {one["wrapped_by"]: one for one in systems["ONVIF asymmetric"]["keys"]}
    assert set(keys) == {"RSA-OAEP", "HPKE"}
    known = [x509.load_pem_x509_certificate(path.read_bytes()) for path in BUCKETS.glob("viewer-*.pem")
             if b"CERTIFICATE" in path.read_bytes()]  # fmt: skip
    prints = {one.fingerprint(algorithm()).hex() for one in known for algorithm in (hashes.SHA1, hashes.SHA256)}
    assert {one["thumbprint"] for one in keys.values()} <= prints
    video = [one for one in recording["tracks"] if one["kind"] == "video"]
    assert video[0]["encryption"]["kids"] == sorted(
        kid for one in recording["protection_systems"] if one["name"] == "W3C common" for kid in one["kids"]
    )
    assert "for certificate SHA-" in run(capsys, root)[1]


def test_times_of_a_file(tmp_path, capsys):
    boxes = list(parse_boxes(fragmented_file()))
    for top in boxes:
        for header in top.find_all(MovieHeaderBox) if isinstance(top, MovieBox) else ():
            header.version, header.creation_time, header.modification_time = 1, 3_750_764_903, 3_750_764_904
    at = next(index for index, top in enumerate(boxes) if top.type == "moof")
    ntp = (3_876_908_903 << 32) | 1 << 31
    boxes.insert(at, ProducerReferenceTimeBox(version=1, reference_track_id=1, ntp_timestamp=ntp, media_time=0))
    folder = tmp_path / "site" / "2022-11-08" / "camera" / "15"
    folder.mkdir(parents=True)
    path = folder / "08-23.547Z.0.mp4"
    path.write_bytes(build_boxes(boxes))
    found = facts_of(capsys, path)
    assert (found["created"], found["modified"]) == ("2022-11-08T15:08:23Z", "2022-11-08T15:08:24Z")
    assert found["reference_time"] == "2022-11-08T15:08:23.500000Z"
    assert found["utc"] == "2022-11-08T15:08:23.547000Z"
    assert facts_of(capsys, CAMERA)["created"] is None


def test_a_file_that_breaks_off_shows_what_there_is(tmp_path, capsys):
    whole = cmaf_file()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[:-3])
    found = facts_of(capsys, path, status=1)
    assert found["damage"][0]["error"].startswith(str(path))
    status, out, err = run(capsys, path)
    assert (status, err.count("\n")) == (1, 1)
    assert "track 1 video" in out


@pytest.mark.parametrize("data", [b"", b"junk", b"\0\0\0\x08free"])
def test_what_is_no_file_is_an_error(data, tmp_path, capsys):
    path = tmp_path / "file.mp4"
    path.write_bytes(data)
    for options in ((), ("--json",), ("--samples",)):
        status, out, err = run(capsys, path, *options)
        assert (status, out, err.count("\n")) == (2, "", 1)
    assert run(capsys, tmp_path / "none")[0] == 2


@pytest.mark.parametrize(
    "option", ["--from=2022-01-01T00:00:00Z", "--to=2022-01-01T00:00:00Z", "--prefix=x", "--postfix="]
)
def test_a_file_is_no_store(option, capsys):
    status, _, err = run(capsys, CAMERA, option)
    assert status == 2
    assert f"{option.partition('=')[0]} selects in a store" in err


# ---- sums ------------------------------------------------------------------------------------------


def sums_of(*facts):
    sums = SampleSums()
    time = 0
    for duration, offset, sync in facts:
        sums.add(SampleFact(time, duration, offset, 10, sync, 0, 1))
        time += duration
    sums.close()
    return sums


def test_gops_and_rates():
    sums = sums_of(*((40, 0, index in (2, 5, 6)) for index in range(10)))
    assert sums.gops() == {"count": 3, "shortest": 1, "average": 2.667, "longest": 4}
    assert sums.frame_rate(1000) == 25
    assert sums.bit_rate(1000) == 2000
    assert sums.is_constant
    assert not sums.reordered
    assert sums_of((40, 0, False)).gops() is None
    assert SampleSums().frame_rate(1000) is None


def test_the_last_duration_does_not_make_a_rate_vary():
    assert sums_of((40, 0, True), (40, 0, True), (7, 0, True)).is_constant
    assert not sums_of((40, 0, True), (7, 0, True), (40, 0, True)).is_constant


def test_presentation():
    sums = sums_of((40, 80, True), (40, 120, False), (40, 40, False))
    assert (sums.start, sums.end) == (80, 200)
    assert sums.reordered
    assert not sums_of((40, 80, True), (40, 80, False)).reordered


# ---- stores ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cmaf", "mp4", "cenc", "cbcs"])
def test_a_store_has_what_was_recorded(name, tmp_path, capsys):
    """Counts and sums of a recording are those of the file it was recorded from; keys are not needed."""
    store = tmp_path / "store"
    scheme = {"cenc": "CENC", "cbcs": "CBCS"}.get(name)
    encrypted = ("--encrypt", scheme, "--make-key-file", str(tmp_path / "keys")) if scheme else ()
    format_ = "MP4" if name == "mp4" else "CMAF"
    options = ("--segment-duration", "PT2S", "--prefix", "site", "--postfix", "camera", "--start", START)
    assert main(["record", str(CAMERA), "--store", str(store), "--format", format_, *options, *encrypted]) == 0
    capsys.readouterr()
    source = {one["kind"]: one for one in facts_of(capsys, CAMERA)["tracks"]}
    found = facts_of(capsys, store)
    (recording,) = found["recordings"]
    assert (recording["prefix"], recording["postfix"]) == ("site", "camera")
    assert recording["start"] == "2022-11-08T15:08:23.525000Z"
    assert recording["end"] == "2022-11-08T15:08:35.547000Z"
    assert (recording["spans"], recording["segments"]) == ((1, 6) if format_ == "MP4" else (2, 12))
    objects = DirectoryStore(store)
    assert recording["size"] == sum(objects.head(key).size for key in list(objects.keys()))
    for track in recording["tracks"]:
        original = source[track["kind"]]
        for what in ("samples", "sync_samples", "duration", "language"):
            assert track[what] == original[what], what
        assert track["codec"]["profile"] == original["codec"]["profile"]
        assert track["bytes"] == original["bytes"]
        assert (track["encryption"] is not None) == bool(encrypted)
    assert {one["kind"] for one in recording["tracks"]} == {"video", "audio"}
    assert found["damage"] == []


def test_samples_of_a_store_have_keys_and_instants(tmp_path, capsys):
    store = tmp_path / "store"
    with StoreSink(DirectoryStore(store, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",), segments=3))
    found = facts_of(capsys, store, "--samples")
    keys = [key for key in list(DirectoryStore(store).keys()) if not key.endswith("_end")]
    assert list(dict.fromkeys(row["key"] for row in found["samples"])) == keys
    instants = [row["utc"] for row in found["samples"]]
    assert len(set(instants)) == len(instants)
    for key in keys:
        first = next(row for row in found["samples"] if row["key"] == key)
        assert first["number"] == 1
        body = (store / key).read_bytes()
        assert first["position"] + first["size"] <= len(body)
    text = run(capsys, store, "--samples")[1]
    assert all(f"{key}\n" in text for key in keys)


def test_a_range_and_a_place(tmp_path, capsys):
    store = tmp_path / "store"
    for prefix in ("a", "b"):
        assert main(["record", str(CAMERA), "--store", str(store), "--segment-duration", "PT2S", "--prefix", prefix,
                     "--start", START]) == 0  # fmt: skip
    capsys.readouterr()
    assert len(facts_of(capsys, store)["recordings"]) == 2
    (recording,) = facts_of(capsys, store, "--prefix", "b", "--from", "2022-11-08T15:08:26Z", "--to",
                            "2022-11-08T15:08:28Z")["recordings"]  # fmt: skip
    assert recording["prefix"] == "b"
    assert recording["segments"] == 4
    status, out, err = run(capsys, store, "--prefix", "c")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert run(capsys, store, "--prefix", "c", "--allow-empty")[1].startswith("nothing was recorded\n")
    assert facts_of(capsys, store, "--prefix", "c", status=2)["recordings"] == []


def test_damaged_objects_are_named_and_the_others_read(tmp_path, capsys):
    store = tmp_path / "store"
    with StoreSink(DirectoryStore(store, fsync=False)) as sink:
        sink.add_all(recorded_events(tracks=("vide",), segments=4))
    whole = facts_of(capsys, store)["recordings"][0]
    segments = sorted(path for path in store.rglob("*.m4v"))
    segments[1].write_bytes(b"no segment")
    segments[2].write_bytes(segments[2].read_bytes()[:-40])
    found = facts_of(capsys, store, status=1)
    assert [one["key"] for one in found["damage"]] == [str(path.relative_to(store)) for path in segments[1:3]]
    assert 0 < found["recordings"][0]["tracks"][0]["samples"] < whole["tracks"][0]["samples"]
    status, _, err = run(capsys, store)
    assert (status, err.count("\n")) == (1, 2)


def test_media_data_of_a_store_are_not_read(tmp_path, capsys, monkeypatch):
    """A request takes what boxes need, so that a big bucket is quick."""
    store = tmp_path / "store"
    assert main(["record", str(CAMERA), "--store", str(store), "--start", START]) == 0
    capsys.readouterr()
    asked = []
    get = DirectoryStore.get
    monkeypatch.setattr(
        DirectoryStore,
        "get",
        lambda self, key, start=0, length=None: asked.append(length) or get(self, key, start, length),
    )
    facts_of(capsys, store)
    assert max(asked) <= 64 << 10


def test_hostile_files_end_in_one_line(tmp_path):
    """Whatever the bytes: no traceback, an exit status of ours."""
    whole = fragmented_file(scheme="cenc")
    path = tmp_path / "file.mp4"
    for position in range(8, len(whole), 37):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x81]) + whole[position + 1 :])
        assert main(["info", str(path), "--json", "-q"]) in (0, 1, 2), position
    done = subprocess.run(
        [sys.executable, "-m", "onvif_bmff", "info", str(path)], capture_output=True, check=False, cwd=DATA.parents[1]
    )
    assert b"Traceback" not in done.stderr


def test_pcm_counts_frames(tmp_path, capsys):
    """Tables that count every byte as a sample: the frames of a chunk are one row, and all are counted."""
    boxes = list(parse_boxes(progressive_file(tracks=("soun",))))
    (table,) = [one for top in boxes for _, one in top.walk() if isinstance(one, SampleTableBox)]
    new = {
        "stsz": SampleSizeBox(sample_size=1, entries=Columns(8)),
        "stts": TimeToSampleBox(entries=Columns(1, sample_count=[8], sample_delta=[1])),
        "stsc": SampleToChunkBox(
            entries=Columns(1, first_chunk=[1], samples_per_chunk=[8], sample_description_index=[1])
        ),
    }
    table.children = tuple(new.get(child.type, child) for child in table.children)
    path = tmp_path / "pcm.mp4"
    path.write_bytes(build_boxes(boxes))
    found = facts_of(capsys, path, "--samples")
    (track,) = found["tracks"]
    assert track["samples"] == track["sync_samples"] == track["duration_ticks"] == track["bytes"] == 8
    assert track["largest_sample"] == 1
    (row,) = found["samples"]
    assert (row["frames"], row["size"], row["duration"]) == (8, 8, 8)


def test_frame_rates_are_exact():
    assert Fraction("30000/1001") == sums_of(*[(1001, 0, True)] * 3).frame_rate(30_000)
