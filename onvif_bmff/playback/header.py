"""The header of a segment, before its fragments; it serves all segments of the span (B.2, B.6, B.7)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from onvif_bmff.bmff import AsymmetricKeySystemHeaderBox, Box, MovieBox, ProtectionSystemSpecificHeaderBox
from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.demux.sample_tables import MovieTrack, read_tracks
from onvif_bmff.demux.segment_start import first_presentation
from onvif_bmff.errors import BitstreamError, BoxError, ForeignFormatError, MediaError, ProtectionError, WrongKeyError
from onvif_bmff.media.foreign_formats import SIGNATURE, foreign_format
from onvif_bmff.media.nal import with_long_lengths
from onvif_bmff.media.sample_entries import is_protected
from onvif_bmff.media.track import Sample, lead_of
from onvif_bmff.playback.source import ByteSource, box_head, parse_one

__all__ = ["DecryptStage", "SegmentHeader", "clear_samples", "read_header"]

DecryptStage = Callable[[TrackFragment, Iterator[Sample], memoryview], Iterable[Sample]]
"""Takes the samples of a protected track fragment and its bytes; returns the decrypted samples, in order."""


@dataclass(slots=True)
class SegmentHeader:
    """``ftyp`` and ``moov`` of a segment.

    ``size`` is their number of bytes from the start of the object, ``raw`` those bytes. ``tracks`` are the video, audio
    and metadata tracks in file order, ``movie_tracks`` all tracks.
    """

    size: int
    raw: bytes = field(repr=False)
    movie: MovieBox = field(repr=False)
    movie_tracks: tuple[MovieTrack, ...] = field(repr=False)
    tracks: tuple[MovieTrack, ...]

    @property
    def is_protected(self) -> bool:
        """Whether any track is encrypted."""
        return any(track.is_protected for track in self.tracks)

    @property
    def protection_headers(self) -> tuple[Box, ...]:
        """The ``pssh`` boxes, from which a private key recovers the content keys. B.8.2."""
        return tuple(
            [
                box
                for box in self.movie.children
                if isinstance(box, AsymmetricKeySystemHeaderBox | ProtectionSystemSpecificHeaderBox)
            ]
        )

    @property
    def lead(self) -> MovieTrack:
        """The track whose sync samples begin fragments: the first of video, else audio, else metadata."""
        return lead_of(self.tracks)

    def track(self, track_id: int) -> MovieTrack:
        """Return the track with this track_ID.

        Raises:
            MediaError: there is none.
        """
        for track in self.tracks:
            if track.track_id == track_id:
                return track
        raise MediaError(f"the segment has no track {track_id}")

    def first_presentation(self, parts: Iterable[TrackFragment], *, first_of_span: bool) -> tuple[int, int]:
        """The presentation time to which the segment's key belongs, as ticks and timescale; ``MediaError`` if none.

        ``parts`` are those of its first fragment. See ``demux.first_presentation``.
        """
        playable = {track.track_id for track in self.tracks}
        found = [part for part in parts if part.track.track_id in playable]
        return first_presentation(found, self.lead.track_id, first_of_span=first_of_span)


def read_header(source: ByteSource) -> SegmentHeader:
    """Read the header of a segment.

    Raises:
        BoxError: the bytes are not boxes, or a box is invalid.
        MediaError: there is no movie box before the first fragment, or no playable track.
        ForeignFormatError: it is a file of another format.
    """
    try:
        return _read_header(source)
    except (BoxError, MediaError):
        what = foreign_format(source.view(0, SIGNATURE))
        if what is None:
            raise
    raise ForeignFormatError(f"the object is {what}, no segment")


def _read_header(source: ByteSource) -> SegmentHeader:
    position = 0
    while (head := box_head(source, position)) is not None:
        if head.type == "moov" and head.size is not None:
            movie = parse_one(source, position, head.size)
            if not isinstance(movie, MovieBox):
                raise BoxError("the movie box cannot be read", path="/moov", offset=position)
            size = position + head.size
            everything = read_tracks(movie)
            tracks = tuple([track for track in everything if track.is_media])
            if not tracks:
                raise MediaError("the segment has no video, audio or metadata track")
            return SegmentHeader(size, bytes(source.view(0, size)), movie, everything, tracks)
        if head.type in ("moof", "mdat") or head.size is None:
            break
        position += head.size
    raise MediaError("the segment has no movie box (moov) before its first fragment")


def clear_samples(
    part: TrackFragment, data: memoryview, stage: DecryptStage | None, *, torn: bool = False
) -> Iterator[Sample]:
    """Return the samples of a track fragment, decrypted by ``stage`` if protected, with NAL lengths of 4 bytes.

    ``torn``: ``data`` may end early; the samples end with the last one that is whole.

    Raises:
        ProtectionError: they are protected, and ``stage`` is None.
        WrongKeyError: what was decrypted is no media: nothing shows whether the key is wrong or the object damaged.
    """
    samples = _whole(part, data) if torn else part.samples(data)
    decrypted = is_protected(part.track.entry(part.description))
    if decrypted:
        if stage is None:
            raise ProtectionError(f"track {part.track.track_id} is encrypted: its samples need keys")
        samples = iter(stage(part, samples, data))
    size = part.track.nal_length_size(part.description)
    return samples if size in (None, 4) else _lengthened(samples, size, decrypted=decrypted)


def _whole(part: TrackFragment, data: memoryview) -> Iterator[Sample]:
    for sample, size in zip(part.samples(data), part.iter_sizes(), strict=False):
        if len(sample.data) < size:
            return
        yield sample


def _lengthened(samples: Iterator[Sample], size: int, *, decrypted: bool) -> Iterator[Sample]:
    for sample in samples:
        try:
            sample.data = with_long_lengths(sample.data, size)
        except BitstreamError:
            if decrypted:
                raise WrongKeyError(
                    "what was decrypted is no media: the key is wrong, or the object is damaged"
                ) from None
            raise
        yield sample
