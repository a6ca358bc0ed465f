"""Which clock was wrong, when, and by how much? Stamps of samples, keys, gaps and sync samples, told in words.

It judges what is there: samples of any source, or the objects of a store. The validator says whether a rule is broken;
a camera whose clock stepped breaks none.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.diagnosis._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
