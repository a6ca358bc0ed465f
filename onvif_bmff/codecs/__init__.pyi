from onvif_bmff.codecs.aac.codec import AacCodec as AacCodec
from onvif_bmff.codecs.aac.syntax import AdtsHeader as AdtsHeader
from onvif_bmff.codecs.aac.syntax import AudioSpecificConfig as AudioSpecificConfig
from onvif_bmff.codecs.aac.syntax import iter_adts as iter_adts
from onvif_bmff.codecs.aac.syntax import parse_adts_header as parse_adts_header
from onvif_bmff.codecs.access_units import AvcAccessUnits as AvcAccessUnits
from onvif_bmff.codecs.access_units import HevcAccessUnits as HevcAccessUnits
from onvif_bmff.codecs.av1.syntax import Av1SequenceHeader as Av1SequenceHeader
from onvif_bmff.codecs.av1.syntax import Obu as Obu
from onvif_bmff.codecs.av1.syntax import find_av1_sequence_header as find_av1_sequence_header
from onvif_bmff.codecs.av1.syntax import iter_obus as iter_obus
from onvif_bmff.codecs.av1.syntax import parse_av1_sequence_header as parse_av1_sequence_header
from onvif_bmff.codecs.avc.codec import AvcCodec as AvcCodec
from onvif_bmff.codecs.avc.layout import AvcSliceLayout as AvcSliceLayout
from onvif_bmff.codecs.avc.layout import avc_slice_layout as avc_slice_layout
from onvif_bmff.codecs.avc.picture import AvcPictureHeaders as AvcPictureHeaders
from onvif_bmff.codecs.avc.picture import avc_recovery_frame_count as avc_recovery_frame_count
from onvif_bmff.codecs.avc.picture import avc_roll_distance as avc_roll_distance
from onvif_bmff.codecs.avc.slice import AvcSliceHeaders as AvcSliceHeaders
from onvif_bmff.codecs.avc.slice import avc_slice_type as avc_slice_type
from onvif_bmff.codecs.avc.syntax import AvcPps as AvcPps
from onvif_bmff.codecs.avc.syntax import AvcSps as AvcSps
from onvif_bmff.codecs.avc.syntax import avc_is_idr as avc_is_idr
from onvif_bmff.codecs.avc.syntax import avc_is_vcl as avc_is_vcl
from onvif_bmff.codecs.avc.syntax import avc_nal_type as avc_nal_type
from onvif_bmff.codecs.avc.syntax import avc_pps_ids as avc_pps_ids
from onvif_bmff.codecs.avc.syntax import avc_slice_pps_id as avc_slice_pps_id
from onvif_bmff.codecs.avc.syntax import avc_starts_picture as avc_starts_picture
from onvif_bmff.codecs.avc.syntax import parse_avc_pps as parse_avc_pps
from onvif_bmff.codecs.avc.syntax import parse_avc_sps as parse_avc_sps
from onvif_bmff.codecs.camera_video import CameraVideo as CameraVideo
from onvif_bmff.codecs.coarse_stamps import CoarseStamps as CoarseStamps
from onvif_bmff.codecs.g711 import G711Codec as G711Codec
from onvif_bmff.codecs.hevc.codec import HevcCodec as HevcCodec
from onvif_bmff.codecs.hevc.layout import HevcSliceLayout as HevcSliceLayout
from onvif_bmff.codecs.hevc.layout import hevc_slice_layout as hevc_slice_layout
from onvif_bmff.codecs.hevc.picture import HevcPictureHeaders as HevcPictureHeaders
from onvif_bmff.codecs.hevc.picture import hevc_recovery_order_count as hevc_recovery_order_count
from onvif_bmff.codecs.hevc.picture import hevc_roll_distance as hevc_roll_distance
from onvif_bmff.codecs.hevc.pps import HevcPps as HevcPps
from onvif_bmff.codecs.hevc.pps import parse_hevc_pps as parse_hevc_pps
from onvif_bmff.codecs.hevc.sets import ProfileTierLevel as ProfileTierLevel
from onvif_bmff.codecs.hevc.sets import ShortTermRefPicSet as ShortTermRefPicSet
from onvif_bmff.codecs.hevc.sets import read_profile_tier_level as read_profile_tier_level
from onvif_bmff.codecs.hevc.sets import read_short_term_ref_pic_set as read_short_term_ref_pic_set
from onvif_bmff.codecs.hevc.sets import skip_hrd as skip_hrd
from onvif_bmff.codecs.hevc.sets import skip_scaling_lists as skip_scaling_lists
from onvif_bmff.codecs.hevc.sets import skip_short_term_ref_pic_set as skip_short_term_ref_pic_set
from onvif_bmff.codecs.hevc.slice import HevcSliceHeaders as HevcSliceHeaders
from onvif_bmff.codecs.hevc.syntax import HevcSps as HevcSps
from onvif_bmff.codecs.hevc.syntax import HevcVps as HevcVps
from onvif_bmff.codecs.hevc.syntax import hevc_is_irap as hevc_is_irap
from onvif_bmff.codecs.hevc.syntax import hevc_is_vcl as hevc_is_vcl
from onvif_bmff.codecs.hevc.syntax import hevc_layer_id as hevc_layer_id
from onvif_bmff.codecs.hevc.syntax import hevc_nal_type as hevc_nal_type
from onvif_bmff.codecs.hevc.syntax import hevc_slice_pps_id as hevc_slice_pps_id
from onvif_bmff.codecs.hevc.syntax import hevc_starts_picture as hevc_starts_picture
from onvif_bmff.codecs.hevc.syntax import parse_hevc_sps as parse_hevc_sps
from onvif_bmff.codecs.hevc.syntax import parse_hevc_vps as parse_hevc_vps
from onvif_bmff.codecs.jpeg.codec import MjpegCodec as MjpegCodec
from onvif_bmff.codecs.jpeg.syntax import JpegFrame as JpegFrame
from onvif_bmff.codecs.jpeg.syntax import parse_jpeg as parse_jpeg
from onvif_bmff.codecs.known_sets import KnownSets as KnownSets
from onvif_bmff.codecs.metadata import MetadataCodec as MetadataCodec
from onvif_bmff.codecs.metadata import ONVIF_SCHEMA as ONVIF_SCHEMA
from onvif_bmff.codecs.nal_access_units import AccessUnit as AccessUnit
from onvif_bmff.codecs.nal_access_units import AccessUnits as AccessUnits
from onvif_bmff.codecs.nal_access_units import LostUnits as LostUnits
from onvif_bmff.codecs.nal_video import UnitKinds as UnitKinds
from onvif_bmff.codecs.nal_video import configuration_record as configuration_record
from onvif_bmff.codecs.nal_video import is_random_access as is_random_access
from onvif_bmff.codecs.nal_video import make_configured_entry as make_configured_entry
from onvif_bmff.codecs.nal_video import read_configuration as read_configuration
from onvif_bmff.codecs.nal_video import read_configured_entry as read_configured_entry
from onvif_bmff.codecs.nal_video import readable_units as readable_units
from onvif_bmff.codecs.nal_video import roll_distance as roll_distance
from onvif_bmff.codecs.opus.codec import OpusCodec as OpusCodec
from onvif_bmff.codecs.opus.syntax import OPUS_RATE as OPUS_RATE
from onvif_bmff.codecs.opus.syntax import OpusHead as OpusHead
from onvif_bmff.codecs.opus.syntax import opus_packet_duration as opus_packet_duration
from onvif_bmff.codecs.opus.syntax import parse_opus_head as parse_opus_head
from onvif_bmff.codecs.passthrough import PassThroughCodec as PassThroughCodec
from onvif_bmff.codecs.picture_assembly import AssembledUnit as AssembledUnit
from onvif_bmff.codecs.picture_assembly import PictureAssembly as PictureAssembly
from onvif_bmff.codecs.presentation_line import PresentationLine as PresentationLine
from onvif_bmff.codecs.presentation_line import ShownPicture as ShownPicture
from onvif_bmff.codecs.presentation_line import place_of as place_of
from onvif_bmff.codecs.registry import CODECS as CODECS
from onvif_bmff.codecs.registry import codec_of as codec_of
from onvif_bmff.codecs.registry import register as register
from onvif_bmff.codecs.reordered_times import ReorderedTimes as ReorderedTimes
from onvif_bmff.codecs.shown_order import ShownOrder as ShownOrder
from onvif_bmff.codecs.start_points import StartPoints as StartPoints
from onvif_bmff.codecs.steady_presentation import SteadyPresentation as SteadyPresentation

