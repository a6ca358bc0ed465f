"""The facts on one file."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from onvif_bmff.bmff import FileTypeBox, MovieHeaderBox, ProducerReferenceTimeBox
from onvif_bmff.cenc import protection_headers
from onvif_bmff.cli.box_reading import of_1904, of_ntp
from onvif_bmff.cli.info_samples import SampleFact, fragment_facts, table_facts
from onvif_bmff.cli.info_tracks import TrackSums, protection_systems, seconds
from onvif_bmff.demux import MovieTrack, SampleBudget, read_tracks
from onvif_bmff.errors import BoxError, MediaError, ObjectKeyError
from onvif_bmff.ingest import Mp4Input, open_mp4
from onvif_bmff.objects import ObjectKey
from onvif_bmff.playback import MemorySource, box_head, parse_one

__all__ = ["FileFacts", "sample_row"]


class FileFacts:
    """What is in a file. ``rows`` reads it, and is to be taken to its end before anything else is asked.

    ``damage`` are faults that ended the reading, or that it passed over: ``key`` (empty), ``error``.

    Raises what ``open_mp4`` raises.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._source = open_mp4(path)
        self._size = len(self._source.data)
        self._tracks = {track.track_id: TrackSums(track) for track in read_tracks(self._source.movie)}
        self._systems = list(protection_headers(self._source.movie))
        self._fragments = 0
        self._in_tables = 0
        self._head = _head_of(self._source)
        self.damage: list[dict[str, Any]] = []

    def names(self) -> None:
        """None: a file is never empty as a store is."""

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield all samples, as ``--samples`` shows them: those of tables track by track, then those of fragments."""
        with self._source as source:
            numbers = dict.fromkeys(self._tracks, 0)
            try:
                for track, fact in self._facts(source):
                    numbers[track.track_id] += 1
                    yield sample_row(track, numbers[track.track_id], fact)
            except (BoxError, MediaError) as error:
                self.damage.append({"key": "", "error": f"{self._path}: {error}"})
            self.damage += [{"key": "", "error": f"{self._path}: {text}"} for text in source.warnings]

    def _facts(self, source: Mp4Input) -> Iterator[tuple[MovieTrack, SampleFact]]:
        budget = SampleBudget(self._size)
        for track in read_tracks(source.movie):
            sums = self._tracks[track.track_id]
            sums.groups(track.table.children)
            sums.describe(track.first_description)
            for fact in table_facts(track, self._size, budget):
                self._in_tables += 1
                sums.add(fact)
                yield track, fact
        for fragment in source.fragments():
            self._fragments += 1
            self._systems += protection_headers(fragment.moof)
            for part in fragment.tracks:
                sums = self._tracks[part.track.track_id]
                sums.groups(part.box.children)
                for fact in fragment_facts(part):
                    sums.add(fact)
                    yield part.track, fact

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain values."""
        spans = [span for sums in self._tracks.values() if (span := sums.span()) is not None]
        length = max(end for _, end in spans) - min(start for start, _ in spans) if spans else Fraction(0)
        kinds = {(True, True): "progressive and fragmented", (True, False): "progressive"}
        return {
            "kind": "file",
            "path": str(self._path),
            "size": self._size,
            "format": kinds.get((bool(self._in_tables), bool(self._fragments)), "fragmented"),
            **self._head,
            "utc": _utc_of(self._path),
            "duration": seconds(length),
            "bit_rate": int(self._size * 8 / length) if length else None,
            "fragments": self._fragments,
            "tracks": [sums.to_json() for sums in self._tracks.values()],
            "protection_systems": protection_systems(self._systems),
            "damage": self.damage,
        }


def sample_row(track: MovieTrack, number: int, fact: SampleFact) -> dict[str, Any]:
    """Return a sample as ``--samples`` shows it; ``time`` is when it is presented, in seconds of media time."""
    found: dict[str, Any] = {
        "track": track.track_id,
        "number": number,
        "time": seconds(Fraction(fact.decode_time + fact.composition_offset, track.timescale)),
        "decode_time": fact.decode_time,
        "composition_offset": fact.composition_offset,
        "duration": fact.duration,
        "size": fact.size,
        "sync": fact.sync,
        "position": fact.position,
    }
    return {**found, "frames": fact.frames} if fact.frames != 1 else found


def _head_of(source: Mp4Input) -> dict[str, Any]:
    """Return brands and times: of the movie header, and of the first producer reference time before the fragments."""
    found: dict[str, Any] = {"brands": [], "created": None, "modified": None, "reference_time": None}
    header = source.movie.find(MovieHeaderBox)
    if header is not None:
        found["created"], found["modified"] = of_1904(header.creation_time), of_1904(header.modification_time)
    data, position = MemorySource(source.data), 0
    try:
        while (head := box_head(data, position)) is not None and head.type != "moof" and head.size is not None:
            if head.type in ("ftyp", "prft"):
                box = parse_one(data, position, head.size)
                if isinstance(box, FileTypeBox):
                    found["brands"] = list(dict.fromkeys((box.major_brand, *box.compatible_brands)))
                elif isinstance(box, ProducerReferenceTimeBox):
                    found["reference_time"] = of_ntp(box.ntp_timestamp)
            position += head.size
    except (BoxError, MediaError):
        pass  # told when the fragments are read
    return found


def _utc_of(path: Path) -> str | None:
    """Return when a stored segment begins, if the path ends like a key of one."""
    try:
        key = ObjectKey.parse(path.absolute().as_posix().lstrip("/"))
    except ObjectKeyError:
        return None
    return str(key.time)
