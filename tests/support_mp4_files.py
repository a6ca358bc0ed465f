"""Small MP4 files, built box by box for tests."""

from collections.abc import Sequence

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Box,
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    Columns,
    CompactSampleSizeBox,
    CompositionOffsetBox,
    EditBox,
    EditListBox,
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
    MovieHeaderBox,
    SampleDescriptionBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackExtendsBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackHeaderBox,
    TrackRunBox,
    build_boxes,
)
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.ingest import Mp4Input
from onvif_bmff.media.track import Sample

ULAW = AudioSampleEntry(type="ulaw", channel_count=1, sample_rate=8000 << 16)
ALAW = AudioSampleEntry(type="alaw", channel_count=1, sample_rate=8000 << 16)
HEAD = FileTypeBox(major_brand="isom", compatible_brands=("isom",))
START = HEAD.size + 8
"""Where the data begin in a file that ``progressive`` builds."""


def columns(names: Sequence[str], rows: Sequence[Sequence[int]]) -> Columns:
    return Columns(len(rows), **{name: [row[n] for row in rows] for n, name in enumerate(names)})


def track(
    track_id: int = 1,
    *,
    handler: str | None = "soun",
    timescale: int = 8000,
    entries: Sequence[Box] = (ULAW,),
    stts: Sequence[Sequence[int]] = (),
    ctts: Sequence[Sequence[int]] | None = None,
    ctts_version: int = 1,
    stsc: Sequence[Sequence[int]] = (),
    stsz: Sequence[int] | tuple[int, int] = (),
    constant_size: tuple[int, int] | None = None,
    stz2: tuple[int, int, bytes] | None = None,
    stco: Sequence[int] = (),
    co64: bool = False,
    stss: Sequence[int] | None = None,
    elst: Sequence[Sequence[int]] | None = None,
    language: int = 0x55C4,
) -> TrackBox:
    """A track with rows of tables by name. ``constant_size``: (size, count); ``stz2``: (bits, count, data)."""
    tables: list[Box] = [
        SampleDescriptionBox(entry_count=len(entries), children=tuple(entries)),
        TimeToSampleBox(entries=columns(("sample_count", "sample_delta"), stts)),
    ]
    if ctts is not None:
        tables.append(
            CompositionOffsetBox(version=ctts_version, entries=columns(("sample_count", "sample_offset"), ctts))
        )
    names = ("first_chunk", "samples_per_chunk", "sample_description_index")
    tables.append(SampleToChunkBox(entries=columns(names, stsc)))
    if stz2 is not None:
        tables.append(CompactSampleSizeBox(field_size=stz2[0], sample_count=stz2[1], packed=stz2[2]))
    elif constant_size is not None:
        tables.append(SampleSizeBox(sample_size=constant_size[0], entries=Columns(constant_size[1])))
    else:
        tables.append(SampleSizeBox(entries=Columns(size=stsz)))
    offsets = Columns(chunk_offset=stco)
    tables.append(ChunkLargeOffsetBox(entries=offsets) if co64 else ChunkOffsetBox(entries=offsets))
    if stss is not None:
        tables.append(SyncSampleBox(entries=Columns(sample_number=stss)))
    media: list[Box] = [MediaHeaderBox(timescale=timescale, language=language)]
    if handler is not None:
        media.append(HandlerBox(handler_type=handler))
    media.append(MediaInformationBox(children=(SampleTableBox(children=tuple(tables)),)))
    children: list[Box] = [TrackHeaderBox(track_id=track_id)]
    if elst is not None:
        rows = columns(("edit_duration", "media_time", "media_rate", "media_rate_fraction"), elst)
        children.append(EditBox(children=(EditListBox(version=1, entries=rows),)))
    return TrackBox(children=(*children, MediaBox(children=tuple(media))))


def movie(*tracks: TrackBox, extends: Sequence[TrackExtendsBox] = (), timescale: int = 1000) -> MovieBox:
    children: list[Box] = [MovieHeaderBox(timescale=timescale, next_track_id=len(tracks) + 1), *tracks]
    if extends:
        children.append(MovieExtendsBox(children=tuple(extends)))
    return MovieBox(children=tuple(children))


def progressive(*tracks: TrackBox, data: bytes = b"", timescale: int = 1000) -> bytes:
    """A file with ``data`` (from byte ``START`` on) in front of the movie box."""
    return build_boxes((HEAD, MediaDataBox(data=data), movie(*tracks, timescale=timescale)))


def run(
    count: int,
    *,
    offset: int | None = None,
    first_flags: int | None = None,
    version: int = 1,
    **table: Sequence[int],
) -> TrackRunBox:
    """A trun; ``table`` holds those of the columns duration, size, flags and composition_offset that it has."""
    bits = {"duration": 0x100, "size": 0x200, "flags": 0x400, "composition_offset": 0x800}
    flags = sum(bits[name] for name in table) | (offset is not None) | (4 if first_flags is not None else 0)
    ordered = {name: table[name] for name in bits if name in table}
    return TrackRunBox(
        version=version,
        flags=flags,
        sample_count=count,
        data_offset=offset,
        first_sample_flags=first_flags,
        samples=Columns(count, **ordered),
    )


def traf(
    track_id: int,
    *runs: TrackRunBox,
    time: int | None = 0,
    base_is_moof: bool = True,
    extra: Sequence[Box] = (),
    **header: int,
) -> TrackFragmentBox:
    """A traf; ``header`` holds those of tfhd's optional fields that it has, ``time`` goes into tfdt."""
    bits = {
        "base_data_offset": 1,
        "sample_description_index": 2,
        "default_sample_duration": 8,
        "default_sample_size": 0x10,
        "default_sample_flags": 0x20,
    }
    flags = sum(bits[name] for name in header) | (0x20000 if base_is_moof else 0)
    children: list[Box] = [TrackFragmentHeaderBox(flags=flags, track_id=track_id, **header)]
    if time is not None:
        children.append(TrackFragmentBaseMediaDecodeTimeBox(version=1, base_media_decode_time=time))
    return TrackFragmentBox(children=(*children, *runs, *extra))


def moof(*trafs: TrackFragmentBox, number: int = 1) -> MovieFragmentBox:
    return MovieFragmentBox(children=(MovieFragmentHeaderBox(sequence_number=number), *trafs))


def until_fault(file: bytes, *, strict: bool = True) -> tuple[list[Sample], OnvifBmffError | None]:
    """The samples that come out of a file before it is found broken, and what says so."""
    found: list[Sample] = []
    try:
        for sample in Mp4Input(file, strict=strict).samples():
            if strict:
                assert isinstance(sample, Sample)
            if isinstance(sample, Sample):
                found.append(sample)
    except OnvifBmffError as error:
        return found, error
    return found, None
