"""Payloads to access units: put together by their time, whatever pieces they come in."""

import gzip
import itertools
import zlib
from collections.abc import Iterator
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_tools import need_module

from onvif_bmff.codecs import AacCodec, AvcAccessUnits, G711Codec, MetadataCodec, MjpegCodec, OpusCodec, OpusHead
from onvif_bmff.errors import SourceError
from onvif_bmff.ingest import open_mp4
from onvif_bmff.media.nal import iter_nal_units
from onvif_bmff.media.track import Sample
from onvif_bmff.rtsp import Location, StreamOptions, open_live
from onvif_bmff.rtsp.av1_units import Av1Units
from onvif_bmff.rtsp.container import Container, Packet, load_pyav
from onvif_bmff.rtsp.media_units import (
    AacUnits,
    Assembler,
    DocumentUnits,
    G711Units,
    JpegUnits,
    MediaUnit,
    NalUnits,
    OpusUnits,
)
from onvif_bmff.rtsp.reader import Arrived
from onvif_bmff.rtsp.streams import StreamInfo, assembler_for

START = b"\0\0\0\1"


def pushed(units: Assembler, pieces: list[tuple[bytes, int]]) -> list[MediaUnit]:
    found = [unit for data, time in pieces for unit in units.push(data, time, sync=True, decode_time=None)]
    return found + list(units.flush())


@pytest.fixture(scope="module")
def pictures() -> tuple[bytes, list[Sample]]:
    """Parameter sets of the bundled clip as a byte stream, and its pictures."""
    with open_mp4("tests/data/camera.mp4") as camera:
        (track,) = [track for track in camera.tracks if track.type == "Video"]
        codec = track.codec
        samples = [item for item in camera.samples() if isinstance(item, Sample) and item.track_id == track.track_id]
        for sample in samples:
            sample.data = bytes(sample.data)
        sets = b"".join(START + unit for unit in (*codec.sps, *codec.pps))  # type: ignore[attr-defined]
        return sets, samples[:60]


@given(st.integers(0, 1 << 32))
def test_fragments_of_nal_units_are_one_picture(pictures: tuple[bytes, list[Sample]], seed: int) -> None:
    chance = Random(seed)
    sets, samples = pictures
    pieces: list[tuple[bytes, int]] = []
    for number, sample in enumerate(samples[:12]):
        stream = b"".join(START + bytes(unit) for unit in iter_nal_units(sample.data))
        if number == 0:
            stream = sets + stream
        cuts = sorted(chance.randrange(1, len(stream)) for _ in range(chance.randrange(5)))
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            if end > begin:
                pieces.append((stream[begin:end], number * 3600))
    found = pushed(NalUnits(AvcAccessUnits()), pieces)
    assert [unit.data for unit in found] == [sample.data for sample in samples[:12]]
    assert [unit.time for unit in found] == [number * 3600 for number in range(12)]
    assert [unit.sync for unit in found] == [sample.sync for sample in samples[:12]]


def test_what_is_no_byte_stream_costs_itself_only(pictures: tuple[bytes, list[Sample]]) -> None:
    sets, samples = pictures
    first = b"".join(START + bytes(unit) for unit in iter_nal_units(samples[0].data))
    units = NalUnits(AvcAccessUnits())
    found = pushed(
        units, [(sets + first, 0), (b"rest of a picture whose beginning was lost", 3600), (sets + first, 7200)]
    )
    assert [unit.time for unit in found] == [0, 7200]


@pytest.mark.parametrize("name", ["avcC", "byte stream", "none"])
def test_parameter_sets_may_be_known_before_or_only_come_in_band(
    pictures: tuple[bytes, list[Sample]], name: str
) -> None:
    sets, samples = pictures
    with open_mp4("tests/data/camera.mp4") as camera:
        config = camera.tracks[0].codec.sample_entry().find("avcC").build()[8:]  # type: ignore[attr-defined]
    extradata = {"avcC": config, "byte stream": sets, "none": b""}[name]
    info = StreamInfo(0, "video", "h264", Fraction(1, 90_000), extradata, packetised=name != "avcC")
    units = assembler_for(info)
    assert units is not None
    assert (units.codec is None) == (name == "none")
    data = (
        samples[0].data if name == "avcC" else b"".join(START + bytes(unit) for unit in iter_nal_units(samples[0].data))
    )
    found = pushed(units, [(bytes(data), 0), (sets + bytes(data) if name != "avcC" else bytes(data), 3600)])
    assert [unit.data for unit in found] == [samples[0].data] * (1 if name == "none" else 2)
    assert units.codec is not None


