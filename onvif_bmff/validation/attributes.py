"""Rules of content type and attributes, compared with the object's content. ONVIF 25.12, B.6, B.7, B.9."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from fractions import Fraction

from onvif_bmff.bmff import AudioSampleEntry, MediaBox, MediaHeaderBox, MovieHeaderBox, VisualSampleEntry
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import ObjectAttributeError, TimeError
from onvif_bmff.media.codec import sound_of
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.objects.attributes import ObjectAttributes
from onvif_bmff.objects.extensions import EXTENSIONS
from onvif_bmff.objects.stored import ObjectInfo
from onvif_bmff.timing import ticks_to_duration
from onvif_bmff.validation.observed import Context, ObservedSegment, ObservedTrack
from onvif_bmff.validation.random_access import check_seek_table
from onvif_bmff.validation.rules import RULES, RecurringLog

__all__ = ["attribute_of", "check_attributes", "check_stored_content_type", "codecs_of", "full_content_codecs"]

_CONTENT_TYPE_RULES = {
    MediaKind.VIDEO: "ANX-B.7-03",
    MediaKind.AUDIO: "ANX-B.7-05",
    MediaKind.METADATA: "ANX-B.7-07",
}
"""The rules of CMAF objects, by what they hold."""
_CONTENT_TYPE = "@Content-Type"
_RULES = tuple(rule for rule in RULES if rule.startswith("ANX-B.9"))
"""All rules of attributes."""
_CODECS = re.compile(r';\s*codecs\s*=\s*(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_FORM_RULES = {
    "version": "ANX-B.9-05",
    "duration": "ANX-B.9-07",
    "fullcontenttype": "ANX-B.9-08",
    "videobitrate": "ANX-B.9-09",
    "audiobitrate": "ANX-B.9-09",
    "videowidth": "ANX-B.9-10",
    "videoheight": "ANX-B.9-10",
    "videoframerate": "ANX-B.9-11",
    "audiosamplerate": "ANX-B.9-12",
    "timescale": "ANX-B.9.1-01",
}
_NAMES = {
    "version": "Version",
    "duration": "Duration",
    "fullcontenttype": "FullContentType",
    "videobitrate": "VideoBitrate",
    "audiobitrate": "AudioBitrate",
    "videowidth": "VideoWidth",
    "videoheight": "VideoHeight",
    "videoframerate": "VideoFramerate",
    "audiosamplerate": "AudioSampleRate",
    "timescale": "Timescale",
}
_CLOSE = timedelta(milliseconds=1)
"""Tolerance of durations, which devices write in milliseconds."""
_FACTOR = 10
"""Tolerated factor between a bit rate and that of the samples: it may be the configured one, but in the right unit."""
_RATE_TOLERANCE = Fraction(1, 20)


def check_stored_content_type(
    context: Context, info: ObjectInfo, true: frozenset[str] | None, recurring: RecurringLog
) -> None:
    """Check the content type of a segment; ``true`` are the codecs of its tracks, None if they are unknown.

    All objects of a place are likely to share a fault, so findings go to ``recurring``.
    """
    row = EXTENSIONS[context.key.extension]
    rule = _CONTENT_TYPE_RULES[row.only_kind] if row.is_cmaf and row.only_kind else "ANX-B.6-03"
    of_codecs = context.rule("ANX-B.7-08", "ANX-B.6-04")
    if info.content_type is None:
        context.checked.content_types_unknown += 1
        context.checked.skip("the store does not know the content type", rule, of_codecs)
        return
    kind, _, _ = info.content_type.partition(";")
    if kind.strip().lower() != row.content_type:
        message = f"the content type is {info.content_type[:80]!r}, not {row.content_type}"
        recurring.add(rule, message, key=info.key, path=_CONTENT_TYPE)
    codecs = _codecs_in(info.content_type)
    if codecs is None:
        recurring.add(of_codecs, "no codecs parameter", key=info.key, path=_CONTENT_TYPE)
    elif true is not None and codecs != true:
        message = f"the codecs are {', '.join(sorted(true))}, not {', '.join(sorted(codecs))[:80]}"
        recurring.add(of_codecs, message, key=info.key, path=_CONTENT_TYPE)


def _codecs_in(content_type: str) -> set[str] | None:
    found = _CODECS.search(content_type)
    if found is None:
        return None
    return {one.strip().lower() for one in (found[1] or found[2] or "").split(",")} - {""}


def attribute_of(attributes: Mapping[str, str], name: str) -> str | None:
    """Return the value of an attribute, in whatever case a store has its name; None without it."""
    return next((value for key, value in attributes.items() if key.lower() == name.lower()), None)


def full_content_codecs(attributes: Mapping[str, str]) -> frozenset[str] | None:
    """Return the codecs that the attribute FullContentType names; None without the attribute."""
    value = attribute_of(attributes, "FullContentType")
    return None if value is None else frozenset(_codecs_in(value) or ())


def codecs_of(observed: ObservedSegment | None) -> frozenset[str] | None:
    """Return the codecs of all tracks; None if they are unknown."""
    found = set()
    if observed is None:
        return None
    for track in observed.tracks.values():
        try:
            found.add(track.track.codec().codecs_parameter().lower())
        except Exception:  # noqa: BLE001 - a third-party codec may raise anything
            return None
    return frozenset(found) if found else None


def check_attributes(
    context: Context,
    attributes: Mapping[str, str],
    observed: ObservedSegment | None,
    codecs: frozenset[str] | None,
) -> None:
    """Check the attributes of a segment; their values only if it was read completely (``observed``).

    ``codecs`` are those of its tracks, None if they are unknown.
    """
    add = context.findings.add
    if not attributes:
        context.checked.attributes_missing += 1
        context.checked.skip("the store has no attributes", *_RULES)
        return
    context.checked.attributes_seen += 1
    by_name = {name.lower(): value for name, value in attributes.items()}
    read = _read(context, {name: by_name[name] for name in _FORM_RULES if name in by_name})
    if "version" in read and read["version"].version != "1.0":
        add("ANX-B.9-05", f"version {read['version'].version}", path="@Version")
    table = by_name.get("seektable")
    if table is not None and "timescale" not in by_name:
        add("ANX-B.9.2-08", "SeekTable without Timescale", path="@SeekTable")
    if observed is None or observed.header is None:
        return
    timescale = read["timescale"].timescale if "timescale" in read else None
    if timescale is not None:
        _check_timescale(context, observed, timescale)
    if table is not None:
        check_seek_table(context, observed, table)
    if observed.complete:
        _check_values(context, observed, read, codecs or frozenset())


def _read(context: Context, given: Mapping[str, str]) -> dict[str, ObjectAttributes]:
    """Read attributes, by lower-case name: all at once if they are right, else each by itself, with findings."""
    try:
        whole = ObjectAttributes.from_metadata({_NAMES[name]: value for name, value in given.items()})
        return dict.fromkeys(given, whole)
    except (ObjectAttributeError, TimeError):
        read: dict[str, ObjectAttributes] = {}
    for name, value in given.items():
        try:
            read[name] = ObjectAttributes.from_metadata({_NAMES[name]: value})
        except (ObjectAttributeError, TimeError) as error:
            context.findings.add(_FORM_RULES[name], str(error), path=f"@{_NAMES[name]}")
    return read


def _check_timescale(context: Context, observed: ObservedSegment, timescale: int) -> None:
    add, header = context.findings.add, observed.header
    scales = [track.timescale for track in header.tracks] if header is not None else []
    if header is None or not scales:
        return
    if timescale not in scales:
        add("ANX-B.9.1-01", f"{timescale}, while the media header says {scales[0]}", path="@Timescale")
        return
    for track in header.tracks:
        if track.timescale != timescale:
            box = track.box.require(MediaBox).require(MediaHeaderBox)
            message = f"the timescale is {track.timescale}, the attribute {timescale}"
            add("ANX-B.9.1-02", message, offset=box.offset, path="/moov/trak/mdia/mdhd")
    movie = header.movie.find(MovieHeaderBox)
    if movie is not None and movie.timescale != timescale:
        message = f"the timescale is {movie.timescale}, the attribute {timescale}"
        add("ANX-B.9.1-03", message, offset=movie.offset, path="/moov/mvhd")


def _check_values(
    context: Context, observed: ObservedSegment, read: Mapping[str, ObjectAttributes], codecs: frozenset[str]
) -> None:
    add, lead = context.findings.add, observed.lead
    if "duration" in read and lead is not None:
        true = ticks_to_duration(lead.duration, lead.track.timescale)
        given = read["duration"].duration or timedelta(0)
        if abs(given - true) > _CLOSE:
            message = f"{given.total_seconds()} s, while the samples last {true.total_seconds()} s"
            add("ANX-B.9-07", message, path="@Duration")
    if "fullcontenttype" in read:
        given_codecs = _codecs_in(read["fullcontenttype"].full_content_type or "") or set()
        missing = codecs - given_codecs
        if missing:
            add("ANX-B.9-08", f"no {', '.join(sorted(missing))}", path="@FullContentType")
    video, audio = _first(observed, MediaKind.VIDEO), _first(observed, MediaKind.AUDIO)
    if video is not None:
        _check_bitrate(
            context, video, "VideoBitrate", read["videobitrate"].video_bitrate if "videobitrate" in read else None
        )
        _check_picture(context, video, read)
    if audio is not None:
        _check_bitrate(
            context, audio, "AudioBitrate", read["audiobitrate"].audio_bitrate if "audiobitrate" in read else None
        )
        if "audiosamplerate" in read:
            _check_sample_rate(context, audio, read["audiosamplerate"].audio_sample_rate or 0)


def _first(observed: ObservedSegment, kind: MediaKind) -> ObservedTrack | None:
    tracks = observed.tracks.values()
    return next((track for track in tracks if track.track.handler == kind.handler and track.parts), None)


def _check_bitrate(context: Context, track: ObservedTrack, name: str, given: int | None) -> None:
    if given is None or not track.duration:
        return
    true = Fraction(track.size * 8 * track.track.timescale, track.duration * 1000)
    if not true / _FACTOR - 1 <= given <= true * _FACTOR + 1:
        message = f"{given}, while the samples have {float(true):.0f} kbit/s"
        context.findings.add("ANX-B.9-09", message, path=f"@{name}")


def _check_picture(context: Context, video: ObservedTrack, read: Mapping[str, ObjectAttributes]) -> None:
    entry = next((entry for entry in video.track.entries if isinstance(entry, VisualSampleEntry)), None)
    if entry is not None:
        for name, given, true in (
            ("VideoWidth", read["videowidth"].video_width if "videowidth" in read else None, entry.width),
            ("VideoHeight", read["videoheight"].video_height if "videoheight" in read else None, entry.height),
        ):
            if given is not None and given != true:
                context.findings.add("ANX-B.9-10", f"{given}, while the sample entry says {true}", path=f"@{name}")
    if "videoframerate" in read and video.duration:
        given_rate = Fraction(read["videoframerate"].video_framerate or 0)
        rate = Fraction(video.samples * video.track.timescale, video.duration)
        if abs(given_rate - rate) > rate * _RATE_TOLERANCE + Fraction(1, 1000):
            message = f"{float(given_rate):.3f}, while there are {float(rate):.3f} pictures a second"
            context.findings.add("ANX-B.9-11", message, path="@VideoFramerate")


def _check_sample_rate(context: Context, audio: ObservedTrack, given: int) -> None:
    rates = _rates(audio.track)
    if rates and not any(abs(given * 1000 - rate) < 1000 for rate in rates):
        message = f"{given}, while the sample rate is {min(rates)} Hz"
        context.findings.add("ANX-B.9-12", message, path="@AudioSampleRate")


def _rates(track: MovieTrack) -> set[int]:
    rates = {entry.sample_rate >> 16 for entry in track.entries if isinstance(entry, AudioSampleEntry)}
    with suppress(Exception):  # a third-party codec may raise anything
        rates.add(sound_of(track.codec())[0])
    return rates - {0}
