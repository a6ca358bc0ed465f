"""Small whole files, valid box by box, as seeds: progressive, fragmented and CMAF, clear and encrypted.

The media data is filler: boxes, tables, offsets and sizes are right, pictures cannot be decoded. Equal arguments give
equal bytes. Sizes of samples run through ``sizes``.
"""

from collections.abc import Sequence
from uuid import UUID

from onvif_bmff.bmff import (
    AsymmetricKeySystemHeaderBox,
    AudioSampleEntry,
    AvcConfigurationBox,
    BitRateBox,
    Box,
    ChunkOffsetBox,
    Columns,
    CompositionOffsetBox,
    ContainerBox,
    DataEntryUrlBox,
    DataInformationBox,
    DataReferenceBox,
    EditBox,
    EditListBox,
    EncryptedKeyEntry,
    FileTypeBox,
    HandlerBox,
    MediaBox,
    MediaDataBox,
    MediaHeaderBox,
    MediaInformationBox,
    MovieBox,
    MovieExtendsBox,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    MovieHeaderBox,
    NullMediaHeaderBox,
    OriginalFormatBox,
    PixelAspectRatioBox,
    ProtectionSchemeInfoBox,
    SampleAuxiliaryInformationOffsetsBox,
    SampleAuxiliaryInformationSizesBox,
    SampleDescriptionBox,
    SampleEncryptionBox,
    SampleGroupDescriptionBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SampleToGroupBox,
    SchemeInformationBox,
    SchemeTypeBox,
    SeigEntry,
    SoundMediaHeaderBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackEncryptionBox,
    TrackExtendsBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackFragmentRandomAccessBox,
    TrackHeaderBox,
    TrackRunBox,
    VideoMediaHeaderBox,
    VisualSampleEntry,
    XmlMetaDataSampleEntry,
    build_boxes,
    common_header,
    parse_boxes,
)
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds

__all__ = ["TRACKS", "cmaf_file", "fragmented_file", "progressive_file"]

TRACKS = ("vide", "soun", "meta")
"""Kinds of tracks, by handler type."""

_KID = UUID("00112233-4455-6677-8899-aabbccddeeff")
_SPS = bytes.fromhex("6742c01e95a0280bfe54")
_PPS = bytes.fromhex("68ce3c80")
_TIMESCALE, _DURATION = 90_000, 3_600


def progressive_file(
    *,
    tracks: Sequence[str] = TRACKS,
    sizes: Sequence[int] = (40, 9, 17, 5),
    samples: int = 4,
    edits: bool = True,
    scheme: str | None = None,
) -> bytes:
    """Return a file with sample tables: ``samples`` samples in one chunk for each of ``tracks``.

    ``scheme`` is None, "cenc" (vectors behind the media data, named by saiz and saio) or "cbcs" (constant vector).
    """
    start = FileTypeBox(major_brand="isom", minor_version=512, compatible_brands=("isom", "iso2", "mp41"))
    lengths = [sizes[index % len(sizes)] for index in range(samples)]
    total = sum(lengths)
    size = _movie(tracks, scheme, lengths, [0] * len(tracks), edits=edits).size
    offset = start.size + size + 8
    moov = _movie(tracks, scheme, lengths, [offset + index * total for index in range(len(tracks))], edits=edits)
    vectors = _vectors(lengths, 0) if scheme == "cenc" else b""
    return build_boxes((start, moov, MediaDataBox(data=_media(tracks, lengths) + vectors)))


def fragmented_file(
    *,
    tracks: Sequence[str] = TRACKS,
    sizes: Sequence[int] = (40, 9, 17, 5),
    samples: int = 4,
    fragments: int = 2,
    scheme: str | None = None,
    brands: Sequence[str] = ("iso6", "mp41"),
) -> bytes:
    """Return ftyp, moov, ``fragments`` times moof and mdat and mfra, each moof with ``samples`` samples for each track.

    ``scheme`` is None, "cenc" or "cbcs".
    """
    start: list[Box] = [FileTypeBox(major_brand=brands[0], compatible_brands=tuple(brands))]
    start.append(_movie(tracks, scheme, None, None, edits=False))
    pieces = [build_boxes(start)]
    offsets = []
    lengths = [sizes[index % len(sizes)] for index in range(samples)]
    for number in range(fragments):
        offsets.append(sum(map(len, pieces)))
        pieces.append(_fragment(tracks, scheme, number, lengths))
    pieces.append(_random_access(len(tracks), offsets, samples).build())
    return b"".join(pieces)


def cmaf_file(
    kind: str = "vide",
    *,
    sizes: Sequence[int] = (40, 9, 17, 5),
    samples: int = 4,
    fragments: int = 2,
    scheme: str | None = None,
) -> bytes:
    """Return one CMAF track of ``kind``: a CMAF header, ``fragments`` CMAF fragments, and mfra."""
    brands = ("cmf2", "cmfc", "iso6")
    return fragmented_file(
        tracks=(kind,), sizes=sizes, samples=samples, fragments=fragments, scheme=scheme, brands=brands
    )


