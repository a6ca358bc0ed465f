"""The part of ONVIF's Receiver Service that recording jobs need: create, configure, list, delete."""

from dataclasses import replace

from onvif_bmff.control.faults import CannotDeleteReceiver, MaxReceivers, UnknownReceiver
from onvif_bmff.control.operations.checks import check_types
from onvif_bmff.control.transaction import Transaction, as_text
from onvif_bmff.control.types.receiver import Receiver, ReceiverConfiguration

__all__ = ["configure_receiver", "create_receiver", "delete_receiver"]


def create_receiver(tx: Transaction, configuration: ReceiverConfiguration) -> str:
    """CreateReceiver: one that stays until it is deleted."""
    check_types(configuration, ReceiverConfiguration, "ReceiverConfiguration")
    if len(tx.state.receivers) >= tx.environment.limits.receivers:
        raise MaxReceivers
    token = tx.new_token("receiver")
    tx.state.receivers[token] = Receiver(token, configuration, auto_created=False)
    return token


def configure_receiver(tx: Transaction, receiver_token: str, configuration: ReceiverConfiguration) -> None:
    """ConfigureReceiver: also for auto-created ones, which begin empty (5.1)."""
    receiver = _find_receiver(tx, receiver_token)
    check_types(configuration, ReceiverConfiguration, "ReceiverConfiguration")
    tx.state.receivers[receiver.token] = replace(receiver, configuration=configuration)


def delete_receiver(tx: Transaction, receiver_token: str) -> None:
    """DeleteReceiver: refused while a job uses it."""
    receiver = _find_receiver(tx, receiver_token)
    if receiver.token in tx.state.receivers_in_use():
        raise CannotDeleteReceiver
    del tx.state.receivers[receiver.token]


def _find_receiver(tx: Transaction, receiver_token: object) -> Receiver:
    """Return the receiver of that token.

    Raises:
        UnknownReceiver: there is none.
    """
    found = tx.state.receivers.get(as_text(receiver_token, "ReceiverToken"))
    if found is None:
        raise UnknownReceiver
    return found
