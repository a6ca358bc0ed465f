"""Encryption entries by themselves: which key is in use, whose headers it has, and what is wrong. ONVIF B.8."""

import logging

import pytest
from recording_kit import AUDIO, META, NEW_VIDEO, START, VIDEO

from onvif_bmff.bmff import FreeSpaceBox
from onvif_bmff.cenc.encrypt import IvSources
from onvif_bmff.cenc.keys.content import ContentKey, FixedKey, generate_content_key
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.errors import ProtectionError, UnsupportedSchemeError
from onvif_bmff.recording.encryption import EncryptionEntry, encryption_fault, protect, trouble_of

CBCS = ProtectionScheme.CBCS


class Keys:
    """A key source whose key is set from outside."""

    def __init__(self, key):
        self.key = key

    def key_for(self, at):
        return self.key


class Headers:
    """A header source that counts, fails when told to, and knows what is wrong."""

    def __init__(self, trouble=None):
        self.made, self.error, self.trouble = [], None, trouble

    def __call__(self, key, at):
        if self.error is not None:
            raise self.error
        self.made.append(key.kid)
        return (FreeSpaceBox(data=key.kid.bytes),)


def entry(headers, *, keys=None, **more):
    return EncryptionEntry(CBCS, keys or FixedKey(generate_content_key()), headers=headers, **more)


def test_headers_are_made_once_for_a_key_and_anew_where_asked():
    headers = Headers()
    made = entry((headers,))
    first = made.settle(START)
    assert made.settle(START) == first
    assert made.settle(START.plus_ticks(99, 1)) == first
    assert len(headers.made) == 1
    assert made.settle(START, renew=True) == first
    assert len(headers.made) == 2


def test_another_key_is_used_once_it_has_its_headers(caplog):
    old, new = generate_content_key(), generate_content_key()
    keys, headers = Keys(old), Headers()
    made = entry((headers,), keys=keys)
    _, boxes = made.settle(START)
    keys.key, headers.error = new, ProtectionError("no recipient")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert made.settle(START) == (old, boxes)
    assert len(caplog.records) == 1, "said once"
    headers.error = ProtectionError("another reason")
    with caplog.at_level(logging.WARNING):
        assert made.settle(START)[0] == old
    assert len(caplog.records) == 2
    headers.error = None
    assert made.settle(START)[0] == new
    assert headers.made == [old.kid, new.kid]


def test_headers_that_cannot_be_renewed_stay_and_nothing_is_said_of_the_key(caplog):
    headers = Headers()
    made = entry((headers,))
    first = made.settle(START)
    headers.error = ProtectionError("no recipient")
    with caplog.at_level(logging.WARNING):
        assert made.settle(START, renew=True) == first
    assert not caplog.records, "the key would not have changed"


def test_without_a_first_key_or_where_it_is_asked_for_nothing_goes_on():
    headers = Headers()
    headers.error = ProtectionError("no recipient")
    with pytest.raises(ProtectionError, match="no recipient"):
        entry((headers,)).settle(START)
    headers.error, keys = None, Keys(generate_content_key())
    strict = entry((headers,), keys=keys, stop_without_headers=True)
    strict.settle(START)
    keys.key, headers.error = generate_content_key(), ProtectionError("no recipient")
    with pytest.raises(ProtectionError, match="no recipient"):
        strict.settle(START)


def test_trouble_is_that_of_all_sources_in_one_line():
    def silent(key, at):
        return ()

    assert entry(()).trouble is None
    assert entry((silent, Headers())).trouble is None
    assert entry((Headers("one"), silent, Headers(), Headers("two"))).trouble == "one; two"


def test_trouble_of_a_track_is_that_of_its_entry():
    entries = (entry((Headers("video"),), tracks=("V",)), entry((Headers("sound"),), tracks=("A",)))
    assert trouble_of(entries, "V") == "video"
    assert trouble_of(entries, "A") == "sound"
    assert trouble_of(entries, "M") is None
    assert trouble_of((), "V") is None
    assert trouble_of((entry((Headers("all"),)),), "M") == "all"


def test_which_codecs_cannot_be_encrypted():
    class Strange:
        media_type = "Video"

        def sample_entry(self):
            return FreeSpaceBox(data=b"")

    every = (entry(()),)
    assert encryption_fault(every, "V", VIDEO.codec) is None
    assert encryption_fault(every, "A", AUDIO.codec) is None
    assert encryption_fault((entry((), tracks=("V",)),), "A", Strange()) is None, "it stays clear"
    assert isinstance(encryption_fault(every, "V", Strange()), UnsupportedSchemeError)


def test_keys_and_headers_of_spans():
    keys = [generate_content_key() for _ in range(2)]
    headers = [Headers(), Headers()]
    entries = tuple(
        entry((one,), keys=FixedKey(key), tracks=(track.token,))
        for one, key, track in zip(headers, keys, (VIDEO, AUDIO), strict=True)
    )
    made = protect(entries, [VIDEO, AUDIO, META], START, IvSources())
    assert {token: key.kid for token, key in made.keys.items()} == {
        VIDEO.token: keys[0].kid,
        AUDIO.token: keys[1].kid,
    }
    assert set(made.encryptors) == {VIDEO.track_id, AUDIO.track_id}
    assert [one.data for one in made.boxes([VIDEO, AUDIO, META])[1:]] == [key.kid.bytes for key in keys]
    assert [one.data for one in made.boxes([AUDIO])[1:]] == [keys[1].kid.bytes]
    assert made.boxes([META]) == ()
    assert made.is_current(entries, START)
    assert [len(one.made) for one in headers] == [1, 1], "looking whether keys are current makes no headers"
    again = protect(entries, [NEW_VIDEO, AUDIO], START, IvSources())
    assert [len(one.made) for one in headers] == [2, 2], "spans that open have theirs made anew"
    assert again.is_current(entries, START)


def test_a_key_that_rotates_is_not_current():
    keys = Keys(generate_content_key())
    entries = (entry((Headers(),), keys=keys),)
    made = protect(entries, [VIDEO], START, IvSources())
    assert made.is_current(entries, START)
    keys.key = generate_content_key()
    assert not made.is_current(entries, START)


def test_tracks_of_one_entry_have_one_header():
    headers = Headers()
    made = protect((entry((headers,)),), [VIDEO, AUDIO, META], START, IvSources())
    assert len(made.boxes([VIDEO, AUDIO, META])) == 2
    assert len(headers.made) == 1, "made once, not for each track"


def test_two_keys_under_one_kid_are_refused_for_no_reader_could_tell_them_apart():
    kid = generate_content_key().kid
    keys = [ContentKey(kid, bytes([number]) * 16) for number in (1, 2)]
    entries = [
        entry((), keys=FixedKey(key), tracks=(track.token,)) for key, track in zip(keys, (VIDEO, AUDIO), strict=True)
    ]
    with pytest.raises(ProtectionError):
        protect(entries, (VIDEO, AUDIO), START, IvSources())
    assert set(protect(entries[:1], (VIDEO, AUDIO), START, IvSources()).keys) == {VIDEO.token}
    same = entry((), keys=FixedKey(keys[0]), tracks=(AUDIO.token,))
    assert set(protect([entries[0], same], (VIDEO, AUDIO), START, IvSources()).keys) == {VIDEO.token, AUDIO.token}


def test_the_key_in_use_is_not_shown():
    entry = EncryptionEntry(ProtectionScheme.CENC, FixedKey(generate_content_key()))
    assert "in_use" not in repr(entry)
