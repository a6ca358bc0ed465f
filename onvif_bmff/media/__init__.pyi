from onvif_bmff.media.clock_reading import ClockOrigin as ClockOrigin
from onvif_bmff.media.clock_reading import ClockReading as ClockReading
from onvif_bmff.media.codec import AudioCodec as AudioCodec
from onvif_bmff.media.codec import Codec as Codec
from onvif_bmff.media.codec import NalCodec as NalCodec
from onvif_bmff.media.codec import RandomAccessCodec as RandomAccessCodec
from onvif_bmff.media.codec import Ranges as Ranges
from onvif_bmff.media.codec import SyncCodec as SyncCodec
from onvif_bmff.media.codec import VideoCodec as VideoCodec
from onvif_bmff.media.codec import all_sync as all_sync
from onvif_bmff.media.codec import family_of_codec as family_of_codec
from onvif_bmff.media.codec import picture_size as picture_size
from onvif_bmff.media.codec import sound_of as sound_of
from onvif_bmff.media.even_line import STRAYS as STRAYS
from onvif_bmff.media.even_line import SteadyLine as SteadyLine
from onvif_bmff.media.even_line import even_places as even_places
from onvif_bmff.media.foreign_formats import SIGNATURE as SIGNATURE
from onvif_bmff.media.foreign_formats import foreign_format as foreign_format
from onvif_bmff.media.interleaving import Timed as Timed
from onvif_bmff.media.interleaving import interleave as interleave
from onvif_bmff.media.nal import BitReader as BitReader
from onvif_bmff.media.nal import Buffer as Buffer
from onvif_bmff.media.nal import SliceType as SliceType
from onvif_bmff.media.nal import annex_b_to_length_prefixed as annex_b_to_length_prefixed
from onvif_bmff.media.nal import emulated_length as emulated_length
from onvif_bmff.media.nal import iter_nal_ranges as iter_nal_ranges
from onvif_bmff.media.nal import iter_nal_units as iter_nal_units
from onvif_bmff.media.nal import length_prefixed_to_annex_b as length_prefixed_to_annex_b
from onvif_bmff.media.nal import nal_ranges as nal_ranges
from onvif_bmff.media.nal import remove_emulation_prevention as remove_emulation_prevention
from onvif_bmff.media.nal import split_annex_b as split_annex_b
from onvif_bmff.media.nal import with_long_lengths as with_long_lengths
from onvif_bmff.media.nal_family import AVC as AVC
from onvif_bmff.media.nal_family import HEVC as HEVC
from onvif_bmff.media.nal_family import NAL_FAMILIES as NAL_FAMILIES
from onvif_bmff.media.nal_family import NalFamily as NalFamily
from onvif_bmff.media.nal_family import VVC as VVC
from onvif_bmff.media.nal_family import nal_family_of as nal_family_of
from onvif_bmff.media.picture_order import MAX_REORDER as MAX_REORDER
from onvif_bmff.media.picture_order import PictureCodec as PictureCodec
from onvif_bmff.media.picture_order import PictureHeader as PictureHeader
from onvif_bmff.media.picture_order import PictureHeaders as PictureHeaders
from onvif_bmff.media.picture_order import deepest as deepest
from onvif_bmff.media.picture_order import first_shown as first_shown
from onvif_bmff.media.picture_order import order_count as order_count
from onvif_bmff.media.roll_groups import RollDistance as RollDistance
from onvif_bmff.media.roll_groups import roll_distance_of as roll_distance_of
from onvif_bmff.media.roll_groups import sync_samples as sync_samples
from onvif_bmff.media.sample_entries import boxes_within as boxes_within
from onvif_bmff.media.sample_entries import clear_entry as clear_entry
from onvif_bmff.media.sample_entries import completed_entry as completed_entry
from onvif_bmff.media.sample_entries import entry_bytes as entry_bytes
from onvif_bmff.media.sample_entries import is_protected as is_protected
from onvif_bmff.media.sample_entries import make_visual_entry as make_visual_entry
from onvif_bmff.media.sample_entries import nal_length_size as nal_length_size
from onvif_bmff.media.sample_entries import presentation_size as presentation_size
from onvif_bmff.media.sample_entries import protection_of as protection_of
from onvif_bmff.media.sample_entries import read_sample_entry as read_sample_entry
from onvif_bmff.media.sample_entries import sound_format as sound_format
from onvif_bmff.media.sample_entries import with_long_nal_lengths as with_long_nal_lengths
from onvif_bmff.media.sei import RECOVERY_POINT as RECOVERY_POINT
from onvif_bmff.media.sei import sei_messages as sei_messages
from onvif_bmff.media.sei import sei_reader as sei_reader
from onvif_bmff.media.track import Sample as Sample
from onvif_bmff.media.track import Track as Track
from onvif_bmff.media.track import TrackType as TrackType
from onvif_bmff.media.track import lead_of as lead_of
from onvif_bmff.media.track import moved as moved
from onvif_bmff.media.track_box import MediaDescription as MediaDescription
from onvif_bmff.media.track_box import TrackTimes as TrackTimes
from onvif_bmff.media.track_box import describe_media as describe_media
from onvif_bmff.media.track_box import empty_tables as empty_tables
from onvif_bmff.media.track_box import make_track_box as make_track_box
from onvif_bmff.media.track_box import packed_box as packed_box
from onvif_bmff.media.vui import ColourInfo as ColourInfo
from onvif_bmff.media.vui import UNSPECIFIED as UNSPECIFIED
from onvif_bmff.media.vui import picture_rate as picture_rate
from onvif_bmff.media.vui import read_picture_hints as read_picture_hints

__all__ = [
    "AVC",
    "HEVC",
    "MAX_REORDER",
    "NAL_FAMILIES",
    "RECOVERY_POINT",
    "SIGNATURE",
    "STRAYS",
    "UNSPECIFIED",
    "VVC",
    "AudioCodec",
    "BitReader",
    "Buffer",
    "ClockOrigin",
    "ClockReading",
    "Codec",
    "ColourInfo",
    "MediaDescription",
    "NalCodec",
    "NalFamily",
    "PictureCodec",
    "PictureHeader",
    "PictureHeaders",
    "RandomAccessCodec",
    "Ranges",
    "RollDistance",
    "Sample",
    "SliceType",
    "SteadyLine",
    "SyncCodec",
    "Timed",
    "Track",
    "TrackTimes",
    "TrackType",
    "VideoCodec",
    "all_sync",
    "annex_b_to_length_prefixed",
    "boxes_within",
    "clear_entry",
    "completed_entry",
    "deepest",
    "describe_media",
    "empty_tables",
    "emulated_length",
    "entry_bytes",
    "even_places",
    "family_of_codec",
    "first_shown",
    "foreign_format",
    "interleave",
    "is_protected",
    "iter_nal_ranges",
    "iter_nal_units",
    "lead_of",
    "length_prefixed_to_annex_b",
    "make_track_box",
    "make_visual_entry",
    "moved",
    "nal_family_of",
    "nal_length_size",
    "nal_ranges",
    "order_count",
    "packed_box",
    "picture_rate",
    "picture_size",
    "presentation_size",
    "protection_of",
    "read_picture_hints",
    "read_sample_entry",
    "remove_emulation_prevention",
    "roll_distance_of",
    "sei_messages",
    "sei_reader",
    "sound_format",
    "sound_of",
    "split_annex_b",
    "sync_samples",
    "with_long_lengths",
    "with_long_nal_lengths",
]
