"""How a stream is opened and read."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from os import PathLike, fspath
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from onvif_bmff.errors import SourceError
from onvif_bmff.rtsp.addresses import StreamAddress
from onvif_bmff.rtsp.scrubber import Scrubber, without_secrets

__all__ = ["Location", "StreamOptions", "Transport"]

_PROBED = "32"
"""Bytes that libavformat reads to learn more than the session description says: the fewest, for we need no more, and it
takes pieces of NAL units for whole ones there.
"""
_MAX_CREDENTIALS = 126
"""Characters of user and password, quoted, that libavformat's RTSP client takes; it cuts off what is longer."""


class Transport(StrEnum):
    """How the media of an RTSP session come. RFC 2326, 10.12, 12.39."""

    TCP = "tcp"
    """Interleaved in the connection of the session."""
    UDP = "udp"
    MULTICAST = "udp_multicast"
    HTTP = "http"
    """All in a tunnel over HTTP."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How streams are opened and read.

    Args:
        transport: of RTSP.
        user: for the camera; the one in the address if it is empty.
        password: likewise. It is in no text of this object.
        ca_file: certificates (PEM) that a server's must lead to; by default those of the system.
        verify: check the server's certificate, and that it is of this host (rtsps, https).
        open_timeout: how long opening may take.
        read_timeout: how long a source may be silent before it has failed.
        report_wait: how long the first reports of the camera's clock are waited for, of all tracks.
        codec_wait: how long parameter sets that are not in the session description are waited for.
        max_bytes: of packets that wait to be taken, then reading waits, too; and of those that come while reports and
            parameter sets are waited for, then neither is waited for any longer.
    """

    transport: Transport = Transport.TCP
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str | PathLike[str] | None = None
    verify: bool = True
    open_timeout: timedelta = timedelta(seconds=10)
    read_timeout: timedelta = timedelta(seconds=10)
    report_wait: timedelta = timedelta(seconds=3)
    codec_wait: timedelta = timedelta(seconds=20)
    max_bytes: int = 32 << 20

    def libav_options(self, scheme: str, verified_host: str = "", media: str = "") -> dict[str, str]:
        """Return the options of libavformat for an address of this scheme.

        ``verified_host`` is the name that the server's certificate must have, where it is not the address's host;
        ``media`` names the kinds of streams that are asked for, if it is not all: "video", "audio+data", ….
        """
        found: dict[str, str] = {}
        if scheme in ("rtsp", "rtsps"):
            # Payloads come as they are: put together, stamped and looked into here, not guessed about there.
            found |= {"rtsp_transport": self.transport.value, "fflags": "noparse+nofillin"}
            found["probesize"] = _PROBED
            if media:
                found["allowed_media_types"] = media
            # Without "rtsp" in it no redirection is followed, since libavformat 62.12.
            protocols = {"tcp"} | ({"tls"} if scheme == "rtsps" else set())
            if self.transport in (Transport.UDP, Transport.MULTICAST):
                protocols |= {"udp", "rtp"}
            if self.transport is Transport.HTTP:
                protocols |= {"http"} | ({"https"} if scheme == "rtsps" else set())
            found["protocol_whitelist"] = ",".join(sorted(protocols))
        if scheme in ("rtsps", "https", "tls"):
            found["tls_verify"] = "1" if self.verify else "0"
            if self.ca_file is not None:
                found["ca_file"] = fspath(self.ca_file)
            if verified_host:
                found["verifyhost"] = verified_host
        return found


@dataclass(frozen=True, slots=True)
class Location:
    """An address as it is shown, and as libavformat gets it, with user and password; that one is in no text.

    ``checked`` is set where it came from the network, and was found to be allowed.
    """

    shown: str
    secret: str = field(repr=False)
    scheme: str
    scrubber: Scrubber = field(repr=False, compare=False)
    checked: StreamAddress | None = None

    def through(self, port: int) -> str:
        """Return the address by which libavformat gets to it through a relay on a port of this machine."""
        parts = urlsplit(self.secret)
        userinfo = parts.netloc.rpartition("@")[0]
        netloc = f"{userinfo}@127.0.0.1:{port}" if userinfo else f"127.0.0.1:{port}"
        return urlunsplit(parts._replace(scheme="rtsp", netloc=netloc))

    @classmethod
    def of(cls, uri: str, options: StreamOptions) -> "Location":
        """Return the place of a stream. Raises ``SourceError`` for what is no URI, or too long a password."""
        shown = without_secrets(uri)
        try:
            parts = urlsplit(uri)
            host, port = parts.hostname or "", parts.port
            user = options.user or unquote(parts.username or "")
            password = options.password or unquote(parts.password or "")
        except ValueError:
            raise SourceError(f"{shown:.200}: no URI") from None
        scrubber = Scrubber([uri], [password])
        if not user or not parts.netloc:
            return cls(shown, uri, parts.scheme, scrubber)
        netloc = _credentials(user, password, shown) + _netloc(host, port)
        return cls(shown, urlunsplit(parts._replace(netloc=netloc)), parts.scheme, scrubber)

    @classmethod
    def at(cls, address: StreamAddress, options: StreamOptions) -> "Location":
        """Return the place of a stream at a checked address: what is connected to is what was checked."""
        user, password = options.user or address.user, options.password or address.password
        place = _netloc(address.host, address.port)
        shown = without_secrets(f"{address.scheme}://{place}{address.path}")
        scrubber = Scrubber([f"{address.scheme}://{place}{address.path}"], [address.password, password])
        credentials = _credentials(user, password, shown) if user else ""
        netloc = credentials + _netloc(address.ip, address.port)
        return cls(shown, f"{address.scheme}://{netloc}{address.path}", address.scheme, scrubber, address)


def _netloc(host: str, port: int | None) -> str:
    return (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")


def _credentials(user: str, password: str, shown: str) -> str:
    found = f"{quote(user, safe='')}:{quote(password, safe='')}"
    if len(found) > _MAX_CREDENTIALS:
        raise SourceError(f"{shown:.200}: user and password are longer than {_MAX_CREDENTIALS} characters, quoted")
    return f"{found}@"
