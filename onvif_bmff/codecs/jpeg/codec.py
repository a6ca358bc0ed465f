"""Motion JPEG in an ISO file: 'mp4v' whose esds says object type 0x6C. MP4 registration authority; RFC 6381, 3.3."""

from dataclasses import dataclass, field

from onvif_bmff.bmff import Box, ContainerBox, EsdBox, VisualSampleEntry
from onvif_bmff.bmff.descriptors import DecoderConfig, build_esds, read_esds
from onvif_bmff.codecs.jpeg.syntax import parse_jpeg
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.codecs.registry import register
from onvif_bmff.errors import BoxError, MediaError
from onvif_bmff.media.codec import Codec
from onvif_bmff.media.nal import Buffer
from onvif_bmff.media.sample_entries import entry_bytes, presentation_size, read_sample_entry
from onvif_bmff.media_kind import MediaKind

__all__ = ["MjpegCodec"]

_JPEG = 0x6C
_VISUAL_STREAM = 4


@dataclass(frozen=True, slots=True)
class MjpegCodec:
    """Motion JPEG: every sample is a whole JPEG image with its tables, and a sync sample.

    ``width`` and ``height`` in pixels. ``entry`` is the sample entry's bytes; it is made from the size if it is
    not given.
    """

    width: int
    height: int
    entry: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.entry:
            return
        if not (0 < self.width < 1 << 16 and 0 < self.height < 1 << 16):
            raise MediaError(f"an image of {self.width} by {self.height} pixels cannot be written")
        config = build_esds(DecoderConfig(object_type=_JPEG, stream_type=_VISUAL_STREAM))
        made = VisualSampleEntry(type="mp4v", width=self.width, height=self.height, children=(config,))
        object.__setattr__(self, "entry", entry_bytes(made))

    @classmethod
    def from_image(cls, image: Buffer) -> "MjpegCodec":
        """Make the codec for a stream of images such as ``image``; ``BitstreamError`` if it is no JPEG image."""
        frame = parse_jpeg(image)
        return cls(frame.width, frame.height)

    @classmethod
    def from_sample_entry(cls, entry: ContainerBox) -> "MjpegCodec":
        """Make the codec from a file's clear entry: 'mp4v' is kept as it is, 'jpeg' and 'mjpg' become 'mp4v'."""
        if not isinstance(entry, VisualSampleEntry):
            raise MediaError(f"the sample entry {entry.type!r} is not video")
        return cls(entry.width, entry.height, entry_bytes(entry) if entry.type == "mp4v" else b"")

    @property
    def media_type(self) -> MediaKind:
        """``MediaKind.VIDEO``."""
        return MediaKind.VIDEO

    @property
    def all_sync(self) -> bool:
        """True: every image stands alone, so that a header has no stss."""
        return True

    @property
    def frame_rate(self) -> None:
        """None: JPEG images do not give it."""
        return

    @property
    def presentation_size(self) -> tuple[int, int]:
        """Width and height in square pixels, for the track header."""
        return presentation_size(self.sample_entry())

    def sample_entry(self) -> Box:
        """Return the clear sample entry."""
        return read_sample_entry(self.entry)

    def codecs_parameter(self) -> str:
        """Return "mp4v.6C"."""
        return "mp4v.6C"

    def protected_ranges(self, data: bytes | memoryview) -> None:
        """Return None: an image is protected as a whole. ISO/IEC 23001-7, 9.5."""
        return


def _of_mp4v(entry: ContainerBox) -> Codec:
    """The codec of 'mp4v': JPEG, or whatever else the object type in the esds says, which passes through."""
    found = entry.find(EsdBox)
    try:
        if found is not None and read_esds(found).object_type == _JPEG:
            return MjpegCodec.from_sample_entry(entry)
    except BoxError:
        pass  # a configuration that cannot be read is passed on as it is
    return PassThroughCodec(entry, MediaKind.VIDEO.handler)


register("mp4v")(_of_mp4v)
register("jpeg", "mjpg")(MjpegCodec.from_sample_entry)
