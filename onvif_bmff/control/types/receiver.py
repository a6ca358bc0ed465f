"""Receiver objects, as far as recording jobs need them (ONVIF Receiver Service, in miniature)."""

from dataclasses import dataclass

from onvif_bmff.control.types.common import NO_EXTENSIONS, Extensions

__all__ = ["Receiver", "ReceiverConfiguration"]


@dataclass(frozen=True, slots=True)
class ReceiverConfiguration:
    """How a receiver connects; everything is empty until the client configures it (5.1).

    Args:
        mode: ``AutoConnect``, ``AlwaysConnect``, ``NeverConnect`` or empty.
        media_uri: URI of the stream.
        stream: ``RTP-Unicast``, ``RTP-Multicast`` or empty.
        transport: protocol, such as ``RTSP``, or empty.
        extensions: unknown elements and attributes.
    """

    mode: str = ""
    media_uri: str = ""
    stream: str = ""
    transport: str = ""
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class Receiver:
    """A receiver of the device; ``auto_created`` ones vanish with the last job that uses them."""

    token: str
    configuration: ReceiverConfiguration
    auto_created: bool
