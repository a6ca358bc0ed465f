"""Recording events into stores, and stores that fail."""

from datetime import timedelta
from fractions import Fraction

import pytest

from onvif_bmff.codecs import G711Codec, MjpegCodec
from onvif_bmff.errors import ObjectExistsError, ObjectKeyError, StateError, StoreError
from onvif_bmff.media import Sample, Track
from onvif_bmff.objects import (
    FragmentWritten,
    ObjectAttributes,
    ObjectKey,
    SegmentOpened,
    SegmentSealed,
    SpanEnded,
    collect_objects,
)
from onvif_bmff.recording import MP4, Recorder, RecordingTarget
from onvif_bmff.storage import DirectoryStore, MemoryStore, RetryPolicy, StoreSink
from onvif_bmff.timing import UtcTime
from onvif_bmff.validation import validate_store

START = UtcTime.parse("2022-11-08T15:08:23.547Z")
VIDEO = ObjectKey("site-2", START, "camera-5", 0, "m4v")
AUDIO = ObjectKey("site-2", START, "camera-5", 0, "m4a")
END = VIDEO.ending(START.plus_ticks(4, 1))


def events():
    return [
        SegmentOpened(VIDEO, "video/mp4", b"header "),
        SegmentOpened(AUDIO, "audio/mp4", b"HEADER "),
        FragmentWritten(VIDEO, (b"one ", memoryview(b"two ")), START, 2),
        FragmentWritten(AUDIO, (b"ONE ",), START, 2),
        SegmentSealed(AUDIO, b"", ObjectAttributes()),
        SegmentSealed(VIDEO, b"mfra", ObjectAttributes(source="x")),
        SpanEnded(END),
    ]


@pytest.mark.requirement("REC-4.1.3-02")
@pytest.mark.requirement("ANX-B.4-01")
def test_events_become_objects(tmp_path):
    expected = {str(obj.key): obj for obj in collect_objects(events())}
    for store in (MemoryStore(), DirectoryStore(tmp_path, fsync=False)):
        stored = []
        with StoreSink(store, on_stored=lambda key, size, to=stored: to.append((key, size))) as sink:
            sink.add_all(events())
        assert list(store.keys()) == sorted(expected)
        for key, obj in expected.items():
            assert store.get(key) == obj.body
            assert store.head(key).content_type == obj.content_type
            attributes = dict(store.head(key).attributes)
            assert (attributes.pop("ObjectId", None) is None) == key.endswith("_end")
            assert attributes == obj.metadata
        assert stored == [(AUDIO, 11), (VIDEO, 19), (END, 0)]


class Failing(MemoryStore):
    """Fails at a step of one key."""

    def __init__(self, step, key, error=StoreError):
        super().__init__()
        self.step, self.key, self.error = step, str(key), error
        self.abandoned = []

    def fail(self, step, key):
        if (step, key) == (self.step, self.key):
            raise self.error("the store is gone")

    def open_writer(self, key, *, content_type, overwrite=False):
        self.fail("open", key)
        writer, store = super().open_writer(key, content_type=content_type, overwrite=overwrite), self

        class Writer:
            appended = 0

            def append(self, *buffers):
                self.appended += 1
                store.fail(f"append {self.appended}", key)
                writer.append(*buffers)

            def seal(self, attributes):
                store.fail("seal", key)
                writer.seal(attributes)

            def abandon(self):
                store.abandoned.append(key)
                writer.abandon()
                store.fail("seal", key)  # a store that is gone fails here, too

        return Writer()


def test_a_segment_that_is_refused_before_its_first_fragment_is_no_loss_of_0_samples(caplog):
    """What comes of it afterwards is lost, and counted then."""
    sink = StoreSink(Failing("open", VIDEO, ObjectKeyError), on_failure=lambda failure: None)
    sink.add_all(events()[:1])
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert said == [f"{VIDEO} is not stored: the store is gone"]
    assert not sink.dropped
    sink.add(FragmentWritten(VIDEO, (b"one ",), START, 2, sample_count=2))
    sink.close()
    assert dict(sink.dropped) == {"in a segment that the store refused": 2}


NOW = RetryPolicy(first=0.01, patience=0.0)


@pytest.mark.parametrize("step", ["open", "append 1", "append 2", "append 3", "seal"])
def test_a_failing_store_loses_one_segment(step):
    """Nothing of the span is stored then, so that it has no end object either: there was none to speak of."""
    store = Failing(step, VIDEO)
    failures = []
    sink = StoreSink(store, on_failure=failures.append, policy=NOW)
    sink.add_all(events())
    sink.close()
    assert list(store.keys()) == [str(AUDIO)]
    assert [(failure.key, str(failure.error)) for failure in failures] == [(VIDEO, "the store is gone")]
    assert set(store.abandoned) == (set() if step == "open" else {str(VIDEO)})
    # The key is free again, and nothing of the segment is remembered.
    store.step = ""
    sink.add_all([event for event in events() if event.key == VIDEO])
    assert store.get(str(VIDEO)) == b"header one two mfra"


