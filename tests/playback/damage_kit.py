"""Buckets that are damaged at random, and what an export of them has to hold.

``damaged(seed)`` gives a bucket before and after; ``problems(bucket)`` compares what is read, exported and listed with
what was recorded:

- every sample of an object that nothing happened to comes out, byte-equal and in its place;
- of an object that something happened to, every sample comes out, or the object is named;
- nothing comes out that was not recorded, unless its object is named;
- playlists list whole fragments only.

What no reader can notice is left out of account: changes of the media data themselves, and of what leaves the number,
sizes and times of samples as they were.
"""

import io
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from urllib.parse import unquote

from support_configurations import carry_out, configuration

from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import OnvifBmffError, ProtectionError
from onvif_bmff.export import export_continuous, export_movie, hls_playlists
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import TrackType
from onvif_bmff.playback import (
    LeftOut,
    MemorySource,
    SampleReader,
    Selection,
    SpanPart,
    Timeline,
    doubts,
    read_fragments,
    read_header,
    read_segment,
    select,
)
from onvif_bmff.storage import MemoryStore

KINDS = ("truncate", "flip", "zeros", "missing", "wrong", "no end", "foreign")
_FOREIGN = (
    b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01" + bytes(200),
    b"\0\0\0\x20ftypisom\0\0\0\0isommp41\0\0\0\0\0\0\0\0\0\0\0\x08free",
    b"no video at all\n" * 20,
    b"",
)
_SLACK = 2_500
_MOVED = 1_000_000


@dataclass
class Bucket:
    """A recording before and after; ``harmed`` says what happened to each key."""

    before: MemoryStore
    after: MemoryStore
    ring: KeyRing
    harmed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A sample that was played: kind of media, when it is presented (µs), and its data."""

    kind: str
    time: int
    data: bytes


def damaged(seed: int) -> Bucket:
    """A random recording with up to four random damages."""
    draw = Random(seed)
    recorded = carry_out(configuration(seed))
    bucket = Bucket(recorded.store, MemoryStore(), recorded.ring)
    bodies = {key: recorded.store.get(key) for key in recorded.store.keys("")}
    segments = [key for key in bodies if not key.endswith("_end")]
    ends = [key for key in bodies if key.endswith("_end")]
    for _ in range(draw.randint(1, 4)):
        kind = draw.choice(KINDS)
        keys = [key for key in (ends if kind == "no end" else segments) if key not in bucket.harmed]
        if keys:
            key = draw.choice(keys)
            found = _harmed(draw, kind, bodies, key)
            if found != bodies[key]:
                bucket.harmed[key] = kind
                bodies[key] = found if found is not None else b""
    for key, body in bodies.items():
        if bucket.harmed.get(key) in ("missing", "no end"):
            continue
        head = recorded.store.head(key)
        writer = bucket.after.open_writer(key, content_type=head.content_type)
        writer.append(body)
        writer.seal(dict(head.attributes))
    return bucket


def _harmed(draw: Random, kind: str, bodies: dict[str, bytes], key: str) -> bytes | None:
    """The bytes of an object afterwards; None: it is gone."""
    body = bodies[key]
    if kind == "truncate":
        return body[: draw.randrange(len(body))]
    if kind == "flip":
        changed = bytearray(body)
        for _ in range(draw.randint(1, 3)):
            changed[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
        return bytes(changed)
    if kind == "zeros":
        start = draw.randrange(len(body))
        stop = min(len(body), start + draw.choice((1, 4, 64, 512, 4096, len(body))))
        return body[:start] + bytes(stop - start) + body[stop:]
    if kind == "foreign":
        return draw.choice(_FOREIGN)
    if kind == "wrong":
        others = [one for name, one in bodies.items() if one and name != key]
        return draw.choice(others) if others else body
    return None


# ---- reading ------------------------------------------------------------------------------------


def _selections(store: MemoryStore) -> list[Selection]:
    timeline = Timeline.from_store(store)
    found = [select(timeline, prefix=prefix, postfix=postfix) for prefix, postfix in timeline.recordings]
    return [one for one in found if one]


def play(store: MemoryStore, ring: KeyRing, selection: Selection, *, strict: bool) -> tuple[list[Row], list[LeftOut]]:
    """What is played of a selection, and what is left out."""
    reader = SampleReader(store, selection, keys=ring, strict=strict)
    rows = [
        Row(one.track.type.value, one.time.microseconds, bytes(one.sample.data)) for one in reader if one.sample.data
    ]
    return rows, reader.left_out


def by_object(store: MemoryStore, ring: KeyRing, selection: Selection) -> dict[str, list[Row]]:
    """What each object gives that can be read by itself."""
    found: dict[str, list[Row]] = {}
    for extension, parts in selection.parts.items():
        for part in parts:
            for index in range(part.first, part.stop):
                alone = Selection({extension: (SpanPart(part.span, index, index + 1),)})
                try:
                    found[part.span.segments[index].name] = play(store, ring, alone, strict=True)[0]
                except OnvifBmffError:
                    continue
    return found


class Bag:
    """Rows, from which others are taken: the same data, at about the same time."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows: dict[tuple[str, bytes], list[int]] = defaultdict(list)
        for row in rows:
            self._rows[row.kind, row.data].append(row.time)

    def take(self, row: Row) -> bool:
        """Whether there is such a row, which is taken out."""
        times = self._rows[row.kind, row.data]
        for time in times:
            if abs(time - row.time) <= _SLACK:
                times.remove(time)
                return True
        return False


