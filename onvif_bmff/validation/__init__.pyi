from onvif_bmff.validation.attributes import attribute_of as attribute_of
from onvif_bmff.validation.attributes import check_attributes as check_attributes
from onvif_bmff.validation.attributes import check_stored_content_type as check_stored_content_type
from onvif_bmff.validation.attributes import codecs_of as codecs_of
from onvif_bmff.validation.attributes import full_content_codecs as full_content_codecs
from onvif_bmff.validation.auxiliary import ProtectedPart as ProtectedPart
from onvif_bmff.validation.auxiliary import TRAF as TRAF
from onvif_bmff.validation.auxiliary import needs_records as needs_records
from onvif_bmff.validation.child_counts import CMAF_FRAGMENT as CMAF_FRAGMENT
from onvif_bmff.validation.child_counts import CMAF_TRACK_FRAGMENT as CMAF_TRACK_FRAGMENT
from onvif_bmff.validation.child_counts import IN_BAND_VIDEO_ENTRY as IN_BAND_VIDEO_ENTRY
from onvif_bmff.validation.child_counts import PROTECTION_SCHEME_INFO as PROTECTION_SCHEME_INFO
from onvif_bmff.validation.child_counts import RECORDED_TRACK_FRAGMENT as RECORDED_TRACK_FRAGMENT
from onvif_bmff.validation.child_counts import SCHEME_INFORMATION as SCHEME_INFORMATION
from onvif_bmff.validation.child_counts import has_child_counts as has_child_counts
from onvif_bmff.validation.child_counts import missing_children as missing_children
from onvif_bmff.validation.clear_bytes import Account as Account
from onvif_bmff.validation.clear_bytes import Clear as Clear
from onvif_bmff.validation.clear_bytes import SampleLayout as SampleLayout
from onvif_bmff.validation.clear_bytes import account as account
from onvif_bmff.validation.clear_bytes import codec_of_part as codec_of_part
from onvif_bmff.validation.clear_bytes import family_of as family_of
from onvif_bmff.validation.clear_bytes import slices_of as slices_of
from onvif_bmff.validation.content_keys import ContentKeys as ContentKeys
from onvif_bmff.validation.content_keys import KeysOfHeaders as KeysOfHeaders
from onvif_bmff.validation.content_keys import Refused as Refused
from onvif_bmff.validation.coverage import CoverageChecker as CoverageChecker
from onvif_bmff.validation.end_objects import EndObjects as EndObjects
from onvif_bmff.validation.fragments import FragmentChecker as FragmentChecker
from onvif_bmff.validation.fragments import MediaData as MediaData
from onvif_bmff.validation.full_content_type import FullContentTypes as FullContentTypes
from onvif_bmff.validation.header import check_header as check_header
from onvif_bmff.validation.iv_reuse import VectorAnswers as VectorAnswers
from onvif_bmff.validation.iv_reuse import VectorMemory as VectorMemory
from onvif_bmff.validation.iv_reuse import VectorRecorder as VectorRecorder
from onvif_bmff.validation.iv_reuse import VectorUse as VectorUse
from onvif_bmff.validation.iv_reuse import Vectors as Vectors
from onvif_bmff.validation.keys import NameChecker as NameChecker
from onvif_bmff.validation.looks import EndLook as EndLook
from onvif_bmff.validation.looks import Look as Look
from onvif_bmff.validation.looks import Looker as Looker
from onvif_bmff.validation.looks import SegmentLook as SegmentLook
from onvif_bmff.validation.looks import WantedObject as WantedObject
from onvif_bmff.validation.observed import Context as Context
from onvif_bmff.validation.observed import Header as Header
from onvif_bmff.validation.observed import ObservedFragment as ObservedFragment
from onvif_bmff.validation.observed import ObservedSegment as ObservedSegment
from onvif_bmff.validation.observed import ObservedTrack as ObservedTrack
from onvif_bmff.validation.observed import RANK as RANK
from onvif_bmff.validation.observed import StopLooking as StopLooking
from onvif_bmff.validation.payload import content_check as content_check
from onvif_bmff.validation.payload import decryption_fault as decryption_fault
from onvif_bmff.validation.payload import is_intra as is_intra
from onvif_bmff.validation.payload import picture_fault as picture_fault
from onvif_bmff.validation.proof import EncryptionProof as EncryptionProof
from onvif_bmff.validation.proof import TrackProof as TrackProof
from onvif_bmff.validation.protection import check_protection as check_protection
from onvif_bmff.validation.protection_headers import check_protection_headers as check_protection_headers
from onvif_bmff.validation.random_access import check_random_access as check_random_access
from onvif_bmff.validation.random_access import check_seek_table as check_seek_table
from onvif_bmff.validation.random_access import check_segment_indexes as check_segment_indexes
from onvif_bmff.validation.report import Checked as Checked
from onvif_bmff.validation.report import Skipped as Skipped
from onvif_bmff.validation.report import Validation as Validation
from onvif_bmff.validation.report_context import ReportContext as ReportContext
from onvif_bmff.validation.report_context import counted as counted
from onvif_bmff.validation.report_context import gathered as gathered
from onvif_bmff.validation.report_context import json_of as json_of
from onvif_bmff.validation.report_context import markup as markup
from onvif_bmff.validation.report_github import github_report as github_report
from onvif_bmff.validation.report_html import html_report as html_report
from onvif_bmff.validation.report_junit import junit_report as junit_report
from onvif_bmff.validation.report_sarif import sarif_report as sarif_report
from onvif_bmff.validation.reports import REPORTS as REPORTS
from onvif_bmff.validation.reports import report_on as report_on
from onvif_bmff.validation.rules import Finding as Finding
from onvif_bmff.validation.rules import Findings as Findings
from onvif_bmff.validation.rules import Level as Level
from onvif_bmff.validation.rules import RULES as RULES
from onvif_bmff.validation.rules import Recurring as Recurring
from onvif_bmff.validation.rules import RecurringLog as RecurringLog
from onvif_bmff.validation.rules import Rule as Rule
from onvif_bmff.validation.samples import SampleChecker as SampleChecker
from onvif_bmff.validation.segment import check_segment as check_segment
from onvif_bmff.validation.spacing import check_age as check_age
from onvif_bmff.validation.spacing import check_spacing as check_spacing
from onvif_bmff.validation.spans import KindChecker as KindChecker
from onvif_bmff.validation.spans import SegmentSummary as SegmentSummary
from onvif_bmff.validation.spans import SpanChecker as SpanChecker
from onvif_bmff.validation.spans import TrackSummary as TrackSummary
from onvif_bmff.validation.store import SegmentLooker as SegmentLooker
from onvif_bmff.validation.store import validate_store as validate_store
from onvif_bmff.validation.structure import SAMPLE_DESCRIPTIONS as SAMPLE_DESCRIPTIONS
from onvif_bmff.validation.structure import SAMPLE_TABLE as SAMPLE_TABLE
from onvif_bmff.validation.structure import check_length as check_length
from onvif_bmff.validation.structure import check_structure as check_structure
from onvif_bmff.validation.structure import original_type as original_type
from onvif_bmff.validation.sums import FindingSums as FindingSums
from onvif_bmff.validation.sums import RuleSum as RuleSum
from onvif_bmff.validation.sums import reaches as reaches
from onvif_bmff.validation.walk import ValidationScope as ValidationScope
from onvif_bmff.validation.walk import validate_names as validate_names

