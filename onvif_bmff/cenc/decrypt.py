"""Decryption of the samples of a fragment. ISO/IEC 23001-7; ONVIF Recording Control 25.12, B.8.

All four schemes are supported, with vectors and KIDs from any place in a file: the sample entry, sample groups of the
fragment or movie, senc, PIFF boxes, or between the media data.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

from onvif_bmff.bmff import Box, TrackFragmentHeaderBox
from onvif_bmff.cenc.auxiliary import SampleMaps, read_sample_maps
from onvif_bmff.cenc.cipher import SampleCipher, cipher_for
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.cenc.protection import Protection, SeigDescriptions, protection_of, protection_runs
from onvif_bmff.cenc.scheme import Pattern, ProtectionScheme
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.fragment_samples import TrackFragment
from onvif_bmff.demux.sample_tables import CodecChange, MovieTrack, chunk_counts
from onvif_bmff.errors import ProtectionError, UnsupportedSchemeError
from onvif_bmff.media.sample_entries import clear_entry as clear_sample_entry
from onvif_bmff.media.track import Sample

__all__ = ["FragmentDecryptor", "clear_sample_entry", "protection_of"]

_BATCH: Final = 8 << 20
"""Largest number of bytes decrypted together, unless one sample is larger."""
_BATCH_SAMPLES: Final = 4096
"""Largest number of samples decrypted together."""


class FragmentDecryptor:
    """Decrypts the samples of protected tracks, fragment by fragment.

    A key is looked up in ``keys`` when the first sample needs it. ``data`` is the file, needed only if vectors lie
    between the media data (saiz and saio without senc). An instance can be called as a ``FragmentStage`` of
    ``ingest.mp4``. It serves one file, and is not thread-safe.
    """

    __slots__ = ("_budget", "_ciphers", "_data", "_entries", "_keys", "_seig")

    def __init__(self, keys: KeyRing, data: bytes | memoryview = b"") -> None:
        self._keys = keys
        self._data = data
        self._ciphers: dict[tuple[UUID, ProtectionScheme, Pattern], SampleCipher] = {}
        self._entries: dict[int, tuple[Box, Protection | None]] = {}
        self._seig: dict[int, tuple[MovieTrack, SeigDescriptions]] = {}
        self._budget = SampleBudget(len(data))

    def __call__(
        self, fragment: TrackFragment, samples: Iterable[Sample], data: bytes | memoryview | None = None
    ) -> Iterator[Sample]:
        """Yield the samples of a fragment, decrypted; those of a clear sample entry unchanged.

        Decrypted data are views on a new buffer. ``data``, if given, replaces the file, with the fragment at
        ``fragment.moof_offset``.

        Raises:
            MissingKeyError: a content key is missing.
            UnsupportedSchemeError: the protection is unknown.
            ProtectionError, BoxError: vectors or subsamples do not fit the samples.
        """
        maps = self.maps(fragment, data)
        return iter(samples) if maps is None else self._decrypted(maps, samples)

    def maps(self, fragment: TrackFragment, data: bytes | memoryview | None = None) -> SampleMaps | None:
        """Return vectors and protected ranges of a fragment's samples; None if they are clear. Raises as a call."""
        default = self._default(fragment.track.entry(fragment.description))
        if default is None:
            return None
        boxes = fragment.box.children
        runs = protection_runs(default, fragment.sample_count, boxes, self._descriptions(fragment.track))
        header = fragment.box.require(TrackFragmentHeaderBox)
        base = header.base_data_offset if header.base_data_offset is not None else fragment.moof_offset
        return read_sample_maps(
            runs,
            boxes,
            base=base,
            data=self._data if data is None else data,
            chunks=[run.count for run in fragment.runs if run.count],
            budget=fragment.budget,
        )

    def table_maps(self, track: MovieTrack, chunks: Sequence[int]) -> SampleMaps | None:
        """Return the same for samples that the movie box itself describes; ``chunks`` are the counts of its chunks.

        Raises as a call, and ``UnsupportedSchemeError`` for a track with several sample entries.
        """
        if len(track.entries) > 1 and track.is_protected:
            raise UnsupportedSchemeError(f"track {track.track_id} has samples of several kinds, some of them protected")
        default = self._default(track.entry(1))
        if default is None:
            return None
        boxes = (*track.table.children, *track.box.children)  # senc may lie in either
        runs = protection_runs(default, sum(chunks), boxes)
        return read_sample_maps(runs, boxes, data=self._data, chunks=chunks, budget=self._budget)

    def table(self, track: MovieTrack, samples: Iterable[Sample | CodecChange]) -> Iterator[Sample | CodecChange]:
        """Yield, decrypted, the samples that the movie box itself describes. Needs the file (``data``).

        Raises as a call, and ``UnsupportedSchemeError`` for a track with several sample entries.
        """
        if not self._data:
            raise ProtectionError("a file that is not fragmented must be there as a whole to be decrypted")
        maps = self.table_maps(track, chunk_counts(track))
        return iter(samples) if maps is None else self._decrypted(maps, _only_samples(samples))

    def decrypt(self, maps: SampleMaps, payload: bytearray | memoryview, sizes: Sequence[int]) -> None:
        """Decrypt the next samples of ``maps`` in place: ``payload`` consists of samples of ``sizes`` bytes."""
        for protection, work in maps.take(sizes):
            self._cipher(protection).decrypt(payload, work)

    def _decrypted(self, maps: SampleMaps, samples: Iterable[Sample]) -> Iterator[Sample]:
        for batch in _batches(samples):
            sizes = [len(sample.data) for sample in batch]
            payload = memoryview(bytearray().join([sample.data for sample in batch]))
            self.decrypt(maps, payload, sizes)
            position = 0
            for sample, size in zip(batch, sizes, strict=True):
                sample.data = payload[position : position + size]
                position += size
            yield from batch
        maps.close()

    def _default(self, entry: Box) -> Protection | None:
        known = self._entries.get(id(entry))
        if known is None or known[0] is not entry:
            known = self._entries[id(entry)] = (entry, protection_of(entry))
        return known[1]

    def _descriptions(self, track: MovieTrack) -> SeigDescriptions:
        known = self._seig.get(id(track))
        if known is None:
            known = self._seig[id(track)] = (track, SeigDescriptions.of(track.table.children))
        return known[1]

    def _cipher(self, protection: Protection) -> SampleCipher:
        identity = (protection.kid, protection.scheme, protection.pattern)
        found = self._ciphers.get(identity)
        if found is None:
            found = cipher_for(protection.scheme, self._keys.find(protection.kid), protection.pattern)
            self._ciphers[identity] = found
        return found


def _only_samples(items: Iterable[Sample | CodecChange]) -> Iterator[Sample]:
    """Return the samples of a track with one sample entry, whose codec cannot change."""
    return (item for item in items if isinstance(item, Sample))


def _batches(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Yield the samples in lists of limited size, so that a long fragment need not fit in memory."""
    batch: list[Sample] = []
    size = 0
    for sample in samples:
        size += len(sample.data)
        if batch and (size > _BATCH or len(batch) == _BATCH_SAMPLES):
            yield batch
            batch, size = [], len(sample.data)
        batch.append(sample)
    if batch:
        yield batch
