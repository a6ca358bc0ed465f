"""Bento4, GPAC and mp4ff: what they say of our objects, what they decrypt of them, and what we read of theirs.

No package registry carries these tools, so that tests skip where nobody has built them, in CI too; ONVIF_BMFF_TOOLS
names the folder of the programs. docs/interop.md has their versions, and what they cannot do.
"""

import json
import re

import interop_objects as objects
import interop_tools as tools
import pytest
from support_tools import need
from test_interop_encryption import CLIP, KEY, KID, by_type, check
from test_interop_encryption import clear as clear
from test_interop_encryption import record as record_clip
from test_interop_recording import CLIPS

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.media.track import TrackType
from onvif_bmff.recording.formats import CMAF, MP4

pytestmark = pytest.mark.interop

if not any(tools.find_built(tool) for tool in ("mp4dump", "mp4decrypt", "MP4Box", "mp4ff-info", "mp4ff-decrypt")):
    pytest.skip("Bento4, GPAC and mp4ff are in no package registry; nobody built them here", allow_module_level=True)

FORMATS = {"CMAF": CMAF, "MP4": MP4}
NAMES = (
    "avc_bframes_slices_aac", "avc_2997_aac441", "avc_vfr_aac", "hevc_opus", "hevc_open_gop_2997", "g711_and_metadata",
)  # fmt: skip


@pytest.fixture(scope="session")
def sources(make_clip):
    made = {name: objects.of_file(make_clip(f"other_{name}.mp4", CLIPS[name])) for name in NAMES[:-1]}
    return made | {NAMES[-1]: objects.with_g711_and_metadata(CLIP)}


# ---- what they say of our objects ---------------------------------------------------------------------------

PARSERS = {
    "mp4dump": lambda path: [tools.built("mp4dump"), "--verbosity", "3", path],
    "mp4info": lambda path: [tools.built("mp4info"), "--show-samples", "--show-layout", path],
    "mp4ff-info": lambda path: [tools.built("mp4ff-info"), "-l", "all:1", path],
    "MP4Box -info": lambda path: [tools.built("MP4Box"), "-info", path],
    "MP4Box -diso": lambda path: [tools.built("MP4Box"), "-diso", path, "-out", path.with_suffix(".xml")],
}
GPAC_SAYS_ITS_REPORT = re.compile(r"warning|error|fail|invalid|corrupt|larger than|skipping", re.IGNORECASE)
"""``-info`` writes all that it has to tell to stderr."""


def record(source, form, mode, seconds):
    """Objects of a recording whose metadata stays clear: none of these tools knows metadata that is encrypted."""
    covered = tuple(track.token for track in source.tracks if track.type is not TrackType.METADATA)
    return objects.record(source, FORMATS[form], mode, seconds, tracks=covered)


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("mode", objects.MODES)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_they_parse_without_complaint(sources, tmp_path, name, form, mode, parser):
    path = tmp_path / "object.mp4"
    PARSERS[parser](path)
    for one in record(sources[name], form, mode, 2):
        path.write_bytes(one.body)
        said = tools.complaints(*PARSERS[parser](path))
        if parser == "MP4Box -info":
            assert not said.startswith("exit")
            assert not GPAC_SAYS_ITS_REPORT.search(said)
        else:
            assert said == ""


@pytest.mark.parametrize("parser", PARSERS)
def test_they_complain_of_a_damaged_object(sources, tmp_path, parser):
    """The control: a run that is longer than its fragment."""
    path = tmp_path / "object.mp4"
    command = PARSERS[parser](path)
    body = bytearray(record(sources["hevc_opus"], "CMAF", "clear", 60)[0].body)
    at = body.index(b"trun")
    body[at - 4 : at] = (1 << 20).to_bytes(4, "big")
    path.write_bytes(body)
    said = tools.complaints(*command)
    whole = tools.run(*command) or b""
    path.write_bytes(record(sources["hevc_opus"], "CMAF", "clear", 60)[0].body)
    assert said or whole != tools.run(*command)


@pytest.mark.parametrize("mode", objects.MODES)
@pytest.mark.parametrize("name", NAMES)
def test_bento4_sees_the_same_boxes(sources, tmp_path, name, mode):
    """Names and sizes of the boxes above 'stsd', in order, by its dump."""
    command = [tools.built("mp4dump"), "--format", "json"]

    def theirs(boxes):
        return [[one["name"], one["size"], theirs(one.get("children", []))] for one in boxes if one["name"] != "stsd"]

    def ours(boxes):
        inner = {"moov", "trak", "mdia", "minf", "dinf", "stbl", "mvex", "moof", "traf", "mfra"}
        found = [one for one in boxes if one.type != "stsd"]
        return [[one.type, one.read_size, ours(one.children) if one.type in inner else []] for one in found]

    for one in record(sources[name], "MP4", mode, 60):
        path = tmp_path / "object.mp4"
        path.write_bytes(one.body)
        assert drop_references(theirs(json.loads(tools.run(*command, path)))) == ours(parse_boxes(one.body))


