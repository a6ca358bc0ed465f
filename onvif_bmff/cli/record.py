"""``onvif-bmff record``: a media file into the objects of a recording."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from onvif_bmff.cli.encryption_options import add_arguments as add_encryption_arguments
from onvif_bmff.cli.encryption_options import certificates_left_out, keep_made_key
from onvif_bmff.cli.encryption_options import entries as encryption_entries
from onvif_bmff.cli.encryption_options import vectors as encryption_vectors
from onvif_bmff.cli.live_options import StreamUrl, add_live_arguments, check_is_stream, input_place
from onvif_bmff.cli.progress import progress
from onvif_bmff.cli.record_input import RecordInput, open_input
from onvif_bmff.cli.signals import SignalGuard
from onvif_bmff.cli.spool import complain_of_rest, emptied
from onvif_bmff.cli.spool_options import add_policy_arguments, add_room_arguments, check_has_spool, policy_of
from onvif_bmff.cli.status import Status
from onvif_bmff.cli.store_options import STORE_HELP, add_options_argument, opened_store
from onvif_bmff.cli.terminal import complain, say, summary
from onvif_bmff.cli.track_choice import check_encrypted_tracks
from onvif_bmff.cli.values import duration, instant, path, store_place
from onvif_bmff.demux.sample_tables import CodecChange
from onvif_bmff.errors import MediaError, OnvifBmffError, ProtectionError, StoreError
from onvif_bmff.ingest import pace_samples
from onvif_bmff.media.track import Sample, Track
from onvif_bmff.objects.key import ObjectKey
from onvif_bmff.recording.formats import CMAF, MP4, RecordingFormat
from onvif_bmff.recording.recorder import Recorder
from onvif_bmff.recording.segment_labels import SegmentLabels
from onvif_bmff.recording.target import DecodeTimes, RecordingTarget
from onvif_bmff.storage.pending import LOST
from onvif_bmff.storage.sink import StoreFailure, StoreSink
from onvif_bmff.timing import UtcTime

if TYPE_CHECKING:
    from onvif_bmff.objects import ObjectStore
    from onvif_bmff.storage.spool import Dropped
    from onvif_bmff.storage.spooled import SpooledStore

__all__ = ["register", "run"]

_FORMATS: dict[str, RecordingFormat] = {"CMAF": CMAF, "MP4": MP4}
_EVERY = 256
"""Samples between two updates of the progress bar."""
_DAY = 86_400
_LONG_AGO = 30 * _DAY
"""Seconds of media time from which on a file does not begin at its time 0."""


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "record",
        help="record a media file or a live stream into a store",
        description="Record a file, faster than real time, or a live stream into the objects of ONVIF Annex B.",
    )
    parser.add_argument(
        "input", metavar="INPUT", type=input_place,
        help="file, - for standard input, or URL of a stream (rtsp://camera/…)",
    )  # fmt: skip
    parser.add_argument("--store", metavar="STORE", required=True, type=store_place, help=STORE_HELP)
    add_options_argument(parser)
    parser.add_argument(
        "--spool",
        metavar="DIR",
        type=path,
        help="folder on the local disk where objects are durable at once, and wait until the store takes them",
    )
    parser.add_argument(
        "--spool-wait",
        metavar="PT1M",
        type=duration,
        default=timedelta(minutes=1),
        help="how long the end waits until all is uploaded from the spool (ISO 8601, default PT1M)",
    )
    add_room_arguments(parser)
    add_policy_arguments(parser)
    parser.add_argument("--format", choices=sorted(_FORMATS), default="CMAF", help="recording format (default CMAF)")
    parser.add_argument(
        "--track", metavar="TRACK", action="append", default=[], dest="tracks",
        help="record this track, by name (VIDEO002) or number; may be given again (default: all, in CMAF one a kind)",
    )  # fmt: skip
    parser.add_argument("--prefix", default="", help="path before the date in object keys")
    parser.add_argument("--postfix", default="", help="path after the date in object keys")
    parser.add_argument(
        "--segment-duration", metavar="PT10S", type=duration, default=timedelta(seconds=10), help="ISO 8601"
    )
    parser.add_argument("--span-duration", metavar="PT1H", type=duration, help="ISO 8601; no limit by default")
    parser.add_argument(
        "--max-gap", metavar="PT10S", type=duration, help="longest pause within a span; by default about a second"
    )
    parser.add_argument("--start", metavar="TIME", type=instant, help="UTC time of the file's start (default: now)")
    parser.add_argument("--source", metavar="ID", help="identifier of the device, kept as the attribute Source")
    parser.add_argument("--digits", type=int, choices=(3, 6), default=3, help="fraction digits in object keys")
    parser.add_argument(
        "--decode-times",
        choices=[one.value for one in DecodeTimes],
        default=DecodeTimes.SPAN.value,
        help="what decode times in objects count from: the start of their span (default), or 1970 in UTC",
    )
    parser.add_argument("--realtime", action="store_true", help="take as long as the file lasts")
    parser.add_argument("--overwrite", action="store_true", help="replace objects that exist")
    add_live_arguments(parser)
    add_encryption_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Record; ``Status.FINDINGS`` if a certificate cannot open all, media of the input are lost, or the spool has some.

    All spans are closed, also after a signal.
    """
    check_is_stream(args)
    check_has_spool(args)
    if isinstance(args.input, StreamUrl) and args.input.is_live:
        return _run_live(args)
    target = _target(args)
    done = _RecordingResult()
    signals: SignalGuard = args.signals
    with ExitStack() as stack:
        stack.enter_context(signals.shield(final=True))  # a signal ends the reading, never a write
        with signals.exposed():
            given = stack.enter_context(open_input(args, target.format))
        check_encrypted_tracks(args.encrypt_tracks, given.tracks)
        store, spooled = _opened(args, done)
        keep_made_key(args)
        recorder = Recorder(
            given.tracks, target, labels=SegmentLabels(source=args.source), ivs=encryption_vectors(args)
        )
        start = args.start or UtcTime(time.time_ns() // 1000)
        sink = StoreSink(store, overwrite=args.overwrite, on_stored=done.on_stored, on_failure=done.refused.append)
        with sink:
            recorder.activate(start, media_time=Fraction(0))
            show = stack.enter_context(progress(given.title, given.size, unit="bytes", quiet=args.quiet))
            samples = _from_start(_samples(given, recorder, paced=args.realtime), given, recorder, start)
            _record(signals.read(_shown(samples, show)), recorder, sink, done)
        is_waiting = spooled is not None and not _is_uploaded(args, spooled)
    failure = done.failure_of(given, recorder, interrupted=signals.number is not None)
    if done.stored:
        given.tell(args)
    done.show(_place(args, [key for key, _ in done.stored], done.dropped))
    lost = {reason: count for reason, count in sink.dropped.items() if reason != LOST.REFUSED}
    _complain_of(done, (*recorder.dropped.items(), *lost.items()))
    return _status(signals, target, failure, has_findings=given.is_loss or is_waiting or done.dropped > 0)


def _run_live(args: argparse.Namespace) -> int:
    """Record a live stream; statuses as those of ``run``."""
    from onvif_bmff.cli.live_status import LiveStatus
    from onvif_bmff.cli.record_live import LiveRecording

    target = _target(args)
    done = _RecordingResult()
    signals: SignalGuard = args.signals
    status = LiveStatus(as_json=args.json, quiet=args.quiet)

    def on_stored(key: ObjectKey, size: int) -> None:
        done.on_stored(key, size)
        status.stored(str(key), size)

    with signals.shield(final=True):
        live = LiveRecording(args, target, encryption_vectors(args), status)
        store, spooled = _opened(args, done)
        keep_made_key(args)
        sink = StoreSink(store, overwrite=args.overwrite, on_stored=on_stored, on_failure=done.refused.append)
        with sink:
            live.run(sink)
        is_waiting = spooled is not None and not _is_uploaded(args, spooled)
    failure = done.failure_of_live(live.failure, args.input.shown, interrupted=signals.number is not None)
    if args.json:
        status.write("total", objects=len(done.stored), bytes=sum(size for _, size in done.stored))
    else:
        done.show(_place(args, [key for key, _ in done.stored], done.dropped))
    _complain_of(done, (live.dropped + sink.dropped).items())
    return _status(signals, target, failure, has_findings=is_waiting or done.dropped > 0)


def _complain_of(done: "_RecordingResult", lost: Iterable[tuple[str, int]]) -> None:
    """Say what is not in the store: segments that a full spool dropped, and samples by reason."""
    if done.dropped:
        complain(f"{done.dropped} segments were dropped from the spool, which was full")
    for reason, count in lost:
        complain(f"{count} samples were not recorded: {reason}")


def _status(signals: SignalGuard, target: RecordingTarget, failure: Exception | None, *, has_findings: bool) -> int:
    """Say why the recording ended, and for whom it was not encrypted; return the status, or raise the failure."""
    if signals.number is not None:
        complain(f"ended by {signals.name}")
    left_out = certificates_left_out(target.encryption)
    for one in left_out:
        complain(f"not all was encrypted for {one}")
    if failure is not None:
        raise failure
    return signals.status or (Status.FINDINGS if left_out or has_findings else Status.SUCCESS)


def _opened(args: argparse.Namespace, done: "_RecordingResult") -> "tuple[ObjectStore, SpooledStore | None]":
    """Return the store to record into, and the same if it is behind a spool."""
    remote = opened_store(args, create=True)
    if args.spool is None:
        return remote, None
    from onvif_bmff.storage.spooled import SpooledStore

    spooled = SpooledStore(remote, args.spool, policy=policy_of(args), on_dropped=done.on_dropped)
    return spooled, spooled


def _is_uploaded(args: argparse.Namespace, spooled: "SpooledStore") -> bool:
    """Wait until the spool is empty, as long as was asked for; say what is left in it otherwise."""
    is_empty = emptied(spooled, args.spool_wait, args.signals)
    status = spooled.status
    has_rest = complain_of_rest(args.spool, status.aside)
    if is_empty:
        return not has_rest
    why = f" ({status.error})" if status.error else ""
    how = f"'onvif-bmff spool {args.spool} --to {args.store}' uploads them"
    complain(f"{status.waiting} objects wait in {args.spool}{why}: {how}")
    return False


def _place(args: argparse.Namespace, keys: Sequence[str], dropped: int) -> str:
    """Return where these objects are: under the store, or in the spool as far as they are not uploaded.

    ``dropped`` is how many of them are nowhere.
    """
    if args.spool is not None:
        from onvif_bmff.storage import DirectoryStore, spool_folders

        spooled = {key for folder in spool_folders(args.spool) for key in DirectoryStore(folder).keys("")}
        uploaded = sum(key not in spooled for key in keys) - dropped
        if uploaded < len(keys):
            return f"in the spool {args.spool}, {uploaded} of them in {args.store}"
    return f"under {args.store}"


def _target(args: argparse.Namespace) -> RecordingTarget:
    return RecordingTarget(
        format=_FORMATS[args.format],
        prefix=args.prefix,
        postfix=args.postfix,
        segment_duration=args.segment_duration,
        span_duration=args.span_duration,
        max_gap=args.max_gap,
        encryption=encryption_entries(args),
        digits=args.digits,
        decode_times=DecodeTimes(args.decode_times),
    )


class _RecordingResult:
    """The result of a recording: stored and refused objects, and the first error."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, int]] = []
        self.refused: list[StoreFailure] = []
        self.failure: Exception | None = None
        self.dropped = 0

    def on_dropped(self, what: "Dropped") -> None:
        """Note what a full spool dropped."""
        self.dropped += what.objects

    def on_stored(self, key: ObjectKey, size: int) -> None:
        """Note that an object of ``size`` bytes is in the store."""
        self.stored.append((str(key), size))

    def failed(self, error: Exception | None) -> None:
        """Note an error; only the first counts."""
        self.failure = self.failure or error

    def failure_of(self, given: RecordInput, recorder: Recorder, *, interrupted: bool) -> Exception | None:
        """Return the error that the command ends with."""
        return self._failure(recorder.failure, (given.name, "nothing was recorded", *given.faults()), interrupted)

    def failure_of_live(self, failure: Exception | None, name: str, *, interrupted: bool) -> Exception | None:
        """Return the error that the recording of a stream ends with."""
        return self._failure(failure, (name, "nothing was recorded"), interrupted)

    def _failure(self, failure: Exception | None, nothing: Sequence[str], interrupted: bool) -> Exception | None:  # noqa: FBT001
        self.failed(failure)
        if self.refused:
            first = self.refused[0]
            self.failed(StoreError(f"{len(self.refused)} objects are not stored, first {first.key}: {first.error}"))
        if not self.stored and not interrupted:
            self.failed(MediaError(": ".join(nothing)))
        return self.failure

    def show(self, place: str) -> None:
        """List what was stored, and where, such as "under DIR"."""
        with summary():
            for key, size in self.stored:
                say(f"{size:>12,}  {key}")
            total = sum(size for _, size in self.stored)
            say(f"{total:>12,}  bytes in {len(self.stored)} objects {place}")


def _record(samples: Iterator[Sample], recorder: Recorder, sink: StoreSink, done: _RecordingResult) -> None:
    """Record all samples, as far as they can be, and close the spans."""
    try:
        for sample in samples:
            try:
                sink.add_all(recorder.push(sample))
            except (MediaError, ProtectionError) as error:
                done.failed(error)  # a sample or fragment cannot be stored; the others can
            if any(one.reason is LOST.REFUSED for one in done.refused):
                break  # it would refuse the others too
    except (OnvifBmffError, OSError) as error:
        done.failed(error)  # the samples before the fault are kept
    try:
        sink.add_all(recorder.deactivate())
    except OnvifBmffError as error:
        done.failed(error)


def _samples(given: RecordInput, recorder: Recorder, *, paced: bool) -> Iterator[Sample]:
    """Return the samples of the file; where its codec changes, so does the recorder's track.

    Video in which decoding can start nowhere for a minute is cut by time, as that of a camera is.
    """
    tracks = {track.track_id: track for track in given.tracks}
    starts = given.starts
    items: Iterator[Sample | CodecChange] = given.source.samples()
    if len(tracks) < len(given.source.tracks):
        items = (item for item in items if item.track_id in tracks)
    if paced:
        items = pace_samples(items, given.tracks)
    for item in items:
        if isinstance(item, CodecChange):
            old = tracks[item.track_id]
            if item.codec.media_type != old.type:
                raise MediaError(f"track {item.track_id} changes its kind of media")
            recorder.replace_track(Track(old.token, old.track_id, old.timescale, item.codec, old.language))
        elif item.track_id in starts:
            yield starts[item.track_id].push(item)
        else:
            yield item


def _from_start(samples: Iterator[Sample], given: RecordInput, recorder: Recorder, start: UtcTime) -> Iterator[Sample]:
    """Pass samples on. Where their times count from long ago and not from the file's start, the first is at ``start``.

    So count the files of cameras whose decode times are UTC.
    """
    first = next(samples, None)
    if first is None:
        return
    time = next(Fraction(first.decode_time, one.timescale) for one in given.tracks if one.track_id == first.track_id)
    if time > _LONG_AGO:
        complain(f"{given.name}: its times begin {time // _DAY} days in; they are counted from its first sample")
        recorder.set_clock(start, time)
    yield first
    yield from samples


def _shown(samples: Iterator[Sample], show: Callable[..., None] | None) -> Iterator[Sample]:
    """Pass samples on, and show the number of their bytes."""
    if show is None:
        yield from samples
        return
    size = 0
    for count, sample in enumerate(samples):
        size += len(sample.data)
        if count % _EVERY == 0:
            show(size)
        yield sample
