"""Encryption entries of a target: 5.3.1, 5.7 and the schema, with the decisions where they are silent."""

from datetime import timedelta

import pytest
from control_kit import KEY, KID, OTHER_KID, asymmetric, encrypted, entry, recording, resources, service

from onvif_bmff.control import (
    PROFILE_26_06,
    AmbiguousConfiguration,
    AsymmetricEncryption,
    BadConfiguration,
    Capabilities,
    RecordingEncryption,
)
from onvif_bmff.errors import MissingKeyError

OTHER_KEY = bytes(16)


def entries_of(made, token):
    return made.get_recording_configuration(token).target.encryption


@pytest.mark.requirement("REC-5.7-05")
@pytest.mark.parametrize("given", [{"kid": KID}, {"key": KEY}, {"kid": KID, "key": KEY}])
def test_a_key_and_asymmetric_encryption_exclude_each_other(given):
    made = service()
    token = made.create_recording(recording())
    both = RecordingEncryption("CENC", asymmetric_encryption=AsymmetricEncryption(("cert-a",)), **given)
    with pytest.raises(AmbiguousConfiguration) as caught:
        made.set_recording_configuration(token, encrypted(both))
    assert (caught.value.code, caught.value.subcodes) == (
        "Sender",
        ("InvalidArgVal", "AmbiguousConfiguration"),
    )
    with pytest.raises(AmbiguousConfiguration):
        made.create_recording(encrypted(both))


@pytest.mark.parametrize(
    "wrong",
    [
        (entry(kid=None),),
        (entry(key=None),),
        (entry(kid=None, key=None),),
        (entry(kid="no uuid"),),
        (entry(kid="0123"),),
        (entry(kid=f"{{{KID}}}"),),
        (entry(kid=f"urn:uuid:{KID}"),),
        (entry(key=b"short"),),
        (entry(key=bytes(32)),),
        (entry(mode="CENS"),),
        (entry(mode="cbcs"),),
        (entry(track=("VIDEO009",)),),
        (entry(track=("VIDEO001", "VIDEO001")),),
        (entry(track=("VIDEO001",)), entry(track=("VIDEO001",), kid=OTHER_KID)),
        (entry(), entry(track=("AUDIO001",), kid=OTHER_KID)),
        (entry(track=("VIDEO001",)), entry(track=("AUDIO001",), key=OTHER_KEY)),
        (asymmetric(certificate_id=()),),
        (asymmetric(certificate_id=("nobody",)),),
        (asymmetric(certificate_id=("9 no name",)),),
        (asymmetric(certificate_id=("cert-a", "cert-a")),),
        (asymmetric(key_rotation_duration=timedelta(0)),),
        (asymmetric(key_rotation_duration=-timedelta(1)),),
        (asymmetric(additional_info="26.06"),),
    ],
)
def test_wrong_entries_are_refused(wrong):
    made = service()
    token = made.create_recording(recording())
    for call in (made.create_recording, lambda c: made.set_recording_configuration(token, c)):
        with pytest.raises(BadConfiguration) as caught:
            call(encrypted(*wrong))
        assert KEY.hex() not in str(caught.value)
    assert made._runner.state.secrets == {}


@pytest.mark.requirement("REC-5.25-14", "REC-5.25-16")
def test_entry_limit_and_modes_are_enforced():
    one, two = entry(track=("VIDEO001",)), entry(track=("AUDIO001",), kid=OTHER_KID, mode="CENC")
    limits = Capabilities(encryption_entry_limit=1, supported_encryption_modes=("CBCS",))
    made = service(capabilities=limits)
    made.create_recording(encrypted(one))
    for wrong in ((one, two), (two,)):
        with pytest.raises(BadConfiguration):
            made.create_recording(encrypted(*wrong))
    assert made.get_service_capabilities() == limits
    service().create_recording(encrypted(one, two))
    with pytest.raises(BadConfiguration):
        service(capabilities=Capabilities(encryption_entry_limit=None)).create_recording(encrypted(one))


def test_asymmetric_encryption_needs_its_capability():
    with pytest.raises(BadConfiguration):
        service(capabilities=Capabilities(asymmetric_encryption_supported=False)).create_recording(
            encrypted(asymmetric())
        )
    made = service()
    wrapped = asymmetric(certificate_id=("cert-a", "cert-b"), key_rotation_duration=timedelta(days=1))
    assert entries_of(made, made.create_recording(encrypted(wrapped))) == (wrapped,)


def test_certificates_are_looked_up():
    made = service(resources=resources(certificates={"new"}))
    made.create_recording(encrypted(asymmetric(certificate_id=("new",))))
    with pytest.raises(BadConfiguration):
        made.create_recording(encrypted(asymmetric()))


@pytest.mark.parametrize("given", [KID.upper(), KID.replace("-", ""), KID])
def test_key_ids_are_shown_in_one_form(given):
    made = service()
    token = made.create_recording(encrypted(entry(kid=given)))
    assert entries_of(made, token) == (entry(key=None),)
    assert made.device_side.content_key(token, KID) == KEY


def test_a_read_configuration_can_be_written_back_without_losing_the_key():
    made = service()
    token = made.create_recording(encrypted(entry()))
    made.set_recording_configuration(token, made.get_recording_configuration(token))
    assert made.device_side.content_key(token, KID) == KEY
    made.set_recording_configuration(token, encrypted(entry(key=OTHER_KEY)))
    assert made.device_side.content_key(token, KID) == OTHER_KEY
    made.set_recording_configuration(token, encrypted(entry(key=None), content="new"))
    assert made.device_side.content_key(token, KID) == OTHER_KEY


def test_keys_go_with_their_entries():
    made = service()
    token = made.create_recording(encrypted(entry()))
    made.set_recording_configuration(token, encrypted(entry(kid=OTHER_KID)))
    with pytest.raises(MissingKeyError):
        made.device_side.content_key(token, KID)
    with pytest.raises(BadConfiguration):
        made.set_recording_configuration(token, encrypted(entry(key=None)))
    made.set_recording_configuration(token, recording())
    assert made._runner.state.secrets == made._runner.persistence.secrets == {}
    other = made.create_recording(encrypted(entry()))
    made.delete_recording(other)
    assert made._runner.persistence.secrets == {}


def test_deleting_the_last_track_of_an_entry_drops_the_entry():
    made = service()
    video, rest = entry(track=("VIDEO001",)), entry(kid=OTHER_KID, track=("AUDIO001", "META001"))
    token = made.create_recording(encrypted(video, rest))
    made.delete_track(token, "META001")
    assert [e.track for e in entries_of(made, token)] == [("VIDEO001",), ("AUDIO001",)]
    made.delete_track(token, "VIDEO001")
    assert [(e.kid, e.track) for e in entries_of(made, token)] == [(OTHER_KID, ("AUDIO001",))]
    with pytest.raises(MissingKeyError):
        made.device_side.content_key(token, KID)
    made.delete_track(token, "AUDIO001")
    assert entries_of(made, token) == ()


def test_an_entry_for_all_tracks_stays_for_all_tracks():
    made = service()
    token = made.create_recording(encrypted(entry()))
    made.delete_track(token, "VIDEO001")
    assert entries_of(made, token) == (entry(key=None),)


def test_additional_info_is_of_26_06():
    made = service(profile=PROFILE_26_06)
    info = asymmetric(additional_info="i" * 256)
    assert entries_of(made, made.create_recording(encrypted(info))) == (info,)
    with pytest.raises(BadConfiguration):
        made.create_recording(encrypted(asymmetric(additional_info="i" * 5000)))
