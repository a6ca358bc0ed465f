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
from hypothesis import example, given
from hypothesis import strategies as st

from onvif_bmff.codecs.access_units import AvcAccessUnits, HevcAccessUnits
from onvif_bmff.codecs.avc.codec import AvcCodec
from onvif_bmff.codecs.hevc.codec import HevcCodec
from onvif_bmff.codecs.nal_access_units import LostUnits
from onvif_bmff.errors import BitstreamError, MediaError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.codec import family_of_codec
from onvif_bmff.media.nal import iter_nal_units, split_annex_b
from onvif_bmff.media.nal_family import AVC, HEVC


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


def test_a_broken_set_costs_itself_only():
    units = AvcAccessUnits(avc())
    unit = units.convert(stream(OTHER_SPS, b"\x68", IDR))
    assert unit.data == sample(IDR)
    assert (unit.codec.sps, unit.codec_changed) == ((OTHER_SPS,), True)
    assert units.lost == {LostUnits.BROKEN_SET: 1}
    in_band = AvcAccessUnits(avc(sample_entry_type="avc3"))
    assert in_band.convert(stream(SPS[:5], IDR)).data == sample(SPS, PPS, IDR)


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


RECOVERY_POINT, REFRESH = b"\x06\x06\x01\xc4\x80", b"\x06\x06\x01\x28\x80"
INTRA = bytes.fromhex("41888403a0c60014101bab14") + bytes(range(1, 60))


def test_a_recovery_point_is_a_sync_sample_with_an_i_picture_only():
    units = AvcAccessUnits(avc())
    assert not units.convert(stream(RECOVERY_POINT, INTER)).sync
    unit = units.convert(stream(RECOVERY_POINT, INTRA))
    assert (unit.sync, unit.recovery) == (True, 0)
    assert not units.convert(stream(RECOVERY_POINT, INTRA, INTER)).sync
    assert not units.convert(stream(INTRA)).sync
    assert units.convert(stream(RECOVERY_POINT)) is None
    assert units.convert(stream(INTRA)).sync


def test_a_gradual_refresh_is_a_start_unless_refused():
    unit = AvcAccessUnits(avc()).convert(stream(REFRESH, INTER))
    assert (unit.sync, unit.recovery) == (True, 4)
    unit = AvcAccessUnits(avc(), gradual=False).convert(stream(REFRESH, INTER))
    assert (unit.sync, unit.recovery) == (False, 0)


def test_hevc_recovery_points():
    refresh = b"\x4e\x01\x06\x01\x22\x80"
    unit = HevcAccessUnits(hevc()).convert(stream(refresh, HEVC_INTER))
    assert (unit.sync, unit.recovery) == (True, 2)
    exact = b"\x4e\x01\x06\x01\xc0\x80"
    assert not HevcAccessUnits(hevc()).convert(stream(exact, HEVC_INTER)).sync


def test_a_new_sequence_parameter_set_counts_from_the_picture_that_starts_decoding():
    units = AvcAccessUnits(avc())
    for data in (stream(OTHER_SPS, OTHER_PPS, INTER), stream(INTER)):
        unit = units.convert(data)
        assert (unit.data, unit.codec, unit.codec_changed) == (sample(INTER), avc(), False)
    unit = units.convert(stream(IDR))
    assert (unit.codec, unit.codec_changed) == (avc(OTHER_SPS, OTHER_PPS), True)


def test_a_set_that_changes_back_and_forth_between_idr_pictures_changes_nothing():
    units = AvcAccessUnits(avc())
    for sets in ((OTHER_SPS, OTHER_PPS), (SPS, PPS)) * 5:
        assert not units.convert(stream(*sets, INTER)).codec_changed
    assert not units.convert(stream(IDR)).codec_changed


