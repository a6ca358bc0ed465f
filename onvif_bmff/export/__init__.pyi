from onvif_bmff.export.checked_subsegments import CheckedSubsegments as CheckedSubsegments
from onvif_bmff.export.checked_subsegments import whole_size as whole_size
from onvif_bmff.export.chunks import build_chunk as build_chunk
from onvif_bmff.export.clear_boxes import clear_fragment as clear_fragment
from onvif_bmff.export.clear_boxes import clear_movie as clear_movie
from onvif_bmff.export.clear_boxes import removed_size as removed_size
from onvif_bmff.export.clear_boxes import removed_sizes as removed_sizes
from onvif_bmff.export.clear_file import ClearBytes as ClearBytes
from onvif_bmff.export.clear_file import ClearFile as ClearFile
from onvif_bmff.export.continuous import ContinuousExport as ContinuousExport
from onvif_bmff.export.continuous import export_continuous as export_continuous
from onvif_bmff.export.continuous_lists import continuous_mpd as continuous_mpd
from onvif_bmff.export.continuous_lists import continuous_playlists as continuous_playlists
from onvif_bmff.export.decode_times import shift_decode_times as shift_decode_times
from onvif_bmff.export.export import export_movie as export_movie
from onvif_bmff.export.file_times import Cuts as Cuts
from onvif_bmff.export.file_times import FileTimes as FileTimes
from onvif_bmff.export.fillers import Filler as Filler
from onvif_bmff.export.fillers import filler_of as filler_of
from onvif_bmff.export.hls import hls_playlists as hls_playlists
from onvif_bmff.export.in_band_sets import in_band as in_band
from onvif_bmff.export.in_band_sets import is_same_family as is_same_family
from onvif_bmff.export.in_band_sets import parameter_sets as parameter_sets
from onvif_bmff.export.in_band_sets import with_parameter_sets as with_parameter_sets
from onvif_bmff.export.in_place import has_one_codec_a_track as has_one_codec_a_track
from onvif_bmff.export.in_place import plays_in_place as plays_in_place
from onvif_bmff.export.missing_keys import tracks_without_keys as tracks_without_keys
from onvif_bmff.export.moved import moved_attributes as moved_attributes
from onvif_bmff.export.moved import moved_pieces as moved_pieces
from onvif_bmff.export.moved import pieces_of as pieces_of
from onvif_bmff.export.moved import same_bytes as same_bytes
from onvif_bmff.export.movie import Edit as Edit
from onvif_bmff.export.movie import OutputTrack as OutputTrack
from onvif_bmff.export.movie import TrackTables as TrackTables
from onvif_bmff.export.movie import build_movie as build_movie
from onvif_bmff.export.movie import fragmented_tables as fragmented_tables
from onvif_bmff.export.movie_job import ExportJob as ExportJob
from onvif_bmff.export.movie_job import ExportReport as ExportReport
from onvif_bmff.export.movie_job import ExportSource as ExportSource
from onvif_bmff.export.movie_job import readable as readable
from onvif_bmff.export.mpd import AdaptationSet as AdaptationSet
from onvif_bmff.export.mpd import ByteRange as ByteRange
from onvif_bmff.export.mpd import MediaPiece as MediaPiece
from onvif_bmff.export.mpd import Period as Period
from onvif_bmff.export.mpd import build_mpd as build_mpd
from onvif_bmff.export.new_headers import HeaderMaker as HeaderMaker
from onvif_bmff.export.new_headers import NewHeaders as NewHeaders
from onvif_bmff.export.parts import ContinuousPart as ContinuousPart
from onvif_bmff.export.parts import checked_parts as checked_parts
from onvif_bmff.export.parts import strict_parts as strict_parts
from onvif_bmff.export.periods import FillerFile as FillerFile
from onvif_bmff.export.periods import LineTrack as LineTrack
from onvif_bmff.export.periods import are_on_one_line as are_on_one_line
from onvif_bmff.export.periods import line_track as line_track
from onvif_bmff.export.periods import make_periods as make_periods
from onvif_bmff.export.playlist_lines import Listed as Listed
from onvif_bmff.export.playlist_lines import MASTER as MASTER
from onvif_bmff.export.playlist_lines import PLAYED as PLAYED
from onvif_bmff.export.playlist_lines import Playlists as Playlists
from onvif_bmff.export.playlist_lines import master_playlist as master_playlist
from onvif_bmff.export.playlist_lines import playable as playable
from onvif_bmff.export.playlist_lines import program_date_time as program_date_time
from onvif_bmff.export.playlist_lines import rounded as rounded
from onvif_bmff.export.progressive import ProgressiveWriter as ProgressiveWriter
from onvif_bmff.export.renditions import Piece as Piece
from onvif_bmff.export.renditions import Rendition as Rendition
from onvif_bmff.export.renditions import RenditionWriter as RenditionWriter
from onvif_bmff.export.rewrap import Rewrapped as Rewrapped
from onvif_bmff.export.rewrap import Rewrapper as Rewrapper
from onvif_bmff.export.rewrap import Rewrapping as Rewrapping
from onvif_bmff.export.rewrap import Wrapping as Wrapping
from onvif_bmff.export.rewrap import is_span_end as is_span_end
from onvif_bmff.export.rewrap import kind_of as kind_of
from onvif_bmff.export.rewrap import prepare_wrapping as prepare_wrapping
from onvif_bmff.export.rewrap import rewrap_store as rewrap_store
from onvif_bmff.export.tracks import output_tracks as output_tracks
from onvif_bmff.export.with_fillers import DashManifest as DashManifest
from onvif_bmff.export.with_fillers import dash_manifest as dash_manifest
from onvif_bmff.export.with_fillers import is_one_track_an_object as is_one_track_an_object
from onvif_bmff.export.with_fillers import playlists_with_fillers as playlists_with_fillers
from onvif_bmff.export.writers import FragmentedWriter as FragmentedWriter
from onvif_bmff.export.writers import MAX_DURATION as MAX_DURATION
from onvif_bmff.export.writers import MovieWriter as MovieWriter
from onvif_bmff.export.writers import OutputSample as OutputSample
from onvif_bmff.export.writers import Presented as Presented
from onvif_bmff.export.writers import WaitingSamples as WaitingSamples

