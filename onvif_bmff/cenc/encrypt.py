"""Encryption of the samples of a fragment. ISO/IEC 23001-7; ONVIF Recording Control 25.12, B.8.

What is written, by scheme (reasons are in ``docs/decisions.md``):

===========================  ==========================================  ==================================
scheme                       NAL video                                   other media
===========================  ==========================================  ==================================
cenc                         senc: 8-byte IVs, subsamples                senc: 8-byte IVs
cbcs, ``"seig"`` (default)   senc: subsamples; seig: IV of the fragment  seig: IV of the fragment
cbcs, ``"segment"``          the same, and the segment is one fragment, whose IV is in tenc too
cbcs, ``"sample"``           senc: 16-byte IV of the fragment, subs.     senc: 16-byte IV of the fragment
cbcs, ``"track"``            senc: subsamples; tenc: IV of the span      tenc: IV of the span
===========================  ==========================================  ==================================

With senc there are saiz and saio. Vectors of cenc have 16 bytes where ``CencIvAllocators`` has that ``size``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from struct import Struct
from uuid import UUID

from onvif_bmff.bmff import (
    AudioSampleEntry,
    Box,
    ContainerBox,
    EncryptedMetadataSampleEntry,
    OriginalFormatBox,
    ProtectionSchemeInfoBox,
    SchemeInformationBox,
    SchemeTypeBox,
    TrackEncryptionBox,
    VisualSampleEntry,
)
from onvif_bmff.cenc.cipher import Range, cipher_for
from onvif_bmff.cenc.iv import MAX_SAMPLE_OF_16, CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.scheme import BLOCK, Pattern, ProtectionScheme
from onvif_bmff.cenc.slice_data import SHORT, SliceData
from onvif_bmff.cenc.subsample import cbcs_subsamples, cenc_subsamples, subsample_limit
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.errors import ProtectionError, UnsupportedSchemeError
from onvif_bmff.media.codec import Codec, family_of_codec
from onvif_bmff.media.sample_entries import is_protected
from onvif_bmff.media.track import Sample
from onvif_bmff.media_kind import MediaKind

__all__ = ["IV_SIGNALLING", "EntryProtection", "IvSources", "ProtectedSamples", "TrackEncryptor", "slice_data_of"]

IV_SIGNALLING = ("seig", "sample", "track", "segment")
"""How cbcs carries its IVs; "seig" and "segment" follow both ONVIF and ISO/IEC 23001-7 strictly."""

_WHOLE_PICTURES = frozenset(("mp4v", "mjpg", "mjpa", "mjpb", "jpeg"))
_UNSUPPORTED = frozenset(("av01", "dav1", "vp08", "vp09", "vp10"))
"""Video for which Common Encryption, or the binding of the codec, requires subsamples unknown to this library."""
_LOCAL_GROUP = 0x10001
_data_of = attrgetter("data")

_COUNTED = Struct(">I4sII")
_SAIZ = Struct(">I4sIBI")
_SBGP = Struct(">I4sI4sIII")
_SGPD = Struct(">I4sI4sII")
_SEIG = Struct(">BBBB16sB")


@dataclass(slots=True, eq=False)
class IvSources:
    """Sources of IVs, which do not repeat under a key; share one among all encryptors of a key."""

    cenc: CencIvAllocators = field(default_factory=CencIvAllocators)
    cbcs: CbcsIvSource = field(default_factory=CbcsIvSource)


@dataclass(slots=True, eq=False)
class ProtectedSamples:
    """The encrypted samples of a track in a fragment.

    ``payload`` is their data; ``senc`` and ``saiz`` are whole boxes or both empty; ``groups`` is sbgp and sgpd, or
    empty. ``constant_iv`` is the vector for tenc, for readers that do not support sample groups, or None.
    """

    payload: bytearray = field(repr=False)
    senc: bytes = field(repr=False)
    saiz: bytes = field(repr=False)
    groups: bytes = field(repr=False)
    constant_iv: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class EntryProtection:
    """What the protected form of a sample entry says of the samples: sinf, with schm and tenc. ISO/IEC 23001-7, 8.2.

    ``iv_size`` is that of the vector of each sample, in bytes; 0 if all have ``constant_iv``, or the one of a group.
    """

    scheme: ProtectionScheme
    pattern: Pattern
    kid: UUID
    iv_size: int
    constant_iv: bytes | None = field(repr=False)

    def sample_entry(self, entry: Box, kind: MediaKind) -> Box:
        """Return the protected form of a clear sample entry. ISO/IEC 14496-12, 8.12.

        Raises ``UnsupportedSchemeError`` if it has none.
        """
        encryption = TrackEncryptionBox(
            version=self.scheme.tenc_version,
            default_crypt_byte_block=self.pattern.crypt,
            default_skip_byte_block=self.pattern.skip,
            default_per_sample_iv_size=self.iv_size,
            default_kid=self.kid,
            default_constant_iv=self.constant_iv,
        )
        info = ProtectionSchemeInfoBox(
            children=(
                OriginalFormatBox(data_format=entry.type),
                SchemeTypeBox(scheme_type=self.scheme.fourcc),
                SchemeInformationBox(children=(encryption,)),
            )
        )
        if isinstance(entry, VisualSampleEntry):
            return replace(entry, type="encv", children=(*entry.children, info))
        if isinstance(entry, AudioSampleEntry):
            return replace(entry, type="enca", children=(*entry.children, info))
        if isinstance(entry, ContainerBox) and kind == MediaKind.METADATA:
            fields = entry.layout.write(entry.layout.fields_of(entry))
            return EncryptedMetadataSampleEntry(
                type="encm", original_fields=fields[8:], children=(*entry.children, info)
            )
        raise UnsupportedSchemeError(f"a sample entry of type {entry.type!r} cannot be protected")


class TrackEncryptor:
    """Encrypts the samples of one track, fragment by fragment, during one span.

    NAL video is protected in the ranges of slice data that its codec finds (``cenc.slice_data`` checks that none is
    missing), all other media as a whole.

    Raises:
        UnsupportedSchemeError: Common Encryption of this codec is not supported (AV1, VP9), the codec of NAL video does
            not find slice data, or the sample entry has no protected form.
        MediaError: the NAL family of the codec is not that of its sample entry.
        ProtectionError: ``iv_signalling`` is unknown.
    """

    def __init__(
        self,
        scheme: ProtectionScheme,
        key: ContentKey,
        codec: Codec,
        *,
        ivs: IvSources,
        iv_signalling: str = "seig",
    ) -> None:
        if iv_signalling not in IV_SIGNALLING:
            raise ProtectionError(f"iv_signalling is one of {', '.join(IV_SIGNALLING)}")
        self._slice_data = slice_data_of(codec)
        self._scheme = scheme
        self._kid = key.kid
        self._codec = codec
        self._pattern = scheme.pattern(nal_video=self._slice_data is not None)
        self._cipher = cipher_for(scheme, key, self._pattern)
        self._ivs = ivs
        self._signalling = iv_signalling if scheme is ProtectionScheme.CBCS else "cenc"
        self._whole_segments = self._signalling == "segment"
        if self._whole_segments:
            self._signalling = "seig"  # in the moov of any segment of the span, as B.2 requires
        self._track_iv = ivs.cbcs.take() if self._signalling == "track" else None
        self._iv_size = ivs.cenc.size if self._signalling == "cenc" else BLOCK if self._signalling == "sample" else 0
        self._limit = subsample_limit(self._iv_size)

    @property
    def kid(self) -> UUID:
        """Identifier of the key in use."""
        return self._kid

    @property
    def scheme(self) -> ProtectionScheme:
        """The scheme in use."""
        return self._scheme

    @property
    def whole_segments(self) -> bool:
        """Whether each segment must be one fragment, so that tenc has the IV of all its samples."""
        return self._whole_segments

    def encrypt(self, samples: Sequence[Sample]) -> ProtectedSamples:
        """Encrypt the samples of one fragment.

        Raises:
            BitstreamError: a slice header cannot be parsed (cbcs only).
            ProtectionError: a sample has more slices than can be described, or would be stored in the clear although
                it has a block or more of slice data; or IVs are used up.
        """
        payload = bytearray().join(map(_data_of, samples))
        return (
            self._encrypt_cenc(samples, payload) if self._signalling == "cenc" else self._encrypt_cbcs(samples, payload)
        )

    def _encrypt_cenc(self, samples: Sequence[Sample], payload: bytearray) -> ProtectedSamples:
        if self._iv_size == 16 and any(len(sample.data) > MAX_SAMPLE_OF_16 for sample in samples):
            raise ProtectionError(f"a sample under a vector of 16 bytes has at most {MAX_SAMPLE_OF_16} bytes")
        ivs = self._ivs.cenc.for_key(self._kid).take(len(samples))
        work: list[tuple[bytes, Sequence[Range]]] = []
        base = 0
        slice_data = self._slice_data
        if slice_data is None:
            for iv, sample in zip(ivs, samples, strict=True):
                end = base + len(sample.data)
                work.append((iv, ((base, end),)))
                base = end
            records = ivs
        else:
            records = []
            protected_ranges, limit = self._codec.protected_ranges, self._limit
            for iv, sample in zip(ivs, samples, strict=True):
                data = sample.data
                size = len(data)
                try:
                    ranges = protected_ranges(data)
                    if ranges is None or (
                        size > SHORT and (len(ranges) != 1 or ranges[0][1] != size or ranges[0][0] > SHORT)
                    ):
                        ranges = slice_data.checked(data, ranges, lenient=True)
                    packed, protected = cenc_subsamples(size, ranges, base, limit=limit)
                except ProtectionError:
                    raise
                except Exception as error:  # noqa: BLE001 - third-party codecs may raise anything; cenc can do without
                    ranges = slice_data.unparsed(data, error)
                    packed, protected = cenc_subsamples(size, ranges, base, limit=limit)
                if not protected and size > SHORT:
                    slice_data.check_clear(data, ranges)
                records.append(iv + packed)
                work.append((iv, protected))
                base += size
        self._cipher.encrypt(payload, work)
        senc, saiz = _auxiliary(records, subsamples=slice_data is not None)
        return ProtectedSamples(payload, senc, saiz, b"", None)

    def _encrypt_cbcs(self, samples: Sequence[Sample], payload: bytearray) -> ProtectedSamples:
        iv = self._track_iv or self._ivs.cbcs.take()
        in_senc = iv if self._iv_size else b""
        work: list[tuple[bytes, Sequence[Range]]] = []
        records: list[bytes] = []
        base = 0
        slice_data = self._slice_data
        if slice_data is not None:
            protected_ranges, limit = self._codec.protected_ranges, self._limit
            for sample in samples:
                data = sample.data
                size = len(data)
                try:
                    ranges = protected_ranges(data)
                    if ranges is None or (
                        size > SHORT and (len(ranges) != 1 or ranges[0][1] != size or ranges[0][0] > SHORT)
                    ):
                        ranges = slice_data.checked(data, ranges, lenient=False)
                    packed, protected = cbcs_subsamples(size, ranges, base, limit=limit)
                except Exception as error:  # third-party codecs may raise anything
                    raise slice_data.failed(error) from error
                if size > SHORT and (not protected or protected[-1][1] - protected[-1][0] < BLOCK):
                    slice_data.check_clear(data, ranges, protected)
                records.append(in_senc + packed)
                work.append((iv, protected))
                base += size
        else:
            for sample in samples:
                end = base + len(sample.data)
                work.append((iv, ((base, end),)))
                base = end
            records = [in_senc] * len(samples) if in_senc else []
        self._cipher.encrypt(payload, work)
        senc, saiz = _auxiliary(records, subsamples=slice_data is not None) if records else (b"", b"")
        groups = self._groups(iv, len(samples)) if self._signalling == "seig" else b""
        return ProtectedSamples(payload, senc, saiz, groups, None if in_senc else iv)

    def entry_protection(self, constant_iv: bytes | None) -> "EntryProtection":
        """Return what the protected form of the track's sample entry says.

        ``constant_iv`` is that of the segment's first fragment; if the scheme needs one and that fragment has no
        samples of this track, a new one is drawn. A vector for the whole span takes precedence.
        """
        constant = None
        if self._signalling in ("seig", "track"):
            constant = self._track_iv or constant_iv or self._ivs.cbcs.take()
        return EntryProtection(self._scheme, self._pattern, self._kid, self._iv_size, constant)

    def _groups(self, iv: bytes, count: int) -> bytes:
        """Return sbgp and sgpd of a fragment that assign this IV to all its samples, packed without box classes."""
        pattern = self._pattern.crypt << 4 | self._pattern.skip
        of_samples = _SBGP.pack(28, b"sbgp", 0, b"seig", 1, count, _LOCAL_GROUP)
        entry = _SEIG.pack(0, pattern, 1, 0, self._kid.bytes, len(iv)) + iv
        return of_samples + _SGPD.pack(24 + len(entry), b"sgpd", 1 << 24, b"seig", len(entry), 1) + entry


def slice_data_of(codec: Codec) -> SliceData | None:
    """Return the finder of a track's slice data; None for media that are protected as a whole.

    Raises:
        UnsupportedSchemeError: the media cannot be protected.
        MediaError: the NAL family of the codec is not that of its sample entry.
    """
    entry = codec.sample_entry()
    kind = entry.type
    family = family_of_codec(codec)
    is_video = codec.media_type == MediaKind.VIDEO or isinstance(entry, VisualSampleEntry)
    if family is None and is_video and kind not in _WHOLE_PICTURES and not _is_whole(codec, kind):
        raise UnsupportedSchemeError(f"encryption of {kind!r} video is not supported")
    has_form = isinstance(entry, VisualSampleEntry | AudioSampleEntry) or (
        isinstance(entry, ContainerBox) and codec.media_type == MediaKind.METADATA
    )
    if is_protected(entry) or not has_form:
        raise UnsupportedSchemeError(f"a sample entry of type {kind!r} cannot be protected")
    return None if family is None else SliceData(codec, family, entry)


def _is_whole(codec: Codec, kind: str) -> bool:
    """Return whether a codec for video without NAL units states that samples are protected as a whole."""
    if kind in _UNSUPPORTED or isinstance(codec, PassThroughCodec):
        return False
    try:
        return codec.protected_ranges(b"") is None
    except Exception:  # noqa: BLE001 - a third-party codec may refuse an empty sample
        return False


def _auxiliary(records: list[bytes], *, subsamples: bool) -> tuple[bytes, bytes]:
    """Return senc and saiz for these records, one for each sample; packed without box classes, for speed."""
    count = len(records)
    sizes = bytes(map(len, records))
    alike = sizes.count(sizes[0]) == count
    data = b"".join(records)
    senc = _COUNTED.pack(16 + len(data), b"senc", 2 if subsamples else 0, count) + data
    table = b"" if alike else sizes
    saiz = _SAIZ.pack(17 + len(table), b"saiz", 0, sizes[0] if alike else 0, count) + table
    return senc, saiz
