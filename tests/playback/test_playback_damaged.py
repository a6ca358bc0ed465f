"""Damaged, foreign and missing objects: what is whole is read, and every loss is named."""

import io
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from damage_kit import Bucket, damaged, play, problems
from support_configurations import carry_out, configuration

from onvif_bmff.bmff import MovieFragmentBox, parse_boxes
from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import (
    BitstreamError,
    BoxError,
    ForeignFormatError,
    MediaError,
    MissingKeyError,
    ProtectionError,
    WrongKeyError,
)
from onvif_bmff.export import ExportReport, export_movie, hls_playlists
from onvif_bmff.media import Sample
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import (
    LeftOut,
    LossCause,
    PlayedSample,
    SampleReader,
    Seeker,
    Timeline,
    cause_of,
    clear_samples,
    doubts,
    read_segment,
    select,
)
from onvif_bmff.storage import MemoryStore

MATROSKA = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01" + bytes(400)


@pytest.mark.parametrize("seed", range(1_000_000, 1_000_025))
def test_damaged_buckets(seed: int) -> None:
    """A slice of ``python -m tests.long damaged-exports``."""
    assert problems(damaged(seed))[0] == []


@pytest.mark.parametrize("seed", range(1_000_000, 1_000_040))
def test_nothing_is_named_where_nothing_is_wrong(seed: int) -> None:
    recorded = carry_out(configuration(seed))
    timeline = Timeline.from_store(recorded.store)
    for prefix, postfix in timeline.recordings:
        selection = select(timeline, prefix=prefix, postfix=postfix)
        expected, _ = play(recorded.store, recorded.ring, selection, strict=True)
        assert play(recorded.store, recorded.ring, selection, strict=False) == (expected, [])


