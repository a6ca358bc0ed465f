"""Rules of life cycle as the services have them: they delete by age too, object by object."""

import json
from datetime import timedelta
from typing import Any

from onvif_bmff.errors import StoreError
from onvif_bmff.storage.opening import StoreUrl

__all__ = ["lifecycle_rule"]

_DAY = timedelta(days=1)
_ID = "onvif-bmff-expire"


def lifecycle_rule(place: StoreUrl, older_than: timedelta, prefix: str = "") -> str:
    """Return the rule of a bucket that deletes objects of an age, as JSON.

    It is the input of ``aws s3api put-bucket-lifecycle-configuration --lifecycle-configuration``, ``az storage account
    management-policy create --policy`` or ``gcloud storage buckets update --lifecycle-file``. Such a file replaces all
    rules that there are. Age counts from when an object was stored, in whole days, rounded up here.

    Args:
        place: the store.
        older_than: the age.
        prefix: the configured prefix of recordings; empty for all objects of the store.

    Raises:
        StoreError: the store is in no service that has such rules.
    """
    days = -(-older_than // _DAY)
    folder = "".join(f"{part}/" for part in (place.prefix, prefix) if part)
    rule: dict[str, Any]
    match place.scheme:
        case "s3":
            rule = {"ID": _ID, "Status": "Enabled", "Filter": {"Prefix": folder}, "Expiration": {"Days": days}}
            return json.dumps({"Rules": [rule]}, indent=2)
        case "az":
            actions = {"baseBlob": {"delete": {"daysAfterCreationGreaterThan": days}}}
            filters = {"blobTypes": ["blockBlob"], "prefixMatch": [f"{place.bucket}/{folder}"]}
            definition = {"actions": actions, "filters": filters}
            rule = {"enabled": True, "name": _ID, "type": "Lifecycle", "definition": definition}
            return json.dumps({"rules": [rule]}, indent=2)
        case "gs":
            condition = {"age": days, **({"matchesPrefix": [folder]} if folder else {})}
            return json.dumps({"rule": [{"action": {"type": "Delete"}, "condition": condition}]}, indent=2)
        case _:
            raise StoreError(f"{place} has no rules of life cycle: those of s3://, az:// and gs:// can be printed")
