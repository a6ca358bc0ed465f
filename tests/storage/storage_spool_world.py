"""A recorder, its spool, a bucket that fails and credentials that expire, in simulated time, with kills and power cuts.

A world is a seed. What was acknowledged is in the bucket in the end, once and unchanged, or is listed as dropped.
No span has a hole, none ends before its segments, and at each moment the bucket has the beginnings of spans.
"""

import json
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from support_bucket_client import TIMEOUT, BucketClient, FaultyLine

from onvif_bmff.errors import StoreError
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.events import FragmentWritten, SegmentOpened, SegmentSealed, SpanEnded
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.storage import (
    CloudStore,
    RenewalPolicy,
    RenewedCredentials,
    RetryPolicy,
    SpooledStore,
    SpoolNotes,
    SpoolPolicy,
    StorageCredentials,
    StoreBusyError,
    StoreSink,
    UploadOrder,
    WhenFull,
)
from onvif_bmff.storage.cloud_client import AZURE, GCS, S3
from onvif_bmff.storage.waiting_spans import waiting
from onvif_bmff.timing import UtcTime
from tests.simulate.disk import LOSSES, SimulatedDisk, SimulatedFileSystem
from tests.simulate.runtime import Crashed, Process, SimulatedRuntime, Simulation

START = UtcTime.parse("2026-11-29T12:00:00Z")
WRITE_FAULTS = ("500", "503", "429", "409", "reset", "lost answer", "hang", "late arrival", "1 kB/s")
READ_FAULTS = ("500", "503", "429", "reset", "hang")
RENEWAL_FAULTS = ("no answer", "junk", "expired", "hang")


@dataclass
class Bucket:
    """What outlives all processes: objects, tokens that are valid until a time, and what goes wrong."""

    simulation: Simulation
    service: object
    rate: float
    outages: list = field(default_factory=list)
    objects: dict = field(default_factory=dict)
    writes: Counter = field(default_factory=Counter)
    tokens: dict = field(default_factory=dict)
    lifetime: float = 3600.0
    wrong: list = field(default_factory=list)

    def __post_init__(self):
        simulation = self.simulation
        self.line = FaultyLine(simulation.chance, lambda: simulation.time, simulation.sleep)

    def check(self, key):
        """See, before an object appears, that what is before it in its span is there."""
        one = waiting(key, 0)
        if one.counter:
            before = [waiting(other, 0) for other in self.objects]
            before = [
                other for other in before if other.place == one.place and other.time < one.time and not other.is_end
            ]
            if max(before, default=one).counter != one.counter - 1:
                self.wrong.append(f"{key} came before the segment that it follows")

    def renew(self):
        """The answer of the renewal endpoint."""
        simulation = self.simulation
        simulation.sleep(0.01 + simulation.chance.random())
        fault = simulation.chance.choice(RENEWAL_FAULTS) if simulation.chance.random() < self.rate else None
        if self.is_out() or fault == "no answer":
            simulation.hits["renewal: no answer"] += 1
            raise StoreError("the renewal endpoint did not answer")
        if fault == "hang":
            simulation.sleep(10)
        if fault is not None:
            simulation.hits[f"renewal: {fault}"] += 1
        if fault == "junk":
            return b"<html>"
        token = f"token-{len(self.tokens)}"
        lifetime = -1.0 if fault == "expired" else self.lifetime
        self.tokens[token] = simulation.time + lifetime
        ends = START.plus_microseconds(int((simulation.time + lifetime) * 1e6))
        user = {"username": "AKID", "password": "SECRET", "token": token}
        return json.dumps({"region": None, "storageUri": None, "user": user, "expiresAt": str(ends)}).encode()

    def is_out(self):
        return any(begin <= self.simulation.time < end for begin, end in self.outages)