def _entry(kind: str, scheme: str | None) -> Box:
    children: list[Box] = []
    protected = scheme is not None and kind != "meta"
    if kind == "vide":
        children.append(
            AvcConfigurationBox(
                profile_indication=66, profile_compatibility=0xC0, level_indication=30, sps_count=1,
                sequence_parameter_sets=(_SPS,), picture_parameter_sets=(_PPS,),
            )
        )  # fmt: skip
        children.append(PixelAspectRatioBox())
    elif kind == "soun":
        children.append(build_esds(DecoderConfig(0x40, 5, bytes.fromhex("1190"))))
    else:
        children.append(BitRateBox())
    if protected:
        tenc = TrackEncryptionBox(default_kid=_KID, default_per_sample_iv_size=8)
        if scheme == "cbcs":
            tenc = TrackEncryptionBox(
                version=1, default_kid=_KID, default_crypt_byte_block=1, default_skip_byte_block=9,
                default_constant_iv=bytes(range(16)),
            )  # fmt: skip
        original = OriginalFormatBox(data_format="avc1" if kind == "vide" else "mp4a")
        information = SchemeInformationBox(children=(tenc,))
        sinf = (original, SchemeTypeBox(scheme_type=scheme or "cenc"), information)
        children.append(ProtectionSchemeInfoBox(children=sinf))
    if kind == "vide":
        return VisualSampleEntry(type="encv" if protected else "avc1", width=640, height=360, children=tuple(children))
    if kind == "soun":
        return AudioSampleEntry(
            type="enca" if protected else "mp4a", sample_rate=48_000 << 16, children=tuple(children)
        )
    return XmlMetaDataSampleEntry(namespace="http://www.onvif.org/ver10/schema", children=tuple(children))


def _movie(
    tracks: Sequence[str], scheme: str | None, lengths: list[int] | None, offsets: list[int] | None, *, edits: bool
) -> ContainerBox:
    vectors = offsets[0] + len(tracks) * sum(lengths) if offsets and lengths else 0
    children: list[Box] = [MovieHeaderBox(timescale=_TIMESCALE, next_track_id=len(tracks) + 1)]
    for index, kind in enumerate(tracks):
        children.append(_track(index, kind, scheme, lengths, offsets[index] if offsets else 0, vectors, edits=edits))
    if lengths is None:
        extends = tuple(TrackExtendsBox(track_id=index + 1) for index in range(len(tracks)))
        children.append(MovieExtendsBox(children=extends))
    if scheme is not None:
        entry = EncryptedKeyEntry(thumbprint=bytes(32), encryption_version=1, encrypted_key=bytes(256))
        children += [common_header((_KID,)), AsymmetricKeySystemHeaderBox(kid=_KID, entries=(entry,))]
    return MovieBox(children=tuple(children))


def _track(
    index: int, kind: str, scheme: str | None, lengths: list[int] | None, offset: int, vectors: int, *, edits: bool
) -> ContainerBox:
    count = len(lengths or ())
    tables: list[Box] = [SampleDescriptionBox(entry_count=1, children=(_entry(kind, scheme),))]
    if lengths:
        tables.append(TimeToSampleBox(entries=Columns(sample_count=[count], sample_delta=[_DURATION])))
        if kind == "vide":
            shifts = [_DURATION * (1 + row % 2) for row in range(count)]
            tables.append(CompositionOffsetBox(entries=Columns(sample_count=[1] * count, sample_offset=shifts)))
            tables.append(SyncSampleBox(entries=Columns(sample_number=[1])))
        chunks = Columns(first_chunk=[1], samples_per_chunk=[count], sample_description_index=[1])
        tables += [SampleToChunkBox(entries=chunks), SampleSizeBox(entries=Columns(size=lengths))]
        tables.append(ChunkOffsetBox(entries=Columns(chunk_offset=[offset])))
        if scheme == "cenc" and kind != "meta":
            tables += _auxiliary(count, vectors)
    else:
        tables += [TimeToSampleBox(), SampleToChunkBox(), SampleSizeBox(), ChunkOffsetBox()]
    header = {"vide": VideoMediaHeaderBox, "soun": SoundMediaHeaderBox}.get(kind, NullMediaHeaderBox)()
    here = DataReferenceBox(entry_count=1, children=(DataEntryUrlBox(),))
    information = (header, DataInformationBox(children=(here,)), SampleTableBox(children=tuple(tables)))
    media = (
        MediaHeaderBox(timescale=_TIMESCALE, duration=count * _DURATION),
        HandlerBox(handler_type=kind, name_bytes=b"filler\0"),
        MediaInformationBox(children=information),
    )
    children: list[Box] = [TrackHeaderBox(flags=3, track_id=index + 1, width=640 << 16, height=360 << 16)]
    if edits and lengths:
        row = Columns(edit_duration=[count * _DURATION], media_time=[0], media_rate=[1], media_rate_fraction=[0])
        children.append(EditBox(children=(EditListBox(entries=row),)))
    return TrackBox(children=(*children, MediaBox(children=media)))


