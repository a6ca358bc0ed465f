from onvif_bmff.testing.box_scan import Node as Node
from onvif_bmff.testing.box_scan import scan as scan
from onvif_bmff.testing.bucket_strategies import attributes as attributes
from onvif_bmff.testing.bucket_strategies import buckets as buckets
from onvif_bmff.testing.bucket_strategies import object_keys as object_keys
from onvif_bmff.testing.bucket_strategies import seek_tables as seek_tables
from onvif_bmff.testing.bucket_strategies import spans as spans
from onvif_bmff.testing.fuzzing import CommandRunner as CommandRunner
from onvif_bmff.testing.fuzzing import FuzzFinding as FuzzFinding
from onvif_bmff.testing.fuzzing import FuzzReport as FuzzReport
from onvif_bmff.testing.fuzzing import fuzz as fuzz
from onvif_bmff.testing.fuzzing import minimise as minimise
from onvif_bmff.testing.made_files import TRACKS as TRACKS
from onvif_bmff.testing.made_files import cmaf_file as cmaf_file
from onvif_bmff.testing.made_files import fragmented_file as fragmented_file
from onvif_bmff.testing.made_files import progressive_file as progressive_file
from onvif_bmff.testing.mutator import Mutator as Mutator
from onvif_bmff.testing.mutator import shorten_media as shorten_media
from onvif_bmff.testing.readable_conformance import REFUSED_KEYS as REFUSED_KEYS
from onvif_bmff.testing.readable_conformance import ReadableStoreConformance as ReadableStoreConformance
from onvif_bmff.testing.readable_conformance import StoredObject as StoredObject
from onvif_bmff.testing.readable_conformance import expect as expect
from onvif_bmff.testing.readable_conformance import expect_error as expect_error
from onvif_bmff.testing.readable_conformance import folded as folded
from onvif_bmff.testing.recordings import CONTENT_KEY as CONTENT_KEY
from onvif_bmff.testing.recordings import START as START
from onvif_bmff.testing.recordings import recorded_events as recorded_events
from onvif_bmff.testing.recordings import recorded_objects as recorded_objects
from onvif_bmff.testing.store_conformance import StoreConformance as StoreConformance
from onvif_bmff.testing.strategies import any_box as any_box
from onvif_bmff.testing.strategies import box_kinds as box_kinds
from onvif_bmff.testing.strategies import box_trees as box_trees
from onvif_bmff.testing.strategies import boxes as boxes
from onvif_bmff.testing.strategies import files as files

__all__ = [
    "CONTENT_KEY",
    "REFUSED_KEYS",
    "START",
    "TRACKS",
    "CommandRunner",
    "FuzzFinding",
    "FuzzReport",
    "Mutator",
    "Node",
    "ReadableStoreConformance",
    "StoreConformance",
    "StoredObject",
    "any_box",
    "attributes",
    "box_kinds",
    "box_trees",
    "boxes",
    "buckets",
    "cmaf_file",
    "expect",
    "expect_error",
    "files",
    "folded",
    "fragmented_file",
    "fuzz",
    "minimise",
    "object_keys",
    "progressive_file",
    "recorded_events",
    "recorded_objects",
    "scan",
    "seek_tables",
    "shorten_media",
    "spans",
]
