from onvif_bmff.bmff.codec_config import Av1ConfigurationBox as Av1ConfigurationBox
from onvif_bmff.bmff.codec_config import AvcConfigurationBox as AvcConfigurationBox
from onvif_bmff.bmff.codec_config import BitRateBox as BitRateBox
from onvif_bmff.bmff.codec_config import ColourInformationBox as ColourInformationBox
from onvif_bmff.bmff.codec_config import EsdBox as EsdBox
from onvif_bmff.bmff.codec_config import HevcConfigurationBox as HevcConfigurationBox
from onvif_bmff.bmff.codec_config import HevcParameterArray as HevcParameterArray
from onvif_bmff.bmff.codec_config import OpusSpecificBox as OpusSpecificBox
from onvif_bmff.bmff.codec_config import PcmConfigBox as PcmConfigBox
from onvif_bmff.bmff.codec_config import PixelAspectRatioBox as PixelAspectRatioBox
from onvif_bmff.bmff.codec_config import VpCodecConfigurationBox as VpCodecConfigurationBox
from onvif_bmff.bmff.descriptors import DecoderConfig as DecoderConfig
from onvif_bmff.bmff.descriptors import build_esds as build_esds
from onvif_bmff.bmff.descriptors import read_es_id as read_es_id
from onvif_bmff.bmff.descriptors import read_esds as read_esds
from onvif_bmff.bmff.descriptors import without_es_id as without_es_id
from onvif_bmff.bmff.file import EventMessageBox as EventMessageBox
from onvif_bmff.bmff.file import FileTypeBox as FileTypeBox
from onvif_bmff.bmff.file import FreeSpaceBox as FreeSpaceBox
from onvif_bmff.bmff.file import MediaDataBox as MediaDataBox
from onvif_bmff.bmff.file import ProducerReferenceTimeBox as ProducerReferenceTimeBox
from onvif_bmff.bmff.file import SegmentIndexBox as SegmentIndexBox
from onvif_bmff.bmff.file import SegmentTypeBox as SegmentTypeBox
from onvif_bmff.bmff.file import SkipBox as SkipBox
from onvif_bmff.bmff.file import UuidBox as UuidBox
from onvif_bmff.bmff.fragment import MovieFragmentBox as MovieFragmentBox
from onvif_bmff.bmff.fragment import MovieFragmentHeaderBox as MovieFragmentHeaderBox
from onvif_bmff.bmff.fragment import NON_SYNC_SAMPLE as NON_SYNC_SAMPLE
from onvif_bmff.bmff.fragment import SampleGroupDescriptionBox as SampleGroupDescriptionBox
from onvif_bmff.bmff.fragment import SampleToGroupBox as SampleToGroupBox
from onvif_bmff.bmff.fragment import SubSampleInformationBox as SubSampleInformationBox
from onvif_bmff.bmff.fragment import TrackFragmentBaseMediaDecodeTimeBox as TrackFragmentBaseMediaDecodeTimeBox
from onvif_bmff.bmff.fragment import TrackFragmentBox as TrackFragmentBox
from onvif_bmff.bmff.fragment import TrackFragmentHeaderBox as TrackFragmentHeaderBox
from onvif_bmff.bmff.fragment import TrackRunBox as TrackRunBox
from onvif_bmff.bmff.language.box import Box as Box
from onvif_bmff.bmff.language.box import ContainerBox as ContainerBox
from onvif_bmff.bmff.language.box import Declared as Declared
from onvif_bmff.bmff.language.box import FullBox as FullBox
from onvif_bmff.bmff.language.box import FullContainerBox as FullContainerBox
from onvif_bmff.bmff.language.box import UnknownBox as UnknownBox
from onvif_bmff.bmff.language.checks import check_fields as check_fields
from onvif_bmff.bmff.language.checks import fields_asked_for as fields_asked_for
from onvif_bmff.bmff.language.children import ChildCountFault as ChildCountFault
from onvif_bmff.bmff.language.children import Children as Children
from onvif_bmff.bmff.language.children import child_count_faults as child_count_faults
from onvif_bmff.bmff.language.columns import COLUMN_CODES as COLUMN_CODES
from onvif_bmff.bmff.language.columns import Columns as Columns
from onvif_bmff.bmff.language.columns import no_rows as no_rows
from onvif_bmff.bmff.language.columns import pack_columns as pack_columns
from onvif_bmff.bmff.language.columns import unpack_columns as unpack_columns
from onvif_bmff.bmff.language.conditions import ByVersion as ByVersion
from onvif_bmff.bmff.language.conditions import Conditional as Conditional
from onvif_bmff.bmff.language.conditions import WhenFlag as WhenFlag
from onvif_bmff.bmff.language.conditions import by_version as by_version
from onvif_bmff.bmff.language.conditions import decide as decide
from onvif_bmff.bmff.language.conditions import is_column as is_column
from onvif_bmff.bmff.language.conditions import when as when
from onvif_bmff.bmff.language.conditions import when_flag as when_flag
from onvif_bmff.bmff.language.declare import BOXES as BOXES
from onvif_bmff.bmff.language.declare import Record as Record
from onvif_bmff.bmff.language.declare import RecordOf as RecordOf
from onvif_bmff.bmff.language.declare import SAMPLE_ENTRIES as SAMPLE_ENTRIES
from onvif_bmff.bmff.language.declare import box as box
from onvif_bmff.bmff.language.declare import record as record
from onvif_bmff.bmff.language.declare import refinement as refinement
from onvif_bmff.bmff.language.declare import sample_entry as sample_entry
from onvif_bmff.bmff.language.fixed import Bits as Bits
from onvif_bmff.bmff.language.fixed import Bytes as Bytes
from onvif_bmff.bmff.language.fixed import DeclarationError as DeclarationError
from onvif_bmff.bmff.language.fixed import FOURCC as FOURCC
from onvif_bmff.bmff.language.fixed import FieldType as FieldType
from onvif_bmff.bmff.language.fixed import Fields as Fields
from onvif_bmff.bmff.language.fixed import Fixed as Fixed
from onvif_bmff.bmff.language.fixed import ITEM_BUDGET as ITEM_BUDGET
from onvif_bmff.bmff.language.fixed import ItemBudget as ItemBudget
from onvif_bmff.bmff.language.fixed import NOT_WRITTEN as NOT_WRITTEN
from onvif_bmff.bmff.language.fixed import Refused as Refused
from onvif_bmff.bmff.language.fixed import UUID_FIELD as UUID_FIELD
from onvif_bmff.bmff.language.fixed import WireError as WireError
from onvif_bmff.bmff.language.fixed import as_field as as_field
from onvif_bmff.bmff.language.fixed import as_inner as as_inner
from onvif_bmff.bmff.language.fixed import identity as identity
from onvif_bmff.bmff.language.fixed import raise_truncated as raise_truncated
from onvif_bmff.bmff.language.fixed import unsigned as unsigned
from onvif_bmff.bmff.language.header import SIZE_32 as SIZE_32
from onvif_bmff.bmff.language.header import SIZE_64 as SIZE_64
from onvif_bmff.bmff.language.header import SIZE_TO_END as SIZE_TO_END
from onvif_bmff.bmff.language.header import read_box_header as read_box_header
from onvif_bmff.bmff.language.header import unpack_short_header as unpack_short_header
from onvif_bmff.bmff.language.layout import Layout as Layout
from onvif_bmff.bmff.language.plain import construct_of as construct_of
from onvif_bmff.bmff.language.plain import field_construct as field_construct
from onvif_bmff.bmff.language.plain import struct_of as struct_of
from onvif_bmff.bmff.language.probing import OptionalString as OptionalString
from onvif_bmff.bmff.language.probing import Probed as Probed
from onvif_bmff.bmff.language.probing import after_strings as after_strings
from onvif_bmff.bmff.language.probing import is_box_sequence as is_box_sequence
from onvif_bmff.bmff.language.reader import BoxReader as BoxReader
from onvif_bmff.bmff.language.reader import Limits as Limits
from onvif_bmff.bmff.language.reader import NEED_DATA as NEED_DATA
from onvif_bmff.bmff.language.reader import NeedData as NeedData
from onvif_bmff.bmff.language.reader import build_boxes as build_boxes
from onvif_bmff.bmff.language.reader import iter_boxes as iter_boxes
from onvif_bmff.bmff.language.reader import parse_boxes as parse_boxes
from onvif_bmff.bmff.language.reader import read_children as read_children
from onvif_bmff.bmff.language.wire import FourCC as FourCC
from onvif_bmff.bmff.language.wire import ListOf as ListOf
from onvif_bmff.bmff.language.wire import Rest as Rest
from onvif_bmff.bmff.language.wire import S16 as S16
from onvif_bmff.bmff.language.wire import S32 as S32
from onvif_bmff.bmff.language.wire import S64 as S64
from onvif_bmff.bmff.language.wire import S8 as S8
from onvif_bmff.bmff.language.wire import SizedBytes as SizedBytes
from onvif_bmff.bmff.language.wire import String as String
from onvif_bmff.bmff.language.wire import Table as Table
from onvif_bmff.bmff.language.wire import U16 as U16
from onvif_bmff.bmff.language.wire import U24 as U24
from onvif_bmff.bmff.language.wire import U32 as U32
from onvif_bmff.bmff.language.wire import U48 as U48
from onvif_bmff.bmff.language.wire import U64 as U64
from onvif_bmff.bmff.language.wire import U8 as U8
from onvif_bmff.bmff.language.wire import Uuid as Uuid
from onvif_bmff.bmff.language.wire import View as View
from onvif_bmff.bmff.movie import KindBox as KindBox
from onvif_bmff.bmff.movie import MetaBox as MetaBox
from onvif_bmff.bmff.movie import MovieBox as MovieBox
from onvif_bmff.bmff.movie import MovieExtendsBox as MovieExtendsBox
from onvif_bmff.bmff.movie import MovieExtendsHeaderBox as MovieExtendsHeaderBox
from onvif_bmff.bmff.movie import MovieHeaderBox as MovieHeaderBox
from onvif_bmff.bmff.movie import TrackExtendsBox as TrackExtendsBox
from onvif_bmff.bmff.movie import UNITY_MATRIX as UNITY_MATRIX
from onvif_bmff.bmff.movie import UserDataBox as UserDataBox
from onvif_bmff.bmff.protection import AuxiliaryInfo as AuxiliaryInfo
from onvif_bmff.bmff.protection import OriginalFormatBox as OriginalFormatBox
from onvif_bmff.bmff.protection import PIFF_SENC as PIFF_SENC
from onvif_bmff.bmff.protection import PIFF_TENC as PIFF_TENC
from onvif_bmff.bmff.protection import ProtectionSchemeInfoBox as ProtectionSchemeInfoBox
from onvif_bmff.bmff.protection import SampleAuxiliaryInformationOffsetsBox as SampleAuxiliaryInformationOffsetsBox
from onvif_bmff.bmff.protection import SampleAuxiliaryInformationSizesBox as SampleAuxiliaryInformationSizesBox
from onvif_bmff.bmff.protection import SampleEncryptionBox as SampleEncryptionBox
from onvif_bmff.bmff.protection import SchemeInformationBox as SchemeInformationBox
from onvif_bmff.bmff.protection import SchemeTypeBox as SchemeTypeBox
from onvif_bmff.bmff.protection import SeigEntry as SeigEntry
from onvif_bmff.bmff.protection import TrackEncryptionBox as TrackEncryptionBox
from onvif_bmff.bmff.protection import read_auxiliary_info as read_auxiliary_info
from onvif_bmff.bmff.protection import seig_entries as seig_entries
from onvif_bmff.bmff.pssh import ASYMMETRIC_SYSTEM_ID as ASYMMETRIC_SYSTEM_ID
from onvif_bmff.bmff.pssh import AsymmetricKeySystemHeaderBox as AsymmetricKeySystemHeaderBox
from onvif_bmff.bmff.pssh import COMMON_SYSTEM_ID as COMMON_SYSTEM_ID
from onvif_bmff.bmff.pssh import EncryptedKeyEntry as EncryptedKeyEntry
from onvif_bmff.bmff.pssh import LAYOUT_25_12 as LAYOUT_25_12
from onvif_bmff.bmff.pssh import LAYOUT_26_06 as LAYOUT_26_06
from onvif_bmff.bmff.pssh import NENC as NENC
from onvif_bmff.bmff.pssh import ProtectionSystemSpecificHeaderBox as ProtectionSystemSpecificHeaderBox
from onvif_bmff.bmff.pssh import common_header as common_header
from onvif_bmff.bmff.random_access import MovieFragmentRandomAccessBox as MovieFragmentRandomAccessBox
from onvif_bmff.bmff.random_access import MovieFragmentRandomAccessOffsetBox as MovieFragmentRandomAccessOffsetBox
from onvif_bmff.bmff.random_access import TrackFragmentRandomAccessBox as TrackFragmentRandomAccessBox
from onvif_bmff.bmff.sample_entries import AudioSampleEntry as AudioSampleEntry
from onvif_bmff.bmff.sample_entries import EncryptedMetadataSampleEntry as EncryptedMetadataSampleEntry
from onvif_bmff.bmff.sample_entries import SamplingRateBox as SamplingRateBox
from onvif_bmff.bmff.sample_entries import TextMetaDataSampleEntry as TextMetaDataSampleEntry
from onvif_bmff.bmff.sample_entries import UriBox as UriBox
from onvif_bmff.bmff.sample_entries import UriInitBox as UriInitBox
from onvif_bmff.bmff.sample_entries import UriMetaSampleEntry as UriMetaSampleEntry
from onvif_bmff.bmff.sample_entries import VisualSampleEntry as VisualSampleEntry
from onvif_bmff.bmff.sample_entries import XmlMetaDataSampleEntry as XmlMetaDataSampleEntry
from onvif_bmff.bmff.sample_entries import XmlSubtitleSampleEntry as XmlSubtitleSampleEntry
from onvif_bmff.bmff.sample_table import ChunkLargeOffsetBox as ChunkLargeOffsetBox
from onvif_bmff.bmff.sample_table import ChunkOffsetBox as ChunkOffsetBox
from onvif_bmff.bmff.sample_table import CompactSampleSizeBox as CompactSampleSizeBox
from onvif_bmff.bmff.sample_table import CompositionOffsetBox as CompositionOffsetBox
from onvif_bmff.bmff.sample_table import CompositionToDecodeBox as CompositionToDecodeBox
from onvif_bmff.bmff.sample_table import SampleDependencyTypeBox as SampleDependencyTypeBox
from onvif_bmff.bmff.sample_table import SampleDescriptionBox as SampleDescriptionBox
from onvif_bmff.bmff.sample_table import SampleSizeBox as SampleSizeBox
from onvif_bmff.bmff.sample_table import SampleTableBox as SampleTableBox
from onvif_bmff.bmff.sample_table import SampleToChunkBox as SampleToChunkBox
from onvif_bmff.bmff.sample_table import SyncSampleBox as SyncSampleBox
from onvif_bmff.bmff.sample_table import TimeToSampleBox as TimeToSampleBox
from onvif_bmff.bmff.track import DataEntryUrlBox as DataEntryUrlBox
from onvif_bmff.bmff.track import DataInformationBox as DataInformationBox
from onvif_bmff.bmff.track import DataReferenceBox as DataReferenceBox
from onvif_bmff.bmff.track import EditBox as EditBox
from onvif_bmff.bmff.track import EditListBox as EditListBox
from onvif_bmff.bmff.track import ExtendedLanguageBox as ExtendedLanguageBox
from onvif_bmff.bmff.track import HandlerBox as HandlerBox
from onvif_bmff.bmff.track import MediaBox as MediaBox
from onvif_bmff.bmff.track import MediaHeaderBox as MediaHeaderBox
from onvif_bmff.bmff.track import MediaInformationBox as MediaInformationBox
from onvif_bmff.bmff.track import NullMediaHeaderBox as NullMediaHeaderBox
from onvif_bmff.bmff.track import SoundMediaHeaderBox as SoundMediaHeaderBox
from onvif_bmff.bmff.track import SubtitleMediaHeaderBox as SubtitleMediaHeaderBox
from onvif_bmff.bmff.track import TrackBox as TrackBox
from onvif_bmff.bmff.track import TrackHeaderBox as TrackHeaderBox
from onvif_bmff.bmff.track import TrackReferenceBox as TrackReferenceBox
from onvif_bmff.bmff.track import VideoMediaHeaderBox as VideoMediaHeaderBox
from onvif_bmff.bmff.track import pack_language as pack_language

