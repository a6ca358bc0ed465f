"""Keys and passwords show nowhere: in no representation, copy, message, log or traceback of what holds them."""

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from onvif_bmff import EncryptionEntry, ProtectionScheme, Recorder, RecordingTarget, UtcTime
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.encrypt import IvSources, TrackEncryptor
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, RotatingKey, parse_key, parse_kid
from onvif_bmff.cenc.keys.file import build_key_file, parse_key_file
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import wrap_key
from onvif_bmff.cli.keys import Keys, Secret
from onvif_bmff.cli.main import main
from onvif_bmff.control.types.configuration import RecordingEncryption
from onvif_bmff.ingest import open_mp4
from onvif_bmff.playback.keys import PlaybackKeys

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KEY = "8badf00d0badc0de8badf00d0badc0de"
RAW = bytes.fromhex(KEY)
PASSWORD = b"correct horse battery"
HIDDEN = (KEY.encode(), RAW, repr(RAW)[2:-1].encode(), PASSWORD)
CONTENT_KEY = ContentKey(UUID(int=9), RAW)


def shows(text):
    data = text if isinstance(text, bytes) else str(text).encode("utf-8", "replace")
    return [hidden for hidden in HIDDEN if hidden.lower() in data.lower()]


def holders():
    """Everything that holds a key, by name."""
    entry = EncryptionEntry(ProtectionScheme.CENC, FixedKey(CONTENT_KEY))
    target = RecordingTarget(encryption=(entry,))
    ring = KeyRing([CONTENT_KEY])
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD)
    )
    with open_mp4(CLIP) as clip:
        recorder = Recorder(clip.tracks, target)
        recorder.activate(UtcTime(10**15))
        for sample in list(clip.samples())[:50]:
            recorder.push(sample)
        encryptor = TrackEncryptor(ProtectionScheme.CENC, CONTENT_KEY, clip.tracks[0].codec, ivs=IvSources())
        yield from (
            CONTENT_KEY,
            FixedKey(CONTENT_KEY),
            RotatingKey(None, lambda size: RAW[:size]),
            ring,
            entry,
            target,
            recorder,
            encryptor,
            FragmentDecryptor(ring, b""),
            PlaybackKeys(ring),
            PrivateKeyUnwrapper(locked, password=PASSWORD),
            Keys(ring),
            Secret(RAW),
            RecordingEncryption("CENC", kid=str(UUID(int=9)), key=RAW),
        )


def test_no_representation_shows_a_key():
    for holder in holders():
        if isinstance(holder, RotatingKey):
            holder.key_for(UtcTime(0))
        name = type(holder).__name__
        for text in (repr(holder), str(holder), f"{holder}", pprint.pformat(holder), repr([holder])):
            assert not shows(text), name
        with suppress(TypeError):
            assert not shows(json.dumps(holder, default=str)), name
        for value in getattr(holder, "__dict__", {}).values():
            with suppress(AttributeError):  # parts of a recorder that have nothing to write yet
                assert not shows(repr(value)), name
        with suppress(TypeError, AttributeError):
            assert not shows(repr(copy.deepcopy(holder))), name
        if name in ("RecordingEncryption", "Secret"):
            continue  # what a client sent, and an argument that was parsed: values of their own, for this process
        with suppress(TypeError, AttributeError, pickle.PicklingError):
            assert not shows(pickle.dumps(holder)), name
        if dataclasses.is_dataclass(holder):
            with suppress(TypeError):
                assert not shows(repr(dataclasses.asdict(holder))), name


@pytest.mark.parametrize(
    "fail",
    [
        lambda: parse_key(KEY + "0"),
        lambda: parse_key(KEY[:-1] + "g"),
        lambda: parse_kid(KEY + "x"),
        lambda: ContentKey(UUID(int=9), RAW + b"0"),
        lambda: KeyRing([CONTENT_KEY, ContentKey(CONTENT_KEY.kid, bytes(16))]),
        lambda: KeyRing([CONTENT_KEY]).find(UUID(int=1)),
        lambda: parse_key_file(build_key_file([CONTENT_KEY]) + KEY.encode()),
        lambda: wrap_key(CONTENT_KEY, [b"junk"], at=UtcTime(0)),
        lambda: PrivateKeyUnwrapper(b"junk", password=PASSWORD),
        lambda: pickle.dumps(CONTENT_KEY),
    ],
)
def test_no_error_or_traceback_shows_a_key(fail):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of whatever kind, it shows nothing
        fail()
    assert not shows("".join(traceback.format_exception(raised.value)))
    assert not shows(repr(raised.value) + repr(raised.value.args))


def test_the_library_keeps_a_key_that_cannot_be_read_in_no_frame():
    with pytest.raises(Exception, match="32 hex digits") as raised:
        parse_key(KEY + "0")
    frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack
    ours = [frame for frame in frames if "onvif_bmff/cenc" in frame.filename]
    assert ours
    assert not shows(repr([frame.locals for frame in ours]))


def test_no_log_of_a_whole_run_shows_a_key(tmp_path, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    keys, store = tmp_path / "keys", tmp_path / "store"
    keys.write_bytes(build_key_file([CONTENT_KEY]))
    given = ["--key-file", str(keys)]
    assert main(["record", str(CLIP), "--store", str(store), "--encrypt", "CBCS", *given]) == 0
    assert main(["validate", str(store), *given]) == 0
    assert main(["timeline", str(store), "--json"]) == 0
    assert main(["export", str(store), "-o", str(tmp_path / "out.mp4"), *given]) == 0
    assert main(["export", str(store), "--hls", str(tmp_path / "hls"), *given]) == 0
    assert main(["inspect", str(next(store.rglob("*.0.m4v"))), "--json", "--full"]) == 0
    said = capsys.readouterr()
    assert not shows(said.out + said.err + caplog.text)
    for written in (store, tmp_path / "hls", tmp_path / "out.mp4"):
        for file in written.rglob("*") if written.is_dir() else [written]:
            if file.is_file():
                assert not shows(file.read_bytes()), file.name
