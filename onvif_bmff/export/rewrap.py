"""A copy of a store whose content keys are wrapped for other certificates. ONVIF Recording Control 25.12, B.8.2.

Only the asymmetric ``pssh`` boxes of the movie boxes change: samples stay encrypted under the same content keys, and
their bytes are copied as they are. Where the header grows or shrinks, the positions that count from the start of the
object move with it: those in mfra, in an index in front of the movie box, base data offsets, and SeekTable.

The copy is another store, for recordings are evidence: the old objects stay until somebody has looked at the new ones.
A store makes an object visible when it is whole, so an interrupted run leaves no half object, and the next run goes on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from onvif_bmff.bmff import (
    ASYMMETRIC_SYSTEM_ID,
    AsymmetricKeySystemHeaderBox,
    ChunkLargeOffsetBox,
    ChunkOffsetBox,
    MovieBox,
    ProtectionSystemSpecificHeaderBox,
)
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.cenc.keys.wrap import KeyWrapper, OaepHash, check_certificate, thumbprint
from onvif_bmff.errors import (
    CertificateError,
    MediaError,
    ObjectExistsError,
    ObjectKeyError,
    ObjectNotFoundError,
    OnvifBmffError,
    StoreError,
    UnsupportedSchemeError,
)
from onvif_bmff.export.moved import moved_attributes, moved_pieces, pieces_of, same_bytes
from onvif_bmff.export.new_headers import HeaderMaker, NewHeaders
from onvif_bmff.objects.extensions import EXTENSIONS
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.objects.locations import check_apart, is_in_store_area
from onvif_bmff.objects.stored import SPAN_END_CONTENT_TYPE, ObjectInfo, ObjectStore, ReadableStore
from onvif_bmff.playback.source import StoreSource, box_head, parse_one
from onvif_bmff.timing import UtcTime

__all__ = [
    "Rewrapped",
    "Rewrapper",
    "Rewrapping",
    "Wrapping",
    "is_span_end",
    "kind_of",
    "prepare_wrapping",
    "rewrap_store",
]

_OTHER_BYTES = "the target has this object already, with other bytes: it was damaged, or made from another one"
_LARGE = 1
"""What the size of a box is if its real size follows the type."""


class Rewrapping(StrEnum):
    """What became of an object."""

    REWRAPPED = "rewrapped"
    COPIED = "copied"
    """It has no wrapped keys: it is clear, has other keys, is the end of a span, or is none of a recording."""
    PRESENT = "present"
    """The target has it already, with the same bytes but for the new headers, for the same certificates."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of the object with a key; ``error`` says why it failed."""

    key: str
    outcome: Rewrapping
    error: str = ""


def rewrap_store(
    source: ReadableStore,
    target: ObjectStore | None,
    certificates: Iterable[bytes],
    *,
    at: UtcTime,
    keys: KeyRing | None = None,
    unwrapper: KeyUnwrapper | None = None,
    oaep_hash: OaepHash = "sha1",
    keep: bool = False,
    prefix: str = "",
) -> Iterator[Rewrapped]:
    """Copy the objects of a store, with their keys wrapped for other certificates, and yield what became of each.

    An object that fails is not in the target, and the others go on. Ends of spans go last; those of the same prefix,
    postfix and extension as a segment that failed are not copied, and fail too. What the target has already is not
    written again, and its bytes are compared with those that would be written; only the wrapped keys in it cannot be,
    for each wrapping is another one.

    Args:
        source: the objects.
        target: where the copies go; None for a dry run, which opens and wraps each key, and writes nothing.
        certificates: X.509 certificates, PEM or DER, at least one; a key is wrapped for them once for each KID.
        at: the time of the system clock, at which they must be valid.
        keys: content keys that are known.
        unwrapper: unwraps the others from the old headers.
        oaep_hash: hash of RSA-OAEP.
        keep: leave the old certificates beside the new ones.
        prefix: begin of the names to copy.

    Raises:
        CertificateError: a certificate cannot be used, or there is none.
        StoreError: the stores are the same, one lies within the other, or a listing failed.
    """
    headers, wrapping = prepare_wrapping(
        source, target, certificates, at=at, keys=keys, unwrapper=unwrapper, oaep_hash=oaep_hash, keep=keep
    )
    return Rewrapper(source, target, headers, wrapping).all(prefix)


@dataclass(frozen=True, slots=True)
class Wrapping:
    """For the certificates with which thumbprints keys are wrapped, and whether beside the old ones."""

    thumbprints: frozenset[bytes]
    keep: bool