def drop_references(boxes):
    """The tree without what is in 'dref'."""
    return [[name, size, [] if name == "dref" else drop_references(inner)] for name, size, inner in boxes]


# ---- ours, decrypted by them --------------------------------------------------------------------------------


def by_mp4decrypt(path, out, keys, tracks):
    options = [word for kid, key in keys.items() for word in ("--key", f"{kid}:{key}")]
    return [tools.built("mp4decrypt"), *options, path, out]


def by_mp4ff(path, out, keys, tracks):
    options = [word for kid, key in keys.items() for word in ("-key", f"{kid}:{key}")]
    return [tools.built("mp4ff-decrypt"), *options, path, out]


def by_gpac(path, out, keys, tracks):
    listed = "".join(f'<key KID="0x{kid}" value="0x{key}"/>' for kid, key in keys.items())
    drm = path.with_name("drm.xml")
    each = "".join(f'<CrypTrack trackID="{track_id}">{listed}</CrypTrack>' for track_id in tracks)
    drm.write_text(f"<GPACDRM>{each}</GPACDRM>")
    return [tools.built("MP4Box"), "-quiet", "-noprog", "-decrypt", drm, path, "-out", out]


DECRYPTERS = {"mp4decrypt": by_mp4decrypt, "mp4ff-decrypt": by_mp4ff, "MP4Box": by_gpac}


ASKED = [
    (tool, mode)
    for tool in DECRYPTERS
    for mode in objects.MODES
    if mode != "clear" and (tool == "MP4Box" or mode not in ("cbcs-seig", "cbcs-rotated"))
]
"""All but what ignores sample groups: of those objects it has the first fragment right only."""


def cannot(tool, mode, name, track):
    """Whether a tool decrypts this track wrongly: measured, and told in docs/interop.md."""
    if tool == "mp4decrypt":  # leaves samples without senc as they are
        return mode in ("cbcs-track", "cbcs-segment") and track.type is TrackType.AUDIO
    # GPAC: goes on from slice to slice with the chain of a vector that is the sample's
    several_slices = name == "avc_bframes_slices_aac" and track.type is TrackType.VIDEO
    return tool == "MP4Box" and mode == "cbcs-sample" and several_slices


def streams(path, count):
    """MD5s by stream, as ffmpeg reads a clear file; the tools' edit lists are not applied."""
    return [tools.packets(need("ffmpeg"), path, "-ignore_editlist", "1", stream=n) for n in range(count)]


@pytest.mark.parametrize(("tool", "mode"), ASKED)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_they_decrypt(sources, tmp_path, name, form, tool, mode):
    source = sources[name]
    path, out = tmp_path / "object.mp4", tmp_path / "clear.mp4"
    right = {key.kid.hex: key.key.hex() for key in objects.KEYS}
    wrong = dict.fromkeys(right, objects.WRONG)
    failing = {track.track_id for track in source.tracks if cannot(tool, mode, name, track)}
    compared = 0
    for number, one in enumerate(record(source, form, mode, 2)):
        path.write_bytes(one.body)
        out.unlink(missing_ok=True)
        assert tools.complaints(*DECRYPTERS[tool](path, out, right, one.payloads)) == ""
        found = streams(out, len(one.payloads))  # GPAC may change their order
        wanted = [md5s for track_id, md5s in one.payloads.items() if track_id not in failing]
        assert all(md5s in found for md5s in wanted)
        compared += len(wanted)
        if number == 0:
            out.unlink(missing_ok=True)
            done = tools.complaints(*DECRYPTERS[tool](path, out, wrong, one.payloads))
            found = streams(out, len(one.payloads))
            encrypted = [one.payloads[n] for n in one.payloads if source.tracks[n - 1].type is not TrackType.METADATA]
            assert done or not any(md5s in found for md5s in encrypted), "a wrong key does not do"
    assert compared


@pytest.mark.parametrize(("tool", "extensions"), [("mp4decrypt", ["m4v"]), ("mp4ff-decrypt", ["m4v", "m4a"])])
def test_they_decrypt_segments_of_one_fragment(sources, tmp_path, tool, extensions):
    """Tools that ignore 'seig': tenc of such a segment has the vector of its fragment."""
    path, out = tmp_path / "object.mp4", tmp_path / "clear.mp4"
    right = {key.kid.hex: key.key.hex() for key in objects.KEYS}
    chosen = [one for one in record(sources["hevc_opus"], "CMAF", "cbcs-seig", 1) if one.extension in extensions]
    assert len(chosen) >= 6 * len(extensions) - 1
    for one in chosen:
        path.write_bytes(one.body)
        assert tools.complaints(*DECRYPTERS[tool](path, out, right, one.payloads)) == ""
        assert streams(out, 1) == list(one.payloads.values())


