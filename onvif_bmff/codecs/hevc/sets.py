"""The pieces that H.265 parameter sets and slice headers share: ITU-T H.265 (ISO/IEC 23008-2), 7.3.3 to 7.3.7."""

from dataclasses import dataclass

from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal import MASKS, BitReader

__all__ = [
    "ProfileTierLevel",
    "ShortTermRefPicSet",
    "read_profile_tier_level",
    "read_short_term_ref_pic_set",
    "skip_hrd",
    "skip_scaling_lists",
    "skip_short_term_ref_pic_set",
]

MAX_PICTURES = 16
"""More reference pictures than the decoded picture buffer can hold never occur."""

# One picture of a set: its distance in picture order count, and whether the current picture may use it.
Entry = tuple[int, bool]


@dataclass(slots=True, frozen=True)
class ProfileTierLevel:
    """The general part of profile_tier_level(). H.265, 7.4.4."""

    profile_space: int
    tier: bool
    """True for the high tier."""
    profile_idc: int
    compatibility_flags: int
    """32 bits, flag 0 in the most significant one."""
    constraint_flags: int
    """48 bits that start with general_progressive_source_flag."""
    level_idc: int
    """30 times the level number."""


@dataclass(slots=True, frozen=True)
class ShortTermRefPicSet:
    """A short-term reference picture set: earlier and later pictures, nearest first. H.265, 7.4.8."""

    before: tuple[Entry, ...] = ()
    after: tuple[Entry, ...] = ()

    @property
    def used_before(self) -> int:
        """Number of earlier pictures that the current picture may refer to (NumPocStCurrBefore)."""
        return sum(used for _, used in self.before)

    @property
    def used_after(self) -> int:
        """Number of later pictures that the current picture may refer to (NumPocStCurrAfter)."""
        return sum(used for _, used in self.after)


def read_profile_tier_level(reader: BitReader, max_sub_layers: int) -> ProfileTierLevel:
    """Read profile_tier_level(1, max_sub_layers - 1). H.265, 7.3.3."""
    result = ProfileTierLevel(
        profile_space=reader.u(2),
        tier=reader.flag(),
        profile_idc=reader.u(5),
        compatibility_flags=reader.u(32),
        constraint_flags=reader.u(48),
        level_idc=reader.u(8),
    )
    if max_sub_layers > 1:
        present = [(reader.flag(), reader.flag()) for _ in range(max_sub_layers - 1)]
        reader.skip(2 * (9 - max_sub_layers))  # reserved_zero_2bits up to eight sub-layers
        for profile, level in present:
            reader.skip(88 * profile + 8 * level)
    return result


def skip_scaling_lists(reader: BitReader) -> None:
    """Skip scaling_list_data(). H.265, 7.3.4."""
    for size_id in range(4):
        for matrix_id in range(0, 6, 3 if size_id == 3 else 1):
            if not reader.flag():  # scaling_list_pred_mode_flag
                reader.ue(matrix_id, "scaling_list_pred_matrix_id_delta")
                continue
            if size_id > 1:
                reader.se(-7, 247, "scaling_list_dc_coef_minus8")
            for _ in range(16 if size_id == 0 else 64):
                reader.se(-128, 127, "scaling_list_delta_coef")


def read_short_term_ref_pic_set(
    reader: BitReader, known: list[ShortTermRefPicSet], *, in_slice: bool = False
) -> ShortTermRefPicSet:
    """Read st_ref_pic_set(len(known)); ``in_slice`` if it is in a slice header. H.265, 7.3.7 and 7.4.8."""
    if known and reader.flag():  # inter_ref_pic_set_prediction_flag
        back = 1 + reader.ue(len(known) - 1, "delta_idx_minus1") if in_slice else 1
        negative = reader.flag()
        delta = 1 + reader.ue(0x7FFF, "abs_delta_rps_minus1")
        return _predict(reader, known[-back], -delta if negative else delta)
    num_negative = reader.ue(MAX_PICTURES, "num_negative_pics")
    num_positive = reader.ue(MAX_PICTURES - num_negative, "num_positive_pics")
    return ShortTermRefPicSet(_read_entries(reader, num_negative, -1), _read_entries(reader, num_positive, 1))


