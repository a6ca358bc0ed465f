"""``onvif-bmff extract``: one sample of a file or store to a file: a picture, an audio packet, a document."""

import argparse
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from onvif_bmff.cli.keys import add_key_arguments, keys_from
from onvif_bmff.cli.output import new_file
from onvif_bmff.cli.permissions import add_mode_argument, usual_mode
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import add_options_argument, check_names_no_part, is_store, opened_store
from onvif_bmff.cli.terminal import say, summary
from onvif_bmff.cli.values import path, store_place
from onvif_bmff.errors import InvariantError, MediaError, TimeError
from onvif_bmff.media_kind import MediaKind
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.cli.keys import Keys
    from onvif_bmff.media import Codec

__all__ = ["register", "run"]

_KINDS = {kind.value.lower(): kind for kind in MediaKind}
_LONGEST_WAIT = 10
"""Seconds of decode time behind the wanted moment after which it is not looked for any more."""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "extract",
        help="write one sample of a file or store to a file",
        description="Write one sample of a file or store to a file, decrypted: a picture (H.264 and H.265 as a byte "
        "stream with parameter sets), an audio packet, a metadata document.",
    )
    parser.add_argument(
        "store", metavar="FILE|STORE", type=store_place, help="an MP4, CMAF or QuickTime file, or a store"
    )
    add_options_argument(parser)
    parser.add_argument("-o", "--output", metavar="OUT", type=path, required=True, help="file to write")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--number", metavar="N", type=_number, help="the N-th sample of the track in decoding order, from 1"
    )
    which.add_argument(
        "--time",
        metavar="TIME",
        help="what is presented at this time: seconds of media time in a file, an instant such as "
        "2024-05-01T12:00:00Z in a store",
    )
    parser.add_argument("--media", choices=_KINDS, help="kind of media; by default video, else audio, else metadata")
    parser.add_argument("--track", metavar="N", type=_number, default=1, help="the N-th track of that kind (default 1)")
    parser.add_argument("--prefix", help="path before the date in the keys of a store's recording; empty for none")
    parser.add_argument("--postfix", help="path after the date in the keys of a store's recording; empty for none")
    parser.add_argument(
        "--from-sync",
        action="store_true",
        help="write all samples from the sync sample before it, with which a decoder can show it",
    )
    parser.add_argument(
        "--raw", action="store_true", help="write the bytes of samples as they lie in the file, decrypted"
    )
    add_mode_argument(parser)
    add_key_arguments(parser)
    parser.set_defaults(run=run)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:19]) > 0):
        raise argparse.ArgumentTypeError(f"a number from 1 on is needed: {text!r}")
    return int(text)


@dataclass(frozen=True, slots=True)
class _Found:
    """A sample of the track: ``time`` and ``end`` of its presentation in seconds or UTC, as the source counts."""

    data: bytes | memoryview
    sync: bool
    codec: "Codec"
    time: Fraction | UtcTime
    end: Fraction | UtcTime
    is_late: bool
    """It is decoded so long after the wanted time that this will not come."""


def run(args: argparse.Namespace) -> int:
    """Extract; 0. Nothing is written if there is no such sample."""
    if args.output.is_dir() or not args.output.name:
        raise MediaError(f"{args.output} is a directory")
    keys = keys_from(args)
    with ExitStack() as stack:
        if is_store(args.store):
            protected, samples = _of_store(args, keys)
        else:
            protected, samples = _of_file(args, keys, stack)
        number, group = _search(args, samples)
        wanted = group if args.from_sync else group[-1:]
        mode = args.file_mode if args.file_mode is not None or protected else usual_mode()
        size = 0
        with new_file(args.output, args.signals, mode=mode, final=True) as file:
            for index, one in enumerate(wanted):
                size += file.write(one.data if args.raw else _playable(one, with_sets=index == 0))
    last = wanted[-1]
    time = f"{float(last.time):.6f} s" if isinstance(last.time, Fraction) else str(last.time)
    how = ("sync" if last.sync else "not sync") + (f", with {len(wanted) - 1} before it" if args.from_sync else "")
    with summary():
        # In a store, samples are not numbered from where they are looked for.
        which = f"sample {number}" if args.number is not None or isinstance(last.time, Fraction) else "the sample"
        say(f"{args.output}: {which} at {time}, {how}, {size:,} bytes")
    return Status.SUCCESS


def _search(args: argparse.Namespace, samples: Iterable[_Found]) -> tuple[int, list[_Found]]:
    """Return the number of the wanted sample, and the samples from the last sync sample to it.

    Raises:
        MediaError: there is none.
    """
    moment = None if args.time is None else _moment(args)
    group: list[_Found] = []
    number = 0
    for number, one in enumerate(samples, 1):
        if one.sync or not args.from_sync:
            group.clear()
        group.append(one)
        if number == args.number if moment is None else _is_at(one, moment):
            return number, group
        if one.is_late:
            break
    if moment is None:
        raise MediaError(f"the track has {number} samples, and no number {args.number}")
    raise MediaError(f"{args.store}: nothing is presented at {args.time}")


