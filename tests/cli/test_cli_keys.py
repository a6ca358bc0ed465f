"""Where keys come from: files, environment, standard input, a terminal, an unwrapper; and who may read what."""

import argparse
import io
import logging
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from onvif_bmff.cenc.keys.file import parse_key_file
from onvif_bmff.cli import keys as cli_keys
from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.main import main
from onvif_bmff.errors import ProtectionError

CLIP = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
KID, OTHER = "01234567-89ab-cdef-0123-456789abcdef", "11111111-2222-3333-4444-555555555555"
KEY, WRONG = "8badf00d0badc0de8badf00d0badc0de", "00112233445566778899aabbccddeeff"
LINE = f"{KID}={KEY}\n"
PASSWORD = "correct horse"
START = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(autouse=True)
def no_keys_in_the_environment(monkeypatch):
    for name in (cli_keys.KEYS_VARIABLE, cli_keys.KEY_FILE_VARIABLE, cli_keys.PASSWORD_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Files of keys and certificates, all for their owner alone, and an encrypted recording for each."""
    folder = tmp_path_factory.mktemp("made")
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reader")])
    authority = ec.generate_private_key(ec.SECP256R1())

    def certificate(key):
        builder = x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
        )
        return builder.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM)

    files = {"keys": LINE.encode(), "password": f"{PASSWORD}\n".encode()}
    form = (Encoding.PEM, PrivateFormat.PKCS8)
    for kind, key in (("ec", ec.generate_private_key(ec.SECP256R1())), ("rsa", rsa.generate_private_key(65537, 2048))):
        files[f"{kind}.pem"] = certificate(key)
        files[f"{kind}.key"] = key.private_bytes(*form, NoEncryption())
        files[f"{kind}.locked"] = key.private_bytes(*form, BestAvailableEncryption(PASSWORD.encode()))
        files[f"{kind}.bundle"] = certificate(authority) + files[f"{kind}.pem"] + files[f"{kind}.locked"]
    for file, data in files.items():
        (folder / file).write_bytes(data)
        (folder / file).chmod(0o600)
    record(folder / "clear")
    record(folder / "store", "--encrypt", "CENC", "--key-file", folder / "keys")
    record(
        folder / "wrapped", "--encrypt", "CBCS", "--certificate", folder / "rsa.pem", "--certificate", folder / "ec.pem"
    )
    return folder


def record(store, *options):
    words = [
        "record",
        CLIP,
        "--store",
        store,
        "--start",
        START,
        "--segment-duration",
        "PT60S",
        *options,
    ]
    assert main([str(word) for word in words]) == 0


def first(store, extension="m4v"):
    return next(Path(store).rglob(f"*.0.{extension}"))


def decrypts(made, tmp_path, *options, store="store"):
    """Whether decryption gives what a clear recording is, byte for byte."""
    out = tmp_path / "out.mp4"
    out.unlink(missing_ok=True)
    status = main(["decrypt", str(first(made / store)), "-o", str(out), *map(str, options)])
    return (out.read_bytes() == first(made / "clear").read_bytes()) if status == 0 else status


def feed(monkeypatch, data, *, terminal=False):
    stream = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr(stream, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("sys.stdin", stream)


# ---- content keys --------------------------------------------------------------------------------------------


def test_a_key_file(made, tmp_path):
    assert decrypts(made, tmp_path, "--key-file", made / "keys") is True
    assert decrypts(made, tmp_path) == 2


def test_several_key_files_and_forms(made, tmp_path):
    (tmp_path / "more").write_text(f"\ufeff# others\r\n{OTHER}:{WRONG}\r\n", "utf-8")
    (tmp_path / "more").chmod(0o600)
    assert decrypts(made, tmp_path, "--key-file", tmp_path / "more", "--key-file", made / "keys") is True


def test_standard_input(made, tmp_path, monkeypatch, capsys):
    feed(monkeypatch, LINE.encode())
    assert decrypts(made, tmp_path, "--key-file", "-") is True
    feed(monkeypatch, b"")
    assert decrypts(made, tmp_path, "--key-file", "-") == 2
    assert "standard input: there is no key in it" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", None)
    assert decrypts(made, tmp_path, "--key-file", "-") == 2


def test_standard_input_that_is_a_terminal_is_asked_without_echo(made, tmp_path, monkeypatch):
    feed(monkeypatch, b"", terminal=True)
    typed = iter([f"{OTHER}={WRONG}", LINE, ""])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert decrypts(made, tmp_path, "--key-file", "-") is True


@pytest.mark.parametrize("text", [LINE, f"{OTHER}:{WRONG},{KID}:{KEY}", f"{OTHER}={WRONG}; {KID}={KEY} "])
def test_the_environment_has_keys(made, tmp_path, monkeypatch, text):
    monkeypatch.setenv(cli_keys.KEYS_VARIABLE, text)
    assert decrypts(made, tmp_path) is True


def test_the_environment_names_a_key_file(made, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(cli_keys.KEY_FILE_VARIABLE, str(made / "keys"))
    assert decrypts(made, tmp_path) is True
    monkeypatch.setenv(cli_keys.KEY_FILE_VARIABLE, "s3://bucket/keys")
    assert decrypts(made, tmp_path) == 2
    assert "only local paths" in capsys.readouterr().err
    monkeypatch.setenv(cli_keys.KEY_FILE_VARIABLE, "/no/such/file")
    assert decrypts(made, tmp_path) == 2
    assert "/no/such/file" in capsys.readouterr().err


def test_what_is_named_comes_before_the_environment(made, tmp_path, monkeypatch):
    """A wrong key in the environment would be a second key of the same KID."""
    monkeypatch.setenv(cli_keys.KEYS_VARIABLE, f"{KID}={WRONG}")
    assert decrypts(made, tmp_path) is False
    assert decrypts(made, tmp_path, "--key-file", made / "keys") is True
    assert decrypts(made, tmp_path, "--key", f"{KID}:{KEY}") is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{KID}={KEY}\n{KID}={WRONG}", "line 2: another key"),
        (KEY, "line 1: a line is KID=KEY"),
        ("", "there is no key in it"),
        (f"{KID}={KEY}0", "line 1: a content key is exactly 32 hex digits"),
    ],
)
def test_key_files_that_are_wrong(made, tmp_path, monkeypatch, capsys, text, said):
    (tmp_path / "wrong").write_text(text)
    assert decrypts(made, tmp_path, "--key-file", tmp_path / "wrong") == 2
    told = capsys.readouterr().err
    assert f"wrong: {said}" in told
    assert told.count("\n") == 1
    assert KEY not in told
    if text:
        monkeypatch.setenv(cli_keys.KEYS_VARIABLE, text)
        assert decrypts(made, tmp_path) == 2
        told = capsys.readouterr().err
        assert f"{cli_keys.KEYS_VARIABLE}: {said}" in told
        assert KEY not in told


def test_files_that_are_no_files_of_keys(made, tmp_path, capsys):
    for file, said in ((tmp_path, "directory"), ("/dev/zero", "too long"), (tmp_path / "none", "No such file")):
        assert decrypts(made, tmp_path, "--key-file", file) == 2
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1


def test_a_key_on_the_command_line_is_warned_of(made, tmp_path, caplog):
    assert decrypts(made, tmp_path, "--key-file", made / "keys") is True
    assert not caplog.records
    assert decrypts(made, tmp_path, "--key", f"{KID}:{KEY}") is True
    (said,) = caplog.records
    assert said.levelno == logging.WARNING
    assert "--key can be read by all users" in said.message
    caplog.clear()
    record(tmp_path / "store", "--encrypt", "CENC", "--kid", KID, "--key", KEY)
    assert "--key can be read by all users" in caplog.text
    assert KEY not in caplog.text


def test_files_that_others_can_read_are_warned_of(made, tmp_path, caplog):
    (tmp_path / "keys").write_text(LINE)
    for mode, is_open in ((0o600, False), (0o640, False), (0o644, True), (0o602, True), (0o400, False)):
        (tmp_path / "keys").chmod(mode)
        caplog.clear()
        assert decrypts(made, tmp_path, "--key-file", tmp_path / "keys") is True
        assert ("open to all users" in caplog.text) == is_open, oct(mode)
    for name in ("ec.locked", "password"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
        (tmp_path / name).chmod(0o644)
    caplog.clear()
    options = ("--private-key", tmp_path / "ec.locked", "--password-file", tmp_path / "password")
    assert decrypts(made, tmp_path, *options, store="wrapped") is True
    assert caplog.text.count("open to all users") == 2


# ---- record --------------------------------------------------------------------------------------------------


def test_recording_takes_keys_from_the_same_places(made, tmp_path, monkeypatch):
    wanted = first(made / "store").read_bytes()
    count = 0

    def kid_of(store):
        nonlocal count
        count += 1
        data = first(store).read_bytes()
        assert len(data) == len(wanted)
        assert KEY not in data.hex()
        return next(kid for kid in (KID, OTHER) if kid.replace("-", "") in data.hex())

    (tmp_path / "two").write_text(f"{LINE}{OTHER}={WRONG}\n")
    record(tmp_path / "1", "--encrypt", "CENC", "--key-file", tmp_path / "two", "--kid", OTHER)
    assert kid_of(tmp_path / "1") == OTHER
    feed(monkeypatch, LINE.encode())
    record(tmp_path / "2", "--encrypt", "CENC", "--key-file", "-")
    assert kid_of(tmp_path / "2") == KID
    monkeypatch.setenv(cli_keys.KEYS_VARIABLE, f"{OTHER}={WRONG}")
    record(tmp_path / "3", "--encrypt", "CENC")
    assert kid_of(tmp_path / "3") == OTHER
    record(tmp_path / "4", "--encrypt", "CENC", "--kid", KID, "--key", KEY)
    assert kid_of(tmp_path / "4") == KID
    assert count == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--encrypt", "CENC"], "needs --kid and --key, or --certificate, or --key-file or ONVIF_BMFF_KEYS"),
        (["--encrypt", "CENC", "--key-file", "{two}"], "2 keys: name the one to encrypt with by --kid"),
        (["--encrypt", "CENC", "--key-file", "{keys}", "--kid", OTHER], "no content key for KID"),
        (["--encrypt", "CENC", "--key-file", "{keys}", "--kid", KID, "--key", KEY], "--key excludes --key-file"),
        (["--encrypt", "CENC", "--key-file", "{keys}", "--certificate", "{ec.pem}"], "--certificate excludes"),
        (["--encrypt", "CENC", "--make-key-file", "{new}", "--certificate", "{ec.pem}"], "--certificate excludes"),
        (["--encrypt", "CENC", "--make-key-file", "{new}", "--key-file", "{keys}"], "--make-key-file excludes"),
        (["--encrypt", "CENC", "--make-key-file", "{keys}"], "exists"),
        (["--encrypt", "CENC", "--make-key-file", "{missing/keys}"], "No such file"),
        (["--encrypt", "CENC", "--key", KEY], "needs --kid and --key"),
        (["--key-file", "{keys}"], "--key-file needs --encrypt"),
        (["--make-key-file", "{new}"], "--make-key-file needs --encrypt"),
    ],
)
def test_options_of_record_that_do_not_go_together(made, tmp_path, capsys, options, said):
    (tmp_path / "two").write_text(f"{LINE}{OTHER}={WRONG}\n")
    places = {"{two}": tmp_path / "two", "{keys}": made / "keys", "{ec.pem}": made / "ec.pem"}
    places |= {"{new}": tmp_path / "new", "{missing/keys}": tmp_path / "missing" / "keys"}
    words = [str(places.get(word, word)) for word in options]
    assert main(["record", str(CLIP), "--store", str(tmp_path / "store"), *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert KEY not in told
    assert sorted(os.listdir(tmp_path)) == ["two"]
    assert (made / "keys").read_text() == LINE


def test_a_key_file_is_made_for_its_owner_alone(made, tmp_path, monkeypatch):
    opened = watch_opens(monkeypatch)
    record(tmp_path / "store", "--encrypt", "CENC", "--make-key-file", tmp_path / "new")
    assert opened[str(tmp_path / "new")] == 0o600, "from the first byte on"
    assert mode_of(tmp_path / "new") == 0o600
    (key,) = parse_key_file((tmp_path / "new").read_bytes())
    assert key.kid.version == 4
    out = ["-o", str(tmp_path / "out.mp4")]
    assert main(["decrypt", str(first(tmp_path / "store")), *out, "--key-file", str(tmp_path / "new")]) == 0
    assert (tmp_path / "out.mp4").read_bytes() == first(made / "clear").read_bytes()
    record(tmp_path / "two", "--encrypt", "CENC", "--make-key-file", tmp_path / "named", "--kid", KID)
    assert str(parse_key_file((tmp_path / "named").read_bytes())[0].kid) == KID


# ---- private keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_private_key_and_its_password(made, tmp_path, monkeypatch, capsys, kind):
    locked = ("--private-key", made / f"{kind}.locked")
    assert decrypts(made, tmp_path, "--private-key", made / f"{kind}.key", store="wrapped") is True
    assert decrypts(made, tmp_path, *locked, "--password-file", made / "password", store="wrapped") is True
    feed(monkeypatch, f"\ufeff{PASSWORD}\r\nmore".encode())
    assert decrypts(made, tmp_path, *locked, "--password-file", "-", store="wrapped") is True
    feed(monkeypatch, b"")
    capsys.readouterr()
    assert decrypts(made, tmp_path, *locked, store="wrapped") == 2
    assert "needs a password" in capsys.readouterr().err
    monkeypatch.setenv(cli_keys.PASSWORD_VARIABLE, PASSWORD)
    assert decrypts(made, tmp_path, *locked, store="wrapped") is True
    assert decrypts(made, tmp_path, "--private-key", made / f"{kind}.key", store="wrapped") is True, "needs none"
    monkeypatch.setenv(cli_keys.PASSWORD_VARIABLE, "something else")
    assert decrypts(made, tmp_path, *locked, store="wrapped") == 2
    told = capsys.readouterr().err
    assert "password" in told
    assert "something else" not in told


def test_a_terminal_is_asked_for_a_password_that_is_needed(made, tmp_path, monkeypatch):
    feed(monkeypatch, b"", terminal=True)
    asked = []

    def answer(prompt):
        asked.append(prompt)
        return PASSWORD

    monkeypatch.setattr("getpass.getpass", answer)
    assert decrypts(made, tmp_path, "--private-key", made / "ec.locked", store="wrapped") is True
    assert decrypts(made, tmp_path, "--private-key", made / "ec.key", store="wrapped") is True
    assert len(asked) == 1
    assert str(made / "ec.locked") in asked[0]

    def end(prompt):
        raise EOFError

    monkeypatch.setattr("getpass.getpass", end)
    assert decrypts(made, tmp_path, "--private-key", made / "ec.locked", store="wrapped") == 2


def test_the_certificate_beside_the_private_key_is_found(made, tmp_path, monkeypatch):
    """As ``openssl pkcs12`` writes them, with that of the authority before it: only its own entry is tried."""
    from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper

    given = []
    unlocked = PrivateKeyUnwrapper.__init__

    def note(self, *args, **named):
        unlocked(self, *args, **named)
        given.append(named.get("certificate"))

    monkeypatch.setattr(PrivateKeyUnwrapper, "__init__", note)
    options = ("--private-key", made / "rsa.bundle", "--password-file", made / "password")
    assert decrypts(made, tmp_path, *options, store="wrapped") is True
    assert given == [(made / "rsa.pem").read_bytes().strip()]


def test_validate_opens_wrapped_keys_and_tries_the_samples(made, tmp_path, capsys, caplog):
    """The samples of a recording whose payload was spoilt look right to whoever cannot open them."""
    store = tmp_path / "store"
    record(store, "--encrypt", "CENC", "--certificate", made / "ec.pem")
    capsys.readouterr()
    own = ["--private-key", str(made / "ec.key")]
    assert main(["validate", str(store), *own]) == 0
    audio = first(store, "m4a")
    data = bytearray(audio.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : start + 4000] = bytes(4000)
    audio.write_bytes(data)
    assert main(["validate", str(store)]) == 0
    capsys.readouterr()
    assert main(["validate", str(store), *own]) == 1
    assert "decryption gives no media" in capsys.readouterr().out
    caplog.clear()
    main(["validate", str(store), "--private-key", str(made / "rsa.key")])
    assert caplog.text.count("samples are not tried") == 1, "once a key, not once an object"


def test_validate_takes_a_key_file(made, capsys):
    assert main(["validate", str(made / "store"), "--key-file", str(made / "keys")]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--password-file", "x"], "--password-file needs --private-key"),
        (["--certificate", "x"], "--certificate needs --private-key or --unwrapper"),
        (["--private-key", "x", "--password-file", "-", "--key-file", "-"], "can be read once"),
    ],
)
def test_options_that_do_not_go_together(options, said):
    parser = argparse.ArgumentParser()
    add_key_arguments(parser)
    with pytest.raises(ProtectionError, match=said):
        keys_from(parser.parse_args(options))


# ---- unwrappers ----------------------------------------------------------------------------------------------

MODULE = """
import subprocess
from pathlib import Path
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.errors import ProtectionError
HERE = Path({folder!r})
KEYS = {{kind: load_pem_private_key((HERE / f"{{kind}}.key").read_bytes(), None) for kind in ("rsa", "ec")}}
HASHES = {{"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}}

class Rsa:
    certificates = [(HERE / "rsa.pem").read_bytes()]
    def decrypt(self, wrapped, oaep_hash, mask_hash):
        return KEYS["rsa"].decrypt(wrapped, padding.OAEP(padding.MGF1(HASHES[mask_hash]), HASHES[oaep_hash], None))

class Ec:
    def agree(self, point):
        return KEYS["ec"].exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(KEYS["ec"].curve, point))

class Server:
    def unwrap(self, kid, entries):
        return PrivateKeyUnwrapper((HERE / "rsa.key").read_bytes()).unwrap(kid, entries)

class Bad:
    def __init__(self, answer): self.answer = answer
    def unwrap(self, kid, entries):
        if isinstance(self.answer, Exception): raise self.answer
        return self.answer

rsa_token, ec_token, server = Rsa(), Ec(), Server()
def make(): return Rsa()
def broken(): raise RuntimeError("PIN 1234 is wrong")
def absent(): raise ConnectionRefusedError(111, "Connection refused")
class space: token = rsa_token
none, short, text = Bad(None), Bad(b"short"), Bad("x" * 16)
crash, refuse, away = Bad(ValueError("padding")), Bad(ProtectionError("not today")), Bad(TimeoutError("no answer"))
number = 5
"""


@pytest.fixture
def unwrappers(made, tmp_path, monkeypatch):
    """A module with unwrappers in the current folder, under a name of its own."""
    place = tmp_path / "here"
    place.mkdir()
    name = f"unwrappers_{tmp_path.name.replace('-', '_')}"
    (place / f"{name}.py").write_text(MODULE.format(folder=str(made)))
    monkeypatch.chdir(place)
    monkeypatch.setattr("sys.path", list(sys.path))
    return name


@pytest.mark.parametrize("name", ["rsa_token", "Rsa", "make", "server", "Server", "space.token"])
def test_an_unwrapper_is_an_object_a_class_or_what_makes_one(made, tmp_path, unwrappers, name):
    assert decrypts(made, tmp_path, "--unwrapper", f"{unwrappers}:{name}", store="wrapped") is True


def test_a_token_without_a_certificate_needs_one(made, tmp_path, unwrappers, capsys):
    options = ("--unwrapper", f"{unwrappers}:ec_token")
    assert decrypts(made, tmp_path, *options, store="wrapped") == 2
    assert "the certificate of the private key is needed" in capsys.readouterr().err
    assert decrypts(made, tmp_path, *options, "--certificate", made / "ec.pem", store="wrapped") is True


def test_unwrappers_beside_others_and_a_private_key(made, tmp_path, unwrappers):
    several = ("--unwrapper", f"{unwrappers}:crash", "--unwrapper", f"{unwrappers}:rsa_token")
    assert decrypts(made, tmp_path, *several, store="wrapped") is True
    other = ("--private-key", made / "ec.key", "--certificate", made / "ec.pem")
    assert decrypts(made, tmp_path, *other, *several, store="wrapped") is True


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "opens none of the wrapped forms"),
        ("short", "opens none of the wrapped forms"),
        ("text", "opens none of the wrapped forms"),
        ("crash", "opens none of the wrapped forms"),
        ("refuse", "not today"),
        ("away", "the holder of the private key cannot be reached: no answer"),
        ("broken", "cannot be had: RuntimeError"),
        ("absent", "cannot be had: ConnectionRefusedError: [Errno 111]"),
        ("missing", "has no attribute 'missing'"),
        ("number", "has none of the methods"),
        ("Path", "has none of the methods"),
        ("", "MODULE:OBJECT"),
    ],
)
def test_unwrappers_that_fail(made, tmp_path, unwrappers, capsys, name, said):
    assert decrypts(made, tmp_path, "--unwrapper", f"{unwrappers}:{name}", store="wrapped") == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert "1234" not in told


@pytest.mark.parametrize("name", ["no_such_module:x", "os", ":x", "..:x", "os:path:x"])
def test_unwrappers_that_are_not_there(made, tmp_path, capsys, name):
    assert decrypts(made, tmp_path, "--unwrapper", name, store="wrapped") == 2
    assert capsys.readouterr().err.count("\n") == 1


# ---- who may read what is written ----------------------------------------------------------------------------


def mode_of(file):
    return stat.S_IMODE(Path(file).stat().st_mode)


def watch_opens(monkeypatch):
    """The permissions with which each file is made, whatever happens to it later."""
    made, open_file = {}, os.open

    def note(file, flags, mode=0o777, **named):
        if flags & os.O_CREAT:
            made[str(file)] = mode
        return open_file(file, flags, mode, **named)

    monkeypatch.setattr("os.open", note)
    return made


@pytest.fixture
def open_mask():
    """A mask that takes nothing away, so that what is seen is what the command asked for."""
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.mark.usefixtures("open_mask")
def test_a_decrypted_file_is_for_its_owner_alone_from_its_first_byte(made, tmp_path, monkeypatch):
    out = tmp_path / "out.mp4"
    out.touch()
    out.chmod(0o666)
    opened = watch_opens(monkeypatch)
    command = ["decrypt", str(first(made / "store")), "-o", str(out), "--key-file", str(made / "keys")]
    assert main(command) == 0
    assert mode_of(out) == 0o600
    assert set(opened.values()) == {0o600}
    for mode in (0o640, 0o644, 0o600):
        assert main([*command, "--file-mode", f"{mode:o}"]) == 0
        assert mode_of(out) == mode
    assert set(opened.values()) == {0o600}


@pytest.mark.usefixtures("open_mask")
@pytest.mark.parametrize("options", [[], ["--progressive"], ["--progressive", "--faststart"]])
def test_an_export_of_an_encrypted_recording_too(made, tmp_path, monkeypatch, options):
    out = tmp_path / "out.mp4"
    opened = watch_opens(monkeypatch)
    command = ["export", str(made / "store"), "-o", str(out), "--key-file", str(made / "keys"), *options]
    assert main(command) == 0
    assert mode_of(out) == 0o600
    assert opened
    assert all(mode == 0o600 for file, mode in opened.items() if str(tmp_path) in file)
    assert main([*command, "--file-mode", "0640"]) == 0
    assert mode_of(out) == 0o640
    assert main(["export", str(made / "clear"), "-o", str(out), *options]) == 0
    assert mode_of(out) == 0o666, "what was clear is as the mask says"
    os.umask(0o027)
    assert main(["export", str(made / "clear"), "-o", str(out), *options]) == 0
    assert mode_of(out) == 0o640


@pytest.mark.usefixtures("open_mask")
def test_clear_copies_for_hls_too(made, tmp_path, capsys):
    hls = tmp_path / "hls"
    command = ["export", str(made / "store"), "--hls", str(hls), "--key-file", str(made / "keys")]
    assert main(command) == 0
    assert "for you alone (--file-mode)" in capsys.readouterr().out
    inside = [hls / "clear", *(hls / "clear").rglob("*")]
    assert {mode_of(path) for path in inside if path.is_file()} == {0o600}
    assert {mode_of(path) for path in inside if path.is_dir()} == {0o700}
    assert main([*command[:3], str(tmp_path / "served"), *command[4:], "--file-mode", "644"]) == 0
    inside = [tmp_path / "served" / "clear", *(tmp_path / "served" / "clear").rglob("*")]
    assert {mode_of(path) for path in inside if path.is_file()} == {0o644}
    assert {mode_of(path) for path in inside if path.is_dir()} == {0o755}


@pytest.mark.parametrize("mode", ["7777", "88", "rw", "", "044", "200", "-1"])
def test_permissions_that_are_none(made, tmp_path, capsys, mode):
    assert decrypts(made, tmp_path, "--key-file", made / "keys", f"--file-mode={mode}") == 2
    assert capsys.readouterr().err.count("\n") == 1


# ---- nothing shows -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the kernel does not show other processes")
def test_no_process_shows_a_key_or_password(made, tmp_path):
    """Every source but ``--key``, in real processes: arguments, output and what is written besides."""
    tell = (
        "import sys; from onvif_bmff.cli.main import main; status = main(sys.argv[1:]);"
        "print(open('/proc/self/cmdline', 'rb').read()); sys.exit(status)"
    )
    out = ["-o", str(tmp_path / "out.mp4")]
    clear = ["decrypt", str(first(made / "store")), *out]
    wrapped = ["decrypt", str(first(made / "wrapped")), *out, "--private-key", str(made / "ec.locked")]
    runs = [
        (["record", str(CLIP), "--store", str(tmp_path / "s"), "--encrypt", "CENC", "--key-file", "-"], {}, LINE),
        (clear, {cli_keys.KEYS_VARIABLE: LINE}, ""),
        (wrapped, {cli_keys.PASSWORD_VARIABLE: PASSWORD}, ""),
    ]
    for words, environment, typed in runs:
        done = subprocess.run(
            [sys.executable, "-c", tell, *words],
            env={**os.environ, **environment},
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert words[1] in done.stdout
        assert not done.stderr
        for shown in (KEY, PASSWORD, repr(bytes.fromhex(KEY))[2:-1]):
            assert shown.lower() not in done.stdout.lower()
    typed_key = [sys.executable, "-m", "onvif_bmff", *clear, "--key", f"{KID}:{KEY}"]
    done = subprocess.run(typed_key, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "--key can be read by all users" in done.stderr, "warnings reach the terminal"
    assert KEY not in done.stderr + done.stdout


def test_no_object_of_the_command_line_shows_a_key(made, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(cli_keys.KEYS_VARIABLE, LINE)
    parser = argparse.ArgumentParser()
    add_key_arguments(parser)
    args = parser.parse_args(["--private-key", str(made / "ec.locked"), "--password-file", str(made / "password")])
    keys = keys_from(args)
    shown = repr(args) + repr(keys) + str(keys) + repr(vars(args)) + caplog.text
    for hidden in (KEY, PASSWORD, repr(bytes.fromhex(KEY))):
        assert hidden not in shown