def _media(tracks: Sequence[str], lengths: list[int]) -> bytes:
    """Return samples: for video one filler NAL unit behind its length, else bytes that count up."""
    made = []
    for kind in tracks:
        for index, size in enumerate(lengths):
            if kind == "vide" and size > 5:
                made.append((size - 4).to_bytes(4, "big") + b"\x0c" + b"\xff" * (size - 6) + b"\x80")
            else:
                made.append(bytes((index & 0xFF,)) * size)
    return b"".join(made)


def _fragment(tracks: Sequence[str], scheme: str | None, number: int, lengths: list[int]) -> bytes:
    offset, total = 0, sum(lengths)
    places = [0] * len(tracks)
    moof = MovieFragmentBox(children=())
    for _ in range(2):  # the second time the size of moof and the places of senc are known
        trafs: list[Box] = [MovieFragmentHeaderBox(sequence_number=number + 1)]
        for index, kind in enumerate(tracks):
            trafs.append(_traf(index, kind, scheme, number, lengths, offset + index * total, places[index]))
        moof = MovieFragmentBox(children=tuple(trafs))
        offset = moof.size + 8
        for index, traf in enumerate(parse_boxes(moof.build())[0].children_of()[1:]):
            for child in traf.children_of():
                if isinstance(child, SampleEncryptionBox) and child.offset is not None:
                    places[index] = child.offset + 16
    return build_boxes((moof, MediaDataBox(data=_media(tracks, lengths))))


def _traf(
    index: int, kind: str, scheme: str | None, number: int, lengths: list[int], offset: int, place: int
) -> ContainerBox:
    count = len(lengths)
    flags = [0x02000000 if row == 0 or kind != "vide" else 0x01010000 for row in range(count)]
    shifts = [0] * count
    samples = Columns(duration=[_DURATION] * count, size=lengths, flags=flags, composition_offset=shifts)
    children: list[Box] = [
        TrackFragmentHeaderBox(flags=0x020000, track_id=index + 1),
        TrackFragmentBaseMediaDecodeTimeBox(version=1, base_media_decode_time=number * count * _DURATION),
        TrackRunBox(version=1, flags=0xF01, sample_count=count, data_offset=offset, samples=samples),
    ]
    if scheme == "cenc" and kind != "meta":
        children.append(SampleEncryptionBox(flags=2, sample_count=count, data=_vectors(lengths, number * count)))
        children += _auxiliary(count, place)
    elif scheme == "cbcs" and kind != "meta":
        group = SeigEntry(_KID, constant_iv=bytes((number & 0xFF,)) * 16, crypt_byte_block=1, skip_byte_block=9).build()
        rows = Columns(sample_count=[count], group_description_index=[0x10001])
        children.append(SampleToGroupBox(grouping_type="seig", entries=rows))
        children.append(
            SampleGroupDescriptionBox(
                version=1, grouping_type="seig", default_length=len(group), entry_count=1, descriptions=group
            )
        )
    return TrackFragmentBox(children=tuple(children))


def _vectors(lengths: list[int], first: int) -> bytes:
    """Return the cenc information of each sample: a vector of 8 bytes, and one subsample."""
    return b"".join(
        row.to_bytes(8, "big") + b"\0\1" + min(size, 5).to_bytes(2, "big") + max(0, size - 5).to_bytes(4, "big")
        for row, size in enumerate(lengths, first)
    )


def _auxiliary(count: int, place: int) -> list[Box]:
    """Return saio and saiz for the vectors of ``count`` samples at ``place``."""
    return [
        SampleAuxiliaryInformationOffsetsBox(entries=Columns(offset=[place])),
        SampleAuxiliaryInformationSizesBox(default_sample_info_size=16, sample_count=count),
    ]


def _random_access(tracks: int, offsets: list[int], samples: int) -> ContainerBox:
    ones = [1] * len(offsets)
    times = [number * samples * _DURATION for number in range(len(offsets))]
    children: list[Box] = []
    for index in range(tracks):
        trafs = [index + 1] * len(offsets)
        rows = Columns(time=times, moof_offset=offsets, traf_number=trafs, trun_number=ones, sample_number=ones)
        children.append(TrackFragmentRandomAccessBox(track_id=index + 1, entries=rows))
    size = 8 + sum(child.size for child in children) + 16
    children.append(MovieFragmentRandomAccessOffsetBox(parent_size=size))
    return MovieFragmentRandomAccessBox(children=tuple(children))
