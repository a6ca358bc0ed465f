"""A bucket whose service fails at random, on a simulated clock: every object is there once, with all that is its own.

A schedule is a seed: what happens to each request, how long it takes, and which requests arrive late.
"""

import sys
from collections import Counter
from enum import StrEnum
from random import Random

from support_bucket_client import BucketClient, FaultyLine

from onvif_bmff.objects.attributes import OBJECT_ID, ObjectAttributes
from onvif_bmff.objects.events import FragmentWritten, SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.runtime import ThreadedRuntime
from onvif_bmff.storage import CloudStore, RetryPolicy, Room, StoreBusyError, StoreSink
from onvif_bmff.storage.cloud_client import AZURE, GCS, S3
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-11-29T12:00:00Z")


class Fault(StrEnum):
    """What may happen to a request."""

    INTERNAL = "500"
    UNAVAILABLE = "503"
    THROTTLED = "429"
    CONFLICT = "409"
    RESET = "reset"
    LOST_ANSWER = "lost answer"
    HANG = "hang"
    LATE_ARRIVAL = "late arrival"
    TRUNCATION = "truncation"
    SLOW = "1 kB/s"
    DENIED = "403"


WRITES = frozenset(Fault) - {Fault.TRUNCATION}
READS = frozenset(Fault) - {Fault.CONFLICT, Fault.LOST_ANSWER, Fault.LATE_ARRIVAL}


class VirtualRuntime(ThreadedRuntime):
    """Time that passes only where something waits, and random bytes of a seed."""

    def __init__(self, chance):
        super().__init__(monotonic=lambda: self.time, random=chance.randbytes)
        self.time = 0.0

    def sleep(self, seconds):
        self.time += seconds


class StormClient(BucketClient):
    """A client for a bucket in memory. ``outages`` are times without any answer; ``writes`` counts objects by key."""

    page = 7

    def __init__(self, chance, runtime, service, *, rate):
        super().__init__(self._request, service)
        self._chance, self._runtime, self._rate = chance, runtime, rate
        self._line = FaultyLine(chance, lambda: runtime.time, runtime.sleep)
        self.hits = Counter()
        self.outages = []

    def _request(self, writes, done, size):
        runtime = self._runtime
        runtime.sleep(0.001 + self._chance.random() * 0.05)
        self._line.arrive()
        if any(begin <= runtime.time < end for begin, end in self.outages):
            self.hits["outage"] += 1
            runtime.sleep(1)
            raise StoreBusyError("nobody answers")
        kinds = WRITES if writes else READS
        fault = self._chance.choice(sorted(kinds)) if self._chance.random() < self._rate else None
        if fault is None or (fault is Fault.SLOW and not size):
            return done()
        self.hits[fault] += 1
        return self._line.suffer(fault, done, size)


def segments_of(chance, count):
    """Keys, bytes and attributes of segments of one span, and the key of its end."""
    length = 5_000_000
    for number in range(count):
        key = ObjectKey("site/a", START.plus_microseconds(number * length), "cam", number, "m4v")
        source = chance.choice(["camera", "Caméra", " blank ", "x" * 100])
        yield key, chance.randbytes(chance.choice([1, 300, 60_000])), ObjectAttributes(source=source)
    yield (
        ObjectKey("site/a", START.plus_microseconds(count * length), "cam", count - 1, "m4v", span_end=True),
        b"",
        None,
    )


def one(seed, count=100, kind=CloudStore):
    """Store a span by a sink; what happened, and the client. All of it must be there, once."""
    chance = Random(seed)
    runtime = VirtualRuntime(chance)
    client = StormClient(chance, runtime, chance.choice([S3, AZURE, GCS]), rate=chance.choice([0.05, 0.2, 0.5]))
    if chance.random() < 0.2:
        begin = chance.random() * 60
        client.outages.append((begin, begin + chance.choice([100, 3600, 86_400])))
    store = kind(client, chance.choice(["", "pre/fix"]), runtime=runtime)
    policy = RetryPolicy(patience=1e9, blocking=1e9, closing=1e9)
    wanted = list(segments_of(chance, count))
    failures = []
    sink = StoreSink(
        store,
        policy=policy,
        room=Room(1 << 30, 1 << 30),
        on_failure=failures.append,
        clock=runtime.monotonic,
        sleep=runtime.sleep,
        random=runtime.random,
    )
    with sink:
        for key, data, attributes in wanted:
            if attributes is None:
                sink.add(SpanEnded(key))
                continue
            half = len(data) // 2
            sink.add(SegmentOpened(key, "video/mp4", data[:half]))
            sink.add(FragmentWritten(key, (data[half:],), key.time, 1, 1))
            sink.add(SegmentSealed(key, b"", attributes))
            runtime.sleep(5.0)
    assert failures == []
    assert not sink.dropped
    client._rate = 0
    client.outages.clear()
    runtime.sleep(1000)
    check(store, client, wanted)
    return client


def check(store, client, wanted):
    """See that everything is there, once, with bytes and attributes."""
    store.head(str(wanted[0][0]))  # what was late arrives
    assert list(store.keys()) == sorted(str(key) for key, _, _ in wanted)
    assert set(client.writes.values()) == {1}
    for key, data, attributes in wanted:
        info = store.head(str(key))
        assert store.get(str(key)) == data
        if attributes is None:
            assert (dict(info.attributes), info.size) == ({}, 0)
            continue
        found = ObjectAttributes.from_metadata(info.attributes)
        assert len(found.other.pop(OBJECT_ID.lower())) == 32
        assert found == attributes


def add_arguments(parser):
    parser.add_argument("--count", type=int, default=1000, help="schedules of a hundred segments")


def run(arguments, journal):
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        if str(seed) not in journal:
            try:
                journal.add(str(seed), **one(seed).hits)
            except BaseException:
                print(f"seed {seed}", file=sys.stderr)
                raise
    hits = Counter()
    for step in journal.steps.values():
        hits.update({name: count for name, count in step.items() if name != "key"})
    print(f"{len(journal.steps)} schedules: {', '.join(f'{count} x {name}' for name, count in sorted(hits.items()))}")
    return 0
