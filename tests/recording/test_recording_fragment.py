"""One fragment: what is packed for speed is what the declared boxes build."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording_kit import AAC, AVC, CMAF, START, VIDEO, target

from onvif_bmff.bmff import (
    Columns,
    MediaDataBox,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
    build_boxes,
    parse_boxes,
)
from onvif_bmff.errors import MediaError, StateError
from onvif_bmff.media import Sample
from onvif_bmff.objects.media_clock import MediaClock
from onvif_bmff.recording.boundaries import since_open
from onvif_bmff.recording.fragment import PREDICTED_FLAGS, SYNC_FLAGS, Fragment, FragmentBuilder, FragmentTrack
from onvif_bmff.recording.opening import SpanOpener
from onvif_bmff.recording.progress import ClockTie
from onvif_bmff.recording.segment import FragmentLimits, SegmentWriter
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.span import SpanWriter


def closed(track, samples, number=1):
    builder = FragmentBuilder([track])
    for sample in samples:
        builder.push(sample)
    return builder.close(number)


def joined(fragment):
    data = b"".join(fragment.buffers)
    assert len(data) == fragment.size
    return data


def declared(tracks, samples, number):
    """The same fragment built of declared boxes, from the samples' columns."""
    trafs, payload = [], b""
    for track in tracks:
        own = [sample for sample in samples if sample.track_id == track.track_id]
        if not own:
            continue
        factor = track.numerator
        durations = [sample.duration * factor for sample in own]
        sizes = [len(sample.data) for sample in own]
        flags = [SYNC_FLAGS if sample.sync else PREDICTED_FLAGS for sample in own]
        offsets = [(sample.composition_offset - track.shift) * factor for sample in own]
        header = {"default_sample_duration": None, "default_sample_size": None, "default_sample_flags": None}
        columns, bits, run_flags, first = {}, 0x20002, 1, None
        for name, values, bit, run_bit in (
            ("duration", durations, 0x8, 0x100),
            ("size", sizes, 0x10, 0x200),
        ):
            if len(set(values)) == 1:
                header[f"default_sample_{name}"] = values[0]
                bits |= bit
            else:
                columns[name] = values
                run_flags |= run_bit
        if len(set(flags[1:])) <= 1 and (len(own) == 1 or flags[1] == PREDICTED_FLAGS or set(flags) == {SYNC_FLAGS}):
            rest = flags[1] if len(own) > 1 else flags[0]
            header["default_sample_flags"] = rest
            bits |= 0x20
            if flags[0] != rest:
                first = flags[0]
                run_flags |= 0x4
        else:
            columns["flags"] = flags
            run_flags |= 0x400
        if any(offsets):
            columns["composition_offset"] = offsets
            run_flags |= 0x800
        run = TrackRunBox(
            version=1,
            flags=run_flags,
            sample_count=len(own),
            data_offset=0,
            first_sample_flags=first,
            samples=Columns(len(own), **columns),
        )
        time = (own[0].decode_time + track.shift) * factor - track.origin
        trafs.append(
            TrackFragmentBox(
                children=(
                    TrackFragmentHeaderBox(flags=bits, track_id=track.track_id, sample_description_index=1, **header),
                    TrackFragmentBaseMediaDecodeTimeBox(version=1, base_media_decode_time=time),
                    run,
                )
            )
        )
    moof = MovieFragmentBox(children=(MovieFragmentHeaderBox(sequence_number=number), *trafs))
    position = moof.size + 8
    for traf in trafs:
        own = [bytes(s.data) for s in samples if s.track_id == traf.children[0].track_id]
        traf.children[2].data_offset = position
        payload += b"".join(own)
        position += sum(map(len, own))
    return build_boxes((moof, MediaDataBox(data=payload)))


ONE = st.builds(
    lambda duration, data, sync, offset: (duration, data, sync, offset),
    st.integers(1, 70_000),
    st.binary(min_size=1, max_size=9),
    st.booleans(),
    st.integers(-3_000, 3_000),
)
RUNS = st.one_of(
    st.lists(ONE, max_size=12),
    st.lists(ONE, min_size=1, max_size=12).map(lambda rows: [(40, b"same", n == 0, 0) for n, _ in enumerate(rows)]),
    st.lists(ONE, min_size=1, max_size=12).map(lambda rows: [(40, row[1], True, 7) for row in rows]),
)


