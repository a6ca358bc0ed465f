"""Certificates of the simulated world, and a device that wraps keys for them while they are valid."""

from datetime import timedelta

from onvif_bmff.cenc.keys.certificates import certificate_fault, check_certificate
from onvif_bmff.control import (
    PROFILE_TYPE,
    AsymmetricEncryption,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingTargetConfiguration,
    SourceReference,
)
from onvif_bmff.device import RecordingDevice
from onvif_bmff.errors import CertificateError
from onvif_bmff.playback import read_segment
from onvif_bmff.storage.memory import MemoryStore
from onvif_bmff.timing import UtcTime
from tests.simulate.cameras import CameraFleet, identify
from tests.simulate.certificates import SimulatedCertificates, unwrapper
from tests.simulate.runtime import Process, SimulatedRuntime, Simulation

START = UtcTime.parse("2026-01-02T03:04:05Z")


def wall(at):
    return START.plus_microseconds(int(at * 1e6))


def accepted(certificate, at):
    try:
        check_certificate(certificate, at=at)
    except CertificateError:
        return False
    return True


def test_a_certificate_is_valid_as_long_as_it_says():
    simulation = Simulation(3)
    certificates = SimulatedCertificates(simulation, START)
    simulation.spawn(Process("authority"), certificates.run, "authority")
    expired = 0
    for _ in range(200):
        simulation.sleep(17.3)
        assert set(certificates.names) == {"viewer", "guest"}
        for name, data in certificates.current.items():
            assert certificate_fault(data) is None
            assert accepted(data, wall(simulation.time)) == certificates.is_valid(name)
        expired += not certificates.is_valid("guest")
    assert 5 < expired < 150
    assert simulation.hits["certificate expired"] >= 3


def test_a_seed_gives_the_same_certificates():
    def made(seed):
        certificates = SimulatedCertificates(Simulation(seed), START)
        return certificates.current["guest"]

    assert made(1) == made(1) != made(2)


def test_a_device_wraps_for_certificates_that_come_and_go():
    simulation, process = Simulation(5), Process("device")
    runtime = SimulatedRuntime(simulation, process, wall)
    fleet, store = CameraFleet(simulation, 1, ()), MemoryStore()
    certificates = SimulatedCertificates(simulation, START, timedelta(minutes=1))
    simulation.spawn(Process("authority"), certificates.run, "authority")
    wrapped = AsymmetricEncryption(("guest", "viewer"), timedelta(seconds=20))
    target = RecordingTargetConfiguration(
        "s3",
        "CMAF",
        timedelta(seconds=10),
        prefix="cam",
        encryption=(RecordingEncryption("CENC", None, None, (), wrapped),),
    )
    device = RecordingDevice(
        {"s3": store},
        sources=fleet.provider(process),
        certificates=certificates.current,
        has_profile=fleet.has_profile,
        runtime=runtime,
    )
    with device:
        recording = device.service.create_recording(RecordingConfiguration(target=target))
        source = RecordingJobSource(SourceReference("cam1", PROFILE_TYPE))
        device.service.create_recording_job(RecordingJobConfiguration(recording, "Active", 1, (source,)))
        simulation.sleep(300)
    assert simulation.faults == []
    found = [
        identify(sample.data)
        for key in store.keys("")
        if not key.endswith("_end")
        for sample in read_segment(store.get(key), unwrapper=unwrapper()).samples()
    ]
    (camera,) = fleet.cameras.values()
    assert sorted(found) == sorted(("cam1", one.track, one.number) for one in camera.sent)
    assert not any(identify(store.get(key)) for key in store.keys(""))
