"""Parameter sets and slices of small clips, for tests of codecs."""

from onvif_bmff.codecs.avc.codec import AvcCodec
from onvif_bmff.codecs.hevc.codec import HevcCodec

# 192 by 108 pixels of 4:3, 25 frames a second, High profile, BT.709
SPS = bytes.fromhex("6764000bacec30ffbc39a808080a000003000200000300641e285270")
PPS = bytes.fromhex("68ce0fcb")
IDR = bytes.fromhex("65888403a0c60014101bab14") + bytes(range(1, 60))
IDR_SECOND_SLICE = bytes.fromhex("6506222100e84628000863c7") + bytes(range(1, 30))
INTER = bytes.fromhex("419a2812f1a852acc2b4836e") + bytes(range(1, 40))

# 176 by 144 pixels, 15 frames a second, Baseline profile
OTHER_SPS = bytes.fromhex("6742c00ada0b13b0110000030001000003001e0f1226a0")
OTHER_PPS = bytes.fromhex("68ce0fc8")

# 192 by 108 pixels, 30000/1001 pictures a second, Main profile
HEVC_VPS = bytes.fromhex("40010c01ffff01600000030090000003000003003c913024")
HEVC_SPS = bytes.fromhex("42010101600000030090000003000003003ca0182071f79644d2930bc05a02000007d20000ea6010")
HEVC_PPS = bytes.fromhex("4401c073c189")
HEVC_IDR = bytes.fromhex("2801ac2120ba04984cfca214fb78ddbb5e85469e64fdfca3") + bytes(range(1, 60))
HEVC_CRA = bytes.fromhex("2a01ac144c891820ba78c251549a3a6f43a83e9d108b8303") + bytes(range(1, 60))
HEVC_INTER = bytes.fromhex("0201d011562040413fb862fee0016d7ffbd7eab9e2a2c209") + bytes(range(1, 60))

AVC_DELIMITER, AVC_SEI = b"\x09\xf0", b"\x06\x05\x01\x02\x80"
HEVC_DELIMITER, HEVC_SEI = b"\x46\x01\x50", b"\x4e\x01\x05\x01\x02\x80"


def avc(sps=SPS, pps=PPS, **options) -> AvcCodec:
    return AvcCodec.from_parameter_sets([sps], [pps], **options)


def hevc(**options) -> HevcCodec:
    return HevcCodec.from_parameter_sets([HEVC_VPS], [HEVC_SPS], [HEVC_PPS], **options)


def stream(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def sample(*units: bytes) -> bytes:
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
