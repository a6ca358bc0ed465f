"""Whether keys of one place can be read as keys of another: the rule against trying it out."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.errors import ObjectKeyError
from onvif_bmff.objects.key import ObjectKey, lead_of, lead_shape, leads_meet
from onvif_bmff.timing import UtcTime

DATES = ["2026-01-02", "2026-01-03", "1999-12-31", "2024-02-29"]
LIKE_DATES = ["2026-02-30", "2026-1-2", "20260102", "2026-01-02x", "2025-02-29", "2026-13-01"]
PARTS = ["cam", "CAM", "cam ", "10", "23", "00-00.000Z.0.m4v", "é", "e\u0301", *DATES, *LIKE_DATES]
paths = st.lists(st.sampled_from(PARTS) | st.sampled_from(["cam", *DATES]), max_size=4).map("/".join)


def tried(first, second):
    """Whether any key of one place, on any day that could matter, is read as one of the other."""
    for day, hour, tail in product(DATES, ("10", "23"), ("m4v", "mp4")):
        for writer, reader in ((first, second), (second, first)):
            time = UtcTime.parse(f"{day}T{hour}:00:00Z")
            key = ObjectKey(writer[0], time, writer[1], 0, tail)
            for text in (str(key), str(key.ending(time))):
                try:
                    ObjectKey.parse(text, prefix=reader[0], postfix=reader[1])
                except ObjectKeyError:
                    continue
                return True
    return False


@pytest.mark.requirement("REC-4.1.3-01", "ANX-B.4-03", "ANX-B.4-04")
@settings(max_examples=400, deadline=None)
@given(paths, paths, paths, paths)
def test_the_rule_is_what_trying_out_shows(prefix, postfix, other_prefix, other_postfix):
    first, second = lead_of(prefix, postfix), lead_of(other_prefix, other_postfix)
    meets = leads_meet(first, second)
    assert meets == tried((prefix, postfix), (other_prefix, other_postfix))
    assert meets == leads_meet(second, first)
    if meets:
        assert lead_shape(first) == lead_shape(second)


@settings(max_examples=200, deadline=None)
@given(paths, paths, st.integers(0, 4), st.sampled_from(DATES))
def test_places_that_meet_by_a_date_are_found(prefix, postfix, at, day):
    """Cut a lead at another part than its date: where the part is a date, both places share keys."""
    parts = [*lead_of(prefix, postfix)]
    at = at % len(parts)
    own = parts.index(None)
    parts[own] = day
    other = ("/".join(parts[:at]), "/".join(parts[at + 1 :]))
    expected = at == own or parts[at] in DATES
    assert leads_meet(lead_of(prefix, postfix), lead_of(*other)) == expected == tried((prefix, postfix), other)


@pytest.mark.parametrize(
    ("first", "second", "meets"),
    [
        (("cam", ""), ("cam", ""), True),
        (("", ""), ("", ""), True),
        (("cam", ""), ("Cam", ""), False),
        (("cam", ""), ("", "cam"), False),
        (("cam", ""), ("cam/2026-01-02", ""), False),
        (("cam", "2026-01-02"), ("cam/2026-01-03", ""), True),
        (("cam", "2026-01-02/gate"), ("cam/2026-01-03", "gate"), True),
        (("cam", "2026-01-02/gate"), ("cam/2026-01-03", "door"), False),
        (("cam", "2026-02-30"), ("cam/2026-01-03", ""), False),
        (("cam", "x"), ("cam", "x/10"), False),
        (("cam", ""), ("cam", "10"), False),
        (("a/2026-01-02/b", "c"), ("a", "b/2026-01-03/c"), True),
        (("a", "2026-01-02/2026-01-03"), ("a/2026-01-04/2026-01-02", ""), True),
        (("a", "2026-01-02/2026-01-03"), ("a/2026-01-04/2026-01-05", ""), False),
    ],
)
def test_kinds(first, second, meets):
    assert leads_meet(lead_of(*first), lead_of(*second)) is meets is tried(first, second)


def test_the_shape_of_a_lead_has_nothing_where_a_date_may_be():
    assert lead_shape(lead_of("cam/2026-01-02", "x/2026-02-30")) == ("cam", None, None, "x", "2026-02-30")
    assert lead_shape(lead_of("", "")) == (None,)
