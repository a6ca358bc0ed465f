"""What the tests of the control room share: a clock to turn, a device, and short ways to write requests."""

from datetime import timedelta

from onvif_bmff.control import (
    PROFILE_TYPE,
    AsymmetricEncryption,
    Capabilities,
    FixedResources,
    MemoryPersistence,
    RecordingConfiguration,
    RecordingEncryption,
    RecordingJobConfiguration,
    RecordingJobSource,
    RecordingJobTrack,
    RecordingService,
    RecordingSourceInformation,
    RecordingTargetConfiguration,
    SourceReference,
)
from onvif_bmff.timing import UtcTime

START = UtcTime.parse("2026-01-02T03:04:05Z")
KID = "0123abcd-0000-4000-8000-0000000000ff"
OTHER_KID = "0123abcd-0000-4000-8000-0000000000ee"
KEY = bytes(range(16))


class Clock:
    """An instant that moves only when told to."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def forward(self, **delta):
        self.now = self.now + timedelta(**delta)


class Counting:
    """Random bytes that count, so that tokens are all different and the same in every run."""

    def __init__(self):
        self.count = 0

    def __call__(self, size):
        self.count += 1
        return self.count.to_bytes(size, "big")


class Exports:
    """An exporter that only remembers what it was asked to do."""

    def __init__(self, names=("a.mp4", "b.mp4")):
        self.names = names
        self.started = []
        self.stopped = []

    def start(self, operation):
        self.started.append(operation)
        return self.names

    def stop(self, operation_token):
        self.stopped.append(operation_token)


class Nothing:
    """Neither segments nor an uploader that does anything."""

    def segments(self, recording_token, time):
        return ()

    def start(self, operation):
        pass

    def stop(self, operation_token):
        pass


class Data:
    """Local data as lists of time ranges by (recording, track)."""

    def __init__(self):
        self.ranges = {}
        self.failing = None

    def add(self, recording, track, *ranges):
        self.ranges.setdefault((recording, track), []).extend(ranges)

    def delete_before(self, recording_token, track_token, limit):
        if self.failing:
            raise self.failing
        held = self.ranges.get((recording_token, track_token), [])
        old = [found for found in held if found.end <= limit]
        self.ranges[recording_token, track_token] = [found for found in held if found.end > limit]
        return old

    def delete_track(self, recording_token, track_token):
        if self.failing:
            raise self.failing
        return self.ranges.pop((recording_token, track_token), [])


def resources(**kwargs):
    return FixedResources(
        **{"storages": {"s3"}, "certificates": {"cert-a", "cert-b"}, "profiles": {"prof1", "prof2"}} | kwargs
    )


def service(*, clock=None, persistence=None, **kwargs):
    """A service on a counting random source; its first notifications are taken away."""
    kwargs = {"resources": resources(), "random": Counting()} | kwargs
    made = RecordingService(clock=clock or Clock(), persistence=persistence or MemoryPersistence(), **kwargs)
    made.take_notifications()
    return made


def restarted(old, clock, persistence, **kwargs):
    """The same device after a power cycle; the counting source goes on."""
    random = old._runner.environment.random
    return service(clock=clock, persistence=persistence, random=random, **kwargs)


def exporting(**kwargs):
    return {"capabilities": Capabilities(supported_export_file_formats=("ONVIF", "MP4"), **kwargs)}


def target(**kwargs):
    return RecordingTargetConfiguration(
        **{"storage": "s3", "format": "MP4", "segment_duration": timedelta(seconds=60)} | kwargs
    )


def recording(target=None, **kwargs):
    source = RecordingSourceInformation("urn:cam:1", "Camera 1", "Gate", "North", "rtsp://cam")
    return RecordingConfiguration(source, target=target, **kwargs)


def encrypted(*entries, **kwargs):
    return recording(target(encryption=entries), **kwargs)


def entry(**kwargs):
    return RecordingEncryption(**{"mode": "CBCS", "kid": KID, "key": KEY} | kwargs)


def asymmetric(**kwargs):
    wrapped = AsymmetricEncryption(**{"certificate_id": ("cert-a",)} | kwargs)
    return RecordingEncryption("CENC", asymmetric_encryption=wrapped)


def profile(*tracks, token="prof1"):
    return RecordingJobSource(
        SourceReference(token, PROFILE_TYPE), tracks=tuple(RecordingJobTrack("", name) for name in tracks)
    )


def automatic(*tracks):
    return RecordingJobSource(auto_create_receiver=True, tracks=tuple(RecordingJobTrack("", name) for name in tracks))


def job(recording_token, *sources, mode="Active", priority=1, **kwargs):
    return RecordingJobConfiguration(recording_token, mode, priority, sources or (profile(),), **kwargs)


def topics(notifications):
    """Short names of topics, with the operation of property events."""
    return [n.topic.rpartition("/")[2] + (f":{n.operation}" if n.operation else "") for n in notifications]


def states(made, *tokens):
    return [str(made.get_recording_job_state(token).state) for token in tokens]
