"""The stage that encrypts the samples of a fragment. ISO/IEC 23001-7; ONVIF Recording Control 25.12, B.8.

What is written, by scheme (``docs/decisions.md`` has the reasons):

===========================  ==========================================  ==================================
scheme                       NAL video                                   other media
===========================  ==========================================  ==================================
cenc                         senc: 8-byte IVs, subsamples                senc: 8-byte IVs
cbcs, ``"seig"`` (default)   senc: subsamples; seig: IV of the fragment  seig: IV of the fragment
cbcs, ``"sample"``           senc: 16-byte IV of the fragment, subs.     senc: 16-byte IV of the fragment
cbcs, ``"track"``            senc: subsamples; tenc: IV of the span      tenc: IV of the span
===========================  ==========================================  ==================================

Wherever there is a senc there are saiz and saio.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from onvif_bmff.cenc.iv import CbcsIvSource, CencIvAllocators
from onvif_bmff.cenc.keys import ContentKey
from onvif_bmff.cenc.scheme import ProtectionScheme
from onvif_bmff.cenc.subsample import cbcs_subsamples, cenc_subsamples, subsample_limit
from onvif_bmff.errors import BitstreamError, ProtectionError, UnsupportedSchemeError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.track import Sample

__all__ = ["IV_SIGNALLING", "IvSources", "ProtectedSamples", "TrackEncryptor"]

IV_SIGNALLING = ("seig", "sample", "track")
"""Ways in which cbcs can carry its IVs; only the first follows both ONVIF and ISO/IEC 23001-7 to the letter."""

_AVC = frozenset(("avc1", "avc2", "avc3", "avc4"))
_HEVC = frozenset(("hvc1", "hev1"))
_WHOLE_PICTURES = frozenset(("mp4v", "mjpg", "mjpa", "mjpb", "jpeg"))
_CLEAR_LEAD = 96
"""Bytes of a slice that stay clear in cenc where its header cannot be parsed."""
_LOCAL_GROUP = 0x10001

_COUNTED = Struct(">I4sII")
_SAIZ = Struct(">I4sIBI")
_SBGP = Struct(">I4sI4sIII")
_SGPD = Struct(">I4sI4sII")
_SEIG = Struct(">BBBB16sB")


@dataclass(slots=True)
class IvSources:
    """Where IVs come from; share one among all that encrypt with a key. ``unique``: never twice under a key."""

    cenc: CencIvAllocators = field(default_factory=CencIvAllocators)
    cbcs: CbcsIvSource = field(default_factory=CbcsIvSource)


@dataclass(slots=True)
class ProtectedSamples:
    """What a fragment stores of a track's encrypted samples.

    ``payload`` is their data; ``senc`` and ``saiz`` are whole boxes or both empty; ``groups`` is sbgp and sgpd, or
    empty. ``constant_iv`` is what tenc has to say for readers that know no sample groups, if anything.
    """

    payload: bytearray = field(repr=False)
    senc: bytes = field(repr=False)
    saiz: bytes = field(repr=False)
    groups: bytes = field(repr=False)
    constant_iv: bytes | None = field(repr=False)


class TrackEncryptor:
    """Encrypts the samples of one track, fragment by fragment, for as long as a span lasts.

    Raises ``UnsupportedSchemeError`` for codecs that Common Encryption treats in ways not known here (AV1, VP9),
    ``ProtectionError`` for an unknown ``iv_signalling``.
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
        kind = codec.sample_entry().type
        self._nal_video = kind in _AVC or kind in _HEVC
        if codec.media_type == "Video" and not self._nal_video and kind not in _WHOLE_PICTURES:
            raise UnsupportedSchemeError(f"encryption of {kind!r} video is not supported")
        self._is_avc = kind in _AVC
        self._scheme = scheme
        self._kid = key.kid
        self._codec = codec
        self._pattern = scheme.pattern(nal_video=self._nal_video)
        self._cipher = cipher_for(scheme, key, self._pattern)
        self._ivs = ivs
        self._signalling = iv_signalling if scheme is ProtectionScheme.CBCS else "cenc"
        self._track_iv = ivs.cbcs.take() if self._signalling == "track" else None

    @property
    def kid(self) -> UUID:
        """Identifier of the key in use."""
        return self._kid

    @property
    def scheme(self) -> ProtectionScheme:
        """The scheme in use."""
        return self._scheme

    def encrypt(self, samples: Sequence[Sample]) -> ProtectedSamples:
        """Encrypt the samples of one fragment.

        Raises ``BitstreamError`` for a slice whose header cannot be parsed (cbcs only), ``ProtectionError`` for a
        sample with more slices than can be described, or when IVs run out.
        """
        payload = bytearray().join([sample.data for sample in samples])
        return (
            self._encrypt_cenc(samples, payload) if self._signalling == "cenc" else self._encrypt_cbcs(samples, payload)
        )

    def _encrypt_cenc(self, samples: Sequence[Sample], payload: bytearray) -> ProtectedSamples:
        count = len(samples)
        ivs = self._ivs.cenc.for_key(self._kid).take_ivs(count)
        work: list[tuple[bytes, Sequence[Range]]] = []
        base = 0
        if not self._nal_video:
            for iv, sample in zip(ivs, samples, strict=True):
                end = base + len(sample.data)
                work.append((iv, ((base, end),)))
                base = end
            records = ivs
        else:
            records = []
            protected_ranges = self._codec.protected_ranges
            for iv, sample in zip(ivs, samples, strict=True):
                data = sample.data
                size = len(data)
                try:
                    ranges = protected_ranges(data) or ()
                except BitstreamError:
                    ranges = self._unparsed(data)
                packed, protected = cenc_subsamples(size, ranges, base)
                records.append(iv + packed)
                work.append((iv, protected))
                base += size
        self._cipher.encrypt(payload, work)
        senc, saiz = _auxiliary(records, subsamples=self._nal_video)
        return ProtectedSamples(payload, senc, saiz, b"", None)

    def _encrypt_cbcs(self, samples: Sequence[Sample], payload: bytearray) -> ProtectedSamples:
        iv = self._track_iv or self._ivs.cbcs.take()
        in_senc = iv if self._signalling == "sample" else b""
        work: list[tuple[bytes, Sequence[Range]]] = []
        records: list[bytes] = []
        base = 0
        if self._nal_video:
            protected_ranges = self._codec.protected_ranges
            limit = subsample_limit(len(in_senc))
            for sample in samples:
                data = sample.data
                packed, protected = cbcs_subsamples(len(data), protected_ranges(data) or (), base, limit=limit)
                records.append(in_senc + packed)
                work.append((iv, protected))
                base += len(data)
        else:
            for sample in samples:
                end = base + len(sample.data)
                work.append((iv, ((base, end),)))
                base = end
            records = [in_senc] * len(samples) if in_senc else []
        self._cipher.encrypt(payload, work)
        senc, saiz = _auxiliary(records, subsamples=self._nal_video) if records else (b"", b"")
        groups = self._groups(iv, len(samples)) if self._signalling == "seig" else b""
        return ProtectedSamples(payload, senc, saiz, groups, None if in_senc else iv)

    def sample_entry(self, entry: Box, constant_iv: bytes | None) -> Box:
        """Return the protected form of a clear sample entry. ISO/IEC 14496-12, 8.12.

        ``constant_iv`` is that of the segment's first fragment; where the scheme needs one and that fragment has none
        of this track, a new one is drawn. A vector of the whole span stands above either.
        """
        info = ProtectionSchemeInfoBox(
            children=(
                OriginalFormatBox(data_format=entry.type),
                SchemeTypeBox(scheme_type=self._scheme.fourcc),
                SchemeInformationBox(children=(self._track_encryption(constant_iv),)),
            )
        )
        if isinstance(entry, VisualSampleEntry):
            return replace(entry, type="encv", children=(*entry.children, info))
        if isinstance(entry, AudioSampleEntry):
            return replace(entry, type="enca", children=(*entry.children, info))
        if isinstance(entry, ContainerBox) and self._codec.media_type == "Metadata":
            fields = entry.codec.write({name: getattr(entry, name) for name in entry.codec.names})
            return EncryptedMetadataSampleEntry(
                type="encm", original_fields=fields[8:], children=(*entry.children, info)
            )
        raise UnsupportedSchemeError(f"a sample entry of type {entry.type!r} cannot be protected")

    def _track_encryption(self, constant_iv: bytes | None) -> TrackEncryptionBox:
        constant = None
        if self._signalling in ("seig", "track"):
            constant = self._track_iv or constant_iv or self._ivs.cbcs.take()
        return TrackEncryptionBox(
            version=self._scheme.tenc_version,
            default_crypt_byte_block=self._pattern.crypt,
            default_skip_byte_block=self._pattern.skip,
            default_per_sample_iv_size={"cenc": 8, "sample": 16}.get(self._signalling, 0),
            default_kid=self._kid,
            default_constant_iv=constant,
        )

    def _groups(self, iv: bytes, count: int) -> bytes:
        """A sample group of the fragment's own that gives all its samples this IV: sbgp and sgpd, packed by hand."""
        pattern = self._pattern.crypt << 4 | self._pattern.skip
        of_samples = _SBGP.pack(28, b"sbgp", 0, b"seig", 1, count, _LOCAL_GROUP)
        entry = _SEIG.pack(0, pattern, 1, 0, self._kid.bytes, len(iv)) + iv
        return of_samples + _SGPD.pack(24 + len(entry), b"sgpd", 1 << 24, b"seig", len(entry), 1) + entry

    def _unparsed(self, data: bytes | memoryview) -> list[Range]:
        """Slices of a sample, each less its first bytes, where a header cannot be parsed."""
        ranges = []
        pos, size = 0, len(data)
        while pos + 5 <= size:
            end = min(pos + 4 + int.from_bytes(data[pos : pos + 4], "big"), size)
            kind = data[pos + 4] & 31 if self._is_avc else data[pos + 4] >> 1 & 63
            is_slice = kind in (1, 5) if self._is_avc else kind < 32
            if is_slice and end - pos > 4 + _CLEAR_LEAD:
                ranges.append((pos + 4 + _CLEAR_LEAD, end))
            pos = end
        return ranges


def _auxiliary(records: list[bytes], *, subsamples: bool) -> tuple[bytes, bytes]:
    """Return senc and saiz for these records, one a sample; packed by hand, for a camera makes many."""
    count = len(records)
    sizes = bytes(map(len, records))
    alike = sizes.count(sizes[0]) == count
    data = b"".join(records)
    senc = _COUNTED.pack(16 + len(data), b"senc", 2 if subsamples else 0, count) + data
    table = b"" if alike else sizes
    saiz = _SAIZ.pack(17 + len(table), b"saiz", 0, sizes[0] if alike else 0, count) + table
    return senc, saiz
