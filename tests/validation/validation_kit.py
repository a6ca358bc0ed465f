"""Stores to validate: recordings, copies of them, and a way to break one object box by box."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random
from uuid import UUID

from onvif_bmff.bmff import (
    FileTypeBox,
    MediaDataBox,
    MovieBox,
    MovieFragmentBox,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    SampleAuxiliaryInformationOffsetsBox,
    SampleEncryptionBox,
    TrackBox,
    TrackFragmentBox,
    TrackFragmentRandomAccessBox,
    TrackRunBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import MetadataCodec, MjpegCodec
from onvif_bmff.codecs.g711 import G711Codec
from onvif_bmff.ingest.mp4 import open_mp4
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects.seek_table import SeekTable
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.storage.sink import StoreSink
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

CAMERA = Path(__file__).resolve().parents[1] / "data" / "camera.mp4"
START = UtcTime.parse("2022-11-08T15:08:23.547Z")
KEYS = [ContentKey(UUID(int=number), bytes([number]) * 16) for number in range(1, 5)]
META = Track("META001", 3, 1_000, MetadataCodec())
MJPEG = Track("VIDEO001", 1, 90_000, MjpegCodec(640, 480))
G711 = Track("AUDIO001", 2, 8_000, G711Codec("ulaw"))
CENC, CBCS = ProtectionScheme.CENC, ProtectionScheme.CBCS


@cache
def clip():
    """Tracks and samples of the bundled clip, with metadata beside it."""
    with open_mp4(CAMERA) as source:
        tracks = (*source.tracks, META)
        scales = {track.track_id: track.timescale for track in tracks}
        samples = [replace(sample, data=bytes(sample.data)) for sample in source.samples()]
    samples += metadata(12)
    samples.sort(key=lambda sample: (sample.decode_time + sample.composition_offset) / scales[sample.track_id])
    by_track = {track: [s for s in samples if s.track_id == track] for track in scales}
    for track in by_track.values():
        track.sort(key=lambda sample: sample.decode_time)
    order = [sample.track_id for sample in samples]
    feeds = {track: iter(found) for track, found in by_track.items()}
    return tracks, tuple(next(feeds[track]) for track in order)


def metadata(seconds, every=0.5):
    return [
        Sample(3, int(number * every * 1000), int(every * 1000), b"<tt:MetadataStream n='%d'/>" % number)
        for number in range(int(seconds / every))
    ]


def jpegs(seconds, rate=10):
    return [
        Sample(1, number * 90_000 // rate, 90_000 // rate, b"\xff\xd8" + b"picture %d" % number * 20)
        for number in range(int(seconds * rate))
    ]


def packets(seconds):
    return [Sample(2, number * 160, 160, bytes([number % 251 + 1]) * 160) for number in range(int(seconds * 50))]


def in_order(tracks, samples):
    scales = {track.track_id: track.timescale for track in tracks}
    return sorted(samples, key=lambda sample: Fraction(sample.decode_time, scales[sample.track_id]))


def entry(scheme, key=KEYS[0], *, tracks=(), **options):
    return EncryptionEntry(scheme, FixedKey(key), tracks=tracks, **options)


def seeded_ivs():
    draw = Random(1)
    return IvSources(CencIvAllocators(random=draw.randbytes), CbcsIvSource(draw.randbytes))


def make_recorder(tracks, *, recorder=None, **target):
    target = {"prefix": "site-2", "postfix": "camera-5", "segment_duration": timedelta(seconds=2), **target}
    return Recorder(tracks, RecordingTarget(**target), **{"ivs": seeded_ivs(), **(recorder or {})})


def record(tracks, samples, *, seconds=None, start=START, **options):
    """A store with the recording of the samples."""
    store = MemoryStore()
    recorder = make_recorder(tracks, **options)
    scales = {track.track_id: track.timescale for track in tracks}
    with StoreSink(store) as sink:
        recorder.activate(start, media_time=Fraction(0))
        for sample in samples:
            if sample.track_id in scales and (
                seconds is None or sample.decode_time < seconds * scales[sample.track_id]
            ):
                sink.add_all(recorder.push(sample))
        sink.add_all(recorder.deactivate())
    return store


def objects_of(store):
    names = list(store.keys())
    return {key: (store.get(key), store.head(key).content_type, store.head(key).attributes) for key in names}


def put(store, key, body, content_type="application/octet-stream", attributes=None):
    writer = store.open_writer(key, content_type=content_type, overwrite=True)
    writer.append(bytes(body))
    writer.seal(attributes or {})


def store_of(objects):
    store = MemoryStore()
    for key, (body, content_type, attributes) in objects.items():
        put(store, key, body, content_type, attributes)
    return store


@cache
def _base(name):
    tracks, samples = clip()
    options = {
        "cmaf": {"format": CMAF},
        "mp4": {"format": MP4},
        "cmaf-spans": {"format": CMAF, "span_duration": timedelta(seconds=4)},
        "mp4-spans": {"format": MP4, "span_duration": timedelta(seconds=4)},
        "cmaf-cenc": {"format": CMAF, "encryption": (entry(CENC),)},
        "cmaf-cbcs": {"format": CMAF, "encryption": (entry(CBCS),)},
        "mp4-cenc": {"format": MP4, "encryption": (entry(CENC),)},
        "mp4-cbcs": {"format": MP4, "encryption": (entry(CBCS),)},
        "cmaf-long": {"format": CMAF, "segment_duration": timedelta(seconds=20), "seconds": 12},
        "mp4-long": {"format": MP4, "segment_duration": timedelta(seconds=20), "seconds": 12},
        "cmaf-cenc-long": {"format": CMAF, "segment_duration": timedelta(seconds=20), "encryption": (entry(CENC),)},
    }[name]
    return objects_of(record(tracks, samples, **{"seconds": 6, **options}))


def base(name):
    """A fresh store with one of the recordings that tests break."""
    return store_of(_base(name))


def keys_of(store, extension):
    names = list(store.keys())
    return [key for key in names if key.endswith("." + extension)]


def rename(store, old, new):
    body, info = store.get(old), store.head(old)
    store.delete(old)
    put(store, new, body, info.content_type, info.attributes)
    return new


def rules_in(store, **options):
    """How often each rule is broken."""
    return Counter(finding.rule for finding in validate_store(store, **options))


class Opened:
    """An object taken apart; what moves when its boxes change is put right when it is closed, unless told not to."""

    def __init__(self, store, key):
        info = store.head(key)
        self.key, self.content_type, self.attributes = key, info.content_type, dict(info.attributes)
        self.boxes = list(parse_boxes(store.get(key)))
        self.fix = True
        self.tail = b""

    def of(self, kind):
        return [box for box in self.boxes if isinstance(box, kind)]

    @property
    def ftyp(self):
        return self.of(FileTypeBox)[0]

    @property
    def moov(self):
        return self.of(MovieBox)[0]

    @property
    def moofs(self):
        return self.of(MovieFragmentBox)

    @property
    def mdats(self):
        return self.of(MediaDataBox)

    @property
    def mfra(self):
        return self.of(MovieFragmentRandomAccessBox)[0]

    def trak(self, number=0):
        return self.moov.find_all(TrackBox)[number]

    def traf(self, moof=0, number=0):
        return self.moofs[moof].find_all(TrackFragmentBox)[number]

    def inside(self, root, kind, number=0):
        """The number-th box of a class anywhere below a box."""
        return [box for _, box in root.walk() if isinstance(box, kind)][number]

    def holder(self, root, kind):
        """The box that holds the first box of a class."""
        return next(box for _, box in root.walk() if any(isinstance(child, kind) for child in box.children_of()))

    def drop(self, root, kind):
        """Take all boxes of a class out of whatever holds them."""
        for _, box in list(root.walk()):
            if any(isinstance(child, kind) for child in box.children_of()):
                box.children = tuple(child for child in box.children if not isinstance(child, kind))

    def add(self, holder, *boxes, at=None):
        children = list(holder.children)
        place = len(children) if at is None else at
        holder.children = (*children[:place], *boxes, *children[place:])

    def build(self):
        if self.fix:
            self._fix()
        return build_boxes(self.boxes) + self.tail

    def _fix(self):
        for moof in self.moofs:
            moved = moof.size - (moof.read_size or moof.size)
            for _, box in moof.walk():
                if isinstance(box, TrackRunBox) and box.data_offset is not None:
                    box.data_offset += moved
            self._fix_saio(moof)
        offsets, position = {}, 0
        for box in self.boxes:
            offsets[box.offset] = position
            position += box.size
        for mfra in self.of(MovieFragmentRandomAccessBox):
            for table in mfra.find_all(TrackFragmentRandomAccessBox):
                _move(table, offsets)
            for last in mfra.find_all(MovieFragmentRandomAccessOffsetBox):
                last.parent_size = mfra.size
        text = self.attributes.get("SeekTable")
        if text:
            table = SeekTable.from_base64(text).to_mfra()
            for one in table.find_all(TrackFragmentRandomAccessBox):
                _move(one, offsets)
            self.attributes["SeekTable"] = SeekTable.from_mfra(table).to_base64()

    def _fix_saio(self, moof):
        (again,) = parse_boxes(moof.build())
        for traf, built in zip(moof.find_all(TrackFragmentBox), again.find_all(TrackFragmentBox), strict=True):
            senc, saio = built.find(SampleEncryptionBox), traf.find(SampleAuxiliaryInformationOffsetsBox)
            if senc is not None and saio is not None:
                saio.entries = Columns(offset=[senc.offset + 16])


def _move(table, offsets):
    columns = {name: list(table.entries[name]) for name in table.entries.names}
    columns["moof_offset"] = [offsets.get(offset, offset) for offset in columns["moof_offset"]]
    table.entries = Columns(**columns)


@contextmanager
def opened(store, extension, number=1):
    """Change the ``number``-th object with an extension (an index, or a whole key)."""
    key = number if isinstance(number, str) else keys_of(store, extension)[number]
    made = Opened(store, key)
    yield made
    put(store, made.key, made.build(), made.content_type, made.attributes)