def prepare_wrapping(
    source: ReadableStore,
    target: ObjectStore | None,
    certificates: Iterable[bytes],
    *,
    at: UtcTime,
    keys: KeyRing | None,
    unwrapper: KeyUnwrapper | None,
    oaep_hash: OaepHash,
    keep: bool,
) -> tuple[HeaderMaker, Wrapping]:
    """Check the arguments of ``rewrap_store``, and return what makes headers, and how.

    Raises:
        CertificateError: a certificate cannot be used, or there is none.
        StoreError: the stores are the same, or one lies within the other.
    """
    here, there = (getattr(store, "location", None) for store in (source, target))
    if here is not None and there is not None:
        check_apart(here, there)
    certificates = tuple(certificates)
    for number, certificate in enumerate(certificates, 1):
        try:
            check_certificate(certificate, at=at)
        except CertificateError as error:
            raise CertificateError(f"new certificate {number}: {error}") from None
    wrapper = KeyWrapper(certificates, oaep_hash=oaep_hash)
    headers = HeaderMaker(wrapper, at, keys if keys is not None else KeyRing(), unwrapper)
    return headers, Wrapping(frozenset(map(thumbprint, certificates)), keep)


@dataclass(frozen=True, slots=True)
class _Header:
    """The movie box of an object: where it lies, its bytes, and its asymmetric headers."""

    start: int
    raw: bytes
    movie: MovieBox
    wrapped: tuple[AsymmetricKeySystemHeaderBox, ...]

    def with_headers(self, headers: Iterable[AsymmetricKeySystemHeaderBox]) -> bytes:
        """Return the movie box with new headers in the places of the old ones."""
        made, position = bytearray(), 0
        for box, new in zip(self.wrapped, headers, strict=True):
            begin = (box.offset or 0) - self.start
            made += self.raw[position:begin]
            made += new.build()
            position = begin + (box.read_size or 0)
        made += self.raw[position:]
        if int.from_bytes(made[:4], "big") == _LARGE:
            made[8:16] = len(made).to_bytes(8, "big")
        else:
            made[:4] = len(made).to_bytes(4, "big")
        return bytes(made)


