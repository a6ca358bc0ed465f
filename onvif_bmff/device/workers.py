"""Whether the outputs of a device run in processes, and what the device leaves to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from onvif_bmff.control.persistence import Persistence
from onvif_bmff.device.process_worker import WorkerParts
from onvif_bmff.device.recovery import RecoveryPart
from onvif_bmff.device.stores import DeviceSpool
from onvif_bmff.errors import StateError
from onvif_bmff.objects.stored import ObjectStore
from onvif_bmff.runtime import SYSTEM, Runtime

__all__ = ["DeviceWorkers", "WorkerParts", "recovered_part", "storages_read"]


@dataclass(frozen=True, slots=True)
class DeviceWorkers:
    """Processes that a device's outputs are spread over.

    Args:
        count: how many.
        open: a function of a module, called in each process: opens the stores, sources and local store that its outputs
            use, of the same tokens and places as those that the device is given.
        patience: seconds without a sign of life after which a process is killed, and another one spawned; more where
            starting Python takes longer.

    Raises:
        StateError: a value is out of range.
    """

    count: int
    open: Callable[[], WorkerParts]
    patience: float = 60.0

    def __post_init__(self) -> None:
        if not self.patience >= 5.0:
            raise StateError("processes are given at least 5 seconds for a sign of life")
        if not 1 <= self.count <= 256:
            raise StateError("outputs run in 1 to 256 processes")

    def check(self, ivs: object, random: object, runtime: Runtime) -> None:
        """Check that a device was given nothing that processes could not share.

        Raises:
            StateError: it was.
        """
        if ivs is not None or random is not None or runtime is not SYSTEM:
            raise StateError("a device whose outputs run in processes takes no ivs, no random and no runtime")


def storages_read(
    storages: Mapping[str, ObjectStore],
    spool: DeviceSpool,
    persistence: Persistence | None,
    workers: DeviceWorkers | None,
    runtime: Runtime,
) -> Mapping[str, ObjectStore]:
    """Return the stores that a device reads; processes have the spools before theirs."""
    return storages if workers is not None else spool.before(storages, persistence, runtime)


def recovered_part(workers: DeviceWorkers | None) -> RecoveryPart:
    """Return what a device recovers by itself: processes complete the segments of their recordings."""
    return RecoveryPart.ALL if workers is None else RecoveryPart.REST
