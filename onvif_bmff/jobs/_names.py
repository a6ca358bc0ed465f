"""Public names of this room, by module. Written by ``docs/build_doors.py``."""

NAMES = {
    "expiry": ("Expired", "expire_store", "expired_in",),
    "groups": ("NamedKey", "grouped",),
    "holding": ("Held", "hold_objects", "keys_recorded_in", "release_objects",),
    "inventory": ("Inventory", "InventoryCounts", "InventoryFile", "read_inventory", "wanted_columns",),
    "inventory_parquet": ("parquet_rows",),
    "lifecycle": ("lifecycle_rule",),
    "listed": ("ListedStore", "SortedKeys",),
    "ranges": ("KeyRange", "ranges_of",),
    "retention": ("Hold", "expired_keys", "is_recorded_in",),
    "rewrapping": ("rewrap_by_workers",),
    "sent_keys": ("SentRing",),
    "sources": ("StoreAddress", "StoreSource", "opened",),
    "tasks": ("Shared", "Workers", "WorkersLostError",),
    "timelines": ("timeline_by_workers", "timeline_of_inventory",),
    "totals": ("BucketTotals", "PlaceTotals", "bucket_totals",),
    "validating": ("validate_by_workers",),
}
