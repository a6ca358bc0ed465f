"""Where do live samples come from? Streams over RTSP, and containers and URLs that libavformat reads.

The room needs PyAV (``pip install 'onvif-bmff[rtsp]'``), which it imports when the first stream is opened.
"""

from onvif_bmff._lazy import attach
from onvif_bmff.rtsp._names import NAMES

__getattr__, __dir__ = attach(__name__, NAMES)
