"""A whole device whose camera sends AV1, with an entry that says that all tracks are encrypted."""

from dataclasses import replace
from uuid import UUID

import device_kit as kit

from onvif_bmff.bmff import VisualSampleEntry
from onvif_bmff.cenc.keys.content import ContentKey
from onvif_bmff.cenc.keys.ring import KeyRing
from onvif_bmff.codecs.passthrough import PassThroughCodec
from onvif_bmff.control import RecordingConfiguration, RecordingEncryption
from onvif_bmff.device import FileSource
from onvif_bmff.storage.memory import MemoryStore

KID, KEY = UUID(int=5), bytes(range(16))
AV1 = PassThroughCodec(VisualSampleEntry(type="av01", width=64, height=48), "vide")


class Av1Camera:
    """The clip, whose video is called AV1."""

    def open(self, reference, receiver, stop):
        source = FileSource(kit.CAMERA, stop=stop, speed=kit.SPEED)
        source.tracks = tuple(
            replace(track, codec=AV1) if track.token == "VIDEO001" else track for track in source.tracks
        )
        return source


def test_the_job_is_in_error_and_only_encrypted_audio_is_stored():
    store = MemoryStore()
    entry = RecordingEncryption(mode="CBCS", kid=str(KID), key=KEY)
    with kit.fast_device({"s3": store}, sources=Av1Camera(), has_profile=lambda token: True) as device:
        target = kit.target(encryption=(entry,))
        token = device.service.create_recording(RecordingConfiguration(target=target))
        job = device.service.create_recording_job(kit.job(token)).job_token
        kit.until(lambda: len(kit.sealed(store)) > 1)
        assert kit.state(device.service, job) == "Error"
        (source,) = device.service.get_recording_job_state(job).sources
        tracks = {one.destination: (str(one.state), one.error) for one in source.tracks}
        assert tracks["VIDEO001"][0] == "Error"
        assert "av01" in tracks["VIDEO001"][1]
        assert tracks["AUDIO001"] == ("Active", None)
    assert {key.rpartition(".")[2] for key in kit.sealed(store)} == {"m4a"}
    assert kit.faults(store, KeyRing([ContentKey(KID, KEY)])) == []
