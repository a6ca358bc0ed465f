"""A client for a bucket in memory, and what may happen to its requests on their way."""

from collections import Counter
from contextlib import suppress

from onvif_bmff.errors import ObjectNotFoundError, StoreError
from onvif_bmff.storage import CloudHead, KeyTakenError, StoreBusyError
from onvif_bmff.storage.cloud_client import S3, RangeNotSatisfiableError

TIMEOUT = 30.0


class BucketClient:
    """A ``CloudClient`` whose requests go through ``request``: called with whether it writes, what is to be done, and
    how many bytes are sent, it returns what that returns, or raises.

    ``objects`` are (bytes, content type, attributes) by key, ``writes`` how often each was stored; both may be shared.
    """

    bucket = "bucket"
    page = 1000

    def __init__(self, request, service=S3, objects=None, writes=None):
        self.request, self.service = request, service
        self.objects = {} if objects is None else objects
        self.writes = Counter() if writes is None else writes

    def put(self, key, buffers, content_type, attributes, *, create):
        data = b"".join(buffers)
        meta = {name.lower(): value for name, value in attributes.items()}

        def done():
            if create and key in self.objects:
                raise KeyTakenError(f"{key}: 412")
            self.stores(key)
            self.objects[key] = data, content_type, meta
            self.writes[key] += 1

        self.request(True, done, len(data))

    def stores(self, key):
        """Called before an object appears."""

    def head(self, key):
        def done():
            data, content_type, meta = self._find(key)
            return CloudHead(len(data), content_type, dict(meta))

        return self.request(False, done, 0)

    def get(self, key, start, end):
        def done():
            data = self._find(key)[0][start:end]
            if not data:
                raise RangeNotSatisfiableError(key)
            return data

        return self.request(False, done, 0)

    def tail(self, key, length):
        return None

    def pages(self, folder, after):
        wanted = sorted(key for key in self.objects if key > after and key.startswith(f"{folder}/" if folder else ""))
        for at in range(0, len(wanted) or 1, self.page):
            yield self.request(False, lambda at=at: wanted[at : at + self.page], 0)

    def delete(self, keys):
        def done():
            for key in keys:
                self.objects.pop(key, None)

        self.request(True, done, 0)

    def _find(self, key):
        if key not in self.objects:
            raise ObjectNotFoundError(key)
        return self.objects[key]


class FaultyLine:
    """What happens to requests by the names of faults; some arrive when nobody waits for them any more."""

    def __init__(self, chance, now, sleep):
        self._chance, self._now, self._sleep = chance, now, sleep
        self._late = []

    def arrive(self):
        """Do what was asked for a while ago."""
        due = [done for time, done in self._late if time <= self._now()]
        self._late = [(time, done) for time, done in self._late if time > self._now()]
        for done in due:
            self._ignored(done)

    def suffer(self, fault, done, size):
        """Let a request suffer a fault; return its answer, or raise."""
        match fault:
            case "lost answer":
                self._ignored(done)
            case "hang":
                self._sleep(TIMEOUT)
            case "late arrival":
                self._late.append((self._now() + TIMEOUT * 2 * self._chance.random(), done))
                self._sleep(TIMEOUT)
            case "1 kB/s" if size / 1000 < TIMEOUT:
                self._sleep(size / 1000)
                return done()
            case "1 kB/s":
                self._sleep(TIMEOUT)
            case "409":
                raise KeyTakenError("409, and nothing is stored")
            case "403":
                raise StoreError("the service refuses these credentials")
        raise StoreBusyError(str(fault))

    @staticmethod
    def _ignored(done):
        with suppress(KeyTakenError):
            done()
