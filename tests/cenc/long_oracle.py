"""How long unwrapping takes for each kind of entry that does not open: the times must not tell them apart.

Kinds take turns, and the processor's time is taken. The figures are medians in microseconds. Where only the private key
can tell two kinds apart (a padding that fits or does not, a length, a first byte), ``far`` is how far their slowest
median lies from the fastest, in per cent; ``noise`` is how far the medians of two halves of one kind lie apart. The
run fails where ``far`` is above two per cent and above twice the noise. What anybody can see of an entry, such as its
size, is shown, but not judged.
"""

import argparse
import random
import statistics
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from onvif_bmff.bmff.pssh import EncryptedKeyEntry
from onvif_bmff.cenc.keys.content import generate_content_key
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import wrap_key
from onvif_bmff.errors import WrongKeyError
from onvif_bmff.timing import UtcTime

NOW = datetime.now(UTC)
KID = UUID(int=1)
SECRET = {
    "a byte changed", "another key's", "a first byte that is not zero", "a key of 15 bytes", "a key of 32 bytes",
    "another label", "PKCS#1 v1.5",
}  # fmt: skip
"""What only the private key can tell apart."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this run."""
    parser.add_argument("--rounds", type=int, default=2000, help="measurements of each kind")
    parser.add_argument("--keys", nargs="+", default=["rsa2048", "rsa3072", "p256", "p521"], help="kinds of keys")


def run(arguments: argparse.Namespace, journal: Any) -> int:
    """Measure each kind of key; 1 if a kind of entry can be told by its time."""
    bad = 0
    for name in arguments.keys:
        if name not in journal:
            journal.add(name, **measure(name, arguments.rounds, random.Random(arguments.seed)))
        found = journal.steps[name]
        print(name, f"far {found['far']:.2f} %, noise {found['noise']:.2f} %")
        for kind, median in found["medians"].items():
            print(f"    {median:9.1f} µs  {kind}{'' if kind in SECRET else ' (plain to see)'}")
        bad += found["far"] > max(2 * found["noise"], 2.0)
    return 1 if bad else 0


def measure(name: str, rounds: int, order: random.Random) -> dict[str, Any]:
    """Medians of all kinds of entries for one kind of key."""
    key: Any = {
        "rsa": lambda: rsa.generate_private_key(65537, int(name[3:])),
        "p25": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p52": lambda: ec.generate_private_key(ec.SECP521R1()),
        "p38": lambda: ec.generate_private_key(ec.SECP384R1()),
    }[name[:3]]()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, NOW - timedelta(1), NOW + timedelta(1))
    pem = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
    (entry,) = wrap_key(generate_content_key(), [pem], at=UtcTime.from_datetime(NOW))
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    unwrapper = PrivateKeyUnwrapper(key.private_bytes(*form), certificate=pem)
    kinds = damages(entry, key)
    taken: dict[str, list[int]] = {kind: [] for kind in kinds}
    names = list(kinds)
    for _ in range(rounds):
        order.shuffle(names)
        for kind in names:
            began = time.thread_time_ns()
            try:
                unwrapper.unwrap(KID, kinds[kind])
            except WrongKeyError:
                taken[kind].append(time.thread_time_ns() - began)
    medians = {kind: statistics.median(times) / 1000 for kind, times in taken.items()}
    halves = [
        abs(statistics.median(times[::2]) - statistics.median(times[1::2])) / statistics.median(times) * 100
        for times in taken.values()
    ]
    secret = [median for kind, median in medians.items() if kind in SECRET]
    far = (max(secret) - min(secret)) / min(secret) * 100
    return {"medians": medians, "far": far, "noise": max(halves)}


def damages(entry: EncryptedKeyEntry, key: Any) -> dict[str, list[EncryptedKeyEntry]]:
    """Entries that do not open, each for another reason."""
    sealed = entry.encrypted_key
    found = {
        "no entry at all": [],
        "for another certificate": [replace(entry, thumbprint=bytes(32))],
        "a byte changed": [replace(entry, encrypted_key=sealed[:-1] + bytes([sealed[-1] ^ 1]))],
        "cut short": [replace(entry, encrypted_key=sealed[:-1])],
        "empty": [replace(entry, encrypted_key=b"")],
        "an unknown version": [replace(entry, encryption_version=9)],
    }
    if isinstance(key, rsa.RSAPrivateKey):
        public_key = key.public_key()
        sha1 = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        label = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), b"label")
        found |= {
            "above the modulus": [replace(entry, encrypted_key=b"\xff" * len(sealed))],
            "a first byte that is not zero": [replace(entry, encrypted_key=_manger(key))],
            "a key of 15 bytes": [replace(entry, encrypted_key=public_key.encrypt(bytes(15), sha1))],
            "a key of 32 bytes": [replace(entry, encrypted_key=public_key.encrypt(bytes(32), sha1))],
            "another label": [replace(entry, encrypted_key=public_key.encrypt(bytes(16), label))],
            "PKCS#1 v1.5": [replace(entry, encrypted_key=public_key.encrypt(bytes(16), padding.PKCS1v15()))],
        }
    else:
        secret = entry.encapsulated_secret
        other = ec.generate_private_key(key.curve).public_key()
        point = other.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        found |= {
            "another key's": [replace(entry, encapsulated_secret=point)],
            "a point off the curve": [replace(entry, encapsulated_secret=b"\x04" + bytes(len(secret) - 1))],
            "another KEM": [replace(entry, hpke_kem=0x0020)],
            "an unknown AEAD": [replace(entry, hpke_aead=0xFFFF)],
        }
    return found


def _manger(key: rsa.RSAPrivateKey) -> bytes:
    """A number that decrypts to one whose first byte is not zero, which Manger's attack asks for."""
    numbers = key.public_key().public_numbers()
    return pow(numbers.n - 2, numbers.e, numbers.n).to_bytes((key.key_size + 7) // 8, "big")
