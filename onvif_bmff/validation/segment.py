"""One segment object, read once from its start to its end, box by box."""

from collections.abc import Callable

from onvif_bmff.bmff import (
    ASYMMETRIC_SYSTEM_ID,
    COMMON_SYSTEM_ID,
    Box,
    EventMessageBox,
    FileTypeBox,
    MediaHeaderBox,
    MovieBox,
    MovieFragmentBox,
    MovieFragmentRandomAccessBox,
    ProducerReferenceTimeBox,
    SegmentIndexBox,
    TrackBox,
)
from onvif_bmff.demux.sample_tables import read_tracks
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.foreign_formats import SIGNATURE, foreign_format
from onvif_bmff.playback.source import MAX_READ, BoxHead, ByteSource, box_head, parse_one
from onvif_bmff.validation.fragments import FragmentChecker, MediaData
from onvif_bmff.validation.header import check_header
from onvif_bmff.validation.observed import Context, Header, ObservedSegment, StopLooking
from onvif_bmff.validation.protection_headers import check_protection_headers
from onvif_bmff.validation.random_access import check_random_access, check_segment_indexes
from onvif_bmff.validation.samples import SampleChecker
from onvif_bmff.validation.spacing import check_age
from onvif_bmff.validation.structure import check_length

__all__ = ["check_segment"]

_MAX_INDEX = 16 << 20
"""Size limit of a box other than header and fragments that is parsed."""

_PADDING = ("free", "skip")
_INVALID = "ANX-B.3-08"
_PSSH_SYSTEM = 8
"""Bytes from the type of a pssh to its SystemID."""
_PSSH_REACH = 4096
"""How far before a fault in a pssh its beginning is looked for."""
_RULES_OF_SYSTEMS = {COMMON_SYSTEM_ID.bytes: "ANX-B.8.1-07", ASYMMETRIC_SYSTEM_ID.bytes: "ANX-B.8.2-16"}
"""Rules for a pssh whose KIDs or data run past its end."""
_RULES_OF_BOXES = {
    **dict.fromkeys(("sinf", "frma", "schm", "schi"), ("C-60", "ANX-B.8-01")),
    "tenc": ("C-61", "ANX-B.8-01"),
    "senc": ("C-64", "ANX-B.8-01"),
    **dict.fromkeys(("vmhd", "smhd"), ("C-16", _INVALID)),
    **dict.fromkeys(("saiz", "saio"), ("C-63", "ANX-B.8-01")),
}
"""Rules for boxes that cannot be read, of CMAF and of MP4 objects."""
_INNER = frozenset(
    ("mvhd", "trak", "mvex", "mdia", "minf", "stbl", "mfhd", "traf", "tfhd", "tfdt", "trun", "senc", "saiz", "saio")
) | {"sbgp", "sgpd", "tfra", "mfro"}
"""Boxes that lie in others only."""


def check_segment(
    source: ByteSource, context: Context, name: str, make_samples: Callable[[Context, Header], SampleChecker]
) -> ObservedSegment:
    """Check the bytes of a segment, report faults to the context's findings, and return what was observed.

    Raises:
        StoreError: the source failed.
    """
    observed = ObservedSegment(context.key, name)
    scan = _SegmentScan(source, context, observed, make_samples)
    try:
        scan.run()
        observed.complete = True
    except BoxError as error:
        context.findings.add(_rule_of(error, source, context), error.reason, offset=error.offset, path=error.path)
    except MediaError as error:
        context.findings.add("ANX-B.3-08", str(error), offset=scan.position)
    except StopLooking:
        pass
    return observed


def _rule_of(error: BoxError, source: ByteSource, context: Context) -> str:
    """Return the rule that a box breaks which cannot be read: its own, if it has one, else that of valid files."""
    kind = (error.path or "").rpartition("/")[2]
    if kind == "pssh":
        before = min(error.offset, _PSSH_REACH)
        data = bytes(source.view(error.offset - before, before))
        system = data[data.rfind(b"pssh") + _PSSH_SYSTEM :][:16]
        return _RULES_OF_SYSTEMS.get(system, _INVALID)
    return context.rule(*_RULES_OF_BOXES.get(kind, (_INVALID, _INVALID)))


