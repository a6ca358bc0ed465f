"""H.265 parameter sets made of random choices, with every option that slice headers depend on."""

from fractions import Fraction

from support_bits import BitWriter, escape, write_vui_start


def bits_for(count):
    """Ceil(Log2(count))."""
    width = 0
    while 1 << width < count:
        width += 1
    return width


def nal_header(out, kind):
    out.u(1, 0)
    out.u(6, kind)
    out.u(6, 0)
    out.u(3, 1)


def _profile_tier_level(out, s):
    out.u(8, 0x21)
    out.u(32, 0x60000000)
    out.u(48, 0x900000000000)
    out.u(8, 93)
    if s.sub_layers > 1:
        for profile, level in s.sub_layer_flags:
            out.flag(profile)
            out.flag(level)
        for _ in range(s.sub_layers - 1, 8):
            out.u(2, 0)
        for profile, level in s.sub_layer_flags:
            if profile:
                out.u(8, 0x21)
                out.u(80, 0x60000000 << 48)
            if level:
                out.u(8, 90)


def _ordering(out, dice, s):
    every = out.flag(dice.flag())
    for _ in range(s.sub_layers if every else 1):
        out.ue(15)
        out.ue(2)
        out.ue(dice.number(0, 3))


def _hrd(out, dice, s):
    nal, vcl = out.flag(dice.flag()), out.flag(dice.flag())
    sub_pic = False
    if nal or vcl:
        sub_pic = out.flag(dice.flag())
        if sub_pic:
            out.u(19, 0x12345)
        out.u(8, 0x11)
        if sub_pic:
            out.u(4, 3)
        out.u(15, 0x2345)
    for _ in range(s.sub_layers):
        general = out.flag(dice.flag())
        within = general or out.flag(dice.flag())
        low_delay = False
        if within:
            out.ue(dice.number(0, 2047))
        else:
            low_delay = out.flag(dice.flag())
        count = 1 if low_delay else 1 + out.ue(dice.choice((0, 1, 31)))
        for _ in range((nal + vcl) * count):
            for _ in range(4 if sub_pic else 2):
                out.ue(dice.number(0, 1 << 20))
            out.flag(1)