def _read_entries(reader: BitReader, count: int, sign: int) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    distance = 0
    for _ in range(count):
        distance += sign * (1 + reader.ue(0x7FFF, "delta_poc_minus1"))
        entries.append((distance, reader.flag()))
    return tuple(entries)


def _predict(reader: BitReader, source: ShortTermRefPicSet, delta: int) -> ShortTermRefPicSet:
    """A set that is another one moved by ``delta``, with pictures left out. H.265, (7-61) and (7-62)."""
    kept: list[Entry] = []
    # In the order of the syntax: the source's earlier pictures, its later ones, its current picture.
    for distance in (*(d for d, _ in source.before), *(d for d, _ in source.after), 0):
        used = reader.flag()
        if used or reader.flag():  # used_by_curr_pic_flag, use_delta_flag
            kept.append((distance + delta, used))
    before = sorted((entry for entry in kept if entry[0] < 0), reverse=True)
    after = sorted(entry for entry in kept if entry[0] > 0)
    if len(before) + len(after) > MAX_PICTURES:
        raise BitstreamError("a reference picture set holds more than 16 pictures")
    return ShortTermRefPicSet(tuple(before), tuple(after))


def skip_hrd(reader: BitReader, max_sub_layers: int) -> None:
    """Skip hrd_parameters(1, max_sub_layers - 1). H.265, E.2.2."""
    nal, vcl, sub_pic = reader.flag(), reader.flag(), False
    if nal or vcl:
        sub_pic = reader.flag()
        if sub_pic:
            reader.skip(19)  # tick divisor and lengths
        reader.skip(8)  # bit_rate_scale, cpb_size_scale
        if sub_pic:
            reader.skip(4)  # cpb_size_du_scale
        reader.skip(15)  # lengths of delays
    for _ in range(max_sub_layers):
        low_delay, count = False, 1
        fixed_general = reader.flag()
        if fixed_general or reader.flag():  # fixed_pic_rate_general_flag, fixed_pic_rate_within_cvs_flag
            reader.ue(2047, "elemental_duration_in_tc_minus1")
        else:
            low_delay = reader.flag()
        if not low_delay:
            count = 1 + reader.ue(31, "cpb_cnt_minus1")
        for _ in range(count * (nal + vcl)):
            for _ in range(4 if sub_pic else 2):
                reader.ue()  # bit rates and buffer sizes
            reader.skip(1)  # cbr_flag


def skip_short_term_ref_pic_set(bits: int, left: int, sets: list[ShortTermRefPicSet]) -> tuple[int, int, int]:
    """Return the bits left behind st_ref_pic_set() of a slice, and how many earlier and later pictures it has in use.

    ``bits`` and ``left`` are as in `onvif_bmff.codecs.hevc.slice`, ``sets`` those of the SPS. H.265, 7.3.7.
    """
    used = [0, 0]
    if sets:
        left -= 1
        if bits >> left & 1:  # inter_ref_pic_set_prediction_flag
            rest = bits & MASKS[left]
            left = 2 * rest.bit_length() - left - 1
            back = rest >> left
            if back > len(sets):
                raise BitstreamError("delta_idx_minus1 points in front of the first reference picture set")
            left -= 1
            negative = bits >> left & 1
            rest = bits & MASKS[left]
            left = 2 * rest.bit_length() - left - 1
            delta = -(rest >> left) if negative else rest >> left
            source = sets[-back]
            for distance, _ in (*source.before, *source.after, (0, True)):
                left -= 1
                if not bits >> left & 1:  # used_by_curr_pic_flag
                    left -= 1  # use_delta_flag
                elif distance + delta:
                    used[distance + delta > 0] += 1
            return left, used[0], used[1]
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    num_before = (rest >> left) - 1
    rest = bits & MASKS[left]
    left = 2 * rest.bit_length() - left - 1
    num_after = (rest >> left) - 1
    if num_before + num_after > MAX_PICTURES:
        raise BitstreamError("a reference picture set holds more than 16 pictures")
    for later, count in enumerate((num_before, num_after)):
        for _ in range(count):
            left = 2 * (bits & MASKS[left]).bit_length() - left - 2
            used[later] += bits >> left & 1
    return left, used[0], used[1]
