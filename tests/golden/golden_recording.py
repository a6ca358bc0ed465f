"""Golden records of seeded recordings: the objects and events, and what is read of them, whole and damaged."""

import hashlib
import io
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

from golden_kit import Kind, Record, digest, outcome, texts
from support_configurations import Recorded, carry_out, configuration

from onvif_bmff.export import export_movie, hls_playlists
from onvif_bmff.objects.events import FragmentWritten, RecordingEvent, SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.playback import SampleReader, Selection, Timeline, select
from onvif_bmff.storage import MemoryStore
from onvif_bmff.validation import validate_store

SEEDS = range(2_000_000, 2_000_300)
READ = range(2_000_000, 2_000_300, 5)


@cache
def recorded(seed: int) -> Recorded:
    """A configuration, carried out."""
    return carry_out(configuration(seed))


# ---- what is recorded -------------------------------------------------------------------------------------------


def _recording(name: str) -> Record:
    found = recorded(int(name))
    objects = list(objects_of(found.store))
    material = {
        "objects": objects,
        "events": [event_of(event) for event in found.events],
        "dropped": texts(found.dropped)[0],
        "pushed": len(found.pushed),
        "failures": len(found.failures),
        "keys": sorted(found.ring),
    }
    counts = {
        "objects": len(objects),
        "bytes": sum(one["size"] for one in objects),
        "events": len(found.events),
        "dropped": sum(found.dropped.values()),
    }
    return Record(material, counts)


def _reasons(_: str) -> Record:
    """The reasons for which samples were dropped: texts, which may be worded anew."""
    found: dict[str, int] = {}
    for seed in SEEDS:
        for reason, count in recorded(seed).dropped.items():
            found[reason] = found.get(reason, 0) + count
    return Record(dict(sorted(found.items())), {"reasons": len(found), "dropped": sum(found.values())})


def objects_of(store: Any) -> Iterator[dict[str, Any]]:
    """All that a store has of each object."""
    for key in store.keys(""):
        head, body = store.head(key), store.get(key)
        yield {
            "key": key,
            "size": head.size,
            "type": head.content_type,
            "attributes": sorted(head.attributes.items()),
            "body": digest(body),
        }


def event_of(event: RecordingEvent) -> list[Any]:
    """An event of a recorder: a word for its kind, and its data."""
    if isinstance(event, SegmentOpened):
        return ["opened", str(event.key), event.content_type, event.header]
    if isinstance(event, FragmentWritten):
        size = sum(len(memoryview(part).cast("B")) for part in event.buffers)
        body = hashlib.blake2b(digest_size=16)
        for part in event.buffers:
            body.update(part)
        row = [event.start_time, event.duration_ticks, event.sample_count]
        return ["fragment", str(event.key), size, body.hexdigest(), *row]
    if isinstance(event, SegmentSealed):
        attributes = sorted(event.attributes.to_metadata().items())
        return ["sealed", str(event.key), event.trailer, attributes, event.end_time]
    assert isinstance(event, SpanEnded)
    return ["ended", str(event.key)]


# ---- what is read of it -----------------------------------------------------------------------------------------


def _reading(name: str) -> Record:
    seed = int(name)
    found = recorded(seed)
    damaged, what = _damaged(found.store, Random(seed + 3))
    material = {
        "clean": _read(found.store, found),
        "damage": what,
        "damaged": _read(damaged, found),
    }
    counts = {
        "spans": len(material["clean"]["spans"]),
        "samples": sum(one["samples"] for one in material["clean"]["places"].values() if "samples" in one),
        "findings": len(material["damaged"]["findings"]),
    }
    return Record(material, counts)


