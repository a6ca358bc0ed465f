"""The test vectors are what their manifest says, and each rule has one that breaks it."""

import hashlib
from uuid import UUID

import pytest
import vectors
from byte_edits import Bucket

from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.validation import RULES, validate_store


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("vectors")
    return out, vectors.make(out)


def ring_of(one):
    return KeyRing([ContentKey(UUID(key["kid"]), bytes.fromhex(key["key"])) for key in one["content_keys"]])


def test_the_files_are_those_of_the_manifest(made):
    out, manifest = made
    for one in manifest["buckets"]:
        for entry in one["objects"]:
            data = (out / one["name"] / entry["key"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], entry["sha256"])


def test_the_same_set_is_made_again(made):
    assert vectors.make() == made[1]


def test_valid_buckets_have_no_findings_and_open_with_their_keys(made):
    out, manifest = made
    valid = [one for one in manifest["buckets"] if not one["expected"]]
    assert len(valid) == 2 * 3 * 9 + 2 * 2
    for one in valid:
        report = validate_store(Bucket(vectors.load(out, one)), keys=ring_of(one))
        assert [str(found) for found in report] == [], one["name"]
        assert report.checked.samples_unopened == 0
        assert bool(report.checked.samples_opened) == bool(one["content_keys"])


@pytest.mark.parametrize("name", ["ec", "rsa"])
def test_wrapped_keys_open_with_either_private_key(made, name):
    out, manifest = made
    unwrapper = PrivateKeyUnwrapper(
        (out / f"{name}.key.pem").read_bytes(), certificate=(out / f"{name}.crt.pem").read_bytes()
    )
    wrapped = [one for one in manifest["buckets"] if one["name"].endswith("-wrapped")]
    assert len(wrapped) == 4
    for one in wrapped:
        report = validate_store(Bucket(vectors.load(out, one)), unwrapper=unwrapper)
        assert list(report) == []
        assert report.checked.samples_opened > 0
        assert report.checked.samples_unopened == 0


def test_broken_buckets_have_the_finding_that_they_are_made_for(made):
    out, manifest = made
    broken = [one for one in manifest["buckets"] if one["expected"]]
    for one in broken:
        (expected,) = one["expected"]
        found = {(finding.rule, finding.level.value) for finding in validate_store(Bucket(vectors.load(out, one)))}
        assert (expected["rule"], expected["level"]) in found, one["name"]
    assert {one["expected"][0]["rule"] for one in broken} == set(RULES)
