"""``decrypt --partial``: tracks whose keys are given become clear, others stay encrypted and can be played."""

from pathlib import Path
from uuid import UUID

import pytest

from onvif_bmff.bmff import SampleAuxiliaryInformationOffsetsBox, parse_boxes
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, generate_content_key
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli.main import main
from onvif_bmff.errors import MissingKeyError
from onvif_bmff.export import ClearFile
from onvif_bmff.ingest import open_mp4
from onvif_bmff.playback import read_segment
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage import MemoryStore, StoreSink
from onvif_bmff.timing import UtcTime

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2024-02-28T23:59:55.250Z")
SECRETS = [FixedKey(generate_content_key()), FixedKey(generate_content_key())]
KEYS = [secret.key_for(START) for secret in SECRETS]


def recorded(scheme: ProtectionScheme, *, encrypted: bool = True) -> bytes:
    """A multiplexed segment, each of whose tracks has a key of its own."""
    with open_mp4(CLIP) as clip:
        tracks, samples = clip.tracks, list(clip.samples())
    names = [str(track.token) for track in tracks]
    entries = [EncryptionEntry(scheme, secret, (name,)) for secret, name in zip(SECRETS, names, strict=False)]
    store = MemoryStore()
    recorder = Recorder(tracks, RecordingTarget(format=MP4, encryption=tuple(entries) if encrypted else ()))
    sink = StoreSink(store)
    recorder.activate(START)
    for sample in samples:
        sink.add_all(recorder.push(sample))
    sink.add_all(recorder.deactivate())
    return store.get(next(key for key in store.keys("") if key.endswith(".mp4")))


def by_track(data: bytes, keys: list[ContentKey]) -> dict[int, list[bytes]]:
    segment = read_segment(data, keys=KeyRing(keys))
    return {
        track.track_id: [bytes(sample.data) for sample in segment.samples(track.track_id)] for track in segment.tracks
    }


def partly(data: bytes, keys: list[ContentKey]) -> tuple[bytes, dict[int, tuple[UUID, ...]]]:
    clear = ClearFile(data, KeyRing(keys), partial=True)
    return whole(clear), clear.left


def whole(clear: ClearFile) -> bytes:
    made = bytearray(clear.size)
    for piece in clear.pieces():
        made[piece.position : piece.position + len(piece.data)] = piece.data
    return bytes(made)


@pytest.mark.parametrize("known", [0, 1])
@pytest.mark.parametrize("scheme", [ProtectionScheme.CENC, ProtectionScheme.CBCS])
def test_a_track_without_key_stays_encrypted_and_playable(scheme: ProtectionScheme, known: int) -> None:
    data = recorded(scheme)
    wanted = by_track(recorded(scheme, encrypted=False), [])
    assert by_track(data, KEYS) == wanted
    made, left = partly(data, [KEYS[known]])
    first, second = sorted(wanted)
    clear, locked = (first, second) if known == 0 else (second, first)
    assert left == {locked: (KEYS[1 - known].kid,)}
    tracks = {track.track_id: track for track in read_segment(made).tracks}
    assert not tracks[clear].is_protected
    assert tracks[locked].is_protected
    assert by_track(made, [KEYS[1 - known]]) == wanted  # the other key opens the rest
    for fragment in parse_boxes(made):
        for _, box in fragment.walk() if fragment.type == "moof" else ():
            if isinstance(box, SampleAuxiliaryInformationOffsetsBox):
                vectors = (fragment.offset or 0) + box.entries["offset"][0]
                starts = [(one.offset or 0) + 16 for _, one in fragment.walk() if one.type == "senc"]
                assert vectors in starts  # behind the header and count of the senc
    assert partly(made, [KEYS[1 - known]])[1] == {}  # and what is left is decrypted as usual
    assert by_track(partly(made, [KEYS[1 - known]])[0], []) == wanted


def test_all_keys_and_no_key() -> None:
    data = recorded(ProtectionScheme.CENC)
    made, left = partly(data, KEYS)
    assert left == {}
    assert made == whole(ClearFile(data, KeyRing(KEYS)))
    with pytest.raises(MissingKeyError):
        partly(data, [])


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "in.mp4", tmp_path / "out.mp4"
    source.write_bytes(recorded(ProtectionScheme.CENC))
    keys = tmp_path / "keys"
    keys.write_text(f"{KEYS[0].kid}={KEYS[0].key.hex()}\n")
    keys.chmod(0o600)
    assert main(["decrypt", str(source), "-o", str(out), "--key-file", str(keys)]) == 2
    assert str(KEYS[1].kid) in capsys.readouterr().err
    assert not out.exists()
    assert main(["decrypt", str(source), "-o", str(out), "--key-file", str(keys), "--partial"]) == 1
    said = capsys.readouterr().err
    assert said == f"onvif-bmff: track 2 stays encrypted: no content key for KID {KEYS[1].kid}\n"
    assert out.stat().st_mode & 0o777 == 0o600
    keys.write_text(f"{KEYS[1].kid}={KEYS[1].key.hex()}\n")
    assert main(["decrypt", str(out), "-o", str(tmp_path / "all.mp4"), "--key-file", str(keys), "--partial"]) == 0