# ---- theirs, read and decrypted by us -----------------------------------------------------------------------

VECTOR = "a0a1a2a3a4a5a6a7"


@pytest.fixture(scope="module")
def fragmented(tmp_path_factory):
    """The clip in fragments, by Bento4."""
    path = tmp_path_factory.mktemp("bento4") / "fragmented.mp4"
    assert tools.complaints(tools.built("mp4fragment"), "--quiet", CLIP, path) == ""
    return path


def test_we_read_fragments_of_bento4(fragmented, clear):
    assert by_type(fragmented) == clear


@pytest.mark.parametrize(
    "options", [("-frag", "2000"), ("-dash", "2000", "-profile", "onDemand")], ids=["frag", "dash"]
)
def test_we_read_fragments_of_gpac(tmp_path, clear, options):
    out = tmp_path / "out.mp4"
    tools.complaints(tools.built("MP4Box"), "-quiet", *options, "-out", out, CLIP)
    found = {}
    for path in tmp_path.glob("*.mp4"):
        found.update(by_type(path))
    assert found == clear


@pytest.mark.parametrize("method", ["MPEG-CENC", "MPEG-CBC1", "MPEG-CENS", "MPEG-CBCS", "PIFF-CTR", "PIFF-CBC"])
def test_we_decrypt_what_mp4encrypt_encrypted(tmp_path, clear, fragmented, method):
    """Without cens of audio: there Bento4 encrypts a last partial block, which the packager and we leave clear."""
    path = tmp_path / "encrypted.mp4"
    kinds = ["Video"] if method == "MPEG-CENS" else ["Video", "Audio"]
    keys = [
        word
        for track_id, _ in enumerate(kinds, 1)
        for word in ("--key", f"{track_id}:{KEY}:{VECTOR}", "--property", f"{track_id}:KID:{KID}")
    ]
    command = (tools.built("mp4encrypt"), "--method", method, *keys, fragmented, path)
    # it warns of a track without a key
    assert (tools.complaints(*command) == "") is (len(kinds) == 2)
    check(path, clear, kinds if len(kinds) == 2 else [*kinds, "Audio"])


@pytest.mark.parametrize("kind", ["Video", "Audio"])
@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
@pytest.mark.parametrize("vector", [VECTOR, VECTOR * 2], ids=["8 bytes", "16 bytes"])
def test_we_decrypt_what_mp4ff_encrypted(tmp_path, clear, scheme, vector, kind):
    """Our own clear object, encrypted: it takes one track only."""
    source, path = tmp_path / "clear_object.mp4", tmp_path / "encrypted.mp4"
    command = [tools.built("mp4ff-encrypt"), "-scheme", scheme, "-iv", vector, "-key", KEY, "-kid", KID]
    source.write_bytes(record_clip(None, kind))
    assert tools.complaints(*command, source, path) == ""
    check(path, clear, [kind])


@pytest.mark.parametrize("fragments", [False, True], ids=["progressive", "fragments"])
@pytest.mark.parametrize(
    "attributes",
    [
        'type="CENC AES-CTR"><CrypTrack IV_size="8" first_IV="0xa0a1a2a3a4a5a6a7"',
        'type="CENC AES-CTR"><CrypTrack IV_size="16" first_IV="0xa0a1a2a3a4a5a6a7a0a1a2a3a4a5a6a7"',
        'type="CENC AES-CBC Pattern"><CrypTrack constant_IV="0xa0a1a2a3a4a5a6a7a0a1a2a3a4a5a6a7"',
    ],
    ids=["cenc 8", "cenc 16", "cbcs"],
)
def test_we_decrypt_what_gpac_encrypted(tmp_path, clear, attributes, fragments):
    head, _, rest = attributes.partition("><CrypTrack ")
    tracks = "".join(
        f'<CrypTrack trackID="{n}" IsEncrypted="1" {rest}'
        f' saiSavedBox="senc"><key KID="0x{KID}" value="0x{KEY}"/></CrypTrack>'
        for n in (1, 2)
    )
    drm, path, out = tmp_path / "drm.xml", tmp_path / "encrypted.mp4", tmp_path / "fragments.mp4"
    drm.write_text(f"<GPACDRM {head}>{tracks}</GPACDRM>")
    gpac = [tools.built("MP4Box"), "-quiet", "-noprog"]
    assert tools.complaints(*gpac, "-crypt", drm, CLIP, "-out", path) == ""
    if fragments:
        assert tools.complaints(*gpac, "-frag", "2000", path, "-out", out) == ""
    check(out if fragments else path, clear, ["Video", "Audio"])
