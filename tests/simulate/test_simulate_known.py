"""Findings that are known: only where what explains them really happened."""

from dataclasses import replace

import pytest

from onvif_bmff.validation import Finding, Level
from tests.simulate.checker import CheckedSample, CheckedSpan
from tests.simulate.known import Boot, MixedSpans, is_cut_short, was_left
from tests.simulate.scenario import KNOWN_FINDINGS

MINUTE = 1_663_769_580_000_000  # 2022-09-21T14:13
NO_END = ": its span has no end object"


def key(second, counter, *, prefix="place", end=False):
    return f"{prefix}/2022-09-21/14/13-{second:02}.000Z.{counter}.m4v" + "_end" * end


def span(begin, *lengths, prefix="place"):
    """A span with segments of so many seconds, each of one sample."""
    keys, samples, at = [], [], 0
    for counter, length in enumerate(lengths):
        keys.append(key(begin + at, counter, prefix=prefix))
        samples.append(CheckedSample(at * 1000, length * 1000, 0, True, b"x"))
        at += length
    start = MINUTE + begin * 1_000_000
    return CheckedSpan(prefix, "", "m4v", 1, "vide", 1000, start, False, True, keys, samples)


def finding(name, rule="ANX-B.5-03"):
    return Finding(rule, Level.ERROR, name, None, "the last sample ends otherwise")


def test_a_finding_about_spans_that_overlap_by_more_than_readers_allow_is_known():
    mixed = MixedSpans([span(0, 10), span(6, 10, 5), span(30, 10)])
    known = [key(0, 0), key(6, 0), key(16, 1), key(10, 1, end=True), key(21, 2, end=True)]
    assert all(mixed.explain(finding(one)) for one in known)


@pytest.mark.parametrize("overlap", [-3, 0, 1, 3])
def test_other_spans_explain_nothing(overlap):
    mixed = MixedSpans([span(0, 10), span(10 - overlap, 10)])
    assert not any(mixed.explain(finding(one)) for one in (key(0, 0), key(10 - overlap, 0), key(10, 1, end=True)))


def test_what_is_wrong_within_an_object_or_elsewhere_is_not_explained():
    mixed = MixedSpans([span(0, 10), span(6, 10), span(0, 10, prefix="other")])
    assert mixed.explain(finding(key(0, 0)))
    assert not mixed.explain(finding(key(0, 0), rule="ANX-B.3-08"))
    assert not mixed.explain(finding(key(0, 0, prefix="other")))
    assert not mixed.explain(finding(key(40, 1, end=True)))
    assert not mixed.explain(finding(key(10, 2, end=True)))
    assert not mixed.explain(finding("no key"))


def test_spans_that_share_an_end():
    mixed = MixedSpans([span(0, 10), span(6, 4)])
    assert mixed.share_an_end(key(6, 0) + NO_END)
    assert not mixed.share_an_end(key(6, 0) + ": something else")
    assert mixed.share_an_end(f"written after its end: {key(6, 0)} after {key(10, 1, end=True)}")
    assert not MixedSpans([span(0, 10), span(20, 4)]).share_an_end(f"written after its end: {key(20, 0)} after x")
    assert not MixedSpans([span(0, 10), span(6, 2, 2)]).share_an_end(key(8, 1) + NO_END)  # another counter
    assert not MixedSpans([span(0, 10), span(6, 20)]).share_an_end(key(6, 0) + NO_END)  # another end
    assert MixedSpans([span(0, 10), span(9, 1)]).share_an_end(key(9, 0) + NO_END)  # however little they overlap


def test_a_hole_in_a_second_video_track():
    first, second, sound = (
        replace(span(0, 10, 10), track=n, handler=h) for n, h in ((1, "vide"), (4, "vide"), (2, "soun"))
    )
    found = Finding("ANX-B.3-04", Level.ERROR, key(10, 1), None, "track 4 begins at 20, and ended at 10")
    assert is_cut_short(found, [first, second, sound])
    assert not is_cut_short(found, [second, sound])  # the only one
    assert not is_cut_short(found, [first, replace(second, handler="meta")])
    assert not is_cut_short(replace(found, key=key(30, 0)), [first, second])
    assert not is_cut_short(replace(found, rule="ANX-B.3-08"), [first, second])


