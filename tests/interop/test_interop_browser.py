"""Encrypted objects play in Chromium: ClearKey over Media Source Extensions, compared by pixels of a frame."""

import base64
import json

import interop_browser
import pytest
from test_interop_encryption import KEY, KID, MODES, WRONG, record

pytestmark = pytest.mark.interop

TYPE = 'video/mp4; codecs="avc1.64000D"'
TIMES = (0.5, 5.0, 11.0)
"""Seconds in the first, a middle and the last fragment: each has a vector of its own."""


@pytest.fixture(scope="module")
def browser():
    made = interop_browser.Browser()
    yield made
    made.close()


@pytest.fixture(scope="module")
def clear(browser):
    """Screenshots of the clear object; they differ from each other, so that they show something."""
    body = record(None, "Video")
    shots = [browser.play(body, TYPE, [], at) for at in TIMES]
    assert [said for said, _ in shots] == [[], [], []]
    pictures = [shot for _, shot in shots]
    assert len(set(pictures)) == len(TIMES)
    return pictures


@pytest.mark.requirement("ANX-B.8-01", "ANX-B.8-08", "ANX-B.8.1-01")
@pytest.mark.parametrize("mode", MODES)
def test_an_encrypted_object_shows_the_same_pictures(browser, clear, mode):
    body = record(mode, "Video")
    for at, picture in zip(TIMES, clear, strict=True):
        said, shot = browser.play(body, TYPE, [(KID, KEY)], at, picture.__eq__)
        # The browser took the KID from the common header of the segment.
        (request,) = map(json.loads, said)
        assert request["kids"] == [base64.urlsafe_b64encode(bytes.fromhex(KID)).decode().rstrip("=")]
        assert shot == picture
    _, shot = browser.play(body, TYPE, [(KID, WRONG)], TIMES[1], lambda shot: shot not in clear)
    assert shot not in clear, "a wrong key does not do"
