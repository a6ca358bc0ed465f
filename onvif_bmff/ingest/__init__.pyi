from onvif_bmff.ingest.choice import main_tracks as main_tracks
from onvif_bmff.ingest.continuation import Continuation as Continuation
from onvif_bmff.ingest.continuation import InputPart as InputPart
from onvif_bmff.ingest.continuation import NextMovie as NextMovie
from onvif_bmff.ingest.mapping import map_file as map_file
from onvif_bmff.ingest.mapping import map_stream as map_stream
from onvif_bmff.ingest.mp4 import Mp4Input as Mp4Input
from onvif_bmff.ingest.mp4 import open_mp4 as open_mp4
from onvif_bmff.ingest.mp4 import open_stream as open_stream
from onvif_bmff.ingest.pacing import loop_samples as loop_samples
from onvif_bmff.ingest.pacing import pace_samples as pace_samples
from onvif_bmff.ingest.walk import FragmentStage as FragmentStage
from onvif_bmff.ingest.walk import InputFragment as InputFragment
from onvif_bmff.ingest.walk import Items as Items
from onvif_bmff.ingest.walk import Walk as Walk

__all__ = [
    "Continuation",
    "FragmentStage",
    "InputFragment",
    "InputPart",
    "Items",
    "Mp4Input",
    "NextMovie",
    "Walk",
    "loop_samples",
    "main_tracks",
    "map_file",
    "map_stream",
    "open_mp4",
    "open_stream",
    "pace_samples",
]