__all__ = [
    "ASYMMETRIC_SYSTEM_ID",
    "BOXES",
    "COLUMN_CODES",
    "COMMON_SYSTEM_ID",
    "FOURCC",
    "ITEM_BUDGET",
    "LAYOUT_25_12",
    "LAYOUT_26_06",
    "NEED_DATA",
    "NENC",
    "NON_SYNC_SAMPLE",
    "NOT_WRITTEN",
    "PIFF_SENC",
    "PIFF_TENC",
    "S16",
    "S32",
    "S64",
    "S8",
    "SAMPLE_ENTRIES",
    "SIZE_32",
    "SIZE_64",
    "SIZE_TO_END",
    "U16",
    "U24",
    "U32",
    "U48",
    "U64",
    "U8",
    "UNITY_MATRIX",
    "UUID_FIELD",
    "AsymmetricKeySystemHeaderBox",
    "AudioSampleEntry",
    "AuxiliaryInfo",
    "Av1ConfigurationBox",
    "AvcConfigurationBox",
    "BitRateBox",
    "Bits",
    "Box",
    "BoxReader",
    "ByVersion",
    "Bytes",
    "ChildCountFault",
    "Children",
    "ChunkLargeOffsetBox",
    "ChunkOffsetBox",
    "ColourInformationBox",
    "Columns",
    "CompactSampleSizeBox",
    "CompositionOffsetBox",
    "CompositionToDecodeBox",
    "Conditional",
    "ContainerBox",
    "DataEntryUrlBox",
    "DataInformationBox",
    "DataReferenceBox",
    "DeclarationError",
    "Declared",
    "DecoderConfig",
    "EditBox",
    "EditListBox",
    "EncryptedKeyEntry",
    "EncryptedMetadataSampleEntry",
    "EsdBox",
    "EventMessageBox",
    "ExtendedLanguageBox",
    "FieldType",
    "Fields",
    "FileTypeBox",
    "Fixed",
    "FourCC",
    "FreeSpaceBox",
    "FullBox",
    "FullContainerBox",
    "HandlerBox",
    "HevcConfigurationBox",
    "HevcParameterArray",
    "ItemBudget",
    "KindBox",
    "Layout",
    "Limits",
    "ListOf",
    "MediaBox",
    "MediaDataBox",
    "MediaHeaderBox",
    "MediaInformationBox",
    "MetaBox",
    "MovieBox",
    "MovieExtendsBox",
    "MovieExtendsHeaderBox",
    "MovieFragmentBox",
    "MovieFragmentHeaderBox",
    "MovieFragmentRandomAccessBox",
    "MovieFragmentRandomAccessOffsetBox",
    "MovieHeaderBox",
    "NeedData",
    "NullMediaHeaderBox",
    "OptionalString",
    "OpusSpecificBox",
    "OriginalFormatBox",
    "PcmConfigBox",
    "PixelAspectRatioBox",
    "Probed",
    "ProducerReferenceTimeBox",
    "ProtectionSchemeInfoBox",
    "ProtectionSystemSpecificHeaderBox",
    "Record",
    "RecordOf",
    "Refused",
    "Rest",
    "SampleAuxiliaryInformationOffsetsBox",
    "SampleAuxiliaryInformationSizesBox",
    "SampleDependencyTypeBox",
    "SampleDescriptionBox",
    "SampleEncryptionBox",
    "SampleGroupDescriptionBox",
    "SampleSizeBox",
    "SampleTableBox",
    "SampleToChunkBox",
    "SampleToGroupBox",
    "SamplingRateBox",
    "SchemeInformationBox",
    "SchemeTypeBox",
    "SegmentIndexBox",
    "SegmentTypeBox",
    "SeigEntry",
    "SizedBytes",
    "SkipBox",
    "SoundMediaHeaderBox",
    "String",
    "SubSampleInformationBox",
    "SubtitleMediaHeaderBox",
    "SyncSampleBox",
    "Table",
    "TextMetaDataSampleEntry",
    "TimeToSampleBox",
    "TrackBox",
    "TrackEncryptionBox",
    "TrackExtendsBox",
    "TrackFragmentBaseMediaDecodeTimeBox",
    "TrackFragmentBox",
    "TrackFragmentHeaderBox",
    "TrackFragmentRandomAccessBox",
    "TrackHeaderBox",
    "TrackReferenceBox",
    "TrackRunBox",
    "UnknownBox",
    "UriBox",
    "UriInitBox",
    "UriMetaSampleEntry",
    "UserDataBox",
    "Uuid",
    "UuidBox",
    "VideoMediaHeaderBox",
    "View",
    "VisualSampleEntry",
    "VpCodecConfigurationBox",
    "WhenFlag",
    "WireError",
    "XmlMetaDataSampleEntry",
    "XmlSubtitleSampleEntry",
    "after_strings",
    "as_field",
    "as_inner",
    "box",
    "build_boxes",
    "build_esds",
    "by_version",
    "check_fields",
    "child_count_faults",
    "common_header",
    "construct_of",
    "decide",
    "field_construct",
    "fields_asked_for",
    "identity",
    "is_box_sequence",
    "is_column",
    "iter_boxes",
    "no_rows",
    "pack_columns",
    "pack_language",
    "parse_boxes",
    "raise_truncated",
    "read_auxiliary_info",
    "read_box_header",
    "read_children",
    "read_es_id",
    "read_esds",
    "record",
    "refinement",
    "sample_entry",
    "seig_entries",
    "struct_of",
    "unpack_columns",
    "unpack_short_header",
    "unsigned",
    "when",
    "when_flag",
    "without_es_id",
]
