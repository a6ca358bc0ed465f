"""Samples of H.264 whose form is not what the sample entry says; and configurations that are not there."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from mending_kit import BOXES, WHOLE, changed, hashes, read

from onvif_bmff.bmff import (
    AvcConfigurationBox,
    Box,
    ChunkOffsetBox,
    Columns,
    HandlerBox,
    MediaDataBox,
    SampleSizeBox,
    SampleToChunkBox,
    SyncSampleBox,
    TrackBox,
    UnknownBox,
    build_boxes,
)
from onvif_bmff.media.nal import iter_nal_units, length_prefixed_to_annex_b

PICTURES = [bytes(one.data) for one in WHOLE["VIDEO001"]]
CONFIG = next(one for box in BOXES for _, one in box.walk() if isinstance(one, AvcConfigurationBox))
SETS = [*CONFIG.sequence_parameter_sets, *CONFIG.picture_parameter_sets]


def video(samples: list[bytes], configure: Callable[[AvcConfigurationBox], Box | None], *, stss: bool = True) -> bytes:
    """A file of these samples alone, with another configuration."""

    def change(box: Box) -> Box | None:
        if isinstance(box, TrackBox) and any(
            isinstance(one, HandlerBox) and one.handler_type == "soun" for _, one in box.walk()
        ):
            return None
        if isinstance(box, SampleSizeBox):
            return replace(box, entries=Columns(size=list(map(len, samples))))
        if isinstance(box, ChunkOffsetBox):
            return replace(box, entries=Columns(chunk_offset=[8]))
        if isinstance(box, SampleToChunkBox):
            rows = Columns(first_chunk=[1], samples_per_chunk=[len(samples)], sample_description_index=[1])
            return replace(box, entries=rows)
        if isinstance(box, SyncSampleBox) and not stss:
            return SyncSampleBox()
        return configure(box) if isinstance(box, AvcConfigurationBox) else box

    movie = [one for box in BOXES if box.type == "moov" for one in changed(box, change)]
    return build_boxes([MediaDataBox(data=b"".join(samples)), *movie])


def units(size: int) -> list[bytes]:
    return [b"".join(len(unit).to_bytes(size, "big") + bytes(unit) for unit in iter_nal_units(one)) for one in PICTURES]


def as_it_is(config: AvcConfigurationBox) -> Box:
    return config


def lengths(size: int) -> Callable[[AvcConfigurationBox], Box]:
    return lambda config: replace(config, length_size_minus_one=size - 1)


def none(config: AvcConfigurationBox) -> None:
    return None


def empty(config: AvcConfigurationBox) -> Box:
    return UnknownBox(type="avcC", data=b"")


def no_sets(config: AvcConfigurationBox) -> Box:
    return replace(config, sps_count=0, sequence_parameter_sets=(), picture_parameter_sets=(), extension=b"")


def uncounted(config: AvcConfigurationBox) -> Box:
    data = bytearray(config.build()[8:])
    data[5] = 0
    return UnknownBox(type="avcC", data=bytes(data))


STREAM = [length_prefixed_to_annex_b(one) for one in PICTURES]
SETS_AS_STREAM = b"".join(b"\0\0\0\1" + one for one in SETS)
SETS_WITH_LENGTHS = b"".join(len(one).to_bytes(4, "big") + one for one in SETS)

FORMS = {
    "as it says": (PICTURES, as_it_is, "avc1", ()),
    "lengths of 4 bytes, of 2 claimed": (PICTURES, lengths(2), "avc1", ("NAL lengths of 4 bytes",)),
    "lengths of 4 bytes, of 1 claimed": (PICTURES, lengths(1), "avc1", ("NAL lengths of 4 bytes",)),
    "lengths of 4 bytes, of 3 claimed": (PICTURES, lengths(3), "avc1", ("wrong or no decoder configuration",)),
    "lengths of 2 bytes": (units(2), lengths(2), "avc1", ()),
    "lengths of 2 bytes, of 4 claimed": (units(2), as_it_is, "avc1", ("NAL lengths of 2 bytes",)),
    "lengths of 3 bytes": (units(3), lengths(3), "avc1", ("wrong or no", "NAL lengths of 3 bytes")),
    "a byte stream": (STREAM, as_it_is, "avc1", ("start codes",)),
    "a byte stream, start codes of 3 bytes": ([one.replace(b"\0\0\0\1", b"\0\0\1") for one in STREAM], as_it_is, "avc1",
                                              ("start codes",)),
    "parameter sets not counted": (PICTURES, uncounted, "avc1", ("wrong or no decoder configuration",)),
}  # fmt: skip


@pytest.mark.parametrize(("samples", "configure", "kind", "told"), FORMS.values(), ids=FORMS)
def test_samples_are_taken_for_what_they_are(samples, configure, kind, told):
    source, found = read(video(samples, configure))
    assert hashes(found["VIDEO001"]) == hashes(WHOLE["VIDEO001"])
    (track,) = source.tracks
    assert track.sample_entry().type == kind
    assert (track.codec.sps, track.codec.pps) == (CONFIG.sequence_parameter_sets, CONFIG.picture_parameter_sets)
    assert len(source.warnings) == len(told)
    assert all(any(part in text for text in source.warnings) for part in told)
    assert all(track.codec.protected_ranges(one.data) for one in found["VIDEO001"])


@pytest.mark.parametrize("configure", [none, empty, no_sets])
@pytest.mark.parametrize("stream", [True, False])
def test_parameter_sets_in_the_samples_make_a_configuration(configure, stream):
    """They stay in the samples, so the entry is one that allows it."""
    first = SETS_AS_STREAM if stream else SETS_WITH_LENGTHS
    samples = STREAM if stream else PICTURES
    source, found = read(video([first + samples[0], *samples[1:]], configure))
    assert hashes(found["VIDEO001"])[1:] == hashes(WHOLE["VIDEO001"])[1:]
    assert bytes(found["VIDEO001"][0].data) == SETS_WITH_LENGTHS + PICTURES[0]
    (track,) = source.tracks
    assert track.sample_entry().type == "avc3"
    assert (track.codec.width, track.codec.sps) == (
        next(one.width for one in [read(video(PICTURES, as_it_is))[0].tracks[0].codec]), (SETS[0],),
    )  # fmt: skip
    assert not source.is_loss


def test_pictures_without_any_parameter_set_are_left_out():
    with pytest.raises(Exception, match=r"track 1 is left out: .* has no decoder configuration|no H.264 configuration"):
        read(video(PICTURES, none))


def test_an_empty_table_of_sync_samples_makes_pictures_be_looked_at():
    source, found = read(video(PICTURES, as_it_is, stss=False))
    assert [one.sync for one in found["VIDEO001"]] == [one.sync for one in WHOLE["VIDEO001"]]
    assert source.warnings == (
        "track 1 has an empty table of sync samples (stss): its pictures are looked at",
    )  # fmt: skip


def test_a_sample_of_another_form_costs_itself():
    samples = [*units(2)]
    samples[7] = b"\0\5abc"
    source, found = read(video(samples, lengths(2)))
    kept = hashes(WHOLE["VIDEO001"])
    assert hashes(found["VIDEO001"]) == kept[:7] + kept[8:]
    assert source.warnings == ("track 1: NAL units do not fill the sample (1 sample lost)",)