# ---- metadata ----------------------------------------------------------------------------------------

DOCUMENT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema">'
    b"<tt:VideoAnalytics><tt:Frame UtcTime='2024-05-01T12:00:00Z'/></tt:VideoAnalytics></tt:MetadataStream>\n"
)


@given(st.lists(st.integers(2, len(DOCUMENT) - 1), max_size=5), st.booleans())
def test_documents_come_whole_with_their_last_piece(cuts: list[int], packed: bool) -> None:
    document = gzip.compress(DOCUMENT, mtime=0) if packed else DOCUMENT
    places = sorted({0, len(document), *(min(cut, len(document) - 1) for cut in cuts)})
    units = DocumentUnits()
    found = []
    for begin, end in itertools.pairwise(places):
        found += units.push(document[begin:end], 7, sync=False, decode_time=None)
        assert len(found) == (end >= (len(document) if packed else len(document.rstrip())))
    assert [unit.data.rstrip() for unit in found] == [document.rstrip()]
    assert found[0].time == 7
    assert found[0].codec == MetadataCodec("gzip" if packed else "")


def test_documents_without_beginning_or_end_are_lost_alone() -> None:
    units = DocumentUnits()
    half = len(DOCUMENT) // 2
    found = pushed(
        units,
        [(DOCUMENT[half:], 0), (DOCUMENT, 1), (DOCUMENT[:half], 2), (DOCUMENT, 3), (b"<a/>", 4), (DOCUMENT[:9], 5)],
    )
    assert [unit.time for unit in found] == [1, 3, 4]
    assert units.lost == 3


# ---- sound and images --------------------------------------------------------------------------------


def test_a_packet_of_g711_lasts_as_long_as_it_has_samples() -> None:
    units = G711Units(G711Codec("alaw", 8000, 2))
    assert [(unit.time, unit.duration) for unit in pushed(units, [(b"x" * 320, 5), (b"", 165)])] == [(5, 160)]


def test_a_packet_of_opus_says_how_long_it_lasts() -> None:
    head = OpusHead(2, pre_skip=0, input_sample_rate=48_000, output_gain=0)
    units = OpusUnits(OpusCodec.from_head(head), 48_000)
    assert [unit.duration for unit in pushed(units, [(b"\xfc" + b"x" * 90, 0), (b"", 960)])] == [960]
    assert units.lost == 1


def test_frames_of_aac_come_with_headers_or_without() -> None:
    config = bytes.fromhex("1190")
    bare = pushed(AacUnits(AacCodec.from_config(config), 48_000), [(b"frame", 0)])
    header = bytes.fromhex("fff14c80") + ((7 + 5) << 13 | 0x1FFC).to_bytes(3, "big")
    units = AacUnits(None, 90_000)
    with_header = pushed(units, [(header + b"frame", 0), (b"no header", 1)])
    assert [unit.data for unit in bare] == [unit.data for unit in with_header] == [b"frame"]
    assert (bare[0].duration, with_header[0].duration) == (1024, 1920)
    assert units.lost == 1
    assert units.codec is not None
    assert units.codec.sample_rate == 48_000


