"""Objects of few bytes that speak of very much: each family makes one of about ``size`` bytes, and who reads them.

An honest reader's work and memory grow with the bytes of an object. In these they would grow with its square, or with
a number in it, for a reader that believed it.
"""

import io
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from support_work import lines_run

from onvif_bmff.bmff import build_boxes, iter_boxes, parse_boxes
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cli.box_view import box_node
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.export import export_movie, hls_playlists
from onvif_bmff.export.clear_file import ClearFile
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import SampleReader, Seeker, Timeline, read_segment, select
from onvif_bmff.recovery.segment import recover_segment
from onvif_bmff.storage import MemoryStore
from onvif_bmff.testing.made_files import fragmented_file
from onvif_bmff.testing.recordings import CONTENT_KEY
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

NAME = "site-2/2022-11-08/camera-5/15/08-23.547Z.{}.{}"
BASE_IS_MOOF = 0x020000


def box(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def full(kind: str, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def head(tracks: int = 1, scheme: str | None = None, kind: str = "soun") -> bytes:
    """The ftyp and moov of a fragmented file."""
    boxes = parse_boxes(fragmented_file(tracks=(kind,) * tracks, fragments=0, scheme=scheme))
    return build_boxes(boxes[:2])


def tfhd(track: int = 1, size: int = 0) -> bytes:
    """A header whose samples have ``size`` bytes and last one tick; positions count from the moof."""
    return full("tfhd", 0, BASE_IS_MOOF | 0x18, numbers(track, 1, size))


def tfdt(time: int = 0) -> bytes:
    return full("tfdt", 1, 0, struct.pack(">Q", time))


def trun(count: int, offset: int, *rows: int, columns: int = 0) -> bytes:
    return full("trun", 0, columns | 1, struct.pack(">Ii", count, offset), numbers(*rows))


def traf(*boxes: bytes, track: int = 1, size: int = 0) -> bytes:
    return box("traf", tfhd(track, size), tfdt(), *boxes)


def moof(make: Callable[[int], list[bytes]]) -> bytes:
    """A moof of what ``make`` gives, which is told where its mdat's payload begins (counted from the moof)."""
    for _ in range(2):
        start = len(box("moof", full("mfhd", 0, 0, numbers(1)), *make(0))) + 8
    return box("moof", full("mfhd", 0, 0, numbers(1)), *make(start))


def mdat(size: int, fill: bytes = b"\x21") -> bytes:
    return box("mdat", fill * size)


# ---- families --------------------------------------------------------------------------------------------


def many_runs(size: int) -> bytes:
    """Half of the bytes are samples of one byte; the other half are runs that claim all of them, each."""
    data, runs = size // 2, size // 2 // 20
    return head() + moof(lambda at: [traf(*[trun(data, at)] * runs, size=1)]) + mdat(data)


def many_large_samples(size: int) -> bytes:
    """The same with one sample a run, as large as all data."""
    data, runs = size // 2, size // 2 // 20
    return head() + moof(lambda at: [traf(*[trun(1, at)] * runs, size=data)]) + mdat(data)


def many_trafs(size: int) -> bytes:
    data, trafs = size // 2, size // 2 // 76
    return head() + moof(lambda at: [traf(trun(data, at), size=1)] * trafs) + mdat(data)


def many_tracks(size: int) -> bytes:
    """A traf for each of many tracks, all of the same bytes."""
    data, tracks = size // 2, size // 800
    return (
        head(tracks) + moof(lambda at: [traf(trun(data, at), track=n + 1, size=1) for n in range(tracks)]) + mdat(data)
    )


def many_fragments(size: int) -> bytes:
    """One mdat at the beginning, and fragments that all claim it."""
    data = size // 2
    start = head() + mdat(data)
    at = len(start) - data
    header = full("tfhd", 0, 0x19, numbers(1), struct.pack(">Q", at), numbers(1, 1))
    one = box("moof", full("mfhd", 0, 0, numbers(1)), box("traf", header, tfdt(), trun(data, 0)))
    return start + one * (size // 2 // len(one))


def many_moofs_before_their_mdat(size: int) -> bytes:
    """The same with the data behind all fragments, where readers of whole files look for it."""
    data, start = size // 2, head()

    def one(at: int) -> bytes:
        header = full("tfhd", 0, 0x19, numbers(1), struct.pack(">Q", at), numbers(1, 1))
        return box("moof", full("mfhd", 0, 0, numbers(1)), box("traf", header, tfdt(), trun(data, 0)))

    count = size // 2 // len(one(0))
    return start + one(len(start) + count * len(one(0)) + 8) * count + mdat(data)


def rows_without_bytes(size: int) -> bytes:
    """Runs of as many samples of no bytes as a run may have."""
    return head() + moof(lambda at: [traf(*[trun(16, at)] * (size // 20))]) + mdat(1)


def counts_without_rows(size: int) -> bytes:
    """Runs of four billion samples of no bytes."""
    return head() + moof(lambda at: [traf(*[trun((1 << 32) - 1, at)] * (size // 20))]) + mdat(1)


def stbl(count: int, chunks: list[int], per_chunk: int, sample: int) -> list[bytes]:
    return [
        full("stts", 0, 0, numbers(1, count, 2)),
        full("stsc", 0, 0, numbers(1, 1, per_chunk, 1)),
        full("stsz", 0, 0, numbers(sample, count)),
        full("stco", 0, 0, numbers(len(chunks), *chunks)),
    ]


def progressive(tracks: int, tables: Callable[[int], list[bytes]], data: int) -> bytes:
    """A file of that many tracks, each with the tables that are made for data that begin at a byte."""
    movie = parse_boxes(head(tracks))
    entry = next(inner for _, inner in movie[1].walk() if inner.type == "stsd").build()
    made = b""
    for _ in range(2):
        offset = len(made) + 8
        traks = [
            box(
                "trak",
                full("tkhd", 0, 3, bytes(8), numbers(number + 1), bytes(68)),
                box(
                    "mdia",
                    full("mdhd", 0, 0, bytes(8), numbers(48_000, 0), bytes(4)),
                    full("hdlr", 0, 0, bytes(4), b"soun", bytes(13)),
                    box("minf", full("smhd", 0, 0, bytes(4)), box("stbl", entry, *tables(offset))),
                ),
            )
            for number in range(tracks)
        ]
        made = movie[0].build() + box("moov", movie[1].children[0].build(), *traks)
    return made + mdat(data)


def many_tables(size: int) -> bytes:
    """Many tracks whose sample tables describe the same bytes."""
    data = size // 2
    return progressive(size // 800, lambda at: stbl(data, [at], data, 1), data)


def many_chunks(size: int) -> bytes:
    """Chunks that all lie in the same place."""
    data, chunks = size // 2, size // 2 // 4
    return progressive(1, lambda at: stbl(chunks * data, [at] * chunks, data, 1), data)


def many_frame_chunks(size: int) -> bytes:
    """The same in a track of PCM, whose frames come in packets."""
    data, chunks = size // 2, size // 2 // 4

    def tables(at: int) -> list[bytes]:
        found = stbl(chunks * data, [at] * chunks, data, 1)
        return [full("stts", 0, 0, numbers(1, chunks * data, 1)), *found[1:]]

    return progressive(1, tables, data)


def vectors_over_and_over(size: int) -> bytes:
    """Encrypted fragments that all keep their vectors in the same bytes of their mdat."""
    data, trafs = size // 2, size // 2 // 140
    count = min(data // 8, 400)

    def make(at: int) -> list[bytes]:
        places = full("saio", 0, 0, numbers(1, at))
        sizes = full("saiz", 0, 0, b"\x08", numbers(count))
        part = traf(trun(count, at), places, sizes, size=1)
        return [part] * trafs

    return head(scheme="cenc") + moof(make) + mdat(data)


def records_of_subsamples_over_and_over(size: int) -> bytes:
    """Vectors with 40 subsamples each, all in the same bytes; 250 bytes for a sample of one."""
    data, runs = size // 2, size // 2 // 24
    record = bytes(8) + struct.pack(">H", 40) + struct.pack(">HI", 0, 1) + bytes(39 * 6)

    def make(at: int) -> list[bytes]:
        places = full("saio", 0, 0, numbers(runs, *[at] * runs))
        sizes = full("saiz", 0, 0, bytes((len(record),)), numbers(runs))
        return [traf(*[trun(1, at)] * runs, places, sizes, size=1)]

    return head(scheme="cenc") + moof(make) + box("mdat", record, bytes(data))


def many_places_of_data(size: int) -> bytes:
    """Runs of one byte each, and as many empty mdat boxes before the one that has it."""
    runs, empty = size // 2 // 20, size // 2 // 8
    return head() + moof(lambda at: [traf(*[trun(1, at + 8 * empty)] * runs, size=1)]) + mdat(0) * empty + mdat(9)


def parts_that_wait(size: int) -> bytes:
    """Trafs whose data come at the end, behind a crowd of boxes."""
    trafs, crowd = size // 2 // 76, size // 2 // 8
    at = 8 * crowd
    return head() + moof(lambda start: [traf(trun(1, start + at), size=1)] * trafs) + box("free") * crowd + mdat(99)


def seig(index: int) -> bytes:
    return b"\0\0\1\x08" + index.to_bytes(16, "big")


def groups_of_the_track(size: int) -> bytes:
    """Many descriptions of groups in the moov, and many fragments that could refer to them."""
    count = size // 2 // 20
    group = full("sgpd", 1, 0, b"seig", numbers(20, count), b"".join(map(seig, range(count))))
    boxes = parse_boxes(head(scheme="cenc"))
    table = next(inner for _, inner in boxes[1].walk() if inner.type == "stbl")
    table.children = (*table.children, parse_boxes(group)[0])
    fragment = moof(lambda at: [traf(trun(0, at))]) + mdat(0)
    return build_boxes(boxes) + fragment * (size // 2 // len(fragment))


def sample_entry_of_many_boxes(size: int) -> bytes:
    """A sample entry that takes long to read, and many fragments that use it."""
    boxes = parse_boxes(head(kind="vide", scheme="cenc"))
    entry = next(inner for _, inner in boxes[1].walk() if inner.type == "encv")
    entry.children = (*entry.children, *parse_boxes(box("free") * (size // 2 // 8)))
    senc = full("senc", 0, 0, numbers(0))
    fragment = moof(lambda at: [traf(trun(1, at), senc, size=4)]) + mdat(4)
    return build_boxes(boxes) + fragment * (size // 2 // len(fragment))


def many_tracks_and_fragments(size: int) -> bytes:
    tracks = size // 800
    fragment = moof(lambda at: [traf(trun(1, at), track=tracks, size=1)]) + mdat(1)
    return head(tracks) + fragment * (size // 2 // len(fragment))


def many_tracks_and_events(size: int) -> bytes:
    tracks = size // 800
    event = full("emsg", 0, 0, b"a\0b\0", bytes(16))
    fragment = moof(lambda at: [traf(trun(1, at), size=1)]) + mdat(1)
    return head(tracks) + event * (size // 2 // len(event)) + fragment


def index_to_and_fro(size: int) -> bytes:
    """An mfra whose entries lead now to one, now to the other of two long runs."""
    start, rows = head(), size // 2 // 11
    fragment = moof(lambda at: [traf(trun(size // 8, at), size=1)]) + mdat(size // 8)
    places = [len(start), len(start) + len(fragment)]
    entries = b"".join(struct.pack(">IIBBB", 200, places[row % 2], 1, 1, 200) for row in range(rows))
    table = full("tfra", 0, 0, numbers(1, 0, rows), entries)
    return start + fragment * 2 + box("mfra", table, full("mfro", 0, 0, numbers(8 + len(table) + 16)))


def short_lengths(size: int) -> bytes:
    """One sample of NAL units of one byte, behind lengths of one byte."""
    boxes = parse_boxes(head(kind="vide"))
    config = next(inner for _, inner in boxes[1].walk() if inner.type == "avcC")
    config.length_size_minus_one = 0
    unit = b"\1\x0c" * (size // 2)
    return build_boxes(boxes) + moof(lambda at: [traf(trun(1, at), size=len(unit))]) + box("mdat", unit)


OVERDRAWN = (
    many_runs,
    many_large_samples,
    many_trafs,
    many_tracks,
    many_fragments,
    many_moofs_before_their_mdat,
    many_tables,
    many_chunks,
    many_frame_chunks,
    counts_without_rows,
)
"""Families that claim more than an object can have: who takes their samples refuses them."""

FAMILIES = (
    *OVERDRAWN,
    rows_without_bytes,
    vectors_over_and_over,
    records_of_subsamples_over_and_over,
    many_places_of_data,
    parts_that_wait,
    groups_of_the_track,
    sample_entry_of_many_boxes,
    many_tracks_and_fragments,
    many_tracks_and_events,
    index_to_and_fro,
    short_lengths,
)


# ---- readers ---------------------------------------------------------------------------------------------


def ring() -> KeyRing:
    return KeyRing([CONTENT_KEY])


def stored(data: bytes, extension: str = "mp4") -> MemoryStore:
    store = MemoryStore()
    writer = store.open_writer(NAME.format(0, extension), content_type="video/mp4")
    writer.append(data)
    writer.seal({"Version": "1.0"})
    return store


def drain(items: Iterator[object]) -> None:
    deque(items, maxlen=0)


def ingest(data: bytes) -> None:
    with Mp4Input(data) as source:
        drain(source.samples(FragmentDecryptor(ring(), source.data)))


def decrypt(data: bytes) -> None:
    drain(ClearFile(data, ring()).pieces())


def segment(data: bytes) -> None:
    found = read_segment(data, keys=ring())
    drain(found.samples())


def playback(data: bytes) -> None:
    store = stored(data)
    drain(iter(SampleReader(store, select(Timeline.from_store(store)), keys=ring())))


def export(data: bytes) -> None:
    store = stored(data)
    export_movie(store, select(Timeline.from_store(store)), io.BytesIO(), keys=ring())


def export_progressive(data: bytes) -> None:
    store = stored(data)
    export_movie(store, select(Timeline.from_store(store)), io.BytesIO(), keys=ring(), progressive=True)


def hls(data: bytes) -> None:
    store = stored(data)
    hls_playlists(store, select(Timeline.from_store(store)))


def seek(data: bytes) -> None:
    store = stored(data)
    found = Timeline.from_store(store).spans[0].segments[0]
    seeker = Seeker(store)
    seeker.read(seeker.find(found, UtcTime.parse("2022-11-08T15:09:00Z")))


def validator(data: bytes) -> None:
    for extension in ("mp4", "m4a"):
        drain(validate_store(stored(data, extension), keys=ring()))


def recovery(data: bytes) -> None:
    recover_segment(data, ObjectKey.parse(NAME.format(0, "mp4")))


def boxes(data: bytes) -> None:
    assert build_boxes(parse_boxes(data)) == data


def inspect(data: bytes) -> None:
    for found in iter_boxes(data):
        box_node(found)


READERS = (
    ingest,
    decrypt,
    segment,
    playback,
    export,
    export_progressive,
    hls,
    seek,
    validator,
    recovery,
    boxes,
    inspect,
)


def work_of(reader: Callable[[bytes], None], data: bytes, most: int) -> int:
    """Lines of the library that run while ``data`` is read, refused or not; ``Runaway`` beyond ``most``."""

    def read() -> None:
        with suppress(OnvifBmffError):
            reader(data)

    return lines_run(read, most)
