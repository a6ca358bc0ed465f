"""H.264 parameter sets and slices made of random choices, with every option that slice headers know."""

from fractions import Fraction
from types import SimpleNamespace

from support_bits import BitWriter, Case, Dice, escape, write_vui_start

HIGH = (100, 110, 122, 244, 44)


def make_avc(seed, *, multiview=False, slices=4):
    dice = Dice(seed)
    sps, facts = _write_sps(dice, 15 if multiview else 7)
    pps_nal = _write_pps(dice, sps)
    case = Case(facts.pop("nal"), pps_nal, facts)
    for _ in range(slices):
        case.slices.append(_write_slice(dice, sps, multiview))
    return case


def _scaling_lists(out, dice, count):
    for index in range(count):
        if not out.flag(dice.flag()):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following == 0:
                continue
            delta = dice.number(-8, 8) if dice.flag(0.8) else (-last if last <= 128 else 256 - last)
            out.se(delta)
            following = (last + delta + 256) % 256
            last = following or last


def _hrd(out, dice):
    count = dice.choice((1, 2, 32))
    out.ue(count - 1)
    out.u(8, 0x31)
    for _ in range(count):
        out.ue(dice.number(0, 1 << 20))
        out.ue(dice.number(0, 1 << 20))
        out.flag(1)
    out.u(20, 0x12345)


def _write_sps(dice, nal_type):
    out = BitWriter()
    s = SimpleNamespace()
    out.u(8, 0x60 | nal_type)
    profile = out.u(8, dice.choice((66, 77, 88, *HIGH)))
    constraints = out.u(8, dice.choice((0, 0x40, 0xC0)))
    level = out.u(8, dice.choice((10, 31, 51)))
    sps_id = out.ue(dice.number(0, 31))
    chroma_format, separate, luma, chroma = 1, False, 8, 8
    if profile in HIGH:
        chroma_format = out.ue(dice.number(0, 3))
        if chroma_format == 3:
            separate = out.flag(dice.flag())
        luma, chroma = 8 + out.ue(dice.number(0, 6)), 8 + out.ue(dice.number(0, 6))
        out.flag(0)
        if out.flag(dice.flag(0.2)):
            _scaling_lists(out, dice, 12 if chroma_format == 3 else 8)
    s.frame_num_bits = 4 + out.ue(dice.number(0, 12))
    s.poc_type = out.ue(dice.number(0, 2))
    s.always_zero = True
    if s.poc_type == 0:
        s.lsb_bits = 4 + out.ue(dice.number(0, 12))
    elif s.poc_type == 1:
        s.always_zero = out.flag(dice.flag())
        out.se(dice.number(-9, 9))
        out.se(dice.number(-9, 9))
        for _ in range(out.ue(dice.number(0, 255))):
            out.se(dice.number(-99999, 99999))
    s.most_refs = out.ue(dice.number(1, 16))
    out.flag(0)
    width, height = dice.number(1, 40), dice.number(1, 30)
    out.ue(width - 1)
    out.ue(height - 1)
    s.frame_mbs_only = out.flag(dice.flag())
    if not s.frame_mbs_only:
        out.flag(dice.flag())
    out.flag(1)
    crop = [0, 0, 0, 0]
    if out.flag(dice.flag()):
        crop = [out.ue(dice.number(0, 3)) for _ in range(4)]
    unit_x = 2 if chroma_format in (1, 2) and not separate else 1
    unit_y = (2 if chroma_format == 1 and not separate else 1) * (1 if s.frame_mbs_only else 2)
    facts = {
        "profile_idc": profile,
        "constraint_flags": constraints,
        "level_idc": level,
        "sps_id": sps_id,
        "chroma_format_idc": chroma_format,
        "bit_depth_luma": luma,
        "bit_depth_chroma": chroma,
        "frame_mbs_only": s.frame_mbs_only,
        "width": width * 16 - unit_x * (crop[0] + crop[1]),
        "height": height * (16 if s.frame_mbs_only else 32) - unit_y * (crop[2] + crop[3]),
        "frame_rate": None,
        "sample_aspect_ratio": (1, 1),
        "colour": None,
    }
    if out.flag(dice.flag()):
        facts |= write_vui_start(out, dice)
        if out.flag(dice.flag()):
            ticks, scale = out.u(32, dice.choice((1, 1001, 1 << 31))), out.u(32, dice.choice((50, 60000)))
            out.flag(1)
            facts["frame_rate"] = Fraction(scale, 2 * ticks)
        nal_hrd = out.flag(dice.flag(0.3))
        if nal_hrd:
            _hrd(out, dice)
        vcl_hrd = out.flag(dice.flag(0.3))
        if vcl_hrd:
            _hrd(out, dice)
        if nal_hrd or vcl_hrd:
            out.flag(0)
        out.flag(0)
        if out.flag(dice.flag()):
            out.flag(1)
            for value in (2, 1, 9, 9, 2, 4):
                out.ue(value)
    if nal_type == 15:
        out.flag(1)  # bit_equal_to_one of the multiview extension; nobody reads beyond it
    out.trailing()
    facts["nal"] = escape(out.bytes())[0]
    s.sps_id, s.map_units, s.size = sps_id, width * height, width * height * (1 if s.frame_mbs_only else 2)
    s.separate, s.chroma_array, s.chroma_format = separate, 0 if separate else chroma_format, chroma_format
    s.width = width
    return s, facts