def _same_shape(one: list[Row], other: list[Row]) -> bool:
    """Whether no reader can tell two lists of rows from one another without knowing the media."""
    if len(one) != len(other):
        return False
    pairs = zip(*(sorted(rows, key=lambda row: row.kind) for rows in (one, other)), strict=True)
    return all(a.kind == b.kind and len(a.data) == len(b.data) and abs(a.time - b.time) <= _MOVED for a, b in pairs)


def _same_times(one: list[Row], other: list[Row]) -> bool:
    """Whether two lists of rows fill the same time."""
    times = [(min(row.time for row in rows), max(row.time for row in rows)) for rows in (one, other) if rows]
    return len(times) == 2 and all(abs(a - b) <= _MOVED for a, b in zip(*times, strict=True))


def _unnoticeable(bucket: Bucket, key: str, mine: list[Row], changed: list[Row] | None) -> bool:
    """Whether nothing in a bucket shows what happened to an object.

    Media data may change; an object of the same length from the same place of another span looks right. The last
    objects of a span are not missed if its end object is gone as well, or if it may be that of another span.
    """
    if changed is not None:
        return (
            _undecidable(bucket, key)
            or _same_shape(mine, changed)
            or (bucket.harmed[key] == "wrong" and _same_times(mine, changed))
        )
    extension = key.rpartition(".")[2]
    return bucket.harmed[key] == "missing" and (
        f"{extension}_end" in {name.rpartition(".")[2] for name in bucket.harmed} or not _is_followed(bucket, key)
    )


def _is_followed(bucket: Bucket, key: str) -> bool:
    """Whether anything is left of the span of an object behind it."""
    names = _span_names(bucket, key)
    left = set(bucket.after.keys(""))
    return any(name in left for name in names[names.index(key) :])


def _undecidable(bucket: Bucket, key: str) -> bool:
    """Whether an object is one of two of a span, of which one has another header: nothing shows which is right."""
    names = [name for name in _span_names(bucket, key) if not name.endswith("_end")]
    return len(names) == 2 and any(bucket.harmed.get(name) in ("flip", "wrong", "zeros") for name in names)


