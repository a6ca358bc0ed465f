"""Which picture an H.265 slice segment belongs to, and where it is shown: ITU-T H.265, 7.3.6.1, 7.4.2.4.5 and 8.3.1."""

from collections.abc import Iterable

from onvif_bmff.codecs.hevc.layout import HevcSliceLayout, hevc_slice_layout
from onvif_bmff.codecs.hevc.pps import HevcPps, parse_hevc_pps
from onvif_bmff.codecs.hevc.syntax import (
    IDR_PICTURES,
    NAL_BLA_W_LP,
    NAL_CRA,
    NAL_PPS,
    NAL_PREFIX_SEI,
    NAL_SPS,
    SLICE_SEGMENTS,
    HevcSps,
    hevc_layer_id,
    hevc_nal_type,
    parse_hevc_sps,
)
from onvif_bmff.codecs.known_sets import KnownSets
from onvif_bmff.codecs.nal_video import is_random_access, readable_units
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, Buffer, remove_emulation_prevention
from onvif_bmff.media.nal_family import HEVC
from onvif_bmff.media.picture_order import PictureHeader, deepest, order_count
from onvif_bmff.media.sei import RECOVERY_POINT, sei_reader

__all__ = ["HevcPictureHeaders", "hevc_recovery_order_count", "hevc_roll_distance"]

_HEAD = 48
"""Bytes that hold all that is read of a slice segment header."""
_INTRA = 2
_RADL_N, _RASL_R = 6, 9
_LAST_SUB_LAYER = 15
"""Below and up to it, even types are sub-layer non-reference pictures. H.265, table 7-1."""
_END_OF_SEQUENCE = (36, 37)


class HevcPictureHeaders:
    """Reads the picture headers of one H.265 stream in decoding order (``media.picture_order.PictureHeaders``).

    ``sets`` are parameter sets that are known beforehand; those in band, and ends of sequences, go to ``update``, with
    the other units between slices, and count from the picture that needs them (`KnownSets`).
    """

    __slots__ = ("_before", "_fresh", "_last", "_layouts", "_recovers", "_sets")

    def __init__(self, sets: Iterable[Buffer] = ()) -> None:
        self._sets = KnownSets[HevcSps, HevcPps]()
        self._recovers = False  # a recovery point came before the next slice, beside sets that wait
        self._layouts: dict[int, HevcSliceLayout] = {}
        self._last: PictureHeader | None = None
        self._before = 0
        self._fresh = True  # the next random access picture begins a coded video sequence
        for nal in sets:
            self.update(nal)

    @property
    def reorder_depth(self) -> int | None:
        """As the sequence parameter sets say; None before the first."""
        return deepest(sps.max_num_reorder_pics for sps in self._sets.sps.values())

    def update(self, nal: Buffer) -> None:
        """Take a NAL unit that may be a parameter set or an end; what cannot be read is passed over."""
        try:
            kind = hevc_nal_type(nal)
            if kind in _END_OF_SEQUENCE:
                self._fresh = True
            elif hevc_layer_id(nal):
                return
            elif kind == NAL_SPS:
                sps = parse_hevc_sps(nal)
                self._sets.put_sps(sps.sps_id, sps)
            elif kind == NAL_PPS:
                pps = parse_hevc_pps(nal)
                self._sets.put_pps(pps.pps_id, pps)
            elif kind == NAL_PREFIX_SEI and self._sets.waits:
                self._recovers = self._recovers or hevc_recovery_order_count([bytes(nal)]) is not None
        except BitstreamError:
            return

    def read(self, nal: Buffer) -> PictureHeader:
        """Read the header of a slice segment of the base layer; ``BitstreamError`` where that cannot be done."""
        kind = hevc_nal_type(nal)
        if kind not in SLICE_SEGMENTS or nal[0] & 0x80 or hevc_layer_id(nal):
            raise BitstreamError("not a slice segment of the base layer")
        if self._sets.waits:
            if self._sets.settle(starts=kind >= NAL_BLA_W_LP or self._recovers):
                self._layouts.clear()
            self._recovers = False
        temporal_id = (nal[1] & 7) - 1
        reader = BitReader(remove_emulation_prevention(nal[:_HEAD]), 16)
        first = reader.flag()
        if kind >= NAL_BLA_W_LP:
            reader.skip(1)  # no_output_of_prior_pics_flag
        pps_id = reader.ue(63, "slice_pic_parameter_set_id")
        layout = self._layout(pps_id)
        dependent = False
        if not first:
            dependent = layout.dependent_slices and reader.flag()
            reader.skip(layout.address_bits)
        last = self._last
        if dependent:
            if last is None:
                raise BitstreamError("a dependent slice segment without the slice that it belongs to")
            return PictureHeader(last.identity, first, last.intra, last.reference, last.restarts, last.order)
        reader.skip(layout.extra_bits)
        intra = reader.ue(_INTRA, "slice_type") == _INTRA
        reader.skip(layout.bits_after_type)
        lsb = 0 if kind in IDR_PICTURES else reader.u(layout.poc_lsb_bits)
        identity = (kind, pps_id, temporal_id, lsb)
        if last is not None and identity == last.identity and not first:
            return PictureHeader(identity, first, intra, last.reference, last.restarts, last.order)
        irap = kind >= NAL_BLA_W_LP
        restarts = irap and (kind < NAL_CRA or self._fresh)
        order = lsb if restarts else order_count(lsb, layout.poc_lsb_bits, self._before)
        self._fresh = self._fresh and not irap
        below = kind <= _LAST_SUB_LAYER
        reference = not below or bool(kind & 1)
        if not temporal_id and reference and not (below and _RADL_N <= kind <= _RASL_R):
            self._before = order
        self._last = PictureHeader(identity, first, intra, reference, restarts, order)
        return self._last

    def _layout(self, pps_id: int) -> HevcSliceLayout:
        layout = self._layouts.get(pps_id)
        if layout is None:
            pps = self._sets.pps.get(pps_id)
            sps = self._sets.sps.get(pps.sps_id) if pps is not None else None
            if pps is None or sps is None:
                raise BitstreamError(f"a slice refers to picture parameter set {pps_id}, which is not known")
            layout = self._layouts[pps_id] = hevc_slice_layout(sps, pps)
        return layout


