"""How is the work on a bucket that is too large for one process shared? Tasks by place and day, for any executor."""

from onvif_bmff._lazy import attach
from onvif_bmff.jobs._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
