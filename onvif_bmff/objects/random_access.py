"""The mfra box of a segment or file, and of the attribute SeekTable. ISO/IEC 14496-12, 8.8.9 to 8.8.11; ONVIF B.9.2."""

from collections.abc import Sequence

from onvif_bmff.bmff import (
    Columns,
    MovieFragmentRandomAccessBox,
    MovieFragmentRandomAccessOffsetBox,
    TrackFragmentRandomAccessBox,
)

__all__ = ["movie_random_access", "track_random_access"]


def track_random_access(
    track_id: int,
    times: Sequence[int],
    moof_offsets: Sequence[int],
    numbers: tuple[Sequence[int], Sequence[int], Sequence[int]],
    *,
    sample_number_size: int = 2,
    three_bytes: bool = True,
) -> TrackFragmentRandomAccessBox:
    """Return the tfra of a track: ``times`` in media ticks, ``moof_offsets`` from the start of the file.

    ``numbers`` are those of traf, trun and sample, from 1. The box has version 0 unless a time or offset needs 64 bits,
    traf and trun numbers of one byte and sample numbers of ``sample_number_size``, or more where the numbers need it;
    without ``three_bytes`` four in place of three, which hardly any file has.
    """
    trafs, truns, samples = numbers
    sizes = [_size(trafs, 1), _size(truns, 1), _size(samples, sample_number_size)]
    if not three_bytes:
        sizes = [4 if size == 3 else size for size in sizes]
    return TrackFragmentRandomAccessBox(
        version=1 if max(max(times), max(moof_offsets)) >= 1 << 32 else 0,
        track_id=track_id,
        length_size_of_traf_num=sizes[0] - 1,
        length_size_of_trun_num=sizes[1] - 1,
        length_size_of_sample_num=sizes[2] - 1,
        entries=Columns(
            time=times, moof_offset=moof_offsets, traf_number=trafs, trun_number=truns, sample_number=samples
        ),
    )


def _size(numbers: Sequence[int], least: int) -> int:
    return max(least, (max(numbers).bit_length() + 7) // 8)


def movie_random_access(tables: Sequence[TrackFragmentRandomAccessBox]) -> MovieFragmentRandomAccessBox:
    """Return the mfra with these tables, and an mfro that says its size."""
    last = MovieFragmentRandomAccessOffsetBox(parent_size=0)
    last.parent_size = 8 + sum([table.size for table in tables]) + last.size
    return MovieFragmentRandomAccessBox(children=(*tables, last))
