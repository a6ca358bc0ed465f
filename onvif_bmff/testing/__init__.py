"""Help for testing what reads boxes: strategies for Hypothesis, a mutator of files, a driver of other parsers.

``strategies`` (boxes and files) and ``bucket_strategies`` (spans and buckets) need the extra ``testing`` (hypothesis);
``files``, ``recordings``, ``mutator`` and ``fuzz`` need nothing.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.testing._names import NAMES

__getattr__, __dir__, __all__ = attach(__name__, NAMES)
