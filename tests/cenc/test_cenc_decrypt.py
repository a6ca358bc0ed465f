"""Decryption of everything that other writers do, and of what nobody should do."""

import struct
from contextlib import suppress

import cenc_recordings as kit
import cenc_variants as variants
import pytest
from cenc_variants import Coded, Groups, Rule, fragment, full, header
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.bmff import UnknownBox, parse_boxes
from onvif_bmff.cenc.decrypt import FragmentDecryptor, clear_sample_entry, protection_of
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.protection import Protection
from onvif_bmff.cenc.scheme import Pattern, ProtectionScheme
from onvif_bmff.errors import (
    BoxError,
    MediaError,
    MissingKeyError,
    OnvifBmffError,
    ProtectionError,
    UnsupportedSchemeError,
)
from onvif_bmff.export.clear_file import ClearFile
from onvif_bmff.ingest.mp4 import Mp4Input

IV8 = bytes.fromhex("fffffffffffffffe")
IV16 = bytes.fromhex("0011223344556677fffffffffffffffe")  # its lower half is about to wrap
OTHER_IV = bytes(range(16, 32))
CLEAR = Rule(is_protected=0, iv_size=0)


def data(size, seed=1):
    return bytes((seed * 37 + 11 * n + (n * n >> 4)) & 0xFF for n in range(size))


def play(file, keys=variants.RING, **options):
    source = Mp4Input(file)
    return [bytes(one.data) for one in source.samples(FragmentDecryptor(keys, source.data, **options))]


def clear_file(file, keys=variants.RING):
    made = ClearFile(file, keys)
    out = bytearray(made.size)
    for piece in made.pieces():
        assert piece.position + len(piece.data) <= made.size
        out[piece.position : piece.position + len(piece.data)] = piece.data
    return bytes(out)


def play_clear(file, keys=variants.RING):
    return [bytes(one.data) for one in Mp4Input(clear_file(file, keys)).samples()]


def check(file, samples):
    """Both ways of decrypting give the clear samples, and the file was not clear before."""
    wanted = [sample.data for sample in samples]
    assert play(file) == wanted
    assert play_clear(file) == wanted


SCHEMES = {
    "cenc": Rule("cenc"),
    "cens": Rule("cens", crypt=1, skip=9),
    "cens-whole": Rule("cens"),
    "cbc1": Rule("cbc1"),
    "cbcs": Rule("cbcs", crypt=1, skip=9),
    "cbcs-5-5": Rule("cbcs", crypt=5, skip=5),
    "cbcs-whole": Rule("cbcs"),
}


@pytest.mark.parametrize("mapped", [False, True], ids=["whole", "subsamples"])
@pytest.mark.parametrize("place", ["senc", "senc-only", "mdat"])
@pytest.mark.parametrize("iv_size", [8, 16])
@pytest.mark.parametrize("name", SCHEMES)
def test_vectors_with_each_sample(name, iv_size, place, mapped):
    rule = SCHEMES[name]
    rule = Rule(rule.scheme, iv_size=iv_size, crypt=rule.crypt, skip=rule.skip)
    ivs = [IV8, OTHER_IV[:8], bytes(8)] if iv_size == 8 else [IV16, OTHER_IV, bytes(16)]
    pairs = [[(5, 160), (7, 320), (9, 0)], [(0, 512)], [(100, 16), (0, 384)]] if mapped else [None] * 3
    samples = [
        Coded(data(sum(map(sum, some)) if some else 300 + n, n), iv, some)
        for n, (iv, some) in enumerate(zip(ivs, pairs, strict=True))
    ]
    file = header(rule) + fragment(samples, rule, place=place)
    assert samples[0].data not in file
    check(file, samples)


@pytest.mark.parametrize("iv", [IV16, IV8], ids=["16 bytes", "8 bytes"])
@pytest.mark.parametrize("place", ["senc", "mdat", "none"])
@pytest.mark.parametrize("name", ["cbcs", "cbcs-whole", "cenc"])
def test_a_constant_vector(name, place, iv):
    rule = SCHEMES[name]
    rule = Rule(rule.scheme, iv_size=0, constant=iv, crypt=rule.crypt, skip=rule.skip)
    pairs = None if place == "none" else [(3, 97), (21, 200)]
    samples = [Coded(data(321, n), pairs=pairs) for n in range(3)]
    check(header(rule) + fragment(samples, rule, place=place), samples)


