"""Golden records of parsing: the boxes of each file as ``onvif-bmff inspect`` shows them, and their bytes rebuilt."""

import json
from pathlib import Path
from typing import Any

from golden_cli import command
from golden_kit import Kind, Record

from onvif_bmff.bmff import parse_boxes
from onvif_bmff.errors import OnvifBmffError

TESTS = Path(__file__).resolve().parents[1]
FILES = [
    str(path.relative_to(TESTS))
    for path in [*sorted((TESTS / "data").glob("*.mp4")), *sorted((TESTS / "corpus").glob("*.bin"))]
]


def _boxes(name: str) -> Record:
    path = TESTS / name
    data = path.read_bytes()
    shown = command("inspect", "--json", "--full", str(path))
    nodes = json.loads(shown["out"])["boxes"]
    try:
        rebuilt: Any = b"".join(box.build() for box in parse_boxes(data))
        same = rebuilt == data
    except OnvifBmffError as error:
        rebuilt, same = [type(error).__name__, getattr(error, "path", None), getattr(error, "offset", None)], False
    material = {"tree": nodes, "status": shown["status"], "rebuilt": rebuilt}
    return Record(material, {"size": len(data), "top": len(nodes), "lossless": int(same)})


KINDS = {"boxes": Kind(FILES, _boxes, FILES)}
