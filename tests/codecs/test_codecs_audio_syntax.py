"""AAC configurations, ADTS frames, Opus packets and headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_bits import BitWriter

from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig, iter_adts, parse_adts_header
from onvif_bmff.codecs.opus.syntax import opus_packet_duration, parse_opus_head
from onvif_bmff.errors import BitstreamError


class TestAac:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            ("1210", {"audio_object_type": 2, "sampling_frequency": 44100, "channels": 2}),
            ("1190", {"audio_object_type": 2, "sampling_frequency": 48000, "channels": 2}),
            ("1214", {"frame_length": 960}),
            ("1588", {"sampling_frequency": 8000, "channels": 1, "codec_object_type": 2}),
            ("121056e500", {"sbr": False, "codec_object_type": 2}),
            ("139056e5a0", {"sbr": True, "ps": False, "extension_frequency": 44100, "hierarchical": False}),
            ("13885 6e5a5 4880".replace(" ", ""), {"sbr": True, "ps": True, "codec_object_type": 29, "channels": 1}),
            ("2b920800", {"sbr": True, "hierarchical": True, "codec_object_type": 5, "extension_frequency": 44100}),
            ("eb8a0800", {"ps": True, "codec_object_type": 29, "channels": 1}),
            ("b98800", {"audio_object_type": 23, "frame_length": 512, "sampling_frequency": 48000}),
            ("f8e85000", {"audio_object_type": 39, "frame_length": 480, "sampling_frequency": 44100}),
            ("17805dc010", {"sampling_frequency": 48000, "channels": 2}),
        ],
    )
    def test_configurations(self, data, expected):
        config = AudioSpecificConfig.parse(bytes.fromhex(data))
        for name, value in expected.items():
            assert getattr(config, name) == value, name

    @given(
        st.builds(
            AudioSpecificConfig,
            audio_object_type=st.sampled_from((1, 2, 3, 4)),
            sampling_frequency=st.sampled_from((8000, 16000, 44100, 48000)) | st.integers(1, (1 << 24) - 1),
            channel_configuration=st.sampled_from((1, 2, 3, 4, 5, 6, 7, 11, 12, 14)),
            frame_length=st.sampled_from((960, 1024)),
        ),
        st.sampled_from(((False, False), (True, False), (True, True))),
        st.booleans(),
        st.integers(1, (1 << 24) - 1) | st.just(48000),
    )
    def test_built_configurations_read_back(self, plain, extension, hierarchical, frequency):
        assert AudioSpecificConfig.parse(plain.build()) == plain
        sbr, ps = extension
        config = AudioSpecificConfig(
            audio_object_type=plain.audio_object_type,
            sampling_frequency=plain.sampling_frequency,
            channel_configuration=plain.channel_configuration,
            frame_length=plain.frame_length,
            sbr=sbr,
            ps=ps,
            hierarchical=hierarchical and sbr,
            extension_frequency=frequency if sbr else None,
        )
        assert AudioSpecificConfig.parse(config.build()) == config

    def test_program_config_element(self):
        out = BitWriter()
        out.u(5, 2)
        out.u(4, 3)
        out.u(4, 0)
        out.u(3, 0)
        out.u(10, 0)
        for width, value in ((4, 2), (4, 0), (4, 1), (2, 1), (3, 1), (4, 1)):
            out.u(width, value)
        for width in (4, 4, 3):
            out.flag(1)
            out.u(width, 0)
        for pair in (0, 1, 1):
            out.flag(pair)
            out.u(4, 0)
        out.u(4 + 4 + 5, 0)
        while len(out.bits) % 8:
            out.flag(0)
        out.u(8, 2)
        out.u(16, 0x6869)
        config = AudioSpecificConfig.parse(out.bytes())
        assert (config.channel_configuration, config.channels) == (0, 6)
        with pytest.raises(BitstreamError, match="channel configuration"):
            config.build()

    @pytest.mark.parametrize(
        ("object_type", "flags", "behind"),
        [
            (2, (0, 1, 0), [(14, 0)]),  # coreCoderDelay
            (6, (0, 0, 1), [(3, 0), (1, 0)]),  # layerNr, extensionFlag3
            (17, (0, 0, 1), [(3, 0), (1, 0), (2, 0)]),  # resilience flags, epConfig
            (20, (1, 0, 1), [(3, 0), (3, 0), (1, 0), (2, 1)]),
            (22, (0, 0, 1), [(16, 0), (1, 0), (2, 0)]),  # BSAC
            (23, (1, 0, 1), [(3, 0), (1, 0), (2, 0)]),
        ],
    )
    @pytest.mark.parametrize("wrapped", [False, True])
    def test_other_object_types(self, object_type, flags, behind, wrapped):
        out = BitWriter()
        out.u(5, 5 if wrapped else object_type)
        out.u(4, 7)
        out.u(4, 2)
        if wrapped:
            out.u(4, 4)
            out.u(5, object_type)
            if object_type == 22:
                out.u(4, 2)
        for flag in flags:
            out.flag(flag)
        for width, value in behind:
            out.u(width, value)
        while len(out.bits) % 8:
            out.flag(0)
        config = AudioSpecificConfig.parse(out.bytes())
        assert (config.audio_object_type, config.sbr, config.channels) == (object_type, wrapped, 2)
        short = 480 if object_type == 23 else 960
        assert config.frame_length == (short if flags[0] else 1024)
        with pytest.raises(BitstreamError):
            AudioSpecificConfig.parse(out.bytes()[:-1])

    def test_program_config_element_without_channels(self):
        with pytest.raises(BitstreamError, match="no channels"):
            AudioSpecificConfig.parse(b"\x12\x00" + bytes(8))

    @pytest.mark.parametrize(
        "data", ["", "12", "f88640", "1708", "0210", "f810", "1250", "1780000010", "ba8f80", "1200"]
    )
    def test_broken_configurations(self, data):
        with pytest.raises(BitstreamError):
            AudioSpecificConfig.parse(bytes.fromhex(data))

    @pytest.mark.parametrize(
        "change",
        [
            {"frame_length": 512},
            {"audio_object_type": 23},
            {"sampling_frequency": 0},
            {"sampling_frequency": 1 << 24},
            {"channel_configuration": 9},
        ],
    )
    def test_configurations_that_cannot_be_built(self, change):
        values = {"audio_object_type": 2, "sampling_frequency": 8000, "channel_configuration": 1} | change
        with pytest.raises(BitstreamError):
            AudioSpecificConfig(**values).build()


class TestAdts:
    HEADER = bytes((0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x3F, 0xFC))

    def test_frames(self):
        header = parse_adts_header(self.HEADER)
        assert (header.audio_object_type, header.sampling_frequency) == (2, 48000)
        assert (header.channel_configuration, header.header_length, header.frame_length) == (2, 7, 9)
        assert header.config().build().hex() == "1190"
        frames = list(iter_adts(self.HEADER + b"ab" + self.HEADER + b"cd"))
        assert [bytes(body) for _, body in frames] == [b"ab", b"cd"]
        assert frames[0][0] == header

    def test_a_checksum_is_part_of_the_header(self):
        checked = bytes((0xFF, 0xF0)) + self.HEADER[2:]
        assert [bytes(body) for _, body in iter_adts(checked + b"ck")] == [b""]

    @pytest.mark.parametrize(
        "data",
        [
            HEADER[:6],
            b"\xff\xe1" + HEADER[2:],
            b"\xff\xf3" + HEADER[2:],
            HEADER[:2] + b"\x7c" + HEADER[3:],
            HEADER[:4] + b"\0\x1f\xfc",
            HEADER + b"a",
            HEADER[:6] + b"\xfdab",
        ],
    )
    def test_broken_frames(self, data):
        with pytest.raises(BitstreamError):
            list(iter_adts(data))

    def test_channels_inside_the_frames(self):
        header = parse_adts_header(self.HEADER[:2] + b"\x4c\0" + self.HEADER[4:])
        with pytest.raises(BitstreamError, match="channels"):
            header.config()


class TestOpus:
    @pytest.mark.parametrize(
        ("packet", "duration"),
        [
            (b"\x00", 480),
            (b"\x18", 2880),
            (b"\x19", 5760),
            (b"\x60", 480),
            (b"\x68", 960),
            (b"\x80", 120),
            (b"\xf8", 960),
            (b"\xfa", 1920),
            (b"\xfb\x06", 5760),
            (b"\x83\x30", 5760),
        ],
    )
    def test_durations(self, packet, duration):
        assert opus_packet_duration(packet) == duration

    @pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\x00", b"\xfb\x07", b"\x1b\x03"])
    def test_packets_that_cannot_be(self, packet):
        with pytest.raises(BitstreamError):
            opus_packet_duration(packet)

    def test_heads(self):
        head = parse_opus_head(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\xff\xff\0")
        assert (head.channels, head.pre_skip, head.input_sample_rate, head.output_gain) == (2, 312, 48000, -1)
        assert (head.stream_count, head.coupled_count) == (1, 1)
        head = parse_opus_head(b"OpusHead\x01\x03\0\0\x80\xbb\0\0\0\0\x01\x02\x01\0\x02\xff")
        assert (head.stream_count, head.coupled_count, head.channel_mapping) == (2, 1, b"\0\x02\xff")

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"OpusTags\x01\x02\x38\x01\x80\xbb\0\0\0\0\0",
            b"OpusHead\x10\x02\x38\x01\x80\xbb\0\0\0\0\0",
            b"OpusHead\x01\x00\x38\x01\x80\xbb\0\0\0\0\0",
            b"OpusHead\x01\x03\x38\x01\x80\xbb\0\0\0\0\0",
            b"OpusHead\x01\x03\0\0\x80\xbb\0\0\0\0\x01\x02\x01\0\x02",
            b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\x01\x01\x02\0",
            b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\x01\x01\0\x01",
        ],
    )
    def test_broken_heads(self, head):
        with pytest.raises(BitstreamError):
            parse_opus_head(head)
