"""Encrypted by us and decrypted by others, and the other way round; payloads compared packet by packet.

That a tool "plays" a file proves nothing: most give rubbish without a word. So every test has a wrong key beside it.
"""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import interop_tools as tools
import pytest
from support_tools import need

from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.decrypt import decrypt_file
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.objects.stored import SegmentObject
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.timing import UtcTime

pytestmark = pytest.mark.interop

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KID, KEY = "0123456789abcdef0123456789abcdef", "00112233445566778899aabbccddeeff"
WRONG = "ffeeddccbbaa99887766554433221100"
CONTENT_KEY = ContentKey(UUID(KID), bytes.fromhex(KEY))
RING = KeyRing([CONTENT_KEY])
MODES = {
    "cenc": (ProtectionScheme.CENC, "seig"),
    "cbcs-seig": (ProtectionScheme.CBCS, "seig"),
    "cbcs-sample": (ProtectionScheme.CBCS, "sample"),
    "cbcs-track": (ProtectionScheme.CBCS, "track"),
    "cbcs-segment": (ProtectionScheme.CBCS, "segment"),
}


def by_type(path, stage=None):
    """Samples of a file by kind of media."""
    found = {}
    with open_mp4(path) as source:
        kinds = {track.track_id: track.type.value for track in source.tracks}
        for one in source.samples(stage and stage(source.data)):
            if hasattr(one, "data"):
                found.setdefault(kinds[one.track_id], []).append(bytes(one.data))
    return found


@pytest.fixture(scope="module")
def clear():
    return by_type(CLIP)


def record(mode=None, kind=None, form=CMAF):
    """The object of the clip, or of its "Video" or "Audio" alone."""
    (found,) = record_all(mode, kind, form)
    return found


def record_all(mode=None, kind=None, form=CMAF, seconds=60):
    """The objects of the clip, or of its "Video" or "Audio" alone, as track 1: other IDs crash the packager."""
    entries = ()
    if mode is not None:
        scheme, signalling = MODES[mode]
        entries = (EncryptionEntry(scheme, FixedKey(CONTENT_KEY), iv_signalling=signalling),)
    with open_mp4(CLIP) as source:
        chosen = [track for track in source.tracks if kind in (None, track.type.value)]
        numbers = {track.track_id: number for number, track in enumerate(chosen, 1)}
        tracks = [replace(track, track_id=numbers[track.track_id]) for track in chosen]
        target = RecordingTarget(format=form, segment_duration=timedelta(seconds=seconds), encryption=entries)
        recorder = Recorder(tracks, target)
        recorder.activate(UtcTime.parse("2022-11-08T15:08:23.547Z"), media_time=Fraction(0))
        events = []
        for sample in source.samples():
            if sample.track_id in numbers:
                events += recorder.push(replace(sample, track_id=numbers[sample.track_id]))
        events += recorder.deactivate()
    return [one.body for one in collect_objects(events) if isinstance(one, SegmentObject)]


# ---- ours, decrypted by others ------------------------------------------------------------------------------


def by_ffmpeg_through_a_pipe(path, key):
    """ffmpeg 5 decrypts files of several fragments wrongly unless it cannot seek in them."""
    return tools.packets(need("ffmpeg"), "pipe:0", "-decryption_key", key, feed=path.read_bytes())


def by_newer_ffmpeg(path, key):
    return tools.packets(tools.newer_ffmpeg(), path, "-decryption_key", key)


def by_packager(path, key):
    out = path.with_name("clear.mp4")
    keys = f"label=:key_id={KID}:key={key}"
    done = tools.run(tools.packager(), f"in={path},stream=0,out={out}", "--enable_raw_key_decryption", "--keys", keys)
    return tools.packets(need("ffmpeg"), out) if done is not None else []


READERS = {"ffmpeg": by_ffmpeg_through_a_pipe, "newer ffmpeg": by_newer_ffmpeg, "packager": by_packager}


@pytest.mark.requirement("ANX-B.8-01", "ANX-B.8-06", "ANX-B.8-07")
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["Video", "Audio"])
@pytest.mark.parametrize("mode", ["cenc", "cbcs-sample", "cbcs-track", "cbcs-segment"])
def test_others_decrypt_what_we_encrypted(tmp_path, clear, mode, kind, reader):
    wanted = tools.md5s(clear[kind])
    path = tmp_path / "object.mp4"
    path.write_bytes(record(mode, kind))
    assert READERS[reader](path, KEY) == wanted
    wrong = READERS[reader](path, WRONG)
    assert sum(a == b for a, b in zip(wrong, wanted, strict=False)) < len(wanted) / 2, "a wrong key does not do"


@pytest.mark.parametrize("kind", ["Video", "Audio"])
def test_ffmpeg_reads_segments_of_one_fragment_from_a_file_too(tmp_path, clear, kind):
    """In those of several fragments it mixes up their subsamples."""
    wanted = tools.md5s(clear[kind])
    path = tmp_path / "object.mp4"
    path.write_bytes(record("cbcs-segment", kind))
    assert tools.packets(need("ffmpeg"), path, "-decryption_key", KEY) == wanted
    wrong = tools.packets(need("ffmpeg"), path, "-decryption_key", WRONG)
    assert sum(a == b for a, b in zip(wrong, wanted, strict=False)) < len(wanted) / 2


@pytest.mark.parametrize("kind", ["Video", "Audio"])
@pytest.mark.parametrize("reader", READERS)
def test_others_decrypt_every_segment_of_a_span(tmp_path, clear, kind, reader):
    """Each by its own moov, whose vector is another in each."""
    found, path = [], tmp_path / "object.mp4"
    for body in record_all("cbcs-segment", kind, seconds=3):
        path.write_bytes(body)
        found += READERS[reader](path, KEY)
    assert found == tools.md5s(clear[kind])


