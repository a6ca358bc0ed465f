"""Rules of the header: ftyp, moov, and the protection in sample entries. ISO/IEC 23000-19, 7.3.2, 7.5, 8."""

from onvif_bmff.bmff import (
    BOXES,
    UNITY_MATRIX,
    Box,
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    ContainerBox,
    DataEntryUrlBox,
    DataInformationBox,
    DataReferenceBox,
    EditBox,
    EditListBox,
    HandlerBox,
    MediaBox,
    MediaHeaderBox,
    MediaInformationBox,
    MovieExtendsBox,
    MovieHeaderBox,
    NullMediaHeaderBox,
    SampleDescriptionBox,
    SampleToChunkBox,
    SoundMediaHeaderBox,
    SubtitleMediaHeaderBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackExtendsBox,
    TrackHeaderBox,
    VideoMediaHeaderBox,
)
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.media.nal_family import NAL_FAMILIES
from onvif_bmff.media_kind import KIND_OF_HANDLER, MediaKind
from onvif_bmff.objects.extensions import media_in
from onvif_bmff.validation.child_counts import IN_BAND_VIDEO_ENTRY, missing_children
from onvif_bmff.validation.observed import Context, Header
from onvif_bmff.validation.protection import check_protection
from onvif_bmff.validation.structure import SAMPLE_DESCRIPTIONS, SAMPLE_TABLE, check_structure, original_type

__all__ = ["check_header"]

_BRANDS = ("cmfc", "cmf2")
_SHOWN_ENABLED = 7
_FULL_VOLUME = 0x100
_VIDEO = MediaKind.VIDEO.handler
_HANDLERS = (*KIND_OF_HANDLER, "subt", "text")
_MEDIA_HEADERS: dict[str, type[Box]] = {
    "subt": SubtitleMediaHeaderBox,
    **{kind.handler: BOXES[kind.media_header] for kind in MediaKind},
}


def check_header(context: Context, header: Header) -> None:
    """Check the header of a segment, and fill in its ``protections``."""
    add, movie = context.findings.add, header.movie
    check_structure(context, header)
    if context.is_cmaf:
        _check_brands(context, header)
        _check_movie_header(context, header)
    elif not header.tracks:
        add("ANX-B.3-08", "the movie has no track", offset=movie.offset, path="/moov")
    extends = movie.find(MovieExtendsBox)
    rule = context.rule("C-20", "ANX-B.3-08")
    defaults = extends.find_all(TrackExtendsBox) if extends is not None else ()
    if sorted(box.track_id for box in defaults) != sorted(track.track_id for track in header.tracks):
        add(rule, "there is not one trex for each track in mvex", offset=movie.offset, path="/moov/mvex")
    expected = media_in(context.key.extension)
    for track in header.tracks:
        if track.is_media and track.type not in expected:
            message = f"the extension is {context.key.extension!r}, the track's handler {track.handler!r}"
            add("ANX-B.4-12", message, offset=track.box.offset, path="/moov/trak")
        if _describes_samples(track):
            rule = context.rule("C-10", "ANX-B.6-05")
            add(rule, "the movie box describes samples", offset=track.table.offset, path=SAMPLE_TABLE)
        if context.is_cmaf:
            _check_track(context, track)
            _check_edits(context, track, header.brands)
            _check_entries(context, track)
        check_protection(context, header, track)


def _describes_samples(track: MovieTrack) -> bool:
    tables = (TimeToSampleBox, SampleToChunkBox, ChunkOffsetBox, ChunkLargeOffsetBox, SyncSampleBox)
    listed = any(len(box.entries) for box in track.table.children if isinstance(box, tables))
    return listed or track.sample_count > 0


def _check_brands(context: Context, header: Header) -> None:
    add, found = context.findings.add, header.file_type
    if found is None:
        return  # C-01 reports it
    brands = found.compatible_brands
    if not any(brand in brands for brand in _BRANDS):
        add("C-02", "neither cmfc nor cmf2 is a compatible brand", offset=found.offset, path="/ftyp")
    if found.major_brand in _BRANDS and found.minor_version:
        message = f"{found.major_brand} is the major brand with minor version {found.minor_version}"
        add("C-02", message, offset=found.offset, path="/ftyp")
    if "cmf2" in brands and "cmfc" not in brands:
        add("C-03", "cmf2 without cmfc", offset=found.offset, path="/ftyp")


