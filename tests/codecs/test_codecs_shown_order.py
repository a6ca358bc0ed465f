"""Presentation times from decode times and picture order."""

import pytest
from codecs_clips import CLIPS, read_clip
from codecs_parameter_sets import avc

from onvif_bmff.codecs.access_units import AvcAccessUnits, HevcAccessUnits
from onvif_bmff.codecs.metadata import MetadataCodec
from onvif_bmff.codecs.shown_order import ShownOrder
from onvif_bmff.media.nal_family import AVC
from onvif_bmff.media.track import Sample

TICKS = 3600


def samples_of(clip):
    """The samples of a clip with decode times alone, and their codec."""
    converter = AvcAccessUnits() if clip.family is AVC else HevcAccessUnits()
    units = [converter.convert(units) for units in clip.units]
    return units[0].codec, [Sample(1, n * TICKS, 0, one.data, one.sync) for n, one in enumerate(units)]


@pytest.mark.interop
@pytest.mark.parametrize("name", CLIPS)
def test_pictures_are_shown_in_their_order(make_clip, name):
    clip = read_clip(make_clip, name)
    codec, samples = samples_of(clip)
    order = ShownOrder(codec)
    found = [one for sample in samples for one in order.push(sample)]
    assert len(samples) - len(found) <= 16
    found += order.flush()
    assert [(one.data, one.sync, one.decode_time) for one in found] == [
        (one.data, one.sync, one.decode_time) for one in samples
    ]
    assert [one.decode_time + one.composition_offset for one in found] == [rank * TICKS for rank in clip.ranks]


@pytest.mark.interop
def test_another_codec_begins_another_sequence(make_clip):
    clip = read_clip(make_clip, next(iter(CLIPS)))
    codec, samples = samples_of(clip)
    order = ShownOrder(codec)
    found = [one for sample in samples for one in order.push(sample)] + order.change_codec(codec)
    assert len(found) == len(samples)
    found = [one for sample in samples for one in order.push(sample)] + order.flush()
    assert [one.decode_time + one.composition_offset for one in found] == [rank * TICKS for rank in clip.ranks]


def test_codecs_without_picture_headers_pass():
    sample = Sample(1, 5, 0, b"<tt/>")
    assert ShownOrder(MetadataCodec()).push(sample) == [sample]


def test_pictures_that_cannot_be_read_are_shown_where_they_come():
    order = ShownOrder(avc())
    samples = [Sample(1, n * TICKS, 0, b"\0\0\0\1\x61", n == 0) for n in range(20)]
    found = [one for sample in samples for one in order.push(sample)] + order.flush()
    assert found == samples
