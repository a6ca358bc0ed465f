import copy
import pickle
import traceback
from datetime import timedelta
from uuid import RFC_4122, UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onvif_bmff.cenc.keys.content import (
    ContentKey,
    FixedKey,
    RotatingKey,
    generate_content_key,
    parse_key,
    parse_kid,
)
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.errors import MissingKeyError, ProtectionError
from onvif_bmff.timing import UtcTime

KID = UUID("00112233-4455-6677-8899-aabbccddeeff")
SECRET = bytes.fromhex("0badc0de0badc0de0badc0de0badc0de")
T0 = UtcTime.parse("2022-11-08T15:08:23.547Z")
HOUR = timedelta(hours=1)


class TestParsing:
    @pytest.mark.parametrize(
        "text",
        [
            "00112233-4455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            "urn:uuid:00112233-4455-6677-8899-aabbccddeeff",
            "URN:UUID:00112233-4455-6677-8899-aabbccddeeff",
            "00112233445566778899aabbccddeeff",
            "00112233445566778899AABBCCDDEEFF",
        ],
    )
    def test_kids(self, text):
        assert parse_kid(text) == KID
        assert parse_kid(text).bytes == bytes.fromhex("00112233445566778899aabbccddeeff")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{00112233-4455-6677-8899-aabbccddeeff}",
            " 00112233-4455-6677-8899-aabbccddeeff",
            "00112233-4455-6677-8899-aabbccddeeff\n",
            "0011223344556677-8899-aabbccddeeff",
            "urn:uuid:00112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeef",
            "00112233445566778899aabbccddeeff0",
            "0x112233445566778899aabbccddeeff",
            "\u0660" * 32,
            "0" * 1_000_000,
        ],
    )
    def test_no_kids(self, text):
        with pytest.raises(ProtectionError) as caught:
            parse_kid(text)
        assert text[:8] not in str(caught.value) or not text[:8]

    def test_keys(self):
        assert parse_key("0BADC0DE0badc0de0badc0de0badc0de") == SECRET

    @pytest.mark.parametrize(
        "text", ["", SECRET.hex()[:-1], SECRET.hex() + "0", "g" * 32, " " + SECRET.hex(), "\u0660" * 32]
    )
    def test_no_keys(self, text):
        with pytest.raises(ProtectionError) as caught:
            parse_key(text)
        assert "badc0de" not in str(caught.value)


class TestContentKey:
    def test_it_is_a_value(self):
        key = ContentKey(KID, SECRET)
        assert (key.kid, key.key) == (KID, SECRET)
        assert key == ContentKey(KID, bytearray(SECRET))
        assert hash(key) == hash(ContentKey(KID, SECRET))
        assert key != ContentKey(KID, bytes(16))
        assert key != ContentKey(uuid4(), SECRET)
        assert key != "key"
        assert copy.copy(key) is key
        assert copy.deepcopy([key])[0] is key

    @pytest.mark.parametrize("size", [0, 15, 17, 32])
    def test_its_length(self, size):
        with pytest.raises(ProtectionError, match=f"16 bytes, not {size}"):
            ContentKey(KID, bytes(size))

    def test_it_cannot_be_changed(self):
        key = ContentKey(KID, SECRET)
        with pytest.raises(AttributeError):
            key.key = bytes(16)
        with pytest.raises(AttributeError):
            key._key = bytes(16)
        with pytest.raises(AttributeError):
            del key._key
        assert not hasattr(key, "__dict__")

    def test_the_secret_shows_nowhere(self):
        key = ContentKey(KID, SECRET)
        ring, source, rotating = KeyRing([key]), FixedKey(key), RotatingKey(None)
        rotating.key_for(T0)
        shown = "".join(f"{thing!r}{thing!s}" for thing in (key, [key], ring, source, rotating, {KID: key}))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError) as caught:
                pickle.dumps(key, protocol)
            shown += "".join(traceback.format_exception(caught.value))
        with pytest.raises(ProtectionError) as refused:
            ring.add(ContentKey(KID, bytes(16)))
        with pytest.raises(ProtectionError) as short:
            ContentKey(KID, SECRET[:15])
        shown += str(refused.value) + str(short.value)
        assert str(KID) in shown
        for secret in (SECRET[:15], rotating.key_for(T0).key):
            assert secret.hex() not in shown.lower()
            assert repr(secret)[2:-1] not in shown


