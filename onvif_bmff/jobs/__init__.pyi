from onvif_bmff.jobs.expiry import Expired as Expired
from onvif_bmff.jobs.expiry import expire_store as expire_store
from onvif_bmff.jobs.expiry import expired_in as expired_in
from onvif_bmff.jobs.groups import NamedKey as NamedKey
from onvif_bmff.jobs.groups import grouped as grouped
from onvif_bmff.jobs.holding import Held as Held
from onvif_bmff.jobs.holding import hold_objects as hold_objects
from onvif_bmff.jobs.holding import keys_recorded_in as keys_recorded_in
from onvif_bmff.jobs.holding import release_objects as release_objects
from onvif_bmff.jobs.inventory import Inventory as Inventory
from onvif_bmff.jobs.inventory import InventoryCounts as InventoryCounts
from onvif_bmff.jobs.inventory import InventoryFile as InventoryFile
from onvif_bmff.jobs.inventory import read_inventory as read_inventory
from onvif_bmff.jobs.inventory import wanted_columns as wanted_columns
from onvif_bmff.jobs.inventory_parquet import parquet_rows as parquet_rows
from onvif_bmff.jobs.lifecycle import lifecycle_rule as lifecycle_rule
from onvif_bmff.jobs.listed import ListedStore as ListedStore
from onvif_bmff.jobs.listed import SortedKeys as SortedKeys
from onvif_bmff.jobs.ranges import KeyRange as KeyRange
from onvif_bmff.jobs.ranges import ranges_of as ranges_of
from onvif_bmff.jobs.retention import Hold as Hold
from onvif_bmff.jobs.retention import expired_keys as expired_keys
from onvif_bmff.jobs.retention import is_recorded_in as is_recorded_in
from onvif_bmff.jobs.rewrapping import rewrap_by_workers as rewrap_by_workers
from onvif_bmff.jobs.sent_keys import SentRing as SentRing
from onvif_bmff.jobs.sources import StoreAddress as StoreAddress
from onvif_bmff.jobs.sources import StoreSource as StoreSource
from onvif_bmff.jobs.sources import opened as opened
from onvif_bmff.jobs.tasks import Shared as Shared
from onvif_bmff.jobs.tasks import Workers as Workers
from onvif_bmff.jobs.tasks import WorkersLostError as WorkersLostError
from onvif_bmff.jobs.timelines import timeline_by_workers as timeline_by_workers
from onvif_bmff.jobs.timelines import timeline_of_inventory as timeline_of_inventory
from onvif_bmff.jobs.totals import BucketTotals as BucketTotals
from onvif_bmff.jobs.totals import PlaceTotals as PlaceTotals
from onvif_bmff.jobs.totals import bucket_totals as bucket_totals
from onvif_bmff.jobs.validating import validate_by_workers as validate_by_workers

__all__ = [
    "BucketTotals",
    "Expired",
    "Held",
    "Hold",
    "Inventory",
    "InventoryCounts",
    "InventoryFile",
    "KeyRange",
    "ListedStore",
    "NamedKey",
    "PlaceTotals",
    "SentRing",
    "Shared",
    "SortedKeys",
    "StoreAddress",
    "StoreSource",
    "Workers",
    "WorkersLostError",
    "bucket_totals",
    "expire_store",
    "expired_in",
    "expired_keys",
    "grouped",
    "hold_objects",
    "is_recorded_in",
    "keys_recorded_in",
    "lifecycle_rule",
    "opened",
    "parquet_rows",
    "ranges_of",
    "read_inventory",
    "release_objects",
    "rewrap_by_workers",
    "timeline_by_workers",
    "timeline_of_inventory",
    "validate_by_workers",
    "wanted_columns",
]
