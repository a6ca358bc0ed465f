"""What H.264 and H.265 have in common on the way from access units to samples: see ``access_units``."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from onvif_bmff.bmff import (
    AvcConfigurationBox,
    Box,
    ColourInformationBox,
    HevcConfigurationBox,
    PixelAspectRatioBox,
)
from onvif_bmff.errors import BitstreamError, MediaError
from onvif_bmff.media.codec import VideoCodec
from onvif_bmff.media.nal import Buffer, nal_ranges, split_annex_b
from onvif_bmff.media.nal_family import NalFamily
from onvif_bmff.media.picture_order import PictureCodec

__all__ = ["AccessUnit", "AccessUnits", "LostUnits"]


class ConfiguredCodec(VideoCodec, PictureCodec, Protocol):
    """A codec whose parameter sets lie in its sample entry: ``AvcCodec`` or ``HevcCodec``."""

    @property
    def sample_entry_type(self) -> str:
        """Its four-character code."""
        ...


AnyCodec = TypeVar("AnyCodec", bound=ConfiguredCodec)
SetKey = tuple[int, int]
"""NAL type and identifier of a parameter set."""

MAX_WAITING = 64
"""Most NAL units that wait for a picture, and"""
MAX_WAITING_BYTES = 1 << 20
"""their most bytes; more is no access unit that was cut apart."""


class LostUnits(StrEnum):
    """Why NAL units went into no sample."""

    BROKEN_SET = "a parameter set cannot be read"
    WITHOUT_SETS = "no codec yet: parameter sets are missing"
    TOO_MANY_WAITING = "more units without a picture than can wait for one"
    WITHOUT_PICTURE = "a part of a picture whose base is missing"


@dataclass(frozen=True, slots=True)
class AccessUnit(Generic[AnyCodec]):
    """One access unit as a sample: ``data`` behind 4-byte NAL lengths, and whether decoding can start at it (``sync``).

    ``codec`` is the one that it needs; ``codec_changed`` says whether it differs from the one before (none, at first,
    unless one was given). ``recovery`` is 0 for a sync sample; where a gradual refresh begins, the frames that are
    decoded from there until pictures are right (recovery_frame_cnt, recovery_poc_cnt).
    """

    data: bytes
    sync: bool
    codec: AnyCodec
    codec_changed: bool
    recovery: int = 0


class AccessUnits(ABC, Generic[AnyCodec]):
    """What both standards share; ``kinds`` lists the types of parameter sets in the order of the sample entry."""

    family: NalFamily
    kinds: tuple[int, ...]
    sei: int

    def __init__(
        self, codec: AnyCodec | None = None, *, in_band: bool = False, gradual: bool = True, length_size: int = 0
    ) -> None:
        self.codec: AnyCodec | None = codec
        self.lost: Counter[str] = Counter()
        self._announced: AnyCodec | None = codec
        self._in_band = in_band if codec is None else codec.sample_entry_type == self.family.in_band
        self._gradual = gradual
        self._length_size = length_size
        self._sets: dict[SetKey, bytes] = {}
        self._news: set[SetKey] = set()
        self._waiting: list[bytes] = []
        if codec is not None:
            self._sets.update((self._key(nal), nal) for nal in self._sets_of(codec))

    def convert(self, access_unit: Buffer | Iterable[Buffer]) -> AccessUnit[AnyCodec] | None:
        """Turn one access unit (a byte stream, a sample of a file, or its NAL units) into a sample.

        Returns None where there is nothing to record yet: no slice in it, so that its units wait for the next picture,
        or no codec because parameter sets are missing; sets that it holds are remembered. Hand over NAL units where
        you have them: a byte stream falls apart in units that lack emulation prevention, as signed ones may. Raises
        ``BitstreamError`` for bytes that are not NAL units in the form expected.
        """
        kept: list[bytes] = []
        slices: list[bytes] = []
        seis: list[bytes] = []
        has_sets = False
        for unit in (*self._waiting, *self.split(access_unit)):
            kind = self._kind(unit)
            if kind in self.kinds:
                if not self._take(unit):
                    continue
                has_sets = True
                if not self._in_band:
                    continue
            elif kind == self.sei:
                seis.append(unit)
            elif self._is_slice(kind):
                slices.append(unit)
            kept.append(unit)
        if not slices:
            self._wait(kept)
            return None
        self._waiting = []
        sync, recovery = self._start(slices, seis)
        if self._news and (self.codec is None or sync or self._needs_news(slices[0])):
            self._renew()
        codec = self.codec
        if codec is None:
            self.lost[LostUnits.WITHOUT_SETS] += len(kept)
            return None
        self._put_delimiter_first(kept)
        if self._in_band and sync and not has_sets:
            first = int(self._kind(kept[0]) == self.family.delimiter)
            kept[first:first] = self._in_order()
        parts: list[bytes] = []
        for unit in kept:
            parts.append(len(unit).to_bytes(4, "big"))
            parts.append(unit)
        another = codec != self._announced
        self._announced = codec
        return AccessUnit(b"".join(parts), sync, codec, another, recovery)

    def finish(self) -> bytes:
        """Return what waits for a picture that will not come, behind 4-byte NAL lengths; nothing waits any more.

        At the end of a stream it belongs behind the data of its last sample: a signed stream ends in a signature.
        """
        waiting, self._waiting = self._waiting, []
        return b"".join([len(unit).to_bytes(4, "big") + unit for unit in waiting])

    def split(self, access_unit: Buffer | Iterable[Buffer]) -> list[bytes]:
        """Return the NAL units of an access unit, or of a part of one; raises as ``convert`` does."""
        if not isinstance(access_unit, bytes | bytearray | memoryview):
            return [bytes(unit) for unit in access_unit if len(unit)]
        data = bytes(access_unit)
        if self._length_size:
            try:
                return [data[start:end] for start, end in nal_ranges(data, self._length_size)]
            except BitstreamError:
                if not data.startswith((b"\0\0\1", b"\0\0\0\1")):
                    raise
        return split_annex_b(data)

    def _wait(self, units: list[bytes]) -> None:
        """Let units without a picture go in front of the next one, as many as can be of one that was cut apart."""
        waiting = [unit for unit in units if (kind := self._kind(unit)) >= 0 and kind not in self.family.vcl]
        if len(waiting) < len(units):
            self.lost[LostUnits.WITHOUT_PICTURE] += len(units) - len(waiting)
            units = waiting
        size = sum(map(len, units))
        while len(units) > MAX_WAITING or size > MAX_WAITING_BYTES:
            size -= len(units.pop(0))
            self.lost[LostUnits.TOO_MANY_WAITING] += 1
        self._waiting = units
        if self._news and self.codec is None:
            self._renew()

    def _put_delimiter_first(self, units: list[bytes]) -> None:
        """Let an access unit begin with its delimiter, of which it keeps the last: those before it came alone."""
        delimiters = [unit for unit in units if self._kind(unit) == self.family.delimiter]
        if delimiters:
            units[:] = [delimiters[-1], *(unit for unit in units if self._kind(unit) != self.family.delimiter)]

    def _take(self, nal: bytes) -> bool:
        """Remember a parameter set, and that it is news; False if it cannot be read."""
        if nal in self._sets.values():
            return True
        try:
            key = self._key(nal)
        except BitstreamError:
            self.lost[LostUnits.BROKEN_SET] += 1
            return False
        self._sets[key] = nal
        self._news.add(key)
        return True

    def _needs_news(self, nal: bytes) -> bool:
        """Whether a slice refers to a new picture parameter set, and needs no new one of another kind beside it.

        Those others count from where decoding starts: one that comes before is for what follows. H.264, 7.4.1.2.1.
        """
        news = self._news
        return all(kind == self.kinds[-1] for kind, _ in news) and (self.kinds[-1], self._pps_id(nal)) in news

    def _in_order(self, *kinds: int) -> list[bytes]:
        return [nal for wanted in kinds or self.kinds for (kind, _), nal in self._sets.items() if kind == wanted]

    def _renew(self) -> None:
        """Make the codec anew, if sets of all kinds are there and it comes out different."""
        sets = [self._in_order(kind) for kind in self.kinds]
        if not all(sets):
            return
        self._news.clear()
        try:
            made = self._make(sets)
        except MediaError:
            self.lost[LostUnits.BROKEN_SET] += 1
            return
        if self.codec is None or not (self._in_band and _without_sets(made) == _without_sets(self.codec)):
            self.codec = made

    def _start(self, slices: list[bytes], seis: list[bytes]) -> tuple[bool, int]:
        """Whether decoding can start at a picture, and the frames from there until pictures are right.

        It can at random access pictures, at an I picture with a recovery point that says so, and where a gradual
        refresh begins, unless that is refused. H.264, D.2.8; H.265, D.3.8.
        """
        if self._is_sync(self._kind(slices[0])):
            return True, 0
        count = self._recovery(seis) if seis else None
        if count is None:
            return False, 0
        if count > 0:
            return self._gradual, count if self._gradual else 0
        return all(map(self._is_intra, slices)), 0

    @abstractmethod
    def _kind(self, unit: bytes) -> int:
        """The NAL unit type; -1 for a unit of an enhancement layer, which is neither set nor slice here."""

    @abstractmethod
    def _is_slice(self, kind: int) -> bool: ...

    @abstractmethod
    def _is_sync(self, kind: int) -> bool: ...

    @abstractmethod
    def _is_intra(self, nal: bytes) -> bool: ...

    @abstractmethod
    def _recovery(self, seis: list[bytes]) -> int | None: ...

    @abstractmethod
    def _key(self, nal: bytes) -> SetKey: ...

    @abstractmethod
    def _pps_id(self, nal: bytes) -> int:
        """The picture parameter set of a slice; -1 where it cannot be read."""

    @abstractmethod
    def _sets_of(self, codec: AnyCodec) -> Iterable[bytes]: ...

    @abstractmethod
    def _make(self, sets: list[list[bytes]]) -> AnyCodec: ...


def _without_sets(codec: ConfiguredCodec) -> tuple[object, ...]:
    """What a stream with sets in band must not change: size, profile and level, shape of the pixels, colours."""
    kept: list[Box] = []
    for child in codec.sample_entry().children_of():
        if isinstance(child, AvcConfigurationBox):
            kept.append(replace(child, sequence_parameter_sets=(), picture_parameter_sets=(), sps_count=0))
        elif isinstance(child, HevcConfigurationBox):
            kept.append(replace(child, arrays=()))
        elif isinstance(child, ColourInformationBox | PixelAspectRatioBox):
            kept.append(child)
    return codec.width, codec.height, kept
