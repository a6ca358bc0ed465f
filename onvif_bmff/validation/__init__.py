"""Is what was recorded right? The rules of annex B and of CMAF that can be seen in a store; see ``rules``."""

from onvif_bmff.validation.proof import EncryptionProof, TrackProof
from onvif_bmff.validation.report import Checked, Skipped, Validation
from onvif_bmff.validation.rules import RULES, Finding, Level, Rule
from onvif_bmff.validation.store import validate_store

__all__ = [
    "RULES", "Checked", "EncryptionProof", "Finding", "Level", "Rule", "Skipped", "TrackProof", "Validation",
    "validate_store",
]  # fmt: skip
