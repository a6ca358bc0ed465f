"""Content keys as text: what is read, what is refused, and that no message repeats a key."""

import traceback
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.file import MAX_KEY_FILE, build_key_file, parse_key_file
from onvif_bmff.errors import ProtectionError

KID, OTHER = "01234567-89ab-cdef-0123-456789abcdef", "11111111-2222-3333-4444-555555555555"
KEY = "8badf00d0badc0de8badf00d0badc0de"
ONE = ContentKey(UUID(KID), bytes.fromhex(KEY))
TWO = ContentKey(UUID(OTHER), bytes(16))


@pytest.mark.parametrize(
    "text",
    [
        f"{KID}={KEY}",
        f"{KID}:{KEY}",
        f"{KID.replace('-', '')}:{KEY}\n",
        f"urn:uuid:{KID}={KEY}",
        f"URN:UUID:{KID}:{KEY}",
        f"{KID.upper()} = {KEY.upper()}",
        f"  {KID}\t:  {KEY}  ",
        f"# keys of camera 5\n\n; and more\r\n{KID}={KEY}\r\n\r\n",
        f"\ufeff{KID}={KEY}",
        f"{KID}={KEY}\r",
        f"{KID}={KEY}\n{KID}:{KEY}\n",
    ],
)
def test_lines(text):
    assert parse_key_file(text.encode()) == (ONE,)
    assert parse_key_file(text.removeprefix("\ufeff").encode("utf-16")) == (ONE,)


def test_several_keys_keep_their_order():
    assert parse_key_file(f"{OTHER}={'00' * 16}\n{KID}={KEY}\n".encode()) == (TWO, ONE)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no key in it"),
        (b"\n# nothing\n", "no key in it"),
        (KEY.encode(), "line 1: a line is KID=KEY"),
        (f"{KID} {KEY}".encode(), "line 1"),
        (f"# x\n{KID}={KEY[:-1]}".encode(), "line 2: a content key is exactly 32 hex digits"),
        (f"{KID}={KEY}0".encode(), "32 hex digits"),
        (f"{KID}={KEY[:-1]}g".encode(), "32 hex digits"),
        (f"{KID}x={KEY}".encode(), "a KID is a UUID"),
        (f"{KEY}x:{KEY}".encode(), "a KID is a UUID"),
        (f"{{{KID}}}={KEY}".encode(), "a KID is a UUID"),
        (f'{{"{KID}": "{KEY}"}}'.encode(), "line 1"),
        (f"{KID}={KEY}\n{KID}={'0' * 32}".encode(), "line 2: another key for the KID"),
        (f"{KID}={KEY} # mine".encode(), "line 1"),
        (f"{KID}={KEY}\0".encode(), "32 hex digits"),
        (b"\xff\xfe\x00", "no text"),
        (f"{KID}={KEY}\xff".encode("latin-1"), "no text"),
        (b"#" * (MAX_KEY_FILE + 1), "too long"),
    ],
)
def test_what_is_refused_and_never_repeated(data, said):
    with pytest.raises(ProtectionError, match=said) as refused:
        parse_key_file(data)
    told = "".join(traceback.format_exception(refused.value))
    for secret in (KEY, KEY[:-1], repr(bytes.fromhex(KEY))):
        assert secret not in told


@given(st.lists(st.tuples(st.uuids(), st.binary(min_size=16, max_size=16)), min_size=1, unique_by=lambda one: one[0]))
def test_what_is_written_is_read(pairs):
    keys = tuple(ContentKey(*pair) for pair in pairs)
    assert parse_key_file(build_key_file(keys)) == keys


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_anything_else_is_an_error_of_ours(data):
    with suppress(ProtectionError):
        parse_key_file(data)
