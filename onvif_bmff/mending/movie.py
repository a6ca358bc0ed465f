"""A movie box whose tracks disagree with themselves or each other, mended track by track. ISO/IEC 14496-12, 8.2 to 8.4.

What can be known from elsewhere in the file is put in its place: a number that no other track has, a kind of media
by the sample entry, a timescale by the sampling rate or by the duration. A track of which too little is left is left
out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Final, TypeVar

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Box,
    CompactSampleSizeBox,
    ContainerBox,
    HandlerBox,
    MediaBox,
    MediaHeaderBox,
    MediaInformationBox,
    MovieBox,
    MovieExtendsBox,
    MovieHeaderBox,
    SampleDescriptionBox,
    SampleSizeBox,
    SampleTableBox,
    SyncSampleBox,
    TimeToSampleBox,
    TrackBox,
    TrackExtendsBox,
    TrackHeaderBox,
    VisualSampleEntry,
)
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.sample_entries import clear_entry, sound_format
from onvif_bmff.media_kind import KIND_OF_HANDLER, MediaKind
from onvif_bmff.mending.sound import mend_sound
from onvif_bmff.mending.tables import TableMender, replaced

__all__ = ["MovieMender"]

AnyContainer = TypeVar("AnyContainer", bound=ContainerBox)

_ENABLED: Final = 3
_LARGEST: Final = 0xFFFFFFFF
_PICTURES_AND_SOUND: Final = (MediaKind.VIDEO.handler, MediaKind.AUDIO.handler)
"""A handler of these stands even where the sample entry is of the other: 'raw ' is a code of pictures and sound."""


@dataclass(slots=True)
class MovieMender:
    """Mends one movie box; ``looked_at`` are the numbers of the video tracks whose sync samples only pictures show."""

    faults: InputFaults
    looked_at: set[int] = field(default_factory=set)

    def mend(self, movie: MovieBox) -> MovieBox:
        """Return ``movie`` with tracks that can be read, itself where nothing is wrong."""
        header = movie.find(MovieHeaderBox)
        timescale = header.timescale if header is not None else 0
        taken: set[int] = set()
        known = {found.track_id for box in movie.find_all(TrackBox) if (found := box.find(TrackHeaderBox)) is not None}
        children: list[Box] = []
        for child in movie.children:
            made: Box | None = child
            if isinstance(child, TrackBox):
                numbered = self._numbered(child, taken, known)
                made = self._track(numbered, timescale)
            if isinstance(child, MovieExtendsBox):
                made = self._extends(child, movie)
            if made is not None:
                children.append(made)
        if len(children) == len(movie.children) and all(map(is_, children, movie.children)):
            return movie
        return replace(movie, children=tuple(children))

    def _extends(self, box: MovieExtendsBox, movie: MovieBox) -> MovieExtendsBox:
        """The defaults of fragments, with sample entries that are there."""
        entries = {
            header.track_id: len(descriptions.children)
            for track in movie.find_all(TrackBox)
            if (header := track.find(TrackHeaderBox)) is not None and (descriptions := _descriptions(track)) is not None
        }
        children: list[Box] = []
        for child in box.children:
            made = child
            if isinstance(child, TrackExtendsBox):
                index = child.default_sample_description_index
                if not 0 < index <= max(entries.get(child.track_id, index), 1):
                    name = f"fragments of track {child.track_id}"
                    self.faults.tell(f"{name} use sample entry {index}, which is not there: 1 is used")
                    made = replace(child, default_sample_description_index=1)
            children.append(made)
        same = all(map(is_, children, box.children))
        return box if same else replace(box, children=tuple(children))

    def _numbered(self, box: TrackBox, taken: set[int], known: set[int]) -> TrackBox:
        """The track with a number that no track before it has."""
        header = box.find(TrackHeaderBox)
        number = header.track_id if header is not None else 0
        if number and number not in taken:
            taken.add(number)
            return box
        new = next(number for number in range(1, len(known) + 2) if number not in known | taken)
        known.add(new)
        taken.add(new)
        if header is None:
            self.faults.tell(f"a track has no header (tkhd): it becomes track {new}")
            return replace(box, children=(TrackHeaderBox(flags=_ENABLED, track_id=new), *box.children))
        what = "has no number" if not number else f"has the number {number} of another track"
        self.faults.tell(f"a track {what}: it becomes track {new}")
        return _with(box, header, replace(header, track_id=new))

    def _track(self, box: TrackBox, movie_timescale: int) -> TrackBox | None:
        header = box.require(TrackHeaderBox)
        name = f"track {header.track_id}"
        media, information, table, descriptions = _parts(box)
        handler = media.find(HandlerBox) if media is not None else None
        if media is None or information is None or table is None or descriptions is None:
            lacking = next(kind for kind, part in _PARTS if part(box) is None)
            media_lost = handler is None or handler.handler_type in KIND_OF_HANDLER
            self.faults.tell(f"{name} has no {lacking} box, and is left out", loss=media_lost)
            return None
        kind = _kind_of(descriptions)
        new_media = self._with_handler(media, handler, kind, name)
        word = new_media.find(HandlerBox)
        is_media = word is None or word.handler_type in KIND_OF_HANDLER
        if is_media and not descriptions.children:
            self.faults.tell(f"{name} has no sample entry, and is left out", loss=True)
            return None
        timed = self._with_timescale(new_media, header, movie_timescale, name)
        if timed is None:
            return None
        new_media = timed
        mended = self._tables(table, new_media.require(MediaHeaderBox), descriptions, name)
        mended = self._sync(mended, header.track_id, name, is_video=_is_video(new_media, kind))
        if mended is not table:
            new_media = _with(new_media, information, _with(information, table, mended))
        return box if new_media is media else _with(box, media, new_media)

    def _with_handler(self, media: MediaBox, found: HandlerBox | None, kind: MediaKind | None, name: str) -> MediaBox:
        """The media box with the handler of video or audio; by the sample entry, where the handler is of neither."""
        if kind is None or (found is not None and found.handler_type in _PICTURES_AND_SOUND):
            return media
        if found is None:
            return replace(media, children=(*media.children, HandlerBox(handler_type=kind.handler)))
        self.faults.tell(f"{name} has the handler {found.handler_type!r}, but a sample entry of {kind.lower()}")
        return _with(media, found, replace(found, handler_type=kind.handler))

    def _with_timescale(
        self, media: MediaBox, track: TrackHeaderBox, movie_timescale: int, name: str
    ) -> MediaBox | None:
        """The media box with a timescale; None where there is none, and none can be known."""
        header = media.find(MediaHeaderBox)
        if header is not None and header.timescale:
            return media
        handler = media.find(HandlerBox)
        timescale = _known_timescale(media, track, movie_timescale)
        if handler is not None and handler.handler_type not in KIND_OF_HANDLER:
            timescale = timescale or 1
        elif timescale is None:
            self.faults.tell(f"{name} has no timescale, and is left out", loss=True)
        else:
            self.faults.tell(f"{name} has no timescale: {timescale} is taken")
        if timescale is None:
            return None
        if header is None:
            return replace(media, children=(MediaHeaderBox(timescale=timescale), *media.children))
        return _with(media, header, replace(header, timescale=timescale))

    def _tables(
        self, table: SampleTableBox, header: MediaHeaderBox, descriptions: SampleDescriptionBox, name: str
    ) -> SampleTableBox:
        entries = len(descriptions.children)
        mended = TableMender(name, header.timescale, header.duration, entries, self.faults).mend(table)
        first = descriptions.children[0] if entries else None
        if isinstance(first, AudioSampleEntry) and first.type != "enca":
            mended = mend_sound(mended, first, header.timescale, name, self.faults)
        return mended

    def _sync(self, table: SampleTableBox, number: int, name: str, *, is_video: bool) -> SampleTableBox:
        """The tables without the table of sync samples, if it is empty."""
        found = table.find(SyncSampleBox)
        if found is None or len(found.entries) or not _has_samples(table):
            return table
        what = "its pictures are looked at" if is_video else "all of them are"
        self.faults.tell(f"{name} has an empty table of sync samples (stss): {what}")
        if is_video:
            self.looked_at.add(number)
        return replaced(table, found)


def _media(box: TrackBox) -> MediaBox | None:
    return box.find(MediaBox)


def _information(box: TrackBox) -> MediaInformationBox | None:
    media = _media(box)
    return media.find(MediaInformationBox) if media is not None else None


def _table(box: TrackBox) -> SampleTableBox | None:
    information = _information(box)
    return information.find(SampleTableBox) if information is not None else None


def _descriptions(box: TrackBox) -> SampleDescriptionBox | None:
    table = _table(box)
    return table.find(SampleDescriptionBox) if table is not None else None


_PARTS: Final[tuple[tuple[str, Callable[[TrackBox], Box | None]], ...]] = (
    ("mdia", _media),
    ("minf", _information),
    ("stbl", _table),
    ("stsd", _descriptions),
)


def _parts(
    box: TrackBox,
) -> tuple[MediaBox | None, MediaInformationBox | None, SampleTableBox | None, SampleDescriptionBox | None]:
    return _media(box), _information(box), _table(box), _descriptions(box)


def _kind_of(descriptions: SampleDescriptionBox) -> MediaKind | None:
    """The kind of media by the first sample entry; None where it does not show."""
    for entry in descriptions.children[:1]:
        if isinstance(entry, VisualSampleEntry):
            return MediaKind.VIDEO
        if isinstance(entry, AudioSampleEntry):
            return MediaKind.AUDIO
    return None


def _is_video(media: MediaBox, kind: MediaKind | None) -> bool:
    handler = media.find(HandlerBox)
    return handler.handler_type == MediaKind.VIDEO.handler if handler is not None else kind is MediaKind.VIDEO


def _known_timescale(media: MediaBox, track: TrackHeaderBox, movie_timescale: int) -> int | None:
    """The timescale by the sampling rate of sound, else by the duration in the track header."""
    table = media.require(MediaInformationBox).require(SampleTableBox)
    for entry in table.require(SampleDescriptionBox).children[:1]:
        try:
            clear = clear_entry(entry)
        except (BoxError, MediaError):
            break
        if isinstance(clear, AudioSampleEntry) and sound_format(clear)[0]:
            return sound_format(clear)[0]
    times = table.find(TimeToSampleBox)
    ticks = sum(count * delta for count, delta in times.entries.rows()) if times is not None else 0
    if not ticks or not movie_timescale or not 0 < track.duration < _LARGEST:
        return None
    timescale = (2 * ticks * movie_timescale + track.duration) // (2 * track.duration)
    return timescale if 0 < timescale <= _LARGEST else None


def _has_samples(table: SampleTableBox) -> bool:
    sizes = table.find(SampleSizeBox) or table.find(CompactSampleSizeBox)
    return sizes is not None and sizes.sample_count > 0


def _with(box: AnyContainer, old: Box, new: Box) -> AnyContainer:
    return replace(box, children=tuple([new if child is old else child for child in box.children]))