def _check_movie_header(context: Context, header: Header) -> None:
    movie, add = header.movie, context.findings.add
    first = movie.children[0] if movie.children else None
    if not isinstance(first, MovieHeaderBox):
        add("C-11", "mvhd is not the first box in moov", offset=movie.offset, path="/moov")
        return
    path = "/moov/mvhd"
    if first.rate != 0x10000 or first.volume != 0x100 or first.matrix != UNITY_MATRIX:
        add("C-11", "rate, volume or matrix is not the default", offset=first.offset, path=path)
    if first.duration:
        add("C-10", f"the duration is {first.duration}, not 0", offset=first.offset, path=path)


def _check_track(context: Context, track: MovieTrack) -> None:
    """The boxes of a CMAF track, from tkhd down to the sample tables."""
    add, is_video = context.findings.add, track.handler == _VIDEO
    path = "/moov/trak/tkhd"
    header = track.box.require(TrackHeaderBox)
    volume = _FULL_VOLUME if track.handler == MediaKind.AUDIO.handler else 0
    plain = not (header.duration or header.layer or header.alternate_group) and header.matrix == UNITY_MATRIX
    plain = plain and header.volume == volume
    if header.flags != _SHOWN_ENABLED or not plain:
        message = f"flags {header.flags:#x}, duration {header.duration}, or layer, group, volume or matrix not default"
        add("C-12", message, offset=header.offset, path=path)
    if not is_video and (header.width or header.height):
        add("C-12", "a track without pictures has a width or height", offset=header.offset, path=path)
    if is_video and not (header.width and header.height):
        add("C-13", "no width or height", offset=header.offset, path=path)
    media = track.box.require(MediaBox)
    times = media.require(MediaHeaderBox)
    if times.duration:
        message = f"the duration is {times.duration}, not 0"
        add("C-14", message, offset=times.offset, path="/moov/trak/mdia/mdhd")
    handler = media.find(HandlerBox)
    if handler is None or handler.handler_type not in _HANDLERS:
        kind = "none" if handler is None else repr(handler.handler_type)
        add("C-15", f"the handler is {kind}", offset=media.offset, path="/moov/trak/mdia/hdlr")
    information = media.require(MediaInformationBox)
    path = "/moov/trak/mdia/minf"
    if not _has_media_header(information, track.handler):
        add("C-16", f"no proper media header for {track.handler!r}", offset=information.offset, path=path)
    references = information.descend(DataInformationBox, DataReferenceBox)
    entries = references.children if isinstance(references, DataReferenceBox) else ()
    if len(entries) != 1 or not isinstance(entries[0], DataEntryUrlBox) or not entries[0].flags & 1:
        add("C-17", "dref is not one reference into the file itself", offset=information.offset, path=f"{path}/dinf")
    table = track.table
    missing = missing_children(table)
    if missing:
        add("C-18", f"no {', '.join(missing)}", offset=table.offset, path=SAMPLE_TABLE)
    descriptions = table.require(SampleDescriptionBox)
    if descriptions.version:
        add("C-18", "stsd has version 1", offset=descriptions.offset, path=SAMPLE_DESCRIPTIONS)


def _has_media_header(information: MediaInformationBox, handler: str) -> bool:
    found = information.find(_MEDIA_HEADERS.get(handler, NullMediaHeaderBox))
    if isinstance(found, VideoMediaHeaderBox):
        return not found.graphics_mode and not any(found.opcolor)
    return found is not None and not (isinstance(found, SoundMediaHeaderBox) and found.balance)


def _check_edits(context: Context, track: MovieTrack, brands: tuple[str, ...]) -> None:
    add, path = context.findings.add, "/moov/trak/edts"
    edits = track.box.find(EditBox)
    if edits is None:
        return
    if track.handler == _VIDEO and "cmf2" in brands:
        add("C-32", "video with brand cmf2 has an edit list", offset=edits.offset, path=path)
        return
    lists = edits.find_all(EditListBox)
    rows = list(lists[0].entries.rows()) if len(lists) == 1 and len(lists[0].entries) == 1 else []
    if not rows or rows[0][0] or rows[0][1] < 0 or rows[0][2:] != (1, 0):
        add("C-30", "not one entry with duration 0, media time and rate 1", offset=edits.offset, path=path)


def _check_entries(context: Context, track: MovieTrack) -> None:
    """Check the boxes of video sample entries with parameter sets in band."""
    for entry in track.entries:
        if track.handler != _VIDEO or not isinstance(entry, ContainerBox):
            continue
        kind = original_type(entry)
        family = NAL_FAMILIES.get(kind)
        if family is not None and kind == family.in_band and missing_children(entry, IN_BAND_VIDEO_ENTRY):
            message = f"{kind} without pasp or colr"
            context.findings.add("C-25", message, offset=entry.offset, path=f"{SAMPLE_DESCRIPTIONS}/{entry.type}")
