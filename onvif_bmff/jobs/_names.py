"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "expiry": ("Expired", "expire_store", "expired_in",),
    "lifecycle": ("lifecycle_rule",),
    "ranges": ("KeyRange", "ranges_of",),
    "retention": ("Hold", "expired_keys",),
    "sent_keys": ("SentRing",),
    "sources": ("StoreAddress", "StoreSource", "check_can_travel", "opened",),
    "tasks": ("Shared", "Workers", "WorkersLostError",),
    "timelines": ("timeline_by_workers",),
    "validating": ("validate_by_workers",),
}
