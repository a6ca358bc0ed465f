"""From a camera's byte stream to samples."""

import subprocess

import pytest
from codecs_parameter_sets import (
    AVC_DELIMITER,
    AVC_SEI,
    HEVC_CRA,
    HEVC_DELIMITER,
    HEVC_IDR,
    HEVC_INTER,
    HEVC_PPS,
    HEVC_SEI,
    HEVC_SPS,
    HEVC_VPS,
    IDR,
    IDR_SECOND_SLICE,
    INTER,
    OTHER_PPS,
    OTHER_SPS,
    PPS,
    SPS,
    avc,
    hevc,
    sample,
    stream,
)

from onvif_bmff.codecs.access_units import AvcAccessUnits, HevcAccessUnits
from onvif_bmff.errors import BitstreamError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.nal import split_annex_b


def test_sets_go_into_the_codec_and_all_else_stays():
    units = AvcAccessUnits()
    unit = units.convert(stream(AVC_DELIMITER, SPS, PPS, AVC_SEI, IDR, IDR_SECOND_SLICE))
    assert unit.data == sample(AVC_DELIMITER, AVC_SEI, IDR, IDR_SECOND_SLICE)
    assert unit.sync
    assert unit.codec == units.codec == avc()
    assert unit.codec_changed
    unit = units.convert(stream(INTER))
    assert (unit.data, unit.sync, unit.codec_changed) == (sample(INTER), False, False)


def test_a_codec_known_beforehand_does_not_change():
    units = AvcAccessUnits(avc())
    unit = units.convert(stream(SPS, PPS, IDR))
    assert (unit.data, unit.codec_changed) == (sample(IDR), False)
    assert unit.codec is units.codec


def test_a_broken_set_does_not_hide_the_one_before_it():
    units = AvcAccessUnits(avc())
    with pytest.raises(BitstreamError):
        units.convert(stream(OTHER_SPS, b"\x68", IDR))
    unit = units.convert(stream(OTHER_SPS, PPS, IDR))
    assert (unit.codec.sps, unit.codec_changed) == ((OTHER_SPS,), True)


def test_units_may_come_one_by_one():
    assert AvcAccessUnits(avc()).convert([memoryview(IDR), b"", IDR_SECOND_SLICE]).data == sample(IDR, IDR_SECOND_SLICE)


def test_nothing_to_record():
    units = AvcAccessUnits()
    assert units.convert(stream(INTER)) is None
    assert units.convert(stream(SPS)) is None
    assert units.convert(stream(PPS)) is None
    assert units.convert(stream(AVC_SEI)) is None
    unit = units.convert(stream(IDR))
    assert unit.codec_changed
    assert unit.codec == avc()


def test_other_sets_are_another_codec():
    units = AvcAccessUnits(avc())
    unit = units.convert(stream(OTHER_SPS, OTHER_PPS, IDR))
    assert unit.codec_changed
    assert unit.codec == avc(OTHER_SPS, OTHER_PPS)
    assert not units.convert(stream(INTER)).codec_changed
    assert units.convert(stream(OTHER_SPS)) is None
    assert not units.convert(stream(INTER)).codec_changed
    assert units.convert(stream(SPS, PPS)) is None
    back = units.convert(stream(IDR))
    assert back.codec_changed
    assert back.codec == avc()


def test_sets_in_band_stay_in_band():
    units = AvcAccessUnits(in_band=True)
    data = stream(SPS, PPS, IDR)
    unit = units.convert(data)
    assert unit.data == sample(SPS, PPS, IDR)
    assert unit.codec.sample_entry_type == "avc3"
    assert units.convert(stream(AVC_DELIMITER, IDR)).data == sample(AVC_DELIMITER, SPS, PPS, IDR)
    assert units.convert(stream(INTER)).data == sample(INTER)