def test_spans_that_overlap_in_a_chain():
    """The end that one gets in error is not there for the next one."""
    mixed = MixedSpans([span(0, 10), span(6, 10), span(14, 10), span(30, 5)])
    assert mixed.explain(finding(key(14, 0)))
    assert not mixed.explain(finding(key(30, 0)))


def test_an_end_that_a_recovery_wrote_in_the_middle_of_a_span():
    mixed = MixedSpans([span(0, 10, 10), span(6, 10)])
    part = key(10, 1, end=True)
    assert mixed.explain(finding(part))
    assert mixed.ends_a_part(part + ": ends no span: none of the 3 with this counter ends then")
    assert not mixed.ends_a_part(part + ": something else")
    assert not mixed.ends_a_part(key(11, 1, end=True) + ": ends no span: none of the 3 with this counter ends then")
    alone = MixedSpans([span(0, 10, 10), span(20, 10)])
    assert not alone.ends_a_part(part + ": ends no span: none of the 3 with this counter ends then")


def test_an_end_where_another_span_seems_to_go_on():
    """A span of one segment from 6 s on, and the second segment of another one at 10 s: it was ended there."""
    spans = [span(0, 10, 10), span(6, 2)]
    assert MixedSpans(spans, [key(10, 1, end=True)]).share_an_end(key(6, 0) + NO_END)
    assert not MixedSpans(spans, [key(10, 1)]).share_an_end(key(6, 0) + NO_END)  # no end object
    assert not MixedSpans(spans, [key(10, 2, end=True)]).share_an_end(key(6, 0) + NO_END)  # another counter
    assert not MixedSpans(spans, [key(11, 1, end=True)]).share_an_end(key(6, 0) + NO_END)  # another time
    assert not MixedSpans([span(0, 4, 8), span(6, 2)], [key(4, 1, end=True)]).share_an_end(key(6, 0) + NO_END)  # before
    jumping = [span(0, 1, 1, 20, 5), span(6, 2)]  # its last segment begins at 22 s, and it ends at 27 s
    assert MixedSpans(jumping, [key(27, 4, end=True)]).share_an_end(key(6, 0) + NO_END)
    assert not MixedSpans(jumping, [key(26, 4, end=True)]).share_an_end(key(6, 0) + NO_END)


def test_an_end_by_a_clock_that_was_followed():
    """The media of a span last until 10.0 s, by its first key, and until 10.05 s by its last one."""
    followed = replace(span(0, 10), end="place/2022-09-21/14/13-10.050Z.1.m4v_end")
    assert MixedSpans([followed, span(6, 10)]).explain(finding(followed.end))
    assert not MixedSpans([span(0, 10), span(6, 10)]).explain(finding(followed.end))


def test_a_place_that_the_next_start_did_not_have():
    before, after = Boot(MINUTE - 1, frozenset()), MINUTE + 20_000_000
    finding = key(10, 0) + NO_END
    assert was_left(
        finding,
        "bucket",
        [before, Boot(after, frozenset({("disk", "place", ""), ("bucket", "other", "")}))],
        failing=False,
    )
    later = [before, Boot(after, frozenset({("bucket", "place", "")})), Boot(after + 1, frozenset())]
    assert [was_left(finding, "bucket", later, failing=failing) for failing in (False, True)] == [False, True]
    assert not was_left(finding, "bucket", later[:2], failing=True)
    assert not was_left(finding, "bucket", [before], failing=True)
    ended = Boot(after, frozenset({("disk", "place", ""), ("bucket", "other", "")}), end=True)
    assert [was_left(finding, "bucket", [before, ended], failing=failing) for failing in (False, True)] == [False, True]
    assert not was_left(key(10, 0) + ": something else", "bucket", [before, Boot(after, frozenset())], failing=True)


def test_each_has_a_reason():
    assert all(len(reason) > 40 for reason in KNOWN_FINDINGS.values())
