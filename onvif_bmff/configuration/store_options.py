"""The options of stores in the cloud, as far as a file can be judged without asking them."""

from dataclasses import dataclass

from onvif_bmff.configuration.options import Kind, Option, UnfitValue, nearest
from onvif_bmff.errors import StoreError
from onvif_bmff.storage.cloud_settings import CLOUD_OPTIONS
from onvif_bmff.storage.opening import StoreUrl, parse_location

__all__ = ["SecretOptions", "is_cloud", "read_store_options"]

_SECRETS = (
    "access_key_id",
    "secret_access_key",
    "session_token",
    "account_key",
    "sas_token",
    "client_secret",
    "bearer_token",
)
_ENDINGS = ("", "_file", "_env")


@dataclass(frozen=True, slots=True)
class SecretOptions:
    """Which options of a store are secret: each with the key that gives it; and keys with what is wrong with them."""

    given: tuple[tuple[Option, str], ...] = ()
    unknown: tuple[tuple[str, str], ...] = ()


def read_store_options(url: str, given: dict[str, object], found: dict[str, object]) -> SecretOptions:
    """Put the options that are no secrets into ``found``, and return which others there are.

    Raises:
        UnfitValue: the URL is none of a store, or it is one of a store without options.
    """
    if not url:
        return SecretOptions()
    try:
        place = parse_location(url)
    except StoreError as error:
        raise UnfitValue(str(error)) from None
    known = CLOUD_OPTIONS.get(place.scheme, frozenset()) if isinstance(place, StoreUrl) else frozenset()
    if given and not known:
        raise UnfitValue("only storages in the cloud have options")
    secret = {name + end: name for name in _SECRETS if name in known for end in _ENDINGS}
    plain = known - set(secret)
    unknown: list[tuple[str, str]] = []
    taken: dict[str, str] = {}
    for name, value in given.items():
        if name in secret:
            if secret[name] in taken:
                unknown.append((name, f"there is {taken[secret[name]]} already"))
            taken.setdefault(secret[name], name)
        elif name in plain:
            found[name] = value
        else:
            unknown.append((name, f"there is no such option of this store{nearest(name, {*secret, *plain})}"))
    options = tuple((Option(name, Kind.SECRET, ""), key) for name, key in taken.items())
    return SecretOptions(options, tuple(unknown))


def is_cloud(url: str) -> bool:
    """Return whether a valid URL is that of a store in the cloud."""
    place = parse_location(url)
    return isinstance(place, StoreUrl) and place.scheme in CLOUD_OPTIONS
