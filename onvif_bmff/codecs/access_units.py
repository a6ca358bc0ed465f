"""From a camera's byte stream to samples: access units as an RTSP depacketiser delivers them.

An access unit comes in with start codes (Annex B of H.264 and H.265) and leaves behind 4-byte NAL lengths. SEI,
access unit delimiters and whatever else it holds stay; parameter sets are held against the codec in force:

* 'avc1' and 'hvc1' keep them in the sample entry, so they are taken out of the sample, and a set that differs
  gives a new codec with that access unit. A new codec is a new movie box, which ends all spans.
* 'avc3' and 'hev1' keep them in band. The codec changes only when something else in the sample entry would
  (profile, level, size, colours); a sync sample that comes without sets is given those in force.

ISO/IEC 14496-15, 5.3 and 8.3; RFC 6184; RFC 7798.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from onvif_bmff.bmff import (
    AvcConfigurationBox,
    Box,
    ColourInformationBox,
    HevcConfigurationBox,
    PixelAspectRatioBox,
)
from onvif_bmff.codecs.avc import syntax as avc_syntax
from onvif_bmff.codecs.avc.codec import AvcCodec
from onvif_bmff.codecs.hevc import syntax as hevc_syntax
from onvif_bmff.codecs.hevc.codec import HevcCodec
from onvif_bmff.codecs.hevc.pps import parse_hevc_pps
from onvif_bmff.media.nal import Buffer, split_annex_b
from onvif_bmff.media.nal_family import AVC, HEVC, NalFamily

__all__ = ["AccessUnit", "AvcAccessUnits", "HevcAccessUnits"]

AnyCodec = TypeVar("AnyCodec", AvcCodec, HevcCodec)
SetKey = tuple[int, int]
"""NAL type and identifier of a parameter set."""


@dataclass(frozen=True, slots=True)
class AccessUnit(Generic[AnyCodec]):
    """One access unit as a sample: ``data`` behind 4-byte NAL lengths, and whether it is a ``sync`` sample.

    ``codec`` is the one that it needs; ``codec_changed`` says whether it differs from the one before (none, at first,
    unless one was given).
    """

    data: bytes
    sync: bool
    codec: AnyCodec
    codec_changed: bool


class _AccessUnits(ABC, Generic[AnyCodec]):
    """What both standards share; ``kinds`` lists the types of parameter sets in the order of the sample entry."""

    family: NalFamily
    kinds: tuple[int, ...]

    def __init__(self, codec: AnyCodec | None = None, *, in_band: bool = False) -> None:
        self.codec: AnyCodec | None = codec
        self._announced: AnyCodec | None = codec
        self._in_band = in_band if codec is None else codec.sample_entry_type == self.family.in_band
        self._sets: dict[SetKey, bytes] = {}
        self._has_news = False
        if codec is not None:
            self._sets.update((self._key(nal), nal) for nal in self._sets_of(codec))

    def convert(self, access_unit: Buffer | Iterable[Buffer]) -> AccessUnit[AnyCodec] | None:
        """Turn one access unit (a byte stream, or its NAL units) into a sample.

        Returns None where there is nothing to record: no slice in it, or no codec yet because parameter sets are
        missing; sets that it holds are remembered. Raises ``BitstreamError`` for what is no byte stream and for
        parameter sets that cannot be read.
        """
        if isinstance(access_unit, bytes | bytearray):
            units: list[bytes] = split_annex_b(access_unit)
        elif isinstance(access_unit, memoryview):
            units = split_annex_b(access_unit.tobytes())
        else:
            units = [bytes(unit) for unit in access_unit if len(unit)]
        has_slice = sync = has_sets = False
        kept: list[bytes] = []
        for unit in units:
            kind = self._kind(unit)
            if kind in self.kinds:
                has_sets = True
                self._take(unit)
                if not self._in_band:
                    continue
            elif not has_slice and self._is_slice(kind):
                has_slice, sync = True, self._is_sync(kind)
            kept.append(unit)
        if self._has_news:
            self._has_news = False
            self._renew()
        codec = self.codec
        if codec is None or not has_slice:
            return None
        if self._in_band and sync and not has_sets:
            first = int(self._kind(kept[0]) == self.family.delimiter)
            kept[first:first] = self._in_order()
        parts: list[bytes] = []
        for unit in kept:
            parts.append(len(unit).to_bytes(4, "big"))
            parts.append(unit)
        another = codec != self._announced
        self._announced = codec
        return AccessUnit(b"".join(parts), sync, codec, another)

    def _take(self, nal: bytes) -> None:
        """Remember a parameter set; news wait for the next renewal, even if a set behind it cannot be read."""
        if nal not in self._sets.values():
            self._sets[self._key(nal)] = nal
            self._has_news = True

    def _in_order(self, *kinds: int) -> list[bytes]:
        return [nal for wanted in kinds or self.kinds for (kind, _), nal in self._sets.items() if kind == wanted]

    def _renew(self) -> None:
        """Make the codec anew, if sets of all kinds are there and it comes out different."""
        sets = [self._in_order(kind) for kind in self.kinds]
        if all(sets):
            made = self._make(sets)
            if self.codec is None or not (self._in_band and _without_sets(made) == _without_sets(self.codec)):
                self.codec = made

    @abstractmethod
    def _kind(self, unit: bytes) -> int:
        """The NAL unit type; -1 for a unit of an enhancement layer, which is neither set nor slice here."""

    @abstractmethod
    def _is_slice(self, kind: int) -> bool: ...

    @abstractmethod
    def _is_sync(self, kind: int) -> bool: ...

    @abstractmethod
    def _key(self, nal: bytes) -> SetKey: ...

    @abstractmethod
    def _sets_of(self, codec: AnyCodec) -> Iterable[bytes]: ...

    @abstractmethod
    def _make(self, sets: list[list[bytes]]) -> AnyCodec: ...


class AvcAccessUnits(_AccessUnits[AvcCodec]):
    """Converts H.264 access units; ``codec`` if it is known beforehand (from SDP), else the stream must bring it.

    ``in_band`` asks for 'avc3' where no codec is given. Sync samples are IDR pictures only: a recovery point in
    an open GOP is none. The codec in force is ``codec``.
    """

    family = AVC
    kinds = (avc_syntax.NAL_SPS, avc_syntax.NAL_PPS)

    def _kind(self, unit: bytes) -> int:
        return AVC.types[unit[0]]

    def _is_slice(self, kind: int) -> bool:
        return avc_syntax.avc_is_vcl(kind)

    def _is_sync(self, kind: int) -> bool:
        return avc_syntax.avc_is_idr(kind)

    def _key(self, nal: bytes) -> SetKey:
        if AVC.types[nal[0]] == avc_syntax.NAL_SPS:
            return avc_syntax.NAL_SPS, avc_syntax.parse_avc_sps(nal).sps_id
        return avc_syntax.NAL_PPS, avc_syntax.avc_pps_ids(nal)[0]

    def _sets_of(self, codec: AvcCodec) -> Iterable[bytes]:
        return codec.sps + codec.pps

    def _make(self, sets: list[list[bytes]]) -> AvcCodec:
        kind = AVC.in_band if self._in_band else AVC.with_sets
        return AvcCodec.from_parameter_sets(sets[0], sets[1], sample_entry_type=kind)


class HevcAccessUnits(_AccessUnits[HevcCodec]):
    """Converts H.265 access units; ``codec`` if it is known beforehand (from SDP), else the stream must bring it.

    ``in_band`` asks for 'hev1' where no codec is given. Sync samples are IDR, CRA and BLA pictures. The codec in
    force is ``codec``.
    """

    family = HEVC
    kinds = (hevc_syntax.NAL_VPS, hevc_syntax.NAL_SPS, hevc_syntax.NAL_PPS)

    def _kind(self, unit: bytes) -> int:
        kind = hevc_syntax.hevc_nal_type(unit)
        return -1 if hevc_syntax.hevc_layer_id(unit) else kind

    def _is_slice(self, kind: int) -> bool:
        return kind >= 0 and hevc_syntax.hevc_is_vcl(kind)

    def _is_sync(self, kind: int) -> bool:
        return hevc_syntax.hevc_is_irap(kind)

    def _key(self, nal: bytes) -> SetKey:
        kind = hevc_syntax.hevc_nal_type(nal)
        if kind == hevc_syntax.NAL_VPS:
            return kind, hevc_syntax.parse_hevc_vps(nal).vps_id
        if kind == hevc_syntax.NAL_SPS:
            return kind, hevc_syntax.parse_hevc_sps(nal).sps_id
        return kind, parse_hevc_pps(nal).pps_id

    def _sets_of(self, codec: HevcCodec) -> Iterable[bytes]:
        return codec.vps + codec.sps + codec.pps

    def _make(self, sets: list[list[bytes]]) -> HevcCodec:
        kind = HEVC.in_band if self._in_band else HEVC.with_sets
        return HevcCodec.from_parameter_sets(sets[0], sets[1], sets[2], sample_entry_type=kind)


def _without_sets(codec: AvcCodec | HevcCodec) -> tuple[object, ...]:
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