class Client(BucketClient):
    """A client of one process for the bucket."""

    def __init__(self, place, source):
        super().__init__(self._request, place.service, place.objects, place.writes)
        self.stores = place.check
        self._place, self._source = place, source

    def pages(self, folder, after):
        return super().pages("", after)

    def delete(self, keys):
        raise AssertionError("nothing is deleted in a bucket")

    def _request(self, writes, done, size):
        place, simulation = self._place, self._place.simulation
        token = self._source().token
        simulation.sleep(0.005 + simulation.chance.random() * 0.05)
        place.line.arrive()
        hits = simulation.hits
        if place.is_out():
            hits["outage"] += 1
            simulation.sleep(1)
            raise StoreBusyError("nobody answers")
        if place.tokens.get(token, 0) < simulation.time:
            hits["credentials expired"] += 1
            raise StoreError("the service refuses these credentials")
        kinds = WRITE_FAULTS if writes else READ_FAULTS
        fault = simulation.chance.choice(kinds) if simulation.chance.random() < place.rate else None
        if fault is None or (fault == "1 kB/s" and not size):
            return done()
        hits[fault] += 1
        return place.line.suffer(fault, done, size)


class Noting:
    """A store, and what it acknowledged."""

    def __init__(self, store, acknowledged):
        self._store, self._acknowledged = store, acknowledged
        self.head, self.get, self.keys = store.head, store.get, store.keys

    def put(self, obj, *, overwrite=False):
        self._store.put(obj)
        self._acknowledged[str(obj.key)] = obj.body

    def open_writer(self, key, *, content_type, overwrite=False):
        return NotingWriter(self._store.open_writer(key, content_type=content_type), key, self._acknowledged)


class NotingWriter:
    def __init__(self, writer, key, acknowledged):
        self._writer, self._key, self._acknowledged, self._data = writer, key, acknowledged, []
        self.abandon = writer.abandon

    def append(self, *buffers):
        self._writer.append(*buffers)
        self._data += buffers

    def seal(self, attributes):
        self._writer.seal(attributes)
        self._acknowledged[self._key] = b"".join(self._data)