def laid_out(track_id, start, rows):
    samples = []
    for duration, data, sync, offset in rows:
        samples.append(Sample(track_id, start, duration, data, sync, offset))
        start += duration
    return samples


@pytest.mark.requirement("ANX-B.1-03", "ANX-B.7-09")
@given(RUNS, RUNS, st.integers(5_000, 1 << 40), st.sampled_from((1, 3, 8)), st.integers(0, (1 << 32) - 1))
def test_a_packed_moof_is_what_the_declared_boxes_build(first, second, start, factor, number):
    tracks = [
        FragmentTrack(1, 90_000, shift=first[0][3] if first else 0, numerator=factor),
        FragmentTrack(2, 48_000, origin=5),
    ]
    samples = laid_out(1, start, first) + laid_out(2, start + 5, second)
    builder = FragmentBuilder(tracks)
    for sample in samples:
        builder.push(sample)
    fragment = builder.close(number)
    if not samples:
        assert fragment is None
        return
    data = joined(fragment)
    assert data == declared(tracks, samples, number)
    assert build_boxes(parse_boxes(data)) == data
    for run in fragment.runs:
        own = [sample for sample in samples if sample.track_id == run.track.track_id]
        syncs = [index for index, sample in enumerate(own, 1) if sample.sync]
        assert run.sync_number == (syncs[0] if syncs else 0)
        assert run.sample_count == len(own)
        assert run.size == sum(len(sample.data) for sample in own)
    assert builder.close(number + 1) is None


def test_the_box_sizes_of_the_fact_sheet():
    boxes = parse_boxes(joined(closed(FragmentTrack(1, 90_000), [Sample(1, 0, 3_600, b"abc")])))
    found = {box.type: box.read_size for _, box in boxes[0].walk()}
    assert (found["mfhd"], found["tfdt"]) == (16, 20)
    header = boxes[0].children[1].children[0]
    assert header.flags == 0x2003A, "all constants in tfhd"


def test_a_gap_cannot_be_written_into_a_run():
    builder = FragmentBuilder([FragmentTrack(1, 1000), FragmentTrack(2, 1000)])
    assert builder.push(Sample(1, 500, 40, b"ab"))
    assert builder.push(Sample(2, 0, 40, b"c"))
    assert builder.push(Sample(1, 540, 40, b"d"))
    for time in (579, 581):
        assert not builder.push(Sample(1, time, 40, b"e"))
    assert (builder.count, builder.size) == (3, 4)
    made = builder.close(1)
    assert [run.sample_count for run in made.runs] == [2, 1]
    assert (builder.count, builder.size) == (0, 0)
    assert builder.push(Sample(1, 581, 40, b"e")), "the next fragment may begin anywhere"


def test_what_does_not_fit_is_an_error_and_the_builder_goes_on():
    builder = FragmentBuilder([FragmentTrack(1, 1000, origin=100)])
    builder.push(Sample(1, 0, 40, b"ab"))
    with pytest.raises(MediaError, match="before the start"):
        builder.close(1)
    for bad in (Sample(1, 140, 1 << 33, b"ab"), Sample(1, 140, 40, b"ab", True, 1 << 32)):
        builder.push(bad)
        builder.push(Sample(1, 140 + bad.duration, 20, b"c"))
        with pytest.raises(MediaError, match="32 bits"):
            builder.close(2)
    builder.push(Sample(1, 300, 40, b"good"))
    assert builder.close(2).runs[0].decode_time == 200


def test_a_fragment_of_more_than_32_bits():
    quarter = bytes(1 << 30)  # nobody touches it, so it takes no memory
    builder = FragmentBuilder([FragmentTrack(1, 1000)])
    for n in range(4):
        builder.push(Sample(1, n, 1, quarter))
    with pytest.raises(MediaError, match="too large"):
        builder.close(1)


