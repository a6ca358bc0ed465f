"""Each declared box against bytes made by hand, both ways."""

import dataclasses

import pytest
from bmff_bytes import ASYMMETRIC, AUDIO, COMMON, KID, MATRIX, VISUAL, P, asymmetric, box, entry, full, key_entry

from onvif_bmff import bmff
from onvif_bmff.bmff import Box, Columns, UnknownBox, build_boxes, parse_boxes

HIDDEN = ("offset", "read_size")
S = P(">I4s", 8, b"free")
"""A child for containers: an empty free box."""

CASES = [
    # class, bytes, fields that must be read
    ("FileTypeBox", box("ftyp", b"cmf2", P(">I", 7), b"cmf2cmfciso6"),
     {"major_brand": "cmf2", "minor_version": 7, "compatible_brands": ("cmf2", "cmfc", "iso6")}),
    ("SegmentTypeBox", box("styp", b"msdh", P(">I", 0), b"msdh"), {"compatible_brands": ("msdh",)}),
    ("MediaDataBox", box("mdat", b"media"), {"data": b"media"}),
    ("FreeSpaceBox", box("free", b"xyz"), {"data": b"xyz"}),
    ("SkipBox", box("skip"), {"data": b""}),
    ("UuidBox", box("uuid", KID, b"own"), {"data": b"own"}),
    ("SegmentIndexBox", full("sidx", 0, 0, P(">IIIIHHIII", 1, 90000, 5, 6, 0, 1, 0x80000010, 9, 0x90000000)),
     {"reference_id": 1, "timescale": 90000, "earliest_presentation_time": 5, "first_offset": 6,
      "references": Columns(reference=[0x80000010], duration=[9], sap=[0x90000000])}),
    ("SegmentIndexBox", full("sidx", 1, 0, P(">IIQQHH", 1, 90000, 1 << 40, 6, 0, 0)),
     {"earliest_presentation_time": 1 << 40}),
    ("ProducerReferenceTimeBox", full("prft", 0, 24, P(">IQI", 1, 1 << 60, 7)), {"ntp_timestamp": 1 << 60}),
    ("ProducerReferenceTimeBox", full("prft", 1, 24, P(">IQQ", 1, 2, 1 << 40)), {"media_time": 1 << 40}),
    ("EventMessageBox", full("emsg", 0, 0, b"urn:x\0v\0", P(">IIII", 1000, 5, 6, 7), b"data"),
     {"scheme_id_uri": "urn:x", "value": "v", "timescale": 1000, "presentation_time_delta": 5, "event_duration": 6,
      "id": 7, "message_data": b"data", "presentation_time": None}),
    ("EventMessageBox", full("emsg", 1, 0, P(">IQII", 1000, 1 << 40, 6, 7), b"urn:x\0v\0data"),
     {"scheme_id_uri": "urn:x", "value": "v", "presentation_time": 1 << 40, "presentation_time_delta": None,
      "message_data": b"data"}),
    ("MovieBox", box("moov", S), {}),
    ("MovieHeaderBox", full("mvhd", 0, 0, P(">IIIIih10x", 1, 2, 3, 4, 0x10000, 0x100), MATRIX, bytes(24), P(">I", 9)),
     {"creation_time": 1, "modification_time": 2, "timescale": 3, "duration": 4, "rate": 0x10000, "volume": 0x100,
      "matrix": MATRIX, "next_track_id": 9}),
    ("MovieHeaderBox", full("mvhd", 1, 0, P(">QQIQih10x", 1, 2, 3, 1 << 40, -1, -1), MATRIX, bytes(24), P(">I", 9)),
     {"duration": 1 << 40, "rate": -1, "volume": -1}),
    ("MovieExtendsBox", box("mvex", S), {}),
    ("MovieExtendsHeaderBox", full("mehd", 0, 0, P(">I", 5)), {"fragment_duration": 5}),
    ("MovieExtendsHeaderBox", full("mehd", 1, 0, P(">Q", 1 << 40)), {"fragment_duration": 1 << 40}),
    ("TrackExtendsBox", full("trex", 0, 0, P(">5I", 1, 2, 3, 4, 5)),
     {"track_id": 1, "default_sample_description_index": 2, "default_sample_duration": 3, "default_sample_size": 4,
      "default_sample_flags": 5}),
    ("UserDataBox", box("udta", S), {}),
    ("KindBox", full("kind", 0, 0, b"urn:role\0main\0"), {"scheme_uri": "urn:role", "value": "main"}),
    ("MetaBox", full("meta", 0, 0, S), {"version_and_flags": bytes(4)}),
    ("TrackBox", box("trak", S), {}),
    ("TrackHeaderBox",
     full("tkhd", 0, 7, P(">IIIII8xhhhH", 1, 2, 3, 0, 4, -1, 1, 0x100, 0), MATRIX, P(">II", 640 << 16, 360 << 16)),
     {"flags": 7, "creation_time": 1, "track_id": 3, "duration": 4, "layer": -1, "alternate_group": 1, "volume": 256,
      "width": 640 << 16, "height": 360 << 16}),
    ("TrackHeaderBox",
     full("tkhd", 1, 3, P(">QQIIQ8xhhhH", 1, 2, 3, 0, 1 << 40, 0, 0, 0, 0), MATRIX, P(">II", 0, 0)),
     {"duration": 1 << 40, "track_id": 3}),
    ("TrackReferenceBox", box("tref", S), {}),
    ("EditBox", box("edts", S), {}),
    ("EditListBox", full("elst", 0, 0, P(">IIihhIihh", 2, 5, -1, 1, 0, 9, 1024, 1, 0)),
     {"entries": Columns(edit_duration=[5, 9], media_time=[-1, 1024], media_rate=[1, 1], media_rate_fraction=[0, 0])}),
    ("EditListBox", full("elst", 1, 0, P(">IQqhh", 1, 1 << 40, -1, 1, 0)),
     {"entries": Columns(edit_duration=[1 << 40], media_time=[-1], media_rate=[1], media_rate_fraction=[0])}),
    ("MediaBox", box("mdia", S), {}),
    ("MediaHeaderBox", full("mdhd", 0, 0, P(">IIIIHH", 1, 2, 90000, 4, 0x55C4, 0)),
     {"timescale": 90000, "duration": 4, "language": 0x55C4}),
    ("MediaHeaderBox", full("mdhd", 1, 0, P(">QQIQHH", 1, 2, 90000, 1 << 40, 0x55C4, 0)), {"duration": 1 << 40}),
    ("HandlerBox", full("hdlr", 0, 0, P(">I4s12x", 0, b"vide"), b"Video\0"), {"handler_type": "vide", "name": "Video"}),
    ("ExtendedLanguageBox", full("elng", 0, 0, b"en-GB\0"), {"extended_language": "en-GB"}),
    ("MediaInformationBox", box("minf", S), {}),
    ("VideoMediaHeaderBox", full("vmhd", 0, 1, P(">H6x", 0)), {"flags": 1, "graphics_mode": 0}),
    ("SoundMediaHeaderBox", full("smhd", 0, 0, P(">hH", -5, 0)), {"balance": -5}),
    ("NullMediaHeaderBox", full("nmhd", 0, 0), {}),
    ("SubtitleMediaHeaderBox", full("sthd", 0, 0), {}),
    ("DataInformationBox", box("dinf", S), {}),
    ("DataReferenceBox", full("dref", 0, 0, P(">I", 1), full("url ", 0, 1)), {"entry_count": 1}),
    ("DataEntryUrlBox", full("url ", 0, 0, b"http://x\0"), {"location": b"http://x\0"}),
    ("SampleTableBox", box("stbl", S), {}),
    ("SampleDescriptionBox", full("stsd", 0, 0, P(">I", 0)), {"entry_count": 0}),
    ("TimeToSampleBox", full("stts", 0, 0, P(">III", 1, 10, 512)),
     {"entries": Columns(sample_count=[10], sample_delta=[512])}),
    ("CompositionOffsetBox", full("ctts", 0, 0, P(">III", 1, 10, 0xFFFFFFFF)),
     {"entries": Columns(sample_count=[10], sample_offset=[0xFFFFFFFF])}),
    ("CompositionOffsetBox", full("ctts", 1, 0, P(">IIi", 1, 10, -1)),
     {"entries": Columns(sample_count=[10], sample_offset=[-1])}),
    ("CompositionToDecodeBox", full("cslg", 0, 0, P(">5i", 1, 2, 3, 4, 5)), {"data": P(">5i", 1, 2, 3, 4, 5)}),
    ("SampleToChunkBox", full("stsc", 0, 0, P(">4I", 1, 1, 5, 1)),
     {"entries": Columns(first_chunk=[1], samples_per_chunk=[5], sample_description_index=[1])}),
    ("SampleSizeBox", full("stsz", 0, 0, P(">4I", 0, 2, 100, 200)),
     {"sample_size": 0, "sample_count": 2, "entries": Columns(size=[100, 200])}),
    ("SampleSizeBox", full("stsz", 0, 0, P(">II", 160, 1 << 31)), {"sample_size": 160, "sample_count": 1 << 31}),
    ("CompactSampleSizeBox", full("stz2", 0, 0, P(">3xBI", 4, 3), b"\x12\x30"), {"field_size": 4, "sample_count": 3}),
    ("ChunkOffsetBox", full("stco", 0, 0, P(">II", 1, 48)), {"entries": Columns(chunk_offset=[48])}),
    ("ChunkLargeOffsetBox", full("co64", 0, 0, P(">IQ", 1, 1 << 40)), {"entries": Columns(chunk_offset=[1 << 40])}),
    ("SyncSampleBox", full("stss", 0, 0, P(">III", 2, 1, 26)), {"entries": Columns(sample_number=[1, 26])}),
    ("SampleDependencyTypeBox", full("sdtp", 0, 0, b"\x20\x10"), {"dependencies": b"\x20\x10"}),
    ("UriBox", full("uri ", 0, 0, b"urn:u\0"), {"the_uri": "urn:u"}),
    ("UriInitBox", full("uriI", 0, 0, b"init"), {"data": b"init"}),
    ("SamplingRateBox", full("srat", 0, 0, P(">I", 96000)), {"sampling_rate": 96000}),
    ("AvcConfigurationBox", box("avcC", bytes((1, 66, 192, 30, 0xFF, 0xE1)), b"\0\2gS\1\0\2hP"),
     {"length_size_minus_one": 3, "sps_count": 1, "sequence_parameter_sets": (b"gS",),
      "picture_parameter_sets": (b"hP",), "extension": b""}),
    ("AvcConfigurationBox", box("avcC", bytes((1, 100, 0, 31, 0xFC, 0xE0)), b"\0\xfd\xf8\xf8\0"),
     {"length_size_minus_one": 0, "extension": b"\xfd\xf8\xf8\0"}),
    ("HevcConfigurationBox",
     box("hvcC", b"\1", bytes((0b01100001,)), P(">I", 0x60000000), b"\x90\0\0\0\0\0", b"\x5d", P(">H", 0xF001),
         b"\xfc\xfd\xf8\xf8", P(">H", 0), b"\x0f", b"\1\xa0\0\1\0\2VP"),
     {"general_profile_space": 1, "general_tier_flag": 1, "general_profile_idc": 1,
      "general_profile_compatibility_flags": 0x60000000, "general_constraint_indicator_flags": 0x900000000000,
      "general_level_idc": 93, "min_spatial_segmentation_idc": 1, "chroma_format_idc": 1, "num_temporal_layers": 1,
      "temporal_id_nested": 1, "length_size_minus_one": 3}),
    ("Av1ConfigurationBox", box("av1C", bytes((0x81, 0x08, 0x0C, 0x15)), b"obu"),
     {"marker": 1, "configuration_version": 1, "seq_profile": 0, "seq_level_idx_0": 8, "chroma_subsampling_x": 1,
      "chroma_subsampling_y": 1, "initial_presentation_delay_present": 1, "initial_presentation_delay_minus_one": 5,
      "config_obus": b"obu"}),
    ("VpCodecConfigurationBox", full("vpcC", 1, 0, bytes((0, 31, 0x82, 1, 1, 1)), P(">H", 0)),
     {"profile": 0, "level": 31, "bit_depth": 8, "chroma_subsampling": 1, "video_full_range": 0}),
    ("OpusSpecificBox", box("dOps", P(">BBHIhB", 0, 2, 312, 48000, -1, 0)),
     {"output_channel_count": 2, "pre_skip": 312, "input_sample_rate": 48000, "output_gain": -1, "mapping": None}),
    ("OpusSpecificBox", box("dOps", P(">BBHIhB", 0, 3, 312, 48000, 0, 1), b"\2\1\0\1\2"), {"mapping": b"\2\1\0\1\2"}),
    ("PcmConfigBox", full("pcmC", 0, 0, b"\1\x10"), {"format_flags": 1, "pcm_sample_size": 16}),
    ("EsdBox", full("esds", 0, 0, b"\3\0"), {"data": b"\3\0"}),
    ("BitRateBox", box("btrt", P(">III", 1, 2, 3)), {"buffer_size_db": 1, "max_bitrate": 2, "avg_bitrate": 3}),
    ("PixelAspectRatioBox", box("pasp", P(">II", 4, 3)), {"h_spacing": 4, "v_spacing": 3}),
    ("ColourInformationBox", box("colr", b"nclx", P(">HHHB", 1, 1, 1, 128)), {"colour_type": "nclx"}),
    ("MovieFragmentBox", box("moof", S), {}),
    ("MovieFragmentHeaderBox", full("mfhd", 0, 0, P(">I", 8)), {"sequence_number": 8}),
    ("TrackFragmentBox", box("traf", S), {}),
    ("TrackFragmentHeaderBox", full("tfhd", 0, 0x2003B, P(">IQIIII", 1, 1 << 40, 2, 3, 4, 5)),
     {"track_id": 1, "base_data_offset": 1 << 40, "sample_description_index": 2, "default_sample_duration": 3,
      "default_sample_size": 4, "default_sample_flags": 5}),
    ("TrackFragmentHeaderBox", full("tfhd", 0, 0x20010, P(">II", 1, 4)),
     {"base_data_offset": None, "default_sample_size": 4, "default_sample_flags": None}),
    ("TrackFragmentBaseMediaDecodeTimeBox", full("tfdt", 0, 0, P(">I", 7)), {"base_media_decode_time": 7}),
    ("TrackFragmentBaseMediaDecodeTimeBox", full("tfdt", 1, 0, P(">Q", 1 << 40)), {"base_media_decode_time": 1 << 40}),
    ("TrackRunBox", full("trun", 1, 0xF01, P(">IiIIIi", 1, -8, 512, 4000, 0x2000000, -512)),
     {"sample_count": 1, "data_offset": -8, "first_sample_flags": None,
      "samples": Columns(duration=[512], size=[4000], flags=[0x2000000], composition_offset=[-512])}),
    ("TrackRunBox", full("trun", 0, 0x804, P(">IIII", 2, 0x2000000, 0xFFFFFFFF, 1)),
     {"first_sample_flags": 0x2000000, "samples": Columns(composition_offset=[0xFFFFFFFF, 1])}),
    ("TrackRunBox", full("trun", 0, 0, P(">I", 0xFFFFFFFF)), {"samples": Columns(0xFFFFFFFF)}),
    ("SubSampleInformationBox", full("subs", 0, 0, P(">I", 0)), {"data": bytes(4)}),
    ("SampleGroupDescriptionBox", full("sgpd", 1, 0, b"roll", P(">IIh", 2, 1, -1)),
     {"grouping_type": "roll", "default_length": 2, "entry_count": 1, "descriptions": b"\xff\xff"}),
    ("SampleGroupDescriptionBox", full("sgpd", 0, 0, b"roll", P(">Ih", 1, -1)), {"default_length": None}),
    ("SampleGroupDescriptionBox", full("sgpd", 2, 0, b"roll", P(">IIh", 2, 1, -1)), {"default_length": 2}),
    ("SampleToGroupBox", full("sbgp", 0, 0, b"seig", P(">III", 1, 10, 0x10001)),
     {"grouping_type_parameter": None, "entries": Columns(sample_count=[10], group_description_index=[0x10001])}),
    ("SampleToGroupBox", full("sbgp", 1, 0, b"seig", P(">II", 5, 0)), {"grouping_type_parameter": 5}),
    ("ProtectionSchemeInfoBox", box("sinf", S), {}),
    ("OriginalFormatBox", box("frma", b"avc1"), {"data_format": "avc1"}),
    ("SchemeTypeBox", full("schm", 0, 0, b"cenc", P(">I", 0x10000)), {"scheme_type": "cenc", "scheme_uri": None}),
    ("SchemeTypeBox", full("schm", 0, 1, b"cbcs", P(">I", 0x10000), b"urn:s\0"), {"scheme_uri": "urn:s"}),
    ("SchemeInformationBox", box("schi", S), {}),
    ("TrackEncryptionBox", full("tenc", 0, 0, b"\0\0\1\x08", KID),
     {"default_is_protected": 1, "default_per_sample_iv_size": 8, "default_constant_iv": None}),
    ("TrackEncryptionBox", full("tenc", 1, 0, b"\0\x19\1\0", KID, b"\x10", KID),
     {"default_crypt_byte_block": 1, "default_skip_byte_block": 9, "default_constant_iv": KID}),
    ("SampleEncryptionBox", full("senc", 0, 2, P(">I", 1), b"\0" * 10), {"sample_count": 1, "data": b"\0" * 10}),
    ("SampleAuxiliaryInformationSizesBox", full("saiz", 0, 0, P(">BI", 0, 3), b"\x10\x16\x10"),
     {"sizes": b"\x10\x16\x10", "aux_info_type": None}),
    ("SampleAuxiliaryInformationSizesBox", full("saiz", 0, 1, b"cenc", P(">IBI", 0, 16, 1000)),
     {"aux_info_type": "cenc", "aux_info_type_parameter": 0, "default_sample_info_size": 16, "sample_count": 1000}),
    ("SampleAuxiliaryInformationOffsetsBox", full("saio", 0, 0, P(">II", 1, 200)), {"entries": Columns(offset=[200])}),
    ("SampleAuxiliaryInformationOffsetsBox", full("saio", 1, 1, b"cenc", P(">IIQ", 0, 1, 1 << 40)),
     {"entries": Columns(offset=[1 << 40])}),
    ("ProtectionSystemSpecificHeaderBox", full("pssh", 0, 0, COMMON, P(">I", 3), b"abc"),
     {"kids": None, "data": b"abc"}),
    ("AsymmetricKeySystemHeaderBox", asymmetric(key_entry(1, key=bytes(256))), {"entry_layout": "25.12"}),
    ("MovieFragmentRandomAccessBox", box("mfra", S), {}),
    ("TrackFragmentRandomAccessBox", full("tfra", 0, 0, P(">III", 1, 1, 1), P(">IIBBH", 5, 600, 1, 2, 3)),
     {"track_id": 1, "length_size_of_sample_num": 1, "entries": Columns(time=[5], moof_offset=[600], traf_number=[1],
      trun_number=[2], sample_number=[3])}),
    ("TrackFragmentRandomAccessBox",
     full("tfra", 1, 0, P(">III", 1, 0b101011, 2), P(">QQ", 5, 1 << 40), b"\0\0\1", b"\0\0\2", b"\0\0\0\3",
          P(">QQ", 6, 1), b"\xff\xff\xff", b"\0\1\0", b"\xff\xff\xff\xff"),
     {"entries": Columns(time=[5, 6], moof_offset=[1 << 40, 1], traf_number=[1, 0xFFFFFF], trun_number=[2, 256],
      sample_number=[3, 0xFFFFFFFF])}),
    ("MovieFragmentRandomAccessOffsetBox", full("mfro", 0, 0, P(">I", 60)), {"parent_size": 60}),
]  # fmt: skip

