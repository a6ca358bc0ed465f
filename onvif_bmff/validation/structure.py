"""Rules of the movie box that hold in every file, whatever its format. ISO/IEC 14496-12, 8; 14496-14; 14496-15."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from onvif_bmff.bmff import (
    AvcConfigurationBox,
    Box,
    ContainerBox,
    DataEntryUrlBox,
    DataInformationBox,
    DataReferenceBox,
    EsdBox,
    HevcConfigurationBox,
    MediaBox,
    MediaInformationBox,
    MovieExtendsBox,
    MovieExtendsHeaderBox,
    MovieHeaderBox,
    SampleDescriptionBox,
    TrackExtendsBox,
    UnknownBox,
    VideoMediaHeaderBox,
    child_count_faults,
)
from onvif_bmff.bmff.descriptors import read_es_id, read_esds
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import BoxError, OnvifBmffError
from onvif_bmff.media.nal_family import AVC, NAL_FAMILIES
from onvif_bmff.media.sample_entries import clear_entry, is_protected
from onvif_bmff.media_kind import KIND_OF_HANDLER
from onvif_bmff.validation.observed import Context, Header, ObservedSegment

__all__ = ["SAMPLE_DESCRIPTIONS", "SAMPLE_TABLE", "check_length", "check_structure", "original_type"]

SAMPLE_TABLE = "/moov/trak/mdia/minf/stbl"
SAMPLE_DESCRIPTIONS = f"{SAMPLE_TABLE}/stsd"

_INVALID = "ANX-B.3-08"
_MAX_DEPTH = 6
"""Containers below each other from moov down to the sample tables."""
_HELD_BY_CMAF = {
    "moov": {"mvhd", "trak", "mvex"},
    "mvex": {"trex"},
    "mdia": {"hdlr"},
    "minf": {"vmhd|smhd|hmhd|nmhd|sthd", "dinf"},
    "dinf": {"dref"},
    "stbl": {"stsd", "stts", "stsc", "stsz|stz2", "stco|co64"},
}
"""Children whose absence is a rule of CMAF of its own."""
_BEFORE_ISO5 = frozenset(
    ("isom", "iso2", "iso3", "iso4", "mp41", "mp42", AVC.with_sets, "M4V ", "M4A ", "mmp4", "qt  ", "3gp4", "3gp5")
)
"""Brands of files without movie fragments, or without those that count from their moof."""
_STRUCTURAL_BRANDS = frozenset(("cmfc", "cmf2"))
_ALL_ONES = 0xFFFFFFFF
_AUDIO_STREAM, _VISUAL_STREAM = 5, 4
_STREAMS: Mapping[str, int] = {"mp4a": _AUDIO_STREAM, "mp4v": _VISUAL_STREAM}
_MPEG4_AUDIO = 0x40


def check_structure(context: Context, header: Header) -> None:
    """Check the brands, and the boxes of the movie from mvhd down to the sample entries."""
    _check_brands(context, header)
    _check_counts(context, header.movie, "/moov", 0)
    _check_movie_header(context, header)
    _check_defaults(context, header)
    for track in header.tracks:
        if not track.track_id:
            _invalid(context, "track_ID 0", track.box, "/moov/trak/tkhd")
        _check_media(context, track)
        for entry in track.entries:
            path = f"{SAMPLE_DESCRIPTIONS}/{entry.type}"
            for rule, fault in _faults_of_entry(context, track, entry):
                context.findings.add(rule, fault, offset=entry.offset, path=path)


def check_length(context: Context, observed: ObservedSegment, header: Header) -> None:
    """Check that the duration in mehd, if there is one, is not less than that of the segment."""
    extends, movie = header.movie.find(MovieExtendsBox), header.movie.find(MovieHeaderBox)
    length = extends.find(MovieExtendsHeaderBox) if extends is not None else None
    if length is None or movie is None or not movie.timescale:
        return
    told = Fraction(length.fragment_duration + 1, movie.timescale)
    longest = max(
        (Fraction(one.duration, one.track.timescale) for one in observed.tracks.values()), default=Fraction(0)
    )
    if not length.fragment_duration or told < longest:
        message = f"the duration is {length.fragment_duration}, which is less than the segment's"
        _invalid(context, message, length, "/moov/mvex/mehd", "C-21")


def _invalid(context: Context, message: str, box: Box, path: str, cmaf: str = _INVALID) -> None:
    context.findings.add(context.rule(cmaf, _INVALID), message, offset=box.offset, path=path)


def _check_brands(context: Context, header: Header) -> None:
    found = header.file_type
    if found is None or context.is_cmaf:
        return  # rule C-02 is stricter
    brands = {found.major_brand, *found.compatible_brands}
    if brands <= _BEFORE_ISO5:
        _invalid(context, "no brand of files with movie fragments, iso5 or later", found, "/ftyp")
    if brands & _STRUCTURAL_BRANDS and len(header.tracks) != 1:
        _invalid(context, f"a brand of CMAF, which has one track in a file, not {len(header.tracks)}", found, "/ftyp")


def _check_counts(context: Context, box: Box, path: str, depth: int) -> None:
    """Check how many children containers have, by what the boxes declare."""
    children = box.children_of()
    known = [child.type for child in children if not isinstance(child, UnknownBox)]
    for fault in child_count_faults(box.child_rules, known):
        few = fault.count < fault.least
        if few and context.is_cmaf and fault.type in _HELD_BY_CMAF.get(box.type, ()):
            continue
        kind = fault.type.replace("|", " or ")
        _invalid(context, f"no {kind}" if few else f"{fault.count} {kind} boxes", box, path)
    if depth < _MAX_DEPTH:
        for child in children:
            if isinstance(child, ContainerBox) and not isinstance(child, SampleDescriptionBox):
                _check_counts(context, child, f"{path}/{child.type}", depth + 1)


def _check_movie_header(context: Context, header: Header) -> None:
    found, path = header.movie.find(MovieHeaderBox), "/moov/mvhd"
    if found is None:
        return
    if not found.timescale:
        _invalid(context, "a timescale of 0", found, path)
    used = max((track.track_id for track in header.tracks), default=0)
    number = found.next_track_id
    if not number or (number <= used and number != _ALL_ONES):
        _invalid(context, f"next_track_ID is {number}, while {used} is in use", found, path)


def _check_defaults(context: Context, header: Header) -> None:
    """Check that each trex names a sample entry."""
    extends = header.movie.find(MovieExtendsBox)
    entries = {track.track_id: len(track.entries) for track in header.tracks}
    for box in extends.find_all(TrackExtendsBox) if extends is not None else ():
        if not 0 < box.default_sample_description_index <= entries.get(box.track_id, 1):
            message = f"the default sample entry is number {box.default_sample_description_index}"
            _invalid(context, message, box, "/moov/mvex/trex", "C-20")


def _check_media(context: Context, track: MovieTrack) -> None:
    information = track.box.require(MediaBox).require(MediaInformationBox)
    path = "/moov/trak/mdia/minf"
    kind = KIND_OF_HANDLER.get(track.handler)
    headers = [child for child in information.children if child.type in ("vmhd", "smhd", "nmhd")]
    if kind is not None and headers and headers[0].type != kind.media_header and not context.is_cmaf:
        _invalid(context, f"a {headers[0].type} for the handler {track.handler!r}", headers[0], path)
    pictures = information.find(VideoMediaHeaderBox)
    if pictures is not None and pictures.flags != 1:
        _invalid(context, f"flags {pictures.flags:#x}, not 1", pictures, f"{path}/vmhd", "C-16")
    references = information.descend(DataInformationBox, DataReferenceBox)
    places = references.children if isinstance(references, DataReferenceBox) else None
    elsewhere = [one for one in places or () if not isinstance(one, DataEntryUrlBox) or not one.flags & 1]
    if not context.is_cmaf and places is not None and (elsewhere or not places):
        _invalid(context, "no reference into the file itself", information, f"{path}/dinf/dref")
    descriptions = track.table.find(SampleDescriptionBox)
    if descriptions is not None and descriptions.entry_count != len(track.entries):
        message = f"{len(track.entries)} sample entries, while entry_count is {descriptions.entry_count}"
        _invalid(context, message, descriptions, SAMPLE_DESCRIPTIONS)
    for entry in track.entries if places is not None else ():
        index = getattr(entry, "data_reference_index", 1)
        if not 0 < index <= len(places or ()):
            _invalid(context, f"data reference {index}", entry, f"{SAMPLE_DESCRIPTIONS}/{entry.type}", "C-17")


def original_type(entry: Box) -> str:
    """Return the type of a sample entry; of a protected one its original type, empty if that is missing."""
    if is_protected(entry):
        try:
            return clear_entry(entry).type
        except OnvifBmffError:
            return ""
    return entry.type


def _faults_of_entry(context: Context, track: MovieTrack, entry: Box) -> Iterator[tuple[str, str]]:
    """Yield rule and message of what is wrong with the configuration in a sample entry."""
    if not isinstance(entry, ContainerBox):
        return
    kind = original_type(entry)
    family = NAL_FAMILIES.get(kind)
    rule = context.rule("C-26", _INVALID)
    if family is not None and kind in family.own and family.config is not None:
        count = sum(child.type == family.config.fourcc for child in entry.children)
        if count != 1:
            yield rule, f"{count} {family.config.fourcc} boxes"
        elif entry.find(family.config) is None:
            yield rule, f"the {family.config.fourcc} cannot be interpreted"
        elif (found := entry.find(family.config)) is not None:
            yield from ((rule, fault) for fault in _faults_of_config(found, with_sets=kind == family.with_sets))
    if kind in _STREAMS:
        yield from ((_INVALID, fault) for fault in _faults_of_esds(entry, kind, track.track_id))


def _faults_of_config(found: Box, *, with_sets: bool) -> Iterator[str]:
    """Yield what is wrong with an avcC or hvcC; ``with_sets``: the entry has to have all parameter sets."""
    if not isinstance(found, AvcConfigurationBox | HevcConfigurationBox):
        return
    if found.configuration_version != 1:
        yield f"{found.type} of configurationVersion {found.configuration_version}"
        return
    if not isinstance(found, AvcConfigurationBox):
        return
    sets = found.sequence_parameter_sets
    if with_sets and not (sets and found.picture_parameter_sets):
        yield "avcC has no parameter sets"
    if len(sets) == 1 and len(sets[0]) > 1 and sets[0][1] != found.profile_indication:
        yield f"avcC names profile {found.profile_indication}, its parameter set profile {sets[0][1]}"


def _faults_of_esds(entry: ContainerBox, kind: str, track_id: int) -> Iterator[str]:
    """Yield what is wrong with the esds of an entry; one within a QuickTime "wave" is not looked for."""
    found = entry.find(EsdBox)
    if found is None:
        if not any(child.type == "wave" for child in entry.children):
            yield "no esds"
        return
    try:
        config, es_id = read_esds(found), read_es_id(found)
    except BoxError as error:
        yield f"esds: {error.reason}"
        return
    if es_id not in (0, track_id & 0xFFFF):  # 14496-14, 3.1.2: 0 in a file; many writers put the track's number there
        yield f"ES_ID is {es_id}, neither 0 nor the track's number"
    if config.stream_type != _STREAMS[kind]:
        yield f"a stream of type {config.stream_type} in {kind}"
    if config.object_type == _MPEG4_AUDIO and not config.specific_info:
        yield "esds has no decoder specific information"