def test_a_span_writer_is_closed_once():
    opener = SpanOpener(target(), SegmentLabels(), FragmentLimits(), since_open)
    settings = opener.open(
        [VIDEO], VIDEO.timescale, ClockTie(MediaClock(START, 0, VIDEO.timescale)), None, START
    ).settings
    (kind,) = CMAF.spans([VIDEO])
    span = SpanWriter(kind, [FragmentTrack(1, 90_000)], settings)
    assert span.segment_due(Sample(1, 0, 1, b"")) is None
    span.push(Sample(1, 0, 40, b"x"))
    assert [type(event).__name__ for event in span.close()] == [
        "SegmentOpened", "FragmentWritten", "SegmentSealed", "SpanEnded",
    ]  # fmt: skip
    assert span.close() == ()
    with pytest.raises(StateError):
        span.push(Sample(1, 40, 40, b"x"))
    empty = SpanWriter(kind, [FragmentTrack(1, 90_000)], settings)
    assert list(empty.close()) == []


def test_many_small_samples_leave_as_one_buffer_and_large_ones_untouched():
    small = closed(FragmentTrack(1, 1000), [Sample(1, n, 1, b"x") for n in range(50)])
    assert len(small.buffers) == 2
    pictures = [Sample(1, n, 1, bytes(10_000)) for n in range(3)]
    large = closed(FragmentTrack(1, 1000), pictures)
    assert [buffer is sample.data for buffer, sample in zip(large.buffers[1:], pictures, strict=True)] == [True] * 3


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=60), st.sampled_from((44_100, 22_050, 1_000_003)))
def test_rescaling_never_drifts(durations, timescale):
    """Where ticks do not divide, times are rounded from absolute ones: fragments meet exactly."""
    track = FragmentTrack(1, timescale, numerator=90_000, denominator=timescale)
    builder = FragmentBuilder([track])
    time, end = 0, 0
    for count, duration in enumerate(durations, 1):
        builder.push(Sample(1, time, duration, b"x", True, 50))
        time += duration
        if count % 7 == 0 or count == len(durations):
            (run,) = builder.close(count).runs
            assert run.decode_time == end
            end = run.decode_time + run.duration
            assert abs(end - time * 90_000 / timescale) < 1


# ---- a segment of fragments -----------------------------------------------------------------------------------


def writer(**options):
    limits = FragmentLimits(**options.pop("limits", {}))
    return SegmentWriter(
        [FragmentTrack(1, 1000), FragmentTrack(2, 1000)],
        lambda ivs: b"header",
        lead_id=1,
        fragment_ticks=options.pop("fragment_ticks", 500),
        limits=limits,
        **options,
    )


def test_fragments_end_at_sync_samples_of_the_leading_track():
    segment = writer()
    out = [segment.push(Sample(1, n * 100, 100, b"v", n % 3 == 0)) for n in range(13)]
    assert [n for n, buffers in enumerate(out) if buffers] == [6, 12]
    assert out[6][0] == b"header"
    assert out[12][0][4:8] == b"moof"
    rest = segment.close()
    assert rest[-1][4:8] == b"mfra"
    with pytest.raises(StateError):
        segment.end_fragment()


def test_a_fragment_with_enough_bytes_ends_at_the_next_sync_sample():
    segment = writer(fragment_ticks=10**9, limits={"enough_bytes": 1_000})
    ends = [n for n in range(30) if segment.push(Sample(1, n, 1, bytes(300), n % 2 == 0))]
    assert ends == [4, 8, 12, 16, 20, 24, 28]


def test_a_fragment_without_sync_samples_ends_anywhere():
    segment = writer(limits={"max_bytes": 1_000})
    assert [n for n in range(12) if segment.push(Sample(1, n * 1000, 1000, bytes(300), n == 0))] == [4, 8]
    segment = writer(limits={"max_samples": 5})
    assert [n for n in range(12) if segment.push(Sample(1, n * 1000, 1000, b".", n == 0))] == [5, 10]
    (table,) = segment.random_access().children[:-1]
    assert list(table.entries["time"]) == [0], "only what begins with a sync sample is listed"


def test_a_sync_sample_within_a_fragment_is_listed_with_its_number():
    segment = writer()
    segment.push(Sample(1, 0, 100, b"v"))
    for n in range(5):
        segment.push(Sample(2, n * 100, 100, b"w", n == 3, 30))
    segment.close()
    table, leading, _ = segment.random_access().children
    assert (table.track_id, leading.track_id) == (2, 1), "the first track stands last, next to the end of the object"
    assert list(table.entries.rows()) == [(330, 6, 2, 1, 4)]


