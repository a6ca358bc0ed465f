from onvif_bmff.ingest.mapping import map_file as map_file
from onvif_bmff.ingest.mp4 import FragmentStage as FragmentStage
from onvif_bmff.ingest.mp4 import InputFragment as InputFragment
from onvif_bmff.ingest.mp4 import Mp4Input as Mp4Input
from onvif_bmff.ingest.mp4 import open_mp4 as open_mp4
from onvif_bmff.ingest.pacing import loop_samples as loop_samples
from onvif_bmff.ingest.pacing import pace_samples as pace_samples

__all__ = [
    "FragmentStage",
    "InputFragment",
    "Mp4Input",
    "loop_samples",
    "map_file",
    "open_mp4",
    "pace_samples",
]
