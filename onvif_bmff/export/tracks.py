"""The tracks of an exported file, with the sample entries of all its spans."""

from math import lcm

from onvif_bmff.errors import MediaError
from onvif_bmff.export.in_band_sets import is_same_family
from onvif_bmff.export.movie import OutputTrack
from onvif_bmff.media.codec import Codec, sound_of
from onvif_bmff.media.sample_entries import entry_bytes
from onvif_bmff.media.track import TrackType
from onvif_bmff.playback.seek import Seeker
from onvif_bmff.playback.selection import Selection, SpanPart
from onvif_bmff.playback.span_reading import joined_tracks

__all__ = ["output_tracks"]

_MAX_TICKS = (1 << 31) - 1


def output_tracks(selection: Selection, seeker: Seeker) -> dict[tuple[TrackType, int], OutputTrack]:
    """Return the tracks of the file with all their sample entries: video first, then audio, then metadata."""
    found: dict[tuple[TrackType, int], OutputTrack] = {}
    known: dict[tuple[TrackType, int], set[bytes]] = {}
    spans = [part for parts in selection.parts.values() for part in parts]
    for part in sorted(spans, key=lambda part: part.span.start.sort_key):
        header = seeker.header(part.span.segments[part.first])
        joined = joined_tracks(header, part.ordinal)
        for track in header.tracks:
            if selection.media not in (None, track.type):
                continue
            kind = joined[track.track_id]
            # Multiplexed tracks share one timescale; players expect that of audio to be its sample rate.
            rate, _ = sound_of(track.codec())
            timescale = rate if rate and track.timescale % rate == 0 else track.timescale
            output = found.get(kind)
            if output is None:
                output = found[kind] = OutputTrack(0, kind[0], timescale, track.language)
                known[kind] = set()
            for index in range(1, len(track.entries) + 1):
                codec = track.codec(index)
                name = entry_bytes(codec.sample_entry())
                if name not in known[kind]:
                    if output.codecs:
                        _check_change(output.codecs[0], codec, part)
                    known[kind].add(name)
                    output.codecs.append(codec)
            common = lcm(output.timescale, timescale)
            if common <= _MAX_TICKS:
                output.timescale = common
    ordered = sorted(found, key=lambda kind: (kind[0].rank, kind[1]))
    for number, kind in enumerate(ordered, 1):
        found[kind].track_id = number
    return {kind: found[kind] for kind in ordered}


def _check_change(old: Codec, new: Codec, part: SpanPart) -> None:
    before, after = old.sample_entry().type, new.sample_entry().type
    if before != after and not is_same_family(old, new):
        what = f"from {before} to {after}"
    elif sound_of(old) != sound_of(new):
        what = f"of {before} to another sample rate or number of channels"
    else:
        return
    error = MediaError(f"the codec changes {what} at {part.span.start}: export the time before and after as two files")
    raise error.about(part.span.segments[part.first].name)
