"""The one way of texts about streams into logs, states and errors: no password goes through."""

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote

__all__ = ["Scrubber", "without_secrets"]

HIDDEN = "***"
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/?#\s]*@")
_UNQUOTED = re.compile(
    r"(rtsps?:/{0,2}|[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/?#\s@:\[\]]*:(?!\d{1,5}(?:[/?#\s]|$)|\s)[^@\n]{0,500}@",
    re.IGNORECASE,
)
"""User and password where characters that have to be quoted are not: what follows the colon is no port."""
_AUTHORIZATION = re.compile(r"((?:proxy-)?authorization\s*[:=]\s*(?:basic|digest|bearer)?)[^\r\n]*", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"((?:^|[?&;\s])[\w.-]{0,64}(?:passw|pwd|pass|secret|token|auth|key|sig)[\w.-]{0,64}=)([^&;#\s'\"]+)", re.IGNORECASE
)
_SHORT = 4
"""Secrets of fewer characters are hidden where they stand as a word: elsewhere they would hide half of all texts."""


def without_secrets(uri: str) -> str:
    """Return a URI without user, password, and the values of parameters that look like passwords or tokens.

    Also where the password is not quoted as it has to be, and the URI therefore is none.
    """
    return _SECRET_VALUE.sub(rf"\1{HIDDEN}", _UNQUOTED.sub(r"\1", _USERINFO.sub(r"\1", uri)))


class Scrubber:
    """Removes passwords from texts: the given ones, however they are quoted, and whatever lies where passwords lie.

    Args:
        uris: addresses in use; the passwords in them are removed wherever they appear.
        secrets: passwords in use.
    """

    def __init__(self, uris: Iterable[str] = (), secrets: Iterable[str] = ()) -> None:
        found = {secret for secret in secrets if secret}
        for uri in uris:
            found.update(_secrets_of(uri))
        forms = {form for secret in found for form in _forms(secret)}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def __repr__(self) -> str:
        return "Scrubber()"

    def scrub(self, text: str) -> str:
        """Return the text without them."""
        text = _AUTHORIZATION.sub(rf"\1 {HIDDEN}", without_secrets(text))
        for form in self._forms:
            if len(form) >= _SHORT:
                text = text.replace(form, HIDDEN)
            else:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", HIDDEN, text)
        return text


def _secrets_of(uri: str) -> Iterable[str]:
    """The passwords in a URI; split by hand, for what is no valid URI has passwords too."""
    authority = uri.partition("://")[2]
    userinfo = re.split(r"[/?#]", authority, maxsplit=1)[0].rpartition("@")[0]
    if not userinfo and "@" in authority:
        userinfo = authority.rpartition("@")[0]  # a password with a slash that was not quoted
    password = userinfo.partition(":")[2]
    if password:
        yield password
    for found in _SECRET_VALUE.finditer(uri):
        yield found.group(2)


def _forms(secret: str) -> set[str]:
    plain = {secret, unquote(secret)}
    return {form for one in plain for form in (one, quote(one), quote(one, safe=""), quote_plus(one)) if form}