def hevc_recovery_order_count(nals: list[bytes]) -> int | None:
    """Return recovery_poc_cnt of the first recovery point in SEI units; None where there is none. H.265, D.2.8."""
    reader = sei_reader(nals, HEVC.header_size, RECOVERY_POINT)
    try:
        return reader.se(-(1 << 15), (1 << 15) - 1, "recovery_poc_cnt") if reader is not None else None
    except BitstreamError:
        return None


def hevc_roll_distance(samples: Iterable[Buffer], sets: Iterable[Buffer]) -> int | None:
    """Return what ``RandomAccessCodec.roll_distance`` says, of samples with NAL lengths of 4 bytes. H.265, D.3.8.

    recovery_poc_cnt counts in the order in which pictures are shown. A picture that is no random access picture and has
    no recovery point counts as sync if its first slice is an I slice, or cannot be read: the source says that it is.
    """
    rest = iter(samples)
    first = next(rest)
    if is_random_access(first, HEVC):
        return 0
    seis: list[bytes] = []
    for nal in readable_units(first):
        kind = HEVC.types[nal[0]]
        if len(nal) < 3 or hevc_layer_id(nal):
            continue
        if kind == NAL_PREFIX_SEI:
            seis.append(bytes(nal))
        elif kind in SLICE_SEGMENTS:
            count = hevc_recovery_order_count(seis) if seis else None
            headers = HevcPictureHeaders(sets)
            header = _picture(headers, first)
            if count is not None and count > 0:
                return _until(count, header, headers, rest)
            return 0 if header is None or header.intra else None
    return 0


def _until(count: int, start: PictureHeader | None, headers: HevcPictureHeaders, rest: Iterable[Buffer]) -> int:
    """How many samples behind its start the first picture is that is shown ``count`` pictures later, or after that."""
    number, order = 0, 0
    for number, sample in enumerate(rest, 1):
        header = _picture(headers, sample)
        if start is not None and header is not None and header.order is not None and start.order is not None:
            order = header.order - start.order
            if order >= count:
                return number
    return number + max(count - order, 1)


def _picture(headers: HevcPictureHeaders, sample: Buffer) -> PictureHeader | None:
    for nal in readable_units(sample):
        if HEVC.types[nal[0]] in SLICE_SEGMENTS:
            try:
                return headers.read(nal)
            except BitstreamError:
                return None
        headers.update(nal)
    return None
