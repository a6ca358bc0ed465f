"""Sample tables: one column for each number of a sample. ISO/IEC 14496-12, 8.5 to 8.7."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from onvif_bmff.bmff.language.box import ContainerBox, FullBox, FullContainerBox
from onvif_bmff.bmff.language.children import Children
from onvif_bmff.bmff.language.columns import Columns, no_rows
from onvif_bmff.bmff.language.declare import SAMPLE_ENTRIES, box
from onvif_bmff.bmff.language.wire import U8, U24, U32, Rest, SizedBytes, Table, by_version

__all__ = [
    "ChunkLargeOffsetBox",
    "ChunkOffsetBox",
    "CompactSampleSizeBox",
    "CompositionOffsetBox",
    "CompositionToDecodeBox",
    "SampleDependencyTypeBox",
    "SampleDescriptionBox",
    "SampleSizeBox",
    "SampleTableBox",
    "SampleToChunkBox",
    "SyncSampleBox",
    "TimeToSampleBox",
]


@box(
    "stbl",
    children=Children(
        one=("stsd", "stts", "stsc", "stsz|stz2", "stco|co64"),
        optional=("ctts", "cslg", "stss", "stsh", "padb", "stdp", "sdtp"),
        many=("sbgp", "sgpd", "subs", "saiz", "saio"),
    ),
)
class SampleTableBox(ContainerBox):
    """All tables of a track. ISO/IEC 14496-12, 8.5.1."""


@box("stsd", versions=(0, 1), registry=SAMPLE_ENTRIES)
class SampleDescriptionBox(FullContainerBox):
    """The sample entries (codecs) of a track, as ``children``. ISO/IEC 14496-12, 8.5.2."""

    entry_count: U32


@box("stts")
class TimeToSampleBox(FullBox):
    """Durations in runs: ``sample_count`` samples of ``sample_delta`` ticks. ISO/IEC 14496-12, 8.6.1.2."""

    entries: Annotated[Columns, Table(U32, sample_count="I", sample_delta="I")] = field(
        default_factory=no_rows("sample_count", "sample_delta")
    )


@box("ctts", versions=(0, 1))
class CompositionOffsetBox(FullBox):
    """Composition offsets in runs; signed in version 1. ISO/IEC 14496-12, 8.6.1.3."""

    entries: Annotated[Columns, Table(U32, sample_count="I", sample_offset=by_version("I", "i"))]


@box("cslg", versions=(0, 1))
class CompositionToDecodeBox(FullBox):
    """Bounds of composition offsets; kept as bytes. ISO/IEC 14496-12, 8.6.1.4."""

    data: Rest = b""


@box("stsc")
class SampleToChunkBox(FullBox):
    """Which samples lie in which chunk. ISO/IEC 14496-12, 8.7.4."""

    entries: Annotated[
        Columns,
        Table(U32, first_chunk="I", samples_per_chunk="I", sample_description_index="I"),
    ] = field(default_factory=no_rows("first_chunk", "samples_per_chunk", "sample_description_index"))


def _size_if_own(this: Mapping[str, Any]) -> str | None:
    return "I" if this["sample_size"] == 0 else None


@box("stsz")
class SampleSizeBox(FullBox):
    """Sizes of samples in bytes; column ``size`` is absent where all are ``sample_size``. ISO/IEC 14496-12, 8.7.3.2."""

    sample_size: U32 = 0
    entries: Annotated[Columns, Table(U32, size=_size_if_own)] = field(default_factory=no_rows("size"))

    @property
    def sample_count(self) -> int:
        """Number of samples."""
        return len(self.entries)


@box("stz2")
class CompactSampleSizeBox(FullBox):
    """Sizes of samples in 4, 8 or 16 bits. ISO/IEC 14496-12, 8.7.3.3.

    ``packed`` holds the entries as on the wire; ``sizes`` spreads them out.
    """

    reserved: U24 = 0
    field_size: U8
    sample_count: U32
    packed: Annotated[bytes, SizedBytes(lambda this: (this["sample_count"] * this["field_size"] + 7) // 8)]

    def sizes(self) -> list[int]:
        """Return the size of each sample in bytes."""
        if self.field_size == 4:
            nibbles = [half for byte in self.packed for half in (byte >> 4, byte & 15)]
            return nibbles[: self.sample_count]
        if self.field_size == 8:
            return list(self.packed)
        return [high << 8 | low for high, low in zip(self.packed[::2], self.packed[1::2], strict=False)]


@box("stco")
class ChunkOffsetBox(FullBox):
    """Offsets of chunks in the file, 32 bits. ISO/IEC 14496-12, 8.7.5."""

    entries: Annotated[Columns, Table(U32, chunk_offset="I")] = field(default_factory=no_rows("chunk_offset"))


@box("co64")
class ChunkLargeOffsetBox(FullBox):
    """Offsets of chunks in the file, 64 bits. ISO/IEC 14496-12, 8.7.5."""

    entries: Annotated[Columns, Table(U32, chunk_offset="Q")]


@box("stss")
class SyncSampleBox(FullBox):
    """Numbers (from 1) of the sync samples; without the box all samples are. ISO/IEC 14496-12, 8.6.2."""

    entries: Annotated[Columns, Table(U32, sample_number="I")] = field(default_factory=no_rows("sample_number"))


@box("sdtp")
class SampleDependencyTypeBox(FullBox):
    """One byte of dependency flags a sample. ISO/IEC 14496-12, 8.6.4."""

    dependencies: Rest = b""