__all__ = [
    "CMAF_FRAGMENT",
    "CMAF_TRACK_FRAGMENT",
    "IN_BAND_VIDEO_ENTRY",
    "PROTECTION_SCHEME_INFO",
    "RANK",
    "RECORDED_TRACK_FRAGMENT",
    "REPORTS",
    "RULES",
    "SAMPLE_DESCRIPTIONS",
    "SAMPLE_TABLE",
    "SCHEME_INFORMATION",
    "TRAF",
    "Account",
    "Checked",
    "Clear",
    "ContentKeys",
    "Context",
    "CoverageChecker",
    "EncryptionProof",
    "EndLook",
    "EndObjects",
    "Finding",
    "FindingSums",
    "Findings",
    "FragmentChecker",
    "FullContentTypes",
    "Header",
    "KeysOfHeaders",
    "KindChecker",
    "Level",
    "Look",
    "Looker",
    "MediaData",
    "NameChecker",
    "ObservedFragment",
    "ObservedSegment",
    "ObservedTrack",
    "ProtectedPart",
    "Recurring",
    "RecurringLog",
    "Refused",
    "ReportContext",
    "Rule",
    "RuleSum",
    "SampleChecker",
    "SampleLayout",
    "SegmentLook",
    "SegmentLooker",
    "SegmentSummary",
    "Skipped",
    "SpanChecker",
    "StopLooking",
    "TrackProof",
    "TrackSummary",
    "Validation",
    "ValidationScope",
    "VectorAnswers",
    "VectorMemory",
    "VectorRecorder",
    "VectorUse",
    "Vectors",
    "WantedObject",
    "account",
    "attribute_of",
    "check_age",
    "check_attributes",
    "check_header",
    "check_length",
    "check_protection",
    "check_protection_headers",
    "check_random_access",
    "check_seek_table",
    "check_segment",
    "check_segment_indexes",
    "check_spacing",
    "check_stored_content_type",
    "check_structure",
    "codec_of_part",
    "codecs_of",
    "content_check",
    "counted",
    "decryption_fault",
    "family_of",
    "full_content_codecs",
    "gathered",
    "github_report",
    "has_child_counts",
    "html_report",
    "is_intra",
    "json_of",
    "junit_report",
    "markup",
    "missing_children",
    "needs_records",
    "original_type",
    "picture_fault",
    "reaches",
    "report_on",
    "sarif_report",
    "slices_of",
    "validate_names",
    "validate_store",
]
