"""The list of byte edits: each breaks one rule in a recorded bucket, and names the rule that the validator should name.

An edit changes one field, box, sample, name or attribute, in one object or, where a header is meant, in all objects of
an extension (a change in one only would be found by its neighbours). ``python tests/validation/byte_edits.py`` shows
what the validator finds of each. The list was written before the validator was held against it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from byte_kit import Object, box
from validation_kit import _base

from onvif_bmff.objects.stored import ObjectInfo
from onvif_bmff.validation import validate_store

EDITS = []
MP4, M4V, M4A, M4M = "mp4", "m4v", "m4a", "m4m"
ALL = "all"


@dataclass(frozen=True)
class ByteEdit:
    """An edit: ``rule`` is what the validator should name, ``change`` takes the objects by key and edits them."""

    name: str
    base: str
    rule: str
    change: Callable[[dict], None]

    def __str__(self):
        return f"{self.base}:{self.name}"


def bucket(name):
    """A recording to edit: objects by key, as lists of bytes, content type and attributes."""
    return {key: list(one) for key, one in _recorded(name).items()}


def asymmetric(kid):
    """A pssh of the asymmetric key system with one entry by HPKE; the wrapped key is of zeros."""
    entry = (
        b"\0\2" + (32).to_bytes(4, "big") + bytes(32) + b"\2\0\x10\0\1\0\2" + b"\4" + bytes(64) + b"\0\x20" + bytes(32)
    )
    data = (1).to_bytes(4, "big") + entry
    system = bytes.fromhex("a4852bd080fc484eb9e178a74d49f5ce")
    return box("pssh", b"\1\0\0\0" + system + b"\0\0\0\1" + kid + len(data).to_bytes(4, "big") + data)


@cache
def _recorded(name):
    base, _, extra = name.partition("+")
    found = _base(base)
    if extra:
        changed = {}
        for key, (body, content_type, attributes) in found.items():
            if body:
                obj = Object(body, content_type, attributes)
                obj.add("moov", asymmetric(bytes(15) + b"\1"))
                body, attributes = obj.build(), obj.attributes
            changed[key] = (body, content_type, attributes)
        found = changed
    return found


def keys_with(objects, extension):
    """The keys with an extension, in order."""
    return [key for key in objects if key.endswith("." + extension)]


def in_objects(change, extension, which):
    """An edit of one object with an extension, or of all."""

    def apply(objects):
        keys = keys_with(objects, extension)
        for key in keys if which == ALL else [keys[which]]:
            obj = Object(*objects[key])
            change(obj)
            objects[key] = [obj.build(), obj.content_type, obj.attributes]

    return apply


def edit(name, rules, bases, change, *, extension=M4V, which=1):
    """List an edit of objects: for CMAF with ``extension``, for MP4 of all tracks.

    ``rules`` is one rule, or that of CMAF and that of MP4.
    """
    cmaf, mp4 = rules if isinstance(rules, tuple) else (rules, rules)
    for base in bases.split():
        is_mp4 = base.startswith("mp4")
        applied = in_objects(change, MP4 if is_mp4 else extension, which)
        label = name if is_mp4 or extension == M4V else f"{name} ({extension})"
        EDITS.append(ByteEdit(label, base, mp4 if is_mp4 else cmaf, applied))


def edit_store(name, rules, bases, change):
    """List an edit of the objects by key."""
    cmaf, mp4 = rules if isinstance(rules, tuple) else (rules, rules)
    EDITS.extend(ByteEdit(name, base, mp4 if base.startswith("mp4") else cmaf, change) for base in bases.split())


def sets(**fields):
    """An edit that writes fields; names are ``path.field`` with ``__`` for the slash."""

    def change(obj):
        for name, value in fields.items():
            obj.set(name, value)

    return change


def set_(name, value):
    """An edit that writes one field."""
    return lambda obj: obj.set(name, value)


def drop(path):
    """An edit that takes a box out."""
    return lambda obj: obj.drop(path)


def again(path):
    """An edit that puts a second copy of a box behind it."""
    return lambda obj: obj.again(path)


def raw(name, value):
    """An edit of a field after which nothing is put right."""

    def change(obj):
        obj.build()
        obj.fix = False
        obj.set(name, value)

    return change


class Bucket:
    """Objects by key as a store that can be read; any name will do."""

    def __init__(self, objects):
        self._objects = objects

    def keys(self, prefix="", after=""):
        return (key for key in sorted(self._objects) if key.startswith(prefix) and key > after)

    def head(self, key):
        body, content_type, attributes = self._objects[key]
        return ObjectInfo(key, len(body), content_type, attributes)

    def get(self, key, start=0, length=None):
        return bytes(self._objects[key][0][start : None if length is None else start + length])


def findings_in(edit_):
    """What the validator finds in an edited bucket."""
    objects = bucket(edit_.base)
    edit_.change(objects)
    return list(validate_store(Bucket(objects)))


def load():
    """All edits."""
    import byte_edits_attributes  # noqa: F401
    import byte_edits_fragments  # noqa: F401
    import byte_edits_header  # noqa: F401
    import byte_edits_protection  # noqa: F401
    import byte_edits_store  # noqa: F401

    return EDITS


def main():
    """Print what is found of each edit, and how many are reported, by which rule."""
    edits = sys.modules["byte_edits"].load()
    reported = right = 0
    for one in edits:
        found = {finding.rule for finding in findings_in(one)}
        reported += bool(found)
        right += one.rule in found
        if one.rule not in found:
            print(f"{one}: {one.rule} expected, found {', '.join(sorted(found)) or 'nothing'}")
    print(f"{len(edits)} edits: {reported} reported, {right} with the right rule")


if __name__ == "__main__":
    import byte_edits  # noqa: F401  the modules of the list import this one by its name

    main()
