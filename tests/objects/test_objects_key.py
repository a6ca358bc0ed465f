"""Object keys against the ABNF of Annex B.4 and B.5, both ways."""

import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support_work import bounded_work

from onvif_bmff.errors import ObjectKeyError, TimeError
from onvif_bmff.objects.key import MAX_KEY_BYTES, ObjectKey, check_path, date_folder, read_head, read_tail
from onvif_bmff.timing import UtcTime

# The grammar of B.4 and B.5 written down once more, rule by rule, without a look at the implementation.
DIGIT = "[0-9]"
YEAR, MONTH, DAY = f"{DIGIT}{{4}}", "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
HOUR, MINUTE, SECOND = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]", "(?:[0-5][0-9]|60)"
SECFRAC = rf"\.{DIGIT}{{1,6}}"
DATE = f"{YEAR}-{MONTH}-{DAY}"
TIME = f"{HOUR}/{MINUTE}-{SECOND}(?:{SECFRAC})?Z"
COUNTER = f"{DIGIT}+"
EXTENSION = "[0-9A-Za-z]+(?:_end)?"


def abnf(prefix: str, postfix: str) -> re.Pattern[str]:
    lead = (re.escape(prefix) + "/" if prefix else "") + DATE + ("/" + re.escape(postfix) if postfix else "")
    return re.compile(rf"{lead}/{TIME}\.{COUNTER}\.{EXTENSION}")


