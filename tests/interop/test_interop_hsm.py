"""Private keys in a hardware module: SoftHSM2 through python-pkcs11, made in the token and never out of it."""

import glob
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from support_tools import missing, need

from onvif_bmff.cenc.keys.content import generate_content_key
from onvif_bmff.cenc.keys.token import TokenUnwrapper
from onvif_bmff.cenc.keys.wrap import wrap_key
from onvif_bmff.cli.main import main
from onvif_bmff.errors import WrongKeyError
from onvif_bmff.ingest.mp4 import Mp4Input
from onvif_bmff.timing import UtcTime

pytestmark = pytest.mark.interop

HERE = Path(__file__).resolve().parent
CLIP = HERE.parents[0] / "data" / "camera.mp4"
PLACES = ("/usr/lib", "/usr/lib/*", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib")
PIN = "pin-3141592"
CURVES = {"p256": "secp256r1", "p384": "secp384r1", "p521": "secp521r1"}
KINDS = ("rsa", *CURVES)


@dataclass
class Module:
    """A token, and the certificates of the keys in it by label."""

    session: object
    environment: dict
    certificates: dict


@pytest.fixture(scope="session")
def module(tmp_path_factory):
    """A token with a key of each kind; the module reads its settings where the environment says.

    One for the process: the module is loaded, and reads its settings, once, and where workers share the tests out,
    those of another file may run between these.
    """
    try:
        import pkcs11
    except ImportError:
        missing("python-pkcs11 (pip install python-pkcs11)")
    found = [path for place in PLACES for path in glob.glob(f"{place}/softhsm/libsofthsm2.so")]
    if not found:
        missing("SoftHSM (apt install softhsm2)")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin").write_text(f"{PIN}\n")
    (folder / "pin").chmod(0o600)
    named = {
        "SOFTHSM2_CONF": str(folder / "softhsm2.conf"),
        "PKCS11_MODULE": found[0],
        "PKCS11_TOKEN": "reader",
        "PKCS11_PIN_FILE": str(folder / "pin"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in named.items():
            patch.setenv(name, value)
        command = [need("softhsm2-util"), "--init-token", "--free", "--label", "reader", "--pin", PIN, "--so-pin", PIN]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        session = pkcs11.lib(found[0]).get_token(token_label="reader").open(user_pin=PIN, rw=True)
        certificates = {}
        for number, kind in enumerate((*KINDS, "stranger")):
            certificates[kind] = make_key(session, kind, bytes([number + 1]))
            (folder / f"{kind}.pem").write_bytes(certificates[kind].public_bytes(Encoding.PEM))
        yield Module(session, named, {kind: folder / f"{kind}.pem" for kind in certificates})
        session.close()


def make_key(session, kind, identifier):
    """Make a key in the token, and put a certificate for it beside it."""
    import pkcs11
    from pkcs11 import Attribute
    from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

    named = {"id": identifier, "label": kind, "store": True}
    if kind in ("rsa", "stranger"):
        public, private = session.generate_keypair(pkcs11.KeyType.RSA, 2048, **named)
        numbers = [int.from_bytes(public[name], "big") for name in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS)]
        public_key = rsa.RSAPublicNumbers(*numbers).public_key()
    else:
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(CURVES[kind])}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        public, private = parameters.generate_keypair(mechanism=pkcs11.Mechanism.EC_KEY_PAIR_GEN, **named)
        public_key = load_der_public_key(encode_ec_public_key(public))
    assert private[Attribute.SENSITIVE]
    assert not private[Attribute.EXTRACTABLE]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, kind)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, public_key, x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    )
    certificate = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    session.create_object(
        {
            Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
            Attribute.TOKEN: True,
            Attribute.LABEL: kind,
            Attribute.ID: identifier,
            Attribute.SUBJECT: name.public_bytes(),
            Attribute.VALUE: certificate.public_bytes(Encoding.DER),
        }
    )
    return certificate


def token(module, kind):
    from pkcs11_token import Pkcs11Token

    return Pkcs11Token(module.session, kind)


