"""What is wrong in a file that others made, and what does it hold all the same? Boxes, tables, sound, sample entries.

Readers of what this library stores do not come by here: they stop at what is wrong.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.mending._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
