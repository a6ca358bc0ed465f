"""Broken boxes: the rules of CMAF and of encryption, each broken on purpose in one object."""

from dataclasses import replace
from uuid import UUID

from validation_kit import KEYS, opened
from validation_mutants import breaks, columns, edit, shift

from onvif_bmff.bmff import (
    AsymmetricKeySystemHeaderBox,
    AvcConfigurationBox,
    Columns,
    DataReferenceBox,
    EditBox,
    EditListBox,
    EncryptedKeyEntry,
    EventMessageBox,
    FreeSpaceBox,
    HandlerBox,
    MediaHeaderBox,
    MovieExtendsBox,
    MovieExtendsHeaderBox,
    MovieFragmentHeaderBox,
    MovieHeaderBox,
    OriginalFormatBox,
    ProducerReferenceTimeBox,
    ProtectionSchemeInfoBox,
    ProtectionSystemSpecificHeaderBox,
    SampleAuxiliaryInformationOffsetsBox,
    SampleAuxiliaryInformationSizesBox,
    SampleDescriptionBox,
    SampleEncryptionBox,
    SampleGroupDescriptionBox,
    SampleToGroupBox,
    SchemeTypeBox,
    SegmentIndexBox,
    SeigEntry,
    SoundMediaHeaderBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackEncryptionBox,
    TrackExtendsBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentHeaderBox,
    TrackHeaderBox,
    TrackRunBox,
    UserDataBox,
    common_header,
    parse_boxes,
    read_auxiliary_info,
    seig_entries,
)

HEADER = "ANX-B.2-05"
"""What a change of one segment's moov breaks besides: the moov of a span is the same in all its segments."""


def header(rule, *besides, base="cmaf", extension="m4v"):
    return edit(rule, base, extension, HEADER, *besides)


# ---- CMAF: the header -----------------------------------------------------------------------------------------


@edit("C-01", "cmaf", "m4v")
def something_before_ftyp(obj):
    obj.boxes.insert(0, FreeSpaceBox(data=b""))


@edit("C-01", "cmaf", "m4v")
def a_second_moov(obj):
    obj.boxes[2:2] = parse_boxes(obj.moov.build())


@edit("C-01", "cmaf", "m4v")
def udta_at_file_level(obj):
    obj.boxes.insert(2, UserDataBox())


@edit("C-02", "cmaf", "m4v")
def no_structural_brand(obj):
    obj.ftyp.major_brand, obj.ftyp.compatible_brands = "iso6", ("iso6",)


@edit("C-02", "cmaf", "m4v")
def a_minor_version(obj):
    obj.ftyp.minor_version = 1


@edit("C-03", "cmaf", "m4v")
def cmf2_alone(obj):
    obj.ftyp.compatible_brands = ("cmf2", "iso6")


@header("C-10")
def samples_in_the_moov(obj):
    obj.inside(obj.trak(), TimeToSampleBox).entries = Columns(sample_count=[1], sample_delta=[1])


@header("C-10")
def a_duration_in_mvhd(obj):
    obj.inside(obj.moov, MovieHeaderBox).duration = 1


@header("C-11")
def another_rate(obj):
    obj.inside(obj.moov, MovieHeaderBox).rate = 1


@header("C-11")
def mvhd_not_first(obj):
    obj.moov.children = (*obj.moov.children[1:], obj.moov.children[0])


@header("C-12")
def a_disabled_track(obj):
    obj.trak().require(TrackHeaderBox).flags = 1


@header("C-13")
def no_picture_size(obj):
    obj.trak().require(TrackHeaderBox).width = 0


@header("C-14")
def a_duration_in_mdhd(obj):
    obj.inside(obj.trak(), MediaHeaderBox).duration = 1


@header("C-15", "C-16", "C-12")
def an_unknown_handler(obj):
    obj.inside(obj.trak(), HandlerBox).handler_type = "hint"


@header("C-16", extension="m4a")
def a_balance(obj):
    obj.inside(obj.trak(), SoundMediaHeaderBox).balance = 1


@header("C-17")
def data_elsewhere(obj):
    obj.inside(obj.trak(), DataReferenceBox).children[0].flags = 0


@header("C-18")
def a_table_is_missing(obj):
    obj.drop(obj.trak(), TimeToSampleBox)


@header("C-18")
def a_new_version_of_stsd(obj):
    obj.inside(obj.trak(), SampleDescriptionBox).version = 1


