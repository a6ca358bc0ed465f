"""``record --certificate`` with files as people have them, and certificates that are not valid."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from test_cli_decrypt import CLIP

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.bmff.pssh import AsymmetricKeySystemHeaderBox
from onvif_bmff.cli import encryption_options
from onvif_bmff.cli.main import main

DAY = timedelta(days=1)
NOW = datetime.now(UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 3072)
ARCHIVE = ("--start", "2015-03-04T05:06:07Z")


def issue(folder, first, last, subject="reader", key=KEY):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW + first, NOW + last).sign(
        KEY, hashes.SHA256()
    )
    path = folder / f"{subject}.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return path


def record(folder, *options):
    store = folder / "store"
    return main(["record", str(CLIP), "--store", str(store), "--segment-duration", "PT2S", *map(str, options)])


def objects(folder):
    return [path for path in (folder / "store").rglob("*") if path.suffix in (".m4v", ".m4a", ".mp4")]


def entries(path):
    boxes = (box for top in parse_boxes(path.read_bytes()) for _, box in top.walk())
    return [entry for box in boxes if isinstance(box, AsymmetricKeySystemHeaderBox) for entry in box.entries]


@pytest.fixture
def good(tmp_path):
    return issue(tmp_path, -DAY, DAY)


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.mark.parametrize("form", ["CMAF", "MP4"])
@pytest.mark.parametrize("mode", ["CENC", "CBCS"])
@pytest.mark.parametrize(("first", "last"), [(-9 * DAY, -DAY), (DAY, 9 * DAY)], ids=["expired", "not yet"])
def test_one_of_two_is_not_valid(tmp_path, good, key_file, capsys, form, mode, first, last):
    """It records to the end, and says so; the other reader has all."""
    bad = issue(tmp_path, first, last, "left out")
    options = ("--encrypt", mode, "--format", form, "--certificate", good, "--certificate", bad, *ARCHIVE)
    assert record(tmp_path, *options, "--key-rotation", "PT3S") == 1
    said = capsys.readouterr()
    (line,) = [line for line in said.err.splitlines() if line.startswith("onvif-bmff:")]
    assert "certificate CN=left out (SHA-256 " in line
    assert f"{NOW + last:%Y-%m-%dT%H:%M:%SZ}" in line
    assert f"{NOW + first:%Y-%m-%dT%H:%M:%SZ}" in line
    assert "bytes in" in said.out
    assert all(len(entries(path)) == 1 for path in objects(tmp_path))
    clear = tmp_path / "clear.mp4"
    assert main(["decrypt", str(objects(tmp_path)[0]), "-o", str(clear), "--private-key", str(key_file)]) == 0


def test_an_archive_is_recorded_for_the_certificates_of_today(tmp_path, good, capsys):
    assert record(tmp_path, "--encrypt", "CENC", "--certificate", good, *ARCHIVE) == 0
    assert all(entries(path) for path in objects(tmp_path))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("count", [1, 2])
def test_without_a_valid_one_nothing_is_recorded(tmp_path, capsys, count):
    paths = [issue(tmp_path, -9 * DAY, -DAY, f"old {number}") for number in range(count)]
    given = [word for path in paths for word in ("--certificate", path)]
    assert record(tmp_path, "--encrypt", "CENC", *given) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    for number, path in enumerate(paths):
        assert f"{path}: certificate CN=old {number}" in said.err
    assert not objects(tmp_path)


def test_all_expire_while_it_records(tmp_path, good, key_file, capsys, monkeypatch):
    """The key in use goes on, and the exit status says that something was wrong."""
    readings = iter([NOW] * 3)

    class Time:
        @staticmethod
        def time_ns():
            return int((next(readings, NOW + 9 * DAY)).timestamp() * 1e9)

    monkeypatch.setattr(encryption_options, "time", Time)
    options = ("--encrypt", "CBCS", "--certificate", good, "--key-rotation", "PT1S", *ARCHIVE)
    assert record(tmp_path, *options) == 1
    assert "not all was encrypted for certificate CN=reader" in capsys.readouterr().err
    found = objects(tmp_path)
    assert len(found) > 4
    for path in found:
        assert entries(path)
        clear = tmp_path / "clear.mp4"
        assert main(["decrypt", str(path), "-o", str(clear), "--private-key", str(key_file)]) == 0


@pytest.mark.parametrize("name", ["sha1", "sha256", None])
def test_the_hash_of_oaep(tmp_path, name):
    key, path = RSA_KEY, issue(tmp_path, -DAY, DAY, key=RSA_KEY)
    option = () if name is None else ("--oaep-hash", name)
    assert record(tmp_path, "--encrypt", "CENC", "--certificate", path, *option) == 0
    used = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256()}[name or "sha1"]
    private = tmp_path / "rsa.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for number, one in enumerate(objects(tmp_path)[:2]):
        (entry,) = entries(one)
        assert len(key.decrypt(entry.encrypted_key, padding.OAEP(padding.MGF1(used), used, None))) == 16
        clear = str(tmp_path / f"{number}.mp4")
        assert main(["decrypt", str(one), "-o", clear, "--private-key", str(private)]) == 0


def test_the_hash_of_oaep_goes_with_certificates(tmp_path, capsys):
    key = ("--kid", "01234567-89ab-cdef-0123-456789abcdef", "--key", "00" * 16)
    for options, message in (
        (("--oaep-hash", "sha256"), "--oaep-hash needs --encrypt"),
        (("--encrypt", "CENC", *key, "--oaep-hash", "sha256"), "--oaep-hash needs --certificate"),
        (("--encrypt", "CENC", "--oaep-hash", "md5"), "invalid choice"),
    ):
        assert record(tmp_path, *options) == 2
        assert message in capsys.readouterr().err
    assert not objects(tmp_path)


def test_a_short_rsa_key_is_advised_against(tmp_path, caplog):
    path = issue(tmp_path, -DAY, DAY, key=rsa.generate_private_key(65537, 2048))
    assert record(tmp_path, "--encrypt", "CENC", "--certificate", path) == 0
    assert caplog.text.count("ONVIF Security Baseline 25.12 names 3072 bits") == 1


def test_files_as_tools_write_them(tmp_path, good, key_file):
    """Bag attributes, a byte order mark, Windows' line ends: in certificates, private keys and password files."""
    locked = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption("Öffne".encode()))
    good.write_bytes(b"\xef\xbb\xbfBag Attributes\r\n" + good.read_bytes().replace(b"\n", b"\r\n"))
    key_file.write_bytes(("\ufeffBag Attributes\n" + locked.decode()).encode("utf-16-le"))
    password = tmp_path / "password"
    password.write_bytes("\ufeffÖffne\r\n".encode())
    assert record(tmp_path, "--encrypt", "CBCS", "--certificate", good) == 0
    options = ("--private-key", str(key_file), "--certificate", str(good), "--password-file", str(password))
    assert main(["decrypt", str(objects(tmp_path)[0]), "-o", str(tmp_path / "clear.mp4"), *options]) == 0


def test_what_is_no_certificate_is_named_with_its_file(tmp_path, key_file, capsys):
    bundle = tmp_path / "reader.p12"
    bundle.write_bytes(pkcs12.serialize_key_and_certificates(b"reader", KEY, None, None, BestAvailableEncryption(b"x")))
    for path, kind in ((bundle, "a PKCS#12 bundle"), (key_file, "a private key")):
        assert record(tmp_path, "--encrypt", "CENC", "--certificate", path) == 2
        said = capsys.readouterr().err
        assert f"{path}: " in said
        assert kind in said
        assert said.count("\n") == 1
