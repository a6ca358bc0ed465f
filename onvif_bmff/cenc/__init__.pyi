from onvif_bmff.cenc.auxiliary import SampleMaps as SampleMaps
from onvif_bmff.cenc.auxiliary import Work as Work
from onvif_bmff.cenc.auxiliary import read_sample_maps as read_sample_maps
from onvif_bmff.cenc.cipher import Cbc1Cipher as Cbc1Cipher
from onvif_bmff.cenc.cipher import CbcsCipher as CbcsCipher
from onvif_bmff.cenc.cipher import CensCipher as CensCipher
from onvif_bmff.cenc.cipher import CtrCipher as CtrCipher
from onvif_bmff.cenc.cipher import Range as Range
from onvif_bmff.cenc.cipher import SampleCipher as SampleCipher
from onvif_bmff.cenc.cipher import cipher_for as cipher_for
from onvif_bmff.cenc.decrypt import FragmentDecryptor as FragmentDecryptor
from onvif_bmff.cenc.encrypt import EntryProtection as EntryProtection
from onvif_bmff.cenc.encrypt import IV_SIGNALLING as IV_SIGNALLING
from onvif_bmff.cenc.encrypt import IvSources as IvSources
from onvif_bmff.cenc.encrypt import ProtectedSamples as ProtectedSamples
from onvif_bmff.cenc.encrypt import TrackEncryptor as TrackEncryptor
from onvif_bmff.cenc.encrypt import slice_data_of as slice_data_of
from onvif_bmff.cenc.forks import draw as draw
from onvif_bmff.cenc.forks import forget_after_fork as forget_after_fork
from onvif_bmff.cenc.forks import notice_fork as notice_fork
from onvif_bmff.cenc.iv import CbcsIvSource as CbcsIvSource
from onvif_bmff.cenc.iv import CencIvAllocator as CencIvAllocator
from onvif_bmff.cenc.iv import CencIvAllocators as CencIvAllocators
from onvif_bmff.cenc.iv import IV_BITS as IV_BITS
from onvif_bmff.cenc.iv import IvStore as IvStore
from onvif_bmff.cenc.iv import MAX_SAMPLE_OF_16 as MAX_SAMPLE_OF_16
from onvif_bmff.cenc.keys.certificates import LeftOut as LeftOut
from onvif_bmff.cenc.keys.certificates import Recipient as Recipient
from onvif_bmff.cenc.keys.certificates import ThumbprintHash as ThumbprintHash
from onvif_bmff.cenc.keys.certificates import certificate_fault as certificate_fault
from onvif_bmff.cenc.keys.certificates import check_certificate as check_certificate
from onvif_bmff.cenc.keys.certificates import kem_of as kem_of
from onvif_bmff.cenc.keys.certificates import load_certificate as load_certificate
from onvif_bmff.cenc.keys.certificates import load_certificates as load_certificates
from onvif_bmff.cenc.keys.certificates import load_recipient as load_recipient
from onvif_bmff.cenc.keys.certificates import thumbprint as thumbprint
from onvif_bmff.cenc.keys.content import ContentKey as ContentKey
from onvif_bmff.cenc.keys.content import FixedKey as FixedKey
from onvif_bmff.cenc.keys.content import KeySource as KeySource
from onvif_bmff.cenc.keys.content import RotatingKey as RotatingKey
from onvif_bmff.cenc.keys.content import generate_content_key as generate_content_key
from onvif_bmff.cenc.keys.content import parse_key as parse_key
from onvif_bmff.cenc.keys.content import parse_kid as parse_kid
from onvif_bmff.cenc.keys.file import MAX_KEY_FILE as MAX_KEY_FILE
from onvif_bmff.cenc.keys.file import build_key_file as build_key_file
from onvif_bmff.cenc.keys.file import parse_key_file as parse_key_file
from onvif_bmff.cenc.keys.hpke import AgreementKey as AgreementKey
from onvif_bmff.cenc.keys.hpke import open_sealed as open_sealed
from onvif_bmff.cenc.keys.pem import ENCRYPTED_KEY as ENCRYPTED_KEY
from onvif_bmff.cenc.keys.pem import PemBlock as PemBlock
from onvif_bmff.cenc.keys.pem import describe as describe
from onvif_bmff.cenc.keys.pem import first_line as first_line
from onvif_bmff.cenc.keys.pem import pem_blocks as pem_blocks
from onvif_bmff.cenc.keys.ring import KeyRing as KeyRing
from onvif_bmff.cenc.keys.ring import KeyUnwrapper as KeyUnwrapper
from onvif_bmff.cenc.keys.ring import NOT_OPENED as NOT_OPENED
from onvif_bmff.cenc.keys.token import EcToken as EcToken
from onvif_bmff.cenc.keys.token import RsaToken as RsaToken
from onvif_bmff.cenc.keys.token import SeveralUnwrappers as SeveralUnwrappers
from onvif_bmff.cenc.keys.token import TokenUnwrapper as TokenUnwrapper
from onvif_bmff.cenc.keys.unwrap import PrivateKeyUnwrapper as PrivateKeyUnwrapper
from onvif_bmff.cenc.keys.wrap import DEFAULT_SUITES as DEFAULT_SUITES
from onvif_bmff.cenc.keys.wrap import KeyWrapper as KeyWrapper
from onvif_bmff.cenc.keys.wrap import OAEP_HASHES as OAEP_HASHES
from onvif_bmff.cenc.keys.wrap import OaepHash as OaepHash
from onvif_bmff.cenc.keys.wrap import VERSION_HPKE as VERSION_HPKE
from onvif_bmff.cenc.keys.wrap import VERSION_RSA_OAEP as VERSION_RSA_OAEP
from onvif_bmff.cenc.keys.wrap import wrap_key as wrap_key
from onvif_bmff.cenc.protection import Protection as Protection
from onvif_bmff.cenc.protection import ProtectionRun as ProtectionRun
from onvif_bmff.cenc.protection import SeigDescriptions as SeigDescriptions
from onvif_bmff.cenc.protection import is_protection_header as is_protection_header
from onvif_bmff.cenc.protection import piff_protection as piff_protection
from onvif_bmff.cenc.protection import protection_headers as protection_headers
from onvif_bmff.cenc.protection import protection_of as protection_of
from onvif_bmff.cenc.protection import protection_runs as protection_runs
from onvif_bmff.cenc.scheme import BLOCK as BLOCK
from onvif_bmff.cenc.scheme import NAL_PATTERN as NAL_PATTERN
from onvif_bmff.cenc.scheme import NO_PATTERN as NO_PATTERN
from onvif_bmff.cenc.scheme import Pattern as Pattern
from onvif_bmff.cenc.scheme import ProtectionScheme as ProtectionScheme
from onvif_bmff.cenc.scheme import SCHEME_VERSION as SCHEME_VERSION
from onvif_bmff.cenc.slice_data import SHORT as SHORT
from onvif_bmff.cenc.slice_data import SliceData as SliceData
from onvif_bmff.cenc.subsample import cbcs_subsamples as cbcs_subsamples
from onvif_bmff.cenc.subsample import cenc_subsamples as cenc_subsamples
from onvif_bmff.cenc.subsample import pack_subsamples as pack_subsamples
from onvif_bmff.cenc.subsample import protected_ranges as protected_ranges
from onvif_bmff.cenc.subsample import subsample_limit as subsample_limit
from onvif_bmff.cenc.subsample import unpack_subsamples as unpack_subsamples

