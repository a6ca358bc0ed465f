"""Two readers from npm: mediabunny decrypts our objects, and mp4box.js sees the boxes and samples that we wrote."""

import hashlib
import json
import subprocess
from fractions import Fraction
from pathlib import Path

import interop_objects as objects
import interop_tools as tools
import pytest
from support_tools import need
from test_interop_recording import CLIPS

from onvif_bmff.bmff import ContainerBox, parse_boxes
from onvif_bmff.recording.formats import CMAF, MP4

pytestmark = pytest.mark.interop

HERE = Path(__file__).resolve().parent
CAMERA = HERE.parent / "data" / "camera.mp4"
FORMATS = {"CMAF": CMAF, "MP4": MP4}
NAMES = ("avc_bframes_slices_aac", "avc_vfr_aac", "hevc_opus", "g711_and_metadata")


@pytest.fixture(scope="session")
def sources(make_clip):
    made = {name: objects.of_file(make_clip(f"npm_{name}.mp4", CLIPS[name])) for name in NAMES[:-1]}
    return made | {NAMES[-1]: objects.with_g711_and_metadata(CAMERA)}


@pytest.fixture(scope="session")
def npm(tmp_path_factory):
    """What a script prints for a library and a file."""
    need("node")
    folder = tmp_path_factory.mktemp("npm")
    libraries = {
        "mediabunny": tools.of_npm("mediabunny@1.61.0", folder) / "dist" / "bundles" / "mediabunny.cjs",
        "mp4box": tools.of_npm("mp4box@2.4.1", folder) / "dist" / "mp4box.all.cjs",
    }

    def call(library, script, path, *arguments):
        command = ["node", HERE / script, libraries[library], path, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


def wrong_keys():
    return json.dumps({key.kid.hex: objects.WRONG for key in objects.KEYS})


def right_keys():
    return json.dumps({key.kid.hex: key.key.hex() for key in objects.KEYS})


# ---- mediabunny ---------------------------------------------------------------------------------------------


@pytest.mark.requirement("ANX-B.8-01", "ANX-B.8-06", "ANX-B.8-07")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mode", ["clear", "cenc", "cbcs-sample", "cbcs-track", "cbcs-segment", "cenc-rotated"])
@pytest.mark.parametrize("name", NAMES)
def test_mediabunny_reads_and_decrypts(npm, sources, tmp_path, name, mode, form):
    """Every payload of every object; of metadata it knows nothing."""
    for number, written in enumerate(objects.record(sources[name], FORMATS[form], mode, 4)):
        if written.extension == "m4m":
            continue
        path = tmp_path / f"{number}.{written.extension}"
        path.write_bytes(written.body)
        wanted = {
            str(track_id): md5s
            for track_id, md5s in written.payloads.items()
            if not (name == NAMES[-1] and track_id == 3)
        }
        assert npm("mediabunny", "interop_npm_samples.cjs", path, right_keys()) == wanted
        if mode != "clear" and number == 0:
            found = npm("mediabunny", "interop_npm_samples.cjs", path, wrong_keys())
            assert found.keys() == wanted.keys()
            assert all(found[track_id] != wanted[track_id] for track_id in wanted), "a wrong key does not do"


def test_mediabunny_decrypts_a_first_fragment_of_sample_groups(npm, sources, tmp_path):
    """It ignores 'seig', so that a segment of one fragment is what it decrypts: tenc has that fragment's vector."""
    written = objects.record(sources["hevc_opus"], CMAF, "cbcs-seig", 1)
    assert len(written) > 6
    for number, one in enumerate(written):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(one.body)
        found = npm("mediabunny", "interop_npm_samples.cjs", path, right_keys())
        assert found == {str(track_id): md5s for track_id, md5s in one.payloads.items()}


# ---- mp4box.js ----------------------------------------------------------------------------------------------


def tree(boxes):
    """Boxes as the script prints them; mp4box.js looks into no 'encm'."""
    return [
        [
            box.type,
            box.offset,
            box.read_size,
            tree(box.children) if isinstance(box, ContainerBox) and box.type != "encm" else [],
        ]
        for box in boxes
    ]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mode", [mode for mode in objects.MODES if mode != "cbcs-segment"])  # its boxes are seig's
@pytest.mark.parametrize("name", NAMES)
def test_mp4box_js_sees_the_same_boxes(npm, sources, tmp_path, name, mode, form):
    """Types, offsets and sizes of all boxes, as two parsers see them, and not a word of complaint."""
    for number, written in enumerate(objects.record(sources[name], FORMATS[form], mode, 60)):
        path = tmp_path / f"{number}.{written.extension}"
        path.write_bytes(written.body)
        found = npm("mp4box", "interop_npm_boxes.cjs", path)
        # it does not know G.711, as which 'ulaw' is registered
        assert [said for said in found["said"] if "Unknown sample entry type: 'ulaw'" not in said] == []
        assert found["boxes"] == tree(parse_boxes(written.body))


@pytest.mark.requirement("ANX-B.3-09")
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_mp4box_js_sees_the_same_samples(npm, sources, tmp_path, name, form):
    """Payload, sync and presentation times of all samples of a source, by the sample tables of mp4box.js."""
    source = sources[name]
    found = {track.track_id: [] for track in source.tracks}
    for written in objects.record(source, FORMATS[form], "clear", 3):
        path = tmp_path / "object.mp4"
        path.write_bytes(written.body)
        read = npm("mp4box", "interop_npm_boxes.cjs", path)
        for track_id, samples in read["samples"].items():
            for offset, size, _, presented, _, sync in samples:
                payload = hashlib.md5(written.body[offset : offset + size]).hexdigest()
                found[int(track_id)].append((payload, sync, Fraction(presented, read["timescales"][track_id])))
    for track in source.tracks:
        wanted = [one for one in source.samples if one.track_id == track.track_id]
        got = found[track.track_id]
        assert [row[0] for row in got] == [hashlib.md5(one.data).hexdigest() for one in wanted]
        assert [row[1] for row in got] == [one.sync for one in wanted]
        shifts = {
            row[2] - Fraction(one.decode_time + one.composition_offset, track.timescale)
            for row, one in zip(got, wanted, strict=True)
        }
        assert len(shifts) == 1