ENTRIES = [
    ("VisualSampleEntry", entry("avc1", VISUAL, S), {"type": "avc1", "width": 640, "height": 360, "depth": 24}),
    ("VisualSampleEntry", entry("encv", VISUAL), {"type": "encv", "pre_defined2": -1}),
    ("AudioSampleEntry", entry("mp4a", AUDIO, S),
     {"channel_count": 2, "sample_size": 16, "sample_rate": 48000 << 16, "quicktime": b""}),
    ("XmlMetaDataSampleEntry", entry("metx", b"\0urn:n\0urn:s\0", S),
     {"content_encoding": "", "namespace": "urn:n", "schema_location": "urn:s"}),
    ("XmlMetaDataSampleEntry", entry("metx", b"gzip\0urn:n\0", S),
     {"content_encoding": "gzip", "schema_location": None}),
    ("XmlMetaDataSampleEntry", entry("metx", b"\0urn:n\0"), {"schema_location": None}),
    ("XmlMetaDataSampleEntry", entry("metx", b"\0urn:n\0no end"), {"schema_location": None}),
    ("TextMetaDataSampleEntry", entry("mett", b"\0text/plain\0", S), {"mime_format": "text/plain"}),
    ("UriMetaSampleEntry", entry("urim", S), {}),
    ("XmlSubtitleSampleEntry", entry("stpp", b"urn:n\0\0image/png\0", S),
     {"namespace": "urn:n", "schema_location": "", "auxiliary_mime_types": "image/png"}),
    ("EncryptedMetadataSampleEntry", entry("encm", b"\0urn:n\0urn:s\0", S), {"original_fields": b"\0urn:n\0urn:s\0"}),
]  # fmt: skip


