from onvif_bmff.diagnosis.episodes import Episode as Episode
from onvif_bmff.diagnosis.episodes import SHAKEN as SHAKEN
from onvif_bmff.diagnosis.episodes import Verdict as Verdict
from onvif_bmff.diagnosis.episodes import gap_bound as gap_bound
from onvif_bmff.diagnosis.episodes import gap_verdict as gap_verdict
from onvif_bmff.diagnosis.episodes import judge as judge
from onvif_bmff.diagnosis.episodes import levelled as levelled
from onvif_bmff.diagnosis.episodes import shaken as shaken
from onvif_bmff.diagnosis.episodes import uneven_spacing as uneven_spacing
from onvif_bmff.diagnosis.object_times import fragment_times as fragment_times
from onvif_bmff.diagnosis.observation import Fault as Fault
from onvif_bmff.diagnosis.observation import Observation as Observation
from onvif_bmff.diagnosis.observation import limited as limited
from onvif_bmff.diagnosis.place_line import PlaceLine as PlaceLine
from onvif_bmff.diagnosis.samples import diagnose_samples as diagnose_samples
from onvif_bmff.diagnosis.steps import Steps as Steps
from onvif_bmff.diagnosis.store import diagnose_store as diagnose_store
from onvif_bmff.diagnosis.track_times import TrackTimes as TrackTimes

__all__ = [
    "SHAKEN",
    "Episode",
    "Fault",
    "Observation",
    "PlaceLine",
    "Steps",
    "TrackTimes",
    "Verdict",
    "diagnose_samples",
    "diagnose_store",
    "fragment_times",
    "gap_bound",
    "gap_verdict",
    "judge",
    "levelled",
    "limited",
    "shaken",
    "uneven_spacing",
]