def _scaling_lists(out, dice):
    for size in range(4):
        for matrix in range(0, 6, 3 if size == 3 else 1):
            if not out.flag(dice.flag()):
                out.ue(dice.number(0, matrix // 3 if size == 3 else matrix))
                continue
            if size > 1:
                out.se(dice.number(-7, 247))
            for _ in range(16 if size == 0 else 64):
                out.se(dice.number(-8, 8))


def write_vps(dice, s):
    out = BitWriter()
    s.sub_layers = dice.choice((1, 1, 2, 4))
    s.sub_layer_flags = [(dice.flag(), dice.flag()) for _ in range(s.sub_layers - 1)]
    nal_header(out, 32)
    out.u(4, 0)
    out.u(8, 0b11000000)
    out.u(3, s.sub_layers - 1)
    out.flag(1)
    out.u(16, 0xFFFF)
    _profile_tier_level(out, s)
    _ordering(out, dice, s)
    out.u(6, 0)
    sets = out.ue(dice.number(0, 2))
    for _ in range(sets):
        out.flag(1)
    s.vps_rate = None
    if out.flag(dice.flag()):
        out.u(32, 1001)
        out.u(32, 60000)
        s.vps_rate = Fraction(60000, 1001)
        if out.flag(dice.flag()):
            out.ue(3)
        out.ue(0)
    out.flag(0)
    out.trailing()
    return escape(out.bytes())[0]


def ref_pic_set(out, dice, sets, in_slice):
    """Writes stref_pic_set(); returns [(delta POC, used)] as negatives then positives, nearest first."""
    count = len(sets)
    if count and out.flag(dice.flag()):
        back = dice.number(1, count) if in_slice else 1
        if in_slice:
            out.ue(back - 1)
        negative = out.flag(dice.flag())
        size = 1 + out.ue(dice.number(0, 3))
        delta = -size if negative else size
        source = sets[count - back]
        used, kept = {}, {}
        for index in range(len(source) + 1):
            full = sum(kept.values()) >= 15
            used[index] = out.flag(dice.flag() and not full)
            kept[index] = True if used[index] else out.flag(dice.flag() and not full)
        # The three loops of (7-61) and of (7-62), as they stand there.
        minus = [(i, d) for i, (d, _) in enumerate(source) if d < 0]
        plus = [(i, d) for i, (d, _) in enumerate(source) if d > 0]
        last = (len(source), 0)
        order_0 = [*reversed(plus), *([last] if delta < 0 else []), *minus]
        order_1 = [*reversed(minus), *([last] if delta > 0 else []), *plus]
        result = [(d + delta, used[i]) for i, d in order_0 if d + delta < 0 and kept[i]]
        return result + [(d + delta, used[i]) for i, d in order_1 if d + delta > 0 and kept[i]]
    before = out.ue(dice.number(0, 6))
    after = out.ue(dice.number(0, 6))
    result = []
    for amount, sign in ((before, -1), (after, 1)):
        distance = 0
        for _ in range(amount):
            distance += sign * (1 + out.ue(dice.number(0, 9)))
            result.append((distance, out.flag(dice.flag())))
    return result


def write_sps(dice, s):
    out = BitWriter()
    nal_header(out, 33)
    out.u(4, 0)
    out.u(3, s.sub_layers - 1)
    out.flag(1)
    _profile_tier_level(out, s)
    s.sps_id = out.ue(dice.number(0, 15))
    chroma_format = out.ue(dice.number(0, 3))
    s.separate = chroma_format == 3 and out.flag(dice.flag())
    s.chroma_array = 0 if s.separate else chroma_format
    min_cb = dice.choice((3, 4))
    ctb = dice.choice((4, 5, 6))
    width, height = dice.number(1, 50) << min_cb, dice.number(1, 40) << min_cb
    width, height = max(width, 16), max(height, 16)
    out.ue(width)
    out.ue(height)
    window = [0, 0, 0, 0]
    if out.flag(dice.flag()):
        window = [out.ue(dice.number(0, 2)) for _ in range(4)]
    luma, chroma = 8 + out.ue(dice.number(0, 8)), 8 + out.ue(dice.number(0, 8))
    s.lsb_bits = 4 + out.ue(dice.number(0, 12))
    _ordering(out, dice, s)
    out.ue(min_cb - 3)
    out.ue(ctb - min_cb)
    out.ue(0)
    out.ue(dice.number(0, min(ctb, 5) - 2))
    out.ue(dice.number(0, ctb - 2))
    out.ue(dice.number(0, ctb - 2))
    if out.flag(dice.flag(0.3)) and out.flag(dice.flag()):
        _scaling_lists(out, dice)
    out.flag(dice.flag())
    s.sao = out.flag(dice.flag())
    if out.flag(dice.flag(0.3)):
        out.u(4, 7)
        out.u(4, 7)
        out.ue(min_cb - 3)
        out.ue(dice.number(0, min(ctb, 5) - min_cb))
        out.flag(0)
    s.sets = []
    for _ in range(out.ue(dice.number(0, dice.choice((2, 64))))):
        s.sets.append(ref_pic_set(out, dice, s.sets, in_slice=False))
    s.long_term, s.long_term_used = out.flag(dice.flag()), []
    if s.long_term:
        for _ in range(out.ue(dice.number(0, 32))):
            out.u(s.lsb_bits, dice.number(0, (1 << s.lsb_bits) - 1))
            s.long_term_used.append(out.flag(dice.flag()))
    s.temporal_mvp = out.flag(dice.flag())
    out.flag(0)
    unit_x, unit_y = 2 if chroma_format in (1, 2) else 1, 2 if chroma_format == 1 else 1
    facts = {
        "sps_id": s.sps_id,
        "max_sub_layers": s.sub_layers,
        "chroma_format_idc": chroma_format,
        "bit_depth_luma": luma,
        "bit_depth_chroma": chroma,
        "width": width - unit_x * (window[0] + window[1]),
        "height": height - unit_y * (window[2] + window[3]),
        "short_term_ref_pic_sets": s.sets,
        "frame_rate": None,
        "sample_aspect_ratio": (1, 1),
        "colour": None,
        "min_spatial_segmentation_idc": 0,
    }
    if out.flag(dice.flag()):
        _write_vui(out, dice, s, facts)
    _sps_extensions(out, dice, s, luma, chroma, chroma_format)
    out.trailing()
    s.columns, s.rows = -(-width // (1 << ctb)), -(-height // (1 << ctb))
    s.size = s.columns * s.rows
    return escape(out.bytes())[0], facts


def _write_vui(out, dice, s, facts):
    facts |= write_vui_start(out, dice)
    out.flag(0)
    field_seq = out.flag(dice.flag(0.2))
    out.flag(field_seq)
    if out.flag(dice.flag(0.3)):
        for _ in range(4):
            out.ue(0)
    if out.flag(dice.flag()):
        ticks, scale = out.u(32, dice.choice((1, 1001))), out.u(32, dice.choice((25, 60000)))
        facts["frame_rate"] = Fraction(scale, ticks * (2 if field_seq else 1))
        if out.flag(dice.flag()):
            out.ue(dice.number(0, 9))
        if out.flag(dice.flag()):
            _hrd(out, dice, s)
    if out.flag(dice.flag()):
        out.u(3, 0b010)
        facts["min_spatial_segmentation_idc"] = out.ue(dice.number(0, 4095))
        for _ in range(4):
            out.ue(dice.number(0, 15))


def _sps_extensions(out, dice, s, luma, chroma, chroma_format):
    s.resolution_control = 0
    if not out.flag(s.scc or dice.flag()):
        return
    range_extension = out.flag(dice.flag())
    multilayer = out.flag(s.scc and dice.flag())
    out.flag(0)
    out.flag(s.scc)
    out.u(4, 0)
    if range_extension:
        out.u(9, 0b101010101)
    if multilayer:
        out.flag(0)
    if s.scc:
        out.flag(1)
        if out.flag(dice.flag()):
            out.ue(dice.number(1, 64))
            out.ue(dice.number(20, 64))
            if out.flag(dice.flag()):
                count = 1 + out.ue(dice.number(0, 19))
                for component in range(3 if chroma_format else 1):
                    for _ in range(count):
                        out.u(chroma if component else luma, 5)
        s.resolution_control = out.u(2, dice.number(0, 2))
        out.flag(0)


def write_pps(dice, s):
    out = BitWriter()
    nal_header(out, 34)
    s.pps_id = out.ue(dice.number(0, 63))
    out.ue(s.sps_id)
    s.dependent = out.flag(dice.flag())
    s.output_flag = out.flag(dice.flag())
    s.extra = out.u(3, dice.number(0, 7))
    out.flag(1)
    s.cabac_init = out.flag(dice.flag())
    s.refs = 1 + out.ue(dice.number(0, 14)), 1 + out.ue(dice.number(0, 14))
    s.init_qp = 26 + out.se(dice.number(-26, 25))
    out.flag(0)
    transform_skip = out.flag(dice.flag())
    if out.flag(dice.flag()):
        out.ue(0)
    out.se(dice.number(-12, 12))
    out.se(dice.number(-12, 12))
    s.chroma_qp = out.flag(dice.flag())
    s.weighted, s.bipred = out.flag(dice.flag()), out.flag(dice.flag())
    out.flag(0)
    tiles = out.flag(s.size > 1 and dice.flag())
    s.sync = out.flag(dice.flag())
    s.most_entries = s.rows - 1 if s.sync else 0
    if tiles:
        columns = 1 + out.ue(dice.number(1 if s.rows == 1 else 0, min(s.columns, 20) - 1))
        rows = 1 + out.ue(dice.number(1 if columns == 1 else 0, min(s.rows, 22) - 1))
        if not out.flag(dice.flag()):
            for _ in range(columns + rows - 2):
                out.ue(0)
        out.flag(1)
        s.most_entries = columns * (s.rows if s.sync else rows) - 1
    s.entry_points = tiles or s.sync
    s.across = out.flag(dice.flag())
    s.override, s.disabled = False, False
    if out.flag(dice.flag()):
        s.override = out.flag(dice.flag())
        s.disabled = out.flag(dice.flag())
        if not s.disabled:
            out.se(dice.number(-6, 6))
            out.se(dice.number(-6, 6))
    if out.flag(dice.flag(0.2)):
        _scaling_lists(out, dice)
    s.modification = out.flag(dice.flag())
    out.ue(0)
    s.extension = out.flag(dice.flag())
    s.offset_list = s.curr_pic_ref = s.act = False
    if out.flag(s.scc or dice.flag()):
        range_extension = out.flag(dice.flag() and s.chroma_array == 3)
        out.u(2, 0)
        out.flag(s.scc)
        out.u(4, 0)
        if range_extension:
            if transform_skip:
                out.ue(0)
            out.flag(0)
            s.offset_list = out.flag(dice.flag())
            if s.offset_list:
                out.ue(0)
                for _ in range(1 + out.ue(dice.number(0, 5))):
                    out.se(dice.number(-12, 12))
                    out.se(dice.number(-12, 12))
            out.ue(0)
            out.ue(0)
        if s.scc:
            s.curr_pic_ref = out.flag(dice.flag(0.8))
            if out.flag(dice.flag()):
                s.act = out.flag(dice.flag())
                out.se(0)
                out.se(0)
                out.se(0)
            out.flag(0)
    out.trailing()
    return escape(out.bytes())[0]