def _write_pps(dice, s):
    out = BitWriter()
    out.u(8, 0x68)
    s.pps_id = out.ue(dice.number(0, 255))
    out.ue(s.sps_id)
    s.cabac = out.flag(dice.flag())
    s.bottom = out.flag(dice.flag())
    s.cycle_rate = 0
    groups = dice.choice((1, 1, 2, 3, 8)) if s.map_units > 16 else 1
    out.ue(groups - 1)
    if groups > 1:
        kind = out.ue(dice.number(0, 6) if groups == 2 else dice.choice((0, 1, 2, 6)))
        if kind == 0:
            for _ in range(groups):
                out.ue(dice.number(0, s.map_units - 1))
        elif kind == 2:
            for _ in range(groups - 1):
                out.ue(0)
                out.ue(dice.number(0, s.map_units - 1))
        elif kind in (3, 4, 5):
            out.flag(dice.flag())
            s.cycle_rate = 1 + out.ue(dice.number(0, s.map_units - 1))
        elif kind == 6:
            out.ue(s.map_units - 1)
            width = {2: 1, 3: 2, 8: 3}[groups]
            for _ in range(s.map_units):
                out.u(width, dice.number(0, groups - 1))
    s.refs = out.ue(dice.number(0, 31)) + 1, out.ue(dice.number(0, 31)) + 1
    s.weighted = out.flag(dice.flag())
    s.bipred = out.u(2, dice.number(0, 2))
    out.se(dice.number(-26, 25))
    out.se(dice.number(-26, 25))
    out.se(dice.number(-12, 12))
    s.deblocking = out.flag(dice.flag())
    out.flag(0)
    s.redundant = out.flag(dice.flag())
    if dice.flag():
        eight = out.flag(dice.flag())
        if out.flag(dice.flag(0.2)):
            _scaling_lists(out, dice, 6 + (6 if s.chroma_format == 3 else 2) * eight)
        out.se(dice.number(-12, 12))
    out.trailing()
    return escape(out.bytes())[0]


