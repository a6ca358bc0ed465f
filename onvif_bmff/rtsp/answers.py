"""What a server answers, made harmless: nothing in it leads a client to another host. Pure.

libavformat's client follows redirections over HTTP by itself, and sends datagrams to whatever source a Transport header
names; no option forbids that. So answers are read here first, and written anew: what libavformat reads is what was
checked, also where the two of us would read an answer differently. RFC 2326, 6, 7, 10.12, 11.3, 12.39; RFC 4566, 5.7.
"""

import ipaddress
import re

from onvif_bmff.errors import SourceError

__all__ = ["AnswerFilter"]

_MAX_HEAD, _MAX_BODY = 16 << 10, 1 << 20
_DOLLAR = 0x24
_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(r"(RTSP|HTTP)/\d\.\d (\d{3})(?: [ -~\x80-\xff]*)?")
_REQUEST = re.compile(r"[A-Z_]{1,20} [!-~]{1,2000} RTSP/1\.0")
_HEADER = re.compile(r"([A-Za-z0-9_-]+)[ \t]*:[ \t]*([\t -~\x80-\xff]*)")
_DROPPED = frozenset({"location", "content-length", "transfer-encoding", "content-encoding", "refresh"})
_CONNECTION = re.compile(rb"c=\s*IN\s+IP[46]\s+([^\s/]+)(?:/[0-9/]*)?\s*")


class AnswerFilter:
    """Takes what a server sends, and gives what its client may read.

    Args:
        ip: the address of the server, the only one that datagrams may be sent to.

    Behind the head of an answer that refuses a tunnel over HTTP nothing is passed on.
    """

    def __init__(self, ip: str) -> None:
        self._ip = ip
        self._rest = b""
        self._is_over = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return those that are complete messages and frames.

        Raises:
            SourceError: an answer is a redirection, or none at all. Its text says what was wrong, and no address.
        """
        data = self._rest + data
        made: list[bytes] = []
        at = begin = 0
        end = len(data)
        while at < end and not self._is_over:
            if data[at] == _DOLLAR:
                following = at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
                if at + 4 > end or following > end:
                    break
                at = following
                continue
            found = self._message(data, at)
            if found is None:
                break
            message, following = found
            made += [data[begin:at], message]
            at = begin = following
        made.append(data[begin:at])
        self._rest = b"" if self._is_over else data[at:]
        return b"".join(made)

    def _message(self, data: bytes, at: int) -> tuple[bytes, int] | None:
        """Return a message that begins at an offset, written anew, and where it ends; None if it is not whole yet."""
        while data[at : at + 1] in (b"\r", b"\n"):
            at += 1
        if at == len(data):
            return b"", at
        if data[at] == _DOLLAR:
            return b"", at
        end = _END.search(data, at, at + _MAX_HEAD)
        if end is None:
            if len(data) - at >= _MAX_HEAD:
                raise SourceError("the server's answer is too long")
            return None
        first, *lines = data[at : end.start()].decode("latin-1").replace("\r\n", "\n").split("\n")
        http_status = _checked(first)
        headers = [_split(line) for line in lines]
        self._is_over = http_status not in (None, "200")
        size = 0 if http_status else _length(headers)
        if len(data) < end.end() + size:
            return None
        body = self._description(data[end.end() : end.end() + size])
        kept = [(name, value) for name, value in headers if name.lower() not in _DROPPED]
        out = [first, *[f"{name}: {self._value(name, value)}" for name, value in kept]]
        if size:
            out.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*out, "", ""]).encode("latin-1") + body, end.end() + size

    def _value(self, name: str, value: str) -> str:
        """A header's value; in Transport datagrams go to the server, or a group, and nowhere else."""
        if name.lower() != "transport":
            return value
        return ",".join([";".join(self._parameters(one)) for one in value.split(",")])

    def _parameters(self, transport: str) -> list[str]:
        kept = []
        for one in transport.split(";"):
            name, _, value = (part.strip() for part in one.partition("="))
            if name.lower() == "source":
                kept.append(f"source={self._ip}")
            elif name.lower() != "destination" or _is_group(value):
                kept.append(one.strip())
        return kept

    def _description(self, body: bytes) -> bytes:
        """A session description in which all connections are those of groups, or of the server."""
        lines = re.split(rb"[\r\n]", body)  # each of them ends a line for libavformat
        return b"\r\n".join([self._line(line.lstrip()) for line in lines if line.strip()] + [b""]) if body else b""

    def _line(self, line: bytes) -> bytes:
        if not line.startswith(b"c"):
            return line
        found = _CONNECTION.fullmatch(line)
        if found is not None and _is_group(found[1].decode("latin-1")):
            return line
        return b"c=IN IP%d %s" % (6 if ":" in self._ip else 4, self._ip.encode())


def _checked(first: str) -> str | None:
    """Return the status if the first line is one of HTTP, which is a tunnel's; None if it is one of RTSP."""
    status = _STATUS.fullmatch(first)
    if status is None:
        if _REQUEST.fullmatch(first) is None:
            raise SourceError("the server's answer cannot be read")
        return None
    if status[2].startswith("3"):
        raise SourceError(f"the server redirects to another place ({status[2]}), which is not followed")
    return status[2] if status[1] == "HTTP" else None


def _split(line: str) -> tuple[str, str]:
    header = _HEADER.fullmatch(line)
    if header is None:
        raise SourceError("the server's answer cannot be read")
    return header[1], header[2]


def _length(headers: list[tuple[str, str]]) -> int:
    values = {value.strip() for name, value in headers if name.lower() == "content-length"}
    if not values:
        return 0
    text = values.pop()
    if values or not text.isdecimal() or not text.isascii() or len(text) > 8 or int(text) > _MAX_BODY:
        raise SourceError("the server's answer cannot be read")
    return int(text)


def _is_group(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_multicast
    except ValueError:
        return False
