"""Objects as bytes, for edits of single fields: a reader and writer of boxes that shares nothing with the library.

``Node`` is a box, ``Object`` a stored object taken apart. Fields are named ``path.field``, as in
``moov/trak/tkhd.track_id``; ``FIELDS`` says where in the payload of a box each lies, in the layouts that the recorder
writes. ``Object.build`` puts right what moves when boxes change size (data offsets, auxiliary information, mfra,
SeekTable), unless ``fix`` is off.
"""

import base64
from dataclasses import dataclass, field

PREFIX = {
    **dict.fromkeys(("moov", "trak", "edts", "mdia", "minf", "dinf", "stbl", "mvex", "moof", "traf", "mfra"), 0),
    **dict.fromkeys(("sinf", "schi"), 0),
    **dict.fromkeys(("stsd", "dref"), 8),
    **dict.fromkeys(("avc1", "avc3", "encv", "mp4v"), 78),
    **dict.fromkeys(("mp4a", "enca", "ulaw"), 28),
}
"""Payload bytes of containers before their first child."""

FIELDS = {
    "ftyp": {"major": (0, 4), "minor": (4, 4)},
    "mvhd": {
        "timescale": (12, 4),
        "duration": (16, 4),
        "rate": (20, 4),
        "volume": (24, 2),
        "matrix": (36, 4),
        "next_track_id": (96, 4),
    },
    "tkhd": {
        "flags": (1, 3),
        "track_id": (12, 4),
        "duration": (20, 4),
        "layer": (32, 2),
        "group": (34, 2),
        "volume": (36, 2),
        "matrix": (40, 4),
        "width": (76, 4),
        "height": (80, 4),
    },
    "mdhd": {"timescale": (12, 4), "duration": (16, 4)},
    "hdlr": {"handler": (8, 4)},
    "vmhd": {"flags": (1, 3), "graphicsmode": (4, 2), "opcolor": (6, 2)},
    "smhd": {"balance": (4, 2)},
    "dref": {"count": (4, 4)},
    "url ": {"flags": (1, 3)},
    "stsd": {"version": (0, 1), "count": (4, 4)},
    **{
        key: {"data_reference_index": (6, 2), "width": (24, 2), "height": (26, 2), "depth": (74, 2)}
        for key in ("avc1", "encv")
    },
    **{key: {"data_reference_index": (6, 2), "channels": (16, 2), "rate": (24, 4)} for key in ("mp4a", "enca")},
    **{key: {"data_reference_index": (6, 2)} for key in ("metx", "encm")},
    "avcC": {"version": (0, 1), "profile": (1, 1), "level": (3, 1), "length": (4, 1), "sps_count": (5, 1)},
    "esds": {"es_id": (9, 2), "object_type": (17, 1), "stream_type": (18, 1), "config": (35, 2)},
    **{key: {"count": (4, 4)} for key in ("stts", "stsc", "stco", "stss")},
    "stsz": {"size": (4, 4), "count": (8, 4)},
    "trex": {"track_id": (4, 4), "description": (8, 4)},
    "mfhd": {"sequence_number": (4, 4)},
    "tfhd": {"flags": (1, 3), "track_id": (4, 4), "description": (8, 4)},
    "tfdt": {"version": (0, 1), "time": (4, 8)},
    "trun": {"version": (0, 1), "flags": (1, 3), "count": (4, 4), "data_offset": (8, 4), "first_flags": (12, 4)},
    "senc": {"flags": (1, 3), "count": (4, 4)},
    "saio": {"count": (4, 4), "offset": (8, 4)},
    "saiz": {"default": (4, 1), "count": (5, 4), "first": (9, 1)},
    "sbgp": {"type": (4, 4), "count": (8, 4), "sample_count": (12, 4), "index": (16, 4)},
    "sgpd": {
        "version": (0, 1),
        "type": (4, 4),
        "default_length": (8, 4),
        "count": (12, 4),
        "pattern": (17, 1),
        "protected": (18, 1),
        "iv_size": (19, 1),
        "kid": (20, 16),
        "constant_size": (36, 1),
        "constant": (37, 16),
    },
    "frma": {"format": (0, 4)},
    "schm": {"scheme": (4, 4), "version": (8, 4)},
    "tenc": {
        "version": (0, 1),
        "pattern": (5, 1),
        "protected": (6, 1),
        "iv_size": (7, 1),
        "kid": (8, 16),
        "constant_size": (24, 1),
        "constant": (25, 16),
    },
    "pssh": {
        "version": (0, 1),
        "flags": (1, 3),
        "system": (4, 16),
        "kid_count": (20, 4),
        "kid": (24, 16),
        "data_size": (40, 4),
        "entries": (44, 4),
        "thumbprint_algorithm": (48, 2),
        "thumbprint_size": (50, 4),
        "encryption_version": (86, 1),
        "kem": (87, 2),
        "kdf": (89, 2),
        "aead": (91, 2),
        "point": (93, 1),
        "key_size": (158, 2),
    },
    "tfra": {
        "track_id": (4, 4),
        "lengths": (8, 4),
        "count": (12, 4),
        "time": (16, 4),
        "moof_offset": (20, 4),
        "traf": (24, 1),
        "trun": (25, 1),
        "sample": (26, 2),
    },
    "mfro": {"size": (4, 4)},
}
"""Position and size of fields in the payload of a box: version 0 of mvhd, tkhd, mdhd and tfra, version 1 of tfdt."""