__all__ = [
    "BLOCK",
    "DEFAULT_SUITES",
    "ENCRYPTED_KEY",
    "IV_BITS",
    "IV_SIGNALLING",
    "MAX_KEY_FILE",
    "MAX_SAMPLE_OF_16",
    "NAL_PATTERN",
    "NOT_OPENED",
    "NO_PATTERN",
    "OAEP_HASHES",
    "SCHEME_VERSION",
    "SHORT",
    "VERSION_HPKE",
    "VERSION_RSA_OAEP",
    "AgreementKey",
    "Cbc1Cipher",
    "CbcsCipher",
    "CbcsIvSource",
    "CencIvAllocator",
    "CencIvAllocators",
    "CensCipher",
    "ContentKey",
    "CtrCipher",
    "EcToken",
    "EntryProtection",
    "FixedKey",
    "FragmentDecryptor",
    "IvSources",
    "IvStore",
    "KeyRing",
    "KeySource",
    "KeyUnwrapper",
    "KeyWrapper",
    "LeftOut",
    "OaepHash",
    "Pattern",
    "PemBlock",
    "PrivateKeyUnwrapper",
    "ProtectedSamples",
    "Protection",
    "ProtectionRun",
    "ProtectionScheme",
    "Range",
    "Recipient",
    "RotatingKey",
    "RsaToken",
    "SampleCipher",
    "SampleMaps",
    "SeigDescriptions",
    "SeveralUnwrappers",
    "SliceData",
    "ThumbprintHash",
    "TokenUnwrapper",
    "TrackEncryptor",
    "Work",
    "build_key_file",
    "cbcs_subsamples",
    "cenc_subsamples",
    "certificate_fault",
    "check_certificate",
    "cipher_for",
    "describe",
    "draw",
    "first_line",
    "forget_after_fork",
    "generate_content_key",
    "is_protection_header",
    "kem_of",
    "load_certificate",
    "load_certificates",
    "load_recipient",
    "notice_fork",
    "open_sealed",
    "pack_subsamples",
    "parse_key",
    "parse_key_file",
    "parse_kid",
    "pem_blocks",
    "piff_protection",
    "protected_ranges",
    "protection_headers",
    "protection_of",
    "protection_runs",
    "read_sample_maps",
    "slice_data_of",
    "subsample_limit",
    "thumbprint",
    "unpack_subsamples",
    "wrap_key",
]