def command(module, kind, *words):
    """The command line in a process of its own, with the token of this label; nothing secret is among its words."""
    environment = {**os.environ, **module.environment, "PKCS11_KEY": kind, "PYTHONPATH": os.pathsep.join(sys.path)}
    call = [sys.executable, "-m", "onvif_bmff", *map(str, words), "--unwrapper", "pkcs11_token:open_token"]
    assert PIN not in " ".join(call)
    done = subprocess.run(call, env=environment, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert PIN not in done.stdout + done.stderr
    return done


def record(store, *options):
    assert main(["record", str(CLIP), "--store", str(store), "--segment-duration", "PT60S", *map(str, options)]) == 0
    return next(Path(store).rglob("*.m4v"))


def payloads(file):
    return [bytes(sample.data) for sample in Mp4Input(file.read_bytes()).samples()]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_recorded_for_a_key_in_a_token_is_decrypted(module, tmp_path, kind):
    clear = record(tmp_path / "clear")
    options = ["--encrypt", "CBCS" if kind == "rsa" else "CENC"]
    for other in ("stranger", kind):
        options += ["--certificate", module.certificates[other]]
    encrypted = record(tmp_path / "store", *options)
    done = command(module, kind, "decrypt", encrypted, "-o", tmp_path / "out.mp4")
    assert (done.returncode, done.stderr) == (0, "")
    assert payloads(tmp_path / "out.mp4") == payloads(clear)
    assert encrypted.read_bytes() != clear.read_bytes()


def test_export_and_validate_take_a_token(module, tmp_path):
    record(tmp_path / "store", "--encrypt", "CENC", "--certificate", module.certificates["p256"])
    done = command(module, "p256", "export", tmp_path / "store", "-o", tmp_path / "out.mp4")
    assert (done.returncode, done.stderr) == (0, "")
    video = [bytes(sample.data) for sample in Mp4Input((tmp_path / "out.mp4").read_bytes()).samples()]
    assert sorted(video) == sorted(payloads(CLIP))
    done = command(module, "p256", "validate", tmp_path / "store")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_token_of_somebody_else_and_one_that_is_not_there(module, tmp_path):
    encrypted = record(tmp_path / "store", "--encrypt", "CENC", "--certificate", module.certificates["p256"])
    for kind, said in (
        ("stranger", "opens none of the wrapped forms"),
        ("nobody", "the unwrapper pkcs11_token:open_token cannot be had"),
    ):
        done = command(module, kind, "decrypt", encrypted, "-o", tmp_path / "out.mp4")
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_entries_are_refused_by_token_and_library_alike(module, kind):
    content_key = generate_content_key()
    certificate = module.certificates[kind].read_bytes()
    (entry,) = wrap_key(content_key, [certificate], at=UtcTime.from_datetime(datetime.now(UTC)))
    unwrapper = TokenUnwrapper(token(module, kind))
    assert unwrapper.unwrap(content_key.kid, [entry]) == content_key.key
    sealed, point = entry.encrypted_key, entry.encapsulated_secret
    told = set()
    for changed in (sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:-1], bytes(len(sealed)), b""):
        entry.encrypted_key = changed
        with pytest.raises(WrongKeyError) as refused:
            unwrapper.unwrap(content_key.kid, [entry])
        told.add(str(refused.value))
    entry.encrypted_key = sealed
    if point:
        entry.encapsulated_secret = point[:-1] + bytes([point[-1] ^ 1])
        with pytest.raises(WrongKeyError) as refused:
            unwrapper.unwrap(content_key.kid, [entry])
        told.add(str(refused.value))
    assert len(told) == 1


def test_what_softhsm_cannot_do_is_an_error_of_ours(module):
    """Its OAEP knows SHA-1 alone; other modules take SHA-256."""
    content_key, certificate = generate_content_key(), module.certificates["rsa"].read_bytes()
    now = UtcTime.from_datetime(datetime.now(UTC))
    entries = wrap_key(content_key, [certificate], at=now, oaep_hash="sha256")
    with pytest.raises(WrongKeyError, match="opens none of the wrapped forms"):
        TokenUnwrapper(token(module, "rsa")).unwrap(content_key.kid, entries)
