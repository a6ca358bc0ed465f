"""Test helpers for readers of boxes and for object stores.

Strategies for Hypothesis, a mutator of files, a driver of other parsers, and the tests that every store has to pass
(``StoreConformance``, ``ReadableStoreConformance``).

``strategies`` (boxes and files) and ``bucket_strategies`` (spans and buckets) need the extra ``testing`` (hypothesis);
``made_files``, ``recordings``, ``mutator``, ``fuzzing`` and the tests of stores have no dependencies.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.testing._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
