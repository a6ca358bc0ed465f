"""The reasons for which a byte of an encrypted sample is clear, one by one, and that nothing else passes as one."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from validation_kit import CENC, clip, entry, opened, record

from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.cenc.protection import Protection
from onvif_bmff.cenc.scheme import NAL_PATTERN, NO_PATTERN, Pattern, ProtectionScheme
from onvif_bmff.errors import BitstreamError
from onvif_bmff.media.nal_family import AVC, HEVC
from onvif_bmff.validation import EncryptionProof, validate_store
from onvif_bmff.validation.clear_bytes import Clear, SampleLayout, account


class Codec:
    def __init__(self, slices):
        self._slices = slices

    def protected_ranges(self, data):
        if self._slices is None:
            raise BitstreamError("no such header")
        return self._slices


def protection(scheme="cenc", pattern=NO_PATTERN, iv_size=8):
    found = ProtectionScheme(scheme)
    if found is ProtectionScheme.CBCS:
        return Protection(found, UUID(int=1), constant_iv=bytes(16), pattern=pattern)
    return Protection(found, UUID(int=1), iv_size=iv_size, pattern=pattern)


def unit(kind, size):
    return size.to_bytes(4, "big") + bytes([kind]) + bytes([9]) * (size - 1)


def counted(data, ranges, *, slices=(), family=AVC, length_size=4, codec=True, **how):
    layout = SampleLayout(family, length_size, Codec(slices) if codec else None)
    found = account(memoryview(data), layout, protection(**how), ranges)
    assert found.size == len(data)
    return found.encrypted, {reason.name: count for reason, count in found.clear.items() if count}


@pytest.mark.parametrize(
    ("scheme", "pattern", "length", "expected"),
    [
        ("cenc", NO_PATTERN, 35, (35, {})),
        ("cbc1", NO_PATTERN, 35, (32, {"ALIGNMENT": 3})),
        ("cbcs", NO_PATTERN, 35, (32, {"ALIGNMENT": 3})),
        ("cbcs", NO_PATTERN, 15, (0, {"ALIGNMENT": 15})),
        ("cbcs", NAL_PATTERN, 160, (16, {"PATTERN": 144})),
        ("cbcs", NAL_PATTERN, 177, (32, {"PATTERN": 144, "ALIGNMENT": 1})),
        ("cbcs", Pattern(2, 1), 90, (64, {"PATTERN": 16, "ALIGNMENT": 10})),
        ("cens", Pattern(1, 9), 40, (16, {"PATTERN": 16, "ALIGNMENT": 8})),
        ("cens", NO_PATTERN, 35, (32, {"ALIGNMENT": 3})),
    ],
)
def test_what_a_scheme_leaves_clear_of_a_whole_sample(scheme, pattern, length, expected):
    assert counted(bytes(length), [(0, length)], family=None, scheme=scheme, pattern=pattern) == expected


def test_the_parts_of_a_sample_of_nal_units():
    data = unit(9, 2) + unit(7, 20) + unit(6, 30) + unit(5, 80)
    start = len(data) - 80
    found = counted(data, [(len(data) - 64, len(data))], slices=[(start + 6, len(data))])
    assert found == (64, {"LENGTHS": 16, "OTHER_UNITS": 32, "SETS": 20, "HEADERS": 6, "ALIGNMENT": 10})


def test_slices_of_less_than_a_block_are_rightly_clear():
    data = unit(1, 20)
    assert counted(data, [], slices=[(9, 24)]) == (0, {"LENGTHS": 4, "HEADERS": 5, "SHORT": 15})
    assert counted(data, [], slices=[(24, 24)]) == (0, {"LENGTHS": 4, "HEADERS": 20})


def test_but_none_of_a_block_or_more():
    """Others than this library keep 96 bytes of every slice clear in cenc; in cbcs nobody may."""
    data = unit(1, 400)
    _, clear = counted(data, [], slices=[(9, 404)])
    assert clear["UNEXPLAINED"] == 395
    _, clear = counted(data, [(304, 404)], slices=[(9, 404)])
    assert clear["UNEXPLAINED"] == 295
    _, clear = counted(data, [(104, 404)], slices=[(9, 404)])
    assert clear == {"LENGTHS": 4, "HEADERS": 5, "LEAD": 95}
    _, clear = counted(data, [(104, 404)], slices=[(9, 404)], scheme="cbcs")
    assert clear["UNEXPLAINED"] == 95
    short = unit(1, 100)
    assert counted(short, [], slices=[(9, 104)])[1] == {"LENGTHS": 4, "HEADERS": 5, "SHORT": 95}
    assert counted(short, [], slices=[(9, 104)], scheme="cbcs")[1]["UNEXPLAINED"] == 95


@pytest.mark.parametrize("codec", [True, False])
def test_headers_that_cannot_be_read(codec):
    data = unit(5, 400)
    assert counted(data, [(100, 404)], slices=None, codec=codec) == (304, {"LENGTHS": 4, "LEAD": 96})
    assert counted(data, [(200, 404)], slices=None, codec=codec)[1]["UNEXPLAINED"] == 196
    assert counted(data, [], slices=None, codec=codec)[1]["UNEXPLAINED"] == 400
    assert counted(unit(5, 100), [], slices=None, codec=codec)[1] == {"LENGTHS": 4, "SHORT": 100}


def test_more_slices_than_a_record_can_describe():
    data = unit(1, 60) * 50
    slices = [(64 * n + 9, 64 * n + 64) for n in range(50)]
    protected = [(64 * n + 16, 64 * n + 64) for n in range(40)]
    _, clear = counted(data, protected, slices=slices)
    assert clear["SURPLUS"] == 10 * 55
    assert counted(data, protected[:20], slices=slices)[1].get("SURPLUS") is None


def test_units_of_types_that_nobody_specifies():
    """Beside slices that are known they are named; by themselves nobody can say what is in them."""
    data = unit(5, 80) + unit(28, 300)
    assert counted(data, [(20, 84)], slices=[(10, 84)])[1]["UNSPECIFIED"] == 300
    still = unit(1, 12) + unit(28, 300)
    assert counted(still, [], slices=[(10, 16)])[1]["UNSPECIFIED"] == 300
    assert counted(unit(28, 300), [])[1]["UNEXPLAINED"] == 300
    assert counted(unit(20, 300) + unit(5, 80), [(328, 388)], slices=[(318, 388)])[1]["UNEXPLAINED"] == 300


def test_what_is_no_nal_unit():
    broken = unit(5, 300)[:-50]
    assert counted(broken, [], slices=None)[1]["UNEXPLAINED"] == 254
    assert counted(broken, [(100, 254)], slices=None) == (154, {"LEAD": 100})
    assert counted(unit(9, 2) + bytes(300), [])[1].keys() <= {"LENGTHS", "OTHER_UNITS"}
    assert counted(bytes([200]) * 60, [])[1] == {"SHORT": 60}


def test_samples_that_are_said_to_be_clear_or_whose_maps_nobody_can_judge():
    assert counted(unit(5, 80), None)[1] == {"UNEXPLAINED": 84}
    for more in ({"family": None}, {"length_size": None}, {"length_size": 3}):
        assert counted(bytes(80), [(40, 80)], **more) == (40, {"UNEXPLAINED": 40})


def test_whole_samples_and_lengths_that_are_encrypted():
    data = unit(5, 60) + unit(1, 60)
    assert counted(data, [(0, 128)]) == (128, {})
    assert counted(data, [(0, 66)], slices=[(10, 64), (74, 128)])[0] == 66


@pytest.mark.parametrize("length_size", [1, 2])
def test_lengths_of_other_sizes(length_size):
    data = (60).to_bytes(length_size, "big") + bytes([5]) + bytes([9]) * 59
    end = len(data)
    found = counted(data, [(end - 48, end)], slices=[(length_size + 5, end)], length_size=length_size)
    assert found == (48, {"LENGTHS": length_size, "HEADERS": 5, "ALIGNMENT": 7})


def test_h265_counts_types_in_its_own_way():
    vps, slice_ = (20).to_bytes(4, "big") + b"\x40\x01" + bytes(18), (40).to_bytes(4, "big") + b"\x02\x01" + bytes(38)
    found = counted(vps + slice_, [(36, 68)], slices=[(34, 68)], family=HEVC)
    assert found == (32, {"LENGTHS": 8, "SETS": 20, "HEADERS": 6, "ALIGNMENT": 2})


@given(st.binary(max_size=300), st.data())
def test_every_byte_is_counted_once_whatever_is_there(data, draw):
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=6).filter(lambda found: len(found) % 2 == 0)))
    ranges = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=True) if b > a]
    counted(data, ranges, slices=draw.draw(st.sampled_from([(), None, [(5, 20)]])))


def test_a_layout_comes_from_the_sample_entry():
    video = clip()[0][0].codec
    layout = SampleLayout.of(video.sample_entry(), video)
    assert (layout.family, layout.length_size) == (AVC, 4)
    assert SampleLayout.of(VisualSampleEntry(type="av01", width=1, height=1), None).family is None
    assert layout.slices(memoryview(b"\0\0\0\5\x65")) == ()


def test_entries_whose_protection_cannot_be_read_are_not_proven():
    store = record(clip()[0][:1], clip()[1], encryption=(entry(CENC),), seconds=2)
    with opened(store, "m4v", 0) as obj:
        encv = obj.trak().children[-1].children[-1].children[-1].children[0].children[0]
        *kept, sinf = encv.children
        encv.children = (*kept, replace(sinf, children=sinf.children[:1]))
    proof = EncryptionProof()
    assert list(validate_store(store, proof=proof))
    assert proof.tracks[0].account.clear[Clear.UNSEEN] > 10_000
    assert "looked into" in proof.faults[0]