def _damaged(store: MemoryStore, draw: Random) -> tuple[MemoryStore, list[str]]:
    """A copy in which some objects are deleted, cut, changed or without their labels."""
    copy, what = MemoryStore(), []
    for key in store.keys(""):
        head, body = store.head(key), store.get(key)
        attributes, content_type = dict(head.attributes), head.content_type
        harm = draw.choice(("delete", "cut", "flip", "labels", *["none"] * 5))
        if harm != "none":
            what.append(f"{harm} {key}")
        if harm == "delete":
            continue
        if harm == "cut" and body:
            body = body[: draw.randrange(len(body))]
        elif harm == "flip" and body:
            changed = bytearray(body)
            for _ in range(3):
                changed[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
            body = bytes(changed)
        elif harm == "labels":
            attributes.clear()
        writer = copy.open_writer(key, content_type=content_type)
        writer.append(body)
        writer.seal(attributes)
    return copy, what


def _read(store: MemoryStore, found: Recorded) -> dict[str, Any]:
    timeline = Timeline.from_store(store)
    findings = validate_store(store, keys=found.ring)
    rows = [[one.rule, one.level, one.key, one.path, one.offset] for one in findings]
    return {
        **timeline_of(timeline),
        "places": {
            f"{prefix} … {postfix}": _place(store, timeline, prefix, postfix, found)
            for prefix, postfix in timeline.recordings
        },
        "findings": rows,
        "checked": {name: count for name, count in findings.checked.counts().items() if name != "skipped"},
    }


def timeline_of(timeline: Timeline) -> dict[str, Any]:
    """Spans, gaps, overlaps and counts of a timeline."""
    spans = [
        {
            "kind": [span.prefix, span.postfix, span.extension],
            "state": span.state,
            "times": [span.start, span.last_start, span.end],
            "end": span.end_name,
            "segments": [[one.name, one.start, one.end] for one in span.segments],
            "lost": [[one.first_counter, one.count, one.after, one.before, one.trimmed] for one in span.lost()],
        }
        for span in timeline.spans
    ]
    return {
        "spans": spans,
        "gaps": [[gap.start, gap.end, gap.exact] for gap in timeline.gaps()],
        "overlaps": [[one.start, one.end] for one in timeline.overlaps()],
        "counts": [
            timeline.objects,
            timeline.foreign,
            timeline.ambiguous,
            timeline.duplicates,
            timeline.orphan_ends,
            timeline.ambiguous_ends,
        ],
    }


def _place(store: MemoryStore, timeline: Timeline, prefix: str, postfix: str, found: Recorded) -> dict[str, Any]:
    """What one recording gives back."""
    selection = select(timeline, prefix=prefix, postfix=postfix)
    samples: list[list[Any]] = []

    def read() -> int:
        for played in SampleReader(store, selection, keys=found.ring):
            track, one = played.track, played.sample
            times = [one.decode_time, one.composition_offset, one.duration, one.sync, played.time, played.end]
            samples.append([track.number, track.type.value, track.ordinal, *times, bytes(one.data), played.run])
        return len(samples)

    ended = outcome(read)
    return {
        "samples": len(samples),
        "read": samples,
        "ended": ended,
        "fragmented": _export(store, selection, found, {}),
        "progressive": _export(store, selection, found, {"progressive": True, "cut_gaps": True}),
        "hls": outcome(lambda: dict(hls_playlists(store, selection, base="../store/"))),
    }


def _export(store: MemoryStore, selection: Selection, found: Recorded, options: dict[str, bool]) -> Any:
    def export() -> dict[str, Any]:
        out = io.BytesIO()
        report = export_movie(store, selection, out, keys=found.ring, **options)
        return {
            "file": out.getvalue(),
            "times": [report.start, report.end, report.cut, report.empty],
            "samples": report.samples,
            "missing": report.missing,
        }

    return outcome(export)


def _messages(_: str) -> Record:
    """The texts of the validator's findings, which may be worded anew."""
    found = set()
    for seed in READ:
        made = recorded(seed)
        damaged, _what = _damaged(made.store, Random(seed + 3))
        found.update((one.rule, one.message) for one in validate_store(damaged, keys=made.ring))
    return Record(sorted(found), {"texts": len(found)})


KINDS = {
    "recording": Kind([str(seed) for seed in SEEDS], _recording, [str(seed) for seed in SEEDS[:40]]),
    "reading": Kind([str(seed) for seed in READ], _reading, [str(seed) for seed in READ[:6]]),
    "texts-recording": Kind(["all"], _reasons),
    "texts-findings": Kind(["all"], _messages),
}
