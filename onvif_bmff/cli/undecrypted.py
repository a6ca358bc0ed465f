"""Samples of protected tracks as they are, for commands that look at their times only."""

from collections.abc import Iterable, Iterator

from onvif_bmff.demux import CodecChange, MovieTrack, TrackFragment
from onvif_bmff.media import Sample

__all__ = ["Undecrypted"]


class Undecrypted:
    """A ``FragmentStage`` that leaves samples encrypted."""

    def __call__(self, fragment: TrackFragment, samples: Iterable[Sample], /) -> Iterable[Sample]:
        """See ``FragmentStage``."""
        return samples

    def table(self, track: MovieTrack, samples: Iterable[Sample | CodecChange], /) -> Iterator[Sample | CodecChange]:
        """See ``FragmentStage``."""
        yield from samples
