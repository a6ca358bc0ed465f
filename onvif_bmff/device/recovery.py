"""What a device does with its stores when it starts: its recordings are its own, so that old spans end at once."""

from collections.abc import Iterable, Mapping

from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.recovery import RecoveryReport, recover_store
from onvif_bmff.timing import UtcTime

__all__ = ["RecoveryReport", "end_open_spans", "recover_store"]


def end_open_spans(
    store: ObjectStore, places: Mapping[str, str] | Iterable[tuple[str, str]], started: UtcTime
) -> RecoveryReport:
    """Recover the places (prefix and postfix) of a device's recordings in a store; see `recover_store`.

    ``started`` is when this device began to record; spans that began later are its own.
    """
    # A mapping is also an iterable of its keys, which a type checker may take for pairs.
    pairs: Iterable[tuple[str, str]] = (
        places.items() if isinstance(places, Mapping) else places  # pyright: ignore[reportAssignmentType]
    )
    return recover_store(store, places=pairs, before=started, exclusive=True)
