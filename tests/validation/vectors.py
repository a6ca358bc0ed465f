"""A set of test vectors for Annex B: valid buckets of all kinds, and one for each rule that can be broken.

``python tests/validation/vectors.py OUT`` makes it below a new folder; the same commit makes the same bytes. A bucket
is a folder of files, named by their keys; ``manifest.json`` has what files do not keep (content types, attributes,
keys) and what a validator should find. ``docs/test-vectors.md`` describes both.
"""

import argparse
import hashlib
import json
import sys
from datetime import timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

import byte_edits  # noqa: E402
from byte_kit import Object, nodes  # noqa: E402
from validation_kit import (  # noqa: E402
    CBCS,
    CENC,
    G711,
    KEYS,
    MJPEG,
    clip,
    entry,
    in_order,
    jpegs,
    objects_of,
    packets,
    record,
)

from onvif_bmff.errors import ObjectKeyError  # noqa: E402
from onvif_bmff.objects.key import check_path  # noqa: E402
from onvif_bmff.recording.formats import CMAF, MP4  # noqa: E402
from onvif_bmff.validation import RULES  # noqa: E402

DATA = HERE.parent / "data" / "test-vectors"
SCHEMA = "onvif-bmff/test-vectors/1"
FORMATS = {"cmaf": CMAF, "mp4": MP4}
SCHEMES = {"clear": None, "cenc": CENC, "cbcs": CBCS}
TRACKS = {"v": (1,), "a": (2,), "m": (3,), "va": (1, 2), "vam": (1, 2, 3)}
_OURS = "objectid"
"""The attribute of a store of this library, which no specification has."""


def valid():
    """Yield the valid buckets: name, what it is, its objects by key, and the content keys that it was made with."""
    tracks, samples = clip()
    for (format_name, format_), (scheme_name, scheme) in ((f, s) for f in FORMATS.items() for s in SCHEMES.items()):
        options = {"format": format_, "encryption": (entry(scheme),) if scheme else ()}
        keys = KEYS[:1] if scheme else []

        def made(name, what, kept, options=options, keys=keys, head=f"{format_name}-{scheme_name}", **more):
            chosen = [track for track in tracks if track.track_id in kept]
            store = record(chosen, samples, **{"seconds": 6, **options, **more})
            return f"{head}-{name}", what, objects_of(store), keys

        for name, kept in TRACKS.items():
            yield made(name, f"H.264, AAC and metadata: tracks {', '.join(map(str, kept))}", kept)
        yield made(
            "long", "segments of several fragments", (1, 2, 3), segment_duration=timedelta(seconds=20), seconds=12
        )
        yield made("spans", "several spans", (1, 2, 3), span_duration=timedelta(seconds=4))
        yield made("names", "no prefix, no postfix, six digits", (1, 2), prefix="", postfix="", digits=6)
        other = [MJPEG, G711]
        store = record(other, in_order(other, [*jpegs(4), *packets(4)]), **options)
        yield f"{format_name}-{scheme_name}-jpeg-g711", "JPEG and G.711", objects_of(store), keys
        if scheme:
            _, _, objects, _ = made("vam", "", (1, 2, 3))
            yield (
                f"{format_name}-{scheme_name}-wrapped",
                "content keys wrapped by RSA and HPKE",
                _wrapped(objects),
                keys,
            )


def _wrapped(objects):
    (header,) = nodes((DATA / "wrapped.pssh").read_bytes())
    changed = {}
    for key, (body, content_type, attributes) in objects.items():
        if body:
            obj = Object(body, content_type, attributes)
            obj.add("moov", header)
            body, attributes = obj.build(), obj.attributes
        changed[key] = (body, content_type, attributes)
    return changed


def broken():
    """Yield a broken bucket for each rule: name, what is wrong, its objects, and the rule."""
    left = set(RULES)
    for edit in byte_edits.load():
        if edit.rule not in left or " " in edit.rule:
            continue
        objects = byte_edits.bucket(edit.base)
        edit.change(objects)
        if all(map(_is_storable, objects)) and edit.rule in {one.rule for one in byte_edits.findings_in(edit)}:
            left.remove(edit.rule)
            yield f"{edit.rule}-{edit.base}", edit.name, objects, edit.rule


def _is_storable(name):
    try:
        check_path(name)
    except ObjectKeyError:
        return False
    return True


def _described(objects, folder):
    """Write the objects below a folder (None: nowhere), and return what the manifest says of them."""
    found = []
    for key, (body, content_type, attributes) in sorted(objects.items()):
        if folder is not None:
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        found.append(
            {
                "key": key,
                "size": len(body),
                "sha256": hashlib.sha256(body).hexdigest(),
                "content_type": content_type,
                "attributes": {name: value for name, value in attributes.items() if name.lower() != _OURS},
            }
        )
    return found


def make(out=None):
    """Write all vectors below a folder (None: nowhere), and return the manifest."""
    buckets = []
    for name, what, objects, keys in valid():
        folder = out and out / "valid" / name
        made = {"name": f"valid/{name}", "what": what, "expected": [], "objects": _described(objects, folder)}
        made["content_keys"] = [{"kid": str(key.kid), "key": key.key.hex()} for key in keys]
        buckets.append(made)
    for name, what, objects, rule in broken():
        folder = out and out / "broken" / name
        expected = {"rule": rule, "level": RULES[rule].level.value, "text": RULES[rule].text}
        made = {"name": f"broken/{name}", "what": what, "expected": [expected], "objects": _described(objects, folder)}
        made["content_keys"] = [{"kid": str(KEYS[0].kid), "key": KEYS[0].key.hex()}] if "-c" in name[-12:] else []
        buckets.append(made)
    manifest = {"schema": SCHEMA, "specification": "ONVIF Recording Control 25.12, Annex B", "buckets": buckets}
    if out is not None:
        for file in sorted(DATA.glob("*.pem")):
            (out / file.name).write_bytes(file.read_bytes())
        (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        (out / "README.md").write_text((HERE.parents[1] / "docs" / "test-vectors.md").read_text())
    return manifest


def load(out, made):
    """The objects of a bucket of the manifest, from the files below a folder."""
    folder = out / made["name"]
    return {
        one["key"]: ((folder / one["key"]).read_bytes(), one["content_type"], one["attributes"])
        for one in made["objects"]
    }


def main():
    """Make the set."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="a new folder")
    out = parser.parse_args().out
    out.mkdir(parents=True)
    manifest = make(out)
    count = sum(len(one["objects"]) for one in manifest["buckets"])
    print(f"{len(manifest['buckets'])} buckets, {count} objects, {out / 'manifest.json'}")


if __name__ == "__main__":
    main()