def test_the_codec_of_images_changes_with_their_size() -> None:
    def image(width: int) -> bytes:
        size = (16).to_bytes(2, "big") + width.to_bytes(2, "big")
        return bytes.fromhex("ffd8ffc0000b08") + size + bytes.fromhex("01011100ffda0008010100003f00") + b"\0\xff\xd9"

    units = JpegUnits()
    found = pushed(units, [(image(16), 0), (image(16), 1), (image(32), 2), (b"none", 3)])
    assert [unit.codec for unit in found] == [MjpegCodec(16, 16), MjpegCodec(16, 16), MjpegCodec(32, 16)]
    assert found[0].codec is found[1].codec
    assert units.lost == 1


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3)), max_size=8))
def test_no_payload_breaks_an_assembler(pieces: list[tuple[bytes, int]]) -> None:
    head = OpusHead(2, pre_skip=0, input_sample_rate=48_000, output_gain=0)
    for units in (
        NalUnits(AvcAccessUnits()),
        NalUnits(AvcAccessUnits(length_size=4), whole=True),
        Av1Units(),
        Av1Units(whole=True),
        JpegUnits(),
        AacUnits(None, 48_000),
        OpusUnits(OpusCodec.from_head(head), 48_000),
        DocumentUnits(),
    ):
        pushed(units, pieces)


class StandingStill(Container):
    """A camera whose stamps are all the same, for ever."""

    def __init__(self, piece: bytes) -> None:
        self.streams = (StreamInfo(0, "video", "h264", Fraction(1, 90_000)),)
        self.taken = 0
        self._piece = piece

    def _read(self) -> Iterator[Any]:
        av = load_pyav()
        while True:
            self.taken += 1
            packet = av.Packet(self._piece)
            packet.pts = 1234
            yield packet


def test_stamps_that_stand_still_do_not_fill_the_memory() -> None:
    need_module("av")
    camera = StandingStill(START + bytes(1400))
    packets = list(itertools.islice(camera.packets(), 10))
    assert camera.taken < 2500, "it gives packets out, so that its reader can end"
    assert b"".join(packet.data for packet in packets) == (START + bytes(1400)) * (camera.taken - 1)


def test_each_piece_of_a_packed_document_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document of 32 MiB in packets would take minutes otherwise, in the thread of its source."""
    read = 0
    real = zlib.decompressobj

    class Counting:
        def __init__(self, wbits: int) -> None:
            self._real = real(wbits=wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal read
            made = self._real.decompress(data, most)
            read += len(data) - len(self._real.unconsumed_tail)
            return made

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

    document = gzip.compress(b"<a>" + Random(1).randbytes(300_000) + b"</a>")
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    pieces = [(document[at : at + 1400], 7) for at in range(0, len(document), 1400)]
    (unit,) = pushed(DocumentUnits(), pieces)
    assert unit.data == document
    assert read == len(document)


class Flood:
    """A reader of a camera that sends as much as it can, and never its parameter sets."""

    def __init__(self, location: Location, options: StreamOptions, *_: object) -> None:
        self.given = 0
        self.left_out: list[str] = []
        self.has_ended = False
        floods.append(self)

    def streams(self) -> tuple[StreamInfo, ...]:
        return (StreamInfo(0, "video", "h264", Fraction(1, 90_000)),)

    def take(self, timeout: float) -> Arrived:
        self.given += 1
        return Arrived(Packet(0, self.given, None, 0, START + b"\x41" + bytes(1 << 16), sync=False), 0.0)

    def close(self) -> None:
        self.has_ended = True


floods: list[Flood] = []


def test_a_flood_does_not_fill_the_memory_while_a_stream_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onvif_bmff.rtsp.source.StreamReader", Flood)
    with pytest.raises(SourceError, match="without its parameter sets"):
        open_live("rtsp://camera/x", StreamOptions(max_bytes=1 << 20))
    (flood,) = floods
    assert flood.given == 16
    assert flood.has_ended


@pytest.mark.parametrize("shared", [1, 2, 20])
def test_pictures_that_share_a_stamp_are_samples_of_their_own(
    pictures: tuple[bytes, list[Sample]], shared: int
) -> None:
    sets, samples = pictures
    streams = [b"".join(START + bytes(unit) for unit in iter_nal_units(one.data)) for one in samples[:20]]
    streams[0] = sets + streams[0]
    units = NalUnits(AvcAccessUnits())
    found = pushed(units, [(stream, number // shared) for number, stream in enumerate(streams)])
    alone = pushed(NalUnits(AvcAccessUnits()), [(stream, number) for number, stream in enumerate(streams)])
    assert [bytes(one.data) for one in found] == [bytes(one.data) for one in alone]
    assert [one.time for one in found] == [number // shared for number in range(20)]
    assert units.lost == 0
