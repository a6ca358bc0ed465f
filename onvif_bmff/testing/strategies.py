"""Strategies for Hypothesis, derived from the declarations of the boxes: a new box is covered once it is declared.

``boxes(kind)`` draws boxes of one class, ``any_box()`` of any class, ``box_trees()`` sequences of nested boxes and
``files()`` whole valid files. What is drawn is canonical: ``parse_boxes(build_boxes(x)) == x``. Needs hypothesis.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from onvif_bmff.bmff.language.box import (
    Box,
    ContainerBox,
    FullBox,
    FullContainerBox,
    UnknownBox,
)
from onvif_bmff.bmff.language.checks import fields_asked_for
from onvif_bmff.bmff.language.columns import Columns
from onvif_bmff.bmff.language.conditions import Conditional, decide
from onvif_bmff.bmff.language.declare import BOXES, SAMPLE_ENTRIES, RecordOf
from onvif_bmff.bmff.language.header import SIZE_32, SIZE_64
from onvif_bmff.bmff.language.probing import OptionalString, Probed
from onvif_bmff.bmff.language.wire import (
    FOURCC,
    REST,
    STRING,
    UUID_FIELD,
    VIEW,
    Bits,
    Bytes,
    FieldType,
    Fixed,
    ListOf,
    SizedBytes,
    Table,
)
from onvif_bmff.bmff.movie import MetaBox
from onvif_bmff.bmff.pssh import (
    LAYOUT_25_12,
    LAYOUT_26_06,
    NENC,
    AsymmetricKeySystemHeaderBox,
    EncryptedKeyEntry,
)
from onvif_bmff.bmff.sample_entries import AudioSampleEntry, EncryptedMetadataSampleEntry
from onvif_bmff.testing.made_files import TRACKS, cmaf_file, fragmented_file, progressive_file

__all__ = [
    "any_box",
    "box_kinds",
    "box_trees",
    "boxes",
    "files",
]

_MAX_ITEMS = 5
"""Maximum number of rows of a table, items of a list and children of a box."""
_BITS = {"b": 8, "B": 8, "h": 16, "H": 16, "t": 24, "i": 32, "I": 32, "l": 32, "L": 32, "q": 64, "Q": 64}


def box_kinds() -> tuple[type[Box], ...]:
    """Return every declared class of boxes, sample entries included."""
    kinds = dict.fromkeys((*BOXES.values(), *SAMPLE_ENTRIES.values()))
    return (*kinds, AsymmetricKeySystemHeaderBox)


def _fourccs() -> SearchStrategy[str]:
    """Draw printable four-character codes."""
    return st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=4)


def _unknown_boxes() -> SearchStrategy[UnknownBox]:
    """Draw boxes of a type that is not declared."""
    names = _fourccs().filter(lambda name: name not in BOXES and name not in SAMPLE_ENTRIES)
    return st.builds(UnknownBox, type=names, data=st.binary(max_size=24))


def boxes(kind: type[Box], *, depth: int = 2) -> SearchStrategy[Box]:
    """Draw boxes of class ``kind`` with children up to ``depth`` levels below."""
    if kind is AsymmetricKeySystemHeaderBox:
        return _asymmetric_headers()
    return _boxes(kind, depth)


def any_box(*, depth: int = 2) -> SearchStrategy[Box]:
    """Draw a box of any declared class that may stand by itself, or of an unknown type."""
    kinds = [kind for kind in box_kinds() if kind not in SAMPLE_ENTRIES.values()]
    return st.sampled_from(kinds).flatmap(lambda kind: boxes(kind, depth=depth)) | _unknown_boxes()


def box_trees(*, depth: int = 4) -> SearchStrategy[tuple[Box, ...]]:
    """Draw what ``parse_boxes`` returns: boxes one after another, nested up to ``depth`` levels."""
    return st.lists(any_box(depth=depth), max_size=_MAX_ITEMS).map(tuple)


def files() -> SearchStrategy[bytes]:
    """Draw whole valid files: progressive, fragmented and CMAF, clear and encrypted."""
    sizes = st.lists(st.integers(1, 60), min_size=1, max_size=4)
    tracks = st.lists(st.sampled_from(TRACKS), min_size=1, max_size=3)
    count, schemes = st.integers(1, 4), st.sampled_from((None, "cenc", "cbcs"))
    return st.one_of(
        st.builds(progressive_file, tracks=tracks, sizes=sizes, samples=count, edits=st.booleans()),
        st.builds(fragmented_file, tracks=tracks, sizes=sizes, samples=count, fragments=count, scheme=schemes),
        st.builds(cmaf_file, st.sampled_from(TRACKS), sizes=sizes, samples=count, fragments=count, scheme=schemes),
    )


@st.composite
def _asymmetric_headers(draw: DrawFn) -> AsymmetricKeySystemHeaderBox:
    """Draw AsymmetricKeySystemHeaderBox in both layouts."""
    layout = draw(st.sampled_from((LAYOUT_25_12, LAYOUT_26_06)))
    entries = []
    for version in draw(st.lists(st.sampled_from((1, 2)), min_size=1, max_size=3)):
        algorithm, size = draw(st.sampled_from(((1, 20), (2, 32))))
        thumbprint, key = draw(st.binary(min_size=size, max_size=size)), draw(st.binary(max_size=40))
        if version == 1:
            entries.append(EncryptedKeyEntry(
                thumbprint_algorithm=algorithm, thumbprint=thumbprint, encryption_version=1, encrypted_key=key
            ))  # fmt: skip
            continue
        kem = draw(st.sampled_from(tuple(NENC)))
        entries.append(EncryptedKeyEntry(
            thumbprint_algorithm=algorithm, thumbprint=thumbprint, encryption_version=2, hpke_kem=kem,
            hpke_kdf=draw(st.sampled_from((1, 2, 3))), hpke_aead=draw(st.sampled_from((1, 2, 3))),
            encapsulated_secret=draw(st.binary(min_size=NENC[kem], max_size=NENC[kem])), encrypted_key=key,
            info=draw(st.binary(min_size=1, max_size=9)) if layout == LAYOUT_26_06 else None,
        ))  # fmt: skip
    if all(entry.encryption_version == 1 for entry in entries):
        layout = LAYOUT_25_12  # both layouts are the same then
    return AsymmetricKeySystemHeaderBox(kid=draw(st.uuids()), entries=tuple(entries), entry_layout=layout)


@st.composite
def _boxes(draw: DrawFn, kind: type[Box], depth: int) -> Box:
    this: dict[str, Any] = {}
    if kind.versions is not None:
        this["version"] = draw(st.sampled_from(kind.versions))
        mask = kind.layout.flag_mask
        this["flags"] = draw(
            st.integers(0, (1 << 24) - 1) | st.integers(0, (1 << 24) - 1).map(lambda bits: bits & mask)
        )
    _draw_fields(draw, kind, kind.layout.fields, this)
    if not issubclass(kind, FullBox | FullContainerBox):
        this.pop("version", None)
        this.pop("flags", None)
    if not kind.fourcc:
        this["type"] = draw(st.sampled_from([name for name, owner in SAMPLE_ENTRIES.items() if owner is kind]))
    if issubclass(kind, ContainerBox) and depth:
        this["children"] = tuple(draw(st.lists(_children(kind, depth - 1), max_size=3)))
    this["size_form"] = draw(st.sampled_from((SIZE_32, SIZE_32, SIZE_32, SIZE_64)))
    if _keeps_trailing(kind):
        this["trailing"] = draw(st.just(b"") | st.binary(max_size=7))
    return kind(**this)


def _children(kind: type[Box], depth: int) -> SearchStrategy[Box]:
    if kind.registry is None:
        return any_box(depth=depth)
    found = tuple(dict.fromkeys(kind.registry.values()))
    return st.sampled_from(found).flatmap(lambda child: boxes(child, depth=depth))


def _keeps_trailing(kind: type[Box]) -> bool:
    """Return whether bytes behind the fields are kept apart from them."""
    for _, field_type in kind.layout.fields:
        if field_type in (REST, VIEW) or isinstance(field_type, Probed | OptionalString):
            return False
        if isinstance(field_type, ListOf) and field_type.count is None:
            return False
    return True


def _functions(field_type: FieldType) -> list[Callable[[Mapping[str, Any]], Any]]:
    """Return the functions of counts and conditions; the fields that they use are drawn small."""
    return [*field_type.asks(), *[function for part in field_type.parts() for function in _functions(part)]]


def _is_asked(count: Any) -> bool:
    return count is not None and not isinstance(count, FieldType)


def _draw_fields(draw: DrawFn, kind: type[Any], fields: tuple[tuple[str, Any], ...], this: dict[str, Any]) -> None:
    small = fields_asked_for([function for _, field_type in fields for function in _functions(field_type)])
    for name, field_type in fields:
        if isinstance(field_type, Probed):
            this[name] = draw(_probed(kind))
        elif isinstance(field_type, OptionalString) and any(
            this.get(before, "") is None for before, other in fields if isinstance(other, OptionalString)
        ):
            this[name] = None  # a string that was left out is followed by none
        else:
            this[name] = draw(_values(field_type, this, small=name in small))


def _values(field_type: Any, this: dict[str, Any], *, small: bool = False) -> SearchStrategy[Any]:
    """Return the strategy of values of ``field_type``, given the fields before it."""
    field_type = decide(field_type, this.get("version", 0), this.get("flags", 0))
    if field_type is None:
        return st.none()
    if isinstance(field_type, Conditional):
        return _values(field_type.inner, this) if field_type.present(this) else st.none()
    if isinstance(field_type, Bits):
        return st.integers(
            0, (1 << field_type.width) - 1 if not small else min(_MAX_ITEMS, (1 << field_type.width) - 1)
        )
    if isinstance(field_type, Bytes):
        return st.binary(min_size=field_type.length, max_size=field_type.length)
    if field_type is FOURCC:
        return _fourccs()
    if field_type is UUID_FIELD:
        return st.uuids()
    code = field_type.code if isinstance(field_type, Fixed) else ""
    if code and small:
        return st.integers(0, _MAX_ITEMS)
    if code in _BITS:
        return _integers(code)
    if isinstance(field_type, Fixed):  # a number of three or six bytes
        return st.integers(0, (1 << 8 * field_type.packer.size) - 1)
    if field_type is STRING or isinstance(field_type, OptionalString):
        text = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=12)
        return text | st.none() if isinstance(field_type, OptionalString) else text
    if isinstance(field_type, RecordOf):
        return _records(field_type.kind)
    if isinstance(field_type, Table):
        return _tables(field_type, this)
    if isinstance(field_type, SizedBytes | ListOf):
        low, high = (0, _MAX_ITEMS) if not _is_asked(field_type.count) else (field_type.count(this),) * 2
        if isinstance(field_type, SizedBytes):
            return st.binary(min_size=low, max_size=high)
        return st.lists(_values(field_type.item, this), min_size=low, max_size=high).map(tuple)
    return st.binary(max_size=40)  # the rest of the box


def _integers(code: str) -> SearchStrategy[int]:
    bits = _BITS[code]
    low = -(1 << bits - 1) if code.islower() and code != "t" else 0
    return st.integers(low, low + (1 << bits) - 1)


def _tables(field_type: Table, this: dict[str, Any]) -> SearchStrategy[Columns]:
    codes = field_type.codes(this)
    if _is_asked(field_type.count):
        counts = st.just(field_type.count(this))
    elif not codes:
        return st.integers(0, (1 << 32) - 1).map(Columns)  # a bare count takes no memory
    else:
        counts = st.integers(0, _MAX_ITEMS)

    def columns(count: int) -> SearchStrategy[Columns]:
        rows = {name: st.lists(_integers(code), min_size=count, max_size=count) for name, code in codes.items()}
        return st.fixed_dictionaries(rows).map(lambda made: Columns(count, **made))

    return counts.flatmap(columns)


@st.composite
def _records(draw: DrawFn, kind: type[Any]) -> Any:
    this: dict[str, Any] = {}
    _draw_fields(draw, kind, kind.layout.fields, this)
    return kind(**this)


def _probed(kind: type[Any]) -> SearchStrategy[bytes]:
    """Draw bytes in front of child boxes that do not look like a box themselves."""
    if kind is MetaBox:
        return st.sampled_from((bytes(4), b""))
    if kind is AudioSampleEntry:
        return st.sampled_from((0, 12, 32)).flatmap(
            lambda size: st.binary(min_size=size, max_size=size).map(lambda raw: b"\0\0\0\2" + raw if raw else b"")
        )
    if kind is EncryptedMetadataSampleEntry:
        texts = st.lists(st.sampled_from((b"\0", b"gzip\0", b"http://www.onvif.org/ver10/schema\0")), max_size=3)
        return texts.map(b"".join)
    return st.just(b"")
