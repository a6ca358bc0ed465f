"""What an object says costs its readers no more than its bytes: counted work, memory, and samples before a refusal.

Work is counted in lines that run, so that no figure depends on the machine.
"""

import struct
import tracemalloc
from contextlib import suppress
from datetime import timedelta
from fractions import Fraction
from random import Random

import laws_bombs as bombs
import pytest
from laws_bombs import full, head, mdat, moof, numbers, traf, trun

from onvif_bmff.bmff import build_boxes, parse_boxes
from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import FixedKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.codecs import AvcCodec, MetadataCodec
from onvif_bmff.errors import BoxError, OnvifBmffError
from onvif_bmff.export.clear_file import ClearFile
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects.events import collect_objects
from onvif_bmff.playback import SampleReader, Timeline, read_segment, select
from onvif_bmff.recording.encryption import EncryptionEntry
from onvif_bmff.recording.formats import CMAF, MP4
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.target import RecordingTarget
from onvif_bmff.recovery.segment import recover_segment
from onvif_bmff.testing.made_files import fragmented_file, progressive_file
from onvif_bmff.testing.recordings import CONTENT_KEY, START
from onvif_bmff.validation import validate_store

pytestmark = pytest.mark.no_cover

MIB = 1 << 20
LINES_A_BYTE = 150
"""What the dearest of all readers, over the dearest of all honest boxes, does not come near."""


def named(item):
    return item.__name__


# ---- hostile objects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", bombs.FAMILIES, ids=named)
@pytest.mark.parametrize("reader", bombs.READERS, ids=named)
def test_work_grows_with_the_bytes_only(family, reader):
    small, large = family(1600), family(6400)
    assert len(large) <= 5 * len(small)
    first = bombs.work_of(reader, small, LINES_A_BYTE * len(small) + 50_000)
    second = bombs.work_of(reader, large, LINES_A_BYTE * len(large) + 50_000)
    assert second <= 5.5 * first, f"{first:,} lines for {len(small):,} bytes, {second:,} for {len(large):,}"


@pytest.mark.parametrize("family", [*bombs.OVERDRAWN, bombs.rows_without_bytes, bombs.short_lengths], ids=named)
@pytest.mark.parametrize(
    "reader", [bombs.ingest, bombs.decrypt, bombs.export, bombs.validator, bombs.recovery], ids=named
)
def test_memory_is_bounded_by_the_bytes(family, reader):
    data = family(8_000)
    tracemalloc.start()
    try:
        reader(data)
    except OnvifBmffError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= 4 * len(data) + 4 * MIB, f"{peak:,} bytes for {len(data):,}"


@pytest.mark.parametrize("family", bombs.OVERDRAWN, ids=named)
def test_what_cannot_be_is_refused_before_it_is_spread_out(family):
    data, taken = family(36_000), []
    lenient = []
    with suppress(OnvifBmffError):
        lenient.extend(len(item.data) for item in Mp4Input(data).samples())
    assert len(lenient) <= len(data)
    assert sum(lenient) <= 8 * len(data)
    samples = Mp4Input(data, strict=True).samples()
    with pytest.raises(OnvifBmffError) as refused:
        taken.extend(len(item.data) for item in samples)
    assert len(taken) <= len(data)
    assert sum(taken) <= 8 * len(data)
    if isinstance(refused.value, BoxError):
        place = refused.value.offset
        assert data[place + 4 : place + 8].decode() == refused.value.path.rpartition("/")[2]


IN_ONE_FRAGMENT = (bombs.many_runs, bombs.many_large_samples, bombs.many_trafs, bombs.many_tracks)


@pytest.mark.parametrize("family", IN_ONE_FRAGMENT, ids=named)
def test_every_reader_of_samples_refuses_alike(family):
    """One account for all: the same box is found to claim too much, whoever reads it."""
    data, found = family(36_000), set()
    store = bombs.stored(data)
    attempts = (
        lambda: list(Mp4Input(data).samples()),
        lambda: list(ClearFile(data, bombs.ring()).pieces()),
        lambda: list(read_segment(data).samples()),
        lambda: list(SampleReader(store, select(Timeline.from_store(store)))),
        lambda: recover_segment(data, bombs.ObjectKey.parse(bombs.NAME.format(0, "mp4"))),
    )
    for attempt in attempts:
        with pytest.raises(BoxError) as refused:
            attempt()
        found.add((refused.value.reason.partition(" (track")[0].split()[-1], refused.value.path))
    assert {path for _, path in found} == {"/moof/traf/trun"}
    assert len(found) == 1
    messages = [(one.rule, one.path) for one in validate_store(store) if one.path == "/moof/traf/trun"]
    assert ("ANX-B.3-08", "/moof/traf/trun") in messages


# ---- counters --------------------------------------------------------------------------------------------

