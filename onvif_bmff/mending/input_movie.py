"""One movie box of a file with its tracks: a file has one, or several one after another."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from onvif_bmff.bmff import AudioSampleEntry, Box, MovieBox, SampleDescriptionBox, VisualSampleEntry
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.demux.budget import SampleBudget
from onvif_bmff.demux.faults import InputFaults
from onvif_bmff.demux.fragment_samples import FragmentReader
from onvif_bmff.demux.sample_tables import MovieTrack, read_tracks, table_samples
from onvif_bmff.errors import BoxError, MediaError, OnvifBmffError
from onvif_bmff.media.nal import Buffer
from onvif_bmff.media.nal_family import nal_family_of
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.mending.aac import has_broken_esds, low_complexity_entry
from onvif_bmff.mending.movie import MovieMender
from onvif_bmff.mending.samples import NalForm, form_of, mended_entry
from onvif_bmff.mending.top_level import TopLevel

__all__ = ["InputMovie"]

_PROBED = 32
"""Samples, and fragments, that are looked at for the form of samples and for parameter sets."""


class InputMovie:
    """A movie box, mended unless ``faults`` is None, and its tracks.

    ``data`` is the file from the place on that its offsets count from; ``fragments_from`` where in it the fragments may
    begin. ``everything`` are all tracks; ``sources`` those of video, audio and metadata, ``others`` the rest.
    ``written`` is the movie box as it is in the file. ``looked_at`` are the numbers of the tracks whose sync samples
    only the pictures show.
    """

    def __init__(self, movie: MovieBox, data: memoryview, fragments_from: int, faults: InputFaults | None) -> None:
        self.written = self.movie = movie
        self.data = data
        self.fragments_from = fragments_from
        self.looked_at: frozenset[int] = frozenset()
        if faults is not None:
            mender = MovieMender(faults)
            self.movie = mender.mend(movie)
            self.looked_at = frozenset(mender.looked_at)
        self.everything = read_tracks(self.movie)
        if faults is not None:
            self._mend_entries(faults)
            self.everything = self._readable(faults)
        self.sources = tuple([one for one in self.everything if one.is_media])
        self.others = tuple([one for one in self.everything if not one.is_media])

    def tracks(self) -> tuple[Track, ...]:
        """Return the tracks that can be recorded, named by kind in the order of the file: VIDEO001, AUDIO001."""
        counts: dict[str, int] = {}
        found: list[Track] = []
        for source in self.sources:
            counts[source.handler] = number = counts.get(source.handler, 0) + 1
            token = f"{source.type.token_prefix}{number:03}"
            found.append(Track(token, source.track_id, source.timescale, source.codec(), source.language))
        return tuple(found)

    # ---- mending ----

    def _mend_entries(self, faults: InputFaults) -> None:
        """Give video in NAL units, and AAC, without a usable configuration one that fits their samples."""
        for track in self.everything:
            entry = track.entries[0] if track.entries else None
            if isinstance(entry, VisualSampleEntry) and _is_doubtful(entry):
                samples = list(islice(self._first_samples(track), _PROBED))
                claimed = track.nal_length_size(1) or 4
                form = form_of(samples, claimed)
                try:
                    made = mended_entry(entry, samples, NalForm(claimed if form is None else form))
                except (BoxError, MediaError):
                    continue  # told when its codec is made
                if made is not entry:
                    faults.tell(f"track {track.track_id} has a wrong or no decoder configuration: its samples give one")
                    self.movie = _with_entry(self.movie, track, made)
            elif isinstance(entry, AudioSampleEntry) and has_broken_esds(entry):
                self._mend_sound(track, entry, faults)
        self.everything = read_tracks(self.movie)

    def _mend_sound(self, track: MovieTrack, entry: AudioSampleEntry, faults: InputFaults) -> None:
        """Give AAC whose decoder configuration cannot be read the usual one, if its frames may be of that."""
        sound = low_complexity_entry(entry, islice(self._first_samples(track), _PROBED))
        broken = f"track {track.track_id} has a decoder configuration (esds) that cannot be read"
        if sound is None:
            faults.tell(f"{broken}: it is kept as it is")
        else:
            faults.tell(f"{broken}: AAC-LC is taken, by its sample entry and its frames")
            self.movie = _with_entry(self.movie, track, sound)

    def _first_samples(self, track: MovieTrack) -> Iterator[Buffer]:
        """The samples with which a track begins, those of the first fragments included."""
        unheard = InputFaults()
        try:
            for item in table_samples(track, self.data, SampleBudget(len(self.data)), unheard):
                if isinstance(item, Sample) and len(item.data):
                    yield item.data
            reader = FragmentReader(self.everything, len(self.data), faults=unheard)
            boxes = TopLevel(self.data, unheard).boxes(self.fragments_from)
            for found, offset in islice(boxes, _PROBED):
                if isinstance(found, MovieBox):
                    return
                for part in reader.read(found, offset):  # type: ignore[arg-type]
                    if part.track is track:
                        yield from (one.data for one in part.samples(self.data) if len(one.data))
        except OnvifBmffError:
            return  # told when samples are read

    def _readable(self, faults: InputFaults) -> tuple[MovieTrack, ...]:
        """The tracks but those whose codec cannot be made."""
        kept: list[MovieTrack] = []
        for track in self.everything:
            try:
                if track.is_media:
                    track.codec()
                kept.append(track)
            except (BoxError, MediaError) as error:
                passed = _passed_through(track)
                if passed is not None:
                    kept.append(passed)
                    faults.tell(f"track {track.track_id} keeps its sample entry as it is: {error}")
                else:
                    faults.tell(f"track {track.track_id} is left out: {error}", loss=True)
        return tuple(kept)


def _passed_through(track: MovieTrack) -> MovieTrack | None:
    """The track with its first sample entry as it is; None where samples need more than that, as NAL units do."""
    index = track.first_description
    try:
        entry = track.clear_entry(index)
        codec = PassThroughCodec(entry, track.handler) if nal_family_of(entry) is None else None
    except (BoxError, MediaError):
        return None
    return replace(track, _codecs={index: codec}) if codec is not None else None


def _is_doubtful(entry: VisualSampleEntry) -> bool:
    """Whether an entry of a codec that needs a configuration has none, or one that cannot be right."""
    family = nal_family_of(entry)
    if family is None or entry.type not in family.own or family.config is None:
        return False
    config = entry.find(family.config)
    if config is None or family.length_size(entry) == 3:
        return True
    if entry.type == family.in_band:
        return False
    sets = getattr(config, "sequence_parameter_sets", None) or getattr(config, "arrays", None)
    return not sets


def _with_entry(movie: MovieBox, track: MovieTrack, entry: Box) -> MovieBox:
    """The movie box with another first sample entry in one track."""
    table = track.table
    descriptions = table.require(SampleDescriptionBox)
    new = replace(descriptions, children=(entry, *descriptions.children[1:]))
    box = _swapped(track.box, descriptions, new)
    return replace(movie, children=tuple([box if child is track.box else child for child in movie.children]))


def _swapped(box: Box, old: Box, new: Box) -> Box:
    """``box`` with ``new`` in place of ``old``, however deep it lies."""
    if box is old:
        return new
    children = box.children_of()
    made = tuple([_swapped(child, old, new) for child in children]) if children else children
    changed = any(one is not other for one, other in zip(made, children, strict=True))
    return replace(box, children=made) if changed else box  # type: ignore[call-arg]