def _span_names(bucket: Bucket, key: str) -> list[str]:
    for span in Timeline.from_store(bucket.before).spans:
        names = [segment.name for segment in span.segments]
        if key in names:
            return names + ([span.end_name] if span.end_name else [])
    raise AssertionError(key)


# ---- judging ------------------------------------------------------------------------------------


def _names(key: str, left_out: list[LeftOut]) -> bool:
    """Whether an object is named, by its key or its counter."""
    counter, extension = key.split("Z.")[1].split(".")
    for one in left_out:
        if one.key == key:
            return True
        found = re.fullmatch(r".*/\*Z\.(?:(\d+)|\{(\d+)\.\.(\d+)\})\.(\w+)", one.key)
        if found and found[4] == extension:
            first, last = (found[1], found[1]) if found[1] else (found[2], found[3])
            if int(first) <= int(counter) <= int(last):
                return True
    return False


def problems(bucket: Bucket) -> tuple[list[str], Counter[str]]:
    """What is wrong with what is read of a bucket, and some counts."""
    found: list[str] = []
    counts: Counter[str] = Counter(bucket.harmed.values())
    after = {_place(one): one for one in _selections(bucket.after)}
    for selection in _selections(bucket.before):
        place = _place(selection)
        damaged_one = after.get(place)
        if damaged_one is not None:
            found += _problems(bucket, selection, damaged_one, counts)
    return found, counts


def _place(selection: Selection) -> tuple[str, str]:
    (part, *_) = next(iter(selection.parts.values()))
    return part.span.prefix, part.span.postfix


def _problems(bucket: Bucket, whole: Selection, broken: Selection, counts: Counter[str]) -> list[str]:
    found: list[str] = []
    expected, _ = play(bucket.before, bucket.ring, whole, strict=True)
    rows, left_out = play(bucket.after, bucket.ring, broken, strict=False)
    sure = left_out
    left_out = [*left_out, *doubts(broken)]
    own, changed = by_object(bucket.before, bucket.ring, whole), by_object(bucket.after, bucket.ring, broken)
    counts["samples"] += len(expected)
    counts["samples read"] += len(rows)
    played, given = Bag(expected), Bag(rows)
    excused: list[tuple[int, int]] = []
    for key, mine in own.items():
        wanted = [row for row in mine if played.take(row)]
        missing = sum(not given.take(row) for row in wanted)
        named = _names(key, left_out)
        if key not in bucket.harmed:
            if _undecidable(bucket, key):
                continue
            if missing:
                found.append(f"{missing} of {len(wanted)} samples of {key}, which is whole, did not come out")
            if any(one.key == key for one in sure):
                found.append(f"{key} is whole, and named: {[str(one) for one in sure if one.key == key]}")
            continue
        unnoticed = not named and missing and _unnoticeable(bucket, key, mine, changed.get(key))
        counts["unnoticeable"] += bool(unnoticed)
        counts["named"] += named
        if missing and not named and not unnoticed:
            found.append(f"{missing} of {len(wanted)} samples of {key} are missing ({bucket.harmed[key]}), not named")
        if (named or unnoticed) and mine:
            excused.append((min(row.time for row in mine) - 10_000_000, max(row.time for row in mine) + 60_000_000))
    known = Bag(expected)
    strange = [row for row in rows if not known.take(row)]
    found += [
        f"a sample of {row.kind} at {row.time} was never recorded"
        for row in strange
        if not any(start <= row.time <= end for start, end in excused)
    ]
    found += _export_problems(bucket, broken, rows, sure)
    found += _playlist_problems(bucket, broken)
    found += _copies_problems(bucket, broken, rows)
    return found