EDGES = (255, 256, 65_535, 65_536, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
WIDE_EDGES = ((1 << 32) - 1, 1 << 32, 1 << 53, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
FILES = {
    "cenc": fragmented_file(tracks=("soun",), samples=2, fragments=1, scheme="cenc"),
    "cbcs": fragmented_file(tracks=("soun",), samples=2, fragments=1, scheme="cbcs"),
    "tables": progressive_file(tracks=("vide",), samples=2, scheme="cenc"),
}
FIELDS = {
    "number of samples in trun": ("cenc", "trun", 12, 4),
    "data offset of trun": ("cenc", "trun", 16, 4),
    "first duration in trun": ("cenc", "trun", 20, 4),
    "first size in trun": ("cenc", "trun", 24, 4),
    "track of tfhd": ("cenc", "tfhd", 12, 4),
    "time of tfdt": ("cenc", "tfdt", 12, 8),
    "number of samples in senc": ("cenc", "senc", 12, 4),
    "number of samples in saiz": ("cenc", "saiz", 13, 4),
    "number of places in saio": ("cenc", "saio", 12, 4),
    "place in saio": ("cenc", "saio", 16, 4),
    "rows of tfra": ("cenc", "tfra", 20, 4),
    "size of mfra in mfro": ("cenc", "mfro", 12, 4),
    "number of keys in pssh": ("cenc", "pssh", 28, 4),
    "sample entries in stsd": ("cenc", "stsd", 12, 4),
    "default size in trex": ("cenc", "trex", 24, 4),
    "rows of sbgp": ("cbcs", "sbgp", 16, 4),
    "samples in a group of sbgp": ("cbcs", "sbgp", 20, 4),
    "group of sbgp": ("cbcs", "sbgp", 24, 4),
    "length of an entry of sgpd": ("cbcs", "sgpd", 16, 4),
    "entries of sgpd": ("cbcs", "sgpd", 20, 4),
    "rows of stts": ("tables", "stts", 12, 4),
    "samples in a row of stts": ("tables", "stts", 16, 4),
    "ticks in a row of stts": ("tables", "stts", 20, 4),
    "samples in a row of ctts": ("tables", "ctts", 16, 4),
    "first chunk in stsc": ("tables", "stsc", 16, 4),
    "samples in a chunk of stsc": ("tables", "stsc", 20, 4),
    "constant size in stsz": ("tables", "stsz", 12, 4),
    "number of samples in stsz": ("tables", "stsz", 16, 4),
    "place in stco": ("tables", "stco", 16, 4),
    "number in stss": ("tables", "stss", 16, 4),
    "duration of an edit": ("tables", "elst", 16, 4),
    "time of an edit": ("tables", "elst", 20, 4),
    "number of samples in saiz of the movie": ("tables", "saiz", 13, 4),
    "timescale of the movie": ("tables", "mvhd", 20, 4),
    "timescale of the media": ("tables", "mdhd", 20, 4),
}
COUNTED = (bombs.ingest, bombs.decrypt, bombs.export_progressive, bombs.validator, bombs.recovery, bombs.inspect)


@pytest.mark.parametrize("field", FIELDS)
def test_counters_at_their_edges(field):
    """Whatever a field says, each reader ends with an answer or an error of the library, and does not go astray."""
    file, kind, at, width = FIELDS[field]
    start = FILES[file].index(kind.encode()) - 4
    for value in EDGES if width == 4 else WIDE_EDGES:
        data = bytearray(FILES[file])
        data[start + at : start + at + width] = value.to_bytes(width, "big")
        for reader in COUNTED:
            bombs.work_of(reader, bytes(data), 100_000)


@pytest.mark.parametrize("count", EDGES)
@pytest.mark.parametrize("size", [0, 1])
def test_runs_of_so_many_samples(count, size):
    """A bare count is believed as far as there are bytes, or rows, for so many samples."""
    data = head() + moof(lambda at: [traf(trun(count, at), size=size)]) + mdat(65_536 if size else 1)
    taken = 0
    try:
        for _ in Mp4Input(data, strict=True).samples():
            taken += 1
    except OnvifBmffError:
        assert taken == 0
        assert count > (65_536 if size else 16)
    else:
        assert taken == count
    lenient = sum(1 for _ in Mp4Input(data).samples())
    assert lenient == (count if count <= (65_536 if size else 16) else 65_536 * size)


@pytest.mark.parametrize("place", WIDE_EDGES)
def test_places_beyond_any_file(place):
    header = full("tfhd", 0, 0x19, numbers(1), struct.pack(">Q", place), numbers(1, 1))
    part = bombs.box("traf", header, bombs.tfdt(), trun(1, 0))
    data = head() + moof(lambda at: [part]) + mdat(9)
    with pytest.raises(OnvifBmffError):
        list(Mp4Input(data, strict=True).samples())
    assert list(Mp4Input(data).samples()) == []
    for reader in COUNTED:
        bombs.work_of(reader, data, 100_000)


# ---- honest objects --------------------------------------------------------------------------------------


def test_audio_of_one_byte_a_frame_is_read_by_all():
    count = 20_000
    data = head() + moof(lambda at: [traf(trun(count, at), size=1)]) + mdat(count)
    store = bombs.stored(data)
    assert sum(1 for _ in Mp4Input(data).samples()) == count
    assert sum(1 for _ in read_segment(data).samples()) == count
    assert sum(1 for _ in SampleReader(store, select(Timeline.from_store(store)))) == count
    assert b"".join(bytes(piece.data) for piece in ClearFile(data, bombs.ring()).pieces()) == data
    assert recover_segment(data, bombs.ObjectKey.parse(bombs.NAME.format(0, "mp4"))).fragment_count == 1
    assert not [one for one in validate_store(store) if one.rule == "ANX-B.3-08"]


def test_pcm_in_tables_is_read():
    data = bombs.progressive(
        1, lambda at: [full("stts", 0, 0, numbers(1, 9000, 1)), *bombs.stbl(9000, [at], 9000, 1)[1:]], 9000
    )
    assert sum(len(one.data) for one in Mp4Input(data).samples()) == 9000


def test_tracks_may_share_their_data():
    """Alternatives of one programme, eight of them: as far as one file may go."""
    data = head(8) + moof(lambda at: [traf(trun(9, at), track=n + 1, size=900) for n in range(7)]) + mdat(8_100)
    assert sum(1 for _ in Mp4Input(data).samples()) == 63


def one_picture_fragments(count, scheme, recording_format):
    """A segment of the recorder with a fragment for each second, of the smallest pictures and documents there are."""
    codec = AvcCodec.from_parameter_sets([bytes.fromhex("6742c01e95a0280bfe54")], [bytes.fromhex("68ce3c80")])
    tracks = [Track("VIDEO001", 1, 90_000, codec)]
    if recording_format is MP4:
        tracks.append(Track("META001", 3, 1_000, MetadataCodec()))
    encryption = () if scheme is None else (EncryptionEntry(ProtectionScheme(scheme), FixedKey(CONTENT_KEY)),)
    target = RecordingTarget(
        format=recording_format, prefix="a", segment_duration=timedelta(seconds=10 * count), encryption=encryption
    )
    vectors = IvSources(CencIvAllocators(random=Random(1).randbytes), CbcsIvSource(Random(1).randbytes))
    recorder = Recorder(tracks, target, ivs=vectors)
    recorder.activate(START, media_time=Fraction(0))
    events = []
    for second in range(count):
        for track in tracks:
            data = bytes.fromhex("000000086588804a04040404") if track.track_id == 1 else b"<a/>"
            events += recorder.push(Sample(track.track_id, second * track.timescale, track.timescale, data))
    events += recorder.deactivate()
    (segment,) = [item for item in collect_objects(events) if not item.key.span_end]
    return segment


def repeated(body, size):
    """The object as large as that, by the fragments between its first and its last over and over."""
    boxes = parse_boxes(body)
    places = [number for number, box in enumerate(boxes) if box.type == "moof"]
    again = boxes[places[1] : places[-1]]
    more = build_boxes(again)
    return build_boxes(boxes[: places[1]]) + more * (size // len(more) + 1)


def weight(box):
    return sum(type(inner).layout.weight for _, inner in box.walk())


def test_an_hour_of_one_picture_fragments_is_no_bomb():
    body = one_picture_fragments(3600, "cbcs", CMAF).body
    boxes = parse_boxes(body)
    assert sum(box.type == "moof" for box in boxes) == 3600
    assert build_boxes(boxes) == body


@pytest.mark.parametrize("scheme", [None, "cenc", "cbcs"])
@pytest.mark.parametrize("recording_format", [CMAF, MP4])
def test_any_number_of_a_recorders_fragments_is_read(scheme, recording_format):
    """So many that nothing but their own bytes can have paid for them."""
    many = repeated(one_picture_fragments(12, scheme, recording_format).body, 800_000)
    assert sum(weight(box) for box in parse_boxes(many)) > 32_768 + len(many) // 128


def test_memory_of_fragments_is_eleven_times_their_bytes():
    many = repeated(one_picture_fragments(12, "cbcs", MP4).body, 200_000)
    tracemalloc.start()
    try:
        found = parse_boxes(many)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found
    assert peak <= 13 * len(many)


@pytest.mark.parametrize(
    "kind", sorted({"free", "mfhd", "tfhd", "tfdt", "trun", "saiz", "saio", "senc", "sgpd", "sbgp", "subs"})
)
def test_fragments_of_a_flood_of_boxes_take_bounded_memory(kind):
    """What pays for boxes in fragments does not pay for more memory than twenty times their bytes."""
    smallest = next(one for one in (full(kind, 0, 0, bytes(size)) for size in range(64)) if whole(one))
    data = moof(lambda at: [smallest] * (60_000 // len(smallest)))
    tracemalloc.start()
    try:
        boxes = parse_boxes(data)
    except BoxError as error:
        boxes = error.partial
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert boxes
    assert peak <= 20 * len(data) + 16 * MIB


def whole(data):
    try:
        return parse_boxes(data) is not None
    except BoxError:
        return False
