"""H.265 streams made of random choices, with every option that slice segment headers know."""

from types import SimpleNamespace

from codecs_hevc_sets import bits_for, nal_header, ref_pic_set, write_pps, write_sps, write_vps
from support_bits import BitWriter, Case, Dice, escape


def make_hevc(seed, *, screen_content=False, slices=4):
    """``screen_content``: with the extension of that name, so that pictures may refer to themselves."""
    dice = Dice(seed)
    s = SimpleNamespace(scc=screen_content)
    vps = write_vps(dice, s)
    sps, facts = write_sps(dice, s)
    case = Case(sps, write_pps(dice, s), facts, vps=vps)
    for _ in range(slices):
        case.slices.append(_write_slice(dice, s))
    return case


def _write_slice(dice, s):
    out = BitWriter()
    kind = dice.choice((0, 1, 1, 8, 9, 16, 19, 20, 21))
    nal_header(out, kind)
    first = out.flag(s.size == 1 or dice.flag())
    if kind >= 16:
        out.flag(dice.flag())
    out.ue(s.pps_id)
    dependent = False
    if not first:
        if s.dependent:
            dependent = out.flag(dice.flag(0.3))
        out.u(bits_for(s.size), dice.number(1, s.size - 1))
    letter = None
    if not dependent:
        letter = _independent_part(out, dice, s, idr=kind in (19, 20))
    if s.entry_points:
        count = out.ue(dice.number(0, s.most_entries))
        if count:
            width = 1 + out.ue(dice.number(0, 31))
            for _ in range(count):
                out.u(width, dice.number(0, (1 << width) - 1))
    if s.extension:
        for _ in range(out.ue(dice.number(0, dice.choice((3, 256))))):
            out.u(8, dice.choice((0, 0, 1, 3, 255)))
    out.trailing()
    plain = out.bytes()
    nal, offset = escape(plain + dice.payload(), len(plain))
    return nal, offset, letter


def _independent_part(out, dice, s, idr):
    out.u(s.extra, dice.number(0, (1 << s.extra) - 1))
    place = len(out.bits)  # slice_type depends on what follows; it is put in here
    rest = BitWriter()
    if s.output_flag:
        rest.flag(1)
    if s.separate:
        rest.u(2, dice.number(0, 2))
    before = after = long_term = mvp = 0
    if not idr:
        rest.u(s.lsb_bits, dice.number(0, (1 << s.lsb_bits) - 1))
        if rest.flag(s.sets and dice.flag()):
            index = dice.number(0, len(s.sets) - 1)
            rest.u(bits_for(len(s.sets)), index)
            chosen = s.sets[index]
        else:
            chosen = ref_pic_set(rest, dice, s.sets, in_slice=True)
        before = sum(used for distance, used in chosen if distance < 0)
        after = sum(used for distance, used in chosen if distance > 0)
        if s.long_term:
            long_term = _long_term(rest, dice, s, most=15 - len(chosen))
        if s.temporal_mvp:
            mvp = rest.flag(dice.flag())
    pictures = ["before"] * before + ["after"] * after + ["long"] * long_term
    total = len(pictures) + s.curr_pic_ref
    letter = dice.choice("PPBBI") if total else "I"
    sao = 0
    if s.sao:
        sao += rest.flag(dice.flag())
        if s.chroma_array:
            sao += rest.flag(dice.flag())
    if letter != "I":
        _inter_part(rest, dice, s, letter, pictures, mvp)
    rest.se(dice.number(-s.init_qp, 51 - s.init_qp))
    for _ in range(2 * s.chroma_qp):
        rest.se(dice.number(-12, 12))
    for _ in range(3 * s.act):
        rest.se(dice.number(-12, 12))
    if s.offset_list:
        rest.flag(dice.flag())
    disabled = s.disabled
    if s.override and rest.flag(dice.flag()):
        disabled = rest.flag(dice.flag())
        if not disabled:
            rest.se(dice.number(-6, 6))
            rest.se(dice.number(-6, 6))
    if s.across and (sao or not disabled):
        rest.flag(dice.flag())
    assert place == len(out.bits)
    out.ue("BPI".index(letter))
    out.bits += rest.bits
    return letter


def _long_term(out, dice, s, most):
    from_sps, used = 0, 0
    most = max(most, 0)
    if s.long_term_used:
        from_sps = out.ue(dice.number(0, min(most, len(s.long_term_used))))
    own = out.ue(dice.number(0, most - from_sps))
    for index in range(from_sps + own):
        if index < from_sps:
            which = dice.number(0, len(s.long_term_used) - 1)
            out.u(bits_for(len(s.long_term_used)), which)
            used += s.long_term_used[which]
        else:
            out.u(s.lsb_bits, dice.number(0, (1 << s.lsb_bits) - 1))
            used += out.flag(dice.flag())
        if out.flag(dice.flag(0.3)):
            out.ue(dice.number(0, 9))
    return used


def _inter_part(out, dice, s, letter, pictures, mvp):
    lists = 2 if letter == "B" else 1
    active = list(s.refs[:lists])
    if out.flag(dice.flag()):
        active = [1 + out.ue(dice.number(0, 14)) for _ in range(lists)]
    total = len(pictures) + s.curr_pic_ref
    entries = [None, None]
    if s.modification and total > 1:
        for index in range(lists):
            if out.flag(dice.flag()):
                entries[index] = [dice.number(0, total - 1) for _ in range(active[index])]
                for entry in entries[index]:
                    out.u(bits_for(total), entry)
    if letter == "B":
        out.flag(dice.flag())
    if s.cabac_init:
        out.flag(dice.flag())
    if mvp:
        which = 0
        if letter == "B":
            which = 0 if out.flag(dice.flag()) else 1
        if active[which] > 1:
            out.ue(dice.number(0, active[which] - 1))
    if (s.weighted and letter == "P") or (s.bipred and letter == "B"):
        _weights(out, dice, s, _reference_lists(s, pictures, active, entries))
    out.ue(dice.number(0, 4))
    if s.resolution_control == 2:
        out.flag(dice.flag())


def _reference_lists(s, pictures, active, entries):
    """RefPicList0 and RefPicList1 as (8-8) to (8-11) build them."""
    lists = []
    swapped = sorted(pictures, key=("after", "before", "long").index)
    for index, count in enumerate(active):
        size = max(count, len(pictures) + s.curr_pic_ref)
        temporary = []
        while len(temporary) < size:
            temporary += swapped if index else pictures
            if s.curr_pic_ref:
                temporary.append("current")
        if entries[index] is not None:
            lists.append([temporary[entry] for entry in entries[index]])
        else:
            lists.append(temporary[:count])
            if index == 0 and s.curr_pic_ref and size > count:
                lists[0][count - 1] = "current"
    return lists


def _weights(out, dice, s, lists):
    denominator = out.ue(dice.number(0, 7))
    if s.chroma_array:
        out.se(dice.number(-denominator, 7 - denominator))
    for pictures in lists:
        others = [picture for picture in pictures if picture != "current"]
        luma = [out.flag(dice.flag()) for _ in others]
        chroma = [out.flag(dice.flag()) if s.chroma_array else False for _ in others]
        for has_luma, has_chroma in zip(luma, chroma, strict=True):
            if has_luma:
                out.se(dice.number(-128, 127))
                out.se(dice.number(-128, 127))
            if has_chroma:
                for _ in range(2):
                    out.se(dice.number(-128, 127))
                    out.se(dice.number(-512, 511))