def test_the_kit_sees_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge of the tests above finds a reader that drops samples, and one that names nothing."""
    made = map(damaged, range(1_000_000, 1_000_050))
    bucket = next(one for one in made if "truncate" in one.harmed.values() and len(list(one.after.keys(""))) > 12)
    assert problems(bucket)[0] == []
    real = SampleReader.__iter__

    def losing(self: SampleReader) -> Iterator[PlayedSample]:
        return iter(real(self) if self._strict else list(real(self))[::2])

    with monkeypatch.context() as patch:
        patch.setattr(SampleReader, "__iter__", losing)
        assert any("which is whole" in one for one in problems(bucket)[0])
    kit = sys.modules["damage_kit"]
    with monkeypatch.context() as patch:
        patch.setattr(kit, "_names", lambda key, left_out: False)
        assert any("not named" in one for one in problems(bucket)[0])


# ---- one kind of damage each ------------------------------------------------------------------------


@pytest.fixture
def bucket() -> Bucket:
    """A clear CMAF recording with spans of several objects, each of several fragments."""
    for seed in range(1_000_000, 1_002_000):
        found = configuration(seed)
        if found.chosen != "CMAF" or found.scheme is not None or found.span is not None or found.steps:
            continue
        recorded = carry_out(found)
        names = [key for key in recorded.store.keys("") if key.endswith(".m4v")]
        if len(names) > 4 and recorded.store.get(names[1]).count(b"moof") > 1:
            return Bucket(recorded.store, MemoryStore(), recorded.ring)
    raise AssertionError("there is no such recording")


def altered(bucket: Bucket, changes: dict[str, bytes | None]) -> MemoryStore:
    """The store with other bytes under some keys, or without them."""
    store = MemoryStore()
    for key in bucket.before.keys(""):
        body = changes.get(key, bucket.before.get(key))
        if body is None:
            continue
        head = bucket.before.head(key)
        writer = store.open_writer(key, content_type=head.content_type)
        writer.append(body)
        writer.seal(dict(head.attributes))
    return store


def video(bucket: Bucket) -> list[str]:
    return video_of(bucket.before)


def video_of(store: MemoryStore) -> list[str]:
    return [key for key in store.keys("") if key.endswith(".m4v")]


def read(store: MemoryStore) -> tuple[dict[str, int], list[LeftOut]]:
    """Number of samples by data, and what is left out."""
    reader = SampleReader(store, select(Timeline.from_store(store)), strict=False)
    return {bytes(one.sample.data): one.time.microseconds for one in reader}, reader.left_out


def samples(body: bytes) -> list[bytes]:
    return [bytes(sample.data) for sample in read_segment(body).samples()]


def test_a_cut_object_is_read_up_to_its_last_whole_sample(bucket: Bucket) -> None:
    key = video(bucket)[1]
    body = bucket.before.get(key)
    own = samples(body)
    before, _ = read(bucket.before)
    last = [box for box in parse_boxes(body) if isinstance(box, MovieFragmentBox)][-1]
    cut = body.index(own[-1], last.offset or 0)  # the last sample is gone, and no other
    found, left_out = read(altered(bucket, {key: body[:cut]}))
    assert set(before) - set(found) == {own[-1]}
    (one,) = left_out
    assert (one.key, one.cause, one.samples) == (key, LossCause.DAMAGED, len(own) - 1)
    assert "past its file" in one.reason
    assert one.start <= one.end  # type: ignore[operator]
    found, _ = read(altered(bucket, {key: body[: cut - 1]}))
    assert set(before) - set(found) == set(own[-2:])


def test_strict_readers_stop_and_name_the_object(bucket: Bucket) -> None:
    key = video(bucket)[1]
    store = altered(bucket, {key: bucket.before.get(key)[:-200]})
    selection = select(Timeline.from_store(store))
    for act in (
        lambda: list(SampleReader(store, selection)),
        lambda: export_movie(store, selection, io.BytesIO()),
    ):
        with pytest.raises(BoxError) as caught:
            act()
        assert caught.value.key == key
        assert str(caught.value).startswith(f"{key}: ")
    broken = altered(bucket, {key: b""})
    segment = next(one for span in Timeline.from_store(broken).spans for one in span.segments if one.name == key)
    for ask in (Seeker(broken).header, Seeker(broken).subsegments, lambda one: Seeker(broken).find(one, one.start)):
        with pytest.raises(MediaError) as failed:
            ask(segment)
        assert failed.value.key == key


def test_foreign_objects_are_named_and_passed_over(bucket: Bucket) -> None:
    first, key = video(bucket)[0], video(bucket)[2]
    before, _ = read(bucket.before)
    found, left_out = read(altered(bucket, {key: MATROSKA, first: b"GIF89a is no video\n"}))
    gone = {*samples(bucket.before.get(key)), *samples(bucket.before.get(first))}
    assert set(before) - set(found) == gone
    assert {one.key: one.cause for one in left_out} == {key: LossCause.FOREIGN, first: LossCause.FOREIGN}
    assert "Matroska" in next(one.reason for one in left_out if one.key == key)
    assert isinstance(left_out[0].error, ForeignFormatError)


def test_an_object_under_the_key_of_another_is_not_shown_at_the_wrong_time(bucket: Bucket) -> None:
    names = video(bucket)
    before, _ = read(bucket.before)
    found, left_out = read(altered(bucket, {names[1]: bucket.before.get(names[3])}))
    assert [one.key for one in left_out] == [names[1]]
    assert set(before) - set(found) == set(samples(bucket.before.get(names[1])))
    assert all(found[data] == before[data] for data in found)


def test_media_of_another_kind_under_a_key(bucket: Bucket) -> None:
    other = next((key for key in bucket.before.keys("") if key.endswith((".m4a", ".m4m"))), None)
    if other is None:
        other = video(bucket)[-1]
    key = video(bucket)[1]
    _, left_out = read(altered(bucket, {key: bucket.before.get(other)}))
    assert [one.key for one in left_out] == [key]


def test_missing_objects_are_named_by_their_counters(bucket: Bucket) -> None:
    names = video(bucket)
    store = altered(bucket, {names[1]: None, names[2]: None})
    _, left_out = read(store)
    (one,) = left_out
    assert one.cause is LossCause.MISSING
    assert one.key.endswith("/*Z.{1..2}.m4v")
    whole = altered(bucket, {names[0]: None})
    assert read(whole)[1] == []
    (doubt,) = [one for one in doubts(select(Timeline.from_store(whole))) if one.key.endswith("*Z.0.m4v")]
    assert doubt.cause is LossCause.UNKNOWN  # deleted when its time was over, perhaps


def exported(store: MemoryStore, **options: bool) -> tuple[ExportReport, bytes]:
    out = io.BytesIO()
    return export_movie(store, select(Timeline.from_store(store)), out, strict=False, **options), out.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"cut_gaps": True}])
def test_an_export_reports_what_it_leaves_out(bucket: Bucket, options: dict[str, bool]) -> None:
    key = video(bucket)[1]
    report, data = exported(altered(bucket, {key: bucket.before.get(key)[:-150]}), **options)
    assert [one.key for one in report.left_out] == [key]
    assert data
    assert exported(bucket.before, **options)[0].left_out == ()


def test_an_export_of_nothing_says_why(bucket: Bucket) -> None:
    store = altered(bucket, dict.fromkeys(bucket.before.keys(""), MATROSKA))
    with pytest.raises(ForeignFormatError, match="Matroska") as caught:
        exported(store)
    assert caught.value.key is not None


def test_keys_that_are_missing_are_no_damage() -> None:
    configurations = map(configuration, range(1_000_000, 1_001_000))
    chosen = (one for one in configurations if one.scheme and not one.steps and len(one.feeds) == 1)
    recorded = next(
        one
        for one in map(carry_out, chosen)
        if video_of(one.store) and all(b"encv" in one.store.get(key, 0, 2000) for key in video_of(one.store))
    )
    selection = select(Timeline.from_store(recorded.store))
    with pytest.raises(ProtectionError, match="need keys"):
        list(SampleReader(recorded.store, selection, strict=False))
    other = KeyRing([ContentKey(UUID(int=5), bytes(16))])
    reader = SampleReader(recorded.store, selection, keys=other, strict=False)
    assert list(reader) == []
    assert {one.cause for one in reader.left_out} == {LossCause.ENCRYPTED}
    with pytest.raises(MissingKeyError):
        export_movie(recorded.store, selection, io.BytesIO(), keys=other, strict=False)


def test_playlists_never_list_a_torn_range(bucket: Bucket) -> None:
    key = video(bucket)[1]
    body = bucket.before.get(key)
    fragments = [box.offset or 0 for box in parse_boxes(body) if isinstance(box, MovieFragmentBox)]
    store = altered(bucket, {key: body[: fragments[-1] + 40]})
    made = hls_playlists(store, select(Timeline.from_store(store)), strict=False)
    assert [one.key for one in made.left_out] == [key]
    text = made["video.m3u8"]
    lines = text.splitlines()
    ranges = [lines[at - 1][17:].split("@") for at, line in enumerate(lines) if line == key]
    assert ranges
    assert sum(int(size) for size, _ in ranges) == fragments[-1] - fragments[0]
    assert "#EXT-X-DISCONTINUITY" in text
    whole = hls_playlists(bucket.before, select(Timeline.from_store(bucket.before)), strict=False)
    assert dict(whole) == dict(hls_playlists(bucket.before, select(Timeline.from_store(bucket.before))))
    assert whole.left_out == []


def test_a_zeroed_end_is_noticed(bucket: Bucket) -> None:
    """A box of zero bytes says that it reaches to the end of the object: it hides nothing."""
    key = video(bucket)[1]
    body = bucket.before.get(key)
    last = [box.offset or 0 for box in parse_boxes(body) if isinstance(box, MovieFragmentBox)][-1]
    _, left_out = read(altered(bucket, {key: body[:last] + bytes(len(body) - last)}))
    assert [one.key for one in left_out] == [key]
    _, left_out = read(altered(bucket, {key: body[:last]}))
    assert [one.key for one in left_out] == [key]


def test_a_wrong_key_is_not_called_damage() -> None:
    """Whether a key is wrong or an object damaged cannot be told; lengths of NAL units that were encrypted show one."""
    noise = b"\xf0" * 40
    entry = SimpleNamespace(type="encv")
    track = SimpleNamespace(track_id=1, entry=lambda index: entry, nal_length_size=lambda index: 2)
    part = SimpleNamespace(track=track, description=1, samples=lambda data: iter([Sample(1, 0, 1, noise, True)]))
    with pytest.raises(WrongKeyError) as caught:
        list(clear_samples(part, memoryview(noise), lambda part, samples, data: samples))  # type: ignore[arg-type]
    assert cause_of(caught.value) is LossCause.ENCRYPTED
    entry.type = "avc1"
    with pytest.raises(BitstreamError):
        list(clear_samples(part, memoryview(noise), None))  # type: ignore[arg-type]


@pytest.mark.parametrize("jitter", [(0, 580, 160, 740, 320), (0, 21, -18, 30, -25), (0, -300, 250, -200, 100)])
@pytest.mark.parametrize("labels", [True, False])
def test_keys_that_are_not_exact_are_no_damage(bucket: Bucket, jitter: tuple[int, ...], labels: bool) -> None:
    """Other recorders take keys from the clock on the wall."""
    store = MemoryStore()
    span = max(Timeline.from_store(bucket.before).spans, key=lambda one: len(one.segments))
    for segment, off in zip(span.segments, jitter, strict=False):
        key = ObjectKey(
            segment.key.prefix,
            segment.key.time + timedelta(milliseconds=off),
            segment.key.postfix,
            segment.key.counter,
            segment.key.extension,
        )
        writer = store.open_writer(str(key), content_type="video/mp4")
        writer.append(bucket.before.get(segment.name))
        writer.seal(dict(bucket.before.head(segment.name).attributes) if labels else {})
    found, left_out = read(store)
    assert left_out == []
    expected = [data for segment in span.segments[: len(jitter)] for data in samples(bucket.before.get(segment.name))]
    assert list(found) == expected