@header("C-19")
def no_stss(obj):
    obj.drop(obj.trak(), SyncSampleBox)


@header("C-20")
def no_trex(obj):
    obj.drop(obj.moov, TrackExtendsBox)


@edit("C-21", "cmaf-long", "m4v", number=0)
def a_duration_of_nothing(obj):
    obj.add(obj.inside(obj.moov, MovieExtendsBox), MovieExtendsHeaderBox(fragment_duration=0), at=0)


@header("C-25", "ANX-B.7-08", "ANX-B.9-08")
def parameter_sets_in_band(obj):
    table = obj.inside(obj.trak(), SampleDescriptionBox)
    config = table.children[0].find(AvcConfigurationBox)
    table.children = (replace(table.children[0], type="avc3", children=(config,)),)


@header("C-26")
def two_configurations(obj):
    entry = obj.inside(obj.trak(), SampleDescriptionBox).children[0]
    obj.add(entry, entry.find(AvcConfigurationBox))


def edits(rows):
    return EditBox(children=(EditListBox(entries=Columns(**rows)),))


ROW = {"edit_duration": [0], "media_time": [0], "media_rate": [1], "media_rate_fraction": [0]}


@header("C-30", extension="m4a")
def an_edit_list_of_two(obj):
    obj.add(obj.trak(), edits({name: value * 2 for name, value in ROW.items()}), at=1)


@header("C-32")
def an_edit_list_with_cmf2(obj):
    obj.add(obj.trak(), edits(ROW), at=1)


@edit("C-32", "cmaf", "m4v")
def an_old_trun(obj):
    run = obj.inside(obj.traf(), TrackRunBox)
    run.version = 0
    run.samples = columns(run.samples, composition_offset=[0] * run.sample_count)


# ---- CMAF: fragments ------------------------------------------------------------------------------------------


@edit("C-33", "cmaf", "m4v", "ANX-B.7-11", "ANX-B.9.2-01")
def shown_later(obj):
    run = obj.inside(obj.traf(), TrackRunBox)
    run.samples = columns(run.samples, composition_offset=[one + 1 for one in run.samples["composition_offset"]])


@edit("C-40", "cmaf", "m4v")
def data_in_two_boxes(obj):
    obj.boxes.insert(obj.boxes.index(obj.mdats[0]) + 1, replace(obj.mdats[0], data=b"", offset=None))


@edit("C-40", "cmaf", "m4v")
def data_of_nobody(obj):
    obj.boxes[2:2] = [replace(obj.mdats[0], data=b"", offset=None)]


@edit("C-42", "cmaf", "m4v")
def another_track(obj):
    obj.inside(obj.traf(), TrackFragmentHeaderBox).track_id = 7


@edit("C-42", "cmaf", "m4v")
def offsets_from_elsewhere(obj):
    obj.inside(obj.traf(), TrackFragmentHeaderBox).flags &= ~0x20000


@edit("C-43", "cmaf-long", "m4v", "ANX-B.5-03", number=0)
def a_gap(obj):
    shift(obj, 10_000, moofs=obj.moofs[-1:])


@edit("C-45", "cmaf", "m4v")
def data_outside_the_mdat(obj):
    obj.inside(obj.traf(), TrackRunBox).data_offset -= 20


@edit("C-46", "cmaf", "m4v")
def no_sample_description_index(obj):
    box = obj.inside(obj.traf(), TrackFragmentHeaderBox)
    box.flags &= ~2
    box.sample_description_index = None


def empty_sample(obj):
    """The bytes of a sample go to the one before it."""
    run = obj.inside(obj.traf(), TrackRunBox)
    sizes = list(run.samples["size"])
    sizes[3], sizes[2] = 0, sizes[2] + sizes[3]
    run.samples = columns(run.samples, size=sizes)


edit("P-01", "cmaf", "m4v")(empty_sample)
edit("P-01", "cmaf", "m4a")(empty_sample)
edit("P-01", "mp4", "mp4")(empty_sample)


def a_tick_apart(obj):
    """A picture lasts a tick, and the next one as much longer."""
    run = obj.inside(obj.traf(), TrackRunBox)
    usual = obj.inside(obj.traf(), TrackFragmentHeaderBox).default_sample_duration
    durations = [usual] * run.sample_count
    durations[10:12] = [1, 2 * usual - 1]
    run.samples = columns(run.samples, duration=durations)
    run.flags |= 0x100