class _SegmentScan:
    def __init__(
        self,
        source: ByteSource,
        context: Context,
        observed: ObservedSegment,
        make_samples: Callable[[Context, Header], SampleChecker],
    ) -> None:
        self._source = source
        self._context = context
        self._observed = observed
        self._make_samples = make_samples
        self._file_type: FileTypeBox | None = None
        self._fragments: FragmentChecker | None = None
        self._random_access: MovieFragmentRandomAccessBox | None = None
        self._indexes: list[SegmentIndexBox] = []
        self._timescales: set[int] | None = None
        self._before: list[Box] = []
        self._last = ""
        self.position = 0

    def run(self) -> None:
        """Read all boxes."""
        add = self._context.findings.add
        foreign = foreign_format(self._source.view(0, SIGNATURE))
        if foreign is not None:
            add(self._context.rule("C-01", "ANX-B.1-02"), f"the object is {foreign}, no segment", offset=0)
            return
        while (head := box_head(self._source, self.position)) is not None:
            if self._last == "mfra":
                self._after_mfra(head)
            self._box(head)
        header = self._observed.header
        if header is None:
            add("ANX-B.1-02", "there is no movie box (moov)")
            return
        if not self._observed.moofs:
            add("ANX-B.1-03", "there are no fragments")
        self._waiting("but the end of the object")
        if self._fragments is not None:
            self._fragments.close()
        check_length(self._context, self._observed, header)
        check_age(self._context, self._observed)
        check_segment_indexes(self._context, self._observed, self._indexes)
        check_random_access(self._context, self._observed, self._random_access)

    def _after_mfra(self, head: BoxHead) -> None:
        if self._context.is_cmaf and head.type in _PADDING:
            return  # mfra is optional there, and nothing says that it is last
        rule = self._context.rule("ANX-B.3-08", "ANX-B.6-06")
        self._context.findings.add(
            rule, f"a box {head.type!r} follows the mfra", offset=self.position, path=f"/{head.type}"
        )

    def _box(self, head: BoxHead) -> None:
        """Check the box at ``position``, and move past it."""
        add, context, start = self._context.findings.add, self._context, self.position
        kind = head.type
        if start == 0 and kind != "ftyp":
            rule = context.rule("C-01", "ANX-B.1-02")
            add(rule, f"the object begins with a box {kind!r}, not with ftyp", offset=0, path=f"/{kind}")
        if kind == "moof":
            self._fragment(head)
            return
        if self._before and kind not in ("emsg", "prft"):
            self._waiting(f"but {kind!r}")
        if kind == "ftyp":
            self._file_type_box(head)
        elif kind == "moov":
            self._movie(head)
        elif kind == "mdat":
            rule = context.rule("C-40", "ANX-B.3-08")
            add(rule, "media data that no fragment describes", offset=start, path="/mdat")
        elif kind == "mfra":
            if self._random_access is not None:
                add(context.rule("ANX-B.3-08", "ANX-B.6-06"), "a second mfra", offset=start, path="/mfra")
            found = self._small(head)
            self._random_access = found if isinstance(found, MovieFragmentRandomAccessBox) else None
        elif kind == "pssh":
            add("ANX-B.8-09", "a pssh outside the moov", offset=start, path="/pssh")
        elif kind in _INNER:
            add(_INVALID, f"a box {kind!r} at file level", offset=start, path=f"/{kind}")
        elif kind in ("meta", "udta") and context.is_cmaf:
            add("C-01", f"{kind} at file level", offset=start, path=f"/{kind}")
        elif kind in ("emsg", "prft", "sidx"):
            self._aside(head)
        self._past(head)

    def _past(self, head: BoxHead) -> None:
        self._last = head.type
        if head.size is None:
            self.position += len(self._source.view(self.position, MAX_READ))
            return
        stop = self.position + head.size
        if not len(self._source.view(stop - 1, 1)):
            raise BoxError("the box runs past the end of the object", path=f"/{head.type}", offset=self.position)
        self.position = stop

    def _small(self, head: BoxHead) -> Box:
        size = head.size
        if size is None:
            size = len(self._source.view(self.position, _MAX_INDEX))
        if size > _MAX_INDEX:
            raise BoxError(f"a box of {size} bytes is too large", path=f"/{head.type}", offset=self.position)
        return parse_one(self._source, self.position, size)

    def _file_type_box(self, head: BoxHead) -> None:
        if self._file_type is not None:
            rule = self._context.rule("C-01", "ANX-B.1-02")
            self._context.findings.add(rule, "a second ftyp", offset=self.position, path="/ftyp")
            return
        found = self._small(head)
        if isinstance(found, FileTypeBox):
            self._file_type = found

    def _movie(self, head: BoxHead) -> None:
        context, start = self._context, self.position
        if self._observed.header is not None:
            context.findings.add(context.rule("C-01", "ANX-B.1-02"), "a second moov", offset=start, path="/moov")
            return
        size = head.size or len(self._source.view(start, MAX_READ))
        movie = parse_one(self._source, start, size)
        if not isinstance(movie, MovieBox):
            raise BoxError("the movie box cannot be read", path="/moov", offset=start)
        count = len(movie.find_all(TrackBox))
        if context.is_cmaf and count != 1:
            context.findings.add("ANX-B.7-01", f"the segment has {count} tracks", offset=start, path="/moov")
        raw = bytes(self._source.view(start, size))
        header = Header(self._file_type, movie, raw, start, read_tracks(movie))
        self._observed.header = header
        check_header(context, header)
        check_protection_headers(context, header)
        self._fragments = FragmentChecker(context, self._observed, header, self._make_samples(context, header))

    def _fragment(self, head: BoxHead) -> None:
        """Check a moof and the media data after it."""
        context, start, fragments = self._context, self.position, self._fragments
        if fragments is None:
            context.findings.add("ANX-B.1-02", "a fragment comes before any moov", offset=start, path="/moof")
            raise StopLooking
        if head.size is None:
            raise BoxError("a fragment without end", path="/moof", offset=start)
        moof = parse_one(self._source, start, head.size)
        if not isinstance(moof, MovieFragmentBox):
            raise BoxError("the fragment cannot be read", path="/moof", offset=start)
        self._past(head)
        self._observed.moofs.append(start)
        data: list[MediaData] = []
        while (following := box_head(self._source, self.position)) is not None and following.type == "mdat":
            size = following.size
            body = self.position + following.header
            view: memoryview | None = None
            if size is None or size <= MAX_READ:
                view = self._source.view(self.position, MAX_READ if size is None else size)[following.header :]
                if size is not None and len(view) < size - following.header:
                    raise BoxError("the box runs past the end of the object", path="/mdat", offset=self.position)
            stop = body + len(view) if view is not None else self.position + (size or 0)
            data.append(MediaData(body, stop, view))
            self._past(following)
        self._observed.data_ends.append(self.position)
        fragments.check(moof, start, data, self._before)
        self._before = []

    def _aside(self, head: BoxHead) -> None:
        """Take a box about fragments: emsg and prft are kept for the next moof, sidx for the end."""
        found = self._small(head)
        if isinstance(found, SegmentIndexBox):
            self._indexes.append(found)
            return
        add = self._context.findings.add
        if isinstance(found, EventMessageBox | ProducerReferenceTimeBox):
            self._before.append(found)
        if isinstance(found, EventMessageBox) and self._context.is_cmaf and self._observed.header is not None:
            if self._timescales is None:
                tracks = self._observed.header.tracks
                boxes = [box for track in tracks for _, box in track.box.walk()]
                self._timescales = {box.timescale for box in boxes if isinstance(box, MediaHeaderBox)}
            if found.timescale not in self._timescales:
                message = f"the timescale {found.timescale} is not the track's"
                add("C-49", message, offset=self.position, path="/emsg")

    def _waiting(self, where: str) -> None:
        for box in self._before:
            if self._context.is_cmaf:
                rule = "C-49" if isinstance(box, EventMessageBox) else "C-50"
                self._context.findings.add(rule, f"no moof follows, {where}", offset=box.offset, path=f"/{box.type}")
        self._before = []
