"""Streams as cameras send them, undisturbed, and the truth about each of their units.

A stream is a value: tracks, and in order of arrival the access units, the clock reports of the camera and the changes
of a codec. Each unit knows when it really was decoded and shown, what the camera's counter said then, and how far its
wall clock was ahead; what disturbs a stream (``disturbances``) changes what is sent and keeps the truth.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

from onvif_bmff.codecs import AvcCodec, G711Codec, MetadataCodec, OpusCodec
from onvif_bmff.media import Sample, Track

SPS = bytes.fromhex("6742c01e95a0280bfe54")
PPS = bytes.fromhex("68ce3c80")
OTHER_SPS = bytes.fromhex("6742c01e95a0280bde54")
IDR = bytes.fromhex("6588804a")
AVC = AvcCodec.from_parameter_sets([SPS], [PPS])
OTHER_AVC = AvcCodec.from_parameter_sets([OTHER_SPS], [PPS])
OPUS = OpusCodec.from_head(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0")

VIDEO = Track("VIDEO001", 1, 90_000, AVC)
SOUND = Track("AUDIO001", 2, 8_000, G711Codec("ulaw"))
OPUS_SOUND = Track("AUDIO001", 2, 48_000, OPUS)
METADATA = Track("META001", 3, 90_000, MetadataCodec())

LATENCY = Fraction(1, 20)
REPORT_EVERY = Fraction(2)


@dataclass(frozen=True, slots=True)
class Unit:
    """An access unit as it is sent, and the truth: all in seconds since the stream began, by a right clock.

    ``decoded`` and ``shown`` are when it really happened; ``counter`` is the source's counter at ``decoded`` without
    faults of this unit alone, ``ahead`` how far the camera's wall clock was ahead, ``arrival`` when it came in;
    ``is_off`` says that its own stamp is wrong.
    """

    sample: Sample
    decoded: Fraction
    shown: Fraction
    counter: Fraction
    arrival: Fraction
    ahead: Fraction = Fraction(0)
    is_off: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """A report of the camera's clock: at ``counter`` its wall clock said ``wall`` seconds after the beginning.

    ``track_id`` is the track that it holds for; None: it holds for all.
    """

    counter: Fraction
    wall: Fraction
    arrival: Fraction
    track_id: int | None = None


@dataclass(frozen=True, slots=True)
class NewCodec:
    """From here on the samples of a track are of another codec configuration."""

    track: Track
    arrival: Fraction


Item = Unit | Report | NewCodec


@dataclass(frozen=True, slots=True)
class Stream:
    """What a camera sends, in order of arrival.

    Attributes:
        tracks: what is recorded.
        items: what comes in.
        shaken: seconds by which the stamps of single units may be off without being wrong (jitter).
        breaks: how often the recording may have to wait for the next sync sample.
        timestamp_bits: width of the source's counter.
        presented: stamps are those of presentation, as over RTP.
        boots: when the camera booted, after which its counter has nothing to do with what it was.
    """

    tracks: tuple[Track, ...]
    items: tuple[Item, ...]
    shaken: Fraction = Fraction(0)
    breaks: int = 0
    timestamp_bits: int | None = None
    presented: bool = False
    boots: tuple[Fraction, ...] = ()
    timescales: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.timescales.update({track.track_id: track.timescale for track in self.tracks})

    @property
    def is_close(self) -> bool:
        """Whether pictures are sent a tick apart."""
        stamps = [unit.sample.decode_time for unit in self.units(VIDEO.track_id)]
        return any(0 < after - before <= 9 for before, after in pairwise(stamps))

    def units(self, track_id: int | None = None) -> list[Unit]:
        """The access units, of one track or all."""
        return [one for one in self.items if isinstance(one, Unit) and track_id in (None, one.sample.track_id)]

    def reported_by_track(self) -> "Stream":
        """The same stream with reports of each track instead of common ones."""
        items: list[Item] = []
        for item in self.items:
            if isinstance(item, Report) and item.track_id is None:
                items.extend(replace(item, track_id=track.track_id) for track in self.tracks)
            else:
                items.append(item)
        return replace(self, items=tuple(items))

    def sorted(self, items: Iterable[Item]) -> "Stream":
        """The same stream with other items, put in order of arrival."""
        return replace(self, items=tuple(sorted(items, key=lambda item: item.arrival)))

    def each(self, change: Callable[[Item], Item | None]) -> "Stream":
        """The same stream with each item changed; None leaves it out."""
        return self.sorted(new for item in self.items if (new := change(item)) is not None)


def ticks(stream: Stream, unit: Unit, seconds: Fraction) -> int:
    """Seconds as ticks of a unit's track."""
    return round(seconds * stream.timescales[unit.sample.track_id])


