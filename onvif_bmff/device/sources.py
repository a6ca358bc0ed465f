"""Where the samples of a device come from: a protocol for sources, and files that behave like cameras.

Each source runs in its own thread. A slow, failing or hanging one delays no other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from os import PathLike
from typing import Protocol
from urllib.parse import unquote, urlsplit

from onvif_bmff.control.types.common import PROFILE_TYPE, SourceReference
from onvif_bmff.control.types.receiver import Receiver
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError
from onvif_bmff.ingest import loop_samples, open_mp4, pace_samples
from onvif_bmff.media.clock_reading import ClockReading
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.recording.readings import ClockChoice
from onvif_bmff.runtime import SYSTEM, Flag, Runtime

__all__ = [
    "FileSource",
    "FileSources",
    "SampleSource",
    "SourceProvider",
    "SourceSettings",
    "TracksKnown",
    "default_sources",
]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Settings of all sources of a device, unless a source says otherwise (see ``SampleSource``).

    Args:
        silence_limit: a source that gives neither video nor sound for so long (in real time), or for three times as
            long as one of its samples lasts if that is more, is in Error, its spans end, and it is opened anew. As
            long as its rhythm is not known, and while it opens, six times as long. So is one that is not closed within
            the limit.
        clock: whose clock says when its media happened.
    """

    silence_limit: timedelta = timedelta(seconds=10)
    clock: ClockChoice = ClockChoice.AUTO


@dataclass(frozen=True, slots=True)
class TracksKnown:
    """All tracks that a source has from here on; those that go on keep their numbers and timescales."""

    tracks: Sequence[Track]


class SampleSource(Protocol):
    """One open source, such as a camera's stream.

    When its samples end it is opened anew as long as it is wanted, unless it has an attribute ``done`` that is true
    then. Attributes ``silence_limit`` and ``clock`` take the place of those of ``SourceSettings``.
    """

    @property
    def tracks(self) -> Sequence[Track]:
        """The tracks of the source, with tokens that a job's SourceTag may name, and the source's own numbers.

        Empty as long as they are not known: then ``samples`` yields ``TracksKnown`` before the first of its samples.
        """
        ...

    def samples(self) -> Iterator[Sample | CodecChange | ClockReading | TracksKnown]:
        """Yield samples as they arrive, each track in decode order, and readings of the camera's clock if it gives any.

        Tracks that come later, or go, are ``TracksKnown``: all spans close there, and begin anew with those tracks. A
        source that does not know any within six times ``silence_limit`` is given up and opened anew.

        Readings, as of RTCP sender reports and replay headers, are in the media time of the samples. Until the first of
        them, media time is held against arrival, unless ``clock`` says otherwise: then media time 0 is when the first
        sample is requested.
        """
        ...

    def close(self) -> None:
        """Release the source."""
        ...


class SourceProvider(Protocol):
    """Opens the sources of jobs."""

    def open(self, reference: SourceReference, receiver: Receiver | None, stop: Flag) -> SampleSource | None:
        """Open a source; called in the thread of the source, so it may block.

        Args:
            reference: receiver or media profile.
            receiver: its configuration, if it is a receiver.
            stop: set when the source is no longer wanted; ``samples`` should then end soon.

        Returns:
            The source, or None as long as it is not configured: a receiver without a URI.

        Raises:
            OnvifBmffError, OSError: it cannot be opened; it is retried later.
        """
        ...


class FileSource:
    """An MP4 file that behaves like a camera: in step with the clock, over and over.

    Its media time began when it was opened, however late its samples are.

    Args:
        path: the file.
        stop: ends playback when it is set.
        speed: 2.0 is twice as fast as real time; None is as fast as possible.
        passes: how often the file is played, after which the source is ``done``; None for ever.
        runtime: gives monotonic time.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        stop: Flag | None = None,
        speed: float | None = 1.0,
        passes: int | None = None,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._stop = stop or runtime.flag()
        self._speed = speed
        self._passes = passes
        self._runtime = runtime
        self.done = False
        self.clock = ClockChoice.CAMERA
        self._input = open_mp4(path)
        self.tracks: Sequence[Track] = self._input.tracks

    def samples(self) -> Iterator[Sample | CodecChange]:
        """Yield the samples."""
        found: Iterator[Sample | CodecChange] = loop_samples(self._input.samples, self.tracks, passes=self._passes)
        if self._speed is not None:
            found = pace_samples(
                found, self.tracks, clock=self._runtime.monotonic, sleep=self._stop.wait, speed=self._speed
            )
        for item in found:
            if self._stop.is_set():
                return
            yield item
        self.done = True

    def close(self) -> None:
        """Close the file."""
        self._input.close()


class FileSources:
    """Sources that are files: receivers whose MediaUri is a ``file:`` URI, and media profiles named here.

    Args:
        profiles: token of a media profile → its file.
        speed: as for ``FileSource``.
        passes: as for ``FileSource``.
        runtime: as for ``FileSource``.
    """

    def __init__(
        self,
        profiles: Mapping[str, str | PathLike[str]] | None = None,
        *,
        speed: float | None = 1.0,
        passes: int | None = None,
        runtime: Runtime = SYSTEM,
    ) -> None:
        self._runtime = runtime
        self.profiles = dict(profiles or {})
        self._speed = speed
        self._passes = passes

    def open(self, reference: SourceReference, receiver: Receiver | None, stop: Flag) -> FileSource | None:
        """Open a file; see ``SourceProvider.open``."""
        path: str | PathLike[str]
        if reference.type == PROFILE_TYPE:
            if reference.token not in self.profiles:
                raise MediaError("the media profile has no source")
            path = self.profiles[reference.token]
        else:
            if receiver is None or not receiver.configuration.media_uri:
                return None
            if receiver.configuration.mode == "NeverConnect":
                return None
            uri = urlsplit(receiver.configuration.media_uri)
            if uri.scheme != "file":
                raise MediaError("only file: URIs can be received")
            path = unquote(uri.path)
        return FileSource(path, stop=stop, speed=self._speed, passes=self._passes, runtime=self._runtime)


def default_sources(runtime: Runtime = SYSTEM) -> SourceProvider:
    """Return what opens the sources of a device that is given nothing else: streams, if PyAV is installed.

    No files: whoever names receivers may then have them recorded. A device that is given ``FileSources`` has them.
    """
    from onvif_bmff.rtsp.provider import StreamSources  # only a device that may receive streams loads the room

    return StreamSources(runtime=runtime)