@dataclass
class Node:
    """A box: its type, the payload before its children, and these."""

    kind: str
    data: bytearray
    children: list["Node"] = field(default_factory=list)
    offset: int = -1
    grown: int = 0
    """Bytes by which the size in the header differs from the real one."""

    @property
    def size(self):
        return 8 + len(self.data) + sum(child.size for child in self.children)

    def build(self):
        body = bytes(self.data) + b"".join(child.build() for child in self.children)
        return (8 + len(body) + self.grown).to_bytes(4, "big") + self.kind.encode("latin-1") + body

    def all(self, kind):
        return [child for child in self.children if child.kind == kind]

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()


def nodes(data, offset=0):
    """The boxes in some bytes."""
    found, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8].decode("latin-1")
        assert 8 <= size <= len(data) - position, (kind, size)
        payload = data[position + 8 : position + size]
        prefix = PREFIX.get(kind)
        if kind in ("metx", "encm"):
            prefix = 8
            for _ in range(3):
                prefix = payload.index(0, prefix) + 1
        if prefix is None:
            found.append(Node(kind, bytearray(payload), [], offset + position))
        else:
            inner = nodes(payload[prefix:], offset + position + 8 + prefix)
            found.append(Node(kind, bytearray(payload[:prefix]), inner, offset + position))
        position += size
    return found


def box(kind, payload=b""):
    """A new box."""
    (made,) = nodes((8 + len(payload)).to_bytes(4, "big") + kind.encode() + payload)
    made.offset = -1
    return made


class Object:
    """A stored object taken apart."""

    def __init__(self, body, content_type, attributes):
        self.boxes = nodes(body)
        self.content_type, self.attributes = content_type, dict(attributes)
        self.fix = True
        self.raw = None
        """Bytes to store instead of the boxes."""
        self._moofs = {one.offset: (one, one.size) for one in self.boxes if one.kind == "moof"}

    def find(self, path):
        """The box at a path; ``kind[n]`` is the n-th of its kind, counted from 0."""
        return self._holder(path)[1]

    def _holder(self, path):
        holder, siblings = self.boxes, self.boxes
        found = None
        for step in path.split("/"):
            kind, _, number = step.partition("[")
            holder = siblings
            if kind == "*":
                found = siblings[int(number.rstrip("]") or 0)]
            else:
                found = [one for one in siblings if one.kind == kind][int(number.rstrip("]") or 0)]
            siblings = found.children
        return holder, found

    def entry(self, track=0):
        """The sample entry of a track."""
        return self.find(f"moov/trak[{track}]/mdia/minf/stbl/stsd").children[0]

    def inside(self, path, kind, number=0):
        """The number-th box of a kind anywhere below a box, or below the sample entry of a track."""
        return [one for one in self.find(path).walk() if one.kind == kind][number]

    def drop(self, path):
        """Take out a box."""
        holder, found = self._holder(path)
        holder.remove(found)

    def add(self, path, node, at=None):
        """Put a box into a container, '' for the file."""
        siblings = self.find(path).children if path else self.boxes
        siblings.insert(len(siblings) if at is None else at, node)

    def again(self, path):
        """Put a copy of a box behind it."""
        holder, found = self._holder(path)
        (made,) = nodes(found.build())
        made.offset = -1
        holder.insert(holder.index(found) + 1, made)
        return made

    def get(self, name):
        path, _, label = name.rpartition(".")
        found = self.find(path)
        start, size = FIELDS[found.kind][label]
        return int.from_bytes(found.data[start : start + size], "big")

    def set(self, name, value):
        """Write a field: a number, or bytes of its size."""
        path, _, label = name.rpartition(".")
        put(self.find(path), label, value)

    def build(self):
        if self.raw is not None:
            return self.raw
        if self.fix:
            self._fix()
        return b"".join(one.build() for one in self.boxes)

    def _fix(self):
        for moof, size in self._moofs.values():
            moved = moof.size - size
            for one in moof.walk():
                if one.kind == "trun" and one.data[3] & 1:
                    value = int.from_bytes(one.data[8:12], "big", signed=True) + moved
                    one.data[8:12] = value.to_bytes(4, "big", signed=True)
            _place(moof, 8)
            for traf in moof.all("traf"):
                for saio, senc in zip(traf.all("saio"), traf.all("senc"), strict=False):
                    saio.data[8:12] = (senc.offset - moof.offset + 16).to_bytes(4, "big")
        places, position = {}, 0
        for one in self.boxes:
            if one.kind == "moof":
                places[one.offset] = position
            position += one.size
        places = {old: places.get(moof.offset, old) for old, (moof, _) in self._moofs.items()}
        for mfra in (one for one in self.boxes if one.kind == "mfra"):
            _move(mfra, places)
            for last in mfra.all("mfro"):
                last.data[4:8] = mfra.size.to_bytes(4, "big")
        table = self.attributes.get("SeekTable")
        if table is not None:
            (mfra,) = nodes(base64.b64decode(table))
            _move(mfra, places)
            self.attributes["SeekTable"] = base64.b64encode(mfra.build()).decode()


