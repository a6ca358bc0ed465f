"""Stores whose recorder died: with an open area, and without one."""

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.objects import FragmentWritten, SegmentOpened, SegmentSealed, UnsealedObject
from onvif_bmff.objects.stored import SpanEndObject
from onvif_bmff.storage import MemoryStore


class AreaStore(MemoryStore):
    """Somebody else's store with an open area: no class of ours knows it, and it offers the three methods only."""

    def __init__(self):
        super().__init__()
        self.area = {}
        self.broken = set()

    def leave(self, key, content_type, data):
        self.area[key] = (content_type, data)

    def unsealed(self):
        if "unsealed" in self.broken:
            raise StoreError("the area is locked up")
        return [
            UnsealedObject(key, content_type, len(data), f"left {key}", False)
            for key, (content_type, data) in sorted(self.area.items())
        ]

    def read_unsealed(self, item, start=0, length=None):
        if "read" in self.broken:
            raise StoreError("nobody can read that")
        if item.key not in self.area:
            raise ObjectNotFoundError(item.key)
        return self.area[item.key][1][start:][:length]

    def resume(self, item, size=None):
        content_type, data = self.area[item.key]
        return _Resumed(self, item.key, content_type, data if size is None else data[:size])

    def put(self, obj, *, overwrite=False):
        if "put" in self.broken:
            raise StoreError("no room")
        super().put(obj, overwrite=overwrite)


class _Resumed:
    def __init__(self, store, key, content_type, data):
        self.store, self.key, self.inner = store, key, store.open_writer(key, content_type=content_type)
        self.inner.append(data)

    def append(self, *buffers):
        self.inner.append(*buffers)

    def seal(self, attributes):
        self.inner.seal(attributes)
        del self.store.area[self.key]
        self.key = None

    def abandon(self):
        self.store.area.pop(self.key, None)


def died(events, count, store, leave=None):
    """Store the first ``count`` events; ``leave(key, content_type, bytes)`` gets what was open then."""
    writing = {}
    for event in events[:count]:
        if isinstance(event, SegmentOpened):
            writing[event.key] = (event.content_type, [event.header])
        elif isinstance(event, FragmentWritten):
            writing[event.key][1].extend(event.buffers)
        elif isinstance(event, SegmentSealed):
            content_type, parts = writing.pop(event.key)
            writer = store.open_writer(str(event.key), content_type=content_type)
            writer.append(*parts, event.trailer)
            writer.seal(event.attributes.to_metadata())
        else:
            store.put(SpanEndObject(event.key))
    if leave is not None:
        for key, (content_type, parts) in writing.items():
            leave(str(key), content_type, b"".join(parts))
    return store


def contents(store):
    """Bytes and attributes by key."""
    names = list(store.keys())
    return {key: (store.get(key), dict(store.head(key).attributes)) for key in names}
