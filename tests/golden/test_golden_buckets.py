"""Buckets that the code of commit 333ccfc recorded open for ever: names, labels, findings, the clear payload."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from onvif_bmff.cenc.keys.content import ContentKey, parse_kid
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper
from onvif_bmff.playback import SampleReader, Timeline, select
from onvif_bmff.storage import DirectoryStore
from onvif_bmff.validation import validate_store

MADE = Path(__file__).resolve().parents[1] / "data" / "buckets-333ccfc"
EXPECTED = json.loads((MADE / "expected.json").read_text())
KEY = ContentKey(parse_kid("0123abcd-0000-4000-8000-0000000000ff"), bytes(range(16)))
READERS = [(bucket, viewer) for bucket in EXPECTED for viewer in ("rsa", "ec")[: 1 + (bucket == "cbcs")]]


@pytest.fixture
def opened(tmp_path):
    """A bucket by its name, as a store."""

    def open_bucket(name: str) -> DirectoryStore:
        with tarfile.open(MADE / f"{name}.tar") as tar:
            tar.extractall(tmp_path, filter="data")
        return DirectoryStore(tmp_path / name)

    return open_bucket


@pytest.mark.parametrize("bucket", EXPECTED)
def test_objects_and_labels_are_found(opened, bucket):
    store = opened(bucket)
    assert list(store.keys("")) == sorted(EXPECTED[bucket]["objects"])
    for name, (size, content_type, attributes) in EXPECTED[bucket]["objects"].items():
        info = store.head(name)
        if name.endswith("_end"):
            content_type = None  # that store kept none of span ends, and claimed one
        assert (info.size, info.content_type, dict(info.attributes)) == (size, content_type, attributes), name
        assert hashlib.blake2b(store.get(name), digest_size=16).hexdigest() == EXPECTED[bucket]["bodies"][name]


@pytest.mark.parametrize(("bucket", "viewer"), READERS)
def test_all_samples_are_given_back_and_nothing_is_wrong(opened, bucket, viewer):
    store = opened(bucket)
    keys = KeyRing([KEY])
    unwrapper = PrivateKeyUnwrapper((MADE / f"viewer-{viewer}.key.pem").read_bytes())
    payload = {}
    for played in SampleReader(store, select(Timeline.from_store(store)), keys=keys, unwrapper=unwrapper):
        row = payload.setdefault(played.track.type.value, [0, hashlib.blake2b(digest_size=16)])
        row[0] += 1
        for part in (played.time.isoformat(6).encode(), bytes(played.sample.data)):
            row[1].update(len(part).to_bytes(4, "big") + part)
    assert {kind: [count, found.hexdigest()] for kind, (count, found) in payload.items()} == EXPECTED[bucket]["payload"]
    findings = validate_store(store, keys=keys, unwrapper=unwrapper)
    assert list(findings) == []
    assert findings.checked.samples_unopened == 0
    assert bool(findings.checked.samples_opened) is (bucket in ("cenc", "cbcs"))


@pytest.mark.parametrize("bucket", EXPECTED)
def test_every_span_is_closed(opened, bucket):
    spans = Timeline.from_store(opened(bucket)).spans
    assert len(spans) == sum(name.endswith("_end") for name in EXPECTED[bucket]["objects"])
    assert [span.state.value for span in spans] == ["closed"] * len(spans)