__all__ = [
    "CODECS",
    "ONVIF_SCHEMA",
    "OPUS_RATE",
    "AacCodec",
    "AccessUnit",
    "AccessUnits",
    "AdtsHeader",
    "AssembledUnit",
    "AudioSpecificConfig",
    "Av1SequenceHeader",
    "AvcAccessUnits",
    "AvcCodec",
    "AvcPictureHeaders",
    "AvcPps",
    "AvcSliceHeaders",
    "AvcSliceLayout",
    "AvcSps",
    "CameraVideo",
    "CoarseStamps",
    "G711Codec",
    "HevcAccessUnits",
    "HevcCodec",
    "HevcPictureHeaders",
    "HevcPps",
    "HevcSliceHeaders",
    "HevcSliceLayout",
    "HevcSps",
    "HevcVps",
    "JpegFrame",
    "KnownSets",
    "LostUnits",
    "MetadataCodec",
    "MjpegCodec",
    "Obu",
    "OpusCodec",
    "OpusHead",
    "PassThroughCodec",
    "PictureAssembly",
    "PresentationLine",
    "ProfileTierLevel",
    "ReorderedTimes",
    "ShortTermRefPicSet",
    "ShownOrder",
    "ShownPicture",
    "StartPoints",
    "SteadyPresentation",
    "UnitKinds",
    "avc_is_idr",
    "avc_is_vcl",
    "avc_nal_type",
    "avc_pps_ids",
    "avc_recovery_frame_count",
    "avc_roll_distance",
    "avc_slice_layout",
    "avc_slice_pps_id",
    "avc_slice_type",
    "avc_starts_picture",
    "codec_of",
    "configuration_record",
    "find_av1_sequence_header",
    "hevc_is_irap",
    "hevc_is_vcl",
    "hevc_layer_id",
    "hevc_nal_type",
    "hevc_recovery_order_count",
    "hevc_roll_distance",
    "hevc_slice_layout",
    "hevc_slice_pps_id",
    "hevc_starts_picture",
    "is_random_access",
    "iter_adts",
    "iter_obus",
    "make_configured_entry",
    "opus_packet_duration",
    "parse_adts_header",
    "parse_av1_sequence_header",
    "parse_avc_pps",
    "parse_avc_sps",
    "parse_hevc_pps",
    "parse_hevc_sps",
    "parse_hevc_vps",
    "parse_jpeg",
    "parse_opus_head",
    "place_of",
    "read_configuration",
    "read_configured_entry",
    "read_profile_tier_level",
    "read_short_term_ref_pic_set",
    "readable_units",
    "register",
    "roll_distance",
    "skip_hrd",
    "skip_scaling_lists",
    "skip_short_term_ref_pic_set",
]
