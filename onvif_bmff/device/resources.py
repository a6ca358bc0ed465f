"""What exists on a device, for its service."""

from collections.abc import Callable, Mapping

from onvif_bmff.cenc.keys.certificates import certificate_fault
from onvif_bmff.device.stores import DeviceStores

__all__ = ["DeviceResources"]


class DeviceResources:
    """The device's storages, certificates and profiles, as the service's ``Resources``.

    Args:
        stores: the stores by token.
        certificates: certificates by ID.
        profiles: returns whether a media profile exists.
    """

    def __init__(
        self,
        stores: DeviceStores,
        certificates: Mapping[str, bytes],
        profiles: Callable[[str], bool],
    ) -> None:
        self._stores = stores
        self._certificates = certificates
        self._profiles = profiles

    def storage_location(self, token: str | None) -> str:
        """Return the location of a storage's store; see ``LocatesStorages``."""
        return self._stores.location(token)

    def has_storage(self, token: str) -> bool:
        """Return whether there is a storage of this token."""
        return token in self._stores.storages

    def has_certificate(self, certificate_id: str) -> bool:
        """Return whether there is a certificate of this ID."""
        return certificate_id in self._certificates

    def certificate_fault(self, certificate_id: str) -> str | None:
        """Return why keys can never be wrapped for a certificate; None if they can."""
        return certificate_fault(self._certificates.get(certificate_id, b""))

    def has_profile(self, token: str) -> bool:
        """Return whether there is a media profile of this token."""
        return self._profiles(token)

    def compatible_profiles(self, recording_token: str) -> None:
        """Return None: all can be recorded."""