def _write_slice(dice, s, multiview):
    out = BitWriter()
    idr = dice.flag(0.3)
    ref_idc = dice.number(1, 3) if idr or dice.flag() else 0
    out.u(1, 0)
    out.u(2, ref_idc)
    if multiview:
        out.u(5, 20)
        out.flag(0)
        out.flag(not idr)
        out.u(6, 0)
        out.u(10, dice.number(0, 1023))
        out.u(6, 1)
    else:
        out.u(5, 5 if idr else 1)
    out.ue(dice.number(0, s.size - 1))
    kind = dice.number(0, 4) if not idr else dice.choice((2, 4))
    out.ue(kind + dice.choice((0, 5)))
    out.ue(s.pps_id)
    if s.separate:
        out.u(2, dice.number(0, 2))
    out.u(s.frame_num_bits, 0 if idr else dice.number(0, (1 << s.frame_num_bits) - 1))
    field = False
    if not s.frame_mbs_only:
        field = out.flag(dice.flag())
        if field:
            out.flag(dice.flag())
    if idr:
        out.ue(dice.number(0, 65535))
    if s.poc_type == 0:
        out.u(s.lsb_bits, dice.number(0, (1 << s.lsb_bits) - 1))
        if s.bottom and not field:
            out.se(dice.number(-999999, 999999))
    if s.poc_type == 1 and not s.always_zero:
        out.se(dice.number(-999999, 999999))
        if s.bottom and not field:
            out.se(dice.number(-999999, 999999))
    if s.redundant:
        out.ue(dice.number(0, 127))
    letter = "PBI"[kind] if kind < 3 else ("SP", "SI")[kind - 3]
    lists = {"P": 1, "SP": 1, "B": 2}.get(letter, 0)
    if letter == "B":
        out.flag(dice.flag())
    active = list(s.refs[:lists])
    if lists and out.flag(dice.flag()):
        active = [1 + out.ue(dice.number(0, 31)) for _ in range(lists)]
    for index in range(lists):
        if out.flag(dice.flag(0.3)):
            for _ in range(dice.number(0, active[index])):
                operation = out.ue(dice.choice((0, 1, 2, 4, 5) if multiview else (0, 1, 2)))
                out.ue(dice.number(0, s.most_refs - 1 if operation == 2 else 15))
            out.ue(3)
    if (s.weighted and letter in ("P", "SP")) or (s.bipred == 1 and letter == "B"):
        out.ue(dice.number(0, 7))
        if s.chroma_array:
            out.ue(dice.number(0, 7))
        for count in active:
            for _ in range(count):
                if out.flag(dice.flag()):
                    out.se(dice.number(-128, 127))
                    out.se(dice.number(-128, 127))
                if s.chroma_array and out.flag(dice.flag()):
                    for _ in range(4):
                        out.se(dice.number(-128, 127))
    if ref_idc:
        if idr:
            out.flag(dice.flag())
            out.flag(dice.flag())
        elif out.flag(dice.flag()):
            for _ in range(dice.number(0, 6)):
                command = out.ue(dice.number(1, 6))
                if command in (1, 3):
                    out.ue(dice.number(0, 15))  # difference_of_pic_nums_minus1
                if command in (2, 3, 4, 6):
                    out.ue(dice.number(0, s.most_refs - 1))  # long-term picture or index
            out.ue(0)
    if s.cabac and lists:
        out.ue(dice.number(0, 2))
    out.se(dice.number(-26, 25))
    if letter in ("SP", "SI"):
        if letter == "SP":
            out.flag(dice.flag())
        out.se(dice.number(-26, 25))
    if s.deblocking and out.ue(dice.number(0, 2)) != 1:
        out.se(dice.number(-6, 6))
        out.se(dice.number(-6, 6))
    if s.cycle_rate:
        most = -(-s.map_units // s.cycle_rate)
        width = 0
        while 1 << width < most + 1:
            width += 1
        out.u(width, dice.number(0, most))
    header_bits = len(out.bits)
    while len(out.bits) % 8:
        out.bits.append(1 if s.cabac else int(dice.flag()))
    nal, offset = escape(out.bytes() + dice.payload(), (header_bits + 7) // 8)
    return nal, offset, letter
