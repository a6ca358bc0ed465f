"""No log line at any level, no representation, error or health of a run with planted secrets holds one of them."""

import base64
import json
import logging
from datetime import timedelta
from urllib.parse import quote

import pytest
from device_kit import AV, CAMERA, fast_device, profile_source, record, sealed, until
from support_tools import need_module
from test_device_spools import Line, behind

from onvif_bmff.control import (
    RecordingConfiguration,
    RecordingEncryption,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingTargetConfiguration,
)
from onvif_bmff.control.types.receiver import ReceiverConfiguration
from onvif_bmff.device import FileSources
from onvif_bmff.device.health_server import health_document
from onvif_bmff.logs import JsonLines
from onvif_bmff.rtsp import AddressPolicy, StreamOptions, StreamSources
from onvif_bmff.storage import SqlitePersistence
from onvif_bmff.storage.credentials import StorageCredentials
from onvif_bmff.storage.renewal import RenewedCredentials

KID = "0123abcd-0000-4000-8000-0000000000ff"
KEY = bytes.fromhex("8badf00d0badc0de8badf00d0badc0de")
PASSWORD = "Pa55/w@rd-of-the-camera"
TOKEN = "tok-4711-of-the-camera"
STORE_SECRET = "wJalrXUtnFEMI-K7MDENG"
SECRETS = [
    form
    for secret in (PASSWORD, TOKEN, STORE_SECRET)
    for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
] + [KEY.hex(), base64.b64encode(KEY).decode(), repr(KEY)[2:-1], str(list(KEY))[1:-1]]


def shown(text):
    return [secret for secret in SECRETS if secret.lower() in text.lower()]


def receive(service, uri, prefix):
    """Record from a receiver of this address."""
    target = RecordingTargetConfiguration("s3", "CMAF", timedelta(seconds=2), prefix=prefix)
    recording = service.create_recording(RecordingConfiguration(target=target))
    source = RecordingJobSource(auto_create_receiver=True, tracks=tuple(RecordingJobTrack("", one) for one in AV))
    made = service.create_recording_job(RecordingJobConfiguration(recording, "Active", 1, (source,)))
    receiver = made.job_configuration.source[0].source_token.token
    service.provisioning.configure_receiver(receiver, ReceiverConfiguration("AutoConnect", uri, "RTP-Unicast", "RTSP"))
    return recording


class Failing:
    """An endpoint whose first answer has secrets, and whose other answers are errors that quote them."""

    def __init__(self):
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if self.asked == 1:
            soon = "2000-01-01T00:00:00Z"  # refused, for it has expired
            return json.dumps({"user": {"username": "u", "password": STORE_SECRET}, "expiresAt": soon}).encode()
        raise RuntimeError(f"401 for {STORE_SECRET}")


@pytest.fixture
def text(caplog):
    """All that the log says, as text and as JSON."""
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join(
        [caplog.text, *(JsonLines().format(line) + repr(line.__dict__) for line in caplog.records)]
    )


def test_a_run_of_a_device_with_secrets_shows_none(tmp_path, text):
    need_module("av")
    line = Line()
    options = StreamOptions(open_timeout=timedelta(seconds=2))
    sources = StreamSources(
        options=options, policy=AddressPolicy(loopback=True), others=FileSources({"cam": CAMERA}, speed=8.0)
    )
    endpoint = Failing()
    renewed = RenewedCredentials(endpoint, StorageCredentials("u", STORE_SECRET))
    persistence = SqlitePersistence(tmp_path / "device.db")
    with fast_device(
        {"s3": behind(line)}, sources=sources, persistence=persistence, has_profile={"cam"}.__contains__
    ) as device:
        service = device.service
        entry = RecordingEncryption("CENC", KID, KEY)
        encrypted, _ = record(service, "clear", sources=(profile_source(*AV),), encryption=(entry,))
        uri = f"rtsp://admin:{quote(PASSWORD, safe='')}@127.0.0.1:1/stream?token={TOKEN}"
        live = receive(service, uri, "live")
        wrong = receive(
            service, f"rtsp://admin:{PASSWORD}@127.0.0.1:1/stream", "wrong"
        )  # not quoted, as people write it
        errors = until(lambda: {one.recording: one.last_error for one in device.health().recordings if one.last_error})
        until(lambda: {live, wrong} <= {one.recording for one in device.health().recordings if one.last_error})
        until(lambda: any(key.startswith("clear") for key in line.objects))
        line.is_down = True
        until(lambda: any(one.spool is not None and one.spool.error for one in device.health().storages))
        until(lambda: endpoint.asked > 1)
        line.is_down = False
        said = [
            repr(device.health()),
            json.dumps(health_document(device.health())),
            repr(service.current_properties()),
            repr(service.get_recordings()),
            repr(service.get_recording_jobs()),
            repr(errors),
            repr(device.service.device_side.plans().recordings[encrypted]),
            repr((renewed, renewed.error, sources, entry, line, persistence)),
            json.dumps(service.snapshot()["recording/" + encrypted]),
        ]
        assert renewed.error is not None
    renewed.close()
    assert sum(map(len, said)) > 5000
    assert shown("\n".join(said)) == []
    log = text()
    assert shown(log) == []
    for about in ("onvif_bmff.audit", "has an error", "not uploaded", "not renewed", "ConfigureReceiver"):
        assert about in log
    assert sealed(behind(line), "clear")


def test_a_secret_would_be_noticed(text):
    logging.getLogger("onvif_bmff.test").debug("it is %s", PASSWORD)
    assert shown(text())
    assert all(shown(f"x{secret}y") for secret in SECRETS)
