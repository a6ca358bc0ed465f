"""Acceptance of recording and track configurations, and what they become.

The rules are those of 5.3.1, 5.7 and the schema; where the specification is silent:

* A key is 16 bytes, a key ID is a UUID; both must be given, but a key may be left out where the recording
  holds one for that key ID (keys cannot be read back, so a client that reads a configuration, changes it
  and writes it back would otherwise lose them).
* An entry without tracks covers all tracks and must be the only one; no track may be in two entries.
* A CMAF target takes one track of each type, since two would share their object keys.
* Prefix and Postfix are paths without empty, "." or ".." parts, and an object key stays within 1024 bytes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from onvif_bmff.control.content_keys import canonical_kid
from onvif_bmff.control.environment import Environment
from onvif_bmff.control.faults import (
    AmbiguousConfiguration,
    BadConfiguration,
    NoLocalRecording,
    UnsupportedStorageStrategy,
)
from onvif_bmff.control.operations.checks import check_tokens, check_types
from onvif_bmff.control.types.configuration import (
    AsymmetricEncryption,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingTargetConfiguration,
    StorageStrategy,
    TargetFormat,
    TrackConfiguration,
    TrackType,
)
from onvif_bmff.errors import ProtectionError
from onvif_bmff.key_format import KEY_SIZE

__all__ = ["accept_recording_configuration", "accept_track_configuration"]

_ZERO = timedelta(0)
_MAX_KEY_LENGTH = 1024
_MAX_DATE_AND_TIME_LENGTH = 64
_MAX_NAME_LENGTH = 64
_ADDITIONAL_INFO = 1024
_NC_NAME = re.compile(r"[^\W\d][\w.-]{0,63}")
_UNPRINTABLE = re.compile("[\u0000-\u001f\u007f-\u009f]")


def accept_recording_configuration(
    environment: Environment,
    configuration: RecordingConfiguration,
    tracks: Mapping[str, str],
    held_keys: Mapping[str, bytes],
) -> tuple[RecordingConfiguration, dict[str, bytes]]:
    """Return the configuration that takes effect, without content keys, and the content keys by key ID.

    Args:
        environment: what the device offers.
        configuration: as the client sent it.
        tracks: the recording's tracks, token → type.
        held_keys: content keys that the recording holds already, by key ID.

    Raises:
        AmbiguousConfiguration: an entry has both a key or key ID and asymmetric encryption.
        BadConfiguration: anything else is wrong.
        NoLocalRecording: the device cannot record locally (26.06).
        UnsupportedStorageStrategy: the device does not offer the strategy (26.06).
    """
    check_types(configuration, RecordingConfiguration, "RecordingConfiguration")
    limits, source = environment.limits, configuration.source
    if configuration.maximum_retention_time < _ZERO:
        raise BadConfiguration("MaximumRetentionTime must not be negative")
    if len(source.name) > _MAX_NAME_LENGTH:
        raise BadConfiguration("the name of the source is longer than 64 characters")
    if max(len(source.source_id), len(source.address)) > limits.source_length:
        raise BadConfiguration("SourceId or Address is too long")
    if source.video_source_token is not None:
        if not environment.profile.video_source_token:
            raise BadConfiguration(f"VideoSourceToken is no part of release {environment.profile.name}")
        check_tokens("VideoSourceToken", source.video_source_token)
    cut = limits.description_length
    accepted = replace(
        configuration,
        source=replace(source, location=source.location[:cut], description=source.description[:cut]),
        content=configuration.content[:cut],
    )
    _check_place(environment, configuration.target)
    if configuration.target is None:
        return accepted, {}
    target, keys = _accept_target(environment, configuration.target, tracks, held_keys)
    return replace(accepted, target=target), keys


def _check_place(environment: Environment, target: RecordingTargetConfiguration | None) -> None:
    """Check that there is a place to record to: local, external or both."""
    capabilities, profile = environment.capabilities, environment.profile
    local = capabilities.onboard_storage
    if target is None:
        if not local:
            raise NoLocalRecording if profile.onboard_storage else BadConfiguration("a target is needed")
        return
    strategy = target.storage_strategy
    if strategy is None:
        return
    if not profile.storage_strategy:
        raise BadConfiguration(f"StorageStrategy is no part of release {profile.name}")
    if strategy == StorageStrategy.EXTERNAL:
        return
    if strategy not in set(StorageStrategy) or not capabilities.segment_export:
        raise UnsupportedStorageStrategy
    if not local:
        raise NoLocalRecording


def _accept_target(
    environment: Environment,
    target: RecordingTargetConfiguration,
    tracks: Mapping[str, str],
    held_keys: Mapping[str, bytes],
) -> tuple[RecordingTargetConfiguration, dict[str, bytes]]:
    if not environment.capabilities.supported_target_formats:
        raise BadConfiguration("external targets are not supported")
    if target.format not in environment.capabilities.supported_target_formats:
        raise BadConfiguration(f"the target format {target.format[:40]!r} is not supported")
    check_tokens("Storage", target.storage)
    if not environment.resources.has_storage(target.storage):
        raise BadConfiguration("Storage names no storage configuration")
    if target.segment_duration <= _ZERO:
        raise BadConfiguration("SegmentDuration must be longer than zero")
    if target.span_duration is not None and target.span_duration <= _ZERO:
        raise BadConfiguration("SpanDuration must be longer than zero")
    paths = (target.prefix or "", target.postfix or "")
    for path in paths:
        _check_path(path)
    if sum(len(path.encode()) for path in paths) + _MAX_DATE_AND_TIME_LENGTH > _MAX_KEY_LENGTH:
        raise BadConfiguration("Prefix and Postfix make object keys longer than 1024 bytes")
    _check_cmaf_tracks(target, tracks.values())
    entries, keys = _accept_encryption(environment, target.encryption, tracks, held_keys)
    accepted = replace(
        target,
        prefix=target.prefix or None,
        postfix=target.postfix or None,
        encryption=entries,
        segment_duration_override=None,
    )
    return accepted, keys


def _check_path(path: str) -> None:
    if _UNPRINTABLE.search(path):
        raise BadConfiguration("Prefix and Postfix must not hold control characters")
    if path and any(part in ("", ".", "..") for part in path.split("/")):
        raise BadConfiguration('Prefix and Postfix must not hold empty, "." or ".." parts')


def _check_cmaf_tracks(target: RecordingTargetConfiguration | None, types: Iterable[str]) -> None:
    """Check that a CMAF target gets no two tracks of one type (B.7: one span each).

    Raises:
        BadConfiguration: it gets two.
    """
    found = list(types)
    if target is not None and target.format == TargetFormat.CMAF and len(found) != len(set(found)):
        raise BadConfiguration("a CMAF target takes one track of each type")


def _accept_encryption(
    environment: Environment,
    entries: Sequence[RecordingEncryption],
    tracks: Mapping[str, str],
    held_keys: Mapping[str, bytes],
) -> tuple[tuple[RecordingEncryption, ...], dict[str, bytes]]:
    for entry in entries:
        if entry.asymmetric_encryption is not None and (entry.kid is not None or entry.key is not None):
            raise AmbiguousConfiguration
    if len(entries) > (environment.capabilities.encryption_entry_limit or 0):
        raise BadConfiguration("there are more encryption entries than the device supports")
    covered: set[str] = set()
    accepted: list[RecordingEncryption] = []
    keys: dict[str, bytes] = {}
    for entry in entries:
        if entry.mode not in environment.capabilities.supported_encryption_modes:
            raise BadConfiguration(f"the encryption mode {entry.mode[:40]!r} is not supported")
        if not entry.track and len(entries) > 1:
            raise BadConfiguration("an encryption entry for all tracks must be the only one")
        for track in entry.track:
            if track not in tracks:
                raise BadConfiguration("an encryption entry names an unknown track")
            if track in covered:
                raise BadConfiguration("a track is in two encryption entries")
            covered.add(track)
        if entry.asymmetric_encryption is not None:
            _check_asymmetric(environment, entry.asymmetric_encryption)
            accepted.append(entry)
            continue
        kid, key = _accept_key(entry, held_keys)
        if keys.setdefault(kid, key) != key:
            raise BadConfiguration("one key ID is given with two keys")
        accepted.append(replace(entry, kid=kid, key=None))
    return tuple(accepted), keys


def _accept_key(entry: RecordingEncryption, held_keys: Mapping[str, bytes]) -> tuple[str, bytes]:
    if entry.kid is None:
        raise BadConfiguration("an encryption entry needs a key ID or asymmetric encryption")
    try:
        kid = canonical_kid(entry.kid)
    except ProtectionError as error:
        raise BadConfiguration(str(error)) from None
    key = held_keys.get(kid) if entry.key is None else entry.key
    if key is None:
        raise BadConfiguration("no key is given, and none is held for the key ID")
    if len(key) != KEY_SIZE:
        raise BadConfiguration("a key has 16 bytes")
    return kid, key


def _check_asymmetric(environment: Environment, entry: AsymmetricEncryption) -> None:
    if not environment.capabilities.asymmetric_encryption_supported:
        raise BadConfiguration("asymmetric encryption is not supported")
    if not entry.certificate_id:
        raise BadConfiguration("asymmetric encryption needs a certificate")
    if len(set(entry.certificate_id)) != len(entry.certificate_id):
        raise BadConfiguration("a certificate is named twice")
    for certificate in entry.certificate_id:
        if not _NC_NAME.fullmatch(certificate) or not environment.resources.has_certificate(certificate):
            raise BadConfiguration("CertificateID names no certificate")
        fault = environment.resources.certificate_fault(certificate)
        if fault is not None:
            raise BadConfiguration(f"keys cannot be wrapped for {certificate}: {fault}")
    if entry.key_rotation_duration is not None and entry.key_rotation_duration <= _ZERO:
        raise BadConfiguration("KeyRotationDuration must be longer than zero")
    if entry.additional_info is not None:
        if not environment.profile.additional_info:
            raise BadConfiguration(f"AdditionalInfo is no part of release {environment.profile.name}")
        if len(entry.additional_info) > _ADDITIONAL_INFO:
            raise BadConfiguration(f"AdditionalInfo is longer than {_ADDITIONAL_INFO} characters")


def accept_track_configuration(
    environment: Environment, configuration: TrackConfiguration, *, fixed_type: str | None = None
) -> TrackConfiguration:
    """Return the track configuration that takes effect (5.3.2).

    Args:
        environment: what the device offers.
        configuration: as the client sent it.
        fixed_type: type of an existing track, which the given type cannot change (5.12); None to create.

    Raises:
        BadConfiguration: it is invalid.
    """
    check_types(configuration, TrackConfiguration, "TrackConfiguration")
    if fixed_type is None and configuration.track_type not in set(TrackType):
        raise BadConfiguration("TrackType is Video, Audio or Metadata")
    return replace(
        configuration,
        track_type=TrackType(fixed_type or configuration.track_type),
        description=configuration.description[: environment.limits.description_length],
    )