def test_an_empty_segment_has_no_bytes():
    segment = writer()
    assert segment.close() == ()
    segment = writer(mfra=False)
    segment.push(Sample(1, 0, 100, b"v"))
    assert b"mfra" not in b"".join(segment.close())


def test_another_track_may_lead():
    segment = writer()
    segment.push(Sample(1, 0, 100, b"v"))
    segment.lead_by(2, 200)
    assert [n for n in range(6) if segment.push(Sample(2, n * 100, 100, b"w"))] == [2, 4]


def test_codecs_of_the_kit_are_real():
    assert AVC.codecs_parameter().startswith("avc1.")
    assert AAC.codecs_parameter() == "mp4a.40.2"


def test_only_the_samples_of_a_fragment_that_failed_count_as_unwritten():
    builder = FragmentBuilder([FragmentTrack(1, 1000)])
    for time in (0, 10):
        builder.push(Sample(1, time, 10, b"a"))
    builder.close(1)
    assert builder.unwritten == 0
    for time in (20, 30, 40):
        builder.push(Sample(1, time, 10, b""))
    with pytest.raises(MediaError):
        builder.close(2)
    assert builder.unwritten == 3


def test_what_a_fragment_holds_is_not_shown():
    shown = repr(Fragment((b"a picture of somebody",), 21, ()))
    assert "somebody" not in shown
    assert "size=21" in shown


def test_a_track_of_a_fragment_is_as_its_source_has_it_unless_more_is_said():
    track = FragmentTrack(1, 1_000)
    assert (track.origin, track.shift, track.delay, track.numerator, track.denominator) == (0, 0, 0, 1, 1)
    assert track.file_time(5) == 5


def test_a_span_that_is_given_up_before_its_first_segment_lost_nothing_of_one():
    opener = SpanOpener(target(), SegmentLabels(), FragmentLimits(), since_open)
    settings = opener.open(
        [VIDEO], VIDEO.timescale, ClockTie(MediaClock(START, 0, VIDEO.timescale)), None, START
    ).settings
    (kind,) = CMAF.spans([VIDEO])
    span = SpanWriter(kind, [FragmentTrack(1, 90_000)], settings)
    error = MediaError("cannot be written")
    assert not span.give_up(error)
    assert (span.failure.error, span.failure.lost) == (error, 0)


def test_a_fragment_without_the_leading_track_starts_with_its_earliest_sample():
    opener = SpanOpener(target(), SegmentLabels(), FragmentLimits(), since_open)
    settings = opener.open(
        [VIDEO], VIDEO.timescale, ClockTie(MediaClock(START, 0, VIDEO.timescale)), None, START
    ).settings
    (kind,) = CMAF.spans([VIDEO])
    lead, *others = tracks = [FragmentTrack(number, 90_000) for number in (1, 2, 3)]
    span = SpanWriter(kind, tracks, settings)
    late, early = (SimpleNamespace(track=one, first_presentation=at) for one, at in zip(others, (900, 90), strict=True))
    assert span._start_of(settings.clock, (late, early), lead) == (START.plus_ticks(90, 90_000), late)
    leading = SimpleNamespace(track=lead, first_presentation=9_000)
    assert span._start_of(settings.clock, (early, leading), lead) == (START.plus_ticks(9_000, 90_000), leading)


def test_a_fragment_after_one_that_got_too_large_is_measured_from_its_own_first_sample():
    segment = writer(limits={"max_samples": 7})
    out = [segment.push(Sample(1, n * 100, 100, b"v", n == 12)) for n in range(14)]
    assert [n for n, buffers in enumerate(out) if buffers] == [7, 12], "500 ticks from sample 7 to sample 12"
    segment = writer(limits={"max_samples": 7})
    times = [0, 100, 200, 300, 400, 500, 600]
    for time in times:
        assert segment.push(Sample(1, time, 100, b"v", False)) == ()
    assert segment.push(Sample(2, 700, 100, b"a")), "a sample of another track may be the first of the next one"
    out = [segment.push(Sample(1, 700 + n * 100, 100, b"v", n == 5)) for n in range(6)]
    assert [n for n, buffers in enumerate(out) if buffers] == [5], "measured from the leading track's first sample"
