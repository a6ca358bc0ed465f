"""Which picture an H.264 slice belongs to, and where that is shown: ITU-T H.264, 7.3.3, 7.4.1.2.4 and 8.2.1."""

from collections.abc import Iterable

from onvif_bmff.codecs.avc.syntax import (
    NAL_IDR,
    NAL_PPS,
    NAL_SEI,
    NAL_SLICE,
    NAL_SPS,
    AvcPps,
    AvcSps,
    parse_avc_pps,
    parse_avc_sps,
)
from onvif_bmff.codecs.known_sets import KnownSets
from onvif_bmff.codecs.nal_video import is_random_access, readable_units, roll_distance
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import BitReader, Buffer, remove_emulation_prevention
from onvif_bmff.media.nal_family import AVC
from onvif_bmff.media.picture_order import MAX_REORDER, PictureHeader, deepest, order_count
from onvif_bmff.media.sei import RECOVERY_POINT, sei_reader

__all__ = ["AvcPictureHeaders", "avc_recovery_frame_count", "avc_roll_distance"]

_HEAD = 64
"""Bytes that hold all that is read of a slice header: some twelve codes of at most 65 bits, escaped."""
_INTRA = (2, 4, 7, 9)
"""slice_type of I and SI slices."""
_CONSTRAINT_SET3 = 0x10
_INTRA_PROFILES = frozenset((44, 86, 100, 110, 122, 244))
"""Profiles in which constraint_set3_flag says that all pictures are IDR pictures. H.264, E.2.1."""
_BASELINE = 66


class AvcPictureHeaders:
    """Reads the picture headers of one H.264 stream in decoding order (``media.picture_order.PictureHeaders``).

    ``sets`` are parameter sets that are known beforehand; those in band go to ``update``, with the other units between
    slices, and count from the picture that needs them (`KnownSets`). The picture order count is known for
    pic_order_cnt_type 0, and follows the decoding order for type 2. Operations that reset it in the midst of a sequence
    (memory_management_control_operation 5) are not looked at.
    """

    __slots__ = ("_before", "_decoded", "_last", "_recovers", "_sets")

    def __init__(self, sets: Iterable[Buffer] = ()) -> None:
        self._sets = KnownSets[AvcSps, AvcPps]()
        self._recovers = False  # a recovery point came before the next slice, beside sets that wait
        self._last: PictureHeader | None = None
        self._before = self._decoded = 0
        for nal in sets:
            self.update(nal)

    @property
    def reorder_depth(self) -> int | None:
        """As the sequence parameter sets say, or imply by their profile or pic_order_cnt_type; None if one does not."""
        return deepest(_depth(sps) for sps in self._sets.sps.values())

    def update(self, nal: Buffer) -> None:
        """Take a NAL unit that may be a parameter set; what cannot be read is passed over."""
        kind = AVC.types[nal[0]] if len(nal) else -1
        try:
            if kind == NAL_SPS:
                sps = parse_avc_sps(nal)
                self._sets.put_sps(sps.sps_id, sps)
            elif kind == NAL_PPS:
                pps = parse_avc_pps(nal)
                self._sets.put_pps(pps.pps_id, pps)
            elif kind == NAL_SEI and self._sets.waits:
                self._recovers = self._recovers or avc_recovery_frame_count([bytes(nal)]) is not None
        except BitstreamError:
            return

    def read(self, nal: Buffer) -> PictureHeader:
        """Read the header of a slice of type 1, 2 or 5; ``BitstreamError`` where that cannot be done."""
        reader = BitReader(remove_emulation_prevention(nal[:_HEAD]))
        head = reader.u(8)
        kind, reference = AVC.types[head], bool(head & 0x60)
        if head & 0x80 or kind not in (NAL_SLICE, 2, NAL_IDR):
            raise BitstreamError("not the beginning of a slice")
        if self._sets.waits:
            self._sets.settle(starts=kind == NAL_IDR or self._recovers)
            self._recovers = False
        first = not reader.ue(name="first_mb_in_slice")
        intra = reader.ue(9, "slice_type") in _INTRA
        pps_id = reader.ue(255, "pic_parameter_set_id")
        pps = self._sets.pps.get(pps_id)
        sps = self._sets.sps.get(pps.sps_id) if pps is not None else None
        if pps is None or sps is None:
            raise BitstreamError(f"a slice refers to picture parameter set {pps_id}, which is not known")
        if sps.separate_colour_planes:
            reader.skip(2)
        frame_num = reader.u(sps.log2_max_frame_num)
        field = bottom = 0
        if not sps.frame_mbs_only:
            field = reader.u(1)
            bottom = reader.u(1) if field else 0
        idr = kind == NAL_IDR
        idr_pic_id = reader.ue(0xFFFF, "idr_pic_id") if idr else -1
        lsb = delta = delta_1 = 0
        deltas = pps.bottom_field_pic_order_in_frame_present and not field
        if sps.pic_order_cnt_type == 0:
            lsb = reader.u(sps.log2_max_pic_order_cnt_lsb)
            delta = reader.se() if deltas else 0
        elif sps.pic_order_cnt_type == 1 and not sps.delta_pic_order_always_zero:
            delta = reader.se()
            delta_1 = reader.se() if deltas else 0
        identity = (pps_id, frame_num, field, bottom, reference, idr, idr_pic_id, lsb, delta, delta_1)
        last = self._last
        if last is not None and identity == last.identity and not (first and last.first and idr):
            return PictureHeader(identity, first, intra, reference, last.restarts, last.order, last.field)
        order = self._order(sps, lsb, min(delta, 0), idr=idr, reference=reference)
        restarts = idr and not (field and last is not None and last.field == (frame_num, 1 - bottom) and last.restarts)
        self._last = PictureHeader(
            identity, first, intra, reference, restarts, order, (frame_num, bottom) if field else None
        )
        return self._last

    def _order(self, sps: AvcSps, lsb: int, delta: int, *, idr: bool, reference: bool) -> int | None:
        """PicOrderCnt of a new picture. H.264, 8.2.1."""
        self._decoded += 1
        if sps.pic_order_cnt_type == 2:
            return self._decoded
        if sps.pic_order_cnt_type == 1:
            return None
        count = order_count(lsb, sps.log2_max_pic_order_cnt_lsb, 0 if idr else self._before)
        if reference:
            self._before = count
        return count + delta