parts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc",), exclude_characters="/"), min_size=1, max_size=12
).filter(lambda part: part not in (".", ".."))
paths = st.lists(parts, max_size=3).map("/".join)
date_like = st.sampled_from(["2022-11-08", "a/2022-11-08", "2022-11-08/b", "2022-11-08/2022-11-09"])
any_path = st.one_of(paths, date_like)
instants = st.one_of(
    st.integers(UtcTime.parse("0001-01-01T00:00:00Z").microseconds, 253_402_300_799_999_999).map(UtcTime),
    st.builds(
        lambda minute, inside: UtcTime(minute * 60_000_000 + inside, True),
        st.integers(-1_000_000, 4_000_000_000 // 60),
        st.integers(0, 999_999),
    ),
)
keys = st.builds(
    ObjectKey,
    any_path,
    instants,
    any_path,
    st.integers(0, 10**18 - 1) | st.integers(0, 2000),
    st.one_of(st.sampled_from(["mp4", "m4v", "m4a", "m4m"]), st.from_regex("[0-9A-Za-z]{1,16}", fullmatch=True)),
    st.booleans(),
    st.integers(0, 6),
    st.just(0) | st.integers(0, 18),
)


@pytest.mark.requirement("ANX-B.4-02")
@pytest.mark.requirement("ANX-B.4-03")
@pytest.mark.requirement("ANX-B.4-04")
@pytest.mark.requirement("ANX-B.4-06")
@pytest.mark.requirement("ANX-B.4-07")
@pytest.mark.requirement("ANX-B.4-10")
@pytest.mark.requirement("ANX-B.5-02")
@given(keys)
def test_what_is_written_follows_the_grammar_and_is_read_back(key):
    text = str(key)
    assert abnf(key.prefix, key.postfix).fullmatch(text)
    assert ObjectKey.parse(text, prefix=key.prefix, postfix=key.postfix) == key
    assert str(ObjectKey.parse(text, prefix=key.prefix)) == text
    assert str(ObjectKey.parse(text, postfix=key.postfix)) == text
    assert str(ObjectKey.parse(text)) == text


@st.composite
def grammatical(draw):
    """Texts drawn from the grammar itself."""
    prefix, postfix = draw(paths), draw(paths)
    date = draw(st.dates()).isoformat()
    fraction = draw(st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,6}", fullmatch=True)))
    second = draw(st.integers(0, 60))
    clock = f"{draw(st.integers(0, 23)):02}/{draw(st.integers(0, 59)):02}-{second:02}{fraction}Z"
    counter = draw(st.from_regex("[0-9]{1,18}", fullmatch=True))
    extension = draw(st.sampled_from(["mp4", "m4v_end", "m4a", "m4m_end"]))
    lead = "/".join(part for part in (prefix, date, postfix) if part)
    return prefix, postfix, f"{lead}/{clock}.{counter}.{extension}"


@pytest.mark.requirement("ANX-B.4-02")
@pytest.mark.requirement("ANX-B.4-08")
@pytest.mark.requirement("ANX-B.4-09")
@given(grammatical())
def test_what_follows_the_grammar_is_read(drawn):
    prefix, postfix, text = drawn
    assert abnf(prefix, postfix).fullmatch(text)
    key = ObjectKey.parse(text, prefix=prefix, postfix=postfix)
    assert str(key) == text, "what was read is what is written, padding of the counter included"
    assert ObjectKey(*(getattr(key, field.name) for field in fields(ObjectKey))) == key
    head, _, rest = text.rpartition("Z.")
    assert key.counter == int(rest.partition(".")[0])
    assert key.span_end == text.endswith("_end")
    assert key.time.second == int(head.rpartition("-")[2][:2])


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_an_error(text):
    try:
        key = ObjectKey.parse(text)
    except ObjectKeyError:
        return
    assert abnf(key.prefix, key.postfix).fullmatch(text)


@given(keys, st.data())
def test_a_spoilt_key_is_a_key_or_an_error(key, data):
    text = str(key)
    at = data.draw(st.integers(0, len(text) - 1))
    spoilt = text[:at] + data.draw(st.text(max_size=2)) + text[at + 1 :]
    try:
        found = ObjectKey.parse(spoilt)
    except ObjectKeyError:
        return
    assert abnf(found.prefix, found.postfix).fullmatch(spoilt)


START = UtcTime.parse("2022-11-08T15:08:23.547Z")


@pytest.mark.requirement("ANX-B.10-01")
@pytest.mark.requirement("ANX-B.4-05")
@pytest.mark.requirement("ANX-B.4-11")
@pytest.mark.requirement("ANX-B.4-12")
@pytest.mark.requirement("REC-4.1.3-01")
@pytest.mark.requirement("REC-4.1.3-03")
@pytest.mark.parametrize(
    ("at", "extension", "text"),
    [
        ("2022-11-08T15:08:23.547Z", "mp4", "site-2/2022-11-08/camera-5/15/08-23.547Z.0.mp4"),
        ("2022-11-08T15:08:23.547Z", "m4v", "site-2/2022-11-08/camera-5/15/08-23.547Z.0.m4v"),
        ("2022-11-08T15:08:23.989Z", "m4a", "site-2/2022-11-08/camera-5/15/08-23.989Z.0.m4a"),
        ("2022-11-08T15:08:23.692Z", "m4m", "site-2/2022-11-08/camera-5/15/08-23.692Z.0.m4m"),
    ],
)
def test_segment_keys_of_the_examples(at, extension, text):
    key = ObjectKey("site-2", UtcTime.parse(at), "camera-5", 0, extension)
    assert str(key) == text
    assert ObjectKey.parse(text) == key


@pytest.mark.requirement("ANX-B.10-01")
@pytest.mark.requirement("ANX-B.10-02")
@pytest.mark.requirement("ANX-B.5-03")
@pytest.mark.requirement("ANX-B.5-04")
@pytest.mark.requirement("ANX-B.5-05")
@pytest.mark.parametrize(
    ("at", "segments", "extension", "text"),
    [
        ("2022-11-08T16:34:11.421Z", 85, "mp4", "site-2/2022-11-08/camera-5/16/34-11.421Z.85.mp4_end"),
        ("2022-11-08T16:34:11.421Z", 1020, "m4v", "site-2/2022-11-08/camera-5/16/34-11.421Z.1020.m4v_end"),
        ("2022-11-08T16:34:11.779Z", 1020, "m4a", "site-2/2022-11-08/camera-5/16/34-11.779Z.1020.m4a_end"),
        ("2022-11-08T16:34:11.871Z", 1020, "m4m", "site-2/2022-11-08/camera-5/16/34-11.871Z.1020.m4m_end"),
    ],
)
def test_span_end_keys_of_the_examples(at, segments, extension, text):
    key = ObjectKey("site-2", START, "camera-5", 0, extension)
    for _ in range(segments - 1):
        key = key.following(key.time.plus_ticks(5, 1))
    assert key.counter == segments - 1
    end = key.ending(UtcTime.parse(at))
    assert str(end) == text
    assert ObjectKey.parse(text) == end
    assert end.span_end


@pytest.mark.requirement("ANX-B.4-11")
@pytest.mark.parametrize("digits", [3, 6])
def test_the_next_key_of_a_span(digits):
    first = ObjectKey("site-2", START, "camera-5", 0, "m4v", digits=digits)
    second = first.following(UtcTime.parse("2022-11-08T15:08:28.547123Z"))
    wanted = "site-2/2022-11-08/camera-5/15/08-28.547Z.1.m4v" if digits == 3 else (
        "site-2/2022-11-08/camera-5/15/08-28.547123Z.1.m4v"
    )  # fmt: skip
    assert str(second) == wanted
    assert (second.counter, second.span_end, second.extension, second.digits) == (1, False, "m4v", digits)
    assert second.following(UtcTime.parse("2022-11-09T00:00:00Z")).counter == 2
    assert first.ending(START).following(START) == replace(first, counter=2), "what follows an end object is a segment"


@pytest.mark.requirement("ANX-B.4-02")
@pytest.mark.requirement("ANX-B.4-11")
@pytest.mark.parametrize(
    ("written", "following"),
    [
        ("0", "1"), ("9", "10"), ("00", "01"), ("01", "02"), ("02", "03"), ("09", "10"), ("099", "100"),
        ("000", "001"), ("0000000007", "0000000008"), ("0" * 18, "0" * 17 + "1"), ("9" * 17, "1" + "0" * 17),
    ],
)  # fmt: skip
@pytest.mark.parametrize("fraction", ["", ".5", ".547", ".547123"])
@pytest.mark.parametrize("end", ["", "_end"])
def test_padded_counters_are_kept(written, following, fraction, end):
    text = f"p/2022-11-08/c/15/08-23{fraction}Z.{written}.m4v{end}"
    key = ObjectKey.parse(text)
    assert str(key) == text
    assert key.counter == int(written)
    assert ObjectKey.parse(text, prefix="p", postfix="c") == key
    assert str(key.following(key.time)) == f"p/2022-11-08/c/15/08-23{fraction}Z.{following}.m4v"
    assert str(key.ending(key.time)) == f"p/2022-11-08/c/15/08-23{fraction}Z.{following}.m4v_end"


def test_keys_are_equal_when_their_names_are():
    one, two, three = (ObjectKey("", START, "", counter, "mp4", counter_digits=2) for counter in (1, 10, 100))
    assert [str(key)[-7:] for key in (one, two, three)] == [".01.mp4", ".10.mp4", "100.mp4"]
    for key in (one, two, three):
        assert ObjectKey.parse(str(key)) == key
        assert hash(ObjectKey.parse(str(key))) == hash(key)
    assert one != replace(one, counter_digits=0)
    assert two == replace(two, counter_digits=0) == replace(two, counter_digits=1)
    assert len({one, replace(one, counter_digits=3), replace(one, counter_digits=0)}) == 3


@pytest.mark.requirement("ANX-B.4-03")
@pytest.mark.requirement("ANX-B.4-04")
@pytest.mark.requirement("REC-5.3.1-13")
@pytest.mark.requirement("REC-5.3.1-14")
def test_prefix_and_postfix_are_optional():
    assert str(ObjectKey("", START, "", 0, "mp4")) == "2022-11-08/15/08-23.547Z.0.mp4"
    assert str(ObjectKey("", START, "camera-5", 0, "m4v")) == "2022-11-08/camera-5/15/08-23.547Z.0.m4v"
    assert str(ObjectKey("a/b", START, "c/d", 0, "mp4")) == "a/b/2022-11-08/c/d/15/08-23.547Z.0.mp4"
    found = ObjectKey.parse("a/b/2022-11-08/c/d/15/08-23.547Z.0.mp4")
    assert (found.prefix, found.postfix) == ("a/b", "c/d")


@pytest.mark.requirement("ANX-B.4-08")
def test_leap_second():
    key = ObjectKey("", UtcTime.parse("2016-12-31T23:59:60.5Z"), "", 3, "mp4")
    assert str(key) == "2016-12-31/23/59-60.500Z.3.mp4"
    assert ObjectKey.parse(str(key)) == key
    assert ObjectKey.parse("2016-12-31/10/07-60Z.3.mp4").time.leap


def test_end_after_midnight_lies_in_the_folder_of_its_day():
    start = ObjectKey("", UtcTime.parse("2022-11-08T23:59:58Z"), "", 0, "mp4")
    last = start.following(UtcTime.parse("2022-11-09T00:00:30Z"))
    assert str(last.ending(UtcTime.parse("2022-11-09T00:01:02.1Z"))) == "2022-11-09/00/01-02.100Z.2.mp4_end"


@pytest.mark.requirement("ANX-B.4-09")
def test_fractions_are_cut_never_rounded():
    late = UtcTime.parse("2022-12-31T23:59:59.999999Z")
    assert str(ObjectKey("", late, "", 0, "mp4")) == "2022-12-31/23/59-59.999Z.0.mp4"
    assert str(ObjectKey("", late, "", 0, "mp4", digits=6)) == "2022-12-31/23/59-59.999999Z.0.mp4"
    assert str(ObjectKey("", late, "", 0, "mp4", digits=0)) == "2022-12-31/23/59-59Z.0.mp4"
    assert ObjectKey("", late, "", 0, "mp4").time == UtcTime.parse("2022-12-31T23:59:59.999Z")
    for digits in range(7):
        text = "2022-11-08/15/08-23" + (".123456"[: digits + 1] if digits else "") + "Z.0.mp4"
        assert str(ObjectKey.parse(text)) == text
        assert ObjectKey.parse(text).digits == digits


def test_fixed_digits_sort_by_time():
    texts = [str(ObjectKey("p", UtcTime(at), "q", 0, "mp4", digits=6)) for at in range(0, 5_000_000, 99_999)]
    assert texts == sorted(texts)


def test_known_paths_settle_what_is_ambiguous():
    text = "2022-01-01/2022-11-08/2022-12-31/15/08-23Z.0.mp4"
    assert ObjectKey.parse(text).prefix == "2022-01-01/2022-11-08"
    assert read_head(text.rpartition("/")[0]).ambiguous
    assert ObjectKey.parse(text, prefix="2022-01-01").postfix == "2022-12-31"
    assert ObjectKey.parse(text, prefix="").postfix == "2022-11-08/2022-12-31"
    assert ObjectKey.parse(text, postfix="").time.day == 31
    assert ObjectKey.parse(text, postfix="2022-12-31").time.month == 11
    assert ObjectKey.parse(text, prefix="2022-01-01", postfix="2022-12-31").time.day == 8
    # Something like a date that is none is no candidate.
    assert ObjectKey.parse("2022-11-08/2022-99-99/15/08-23Z.0.mp4").postfix == "2022-99-99"


@pytest.mark.parametrize(
    ("prefix", "postfix"),
    [("b", None), ("", None), (None, "d"), (None, ""), ("a", ""), ("", "c"), ("a/x", None), (None, "x/y/z/w/c")],
)
def test_other_prefix_or_postfix(prefix, postfix):
    with pytest.raises(ObjectKeyError):
        ObjectKey.parse("a/2022-11-08/c/15/08-23Z.0.mp4", prefix=prefix, postfix=postfix)


GOOD = "a/2022-11-08/b/15/08-23.547Z.0.mp4"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "a",
        "/" + GOOD,
        GOOD.replace("a/", "a//"),
        GOOD.replace("a/", "../"),
        GOOD.replace("a/", "./"),
        GOOD.replace("a/", "a\x00/"),
        GOOD.replace("a/", "\ud800/"),
        GOOD.replace("a/", "x" * 1100 + "/"),
        GOOD.replace("a/", "x" * 1000 + "/"),
        GOOD.replace("11-08", "13-08"),
        GOOD.replace("11-08", "02-30"),
        GOOD.replace("2022", "0000"),
        GOOD.replace("/15/", "/24/"),
        GOOD.replace("/15/", "/1/"),
        GOOD.replace("/15/", "/"),
        GOOD.replace("/15/", "/\u0661\u0665/"),
        GOOD.replace("08-23", "60-23"),
        GOOD.replace("08-23", "08-61"),
        GOOD.replace("08-23", "8-23"),
        GOOD.replace(".547Z", ".Z"),
        GOOD.replace(".547Z", ".1234567Z"),
        GOOD.replace(".547Z", ",547Z"),
        GOOD.replace(".547Z", ".5a7Z"),
        GOOD.replace(".547Z", ".547"),
        GOOD.replace(".547Z", ".²Z"),
        GOOD.replace(".0.", "."),
        GOOD.replace(".0.", ".-1."),
        GOOD.replace(".0.", ".x."),
        GOOD.replace(".0.", "." + "9" * 5000 + "."),
        GOOD.replace(".mp4", ""),
        GOOD.replace(".mp4", "."),
        GOOD.replace(".mp4", "._end"),
        GOOD + ".tmp",
        GOOD + "_end_end",
        GOOD + "\n",
        GOOD + "x" * 20,
    ],
)
def test_hostile_keys(text):
    with pytest.raises(ObjectKeyError) as caught:
        ObjectKey.parse(text)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "changes",
    [
        {"prefix": "/a"},
        {"prefix": "a/"},
        {"postfix": "a//b"},
        {"postfix": ".."},
        {"postfix": "a\n"},
        {"prefix": "ü" * 600},
        {"prefix": "x" * 1000},
        {"prefix": "x" * 500, "postfix": "y" * 500},
        {"counter": -1},
        {"counter": 10**18},
        {"extension": ""},
        {"extension": "m.4"},
        {"extension": "mp4_end"},
        {"extension": "x" * 17},
        {"digits": 7},
        {"digits": -1},
        {"counter_digits": -1},
        {"counter_digits": 19},
    ],
)
def test_what_cannot_stand_in_a_key(changes):
    fields = {"prefix": "a", "time": START, "postfix": "b", "counter": 0, "extension": "mp4"}
    with pytest.raises(ObjectKeyError):
        ObjectKey(**(fields | changes))


