"""Requirements on every ``ReadableStore``, as tests that the author of a store runs; see ``store_conformance``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onvif_bmff.errors import ObjectKeyError, ObjectNotFoundError, StoreError
from onvif_bmff.objects.key import MAX_KEY_BYTES
from onvif_bmff.objects.stored import ReadableStore

__all__ = ["REFUSED_KEYS", "ReadableStoreConformance", "StoredObject", "expect", "expect_error", "folded"]

REFUSED_KEYS = (
    "", "/a", "a/", "a//b", "../a", "a/../b", ".", "..", "a/./b", "a\x00b", "a\nb", "a\x7fb", "\ud800", "x" * 1025,
)  # fmt: skip
"""Keys that no store accepts; see ``ReadableStore``."""

ODD_KEYS = ("a b", 'a:b*?"<>|\\', "ünïcødé/\U0001f600", ".hidden", "...", "~", "-rf", "%2e%2e", "CON", "a+b&c=d#e")
"""Keys that look special and are only names; every store accepts them."""

_RANGES: tuple[tuple[int, int | None, bytes], ...] = (
    (0, None, b"0123456789"),
    (3, None, b"3456789"),
    (3, 4, b"3456"),
    (0, 0, b""),
    (8, 100, b"89"),
    (10, 5, b""),
    (50, None, b""),
    (-3, None, b"789"),
    (-3, 2, b"78"),
    (-30, 2, b"01"),
    (4, -1, b""),
    (10**30, None, b""),
    (10**30, 10**30, b""),
    (-(10**30), 10**30, b"0123456789"),
    (2**63, 1, b""),
    (0, -(10**30), b""),
)
"""Start, length, and the part of ``0123456789`` that they name."""

_NAMES = (
    "D/x", "a", "a-b", "a.b/x", "b/a", "b/a-c", "b/a.d/e", "b/z", "c/ü", "c/\U0001f600", "c/\uffee", "d/e-g", "d/e/f",
)  # fmt: skip
"""Names whose order is neither that of a walk through folders, nor one without case, nor that of UTF-16."""
_ATTRIBUTES = {"Version": "1.0", "Source": 'Caméra \U0001f4f7 = 1; "x" ', "ObjectId": "0123456789abcdef", "Empty": ""}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that a store holds before a test begins."""

    key: str
    data: bytes = b"data"
    content_type: str = "video/mp4"
    attributes: Mapping[str, str] = field(default_factory=dict)


def expect(found: object, wanted: object, what: str) -> None:
    """Check that ``found`` equals ``wanted``; without ``assert``, which ``python -O`` removes."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r:.300} was found, {wanted!r:.300} was wanted")


def expect_error(
    errors: type[Exception] | tuple[type[Exception], ...], call: Callable[..., object], *given: Any
) -> None:
    """Check that ``call(*given)`` raises one of these errors and nothing else."""
    what = f"{getattr(call, '__name__', call)}({', '.join(f'{value!r:.40}' for value in given)})"
    try:
        call(*given)
    except errors:
        return
    except Exception as error:
        raise AssertionError(f"{what} raised {error!r:.300}, not {errors}") from error
    raise AssertionError(f"{what} raised nothing, not {errors}")


def folded(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes by their names in lower case: stores may change the case of names, not of values."""
    return {name.lower(): value for name, value in attributes.items()}