def shown_late(obj):
    """A picture is shown two seconds late."""
    run = obj.inside(obj.traf(), TrackRunBox)
    offsets = list(run.samples["composition_offset"])
    offsets[10] += 2 * 12_800
    run.samples = columns(run.samples, composition_offset=offsets)


@edit("P-04", "mp4", "mp4", "ANX-B.1-06", "ANX-B.4-05", "ANX-B.6-07", "ANX-B.9.2-01", number=2)
def sound_of_another_object(obj):
    time = obj.inside(obj.traf(number=1), TrackFragmentBaseMediaDecodeTimeBox)
    time.base_media_decode_time -= 3 * obj.inside(obj.trak(), MediaHeaderBox).timescale


edit("P-02", "cmaf", "m4v")(a_tick_apart)
edit("P-02", "mp4", "mp4")(a_tick_apart)
edit("P-03", "cmaf", "m4v")(shown_late)


@edit("C-47", "cmaf", "m4v")
def a_sync_sample_that_depends(obj):
    obj.inside(obj.traf(), TrackRunBox).first_sample_flags = 0x01000000


@edit("C-47", "cmaf-long", "m4v", number=0)
def a_sync_sample_that_is_none(obj):
    data, at = bytearray(obj.mdats[-1].data), 0
    while data[at + 4] & 31 not in (1, 5):  # to the first slice
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    data[at + 5] = 0x9A  # first_mb_in_slice 0, slice_type 5 (P)
    obj.mdats[-1].data = bytes(data)


@edit("C-48", "cmaf", "m4v")
def an_index_of_indexes(obj):
    rows = Columns(reference=[1 << 31 | 100], duration=[100], sap=[0])
    obj.boxes.insert(2, SegmentIndexBox(reference_id=1, timescale=12_800, references=rows))


@edit("C-49", "cmaf", "m4v")
def an_event_at_the_end(obj):
    obj.boxes.insert(-1, event())


@edit("C-49", "cmaf", "m4v")
def an_event_in_other_ticks(obj):
    obj.boxes.insert(2, event(timescale=1))


def event(timescale=12_800):
    return EventMessageBox(
        version=1, timescale=timescale, presentation_time=0, scheme_id_uri="urn:x", value="", message_data=b""
    )


@edit("C-50", "cmaf", "m4v")
def a_time_of_another_track(obj):
    obj.boxes.insert(2, ProducerReferenceTimeBox(reference_track_id=9, ntp_timestamp=0, media_time=0))


@edit("C-53", "cmaf-long", "m4v", number=0)
def a_sequence_number_again(obj):
    obj.inside(obj.moofs[1], MovieFragmentHeaderBox).sequence_number = 1


# ---- encryption -----------------------------------------------------------------------------------------------


def cenc(rule, *besides, extension="m4v", number=1, base="cmaf-cenc"):
    return edit(rule, base, extension, *besides, number=number)


def cbcs(rule, *besides, extension="m4v", base="cmaf-cbcs"):
    return edit(rule, base, extension, *besides)


@cenc("C-60", HEADER)
def no_frma(obj):
    obj.drop(obj.trak(), OriginalFormatBox)


@cenc("C-60", HEADER)
def another_scheme_version(obj):
    obj.inside(obj.trak(), SchemeTypeBox).scheme_version = 1


@cenc("C-61", HEADER)
def no_tenc(obj):
    obj.drop(obj.trak(), TrackEncryptionBox)


@cenc("C-62", HEADER)
def two_schemes(obj):
    entry = obj.inside(obj.trak(), SampleDescriptionBox).children[0]
    (again,) = parse_boxes(entry.find(ProtectionSchemeInfoBox).build())
    again.find(SchemeTypeBox).scheme_type = "cbcs"
    obj.add(entry, again)


@cenc("ANX-B.8-01", HEADER, extension="mp4", base="mp4-cenc")
def no_tenc_in_mp4(obj):
    obj.drop(obj.trak(), TrackEncryptionBox)


@cenc("ANX-B.8-05", HEADER)
def a_scheme_that_is_no_mode(obj):
    obj.inside(obj.trak(), SchemeTypeBox).scheme_type = "cens"


@cenc("C-63")
def saio_leads_elsewhere(obj):
    obj.build()
    obj.fix = False
    obj.inside(obj.traf(), SampleAuxiliaryInformationOffsetsBox).entries = Columns(offset=[8])


@cenc("C-63", extension="m4a")
def saiz_of_other_sizes(obj):
    obj.inside(obj.traf(), SampleAuxiliaryInformationSizesBox).default_sample_info_size = 16


