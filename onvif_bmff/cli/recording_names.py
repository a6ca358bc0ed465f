"""When a file begins, and of which camera it is, by its path: as recorders name their files.

====================================================  =================================================
``cam/2024-05-01_12-00-00-123456.mp4``                MediaMTX
``cam/2024/05/01/12-00-00-123456.mp4``                MediaMTX, where it makes folders of days
``2024-05-01/12/cam/05.23.mp4``                       Frigate: day, hour, camera, minute and second
``cam-1714564800.123456-abc.mp4``                     seconds since 1970, as clips of Frigate
``20240501T120000Z.mp4``, ``cam_20240501_120000.mkv``  date and time of any other shape
====================================================  =================================================
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from onvif_bmff.errors import TimeError
from onvif_bmff.timing import UtcTime

__all__ = ["ImportedFile", "NamedTime", "name_of_camera", "time_in_path", "time_zone"]

_SEPARATOR = r"[-_.: ]?"
_STAMP = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)[-_.]?(?P<month>\d\d)[-_.]?(?P<day>\d\d)[-_T. ]{0,2}"
    rf"(?P<hour>\d\d){_SEPARATOR}(?P<minute>\d\d){_SEPARATOR}(?P<second>\d\d)"
    r"(?:[-_.,]?(?P<fraction>\d{3}|\d{6}|\d{9})(?!\d))?"
    r"(?P<zone>[-_ ]?UTC(?![A-Za-z])|Z|[+-]\d\d:?\d\d(?!\d))?(?!\d)",
    re.IGNORECASE,
)
_FRIGATE = re.compile(
    r"(?:^|/)(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)/(?P<hour>\d\d)/(?P<camera>.+)/"
    r"(?P<minute>\d\d)\.(?P<second>\d\d)$"
)
_IN_FOLDERS = re.compile(r"(?:^|/)((?:19|20)\d\d)/(\d\d)/(\d\d)$")
_EPOCH = re.compile(r"(?<!\d)(?P<seconds>1\d{9})(?:(?:\.?(?=\d{3}(?!\d))|[-.]?(?=\d{6}))(?P<fraction>\d{3,6}))?(?!\d)")
_DAY = re.compile(r"(?:19|20)\d\d-?\d\d-?\d\d|(?:19|20)\d\d|\d\d")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_EDGES = " -_.,"


@dataclass(frozen=True, slots=True)
class NamedTime:
    """When a file begins, to within ``resolution``, and of which ``camera`` it is; empty if the path names none."""

    start: UtcTime
    resolution: timedelta
    camera: str


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file, when it begins, and how far from that it may begin to follow the one before it."""

    path: Path
    start: UtcTime
    tolerance: timedelta


def time_zone(text: str) -> tzinfo:
    """Return a time zone: "UTC", "local", an offset such as "+02:00", or a name such as "Europe/Berlin".

    Raises ``TimeError`` if there is none of that name.
    """
    if text.upper() in ("UTC", "Z"):
        return UTC
    if text.lower() == "local":
        found = datetime.now(UTC).astimezone().tzinfo
        return UTC if found is None else found
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        if size < timedelta(days=1):
            return timezone(-size if offset[1] == "-" else size)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeError(f"there is no time zone {text!r}") from None


def time_in_path(path: Sequence[str], zone: tzinfo) -> NamedTime | None:
    """Return what a path says, given by its parts below the folder that is imported; None if it names no time.

    ``zone`` is that of names that do not say theirs.
    """
    *folders, file = path
    stem = file.rpartition(".")[0] or file
    whole = "/".join((*folders, stem))
    frigate = _FRIGATE.search(whole)
    if frigate is not None:
        return _named(frigate, zone, name_of_camera((*whole[: frigate.start()].split("/"), frigate["camera"]), ""))
    found = _STAMP.search(stem)
    if found is not None:
        return _named(found, zone, name_of_camera(folders, stem[: found.start()]))
    epoch = _EPOCH.search(stem)
    if epoch is not None:
        fraction = epoch["fraction"] or ""
        start = UtcTime(int(epoch["seconds"]) * 1_000_000 + int(fraction.ljust(6, "0")[:6] or 0))
        return NamedTime(start, _resolution(fraction), name_of_camera(folders, stem[: epoch.start()]))
    day = _IN_FOLDERS.sub(r"/\1-\2-\3", "/".join(folders))
    found = _STAMP.search(" ".join((*day.split("/"), stem)))  # the date is in the folders, the time in the file
    if found is not None:
        return _named(found, zone, name_of_camera(folders, ""))
    return None


def name_of_camera(folders: Sequence[str], begin: str) -> str:
    """Return the camera of a file: its folders, but for those of dates and hours, and how its name begins."""
    kept = [part for part in folders if part and not _DAY.fullmatch(part)]
    name = begin.strip(_EDGES)
    return "/".join((*kept, name) if name else kept)


def _named(found: re.Match[str], zone: tzinfo, camera: str) -> NamedTime | None:
    groups = found.groupdict()
    fraction = groups.get("fraction") or ""
    written = groups.get("zone")
    try:
        if written:
            zone = UTC if written[-1:] in "ZzCc" else time_zone(written)
        year, month, day = (int(groups[name]) for name in ("year", "month", "day"))
        hour, minute, second = (int(groups[name]) for name in ("hour", "minute", "second"))
        microsecond = int(fraction.ljust(6, "0")[:6] or 0)
        moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone)
        start = UtcTime.from_datetime(moment)
    except (ValueError, OverflowError):  # a month 13, say
        return None
    return NamedTime(start, _resolution(fraction), camera)


def _resolution(fraction: str) -> timedelta:
    return timedelta(microseconds=max(10 ** (6 - min(len(fraction), 6)), 1000)) if fraction else timedelta(seconds=1)
