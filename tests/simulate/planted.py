"""Bugs to be planted in the running library, each a mistake of a line that somebody could make.

A simulator that does not find them is worth nothing. ``with PLANTED[name].apply(): …`` runs the library with the
mistake; what is patched is as it was afterwards.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from onvif_bmff.cenc.iv import CencIvAllocator
from onvif_bmff.device import recovery as device_recovery
from onvif_bmff.device.feeding import SourceRunner
from onvif_bmff.device.mailbox import Mailbox
from onvif_bmff.engine.track_reports import TrackReports
from onvif_bmff.errors import ObjectExistsError, ObjectNotFoundError
from onvif_bmff.objects.attributes import OBJECT_ID
from onvif_bmff.recording.preroll import PreRoll
from onvif_bmff.storage import span_queue, sqlite
from onvif_bmff.storage.directory import DirectoryStore
from onvif_bmff.storage.pending import LOST

__all__ = ["PLANTED", "PlantedBug"]

Original = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """A mistake: ``owner`` has ``attribute``, which ``change`` turns into the wrong one.

    ``breaks`` is the law; a finding that it is broken contains one of the texts of ``shows``.
    """

    name: str
    breaks: str
    shows: tuple[str, ...]
    owner: Any
    attribute: str
    change: Callable[[Any], Any]

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Run the library with the mistake."""
        right = self.owner.__dict__[self.attribute]
        setattr(self.owner, self.attribute, self.change(right))
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, right)


def _commit_without_fsync(original: Original) -> Original:
    """Neither the data nor the name of a sealed object are on the disk when ``seal`` returns."""

    def _commit(self: Any, file: Any, attributes: Mapping[str, str]) -> None:
        hasty, tree = object.__new__(type(self)), object.__new__(type(self._tree))
        hasty.__dict__.update(self.__dict__, _tree=tree)
        tree.__dict__.update(self._tree.__dict__, fsync=False)
        original(hasty, file, attributes)

    return _commit


def _end_goes_first(original: Original) -> Original:
    """An end object overtakes the segments of its span that still wait."""

    def end(self: Any, key: Any) -> None:
        original(self, key)
        self._jobs.rotate(1)

    return end


def _clock_read_again(original: Original) -> Original:
    """An output that joins a running source gets the present instant as the one of its media time 0."""

    def serve(self: Any, outputs: Any) -> None:
        if self._open is not None:
            self._open = self._open[0], self._clock()
        original(self, outputs)

    return serve


def _counter_goes_on(original: Original) -> Original:
    """Behind a hole the counters of the new span go on where the recorder's are."""

    def begin_with(self: Any, counter: int) -> None:
        if counter:
            self.broken = False
        original(self, counter)

    return begin_with


def _own_object_not_recognised(original: Original) -> Original:
    """The id of an object is looked for as it was written, and services give its name back in lower case."""

    def _resolve(self: Any, job: Any) -> bool:
        try:
            info = self._store.head(str(job.stored_key))
        except ObjectNotFoundError:
            return bool(original(self, job))
        if info.attributes.get(OBJECT_ID) == job.object_id:
            return bool(original(self, job))
        job.in_doubt = False
        if job.given_up is None:
            self.give_up(job, LOST.REFUSED, ObjectExistsError(f"another object has this key: {job.stored_key}"))
        return False

    return _resolve


def _retry_without_asking(original: Original) -> Original:
    """A segment whose sealing was not answered is written again without looking whether it is there."""

    def _resolve(self: Any, job: Any) -> bool:
        job.in_doubt = False
        if job.given_up is not None:
            self._on_lost(job.given_up)
        return False

    return _resolve


def _drop_without_mark(original: Original) -> Original:
    """Dropped media leave no mark, so the span goes on over the hole."""

    def _drop_oldest(self: Any) -> None:
        original(self)
        marks = [at for at, item in enumerate(self._items) if item[0] is self._gap]
        if marks:
            del self._items[marks[0]]
        if not self._items:
            self._ready.clear()

    return _drop_oldest


