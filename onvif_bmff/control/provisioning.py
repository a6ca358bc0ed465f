"""Provisioning by the device itself: recordings that belong to it, and receivers (a part of ONVIF's service)."""

from collections.abc import Mapping

from onvif_bmff.control.faults import BadConfiguration
from onvif_bmff.control.operations import owned, receivers, recordings
from onvif_bmff.control.operations.checks import is_token
from onvif_bmff.control.operations.owned import OwnedRecording
from onvif_bmff.control.operations.validation import accept_track_configuration
from onvif_bmff.control.runner import TransactionRunner
from onvif_bmff.control.transaction import Transaction
from onvif_bmff.control.types.configuration import RecordingConfiguration, TrackConfiguration
from onvif_bmff.control.types.job_configuration import RecordingJobConfiguration
from onvif_bmff.control.types.receiver import Receiver, ReceiverConfiguration

__all__ = ["Provisioning"]


class Provisioning:
    """Creates recordings and receivers of the device itself; all of it is persistent.

    Args:
        runner: runs the transactions of the service.
    """

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    def provision_recording(
        self,
        token: str,
        configuration: RecordingConfiguration,
        tracks: Mapping[str, TrackConfiguration],
    ) -> None:
        """Make sure that a recording of the device exists; neither it nor its tracks can be deleted.

        Does nothing if it exists already, so that a device can call it at every start.

        Raises:
            Fault: the configuration is refused.
        """

        def provision(tx: Transaction) -> None:
            if not all(is_token(name) and "/" not in name for name in (token, *tracks)):
                raise BadConfiguration("tokens have 1 to 64 characters and no slash")
            accepted = {name: accept_track_configuration(tx.environment, track) for name, track in tracks.items()}
            recordings.provision_recording(tx, token, configuration, accepted)

        self._runner.run(provision)

    def settle(self, recordings: Mapping[str, OwnedRecording], jobs: Mapping[str, RecordingJobConfiguration]) -> None:
        """Bring what belongs to the device in line with its configuration: all of it, or on a fault nothing.

        What is so already is not touched: it goes on without a gap. Recordings and tracks of the device that are not
        given stay, and clients may delete them from then on; jobs of the device that are not given are deleted. What
        clients made stays.

        Args:
            recordings: by their tokens, which must not be such as the service draws (``recording_`` and 12 digits).
            jobs: likewise.

        Raises:
            Fault: something is refused.
        """
        self._runner.run(lambda tx: owned.settle(tx, recordings, jobs))

    def create_receiver(self, configuration: ReceiverConfiguration) -> str:
        """CreateReceiver of the Receiver Service; faults ``MaxReceivers``, ``BadConfiguration``."""
        return self._runner.run(lambda tx: receivers.create_receiver(tx, configuration))

    def configure_receiver(self, receiver_token: str, configuration: ReceiverConfiguration) -> None:
        """ConfigureReceiver of the Receiver Service; faults ``UnknownReceiver``, ``BadConfiguration``."""
        self._runner.run(lambda tx: receivers.configure_receiver(tx, receiver_token, configuration))

    def delete_receiver(self, receiver_token: str) -> None:
        """DeleteReceiver of the Receiver Service; faults ``UnknownReceiver``, ``CannotDeleteReceiver``."""
        self._runner.run(lambda tx: receivers.delete_receiver(tx, receiver_token))

    def get_receivers(self) -> tuple[Receiver, ...]:
        """Return all receivers of the device, by token."""
        return self._runner.read(lambda tx: tuple(sorted(tx.state.receivers.values(), key=lambda r: r.token)))
