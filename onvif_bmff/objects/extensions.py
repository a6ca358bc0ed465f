"""The extensions of recorded objects: which media an object holds, by the end of its key. ONVIF 25.12, B.6, B.7.

Writers (recording formats) and readers (timelines, players, exports, the validator) share this table. An
application that records in its own format registers the extensions of that format; all readers then know them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from onvif_bmff.errors import MediaError
from onvif_bmff.media_kind import MediaKind

__all__ = [
    "EXTENSIONS",
    "SpanExtension",
    "extension_rank",
    "is_cmaf",
    "media_in",
    "only_kind_in",
    "ordinal_of",
    "register_extensions",
]

_MAX_LENGTH = 16
_ALL = frozenset(MediaKind)


@dataclass(frozen=True, slots=True)
class SpanExtension:
    """The objects of one kind of span.

    Args:
        name: the extension, 1 to 16 letters and digits of ASCII, without dot and without ``_end``.
        content_type: the media type of the objects, without parameters.
        media: the kinds of media that they may hold.
        is_cmaf: whether they are CMAF segments, so that the validator applies the rules of CMAF.
        ordinal: which track of its kind they hold, from 0, where a format records several of a kind side by side.

    Raises:
        MediaError: the name cannot stand in a key, or there is no kind of media.
    """

    name: str
    content_type: str
    media: frozenset[MediaKind]
    is_cmaf: bool = False
    ordinal: int = 0

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.isalnum() and len(self.name) <= _MAX_LENGTH):
            raise MediaError(f"not an extension: {self.name!r:.40}")
        object.__setattr__(self, "media", frozenset(self.media))
        if not self.media:
            raise MediaError(f"objects with extension {self.name!r} hold no media")

    @property
    def only_kind(self) -> MediaKind | None:
        """The kind of media if the objects hold only one, else None."""
        return next(iter(self.media)) if len(self.media) == 1 else None

    @property
    def rank(self) -> tuple[int, int, int]:
        """Order of spans that are played together: by the kind that leads, then the ordinal, then fewer kinds first."""
        return min(kind.rank for kind in self.media), self.ordinal, len(self.media)


_EXTENSIONS = {
    row.name: row
    for row in (
        SpanExtension("mp4", MediaKind.VIDEO.content_type, _ALL),
        *(SpanExtension(kind.extension, kind.content_type, frozenset((kind,)), is_cmaf=True) for kind in MediaKind),
    )
}

EXTENSIONS: Mapping[str, SpanExtension] = MappingProxyType(_EXTENSIONS)
"""The extensions of Annex B, and those that were registered."""


def register_extensions(*extensions: SpanExtension) -> None:
    """Register extensions for all readers of recordings. Registering the same row again changes nothing.

    Raises:
        MediaError: an extension is registered with another meaning already; then none is registered.
    """
    for row in extensions:
        if _EXTENSIONS.get(row.name, row) != row:
            raise MediaError(f"the extension {row.name!r} stands for other objects already")
    _EXTENSIONS.update({row.name: row for row in extensions})


def media_in(name: str) -> frozenset[MediaKind]:
    """Return the kinds of media that objects with an extension may hold; all where the extension is not known."""
    row = _EXTENSIONS.get(name)
    return _ALL if row is None else row.media


def only_kind_in(name: str) -> MediaKind | None:
    """Return the only kind of media in objects with an extension; None if there may be several, or it is unknown."""
    row = _EXTENSIONS.get(name)
    return None if row is None else row.only_kind


def ordinal_of(name: str) -> int:
    """Return which track of its kind objects with an extension hold, from 0."""
    row = _EXTENSIONS.get(name)
    return 0 if row is None else row.ordinal


def is_cmaf(name: str) -> bool:
    """Return whether objects with an extension are CMAF segments."""
    row = _EXTENSIONS.get(name)
    return row is not None and row.is_cmaf


def extension_rank(name: str) -> tuple[int, int, int, str]:
    """Return a sort key of extensions whose spans are played together; unknown ones come last."""
    row = _EXTENSIONS.get(name)
    kind, ordinal, count = (len(MediaKind), 0, 0) if row is None else row.rank
    return kind, ordinal, count, name
