"""Buckets with several places, nights and faults, for jobs; what workers do in tests."""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from onvif_bmff.cenc.keys.content import RotatingKey
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.storage import DirectoryStore, MemoryStore
from onvif_bmff.timing import UtcTime

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "validation"))

from validation_kit import clip, objects_of, put, record

MIDNIGHT = UtcTime.parse("2022-11-09T00:00:00.000Z")


class Reader:
    """A private key, and its certificate of now."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reader")])
        begin, end = datetime.now(UTC) - timedelta(days=10), datetime.now(UTC) + timedelta(days=1)
        serial = x509.random_serial_number()
        made = x509.CertificateBuilder(name, name, self.key.public_key(), serial, begin, end)
        self.certificate = made.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        self.pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.unwrapper = PrivateKeyUnwrapper(self.pem, certificate=self.certificate)


@cache
def reader():
    return Reader()


@cache
def whole_objects():
    """Objects of three places that record over midnight, one of them under keys that rotate."""
    tracks, samples = clip()
    objects = {}
    wrapped = EncryptionEntry(
        ProtectionScheme.CENC, RotatingKey(timedelta(seconds=4)), headers=(KeyWrapper([reader().certificate]),)
    )
    for postfix, seconds, options in (
        ("camera-1", -5, {"format": CMAF}),
        ("camera-2", -3, {"format": MP4, "encryption": (wrapped,)}),
        ("", -4.5, {"format": MP4, "span_duration": timedelta(seconds=4)}),
    ):
        start = MIDNIGHT + timedelta(seconds=seconds)
        objects |= objects_of(record(tracks, samples, start=start, prefix="site", postfix=postfix, **options))
    return objects


def put_all(store, objects):
    for key, (body, content_type, attributes) in objects.items():
        put(store, key, body, content_type, attributes)
    return store


@cache
def damaged_objects(seed):
    """The same with faults of many kinds: flipped bytes, lost objects, copies, wrong names, types and attributes."""
    chance = Random(seed)
    objects = dict(whole_objects())
    for key in sorted(objects):
        body, content_type, attributes = objects[key]
        what = chance.randrange(8)
        if what == 0:
            del objects[key]
        elif what == 1 and body:
            changed = bytearray(body)
            for _ in range(3):
                changed[chance.randrange(min(len(changed), 3000))] ^= 1 << chance.randrange(8)
            objects[key] = bytes(changed), content_type, attributes
        elif what == 2:
            objects[key] = body[: len(body) // 2] or b"x", "video/mp4", {**attributes, "Duration": "PT1S"}
        elif what == 3:
            objects[key.replace("site/", "copy/")] = objects[key]
    objects |= {"notes.txt": (b"", "text/plain", {}), "site/2022-11-09/24/00-00Z.0.mp4": (b"", "video/mp4", {})}
    for number in range(3):
        objects[f"site/2022-11-09/camera-1/07/59-59.{number}00Z.{number + 4}.m4v_end"] = (b"", "video/mp4", {})
    return objects


def directory(folder, objects):
    """A store in a folder with these objects."""
    return put_all(DirectoryStore(folder), objects)


def memory(objects):
    return put_all(MemoryStore(), objects)


# ---- what workers do ---------------------------------------------------------------------------------


def double(number):
    return 2 * number


def fail_on_seven(number):
    from onvif_bmff.errors import BoxError

    if number == 7:
        raise BoxError("seven", path="/moov", offset=7)
    return number


def interrupts(task):
    """Whether a worker ignores interrupts, and which signals wait in it."""
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN, sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def die_once(task):
    """Kill the worker at the first try of some tasks."""
    number, folder = task
    mark = folder / f"{number}.died"
    if number % 5 == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_always(task):
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def look_and_die_once(task):
    """Look at objects as the validation does, but kill the worker once in the middle of the job."""
    from onvif_bmff.jobs import validating

    mark = Path(os.environ["ONVIF_BMFF_TEST_MARK"])
    if "camera-2" in task.objects[0][1]:
        try:
            mark.unlink()
        except FileNotFoundError:  # another worker was first
            return validating._look(task)
        os.kill(os.getpid(), signal.SIGKILL)
    return validating._look(task)


def pid_of(task):
    return os.getpid()
