"""The facts of ``info`` as lines of text."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from onvif_bmff.cli.terminal import Line

__all__ = ["lines_of"]

_Facts = Mapping[str, Any]


def lines_of(facts: _Facts) -> Iterator[Line]:
    """Yield the text of what ``info --json`` shows."""
    if facts["kind"] == "file":
        yield from _file(facts)
    else:
        for recording in facts["recordings"]:
            yield from _recording(recording)
        if not facts["recordings"]:
            yield [("", "nothing was recorded")]
        if facts["foreign"]:
            yield [("place", f"{facts['foreign']} names that are no keys of recordings")]


def _file(facts: _Facts) -> Iterator[Line]:
    parts = [facts["format"], f"{facts['duration']:.3f} s", f"{facts['size']:,} bytes", _rate(facts["bit_rate"])]
    parts += [f"{facts['fragments']} fragments"] if facts["fragments"] else []
    yield [("type", facts["path"]), ("", f": {', '.join(part for part in parts if part)}")]
    if facts["brands"]:
        yield [("", f"  brands {', '.join(facts['brands'])}")]
    for name, title in (
        ("utc", "recorded from"), ("reference_time", "produced at"), ("created", "created"), ("modified", "modified"),
    ):  # fmt: skip
        if facts[name] and (name != "modified" or facts["modified"] != facts["created"]):
            yield [("", f"  {title} {facts[name]}")]
    yield from _tracks(facts)


def _recording(facts: _Facts) -> Iterator[Line]:
    place = " … ".join(part for part in (facts["prefix"], facts["postfix"]) if part) or "(no prefix)"
    sums = f"{facts['segments']} segments in {facts['spans']} spans, {facts['size']:,} bytes"
    yield [("type", place), ("", f": {facts['start']} … {facts['end']}, {sums}")]
    yield from _tracks(facts)


def _tracks(facts: _Facts) -> Iterator[Line]:
    for track in facts["tracks"]:
        yield from _track(track)
    for system in facts["protection_systems"]:
        kids = ", ".join(system["kids"])
        yield [("name", "  keys "), ("", f"{system['name'] or system['system_id']}{f', KID {kids}' if kids else ''}")]
        for key in system.get("keys", ()):
            yield [("", f"    {key['wrapped_by']} for certificate {key['thumbprint_algorithm']} {key['thumbprint']}")]


def _track(track: _Facts) -> Iterator[Line]:
    where = f"{track['extension']} " if "extension" in track else ""
    codec = track["codec"] or {"name": "no samples"}
    parts = [_codec(codec)]
    if track.get("frame_rate"):
        steady = "" if track["frame_rate_constant"] else " on average"
        parts.append(f"{float(Fraction(track['frame_rate'])):.6g} fps{steady}")
    parts += [f"{track['duration']:.3f} s", _rate(track["bit_rate"])]
    parts += [f"language {track['language']}"] if track["language"] != "und" else []
    yield [
        ("name", f"  {where}track {track['track_id']} "),
        ("", f"{track['kind']}: {', '.join(part for part in parts if part)}"),
    ]
    gops = track.get("gops")
    line = f"    {track['samples']} samples, {track['sync_samples']} sync"
    if gops and gops["count"] != track["samples"]:
        line += f", GOPs of {gops['shortest']} to {gops['longest']} samples"
    if track.get("reordered"):
        line += ", presented in another order"
    line += f"; {track['bytes']:,} bytes, {track['timescale']} ticks a second"
    if codec.get("codecs"):
        line += f"; {codec['codecs']}"
    yield [("", line)]
    for other in track["other_codecs"]:
        yield [("", f"    also {_codec(other)}")]
    if track["encryption"] is not None:
        yield [("value", f"    {_encryption(track['encryption'])}")]


def _codec(codec: _Facts) -> str:
    words = [codec["name"]]
    words += [codec["profile"]] if "profile" in codec else []
    words += [f"level {codec['level']}"] if "level" in codec else []
    parts = [" ".join(words)]
    if "width" in codec:
        size = f"{codec['width']}x{codec['height']}"
        if "presentation_width" in codec:
            size += f" (shown {codec['presentation_width']}x{codec['presentation_height']})"
        parts.append(size)
    parts += [f"{codec['bit_depth']} bits"] if codec.get("bit_depth", 8) != 8 else []
    parts += [codec["chroma"]] if codec.get("chroma", "4:2:0") != "4:2:0" else []
    parts += ["interlaced"] if codec.get("interlaced") else []
    parts += [f"{codec['sample_rate']} Hz"] if "sample_rate" in codec else []
    parts += [f"{codec['channels']} channels"] if "channels" in codec else []
    parts += [codec["namespace"]] if codec.get("namespace") else []
    parts += [codec["error"]] if "error" in codec else []
    return ", ".join(parts)


def _encryption(found: _Facts) -> str:
    parts = []
    if "schemes" in found:
        crypt, skip = found["pattern"]
        pattern = f" {crypt}:{skip}" if crypt else ""
        vector = "constant vector" if found["constant_iv"] else f"vectors of {found['iv_size']} bytes"
        parts.append(f"encrypted by {', '.join(found['schemes'])}{pattern}, {vector}")
        parts += [f"KID {', '.join(found['kids'])}"] if found["kids"] else []
        parts += ["some samples are clear"] if found["clear_entries"] else []
    parts += [f"encrypted, and cannot be read: {one}" for one in found.get("unreadable", ())]
    return "; ".join(parts)


def _rate(bits: int | None) -> str:
    return "" if bits is None else f"{bits / 1000:,.1f} kbit/s"
