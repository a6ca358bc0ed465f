"""Recording and encrypting, and decrypting, beside other tools as whole processes; AES; slice headers.

In both formats of recordings. What Bento4 and mp4ff needed for such a clip on a machine like this stands in ``reach``,
for they are in no registry; where they are installed, they are measured too.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from benchmarks.measure import camera_clip, cpu_seconds, row
from benchmarks.peers import Result, beside, decrypting, encrypting, process
from onvif_bmff.cenc.cipher import CtrCipher
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs.avc.codec import AvcCodec
from onvif_bmff.codecs.avc.slice import AvcSliceHeaders
from onvif_bmff.ingest import open_mp4
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.media.nal import nal_ranges
from onvif_bmff.media.track import TrackType
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat
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


def record(clip: Path, mode: str | None, form: RecordingFormat = CMAF, seconds: int = 10) -> MemoryStore:
    """Read the video of the clip, encrypt and record it, as an embedder would."""
    store = MemoryStore()
    entries = ()
    if mode is not None:
        scheme, signalling = MODES[mode]
        entries = (EncryptionEntry(scheme, FixedKey(CONTENT_KEY), iv_signalling=signalling),)
    target = RecordingTarget(
        format=form, prefix="site", segment_duration=timedelta(seconds=seconds), encryption=entries
    )
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


def our_command(file: Path, folder: Path, runs: int) -> Result:
    """``onvif-bmff decrypt`` as a whole process."""
    code = "import sys; from onvif_bmff.cli.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["decrypt", str(file), "-o", str(folder / "out.mp4"), "--key", f"{KID}:{KEY}"]
    return process(sys.executable, ["-c", code, *arguments], runs)


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
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        for form in (CMAF, MP4):
            clear, plain = cpu_seconds(lambda form=form: record(clip, None, form), runs)[0], folder / "clear.mp4"
            plain.write_bytes(bodies(record(clip, None, form, 3600))[0])
            for mode, (scheme, _) in MODES.items():
                ours = cpu_seconds(lambda mode=mode, form=form: record(clip, mode, form), runs)
                reach = ENCRYPT_REACH[scheme.value] if seconds == 60 else ""
                peers = encrypting(clip, plain, scheme.value, KID, KEY, folder, runs)
                label, note = f"record {form.name} {mode}, {name}", f"clear: {clear:.4f}"
                rows += beside(peers, label, ours, "CPU s", reach=reach, note=note)
            for mode, (scheme, _) in MODES.items():
                objects = bodies(record(clip, mode, form))
                ours = cpu_seconds(lambda objects=objects: decrypt(objects), runs)
                reach = DECRYPT_REACH[scheme.value] if seconds == 60 else ""
                file = folder / "encrypted.mp4"
                file.write_bytes(bodies(record(clip, mode, form, 3600))[0])
                peers = {"our command, whole process": our_command(file, folder, runs)}
                peers |= decrypting(file, scheme.value, KID, KEY, folder, runs)
                rows += beside(peers, f"decrypt {form.name} {mode}, {name}", ours, "CPU s", reach=reach)
    rows += aes_rows(runs)
    for slices in (1, 4):
        rows += slice_rows(camera_clip(10, slices=slices, quick=True), slices, runs)
    return rows