class TestSources:
    def test_a_fixed_key(self):
        key = ContentKey(KID, SECRET)
        assert FixedKey(key).key_for(T0) is FixedKey(key).key_for(T0 + HOUR) is key

    @pytest.mark.requirement("ANX-B.8.2-01", "ANX-B.8.2-02", "ANX-B.8.2-14")
    def test_generated_keys_are_random_under_random_uuids(self):
        keys = [generate_content_key() for _ in range(100)]
        assert len({key.kid for key in keys}) == len({key.key for key in keys}) == 100
        assert all(key.kid.version == 4 and key.kid.variant == RFC_4122 for key in keys)

    def test_they_come_from_the_source_given(self):
        drawn = iter([bytes(16), b"k" * 16])
        key = generate_content_key(lambda size: next(drawn))
        assert key == ContentKey(UUID("00000000-0000-4000-8000-000000000000"), b"k" * 16)
        with pytest.raises(ProtectionError, match="3 bytes instead of 16"):
            generate_content_key(lambda size: b"abc")

    @pytest.mark.requirement("ANX-B.8.2-03", "ANX-B.8.2-05", "ANX-B.8.2-15")
    def test_rotation(self):
        source = RotatingKey(HOUR)
        first = source.key_for(T0)
        assert source.key_for(T0 + timedelta(minutes=30)) is first
        assert source.key_for(T0 + HOUR - timedelta(microseconds=1)) is first
        second = source.key_for(T0 + HOUR + timedelta(minutes=10))
        assert second.kid != first.kid
        assert second.key != first.key
        # Counted from when the first interval ended, not from the segment that noticed it.
        assert source.key_for(T0 + 2 * HOUR - timedelta(microseconds=1)) is second
        third = source.key_for(T0 + 2 * HOUR)
        assert third.kid not in (first.kid, second.kid)

    @pytest.mark.requirement("ANX-B.8.2-05")
    def test_of_several_intervals_in_a_segment_only_the_newest_key_is_used(self):
        made = []

        def random(size):
            made.append(len(made).to_bytes(size, "big"))
            return made[-1]

        source = RotatingKey(HOUR, random)
        source.key_for(T0)
        key = source.key_for(T0 + 5 * HOUR + timedelta(minutes=1))
        assert source.key_for(T0 + 6 * HOUR - timedelta(seconds=1)) is key
        assert len(made) == 4
        source.key_for(T0 + 6 * HOUR)
        assert len(made) == 6

    def test_without_an_interval_the_key_stays(self):
        source = RotatingKey(None)
        assert source.key_for(T0) is source.key_for(T0 + 100_000 * HOUR) is source.key_for(T0 - HOUR)

    def test_a_segment_that_starts_a_little_earlier_gets_the_newest_key(self):
        source = RotatingKey(HOUR)
        first = source.key_for(T0)
        second = source.key_for(T0 + HOUR)
        assert source.key_for(T0 + HOUR - timedelta(milliseconds=20)) is second is not first
        assert source.key_for(T0 + 2 * HOUR - timedelta(microseconds=1)) is second

    def test_a_clock_set_back_does_not_keep_a_key_alive(self):
        source = RotatingKey(HOUR)
        first = source.key_for(T0)
        assert source.key_for(T0 - 24 * HOUR) is first
        assert source.key_for(T0 - 23 * HOUR) is not first

    def test_a_restart_makes_a_new_key(self):
        assert RotatingKey(HOUR).key_for(T0).kid != RotatingKey(HOUR).key_for(T0).kid

    @given(st.lists(st.integers(0, 5 * 3600), max_size=40), st.integers(1, 7200))
    @settings(max_examples=60, deadline=None)
    def test_no_key_serves_a_segment_opened_after_its_time(self, steps, seconds):
        every = timedelta(seconds=seconds)
        source, now = RotatingKey(every), T0
        period_of = {source.key_for(T0).kid: 0}
        for step in steps:
            now = now + timedelta(seconds=step)
            period = (now - T0) // every
            assert period_of.setdefault(source.key_for(now).kid, period) == period
        assert len(set(period_of.values())) == len(period_of)

    @pytest.mark.parametrize("every", [timedelta(0), -HOUR])
    def test_intervals_must_be_positive(self, every):
        with pytest.raises(ProtectionError, match="positive"):
            RotatingKey(every)

    def test_a_broken_random_source(self):
        source = RotatingKey(HOUR, lambda size: bytes(size))
        source.key_for(T0)
        with pytest.raises(ProtectionError, match="same KID"):
            source.key_for(T0 + HOUR)


class TestKeyRing:
    def test_a_mapping(self):
        keys = [generate_content_key() for _ in range(3)]
        ring = KeyRing(keys)
        assert dict(ring) == {key.kid: key for key in keys}
        assert len(ring) == 3
        assert keys[0].kid in ring
        assert ring[keys[1].kid] is ring.find(keys[1].kid) is keys[1]
        assert ring.get(KID) is None

    def test_missing_keys(self):
        with pytest.raises(MissingKeyError, match=str(KID)):
            KeyRing().find(KID)
        with pytest.raises(KeyError):
            KeyRing()[KID]

    def test_two_keys_for_a_kid(self):
        ring = KeyRing([ContentKey(KID, SECRET)])
        ring.add(ContentKey(KID, SECRET))
        with pytest.raises(ProtectionError, match="two different keys"):
            ring.add(ContentKey(KID, bytes(16)))
        assert ring[KID].key == SECRET