__all__ = [
    "MASTER",
    "MAX_DURATION",
    "PLAYED",
    "AdaptationSet",
    "ByteRange",
    "CheckedSubsegments",
    "ClearBytes",
    "ClearFile",
    "ContinuousExport",
    "ContinuousPart",
    "Cuts",
    "DashManifest",
    "Edit",
    "ExportJob",
    "ExportReport",
    "ExportSource",
    "FileTimes",
    "Filler",
    "FillerFile",
    "FragmentedWriter",
    "HeaderMaker",
    "LineTrack",
    "Listed",
    "MediaPiece",
    "MovieWriter",
    "NewHeaders",
    "OutputSample",
    "OutputTrack",
    "Period",
    "Piece",
    "Playlists",
    "Presented",
    "ProgressiveWriter",
    "Rendition",
    "RenditionWriter",
    "Rewrapped",
    "Rewrapper",
    "Rewrapping",
    "TrackTables",
    "WaitingSamples",
    "Wrapping",
    "are_on_one_line",
    "build_chunk",
    "build_movie",
    "build_mpd",
    "checked_parts",
    "clear_fragment",
    "clear_movie",
    "continuous_mpd",
    "continuous_playlists",
    "dash_manifest",
    "export_continuous",
    "export_movie",
    "filler_of",
    "fragmented_tables",
    "has_one_codec_a_track",
    "hls_playlists",
    "in_band",
    "is_one_track_an_object",
    "is_same_family",
    "is_span_end",
    "kind_of",
    "line_track",
    "make_periods",
    "master_playlist",
    "moved_attributes",
    "moved_pieces",
    "output_tracks",
    "parameter_sets",
    "pieces_of",
    "playable",
    "playlists_with_fillers",
    "plays_in_place",
    "prepare_wrapping",
    "program_date_time",
    "readable",
    "removed_size",
    "removed_sizes",
    "rewrap_store",
    "rounded",
    "same_bytes",
    "shift_decode_times",
    "strict_parts",
    "tracks_without_keys",
    "whole_size",
    "with_parameter_sets",
]