def _place(parent, header):
    """Set the offsets of all boxes below one."""
    position = parent.offset + header + len(parent.data)
    for child in parent.children:
        child.offset = position
        _place(child, 8)
        position += child.size


def _move(mfra, places):
    for tfra in mfra.all("tfra"):
        assert tfra.data[0] == 0
        for start in range(16, len(tfra.data), 12):
            old = int.from_bytes(tfra.data[start + 4 : start + 8], "big")
            tfra.data[start + 4 : start + 8] = places.get(old, old).to_bytes(4, "big")


def put(node, label, value):
    """Write a field of a box."""
    start, size = FIELDS[node.kind][label]
    data = value if isinstance(value, bytes) else value.to_bytes(size, "big", signed=value < 0)
    assert len(data) == size, (node.kind, label)
    node.data[start : start + size] = data


def rows(trun):
    """The samples of a trun as lists of field values, by the flags of its columns."""
    flags, count = int.from_bytes(trun.data[1:4], "big"), int.from_bytes(trun.data[4:8], "big")
    start = 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
    names = [
        name for name, bit in (("duration", 0x100), ("size", 0x200), ("flags", 0x400), ("offset", 0x800)) if flags & bit
    ]
    width = 4 * len(names)
    return (
        start,
        names,
        [
            {
                name: int.from_bytes(trun.data[at + 4 * n : at + 4 * n + 4], "big", signed=name == "offset")
                for n, name in enumerate(names)
            }
            for at in range(start, start + width * count, width or 1)
        ],
    )


def set_row(trun, number, name, value):
    """Change one field of one sample of a trun."""
    start, names, found = rows(trun)
    assert number < len(found)
    at = start + 4 * (len(names) * number + names.index(name))
    trun.data[at : at + 4] = value.to_bytes(4, "big", signed=value < 0)


def runs_in_full(obj):
    """Give each sample of the first traf a duration and flags of its own."""
    traf = obj.find("moof/traf")
    run, header = traf.all("trun")[0], traf.all("tfhd")[0]
    start, _, found = rows(run)
    duration = int.from_bytes(header.data[12:16], "big")
    payload = b""
    for number, one in enumerate(found):
        flags = 0x02000000 if not number else 0x01010000
        payload += duration.to_bytes(4, "big") + one["size"].to_bytes(4, "big") + flags.to_bytes(4, "big")
        payload += one["offset"].to_bytes(4, "big", signed=True)
    run.data[:] = run.data[: start - 4] + payload
    run.data[1:4] = (0xF01).to_bytes(3, "big")


def samples(obj, moof=0, traf=0):
    """Positions (start, end) of the samples of a traf in the payload of the mdat behind its moof."""
    head = [one for one in obj.boxes if one.kind == "moof"][moof]
    run = head.all("traf")[traf].all("trun")[0]
    header = head.all("traf")[traf].all("tfhd")[0]
    position = int.from_bytes(run.data[8:12], "big", signed=True) - head.size - 8
    _, names, found = rows(run)
    flags = int.from_bytes(header.data[1:4], "big")
    default = None
    if flags & 0x10:
        at = 8 + 8 * (flags & 1) + 4 * bool(flags & 2) + 4 * bool(flags & 8)
        default = int.from_bytes(header.data[at : at + 4], "big")
    count, places = int.from_bytes(run.data[4:8], "big"), []
    for number in range(count):
        size = found[number]["size"] if "size" in names else default
        places.append((position, position + size))
        position += size
    return places
