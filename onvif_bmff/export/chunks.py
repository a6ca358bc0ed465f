"""Samples of one track as a moof and an mdat. ISO/IEC 14496-12, 8.8."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from onvif_bmff.bmff import (
    NON_SYNC_SAMPLE,
    Columns,
    MovieFragmentBox,
    MovieFragmentHeaderBox,
    TrackFragmentBaseMediaDecodeTimeBox,
    TrackFragmentBox,
    TrackFragmentHeaderBox,
    TrackRunBox,
)
from onvif_bmff.errors import MediaError

if TYPE_CHECKING:
    from onvif_bmff.export.writers import OutputSample

__all__ = ["build_chunk"]

_SYNC_FLAGS = 0x02000000
_PREDICTED_FLAGS = 0x01000000 | NON_SYNC_SAMPLE


def build_chunk(track_id: int, sequence_number: int, samples: "Sequence[OutputSample]") -> bytes:
    """Return a moof and an mdat with samples of one track that follow each other. ISO/IEC 14496-12, 8.8.

    Raises:
        MediaError: a duration or an offset does not fit 32 bits, as with the time scale of a damaged header.
    """
    try:
        durations = array("I", [one.duration for one in samples])
        offsets = array("i", [one.offset for one in samples])
    except OverflowError as error:
        raise MediaError(f"times of samples of track {track_id} do not fit a fragment") from error
    columns = {
        "duration": durations,
        "size": array("I", [len(one.data) for one in samples]),
        "flags": array("I", [_SYNC_FLAGS if one.sync else _PREDICTED_FLAGS for one in samples]),
    }
    common = {name: column[0] for name, column in columns.items() if column.count(column[0]) == len(column)}
    columns = {name: column for name, column in columns.items() if name not in common}
    if any(offsets):
        columns["composition_offset"] = offsets
    bits = {"duration": 0x100, "size": 0x200, "flags": 0x400, "composition_offset": 0x800}
    defaults = {"duration": 0x8, "size": 0x10, "flags": 0x20}
    header = TrackFragmentHeaderBox(
        flags=0x20002 | sum(defaults[name] for name in common),
        track_id=track_id,
        sample_description_index=samples[0].description,
        default_sample_duration=common.get("duration"),
        default_sample_size=common.get("size"),
        default_sample_flags=common.get("flags"),
    )
    time = TrackFragmentBaseMediaDecodeTimeBox(version=1, base_media_decode_time=samples[0].time)

    def moof(data_offset: int) -> MovieFragmentBox:
        run = TrackRunBox(
            version=1,
            flags=0x1 | sum(bits[name] for name in columns),
            sample_count=len(samples),
            data_offset=data_offset,
            samples=Columns(len(samples), **columns),
        )
        traf = TrackFragmentBox(children=(header, time, run))
        return MovieFragmentBox(children=(MovieFragmentHeaderBox(sequence_number=sequence_number), traf))

    total = sum(len(one.data) for one in samples) + 8
    if total >= 1 << 32:
        raise MediaError("a fragment of more than 4 GiB cannot be written")
    head = moof(moof(0).size + 8).build()
    return b"".join((head, total.to_bytes(4, "big"), b"mdat", *[one.data for one in samples]))
