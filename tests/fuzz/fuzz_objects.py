"""Targets over whole objects: reading them in, decrypting, playing, validating, recovering; labels and listings.

Each takes bytes and must raise nothing but the library's own errors, and keep the promises that it asserts. It returns
whether it got through to what it is there for, as it has to with each of its seeds.
"""

import contextlib
import io
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from onvif_bmff.bmff import AsymmetricKeySystemHeaderBox, parse_boxes
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import wrap_key
from onvif_bmff.errors import BoxError, ObjectAttributeError, OnvifBmffError
from onvif_bmff.export import export_continuous, export_movie, hls_playlists
from onvif_bmff.export.clear_file import ClearFile
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.objects import ObjectAttributes, ObjectKey, SegmentObject
from onvif_bmff.playback import SampleReader, Seeker, Timeline, read_segment, select
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recovery.segment import recover_segment
from onvif_bmff.storage import MemoryStore
from onvif_bmff.testing.made_files import cmaf_file, fragmented_file, progressive_file
from onvif_bmff.testing.recordings import CONTENT_KEY, START, recorded_objects
from onvif_bmff.validation import RULES, Finding, validate_store

NAME = "site-2/2022-11-08/camera-5/15/08-23.547Z.{}.{}"
ATTRIBUTES = {"Version": "1.0", "Duration": "PT1S", "Timescale": "90000", "FullContentType": 'video/mp4; codecs="avc1"'}


def ring():
    return KeyRing([CONTENT_KEY])


def stored(data, extension="mp4", attributes=ATTRIBUTES):
    """A store with one segment, whatever its bytes are."""
    store = MemoryStore()
    writer = store.open_writer(NAME.format(0, extension), content_type="video/mp4")
    writer.append(data)
    writer.seal(attributes)
    return store


def ingest(data):
    """An MP4 file as samples, decrypted."""
    try:
        with Mp4Input(data) as source:
            size = count = 0
            for item in source.samples(FragmentDecryptor(ring(), source.data)):
                size, count = size + len(getattr(item, "data", b"")), count + 1
                assert size <= 2 * 8 * len(data) + 65_536, "samples out of nothing"
    except OnvifBmffError:
        return False
    return count > 0


def decrypt(data):
    """The clear form of a file: as large as was said, and nothing in it is protected."""
    try:
        clear = ClearFile(data, ring())
        made = bytearray(clear.size)
        for piece in clear.pieces():
            assert 0 <= piece.position <= piece.position + len(piece.data) <= len(made), "outside of the clear file"
            made[piece.position : piece.position + len(piece.data)] = piece.data
    except OnvifBmffError:
        return False
    with contextlib.suppress(OnvifBmffError):
        assert not Mp4Input(bytes(made)).is_protected
    return True


def playback(data):
    """Everything that a receiver does with a stored object."""
    store = stored(data)
    timeline = Timeline.from_store(store)
    selection, part = select(timeline), select(timeline, start=START + timedelta(milliseconds=300))
    segment = timeline.spans[0].segments[0]
    done = 0
    for act in (
        lambda: [bytes(sample.data) for sample in read_segment(data, keys=ring()).samples()],
        lambda: [one.time for one in SampleReader(store, selection, keys=ring())],
        lambda: export_movie(store, selection, io.BytesIO(), keys=ring(), progressive=True),
        lambda: export_movie(store, part, io.BytesIO(), keys=ring()),
        lambda: hls_playlists(store, selection),
        lambda: export_continuous(store, selection, lambda name: io.BytesIO(), keys=ring()),
        lambda: Seeker(store).read(Seeker(store).find(segment, START + timedelta(milliseconds=700))),
    ):
        with contextlib.suppress(OnvifBmffError):
            act()
            done += 1
    return done >= 6  # there are no playlists of what is encrypted


def validator(data):
    """Whatever an object holds, it becomes findings, never an error."""
    broken = False
    for extension in ("mp4", "m4v"):
        for finding in validate_store(stored(data, extension), keys=ring()):
            assert isinstance(finding, Finding)
            assert finding.rule in RULES
            broken |= finding.rule in ("ANX-B.1-02", "ANX-B.1-03", "ANX-B.3-08")
    return not broken


def recovery(data):
    """What completes a segment that broke off is a segment that can be read."""
    key = ObjectKey.parse(NAME.format(0, "mp4"))
    try:
        found = recover_segment(data, key)
    except OnvifBmffError:
        return False
    if found is not None:
        assert 0 < found.size <= len(data)
        parse_boxes(found.trailer)
        SegmentObject(key, data[: found.size] + found.trailer, "video/mp4", found.attributes)
        assert ObjectAttributes.from_metadata(found.attributes.to_metadata()) == found.attributes
    return found is not None


def labels(data):
    """Attributes, one a line: what is read is written so that the same is read again."""
    lines = data.decode("utf-8", "replace").split("\n")
    metadata = dict(line.partition("=")[::2] for line in lines)
    try:
        read = ObjectAttributes.from_metadata(metadata)
    except ObjectAttributeError:
        ObjectAttributes.from_metadata(metadata, strict=False)
        return False
    assert ObjectAttributes.from_metadata(read.to_metadata()) == read
    list(validate_store(stored(b"", attributes=metadata), deep=False))
    return True


