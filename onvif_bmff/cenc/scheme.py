"""The four protection schemes of ISO/IEC 23001-7, with their patterns and vectors.

========  ===========  ====================  ==============================  =======================
scheme    cipher       NAL video             other media                     initialisation vector
========  ===========  ====================  ==============================  =======================
cenc      AES-128-CTR  slice data            every byte                      8 bytes a sample
cbcs      AES-128-CBC  slice data, 1 of 10   every whole block               16 bytes, constant
cens      AES-128-CTR  slice data, pattern   every whole block               8 or 16 bytes a sample
cbc1      AES-128-CBC  slice data            every whole block               8 or 16 bytes a sample
========  ===========  ====================  ==============================  =======================

ONVIF defines the first two (Recording Control 25.12, B.8, modes CENC and CBCS), and only these are written.
"""

from enum import Enum
from typing import Final, NamedTuple

from onvif_bmff.errors import UnsupportedSchemeError

__all__ = ["BLOCK", "NAL_PATTERN", "NO_PATTERN", "SCHEME_VERSION", "Pattern", "ProtectionScheme"]

BLOCK: Final = 16
"""Bytes in an AES block."""

SCHEME_VERSION: Final = 0x00010000
"""``scheme_version`` of the ``schm`` box, the same for all four schemes."""


class Pattern(NamedTuple):
    """Repeated numbers of encrypted and skipped blocks (``crypt_byte_block``, ``skip_byte_block``).

    (0, 0) is no pattern. A run of ``crypt`` blocks that is truncated by the end of a range stays clear.
    """

    crypt: int
    skip: int

    def check(self) -> None:
        """Check that the pattern is defined.

        Raises:
            UnsupportedSchemeError: a figure is outside 0 to 15, or blocks are only ever skipped.
        """
        if not (0 <= self.crypt <= 15 and 0 <= self.skip <= 15) or (self.skip and not self.crypt):
            raise UnsupportedSchemeError(f"the pattern {self.crypt}:{self.skip} encrypts nothing that is defined")


NAL_PATTERN: Final = Pattern(1, 9)
"""The pattern over slice data in cbcs: one block of ten."""

NO_PATTERN: Final = Pattern(0, 0)
"""No pattern: all protected blocks are encrypted."""


class ProtectionScheme(Enum):
    """How samples are encrypted; the value is the ``scheme_type`` of the ``schm`` box."""

    CENC = "cenc"
    """AES-CTR, full sample and video NAL subsamples. ONVIF mode CENC."""
    CBCS = "cbcs"
    """AES-CBC with a 1:9 pattern over video NAL slice data. ONVIF mode CBCS."""
    CENS = "cens"
    """AES-CTR with a pattern; read only."""
    CBC1 = "cbc1"
    """AES-CBC without a pattern; read only."""

    @classmethod
    def from_fourcc(cls, fourcc: str) -> "ProtectionScheme":
        """Return the scheme that a ``schm`` box names.

        Raises:
            UnsupportedSchemeError: it is not one of the four.
        """
        try:
            return cls(fourcc)
        except ValueError:
            raise UnsupportedSchemeError(f"unknown protection scheme {fourcc[:8]!r}") from None

    @classmethod
    def from_mode(cls, mode: str) -> "ProtectionScheme":
        """Return the scheme of an encryption entry's ``Mode`` (ONVIF Recording Control 25.12, B.8).

        Raises:
            UnsupportedSchemeError: ONVIF defines no such mode.
        """
        for scheme in (cls.CENC, cls.CBCS):
            if mode == scheme.mode:
                return scheme
        raise UnsupportedSchemeError(f"unknown encryption mode {mode[:16]!r}")

    @property
    def fourcc(self) -> str:
        """``scheme_type`` of the ``schm`` box."""
        return self.value

    @property
    def mode(self) -> str | None:
        """ONVIF's name of the scheme, or None for schemes that ONVIF does not define."""
        return {"cenc": "CENC", "cbcs": "CBCS"}.get(self.value)

    @property
    def chained(self) -> bool:
        """Whether blocks are chained (AES-CBC), so that only whole blocks can be encrypted."""
        return self in (ProtectionScheme.CBCS, ProtectionScheme.CBC1)

    @property
    def tenc_version(self) -> int:
        """Version of the ``tenc`` box: 1 if it has a pattern, else 0."""
        return 1 if self in (ProtectionScheme.CBCS, ProtectionScheme.CENS) else 0

    @property
    def per_sample_iv_size(self) -> int:
        """Bytes of each sample's vector when written: 8, or 0 in cbcs, which has a constant one.

        Raises:
            UnsupportedSchemeError: the scheme is read-only.
        """
        self._check_written()
        return 8 if self is ProtectionScheme.CENC else 0

    @property
    def constant_iv_size(self) -> int:
        """Bytes of the constant vector when written: 16 in cbcs, 0 in cenc.

        Raises:
            UnsupportedSchemeError: the scheme is read-only.
        """
        self._check_written()
        return 16 if self is ProtectionScheme.CBCS else 0

    def pattern(self, *, nal_video: bool) -> Pattern:
        """Return the pattern to write: 1:9 for NAL video in cbcs, none otherwise.

        Video without slices (JPEG) is encrypted like audio; readers do not expect a pattern there.

        Raises:
            UnsupportedSchemeError: the scheme is read-only.
        """
        self._check_written()
        return NAL_PATTERN if nal_video and self is ProtectionScheme.CBCS else NO_PATTERN

    def _check_written(self) -> None:
        if self.mode is None:
            raise UnsupportedSchemeError(f"{self.value} is read, but never written")
