"""Rules of the protection in sample entries: sinf, schm, tenc. ISO/IEC 23001-7, 4.2, 8.2; ISO/IEC 14496-12, 8.12."""

from collections.abc import Iterator
from itertools import chain

from onvif_bmff.bmff import (
    Box,
    ContainerBox,
    ProtectionSchemeInfoBox,
    SchemeInformationBox,
    SchemeTypeBox,
    TrackEncryptionBox,
)
from onvif_bmff.cenc.protection import Protection, protection_of
from onvif_bmff.cenc.scheme import SCHEME_VERSION, ProtectionScheme
from onvif_bmff.demux.sample_tables import MovieTrack
from onvif_bmff.errors import OnvifBmffError
from onvif_bmff.media.nal_family import NAL_FAMILIES
from onvif_bmff.media.sample_entries import is_protected
from onvif_bmff.validation.child_counts import PROTECTION_SCHEME_INFO, SCHEME_INFORMATION, missing_children
from onvif_bmff.validation.observed import Context, Header
from onvif_bmff.validation.structure import SAMPLE_DESCRIPTIONS, SAMPLE_TABLE, original_type

__all__ = ["check_protection"]

_SCHEMES = ("cenc", "cbcs", "cbc1", "cens")
_MODES = ("cenc", "cbcs")


def check_protection(context: Context, header: Header, track: MovieTrack) -> None:
    """Check the protection in the sample entries of a track, and note it in ``header.protections``."""
    add = context.findings.add
    schemes: dict[str, None] = {}
    for entry in track.entries:
        path = f"{SAMPLE_DESCRIPTIONS}/{entry.type}"
        infos = entry.find_all(ProtectionSchemeInfoBox) if isinstance(entry, ContainerBox) else ()
        if not is_protected(entry):
            if infos:
                message = "a sinf in a sample entry that is not a protected one"
                add(context.rule("C-60", "ANX-B.8-01"), message, offset=entry.offset, path=path)
            continue
        faults = list(chain.from_iterable(_faults_of(info) for info in infos)) if infos else ["no sinf"]
        for fault in faults:
            add(context.rule("C-60", "ANX-B.8-01"), fault, offset=entry.offset, path=path)
        named = [box.scheme_type for info in infos if (box := info.find(SchemeTypeBox)) is not None]
        schemes.update(dict.fromkeys(named))
        if faults:
            continue
        for scheme in named:
            if scheme in _SCHEMES and scheme not in _MODES:
                message = f"the scheme is {scheme!r}: neither mode CENC nor CBCS"
                add("ANX-B.8-05", message, offset=entry.offset, path=path)
        if not any(_track_encryption(info) for info in infos):
            add(context.rule("C-61", "ANX-B.8-01"), "no tenc", offset=entry.offset, path=path)
            continue
        try:
            protection = protection_of(entry)
        except OnvifBmffError as error:
            rule = context.rule("C-67", "ANX-B.8-07") if "cbcs" in named else context.rule("C-61", "ANX-B.8-01")
            add(rule, str(error), offset=entry.offset, path=path)
            continue
        if protection is not None:
            _check_default(context, entry, protection, path)
            if protection.is_protected:
                header.protections.setdefault(track.track_id, protection)
    if len(schemes) > 1:
        message = f"schemes {', '.join(sorted(schemes))} in one track"
        add(context.rule("C-62", "ANX-B.8-01"), message, offset=track.table.offset, path=SAMPLE_TABLE)


def _check_default(context: Context, entry: Box, protection: Protection, path: str) -> None:
    """Check the default of a track, and that the original format goes with the configuration."""
    add = context.findings.add
    boxes = [box for _, box in entry.walk() if isinstance(box, TrackEncryptionBox)]
    if not protection.is_protected and any(box.trailing for box in boxes):
        message = "default_isProtected is 0, yet there is a constant initialisation vector"
        add(context.rule("C-61", "ANX-B.8-01"), message, offset=entry.offset, path=path)
    kind = original_type(entry)
    configured = [
        family.config.fourcc
        for family in dict.fromkeys(NAL_FAMILIES.values())
        if family.config is not None and kind not in (*family.own, *family.others)
    ]
    for child in entry.children_of():
        if child.type in configured and kind not in NAL_FAMILIES:
            message = f"the original format is {kind!r}, beside a {child.type}"
            add(context.rule("C-60", "ANX-B.8-01"), message, offset=entry.offset, path=path)
    if protection.scheme is ProtectionScheme.CBCS and kind in NAL_FAMILIES and not any(protection.pattern):
        message = "cbcs without a pattern for video"
        add(context.rule("C-67", "ANX-B.8-07"), message, offset=entry.offset, path=path)


def _faults_of(info: ProtectionSchemeInfoBox) -> Iterator[str]:
    for kind in missing_children(info, PROTECTION_SCHEME_INFO):
        yield f"no {kind}"
    scheme = info.find(SchemeTypeBox)
    if scheme is None:
        return
    if scheme.scheme_type not in _SCHEMES:
        yield f"the scheme {scheme.scheme_type!r} is not known"
    elif scheme.scheme_version != SCHEME_VERSION:
        yield f"scheme version {scheme.scheme_version:#010x}, not {SCHEME_VERSION:#010x}"


def _track_encryption(info: ProtectionSchemeInfoBox) -> bool:
    details = info.find(SchemeInformationBox)
    return details is not None and not missing_children(details, SCHEME_INFORMATION)