def timeline(data):
    """Keys, one a line: no object is lost or made up, and everything that can be asked has an answer."""
    names = data.decode("utf-8", "replace").split("\n")
    found = Timeline.from_keys(names)
    assert found.objects + found.foreign == len(names)
    segments = [segment for span in found.spans for segment in span.segments]
    ends = [span.end_name for span in found.spans if span.end_name is not None]
    assert {segment.name for segment in segments} <= set(names)
    assert len(segments) + len(ends) + found.orphan_ends + found.ambiguous_ends + found.duplicates == found.objects
    for gap in found.gaps():
        assert gap.end > gap.start
    for overlap in found.overlaps():
        assert overlap.end >= overlap.start
    for segment in segments[:50]:
        located = found.locate(segment.start)
        assert located is not None
        assert located.start <= segment.start
    for span in found.spans:
        list(span.lost())
    return bool(segments) and not found.foreign


def unlock(data):
    """Wrapped keys of pssh boxes, opened with private keys."""
    try:
        headers = parse_boxes(data)
    except BoxError as error:
        headers = error.partial
    opened = ()
    for unwrapper in unwrappers():
        for header in headers:
            with contextlib.suppress(OnvifBmffError):
                opened += KeyRing().unlock((header,), unwrapper)
    return bool(opened)


_PRIMES = (
    int(
        "d1b255b021790e877b9693117a923367b12e7c3f9bf723e73d791569b43e6840af6d85b5a00a4c2e32adce192e2d36ae14ad"
        "d70821aad6b6a31a417d8069f0b96aebe0d7fe80536000bd2f54fdb46a2f20fec7c6c4025e510fa385795e7e07a660ee2ac2"
        "0f8c537d5addd18d4a56125a615e2806c7818cde535e09fd17ce8eb9",
        16,
    ),
    int(
        "bdc1f93d90bd60fd0c27b31ab3ccd84507f9da11f339ea14242ccb06b94eda7e591e3a67bbf7ebda6bc6968777aafe82b840"
        "675445f2db141db1f7b92251723e9375e5250121d849b9e60d44c89365ba1cf43457db26651ba36cbb22ca19c5f641a054fe"
        "6a859705cd2988daaad6bdbb68be85628d80b24112cf422784a7150f",
        16,
    ),
)
"""Of an RSA key that is used nowhere else: the same in every process, so that what was collected keeps its worth."""


@cache
def private_keys():
    p, q = _PRIMES
    exponent = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, exponent, exponent % (p - 1), exponent % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    )
    return numbers.private_key(), ec.derive_private_key(0x5EED, ec.SECP256R1())


@cache
def unwrappers():
    made = []
    for key in private_keys():
        pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        made.append(PrivateKeyUnwrapper(pem))
    return made


def wrapped_keys():
    """A header for each private key, with the content key in it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fuzz")])
    for key in private_keys():
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1)
            .not_valid_before(datetime(2022, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2023, 1, 1, tzinfo=UTC))
            .sign(key, hashes.SHA256())
        )
        entries = wrap_key(CONTENT_KEY, [certificate.public_bytes(form.Encoding.DER)], at=START)
        yield AsymmetricKeySystemHeaderBox(kid=CONTENT_KEY.kid, entries=entries).build()


TARGETS = {
    target.__name__: target for target in (ingest, decrypt, playback, validator, recovery, labels, timeline, unlock)
}

SCHEMES = (None, "cenc", "cbcs")
SEGMENTS = [
    recorded_objects(recording_format=recording_format, scheme=scheme, segments=1, tracks=tracks)[0].body
    for scheme in SCHEMES
    for recording_format, tracks in ((MP4, ("vide", "soun", "meta")), (CMAF, ("vide",)), (CMAF, ("soun",)))
]
FILES = [
    *(progressive_file(scheme=scheme) for scheme in SCHEMES),
    *(fragmented_file(scheme=scheme) for scheme in SCHEMES),
    cmaf_file("meta"),
]
KEYS = [str(item.key) for item in recorded_objects(spans=2, segments=3, gap=5)]
ATTRIBUTES_OF_A_SEGMENT = recorded_objects(recording_format=MP4, segments=1)[0].metadata
SEEDS = {
    **dict.fromkeys(("ingest", "decrypt"), FILES + SEGMENTS),
    **dict.fromkeys(("playback", "validator", "recovery"), SEGMENTS),
    "labels": ["\n".join(f"{name}={value}" for name, value in ATTRIBUTES_OF_A_SEGMENT.items()).encode()],
    "timeline": ["\n".join(KEYS).encode(), "\n".join(KEYS[::-2]).encode(), b"2016-12-31/23/59-60.5Z.7.mp4"],
    "unlock": list(wrapped_keys()),
}
"""What each target starts from, and gets through with."""
