"""Tables of sound that count in frames: how many bytes a frame has, the sample entry knows, not the table of sizes.

QuickTime counts the frames of uncompressed sound as samples, and many writers give them sizes that they do not have:
of one byte, or of one channel. In its sound entries of version 1, packets of compressed sound can be counted so too.
QuickTime File Format, "Sound Sample Descriptions"; ISO/IEC 23003-5.
"""

from collections.abc import Mapping
from dataclasses import replace
from struct import Struct
from typing import Final

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Columns,
    PcmConfigBox,
    SampleSizeBox,
    SampleTableBox,
    SampleToChunkBox,
    TimeToSampleBox,
)
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.media.sample_entries import sound_format
from onvif_bmff.mending.tables import replaced

__all__ = ["frame_size", "mend_sound"]

_BITS: Final[Mapping[str, int]] = {
    "alaw": 8,
    "ulaw": 8,
    "in24": 24,
    "in32": 32,
    "fl32": 32,
    "fl64": 64,
    "sowt": 0,
    "twos": 0,
    "raw ": 0,
    "NONE": 0,
    "lpcm": 0,
    "ipcm": 0,
    "fpcm": 0,
}
"""Codes of uncompressed sound, and bits of one sample of one channel; 0 where the sample entry says it."""
_USUAL_BITS: Final[Mapping[str, int]] = {"raw ": 8, "NONE": 8, "fpcm": 32}
_SIZES: Final = (8, 16, 24, 32, 64)
_VERSION_1: Final = Struct(">I4xI4x")
"""Frames and bytes (of all channels) in a packet."""
_VERSION_2: Final = Struct(">20xI4xII")
"""Bits a channel; bytes and frames in a packet, which uncompressed sound has one of."""


def frame_size(entry: AudioSampleEntry) -> int | None:
    """Return the bytes of a frame (one sample of all channels) of uncompressed sound; None for other sound."""
    bits = _BITS.get(entry.type)
    if bits is None:
        return None
    channels = sound_format(entry)[1]
    if len(entry.quicktime) == _VERSION_2.size:
        given, packet, frames = _VERSION_2.unpack(entry.quicktime)
        if not bits and frames == 1 and 0 < packet <= 64 * max(channels, 1):
            return int(packet)
        bits = bits or given
    config = entry.find(PcmConfigBox)
    bits = bits or (config.pcm_sample_size if config is not None else entry.sample_size)
    if bits not in _SIZES:
        bits = _USUAL_BITS.get(entry.type, 16)
    return bits // 8 * channels or None


def mend_sound(
    table: SampleTableBox, entry: AudioSampleEntry, timescale: int, name: str, faults: InputFaults
) -> SampleTableBox:
    """Return ``table`` with samples of the size that frames, or packets, have; itself where there is nothing to mend.

    ``timescale`` is that of the track, ``name`` how messages call it.
    """
    times, sizes = table.find(TimeToSampleBox), table.find(SampleSizeBox)
    if times is None or sizes is None or not sizes.sample_count or set(times.entries["sample_delta"]) != {1}:
        return table
    if len(times.entries) > 1:
        one = Columns(sample_count=[sum(times.entries["sample_count"])], sample_delta=[1])
        table = replaced(table, times, replace(times, entries=one))
    frame = frame_size(entry)
    if frame is None:
        return _with_packets(table, sizes, entry) if sizes.sample_size else table
    own = sizes.entries.get("size")
    largest = max(own) if own is not None else sizes.sample_size
    rate = sound_format(entry)[0]
    if (own is None and sizes.sample_size == frame) or (largest > frame and timescale != rate):
        return table  # packets of a tick each: who counts them so means what the sizes say
    if largest not in (1, frame):
        faults.tell(f"{name} has frames of {frame} bytes by its sample entry, of {largest} by its sizes")
    made = SampleSizeBox(sample_size=frame, entries=Columns(sizes.sample_count))
    return replaced(table, sizes, made)


def _with_packets(table: SampleTableBox, sizes: SampleSizeBox, entry: AudioSampleEntry) -> SampleTableBox:
    """The table of compressed sound that counts in frames: in packets, as versions 1 and 2 of the entry have them."""
    frames = size = 0
    if len(entry.quicktime) == _VERSION_1.size:
        frames, size = _VERSION_1.unpack(entry.quicktime)
    elif len(entry.quicktime) == _VERSION_2.size:
        _, size, frames = _VERSION_2.unpack(entry.quicktime)
    chunks = table.find(SampleToChunkBox)
    if frames < 2 or not size or sizes.sample_size == size or chunks is None:
        return table
    packets = sizes.sample_count // frames
    counts = [max(count // frames, 1) for count in chunks.entries["samples_per_chunk"]]
    rows = Columns(
        first_chunk=chunks.entries["first_chunk"],
        samples_per_chunk=counts,
        sample_description_index=chunks.entries["sample_description_index"],
    )
    table = replaced(table, chunks, replace(chunks, entries=rows))
    table = replaced(table, sizes, SampleSizeBox(sample_size=size, entries=Columns(packets)))
    times = TimeToSampleBox(entries=Columns(sample_count=[packets], sample_delta=[frames]))
    return replaced(table, table.find(TimeToSampleBox), times)
