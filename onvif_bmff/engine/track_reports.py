"""Track states and errors that an output reports."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from onvif_bmff.control.types.job_state import RecordingJobState, recorded_state
from onvif_bmff.recording.encryption import EncryptionEntry, trouble_of

_log = logging.getLogger(__name__)

__all__ = ["Report", "TrackReports"]

BEYOND_ROOM = "from before an event, for which there was no room"
"""Why samples are dropped that a Before asked for."""

Report = Callable[[str, RecordingJobState, str | None], None]
"""Takes the state of a track, and the text of an error."""


class TrackReports:
    """The states of the tracks of one output. An error of the output takes precedence over those of its tracks.

    ``recorded`` maps the recorded tracks to the errors of their keys. ``dropped`` counts what earlier recorders of the
    output dropped, and what came while it had none.

    Args:
        report: called for each state.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._output_error: str | None = None
        self._track_errors: dict[str, str] = {}
        self._shortfall: str | None = None
        self.recorded: dict[str, str | None] = {}
        self.dropped: Counter[str] = Counter()

    def report(self, token: str, state: RecordingJobState, error: str | None) -> None:
        """Report the state of a track, unless an error of the output hides it."""
        if self._output_error is None:
            self._report(token, state, error)

    def set_output_error(self, error: str | None, tokens: Iterable[str]) -> None:
        """Report an error of all tracks that are fed, or with None their states without it."""
        if error == self._output_error:
            return
        self._output_error = error
        for token in tokens:
            known = error if error is not None else self._track_errors.get(token)
            if known is not None:
                self._report(token, RecordingJobState.ERROR, known)
            elif token in self.recorded:
                self._report(token, *self._recorded_state(self.recorded[token]))
            else:
                self._report(token, RecordingJobState.IDLE, None)

    def set_track_error(self, token: str, error: str | None) -> None:
        """Report that a track cannot be recorded; None withdraws that without a report."""
        if error is None:
            self._track_errors.pop(token, None)
        else:
            self._track_errors[token] = error
            self.report(token, RecordingJobState.ERROR, error)

    def clear_track_errors(self) -> None:
        """Withdraw all errors of tracks."""
        self._track_errors.clear()

    def begin(self, token: str) -> None:
        """Report that a track is recorded from now on."""
        self.recorded[token] = None
        self.report(token, *self._recorded_state(None))

    def update_keys(self, entries: Sequence[EncryptionEntry]) -> None:
        """Report for each recorded track the recipients that its key is not wrapped for, if they changed."""
        for token, known in self.recorded.items():
            text = trouble_of(entries, token)
            if text != known:
                self.recorded[token] = text
                self.report(token, *self._recorded_state(text))

    def end(self, fed: Collection[str]) -> None:
        """Report that nothing is recorded any more; ``fed`` are the tracks that still should be."""
        for token in self.recorded:
            if token in fed:
                self.report(token, RecordingJobState.IDLE, None)
        self.recorded.clear()
        self._shortfall = None

    def drop(self, reason: str, samples: int) -> None:
        """Count samples that are lost."""
        if samples:
            self.dropped[reason] += samples

    def note_shortfall(self, samples: int) -> None:
        """Count, log and show in the states of what is recorded from here on that so many samples are missing.

        A Before asked for them, and there was no room to keep them.
        """
        if samples:
            self.dropped[BEYOND_ROOM] += samples
            self._shortfall = f"{samples} samples {BEYOND_ROOM}, are missing"
            _log.warning("%s", self._shortfall)

    def _recorded_state(self, trouble: str | None) -> tuple[RecordingJobState, str | None]:
        if trouble is None and self._shortfall is not None:
            return RecordingJobState.ERROR, f"Recording goes on, but {self._shortfall}"
        return recorded_state(trouble)