@cenc("C-64")
def no_senc(obj):
    for kind in (SampleEncryptionBox, SampleAuxiliaryInformationSizesBox, SampleAuxiliaryInformationOffsetsBox):
        obj.drop(obj.moofs[0], kind)


def records(obj, change):
    """Change the subsamples of the first sample of senc: a list of [clear, protected]."""
    senc = obj.inside(obj.traf(), SampleEncryptionBox)
    found = read_auxiliary_info(senc.data, senc.sample_count, 8, subsamples=True)
    maps = [[list(pair) for pair in one.subsamples] for one in found]
    change(maps[0])
    senc.data = b"".join(
        one.iv
        + len(pairs).to_bytes(2, "big")
        + b"".join(clear.to_bytes(2, "big") + protected.to_bytes(4, "big") for clear, protected in pairs)
        for one, pairs in zip(found, maps, strict=True)
    )


@cenc("C-64")
def subsamples_that_cover_less(obj):
    def change(pairs):
        pairs[0][0] -= 1
        pairs[0][0] += 17
        pairs[0][1] -= 32

    records(obj, change)


@cenc("C-66")
def not_whole_blocks(obj):
    def change(pairs):
        pairs[-1][0] += 1
        pairs[-1][1] -= 1

    records(obj, change)


@cenc("ANX-B.8-06", number=0)
def slice_headers_encrypted(obj):
    def change(pairs):
        pairs[0][1] += pairs[0][0] // 16 * 16
        pairs[0][0] %= 16

    records(obj, change)


@cenc("ANX-B.8-06", "C-63")
def whole_pictures_encrypted(obj):
    senc = obj.inside(obj.traf(), SampleEncryptionBox)
    found = read_auxiliary_info(senc.data, senc.sample_count, 8, subsamples=True)
    senc.flags, senc.data = 0, b"".join(one.iv for one in found)


@cbcs("ANX-B.8-07", HEADER)
def no_pattern(obj):
    obj.inside(obj.trak(), TrackEncryptionBox).default_skip_byte_block = 0
    for number in range(len(obj.moofs)):
        seig(obj, number, crypt_byte_block=0, skip_byte_block=0)


def seig(obj, moof=0, **changed):
    group = obj.inside(obj.traf(moof), SampleGroupDescriptionBox)
    group.descriptions = replace(seig_entries(group)[0], **changed).build()
    group.default_length = len(group.descriptions)


@cbcs("C-67")
def a_short_vector(obj):
    seig(obj, constant_iv=bytes(range(8)))


@breaks("ANX-B.8-08", "cmaf-cbcs")
def a_vector_used_twice(store):
    with opened(store, "m4v", 0) as first, opened(store, "m4v", 1) as second:
        group = first.inside(first.traf(), SampleGroupDescriptionBox)
        second.inside(second.traf(), SampleGroupDescriptionBox).descriptions = group.descriptions


@breaks("ANX-B.8-08", "cmaf-cenc")
def a_counter_used_twice(store):
    with opened(store, "m4a", 0) as first, opened(store, "m4v", 0) as second:
        senc = second.inside(second.traf(), SampleEncryptionBox)
        iv = bytes(first.inside(first.traf(), SampleEncryptionBox).data[:8])
        senc.data = iv + bytes(senc.data[8:])


@cbcs("C-65", extension="m4a")
def senc_without_need(obj):
    count = obj.inside(obj.traf(), TrackRunBox).sample_count
    obj.add(obj.traf(), SampleEncryptionBox(sample_count=count))


@cbcs("C-68", extension="m4a")
def clear_and_protected_samples(obj):
    group = obj.inside(obj.traf(), SampleToGroupBox)
    entry = SeigEntry(KEYS[0].kid, is_protected=0).build()
    (count,) = group.entries["sample_count"]
    group.entries = Columns(sample_count=[1, count - 1], group_description_index=[0x10001, 0x10002])
    described = obj.inside(obj.traf(), SampleGroupDescriptionBox)
    first = bytes(described.descriptions)
    described.default_length, described.entry_count = 0, 2
    described.descriptions = b"".join(len(one).to_bytes(4, "big") + one for one in (first, entry))


@cbcs("C-69")
def a_group_without_description(obj):
    obj.drop(obj.traf(), SampleGroupDescriptionBox)


@cbcs("ANX-B.8.1-06")
def a_key_that_no_header_names(obj):
    seig(obj, kid=KEYS[1].kid)


