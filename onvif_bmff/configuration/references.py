"""What the tables of a file say of each other: names that are used twice, or that no table has.

It works on the data as they are, so that a fault in one table does not make all that mentions it wrong.
"""

from collections.abc import Iterator
from typing import Any

from onvif_bmff.configuration.lines import Path
from onvif_bmff.configuration.options import Section, nearest
from onvif_bmff.configuration.tables import FILE

__all__ = ["reference_faults"]

_Fault = tuple[Path, str]
_MADE_BY_THE_SERVICE = ("job_", "recording_", "receiver_")


def reference_faults(data: dict[str, Any]) -> Iterator[_Fault]:
    """Yield path and text of each fault."""
    yield from _twice(FILE, data, ())
    cameras, storages = _names(data, "cameras", "token"), _names(data, "storages", "token")
    for path, camera in _tables(data, "cameras"):
        if ("url" in camera) == ("file" in camera):
            yield path, "either url or file is needed" if "url" not in camera else "there are both url and file"
        url = camera.get("url")
        if isinstance(url, str) and not url.lower().startswith(("rtsp://", "rtsps://")):
            yield (*path, "url"), "an address begins with rtsp:// or rtsps://; for a file use file"
        if isinstance(url, str) and "@" in url.partition("://")[2].partition("/")[0]:
            yield (*path, "url"), "user and password do not stand in the address: use user and password"
    for path, recording in _tables(data, "recordings"):
        yield from _own(path, recording)
        yield from _known(path, recording, "storage", storages, "[[storages]]")
        yield from _recording(path, recording, data)
    recordings = {str(one.get("token")): one for _, one in _tables(data, "recordings")}
    for path, job in _tables(data, "jobs"):
        yield from _own(path, job)
        yield from _known(path, job, "recording", _names(data, "recordings", "token"), "[[recordings]]")
        if not job.get("sources"):
            yield path, "a job needs a source: [[jobs.sources]]"
        tracks = _track_names(recordings.get(str(job.get("recording"))))
        for inside, source in _tables(job, "sources", path):
            yield from _known(inside, source, "camera", cameras, "[[cameras]]")
            for deeper, track in _tables(source, "tracks", inside):
                yield from _known(deeper, track, "destination", tracks, "the tracks of the recording")


def _recording(path: Path, recording: dict[str, Any], data: dict[str, Any]) -> Iterator[_Fault]:
    tracks = _track_names(recording)
    if recording.get("encryption") and "storage" not in recording:
        yield (*path, "encryption"), "local data are not encrypted: a storage is needed"
    for inside, entry in _tables(recording, "encryption", path):
        yield from _known(inside, entry, "key", _names(data, "keys", "name"), "[[keys]]")
        if ("key" in entry) == bool(entry.get("certificates")):
            yield (
                inside,
                "there are both key and certificates" if "key" in entry else "a key, or certificates are needed",
            )
        if "key" in entry and "key_rotation" in entry:
            yield (*inside, "key_rotation"), "a key of this file does not change"
        yield from _each_known(inside, entry, "certificates", _names(data, "certificates", "id"), "[[certificates]]")
        yield from _each_known(inside, entry, "tracks", tracks, "the tracks of the recording")


def _twice(section: Section, data: dict[str, Any], path: Path) -> Iterator[_Fault]:
    """Names that two elements of an array of tables have."""
    for inner in section.sections:
        seen: dict[str, int] = {}
        for inside, one in _tables(data, inner.name, path) if inner.many else ():
            name = one.get(inner.unique) if inner.unique else None
            if isinstance(name, str) and name in seen:
                yield (*inside, inner.unique), f"another one has this name: {inner.name}[{seen[name]}]"
            elif isinstance(name, str):
                seen[name] = int(inside[-1])
            yield from _twice(inner, one, inside)


def _own(path: Path, table: dict[str, Any]) -> Iterator[_Fault]:
    token = table.get("token")
    if isinstance(token, str) and token.startswith(_MADE_BY_THE_SERVICE):
        yield (*path, "token"), "names that begin so are those of what clients of the service make"


def _known(path: Path, table: dict[str, Any], name: str, known: set[str] | None, where: str) -> Iterator[_Fault]:
    value = table.get(name)
    if isinstance(value, str) and known is not None and value not in known:
        yield (*path, name), f"{where} have no such name{nearest(value, known)}"


def _each_known(path: Path, table: dict[str, Any], name: str, known: set[str] | None, where: str) -> Iterator[_Fault]:
    values = table.get(name)
    for number, value in enumerate(values if isinstance(values, list) and known is not None else ()):
        if known is not None and isinstance(value, str) and value not in known:
            yield (*path, name, number), f"{where} have no such name{nearest(value, known)}"


def _tables(data: dict[str, Any], name: str, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The elements of an array of tables, with their paths; nothing if it is none."""
    found = data.get(name)
    for number, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, dict):
            yield (*path, name, number), one


def _names(data: dict[str, Any], name: str, key: str) -> set[str] | None:
    """The names in an array of tables; None if one has none, for it may be the one that is meant."""
    found = [one.get(key) for _, one in _tables(data, name)]
    return {one for one in found if isinstance(one, str)} if all(isinstance(one, str) for one in found) else None


def _track_names(recording: dict[str, Any] | None) -> set[str] | None:
    if recording is None:
        return None
    if "tracks" in recording:
        return _names(recording, "tracks", "token")
    (recordings,) = (section for section in FILE.sections if section.name == "recordings")
    (tracks,) = (section for section in recordings.sections if section.name == "tracks")
    return {track.token for track in tracks.usual}