class World:
    """One run of a seed.

    Args:
        seed: decides everything.
        kind: what is tested, in place of ``SpooledStore``.
        segments: how many are recorded by each process.
        full: whether the disk is full at times; by chance if None.
        outage: the only thing that goes wrong, if it is given: seconds without any answer, from the beginning.
        policy: of the spool, in place of one by chance.
    """

    def __init__(self, seed, kind=SpooledStore, segments=14, full=None, outage=None, policy=None):
        self.simulation = Simulation(seed)
        chance = self.simulation.chance
        self._kind, self._segments = kind, segments
        self._disk = SimulatedDisk(self.simulation)
        self._spacing = chance.choice([1.0, 10.0, 60.0, 3600.0])
        rate = chance.choice([0.0, 0.05, 0.2, 0.5])
        self.bucket = Bucket(self.simulation, chance.choice([S3, AZURE, GCS]), rate)
        self.bucket.lifetime = chance.choice([120.0, 3600.0, 36_000.0])
        if chance.random() < 0.4:
            begin = chance.random() * self._spacing * segments
            self.bucket.outages.append((begin, begin + chance.choice([60, 3600, 86_400])))
        self._can_crash = chance.random() < 0.7
        self._processes = chance.choice([1, 2, 3])
        apart = Random(f"disk of {seed}")
        is_full = apart.random() < 0.25 if full is None else full
        self._capacity = apart.choice([4_000, 8_000, 12_000]) if is_full and outage is None else None
        if outage is not None:
            self.bucket.rate, self.bucket.outages, self._can_crash, self._processes = (
                0.0,
                [(60.0, 60.0 + outage)],
                False,
                1,
            )
            self._spacing = outage / segments
        self.acknowledged = {}
        self._policy = policy or SpoolPolicy(
            tasks=chance.choice([1, 2, 4]),
            most_bytes=chance.choice([None, None, 3_000, 8_000]),
            when_full=chance.choice([WhenFull.REFUSE, WhenFull.DROP_OLDEST, WhenFull.DROP_NEWEST]),
            order=chance.choice(list(UploadOrder)),
            bytes_a_second=chance.choice([None, None, 500]),
            bytes_a_day=chance.choice([None, None, None, 4_000]),
        )

    def _begin(self, policy):
        """A new process with its store."""
        process = Process(f"recorder at {self.simulation.time:.0f}")
        runtime = SimulatedRuntime(self.simulation, process, lambda time: START.plus_microseconds(int(time * 1e6)))
        source = RenewedCredentials(self.bucket.renew, StorageCredentials("AKID", "SECRET"), runtime=runtime,
                                    policy=RenewalPolicy(first=2))  # fmt: skip
        remote = CloudStore(Client(self.bucket, source), runtime=runtime)
        self._disk.reap()
        system = SimulatedFileSystem(self._disk, process)
        store = self._kind(remote, "/spool", policy=policy, runtime=runtime, system=system)
        return process, runtime, source, store

    def _record(self, runtime, store, finished):
        """Record spans of several places, by a sink for each, as a device does."""
        chance = self.simulation.chance
        sinks, keys = {}, {}
        with suppress(StoreError):
            for number in range(self._segments):
                place = chance.choice(["cam-1", "cam-2"])
                if place not in sinks:
                    sinks[place] = StoreSink(
                        Noting(store, self.acknowledged), on_failure=lambda failure: None,
                        policy=RetryPolicy(patience=chance.choice([30, 1e9])),
                        clock=runtime.monotonic, sleep=runtime.sleep, random=runtime.random,
                    )  # fmt: skip
                sink, last = sinks[place], keys.get(place)
                now = START.plus_microseconds(int(runtime.monotonic() * 1000) * 1000)
                if last is not None and chance.random() < 0.3:
                    sink.add(SpanEnded(last.ending(now)))
                    last = None
                key = last.following(now) if last else ObjectKey("site", now, place, 0, "m4v")
                keys[place] = key
                topic = "tns1:Motion" if chance.random() < 0.2 else None
                sink.add(SegmentOpened(key, "video/mp4", b"%d," % number))
                runtime.sleep(self._spacing / 2)
                sink.add(FragmentWritten(key, (chance.randbytes(chance.choice([1, 200, 2_000])),), now, 1, 1))
                runtime.sleep(self._spacing / 2)
                end = START.plus_microseconds(int(runtime.monotonic() * 1000) * 1000)
                sink.add(SegmentSealed(key, b"", ObjectAttributes(event_topic=topic), end))
                for other in sinks.values():
                    other.retry()
            for place, sink in sinks.items():
                sink.add(SpanEnded(keys[place].ending(START.plus_microseconds(int(runtime.monotonic() * 1000) * 1000))))
                sink.close()
        finished.append(True)

    def run(self):
        """Record by several processes, which may end at any moment; then let all be uploaded, and check it."""
        chance, simulation = self.simulation.chance, self.simulation
        for _ in range(self._processes):
            process = self._one_process(chance)
            if process.alive:
                simulation.crash(process)
            if chance.random() < 0.5:
                self._disk.crash(chance.choice(LOSSES))
        self._drain()
        self._check()
        return self

    def _one_process(self, chance):
        simulation, finished = self.simulation, []
        process = None
        try:
            process, runtime, source, store = self._begin(self._policy)
            self._disk.faults.capacity = self._capacity and self._disk.used + self._capacity
            simulation.spawn(process, lambda: self._record(runtime, store, finished), "recorder")
            if self._can_crash:
                if chance.random() < 0.5:
                    self._disk.faults.crash_at = self._disk.operations + chance.randrange(400)
                else:
                    end = simulation.time + chance.random() * self._spacing * self._segments * 1.2
                    while simulation.time < end and not finished and process.alive:
                        simulation.sleep(min(self._spacing, max(0.001, end - simulation.time)))
                    simulation.hits["killed"] += process.alive and not finished
                    simulation.crash(process)
            while process.alive and not finished:
                simulation.sleep(self._spacing)
            simulation.hits["died at a step of the disk"] += (
                not process.alive and self._disk.faults.crash_at is not None
            )
            if process.alive and chance.random() < 0.5:
                store.close()
                source.close()
        finally:
            self._disk.faults.crash_at = self._disk.faults.capacity = None
        return process

    def _drain(self):
        self.bucket.outages, self.bucket.rate, simulation = [], 0.0, self.simulation
        policy = SpoolPolicy(order=self._policy.order)
        process, _, source, store = self._begin(policy)
        assert store.close(100_000), f"{store.status} is left"
        source.close()
        status = store.status
        assert status.aside == 0, "its own object was taken for another's"
        simulation.sleep(TIMEOUT * 3)
        self.bucket.line.arrive()
        notes = SpoolNotes("/spool", SimulatedFileSystem(self._disk, process))
        assert notes.dropping is None
        self.dropped = notes.dropped
        assert status.dropped == notes.dropped_objects == sum(one.objects for one in self.dropped)
        simulation.crash(process)

    def _check(self):
        bucket, simulation = self.bucket, self.simulation
        assert not bucket.wrong, bucket.wrong
        assert not simulation.faults, simulation.faults
        assert set(bucket.writes.values()) <= {1}
        check_acknowledged(self.acknowledged, {key: one[0] for key, one in bucket.objects.items()}, self.dropped)
        check_spans(bucket.objects)