def test_long_keys_up_to_the_limit():
    key = ObjectKey("x" * (1024 - len("/2022-11-08/15/08-23.547Z.0.mp4")), START, "", 0, "mp4")
    assert len(str(key)) == 1024
    assert ObjectKey.parse(str(key)) == key
    with pytest.raises(ObjectKeyError):
        ObjectKey.parse("x" + str(key))
    with pytest.raises(ObjectKeyError):
        check_path("")


def test_date_folder():
    assert date_folder(19_304) == "2022-11-08"
    with pytest.raises(TimeError):
        date_folder(-800_000)


def test_hostile_keys_take_linear_time():
    for text in ("/" * 200_000, "2022-11-08/" * 50_000 + "15/08-23Z.0.mp4", "9" * 500_000, GOOD + "." * 500_000):
        with bounded_work(), pytest.raises(ObjectKeyError):  # a search that backtracks would take hours
            ObjectKey.parse(text)


def test_only_more_than_one_date_is_ambiguous():
    assert not read_head("a/2022-11-08/b/15").ambiguous
    assert read_head("2022-11-08/2022-11-09/15").ambiguous
    assert not read_head("2022-11-08/2022-11-09/15", "", None).ambiguous


def test_no_key_is_longer_than_the_limit_in_bytes():
    """Whatever it is made of; the part right of the postfix is longest here."""
    assert MAX_KEY_BYTES == 1_024

    def made(size):
        rest = len(str(ObjectKey("p", START, "", 10**18 - 1, "x" * 16, span_end=True, digits=6))) - 1
        half = (size - rest) // 2
        return ObjectKey("x" * half, START, "y" * (size - rest - half - 1), 10**18 - 1, "x" * 16, True, 6)

    assert len(str(made(1_024))) == 1_024
    assert ObjectKey.parse(str(made(1_024))) == made(1_024)
    with pytest.raises(ObjectKeyError, match="1024"):
        made(1_025)
    tail = "/2022-11-08/15/08-23.547Z.0.mp4"
    prefix = "\u00e9" * ((1_024 - len(tail)) // 2)  # two bytes each: half the characters are too many bytes
    assert str(ObjectKey.parse(prefix + tail)) == prefix + tail
    for text in ("\u00e9" + prefix + tail, "\U0001f4f7" * 250 + tail):
        with pytest.raises(ObjectKeyError, match="1024"):
            ObjectKey.parse(text)
    assert check_path("x" * 1_024) == 1_024
    assert check_path("\u00e9" * 512) == 1_024
    with pytest.raises(ObjectKeyError, match="1024"):
        check_path("x" * 1_025)


def test_an_error_shows_what_was_read_and_not_too_much_of_it():
    with pytest.raises(ObjectKeyError, match=r"no date.*'a/b/15'"):
        ObjectKey.parse("a/b/15/08-23Z.0.mp4")
    shown = []
    for size in (80, 81):
        with pytest.raises(ObjectKeyError) as caught:
            check_path("a" * (size - 1) + "\n")
        shown.append(str(caught.value).partition(": ")[2])
    assert shown == [repr("a" * 79 + "\n"), repr("a" * 77 + "...")]


def test_the_tail_of_a_key_at_the_limits_of_its_parts():
    assert read_tail("59-60.999999Z.0.m4v_end") == (3_600_999_999, True, 6, "0", "m4v", True)
    assert read_tail("00-00Z.007.x") == (0, False, 0, "007", "x", False)
    assert read_tail("00-00.1Z." + "9" * 18 + "." + "x" * 16)[3:5] == ("9" * 18, "x" * 16)
    assert read_tail("00-00Z.0." + "x" * 16 + "_end")[4:] == ("x" * 16, True)
    for bad in ("00-00Z." + "9" * 19 + ".x", "00-00Z.0." + "x" * 17, "00-00.1234567Z.0.x", "00-00Z.0._end"):
        with pytest.raises(ObjectKeyError):
            read_tail(bad)


def test_padding_counts_only_where_it_pads():
    def made(counter, digits):
        return ObjectKey("", START, "", counter, "mp4", counter_digits=digits).counter_digits

    assert [made(9, 0), made(9, 1), made(9, 2), made(10, 2), made(10, 3), made(0, 18)] == [0, 0, 2, 0, 3, 18]
    for text in ("0", "00", "01", "10"):
        key = ObjectKey.parse(f"2022-11-08/15/08-23Z.{text}.mp4")
        assert key.counter_digits == (2 if text in ("00", "01") else 0)
        assert str(key).endswith(f".{text}.mp4")
