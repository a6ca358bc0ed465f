from onvif_bmff.demux.budget import SampleBudget as SampleBudget
from onvif_bmff.demux.faults import InputFaults as InputFaults
from onvif_bmff.demux.fragment_samples import FragmentReader as FragmentReader
from onvif_bmff.demux.fragment_samples import SampleRun as SampleRun
from onvif_bmff.demux.fragment_samples import SampleViews as SampleViews
from onvif_bmff.demux.fragment_samples import TrackFragment as TrackFragment
from onvif_bmff.demux.roll_starts import starts_in as starts_in
from onvif_bmff.demux.roll_starts import with_starts as with_starts
from onvif_bmff.demux.sample_tables import CodecChange as CodecChange
from onvif_bmff.demux.sample_tables import MovieTrack as MovieTrack
from onvif_bmff.demux.sample_tables import chunk_counts as chunk_counts
from onvif_bmff.demux.sample_tables import read_tracks as read_tracks
from onvif_bmff.demux.sample_tables import table_chunks as table_chunks
from onvif_bmff.demux.sample_tables import table_samples as table_samples
from onvif_bmff.demux.segment_start import first_presentation as first_presentation
from onvif_bmff.demux.table_columns import chunks_of as chunks_of
from onvif_bmff.demux.table_columns import durations_of as durations_of
from onvif_bmff.demux.table_columns import offsets_of as offsets_of
from onvif_bmff.demux.table_columns import signed_offsets as signed_offsets
from onvif_bmff.demux.table_columns import sizes_of as sizes_of
from onvif_bmff.demux.table_columns import sync_of as sync_of

__all__ = [
    "CodecChange",
    "FragmentReader",
    "InputFaults",
    "MovieTrack",
    "SampleBudget",
    "SampleRun",
    "SampleViews",
    "TrackFragment",
    "chunk_counts",
    "chunks_of",
    "durations_of",
    "first_presentation",
    "offsets_of",
    "read_tracks",
    "signed_offsets",
    "sizes_of",
    "starts_in",
    "sync_of",
    "table_chunks",
    "table_samples",
    "with_starts",
]
