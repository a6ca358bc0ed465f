"""``onvif-bmff decrypt``, and the options that name keys."""

import argparse
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from onvif_bmff.bmff import (
    Columns,
    SegmentIndexBox,
    TrackFragmentHeaderBox,
    TrackFragmentRandomAccessBox,
    parse_boxes,
)
from onvif_bmff.cenc.keys.content import RotatingKey, generate_content_key
from onvif_bmff.cenc.keys.wrap import KeyWrapper
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cli import encryption_options
from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.main import main
from onvif_bmff.errors import CertificateError, ProtectionError, WrongKeyError
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.timing import UtcTime

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KID = "01234567-89ab-cdef-0123-456789abcdef"
START = UtcTime.from_datetime(datetime.now(UTC))
KEY = "00112233445566778899aabbccddeeff"
OTHER = "ffeeddccbbaa99887766554433221100"


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """A certificate of now with its key, clear and locked, as files."""
    folder = tmp_path_factory.mktemp("identity")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reader")])
    now = datetime.now(UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    form = (Encoding.PEM, PrivateFormat.PKCS8)
    (folder / "key.pem").write_bytes(key.private_bytes(*form, NoEncryption()))
    (folder / "locked.pem").write_bytes(key.private_bytes(*form, BestAvailableEncryption(b"secret word")))
    other = ec.generate_private_key(ec.SECP256R1())
    (folder / "other.pem").write_bytes(other.private_bytes(*form, NoEncryption()))
    (folder / "password").write_bytes(b"secret word\n")
    (folder / "wrong-password").write_bytes(b"no word\n")
    return folder


def record(folder, *options):
    """Objects of the clip by extension, in order."""
    start = ["--start", START.isoformat()]
    assert main(["record", str(CLIP), "--store", str(folder), "--segment-duration", "PT4S", *start, *options]) == 0
    store = DirectoryStore(folder)
    found = {}
    for key in list(store.keys()):
        if not key.endswith("_end"):
            found.setdefault(key.rsplit(".", 1)[1], []).append(store.get(key))
    return found


def samples(*files):
    found = {}
    for file in files:
        source = Mp4Input(file)
        assert not source.is_protected
        for one in source.samples():
            found.setdefault(source.tracks[0].type if len(source.tracks) == 1 else one.track_id, []).append(
                bytes(one.data)
            )
    return found


@pytest.fixture(scope="module")
def clear(tmp_path_factory):
    return {form: record(tmp_path_factory.mktemp(form), "--format", form) for form in ("CMAF", "MP4")}


def decrypt(tmp_path, file, *options):
    (tmp_path / "in.mp4").write_bytes(file)
    assert main(["decrypt", str(tmp_path / "in.mp4"), "-o", str(tmp_path / "out.mp4"), *options]) == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.mp4", "out.mp4"]
    return (tmp_path / "out.mp4").read_bytes()


@pytest.mark.parametrize("form", ["CMAF", "MP4"])
@pytest.mark.parametrize(
    "options",
    [["CENC"], ["CBCS"], ["CBCS", "--iv-signalling", "sample"], ["CBCS", "--iv-signalling", "track"]],
    ids=" ".join,
)
def test_our_own_objects_become_what_a_clear_recording_is(tmp_path, clear, form, options):
    objects = record(tmp_path / "store", "--format", form, "--encrypt", *options, "--kid", KID, "--key", KEY)
    for extension, files in objects.items():
        for number, file in enumerate(files):
            wanted = clear[form][extension][number]
            made = decrypt(tmp_path, file, "--key", f"{KID}:{KEY}")
            assert made == wanted, "byte for byte"
            check_indices(made)


def check_indices(file):
    """All entries of mfra point to fragments that hold the track at that time, and mfro to mfra."""
    boxes = parse_boxes(file)
    moofs = {box.offset: box for box in boxes if box.type == "moof"}
    (mfra,) = (box for box in boxes if box.type == "mfra")
    assert int.from_bytes(file[-4:], "big") == mfra.read_size
    for tfra in mfra.find_all(TrackFragmentRandomAccessBox):
        assert len(tfra.entries)
        for at, number in zip(tfra.entries["moof_offset"], tfra.entries["traf_number"], strict=True):
            traf = [box for box in moofs[at].children if box.type == "traf"][number - 1]
            assert traf.require(TrackFragmentHeaderBox).track_id == tfra.track_id


def test_generated_keys_are_opened_with_the_private_key(tmp_path, clear, identity, capsys):
    certificate = ["--certificate", str(identity / "cert.pem")]
    objects = record(tmp_path / "store", "--encrypt", "CBCS", *certificate, "--key-rotation", "PT3S")
    made = {}
    for extension, files in objects.items():
        for number, file in enumerate(files):
            lock = [["key.pem"], ["locked.pem", "--password-file", str(identity / "password")]][number % 2]
            options = ["--private-key", str(identity / lock[0]), *lock[1:], *(certificate if number else [])]
            made.setdefault(extension, []).append(decrypt(tmp_path, file, *options))
    for extension, files in made.items():
        assert samples(*files) == samples(*clear["CMAF"][extension])
    capsys.readouterr()
    (tmp_path / "in.mp4").write_bytes(objects["m4v"][0])
    for options, message in (
        (["--private-key", identity / "other.pem"], "opens none of the wrapped forms"),
        (["--private-key", identity / "other.pem", *certificate], "does not belong"),
        (["--private-key", identity / "locked.pem"], "needs a password"),
        (["--private-key", identity / "locked.pem", "--password-file", identity / "wrong-password"], "password"),
        (["--private-key", identity / "none.pem"], "No such file"),
        (certificate, "--certificate needs --private-key"),
        ([], "no content key for KID"),
    ):
        (tmp_path / "out.mp4").unlink(missing_ok=True)
        assert main(["decrypt", str(tmp_path / "in.mp4"), "-o", str(tmp_path / "out.mp4"), *map(str, options)]) == 2
        said = capsys.readouterr()
        assert message in said.err
        assert said.err.count("\n") == 1
        assert "word" not in said.err.replace("password", "")
        assert not (tmp_path / "out.mp4").exists(), "nothing half done is left"
        assert not list(tmp_path.glob(".*part"))


@pytest.mark.parametrize(
    "value", [KEY, f"{KID}:{KEY}00", f"{KID}:{KEY[:-1]}", f"{KEY}x:{KEY}", f"{KID}={KEY}", f"{KID}:{KEY[:-1]}g"]
)
def test_a_key_that_is_wrong_is_not_repeated(tmp_path, capsys, value):
    assert main(["decrypt", str(CLIP), "-o", str(tmp_path / "out.mp4"), "--key", value]) == 2
    said = capsys.readouterr()
    assert KEY[:-1] not in said.err + said.out
    assert said.err


def test_a_key_that_is_right_is_not_repeated(tmp_path, capsys):
    objects = record(tmp_path / "store", "--encrypt", "CENC", "--kid", KID, "--key", KEY)
    made = decrypt(tmp_path, objects["m4v"][0], "--key", f"urn:uuid:{KID}:{KEY}", "--key", f"{OTHER}:{OTHER}")
    said = capsys.readouterr()
    assert KEY not in said.out + said.err
    assert OTHER not in said.out + said.err
    assert bytes.fromhex(KEY) not in made
    parser = argparse.ArgumentParser()
    add_key_arguments(parser)
    args = parser.parse_args(["--key", f"{KID}:{KEY}"])
    assert KEY not in repr(args)
    assert repr(bytes.fromhex(KEY)) not in repr(args) + repr(keys_from(args))


@pytest.mark.parametrize("before", [None, b"what was there"])
def test_a_clear_file_is_not_decrypted(tmp_path, clear, capsys, before):
    """Whoever asked for that took a wrong file; a copy that looks like a result would hide it."""
    out = tmp_path / "out.mp4"
    if before is not None:
        out.write_bytes(before)
    for data in (CLIP.read_bytes(), clear["CMAF"]["m4v"][0], clear["MP4"]["mp4"][0]):
        (tmp_path / "in.mp4").write_bytes(data)
        assert main(["decrypt", str(tmp_path / "in.mp4"), "-o", str(out), "--key", f"{KID}:{KEY}"]) == 2
        said = capsys.readouterr()
        assert said.err == f"onvif-bmff: {tmp_path / 'in.mp4'} is not encrypted: nothing was written\n"
        assert said.out == ""
        assert (out.read_bytes() if out.exists() else None) == before
        assert not list(tmp_path.glob(".*part"))


def test_what_is_no_file_to_write_to(tmp_path, capsys):
    objects = record(tmp_path / "store", "--encrypt", "CENC", "--kid", KID, "--key", KEY)
    (tmp_path / "in.mp4").write_bytes(objects["m4v"][0])
    for out in (tmp_path, Path("/dev/null")):
        assert main(["decrypt", str(tmp_path / "in.mp4"), "-o", str(out), "--key", f"{KID}:{KEY}"]) == 2
        assert "no regular file" in capsys.readouterr().err
    (tmp_path / "empty.mp4").touch()
    assert main(["decrypt", str(tmp_path / "empty.mp4"), "-o", str(tmp_path / "out.mp4")]) == 2
    assert "empty" in capsys.readouterr().err
    assert not (tmp_path / "out.mp4").exists()


def test_a_file_may_take_the_place_of_its_input(tmp_path, clear):
    objects = record(tmp_path / "store", "--encrypt", "CBCS", "--kid", KID, "--key", KEY)
    (tmp_path / "one.mp4").write_bytes(objects["m4v"][0])
    assert main(["decrypt", str(tmp_path / "one.mp4"), "-o", str(tmp_path / "one.mp4"), "--key", f"{KID}:{KEY}"]) == 0
    assert samples((tmp_path / "one.mp4").read_bytes()) == samples(clear["CMAF"]["m4v"][0])


def with_sidx(file):
    """The file with an index of its fragments before the first of them, and where its ranges begin."""
    boxes = parse_boxes(file)
    first = next(box.offset for box in boxes if box.type == "moof")
    sizes = [
        boxes[number].read_size + boxes[number + 1].read_size for number, box in enumerate(boxes) if box.type == "moof"
    ]
    columns = Columns(reference=sizes, duration=[1] * len(sizes), sap=[0x90000000] * len(sizes))
    sidx = SegmentIndexBox(reference_id=1, timescale=1, references=columns).build()
    mfra = next(box.offset for box in boxes if box.type == "mfra")
    return file[:first] + sidx + file[first:mfra]


def test_indices_of_segments_are_set_right(tmp_path, clear):
    objects = record(tmp_path / "store", "--encrypt", "CENC", "--kid", KID, "--key", KEY)
    made = decrypt(tmp_path, with_sidx(objects["m4v"][0]), "--key", f"{KID}:{KEY}")
    assert made == with_sidx(clear["CMAF"]["m4v"][0])
    boxes = parse_boxes(made)
    (sidx,) = (box for box in boxes if box.type == "sidx")
    at = sidx.offset + sidx.read_size + sidx.first_offset
    for reference in sidx.references["reference"]:
        assert made[at + 4 : at + 8] == b"moof"
        at += reference
    assert at == len(made)
    # One that points into the middle of things is not of any use: free space takes its place.
    broken = bytearray(with_sidx(objects["m4v"][0]))
    place = broken.index(b"sidx") + 28
    struct.pack_into(">I", broken, place, struct.unpack_from(">I", broken, place)[0] + 3)
    made = decrypt(tmp_path, bytes(broken), "--key", f"{KID}:{KEY}")
    assert [box.type for box in parse_boxes(made)][2] == "free"
    assert samples(made) == samples(clear["CMAF"]["m4v"][0])


def test_segments_one_behind_the_other(tmp_path, clear):
    """Objects of a span as one file: each movie box has its own constant vector."""
    objects = record(tmp_path / "store", "--encrypt", "CBCS", "--kid", KID, "--key", KEY)
    made = decrypt(tmp_path, b"".join(objects["m4v"]), "--key", f"{KID}:{KEY}")
    starts = [box.offset for box in parse_boxes(made) if box.type == "ftyp"]
    parts = [made[start:stop] for start, stop in zip(starts, [*starts[1:], len(made)], strict=True)]
    assert samples(*parts) == samples(*clear["CMAF"]["m4v"])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel does not tell the peak of memory")
def test_memory_does_not_grow_with_the_file(tmp_path, capsys):
    """Peak memory over a file of 80 MB is hardly above that over one of 1 MB."""
    objects = record(tmp_path / "store", "--encrypt", "CENC", "--kid", KID, "--key", KEY)
    capsys.readouterr()
    head = objects["m4v"][0][: objects["m4v"][0].rindex(b"mfra") - 4]
    moof = head.index(b"moof") - 4
    peaks = []
    for times in (4, 80_000_000 // (len(head) - moof)):
        (tmp_path / "in.mp4").write_bytes(head[:moof] + head[moof:] * times)
        out = tmp_path / "out.mp4"
        code = (
            "import sys; from onvif_bmff.cli.main import main; status = main(sys.argv[1:]);"
            "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]); sys.exit(status)"
        )
        command = ["decrypt", str(tmp_path / "in.mp4"), "-o", str(out), "--key", f"{KID}:{KEY}"]
        done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 40_000, f"{peaks} KiB"


# ---- the options of record ----------------------------------------------------------------------------------


def parse(*options):
    parser = argparse.ArgumentParser()
    encryption_options.add_arguments(parser)
    return encryption_options.entries(parser.parse_args([str(option) for option in options]))


def test_options_of_encryption(identity):
    assert parse() == ()
    (given,) = parse("--encrypt", "CENC", "--kid", KID, "--key", KEY)
    assert (given.scheme, given.tracks, given.headers, given.iv_signalling) == (ProtectionScheme.CENC, (), (), "seig")
    (given,) = parse("--encrypt", "CBCS", "--kid", KID.upper(), "--key", KEY.upper(), "--iv-signalling", "track")
    assert (given.scheme, given.iv_signalling) == (ProtectionScheme.CBCS, "track")
    (given,) = parse("--encrypt", "CBCS", "--certificate", identity / "cert.pem", "--key-rotation", "PT1H")
    assert isinstance(given.keys, RotatingKey)
    assert isinstance(given.headers[0], KeyWrapper)


@pytest.mark.requirement("REC-5.7-02")
def test_options_that_do_not_go_together(identity):
    certificate = ("--certificate", identity / "cert.pem")
    key = ("--kid", KID, "--key", KEY)
    for options, message in (
        (key, "--kid needs --encrypt"),
        (certificate, "--certificate needs --encrypt"),
        (("--key-rotation", "PT1H"), "--key-rotation needs --encrypt"),
        (("--encrypt", "CENC"), "needs --kid and --key, or --certificate"),
        (("--encrypt", "CENC", "--kid", KID), "needs --kid and --key"),
        (("--encrypt", "CENC", *key, *certificate), "excludes --kid and --key"),
        (("--encrypt", "CENC", *key, "--key-rotation", "PT1H"), "needs --certificate"),
        (("--encrypt", "CENC", *key, "--iv-signalling", "seig"), "is for --encrypt CBCS"),
    ):
        with pytest.raises(ProtectionError, match=message):
            parse(*options)
    with pytest.raises(CertificateError):
        parse("--encrypt", "CENC", "--certificate", identity / "password")


def test_keys_given_beside_a_private_key_that_opens_nothing(identity):
    parser = argparse.ArgumentParser()
    add_key_arguments(parser)
    options = ["--private-key", str(identity / "other.pem")]
    wrapped = KeyWrapper([(identity / "cert.pem").read_bytes()], allow_expired=True)
    headers = wrapped(generate_content_key(), START)
    with pytest.raises(WrongKeyError):
        keys_from(parser.parse_args(options)).unlock(headers)
    keys_from(parser.parse_args([*options, "--key", f"{KID}:{KEY}"])).unlock(headers)
