from onvif_bmff.diagnosis.episodes import Steps as Steps
from onvif_bmff.diagnosis.episodes import Verdict as Verdict
from onvif_bmff.diagnosis.object_times import fragment_times as fragment_times
from onvif_bmff.diagnosis.observation import Fault as Fault
from onvif_bmff.diagnosis.observation import Observation as Observation
from onvif_bmff.diagnosis.observation import limited as limited
from onvif_bmff.diagnosis.place_line import PlaceLine as PlaceLine
from onvif_bmff.diagnosis.samples import diagnose_samples as diagnose_samples
from onvif_bmff.diagnosis.store import diagnose_store as diagnose_store
from onvif_bmff.diagnosis.track_times import TrackTimes as TrackTimes

__all__ = [
    "Fault",
    "Observation",
    "PlaceLine",
    "Steps",
    "TrackTimes",
    "Verdict",
    "diagnose_samples",
    "diagnose_store",
    "fragment_times",
    "limited",
]