def picture(number: int, sync: bool) -> bytes:
    """A picture with its number in it, valid for everything but a decoder."""
    # P slice: first_mb 0, type 5, pps 0, frame_num of 8 bits, no lists, no marking, qp +0, no deblocking
    head = IDR if sync else b"\x41" + (0b1001101 << 17 | (number % 251) << 9 | 0b0001010 << 2 | 2).to_bytes(3, "big")
    unit = head + f"picture {number:06}.".encode()
    return len(unit).to_bytes(4, "big") + unit


def video(
    seconds: float = 30, *, rate: Fraction = Fraction(25), gop: int = 25, reordered: bool = False, first: int = 0
) -> list[Unit]:
    """Pictures. ``reordered``: I P B B P B B …, with offsets as a file has them; else as sent live, without durations.

    ``first`` is the place in its group at which the stream is joined.
    """
    made = []
    for number in range(round(seconds * rate)):
        place = (number + first) % gop
        offset = 0
        if reordered:
            left = gop - place
            offset = 1 if place == 0 else (3, 0, 0)[(place - 1) % 3]
            if place and left + (place - 1) % 3 < 3:  # the rest of a group that is cut short comes in order
                offset = 1
        decoded = number / rate
        sample = Sample(
            VIDEO.track_id,
            round(decoded * 90_000),
            0,
            picture(number, not place),
            not place,
            round(offset * 90_000 / rate),
        )
        shown = decoded + offset / rate
        made.append(Unit(sample, decoded, shown, decoded, decoded + LATENCY))
    return made


def packets(seconds: float = 30, *, track: Track = SOUND, start: float = 0) -> list[Unit]:
    """Packets of sound of 20 ms."""
    made = []
    for number in range(round((seconds - start) * 50)):
        at = Fraction(start) + Fraction(number, 50)
        data = f"sound {number:06}.".encode().rjust(40, b"\x7f")
        sample = Sample(track.track_id, round(at * track.timescale), 0, data)
        made.append(Unit(sample, at, at, at, at + LATENCY))
    return made


def documents(seconds: float = 30, *, every: Fraction = Fraction(1), start: float = 0) -> list[Unit]:
    """Metadata documents."""
    made = []
    at, number = Fraction(start), 0
    while at < seconds:
        text = f'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><!--{number:06}--></tt:MetadataStream>'
        sample = Sample(METADATA.track_id, round(at * METADATA.timescale), 0, text.encode())
        made.append(Unit(sample, at, at, at, at + LATENCY))
        at, number = at + every, number + 1
    return made


def reports(seconds: float = 30) -> list[Report]:
    """Reports of a camera whose clock is right: the first after 0.3 s, then every two."""
    made = []
    at = Fraction(3, 10)
    while at < seconds:
        made.append(Report(at, at, at + LATENCY))
        at += REPORT_EVERY
    return made


def stream(*parts: Iterable[Item], seconds: float = 30, sound: Track = SOUND) -> Stream:
    """A stream of tracks that begin together, with the camera's reports."""
    items = [item for part in parts for item in part]
    ids = {item.sample.track_id for item in items if isinstance(item, Unit)}
    empty = Stream(tuple(track for track in (VIDEO, sound, METADATA) if track.track_id in ids), ())
    return empty.sorted([*items, *reports(seconds)])