def _depth(sps: AvcSps) -> int | None:
    if sps.pic_order_cnt_type == 2 or sps.profile_idc == _BASELINE:
        return 0
    if sps.max_num_reorder_frames is not None:
        return min(sps.max_num_reorder_frames, MAX_REORDER)
    return 0 if sps.profile_idc in _INTRA_PROFILES and sps.constraint_flags & _CONSTRAINT_SET3 else None


def avc_recovery_frame_count(nals: list[bytes]) -> int | None:
    """Return recovery_frame_cnt of the first recovery point in SEI units; None where there is none. H.264, D.1.8."""
    reader = sei_reader(nals, AVC.header_size, RECOVERY_POINT)
    try:
        return reader.ue(0xFFFF, "recovery_frame_cnt") if reader is not None else None
    except BitstreamError:
        return None


def avc_roll_distance(samples: Iterable[Buffer]) -> int | None:
    """Return what ``RandomAccessCodec.roll_distance`` says, of samples with NAL lengths of 4 bytes. H.264, D.2.8.

    recovery_frame_cnt counts reference frames. A picture that is no IDR picture and has no recovery point counts as
    sync if its first slice is an I slice, or cannot be read: the source says that it is.
    """
    rest = iter(samples)
    first = next(rest)
    if is_random_access(first, AVC):
        return 0
    seis: list[bytes] = []
    for nal in readable_units(first):
        kind = AVC.types[nal[0]]
        if kind == NAL_SEI:
            seis.append(bytes(nal))
        elif kind in (NAL_SLICE, 2):
            count = avc_recovery_frame_count(seis) if seis else None
            if count:
                return roll_distance(count - bool(nal[0] & 0x60), map(_is_reference, rest)) + 1
            return 0 if _may_be_intra(nal) else None
    return 0


def _may_be_intra(nal: Buffer) -> bool:
    reader = BitReader(remove_emulation_prevention(nal[:_HEAD]), 8)
    try:
        reader.ue(name="first_mb_in_slice")
        return reader.ue(9, "slice_type") in _INTRA
    except BitstreamError:
        return True


def _is_reference(sample: Buffer) -> bool:
    return any(nal[0] & 0x60 for nal in readable_units(sample) if AVC.types[nal[0]] in AVC.slices)