def test_what_begins_a_span_since_all_before_it_is_lost_has_the_time_of_its_earliest_sample():
    """Sound comes a second at a time. Pictures come later, so that some of it is from before their first key frame."""
    video = Track("VIDEO001", 1, 1_000, MjpegCodec(640, 480))
    sound = Track("AUDIO001", 2, 8_000, G711Codec())
    recorder = Recorder([video, sound], RecordingTarget(format=MP4, segment_duration=timedelta(seconds=5)))
    recorder.activate(START, media_time=Fraction(0))
    made = []
    for n in range(20):
        made += recorder.push(Sample(2, n * 8_000, 8_000, bytes(9), sync=True))
        if n % 5 == 0:
            made += recorder.push(Sample(1, n * 1_000 + 800, 5_000, b"\xff\xd8", sync=n > 0))
    made += recorder.deactivate()
    first, second, *_ = [event for event in made if isinstance(event, SegmentOpened)]
    assert (second.key.counter, second.earliest) == (1, START.plus_ticks(5, 1))
    store = Failing("open", first.key)
    with StoreSink(store, on_failure=lambda _: None, policy=NOW) as sink:
        sink.add_all(made)
    key = ObjectKey.parse(next(iter(store.keys())))
    assert (key.counter, key.time) == (0, second.earliest)
    assert not [one for one in validate_store(store) if one.level.value == "error"]


@pytest.mark.parametrize("step", ["open", "append 1", "append 2", "append 3", "seal"])
def test_without_a_handler_the_failure_is_raised_once(step):
    store = Failing(step, VIDEO)
    sink = StoreSink(store, policy=NOW)
    raised = 0
    for event in events():
        try:
            sink.add(event)
        except StoreError:
            raised += 1
    sink.close()
    assert raised == 1
    assert list(store.keys()) == [str(AUDIO)]


def test_an_error_under_way_is_not_hidden_by_one_of_closing():
    store = Failing("seal", VIDEO)
    sink = StoreSink(store, policy=RetryPolicy(closing=0.0))
    sink.add_all(events())
    sink.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    with pytest.raises(StoreError, match="gone"), StoreSink(store, policy=RetryPolicy(closing=0.0)) as sink:
        sink.add_all(event for event in events() if event.key != AUDIO)


def test_trouble_shows_and_the_time_of_the_next_try():
    store, now = Failing("seal", VIDEO), [5.0]
    sink = StoreSink(store, clock=lambda: now[0])
    sink.add_all(events()[:5])
    assert (sink.trouble, sink.retry_in) == (None, None)
    sink.add_all(events()[5:])
    assert str(sink.trouble) == "the store is gone"
    assert sink.retry_in == 0.25
    store.step = ""
    sink.retry()
    assert sink.trouble is not None, "it is not due"
    now[0] += 0.25
    sink.retry()
    assert (sink.trouble, sink.retry_in) == (None, None)
    assert store.get(str(VIDEO)) == b"header one two mfra"


def test_an_error_of_somebody_elses_store_is_raised_as_one_of_ours():
    store = Failing("seal", VIDEO, error=ZeroDivisionError)
    with pytest.raises(StoreError, match="gone") as caught, StoreSink(store, policy=NOW) as sink:
        sink.add_all(events())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_span_end_that_fails():
    store = MemoryStore()
    failures = []
    sink = StoreSink(store, on_failure=failures.append)
    sink.add(SpanEnded(END))
    sink.add(SpanEnded(END))
    assert isinstance(failures[0].error, ObjectExistsError)
    StoreSink(store, overwrite=True).add(SpanEnded(END))


def test_other_errors_come_through():
    store = Failing("append 2", VIDEO, error=KeyboardInterrupt)
    sink = StoreSink(store, on_failure=lambda failure: None)
    with pytest.raises(KeyboardInterrupt):
        sink.add_all(events()[:4])
    assert store.abandoned == [str(VIDEO)]
    store.step = ""
    sink.close()  # what came behind the interrupt is taken now; nobody sealed the segments
    assert store.abandoned == [str(VIDEO), str(VIDEO), str(AUDIO)]
    assert list(store.keys()) == []


def test_leaving_early_abandons_what_is_open(tmp_path):
    store = DirectoryStore(tmp_path, fsync=False)
    with StoreSink(store) as sink:
        sink.add_all(events()[:3])
    assert list(store.keys()) == []
    assert store.unsealed() == []
    assert not list((tmp_path / ".onvif_bmff/open").iterdir())


def test_events_out_of_order():
    one = events()
    with StoreSink(MemoryStore()) as sink:
        for early in (one[2], one[5]):
            with pytest.raises(StateError):
                sink.add(early)
        sink.add(one[0])
        with pytest.raises(StateError):
            sink.add(one[0])
