"""Samples with other times than they came with."""

from onvif_bmff.media.track import Sample

__all__ = ["decoded_from", "nudged", "put", "shown_at", "with_duration"]


def shown_at(sample: Sample, time: int) -> Sample:
    """Let a sample be presented at another time."""
    offset = time - sample.decode_time
    return Sample(sample.track_id, sample.decode_time, sample.duration, sample.data, sample.sync, offset)


def with_duration(sample: Sample, duration: int) -> Sample:
    """Let a sample last for another time."""
    return Sample(sample.track_id, sample.decode_time, duration, sample.data, sample.sync, sample.composition_offset)


def decoded_from(sample: Sample, time: int) -> Sample:
    """Let a sample be decoded earlier, for so much longer; its presentation stays."""
    earlier = sample.decode_time - time
    duration, offset = sample.duration and sample.duration + earlier, sample.composition_offset + earlier
    return Sample(sample.track_id, time, duration, sample.data, sample.sync, offset)


def nudged(sample: Sample, time: int) -> Sample:
    """Move a sample on; where it is not a sync sample, its presentation stays."""
    offset = sample.composition_offset + (0 if sample.sync else sample.decode_time - time)
    return Sample(sample.track_id, time, sample.duration, sample.data, sample.sync, offset)


def put(sample: Sample, time: int, *, near: int) -> None:
    """Put a sample of our own where it belongs; its duration is unknown then.

    A picture that a source presents at another time than it decodes it is moved in decoding only, if it is moved by no
    more than ``near`` ticks: its presentation is as good as any then. What is farther off is off as a whole, and sync
    samples move as a whole.
    """
    by = time - sample.decode_time
    if sample.composition_offset and not sample.sync and abs(by) <= near:
        sample.composition_offset -= by
    sample.decode_time, sample.duration = time, 0
