"""The kinds of media that are recorded, and what each is called everywhere: one row a kind.

Rooms from boxes to the service need these words, so the table lies below them all and imports nothing.
"""

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["KIND_OF_HANDLER", "KIND_OF_WORD", "MediaKind"]


class MediaKind(StrEnum):
    """Kind of media in a track. The members are ONVIF's words (tt:TrackType), in the order in which tracks lead.

    ONVIF Recording Control 25.12, 5.3.2, Table 2, B.7; ISO/IEC 14496-12, 8.4.3, 12.
    """

    handler: str
    """The handler of its tracks. ISO/IEC 14496-12, 8.4.3."""
    media_header: str
    """The box that is its media header. ISO/IEC 14496-12, 12."""
    extension: str
    """The extension of its CMAF objects. B.7."""
    content_type: str
    """The media type of its CMAF objects, without parameters. B.7."""
    token_prefix: str
    """How the tokens of its tracks begin. Table 2."""
    rank: int
    """Of several tracks the one with the lowest rank leads: its sync samples decide where segments begin."""

    VIDEO = "Video", "vide", "vmhd", "m4v", "video/mp4", "VIDEO"
    AUDIO = "Audio", "soun", "smhd", "m4a", "audio/mp4", "AUDIO"
    METADATA = "Metadata", "meta", "nmhd", "m4m", "application/mp4", "META"

    def __new__(
        cls,
        word: str,
        handler: str = "",
        media_header: str = "",
        extension: str = "",
        content_type: str = "",
        token_prefix: str = "",
    ) -> "MediaKind":
        """Make a member from its row; defaults are there for type checkers, which see calls with the word alone."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.handler = handler
        made.media_header = media_header
        made.extension = extension
        made.content_type = content_type
        made.token_prefix = token_prefix
        made.rank = len(cls.__members__)
        return made


KIND_OF_WORD: Mapping[str, MediaKind] = {str(kind): kind for kind in MediaKind}
"""The kind of a word, "Video" or the member itself. A look-up costs less than a call of the class."""

KIND_OF_HANDLER: Mapping[str, MediaKind] = {kind.handler: kind for kind in MediaKind}
"""The kind of a handler; other handlers are of media that is not recorded."""
