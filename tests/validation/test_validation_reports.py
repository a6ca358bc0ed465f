"""Reports on findings: sums, choice of what is shown, and the formats of other tools."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from support_schema import faults
from validation_kit import base, objects_of, store_of

from onvif_bmff.errors import StoreError
from onvif_bmff.validation import (
    REPORTS,
    RULES,
    Checked,
    Finding,
    FindingSums,
    Level,
    ReportContext,
    report_on,
    validate_store,
)
from onvif_bmff.validation.rules import Findings, Recurring

HOSTILE = "a%b:c,d;&<script>\"'\x1b[2J\r\n::error::x\u2028\ud800\ufffe\u202e]]>é\U0001f3a5"
FOUND = [
    Finding("ANX-B.4-11", Level.ERROR, "p/1.m4v", None, "no objects with counters 1 to 1"),
    Finding("C-45", Level.ERROR, "p/1.m4v", 77, "a sample lies outside", "/moof/traf/trun"),
    Finding("C-45", Level.ERROR, "p/1.m4v", None, "and 9 more like these", count=9),
    Finding("ANX-B.9-05", Level.ERROR, HOSTILE, None, "it is \\x1b<b>", "@Version"),
    Finding("ANX-B.5-01", Level.WARNING, "p/2.m4v", None, "the span has no end object"),
    Finding("ANX-B.4-11", Level.NOTE, "", None, "older ones are gone: 100 %\\n"),
]


class Failing:
    """Findings, and then an error."""

    def __iter__(self):
        yield FOUND[0]
        raise StoreError("the store is gone <now>")


def text_of(form, findings=FOUND, **context):
    return "".join(report_on(findings, form, ReportContext(store="a store", **context)))


def failed_text(form):
    """What a report says before it raises the error of the validation."""
    pieces = []
    with pytest.raises(StoreError, match="gone"):
        pieces.extend(report_on(Failing(), form, ReportContext()))
    return "".join(pieces)


# ---- sums ------------------------------------------------------------------------------------------


def test_sums_count_cases_by_rule_the_worst_first():
    sums = FindingSums()
    assert list(sums.shown(FOUND)) == FOUND
    assert [(one.rule, one.level.value, one.findings, one.cases) for one in sums.rules] == [
        ("C-45", "error", 2, 10), ("ANX-B.4-11", "error", 1, 1), ("ANX-B.9-05", "error", 1, 1),
        ("ANX-B.5-01", "warning", 1, 1), ("ANX-B.4-11", "note", 1, 1),
    ]  # fmt: skip
    assert sums.rules[0].text == RULES["C-45"].text
    assert dict(sums.levels) == {Level.ERROR: 4, Level.WARNING: 1, Level.NOTE: 1}


def test_what_is_hidden_is_counted_and_what_is_ignored_is_not():
    sums = FindingSums(ignore=["C-45", "P-01"], most=1)
    assert list(sums.shown(FOUND)) == FOUND[:1]
    assert (sums.hidden, dict(sums.ignored)) == (3, {"C-45": 2})
    assert [one.rule for one in sums.rules] == ["ANX-B.4-11", "ANX-B.9-05", "ANX-B.5-01", "ANX-B.4-11"]
    assert list(FindingSums(most=0).shown(FOUND)) == []
    for wrong in ({"ignore": ["C-999"]}, {"most": -1}):
        with pytest.raises(ValueError, match=r"C-999|-1"):
            FindingSums(**wrong)


@pytest.mark.parametrize("worst", Level)
def test_findings_reach_a_level(worst):
    sums = FindingSums()
    assert not sums.reach(Level.NOTE)
    list(sums.shown([Finding("C-45", worst, "", None, "")]))
    reached = [level for level in (Level.NOTE, Level.WARNING, Level.ERROR) if sums.reach(level)]
    assert reached[-1] is worst
    assert reached[0] is Level.NOTE


def test_findings_that_stand_for_several_say_how_many():
    findings = Findings("key")
    for number in range(12):
        findings.add("C-45", f"sample {number}")
    taken = list(findings.take())
    assert [one.count for one in taken] == [1] * 5 + [7]
    assert taken[-1].message == "and 7 more like these"
    recurring = Recurring()
    for number in range(3):
        recurring.add("ANX-B.7-03", "wrong", key=f"{number}", path="")
    assert [one.count for one in recurring.take()] == [3]


@pytest.mark.parametrize("name", ["cmaf", "mp4", "cmaf-cenc", "cmaf-cbcs", "mp4-cenc", "mp4-cbcs"])
def test_one_lost_segment_is_one_finding(name):
    """But the first of a span, which is a note, as retention leaves it."""
    objects = objects_of(base(name))
    segments = [key for key in objects if not key.endswith("_end") and ".0." not in key.rpartition("/")[2]]
    assert len(segments) >= 3
    for lost in segments:
        found = list(validate_store(store_of({key: one for key, one in objects.items() if key != lost})))
        assert [(one.rule, one.level, one.count) for one in found] == [("ANX-B.4-11", Level.ERROR, 1)], lost
    lost = {key for key in segments if re.search(r"\.[12]\.(m4v|mp4)$", key)}
    assert len(lost) == 2
    found = list(validate_store(store_of({key: one for key, one in objects.items() if key not in lost})))
    assert [(one.rule, one.message) for one in found] == [("ANX-B.4-11", "no objects with counters 1 to 2")]


# ---- SARIF -----------------------------------------------------------------------------------------

SARIF = {
    # The structure that OASIS SARIF 2.1.0 demands of what we write: 3.13 (log), 3.14 (run), 3.18 and 3.19 (tool),
    # 3.20 (invocation), 3.27 (result), 3.28 (location), 3.29 and 3.30 (places), 3.49 (rules). Objects of the standard
    # are closed: a member that is none of theirs makes a log invalid.
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "pattern": "sarif-schema-2.1.0.json$"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "additionalProperties": False,
                    "properties": {"driver": {"$ref": "#/$defs/driver"}},
                },
                "originalUriBaseIds": {"type": "object", "additionalProperties": {"$ref": "#/$defs/artifactLocation"}},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                "invocations": {"type": "array", "items": {"$ref": "#/$defs/invocation"}},
                "properties": {"type": "object"},
            },
        },
        "driver": {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string"},
                "semanticVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
                "rules": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["id"],
                        "additionalProperties": False,
                        "properties": {
                            "id": {"type": "string"},
                            "shortDescription": {"$ref": "#/$defs/message"},
                            "defaultConfiguration": {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {"level": {"$ref": "#/$defs/level"}},
                            },
                        },
                    },
                },
            },
        },
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": {
            "type": "object",
            "required": ["text"],
            "additionalProperties": False,
            "properties": {"text": {"type": "string", "pattern": "."}},
        },
        "artifactLocation": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "uri": {"type": "string", "pattern": r"^[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+$"},
                "uriBaseId": {"type": "string"},
            },
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": {"$ref": "#/$defs/level"},
                "message": {"$ref": "#/$defs/message"},
                "occurrenceCount": {"type": "integer", "minimum": 1},
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
            },
        },
        "location": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "additionalProperties": False,
                    "properties": {
                        "artifactLocation": {"$ref": "#/$defs/artifactLocation"},
                        "region": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "byteOffset": {"type": "integer", "minimum": 0},
                                "byteLength": {"type": "integer", "minimum": 0},
                            },
                        },
                    },
                },
                "logicalLocations": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"fullyQualifiedName": {"type": "string"}, "kind": {"type": "string"}},
                    },
                },
            },
        },
        "invocation": {
            "type": "object",
            "required": ["executionSuccessful"],
            "additionalProperties": False,
            "properties": {
                "executionSuccessful": {"type": "boolean"},
                "toolExecutionNotifications": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["message"],
                        "additionalProperties": False,
                        "properties": {"level": {"$ref": "#/$defs/level"}, "message": {"$ref": "#/$defs/message"}},
                    },
                },
            },
        },
    },
}


def sarif_of(text):
    assert text.isascii()
    log = json.loads(text)
    assert faults(log, SARIF) == []
    (run,) = log["runs"]
    return run


def test_sarif_has_every_finding_with_its_rule_and_place():
    run = sarif_of(text_of("sarif", uri="file:///a/store/", version="1.2.3"))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert len(run["results"]) == len(FOUND)
    base_uri = run["originalUriBaseIds"]["STORE"]["uri"]
    for result, finding in zip(run["results"], FOUND, strict=True):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule
        assert (result["level"], result["message"]["text"]) == (finding.level.value, finding.message)
        assert result.get("occurrenceCount", 1) == finding.count
        (place,) = result.get("locations", [{}])
        physical = place.get("physicalLocation")
        assert (physical is None) == (not finding.key)
        if physical is not None:
            artifact = physical["artifactLocation"]
            assert artifact["uriBaseId"] == "STORE"
            path = unquote_to_bytes(urljoin(base_uri, artifact["uri"])[len(base_uri) :])
            assert path.decode("utf-8", "surrogatepass") == finding.key
            assert physical.get("region", {}).get("byteOffset") == finding.offset
        names = [one["fullyQualifiedName"] for one in place.get("logicalLocations", [])]
        assert names == ([finding.path] if finding.path else [])
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert run["properties"]["rules"][0]["cases"] == 10


def test_sarif_without_a_place_or_findings_is_one_too():
    assert "originalUriBaseIds" not in sarif_of(text_of("sarif"))
    assert sarif_of(text_of("sarif", []))["results"] == []


def test_sarif_of_a_validation_that_fails_is_whole():
    run = sarif_of(failed_text("sarif"))
    assert len(run["results"]) == 1
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "the store is gone <now>"


def test_the_checker_of_structures_finds_what_is_wrong():
    """Planted faults, so that the tests above are worth something."""
    good = json.loads(text_of("sarif", uri="file:///s/"))
    for change in (
        lambda log: log.update(version="2.0.0"),
        lambda log: log.update(extra=1),
        lambda log: log["runs"].clear(),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0]["results"][0].update(level="fatal"),
        lambda log: log["runs"][0]["results"][0].update(ruleIndex=-1),
        lambda log: log["runs"][0]["results"][0].update(ruleIndex=True),
        lambda log: log["runs"][0]["results"][1]["locations"][0]["physicalLocation"].update(uri="x"),
        lambda log: log["runs"][0]["originalUriBaseIds"]["STORE"].update(uri="with space"),
    ):
        bad = json.loads(json.dumps(good))
        change(bad)
        assert faults(bad, SARIF), change
    with pytest.raises(AssertionError, match="nobody checks"):
        faults(1, {"maximum": 3})


# ---- JUnit -----------------------------------------------------------------------------------------


def suite_of(text):
    """The suite of a document, after the rules that readers of JUnit XML rely on."""
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    (suite,) = root
    cases = suite.findall("testcase")
    assert [child.tag for child in suite] == ["testcase"] * len(cases)
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(name)) == sum(case.find(tag) is not None for case in cases), name
    assert int(suite.get("tests")) == int(root.get("tests")) == len(cases)
    for case in cases:
        assert case.get("name")
        assert case.get("classname")
        assert len(case.findall("failure") + case.findall("error") + case.findall("skipped")) <= 1
    return suite


def cases_of(suite):
    return {case.get("name").partition(":")[0]: case for case in suite}


def test_junit_has_a_case_for_each_rule_and_the_store():
    checked = Checked()
    checked.skip("nobody had a key", "ANX-B.8-06", "C-45")
    cases = cases_of(suite_of(text_of("junit", checked=checked, remarks=lambda: ["looked at <it>"])))
    assert set(cases) == {"store", "ANX-B.4-11", "C-45", "ANX-B.9-05", "ANX-B.5-01", "ANX-B.8-06"}
    assert cases["C-45"].find("failure").get("message").startswith("10 cases: ")
    assert "error p/1.m4v /moof/traf/trun at byte 77: a sample lies outside\n" in cases["C-45"].find("failure").text
    assert cases["ANX-B.8-06"].find("skipped").get("message") == "not checked in 1 cases, as nobody had a key"
    assert cases["store"].find("failure").get("message") == "4 errors, 1 warnings, 1 notes"
    assert cases["store"].find("system-out").text.startswith("looked at <it>\n")
    assert "<b>" in cases["ANX-B.9-05"].find("failure").text


def test_junit_fails_what_the_exit_status_counts():
    warning, note = FOUND[4], FOUND[5]
    for findings, fail_on, failures in (
        ([warning], Level.WARNING, 2), ([warning], Level.ERROR, 0), ([note], Level.WARNING, 0),
        ([note], Level.NOTE, 2), ([], Level.NOTE, 0),
    ):  # fmt: skip
        suite = suite_of(text_of("junit", findings, fail_on=fail_on))
        assert int(suite.get("failures")) == failures
        assert len(suite) == 1 + len(findings)
    hidden = cases_of(suite_of(text_of("junit", sums=FindingSums(most=0))))
    assert hidden["C-45"].find("failure") is not None, "what is not shown is a failure all the same"
    assert "6 findings are not shown" in hidden["store"].find("system-out").text


def test_junit_of_a_validation_that_fails_has_an_error():
    cases = cases_of(suite_of(failed_text("junit")))
    assert cases["store"].find("error").get("message") == "the store is gone <now>"
    assert cases["ANX-B.4-11"].find("failure") is not None


# ---- HTML ------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Tags in balance, the text, and all attributes of a page."""

    EMPTY = ("meta",)

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def test_html_is_one_page_that_refers_to_nothing():
    text = text_of("html", remarks=lambda: ["looked at <it>"], sums=FindingSums(most=5))
    page = Page(text)
    assert text.isascii()
    assert text.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "img", "iframe", "object", "base", "form", "a"} & set(page.tags)
    assert not {"src", "href", "style", "action"} & {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert not re.search(r"url\(|@import|https?:", text)
    words = "".join(page.words)
    for part in ("looked at <it>", "4 errors, 1 warnings", "it is \\x1b<b>", "a%b:c,d;&<script>\"'\\x1b[2J\\r\\n",
                 "1 findings are not shown", "/moof/traf/trun", "at byte 77", RULES["C-45"].text):  # fmt: skip
        assert part in words, part
    assert ("class", "level warning") in page.attributes


def test_html_of_a_validation_that_fails_says_so():
    assert "The validation failed: the store is gone <now>" in "".join(Page(failed_text("html")).words)


def test_html_without_findings():
    page = Page(text_of("html", []))
    assert "0 errors, 0 warnings" in "".join(page.words)
    assert "table" not in page.tags


# ---- annotations -----------------------------------------------------------------------------------


def commands_of(text):
    """Lines as the runner of GitHub Actions reads them: name, properties, text; the order of decoding is its own."""
    found = []
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        name, properties, data = re.fullmatch(r"::(\w+) ([^\r]*?)::([^\r]*)", line).groups()
        read = {}
        for one in properties.split(","):
            key, _, value = one.partition("=")
            for code, letter in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
                value = value.replace(code, letter)
            read[key] = value
        for code, letter in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            data = data.replace(code, letter)
        found.append((name, read, data))
    return found


def test_annotations_come_back_as_they_were():
    *found, last = commands_of(text_of("github", folder="some/store/"))
    shown = "a%b:c,d;&<script>\"'\\x1b[2J\\r\\n::error::x\\u2028\\ud800\\ufffe\\u202e]]>é\U0001f3a5"
    assert [name for name, _, _ in found] == ["error", "error", "error", "error", "warning", "notice"]
    assert found[0][1] == {"file": "some/store/p/1.m4v", "title": "ANX-B.4-11 in p/1.m4v"}
    assert found[1][2] == "/moof/traf/trun at byte 77: a sample lies outside"
    assert found[3][1] == {"file": f"some/store/{shown}", "title": f"ANX-B.9-05 in {shown}"}
    assert found[3][2] == "@Version: it is \\x1b<b>"
    assert found[5][1:] == ({"title": "ANX-B.4-11"}, "older ones are gone: 100 %\\n")
    assert last[0] == "notice"
    assert last[2].splitlines()[:2] == ["4 errors, 1 warnings, 1 notes", f"10 error C-45: {RULES['C-45'].text}"]


def test_text_of_a_store_gives_no_commands():
    evil = Finding("C-45", Level.ERROR, "\n::set-output name=x::y", 5, "\r\n::stop-commands::t", "::add-mask::p")
    text = text_of("github", [evil], remarks=lambda: ["\n::error::remark"])
    assert len(commands_of(text)) == 2
    assert {line.split(" ")[0] for line in text.splitlines()} == {"::error", "::notice"}


# ---- all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", REPORTS)
def test_a_damaged_bucket_is_reported_in_every_format(form):
    objects = objects_of(base("cmaf"))
    del objects[next(name for name in objects if name.endswith(".1.m4v"))]
    validation = validate_store(store_of(objects))
    text = "".join(report_on(validation, form, ReportContext(checked=validation.checked)))
    assert "ANX-B.4-11" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "site-2" in text


@pytest.mark.parametrize("form", REPORTS)
def test_hostile_names_stay_text(form):
    text = text_of(form, remarks=lambda: [HOSTILE])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff\ufffe]", text)
    if form == "junit":
        suite_of(text)


def test_no_such_format():
    with pytest.raises(KeyError):
        report_on([], "pdf")
