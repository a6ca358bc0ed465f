"""A checker of JSON schemas, for the few keywords that ours use; any other keyword is refused, never passed over."""

import json
import re
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).resolve().parents[1] / "docs" / "schemas"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip
_KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "const", "enum", "pattern", "minimum", "minItems",
    "items", "required", "properties", "additionalProperties",
}  # fmt: skip


def our_schema(name: str) -> Any:
    """A schema of docs/schemas."""
    return json.loads((SCHEMAS / f"{name}.json").read_text())


def faults(value: Any, schema: Any, where: str = "$", root: Any = None) -> list[str]:
    """Where a value does not have the form that a schema asks for."""
    root = schema if root is None else root
    assert set(schema) <= _KNOWN, f"keywords that nobody checks: {set(schema) - _KNOWN}"
    found: list[str] = []
    if "$ref" in schema:
        found += faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], where, root)
    if "type" in schema:
        kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(_is(value, kind) for kind in kinds):
            return [*found, f"{where} is {value!r}, not of type {kinds}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{where} is {value!r}, not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where} is {value!r}, not in {schema['enum']}")
    if isinstance(value, str) and re.search(schema.get("pattern", ""), value) is None:
        found.append(f"{where} is {value!r}, not as {schema['pattern']}")
    if _is(value, "number") and value < schema.get("minimum", value):
        found.append(f"{where} is {value}, below {schema['minimum']}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{where} has {len(value)} items")
        for index, item in enumerate(value if "items" in schema else ()):
            found += faults(item, schema["items"], f"{where}[{index}]", root)
    if isinstance(value, dict):
        found += [f"{where} has no {name}" for name in schema.get("required", ()) if name not in value]
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            if inner is False:
                found.append(f"{where} has a member {name}")
            elif inner is not True:
                found += faults(item, inner, f"{where}.{name}", root)
    return found


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
