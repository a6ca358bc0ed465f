"""MP4 files as timed samples: progressive, fragmented, or one after the other in one file.

The file is mapped into memory, never read as a whole: boxes are parsed one by one as the walk comes to them, media
data are not touched, and sample data are views on the map.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from mmap import mmap
from os import PathLike
from types import TracebackType
from typing import IO

from onvif_bmff.bmff import MovieBox, MovieFragmentBox
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import ForeignFormatError, MediaError, ProtectionError
from onvif_bmff.ingest.continuation import Continuation, InputPart
from onvif_bmff.ingest.mapping import map_file, map_stream
from onvif_bmff.ingest.walk import FragmentStage, InputFragment
from onvif_bmff.media.foreign_formats import SIGNATURE, foreign_format
from onvif_bmff.media.track import Sample
from onvif_bmff.mending.input_movie import InputMovie
from onvif_bmff.mending.top_level import TopLevel

__all__ = ["Mp4Input", "open_mp4", "open_stream"]


class Mp4Input:
    """An MP4 file's tracks and samples. ``Mp4Input(data)`` for bytes at hand, ``open_mp4`` for a file.

    ``tracks`` are the video, audio and metadata tracks in the order of the file, named VIDEO001, AUDIO001, META001,
    VIDEO002, … with the track's own timescale and number; ``others`` those that cannot be recorded (hints, subtitles,
    chapters, …). ``movie`` is the movie box, ``data`` the file. Codecs are the clear ones, also of encrypted tracks.

    What is wrong in the file costs the row, box or track that it is in, and is in ``warnings``. ``strict``: the first
    fault is an error.

    Raises ``ForeignFormatError`` for a file of another format, ``BoxError`` for one that is no media file,
    ``MediaError`` for one without movie box or without a track that can be recorded.
    """

    def __init__(
        self, data: bytes | memoryview, *, closing: Callable[[], None] | None = None, strict: bool = False
    ) -> None:
        self.data = memoryview(data)
        self._closing = closing
        self._faults = None if strict else InputFaults()
        self._first = self._find_movie()
        self.movie = self._first.movie
        self.sources = self._first.sources
        self.others = self._first.others
        if not self.sources:
            raise MediaError(self._with_faults("the file has no video, audio or metadata track"))
        self.tracks = self._first.tracks()

    def __enter__(self) -> "Mp4Input":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Samples that are still held stay valid, and keep the map until they are gone."""
        self.data = self._first.data = memoryview(b"")
        if self._closing is not None:
            self._closing()

    @property
    def is_protected(self) -> bool:
        """Whether any track is encrypted, so that ``samples`` needs a stage that decrypts."""
        return any(source.is_protected for source in self.sources)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was found wrong so far, one sentence a fault: at opening, and up to where samples were taken."""
        return self._faults.texts if self._faults is not None else ()

    @property
    def is_loss(self) -> bool:
        """Whether media were lost by what is in ``warnings``."""
        return self._faults is not None and self._faults.is_loss

    def fragments(self) -> Iterator[InputFragment]:
        """Yield the movie fragments in file order; none of a progressive file.

        Raises ``BoxError`` at the first that is broken (with ``strict``), and ``MediaError`` where another movie box
        follows, after those before it.
        """
        part = InputPart(self._first, self.data, SampleBudget(len(self.data)), self._faults)
        yield from part.fragments()
        if part.following is not None:
            raise MediaError(f"the file has another movie box at byte {part.following.offset}")

    def samples(self, stage: FragmentStage | None = None) -> Iterator[Sample | CodecChange]:
        """Yield all samples, interleaved by decode time, and a ``CodecChange`` before those of another sample entry.

        Times are presentation times in ticks of the track: edit lists are applied as a shift, so that tracks are in
        step and times may begin below zero (see ``demux.sample_tables``). Data are views on the file, or bytes where
        NAL lengths of 1 or 2 bytes had to become 4. ``stage`` decrypts those of protected tracks.

        Where another movie box follows, its samples come after those before it: with its codecs, and at later times.

        Raises ``ProtectionError`` for an encrypted file without a stage, ``BoxError`` or ``MediaError`` where the
        file is broken beyond what can be passed over, after the samples before it.
        """
        if stage is None and self.is_protected:
            raise ProtectionError("the file is encrypted: its samples need to be decrypted")
        budget = SampleBudget(len(self.data))
        part = InputPart(self._first, self.data, budget, self._faults)
        items, walk = part.walk(stage)
        yield from items
        walk.finish()
        following = part.following
        if following is None:
            return
        if self._faults is None:
            raise MediaError(f"the file has another movie box at byte {following.offset}")
        continued = Continuation(self._first, self._faults)
        while following is not None:
            continued.leave(part)
            part = InputPart(following.movie, self.data, budget, self._faults)
            yield from continued.samples(part, stage)
            following = part.following

    def _find_movie(self) -> InputMovie:
        """The movie box, and where the fragments may begin: at the first moof, should one lie before the moov."""
        start: int | None = None
        for found, offset in TopLevel(self.data, self._faults).boxes(0):
            if isinstance(found, MovieFragmentBox) and start is None:
                start = offset
            if isinstance(found, MovieBox):
                if found.find("cmov") is not None:
                    raise MediaError("the movie box is compressed (cmov), which is not read")
                begin = offset + (found.read_size or 0) if start is None else start
                return InputMovie(found, self.data, begin, self._faults)
        what = foreign_format(self.data[:SIGNATURE])
        if what is not None:
            raise ForeignFormatError(f"the file is {what}, no MP4 file")
        if start is not None:
            raise MediaError("the file has no movie box (moov): it is a segment without its header")
        raise MediaError(self._with_faults("the file has no movie box (moov)"))

    def _with_faults(self, text: str) -> str:
        return f"{text}: {'; '.join(self.warnings)}" if self.warnings else text


def open_mp4(path: str | PathLike[str], *, strict: bool = False) -> Mp4Input:
    """Open an MP4 file for reading; close it, or use it in a ``with`` statement.

    Raises what ``map_file`` raises where the file cannot be opened, and what ``Mp4Input`` raises where it is no MP4
    file. The file must not shrink while it is open.
    """
    return _opened(map_file(path), strict=strict)


def open_stream(file: IO[bytes], name: str, *, strict: bool = False) -> Mp4Input:
    """Return the input that comes out of an open file or pipe, which is read to its end first; close it as above.

    ``name`` is for messages. Raises as ``open_mp4`` does.
    """
    return _opened(map_stream(file, name), strict=strict)


def _opened(mapped: mmap, *, strict: bool) -> Mp4Input:
    def close() -> None:
        with suppress(BufferError):  # samples in use still look into the map; it goes with the last of them
            mapped.close()

    try:
        return Mp4Input(memoryview(mapped), closing=close, strict=strict)
    except BaseException:
        close()
        raise