def test_empty_senc_and_saiz_beside_a_constant_vector():
    """What some writers put there for audio: a senc that counts nothing, or samples with nothing."""
    rule = Rule("cbcs", iv_size=0, constant=IV16)
    samples = [Coded(data(99, n)) for n in range(4)]
    nothing = fragment(samples, rule, place="none", extra=parse_boxes(full("senc", bytes(4))))
    check(header(rule) + nothing, samples)
    sizes = fragment(samples, rule, place="none", extra=parse_boxes(full("saiz", struct.pack(">BI", 0, 0))))
    check(header(rule) + sizes, samples)
    zeros = fragment(samples, rule, place="none", extra=parse_boxes(full("saiz", struct.pack(">BI4x", 0, 4))))
    check(header(rule) + zeros, samples)
    check(header(rule) + fragment(samples, rule, place="senc"), samples)


SEIG = Rule("cbcs", kit.OTHER_KEY, iv_size=0, constant=OTHER_IV, crypt=1, skip=9)
TENC = Rule("cbcs", iv_size=0, constant=IV16, crypt=1, skip=9)


@pytest.mark.parametrize("local", [True, False], ids=["in the fragment", "in the movie"])
@pytest.mark.parametrize("style", ["v1", "v1 with lengths", "v2", "v2 of old"])
def test_samples_with_another_key_by_groups(style, local):
    options = {"v1": {}, "v1 with lengths": {"with_lengths": True}, "v2": {"version": 2, "default": 0}}
    options = options.get(style, {"version": 2})
    rules = [Rule("cbcs", iv_size=0, constant=bytes(16), crypt=1, skip=9), SEIG]
    base = 0x10000 if local else 0
    mapping = [(1, 0), (2, base + 2), (1, base + 1)]
    samples = [Coded(data(400, n), pairs=[(13, 387)]) for n in range(5)]
    for sample, rule in zip(samples, [TENC, SEIG, SEIG, rules[0], TENC], strict=True):
        sample.rule = rule
    if local:
        file = header(TENC) + fragment(samples, TENC, groups=Groups(rules, mapping, **options))
    else:
        file = header(TENC, groups=Groups(rules, **options)) + fragment(samples, TENC, groups=Groups(mapping=mapping))
    check(file, samples)


def test_a_fragment_whose_own_index_needs_its_own_description():
    samples = [Coded(data(50), IV8)]
    for index in (0x10001, 0x10003, 3, 0xFFFFFFFF):
        file = header(Rule()) + fragment(samples, Rule(), groups=Groups(mapping=[(1, index)]))
        with pytest.raises(ProtectionError, match="without description"):
            play(file)


@pytest.mark.parametrize("local", [True, False])
def test_the_default_group_of_version_2(local):
    samples = [Coded(data(400, n), pairs=[(13, 387)], rule=SEIG) for n in range(3)]
    groups = Groups([SEIG], version=2, default=1)
    file = header(TENC, groups=None if local else groups) + fragment(samples, TENC, groups=groups if local else None)
    check(file, samples)


@pytest.mark.parametrize("place", ["senc", "senc-only", "mdat", "none"])
def test_a_clear_lead_by_groups(place):
    """A fragment that is clear, with or without empty records, and one that is clear in part."""
    rule = Rule("cenc")
    lead = [Coded(data(200, n), rule=CLEAR) for n in range(3)]
    first = fragment(lead, rule, place="none", groups=Groups([CLEAR], [(3, 0x10001)]))
    mixed = [Coded(data(200, 7), rule=CLEAR), Coded(data(300, 8), IV8, [(44, 256)]), Coded(data(64, 9), rule=CLEAR)]
    file = header(rule) + first
    samples = list(lead)
    if place != "none":
        groups = Groups([CLEAR], [(1, 0x10001), (1, 0), (1, 0x10001)])
        file += fragment(mixed, rule, place=place, groups=groups, time=3000)
        samples += mixed
    check(file, samples)


def test_records_of_protected_samples_only():
    """A senc that counts the protected samples alone."""
    rule = Rule("cenc")
    mixed = [Coded(data(200, 7), rule=CLEAR), Coded(data(300, 8), IV8)]
    senc = full("senc", struct.pack(">I", 1) + IV8)
    groups = Groups([CLEAR], [(1, 0x10001)])
    check(header(rule) + fragment(mixed, rule, place="none", groups=groups, extra=parse_boxes(senc)), mixed)


def test_several_runs_with_a_place_for_each():
    rule = Rule("cenc")
    samples = [Coded(data(100 + n, n), struct.pack(">Q", n)) for n in range(6)]
    check(header(rule) + fragment(samples, rule, place="mdat", runs=3), samples)
    whole = bytearray(header(rule) + fragment(samples, rule, place="mdat", runs=3))
    at = whole.index(b"saio") - 4
    (first,) = struct.unpack_from(">I", whole, at + 16)
    # Three places in the stead of one: the box grows by 8 bytes, and all offsets with it.
    saio = full("saio", struct.pack(">IIII", 3, first + 8, first + 24, first + 40))
    whole[at : at + 20] = saio
    for name in (b"moof", b"traf"):
        place = whole.index(name) - 4
        (size,) = struct.unpack_from(">I", whole, place)
        struct.pack_into(">I", whole, place, size + 8)
    place = 0
    for _ in range(3):
        place = whole.index(b"trun", place + 1)
        (offset,) = struct.unpack_from(">i", whole, place + 12)
        struct.pack_into(">i", whole, place + 12, offset + 8)
    check(bytes(whole), samples)


