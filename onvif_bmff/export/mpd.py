"""The MPD of a static DASH presentation, whose pieces are byte ranges. ISO/IEC 23009-1, 5.3."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from onvif_bmff.export.playlist_lines import rounded
from onvif_bmff.media.codec import Codec, picture_size, sound_of
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.timing import UtcTime

__all__ = ["AdaptationSet", "ByteRange", "MediaPiece", "Period", "build_mpd"]


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``offset`` to ``stop`` (excluded) of what lies at a URI."""

    uri: str
    offset: int
    stop: int

    def __str__(self) -> str:
        return f"{self.offset}-{self.stop - 1}"


@dataclass(frozen=True, slots=True)
class MediaPiece:
    """Media presented from ``start`` on for ``duration``, in ticks."""

    place: ByteRange
    start: int
    duration: int


@dataclass(frozen=True, slots=True)
class AdaptationSet:
    """One track in one period; it has the same ``number`` in all periods.

    ``offset`` is the media time at which the period begins, in ticks of ``timescale``; ``codecs`` those of the pieces.
    """

    number: int
    kind: MediaKind
    codecs: Sequence[Codec]
    language: str
    timescale: int
    offset: int
    header: ByteRange
    pieces: Sequence[MediaPiece]

    @property
    def bandwidth(self) -> int:
        """The largest bit rate of any piece, in bits per second."""
        rates = [
            -(-(one.place.stop - one.place.offset) * 8 * self.timescale // max(one.duration, 1)) for one in self.pieces
        ]
        return max(rates, default=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A part of the presentation; ``start`` and ``duration`` in microseconds, ``at`` when it was recorded."""

    start: int
    duration: int
    at: UtcTime
    sets: Sequence[AdaptationSet]


def build_mpd(periods: Sequence[Period]) -> str:
    """Return the MPD. Each period is named by the instant at which it begins."""
    end = max(one.start + one.duration for one in periods)
    attributes = {
        "xmlns": "urn:mpeg:dash:schema:mpd:2011",
        "profiles": "urn:mpeg:dash:profile:full:2011",
        "type": "static",
        "mediaPresentationDuration": _duration(end),
        "minBufferTime": "PT2S",
    }
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<MPD{_attributes(attributes)}>"]
    for period in periods:
        lines += _period(period)
    lines.append("</MPD>")
    return "\n".join(lines) + "\n"


def _period(period: Period) -> Iterator[str]:
    name = rounded(period.at).isoformat(3)
    yield f'  <Period id="{name}" start="{_duration(period.start)}" duration="{_duration(period.duration)}">'
    for one in period.sets:
        # players take several codecs for several tracks; spans of one track differ in level at most
        codec = max(one.codecs, key=lambda codec: picture_size(codec)[0] * picture_size(codec)[1])
        attributes = {"id": str(one.number), "contentType": one.kind.value.lower(), "mimeType": one.kind.content_type}
        if one.language != "und":
            attributes["lang"] = one.language
        yield f'    <AdaptationSet{_attributes(attributes)} segmentAlignment="true" startWithSAP="1">'
        more = {
            "id": f"{one.kind.value.lower()}-{one.number}",
            "bandwidth": str(one.bandwidth),
            "codecs": codec.codecs_parameter(),
        }
        width, height = picture_size(codec)
        if width and height:
            more |= {"width": str(width), "height": str(height)}
        rate = max(sound_of(codec)[0] for codec in one.codecs)
        if one.kind is MediaKind.AUDIO and rate:
            more["audioSamplingRate"] = str(rate)
        yield f"      <Representation{_attributes(more)}>"
        yield from _segment_list(one)
        yield "      </Representation>"
        yield "    </AdaptationSet>"
    yield "  </Period>"


def _segment_list(one: AdaptationSet) -> Iterator[str]:
    times = {"timescale": str(one.timescale), "presentationTimeOffset": str(one.offset)}
    yield f"        <SegmentList{_attributes(times)}>"
    yield f"          <Initialization{_attributes({'sourceURL': one.header.uri, 'range': str(one.header)})}/>"
    yield "          <SegmentTimeline>"
    for piece in one.pieces:
        yield f'            <S t="{piece.start}" d="{piece.duration}"/>'
    yield "          </SegmentTimeline>"
    for piece in one.pieces:
        place = {"media": piece.place.uri, "mediaRange": str(piece.place)}
        yield f"          <SegmentURL{_attributes(place)}/>"
    yield "        </SegmentList>"


def _attributes(values: dict[str, str]) -> str:
    return "".join([f" {name}={quoteattr(value)}" for name, value in values.items()])


def _duration(microseconds: int) -> str:
    return f"PT{microseconds // 1_000_000}.{microseconds % 1_000_000:06}S"
