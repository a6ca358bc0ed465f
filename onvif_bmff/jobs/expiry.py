"""Retention: objects of a store that are too old are deleted, by one process or many."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, zip_longest
from typing import Protocol, runtime_checkable

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.jobs.ranges import KeyRange, ranges_of
from onvif_bmff.jobs.retention import Hold, expired_keys
from onvif_bmff.jobs.sources import StoreSource, opened
from onvif_bmff.jobs.tasks import Shared, Workers
from onvif_bmff.objects.stored import ObjectStore, ReadableStore
from onvif_bmff.playback.key_reader import KeyReader
from onvif_bmff.playback.timeline import Timeline
from onvif_bmff.timing import UtcTime

__all__ = ["Expired", "expire_store", "expired_in"]

_BATCH = 1000
"""Objects of a task."""
_MARGIN = timedelta(days=1)
"""How much more is listed, so that spans are seen as a whole where recordings end."""


@dataclass(frozen=True, slots=True)
class Expired:
    """An object that was too old. ``error`` says why it is still there; empty if it is gone."""

    key: str
    error: str = ""


@runtime_checkable
class BatchDeleteStore(Protocol):
    """A store that deletes many objects by one request; those that do not exist are passed over."""

    def delete_all(self, keys: Iterable[str]) -> None:
        """Remove objects."""
        ...


def expired_in(
    store: ReadableStore,
    before: UtcTime,
    *,
    prefix: str | None = None,
    postfix: str | None = None,
    holds: Collection[Hold] = (),
) -> list[list[str]]:
    """Return the keys of a store that are too old, for each kind of spans, as ``expired_keys`` does.

    Date folders behind ``before`` are not listed.

    Raises:
        StoreError: the store failed.
    """
    reader = KeyReader(prefix, postfix)
    for part in ranges_of(store, prefix=prefix, postfix=postfix):
        if not _is_behind(part, before):
            reader.read(part.names(store))
    return list(expired_keys(Timeline.of_keys(reader), before, holds))


def expire_store(
    source: StoreSource,
    before: UtcTime,
    *,
    prefix: str | None = None,
    postfix: str | None = None,
    holds: Collection[Hold] = (),
    workers: Workers | None = None,
    listing: ReadableStore | None = None,
) -> Iterator[Expired]:
    """Delete what had ended at an instant, and yield what became of each object.

    What is deleted is what ``expired_keys`` says, so the rest of a recording stays valid. Of each kind of spans the
    oldest objects go first, and where one cannot be deleted, because the store holds it, the rest of that kind stays. A
    run that broke off is completed by the next one.

    Args:
        source: the store; processes need its address, or a store that can be pickled.
        before: what ended at this instant or earlier is too old.
        prefix: the configured prefix (empty: none is configured), or None for any.
        postfix: the configured postfix, likewise.
        holds: nothing of these times is deleted.
        workers: who deletes; this process by default.
        listing: lists the keys in place of the store, as a ``ListedStore`` does.

    Raises:
        StoreError: the listing failed, or workers were lost for good (``WorkersLostError``).
    """
    kinds = expired_in(
        opened(source) if listing is None else listing, before, prefix=prefix, postfix=postfix, holds=holds
    )
    batches = [list(_batches(kind)) for kind in kinds]
    failed: set[int] = set()
    shared = Shared(source)
    run: Callable[[Iterable[_Task]], Iterator[list[Expired]]] = (
        (lambda tasks: map(_delete, tasks)) if workers is None else (lambda tasks: workers.run(_delete, tasks))
    )
    for round_ in zip_longest(*batches):  # a kind has one batch in each, so that its oldest objects go first
        numbers = [number for number, batch in enumerate(round_) if batch is not None and number not in failed]
        for number, done in zip(numbers, run([_Task(shared, round_[number]) for number in numbers]), strict=True):
            if done and done[-1].error:
                failed.add(number)
            yield from done


@dataclass(frozen=True, slots=True)
class _Task:
    """Objects to delete, oldest first."""

    source: Shared[StoreSource]
    keys: Sequence[str]

    def __repr__(self) -> str:
        return f"{len(self.keys)} objects from {self.keys[0]!r} on"


def _delete(task: _Task) -> list[Expired]:
    """Delete objects until one cannot be. Runs in a worker."""
    store: ReadableStore | ObjectStore = opened(task.source.value)
    if isinstance(store, BatchDeleteStore):
        try:
            store.delete_all(task.keys)
        except StoreError:
            pass  # one after the other, to know which
        else:
            return [Expired(key) for key in task.keys]
    done: list[Expired] = []
    delete: Callable[[str], None] | None = getattr(store, "delete", None)
    for key in task.keys:
        try:
            if delete is None:
                raise StoreError("the store cannot delete")
            delete(key)
        except ObjectNotFoundError:
            pass  # by somebody else, or by a worker that was lost
        except StoreError as error:
            return [*done, Expired(key, str(error))]
        done.append(Expired(key))
    return done


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    source = iter(keys)
    while batch := list(islice(source, _BATCH)):
        yield batch


def _is_behind(part: KeyRange, before: UtcTime) -> bool:
    """Return whether all keys of a range begin later than the next day, whichever part of its folder is the date."""
    return bool(part.dates) and min(part.dates) > (before + _MARGIN).isoformat(0)[:10]
