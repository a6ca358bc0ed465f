"""Requests and answers of the export operations (5.21 to 5.23)."""

from collections.abc import Sequence
from dataclasses import dataclass

from onvif_bmff.control.types.common import NO_EXTENSIONS, Extensions, SourceReference, keep_tuples

__all__ = [
    "ExportRecordedDataResponse",
    "ExportState",
    "FileProgress",
    "SearchScope",
    "StorageReferencePath",
]


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Selection of recordings; without any criterion all of them.

    Args:
        included_sources: take recordings with a job that has one of these sources.
        included_recordings: take these recordings.
        recording_information_filter: XPath expression of the search service; refused here.
        extensions: unknown elements and attributes.
    """

    included_sources: Sequence[SourceReference] = ()
    included_recordings: Sequence[str] = ()
    recording_information_filter: str | None = None
    extensions: Extensions = NO_EXTENSIONS

    def __post_init__(self) -> None:
        keep_tuples(self, "included_sources", "included_recordings")


@dataclass(frozen=True, slots=True)
class StorageReferencePath:
    """A storage configuration of the device and a path relative to it."""

    storage_token: str
    relative_path: str | None = None
    extensions: Extensions = NO_EXTENSIONS


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How much of one file has been written, 0.0 to 1.0."""

    file_name: str
    progress: float


@dataclass(frozen=True, slots=True)
class ExportRecordedDataResponse:
    """Token of the started export, and the file names known so far."""

    operation_token: str
    file_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportState:
    """Progress of an export, 0.0 to 1.0, overall and by file."""

    progress: float
    file_progress_status: tuple[FileProgress, ...]
