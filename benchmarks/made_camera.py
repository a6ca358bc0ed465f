"""A camera made up for counting: 25 fps H.264 at 4 Mbit/s, 48 kHz AAC and metadata, the same bytes in every run.

The pictures have real NAL unit and slice headers; what follows is filler that only a decoder would refuse. Only the
front door and ``onvif_bmff.storage`` are used, so that counts before and after a change of modules can be compared.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from uuid import UUID

import onvif_bmff as library
from onvif_bmff.storage import MemoryStore, StoreSink

AUDIO_PERIOD = 8
"""Seconds after which whole AAC frames (1,024 samples of 48 kHz) and whole seconds meet again."""
RATE = 25
SEGMENT = 4
"""Seconds of a segment."""
START = library.UtcTime.parse("2022-11-08T15:08:23.547Z")
KEY = library.ContentKey(UUID(int=7), bytes(range(16)))
FORMATS = {"cmaf": library.CMAF, "mp4": library.MP4}

_SPS = bytes.fromhex("6742c01e95a0280bfe54")
_PPS = bytes.fromhex("68ce3c80")
_IDR = bytes.fromhex("6588804a")
_SYNC_SIZE = 60_000
_SIZE = 18_000
_AUDIO = bytes((1,)) + bytes(169)
_DOCUMENT = b'<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"/>'
ALL = VIDEO, AUDIO, METADATA = 1, 2, 3
"""Numbers of the tracks."""


def tracks(numbers: Sequence[int] = ALL) -> list[library.Track]:
    """The tracks of the camera, or some of them."""
    made = [
        library.Track("VIDEO001", VIDEO, 90_000, library.AvcCodec.from_parameter_sets([_SPS], [_PPS])),
        library.Track("AUDIO001", AUDIO, 48_000, library.AacCodec.from_config(bytes.fromhex("1190"))),
        library.Track("META001", METADATA, 1_000, library.MetadataCodec()),
    ]
    return [track for track in made if track.track_id in numbers]


def _picture(number: int) -> bytes:
    """An IDR picture, or a P slice: first_mb 0, type 5, pps 0, frame_num of 8 bits, qp +0, no deblocking."""
    if number == 0:
        head, size = _IDR, _SYNC_SIZE
    else:
        head, size = b"\x41" + (0b1001101 << 17 | number << 9 | 0b0001010 << 2 | 2).to_bytes(3, "big"), _SIZE
    unit = head + bytes((number + 4,)) * (size - 8)
    return len(unit).to_bytes(4, "big") + unit


def samples(seconds: int) -> list[library.Sample]:
    """Samples of all tracks in order of time; a GOP a second."""
    pictures = [_picture(number) for number in range(RATE)]
    duration = 90_000 // RATE
    made = [
        library.Sample(VIDEO, number * duration, duration, pictures[number % RATE], number % RATE == 0)
        for number in range(seconds * RATE)
    ]
    made += [library.Sample(AUDIO, number * 1024, 1024, _AUDIO) for number in range(seconds * 48_000 // 1024)]
    made += [library.Sample(METADATA, number * 1_000, 1_000, _DOCUMENT) for number in range(seconds)]
    scales = {track.track_id: track.timescale for track in tracks()}
    return sorted(made, key=lambda one: (Fraction(one.decode_time, scales[one.track_id]), one.track_id))


def recorder(kind: str, scheme: str, numbers: Sequence[int] = ALL) -> library.Recorder:
    """A recorder of the camera's tracks: "cmaf" or "mp4"; "clear", "cenc" or "cbcs"."""
    encryption: tuple[library.EncryptionEntry, ...] = ()
    if scheme != "clear":
        encryption = (library.EncryptionEntry(library.ProtectionScheme(scheme), library.FixedKey(KEY)),)
    target = library.RecordingTarget(
        format=FORMATS[kind], segment_duration=timedelta(seconds=SEGMENT), encryption=encryption
    )
    return library.Recorder(tracks(numbers), target)


def record(recording: library.Recorder, made: Iterable[library.Sample]) -> MemoryStore:
    """Record one span into memory."""
    store = MemoryStore()
    with StoreSink(store) as sink:
        recording.activate(START)
        for sample in made:
            events = recording.push(sample)
            if events:
                sink.add_all(events)
        sink.add_all(recording.deactivate())
    return store


def first_samples(made: Sequence[library.Sample]) -> list[library.Sample]:
    """The first sample of each track."""
    return [next(one for one in made if one.track_id == track) for track in ALL]
