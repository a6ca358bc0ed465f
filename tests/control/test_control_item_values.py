"""Items of events as text: all lexical forms of XML Schema Part 2 (3.2 and 3.3), and nothing else."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.control import EventMessage, PropertyOperation
from onvif_bmff.errors import EventError
from onvif_bmff.timing import UtcTime
from onvif_bmff.xml_values import (
    ItemDuration,
    parse_boolean,
    parse_date_time,
    parse_duration,
    parse_float,
    parse_int,
    parse_item,
)

SPACES = ("{}", " {}", "{}\n", "\t\r\n {} \n\t")
SECOND = timedelta(seconds=1)


def length(months=0, **rest):
    return ItemDuration(months, timedelta(**rest))


FORMS = {
    "boolean": {
        "true": True, "false": False, "1": True, "0": False,
        "TRUE": True, "FALSE": False, "True": True, "False": False, "tRuE": True,
    },
    "int": {
        "0": 0, "1": 1, "-1": -1, "+5": 5, "-0": 0, "+0": 0, "007": 7, "-007": -7, "12678967": 12678967,
        "2147483647": 2**31 - 1, "-2147483648": -(2**31), "0" * 100 + "9": 9,
    },
    "float": {
        "0": 0.0, "-0": -0.0, "1": 1.0, "+1": 1.0, "12.5": 12.5, "12.": 12.0, ".5": 0.5, "-.5": -0.5, "1e3": 1000.0,
        "1E3": 1000.0, "1e+3": 1000.0, "1.5E-3": 0.0015, "-1E4": -1e4, "1267.43233E12": 1267.43233e12, "INF": math.inf,
        "-INF": -math.inf, "+INF": math.inf, "1e999": math.inf, "1e-999": 0.0, "007.50": 7.5,
    },
    "duration": {
        "PT0S": length(), "P0D": length(), "PT5S": length(seconds=5), "PT1004199059S": length(seconds=1004199059),
        "PT130S": length(seconds=130), "PT2M10S": length(seconds=130), "P1DT2S": length(days=1, seconds=2),
        "P1Y": length(12), "P2M": length(2), "P1Y2M": length(14), "-P1Y": length(-12), "P1347Y": length(1347 * 12),
        "P1Y2M3DT10H30M": length(14, days=3, hours=10, minutes=30), "-P120D": length(days=-120),
        "P0Y1347M0D": length(1347), "PT1.5S": length(seconds=1.5), "PT0.0000019S": length(microseconds=1),
        "-PT0.5S": length(seconds=-0.5), "PT1H": length(hours=1), "PT36H": length(hours=36), "P03DT04H": length(
            days=3, hours=4), "-P1Y2M3DT4H5M6.7S": ItemDuration(-14, -timedelta(3, 6.7, minutes=5, hours=4)),
        "PT1.000000000000000000000000001S": length(seconds=1),
    },
    "dateTime": {
        "2022-11-08T15:08:23Z": "2022-11-08T15:08:23Z",
        "2022-11-08T15:08:23": "2022-11-08T15:08:23Z",
        "2022-11-08T15:08:23.5": "2022-11-08T15:08:23.5Z",
        "2022-11-08T15:08:23.547Z": "2022-11-08T15:08:23.547Z",
        "2022-11-08T15:08:23.123456789Z": "2022-11-08T15:08:23.123456Z",
        "2022-11-08T15:08:23+00:00": "2022-11-08T15:08:23Z",
        "2022-11-08T15:08:23-00:00": "2022-11-08T15:08:23Z",
        "2022-11-08T15:08:23+01:00": "2022-11-08T14:08:23Z",
        "2022-11-08T15:08:23-05:30": "2022-11-08T20:38:23Z",
        "2022-11-08T15:08:23+13:59": "2022-11-08T01:09:23Z",
        "2022-11-08T15:08:23+14:00": "2022-11-08T01:08:23Z",
        "2022-11-08T15:08:23-14:00": "2022-11-09T05:08:23Z",
        "2022-12-31T24:00:00": "2023-01-01T00:00:00Z",
        "2024-02-28T24:00:00.000Z": "2024-02-29T00:00:00Z",
        "2022-12-31T24:00:00+01:00": "2022-12-31T23:00:00Z",
        "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999Z",
        "2016-12-31T23:59:60Z": "2016-12-31T23:59:60Z",
    },
}  # fmt: skip
REFUSED = {
    "boolean": [
        "", " ", "yes", "on", "2", "01", "-1", "+1", "10", "t", "truefalse", "true false", "1.0", "\u0661",
        "\uff34\uff32\uff35\uff25", "\xa0true", "null",
    ],
    "int": [
        "", "+", "-", "1.0", "1e3", "--1", "+-1", "1 2", "0x1", "1_000", "2147483648", "-2147483649", "9" * 5000,
        "INF", "\u0661", "\xb2", "\xa01", "true",
    ],
    "float": [
        "", ".", "e3", "1e", "1e+", "1e1.5", "inf", "Inf", "INFINITY", "nan", "NAN", "+NaN", "-NaN", "0x1p3",
        "1_0.0", "1,5", "1 .5", "1f", "\u0663", "1" * 5000,
    ],
    "duration": [
        "", "P", "-P", "PT", "P1", "1D", "P1S", "PT1D", "P1YT", "P-1D", "+P1D", "--P1D", "P1M1Y", "PT1S1M", "P1.5D",
        "PT1.S", "PT.5S", "P1W", "PT1,5S", "p1d", "PT1s", "P 1D", "PT" + "9" * 60 + "H", "P" + "9" * 500 + "D",
        "P\u0661D",
    ],
    "dateTime": [
        "", "now", "2022-11-08", "15:08:23", "2022-11-08 15:08:23Z", "2022-11-08t15:08:23z", "22-11-08T15:08:23Z",
        "2022-11-08T15:08Z", "2022-11-08T15:08:23.Z", "2022-11-08T24:00:01Z", "2022-11-08T24:01:00Z",
        "2022-11-08T24:00:00.001Z", "2022-11-08T25:00:00Z", "2022-11-08T15:60:00Z", "2022-11-08T15:08:61Z",
        "2022-02-29T00:00:00Z", "2022-13-01T00:00:00Z", "2022-00-01T00:00:00Z", "2022-11-00T00:00:00Z",
        "2022-11-08T15:08:23+14:01", "2022-11-08T15:08:23+15:00", "2022-11-08T15:08:23+1:00",
        "2022-11-08T15:08:23+01:60", "2022-11-08T15:08:23+0100", "2022-11-08T15:08:23ZZ", "+2022-11-08T15:08:23Z",
        "02022-11-08T15:08:23Z", "0000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "-2022-11-08T15:08:23Z",
        "12022-11-08T15:08:23Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "9999-12-31T24:00:00Z",
        "2022-11-08T15:08:23." + "9" * 200 + "Z", "\u0662\u0660\u0662\u0662-11-08T15:08:23Z",
    ],
}  # fmt: skip
READERS = {
    "boolean": parse_boolean,
    "int": parse_int,
    "float": parse_float,
    "duration": parse_duration,
    "dateTime": parse_date_time,
}


@pytest.mark.parametrize("space", SPACES, ids=ascii)
@pytest.mark.parametrize(("name", "text"), [(name, text) for name, forms in FORMS.items() for text in forms])
def test_all_lexical_forms(name, text, space):
    expected = FORMS[name][text]
    if name == "dateTime":
        expected = UtcTime.parse(expected)
    found = READERS[name](space.format(text))
    assert found == expected
    assert type(found) is type(expected)
    if name == "float":
        assert math.copysign(1, found) == math.copysign(1, expected)
    for prefix in ("xs:", "xsd:", ""):
        assert parse_item(prefix + name, space.format(text)) == expected


def test_not_a_number():
    for space in SPACES:
        assert math.isnan(parse_float(space.format("NaN")))


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts], ids=ascii
)
def test_what_is_no_lexical_form(name, text):
    with pytest.raises(EventError) as caught:
        READERS[name](text)
    with pytest.raises(EventError):
        parse_item(f"xs:{name}", text)
    assert f"no xs:{name}" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_other_types_are_text():
    for name in ("xs:string", "tt:ReferenceToken", "tt:RelayLogicalState", "", "booleans"):
        assert parse_item(name, " 1 ") == " 1 "


@given(
    st.sampled_from(sorted(READERS)),
    st.text(max_size=40) | st.text("0123456789+-.:TZPYMDHSeEINFa truefals", max_size=30),
)
def test_any_text_is_read_or_refused(name, text):
    try:
        READERS[name](text)
    except EventError:
        return


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 5))
def test_numbers_come_back(number, zeros):
    sign, digits = ("-" if number < 0 else "+"), str(abs(number))
    assert parse_int(f"{sign}{'0' * zeros}{digits}") == number
    assert parse_float(f"{number}e0") == float(number)


# ---- events out of these texts -----------------------------------------------------------------------


def test_an_event_from_the_texts_of_a_message():
    made = EventMessage.parse(
        "\n tns1:RuleEngine/CellMotionDetector/Motion//. \n",
        "2022-11-08T24:00:00",
        {"Rule": "R1"},
        {"IsMotion": "1"},
        "Changed",
        {"IsMotion": "xs:boolean"},
    )
    assert made == EventMessage(
        "tns1:RuleEngine/CellMotionDetector/Motion",
        UtcTime.parse("2022-11-09T00:00:00Z"),
        {"Rule": "R1"},
        {"IsMotion": "1"},
        PropertyOperation.CHANGED,
        {"IsMotion": "xs:boolean"},
    )
    bare = EventMessage.parse("tns1:A", "2022-11-08T15:08:23Z")
    assert (bare.source, bare.data, bare.operation) == ({}, {}, None)
    for wrong in (("tns1:A", "yesterday"), ("tns1:A", "2022-11-08T15:08:23Z", {}, {}, "changed")):
        with pytest.raises(EventError):
            EventMessage.parse(*wrong)


@pytest.mark.requirement("REC-5.3.4-01")
@pytest.mark.parametrize(
    ("data", "types", "lasting", "active"),
    [
        *[({"State": text}, {}, True, value) for text, value in FORMS["boolean"].items()],
        *[
            ({"State": f"\n {text} "}, {"State": "xsd:boolean"}, True, value)
            for text, value in FORMS["boolean"].items()
        ],
        ({"State": "1"}, {"State": "xs:int"}, False, False),
        ({"Count": "1", "State": "0"}, {"Count": "xs:int"}, True, False),
        ({"Count": "2", "State": "FALSE", "Other": "1"}, {}, True, True),
        ({"Count": "2"}, {}, False, False),
        ({"State": "yes"}, {"State": "xs:boolean"}, False, False),
        ({"State": "true"}, {"State": "xs:string"}, False, False),
        ({"LogicalState": "active"}, {}, False, False),
        ({}, {}, False, False),
    ],
)
def test_which_events_are_conditions(data, types, lasting, active):
    for operation in (PropertyOperation.INITIALIZED, PropertyOperation.CHANGED):
        message = EventMessage("tns1:A", UtcTime(0), {}, data, operation, types)
        assert (message.is_lasting(), message.is_active()) == (lasting, active)
    ended = EventMessage("tns1:A", UtcTime(0), {}, data, PropertyOperation.DELETED, types)
    assert (ended.is_lasting(), ended.is_active()) == (True, False)
    assert not EventMessage("tns1:A", UtcTime(0), {}, data, None, types).is_lasting()