@pytest.mark.parametrize("scheme", ["cenc", "cbc1"])
def test_piff(scheme):
    rule = Rule(scheme, iv_size=8)
    tenc = variants.plain("uuid", variants.PIFF_TENC + bytes(4) + rule.piff())
    samples = [Coded(data(333, n), struct.pack(">Q", n), [(13, 320)]) for n in range(3)]
    head = header(rule, scheme="piff", tenc=tenc)
    check(head + fragment(samples, rule, place="piff"), samples)
    other = Rule(scheme, kit.OTHER_KEY, iv_size=16)
    changed = [Coded(sample.data, OTHER_IV, sample.pairs, other) for sample in samples]
    check(head + fragment(changed, rule, place="piff-override"), changed)


def test_tracks_that_say_they_are_not_protected():
    rule = Rule(is_protected=0, iv_size=0)
    samples = [Coded(data(50))]
    check(header(rule) + fragment(samples, rule, place="none"), samples)


def test_samples_and_clear_file_need_the_right_key():
    samples = [Coded(data(500), IV8)]
    file = header(Rule()) + fragment(samples, Rule())
    for act in (play, clear_file):
        with pytest.raises(MissingKeyError, match=str(kit.KEY.kid)):
            act(file, KeyRing([kit.OTHER_KEY]))
    wrong = KeyRing([kit.ContentKey(kit.KEY.kid, bytes(16))])
    assert play(file, wrong) != [samples[0].data]


def test_long_fragments_are_decrypted_in_parts(monkeypatch):
    monkeypatch.setattr("onvif_bmff.cenc.decrypt._BATCH", 250)
    monkeypatch.setattr("onvif_bmff.export.clear_file._MAX_BATCH", 250)
    for place in ("senc", "mdat"):
        samples = [Coded(data(90 + 40 * n, n), struct.pack(">Q", n), [(n, 90 + 39 * n)]) for n in range(9)]
        check(header(Rule()) + fragment(samples, Rule(), place=place, runs=2), samples)


def test_what_entries_say():
    boxes = parse_boxes(header(TENC))
    (entry,) = [box for top in boxes for _, box in top.walk() if box.type == "encv"]
    expected = Protection(ProtectionScheme.CBCS, kit.KEY.kid, True, 0, IV16, Pattern(1, 9))
    assert protection_of(entry) == expected
    clear = clear_sample_entry(entry)
    assert clear.type == "avc1"
    assert clear.build() == kit.camera()[0][0].sample_entry().build()
    assert protection_of(clear) is None


# ---- what is wrong ------------------------------------------------------------------------------------------


def test_protection_that_is_not_known():
    piff = variants.plain("uuid", variants.PIFF_TENC + bytes(6) + b"\7" + bytes(17))
    for head, message in (
        (header(Rule(), scheme="sve1"), "unknown protection scheme"),
        (header(Rule(is_protected=7, iv_size=8)), "unknown way"),
        (header(Rule(), scheme="piff", tenc=piff), "algorithm 7"),
    ):
        with pytest.raises(UnsupportedSchemeError, match=message):
            play(head + fragment([Coded(data(20), IV8)], Rule()))
    several_keys = full("senc", struct.pack(">I", 1) + IV8, version=1)
    file = header(Rule()) + fragment([Coded(data(20), IV8)], Rule(), place="none", extra=parse_boxes(several_keys))
    with pytest.raises(UnsupportedSchemeError, match="several keys"):
        play(file)
    rule = Rule("cens", crypt=1, skip=5)
    file = header(rule).replace(b"\0\x15\1\x08", b"\0\5\1\x08") + fragment([Coded(data(64), IV8)], rule)
    with pytest.raises(UnsupportedSchemeError, match="0:5"):
        play(file)


def test_protection_that_does_not_say_enough():
    samples = [Coded(data(20), IV8)]
    for head, message in (
        (header(Rule(), tenc=b""), "no track encryption box"),
        (header(Rule(), scheme="piff", tenc=b""), "no track encryption box"),
        (header(Rule(), scheme="piff", tenc=variants.plain("uuid", variants.PIFF_TENC + bytes(9))), "cut off"),
        (header(Rule(iv_size=4)), "vectors of 4 bytes"),
        (header(Rule("cbcs", iv_size=0, constant=bytes(5))), "vector of 5 bytes"),
    ):
        with pytest.raises(ProtectionError, match=message):
            play(head + fragment(samples, Rule()))
    with pytest.raises(ProtectionError, match="are missing"):
        play(header(Rule()) + fragment(samples, Rule(), place="none"))
    short = variants.plain("uuid", variants.PIFF_SENC + bytes(6))
    with pytest.raises(ProtectionError, match="cut off"):
        play(header(Rule()) + fragment(samples, Rule(), place="none", extra=parse_boxes(short)))


