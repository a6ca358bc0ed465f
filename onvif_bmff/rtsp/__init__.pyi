from onvif_bmff.rtsp.addresses import AddressPolicy as AddressPolicy
from onvif_bmff.rtsp.addresses import StreamAddress as StreamAddress
from onvif_bmff.rtsp.addresses import check_address as check_address
from onvif_bmff.rtsp.addresses import resolve_host as resolve_host
from onvif_bmff.rtsp.answers import AnswerFilter as AnswerFilter
from onvif_bmff.rtsp.av1_units import Av1Units as Av1Units
from onvif_bmff.rtsp.av1_units import av1_codec as av1_codec
from onvif_bmff.rtsp.container import Container as Container
from onvif_bmff.rtsp.container import Packet as Packet
from onvif_bmff.rtsp.container import load_pyav as load_pyav
from onvif_bmff.rtsp.container_input import ContainerInput as ContainerInput
from onvif_bmff.rtsp.container_input import open_container as open_container
from onvif_bmff.rtsp.media_units import AacUnits as AacUnits
from onvif_bmff.rtsp.media_units import Assembler as Assembler
from onvif_bmff.rtsp.media_units import DocumentUnits as DocumentUnits
from onvif_bmff.rtsp.media_units import G711Units as G711Units
from onvif_bmff.rtsp.media_units import JpegUnits as JpegUnits
from onvif_bmff.rtsp.media_units import MediaUnit as MediaUnit
from onvif_bmff.rtsp.media_units import NalUnits as NalUnits
from onvif_bmff.rtsp.media_units import OpusUnits as OpusUnits
from onvif_bmff.rtsp.options import Location as Location
from onvif_bmff.rtsp.options import StreamOptions as StreamOptions
from onvif_bmff.rtsp.options import Transport as Transport
from onvif_bmff.rtsp.pieces import MAX_UNIT as MAX_UNIT
from onvif_bmff.rtsp.pieces import Pieces as Pieces
from onvif_bmff.rtsp.provider import OpenSource as OpenSource
from onvif_bmff.rtsp.provider import OtherSources as OtherSources
from onvif_bmff.rtsp.provider import StreamSources as StreamSources
from onvif_bmff.rtsp.reader import Arrived as Arrived
from onvif_bmff.rtsp.reader import StreamReader as StreamReader
from onvif_bmff.rtsp.relay import Relay as Relay
from onvif_bmff.rtsp.scrubber import Scrubber as Scrubber
from onvif_bmff.rtsp.scrubber import without_secrets as without_secrets
from onvif_bmff.rtsp.session import Session as Session
from onvif_bmff.rtsp.session import SourceItem as SourceItem
from onvif_bmff.rtsp.session import StreamTrack as StreamTrack
from onvif_bmff.rtsp.source import LiveSource as LiveSource
from onvif_bmff.rtsp.source import open_live as open_live
from onvif_bmff.rtsp.source import open_location as open_location
from onvif_bmff.rtsp.stamp_jumps import StampJumps as StampJumps
from onvif_bmff.rtsp.stamps import RtpStamps as RtpStamps
from onvif_bmff.rtsp.stamps import SenderReport as SenderReport
from onvif_bmff.rtsp.stamps import wall_clock as wall_clock
from onvif_bmff.rtsp.streams import StreamInfo as StreamInfo
from onvif_bmff.rtsp.streams import assembler_for as assembler_for
from onvif_bmff.rtsp.streams import kind_of as kind_of
from onvif_bmff.rtsp.streams import need_sessions as need_sessions

__all__ = [
    "MAX_UNIT",
    "AacUnits",
    "AddressPolicy",
    "AnswerFilter",
    "Arrived",
    "Assembler",
    "Av1Units",
    "Container",
    "ContainerInput",
    "DocumentUnits",
    "G711Units",
    "JpegUnits",
    "LiveSource",
    "Location",
    "MediaUnit",
    "NalUnits",
    "OpenSource",
    "OpusUnits",
    "OtherSources",
    "Packet",
    "Pieces",
    "Relay",
    "RtpStamps",
    "Scrubber",
    "SenderReport",
    "Session",
    "SourceItem",
    "StampJumps",
    "StreamAddress",
    "StreamInfo",
    "StreamOptions",
    "StreamReader",
    "StreamSources",
    "StreamTrack",
    "Transport",
    "assembler_for",
    "av1_codec",
    "check_address",
    "kind_of",
    "load_pyav",
    "need_sessions",
    "open_container",
    "open_live",
    "open_location",
    "resolve_host",
    "wall_clock",
    "without_secrets",
]
