"""Streams as the sources of a device: receivers, whose addresses clients of the service name, and media profiles."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.control.types.receiver import Receiver, ReceiverConfiguration
from onvif_bmff.errors import SourceError
from onvif_bmff.media.track import Track
from onvif_bmff.rtsp.addresses import AddressPolicy, Resolve, check_address, resolve_host
from onvif_bmff.rtsp.options import Location, StreamOptions, Transport
from onvif_bmff.rtsp.session import SourceItem
from onvif_bmff.rtsp.source import open_location
from onvif_bmff.runtime import SYSTEM, Flag, Runtime

__all__ = ["OpenSource", "OtherSources", "StreamSources"]

_TRANSPORTS = {"UDP": Transport.UDP, "HTTP": Transport.HTTP}
"""Values of tt:TransportProtocol; of the others, "RTSP" and "TCP", all comes in one TCP connection."""


class OpenSource(Protocol):
    """An open source, as a device takes it."""

    @property
    def tracks(self) -> Sequence[Track]:
        """Its tracks."""
        ...

    def samples(self) -> Iterator[SourceItem]:
        """Yield its samples."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class OtherSources(Protocol):
    """Opens sources that are no streams, such as files."""

    def open(self, reference: SourceReference, receiver: Receiver | None, stop: Flag) -> OpenSource | None:
        """Open a source, as ``device.SourceProvider`` does."""
        ...


class StreamSources:
    """Streams over RTSP for a device: a ``device.SourceProvider``.

    The addresses of receivers come from the network: only rtsp and rtsps are opened, and only hosts that ``policy``
    allows. Those of profiles come from whoever makes this object, and may be any that libavformat reads.

    Args:
        profiles: token of a media profile → the address of its stream.
        options: how streams are opened.
        credentials: user and password by host, for addresses without them.
        policy: which hosts clients may name.
        others: opens profiles that are not named here, and receivers with ``file:`` addresses; without it neither is.
        resolve: returns the addresses of a host.
        runtime: gives tasks and time.
    """

    def __init__(
        self,
        profiles: Mapping[str, str] | None = None,
        *,
        options: StreamOptions = StreamOptions(),  # noqa: B008
        credentials: Mapping[str, tuple[str, str]] | None = None,
        policy: AddressPolicy = AddressPolicy(),  # noqa: B008
        others: OtherSources | None = None,
        resolve: Resolve = resolve_host,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self.profiles = dict(profiles or {})
        self._options = options
        self._credentials = dict(credentials or {})
        self._policy = policy
        self._others = others
        self._resolve = resolve
        self._runtime = runtime

    def open(self, reference: SourceReference, receiver: Receiver | None, stop: Flag) -> OpenSource | None:
        """Open a stream; see ``device.SourceProvider``. Raises ``SourceError``, without a password in its text."""
        if reference.type == PROFILE_TYPE:
            uri = self.profiles.get(reference.token)
            if uri is None:
                if self._others is not None:
                    return self._others.open(reference, receiver, stop)
                raise SourceError("the media profile has no source")
            options = self._with_credentials(self._options, urlsplit(uri).hostname or "")
            return open_location(Location.of(uri, options), options, stop=stop, runtime=self._runtime)
        if receiver is None or not receiver.configuration.media_uri:
            return None
        if receiver.configuration.mode == "NeverConnect":
            return None
        if self._others is not None and receiver.configuration.media_uri.startswith("file:"):
            return self._others.open(reference, receiver, stop)
        return self._open_received(receiver.configuration, stop)

    def _open_received(self, configuration: ReceiverConfiguration, stop: Flag) -> OpenSource:
        address = check_address(configuration.media_uri, self._policy, self._resolve)
        options = self._options
        if not address.user:
            options = self._with_credentials(options, address.host)
        transport = _TRANSPORTS.get(configuration.transport)
        if configuration.stream == "RTP-Multicast":
            transport = Transport.MULTICAST
        if transport is not None:
            options = replace(options, transport=transport)
        return open_location(Location.at(address, options), options, stop=stop, runtime=self._runtime)

    def _with_credentials(self, options: StreamOptions, host: str) -> StreamOptions:
        known = self._credentials.get(host)
        return options if known is None else replace(options, user=known[0], password=known[1])