def senc(count, body, flags=2):
    return parse_boxes(full("senc", struct.pack(">I", count) + body, flags=flags))


def aux(count, *offsets, size=8):
    """saiz and saio."""
    saio = full("saio", struct.pack(">I", len(offsets)) + b"".join(struct.pack(">I", at) for at in offsets))
    return parse_boxes(full("saiz", struct.pack(">BI", size, count)) + (saio if offsets else b""))


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (senc(7, IV8 * 7, 0), "of 7 samples"),
        (senc(0xFFFFFFFF, IV8, 0), "of 4294967295 samples"),
        (senc(2, IV8, 0), "ends early"),
        (senc(2, IV8 * 3, 0), "use 16 of 24 bytes"),
        (senc(2, IV8 + b"\xff\xff" + bytes(60)), "ends early"),
        (senc(2, IV8 + b"\0\1\0\1\0\0\0\x62" + IV8 + b"\0\1\0\1\0\0\0\x64"), "cover 99 bytes"),
        (senc(2, IV8 + b"\0\2" + b"\0\1\xff\xff\xff\xff" * 2 + IV8 + b"\0\0"), "cover 8589934592 bytes"),
        (aux(2), "missing"),
        (aux(0xFFFFFFFF, 8), "of 4294967295"),
        (aux(2, 1 << 31), "outside"),
        (aux(2, 8, 8), "2 places"),
        (aux(2, 8, size=3), "smaller than"),
    ],
)
def test_records_that_do_not_fit(boxes, message):
    samples = [Coded(data(100), IV8), Coded(data(100), IV8)]
    with pytest.raises(ProtectionError, match=message):
        play(header(Rule()) + fragment(samples, Rule(), place="none", extra=boxes))


def test_descriptions_that_are_cut_off():
    cut = full("sgpd", struct.pack(">4sII", b"seig", 0, 0xFFFFFFFF) + bytes(30), version=1)
    with pytest.raises(BoxError, match="cut off"):
        play(header(Rule()) + fragment([Coded(data(20), IV8)], Rule(), extra=parse_boxes(cut)))


def test_media_data_within_a_movie_box():
    """Positions in what changes its size cannot be kept."""
    file = bytearray(header(Rule()) + fragment([Coded(data(20), IV8)], Rule()))
    at = file.index(b"trun")
    struct.pack_into(">i", file, at + 12, 8)
    with pytest.raises(MediaError, match="within a movie box"):
        clear_file(bytes(file))


@pytest.fixture(scope="module")
def recordings():
    return [
        next(one.body for one in kit.record([kit.entry(mode)], segment=1, samples=kit.camera()[1][:60]))
        for mode in kit.MODES
    ]


@settings(max_examples=150, deadline=None)
@given(data_=st.data())
def test_hostile_files_end_in_an_error_of_ours(recordings, data_):
    """Bytes of moov and moof are changed at random; the time is bounded by the size of the file."""
    body = bytearray(data_.draw(st.sampled_from(recordings)))
    end = body.index(b"mdat")
    for _ in range(data_.draw(st.integers(1, 4))):
        at = data_.draw(st.integers(0, end + 3))
        width = data_.draw(st.sampled_from([1, 1, 4]))
        value = data_.draw(
            st.sampled_from([b"\xff" * width, bytes(width), data_.draw(st.binary(min_size=width, max_size=width))])
        )
        body[at : at + width] = value
    for act in (play, clear_file):
        with suppress(OnvifBmffError):
            act(bytes(body))


def test_nothing_of_other_boxes_is_lost():
    """Sample groups, auxiliary information and boxes of others stay in a clear file."""
    extra = parse_boxes(
        full("sgpd", struct.pack(">4sIIh", b"roll", 2, 1, -1), version=1)
        + full("sbgp", struct.pack(">4sIII", b"roll", 1, 1, 0x10001))
        + full("saiz", b"abcd" + struct.pack(">IBI", 5, 4, 1), flags=1)
        + variants.plain("uuid", bytes(16) + b"kept")
        + variants.plain("some", b"thing")
    )
    samples = [Coded(data(80), IV8)]
    file = header(Rule()) + fragment(samples, Rule(), extra=extra)
    made = parse_boxes(clear_file(file))
    kept = [box.type for top in made for path, box in top.walk() if path.startswith("/moof/traf/")]
    assert kept == ["tfhd", "tfdt", "trun", "sgpd", "sbgp", "saiz", "uuid", "some"]
    assert not isinstance(made[0], UnknownBox)