class ReadableStoreConformance:
    """Tests of the reading side, for stores that are filled by other means than ``ObjectStore``.

    ``many`` objects are listed in one test: more than a page of the service's listing.
    """

    many = 1100

    def make_readable(self, objects: Sequence[StoredObject]) -> ReadableStore:
        """Return a new store that holds these objects and no others."""
        raise NotImplementedError("a subclass makes the stores")

    def test_ranges(self) -> None:
        """``get`` gives the bytes of a range, and fewer where the object ends."""
        store = self.make_readable([StoredObject("key", b"0123456789")])
        expect(store.get("key"), b"0123456789", "the whole object")
        for start, length, wanted in _RANGES:
            found = store.get("key", start, length)
            expect(found, wanted, f"get(key, {start}, {length})")
            expect(type(found), bytes, "the type of what get gives")

    def test_empty_objects(self) -> None:
        """An object of no bytes is an object, as those that end spans."""
        store = self.make_readable([StoredObject("2022-11-08/15/08-23.547Z.1.m4v_end", b"")])
        (key,) = store.keys()
        expect((store.get(key), store.get(key, 5), store.get(key, -5, 2)), (b"", b"", b""), "an empty object")
        expect((store.head(key).size, dict(store.head(key).attributes)), (0, {}), "head of an empty object")

    def test_head(self) -> None:
        """Size, content type and attributes come back; names of attributes in any case."""
        content_type = 'video/mp4; codecs="avc1.640028"'
        one = StoredObject("a/b.m4v", b"0123456789", content_type, _ATTRIBUTES)
        info = self.make_readable([one]).head("a/b.m4v")
        expect((info.key, info.size, info.content_type), ("a/b.m4v", 10, content_type), "head")
        expect(folded(info.attributes), folded(_ATTRIBUTES), "attributes")

    def test_missing_objects(self) -> None:
        """Nothing is found under keys that no object has, nor under beginnings and continuations of those that are."""
        store = self.make_readable([StoredObject("a/b")])
        for key in ("b", "a", "a/", "a/b/c", "a/bc", "A/B", *REFUSED_KEYS):
            for look in (store.get, store.head):
                errors: tuple[type[Exception], ...] = (ObjectNotFoundError, ObjectKeyError)
                if key in ("b", "a/bc", "A/B"):
                    errors = (ObjectNotFoundError,)
                if key in ("a", "a/b/c"):  # which a store with a/b need not hold
                    errors = (StoreError, ObjectKeyError)
                expect_error(errors, look, key)

    def test_listing_in_order(self) -> None:
        """``keys`` gives what begins with the prefix and is greater than ``after``, by code points."""
        names = sorted(_NAMES)
        store = self.make_readable([StoredObject(name) for name in reversed(names)])
        expect(list(store.keys()), names, "keys()")
        others = ("nothing", "b/a/", "/", "b//", "..", ".onvif_bmff/", "a\x00", "a\n")
        for prefix in ("", "a", "a.b", "b/", "b/a", "b/a.", "c/", "b/z", *others):
            wanted = [name for name in names if name.startswith(prefix)]
            expect(list(store.keys(prefix)), wanted, f"keys({prefix!r})")
            for after in (*names, "b", "b/", "b/a.d", "b/a.d/", "zzz"):
                expected = [name for name in wanted if name > after]
                expect(list(store.keys(prefix, after=after)), expected, f"keys({prefix!r}, after={after!r})")

    def test_listing_of_many(self) -> None:
        """A listing does not end with its first page."""
        names = [f"{index // 100:03}/{index:06}" for index in range(self.many)]
        store = self.make_readable([StoredObject(name, b"") for name in names])
        expect(list(store.keys()), names, f"keys() of {self.many} objects")
        expect(list(store.keys(after=names[-3])), names[-2:], "keys(after=…)")

    def test_odd_keys_are_only_names(self) -> None:
        """A store does not interpret the keys that it accepts."""
        for key in ODD_KEYS:
            store = self.make_readable([StoredObject(key, key.encode())])
            expect(list(store.keys()), [key], "keys()")
            expect(store.get(key), key.encode(), f"get({key!r})")
            expect(store.head(key).key, key, f"head({key!r}).key")

    def test_long_keys(self) -> None:
        """Keys may have as many bytes as ``check_path`` allows."""
        key = "/".join(["é" * 100] * 5 + ["x" * (MAX_KEY_BYTES - 5 * 201)])
        store = self.make_readable([StoredObject(key)])
        expect((list(store.keys()), store.get(key)), ([key], b"data"), f"a key of {MAX_KEY_BYTES} bytes")
