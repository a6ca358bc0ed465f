"""The configuration file of a device: what it says, and what is wrong with it.

Text goes in, settings or faults come out: nothing here reads a file, a variable or a clock. All options are one table,
``tables``, from which the file is read, the sample is printed and the page of documentation is written.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.configuration._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
