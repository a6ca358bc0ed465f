"""Which addresses may be opened: those of clients of the service (receivers) only where cameras can be.

A client of the recording service names addresses that the device then connects to. So that nobody reads files of the
device or reaches services behind it that way, only rtsp and rtsps are allowed, and hosts whose every address is that of
a possible camera. The name is resolved once, and what was checked is what is connected to.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from onvif_bmff.errors import SourceError
from onvif_bmff.rtsp.scrubber import without_secrets

__all__ = ["AddressPolicy", "StreamAddress", "check_address", "resolve_host"]

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Returns all addresses of a host, as texts."""

_PORTS = {"rtsp": 554, "rtsps": 322}
_MAX_URI = 2048
_METADATA = {
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254")
}
"""Where clouds have the service that gives credentials to machines."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses are allowed in spite of what they are.

    Args:
        loopback: this machine itself.
        link_local: 169.254.0.0/16 and fe80::/10, where cameras without DHCP are; metadata services stay forbidden.
    """

    loopback: bool = False
    link_local: bool = False


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """A checked address: ``host`` and ``port`` as named, ``ip`` where it is, ``path`` with its query.

    ``user`` and ``password`` are not quoted; empty if the address has none.
    """

    scheme: str
    host: str
    port: int
    ip: str
    path: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host by the system's resolver. Raises ``OSError`` if there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys([str(entry[4][0]) for entry in found]))


def check_address(
    uri: str,
    policy: AddressPolicy = AddressPolicy(),
    resolve: Resolve = resolve_host,
) -> StreamAddress:
    """Return the parts of an address that a client of the service may name.

    Raises ``SourceError`` if it is none; its text has no password.
    """
    shown = f"{without_secrets(uri):.200}"
    if len(uri) > _MAX_URI or not uri.isascii() or any(letter <= " " or letter == "\x7f" for letter in uri):
        raise SourceError(f"{shown}: no URI")
    try:
        parts = urlsplit(uri)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise SourceError(f"{shown}: no URI") from None
    if parts.scheme not in _PORTS:
        raise SourceError(f"{shown}: only rtsp and rtsps are received")
    if not host or port == 0 or "\\" in uri or "%" in host or "|" in uri:
        raise SourceError(f"{shown}: no host")
    port = _PORTS[parts.scheme] if port is None else port
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError):
        raise SourceError(f"{shown}: the host is not known") from None
    for text in addresses:
        why = _forbidden(text, policy)
        if why is not None:
            raise SourceError(f"{shown}: the host is {why}, which is not allowed")
    if not addresses:
        raise SourceError(f"{shown}: the host is not known")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return StreamAddress(parts.scheme, host, port, addresses[0], path, user, password)


def _forbidden(text: str, policy: AddressPolicy) -> str | None:
    """Why an address may not be connected to; None if it may."""
    try:
        address: IPv4Address | IPv6Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "at no address"
    for one in _embedded(address):
        if one in _METADATA:
            return "a metadata service"
        if one.is_loopback and not policy.loopback:
            return "this machine"
        if one.is_link_local and not policy.link_local:
            return "at a link-local address"
        if one.is_multicast or one.is_unspecified or (one.is_reserved and not one.is_loopback):
            return "at an address of no host"
    return None


def _embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, or those that it leads to: IPv4 in IPv6 is written in four ways."""
    if isinstance(address, IPv4Address):
        return [address]
    found: list[IPv4Address | IPv6Address] = []
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    if address in _NAT64 or (not int(address) >> 32 and int(address) > 1):
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, *found]