# ---- pssh -----------------------------------------------------------------------------------------------------


def pssh(obj):
    return obj.inside(obj.moov, ProtectionSystemSpecificHeaderBox)


@cenc("ANX-B.8-09")
def pssh_outside_the_moov(obj):
    obj.boxes.insert(2, common_header((KEYS[0].kid,)))


@cenc("ANX-B.8.1-01")
def no_pssh(obj):
    obj.drop(obj.moov, ProtectionSystemSpecificHeaderBox)


@cenc("ANX-B.8.1-03")
def flags_in_pssh(obj):
    pssh(obj).flags = 1


@cenc("ANX-B.8.1-04", "ANX-B.8.1-01")
def another_system(obj):
    pssh(obj).system_id = UUID(int=7)


@cenc("ANX-B.8.1-05")
def too_many_kids(obj):
    pssh(obj).kids = (KEYS[0].kid, KEYS[1].kid)


@cenc("ANX-B.8.1-06")
def another_kid(obj):
    pssh(obj).kids = (KEYS[1].kid,)


@cenc("ANX-B.8.1-07")
def data_in_the_common_pssh(obj):
    pssh(obj).data = b"x"


WRAPPED = {"thumbprint": bytes(32), "encryption_version": 1, "encrypted_key": bytes(256)}
HPKE = {
    "thumbprint": bytes(32),
    "encryption_version": 2,
    "hpke_kem": 0x10,
    "hpke_kdf": 1,
    "hpke_aead": 2,
    "encapsulated_secret": b"\4" + bytes(64),
    "encrypted_key": bytes(32),
}
SYSTEM = AsymmetricKeySystemHeaderBox(kid=KEYS[0].kid, entries=(EncryptedKeyEntry(**WRAPPED),)).system_id


def asymmetric(*entries, kid=KEYS[0].kid, **fields):
    made = tuple(EncryptedKeyEntry(**entry) for entry in entries or (WRAPPED, HPKE))
    return AsymmetricKeySystemHeaderBox(kid=kid, entries=made, **fields)


def raw(change, kids=(KEYS[0].kid,), version=1, system=SYSTEM):
    """An asymmetric header whose data are changed byte by byte."""
    data = bytearray(asymmetric().data)
    data = change(data) or data
    return ProtectionSystemSpecificHeaderBox(
        version=version, system_id=system, kids=kids if version else None, data=bytes(data)
    )


def added(rule, *boxes, besides=()):
    @cenc(rule, *besides)
    def change(obj):
        obj.add(obj.moov, *boxes)


def poke(at, value):
    def change(data):
        data[at] = value

    return change


RSA_ENTRY = 4 + 2 + 4 + 32  # where the version of the first entry stands
HPKE_ENTRY = RSA_ENTRY + 1 + 2 + 256  # where the second entry begins
added("ANX-B.8.2-09", asymmetric(), asymmetric())
added("ANX-B.8.2-09", asymmetric(kid=KEYS[1].kid))
added("ANX-B.8.2-11", asymmetric(flags=1))
added("ANX-B.8.2-11", raw(lambda data: None, version=0))
added("ANX-B.8.2-12", raw(lambda data: None, system=UUID("ca774354-6f98-41b6-b17a-b15f7bbf678a")))
added("ANX-B.8.2-13", raw(lambda data: None, kids=(KEYS[0].kid, KEYS[1].kid)))
added("ANX-B.8.2-16", raw(lambda data: data + b"more"))
added("ANX-B.8.2-16", raw(lambda data: data[:-4]))
added("ANX-B.8.2-17", raw(lambda data: bytes(4)))
added("ANX-B.8.2-18", raw(poke(5, 3)))
added("ANX-B.8.2-19", raw(poke(5, 1)))
added("ANX-B.8.2-21", raw(poke(RSA_ENTRY, 3)))
added("ANX-B.8.2-22", raw(poke(HPKE_ENTRY + 2 + 4 + 32 + 1 + 1, 0x99)))
added("ANX-B.8.2-22", asymmetric({**HPKE, "hpke_kdf": 9}))
added("ANX-B.8.2-23", asymmetric({**HPKE, "encapsulated_secret": bytes(65)}))
added("ANX-B.8.2-24", asymmetric({**HPKE, "encrypted_key": bytes(16)}))
added("ANX-B.8.2-24", asymmetric({**WRAPPED, "encrypted_key": b""}))