class Rewrapper:
    """Copies objects, one at a time, in any order but for the ends of spans.

    Args:
        source: the objects.
        target: where the copies go; None for a dry run.
        headers: the new headers.
        wrapping: for whom they are.
        incomplete: kinds of spans, as ``kind_of`` gives them, of which a segment failed: their ends are not copied.
    """

    def __init__(
        self,
        source: ReadableStore,
        target: ObjectStore | None,
        headers: NewHeaders,
        wrapping: Wrapping,
        incomplete: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        self._source = source
        self._target = target
        self._headers = headers
        self._wrapping = wrapping
        self._incomplete = set(incomplete)

    def all(self, prefix: str) -> Iterator[Rewrapped]:
        """Copy all objects; ends of spans last, for a span is not ended before its segments are there."""
        ends = []
        for name in self._source.keys(prefix):
            if is_in_store_area(name):
                continue
            if is_span_end(name):
                ends.append(name)
                continue
            for done in self.one(name):
                if done.outcome is Rewrapping.FAILED and (kind := kind_of(name)) is not None:
                    self._incomplete.add(kind)
                yield done
        for name in ends:
            yield from self.one(name)

    def one(self, name: str) -> Iterator[Rewrapped]:
        """Copy an object, and yield what became of it; nothing if it was deleted meanwhile."""
        try:
            yield Rewrapped(name, self._one(name))
        except ObjectNotFoundError:
            return
        except OnvifBmffError as error:
            yield Rewrapped(name, Rewrapping.FAILED, str(error))

    def _one(self, name: str) -> Rewrapping:
        info = self._source.head(name)
        key = _parsed(name)
        header = None
        if key is not None and not key.span_end and info.size:
            header = _read_header(self._source, name)
        if self._is_present(name, info, header):
            return Rewrapping.PRESENT
        if key is not None and key.span_end and kind_of(name) in self._incomplete:
            raise StoreError("the end of a span is not copied where segments of its recording failed")
        if header is None or not header.wrapped:
            self._write(name, info, None, b"")
            return Rewrapping.COPIED
        self._write(name, info, header, header.with_headers([self._header_of(box, header) for box in header.wrapped]))
        return Rewrapping.REWRAPPED

    # ---- keys -----------------------------------------------------------------------------------

    def _header_of(self, old: AsymmetricKeySystemHeaderBox, header: _Header) -> AsymmetricKeySystemHeaderBox:
        """Return the new header of a key, opened with what the run knows. Raises ``ProtectionError``."""
        new = self._headers.of(old, header.wrapped)
        if not self._wrapping.keep:
            return new
        prints = {entry.thumbprint for entry in new.entries}
        kept = tuple(entry for entry in old.entries if entry.thumbprint not in prints)
        if kept and old.entry_layout != new.entry_layout:
            raise UnsupportedSchemeError("entries of two releases cannot stand side by side in one header")
        return replace(new, entries=(*kept, *new.entries))

    def _is_present(self, name: str, info: ObjectInfo, header: _Header | None) -> bool:
        """Return whether the target has the copy of an object; ``StoreError`` if it has another object there."""
        if self._target is None:
            return False
        try:
            there = self._target.head(name)
        except ObjectNotFoundError:
            return False
        if header is None or not header.wrapped:
            if there.size != info.size:
                raise StoreError(f"the target has another object of this name, of {there.size} bytes, not {info.size}")
            self._compare(name, pieces_of(self._source, name))
            return True
        found = _read_header(self._target, name)
        old = {box.kid: {entry.thumbprint for entry in box.entries} for box in header.wrapped}
        new = {box.kid: {entry.thumbprint for entry in box.entries} for box in found.wrapped} if found else {}
        keep, wanted = self._wrapping.keep, self._wrapping.thumbprints
        if new != {kid: wanted | prints if keep else wanted for kid, prints in old.items()}:
            raise StoreError("the target has this object already, for other certificates")
        if found is not None:
            if [box.kid for box in found.wrapped] != [box.kid for box in header.wrapped]:
                raise StoreError(_OTHER_BYTES)
            movie = header.with_headers(found.wrapped)
            delta = len(movie) - len(header.raw)
            self._compare(name, moved_pieces(self._source, name, header.start, movie, delta))
        if found is not None and not keep:  # the next objects of the span get the same headers
            for box in found.wrapped:
                self._headers.found(box)
        return True

    def _compare(self, name: str, pieces: Iterable[bytes]) -> None:
        """Raise ``StoreError`` if the object in the target has other bytes."""
        if self._target is not None and not same_bytes(pieces, self._target, name):
            raise StoreError(_OTHER_BYTES)

    # ---- copies ---------------------------------------------------------------------------------

    def _write(self, name: str, info: ObjectInfo, header: _Header | None, movie: bytes) -> None:
        delta = len(movie) - len(header.raw) if header is not None else 0
        pieces = pieces_of(self._source, name)
        if header is not None:
            pieces = moved_pieces(self._source, name, header.start, movie, delta)
        attributes = moved_attributes(info.attributes, delta) if delta else dict(info.attributes)
        size = 0
        if self._target is None:
            return
        writer = self._target.open_writer(name, content_type=info.content_type or _content_type(name))
        try:
            for piece in pieces:
                writer.append(piece)
                size += len(piece)
            if size != info.size + delta:
                raise StoreError(f"{size - delta} bytes were read of an object of {info.size}")
            writer.seal(attributes)
        except ObjectExistsError:
            writer.abandon()
            raise StoreError("somebody else wrote this object to the target meanwhile") from None
        except BaseException:
            writer.abandon()
            raise


def _parsed(name: str) -> ObjectKey | None:
    try:
        return ObjectKey.parse(name)
    except ObjectKeyError:
        return None


def kind_of(name: str) -> tuple[str, str, str] | None:
    """Return what the spans of a recording and type have in common; None for a name that is no key."""
    key = _parsed(name)
    return None if key is None else (key.prefix, key.postfix, key.extension)


def is_span_end(name: str) -> bool:
    """Return whether a name is the key of a span end object."""
    key = _parsed(name)
    return key is not None and key.span_end


def _content_type(name: str) -> str:
    """Return the content type for a name whose store knows none."""
    row = EXTENSIONS.get(name.rpartition(".")[2])
    return SPAN_END_CONTENT_TYPE if row is None else row.content_type


def _read_header(store: ReadableStore, name: str) -> _Header | None:
    """Return the movie box of an object; None if it has none.

    Raises:
        UnsupportedSchemeError: a header of the asymmetric key system cannot be read.
        MediaError: the movie box describes samples, whose places cannot be moved.
    """
    source, position = StoreSource(store, name, block=1 << 16), 0
    while (head := box_head(source, position)) is not None and head.size is not None:
        if head.type == "moov":
            movie = parse_one(source, position, head.size)
            if not isinstance(movie, MovieBox):
                return None
            raw = bytes(source.view(position, head.size))
            wrapped = tuple(box for box in movie.children if isinstance(box, AsymmetricKeySystemHeaderBox))
            for box in movie.children:
                if isinstance(box, ProtectionSystemSpecificHeaderBox) and box.system_id == ASYMMETRIC_SYSTEM_ID:
                    raise UnsupportedSchemeError("a header of the asymmetric key system cannot be read")
            if wrapped and _describes_samples(movie):
                raise MediaError("the movie box describes samples: this is no segment of a recording")
            return _Header(position, raw, movie, wrapped)
        position += head.size
    return None


def _describes_samples(movie: MovieBox) -> bool:
    tables = (ChunkOffsetBox, ChunkLargeOffsetBox)
    return any(len(box.entries) for _, box in movie.walk() if isinstance(box, tables))