def check_acknowledged(acknowledged, stored, drops):
    """All that was acknowledged is stored as it was, or was dropped, and nothing that was dropped is stored."""
    gone = [(waiting(one.first, 0), waiting(one.last, 0)) for one in drops]
    for key, data in acknowledged.items():
        one = waiting(key, 0)
        is_dropped = any(
            first.place == one.place
            and (first <= one <= last or (one.is_end and one.counter == last.counter + 1 and one.time >= last.time))
            for first, last in gone
        )
        if key in stored:
            assert stored[key] == data, key
            assert one.is_end or not is_dropped, f"{key} was dropped, and is there"
        else:
            assert is_dropped, f"{key} is lost"


def check_spans(keys):
    """No span has a hole, and none goes on behind its end."""
    places = {}
    for key in keys:
        one = waiting(key, 0)
        places.setdefault(one.place, []).append(one)
    for found in places.values():
        before = None
        for one in sorted(found, key=lambda one: (one.time, not one.is_end, one.counter)):
            begins = one.counter == 0 and not one.is_end
            goes_on = before is not None and not before.is_end and one.counter == before.counter + 1
            assert begins or goes_on, f"{one.key} after {before and before.key}"
            before = one


def one(seed, **more):
    """Run a world; it, with ``simulation.hits``."""
    world = World(seed, **more)
    try:
        return world.run()
    except Crashed:
        raise AssertionError("the world itself ended") from None


def add_arguments(parser):
    parser.add_argument("--count", type=int, default=10_000, help="worlds")


def run(arguments, journal):
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        if str(seed) not in journal:
            try:
                world = one(seed)
            except BaseException:
                print(f"seed {seed}", file=sys.stderr)
                raise
            found = Counter(world.simulation.hits)
            found |= {"acknowledged": len(world.acknowledged), "dropped": sum(one.objects for one in world.dropped)}
            journal.add(str(seed), **{str(name): count for name, count in found.items()})
    hits = Counter()
    for step in journal.steps.values():
        hits.update({name: count for name, count in step.items() if name != "key"})
    print(f"{len(journal.steps)} worlds: {', '.join(f'{count} x {name}' for name, count in sorted(hits.items()))}")
    return 0
