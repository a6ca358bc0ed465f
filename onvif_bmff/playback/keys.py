"""The keys of a player: given, or unwrapped from the headers of segments. B.8.2."""

from collections.abc import Iterable, Iterator

from onvif_bmff.bmff import SampleAuxiliaryInformationOffsetsBox, SampleEncryptionBox
from onvif_bmff.cenc.decrypt import FragmentDecryptor
from onvif_bmff.cenc.keys.ring import KeyRing, KeyUnwrapper
from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.media.track import Sample
from onvif_bmff.playback.header import DecryptStage, SegmentHeader

__all__ = ["PlaybackKeys"]


class PlaybackKeys:
    """Content keys for one reader.

    Args:
        ring: keys by KID; recovered ones are added.
        unwrapper: opens wrapped content keys: a private key, a hardware module or a key server.
    """

    def __init__(self, ring: KeyRing | None = None, unwrapper: KeyUnwrapper | None = None) -> None:
        self._ring = ring if ring is not None else KeyRing()
        self._unwrapper = unwrapper
        self._any = ring is not None or unwrapper is not None

    @property
    def given(self) -> bool:
        """Whether there are keys, or an unwrapper of some."""
        return self._any

    def stage(self, header: SegmentHeader) -> DecryptStage | None:
        """Return the stage that decrypts the segments of a header; None if nothing is encrypted or no keys were given.

        Raises:
            ProtectionError: the wrapped keys of the header cannot be opened.
        """
        if not header.is_protected or not self._any:
            return None
        if self._unwrapper is not None:
            self._ring.unlock(header.protection_headers, self._unwrapper)
        ring = self._ring
        usual = FragmentDecryptor(ring)

        def decrypt(part: TrackFragment, samples: Iterator[Sample], data: memoryview) -> Iterable[Sample]:
            box = part.box
            beside_media = box.find(SampleEncryptionBox) is None and box.find(SampleAuxiliaryInformationOffsetsBox)
            return (FragmentDecryptor(ring, data) if beside_media else usual)(part, samples)

        return decrypt
