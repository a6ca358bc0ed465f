"""One open stream as tracks: packets in, samples, codec changes and readings of the camera's clock out. Pure."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from onvif_bmff.codecs import ReorderedTimes, ShownOrder, StartPoints
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError, SourceError
from onvif_bmff.media.clock_reading import ClockOrigin, ClockReading
from onvif_bmff.media.codec import Codec, RandomAccessCodec
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.rtsp.container import Packet
from onvif_bmff.rtsp.media_units import Assembler, MediaUnit
from onvif_bmff.rtsp.stamps import RtpStamps
from onvif_bmff.rtsp.streams import StreamInfo, assembler_for, kind_of

__all__ = ["Session", "SourceItem", "StreamTrack"]

_log = logging.getLogger(__name__)

SourceItem: TypeAlias = Sample | CodecChange | ClockReading


@dataclass(slots=True, eq=False)
class StreamTrack:
    """One stream that is recorded.

    ``codec`` is that of its last sample; ``shift`` is what its times are moved by, in ticks; ``end`` is when its last
    unit ended, where one begins whose time the source does not tell. ``times`` makes decode times, unless the source
    tells them; whether it does shows its first packet. ``untold`` is the sum of durations of packets without any time.
    ``starts`` cuts video by time in which decoding can start nowhere.
    """

    info: StreamInfo
    kind: MediaKind
    token: str
    assembler: Assembler
    stamps: RtpStamps
    codec: Codec | None = None
    shift: int = 0
    end: int | None = None
    times: ReorderedTimes | ShownOrder | None = None
    starts: StartPoints | None = None
    tells_decode_times: bool | None = None
    untold: int = 0

    @property
    def track_id(self) -> int:
        """Its number in the recording."""
        return self.info.index + 1

    def started(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """Yield samples in decoding order; some are called sync if nothing else is."""
        yield from samples if self.starts is None else map(self.starts.push, samples)


Pending: TypeAlias = tuple[StreamTrack, MediaUnit | ClockReading]


class Session:
    """The streams of a container, as tracks.

    ``left_out`` names those that are not recorded, and why.

    Args:
        streams: what libavformat says of them.
        left_out: those that are not among them.

    Raises:
        SourceError: none can be recorded.
    """

    def __init__(self, streams: Sequence[StreamInfo], left_out: Iterable[str] = ()) -> None:
        self._tracks: dict[int, StreamTrack] = {}
        self.left_out = list(left_out)
        self._reported: set[int] = set()
        for info in streams:
            kind = kind_of(info)
            number = 1 + sum(track.kind is kind for track in self._tracks.values())
            try:
                assembler = None if kind is None else assembler_for(info)
            except MediaError as error:
                assembler = None
                self.left_out.append(f"stream {info.index} ({info.codec}): {error}")
            else:
                if assembler is None:
                    self.left_out.append(f"stream {info.index} ({info.codec or info.type}) cannot be recorded")
            if kind is not None and assembler is not None:
                token = f"{kind.token_prefix}{number:03}"
                self._tracks[info.index] = StreamTrack(info, kind, token, assembler, RtpStamps(info.timescale))
        if not self._tracks:
            raise SourceError(f"nothing in it can be recorded: {'; '.join(self.left_out) or 'it has no streams'}")

    @property
    def streams(self) -> tuple[StreamTrack, ...]:
        """The streams that are recorded."""
        return tuple(self._tracks.values())

    @property
    def has_codecs(self) -> bool:
        """Whether the codecs of all tracks are known."""
        return all(track.assembler.codec is not None for track in self._tracks.values())

    @property
    def has_reports(self) -> bool:
        """Whether the camera's clock was reported for all tracks but metadata, which may be silent for long."""
        return all(track.stamps.is_reported for track in self._tracks.values() if track.kind is not MediaKind.METADATA)

    @property
    def lost(self) -> int:
        """Access units that could not be read."""
        return sum(track.assembler.lost for track in self._tracks.values())

    def drop_unknown(self) -> None:
        """Leave out the tracks whose codecs are not known. Raises ``SourceError`` if that is all."""
        for index, track in list(self._tracks.items()):
            if track.assembler.codec is None:
                del self._tracks[index]
                self.left_out.append(f"stream {index} ({track.info.codec}) came without its parameter sets")
        if not self._tracks:
            raise SourceError(f"nothing in it can be recorded: {'; '.join(self.left_out)}")

    def align(self) -> None:
        """Put the tracks in step by their first reports."""
        for track in self._tracks.values():
            track.shift = track.stamps.alignment

    def tracks(self, held: Iterable[Pending]) -> tuple[Track, ...]:
        """Return the tracks; ``held`` are units that come before all others, whose codecs count."""
        for track, unit in held:
            if track.codec is None and isinstance(unit, MediaUnit):
                track.codec = unit.codec
        made = []
        for track in self._tracks.values():
            track.codec = codec = track.codec or track.assembler.codec
            if codec is not None:
                made.append(Track(track.token, track.track_id, track.info.timescale, codec, track.info.language))
        return tuple(made)

    # ---- packets ---------------------------------------------------------------------------------------------

    def push(self, packet: Packet, at: float | None = None) -> Iterator[Pending]:
        """Take a packet; yield the units that are complete with it, and before them a reading if it came with one.

        ``at`` is when it came, in seconds of a clock that only grows.
        """
        track = self._tracks.get(packet.index)
        if track is None:
            return
        if track.info.packetised:
            time = self._stamped(track, packet, None if track.kind is MediaKind.METADATA else at)
            decode_time = None
        else:
            time, decode_time = self._file_times(track, packet)
        if time is None:
            return
        if track.stamps.reading is not None:
            media_time, utc = track.stamps.reading
            track.stamps.reading = None
            yield track, ClockReading(track.track_id, media_time, utc, ClockOrigin.CAMERA)
        for unit in track.assembler.push(packet.data, time, sync=packet.sync, decode_time=decode_time):
            track.end = unit.time + unit.duration
            yield track, unit

    def flush(self) -> Iterator[Pending]:
        """Yield the units that wait for the next packet, at the end."""
        for track in self._tracks.values():
            for unit in track.assembler.flush():
                yield track, unit

    def _stamped(self, track: StreamTrack, packet: Packet, at: float | None) -> int | None:
        if packet.pts is None:
            return track.end
        is_reported = packet.microseconds is not None
        leads = is_reported and track.info.session not in self._reported
        if leads:
            self._reported.add(track.info.session)
        return track.stamps.read(
            packet.pts,
            packet.report,
            packet.microseconds,
            continues=is_reported and track.assembler.continues(packet.data),
            leads=leads,
            at=at,
        )

    def _file_times(self, track: StreamTrack, packet: Packet) -> tuple[int | None, int | None]:
        """The time of presentation of a packet, and of decoding if its container tells that of all."""
        numerator = track.info.time_base.numerator
        if track.tells_decode_times is None:
            track.tells_decode_times = packet.dts is not None
        dts = packet.dts if track.tells_decode_times else None
        pts = dts if packet.pts is None or not track.info.tells_shown else packet.pts
        if pts is None:
            if track.info.tells_shown:
                return track.end, None
            pts, track.untold = track.untold, track.untold + packet.duration
        return pts * numerator, None if dts is None else dts * numerator

    # ---- samples ---------------------------------------------------------------------------------------------

    def items(self, found: Iterable[Pending]) -> Iterator[SourceItem]:
        """Yield what is recorded: units as samples, codec changes before those that need another codec.

        Pictures that may be reordered are held back as long as their decode times are not certain.
        """
        for track, unit in found:
            if isinstance(unit, ClockReading):
                moved = unit.media_time + Fraction(track.shift, track.info.timescale)
                yield ClockReading(unit.track_id, moved, unit.utc, unit.origin)
                continue
            if track.codec is None:
                continue
            time = unit.time + track.shift
            if unit.codec is not track.codec:
                if unit.codec != track.codec:
                    yield from () if track.times is None else track.started(track.times.change_codec(unit.codec))
                    yield CodecChange(track.track_id, time, unit.codec, 0)
                track.codec = unit.codec
            decode_time = time if unit.decode_time is None else unit.decode_time + track.shift
            sample = Sample(track.track_id, decode_time, unit.duration, unit.data, unit.sync, time - decode_time)
            shown = track.info.tells_shown
            if (unit.decode_time is not None and shown) or track.kind is not MediaKind.VIDEO:
                yield sample
                continue
            if track.times is None:
                track.times = ReorderedTimes(unit.codec, track.info.timescale) if shown else ShownOrder(unit.codec)
                if isinstance(unit.codec, RandomAccessCodec):
                    track.starts = StartPoints(track.info.timescale)
            yield from track.started(track.times.push(sample))

    def last_items(self) -> Iterator[SourceItem]:
        """Yield what was waited with, at the end."""
        yield from self.items(list(self.flush()))
        for track in self._tracks.values():
            if track.times is not None:
                yield from track.started(track.times.flush())
