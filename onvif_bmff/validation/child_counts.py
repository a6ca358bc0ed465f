"""Numbers of children of containers: those that the boxes declare, and the stricter ones of CMAF and Annex B."""

from onvif_bmff.bmff import Box, Children, UnknownBox, child_count_faults

__all__ = [
    "CMAF_FRAGMENT",
    "CMAF_TRACK_FRAGMENT",
    "IN_BAND_VIDEO_ENTRY",
    "PROTECTION_SCHEME_INFO",
    "RECORDED_TRACK_FRAGMENT",
    "SCHEME_INFORMATION",
    "has_child_counts",
    "missing_children",
]

CMAF_FRAGMENT = Children(one=("traf",))
"""moof: one traf (rule C-40). ISO/IEC 23000-19, 7.3.2.3."""
CMAF_TRACK_FRAGMENT = Children(one=("trun",))
"""traf: one trun (rule C-40). ISO/IEC 23000-19, 7.3.2.3."""
RECORDED_TRACK_FRAGMENT = Children(one=("tfdt",))
"""traf: tfdt is present (rules C-43 and ANX-B.2-05)."""
IN_BAND_VIDEO_ENTRY = Children(some=("pasp", "colr"))
"""Video sample entry with parameter sets in band (rule C-25)."""
PROTECTION_SCHEME_INFO = Children(one=("frma", "schm", "schi"))
"""sinf: schm and schi are present (rules C-60 and ANX-B.8-01). ISO/IEC 23001-7, 4.2."""
SCHEME_INFORMATION = Children(one=("tenc",))
"""schi: tenc is present (rules C-61 and ANX-B.8-01). ISO/IEC 23001-7, 8.2."""


def _known_types(box: Box) -> list[str]:
    return [child.type for child in box.children_of() if not isinstance(child, UnknownBox)]


def missing_children(box: Box, rules: Children | None = None) -> list[str]:
    """Return the types of which a container has too few children, by ``rules`` or else by its own declaration.

    Boxes that could not be interpreted, as of an unknown version, do not count. Of alternatives the first is named.
    """
    faults = child_count_faults(rules if rules is not None else box.child_rules, _known_types(box))
    return [fault.type.partition("|")[0] for fault in faults if fault.count < fault.least]


def has_child_counts(box: Box, rules: Children) -> bool:
    """Return whether a container has neither too few nor too many children by ``rules``."""
    return not child_count_faults(rules, _known_types(box))