def _recovery_of_all(original: Original) -> Original:
    """Recovery ends every span, also one that began since the device started."""

    def recover_store(*arguments: Any, before: Any = None, **more: Any) -> Any:
        return original(*arguments, **more)

    return recover_store


def _first_kept_sample_lost(original: Original) -> Original:
    """Of what was kept before an event, or before recording could start, the first sample is left out."""

    def release(self: Any) -> Any:
        return original(self)[1:]

    return release


def _vectors_from_zero(original: Original) -> Original:
    """Vectors of a key count up from 0 in every process."""

    def _begin(self: Any, wanted: int, end: int) -> int:
        count = int(original(self, wanted, end))
        self._next = 0
        return count

    return _begin


def _commit_in_memory(original: Mapping[str, Any]) -> Mapping[str, Any]:
    """A commit returns when the system has the log, not the disk."""
    return {**original, "synchronous": 0}


def _no_state_after_trouble(original: Original) -> Original:
    """When an output works again, the states of its tracks stay in Error."""

    def set_output_error(self: Any, error: str | None, tokens: Any) -> None:
        original(self, error, tokens if error is not None else ())

    return set_output_error


PLANTED: Mapping[str, PlantedBug] = {
    bug.name: bug
    for bug in (
        PlantedBug(
            "acknowledged before fsync",
            "a sealed object is there after a power cut",
            ("lost without a reason", "cannot be read"),
            DirectoryStore,
            "_commit",
            _commit_without_fsync,
        ),
        PlantedBug(
            "end object before last segment",
            "an end object comes after all segments of its span",
            ("written after its end",),
            span_queue.SpanQueue,
            "end",
            _end_goes_first,
        ),
        PlantedBug(
            "clock read twice",
            "names of objects are when their first sample was taken",
            ("a wrong time",),
            SourceRunner,
            "serve",
            _clock_read_again,
        ),
        PlantedBug(
            "counter not reset",
            "counters of a span go 0, 1, 2, …",
            ("no segment with counter",),
            span_queue._StoredSpan,
            "begin_with",
            _counter_goes_on,
        ),
        PlantedBug(
            "lost answer taken for failure",
            "what is counted as lost is not there",
            ("counted as lost but stored",),
            span_queue.SpanQueue,
            "_resolve",
            _own_object_not_recognised,
        ),
        PlantedBug(
            "retry without HEAD",
            "what is counted as lost is not there",
            ("counted as lost but stored",),
            span_queue.SpanQueue,
            "_resolve",
            _retry_without_asking,
        ),
        PlantedBug(
            "GOP dropped without gap mark",
            "segments of a span follow each other without a hole",
            ("a hole in a span",),
            Mailbox,
            "_drop_oldest",
            _drop_without_mark,
        ),
        PlantedBug(
            "recovery ends the live span",
            "a span has one end object, after its last segment",
            ("ends no span", "written after its end"),
            device_recovery,
            "recover_store",
            _recovery_of_all,
        ),
        PlantedBug(
            "preroll off by one",
            "every sample is stored or counted as lost",
            ("lost without a reason",),
            PreRoll,
            "release",
            _first_kept_sample_lost,
        ),
        PlantedBug(
            "vector reused after restart",
            "no vector is used twice under a key",
            ("is used twice under KID", "a vector twice"),
            CencIvAllocator,
            "_begin",
            _vectors_from_zero,
        ),
        PlantedBug(
            "commit acknowledged before it is durable",
            "acknowledged configuration is there after every restart",
            ("configuration after a start",),
            sqlite,
            "_PRAGMAS",
            _commit_in_memory,
        ),
        PlantedBug(
            "track state not reported after recovery",
            "states are those of the outputs",
            ("a wrong state", "is Error"),
            TrackReports,
            "set_output_error",
            _no_state_after_trouble,
        ),
    )
}
"""All of them, by name."""