def test_a_picture_parameter_set_counts_from_the_first_slice_that_refers_to_it():
    other_pps = PPS[:-1] + b"\xca"
    units = AvcAccessUnits(avc())
    unit = units.convert(stream(other_pps, INTER))
    assert (unit.codec, unit.codec_changed) == (avc(pps=other_pps), True)
    second = bytes.fromhex("685383f2c0")  # the same with number 1
    units = AvcAccessUnits(avc())
    assert not units.convert(stream(second, INTER)).codec_changed
    unit = units.convert(stream(IDR))
    assert (unit.codec.pps, unit.codec_changed) == ((PPS, second), True)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_configuration_records_in_and_out(size):
    for stream_of, make, codec, picture in (
        (AvcAccessUnits.from_avcc, AvcCodec, avc(), IDR),
        (HevcAccessUnits.from_hvcc, HevcCodec, hevc(), HEVC_IDR),
    ):
        record = bytearray(codec.avcc if make is AvcCodec else codec.hvcc)
        assert bytes(record) in codec.sample_entry().build()
        record[4 if make is AvcCodec else 21] &= 0xFC
        record[4 if make is AvcCodec else 21] |= size - 1
        units = stream_of(record)
        assert units.codec == codec
        unit = units.convert(len(picture).to_bytes(size, "big") + picture)
        assert (unit.data, unit.sync, unit.codec) == (sample(picture), True, codec)
        assert units.convert(stream(picture)).data == sample(picture)
        with pytest.raises(BitstreamError):
            units.convert(b"\x7f" + picture)


def test_extradata_may_be_sets_with_start_codes():
    units = AvcAccessUnits.from_avcc(stream(SPS, PPS))
    assert units.codec == avc()
    assert units.convert(stream(IDR)).data == sample(IDR)
    units = HevcAccessUnits.from_hvcc(stream(HEVC_VPS, HEVC_SPS, HEVC_PPS), in_band=True)
    assert units.codec == hevc(sample_entry_type="hev1")


@given(st.one_of(st.binary(max_size=40), st.integers(0, 38).map(lambda n: avc().avcc[:n])))
@example(b"")
@example(b"\1\x64\0\x28\xfe\xe0\0")
@example(b"\2" + avc().avcc[1:])
def test_what_is_no_configuration_record_is_refused(data):
    for make in (AvcAccessUnits.from_avcc, HevcAccessUnits.from_hvcc):
        try:
            units = make(data)
        except MediaError:
            continue
        assert units.codec is None or data == avc().avcc


@pytest.mark.parametrize("name", ["test_signed_h264.mp4", "test_signed_h265.mp4"])
def test_signatures_that_come_by_themselves_are_kept(shared_cases, name):
    """ONVIF Media Signing: signing SEI in deliveries of their own, as some cameras send them; none is lost or moved."""
    with open_mp4(shared_cases / "signed" / name) as source:
        track = source.tracks[0]
        family = family_of_codec(track.codec)
        units = [bytes(unit) for one in source.samples() for unit in iter_nal_units(one.data)]
        codec = track.codec
    signing = [unit for unit in units if bytes.fromhex("005bc93f2d715e95ada4796f90877a6f") in unit]
    assert len(signing) >= 5
    converter = AvcAccessUnits(codec) if family is AVC else HevcAccessUnits(codec)
    found = [converter.convert([unit]) for unit in units]
    data = b"".join([one.data for one in found if one is not None]) + converter.finish()
    recorded = [bytes(unit) for unit in iter_nal_units(data)]
    if family is HEVC:  # 'hev1': its sync samples came without parameter sets, and have got them
        recorded = [unit for unit in recorded if HEVC.unit_type(unit, 0) not in HEVC.sets]
    assert recorded == units
    assert not converter.lost


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
    for units, broken in ((AvcAccessUnits(), SPS[:5]), (HevcAccessUnits(), HEVC_SPS[:5])):
        assert units.convert(stream(broken)) is None
        assert units.lost == {LostUnits.BROKEN_SET: 1}


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
