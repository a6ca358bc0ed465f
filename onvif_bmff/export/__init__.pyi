from onvif_bmff.export.checked_subsegments import CheckedSubsegments as CheckedSubsegments
from onvif_bmff.export.checked_subsegments import whole_size as whole_size
from onvif_bmff.export.clear_boxes import clear_fragment as clear_fragment
from onvif_bmff.export.clear_boxes import clear_movie as clear_movie
from onvif_bmff.export.clear_boxes import removed_size as removed_size
from onvif_bmff.export.clear_boxes import removed_sizes as removed_sizes
from onvif_bmff.export.clear_file import ClearBytes as ClearBytes
from onvif_bmff.export.clear_file import ClearFile as ClearFile
from onvif_bmff.export.export import ExportReport as ExportReport
from onvif_bmff.export.export import export_movie as export_movie
from onvif_bmff.export.file_times import Cuts as Cuts
from onvif_bmff.export.file_times import FileTimes as FileTimes
from onvif_bmff.export.hls import Playlists as Playlists
from onvif_bmff.export.hls import hls_playlists as hls_playlists
from onvif_bmff.export.in_band_sets import in_band as in_band
from onvif_bmff.export.in_band_sets import is_same_family as is_same_family
from onvif_bmff.export.in_band_sets import parameter_sets as parameter_sets
from onvif_bmff.export.in_band_sets import with_parameter_sets as with_parameter_sets
from onvif_bmff.export.missing_keys import tracks_without_keys as tracks_without_keys
from onvif_bmff.export.movie import Edit as Edit
from onvif_bmff.export.movie import OutputTrack as OutputTrack
from onvif_bmff.export.movie import TrackTables as TrackTables
from onvif_bmff.export.movie import build_movie as build_movie
from onvif_bmff.export.movie import fragmented_tables as fragmented_tables
from onvif_bmff.export.progressive import ProgressiveWriter as ProgressiveWriter
from onvif_bmff.export.rewrap import Rewrapped as Rewrapped
from onvif_bmff.export.rewrap import Rewrapping as Rewrapping
from onvif_bmff.export.rewrap import rewrap_store as rewrap_store
from onvif_bmff.export.tracks import output_tracks as output_tracks
from onvif_bmff.export.writers import FragmentedWriter as FragmentedWriter
from onvif_bmff.export.writers import MAX_DURATION as MAX_DURATION
from onvif_bmff.export.writers import MovieWriter as MovieWriter
from onvif_bmff.export.writers import OutputSample as OutputSample
from onvif_bmff.export.writers import Presented as Presented
from onvif_bmff.export.writers import WaitingSamples as WaitingSamples

__all__ = [
    "MAX_DURATION",
    "CheckedSubsegments",
    "ClearBytes",
    "ClearFile",
    "Cuts",
    "Edit",
    "ExportReport",
    "FileTimes",
    "FragmentedWriter",
    "MovieWriter",
    "OutputSample",
    "OutputTrack",
    "Playlists",
    "Presented",
    "ProgressiveWriter",
    "Rewrapped",
    "Rewrapping",
    "TrackTables",
    "WaitingSamples",
    "build_movie",
    "clear_fragment",
    "clear_movie",
    "export_movie",
    "fragmented_tables",
    "hls_playlists",
    "in_band",
    "is_same_family",
    "output_tracks",
    "parameter_sets",
    "removed_size",
    "removed_sizes",
    "rewrap_store",
    "tracks_without_keys",
    "whole_size",
    "with_parameter_sets",
]
