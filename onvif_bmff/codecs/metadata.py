"""ONVIF metadata in an ISO file: XML documents in a track of 'metx'. ISO/IEC 14496-12, 12.3.3."""

from dataclasses import dataclass, field

from onvif_bmff.bmff import Box, ContainerBox, XmlMetaDataSampleEntry
from onvif_bmff.codecs.registry import register
from onvif_bmff.errors import MediaError
from onvif_bmff.media.sample_entries import entry_bytes, read_sample_entry
from onvif_bmff.media_kind import MediaKind

__all__ = ["ONVIF_SCHEMA", "MetadataCodec"]

ONVIF_SCHEMA = "http://www.onvif.org/ver10/schema"
"""Namespace of tt:MetadataStream."""

_ENCODINGS = ("", "xml", "gzip", "exi")


@dataclass(frozen=True, slots=True)
class MetadataCodec:
    """XML metadata: one document a sample, all samples sync samples.

    ``content_encoding`` is "" for plain XML (files may also say "xml"), "gzip" or "exi"; ``namespace`` that of
    the root element. ``entry`` is the sample entry's bytes; it is made from the other values if it is not given.
    """

    content_encoding: str = ""
    namespace: str = ONVIF_SCHEMA
    schema_location: str = ""
    entry: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.entry:
            return
        if self.content_encoding not in _ENCODINGS:
            raise MediaError(f'content encoding {self.content_encoding!r}: "", "xml", "gzip" or "exi" needed')
        made = XmlMetaDataSampleEntry(
            content_encoding=self.content_encoding, namespace=self.namespace, schema_location=self.schema_location
        )
        object.__setattr__(self, "entry", entry_bytes(made))

    @classmethod
    def from_sample_entry(cls, entry: ContainerBox) -> "MetadataCodec":
        """Make the codec from a file's clear entry, which is kept as it is."""
        if not isinstance(entry, XmlMetaDataSampleEntry):
            raise MediaError(f"the sample entry {entry.type!r} is not XML metadata")
        return cls(entry.content_encoding, entry.namespace, entry.schema_location or "", entry_bytes(entry))

    @property
    def media_type(self) -> MediaKind:
        """``MediaKind.METADATA``."""
        return MediaKind.METADATA

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return "metx"."""
        return "metx"

    def protected_ranges(self, data: bytes | memoryview) -> None:
        """Return None: a document is protected as a whole. ISO/IEC 23001-7, 9.5."""
        return


register("metx")(MetadataCodec.from_sample_entry)
