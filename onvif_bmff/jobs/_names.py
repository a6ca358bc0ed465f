"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "sent_keys": ("SentRing",),
    "sources": ("StoreAddress", "StoreSource", "check_can_travel", "opened",),
    "tasks": ("Shared", "Workers", "WorkersLostError",),
    "validating": ("validate_by_workers",),
}
