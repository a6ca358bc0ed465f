"""Attributes as a cloud service can keep them: as ASCII in HTTP headers, and no more than the service takes.

A value that headers cannot carry is written as an encoded word (RFC 2047), as Amazon S3 itself gives such values back.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from onvif_bmff.errors import ObjectAttributeError
from onvif_bmff.objects.attributes import OBJECT_ID, ObjectAttributes, StorageType
from onvif_bmff.storage.acceptable import check_metadata
from onvif_bmff.storage.cloud_client import CloudService

__all__ = ["WRITE_ID", "encoded_attributes", "own_id", "read_attributes", "without_ids"]

WRITE_ID = "WriteId"
"""Name of the attribute that identifies a write of an object without ``ObjectId``; never shown to readers."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PLAIN = re.compile(r"(?! )[ -~]*(?<! )")
_WORD = re.compile(r"=\?UTF-8\?B\?([A-Za-z0-9+/]*={0,2})\?=", re.IGNORECASE)


def encoded_attributes(
    attributes: Mapping[str, str], write_id: str, service: CloudService, limit: int | None = None
) -> dict[str, str]:
    """Return attributes as they are sent: encoded, with an id of the write, and reduced to a limit, or the service's.

    They are reduced as ``ObjectAttributes.fitted`` does it: first the seek table is thinned, then optional
    attributes are left out. Attributes that are not those of Annex B are not reduced but refused.

    Raises:
        ObjectAttributeError: the service cannot keep them.
    """
    found = check_metadata(attributes)
    folded = [name.lower() for name in found]
    for name in found:
        if not _NAME.fullmatch(name):
            raise ObjectAttributeError(f"{service.title} cannot keep an attribute of this name: {name[:40]!r}")
    if len(set(folded)) < len(folded):
        raise ObjectAttributeError("names of attributes differ in case alone, which cloud services do not keep")
    if WRITE_ID.lower() in folded:
        raise ObjectAttributeError(f"the attribute {WRITE_ID} belongs to the store itself")
    if OBJECT_ID.lower() not in folded:
        found[WRITE_ID] = write_id
    sent = {name: _encoded(value) for name, value in found.items()}
    limit = service.metadata_limit if limit is None else limit
    return sent if _size(sent, service) <= limit else _reduced(found, service, limit)


def _reduced(attributes: dict[str, str], service: CloudService, limit: int) -> dict[str, str]:
    own = {name: value for name, value in attributes.items() if name == WRITE_ID}
    whole = ObjectAttributes.from_metadata({name: value for name, value in attributes.items() if name not in own})
    # ``fitted`` counts the prefix of S3, which that of another service may exceed by some bytes a name.
    longer = max(0, len(service.header_prefix) - len(StorageType.S3.header_prefix)) * len(attributes)
    fitted = whole.fitted(StorageType.S3, limit - longer - _size(own, service))
    reduced = {**{name: _encoded(value) for name, value in fitted.to_metadata().items()}, **own}
    if _size(reduced, service) > limit:
        raise ObjectAttributeError(f"the attributes are over the {limit} bytes of {service.title}")
    return reduced


def _size(attributes: Mapping[str, str], service: CloudService) -> int:
    return sum(len(service.header_prefix) + len(name) + len(value) for name, value in attributes.items())


def _encoded(value: str) -> str:
    if _PLAIN.fullmatch(value) and not _WORD.fullmatch(value):
        return value
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def read_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return attributes as they were written, but with names in the case in which they came back."""
    return {name: _decoded(value) for name, value in attributes.items()}


def _decoded(value: str) -> str:
    found = _WORD.fullmatch(value)
    if found is None:
        return value
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value


def own_id(attributes: Mapping[str, str]) -> str | None:
    """Return the id by which a writer recognises its own object; None if it has none."""
    folded = {name.lower(): value for name, value in attributes.items()}
    return folded.get(OBJECT_ID.lower(), folded.get(WRITE_ID.lower()))


def without_ids(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return attributes without the one that belongs to the store."""
    return {name: value for name, value in attributes.items() if name.lower() != WRITE_ID.lower()}