def test_sets_in_band_change_the_codec_only_with_the_rest_of_the_entry():
    units = AvcAccessUnits(avc(sample_entry_type="avc3"))
    other_pps = PPS[:-1] + b"\xca"
    unit = units.convert(stream(SPS, other_pps, IDR))
    assert not unit.codec_changed
    assert unit.data == sample(SPS, other_pps, IDR)
    assert units.convert(stream(IDR)).data == sample(SPS, other_pps, IDR)
    assert AvcAccessUnits(avc()).convert(stream(SPS, other_pps, IDR)).codec_changed
    unit = units.convert(stream(OTHER_SPS, OTHER_PPS, IDR))
    assert unit.codec_changed
    assert (unit.codec.width, unit.codec.sample_entry_type) == (176, "avc3")


def test_a_recovery_point_is_no_sync_sample():
    recovery_point = b"\x06\x06\x01\xc4\x80"
    assert not AvcAccessUnits(avc()).convert(stream(recovery_point, INTER)).sync


def test_hevc():
    units = HevcAccessUnits()
    unit = units.convert(stream(HEVC_DELIMITER, HEVC_VPS, HEVC_SPS, HEVC_PPS, HEVC_SEI, HEVC_IDR))
    assert unit.data == sample(HEVC_DELIMITER, HEVC_SEI, HEVC_IDR)
    assert (unit.sync, unit.codec_changed, unit.codec) == (True, True, hevc())
    assert units.convert(stream(HEVC_CRA)).sync
    assert not units.convert(stream(HEVC_INTER)).sync


def test_hevc_in_band():
    units = HevcAccessUnits(hevc(sample_entry_type="hev1"))
    sets = (HEVC_VPS, HEVC_SPS, HEVC_PPS)
    assert units.convert(stream(*sets, HEVC_IDR)).data == sample(*sets, HEVC_IDR)
    assert units.convert(stream(HEVC_DELIMITER, HEVC_CRA)).data == sample(HEVC_DELIMITER, *sets, HEVC_CRA)


def test_units_of_enhancement_layers_are_neither_sets_nor_slices():
    layer_one = [bytes((unit[0], unit[1] | 8)) + unit[2:] for unit in (HEVC_SPS, HEVC_IDR)]
    units = HevcAccessUnits(hevc())
    assert units.convert(stream(*layer_one)) is None
    assert units.convert(stream(HEVC_INTER, *layer_one)).data == sample(HEVC_INTER, *layer_one)


def test_what_cannot_be_read_is_refused():
    with pytest.raises(BitstreamError):
        AvcAccessUnits().convert(b"no start code")
    with pytest.raises(BitstreamError):
        AvcAccessUnits().convert(stream(SPS[:5]))
    with pytest.raises(BitstreamError):
        HevcAccessUnits().convert(stream(b"\x42"))


CLIP = ("-f", "lavfi", "-i", "testsrc2=s=128x96:r=25:d=1")
CODERS = {
    "h264": ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "9", "-x264-params", "slices=2"),
    "hevc": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=9:repeat-headers=1"),
}


@pytest.mark.interop
@pytest.mark.parametrize("name", CODERS)
def test_a_byte_stream_becomes_the_samples_of_a_file(name, make_clip, tmp_path):
    """ffmpeg's access units as a byte stream give the samples that it writes to a file from the same stream."""
    path = make_clip(f"units_{name}.mp4", (*CLIP, *CODERS[name]))
    raw = tmp_path / "raw"
    filters = f"{name}_mp4toannexb,{name}_metadata=aud=insert"
    subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-c", "copy", "-bsf:v", filters, "-f", name, raw], check=True)
    delimiter = AVC_DELIMITER[:1] if name == "h264" else HEVC_DELIMITER[:2]
    access_units: list[list[bytes]] = []
    for unit in split_annex_b(raw.read_bytes()):
        if unit.startswith(delimiter):
            access_units.append([])
        access_units[-1].append(unit)
    converter = AvcAccessUnits() if name == "h264" else HevcAccessUnits()
    converted = [converter.convert(stream(*units)) for units in access_units]
    with open_mp4(path) as source:
        expected = list(source.samples())
    assert [one.sync for one in converted] == [one.sync for one in expected]
    assert [one.codec_changed for one in converted] == [True] + [False] * (len(expected) - 1)

    def slices(data):
        return [data[start:end].tobytes() for start, end in converter.codec.protected_ranges(data)]

    assert [slices(memoryview(one.data)) for one in converted] == [slices(one.data) for one in expected]
