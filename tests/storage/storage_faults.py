"""Stores that fail when they are told to, and a time that passes only when somebody waits."""

from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import StoreError
from onvif_bmff.objects import FragmentWritten, ObjectKey
from onvif_bmff.playback import Timeline, read_segment
from onvif_bmff.storage import MemoryStore, RetryPolicy, StoreSink
from onvif_bmff.testing.recordings import CONTENT_KEY
from onvif_bmff.validation import validate_store

KEYS = KeyRing([CONTENT_KEY])


class Time:
    """Seconds that pass when somebody sleeps, and with each event."""

    def __init__(self):
        self.now = 1000.0
        self.slept = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds
        self.slept += seconds


class FlakyStore(MemoryStore):
    """Counts the calls of a sink, and fails at those that ``fails(number, step, key)`` picks.

    It may fail before it does what was asked, or with ``afterwards`` once it is done: the answer is lost.
    """

    def __init__(self, fails=lambda number, step, key: False, *, error=StoreError, afterwards=False):
        super().__init__()
        self.fails, self.error, self.afterwards = fails, error, afterwards
        self.calls = []

    def call(self, step, key, do):
        self.calls.append(step)
        failing = self.fails(len(self.calls), step, key)
        if failing and not (self.afterwards and step in ("seal", "put")):
            raise self.error("the store is on fire")
        found = do()
        if failing:
            raise self.error("the answer is lost")
        return found

    def put(self, obj, *, overwrite=False):
        plain = super()

        def do():
            writer = plain.open_writer(str(obj.key), content_type=obj.content_type, overwrite=overwrite)
            writer.append(obj.body)
            writer.seal(obj.metadata)

        self.call("put", str(obj.key), do)

    def open_writer(self, key, *, content_type, overwrite=False):
        plain = super()
        return self.call(
            "open",
            key,
            lambda: _Writer(self, key, plain.open_writer(key, content_type=content_type, overwrite=overwrite)),
        )

    def head(self, key):
        return self.call("head", key, lambda: MemoryStore.head(self, key))


class _Writer:
    def __init__(self, store, key, inner):
        self.store, self.key, self.inner = store, key, inner
        self.failed = False

    def step(self, name, do):
        assert not self.failed, "a writer that failed can only be abandoned"
        self.failed = True
        self.store.call(name, self.key, do)
        self.failed = False

    def append(self, *buffers):
        self.step("append", lambda: self.inner.append(*buffers))

    def seal(self, attributes):
        self.step("seal", lambda: self.inner.seal(attributes))

    def abandon(self):
        self.inner.abandon()


def deliver(events, store, *, step=0.3, policy=RetryPolicy(), room=None, **more):  # noqa: B008
    """Hand events to a sink, ``step`` seconds apart; the sink and what it said."""
    time, failures = Time(), []
    with StoreSink(
        store, on_failure=failures.append, policy=policy, room=room, clock=time, sleep=time.sleep, **more
    ) as sink:
        for event in events:
            sink.add_all([event])
            time.now += step
    return sink, failures


def written(events):
    """How many samples a recorder wrote."""
    return sum(event.sample_count for event in events if isinstance(event, FragmentWritten))


def stored(store):
    """How many samples a store has."""
    found = contents(store)
    return sum(
        sum(1 for _ in read_segment(body, keys=KEYS).samples())
        for key, body in found.items()
        if not ObjectKey.parse(key).span_end
    )


def contents(store):
    """Bytes by key."""
    names = list(store.keys())
    return {key: store.get(key) for key in names}


def check(events, store, sink, *, ends_given_up=False):
    """What is in the store is valid, and each sample is there, or counted as lost."""
    store.fails = lambda number, step, key: False
    found = [finding for finding in validate_store(store) if not (ends_given_up and finding.rule == "ANX-B.5-01")]
    assert found == [], found[:3]
    unknown = sink.dropped["in a segment of which the store never said whether it has it"]
    missing = written(events) - stored(store)
    assert sum(sink.dropped.values()) - unknown <= missing <= sum(sink.dropped.values())
    for span in Timeline.from_store(store).spans:
        assert list(span.lost()) == []
        assert span.first_counter == 0