def _export_problems(bucket: Bucket, broken: Selection, rows: list[Row], left_out: list[LeftOut]) -> list[str]:
    """The file holds what is played."""
    out = io.BytesIO()
    try:
        report = export_movie(bucket.after, broken, out, keys=bucket.ring, strict=False)
    except OnvifBmffError as error:
        text = str(error)
        if not rows or "the codec changes" in text or "too long for a fragment" in text:
            return []
        return [f"no export: {text}"]
    found = []
    if [str(one) for one in report.left_out] != [str(one) for one in left_out]:
        found.append(f"the export names other objects: {list(map(str, report.left_out))}")
    if any(len(track.codecs) > 1 for track in report.tracks):
        return found  # parameter sets are in band there
    with Mp4Input(memoryview(out.getvalue())) as movie:
        got = Counter(bytes(sample.data) for sample in movie.samples())
    lost = Counter(row.data for row in rows) - got
    if lost.total() > (0 if broken.start is None else 1):
        found.append(f"{lost.total()} of {len(rows)} samples are not in the exported file")
    return found


def _copies_problems(bucket: Bucket, broken: Selection, rows: list[Row]) -> list[str]:
    """Copies on one time line hold what is played of pictures and sound, at one offset from its UTC."""
    files: dict[str, io.BytesIO] = {}
    try:
        made = export_continuous(
            bucket.after, broken, lambda name: files.setdefault(name, io.BytesIO()), keys=bucket.ring, strict=False
        )
    except OnvifBmffError as error:
        text = str(error)
        if not any(row.kind != TrackType.METADATA for row in rows) or "the codec changes" in text:
            return []
        return [f"no copies: {text}"]
    found = []
    start = made.utc_at(0, 1).microseconds
    for rendition in made.renditions:
        if len(rendition.track.codecs) > 1:
            continue  # parameter sets are in band there
        wanted = Counter(row.data for row in rows if row.kind == rendition.track.type)
        times = {row.data: row.time for row in rows}
        samples = list(read_segment(files[rendition.name].getvalue()).samples())
        lost = wanted - Counter(bytes(sample.data) for sample in samples)
        several = sum(one.track.type is rendition.track.type for one in made.renditions) > 1
        if (
            lost.total() > (3 if broken.start is not None or rendition.track.type is TrackType.AUDIO else 0)
            and not several
        ):
            found.append(f"{lost.total()} of {wanted.total()} samples are not in {rendition.name}")
        is_whole = all(made.utc_at(at, 1).microseconds == start + at * 1_000_000 for at in range(0, 600, 50))
        for sample in samples if is_whole else ():
            data = bytes(sample.data)
            if wanted[data] == 1:
                at = (sample.decode_time + sample.composition_offset) * 1_000_000 // rendition.track.timescale
                if abs(start + at - times[data]) > 400_000:
                    found.append(f"a sample of {rendition.name} is {at + start - times[data]} µs off its time")
                    break
    return found


def _playlist_problems(bucket: Bucket, broken: Selection) -> list[str]:
    """Every range is whole fragments behind its header."""
    try:
        lists = hls_playlists(bucket.after, broken, strict=False)
    except ProtectionError:
        return []
    except OnvifBmffError as error:
        return [] if any(one in str(error) for one in ("nothing", ".m4", ".mp4")) else [f"no playlists: {error}"]
    found = []
    for name, text in lists.items():
        header, size, offset = b"", 0, 0
        for line in text.splitlines():
            if line.startswith("#EXT-X-MAP"):
                uri, length = re.findall(r'URI="(.*)",BYTERANGE="(\d+)@0"', line)[0]
                header = bucket.after.get(unquote(uri), 0, int(length))
            elif line.startswith("#EXT-X-BYTERANGE"):
                size, offset = map(int, line[17:].split("@"))
            elif not line.startswith("#") and name != "index.m3u8":
                source = MemorySource(header + bucket.after.get(unquote(line), offset, size))
                try:
                    fragments = list(read_fragments(source, read_header(source)))
                except OnvifBmffError as error:
                    found.append(f"{name} lists a torn range of {line}: {error}")
                else:
                    if not fragments:
                        found.append(f"{name} lists an empty range of {line}")
    return found