def _moment(args: argparse.Namespace) -> Fraction | UtcTime:
    """Return the wanted time as samples have it.

    Raises:
        TimeError: it is not of that form.
    """
    if is_store(args.store):
        return UtcTime.parse(args.time)
    if re.fullmatch(r"-?[0-9]{1,12}([.][0-9]{1,30})?", args.time) is None:
        raise TimeError(f"the time in a file is a number of seconds, such as 12.5, not {args.time!r}")
    return Fraction(args.time)


def _is_at(one: _Found, moment: Fraction | UtcTime) -> bool:
    begin, end = one.time, one.end
    if isinstance(moment, UtcTime):
        return isinstance(begin, UtcTime) and isinstance(end, UtcTime) and begin <= moment < end
    return isinstance(begin, Fraction) and isinstance(end, Fraction) and begin <= moment < end


def _wanted_kind(args: argparse.Namespace, there: Iterable[MediaKind]) -> MediaKind:
    kinds = sorted(set(there), key=lambda kind: kind.rank)
    asked = _KINDS.get(args.media or "")
    if not kinds or (asked is not None and asked not in kinds):
        raise MediaError(f"{args.store} has no {args.media or 'media'}")
    return asked if asked is not None else kinds[0]


# ---- sources ----------------------------------------------------------------------------------------


def _of_file(args: argparse.Namespace, keys: "Keys", stack: ExitStack) -> tuple[bool, Iterator[_Found]]:
    """Return whether the track of a file is encrypted, and its samples."""
    from onvif_bmff.cenc import FragmentDecryptor, protection_headers
    from onvif_bmff.ingest import open_mp4
    from onvif_bmff.media import Sample

    check_names_no_part(args)
    source = stack.enter_context(open_mp4(args.store))
    kind = _wanted_kind(args, (track.type for track in source.tracks))
    tracks = [track for track in source.tracks if track.type is kind]
    if args.track > len(tracks):
        raise MediaError(f"{args.store} has {len(tracks)} tracks of {kind.value.lower()}, and no track {args.track}")
    track = tracks[args.track - 1]
    stage = None
    if source.is_protected:
        keys.unlock(protection_headers(source.movie))
        stage = FragmentDecryptor(keys.ring, source.data)
    late = None if args.time is None else _moment(args)

    def samples() -> Iterator[_Found]:
        codec = track.codec
        for item in source.samples(stage):
            if item.track_id != track.track_id:
                continue
            if not isinstance(item, Sample):
                codec = item.codec
                continue
            begin = Fraction(item.decode_time + item.composition_offset, track.timescale)
            end = begin + Fraction(item.duration, track.timescale)
            is_late = isinstance(late, Fraction) and item.decode_time > (late + _LONGEST_WAIT) * track.timescale
            yield _Found(item.data, item.sync, codec, begin, end, is_late)

    (own,) = (one for one in source.sources if one.track_id == track.track_id)
    return own.is_protected, samples()


def _of_store(args: argparse.Namespace, keys: "Keys") -> tuple[bool, Iterator[_Found]]:
    """Return whether the recording of a store is encrypted, and the samples of one of its tracks."""
    from onvif_bmff.playback import SampleReader, Seeker, Timeline, select

    store = opened_store(args)
    where = {"prefix": args.prefix, "postfix": args.postfix}
    start = end = None
    if args.time is not None:
        moment = _moment(args)
        if not isinstance(moment, UtcTime):
            raise InvariantError("a moment of a store is no UTC time")
        start, end = moment, moment.plus_microseconds(1_000_000 * _LONGEST_WAIT)
    timeline = Timeline.from_store(store, start, end, **where)
    selection = select(timeline, start=start, end=end, **where)
    if not selection:
        when = "" if args.time is None else f" at {args.time}"
        raise MediaError(f"{args.store}: nothing was recorded{when}")
    seeker = Seeker(store)
    spans = [part for parts in selection.parts.values() for part in parts]
    headers = [seeker.header(part.span.segments[part.first]) for part in spans]
    kind = _wanted_kind(args, (track.type for header in headers for track in header.tracks))
    selection = select(timeline, start=start, end=end, media=kind, **where)
    reader = SampleReader(store, selection, keys=keys.ring, unwrapper=keys.unwrapper, seeker=seeker)

    def samples() -> Iterator[_Found]:
        for played in reader:
            if played.track.type is kind and played.track.ordinal == args.track - 1:
                sample = played.sample
                yield _Found(sample.data, sample.sync, played.track.codec, played.time, played.end, is_late=False)

    return any(header.is_protected for header in headers), samples()


# ---- the form of the output ------------------------------------------------------------------------


def _playable(one: _Found, *, with_sets: bool) -> bytes | memoryview:
    """Return a sample as decoders take it: NAL units behind start codes, with parameter sets; others as they are."""
    from onvif_bmff.export import parameter_sets, with_parameter_sets
    from onvif_bmff.media import family_of_codec, iter_nal_units, length_prefixed_to_annex_b

    family = family_of_codec(one.codec)
    if family is None:
        return one.data
    data = one.data
    sets = parameter_sets(one.codec) if with_sets else b""
    if sets and not any(len(unit) and family.unit_type(unit, 0) in family.sets for unit in iter_nal_units(data)):
        data = with_parameter_sets(data, sets, one.codec)
    return length_prefixed_to_annex_b(data)