@pytest.mark.parametrize("mode", ["cenc", "cbcs-sample", "cbcs-track", "cbcs-segment"])
def test_others_decrypt_our_multiplexed_objects(tmp_path, clear, mode):
    path = tmp_path / "object.mp4"
    path.write_bytes(record(mode, form=MP4))
    assert by_newer_ffmpeg(path, KEY) == tools.md5s(clear["Video"])


# ---- others', decrypted by us -------------------------------------------------------------------------------


def check(path, clear, kinds, ring=RING):
    """The file command and the sample stage give the clear samples; a wrong key does not."""
    wanted = {kind: clear[kind] for kind in kinds}
    out = path.with_name("clear.mp4")
    decrypt_file(path, out, ring)
    assert by_type(out) == wanted
    assert by_type(path, lambda data: FragmentDecryptor(ring, data)) == wanted
    wrong = KeyRing([ContentKey(kid, bytes.fromhex(WRONG)) for kid in ring])
    try:
        found = by_type(path, lambda data: FragmentDecryptor(wrong, data))
    except OnvifBmffError:
        return
    assert found != wanted


def package(folder, scheme, *options, stream="video", out=None):
    out = out or f"out={folder / 'packaged.mp4'}"
    keys = f"label=:key_id={KID}:key={KEY}"
    command = (tools.packager(), f"in={CLIP},stream={stream},{out}", "--enable_raw_key_encryption", "--keys", keys)
    assert tools.run(*command, "--protection_scheme", scheme, "--clear_lead", "0", *options) is not None
    return folder / "packaged.mp4"


@pytest.mark.parametrize("stream", ["video", "audio"])
@pytest.mark.parametrize("scheme", ["cenc", "cbcs", "cens", "cbc1"])
def test_we_decrypt_what_the_packager_encrypted(tmp_path, clear, scheme, stream):
    check(package(tmp_path, scheme, stream=stream), clear, [stream.title()])


def test_we_decrypt_a_clear_lead_of_the_packager(tmp_path, clear):
    """Two sample entries, the first of them clear."""
    path = package(tmp_path, "cbcs", "--clear_lead", "3", "--segment_duration", "2")
    decrypt_file(path, tmp_path / "clear.mp4", RING)
    assert by_type(tmp_path / "clear.mp4") == {"Video": clear["Video"]}
    assert by_type(path, lambda data: FragmentDecryptor(RING, data)) == {"Video": clear["Video"]}


@pytest.mark.parametrize("scheme", ["cenc", "cbcs"])
def test_we_decrypt_keys_that_change_by_sample_groups(tmp_path, clear, scheme):
    """A new key every two seconds; tenc names none, seig in each fragment does. The packager turns key and KID."""
    template = f"init_segment={tmp_path / 'init.mp4'},segment_template={tmp_path}/$Number%03d$.m4s"
    package(
        tmp_path, scheme, "--crypto_period_duration", "2", "--segment_duration", "2", "--fragment_duration", "2",
        out=template,
    )  # fmt: skip
    path = tmp_path / "rotated.mp4"
    parts = [tmp_path / "init.mp4", *sorted(tmp_path.glob("*.m4s"))]
    path.write_bytes(b"".join(map(tools.read_bytes, parts)))
    kid, key = bytes.fromhex(KID), bytes.fromhex(KEY)
    turned = [ContentKey(UUID(bytes=kid[n:] + kid[:n]), key[n:] + key[:n]) for n in range(8)]
    assert len(parts) > 5
    check(path, clear, ["Video"], KeyRing(turned))


FFMPEG_ENCRYPTS = ("-c", "copy", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY, "-encryption_kid", KID)


@pytest.mark.parametrize("which", ["ffmpeg", "newer ffmpeg"])
@pytest.mark.parametrize("options", [(), ("-movflags", "faststart")], ids=["moov last", "moov first"])
def test_we_decrypt_progressive_files_of_ffmpeg(tmp_path, clear, which, options):
    ffmpeg = tools.newer_ffmpeg() if which == "newer ffmpeg" else need("ffmpeg")
    path = tmp_path / "encrypted.mp4"
    assert tools.run(ffmpeg, "-v", "error", "-i", CLIP, *FFMPEG_ENCRYPTS, *options, path) is not None
    check(path, clear, ["Video", "Audio"])


def test_we_decrypt_fragments_of_a_newer_ffmpeg(tmp_path, clear):
    """Video only: for audio it adds the vectors of earlier fragments to each, and cannot read that itself."""
    path = tmp_path / "encrypted.mp4"
    flags = ("-an", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    assert tools.run(tools.newer_ffmpeg(), "-v", "error", "-i", CLIP, *FFMPEG_ENCRYPTS, *flags, path) is not None
    check(path, clear, ["Video"])


@pytest.mark.parametrize("mode", MODES)
def test_what_we_decrypted_decodes(tmp_path, mode):
    """ffmpeg decodes every frame of our clear file without a complaint, and to the same pictures as the source's."""
    ffmpeg = need("ffmpeg")
    (tmp_path / "in.m4v").write_bytes(record(mode, "Video"))
    decrypt_file(tmp_path / "in.m4v", tmp_path / "out.m4v", RING)

    def pictures(path):
        out = tools.run(ffmpeg, "-v", "error", "-i", path, "-map", "0:v", "-f", "framemd5", "-")
        return [line.split(",")[-1].strip() for line in out.decode().splitlines() if not line.startswith("#")]

    assert pictures(tmp_path / "out.m4v") == pictures(CLIP)