def check(read, name, fields):
    assert type(read).__name__ == name
    assert {field: getattr(read, field) for field in fields} == fields
    assert read.trailing in (b"", b"no end")


@pytest.mark.parametrize(("name", "data", "fields"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_box(name, data, fields):
    (read,) = parse_boxes(data)
    check(read, name, fields)
    assert read.build() == data
    init = {one: getattr(read, one) for one in (f.name for f in dataclasses.fields(read)) if one not in HIDDEN}
    made = type(read)(**init)
    assert made == read
    assert build_boxes((made,)) == data


@pytest.mark.parametrize(("name", "data", "fields"), ENTRIES, ids=lambda value: value if isinstance(value, str) else "")
def test_sample_entry(name, data, fields):
    (stsd,) = parse_boxes(data)
    (read,) = stsd.children
    check(read, name, fields)
    assert stsd.build() == data
    if S in data:
        assert [child.type for child in read.children] == ["free"]


def test_every_declared_class_has_a_case():
    declared = {kind.__name__ for kind in (*bmff.BOXES.values(), *bmff.SAMPLE_ENTRIES.values())}
    assert declared - {name for name, *_ in (*CASES, *ENTRIES)} == set()


@pytest.mark.parametrize(
    ("made", "size"),
    [
        (bmff.MovieHeaderBox(timescale=1, next_track_id=2), 108),
        (bmff.MovieHeaderBox(version=1, timescale=1, next_track_id=2), 120),
        (bmff.TrackHeaderBox(track_id=1), 92),
        (bmff.TrackHeaderBox(version=1, track_id=1), 104),
        (bmff.MediaHeaderBox(timescale=1), 32),
        (bmff.MediaHeaderBox(version=1, timescale=1), 44),
        (bmff.VideoMediaHeaderBox(), 20),
        (bmff.SoundMediaHeaderBox(), 16),
        (bmff.NullMediaHeaderBox(), 12),
        (bmff.SubtitleMediaHeaderBox(), 12),
        (bmff.DataEntryUrlBox(), 12),
        (bmff.DataReferenceBox(entry_count=1, children=(bmff.DataEntryUrlBox(),)), 28),
        (bmff.TrackExtendsBox(track_id=1), 32),
        (bmff.MovieFragmentHeaderBox(sequence_number=1), 16),
        (bmff.TrackFragmentBaseMediaDecodeTimeBox(version=1, base_media_decode_time=0), 20),
        (bmff.MovieFragmentRandomAccessOffsetBox(parent_size=0), 16),
    ],
    ids=lambda value: getattr(value, "type", str(value)),
)
def test_sizes(made, size):
    assert made.size == len(made.build()) == size
    assert parse_boxes(made.build()) == (made,)


def test_compact_sizes():
    for size, packed, expected in (
        (4, b"\x12\x30", [1, 2, 3]),
        (8, b"\1\2\3", [1, 2, 3]),
        (16, b"\0\1\1\0\0\3", [1, 256, 3]),
    ):
        made = bmff.CompactSampleSizeBox(field_size=size, sample_count=3, packed=packed)
        assert made.sizes() == expected
        assert parse_boxes(made.build()) == (made,)


def test_language():
    assert bmff.pack_language("und") == 0x55C4
    assert bmff.pack_language("eng") == 0x15C7
    assert bmff.pack_language("EN") == bmff.pack_language("e1g") == 0x55C4


def test_unknown_boxes_and_versions_and_trailing_bytes_survive():
    for data in (
        box("abcd", b"own"),
        box("\xa9nam", b"own"),
        full("tfdt", 2, 0, P(">Q", 1)),
        full("vpcC", 0, 0, bytes(8)),
        full("mfhd", 0, 0, P(">I", 1), b"more behind it"),
        box("moov", full("mfhd", 0, 0, P(">I", 1)), b"1234567"),
        entry("zzzz", b"codec of tomorrow"),
    ):
        (read,) = parse_boxes(data)
        assert read.build() == data
    assert parse_boxes(full("tfdt", 2, 0, P(">Q", 1)))[0] == UnknownBox(type="tfdt", data=P(">IQ", 2 << 24, 1))
    assert parse_boxes(full("mfhd", 0, 0, P(">I", 1), b"more"))[0].trailing == b"more"
    assert isinstance(parse_boxes(box("abcd"))[0], Box)
    assert ASYMMETRIC in asymmetric(key_entry(1))
