"""Labels: content type and attributes of the objects of a ``DirectoryStore``, and how they are written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Label", "label_of", "label_text"]


@dataclass(frozen=True, slots=True)
class Label:
    """Content type (None: it is not known) and attributes of an object whose file has the inode."""

    inode: int
    content_type: str | None
    attributes: Mapping[str, str]

    @property
    def is_default(self) -> bool:
        """No side file is needed for it."""
        return self.content_type is None and not self.attributes


def label_text(versions: list[Label]) -> str:
    """Return labels as JSON, as a side file has them."""
    rows = [
        {"inode": version.inode, "content_type": version.content_type, "attributes": dict(version.attributes)}
        for version in versions
    ]
    return json.dumps({"versions": rows})


def label_of(item: Any) -> Label:
    """Return a label from a row of that JSON.

    Raises:
        TypeError, ValueError, LookupError: it is none.
    """
    attributes = item["attributes"]
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise ValueError("attributes are names and texts")
    if not isinstance(item["content_type"], str | None):
        raise TypeError("a content type is a text, or null where it is not known")
    if not isinstance(item["inode"], int):
        raise TypeError("an inode is a whole number")
    return Label(item["inode"], item["content_type"], attributes)
